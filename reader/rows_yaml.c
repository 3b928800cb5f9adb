/* rows_yaml.c - reading a file that is a table: one map, lists of small maps, nothing else of YAML. */
#include "reader/rows_yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include <openssl/crypto.h>

#include "config/require.h"

enum { WORD_SHOWN_MAX = 12, REASON_CHARS = 320, NO_KEY = -1 };
#define NAME_CHARS "_abcdefghijklmnopqrstuvwxyz"

enum place { /* where in the file */
             PLACE_FILE = 0,
             PLACE_TOP,  /* in the outer map */
             PLACE_ROWS, /* in a list */
             PLACE_ROW,  /* in a row's map */
};

struct rows_yaml {
    const struct rows_format *format;
    const char *name;
    void *context;
    yaml_parser_t parser;
    enum place place;
    int top, cell; /* whose value comes next, or whose list this is; NO_KEY: a key comes next */
    bool has_top[ROWS_YAML_KEYS_MAX], has_cell[ROWS_YAML_KEYS_MAX];
    bool has_document, ended;
};

static enum status fail_at(const struct rows_yaml *yaml, size_t line, enum status status,
                           const char *reason)
{
    char kept[REASON_CHARS]; /* `reason` may be status_detail() */
    snprintf(kept, sizeof kept, "%.319s", reason);
    return status_fail(status, "%.160s:%zu: %s", yaml->name, line, kept);
}

/*   in   text  NULL: none is shown */
static enum status fail_text(const struct rows_yaml *yaml, size_t line, enum status status,
                             const char *what, const char *text, const char *accepted)
{
    char reason[REASON_CHARS];
    if (text) {
        snprintf(reason, sizeof reason, "%s '%.60s', accepted: %s", what, text, accepted);
    } else {
        snprintf(reason, sizeof reason, "%s, accepted: %s", what, accepted);
    }
    return fail_at(yaml, line, status, reason);
}

enum status rows_yaml_refuse(const struct rows_value *value, enum status status, const char *what,
                             const char *accepted)
{
    require(value);
    return fail_text(value->yaml, value->line, status, what,
                     value->yaml->format->is_secret ? NULL : value->text, accepted);
}

enum status rows_yaml_fail(const struct rows_value *value, enum status status, const char *reason)
{
    require(value);
    return fail_at(value->yaml, value->line, status, reason);
}

/* What stands at `text`, the value of keys[key]. */
static struct rows_value value_of(const struct rows_yaml *yaml, const struct rows_key *keys,
                                  int key, const char *text, size_t line)
{
    require(key != NO_KEY);
    return (struct rows_value){.context = yaml->context,
                               .key = (size_t)key,
                               .name = keys[key].name,
                               .text = text,
                               .line = line,
                               .yaml = yaml};
}

/*   out  list  "a, b, c" */
static void names_list(const struct rows_key *keys, size_t n_keys, char list[REASON_CHARS])
{
    size_t n = 0;
    list[0] = '\0';
    for (size_t k = 0; k < n_keys && n < REASON_CHARS; k++) {
        n += (size_t)snprintf(list + n, REASON_CHARS - n, "%s%s", k > 0 ? ", " : "", keys[k].name);
    }
}

/* In a secret file a word where a key is wanted is shown when it is too short for anything secret and
 * looks like one of the names: no digit in it. */
static enum status fail_unknown(const struct rows_yaml *yaml, size_t line, const char *word,
                                const char *accepted)
{
    size_t n_chars = strlen(word);
    bool is_name = n_chars <= WORD_SHOWN_MAX && strspn(word, NAME_CHARS) == n_chars;
    bool is_shown = is_name || !yaml->format->is_secret;
    return fail_text(yaml, line, ST_FORMAT, "unknown key", is_shown ? word : NULL, accepted);
}

