/* record_parse.h - a published JSON object back into a record (watch).       layer: reader
 * The text comes from a socket: everything is checked, nothing asserted. */
#ifndef READER_RECORD_PARSE_H
#define READER_RECORD_PARSE_H

#include "config/status.h"
#include "reader/record.h"

/* Read one JSON object. Fields that are absent are NaN, 0 or empty; text keeps printable ASCII.
 *   out record, context (name of the reader; epoch_s is NaN)
 *   err ST_FORMAT not JSON, or a field of the wrong kind; ST_UNSUPPORTED another schema version;
 *       ST_NOT_FOUND an event type this program does not know or show (no fault of the message) */
enum status record_from_json(const char *text, size_t n_bytes, struct record *record,
                             struct record_context *context) must_check;

#endif
