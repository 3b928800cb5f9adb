/* record_reply.h - from what the receiver found to the parts of a record.     layer: reader */
#ifndef READER_RECORD_REPLY_H
#define READER_RECORD_REPLY_H

#include "dsp/reply_rx.h"
#include "protocol/reply.h"
#include "reader/record.h"
#include "reader/stats.h"

/* Fill what a reply tells: EPC, PC, levels, phase, BLF, and count it among the tags seen. Session,
 * round, slot, RN16, antenna and frequency are the caller's. */
void record_read_fill(struct record_read *read, const struct reply_result *result,
                      const struct epc_reply *reply, struct stats_tags *tags);

/* The receiver's view of a slot, for --trace. */
void record_quality_fill(struct record_slot *slot, const struct reply_result *result);

#endif
