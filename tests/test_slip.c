/* test_slip.c - clock tracking against a made-up keyed carrier whose clock is known: acquisition over
 * the whole spread, accuracy at several SNRs, slide, gaps, other people's commands, lost receivers.
 * The waveform is written from the fact sheet alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/slip.h"
#include "tests/ref_noise.h"

#define RATE_SPS 2e6
#define PW_US 12.5
#define EDGE_US 8.0 /* whole width, straight */

struct scene {
    double offset, clock_ratio; /* receive tick = transmit tick (1 + clock_ratio) + offset */
    double amplitude, depth, turn_hz, sigma;
    double edge_us;
    struct ref_noise noise;
};

/* Delimiter, data-0, RTcal and bits that alternate, Tari 25 us; 2 n_bits + 6 edges. */
static void command_edges(struct pie_edges *edges, size_t n_bits)
{
    double at_us = 12.5;
    edges->us[0] = 0.0;
    edges->us[1] = at_us;
    edges->n_edges = 2;
    for (size_t k = 0; k < n_bits + 2; k++) {
        double length_us = k == 0 ? 25.0 : k == 1 ? 75.0 : k % 2 ? 50.0 : 25.0;
        edges->us[edges->n_edges++] = at_us + length_us - PW_US;
        edges->us[edges->n_edges++] = at_us + length_us;
        at_us += length_us;
    }
}

/* The envelope `us` after the command's first falling edge. */
static double envelope(const struct pie_edges *edges, double us, const struct scene *scene)
{
    double level = 1.0;
    for (size_t k = 0; k < edges->n_edges; k++) {
        double share = (us - edges->us[k]) / scene->edge_us + 0.5;
        share = share < 0.0 ? 0.0 : share > 1.0 ? 1.0 : share;
        level += (k % 2 ? scene->depth : -scene->depth) * share;
    }
    return level;
}

/* Receive samples first .. first + n; commands at start_tick[n_commands] (transmit clock). */
static void hear(struct scene *scene, const struct pie_edges *edges, const double *start_tick,
                 size_t n_commands, int64_t first, size_t n, float _Complex *sample)
{
    for (size_t k = 0; k < n; k++) {
        double rx_tick = (double)(first + (int64_t)k);
        double tx_tick = (rx_tick - scene->offset) / (1.0 + scene->clock_ratio);
        double level = tx_tick < 0.0 ? 0.0 : scene->amplitude;
        for (size_t c = 0; c < n_commands && level > 0.0; c++) {
            double us = (tx_tick - start_tick[c]) * 1e6 / RATE_SPS;
            if (us > -20.0 && us < edges->us[edges->n_edges - 1] + 20.0) {
                level *= envelope(edges, us, scene);
            }
        }
        double phase = 2.0 * M_PI * fmod(scene->turn_hz * rx_tick / RATE_SPS, 1.0);
        sample[k] = (float)(level * cos(phase)) + (float)(level * sin(phase)) * I;
    }
    if (scene->sigma > 0.0) {
        for (size_t k = 0; k < n; k++) {
            float _Complex noise;
            ref_noise_draw(&scene->noise, &noise, 1);
            sample[k] += (float)scene->sigma * noise;
        }
    }
}

static struct scene scene_of(double offset, double clock_ratio, double snr_db, uint64_t seed)
{
    struct scene scene = {.offset = offset,
                          .clock_ratio = clock_ratio,
                          .amplitude = 0.01,
                          .depth = 0.95,
                          .turn_hz = -915e6 * clock_ratio,
                          .edge_us = EDGE_US,
                          .sigma = isinf(snr_db) ? 0.0 : 0.01 * pow(10.0, -snr_db / 20.0)};
    ref_noise_init(&scene.noise, seed);
    return scene;
}

static struct slip *slip_made(double spread_us)
{
    struct slip *slip;
    const struct slip_cfg cfg = {.rate_sps = RATE_SPS, .spread_us = spread_us};
    assert_int_equal(slip_new(&cfg, &slip), ST_OK);
    assert_false(slip_is_locked(slip));
    return slip;
}

/* Let a slip hear one command at start_tick, from `before` to `after` ticks around where it is, in
 * blocks of block_samples.   ret  it said that the command is over */
static bool hear_one(struct slip *slip, struct scene *scene, const struct pie_edges *edges,
                     double start_tick, double before, double after, size_t block_samples)
{
    double at = start_tick * (1.0 + scene->clock_ratio) + scene->offset;
    int64_t from = (int64_t)floor(at - before);
    size_t n = (size_t)(before + after);
    float _Complex *sample = malloc(n * sizeof *sample);
    assert_non_null(sample);
    hear(scene, edges, &start_tick, 1, from, n, sample);
    slip_expect(slip, start_tick, edges, PW_US, 200.0);
    bool over = false;
    for (size_t done = 0; done < n; done += block_samples) {
        size_t some = n - done < block_samples ? n - done : block_samples;
        bool now = slip_push(slip, sample + done, some, from + (int64_t)done);
        assert_false(over && now);
        over = over || now;
    }
    free(sample);
    return over;
}

