/* test_air_path.c - the path between tags, emitters and receivers of the simulated air: levels and
 * angles as told, motion, fading, further emitters. Theory stands beside each bound. */
#include "air_rig.h"

#include "radio/air/fading.h"

#define LEAK 0.501187234 /* 20 dBm - 20 dB at 6 dBm full scale */

/* A Query in link A into the carrier; the samples up to `listen_us` after it are heard. */
static struct rig_reply query(struct rig *rig, double listen_us)
{
    char command[64];
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    rig_command(rig, &rig_link_a, command, true);
    rig_wait(rig, listen_us);
    return rig_find(rig);
}

/* 2 h out of the first high level of a reply (FM0: the first half symbol, 12.5 us). */
static double _Complex first_high(const struct rig *rig, const struct rig_reply *reply)
{
    size_t at = rig_index(rig, rig->last_rise_us + reply->start_us + 3);
    double _Complex sum = 0;
    for (size_t k = at; k < at + 12; k++) {
        sum += (double _Complex)(rig->rx[k] - reply->idle);
    }
    return sum / 12;
}

/* Half swing at exactly that level and angle, whatever the distance. -90 dB of a leak of -6 dBFS is
 * 1.6e-5, single precision at the leak's level is 3e-8 a sample. */
static void air_path_tags_have_level_and_angle(void **state)
{
    (void)state;
    static const double levels_db[] = {-90, -60, -40, -6};
    static const double angles_deg[] = {0, 90, -135};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct rig rig;
            struct air_cfg cfg = rig_cfg(1);
            cfg.seed = (int64_t)(10 * i + j);
            cfg.leak_phase_deg = 50;
            cfg.tag_level_db = levels_db[i];
            cfg.tag_angle_deg = angles_deg[j];
            rig_open(&rig, &cfg, 2e6);
            rig_cw(&rig, 2000);
            struct rig_reply reply = query(&rig, 1000);
            assert_true(reply.is_heard);
            assert_true(cabs((double _Complex)reply.idle - LEAK * cexp(50 * M_PI / 180 * I)) <
                        1e-6);
            double _Complex ratio = first_high(&rig, &reply) / 2 / (double _Complex)reply.idle;
            assert_true(fabs(20 * log10(cabs(ratio)) - levels_db[i]) < 0.03);
            assert_true(fabs(rig_wrap(carg(ratio) / 2 / M_PI - angles_deg[j] / 360)) < 1e-3);
            rig_close(&rig);
        }
    }
}

/* The angle does not touch the level of the budget; a level holds for every tag. */
static void air_path_level_holds_for_all_tags(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(50);
    cfg.tag_angle_deg = 20;
    struct air *plain, *air;
    struct air_cfg off = rig_cfg(50);
    assert_int_equal(air_new(&off, 2e6, 910e6, 1, 1, &plain), ST_OK);
    for (int with_level = 0; with_level < 2; with_level++) {
        cfg.tag_level_db = with_level ? -30 : NAN;
        assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_OK);
        for (size_t i = 0; i < 50; i++) {
            struct air_tag_truth was, is;
            air_tag_read(plain, i, &was);
            air_tag_read(air, i, &is);
            double expected = with_level ? LEAK * pow(10, -1.5) : cabs((double _Complex)was.gain);
            assert_true(fabs(cabs((double _Complex)is.gain) / expected - 1) < 1e-5);
            assert_true(fabs(rig_wrap(carg((double _Complex)is.gain) / 2 / M_PI - 20 / 360.0)) <
                        1e-5);
            assert_true(is.power_dbm == was.power_dbm);
        }
        air_free(&air);
    }
    air_free(&plain);
}

/* Uniform in dB over 10 dB around the Eb/N0 asked for: mean within 4 sd (10 / sqrt(12 n)), variance
 * 100/12 within 4 sd (sqrt(1/180) 100 / sqrt(n)), all within +-5 dB; a Query alone sets it. */
