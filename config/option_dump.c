/* option_dump.c - the values in force as nested YAML that reads back the same. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/option_private.h"
#include "config/require.h"

bool option_utf8_next(const char **text, uint32_t *code_point)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)*text;
    size_t n_more = *at < 0x80 ? 0 : *at < 0xC0 ? 4 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3;
    if (n_more == 4 || *at > 0xF4) {
        return false;
    }
    uint32_t code = n_more == 0 ? *at : *at & (0x3Fu >> n_more);
    for (size_t i = 1; i <= n_more; i++) {
        if ((at[i] & 0xC0) != 0x80) { /* a final zero ends here as well */
            return false;
        }
        code = code << 6 | (at[i] & 0x3Fu);
    }
    if (code < smallest[n_more] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return false;
    }
    *text += n_more + 1;
    *code_point = code;
    return true;
}

/* Characters YAML would fold, refuse or take for syntax inside double quotes. */
static bool needs_escape(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\' || (code >= 0x7F && code < 0xA0) ||
           code == 0x2028 || code == 0x2029 || code == 0xFEFF || code == 0xFFFE || code == 0xFFFF;
}

static void quote_text(const char *value, char text[OPTION_VALUE_TEXT])
{
    size_t n = 0;
    text[n++] = '"';
    while (*value) {
        const char *start = value;
        uint32_t code = 0;
        bool good = option_utf8_next(&value, &code);
        require(good); /* checked when it was set */
        require(n + 8 < OPTION_VALUE_TEXT);
        if (needs_escape(code)) {
            n += (size_t)snprintf(text + n, 8, "\\u%04X", (unsigned)code);
        } else {
            memcpy(text + n, start, (size_t)(value - start));
            n += (size_t)(value - start);
        }
    }
    text[n++] = '"';
    text[n] = '\0';
}
_Static_assert(OPTION_VALUE_TEXT >= 6 * LIMIT_TEXT + 16, "every byte escaped");

/* As few digits as give the same double back. */
static void number_text(double value, char text[OPTION_VALUE_TEXT])
{
    for (int n_digits = 10; n_digits <= 17; n_digits++) {
        snprintf(text, OPTION_VALUE_TEXT, "%.*g", n_digits, value);
        if (strtod(text, NULL) == value) {
            return;
        }
    }
    require(isnan(value));
}

static void choice_text(const char *choices, int index, char text[OPTION_VALUE_TEXT])
{
    for (; index > 0; index--) {
        choices = strchr(choices, '|');
        require(choices);
        choices++;
    }
    snprintf(text, OPTION_VALUE_TEXT, "%.*s", (int)strcspn(choices, "|"), choices);
}

void option_value_text(const struct option_entry *entry, char text[OPTION_VALUE_TEXT])
{
    require(entry);
    require(text);
    const struct option_value *value = &entry->value;
    snprintf(text, OPTION_VALUE_TEXT, "null");
    switch (entry->row->kind) {
    case OPTION_NUMBER:
        if (!isnan(value->number)) {
            number_text(value->number, text);
        }
        break;
    case OPTION_INT:
        if (value->integer != INT64_MIN) {
            snprintf(text, OPTION_VALUE_TEXT, "%" PRId64, value->integer);
        }
        break;
    case OPTION_BOOL:
        snprintf(text, OPTION_VALUE_TEXT, "%s", value->flag ? "true" : "false");
        break;
    case OPTION_CHOICE: choice_text(entry->row->choices, value->choice, text); break;
    case OPTION_TEXT: quote_text(value->text, text); break;
    }
}

/* Number of leading parts two keys share, the last part of neither counted. */
static size_t shared_depth(const char *a, const char *b)
{
    size_t depth = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++) {
        depth += a[i] == '.';
    }
    return depth;
}

/* The undumped entry that shares most maps with the last one, so that no map opens twice. */
static size_t next_entry(const struct option_set *set, const bool *dumped, const char *last)
{
    size_t best = OPTION_NOT_FOUND;
    size_t best_depth = 0;
    for (size_t i = 0; i < set->n_entries; i++) {
        if (!dumped[i]) {
            size_t depth = shared_depth(set->entries[i].row->key, last);
            if (best == OPTION_NOT_FOUND || depth > best_depth) {
                best = i;
                best_depth = depth;
            }
        }
    }
    require(best != OPTION_NOT_FOUND);
    return best;
}

static void dump_comment(const struct option_row *row, size_t depth, FILE *stream)
{
    fprintf(stream, "%*s# %s", (int)(2 * depth), "", row->meaning);
    if (row->kind == OPTION_NUMBER || row->kind == OPTION_INT) {
        fprintf(stream, "; %.10g..%.10g%s%s", row->min, row->max, *row->unit ? " " : "", row->unit);
    } else if (row->kind == OPTION_CHOICE) {
        fprintf(stream, "; %s", row->choices);
    }
    fprintf(stream, "; default %s\n", *row->fallback ? row->fallback : "not set");
}

/* Print the maps that open between the last key and this one; return what is left of the key. */
static const char *dump_maps(const char *key, const char *last, FILE *stream, size_t *depth)
{
    const size_t shared = shared_depth(key, last);
    *depth = 0;
    for (const char *dot = strchr(key, '.'); dot; dot = strchr(key, '.')) {
        if (*depth >= shared) {
            fprintf(stream, "%*s%.*s:\n", (int)(2 * *depth), "", (int)(dot - key), key);
        }
        key = dot + 1;
        ++*depth;
    }
    return key;
}

void option_dump(const struct option_set *set, FILE *stream, bool comments)
{
    require(set);
    require(stream);
    bool dumped[LIMIT_OPTIONS] = {false};
    const char *last = "";
    const struct option_table *table = NULL;
    for (size_t n = 0; n < set->n_entries; n++) {
        const size_t index = next_entry(set, dumped, last);
        const struct option_entry *entry = &set->entries[index];
        if (comments && entry->table != table) {
            fprintf(stream, "\n# %s\n", entry->table->title);
            table = entry->table;
        }
        size_t depth;
        const char *leaf = dump_maps(entry->row->key, last, stream, &depth);
        char text[OPTION_VALUE_TEXT];
        option_value_text(entry, text);
        if (comments) {
            dump_comment(entry->row, depth, stream);
        }
        fprintf(stream, "%*s%s: %s\n", (int)(2 * depth), "", leaf, text);
        dumped[index] = true;
        last = entry->row->key;
    }
}
