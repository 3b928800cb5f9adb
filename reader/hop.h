/* hop.h - when the carrier is on, on which channel and antenna: a schedule on the sample clock.
 *                                                                            layer: reader
 * Pure: no radio, no clock, no state that moves. Time is cut into dwells of equal length, from tick 0
 * on; a dwell into as many cells as antennas take turns within it. In each cell:
 *
 *       set_tick   on_tick                                     off_tick   (next cell)
 *  |--- settle -------|============== carrier, commands ==============|-- pause --|
 *
 * The order of the channels is drawn once from the seed and then repeated: all channels are used
 * equally, and a channel comes back after n_channels dwells and never earlier, so the time on it in
 * any window of that length is at most one dwell (47 CFR 15.247(a)(1)). */
#ifndef READER_HOP_H
#define READER_HOP_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/tdma_plan.h"

#define HOP_CHANNELS_MAX 64

struct hop_cfg {
    double rate_sps;
    size_t n_channels; /* 1: the carrier stays */
    double channel_hz[HOP_CHANNELS_MAX];
    size_t first_channel; /* index of the channel of the first dwell */
    uint64_t seed;
    double dwell_s; /* INFINITY: one dwell, never over */
    double pause_s; /* carrier off at the end of each dwell, beside the settling time */
    double
        settle_s; /* carrier off at the start of each cell but the first, for the radio to tune */
    size_t n_antennas;
    double antenna_dwell_s; /* to the next antenna after so long, rounded to a dwell or a part */
};

struct hop { /* fields private */
    struct hop_cfg cfg;
    uint8_t order[HOP_CHANNELS_MAX];
    double cell_ticks; /* INFINITY: there is one cell */
    int64_t n_cells;   /* of a dwell */
    int64_t antenna_dwells;
    int64_t settle_ticks, pause_ticks;
    const struct tdma_plan *units; /* cells are its windows; NULL: time is cut as above */
    int64_t first_window;          /* of them that begins at tick 0 or later */
};

struct hop_cell {
    int64_t index;
    int64_t set_tick, on_tick, off_tick; /* off_tick: not one tick of carrier later; INT64_MAX */
    double freq_hz;
    size_t antenna;
};

/*   pre  n_channels 1..HOP_CHANNELS_MAX, n_antennas >= 1, times positive, first_channel < n_channels;
 *        each cell is longer than its silences: see hop_cell_s */
void hop_init(struct hop *hop, const struct hop_cfg *cfg);

/* Shortest carrier time within a cell, in seconds: a caller that wants commands in it checks. */
double hop_cell_s(const struct hop_cfg *cfg);

/* The air is shared by units of time: from now on a cell is a window of the plan, on the first channel and antenna.
 *   pre  one channel, one antenna; units are shared, begun, and outlive the schedule */
void hop_share(struct hop *hop, const struct tdma_plan *units);

/* The cell with this index, from 0. */
void hop_cell_at(const struct hop *hop, int64_t index, struct hop_cell *cell);

/* Index of the cell a tick lies in. */
int64_t hop_index_of(const struct hop *hop, int64_t tick);

#endif
