/* integral.h - running sum of samples: the mean over any stretch, at any fractional start and
 * length, in O(1). It is the exact matched filter for rectangular half-cycles at every clock.
 *                                                                              layer: dsp */
#ifndef DSP_INTEGRAL_H
#define DSP_INTEGRAL_H

#include <complex.h>
#include <stddef.h>

#include "config/require.h"

struct integral {
    double _Complex *sum; /* sum[i] = sum of the first i samples; capacity_samples + 1 entries */
    size_t n_samples;
    size_t capacity_samples;
};

/* x held within lo .. hi: inline, where fmin and fmax would be calls. */
static inline double held_within(double x, double lo, double hi)
{
    x = x > lo ? x : lo;
    return x < hi ? x : hi;
}

/* Integral from 0 to t, linear between samples.   pre 0 <= t < n_samples (checked in debug) */
static inline double _Complex integral_at(const struct integral *integral, double t)
{
    require_sig(t >= 0.0);
    require_sig(t <= (double)integral->n_samples);
    size_t i = (size_t)t;
    double part = t - (double)i;
    const double _Complex *sum = integral->sum + i;
    return sum[0] + part * (sum[1] - sum[0]);
}

#endif
