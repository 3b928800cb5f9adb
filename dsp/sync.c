/* sync.c - preamble search: coarse grid by recursive correlation, then edge-fitted refinement.
 *
 * Coarse: for each clock of the grid the running sum is read at half-cycle/grid steps; a chip is
 * S[i] = D[i] - S[i+grid] -+ D[i + m grid] with D the half-cycle integrals, so its cost does not
 * grow with m; the preamble (its tail, COARSE_CHIPS or COARSE_CHIPS_LONG of it) is a sum over chips. */
#include "dsp/sync.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/edge.h"
#include "dsp/plane.h"

enum {
    BOW_PASSES = 3,
    GRID_MAX = 6,
    COARSE_CHIPS = 12,
    COARSE_CHIPS_LONG = 20,
    REFINE_PASSES = 3,
    CANDIDATES_MAX = 16
};
#define REFINE_MIN_RATIO 0.1 /* of the best coarse score: nothing below is worth refining */
#define FIT_EDGES 48         /* looked at in the first passes; the last one takes all */
#define BEND_MIN                                                                                   \
    0.5 /* half-cycles by which drift may bend a preamble's end away from its begin's clock */
/* of the line through the part that was searched, standard deviations, half-cycles: its end; its clock,
 * times the part's length, beside drift. And of the bend, of the most that is allowed for. */
#define BOW_START_RATIO 0.25
#define BOW_CLOCK 0.15
#define BOW_SIGMA 0.7
#define BOW_FLOOR_RATIO 0.01 /* an edge is never known better than this, half-cycles */
#define RACE_NATS 25.0 /* this far behind on a part of the preamble, not on the whole either */

struct sync {
    size_t capacity;
    float *at, *chip, *corr; /* pairs: running sum on the grid, chips, correlation */
    float *power;            /* of the correlation, all channels' */
};

struct sync_plan { /* the coarse search of one request */
    const int8_t *chip;
    unsigned n_chips;      /* used in the coarse search */
    unsigned n_skip_chips; /* of the whole preamble before them */
    unsigned n_all_chips;
    unsigned n_half_cycles; /* of the used ones */
    unsigned n_clocks;
    unsigned grid; /* points a half-cycle */
    bool bends;    /* drift within the preamble is more than a straight line can stand for */
    double sway;   /* how far drift takes the start that the used chips tell, half-cycles */
};

static struct sync_plan sync_plan_of(const struct sync_search *search)
{
    struct sync_plan plan;
    plan.n_all_chips = search->code->n_preamble_chips[search->trext ? 1 : 0];
    plan.n_chips = search->trext ? COARSE_CHIPS_LONG : COARSE_CHIPS;
    plan.n_skip_chips = plan.n_all_chips - plan.n_chips;
    plan.chip = linecode_preamble(search->code, search->trext) + plan.n_skip_chips;
    plan.n_half_cycles = plan.n_chips * search->code->m;
    /* A clock half a step off moves the template's ends by at most 0.2 half-cycle, 0.35 for Miller:
     * its preamble holds so much more energy that a coarser grid still finds it. */
    bool subcarrier = search->code->m > 1;
    double step_ratio = (subcarrier ? 1.4 : 0.8) / plan.n_half_cycles;
    plan.grid = subcarrier ? 4 : GRID_MAX;
    double span_ratio = log(search->half_hi / search->half_lo);
    plan.n_clocks = 1 + (unsigned)ceil(span_ratio / step_ratio);
    double span = plan.n_all_chips * search->code->m, used = plan.n_half_cycles;
    double centre = span - 0.5 * used;
    plan.bends = search->bend_ratio * span * span > BEND_MIN;
    plan.sway = plan.bends ? search->bend_ratio * (centre * centre - used * used / 12.0) : 0.0;
    return plan;
}

struct sync_grid {        /* of one clock */
    double lo, step;      /* first point, distance; samples */
    size_t n_starts;      /* points at which a reply may begin */
    size_t n_chip_points; /* points at which a chip may begin */
    size_t n_points;
};

