/* slot_tdma.h - tags with EPCs and flags of their own, command by command, under the state machine of time units.
 * What protocol/slot_field.h leaves out: who is selected, which session's flag turns, what Selects cost. layer: tests */
#ifndef TESTS_SLOT_TDMA_H
#define TESTS_SLOT_TDMA_H

#include "protocol/slot_field.h"
#include "protocol/tdma.h"

enum { SLOT_TDMA_TAGS_MAX = 1024 };

struct slot_tdma_tag {
    uint8_t epc[12];
    double from_s, to_s; /* in the field */
    bool is_listed;
    bool s0_is_b;   /* somebody else left it so */
    double found_s; /* out: first read, by poll or discovery; NaN: never */
    /* the tag's own state */
    bool is_selected, is_b[4];
    int session; /* of the round it takes part in; -1: none */
    uint32_t slot;
    bool is_replying, is_acknowledged;
};

struct slot_tdma_cfg {
    struct tdma_cfg tdma;
    struct tdma_plan plan; /* begun */
    struct link link;
    double turnaround_us,
        opening_us; /* opening_us: carrier on to the first command, in shared units */
    double duration_s;
    struct slot_errors errors;
    uint64_t seed;
};

struct slot_tdma_run {
    struct tdma_counts counts;
    double jitter_max_us;
    uint64_t n_commands, n_outside; /* of them not within a window of the plan */
    uint64_t n_discovered;          /* EPCs read in discovery, those read once more included */
    uint64_t n_turned;              /* S0 flags that turned */
};

/* pre  n_tags <= SLOT_TDMA_TAGS_MAX */
struct slot_tdma_run slot_tdma_run(const struct slot_tdma_cfg *cfg, struct slot_tdma_tag *tag,
                                   size_t n_tags);

#endif
