/* bench_sensitivity.c - Eb/N0 for 10 % and 1 % packet errors of the whole receiver, the bound on the
 * same samples, the gap, and what each impairment costs. Leak 60 dB above the tag, start uniform in
 * T1 min .. max, random phase, tag clock uniform over the standard's tolerance. */
#include <math.h>
#include <string.h>

#include "reader/svg.h"
#include "tests/bench.h"
#include "tests/bench_count.h"
#include "tests/bench_crossing.h"
#include "tests/bench_window.h"

struct impairment {
    const char *label;
    double offset_hz;
    bool offset_uniform;
    double offset_rate_hz_per_s, clock_drift_ratio;
    double leak_db, adc_bits; /* 0: as without */
    double tag_moving_ratio, tag_moving_hz;
    unsigned n_channels;
    const char *setting[3]; /* of the receiver: key and value */
    bool epc_only, quick;   /* part of the quick run */
};

static const struct impairment impairments[] = {
    {.label = "carrier offset 10 Hz", .offset_hz = 10.0, .offset_rate_hz_per_s = 100.0},
    {.label = "carrier offset 1 kHz", .offset_hz = 1e3, .offset_rate_hz_per_s = 100.0},
    {.label = "carrier offset 10 kHz", .offset_hz = 10e3, .offset_rate_hz_per_s = 100.0},
    {.label = "carrier offset in +-10 kHz",
     .offset_hz = 10e3,
     .offset_uniform = true,
     .offset_rate_hz_per_s = 100.0,
     .quick = true},
    {.label = "clock drift +-1.25 % about the mean", .clock_drift_ratio = 0.025},
    {.label = "clock drift +-2.5 % about the mean", .clock_drift_ratio = 0.05, .quick = true},
    {.label = "leak 80 dB, 16 bit", .leak_db = 80.0, .adc_bits = 16.0, .quick = true},
    {.label = "leak 60 dB, 12 bit", .leak_db = 60.0, .adc_bits = 12.0, .quick = true},
    {.label = "leak 40 dB, 8 bit", .leak_db = 40.0, .adc_bits = 8.0, .quick = true},
    {.label = "moving tag, Doppler 20 Hz", .tag_moving_ratio = 1.0, .tag_moving_hz = 20.0},
    {.label = "fading, a third moves at 20 Hz", .tag_moving_ratio = 0.33, .tag_moving_hz = 20.0},
    {.label = "two channels", .n_channels = 2, .quick = true},
    {.label = "no list decoding",
     .setting = {"dsp.list_size", "1", NULL},
     .epc_only = true,
     .quick = true},
    {.label = "list of 32", .setting = {"dsp.list_size", "32", NULL}, .epc_only = true},
};
enum { IMPAIRMENTS = sizeof impairments / sizeof *impairments };

#define PHASE_NOISE_RATIO 100.0 /* 20 dB above everything else, on its axis */
static const double phase_noise_deg[] = {0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0};
enum { PHASES = sizeof phase_noise_deg / sizeof *phase_noise_deg };

struct sensitivity { /* one code and TRext */
    struct bench_run *run;
    const struct bench_code *code;
    bool trext;
    struct link link;
    struct reply_rx *rx;
    char name[64]; /* "fm0 40 kHz trext 0" */
};

static const char *kind_name(enum reply_kind kind)
{
    return kind == REPLY_KIND_RN16 ? "rn16" : "epc";
}

static size_t kind_bits(enum reply_kind kind)
{
    return kind == REPLY_KIND_RN16 ? 16 : 128;
}

static struct crossing_request request_of(struct sensitivity *s, const struct bench_scene *scene,
                                          double per)
{
    return (struct crossing_request){.run = s->run,
                                     .scene = scene,
                                     .rx = s->rx,
                                     .per = per,
                                     .start_db = 0.4,
                                     .errors = s->run->quick ? 100 : 400};
}

