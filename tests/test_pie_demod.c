/* test_pie_demod.c - reader commands out of keyed carriers (the rig's own keyer: straight edges),
 * noise, drift, power-up, cut recordings; one round trip through tx_shape; real recordings. */
#include "dsp/tx_shape.h"
#include "tests/pie_rig.h"

#define QUERY "1000011010000001001101"
#define REP "0000"

static void run_clean(const struct keyed *keyed, double rate_sps, double edge_us)
{
    struct keyed k = *keyed;
    size_t n = (size_t)(rate_sps * 2.2e-3);
    double start_tick = floor(rate_sps * 200e-6) + random_uniform();
    carrier(n, 0.4f);
    key(&k, rate_sps, start_tick, n);
    assert_int_equal(demodulate(rate_sps, n, n, false), 1);
    frame_equal(&frames[0], &k, rate_sps, start_tick, edge_us);
    near(frames[0].carrier_level, 0.4, 0.004);
    near(frames[0].depth_ratio, k.pr_ask ? 1.0 : k.depth_ratio, 0.06);
    double longest_us = (k.data1_tari - k.pw_tari) * k.tari_us;
    double known_us = ((double)frames[0].known_tick - frames[0].end_tick) / rate_sps * 1e6;
    assert_true(known_us > 1.1 * longest_us);
    assert_true(known_us < 1.3 * longest_us + 2.0 + 3e6 / rate_sps);
}

static void pie_demod_reads_every_legal_link(void **state)
{
    (void)state;
    static const double rates_sps[] = {0.4e6, 0.8e6, 1e6, 2e6, 4e6, 7.9e6, 10e6, 20e6, 100e6};
    static const double taris_us[] = {6.25, 12.5, 18.0, 25.0};
    for (size_t r = 0; r < COUNT(rates_sps); r++) {
        for (size_t t = 0; t < COUNT(taris_us); t++) {
            if (0.45 * taris_us[t] * rates_sps[r] < 3e6) {
                continue; /* a PW of fewer than 3 samples says nothing about its edges */
            }
            for (unsigned variant = 0; variant < 8; variant++) {
                struct keyed k = keyed_usual(variant & 1 ? QUERY : REP, taris_us[t],
                                             variant & 1 ? 5.0 * taris_us[t] : 0.0);
                k.data1_tari = variant & 2 ? 1.5 : 2.0;
                k.pw_tari = variant & 4 ? 0.525 : 0.45;
                run_clean(&k, rates_sps[r], 0.05 + 0.2e6 / rates_sps[r]);
            }
        }
    }
}

static void pie_demod_takes_every_tolerance(void **state)
{
    (void)state;
    static const double depths[] = {0.8, 0.9, 1.0};
    static const double rises[] = {0.0, 0.15, 0.33};
    static const double delimiters_us[] = {9.5, 12.5, 15.5};
    static const double pws_tari[] = {0.33, 0.5, 0.525};
    for (unsigned i = 0; i < 3 * 3 * 3 * 3; i++) {
        struct keyed k = keyed_usual(QUERY, i % 2 ? 6.25 : 25.0, 0.0);
        k.trcal_us = 1.1 * 3.0 * k.tari_us;
        k.depth_ratio = depths[i % 3];
        k.rise_tari = rises[i / 3 % 3];
        double slow_us = k.rise_tari * k.tari_us * 1.26; /* a pulse must reach its low level */
        k.delimiter_us = fmax(delimiters_us[i / 9 % 3], slow_us + 1.0);
        k.pw_tari = fmax(pws_tari[i / 27], slow_us / k.tari_us);
        run_clean(&k, 4e6, 0.25);
        k.pr_ask = true;
        run_clean(&k, 4e6, 0.25);
    }
}

static void pie_demod_reads_taris_beyond_the_standard(void **state)
{
    (void)state;
    static const double taris_us[] = {5.3, 27.5};
    for (size_t t = 0; t < 2; t++) {
        struct keyed k = keyed_usual(REP, taris_us[t], 0.0);
        run_clean(&k, 4e6, 0.1);
    }
}

/* 20 dB in the full band: the standard deviation of |x| is 0.07 A. The slowest legal edge passes
 * 0.8 A in 0.33 Tari = 8.25 us; a 1 us average leaves 0.5 us (1 sigma) at 2 MS/s. */
