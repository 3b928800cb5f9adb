/* test_air.c - the simulated air as a whole: replies, channel, noise, converter, determinism. */
#include "air_rig.h"

#include "radio/air/noise.h"

static void ask(struct rig *rig, const struct rig_link *link, const char *bits, bool preamble,
                double listen_us)
{
    rig_command(rig, link, bits, preamble);
    rig_wait(rig, listen_us);
}

/* One tag in every link: RN16, then its EPC with a right CRC-16 after an ACK. */
static void singulate(const struct rig_link *link, double rate_sps)
{
    struct rig rig;
    struct air_cfg cfg = rig_cfg(1);
    rig_open(&rig, &cfg, rate_sps);
    rig_cw(&rig, 2000);
    double tpri_us = 1e3 / link->blf_khz;
    char command[64];
    char levels[8192];
    char bits[256];
    rig_query(link, 0, 0, 0, 0, command);
    double rn16_us = (double)rig_n_levels(link, 16) * tpri_us / 2;
    double t1_us = fmax(link->rtcal_us, 10 * tpri_us);
    ask(&rig, link, command, true, t1_us + rn16_us + 8 * tpri_us);
    struct rig_reply reply = rig_find(&rig);
    assert_true(reply.is_heard);
    assert_true(fabs(reply.start_us - t1_us) < 0.05);
    rig_levels(&rig, &reply, tpri_us / 2, rig_n_levels(link, 16), levels);
    rig_bits(levels, link, 16, bits);
    rig_ack(rig_value(bits, 16), command);
    ask(&rig, link, command, false, t1_us + (double)rig_n_levels(link, 128) * tpri_us / 2 + 50);
    reply = rig_find(&rig);
    assert_true(reply.is_heard);
    rig_levels(&rig, &reply, tpri_us / 2, rig_n_levels(link, 128), levels);
    rig_bits(levels, link, 128, bits);
    assert_int_equal(rig_value(bits, 16), 0x3000);
    assert_int_equal(rig_value(bits + 112, 16), rig_crc16(bits, 112));
    struct air_tag_truth truth;
    air_tag_read(rig.air, 0, &truth);
    assert_int_equal(truth.n_epc_bits, 96);
    for (size_t i = 0; i < 96; i++) {
        assert_int_equal(bits[16 + i] - '0', truth.epc[i / 8] >> (7 - i % 8) & 1);
    }
    assert_int_equal(truth.n_rn16_sent, 1);
    assert_int_equal(truth.n_epc_sent, 1);
    assert_true(fabs(reply.swing / (2.0 * cabs((double _Complex)truth.gain)) - 1.0) < 1e-3);
    rig_close(&rig);
}

static void air_singulates_in_every_link(void **state)
{
    (void)state;
    struct rig_link link = rig_link_a;
    singulate(&link, 2e6);
    link.trext = true;
    singulate(&link, 2e6);
    link = rig_link_b;
    singulate(&link, 10e6);
    for (unsigned n_cycles = 2; n_cycles <= 8; n_cycles *= 2) {
        link = rig_link_c;
        link.n_cycles = n_cycles;
        singulate(&link, 4e6);
        link.trext = true;
        singulate(&link, 4e6);
    }
}

static void air_starts_replies_at_t1(void **state)
{
    (void)state;
    struct rig rig;
    struct air_cfg cfg = rig_cfg(1);
    cfg.t1_jitter_us = 5;
    rig_open(&rig, &cfg, 2e6);
    rig_cw(&rig, 2000);
    char command[64];
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    double least_us = 1e9;
    double most_us = 0;
    for (int i = 0; i < 200; i++) {
        ask(&rig, &rig_link_a, command, true, 1500);
        struct rig_reply reply = rig_find(&rig);
        assert_true(reply.is_heard);
        least_us = fmin(least_us, reply.start_us);
        most_us = fmax(most_us, reply.start_us);
    }
    rig_close(&rig);
    assert_true(least_us > 244.9);
    assert_true(least_us < 245.5);
    assert_true(most_us > 254.5);
    assert_true(most_us < 255.1);
}

/* Rectangular edges on a sample grid that fits Tari, too. */
static void air_takes_rectangular_edges(void **state)
{
    (void)state;
    struct rig rig;
    struct air_cfg cfg = rig_cfg(1);
    rig_open(&rig, &cfg, 2e6);
    rig.edge_us = 1e-6;
    rig_cw(&rig, 2000);
    char command[64];
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    ask(&rig, &rig_link_a, command, true, 1500);
    struct rig_reply reply = rig_find(&rig);
    assert_true(reply.is_heard);
    assert_true(fabs(reply.start_us - 250) <= 0.5);
    rig_close(&rig);
}

