/* rows_yaml.h - files that are tables: one YAML map of single values and of lists, each list of rows
 * that are maps of single values, and nothing else of YAML. What may stand in it is a table too.
 *                                                                     layer: reader
 *     NAME: 1                      # version of the format, needed
 *     KEY: TEXT
 *     LIST:
 *       - {CELL: TEXT, CELL: TEXT} */
#ifndef READER_ROWS_YAML_H
#define READER_ROWS_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"

enum { ROWS_YAML_MAX_BYTES = 1 << 20, ROWS_YAML_KEYS_MAX = 16 };

enum rows_kind {
    ROWS_TEXT = 0, /* one value, for `take` */
    ROWS_VERSION,  /* must be "1"; the first of the top keys, and no other */
    ROWS_LIST,     /* of rows */
};

struct rows_yaml; /* a reading that goes on */

/* What stands in one place. */
struct rows_value {
    void *context;    /* as given to rows_yaml_read */
    size_t key;       /* which of the format's top keys or cells */
    const char *name; /* that key's */
    const char *text;
    size_t line; /* the first is 1 */
    const struct rows_yaml *yaml;
};

struct rows_key {
    const char *name;
    enum rows_kind kind; /* cells: ROWS_TEXT */
    const char *what;    /* in messages: what a wrong version, or one value in a list's place, is */
    enum status (*take)(const struct rows_value *value); /* of ROWS_TEXT, once a map at most */
};

struct rows_format {
    const struct rows_key *top;
    size_t n_top;
    const struct rows_key *cells;
    size_t n_cells;
    size_t n_needed;       /* cells that no row lacks: the first ones */
    const char *stray;     /* in messages: what one value among the rows is */
    const char *row_shape; /* in messages: how a row looks */
    const char *again;     /* in messages, before the name: what the second of a key is */
    bool is_secret; /* values are in no message, nor words that may be one; what this file and the
                     * parser hold of them is wiped */
    void (*row_begin)(void *context);
    /* `value` has the list's key, the row's last line and no text. */
    enum status (*row_end)(const struct rows_value *value);
};

/* Read a whole file from memory; `name` stands for it in messages.
 *   in   format    keys and cells ROWS_YAML_KEYS_MAX each at most, the first of top the version
 *   err  ST_NO_MEMORY; ST_RANGE more than ROWS_YAML_MAX_BYTES; ST_FORMAT, or what a callback says:
 *        the detail is `name:line: what 'text', accepted: ...`
 *   own  borrows everything; the callbacks' context is good for what they made of it only when ST_OK */
enum status rows_yaml_read(const struct rows_format *format, const char *yaml, size_t n_bytes,
                           const char *name, void *context) must_check;

/* For callbacks: refuse a value.   out `status`, with the detail as above */
enum status rows_yaml_refuse(const struct rows_value *value, enum status status, const char *what,
                             const char *accepted) must_check;

/* The same for a value whose text says nothing; `reason` may be status_detail(). */
enum status rows_yaml_fail(const struct rows_value *value, enum status status,
                           const char *reason) must_check;

#endif