/* One line of the main table; crossing tells what was found. */
static int gap_measure(struct sensitivity *s, enum reply_kind kind, double per,
                       struct crossing *crossing)
{
    struct bench_scene scene;
    bench_scene_init(&scene, &s->link, kind);
    struct crossing_request request = request_of(s, &scene, per);
    request.with_bound = true;
    if (crossing_find(&request, crossing)) {
        return 1;
    }
    char label[128], extra[320], number[4][32];
    double sheet_db = crossing_sheet_db(s->link.m_cycles, kind_bits(kind), per);
    snprintf(label, sizeof label, "%s %s %g %%", s->name, kind_name(kind), 100.0 * per);
    snprintf(extra, sizeof extra,
             "\"bound\":%s,\"gap_db\":%s,\"gap_sigma_db\":%.3f,\"bound_to_sheet_db\":%s,"
             "\"sheet_db\":%s,\"n\":%lu,\"errors\":%lu,\"bound_errors\":%lu",
             bench_number(crossing->bound_db, number[0]),
             bench_number(crossing->rx_db - crossing->bound_db, number[1]), crossing->gap_sigma_db,
             bench_number(crossing->bound_db - sheet_db, number[2]),
             bench_number(sheet_db, number[3]), crossing->n, crossing->rx_errors,
             crossing->bound_errors);
    bench_print(s->run, label, crossing->rx_db, "dB Eb/N0", extra);
    return 0;
}

static void impair(struct bench_scene *scene, const struct impairment *row)
{
    scene->offset_hz = row->offset_hz;
    scene->offset_uniform = row->offset_uniform;
    scene->offset_rate_hz_per_s = row->offset_rate_hz_per_s;
    scene->clock_drift_ratio = row->clock_drift_ratio;
    scene->leak_db = row->leak_db > 0.0 ? row->leak_db : scene->leak_db;
    scene->air.adc_bits = row->adc_bits;
    scene->bound_sees_floor = row->adc_bits > 0.0;
    scene->air.tag_moving_ratio = row->tag_moving_ratio;
    scene->air.tag_moving_hz = row->tag_moving_hz;
    scene->n_channels = row->n_channels > 0 ? row->n_channels : 1;
}

static void loss_print(struct sensitivity *s, enum reply_kind kind, const char *what,
                       double loss_db, const struct crossing *crossing)
{
    char label[224], extra[200], number[2][32];
    snprintf(label, sizeof label, "%s %s loss: %s", s->name, kind_name(kind), what);
    snprintf(extra, sizeof extra,
             "\"ebn0_db\":%s,\"bound\":%s,\"sigma_db\":%.3f,\"per\":0.01,\"n\":%lu,\"errors\":%lu",
             bench_number(crossing->rx_db, number[0]), bench_number(crossing->bound_db, number[1]),
             crossing->rx_sigma_db, crossing->n, crossing->rx_errors);
    bench_print(s->run, label, loss_db, "dB", extra);
}

/* The bound must be measured again: the floor is another one, or the tag fades. */
static bool needs_bound(const struct impairment *row)
{
    return row->adc_bits > 0.0 || row->tag_moving_ratio > 0.0;
}

static bool loss_wanted(const struct sensitivity *s, enum reply_kind kind, const char *what)
{
    char label[224];
    snprintf(label, sizeof label, "%s %s loss: %s", s->name, kind_name(kind), what);
    return bench_wanted(s->run, label);
}

/* Loss at 1 % against the unimpaired receiver; where the converter raises the floor or the tag fades,
 * growth of the gap to the bound, which has the same. */
static int loss_measure(struct sensitivity *s, enum reply_kind kind, const struct impairment *row,
                        const struct crossing *clean, double *loss_db)
{
    struct bench_scene scene;
    bench_scene_init(&scene, &s->link, kind);
    impair(&scene, row);
    struct crossing_request request = request_of(s, &scene, 0.01);
    request.with_bound = needs_bound(row);
    request.start_db = clean->rx_db - clean->bound_db - (scene.n_channels > 1 ? 3.0 : 0.0);
    struct crossing crossing;
    struct link link;
    int failed = 0;
    unsigned long settings = s->run->settings;
    bool is_other = scene.n_channels > 1 || row->setting[0];
    if (is_other) {
        request.rx = NULL;
        failed = bench_receiver_new(s->run, s->code, s->trext, row->setting, scene.n_channels,
                                    false, &link, &request.rx);
    }
    failed = failed || crossing_find(&request, &crossing);
    if (!failed) {
        crossing.bound_db = request.with_bound ? crossing.bound_db : clean->bound_db;
        *loss_db = request.with_bound
                       ? crossing.rx_db - crossing.bound_db - (clean->rx_db - clean->bound_db)
                       : crossing.rx_db - clean->rx_db;
        loss_print(s, kind, row->label, *loss_db, &crossing);
    }
    if (is_other) {
        reply_rx_free(&request.rx);
        s->run->settings = settings;
    }
    return failed;
}

