/* record_json.c - records as JSON objects, schema version 1. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/require.h"
#include "reader/json_text.h"
#include "reader/record.h"

#define US_PER_S 1000000

const char *const record_type_text[RECORD_TYPE_N] = {
    [RECORD_READ] = "read",       [RECORD_SLOT] = "slot",     [RECORD_ROUND] = "round",
    [RECORD_COMMAND] = "command", [RECORD_STATUS] = "status", [RECORD_SUMMARY] = "summary",
    [RECORD_ACCESS] = "access",   [RECORD_WATCH] = "watch",   [RECORD_AUTH] = "auth_failed",
    [RECORD_TDMA] = "tdma",
};

const char *const record_cause_text[REPLY_CAUSE_N] = {
    [REPLY_CAUSE_NONE] = "none",
    [REPLY_CAUSE_CLIPPED] = "clipped",
    [REPLY_CAUSE_CARRIER] = "carrier",
    [REPLY_CAUSE_COMMANDS] = "commands",
    [REPLY_CAUSE_IMPULSES] = "impulses",
    [REPLY_CAUSE_BURST] = "burst",
    [REPLY_CAUSE_NO_PREAMBLE] = "no_preamble",
    [REPLY_CAUSE_WEAK] = "weak",
    [REPLY_CAUSE_MISFIT] = "misfit",
    [REPLY_CAUSE_COLLISION] = "collision",
    [REPLY_CAUSE_DOUBTFUL] = "doubtful",
    [REPLY_CAUSE_CRC] = "crc",
    [REPLY_CAUSE_CUT] = "cut",
};

const char *const record_verdict_text[REPLY_UNREADABLE + 1] = {
    [REPLY_NONE_HEARD] = "none",
    [REPLY_DECODED] = "decoded",
    [REPLY_UNREADABLE] = "unreadable",
};

/* RFC 3339, UTC, microseconds. Whole seconds apart, so that doubles lose nothing. */
static void put_time(struct json_text *json, double epoch_s, double t_s)
{
    const double whole_s = floor(epoch_s) + floor(t_s);
    if (!isfinite(whole_s) || fabs(whole_s) > 1e11) {
        return;
    }
    double rest_us = (epoch_s - floor(epoch_s) + t_s - floor(t_s)) * US_PER_S;
    int64_t us = (int64_t)whole_s * US_PER_S + llround(rest_us);
    int64_t us_of_second = ((us % US_PER_S) + US_PER_S) % US_PER_S;
    time_t seconds = (time_t)((us - us_of_second) / US_PER_S);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || utc.tm_year + 1900 < 0 || utc.tm_year + 1900 > 9999) {
        return; /* RFC 3339 has four digits for the year */
    }
    char text[80];
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06" PRId64 "Z", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, us_of_second);
    json_text_string(json, "time", text);
}

/* 359.97 rounds to 0.0, not to 360.0. */
static double phase_rounded_deg(double phase_deg)
{
    return isfinite(phase_deg) && phase_deg >= 359.95 ? 0.0 : phase_deg;
}

static void put_read(struct json_text *json, const struct record_read *read)
{
    char hex[2 * sizeof read->epc + 1];
    char uri[EPC_URI_MAX + 80];
    require(read->n_epc_bits <= 8 * sizeof read->epc);
    bits_to_hex(read->epc, (read->n_epc_bits + 7) / 8, hex);
    json_text_string(json, "protocol", "gen2");
    json_text_string(json, "epc", hex);
    if (read->is_truncated) {
        json_text_bool(json, "truncated", true);
    } else {
        json_text_hex4(json, "pc", read->pc);
    }
    if (epc_uri(read->epc, read->n_epc_bits, uri) == ST_OK) {
        json_text_string(json, "uri", uri);
    }
    json_text_string(json, "antenna", read->antenna);
    json_text_number_if(json, "freq_hz", read->freq_hz, 0);
    if (isnan(read->rssi_dbm)) {
        json_text_number_if(json, "rssi_dbfs", read->rssi_dbfs, 2);
    } else {
        json_text_number(json, "rssi_dbm", read->rssi_dbm, 2);
    }
    json_text_number_if(json, "snr_db", read->snr_db, 2);
    json_text_number_if(json, "phase_deg", phase_rounded_deg(read->phase_deg), 1);
    json_text_number_if(json, "blf_hz", read->blf_hz, 0);
    json_text_hex4(json, "rn16", read->rn16);
    json_text_count(json, "session", (uint64_t)read->session);
    json_text_count(json, "round", read->round);
    json_text_count(json, "slot", read->slot);
    json_text_count(json, "count", read->count);
    json_text_bool(json, "recovered", read->recovered);
    if (read->is_keyed) {
        json_text_bool(json, "authenticated", read->is_authenticated);
        json_text_number_if(json, "authenticated_s", read->authenticated_s, 6);
    }
    if (read->n_channels > 1) {
        json_text_open_array(json, "channels");
        for (unsigned c = 0; c < read->n_channels; c++) {
            json_text_open(json, NULL);
            json_text_number(json, "rssi_dbfs", read->channel[c].rssi_dbfs, 2);
            json_text_number(json, "phase_deg", phase_rounded_deg(read->channel[c].phase_deg), 1);
            json_text_close(json);
        }
        json_text_close_array(json);
    }
}

