/* sync.c - preamble search: coarse grid by recursive correlation (sync_fine.c: refinement).
 *
 * Coarse: for each clock of the grid the running sum is read at half-cycle/grid steps; a chip is
 * S[i] = D[i] - S[i+grid] -+ D[i + m grid] with D the half-cycle integrals, so its cost does not
 * grow with m; the preamble (its tail, COARSE_CHIPS or COARSE_CHIPS_LONG of it) is a sum over chips. */
#include "dsp/sync_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"

enum { GRID_MAX = 6, COARSE_CHIPS = 12, COARSE_CHIPS_LONG = 20 };
#define REFINE_MIN_RATIO 0.1 /* of the best coarse score: nothing below is worth refining */
/* half-cycles by which drift may bend a preamble's end away from its begin's clock */
#define BEND_MIN 0.5

struct sync {
    size_t capacity;
    float *at, *chip, *corr; /* pairs: running sum on the grid, chips, correlation */
    float *power;            /* of the correlation, all channels' */
};

struct sync_plan sync_plan_of(const struct sync_search *search)
{
    struct sync_plan plan;
    plan.n_all_chips = search->code->n_preamble_chips[search->trext ? 1 : 0];
    plan.n_chips = search->trext ? COARSE_CHIPS_LONG : COARSE_CHIPS;
    plan.n_chips = plan.n_chips < plan.n_all_chips ? plan.n_chips : plan.n_all_chips;
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

size_t sync_insert(struct sync_candidate *list, size_t n, size_t n_max,
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
    const float *power = sync->power;
    double floor_score = n == n_max ? list[n - 1].score : 0.0;
    for (size_t i = 0; i < grid->n_starts; i++) {
        double score = (double)power[i] * scale;
        if (!(score > floor_score) || (i > 0 && power[i] <= power[i - 1]) ||
            (i + 1 < grid->n_starts && power[i] < power[i + 1])) {
            continue;
        }
        struct sync_candidate entry = {
            .start = grid->lo + grid->step * (double)i - skip, .half = half, .score = score};
        n = sync_insert(list, n, n_max, &entry, 0.75 * half, 3.0 / plan->n_half_cycles);
        floor_score = n == n_max ? list[n - 1].score : 0.0;
    }
    return n;
}

size_t sync_coarse(struct sync *sync, const struct integral *const *channel, unsigned n_channels,
                   const struct sync_search *search, struct sync_candidate *candidate, size_t n_max)
{
    require(n_max >= 1);
    require(n_max <= SYNC_CANDIDATES_MAX);
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

size_t sync_find(struct sync *sync, const struct integral *integral,
                 const struct sync_search *search, struct sync_candidate *candidate, size_t n_max)
{
    size_t n = sync_coarse(sync, &integral, 1, search, candidate, n_max);
    return sync_fine(integral, search, candidate, n);
}
