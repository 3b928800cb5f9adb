/* coverage_parts.h - what the files of the coverage run share.       layer: protocol, private */
#ifndef PROTOCOL_COVERAGE_PARTS_H
#define PROTOCOL_COVERAGE_PARTS_H

#include "protocol/coverage.h"

struct coverage_pair { /* a reader that can identify a device */
    uint32_t device;
    uint16_t reader;
    float lost; /* chance that one of its replies is */
};

struct coverage {
    struct hall hall;
    struct coverage_budget budget;
    double cell_m;
    struct coverage_tally tally;
    struct hall_place *place; /* [n_devices] of the drop in progress */
    bool *is_read;            /* [n_devices] */
    struct coverage_pair *pair;
    size_t n_pairs;
    struct slot_field field[HALL_READERS_MAX];
};

/* The readers in turn, until every device is identified that one of them can identify, or time is over. */
void coverage_identify(struct coverage *coverage, const struct coverage_sharing *sharing,
                       uint64_t seed, struct coverage_drop *drop);

#endif
