/* option.h - option rows: one row is a key, a flag, a check, a default and a line of help.
 * Key = flag: `radio.rate_sps` in YAML (nested or dotted) is `--radio.rate_sps 1e6`.   layer: config
 * Rows live in the module that uses them; the program collects tables into one set; each module
 * receives its own small struct, filled through the rows' offsets. There is no global configuration. */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/limits.h"
#include "config/status.h"

enum option_kind {
    OPTION_NUMBER, /* double; engineering notation: 910e6, 910M, 62.5u. The unit may follow, with or
                    * without SI prefix: 915 MHz in a Hz row; 62.5us, 62.5u, 0.0625ms in a us row.
                    * LC_NUMERIC must stay "C" */
    OPTION_INT,    /* int64_t; engineering notation too, must come out whole */
    OPTION_BOOL,   /* bool; true/false/yes/no/on/off, a bare flag means true */
    OPTION_TEXT,   /* char[LIMIT_TEXT] */
    OPTION_CHOICE, /* int, index into the choices "a|b|c" */
};

struct option_row {
    const char *key; /* "radio.rate_sps" */
    enum option_kind kind;
    const char *unit;      /* "Hz", "us", "" */
    const char *fallback;  /* default, in the same notation a user would write; never NULL.
                             * "" for a NUMBER means not set: NaN (for an INT: INT64_MIN) */
    double min, max;       /* accepted range of NUMBER and INT, inclusive */
    const char *choices;   /* CHOICE: "fm0|miller2|miller4|miller8" */
    size_t offset;         /* offsetof in the module's struct */
    const char *meaning;   /* one line */
    const char *shorthand; /* everyday flag without dashes, "rate"; NULL when none */
};

struct option_table {
    const char *title; /* heading in --help and in the generated YAML */
    const struct option_row *rows;
    size_t n_rows;
};

struct option_set; /* rows of several tables and the values in force */

/* Collect tables (borrowed for the set's life; must be static).
 *   err  ST_NO_MEMORY. Duplicate keys, a key that is a map above another (radio, radio.args) and
 *        unparsable defaults are broken callers: require().
 *   own  caller frees */
enum status option_set_new(const struct option_table *const *tables, size_t n_tables,
                           struct option_set **set) must_check;
void option_set_free(struct option_set **set);

/* Set one value from text. `where` says who said so ("reader.yaml:12", "--radio.rate_sps").
 *   err  ST_NOT_FOUND unknown key (nearest key proposed); ST_RANGE, ST_FORMAT; detail names
 *        where, key, value and the accepted range. Nothing changes on error. */
enum status option_set_text(struct option_set *set, const char *key, const char *text,
                            const char *where) must_check;

/* Read a YAML file: nested maps or dotted keys. Errors name file and line.
 * The order given decides: what comes later wins; within one file a key may stand once.
 * `key:` without a value (empty, ~, null): not set, where the row's fallback is "".
 *   err  as option_set_text; ST_FORMAT lists, anchors, tags, a second document, an empty file;
 *        ST_RANGE more than 1 MiB. What stood before the fault is set. */
enum status option_read_file(struct option_set *set, const char *path) must_check;

/* The same from memory (fuzzing, tests); `name` stands for the file in messages. */
enum status option_read_memory(struct option_set *set, const char *yaml, size_t n_bytes,
                               const char *name) must_check;

/* Write all values in force as YAML that option_read_file accepts, with comments
 * (meaning, unit, range) when `comments`. */
void option_dump(const struct option_set *set, FILE *stream, bool comments);

/* Fill a module's struct from the rows of one of the set's tables. */
void option_fill(const struct option_set *set, const struct option_table *table, void *cfg);

/* True when somebody (file or flag) set the key, false while it has its default or "not set". */
bool option_is_set(const struct option_set *set, const char *key);

/* FNV-1a hash of all keys and values in force: the `settings` of benchmark lines. */
unsigned long option_hash(const struct option_set *set);

/* Visit every row in order (help, man page, command-line table). */
void option_each(const struct option_set *set,
                 void (*visit)(void *context, const struct option_table *table,
                               const struct option_row *row),
                 void *context);

/* Parse a number with engineering notation ("910M", "62.5u", "1e6", "2k").
 *   err  ST_FORMAT, with the reason as detail */
enum status option_parse_number(const char *text, double *value) must_check;

#endif