static void pie_demod_reads_at_20_db(void **state)
{
    (void)state;
    static const double rates_sps[] = {1e6, 2e6, 5e6, 20e6};
    for (unsigned i = 0; i < 240; i++) {
        double rate_sps = rates_sps[i % 4];
        struct keyed k = keyed_usual(QUERY, i / 4 % 3 ? (i / 4 % 3 == 1 ? 12.5 : 25.0) : 6.25, 0.0);
        if (rate_sps < 1.5e6 && k.tari_us < 10.0) {
            continue;
        }
        k.trcal_us = 4.0 * k.tari_us;
        k.rise_tari = i / 12 % 2 ? 0.33 : 0.1;
        k.depth_ratio = i / 24 % 2 ? 0.8 : 0.95;
        k.pr_ask = i / 48 % 2;
        size_t n = (size_t)(rate_sps * 2.2e-3);
        double start_tick = floor(rate_sps * 400e-6) + random_uniform();
        carrier(n, 0.4f);
        key(&k, rate_sps, start_tick, n);
        add_noise(n, 0.04);
        assert_int_equal(demodulate(rate_sps, n, n, false), 1);
        bits_equal(&frames[0], k.bits);
        near(frames[0].end_tick, start_tick + k.end_us * 1e-6 * rate_sps,
             fmax(0.5e-6, 0.09e-6 * k.rise_tari * k.tari_us * 3.0) * rate_sps + 0.5);
    }
}

static void pie_demod_survives_tag_modulation_and_drift(void **state)
{
    (void)state;
    double rate_sps = 2e6;
    size_t n = 240000; /* 120 ms; the level wanders by +-15 % with a period of 60 ms */
    carrier(n, 0.5f);
    for (size_t i = 0; i < n; i++) {
        double drift = 1.0 + 0.15 * sin(2.0 * UNITS_PI * (double)i / 120000.0);
        double tag = i / 25 % 2 ? 0.032 : -0.032; /* 40 kHz, 30 dB below, all the time */
        samples[i] *= (float)(drift * (1.0 + tag));
    }
    static char bits[1001];
    for (size_t i = 0; i < 1000; i++) {
        bits[i] = random_uniform() < 0.5 ? '0' : '1';
    }
    struct keyed k = keyed_usual(bits, 25.0, 0.0); /* about 38 ms */
    key(&k, rate_sps, 20000.3, n);
    struct keyed rep = keyed_usual(REP, 25.0, 0.0);
    key(&rep, rate_sps, 130000.6, n);
    key(&rep, rate_sps, 200000.2, n);
    assert_int_equal(demodulate(rate_sps, n, n, false), 3);
    frame_equal(&frames[0], &k, rate_sps, 20000.3, 0.7);
    frame_equal(&frames[1], &rep, rate_sps, 130000.6, 0.4);
    frame_equal(&frames[2], &rep, rate_sps, 200000.2, 0.4);
}

/* Off (noise only), ramps of 1 .. 500 us, a command 300 us later, off again; the second carrier is
 * 26 dB weaker than the first, the third as strong again. */
static void pie_demod_follows_the_carrier_on_and_off(void **state)
{
    (void)state;
    static const double ramps_us[] = {1.0, 50.0, 500.0};
    static const float levels[] = {0.6f, 0.03f, 0.6f};
    double rate_sps = 2e6;
    for (size_t r = 0; r < COUNT(ramps_us); r++) {
        enum { PART = 10000 }; /* 5 ms */
        size_t n = 3 * PART;
        double ramp_ticks = ramps_us[r] * 1e-6 * rate_sps / 0.8;
        carrier(n, 0.0f);
        for (size_t i = 0; i < n; i++) {
            double up = ((double)(i % PART) - 2000.0) / ramp_ticks;
            double down = (8000.0 - (double)(i % PART)) / ramp_ticks;
            double gain = fmax(0.0, fmin(1.0, fmin(up, down)));
            samples[i] = levels[i / PART] * (float)gain;
        }
        struct keyed k[3];
        double start_tick[3];
        for (size_t c = 0; c < 3; c++) {
            k[c] = keyed_usual(QUERY, 25.0, 200.0);
            start_tick[c] = (double)(c * PART) + 2000.0 + ramp_ticks + 600.0 + random_uniform();
            key(&k[c], rate_sps, start_tick[c], n);
        }
        add_noise(n, 0.0003);
        assert_int_equal(demodulate(rate_sps, n, 1000, false), 3);
        for (size_t c = 0; c < 3; c++) {
            frame_equal(&frames[c], &k[c], rate_sps, start_tick[c], 0.2);
            near(frames[c].carrier_level, levels[c], 0.02 * levels[c]);
        }
    }
}

