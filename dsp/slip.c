/* slip.c - search, timing by areas, and the filter.
 * An edge between levels a and b that lies `late` after t leaves the area g (a + b) + late (a - b) in
 * t - g .. t + g. Falling and rising edges see errors of the levels with opposite signs, and there are
 * as many of one as of the other, so that the mean of all knows nothing of them. */
#include "dsp/slip.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define GATE_PW 0.45          /* half width of an edge's area */
#define LATE_SIGMA_GATES 0.15 /* deviation of the mean from pulse to pulse: noise scatters more */
#define CONTRAST_MIN 0.3      /* of the carrier, edge by edge: less is not our command */
#define CLOCK_SIGMA 5e-6      /* two oscillators of 2.5 ppm */
#define CLOCK_WANDER 1e-8     /* of clock_ratio in a second */
#define HINT_SIGMA 3e-7       /* beyond what the carrier's offset is known to: caution */
#define LATE_SIGMA_MIN 0.003  /* samples: pulse shapes are not ideal */
#define SEARCH_SIGMAS 5.0
#define OUTLIER_SIGMAS 6.0
#define OUTLIER_SAMPLES 0.5
#define RANGE_MAX_US 60.0 /* searched around a prediction: the tag's answer comes after it */
enum { EDGES_USED_MAX = 256, MISSES_MAX = 32, REFINEMENTS = 4 };

struct slip {
    struct slip_cfg cfg;
    bool locked, hinted;
    double ref_tick, offset, clock_ratio; /* at ref_tick, transmit clock */
    double p00, p01, p11;
    unsigned n_missed_in_a_row;
    uint64_t n_found, n_missed;
    bool expecting;
    double start_tick; /* transmit clock */
    size_t n_edges;
    double edge_ticks[EDGES_USED_MAX];     /* after start_tick; even: falls */
    double gate;                           /* samples */
    double guess, range;                   /* offset searched for: guess +- range */
    int64_t from_tick, to_tick, next_tick; /* receive clock: what is kept */
    size_t n_sums, capacity;
    double *sum; /* sum[k]: magnitudes of the k samples from from_tick on */
};

enum status slip_new(const struct slip_cfg *cfg, struct slip **slip)
{
    require(cfg->spread_us >= 1.0);
    require(cfg->spread_us <= 1e5);
    struct slip *s = calloc(1, sizeof *s);
    if (!s) {
        return status_fail(ST_NO_MEMORY, "clock tracking: no memory");
    }
    s->cfg = *cfg;
    double longest_us = 2.0 * cfg->spread_us + SLIP_COMMAND_MAX_US + 4.0 * RANGE_MAX_US;
    s->capacity = (size_t)(longest_us * 1e-6 * cfg->rate_sps) + 64;
    s->sum = malloc(s->capacity * sizeof *s->sum);
    if (!s->sum) {
        slip_free(&s);
        return status_fail(ST_NO_MEMORY, "clock tracking: no memory");
    }
    *slip = s;
    return ST_OK;
}

void slip_free(struct slip **slip)
{
    if (*slip) {
        free((*slip)->sum);
        free(*slip);
        *slip = NULL;
    }
}

/* Offset at a transmit tick. */
static double offset_at(const struct slip *slip, double tx_tick)
{
    return slip->offset + slip->clock_ratio * (tx_tick - slip->ref_tick);
}

double slip_rx_tick(const struct slip *slip, double tx_tick)
{
    return tx_tick + offset_at(slip, tx_tick);
}

double slip_tx_tick(const struct slip *slip, double rx_tick)
{
    double since = rx_tick - slip->ref_tick - slip->offset;
    return slip->ref_tick + since / (1.0 + slip->clock_ratio);
}

bool slip_is_locked(const struct slip *slip)
{
    return slip->locked;
}

