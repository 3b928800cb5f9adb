/* access_op.h - what may be done to a tag: operations from text, one row per kind.  layer: protocol
 * Source: Gen2 6.3.2.12.3. Words of 16 bits in hex, first word first. */
#ifndef PROTOCOL_ACCESS_OP_H
#define PROTOCOL_ACCESS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/command.h"
#include "protocol/suite_aes.h"

enum access_op_kind {
    ACCESS_OP_ACCESS = 0, /* the password, before everything else; not from text */
    ACCESS_OP_READ,
    ACCESS_OP_TID,
    ACCESS_OP_WRITE,
    ACCESS_OP_BLOCK_WRITE,
    ACCESS_OP_BLOCK_ERASE,
    ACCESS_OP_LOCK,
    ACCESS_OP_KILL,
    ACCESS_OP_PERMALOCK_READ,
    ACCESS_OP_PERMALOCK,
    ACCESS_OP_UNTRACEABLE,
    ACCESS_OP_AUTHENTICATE,
    ACCESS_OP_N
};

enum { ACCESS_WORDS_MAX = COMMAND_WORDS_MAX, ACCESS_OPS_MAX = 32, ACCESS_TEXT_MAX = 64 };

struct access_op {
    enum access_op_kind kind;
    uint8_t bank;
    uint32_t pointer;                /* words; block permalock: units of 16 blocks */
    uint16_t n_words;                /* read: 0 = to the end of the bank */
    uint16_t word[ACCESS_WORDS_MAX]; /* to be written, or mask of the blocks */
    uint32_t password;               /* access, kill */
    uint16_t lock_mask, lock_action; /* 10 bits each */
    uint8_t u, epc, tid, user, range;
    bool is_keyed;   /* authenticate: with the tag's key and a challenge of ours, checked ... */
    bool has_wanted; /* ... with this custom data; else as the key's row says */
    struct suite_aes_wanted wanted;
    uint8_t csi; /* else: this message */
    uint16_t n_message_bits, n_response_bits;
    uint8_t message[COMMAND_MESSAGE_MAX];
};

struct access_op_row {
    const char *name;   /* "write" */
    const char *syntax; /* "BANK POINTER WORDS" */
    const char *help;
    bool is_final; /* cannot be taken back, or only with the password: asked for twice */
};
const struct access_op_row *access_op_row(enum access_op_kind kind); /* never NULL */

/* "write epc 2 30340123".   out op, all of it filled in
 *   err  ST_USAGE, the detail names what is wrong and what is accepted */
enum status access_op_parse(const char *text, struct access_op *op) must_check;

/* For events and messages; no password is in it, and no words (they are told as data).
 *   out text, zero-terminated, cut where it does not fit */
void access_op_text(const struct access_op *op, char text[ACCESS_TEXT_MAX]);

/* May the tag's EPC, or how much of it is told, be another one afterwards? */
bool access_op_changes_epc(const struct access_op *op);

#endif
