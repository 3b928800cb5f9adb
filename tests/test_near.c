/* test_near.c - carriers in the tag's band, told by a quiet and fitted to the whole window: what is left
 * of them beside noise (held against the number of parameters) and beside a tag's waveform. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/near.h"
#include "tests/ref_reply.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { QUIET = 420, SAMPLES = 1500 }; /* FM0 RN16 at 48 samples a Tpri */
#define TPRI 48.0
#define TWO_PI 6.283185307179586

static struct ref_random rng = {99};
static double _Complex other[SAMPLES], carrier[SAMPLES]; /* noise and tag; what is to be found */

static double _Complex air_mean(const void *context, size_t first, size_t n)
{
    (void)context;
    double _Complex sum = 0.0;
    for (size_t k = first; k < first + n; k++) {
        assert_true(k < SAMPLES);
        sum += other[k] + carrier[k];
    }
    return sum / (double)n;
}

static const struct near_source air = {air_mean, NULL};

static void noise_fill(double sigma)
{
    for (size_t k = 0; k < SAMPLES; k++) {
        other[k] = sigma * ref_normal(&rng);
        carrier[k] = 0.0;
    }
}

/* level (1 + growth t) exp(j turn k), t = -1 .. 1 over the window */
static void carrier_add(double _Complex level, double turn_rad, double growth)
{
    for (size_t k = 0; k < SAMPLES; k++) {
        double t = ((double)k - 0.5 * SAMPLES) / (0.5 * SAMPLES);
        carrier[k] += level * (1.0 + growth * t) * cexp(I * turn_rad * (double)k);
    }
}

/* Energy that the fit leaves of the carriers; what it says of the leak, known from the quiet alone and no
 * harm to a reply that may swing about any level, is left out. */
static double energy_left(const struct near *fitted)
{
    static float _Complex left[SAMPLES];
    struct near carriers = *fitted, *near = &carriers;
    memset(near->tone[0].level, 0, sizeof near->tone[0].level);
    double energy = 0.0;
    for (size_t k = 0; k < SAMPLES; k++) {
        left[k] = (float _Complex)carrier[k];
    }
    near_accumulate(near, -1.0, 0, left, 700); /* in two pieces */
    near_accumulate(near, -1.0, 700, left + 700, SAMPLES - 700);
    for (size_t k = 0; k < SAMPLES; k++) {
        energy += pow(cabs(left[k]), 2);
    }
    return energy;
}

/* A carrier turning by BLF * turns, the quiet's estimate of it wrong by some radians over the quiet and
 * a tenth of its level. Of white noise as many complex dimensions are left as parameters were fitted:
 * its level and half a dimension for its frequency; somewhat more where it turns little in the quiet. */
static void near_meets_the_bound(void **unused)
{
    (void)unused;
    static const double blfs[] = {0.1, -0.125, 0.25, -0.5, 1.0, 1.4};
    for (size_t k = 0; k < COUNT(blfs); k++) {
        double sum = 0.0;
        for (unsigned trial = 0; trial < 40; trial++) {
            struct near near;
            double turn = TWO_PI * blfs[k] / TPRI, wrong = ref_between(&rng, -0.4, 0.4) / QUIET;
            double _Complex level = 3.0 * cexp(I * ref_between(&rng, 0.0, TWO_PI));
            noise_fill(1.0);
            carrier_add(level, turn, 0.0);
            near_init(&near, QUIET, 0.0, 0.0, 0.0);
            near_add(&near, 1.1 * level, turn + wrong, 0.2 / QUIET);
            near_fit(&near, &air, SAMPLES);
            assert_float_equal(near.tone[1].turn_rad, turn, 0.1 / SAMPLES);
            sum += energy_left(&near) / 40.0;
        }
        printf("at %+.3f BLF: %.2f dimensions of noise left\n", blfs[k], sum);
        assert_true(sum < 1.5 * (1.2 + 3.5 * sqrt(1.0 / (1.5 * 40.0)))); /* 3.5 sigma */
    }
}

/* A leak 60 dB above the noise that the quiet took to stand still: its turn over the window; and of noise
 * one complex dimension at most (turn and growth), the levels either side of a tag's step apart. */
static void near_follows_a_slow_leak(void **unused)
{
    (void)unused;
    static const double turned_rad[] = {0.0, 1e-3, -0.01, 0.04, 0.2}; /* over the window */
    for (size_t k = 0; k < COUNT(turned_rad); k++) {
        double sum = 0.0;
        for (unsigned trial = 0; trial < 40; trial++) {
            struct near near;
            double turn = turned_rad[k] / SAMPLES, growth = trial % 2 ? 0.03 : 0.0;
            double _Complex level = 1000.0 * cexp(I * ref_between(&rng, 0.0, TWO_PI));
            noise_fill(1.0);
            carrier_add(level, turn, growth);
            near_init(&near, QUIET, level, 0.0, 0.0);
            near_fit_leak(&near, &air, SAMPLES);
            /* 4 sigma of the bound 6 v / (n^3 a^2), half of it phase; the step of a tag is fitted too */
            double bound = sqrt(6.0 / pow(SAMPLES, 3)) / 1000.0;
            assert_float_equal(near.tone[0].turn_rad, turn, 4.0 * 2.0 * bound);
            static float _Complex left[SAMPLES];
            for (size_t i = 0; i < SAMPLES; i++) {
                left[i] = (float _Complex)(carrier[i] - level);
            }
            near.tone[0].level[0] -= level; /* float has no room for both */
            for (size_t i = 0; i < SAMPLES; i++) {
                double away = (double)i - near.middle;
                double _Complex was = level * cexp(I * near.tone[0].turn_rad * away);
                left[i] -= (float _Complex)(was - level);
            }
            near_accumulate(&near, -1.0, 0, left, SAMPLES);
            double _Complex mean[2] = {0}; /* either side of the step may stand anywhere */
            for (size_t i = 0; i < SAMPLES; i++) {
                mean[i >= QUIET] += left[i] / (double)(i >= QUIET ? SAMPLES - QUIET : QUIET);
            }
            for (size_t i = 0; i < SAMPLES; i++) {
                sum += pow(cabs(left[i] - mean[i >= QUIET]), 2) / 40.0;
            }
        }
        printf("%+.3f rad in the window: %.2f dimensions of noise left\n", turned_rad[k], sum);
        assert_true(sum < 1.0 + 3.5 * sqrt(1.0 / 40.0)); /* 3.5 sigma */
    }
}

