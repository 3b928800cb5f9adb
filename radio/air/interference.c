/* interference.c - another reader's carrier and commands, impulses, bursts. */
#include "radio/air/interference.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define PIECE_SAMPLES 256
/* the other reader's commands: PIE with Tari 12.5 us, RTcal 3 Tari, data-1 2 Tari, PW half a Tari,
 * 90 % depth, raised-cosine edges (Gen2 figures 6.1-6.4) */
#define TARI_US 12.5
#define RTCAL_US (3.0 * TARI_US)
#define DATA1_US (2.0 * TARI_US)
#define LOW_US (0.5 * TARI_US)
#define DELIMITER_US 12.5
#define EDGE_US 3.0
#define DEPTH_RATIO 0.9

enum { PHASE_READER, PHASE_IMPULSE, PHASE_BURST };

static float _Complex random_phase(uint64_t *random)
{
    double angle = 2.0 * UNITS_PI * noise_uniform(random);
    return (float)cos(angle) + (float)sin(angle) * I;
}

/* ---- the other reader ---- */

static void begin_command(struct keyer *keyer)
{
    keyer->begin_us = keyer->start_us + (double)keyer->n_commands * keyer->period_us;
    keyer->fall_us = keyer->begin_us; /* the delimiter */
    keyer->rise_us = keyer->begin_us + DELIMITER_US;
    keyer->n_symbols = 0;
    keyer->n_commands++;
}

/* Go on to the next low pulse: the end of the next symbol, or the next command's delimiter. */
static void keyer_next(struct keyer *keyer)
{
    double symbol_us = TARI_US; /* the first: data-0 */
    if (keyer->n_symbols == 1) {
        symbol_us = RTCAL_US;
    } else if (keyer->n_symbols > 1) {
        symbol_us = noise_mix(&keyer->random) & 1 ? DATA1_US : TARI_US;
    }
    double end_us = keyer->rise_us + symbol_us;
    if (end_us > keyer->begin_us + keyer->command_us) {
        begin_command(keyer);
        return;
    }
    keyer->fall_us = end_us - LOW_US;
    keyer->rise_us = end_us;
    keyer->n_symbols++;
}

static void keyer_init(struct keyer *keyer, const struct air_cfg *cfg, double rate_sps)
{
    memset(keyer, 0, sizeof *keyer);
    keyer->is_keyed = !isnan(cfg->other_reader_period_us);
    if (!keyer->is_keyed) {
        return;
    }
    keyer->us_per_tick = 1e6 / rate_sps;
    keyer->period_us = cfg->other_reader_period_us;
    keyer->command_us = cfg->other_reader_command_us;
    keyer->random = (uint64_t)cfg->seed ^ 0x0EADE2u;
    keyer->start_us = EDGE_US + keyer->period_us * noise_uniform(&keyer->random);
    begin_command(keyer);
}

/* Share of an edge passed, `us` after its middle. */
static double edge(double us)
{
    if (us <= -0.5 * EDGE_US) {
        return 0.0;
    }
    return us >= 0.5 * EDGE_US ? 1.0 : 0.5 + 0.5 * sin(UNITS_PI * us / EDGE_US);
}

static float keyer_level(struct keyer *keyer, int64_t tick)
{
    if (!keyer->is_keyed) {
        return 1.0f;
    }
    double us = (double)tick * keyer->us_per_tick;
    while (us > keyer->rise_us + 0.5 * EDGE_US) {
        keyer_next(keyer);
    }
    return (float)(1.0 - DEPTH_RATIO * (edge(us - keyer->fall_us) - edge(us - keyer->rise_us)));
}

static void add_reader(struct interference *interference, float _Complex *rx, size_t n_samples,
                       int64_t first_tick)
{
    float _Complex piece[PIECE_SAMPLES];
    require(n_samples <= PIECE_SAMPLES);
    float _Complex gain = interference->phase[PHASE_READER] * interference->reader_amplitude;
    for (size_t k = 0; k < n_samples; k++) {
        piece[k] = gain * keyer_level(&interference->keyer, first_tick + (int64_t)k);
    }
    if (oscillator_turns(&interference->oscillator)) {
        oscillator_turn(&interference->oscillator, (float *)piece, n_samples, first_tick);
    }
    for (size_t k = 0; k < n_samples; k++) {
        rx[k] += piece[k];
    }
}

