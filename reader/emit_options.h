/* emit_options.h - the emit.* keys.                                          layer: reader */
#ifndef READER_EMIT_OPTIONS_H
#define READER_EMIT_OPTIONS_H

#include "config/option.h"
#include "dsp/emission.h"
#include "reader/bistatic.h"

struct emit_cfg {            /* option keys emit.* */
    double trigger_period_s; /* repeat a QueryRep as trigger; NaN: none */
    char tones[LIMIT_TEXT], plan[LIMIT_TEXT];
    double ramp_from_db, ramp_to_db, ramp_s;
    double duty_period_s, duty_ratio;
    double plan_offset_s;
};
extern const struct option_table emit_options;

/* What an emission is made of; amplitude, ramp_us and rate_sps are the caller's. The gate of
 * bistatic.mode helper is a plan as well.
 *   out  emission, the rest of it; offset_s: the plan begins so long after shared time 0
 *   err  ST_RANGE, ST_USAGE with the key as detail */
enum status emit_plan(const struct emit_cfg *cfg, const struct bistatic_cfg *bistatic,
                      struct emission_cfg *emission, double *offset_s) must_check;

/* The tones stay in the region's band and, where it has channels, in the channel.
 *   pre  region within REGION_CHOICES   err ST_USAGE with detail */
enum status emit_tones_check(const struct emission_cfg *emission, int region,
                             double freq_hz) must_check;

#endif
