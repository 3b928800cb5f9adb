/* emission.c - tones, slope and plan, each a factor on the carrier. */
#include "dsp/emission.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define RAMP_RISE_RATIO 0.482188 /* 10-90 % time of the raised-cosine edge over its width */
#define CLIP_SLACK 1e-6
#define TICK_SLACK 1e-3   /* 0.05 s at 2 MS/s is a whole number of ticks, whatever doubles say */
enum { NODE_TICKS = 64 }; /* phases and slope are exact there, recurrences between */

struct emission {
    struct emission_cfg cfg;
    double ramp_ticks;
    double period_ticks, first_tick;
    double step_end[EMISSION_STEPS_MAX]; /* ticks after the period's beginning */
    double amplitude[EMISSION_TONES_MAX], turns_per_tick[EMISSION_TONES_MAX];
    int64_t on_ticks;
};

double emission_peak_ratio(const struct emission_cfg *cfg)
{
    double sum = cfg->n_tones > 0 ? 0.0 : 1.0;
    for (size_t k = 0; k < cfg->n_tones; k++) {
        sum += units_amplitude_ratio_from_db(cfg->tone[k].level_db);
    }
    return sum;
}

static enum status check_tones(const struct emission_cfg *cfg)
{
    double sum = emission_peak_ratio(cfg);
    for (size_t k = 0; k < cfg->n_tones; k++) {
        double offset_hz = cfg->tone[k].offset_hz;
        if (!(fabs(offset_hz) <= 0.5 * cfg->rate_sps)) {
            return status_fail(ST_RANGE,
                               "emit.tones: a tone at %g Hz, accepted -%g..%g Hz (half the sample "
                               "rate)",
                               offset_hz, 0.5 * cfg->rate_sps, 0.5 * cfg->rate_sps);
        }
    }
    if (cfg->amplitude * sum > 1.0 + CLIP_SLACK) {
        return status_fail(ST_RANGE,
                           "emit.tones: the tones' amplitudes sum to %.3g of full scale at "
                           "tx.amplitude %g, accepted up to 1: lower all by %.1f dB",
                           cfg->amplitude * sum, cfg->amplitude,
                           20.0 * log10(cfg->amplitude * sum) + 0.05);
    }
    return ST_OK;
}

static enum status check_steps(const struct emission_cfg *cfg, double ramp_ticks)
{
    bool any_on = cfg->n_steps == 0;
    for (size_t k = 0; k < cfg->n_steps; k++) {
        const struct emission_step *step = &cfg->step[k];
        any_on = any_on || step->on;
        if (!(step->length_s * cfg->rate_sps >= ramp_ticks)) {
            return status_fail(ST_RANGE,
                               "the emitter's plan: %g s %s, accepted from %g s on (the whole ramp "
                               "of tx.ramp_us %g)",
                               step->length_s, step->on ? "on" : "off", ramp_ticks / cfg->rate_sps,
                               cfg->ramp_us);
        }
    }
    return any_on ? ST_OK : status_fail(ST_RANGE, "the emitter's plan is never on");
}

enum status emission_new(const struct emission_cfg *cfg, struct emission **emission)
{
    require(cfg->n_tones <= EMISSION_TONES_MAX);
    require(cfg->n_steps <= EMISSION_STEPS_MAX);
    double ramp_ticks = cfg->ramp_us * 1e-6 * cfg->rate_sps / RAMP_RISE_RATIO;
    enum status status = check_tones(cfg);
    status = status ? status : check_steps(cfg, ramp_ticks);
    if (status) {
        return status;
    }
    struct emission *e = calloc(1, sizeof *e);
    if (!e) {
        return status_fail(ST_NO_MEMORY, "emission: no memory");
    }
    e->cfg = *cfg;
    e->ramp_ticks = ramp_ticks;
    for (size_t k = 0; k < cfg->n_steps; k++) {
        e->period_ticks += cfg->step[k].length_s * cfg->rate_sps;
        e->step_end[k] = e->period_ticks;
    }
    for (size_t k = 0; k < cfg->n_tones; k++) {
        e->amplitude[k] = units_amplitude_ratio_from_db(cfg->tone[k].level_db);
        e->turns_per_tick[k] = cfg->tone[k].offset_hz / cfg->rate_sps;
    }
    *emission = e;
    return ST_OK;
}

void emission_free(struct emission **emission)
{
    free(*emission);
    *emission = NULL;
}

void emission_begin(struct emission *emission, double since_s)
{
    if (emission->cfg.n_steps > 0) { /* since_s may be a clock's time of day: cut in seconds */
        double period_s = emission->period_ticks / emission->cfg.rate_sps;
        emission->first_tick = -fmod(since_s, period_s) * emission->cfg.rate_sps;
    }
}

