/* radio_uhd.c - a USRP through UHD's C interface; the only file that sees UHD.
 * Both directions start at one device time, which becomes tick 0. Seconds exist only here.
 * Threads: recv and the receive streamer belong to the receive thread, send and the asynchronous
 * messages to the transmit thread, settings and close to the main thread while those two rest. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uhd.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"
#include "radio/radio.h"

#define START_DELAY_S                                                                              \
    0.2                   /* settings and both first packets must reach the device before tick 0   \
                           */
#define SILENCE_MAX_S 2.0 /* the device has failed when it neither gives nor takes for so long */
#define POLL_S (RADIO_POLL_MS * 1e-3)
#define CLOCK_LEAK_RATIO 1e-4 /* host and device clocks differ by less than this */
#define FREQ_TOLERANCE_HZ 1000.0
#define CLOSE_MESSAGES_MAX 64

struct uhd_cfg {
    char rx_subdev[LIMIT_TEXT], tx_subdev[LIMIT_TEXT], tx_antenna[LIMIT_TEXT];
    char clock_source[LIMIT_TEXT], time_source[LIMIT_TEXT], stream_args[LIMIT_TEXT];
    int wire_format;
    double delay_us;
    int64_t n_tx_channels;
};

struct radio_uhd {
    struct radio_base base;
    struct uhd_cfg cfg;
    uhd_usrp_handle usrp;
    uhd_rx_streamer_handle rx;
    uhd_tx_streamer_handle tx;
    uhd_rx_metadata_handle rx_about;
    uhd_tx_metadata_handle tx_follow, tx_end; /* middle of a burst, its end */
    uhd_async_metadata_handle message;
    size_t n_tx_channels, rx_packet_samples, tx_packet_samples;
    float _Complex *zeros;  /* tx_packet_samples */
    bool streaming;         /* the receive stream command was given */
    int64_t origin_s;       /* device time of tick 0: whole seconds */
    double origin_frac_s;   /* and the rest */
    int64_t host_origin_ns; /* host clock at radio_start */
    _Atomic int64_t device_minus_host_ticks;
    /* receive thread */
    int64_t rx_next_tick, rx_host_ticks;
    /* transmit thread */
    double tx_lead_us;
    bool burst_open, dropping;
};

static const struct option_row uhd_rows[] = {
    {"radio.uhd.rx_subdev", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, rx_subdev),
     "receive subdevice (\"A:0\"); empty: the device's default", NULL},
    {"radio.uhd.tx_subdev", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, tx_subdev),
     "transmit subdevice; empty: the device's default", NULL},
    {"radio.uhd.tx_antenna", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct uhd_cfg, tx_antenna),
     "transmit antenna port; empty: the device's default", NULL},
    {"radio.uhd.clock_source", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, clock_source), "reference clock: internal, external, gpsdo", NULL},
    {"radio.uhd.time_source", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, time_source), "time pulse: internal, external, gpsdo", NULL},
    {"radio.uhd.stream_args", OPTION_TEXT, "", "", 0, 0, NULL,
     offsetof(struct uhd_cfg, stream_args), "stream arguments (\"spp=200\")", NULL},
    {"radio.uhd.wire_format", OPTION_CHOICE, "", "sc16", 0, 0, "sc16|sc12|sc8",
     offsetof(struct uhd_cfg, wire_format), "sample format between host and device", NULL},
    {"radio.uhd.delay_us", OPTION_NUMBER, "us", "0", 0, 1e5, NULL,
     offsetof(struct uhd_cfg, delay_us), "transmit-to-receive delay of the hardware, taken out",
     NULL},
    {"radio.uhd.n_tx_channels", OPTION_INT, "", "", 1, 2, NULL,
     offsetof(struct uhd_cfg, n_tx_channels),
     "transmit channels opened (the second stays silent); unset: what the device needs", NULL},
};
static const struct option_table uhd_table = {"radio uhd", uhd_rows,
                                              sizeof uhd_rows / sizeof *uhd_rows};
static const struct option_table *const uhd_tables[] = {&uhd_table, NULL};

/* ---- errors and clocks ---- */

static enum status uhd_status(uhd_error error, const char *what)
{
    if (error == UHD_ERROR_NONE) {
        return ST_OK;
    }
    char reason[320] = "";
    uhd_get_last_error(reason, sizeof reason);
    for (char *c = reason; *c; c++) {
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    }
    const enum status status =
        error == UHD_ERROR_KEY || error == UHD_ERROR_LOOKUP || error == UHD_ERROR_INDEX
            ? ST_NOT_FOUND
            : ST_IO;
    return status_fail(status, "uhd: %s: %s (error %d)", what, reason, (int)error);
}

