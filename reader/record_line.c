/* record_line.c - records as one line for people. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "reader/record.h"

struct line {
    char *text;
    size_t n, capacity;
};

/* What does not fit is cut: a line is for people. */
static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->text + line->n, line->capacity - line->n, format, arguments);
    va_end(arguments);
    require(n >= 0);
    line->n += (size_t)n;
    line->n = line->n < line->capacity ? line->n : line->capacity - 1;
}

/* A column of a number and its unit, a dash when not known. */
static void put_column(struct line *line, int width, int n_decimals, double value)
{
    if (isfinite(value)) {
        put(line, " %*.*f", width, n_decimals, value);
    } else {
        put(line, " %*s", width, "-");
    }
}

#define READ_HEADER                                                                                \
    "       t/s EPC                           RSSI  unit  SNR/dB phase/deg  BLF/kHz round.slot  "  \
    "count"

const char *record_line_header(void)
{
    return READ_HEADER;
}

static void put_read(struct line *line, double t_s, const struct record_read *read)
{
    char hex[2 * sizeof read->epc + 1];
    char place[32];
    bool calibrated = !isnan(read->rssi_dbm);
    bits_to_hex(read->epc, (read->n_epc_bits + 7) / 8, hex);
    snprintf(place, sizeof place, "%" PRIu32 ".%" PRIu32, read->round, read->slot);
    put(line, "%10.4f %-24s", t_s, hex);
    put_column(line, 9, 2, calibrated ? read->rssi_dbm : read->rssi_dbfs);
    put(line, "  %-4s", calibrated ? "dBm" : "dBFS");
    put_column(line, 7, 1, read->snr_db);
    put_column(line, 9, 1, read->phase_deg);
    put_column(line, 8, 2, read->blf_hz * 1e-3);
    put(line, " %10s %6" PRIu64 "%s", place, read->count, read->recovered ? " recovered" : "");
    if (read->is_keyed) {
        put(line, "%s", read->is_authenticated ? " authentic" : " NOT AUTHENTICATED");
    }
}

/* What went wrong, in words, with the figures that say how far it was off. */
static void put_cause(struct line *line, const struct record_reply *reply)
{
    const struct reply_trace *trace = &reply->trace;
    put(line, ": %s", reply_cause_text[reply->cause]);
    if (reply->cause == REPLY_CAUSE_NO_PREAMBLE && isfinite(trace->preamble_nats)) {
        put(line, " (preamble %.0f of %.0f nats)", trace->preamble_nats, trace->gate_nats);
    } else if (reply->cause == REPLY_CAUSE_WEAK && isfinite(reply->score_nats)) {
        put(line, " (score %.0f of %.0f nats)", reply->score_nats, reply->threshold_nats);
    } else if (reply->cause == REPLY_CAUSE_MISFIT && isfinite(reply->fit_ratio)) {
        put(line, " (fit %.2f)", reply->fit_ratio);
    } else if (reply->cause == REPLY_CAUSE_CARRIER && trace->n_tones > 0) {
        put(line, " (%+.1f kHz, %.1f dBFS)", 1e-3 * trace->tone[0].offset_hz,
            trace->tone[0].power_dbfs);
    } else if (reply->cause == REPLY_CAUSE_IMPULSES) {
        put(line, " (%.1f %% of the samples)", 100.0 * trace->blanked_ratio);
    }
}

static void put_reply(struct line *line, const struct record_reply *reply)
{
    const struct reply_trace *trace = &reply->trace;
    if (reply->cause != REPLY_CAUSE_NONE) {
        put_cause(line, reply);
    }
    if (isfinite(trace->clock_error_ratio)) {
        put(line, ", clock %+.1f %%", 100.0 * trace->clock_error_ratio);
    }
    if (isfinite(reply->snr_db)) {
        put(line, ", %.1f dB", reply->snr_db);
    }
    for (unsigned k = 0; k < trace->n_errors && k < REPLY_ERRORS_MAX; k++) {
        put(line, "%s%u", k == 0 ? ", doubtful bits " : " ", trace->error_bit[k]);
    }
    put(line, "%s", trace->n_errors > REPLY_ERRORS_MAX ? " ..." : "");
}

/* A slot that brought no read, where the receiver's view of it is wanted: what came, and why the
 * rest did not. */
