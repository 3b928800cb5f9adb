/* keys_yaml.c - reading the table of keys: one map, one list of small maps, nothing else of YAML. A
 * message shows no text of the file that could be a key. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <openssl/crypto.h>

#include "config/require.h"
#include "protocol/bits.h"
#include "reader/keys_parts.h"

enum { EPC_DIGITS_MAX = 2 * KEYS_EPC_BYTES, WORD_SHOWN_MAX = 12 };
#define NAME_CHARS "_abcdefghijklmnopqrstuvwxyz"

enum place { /* where in the file */
             PLACE_FILE = 0,
             PLACE_TOP,  /* in the outer map */
             PLACE_ROWS, /* in the list */
             PLACE_ROW,  /* in a row's map */
};

enum top_key { TOP_NONE = 0, TOP_VERSION, TOP_ROWS, TOP_N };
static const char *const top_names[TOP_N] = {"", "keys", "rows"};

enum row_key {
    ROW_EPC = 0,
    ROW_KEY_ID,
    ROW_KEY,
    ROW_PROFILE,
    ROW_OFFSET,
    ROW_BLOCKS,
    ROW_PROTECTION,
    ROW_N,
    ROW_NONE = -1
};

struct reading {
    const char *name;
    struct keys *keys;
    yaml_parser_t parser;
    enum place place;
    enum top_key top; /* whose value comes next, or whose list this is */
    bool seen[TOP_N];
    enum row_key row_key; /* whose value comes next; ROW_NONE: a key comes next */
    bool has[ROW_N];
    struct key_row row;
    bool ended;
};

static enum status fail_at(const struct reading *reading, size_t line, enum status status,
                           const char *reason)
{
    char kept[320]; /* `reason` may be status_detail() */
    snprintf(kept, sizeof kept, "%.319s", reason);
    return status_fail(status, "%.160s:%zu: %s", reading->name, line, kept);
}

static enum status fail_text(const struct reading *reading, size_t line, enum status status,
                             const char *what, const char *accepted)
{
    char reason[320];
    snprintf(reason, sizeof reason, "%s, accepted: %s", what, accepted);
    return fail_at(reading, line, status, reason);
}

/* A word in a place of keys is shown when it is too short for anything secret and looks like one of
 * the names: no digit in it. */
static enum status fail_unknown(const struct reading *reading, size_t line, const char *word,
                                const char *accepted)
{
    char what[64] = "unknown key";
    size_t n_chars = strlen(word);
    if (n_chars <= WORD_SHOWN_MAX && strspn(word, NAME_CHARS) == n_chars) {
        snprintf(what, sizeof what, "unknown key '%s'", word);
    }
    return fail_text(reading, line, ST_FORMAT, what, accepted);
}

static enum status take_top_key(struct reading *reading, const char *key, size_t line)
{
    for (int k = TOP_VERSION; k < TOP_N; k++) {
        if (strcmp(key, top_names[k]) != 0) {
            continue;
        }
        if (reading->seen[k]) {
            return fail_text(reading, line, ST_FORMAT, "a second 'keys' or 'rows'", "each once");
        }
        reading->seen[k] = true;
        reading->top = (enum top_key)k;
        return ST_OK;
    }
    return fail_unknown(reading, line, key, "keys, rows");
}

static enum status take_top_value(struct reading *reading, const char *text, size_t line)
{
    enum top_key top = reading->top;
    reading->top = TOP_NONE;
    if (top == TOP_ROWS) {
        return fail_text(reading, line, ST_FORMAT, "rows is no list", "a list of rows");
    }
    return strcmp(text, "1") == 0
               ? ST_OK
               : fail_text(reading, line, ST_FORMAT, "keys: version of the format", "1");
}

/* Hex digits, an odd last one counting for its four bits.   out false: something else, or too many */
static bool digits_take(const char *text, size_t n_digits, uint8_t packed[KEYS_EPC_BYTES])
{
    memset(packed, 0, KEYS_EPC_BYTES);
    if (n_digits > EPC_DIGITS_MAX) {
        return false;
    }
    for (size_t k = 0; k < n_digits; k++) {
        unsigned char digit = (unsigned char)text[k];
        if (!isxdigit(digit)) {
            return false;
        }
        unsigned value =
            isdigit(digit) ? digit - (unsigned)'0' : (unsigned)tolower(digit) - (unsigned)'a' + 10U;
        packed[k / 2] |= (uint8_t)(k % 2 == 0 ? value << 4 : value);
    }
    return true;
}

