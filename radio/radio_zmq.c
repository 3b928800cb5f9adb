/* radio_zmq.c - IQ over ZeroMQ request/reply, as srsRAN's ZMQ radio and GNU Radio's blocks do it:
 * native-endian complex float32, no header; the stream is the clock.
 * The transmit socket (REP) belongs to the thread that calls radio_send, the receive socket (REQ)
 * to the one that calls radio_recv; both are made and closed by the main thread while those two do
 * not run, which is the full fence libzmq asks for. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/iq_format.h"
#include "radio/radio.h"

#define BLOCK_MAX_US 50.0 /* longest transmit block without a hint */
#define BLOCK_MAX_SAMPLES ((int64_t)1 << 20)
#define MESSAGE_MAX_BYTES ((int64_t)64 << 20) /* larger replies are refused by libzmq */
/* Request/reply never has more than one message on the way. The limit is larger all the same: a
 * pipe learns of free places only about once a millisecond, and REP drops replies into a full one.
 */
#define QUEUE_MESSAGES 1000
#define FLUSH_MS 100 /* patience for the last block at the end */

struct zmq_cfg {
    char tx[LIMIT_TEXT], rx[LIMIT_TEXT];
    int64_t block_samples;
    double timeout_s;
};

struct radio_zmq {
    struct radio_base base;
    struct zmq_cfg cfg;
    void *context;
    size_t block_samples;
    /* transmit thread */
    void *tx;
    float _Complex *pending;
    size_t n_pending;
    bool asked; /* a request waits for its answer */
    int64_t tx_next_tick;
    /* receive thread */
    void *rx, *rx_monitor;
    bool rx_lost; /* the far end has closed its connection */
    bool waiting; /* our request is on its way; REQ allows no second one */
    zmq_msg_t reply;
    size_t reply_offset_bytes, frame_bytes;
    _Atomic int64_t rx_next_tick;
};

static const struct option_row zmq_rows[] = {
    {"radio.zmq.tx", OPTION_TEXT, "", "tcp://127.0.0.1:2000", 0, 0, NULL,
     offsetof(struct zmq_cfg, tx), "endpoint bound (REP): gives away transmit samples", NULL},
    {"radio.zmq.rx", OPTION_TEXT, "", "tcp://127.0.0.1:2001", 0, 0, NULL,
     offsetof(struct zmq_cfg, rx), "endpoint connected to (REQ): fetches receive samples", NULL},
    {"radio.zmq.block_samples", OPTION_INT, "samples", "", 1, (double)BLOCK_MAX_SAMPLES, NULL,
     offsetof(struct zmq_cfg, block_samples),
     "transmit block; unset: the shorter of 50 us and 3 Tpri", NULL},
    {"radio.zmq.timeout_s", OPTION_NUMBER, "s", "10", 0.05, 86400, NULL,
     offsetof(struct zmq_cfg, timeout_s), "the far end may stay silent this long (wall clock)",
     NULL},
};
static const struct option_table zmq_table = {"radio zmq", zmq_rows,
                                              sizeof zmq_rows / sizeof *zmq_rows};
static const struct option_table *const zmq_tables[] = {&zmq_table, NULL};

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- open and close ---- */

static enum status endpoint_fail(const char *key, const char *endpoint, int error)
{
    switch (error) {
    case EADDRINUSE:
        return status_fail(ST_BUSY, "%s: endpoint '%s' is in use by another program", key,
                           endpoint);
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
        return status_fail(ST_RANGE,
                           "%s: '%s' is no endpoint, accepted like tcp://127.0.0.1:2000 "
                           "or ipc:///tmp/name",
                           key, endpoint);
    case ENODEV:
    case EADDRNOTAVAIL:
        return status_fail(ST_NOT_FOUND, "%s: '%s' names no interface of this computer", key,
                           endpoint);
    default: return status_fail(ST_IO, "%s: '%s': %s", key, endpoint, zmq_strerror(error));
    }
}

/* libzmq takes a port modulo 65536. */
static bool port_is_wrong(const char *endpoint)
{
    const char *port = strrchr(endpoint, ':');
    if (strncmp(endpoint, "tcp://", 6) != 0 || !port || !strcmp(port, ":*")) {
        return false;
    }
    char *end;
    const long number = strtol(port + 1, &end, 10);
    return number < 1 || number > 65535 || *end || end == port + 1;
}

static int limit_socket(void *socket)
{
    const int linger_ms = 0, queue = QUEUE_MESSAGES;
    const int64_t max_bytes = MESSAGE_MAX_BYTES;
    int failed = zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    failed |= zmq_setsockopt(socket, ZMQ_SNDHWM, &queue, sizeof queue);
    failed |= zmq_setsockopt(socket, ZMQ_RCVHWM, &queue, sizeof queue);
    failed |= zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes);
    return failed;
}

