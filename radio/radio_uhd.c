/* radio_uhd.c - a USRP through UHD's C interface: streaming. radio_uhd_open.c opens the device.
 * Both directions start at one device time, which becomes tick 0. Seconds exist only in radio_uhd*.
 * Threads: recv and the receive streamer belong to the receive thread, send and the asynchronous
 * messages to the transmit thread, settings and close to the main thread while those two rest. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "config/log.h"
#include "config/units.h"
#include "radio/radio_uhd_parts.h"

#define START_DELAY_S                                                                              \
    0.2                   /* settings and both first packets must reach the device before tick 0   \
                           */
#define SILENCE_MAX_S 2.0 /* the device has failed when it neither gives nor takes for so long */
#define POLL_S (RADIO_POLL_MS * 1e-3)
#define CLOCK_LEAK_RATIO 1e-4 /* host and device clocks differ by less than this */
#define CLOSE_MESSAGES_MAX 64

/* ---- clocks ---- */

static int64_t host_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t host_ticks(const struct radio_uhd *self)
{
    const double since_s = (double)(host_ns() - self->host_origin_ns) * 1e-9;
    return (int64_t)floor(since_s * self->base.rate_sps);
}

static int64_t tick_of(const struct radio_uhd *self, int64_t full_s, double frac_s)
{
    const double since_s = (double)(full_s - self->origin_s) + (frac_s - self->origin_frac_s);
    return (int64_t)llround(since_s * self->base.rate_sps);
}

/* Whole seconds and rest of the device time at `tick`. */
static void time_of(const struct radio_uhd *self, int64_t tick, int64_t *full_s, double *frac_s)
{
    const double since_s = (double)tick / self->base.rate_sps;
    const double whole_s = floor(since_s);
    const double rest_s = self->origin_frac_s + (since_s - whole_s);
    const double carry_s = floor(rest_s);
    *full_s = self->origin_s + (int64_t)whole_s + (int64_t)carry_s;
    *frac_s = rest_s - carry_s;
}

static int64_t radio_uhd_now(struct radio *radio)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    return host_ticks(self) +
           atomic_load_explicit(&self->device_minus_host_ticks, memory_order_relaxed);
}

/* A sample was heard, so the device clock has passed its tick: the earliest packets tell best. */
static void clock_update(struct radio_uhd *self, int64_t tick_end)
{
    const int64_t host = host_ticks(self);
    const int64_t leak = (int64_t)ceil((double)(host - self->rx_host_ticks) * CLOCK_LEAK_RATIO);
    const int64_t known =
        atomic_load_explicit(&self->device_minus_host_ticks, memory_order_relaxed) - leak;
    const int64_t seen = tick_end - host;
    self->rx_host_ticks = host;
    atomic_store_explicit(&self->device_minus_host_ticks, seen > known ? seen : known,
                          memory_order_relaxed);
}

/* ---- start ---- */

/* Tick 0 is a little ahead of now; receive starts there by a timed command, transmit by the time
 * in its first packet. */
static enum status radio_uhd_start(struct radio *radio)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    int64_t now_s = 0;
    double now_frac_s = 0;
    enum status status = ST_OK;
    const int64_t before_ns = host_ns();
    UHD_TRY(status, uhd_usrp_get_time_now(self->usrp, 0, &now_s, &now_frac_s));
    const int64_t after_ns = host_ns();
    if (status) {
        return status;
    }
    const double start_s = now_frac_s + START_DELAY_S;
    self->origin_s = now_s + (int64_t)floor(start_s);
    /* on a whole tick, so that device and stream count the same samples */
    self->origin_frac_s =
        floor((start_s - floor(start_s)) * self->base.rate_sps) / self->base.rate_sps;
    self->host_origin_ns = before_ns + (after_ns - before_ns) / 2;
    atomic_store_explicit(&self->device_minus_host_ticks, tick_of(self, now_s, now_frac_s),
                          memory_order_relaxed);
    uhd_stream_cmd_t command = {.stream_mode = UHD_STREAM_MODE_START_CONTINUOUS,
                                .stream_now = false};
    const int64_t delay_ticks = units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
    time_of(self, delay_ticks, &command.time_spec_full_secs, &command.time_spec_frac_secs);
    UHD_TRY(status, uhd_rx_streamer_issue_stream_cmd(self->rx, &command));
    self->streaming = status == ST_OK;
    return status;
}

