/* radio_uhd_open.c - opening a USRP, or two: device, subdevices, rates, settings, streams. Main
 * thread only. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "radio/radio_uhd_parts.h"

#define RATE_ROUNDED_RATIO 1e-3 /* a rate this far from the one asked for is said */
#define CLOCK_ROUNDED_HZ 1.0
#define N_SEARCHES 2 /* UHD waits shortly for an answer, and on a busy network or host it is late */
#define ARGS_CHARS (LIMIT_TEXT + 128)

static enum status device_open(struct radio_uhd *self, struct uhd_device *device, const char *key,
                               const char *args)
{
    char text[ARGS_CHARS], type[24];
    uhd_type_of(args, type, sizeof type);
    enum status status =
        uhd_args_make(&self->cfg, args, type, self->n_packet_samples, text, sizeof text);
    if (status) {
        return status;
    }
    uhd_error error = UHD_ERROR_KEY;
    for (int k = 0; k < N_SEARCHES && error == UHD_ERROR_KEY; k++) {
        error = uhd_usrp_make(&device->usrp, text);
    }
    status = uhd_status(error, "uhd_usrp_make");
    if (status) {
        char why[320];
        snprintf(why, sizeof why, "%s", status_detail());
        return status_fail(status, "no USRP for '%s' (%s): %s; -v shows what UHD says", text, key,
                           why);
    }
    UHD_TRY(status,
            uhd_usrp_get_mboard_name(device->usrp, 0, device->name, sizeof device->name - 1));
    device->traits = uhd_traits_of(device->name);
    return status;
}

static enum status devices_open(struct radio_uhd *self, const char *args)
{
    self->n_devices = 1;
    self->tx_device = self->rx_device = &self->device[0];
    enum status status = device_open(self, &self->device[0], "radio.args", args);
    if (self->cfg.rx_args[0] && !status) {
        self->n_devices = 2;
        self->rx_device = &self->device[1];
        status = device_open(self, &self->device[1], "radio.uhd.rx_args", self->cfg.rx_args);
    }
    return status;
}

/* ---- channels ---- */

static enum status subdev_read(struct uhd_device *device, enum uhd_way way, char *text,
                               size_t n_text)
{
    uhd_subdev_spec_handle spec = NULL;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_subdev_spec_make(&spec, ""));
    UHD_TRY_WAY(status, way, get, subdev_spec, device->usrp, 0, spec);
    UHD_TRY(status, uhd_subdev_spec_to_string(spec, text, n_text - 1));
    UHD_FREE(uhd_subdev_spec_free, spec);
    return status;
}

static enum status subdev_set(struct uhd_device *device, enum uhd_way way, const char *markup)
{
    uhd_subdev_spec_handle spec = NULL;
    char before[LIMIT_TEXT] = "", asked[LIMIT_TEXT] = "", got[LIMIT_TEXT] = "";
    const char *key = way == UHD_RX ? "radio.uhd.rx_subdev" : "radio.uhd.tx_subdev";
    enum status status = subdev_read(device, way, before, sizeof before);
    if (status) {
        return status;
    }
    UHD_TRY(status, uhd_subdev_spec_make(&spec, markup));
    UHD_TRY_WAY(status, way, set, subdev_spec, device->usrp, spec, 0);
    UHD_TRY(status, uhd_subdev_spec_to_string(spec, asked, sizeof asked - 1));
    UHD_FREE(uhd_subdev_spec_free, spec);
    if (status) {
        return status_fail(ST_RANGE, "%s '%s': no such subdevice on %s, accepted: some of '%s'",
                           key, markup, device->name, before);
    }
    status = subdev_read(device, way, got, sizeof got);
    return status || strcmp(asked, got) == 0
               ? status
               : status_fail(ST_RANGE, "%s: asked for '%s', %s keeps '%s'", key, markup,
                             device->name, got);
}

static enum status subdevs_set(struct radio_uhd *self)
{
    const struct uhd_cfg *cfg = &self->cfg;
    const char *rx = cfg->rx_subdev[0] ? cfg->rx_subdev : cfg->subdev;
    const char *tx = cfg->tx_subdev[0] ? cfg->tx_subdev : cfg->subdev;
    enum status status = rx[0] ? subdev_set(self->rx_device, UHD_RX, rx) : ST_OK;
    return tx[0] && !status ? subdev_set(self->tx_device, UHD_TX, tx) : status;
}