/* How far the mapping is from the truth at a transmit tick. */
static double error_at(const struct slip *slip, const struct scene *scene, double tx_tick)
{
    double truth = tx_tick * (1.0 + scene->clock_ratio) + scene->offset;
    assert_true(fabs(slip_tx_tick(slip, slip_rx_tick(slip, tx_tick)) - tx_tick) < 1e-6);
    return slip_rx_tick(slip, tx_tick) - truth;
}

/* ---- acquisition ---- */

static void slip_is_acquired_anywhere_in_the_spread(void **state)
{
    (void)state;
    static const double offsets[] = {-19990.0, -3137.3, 0.0, 0.4, 47.5, 12345.67, 19990.0};
    static const double snrs_db[] = {8.0, 20.0, 60.0};
    static const double bounds[] = {0.5, 0.15, 0.02}; /* five times the edge sum's deviation */
    static struct pie_edges edges;
    command_edges(&edges, 8);
    for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
        for (size_t j = 0; j < sizeof snrs_db / sizeof *snrs_db; j++) {
            struct slip *slip = slip_made(10e3);
            struct scene scene = scene_of(offsets[k], j ? 2.5e-6 : -5e-6, snrs_db[j], 7 * k + j);
            assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, 4096));
            assert_true(slip_is_locked(slip));
            double error = error_at(slip, &scene, 30000.0);
            if (fabs(error) > bounds[j]) {
                fail_msg("offset %g, %g dB: %g samples", offsets[k], snrs_db[j], error);
            }
            slip_free(&slip);
        }
    }
}

/* A receiver whose first sample comes after the search's beginning. */
static void slip_is_acquired_by_a_receiver_that_starts_late(void **state)
{
    (void)state;
    static struct pie_edges edges;
    command_edges(&edges, 8);
    struct slip *slip = slip_made(10e3);
    struct scene scene = scene_of(-18000.0, 2.5e-6, 40.0, 3);
    assert_true(hear_one(slip, &scene, &edges, 20500.0, 2500, 45000, 1000)); /* from tick 0 */
    assert_true(slip_is_locked(slip));
    assert_true(fabs(error_at(slip, &scene, 20500.0)) < 0.05);
    slip_free(&slip);
}

static void slip_is_not_acquired_from_noise_or_a_bare_carrier(void **state)
{
    (void)state;
    static struct pie_edges edges;
    command_edges(&edges, 8);
    for (int k = 0; k < 20; k++) {
        struct slip *slip = slip_made(10e3);
        struct scene scene = scene_of(0.0, 0.0, 20.0, (uint64_t)k);
        scene.depth = 0.0;
        scene.amplitude = k % 2 ? 0.01 : 0.0;
        assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, 4096));
        assert_false(slip_is_locked(slip));
        slip_free(&slip);
    }
}

/* ---- tracking ---- */

struct track_case {
    double clock_ratio, snr_db, rms_max; /* samples, of the prediction for the next command */
    double ratio_error_max;
};

/* A command every 5 ms for two seconds. The edge sum of 16 pulses has a deviation of
 * sigma/sqrt(2) sqrt(2 gate / 32) / 0.95 samples: 0.19 at 10 dB, 0.06 at 20 dB, and the filter averages
 * over what the clocks' wander (1e-8 in a second) allows. */
static void slip_follows_two_clocks(void **state)
{
    (void)state;
    static const struct track_case cases[] = {
        {5e-6, 10.0, 0.10, 1e-7},  {-5e-6, 10.0, 0.10, 1e-7}, {5e-6, 20.0, 0.03, 3e-8},
        {-5e-6, 40.0, 0.01, 1e-8}, {0.0, 40.0, 0.01, 1e-8},
    };
    static struct pie_edges edges;
    command_edges(&edges, 13);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct slip *slip = slip_made(10e3);
        struct scene scene = scene_of(-4321.37, cases[k].clock_ratio, cases[k].snr_db, 11 + k);
        assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, 4096));
        double squares = 0.0;
        for (int n = 1; n <= 400; n++) {
            double start = 30000.25 + 10000.3 * n;
            double error = error_at(slip, &scene, start);
            squares += n > 40 ? error * error / 360.0 : 0.0;
            assert_true(fabs(error) < 1.0);
            assert_true(hear_one(slip, &scene, &edges, start, 400, 2400, 512));
        }
        struct slip_state now;
        slip_read(slip, &now);
        printf("%+.1f ppm, %.0f dB: rms %.4f samples, clock off by %.1e\n",
               1e6 * cases[k].clock_ratio, cases[k].snr_db, sqrt(squares),
               now.clock_ratio - cases[k].clock_ratio);
        assert_int_equal(now.n_found, 401);
        assert_int_equal(now.n_missed, 0);
        assert_true(sqrt(squares) < cases[k].rms_max);
        assert_true(fabs(now.clock_ratio - cases[k].clock_ratio) < cases[k].ratio_error_max);
        slip_free(&slip);
    }
}

