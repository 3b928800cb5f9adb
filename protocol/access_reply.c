/* access_reply.c - headers, handles, CRC-16 and error codes of the replies to access commands. */
#include "protocol/access_reply.h"

#include <string.h>

#include "config/require.h"
#include "protocol/crc.h"

enum {
    HANDLE_CRC_BITS = 32,
    ERROR_CODE_BITS = 8,
    BARKER_BITS = 7,
    BARKER = 0x72,       /* 1110010 */
    LENGTH_BITS = 16,    /* 15 and an even parity */
    DELAYED_BITS = 33,   /* header, handle, CRC-16 */
    IN_PROCESS_BITS = 9, /* Barker code, done, header */
};

struct error_row {
    uint8_t code;
    const char *text;
};

static const struct error_row error_rows[] = {
    {0x00, "other error"},
    {0x01, "not supported"},
    {0x02, "insufficient privileges"},
    {0x03, "memory overrun (no such address, or length not supported)"},
    {0x04, "memory locked"},
    {0x05, "crypto suite error"},
    {0x06, "command not encapsulated"},
    {0x07, "ResponseBuffer overflow"},
    {0x08, "security timeout"},
    {0x0B, "insufficient power"},
    {0x0F, "non-specific error"},
};

const char *access_error_text(uint8_t error)
{
    for (size_t i = 0; i < sizeof error_rows / sizeof *error_rows; i++) {
        if (error_rows[i].code == error) {
            return error_rows[i].text;
        }
    }
    return "unknown error";
}

size_t access_reply_n_bits(enum command_reply expect, size_t n_data_bits, bool has_length)
{
    switch (expect) {
    case REPLY_HANDLE: return HANDLE_CRC_BITS;
    case REPLY_DATA: return 1 + n_data_bits + HANDLE_CRC_BITS;
    case REPLY_DELAYED: return DELAYED_BITS;
    case REPLY_IN_PROCESS:
        return IN_PROCESS_BITS + n_data_bits + HANDLE_CRC_BITS + (has_length ? LENGTH_BITS : 0u);
    default: break;
    }
    require(false);
    return 0;
}

size_t access_reply_error_n_bits(enum command_reply expect, bool has_length)
{
    require(expect >= REPLY_HANDLE);
    if (expect == REPLY_IN_PROCESS) {
        return access_reply_n_bits(expect, ERROR_CODE_BITS, has_length);
    }
    return 1 + ERROR_CODE_BITS + HANDLE_CRC_BITS;
}

static uint32_t bits_at(const uint8_t *bit, size_t from, size_t n_bits)
{
    uint32_t value = 0;
    for (size_t i = from; i < from + n_bits; i++) {
        value = value << 1 | (bit[i] & 1u);
    }
    return value;
}

static bool has_even_parity(uint32_t value)
{
    unsigned ones = 0;
    for (; value; value >>= 1) {
        ones += value & 1u;
    }
    return ones % 2 == 0;
}

static void data_take(const uint8_t *bit, size_t from, size_t n_bits, struct access_reply *reply)
{
    struct bit_reader reader = {bit, from + n_bits, from};
    require(n_bits <= 8 * sizeof reply->data);
    reply->n_data_bits = n_bits;
    enum status status = bits_get_packed(&reader, n_bits, reply->data);
    require(status == ST_OK); /* the caller counted */
    reply->verdict = ACCESS_DONE;
}

static void error_take(const uint8_t *bit, size_t from, struct access_reply *reply)
{
    reply->error = (uint8_t)bits_at(bit, from, ERROR_CODE_BITS);
    reply->verdict = ACCESS_ERROR;
}

/* Barker code, done, header, [length, parity,] response, handle, CRC-16 (gen2.md 7; the order rests
 * partly on memory). While the tag is still working neither length nor response follow. */
static void in_process_take(const struct access_expected *expected, const uint8_t *bit,
                            size_t n_bits, struct access_reply *reply)
{
    const size_t n_empty = IN_PROCESS_BITS + HANDLE_CRC_BITS;
    const size_t from = IN_PROCESS_BITS + (expected->has_length ? LENGTH_BITS : 0);
    if (n_bits < n_empty || bits_at(bit, 0, BARKER_BITS) != BARKER) {
        return;
    }
    const bool is_done = bit[BARKER_BITS] & 1u;
    const bool is_error = bit[BARKER_BITS + 1] & 1u;
    if (!is_done) {
        reply->verdict = ACCESS_WORKING;
        return;
    }
    if (n_bits < from + HANDLE_CRC_BITS) {
        return;
    }
    const size_t n_response = n_bits - from - HANDLE_CRC_BITS;
    size_t n_wanted = is_error ? ERROR_CODE_BITS : expected->n_data_bits;
    if (expected->has_length) {
        uint32_t length = bits_at(bit, IN_PROCESS_BITS, LENGTH_BITS);
        if (!has_even_parity(length) || length >> 1 != n_response) {
            return;
        }
        n_wanted = is_error ? ERROR_CODE_BITS : n_response;
    }
    if (n_response != n_wanted) {
        return;
    }
    if (is_error) {
        error_take(bit, from, reply);
    } else {
        data_take(bit, from, n_response, reply);
    }
}

/* Header 0 and what was asked for, or header 1 and why not. */
static void header_take(const struct access_expected *expected, const uint8_t *bit, size_t n_bits,
                        struct access_reply *reply)
{
    const size_t n_data = expected->expect == REPLY_DATA ? expected->n_data_bits : 0;
    if ((bit[0] & 1u) && n_bits == access_reply_error_n_bits(expected->expect, false)) {
        error_take(bit, 1, reply);
    } else if (!(bit[0] & 1u) && n_bits == access_reply_n_bits(expected->expect, n_data, false)) {
        data_take(bit, 1, n_data, reply);
    }
}

static bool is_all_ones(const uint8_t *bit, size_t n_bits)
{
    size_t n_ones = 0;
    while (n_ones < n_bits && (bit[n_ones] & 1u)) {
        n_ones++;
    }
    return n_ones == n_bits;
}

void access_reply_parse(const struct access_expected *expected, const uint8_t *bit, size_t n_bits,
                        struct access_reply *reply)
{
    require(expected);
    require(bit || n_bits == 0);
    require(reply);
    require(expected->expect >= REPLY_HANDLE);
    memset(reply, 0, sizeof *reply);
    reply->verdict = ACCESS_BAD_CRC;
    if (n_bits < HANDLE_CRC_BITS || n_bits > LIMIT_BITS || !crc_is_right(CRC_16, bit, n_bits) ||
        is_all_ones(bit, n_bits)) {
        return;
    }
    reply->rn = (uint16_t)bits_at(bit, n_bits - HANDLE_CRC_BITS, 16);
    reply->verdict = ACCESS_MALFORMED;
    if (expected->expect == REPLY_IN_PROCESS) {
        in_process_take(expected, bit, n_bits, reply);
    } else if (expected->expect == REPLY_HANDLE && n_bits == HANDLE_CRC_BITS) {
        reply->verdict = ACCESS_DONE;
    } else if (n_bits > HANDLE_CRC_BITS) { /* REPLY_HANDLE too: a first Kill may be refused */
        header_take(expected, bit, n_bits, reply);
    }
    bool is_any = expected->any_rn && reply->verdict == ACCESS_DONE;
    if (reply->verdict != ACCESS_MALFORMED && !is_any && reply->rn != expected->handle) {
        reply->verdict = ACCESS_FOREIGN;
    }
}
