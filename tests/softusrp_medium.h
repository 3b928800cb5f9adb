/* softusrp_medium.h - what lies between the devices' ports: one air, its clock, each device's own.
 *                                                                              layer: tests
 * Device 0's ticks are the air's. A transmit sample is on the air MEDIUM_TX_TICKS device ticks
 * after its time; with the rest of the device's delay it is received `delay_samples` after it. The
 * other devices are resampled to and from the air; their carriers turn by their ppm. Frequencies
 * count from device 0's transmit carrier: what is not within 0.45 of the sample rate is not heard.
 * Channel 0 of device i is the air's transmitter i; further transmit channels end in a load. */
#ifndef TESTS_SOFTUSRP_MEDIUM_H
#define TESTS_SOFTUSRP_MEDIUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "radio/air/air.h"
#include "tests/softusrp_device.h"

#define MEDIUM_TX_TICKS 16
#define MEDIUM_DELAY_MIN 32 /* transmit and receive resampling, 16 ticks each */
#define MEDIUM_DELAY_MAX 1024
#define MEDIUM_KEPT_TICKS 65536

struct medium;

/* The devices are made after it, before anything runs.
 *   own  borrows the devices for the medium's life; caller frees */
enum status medium_new(const struct air_cfg *cfg, const struct device_cfg *device_cfg,
                       struct device *const device[], unsigned n_devices,
                       struct medium **medium) must_check;
void medium_free(struct medium **medium);

double medium_rate_sps(const struct medium *medium); /* of the air's clock */

/* The host set another rate: the device's clock goes on at it. */
void medium_set_rate(struct medium *medium, unsigned device, double rate_sps);

/* Device tick at the next whole second of the air's clock after now (the pulse all devices see),
 * or at the last one before. */
int64_t medium_pulse_tick(const struct medium *medium, unsigned device, bool is_last);

/* Let n air ticks pass: transactions and pulses at their ticks, samples through the air. */
void medium_run(struct medium *medium, int64_t n_ticks);

/* Air ticks until a device has a receive packet complete or a transaction is due; INT64_MAX: never */
int64_t medium_next(const struct medium *medium);

bool medium_is_idle(const struct medium *medium);

/* What the device's channel received at device ticks tick .. tick + n - 1, as it goes over the
 * wire: I in the low half.   pre  those ticks have passed, not longer ago than MEDIUM_KEPT_TICKS */
void medium_read(const struct medium *medium, unsigned device, unsigned channel, int64_t tick,
                 size_t n, uint32_t *word);

/* The tags as they are; NULL: nothing streamed yet. */
const struct air *medium_air(const struct medium *medium);

#endif
