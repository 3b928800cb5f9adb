/* program_event.c - what the program printed, held against the contract: "Events (schema version
 * 1)"; and the simulated population as the truth about EPCs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/option.h"
#include "radio/air/air.h"
#include "tests/program.h"

enum field_kind {
    FIELD_TEXT,
    FIELD_HEX,  /* upper case, whole bytes, not empty */
    FIELD_HEX4, /* four upper-case digits */
    FIELD_BITS,
    FIELD_NUMBER,
    FIELD_LEVEL, /* number, or null while it is not known */
    FIELD_COUNT, /* integer, not negative */
    FIELD_PHASE,
    FIELD_BOOL,
    FIELD_QUANTILES, /* object of p50, p99: levels */
    FIELD_HOST,
    FIELD_OUTCOME,
    FIELD_CAUSES, /* object of counts above 0, by cause */
    FIELD_CAUSE,
    FIELD_REASONS, /* object of counts above 0, by reason */
    FIELD_REASON,
};

struct field_row {
    const char *type, *key; /* type NULL: in every event */
    enum field_kind kind;
    bool optional;
};

static const struct field_row field_rows[] = {
    {NULL, "t", FIELD_NUMBER, false},
    {NULL, "reader", FIELD_TEXT, false},
    {NULL, "time", FIELD_TEXT, true},
    {"read", "protocol", FIELD_TEXT, false},
    {"read", "epc", FIELD_HEX, false},
    {"read", "pc", FIELD_HEX4, true}, /* absent where truncated: see check_event */
    {"read", "truncated", FIELD_BOOL, true},
    {"read", "uri", FIELD_TEXT, true},
    {"read", "antenna", FIELD_TEXT, false},
    {"read", "freq_hz", FIELD_NUMBER, true},   /* a raw recording does not tell */
    {"read", "rssi_dbfs", FIELD_NUMBER, true}, /* one of the two: see check_event */
    {"read", "rssi_dbm", FIELD_NUMBER, true},
    {"read", "snr_db", FIELD_NUMBER, false},
    {"read", "phase_deg", FIELD_PHASE, false},
    {"read", "blf_hz", FIELD_NUMBER, false},
    {"read", "rn16", FIELD_HEX4, false},
    {"read", "session", FIELD_COUNT, false},
    {"read", "round", FIELD_COUNT, false},
    {"read", "slot", FIELD_COUNT, false},
    {"read", "count", FIELD_COUNT, false},
    {"read", "recovered", FIELD_BOOL, false},
    {"read", "authenticated", FIELD_BOOL, true},     /* tags that have a key only */
    {"read", "authenticated_s", FIELD_NUMBER, true}, /* those that gave proof */
    {"slot", "outcome", FIELD_OUTCOME, false},
    {"slot", "round", FIELD_COUNT, false},
    {"slot", "slot", FIELD_COUNT, false},
    {"slot", "q", FIELD_COUNT, false},
    {"slot", "rn16", FIELD_HEX4, true}, /* an empty slot has none */
    {"slot", "cause", FIELD_CAUSE, true},
    {"access", "epc", FIELD_HEX, false},
    {"access", "op", FIELD_TEXT, false},
    {"access", "ok", FIELD_BOOL, false},
    {"access", "outcome", FIELD_TEXT, false},
    {"access", "data", FIELD_TEXT, false},
    {"access", "error", FIELD_TEXT, false},
    {"access", "authenticated", FIELD_BOOL, true}, /* authenticate, with a key */
    {"access", "chip", FIELD_TEXT, true},
    {"access", "uri", FIELD_TEXT, true},
    {"watch", "epc", FIELD_TEXT, false},
    {"watch", "present", FIELD_BOOL, false},
    {"watch", "absent_s", FIELD_NUMBER, false},
    {"watch", "seen_t", FIELD_LEVEL, false},
    {"tdma", "nominal_s", FIELD_NUMBER, false},
    {"tdma", "known", FIELD_COUNT, false},
    {"tdma", "unplaced", FIELD_COUNT, false},
    {"tdma", "polled", FIELD_COUNT, false},
    {"tdma", "kept", FIELD_COUNT, false},
    {"tdma", "missed", FIELD_COUNT, false},
    {"tdma", "polls", FIELD_COUNT, false},
    {"tdma", "newcomers", FIELD_COUNT, false},
    {"tdma", "forgotten", FIELD_COUNT, false},
    {"auth_failed", "epc", FIELD_HEX, true}, /* of tags that made room: none */
    {"auth_failed", "tags", FIELD_COUNT, false},
    {"auth_failed", "reason", FIELD_REASON, false},
    {"auth_failed", "reason_text", FIELD_TEXT, false},
    {"auth_failed", "reasons", FIELD_REASONS, false},
    {"auth_failed", "failures", FIELD_COUNT, false},
    {"auth_failed", "first_t", FIELD_NUMBER, false},
    {"auth_failed", "last_t", FIELD_NUMBER, false},
    {"round", "q", FIELD_COUNT, false},
    {"round", "slots", FIELD_COUNT, false},
    {"round", "empty", FIELD_COUNT, false},
    {"round", "single", FIELD_COUNT, false},
    {"round", "collision", FIELD_COUNT, false},
    {"round", "duration_s", FIELD_NUMBER, false},
    {"round", "tags_estimated", FIELD_NUMBER, false},
    {"command", "name", FIELD_TEXT, false},
    {"command", "bits", FIELD_BITS, false},
    {"command", "rn16", FIELD_HEX4, true},
    {"status", "reads", FIELD_COUNT, false},
    {"status", "unique", FIELD_COUNT, false},
    {"status", "reads_per_s", FIELD_NUMBER, false},
    {"status", "overflows", FIELD_COUNT, false},
    {"status", "underflows", FIELD_COUNT, false},
    {"status", "late", FIELD_COUNT, false},
    {"status", "causes", FIELD_CAUSES, false},
    {"status", "clipped", FIELD_COUNT, false},
    {"status", "leak_dbfs", FIELD_LEVEL, false},
    {"status", "residual_dbfs", FIELD_LEVEL, false},
    {"status", "noise_dbfs", FIELD_LEVEL, false},
    {"status", "read_latency_ms", FIELD_QUANTILES, false},
    {"status", "host", FIELD_HOST, false},
    {"status", "auth_ok", FIELD_COUNT, true}, /* with auth.keys only */
    {"status", "auth_failed", FIELD_COUNT, true},
    {"status", "auth_reasons", FIELD_REASONS, true},
    {"summary", "duration_s", FIELD_NUMBER, false},
};