/* A key of the outer map or of a row.   out which, and that it has been met */
static enum status take_key(const struct rows_yaml *yaml, const char *word, size_t line, bool *has,
                            int *which)
{
    bool is_top = yaml->place == PLACE_TOP;
    const struct rows_key *keys = is_top ? yaml->format->top : yaml->format->cells;
    size_t n_keys = is_top ? yaml->format->n_top : yaml->format->n_cells;
    for (size_t k = 0; k < n_keys; k++) {
        if (strcmp(word, keys[k].name) != 0) {
            continue;
        }
        if (has[k]) {
            return fail_text(yaml, line, ST_FORMAT, yaml->format->again, keys[k].name,
                             is_top ? "each once" : "each once in a row");
        }
        has[k] = true;
        *which = (int)k;
        return ST_OK;
    }
    char accepted[REASON_CHARS];
    names_list(keys, n_keys, accepted);
    return fail_unknown(yaml, line, word, accepted);
}

static enum status take_top_value(struct rows_yaml *yaml, const char *text, size_t line)
{
    const struct rows_key *key = &yaml->format->top[yaml->top];
    const struct rows_value value = value_of(yaml, yaml->format->top, yaml->top, text, line);
    yaml->top = NO_KEY;
    switch (key->kind) {
    case ROWS_TEXT: return key->take(&value);
    case ROWS_LIST: return rows_yaml_refuse(&value, ST_FORMAT, key->what, "a list of rows");
    case ROWS_VERSION: break;
    }
    return strcmp(text, "1") == 0 ? ST_OK : rows_yaml_refuse(&value, ST_FORMAT, key->what, "1");
}

static enum status take_cell(struct rows_yaml *yaml, const char *text, size_t line)
{
    const struct rows_value value = value_of(yaml, yaml->format->cells, yaml->cell, text, line);
    yaml->cell = NO_KEY;
    return yaml->format->cells[value.key].take(&value);
}

static enum status take_scalar(struct rows_yaml *yaml, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    const size_t line = event->start_mark.line + 1;
    if (strlen(text) != event->data.scalar.length) {
        return fail_at(yaml, line, ST_FORMAT, "text with a zero character");
    }
    switch (yaml->place) {
    case PLACE_TOP:
        return yaml->top == NO_KEY ? take_key(yaml, text, line, yaml->has_top, &yaml->top)
                                   : take_top_value(yaml, text, line);
    case PLACE_ROW:
        return yaml->cell == NO_KEY ? take_key(yaml, text, line, yaml->has_cell, &yaml->cell)
                                    : take_cell(yaml, text, line);
    case PLACE_ROWS:
        return fail_text(yaml, line, ST_FORMAT, yaml->format->stray,
                         yaml->format->is_secret ? NULL : text, yaml->format->row_shape);
    case PLACE_FILE: break;
    }
    return fail_at(yaml, line, ST_FORMAT, "'key: value' lines are expected");
}

static enum status open_map(struct rows_yaml *yaml, size_t line)
{
    if (yaml->place == PLACE_FILE) {
        yaml->place = PLACE_TOP;
        return ST_OK;
    }
    if (yaml->place != PLACE_ROWS) {
        return fail_at(yaml, line, ST_FORMAT, "a map is accepted only as a row in a list");
    }
    yaml->place = PLACE_ROW;
    yaml->cell = NO_KEY;
    memset(yaml->has_cell, 0, sizeof yaml->has_cell);
    yaml->format->row_begin(yaml->context);
    return ST_OK;
}

static enum status open_list(struct rows_yaml *yaml, size_t line)
{
    const struct rows_format *format = yaml->format;
    if (yaml->place == PLACE_TOP && yaml->top != NO_KEY &&
        format->top[yaml->top].kind == ROWS_LIST) {
        yaml->place = PLACE_ROWS;
        return ST_OK;
    }
    char reason[REASON_CHARS] = "a list is accepted only after";
    for (size_t k = 0; k < format->n_top; k++) {
        size_t n = strlen(reason);
        if (format->top[k].kind == ROWS_LIST) {
            snprintf(reason + n, sizeof reason - n, " %s:", format->top[k].name);
        }
    }
    return fail_at(yaml, line, ST_FORMAT, reason);
}

