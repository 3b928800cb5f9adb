/* multiplex_options.h - the tdma.* keys: time units of a period, whose they are, which tags are polled.
 *                                                                            layer: reader */
#ifndef READER_MULTIPLEX_OPTIONS_H
#define READER_MULTIPLEX_OPTIONS_H

#include "config/option.h"
#include "protocol/tdma.h"
#include "reader/bistatic.h"

struct multiplex_cfg { /* option keys tdma.* */
    double period_s;   /* NaN: no time units */
    int64_t n_units;
    char own[LIMIT_TEXT];
    double guard_us, offset_s;
    char tags[LIMIT_TEXT], tags_file[LIMIT_TEXT];
    bool learns;
    int64_t tries, forget_periods;
    double poll_ratio;
};
extern const struct option_table multiplex_options;

bool multiplex_is_on(const struct multiplex_cfg *cfg);

/* What belongs together, for a reader or an emitter.
 *   out  owned, one bit a unit
 *   err  ST_USAGE, ST_RANGE, the detail names the key */
enum status multiplex_check(const struct multiplex_cfg *cfg, const struct bistatic_cfg *bistatic,
                            uint64_t *owned) must_check;

/* The session and the target that discovery needs, where nobody set others.
 *   in, out  inventory: left as it is without time units
 *   err      ST_USAGE what was set does not go with time units */
enum status multiplex_discovery(const struct multiplex_cfg *cfg, const struct option_set *options,
                                struct inventory_cfg *inventory) must_check;

#endif
