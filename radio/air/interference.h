/* interference.h - what others send into a receiver: another reader, impulses, cellular bursts.
 *                                                                     layer: radio/air
 * Every source is one for all receivers: the same waveform at the same time, each receiver with its
 * own phase. Tags do not hear it; further emitters that tags do hear are transmitters of the air. */
#ifndef RADIO_AIR_INTERFERENCE_H
#define RADIO_AIR_INTERFERENCE_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/burst.h"
#include "radio/air/noise.h"
#include "radio/air/oscillator.h"

struct keyer { /* PIE commands of the other reader */
    bool is_keyed;
    double us_per_tick;
    double period_us, command_us, start_us; /* a command begins at start_us + n period_us */
    uint64_t n_commands;                    /* begun */
    double begin_us;                        /* of the command in force */
    unsigned n_symbols;                     /* of it */
    double fall_us, rise_us;                /* the low pulse now or next */
    uint64_t random;
};

struct impulses {
    double mean_gap_ticks, length_ticks; /* gap: from an end to the next start */
    double begin_tick, end_tick;
    float _Complex gain; /* of this one */
    float amplitude;
    uint64_t random;
};

struct interference {
    bool is_on;
    float reader_amplitude; /* 0: none */
    struct keyer keyer;
    struct oscillator oscillator;
    struct impulses impulses; /* amplitude 0: none */
    struct burst burst;
    float _Complex phase[3]; /* of this receiver: reader, impulses, bursts */
};

/*   pre  cfg checked; index < AIR_RECEIVERS_MAX      own  borrows table */
void interference_init(struct interference *interference, const struct air_cfg *cfg,
                       double rate_sps, unsigned index, const struct noise_table *table);

/* Add everything to what the receiver hears.
 *   pre  interference->is_on; calls follow one another in ticks from 0 on */
void interference_add(struct interference *interference, float _Complex *rx, size_t n_samples,
                      int64_t first_tick);

#endif