/* ---- impulses ---- */

static void next_impulse(struct impulses *impulses)
{
    double gap_ticks = -log(1.0 - noise_uniform(&impulses->random)) * impulses->mean_gap_ticks;
    impulses->begin_tick = impulses->end_tick + gap_ticks;
    impulses->end_tick = impulses->begin_tick + impulses->length_ticks;
    impulses->gain = impulses->amplitude * random_phase(&impulses->random);
}

static void impulses_init(struct impulses *impulses, const struct air_cfg *cfg, double rate_sps)
{
    memset(impulses, 0, sizeof *impulses);
    if (!(cfg->impulse_rate_per_s > 0.0)) {
        return;
    }
    impulses->length_ticks = cfg->impulse_length_us * 1e-6 * rate_sps;
    impulses->mean_gap_ticks = rate_sps / cfg->impulse_rate_per_s - impulses->length_ticks;
    require(impulses->mean_gap_ticks > 0.0);
    impulses->amplitude = (float)units_amplitude_ratio_from_db(cfg->impulse_dbfs);
    impulses->random = (uint64_t)cfg->seed ^ 0x1A9015Eu;
    impulses->end_tick = -0.5;
    next_impulse(impulses);
}

/* A sample is the mean over the time from half a tick before to half a tick after. */
static void add_impulses(struct interference *interference, float _Complex *rx, size_t n_samples,
                         int64_t first_tick)
{
    struct impulses *impulses = &interference->impulses;
    for (size_t k = 0; k < n_samples; k++) {
        double low = (double)(first_tick + (int64_t)k) - 0.5;
        double high = low + 1.0;
        while (impulses->begin_tick < high) {
            double share = fmin(impulses->end_tick, high) - fmax(impulses->begin_tick, low);
            rx[k] += interference->phase[PHASE_IMPULSE] * impulses->gain * (float)share;
            if (impulses->end_tick > high) {
                break;
            }
            next_impulse(impulses);
        }
    }
}

/* ---- bursts ---- */

static void add_bursts(struct interference *interference, float _Complex *rx, size_t n_samples,
                       int64_t first_tick)
{
    float _Complex piece[PIECE_SAMPLES];
    require(n_samples <= PIECE_SAMPLES);
    burst_write(&interference->burst, piece, n_samples, first_tick);
    for (size_t k = 0; k < n_samples; k++) {
        rx[k] += interference->phase[PHASE_BURST] * piece[k];
    }
}

/* ---- together ---- */

void interference_init(struct interference *interference, const struct air_cfg *cfg,
                       double rate_sps, unsigned index, const struct noise_table *table)
{
    require(index < AIR_RECEIVERS_MAX);
    memset(interference, 0, sizeof *interference);
    uint64_t random = ((uint64_t)cfg->seed ^ 0x1F7E2F0u) + index;
    random = noise_mix(&random);
    for (int i = 0; i < 3; i++) {
        interference->phase[i] = random_phase(&random);
    }
    if (!isnan(cfg->other_reader_dbfs)) {
        interference->reader_amplitude =
            (float)units_amplitude_ratio_from_db(cfg->other_reader_dbfs);
    }
    keyer_init(&interference->keyer, cfg, rate_sps);
    oscillator_init(&interference->oscillator, cfg->other_reader_offset_hz, 0.0, rate_sps);
    impulses_init(&interference->impulses, cfg, rate_sps);
    burst_init(&interference->burst, cfg, rate_sps, table);
    interference->is_on = interference->reader_amplitude > 0.0f ||
                          interference->impulses.amplitude > 0.0f || interference->burst.is_on;
}

void interference_add(struct interference *interference, float _Complex *rx, size_t n_samples,
                      int64_t first_tick)
{
    require(interference->is_on);
    for (size_t done = 0; done < n_samples;) {
        size_t n = n_samples - done < PIECE_SAMPLES ? n_samples - done : PIECE_SAMPLES;
        int64_t tick = first_tick + (int64_t)done;
        if (interference->reader_amplitude > 0.0f) {
            add_reader(interference, rx + done, n, tick);
        }
        if (interference->impulses.amplitude > 0.0f) {
            add_impulses(interference, rx + done, n, tick);
        }
        if (interference->burst.is_on) {
            add_bursts(interference, rx + done, n, tick);
        }
        done += n;
    }
}