static void air_path_spread_is_uniform_in_db(void **state)
{
    (void)state;
    const int n = 3000;
    struct rig rig;
    struct air_cfg cfg = rig_cfg((size_t)n);
    cfg.ebn0_db = 15;
    cfg.ebn0_spread_db = 10;
    cfg.noise_figure_db = 8;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 2000);
    char command[64];
    rig_query(&rig_link_a, 0, 0, 0, 15, command);
    rig_command(&rig, &rig_link_a, command, true);
    rig_wait(&rig, 1000);
    double n0 = 1.380649e-23 * 290 * pow(10, 0.8) * 1e3 / pow(10, 0.6);
    double sum = 0;
    double square = 0;
    for (int i = 0; i < n; i++) {
        struct air_tag_truth truth;
        air_tag_read(rig.air, (size_t)i, &truth);
        double h = cabs((double _Complex)truth.gain);
        double ebn0_db = 10 * log10(h * h * 25e-6 / n0);
        assert_true(fabs(ebn0_db - 15) < 5.001);
        sum += ebn0_db - 15;
        square += (ebn0_db - 15) * (ebn0_db - 15);
    }
    assert_true(fabs(sum / n) < 4 * 10 / sqrt(12.0 * n));
    assert_true(fabs(square / n - 100 / 12.0) < 4 * sqrt(1 / 180.0) * 100 / sqrt(n));
    rig_close(&rig);
}

/* 5 m/s at 910 MHz: 2 v f / c = 30.354 Hz. From reply to reply and within one. */
static void air_path_motion_turns_the_reply(void **state)
{
    (void)state;
    struct rig rig;
    struct air_cfg cfg = rig_cfg(1);
    cfg.tag_level_db = -20;
    cfg.tag_speed_mps = 5;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 2000);
    double doppler_hz = 2 * 5 * 910e6 / 299792458.0;
    double last = 0;
    double last_us = 0;
    for (int i = 0; i < 20; i++) {
        struct rig_reply reply = query(&rig, 1500 + 700 * i);
        double turns = carg(first_high(&rig, &reply)) / (2 * M_PI);
        double us = rig.last_rise_us + reply.start_us;
        if (i > 0) {
            assert_true(fabs(rig_wrap(turns - last - doppler_hz * (us - last_us) * 1e-6)) < 1e-3);
        }
        /* before the last change of level, back to idle, the switch reflected */
        double late_us = reply.end_us - rig.last_rise_us - reply.start_us;
        size_t at = rig_index(&rig, reply.end_us - 6);
        double _Complex high = (double _Complex)(rig.rx[at] - reply.idle);
        assert_true(cabs(high) > 0.99 * reply.swing);
        assert_true(fabs(rig_wrap(carg(high) / (2 * M_PI) - turns -
                                  doppler_hz * (late_us - 11) * 1e-6)) < 1e-3);
        last = turns;
        last_us = us;
    }
    rig_close(&rig);
}

#define N_PATHS 4000
#define DOPPLER_HZ 20.0

static double _Complex factor(const struct fading *fading, size_t tag, unsigned receiver,
                              double seconds)
{
    return (double _Complex)fading_at(fading, tag, receiver, (int64_t)llround(seconds * 1e6));
}

/* Over many tags: mean 0, mean power 1, power exponential, autocorrelation J0(2 pi f tau), and
 * nothing in common between receivers or tags. A mean of 4000: 4 sd are 0.063. */
static void air_path_rayleigh_has_its_statistics(void **state)
{
    (void)state;
    static const double delays_s[] = {0.002, 0.005, 0.01, 0.01915, 0.0305, 0.05};
    const double bound = 4 / sqrt(N_PATHS);
    struct fading fading;
    struct air_cfg cfg = rig_cfg(0);
    cfg.fading_doppler_hz = DOPPLER_HZ;
    cfg.fading_k_db = -100;
    fading_init(&fading, &cfg, 1e6, 910e6);
    for (int when = 0; when < 3; when++) {
        double start_s = when * 3600.0;
        double _Complex mean = 0, between_receivers = 0, between_tags = 0;
        double _Complex last = 0, last_second = 0;
        double _Complex later[6] = {0};
        double power = 0;
        int n_deep = 0; /* more than 10 dB below the mean: 1 - exp(-0.1) */
        for (size_t tag = 0; tag < N_PATHS; tag++) {
            double _Complex g = factor(&fading, tag, 0, start_s);
            mean += g;
            power += creal(g * conj(g));
            n_deep += creal(g * conj(g)) < 0.1;
            double _Complex second = factor(&fading, tag, 1, start_s);
            between_receivers += g * conj(second);
            between_tags += g * conj(last) + g * conj(last_second);
            last = g;
            last_second = second;
            for (int i = 0; i < 6; i++) {
                later[i] += factor(&fading, tag, 0, start_s + delays_s[i]) * conj(g);
            }
        }
        assert_true(cabs(mean) / N_PATHS < bound);
        assert_true(fabs(power / N_PATHS - 1) < bound);
        assert_true(fabs(n_deep / (double)N_PATHS - 0.0952) < 4 * 0.0046);
        assert_true(cabs(between_receivers) / N_PATHS < bound);
        assert_true(cabs(between_tags) / N_PATHS < sqrt(2) * bound);
        for (int i = 0; i < 6; i++) {
            double theory = j0(2 * M_PI * DOPPLER_HZ * delays_s[i]);
            assert_true(cabs(later[i] / N_PATHS - theory) < bound);
        }
    }
}