static void put_tones(struct json_text *json, const struct reply_trace *trace)
{
    json_text_open_array(json, "tones");
    for (unsigned k = 0; k < trace->n_tones && k < REPLY_TONES_MAX; k++) {
        json_text_open(json, NULL);
        json_text_number(json, "offset_hz", trace->tone[k].offset_hz, 0);
        json_text_number(json, "dbfs", trace->tone[k].power_dbfs, 2);
        json_text_close(json);
    }
    json_text_close_array(json);
}

static void put_errors(struct json_text *json, const struct reply_trace *trace)
{
    json_text_number_if(json, "bit_errors_expected", trace->bit_errors_expected, 3);
    json_text_count(json, "bit_errors", trace->n_errors);
    json_text_open_array(json, "error_bits");
    for (unsigned k = 0; k < trace->n_errors && k < REPLY_ERRORS_MAX; k++) {
        json_text_count(json, NULL, trace->error_bit[k]);
    }
    json_text_close_array(json);
    json_text_count(json, "list_tried", trace->n_list_tried);
}

/* All that is known of one window. */
static void put_reply(struct json_text *json, const struct record_reply *reply)
{
    const struct reply_trace *trace = &reply->trace;
    json_text_open(json, NULL);
    json_text_string(json, "kind", reply->is_epc ? "epc" : "rn16");
    json_text_bool(json, "ok", reply->ok);
    json_text_string(json, "verdict", record_verdict_text[reply->verdict]);
    json_text_string(json, "cause", record_cause_text[reply->cause]);
    json_text_string(json, "cause_text", reply_cause_text[reply->cause]);
    json_text_bool(json, "clipped", reply->clipped);
    json_text_number_if(json, "preamble_nats", trace->preamble_nats, 2);
    json_text_number_if(json, "gate_nats", trace->gate_nats, 2);
    json_text_number_if(json, "score_nats", reply->score_nats, 2);
    json_text_number_if(json, "threshold_nats", reply->threshold_nats, 2);
    json_text_number_if(json, "fit_ratio", reply->fit_ratio, 4);
    json_text_number_if(json, "residual_ratio", trace->residual_ratio, 4);
    json_text_number_if(json, "snr_db", reply->snr_db, 2);
    json_text_number_if(json, "start_us", trace->start_us, 3);
    json_text_number_if(json, "blf_hz", reply->blf_hz, 1);
    json_text_number_if(json, "clock_error_ratio", trace->clock_error_ratio, 6);
    json_text_number_if(json, "clock_drift_ratio", trace->clock_drift_ratio, 6);
    json_text_number_if(json, "offset_hz", reply->offset_hz, 1);
    json_text_number_if(json, "leak_dbfs", reply->leak_dbfs, 2);
    json_text_number_if(json, "residual_dbfs", reply->residual_dbfs, 2);
    json_text_number_if(json, "noise_dbfs", reply->noise_dbfs, 2);
    json_text_number_if(json, "noise_spread_db", trace->noise_spread_db, 2);
    json_text_number_if(json, "noise_axis_deg", trace->noise_axis_deg, 1);
    json_text_number_if(json, "blanked_ratio", trace->blanked_ratio, 4);
    put_tones(json, trace);
    put_errors(json, trace);
    json_text_close(json);
}