static bool is_answered(struct rig *rig)
{
    char command[64];
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    ask(rig, &rig_link_a, command, true, 1500);
    return rig_find(rig).is_heard;
}

/* None, one or both of two tags come after 20 ms, into a carrier that has long been on: nobody answers before, somebody
 * after. */
static void air_lets_tags_come_late(void **state)
{
    (void)state;
    for (int n_late = 0; n_late <= 2; n_late++) {
        struct rig rig;
        struct air_cfg cfg = rig_cfg(2);
        unsigned n_before = 0, n_after = 0;
        cfg.n_late_tags = n_late;
        cfg.late_s = 0.02;
        rig_open(&rig, &cfg, 2e6);
        rig_cw(&rig, 2000);
        for (int k = 0; k < 12; k++) { /* Q = 0: whoever is there answers, two together */
            const bool before = rig.now_us < 16e3;
            const bool after = rig.now_us > 20e3;
            const bool answers = is_answered(&rig);
            n_before += before && answers;
            n_after += after && answers;
        }
        assert_true(rig.now_us > 30e3);
        assert_true(n_late < 2 ? n_before >= 4 : n_before == 0);
        assert_true(n_after >= 2);
        rig_close(&rig);
    }
}

/* Friis at 910 MHz and 2 m: 37.65 dB; 20 + 6 + 2 - 37.65 = -9.65 dBm. */
static void air_wakes_tags_at_their_sensitivity(void **state)
{
    (void)state;
    for (int above = 0; above < 2; above++) {
        struct rig rig;
        struct air_cfg cfg = rig_cfg(1);
        cfg.distance_min_m = cfg.distance_max_m = 2;
        cfg.tag_sensitivity_spread_db = 0;
        cfg.tag_sensitivity_dbm = above ? -9.7 : -9.6;
        rig_open(&rig, &cfg, 2e6);
        rig_cw(&rig, 2000);
        assert_int_equal(is_answered(&rig), above);
        struct air_tag_truth truth;
        air_tag_read(rig.air, 0, &truth);
        assert_true(fabs(truth.power_dbm - -9.65) < 0.01);
        /* two ways and modulation loss, relative to 6 dBm: -9.65 + 8 - 37.65 - 6 - 6 */
        assert_true(fabs(20 * log10(cabs((double _Complex)truth.gain)) - -51.3) < 0.02);
        rig_close(&rig);
    }
}

static void air_power_loss_clears_s0(void **state)
{
    (void)state;
    for (int gap_us = 30; gap_us <= 200; gap_us += 170) {
        struct rig rig;
        struct air_cfg cfg = rig_cfg(1);
        rig_open(&rig, &cfg, 2e6);
        rig_cw(&rig, 2000);
        char bits[256];
        char levels[512];
        assert_true(is_answered(&rig));
        struct rig_reply reply = rig_find(&rig);
        rig_close(&rig);
        /* once more with the ACK in time */
        rig_open(&rig, &cfg, 2e6);
        rig_cw(&rig, 2000);
        rig_query(&rig_link_a, 0, 0, 0, 0, bits);
        ask(&rig, &rig_link_a, bits, true, 250 + 575 + 100);
        reply = rig_find(&rig);
        rig_levels(&rig, &reply, 12.5, 46, levels);
        rig_bits(levels, &rig_link_a, 16, bits);
        char command[32];
        rig_ack(rig_value(bits, 16), command);
        ask(&rig, &rig_link_a, command, false, 250 + 3375 + 100);
        assert_true(rig_find(&rig).is_heard);
        ask(&rig, &rig_link_a, "0000", false, 500); /* flips S0 to B */
        rig_hold(&rig, 0.0, gap_us);                /* the hold capacitor lasts 50 us */
        rig_cw(&rig, 3000);
        rig_run(&rig);
        assert_int_equal(is_answered(&rig), gap_us > 100);
        rig_close(&rig);
    }
}

/* kT0 = -173.98 dBm/Hz; 2 MS/s: -110.97 dBm; F 8 dB: -102.97 dBm; full scale 6 dBm: -108.97 dBFS.
 * Variance of 1e6 samples: 0.1 % standard deviation, limit 4 of them. */
