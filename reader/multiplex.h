/* multiplex.h - time units in a running reader: the plan on its clock, the carrier in its own units only, polls and
 * what is told of them.                                                        layer: reader
 * Belongs to the main thread until the threads start, then to INVENTORY. */
#ifndef READER_MULTIPLEX_H
#define READER_MULTIPLEX_H

#include "reader/inventory_parts.h"

struct multiplex;

/* Where cfg.tdma asks for it: read the list, lay out the units, hand the carrier's windows to reader->plan.
 *   pre  link, rate and turnaround are known
 *   out  reader->multiplex, NULL without time units
 *   err  ST_USAGE, ST_RANGE with the key as detail; as epc_list_read; ST_NO_MEMORY */
enum status multiplex_set(struct reader *reader) must_check;
void multiplex_free(struct multiplex **multiplex);

/* The radio has started: its clock holds the common time. */
void multiplex_begin(struct reader *reader);

/* Who polls has the tags instead of the inventory engine alone.   pre  reader->multiplex */
void multiplex_decide(struct inventory_state *state, const struct inventory_event *event);
/* The EPC of the event to come. */
void multiplex_heard(struct multiplex *multiplex, const struct epc_reply *reply);
/* What a read tells of the slot it came in. */
void multiplex_read_fill(const struct multiplex *multiplex, struct record_read *read);

/* Totals of the run, for the summary. */
void multiplex_totals(const struct multiplex *multiplex, struct record_tdma *record);

#endif