/* Run a call when all before it went well. */
#define UHD_TRY(status, call)                                                                      \
    do {                                                                                           \
        if ((status) == ST_OK) {                                                                   \
            (status) = uhd_status((call), #call);                                                  \
        }                                                                                          \
    } while (0)

/* UHD's free functions do not take NULL. */
#define UHD_FREE(free_handle, handle)                                                              \
    do {                                                                                           \
        if (handle) {                                                                              \
            free_handle(&(handle));                                                                \
        }                                                                                          \
    } while (0)

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

/* ---- open ---- */

static enum status set_subdev(struct radio_uhd *self, const char *markup, bool is_rx)
{
    if (!markup[0]) {
        return ST_OK;
    }
    uhd_subdev_spec_handle spec = NULL;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_subdev_spec_make(&spec, markup));
    if (is_rx) {
        UHD_TRY(status, uhd_usrp_set_rx_subdev_spec(self->usrp, spec, 0));
    } else {
        UHD_TRY(status, uhd_usrp_set_tx_subdev_spec(self->usrp, spec, 0));
    }
    UHD_FREE(uhd_subdev_spec_free, spec);
    return status;
}

static enum status set_clocks(struct radio_uhd *self)
{
    const struct uhd_cfg *cfg = &self->cfg;
    enum status status = ST_OK;
    if (cfg->clock_source[0]) {
        UHD_TRY(status, uhd_usrp_set_clock_source(self->usrp, cfg->clock_source, 0));
    }
    if (cfg->time_source[0]) {
        UHD_TRY(status, uhd_usrp_set_time_source(self->usrp, cfg->time_source, 0));
    }
    if (cfg->time_source[0] && strcmp(cfg->time_source, "internal") != 0) {
        UHD_TRY(status, uhd_usrp_set_time_next_pps(self->usrp, 0, 0.0, 0));
        const struct timespec pulse = {.tv_sec = 1, .tv_nsec = 100000000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pulse, NULL);
    } else {
        UHD_TRY(status, uhd_usrp_set_time_now(self->usrp, 0, 0.0, 0));
    }
    return status;
}

static enum status set_rates(struct radio_uhd *self, double rate_sps)
{
    enum status status = ST_OK;
    for (size_t c = 0; c < self->base.n_rx_channels; c++) {
        UHD_TRY(status, uhd_usrp_set_rx_rate(self->usrp, rate_sps, c));
    }
    for (size_t c = 0; c < self->n_tx_channels; c++) {
        UHD_TRY(status, uhd_usrp_set_tx_rate(self->usrp, rate_sps, c));
    }
    double rx_sps = 0, tx_sps = 0;
    UHD_TRY(status, uhd_usrp_get_rx_rate(self->usrp, 0, &rx_sps));
    UHD_TRY(status, uhd_usrp_get_tx_rate(self->usrp, 0, &tx_sps));
    if (!status && !(rx_sps > 0 && fabs(rx_sps - tx_sps) <= 1e-9 * rx_sps)) {
        return status_fail(ST_UNSUPPORTED,
                           "radio.rate_sps %g: the device receives at %g and transmits at %g S/s; "
                           "accepted: one rate it can do both ways (master_clock_rate in "
                           "radio.args)",
                           rate_sps, rx_sps, tx_sps);
    }
    self->base.rate_sps = rx_sps;
    if (!status && fabs(rx_sps - rate_sps) > 1e-3 * rate_sps) {
        log_warning("uhd: asked for %g S/s, the device runs at %g", rate_sps, rx_sps);
    }
    return status;
}

static enum status set_frequency(struct radio_uhd *self, double freq_hz)
{
    uhd_tune_request_t request = {.target_freq = freq_hz,
                                  .rf_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO,
                                  .dsp_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO};
    uhd_tune_result_t result;
    enum status status = ST_OK;
    for (size_t c = 0; c < self->base.n_rx_channels; c++) {
        UHD_TRY(status, uhd_usrp_set_rx_freq(self->usrp, &request, c, &result));
    }
    UHD_TRY(status, uhd_usrp_set_tx_freq(self->usrp, &request, 0, &result));
    double rx_hz = 0, tx_hz = 0;
    UHD_TRY(status, uhd_usrp_get_rx_freq(self->usrp, 0, &rx_hz));
    UHD_TRY(status, uhd_usrp_get_tx_freq(self->usrp, 0, &tx_hz));
    if (!status &&
        (fabs(rx_hz - freq_hz) > FREQ_TOLERANCE_HZ || fabs(tx_hz - freq_hz) > FREQ_TOLERANCE_HZ)) {
        return status_fail(ST_RANGE,
                           "radio.freq_hz %g: the device tunes to %g (receive) and %g Hz "
                           "(transmit), accepted: what it reaches within %g Hz",
                           freq_hz, rx_hz, tx_hz, FREQ_TOLERANCE_HZ);
    }
    self->base.freq_hz = freq_hz;
    return status;
}

