/* tag_pie.h - the tag's PIE decoder: edges of the received envelope in, commands out.
 * Source: Gen2 v2.1 6.3.1.2.3-8 (PIE, preamble, frame-sync).           layer: radio/air
 * Times are ticks of the sample clock with fraction; edges come in order of time. */
#ifndef RADIO_AIR_TAG_PIE_H
#define RADIO_AIR_TAG_PIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/tag_command.h"

enum tag_pie_step { TAG_PIE_IDLE, TAG_PIE_TARI, TAG_PIE_RTCAL, TAG_PIE_TRCAL, TAG_PIE_BITS };

struct tag_pie {
    enum tag_pie_step step;
    double ticks_per_us;
    double fall_tick, rise_tick; /* last edges */
    double start_tick;           /* first falling edge of the running frame */
    double tari_us, rtcal_us;
    double trcal_us; /* 0: the frame began with a frame-sync */
    size_t n_bits, n_needed;
    uint8_t bits[TAG_COMMAND_BITS_MAX / 8];
};

void tag_pie_reset(struct tag_pie *pie, double ticks_per_us);

void tag_pie_fall(struct tag_pie *pie, double tick);

/* A rising edge.  out  true: it ended a command; bits, n_bits, rtcal_us and trcal_us hold it
 * until the next edge */
bool tag_pie_rise(struct tag_pie *pie, double tick);

#endif
