/* radio_uhd_set.c - frequency, gains and antennas: checked against the device's ranges, set, read
 * back. Before the streams run, or on the device clock by the one thread that calls radio_set. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/log.h"
#include "radio/radio_uhd_parts.h"

#define FREQ_TOLERANCE_HZ 1000.0
#define GAIN_TOLERANCE_DB 0.01

static const char *const way_name[] = {"receive", "transmit"};
static const char *const gain_key[] = {"radio.rx_gain_db", "radio.tx_gain_db"};
static const char *const antenna_key[] = {"radio.antenna", "radio.uhd.tx_antenna"};

struct side { /* one channel of one direction */
    struct uhd_device *device;
    enum uhd_way way;
    size_t channel;
};

static size_t sides_of(const struct radio_uhd *self, struct side side[LIMIT_RX_CHANNELS + 1])
{
    size_t n = 0;
    for (unsigned c = 0; c < self->base.n_rx_channels; c++) {
        side[n++] = (struct side){self->rx_device, UHD_RX, self->rx_channel[c]};
    }
    side[n++] = (struct side){self->tx_device, UHD_TX, (size_t)self->cfg.tx_channel};
    return n;
}

/* ---- what the device can ---- */

enum status uhd_gain_range(struct uhd_device *device, enum uhd_way way, size_t channel,
                           double *min_db, double *max_db, double *step_db)
{
    uhd_meta_range_handle range = NULL;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_meta_range_make(&range));
    UHD_TRY_WAY(status, way, get, gain_range, device->usrp, "", channel, range);
    UHD_TRY(status, uhd_meta_range_start(range, min_db));
    UHD_TRY(status, uhd_meta_range_stop(range, max_db));
    UHD_TRY(status, uhd_meta_range_step(range, step_db));
    UHD_FREE(uhd_meta_range_free, range);
    return status;
}

enum status uhd_antennas(struct uhd_device *device, enum uhd_way way, size_t channel,
                         char (*name)[UHD_NAME_CHARS], size_t n_max, size_t *n_names)
{
    uhd_string_vector_handle names = NULL;
    enum status status = ST_OK;
    *n_names = 0;
    UHD_TRY(status, uhd_string_vector_make(&names));
    UHD_TRY_WAY(status, way, get, antennas, device->usrp, channel, &names);
    UHD_TRY(status, uhd_string_vector_size(names, n_names));
    *n_names = *n_names < n_max ? *n_names : n_max;
    for (size_t k = 0; k < *n_names; k++) {
        memset(name[k], 0, UHD_NAME_CHARS);
        UHD_TRY(status, uhd_string_vector_at(names, k, name[k], UHD_NAME_CHARS - 1));
    }
    UHD_FREE(uhd_string_vector_free, names);
    return status;
}

static enum status freq_range(const struct side *side, double *min_hz, double *max_hz)
{
    uhd_meta_range_handle range = NULL;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_meta_range_make(&range));
    UHD_TRY_WAY(status, side->way, get, freq_range, side->device->usrp, side->channel, range);
    UHD_TRY(status, uhd_meta_range_start(range, min_hz));
    UHD_TRY(status, uhd_meta_range_stop(range, max_hz));
    UHD_FREE(uhd_meta_range_free, range);
    return status;
}

/* ---- before: refused while nothing has changed ---- */

static enum status freq_check(const struct side *side, double freq_hz)
{
    double min_hz = 0, max_hz = 0;
    enum status status = freq_range(side, &min_hz, &max_hz);
    if (!status && !(freq_hz >= min_hz && freq_hz <= max_hz)) {
        status = status_fail(ST_RANGE, "radio.freq_hz %g: accepted on %s (%s): %g..%g Hz", freq_hz,
                             side->device->name, way_name[side->way], min_hz, max_hz);
    }
    return status;
}

static enum status gain_check(const struct side *side, double gain_db)
{
    double min_db = 0, max_db = 0, step_db = 0;
    enum status status =
        uhd_gain_range(side->device, side->way, side->channel, &min_db, &max_db, &step_db);
    if (!status &&
        !(gain_db >= min_db - GAIN_TOLERANCE_DB && gain_db <= max_db + GAIN_TOLERANCE_DB)) {
        status = status_fail(ST_RANGE, "%s %g: accepted on %s channel %zu: %g..%g dB",
                             gain_key[side->way], gain_db, side->device->name, side->channel,
                             min_db, max_db);
    }
    return status;
}

