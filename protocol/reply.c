/* reply.c - the ACK reply: PC, XPC words, EPC, CRC-16. */
#include "protocol/reply.h"

#include <string.h>

#include "config/require.h"
#include "protocol/crc.h"

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