static void air_noise_is_ktbf(void **state)
{
    (void)state;
    const size_t n = 1000000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.noise_figure_db = 8;
    float _Complex *rx = rig_record_cw(&cfg, 0, n, 2e6);
    double theory = 1.380649e-23 * 290 * 2e6 * pow(10, 0.8) * 1e3 / pow(10, 0.6);
    assert_true(fabs(rig_moments_of(rx, n).variance / theory - 1) < 0.004);
    double cross = 0;
    double next = 0;
    for (size_t k = 1; k < n; k++) {
        cross += crealf(rx[k]) * (double)cimagf(rx[k]);
        next += crealf(rx[k]) * (double)crealf(rx[k - 1]);
    }
    assert_true(fabs(cross / (double)n / theory) < 0.5 * 4e-3);
    assert_true(fabs(next / (double)n / theory) < 0.5 * 4e-3);
    free(rx);
}

/* Tails of N(0,1): P(|x| > 4) = 6.334e-5, P(|x| > 5) = 5.733e-7, kurtosis 3 (sd sqrt(24/n)). */
static void air_noise_is_gaussian(void **state)
{
    (void)state;
    static struct noise_table table;
    struct noise_stream stream;
    noise_table_init(&table);
    noise_stream_init(&stream, 11, 1);
    const int n = 20000000;
    double second = 0;
    double fourth = 0;
    double third = 0;
    int n_over[6] = {0};
    for (int i = 0; i < n; i++) {
        double x = (double)noise_gaussian(&table, &stream);
        double square = x * x;
        second += square;
        third += square * x;
        fourth += square * square;
        int size = (int)fabs(x);
        n_over[size < 5 ? size : 5]++;
    }
    assert_true(fabs(second / n - 1) < 4 * sqrt(2.0 / n));
    assert_true(fabs(third / n) < 4 * sqrt(15.0 / n));
    assert_true(fabs(fourth / n - 3) < 4 * sqrt(96.0 / n));
    static const double edge_share[6] = {0.6826894921, 0.2718102456, 0.0428004657,
                                         0.0026364538, 0.0000627688, 5.7330e-7};
    for (int i = 0; i < 6; i++) {
        double expected = n * edge_share[i];
        assert_true(fabs(n_over[i] - expected) < 4 * sqrt(expected) + 1);
    }
}

/* 20 dBm - 20 dB at 6 dBm full scale: -6 dBFS, at amplitude 0.5 another 6.02 dB less. */
static void air_leak_and_dc_have_their_levels(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(0);
    cfg.leak_phase_deg = 90;
    float _Complex *rx = rig_record_cw(&cfg, 0.5, 1000, 2e6);
    double expected = 0.5 * pow(10, -6 / 20.0);
    assert_true(fabs(cimag((double _Complex)rx[999]) - expected) < 1e-5);
    assert_true(fabs(creal((double _Complex)rx[999])) < 1e-5);
    free(rx);
    cfg.dc_offset_dbfs = -40;
    rx = rig_record_cw(&cfg, 0.0, 1000, 2e6);
    assert_true(fabs(cabs((double _Complex)rx[500]) - 0.01) < 1e-6);
    free(rx);
}

/* Noise of 10 steps rms over an 8-bit converter: quantisation adds step^2 / 12 in I and in Q. */
static void air_adc_adds_its_noise(void **state)
{
    (void)state;
    const size_t n = 400000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.noise_figure_db = 8;
    cfg.rx_full_scale_dbm = -75; /* noise well above a step */
    float _Complex *plain = rig_record_cw(&cfg, 0, n, 2e6);
    cfg.adc_bits = 8;
    float _Complex *coded = rig_record_cw(&cfg, 0, n, 2e6);
    double error = 0;
    double step = 2.0 / 256;
    for (size_t k = 0; k < n; k++) {
        double _Complex d = (double _Complex)(coded[k] - plain[k]);
        error += creal(d) * creal(d) + cimag(d) * cimag(d);
        double code = creal((double _Complex)coded[k]) / step;
        assert_true(code == rint(code));
    }
    double theory = 2 * step * step / 12;
    assert_true(fabs(error / (double)n / theory - 1) < 0.01); /* sd 0.06 % */
    free(plain);
    free(coded);
    cfg.leak_db = 20; /* far beyond full scale */
    cfg.leak_phase_deg = 45;
    coded = rig_record_cw(&cfg, 1, 100, 2e6);
    assert_true(crealf(coded[50]) == 1.0f - (float)step);
    free(coded);
}