static void pie_demod_starts_anywhere(void **state)
{
    (void)state;
    double rate_sps = 2e6;
    size_t n = 8000;
    struct keyed cut = keyed_usual(QUERY, 25.0, 200.0);
    struct keyed k = keyed_usual("1100110000111100001111", 25.0, 0.0);
    for (size_t skip = 300; skip < 3000; skip += 77) {
        carrier(n, 0.5f);
        key(&cut, rate_sps, 200.0, n);
        key(&k, rate_sps, 3600.4, n);
        memmove(samples, samples + skip, (n - skip) * sizeof *samples);
        size_t n_frames = demodulate(rate_sps, n - skip, 4096, false);
        assert_true(n_frames >= 1);
        frame_equal(&frames[n_frames - 1], &k, rate_sps, 3600.4 - (double)skip, 0.1);
    }
}

static void pie_demod_does_not_depend_on_block_lengths(void **state)
{
    (void)state;
    static const double rates_sps[] = {0.8e6, 3e6, 25e6};
    for (size_t r = 0; r < COUNT(rates_sps); r++) {
        size_t n = (size_t)(rates_sps[r] * 6e-3);
        carrier(n, 0.5f);
        struct keyed k = keyed_usual(QUERY, 12.5, 50.0);
        key(&k, rates_sps[r], rates_sps[r] * 0.5e-3 + 0.3, n);
        key(&k, rates_sps[r], rates_sps[r] * 2.5e-3 + 0.7, n);
        add_noise(n, 0.03);
        for (size_t i = n / 3 * 2; i < n; i++) {
            samples[i] *= i < n / 6 * 5 ? 0.01f : 1.5f;
        }
        key(&k, rates_sps[r], rates_sps[r] * 5.2e-3 + 0.1, n);
        size_t n_frames = demodulate(rates_sps[r], n, 1, true); /* never the fast way */
        struct pie_frame slow[FRAMES_MAX];
        memcpy(slow, frames, sizeof slow);
        assert_true(n_frames >= 3);
        for (size_t block = 7; block < 70000; block *= 5) {
            assert_int_equal(demodulate(rates_sps[r], n, block, true), n_frames);
            for (size_t i = 0; i < n_frames; i++) {
                assert_true(slow[i].start_tick == frames[i].start_tick);
                assert_true(slow[i].end_tick == frames[i].end_tick);
                assert_true(slow[i].known_tick == frames[i].known_tick);
                assert_true(slow[i].carrier_level == frames[i].carrier_level);
                assert_true(slow[i].bits.n_bits == frames[i].bits.n_bits);
            }
        }
    }
}

static void pie_demod_finishes_what_was_cut_off(void **state)
{
    (void)state;
    size_t n = 1200;
    struct keyed k = keyed_usual(REP, 25.0, 0.0);
    carrier(n, 0.5f);
    key(&k, 2e6, 300.0, n);
    size_t end = 300 + (size_t)(k.end_us * 2.0);
    assert_int_equal(demodulate(2e6, end + 10, 64, false), 0);
    assert_int_equal(demodulate(2e6, end + 10, 64, true), 1);
    frame_equal(&frames[0], &k, 2e6, 300.0, 0.1);
    assert_int_equal(demodulate(2e6, end - 5, 64, true), 0);        /* cut inside the last PW */
    assert_int_equal(demodulate(2e6, 300 + 25 + 200, 64, true), 0); /* no bit yet */
}

/* Malformed on purpose: each must vanish, and the command after it must be read. */
static void pie_demod_drops_what_is_no_frame(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 6; variant++) {
        size_t n = 6000;
        struct keyed bad = keyed_usual(REP, 25.0, 0.0);
        struct keyed good = keyed_usual(QUERY, 12.5, 60.0);
        carrier(n, 0.5f);
        bad.delimiter_us = variant == 0 ? 7.5 : variant == 1 ? 18.0 : 12.5;
        bad.data1_tari = variant == 2 ? 0.9 : variant == 3 ? 2.9 : 2.0; /* RTcal 1.9, 3.9 Tari */
        bad.tari_us = variant == 4 ? 31.0 : 25.0;
        bad.bits = variant == 5 ? "" : REP; /* frame-sync and nothing else */
        key(&bad, 2e6, 300.0, n);
        key(&good, 2e6, 3000.0, n);
        assert_int_equal(demodulate(2e6, n, n, true), 1);
        frame_equal(&frames[0], &good, 2e6, 3000.0, 0.1);
    }
}