static void put_slot(struct line *line, double t_s, const struct record_slot *slot)
{
    static const char *const words[SLOT_OUTCOME_N] = {
        [SLOT_EMPTY] = "no reply",
        [SLOT_COLLISION] = "energy, no RN16",
        [SLOT_RN16_ONLY] = "EPC lost",
        [SLOT_CRC_ERROR] = "EPC wrong (CRC)",
    };
    bool quiet = slot->outcome == SLOT_EMPTY && slot->cause == REPLY_CAUSE_NONE;
    if (!slot->traced || slot->outcome == SLOT_SINGLE || quiet) {
        return;
    }
    put(line, "%10.4f slot %" PRIu32 ".%" PRIu32 ": ", t_s, slot->round, slot->slot);
    if (slot->has_rn16) {
        put(line, "RN16 %04X heard, ", (unsigned)slot->rn16);
    }
    put(line, "%s", words[slot->outcome]);
    if (slot->n_replies > 0) {
        put_reply(line, &slot->reply[slot->n_replies - 1]);
    } else if (slot->cause != REPLY_CAUSE_NONE) {
        put(line, ": %s", reply_cause_text[slot->cause]);
    }
}

static void put_field(void *context, const char *name, uint64_t value, const uint8_t *mask,
                      size_t n_bits)
{
    struct line *line = context;
    if (mask) {
        char hex[2 * COMMAND_MESSAGE_MAX + 1];
        require(n_bits <= 8 * COMMAND_MESSAGE_MAX);
        bits_to_hex(mask, (n_bits + 7) / 8, hex);
        put(line, " %s=%s", name, hex);
    } else if (strcmp(name, "rn") == 0) {
        put(line, " rn16=%04X", (unsigned)value);
    } else if (strcmp(name, "handle") == 0 || strcmp(name, "cover") == 0) {
        put(line, " %s=%04X", name, (unsigned)value);
    } else {
        put(line, " %s=%" PRIu64, name, value);
    }
}

static void put_command(struct line *line, double t_s, const struct record_command *command)
{
    if (!command->decoded) {
        put(line, "%10.4f unknown command of %zu bits", t_s, command->n_bits);
        return;
    }
    put(line, "%10.4f %s", t_s, command_row(command->command.id)->name);
    command_each_field(&command->command, put_field, line);
    put(line, "%s", command->crc_right ? "" : " (CRC wrong)");
}

static void put_access(struct line *line, double t_s, const struct record_access *access)
{
    char hex[2 * sizeof access->data + 1];
    require(access->n_epc_bits <= 8 * sizeof access->epc);
    require(access->n_data_bits <= 8 * sizeof access->data);
    bits_to_hex(access->epc, (access->n_epc_bits + 7) / 8, hex);
    put(line, "%10.4f %-24s  %-24s %-8s", t_s, hex, access->op,
        access_outcome_text[access->outcome]);
    bits_to_hex(access->data, (access->n_data_bits + 7) / 8, hex);
    put(line, "%s%s", access->n_data_bits > 0 ? " " : "", hex);
    if (access->is_keyed && access->outcome == ACCESS_OK) {
        put(line, "  verified: the tag holds its key");
    }
    if (access->chip[0]) {
        put(line, "  %s", access->chip);
    }
    if (access->error[0]) {
        put(line, "  %s", access->error);
    }
}

static void put_watch(struct line *line, double t_s, const struct record_watch *watch)
{
    put(line, "%10.4f %-24s  %s", t_s, watch->epc, watch->is_present ? "is back" : "is missed");
    if (isfinite(watch->seen_s)) {
        put(line, ", not seen for %.3f s", watch->absent_s);
    } else {
        put(line, ", %s", watch->is_present ? "seen for the first time" : "never seen so far");
    }
}

static void put_auth(struct line *line, double t_s, const struct record_auth *auth)
{
    const struct auth_report *report = &auth->report;
    char hex[2 * sizeof report->epc + 1] = "";
    require(report->n_epc_bits <= 8 * sizeof report->epc);
    if (report->has_epc) {
        bits_to_hex(report->epc, (report->n_epc_bits + 7) / 8, hex);
        put(line, "%10.4f %-24s authentication failed:", t_s, hex);
    } else {
        put(line, "%10.4f %" PRIu64 " further tags, authentication failed:", t_s, report->n_tags);
    }
    const char *before = " ";
    for (int k = AUTH_AUTHENTIC + 1; k < AUTH_OUTCOME_N; k++) {
        if (report->n[k] > 0) {
            put(line, "%s%s, %" PRIu64 " time%s", before, auth_outcome_text[k], report->n[k],
                report->n[k] == 1 ? "" : "s");
            before = "; ";
        }
    }
}

