/* tdma_plan.c - units, windows and places of a period, as functions of the tick. */
#include "protocol/tdma_plan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define TICK_SLACK 1e-3 /* 0.05 s at 2 MS/s is a whole number of ticks, whatever doubles say */

static uint64_t bit_of(unsigned unit)
{
    return (uint64_t)1 << unit;
}

static bool is_owned(const struct tdma_plan *plan, unsigned unit)
{
    return (plan->cfg.owned & bit_of(unit)) != 0;
}

/* A decimal number; what stands behind it.   out  false: there is none below n_units */
static bool unit_take(const char **text, unsigned n_units, unsigned *unit)
{
    char *end;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    const unsigned long value = strtoul(*text, &end, 10);
    *text = end;
    *unit = (unsigned)value;
    return value < n_units;
}

enum status tdma_units_parse(const char *text, unsigned n_units, const char *where, uint64_t *owned)
{
    require(text);
    require(where);
    require(n_units >= 1 && n_units <= TDMA_UNITS_MAX);
    const char *at = text;
    bool is_right = true;
    *owned = 0;
    while (is_right) {
        unsigned first, last;
        at += strspn(at, " ");
        is_right = unit_take(&at, n_units, &first);
        last = first;
        if (is_right && *at == '-') {
            at++;
            is_right = unit_take(&at, n_units, &last) && last >= first;
        }
        for (unsigned k = first; is_right && k <= last; k++) {
            *owned |= bit_of(k);
        }
        at += strspn(at, " ");
        if (*at == '\0') {
            break;
        }
        is_right = is_right && *at == ',';
        at++;
    }
    return is_right ? ST_OK
                    : status_fail(ST_USAGE,
                                  "%s: '%.60s', accepted are units and ranges of them from 0 to %u "
                                  "(tdma.units is %u), separated by commas",
                                  where, text, n_units - 1, n_units);
}

/* Runs of owned units; one may go on beyond the period's end. */
static void runs_find(struct tdma_plan *plan)
{
    const unsigned n = plan->cfg.n_units;
    plan->n_runs = 0;
    for (unsigned k = 0; k < n; k++) {
        if (!is_owned(plan, k) || is_owned(plan, (k + n - 1) % n)) {
            continue;
        }
        struct tdma_run *run = &plan->run[plan->n_runs++];
        *run = (struct tdma_run){.unit = k};
        while (is_owned(plan, (k + run->n_units) % n)) {
            run->n_units++;
        }
    }
    if (plan->n_runs == 0) { /* all are: no unit follows one of somebody else's */
        plan->run[plan->n_runs++] = (struct tdma_run){.unit = 0, .n_units = n};
    }
}

static double ticks_of_us(const struct tdma_plan *plan, double us)
{
    return us * 1e-6 * plan->cfg.rate_sps;
}

bool tdma_plan_is_shared(const struct tdma_plan *plan)
{
    return plan->run[0].n_units < plan->cfg.n_units;
}

enum status tdma_plan_init(struct tdma_plan *plan, const struct tdma_plan_cfg *cfg)
{
    require(plan);
    require(cfg);
    require(cfg->rate_sps > 0.0);
    require(cfg->period_s > 0.0);
    require(cfg->n_units >= 1);
    require(cfg->n_units <= TDMA_UNITS_MAX);
    require(cfg->owned != 0);
    require(cfg->n_units == TDMA_UNITS_MAX || cfg->owned < bit_of(cfg->n_units));
    require(cfg->place_us > 0.0);
    require(cfg->poll_ratio >= 0.0);
    require(cfg->poll_ratio <= 1.0);
    memset(plan, 0, sizeof *plan);
    plan->cfg = *cfg;
    plan->period_ticks = cfg->period_s * cfg->rate_sps;
    plan->place_ticks = ticks_of_us(plan, cfg->place_us);
    runs_find(plan);
    const double silent_us =
        tdma_plan_is_shared(plan) ? 2.0 * cfg->guard_us + cfg->lead_us + cfg->tail_us : 0.0;
    for (unsigned k = 0; k < plan->n_runs; k++) {
        struct tdma_run *run = &plan->run[k];
        const double run_us = 1e6 * cfg->period_s * run->n_units / cfg->n_units;
        if (run_us <= silent_us) {
            return status_fail(ST_RANGE,
                               "units %u to %u of the period last %.4g ms together, accepted more "
                               "than %.4g ms (both guard times, carrier on and off)",
                               run->unit, (run->unit + run->n_units - 1) % cfg->n_units,
                               run_us * 1e-3, silent_us * 1e-3);
        }
        run->n_places = (uint32_t)((run_us - silent_us) * cfg->poll_ratio / cfg->place_us);
        plan->n_places += run->n_places;
    }
    return ST_OK;
}