static void put_slot(struct json_text *json, const struct record_slot *slot)
{
    require((unsigned)slot->outcome < SLOT_OUTCOME_N);
    json_text_string(json, "outcome", slot_outcome_text[slot->outcome]);
    json_text_count(json, "round", slot->round);
    json_text_count(json, "slot", slot->slot);
    json_text_count(json, "q", (uint64_t)slot->q);
    if (slot->has_rn16) {
        json_text_hex4(json, "rn16", slot->rn16);
    }
    if (slot->cause != REPLY_CAUSE_NONE) {
        json_text_string(json, "cause", record_cause_text[slot->cause]);
    }
    if (slot->traced && slot->n_replies > 0) {
        const struct record_reply *last = &slot->reply[slot->n_replies - 1];
        json_text_number_if(json, "score_nats", last->score_nats, 2);
        json_text_number_if(json, "threshold_nats", last->threshold_nats, 2);
        json_text_number_if(json, "fit_ratio", last->fit_ratio, 4);
        json_text_number_if(json, "snr_db", last->snr_db, 2);
        json_text_number_if(json, "blf_hz", last->blf_hz, 0);
        json_text_number_if(json, "offset_hz", last->offset_hz, 0);
        json_text_number_if(json, "residual_dbfs", last->residual_dbfs, 2);
    }
    if (slot->detailed) {
        json_text_open_array(json, "replies");
        for (unsigned k = 0; k < slot->n_replies; k++) {
            put_reply(json, &slot->reply[k]);
        }
        json_text_close_array(json);
    }
}

static void put_round(struct json_text *json, const struct record_round *round)
{
    json_text_count(json, "round", round->round);
    json_text_count(json, "q", (uint64_t)round->q);
    json_text_count(json, "slots", round->slots);
    json_text_count(json, "empty", round->empty);
    json_text_count(json, "single", round->single);
    json_text_count(json, "collision", round->collision);
    json_text_number_short(json, "duration_s", round->duration_s, 9);
    json_text_number(json, "tags_estimated", round->tags_estimated, 1);
}

static bool is_word_field(const char *name)
{
    return strcmp(name, "handle") == 0 || strcmp(name, "cover") == 0;
}

/* Fields as numbers, packed ones and words as hex, an RN16 as everywhere. */
static void put_field(void *context, const char *name, uint64_t value, const uint8_t *mask,
                      size_t n_bits)
{
    struct json_text *json = context;
    if (mask) {
        char hex[2 * COMMAND_MESSAGE_MAX + 1];
        require(n_bits <= 8 * COMMAND_MESSAGE_MAX);
        bits_to_hex(mask, (n_bits + 7) / 8, hex);
        json_text_string(json, name, hex);
    } else if (strcmp(name, "rn") == 0) {
        json_text_hex4(json, "rn16", (uint16_t)value);
    } else if (is_word_field(name)) {
        json_text_hex4(json, name, (uint16_t)value);
    } else {
        json_text_count(json, name, value);
    }
}

static void put_duration_us(struct json_text *json, const char *key, double us)
{
    if (us > 0.0) {
        json_text_number(json, key, us, 2);
    }
}

static void put_command(struct json_text *json, const struct record_command *command)
{
    char bits[sizeof command->bit + 1];
    const size_t n_shown =
        command->n_bits < sizeof command->bit ? command->n_bits : sizeof command->bit;
    bits_to_text(command->bit, n_shown, bits);
    json_text_string(json, "name",
                     command->decoded ? command_row(command->command.id)->name : "unknown");
    json_text_string(json, "bits", bits);
    json_text_count(json, "n_bits", command->n_bits);
    if (command->decoded) {
        command_each_field(&command->command, put_field, json);
    }
    json_text_bool(json, "crc_ok", command->crc_right);
    put_duration_us(json, "tari_us", command->tari_us);
    put_duration_us(json, "rtcal_us", command->rtcal_us);
    put_duration_us(json, "trcal_us", command->trcal_us);
}

