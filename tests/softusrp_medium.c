/* softusrp_medium.c - device ports, clocks and the air. */
#include "tests/softusrp_medium.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"
#include "tests/softusrp_packets.h"
#include "tests/softusrp_resample.h"

#define CHUNK_TICKS 1024
#define RATIO_MAX 4 /* of the fastest device's rate to the air's */
#define TX_RING ((size_t)1 << 14)
#define RX_RING ((size_t)1 << 17)
#define PRIME_TICKS (2 * CHUNK_TICKS) /* the air runs so long before anybody listens: any delay */
#define HUSH_TICKS 8192       /* and so long after everything is silent: the tags lose power */
#define HEARD_RATIO 0.45      /* of the rate, on either side of the carrier */
#define WRONG_PORT_DB (-40.0) /* over the switch to the port without antenna */
#define DEAF_DB (-200.0)
_Static_assert(MEDIUM_DELAY_MAX + 2 * RESAMPLE_HALF <= PRIME_TICKS, "primed far enough");
#define BAND_LOW_HZ 860e6 /* antennas and tags are made for this band */
#define BAND_HIGH_HZ 960e6
#define BAND_SLOPE_DB_PER_HZ 2e-6
#define BAND_FLOOR_DB (-60.0)
#define FULL_SCALE 32767.0f
#define RATE_MIN_SPS 1e6 /* what the air takes */
#define RATE_MAX_SPS 100e6

_Static_assert(MEDIUM_TX_TICKS >= RESAMPLE_HALF, "interpolation needs samples ahead");

struct port {                                 /* a device's connection to the air */
    float _Complex *tx_ring;                  /* by device tick, channel 0, gain applied */
    float _Complex *rx_ring[DEVICE_CHANNELS]; /* by air tick; NULL: open port */
    unsigned first_receiver;
    double tx_turn, rx_turn[DEVICE_CHANNELS]; /* phase reached, turns */
};

struct medium {
    struct air_cfg air_cfg;
    struct air *air;
    double air_rate_sps; /* the air was made for */
    struct device *device[DEVICES_MAX];
    struct port port[DEVICES_MAX];
    unsigned n_devices, n_receivers;
    int64_t tick;  /* the next to pass */
    double base_s; /* device seconds at base_tick */
    int64_t base_tick;
    int64_t quiet_ticks; /* since somebody last sent or listened */
    struct resample_table table;
    float _Complex scratch[CHUNK_TICKS * RATIO_MAX + 2];
    float _Complex tx[DEVICES_MAX][CHUNK_TICKS], rx[AIR_RECEIVERS_MAX][CHUNK_TICKS];
};

/* ---- making ---- */

enum status medium_new(const struct air_cfg *cfg, const struct device_cfg *device_cfg,
                       struct device *const device[], unsigned n_devices,
                       struct medium **medium_out)
{
    require(n_devices >= 1);
    require(n_devices <= DEVICES_MAX);
    struct medium *medium = calloc(1, sizeof *medium);
    *medium_out = medium;
    if (!medium) {
        return status_fail(ST_NO_MEMORY, "softusrp: medium");
    }
    medium->air_cfg = *cfg;
    medium->n_devices = n_devices;
    medium->quiet_ticks = HUSH_TICKS;
    resample_table_init(&medium->table);
    bool is_short = false;
    for (unsigned d = 0; d < n_devices; d++) {
        struct port *port = &medium->port[d];
        medium->device[d] = device[d];
        port->first_receiver = medium->n_receivers;
        port->tx_ring = calloc(TX_RING, sizeof *port->tx_ring);
        is_short = is_short || !port->tx_ring;
        for (int c = 0; c < device_cfg[d].n_channels; c++) {
            port->rx_ring[c] = calloc(RX_RING, sizeof *port->rx_ring[c]);
            is_short = is_short || !port->rx_ring[c];
        }
        medium->n_receivers += (unsigned)device_cfg[d].n_channels;
    }
    if (medium->n_receivers > AIR_RECEIVERS_MAX) {
        return status_fail(ST_USAGE, "softusrp: %u receive channels in all, accepted up to %d",
                           medium->n_receivers, AIR_RECEIVERS_MAX);
    }
    return is_short ? status_fail(ST_NO_MEMORY, "softusrp: rings") : ST_OK;
}

