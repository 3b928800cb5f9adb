/* slot_field.h - any number of tags, slot by slot: the reader's own inventory engine, replies abstracted to
 * outcomes with the receiver's error rates. Tags are told apart by nothing but their being read, so a slot
 * costs the same for ten tags and for a hundred thousand.                        layer: tests */
#ifndef TESTS_SLOT_FIELD_H
#define TESTS_SLOT_FIELD_H

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
