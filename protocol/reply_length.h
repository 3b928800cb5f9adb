/* reply_length.h - how many data bits a reply has, as its own first bits tell.     layer: protocol
 * Source: Gen2 6.3.2.1.2.2 (ACK reply), 6.3.1.6 and 6.3.2.12.3 (immediate, delayed, in-process
 * replies), Annex I (error replies).
 *     access reply   0 | data | handle 16 | CRC-16        error: 1 | code 8 | handle 16 | CRC-16
 *     in-process     1110010 | Done 1 | Header 1 | [Length 15 | even parity 1] | response |
 *                    handle 16 | CRC-16
 * An in-process reply that is not done has neither length nor response; with Header 1 the response
 * is an error code of 8 bits. */
#ifndef PROTOCOL_REPLY_LENGTH_H
#define PROTOCOL_REPLY_LENGTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reply_length_kind {
    REPLY_LENGTH_GIVEN = 0, /* n_bits, whatever the bits say */
    REPLY_LENGTH_EPC,
    REPLY_LENGTH_ACCESS,
    REPLY_LENGTH_IN_PROCESS,
};

enum {
    REPLY_BITS_HANDLE = 32,  /* handle and CRC-16: Req_RN, Access, first Kill */
    REPLY_BITS_SUCCESS = 33, /* the same behind a header: Write, Lock, second Kill ... */
    REPLY_BITS_ERROR = 41,
    REPLY_BITS_WORKING = 41, /* in-process reply, not done */
    REPLY_BITS_FAILED = 49,  /* in-process reply, done, with an error; 16 more with a length */
    REPLY_BITS_LENGTH = 16,  /* the length field */
    REPLY_BITS_TRUNCATED_MIN = 37, /* truncated ACK reply: 00000, 16 bits, CRC-16 */
};

struct reply_length {
    enum reply_length_kind kind;
    size_t n_bits; /* of a success; of an in-process reply with the length field, if there is one */
    bool has_length; /* in-process: IncRepLen was set in the command */
    /* ACK reply: bits of a truncated one, which begins with 00000; REPLY_BITS_TRUNCATED_MIN .. ; 0: none
     * is asked for */
    size_t n_truncated_bits;
};

/* Data bits of a finished in-process reply with so many response bits. */
size_t reply_in_process_n_bits(size_t n_response_bits, bool has_length);

/* Fewest data bits the reply can have, and how many of the first ones tell how many there are. */
size_t reply_length_least(const struct reply_length *length);
size_t reply_length_told_bits(const struct reply_length *length);

/* Data bits of the whole reply, 1 .. LIMIT_BITS.   in bit[reply_length_told_bits()]
 * A length field that is broken (parity) or says more than LIMIT_BITS holds counts for nothing:
 * n_bits then. */
size_t reply_length_n_bits(const struct reply_length *length, const uint8_t *bit);

/* The first bits are what the kind demands: an in-process reply opens with its Barker code.
 *   in bit[reply_length_told_bits()] */
bool reply_length_opens_right(const struct reply_length *length, const uint8_t *bit);

#endif