static enum status take_epc(struct reading *reading, const char *text, size_t line)
{
    static const char accepted[] =
        "up to 124 hex digits that the EPC begins with, or value/mask of as many each";
    struct key_row *row = &reading->row;
    const char *slash = strchr(text, '/');
    size_t n_digits = slash ? (size_t)(slash - text) : strlen(text);
    bool fits = digits_take(text, n_digits, row->value);
    if (slash) {
        fits = fits && strlen(slash + 1) == n_digits && digits_take(slash + 1, n_digits, row->mask);
    } else {
        static const char ones[EPC_DIGITS_MAX + 1] =
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
        fits = fits && digits_take(ones, n_digits, row->mask);
    }
    if (!fits) {
        return fail_text(reading, line, ST_FORMAT, "epc", accepted);
    }
    row->n_mask_bits = 0;
    for (size_t k = 0; k < KEYS_EPC_BYTES; k++) {
        if (row->value[k] & ~row->mask[k]) {
            return fail_text(reading, line, ST_FORMAT,
                             "epc: a bit set in the value, not in the mask",
                             "value bits that the mask covers");
        }
        row->n_mask_bits += (unsigned)__builtin_popcount(row->mask[k]);
    }
    return ST_OK;
}

static enum status take_key(struct reading *reading, const char *text, size_t line)
{
    size_t n_bytes = 0;
    if (strlen(text) == 2 * SUITE_AES_KEY_BYTES &&
        bits_from_hex(text, reading->row.key, SUITE_AES_KEY_BYTES, &n_bytes) == ST_OK) {
        return ST_OK;
    }
    char what[64];
    snprintf(what, sizeof what, "key of %zu characters", strlen(text));
    return fail_text(reading, line, ST_FORMAT, what, "32 hex digits");
}

static enum status take_number(struct reading *reading, const char *text, size_t line,
                               const char *name, unsigned min, unsigned max, unsigned *value)
{
    size_t n_digits = strspn(text, "0123456789");
    unsigned number = 0;
    for (size_t k = 0; k < n_digits && k < 9; k++) {
        number = 10 * number + (unsigned)(text[k] - '0');
    }
    if (n_digits > 0 && n_digits < 9 && text[n_digits] == '\0' && number >= min && number <= max) {
        *value = number;
        return ST_OK;
    }
    char accepted[32];
    snprintf(accepted, sizeof accepted, "%u..%u", min, max);
    return fail_text(reading, line, ST_RANGE, name, accepted);
}

/*   in names[n], "" for those that have none   out value: which */
static enum status take_name(struct reading *reading, const char *text, size_t line,
                             const char *what, const char *const *names, unsigned n,
                             const char *accepted, unsigned *value)
{
    for (unsigned k = 0; k < n; k++) {
        if (strcmp(text, names[k]) == 0) {
            *value = k;
            return ST_OK;
        }
    }
    return fail_text(reading, line, ST_FORMAT, what, accepted);
}

static enum status take_key_id(struct reading *reading, const char *text, size_t line)
{
    unsigned key_id = 0;
    enum status status = take_number(reading, text, line, "key_id", 0, 255, &key_id);
    reading->row.key_id = (uint8_t)key_id;
    return status;
}

/* none: nothing is sent along; else Profile is the place in the list, less one. */
static enum status take_profile(struct reading *reading, const char *text, size_t line)
{
    static const char *const names[] = {"none", "epc", "tid", "user"};
    unsigned which = 0;
    enum status status =
        take_name(reading, text, line, "profile", names, 4, "none, epc, tid, user", &which);
    reading->row.wanted.profile = which > 0 ? which - 1 : 0;
    reading->has[ROW_PROFILE] = which > 0;
    return status;
}