/* K = 6 dB: mean sqrt(K / (K + 1)), variance 1 / (K + 1); and along time for one tag, 60 s of 20 Hz:
 * 16 lines far apart, so the time's mean power is the ensemble's within 2 %. */
static void air_path_rice_has_its_statistics(void **state)
{
    (void)state;
    struct fading fading;
    struct air_cfg cfg = rig_cfg(0);
    cfg.fading_doppler_hz = DOPPLER_HZ;
    cfg.fading_k_db = 6;
    fading_init(&fading, &cfg, 1e6, 910e6);
    double k = pow(10, 0.6);
    double direct = sqrt(k / (k + 1));
    double _Complex mean = 0;
    double variance = 0;
    for (size_t tag = 0; tag < N_PATHS; tag++) {
        double _Complex g = factor(&fading, tag, 2, 12.5);
        mean += g;
        variance += creal((g - direct) * conj(g - direct));
    }
    assert_true(cabs(mean / N_PATHS - direct) < 4 / sqrt(N_PATHS * (k + 1)));
    assert_true(fabs(variance / N_PATHS * (k + 1) - 1) < 4 / sqrt(N_PATHS));
    mean = 0;
    double power = 0;
    for (int i = 0; i < 60000; i++) {
        double _Complex g = factor(&fading, 7, 0, i * 1e-3);
        mean += g;
        power += creal(g * conj(g));
    }
    assert_true(cabs(mean / 60000 - direct) < 0.02);
    assert_true(fabs(power / 60000 - 1) < 0.02);
}

/* Every reply carries the factor of its time, in both receivers; truth says the mean. */
static void air_path_replies_fade(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(1);
    cfg.tag_level_db = -20;
    cfg.fading_doppler_hz = 100;
    cfg.fading_k_db = 0;
    struct fading fading;
    fading_init(&fading, &cfg, 2e6, 910e6);
    struct rig rig;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 2000);
    struct air_tag_truth truth;
    air_tag_read(rig.air, 0, &truth);
    double least = 9;
    double most = 0;
    for (int i = 0; i < 100; i++) {
        struct rig_reply reply = query(&rig, 1500);
        double _Complex swing = first_high(&rig, &reply);
        double tick = (rig.last_rise_us + reply.start_us + 6) * 2;
        double _Complex g = (double _Complex)fading_at(&fading, 0, 0, (int64_t)llround(tick));
        assert_true(cabs(swing / 2 / (double _Complex)truth.gain - g) < 3e-3);
        least = fmin(least, cabs(g));
        most = fmax(most, cabs(g));
    }
    assert_true(least < 0.5 && most > 1.4);
    rig_close(&rig);
}

/* The second receiver hears the tags 4 dB weaker, its leak is as strong, its path phase another. */
static void air_path_channels_differ_in_tag_level(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(1);
    cfg.tag_level_db = -20;
    cfg.channel_tag_db = -4;
    struct rig rig;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 2000);
    query(&rig, 1500);
    float _Complex *rx[] = {rig_samples(rig.n_samples), rig_samples(rig.n_samples)};
    rig_record(&cfg, 2e6, rig.tx, 0, rx, 2, rig.n_samples, 1000);
    double _Complex swing[2];
    for (int j = 0; j < 2; j++) {
        memcpy(rig.rx, rx[j], rig.n_samples * sizeof *rx[j]);
        struct rig_reply reply = rig_find(&rig);
        assert_true(fabs(cabs((double _Complex)reply.idle) / LEAK - 1) < 1e-5);
        swing[j] = first_high(&rig, &reply);
        free(rx[j]);
    }
    assert_true(fabs(20 * log10(cabs(swing[1] / swing[0])) + 4) < 0.01);
    assert_true(fabs(carg(swing[1] / swing[0])) > 0.01);
    rig_close(&rig);
}