/* Connections coming and going at the receive socket, as messages of a socket of their own. */
static int open_monitor(struct radio_zmq *self)
{
    static const char endpoint[] = "inproc://radio-zmq-rx"; /* within our own context */
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED;
    int failed = zmq_socket_monitor(self->rx, endpoint, events);
    self->rx_monitor = zmq_socket(self->context, ZMQ_PAIR);
    return failed || !self->rx_monitor || limit_socket(self->rx_monitor) ||
           zmq_connect(self->rx_monitor, endpoint);
}

static enum status open_sockets(struct radio_zmq *self)
{
    self->context = zmq_ctx_new();
    if (!self->context) {
        return status_fail(ST_NO_MEMORY, "radio zmq: %s", zmq_strerror(errno));
    }
    self->tx = zmq_socket(self->context, ZMQ_REP);
    self->rx = zmq_socket(self->context, ZMQ_REQ);
    if (!self->tx || !self->rx || limit_socket(self->tx) || limit_socket(self->rx) ||
        open_monitor(self)) {
        return status_fail(ST_IO, "radio zmq: %s", zmq_strerror(errno));
    }
    if (port_is_wrong(self->cfg.tx)) {
        return endpoint_fail("radio.zmq.tx", self->cfg.tx, EINVAL);
    }
    if (port_is_wrong(self->cfg.rx)) {
        return endpoint_fail("radio.zmq.rx", self->cfg.rx, EINVAL);
    }
    if (zmq_bind(self->tx, self->cfg.tx)) {
        return endpoint_fail("radio.zmq.tx", self->cfg.tx, errno);
    }
    if (zmq_connect(self->rx, self->cfg.rx)) {
        return endpoint_fail("radio.zmq.rx", self->cfg.rx, errno);
    }
    return ST_OK;
}

static void free_all(struct radio_zmq *self)
{
    if (self->tx) {
        zmq_close(self->tx);
    }
    if (self->rx) {
        zmq_close(self->rx);
    }
    if (self->rx_monitor) {
        zmq_close(self->rx_monitor);
    }
    zmq_msg_close(&self->reply);
    if (self->context) {
        zmq_ctx_term(self->context);
    }
    free(self->pending);
    free(self);
}

static size_t choose_block(const struct zmq_cfg *own, const struct radio_cfg *cfg)
{
    if (own->block_samples != INT64_MIN) {
        return (size_t)own->block_samples;
    }
    const double hint_us = cfg->block_hint_us > 0 ? cfg->block_hint_us : BLOCK_MAX_US;
    const double block_us = hint_us < BLOCK_MAX_US ? hint_us : BLOCK_MAX_US;
    const double n_samples = floor(block_us * 1e-6 * cfg->rate_sps * (1 + 1e-12));
    return n_samples >= 1 ? (size_t)n_samples : 1;
}

static enum status radio_zmq_open(const struct radio_cfg *cfg, const struct option_set *options,
                                  struct radio **radio)
{
    if (isnan(cfg->rate_sps)) {
        return status_fail(ST_USAGE, "radio.rate_sps is not set: the zmq radio needs a rate");
    }
    struct radio_zmq *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "radio zmq: no memory");
    }
    zmq_msg_init(&self->reply);
    option_fill(options, &zmq_table, &self->cfg);
    self->base.ops = &radio_zmq;
    self->base.rate_sps = cfg->rate_sps;
    self->base.freq_hz = cfg->freq_hz;
    self->base.n_rx_channels = (unsigned)cfg->n_rx_channels;
    self->frame_bytes = sizeof(float _Complex) * self->base.n_rx_channels;
    self->block_samples = choose_block(&self->cfg, cfg);
    self->base.tx_block_samples = self->block_samples;
    self->pending = calloc(self->block_samples, sizeof *self->pending);
    enum status status =
        self->pending ? open_sockets(self) : status_fail(ST_NO_MEMORY, "radio zmq: no memory");
    if (status) {
        free_all(self);
        return status;
    }
    *radio = (struct radio *)self;
    return ST_OK;
}

static enum status radio_zmq_start(struct radio *radio)
{
    (void)radio;
    return ST_OK;
}

/* ---- waiting ---- */

/* The remaining parts of a message.   ret  true when there were any */
static bool drop_parts(void *socket)
{
    int more = 0;
    size_t size = sizeof more;
    bool dropped = false;
    zmq_msg_t part;
    zmq_msg_init(&part);
    while (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) == 0 && more &&
           zmq_msg_recv(&part, socket, 0) >= 0) {
        dropped = true;
    }
    zmq_msg_close(&part);
    return dropped;
}

/* Note what the monitor tells. Gone is a far end only when all that it sent has been taken: its
 * messages are in the receive socket before the end of its connection is told. */
