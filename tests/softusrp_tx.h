/* softusrp_tx.h - a transmit channel: packets in, one sample a device tick out, zero outside bursts.
 *                                                                              layer: tests
 * Device ticks count on whatever the host sets the time to; `time_offset_ticks` is what the host's
 * time is ahead of them. */
#ifndef TESTS_SOFTUSRP_TX_H
#define TESTS_SOFTUSRP_TX_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/softusrp_chdr.h"

#define TX_CAPACITY_BYTES (256 * 1024) /* what the host is told: flow control */
#define TX_CAPACITY_PACKETS 4096
#define TX_BURSTS_KEPT 256 /* the latest, for the report */

enum tx_event { TX_UNDERFLOW = 1, TX_LATE = 2, TX_BURST_ACK = 3 }; /* the device's own codes */

enum tx_ending { TX_OPEN, TX_BY_HOST, TX_BY_UNDERFLOW, TX_BY_RESET, TX_ENDINGS };

struct tx_listener {
    void *context;
    void (*event)(void *context, unsigned channel, enum tx_event event, int64_t tick);
    void (*consumed)(void *context, unsigned channel, size_t n_bytes); /* a packet left the FIFO */
    bool (*is_forced)(void *context, enum tx_event event);             /* a fault wants it now */
};

struct tx_packet {
    bool is_timed, end_of_burst;
    int64_t time_ticks; /* as the host counts */
    size_t n_samples, n_bytes;
};

struct tx_burst {
    int64_t first_tick, end_tick; /* device ticks */
    enum tx_ending ending;
};

struct tx_channel {
    unsigned index;
    struct tx_listener listener;
    struct tx_packet packet[TX_CAPACITY_PACKETS];
    size_t first_packet, n_packets, n_bytes;
    uint32_t sample[TX_CAPACITY_BYTES / sizeof(uint32_t)];
    size_t first_sample, n_samples;
    size_t n_played;   /* of the first packet */
    int64_t next_tick; /* the next to play */
    int64_t time_offset_ticks;
    bool is_on, is_dropping; /* inside a burst; dropping up to its end */
    /* for the report */
    uint64_t n_packets_in, n_packets_lost, n_underflows, n_late, n_acks, n_samples_on;
    int64_t last_nonzero_tick;             /* device tick; INT64_MIN: never */
    struct tx_burst burst[TX_BURSTS_KEPT]; /* ring */
    uint64_t n_bursts;
};

/*   own  borrows the listener's context for the channel's life */
void tx_init(struct tx_channel *tx, unsigned index, const struct tx_listener *listener);

/* Forget what is queued; a burst ends here and now. */
void tx_reset(struct tx_channel *tx);

void tx_push(struct tx_channel *tx, const struct chdr_data *data, size_t n_bytes);

/* Nothing was due between next_tick and tick. */
void tx_skip(struct tx_channel *tx, int64_t tick);

bool tx_is_idle(const struct tx_channel *tx);

/* What is put out at next_tick .. next_tick + n - 1. */
void tx_play(struct tx_channel *tx, float _Complex *out, size_t n);

#endif
