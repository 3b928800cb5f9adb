/* record_reply.h - from what the receiver found to the parts of a record.     layer: reader */
#ifndef READER_RECORD_REPLY_H
#define READER_RECORD_REPLY_H

#include "dsp/reply_rx.h"
#include "protocol/reply.h"
#include "reader/record.h"
#include "reader/stats.h"

/* Fill what a reply tells: EPC, PC, levels, phase, BLF, and count it among the tags seen. Session,
 * round, slot, RN16, antenna, frequency and n_channels are the caller's. */
void record_read_fill(struct record_read *read, const struct reply_result *result,
                      const struct epc_reply *reply, struct stats_tags *tags);

/* Note what the receiver made of a window in the record of its slot: an RN16 begins the slot anew,
 * of several answers to an ACK the last one stays. `ok` as in struct record_reply. */
void record_slot_note(struct record_slot *slot, const struct reply_result *result, bool is_epc,
                      bool ok);

/* Cause and clipping of a finished slot into its record and the totals. */
void record_slot_count(struct record_slot *slot, struct record_status *totals);

/* Levels of the newest window, for the next status. */
void record_levels_note(struct record_status *totals, const struct reply_result *result);

struct record_advice { /* what a run has said once */
    bool clipping_told, carrier_told;
};
/* Say on stderr, once a run each: the receiver clips; another carrier is there. */
void record_advise(struct record_advice *advice, const struct reply_result *result);

#endif
