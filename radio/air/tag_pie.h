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

#define TAG_PIE_SHORT_BYTES 64

struct tag_pie {
    enum tag_pie_step step;
    double ticks_per_us;
    double fall_tick, rise_tick; /* last edges */
    double start_tick;           /* first falling edge of the running frame */
    double tari_us, rtcal_us;
    double trcal_us; /* 0: the frame began with a frame-sync */
    size_t n_bits, n_needed;
    bool is_long;                      /* the command is in long_bits */
    uint8_t bits[TAG_PIE_SHORT_BYTES]; /* what nearly all commands need, beside the rest */
    uint8_t *long_bits;                /* borrowed, TAG_COMMAND_BITS_MAX bits */
};

/* As new.   own  borrows long_bits as long as it lives */
void tag_pie_init(struct tag_pie *pie, uint8_t *long_bits, double ticks_per_us);

void tag_pie_reset(struct tag_pie *pie, double ticks_per_us);

void tag_pie_fall(struct tag_pie *pie, double tick);

/* The bits so far, packed. */
const uint8_t *tag_pie_bits(const struct tag_pie *pie);

/* A rising edge.  out  true: it ended a command; tag_pie_bits, n_bits, rtcal_us and trcal_us hold it
 * until the next edge */
bool tag_pie_rise(struct tag_pie *pie, double tick);

#endif
