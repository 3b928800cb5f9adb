/* test_tones.c - carriers in the quiet: false alarms counted, estimates against the Cramer-Rao bound. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dsp/tones.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 20000 };
#define PI 3.14159265358979323846

static float _Complex sample[SAMPLES_MAX];

static struct tones *fresh(void)
{
    struct tones *tones;
    assert_int_equal(tones_new(&tones), ST_OK);
    return tones;
}

static void noise_fill(struct ref_random *random, double variance, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        sample[k] = (float _Complex)(sqrt(variance) * ref_normal(random));
    }
}

/* level at the middle of the stretch */
static void carrier_add(double _Complex level, double offset_rad, size_t n)
{
    double middle = 0.5 * (double)(n - 1);
    for (size_t k = 0; k < n; k++) {
        sample[k] += (float _Complex)(level * cexp(I * offset_rad * ((double)k - middle)));
    }
}

static void quantise(unsigned bits, size_t n)
{
    float codes = (float)(1U << (bits - 1));
    for (size_t k = 0; k < n; k++) {
        sample[k] = rintf(crealf(sample[k]) * codes) / codes +
                    I * (rintf(cimagf(sample[k]) * codes) / codes);
    }
}

static unsigned found_in(struct tones *tones, size_t n, double leak_offset_rad,
                         struct tones_found *found)
{
    tones_find(tones, sample, n, leak_offset_rad, found);
    return found->n_tones;
}

/* White noise, lengths of all links: the design's rate is 2e-5, the promise 1e-4. In 30,000 quiets 3
 * are the promise; 8 of mean 3 has 1.2 %, of mean 0.6 (design) 1e-7. */
static void tones_false_alarms_in_white_noise(void **unused)
{
    (void)unused;
    struct ref_random random = {11};
    struct tones *tones = fresh();
    unsigned n_false = 0, n_outliers = 0;
    double noise = 0.0;
    for (unsigned run = 0; run < 30000; run++) {
        struct tones_found found;
        size_t n = 32 + (size_t)(ref_uniform(&random) * 400.0);
        noise_fill(&random, 1e-6, n);
        n_false += found_in(tones, n, 0.0, &found);
        n_outliers += found.n_outliers > 0;
        noise += found.noise_variance / 1e-6 / 30000.0;
    }
    printf("white: %u false tones, %u quiets with an outlier, noise %.4f of truth\n", n_false,
           n_outliers, noise);
    assert_in_range(n_false, 0, 4);
    assert_in_range(n_outliers, 0, 4);
    assert_float_equal(noise, 1.0, 0.005);
    tones_free(&tones);
    assert_null(tones);
    tones_free(&tones);
}

/* A leak 80 dB above a tag of 1e-4, that is near full scale; its level drifts linearly by up to a
 * hundred tags (1 %) in the quiet; 12 bits, half a step of noise; or turning, 16 bits. */
static void tones_false_alarms_beside_a_strong_leak(void **unused)
{
    (void)unused;
    struct ref_random random = {12};
    struct tones *tones = fresh();
    unsigned n_steady = 0, n_turning = 0;
    for (unsigned run = 0; run < 10000; run++) {
        struct tones_found found;
        size_t n = 200 + run % 300;
        double step = 1.0 / 2048.0;
        double _Complex leak = 0.8 * cexp(I * ref_between(&random, 0.0, 2.0 * PI));
        double _Complex growth = 0.01 * ref_normal(&random);
        noise_fill(&random, 2.0 * 0.25 * step * step, n);
        for (size_t k = 0; k < n; k++) {
            sample[k] += (float _Complex)(leak + growth * (double)k / (double)n);
        }
        quantise(12, n);
        n_steady += found_in(tones, n, 0.0, &found);
        double turn = ref_between(&random, -0.03, 0.03);
        noise_fill(&random, 1e-9, n);
        carrier_add(leak, turn, n);
        quantise(16, n);
        n_turning += found_in(tones, n, turn + 0.1 / (double)n, &found);
    }
    printf("strong leak: %u false tones steady, %u turning, of 10000 quiets each\n", n_steady,
           n_turning);
    assert_in_range(n_steady, 0, 3);
    assert_in_range(n_turning, 0, 3);
    tones_free(&tones);
}