static enum status take_offset(struct reading *reading, const char *text, size_t line)
{
    return take_number(reading, text, line, "offset", 0, SUITE_AES_OFFSET_MAX,
                       &reading->row.wanted.offset);
}

static enum status take_blocks(struct reading *reading, const char *text, size_t line)
{
    return take_number(reading, text, line, "blocks", 1, SUITE_AES_BLOCKS_MAX,
                       &reading->row.wanted.n_blocks);
}

static enum status take_protection(struct reading *reading, const char *text, size_t line)
{
    static const char *const names[SUITE_AES_PROTECTIONS] = {
        [SUITE_AES_PLAIN] = "plain", [SUITE_AES_CBC] = "cbc"};
    unsigned which = 0;
    enum status status = take_name(reading, text, line, "protection", names, SUITE_AES_PROTECTIONS,
                                   "plain, cbc", &which);
    reading->row.wanted.protection = (enum suite_aes_protection)which;
    return status;
}

static const struct row_rule {
    const char *name;
    bool is_needed;
    enum status (*take)(struct reading *reading, const char *text, size_t line);
} row_rules[ROW_N] = {
    [ROW_EPC] = {"epc", true, take_epc},
    [ROW_KEY_ID] = {"key_id", true, take_key_id},
    [ROW_KEY] = {"key", true, take_key},
    [ROW_PROFILE] = {"profile", false, take_profile},
    [ROW_OFFSET] = {"offset", false, take_offset},
    [ROW_BLOCKS] = {"blocks", false, take_blocks},
    [ROW_PROTECTION] = {"protection", false, take_protection},
};

static enum status take_row_key(struct reading *reading, const char *key, size_t line)
{
    for (int k = 0; k < ROW_N; k++) {
        if (strcmp(key, row_rules[k].name) != 0) {
            continue;
        }
        if (reading->has[k]) {
            char what[64];
            snprintf(what, sizeof what, "a second '%s'", row_rules[k].name);
            return fail_text(reading, line, ST_FORMAT, what, "each once in a row");
        }
        reading->row_key = (enum row_key)k;
        return ST_OK;
    }
    return fail_unknown(reading, line, key,
                        "epc, key_id, key, profile, offset, blocks, protection");
}

static enum status take_row_value(struct reading *reading, const char *text, size_t line)
{
    enum row_key key = reading->row_key;
    reading->row_key = ROW_NONE;
    reading->has[key] = true;
    return row_rules[key].take(reading, text, line);
}

static enum status take_scalar(struct reading *reading, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t line = event->start_mark.line + 1;
    if (strlen(text) != event->data.scalar.length) {
        return fail_at(reading, line, ST_FORMAT, "text with a zero character");
    }
    switch (reading->place) {
    case PLACE_TOP:
        return reading->top == TOP_NONE ? take_top_key(reading, text, line)
                                        : take_top_value(reading, text, line);
    case PLACE_ROW:
        return reading->row_key == ROW_NONE ? take_row_key(reading, text, line)
                                            : take_row_value(reading, text, line);
    case PLACE_ROWS:
        return fail_text(reading, line, ST_FORMAT, "a row that is no map",
                         "{epc: HEX, key_id: N, key: HEX}");
    case PLACE_FILE: break;
    }
    return fail_at(reading, line, ST_FORMAT, "'key: value' lines are expected");
}

static enum status open_map(struct reading *reading, size_t line)
{
    if (reading->place == PLACE_FILE) {
        reading->place = PLACE_TOP;
        return ST_OK;
    }
    if (reading->place != PLACE_ROWS) {
        return fail_at(reading, line, ST_FORMAT, "a map is accepted only as one of the rows");
    }
    reading->place = PLACE_ROW;
    reading->row_key = ROW_NONE;
    memset(reading->has, 0, sizeof reading->has);
    reading->row = (struct key_row){.wanted = {.protection = SUITE_AES_CBC}};
    return ST_OK;
}

static enum status open_list(struct reading *reading, size_t line)
{
    if (reading->place != PLACE_TOP || reading->top != TOP_ROWS) {
        return fail_at(reading, line, ST_FORMAT, "a list is accepted only after rows");
    }
    reading->place = PLACE_ROWS;
    return ST_OK;
}

