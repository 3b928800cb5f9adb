/* test_reply_rx_channels.c - the receiver with two channels and with noise that lies in one direction:
 * what combining and whitening gain, against closed forms; what is measured at each channel. */
#include "tests/rx_rig.h"

#include <stdio.h>

#include "config/units.h"

enum { LENGTH_MAX = 240000, FROM_TICK = 1000 };

static struct rig rig;
static struct reply_result result;
static float _Complex sample[LIMIT_RX_CHANNELS][LENGTH_MAX];

struct air {              /* of one channel */
    double _Complex gain; /* half swing of the tag */
    double _Complex leak;
    double sigma;       /* thermal noise, complex standard deviation per sample */
    double phase_sigma; /* the oscillator's phase noise, the same in all channels */
};

static double square(double _Complex z)
{
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

static void open_with(const struct reply_rx_cfg *cfg, unsigned n_channels, const struct link *link,
                      enum reply_kind kind)
{
    reply_rx_free(&rig.rx);
    assert_int_equal(reply_rx_new(cfg, 2e6, n_channels, &rig.rx), ST_OK);
    rig.rate_sps = 2e6;
    rig.link = *link;
    rig.random.state += rig.random.state == 0;
    reply_listen_init(&rig.listen, link, kind, FROM_TICK);
}

/* A new window and a legal reply in it, half swing 1. */
static void window_new(void)
{
    double from_tick = FROM_TICK + ref_uniform(&rig.random);
    size_t n_bits = rig.listen.n_bits;
    reply_listen_init(&rig.listen, &rig.link, rig.listen.kind, from_tick);
    rig.listen.n_bits = n_bits;
    rig_reply(&rig, 1.0);
    rig.reply.gain = 1.0;
    ref_reply_init(&rig.reply);
    rig.n_samples = (size_t)rig.reply.edge[rig.reply.n_levels] + 400;
    assert_true(rig.n_samples <= LENGTH_MAX);
}

/* Amplitude of the thermal noise for this Eb/N0 of a half swing 1. */
static double sigma_of(double ebn0_db)
{
    return sqrt(ref_n0(&rig.reply, ebn0_db) * rig.rate_sps);
}

static void air_fill(const struct air *air, unsigned n_channels, double offset_hz)
{
    static double _Complex wave[LENGTH_MAX];
    memset(wave, 0, sizeof wave);
    ref_reply_add(&rig.reply, 0, wave, rig.n_samples);
    for (size_t k = 0; k < rig.n_samples; k++) {
        double phase = sqrt(2.0) * creal(ref_normal(&rig.random));
        double _Complex turn = cexp(I * (2.0 * UNITS_PI * offset_hz / rig.rate_sps * (double)k));
        for (unsigned c = 0; c < n_channels; c++) {
            double _Complex x = air[c].leak * (1.0 + I * air[c].phase_sigma * phase);
            x = (x + air[c].gain * wave[k]) * turn + air[c].sigma * ref_normal(&rig.random);
            sample[c][k] = (float _Complex)x;
        }
    }
}

/* Push in blocks (0: random ones).  out true: over by itself */
static bool window_run(size_t block, struct reply_result *out)
{
    memset(out, 0, sizeof *out);
    reply_rx_begin(rig.rx, &rig.listen);
    int64_t promise = reply_listen_not_before(&rig.listen, rig.rate_sps);
    for (size_t at = 0; at < rig.n_samples;) {
        int64_t now = reply_rx_not_before(rig.rx);
        promise = now > promise ? now : promise;
        size_t n = block ? block : 1 + (size_t)ref_between(&rig.random, 0.0, 500.0);
        n = n < rig.n_samples - at ? n : rig.n_samples - at;
        const float _Complex *const channels[] = {sample[0] + at, sample[1] + at};
        bool over = reply_rx_push(rig.rx, channels, n, (int64_t)at, out);
        at += n;
        if (over) {
            assert_true(out->ready_tick >= promise);
            assert_true(out->ready_tick <= (int64_t)at);
            return true;
        }
    }
    reply_rx_cut(rig.rx, out);
    return false;
}

static void expect_read(const char *what)
{
    if (!window_run(0, &result) || !rig_is_right(&rig, &result)) {
        fail_msg("%s: m %u, verdict %d, cause %s, fit %.3f, score %.1f, snr %.1f", what,
                 rig.link.m_cycles, result.verdict, reply_cause_text[result.cause],
                 result.fit_ratio, result.score_nats, result.snr_db);
    }
}

/* Maximum ratio: signal-to-noise ratios add up, 3.0 dB for two equal channels; each channel's gain is
 * told as it is, whatever its noise. */
static void reply_rx_channels_add_up(void **unused)
{
    (void)unused;
    static const double other_db[] = {0.0, -3.0, 6.0, -20.0};
    enum { WINDOWS = 25 };
    struct reply_rx_cfg cfg = rig_cfg();
    for (unsigned l = 0; l < 8; l++) {
        struct link link = rig_link(160e3, l % 3, l / 4);
        open_with(&cfg, 2, &link, REPLY_KIND_EPC);
        double mean = 0.0, total = 10.0 * log10(1.0 + pow(10.0, other_db[l % 4] / 10.0));
        for (unsigned k = 0; k < WINDOWS; k++) {
            window_new();
            struct air air[LIMIT_RX_CHANNELS];
            for (unsigned c = 0; c < 2; c++) { /* equal swing or equal noise */
                double step = c ? pow(10.0, other_db[l % 4] / 20.0) : 1.0;
                double angle = ref_between(&rig.random, 0.0, 6.28);
                air[c] = (struct air){.gain = 0.01 * (k % 2 ? step : 1.0) * cexp(I * angle),
                                      .leak = 0.1 * ref_normal(&rig.random),
                                      .sigma = 0.01 * sigma_of(16.0) / (k % 2 ? 1.0 : step)};
            }
            air_fill(air, 2, 0.0);
            expect_read("two channels");
            mean += (result.snr_db - 16.0) / WINDOWS;
            for (unsigned c = 0; c < 2; c++) {
                double ebn0 = square(air[c].gain) / square(air[c].sigma) * square(sigma_of(0.0));
                double sigma = 1.0 / sqrt(2.0 * 128.0 * ebn0); /* each way */
                assert_true(cabs(result.channel_gain[c] / air[c].gain - 1.0) < 6.0 * sigma + 0.01);
            }
            assert_true(result.gain == result.channel_gain[0]);
        }
        printf("m %u, other channel %+.0f dB: gain %.2f dB (theory %.2f)\n", link.m_cycles,
               other_db[l % 4], mean, total);
        assert_float_equal(mean, total, 0.45); /* noise is known to 0.5 dB a window */
    }
}

/* Share of lost RN16 over `windows`, air scaled so that theory says `ebn0_db` in all. */
static double losses(unsigned windows, unsigned n_channels, const struct air *like,
                     double thermal_db)
{
    double lost = 0.0;
    for (unsigned k = 0; k < windows; k++) {
        window_new();
        struct air air[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < n_channels; c++) {
            air[c] = like[c];
            air[c].sigma *= sigma_of(thermal_db);
            air[c].phase_sigma *= sigma_of(thermal_db);
        }
        air_fill(air, n_channels, 0.0);
        lost += !(window_run(0, &result) && rig_is_right(&rig, &result)) / (double)windows;
    }
    return lost;
}

/* Two channels of 4.5 dB each read as one of 7.5 dB does. */
static void reply_rx_channels_lose_what_theory_says(void **unused)
{
    (void)unused;
    enum { WINDOWS = 300 };
    struct reply_rx_cfg cfg = rig_cfg();
    struct link link = rig_link(160e3, LINK_FM0, false);
    open_with(&cfg, 2, &link, REPLY_KIND_RN16);
    const struct air air[] = {{.gain = 0.01, .leak = 0.1, .sigma = 0.01},
                              {.gain = 0.02 * cexp(2.0 * I), .leak = 0.1 * I, .sigma = 0.02}};
    double share = losses(WINDOWS, 2, air, 4.5);
    double bound = ref_fm0_per(4.5 + 3.01 - 0.8, 16); /* 0.3 to 0.5 dB for start, clock, channel */
    printf("two channels of 4.5 dB: %.4f of RN16 lost (ideal %.4f, 0.8 dB off %.4f)\n", share,
           ref_fm0_per(7.51, 16), bound);
    assert_true(share < bound + 3.0 * sqrt(bound / WINDOWS));
}

/* A channel without antenna, silent or noisy, is as if it were not there. */
static void reply_rx_channels_may_be_dead(void **unused)
{
    (void)unused;
    struct reply_rx_cfg cfg = rig_cfg();
    struct link link = rig_link(160e3, LINK_M4, false);
    open_with(&cfg, 2, &link, REPLY_KIND_EPC);
    for (unsigned k = 0; k < 24; k++) {
        window_new();
        struct air alive = {.gain = 0.01, .leak = 0.1, .sigma = 0.01 * sigma_of(16.0)};
        struct air dead = {.leak = k % 3 ? 0.1 : 0.0, .sigma = k % 3 == 2 ? 0.1 : 0.0};
        unsigned at = k / 3 % 2;
        air_fill(at ? (struct air[]){dead, alive} : (struct air[]){alive, dead}, 2, 0.0);
        expect_read("dead channel");
        assert_float_equal(result.snr_db, 16.0, 2.0);
        assert_true(cabs(result.channel_gain[at] / alive.gain - 1.0) < 0.1);
        assert_true(cabsf(result.channel_gain[!at]) < 0.05);
    }
}

/* Noise 20 dB stronger along the leak's quadrature. With the tag at an angle to it, Eb/N0 is that of
 * thermal noise times sin^2 + cos^2 / 101 (limits.md 4). */
static void reply_rx_looks_past_phase_noise(void **unused)
{
    (void)unused;
    static const double angles_deg[] = {90.0, 60.0, 45.0, 30.0, 10.0, 0.0};
    enum { WINDOWS = 16 };
    struct reply_rx_cfg cfg = rig_cfg();
    for (unsigned l = 0; l < 12; l++) {
        double angle = angles_deg[l % 6] * UNITS_PI / 180.0;
        double eff = pow(sin(angle), 2) + pow(cos(angle), 2) / 101.0;
        double thermal_db = 16.0 - 10.0 * log10(eff), mean = 0.0, spread = 0.0, axis = 0.0;
        struct link link = rig_link(l / 6 ? 160e3 : 40e3, l % 3, false);
        open_with(&cfg, 1, &link, REPLY_KIND_EPC);
        for (unsigned k = 0; k < WINDOWS; k++) {
            window_new();
            double _Complex unit = cexp(I * ref_between(&rig.random, 0.0, 6.28));
            double sigma = 0.001 * sigma_of(thermal_db);
            double side = k % 2 ? angle : -angle; /* the noise lies along j leak */
            struct air air = {.leak = 0.3 * unit,
                              .gain = 0.001 * unit * I * cexp(I * side),
                              .sigma = sigma,
                              .phase_sigma = sqrt(0.5 * 100.0) * sigma / 0.3};
            air_fill(&air, 1, 0.0);
            expect_read("phase noise");
            mean += (result.snr_db - 16.0) / WINDOWS;
            spread += result.trace.noise_spread_db / WINDOWS;
            axis += result.trace.noise_axis_deg / WINDOWS;
            double one_way = 1.0 / sqrt(2.0 * 128.0 * pow(10.0, 1.6)); /* at 16 dB */
            double worst = sqrt(101.0 * eff); /* along the noise it is known that much less well */
            double error = cabs(result.gain / air.gain - 1.0);
            if (error > 5.0 * one_way * worst + 0.01) {
                fail_msg("gain off by %.3f at %.0f deg", error, angles_deg[l % 6]);
            }
        }
        printf("m %u, tag %2.0f deg off the noise: Eb/N0 %+.2f dB off theory, spread %.1f dB, axis "
               "%.1f deg\n",
               link.m_cycles, angles_deg[l % 6], mean, spread, axis);
        assert_float_equal(mean, 0.0, 0.6);
        assert_float_equal(spread, 10.0 * log10(101.0), 0.8);
        assert_float_equal(axis, angles_deg[l % 6], 8.0); /* folded at both ends */
    }
}

/* Losses at an effective 7.5 dB are those of 7.5 dB; without whitening nothing is read. */
static void reply_rx_loses_to_phase_noise_what_theory_says(void **unused)
{
    (void)unused;
    static const double angles_deg[] = {90.0, 45.0, 25.0};
    enum { WINDOWS = 300 };
    struct link link = rig_link(160e3, LINK_FM0, false);
    for (unsigned l = 0; l < 4; l++) {
        struct reply_rx_cfg cfg = rig_cfg();
        cfg.whiten = l < 3;
        open_with(&cfg, 1, &link, REPLY_KIND_RN16);
        double angle = angles_deg[l % 3] * UNITS_PI / 180.0;
        double eff = pow(sin(angle), 2) + pow(cos(angle), 2) / 101.0;
        struct air air = {.leak = 0.3,
                          .gain = 0.001 * I * cexp(I * angle),
                          .sigma = 0.001,
                          .phase_sigma = sqrt(50.0) * 0.001 / 0.3};
        unsigned windows = cfg.whiten ? WINDOWS : 40;
        double share = losses(windows, 1, &air, 7.5 - 10.0 * log10(eff));
        double bound = ref_fm0_per(7.5 - 0.8, 16);
        printf("%s, %.0f deg: %.4f of RN16 lost (ideal %.4f, 0.8 dB off %.4f)\n",
               cfg.whiten ? "whitened" : "as it is", angles_deg[l % 3], share, ref_fm0_per(7.5, 16),
               bound);
        if (cfg.whiten) {
            assert_true(share < bound + 3.0 * sqrt(bound / WINDOWS));
        } else {
            assert_true(share > 0.9);
        }
    }
}

/* The same oscillator in both channels: covariance v/2 (1 + u u'), its inverse by Sherman-Morrison
 * tells the Eb/N0 that is left. */
static void reply_rx_looks_past_shared_phase_noise(void **unused)
{
    (void)unused;
    enum { WINDOWS = 30 };
    struct reply_rx_cfg cfg = rig_cfg();
    struct link link = rig_link(40e3, LINK_FM0, false);
    open_with(&cfg, 2, &link, REPLY_KIND_EPC);
    double mean = 0.0, square_sum = 0.0, n = 0.0;
    for (unsigned k = 0; k < WINDOWS; k++) {
        window_new();
        double sigma = 0.001 * sigma_of(20.0), own = 0.0, cross = 0.0, norm = 0.0;
        struct air air[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < 2; c++) {
            air[c] = (struct air){.leak = 0.3 * cexp(I * ref_between(&rig.random, 0.0, 6.28)),
                                  .gain = 0.001 * cexp(I * ref_between(&rig.random, 0.0, 6.28)),
                                  .sigma = sigma,
                                  .phase_sigma = sqrt(50.0) * sigma / 0.3};
            double _Complex u = 10.0 * I * air[c].leak / 0.3, s = air[c].gain / 0.001;
            own += square(s);
            cross += creal(conj(u) * s);
            norm += square(u);
        }
        double theory_db = 20.0 + 10.0 * log10(own - cross * cross / (1.0 + norm));
        if (theory_db < 14.0) {
            continue; /* both channels' tags along the noise */
        }
        air_fill(air, 2, 0.0);
        expect_read("shared phase noise");
        n++;
        double off = result.snr_db - theory_db;
        mean += off;
        square_sum += off * off;
        for (unsigned c = 0; c < 2; c++) {
            assert_true(cabs(result.channel_gain[c] / air[c].gain - 1.0) < 0.35);
        }
    }
    mean /= n;
    square_sum /= n;
    assert_true(n > 0.6 * WINDOWS);
    printf("shared phase noise: Eb/N0 %+.2f dB off theory, spread %.2f dB\n", mean,
           sqrt(square_sum - mean * mean));
    assert_float_equal(mean, 0.0, 0.3);
    assert_true(square_sum < 0.7 * 0.7);
}

/* Bistatic with two channels or with noise to look past: what the quiet cannot tell of the offset
 * turns the leak, in each channel its own, along the very direction that phase noise has. */
static void reply_rx_channels_follow_carrier_offset(void **unused)
{
    (void)unused;
    unsigned n_lost[3] = {0};
    enum { WINDOWS = 40 };
    for (unsigned l = 0; l < 3; l++) {
        unsigned n_channels = l == 0 ? 1 : 2;
        struct reply_rx_cfg cfg = rig_cfg();
        struct link link = rig_link(40e3, LINK_FM0, false);
        open_with(&cfg, n_channels, &link, REPLY_KIND_EPC);
        for (unsigned k = 0; k < WINDOWS; k++) {
            window_new();
            struct air air[LIMIT_RX_CHANNELS];
            for (unsigned c = 0; c < 2; c++) {
                double strong = l == 2 && c == 0 ? 0.05 : 1.0; /* l = 2: the first hears little */
                air[c] = (struct air){
                    .leak = 0.4 * strong * cexp(I * ref_between(&rig.random, 0.0, 6.28)),
                    .gain = 0.004 * strong * cexp(I * ref_between(&rig.random, 0.0, 6.28)),
                    .sigma = 0.004 * sigma_of(l == 1 ? 9.0 : 12.0)};
            }
            air_fill(air, n_channels, ref_between(&rig.random, 500.0, 4500.0));
            n_lost[l] += !(window_run(0, &result) && rig_is_right(&rig, &result));
        }
    }
    printf("lost with carrier offset, of %d: %u one channel, %u two, %u two of which one is weak\n",
           WINDOWS, n_lost[0], n_lost[1], n_lost[2]);
    assert_int_equal(n_lost[0], 0);
    assert_int_equal(n_lost[1], 0);
    assert_int_equal(n_lost[2], 0);
}

static void expect_equal_results(const struct reply_result *a, const struct reply_result *b)
{
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->cause, b->cause);
    assert_int_equal(a->bits.n_bits, b->bits.n_bits);
    assert_memory_equal(a->bits.bit, b->bits.bit, a->bits.n_bits);
    assert_memory_equal(&a->start_tick, &b->start_tick,
                        offsetof(struct reply_result, clipped) -
                            offsetof(struct reply_result, start_tick));
    assert_memory_equal(&a->trace, &b->trace, offsetof(struct reply_trace, tone));
    assert_int_equal(a->trace.n_errors, b->trace.n_errors);
    assert_memory_equal(a->trace.error_bit, b->trace.error_bit, sizeof a->trace.error_bit);
}

