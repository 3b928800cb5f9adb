/* radio_uhd_parts.h - the inside of struct radio_uhd, for radio_uhd*.c only.         layer: radio
 *   radio_uhd.c           life and clocks            radio_uhd_options.c  option rows, what they mean
 *   radio_uhd_open.c      device, streams            radio_uhd_set.c      settings, read back
 *   radio_uhd_rx.c        receive thread             radio_uhd_time.c     reference, lock, time
 *   radio_uhd_tx.c        transmit thread            radio_uhd_about.c    describe, list */
#ifndef RADIO_RADIO_UHD_PARTS_H
#define RADIO_RADIO_UHD_PARTS_H

#include <string.h>
#include <uhd.h>

#include "radio/radio.h"
#include "radio/radio_uhd_clock.h"

#define UHD_END_SAMPLES 16 /* zeros at the end of a burst */
#define UHD_POLL_S (RADIO_POLL_MS * 1e-3)
#define UHD_RX_CHANNEL_MAX 15 /* highest index radio.uhd.channels may name */

struct uhd_cfg { /* option keys radio.uhd.* : radio_uhd_tables */
    char rx_args[LIMIT_TEXT];
    char subdev[LIMIT_TEXT], rx_subdev[LIMIT_TEXT], tx_subdev[LIMIT_TEXT];
    char tx_antenna[LIMIT_TEXT], channels[LIMIT_TEXT];
    int64_t tx_channel, n_tx_channels;
    int ref;
    char clock_source[LIMIT_TEXT], time_source[LIMIT_TEXT];
    double master_clock_hz, lo_offset_hz;
    char stream_args[LIMIT_TEXT];
    int wire_format;
    double delay_us, silence_s;
};

struct uhd_traits { /* what families differ in and do not say of themselves */
    const char *name_part;
    bool equal_streams; /* as many transmit channels as receive channels are streamed */
    bool tunes_at_once; /* gains and frequencies go around the command queue */
};

struct uhd_device {
    uhd_usrp_handle usrp;
    char name[64];            /* of the mainboard */
    struct uhd_traits traits; /* by its name */
    int64_t origin_s;         /* device time of tick 0: whole seconds */
    double origin_frac_s;     /* and the rest */
    struct uhd_clock clock;
};

enum uhd_way { UHD_RX, UHD_TX };

struct radio_uhd {
    struct radio_base base;
    struct uhd_cfg cfg;
    struct uhd_device device[2];
    unsigned n_devices;
    struct uhd_device *rx_device,
        *tx_device;          /* the same one unless radio.uhd.rx_args names another */
    size_t n_packet_samples; /* received at once, as asked; 0: as the device likes */
    atomic_bool dead;        /* one side met silence: no more patience on the other */
    struct radio_uhd *abandoned_before;
    /* receive thread */
    uhd_rx_streamer_handle rx;
    uhd_rx_metadata_handle rx_about;
    size_t rx_channel[LIMIT_RX_CHANNELS];
    bool streaming; /* the receive stream command was given */
    bool heard;     /* samples have come */
    int64_t rx_next_tick;
    int64_t tx_clock_due_ns; /* two clocks: the transmitter's is asked again */
    /* transmit thread */
    uhd_tx_streamer_handle tx;
    uhd_tx_metadata_handle tx_follow, tx_end; /* middle of a burst, its end */
    uhd_async_metadata_handle message;
    size_t n_tx_channels, tx_packet_samples;
    float _Complex *zeros; /* tx_packet_samples, at least UHD_END_SAMPLES */
    double tx_lead_us;
    bool burst_open, ending; /* its end is on the way */
    bool loss_told;          /* why there is no burst has been counted */
    int64_t late_tick;       /* of the last burst that came too late */
    int64_t resume_tick;     /* no new burst before */
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
    const int n_name = (int)strcspn(what, "("); /* of the call, without what it was given */
    return status_fail(status, "%.*s: %s (error %d)", n_name, what, reason, (int)error);
}

