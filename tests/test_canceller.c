/* test_canceller.c - carrier removal: estimates against their Cramer-Rao bounds, decimation against
 * plain sums, the turn's phase over many pushes. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dsp/canceller.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 1 << 16 };

static float _Complex sample[SAMPLES_MAX], out[SAMPLES_MAX];

/* leak * exp(j offset k) + noise of this variance */
static void carrier(struct ref_random *random, double _Complex leak, double offset_rad,
                    double variance, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double _Complex noise = variance > 0.0 ? sqrt(variance) * ref_normal(random) : 0.0;
        sample[k] = (float _Complex)(leak * cexp(I * offset_rad * (double)k) + noise);
    }
}

static struct canceller *fresh(void)
{
    struct canceller *canceller;
    assert_int_equal(canceller_new(&canceller), ST_OK);
    return canceller;
}

/* No offset: the mean has variance v/n, the noise estimate sd v/sqrt(n); none believes in a turn. */
static void canceller_measures_steady_leak(void **unused)
{
    (void)unused;
    struct ref_random random = {3};
    struct canceller *canceller = fresh();
    const size_t n = 440;
    const double variance = 1e-6;
    double error = 0.0, noise = 0.0;
    unsigned n_turning = 0;
    for (unsigned run = 0; run < 2000; run++) {
        double _Complex leak = 0.4 * cexp(I * ref_between(&random, 0.0, 6.28));
        struct canceller_quiet quiet;
        carrier(&random, leak, 0.0, variance, n);
        canceller_measure(canceller, sample, n, &quiet);
        n_turning += quiet.offset_rad != 0.0;
        error += pow(cabs(quiet.leak - leak), 2) / 2000.0;
        noise += quiet.noise_variance / 2000.0;
        assert_float_equal(quiet.power, 0.16, 0.001);
        assert_int_equal(quiet.n_samples, n);
    }
    assert_int_equal(n_turning, 0);                               /* six sigma */
    assert_float_equal(error / (variance / (double)n), 1.0, 0.1); /* sd of a mean square: 2.2 % */
    assert_float_equal(noise / variance, 1.0, 0.01);              /* sd 0.1 % */
    canceller_free(&canceller);
    assert_null(canceller);
    canceller_free(&canceller);
}

/* Noise without any carrier must not be given a turn, at any length of the quiet. */
static void canceller_finds_no_turn_in_noise(void **unused)
{
    (void)unused;
    struct ref_random random = {4};
    struct canceller *canceller = fresh();
    unsigned n_turning = 0;
    for (unsigned run = 0; run < 6000; run++) {
        struct canceller_quiet quiet;
        size_t n = 8 + run % 300;
        carrier(&random, 0.0, 0.0, 1e-6, n);
        canceller_measure(canceller, sample, n, &quiet);
        n_turning += quiet.offset_rad != 0.0;
    }
    assert_in_range(n_turning, 0, 1);
    canceller_free(&canceller);
}

/* Offsets up to 4.5 kHz (limits.md 3), quiets of 20 us .. 240 us at 2 MS/s, both signs: unbiased;
 * spread within 1.3 of the Cramer-Rao bound sqrt(6 v / (P n (n^2 - 1))) (two halves alone would
 * reach 1.15). The noise estimate stays right. */