static enum status antenna_check(const struct side *side, const char *antenna)
{
    char name[RADIO_NAMES_MAX][UHD_NAME_CHARS], accepted[256] = "";
    size_t n = 0;
    enum status status =
        uhd_antennas(side->device, side->way, side->channel, name, RADIO_NAMES_MAX, &n);
    for (size_t k = 0; k < n && !status; k++) {
        if (strcmp(name[k], antenna) == 0) {
            return ST_OK;
        }
        const size_t at = strlen(accepted);
        snprintf(accepted + at, sizeof accepted - at, "%s%s", k ? ", " : "", name[k]);
    }
    return status ? status
                  : status_fail(ST_RANGE, "%s '%s': accepted on %s channel %zu: %s",
                                antenna_key[side->way], antenna, side->device->name, side->channel,
                                accepted);
}

static double gain_of(const struct radio_setting *setting, enum uhd_way way)
{
    return way == UHD_RX ? setting->rx_gain_db : setting->tx_gain_db;
}

static const char *antenna_of(const struct radio_setting *setting, enum uhd_way way)
{
    return way == UHD_RX ? setting->rx_antenna : setting->tx_antenna;
}

static enum status side_check(const struct side *side, const struct radio_setting *setting)
{
    const double gain_db = gain_of(setting, side->way);
    const char *antenna = antenna_of(setting, side->way);
    enum status status = ST_OK;
    if (!isnan(setting->freq_hz)) {
        status = freq_check(side, setting->freq_hz);
    }
    if (!isnan(gain_db) && !status) {
        status = gain_check(side, gain_db);
    }
    return antenna[0] && !status ? antenna_check(side, antenna) : status;
}

/* ---- setting ---- */

static enum status side_set(const struct radio_uhd *self, const struct side *side,
                            const struct radio_setting *setting)
{
    uhd_usrp_handle usrp = side->device->usrp;
    const double gain_db = gain_of(setting, side->way);
    const char *antenna = antenna_of(setting, side->way);
    enum status status = ST_OK;
    if (antenna[0]) {
        UHD_TRY_WAY(status, side->way, set, antenna, usrp, antenna, side->channel);
    }
    if (!isnan(setting->freq_hz)) {
        const double offset_hz = self->cfg.lo_offset_hz;
        uhd_tune_request_t request = {.target_freq = setting->freq_hz,
                                      .rf_freq_policy = offset_hz != 0
                                                            ? UHD_TUNE_REQUEST_POLICY_MANUAL
                                                            : UHD_TUNE_REQUEST_POLICY_AUTO,
                                      .rf_freq = setting->freq_hz + offset_hz,
                                      .dsp_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO};
        uhd_tune_result_t result;
        UHD_TRY_WAY(status, side->way, set, freq, usrp, &request, side->channel, &result);
    }
    if (!isnan(gain_db)) {
        UHD_TRY_WAY(status, side->way, set, gain, usrp, gain_db, side->channel, "");
    }
    return status;
}

/* ---- after: what came of it ---- */

static enum status freq_confirm(const struct radio_uhd *self, const struct side *side,
                                double freq_hz)
{
    double got_hz = 0, min_hz = 0, max_hz = 0;
    enum status status = ST_OK;
    UHD_TRY_WAY(status, side->way, get, freq, side->device->usrp, side->channel, &got_hz);
    if (status || fabs(got_hz - freq_hz) <= FREQ_TOLERANCE_HZ) {
        return status;
    }
    char offset[80] = "";
    if (self->cfg.lo_offset_hz != 0) {
        snprintf(offset, sizeof offset, " with radio.uhd.lo_offset_hz %g", self->cfg.lo_offset_hz);
    }
    status = freq_range(side, &min_hz, &max_hz);
    return status ? status
                  : status_fail(ST_RANGE,
                                "radio.freq_hz %g%s: %s tunes to %g Hz (%s); accepted: what it "
                                "reaches within %g Hz in %g..%g",
                                freq_hz, offset, side->device->name, got_hz, way_name[side->way],
                                FREQ_TOLERANCE_HZ, min_hz, max_hz);
}