/* Two channels, weak to strong or empty, phase noise and offset: the same to the bit however cut, and
 * ready_tick is honest. */
static void reply_rx_channels_are_independent_of_blocks(void **unused)
{
    (void)unused;
    static struct reply_result other;
    static const size_t blocks[] = {1, 37, 0};
    struct reply_rx_cfg cfg = rig_cfg();
    for (unsigned k = 0; k < 24; k++) {
        struct link link = rig_link(k % 3 ? 160e3 : 40e3, k / 3 % 4, k / 12 % 2);
        open_with(&cfg, 2, &link, k % 5 ? REPLY_KIND_EPC : REPLY_KIND_RN16);
        window_new();
        double sigma = 0.01 * sigma_of(ref_between(&rig.random, 0.0, 15.0));
        struct air air[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < 2; c++) {
            air[c] = (struct air){.gain = (k % 7 ? 0.01 : 0.0) * ref_normal(&rig.random),
                                  .leak = 0.3 * ref_normal(&rig.random),
                                  .sigma = sigma,
                                  .phase_sigma = k % 4 == 1 ? 10.0 * sigma : 0.0};
        }
        air_fill(air, 2, k % 4 == 2 ? 900.0 : 0.0);
        bool over = window_run(rig.n_samples, &result);
        for (unsigned b = 0; b < 3; b++) {
            assert_int_equal(window_run(blocks[b], &other), over);
            expect_equal_results(&result, &other);
        }
        for (size_t n = (size_t)result.ready_tick; over && n < rig.n_samples; n++) {
            sample[0][n] = 3.0F;
            sample[1][n] = -2.0F * I;
        }
        if (over) {
            assert_true(window_run(0, &other));
            expect_equal_results(&result, &other);
        }
    }
}

