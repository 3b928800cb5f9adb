/* softusrp_endpoint.c - stream endpoints. */
#include "tests/softusrp_endpoint.h"

#include "config/require.h"
#include "tests/softusrp_tx.h"

enum {
    REG_ID = 0x00,
    REG_FLUSH = 0x04,
    REG_OUT_CONTROL = 0x08,
    REG_OUT_TO = 0x0c,
    REG_OUT_EACH_BYTES = 0x10,
    REG_OUT_EACH_PACKETS = 0x18,
    REG_IN_CAPACITY_BYTES = 0x20,
    REG_IN_CAPACITY_PACKETS = 0x28,
    REG_IN_STATUS = 0x38
};

#define OUT_START 1u
#define FLUSH_IN 2u
#define IS_SET_UP 0x80000000u

void endpoint_reset(struct endpoint *endpoint, uint16_t id)
{
    *endpoint = (struct endpoint){.id = id};
}

uint32_t endpoint_read(const struct endpoint *endpoint, uint32_t address)
{
    switch (address) {
    case REG_ID: return endpoint->id;
    case REG_OUT_CONTROL: return endpoint->is_configured ? IS_SET_UP : 0;
    case REG_IN_CAPACITY_BYTES: return TX_CAPACITY_BYTES;
    case REG_IN_CAPACITY_PACKETS: return TX_CAPACITY_PACKETS;
    case REG_IN_STATUS: return IS_SET_UP;
    default: return 0;
    }
}

enum endpoint_request endpoint_write(struct endpoint *endpoint, uint32_t address, uint32_t value)
{
    switch (address) {
    case REG_ID: endpoint->id = (uint16_t)value; break;
    case REG_FLUSH: return value & FLUSH_IN ? ENDPOINT_FLUSH_IN : ENDPOINT_NOTHING;
    case REG_OUT_TO: endpoint->to = (uint16_t)value; break;
    case REG_OUT_EACH_BYTES: endpoint->report_each.n_bytes = value; break;
    case REG_OUT_EACH_PACKETS: endpoint->report_each.n_packets = value; break;
    case REG_OUT_CONTROL:
        if (value & OUT_START) {
            endpoint->sent = endpoint->acknowledged = (struct endpoint_count){0};
            endpoint->next_sequence = 0;
            endpoint->is_limited =
                endpoint->report_each.n_bytes > 0 || endpoint->report_each.n_packets > 0;
            endpoint->is_configured = endpoint->is_limited;
            return ENDPOINT_START_OUT;
        }
        break;
    default: break;
    }
    return ENDPOINT_NOTHING;
}

bool endpoint_has_credit(const struct endpoint *endpoint, size_t n_bytes)
{
    const struct endpoint_count *sent = &endpoint->sent, *acked = &endpoint->acknowledged;
    return !endpoint->is_limited ||
           (sent->n_bytes - acked->n_bytes + n_bytes <= endpoint->capacity.n_bytes &&
            sent->n_packets - acked->n_packets + 1 <= endpoint->capacity.n_packets);
}

void endpoint_count_sent(struct endpoint *endpoint, size_t n_bytes)
{
    endpoint->sent.n_bytes += (n_bytes + 7) / 8 * 8;
    endpoint->sent.n_packets++;
}

void endpoint_take_status(struct endpoint *endpoint, const struct chdr_stream_status *status)
{
    require(status);
    endpoint->capacity = (struct endpoint_count){status->capacity_bytes, status->capacity_packets};
    endpoint->acknowledged = (struct endpoint_count){status->n_bytes, status->n_packets};
}

void endpoint_take_command(struct endpoint *endpoint, const struct chdr_stream_command *command,
                           struct endpoint_count queued)
{
    require(command);
    endpoint->from = command->from_endpoint;
    if (command->operation == CHDR_STREAM_INIT) {
        endpoint->received = endpoint->since_status = (struct endpoint_count){0};
        endpoint->status_each = (struct endpoint_count){command->n_bytes, command->n_packets};
        endpoint->is_open = true;
        endpoint->has_sequence = false;
    } else if (command->operation == CHDR_STREAM_RESYNC) {
        endpoint->received = (struct endpoint_count){command->n_bytes - queued.n_bytes,
                                                     command->n_packets - queued.n_packets};
    }
}

bool endpoint_in_sequence(struct endpoint *endpoint, uint16_t sequence)
{
    const bool in_sequence = !endpoint->has_sequence || sequence == endpoint->expected_sequence;
    endpoint->has_sequence = true;
    endpoint->expected_sequence = (uint16_t)(sequence + 1);
    endpoint->n_sequence_errors += !in_sequence;
    return in_sequence;
}

bool endpoint_consumed(struct endpoint *endpoint, size_t n_bytes)
{
    struct endpoint_count *since = &endpoint->since_status, *each = &endpoint->status_each;
    endpoint->received.n_bytes += n_bytes;
    endpoint->received.n_packets++;
    since->n_bytes += n_bytes;
    since->n_packets++;
    const bool is_due =
        endpoint->is_open && ((each->n_bytes && since->n_bytes >= each->n_bytes) ||
                              (each->n_packets && since->n_packets >= each->n_packets));
    if (is_due) {
        *since = (struct endpoint_count){0};
    }
    return is_due;
}

struct chdr_stream_status endpoint_status(const struct endpoint *endpoint, uint8_t status)
{
    return (struct chdr_stream_status){.from_endpoint = endpoint->id,
                                       .status = status,
                                       .capacity_bytes = TX_CAPACITY_BYTES,
                                       .capacity_packets = TX_CAPACITY_PACKETS,
                                       .n_bytes = endpoint->received.n_bytes,
                                       .n_packets = endpoint->received.n_packets};
}
