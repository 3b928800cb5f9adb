/* access_tag.h - a tag of few words that obeys access commands, for tests of the reader's side: Gen2 Annex B as
 * far as one contact goes. Shares no rules with radio/air.                                layer: tests */
#ifndef TESTS_ACCESS_TAG_H
#define TESTS_ACCESS_TAG_H

#include "golden.h"
#include "protocol/access.h"

enum tag_state { TAG_OFF = 0, TAG_ACKNOWLEDGED, TAG_OPEN, TAG_SECURED, TAG_KILLED };
enum { BANK_WORDS = 40 };

struct tag { /* a tag of few words: Gen2 Annex B as far as one contact goes */
    enum tag_state state;
    uint16_t word[BANK_N][BANK_WORDS];
    size_t n_words[BANK_N];
    bool passwords_hidden, user_locked; /* locks, by hand */
    uint16_t permalock;                 /* first 16 blocks */
    uint16_t stuck;                     /* of the first User word: bits that stay 0 */
    unsigned n_writes[BANK_N][BANK_WORDS], n_locks, n_kills, n_untraceable;
    uint32_t lock_payload;
    uint16_t rn16, handle, cover, next_rn;
    unsigned half; /* of Kill or Access: 1 = the first one was right */
    enum command_id half_of;
    unsigned n_working; /* in-process replies before the last one */
};

static inline uint32_t password_of(const struct tag *tag, size_t at)
{
    return (uint32_t)tag->word[BANK_RESERVED][at] << 16 | tag->word[BANK_RESERVED][at + 1];
}

static inline void tag_make(struct tag *tag)
{
    memset(tag, 0, sizeof *tag);
    tag->n_words[BANK_RESERVED] = 4;
    tag->n_words[BANK_EPC] = 10;
    tag->n_words[BANK_TID] = 6;
    tag->n_words[BANK_USER] = 32;
    static const uint16_t epc[] = {0, 0x3000, 0x3034, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555};
    static const uint16_t tid[] = {0xE280, 0x1160, 0x2000, 0x7ABC, 0x1234, 0x5678};
    memcpy(tag->word[BANK_EPC], epc, sizeof epc);
    memcpy(tag->word[BANK_TID], tid, sizeof tid);
    for (size_t i = 0; i < 32; i++) {
        tag->word[BANK_USER][i] = (uint16_t)(0xA000 + i);
    }
    tag->word[BANK_RESERVED][0] = 0xDEAD;
    tag->word[BANK_RESERVED][1] = 0xC0DE;
    tag->word[BANK_RESERVED][2] = 0x1234;
    tag->word[BANK_RESERVED][3] = 0x5678;
    tag->next_rn = 0x1A2B;
}

static inline void put(struct bitbuf *bits, uint64_t value, size_t n_bits)
{
    assert_int_equal(bits_put(bits, value, n_bits), ST_OK);
}

