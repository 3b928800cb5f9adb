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
}

/* A slot that brought no read, where the receiver's view of it is wanted. */
static void put_slot(struct line *line, double t_s, const struct record_slot *slot)
{
    if (!slot->traced || slot->outcome == SLOT_EMPTY || slot->outcome == SLOT_SINGLE) {
        return;
    }
    char rn16[8] = "", place[32];
    if (slot->has_rn16) {
        snprintf(rn16, sizeof rn16, "%04X", (unsigned)slot->rn16);
    }
    snprintf(place, sizeof place, "%" PRIu32 ".%" PRIu32, slot->round, slot->slot);
    put(line, "%10.4f (%s%s%s)%*s", t_s, slot_outcome_text[slot->outcome], rn16[0] ? " " : "", rn16,
        (int)(37 - strlen(slot_outcome_text[slot->outcome]) - strlen(rn16) - (rn16[0] ? 1 : 0)),
        "");
    put_column(line, 7, 1, slot->snr_db);
    put_column(line, 9, 1, NAN);
    put_column(line, 8, 2, slot->blf_hz * 1e-3);
    put(line, " %10s", place);
}

static void put_field(void *context, const char *name, uint64_t value, const uint8_t *mask,
                      size_t n_bits)
{
    struct line *line = context;
    if (mask) {
        char hex[2 * 32 + 1];
        require(n_bits <= 256);
        bits_to_hex(mask, (n_bits + 7) / 8, hex);
        put(line, " %s=%s", name, hex);
    } else if (strcmp(name, "rn") == 0) {
        put(line, " rn16=%04X", (unsigned)value);
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

static void put_level(struct line *line, const char *name, double dbfs)
{
    if (isfinite(dbfs)) {
        put(line, ", %s %.1f", name, dbfs);
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
    put(line, ", late %" PRIu64 ", overflows %" PRIu64 ", underflows %" PRIu64, status->late,
        status->overflows, status->underflows);
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
    put(line, "; late %" PRIu64 ", overflows %" PRIu64 ", underflows %" PRIu64 ", dropped %" PRIu64,
        status->late, status->overflows, status->underflows, status->dropped_events);
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