/* Variance of the offset at a transmit tick; the filter's state moves there. */
static void filter_predict(struct slip *slip, double tx_tick)
{
    double dt = tx_tick - slip->ref_tick;
    double wander = CLOCK_WANDER * CLOCK_WANDER / slip->cfg.rate_sps; /* of the rate, a tick */
    double span = fmax(dt, 0.0);
    slip->offset += slip->clock_ratio * dt;
    slip->ref_tick = tx_tick;
    slip->p00 += 2.0 * dt * slip->p01 + dt * dt * slip->p11 + wander * span * span * span / 3.0;
    slip->p01 += dt * slip->p11 + 0.5 * wander * span * span;
    slip->p11 += wander * span;
}

static void filter_correct(struct slip *slip, double late, double variance)
{
    double total = slip->p00 + variance;
    double gain = slip->p00 / total, rate_gain = slip->p01 / total;
    slip->offset += gain * late;
    slip->clock_ratio += rate_gain * late;
    slip->p11 -= rate_gain * slip->p01;
    slip->p01 *= 1.0 - gain;
    slip->p00 *= 1.0 - gain;
}

void slip_hint(struct slip *slip, double clock_ratio)
{
    if (!slip->locked || slip->hinted) {
        return;
    }
    slip->hinted = true;
    double total = slip->p11 + HINT_SIGMA * HINT_SIGMA;
    double beyond = clock_ratio - slip->clock_ratio;
    if (beyond * beyond > 9.0 * total) {
        return; /* not the same reference after all */
    }
    double gain = slip->p11 / total, offset_gain = slip->p01 / total;
    slip->clock_ratio += gain * beyond;
    slip->offset += offset_gain * beyond;
    slip->p00 -= offset_gain * slip->p01;
    slip->p01 *= 1.0 - gain;
    slip->p11 *= 1.0 - gain;
}

void slip_expect(struct slip *slip, double start_tick, const struct pie_edges *edges, double pw_us,
                 double after_us)
{
    double per_us = slip->cfg.rate_sps * 1e-6;
    slip->start_tick = start_tick;
    slip->n_edges = 0;
    while (slip->n_edges + 2 <= edges->n_edges && slip->n_edges + 2 <= EDGES_USED_MAX &&
           edges->us[slip->n_edges + 1] <= SLIP_COMMAND_MAX_US) {
        slip->edge_ticks[slip->n_edges] = edges->us[slip->n_edges] * per_us;
        slip->edge_ticks[slip->n_edges + 1] = edges->us[slip->n_edges + 1] * per_us;
        slip->n_edges += 2;
    }
    require(slip->n_edges >= 2);
    slip->gate = fmax(GATE_PW * pw_us * per_us, 1.5);
    double around = 3.0 * slip->gate + 2.0;
    if (slip->locked) {
        filter_predict(slip, start_tick);
        slip->guess = slip->offset;
        double range_max = fmax(fmin(RANGE_MAX_US, after_us) * per_us - around, 0.0);
        slip->range = fmin(SEARCH_SIGMAS * sqrt(slip->p00), range_max);
    } else {
        slip->guess = 0.0;
        slip->range = slip->cfg.spread_us * per_us;
    }
    double margin = slip->range + around;
    double last = slip->edge_ticks[slip->n_edges - 1];
    slip->from_tick = (int64_t)floor(start_tick + slip->guess - margin);
    slip->to_tick = (int64_t)ceil(start_tick + slip->guess + last + margin);
    require((size_t)(slip->to_tick - slip->from_tick) < slip->capacity);
    slip->n_sums = 0;
    slip->expecting = true;
}

/* Area of the magnitude between from_tick and `tick`; a sample stands for the half tick on both sides
 * of it. */
static double area_until(const struct slip *slip, double tick)
{
    double place = tick - (double)slip->from_tick + 0.5;
    place = fmax(place, 0.0);
    size_t index = (size_t)place;
    if (index + 1 >= slip->n_sums) {
        return slip->sum[slip->n_sums - 1];
    }
    return slip->sum[index] + (place - (double)index) * (slip->sum[index + 1] - slip->sum[index]);
}