/* Loss over the angle between tag and leak; `rx` whitens or does not. */
static int phase_noise_measure(struct sensitivity *s, const char *how, struct reply_rx *rx,
                               const struct crossing *clean, bool is_whitened,
                               struct svg_series *series)
{
    for (int k = 0; k < PHASES; k++) {
        double angle = phase_noise_deg[k] * acos(-1.0) / 180.0;
        double across = sin(angle) * sin(angle);
        double ideal_db = is_whitened
                              ? -10.0 * log10(1.0 - across + across / (1.0 + PHASE_NOISE_RATIO))
                              : 10.0 * log10(1.0 + across * PHASE_NOISE_RATIO);
        char what[96];
        snprintf(what, sizeof what, "phase noise +20 dB, tag at %g deg%s, %s", phase_noise_deg[k],
                 phase_noise_deg[k] == 45.0 ? " (median)" : "", how);
        series->x[k] = phase_noise_deg[k];
        series->y[k] = NAN;
        series->n = PHASES;
        bool is_quick = phase_noise_deg[k] == 45.0;
        if (!loss_wanted(s, REPLY_KIND_RN16, what) || (s->run->quick && !is_quick)) {
            continue;
        }
        struct bench_scene scene;
        struct crossing crossing;
        bench_scene_init(&scene, &s->link, REPLY_KIND_RN16);
        scene.tag_phase_rad = angle;
        scene.air.phase_noise_ratio = PHASE_NOISE_RATIO;
        struct crossing_request request = request_of(s, &scene, 0.01);
        request.rx = rx;
        request.start_db = ideal_db + 0.5;
        if (crossing_find(&request, &crossing)) {
            return 1;
        }
        crossing.bound_db = clean->bound_db + ideal_db;
        series->y[k] = crossing.rx_db - clean->rx_db;
        loss_print(s, REPLY_KIND_RN16, what, series->y[k], &crossing);
    }
    return 0;
}

static int phase_noise_chart(const struct sensitivity *s, struct svg_chart *chart)
{
    char path[512], title[128], name[128];
    snprintf(title, sizeof title, "%s RN16: loss to phase noise 20 dB above the noise", s->name);
    snprintf(name, sizeof name, "phase_noise_%s", s->name);
    svg_path(s->run->svg_folder, name, path, sizeof path);
    struct svg_series *ideal = &chart->series[chart->n_series++];
    ideal->label = "ideal, whitened";
    ideal->is_dashed = true;
    ideal->colour = 2;
    for (ideal->n = 0; ideal->n <= 45; ideal->n++) {
        double angle = 2.0 * (double)ideal->n * acos(-1.0) / 180.0;
        double across = sin(angle) * sin(angle);
        ideal->x[ideal->n] = 2.0 * (double)ideal->n;
        ideal->y[ideal->n] = -10.0 * log10(1.0 - across + across / (1.0 + PHASE_NOISE_RATIO));
    }
    chart->title = title;
    chart->x_label = "angle between tag and leak phasor (degrees)";
    chart->y_label = "loss at 1 % PER (dB)";
    chart->x_max = 90.0;
    chart->y_min = -1.0;
    chart->y_max = 26.0;
    return bench_check(svg_chart_write(chart, path));
}

static int phase_noise_run(struct sensitivity *s, const struct crossing *clean)
{
    static struct svg_chart chart;
    static const char *const plain[] = {"dsp.whiten", "no", NULL};
    struct link link;
    struct reply_rx *rx = NULL;
    memset(&chart, 0, sizeof chart);
    struct svg_series *series = &chart.series[chart.n_series++];
    series->label = "receiver";
    int failed = phase_noise_measure(s, "receiver", s->rx, clean, true, series);
    unsigned long settings = s->run->settings;
    if (!failed && bench_receiver_new(s->run, s->code, s->trext, plain, 1, true, &link, &rx) == 0) {
        series = &chart.series[chart.n_series++];
        series->label = "plain receiver";
        series->colour = 1;
        failed = phase_noise_measure(s, "not whitened", rx, clean, false, series);
        reply_rx_free(&rx);
    }
    s->run->settings = settings;
    return failed || (s->run->svg_folder && phase_noise_chart(s, &chart));
}

