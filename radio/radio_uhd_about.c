/* radio_uhd_about.c - what a USRP says of itself, which ones there are, and how loud UHD may be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "radio/radio_uhd_parts.h"

/* UHD reads these when it is first used. */
void uhd_log_quieten(void)
{
    if (log_level() < LOG_DEBUG) {
        setenv("UHD_LOG_CONSOLE_LEVEL", "fatal", 0);
        setenv("UHD_LOG_FASTPATH_DISABLE", "1", 0);
    }
}

/* ---- describe ---- */

static void about_clear(struct radio_about *about)
{
    memset(about, 0, sizeof *about);
    about->tx_gain_min_db = about->tx_gain_max_db = about->tx_gain_db = NAN;
    about->rx_gain_min_db = about->rx_gain_max_db = about->rx_gain_db = NAN;
    about->rate_sps = about->freq_hz = NAN;
    about->ref_locked = about->lo_locked = -1;
}

static enum status describe_side(struct uhd_device *device, enum uhd_way way, size_t channel,
                                 struct radio_about *about)
{
    const bool is_rx = way == UHD_RX;
    double step_db = 0;
    size_t n = 0;
    int locked = -1;
    enum status status = uhd_gain_range(
        device, way, channel, is_rx ? &about->rx_gain_min_db : &about->tx_gain_min_db,
        is_rx ? &about->rx_gain_max_db : &about->tx_gain_max_db, &step_db);
    status =
        status ? status
               : uhd_antennas(device, way, channel, is_rx ? about->rx_antennas : about->tx_antennas,
                              RADIO_NAMES_MAX, &n);
    status = status ? status : uhd_sensor_read(device, "lo_locked", (int)way, channel, &locked);
    UHD_TRY_WAY(status, way, get, gain, device->usrp, channel, "",
                is_rx ? &about->rx_gain_db : &about->tx_gain_db);
    UHD_TRY_WAY(status, way, get, antenna, device->usrp, channel,
                is_rx ? about->rx_antenna : about->tx_antenna, UHD_NAME_CHARS - 1);
    if (locked >= 0 && about->lo_locked != 0) { /* both must be */
        about->lo_locked = locked;
    }
    return status;
}

static enum status describe_board(struct radio_uhd *self, struct radio_about *about)
{
    uhd_usrp_rx_info_t info;
    uhd_subdev_spec_handle spec = NULL;
    struct uhd_device *device = self->rx_device;
    enum status status = ST_OK;
    UHD_TRY(status, uhd_usrp_get_rx_info(device->usrp, self->rx_channel[0], &info));
    if (!status) {
        snprintf(about->model, sizeof about->model, "%s", device->name);
        snprintf(about->serial, sizeof about->serial, "%s", info.mboard_serial);
        uhd_usrp_rx_info_free(&info);
    }
    UHD_TRY(status, uhd_subdev_spec_make(&spec, ""));
    UHD_TRY(status, uhd_usrp_get_rx_subdev_spec(device->usrp, 0, spec));
    UHD_TRY(status, uhd_subdev_spec_to_string(spec, about->rx_subdev, sizeof about->rx_subdev - 1));
    UHD_FREE(uhd_subdev_spec_free, spec);
    return status;
}

enum status radio_uhd_describe(struct radio *radio, struct radio_about *about)
{
    struct radio_uhd *self = (struct radio_uhd *)radio;
    about_clear(about);
    enum status status = describe_board(self, about);
    status = status ? status : describe_side(self->rx_device, UHD_RX, self->rx_channel[0], about);
    status = status ? status
                    : describe_side(self->tx_device, UHD_TX, (size_t)self->cfg.tx_channel, about);
    about->rate_sps = self->base.rate_sps;
    about->freq_hz = self->base.freq_hz;
    return status ? status
                  : uhd_sensor_read(self->rx_device, "ref_locked", -1, 0, &about->ref_locked);
}

/* ---- list ---- */

void uhd_field_of(const char *fields, const char *key, char *text, size_t n_text)
{
    const size_t n_key = strlen(key);
    text[0] = '\0';
    for (const char *at = fields; at; at = strchr(at, ','), at = at ? at + 1 : NULL) {
        if (strncmp(at, key, n_key) == 0 && at[n_key] == '=') {
            const char *value = at + n_key + 1;
            snprintf(text, n_text, "%.*s", (int)strcspn(value, ","), value);
            return;
        }
    }
}

static void listing_fill(const char *found, struct radio_listing *row)
{
    char address[64], serial[48], product[32], type[24], name[48], claimed[8];
    uhd_field_of(found, "addr", address, sizeof address);
    if (!address[0]) {
        uhd_field_of(found, "mgmt_addr", address, sizeof address);
    }
    uhd_field_of(found, "serial", serial, sizeof serial);
    uhd_field_of(found, "product", product, sizeof product);
    uhd_field_of(found, "type", type, sizeof type);
    uhd_field_of(found, "name", name, sizeof name);
    uhd_field_of(found, "claimed", claimed, sizeof claimed);
    snprintf(row->args, sizeof row->args, "%s%s%s%s", type[0] ? "type=" : "", type,
             address[0] ? ",addr=" : ",serial=", address[0] ? address : serial);
    snprintf(row->description, sizeof row->description, "%s%s%s%s, serial %s%s%s%s",
             product[0] ? product : type, name[0] ? " '" : "", name, name[0] ? "'" : "", serial,
             address[0] ? ", at " : "", address,
             strcmp(claimed, "True") == 0 ? ", in use by somebody" : "");
}

void uhd_type_of(const char *args, char *text, size_t n_text)
{
    uhd_string_vector_handle found = NULL;
    char first[2 * LIMIT_TEXT] = "";
    size_t n = 0;
    uhd_field_of(args, "type", text, n_text);
    if (text[0]) {
        return;
    }
    enum status status = ST_OK;
    UHD_TRY(status, uhd_string_vector_make(&found));
    UHD_TRY(status, uhd_usrp_find(args, &found));
    UHD_TRY(status, uhd_string_vector_size(found, &n));
    if (n > 0) { /* the one that UHD takes, too */
        UHD_TRY(status, uhd_string_vector_at(found, 0, first, sizeof first - 1));
        uhd_field_of(first, "type", text, n_text);
    }
    UHD_FREE(uhd_string_vector_free, found);
    if (status) { /* opening will say what is wrong */
        log_debug("%s", status_detail());
    }
}

enum status radio_uhd_list(const char *args, struct radio_listing *row, size_t n_max,
                           size_t *n_rows)
{
    uhd_string_vector_handle found = NULL;
    size_t n = 0;
    enum status status = ST_OK;
    *n_rows = 0;
    uhd_log_quieten();
    UHD_TRY(status, uhd_string_vector_make(&found));
    UHD_TRY(status, uhd_usrp_find(args, &found));
    UHD_TRY(status, uhd_string_vector_size(found, &n));
    for (size_t k = 0; k < n && k < n_max && !status; k++) {
        char text[2 * LIMIT_TEXT] = "";
        UHD_TRY(status, uhd_string_vector_at(found, k, text, sizeof text - 1));
        if (!status) {
            listing_fill(text, &row[(*n_rows)++]);
        }
    }
    UHD_FREE(uhd_string_vector_free, found);
    return status;
}
