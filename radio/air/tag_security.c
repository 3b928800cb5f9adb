/* tag_security.c - crypto suite AES-128 of a tag: TAM1 and TAM2, ResponseBuffer. */
#include "radio/air/tag_security.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_aes.h"
#include "radio/air/tag_code.h"

#define CSI_AES128 0u
#define TAM1_BITS 96u
#define TAM2_BITS 120u
#define C_TAM 0x96C5u
#define CHALLENGE_FIRST_BIT 16u /* AuthMethod 2, CustomData 1, RFU 5, KeyID 8 */
#define CHALLENGE_BYTES 10u
#define PROFILES 3u /* 0 EPC, 1 TID, 2 User: the bank one further */
#define BLOCK_WORDS 4u
#define PROTECTION_PLAIN 0u
#define PROTECTION_CBC 1u

bool tag_security_holds_response(const struct tag *tag, double tick)
{
    return tag->store->security.n_response_bits > 0 && tick >= tag->store->security.ready_tick;
}

/* One AES block of the custom data: eight words from `first` on, zeros where the bank ends or the
 * wanted blocks of 64 bits do [M]. */
static void custom_block(const struct tag *tag, enum tag_bank bank, uint32_t first,
                         unsigned n_wanted, uint8_t block[TAG_AES_BYTES])
{
    unsigned n_words;
    memset(block, 0, TAG_AES_BYTES);
    for (unsigned i = 0; i < TAG_AES_BYTES / 2 && i < n_wanted; i++) {
        if (tag_memory_may_read(&tag->store->memory, tag_view_of(tag), bank, first + i, 1,
                                &n_words) != TAG_FAULT_NONE) {
            break;
        }
        tag_bits_put(block, 16 * (size_t)i, tag_memory_word(&tag->store->memory, bank, first + i),
                     16);
    }
}

/* Profile 4 | Offset 12 | BlockCount - 1 4 | ProtMode 4: data after the first block of the response.
 * Blocks count 64 bits from the start of the bank [M]; each must begin inside it. */
static enum tag_fault add_custom_data(struct tag *tag, const uint8_t *packed, size_t at)
{
    struct tag_security *security = &tag->store->security;
    unsigned profile = tag_bits(packed, at, 4);
    uint32_t first = tag_bits(packed, at + 4, 12) * BLOCK_WORDS;
    unsigned n_blocks = tag_bits(packed, at + 16, 4) + 1;
    unsigned protection = tag_bits(packed, at + 20, 4);
    if (profile >= PROFILES || protection > PROTECTION_CBC) {
        return TAG_FAULT_CRYPTO;
    }
    enum tag_bank bank = (enum tag_bank)(profile + 1);
    unsigned n_words;
    if (tag_memory_may_read(&tag->store->memory, tag_view_of(tag), bank,
                            first + BLOCK_WORDS * (n_blocks - 1), 1, &n_words) != TAG_FAULT_NONE) {
        return TAG_FAULT_OVERRUN;
    }
    uint8_t *last = security->response;
    for (unsigned word = 0; word < BLOCK_WORDS * n_blocks; word += TAG_AES_BYTES / 2) {
        uint8_t *block = last + TAG_AES_BYTES;
        custom_block(tag, bank, first + word, BLOCK_WORDS * n_blocks - word, block);
        for (unsigned i = 0; protection == PROTECTION_CBC && i < TAG_AES_BYTES; i++) {
            block[i] ^= last[i];
        }
        if (protection == PROTECTION_CBC && !tag_aes_encrypt(security->key, block, block)) {
            return TAG_FAULT_CRYPTO;
        }
        last = block;
        security->n_response_bits += 8 * TAG_AES_BYTES;
    }
    return TAG_FAULT_NONE;
}

