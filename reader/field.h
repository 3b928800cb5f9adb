/* field.h - the one hand on the carrier while a run goes on: from cell to cell of the plan. Belongs to
 * the thread that decides (INVENTORY or EMIT).                                  layer: reader
 * The end of a cell is planned with its beginning, so that the carrier goes off in time even if
 * nobody decides anything any more. */
#ifndef READER_FIELD_H
#define READER_FIELD_H

#include "reader/reader_parts.h"

struct field {
    struct reader *reader;
    struct hop_cell cell; /* in force; on_tick as it really was */
    size_t n_reply_bits;  /* longest answer to an ACK so far: a slot must have room for it */
};

/* From the ramp up to the first command. */
double field_opening_ticks(const struct reader *reader);

/* The run's first cell is too short for a slot of this link.   err ST_USAGE with detail; main thread */
enum status field_check(const struct reader *reader) must_check;

/* The first cell: carrier on from tick 0. Main thread, before the threads start. */
void field_open(struct reader *reader);

void field_begin(struct field *field, struct reader *reader);

/* First tick at which a command may start after the carrier came on in this cell. */
double field_ready_tick(const struct field *field);

/* A slot that begins at `tick` is over before the carrier goes off. */
bool field_has_room(const struct field *field, double tick);

/* The carrier is still on at `tick`. */
bool field_lasts(const struct field *field, double tick);

/* An answer to an ACK had n_bits: slots need as much room from now on. */
void field_learn(struct field *field, size_t n_bits);

/* Carrier off from `tick` on (or where the cell ends, if that is earlier), the next cell's frequency and
 * antenna, carrier on again.
 *   err  as radio_set; ST_STOPPED: the run is over. The carrier is off then */
enum status field_move(struct field *field, double tick) must_check;

/* What events tell of the antenna in force.   own  plan */
const char *field_antenna(const struct field *field);

#endif
