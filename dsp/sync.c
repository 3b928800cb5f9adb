/* sync.c - preamble search: coarse grid by recursive correlation, then edge-fitted refinement.
 *
 * Coarse: for each clock of the grid the running sum is read at half-cycle/GRID steps; a chip is
 * S[i] = D[i] - S[i+GRID] -+ D[i + m GRID] with D the half-cycle integrals, so its cost does not
 * grow with m; the preamble (its tail, COARSE_CHIPS_MAX at most) is a sum over chips. */
#include "dsp/sync.h"

#include <math.h>
#include <stdlib.h>

#include "config/require.h"
#include "dsp/edge.h"

enum { GRID = 6, COARSE_CHIPS_MAX = 20, REFINE_PASSES = 3, CANDIDATES_MAX = 16 };

struct sync {
    size_t capacity;
    double _Complex *at; /* running sum on the grid */
    float *chip_re, *chip_im;
    float *corr_re, *corr_im;
};

struct sync_plan { /* the coarse search of one request */
    const int8_t *chip;
    unsigned n_chips;      /* used in the coarse search */
    unsigned n_skip_chips; /* of the whole preamble before them */
    unsigned n_all_chips;
    unsigned n_half_cycles; /* of the used ones */
    unsigned n_clocks;
};

static struct sync_plan sync_plan_of(const struct sync_search *search)
{
    struct sync_plan plan;
    plan.n_all_chips = search->code->n_preamble_chips[search->trext ? 1 : 0];
    plan.n_chips = plan.n_all_chips < COARSE_CHIPS_MAX ? plan.n_all_chips : COARSE_CHIPS_MAX;
    plan.n_skip_chips = plan.n_all_chips - plan.n_chips;
    plan.chip = linecode_preamble(search->code, search->trext) + plan.n_skip_chips;
    plan.n_half_cycles = plan.n_chips * search->code->m;
    /* a clock half a step off moves the template's ends by at most 0.2 half-cycle */
    double step_ratio = 0.8 / plan.n_half_cycles;
    double span_ratio = log(search->half_hi / search->half_lo);
    plan.n_clocks = 1 + (unsigned)ceil(span_ratio / step_ratio);
    return plan;
}

enum status sync_new(size_t longest_samples, struct sync **sync)
{
    struct sync *s = calloc(1, sizeof *s);
    if (!s) {
        return status_fail(ST_NO_MEMORY, "preamble search: no memory");
    }
    /* grid points are at least 1/GRID sample-halves apart: half >= 2 samples */
    s->capacity = longest_samples * GRID / 2 + 64 * GRID;
    s->at = malloc(s->capacity * sizeof *s->at);
    s->chip_re = malloc(s->capacity * sizeof(float));
    s->chip_im = malloc(s->capacity * sizeof(float));
    s->corr_re = malloc(s->capacity * sizeof(float));
    s->corr_im = malloc(s->capacity * sizeof(float));
    if (!s->at || !s->chip_re || !s->chip_im || !s->corr_re || !s->corr_im) {
        sync_free(&s);
        return status_fail(ST_NO_MEMORY, "preamble search: no memory for %zu points", s->capacity);
    }
    *sync = s;
    return ST_OK;
}

void sync_free(struct sync **sync)
{
    if (*sync) {
        free((*sync)->at);
        free((*sync)->chip_re);
        free((*sync)->chip_im);
        free((*sync)->corr_re);
        free((*sync)->corr_im);
        free(*sync);
        *sync = NULL;
    }
}

double sync_needs_samples(const struct sync_search *search)
{
    struct sync_plan plan = sync_plan_of(search);
    unsigned n_half_cycles = plan.n_all_chips * search->code->m;
    return search->start_hi + (n_half_cycles + 2.0) * search->half_hi + 2.0;
}

double sync_n_hypotheses(const struct sync_search *search)
{
    struct sync_plan plan = sync_plan_of(search);
    double n_starts = 1.0 + (search->start_hi - search->start_lo) / search->half_lo;
    return 2.0 * n_starts * plan.n_clocks;
}

/* Read the running sum on the grid lo + i step; out-of-range points are held at the ends. */
static void sync_sample(const struct integral *integral, double lo, double step, size_t n,
                        double _Complex *at)
{
    double last = (double)integral->n_samples;
    for (size_t i = 0; i < n; i++) {
        double t = lo + step * (double)i;
        at[i] = integral_at(integral, t < 0.0 ? 0.0 : t > last ? last : t);
    }
}

