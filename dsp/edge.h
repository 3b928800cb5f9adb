/* edge.h - timing error at one known level change, from a short gate around it. layer: dsp
 * With the true edge `late` samples after `at`, the gate integral is -2 h level late (|late| < gate). */
#ifndef DSP_EDGE_H
#define DSP_EDGE_H

#include <complex.h>

#include "dsp/integral.h"
#include "dsp/plane.h"

/* Estimate of true edge minus `at`, samples, limited to +-gate. `level` (+1, -1) holds after the
 * edge; gain is the half swing h, offset the mean level (0 when known to be gone), per_power 1 / (2 |h|^2):
 * a division that whoever looks at many edges makes once.
 *   pre 0 <= at - gate, at + gate <= n_samples, gain != 0 */
static inline double edge_late_samples(const struct integral *integral, double at, double gate,
                                       int level, double _Complex gain, double _Complex offset,
                                       double per_power)
{
    double _Complex sum =
        integral_at(integral, at + gate) - integral_at(integral, at - gate) - 2.0 * gate * offset;
    double along = plane_along(gain, sum);
    double late = -along * level * per_power;
    return late > gate ? gate : late < -gate ? -gate : late;
}

/* Several level changes together, for one mean timing error: of a subcarrier each alone drowns in the
 * noise, and limiting them one by one would hold the mean back. */
struct edges {
    double _Complex sum; /* gate integrals, each times its level */
    double where;        /* sum of their places, half-cycles */
    int levels;
    unsigned n;
};

static inline void edges_add(struct edges *edges, const struct integral *integral, double at,
                             double gate, int level, double where)
{
    double _Complex sum = integral_at(integral, at + gate) - integral_at(integral, at - gate);
    edges->sum += level > 0 ? sum : -sum;
    edges->where += where;
    edges->levels += level;
    edges->n++;
}

/* Mean of true edge minus `at`, samples, limited to +-gate; arguments as above.   pre edges->n > 0 */
static inline double edges_late_samples(const struct edges *edges, double gate,
                                        double _Complex gain, double _Complex offset,
                                        double per_power)
{
    double along = plane_along(gain, edges->sum - 2.0 * gate * edges->levels * offset);
    return held_within(-along * per_power / edges->n, -gate, gate);
}

static inline double edge_per_power(double _Complex gain)
{
    return 0.5 / plane_power(gain);
}

#endif