/* Empty slots with two channels: as rarely taken for a reply as with one; how many get a second look
 * is what dsp.false_alarm_ratio says. */
static void reply_rx_channels_hear_nothing_in_noise(void **unused)
{
    (void)unused;
    enum { WINDOWS = 300 };
    struct reply_rx_cfg cfg = rig_cfg();
    struct link link = rig_link(160e3, LINK_FM0, false);
    for (unsigned n_channels = 1; n_channels <= 2; n_channels++) {
        unsigned n_false = 0, n_unreadable = 0, n_looks = 0;
        open_with(&cfg, n_channels, &link, REPLY_KIND_RN16);
        for (unsigned k = 0; k < WINDOWS; k++) {
            window_new();
            const struct air air[] = {{.leak = 0.1, .sigma = 1e-3}, {.leak = 0.2, .sigma = 1e-3}};
            air_fill(air, n_channels, 0.0);
            assert_true(window_run(0, &result));
            n_false += result.verdict == REPLY_DECODED;
            n_unreadable += result.verdict == REPLY_UNREADABLE;
            n_looks += result.trace.preamble_nats >= result.trace.gate_nats;
        }
        printf("%u channels: %u false, %u unreadable, %u second looks in %d empty slots\n",
               n_channels, n_false, n_unreadable, n_looks, WINDOWS);
        assert_in_range(n_false, 0, 1);
        assert_in_range(n_unreadable, 0, 4);
        assert_true(n_looks < 2.2 * cfg.false_alarm_ratio * WINDOWS);
    }
}