static void put_access(struct json_text *json, const struct record_access *access)
{
    char hex[2 * sizeof access->data + 1];
    require(access->n_epc_bits <= 8 * sizeof access->epc);
    require(access->n_data_bits <= 8 * sizeof access->data);
    bits_to_hex(access->epc, (access->n_epc_bits + 7) / 8, hex);
    json_text_string(json, "epc", hex);
    json_text_string(json, "op", access->op);
    json_text_bool(json, "ok", access->outcome == ACCESS_OK);
    json_text_string(json, "outcome", access_outcome_text[access->outcome]);
    bits_to_hex(access->data, (access->n_data_bits + 7) / 8, hex);
    json_text_string(json, "data", hex);
    json_text_string(json, "error", access->error);
    if (access->is_keyed) {
        json_text_bool(json, "authenticated", access->outcome == ACCESS_OK);
    }
    if (access->chip[0]) {
        json_text_string(json, "chip", access->chip);
    }
    if (access->uri[0]) {
        json_text_string(json, "uri", access->uri);
    }
}

static void put_watch(struct json_text *json, const struct record_watch *watch)
{
    json_text_string(json, "epc", watch->epc);
    json_text_bool(json, "present", watch->is_present);
    json_text_number(json, "absent_s", watch->absent_s, 6);
    json_text_number(json, "seen_t", watch->seen_s, 6);
}

/* Failures by what was wrong, those above 0. */
static uint64_t put_reasons(struct json_text *json, const char *key,
                            const uint64_t n[AUTH_OUTCOME_N])
{
    uint64_t n_failures = 0;
    json_text_open(json, key);
    for (int k = AUTH_AUTHENTIC + 1; k < AUTH_OUTCOME_N; k++) {
        n_failures += n[k];
        if (n[k] > 0) {
            json_text_count(json, auth_outcome_word[k], n[k]);
        }
    }
    json_text_close(json);
    return n_failures;
}

static void put_auth(struct json_text *json, const struct record_auth *auth)
{
    const struct auth_report *report = &auth->report;
    char hex[2 * sizeof report->epc + 1];
    require(report->n_epc_bits <= 8 * sizeof report->epc);
    if (report->has_epc) {
        bits_to_hex(report->epc, (report->n_epc_bits + 7) / 8, hex);
        json_text_string(json, "epc", hex);
    }
    json_text_count(json, "tags", report->n_tags);
    json_text_string(json, "reason", auth_outcome_word[report->last]);
    json_text_string(json, "reason_text", auth_outcome_text[report->last]);
    uint64_t n_failures = put_reasons(json, "reasons", report->n);
    json_text_count(json, "failures", n_failures);
    json_text_number_short(json, "first_t", auth->first_s, 9);
    json_text_number_short(json, "last_t", auth->last_s, 9);
}

static void put_span(struct json_text *json, const char *name, double p50_us, double p99_us,
                     double max_us)
{
    json_text_open(json, name);
    json_text_number(json, "p50", p50_us, 1);
    json_text_number(json, "p99", p99_us, 1);
    json_text_number(json, "max", max_us, 1);
    json_text_close(json);
}

static void put_tdma(struct json_text *json, const struct record_tdma *tdma)
{
    json_text_number_short(json, "nominal_s", tdma->nominal_s, 6);
    json_text_count(json, "known", tdma->known);
    json_text_count(json, "unplaced", tdma->unplaced);
    json_text_count(json, "polled", tdma->kept + tdma->missed);
    json_text_count(json, "kept", tdma->kept);
    json_text_count(json, "missed", tdma->missed);
    json_text_count(json, "polls", tdma->polls);
    json_text_count(json, "newcomers", tdma->newcomers);
    json_text_count(json, "forgotten", tdma->forgotten);
    put_span(json, "jitter_us", tdma->jitter_p50_us, tdma->jitter_p99_us, tdma->jitter_max_us);
    json_text_open(json, "period_s");
    json_text_number(json, "min", tdma->period_min_s, 6);
    json_text_number(json, "mean", tdma->period_mean_s, 6);
    json_text_number(json, "max", tdma->period_max_s, 6);
    json_text_close(json);
}