struct bound_case {
    size_t n;
    double level_db; /* carrier over noise, a sample */
};

/* Variance of frequency and amplitude at 10 .. 60 dB: within 10 % of the bound; 600 runs have a
 * relative spread of 5.8 % on each. */
static void tones_reach_the_cramer_rao_bound(void **unused)
{
    (void)unused;
    static const struct bound_case table[] = {{200, 10.0}, {500, 10.0},  {500, 30.0},
                                              {440, 60.0}, {1500, 20.0}, {6000, 40.0}};
    struct ref_random random = {13};
    struct tones *tones = fresh();
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        size_t n = table[row].n;
        double nn = (double)n, variance = 1e-8, error = 0.0, level_error = 0.0, claimed = 0.0;
        double amplitude = sqrt(variance) * pow(10.0, table[row].level_db / 20.0);
        unsigned runs = 600;
        for (unsigned run = 0; run < runs; run++) {
            struct tones_found found;
            double offset = ref_between(&random, 0.2, 3.1) * (run & 1 ? 1.0 : -1.0);
            double _Complex level = amplitude * cexp(I * ref_between(&random, 0.0, 2.0 * PI));
            noise_fill(&random, variance, n);
            carrier_add(0.5, 0.0, n);
            carrier_add(level, offset, n);
            assert_int_equal(found_in(tones, n, 0.0, &found), 1);
            error += pow(found.tone[0].offset_rad - offset, 2) / runs;
            level_error += pow(cabs(found.tone[0].amplitude - level), 2) / runs;
            claimed += pow(found.tone[0].offset_sigma_rad, 2) / runs;
        }
        double bound = 6.0 * variance / (amplitude * amplitude * nn * (nn * nn - 1.0));
        double level_bound =
            variance / nn; /* complex, at the middle: free of the frequency's error */
        printf("n %zu, %.0f dB: frequency %.3f, level %.3f, claimed %.3f of the bound\n", n,
               table[row].level_db, error / bound, level_error / level_bound, claimed / bound);
        double spread = 3.5 * sqrt(2.0 / runs);
        assert_float_equal(error / bound, 1.0, spread);
        assert_float_equal(level_error / level_bound, 1.0, spread);
        assert_float_equal(claimed / bound, 1.0, 0.1);
    }
    tones_free(&tones);
}

/* Share of matched filter outputs sqrt(gain) + noise beyond a threshold: a search that knows the
 * frequency but tells n cells apart at this false alarm ratio. */
static double ideal_share(struct ref_random *random, double gain, double n_cells, double ratio)
{
    unsigned n_over = 0;
    for (unsigned run = 0; run < 100000; run++) {
        n_over += pow(cabs(sqrt(gain) + ref_normal(random)), 2) > log(n_cells / ratio);
    }
    return n_over / 100000.0;
}

/* Weak carriers: no more than 1.5 dB worse than that search at a false alarm ratio of 2e-5: bins between
 * which a carrier falls cost 0.5 dB in the mean, the finer grid 0.1, the look at the neighbourhood,
 * whose level is told by few bins, up to 0.7. */
static void tones_detection_against_level(void **unused)
{
    (void)unused;
    struct ref_random random = {14};
    struct tones *tones = fresh();
    const size_t n = 440;
    for (double gain_db = 8.0; gain_db <= 16.0; gain_db += 2.0) {
        unsigned n_found = 0;
        for (unsigned run = 0; run < 2000; run++) {
            struct tones_found found;
            double offset = ref_between(&random, 0.1, 3.1);
            noise_fill(&random, 1.0, n);
            carrier_add(sqrt(pow(10.0, gain_db / 10.0) / (double)n), offset, n);
            n_found += found_in(tones, n, 0.0, &found) > 0 &&
                       fabs(found.tone[0].offset_rad - offset) < 2.0 * PI / (double)n;
        }
        double ideal = ideal_share(&random, pow(10.0, gain_db / 10.0), (double)n, 2e-5);
        double less = ideal_share(&random, pow(10.0, (gain_db - 1.5) / 10.0), (double)n, 2e-5);
        printf("n |a|^2 / v = %.0f dB: found %.3f, ideal %.3f, 1.5 dB less %.3f\n", gain_db,
               n_found / 2000.0, ideal, less);
        assert_true(n_found / 2000.0 >= less - 3.0 * sqrt(less * (1.0 - less) / 2000.0));
    }
    tones_free(&tones);
}

