/* sequence.h - soft decision of a whole symbol sequence over a line code's trellis: the likeliest
 * bits, how sure each is, and what else could have been sent.                   layer: dsp
 * Source: Gen2 6.3.1.3.2 (trellis); max-log forward-backward recursion. */
#ifndef DSP_SEQUENCE_H
#define DSP_SEQUENCE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/linecode.h"

#define SEQUENCE_CLEAR_NATS 20.0F

enum { SEQUENCE_EVENTS_MAX = 16, SEQUENCE_EVENT_BITS_MAX = 12 };

struct sequence_event {                    /* a stretch that may have been something else */
    double nats;                           /* by which the alternative is less likely */
    unsigned n_bits;                       /* how many bits differ */
    uint16_t bit[SEQUENCE_EVENT_BITS_MAX]; /* which, ascending */
};

/* Chance that a decision so sure is wrong. */
static inline double sequence_error_chance(double nats)
{
    nats = fabs(nats);
    return nats < 50.0 ? 1.0 / (1.0 + exp(nats)) : 0.0;
}

struct sequence; /* workspace */

/*   err ST_NO_MEMORY */
enum status sequence_new(size_t symbols_max, struct sequence **sequence) must_check;
void sequence_free(struct sequence **sequence);

/* Decide n_symbols symbols after the preamble, the last of them known to be a dummy 1.
 *   in   chip_nats[2 n_symbols]  log-likelihood of chip sign +1 over sign -1
 *        edge_nats[2 n_symbols]  what a level change at the begin of the chip is worth besides
 *   out  bit[n_symbols], soft_nats[n_symbols]: log-likelihood of 1 over 0 (dummy: +infinity)
 *   pre  1 <= n_symbols <= symbols_max   cost two passes over the trellis */
void sequence_decide(struct sequence *sequence, const struct linecode *code, size_t n_symbols,
                     const float *chip_nats, const float *edge_nats, uint8_t *bit,
                     float *soft_nats);

/* Cheaper, for strong replies: true when every chip speaks for the bits given so clearly that no other
 * sequence comes within SEQUENCE_CLEAR_NATS: sequence_decide would decide the same. Such a reply has no
 * events worth looking for.
 *   out  soft_nats[n_symbols], when true: for every bit the least margin that any of them can have */
bool sequence_is_clear(const struct linecode *code, size_t n_symbols, const float *chip_nats,
                       const float *edge_nats, const uint8_t *bit, float *soft_nats);

/* The likeliest alternatives to what was decided last, most likely first, each one stretch that
 * leaves the decided sequence once and comes back.   out event[n_max], returns how many */
size_t sequence_events(const struct sequence *sequence, double nats_max,
                       struct sequence_event *event, size_t n_max);

#endif
