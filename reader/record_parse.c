/* record_parse.c - a published JSON object back into a record. */
#include "reader/record_parse.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "config/require.h"

#define COUNT_MAX 9e15 /* whole numbers a double holds */

struct fields { /* reading goes on after a fault; the first one is told */
    const json_t *object;
    enum status *status;
};

static void field_fault(struct fields *fields, const char *key, const char *expected)
{
    if (!*fields->status) {
        *fields->status = status_fail(ST_FORMAT, "field '%s' is not %s", key, expected);
    }
}

static double number_of(struct fields *fields, const char *key)
{
    const json_t *value = json_object_get(fields->object, key);
    if (!value || json_is_null(value)) {
        return NAN;
    }
    if (!json_is_number(value)) {
        field_fault(fields, key, "a number");
        return NAN;
    }
    return json_number_value(value);
}

static uint64_t count_of(struct fields *fields, const char *key)
{
    double value = number_of(fields, key);
    if (isnan(value)) {
        return 0;
    }
    if (!(value >= 0.0 && value <= COUNT_MAX)) {
        field_fault(fields, key, "a count");
        return 0;
    }
    return (uint64_t)value;
}

static uint32_t count32_of(struct fields *fields, const char *key)
{
    uint64_t value = count_of(fields, key);
    if (value > UINT32_MAX) {
        field_fault(fields, key, "a count of 32 bits");
        return 0;
    }
    return (uint32_t)value;
}

static int small_of(struct fields *fields, const char *key)
{
    uint64_t value = count_of(fields, key);
    if (value > 255) {
        field_fault(fields, key, "within 0..255");
        return 0;
    }
    return (int)value;
}

/* NULL when absent. */
static const char *text_of(struct fields *fields, const char *key)
{
    const json_t *value = json_object_get(fields->object, key);
    if (!value) {
        return NULL;
    }
    if (!json_is_string(value)) {
        field_fault(fields, key, "a text");
        return NULL;
    }
    return json_string_value(value);
}

/* For a terminal: no control characters, no half sequences. */
static void printable_copy(char *to, size_t capacity, const char *from)
{
    size_t n = 0;
    for (; from && from[n] && n + 1 < capacity; n++) {
        to[n] = from[n] >= ' ' && from[n] <= '~' ? from[n] : '?';
    }
    to[n] = '\0';
}

static bool hex4_of(struct fields *fields, const char *key, uint16_t *value)
{
    const char *text = text_of(fields, key);
    uint8_t packed[2] = {0};
    size_t n_bytes = 0;
    if (!text) {
        return false;
    }
    if (strlen(text) != 4 || bits_from_hex(text, packed, sizeof packed, &n_bytes) != ST_OK) {
        field_fault(fields, key, "4 hex digits");
        return false;
    }
    *value = (uint16_t)(packed[0] << 8 | packed[1]);
    return true;
}

/* Index of a word in a table; none of them: a fault. Absent: 0. */
static int word_of(struct fields *fields, const char *key, const char *const *word, int n_words)
{
    const char *text = text_of(fields, key);
    for (int k = 0; text && k < n_words; k++) {
        if (strcmp(text, word[k]) == 0) {
            return k;
        }
    }
    if (text) {
        field_fault(fields, key, "a known word");
    }
    return 0;
}

/* A cause of a later version is no fault: it is not shown. */
static enum reply_cause cause_of(struct fields *fields)
{
    const char *text = text_of(fields, "cause");
    for (int k = 0; text && k < REPLY_CAUSE_N; k++) {
        if (strcmp(text, record_cause_text[k]) == 0) {
            return (enum reply_cause)k;
        }
    }
    return REPLY_CAUSE_NONE;
}