/* Both start at a node whatever is wanted of it, so that calls may cut the samples anywhere. */
static void apply_tones(const struct emission *emission, float _Complex *sample, size_t skip,
                        size_t n, int64_t node)
{
    double _Complex sum[NODE_TICKS] = {0};
    for (size_t k = 0; k < emission->cfg.n_tones; k++) {
        double turns = emission->turns_per_tick[k];
        double phase = 2.0 * UNITS_PI * fmod(turns * (double)node, 1.0);
        double step = 2.0 * UNITS_PI * turns;
        double _Complex now = emission->amplitude[k] * (cos(phase) + sin(phase) * I);
        double _Complex turn = cos(step) + sin(step) * I;
        for (size_t i = 0; i < skip + n; i++) {
            sum[i] += now;
            now *= turn;
        }
    }
    for (size_t i = 0; i < n; i++) {
        sample[i] *= (float _Complex)sum[skip + i];
    }
}

double emission_level_db(const struct emission *emission, int64_t tick)
{
    const struct emission_cfg *cfg = &emission->cfg;
    if (isnan(cfg->slope_s)) {
        return 0.0;
    }
    double share = (double)tick / (cfg->slope_s * cfg->rate_sps);
    share = share > 1.0 ? 1.0 : share;
    return cfg->slope_from_db + share * (cfg->slope_to_db - cfg->slope_from_db);
}

static void apply_slope(const struct emission *emission, float _Complex *sample, size_t skip,
                        size_t n, int64_t node)
{
    double from = units_amplitude_ratio_from_db(emission_level_db(emission, node));
    double to = units_amplitude_ratio_from_db(emission_level_db(emission, node + NODE_TICKS));
    double step = (to - from) / NODE_TICKS; /* a slope of 1 dB in a node is told to 0.01 dB so */
    for (size_t i = 0; i < n; i++) {
        sample[i] *= (float)(from + step * (double)(skip + i));
    }
}

static double edge_value(double u)
{
    return u <= 0.0 ? 0.0 : u >= 1.0 ? 1.0 : u - sin(2.0 * UNITS_PI * u) / (2.0 * UNITS_PI);
}

/* The first tick not before a time. */
static double tick_of(double time_ticks)
{
    return ceil(time_ticks - TICK_SLACK);
}

/* Level of the plan at a tick, and until which tick it stays so if it is not changing now.
 * Edges lie on whole ticks: the first one not before the plan's time. */
static double plan_level(const struct emission *emission, int64_t tick, int64_t *until)
{
    const struct emission_cfg *cfg = &emission->cfg;
    double since = (double)tick - emission->first_tick + TICK_SLACK;
    double cycle =
        emission->first_tick + floor(since / emission->period_ticks) * emission->period_ticks;
    size_t k = 0;
    while (k + 1 < cfg->n_steps && (double)tick >= tick_of(cycle + emission->step_end[k])) {
        k++;
    }
    double end = tick_of(cycle + emission->step_end[k]);
    double begin = tick_of(cycle + (k > 0 ? emission->step_end[k - 1] : 0.0));
    bool was_on = cfg->step[k > 0 ? k - 1 : cfg->n_steps - 1].on;
    bool on = cfg->step[k].on;
    double level = on ? 1.0 : 0.0;
    if (on != was_on && (double)tick < begin + emission->ramp_ticks) {
        *until = tick + 1;
        double way = edge_value(((double)tick - begin) / emission->ramp_ticks);
        return on ? way : 1.0 - way;
    }
    *until = (int64_t)end > tick ? (int64_t)end : tick + 1;
    return level;
}

static void apply_plan(const struct emission *emission, float _Complex *sample, size_t n,
                       int64_t first_tick)
{
    int64_t end_tick = first_tick + (int64_t)n;
    for (int64_t tick = first_tick; tick < end_tick;) {
        int64_t until;
        double level = plan_level(emission, tick, &until);
        until = until < end_tick ? until : end_tick;
        for (; tick < until; tick++) {
            sample[tick - first_tick] *= (float)level;
        }
    }
}

void emission_apply(struct emission *emission, float _Complex *sample, size_t n_samples,
                    int64_t first_tick)
{
    require(first_tick >= 0);
    const struct emission_cfg *cfg = &emission->cfg;
    if (cfg->n_steps > 0) {
        apply_plan(emission, sample, n_samples, first_tick);
    }
    for (size_t done = 0; done < n_samples;) {
        int64_t tick = first_tick + (int64_t)done;
        size_t skip = (size_t)(tick % NODE_TICKS);
        size_t n = NODE_TICKS - skip < n_samples - done ? NODE_TICKS - skip : n_samples - done;
        if (cfg->n_tones > 0) {
            apply_tones(emission, sample + done, skip, n, tick - (int64_t)skip);
        }
        if (!isnan(cfg->slope_s)) {
            apply_slope(emission, sample + done, skip, n, tick - (int64_t)skip);
        }
        done += n;
    }
    for (size_t k = 0; k < n_samples; k++) {
        emission->on_ticks += sample[k] != 0.0f;
    }
}

int64_t emission_on_ticks(const struct emission *emission)
{
    return emission->on_ticks;
}