/* Without tags: lines at 0, +5 kHz (-6 dB) and, drifting, f t + d t^2 / 2 (-20 dB). */
static void air_path_emitters_have_level_and_offset(void **state)
{
    (void)state;
    const size_t n = 200000; /* 0.1 s */
    struct air_cfg cfg = rig_cfg(0);
    cfg.emitter[0] = (struct air_emitter_cfg){.level_db = -6, .offset_hz = 5000};
    cfg.emitter[1] =
        (struct air_emitter_cfg){.level_db = -20, .offset_hz = -3000, .drift_hz_per_s = 1000};
    float _Complex *rx = rig_record_cw(&cfg, 1, n, 2e6);
    assert_true(fabs(cabs(rig_line(rx, n, 0)) / LEAK - 1) < 0.01); /* the drifting one leaks in */
    double _Complex steady = rig_line(rx, n, 500);
    assert_true(fabs(20 * log10(cabs(steady) / LEAK) + 6) < 0.1);
    double _Complex rest[2] = {0, 0}; /* the drifting one, turned back, by halves of the time */
    for (size_t k = 0; k < n; k++) {
        double t = (double)k / 2e6;
        double turns = -3000 * t + 500 * t * t;
        rest[k >= n / 2] += (double _Complex)rx[k] * cexp(-2 * M_PI * turns * I) / (n / 2.0);
    }
    for (int half = 0; half < 2; half++) {
        assert_true(fabs(20 * log10(cabs(rest[half]) / LEAK) + 20) < 0.3);
    }
    assert_true(fabs(carg(rest[1] / rest[0])) < 0.05);
    /* no carrier of ours: the emitters alone */
    float _Complex *alone = rig_record_cw(&cfg, 0, n, 2e6);
    for (size_t k = 0; k < n; k += 7) {
        assert_true(cabs((double _Complex)(rx[k] - alone[k]) - LEAK) < 1e-6);
    }
    free(rx);
    free(alone);
}

/* Silent 3 ms from 1 ms before each period of 10 ms on, its clock 100 ppm fast, 30 dB further away
 * than the transmitter; ramps of 50 us outside the silence. */