static void air_offset_turns_without_slips(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(0);
    cfg.carrier_offset_hz = 12345.678;
    const size_t n = 2000000;
    float _Complex *rx = rig_record_cw(&cfg, 1, n, 2e6);
    for (size_t k = 0; k < n; k += 9973) {
        double turns = fmod(12345.678 / 2e6 * (double)k, 1.0);
        double _Complex expected =
            pow(10, -6 / 20.0) * (cos(2 * M_PI * turns) + sin(2 * M_PI * turns) * I);
        assert_true(cabs((double _Complex)rx[k] - expected) < 1e-4);
    }
    free(rx);
}

/* White phase noise of -110 dBc/Hz over 2 MHz: -46.99 dBc around the carrier. */
static void air_phase_noise_has_its_density(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(0);
    cfg.phase_noise_dbc_hz = -110;
    const size_t n = 200000;
    float _Complex *rx = rig_record_cw(&cfg, 1, n, 2e6);
    struct rig_moments m = rig_moments_of(rx, n);
    double dbc = 10 * log10(m.variance / (cabs(m.mean) * cabs(m.mean)));
    assert_true(fabs(dbc - -46.99) < 0.05); /* sd 0.014 dB */
    free(rx);
}

/* The random walk: E |change after 1 s|^2 is -50 dB of the leak; 0.25 s: -56 dB. 300 walks. */
static void air_leak_drifts_as_told(void **state)
{
    (void)state;
    const size_t n = 5000;
    double sum = 0;
    for (int walk = 0; walk < 300; walk++) {
        struct air_cfg cfg = rig_cfg(0);
        cfg.seed = walk;
        cfg.leak_drift_db_per_s = -20;
        float _Complex *rx = rig_record_cw(&cfg, 1, n + 256, 1e6);
        double _Complex change = (double _Complex)(rx[n] - rx[0]);
        sum += creal(change * conj(change)) / pow(10, -0.6);
        free(rx);
    }
    double seconds = (double)n / 1e6;
    double expected = 0.01 * seconds;
    assert_true(fabs(sum / 300 / expected - 1) < 4 / sqrt(300.0) + 0.05);
}

/* Half swing from a noise-free run, noise from a run without tags. */
static void air_ebn0_is_calibrated(void **state)
{
    (void)state;
    static const struct rig_link links[] = {{25, 75, 200, 40, 1, false, false},
                                            {12.5, 37.5, 256.0 / 3, 250, 4, false, true}};
    for (int i = 0; i < 4; i++) {
        const struct rig_link *link = &links[i / 2];
        struct rig rig;
        struct air_cfg cfg = rig_cfg(1);
        cfg.noise_figure_db = 30;
        cfg.ebn0_db = 60; /* far above the noise: one reply gives |h| to 0.01 dB */
        rig_open(&rig, &cfg, 4e6);
        rig.amplitude = i % 2 ? 1.0 : 0.7; /* the carrier's level must not matter */
        rig_cw(&rig, 2000);
        char command[64];
        rig_query(link, 0, 0, 0, 0, command);
        ask(&rig, link, command, true, 1500);
        double t1_us = fmax(link->rtcal_us, 1e4 / link->blf_khz);
        double tpri_us = 1e3 / link->blf_khz;
        double _Complex low = 0;
        double _Complex high = 0;
        int n_low = 0;
        int n_high = 0;
        size_t first = rig_index(&rig, rig.last_rise_us + t1_us);
        struct air_tag_truth truth;
        air_tag_read(rig.air, 0, &truth);
        double _Complex axis = (double _Complex)truth.gain;
        axis /= cabs(axis);
        double _Complex middle = 0;
        size_t n_idle = 0;
        for (size_t k = first - (size_t)(0.3 * t1_us * 4); k < first - 8; k++, n_idle++) {
            middle += (double _Complex)rig.rx[k];
        }
        middle = middle / (double)n_idle + (double _Complex)truth.gain;
        for (size_t k = first; k < first + (size_t)(15 * tpri_us * 4); k++) {
            double along = creal(((double _Complex)rig.rx[k] - middle) * conj(axis)) /
                           cabs((double _Complex)truth.gain);
            if (along > 0.9) {
                high += (double _Complex)rig.rx[k];
                n_high++;
            } else if (along < -0.9) {
                low += (double _Complex)rig.rx[k];
                n_low++;
            }
        }
        assert_true(n_high > 50 && n_low > 50);
        double half = 0.5 * cabs(high / n_high - low / n_low);
        rig_close(&rig);
        cfg.n_tags = 0;
        const size_t n = 1000000;
        float _Complex *noise = rig_record_cw(&cfg, 0, n, 4e6);
        double n0 = rig_moments_of(noise, n).variance / 4e6;
        free(noise);
        double ebn0_db = 10 * log10(half * half * link->n_cycles * tpri_us * 1e-6 / n0);
        assert_true(fabs(ebn0_db - 60) < 0.05);
    }
}

