/* test_track.c - the tracker alone, begun with the true start and clock: bits, clock, gain, score
 * against the reference and theory. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/track.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 200000, N_BITS_MAX = 128 };

static struct ref_random rng = {21};
static struct ref_reply reply;
static uint8_t sent[REF_BITS_MAX];
static float _Complex sample[SAMPLES_MAX];
static double _Complex sum[SAMPLES_MAX + 1];
static struct integral integral = {.sum = sum, .capacity_samples = SAMPLES_MAX};
static struct track track;

struct run {
    int m;
    bool trext;
    size_t n_bits;
    double ebn0_db;
    double start_error, clock_error; /* half-cycles; ratio */
    double drift_ratio;
};

/* One reply, tracked to its end with a known length.  out true: all bits right */
static bool run_track(const struct run *run, double samples_per_tpri)
{
    uint8_t bit[REF_BITS_MAX];
    double rate_sps = samples_per_tpri * 40e3;
    ref_bits(&rng, sent, run->n_bits);
    reply = (struct ref_reply){.rate_sps = rate_sps,
                               .m = 1u << run->m,
                               .trext = run->trext,
                               .bit = sent,
                               .n_bits = run->n_bits,
                               .drift_ratio = run->drift_ratio};
    reply.blf_hz = 40e3 * ref_between(&rng, 0.97, 1.03);
    reply.start_tick = ref_between(&rng, 60.0, 61.0);
    reply.gain = cexp(I * ref_between(&rng, 0.0, 6.28));
    reply.leak = reply.gain;
    reply.n0 = ref_n0(&reply, run->ebn0_db);
    ref_reply_init(&reply);
    integral.n_samples = (size_t)(reply.edge[reply.n_levels] * 1.08) + 200;
    assert_true(integral.n_samples <= SAMPLES_MAX);
    ref_reply_samples(&reply, &rng, 0, sample, integral.n_samples);
    for (size_t k = 0; k < integral.n_samples; k++) {
        sum[k + 1] = sum[k] + sample[k];
    }
    double half = 0.5 * samples_per_tpri * 40e3 / reply.blf_hz;
    unsigned n_symbols = run->m == 0 ? (run->trext ? 18 : 6) : (run->trext ? 22 : 10);
    size_t n_preamble = (size_t)n_symbols * 2 << run->m; /* how the clock runs in the preamble */
    double first_half = (reply.edge[n_preamble] - reply.edge[0]) / (double)n_preamble;
    struct sync_search search = {.code = linecode_of((enum link_m)run->m),
                                 .trext = run->trext,
                                 .half_lo = half / 1.06,
                                 .half_hi = half / 0.94,
                                 .noise_variance = reply.n0 * rate_sps,
                                 .bend_ratio = 0.025 / (double)reply.n_levels};
    struct sync_candidate candidate = {.gain = reply.gain,
                                       .offset = reply.gain,
                                       .start = reply.start_tick + 0.5 + run->start_error * half,
                                       .half = first_half * (1.0 + run->clock_error)};
    if (sync_bends(&search)) { /* then the preamble tells the drift too */
        candidate.bend = 0.5 * run->drift_ratio * half / (double)reply.n_levels;
        candidate.half -= (double)n_preamble * candidate.bend;
    }
    track_init(&track, &search, &integral, &candidate, track_clock_sigma(&search, &candidate));
    for (size_t k = 0; k <= run->n_bits; k++) {
        double needs = track_needs_samples(&track);
        assert_true(track_needs_at_least(&track, k) <= needs);
        if (needs > (double)integral.n_samples) {
            return false;
        }
        track_symbol(&track, &integral, k == run->n_bits ? 1 : -1);
    }
    track_bits(&track, bit);
    return memcmp(bit, sent, run->n_bits) == 0;
}

/* Given start and clock, the loss against ML with all known is that of estimating gain and level
 * (0.02 to 0.08 dB) and of keeping the clock. Asked: at 0.5 dB above the 1 % point of limits.md at
 * most 1 % errors (3000 / 1000 replies, three sigma). */