/* The quick run: FM0 without pilot, RN16 but for what concerns EPCs alone; Miller-4 offset and clock. */
static bool is_of_run(const struct sensitivity *s, enum reply_kind kind,
                      const struct impairment *row)
{
    if (row->epc_only && kind == REPLY_KIND_RN16) {
        return false;
    }
    if (!s->run->quick) {
        return true;
    }
    bool is_moving = row->offset_hz > 0.0 || row->clock_drift_ratio > 0.0;
    return row->quick && !s->trext && row->epc_only == (kind == REPLY_KIND_EPC) &&
           (s->link.m_cycles == 1 || is_moving);
}

static int losses_run(struct sensitivity *s, enum reply_kind kind, const struct crossing *clean)
{
    static struct svg_bars bars;
    memset(&bars, 0, sizeof bars);
    for (int k = 0; k < IMPAIRMENTS; k++) {
        const char *label = impairments[k].label;
        if (!loss_wanted(s, kind, label) || !is_of_run(s, kind, &impairments[k])) {
            continue;
        }
        if (loss_measure(s, kind, &impairments[k], clean, &bars.value[bars.n])) {
            return 1;
        }
        snprintf(bars.label[bars.n++], sizeof bars.label[0], "%s", label);
    }
    if (!s->run->svg_folder || bars.n == 0) {
        return 0;
    }
    char path[512], title[128], name[128];
    snprintf(title, sizeof title, "%s %s: loss under each impairment", s->name, kind_name(kind));
    snprintf(name, sizeof name, "losses_%s_%s", s->name, kind_name(kind));
    svg_path(s->run->svg_folder, name, path, sizeof path);
    bars.title = title;
    bars.x_label = "loss at 1 % PER (dB)";
    return bench_check(svg_bars_write(&bars, path));
}

/* PER over Eb/N0 in steps of half a decibel, receiver and bound, both kinds. */
static int curves_chart(struct sensitivity *s)
{
    static struct svg_chart chart;
    static const char *const labels[2][2] = {{"RN16, receiver", "RN16, bound"},
                                             {"EPC, receiver", "EPC, bound"}};
    memset(&chart, 0, sizeof chart);
    double base_db = floor(bench_ebn0_theory(s->link.m_cycles, 16, 0.5));
    for (int kind = 0; kind < 2; kind++) {
        struct bench_scene scene;
        bench_scene_init(&scene, &s->link, kind ? REPLY_KIND_EPC : REPLY_KIND_RN16);
        struct crossing_request request = request_of(s, &scene, 0.01);
        struct svg_series *rx = &chart.series[chart.n_series++];
        struct svg_series *bound = &chart.series[chart.n_series++];
        rx->label = labels[kind][0];
        bound->label = labels[kind][1];
        bound->is_dashed = true;
        rx->colour = bound->colour = (unsigned)kind;
        for (double at_db = base_db; at_db < base_db + 9.0; at_db += 0.5) {
            double counter[BENCH_COUNTERS];
            if (crossing_count(&request, at_db, at_db, request.errors, 12 * request.errors * 10,
                               counter)) {
                return 1;
            }
            rx->x[rx->n] = bound->x[bound->n] = at_db;
            rx->y[rx->n++] = counter[CROSSING_RX] / counter[CROSSING_N];
            bound->y[bound->n++] = counter[CROSSING_BOUND] / counter[CROSSING_N];
        }
    }
    char path[512], title[128], name[128];
    snprintf(title, sizeof title, "%s: packet error rate", s->name);
    snprintf(name, sizeof name, "per_%s", s->name);
    svg_path(s->run->svg_folder, name, path, sizeof path);
    chart.title = title;
    chart.x_label = "Eb/N0 (dB)";
    chart.y_label = "packet error rate";
    chart.y_log = true;
    chart.x_min = base_db;
    chart.x_max = base_db + 9.0;
    chart.y_min = 1e-3;
    chart.y_max = 1.0;
    return bench_check(svg_chart_write(&chart, path));
}

/* Something of this code and kind is wanted? Filters may hold parts of a loss's label. */
static bool kind_wanted(const struct sensitivity *s, enum reply_kind kind)
{
    char label[96];
    snprintf(label, sizeof label, "%s %s 10 %%", s->name, kind_name(kind));
    bool wanted = bench_wanted(s->run, label);
    snprintf(label, sizeof label, "%s %s 1 %%", s->name, kind_name(kind));
    wanted = wanted || bench_wanted(s->run, label);
    for (int k = 0; k < IMPAIRMENTS && !wanted; k++) {
        wanted = loss_wanted(s, kind, impairments[k].label);
    }
    return wanted || (kind == REPLY_KIND_RN16 &&
                      (loss_wanted(s, kind,
                                   "phase noise +20 dB, tag at 45 deg (median), receiver "
                                   "not whitened 0 15 30 60 75 90")));
}

