/* bench_accuracy.c - RSSI, SNR, phase and BLF of right replies against the truth: bias and standard
 * deviation over Eb/N0, beside the least that noise allows where it is known in closed form; and how
 * well the phase of a still tag repeats. */
#include <math.h>
#include <string.h>

#include "tests/bench.h"
#include "tests/bench_count.h"
#include "tests/bench_window.h"

enum { RSSI, SNR, PHASE, BLF, QUANTITIES };
enum { COUNT_N = 2 * QUANTITIES, COUNT_RIGHT };

struct accuracy {
    const struct bench_scene *scene;
    struct reply_rx *rx;
    double ebn0_db;
};

static struct bench_window window;

static void accuracy_trial(void *context, uint64_t index, double *counter)
{
    const struct accuracy *accuracy = context;
    struct reply_result result;
    bench_window_draw(&window, accuracy->scene, 1 + index * 0xD1342543DE82EF95u);
    counter[COUNT_N] += 1.0;
    if (!bench_window_receive(&window, accuracy->ebn0_db, accuracy->rx, &result)) {
        return;
    }
    double _Complex ratio = result.gain / window.reply.gain;
    const double error[QUANTITIES] = {
        [RSSI] = 20.0 * log10(cabs(ratio)),
        [SNR] = result.snr_db - accuracy->ebn0_db,
        [PHASE] = carg(ratio) * 180.0 / acos(-1.0),
        [BLF] = (result.blf_hz / window.reply.blf_hz - 1.0) * 1e6,
    };
    for (int q = 0; q < QUANTITIES; q++) {
        counter[2 * q] += error[q];
        counter[2 * q + 1] += error[q] * error[q];
    }
    counter[COUNT_RIGHT] += 1.0;
}

/* What white noise allows when all else is known: amplitude and phase each of variance 1 / (2 E/N0)
 * with the energy of the whole reply. NaN: no such formula here. */
static double ideal_of(int quantity, const struct bench_scene *scene, double ebn0_db)
{
    double n_bits = scene->kind == REPLY_KIND_RN16 ? 16.0 : 128.0;
    double symbols = n_bits + 1.0 + (scene->link.m_cycles == 1 ? 6.0 : 10.0);
    double sigma = sqrt(0.5 / (symbols * pow(10.0, ebn0_db / 10.0)));
    switch (quantity) {
    case RSSI: return 20.0 / log(10.0) * sigma;
    case PHASE: return sigma * 180.0 / acos(-1.0);
    default: return NAN;
    }
}

static int point_run(struct bench_run *run, const char *name, struct accuracy *accuracy)
{
    static const struct {
        const char *name, *unit;
    } quantities[QUANTITIES] = {[RSSI] = {"rssi", "dB"},
                                [SNR] = {"snr", "dB"},
                                [PHASE] = {"phase", "deg"},
                                [BLF] = {"blf", "ppm"}};
    double counter[BENCH_COUNTERS] = {0};
    if (bench_count(run, accuracy_trial, accuracy, 0, run->quick ? 400 : 4000, counter)) {
        return 1;
    }
    double n = counter[COUNT_RIGHT];
    for (int q = 0; q < QUANTITIES; q++) {
        char label[128], extra[200], number[2][32];
        double bias = counter[2 * q] / n;
        double sigma = sqrt(fmax(counter[2 * q + 1] / n - bias * bias, 0.0));
        snprintf(label, sizeof label, "%s %s, Eb/N0 %g dB", name, quantities[q].name,
                 accuracy->ebn0_db);
        snprintf(extra, sizeof extra, "\"bias\":%s,\"ideal\":%s,\"n\":%.0f,\"ebn0_db\":%g",
                 bench_number(bias, number[0]),
                 bench_number(ideal_of(q, accuracy->scene, accuracy->ebn0_db), number[1]), n,
                 accuracy->ebn0_db);
        char unit[32];
        snprintf(unit, sizeof unit, "%s (sigma)", quantities[q].unit);
        bench_print(run, label, sigma, unit, extra);
    }
    return 0;
}

/* A tag that does not move, read again and again: the same phase, start and clock of their own. */
static int still_run(struct bench_run *run, const char *name, struct accuracy *accuracy,
                     struct bench_scene *scene)
{
    double counter[BENCH_COUNTERS] = {0};
    accuracy->ebn0_db = 20.0;
    scene->tag_phase_rad = 1.0;
    scene->air.adc_bits = 12.0;
    scene->air.leak_moving_ratio = 1e-4; /* a person walks by, 80 dB below the leak */
    scene->air.leak_moving_hz = 6.0;
    if (bench_count(run, accuracy_trial, accuracy, 0, run->quick ? 400 : 4000, counter)) {
        return 1;
    }
    double n = counter[COUNT_RIGHT], bias = counter[2 * PHASE] / n;
    char label[128], extra[96];
    snprintf(label, sizeof label, "%s phase of a still tag, 12 bit, moving surroundings", name);
    snprintf(extra, sizeof extra, "\"bias\":%.3f,\"n\":%.0f,\"ebn0_db\":%g", bias, n,
             accuracy->ebn0_db);
    bench_print(run, label, sqrt(fmax(counter[2 * PHASE + 1] / n - bias * bias, 0.0)),
                "deg (sigma)", extra);
    return 0;
}

static int code_run(struct bench_run *run, const struct bench_code *code)
{
    static const double steps_db[] = {2.0, 6.0, 10.0, 20.0, 30.0}; /* over the bound at 1 % */
    struct link link;
    struct accuracy accuracy;
    int failed = bench_receiver_new(run, code, false, NULL, 1, false, &link, &accuracy.rx);
    for (int kind = 0; kind < 2 && !failed; kind++) {
        struct bench_scene scene;
        char name[64];
        bench_scene_init(&scene, &link, kind ? REPLY_KIND_EPC : REPLY_KIND_RN16);
        snprintf(name, sizeof name, "%s %s", code->label, kind ? "epc" : "rn16");
        if (!bench_wanted(run, name)) {
            continue;
        }
        accuracy.scene = &scene;
        double floor_db = ceil(bench_ebn0_theory(link.m_cycles, kind ? 128 : 16, 0.01));
        for (size_t k = 0; k < sizeof steps_db / sizeof *steps_db && !failed; k++) {
            accuracy.ebn0_db = floor_db + steps_db[k];
            failed = point_run(run, name, &accuracy);
        }
        failed = failed || still_run(run, name, &accuracy, &scene);
    }
    reply_rx_free(&accuracy.rx);
    return failed;
}

static int run_accuracy(struct bench_run *run)
{
    int failed = 0;
    for (size_t k = 0; k < bench_n_codes && !failed; k++) {
        if (bench_codes[k].quick || !run->quick) {
            failed = code_run(run, &bench_codes[k]);
        }
    }
    return failed;
}

const struct bench_row bench_accuracy = {
    "accuracy", "bias and spread of RSSI, SNR, phase and BLF against the truth", run_accuracy};
