/* radio.h - samples to and from an antenna: the ops struct, the registry, the front door.
 *                                                                            layer: radio
 * One receive thread calls radio_recv, one transmit thread calls radio_send; open, start, stop and
 * close come from the main thread. No radio starts threads. Time is the sample clock: tick n of
 * transmit and tick n of receive are the same instant at the radio's connectors (a fixed delay of
 * the hardware is taken out by the radio). */
#ifndef RADIO_RADIO_H
#define RADIO_RADIO_H

#include <complex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/option.h"
#include "config/status.h"
#include "dsp/iq.h"

struct radio_cfg {                 /* option keys radio.* : table radio_options */
    int kind;                      /* index into the registry: "sim|file|zmq|uhd" */
    double rate_sps;               /* asked for; NaN: chosen by the caller before radio_open */
    double freq_hz;                /* carrier; NaN: not given */
    double tx_gain_db, rx_gain_db; /* NaN: the radio's default */
    char args[LIMIT_TEXT];         /* device arguments (uhd), path (file) */
    char antenna[LIMIT_TEXT];      /* receive antenna name, "" = default */
    int64_t n_rx_channels;         /* 1 or 2 */
    double tx_lead_us;             /* real-time radios: how far ahead of the device clock to send */
    double block_hint_us; /* largest transmit block that keeps the link's timing, set by reader */
};

struct radio_counters { /* read at any time from any thread */
    uint64_t overflows, underflows, late, sequence_errors;
};

struct radio; /* opaque; begins with const struct radio_ops * */

struct radio_setting { /* what may change while samples flow; NaN or "": stays as it is */
    double freq_hz, tx_gain_db, rx_gain_db;
    char tx_antenna[LIMIT_TEXT], rx_antenna[LIMIT_TEXT];
};

#define RADIO_NAMES_MAX 8

struct radio_about { /* what the device says of itself; "" and NaN: it does not say */
    char model[LIMIT_TEXT], serial[LIMIT_TEXT], rx_subdev[LIMIT_TEXT];
    char tx_antennas[RADIO_NAMES_MAX][32], rx_antennas[RADIO_NAMES_MAX][32];
    char tx_antenna[32], rx_antenna[32]; /* in force */
    double tx_gain_min_db, tx_gain_max_db, tx_gain_db;
    double rx_gain_min_db, rx_gain_max_db, rx_gain_db;
    double rate_sps, freq_hz;
    int ref_locked, lo_locked; /* 1, 0; -1: no such sensor */
};

struct radio_listing {            /* a device found on this host or its network */
    char args[LIMIT_TEXT];        /* what radio.args takes to mean this one */
    char description[LIMIT_TEXT]; /* for people */
};

struct radio_ops {
    const char *name;
    const char *help;                          /* one line */
    const struct option_table *const *options; /* the radio's own keys: tables, NULL-terminated */
    bool can_transmit;
    bool real_time; /* true: the device clock runs on and late samples are lost (uhd).
                     * false: the stream is the clock; recv waits for send, send waits for room */
    enum status (*open)(const struct radio_cfg *cfg, const struct option_set *options,
                        struct radio **radio);
    enum status (*start)(struct radio *radio);
    enum status (*recv)(struct radio *radio, struct iq_block *block);
    enum status (*send)(struct radio *radio, const float _Complex *sample, size_t n_samples,
                        int64_t first_tick);
    int64_t (*now)(struct radio *radio);
    void (*stop)(struct radio *radio); /* NULL: the flag is enough */
    /* NULL where there is nothing to set, to say or to find */
    enum status (*set)(struct radio *radio, const struct radio_setting *setting, int64_t tick);
    enum status (*describe)(struct radio *radio, struct radio_about *about);
    enum status (*list)(const char *args, struct radio_listing *row, size_t n_max, size_t *n_rows);
    void (*close)(struct radio *radio);
};

struct radio_base { /* first member of every radio's own struct */
    const struct radio_ops *ops;
    double rate_sps;         /* what the device reports back */
    double freq_hz;          /* NaN: nobody said (file, zmq) */
    size_t tx_block_samples; /* samples go out in whole blocks of this length; 0, 1: as they come */
    unsigned n_rx_channels;
    double start_time_s; /* radio_start_time_s */
    atomic_bool stop_asked;
    atomic_bool far_end_gone; /* radio_far_end_is_gone */
    bool clocks_are_apart;    /* radio_clocks_are_apart */
    /* counters: relaxed, through radio_count() and radio_counters_read() */
    _Atomic uint64_t overflows, underflows, late, sequence_errors;
};

