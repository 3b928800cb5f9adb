/* radio_sim.c - the simulated air as a radio: what radio_send queues, radio_recv lets the air hear.
 * Ticks pass only when both sides have them, so the outcome never depends on the wall clock. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/require.h"
#include "radio/air/air.h"
#include "radio/radio.h"

#define RING_SAMPLES ((size_t)1 << 17)
#define QUEUE_SAMPLES ((size_t)1 << 16) /* radio_send waits while more than these are unread */
#define PACE_SLACK_NS 1000000           /* realtime: the stream may be this far ahead */
_Static_assert((RING_SAMPLES & (RING_SAMPLES - 1)) == 0, "ring index is masked");
_Static_assert(QUEUE_SAMPLES < RING_SAMPLES, "a full queue fits the ring");

#define SIM_FREQ_HZ 915e6 /* where nobody names a frequency */

/* The front end: at these gains the air's levels are what radio.sim.* say. */
#define SIM_TX_GAIN_DB 60.0
#define SIM_TX_GAIN_MAX_DB 70.0
#define SIM_RX_GAIN_DB 20.0
#define SIM_RX_GAIN_MAX_DB 76.0
#define SIM_UNWIRED_DB (-40.0) /* what a port without antenna still hears */
#define SETTINGS_MAX 64        /* waiting for their tick */
#define SCALE_SAMPLES 2048

enum sim_pace { PACE_REALTIME = 0, PACE_MAX = 1 };
enum sim_wired { WIRED_BOTH = 0, WIRED_TX_RX, WIRED_RX2 };
enum sim_reference { REFERENCE_NONE = 0, REFERENCE_LOCKED, REFERENCE_UNLOCKED };

struct sim_cfg {
    int pace, rx_wired, reference;
};

struct sim_setting { /* waiting for its tick */
    struct radio_setting setting;
    int64_t tick;
};

struct radio_sim {
    struct radio_base base;
    struct sim_cfg cfg;
    struct air *air;
    pthread_mutex_t lock; /* guards n_sent, n_heard and the settings waiting */
    pthread_cond_t change;
    uint64_t n_sent, n_heard; /* ticks queued by radio_send, ticks the air has passed */
    int64_t n_received;       /* samples of the receivers, on their own clock */
    int64_t start_ns;         /* wall clock at tick 0; only radio_recv looks at it */
    struct sim_setting waiting[SETTINGS_MAX]; /* ticks never fall; [0] is next */
    size_t n_waiting;
    struct radio_setting asked;    /* the newest of all: what radio_describe says */
    struct radio_setting in_force; /* on the air; radio_recv alone */
    float tx_scale;
    float _Complex ring[RING_SAMPLES];
    float _Complex scaled[SCALE_SAMPLES];
};

static const struct option_row sim_rows[] = {
    {"radio.sim.pace", OPTION_CHOICE, "", "realtime", 0, 0, "realtime|max",
     offsetof(struct sim_cfg, pace),
     "realtime: not ahead of the wall clock; max: as fast as it goes", NULL},
    {"radio.sim.rx_wired", OPTION_CHOICE, "", "both", 0, 0, "both|TX/RX|RX2",
     offsetof(struct sim_cfg, rx_wired),
     "receive ports with an antenna; another one hears everything 40 dB down", NULL},
    {"radio.sim.reference", OPTION_CHOICE, "", "none", 0, 0, "none|locked|unlocked",
     offsetof(struct sim_cfg, reference),
     "what its sensor for the reference clock says; none: there is no sensor", NULL},
};
static const struct option_table sim_table = {"radio sim", sim_rows,
                                              sizeof sim_rows / sizeof *sim_rows};
static const struct option_table *const sim_tables[] = {&sim_table, &air_options, NULL};

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- settings ---- */

static enum status gain_check(const char *key, double gain_db, double max_db)
{
    if (!isnan(gain_db) && !(gain_db >= 0.0 && gain_db <= max_db)) {
        return status_fail(ST_RANGE, "%s is %g dB, accepted on the simulated radio: 0..%g", key,
                           gain_db, max_db);
    }
    return ST_OK;
}

static enum status setting_check(const struct radio_setting *setting)
{
    enum status status = gain_check("radio.tx_gain_db", setting->tx_gain_db, SIM_TX_GAIN_MAX_DB);
    return status ? status
                  : gain_check("radio.rx_gain_db", setting->rx_gain_db, SIM_RX_GAIN_MAX_DB);
}

