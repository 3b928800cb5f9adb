/* radio_uhd_parts.h - the inside of struct radio_uhd, for radio_uhd.c and radio_uhd_open.c only.
 *                                                                            layer: radio */
#ifndef RADIO_RADIO_UHD_PARTS_H
#define RADIO_RADIO_UHD_PARTS_H

#include <uhd.h>

#include "radio/radio.h"

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

static inline enum status uhd_status(uhd_error error, const char *what)
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

extern const struct option_table *const radio_uhd_tables[]; /* NULL-terminated: radio.uhd.* */

/* Open and set the device as cfg and options say; nothing streams yet. See radio_open.
 *   err  ST_USAGE rate or frequency not given; ST_UNSUPPORTED, ST_RANGE the device does otherwise;
 *        ST_NOT_FOUND, ST_IO, ST_NO_MEMORY with detail
 *   own  caller closes; *radio is set only when ST_OK */
enum status radio_uhd_open(const struct radio_cfg *cfg, const struct option_set *options,
                           struct radio **radio) must_check;

/* End the burst, stop receiving, free what is there; open calls it on a radio half made. */
void radio_uhd_close(struct radio *radio);

#endif