/* An array within, as long as it fits.  out NULL: absent */
static const json_t *array_of(struct fields *fields, const char *key, size_t capacity,
                              size_t *n_elements)
{
    const json_t *array = json_object_get(fields->object, key);
    *n_elements = 0;
    if (array && !json_is_array(array)) {
        field_fault(fields, key, "an array");
        return NULL;
    }
    *n_elements = json_array_size(array) < capacity ? json_array_size(array) : capacity;
    return array;
}

static void parse_channels(struct fields *fields, struct record_read *read)
{
    size_t n = 0;
    const json_t *channels = array_of(fields, "channels", LIMIT_RX_CHANNELS, &n);
    for (size_t c = 0; c < n; c++) {
        struct fields inner = {.object = json_array_get(channels, c), .status = fields->status};
        read->channel[c].rssi_dbfs = number_of(&inner, "rssi_dbfs");
        read->channel[c].phase_deg = number_of(&inner, "phase_deg");
    }
    read->n_channels = (unsigned)n;
}

static void parse_read(struct fields *fields, struct record_read *read)
{
    size_t n_bytes = 0;
    const char *epc = text_of(fields, "epc");
    if (!epc || bits_from_hex(epc, read->epc, sizeof read->epc, &n_bytes) != ST_OK) {
        field_fault(fields, "epc", "an EPC in hex");
    }
    read->n_epc_bits = 8 * n_bytes;
    (void)hex4_of(fields, "pc", &read->pc); /* absent: 0 */
    (void)hex4_of(fields, "rn16", &read->rn16);
    printable_copy(read->antenna, sizeof read->antenna, text_of(fields, "antenna"));
    read->freq_hz = number_of(fields, "freq_hz");
    read->rssi_dbm = number_of(fields, "rssi_dbm");
    read->rssi_dbfs = number_of(fields, "rssi_dbfs");
    read->snr_db = number_of(fields, "snr_db");
    read->phase_deg = number_of(fields, "phase_deg");
    read->blf_hz = number_of(fields, "blf_hz");
    read->session = small_of(fields, "session");
    read->round = count32_of(fields, "round");
    read->slot = count32_of(fields, "slot");
    read->count = count_of(fields, "count");
    read->recovered = json_is_true(json_object_get(fields->object, "recovered"));
    const json_t *authenticated = json_object_get(fields->object, "authenticated");
    read->is_keyed = authenticated != NULL;
    read->is_authenticated = json_is_true(authenticated);
    read->authenticated_s = number_of(fields, "authenticated_s");
    parse_channels(fields, read);
}

static void parse_tones(struct fields *fields, struct reply_trace *trace)
{
    size_t n = 0;
    const json_t *tones = array_of(fields, "tones", REPLY_TONES_MAX, &n);
    for (size_t k = 0; k < n; k++) {
        struct fields inner = {.object = json_array_get(tones, k), .status = fields->status};
        trace->tone[k].offset_hz = number_of(&inner, "offset_hz");
        trace->tone[k].power_dbfs = number_of(&inner, "dbfs");
    }
    trace->n_tones = (unsigned)n;
}

static void parse_errors(struct fields *fields, struct reply_trace *trace)
{
    size_t n = 0;
    const json_t *bits = array_of(fields, "error_bits", REPLY_ERRORS_MAX, &n);
    for (size_t k = 0; k < n; k++) {
        json_int_t bit = json_integer_value(json_array_get(bits, k));
        trace->error_bit[k] = bit >= 0 && bit <= UINT16_MAX ? (uint16_t)bit : 0;
    }
    trace->n_errors = count32_of(fields, "bit_errors");
    trace->n_errors = n < REPLY_ERRORS_MAX ? (unsigned)n : trace->n_errors;
    trace->n_list_tried = count32_of(fields, "list_tried");
    trace->bit_errors_expected = number_of(fields, "bit_errors_expected");
}

