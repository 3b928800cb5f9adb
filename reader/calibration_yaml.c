/* calibration_yaml.c - reading the table: one map, two lists of small maps, nothing else of YAML. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/option.h"
#include "config/require.h"
#include "reader/calibration.h"

#define FILE_MAX_BYTES (1u << 20)

enum place { /* where in the file */
             PLACE_FILE = 0,
             PLACE_TOP,  /* in the outer map */
             PLACE_ROWS, /* in a list */
             PLACE_ROW,  /* in a row's map */
};

enum top_key { TOP_NONE = 0, TOP_VERSION, TOP_DEVICE, TOP_TX, TOP_RX, TOP_N };
static const char *const top_names[TOP_N] = {"", "calibration", "device", "tx", "rx"};

enum { ROW_KEYS = 3 };
static const char *const row_names[ROW_KEYS] = {"freq_hz", "gain_db", "dbm"};

struct reading {
    const char *name;
    struct calibration *calibration;
    yaml_parser_t parser;
    enum place place;
    enum top_key top; /* whose value comes next, or whose list this is */
    bool seen[TOP_N];
    int row_key; /* whose value comes next; -1: a key comes next */
    double value[ROW_KEYS];
    bool ended;
};

static enum status fail_at(const struct reading *reading, size_t line, enum status status,
                           const char *reason)
{
    char kept[320]; /* `reason` may be status_detail() */
    snprintf(kept, sizeof kept, "%.319s", reason);
    return status_fail(status, "%.160s:%zu: %s", reading->name, line, kept);
}

static enum status fail_text(const struct reading *reading, size_t line, const char *what,
                             const char *text, const char *accepted)
{
    char reason[320];
    snprintf(reason, sizeof reason, "%s '%.60s', accepted: %s", what, text, accepted);
    return fail_at(reading, line, ST_FORMAT, reason);
}

static enum status take_top_key(struct reading *reading, const char *key, size_t line)
{
    for (int k = TOP_VERSION; k < TOP_N; k++) {
        if (strcmp(key, top_names[k]) != 0) {
            continue;
        }
        if (reading->seen[k]) {
            return fail_text(reading, line, "a second key", key, "each once");
        }
        reading->seen[k] = true;
        reading->top = (enum top_key)k;
        return ST_OK;
    }
    return fail_text(reading, line, "unknown key", key, "calibration, device, tx, rx");
}

static enum status take_device(struct reading *reading, const char *text, size_t line)
{
    bool printable = true;
    for (const char *c = text; *c; c++) {
        printable = printable && *c >= ' ' && *c <= '~';
    }
    if (!printable || strlen(text) >= LIMIT_TEXT) {
        return fail_at(reading, line, ST_RANGE, "device: up to 255 ASCII characters are accepted");
    }
    snprintf(reading->calibration->device, LIMIT_TEXT, "%s", text);
    return ST_OK;
}

static enum status take_top_value(struct reading *reading, const char *text, size_t line)
{
    enum top_key top = reading->top;
    reading->top = TOP_NONE;
    if (top == TOP_DEVICE) {
        return take_device(reading, text, line);
    }
    if (top == TOP_VERSION) {
        return strcmp(text, "1") == 0 ? ST_OK
                                      : fail_text(reading, line, "calibration: version", text, "1");
    }
    return fail_text(reading, line, top_names[top], text, "a list of rows");
}

static enum status take_row_key(struct reading *reading, const char *key, size_t line)
{
    for (int k = 0; k < ROW_KEYS; k++) {
        if (strcmp(key, row_names[k]) == 0) {
            if (!isnan(reading->value[k])) {
                return fail_text(reading, line, "a second key", key, "each once in a row");
            }
            reading->row_key = k;
            return ST_OK;
        }
    }
    return fail_text(reading, line, "unknown key", key, "freq_hz, gain_db, dbm");
}