static void put_tdma(struct line *line, const struct record_tdma *tdma)
{
    put(line, "%" PRIu64 " of %" PRIu64 " periods kept", tdma->kept, tdma->kept + tdma->missed);
    if (isfinite(tdma->period_mean_s)) {
        put(line, ", %.3f s (%.3f to %.3f)", tdma->period_mean_s, tdma->period_min_s,
            tdma->period_max_s);
    }
    if (isfinite(tdma->jitter_p50_us)) {
        put(line, ", late by %.0f us, 99 %% %.0f, at most %.0f", tdma->jitter_p50_us,
            tdma->jitter_p99_us, tdma->jitter_max_us);
    }
    put(line, ", %" PRIu64 " newcomers, %" PRIu64 " tags known", tdma->newcomers, tdma->known);
}

static void put_level(struct line *line, const char *name, double dbfs)
{
    if (isfinite(dbfs)) {
        put(line, ", %s %.1f", name, dbfs);
    }
}

static void put_auth_totals(struct line *line, const char *before,
                            const struct record_status *status)
{
    uint64_t n_failures = 0;
    for (int k = AUTH_AUTHENTIC + 1; k < AUTH_OUTCOME_N; k++) {
        n_failures += status->auth[k];
    }
    if (status->has_auth) {
        put(line, "%s%" PRIu64 " authentications, %" PRIu64 " failed", before,
            status->auth[AUTH_AUTHENTIC] + n_failures, n_failures);
    }
}

static void put_status(struct line *line, double t_s, const struct record_status *status)
{
    put(line, "%.1f s: %" PRIu64 " reads, %.1f/s, %" PRIu64 " tags", t_s, status->reads,
        status->reads_per_s, status->unique);
    put_level(line, "leak", status->leak_dbfs);
    put_level(line, "residual", status->residual_dbfs);
    put_level(line, "noise", status->noise_dbfs);
    put(line, "%s", isfinite(status->leak_dbfs) ? " dBFS" : "");
    put_auth_totals(line, ", ", status);
    put(line, ", late %" PRIu64 ", overflows %" PRIu64 ", underflows %" PRIu64, status->late,
        status->overflows, status->underflows);
}

/* Slots by what stood in the way; nothing when all went well. */
static void put_causes(struct line *line, const struct record_status *status)
{
    const char *before = "; trouble: ";
    for (int cause = REPLY_CAUSE_NONE + 1; cause < REPLY_CAUSE_N; cause++) {
        if (status->causes[cause] > 0) {
            put(line, "%s%s %" PRIu64, before, reply_cause_text[cause], status->causes[cause]);
            before = ", ";
        }
    }
}

static void put_summary(struct line *line, const struct record_status *status)
{
    put(line,
        "%" PRIu64 " reads of %" PRIu64 " tags in %.3f s (%.1f reads/s), %" PRIu64
        " rounds; slots:",
        status->reads, status->unique, status->duration_s, status->reads_per_s, status->rounds);
    for (int outcome = 0; outcome < SLOT_OUTCOME_N; outcome++) {
        put(line, " %s %" PRIu64, slot_outcome_text[outcome], status->slots[outcome]);
    }
    put_causes(line, status);
    put_auth_totals(line, "; ", status);
    if (status->has_tdma) {
        put(line, "; ");
        put_tdma(line, &status->tdma);
    }
    put(line, "; late %" PRIu64 ", overflows %" PRIu64 ", underflows %" PRIu64 ", dropped %" PRIu64,
        status->late, status->overflows, status->underflows, status->dropped_events);
}

const char *record_line_access_header(void)
{
    return "       t/s EPC                       operation                outcome  data";
}

size_t record_to_line(const struct record *record, const struct record_context *context, char *text,
                      size_t capacity)
{
    require(record);
    require(context);
    require(capacity > 0);
    struct line line = {.text = text, .capacity = capacity};
    text[0] = '\0';
    switch (record->type) {
    case RECORD_ACCESS: put_access(&line, record->t_s, &record->access); break;
    case RECORD_WATCH: put_watch(&line, record->t_s, &record->watch); break;
    case RECORD_AUTH: put_auth(&line, record->t_s, &record->auth); break;
    case RECORD_TDMA:
        put(&line, "%10.4f ", record->t_s);
        put_tdma(&line, &record->tdma);
        break;
    case RECORD_READ: put_read(&line, record->t_s, &record->read); break;
    case RECORD_COMMAND: put_command(&line, record->t_s, &record->command); break;
    case RECORD_STATUS: put_status(&line, record->t_s, &record->status); break;
    case RECORD_SUMMARY: put_summary(&line, &record->status); break;
    case RECORD_SLOT: put_slot(&line, record->t_s, &record->slot); break;
    case RECORD_ROUND:
    case RECORD_TYPE_N: break;
    }
    return line.n;
}
