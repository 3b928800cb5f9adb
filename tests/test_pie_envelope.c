/* test_pie_envelope.c - moving average of magnitudes against the sum written out in double. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/pie_envelope.h"

enum { SAMPLES = 32 * 25 * 6, POINTS = SAMPLES };

static float _Complex samples[SAMPLES];
static uint64_t random_state = 0x51ab3u;

static double random_uniform(void) /* -1 < u < 1; xorshift64 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 4503599627370496.0 - 1.0;
}

static void samples_make(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = (float)random_uniform() + I * (float)random_uniform();
    }
}

/* All samples in parts of at most `part` and never over the points allowed. */
static size_t points_collect(struct pie_envelope *e, size_t part, float *point)
{
    size_t n = 0;
    for (size_t at = 0; at < SAMPLES;) {
        size_t room = PIE_ENVELOPE_POINTS_MAX * e->bin_samples - e->n_in_bin;
        size_t n_part = part < SAMPLES - at ? part : SAMPLES - at;
        n_part = n_part < room ? n_part : room;
        size_t n_points = pie_envelope_push(e, samples + at, n_part);
        memcpy(point + n, e->point + 1, n_points * sizeof *point);
        n += n_points;
        at += n_part;
        pie_envelope_use(e, n_points);
        if (n > 0) {
            assert_true(e->point[0] == point[n - 1]);
        }
    }
    return n;
}

/* Mean of |x| over the n_smooth bins that end with bin `last`; before the first, silence. */
static double ref_point(size_t last, size_t bin_samples, size_t n_smooth)
{
    double sum = 0.0;
    size_t end = (last + 1) * bin_samples;
    size_t length = n_smooth * bin_samples;
    for (size_t i = end > length ? end - length : 0; i < end; i++) {
        sum += hypot((double)crealf(samples[i]), (double)cimagf(samples[i]));
    }
    return sum / (double)length;
}

static void pie_envelope_is_the_mean_of_the_last_bins(void **state)
{
    (void)state;
    static float point[POINTS];
    samples_make();
    for (size_t bin_samples = 1; bin_samples <= PIE_ENVELOPE_BIN_MAX; bin_samples += 3) {
        for (size_t n_smooth = 1; n_smooth <= PIE_ENVELOPE_SMOOTH_MAX; n_smooth++) {
            struct pie_envelope e = {.bin_samples = bin_samples, .n_smooth = n_smooth};
            pie_envelope_reset(&e);
            size_t n = points_collect(&e, SAMPLES, point);
            assert_int_equal(n, SAMPLES / bin_samples);
            for (size_t i = 0; i < n; i++) { /* 200 roundings of 2^-24 at most: 1.2e-5 */
                assert_true(fabs(point[i] - ref_point(i, bin_samples, n_smooth)) < 1.7e-5);
            }
        }
    }
}

static void pie_envelope_does_not_depend_on_parts(void **state)
{
    (void)state;
    static const size_t bins_samples[] = {1, 2, 7, 25};
    static float whole[POINTS], cut[POINTS];
    samples_make();
    for (size_t b = 0; b < 4; b++) {
        for (size_t part = 1; part < 900; part = part * 3 + 1) {
            struct pie_envelope e = {.bin_samples = bins_samples[b], .n_smooth = 2 * b + 2};
            pie_envelope_reset(&e);
            size_t n = points_collect(&e, SAMPLES, whole);
            pie_envelope_reset(&e);
            assert_int_equal(points_collect(&e, part, cut), n);
            assert_memory_equal(whole, cut, n * sizeof *whole);
        }
    }
}

static void pie_envelope_goes_on_after_a_cut_or_a_skip(void **state)
{
    (void)state;
    static float whole[POINTS];
    enum { BIN = 3, AT = 20 * BIN };
    struct pie_envelope e = {.bin_samples = BIN, .n_smooth = 5};
    samples_make();
    pie_envelope_reset(&e);
    points_collect(&e, SAMPLES, whole);

    pie_envelope_reset(&e);
    assert_int_equal(pie_envelope_push(&e, samples, AT + 1), 20);
    pie_envelope_cut(&e, 17); /* three points and a sample go back */
    assert_int_equal(pie_envelope_push(&e, samples + 17 * BIN, 4 * BIN), 4);
    assert_memory_equal(e.point, whole + 16, 5 * sizeof *whole);

    pie_envelope_reset(&e);
    pie_envelope_skip(&e, samples, AT);
    assert_int_equal(pie_envelope_push(&e, samples + AT, 4 * BIN), 4);
    assert_memory_equal(e.point, whole + 19, 5 * sizeof *whole);
}

static void pie_envelope_counts_no_number_as_nothing(void **state)
{
    (void)state;
    const float _Complex odd[] = {NAN, INFINITY, -INFINITY * I, 3e38f, 1e9f, 0.5f};
    struct pie_envelope e = {.bin_samples = 1, .n_smooth = 1};
    pie_envelope_reset(&e);
    assert_int_equal(pie_envelope_push(&e, odd, 6), 6);
    for (size_t i = 1; i <= 5; i++) {
        assert_true(e.point[i] == 0.0f);
    }
    assert_true(e.point[6] == 0.5f);
}

static void pie_envelope_keeps_powers_by_lane(void **state)
{
    (void)state;
    enum { N = 3 * PIE_ENVELOPE_POINTS_MAX };
    float sum[PIE_ENVELOPE_LANES] = {0};
    float least[PIE_ENVELOPE_LANES];
    samples_make();
    for (size_t k = 0; k < PIE_ENVELOPE_LANES; k++) {
        least[k] = 10.0f;
    }
    pie_envelope_powers(samples, N, sum, least);
    for (size_t k = 0; k < PIE_ENVELOPE_LANES; k++) {
        double ref_sum = 0.0;
        double ref_least = 10.0;
        for (size_t i = k; i < N; i += PIE_ENVELOPE_LANES) {
            double level = hypot((double)crealf(samples[i]), (double)cimagf(samples[i]));
            ref_sum += level * level;
            ref_least = fmin(ref_least, level * level);
        }
        assert_true(fabs(sum[k] - ref_sum) < 2e-5); /* 12 roundings of 24 * 2^-24 at most */
        assert_true(fabs(least[k] - ref_least) < 1e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pie_envelope_is_the_mean_of_the_last_bins),
        cmocka_unit_test(pie_envelope_does_not_depend_on_parts),
        cmocka_unit_test(pie_envelope_goes_on_after_a_cut_or_a_skip),
        cmocka_unit_test(pie_envelope_counts_no_number_as_nothing),
        cmocka_unit_test(pie_envelope_keeps_powers_by_lane),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