static enum status take_row_value(struct reading *reading, const char *text, size_t line)
{
    double value = NAN;
    int k = reading->row_key;
    reading->row_key = -1;
    if (option_parse_number(text, &value) != ST_OK) {
        return fail_text(reading, line, row_names[k], text, "a number");
    }
    reading->value[k] = value;
    return ST_OK;
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
        return reading->row_key < 0 ? take_row_key(reading, text, line)
                                    : take_row_value(reading, text, line);
    case PLACE_ROWS:
        return fail_text(reading, line, "row", text, "{freq_hz: HZ, gain_db: DB, dbm: DBM}");
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
    if (reading->place == PLACE_ROWS) {
        reading->place = PLACE_ROW;
        reading->row_key = -1;
        for (int k = 0; k < ROW_KEYS; k++) {
            reading->value[k] = NAN;
        }
        return ST_OK;
    }
    return fail_at(reading, line, ST_FORMAT, "a map is accepted only as a row of tx or rx");
}

static enum status open_list(struct reading *reading, size_t line)
{
    bool rows = reading->top == TOP_TX || reading->top == TOP_RX;
    if (reading->place != PLACE_TOP || !rows) {
        return fail_at(reading, line, ST_FORMAT, "a list is accepted only after tx or rx");
    }
    reading->place = PLACE_ROWS;
    return ST_OK;
}

static enum status close_map(struct reading *reading, size_t line)
{
    if (reading->place == PLACE_TOP) {
        reading->place = PLACE_FILE;
        return ST_OK;
    }
    reading->place = PLACE_ROWS;
    for (int k = 0; k < ROW_KEYS; k++) {
        if (isnan(reading->value[k])) {
            return fail_text(reading, line, "a row without", row_names[k],
                             "freq_hz, gain_db and dbm in each");
        }
    }
    struct calibration *calibration = reading->calibration;
    struct calibration_side *side = reading->top == TOP_TX ? &calibration->tx : &calibration->rx;
    size_t n_before = side->n_rows;
    enum status status =
        calibration_put(side, reading->value[0], reading->value[1], reading->value[2]);
    if (status) {
        return fail_at(reading, line, status, status_detail());
    }
    return side->n_rows > n_before
               ? ST_OK
               : fail_at(reading, line, ST_FORMAT, "the same freq_hz and gain_db stand twice");
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
                   : fail_at(reading, line, ST_FORMAT, "no 'calibration: 1' in the file");
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
        yaml_event_delete(&event);
    }
    return status;
}

enum status calibration_read_memory(const char *yaml, size_t n_bytes, const char *name,
                                    struct calibration *calibration)
{
    require(yaml || n_bytes == 0);
    require(calibration);
    memset(calibration, 0, sizeof *calibration);
    if (n_bytes > FILE_MAX_BYTES) {
        return status_fail(ST_RANGE, "%s:1: more than %u bytes", name, FILE_MAX_BYTES);
    }
    struct reading reading = {.name = name, .calibration = calibration, .row_key = -1};
    if (!yaml_parser_initialize(&reading.parser)) {
        return status_fail(ST_NO_MEMORY, "%s: no memory for the YAML parser", name);
    }
    yaml_parser_set_encoding(&reading.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)(yaml ? yaml : ""),
                                 n_bytes);
    enum status status = read_events(&reading);
    yaml_parser_delete(&reading.parser);
    return status;
}

enum status calibration_read(const char *path, struct calibration *calibration)
{
    require(path);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    }
    char *yaml = malloc(FILE_MAX_BYTES + 1);
    enum status status = yaml ? ST_OK : status_fail(ST_NO_MEMORY, "%s: no memory to read it", path);
    if (!status) {
        size_t n_bytes = fread(yaml, 1, FILE_MAX_BYTES + 1, file);
        status = ferror(file) ? status_fail(ST_IO, "%s: %s", path, strerror(errno))
                              : calibration_read_memory(yaml, n_bytes, path, calibration);
    }
    free(yaml);
    fclose(file);
    return status;
}