/* Four carriers of 10 .. 60 dB anywhere; the leak drifts. Each within six sigma of the truth. */
static void tones_finds_four_at_once(void **unused)
{
    (void)unused;
    struct ref_random random = {15};
    struct tones *tones = fresh();
    const size_t n = 500;
    static const double offset[4] = {0.9, -2.2, 0.25, 3.13}, level_db[4] = {60.0, 40.0, 20.0, 12.0};
    for (unsigned run = 0; run < 200; run++) {
        struct tones_found found;
        noise_fill(&random, 1e-8, n);
        carrier_add(0.3 + 0.2 * I, 0.0, n);
        for (unsigned k = 0; k < 4; k++) {
            double _Complex level = cexp(I * ref_between(&random, 0.0, 2.0 * PI));
            carrier_add(1e-4 * pow(10.0, level_db[k] / 20.0) * level, offset[k], n);
        }
        assert_int_equal(found_in(tones, n, 0.0, &found), 4);
        for (unsigned k = 0; k < 4; k++) {
            double sigmas =
                fabs(found.tone[k].offset_rad - offset[k]) / found.tone[k].offset_sigma_rad;
            assert_true(sigmas < 6.0);
        }
        assert_float_equal(found.noise_variance / 1e-8, 1.0, 0.25);
    }
    tones_free(&tones);
}

/* Emitters within +-10 kHz of each other, 250 us at 2 MS/s, bistatic: leak at 3 kHz; two others 5.5 kHz
 * and 9 kHz away from it (1.4 and 2.2 resolution cells), 40 and 30 dB over noise. */
static void tones_separates_near_emitters(void **unused)
{
    (void)unused;
    struct ref_random random = {16};
    struct tones *tones = fresh();
    const size_t n = 500;
    const double rad = 2.0 * PI / 2e6;
    unsigned n_right = 0;
    double worst = 0.0;
    for (unsigned run = 0; run < 300; run++) {
        struct tones_found found;
        double offset[3] = {3000.0 * rad, 8500.0 * rad, -6000.0 * rad};
        double _Complex phase[3];
        for (unsigned k = 0; k < 3; k++) {
            phase[k] = cexp(I * ref_between(&random, 0.0, 2.0 * PI));
        }
        noise_fill(&random, 1e-8, n);
        carrier_add(0.3 * phase[0], offset[0], n);
        carrier_add(1e-2 * phase[1], offset[1], n);
        carrier_add(3e-3 * phase[2], offset[2], n);
        if (found_in(tones, n, NAN, &found) != 2) {
            continue;
        }
        n_right++;
        worst = fmax(worst, fabs(found.leak.offset_rad - offset[0]) / rad);
        worst = fmax(worst, fabs(found.tone[0].offset_rad - offset[1]) / rad);
        worst = fmax(worst, fabs(found.tone[1].offset_rad - offset[2]) / rad);
    }
    printf("near emitters: %u of 300 told apart, worst frequency error %.1f Hz\n", n_right, worst);
    assert_in_range(n_right, 290, 300);
    assert_true(worst < 30.0); /* three times the bound of the weakest one alone */
    tones_free(&tones);
}

/* Bistatic IQ image: leak at f, its image 40 dB down at -f, converter DC 50 dB down at 0. */
static void tones_finds_image_and_dc(void **unused)
{
    (void)unused;
    struct ref_random random = {17};
    struct tones *tones = fresh();
    const size_t n = 1000;
    for (unsigned run = 0; run < 200; run++) {
        struct tones_found found;
        double turn = 2.0 * PI * 7500.0 / 2e6;
        noise_fill(&random, 1e-8, n);
        carrier_add(0.5, turn, n);
        carrier_add(0.005 * I, -turn, n);
        carrier_add(0.0016, 0.0, n);
        assert_int_equal(found_in(tones, n, turn, &found), 2);
        assert_float_equal(found.leak.offset_rad, turn, 1e-5);
        assert_float_equal(found.tone[0].offset_rad, -turn, 1e-5);
        assert_float_equal(found.tone[1].offset_rad, 0.0, 3e-5);
    }
    tones_free(&tones);
}

