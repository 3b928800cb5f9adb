/* bench_canceller.c - what carrier cancellation adds to the floor that thermal noise, converter and
 * phase noise leave: by how much the whole receiver's distance to the bound grows over that without
 * any leak, the bound being measured on samples with the same floor. */
#include <math.h>
#include <string.h>

#include "reader/svg.h"
#include "tests/bench.h"
#include "tests/bench_crossing.h"
#include "tests/bench_window.h"

struct leak_case {
    const char *label;
    double leak_db, adc_bits;
    double drift_ratio; /* linear, of the leak, over the window */
    double moving_ratio, moving_hz;
    double settle_ratio, settle_us, rise_us;
    double dc_ratio, image_db; /* DC over the leak; image below the wanted: 0 none */
    double offset_hz;
    double phase_noise_ratio; /* on its axis, over the noise there; tag at 45 degrees to the leak */
    bool quick;
};

static const struct leak_case cases[] = {
    {.label = "static, 40 dB", .leak_db = 40.0},
    {.label = "static, 60 dB", .leak_db = 60.0, .quick = true},
    {.label = "static, 80 dB", .leak_db = 80.0, .quick = true},
    {.label = "60 dB, drifts by the tag's size",
     .leak_db = 60.0,
     .drift_ratio = 1e-3,
     .quick = true},
    {.label = "60 dB, -40 dB of it walks (6 Hz)",
     .leak_db = 60.0,
     .moving_ratio = 0.01,
     .moving_hz = 6.0,
     .quick = true},
    {.label = "60 dB, -60 dB of it shakes (100 Hz)",
     .leak_db = 60.0,
     .moving_ratio = 1e-3,
     .moving_hz = 100.0},
    {.label = "60 dB, command edge, 10 % settles in 10 us",
     .leak_db = 60.0,
     .rise_us = 8.0,
     .settle_ratio = 0.1,
     .settle_us = 10.0,
     .quick = true},
    {.label = "60 dB, command edge, 1 % settles in 50 us",
     .leak_db = 60.0,
     .rise_us = 8.0,
     .settle_ratio = 0.01,
     .settle_us = 50.0},
    {.label = "60 dB, DC of a tenth", .leak_db = 60.0, .dc_ratio = 0.1},
    {.label = "60 dB, image -40 dB", .leak_db = 60.0, .image_db = 40.0},
    {.label = "60 dB, 12 bit", .leak_db = 60.0, .adc_bits = 12.0, .quick = true},
    {.label = "70 dB, 14 bit", .leak_db = 70.0, .adc_bits = 14.0},
    {.label = "80 dB, 16 bit", .leak_db = 80.0, .adc_bits = 16.0, .quick = true},
    {.label = "60 dB, phase noise as strong as noise", .leak_db = 60.0, .phase_noise_ratio = 1.0},
    {.label = "60 dB, phase noise +10 dB",
     .leak_db = 60.0,
     .phase_noise_ratio = 10.0,
     .quick = true},
    {.label = "bistatic 2.25 kHz, 60 dB", .leak_db = 60.0, .offset_hz = 2250.0, .quick = true},
    {.label = "bistatic 10 kHz, 60 dB", .leak_db = 60.0, .offset_hz = 10e3},
    {.label = "bistatic 10 kHz, 60 dB, DC of a tenth",
     .leak_db = 60.0,
     .offset_hz = 10e3,
     .dc_ratio = 0.1},
    {.label = "bistatic 10 kHz, 60 dB, image -40 dB",
     .leak_db = 60.0,
     .offset_hz = 10e3,
     .image_db = 40.0,
     .quick = true},
    {.label = "bistatic 2.25 kHz, 60 dB, 12 bit, image -40 dB, DC",
     .leak_db = 60.0,
     .offset_hz = 2250.0,
     .adc_bits = 12.0,
     .image_db = 40.0,
     .dc_ratio = 0.01},
};
enum { CASES = sizeof cases / sizeof *cases };

