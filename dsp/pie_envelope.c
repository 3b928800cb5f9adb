/* pie_envelope.c - envelope of keyed carriers. */
#include "dsp/pie_envelope.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"

enum {
    SMOOTH_MAX = PIE_ENVELOPE_SMOOTH_MAX,
    POINTS_MAX = PIE_ENVELOPE_POINTS_MAX,
    LANES = PIE_ENVELOPE_LANES,
};

_Static_assert(POINTS_MAX % LANES == 0, "the last lanes stay within bin[] and point[]");

void pie_envelope_reset(struct pie_envelope *envelope)
{
    require(envelope->bin_samples >= 1);
    require(envelope->bin_samples <= PIE_ENVELOPE_BIN_MAX);
    require(envelope->n_smooth >= 1);
    require(envelope->n_smooth <= SMOOTH_MAX);
    envelope->n_in_bin = 0;
    envelope->bin_sum = 0.0f;
    memset(envelope->bin, 0, sizeof envelope->bin);
    memset(envelope->point, 0, sizeof envelope->point);
}

/* |x|, or 0 for what is no number; kept below the sane level so that powers stay finite. */
VECTOR_CLONES static void magnitudes(const float _Complex *sample, size_t n_samples,
                                     float *magnitude)
{
    const float sane_power = PIE_ENVELOPE_SANE_LEVEL * PIE_ENVELOPE_SANE_LEVEL;
    const float *part = (const float *)sample; /* re, im, re, im: C11 6.2.5 clause 13 */
    for (size_t i = 0; i < n_samples; i++) {
        float power = part[2 * i] * part[2 * i] + part[2 * i + 1] * part[2 * i + 1];
        magnitude[i] = sqrtf(power < sane_power ? power : 0.0f);
    }
}

/* Magnitudes into bins; the sum of a bin runs from its first sample to its last, however the
 * samples come.  out bins completed */
static size_t bins_add(struct pie_envelope *e, const float *magnitude, size_t n_samples)
{
    size_t n_bins = 0;
    size_t at = 0;
    while (at < n_samples) {
        size_t until = at + e->bin_samples - e->n_in_bin;
        until = until < n_samples ? until : n_samples;
        float sum = e->bin_sum;
        e->n_in_bin += until - at;
        for (; at < until; at++) {
            sum += magnitude[at];
        }
        e->bin_sum = sum;
        if (e->n_in_bin == e->bin_samples) {
            e->bin[SMOOTH_MAX + n_bins++] = sum / (float)e->bin_samples;
            e->bin_sum = 0.0f;
            e->n_in_bin = 0;
        }
    }
    return n_bins;
}

/* Moving averages that end at the new bins. Each sum runs from its
 * oldest bin to its newest: a running sum would be cheaper on paper, but drift, and could not be
 * vectorised. */
VECTOR_CLONES static void points_make(struct pie_envelope *e, size_t n_points)
{
    const float *bin = e->bin + SMOOTH_MAX + 1 - e->n_smooth;
    float *point = e->point + 1;
    for (size_t at = 0; at < n_points; at += LANES) { /* the last few may be of bins gone by */
        float sum[LANES];
        memcpy(sum, bin + at, sizeof sum);
        for (size_t k = 1; k < e->n_smooth; k++) {
            for (size_t i = 0; i < LANES; i++) {
                sum[i] += bin[at + i + k];
            }
        }
        for (size_t i = 0; i < LANES; i++) {
            point[at + i] = sum[i] / (float)e->n_smooth;
        }
    }
}

size_t pie_envelope_push(struct pie_envelope *envelope, const float _Complex *sample,
                         size_t n_samples)
{
    struct pie_envelope *e = envelope;
    require(e->n_in_bin + n_samples <= POINTS_MAX * e->bin_samples);
    size_t n_points = n_samples;
    if (e->bin_samples == 1) {
        magnitudes(sample, n_samples, e->bin + SMOOTH_MAX);
    } else {
        float magnitude[POINTS_MAX * PIE_ENVELOPE_BIN_MAX];
        magnitudes(sample, n_samples, magnitude);
        n_points = bins_add(e, magnitude, n_samples);
    }
    points_make(e, n_points);
    return n_points;
}

void pie_envelope_use(struct pie_envelope *envelope, size_t n_points)
{
    require(n_points <= POINTS_MAX);
    memmove(envelope->bin, envelope->bin + n_points, SMOOTH_MAX * sizeof *envelope->bin);
    envelope->point[0] = envelope->point[n_points];
}

void pie_envelope_cut(struct pie_envelope *envelope, size_t n_points)
{
    pie_envelope_use(envelope, n_points);
    envelope->n_in_bin = 0;
    envelope->bin_sum = 0.0f;
}

void pie_envelope_skip(struct pie_envelope *envelope, const float _Complex *sample,
                       size_t n_samples)
{
    struct pie_envelope *e = envelope;
    require(e->n_in_bin == 0);
    require(n_samples >= SMOOTH_MAX * e->bin_samples);
    size_t n_tail = SMOOTH_MAX * e->bin_samples;
    size_t n_points = pie_envelope_push(e, sample + n_samples - n_tail, n_tail);
    pie_envelope_use(e, n_points);
}

/* Of one part; per lane, since this order is the one compilers vectorise. */
static inline void powers_add(const float *restrict power, float *restrict sum,
                              float *restrict least)
{
    for (size_t k = 0; k < LANES; k++) {
        float lane_sum = sum[k];
        float lane_least = least[k];
        for (size_t i = k; i < POINTS_MAX; i += LANES) {
            lane_sum += power[i];
            lane_least = power[i] < lane_least ? power[i] : lane_least;
        }
        sum[k] = lane_sum;
        least[k] = lane_least;
    }
}

VECTOR_CLONES void pie_envelope_powers(const float _Complex *sample, size_t n_samples,
                                       float sum[LANES], float least[LANES])
{
    require(n_samples % POINTS_MAX == 0);
    const float *part = (const float *)sample;
    for (size_t at = 0; at < n_samples; at += POINTS_MAX, part += 2 * POINTS_MAX) {
        float power[POINTS_MAX];
        for (size_t i = 0; i < POINTS_MAX; i++) {
            power[i] = part[2 * i] * part[2 * i] + part[2 * i + 1] * part[2 * i + 1];
        }
        powers_add(power, sum, least);
    }
}
