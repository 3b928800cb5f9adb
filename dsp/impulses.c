/* impulses.c - differences at a distance, in loops that vectorise. */
#include "dsp/impulses.h"

#include "config/require.h"
#include "config/vector.h"

unsigned impulses_distance(double half_cycle_samples)
{
    /* a quarter, and levels of unequal length (45 .. 55 %) with an edge at each end still fit */
    double distance = 0.25 * half_cycle_samples;
    if (0.9 * half_cycle_samples < 2.0 * 1.0 + 1.0) {
        return 0;
    }
    distance = distance > 1.0 ? distance : 1.0;
    return distance < IMPULSES_DISTANCE_MAX ? (unsigned)distance : IMPULSES_DISTANCE_MAX;
}

VECTOR_CLONES unsigned impulses_lesser(const float _Complex *x, unsigned d, float limit,
                                       float *restrict scratch, float *restrict lesser, size_t n)
{
    require(d >= 1);
    const float *restrict a = (const float *)x;
    const float *restrict b = (const float *)(x - d);
    for (size_t k = 0; k < n + d; k++) {
        float re = a[2 * k] - b[2 * k], im = a[2 * k + 1] - b[2 * k + 1];
        scratch[k] = re * re + im * im;
    }
    const float *restrict after = scratch + d;
    unsigned n_over = 0;
    for (size_t k = 0; k < n; k++) {
        float less = scratch[k] < after[k] ? scratch[k] : after[k];
        lesser[k] = less;
        n_over += less > limit;
    }
    return n_over;
}

VECTOR_CLONES double impulses_sum(const float *value, size_t n)
{
    double sum = 0.0;
    for (size_t k = 0; k < n;) {
        float part[4] = {0};
        size_t stop = k + 64 < n ? k + 64 : n;
        for (; k + 4 <= stop; k += 4) {
            for (size_t j = 0; j < 4; j++) {
                part[j] += value[k + j];
            }
        }
        for (; k < stop; k++) {
            part[0] += value[k];
        }
        sum += (double)(part[0] + part[1]) + (double)(part[2] + part[3]);
    }
    return sum;
}

float impulses_off_segment(const float _Complex *x, unsigned d)
{
    float from_re = crealf(*(x - d)), from_im = cimagf(*(x - d));
    float chord_re = crealf(x[d]) - from_re, chord_im = cimagf(x[d]) - from_im;
    float re = crealf(*x) - from_re, im = cimagf(*x) - from_im;
    float length = chord_re * chord_re + chord_im * chord_im;
    float along = length > 0.0F ? (re * chord_re + im * chord_im) / length : 0.0F;
    along = along < 0.0F ? 0.0F : along > 1.0F ? 1.0F : along;
    re -= along * chord_re;
    im -= along * chord_im;
    return re * re + im * im;
}

static bool is_near(const float _Complex *x, const float _Complex *y, float limit)
{
    float re = crealf(*x) - crealf(*y), im = cimagf(*x) - cimagf(*y);
    return re * re + im * im <= limit;
}

bool impulses_is_level(const float _Complex *x, unsigned d, float limit)
{
    unsigned n = 1;
    for (unsigned k = 1; k <= d && is_near(x + k, x, limit); k++) {
        n++;
    }
    for (unsigned k = 1; k <= d && is_near(x - k, x, limit); k++) {
        n++;
    }
    return n > d;
}