static enum status channels_check(struct radio_uhd *self)
{
    size_t n_rx = 0, n_tx = 0;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_get_rx_num_channels(self->rx_device->usrp, &n_rx));
    UHD_TRY(status, uhd_usrp_get_tx_num_channels(self->tx_device->usrp, &n_tx));
    for (unsigned c = 0; c < self->base.n_rx_channels && !status; c++) {
        if (self->rx_channel[c] >= n_rx) {
            status = status_fail(ST_RANGE,
                                 "receive channel %zu (radio.uhd.channels): %s has %zu with this "
                                 "subdevice",
                                 self->rx_channel[c], self->rx_device->name, n_rx);
        }
    }
    if (!status && (size_t)self->cfg.tx_channel >= n_tx) {
        status = status_fail(ST_RANGE,
                             "transmit channel %lld (radio.uhd.tx_channel): %s has %zu with this "
                             "subdevice",
                             (long long)self->cfg.tx_channel, self->tx_device->name, n_tx);
    }
    self->n_tx_channels = self->tx_device->traits.equal_streams && self->n_devices == 1
                              ? self->base.n_rx_channels
                              : 1;
    if (self->cfg.n_tx_channels != INT64_MIN) {
        self->n_tx_channels = (size_t)self->cfg.n_tx_channels;
    }
    return status;
}

/* ---- rates ---- */

static enum status rate_range(uhd_usrp_handle usrp, enum uhd_way way, double *min_sps,
                              double *max_sps)
{
    uhd_meta_range_handle range = NULL;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_meta_range_make(&range));
    UHD_TRY_WAY(status, way, get, rates, usrp, 0, range);
    UHD_TRY(status, uhd_meta_range_start(range, min_sps));
    UHD_TRY(status, uhd_meta_range_stop(range, max_sps));
    UHD_FREE(uhd_meta_range_free, range);
    return status;
}

static enum status rates_confirm(struct radio_uhd *self, double rate_sps)
{
    double rx_sps = 0, tx_sps = 0, min_sps = 0, max_sps = 0;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_get_rx_rate(self->rx_device->usrp, self->rx_channel[0], &rx_sps));
    UHD_TRY(status,
            uhd_usrp_get_tx_rate(self->tx_device->usrp, (size_t)self->cfg.tx_channel, &tx_sps));
    status = status ? status : rate_range(self->rx_device->usrp, UHD_RX, &min_sps, &max_sps);
    if (status) {
        return status;
    }
    if (!(rx_sps > 0 && fabs(rx_sps - tx_sps) <= 1e-9 * rx_sps)) {
        return status_fail(ST_UNSUPPORTED,
                           "radio.rate_sps %g: %s receives at %g and transmits at %g S/s; "
                           "accepted: one rate it can do both ways (radio.uhd.master_clock_hz), "
                           "within %g..%g",
                           rate_sps, self->rx_device->name, rx_sps, tx_sps, min_sps, max_sps);
    }
    self->base.rate_sps = rx_sps;
    if (fabs(rx_sps - rate_sps) > RATE_ROUNDED_RATIO * rate_sps) {
        log_warning("radio.rate_sps: asked for %g S/s, %s runs at %g (%g..%g S/s)", rate_sps,
                    self->rx_device->name, rx_sps, min_sps, max_sps);
    }
    return ST_OK;
}

static enum status rates_set(struct radio_uhd *self, double rate_sps)
{
    enum status status = ST_OK;
    for (unsigned c = 0; c < self->base.n_rx_channels; c++) {
        UHD_TRY(status, uhd_usrp_set_rx_rate(self->rx_device->usrp, rate_sps, self->rx_channel[c]));
    }
    UHD_TRY(status,
            uhd_usrp_set_tx_rate(self->tx_device->usrp, rate_sps, (size_t)self->cfg.tx_channel));
    status = status ? status : rates_confirm(self, rate_sps);
    for (unsigned k = 0; k < self->n_devices && !isnan(self->cfg.master_clock_hz); k++) {
        double clock_hz = 0;
        UHD_TRY(status, uhd_usrp_get_master_clock_rate(self->device[k].usrp, 0, &clock_hz));
        if (!status && fabs(clock_hz - self->cfg.master_clock_hz) > CLOCK_ROUNDED_HZ) {
            log_warning("radio.uhd.master_clock_hz: asked for %g Hz, %s runs at %g at this rate",
                        self->cfg.master_clock_hz, self->device[k].name, clock_hz);
        }
    }
    return status;
}