static enum status close_map(struct rows_yaml *yaml, size_t line)
{
    if (yaml->place == PLACE_TOP) {
        yaml->place = PLACE_FILE;
        return ST_OK;
    }
    const struct rows_format *format = yaml->format;
    yaml->place = PLACE_ROWS;
    for (size_t k = 0; k < format->n_needed; k++) {
        if (!yaml->has_cell[k]) {
            char accepted[REASON_CHARS];
            names_list(format->cells, format->n_needed, accepted);
            return fail_text(yaml, line, ST_FORMAT, "a row without", format->cells[k].name,
                             accepted);
        }
    }
    const struct rows_value value = value_of(yaml, format->top, yaml->top, NULL, line);
    return format->row_end(&value);
}

static enum status take_event(struct rows_yaml *yaml, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT: return take_scalar(yaml, event);
    case YAML_MAPPING_START_EVENT: return open_map(yaml, line);
    case YAML_MAPPING_END_EVENT: return close_map(yaml, line);
    case YAML_SEQUENCE_START_EVENT: return open_list(yaml, line);
    case YAML_SEQUENCE_END_EVENT:
        yaml->place = PLACE_TOP;
        yaml->top = NO_KEY;
        return ST_OK;
    case YAML_ALIAS_EVENT: return fail_at(yaml, line, ST_FORMAT, "aliases are not accepted");
    case YAML_DOCUMENT_START_EVENT:
        if (yaml->has_document) {
            return fail_at(yaml, line, ST_FORMAT, "only one document is accepted");
        }
        yaml->has_document = true;
        return ST_OK;
    case YAML_STREAM_END_EVENT: yaml->ended = true; return ST_OK;
    default: return ST_OK;
    }
}

static enum status read_events(struct rows_yaml *yaml)
{
    enum status status = ST_OK;
    size_t line = 1;
    while (!status && !yaml->ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&yaml->parser, &event)) {
            const char *problem = yaml->parser.problem;
            return fail_at(yaml, yaml->parser.problem_mark.line + 1, ST_FORMAT,
                           problem ? problem : "out of memory");
        }
        line = event.start_mark.line + 1;
        status = take_event(yaml, &event);
        if (event.type == YAML_SCALAR_EVENT && yaml->format->is_secret) {
            OPENSSL_cleanse(event.data.scalar.value, event.data.scalar.length);
        }
        yaml_event_delete(&event);
    }
    if (status || yaml->has_top[0]) {
        return status;
    }
    char reason[REASON_CHARS];
    snprintf(reason, sizeof reason, "no '%s: 1' in the file", yaml->format->top[0].name);
    return fail_at(yaml, line, ST_FORMAT, reason);
}

/* The parser's own copies of the text. */
static void parser_wipe(yaml_parser_t *parser)
{
    OPENSSL_cleanse(parser->raw_buffer.start,
                    (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    OPENSSL_cleanse(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
}

enum status rows_yaml_read(const struct rows_format *format, const char *yaml, size_t n_bytes,
                           const char *name, void *context)
{
    require(format);
    require(yaml || n_bytes == 0);
    require(name);
    require(format->n_top > 0 && format->n_top <= ROWS_YAML_KEYS_MAX);
    require(format->top[0].kind == ROWS_VERSION);
    require(format->n_cells <= ROWS_YAML_KEYS_MAX && format->n_needed <= format->n_cells);
    if (n_bytes > ROWS_YAML_MAX_BYTES) {
        return status_fail(ST_RANGE, "%.160s:1: more than %d bytes", name, ROWS_YAML_MAX_BYTES);
    }
    struct rows_yaml reading = {
        .format = format, .name = name, .context = context, .top = NO_KEY, .cell = NO_KEY};
    if (!yaml_parser_initialize(&reading.parser)) {
        return status_fail(ST_NO_MEMORY, "%.160s: no memory for the YAML parser", name);
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)(yaml ? yaml : ""),
                                 n_bytes);
    enum status status = read_events(&reading);
    if (format->is_secret) {
        parser_wipe(&reading.parser);
    }
    yaml_parser_delete(&reading.parser);
    return status;
}