/* Chip integrals from grid sums: chip i starts at grid point i. */
static void sync_chips(struct sync *sync, size_t n_chip_points, unsigned m)
{
    const double _Complex *at = sync->at;
    size_t start = n_chip_points > GRID && m > 1 ? n_chip_points - GRID : 0;
    for (size_t i = start; i < n_chip_points; i++) { /* directly: the recursion's seed (or m = 1) */
        double _Complex sum = 0.0;
        for (unsigned j = 0; j < m; j++) {
            double _Complex half = at[i + (j + 1) * GRID] - at[i + j * GRID];
            sum += j % 2 == 0 ? half : -half;
        }
        sync->chip_re[i] = (float)creal(sum);
        sync->chip_im[i] = (float)cimag(sum);
    }
    for (size_t i = start; i-- > 0;) {
        double _Complex first = at[i + GRID] - at[i];
        double _Complex past = at[i + (m + 1) * GRID] - at[i + m * GRID];
        sync->chip_re[i] = (float)creal(first - past) - sync->chip_re[i + GRID];
        sync->chip_im[i] = (float)cimag(first - past) - sync->chip_im[i + GRID];
    }
}

static void sync_correlate(struct sync *sync, const struct sync_plan *plan, size_t n_starts,
                           unsigned m)
{
    for (size_t i = 0; i < n_starts; i++) {
        sync->corr_re[i] = sync->corr_im[i] = 0.0F;
    }
    for (unsigned k = 0; k < plan->n_chips; k++) {
        const float sign = plan->chip[k];
        const float *re = sync->chip_re + (size_t)k * m * GRID;
        const float *im = sync->chip_im + (size_t)k * m * GRID;
        for (size_t i = 0; i < n_starts; i++) {
            sync->corr_re[i] += sign * re[i];
            sync->corr_im[i] += sign * im[i];
        }
    }
}

/* Insert into the list sorted by score, one entry a neighbourhood. */
static size_t sync_insert(struct sync_candidate *list, size_t n, size_t n_max,
                          const struct sync_candidate *entry, double apart, double clock_ratio)
{
    for (size_t k = 0; k < n; k++) {
        bool close = fabs(list[k].start - entry->start) < apart &&
                     fabs(list[k].half / entry->half - 1.0) < clock_ratio;
        if (close && list[k].score >= entry->score) {
            return n;
        }
        if (close) {
            for (size_t j = k; j + 1 < n; j++) {
                list[j] = list[j + 1];
            }
            n--;
            k--;
        }
    }
    size_t at = n;
    while (at > 0 && list[at - 1].score < entry->score) {
        at--;
    }
    if (at >= n_max) {
        return n;
    }
    n = n < n_max ? n + 1 : n;
    for (size_t j = n - 1; j > at; j--) {
        list[j] = list[j - 1];
    }
    list[at] = *entry;
    return n;
}

/* One clock of the grid: correlate over all starts, keep local maxima. */
static size_t sync_scan(struct sync *sync, const struct integral *integral,
                        const struct sync_search *search, const struct sync_plan *plan, double half,
                        struct sync_candidate *list, size_t n, size_t n_max)
{
    unsigned m = search->code->m;
    double step = half / GRID;
    double skip = (double)plan->n_skip_chips * m * half;
    double lo = search->start_lo - 0.5 * half + skip;
    size_t n_starts = (size_t)ceil((search->start_hi - search->start_lo + half) / step) + 1;
    size_t n_chip_points = n_starts + (size_t)(plan->n_chips - 1) * m * GRID;
    size_t n_points = n_chip_points + (size_t)(m + 1) * GRID + 1;
    require(n_points <= sync->capacity);
    sync_sample(integral, lo, step, n_points, sync->at);
    sync_chips(sync, n_chip_points, m);
    sync_correlate(sync, plan, n_starts, m);
    double scale = 1.0 / (plan->n_half_cycles * half * search->noise_variance);
    double before = -1.0, here = 0.0;
    double floor_score = n == n_max ? list[n - 1].score : 0.0;
    for (size_t i = 0; i <= n_starts; i++) {
        double after = i < n_starts ? (double)(sync->corr_re[i] * sync->corr_re[i] +
                                               sync->corr_im[i] * sync->corr_im[i])
                                    : -1.0;
        if (i > 0 && here > before && here >= after && here * scale > floor_score) {
            struct sync_candidate entry = {
                .start = lo + step * (double)(i - 1) - skip, .half = half, .score = here * scale};
            n = sync_insert(list, n, n_max, &entry, 0.75 * half, 3.0 / plan->n_half_cycles);
            floor_score = n == n_max ? list[n - 1].score : 0.0;
        }
        before = here;
        here = after;
    }
    return n;
}

/* Level (+1, -1) of half-cycle q of a chip sequence. */
static inline int sync_level(const int8_t *chip, unsigned m, unsigned q)
{
    return q % m % 2 == 0 ? chip[q / m] : -chip[q / m];
}

struct sync_span { /* chips of the preamble, half open */
    unsigned first, end;
};

/* Correlation of a part of the preamble at exact positions: sum of signs times half-cycle integrals. */
static double _Complex sync_correlation(const struct integral *integral,
                                        const struct sync_search *search, struct sync_span span,
                                        const struct sync_candidate *candidate)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    double _Complex sum = 0.0;
    double _Complex before =
        integral_at(integral, candidate->start + span.first * m * candidate->half);
    for (unsigned q = span.first * m; q < span.end * m; q++) {
        double _Complex after = integral_at(integral, candidate->start + (q + 1) * candidate->half);
        sum += sync_level(chip, m, q) * (after - before);
        before = after;
    }
    return sum;
}