static void monitor_take(struct radio_zmq *self)
{
    bool told = false, gone = false;
    unsigned char event[6]; /* number (16 bit) and value (32 bit), native-endian */
    while (zmq_recv(self->rx_monitor, event, sizeof event, ZMQ_DONTWAIT) == sizeof event) {
        uint16_t number;
        memcpy(&number, event, sizeof number);
        drop_parts(self->rx_monitor);
        told = true;
        gone = number == ZMQ_EVENT_DISCONNECTED;
    }
    zmq_pollitem_t item = {.socket = self->rx, .events = ZMQ_POLLIN};
    if (told) {
        self->rx_lost = gone;
    }
    bool drained = self->rx_lost && zmq_poll(&item, 1, 0) == 0;
    atomic_store_explicit(&self->base.far_end_gone, drained, memory_order_release);
}

/* Until the socket is ready (ST_OK), the radio is stopped or the far end has been silent too long.
 */
static enum status wait_for(struct radio_zmq *self, void *socket, short events, const char *key,
                            const char *endpoint, const char *what)
{
    const double end_s = clock_s() + self->cfg.timeout_s;
    for (;;) {
        if (radio_stop_asked(&self->base)) {
            return ST_STOPPED;
        }
        if (socket == self->rx) {
            monitor_take(self);
        }
        zmq_pollitem_t item = {.socket = socket, .events = events};
        const int n_ready = zmq_poll(&item, 1, RADIO_POLL_MS);
        if (n_ready > 0) {
            return ST_OK;
        }
        if (n_ready < 0 && errno != EINTR) {
            return status_fail(ST_IO, "%s: '%s': %s", key, endpoint, zmq_strerror(errno));
        }
        if (clock_s() >= end_s) {
            return status_fail(ST_TIMEOUT, "%s: the far end %s '%s' for %g s (radio.zmq.timeout_s)",
                               key, what, endpoint, self->cfg.timeout_s);
        }
    }
}

/* ---- transmit ---- */

static enum status await_request(struct radio_zmq *self)
{
    while (!self->asked) {
        char content[16]; /* any content will do */
        if (zmq_recv(self->tx, content, sizeof content, ZMQ_DONTWAIT) >= 0) {
            drop_parts(self->tx);
            self->asked = true;
        } else if (errno == EAGAIN || errno == EINTR) {
            enum status status = wait_for(self, self->tx, ZMQ_POLLIN, "radio.zmq.tx", self->cfg.tx,
                                          "has not asked for transmit samples at");
            if (status) {
                return status;
            }
        } else {
            return status_fail(ST_IO, "radio.zmq.tx: '%s': %s", self->cfg.tx, zmq_strerror(errno));
        }
    }
    return ST_OK;
}

static enum status answer(struct radio_zmq *self)
{
    const size_t n_bytes = self->n_pending * sizeof *self->pending;
    while (zmq_send(self->tx, self->pending, n_bytes, ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return status_fail(ST_IO, "radio.zmq.tx: '%s': %s", self->cfg.tx, zmq_strerror(errno));
        }
        enum status status = wait_for(self, self->tx, ZMQ_POLLOUT, "radio.zmq.tx", self->cfg.tx,
                                      "takes no transmit samples at");
        if (status) {
            return status;
        }
    }
    self->asked = false;
    self->n_pending = 0;
    return ST_OK;
}

static enum status radio_zmq_send(struct radio *radio, const float _Complex *sample,
                                  size_t n_samples, int64_t first_tick)
{
    struct radio_zmq *self = (struct radio_zmq *)radio;
    require(first_tick == self->tx_next_tick);
    while (n_samples > 0) {
        const size_t n_room = self->block_samples - self->n_pending;
        const size_t n = n_samples < n_room ? n_samples : n_room;
        memcpy(self->pending + self->n_pending, sample, n * sizeof *sample);
        self->n_pending += n;
        self->tx_next_tick += (int64_t)n;
        sample += n;
        n_samples -= n;
        if (self->n_pending == self->block_samples) {
            enum status status = await_request(self);
            status = status ? status : answer(self);
            if (status) {
                return status;
            }
        }
    }
    return radio_stop_asked(&self->base) ? ST_STOPPED : ST_OK;
}

/* ---- receive ---- */

static enum status ask(struct radio_zmq *self)
{
    const int32_t n_wanted = (int32_t)self->block_samples;
    while (zmq_send(self->rx, &n_wanted, sizeof n_wanted, ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return status_fail(ST_IO, "radio.zmq.rx: '%s': %s", self->cfg.rx, zmq_strerror(errno));
        }
        enum status status = wait_for(self, self->rx, ZMQ_POLLOUT, "radio.zmq.rx", self->cfg.rx,
                                      "takes no requests at");
        if (status) {
            return status;
        }
    }
    self->waiting = true;
    return ST_OK;
}