static void air_path_an_emitter_pauses(void **state)
{
    (void)state;
    const size_t n = 2000000; /* 1 s */
    struct air_cfg cfg = rig_cfg(0);
    cfg.emitter[1] = (struct air_emitter_cfg){.level_db = -10,
                                              .offset_hz = 5000,
                                              .period_s = 0.01,
                                              .silent_s = 0.003,
                                              .silent_from_s = -0.001,
                                              .clock_ppm = 100,
                                              .isolation_db = 30};
    float _Complex *rx = rig_record_cw(&cfg, 0, n, 2e6);
    const double full = LEAK * pow(10, -40 / 20.0);
    for (size_t k = 0; k < n; k++) {
        double own_s = (double)k / 2e6 * (1 + 100e-6);
        double since_s = fmod(own_s + 0.001, 0.01); /* of the silence's beginning */
        double level = cabs((double _Complex)rx[k]);
        if (since_s > 1e-6 && since_s < 0.003 - 1e-6) {
            assert_true(level < 1e-3 * full);
        } else if (since_s > 0.003051 && since_s < 0.01 - 51e-6) {
            assert_true(fabs(level / full - 1) < 1e-3);
        } else if (since_s > 0.003024 && since_s < 0.003026) {
            assert_true(fabs(level / full - 0.5) < 0.03);
        }
    }
    free(rx);
    cfg.emitter[1].silent_s = 0.0091;
    struct air *air;
    assert_int_equal(air_new(&cfg, 2e6, 915e6, 1, 1, &air), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.emitter3_silent_s"));
}

/* A tag's reply is s(t) times the whole field: what is heard with the tag less what is heard
 * without it has both carriers at -12 dB to one another, idle (s = -1) and in the reply (s = +-1). */
static void air_path_tags_reflect_every_emitter(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(1);
    cfg.emitter[0] = (struct air_emitter_cfg){.level_db = -12, .offset_hz = 4000};
    struct rig rig;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 10000);
    struct rig_reply reply = query(&rig, 1500);
    (void)reply;
    const size_t n = rig.n_samples;
    struct air_tag_truth truth;
    air_tag_read(rig.air, 0, &truth);
    assert_int_equal(truth.n_rn16_sent, 1);
    float _Complex *rx = rig_samples(n);
    cfg.n_tags = 0;
    rig_record(&cfg, 2e6, rig.tx, 0, &rx, 1, n, n);
    for (size_t k = 0; k < n; k++) {
        rx[k] = rig.rx[k] - rx[k];
    }
    /* 10 ms of carrier: 40 periods of 4 kHz */
    double _Complex own = rig_line(rx + 1000, 18000, 0);
    double _Complex other = rig_line(rx + 1000, 18000, 36);
    assert_true(fabs(cabs(own / (double _Complex)truth.gain) - 1) < 1e-3);
    assert_true(fabs(20 * log10(cabs(other / own)) + 12) < 0.02);
    int n_high = 0;
    int n_low = 0;
    int n_other = 0;
    for (size_t k = rig_index(&rig, rig.last_rise_us + 260); k < n - 1400; k++) {
        double turns = 4000 * ((double)k - 1000) / 2e6;
        double _Complex idle = own + other * cexp(2 * M_PI * turns * I);
        double _Complex s = -(double _Complex)rx[k] / idle;
        if (cabs(s - 1) < 5e-3) {
            n_high++;
        } else if (cabs(s + 1) < 5e-3) {
            n_low++;
        } else {
            n_other++; /* samples that hold an edge */
        }
    }
    assert_true(n_high > 300 && n_low > 300 && n_other < 0.1 * (n_high + n_low));
    free(rx);
    rig_close(&rig);
}

/* At 2 m transmitter 0 gives a tag -9.65 dBm, 0.5 dB too little. An emitter at the same frequency,
 * 14 dB below, adds up in power with any phase: |1 + 0.2 exp(j phi)|^2 > 10^0.05 has
 * cos phi > 0.205, 43 % of the phases. 60 seeds: 26, sd 3.8. */
static void air_path_emitter_powers_tags(void **state)
{
    (void)state;
    for (int with_emitter = 0; with_emitter < 2; with_emitter++) {
        struct air_cfg cfg = rig_cfg(1);
        cfg.distance_min_m = cfg.distance_max_m = 2;
        cfg.tag_sensitivity_spread_db = 0;
        cfg.tag_sensitivity_dbm = -9.65 + 0.5;
        cfg.emitter[0].level_db = with_emitter ? -14 : NAN;
        double n_sent = 0;
        for (cfg.seed = 0; cfg.seed < 60; cfg.seed++) {
            struct rig rig;
            struct air_tag_truth truth;
            rig_open(&rig, &cfg, 2e6);
            rig_cw(&rig, 2000);
            query(&rig, 1500);
            air_tag_read(rig.air, 0, &truth);
            n_sent += (double)truth.n_rn16_sent;
            rig_close(&rig);
        }
        assert_true(with_emitter ? fabs(n_sent - 26) < 4 * 3.8 : n_sent == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_path_tags_have_level_and_angle),
        cmocka_unit_test(air_path_level_holds_for_all_tags),
        cmocka_unit_test(air_path_spread_is_uniform_in_db),
        cmocka_unit_test(air_path_motion_turns_the_reply),
        cmocka_unit_test(air_path_rayleigh_has_its_statistics),
        cmocka_unit_test(air_path_rice_has_its_statistics),
        cmocka_unit_test(air_path_replies_fade),
        cmocka_unit_test(air_path_channels_differ_in_tag_level),
        cmocka_unit_test(air_path_emitters_have_level_and_offset),
        cmocka_unit_test(air_path_an_emitter_pauses),
        cmocka_unit_test(air_path_tags_reflect_every_emitter),
        cmocka_unit_test(air_path_emitter_powers_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
