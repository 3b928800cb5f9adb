/* reply.c - the ACK reply: PC, XPC words, EPC, CRC-16. */
#include "protocol/reply.h"

#include <string.h>

#include "config/require.h"
#include "protocol/crc.h"
#include "protocol/reply_length.h"

#define PC_XI 0x0200u   /* bit 16h: XPC_W1 follows the PC */
#define XPC_XEB 0x8000u /* bit 210h: XPC_W2 follows XPC_W1 */

size_t reply_epc_n_bits(const uint8_t first_bits[5])
{
    require(first_bits);
    size_t n_words = 0;
    for (size_t i = 0; i < 5; i++) {
        n_words = n_words << 1 | (first_bits[i] & 1u);
    }
    return 16 + 16 * n_words + 16;
}

/* The XPC words sit between PC and EPC and count in L. */
static enum status reply_take_xpc(struct bit_reader *reader, size_t n_words,
                                  struct epc_reply *reply)
{
    bool more = reply->pc & PC_XI;
    while (more && reply->n_xpc_words < 2) {
        if (reply->n_xpc_words == n_words) {
            return status_fail(ST_FORMAT, "PC %04X announces XPC words, but only %zu words follow",
                               reply->pc, n_words);
        }
        uint64_t word = 0;
        enum status status = bits_get(reader, 16, &word);
        if (status) {
            return status;
        }
        more = word & XPC_XEB;
        reply->xpc[reply->n_xpc_words++] = (uint16_t)word;
    }
    return ST_OK;
}

enum status reply_parse_epc(const uint8_t *bit, size_t n_bits, struct epc_reply *reply)
{
    require(bit || n_bits == 0);
    require(reply);
    memset(reply, 0, sizeof *reply);
    if (n_bits < 32) {
        return status_fail(ST_SHORT, "ACK reply of %zu bits, at least 32", n_bits);
    }
    const size_t n_announced = reply_epc_n_bits(bit);
    if (n_bits < n_announced) {
        return status_fail(ST_SHORT, "ACK reply of %zu bits, its PC announces %zu", n_bits,
                           n_announced);
    }
    const size_t n_words = (n_announced - 32) / 16;
    struct bit_reader reader = {bit, n_announced, 0};
    uint64_t word = 0;
    enum status status = bits_get(&reader, 16, &word);
    reply->pc = (uint16_t)word;
    reply->crc_right = crc_is_right(CRC_16, bit, n_announced);
    if (!status && reply->crc_right) { /* with a wrong CRC the XI bit means nothing */
        status = reply_take_xpc(&reader, n_words, reply);
    }
    if (!status) {
        reply->n_epc_bits = 16 * (n_words - reply->n_xpc_words);
        status = bits_get_packed(&reader, reply->n_epc_bits, reply->epc);
    }
    if (!status) {
        status = bits_get(&reader, 16, &word);
        reply->crc = (uint16_t)word;
    }
    return status;
}

bool reply_is_truncated(const uint8_t first_bits[5])
{
    return reply_epc_n_bits(first_bits) == 32;
}

size_t reply_truncated_n_bits(size_t n_epc_bits, size_t n_mask_bits)
{
    require(n_mask_bits < n_epc_bits);
    return 5 + n_epc_bits - n_mask_bits + 16;
}

/* 00000 | EPC behind the mask | CRC-16 over all before it */
enum status reply_parse_truncated(const uint8_t *bit, size_t n_bits, const uint8_t *mask,
                                  size_t n_mask_bits, struct epc_reply *reply)
{
    require(bit || n_bits == 0);
    require(mask);
    require(reply);
    memset(reply, 0, sizeof *reply);
    reply->is_truncated = true;
    if (n_bits < REPLY_BITS_TRUNCATED_MIN) {
        return status_fail(ST_SHORT, "truncated ACK reply of %zu bits, at least %d", n_bits,
                           REPLY_BITS_TRUNCATED_MIN);
    }
    const size_t n_rest = n_bits - 5 - 16;
    const size_t n_epc_bits = n_mask_bits + n_rest;
    if (!reply_is_truncated(bit) || n_epc_bits % 16 != 0 || n_epc_bits > 8 * sizeof reply->epc) {
        return status_fail(ST_FORMAT, "an ACK reply of %zu bits is none truncated behind %zu bits",
                           n_bits, n_mask_bits);
    }
    reply->crc_right = crc_is_right(CRC_16, bit, n_bits);
    reply->n_epc_bits = n_epc_bits;
    memcpy(reply->epc, mask, (n_mask_bits + 7) / 8);
    for (size_t k = n_mask_bits; k < n_epc_bits; k++) {
        const uint8_t one = (uint8_t)(0x80U >> k % 8);
        reply->epc[k / 8] =
            (uint8_t)((reply->epc[k / 8] & ~one) | (bit[5 + k - n_mask_bits] ? one : 0));
    }
    struct bit_reader reader = {bit, n_bits, n_bits - 16};
    uint64_t word = 0;
    enum status status = bits_get(&reader, 16, &word);
    reply->crc = (uint16_t)word;
    return status;
}