/* The message of TAM1 or TAM2 into the ResponseBuffer. */
static enum tag_fault compute(struct tag *tag, const struct tag_command *command)
{
    struct tag_security *security = &tag->store->security;
    const uint8_t *packed = tag_pie_bits(&tag->pie);
    size_t at = command->data_first;
    security->n_response_bits = 0;
    if (command->csi != CSI_AES128) {
        return TAG_FAULT_NOT_SUPPORTED;
    }
    if (command->n_message_bits != TAM1_BITS && command->n_message_bits != TAM2_BITS) {
        return TAG_FAULT_CRYPTO;
    }
    unsigned method = tag_bits(packed, at, 2);
    bool is_tam2 = tag_bit(packed, at + 2);
    unsigned key_id = tag_bits(packed, at + 8, 8);
    if (method != 0 || is_tam2 != (command->n_message_bits == TAM2_BITS) ||
        key_id != security->key_id) {
        return TAG_FAULT_CRYPTO;
    }
    uint8_t plain[TAG_AES_BYTES];
    tag_bits_put(plain, 0, C_TAM, 16);
    tag_bits_put(plain, 16, (uint32_t)(noise_mix(&tag->random) >> 32), 32); /* TRnd */
    for (size_t i = 0; i < CHALLENGE_BYTES; i++) {
        plain[6 + i] = (uint8_t)tag_bits(packed, at + CHALLENGE_FIRST_BIT + 8 * i, 8);
    }
    if (security->is_replaying) { /* what it was heard to say long ago */
        memset(plain + 2, 0x5A, TAG_AES_BYTES - 2);
    }
    if (!tag_aes_encrypt(security->key, plain, security->response)) {
        return TAG_FAULT_CRYPTO;
    }
    security->n_response_bits = 8 * TAG_AES_BYTES;
    enum tag_fault fault = is_tam2 ? add_custom_data(tag, packed, at + TAM1_BITS) : TAG_FAULT_NONE;
    security->n_response_bits = fault == TAG_FAULT_NONE ? security->n_response_bits : 0;
    require(security->n_response_bits <= 8 * sizeof security->response);
    return fault;
}

static double end_of_computing(const struct tag *tag, const struct tag_world *world)
{
    return tag->command_end_tick + world->crypto_us * world->ticks_per_us;
}

void tag_security_challenge(struct tag *tag, const struct tag_world *world,
                            const struct tag_command *command)
{
    struct tag_security *security = &tag->store->security;
    (void)compute(tag, command); /* what cannot be computed leaves C unset */
    security->ready_tick = end_of_computing(tag, world);
    security->is_immediate = command->immediate;
    security->has_length = command->has_length;
}

static struct tag_answer start_process(struct tag *tag, const struct tag_command *command,
                                       enum tag_fault fault, double end_tick)
{
    tag->process = (struct tag_process){.is_running = true,
                                        .end_tick = end_tick,
                                        .fault = fault,
                                        .sends = command->sends,
                                        .has_length = command->has_length};
    return (struct tag_answer){TAG_ANSWER_IN_PROCESS, 0};
}

struct tag_answer tag_security_refuse(struct tag *tag, const struct tag_command *command,
                                      enum tag_fault fault)
{
    require(fault != TAG_FAULT_NONE);
    return start_process(tag, command, fault, tag->command_end_tick);
}

/* A crypto error is told and ends the tag's part in the round [M]. */
struct tag_answer tag_security_authenticate(struct tag *tag, const struct tag_world *world,
                                            const struct tag_command *command)
{
    require(tag->state >= TAG_OPEN);
    enum tag_fault fault = compute(tag, command);
    tag->store->security.is_immediate = false;
    if (fault == TAG_FAULT_CRYPTO) {
        tag->state = TAG_ARBITRATE;
    }
    if (fault != TAG_FAULT_NONE) {
        return tag_security_refuse(tag, command, fault);
    }
    tag->store->security.ready_tick = end_of_computing(tag, world);
    return start_process(tag, command, fault, tag->store->security.ready_tick);
}

/* 0 | bits | handle | CRC-16; a count of 0 asks for all that is left [M]. */
struct tag_answer tag_security_read_buffer(struct tag *tag, const struct tag_command *command)
{
    const struct tag_security *security = &tag->store->security;
    uint8_t *bits = tag->reply.code.bits;
    if (!tag_security_holds_response(tag, tag->command_end_tick)) {
        return tag_answer_fault(tag, TAG_ANSWER_IMMEDIATE, TAG_FAULT_OTHER);
    }
    uint32_t first = 16 * command->pointer;
    uint32_t end = command->count ? first + command->count : security->n_response_bits;
    if (first >= end || end > security->n_response_bits) {
        return tag_answer_fault(tag, TAG_ANSWER_IMMEDIATE, TAG_FAULT_OVERRUN);
    }
    unsigned n_bits = 1;
    tag_bits_put(bits, 0, 0, 1);
    for (uint32_t at = first; at < end; at++) {
        tag_bits_put(bits, n_bits++, tag_bit(security->response, at), 1);
    }
    return (struct tag_answer){TAG_ANSWER_IMMEDIATE, tag_answer_close(tag, n_bits)};
}
