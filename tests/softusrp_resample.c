/* softusrp_resample.c - windowed-sinc interpolation. */
#include "tests/softusrp_resample.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

#define KAISER_BETA 9.0

static double bessel_i0(double x)
{
    double sum = 1.0, term = 1.0;
    for (int k = 1; k < 64; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}

static double kernel(double t)
{
    const double edge = t / RESAMPLE_HALF;
    const double sinc = fabs(t) < 1e-12 ? 1.0 : sin(UNITS_PI * t) / (UNITS_PI * t);
    if (fabs(edge) >= 1.0) {
        return 0.0;
    }
    return sinc * bessel_i0(KAISER_BETA * sqrt(1.0 - edge * edge)) / bessel_i0(KAISER_BETA);
}

void resample_table_init(struct resample_table *table)
{
    require(table);
    for (int p = 0; p <= RESAMPLE_PHASES; p++) {
        for (int k = 0; k < RESAMPLE_TAPS; k++) {
            const double t = k - (RESAMPLE_HALF - 1) - (double)p / RESAMPLE_PHASES;
            table->tap[p][k] = (float)kernel(t);
        }
    }
}

static float _Complex value_at(const struct resample_table *table, const float _Complex *ring,
                               size_t mask, int64_t tick, float fraction)
{
    const float place = fraction * RESAMPLE_PHASES;
    const int phase = (int)place;
    const float rest = place - (float)phase;
    const float *low = table->tap[phase], *high = table->tap[phase + 1];
    float re = 0.0f, im = 0.0f;
    for (int k = 0; k < RESAMPLE_TAPS; k++) {
        const float tap = low[k] + rest * (high[k] - low[k]);
        const float _Complex value = ring[(size_t)(tick + k - (RESAMPLE_HALF - 1)) & mask];
        re += tap * crealf(value);
        im += tap * cimagf(value);
    }
    return re + im * I;
}

void resample_run(const struct resample_table *table, const float _Complex *ring, size_t n_ring,
                  double at, double step, float _Complex *out, size_t n)
{
    require(table);
    require((n_ring & (n_ring - 1)) == 0);
    for (size_t k = 0; k < n; k++) {
        const double place = at + step * (double)k;
        const double tick = floor(place);
        const float fraction = (float)(place - tick);
        out[k] = value_at(table, ring, n_ring - 1, (int64_t)tick,
                          fraction < 1.0f ? fraction : 0x1.fffffep-1f);
    }
}
