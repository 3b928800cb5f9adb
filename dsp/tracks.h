/* tracks.h - the hypotheses about one reply that are still alive, each followed by a track.
 *                                                                              layer: dsp */
#ifndef DSP_TRACKS_H
#define DSP_TRACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/sync.h"
#include "dsp/track.h"
#include "protocol/reply_length.h"

enum { TRACKS_CANDIDATES_MAX = 8, TRACKS_MAX = 32 };

struct tracks { /* fields may be read; alive[k] tells which of track[0..n) still count */
    struct track *track;
    size_t n;
    bool alive[TRACKS_MAX];
    struct reply_length length;
    size_t n_bits
        [TRACKS_MAX]; /* data bits expected; the fewest there can be until the length is known */
    bool length_known[TRACKS_MAX];
    struct sync_candidate seed[TRACKS_MAX]; /* what they began from, best first ... */
    double evidence[TRACKS_MAX];            /* for it, nats, over the same samples for all */
    double clock_sigma[TRACKS_MAX];         /* ... and how well its half-cycle was known */
};

/*   err ST_NO_MEMORY */
enum status tracks_init(struct tracks *tracks) must_check;
void tracks_fini(struct tracks *tracks); /* safe on zeroed memory */

/* Begin anew from the candidates (best first) whose score reaches gate_nats; a candidate whose
 * preamble leaves the clock open gets several tracks. The reply is as long as `length` says. */
void tracks_begin(struct tracks *tracks, const struct sync_search *search,
                  const struct integral *integral, const struct sync_candidate *candidate,
                  size_t n_candidates, double gate_nats, const struct reply_length *length);

/* Index of the likeliest living one; tracks->n when there is none. */
size_t tracks_best(const struct tracks *tracks);

/* The track has taken all its symbols. */
bool tracks_complete(const struct tracks *tracks, size_t index);

/* Samples needed for the next step. */
size_t tracks_need_samples(const struct tracks *tracks);
/* No living hypothesis can be complete with fewer samples than this. */
double tracks_need_at_least(const struct tracks *tracks);

/* Let the likeliest open one take a symbol and all others what they can with the same samples: only over
 * the same time can hypotheses that begin at different times be compared. Then give up those that
 * have fallen behind and those that have become the same.
 *   out  true: the likeliest is complete and none can overtake it   pre  the integral holds tracks_need_samples() */
bool tracks_step(struct tracks *tracks, const struct integral *integral);

#endif