static void setting_merge(struct radio_setting *all, const struct radio_setting *some)
{
    all->freq_hz = isnan(some->freq_hz) ? all->freq_hz : some->freq_hz;
    all->tx_gain_db = isnan(some->tx_gain_db) ? all->tx_gain_db : some->tx_gain_db;
    all->rx_gain_db = isnan(some->rx_gain_db) ? all->rx_gain_db : some->rx_gain_db;
    if (some->tx_antenna[0]) {
        memcpy(all->tx_antenna, some->tx_antenna, sizeof all->tx_antenna);
    }
    if (some->rx_antenna[0]) {
        memcpy(all->rx_antenna, some->rx_antenna, sizeof all->rx_antenna);
    }
}

/* Put what is in force on the air. The one antenna key names the receive port; ports of other names
 * than the two have an antenna of their own. */
static void front_end_apply(struct radio_sim *self)
{
    const struct radio_setting *now = &self->in_force;
    const char *bare = self->cfg.rx_wired == WIRED_TX_RX ? "RX2"
                       : self->cfg.rx_wired == WIRED_RX2 ? "TX/RX"
                                                         : "";
    double path_db = bare[0] && strcmp(now->rx_antenna, bare) == 0 ? SIM_UNWIRED_DB : 0.0;
    for (unsigned c = 0; c < self->base.n_rx_channels; c++) {
        air_set_receiver(self->air, c, now->rx_gain_db - SIM_RX_GAIN_DB, path_db);
    }
    self->tx_scale = (float)pow(10.0, (now->tx_gain_db - SIM_TX_GAIN_DB) / 20.0);
}

/* Take the settings due at `tick`; the lock is held.   ret  samples until the next one is due */
static size_t settings_take(struct radio_sim *self, int64_t tick, bool *changed)
{
    size_t n_taken = 0;
    while (n_taken < self->n_waiting && self->waiting[n_taken].tick <= tick) {
        setting_merge(&self->in_force, &self->waiting[n_taken].setting);
        n_taken++;
    }
    self->n_waiting -= n_taken;
    memmove(self->waiting, self->waiting + n_taken, self->n_waiting * sizeof *self->waiting);
    *changed = n_taken > 0;
    return self->n_waiting > 0 ? (size_t)(self->waiting[0].tick - tick) : SIZE_MAX;
}

static enum status sim_set(struct radio *radio, const struct radio_setting *setting, int64_t tick)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    enum status status = setting_check(setting);
    if (status) {
        return status;
    }
    pthread_mutex_lock(&self->lock);
    if (self->n_waiting == SETTINGS_MAX) {
        pthread_mutex_unlock(&self->lock);
        return status_fail(ST_FULL, "radio sim: %d settings wait for their tick already",
                           SETTINGS_MAX);
    }
    self->waiting[self->n_waiting++] = (struct sim_setting){.setting = *setting, .tick = tick};
    setting_merge(&self->asked, setting);
    pthread_mutex_unlock(&self->lock);
    self->base.freq_hz = self->asked.freq_hz;
    return ST_OK;
}

static enum status sim_describe(struct radio *radio, struct radio_about *about)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    static const int reference[] = {-1, 1, 0};
    memset(about, 0, sizeof *about);
    snprintf(about->model, sizeof about->model, "simulated air");
    snprintf(about->rx_subdev, sizeof about->rx_subdev, "%s",
             self->base.n_rx_channels > 1 ? "A:A A:B" : "A:A");
    snprintf(about->tx_antennas[0], sizeof about->tx_antennas[0], "TX/RX");
    snprintf(about->rx_antennas[0], sizeof about->rx_antennas[0], "TX/RX");
    snprintf(about->rx_antennas[1], sizeof about->rx_antennas[1], "RX2");
    about->tx_gain_max_db = SIM_TX_GAIN_MAX_DB;
    about->rx_gain_max_db = SIM_RX_GAIN_MAX_DB;
    pthread_mutex_lock(&self->lock);
    snprintf(about->tx_antenna, sizeof about->tx_antenna, "%.31s", self->asked.tx_antenna);
    snprintf(about->rx_antenna, sizeof about->rx_antenna, "%.31s", self->asked.rx_antenna);
    about->tx_gain_db = self->asked.tx_gain_db;
    about->rx_gain_db = self->asked.rx_gain_db;
    about->freq_hz = self->asked.freq_hz;
    pthread_mutex_unlock(&self->lock);
    about->rate_sps = self->base.rate_sps;
    about->ref_locked = reference[self->cfg.reference];
    about->lo_locked = -1;
    return ST_OK;
}

