/* slot_field.h - any number of tags, slot by slot: the reader's own inventory engine, replies abstracted to
 * outcomes with the receiver's error rates. Who answers in a slot is drawn when it comes, so a slot costs the
 * same for ten tags and for a hundred thousand; tags are told apart by nothing but their being read.
 *                                                                        layer: protocol
 * Source: fact sheet 10.1 (slots drawn evenly), 13.4 (durations). */
#ifndef PROTOCOL_SLOT_FIELD_H
#define PROTOCOL_SLOT_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/inventory.h"

struct slot_errors {   /* chances; 0: a receiver without fault */
    double missed;     /* a lone RN16 is not heard: the slot seems empty */
    double rn16_wrong; /* it is heard wrong, or its EPC is not: rn16_only */
    double epc_wrong;  /* the EPC comes with a wrong CRC */
    double captured;   /* of several RN16s one is read, and its EPC */
};

struct slot_run {
    double first_us, last_us; /* first Query to last first read, pass over */
    double single_us;         /* spent in slots that brought a read */
    uint64_t n_slots, n_reads, n_queries, n_adjusts;
    bool is_complete; /* every tag read */
};

struct slot_field { /* embedded; fields private */
    struct inventory inventory;
    struct inventory_event event; /* what the last command brought */
    struct slot_times times;
    uint64_t random;
    uint32_t n_unread, n_active; /* active: still to answer in this frame */
    double slots_left;           /* of the frame, the one in progress included */
    uint32_t n_answer;           /* in the slot in progress */
    bool is_taken;               /* the tag acknowledged is one of them */
    struct slot_errors errors;   /* of that tag */
    void (*heard)(void *context, struct slot_errors *errors);
    void *context;
    struct slot_run run;
};

/* An engine that has sent nothing yet.   in  times  durations of slots and openings as they are; cfg->times as
 * the policy sees them */
void slot_field_init(struct slot_field *field, const struct inventory_cfg *cfg,
                     const struct link *link, const struct slot_times *times, uint64_t seed);

/* The carrier comes up over n_unread tags that have not been read: the next command opens a round. */
void slot_field_open(struct slot_field *field, uint32_t n_unread);

/* Every tag has these errors. */
void slot_field_set_errors(struct slot_field *field, const struct slot_errors *errors);

/* Or each its own: `heard` is called when somebody answers, to draw who it is that is heard and to tell the errors
 * of that tag, which last for the slot. */
void slot_field_set_heard(struct slot_field *field,
                          void (*heard)(void *context, struct slot_errors *errors), void *context);

/* One command and what is heard after it.
 *   out  true: a tag has been read. Its slot counts in run once it is over
 *   pre  slot_field_open */
bool slot_field_step(struct slot_field *field);

/* The slot of the last read is over when its EPC is in: count it where nothing is sent any more. */
void slot_field_close(struct slot_field *field);

/* Read n_tags once.   in  times  durations of slots and openings as they are; cfg->times as the policy sees them */
struct slot_run slot_field_run(const struct inventory_cfg *cfg, const struct link *link,
                               const struct slot_times *times, uint32_t n_tags,
                               const struct slot_errors *errors, uint64_t seed);

/* Mean time for n_tags when the number unread is known and Q may be the best in every slot at no cost; only the
 * first slot needs a Query (fact sheet 13.4). us */
double slot_field_genie_us(const struct slot_times *times, uint32_t n_tags);

/* Seed k of n_seeds: a number of tags, spread evenly over the logarithm. */
uint32_t slot_field_log_uniform(uint32_t least, uint32_t most, unsigned k, unsigned n_seeds);

#endif
