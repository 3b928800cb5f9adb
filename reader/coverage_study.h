/* coverage_study.h - many drops of one hall on all cores, put together.      layer: reader */
#ifndef READER_COVERAGE_STUDY_H
#define READER_COVERAGE_STUDY_H

#include "protocol/budget.h"
#include "protocol/coverage.h"
#include "reader/coverage_options.h"

struct coverage_plan { /* what is run */
    struct coverage_options options;
    struct budget_preset preset; /* as run: with the options' changes */
    struct coverage_budget budget;
    double leg_reach_m[BUDGET_LEGS]; /* in median and without shadow, 3D; NaN: no such leg */
    struct hall hall;
    struct link link;
    struct inventory_cfg inventory;
};

struct coverage_study {
    struct coverage *total;     /* tallies of all drops */
    struct coverage_drop *drop; /* [n_drops] */
    size_t n_drops;             /* done; fewer than asked for after Ctrl-C */
    double wall_s;
};

/* The legs' largest losses out of a budget.
 *   in  shadow_is_drawn  it comes out of the loss of each link, not out of a margin */
void coverage_budget_of(const struct budget_scenario *scenario, enum coverage_carrier carrier,
                        bool shadow_is_drawn, struct coverage_budget *budget);

/* Run it, with a line of progress on stderr when that is a terminal.   err ST_NO_MEMORY
 *   own  caller: coverage_study_free */
enum status coverage_study_run(const struct coverage_plan *plan,
                               struct coverage_study *study) must_check;
void coverage_study_free(struct coverage_study *study);

/* Text for people, or one JSON object. */
void coverage_print(const struct coverage_plan *plan, const struct coverage_study *study);
void coverage_print_json(const struct coverage_plan *plan, const struct coverage_study *study);

/* Maps and curves into a folder that is made where there is none.   err ST_IO */
enum status coverage_write_svg(const struct coverage_plan *plan, const struct coverage_study *study,
                               const char *folder) must_check;
enum status coverage_write_csv(const struct coverage_plan *plan, const struct coverage_study *study,
                               const char *folder) must_check;

extern const char *const coverage_leg_names[COVERAGE_LEGS];    /* "rf-eh", ... */
extern const char *const coverage_leg_meanings[COVERAGE_LEGS]; /* in words */

/* Mean over drops of the time by which a share of those covered was identified.
 *   in   point  0: 1 % .. COVERAGE_CURVE_POINTS - 1: 100 %
 *   out  NaN: not in all drops */
double coverage_curve_s(const struct coverage_study *study, size_t point);

#endif
