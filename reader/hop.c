/* hop.c - the schedule: cells of equal length, a seeded order of channels. */
#include "reader/hop.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "config/require.h"

enum { SET_PART = 4 }; /* of the settling time: a host that counts a little ahead still waits */

/* SplitMix64: Steele, Lea, Flood 2014. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Fisher-Yates, then turned so that the first channel asked for comes first. */
static void order_make(struct hop *hop)
{
    size_t n = hop->cfg.n_channels;
    uint8_t drawn[HOP_CHANNELS_MAX] = {0};
    uint64_t state = hop->cfg.seed;
    for (size_t k = 0; k < n; k++) {
        drawn[k] = (uint8_t)k;
    }
    for (size_t k = n; k > 1; k--) {
        size_t j = (size_t)(random_next(&state) % k); /* bias below 2^-58 */
        uint8_t kept = drawn[k - 1];
        drawn[k - 1] = drawn[j];
        drawn[j] = kept;
    }
    size_t first = 0;
    while (drawn[first] != hop->cfg.first_channel) {
        first++;
    }
    for (size_t k = 0; k < n; k++) {
        hop->order[k] = drawn[(first + k) % n];
    }
}

/* Antennas faster than dwells cut each dwell; slower ones change with a dwell. */
static int64_t cells_of_dwell(const struct hop_cfg *cfg)
{
    if (cfg->n_antennas == 1 || isinf(cfg->dwell_s) || cfg->antenna_dwell_s >= cfg->dwell_s) {
        return 1;
    }
    return (int64_t)ceil(cfg->dwell_s / cfg->antenna_dwell_s - 1e-9);
}

/* A carrier without dwells changes antennas all the same. */
static double dwell_of(const struct hop_cfg *cfg)
{
    if (isfinite(cfg->dwell_s)) {
        return cfg->dwell_s;
    }
    return cfg->n_antennas > 1 ? cfg->antenna_dwell_s : INFINITY;
}

double hop_cell_s(const struct hop_cfg *cfg)
{
    require(cfg);
    if (isinf(dwell_of(cfg))) {
        return INFINITY;
    }
    return dwell_of(cfg) / (double)cells_of_dwell(cfg) - cfg->settle_s - cfg->pause_s;
}

void hop_init(struct hop *hop, const struct hop_cfg *cfg)
{
    require(hop);
    require(cfg->n_channels >= 1);
    require(cfg->n_channels <= HOP_CHANNELS_MAX);
    require(cfg->first_channel < cfg->n_channels);
    require(cfg->n_antennas >= 1);
    require(cfg->rate_sps > 0.0);
    require(hop_cell_s(cfg) > 0.0);
    memset(hop, 0, sizeof *hop);
    hop->cfg = *cfg;
    hop->n_cells = cells_of_dwell(cfg);
    /* whole ticks, rounded up: n_channels dwells are never shorter than they should be */
    hop->cell_ticks = isinf(dwell_of(cfg))
                          ? INFINITY
                          : ceil(dwell_of(cfg) * cfg->rate_sps) / (double)hop->n_cells;
    hop->settle_ticks = (int64_t)ceil(cfg->settle_s * cfg->rate_sps);
    hop->pause_ticks = (int64_t)ceil(cfg->pause_s * cfg->rate_sps);
    hop->antenna_dwells = 1;
    if (cfg->n_antennas > 1 && isfinite(cfg->dwell_s)) {
        hop->antenna_dwells = (int64_t)fmax(1.0, round(cfg->antenna_dwell_s / cfg->dwell_s));
    }
    order_make(hop);
}

static size_t antenna_of(const struct hop *hop, int64_t index)
{
    int64_t n_antennas = (int64_t)hop->cfg.n_antennas;
    int64_t dwell = index / hop->n_cells;
    if (hop->n_cells > 1) {
        return (size_t)(index % n_antennas);
    }
    /* a step more each time round the channels, or an even number of channels would give two
     * antennas every other channel each, for ever */
    int64_t n_channels = (int64_t)hop->cfg.n_channels;
    int64_t turns = n_channels > 1 ? dwell / (n_channels * hop->antenna_dwells) : 0;
    return (size_t)((dwell / hop->antenna_dwells + turns) % n_antennas);
}

void hop_share(struct hop *hop, const struct tdma_plan *units)
{
    require(hop);
    require(units);
    require(tdma_plan_is_shared(units));
    require(hop->cfg.n_channels == 1);
    require(hop->cfg.n_antennas == 1);
    struct tdma_window window;
    hop->units = units;
    hop->first_window = tdma_plan_window_from(units, 0);
    tdma_plan_window(units, hop->first_window, &window);
    hop->first_window += window.begin_tick < 0; /* one that has begun is not entered */
}

static void window_cell(const struct hop *hop, int64_t index, struct hop_cell *cell)
{
    struct tdma_window window;
    tdma_plan_window(hop->units, hop->first_window + index, &window);
    *cell = (struct hop_cell){.index = index,
                              .set_tick = window.begin_tick,
                              .on_tick = window.begin_tick,
                              .off_tick = window.end_tick,
                              .freq_hz = hop->cfg.channel_hz[0]};
}

void hop_cell_at(const struct hop *hop, int64_t index, struct hop_cell *cell)
{
    require(hop);
    require(index >= 0);
    if (hop->units) {
        window_cell(hop, index, cell);
        return;
    }
    int64_t dwell = index / hop->n_cells;
    cell->index = index;
    int64_t begin_tick = index == 0 ? 0 : (int64_t)ceil((double)index * hop->cell_ticks);
    int64_t silent_ticks = index == 0 ? 0 : hop->settle_ticks;
    cell->set_tick = begin_tick + silent_ticks / SET_PART;
    cell->on_tick = begin_tick + silent_ticks;
    cell->off_tick = INT64_MAX;
    if (isfinite(hop->cell_ticks)) {
        bool last = (index + 1) % hop->n_cells == 0;
        cell->off_tick =
            (int64_t)floor((double)(index + 1) * hop->cell_ticks) - (last ? hop->pause_ticks : 0);
    }
    size_t turn = (size_t)(dwell % (int64_t)hop->cfg.n_channels);
    cell->freq_hz = hop->cfg.channel_hz[hop->order[turn]];
    cell->antenna = antenna_of(hop, index);
    require(cell->off_tick > cell->on_tick);
}

int64_t hop_index_of(const struct hop *hop, int64_t tick)
{
    require(hop);
    require(tick >= 0);
    if (isinf(hop->cell_ticks)) {
        return 0;
    }
    int64_t index = (int64_t)floor((double)tick / hop->cell_ticks);
    while (index > 0 && (int64_t)ceil((double)index * hop->cell_ticks) > tick) {
        index--;
    }
    while ((int64_t)ceil((double)(index + 1) * hop->cell_ticks) <= tick) {
        index++;
    }
    return index;
}