static inline void close_reply(struct bitbuf *bits, const struct tag *tag)
{
    put(bits, tag->handle, 16);
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static inline void error_reply(struct bitbuf *bits, const struct tag *tag, uint8_t code)
{
    put(bits, 1, 1);
    put(bits, code, 8);
    close_reply(bits, tag);
}

static inline void done_reply(struct bitbuf *bits, const struct tag *tag)
{
    put(bits, 0, 1);
    close_reply(bits, tag);
}

static inline void tag_epc_reply(const struct tag *tag, struct bitbuf *bits)
{
    size_t n_words = 1 + (tag->word[BANK_EPC][1] >> 11);
    for (size_t i = 0; i < n_words; i++) {
        put(bits, tag->word[BANK_EPC][1 + i], 16);
    }
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static inline uint16_t tag_rn(struct tag *tag)
{
    tag->next_rn = (uint16_t)(tag->next_rn * 40503u + 12345u);
    return tag->next_rn;
}

static inline void tag_req_rn(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    if (tag->state == TAG_ACKNOWLEDGED) {
        if (command->req_rn.rn != tag->rn16) {
            return;
        }
        tag->handle = tag_rn(tag);
        tag->state = password_of(tag, 2) ? TAG_OPEN : TAG_SECURED;
        put(bits, tag->handle, 16);
    } else if (command->req_rn.rn == tag->handle) {
        tag->cover = tag_rn(tag);
        put(bits, tag->cover, 16);
    } else {
        return;
    }
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static inline bool tag_has(const struct tag *tag, size_t bank, size_t from, size_t n_words)
{
    return from + n_words <= tag->n_words[bank];
}

static inline void tag_read(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    const size_t bank = command->read.mem_bank;
    if (!tag_has(tag, bank, command->read.word_ptr, command->read.n_words)) {
        error_reply(bits, tag, 0x03);
    } else if (bank == BANK_RESERVED && tag->passwords_hidden) {
        error_reply(bits, tag, 0x04);
    } else {
        put(bits, 0, 1);
        for (size_t i = 0; i < command->read.n_words; i++) {
            put(bits, tag->word[bank][command->read.word_ptr + i], 16);
        }
        close_reply(bits, tag);
    }
}

static inline void tag_store(struct tag *tag, size_t bank, size_t from, size_t n_words,
                             const uint16_t *word, struct bitbuf *bits)
{
    if (!tag_has(tag, bank, from, n_words)) {
        error_reply(bits, tag, 0x03);
    } else if (bank == BANK_TID || (bank == BANK_USER && tag->user_locked)) {
        error_reply(bits, tag, 0x04);
    } else {
        for (size_t i = 0; i < n_words; i++) {
            tag->word[bank][from + i] = word[i];
            tag->word[BANK_USER][0] = (uint16_t)(tag->word[BANK_USER][0] & ~tag->stuck);
            tag->n_writes[bank][from + i]++;
        }
        done_reply(bits, tag);
    }
}

/* Halves of a password: a wrong one, or anything in between, sends the tag to arbitrate. */
static inline void tag_half(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    const bool kills = command->id == COMMAND_KILL;
    const uint32_t password = password_of(tag, kills ? 0 : 2);
    if (kills && password == 0) {
        error_reply(bits, tag, 0x00);
        return;
    }
    const bool second = tag->half == 1 && tag->half_of == command->id;
    const uint16_t half = (uint16_t)(command->password.cover ^ tag->cover);
    if (half != (uint16_t)(second ? password : password >> 16)) {
        tag->state = TAG_OFF;
        tag->half = 0;
        return;
    }
    tag->half = second ? 0 : 1;
    tag->half_of = command->id;
    if (!second || !kills) {
        tag->state = second ? TAG_SECURED : tag->state;
        put(bits, tag->handle, 16);
        assert_int_equal(crc_append(CRC_16, bits), ST_OK);
        return;
    }
    done_reply(bits, tag);
    tag->state = TAG_KILLED;
    tag->n_kills++;
}

static inline void tag_permalock(struct tag *tag, const struct command *command,
                                 struct bitbuf *bits)
{
    if (!command->block_permalock.lock) {
        put(bits, 0, 1);
        put(bits, tag->permalock, 16);
        close_reply(bits, tag);
    } else if (tag->state != TAG_SECURED) {
        error_reply(bits, tag, 0x02);
    } else {
        const uint8_t *mask = command->block_permalock.mask;
        tag->permalock = (uint16_t)(tag->permalock | mask[0] << 8 | mask[1]);
        tag->n_locks++;
        done_reply(bits, tag);
    }
}

static inline void tag_change(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    static const uint16_t zeros[BANK_WORDS];
    uint16_t word[COMMAND_WORDS_MAX];
    switch (command->id) {
    case COMMAND_WRITE:
        word[0] = (uint16_t)(command->write.cover ^ tag->cover);
        tag_store(tag, command->write.mem_bank, command->write.word_ptr, 1, word, bits);
        break;
    case COMMAND_BLOCK_WRITE:
        for (size_t i = 0; i < command->block_write.n_words; i++) {
            const uint8_t *byte = &command->block_write.data[2 * i];
            word[i] = (uint16_t)(byte[0] << 8 | byte[1]);
        }
        tag_store(tag, command->block_write.mem_bank, command->block_write.word_ptr,
                  command->block_write.n_words, word, bits);
        break;
    case COMMAND_BLOCK_ERASE:
        tag_store(tag, command->read.mem_bank, command->read.word_ptr, command->read.n_words, zeros,
                  bits);
        break;
    case COMMAND_LOCK:
        if (tag->state == TAG_SECURED) {
            tag->lock_payload = (uint32_t)command->lock.mask << 10 | command->lock.action;
            tag->n_locks++;
            done_reply(bits, tag);
        } else {
            error_reply(bits, tag, 0x02);
        }
        break;
    case COMMAND_UNTRACEABLE:
        if (tag->state == TAG_SECURED) {
            unsigned pc = tag->word[BANK_EPC][1];
            tag->word[BANK_EPC][1] =
                (uint16_t)((pc & 0x7FF) | (unsigned)(command->untraceable.epc & 31) << 11);
            tag->n_untraceable++;
            done_reply(bits, tag);
        } else {
            error_reply(bits, tag, 0x02);
        }
        break;
    default: fail_msg("command %d", (int)command->id);
    }
}

static inline void tag_in_process(struct tag *tag, struct bitbuf *bits)
{
    put(bits, 0x72, 7);
    if (tag->n_working > 0) {
        tag->n_working--;
        put(bits, 0, 2);
    } else {
        put(bits, 2, 2);
        put(bits, 0x604AD3BEBB36AEDBu, 64);
        put(bits, 0x64F35E7FFB8D1367u, 64);
    }
    close_reply(bits, tag);
}

static inline uint16_t handle_of(const struct command *command)
{
    switch (command->id) {
    case COMMAND_READ:
    case COMMAND_BLOCK_ERASE: return command->read.handle;
    case COMMAND_WRITE: return command->write.handle;
    case COMMAND_KILL:
    case COMMAND_ACCESS: return command->password.handle;
    case COMMAND_LOCK: return command->lock.handle;
    case COMMAND_BLOCK_WRITE: return command->block_write.handle;
    case COMMAND_BLOCK_PERMALOCK: return command->block_permalock.handle;
    case COMMAND_AUTHENTICATE: return command->crypto.handle;
    case COMMAND_UNTRACEABLE: return command->untraceable.handle;
    default: return 0;
    }
}

/* What the tag does with the bits on the air; bits: its answer. */
static inline void tag_hear(struct tag *tag, const struct bitbuf *air, struct bitbuf *bits)
{
    struct command command;
    bool crc_right = false;
    bits->n_bits = 0;
    assert_int_equal(command_decode(air->bit, air->n_bits, &command, &crc_right), ST_OK);
    assert_true(crc_right);
    const bool in_contact = tag->state == TAG_OPEN || tag->state == TAG_SECURED;
    if (command.id == COMMAND_NAK) {
        tag->state = tag->state == TAG_KILLED ? TAG_KILLED : TAG_OFF;
    } else if (command.id == COMMAND_REQ_RN && tag->state != TAG_OFF && tag->state != TAG_KILLED) {
        tag_req_rn(tag, &command, bits);
    } else if (command.id == COMMAND_ACK && in_contact && command.ack.rn == tag->handle) {
        tag->half = 0;
        tag_epc_reply(tag, bits);
    } else if (!in_contact || handle_of(&command) != tag->handle) {
        return;
    } else if (tag->half == 1 && command.id != tag->half_of) {
        tag->state = TAG_OFF; /* a broken sequence */
        tag->half = 0;
    } else if (command.id == COMMAND_KILL || command.id == COMMAND_ACCESS) {
        tag_half(tag, &command, bits);
    } else if (command.id == COMMAND_READ) {
        tag_read(tag, &command, bits);
    } else if (command.id == COMMAND_BLOCK_PERMALOCK) {
        tag_permalock(tag, &command, bits);
    } else if (command.id == COMMAND_AUTHENTICATE) {
        tag_in_process(tag, bits);
    } else {
        tag_change(tag, &command, bits);
    }
}

static inline void tag_power_cut(struct tag *tag)
{
    tag->state = tag->state == TAG_KILLED ? TAG_KILLED : TAG_OFF;
    tag->half = 0;
}

#endif
