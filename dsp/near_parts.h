/* near_parts.h - what the fit of carriers in the tag's band (near.c) and the look for further ones
 * (near_seek.c) share.                                                        layer: dsp, private */
#ifndef DSP_NEAR_PARTS_H
#define DSP_NEAR_PARTS_H

#include <math.h>

#include "dsp/near.h"

enum { NEAR_BLOCKS_OF_QUIET = 8 }; /* at least */
#define NEAR_BLOCK_TURN_RAD 0.5    /* of the fastest carrier in a block */
#define NEAR_HELD_RATIO 1.2 /* variance left by a leak that does not turn over one that does */

/* Its frequency is not known for certain. */
static inline bool near_is_free(const struct near_tone *tone)
{
    return tone->most_rad > tone->least_rad;
}

/* What a mean over n samples leaves of a phasor. */
double near_mean_gain(double turn_rad, size_t n);

/* How much of samples first .. first + n - 1 lies behind the quiet. */
double near_step_share(const struct near *near, size_t first, size_t n);

/* The leak turned by nothing at all before it was made to. */
void near_leak_hold(struct near *near);

/* Frequencies by Gauss-Newton, from where they are. */
void near_turns_fit(struct near *near, const struct near_source *source, size_t n_samples);

/* Variance that one level for every carrier leaves of a mean, a leak that may turn having a slope as well.
 *   out near->tone[].level[0]; *gain (may be NULL): energy that the last carrier explains over that */
double near_variance_left(struct near *near, const struct near_source *source, size_t n_samples,
                          double *gain);

/* Of a leak that stood still and of one that turned the former is the simpler: it holds unless the other is
 * plainly better, or a carrier beside it would have to be the stronger, which then is the leak itself. */
bool near_held_explains(const struct near *held, double left_held, double left);

#endif
