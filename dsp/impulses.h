/* impulses.h - short excursions told from noise and from a tag's edges.             layer: dsp
 * A sample is compared with the ones `distance` before and after it. A two-level signal whose levels
 * last longer than 2 distance + 1 samples is at the same level on at least one side, or, on an edge,
 * between the two: the lesser of the two squared differences is noise, and what an edge leaves of it
 * the distance to the segment between both neighbours removes. An excursion of up to `distance`
 * samples is far from both. The mean of the lesser difference is the noise, tag or no tag; what lies
 * at a multiple of rate / distance does not show in it. */
#ifndef DSP_IMPULSES_H
#define DSP_IMPULSES_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

enum { IMPULSES_DISTANCE_MAX = 64 };
/* mean of the lesser squared difference over the noise variance, white noise (Monte Carlo, 2e6) */
#define IMPULSES_NOISE_RATIO 1.133

/* Distance for a half-cycle of at least this many samples; 0: too short to tell an impulse from it */
unsigned impulses_distance(double half_cycle_samples);

/* lesser[k] = min(|x[k] - x[k-d]|^2, |x[k] - x[k+d]|^2), k = 0 .. n-1.
 *   pre d >= 1; x[-d .. n+d-1] readable; scratch[n + d]; nothing overlaps
 *   returns how many exceed limit */
unsigned impulses_lesser(const float _Complex *x, unsigned d, float limit, float *scratch,
                         float *lesser, size_t n);

/* Sum of value[n], in float within stretches of 64. */
double impulses_sum(const float *value, size_t n);

/* Squared distance of x[0] to the segment x[-d] .. x[+d]. */
float impulses_off_segment(const float _Complex *x, unsigned d);

/* True when more than d samples in a row around x[0] are within limit of it, squared: no impulse. */
bool impulses_is_level(const float _Complex *x, unsigned d, float limit);

#endif