/* What the tag shall send along stands or falls with the profile. */
static enum status wanted_settle(struct reading *reading, size_t line)
{
    struct suite_aes_wanted *wanted = &reading->row.wanted;
    bool has_more =
        reading->has[ROW_OFFSET] || reading->has[ROW_BLOCKS] || reading->has[ROW_PROTECTION];
    if (reading->has[ROW_PROFILE]) {
        wanted->n_blocks = wanted->n_blocks > 0 ? wanted->n_blocks : 1;
        return ST_OK;
    }
    *wanted = (struct suite_aes_wanted){0};
    return has_more ? fail_text(reading, line, ST_FORMAT,
                                "offset, blocks or protection without a profile",
                                "profile epc, tid or user beside them")
                    : ST_OK;
}

static enum status close_map(struct reading *reading, size_t line)
{
    if (reading->place == PLACE_TOP) {
        reading->place = PLACE_FILE;
        return ST_OK;
    }
    reading->place = PLACE_ROWS;
    for (int k = 0; k < ROW_N; k++) {
        if (row_rules[k].is_needed && !reading->has[k]) {
            char what[64];
            snprintf(what, sizeof what, "a row without '%s'", row_rules[k].name);
            return fail_text(reading, line, ST_FORMAT, what, "epc, key_id and key in each");
        }
    }
    enum status status = wanted_settle(reading, line);
    if (status) {
        return status;
    }
    status = keys_put(reading->keys, &reading->row);
    return status ? fail_at(reading, line, status, status_detail()) : ST_OK;
}

static enum status take_event(struct reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT: return take_scalar(reading, event);
    case YAML_MAPPING_START_EVENT: return open_map(reading, line);
    case YAML_MAPPING_END_EVENT: return close_map(reading, line);
    case YAML_SEQUENCE_START_EVENT: return open_list(reading, line);
    case YAML_SEQUENCE_END_EVENT:
        reading->place = PLACE_TOP;
        reading->top = TOP_NONE;
        return ST_OK;
    case YAML_ALIAS_EVENT: return fail_at(reading, line, ST_FORMAT, "aliases are not accepted");
    case YAML_DOCUMENT_START_EVENT:
        return reading->seen[TOP_NONE]
                   ? fail_at(reading, line, ST_FORMAT, "only one document is accepted")
                   : (reading->seen[TOP_NONE] = true, ST_OK);
    case YAML_STREAM_END_EVENT:
        reading->ended = true;
        return reading->seen[TOP_VERSION]
                   ? ST_OK
                   : fail_at(reading, line, ST_FORMAT, "no 'keys: 1' in the file");
    default: return ST_OK;
    }
}

static enum status read_events(struct reading *reading)
{
    enum status status = ST_OK;
    while (!status && !reading->ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reading->parser, &event)) {
            const char *problem = reading->parser.problem;
            return fail_at(reading, reading->parser.problem_mark.line + 1, ST_FORMAT,
                           problem ? problem : "out of memory");
        }
        status = take_event(reading, &event);
        if (event.type == YAML_SCALAR_EVENT) {
            OPENSSL_cleanse(event.data.scalar.value, event.data.scalar.length);
        }
        yaml_event_delete(&event);
    }
    return status;
}

/* The parser's own copies of the text. */
static void parser_wipe(yaml_parser_t *parser)
{
    OPENSSL_cleanse(parser->raw_buffer.start,
                    (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    OPENSSL_cleanse(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

enum status keys_parse(const char *yaml, size_t n_bytes, const char *name, struct keys *keys)
{
    struct reading reading = {.name = name, .keys = keys, .row_key = ROW_NONE};
    if (!yaml_parser_initialize(&reading.parser)) {
        return status_fail(ST_NO_MEMORY, "%.160s: no memory for the YAML parser", name);
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)(yaml ? yaml : ""),
                                 n_bytes);
    enum status status = read_events(&reading);
    parser_wipe(&reading.parser);
    OPENSSL_cleanse(&reading.row, sizeof reading.row);
    return status;
}