/* A tag's waveform, 100 times as strong as the noise, beside two carriers as strong and far stronger:
 * what is taken of the tag is for the tag's spectrum to say; no more than a symbol's energy is harm. */
static void near_tells_carriers_from_a_tag(void **unused)
{
    (void)unused;
    static const double ratios[] = {1.0, 30.0, 1000.0};
    for (size_t k = 0; k < 3 * 40; k++) {
        static uint8_t level[REF_LEVELS_MAX];
        uint8_t bit[16];
        struct near near;
        ref_bits(&rng, bit, 16);
        size_t n_levels = ref_encode(1, false, bit, 16, level);
        noise_fill(0.1);
        double ratio = ratios[k / 40];
        for (size_t n = QUIET + 30; n < SAMPLES; n++) {
            size_t half = (n - QUIET - 30) / (size_t)(TPRI / 2.0);
            other[n] += half < n_levels && level[half] ? 2.0 : 0.0; /* from idle at 0 */
        }
        double turn[2] = {TWO_PI * 0.125 / TPRI, -TWO_PI * 0.25 / TPRI};
        near_init(&near, QUIET, 0.0, 0.0, 0.0);
        for (int t = 0; t < 2; t++) {
            double _Complex tone = ratio * cexp(I * ref_between(&rng, 0.0, TWO_PI));
            carrier_add(tone, turn[t], 0.0);
            near_add(&near, tone * 1.01, turn[t] + 0.05 / QUIET / sqrt(ratio), 0.02 / QUIET);
        }
        near_fit(&near, &air, SAMPLES);
        assert_true(energy_left(&near) < TPRI);
    }
}

/* A carrier that fades by a tenth over the window, 50 dB above the noise; one that stands still gets no
 * more than a level. */
static void near_follows_fading(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 40; k++) {
        struct near near;
        double turn = TWO_PI * 0.125 / TPRI, growth = k % 2 ? 0.1 : 0.0;
        noise_fill(1.0);
        carrier_add(300.0, turn, growth);
        near_init(&near, QUIET, 0.0, 0.0, 0.0);
        near_add(&near, 300.0 * (1.0 - growth), turn, 1e-4 / QUIET);
        near_fit(&near, &air, SAMPLES);
        assert_true(energy_left(&near) < 20.0);
        assert_int_equal(near.tone[1].level[1] != 0.0, k % 2);
        assert_float_equal(creal(near.tone[1].level[2]), 0.0, 1e-9);
    }
}

/* Means in closed form against the samples themselves. */
static void near_means_its_samples(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 50; k++) {
        struct near near;
        static float _Complex sample[SAMPLES];
        near_init(&near, QUIET, 0.0, 0.0, 0.0);
        near_add(&near, ref_normal(&rng), ref_between(&rng, -0.15, 0.15), 0.0);
        near_add(&near, ref_normal(&rng), ref_between(&rng, -0.02, 0.02), 0.0);
        memset(sample, 0, sizeof sample);
        near_accumulate(&near, 1.0, 0, sample, SAMPLES);
        size_t n = near_block_samples(&near);
        size_t first = (size_t)ref_between(&rng, 0.0, (double)(SAMPLES - n));
        double _Complex sum = 0.0;
        for (size_t j = 0; j < n; j++) {
            sum += sample[first + j] / (double)n;
        }
        assert_true(cabs(near_mean(&near, first, n) - sum) < 1e-6);
    }
}

/* The fit may not follow anything away from what the quiet told. */
static void near_stays_where_the_quiet_saw(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 40; k++) {
        struct near near;
        double turn = ref_between(&rng, -0.15, 0.15);
        noise_fill(1.0);
        carrier_add(100.0, turn + 3.0 / QUIET, 0.0); /* another one, far stronger */
        near_init(&near, QUIET, 0.0, k % 2 ? 0.1 : 0.0, 0.01 / QUIET);
        near_add(&near, 0.1, turn, 0.01 / QUIET);
        near_fit(&near, &air, SAMPLES);
        assert_in_range((long)(fabs(near.tone[1].turn_rad - turn) * 1e6 * QUIET), 0, 1500001);
        assert_true(isfinite(energy_left(&near)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_meets_the_bound),
        cmocka_unit_test(near_follows_a_slow_leak),
        cmocka_unit_test(near_tells_carriers_from_a_tag),
        cmocka_unit_test(near_follows_fading),
        cmocka_unit_test(near_means_its_samples),
        cmocka_unit_test(near_stays_where_the_quiet_saw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