/* ---- receive ---- */

/* Count what is no sample.   ret  ST_OK: go on receiving */
static enum status rx_verdict(struct radio_uhd *self, uhd_rx_metadata_error_code_t code)
{
    bool out_of_sequence = false;
    switch (code) {
    case UHD_RX_METADATA_ERROR_CODE_NONE:
    case UHD_RX_METADATA_ERROR_CODE_TIMEOUT: return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_OVERFLOW:
        uhd_rx_metadata_out_of_sequence(self->rx_about, &out_of_sequence);
        radio_count(out_of_sequence ? &self->base.sequence_errors : &self->base.overflows, 1);
        return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_BAD_PACKET:
    case UHD_RX_METADATA_ERROR_CODE_ALIGNMENT:
        radio_count(&self->base.sequence_errors, 1);
        return ST_OK;
    case UHD_RX_METADATA_ERROR_CODE_LATE_COMMAND:
        return status_fail(ST_IO,
                           "uhd: the start command reached the device too late (host busy "
                           "for more than %g s)",
                           START_DELAY_S);
    default: return status_fail(ST_IO, "uhd: receive stream broken (code %d)", (int)code);
    }
}

static void place_block(struct radio_uhd *self, struct iq_block *block)
{
    int64_t full_s = 0;
    double frac_s = 0;
    bool has_time = false;
    uhd_rx_metadata_has_time_spec(self->rx_about, &has_time);
    int64_t device_tick = 0;
    const int64_t delay_ticks = units_ticks_from_us(self->cfg.delay_us, self->base.rate_sps);
    if (has_time) {
        uhd_rx_metadata_time_spec(self->rx_about, &full_s, &frac_s);
        device_tick = tick_of(self, full_s, frac_s);
        clock_update(self, device_tick + (int64_t)block->n_samples);
    }
    const int64_t tick = device_tick - delay_ticks;
    block->first_tick = has_time && tick > self->rx_next_tick ? tick : self->rx_next_tick;
    block->gap_samples = block->first_tick - self->rx_next_tick;
    self->rx_next_tick = block->first_tick + (int64_t)block->n_samples;
}

static enum status radio_uhd_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    void *buffers[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        buffers[c] = c < block->n_channels ? block->sample[c] : NULL;
    }
    const int64_t end_ns = host_ns() + (int64_t)((SILENCE_MAX_S + START_DELAY_S) * 1e9);
    for (;;) {
        if (radio_stop_asked(&self->base)) {
            return ST_STOPPED;
        }
        block->n_samples = 0;
        uhd_rx_metadata_error_code_t code = UHD_RX_METADATA_ERROR_CODE_NONE;
        enum status status = ST_OK;
        UHD_TRY(status, uhd_rx_streamer_recv(self->rx, buffers, block->capacity_samples,
                                             &self->rx_about, POLL_S, true, &block->n_samples));
        UHD_TRY(status, uhd_rx_metadata_error_code(self->rx_about, &code));
        status = status ? status : rx_verdict(self, code);
        if (status) {
            return status;
        }
        if (block->n_samples > 0) {
            place_block(self, block);
            return ST_OK;
        }
        if (host_ns() >= end_ns) {
            return status_fail(ST_TIMEOUT, "uhd: no receive samples for %g s", SILENCE_MAX_S);
        }
    }
}

/* ---- transmit ---- */