static void parse_reply(struct fields *fields, struct record_reply *reply)
{
    struct reply_trace *trace = &reply->trace;
    const char *kind = text_of(fields, "kind");
    reply->is_epc = kind && strcmp(kind, "epc") == 0;
    reply->ok = json_is_true(json_object_get(fields->object, "ok"));
    reply->verdict =
        (enum reply_verdict)word_of(fields, "verdict", record_verdict_text, REPLY_UNREADABLE + 1);
    reply->cause = cause_of(fields);
    reply->clipped = json_is_true(json_object_get(fields->object, "clipped"));
    trace->preamble_nats = number_of(fields, "preamble_nats");
    trace->gate_nats = number_of(fields, "gate_nats");
    reply->score_nats = number_of(fields, "score_nats");
    reply->threshold_nats = number_of(fields, "threshold_nats");
    reply->fit_ratio = number_of(fields, "fit_ratio");
    trace->residual_ratio = number_of(fields, "residual_ratio");
    reply->snr_db = number_of(fields, "snr_db");
    trace->start_us = number_of(fields, "start_us");
    reply->blf_hz = number_of(fields, "blf_hz");
    trace->clock_error_ratio = number_of(fields, "clock_error_ratio");
    trace->clock_drift_ratio = number_of(fields, "clock_drift_ratio");
    reply->offset_hz = number_of(fields, "offset_hz");
    reply->leak_dbfs = number_of(fields, "leak_dbfs");
    reply->residual_dbfs = number_of(fields, "residual_dbfs");
    reply->noise_dbfs = number_of(fields, "noise_dbfs");
    trace->noise_spread_db = number_of(fields, "noise_spread_db");
    trace->noise_axis_deg = number_of(fields, "noise_axis_deg");
    trace->blanked_ratio = number_of(fields, "blanked_ratio");
    parse_tones(fields, trace);
    parse_errors(fields, trace);
}

static void parse_slot(struct fields *fields, struct record_slot *slot)
{
    const char *outcome = text_of(fields, "outcome");
    bool known = false;
    for (int k = 0; outcome && k < SLOT_OUTCOME_N; k++) {
        if (strcmp(outcome, slot_outcome_text[k]) == 0) {
            slot->outcome = (enum slot_outcome)k;
            known = true;
        }
    }
    if (!known) {
        field_fault(fields, "outcome", "a known outcome");
    }
    slot->round = count32_of(fields, "round");
    slot->slot = count32_of(fields, "slot");
    slot->q = small_of(fields, "q");
    slot->has_rn16 = hex4_of(fields, "rn16", &slot->rn16);
    slot->cause = cause_of(fields);
    size_t n = 0;
    const json_t *replies = array_of(fields, "replies", RECORD_REPLIES_MAX, &n);
    for (size_t k = 0; k < n; k++) {
        struct fields inner = {.object = json_array_get(replies, k), .status = fields->status};
        parse_reply(&inner, &slot->reply[k]);
    }
    slot->n_replies = (unsigned)n;
    slot->traced = slot->detailed = replies != NULL;
}

static void parse_round(struct fields *fields, struct record_round *round)
{
    round->round = count32_of(fields, "round");
    round->q = small_of(fields, "q");
    round->slots = count32_of(fields, "slots");
    round->empty = count32_of(fields, "empty");
    round->single = count32_of(fields, "single");
    round->collision = count32_of(fields, "collision");
    round->duration_s = number_of(fields, "duration_s");
    round->tags_estimated = number_of(fields, "tags_estimated");
}

static void parse_watch(struct fields *fields, struct record_watch *watch)
{
    printable_copy(watch->epc, sizeof watch->epc, text_of(fields, "epc"));
    watch->is_present = json_is_true(json_object_get(fields->object, "present"));
    watch->absent_s = number_of(fields, "absent_s");
    watch->seen_s = number_of(fields, "seen_t");
}

/* The members of an object within; none when it is absent. */
static struct fields inner_of(struct fields *fields, const char *key)
{
    const json_t *inner = json_object_get(fields->object, key);
    if (inner && !json_is_object(inner)) {
        field_fault(fields, key, "an object");
        inner = NULL;
    }
    return (struct fields){.object = inner, .status = fields->status};
}

