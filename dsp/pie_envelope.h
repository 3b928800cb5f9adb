/* pie_envelope.h - samples -> |x| averaged over bins -> moving average; the part of pie_demod that
 * touches every sample, in loops the compiler can vectorise.                     layer: dsp
 * A point's value depends on its samples alone, not on how they were cut into blocks. */
#ifndef DSP_PIE_ENVELOPE_H
#define DSP_PIE_ENVELOPE_H

#include <complex.h>
#include <stddef.h>

enum {
    PIE_ENVELOPE_BIN_MAX = 25,    /* samples in a bin */
    PIE_ENVELOPE_SMOOTH_MAX = 8,  /* bins in the moving average */
    PIE_ENVELOPE_POINTS_MAX = 32, /* out of one push */
    PIE_ENVELOPE_LANES = 8,       /* sums of powers side by side */
};

#define PIE_ENVELOPE_SANE_LEVEL 1e9f /* above, infinite or not a number: counts as nothing */

struct pie_envelope { /* zeroed, bin_samples and n_smooth set: ready */
    size_t bin_samples, n_smooth;
    size_t n_in_bin;
    float bin_sum;
    float bin[PIE_ENVELOPE_SMOOTH_MAX + PIE_ENVELOPE_POINTS_MAX]; /* those used, then the new */
    float point[1 + PIE_ENVELOPE_POINTS_MAX]; /* the last one used, then the new ones */
};

/* Forget every sample. */
void pie_envelope_reset(struct pie_envelope *envelope);

/* Every bin that these samples complete gives one new point.
 *   out  the number of new points, in point[1] onwards until the next call
 *   pre  n_samples fills at most PIE_ENVELOPE_POINTS_MAX bins
 *   cost O(n_samples), no allocation */
size_t pie_envelope_push(struct pie_envelope *envelope, const float _Complex *sample,
                         size_t n_samples);

/* The first n_points new points are used; before the next push, once. */
void pie_envelope_use(struct pie_envelope *envelope, size_t n_points);

/* The same, and take back the samples after the last of them. */
void pie_envelope_cut(struct pie_envelope *envelope, size_t n_points);

/* As pushing and using the whole bins that end at sample[n_samples], of which only the last
 * PIE_ENVELOPE_SMOOTH_MAX are looked at.
 *   pre  no bin begun; n_samples holds at least that many bins */
void pie_envelope_skip(struct pie_envelope *envelope, const float _Complex *sample,
                       size_t n_samples);

/* |x|^2 of sample i into lane i % PIE_ENVELOPE_LANES: added to its sum, compared with its least.
 *   pre  n_samples a multiple of PIE_ENVELOPE_POINTS_MAX; the arrays do not overlap */
void pie_envelope_powers(const float _Complex *sample, size_t n_samples,
                         float sum[PIE_ENVELOPE_LANES], float least[PIE_ENVELOPE_LANES]);

#endif