static void put_status(struct json_text *json, const struct record_status *status, bool is_summary)
{
    json_text_count(json, "reads", status->reads);
    json_text_count(json, "unique", status->unique);
    json_text_number(json, "reads_per_s", status->reads_per_s, 2);
    json_text_count(json, "overflows", status->overflows);
    json_text_count(json, "underflows", status->underflows);
    json_text_count(json, "late", status->late);
    json_text_number(json, "leak_dbfs", status->leak_dbfs, 2);
    json_text_number(json, "residual_dbfs", status->residual_dbfs, 2);
    json_text_number(json, "noise_dbfs", status->noise_dbfs, 2);
    json_text_open(json, "slots");
    for (int outcome = 0; outcome < SLOT_OUTCOME_N; outcome++) {
        json_text_count(json, slot_outcome_text[outcome], status->slots[outcome]);
    }
    json_text_close(json);
    json_text_open(json, "causes");
    for (int cause = REPLY_CAUSE_NONE + 1; cause < REPLY_CAUSE_N; cause++) {
        if (status->causes[cause] > 0) {
            json_text_count(json, record_cause_text[cause], status->causes[cause]);
        }
    }
    json_text_close(json);
    json_text_count(json, "clipped", status->clipped);
    json_text_count(json, "rounds", status->rounds);
    if (status->has_auth) {
        json_text_count(json, "auth_ok", status->auth[AUTH_AUTHENTIC]);
        uint64_t n_failures = put_reasons(json, "auth_reasons", status->auth);
        json_text_count(json, "auth_failed", n_failures);
    }
    if (status->has_emission) {
        json_text_open(json, "emission");
        json_text_number(json, "on_s", status->on_s, 9);
        json_text_count(json, "triggers", status->triggers);
        json_text_number(json, "level_db", status->level_db, 2);
        json_text_close(json);
    }
    if (status->has_clock) {
        json_text_open(json, "clock");
        json_text_number(json, "ppm", status->clock_ppm, 4);
        json_text_number(json, "start_us", status->clock_start_us, 3);
        json_text_close(json);
    }
    if (status->has_tdma) {
        json_text_open(json, "tdma");
        put_tdma(json, &status->tdma);
        json_text_close(json);
    }
    json_text_open(json, "read_latency_ms");
    json_text_number(json, "p50", status->read_latency_p50_ms, 3);
    json_text_number(json, "p99", status->read_latency_p99_ms, 3);
    json_text_close(json);
    if (is_summary) {
        json_text_number_short(json, "duration_s", status->duration_s, 9);
    }
    json_text_open(json, "host");
    put_span(json, "turnaround_us", status->turnaround_p50_us, status->turnaround_p99_us,
             status->turnaround_max_us);
    put_span(json, "silence_us", status->silence_p50_us, status->silence_p99_us,
             status->silence_max_us);
    json_text_count(json, "dropped_events", status->dropped_events);
    json_text_number(json, "cpu", status->cpu_ratio, 3);
    json_text_close(json);
}

size_t record_to_json(const struct record *record, const struct record_context *context, char *text,
                      size_t capacity)
{
    require(record);
    require(context);
    require((unsigned)record->type < RECORD_TYPE_N);
    require(capacity >= RECORD_JSON_MAX);
    struct json_text json;
    json_text_init(&json, text, capacity);
    json_text_open(&json, NULL);
    json_text_count(&json, "v", 1);
    json_text_string(&json, "type", record_type_text[record->type]);
    json_text_string(&json, "reader", context->reader_name);
    json_text_number_short(&json, "t", record->t_s, 9);
    put_time(&json, context->epoch_s, record->t_s);
    if (context->file[0]) {
        json_text_string(&json, "file", context->file);
    }
    switch (record->type) {
    case RECORD_READ: put_read(&json, &record->read); break;
    case RECORD_SLOT: put_slot(&json, &record->slot); break;
    case RECORD_ROUND: put_round(&json, &record->round); break;
    case RECORD_COMMAND: put_command(&json, &record->command); break;
    case RECORD_ACCESS: put_access(&json, &record->access); break;
    case RECORD_WATCH: put_watch(&json, &record->watch); break;
    case RECORD_AUTH: put_auth(&json, &record->auth); break;
    case RECORD_TDMA: put_tdma(&json, &record->tdma); break;
    case RECORD_STATUS: put_status(&json, &record->status, false); break;
    case RECORD_SUMMARY: put_status(&json, &record->status, true); break;
    case RECORD_TYPE_N: break;
    }
    json_text_close(&json);
    return json.n;
}
