/* modulator.h - a reply as levels of the tag's switch, averaged over each sample. layer: radio/air
 * Sample n stands for the time from n - 1/2 to n + 1/2. */
#ifndef RADIO_AIR_MODULATOR_H
#define RADIO_AIR_MODULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/tag.h"

struct modulator {
    double edge_tick;  /* end of the level in force */
    double half_ticks; /* length of the next level */
    unsigned n_left;   /* levels not begun */
    bool level;
};

void modulator_start(struct modulator *modulator, const struct tag_reply *reply);

/* Levels 0..1 (share of the sample at which the switch reflects) for ticks first_tick ..
 *   out  false: all zero, level not written
 *   pre  ticks follow on from call to call, beginning before reply->start_tick */
bool modulator_levels(struct modulator *modulator, struct tag_reply *reply, int64_t first_tick,
                      float *level, size_t n_samples);

#endif