/* Hand samples over, the spare channel stays silent.   ret  ST_TIMEOUT when none are taken */
static enum status push(struct radio_uhd *self, const float _Complex *sample, size_t n_samples,
                        uhd_tx_metadata_handle *about, size_t *n_taken)
{
    const void *buffers[2] = {sample, self->zeros};
    enum status status = ST_OK;
    *n_taken = 0;
    UHD_TRY(status, uhd_tx_streamer_send(self->tx, buffers, n_samples, about, POLL_S, n_taken));
    return status;
}

/* A packet of zeros that carries the end of the burst: the carrier is off after it. */
static enum status end_burst(struct radio_uhd *self)
{
    if (!self->burst_open) {
        return ST_OK;
    }
    enum status status = ST_OK;
    size_t n_taken = 0;
    for (int attempt = 0; attempt < (int)(SILENCE_MAX_S / POLL_S) && !status && !n_taken;
         attempt++) {
        status = push(self, self->zeros, self->tx_packet_samples, &self->tx_end, &n_taken);
    }
    if (!status && !n_taken) {
        status = status_fail(ST_TIMEOUT, "uhd: the device does not take the end of the burst");
    }
    self->burst_open = n_taken == 0; /* radio_uhd_close tries again */
    return status;
}

/* Count asynchronous messages.   ret  true when the burst lost its place in time */
static bool poll_messages(struct radio_uhd *self)
{
    bool broken = false, valid = true;
    while (uhd_tx_streamer_recv_async_msg(self->tx, &self->message, 0.0, &valid) ==
               UHD_ERROR_NONE &&
           valid) {
        uhd_async_metadata_event_code_t event = 0;
        uhd_async_metadata_event_code(self->message, &event);
        switch (event) {
        case UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW:
        case UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW_IN_PACKET:
            radio_count(&self->base.underflows, 1);
            broken = true;
            break;
        case UHD_ASYNC_METADATA_EVENT_CODE_TIME_ERROR:
            radio_count(&self->base.late, 1);
            broken = true;
            break;
        case UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR:
        case UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR_IN_BURST:
            radio_count(&self->base.sequence_errors, 1);
            broken = true;
            break;
        default: break;
        }
    }
    return broken;
}

/* Sleep until `tick` is no more than the lead ahead.   ret  false when stopped */
static bool wait_lead(struct radio_uhd *self, int64_t tick)
{
    const int64_t lead_ticks = units_ticks_from_us(self->tx_lead_us, self->base.rate_sps);
    while (!radio_stop_asked(&self->base)) {
        const int64_t ahead = tick - lead_ticks - radio_uhd_now((struct radio *)self);
        if (ahead <= 0) {
            return true;
        }
        const double nap_s = fmin((double)ahead / self->base.rate_sps, POLL_S);
        const struct timespec nap = {.tv_nsec = (long)(nap_s * 1e9)};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
    }
    return false;
}

/* Outside a burst: samples that cannot be in time any more are dropped.   ret  how many */
static size_t drop_late(struct radio_uhd *self, size_t n_samples, int64_t tick)
{
    const int64_t margin = units_ticks_from_us(self->tx_lead_us / 2, self->base.rate_sps);
    const int64_t n_late = radio_uhd_now((struct radio *)self) + margin - tick;
    if (n_late <= 0) {
        self->dropping = false;
        return 0;
    }
    if (!self->dropping) {
        self->dropping = true;
        radio_count(&self->base.late, 1);
    }
    return (uint64_t)n_late < n_samples ? (size_t)n_late : n_samples;
}

/* One packet at most; the first of a burst carries its time. */
static enum status send_packet(struct radio_uhd *self, const float _Complex *sample,
                               size_t n_samples, int64_t tick, size_t *n_taken)
{
    if (self->burst_open) {
        return push(self, sample, n_samples, &self->tx_follow, n_taken);
    }
    uhd_tx_metadata_handle first = NULL;
    int64_t full_s;
    double frac_s;
    time_of(self, tick, &full_s, &frac_s);
    enum status status = ST_OK;
    *n_taken = 0;
    UHD_TRY(status, uhd_tx_metadata_make(&first, true, full_s, frac_s, true, false));
    if (!status) {
        status = push(self, sample, n_samples, &first, n_taken);
        self->burst_open = self->burst_open || *n_taken > 0;
    }
    UHD_FREE(uhd_tx_metadata_free, first);
    return status;
}