void medium_free(struct medium **medium_in)
{
    struct medium *medium = *medium_in;
    if (medium) {
        for (unsigned d = 0; d < medium->n_devices; d++) {
            free(medium->port[d].tx_ring);
            for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
                free(medium->port[d].rx_ring[c]);
            }
        }
        air_free(&medium->air);
        free(medium);
    }
    *medium_in = NULL;
}

const struct air *medium_air(const struct medium *medium)
{
    return medium->air;
}

double medium_rate_sps(const struct medium *medium)
{
    return medium->device[0]->rate_sps;
}

/* ---- clocks ---- */

static void set_ratios(struct medium *medium)
{
    const struct device *first = medium->device[0];
    for (unsigned d = 1; d < medium->n_devices; d++) {
        struct device *device = medium->device[d];
        const double drift = (1.0 + 1e-6 * device->cfg.ppm) / (1.0 + 1e-6 * first->cfg.ppm);
        clock_set_ratio(&device->clock, medium->tick, device->rate_sps / first->rate_sps * drift);
    }
}

static double seconds(const struct medium *medium)
{
    return medium->base_s + (double)(medium->tick - medium->base_tick) / medium_rate_sps(medium);
}

void medium_set_rate(struct medium *medium, unsigned index, double rate_sps)
{
    struct device *device = medium->device[index];
    const double time_s = device_time_s(device);
    if (index == 0) {
        medium->base_s = seconds(medium);
        medium->base_tick = medium->tick;
    }
    device->rate_sps = rate_sps;
    set_ratios(medium);
    device_set_time(device, llround(time_s * rate_sps));
    device_note(device, CHANGE_RATE, 0, rate_sps, "");
}

static void tell_time(struct medium *medium)
{
    for (unsigned d = 0; d < medium->n_devices; d++) {
        struct device *device = medium->device[d];
        device->now_tick =
            device->clock.is_air
                ? medium->tick
                : (int64_t)floor(clock_tick_at(&device->clock, (double)medium->tick));
        device->now_s = seconds(medium);
    }
}

int64_t medium_pulse_tick(const struct medium *medium, unsigned index, bool is_last)
{
    const double now_s = seconds(medium);
    const double pulse_s = is_last ? floor(now_s) : floor(now_s) + 1.0;
    const double air_tick =
        (double)medium->base_tick + (pulse_s - medium->base_s) * medium_rate_sps(medium);
    const struct device *device = medium->device[index];
    return llround(device->clock.is_air ? air_tick : clock_tick_at(&device->clock, air_tick));
}

/* ---- carriers and gains ---- */

static double band_db(double freq_hz)
{
    const double outside_hz = fmax(fmax(BAND_LOW_HZ - freq_hz, freq_hz - BAND_HIGH_HZ), 0.0);
    return fmax(-outside_hz * BAND_SLOPE_DB_PER_HZ, BAND_FLOOR_DB);
}

static double carrier_hz(const struct device *device, const struct front_end *front)
{
    return front->freq_hz * (1.0 + 1e-6 * device->cfg.ppm);
}

/* How far a carrier lies from the air's centre, in turns a tick. */
static double offset_turns(const struct medium *medium, double freq_hz)
{
    const struct device *first = medium->device[0];
    return (freq_hz - carrier_hz(first, &first->tx_front[0])) / medium_rate_sps(medium);
}

