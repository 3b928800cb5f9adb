/* inventory_parts.h - what the INVENTORY thread knows, for thread_inventory.c and inventory_say.c only.
 *                                                                            layer: reader */
#ifndef READER_INVENTORY_PARTS_H
#define READER_INVENTORY_PARTS_H

#include "reader/ack_ahead.h"
#include "reader/diagnose_run.h"
#include "reader/field.h"
#include "reader/record_reply.h"

struct inventory_state {
    struct reader *reader;
    struct inventory inventory;
    struct field field;
    struct stats_tags *tags;
    struct stats_distribution latency_ms;
    struct record_status totals;
    uint64_t id;                /* of the last command */
    struct inventory_step step; /* what it is */
    struct reply_listen listen; /* what was expected after it */
    struct ack_ahead ahead;
    double command_start_tick, command_end_tick, slot_start_tick, round_start_tick;
    int64_t horizon_tick;
    int carrier_sign;
    double blf_hz;              /* of the tag being acknowledged; NaN: unknown */
    struct record_slot quality; /* receiver's view of the slot's replies */
    struct record_advice advice;
    struct diagnose_run diagnosis;
    double next_status_s, last_status_s;
    uint64_t last_status_reads;
    double end_tick;      /* of the run, where a decision ended it */
    double acquired_tick; /* next command, once the receiver's clock is known */
    unsigned n_acquires;  /* tries to find our command on the receiver's clock; 0: it is known */
    bool done;
};

/* Records on their way to PUBLISH, placed on the sample clock. */
void inventory_say(struct inventory_state *state, struct record *record, double tick);
void inventory_say_status(struct inventory_state *state, enum record_type type, double tick);
/* Once a second of sample time, placed by verdicts so that it falls the same way every run. */
void inventory_say_status_due(struct inventory_state *state, int64_t tick);
/* The slot and the round that the step ended. */
void inventory_say_slot(struct inventory_state *state, double tick);
/* The step's command, which starts at command_start_tick. */
void inventory_say_command(struct inventory_state *state, const struct bitbuf *bits);

#endif
