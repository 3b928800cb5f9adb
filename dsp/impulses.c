/* impulses.c - differences at a distance, in loops that vectorise. */
#include "dsp/impulses.h"

#include "config/require.h"

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

float impulses_lesser(const float _Complex *x, unsigned d, float *restrict scratch,
                      float *restrict lesser, size_t n)
{
    require(d >= 1);
    const float *a = (const float *)x, *b = (const float *)(x - d);
    for (size_t k = 0; k < n + d; k++) {
        float re = a[2 * k] - b[2 * k], im = a[2 * k + 1] - b[2 * k + 1];
        scratch[k] = re * re + im * im;
    }
    float most[4] = {0};
    size_t k = 0;
    for (; k + 4 <= n; k += 4) {
        for (size_t j = 0; j < 4; j++) {
            float before = scratch[k + j], after = scratch[k + j + d];
            float less = before < after ? before : after;
            lesser[k + j] = less;
            most[j] = less > most[j] ? less : most[j];
        }
    }
    for (; k < n; k++) {
        float before = scratch[k], after = scratch[k + d];
        lesser[k] = before < after ? before : after;
        most[0] = lesser[k] > most[0] ? lesser[k] : most[0];
    }
    most[0] = most[0] > most[1] ? most[0] : most[1];
    most[2] = most[2] > most[3] ? most[2] : most[3];
    return most[0] > most[2] ? most[0] : most[2];
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