static void track_is_within_half_a_db(void **unused)
{
    (void)unused;
    static const struct {
        struct run run;
        unsigned n_runs;
    } rows[] = {
        {{.m = 0, .n_bits = 16, .ebn0_db = 7.61}, 3000},
        {{.m = 0, .n_bits = 128, .ebn0_db = 9.03}, 2000},
        {{.m = 1, .n_bits = 16, .ebn0_db = 10.11}, 3000},
        {{.m = 2, .n_bits = 128, .ebn0_db = 11.62}, 800},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        unsigned n_lost = 0;
        for (unsigned k = 0; k < rows[r].n_runs; k++) {
            n_lost += !run_track(&rows[r].run, 24.0);
        }
        double most = 0.01 * rows[r].n_runs;
        printf("m %u, %zu bits, %.2f dB: %u of %u lost\n", 1u << rows[r].run.m, rows[r].run.n_bits,
               rows[r].run.ebn0_db, n_lost, rows[r].n_runs);
        assert_true(n_lost <= most + 3.0 * sqrt(most));
    }
}

/* A start and a clock as wrong as the preamble leaves them at 14 dB (three times the bound). */
static void track_pulls_in(void **unused)
{
    (void)unused;
    static const double clock_error[4] = {0.015, 0.0033, 0.0015, 0.0007};
    for (unsigned k = 0; k < 160; k++) {
        struct run run = {.m = (int)(k % 4), .n_bits = 128, .ebn0_db = 22.0};
        run.clock_error = k / 4 % 2 ? clock_error[run.m] : -clock_error[run.m];
        run.start_error = k / 8 % 2 ? 0.08 : -0.08;
        assert_true(run_track(&run, 24.0));
    }
}

/* A clock that moves by 5 % through an EPC (2.5 % to either side), start and gain still right. */
static void track_follows_drift(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 160; k++) {
        struct run run = {.m = (int)(k % 4),
                          .trext = k / 4 % 2,
                          .n_bits = 128,
                          .ebn0_db = 22.0,
                          .drift_ratio = k / 8 % 2 ? 0.05 : -0.05};
        assert_true(run_track(&run, 24.0));
        const struct track_path *best = track_best(&track);
        double half = 0.5 * reply.rate_sps / reply.blf_hz;
        assert_float_equal(best->start - 0.5, reply.edge[reply.n_levels], 0.15 * half);
        assert_float_equal(best->half / half, 1.0 + 0.5 * run.drift_ratio, 0.015);
        assert_true(cabs(best->gain - reply.gain) < 0.12);
    }
}

/* Score: what the reply's energy gains over noise alone, length * |h|^2 / variance in nats; its
 * share lost at edges is 2/3 sample an edge. Fit: 1 / (1 + 1 / snr). */
static void track_scores_as_theory(void **unused)
{
    (void)unused;
    double score = 0.0, fit = 0.0, ideal = 0.0, ideal_fit = 0.0;
    const unsigned n_runs = 200;
    for (unsigned k = 0; k < n_runs; k++) {
        struct run run = {.m = 0, .n_bits = 128, .ebn0_db = 15.0};
        assert_true(run_track(&run, 24.0));
        double length = reply.edge[reply.n_levels] - reply.start_tick;
        double half = length / (double)reply.n_levels;
        double edges = 1.0 - 2.0 / 3.0 * 0.75 / half * 2.0; /* energy: twice the amplitude's loss */
        double energy = length * edges / (reply.n0 * reply.rate_sps);
        double chips = (double)reply.n_levels;
        score += track_score(&track) / n_runs;
        fit += track_fit_ratio(&track) / n_runs;
        ideal += energy / n_runs;
        ideal_fit += energy / (energy + chips) / n_runs;
    }
    printf("score %.1f, theory %.1f; fit %.4f, theory %.4f\n", score, ideal, fit, ideal_fit);
    assert_float_equal(score / ideal, 1.0, 0.03);
    assert_float_equal(fit, ideal_fit, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(track_is_within_half_a_db),
        cmocka_unit_test(track_pulls_in),
        cmocka_unit_test(track_follows_drift),
        cmocka_unit_test(track_scores_as_theory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