/* ---- streams ---- */

static enum status stream_open(struct radio_uhd *self, enum uhd_way way, size_t *channel, size_t n)
{
    static const char *const wire_formats[] = {"sc16", "sc12", "sc8"};
    char wire[8], cpu[] = "fc32", more[ARGS_CHARS];
    snprintf(wire, sizeof wire, "%s", wire_formats[self->cfg.wire_format]);
    uhd_stream_args_make(&self->cfg, way, self->n_packet_samples, more, sizeof more);
    uhd_stream_args_t args = {.cpu_format = cpu,
                              .otw_format = wire,
                              .args = more,
                              .channel_list = channel,
                              .n_channels = (int)n};
    enum status status = ST_OK;
    if (way == UHD_RX) {
        UHD_TRY(status, uhd_rx_streamer_make(&self->rx));
        UHD_TRY(status, uhd_usrp_get_rx_stream(self->rx_device->usrp, &args, self->rx));
    } else {
        UHD_TRY(status, uhd_tx_streamer_make(&self->tx));
        UHD_TRY(status, uhd_usrp_get_tx_stream(self->tx_device->usrp, &args, self->tx));
        UHD_TRY(status, uhd_tx_streamer_max_num_samps(self->tx, &self->tx_packet_samples));
    }
    return status;
}

static enum status streams_open(struct radio_uhd *self)
{
    const size_t carrier = (size_t)self->cfg.tx_channel;
    size_t tx_channel[2] = {carrier, carrier == 0}; /* the spare one is any other */
    enum status status = stream_open(self, UHD_RX, self->rx_channel, self->base.n_rx_channels);
    status = status ? status : stream_open(self, UHD_TX, tx_channel, self->n_tx_channels);
    UHD_TRY(status, uhd_rx_metadata_make(&self->rx_about));
    UHD_TRY(status, uhd_tx_metadata_make(&self->tx_follow, false, 0, 0.0, false, false));
    UHD_TRY(status, uhd_tx_metadata_make(&self->tx_end, false, 0, 0.0, false, true));
    UHD_TRY(status, uhd_async_metadata_make(&self->message));
    if (!status) {
        self->zeros = calloc(self->tx_packet_samples + UHD_END_SAMPLES, sizeof *self->zeros);
        status = self->zeros ? ST_OK : status_fail(ST_NO_MEMORY, "radio uhd: no memory");
    }
    return status;
}

static enum status device_set_up(struct radio_uhd *self, const struct radio_cfg *cfg)
{
    struct radio_setting setting = {
        .freq_hz = cfg->freq_hz, .tx_gain_db = cfg->tx_gain_db, .rx_gain_db = cfg->rx_gain_db};
    snprintf(setting.rx_antenna, sizeof setting.rx_antenna, "%s", cfg->antenna);
    snprintf(setting.tx_antenna, sizeof setting.tx_antenna, "%s", self->cfg.tx_antenna);
    enum status status = devices_open(self, cfg->args);
    status = status ? status : subdevs_set(self);
    status = status ? status : channels_check(self);
    status = status ? status : uhd_reference_set(self);
    status = status ? status : rates_set(self, cfg->rate_sps);
    status = status ? status : uhd_settings_apply(self, &setting);
    status = status ? status : uhd_lo_check(self);
    status = status ? status : uhd_time_set(self);
    return status ? status : streams_open(self);
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
    option_fill(options, radio_uhd_tables[0], &self->cfg);
    self->tx_lead_us = cfg->tx_lead_us;
    self->n_packet_samples = uhd_packet_samples(&self->cfg, cfg->rate_sps, cfg->block_hint_us);
    self->late_tick = INT64_MIN / 2;
    self->resume_tick = INT64_MIN;
    self->base.ops = &radio_uhd;
    uhd_log_quieten();
    enum status status = uhd_channels_parse(&self->cfg, cfg->n_rx_channels, self->rx_channel,
                                            &self->base.n_rx_channels);
    status = status ? status : device_set_up(self, cfg);
    if (status) {
        radio_uhd_close((struct radio *)self);
        return status;
    }
    *radio = (struct radio *)self;
    return ST_OK;
}