static inline void radio_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline bool radio_stop_asked(const struct radio_base *base)
{
    return atomic_load_explicit(&base->stop_asked, memory_order_relaxed);
}

#define RADIO_POLL_MS 20 /* every wait looks at stop_asked this often */

extern const struct option_table radio_options;     /* the radio.* keys of struct radio_cfg */
extern const struct radio_ops *const radio_table[]; /* NULL-terminated: sim, file, zmq, uhd */
extern const struct radio_ops radio_sim, radio_file, radio_zmq, radio_uhd; /* its entries */

/* Open the radio cfg->kind; nothing is transmitted yet.
 *   err  as the device says, detail set   own  caller closes */
enum status radio_open(const struct radio_cfg *cfg, const struct option_set *options,
                       struct radio **radio) must_check;
void radio_close(struct radio **radio); /* NULL-safe; carrier off before it returns */

enum status radio_start(struct radio *radio) must_check;

/* Receive up to block->capacity_samples; waits for at least one sample. Blocks follow one another
 * without gaps unless gap_samples says so.
 *   err  ST_END the stream is over; ST_STOPPED after radio_stop; ST_TIMEOUT, ST_IO with detail */
enum status radio_recv(struct radio *radio, struct iq_block *block) must_check;

/* Send samples for ticks first_tick ..; the first call says 0, calls are contiguous in ticks. The
 * radio may wait until there is room. n_samples = 0 ends the transmission: nothing follows, a
 * real-time radio is told that this is no underflow, and is silent.   err  as radio_recv */
enum status radio_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                       int64_t first_tick) must_check;

/* Ask for the end: waiting calls of other threads return ST_STOPPED within 50 ms. Sets a flag that
 * every wait polls, so it may be called from a signal handler, and more than once. */
void radio_stop(struct radio *radio);

/* Real-time radios: the device clock now, in ticks of the stream. */
int64_t radio_now(struct radio *radio);
/* On the other radios radio_now is the tick after the last one received. */

/* The far end has closed its connection and all it had sent is received (zmq; false where there is no
 * such thing to know). It may come back. */
bool radio_far_end_is_gone(const struct radio *radio);

/* Change settings on the device clock: in force from `tick` on (0: as soon as possible). Calls from
 * one thread only, ticks never falling; may wait for the device, never for samples. A device whose
 * tuner knows no command time (B2xx, E3xx, N3xx) is told when `tick` has come and does it within its
 * control path's delay: once this returns it is in force.
 *   err  ST_UNSUPPORTED this radio cannot; ST_RANGE the device does otherwise; ST_STOPPED; ST_IO */
enum status radio_set(struct radio *radio, const struct radio_setting *setting,
                      int64_t tick) must_check;
/*   err  ST_UNSUPPORTED nothing to say; ST_IO      thread that calls radio_set, or before start */
enum status radio_describe(struct radio *radio, struct radio_about *about) must_check;

/* Transmit and receive count ticks on clocks of their own (two devices without a common reference):
 * tick n of one and tick n of the other start together as near as the host can tell and drift apart;
 * the reader follows. radio_now speaks of the transmitter's clock. */
bool radio_clocks_are_apart(const struct radio *radio);
/* Device time of transmit tick 0, seconds: what shared time (PPS) is told by; 0: the stream has no
 * other time. Known once the radio is started. */
double radio_start_time_s(const struct radio *radio);

double radio_rate_sps(const struct radio *radio);
double radio_freq_hz(const struct radio *radio);
unsigned radio_n_rx_channels(const struct radio *radio);
/* Length of the blocks in which samples go out: up to one block less may wait for the next. */
size_t radio_tx_block_samples(const struct radio *radio);
const struct radio_ops *radio_ops_of(const struct radio *radio);
struct radio_counters radio_counters_read(const struct radio *radio);

/* Version of the UHD library in use.   own static text; main thread */
const char *radio_uhd_version(void);

#endif