void tdma_plan_begin(struct tdma_plan *plan, double start_time_s)
{
    require(plan);
    double into_s = fmod(start_time_s, plan->cfg.period_s);
    into_s += into_s < 0.0 ? plan->cfg.period_s : 0.0;
    plan->first_tick = -into_s * plan->cfg.rate_sps;
}

static double unit_time(const struct tdma_plan *plan, int64_t index)
{
    return plan->first_tick + (double)index * plan->period_ticks / plan->cfg.n_units;
}

static int64_t tick_not_before(double time_ticks)
{
    return (int64_t)ceil(time_ticks - TICK_SLACK);
}

int64_t tdma_plan_unit_tick(const struct tdma_plan *plan, int64_t index)
{
    require(plan);
    return tick_not_before(unit_time(plan, index));
}

int64_t tdma_plan_unit_at(const struct tdma_plan *plan, int64_t tick)
{
    require(plan);
    int64_t index =
        (int64_t)floor(((double)tick - plan->first_tick) * plan->cfg.n_units / plan->period_ticks);
    while (tdma_plan_unit_tick(plan, index) > tick) {
        index--;
    }
    while (tdma_plan_unit_tick(plan, index + 1) <= tick) {
        index++;
    }
    return index;
}

/* Euclid's: a period before the first one has units as well. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

bool tdma_plan_owns(const struct tdma_plan *plan, int64_t index)
{
    require(plan);
    const int64_t n = plan->cfg.n_units;
    return is_owned(plan, (unsigned)(index - n * floor_div(index, n)));
}

void tdma_plan_window(const struct tdma_plan *plan, int64_t index, struct tdma_window *window)
{
    require(plan);
    require(tdma_plan_is_shared(plan));
    const int64_t n_runs = plan->n_runs, period = floor_div(index, n_runs);
    const struct tdma_run *run = &plan->run[index - period * n_runs];
    const int64_t first = period * plan->cfg.n_units + run->unit;
    const double guard_ticks = ticks_of_us(plan, plan->cfg.guard_us);
    window->begin_tick = tick_not_before(unit_time(plan, first) + guard_ticks);
    window->end_tick =
        (int64_t)floor(unit_time(plan, first + run->n_units) - guard_ticks + TICK_SLACK);
}

int64_t tdma_plan_window_from(const struct tdma_plan *plan, int64_t tick)
{
    struct tdma_window window;
    int64_t index = (tdma_plan_period_at(plan, (double)tick) - 1) * plan->n_runs;
    for (;;) { /* one of the runs of three periods */
        tdma_plan_window(plan, index, &window);
        if (window.end_tick > tick) {
            return index;
        }
        index++;
    }
}

bool tdma_plan_fits(const struct tdma_plan *plan, int64_t from_tick, int64_t to_tick)
{
    require(to_tick >= from_tick);
    return tdma_plan_next(plan, from_tick, to_tick - from_tick) == from_tick;
}

int64_t tdma_plan_next(const struct tdma_plan *plan, int64_t tick, int64_t n_ticks)
{
    require(plan);
    require(n_ticks >= 0);
    if (!tdma_plan_is_shared(plan)) {
        return tick;
    }
    const int64_t index = tdma_plan_window_from(plan, tick);
    for (int64_t k = index; k <= index + plan->n_runs; k++) {
        struct tdma_window window;
        tdma_plan_window(plan, k, &window);
        const int64_t from_tick = tick > window.begin_tick ? tick : window.begin_tick;
        if (from_tick + n_ticks <= window.end_tick) {
            return from_tick;
        }
    }
    return INT64_MAX;
}

double tdma_plan_place_tick(const struct tdma_plan *plan, int64_t period, uint32_t place)
{
    require(plan);
    require(place < plan->n_places);
    const struct tdma_run *run = plan->run;
    while (place >= run->n_places) {
        place -= run->n_places;
        run++;
    }
    const double lead_us = tdma_plan_is_shared(plan) ? plan->cfg.guard_us + plan->cfg.lead_us : 0.0;
    return unit_time(plan, period * plan->cfg.n_units + run->unit) + ticks_of_us(plan, lead_us) +
           place * plan->place_ticks;
}

int64_t tdma_plan_period_at(const struct tdma_plan *plan, double tick)
{
    require(plan);
    return (int64_t)floor((tick - plan->first_tick) / plan->period_ticks);
}
