/* softusrp_endpoint.h - a stream endpoint: its registers, credits and counts of both directions.
 *                                                                              layer: tests */
#ifndef TESTS_SOFTUSRP_ENDPOINT_H
#define TESTS_SOFTUSRP_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/softusrp_chdr.h"

struct endpoint_count {
    uint64_t n_bytes, n_packets;
};

struct endpoint {
    uint16_t id;
    /* device to host */
    uint16_t to;                       /* the host's endpoint */
    struct endpoint_count report_each; /* what the host is asked to report after */
    struct endpoint_count sent, acknowledged, capacity;
    bool is_configured, is_limited;
    uint16_t next_sequence;
    /* host to device */
    uint16_t from;
    struct endpoint_count received, since_status, status_each;
    bool is_open, has_sequence;
    uint16_t expected_sequence;
    uint64_t n_sequence_errors;
};

/* As the registers stand after a reset. */
void endpoint_reset(struct endpoint *endpoint, uint16_t id);

uint32_t endpoint_read(const struct endpoint *endpoint, uint32_t address);

/* What a write asks to be done beyond the register. */
enum endpoint_request { ENDPOINT_NOTHING, ENDPOINT_FLUSH_IN, ENDPOINT_START_OUT };
enum endpoint_request endpoint_write(struct endpoint *endpoint, uint32_t address, uint32_t value);

/* May a packet of n_bytes go out? Then it is counted.   ret  false: no credit */
bool endpoint_has_credit(const struct endpoint *endpoint, size_t n_bytes);
void endpoint_count_sent(struct endpoint *endpoint, size_t n_bytes);
void endpoint_take_status(struct endpoint *endpoint, const struct chdr_stream_status *status);

/* queued: what came in and has not been consumed yet. */
void endpoint_take_command(struct endpoint *endpoint, const struct chdr_stream_command *command,
                           struct endpoint_count queued);

/* Is this data packet the next one in sequence? The one expected next follows it either way. */
bool endpoint_in_sequence(struct endpoint *endpoint, uint16_t sequence);

/* n_bytes left the transmit FIFO.   ret  true: a status is due */
bool endpoint_consumed(struct endpoint *endpoint, size_t n_bytes);
struct chdr_stream_status endpoint_status(const struct endpoint *endpoint, uint8_t status);

#endif