bool program_event_is(const json_t *event, const char *type)
{
    const char *own = json_string_value(json_object_get(event, "type"));
    return own && !strcmp(own, type);
}

const char *program_text(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

double program_number(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

size_t program_count(const json_t *events, const char *type)
{
    size_t n = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        n += program_event_is(json_array_get(events, k), type);
    }
    return n;
}

json_t *program_events(const struct program *program)
{
    json_t *events = json_array();
    for (const char *line = program->out; *line;) {
        const char *end = strchr(line, '\n');
        if (!end) {
            fail_msg("the last line has no end: %s", line);
        }
        json_error_t error;
        json_t *event = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(event)) {
            fail_msg("%s: %.*s", error.text, (int)(end - line), line);
        }
        json_array_append_new(events, event);
        line = end + 1;
    }
    return events;
}

static bool consists_of(const char *text, const char *alphabet)
{
    return text && *text && text[strspn(text, alphabet)] == '\0';
}

static bool is_level(const json_t *value)
{
    return json_is_number(value) || json_is_null(value);
}

static bool is_span(const json_t *value)
{
    return is_level(json_object_get(value, "p50")) && is_level(json_object_get(value, "p99")) &&
           is_level(json_object_get(value, "max"));
}

static bool is_host(const json_t *value)
{
    return is_span(json_object_get(value, "turnaround_us")) &&
           is_span(json_object_get(value, "silence_us")) &&
           json_is_integer(json_object_get(value, "dropped_events")) &&
           json_is_number(json_object_get(value, "cpu"));
}