/* 5 ppm for half a second without a command are 5 samples; the carrier's offset foretells them. */
static void slip_takes_a_hint_and_outvotes_a_wrong_one(void **state)
{
    (void)state;
    static struct pie_edges edges;
    command_edges(&edges, 13);
    static const double hints[] = {5e-6, -2e-6};
    for (int k = 0; k < 2; k++) {
        struct slip *slip = slip_made(10e3);
        struct scene scene = scene_of(100.5, 5e-6, 30.0, 5);
        slip_hint(slip, 1.0); /* before the lock: not listened to */
        assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, 4096));
        slip_hint(slip, hints[k]);
        slip_hint(slip, -5e-6); /* a second one: not listened to */
        double error = fabs(error_at(slip, &scene, 1030000.0));
        assert_true(k == 0 ? error < 0.4 : error > 3.0);
        for (int n = 1; n <= 200; n++) {
            assert_true(hear_one(slip, &scene, &edges, 30000.0 + 10000.0 * n, 400, 2400, 2800));
        }
        struct slip_state now;
        slip_read(slip, &now);
        assert_int_equal(now.n_missed, 0);
        assert_true(fabs(now.clock_ratio - 5e-6) < 2e-7);
        assert_true(fabs(error_at(slip, &scene, 2040000.0)) < 0.1);
        slip_free(&slip);
    }
}

/* ---- trouble ---- */

static void slip_does_not_depend_on_the_blocks(void **state)
{
    (void)state;
    static struct pie_edges edges;
    command_edges(&edges, 8);
    static const size_t blocks[] = {1, 37, 4096, 100000};
    struct slip_state first = {0};
    for (size_t k = 0; k < 4; k++) {
        struct slip *slip = slip_made(10e3);
        struct scene scene = scene_of(777.7, -5e-6, 25.0, 9);
        assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, blocks[k]));
        assert_true(hear_one(slip, &scene, &edges, 90000.0, 400, 2400, blocks[k]));
        struct slip_state now;
        slip_read(slip, &now);
        first = k == 0 ? now : first;
        assert_memory_equal(&now, &first, sizeof now);
        slip_free(&slip);
    }
}

static void slip_survives_commands_that_are_not_heard(void **state)
{
    (void)state;
    static struct pie_edges edges;
    command_edges(&edges, 13);
    struct slip *slip = slip_made(10e3);
    struct scene scene = scene_of(250.25, 5e-6, 30.0, 21);
    assert_true(hear_one(slip, &scene, &edges, 30000.0, 42000, 43000, 4096));
    double depth = scene.depth;
    for (int n = 1; n <= 120; n++) {
        scene.depth = n > 40 && n <= 60 ? 0.0 : depth; /* a tenth of a second of silence */
        assert_true(hear_one(slip, &scene, &edges, 30000.0 + 10000.0 * n, 800, 3000, 512));
    }
    struct slip_state now;
    slip_read(slip, &now);
    assert_true(slip_is_locked(slip));
    assert_int_equal(now.n_missed, 20);
    assert_true(fabs(error_at(slip, &scene, 1240000.0)) < 0.1);

    float _Complex none[100] = {0}; /* a gap in mid-command gives it up */
    slip_expect(slip, 1240000.0, &edges, PW_US, 200.0);
    int64_t at = (int64_t)slip_rx_tick(slip, 1240000.0);
    assert_false(slip_push(slip, none, 100, at - 150));
    assert_true(slip_push(slip, none, 100, at + 100));
    assert_false(slip_push(slip, none, 100, at + 200));
    assert_true(slip_is_locked(slip));

    scene.depth = 0.0; /* for good: the lock is given up, and won anew at another place */
    for (int n = 0; n < 32; n++) { /* and the gap */
        assert_true(hear_one(slip, &scene, &edges, 1300000.0 + 10000.0 * n, 800, 3000, 512));
    }
    assert_false(slip_is_locked(slip));
    scene.depth = depth;
    scene.offset -= 5000.0;
    assert_true(hear_one(slip, &scene, &edges, 1800000.0, 42000, 43000, 4096));
    assert_true(slip_is_locked(slip));
    assert_true(fabs(error_at(slip, &scene, 1800000.0)) < 0.1);
    slip_free(&slip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slip_is_acquired_anywhere_in_the_spread),
        cmocka_unit_test(slip_is_acquired_by_a_receiver_that_starts_late),
        cmocka_unit_test(slip_is_not_acquired_from_noise_or_a_bare_carrier),
        cmocka_unit_test(slip_follows_two_clocks),
        cmocka_unit_test(slip_takes_a_hint_and_outvotes_a_wrong_one),
        cmocka_unit_test(slip_does_not_depend_on_the_blocks),
        cmocka_unit_test(slip_survives_commands_that_are_not_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
