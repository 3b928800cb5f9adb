/* test_finish.c - the second look at a reply, and its timing smoother, against the tests' own
 * transmitter: closed forms without noise, theory with it, wrong first decisions, odd places. */
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

#include "config/limits.h"
#include "dsp/finish.h"
#include "dsp/retime.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 700000, SYMBOLS_MAX = LIMIT_BITS + 32 };
#define BLF_HZ 40e3

static struct ref_random rng = {12};
static struct finish *finish;
static struct ref_reply air;
static uint8_t sent[REF_BITS_MAX + 1], first_bit[LIMIT_BITS + 1];
static float _Complex sample[SAMPLES_MAX];
static double _Complex sum[SAMPLES_MAX + 1];
static struct integral integral = {.sum = sum, .capacity_samples = SAMPLES_MAX};
static struct finish_reply reply;

struct run {
    int m;
    bool trext;
    size_t n_bits;
    double ebn0_db, samples_per_tpri, drift_ratio;
    double start_error, clock_error; /* of the first estimate: half-cycles; ratio */
    unsigned n_wrong;                /* first decisions that are wrong, at random */
    double _Complex walk;            /* the offset's slope per sample, half swings */
};

static size_t n_preamble(const struct run *run)
{
    return (run->m == 0 ? 6 : 10) + (run->trext ? 12 : 0);
}

static void air_new(const struct run *run)
{
    ref_bits(&rng, sent, run->n_bits);
    sent[run->n_bits] = 1;
    air = (struct ref_reply){.rate_sps = run->samples_per_tpri * BLF_HZ,
                             .m = 1u << run->m,
                             .trext = run->trext,
                             .bit = sent,
                             .n_bits = run->n_bits,
                             .drift_ratio = run->drift_ratio,
                             .blf_hz = BLF_HZ * ref_between(&rng, 0.97, 1.03),
                             .start_tick = ref_between(&rng, 60.0, 61.0),
                             .gain = 0.1 * cexp(I * ref_between(&rng, 0.0, 6.28))};
    air.leak = air.gain; /* idle at 0, as the canceller leaves it: mean level is the gain */
    air.leak_per_tick = run->walk * cabs(air.gain);
    air.n0 = isinf(run->ebn0_db) ? 0.0 : ref_n0(&air, run->ebn0_db);
    ref_reply_init(&air);
    integral.n_samples = (size_t)air.edge[air.n_levels] + 200;
    assert_true(integral.n_samples <= SAMPLES_MAX);
    ref_reply_samples(&air, &rng, 0, sample, integral.n_samples);
    sum[0] = 0.0;
    for (size_t k = 0; k < integral.n_samples; k++) {
        sum[k + 1] = sum[k] + sample[k];
    }
}

/* Place of the begin of symbol k on the integral. */
static double place(const struct run *run, size_t k)
{
    return air.edge[k * 2 << run->m] + 0.5;
}

/* What a detector gets wrong at about bit k: such that the chips after it stay as they are. */
static void event_put(const struct run *run, size_t k)
{
    for (; run->m > 0 && k + 1 < run->n_bits && first_bit[k - 1] == first_bit[k + 1]; k++) {
    }
    if (run->m == 0) {
        first_bit[k] ^= 1;
        first_bit[k + (k + 1 < run->n_bits ? 1 : -1)] ^= 1;
    } else if (k + 1 < run->n_bits) {
        first_bit[k] ^= 1;
    }
}

static void finish_air(const struct run *run)
{
    size_t n_first = n_preamble(run), n = n_first + run->n_bits + 1;
    double *start = finish_starts(finish), middle = place(run, n / 2);
    double half = (place(run, n) - place(run, 0)) / (double)(n * 2 << run->m);
    for (size_t k = 0; k <= n; k++) {
        start[k] =
            place(run, k) + run->clock_error * (place(run, k) - middle) + run->start_error * half;
    }
    memcpy(first_bit, sent, run->n_bits + 1);
    for (unsigned k = 0; k < run->n_wrong; k++) {
        event_put(run, 1 + (size_t)ref_between(&rng, 0.0, (double)run->n_bits - 2.0));
    }
    double variance = air.n0 * air.rate_sps;
    struct finish_request request = {.integral = &integral,
                                     .code = linecode_of((enum link_m)run->m),
                                     .trext = run->trext,
                                     .noise_variance = variance > 0.0 ? variance : 1e-12,
                                     .n_symbols = run->n_bits + 1,
                                     .bit = first_bit,
                                     .gain = air.gain,
                                     .offset = air.gain,
                                     .walk = run->walk * cabs(air.gain)};
    finish_run(finish, &request, &reply);
}

static bool is_right(const struct run *run)
{
    return memcmp(reply.bit, sent, run->n_bits + 1) == 0;
}

