/* test_sync.c - preamble search: where it says a reply begins and how fast it runs, against the
 * truth and the bounds of limits.md 2; its false-alarm count. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "dsp/sync.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 40000 };
#define SPACE_TICKS 100.0 /* before the window */

static struct ref_reply reply;
static float _Complex sample[SAMPLES_MAX];
static double _Complex sum[SAMPLES_MAX + 1];
static struct integral integral = {.sum = sum, .capacity_samples = SAMPLES_MAX};
static struct sync_search search;

/* A reply with `samples_per_tpri` samples and a window of 7 Tpri around its random start; its clock
 * drifts by drift_ratio, and up to bend_ratio is looked for. */
static void window_bent(struct ref_random *random, int m, bool trext, double samples_per_tpri,
                        double tolerance, double ebn0_db, double drift_ratio, bool is_bent)
{
    static uint8_t bit[16];
    ref_bits(random, bit, 16);
    double rate_sps = samples_per_tpri * 40e3;
    reply = (struct ref_reply){.rate_sps = rate_sps,
                               .m = 1u << m,
                               .trext = trext,
                               .bit = bit,
                               .n_bits = 16,
                               .drift_ratio = drift_ratio};
    reply.blf_hz = 40e3 * ref_between(random, 1.0 - tolerance, 1.0 + tolerance);
    reply.start_tick = SPACE_TICKS + ref_between(random, 0.0, 7.0 * samples_per_tpri);
    reply.gain = cexp(I * ref_between(random, 0.0, 6.28));
    reply.leak = reply.gain; /* the canceller takes the idle level out */
    reply.n0 = ref_n0(&reply, ebn0_db);
    ref_reply_init(&reply);
    const struct linecode *code = linecode_of((enum link_m)m);
    search = (struct sync_search){.code = code,
                                  .trext = trext,
                                  .start_lo = SPACE_TICKS + 0.5,
                                  .start_hi = SPACE_TICKS + 0.5 + 7.0 * samples_per_tpri,
                                  .half_lo = 0.5 * samples_per_tpri / (1.0 + tolerance),
                                  .half_hi = 0.5 * samples_per_tpri / (1.0 - tolerance),
                                  .noise_variance = fmax(reply.n0 * rate_sps, 1e-9),
                                  .bend_ratio = is_bent ? 0.025 / (double)reply.n_levels : 0.0};
    integral.n_samples = (size_t)ceil(sync_needs_samples(&search));
    assert_true(integral.n_samples <= SAMPLES_MAX);
    ref_reply_samples(&reply, random, 0, sample, integral.n_samples);
    for (size_t k = 0; k < integral.n_samples; k++) {
        sum[k + 1] = sum[k] + sample[k];
    }
}

static void window(struct ref_random *random, int m, bool trext, double samples_per_tpri,
                   double tolerance, double ebn0_db)
{
    window_bent(random, m, trext, samples_per_tpri, tolerance, ebn0_db, 0.0, false);
}

static double true_half(void)
{
    return 0.5 * reply.rate_sps / reply.blf_hz;
}

/* Without noise: both ends of the preamble within 0.7 sample (the score prefers edges that fall
 * between samples), gain and level right. */
static void sync_is_exact_without_noise(void **unused)
{
    (void)unused;
    struct ref_random random = {11};
    struct sync *sync;
    assert_int_equal(sync_new(SAMPLES_MAX, &sync), ST_OK);
    for (unsigned k = 0; k < 160; k++) {
        struct sync_candidate candidate[8];
        window(&random, k % 4, k / 4 % 2, 24.0, 0.22, 200.0);
        size_t n = sync_find(sync, &integral, &search, candidate, 8);
        assert_true(n >= 1);
        double n_halves = search.code->n_preamble_chips[search.trext] * (double)search.code->m;
        double end = candidate[0].start - 0.5 + n_halves * candidate[0].half;
        assert_float_equal(candidate[0].start - 0.5, reply.start_tick, 0.7);
        assert_float_equal(end, reply.start_tick + n_halves * true_half(), 0.7);
        assert_true(cabs(candidate[0].offset - reply.gain) < 0.05);
        assert_true(cabs(candidate[0].gain - reply.gain) < 0.10); /* 2/3 sample lost an edge */
        for (size_t j = 1; j < n; j++) {
            assert_true(candidate[j].score <= candidate[j - 1].score);
        }
    }
    sync_free(&sync);
    assert_null(sync);
}

/* Found, and within Tpri/4, at the Eb/N0 where limits.md 2 says 99 % plus 1 dB (any of
 * the eight candidates counts, as the tracker follows them all). 400 windows: at 99 %, more than 11 losses come once in 1000 runs. */
static void sync_finds_at_the_bound(void **unused)
{
    (void)unused;
    static const struct {
        int m;
        bool trext;
        double tolerance, ebn0_db;
    } rows[] = {{0, false, 0.04, 7.2},
                {0, false, 0.22, 8.4},
                {0, true, 0.04, 2.4},
                {2, false, 0.04, 5.6},
                {2, true, 0.04, 2.7}};
    struct ref_random random = {12};
    struct sync *sync;
    assert_int_equal(sync_new(SAMPLES_MAX, &sync), ST_OK);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        unsigned n_lost = 0;
        for (unsigned run = 0; run < 400; run++) {
            struct sync_candidate candidate[8];
            window(&random, rows[r].m, rows[r].trext, 32.0, rows[r].tolerance,
                   rows[r].ebn0_db + 1.0);
            size_t n = sync_find(sync, &integral, &search, candidate, 8);
            bool found = false;
            for (size_t k = 0; k < n; k++) {
                found =
                    found || fabs(candidate[k].start - 0.5 - reply.start_tick) < 0.5 * true_half();
            }
            n_lost += !found;
        }
        printf("m %u trext %d +-%.0f %%: %u of 400 lost\n", 1u << rows[r].m, rows[r].trext,
               100.0 * rows[r].tolerance, n_lost);
        assert_in_range(n_lost, 0, 11);
    }
    sync_free(&sync);
}

