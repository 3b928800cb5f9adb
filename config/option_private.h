/* option_private.h - what the option_*.c files share: the set and its entries.   layer: config */
#ifndef CONFIG_OPTION_PRIVATE_H
#define CONFIG_OPTION_PRIVATE_H

#include <stdint.h>

#include "config/option.h"

#define OPTION_KEY_MAX 128     /* with the final zero */
#define OPTION_DEPTH_MAX 8     /* parts of a dotted key */
#define OPTION_VALUE_TEXT 1600 /* a text value with every byte escaped, quotes, final zero */
#define OPTION_NOT_FOUND ((size_t)-1)

struct option_value {
    union {
        double number;
        int64_t integer;
        bool flag;
        int choice;
        char text[LIMIT_TEXT];
    };
};

struct option_entry {
    const struct option_table *table;
    const struct option_row *row;
    struct option_value value;
    bool is_set;
};

struct option_set {
    size_t n_entries;
    struct option_entry entries[LIMIT_OPTIONS];
};

/* Index of a key, OPTION_NOT_FOUND when unknown. */
size_t option_find(const struct option_set *set, const char *key);

/* Tell that a key is unknown and which known one is nearest (edit distance). */
enum status option_fail_unknown(const struct option_set *set, const char *key, const char *where);

/* A key without a value (YAML null): not set, where the row's fallback is "".
 *   err  ST_NOT_FOUND, ST_FORMAT as option_set_text */
enum status option_set_null(struct option_set *set, const char *key, const char *where) must_check;

/* Text -> value for a row; key and where only for messages.  err ST_RANGE, ST_FORMAT */
enum status option_parse_value(const struct option_row *row, const char *text, const char *where,
                               struct option_value *value) must_check;

/* The value in force as a YAML scalar that reads back the same. */
void option_value_text(const struct option_entry *entry, char text[OPTION_VALUE_TEXT]);

/* Next code point of a UTF-8 text; *text moves on.  false: malformed */
bool option_utf8_next(const char **text, uint32_t *code_point);

#endif
