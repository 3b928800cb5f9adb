/* keys_parts.h - what the files of the key table share.                    layer: reader, private */
#ifndef READER_KEYS_PARTS_H
#define READER_KEYS_PARTS_H

#include "reader/keys.h"

struct keys {
    size_t n_rows;
    struct key_row row[KEYS_ROWS_MAX]; /* most mask bits first */
};

/* The rows of a key file into an empty table. What of them this file's own memory holds is wiped.
 *   err as keys_read_memory */
enum status keys_parse(const char *yaml, size_t n_bytes, const char *name,
                       struct keys *keys) must_check;

/* Add a row where it belongs.   err ST_FULL; ST_FORMAT the same mask and value are there */
enum status keys_put(struct keys *keys, const struct key_row *row) must_check;

#endif