static void turn(float _Complex *sample, size_t n, double *phase, double turns)
{
    if (turns == 0.0) {
        *phase = 0.0; /* one oscillator for both */
        return;
    }
    const double step_rad = 2.0 * UNITS_PI * turns, start_rad = 2.0 * UNITS_PI * *phase;
    const double _Complex step = cos(step_rad) + sin(step_rad) * I;
    double _Complex now = cos(start_rad) + sin(start_rad) * I;
    for (size_t k = 0; k < n; k++) {
        sample[k] *= (float _Complex)now;
        now *= step;
    }
    *phase = fmod(*phase + (double)n * turns, 1.0);
}

static float tx_scale(const struct device *device)
{
    const struct front_end *front = &device->tx_front[0];
    return (float)units_amplitude_ratio_from_db(front->gain_db - device->cfg.tx_nominal_db +
                                                band_db(front->freq_hz));
}

/* What a receiver's gain, switch and tuning let through. */
static void set_receiver(struct medium *medium, unsigned d, unsigned c)
{
    const struct device *device = medium->device[d];
    const struct front_end *front = &device->rx_front[c];
    const double turns = offset_turns(medium, carrier_hz(device, front));
    const bool on_trx = !strcmp(device->cfg.antenna, "TX/RX");
    double antenna_db = band_db(front->freq_hz);
    antenna_db += on_trx == device->rx_on_trx[c] ? 0.0 : WRONG_PORT_DB;
    antenna_db = fabs(turns) > HEARD_RATIO ? DEAF_DB : antenna_db;
    air_set_receiver(medium->air, medium->port[d].first_receiver + c,
                     front->gain_db - device->cfg.rx_nominal_db, antenna_db);
}

/* ---- transmit ---- */

static void play_channel(struct medium *medium, unsigned d, unsigned c, size_t n)
{
    struct device *device = medium->device[d];
    struct tx_channel *tx = &device->tx[c];
    const int64_t first = tx->next_tick;
    tx_play(tx, medium->scratch, n);
    if (c > 0) {
        return; /* ends in a load */
    }
    const float scale = tx_scale(device);
    for (size_t k = 0; k < n; k++) {
        const size_t at = (size_t)(first + (int64_t)k) & (TX_RING - 1);
        medium->port[d].tx_ring[at] = scale * medium->scratch[k];
    }
}

/* Play every transmit channel up to where the air at tick + n - 1 needs it. */
static void play(struct medium *medium, unsigned d, size_t n)
{
    const struct device *device = medium->device[d];
    const size_t n_most = sizeof medium->scratch / sizeof *medium->scratch;
    const int64_t last_air = medium->tick + (int64_t)n - 1;
    const int64_t last = device->clock.is_air
                             ? last_air
                             : (int64_t)floor(clock_tick_at(&device->clock, (double)last_air));
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        while (device->tx[c].next_tick <= last) {
            const size_t n_left = (size_t)(last + 1 - device->tx[c].next_tick);
            play_channel(medium, d, c, n_left < n_most ? n_left : n_most);
        }
    }
}

/* What device d puts on the air at tick .. tick + n - 1. */
static void radiate(struct medium *medium, unsigned d, size_t n)
{
    struct device *device = medium->device[d];
    struct port *port = &medium->port[d];
    float _Complex *out = medium->tx[d];
    const double turns = offset_turns(medium, carrier_hz(device, &device->tx_front[0]));
    play(medium, d, n);
    if (fabs(turns) > HEARD_RATIO || device->clock.ratio > RATIO_MAX) {
        memset(out, 0, n * sizeof *out);
    } else if (device->clock.is_air) {
        for (size_t k = 0; k < n; k++) {
            const size_t at = (size_t)(medium->tick + (int64_t)k - MEDIUM_TX_TICKS);
            out[k] = port->tx_ring[at & (TX_RING - 1)];
        }
    } else {
        resample_run(&medium->table, port->tx_ring, TX_RING,
                     clock_tick_at(&device->clock, (double)medium->tick) - MEDIUM_TX_TICKS,
                     device->clock.ratio, out, n);
    }
    turn(out, n, &port->tx_turn, turns);
}

/* ---- receive ---- */