/* Everything that draws or remembers is on; blocks of 1, 7 and 1000 give the same bytes. */
static void air_does_not_see_block_lengths(void **state)
{
    (void)state;
    static const size_t blocks[] = {1000, 1, 7, 4096};
    for (unsigned n_tx = 1; n_tx <= 2; n_tx++) {
        float _Complex *first = NULL;
        for (size_t b = 0; b < 4; b++) {
            struct rig rig;
            struct air_cfg cfg = rig_cfg(30);
            cfg.noise_figure_db = 8;
            cfg.adc_bits = 12;
            cfg.ebn0_db = 20;
            cfg.ebn0_spread_db = 3;
            cfg.leak_drift_db_per_s = -40;
            cfg.carrier_offset_hz = 777;
            cfg.phase_noise_dbc_hz = -120;
            cfg.t1_jitter_us = 1;
            cfg.blf_error_ratio = NAN;
            cfg.blf_drift_ratio = 0.002;
            rig_open(&rig, &cfg, 2e6);
            char command[64];
            rig_cw(&rig, 2000);
            rig_query(&rig_link_a, 0, 0, 0, 3, command);
            rig_command(&rig, &rig_link_a, command, true);
            rig_cw(&rig, 1000);
            rig_hold(&rig, 0.0, 60); /* the field breaks off for a moment */
            rig_cw(&rig, 2000);
            rig_query(&rig_link_c, 0, 0, 0, 2, command);
            rig_command(&rig, &rig_link_c, command, true);
            rig_cw(&rig, 700);
            rig_command(&rig, &rig_link_c, "0000", false);
            rig_cw(&rig, 700);
            rig.block_samples = 1u << 20;
            rig_run(&rig);
            struct air *air;
            assert_int_equal(air_new(&cfg, 2e6, 910e6, n_tx, 1, &air), ST_OK);
            for (size_t k = 0; k < rig.n_samples; k += blocks[b]) {
                size_t n = rig.n_samples - k < blocks[b] ? rig.n_samples - k : blocks[b];
                const float _Complex *tx[] = {rig.tx + k, rig.tx + k};
                float _Complex *rx[] = {rig.rx + k};
                air_step(air, tx, rx, n);
            }
            struct air_tag_truth truth;
            uint64_t n_sent = 0;
            for (size_t i = 0; i < air_n_tags(air); i++) {
                air_tag_read(air, i, &truth);
                n_sent += truth.n_rn16_sent;
            }
            assert_true(n_sent > 3);
            if (b == 0) {
                first = malloc(rig.n_samples * sizeof *first);
                assert_non_null(first);
                memcpy(first, rig.rx, rig.n_samples * sizeof *first);
            }
            assert_memory_equal(first, rig.rx, rig.n_samples * sizeof *first);
            air_free(&air);
            rig_close(&rig);
        }
        free(first);
    }
}

/* One of two transmitters keyed, two receivers: all tags answer, both receivers hear them. */
static void air_serves_several_antennas(void **state)
{
    (void)state;
    struct air_cfg cfg = rig_cfg(20);
    struct air *air;
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 2, 2, &air), ST_OK);
    struct rig rig;
    rig_open(&rig, &cfg, 2e6);
    char command[64];
    rig_cw(&rig, 2000);
    rig_query(&rig_link_a, 0, 0, 0, 0, command);
    rig_command(&rig, &rig_link_a, command, true);
    rig_cw(&rig, 1200);
    rig_run(&rig);
    float _Complex *second = calloc(rig.n_samples, sizeof *second);
    float _Complex *other = malloc(rig.n_samples * sizeof *other);
    assert_true(second && other);
    const float _Complex *tx[] = {rig.tx, second};
    float _Complex *rx[] = {rig.rx, other};
    air_step(air, tx, rx, rig.n_samples);
    assert_true(rig_find(&rig).is_heard);
    memcpy(rig.rx, other, rig.n_samples * sizeof *other);
    assert_true(rig_find(&rig).is_heard);
    struct air_tag_truth truth;
    for (size_t i = 0; i < 20; i++) {
        air_tag_read(air, i, &truth);
        assert_int_equal(truth.n_rn16_sent, 1);
    }
    air_free(&air);
    free(second);
    free(other);
    rig_close(&rig);
}

