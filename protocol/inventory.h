/* inventory.h - the inventory state machine: what the receiver said -> the next command.
 *                                                                        layer: protocol
 * Pure: no clock, no samples. The caller sends the command at the earliest legal time, listens for
 * the announced reply and comes back with what was heard.   Source: Gen2 6.3.2.10, Annex D. */
#ifndef PROTOCOL_INVENTORY_H
#define PROTOCOL_INVENTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "config/option.h"
#include "protocol/command.h"
#include "protocol/link.h"
#include "protocol/policy.h"
#include "protocol/slot_times.h"

struct
    inventory_mask { /* a Select on SL: what it does to tags whose bits at this address fit, or do not */
    uint8_t mem_bank;
    uint32_t pointer_bits;
    uint8_t n_bits;
    uint8_t mask[32]; /* packed */
    uint8_t action;   /* 0 .. 7, gen2.md 8.2; the first one, 0 or 4, gives SL its value */
};
enum { INVENTORY_MASKS_MAX = 64 };

/* The Select on SL that it stands for. */
struct command inventory_mask_select(const struct inventory_mask *mask);
/* A Query for the link's replies.   in  sel, target  as the command has them (gen2.md 8.2) */
struct command inventory_query(const struct link *link, unsigned sel, unsigned session,
                               unsigned target, unsigned q);

struct inventory_cfg {             /* option keys inventory.* : table inventory_options */
    int session;                   /* choice "s0|s1|s2|s3", default s0 */
    int target;                    /* choice "a|b|dual": dual (default) = A and B in turn */
    int policy;                    /* enum policy_kind, choice "slots|frames|q|fixed" */
    int estimator;                 /* enum policy_estimator, choice "bayes|chen", of frames */
    int64_t q_start, q_min, q_max; /* 5, 0, 15 */
    double q_step;                 /* C of Annex D, default 0.3 */
    /* choice "no|yes|auto|start", default auto = yes for S1..S3: before the first round of each pass
     * a Select puts the session's flag of all tags to the pass's target (a pass ends with a frame
     * of empty slots); start: before the first pass only */
    int select_all;
    int64_t ack_retries;     /* more ACKs of the same RN16 after an EPC with a wrong CRC: 0..3, 1 */
    int64_t rounds_max;      /* 0 = no limit */
    struct slot_times times; /* of the link and the receiver, set by the caller, not an option */
    /* set by the caller: Selects that leave SL asserted in those who take part, sent in this order
     * before the first pass, after each loss of power and each other Select, and every 100 ms (25 ms
     * a mask) for newcomers, between two passes; 0: all tags take part */
    size_t n_masks;
    struct inventory_mask mask[INVENTORY_MASKS_MAX];
    /* set by the caller: the last of them asks for replies without what it holds, of tags whose EPCs
     * have so many bits; 0: it does not */
    size_t truncated_epc_bits;
    /* set by the caller, S1 with one target only: flags of S1 are set anew before they run out, so
     * that tags once read stay quiet while they have power */
    bool refreshes;
};
enum { INVENTORY_SELECT_START = 3 }; /* a value of select_all */
extern const struct option_table inventory_options;

enum inventory_heard {
    HEARD_START = 0, /* first call; also where the field goes down: the last step was not sent */
    HEARD_NOTHING,   /* no reply where one was possible */
    HEARD_RN16,      /* an RN16, in .rn16 */
    HEARD_COLLISION, /* energy, no readable reply */
    HEARD_EPC,       /* ACK reply with right CRC */
    HEARD_EPC_BAD,   /* ACK reply found, CRC wrong */
    HEARD_SENT,      /* a command without reply (Select, NAK) is out */
    HEARD_LATE,      /* the ACK could not be sent within T2: the tag has gone back to arbitrate */
};

struct inventory_event {
    enum inventory_heard heard;
    uint16_t rn16;
    bool is_recovered; /* HEARD_RN16: told apart from others' */
};

struct inventory_slot { /* a finished slot, for records */
    bool valid;
    enum slot_outcome outcome;
    uint32_t round, slot; /* from 1, from 0 in each round */
    int q;
    bool has_rn16;
    uint16_t rn16;
};

struct inventory_round { /* a finished round */
    bool valid;
    uint32_t round;
    int q;                                    /* at its start */
    uint32_t slots, empty, single, collision; /* rn16_only and crc_error are in none of the three */
    double tags_estimated; /* population of the round: reads + estimated backlog at its end */
};

struct inventory_step {
    struct command command;     /* to send next */
    enum command_reply expect;  /* what to listen for after it */
    bool done;                  /* rounds_max reached: send nothing more */
    struct inventory_slot slot; /* finished by this event */
    struct inventory_round ended_round;
};

struct inventory { /* embedded; fields private */
    struct inventory_cfg cfg;
    struct link link;
    struct policy policy;
    int state, target;
    bool select;         /* a Select of all opens every pass, */
    bool selects_once;   /* or the first one */
    size_t n_all;        /* Selects of all tags that open what is being opened ... */
    size_t n_selected;   /* ... and Selects, masks after those, that were begun */
    bool masks;          /* the masks are to follow those */
    double refreshed_us; /* time since S1 flags were set anew, by slot_times, */
    double masked_us;    /* and since the masks were sent */
    bool read_last;      /* a tag, in the slot before this one */
    bool epc_seen;       /* in this slot, with a wrong CRC */
    uint16_t rn16;
    bool is_recovered;
    int64_t acks_left; /* repetitions still allowed in this slot */
    uint32_t round, slot;
    struct policy_move move; /* what opens the next slot */
    double since_query_us;   /* slots since the last Query, as long as they should be */
    uint32_t pass_reads;
    struct inventory_round tally;
    uint32_t round_reads;
};

/* What the option rows cannot check one by one.
 *   err  ST_RANGE q_min <= q_start <= q_max does not hold */
enum status inventory_check(const struct inventory_cfg *cfg) must_check;

/*   pre  inventory_check(cfg) passed, link from link_make; both are copied */
void inventory_init(struct inventory *inventory, const struct inventory_cfg *cfg,
                    const struct link *link);
/* Take what was heard after the last command, return the next one.
 *   pre  the event fits the last step: HEARD_RN16 after REPLY_RN16, HEARD_EPC, HEARD_EPC_BAD and
 *        HEARD_LATE after an ACK, HEARD_SENT after REPLY_NONE; HEARD_START at any time
 *   cost O(1), no allocation */
void inventory_advance(struct inventory *inventory, const struct inventory_event *event,
                       struct inventory_step *step);

/* Tags may have been without power since the last command, and only a Query takes them in: make the step send one
 * in place of what would have opened the next slot.
 *   in   a step whose slot and round have been told
 *   out  true: it does, and tells the round that ends so; false: it opens no slot, or sends a Query anyway */
bool inventory_reopen(struct inventory *inventory, struct inventory_step *step);

/* Something else is done with the tags for a while: the step, which opens a slot or selects, is not sent.
 *   in, out  a step of this engine; it tells the round that ends so. HEARD_START goes on from there */
void inventory_suspend(struct inventory *inventory, struct inventory_step *step);

#endif