/* Clock from the preamble at 10 dB: Cramer-Rao (limits.md 2); asked: within 2 of the bound at 16 dB,
 * where the bound halves (6 dB) and no false lock falsifies the spread; never better than 0.7. */
static void sync_clock_meets_cramer_rao(void **unused)
{
    (void)unused;
    static const struct {
        int m;
        bool trext;
        double ppm;
    } rows[] = {{0, false, 10087.0}, {0, true, 1516.0}, {1, false, 1759.0}, {1, true, 534.0},
                {2, false, 816.0},   {2, true, 249.0},  {3, false, 390.0},  {3, true, 121.0}};
    struct ref_random random = {13};
    struct sync *sync;
    assert_int_equal(sync_new(SAMPLES_MAX, &sync), ST_OK);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        double bound = rows[r].ppm * 1e-6 / 2.0, square = 0.0;
        unsigned n = 0;
        for (unsigned run = 0; run < 200; run++) {
            struct sync_candidate candidate[8];
            window(&random, rows[r].m, rows[r].trext, 24.0, 0.10, 16.0);
            sync_find(sync, &integral, &search, candidate, 8);
            double error = candidate[0].half / true_half() - 1.0;
            if (fabs(candidate[0].start - 0.5 - reply.start_tick) < 0.5 * true_half()) {
                square += error * error;
                n++;
            }
        }
        double spread = sqrt(square / n);
        printf("m %u trext %d: clock spread %.0f ppm, bound %.0f, %u of 200 locked\n",
               1u << rows[r].m, rows[r].trext, 1e6 * spread, 1e6 * bound, n);
        assert_true(n >= 190);
        assert_true(spread < 2.0 * bound);
        assert_true(spread > 0.5 * bound);
    }
    sync_free(&sync);
}

/* Noise: P(best score > x) <= n exp(-x) for the n it states. 2000 windows at x = ln(n / 0.05): at
 * most 100 expected; 140 is four sigma. */
static void sync_keeps_false_alarm_rate(void **unused)
{
    (void)unused;
    struct ref_random random = {14};
    struct sync *sync;
    assert_int_equal(sync_new(SAMPLES_MAX, &sync), ST_OK);
    for (int m = 0; m < 3; m += 2) {
        unsigned n_alarms = 0;
        for (unsigned run = 0; run < 2000; run++) {
            struct sync_candidate candidate[4];
            window(&random, m, false, 16.0, 0.04, 10.0);
            for (size_t k = 0; k < integral.n_samples; k++) {
                sum[k + 1] = sum[k] + sqrt(search.noise_variance) * ref_normal(&random);
            }
            size_t n = sync_find(sync, &integral, &search, candidate, 4);
            n_alarms += n > 0 && candidate[0].score > log(sync_n_hypotheses(&search) / 0.05);
        }
        printf("m %u: %u alarms in 2000 windows, 100 allowed\n", 1u << m, n_alarms);
        assert_in_range(n_alarms, 2, 140);
    }
    sync_free(&sync);
}

/* The clock drifts by 5 % through an RN16 (6.3.1.3.3), either way or not at all; the long preambles of
 * subcarriers hold a good part of that. At 13 dB both ends of the best candidate's preamble lie within a
 * quarter of a half-cycle of the truth: one half-cycle further off looks much the same. At most 2 of
 * 150 may miss: at 1 in 500, more come once in 300 runs. */
static void sync_follows_drift(void **unused)
{
    (void)unused;
    struct ref_random random = {15};
    struct sync *sync;
    assert_int_equal(sync_new(SAMPLES_MAX, &sync), ST_OK);
    for (int row = 0; row < 12; row++) {
        int m = 2 + row / 3 % 2;
        bool trext = row >= 6;
        double drift_ratio = 0.05 * (row % 3 - 1);
        unsigned n_lost = 0;
        for (unsigned run = 0; run < 150; run++) {
            struct sync_candidate candidate[4];
            window_bent(&random, m, trext, 24.0, 0.10, 13.0, drift_ratio, true);
            assert_true(sync_bends(&search));
            size_t n = sync_find(sync, &integral, &search, candidate, 4);
            double n_halves = search.code->n_preamble_chips[trext] * (double)search.code->m;
            double end =
                candidate[0].start + n_halves * (candidate[0].half + n_halves * candidate[0].bend);
            double gate = 0.25 * true_half();
            n_lost += n == 0 || fabs(candidate[0].start - 0.5 - reply.start_tick) > gate ||
                      fabs(end - 0.5 - reply.edge[(size_t)n_halves]) > gate;
        }
        printf("m %u trext %d drift %g: %u of 150 lost\n", 1u << m, trext, drift_ratio, n_lost);
        assert_in_range(n_lost, 0, 2);
    }
    sync_free(&sync);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_is_exact_without_noise),
        cmocka_unit_test(sync_finds_at_the_bound),
        cmocka_unit_test(sync_clock_meets_cramer_rao),
        cmocka_unit_test(sync_keeps_false_alarm_rate),
        cmocka_unit_test(sync_follows_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