/* A request that timed out stays pending: the answer may still come, and REQ allows no other. */
static enum status fetch(struct radio_zmq *self)
{
    zmq_msg_close(&self->reply); /* an unsuccessful receive would leave it undefined */
    zmq_msg_init(&self->reply);
    self->reply_offset_bytes = 0;
    enum status status = self->waiting ? ST_OK : ask(self);
    while (!status && zmq_msg_recv(&self->reply, self->rx, ZMQ_DONTWAIT) < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            return status_fail(ST_IO, "radio.zmq.rx: '%s': %s", self->cfg.rx, zmq_strerror(errno));
        }
        status = wait_for(self, self->rx, ZMQ_POLLIN, "radio.zmq.rx", self->cfg.rx,
                          "has sent no receive samples from");
    }
    if (status) {
        return status;
    }
    self->waiting = false;
    const size_t n_bytes = zmq_msg_size(&self->reply);
    const bool several = drop_parts(self->rx);
    if (several || n_bytes % self->frame_bytes) {
        self->reply_offset_bytes = n_bytes;
        return status_fail(ST_FORMAT,
                           "radio.zmq.rx: '%s' sent %zu bytes%s, accepted: one message of a "
                           "multiple of %zu bytes (complex float32, %u channel%s)",
                           self->cfg.rx, n_bytes, several ? " in several parts" : "",
                           self->frame_bytes, self->base.n_rx_channels,
                           self->base.n_rx_channels > 1 ? "s" : "");
    }
    return ST_OK;
}

static enum status radio_zmq_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_zmq *self = (struct radio_zmq *)radio;
    const double end_s = clock_s() + self->cfg.timeout_s;
    block->n_samples = 0;
    while (zmq_msg_size(&self->reply) == self->reply_offset_bytes) {
        if (radio_stop_asked(&self->base)) {
            return ST_STOPPED;
        }
        enum status status = fetch(self);
        if (status) {
            return status;
        }
        if (zmq_msg_size(&self->reply) == 0 && clock_s() >= end_s) {
            return status_fail(ST_TIMEOUT, "radio.zmq.rx: '%s' sends empty blocks for %g s",
                               self->cfg.rx, self->cfg.timeout_s);
        }
    }
    const size_t n_left =
        (zmq_msg_size(&self->reply) - self->reply_offset_bytes) / self->frame_bytes;
    const size_t n = n_left < block->capacity_samples ? n_left : block->capacity_samples;
    const char *raw = (const char *)zmq_msg_data(&self->reply) + self->reply_offset_bytes;
    for (unsigned c = 0; c < self->base.n_rx_channels; c++) {
        iq_format_decode(IQ_CF32, raw, self->base.n_rx_channels, c, block->sample[c], n);
        iq_format_clean(block->sample[c], n);
    }
    self->reply_offset_bytes += n * self->frame_bytes;
    block->first_tick = atomic_load_explicit(&self->rx_next_tick, memory_order_relaxed);
    block->gap_samples = 0;
    block->n_samples = n;
    atomic_store_explicit(&self->rx_next_tick, block->first_tick + (int64_t)n,
                          memory_order_relaxed);
    return ST_OK;
}

static int64_t radio_zmq_now(struct radio *radio)
{
    return atomic_load_explicit(&((struct radio_zmq *)radio)->rx_next_tick, memory_order_relaxed);
}

/* The remainder of a block goes out when somebody asks for it soon. */
static void flush_rest(struct radio_zmq *self)
{
    if (self->n_pending == 0 || self->n_pending == self->block_samples) {
        return;
    }
    zmq_pollitem_t item = {.socket = self->tx, .events = ZMQ_POLLIN};
    if (!self->asked && zmq_poll(&item, 1, FLUSH_MS) > 0) {
        char content[16];
        self->asked = zmq_recv(self->tx, content, sizeof content, ZMQ_DONTWAIT) >= 0;
        drop_parts(self->tx);
    }
    if (self->asked) {
        const int linger_ms = FLUSH_MS; /* or the close below would overtake the block */
        zmq_setsockopt(self->tx, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_send(self->tx, self->pending, self->n_pending * sizeof *self->pending, ZMQ_DONTWAIT);
    }
}

static void radio_zmq_close(struct radio *radio)
{
    struct radio_zmq *self = (struct radio_zmq *)radio;
    flush_rest(self);
    free_all(self);
}

const struct radio_ops radio_zmq = {
    .name = "zmq",
    .help = "IQ over ZeroMQ request/reply (srsRAN, GNU Radio)",
    .options = zmq_tables,
    .can_transmit = true,
    .real_time = false,
    .open = radio_zmq_open,
    .start = radio_zmq_start,
    .recv = radio_zmq_recv,
    .send = radio_zmq_send,
    .now = radio_zmq_now,
    .close = radio_zmq_close,
};