/* Without noise all is told exactly, though samples hold edges: 8 samples a Tpri and up. */
static void finish_is_exact_without_noise(void **unused)
{
    (void)unused;
    static const double rates[] = {8.0, 13.3, 25.0, 50.0};
    static const size_t lengths[] = {1, 16, 128};
    for (unsigned k = 0; k < 4 * 2 * 4 * 3; k++) {
        struct run run = {.m = (int)(k % 4),
                          .trext = k / 4 % 2,
                          .samples_per_tpri = rates[k / 8 % 4],
                          .n_bits = lengths[k / 32],
                          .ebn0_db = INFINITY,
                          .start_error = ref_between(&rng, -0.1, 0.1)};
        air_new(&run);
        finish_air(&run);
        size_t n = n_preamble(&run) + run.n_bits + 1;
        double half = 0.5 * air.rate_sps / air.blf_hz;
        assert_true(is_right(&run));
        assert_float_equal(reply.start, place(&run, 0), 0.03 * half);
        assert_float_equal(reply.end, place(&run, n), 0.03 * half);
        assert_float_equal(reply.half / half, 1.0, 0.06 / (double)(n * 2 << run.m) + 1e-4);
        if (cabs(reply.gain / air.gain - 1.0) > 0.02) {
            fail_msg("m %u, %.1f samples a Tpri, %zu bits: gain %.4f", air.m, run.samples_per_tpri,
                     run.n_bits, creal(reply.gain / air.gain));
        }
        assert_true(cabs(reply.offset / air.gain - 1.0) < 0.03);
        assert_true(reply.fit_ratio > 0.99);
        assert_float_equal(reply.drift_ratio, 0.0, 0.02);
        assert_true(reply.bits_expected < 1e-9);
        for (size_t j = 0; j <= run.n_bits; j++) {
            assert_int_equal(reply.hard[j], 0);
        }
    }
}

/* 5 % of drift within the reply: followed and told. */
static void finish_tells_drift(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 24; k++) {
        struct run run = {.m = (int)(k % 4),
                          .samples_per_tpri = 25.0,
                          .n_bits = 128,
                          .ebn0_db = 30.0,
                          .drift_ratio = k / 4 % 3 * 0.05 - 0.05};
        air_new(&run);
        finish_air(&run);
        assert_true(is_right(&run));
        assert_float_equal(reply.drift_ratio, run.drift_ratio, 0.006);
        size_t n = n_preamble(&run) + run.n_bits + 1;
        const double *start = finish_starts(finish);
        double half = 0.5 * air.rate_sps / air.blf_hz;
        for (size_t j = 0; j <= n; j++) {
            assert_float_equal(start[j], place(&run, j), 0.08 * half);
        }
    }
}

/* Wrong first decisions are put right: it decides anew with estimates that the wrong ones have spoiled
 * a little. */
static void finish_mends_first_decisions(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 120; k++) {
        struct run run = {.m = (int)(k % 4),
                          .samples_per_tpri = 20.0,
                          .n_bits = k / 4 % 2 ? 128 : 16,
                          .ebn0_db = 17.0,
                          .n_wrong = 1 + k % 3};
        air_new(&run);
        finish_air(&run);
        if (!is_right(&run)) {
            fail_msg("m %u, %zu bits, %u events", air.m, run.n_bits, run.n_wrong);
        }
    }
}

/* Timing a little off at first, everything else to be estimated: losses of the closed form, and of
 * limits.md 1 for Miller; noise measured as what is left: 1, its spread 1 / sqrt(4 n) for n symbols of
 * two chips. The soft values foretell the errors. */
static void finish_loses_what_theory_says(void **unused)
{
    (void)unused;
    static const struct {
        int m;
        size_t n_bits;
        double ebn0_db, per;
        unsigned n;
    } cases[] = {{0, 16, 6.0, 0.0, 1500}, {0, 128, 7.5, 0.0, 1600}, {2, 16, 6.97, 0.1, 800}};
    for (size_t l = 0; l < sizeof cases / sizeof *cases; l++) {
        struct run run = {.m = cases[l].m,
                          .samples_per_tpri = 48.0,
                          .n_bits = cases[l].n_bits,
                          .ebn0_db = cases[l].ebn0_db};
        double lost = 0.0, residual = 0.0, wrong = 0.0, foretold = 0.0, gain = 0.0;
        for (unsigned k = 0; k < cases[l].n; k++) {
            run.start_error = 0.05 * creal(ref_normal(&rng));
            air_new(&run);
            finish_air(&run);
            lost += !is_right(&run) / (double)cases[l].n;
            residual += reply.residual_ratio / cases[l].n;
            foretold += reply.bits_expected / cases[l].n;
            gain += creal(reply.gain / air.gain) / cases[l].n;
            for (size_t j = 0; j < run.n_bits; j++) {
                wrong += (reply.bit[j] != sent[j]) / (double)cases[l].n;
            }
        }
        double per = run.m == 0 ? ref_fm0_per(run.ebn0_db, run.n_bits) : cases[l].per;
        double worse = run.m == 0 ? ref_fm0_per(run.ebn0_db - 0.5, run.n_bits) : 1.35 * per;
        double sigma = sqrt(per / cases[l].n);
        printf("m %d, %zu bits, %.2f dB: lost %.4f (ideal %.4f), residual %.4f, gain %.4f, wrong "
               "bits %.3f foretold %.3f\n",
               1 << run.m, run.n_bits, run.ebn0_db, lost, per, residual, gain, wrong, foretold);
        assert_true(lost > per - 4.0 * sigma);
        assert_true(lost < worse + 3.0 * sigma);
        assert_float_equal(residual, 1.0, 0.06);
        assert_float_equal(gain, 1.0, 0.02);
        assert_float_equal(foretold / wrong, 1.0, 0.3);
    }
}