/* Run a call when all before it went well. */
#define UHD_TRY(status, call)                                                                      \
    do {                                                                                           \
        if ((status) == ST_OK) {                                                                   \
            (status) = uhd_status((call), #call);                                                  \
        }                                                                                          \
    } while (0)

/* The call for the receive or for the transmit side: uhd_usrp_set_rx_gain, uhd_usrp_set_tx_gain. */
#define UHD_TRY_WAY(status, way, verb, object, ...)                                                \
    do {                                                                                           \
        if ((way) == UHD_RX) {                                                                     \
            UHD_TRY(status, uhd_usrp_##verb##_rx_##object(__VA_ARGS__));                           \
        } else {                                                                                   \
            UHD_TRY(status, uhd_usrp_##verb##_tx_##object(__VA_ARGS__));                           \
        }                                                                                          \
    } while (0)

/* UHD's free functions do not take NULL. */
#define UHD_FREE(free_handle, handle)                                                              \
    do {                                                                                           \
        if (handle) {                                                                              \
            free_handle(&(handle));                                                                \
        }                                                                                          \
    } while (0)

/* ---- radio_uhd_options.c ---- */
extern const struct option_table *const radio_uhd_tables[]; /* NULL-terminated: radio.uhd.* */
/* Channel list of radio.uhd.channels, or 0 .. n-1.
 *   out  channel[], *n_channels   err  ST_RANGE */
enum status uhd_channels_parse(const struct uhd_cfg *cfg, int64_t n_asked, size_t *channel,
                               unsigned *n_channels) must_check;
/* Samples of a receive packet as short as the link's timing wants; 0: nothing is known, or
 * radio.uhd.stream_args says it. */
size_t uhd_packet_samples(const struct uhd_cfg *cfg, double rate_sps, double packet_us);
/* Device arguments with what radio.uhd.master_clock_hz and n_packet_samples (0: none) add: devices on
 * a network (`type` e3xx, n3xx, x300, x4xx) cut their packets by the frame size named here, whatever
 * the stream arguments say.   err  ST_USAGE named twice; ST_FULL */
enum status uhd_args_make(const struct uhd_cfg *cfg, const char *args, const char *type,
                          size_t n_packet_samples, char *text, size_t n_text) must_check;
/* Stream arguments of one direction. */
void uhd_stream_args_make(const struct uhd_cfg *cfg, enum uhd_way way, size_t n_packet_samples,
                          char *text, size_t n_text);
struct uhd_traits uhd_traits_of(const char *mboard_name);

/* ---- radio_uhd_time.c: main thread ---- */
/* Clock and time sources as asked, locked.  err  ST_RANGE no such source; ST_IO not locked */
enum status uhd_reference_set(struct radio_uhd *self) must_check;
/* Every LO in use is locked (a device without that sensor is taken at its word). */
enum status uhd_lo_check(struct radio_uhd *self) must_check;
/* A lock sensor ("ref_locked" of the mainboard, "lo_locked" of a channel).
 *   out  *locked 1, 0; -1 no such sensor */
enum status uhd_sensor_read(struct uhd_device *device, const char *name, int way, size_t channel,
                            int *locked) must_check;
/* Device time 0 now, or at a time pulse; base.clocks_are_apart.  err  ST_IO no pulse */
enum status uhd_time_set(struct radio_uhd *self) must_check;
/* Tick 0 some `delay_s` from now on all devices, their clocks started. */
enum status uhd_origin_set(struct radio_uhd *self, double delay_s) must_check;
/* Sleep until the transmitter's clock has come to `tick`.   ret  false when stopped */
bool uhd_tick_await(struct radio_uhd *self, int64_t tick);
/* A device's time with the host time of its answer.   cost one control round trip */
enum status uhd_time_read(const struct uhd_device *device, int64_t *full_s, double *frac_s,
                          int64_t *before_ns, int64_t *after_ns) must_check;
int64_t uhd_host_ns(void);

/* What waiting since begin_ns counts of a device's silence: no more than a few polls take, so that a host that stood
 * still itself is not taken for a dead device. */
int64_t uhd_waited_ns(int64_t begin_ns);
int64_t uhd_tick_of(const struct radio_uhd *self, const struct uhd_device *device, int64_t full_s,
                    double frac_s);
void uhd_time_of(const struct radio_uhd *self, const struct uhd_device *device, int64_t tick,
                 int64_t *full_s, double *frac_s);

/* ---- radio_uhd_set.c ---- */
/* Put settings in force on every channel in use and read them back: what the device rounds is a
 * warning, what it does not do an error that says what was asked, what it does and its range.
 * Fields that are NaN or "" stay.   err  ST_RANGE, ST_IO */
enum status uhd_settings_apply(struct radio_uhd *self,
                               const struct radio_setting *setting) must_check;
enum status radio_uhd_set(struct radio *radio, const struct radio_setting *setting,
                          int64_t tick) must_check;
/* Gain range in force of a channel's way. */
enum status uhd_gain_range(struct uhd_device *device, enum uhd_way way, size_t channel,
                           double *min_db, double *max_db, double *step_db) must_check;
#define UHD_NAME_CHARS 32
/* Names of antenna ports.  out  name[*n_names], at most n_max */
enum status uhd_antennas(struct uhd_device *device, enum uhd_way way, size_t channel,
                         char (*name)[UHD_NAME_CHARS], size_t n_max, size_t *n_names) must_check;

/* ---- radio_uhd_about.c ---- */
enum status radio_uhd_describe(struct radio *radio, struct radio_about *about) must_check;
enum status radio_uhd_list(const char *args, struct radio_listing *row, size_t n_max,
                           size_t *n_rows) must_check;
/* The value of `key` in "key=value,key=value".   out  text, "" when there is none */
void uhd_field_of(const char *fields, const char *key, char *text, size_t n_text);
/* The `type` of the device that args mean, named there or by the device.   out  "" when unknown */
void uhd_type_of(const char *args, char *text, size_t n_text);
/* Keep UHD's own log off stderr unless -v; its variables in the environment win. */
void uhd_log_quieten(void);

/* ---- radio_uhd_open.c: main thread ---- */
enum status radio_uhd_open(const struct radio_cfg *cfg, const struct option_set *options,
                           struct radio **radio) must_check;

/* ---- radio_uhd_rx.c, radio_uhd_tx.c ---- */
enum status uhd_rx_start(struct radio_uhd *self) must_check;
enum status radio_uhd_recv(struct radio *radio, struct iq_block *block) must_check;
enum status radio_uhd_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                           int64_t first_tick) must_check;
/* Carrier off, streams stopped, whatever state they are in. Main thread, the others at rest. */
void uhd_rx_end(struct radio_uhd *self);
void uhd_tx_end(struct radio_uhd *self);

/* ---- radio_uhd.c ---- */
/* The device has failed in mid-stream, no more patience with it.   ret  ST_IO, detail set */
enum status uhd_dead(struct radio_uhd *self, const struct uhd_device *device, const char *why);
int64_t radio_uhd_now(struct radio *radio);
/* End the burst, stop receiving, free what is there; open calls it on a radio half made. */
void radio_uhd_close(struct radio *radio);

#endif
