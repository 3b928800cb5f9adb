/* cmd_decode.c - recordings: reader commands and tag replies, offline. */
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/log.h"
#include "radio/recording.h"
#include "reader/decode_options.h"
#include "reader/passive.h"
#include "reader/publish.h"
#include "reader/run.h"

enum { BLOCK_SAMPLES = 65536 };

struct decode_cfg { /* option keys decode.* */
    int format;
};

static const struct option_row decode_rows[] = {
    {.key = "decode.format",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "sigmf",
     .choices = "sigmf|" IQ_FORMAT_CHOICES,
     .offset = offsetof(struct decode_cfg, format),
     .meaning = "sigmf (metadata beside the samples), or the sample type of a raw recording, which "
                "needs --rate",
     .shorthand = "format"},
};

const struct option_table decode_options = {
    .title = "decode", .rows = decode_rows, .n_rows = sizeof decode_rows / sizeof *decode_rows};

/* Set by Ctrl-C, and by the publishers when stdout takes no more. */
static volatile sig_atomic_t decode_stopped;

static void decode_stop(int signal_number)
{
    (void)signal_number;
    decode_stopped = 1;
}

struct decode_run {
    struct publish *publish;
    struct recording *recording;
    struct passive *passive;
    struct iq_block block;
    double end_tick; /* --duration */
};

static void record_out(void *context, const struct record *record)
{
    struct decode_run *run = context;
    publish_record(run->publish, record);
}

static enum status block_set(struct iq_block *block, unsigned n_channels)
{
    block->n_channels = n_channels;
    block->capacity_samples = BLOCK_SAMPLES;
    for (unsigned c = 0; c < n_channels; c++) {
        block->sample[c] = malloc(BLOCK_SAMPLES * sizeof *block->sample[c]);
        if (!block->sample[c]) {
            return status_fail(ST_NO_MEMORY, "decode: no memory");
        }
    }
    return ST_OK;
}

static void passive_cfg_fill(const struct option_set *options, const struct sigmf *meta,
                             struct decode_run *run, struct passive_cfg *cfg)
{
    *cfg = (struct passive_cfg){
        .rate_sps = meta->rate_sps,
        .n_channels = meta->n_channels,
        .hint_blf = option_is_set(options, "link.blf_hz"),
        .hint_m = option_is_set(options, "link.m"),
        .hint_trext = option_is_set(options, "link.trext"),
        .record = record_out,
        .context = run,
    };
    option_fill(options, &reply_rx_options, &cfg->receiver);
    option_fill(options, &link_options, &cfg->hint);
    struct run_cfg own;
    struct radio_cfg radio;
    option_fill(options, &run_options, &own);
    option_fill(options, &radio_options, &radio);
    cfg->trace = own.trace;
    cfg->freq_hz = meta->n_captures > 0 ? meta->capture[0].frequency_hz : NAN;
    cfg->freq_hz = isnan(cfg->freq_hz) ? radio.freq_hz : cfg->freq_hz;
}

static enum status decode_open(const struct option_set *options, const char *path,
                               struct decode_run *run)
{
    struct decode_cfg decode;
    static struct reader_cfg cfg; /* only its run and publish parts are used */
    option_fill(options, &decode_options, &decode);
    run_cfg_fill(options, READER_INVENTORY, &cfg);
    cfg.publish.zmq_enabled = false;
    cfg.publish.live_view = false;
    struct recording_cfg recording = {
        .path = path,
        .format = decode.format == 0 ? RECORDING_SIGMF : decode.format - 1,
        .rate_sps = cfg.radio.rate_sps,
        .n_channels = (unsigned)cfg.radio.n_rx_channels,
    };
    enum status status = recording_open(&recording, &run->recording);
    if (status) {
        return status;
    }
    const struct sigmf *meta = recording_meta(run->recording);
    run->end_tick = isfinite(cfg.run.duration_s) ? cfg.run.duration_s * meta->rate_sps : INFINITY;
    struct record_context context = {.epoch_s = cfg.run.epoch_s};
    size_t n_path = strlen(path), n_kept = sizeof context.file - 1; /* the end tells files apart */
    snprintf(context.file, sizeof context.file, "%s",
             path + (n_path > n_kept ? n_path - n_kept : 0));
    snprintf(context.reader_name, sizeof context.reader_name, "%.63s", cfg.run.name);
    if (isnan(context.epoch_s) && meta->n_captures > 0 && meta->capture[0].unix_ns != INT64_MIN) {
        context.epoch_s = 1e-9 * (double)meta->capture[0].unix_ns;
    }
    if (meta->rate_sps < 4e5) {
        return status_fail(ST_RANGE,
                           "%s: %g samples a second are too few for any reply (4 samples "
                           "a Tpri at 40 kHz need 160 kS/s, PIE 400 kS/s)",
                           path, meta->rate_sps);
    }
    struct passive_cfg passive;
    passive_cfg_fill(options, meta, run, &passive);
    status = block_set(&run->block, meta->n_channels);
    status = status ? status : publish_open(&cfg.publish, &context, &run->publish);
    return status ? status : passive_new(&passive, &run->passive);
}

static void decode_close(struct decode_run *run)
{
    passive_free(&run->passive);
    publish_close(&run->publish);
    recording_close(&run->recording);
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        free(run->block.sample[c]);
        run->block.sample[c] = NULL;
    }
}

/* A number out of range is the user's where the user gave it; in the metadata of a recording it is
 * a fault of the file (contract, exit status). */
static enum status fault_of(const struct option_set *options, enum status status)
{
    struct decode_cfg decode;
    option_fill(options, &decode_options, &decode);
    return status == ST_RANGE && decode.format == 0 ? ST_FORMAT : status;
}

/* out ST_OK at the end of the recording; what was read before a failure is out already */
static enum status decode_file(const struct option_set *options, const char *path)
{
    struct decode_run run = {0};
    enum status status = fault_of(options, decode_open(options, path, &run));
    while (status == ST_OK && !decode_stopped) {
        status = recording_read(run.recording, &run.block);
        const double n_left = run.end_tick - (double)run.block.first_tick;
        if (status == ST_OK && n_left < (double)run.block.n_samples) {
            run.block.n_samples = n_left > 0.0 ? (size_t)n_left : 0;
            status = ST_END;
        }
        if (run.block.n_samples > 0) {
            passive_push(run.passive, (const float _Complex *const *)run.block.sample,
                         run.block.n_samples, run.block.first_tick);
        }
    }
    if (run.passive) {
        char fault[LIMIT_TEXT * 2];
        snprintf(fault, sizeof fault, "%s", status_detail());
        passive_finish(run.passive); /* may have things to say of a reply that is cut off */
        if (publish_flush(run.publish) != ST_OK) {
            status = ST_IO;
        } else if (status != ST_OK && status != ST_END) {
            status = status_fail(status, "%s", fault);
        }
    }
    decode_close(&run);
    return status == ST_END ? ST_OK : status;
}

int cmd_decode(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments == 0) {
        log_error("decode needs at least one recording: zpreader decode FILE.sigmf-meta, or "
                  "zpreader decode --format cf32 --rate 2e6 FILE");
        return 2;
    }
    int worst = 0;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, decode_stop);
    signal(SIGTERM, decode_stop);
    for (int k = 0; k < n_arguments && !decode_stopped; k++) {
        int exit_status = run_exit_status(decode_file(options, arguments[k]));
        worst = exit_status > worst ? exit_status : worst;
    }
    return worst;
}
