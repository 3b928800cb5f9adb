/* test_probe.c - the probe's measurements on signals made by hand: the delay of its code to a
 * fraction of a sample, levels, lines, bursts, clipping and image. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/units.h"
#include "reader/probe_delay.h"
#include "reader/probe_levels.h"
#include "tests/ref_noise.h"

#define N 24000
#define RATE_SPS 2e6
static float _Complex sample[N];
static struct ref_noise noise;

static void start(uint64_t seed)
{
    memset(sample, 0, sizeof sample);
    ref_noise_init(&noise, seed);
}

static void add_line(double amplitude, double offset_hz, size_t from, size_t n)
{
    for (size_t k = from; k < from + n; k++) {
        double angle = 2 * UNITS_PI * offset_hz / RATE_SPS * (double)k + 0.7;
        sample[k] += (float)(amplitude * cos(angle)) + (float)(amplitude * sin(angle)) * I;
    }
}

static void add_noise(double power, size_t from, size_t n)
{
    static float _Complex drawn[N];
    ref_noise_draw(&noise, drawn, n);
    for (size_t k = 0; k < n; k++) {
        sample[from + k] += (float)sqrt(power) * drawn[k];
    }
}

/* ---- delay ---- */

/* A leak of any phase keyed by the code, `delay` late, in noise. */
static double found_delay(double delay, double leak, double noise_power, int64_t chip_ticks,
                          uint64_t seed)
{
    enum { AT = 1500 };
    start(seed);
    double angle = 0.1 * (double)seed;
    for (size_t k = 0; k < N; k++) {
        double level = probe_delay_level((double)k - AT - delay, chip_ticks);
        sample[k] = (float)(leak * level * cos(angle)) + (float)(leak * level * sin(angle)) * I;
    }
    add_noise(noise_power, 0, N);
    return probe_delay_find(sample, N, AT, chip_ticks);
}

static void probe_delay_is_found_to_a_fraction_of_a_sample(void **state)
{
    (void)state;
    static const double delays[] = {0, 0.25, -0.5, 1.37, 63.8, -411.1, 5003.62};
    for (size_t k = 0; k < sizeof delays / sizeof *delays; k++) {
        assert_float_equal(found_delay(delays[k], 0.3, 1e-7, 8, k + 1), delays[k], 0.01);
        assert_float_equal(found_delay(delays[k], 0.3, 1e-3, 8, k + 1), delays[k], 0.1);
        assert_float_equal(found_delay(delays[k], 0.3, 1e-7, 40, k + 1), delays[k], 0.02);
    }
}

static void probe_delay_is_not_found_where_it_is_not(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        start(seed);
        add_noise(1e-3, 0, N);
        add_line(0.5, 0, 0, N);
        assert_true(isnan(probe_delay_find(sample, N, 1500, 8)));
        assert_true(isnan(found_delay(10, 1e-3, 1e-3, 8, seed))); /* 30 dB below the noise */
    }
}

/* The code must be one that cannot be mistaken: every other place correlates far less. */
static void probe_delay_code_is_keyed_within_its_length(void **state)
{
    (void)state;
    assert_true(probe_delay_level(-0.1, 8) == 1);
    assert_true(probe_delay_level((double)probe_delay_length(8), 8) == 1);
    double least = 1, most = 0;
    for (int64_t k = 0; k < probe_delay_length(8); k++) {
        double level = probe_delay_level((double)k, 8);
        least = fmin(least, level);
        most = fmax(most, level);
        assert_true(fabs(level - probe_delay_level((double)k + 1, 8)) < 0.15); /* no edges */
    }
    assert_float_equal(least, 0.5, 1e-9);
    assert_float_equal(most, 1, 1e-9);
}

/* ---- levels ---- */

static struct probe_levels levels(void)
{
    struct probe_levels found;
    assert_int_equal(probe_levels(sample, N, RATE_SPS, &found), ST_OK);
    return found;
}

static void probe_levels_of_noise_and_carrier(void **state)
{
    (void)state;
    start(1);
    add_noise(1e-6, 0, N);
    struct probe_levels found = levels();
    assert_float_equal(found.noise_dbfs, -60, 0.2);
    assert_true(isnan(found.line_dbfs));
    assert_true(found.burst_db < 2);
    assert_float_equal(found.clipped_ratio, 0, 0);
    add_line(0.1, 0, 0, N); /* our own carrier: constant, no other line */
    found = levels();
    assert_float_equal(found.constant_dbfs, -20, 0.05);
    assert_float_equal(found.noise_dbfs, -60, 0.3);
    assert_true(isnan(found.line_dbfs));
    /* peak of 0.1 at 0.7 rad: I = 0.0765, and noise on it */
    assert_float_equal(found.headroom_db, -20 * log10(0.1 * cos(0.7)), 0.5);
}

static void probe_levels_see_lines_above_the_noise_only(void **state)
{
    (void)state;
    static const double offsets_hz[] = {200e3, -312345, 30100, -990e3};
    for (size_t k = 0; k < 4; k++) {
        start(k + 1);
        add_noise(1e-6, 0, N);
        add_line(3e-3, offsets_hz[k], 0, N);
        struct probe_levels found = levels();
        assert_float_equal(found.line_offset_hz, offsets_hz[k], 200);
        assert_float_equal(found.line_dbfs, 20 * log10(3e-3), 0.15);
        assert_float_equal(found.noise_dbfs, -60, 0.3);
    }
    size_t n_false = 0; /* white noise alone: no line in a hundred */
    for (uint64_t seed = 1; seed <= 100; seed++) {
        start(seed);
        add_noise(1e-4, 0, N);
        n_false += !isnan(levels().line_dbfs);
    }
    assert_int_equal(n_false, 0);
}

static void probe_levels_see_bursts(void **state)
{
    (void)state;
    start(1);
    add_noise(1e-6, 0, N);
    add_noise(1e-4, 7000, 1200);
    assert_float_equal(levels().burst_db, 20, 1.5);
}

static void probe_levels_count_what_clips(void **state)
{
    (void)state;
    start(1);
    add_noise(1e-6, 0, N);
    for (size_t k = 0; k < N; k += 100) { /* every hundredth at the end of I or of Q */
        sample[k] = k % 200 ? -1.0F : 0.9998F * I;
    }
    struct probe_levels found = levels();
    assert_float_equal(found.clipped_ratio, 0.01, 1e-9);
    assert_float_equal(found.headroom_db, 0, 1e-6);
}

static void probe_image_is_a_ratio_of_lines(void **state)
{
    (void)state;
    start(1);
    add_noise(1e-7, 0, N);
    add_line(0.2, 31250, 0, 16384);
    add_line(0.2 * 0.05, -31250, 0, 16384);
    add_line(0.3, 0, 0, 16384);
    assert_float_equal(probe_image_db(sample, 16384, 31250, RATE_SPS), 20 * log10(0.05), 0.1);
    start(1);
    assert_true(isnan(probe_image_db(sample, 16384, 31250, RATE_SPS)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_delay_is_found_to_a_fraction_of_a_sample),
        cmocka_unit_test(probe_delay_is_not_found_where_it_is_not),
        cmocka_unit_test(probe_delay_code_is_keyed_within_its_length),
        cmocka_unit_test(probe_levels_of_noise_and_carrier),
        cmocka_unit_test(probe_levels_see_lines_above_the_noise_only),
        cmocka_unit_test(probe_levels_see_bursts),
        cmocka_unit_test(probe_levels_count_what_clips),
        cmocka_unit_test(probe_image_is_a_ratio_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
