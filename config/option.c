/* option.c - sets of option rows: find, set, fill, hash. */
#include "config/option.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/option_private.h"
#include "config/require.h"

size_t option_find(const struct option_set *set, const char *key)
{
    require(set);
    require(key);
    for (size_t i = 0; i < set->n_entries; i++) {
        if (strcmp(set->entries[i].row->key, key) == 0) {
            return i;
        }
    }
    return OPTION_NOT_FOUND;
}

/* Is `key` the path above `other` ("radio" and "radio.args")? Nested YAML cannot hold both. */
static bool key_is_above(const char *key, const char *other)
{
    const size_t n_chars = strlen(key);
    return strncmp(key, other, n_chars) == 0 && other[n_chars] == '.';
}

static void check_row(const struct option_set *set, const struct option_row *row)
{
    size_t depth = 1;
    require(row->key);
    require(row->unit);
    require(row->fallback);
    require(row->meaning);
    require(strlen(row->key) < OPTION_KEY_MAX);
    require(row->kind != OPTION_CHOICE || row->choices);
    for (const char *dot = strchr(row->key, '.'); dot; dot = strchr(dot + 1, '.')) {
        depth++;
    }
    require(depth <= OPTION_DEPTH_MAX);
    for (size_t i = 0; i < set->n_entries; i++) {
        const char *other = set->entries[i].row->key;
        bool clash = strcmp(row->key, other) == 0 || key_is_above(row->key, other) ||
                     key_is_above(other, row->key);
        if (clash) {
            fprintf(stderr, "option rows '%s' and '%s' clash\n", row->key, other);
        }
        require(!clash);
    }
}

static void add_row(struct option_set *set, const struct option_table *table,
                    const struct option_row *row)
{
    require(set->n_entries < LIMIT_OPTIONS);
    check_row(set, row);
    struct option_entry *entry = &set->entries[set->n_entries++];
    entry->table = table;
    entry->row = row;
    enum status status = option_parse_value(row, row->fallback, "default", &entry->value);
    if (status) {
        fprintf(stderr, "%s\n", status_detail());
    }
    require(status == ST_OK);
}

enum status option_set_new(const struct option_table *const *tables, size_t n_tables,
                           struct option_set **set)
{
    require(tables);
    require(set);
    struct option_set *made = calloc(1, sizeof *made);
    if (!made) {
        return status_fail(ST_NO_MEMORY, "no memory for the option set");
    }
    for (size_t i = 0; i < n_tables; i++) {
        for (size_t k = 0; k < tables[i]->n_rows; k++) {
            add_row(made, tables[i], &tables[i]->rows[k]);
        }
    }
    *set = made;
    return ST_OK;
}

void option_set_free(struct option_set **set)
{
    require(set);
    free(*set);
    *set = NULL;
}

/* Levenshtein distance, one row of the table at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t distance[OPTION_KEY_MAX];
    const size_t n_a = strlen(a);
    const size_t n_b = strlen(b);
    require(n_a < OPTION_KEY_MAX);
    for (size_t j = 0; j <= n_a; j++) {
        distance[j] = j;
    }
    for (size_t i = 1; i <= n_b; i++) {
        size_t diagonal = distance[0];
        distance[0] = i;
        for (size_t j = 1; j <= n_a; j++) {
            size_t change = diagonal + (a[j - 1] != b[i - 1]);
            size_t skip = (distance[j] < distance[j - 1] ? distance[j] : distance[j - 1]) + 1;
            diagonal = distance[j];
            distance[j] = change < skip ? change : skip;
        }
    }
    return distance[n_a];
}

enum status option_fail_unknown(const struct option_set *set, const char *key, const char *where)
{
    require(set);
    require(key);
    const char *nearest = NULL;
    size_t best = (size_t)-1;
    char known_part[2 * OPTION_KEY_MAX]; /* longer keys are no typing errors */
    snprintf(known_part, sizeof known_part, "%s", key);
    for (size_t i = 0; i < set->n_entries; i++) {
        size_t distance = edit_distance(set->entries[i].row->key, known_part);
        if (distance < best) {
            best = distance;
            nearest = set->entries[i].row->key;
        }
    }
    if (!nearest) {
        return status_fail(ST_NOT_FOUND, "%s: unknown key '%.128s'", where, key);
    }
    return status_fail(ST_NOT_FOUND, "%s: unknown key '%.128s', the nearest is '%s'", where, key,
                       nearest);
}