static int code_run(struct sensitivity *s)
{
    static const enum reply_kind kinds[] = {REPLY_KIND_RN16, REPLY_KIND_EPC};
    int failed = 0;
    bool any = false;
    for (int k = 0; k < 2 && !failed; k++) {
        struct crossing clean;
        if (!kind_wanted(s, kinds[k]) ||
            (s->run->quick && s->trext && kinds[k] == REPLY_KIND_EPC)) {
            continue;
        }
        any = true;
        char label[96];
        snprintf(label, sizeof label, "%s %s 10 %%", s->name, kind_name(kinds[k]));
        if (bench_wanted(s->run, label)) {
            failed = gap_measure(s, kinds[k], 0.1, &clean);
        }
        failed = failed || gap_measure(s, kinds[k], 0.01, &clean);
        if (failed || isnan(clean.rx_db)) {
            continue;
        }
        failed = losses_run(s, kinds[k], &clean);
        bool is_quick = s->link.m_cycles == 1 && !s->trext;
        if (kinds[k] == REPLY_KIND_RN16 && (s->run->quick ? is_quick : s->code->quick)) {
            failed = failed || phase_noise_run(s, &clean);
        }
    }
    if (s->run->svg_folder && any && !failed) {
        failed = curves_chart(s);
    }
    return failed;
}

/* The bound where sampling costs nothing: against limits.md section 1 itself. */
static int bounds_run(struct bench_run *run)
{
    static const double rates[] = {0.1, 0.01};
    int failed = 0;
    for (int k = 0; k < 8 && !failed; k++) {
        struct sensitivity s = {.run = run, .code = &bench_codes[k / 4 ? 8 : 0]};
        enum reply_kind kind = k / 2 % 2 ? REPLY_KIND_EPC : REPLY_KIND_RN16;
        double per = rates[k % 2], sheet_db;
        char label[96], extra[160];
        snprintf(label, sizeof label, "bound %s %s %g %%", s.code->label, kind_name(kind),
                 100.0 * per);
        if (!bench_wanted(run, label) || (run->quick && per < 0.1)) {
            continue;
        }
        struct bench_scene scene;
        struct crossing crossing;
        failed = bench_receiver_new(run, s.code, false, NULL, 1, false, &s.link, &s.rx);
        if (failed) {
            break;
        }
        reply_rx_free(&s.rx); /* the link and the settings were wanted */
        bench_scene_init(&scene, &s.link, kind);
        scene.is_aligned = true;
        scene.rate_sps = 4.0 * s.link.blf_hz;
        struct crossing_request request = request_of(&s, &scene, per);
        request.with_bound = true;
        request.errors = run->quick ? 400 : 4000;
        failed = crossing_find(&request, &crossing);
        sheet_db = crossing_sheet_db(s.link.m_cycles, kind_bits(kind), per);
        snprintf(extra, sizeof extra,
                 "\"sheet_db\":%.2f,\"bound_to_sheet_db\":%.3f,\"n\":%lu,\"errors\":%lu", sheet_db,
                 crossing.bound_db - sheet_db, crossing.n, crossing.bound_errors);
        bench_print(run, label, crossing.bound_db, "dB Eb/N0", extra);
    }
    return failed;
}

static int run_sensitivity(struct bench_run *run)
{
    if (bounds_run(run)) {
        return 1;
    }
    for (size_t k = 0; k < 2 * bench_n_codes; k++) {
        struct sensitivity s = {.run = run, .code = &bench_codes[k / 2], .trext = k % 2};
        snprintf(s.name, sizeof s.name, "%s trext %d", s.code->label, s.trext);
        if ((run->quick && !s.code->quick) ||
            (!kind_wanted(&s, REPLY_KIND_RN16) && !kind_wanted(&s, REPLY_KIND_EPC))) {
            continue;
        }
        int failed = bench_receiver_new(run, s.code, s.trext, NULL, 1, false, &s.link, &s.rx);
        failed = failed || code_run(&s);
        reply_rx_free(&s.rx);
        if (failed) {
            return 1;
        }
    }
    return 0;
}

const struct bench_row bench_sensitivity = {
    "sensitivity",
    "Eb/N0 for 10 % and 1 % PER of RN16 and EPC, the bound, the gap, loss under each impairment",
    run_sensitivity};