static enum status set_front_end(struct radio_uhd *self, const struct radio_cfg *cfg)
{
    enum status status = ST_OK;
    for (size_t c = 0; c < self->base.n_rx_channels; c++) {
        if (!isnan(cfg->rx_gain_db)) {
            UHD_TRY(status, uhd_usrp_set_rx_gain(self->usrp, cfg->rx_gain_db, c, ""));
        }
        if (cfg->antenna[0]) {
            UHD_TRY(status, uhd_usrp_set_rx_antenna(self->usrp, cfg->antenna, c));
        }
    }
    if (!isnan(cfg->tx_gain_db)) {
        UHD_TRY(status, uhd_usrp_set_tx_gain(self->usrp, cfg->tx_gain_db, 0, ""));
    }
    if (self->cfg.tx_antenna[0]) {
        UHD_TRY(status, uhd_usrp_set_tx_antenna(self->usrp, self->cfg.tx_antenna, 0));
    }
    return status;
}

/* The E3xx family refuses streams of unequal channel counts. */
static enum status choose_tx_channels(struct radio_uhd *self)
{
    char name[64] = "";
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_get_mboard_name(self->usrp, 0, name, sizeof name - 1));
    const bool paired = strstr(name, "e31") || strstr(name, "e32");
    self->n_tx_channels = paired ? self->base.n_rx_channels : 1;
    if (self->cfg.n_tx_channels != INT64_MIN) {
        self->n_tx_channels = (size_t)self->cfg.n_tx_channels;
    }
    return status;
}

static enum status open_streams(struct radio_uhd *self)
{
    static const char *const wire_formats[] = {"sc16", "sc12", "sc8"};
    size_t channels[LIMIT_RX_CHANNELS] = {0, 1};
    char wire[8], cpu[] = "fc32";
    snprintf(wire, sizeof wire, "%s", wire_formats[self->cfg.wire_format]);
    uhd_stream_args_t args = {.cpu_format = cpu,
                              .otw_format = wire,
                              .args = self->cfg.stream_args,
                              .channel_list = channels,
                              .n_channels = (int)self->base.n_rx_channels};
    enum status status = ST_OK;
    UHD_TRY(status, uhd_rx_streamer_make(&self->rx));
    UHD_TRY(status, uhd_tx_streamer_make(&self->tx));
    UHD_TRY(status, uhd_usrp_get_rx_stream(self->usrp, &args, self->rx));
    args.n_channels = (int)self->n_tx_channels;
    UHD_TRY(status, uhd_usrp_get_tx_stream(self->usrp, &args, self->tx));
    UHD_TRY(status, uhd_rx_streamer_max_num_samps(self->rx, &self->rx_packet_samples));
    UHD_TRY(status, uhd_tx_streamer_max_num_samps(self->tx, &self->tx_packet_samples));
    UHD_TRY(status, uhd_rx_metadata_make(&self->rx_about));
    UHD_TRY(status, uhd_tx_metadata_make(&self->tx_follow, false, 0, 0.0, false, false));
    UHD_TRY(status, uhd_tx_metadata_make(&self->tx_end, false, 0, 0.0, false, true));
    UHD_TRY(status, uhd_async_metadata_make(&self->message));
    if (!status) {
        self->zeros = calloc(self->tx_packet_samples, sizeof *self->zeros);
        status = self->zeros ? ST_OK : status_fail(ST_NO_MEMORY, "radio uhd: no memory");
    }
    return status;
}

static void radio_uhd_close(struct radio *radio);

static enum status radio_uhd_open(const struct radio_cfg *cfg, const struct option_set *options,
                                  struct radio **radio)
{
    if (isnan(cfg->freq_hz)) {
        return status_fail(ST_USAGE, "radio.freq_hz is not set: the uhd radio transmits only on a "
                                     "frequency that was named");
    }
    if (isnan(cfg->rate_sps)) {
        return status_fail(ST_USAGE, "radio.rate_sps is not set: the uhd radio needs a rate");
    }
    struct radio_uhd *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "radio uhd: no memory");
    }
    option_fill(options, &uhd_table, &self->cfg);
    self->tx_lead_us = cfg->tx_lead_us;
    self->base.ops = &radio_uhd;
    self->base.n_rx_channels = (unsigned)cfg->n_rx_channels;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_make(&self->usrp, cfg->args));
    status = status ? status : set_subdev(self, self->cfg.rx_subdev, true);
    status = status ? status : set_subdev(self, self->cfg.tx_subdev, false);
    status = status ? status : choose_tx_channels(self);
    status = status ? status : set_rates(self, cfg->rate_sps);
    status = status ? status : set_frequency(self, cfg->freq_hz);
    status = status ? status : set_front_end(self, cfg);
    status = status ? status : set_clocks(self);
    status = status ? status : open_streams(self);
    if (status) {
        radio_uhd_close((struct radio *)self);
        return status;
    }
    *radio = (struct radio *)self;
    return ST_OK;
}

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

static void radio_uhd_close(struct radio *radio)
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
    .options = uhd_tables,
    .can_transmit = true,
    .real_time = true,
    .open = radio_uhd_open,
    .start = radio_uhd_start,
    .recv = radio_uhd_recv,
    .send = radio_uhd_send,
    .now = radio_uhd_now,
    .close = radio_uhd_close,
};
