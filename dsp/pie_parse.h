/* pie_parse.h - low pulses of the reader's carrier -> PIE frames; the half of pie_demod that knows
 * no samples.                                                                  layer: dsp
 * Source: Gen2 6.3.1.2.3, .8; about 10 % slack on every limit. */
#ifndef DSP_PIE_PARSE_H
#define DSP_PIE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp/pie_demod.h"

/* Edges are kept as crossings of two levels, because the low level, and with it the 50 % point, is
 * known only after the falling edge has passed. */
struct pie_pulse {
    double fall_tick[2]; /* where the envelope crosses 0.5 A and 0.6 A, falling */
    double rise_tick[2]; /* the same, rising */
    double low_ratio;    /* lowest level / A */
    double level;        /* A */
    double peak_ratio;   /* highest level of the high part before it / A */
};

enum { PIE_PARSE_HISTORY = 3 }; /* delimiter, data-0, RTcal */

struct pie_parse { /* zeroed and ticks_per_us set: ready */
    double ticks_per_us;
    unsigned n_pulses;                           /* in history, at most PIE_PARSE_HISTORY */
    struct pie_pulse history[PIE_PARSE_HISTORY]; /* oldest first */
    bool locked;      /* delimiter, data-0 and RTcal seen; `frame` grows */
    double low_ratio; /* of the delimiter */
    double rise_tick; /* last rising edge */
    struct pie_frame frame;
};

/* Forget everything but the rate. */
void pie_parse_reset(struct pie_parse *parse);

/* One low pulse, complete.  cost O(1) */
void pie_parse_pulse(struct pie_parse *parse, const struct pie_pulse *pulse);

/* Would a carrier that stays high until `tick` end the frame under way? Once true, true for every
 * later tick. */
bool pie_parse_ended(const struct pie_parse *parse, int64_t tick);

/* The carrier has stayed high until `tick`.  out true when this ends a frame of at
 * least four bits (QueryRep, the shortest command), which is copied out */
bool pie_parse_high(struct pie_parse *parse, int64_t tick, struct pie_frame *frame);

/* No more input: out true when a frame with at least four bits is under way, which is copied out */
bool pie_parse_take(struct pie_parse *parse, int64_t tick, struct pie_frame *frame);

#endif
