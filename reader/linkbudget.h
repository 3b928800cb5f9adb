/* linkbudget.h - what the linkbudget_*.c files share: the scenario a user means, and showing it.
 *                                                                            layer: reader */
#ifndef READER_LINKBUDGET_H
#define READER_LINKBUDGET_H

#include <stdio.h>

#include "config/option.h"
#include "protocol/budget.h"
#include "protocol/coexist.h"
#include "reader/json_text.h"
#include "reader/region.h"

enum linkbudget_solve {
    LINKBUDGET_DISTANCE = 0, /* the others: enum budget_unknown + 1 */
    LINKBUDGET_POWER,
    LINKBUDGET_GAIN,
    LINKBUDGET_SENSITIVITY,
};

enum linkbudget_form { LINKBUDGET_TEXT = 0, LINKBUDGET_JSON, LINKBUDGET_CSV };

struct linkbudget_victim { /* a passive service; NaN: unset */
    double limit_dbm, flux_db_mw_m2_hz, bandwidth_hz, gain_dbi, distance_m, air_db, rays, emitters;
};

struct linkbudget_cfg { /* option keys linkbudget.* : table linkbudget_options */
    char preset[LIMIT_TEXT];
    int leg;   /* 0 all, else enum budget_leg + 1 */
    int solve; /* enum linkbudget_solve */
    bool check, list, csv;
    double distance_m;
    int model, place, weakest, device_type; /* 0: the preset's, else the enum + 1 */
    int reply, per;                         /* enum sensitivity_reply, sensitivity_per */
    struct budget_scenario own;             /* its numbers, where they are not NaN */
    struct linkbudget_victim victim;
};
extern const struct option_table linkbudget_options;

struct linkbudget { /* everything decided */
    char name[LIMIT_TEXT];
    const char *meaning;
    struct budget_scenario scenario;
    enum linkbudget_solve solve;
    bool leg_wanted[BUDGET_LEGS];
    double distance_m;                /* NaN: none given */
    const struct region_plan *region; /* NULL: none */
    bool has_victim;
    struct coexist victim;
};

/* The scenario of the options: the preset, changed by what is set.
 *   err ST_NOT_FOUND, ST_RANGE, ST_USAGE: detail names the field and the accepted range */
enum status linkbudget_resolve(const struct option_set *options, struct linkbudget *out) must_check;

/* All wanted legs, solved and written.
 *   err ST_RANGE nothing closes a leg; nothing is written then */
enum status linkbudget_show(const struct linkbudget *budget, enum linkbudget_form form,
                            FILE *stream) must_check;

/* Start an object of this sub-command: version and type. */
void linkbudget_json_open(struct json_text *json, char *text, size_t n_bytes, const char *type);

/* The presets, one a line. */
void linkbudget_list(enum linkbudget_form form, FILE *stream);

/* The published cases, printed and recomputed side by side.
 *   out true when all are as known */
bool linkbudget_check(enum linkbudget_form form, FILE *stream);

#endif