static void pie_demod_finds_nothing_in_noise(void **state)
{
    (void)state;
    static const double rates_sps[] = {0.4e6, 1e6, 4e6};
    for (size_t r = 0; r < COUNT(rates_sps); r++) {
        for (unsigned turn = 0; turn < 4; turn++) {
            carrier(SAMPLES_MAX, 0.0f);
            add_noise(SAMPLES_MAX, 0.1);
            assert_int_equal(demodulate(rates_sps[r], SAMPLES_MAX, 8192, true), 0);
        }
    }
    carrier(SAMPLES_MAX, 0.0f);
    assert_int_equal(demodulate(2e6, SAMPLES_MAX, 8192, true), 0);
}

static void pie_demod_outlives_values_that_are_no_numbers(void **state)
{
    (void)state;
    size_t n = 8000;
    struct keyed k = keyed_usual(QUERY, 25.0, 200.0);
    carrier(n, 0.5f);
    key(&k, 2e6, 4000.0, n);
    samples[100] = NAN;
    samples[700] = INFINITY;
    samples[701] = -INFINITY * I;
    samples[1500] = 3e38f;
    assert_int_equal(demodulate(2e6, n, 512, false), 1);
    frame_equal(&frames[0], &k, 2e6, 4000.0, 0.1);
}

static void pie_demod_resets_to_a_tick(void **state)
{
    (void)state;
    size_t n = 3000;
    struct keyed k = keyed_usual(REP, 12.5, 0.0);
    struct pie_demod *demod;
    bool found;
    carrier(n, 0.5f);
    key(&k, 2e6, 500.0, n);
    assert_int_equal(pie_demod_new(2e6, &demod), ST_OK);
    assert_int_equal(pie_demod_push(demod, samples, 600, &frames[0], &found), 600);
    pie_demod_reset(demod, 1000000007);
    pie_demod_push(demod, samples, n, &frames[0], &found);
    assert_true(found);
    frame_equal(&frames[0], &k, 2e6, 1000000507.0, 0.1);
    pie_demod_free(&demod);
    assert_null(demod);
}

static void pie_demod_reads_what_tx_shape_sends(void **state)
{
    (void)state;
    static const double rates_sps[] = {1e6, 2e6, 4e6, 10e6};
    static const uint8_t bit[] = {1, 0, 0, 0, 0, 1, 1, 0, 1};
    for (unsigned i = 0; i < 24; i++) {
        double rate_sps = rates_sps[i % 4];
        double tari_us = i / 4 % 3 == 0 ? 6.25 : i / 4 % 3 == 1 ? 12.5 : 25.0;
        struct tx_shape_cfg cfg = {.modulation = (int)(i / 12),
                                   .depth_ratio = 0.95,
                                   .rise_us = NAN,
                                   .amplitude = 0.7,
                                   .ramp_us = 100.0};
        struct link link = {.tari_us = tari_us,
                            .data0_us = tari_us,
                            .data1_us = 1.75 * tari_us,
                            .pw_us = 0.5 * tari_us,
                            .delimiter_us = 12.5,
                            .rtcal_us = 2.75 * tari_us,
                            .trcal_us = 5.0 * tari_us};
        size_t n = (size_t)(rate_sps * 3e-3);
        struct tx_shape_frame sent;
        struct tx_shape *shape;
        assert_int_equal(tx_shape_new(&cfg, rate_sps, &shape), ST_OK);
        tx_shape_carrier_on(shape, 50);
        double start_tick = floor(rate_sps * 1e-3) + 0.1 + 0.03 * i;
        assert_int_equal(
            tx_shape_command(shape, &link, bit, sizeof bit, i % 2 == 0, start_tick, &sent), ST_OK);
        tx_shape_render(shape, samples, n);
        tx_shape_free(&shape);
        assert_int_equal(demodulate(rate_sps, n, 1000, false), 1);
        bits_equal(&frames[0], "100001101");
        near(frames[0].start_tick, sent.start_tick, 0.1e-6 * rate_sps + 0.1);
        near(frames[0].end_tick, sent.end_tick, 0.1e-6 * rate_sps + 0.1);
        near(frames[0].tari_us, tari_us, 0.02 * tari_us);
    }
}

/* Recordings of real readers; truth from the collection's truth.json. */
static size_t recording_read(const char *name, bool complex_samples)
{
    char path[512];
    snprintf(path, sizeof path, "%s/captures/%s.sigmf-data", ZP_SHARED_DIR, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        skip();
    }
    size_t n = 0;
    float part[2] = {0.0f, 0.0f};
    while (n < SAMPLES_MAX && fread(part, sizeof *part, complex_samples ? 2 : 1, file) > 0) {
        samples[n++] = part[0] + I * part[1];
    }
    fclose(file);
    return n;
}

