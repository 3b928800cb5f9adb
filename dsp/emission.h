/* emission.h - what an emitter makes of a plain carrier: several tones, a slope of the level, an
 * on-off plan that repeats. All of it is a function of the tick.                   layer: dsp */
#ifndef DSP_EMISSION_H
#define DSP_EMISSION_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum { EMISSION_TONES_MAX = 8, EMISSION_STEPS_MAX = 16 };

struct emission_tone {
    double offset_hz;
    double level_db; /* relative to the carrier given */
};

struct emission_step {
    bool on;
    double length_s;
};

struct emission_cfg {
    double rate_sps;
    double amplitude; /* of the carrier given, for the check against clipping */
    size_t n_tones;   /* 0: the carrier as it is */
    struct emission_tone tone[EMISSION_TONES_MAX];
    double slope_from_db, slope_to_db, slope_s; /* slope_s NaN: none; the last level is kept */
    size_t n_steps;                             /* 0: always on */
    struct emission_step step[EMISSION_STEPS_MAX];
    double ramp_us; /* 10-90 % of each change of the plan */
};

struct emission;

/* Greatest amplitude of all tones together over the carrier's; 1 without tones. */
double emission_peak_ratio(const struct emission_cfg *cfg);

/*   err  ST_RANGE tones beyond half the rate or their sum beyond full scale; steps shorter than their
 *        ramps, no step that is on; ST_NO_MEMORY */
enum status emission_new(const struct emission_cfg *cfg, struct emission **emission) must_check;
void emission_free(struct emission **emission);

/* Tick 0 is so many seconds after the plan's first step began (it repeats before and after). Changes
 * are on whole ticks, the first after their time.   pre before the first emission_apply */
void emission_begin(struct emission *emission, double since_s);

/* Shape sample[n_samples], a carrier from tick first_tick on, in place. Level changes begin exactly at
 * their sample: on, the first sample above zero is the next one; off, the last full one is it. */
void emission_apply(struct emission *emission, float _Complex *sample, size_t n_samples,
                    int64_t first_tick);

/* Samples above zero that were made so far; level of the slope at a tick. */
int64_t emission_on_ticks(const struct emission *emission);
double emission_level_db(const struct emission *emission, int64_t tick);

#endif
