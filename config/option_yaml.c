/* option_yaml.c - YAML configuration: nested maps of scalars, and nothing else of YAML. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/option_private.h"
#include "config/require.h"

#define YAML_FILE_MAX_BYTES (1u << 20)
#define YAML_WHERE 320 /* "name:line" */

struct yaml_reading {
    struct option_set *set;
    const char *name;
    const char *yaml;
    yaml_parser_t parser;
    char path[OPTION_DEPTH_MAX * OPTION_KEY_MAX]; /* dotted key so far */
    size_t path_ends[OPTION_DEPTH_MAX + 1];       /* its length outside each open map */
    size_t depth;                                 /* open maps */
    bool wants_value;                             /* a key was read, its value comes next */
    bool has_document;
    size_t seen_line[LIMIT_OPTIONS]; /* 0: not in this file yet */
};

static void yaml_where(const struct yaml_reading *reading, size_t line, char where[YAML_WHERE])
{
    snprintf(where, YAML_WHERE, "%.280s:%zu", reading->name, line);
}

static enum status yaml_fail(const struct yaml_reading *reading, size_t line, const char *reason)
{
    char where[YAML_WHERE];
    yaml_where(reading, line, where);
    return status_fail(ST_FORMAT, "%s: %s", where, reason);
}

/* libyaml's own complaint. Errors of its decoder carry an offset instead of a line. */
static enum status yaml_fail_syntax(const struct yaml_reading *reading)
{
    const yaml_parser_t *parser = &reading->parser;
    const char *problem = parser->problem ? parser->problem : "out of memory";
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset; i++) {
            line += reading->yaml[i] == '\n';
        }
    }
    return yaml_fail(reading, line, problem);
}

static bool yaml_is_null(const yaml_event_t *event)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp((const char *)event->data.scalar.value, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum status yaml_take_value(struct yaml_reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    char where[YAML_WHERE];
    yaml_where(reading, line, where);
    const size_t index = option_find(reading->set, reading->path);
    if (index == OPTION_NOT_FOUND) {
        return option_fail_unknown(reading->set, reading->path, where);
    }
    if (reading->seen_line[index] > 0) {
        return status_fail(ST_FORMAT, "%s: key '%s' stands already in line %zu", where,
                           reading->path, reading->seen_line[index]);
    }
    reading->seen_line[index] = line;
    const char *text = (const char *)event->data.scalar.value;
    if (yaml_is_null(event)) {
        return option_set_null(reading->set, reading->path, where);
    }
    return option_set_text(reading->set, reading->path, text, where);
}

/* Append a key to the path. */
static enum status yaml_take_key(struct yaml_reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    const char *key = (const char *)event->data.scalar.value;
    const size_t n_chars = strlen(key);
    if (n_chars == 0 || n_chars >= OPTION_KEY_MAX) {
        return yaml_fail(reading, line, n_chars ? "key too long" : "empty key");
    }
    const size_t outer = reading->path_ends[reading->depth];
    int n = snprintf(reading->path + outer, sizeof reading->path - outer, "%s%s", outer ? "." : "",
                     key);
    require(n > 0);
    require((size_t)n < sizeof reading->path - outer);
    reading->wants_value = true;
    return ST_OK;
}

static enum status yaml_take_scalar(struct yaml_reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    if (event->data.scalar.anchor || event->data.scalar.tag) {
        return yaml_fail(reading, line, "anchors and tags are not accepted");
    }
    if (strlen((const char *)event->data.scalar.value) != event->data.scalar.length) {
        return yaml_fail(reading, line, "text with a zero character");
    }
    if (reading->depth == 0) {
        bool empty = event->data.scalar.length == 0;
        return yaml_fail(reading, line,
                         empty ? "the file is empty" : "'key: value' lines are expected");
    }
    if (!reading->wants_value) {
        return yaml_take_key(reading, event);
    }
    reading->wants_value = false;
    return yaml_take_value(reading, event);
}

static enum status yaml_open_map(struct yaml_reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    if (event->data.mapping_start.anchor || event->data.mapping_start.tag) {
        return yaml_fail(reading, line, "anchors and tags are not accepted");
    }
    if (reading->depth > 0 && !reading->wants_value) {
        return yaml_fail(reading, line, "a map cannot be a key");
    }
    if (reading->depth == OPTION_DEPTH_MAX) {
        return yaml_fail(reading, line, "maps are nested too deeply");
    }
    reading->depth++;
    reading->path_ends[reading->depth] = reading->depth == 1 ? 0 : strlen(reading->path);
    reading->wants_value = false;
    return ST_OK;
}

static enum status yaml_take_event(struct yaml_reading *reading, const yaml_event_t *event)
{
    const size_t line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT: return yaml_take_scalar(reading, event);
    case YAML_MAPPING_START_EVENT: return yaml_open_map(reading, event);
    case YAML_MAPPING_END_EVENT:
        require(reading->depth > 0);
        reading->depth--;
        return ST_OK;
    case YAML_SEQUENCE_START_EVENT: return yaml_fail(reading, line, "lists are not accepted");
    case YAML_ALIAS_EVENT: return yaml_fail(reading, line, "aliases are not accepted");
    case YAML_DOCUMENT_START_EVENT:
        if (reading->has_document) {
            return yaml_fail(reading, line, "only one document is accepted");
        }
        reading->has_document = true;
        return ST_OK;
    case YAML_STREAM_END_EVENT:
        return reading->has_document ? ST_OK : yaml_fail(reading, line, "the file is empty");
    default: return ST_OK;
    }
}

static enum status yaml_read_events(struct yaml_reading *reading)
{
    bool ended = false;
    enum status status = ST_OK;
    while (!status && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reading->parser, &event)) {
            return yaml_fail_syntax(reading);
        }
        status = yaml_take_event(reading, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return status;
}

enum status option_read_memory(struct option_set *set, const char *yaml, size_t n_bytes,
                               const char *name)
{
    require(set);
    require(yaml || n_bytes == 0);
    require(name);
    if (n_bytes > YAML_FILE_MAX_BYTES) {
        return status_fail(ST_RANGE, "%s:1: %zu bytes, accepted 1..%u", name, n_bytes,
                           YAML_FILE_MAX_BYTES);
    }
    struct yaml_reading reading = {.set = set, .name = name, .yaml = yaml};
    if (!yaml_parser_initialize(&reading.parser)) {
        return status_fail(ST_NO_MEMORY, "%s: no memory for the YAML parser", name);
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)(yaml ? yaml : ""),
                                 n_bytes);
    enum status status = yaml_read_events(&reading);
    yaml_parser_delete(&reading.parser);
    return status;
}

enum status option_read_file(struct option_set *set, const char *path)
{
    require(set);
    require(path);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    }
    enum status status = ST_OK;
    char *yaml = malloc(YAML_FILE_MAX_BYTES + 1);
    if (yaml) {
        size_t n_bytes = fread(yaml, 1, YAML_FILE_MAX_BYTES + 1, file);
        status = ferror(file) ? status_fail(ST_IO, "%s: %s", path, strerror(errno))
                              : option_read_memory(set, yaml, n_bytes, path);
    } else {
        status = status_fail(ST_NO_MEMORY, "%s: no memory to read it", path);
    }
    free(yaml);
    fclose(file);
    return status;
}