static void parse_reasons(struct fields *fields, const char *key, uint64_t n[AUTH_OUTCOME_N])
{
    struct fields reasons = inner_of(fields, key);
    for (int k = AUTH_AUTHENTIC + 1; k < AUTH_OUTCOME_N; k++) {
        n[k] = count_of(&reasons, auth_outcome_word[k]);
    }
}

/* A reason of a later version is no fault: it counts as silence. */
static void parse_auth(struct fields *fields, struct record_auth *auth)
{
    struct auth_report *report = &auth->report;
    const char *epc = text_of(fields, "epc");
    size_t n_bytes = 0;
    report->has_epc = epc != NULL;
    if (epc && bits_from_hex(epc, report->epc, sizeof report->epc, &n_bytes) != ST_OK) {
        field_fault(fields, "epc", "hex");
    }
    report->n_epc_bits = 8 * n_bytes;
    report->n_tags = count_of(fields, "tags");
    parse_reasons(fields, "reasons", report->n);
    const char *reason = text_of(fields, "reason");
    report->last = AUTH_SILENT;
    for (int k = AUTH_AUTHENTIC + 1; reason && k < AUTH_OUTCOME_N; k++) {
        report->last =
            strcmp(reason, auth_outcome_word[k]) == 0 ? (enum auth_outcome)k : report->last;
    }
    auth->first_s = number_of(fields, "first_t");
    auth->last_s = number_of(fields, "last_t");
}

static void parse_span(struct fields *fields, const char *name, double *p50_us, double *p99_us,
                       double *max_us)
{
    struct fields span = inner_of(fields, name);
    *p50_us = number_of(&span, "p50");
    *p99_us = number_of(&span, "p99");
    *max_us = number_of(&span, "max");
}

static void parse_tdma(struct fields *fields, struct record_tdma *tdma)
{
    tdma->nominal_s = number_of(fields, "nominal_s");
    tdma->known = count_of(fields, "known");
    tdma->unplaced = count_of(fields, "unplaced");
    tdma->kept = count_of(fields, "kept");
    tdma->missed = count_of(fields, "missed");
    tdma->polls = count_of(fields, "polls");
    tdma->newcomers = count_of(fields, "newcomers");
    tdma->forgotten = count_of(fields, "forgotten");
    parse_span(fields, "jitter_us", &tdma->jitter_p50_us, &tdma->jitter_p99_us,
               &tdma->jitter_max_us);
    struct fields period = inner_of(fields, "period_s");
    tdma->period_min_s = number_of(&period, "min");
    tdma->period_mean_s = number_of(&period, "mean");
    tdma->period_max_s = number_of(&period, "max");
}

static void parse_status(struct fields *fields, struct record_status *status)
{
    status->reads = count_of(fields, "reads");
    status->unique = count_of(fields, "unique");
    status->reads_per_s = number_of(fields, "reads_per_s");
    status->overflows = count_of(fields, "overflows");
    status->underflows = count_of(fields, "underflows");
    status->late = count_of(fields, "late");
    status->leak_dbfs = number_of(fields, "leak_dbfs");
    status->residual_dbfs = number_of(fields, "residual_dbfs");
    status->noise_dbfs = number_of(fields, "noise_dbfs");
    status->rounds = count_of(fields, "rounds");
    status->duration_s = number_of(fields, "duration_s");
    struct fields slots = inner_of(fields, "slots");
    for (int k = 0; k < SLOT_OUTCOME_N; k++) {
        status->slots[k] = count_of(&slots, slot_outcome_text[k]);
    }
    struct fields causes = inner_of(fields, "causes");
    for (int k = REPLY_CAUSE_NONE + 1; k < REPLY_CAUSE_N; k++) {
        status->causes[k] = count_of(&causes, record_cause_text[k]);
    }
    status->clipped = count_of(fields, "clipped");
    status->has_tdma = json_object_get(fields->object, "tdma") != NULL;
    struct fields tdma = inner_of(fields, "tdma");
    parse_tdma(&tdma, &status->tdma);
    status->has_auth = json_object_get(fields->object, "auth_ok") != NULL;
    status->auth[AUTH_AUTHENTIC] = count_of(fields, "auth_ok");
    parse_reasons(fields, "auth_reasons", status->auth);
    struct fields latency = inner_of(fields, "read_latency_ms");
    status->read_latency_p50_ms = number_of(&latency, "p50");
    status->read_latency_p99_ms = number_of(&latency, "p99");
    struct fields host = inner_of(fields, "host");
    status->dropped_events = count_of(&host, "dropped_events");
    status->cpu_ratio = number_of(&host, "cpu");
    parse_span(&host, "turnaround_us", &status->turnaround_p50_us, &status->turnaround_p99_us,
               &status->turnaround_max_us);
    parse_span(&host, "silence_us", &status->silence_p50_us, &status->silence_p99_us,
               &status->silence_max_us);
}

