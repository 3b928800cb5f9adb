/* view_state.c - what a view knows of a run, and its lines as text. */
#include "reader/view_state.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "config/require.h"

enum { VIEW_TAGS_MAX = 10000, URI_COLUMNS = 32 };

enum status view_state_init(struct view_state *state)
{
    require(state);
    *state = (struct view_state){
        .status = {.leak_dbfs = NAN,
                   .residual_dbfs = NAN,
                   .noise_dbfs = NAN,
                   .read_latency_p50_ms = NAN,
                   .read_latency_p99_ms = NAN,
                   .turnaround_p50_us = NAN,
                   .turnaround_p99_us = NAN,
                   .turnaround_max_us = NAN,
                   .silence_p50_us = NAN,
                   .silence_p99_us = NAN,
                   .silence_max_us = NAN},
        .freq_hz = NAN,
        .sort = VIEW_SORT_EPC,
    };
    return view_tags_new(VIEW_TAGS_MAX, &state->tags);
}

void view_state_fini(struct view_state *state)
{
    require(state);
    view_tags_free(&state->tags);
}

static void note_read(struct view_state *state, const struct record *record)
{
    if (!view_tags_note(state->tags, &record->read, record->t_s)) {
        state->n_unlisted_reads++;
    }
    state->status.reads++;
    state->freq_hz = record->read.freq_hz;
    state->calibrated = !isnan(record->read.rssi_dbm);
    uint64_t n_tags = view_tags_count(state->tags);
    state->status.unique = n_tags > state->status.unique ? n_tags : state->status.unique;
}

void view_state_note(struct view_state *state, const struct record *record)
{
    require(state);
    require(record);
    state->now_s = fmax(state->now_s, record->t_s);
    switch (record->type) {
    case RECORD_READ: note_read(state, record); break;
    case RECORD_SLOT:
        state->status.slots[record->slot.outcome]++;
        state->status.causes[record->slot.cause]++;
        break;
    case RECORD_ROUND: state->status.rounds++; break;
    case RECORD_SUMMARY:
        state->has_summary = true;
        state->status = record->status;
        break;
    case RECORD_STATUS:
        state->status = record->status;
        view_tags_second(state->tags, record->t_s - state->last_status_s);
        state->last_status_s = record->t_s;
        break;
    case RECORD_COMMAND:
    case RECORD_ACCESS:
    case RECORD_WATCH:
    case RECORD_AUTH:
    case RECORD_TDMA:
    case RECORD_TYPE_N: break;
    }
}

/* Append; what does not fit is cut. */
static void add(char text[VIEW_TEXT_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add(char text[VIEW_TEXT_MAX], const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, VIEW_TEXT_MAX - n, format, arguments);
    va_end(arguments);
}

static void add_number(char text[VIEW_TEXT_MAX], const char *name, int n_decimals, double value)
{
    if (isfinite(value)) {
        add(text, "%s%.*f", name, n_decimals, value);
    } else {
        add(text, "%s-", name);
    }
}

static void add_column(char text[VIEW_TEXT_MAX], int width, int n_decimals, double value)
{
    if (isfinite(value)) {
        add(text, " %*.*f", width, n_decimals, value);
    } else {
        add(text, " %*s", width, "-");
    }
}

void view_title_text(const struct view_state *state, const char *reader_name, const char *source,
                     char text[VIEW_TEXT_MAX])
{
    require(reader_name);
    text[0] = '\0';
    add(text, " %s", reader_name);
    if (source[0]) {
        add(text, "  %s", source);
    }
    if (isfinite(state->freq_hz)) {
        add(text, "  %.3f MHz", state->freq_hz * 1e-6);
    }
    add(text, "  %.1f s  %" PRIu64 " tags  %" PRIu64 " reads  %.1f/s ", state->now_s,
        state->status.unique, state->status.reads, state->status.reads_per_s);
}

static void add_bar(char text[VIEW_TEXT_MAX], const char *name, double ratio, size_t n_chars)
{
    char bar[64];
    n_chars = n_chars < sizeof bar - 1 ? n_chars : sizeof bar - 1;
    size_t n_full = (size_t)(ratio * (double)n_chars + 0.5);
    n_full = n_full < n_chars ? n_full : n_chars;
    memset(bar, '.', n_chars);
    memset(bar, '#', n_full);
    bar[n_chars] = '\0';
    add(text, " %s %3.0f%% [%s]", name, 100.0 * ratio, bar);
}

static void head_slots(const struct view_state *state, size_t n_columns, char text[VIEW_TEXT_MAX])
{
    static const enum slot_outcome shown[] = {SLOT_EMPTY, SLOT_SINGLE, SLOT_COLLISION};
    const uint64_t *slots = state->status.slots;
    uint64_t total = 0;
    for (int outcome = 0; outcome < SLOT_OUTCOME_N; outcome++) {
        total += slots[outcome];
    }
    const size_t n_fixed = sizeof " empty 100% [] single 100% [] collision 100% []";
    size_t n_bar = n_columns > n_fixed + 12 ? (n_columns - n_fixed) / 3 : 4;
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
        double ratio = total > 0 ? (double)slots[shown[k]] / (double)total : 0.0;
        add_bar(text, slot_outcome_text[shown[k]], ratio, n_bar);
    }
}