static enum status radio_uhd_send(struct radio *radio, const float _Complex *sample,
                                  size_t n_samples, int64_t first_tick)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    int64_t last_taken_ns = host_ns();
    while (n_samples > 0) {
        enum status status = ST_OK;
        if (poll_messages(self)) {
            status = end_burst(self); /* the next packet starts a new one, at its own time */
        }
        size_t n_done = self->burst_open ? 0 : drop_late(self, n_samples, first_tick);
        if (!status && n_done == 0) {
            if (!wait_lead(self, first_tick)) {
                status = end_burst(self);
                return status ? status : ST_STOPPED;
            }
            const size_t n =
                n_samples < self->tx_packet_samples ? n_samples : self->tx_packet_samples;
            status = send_packet(self, sample, n, first_tick, &n_done);
        }
        if (status) {
            return status;
        }
        const int64_t now_ns = host_ns();
        if (n_done == 0 && (double)(now_ns - last_taken_ns) * 1e-9 > SILENCE_MAX_S) {
            return status_fail(ST_TIMEOUT, "uhd: no transmit samples taken for %g s",
                               SILENCE_MAX_S);
        }
        last_taken_ns = n_done ? now_ns : last_taken_ns;
        sample += n_done;
        n_samples -= n_done;
        first_tick += (int64_t)n_done;
    }
    return ST_OK;
}

/* ---- close ---- */

static void stop_streams(struct radio_uhd *self)
{
    if (end_burst(self)) {
        log_error("%s", status_detail());
    }
    if (self->tx && self->message) { /* let the end of the burst reach the antenna */
        bool valid = true;
        for (int k = 0; k < CLOSE_MESSAGES_MAX && valid; k++) {
            uhd_async_metadata_event_code_t event = 0;
            if (uhd_tx_streamer_recv_async_msg(self->tx, &self->message, 0.1, &valid)) {
                break;
            }
            uhd_async_metadata_event_code(self->message, &event);
            if (valid && event == UHD_ASYNC_METADATA_EVENT_CODE_BURST_ACK) {
                break;
            }
        }
    }
    if (self->streaming) {
        uhd_stream_cmd_t command = {.stream_mode = UHD_STREAM_MODE_STOP_CONTINUOUS,
                                    .stream_now = true};
        if (uhd_status(uhd_rx_streamer_issue_stream_cmd(self->rx, &command), "stop receiving")) {
            log_warning("%s", status_detail());
        }
    }
}

void radio_uhd_close(struct radio *radio)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    stop_streams(self);
    UHD_FREE(uhd_rx_streamer_free, self->rx);
    UHD_FREE(uhd_tx_streamer_free, self->tx);
    UHD_FREE(uhd_rx_metadata_free, self->rx_about);
    UHD_FREE(uhd_tx_metadata_free, self->tx_follow);
    UHD_FREE(uhd_tx_metadata_free, self->tx_end);
    UHD_FREE(uhd_async_metadata_free, self->message);
    UHD_FREE(uhd_usrp_free, self->usrp);
    free(self->zeros);
    free(self);
}

const char *radio_uhd_version(void)
{
    static char text[64];
    return uhd_get_version_string(text, sizeof text) == UHD_ERROR_NONE ? text : "unknown";
}

const struct radio_ops radio_uhd = {
    .name = "uhd",
    .help = "a USRP through UHD",
    .options = radio_uhd_tables,
    .can_transmit = true,
    .real_time = true,
    .open = radio_uhd_open,
    .start = radio_uhd_start,
    .recv = radio_uhd_recv,
    .send = radio_uhd_send,
    .now = radio_uhd_now,
    .close = radio_uhd_close,
};
