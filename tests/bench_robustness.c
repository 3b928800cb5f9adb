/* bench_robustness.c - what others on the air do to the receiver at a fixed margin over the bound, how
 * often the outcome names the right cause, and how often there is a reply where none was, or another
 * one than was sent. */
#include <math.h>
#include <string.h>

#include "protocol/crc.h"
#include "tests/bench.h"
#include "tests/bench_count.h"
#include "tests/bench_window.h"

#define MARGIN_DB 3.0

struct disturbance {
    const char *label;
    enum reply_cause cause;                       /* what the outcome should name */
    double tone_db, tone_offset_hz, tone_tari_us; /* over the tag's half swing; offset 0: no tone */
    double impulses_per_s, impulse_db;
    double burst_db, burst_on_us, burst_off_us;
    double moving_ratio, moving_hz;
    double leak_db, adc_bits;
    double leak_amplitude; /* 0: half of full scale */
    bool fixed_floor;      /* noise stays where it is for a tag 90 dB below the leak */
};

static const struct disturbance disturbances[] = {
    {.label = "nothing"},
    {.label = "carrier 5 kHz away, as the tag",
     .tone_offset_hz = 5e3,
     .cause = REPLY_CAUSE_CARRIER},
    {.label = "carrier 5 kHz away, +20 dB",
     .tone_db = 20.0,
     .tone_offset_hz = 5e3,
     .cause = REPLY_CAUSE_CARRIER},
    {.label = "carrier 5 kHz away, +40 dB",
     .tone_db = 40.0,
     .tone_offset_hz = 5e3,
     .cause = REPLY_CAUSE_CARRIER},
    {.label = "carrier 200 kHz away, +20 dB",
     .tone_db = 20.0,
     .tone_offset_hz = 200e3,
     .cause = REPLY_CAUSE_CARRIER},
    {.label = "carrier 200 kHz away, +40 dB",
     .tone_db = 40.0,
     .tone_offset_hz = 200e3,
     .cause = REPLY_CAUSE_CARRIER},
    {.label = "commands 5 kHz away, as the tag",
     .tone_offset_hz = 5e3,
     .tone_tari_us = 12.5,
     .cause = REPLY_CAUSE_COMMANDS},
    {.label = "commands 5 kHz away, +20 dB",
     .tone_db = 20.0,
     .tone_offset_hz = 5e3,
     .tone_tari_us = 12.5,
     .cause = REPLY_CAUSE_COMMANDS},
    {.label = "commands 200 kHz away, +20 dB",
     .tone_db = 20.0,
     .tone_offset_hz = 200e3,
     .tone_tari_us = 12.5,
     .cause = REPLY_CAUSE_COMMANDS},
    {.label = "impulses, 5000 a second, +30 dB",
     .impulses_per_s = 5e3,
     .impulse_db = 30.0,
     .cause = REPLY_CAUSE_IMPULSES},
    {.label = "impulses, 5000 a second, +50 dB",
     .impulses_per_s = 5e3,
     .impulse_db = 50.0,
     .cause = REPLY_CAUSE_IMPULSES},
    {.label = "GSM bursts, +10 dB of noise",
     .burst_db = 10.0,
     .burst_on_us = 577.0,
     .burst_off_us = 4038.0,
     .cause = REPLY_CAUSE_BURST},
    {.label = "GSM bursts, +20 dB of noise",
     .burst_db = 20.0,
     .burst_on_us = 577.0,
     .burst_off_us = 4038.0,
     .cause = REPLY_CAUSE_BURST},
    {.label = "LTE bursts, +10 dB of noise",
     .burst_db = 10.0,
     .burst_on_us = 1000.0,
     .burst_off_us = 3000.0,
     .cause = REPLY_CAUSE_BURST},
    {.label = "moving tag, Doppler 20 Hz", .moving_ratio = 1.0, .moving_hz = 20.0},
    {.label = "moving tag, Doppler 100 Hz", .moving_ratio = 1.0, .moving_hz = 100.0},
    {.label = "fading, a tenth moves at 20 Hz", .moving_ratio = 0.1, .moving_hz = 20.0},
    {.label = "tag 90 dB below the leak", .leak_db = 90.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "tag 70 dB below the leak", .leak_db = 70.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "tag 50 dB below the leak", .leak_db = 50.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "tag 30 dB below the leak", .leak_db = 30.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "tag 15 dB below the leak", .leak_db = 15.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "tag 6 dB below the leak", .leak_db = 6.0, .adc_bits = 16.0, .fixed_floor = true},
    {.label = "clipping: leak 1 dB below full scale, tag -15 dB",
     .leak_db = 15.0,
     .adc_bits = 12.0,
     .leak_amplitude = 1.2, /* of I and Q together */
     .cause = REPLY_CAUSE_CLIPPED},
};
enum { DISTURBANCES = sizeof disturbances / sizeof *disturbances };