static bool is_sgtin(const uint8_t *epc)
{
    static const unsigned prefix_bits[7] = {40, 37, 34, 30, 27, 24, 20};
    static const unsigned prefix_digits[7] = {12, 11, 10, 9, 8, 7, 6};
    unsigned filter = epc[1] >> 5;
    unsigned partition = epc[1] >> 2 & 7;
    if (epc[0] != 0x30 || filter < 1 || filter > 3 || partition > 6) {
        return false;
    }
    uint64_t value[2] = {0};
    for (unsigned at = 14; at < 58; at++) {
        unsigned which = at < 14 + prefix_bits[partition] ? 0 : 1;
        value[which] = value[which] << 1 | (epc[at / 8] >> (7 - at % 8) & 1u);
    }
    return (double)value[0] < pow(10, prefix_digits[partition]) &&
           (double)value[1] < pow(10, 13 - prefix_digits[partition]);
}

static int compare_epc(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void air_epcs_are_valid_and_unique(void **state)
{
    (void)state;
    static uint8_t epcs[10000][12];
    for (int scheme = 0; scheme < 2; scheme++) {
        struct air_cfg cfg = rig_cfg(10000);
        cfg.epc_scheme = scheme;
        struct air *air;
        assert_int_equal(air_new(&cfg, 1e6, 910e6, 1, 1, &air), ST_OK);
        for (size_t i = 0; i < 10000; i++) {
            struct air_tag_truth truth;
            air_tag_read(air, i, &truth);
            memcpy(epcs[i], truth.epc, 12);
            assert_true(scheme == 1 || is_sgtin(truth.epc));
            assert_true(truth.power_dbm > -20 + 0.5 + 3); /* the farthest has 3 dB in hand */
        }
        air_free(&air);
        qsort(epcs, 10000, 12, compare_epc);
        for (size_t i = 1; i < 10000; i++) {
            assert_true(memcmp(epcs[i - 1], epcs[i], 12) < 0);
        }
    }
}

static void air_refuses_what_is_out_of_range(void **state)
{
    (void)state;
    struct air *air;
    struct air_cfg cfg = rig_cfg(1);
    assert_int_equal(air_new(&cfg, 0.5e6, 910e6, 1, 1, &air), ST_RANGE);
    assert_int_equal(air_new(&cfg, 2e6, 0, 1, 1, &air), ST_RANGE);
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 0, 1, &air), ST_RANGE);
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 5, &air), ST_RANGE);
    cfg.distance_min_m = 5;
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_RANGE);
    cfg = rig_cfg(1);
    cfg.adc_bits = 20;
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.adc_bits"));
    assert_null(air);
    cfg = rig_cfg(1);
    cfg.tx_power_dbm = NAN;
    assert_int_equal(air_new(&cfg, 2e6, 910e6, 1, 1, &air), ST_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_lets_tags_come_late),
        cmocka_unit_test(air_singulates_in_every_link),
        cmocka_unit_test(air_starts_replies_at_t1),
        cmocka_unit_test(air_takes_rectangular_edges),
        cmocka_unit_test(air_wakes_tags_at_their_sensitivity),
        cmocka_unit_test(air_power_loss_clears_s0),
        cmocka_unit_test(air_noise_is_ktbf),
        cmocka_unit_test(air_noise_is_gaussian),
        cmocka_unit_test(air_leak_and_dc_have_their_levels),
        cmocka_unit_test(air_adc_adds_its_noise),
        cmocka_unit_test(air_offset_turns_without_slips),
        cmocka_unit_test(air_phase_noise_has_its_density),
        cmocka_unit_test(air_leak_drifts_as_told),
        cmocka_unit_test(air_ebn0_is_calibrated),
        cmocka_unit_test(air_does_not_see_block_lengths),
        cmocka_unit_test(air_serves_several_antennas),
        cmocka_unit_test(air_epcs_are_valid_and_unique),
        cmocka_unit_test(air_refuses_what_is_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