/* The widest margin the option allows: the search then begins before the command has ended. */
static void reply_rx_takes_the_widest_margin(void **unused)
{
    (void)unused;
    struct reply_rx_cfg cfg = rig_cfg();
    for (unsigned k = 0; k < 40; k++) {
        cfg.start_margin_tpri = 20.0 * ref_uniform(&rig.random);
        struct link link = rig_link(k % 3 ? 160e3 : 40e3, k % 4, false);
        open_with(&cfg, 1 + k / 4 % 2, &link, REPLY_KIND_RN16);
        window_new();
        struct air air = {.leak = 0.1, .gain = 0.01 * (k % 2), .sigma = 0.01 * sigma_of(12.0)};
        air_fill((struct air[]){air, air}, 2, 0.0);
        window_run(0, &result);
    }
}

/* As many bits as any reply may have, from a tag that falls silent after 500; and a single bit. */
static void reply_rx_takes_any_reply_length(void **unused)
{
    (void)unused;
    static const double blfs_hz[] = {400e3, 400e3, 40e3};
    struct reply_rx_cfg cfg = rig_cfg();
    for (unsigned k = 0; k < 6; k++) {
        int m = k % 3 ? LINK_M8 : LINK_FM0;
        struct link link = rig_link(blfs_hz[k % 3], m, false);
        open_with(&cfg, 1 + k / 3, &link, REPLY_KIND_FIXED);
        rig.listen.n_bits = k % 3 == 2 ? 60 : 500;
        struct reply_listen as_sent = rig.listen;
        window_new();
        struct air air = {.leak = 0.1, .gain = 0.01, .sigma = 0.01 * sigma_of(16.0)};
        rig.n_samples = LENGTH_MAX;
        air_fill((struct air[]){air, air}, 2, 0.0);
        rig.listen.n_bits = LIMIT_BITS;
        bool over = window_run(0, &result);
        assert_true(over == (k % 3 < 2));
        assert_int_equal(result.cause, over ? REPLY_CAUSE_NONE : REPLY_CAUSE_CUT);
        assert_true(result.verdict == REPLY_DECODED || !over);
        if (over) {
            assert_int_equal(result.bits.n_bits, LIMIT_BITS);
            assert_memory_equal(result.bits.bit, rig.bits.bit, as_sent.n_bits);
        }
    }
    for (unsigned k = 0; k < 16; k++) {
        struct link link = rig_link(160e3, k % 4, k / 4 % 2);
        open_with(&cfg, 1 + k / 8, &link, REPLY_KIND_FIXED);
        rig.listen.n_bits = 1;
        window_new();
        struct air air = {.leak = 0.1, .gain = 0.01, .sigma = 0.01 * sigma_of(18.0)};
        air_fill((struct air[]){air, air}, 2, 0.0);
        expect_read("one bit");
    }
}