/* Impulses in the quiet neither pass for tones nor raise the noise. */
static void tones_sets_impulses_aside(void **unused)
{
    (void)unused;
    struct ref_random random = {18};
    struct tones *tones = fresh();
    const size_t n = 500;
    unsigned n_false = 0;
    double noise = 0.0;
    for (unsigned run = 0; run < 2000; run++) {
        struct tones_found found;
        noise_fill(&random, 1e-8, n);
        carrier_add(0.5, 0.0, n);
        for (unsigned k = 0; k < 3; k++) {
            sample[(size_t)(ref_uniform(&random) * (double)n)] +=
                (float _Complex)(0.1 * cexp(I * ref_between(&random, 0.0, 2.0 * PI)));
        }
        n_false += found_in(tones, n, 0.0, &found);
        noise += found.noise_variance / 1e-8 / 2000.0;
        assert_in_range(found.n_outliers, 1, 3);
    }
    printf("impulses: %u false tones in 2000 quiets, noise %.3f of truth\n", n_false, noise);
    assert_in_range(n_false, 0, 1);
    assert_float_equal(noise, 1.0, 0.02);
    tones_free(&tones);
}

/* Garbage yields finite numbers; longer quiets than fit are taken from their end. */
static void tones_survives_anything(void **unused)
{
    (void)unused;
    struct ref_random random = {19};
    struct tones *tones = fresh();
    struct tones_found found;
    for (size_t k = 0; k < 1000; k++) {
        sample[k] = k % 3 == 0 ? NAN : k % 7 == 0 ? INFINITY : 1e30F;
    }
    tones_find(tones, sample, 1000, 0.0, &found);
    assert_true(isfinite(found.noise_variance));
    for (size_t k = 0; k < 8; k++) {
        sample[k] = 0.0F;
    }
    assert_int_equal(found_in(tones, 8, 0.0, &found), 0);
    assert_true(found.step == 0.0);
    assert_true(found.noise_variance == 0.0);
    noise_fill(&random, 1e-6, SAMPLES_MAX);
    carrier_add(1e-2, 1.234, SAMPLES_MAX);
    assert_int_equal(found_in(tones, SAMPLES_MAX, 0.0, &found), 1);
    assert_int_equal(found.n_samples, TONES_QUIET_MAX);
    double phase = 1.234 * (found.middle - 0.5 * (SAMPLES_MAX - 1));
    assert_true(cabs(found.tone[0].amplitude - 1e-2 * cexp(I * phase)) < 1e-4);
    tones_free(&tones);
}

/* The converter's step shows as the smallest change. */
static void tones_tells_the_converters_step(void **unused)
{
    (void)unused;
    struct ref_random random = {20};
    struct tones *tones = fresh();
    struct tones_found found;
    noise_fill(&random, 1e-6, 400);
    quantise(12, 400);
    tones_find(tones, sample, 400, 0.0, &found);
    assert_float_equal(found.step, 1.0 / 2048.0, 1e-9);
    tones_free(&tones);
}

int main(void)
{
    const struct CMUnitTest table[] = {
        cmocka_unit_test(tones_false_alarms_in_white_noise),
        cmocka_unit_test(tones_false_alarms_beside_a_strong_leak),
        cmocka_unit_test(tones_reach_the_cramer_rao_bound),
        cmocka_unit_test(tones_detection_against_level),
        cmocka_unit_test(tones_finds_four_at_once),
        cmocka_unit_test(tones_separates_near_emitters),
        cmocka_unit_test(tones_finds_image_and_dc),
        cmocka_unit_test(tones_sets_impulses_aside),
        cmocka_unit_test(tones_survives_anything),
        cmocka_unit_test(tones_tells_the_converters_step),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}
