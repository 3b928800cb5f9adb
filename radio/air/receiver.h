/* receiver.h - one receiver of the simulated air: leak, offset, noise, converter.
 *                                                                     layer: radio/air
 * Everything is a function of the absolute tick and of the receiver's own random streams, so the
 * result does not depend on how calls split the samples. */
#ifndef RADIO_AIR_RECEIVER_H
#define RADIO_AIR_RECEIVER_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/noise.h"

struct receiver {
    const struct noise_table *table;                 /* borrowed */
    float _Complex leak_start[AIR_TRANSMITTERS_MAX]; /* at the start of the drift interval */
    float _Complex leak_end[AIR_TRANSMITTERS_MAX];
    float drift_sigma;  /* of I and Q of the change over one interval; 0: none */
    uint64_t turn_step; /* carrier offset, 2^-64 turns a tick; 0: none */
    double turn_cos, turn_sin, step_cos, step_sin;
    float phase_sigma_rad, noise_sigma;
    float _Complex dc;
    float adc_step; /* 0: no converter */
    struct noise_stream noise_stream, phase_stream, drift_stream;
};

/*   pre  cfg checked; index < AIR_RECEIVERS_MAX      own  borrows table for the receiver's life */
void receiver_init(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                   unsigned index, const struct noise_table *table);

/* Thermal noise power of one complex sample, full scale = 1. */
double receiver_noise_power(const struct air_cfg *cfg, double rate_sps);

/* Write what comes from the transmitters: leak plus the given still gain (idle tags).
 *   pre  calls follow one another in ticks */
void receiver_leak(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                   const float _Complex *still, float _Complex *rx, size_t n_samples,
                   int64_t first_tick);

/* Carrier offset, phase noise, thermal noise, DC and converter, in place. */
void receiver_finish(struct receiver *receiver, float _Complex *rx, size_t n_samples,
                     int64_t first_tick);

#endif