static void pie_demod_reads_a_recorded_singulation(void **state)
{
    (void)state;
    size_t n = recording_read("tash_fm0_40k", false);
    assert_int_equal(demodulate(2e6, n, 4096, true), 3);
    bits_equal(&frames[0], "101010000000000000000000000010001111111000001");
    bits_equal(&frames[1], "1000000000000000010000"); /* DR 8, M 1, Q 0 and its CRC-5 */
    bits_equal(&frames[2], "010010000000011111");     /* ACK 201f */
    near(frames[0].end_tick, 6296, 2.0);
    near(frames[1].end_tick, 8464, 2.0);
    near(frames[2].end_tick, 12470, 2.0);
    near(frames[1].tari_us, 24.0, 0.3);
    near(frames[1].rtcal_us, 72.0, 0.5);
    near(frames[1].trcal_us, 200.0, 2.0);
    assert_false(frames[0].with_preamble);
    assert_true(frames[1].with_preamble);
    assert_false(frames[2].with_preamble);
}

static void pie_demod_reads_five_recorded_power_ups(void **state)
{
    (void)state;
    static const double end_ticks[] = {5351, 10267, 14483, 18609, 23494};
    size_t n = recording_read("bruno_m2_40k_trext1", true);
    assert_int_equal(demodulate(0.8e6, n, 4096, true), 5);
    for (size_t i = 0; i < 5; i++) {
        near(frames[i].end_tick, end_ticks[i], 2.0);
        assert_int_equal(frames[i].bits.n_bits, 22);
        static const uint8_t head[] = {1, 0, 0, 0, 0, 0, 1, 1}; /* Query, DR 8, Miller-2, TRext */
        static const uint8_t code[] = {1, 0, 0, 0};
        assert_memory_equal(frames[i].bits.bit, code, sizeof code);
        assert_memory_equal(frames[i].bits.bit + 5, head + 5, 3);
        assert_true(frames[i].with_preamble);
    }
}

/* Query after Query, 60 us apart: too close for the carrier to be measured in between. Slow edges
 * keep the short high parts below the carrier; that must not add up from frame to frame. */
static void pie_demod_keeps_its_level_through_close_frames(void **state)
{
    (void)state;
    enum { QUERIES = 200, PERIOD = 2400 }; /* 300 us at 8 MS/s */
    const double rate_sps = 8e6;
    const size_t n = QUERIES * PERIOD + 2000;
    carrier(n, 0.35F);
    for (size_t k = 0; k < QUERIES; k++) {
        struct keyed query = keyed_usual("1000100000000010000101", 6.25, 33.33);
        size_t start = 1000 + k * PERIOD;
        query.rise_tari = 0.33;
        key(&query, rate_sps, (double)start, start + PERIOD - 200);
        assert_in_range((int)query.end_us, 225, 245);
    }
    add_noise(n, 0.35 * 0.01);
    struct pie_demod *demod;
    static struct pie_frame frame;
    size_t n_found = 0;
    assert_int_equal(pie_demod_new(rate_sps, &demod), ST_OK);
    for (size_t at = 0; at < n;) {
        bool found;
        at += pie_demod_push(demod, samples + at, n - at, &frame, &found);
        if (found) {
            assert_int_equal(frame.bits.n_bits, 22);
            assert_float_equal(frame.carrier_level, 0.35, 0.02);
            n_found++;
        }
    }
    assert_int_equal(n_found, QUERIES);
    pie_demod_free(&demod);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pie_demod_reads_every_legal_link),
        cmocka_unit_test(pie_demod_takes_every_tolerance),
        cmocka_unit_test(pie_demod_reads_taris_beyond_the_standard),
        cmocka_unit_test(pie_demod_reads_at_20_db),
        cmocka_unit_test(pie_demod_survives_tag_modulation_and_drift),
        cmocka_unit_test(pie_demod_follows_the_carrier_on_and_off),
        cmocka_unit_test(pie_demod_starts_anywhere),
        cmocka_unit_test(pie_demod_does_not_depend_on_block_lengths),
        cmocka_unit_test(pie_demod_finishes_what_was_cut_off),
        cmocka_unit_test(pie_demod_drops_what_is_no_frame),
        cmocka_unit_test(pie_demod_finds_nothing_in_noise),
        cmocka_unit_test(pie_demod_outlives_values_that_are_no_numbers),
        cmocka_unit_test(pie_demod_resets_to_a_tick),
        cmocka_unit_test(pie_demod_reads_what_tx_shape_sends),
        cmocka_unit_test(pie_demod_reads_a_recorded_singulation),
        cmocka_unit_test(pie_demod_reads_five_recorded_power_ups),
        cmocka_unit_test(pie_demod_keeps_its_level_through_close_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