enum {
    COUNT_N,
    COUNT_WRONG,
    COUNT_NAMED,       /* the cause is the one it should be */
    COUNT_WRONG_NAMED, /* the same among windows not read right */
    COUNT_HEARD,
    COUNT_FALSE,    /* CRC right, bits wrong */
    COUNT_SYNDROME, /* half of the CRC right, bits wrong */
    COUNT_CHANCE, /* bits wrong in a way that no CRC finds for certain, and believed if it does not */
    COUNT_LIST,   /* sequences tried in windows not read right */
};

struct counting {
    const struct bench_scene *scene;
    struct reply_rx *rx;
    double ebn0_db;
    enum reply_cause cause;
};

static struct bench_window window;

/* Errors that the CRC-16 finds for certain: within 16 bits, an odd number or fewer than four of them (its
 * polynomial is x + 1 times a primitive one of degree 15), and two pairs of neighbours: (x + 1)(x^i + x^j)
 * is a multiple of it only 32767 bits apart. Half of the CRC need not find them. */
static bool is_found_for_certain(const struct bitbuf *bits)
{
    size_t place[160], n = 0;
    if (window.scene->is_empty || bits->n_bits != window.n_bits) {
        return false;
    }
    for (size_t k = 0; k < window.n_bits; k++) {
        if (bits->bit[k] != window.bit[k]) {
            place[n++] = k;
        }
    }
    bool is_pairs = n == 4 && place[1] == place[0] + 1 && place[3] == place[2] + 1;
    return n < 4 || n % 2 == 1 || is_pairs || place[n - 1] < place[0] + 16;
}

/* 0: the CRC is right. */
static unsigned syndrome_of(const struct bitbuf *bits)
{
    if (bits->n_bits < 32) {
        return 0xFFFF;
    }
    struct bit_reader reader = {bits->bit, bits->n_bits, bits->n_bits - 16};
    uint64_t sent = 0;
    if (bits_get(&reader, 16, &sent) != ST_OK) {
        return 0xFFFF;
    }
    return crc_of_bits(CRC_16, bits->bit, bits->n_bits - 16) ^ (unsigned)sent;
}

static void window_trial(void *context, uint64_t index, double *counter)
{
    const struct counting *counting = context;
    struct reply_result result;
    bench_window_draw(&window, counting->scene, 1 + index * 0xD1342543DE82EF95u);
    bool is_right = bench_window_receive(&window, counting->ebn0_db, counting->rx, &result);
    bool is_named = result.cause == counting->cause;
    bool is_heard = result.verdict == REPLY_DECODED;
    counter[COUNT_N] += 1.0;
    counter[COUNT_WRONG] += !is_right;
    counter[COUNT_NAMED] += is_named;
    counter[COUNT_WRONG_NAMED] += is_named && !is_right;
    counter[COUNT_HEARD] += is_heard;
    if (is_right || counting->scene->kind != REPLY_KIND_EPC) {
        return;
    }
    /* wrong in a way that no CRC finds for certain, and believed should it be right by chance */
    bool is_chance = is_heard && !is_found_for_certain(&result.bits) && result.trace.is_credible;
    counter[COUNT_LIST] += is_chance + result.trace.n_list_tried;
    if (is_chance) {
        unsigned syndrome = syndrome_of(&result.bits);
        counter[COUNT_FALSE] += syndrome == 0;
        counter[COUNT_SYNDROME] += (syndrome & 0xFF) == 0;
        counter[COUNT_CHANCE] += 1.0;
    }
}

