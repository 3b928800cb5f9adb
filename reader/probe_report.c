/* probe_report.c - a probe's report: tables and sentences for people, or one JSON object a line. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/log.h"
#include "protocol/link.h"
#include "reader/json_text.h"
#include "reader/probe.h"

enum { LISTINGS_MAX = 16, JSON_MAX = 2048 };
#define RATE_MAX_SPS 20e6 /* of the rates a run chooses from */
#define SAMPLES_PER_TPRI_LEAST 4.0

static void json_begin(struct json_text *json, char text[JSON_MAX], const char *type)
{
    json_text_init(json, text, JSON_MAX);
    json_text_open(json, NULL);
    json_text_count(json, "v", 1);
    json_text_string(json, "type", type);
}

static void json_end(struct json_text *json)
{
    json_text_close(json);
    puts(json->text);
    fflush(stdout);
}

static void head(const struct probe *probe, const char *text)
{
    if (!probe->run.run.json) {
        printf("\n%s\n", text);
    }
}

/* One figure; NaN: not known here, and not told. */
static void figure(const struct probe *probe, const char *name, const char *label, double value,
                   const char *unit, unsigned n_decimals)
{
    if (!isfinite(value)) {
        return;
    }
    value = fabs(value) < 0.5 * pow(10.0, -(double)n_decimals) ? 0.0 : value; /* no "-0.0" */
    if (!probe->run.run.json) {
        printf("  %-42s %10.*f%s%s\n", label, (int)n_decimals, value, unit[0] ? " " : "", unit);
        return;
    }
    char text[JSON_MAX];
    struct json_text json;
    json_begin(&json, text, "measurement");
    json_text_string(&json, "name", name);
    json_text_number(&json, "value", value, n_decimals + 1);
    json_text_string(&json, "unit", unit);
    json_end(&json);
}

/* ---- radios ---- */

static void tell_listing(const struct probe *probe, const char *kind,
                         const struct radio_listing *row)
{
    if (!probe->run.run.json) {
        printf("  --radio %-5s %s%s  %s\n", kind, row->args[0] ? "--args " : "", row->args,
               row->description);
        return;
    }
    char text[JSON_MAX];
    struct json_text json;
    json_begin(&json, text, "radio");
    json_text_string(&json, "kind", kind);
    json_text_string(&json, "args", row->args);
    json_text_string(&json, "description", row->description);
    json_text_bool(&json, "in_use", false);
    json_end(&json);
}

void probe_tell_radios(const struct probe *probe)
{
    static struct radio_listing row[LISTINGS_MAX];
    if (!probe->run.run.json) {
        puts("radios found");
    }
    for (size_t k = 0; radio_table[k]; k++) {
        size_t n = 0;
        if (!radio_table[k]->list) {
            continue;
        }
        enum status status = radio_table[k]->list("", row, LISTINGS_MAX, &n);
        if (status) {
            log_warning("looking for '%s' radios: %s", radio_table[k]->name, status_detail());
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            tell_listing(probe, radio_table[k]->name, &row[i]);
        }
    }
    fflush(stdout);
}

static const char *lock_text(int locked)
{
    return locked < 0 ? "no sensor" : locked ? "locked" : "NOT LOCKED";
}

static void names_put(char *text, size_t n_text, const char names[RADIO_NAMES_MAX][32])
{
    text[0] = '\0';
    for (size_t k = 0; k < RADIO_NAMES_MAX && names[k][0]; k++) {
        size_t n = strlen(text);
        snprintf(text + n, n_text - n, "%s%s", k > 0 ? ", " : "", names[k]);
    }
}

static void tell_radio_json(const struct probe *probe)
{
    const struct radio_about *about = &probe->about;
    char text[JSON_MAX];
    struct json_text json;
    json_begin(&json, text, "radio");
    json_text_string(&json, "kind", radio_table[probe->run.radio.kind]->name);
    json_text_string(&json, "args", probe->run.radio.args);
    json_text_string(&json, "model", about->model);
    json_text_string(&json, "serial", about->serial);
    json_text_bool(&json, "in_use", true);
    json_text_number(&json, "rate_sps", probe->rate_sps, 1);
    json_text_number(&json, "freq_hz", probe->freq_hz, 1);
    if (probe->has_about) {
        json_text_string(&json, "rx_subdev", about->rx_subdev);
        json_text_string(&json, "rx_port", about->rx_antenna);
        json_text_string(&json, "tx_port", about->tx_antenna);
        json_text_number(&json, "rx_gain_db", about->rx_gain_db, 2);
        json_text_number(&json, "tx_gain_db", about->tx_gain_db, 2);
        json_text_string(&json, "reference", lock_text(about->ref_locked));
        json_text_string(&json, "lo", lock_text(about->lo_locked));
    }
    json_end(&json);
}