/* Fit start and half-cycle to the timing errors of the span's level changes. */
static void sync_fit(const struct integral *integral, const struct sync_search *search,
                     struct sync_span span, double gate_ratio, struct sync_candidate *candidate)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    double gate = gate_ratio * candidate->half;
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, e0 = 0.0, e1 = 0.0;
    for (unsigned q = span.first * m + 1; q < span.end * m; q++) {
        int level = sync_level(chip, m, q);
        if (level == sync_level(chip, m, q - 1)) {
            continue;
        }
        double late = edge_late_samples(integral, candidate->start + q * candidate->half, gate,
                                        level, candidate->gain, candidate->offset);
        s0 += 1.0;
        s1 += q;
        s2 += (double)q * q;
        e0 += late;
        e1 += late * q;
    }
    double determinant = s0 * s2 - s1 * s1;
    if (determinant <= 0.0) {
        return;
    }
    double slope = (s0 * e1 - s1 * e0) / determinant;
    double half = candidate->half + slope;
    half = half < search->half_lo   ? search->half_lo
           : half > search->half_hi ? search->half_hi
                                    : half;
    /* keep the fit at the centre of the edges when the clock is clamped */
    candidate->start += e0 / s0 - (half - candidate->half) * s1 / s0;
    candidate->half = half;
}

static void sync_measure(const struct integral *integral, const struct sync_search *search,
                         struct sync_span span, struct sync_candidate *candidate)
{
    unsigned m = search->code->m;
    double length = (span.end - span.first) * m * candidate->half;
    double from = candidate->start + span.first * m * candidate->half;
    double _Complex sum = sync_correlation(integral, search, span, candidate);
    candidate->gain = sum / length;
    candidate->offset = (integral_at(integral, from + length) - integral_at(integral, from)) /
                        length; /* every span used has as much high as low */
    candidate->score =
        (creal(sum) * creal(sum) + cimag(sum) * cimag(sum)) / (length * search->noise_variance);
}

void sync_score(const struct integral *integral, const struct sync_search *search,
                struct sync_candidate *candidate)
{
    struct sync_span span = {0, search->code->n_preamble_chips[search->trext ? 1 : 0]};
    double length = span.end * search->code->m * candidate->half;
    if (candidate->start < 0.0 ||
        candidate->start + length > (double)integral->n_samples) { /* cannot be read */
        candidate->score = 0.0;
        return;
    }
    sync_measure(integral, search, span, candidate);
}

/* Refine on the part of the preamble that was searched, then on ever more of it: each step's clock
 * is good enough to reach the next one's far end. */
static void sync_refine(const struct integral *integral, const struct sync_search *search,
                        const struct sync_plan *plan, struct sync_candidate *candidate)
{
    static const double gate_ratio[REFINE_PASSES] = {0.45, 0.35, 0.25};
    unsigned n_all = plan->n_all_chips;
    double reach = (n_all * search->code->m + 1.0) * search->half_hi;
    double first = 0.5 * candidate->half;
    double last = (double)integral->n_samples - reach;
    for (unsigned n_chips = plan->n_chips;;) {
        struct sync_span span = {n_all - n_chips, n_all};
        sync_measure(integral, search, span, candidate);
        for (int pass = 0; pass < REFINE_PASSES && candidate->score > 0.0; pass++) {
            struct sync_candidate moved = *candidate;
            sync_fit(integral, search, span, gate_ratio[pass], &moved);
            moved.start = moved.start < first ? first : moved.start > last ? last : moved.start;
            sync_measure(integral, search, span, &moved);
            if (moved.score > candidate->score) {
                *candidate = moved;
            }
        }
        if (n_chips == n_all) {
            return;
        }
        n_chips = 2 * n_chips < n_all ? 2 * n_chips : n_all;
    }
}

size_t sync_find(struct sync *sync, const struct integral *integral,
                 const struct sync_search *search, struct sync_candidate *candidate, size_t n_max)
{
    require(n_max >= 1);
    require(n_max <= CANDIDATES_MAX);
    require(search->noise_variance > 0.0);
    require(search->half_lo >= 1.0);
    struct sync_plan plan = sync_plan_of(search);
    struct sync_candidate coarse[CANDIDATES_MAX];
    size_t n_coarse = 0;
    for (unsigned k = 0; k < plan.n_clocks; k++) {
        double part = plan.n_clocks > 1 ? (double)k / (plan.n_clocks - 1) : 0.5;
        double half = search->half_lo * pow(search->half_hi / search->half_lo, part);
        n_coarse = sync_scan(sync, integral, search, &plan, half, coarse, n_coarse, n_max);
    }
    size_t n = 0;
    for (size_t k = 0; k < n_coarse; k++) {
        sync_refine(integral, search, &plan, &coarse[k]);
        n = sync_insert(candidate, n, n_max, &coarse[k], 0.3 * coarse[k].half,
                        0.6 / plan.n_half_cycles);
    }
    return n;
}
