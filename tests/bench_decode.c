/* bench_decode.c - offline decoding on one core: multiple of real time, and as a share of what
 * liquid's decimator by 8 with 64 taps does on the same samples in the same run. */
#include <liquid/liquid.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/option.h"
#include "radio/recording.h"
#include "reader/option_tables.h"
#include "reader/passive.h"
#include "tests/bench.h"

struct samples {
    float _Complex *sample;
    size_t n;
    double rate_sps;
};

static uint64_t n_reads;

static void count_reads(void *context, const struct record *record)
{
    (void)context;
    n_reads += record->type == RECORD_READ;
}

static int samples_load(const char *base, struct samples *samples)
{
    struct recording_cfg cfg = {.path = base, .format = RECORDING_SIGMF, .rate_sps = NAN};
    struct recording *recording = NULL;
    if (recording_open(&cfg, &recording) != ST_OK) {
        fprintf(stderr, "zpreader-bench: %s\n", status_detail());
        return 1;
    }
    size_t capacity = (size_t)1 << 25;
    samples->sample = malloc(capacity * sizeof *samples->sample);
    samples->rate_sps = recording_meta(recording)->rate_sps;
    samples->n = 0;
    struct iq_block block = {.n_channels = 1, .capacity_samples = 65536};
    block.sample[0] = samples->sample;
    while (samples->n + 65536 <= capacity && recording_read(recording, &block) == ST_OK) {
        samples->n += block.n_samples;
        block.sample[0] = samples->sample + samples->n;
    }
    recording_close(&recording);
    return samples->n == 0;
}

static double firdecim_s(const struct samples *samples)
{
    firdecim_crcf decimator = firdecim_crcf_create_kaiser(8, 4, 60.0F);
    float _Complex out;
    double start = bench_cpu_s();
    for (size_t k = 0; k + 8 <= samples->n; k += 8) {
        firdecim_crcf_execute(decimator, samples->sample + k, &out);
    }
    double spent = bench_cpu_s() - start;
    firdecim_crcf_destroy(decimator);
    return spent;
}

static double decode_s(const struct samples *samples)
{
    struct passive_cfg cfg = {
        .rate_sps = samples->rate_sps, .n_channels = 1, .freq_hz = NAN, .record = count_reads};
    struct option_set *set = NULL;
    struct passive *passive = NULL;
    const struct option_table *tables[OPTION_TABLES_MAX];
    if (option_set_new(tables, option_tables_collect(tables), &set) != ST_OK) {
        return NAN;
    }
    option_fill(set, &reply_rx_options, &cfg.receiver);
    option_fill(set, &link_options, &cfg.hint);
    option_set_free(&set);
    if (passive_new(&cfg, &passive) != ST_OK) {
        return NAN;
    }
    n_reads = 0;
    double start = bench_cpu_s();
    for (size_t at = 0; at < samples->n; at += 65536) {
        size_t n = samples->n - at < 65536 ? samples->n - at : 65536;
        const float _Complex *sample = samples->sample + at;
        passive_push(passive, &sample, n, (int64_t)at);
    }
    passive_finish(passive);
    double spent = bench_cpu_s() - start;
    passive_free(&passive);
    return spent;
}

/* The recording's flags are the case's settings; where it was written to is none of them. */
static int record(struct bench_run *run, const char *const *link, const char *path)
{
    static const char *const common[] = {"radio.sim.n_tags", "100", "radio.sim.seed",      "3",
                                         "radio.sim.pace",   "max", "publish.zmq.enabled", "false"};
    enum { COMMON = sizeof common / sizeof *common };
    const char *setting[32] = {NULL}, *arguments[40] = {"inventory"};
    char flag[16][64];
    size_t n = 0;
    for (size_t k = 0; k < COMMON; k++) {
        setting[n++] = common[k];
    }
    for (; *link; link++) {
        setting[n++] = *link;
    }
    size_t at = 1;
    for (size_t k = 0; k < n; k += 2) {
        snprintf(flag[k / 2], sizeof flag[0], "--%s=%s", setting[k], setting[k + 1]);
        arguments[at++] = flag[k / 2];
    }
    arguments[at++] = "--record";
    arguments[at] = path;
    int failed = bench_spawn(run, arguments, NULL, NULL, NULL);
    struct option_set *set = NULL;
    failed |= bench_options(run, setting, &set) != ST_OK;
    option_set_free(&set);
    return failed;
}

/* Record an inventory of 100 tags (back to back, no idle rounds), then decode it several times. */
static int decode_case(struct bench_run *run, const char *label, const char *const *link)
{
    char base[] = "/tmp/zpreader-bench-XXXXXX";
    if (!mkdtemp(base)) {
        perror(base);
        return 1;
    }
    char path[256];
    snprintf(path, sizeof path, "%s/inventory", base);
    struct samples samples = {0};
    int failed = record(run, link, path);
    failed = failed ? failed : samples_load(path, &samples);
    double best = INFINITY, best_fir = INFINITY;
    for (int pass = 0; pass < 7 && !failed; pass++) {
        best = fmin(best, decode_s(&samples));
        best_fir = fmin(best_fir, firdecim_s(&samples));
    }
    if (!failed) {
        double length_s = (double)samples.n / samples.rate_sps;
        char extra[160];
        snprintf(extra, sizeof extra,
                 "\"ns_per_sample\":%.2f,\"reads\":%llu,\"samples\":%zu,\"to_firdecim\":%.3f",
                 best / (double)samples.n * 1e9, (unsigned long long)n_reads, samples.n,
                 best_fir / best);
        bench_print(run, label, length_s / best, "x real time", extra);
    }
    free(samples.sample);
    char remove[600];
    snprintf(remove, sizeof remove, "rm -rf '%s'", base);
    return system(remove) != 0 || failed;
}

static int run_decode(struct bench_run *run)
{
    static const char *const fm0[] = {"run.duration_s", "0.75", NULL};
    static const char *const m4[] = {
        "run.duration_s", "0.4",  "link.m",         "miller4", "link.blf_hz", "250k",
        "link.tari_us",   "12.5", "radio.rate_sps", "4e6",     NULL};
    int failed = decode_case(run, "fm0 40 kHz, 2 MS/s", fm0);
    return failed | decode_case(run, "miller-4 250 kHz, 4 MS/s", m4);
}

const struct bench_row bench_decode = {
    "decode", "offline decoding on one core, multiple of real time", run_decode};