void probe_tell_radio(const struct probe *probe)
{
    const struct radio_about *about = &probe->about;
    if (probe->run.run.json) {
        tell_radio_json(probe);
        return;
    }
    head(probe, "radio in use");
    printf("  --radio %s: ", radio_table[probe->run.radio.kind]->name);
    printf("%s%s%s%s", about->model, about->serial[0] ? " serial " : "", about->serial,
           about->model[0] ? ", " : "");
    printf("%.6g MS/s", 1e-6 * probe->rate_sps);
    if (isfinite(probe->freq_hz)) {
        printf(" at %.6g MHz", 1e-6 * probe->freq_hz);
    }
    putchar('\n');
    if (probe->has_about) {
        char names[256];
        names_put(names, sizeof names, about->rx_antennas);
        printf("  receive:  subdevice %s, port %s (of %s), gain %.4g dB (%.4g to %.4g)\n",
               about->rx_subdev, about->rx_antenna, names, about->rx_gain_db, about->rx_gain_min_db,
               about->rx_gain_max_db);
        names_put(names, sizeof names, about->tx_antennas);
        printf("  transmit: port %s (of %s), gain %.4g dB (%.4g to %.4g)\n", about->tx_antenna,
               names, about->tx_gain_db, about->tx_gain_min_db, about->tx_gain_max_db);
        printf("  reference clock: %s, local oscillator: %s\n", lock_text(about->ref_locked),
               lock_text(about->lo_locked));
    }
    fflush(stdout);
}

/* ---- levels ---- */

void probe_tell_measured(const struct probe *probe)
{
    const struct diagnose_view *view = &probe->view;
    head(probe, "measured");
    figure(probe, "noise_dbfs", "noise, carrier off, whole band", view->noise_dbfs, "dBFS", 1);
    figure(probe, "noise_follows_db", "its change with 10 dB of receive gain",
           view->noise_follows_db, "dB", 1);
    figure(probe, "dc_dbfs", "constant part (DC), carrier off", view->dc_dbfs, "dBFS", 1);
    figure(probe, "line_dbfs", "another carrier, strongest", view->line_dbfs, "dBFS", 1);
    figure(probe, "line_offset_khz", "its offset", 1e-3 * view->line_offset_hz, "kHz", 1);
    figure(probe, "leak_dbfs", "our own carrier, received", view->leak_dbfs, "dBFS", 1);
    figure(probe, "leak_db", "the same relative to what is sent", view->leak_dbfs - probe->tx_dbfs,
           "dB", 1);
    figure(probe, "headroom_db", "headroom to clipping, carrier on", view->headroom_db, "dB", 1);
    figure(probe, "clipped_percent", "samples clipped", 100.0 * view->clipped_ratio, "%", 3);
    figure(probe, "noise_on_dbfs", "noise around the carrier", view->noise_on_dbfs, "dBFS", 1);
    figure(probe, "image_db", "I/Q image of the carrier", view->image_db, "dB", 1);
    for (size_t k = 0; k < probe->n_ports; k++) {
        char label[96], name[64];
        snprintf(label, sizeof label, "our carrier on port %s", probe->port[k]);
        snprintf(name, sizeof name, "leak_dbfs.%s", probe->port[k]);
        figure(probe, name, label, probe->port_leak_dbfs[k], "dBFS", 1);
    }
    for (unsigned c = 0; c < probe->n_channels && probe->n_channels > 1; c++) {
        char label[96], name[64];
        snprintf(label, sizeof label, "our carrier on subdevice %s", probe->channel[c].name);
        snprintf(name, sizeof name, "leak_dbfs.%s", probe->channel[c].name);
        figure(probe, name, label, probe->channel[c].leak_dbfs, "dBFS", 1);
    }
    figure(probe, "delay_samples", "transmit-to-receive delay left in", view->delay_samples,
           "samples", 2);
    if (probe->real_time) {
        const struct stats_distribution *trip = &probe->round_trip_us;
        figure(probe, "round_trip_p50_us", "host round trip, median", stats_percentile(trip, 0.5),
               "us", 0);
        figure(probe, "round_trip_p99_us", "host round trip, p99", stats_percentile(trip, 0.99),
               "us", 0);
        figure(probe, "tx_lead_least_us", "least transmit lead without loss",
               probe->tx_lead_least_us, "us", 0);
    }
    fflush(stdout);
}