static double mean_between(const struct slip *slip, double from, double to)
{
    return (area_until(slip, to) - area_until(slip, from)) / (to - from);
}

/* Mean step of the level at the edges, were the command `offset` late. */
static double contrast(const struct slip *slip, double offset)
{
    double sum = 0.0, first = slip->start_tick + offset;
    for (size_t k = 0; k < slip->n_edges; k++) {
        double tick = first + slip->edge_ticks[k];
        double middle = area_until(slip, tick);
        double before = middle - area_until(slip, tick - slip->gate);
        double after = area_until(slip, tick + slip->gate) - middle;
        sum += k % 2 ? after - before : before - after;
    }
    return sum / (slip->gate * (double)slip->n_edges);
}

/* Where the contrast is greatest within guess +- range. */
static double search(const struct slip *slip, double guess, double range, double step)
{
    double best = guess, best_contrast = contrast(slip, guess);
    long n = (long)ceil(range / step);
    for (long k = -n; k <= n; k++) {
        double offset = guess + (double)k * step;
        double value = contrast(slip, offset);
        if (value > best_contrast) {
            best_contrast = value;
            best = offset;
        }
    }
    return best;
}

struct levels {
    double low, high;
};

/* In the middle of the low pulses, and as far before and after them. */
static struct levels levels_at(const struct slip *slip, double offset)
{
    struct levels levels = {0.0, 0.0};
    double n = 0.5 * (double)slip->n_edges, first = slip->start_tick + offset;
    double near = 0.5 * slip->gate;
    for (size_t k = 0; k < slip->n_edges; k += 2) {
        double fall = first + slip->edge_ticks[k], rise = first + slip->edge_ticks[k + 1];
        double middle = 0.5 * (fall + rise);
        levels.low += mean_between(slip, middle - near, middle + near) / n;
        levels.high += 0.5 * mean_between(slip, fall - 2.0 * slip->gate, fall - slip->gate) / n;
        levels.high += 0.5 * mean_between(slip, rise + slip->gate, rise + 2.0 * slip->gate) / n;
    }
    return levels;
}

/* How late the command is beyond `offset`.   out *variance of it, from pulse to pulse */
static double late_by_areas(const struct slip *slip, double offset, struct levels levels,
                            double *variance)
{
    double sum = 0.0, squares = 0.0, first = slip->start_tick + offset;
    double n = 0.5 * (double)slip->n_edges, gate = slip->gate;
    for (size_t k = 0; k < slip->n_edges; k += 2) {
        double fall = first + slip->edge_ticks[k], rise = first + slip->edge_ticks[k + 1];
        double whole = gate * (levels.low + levels.high);
        double at_fall = area_until(slip, fall + gate) - area_until(slip, fall - gate) - whole;
        double at_rise = area_until(slip, rise + gate) - area_until(slip, rise - gate) - whole;
        double late = 0.5 * (at_fall - at_rise) / (levels.high - levels.low);
        sum += late;
        squares += late * late;
    }
    double mean = sum / n;
    double spread = n > 1.0 ? fmax(squares / n - mean * mean, 0.0) / (n - 1.0) : gate * gate;
    *variance = spread + LATE_SIGMA_MIN * LATE_SIGMA_MIN;
    return mean;
}

static void missed(struct slip *slip)
{
    slip->n_missed++;
    slip->n_missed_in_a_row++;
    if (slip->n_missed_in_a_row > MISSES_MAX) {
        slip->locked = false;
    } else if (slip->locked && slip->n_missed_in_a_row > 1) {
        slip->p00 = 4.0 * slip->p00 + slip->gate * slip->gate; /* look further next time */
    }
}

