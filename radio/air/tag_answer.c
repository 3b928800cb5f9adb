/* tag_answer.c - the bits of replies. */
#include "radio/air/tag_answer.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/tag_code.h"
#include "radio/air/tag_security.h"

#define BARKER 0x72u /* 1110010 */

unsigned tag_answer_close(struct tag *tag, unsigned n_bits)
{
    uint8_t *bits = tag->reply.code.bits;
    require(n_bits + 32 <= TAG_CODE_BITS_MAX);
    tag_bits_put(bits, n_bits, tag->handle, 16);
    tag_bits_put(bits, n_bits + 16, tag_crc16(bits, n_bits + 16), 16);
    return n_bits + 32;
}

struct tag_answer tag_answer_done(struct tag *tag, enum tag_answer_kind kind)
{
    tag_bits_put(tag->reply.code.bits, 0, 0, 1);
    return (struct tag_answer){kind, tag_answer_close(tag, 1)};
}

struct tag_answer tag_answer_fault(struct tag *tag, enum tag_answer_kind kind, enum tag_fault fault)
{
    require(fault != TAG_FAULT_NONE);
    tag_bits_put(tag->reply.code.bits, 0, 0x100u | (unsigned)fault, 9);
    return (struct tag_answer){kind, tag_answer_close(tag, 9)};
}

/* A response may be long: byte by byte. */
static unsigned put_response(const struct tag *tag, uint8_t *bits, unsigned n_bits)
{
    unsigned n_response_bits = tag->store->security.n_response_bits;
    for (unsigned i = 0; i < n_response_bits / 8; i++) {
        tag_bits_put(bits, n_bits + 8 * (size_t)i, tag->store->security.response[i], 8);
    }
    return n_bits + n_response_bits;
}

/* Length in bits and a bit that makes the number of ones even [M]. */
static unsigned put_length(uint8_t *bits, unsigned n_bits, unsigned length)
{
    unsigned parity = 0;
    for (unsigned rest = length; rest; rest >>= 1) {
        parity ^= rest & 1u;
    }
    tag_bits_put(bits, n_bits, length << 1 | parity, 16);
    return n_bits + 16;
}

unsigned tag_answer_epc(struct tag *tag, double tick)
{
    uint8_t *bits = tag->reply.code.bits;
    struct tag_memory *memory = &tag->store->memory;
    size_t end = TAG_EPC_FIRST_BIT + tag_memory_n_epc_bits(memory);
    unsigned n_bits = 0;
    if (tag->truncates_now) {
        n_bits = 5;
        tag_bits_put(bits, 0, 0, 5);
        for (size_t at = tag->truncate_first; at < end; at++) {
            tag_bits_put(bits, n_bits++, tag_bit(memory->epc, at), 1);
        }
    } else {
        uint16_t words[2];
        memory->holds_response = tag_security_holds_response(tag, tick);
        unsigned n_words = tag_memory_packet_pc(memory, words);
        for (unsigned i = 0; i < n_words; i++) {
            tag_bits_put(bits, 16 * (size_t)i, words[i], 16);
        }
        memcpy(bits + 2 * (size_t)n_words, memory->epc + 4, (end - TAG_EPC_FIRST_BIT) / 8);
        n_bits = 16 * n_words + (unsigned)(end - TAG_EPC_FIRST_BIT);
        if (memory->holds_response && tag->store->security.is_immediate) { /* [M] */
            n_bits = tag->store->security.has_length
                         ? put_length(bits, n_bits, tag->store->security.n_response_bits)
                         : n_bits;
            n_bits = put_response(tag, bits, n_bits);
        }
    }
    tag_bits_put(bits, n_bits, tag_crc16(bits, n_bits), 16);
    tag->n_epc_sent++;
    return n_bits + 16;
}

/* Barker | Done | Header | length if asked for | response or error code | handle | CRC-16 over all
 * of it; while still working neither length nor response [M]. */
unsigned tag_answer_process(struct tag *tag, bool is_done)
{
    uint8_t *bits = tag->reply.code.bits;
    const struct tag_process *process = &tag->process;
    bool is_fault = process->fault != TAG_FAULT_NONE;
    unsigned n_bits = 9;
    tag_bits_put(bits, 0, BARKER << 2 | (is_done ? 2u : 0) | (is_done && is_fault ? 1u : 0), 9);
    if (is_done) {
        unsigned length = is_fault ? 8 : process->sends ? tag->store->security.n_response_bits : 0;
        n_bits = process->has_length ? put_length(bits, n_bits, length) : n_bits;
        if (is_fault) {
            tag_bits_put(bits, n_bits, (unsigned)process->fault, 8);
            n_bits += 8;
        } else if (process->sends) {
            n_bits = put_response(tag, bits, n_bits);
        }
    }
    return tag_answer_close(tag, n_bits);
}
