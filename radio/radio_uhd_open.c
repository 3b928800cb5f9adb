/* radio_uhd_open.c - opening a USRP: option rows, subdevices, rates, frequency, front end, clocks
 * and streams. Main thread only. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/log.h"
#include "radio/radio_uhd_parts.h"

#define FREQ_TOLERANCE_HZ 1000.0

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
const struct option_table *const radio_uhd_tables[] = {&uhd_table, NULL};

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

enum status radio_uhd_open(const struct radio_cfg *cfg, const struct option_set *options,
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