static struct sync_grid sync_grid_of(const struct sync_search *search, const struct sync_plan *plan,
                                     double half)
{
    unsigned m = search->code->m;
    double skip = (double)plan->n_skip_chips * m * half;
    double margin = (0.5 + plan->sway) * half;
    struct sync_grid grid = {.lo = search->start_lo - margin + skip, .step = half / plan->grid};
    double range = search->start_hi - search->start_lo + 2.0 * margin;
    grid.n_starts = (size_t)ceil(range / grid.step) + 1;
    grid.n_chip_points = grid.n_starts + (size_t)(plan->n_chips - 1) * m * plan->grid;
    grid.n_points = grid.n_chip_points + (size_t)(m + 1) * plan->grid + 1;
    return grid;
}

enum status sync_new(size_t longest_samples, struct sync **sync)
{
    struct sync *s = calloc(1, sizeof *s);
    if (!s) {
        return status_fail(ST_NO_MEMORY, "preamble search: no memory");
    }
    /* grid points are at least 1/GRID_MAX sample-halves apart: half >= 2 samples */
    s->capacity = longest_samples * GRID_MAX / 2 + 64 * GRID_MAX;
    s->at = malloc(2 * s->capacity * sizeof(float));
    s->chip = malloc(2 * s->capacity * sizeof(float));
    s->corr = malloc(2 * s->capacity * sizeof(float));
    s->power = malloc(s->capacity * sizeof(float));
    if (!s->at || !s->chip || !s->corr || !s->power) {
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
        free((*sync)->chip);
        free((*sync)->corr);
        free((*sync)->power);
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

bool sync_bends(const struct sync_search *search)
{
    return sync_plan_of(search).bends;
}

double sync_n_hypotheses(const struct sync_search *search)
{
    struct sync_plan plan = sync_plan_of(search);
    double range = (search->start_hi - search->start_lo) / search->half_lo;
    double n_starts = 1.0 + range + 2.0 * plan.sway;
    double n_clocks = 1.0 + ceil(log(search->half_hi / search->half_lo) * plan.n_half_cycles / 0.8);
    return 2.0 * n_starts * n_clocks;
}

/* Read the running sum at the grid points lo + i step, to the nearest sample: the grid is coarse
 * anyway. Points out of range are held at the ends.  out at: pairs of re and im */
static void sync_sample(const struct integral *integral, const struct sync_grid *grid, float *at)
{
    const double *sum = (const double *)integral->sum;
    const double re = sum[0], im = sum[1];
    const int64_t last = (int64_t)integral->n_samples;
    const int64_t step = (int64_t)ldexp(grid->step, 32); /* 32 bits of fraction */
    int64_t place = (int64_t)ldexp(grid->lo + 0.5, 32);
    for (size_t i = 0; i < grid->n_points; i++, place += step) {
        int64_t k = place >> 32;
        k = k < 0 ? 0 : k;
        k = k > last ? last : k;
        at[2 * i] = (float)(sum[2 * k] - re);
        at[2 * i + 1] = (float)(sum[2 * k + 1] - im);
    }
}

/* Chip integrals from grid sums, as pairs: chip i starts at grid point i. Directly for the last `grid`
 * of them, then each from the one a half-cycle later. */
VECTOR_CLONES static void sync_chips(const float *at, size_t n_chip_points, unsigned m, size_t grid,
                                     float *chip)
{
    const size_t half = 2 * grid, n = 2 * n_chip_points; /* in floats */
    size_t start = m > 1 && n > half ? n - half : 0;
    for (size_t i = start; i < n; i++) {
        float sum = 0.0F;
        for (unsigned j = 0; j < m; j++) {
            float part = at[i + (j + 1) * half] - at[i + j * half];
            sum += j % 2 == 0 ? part : -part;
        }
        chip[i] = sum;
    }
    while (start > 0) { /* a half-cycle at a time: within it nothing waits for anything */
        size_t n_block = start < half ? start : half;
        start -= n_block;
        const float *restrict next = at + start;
        const float *restrict later = chip + start + half;
        float *restrict out = chip + start;
        for (size_t i = 0; i < n_block; i++) {
            float first = next[i + half] - next[i];
            float past = next[i + (m + 1) * half] - next[i + m * half];
            out[i] = first - past - later[i];
        }
    }
}

/* Power of the correlation with the preamble at every start of the grid, one channel's; the first
 * one's is set, the others' are added. */
VECTOR_CLONES static void sync_correlate(struct sync *sync, const struct integral *integral,
                                         unsigned m, const struct sync_plan *plan,
                                         const struct sync_grid *grid, bool first)
{
    sync_sample(integral, grid, sync->at);
    sync_chips(sync->at, grid->n_chip_points, m, plan->grid, sync->chip);
    size_t n = 2 * grid->n_starts;
    float *restrict sum = sync->corr;
    memset(sum, 0, n * sizeof *sum);
    const size_t apart = 2 * (size_t)m * plan->grid;
    require(plan->n_chips % 4 == 0);
    for (unsigned k = 0; k < plan->n_chips; k += 4) { /* four at a time: less to load and store */
        const float a = plan->chip[k], b = plan->chip[k + 1];
        const float c = plan->chip[k + 2], d = plan->chip[k + 3];
        const float *restrict chip = sync->chip + k * apart;
        for (size_t i = 0; i < n; i++) {
            sum[i] += (a * chip[i] + b * chip[i + apart]) +
                      (c * chip[i + 2 * apart] + d * chip[i + 3 * apart]);
        }
    }
    for (size_t i = 0; i < grid->n_starts; i++) {
        float power = sum[2 * i] * sum[2 * i] + sum[2 * i + 1] * sum[2 * i + 1];
        sync->power[i] = first ? power : sync->power[i] + power;
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

/* Local maxima over the starts of one clock. */
static size_t sync_maxima(const struct sync *sync, const struct sync_search *search,
                          const struct sync_plan *plan, const struct sync_grid *grid,
                          struct sync_candidate *list, size_t n, size_t n_max)
{
    double half = grid->step * plan->grid;
    double scale = 1.0 / (plan->n_half_cycles * half * search->noise_variance);
    double skip = (double)plan->n_skip_chips * search->code->m * half;
    double before = -1.0, here = 0.0;
    double floor_score = n == n_max ? list[n - 1].score : 0.0;
    for (size_t i = 0; i <= grid->n_starts; i++) {
        double after = i < grid->n_starts ? (double)sync->power[i] : -1.0;
        if (i > 0 && here > before && here >= after && here * scale > floor_score) {
            struct sync_candidate entry = {.start = grid->lo + grid->step * (double)(i - 1) - skip,
                                           .half = half,
                                           .score = here * scale};
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

/* Where half-cycle q begins. */
static inline double sync_edge(const struct sync_candidate *candidate, double q)
{
    return candidate->start + q * (candidate->half + q * candidate->bend);
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
    unsigned q = span.first * m;
    double _Complex before = integral_at(integral, sync_edge(candidate, q));
    for (unsigned c = span.first; c < span.end; c++) {
        double level = chip[c];
        for (unsigned j = 0; j < m; j++, level = -level) {
            double _Complex after = integral_at(integral, sync_edge(candidate, ++q));
            sum += level * (after - before);
            before = after;
        }
    }
    return sum;
}

/* Fit start and half-cycle to the timing errors of the span's level changes. */
static void sync_fit(const struct integral *integral, const struct sync_search *search,
                     struct sync_span span, double gate_ratio, unsigned n_edges,
                     struct sync_candidate *candidate)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    double gate = gate_ratio * candidate->half;
    double per_power = edge_per_power(candidate->gain);
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, e0 = 0.0, e1 = 0.0;
    unsigned stride =
        (span.end - span.first) * m / n_edges | 1U; /* odd: rising and falling alike */
    for (unsigned q = span.first * m + 1; q < span.end * m; q += stride) {
        int level = sync_level(chip, m, q);
        if (level == sync_level(chip, m, q - 1)) {
            continue;
        }
        double late = edge_late_samples(integral, candidate->start + q * candidate->half, gate,
                                        level, candidate->gain, candidate->offset, per_power);
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
    double from = sync_edge(candidate, span.first * m);
    double length = sync_edge(candidate, span.end * m) - from;
    double _Complex sum = sync_correlation(integral, search, span, candidate);
    candidate->gain = sum / length;
    candidate->offset = (integral_at(integral, from + length) - integral_at(integral, from)) /
                        length; /* every span used has as much high as low */
    candidate->score = plane_power(sum) / (length * search->noise_variance);
}

void sync_score(const struct integral *integral, const struct sync_search *search,
                struct sync_candidate *candidate)
{
    struct sync_span span = {0, search->code->n_preamble_chips[search->trext ? 1 : 0]};
    double last = span.end * search->code->m;
    if (candidate->start < 0.0 || candidate->half + 2.0 * last * candidate->bend <= 0.0 ||
        sync_edge(candidate, last) > (double)integral->n_samples) { /* cannot be read */
        candidate->score = 0.0;
        return;
    }
    sync_measure(integral, search, span, candidate);
}

/* One step of refinement on the last n_chips chips of the preamble: the step is taken when the
 * correlation grows.   pre  the candidate was measured on the same chips */
static void sync_step(const struct integral *integral, const struct sync_search *search,
                      const struct sync_plan *plan, unsigned n_chips, unsigned pass,
                      struct sync_candidate *candidate)
{
    static const double gate_ratio[REFINE_PASSES] = {0.45, 0.35, 0.25};
    struct sync_span span = {plan->n_all_chips - n_chips, plan->n_all_chips};
    struct sync_candidate moved = *candidate;
    unsigned n_edges = pass + 1 < REFINE_PASSES ? FIT_EDGES : UINT_MAX;
    sync_fit(integral, search, span, gate_ratio[pass], n_edges, &moved);
    double first = (0.5 - span.first * search->code->m) * moved.half;
    double last =
        (double)integral->n_samples - (plan->n_all_chips * search->code->m + 1.0) * moved.half;
    moved.start = moved.start < first ? first : moved.start > last ? last : moved.start;
    sync_measure(integral, search, span, &moved);
    if (moved.score > candidate->score) {
        *candidate = moved;
    }
}

/* The clock over a whole preamble: half-cycle q begins u = q - all of them before its end, at
 * place[0] + place[1] u + place[2] u^2. */
struct bow {
    double place[3], cov[3][3];
};

/* What is known before any edge is looked at: the line through the part that was searched. */
static struct bow bow_of_line(const struct sync_search *search, const struct sync_plan *plan,
                              const struct sync_candidate *line)
{
    double n_all = plan->n_all_chips * search->code->m, n_part = plan->n_half_cycles;
    double start = BOW_START_RATIO * line->half;
    double clock = (search->bend_ratio * n_part + BOW_CLOCK / n_part) * line->half;
    double bend = BOW_SIGMA * search->bend_ratio * line->half;
    return (struct bow){
        .place = {line->start + n_all * line->half, line->half, 0.0},
        .cov = {{start * start, 0.0, 0.0}, {0.0, clock * clock, 0.0}, {0.0, 0.0, bend * bend}},
    };
}

static void bow_candidate(const struct bow *bow, double n_all, struct sync_candidate *candidate)
{
    candidate->bend = bow->place[2];
    candidate->half = bow->place[1] - 2.0 * n_all * bow->place[2];
    candidate->start = bow->place[0] - n_all * (bow->place[1] - n_all * bow->place[2]);
}

/* One measurement: half-cycle n_all + u begins at `at`. */
static void bow_measure(struct bow *bow, double u, double at, double variance)
{
    const double h[3] = {1.0, u, u * u};
    double ph[3], sum = variance, error = at;
    for (unsigned i = 0; i < 3; i++) {
        ph[i] = bow->cov[i][0] * h[0] + bow->cov[i][1] * h[1] + bow->cov[i][2] * h[2];
        sum += h[i] * ph[i];
        error -= h[i] * bow->place[i];
    }
    for (unsigned i = 0; i < 3; i++) {
        bow->place[i] += ph[i] / sum * error;
        for (unsigned j = 0; j < 3; j++) {
            bow->cov[i][j] -= ph[i] * ph[j] / sum;
        }
    }
}

/* Mean place of the level changes of two chips, as a candidate expects them within a gate.
 *   out returns how many, 0 when they cannot be read */
static unsigned sync_edges(const struct integral *integral, const struct sync_search *search,
                           const struct sync_candidate *guide, unsigned chip_index, double gate,
                           double *where, double *at)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    unsigned first = chip_index * m, end = (chip_index + 2) * m;
    struct edges edges = {0};
    bool runs_on = guide->half > 0.0 && guide->half + 2.0 * end * guide->bend > 0.0;
    if (!runs_on || sync_edge(guide, first) < gate ||
        sync_edge(guide, end) + gate > (double)integral->n_samples) {
        return 0;
    }
    int last = first > 0 ? sync_level(chip, m, first - 1) : chip[0]; /* before the first: idle */
    unsigned q = first;
    for (unsigned c = chip_index; c < chip_index + 2; c++) {
        int level = chip[c];
        for (unsigned j = 0; j < m; j++, q++, level = -level) {
            if (level != last) {
                edges_add(&edges, integral, sync_edge(guide, q), gate, level, q);
            }
            last = level;
        }
    }
    if (edges.n > 0) {
        *where = edges.where / edges.n;
        *at =
            sync_edge(guide, *where) + edges_late_samples(&edges, gate, guide->gain, guide->offset,
                                                          edge_per_power(guide->gain));
    }
    return edges.n;
}

/* Follow a clock that may drift from the part of the preamble that was searched back to its begin:
 * the far end cannot be reached by a straight line. Then again with what the first pass told. */
static void sync_bow(const struct integral *integral, const struct sync_search *search,
                     const struct sync_plan *plan, struct sync_candidate *candidate)
{
    static const double gate_ratio[BOW_PASSES] = {0.4, 0.25, 0.15};
    double n_all = plan->n_all_chips * search->code->m;
    struct sync_candidate guide = *candidate;
    for (unsigned pass = 0; pass < BOW_PASSES; pass++) {
        struct bow bow = bow_of_line(search, plan, candidate);
        double gate = gate_ratio[pass] * candidate->half;
        double floor_samples = BOW_FLOOR_RATIO * candidate->half;
        double variance = search->noise_variance * gate / (4.0 * plane_power(guide.gain)) +
                          floor_samples * floor_samples;
        for (unsigned k = plan->n_all_chips; k > 0; k -= 2) {
            if (pass == 0) {
                bow_candidate(&bow, n_all, &guide);
            }
            double where, at;
            unsigned n = sync_edges(integral, search, &guide, k - 2, gate, &where, &at);
            if (n > 0) {
                bow_measure(&bow, where - n_all, at, variance / n);
            }
        }
        bow_candidate(&bow, n_all, &guide);
        sync_score(integral, search, &guide);
        if (guide.score <= 0.0) {
            break;
        }
    }
    *candidate = guide;
}

/* Refine on the part of the preamble that was searched, then on ever more of it: each step's clock is
 * good enough to reach the next one's far end. What falls behind is left as it is. */
static void sync_refine_all(const struct integral *integral, const struct sync_search *search,
                            const struct sync_plan *plan, struct sync_candidate *candidate,
                            size_t n)
{
    bool racing[CANDIDATES_MAX];
    for (size_t k = 0; k < n; k++) {
        racing[k] = true;
    }
    for (unsigned n_chips = plan->n_chips;;) {
        struct sync_span span = {plan->n_all_chips - n_chips, plan->n_all_chips};
        unsigned first = n_chips == plan->n_chips ? 0 : 1; /* later parts begin near the truth */
        for (unsigned pass = first; pass < REFINE_PASSES; pass++) {
            double best = 0.0;
            for (size_t k = 0; k < n; k++) {
                if (racing[k] && pass == first) {
                    sync_measure(integral, search, span, &candidate[k]);
                }
                if (racing[k] && candidate[k].score > 0.0) {
                    sync_step(integral, search, plan, n_chips, pass, &candidate[k]);
                }
                best = racing[k] ? fmax(best, candidate[k].score) : best;
            }
            /* the more edges, the less a wrong half-cycle costs of a strong preamble */
            double behind = search->code->m > 4 ? fmax(RACE_NATS, 0.3 * best) : RACE_NATS;
            for (size_t k = 0; k < n; k++) {
                racing[k] = racing[k] && candidate[k].score >= best - behind;
            }
        }
        if (n_chips == plan->n_all_chips) {
            return;
        }
        for (size_t k = 0; plan->bends && k < n; k++) {
            if (racing[k] && candidate[k].score > 0.0) {
                sync_bow(integral, search, plan, &candidate[k]);
            }
        }
        if (plan->bends) {
            return;
        }
        n_chips = 2 * n_chips < plan->n_all_chips ? 2 * n_chips : plan->n_all_chips;
    }
}

size_t sync_coarse(struct sync *sync, const struct integral *const *channel, unsigned n_channels,
                   const struct sync_search *search, struct sync_candidate *candidate, size_t n_max)
{
    require(n_max >= 1);
    require(n_max <= CANDIDATES_MAX);
    require(search->noise_variance > 0.0);
    require(search->half_lo >= 1.0);
    struct sync_plan plan = sync_plan_of(search);
    size_t n = 0;
    for (unsigned k = 0; k < plan.n_clocks; k++) {
        double part = plan.n_clocks > 1 ? (double)k / (plan.n_clocks - 1) : 0.5;
        double half = search->half_lo * pow(search->half_hi / search->half_lo, part);
        struct sync_grid grid = sync_grid_of(search, &plan, half);
        require(grid.n_points <= sync->capacity);
        for (unsigned c = 0; c < n_channels; c++) {
            sync_correlate(sync, channel[c], search->code->m, &plan, &grid, c == 0);
        }
        n = sync_maxima(sync, search, &plan, &grid, candidate, n, n_max);
    }
    while (n > 0 && candidate[n - 1].score < REFINE_MIN_RATIO * candidate[0].score) {
        n--;
    }
    return n;
}

void sync_weights(const struct integral *const *channel, unsigned n_channels,
                  const struct sync_search *search, const struct sync_candidate *candidate,
                  double _Complex *weight)
{
    struct sync_plan plan = sync_plan_of(search);
    struct sync_span span = {plan.n_skip_chips, plan.n_all_chips};
    double total = 0.0;
    for (unsigned c = 0; c < n_channels; c++) {
        weight[c] = conj(sync_correlation(channel[c], search, span, candidate));
        total += plane_power(weight[c]);
    }
    for (unsigned c = 0; c < n_channels; c++) {
        weight[c] = total > 0.0 ? weight[c] / sqrt(total) : sqrt(1.0 / n_channels);
    }
}

size_t sync_fine(const struct integral *integral, const struct sync_search *search,
                 struct sync_candidate *candidate, size_t n)
{
    require(n <= CANDIDATES_MAX);
    struct sync_plan plan = sync_plan_of(search);
    struct sync_candidate fine[CANDIDATES_MAX];
    memcpy(fine, candidate, n * sizeof *fine);
    sync_refine_all(integral, search, &plan, fine, n);
    size_t n_kept = 0;
    for (size_t k = 0; k < n; k++) {
        n_kept = sync_insert(candidate, n_kept, n, &fine[k], 0.3 * fine[k].half,
                             0.6 / plan.n_half_cycles);
    }
    return n_kept;
}

size_t sync_find(struct sync *sync, const struct integral *integral,
                 const struct sync_search *search, struct sync_candidate *candidate, size_t n_max)
{
    size_t n = sync_coarse(sync, &integral, 1, search, candidate, n_max);
    return sync_fine(integral, search, candidate, n);
}
