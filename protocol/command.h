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
    COMMAND_N
};

enum command_reply { REPLY_NONE = 0, REPLY_RN16, REPLY_EPC }; /* what a tag answers */

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
    };
};

struct command_row {
    const char *name; /* "QueryRep" */
    const char *code; /* "00" */
    enum crc_kind crc;
    bool with_preamble; /* preamble (Query) or frame-sync */
    enum command_reply reply;
    const char *clause;
};
const struct command_row *command_row(enum command_id id); /* never NULL for a valid id */

/* Encode with CRC.   err ST_RANGE a field does not fit (detail names it); ST_FULL */
enum status command_encode(const struct command *command, struct bitbuf *bits) must_check;

/* Decode a whole command; its length and CRC must fit.
 *   err ST_NOT_FOUND no such code; ST_SHORT, ST_FORMAT wrong length or field; on a wrong CRC the
 *   command is filled in and *crc_right is false (status ST_OK) */
enum status command_decode(const uint8_t *bit, size_t n_bits, struct command *command,
                           bool *crc_right) must_check;

/* Visit the fields by name ("dr", "m", ..., "rn") for printing. The mask comes as mask == packed
 * bytes with n_bits, numbers with mask == NULL. */
void command_each_field(const struct command *command,
                        void (*visit)(void *context, const char *name, uint64_t value,
                                      const uint8_t *mask, size_t n_bits),
                        void *context);

#endif
