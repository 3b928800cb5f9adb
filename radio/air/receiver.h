/* receiver.h - one receiver of the simulated air: leak, offset, interference, noise, converter.
 *                                                                     layer: radio/air
 * Everything is a function of the absolute tick and of the receiver's own random streams, so the
 * result does not depend on how calls split the samples. */
#ifndef RADIO_AIR_RECEIVER_H
#define RADIO_AIR_RECEIVER_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/interference.h"
#include "radio/air/noise.h"
#include "radio/air/oscillator.h"

struct receiver {
    const struct noise_table *table;            /* borrowed */
    float _Complex leak[AIR_SOURCES_MAX];       /* at tick 0 */
    float _Complex leak_start[AIR_SOURCES_MAX]; /* at the start of the drift interval */
    float _Complex leak_end[AIR_SOURCES_MAX];
    float drift_sigma;                  /* of I and Q of the change over one interval; 0: none */
    float drift_ratio[AIR_SOURCES_MAX]; /* of each source's leak on it */
    float _Complex moving_ratio;        /* moving part on the leak; 0: none */
    struct oscillator moving;           /* how it turns */
    double _Complex settle_ratio;       /* tail on the step of the carrier; 0: none */
    double settle_share;                /* of the way to the carrier, a tick */
    double _Complex settled[AIR_SOURCES_MAX]; /* the carrier as it settles */
    struct oscillator carrier;
    float gain; /* analog, on all but the converter's noise */
    struct interference interference;
    float phase_sigma_rad, noise_sigma;
    float _Complex image; /* k of x + k conj(x); 0: none */
    float _Complex dc;
    float adc_step; /* 0: no converter */
    struct noise_stream noise_stream, phase_stream, drift_stream;
};

/*   pre  cfg checked; index < AIR_RECEIVERS_MAX      own  borrows table for the receiver's life */
void receiver_init(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                   unsigned index, const struct noise_table *table);

/* Analog gain and what the antenna passes, beyond the cfg. */
void receiver_set_gain(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                       unsigned index, double gain_db, double antenna_db);

/* A source that is not where leak_db puts it: its leak, and with it the drift, times `ratio`. */
void receiver_scale_leak(struct receiver *receiver, unsigned source, double ratio);

/* Power of all white noise in one complex sample of receiver 0, full scale = 1. */
double receiver_noise_power(const struct air_cfg *cfg, double rate_sps);

/* Write what comes from the sources: leak plus the given still gain (idle tags); what moves and
 * what settles in the leak.
 *   pre  calls follow one another in ticks */
void receiver_leak(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                   const float _Complex *still, float _Complex *rx, size_t n_samples,
                   int64_t first_tick);

/* Carrier offset, interference, phase noise, gain, thermal noise, image, DC and converter, in
 * place. */
void receiver_finish(struct receiver *receiver, float _Complex *rx, size_t n_samples,
                     int64_t first_tick);

#endif