static enum status sim_list(const char *args, struct radio_listing *row, size_t n_max,
                            size_t *n_rows)
{
    (void)args;
    *n_rows = n_max > 0 ? 1 : 0;
    if (n_max > 0) {
        *row = (struct radio_listing){.description = "simulated air, in process"};
    }
    return ST_OK;
}

static void front_end_init(struct radio_sim *self, const struct radio_cfg *cfg)
{
    struct radio_setting *asked = &self->asked;
    *asked = (struct radio_setting){.freq_hz = self->base.freq_hz,
                                    .tx_gain_db = SIM_TX_GAIN_DB,
                                    .rx_gain_db = SIM_RX_GAIN_DB,
                                    .tx_antenna = "TX/RX",
                                    .rx_antenna = "RX2"};
    struct radio_setting named = {
        .freq_hz = NAN, .tx_gain_db = cfg->tx_gain_db, .rx_gain_db = cfg->rx_gain_db};
    memcpy(named.rx_antenna, cfg->antenna, sizeof named.rx_antenna);
    setting_merge(asked, &named);
    self->in_force = *asked;
    front_end_apply(self);
}

/* ---- life ---- */

static enum status sim_open(const struct radio_cfg *cfg, const struct option_set *options,
                            struct radio **radio)
{
    if (isnan(cfg->rate_sps)) {
        return status_fail(ST_USAGE, "radio.rate_sps is not set: the simulated air needs a rate");
    }
    const struct radio_setting named = {
        .freq_hz = NAN, .tx_gain_db = cfg->tx_gain_db, .rx_gain_db = cfg->rx_gain_db};
    enum status status = setting_check(&named);
    if (status) {
        return status;
    }
    struct radio_sim *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "radio sim: no memory");
    }
    struct air_cfg air_cfg;
    option_fill(options, &air_options, &air_cfg);
    option_fill(options, &sim_table, &self->cfg);
    self->base.ops = &radio_sim;
    self->base.rate_sps = cfg->rate_sps;
    self->base.freq_hz = isnan(cfg->freq_hz) ? SIM_FREQ_HZ : cfg->freq_hz;
    self->base.n_rx_channels = (unsigned)cfg->n_rx_channels;
    status = air_new(&air_cfg, self->base.rate_sps, self->base.freq_hz, 1, self->base.n_rx_channels,
                     &self->air);
    if (status) {
        free(self);
        return status;
    }
    front_end_init(self, cfg);
    if (air_clocks_are_apart(self->air)) {
        self->base.clocks_are_apart = true;
        self->base.tx_block_samples = AIR_CLOCK_DELAY_SAMPLES;
    }
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->change, &attributes);
    pthread_condattr_destroy(&attributes);
    *radio = (struct radio *)self;
    return ST_OK;
}

static enum status sim_start(struct radio *radio)
{
    ((struct radio_sim *)radio)->start_ns = wall_ns();
    return ST_OK;
}

/* Wait for the other side, at most a poll period: the stop flag has no wake-up of its own. */
static void wait_change(struct radio_sim *self)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += RADIO_POLL_MS * 1000000L;
    if (end.tv_nsec >= 1000000000L) {
        end.tv_nsec -= 1000000000L;
        end.tv_sec++;
    }
    pthread_cond_timedwait(&self->change, &self->lock, &end);
}

/* Queue as much as there is room for, waiting for some.   ret  0 when stopped */
static size_t queue_some(struct radio_sim *self, const float _Complex *sample, size_t n_samples)
{
    pthread_mutex_lock(&self->lock);
    while (self->n_sent - self->n_heard >= QUEUE_SAMPLES && !radio_stop_asked(&self->base)) {
        wait_change(self);
    }
    const size_t n_unread = (size_t)(self->n_sent - self->n_heard);
    const size_t at = (size_t)self->n_sent & (RING_SAMPLES - 1);
    pthread_mutex_unlock(&self->lock);
    if (radio_stop_asked(&self->base)) {
        return 0;
    }
    /* radio_recv only frees places meanwhile, so the copy needs no lock */
    size_t n = QUEUE_SAMPLES - n_unread;
    n = n < n_samples ? n : n_samples;
    n = n < RING_SAMPLES - at ? n : RING_SAMPLES - at;
    memcpy(self->ring + at, sample, n * sizeof *sample);
    pthread_mutex_lock(&self->lock);
    self->n_sent += n;
    pthread_cond_broadcast(&self->change);
    pthread_mutex_unlock(&self->lock);
    return n;
}

