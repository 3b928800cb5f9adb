/* tdma_plan.h - a multiplexing period divided into time units on the sample clock: who transmits when, and
 * where in its units a reader polls whom.                                        layer: protocol
 *
 *   period k   |  unit 0  |  unit 1  |  unit 2  |  unit 3  |  unit 0 of period k+1 ...
 *   owned        no         yes        yes        no
 *   window                |g|-lead-|p|p|p|p|..rest..|tail|g|
 *
 * Owned units that follow one another make one window, less a guard at both ends. In it places of equal
 * length come first, one for each tag that is polled, then the rest, for whatever else is to be done.
 * All of it is closed forms of the tick: nothing is added up, nothing drifts. Units begin at the first whole
 * tick not before their time, so that readers of different sample rates agree to within a tick.
 * Where all units are owned there is no guard, and one window without end. */
#ifndef PROTOCOL_TDMA_PLAN_H
#define PROTOCOL_TDMA_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum { TDMA_UNITS_MAX = 64 };

struct tdma_plan_cfg {
    double rate_sps;  /* > 0 */
    double period_s;  /* > 0 */
    unsigned n_units; /* 1 .. TDMA_UNITS_MAX, of equal length */
    uint64_t owned;   /* bit k: unit k; at least one */
    double
        guard_us; /* nothing is transmitted so long after a window's first unit begins, before its
                              * last one ends */
    double lead_us,
        tail_us;       /* of a window: no place in these; not used where all units are owned */
    double place_us;   /* of one poll, > 0 */
    double poll_ratio; /* 0 .. 1: of each window at most this much is places */
};

struct tdma_window { /* [begin, end): INT64_MIN, INT64_MAX where all units are owned */
    int64_t begin_tick, end_tick;
};

struct tdma_plan { /* embedded; fields private */
    struct tdma_plan_cfg cfg;
    double period_ticks, place_ticks;
    double first_tick; /* of period 0: -period < first_tick <= 0 */
    unsigned n_runs;   /* of owned units, in one period */
    struct tdma_run {
        unsigned unit, n_units;
        uint32_t n_places;
    } run[TDMA_UNITS_MAX];
    uint32_t n_places;
};

/* Text "0-9,12" as a set of units.
 *   err  ST_USAGE malformed, or not below n_units; the detail begins with `where` */
enum status tdma_units_parse(const char *text, unsigned n_units, const char *where,
                             uint64_t *owned) must_check;

/*   pre  cfg within the ranges above
 *   err  ST_RANGE a window is no longer than its guards, lead and tail; the detail gives its length */
enum status tdma_plan_init(struct tdma_plan *plan, const struct tdma_plan_cfg *cfg) must_check;

/* Common time at tick 0, any origin that those who share the air agree on: periods are counted from there. */
void tdma_plan_begin(struct tdma_plan *plan, double start_time_s);

bool tdma_plan_is_shared(const struct tdma_plan *plan); /* some units are not ours */

/* Units are numbered on and on: index = period * n_units + unit. Period 0 holds tick 0. */
int64_t tdma_plan_unit_tick(const struct tdma_plan *plan, int64_t index);
int64_t tdma_plan_unit_at(const struct tdma_plan *plan, int64_t tick);
bool tdma_plan_owns(const struct tdma_plan *plan, int64_t index);

/* Windows are numbered too: n_runs of them begin in each period.   pre  shared */
void tdma_plan_window(const struct tdma_plan *plan, int64_t index, struct tdma_window *window);
/* The first window that ends after `tick`. */
int64_t tdma_plan_window_from(const struct tdma_plan *plan, int64_t tick);

/* Transmitting from one tick to another (past the last one) stays within a window. */
bool tdma_plan_fits(const struct tdma_plan *plan, int64_t from_tick, int64_t to_tick);
/* First tick from `tick` on at which n_ticks fit into a window; INT64_MAX: into none. */
int64_t tdma_plan_next(const struct tdma_plan *plan, int64_t tick, int64_t n_ticks);

/* When a place comes in a period.   pre  place < plan->n_places */
double tdma_plan_place_tick(const struct tdma_plan *plan, int64_t period, uint32_t place);
/* The period a tick is in. */
int64_t tdma_plan_period_at(const struct tdma_plan *plan, double tick);

#endif