static bool is_outcome(const char *text)
{
    static const char *const outcomes[] = {"empty", "single", "collision", "rn16_only",
                                           "crc_error"};
    for (size_t k = 0; text && k < sizeof outcomes / sizeof *outcomes; k++) {
        if (!strcmp(text, outcomes[k])) {
            return true;
        }
    }
    return false;
}

static bool is_cause(const char *text)
{
    static const char *const causes[] = {"clipped",  "carrier",     "commands",  "impulses",
                                         "burst",    "no_preamble", "weak",      "misfit",
                                         "doubtful", "crc",         "collision", "cut"};
    for (size_t k = 0; text && k < sizeof causes / sizeof *causes; k++) {
        if (!strcmp(text, causes[k])) {
            return true;
        }
    }
    return false;
}

static bool is_causes(json_t *value)
{
    const char *key;
    json_t *count;
    json_object_foreach(value, key, count)
    {
        if (!is_cause(key) || json_integer_value(count) <= 0) {
            return false;
        }
    }
    return json_is_object(value);
}

static bool is_reason(const char *text)
{
    static const char *const reasons[] = {"wrong_key", "replay", "tampered", "refused", "silent"};
    for (size_t k = 0; text && k < sizeof reasons / sizeof *reasons; k++) {
        if (!strcmp(text, reasons[k])) {
            return true;
        }
    }
    return false;
}

static bool is_reasons(json_t *value)
{
    const char *key;
    json_t *count;
    json_object_foreach(value, key, count)
    {
        if (!is_reason(key) || json_integer_value(count) <= 0) {
            return false;
        }
    }
    return json_is_object(value);
}

static bool is_of_kind(json_t *value, enum field_kind kind)
{
    const char *text = json_string_value(value);
    switch (kind) {
    case FIELD_TEXT: return text != NULL;
    case FIELD_HEX: return consists_of(text, "0123456789ABCDEF") && strlen(text) % 2 == 0;
    case FIELD_HEX4: return consists_of(text, "0123456789ABCDEF") && strlen(text) == 4;
    case FIELD_BITS: return consists_of(text, "01");
    case FIELD_NUMBER: return json_is_number(value);
    case FIELD_LEVEL: return is_level(value);
    case FIELD_COUNT: return json_is_integer(value) && json_integer_value(value) >= 0;
    case FIELD_PHASE: return json_number_value(value) >= 0 && json_number_value(value) < 360;
    case FIELD_BOOL: return json_is_boolean(value);
    case FIELD_QUANTILES:
        return is_level(json_object_get(value, "p50")) && is_level(json_object_get(value, "p99"));
    case FIELD_HOST: return is_host(value);
    case FIELD_OUTCOME: return is_outcome(text);
    case FIELD_CAUSES: return is_causes(value);
    case FIELD_CAUSE: return is_cause(text);
    case FIELD_REASONS: return is_reasons(value);
    case FIELD_REASON: return is_reason(text);
    }
    return false;
}

/* A summary has everything a status has. */
static bool row_applies(const struct field_row *row, const json_t *event)
{
    return !row->type || program_event_is(event, row->type) ||
           (!strcmp(row->type, "status") && program_event_is(event, "summary"));
}

static void check_event(const json_t *event)
{
    static const char *const types[] = {"read",   "slot",        "round",   "command", "watch",
                                        "access", "auth_failed", "summary", "status",  "tdma"};
    bool known = false;
    for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
        known = known || program_event_is(event, types[k]);
    }
    assert_true(known);
    assert_int_equal(json_integer_value(json_object_get(event, "v")), 1);
    if (program_event_is(event, "read")) {
        assert_true(!json_object_get(event, "rssi_dbfs") != !json_object_get(event, "rssi_dbm"));
        assert_true(!json_object_get(event, "pc") != !json_object_get(event, "truncated"));
    }
    for (size_t k = 0; k < sizeof field_rows / sizeof *field_rows; k++) {
        const struct field_row *row = &field_rows[k];
        json_t *value = json_object_get(event, row->key);
        bool absent = !value && row->optional;
        if (row_applies(row, event) && !absent && !is_of_kind(value, row->kind)) {
            char *text = json_dumps(event, 0);
            fail_msg("field '%s' is not as the contract says: %s", row->key, text);
        }
    }
}