static enum status sim_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                            int64_t first_tick)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    require((uint64_t)first_tick == self->n_sent); /* written by this thread alone */
    while (n_samples > 0) {
        const size_t n = queue_some(self, sample, n_samples);
        if (n == 0) {
            return ST_STOPPED;
        }
        sample += n;
        n_samples -= n;
    }
    return ST_OK;
}

static enum status keep_pace(struct radio_sim *self, uint64_t n_heard)
{
    const double stream_ns = (double)n_heard / self->base.rate_sps * 1e9;
    const int64_t due_ns = self->start_ns + (int64_t)stream_ns;
    for (int64_t now_ns = wall_ns(); due_ns - now_ns > PACE_SLACK_NS; now_ns = wall_ns()) {
        if (radio_stop_asked(&self->base)) {
            return ST_STOPPED;
        }
        const int64_t nap_end_ns = now_ns + RADIO_POLL_MS * 1000000LL;
        const int64_t until_ns = due_ns < nap_end_ns ? due_ns : nap_end_ns;
        const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000),
                                       .tv_nsec = (long)(until_ns % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
    return ST_OK;
}

/* The transmit samples of a block as they leave the front end. */
static const float _Complex *transmitted(struct radio_sim *self, const float _Complex *sample,
                                         size_t n_samples)
{
    if (self->tx_scale == 1.0f) {
        return sample;
    }
    require(n_samples <= SCALE_SAMPLES);
    for (size_t k = 0; k < n_samples; k++) {
        self->scaled[k] = self->tx_scale * sample[k];
    }
    return self->scaled;
}

/* Let the air hear what is queued.   out  ST_STOPPED, or how many samples came of it: none while
 * the receivers' own clock still waits for a tick */
static enum status hear_some(struct radio_sim *self, struct iq_block *block)
{
    pthread_mutex_lock(&self->lock);
    while (self->n_sent == self->n_heard && !radio_stop_asked(&self->base)) {
        wait_change(self);
    }
    size_t n = (size_t)(self->n_sent - self->n_heard);
    const uint64_t first_tick = self->n_heard;
    bool changed;
    const size_t n_until = settings_take(self, (int64_t)first_tick, &changed);
    pthread_mutex_unlock(&self->lock);
    if (radio_stop_asked(&self->base)) {
        return ST_STOPPED;
    }
    if (changed) {
        front_end_apply(self);
    }
    const size_t at = (size_t)first_tick & (RING_SAMPLES - 1);
    size_t room = block->capacity_samples;
    if (self->base.clocks_are_apart) {
        require(room >= AIR_STEP_ROOM(1));
        room = (room - AIR_STEP_ROOM(1)) * 63 / 64 + 1;
    }
    n = n < room ? n : room;
    n = n < RING_SAMPLES - at ? n : RING_SAMPLES - at;
    n = n < n_until ? n : n_until;
    n = self->tx_scale == 1.0f || n < SCALE_SAMPLES ? n : SCALE_SAMPLES;
    const float _Complex *const tx[1] = {transmitted(self, self->ring + at, n)};
    block->n_samples = air_step(self->air, tx, block->sample, n);
    pthread_mutex_lock(&self->lock);
    self->n_heard += n;
    pthread_cond_broadcast(&self->change);
    pthread_mutex_unlock(&self->lock);
    return self->cfg.pace == PACE_REALTIME ? keep_pace(self, first_tick + n) : ST_OK;
}

static enum status sim_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    enum status status = ST_OK;
    block->n_samples = air_early(self->air, block->sample, block->capacity_samples);
    while (status == ST_OK && block->n_samples == 0) {
        status = hear_some(self, block);
    }
    block->first_tick = self->n_received;
    block->gap_samples = 0;
    self->n_received += (int64_t)block->n_samples;
    return status;
}

static int64_t sim_now(struct radio *radio)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    pthread_mutex_lock(&self->lock);
    const int64_t now = (int64_t)self->n_heard;
    pthread_mutex_unlock(&self->lock);
    return now;
}

static void sim_close(struct radio *radio)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    air_free(&self->air);
    pthread_cond_destroy(&self->change);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

const struct radio_ops radio_sim = {
    .name = "sim",
    .help = "simulated air with a population of tags, in process",
    .options = sim_tables,
    .can_transmit = true,
    .real_time = false,
    .open = sim_open,
    .start = sim_start,
    .recv = sim_recv,
    .send = sim_send,
    .now = sim_now,
    .set = sim_set,
    .describe = sim_describe,
    .list = sim_list,
    .close = sim_close,
};
