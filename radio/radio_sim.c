/* radio_sim.c - the simulated air as a radio: what radio_send queues, radio_recv lets the air hear.
 * Ticks pass only when both sides have them, so the outcome never depends on the wall clock. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
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

enum sim_pace { PACE_REALTIME = 0, PACE_MAX = 1 };

struct sim_cfg {
    int pace;
};

struct radio_sim {
    struct radio_base base;
    struct sim_cfg cfg;
    struct air *air;
    pthread_mutex_t lock; /* guards n_sent and n_heard */
    pthread_cond_t change;
    uint64_t n_sent, n_heard; /* ticks queued by radio_send, ticks the air has passed */
    int64_t start_ns;         /* wall clock at tick 0; only radio_recv looks at it */
    float _Complex ring[RING_SAMPLES];
};

static const struct option_row sim_rows[] = {
    {"radio.sim.pace", OPTION_CHOICE, "", "realtime", 0, 0, "realtime|max",
     offsetof(struct sim_cfg, pace),
     "realtime: not ahead of the wall clock; max: as fast as it goes", NULL},
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

static enum status sim_open(const struct radio_cfg *cfg, const struct option_set *options,
                            struct radio **radio)
{
    if (isnan(cfg->rate_sps)) {
        return status_fail(ST_USAGE, "radio.rate_sps is not set: the simulated air needs a rate");
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
    enum status status = air_new(&air_cfg, self->base.rate_sps, self->base.freq_hz, 1,
                                 self->base.n_rx_channels, &self->air);
    if (status) {
        free(self);
        return status;
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

static enum status sim_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_sim *self = (struct radio_sim *)radio;
    block->n_samples = 0;
    pthread_mutex_lock(&self->lock);
    while (self->n_sent == self->n_heard && !radio_stop_asked(&self->base)) {
        wait_change(self);
    }
    size_t n = (size_t)(self->n_sent - self->n_heard);
    const uint64_t first_tick = self->n_heard;
    pthread_mutex_unlock(&self->lock);
    if (radio_stop_asked(&self->base)) {
        return ST_STOPPED;
    }
    const size_t at = (size_t)first_tick & (RING_SAMPLES - 1);
    n = n < block->capacity_samples ? n : block->capacity_samples;
    n = n < RING_SAMPLES - at ? n : RING_SAMPLES - at;
    const float _Complex *const tx[1] = {self->ring + at};
    air_step(self->air, tx, block->sample, n);
    pthread_mutex_lock(&self->lock);
    self->n_heard += n;
    pthread_cond_broadcast(&self->change);
    pthread_mutex_unlock(&self->lock);
    block->first_tick = (int64_t)first_tick;
    block->gap_samples = 0;
    block->n_samples = n;
    return self->cfg.pace == PACE_REALTIME ? keep_pace(self, first_tick + n) : ST_OK;
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
    .close = sim_close,
};
