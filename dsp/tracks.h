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

enum { TRACKS_CANDIDATES_MAX = 8, TRACKS_MAX = 32 };

struct tracks { /* fields may be read; alive[k] tells which of track[0..n) still count */
    struct track *track;
    size_t n;
    bool alive[TRACKS_MAX];
    double first_start[TRACKS_MAX];         /* start of the preamble, samples */
    struct sync_candidate seed[TRACKS_MAX]; /* what they began from, best first ... */
    double clock_sigma[TRACKS_MAX];         /* ... and how well its half-cycle was known */
};

/*   err ST_NO_MEMORY */
enum status tracks_init(struct tracks *tracks) must_check;
void tracks_fini(struct tracks *tracks); /* safe on zeroed memory */

/* Begin anew from the candidates (best first) whose score reaches gate_nats; a candidate whose
 * preamble leaves the clock open gets several tracks. */
void tracks_begin(struct tracks *tracks, const struct sync_search *search,
                  const struct integral *integral, const struct sync_candidate *candidate,
                  size_t n_candidates, double gate_nats);

/* Samples the slowest living hypothesis needs for its next symbol. */
size_t tracks_need_samples(const struct tracks *tracks);
/* No living hypothesis can be complete with fewer samples than this. */
double tracks_need_at_least(const struct tracks *tracks, size_t n_bits);

/* Take one symbol in all of them (forced_bit as in track_symbol), then give up those that fell
 * behind and those that have become the same.  out symbols taken so far */
size_t tracks_symbol(struct tracks *tracks, const struct integral *integral, size_t n_bits,
                     bool length_known);

/* Index of the best living one; tracks->n when there is none. */
size_t tracks_best(const struct tracks *tracks);

#endif
