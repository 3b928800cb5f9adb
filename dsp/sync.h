/* sync.h - preamble search: start and tag clock jointly, phase unknown.        layer: dsp
 * Source: Gen2 6.3.1.3.2 (preambles), 6.3.1.3.3 (tolerance); detection theory: noise-only scores
 * are exponential with mean 1 per independent hypothesis. */
#ifndef DSP_SYNC_H
#define DSP_SYNC_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"
#include "dsp/integral.h"
#include "dsp/linecode.h"

struct sync_search {
    const struct linecode *code;
    bool trext;
    double start_lo, start_hi; /* where the reply may begin, samples of the integral */
    double half_lo, half_hi;   /* half-cycle 1/(2 BLF), samples */
    double noise_variance;     /* of one complex sample, > 0 */
    double bend_ratio; /* the tag's clock may drift: |bend| / half of a candidate, at most */
};

struct sync_candidate {
    double start; /* first edge of the preamble, samples */
    double half;  /* half-cycle at the first edge, samples */
    double bend;  /* edge q lies at start + half q + bend q^2 */
    double score; /* |correlation|^2 / (length * noise variance): 2 m chips Eb/N0-like energy */
    double _Complex gain;   /* half swing h */
    double _Complex offset; /* mean level around which the reply swings */
};

struct sync; /* workspace */

/* longest: samples of the longest search stretch (start range + preamble at the slowest clock).
 *   err ST_NO_MEMORY */
enum status sync_new(size_t longest_samples, struct sync **sync) must_check;
void sync_free(struct sync **sync);

/* Last sample the search looks at: the integral must hold at least this many. */
double sync_needs_samples(const struct sync_search *search);

/* The clock's drift within the preamble is more than a straight line can stand for: candidates bend. */
bool sync_bends(const struct sync_search *search);

/* Number of independent hypotheses, for false-alarm thresholds: P(max score > x) ~ n exp(-x). */
double sync_n_hypotheses(const struct sync_search *search);

/* Score of the whole preamble of a hypothesis as it stands; fills gain, offset and score. */
void sync_score(const struct integral *integral, const struct sync_search *search,
                struct sync_candidate *candidate);

/* The search in its two steps, for receivers with several channels: over all channels the powers of
 * the correlations add up, with no phase between them assumed.
 *   out candidate[n_max], best first, on a coarse grid (gain and offset not filled), returns how many
 *   pre n_max <= 16 */
size_t sync_coarse(struct sync *sync, const struct integral *const *channel, unsigned n_channels,
                   const struct sync_search *search, struct sync_candidate *candidate,
                   size_t n_max);
/* Maximum-ratio weights that a coarse candidate implies: conjugate gains, |weight|^2 summing to 1. */
void sync_weights(const struct integral *const *channel, unsigned n_channels,
                  const struct sync_search *search, const struct sync_candidate *candidate,
                  double _Complex *weight);
/* Refine coarse candidates in place.  returns how many different ones are left, best first */
size_t sync_fine(const struct integral *integral, const struct sync_search *search,
                 struct sync_candidate *candidate, size_t n);

/* Both for one channel: best candidates, best first, at least one half-cycle or one clock step apart, refined.
 *   out candidate[n_max], returns how many (<= n_max <= 16)
 *   cost bounded by start range / half * clock steps * preamble chips */
size_t sync_find(struct sync *sync, const struct integral *integral,
                 const struct sync_search *search, struct sync_candidate *candidate, size_t n_max);

#endif
