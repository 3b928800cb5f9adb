/* probe_delay.h - transmit-to-receive delay to a fraction of a sample: a code keyed onto the carrier,
 * found again by correlation with its own continuous form.                      layer: reader */
#ifndef READER_PROBE_DELAY_H
#define READER_PROBE_DELAY_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

enum { PROBE_DELAY_CHIPS = 255 };

/* The code's level at `ticks` after its begin, 0.5 .. 1; 1 outside it. Chips pass into each other in
 * raised cosines, so that its spectrum ends where the radio's filters still pass. */
double probe_delay_level(double ticks, int64_t chip_ticks);
int64_t probe_delay_length(int64_t chip_ticks);

/* Find the code.
 *   in   sample[n_samples] of which sample[0] lies code_at ticks before the code's begin as sent
 *   out  delay in samples; NaN: the code is not there (less than a quarter of what varies is it)
 *   pre  chip_ticks >= 4; the code plus the delay lies inside   cost n_samples x 255 + fine search */
double probe_delay_find(const float _Complex *sample, size_t n_samples, int64_t code_at,
                        int64_t chip_ticks);

#endif
