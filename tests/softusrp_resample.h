/* softusrp_resample.h - samples between the ticks of a ring: from one device's clock to another's.
 *                                                                              layer: tests
 * Windowed sinc, 32 taps. Error floor for what lies within 0.4 of the sample rate (test_softusrp
 * measures it): below -80 dB. */
#ifndef TESTS_SOFTUSRP_RESAMPLE_H
#define TESTS_SOFTUSRP_RESAMPLE_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#define RESAMPLE_HALF 16 /* taps on either side: needs ticks floor(at) - 15 .. floor(at) + 16 */
#define RESAMPLE_TAPS (2 * RESAMPLE_HALF)
#define RESAMPLE_PHASES 512

struct resample_table {
    float tap[RESAMPLE_PHASES + 1][RESAMPLE_TAPS];
};

void resample_table_init(struct resample_table *table);

/* Values at positions at, at + step, ... of a signal kept in a ring by tick (n_ring a power of 2).
 *   pre  the ring holds ticks floor(at) - 15 .. floor(last) + 16 */
void resample_run(const struct resample_table *table, const float _Complex *ring, size_t n_ring,
                  double at, double step, float _Complex *out, size_t n);

#endif
