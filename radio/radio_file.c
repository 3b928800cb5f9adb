/* radio_file.c - a recording replayed as a radio that only receives. */
#include <math.h>
#include <stdlib.h>

#include "config/log.h"
#include "config/require.h"
#include "radio/radio.h"
#include "radio/recording.h"

struct file_cfg {
    int format;
};

struct radio_file {
    struct radio_base base;
    struct recording *recording;
    int64_t next_tick;
    bool cleaned_told;
};

static const struct option_row file_rows[] = {
    {"radio.file.format", OPTION_CHOICE, "", "sigmf", 0, 0, "sigmf|" IQ_FORMAT_CHOICES,
     offsetof(struct file_cfg, format), "SigMF, or raw samples at radio.rate_sps", NULL},
};
static const struct option_table file_table = {"radio file", file_rows,
                                               sizeof file_rows / sizeof *file_rows};
static const struct option_table *const file_tables[] = {&file_table, NULL};

static enum status file_open(const struct radio_cfg *cfg, const struct option_set *options,
                             struct radio **radio)
{
    if (!cfg->args[0]) {
        return status_fail(ST_USAGE, "radio.args is empty: the file radio needs the path of a "
                                     "recording");
    }
    struct file_cfg own;
    option_fill(options, &file_table, &own);
    const struct recording_cfg recording_cfg = {
        .path = cfg->args,
        .format = own.format == 0 ? RECORDING_SIGMF : own.format - 1,
        .rate_sps = cfg->rate_sps,
        .n_channels = (unsigned)cfg->n_rx_channels,
    };
    struct radio_file *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "radio file: no memory");
    }
    enum status status = recording_open(&recording_cfg, &self->recording);
    if (status) {
        free(self);
        return status;
    }
    const struct sigmf *meta = recording_meta(self->recording);
    self->base.ops = &radio_file;
    self->base.rate_sps = meta->rate_sps;
    self->base.freq_hz =
        isnan(meta->capture[0].frequency_hz) ? cfg->freq_hz : meta->capture[0].frequency_hz;
    self->base.n_rx_channels = meta->n_channels;
    *radio = (struct radio *)self;
    return ST_OK;
}

static enum status file_start(struct radio *radio)
{
    (void)radio;
    return ST_OK;
}

static enum status file_recv(struct radio *radio, struct iq_block *block)
{
    struct radio_file *self = (struct radio_file *)radio;
    if (radio_stop_asked(&self->base)) {
        return ST_STOPPED;
    }
    enum status status = recording_read(self->recording, block);
    if (status == ST_OK) {
        self->next_tick = block->first_tick + (int64_t)block->n_samples;
    }
    if (!self->cleaned_told && recording_n_cleaned(self->recording)) {
        self->cleaned_told = true;
        log_warning("recording: samples that are no numbers or absurdly large count as zero");
    }
    return status;
}

static enum status file_send(struct radio *radio, const float _Complex *sample, size_t n_samples,
                             int64_t first_tick)
{
    (void)radio, (void)sample, (void)n_samples, (void)first_tick;
    return status_fail(ST_UNSUPPORTED, "radio file: a recording cannot transmit");
}

static int64_t file_now(struct radio *radio)
{
    return ((struct radio_file *)radio)->next_tick;
}

static void file_close(struct radio *radio)
{
    struct radio_file *self = (struct radio_file *)radio;
    recording_close(&self->recording);
    free(self);
}

const struct radio_ops radio_file = {
    .name = "file",
    .help = "a recording (SigMF or raw), receive only",
    .options = file_tables,
    .can_transmit = false,
    .real_time = false,
    .open = file_open,
    .start = file_start,
    .recv = file_recv,
    .send = file_send,
    .now = file_now,
    .close = file_close,
};