/* True while a NUMBER or INT has no value. */
static bool value_is_absent(const struct option_row *row, const struct option_value *value)
{
    return (row->kind == OPTION_NUMBER && isnan(value->number)) ||
           (row->kind == OPTION_INT && value->integer == INT64_MIN);
}

enum status option_set_text(struct option_set *set, const char *key, const char *text,
                            const char *where)
{
    require(text);
    require(where);
    const size_t index = option_find(set, key);
    if (index == OPTION_NOT_FOUND) {
        return option_fail_unknown(set, key, where);
    }
    struct option_entry *entry = &set->entries[index];
    struct option_value value;
    memset(&value, 0, sizeof value);
    enum status status = option_parse_value(entry->row, text, where, &value);
    if (status) {
        return status;
    }
    entry->value = value;
    entry->is_set = !value_is_absent(entry->row, &value);
    return ST_OK;
}

enum status option_set_null(struct option_set *set, const char *key, const char *where)
{
    const size_t index = option_find(set, key);
    if (index == OPTION_NOT_FOUND) {
        return option_fail_unknown(set, key, where);
    }
    if (*set->entries[index].row->fallback != '\0') {
        return status_fail(ST_FORMAT, "%s: key '%s' has no value", where, key);
    }
    return option_set_text(set, key, "", where);
}

void option_fill(const struct option_set *set, const struct option_table *table, void *cfg)
{
    require(set);
    require(table);
    require(cfg);
    size_t n_filled = 0;
    for (size_t i = 0; i < set->n_entries; i++) {
        const struct option_entry *entry = &set->entries[i];
        if (entry->table != table) {
            continue;
        }
        char *to = (char *)cfg + entry->row->offset;
        n_filled++;
        switch (entry->row->kind) {
        case OPTION_NUMBER: memcpy(to, &entry->value.number, sizeof entry->value.number); break;
        case OPTION_INT: memcpy(to, &entry->value.integer, sizeof entry->value.integer); break;
        case OPTION_BOOL: memcpy(to, &entry->value.flag, sizeof entry->value.flag); break;
        case OPTION_CHOICE: memcpy(to, &entry->value.choice, sizeof entry->value.choice); break;
        case OPTION_TEXT: memcpy(to, entry->value.text, LIMIT_TEXT); break;
        }
    }
    require(n_filled == table->n_rows); /* the table belongs to the set */
}

bool option_is_set(const struct option_set *set, const char *key)
{
    const size_t index = option_find(set, key);
    require(index != OPTION_NOT_FOUND);
    return set->entries[index].is_set;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001B3u;
    }
    return (hash ^ '\n') * 0x100000001B3u;
}

unsigned long option_hash(const struct option_set *set)
{
    require(set);
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < set->n_entries; i++) {
        char text[OPTION_VALUE_TEXT];
        option_value_text(&set->entries[i], text);
        hash = hash_text(hash, set->entries[i].row->key);
        hash = hash_text(hash, text);
    }
    return (unsigned long)hash;
}

void option_each(const struct option_set *set,
                 void (*visit)(void *context, const struct option_table *table,
                               const struct option_row *row),
                 void *context)
{
    require(set);
    require(visit);
    for (size_t i = 0; i < set->n_entries; i++) {
        visit(context, set->entries[i].table, set->entries[i].row);
    }
}
