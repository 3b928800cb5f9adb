/* access.h - what is done to one singulated tag after the other: what was heard -> the next command.
 *                                                                        layer: protocol
 * Pure: no clock, no samples. The inventory hands a tag over once its EPC is read; the contact ends
 * with `over`, and the inventory goes on with its next command. What was done to a tag is kept from
 * contact to contact: an operation that was broken off is taken up where it stood, what is done is
 * not done again, and what nobody knows is called unknown.   Source: Gen2 6.3.2.12.3; gen2.md 8, 9. */
#ifndef PROTOCOL_ACCESS_H
#define PROTOCOL_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/access_op.h"
#include "protocol/access_reply.h"

enum access_identity { /* by what a tag is known again */
                       ACCESS_BY_AUTO =
                           0, /* the TID where an operation may change the EPC or the TID is asked for */
                       ACCESS_BY_EPC,
                       ACCESS_BY_TID, /* where it has a serial number; else the EPC */
};

struct access_mask {
    uint32_t pointer_bits; /* address in the bank */
    size_t n_bits;         /* 0: every tag fits */
    uint8_t mask[32];      /* packed */
};

struct proof_source; /* proof.h */

struct access_cfg {
    size_t n_ops;
    struct access_op op[ACCESS_OPS_MAX]; /* [0] may be ACCESS_OP_ACCESS, no other */
    struct access_mask epc, tid;         /* tags to be accessed */
    enum access_identity identity;
    unsigned n_tries;                  /* of a step without answer, in one contact: 1 .. 20 */
    unsigned n_contacts_max;           /* in a row that bring an operation no further: 1 .. 100 */
    bool keeps_going;                  /* after a failed operation: on with the next one */
    size_t n_tags_max;                 /* that are kept apart */
    const struct proof_source *source; /* of keys, for authenticate; borrowed; NULL: none */
};

enum access_heard {
    ACCESS_HEARD_NOTHING = 0, /* no reply in the whole window */
    ACCESS_HEARD_NOISE,       /* energy, no reply */
    ACCESS_HEARD_REPLY,       /* bits */
    ACCESS_HEARD_SENT,        /* a command without reply is out */
    ACCESS_HEARD_LATE,        /* the command could not be sent in time */
    ACCESS_HEARD_CUT,         /* the field went down */
};

struct access_event {
    enum access_heard heard;
    const uint8_t *bit; /* ACCESS_HEARD_REPLY, unpacked */
    size_t n_bits;
};

struct access_step {
    bool over;                 /* the inventory goes on: nothing below holds */
    bool listens_only;         /* no command: the tag is still working, another reply comes */
    struct command command;    /* to send next */
    enum command_reply expect; /* what to listen for */
    size_t n_reply_bits;       /* its length when all goes well; REPLY_EPC: see its first bits */
    bool has_length;           /* REPLY_IN_PROCESS tells its length itself */
    bool in_t2;                /* the tag waits for T2 only: ACCESS_HEARD_LATE when that is over */
};

enum access_outcome { ACCESS_PENDING = 0, ACCESS_OK, ACCESS_FAILED, ACCESS_UNKNOWN };
extern const char *const access_outcome_text[ACCESS_UNKNOWN + 1]; /* "pending", "ok", ... */

enum { ACCESS_ERROR_TEXT_MAX = 160 };

struct access_report {  /* one operation on one tag is over */
    const uint8_t *epc; /* as it was heard last.   own: until the next call */
    size_t n_epc_bits;
    const struct access_op *op;
    size_t at; /* its place in cfg.op */
    enum access_outcome outcome;
    const uint8_t *data; /* packed: what was read, or read back; authenticate: decrypted */
    size_t n_data_bits;
    char error[ACCESS_ERROR_TEXT_MAX]; /* "" when there is nothing to be said */
};

struct access_totals {
    size_t n_tags, n_complete; /* complete: nothing is left to be done */
    size_t n_ok, n_failed, n_unknown;
    size_t n_turned_away; /* tags beyond n_tags_max */
};

struct access;

/* All memory is taken here; cfg is copied.
 *   err  ST_RANGE no operations, or one in the wrong place; ST_NO_MEMORY */
enum status access_new(const struct access_cfg *cfg, struct access **access) must_check;
void access_free(struct access **access);

/* A tag's EPC was read: is there something to be done to it?
 *   in  epc packed, n_epc_bits <= LIMIT_EPC_BITS */
bool access_wants(struct access *access, const uint8_t *epc, size_t n_epc_bits);

/* Begin a contact with the tag that access_wants said yes to, in acknowledged with this RN16.
 *   pre  no contact is open */
void access_begin(struct access *access, uint16_t rn16, struct access_step *step);

/* Take what was heard after the last step, return the next one.
 *   pre  a contact is open; ACCESS_HEARD_SENT after REPLY_NONE only, _LATE and _CUT at any time
 *   cost O(n_bits), and O(tags) once a contact; no allocation */
void access_advance(struct access *access, const struct access_event *event,
                    struct access_step *step);

/* The next operation that is over and was not told yet.   out false: there is none */
bool access_next_report(struct access *access, struct access_report *report);

/* No tag comes any more: what is pending is given up, and called unknown where a command that could
 * have changed the tag was not answered.   pre  no contact is open */
void access_finish(struct access *access);

/* Grows whenever something was brought further: a word, an operation. */
uint64_t access_n_progressed(const struct access *access);

void access_totals_read(const struct access *access, struct access_totals *totals);

#endif
