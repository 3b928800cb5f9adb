/* command.h - reader commands: one table of fields serves encoder, decoder and printing.
 *                                                                        layer: protocol
 * Source: Gen2 6.3.2.12. Adding a command = one row + vectors. */
#ifndef PROTOCOL_COMMAND_H
#define PROTOCOL_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/bits.h"
#include "protocol/crc.h"
#include "protocol/link.h"

enum command_id {
    COMMAND_QUERY_REP = 0,
    COMMAND_ACK,
    COMMAND_QUERY,
    COMMAND_QUERY_ADJUST,
    COMMAND_SELECT,
    COMMAND_NAK,
    COMMAND_REQ_RN,
    COMMAND_READ,
    COMMAND_WRITE,
    COMMAND_KILL,
    COMMAND_LOCK,
    COMMAND_ACCESS,
    COMMAND_BLOCK_WRITE,
    COMMAND_BLOCK_ERASE,
    COMMAND_BLOCK_PERMALOCK,
    COMMAND_READ_BUFFER,
    COMMAND_CHALLENGE,
    COMMAND_AUTHENTICATE,
    COMMAND_UNTRACEABLE,
    COMMAND_N
};

enum command_reply { /* what a tag answers */
                     REPLY_NONE = 0,
                     REPLY_RN16,    /* 16 bits, no CRC */
                     REPLY_EPC,     /* PC, EPC, CRC-16 */
                     REPLY_HANDLE,  /* handle or RN16, CRC-16 */
                     REPLY_DATA,    /* header 0, data, handle, CRC-16 */
                     REPLY_DELAYED, /* header 0, handle, CRC-16; within T5, always with the pilot */
                     REPLY_IN_PROCESS, /* Barker code, done, header, response, handle, CRC-16; within T6, then T7 */
};

enum memory_bank { BANK_RESERVED = 0, BANK_EPC, BANK_TID, BANK_USER, BANK_N };

enum {
    COMMAND_WORDS_MAX = 255,   /* of a BlockWrite: 8 bits of WordCount */
    COMMAND_MESSAGE_MAX = 512, /* bytes: 12 bits of Length */
};

enum updn { UPDN_SAME = 0, UPDN_DOWN = 3, UPDN_UP = 6 };

struct command {
    enum command_id id;
    union {
        struct {
            uint8_t session;
        } query_rep;
        struct {
            uint16_t rn;
        } ack;
        struct {
            uint8_t dr, m, trext, sel, session, target, q;
        } query;
        struct {
            uint8_t session, updn;
        } query_adjust;
        struct {
            uint8_t target, action, mem_bank;
            uint32_t pointer;
            uint8_t n_mask_bits;
            uint8_t mask[32]; /* packed */
            uint8_t truncate;
        } select;
        struct {
            uint16_t rn; /* RN16 of a tag in acknowledged, else its handle */
        } req_rn;
        struct { /* Read and BlockErase */
            uint8_t mem_bank;
            uint32_t word_ptr;
            uint8_t n_words; /* Read: 0 = to the end of the bank */
            uint16_t handle;
        } read;
        struct {
            uint8_t mem_bank;
            uint32_t word_ptr;
            uint16_t cover; /* the word ^ the RN16 of the Req_RN just before */
            uint16_t handle;
        } write;
        struct { /* Kill and Access: one half of the password ^ the RN16 just before */
            uint16_t cover;
            uint8_t rfu; /* Kill only */
            uint16_t handle;
        } password;
        struct {
            uint16_t mask, action; /* 10 bits each, order of gen2.md 8.3 */
            uint16_t handle;
        } lock;
        struct {
            uint8_t mem_bank;
            uint32_t word_ptr;
            uint8_t n_words;
            uint8_t data[2 * COMMAND_WORDS_MAX]; /* packed */
            uint16_t handle;
        } block_write;
        struct {
            uint8_t rfu, lock, mem_bank;
            uint32_t block_ptr; /* in units of 16 blocks, as the range */
            uint8_t n_groups;
            uint8_t mask[2 * COMMAND_WORDS_MAX]; /* packed; on the air only with lock = 1 */
            uint16_t handle;
        } block_permalock;
        struct {
            uint8_t rfu;
            uint16_t word_ptr, n_data_bits; /* 12 bits each */
            uint16_t handle;
        } read_buffer;
        struct { /* Challenge (immed, no handle) and Authenticate (sen_rep) */
            uint8_t rfu, sen_rep, inc_rep_len, immed, csi;
            uint16_t n_message_bits;              /* 12 bits */
            uint8_t message[COMMAND_MESSAGE_MAX]; /* packed */
            uint16_t handle;
        } crypto;
        struct {
            uint8_t rfu, u, epc, tid, user, range;
            uint16_t handle;
        } untraceable;
    };
};

struct command_row {
    const char *name; /* "QueryRep" */
    const char *code; /* "00" */
    enum crc_kind crc;
    bool with_preamble;       /* preamble (Query) or frame-sync */
    enum command_reply reply; /* Kill: to its first half; BlockPermalock: when it reads */
    const char *clause;
};
const struct command_row *command_row(enum command_id id); /* never NULL for a valid id */

/* Encode with CRC.   err ST_RANGE a field does not fit (detail names it); ST_FULL */
enum status command_encode(const struct command *command, struct bitbuf *bits) must_check;

/* How long it takes on a link, preamble or frame-sync included, us.   pre  it can be encoded */
double command_air_us(const struct command *command, const struct link *link);

/* Decode a whole command; its length and CRC must fit.
 *   err ST_NOT_FOUND no such code; ST_SHORT, ST_FORMAT wrong length or field; on a wrong CRC the
 *   command is filled in and *crc_right is false (status ST_OK) */
enum status command_decode(const uint8_t *bit, size_t n_bits, struct command *command,
                           bool *crc_right) must_check;

/* Cover-coding: the word as it goes on the air, and back (Gen2 6.3.2.12.3.3). */
uint16_t command_cover(uint16_t word, uint16_t rn16);

/* Visit the fields by name ("dr", "m", ..., "rn") for printing. The mask comes as mask == packed
 * bytes with n_bits, numbers with mask == NULL. */
void command_each_field(const struct command *command,
                        void (*visit)(void *context, const char *name, uint64_t value,
                                      const uint8_t *mask, size_t n_bits),
                        void *context);

#endif