static void keep(struct medium *medium, unsigned d, unsigned c, int64_t tick, size_t n)
{
    struct device *device = medium->device[d];
    struct port *port = &medium->port[d];
    float _Complex *heard = medium->rx[port->first_receiver + c];
    const double turns = offset_turns(medium, carrier_hz(device, &device->rx_front[c]));
    turn(heard, n, &port->rx_turn[c], fabs(turns) > HEARD_RATIO ? 0.0 : -turns);
    const size_t at = (size_t)tick & (RX_RING - 1);
    const size_t n_straight = n < RX_RING - at ? n : RX_RING - at;
    memcpy(port->rx_ring[c] + at, heard, n_straight * sizeof *heard);
    memcpy(port->rx_ring[c], heard + n_straight, (n - n_straight) * sizeof *heard);
}

static uint32_t wire_word(float _Complex value)
{
    float part[2] = {crealf(value) * FULL_SCALE, cimagf(value) * FULL_SCALE};
    uint32_t word[2];
    for (int k = 0; k < 2; k++) {
        part[k] = part[k] > FULL_SCALE ? FULL_SCALE : part[k];
        part[k] = part[k] < -FULL_SCALE - 1.0f ? -FULL_SCALE - 1.0f : part[k];
        word[k] = (uint16_t)(int16_t)lrintf(part[k]);
    }
    return word[0] | word[1] << 16;
}

void medium_read(const struct medium *medium, unsigned d, unsigned channel, int64_t tick, size_t n,
                 uint32_t *word)
{
    const struct device *device = medium->device[d];
    const float _Complex *ring = medium->port[d].rx_ring[channel];
    const int64_t back = device->cfg.delay_samples - MEDIUM_TX_TICKS;
    if (!ring) {
        memset(word, 0, n * sizeof *word);
        return;
    }
    if (device->clock.is_air) {
        for (size_t k = 0; k < n; k++) {
            word[k] = wire_word(ring[(size_t)(tick + (int64_t)k - back) & (RX_RING - 1)]);
        }
        return;
    }
    float _Complex piece[64];
    for (size_t done = 0; done < n;) {
        const size_t n_now = n - done < 64 ? n - done : 64;
        resample_run(&medium->table, ring, RX_RING,
                     clock_air_at(&device->clock, (double)(tick + (int64_t)done - back)),
                     1.0 / device->clock.ratio, piece, n_now);
        for (size_t k = 0; k < n_now; k++) {
            word[done + k] = wire_word(piece[k]);
        }
        done += n_now;
    }
}

/* ---- the air ---- */

/* The air as the rate in force wants it; one that does not fit is silence. */
static void ready_air(struct medium *medium)
{
    const double rate_sps = medium_rate_sps(medium);
    if (medium->air_rate_sps == rate_sps) {
        return;
    }
    air_free(&medium->air);
    medium->air_rate_sps = rate_sps;
    if (rate_sps < RATE_MIN_SPS || rate_sps > RATE_MAX_SPS) {
        log_warning("softusrp: no air at %g S/s, accepted %g..%g", rate_sps, RATE_MIN_SPS,
                    RATE_MAX_SPS);
        return;
    }
    enum status status = air_new(&medium->air_cfg, rate_sps, medium->device[0]->tx_front[0].freq_hz,
                                 medium->n_devices, medium->n_receivers, &medium->air);
    if (status) {
        log_error("softusrp: %s", status_detail());
    }
}

/* What was put on the air at tick .. tick + n - 1 goes through it and is kept. */
static void pass(struct medium *medium, int64_t tick, size_t n)
{
    const float _Complex *tx[DEVICES_MAX];
    float _Complex *rx[AIR_RECEIVERS_MAX];
    for (unsigned d = 0; d < medium->n_devices; d++) {
        tx[d] = medium->tx[d];
        for (int c = 0; medium->air && c < medium->device[d]->cfg.n_channels; c++) {
            set_receiver(medium, d, (unsigned)c);
        }
    }
    for (unsigned j = 0; j < medium->n_receivers; j++) {
        rx[j] = medium->rx[j];
    }
    if (medium->air) {
        air_step(medium->air, tx, rx, n);
    } else {
        memset(medium->rx, 0, sizeof medium->rx);
    }
    for (unsigned d = 0; d < medium->n_devices; d++) {
        for (int c = 0; c < medium->device[d]->cfg.n_channels; c++) {
            keep(medium, d, (unsigned)c, tick, n);
        }
    }
}