static enum status type_of(struct fields *fields, enum record_type *type)
{
    const char *text = text_of(fields, "type");
    if (!text) {
        field_fault(fields, "type", "given");
        return *fields->status;
    }
    for (int k = 0; k < RECORD_TYPE_N; k++) {
        if (strcmp(text, record_type_text[k]) == 0 && k != RECORD_COMMAND && k != RECORD_ACCESS) {
            *type = (enum record_type)k;
            return ST_OK;
        }
    }
    return status_fail(ST_NOT_FOUND, "event type '%.32s' is not shown", text);
}

static enum status parse_object(const json_t *object, struct record *record,
                                struct record_context *context)
{
    enum status fault = ST_OK;
    struct fields fields = {.object = object, .status = &fault};
    if (!json_is_object(object)) {
        return status_fail(ST_FORMAT, "the message is not a JSON object");
    }
    const json_t *version = json_object_get(object, "v");
    if (!json_is_integer(version)) {
        return status_fail(ST_FORMAT, "field 'v' is not a number");
    }
    if (json_integer_value(version) != 1) {
        return status_fail(ST_UNSUPPORTED, "schema version %lld, 1 is understood",
                           (long long)json_integer_value(version));
    }
    enum status status = type_of(&fields, &record->type);
    if (status) {
        return status;
    }
    context->epoch_s = NAN;
    printable_copy(context->reader_name, sizeof context->reader_name, text_of(&fields, "reader"));
    record->t_s = number_of(&fields, "t");
    if (isnan(record->t_s)) {
        field_fault(&fields, "t", "a number");
    }
    switch (record->type) {
    case RECORD_READ: parse_read(&fields, &record->read); break;
    case RECORD_SLOT: parse_slot(&fields, &record->slot); break;
    case RECORD_ROUND: parse_round(&fields, &record->round); break;
    case RECORD_AUTH: parse_auth(&fields, &record->auth); break;
    case RECORD_STATUS:
    case RECORD_SUMMARY: parse_status(&fields, &record->status); break;
    case RECORD_TDMA: parse_tdma(&fields, &record->tdma); break;
    case RECORD_WATCH: parse_watch(&fields, &record->watch); break;
    case RECORD_COMMAND:
    case RECORD_ACCESS:
    case RECORD_TYPE_N: break;
    }
    return fault;
}

enum status record_from_json(const char *text, size_t n_bytes, struct record *record,
                             struct record_context *context)
{
    require(text || n_bytes == 0);
    require(record);
    require(context);
    json_error_t error;
    memset(record, 0, sizeof *record);
    memset(context, 0, sizeof *context);
    json_t *root = json_loadb(text ? text : "", n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return status_fail(ST_FORMAT, "not JSON: %s", error.text);
    }
    enum status status = parse_object(root, record, context);
    json_decref(root);
    return status;
}
