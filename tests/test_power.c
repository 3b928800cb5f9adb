/* test_power.c - Welch spectrum against tone and noise theory and a slow DFT. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/units.h"
#include "dsp/power.h"

static uint64_t random_state;

static double random_uniform(void) /* 0 < u < 1; xorshift64 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double)(random_state >> 11) + 0.5) / 9007199254740992.0;
}

static float _Complex random_noise(double sigma) /* E|x|^2 = sigma^2, Box-Muller */
{
    double radius = sigma * sqrt(-log(random_uniform()));
    double angle = 2.0 * UNITS_PI * random_uniform();
    return (float)(radius * cos(angle)) + I * (float)(radius * sin(angle));
}

static void fill_tone(float _Complex *sample, size_t n, double amplitude, double cycles)
{
    for (size_t i = 0; i < n; i++) {
        double angle = 2.0 * UNITS_PI * cycles * (double)i;
        sample[i] = (float)(amplitude * cos(angle)) + I * (float)(amplitude * sin(angle));
    }
}

static void power_reads_a_tone_in_its_bin(void **state)
{
    (void)state;
    enum { N = 256 };
    static float _Complex sample[4 * N];
    float dbfs[N];
    struct power_spectrum *spectrum;
    assert_int_equal(power_spectrum_new(N, &spectrum), ST_OK);
    for (int bin = 3; bin < N; bin += 41) { /* bin 0 is -rate/2 */
        power_spectrum_reset(spectrum);
        fill_tone(sample, 4 * N, 0.1, (double)(bin - N / 2) / N);
        power_spectrum_push(spectrum, sample, 4 * N);
        assert_int_equal(power_spectrum_read(spectrum, dbfs), 7); /* 50 % overlap */
        assert_true(fabs(dbfs[bin] + 20.0) < 0.01);
        assert_true(fabs(dbfs[bin - 1] + 26.0206) < 0.01); /* Hann: neighbours at 1/2 */
        assert_true(dbfs[(bin + 5) % N] < -100.0f);
    }
    power_spectrum_free(&spectrum);
    assert_null(spectrum);
}

/* White noise of power P reads P * sum(w^2)/sum(w)^2 = P * 1.5/N a bin. Over K segments at 50 %
 * overlap the mean over all bins has a relative deviation of about 1/sqrt(samples). */
static void power_reads_noise_as_theory_says(void **state)
{
    (void)state;
    enum { N = 1024, BLOCKS = 200 };
    static float _Complex sample[N];
    static float dbfs[N];
    struct power_spectrum *spectrum;
    random_state = 7;
    assert_int_equal(power_spectrum_new(N, &spectrum), ST_OK);
    for (int block = 0; block < BLOCKS; block++) {
        for (int i = 0; i < N; i++) {
            sample[i] = random_noise(0.01);
        }
        power_spectrum_push(spectrum, sample, N);
    }
    assert_int_equal(power_spectrum_read(spectrum, dbfs), 2 * BLOCKS - 1);
    double mean = 0.0;
    for (int i = 0; i < N; i++) {
        mean += units_power_ratio_from_db(dbfs[i]) / N;
    }
    double expected_db = -40.0 + 10.0 * log10(1.5 / N);
    assert_true(fabs(10.0 * log10(mean) - expected_db) < 0.05); /* 5 sigma: 0.048 dB */
    power_spectrum_free(&spectrum);
}

static void power_agrees_with_a_slow_dft(void **state)
{
    (void)state;
    enum { N = 64, SAMPLES = 4 * N };
    static float _Complex sample[SAMPLES];
    float dbfs[N];
    random_state = 99;
    for (int i = 0; i < SAMPLES; i++) {
        sample[i] = random_noise(0.5) + 0.2f;
    }
    struct power_spectrum *spectrum;
    assert_int_equal(power_spectrum_new(N, &spectrum), ST_OK);
    assert_int_equal(power_spectrum_read(spectrum, dbfs), 0);
    for (size_t at = 0, n = 1; at < SAMPLES; at += n, n = n % 29 + 3) { /* odd pieces */
        power_spectrum_push(spectrum, sample + at, n < SAMPLES - at ? n : SAMPLES - at);
    }
    size_t n_segments = power_spectrum_read(spectrum, dbfs);
    assert_int_equal(n_segments, 7);
    for (int bin = 0; bin < N; bin++) {
        double sum = 0.0;
        for (size_t s = 0; s < n_segments; s++) {
            double _Complex dft = 0.0;
            for (int i = 0; i < N; i++) {
                double hann = 0.5 - 0.5 * cos(2.0 * UNITS_PI * i / N);
                double angle = -2.0 * UNITS_PI * (bin - N / 2) * i / N;
                dft += hann * sample[s * N / 2 + (size_t)i] * (cos(angle) + I * sin(angle));
            }
            sum += creal(dft) * creal(dft) + cimag(dft) * cimag(dft);
        }
        double expected = sum / (double)n_segments / (N / 2.0) / (N / 2.0); /* sum of Hann: N/2 */
        assert_true(fabs(dbfs[bin] - 10.0 * log10(expected)) < 0.001);
    }
    power_spectrum_free(&spectrum);
}

static void power_means_levels(void **state)
{
    (void)state;
    float _Complex sample[1000];
    fill_tone(sample, 1000, 1.0, 0.123);
    assert_true(fabs(power_mean_dbfs(sample, 1000)) < 1e-5);
    fill_tone(sample, 1000, 0.1, 0.123);
    assert_true(fabs(power_mean_dbfs(sample, 1000) + 20.0) < 1e-5);
    memset(sample, 0, sizeof sample);
    assert_true(power_mean_dbfs(sample, 1000) <= -300.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_reads_a_tone_in_its_bin),
        cmocka_unit_test(power_reads_noise_as_theory_says),
        cmocka_unit_test(power_agrees_with_a_slow_dft),
        cmocka_unit_test(power_means_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