static void canceller_offset_meets_cramer_rao(void **unused)
{
    (void)unused;
    struct ref_random random = {5};
    struct canceller *canceller = fresh();
    static const size_t lengths[] = {40, 120, 440, 480};
    static const double offsets_hz[] = {4500.0, -4500.0, 3000.0, -1000.0, 4100.0, 9000.0};
    for (size_t k = 0; k < 4 * 6; k++) {
        size_t n = lengths[k / 6];
        double offset = 6.283185307179586 * offsets_hz[k % 6] / 2e6;
        double bound = sqrt(6.0 * 1e-4 / ((double)n * ((double)n * (double)n - 1.0)));
        double square = 0.0, sum = 0.0, noise = 0.0, leak_error = 0.0;
        const unsigned n_runs = 1000;
        for (unsigned run = 0; run < n_runs; run++) {
            struct canceller_quiet quiet;
            double _Complex leak = 0.1 * cexp(I * ref_between(&random, 0.0, 6.28));
            carrier(&random, leak, offset, 1e-6, n);
            canceller_measure(canceller, sample, n, &quiet);
            assert_true(quiet.offset_rad != 0.0);
            double error = quiet.offset_rad - offset;
            sum += error / n_runs;
            square += error * error / n_runs;
            noise += quiet.noise_variance / n_runs;
            leak_error += pow(cabs(quiet.leak - leak), 2) / n_runs;
        }
        assert_true(sqrt(square) < 1.3 * bound);
        assert_true(sqrt(square) > 0.9 * bound); /* nothing is better than the bound */
        assert_true(fabs(sum) < 5.0 * bound / sqrt(n_runs));
        assert_float_equal(noise / 1e-6, 1.0, 4.0 / (double)n + 0.02);
        assert_true(leak_error < 6.0 * 1e-6 / (double)n); /* bound: about 2.5 of it at the start */
    }
    canceller_free(&canceller);
}

static void canceller_decimates_as_plain_sum(void **unused)
{
    (void)unused;
    struct ref_random random = {6};
    struct canceller *canceller = fresh();
    static const unsigned factors[] = {1, 2, 3, 7, 50, 512, 513, 4096};
    for (size_t f = 0; f < sizeof factors / sizeof *factors; f++) {
        for (int turning = 0; turning < 2; turning++) {
            struct canceller_quiet quiet = {.leak = 0.3 - 0.4 * I, .n_samples = 100};
            quiet.offset_rad = turning ? 0.0123 : 0.0;
            size_t n_out = 10000 / factors[f];
            carrier(&random, 0.3 - 0.4 * I, 0.0, 1e-2, n_out * factors[f]);
            canceller_decimate(canceller, &quiet, 777, sample, factors[f], out, n_out);
            for (size_t k = 0; k < n_out; k++) {
                double _Complex sum = 0.0;
                for (size_t j = k * factors[f]; j < (k + 1) * factors[f]; j++) {
                    sum += sample[j] * cexp(-I * quiet.offset_rad * (777.0 + (double)j));
                }
                double _Complex want = sum / factors[f] - quiet.leak;
                assert_true(cabs(out[k] - want) < 4e-6); /* float sums; 100 dB below the leak */
            }
        }
    }
    canceller_free(&canceller);
}

/* A long turning carrier, cut into pushes of odd lengths, vanishes throughout: 80 dB down. */
static void canceller_keeps_phase_over_pushes(void **unused)
{
    (void)unused;
    struct ref_random random = {7};
    struct canceller *canceller = fresh();
    struct canceller_quiet quiet;
    const double offset = 6.283185307179586 * 4321.0 / 2e6;
    carrier(&random, 0.7 * I, offset, 0.0, SAMPLES_MAX);
    canceller_measure(canceller, sample, 440, &quiet);
    assert_float_equal(quiet.offset_rad, offset, 1e-9);
    double phase_drift = fabs(quiet.offset_rad - offset) * SAMPLES_MAX;
    size_t at = 0;
    while (at + 3 * 200 < SAMPLES_MAX) {
        size_t n_out = 1 + (size_t)ref_between(&random, 0.0, 199.0);
        canceller_decimate(canceller, &quiet, (int64_t)at, sample + at, 3, out, n_out);
        for (size_t k = 0; k < n_out; k++) {
            assert_true(cabsf(out[k]) < 0.7 * (1e-4 + phase_drift + 3.0 * offset * offset));
        }
        at += 3 * n_out;
    }
    canceller_free(&canceller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canceller_measures_steady_leak),
        cmocka_unit_test(canceller_finds_no_turn_in_noise),
        cmocka_unit_test(canceller_offset_meets_cramer_rao),
        cmocka_unit_test(canceller_decimates_as_plain_sum),
        cmocka_unit_test(canceller_keeps_phase_over_pushes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