/* Score and fit are the signal's share: E / v and g / (g + 1/2 per chip); Eb/N0 = g. */
static void finish_scores_what_theory_says(void **unused)
{
    (void)unused;
    for (int m = 0; m < 4; m++) {
        struct run run = {
            .m = m, .samples_per_tpri = 48.0, .n_bits = 128, .ebn0_db = 12.0, .trext = m % 2};
        double g = pow(10.0, 1.2), score = 0.0, fit = 0.0;
        double n = (double)(n_preamble(&run) + 129);
        enum { REPLIES = 30 };
        for (unsigned k = 0; k < REPLIES; k++) {
            air_new(&run);
            finish_air(&run);
            score += reply.score_nats / (n * g) / REPLIES;
            fit += reply.fit_ratio / (g / (g + 2.0)) / REPLIES; /* two chips a bit, noise 1 each */
        }
        printf("m %d: score %.4f, fit %.4f of theory\n", 1 << m, score, fit);
        assert_float_equal(score, 1.0, 0.08); /* edges inside samples take some */
        assert_float_equal(fit, 1.0, 0.03);
    }
}

/* The carrier left over walks along a known direction by several half swings in a reply. */
static void finish_follows_walk(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 40; k++) {
        struct run run = {.samples_per_tpri = 20.0, .n_bits = 128, .ebn0_db = 18.0};
        run.walk = 4.0 / (135.0 * 20.0) * cexp(I * ref_between(&rng, 0.0, 6.28));
        run.m = (int)(k % 4);
        air_new(&run);
        finish_air(&run);
        if (!is_right(&run)) {
            fail_msg("m %d: lost to a walk of 4 half swings", 1 << run.m);
        }
        assert_true(cabs(reply.gain / air.gain - 1.0) < 0.1);
    }
}

/* The same reply on another channel: a factor away, to the last digits; and noise does not bias it. */
static void finish_tells_gain_of_another_channel(void **unused)
{
    (void)unused;
    static double _Complex other_sum[SAMPLES_MAX + 1];
    struct integral other = {.sum = other_sum, .capacity_samples = SAMPLES_MAX};
    for (unsigned k = 0; k < 16; k++) {
        struct run run = {.m = (int)(k % 4),
                          .samples_per_tpri = 20.0,
                          .n_bits = 64,
                          .ebn0_db = 15.0,
                          .trext = k / 4 % 2};
        air_new(&run);
        finish_air(&run);
        double _Complex factor = 0.02 * cexp(I * (double)k);
        other.n_samples = integral.n_samples;
        for (size_t j = 0; j <= integral.n_samples; j++) {
            other_sum[j] = factor * sum[j];
        }
        double _Complex gain = finish_gain_of(finish, &other);
        double _Complex same = finish_gain_of(finish, &integral);
        assert_true(cabs(gain / (factor * same) - 1.0) < 1e-9);
        assert_true(cabs(same / reply.gain - 1.0) < 1e-6);
        memset(other_sum, 0, (integral.n_samples + 1) * sizeof *other_sum);
        assert_true(finish_gain_of(finish, &other) == 0.0);
    }
}

