/* tag_command.h - reader commands as a tag reads them out of bits.      layer: radio/air
 * Source: Gen2 v2.1 6.3.2.12, Annex A (EBV). */
#ifndef RADIO_AIR_TAG_COMMAND_H
#define RADIO_AIR_TAG_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_COMMAND_BITS_MAX 4176 /* BlockWrite of 255 words; no tag waits for the end of longer */

enum tag_command_kind {
    TAG_COMMAND_INVALID, /* bad CRC, unknown code or parameter */
    TAG_COMMAND_QUERY,
    TAG_COMMAND_QUERY_REP,
    TAG_COMMAND_QUERY_ADJUST,
    TAG_COMMAND_ACK,
    TAG_COMMAND_NAK,
    TAG_COMMAND_SELECT,
    TAG_COMMAND_CHALLENGE,
    TAG_COMMAND_REQ_RN, /* from here on: with the tag's RN16 or handle, rows in tag_access.c */
    TAG_COMMAND_READ,
    TAG_COMMAND_WRITE,
    TAG_COMMAND_KILL,
    TAG_COMMAND_LOCK,
    TAG_COMMAND_ACCESS,
    TAG_COMMAND_BLOCK_WRITE,
    TAG_COMMAND_BLOCK_ERASE,
    TAG_COMMAND_BLOCK_PERMALOCK,
    TAG_COMMAND_READ_BUFFER,
    TAG_COMMAND_AUTHENTICATE,
    TAG_COMMAND_UNTRACEABLE,
    TAG_N_COMMANDS
};

struct tag_command {
    enum tag_command_kind kind;
    unsigned session;                 /* Query, QueryRep, QueryAdjust */
    bool dr_64_3, trext, target_b;    /* Query */
    unsigned m, sel, q;               /* Query; m 0..3 = FM0, Miller 2, 4, 8 */
    int q_change;                     /* QueryAdjust: -1, 0, +1 */
    unsigned target, action;          /* Select */
    unsigned n_mask_bits, mask_first; /* Select: where the mask lies in the command */
    bool truncate;
    /* fields of several: */
    uint32_t rn;         /* ACK and all from Req_RN on: RN16 or handle */
    uint32_t bank;       /* Select, Read, Write, Block... */
    uint32_t pointer;    /* Select: bits; ReadBuffer and memory: words; BlockPermalock: 16 blocks */
    uint32_t count;      /* words; BlockPermalock: times 16 blocks; ReadBuffer: bits */
    uint32_t data_first; /* where words, mask or message lie in the command */
    uint32_t value;      /* Write, Kill, Access: cover-coded word */
    uint32_t mask, lock_action;                                 /* Lock */
    uint32_t is_lock;                                           /* BlockPermalock */
    uint32_t csi, n_message_bits, sends, has_length, immediate; /* Challenge, Authenticate */
    uint32_t hide_u, hide_epc, hide_tid, hide_user, hide_range; /* Untraceable */
    uint32_t rfu;                                               /* last one read, not looked at */
};

/* How many bits the command that begins so has, as far as its first n_bits tell.
 *   out  n_bits: it is complete; more: ask again with that many; 0: no command of this tag's */
size_t tag_command_need(const uint8_t *packed, size_t n_bits);

/* Read a complete command: fields, CRC, legal values. */
void tag_command_read(const uint8_t *packed, size_t n_bits, struct tag_command *command);

#endif
