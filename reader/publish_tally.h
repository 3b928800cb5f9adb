/* publish_tally.h - a run's records counted in memory instead of written out: what `probe` learns
 * from a short inventory.                                                       layer: reader */
#ifndef READER_PUBLISH_TALLY_H
#define READER_PUBLISH_TALLY_H

#include "reader/record.h"
#include "reader/stats.h"

struct publish_tally {
    struct record_status total;          /* the summary: all zero before it */
    uint64_t n_decoded;                  /* replies */
    struct stats_distribution snr_ratio; /* Eb/N0 of decoded replies, as a power ratio */
    double line_hz;                      /* offset of another carrier, the newest; NaN: none */
};

void publish_tally_init(struct publish_tally *tally);

#endif
