/* resampler.h - a receiver whose sample clock is not the transmitters': what it hears, sampled at its
 * own instants.                                                        layer: radio/air
 * Windowed sinc (Kaiser, 48 taps), 1024 phases and straight lines between them: constants pass
 * exactly, tones up to 0.4 of the rate with errors below -98 dB (16 bits), see tests/test_air_clock.c. */
#ifndef RADIO_AIR_RESAMPLER_H
#define RADIO_AIR_RESAMPLER_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RESAMPLER_TAPS = 48,
    RESAMPLER_PHASES = 1024,
    RESAMPLER_SAMPLES_MAX = 1024,
    RESAMPLER_BANK_MAX = 4,
};

struct resampler_table {
    float tap[RESAMPLER_PHASES + 1][RESAMPLER_TAPS];
};

struct resampler {
    const struct resampler_table *table; /* borrowed */
    double ratio, start_tick;            /* sample n is taken at start_tick + n ratio */
    int64_t next;                        /* sample to be taken */
    int64_t end_tick;                    /* ticks taken in so far */
    float _Complex input[RESAMPLER_TAPS + RESAMPLER_SAMPLES_MAX]; /* the last ones */
};

struct resampler_bank { /* receivers that share a clock */
    struct resampler_table table;
    struct resampler resampler[RESAMPLER_BANK_MAX];
    float _Complex raw[RESAMPLER_BANK_MAX]
                      [RESAMPLER_SAMPLES_MAX]; /* what goes in, for the caller */
};

/*   pre n_receivers <= RESAMPLER_BANK_MAX   out NULL: no memory   own caller frees with free() */
struct resampler_bank *resampler_bank_new(unsigned n_receivers, double clock_ratio,
                                          double start_tick);

void resampler_table_init(struct resampler_table *table);

/* A receiver whose clock is fast by clock_ratio (ppm 1e-6) and which takes its first sample at
 * start_tick of the transmitters' clock.   own  borrows table */
void resampler_init(struct resampler *resampler, const struct resampler_table *table,
                    double clock_ratio, double start_tick);

/* Take the next n_in ticks in, write what the receiver samples by then.
 *   pre  n_in <= RESAMPLER_SAMPLES_MAX; out has room for n_in + 2
 *   out  how many samples: each needs RESAMPLER_TAPS / 2 ticks beyond its own */
size_t resampler_run(struct resampler *resampler, const float _Complex *in, size_t n_in,
                     float _Complex *out);

#endif