/* ---- gain grid ---- */

static void tell_point_json(const struct probe *probe, const struct probe_point *point, bool best)
{
    char text[JSON_MAX];
    struct json_text json;
    json_begin(&json, text, "measurement");
    json_text_string(&json, "name", "gain");
    json_text_number(&json, "rx_gain_db", point->rx_gain_db, 2);
    json_text_number(&json, "tx_gain_db", point->tx_gain_db, 2);
    json_text_number(&json, "noise_dbfs", point->noise_dbfs, 2);
    json_text_number(&json, "leak_dbfs", point->leak_dbfs, 2);
    json_text_number(&json, "headroom_db", point->headroom_db, 2);
    json_text_number(&json, "clipped_percent", 100.0 * point->clipped_ratio, 4);
    json_text_number_if(&json, "reads_per_s", point->reads_per_s, 1);
    json_text_number_if(&json, "snr_db", point->snr_db, 2);
    json_text_bool(&json, "best", best);
    json_end(&json);
    (void)probe;
}

static void tell_point(const struct probe_point *point, bool best)
{
    printf("  %7.1f %7.1f %10.1f %9.1f %9.1f %9.3f", point->rx_gain_db, point->tx_gain_db,
           point->leak_dbfs, point->noise_dbfs, fmax(point->headroom_db, 0.0),
           100.0 * point->clipped_ratio);
    if (point->is_tried) {
        printf(" %9.0f", point->reads_per_s);
    }
    if (point->is_tried && isfinite(point->snr_db)) {
        printf(" %9.1f", point->snr_db);
    }
    puts(best ? "  <- best" : "");
}

void probe_tell_grid(const struct probe *probe)
{
    if (probe->n_points == 0) {
        return;
    }
    head(probe, "gains: what each would do (reads where it is worth trying)");
    if (!probe->run.run.json) {
        printf("  %7s %7s %10s %9s %9s %9s %9s %9s\n", "rx dB", "tx dB", "leak dBFS", "noise",
               "headroom", "clipped %", "reads/s", "Eb/N0 dB");
    }
    for (size_t k = 0; k < probe->n_points; k++) {
        bool best = k == probe->best_point;
        if (probe->run.run.json) {
            tell_point_json(probe, &probe->point[k], best);
        } else {
            tell_point(&probe->point[k], best);
        }
    }
    fflush(stdout);
}

/* ---- links ---- */

/* What an answer takes on a link of this BLF; where the stream is the clock, what is set for it. */
static double answer_us_at(const struct probe *probe, double blf_hz)
{
    const struct link link = {.t2_max_us = 20e6 / blf_hz};
    return probe->real_time ? probe->view.answer_us : reader_turnaround_us(&probe->run.run, &link);
}

static void tell_link(const struct probe *probe, double blf_hz)
{
    static const char *const codes[] = {"fm0", "miller2", "miller4", "miller8"};
    double t2_us = 20e6 / blf_hz, answer_us = answer_us_at(probe, blf_hz);
    bool in_time = answer_us <= t2_us;
    bool sampled = RATE_MAX_SPS >= SAMPLES_PER_TPRI_LEAST * blf_hz;
    if (!probe->run.run.json) {
        printf("  %7.1f %9.1f %9.1f  %s\n", 1e-3 * blf_hz, t2_us, answer_us,
               in_time ? "in time" : "LATE");
        return;
    }
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++) {
        char text[JSON_MAX];
        struct json_text json;
        json_begin(&json, text, "measurement");
        json_text_string(&json, "name", "link");
        json_text_number(&json, "blf_hz", blf_hz, 1);
        json_text_string(&json, "code", codes[k]);
        json_text_number(&json, "t2_us", t2_us, 2);
        json_text_number(&json, "answer_us", answer_us, 1);
        json_text_bool(&json, "in_time", in_time && sampled);
        json_end(&json);
    }
}