static void found(struct slip *slip, double offset, double variance)
{
    double late = offset - slip->guess;
    if (!slip->locked) {
        slip->locked = true;
        slip->hinted = false;
        slip->ref_tick = slip->start_tick;
        slip->offset = offset;
        slip->clock_ratio = 0.0;
        slip->p00 = variance;
        slip->p01 = 0.0;
        slip->p11 = CLOCK_SIGMA * CLOCK_SIGMA;
    } else if (fabs(late) > OUTLIER_SIGMAS * sqrt(slip->p00 + variance) + OUTLIER_SAMPLES) {
        missed(slip);
        return;
    } else {
        filter_correct(slip, late, variance);
    }
    slip->n_missed_in_a_row = 0;
    slip->n_found++;
}

static void measure(struct slip *slip)
{
    double offset = slip->guess;
    if (slip->range > 0.25 * slip->gate) {
        offset = search(slip, offset, slip->range, 0.5 * slip->gate);
        offset = search(slip, offset, 0.5 * slip->gate, 0.125 * slip->gate);
    }
    struct levels levels = levels_at(slip, offset);
    if (!(contrast(slip, offset) > CONTRAST_MIN * levels.high) || !(levels.high > levels.low)) {
        missed(slip);
        return;
    }
    double variance = 0.0;
    for (int k = 0; k < REFINEMENTS; k++) {
        double late = late_by_areas(slip, offset, levels, &variance);
        offset += fmax(fmin(late, slip->gate), -slip->gate);
        levels = levels_at(slip, offset);
    }
    double scatter_max = LATE_SIGMA_GATES * slip->gate;
    if (fabs(offset - slip->guess) > slip->range + 3.0 * slip->gate ||
        !(variance < scatter_max * scatter_max)) {
        missed(slip);
        return;
    }
    found(slip, offset, variance);
}

/* Magnitudes of the samples that lie in what is kept.   out false: some are lost */
static bool keep(struct slip *slip, const float _Complex *sample, size_t n_samples,
                 int64_t first_tick)
{
    if (slip->n_sums == 0) { /* a receiver that starts late has no sample for the earliest places */
        if (slip->from_tick < first_tick) {
            if (slip->locked) {
                return false;
            }
            slip->from_tick = first_tick;
        }
        slip->next_tick = slip->from_tick;
        slip->sum[0] = 0.0;
        slip->n_sums = 1;
    }
    if (first_tick > slip->next_tick) {
        return false;
    }
    int64_t end_tick = first_tick + (int64_t)n_samples;
    end_tick = end_tick < slip->to_tick ? end_tick : slip->to_tick;
    double total = slip->sum[slip->n_sums - 1];
    for (; slip->next_tick < end_tick; slip->next_tick++) {
        float _Complex value = sample[slip->next_tick - first_tick];
        total += (double)sqrtf(crealf(value) * crealf(value) + cimagf(value) * cimagf(value));
        slip->sum[slip->n_sums++] = total;
    }
    return true;
}

bool slip_push(struct slip *slip, const float _Complex *sample, size_t n_samples,
               int64_t first_tick)
{
    int64_t end_tick = first_tick + (int64_t)n_samples;
    if (!slip->expecting || end_tick <= slip->from_tick) {
        return false;
    }
    bool whole = slip->to_tick > first_tick && keep(slip, sample, n_samples, first_tick);
    if (whole && slip->next_tick < slip->to_tick) {
        return false;
    }
    slip->expecting = false;
    if (whole) {
        measure(slip);
    } else {
        missed(slip);
    }
    return true;
}

void slip_read(const struct slip *slip, struct slip_state *state)
{
    *state = (struct slip_state){
        .start_ticks = offset_at(slip, 0.0),
        .clock_ratio = slip->clock_ratio,
        .sigma_ticks = sqrt(slip->p00),
        .sigma_ratio = sqrt(slip->p11),
        .n_found = slip->n_found,
        .n_missed = slip->n_missed,
    };
}