static void scene_make(struct bench_scene *scene, const struct disturbance *row)
{
    scene->leak_db = row->leak_db > 0.0 ? row->leak_db : scene->leak_db;
    scene->leak_amplitude = row->leak_amplitude > 0.0 ? row->leak_amplitude : scene->leak_amplitude;
    scene->tone_ratio = row->tone_offset_hz != 0.0 ? pow(10.0, row->tone_db / 20.0) : 0.0;
    scene->tone_offset_hz = row->tone_offset_hz;
    scene->tone_tari_us = row->tone_tari_us;
    scene->air.impulses_per_s = row->impulses_per_s;
    scene->impulse_ratio = pow(10.0, row->impulse_db / 20.0);
    scene->air.impulse_us = 2.0;
    scene->air.burst_ratio = row->burst_on_us > 0.0 ? pow(10.0, row->burst_db / 10.0) : 0.0;
    scene->air.burst_on_us = row->burst_on_us;
    scene->air.burst_off_us = row->burst_off_us;
    scene->air.tag_moving_ratio = row->moving_ratio;
    scene->air.tag_moving_hz = row->moving_hz;
    scene->air.adc_bits = row->adc_bits;
}

static int disturbance_run(struct bench_run *run, const struct bench_code *code,
                           const struct link *link, enum reply_kind kind, struct reply_rx *rx,
                           const struct disturbance *row)
{
    struct bench_scene scene;
    struct counting counting = {.scene = &scene, .rx = rx, .cause = row->cause};
    double counter[BENCH_COUNTERS] = {0};
    char label[160], extra[256], number[2][32];
    snprintf(label, sizeof label, "%s %s: %s", code->label,
             kind == REPLY_KIND_RN16 ? "rn16" : "epc", row->label);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    bench_scene_init(&scene, link, kind);
    scene_make(&scene, row);
    counting.ebn0_db = bench_ebn0_theory(link->m_cycles, kind == REPLY_KIND_RN16 ? 16 : 128, 0.01) +
                       MARGIN_DB + (row->fixed_floor ? 90.0 - row->leak_db : 0.0);
    if (bench_count(run, window_trial, &counting, 0, run->quick ? 300 : 4000, counter)) {
        return 1;
    }
    snprintf(extra, sizeof extra,
             "\"n\":%.0f,\"ebn0_db\":%.2f,\"cause\":\"%s\",\"cause_named\":%s,"
             "\"failures_named\":%s",
             counter[COUNT_N], counting.ebn0_db, reply_cause_text[row->cause],
             bench_number(counter[COUNT_NAMED] / counter[COUNT_N], number[0]),
             bench_number(counter[COUNT_WRONG_NAMED] / counter[COUNT_WRONG], number[1]));
    bench_print(run, label, counter[COUNT_WRONG] / counter[COUNT_N], "PER", extra);
    return 0;
}

/* RN16s out of windows in which nothing was sent. */
static int false_alarms_run(struct bench_run *run, const struct bench_code *code,
                            const struct link *link, struct reply_rx *rx)
{
    struct bench_scene scene;
    struct counting counting = {.scene = &scene, .rx = rx, .ebn0_db = 10.0};
    double counter[BENCH_COUNTERS] = {0};
    uint64_t n = run->quick ? 20000 : 300000;
    char label[96], extra[96];
    snprintf(label, sizeof label, "%s rn16: false alarms", code->label);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    bench_scene_init(&scene, link, REPLY_KIND_RN16);
    scene.is_empty = true;
    if (bench_count(run, window_trial, &counting, 0, n, counter)) {
        return 1;
    }
    snprintf(extra, sizeof extra, "\"n\":%.0f,\"per_300000\":%.1f", counter[COUNT_N],
             3e5 * counter[COUNT_HEARD] / counter[COUNT_N]);
    bench_print(run, label, counter[COUNT_HEARD], "RN16s", extra);
    return 0;
}

/* EPCs with a right CRC that nobody sent, an attempt. Counted, and extrapolated twice, the larger
 * counts: half of the CRC right by chance is 256 times as frequent as all of it (errors left out
 * that the CRC finds for certain); and every sequence that a list decoder tried had
 * its 2^-16. What the receiver doubts (dsp.false_read_ratio) whatever its CRC says counts in neither. */