void probe_tell_links(const struct probe *probe)
{
    if (isnan(probe->view.answer_us)) {
        return;
    }
    head(probe,
         "links this host and radio can answer: the tag waits T2 = 20 Tpri, whatever its code");
    if (!probe->run.run.json) {
        printf("  %7s %9s %9s\n", "BLF kHz", "T2 us", "answer us");
    }
    for (size_t k = DIAGNOSE_BLFS; k > 0; k--) {
        tell_link(probe, diagnose_blf_hz[k - 1]);
    }
    fflush(stdout);
}

/* ---- inventory ---- */

void probe_tell_replies(const struct probe *probe)
{
    const struct probe_replies *replies = &probe->replies;
    head(probe, "replies to plain Queries");
    figure(probe, "queries", "Queries sent", (double)replies->n_windows, "", 0);
    figure(probe, "queries.decoded", "answered by one RN16", (double)replies->n_decoded, "", 0);
    figure(probe, "queries.unreadable", "answered, not readable", (double)replies->n_unreadable, "",
           0);
    figure(probe, "queries.off_clock", "  of these with a clock out of tolerance",
           (double)replies->n_off, "", 0);
    fflush(stdout);
}

void probe_tell_inventory(const struct probe *probe)
{
    const struct record_status *total = &probe->tally.total;
    head(probe, "a short inventory");
    figure(probe, "reads", "reads", (double)total->reads, "", 0);
    figure(probe, "unique", "different tags", (double)total->unique, "", 0);
    figure(probe, "reads_per_s", "reads a second", total->reads_per_s, "/s", 1);
    static const char *const labels[SLOT_OUTCOME_N] = {
        "slots empty", "slots with one tag, read", "slots with a collision",
        "slots with RN16 but no EPC", "slots with a wrong CRC"};
    for (int k = 0; k < SLOT_OUTCOME_N; k++) {
        char name[64];
        snprintf(name, sizeof name, "slots.%s", slot_outcome_text[k]);
        figure(probe, name, labels[k], (double)total->slots[k], "", 0);
    }
    for (int k = 1; k < REPLY_CAUSE_N; k++) {
        char name[64], label[96];
        snprintf(name, sizeof name, "causes.%s", record_cause_text[k]);
        snprintf(label, sizeof label, "  %s", reply_cause_text[k]);
        figure(probe, name, label, total->causes[k] > 0 ? (double)total->causes[k] : NAN, "", 0);
    }
    figure(probe, "late", "answers late", (double)total->late, "", 0);
    figure(probe, "snr_db", "Eb/N0 of replies, median", probe->view.snr_db, "dB", 1);
    figure(probe, "turnaround_p50_us", "turnaround in this program, median",
           total->turnaround_p50_us, "us", 0);
    figure(probe, "turnaround_p99_us", "turnaround in this program, p99", total->turnaround_p99_us,
           "us", 0);
    fflush(stdout);
}

/* ---- findings ---- */

static void tell_finding_json(const struct diagnose_finding *finding, size_t rank)
{
    char text[JSON_MAX];
    struct json_text json;
    json_begin(&json, text, "finding");
    json_text_count(&json, "rank", rank);
    json_text_string(&json, "code", diagnose_code[finding->id]);
    json_text_number(&json, "severity", finding->severity, 0);
    json_text_string(&json, "text", finding->text);
    json_text_string(&json, "advice", finding->advice);
    json_end(&json);
}

void probe_tell_findings(const struct probe *probe)
{
    struct diagnose_finding finding[DIAGNOSE_N];
    size_t n = diagnose(&probe->view, finding);
    head(probe, n > 0 ? "findings, worst first" : "findings");
    for (size_t k = 0; k < n; k++) {
        if (probe->run.run.json) {
            tell_finding_json(&finding[k], k + 1);
        } else {
            printf("  %zu. %s\n     -> %s\n", k + 1, finding[k].text, finding[k].advice);
        }
    }
    if (n == 0 && !probe->run.run.json) {
        puts("  nothing wrong was found");
    }
    fflush(stdout);
}