static enum status gain_confirm(const struct side *side, double gain_db)
{
    double got_db = 0, min_db = 0, max_db = 0, step_db = 0;
    enum status status = ST_OK;
    UHD_TRY_WAY(status, side->way, get, gain, side->device->usrp, side->channel, "", &got_db);
    if (status || fabs(got_db - gain_db) <= GAIN_TOLERANCE_DB) {
        return status;
    }
    status = uhd_gain_range(side->device, side->way, side->channel, &min_db, &max_db, &step_db);
    if (!status) {
        log_warning("%s: asked for %g dB, %s channel %zu does %g (%g..%g dB in steps of %g)",
                    gain_key[side->way], gain_db, side->device->name, side->channel, got_db, min_db,
                    max_db, step_db);
    }
    return status;
}

static enum status antenna_confirm(const struct side *side, const char *antenna)
{
    char got[UHD_NAME_CHARS] = "";
    enum status status = ST_OK;
    UHD_TRY_WAY(status, side->way, get, antenna, side->device->usrp, side->channel, got,
                sizeof got - 1);
    return status || strcmp(got, antenna) == 0
               ? status
               : status_fail(ST_RANGE, "%s: asked for '%s', %s channel %zu keeps '%s'",
                             antenna_key[side->way], antenna, side->device->name, side->channel,
                             got);
}

static enum status side_confirm(const struct radio_uhd *self, const struct side *side,
                                const struct radio_setting *setting)
{
    const double gain_db = gain_of(setting, side->way);
    const char *antenna = antenna_of(setting, side->way);
    enum status status = ST_OK;
    if (!isnan(setting->freq_hz)) {
        status = freq_confirm(self, side, setting->freq_hz);
    }
    if (!isnan(gain_db) && !status) {
        status = gain_confirm(side, gain_db);
    }
    return antenna[0] && !status ? antenna_confirm(side, antenna) : status;
}

/* All sides, or none when one of them would refuse.
 *   in   at_tick   command time on the devices; 0: none */
static enum status apply(struct radio_uhd *self, const struct radio_setting *setting,
                         int64_t at_tick)
{
    struct side side[LIMIT_RX_CHANNELS + 1];
    const size_t n = sides_of(self, side);
    enum status status = ST_OK, cleared = ST_OK;
    for (size_t k = 0; k < n && !status; k++) {
        status = side_check(&side[k], setting);
    }
    for (unsigned k = 0; k < self->n_devices && at_tick > 0; k++) {
        int64_t full_s;
        double frac_s;
        uhd_time_of(self, &self->device[k], at_tick, &full_s, &frac_s);
        UHD_TRY(status, uhd_usrp_set_command_time(self->device[k].usrp, full_s, frac_s, 0));
    }
    for (size_t k = 0; k < n && !status; k++) {
        status = side_set(self, &side[k], setting);
    }
    for (unsigned k = 0; k < self->n_devices && at_tick > 0; k++) {
        UHD_TRY(cleared, uhd_usrp_clear_command_time(self->device[k].usrp, 0));
    }
    status = status ? status : cleared;
    for (size_t k = 0; k < n && !status; k++) {
        status = side_confirm(self, &side[k], setting);
    }
    if (!status && !isnan(setting->freq_hz)) {
        self->base.freq_hz = setting->freq_hz;
    }
    return status;
}

enum status uhd_settings_apply(struct radio_uhd *self, const struct radio_setting *setting)
{
    return apply(self, setting, 0);
}

enum status radio_uhd_set(struct radio *radio, const struct radio_setting *setting, int64_t tick)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    bool at_once = false;
    for (unsigned k = 0; k < self->n_devices; k++) {
        at_once = at_once || self->device[k].traits.tunes_at_once;
    }
    if (at_once && tick > 0 && !uhd_tick_await(self, tick)) {
        return ST_STOPPED;
    }
    /* a command time that has passed would only be in the way of later ones */
    return apply(self, setting, tick > radio_uhd_now(radio) ? tick : 0);
}