/* Shortest, longest, beyond the end of the samples, nothing but zeros, no noise: finite. */
static void finish_takes_odd_requests(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 4 * 3 * 3; k++) {
        int m = (int)(k % 4);
        size_t n_symbols = k / 4 % 3 == 0 ? 1 : k / 4 % 3 == 1 ? 2 : LIMIT_BITS + 1;
        double half = 4.0 / (1 << m), *start = finish_starts(finish);
        bool trext = k % 2;
        size_t n = n_symbols + (m ? 10 : 6) + (trext ? 12 : 0);
        integral.n_samples = k / 12 == 1 ? 500 : 40000;
        for (size_t j = 0; j < integral.n_samples; j++) {
            sum[j + 1] = sum[j] + (k / 12 ? 0.1 * ref_normal(&rng) : 0.0);
        }
        for (size_t j = 0; j <= n; j++) {
            start[j] = 1.0 + (double)j * 2.0 * half * (1 << m);
        }
        ref_bits(&rng, first_bit, n_symbols > 1 ? REF_BITS_MAX : 0);
        first_bit[n_symbols - 1] = 1;
        struct finish_request request = {.integral = &integral,
                                         .code = linecode_of((enum link_m)m),
                                         .trext = trext,
                                         .noise_variance = k / 12 ? 1e-24 : 0.01,
                                         .n_symbols = n_symbols,
                                         .bit = first_bit};
        finish_run(finish, &request, &reply);
        assert_true(isfinite(reply.start));
        assert_true(isfinite(reply.end));
        assert_true(isfinite(reply.half));
        assert_true(isfinite(cabs(reply.gain)));
        assert_true(isfinite(reply.score_nats));
        assert_true(isfinite(reply.fit_ratio));
        assert_true(isfinite(reply.bits_expected));
        assert_int_equal(reply.bit[n_symbols - 1], 1);
    }
}

/* The smoother alone. Symbol starts in mid-reply rest on the edges of both sides: with a clock that
 * may walk 2e-4 a symbol it averages over tens of symbols, so its error is well below that of a single
 * symbol's edges, v gate / (4 |h|^2 n), and of the first guess; and unbiased. */
static void retime_averages_edges(void **unused)
{
    (void)unused;
    struct retime *retime = NULL;
    static int8_t sign[2 * 200];
    static double _Complex gain[200], offset[200];
    static double start[201];
    assert_int_equal(retime_new(200, &retime), ST_OK);
    for (int m = 0; m < 4; m++) {
        double square = 0.0, mean = 0.0, square_end = 0.0, single = 0.0, half = 0.0;
        enum { REPLIES = 60 };
        for (unsigned k = 0; k < REPLIES; k++) {
            struct run run = {.m = m, .samples_per_tpri = 40.0, .n_bits = 128, .ebn0_db = 10.0};
            air_new(&run);
            size_t n = n_preamble(&run) + 129;
            half = 0.5 * air.rate_sps / air.blf_hz;
            for (size_t j = 0; j < n; j++) {
                gain[j] = offset[j] = air.gain;
                sign[2 * j] = air.level[j * 2 << m] ? 1 : -1;
                sign[2 * j + 1] = air.level[(j * 2 + 1) << m] ? 1 : -1;
            }
            for (size_t j = 0; j <= n; j++) {
                start[j] = place(&run, j) + 0.05 * half * creal(ref_normal(&rng));
            }
            struct retime_reply request = {.integral = &integral,
                                           .m = 1u << m,
                                           .n_symbols = n,
                                           .sign = sign,
                                           .gain = gain,
                                           .offset = offset,
                                           .noise_variance = air.n0 * air.rate_sps};
            retime_run(retime, &request, &(struct retime_look){0.25, 8}, start);
            for (size_t j = 0; j < n; j++) {
                assert_true(start[j + 1] > start[j]);
            }
            for (size_t j = 30; j < 110; j++) {
                double error = start[j] - place(&run, j);
                mean += error / (80.0 * REPLIES);
                square += error * error / (80.0 * REPLIES);
            }
            square_end += pow(start[n] - place(&run, n), 2) / REPLIES;
            single = sqrt(request.noise_variance * 0.25 * half / (4.0 * 0.01));
        }
        printf("m %d: starts %.4f half-cycles off in the middle, %.4f at the end, bias %.5f; one "
               "edge %.4f\n",
               1 << m, sqrt(square) / half, sqrt(square_end) / half, mean / half, single / half);
        assert_true(sqrt(square) < 0.5 * single);
        assert_true(sqrt(square_end) < 1.2 * single);
        assert_true(fabs(mean) < 0.1 * single);
    }
    retime_free(&retime);
    retime_free(&retime); /* NULL */
}

static int setup(void **unused)
{
    (void)unused;
    return finish_new(SYMBOLS_MAX, &finish);
}

static int teardown(void **unused)
{
    (void)unused;
    finish_free(&finish);
    finish_free(&finish); /* NULL */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finish_is_exact_without_noise),
        cmocka_unit_test(finish_tells_drift),
        cmocka_unit_test(finish_mends_first_decisions),
        cmocka_unit_test(finish_loses_what_theory_says),
        cmocka_unit_test(finish_scores_what_theory_says),
        cmocka_unit_test(finish_follows_walk),
        cmocka_unit_test(finish_tells_gain_of_another_channel),
        cmocka_unit_test(finish_takes_odd_requests),
        cmocka_unit_test(retime_averages_edges),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
