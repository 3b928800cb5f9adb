/* access_reply.h - replies to access commands: bits -> verdict.             layer: protocol
 * Source: Gen2 6.3.1.6 (immediate, delayed, in-process), 6.3.2.12.3, Annex I. Untrusted bits:
 * verdicts, no asserts. */
#ifndef PROTOCOL_ACCESS_REPLY_H
#define PROTOCOL_ACCESS_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/bits.h"
#include "protocol/command.h"

enum access_verdict {
    ACCESS_DONE = 0,  /* the tag says so: rn, data hold */
    ACCESS_ERROR,     /* the tag refuses: error holds */
    ACCESS_WORKING,   /* in-process, not done yet: another reply follows within T7 */
    ACCESS_BAD_CRC,   /* or all ones, whose CRC is all ones too */
    ACCESS_FOREIGN,   /* right, but with another handle */
    ACCESS_MALFORMED, /* CRC right, but no such reply, or of another length */
};

struct access_reply {
    enum access_verdict verdict;
    uint16_t rn;   /* REPLY_HANDLE: as received; elsewhere the handle */
    uint8_t error; /* Annex I code */
    size_t n_data_bits;
    uint8_t data[LIMIT_BITS / 8]; /* packed */
};

/* How long a reply is: of n_data_bits of data, or response, when all goes well, and an error.
 *   pre  expect is REPLY_HANDLE, REPLY_DATA, REPLY_DELAYED or REPLY_IN_PROCESS; has_length only for
 *        the last: the command asked for it (IncRepLen) */
size_t access_reply_n_bits(enum command_reply expect, size_t n_data_bits, bool has_length);
size_t access_reply_error_n_bits(enum command_reply expect, bool has_length);

struct access_expected {
    enum command_reply expect;
    size_t n_data_bits; /* of data that is wanted; REPLY_IN_PROCESS with has_length: any */
    bool has_length;    /* REPLY_IN_PROCESS */
    bool any_rn;        /* REPLY_HANDLE: a new RN16 or handle; else it must be `handle` */
    uint16_t handle;
};

/*   in   bit[n_bits] a whole reply, preamble and dummy removed
 *   out  reply, all of it filled in */
void access_reply_parse(const struct access_expected *expected, const uint8_t *bit, size_t n_bits,
                        struct access_reply *reply);

/* Words of Annex I; codes that are not listed: "unknown error".   own: static text */
const char *access_error_text(uint8_t error);

#endif