static void scene_make(struct bench_scene *scene, const struct leak_case *row)
{
    scene->leak_db = row->leak_db;
    scene->leak_drift_ratio = row->drift_ratio;
    scene->settle_ratio = row->settle_ratio;
    scene->settle_us = row->settle_us;
    scene->rise_us = row->rise_us;
    scene->dc_ratio = row->dc_ratio;
    scene->offset_hz = row->offset_hz;
    scene->offset_rate_hz_per_s = row->offset_hz > 0.0 ? 100.0 : 0.0;
    scene->air.adc_bits = row->adc_bits;
    scene->air.leak_moving_ratio = row->moving_ratio;
    scene->air.leak_moving_hz = row->moving_hz;
    scene->air.image = row->image_db > 0.0 ? pow(10.0, -row->image_db / 20.0) : 0.0;
    scene->air.phase_noise_ratio = row->phase_noise_ratio;
    if (row->phase_noise_ratio > 0.0) {
        scene->tag_phase_rad = atan(1.0);
    }
    scene->bound_sees_floor = true;
}

static int case_run(struct crossing_request *request, const char *label, double clean_gap_db,
                    double *added_db)
{
    struct crossing crossing;
    char extra[200], number[2][32];
    if (crossing_find(request, &crossing)) {
        return 1;
    }
    *added_db = crossing.rx_db - crossing.bound_db - clean_gap_db;
    snprintf(extra, sizeof extra,
             "\"ebn0_db\":%s,\"bound\":%s,\"sigma_db\":%.3f,\"per\":%g,\"n\":%lu,\"errors\":%lu",
             bench_number(crossing.rx_db, number[0]), bench_number(crossing.bound_db, number[1]),
             crossing.gap_sigma_db, request->per, crossing.n, crossing.rx_errors);
    bench_print(request->run, label, *added_db, "dB over the floor", extra);
    return 0;
}

static int code_run(struct bench_run *run, const struct bench_code *code, enum reply_kind kind)
{
    struct link link;
    struct bench_scene scene;
    struct crossing crossing;
    struct crossing_request request = {.run = run,
                                       .scene = &scene,
                                       .with_bound = true,
                                       .per = 0.01,
                                       .start_db = 0.4,
                                       .errors = run->quick ? 100 : 400};
    static struct svg_bars bars;
    const char *kind_name = kind == REPLY_KIND_RN16 ? "rn16" : "epc";
    if (bench_receiver_new(run, code, false, NULL, 1, false, &link, &request.rx)) {
        return 1;
    }
    bars.n = 0;
    bench_scene_init(&scene, &link, kind);
    scene.leak_amplitude = 0.0;
    int failed = crossing_find(&request, &crossing);
    double clean_gap_db = crossing.rx_db - crossing.bound_db;
    for (int k = 0; k < CASES && !failed; k++) {
        char label[160];
        snprintf(label, sizeof label, "%s %s: %s", code->label, kind_name, cases[k].label);
        if (!bench_wanted(run, label) || (run->quick && !cases[k].quick)) {
            continue;
        }
        bench_scene_init(&scene, &link, kind);
        scene_make(&scene, &cases[k]);
        failed = case_run(&request, label, clean_gap_db, &bars.value[bars.n]);
        snprintf(bars.label[bars.n++], sizeof bars.label[0], "%s", cases[k].label);
    }
    if (run->svg_folder && bars.n > 0 && !failed) {
        char path[512], title[128], name[64];
        snprintf(title, sizeof title, "%s %s: what cancellation adds to the floor", code->label,
                 kind_name);
        snprintf(name, sizeof name, "canceller_%s_%s", code->label, kind_name);
        svg_path(run->svg_folder, name, path, sizeof path);
        bars.title = title;
        bars.x_label = "loss at 1 % PER beyond that of the floor (dB)";
        failed = bench_check(svg_bars_write(&bars, path));
    }
    reply_rx_free(&request.rx);
    return failed;
}

static int run_canceller(struct bench_run *run)
{
    int failed = 0;
    for (size_t k = 0; k < bench_n_codes && !failed; k++) {
        if (!bench_codes[k].quick || (run->quick && k > 0)) {
            continue; /* one FM0 and one Miller link stand for all */
        }
        failed = code_run(run, &bench_codes[k], REPLY_KIND_RN16);
        if (!failed && !run->quick) {
            failed = code_run(run, &bench_codes[k], REPLY_KIND_EPC);
        }
    }
    return failed;
}

const struct bench_row bench_canceller = {
    "canceller", "what leak, drift, edges, DC, image and offset add to the converter's floor, dB",
    run_canceller};
