/* probe_delay.c - m-sequence of 255 chips; coarse search over whole samples, fine over fractions. */
#include "reader/probe_delay.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

#define LEVEL_LOW 0.5
#define FINE_STEP 0.125
#define FOUND_SHARE 0.25 /* of the variance around the code */

/* x^8 + x^6 + x^5 + x^4 + 1, all ones at the start. */
static const int *chips(void)
{
    static int chip[PROBE_DELAY_CHIPS];
    unsigned state = 0xFF;
    for (int k = 0; k < PROBE_DELAY_CHIPS; k++) {
        chip[k] = (int)(state & 1);
        unsigned bit = (state ^ state >> 2 ^ state >> 3 ^ state >> 4) & 1;
        state = state >> 1 | bit << 7;
    }
    return chip;
}

int64_t probe_delay_length(int64_t chip_ticks)
{
    return (PROBE_DELAY_CHIPS + 1) * chip_ticks;
}

/* Chip k reaches its level at the end of its time, beginning and end are at 1. */
static double level_of(const int *chip, double ticks, int64_t chip_ticks)
{
    double place = ticks / (double)chip_ticks;
    if (!(place >= 0.0) || place >= PROBE_DELAY_CHIPS + 1) {
        return 1.0;
    }
    int k = (int)place;
    int from = k == 0 ? 1 : chip[k - 1];
    int to = k == PROBE_DELAY_CHIPS ? 1 : chip[k];
    double share = 0.5 - 0.5 * cos(UNITS_PI * (place - k));
    return LEVEL_LOW + (1.0 - LEVEL_LOW) * (from + (to - from) * share);
}

double probe_delay_level(double ticks, int64_t chip_ticks)
{
    require(chip_ticks >= 4);
    return level_of(chips(), ticks, chip_ticks);
}

/* Correlation of the samples with the code less its mean, begun at sample `at`; every stride-th. */
static double correlation(const float _Complex *sample, double at, int64_t chip_ticks,
                          int64_t stride)
{
    const int *chip = chips();
    int64_t first = (int64_t)ceil(at);
    int64_t length = probe_delay_length(chip_ticks);
    double mean = 0.0, sum_re = 0.0, sum_im = 0.0, re = 0.0, im = 0.0, energy = 0.0;
    int64_t n = 0;
    for (int64_t k = 0; k < length - 1; k += stride, n++) {
        double level = level_of(chip, (double)(first + k) - at, chip_ticks);
        double x = (double)crealf(sample[first + k]), y = (double)cimagf(sample[first + k]);
        mean += level;
        energy += level * level;
        re += level * x;
        im += level * y;
        sum_re += x;
        sum_im += y;
    }
    mean /= (double)n;
    energy -= (double)n * mean * mean;
    re -= mean * sum_re;
    im -= mean * sum_im;
    return (re * re + im * im) / energy;
}

/* The sample at which the code most likely begins, from two samples a chip. */
static int64_t coarse_find(const float _Complex *sample, int64_t last, int64_t chip_ticks)
{
    enum { POINTS = 2 * (PROBE_DELAY_CHIPS + 1) };
    double level[POINTS], mean = 0.0, best = -1.0;
    const int *chip = chips();
    int64_t stride = chip_ticks / 2, best_at = 0;
    for (int k = 0; k < POINTS; k++) {
        level[k] = level_of(chip, (double)(k * stride), chip_ticks);
        mean += level[k] / POINTS;
    }
    for (int64_t at = 0; at <= last; at++) {
        double re = 0.0, im = 0.0;
        for (int k = 0; k < POINTS; k++) {
            float _Complex x = sample[at + k * stride];
            re += (level[k] - mean) * (double)crealf(x);
            im += (level[k] - mean) * (double)cimagf(x);
        }
        double value = re * re + im * im;
        best_at = value > best ? at : best_at;
        best = fmax(best, value);
    }
    return best_at;
}

/* Best place within `reach` of `at`, in steps. */
static double fine_find(const float _Complex *sample, double at, double reach, double step,
                        double last, int64_t chip_ticks)
{
    double best = -1.0, best_at = at;
    double end = fmin(at + reach, last);
    for (double place = fmax(at - reach, 1.0); place <= end; place += step) {
        double value = correlation(sample, place, chip_ticks, 1);
        best_at = value > best ? place : best_at;
        best = fmax(best, value);
    }
    return best_at;
}

/* Variance of the samples under the code, times their number. */
static double spread(const float _Complex *sample, int64_t first, int64_t length)
{
    double re = 0.0, im = 0.0, power = 0.0;
    for (int64_t k = first; k < first + length; k++) {
        double x = (double)crealf(sample[k]), y = (double)cimagf(sample[k]);
        re += x;
        im += y;
        power += x * x + y * y;
    }
    return power - (re * re + im * im) / (double)length;
}

double probe_delay_find(const float _Complex *sample, size_t n_samples, int64_t code_at,
                        int64_t chip_ticks)
{
    require(chip_ticks >= 4);
    int64_t length = probe_delay_length(chip_ticks);
    int64_t last = (int64_t)n_samples - length - 2;
    require(code_at >= 0);
    require(last > code_at);
    double at = (double)coarse_find(sample, last, chip_ticks);
    at = fine_find(sample, at, (double)chip_ticks, 1.0, (double)last, chip_ticks);
    at = fine_find(sample, at, 1.0, FINE_STEP, (double)last, chip_ticks);
    double fine[3];
    for (int k = 0; k < 3; k++) {
        fine[k] = correlation(sample, at + FINE_STEP * (k - 1), chip_ticks, 1);
    }
    double all = spread(sample, (int64_t)ceil(at), length - 1);
    if (!(fine[1] > FOUND_SHARE * all)) {
        return NAN;
    }
    double bend = fine[0] - 2.0 * fine[1] + fine[2];
    double shift = bend < 0.0 ? 0.5 * (fine[0] - fine[2]) / bend : 0.0;
    return at + FINE_STEP * shift - (double)code_at;
}
