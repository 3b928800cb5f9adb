/* burst.h - band-limited noise in bursts, as of a cellular phone or base station. layer: radio/air
 * One source is heard by all receivers: each makes the same waveform from the same seed. */
#ifndef RADIO_AIR_BURST_H
#define RADIO_AIR_BURST_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/noise.h"
#include "radio/air/oscillator.h"

#define BURST_SECTIONS 3

struct burst_section { /* of the low-pass: (1 + z^-1)^2 / (1 + a1 z^-1 + a2 z^-2), two delays */
    double a1, a2;
    double delay[2][2]; /* I, Q */
};

struct burst {
    const struct noise_table *table; /* borrowed */
    bool is_on;
    bool is_white; /* as wide as the sample rate: no filter */
    double sigma;  /* of I and of Q of the noise that goes in, the filter's gain taken out */
    double period_ticks, length_ticks, ramp_ticks;
    double start_tick; /* of a burst, -period_ticks .. 0 */
    struct burst_section section[BURST_SECTIONS];
    struct noise_stream stream;
    struct oscillator oscillator;
};

/*   pre  cfg checked      own  borrows table for the burst's life */
void burst_init(struct burst *burst, const struct air_cfg *cfg, double rate_sps,
                const struct noise_table *table);

/* Write the bursts' samples, mean power burst_dbfs while one lasts, 0 between.
 *   pre  burst->is_on; calls follow one another in ticks from 0 on */
void burst_write(struct burst *burst, float _Complex *sample, size_t n_samples, int64_t first_tick);

#endif