void program_check_events(const json_t *events)
{
    const size_t n = json_array_size(events);
    assert_true(n > 0);
    for (size_t k = 0; k < n; k++) {
        check_event(json_array_get(events, k));
    }
    assert_true(program_event_is(json_array_get(events, n - 1), "summary"));
    assert_int_equal(program_count(events, "summary"), 1);
}

char *program_without_host(const char *text)
{
    char *rest = malloc(strlen(text) + 1);
    assert_non_null(rest);
    size_t n = 0;
    while (*text) {
        if (!strncmp(text, ",\"host\":{", 9)) {
            int depth = 0;
            do {
                depth += (*text == '{') - (*text == '}');
                text++;
            } while (*text && (depth > 0 || text[-1] != '}'));
        } else {
            rest[n++] = *text++;
        }
    }
    rest[n] = '\0';
    return rest;
}

static int compare_epcs(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void sort_unique(struct program_epcs *epcs)
{
    qsort(epcs->epc, epcs->n, sizeof *epcs->epc, compare_epcs);
    size_t n = 0;
    for (size_t k = 0; k < epcs->n; k++) {
        if (n == 0 || strcmp(epcs->epc[n - 1], epcs->epc[k]) != 0) {
            memmove(epcs->epc[n++], epcs->epc[k], sizeof *epcs->epc);
        }
    }
    epcs->n = n;
}

void program_epcs_read(const json_t *events, struct program_epcs *epcs)
{
    epcs->n = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "read")) {
            if (epcs->n == PROGRAM_TAGS_MAX) {
                sort_unique(epcs);
            }
            assert_true(epcs->n < PROGRAM_TAGS_MAX);
            snprintf(epcs->epc[epcs->n++], sizeof *epcs->epc, "%s", program_text(event, "epc"));
        }
    }
    sort_unique(epcs);
}

void program_epcs_truth(int n_tags, int seed, struct program_epcs *epcs)
{
    static const struct option_table *const tables[] = {&air_options};
    struct option_set *set;
    struct air_cfg cfg;
    struct air *air;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    option_fill(set, &air_options, &cfg);
    cfg.seed = seed;
    cfg.n_tags = n_tags;
    assert_int_equal(air_new(&cfg, 2e6, 915e6, 1, 1, &air), ST_OK);
    epcs->n = air_n_tags(air);
    assert_in_range(epcs->n, 0, PROGRAM_TAGS_MAX);
    for (size_t k = 0; k < epcs->n; k++) {
        struct air_tag_truth truth;
        air_tag_read(air, k, &truth);
        assert_in_range(truth.n_epc_bits, 16, 248);
        for (size_t byte = 0; byte < truth.n_epc_bits / 8; byte++) {
            snprintf(epcs->epc[k] + 2 * byte, 3, "%02X", truth.epc[byte]);
        }
    }
    air_free(&air);
    option_set_free(&set);
    sort_unique(epcs);
    assert_int_equal(epcs->n, n_tags); /* a population of different tags */
}

void program_check_epcs(const json_t *events, int n_tags, int seed)
{
    static struct program_epcs truth, read;
    program_epcs_truth(n_tags, seed, &truth);
    program_epcs_read(events, &read);
    for (size_t k = 0; k < read.n; k++) {
        if (!bsearch(read.epc[k], truth.epc, truth.n, sizeof *truth.epc, compare_epcs)) {
            fail_msg("EPC %s is not in the field", read.epc[k]);
        }
    }
    if (read.n != truth.n) {
        fail_msg("%zu of %zu EPCs were read", read.n, truth.n);
    }
}

void program_check_repeats(const char *arguments)
{
    char *text[2];
    for (int k = 0; k < 2; k++) {
        struct program program;
        program_run(&program, "%s", arguments);
        program_succeeded(&program);
        text[k] = program_without_host(program.out);
        program_free(&program);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}