/* What stood in the way most often, where there is room for it. */
static void add_trouble(char text[VIEW_TEXT_MAX], const struct record_status *status,
                        size_t n_columns)
{
    int worst = REPLY_CAUSE_NONE + 1;
    for (int cause = worst + 1; cause < REPLY_CAUSE_N; cause++) {
        worst = status->causes[cause] > status->causes[worst] ? cause : worst;
    }
    char trouble[96];
    int n = snprintf(trouble, sizeof trouble, "  trouble: %s (%" PRIu64 ")",
                     reply_cause_text[worst], status->causes[worst]);
    if (status->causes[worst] > 0 && strlen(text) + (size_t)n <= n_columns) {
        add(text, "%s", trouble);
    }
}

void view_head_text(const struct view_state *state, unsigned line, size_t n_columns,
                    char text[VIEW_TEXT_MAX])
{
    require(state);
    require(line < 3);
    const struct record_status *status = &state->status;
    text[0] = '\0';
    if (line == 0) {
        head_slots(state, n_columns, text);
    } else if (line == 1) {
        add(text, " rn16_only %" PRIu64 "  crc_error %" PRIu64 "  rounds %" PRIu64,
            status->slots[SLOT_RN16_ONLY], status->slots[SLOT_CRC_ERROR], status->rounds);
        add_number(text, "  latency ms p50 ", 1, status->read_latency_p50_ms);
        add_number(text, " p99 ", 1, status->read_latency_p99_ms);
        add_number(text, "  cpu ", 2, status->cpu_ratio);
        add_trouble(text, status, n_columns);
    } else {
        add_number(text, " dBFS: leak ", 1, status->leak_dbfs);
        add_number(text, " residual ", 1, status->residual_dbfs);
        add_number(text, " noise ", 1, status->noise_dbfs);
        add(text, "  late %" PRIu64 " over %" PRIu64 " under %" PRIu64 " dropped %" PRIu64,
            status->late, status->overflows, status->underflows, status->dropped_events);
    }
}

static bool room_for_uri(size_t n_hex, size_t n_columns)
{
    return n_columns >= n_hex + VIEW_COLUMNS_CHARS + 2 + URI_COLUMNS;
}

void view_columns_text(const struct view_state *state, size_t n_hex, size_t n_columns,
                       char text[VIEW_TEXT_MAX])
{
    text[0] = '\0';
    add(text, "%-*s  count rate/s %7s SNR/dB  phase BLF/kHz  ago/s", (int)n_hex, "EPC",
        state->calibrated ? "dBm" : "dBFS");
    add(text, "%s", room_for_uri(n_hex, n_columns) ? "  URI" : "");
}

void view_row_text(const struct view_state *state, const struct view_tag *tag, size_t n_hex,
                   size_t n_columns, char text[VIEW_TEXT_MAX])
{
    const struct record_read *read = &tag->read;
    char hex[2 * sizeof read->epc + 1];
    char uri[EPC_URI_MAX + 80];
    require(n_hex > 0);
    require(n_hex < sizeof hex);
    bits_to_hex(read->epc, (read->n_epc_bits + 7) / 8, hex);
    if (strlen(hex) > n_hex) {
        memcpy(hex + n_hex - 1, "~", 2);
    }
    text[0] = '\0';
    add(text, "%-*s %6" PRIu64, (int)n_hex, hex, read->count);
    add_column(text, 6, 1, tag->rate_per_s);
    add_column(text, 7, 1, isnan(read->rssi_dbm) ? read->rssi_dbfs : read->rssi_dbm);
    add_column(text, 6, 1, read->snr_db);
    add_column(text, 6, 1, read->phase_deg);
    add_column(text, 7, 2, read->blf_hz * 1e-3);
    add_column(text, 6, 1, state->now_s - tag->last_t_s);
    if (room_for_uri(n_hex, n_columns) && epc_uri(read->epc, read->n_epc_bits, uri) == ST_OK) {
        add(text, "  %s", uri);
    }
}

void view_print(struct view_state *state, const struct record_context *context, size_t n_columns,
                FILE *stream)
{
    char text[VIEW_TEXT_MAX];
    const size_t n_digits = view_tags_hex_digits(state->tags);
    const size_t n_hex = n_digits > VIEW_HEX_DIGITS ? n_digits : VIEW_HEX_DIGITS;
    view_tags_sort(state->tags, state->sort, state->reversed);
    view_columns_text(state, n_hex, n_columns, text);
    fprintf(stream, "%s\n", text);
    for (size_t k = 0; k < view_tags_count(state->tags); k++) {
        view_row_text(state, view_tags_row(state->tags, k), n_hex, n_columns, text);
        fprintf(stream, "%s\n", text);
    }
    if (state->n_unlisted_reads > 0) {
        fprintf(stream, "and %" PRIu64 " reads of further tags\n", state->n_unlisted_reads);
    }
    struct record last = {.type = state->has_summary ? RECORD_SUMMARY : RECORD_STATUS,
                          .t_s = state->now_s,
                          .status = state->status};
    char line[1024];
    record_to_line(&last, context, line, sizeof line);
    fprintf(stream, "%s\n", line);
}
