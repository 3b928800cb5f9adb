/* inventory_parts.h - what the INVENTORY thread knows, for thread_inventory.c and inventory_say.c only.
 *                                                                            layer: reader */
#ifndef READER_INVENTORY_PARTS_H
#define READER_INVENTORY_PARTS_H

#include "protocol/reply.h"
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
    bool contact_wanted;        /* by the access machine, with the tag just read */
    bool in_contact;            /* the access machine has the tag */
    bool was_silent;            /* the verdict answered was an early look's */
    bool in_t2;                 /* the tag waits for the step's command for T2 only */
    struct access_step contact;
    struct access_event contact_event; /* what was heard, in its words */
    uint64_t n_access_progressed;
    double access_tick;    /* where something got further last */
    double reply_end_tick; /* of the reply heard last */
    struct ack_ahead ahead;
    double
        vain_ticks; /* an ACK begun for a collision that told nothing: what is no QueryRep waits so long */
    double command_start_tick, command_end_tick, slot_start_tick, round_start_tick;
    int64_t horizon_tick;
    int carrier_sign;
    struct watchlist watchlist;
    double earliest_tick;       /* of the command that is being decided, */
    double wait_tick;           /* and with time units: not before; 0: at once */
    double read_tick;           /* where a tag was read last */
    double blf_hz;              /* of the tag being acknowledged; NaN: unknown */
    struct record_slot quality; /* receiver's view of the slot's replies */
    struct record_advice advice;
    struct diagnose_run diagnosis;
    double next_status_s, last_status_s;
    uint64_t last_status_reads;
    struct proof_key proof_key; /* of the tag just read */
    bool is_proving;            /* the contact is the tag's proof, not the access machine's */
    struct proof_contact proof;
    bool is_held; /* the read that began it, until it is over */
    struct record held;
    double held_tick;
    int64_t auth_tick; /* the ledger's clock */
    bool auth_told;
    double end_tick;      /* of the run, where a decision ended it */
    double acquired_tick; /* next command, once the receiver's clock is known */
    unsigned n_acquires;  /* tries to find our command on the receiver's clock; 0: it is known */
    bool done;
};

/* ---- inventory_timing.c: when what was heard may be answered */

/* A verdict that falls at this tick is one of the early looks' at a slot: it is empty. */
bool inventory_is_early(const struct inventory_state *state, int64_t verdict_tick);
/* From a verdict that falls at this tick to the command that answers it; what follows an empty slot is no more
 * than waited with. */
double inventory_budget_ticks(const struct inventory_state *state, int64_t verdict_tick);
/* From a verdict's last sample to the start of what answers it. A look into a collision takes its time, for which
 * real-time radios have their clocks. */
double inventory_answer_ticks(const struct inventory_state *state,
                              const struct reply_result *result);
/* Of two tags told apart, the one that an answer still reaches: the first, unless only the other.
 *   ret  result, or what `other` has become */
const struct reply_result *inventory_in_time(const struct inventory_state *state,
                                             const struct reply_result *result, double ready_tick,
                                             struct reply_result *other);
/* T2 after a reply, or T1 and T4 where there was none.   out latest_tick: INFINITY where no tag waits for it */
void inventory_answer_span(const struct inventory_state *state, const struct reply_result *result,
                           double *earliest_tick, double *latest_tick);

/* ---- inventory_access.c: between the inventory and the access machine */

/* The next step, out of whichever machine has the tag. `tick`: where this is decided */
void inventory_decide(struct inventory_state *state, const struct inventory_event *event,
                      double tick);
/* What was heard in a contact. */
void inventory_contact_heard(struct inventory_state *state, const struct reply_result *result);
/* The window for the contact's step. */
void inventory_contact_listen(struct inventory_state *state);
/* First tick at which the verdict on the open window can fall. */
int64_t inventory_not_before(const struct inventory_state *state);
/* How much longer than a slot's the step may take, us: a cell of the plan must have room for it. */
double inventory_contact_us(const struct inventory_state *state);
/* A tag's EPC was read; the verdict fell at `tick`. */
bool inventory_contact_wanted(struct inventory_state *state, const struct epc_reply *reply,
                              int64_t tick);
/* Nothing has got any further for so long that nothing will. */
bool inventory_access_is_over(const struct inventory_state *state, double tick);
/* The run ends: what is not done is told. */
void inventory_access_finish(struct inventory_state *state, double tick);

/* ---- inventory_watch.c: what the way of reading asks for (reader/read_options.h) */

/* What was heard after an ACK.   err  no EPC in it */
enum status inventory_parse_epc(const struct inventory_state *state, const struct bitbuf *bits,
                                struct epc_reply *reply) must_check;
/* Bits of a truncated reply to an ACK; 0: none is asked for. */
size_t inventory_truncated_bits(const struct inventory_state *state);
/* A tag was read; time went by: who is back, who is missed. */
void inventory_watch_seen(struct inventory_state *state, const struct epc_reply *reply,
                          double tick);
void inventory_watch_due(struct inventory_state *state, double tick);
/* Each tag was to be read once, and nobody is left. */
bool inventory_read_is_over(const struct inventory_state *state, double tick);
/* ---- inventory_auth.c: tags that must authenticate */

/* As its namesake, where tags are asked to authenticate. */
bool inventory_proof_wanted(struct inventory_state *state, const struct epc_reply *reply,
                            int64_t tick);
/* The contact begins with the tag just read. */
void inventory_proof_begin(struct inventory_state *state);
/* It is over: note how, tell the read that began it. */
void inventory_proof_over(struct inventory_state *state, double tick);
/* A read, told at once, or held until its contact is over (state->contact_wanted). */
void inventory_say_read(struct inventory_state *state, struct record *record, double tick);
/* Failures that are due, at the end of the run all. */
void inventory_say_failures(struct inventory_state *state, double tick, bool is_last);

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