/* Nobody has sent for long: receivers hear the air as it was just before they began to listen. */
static void prime(struct medium *medium)
{
    ready_air(medium);
    memset(medium->tx, 0, sizeof medium->tx);
    for (int64_t n_left = PRIME_TICKS; n_left > 0; n_left -= CHUNK_TICKS) {
        pass(medium, medium->tick - n_left, CHUNK_TICKS);
    }
}

static void step(struct medium *medium, size_t n)
{
    ready_air(medium);
    for (unsigned d = 0; d < medium->n_devices; d++) {
        radiate(medium, d, n);
    }
    pass(medium, medium->tick, n);
    medium->tick += (int64_t)n;
}

bool medium_is_idle(const struct medium *medium)
{
    for (unsigned d = 0; d < medium->n_devices; d++) {
        if (!device_is_idle(medium->device[d])) {
            return false;
        }
    }
    return true;
}

/* Nothing is sent or heard for n ticks: they pass without samples. */
static void skip(struct medium *medium, int64_t n)
{
    medium->tick += n;
    tell_time(medium);
    for (unsigned d = 0; d < medium->n_devices; d++) {
        struct device *device = medium->device[d];
        for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
            tx_skip(&device->tx[c], device->now_tick);
        }
        memset(medium->port[d].tx_ring, 0, TX_RING * sizeof *medium->port[d].tx_ring);
    }
}

int64_t medium_next(const struct medium *medium)
{
    int64_t least = INT64_MAX;
    for (unsigned d = 0; d < medium->n_devices; d++) {
        const struct device *device = medium->device[d];
        const int64_t command = device_next_tick(device), packet = packets_next_tick(device);
        const int64_t tick = command < packet ? command : packet;
        if (tick == INT64_MAX) {
            continue;
        }
        const double air =
            device->clock.is_air ? (double)tick : clock_air_at(&device->clock, (double)tick);
        const int64_t ahead = (int64_t)ceil(air) - medium->tick;
        least = ahead < least ? ahead : least;
    }
    return least < 1 && least != INT64_MAX ? 1 : least;
}

static int64_t next_command(const struct medium *medium, int64_t n)
{
    for (unsigned d = 0; d < medium->n_devices; d++) {
        const struct device *device = medium->device[d];
        const int64_t tick = device_next_tick(device);
        if (tick != INT64_MAX) {
            const double air =
                device->clock.is_air ? (double)tick : clock_air_at(&device->clock, (double)tick);
            const double ahead = ceil(air) - (double)medium->tick;
            n = ahead < (double)n ? (int64_t)fmax(ahead, 1.0) : n;
        }
    }
    return n;
}

static void tick_devices(struct medium *medium)
{
    tell_time(medium);
    for (unsigned d = 0; d < medium->n_devices; d++) {
        device_tick(medium->device[d]);
    }
}

void medium_run(struct medium *medium, int64_t n_ticks)
{
    require(n_ticks >= 0);
    tick_devices(medium);
    while (n_ticks > 0) {
        int64_t n = next_command(medium, n_ticks);
        if (!medium_is_idle(medium)) {
            if (medium->quiet_ticks >= HUSH_TICKS) {
                prime(medium);
            }
            medium->quiet_ticks = 0;
        }
        if (medium->quiet_ticks >= HUSH_TICKS) {
            skip(medium, n);
        } else {
            n = n < CHUNK_TICKS ? n : CHUNK_TICKS;
            step(medium, (size_t)n);
            medium->quiet_ticks += n;
        }
        n_ticks -= n;
        tick_devices(medium);
    }
}