static int wrong_epcs_run(struct bench_run *run, const struct bench_code *code,
                          const struct link *link, struct reply_rx *rx)
{
    struct bench_scene scene;
    struct counting counting = {.scene = &scene, .rx = rx};
    double worst = 0.0, total[BENCH_COUNTERS] = {0};
    for (double ebn0_db = -7.5; ebn0_db <= 15.0; ebn0_db += 2.5) {
        double counter[BENCH_COUNTERS] = {0};
        bool is_empty = ebn0_db < -6.0;
        char label[96], extra[200];
        snprintf(label, sizeof label, "%s epc: wrong EPCs, Eb/N0 %g dB", code->label, ebn0_db);
        if (is_empty) {
            snprintf(label, sizeof label, "%s epc: wrong EPCs, noise only", code->label);
        }
        if (!bench_wanted(run, label)) {
            continue;
        }
        bench_scene_init(&scene, link, REPLY_KIND_EPC);
        scene.is_empty = is_empty;
        counting.ebn0_db = is_empty ? 10.0 : ebn0_db;
        bool is_worst = ebn0_db > -1.0 && ebn0_db < 6.0;
        uint64_t n_trials = run->quick ? 1000 : is_worst ? 300000 : 40000;
        if (bench_count(run, window_trial, &counting, 0, n_trials, counter)) {
            return 1;
        }
        double n = counter[COUNT_N], expected = counter[COUNT_SYNDROME] / 256.0 / n;
        double listed = counter[COUNT_LIST] / 65536.0 / n;
        worst = fmax(worst, fmax(expected, listed));
        snprintf(extra, sizeof extra,
                 "\"counted\":%.0f,\"half_syndrome\":%.0f,\"syndrome_per_million\":%.4g,"
                 "\"list_per_million\":%.4g,\"wrong\":%.0f,\"n\":%.0f,\"per\":%.4g",
                 counter[COUNT_FALSE], counter[COUNT_SYNDROME], 1e6 * expected, 1e6 * listed,
                 counter[COUNT_CHANCE], n, counter[COUNT_WRONG] / n);
        bench_print(run, label, 1e6 * fmax(expected, listed), "per million", extra);
        for (int k = 0; k < BENCH_COUNTERS; k++) {
            total[k] += counter[k];
        }
    }
    if (total[COUNT_N] > 0.0) {
        char label[96], extra[120];
        snprintf(label, sizeof label, "%s epc: wrong EPCs, worst Eb/N0", code->label);
        snprintf(extra, sizeof extra, "\"counted\":%.0f,\"half_syndrome\":%.0f,\"n\":%.0f",
                 total[COUNT_FALSE], total[COUNT_SYNDROME], total[COUNT_N]);
        bench_print(run, label, 1e6 * worst, "per million", extra);
    }
    return 0;
}

static int code_run(struct bench_run *run, const struct bench_code *code)
{
    struct link link;
    struct reply_rx *rx = NULL;
    int failed = bench_receiver_new(run, code, false, NULL, 1, false, &link, &rx);
    for (int kind = 0; kind < 2 && !failed; kind++) {
        for (int k = 0; k < DISTURBANCES && !failed; k++) {
            failed = disturbance_run(run, code, &link, kind ? REPLY_KIND_EPC : REPLY_KIND_RN16, rx,
                                     &disturbances[k]);
        }
    }
    failed = failed || false_alarms_run(run, code, &link, rx);
    failed = failed || wrong_epcs_run(run, code, &link, rx);
    reply_rx_free(&rx);
    return failed;
}

static int run_robustness(struct bench_run *run)
{
    int failed = 0;
    for (size_t k = 0; k < bench_n_codes && !failed; k++) {
        if (bench_codes[k].quick) { /* one FM0 and one Miller link stand for all */
            failed = code_run(run, &bench_codes[k]);
        }
    }
    return failed;
}

const struct bench_row bench_robustness = {
    "robustness", "PER under interference, causes named, false alarms, wrong EPCs", run_robustness};