/* Errors on the air, as the trace tells them once the CRC is right: each bit once, ascending. */
static void reply_rx_traces_each_error_once(void **unused)
{
    (void)unused;
    struct reply_rx_cfg cfg = rig_cfg();
    cfg.false_read_ratio = 1e-3;
    struct link link = rig_link(160e3, LINK_FM0, false);
    open_with(&cfg, 1, &link, REPLY_KIND_EPC);
    unsigned n_mended = 0;
    for (unsigned k = 0; k < 150; k++) {
        window_new();
        struct air air = {.leak = 0.1, .gain = 0.01, .sigma = 0.01 * sigma_of(6.3)};
        air_fill(&air, 1, 0.0);
        if (!window_run(0, &result) || !rig_is_right(&rig, &result)) {
            continue;
        }
        n_mended += result.trace.n_list_tried > 0;
        unsigned n = result.trace.n_errors;
        for (unsigned j = 1; j < n && j < REPLY_ERRORS_MAX; j++) {
            assert_true(result.trace.error_bit[j] > result.trace.error_bit[j - 1]);
        }
    }
    printf("%u of 150 mended by the list\n", n_mended);
    assert_true(n_mended > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_rx_channels_add_up),
        cmocka_unit_test(reply_rx_channels_lose_what_theory_says),
        cmocka_unit_test(reply_rx_channels_may_be_dead),
        cmocka_unit_test(reply_rx_looks_past_phase_noise),
        cmocka_unit_test(reply_rx_loses_to_phase_noise_what_theory_says),
        cmocka_unit_test(reply_rx_looks_past_shared_phase_noise),
        cmocka_unit_test(reply_rx_channels_follow_carrier_offset),
        cmocka_unit_test(reply_rx_channels_are_independent_of_blocks),
        cmocka_unit_test(reply_rx_channels_hear_nothing_in_noise),
        cmocka_unit_test(reply_rx_takes_the_widest_margin),
        cmocka_unit_test(reply_rx_takes_any_reply_length),
        cmocka_unit_test(reply_rx_traces_each_error_once),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    reply_rx_free(&rig.rx);
    return n_failed;
}
