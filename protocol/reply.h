/* reply.h - tag replies: bits -> verdict.                                  layer: protocol
 * Source: Gen2 6.3.2.1.2 (PC, XPC), 6.3.2.12.3 (ACK reply). Untrusted bits: verdicts, no asserts. */
#ifndef PROTOCOL_REPLY_H
#define PROTOCOL_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/bits.h"

struct epc_reply {
    bool crc_right;
    bool is_truncated; /* no PC and XPC came with it */
    uint16_t pc;
    unsigned n_xpc_words; /* 0, 1, 2 as announced by XI / XEB */
    uint16_t xpc[2];
    size_t n_epc_bits; /* what is left of L words after the XPC words */
    uint8_t epc[62];   /* packed */
    uint16_t crc;      /* as received */
};

/* Length of the ACK reply announced by its first 5 bits: 16 + 16 L + 16 data bits, 32 .. 528. */
size_t reply_epc_n_bits(const uint8_t first_bits[5]);

/*   in   bit[n_bits] the whole reply, preamble and dummy removed
 *   err  ST_SHORT fewer than 32 bits or fewer than L announces; ST_FORMAT XPC words announced but
 *        L too small. A wrong CRC is a verdict (crc_right = false, XPC not looked for), not an
 *        error. Bits beyond the announced length are ignored. */
enum status reply_parse_epc(const uint8_t *bit, size_t n_bits, struct epc_reply *reply) must_check;

/* The first 5 bits say so, where the Select before the round asked for it (6.3.2.12.1.1). */
bool reply_is_truncated(const uint8_t first_bits[5]);

/* Bits of a truncated reply of a tag whose EPC has n_epc_bits, n_mask_bits of them (fewer) in the mask. */
size_t reply_truncated_n_bits(size_t n_epc_bits, size_t n_mask_bits);

/*   in   bit[n_bits] a whole truncated reply; mask, packed: what every EPC of the round begins with
 *   out  reply: the whole EPC, pc 0
 *   err  ST_SHORT fewer than 37 bits; ST_FORMAT not truncated, or no whole words with the mask's bits. A
 *        wrong CRC is a verdict */
enum status reply_parse_truncated(const uint8_t *bit, size_t n_bits, const uint8_t *mask,
                                  size_t n_mask_bits, struct epc_reply *reply) must_check;

#endif
