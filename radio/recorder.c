/* recorder.c - SigMF writer with a fixed sample buffer; annotations wait in an unnamed file, so
 * that a long run takes no memory. */
#include "radio/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/require.h"
#include "radio/sigmf.h"

#define PATH_CAPACITY 4096
#define RAW_BYTES ((size_t)1 << 20)
#define CAPTURES_MAX 16384

struct recorder {
    char data_path[PATH_CAPACITY], meta_path[PATH_CAPACITY];
    int file;
    FILE *notes; /* struct sigmf_annotation with ticks instead of sample numbers */
    size_t n_notes;
    struct sigmf meta;
    int64_t unix_ns;
    double freq_hz;
    size_t frame_bytes, n_raw_bytes;
    int64_t n_samples, next_tick;
    struct sigmf_capture capture[CAPTURES_MAX]; /* global_index is the tick */
    unsigned char raw[RAW_BYTES];
};

static void copy_text(char *to, size_t capacity, const char *from)
{
    size_t n = from ? strlen(from) : 0;
    if (n >= capacity) { /* never end inside a UTF-8 character */
        n = capacity - 1;
        while (n > 0 && ((unsigned char)from[n] & 0xC0u) == 0x80u) {
            n--;
        }
    }
    if (n) {
        memcpy(to, from, n);
    }
    to[n] = '\0';
}

static enum status open_files(struct recorder *recorder, const char *base)
{
    const int n_meta = snprintf(recorder->meta_path, PATH_CAPACITY, "%s" SIGMF_META_SUFFIX, base);
    const int n_data = snprintf(recorder->data_path, PATH_CAPACITY, "%s" SIGMF_DATA_SUFFIX, base);
    if (n_meta >= PATH_CAPACITY || n_data >= PATH_CAPACITY) {
        return status_fail(ST_RANGE, "path of %zu bytes is too long, accepted up to %d",
                           strlen(base), PATH_CAPACITY - (int)sizeof SIGMF_META_SUFFIX);
    }
    recorder->file = open(recorder->data_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (recorder->file < 0) {
        return status_fail(ST_IO, "%s: %s", recorder->data_path, strerror(errno));
    }
    recorder->notes = tmpfile();
    if (!recorder->notes) {
        return status_fail(ST_IO, "%s: no temporary file: %s", recorder->meta_path,
                           strerror(errno));
    }
    (void)unlink(recorder->meta_path); /* of an older recording: it would describe other samples */
    return ST_OK;
}

static void free_all(struct recorder *recorder)
{
    if (recorder->file >= 0) {
        close(recorder->file);
    }
    if (recorder->notes) {
        fclose(recorder->notes);
    }
    free(recorder);
}

enum status recorder_open(const struct recorder_cfg *cfg, struct recorder **recorder)
{
    require(cfg && cfg->base);
    require(cfg->format == IQ_CI16 || cfg->format == IQ_CF32);
    require(cfg->n_channels >= 1 && cfg->n_channels <= LIMIT_RX_CHANNELS);
    *recorder = NULL;
    if (!(cfg->rate_sps >= SIGMF_RATE_MIN_SPS && cfg->rate_sps <= SIGMF_RATE_MAX_SPS)) {
        return status_fail(ST_RANGE, "%s: sample rate is %g, accepted %g..%g", cfg->base,
                           cfg->rate_sps, SIGMF_RATE_MIN_SPS, SIGMF_RATE_MAX_SPS);
    }
    struct recorder *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "%s: no memory", cfg->base);
    }
    self->file = -1;
    self->meta.format = cfg->format;
    self->meta.n_channels = cfg->n_channels;
    self->meta.rate_sps = cfg->rate_sps;
    copy_text(self->meta.description, sizeof self->meta.description, cfg->description);
    copy_text(self->meta.hardware, sizeof self->meta.hardware, cfg->hardware);
    self->unix_ns = cfg->unix_ns;
    self->freq_hz = cfg->freq_hz;
    self->frame_bytes = iq_format_bytes(cfg->format) * cfg->n_channels;
    enum status status = open_files(self, cfg->base);
    if (status) {
        free_all(self);
        return status;
    }
    *recorder = self;
    return ST_OK;
}

static enum status flush(struct recorder *recorder)
{
    size_t n_done = 0;
    while (n_done < recorder->n_raw_bytes) {
        const ssize_t n =
            write(recorder->file, recorder->raw + n_done, recorder->n_raw_bytes - n_done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            const int reason = errno;
            memmove(recorder->raw, recorder->raw + n_done, recorder->n_raw_bytes - n_done);
            recorder->n_raw_bytes -= n_done;
            return status_fail(ST_IO, "%s: %s", recorder->data_path, strerror(reason));
        }
        n_done += (size_t)n;
    }
    recorder->n_raw_bytes = 0;
    return ST_OK;
}

static enum status begin_capture(struct recorder *recorder, int64_t tick)
{
    struct sigmf *meta = &recorder->meta;
    if (meta->n_captures == CAPTURES_MAX) {
        return status_fail(ST_FULL, "%s: more than %d gaps in one recording", recorder->data_path,
                           CAPTURES_MAX - 1);
    }
    struct sigmf_capture *capture = &recorder->capture[meta->n_captures++];
    *capture = (struct sigmf_capture){.sample_start = recorder->n_samples,
                                      .global_index = tick,
                                      .frequency_hz = recorder->freq_hz,
                                      .unix_ns = INT64_MIN};
    if (recorder->unix_ns != INT64_MIN) {
        capture->unix_ns =
            recorder->unix_ns + (int64_t)llround((double)tick / meta->rate_sps * 1e9);
    }
    return ST_OK;
}

enum status recorder_write(struct recorder *recorder, const struct iq_block *block)
{
    require(recorder);
    require(block->n_channels == recorder->meta.n_channels);
    if (block->n_samples == 0) {
        return ST_OK;
    }
    if (recorder->meta.n_captures == 0 || block->gap_samples > 0 ||
        block->first_tick != recorder->next_tick) {
        enum status status = begin_capture(recorder, block->first_tick);
        if (status) {
            return status;
        }
    }
    recorder->next_tick = block->first_tick + (int64_t)block->n_samples;
    for (size_t done = 0; done < block->n_samples;) {
        const size_t n_room = (RAW_BYTES - recorder->n_raw_bytes) / recorder->frame_bytes;
        const size_t n_left = block->n_samples - done;
        const size_t n = n_left < n_room ? n_left : n_room;
        if (n == 0) {
            enum status status = flush(recorder);
            if (status) {
                return status;
            }
            continue;
        }
        for (unsigned c = 0; c < block->n_channels; c++) {
            iq_format_encode(recorder->meta.format, block->sample[c] + done, n, block->n_channels,
                             c, recorder->raw + recorder->n_raw_bytes);
        }
        recorder->n_raw_bytes += n * recorder->frame_bytes;
        recorder->n_samples += (int64_t)n;
        done += n;
    }
    return ST_OK;
}

enum status recorder_annotate(struct recorder *recorder, int64_t first_tick, int64_t n_ticks,
                              const char *label, const char *comment)
{
    require(recorder);
    require(first_tick >= 0 && n_ticks >= 0);
    struct sigmf_annotation note = {.sample_start = first_tick, .sample_count = n_ticks};
    copy_text(note.label, sizeof note.label, label);
    copy_text(note.comment, sizeof note.comment, comment);
    if (fwrite(&note, sizeof note, 1, recorder->notes) != 1) {
        return status_fail(ST_IO, "%s: annotation not kept: %s", recorder->meta_path,
                           strerror(errno));
    }
    recorder->n_notes++;
    return ST_OK;
}

/* Number in the file of the sample at `tick`, or of the next one that was not lost. */
static int64_t sample_at(const struct recorder *recorder, int64_t tick)
{
    size_t low = 0, high = recorder->meta.n_captures; /* first capture that begins after tick */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (recorder->capture[middle].global_index <= tick) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    const struct sigmf_capture *capture = &recorder->capture[low - 1];
    const int64_t n_end =
        low < recorder->meta.n_captures ? recorder->capture[low].sample_start : recorder->n_samples;
    const int64_t at = capture->sample_start + (tick - capture->global_index);
    return at < n_end ? at : n_end;
}

static int note_order(const void *a, const void *b)
{
    const struct sigmf_annotation *x = a, *y = b;
    if (x->sample_start != y->sample_start) {
        return x->sample_start < y->sample_start ? -1 : 1;
    }
    if (x->sample_count != y->sample_count) {
        return x->sample_count < y->sample_count ? -1 : 1;
    }
    return strcmp(x->label, y->label);
}

static enum status collect_notes(struct recorder *recorder)
{
    struct sigmf *meta = &recorder->meta;
    meta->annotation = calloc(recorder->n_notes ? recorder->n_notes : 1, sizeof *meta->annotation);
    if (!meta->annotation) {
        return status_fail(ST_NO_MEMORY, "%s: no memory for %zu annotations", recorder->meta_path,
                           recorder->n_notes);
    }
    rewind(recorder->notes);
    if (fread(meta->annotation, sizeof *meta->annotation, recorder->n_notes, recorder->notes) !=
        recorder->n_notes) {
        return status_fail(ST_IO, "%s: annotations lost: %s", recorder->meta_path, strerror(errno));
    }
    for (size_t k = 0; k < recorder->n_notes; k++) {
        struct sigmf_annotation *note = &meta->annotation[k];
        const int64_t end = sample_at(recorder, note->sample_start + note->sample_count);
        note->sample_start = sample_at(recorder, note->sample_start);
        note->sample_count = end - note->sample_start;
    }
    qsort(meta->annotation, recorder->n_notes, sizeof *meta->annotation, note_order);
    meta->n_annotations = recorder->n_notes;
    return ST_OK;
}

enum status recorder_close(struct recorder **recorder)
{
    require(recorder);
    struct recorder *self = *recorder;
    *recorder = NULL;
    if (!self) {
        return ST_OK;
    }
    enum status status = flush(self);
    self->meta.capture = self->capture;
    const enum status noted = collect_notes(self);
    status = status ? status : noted;
    const enum status written = sigmf_write(self->meta_path, &self->meta);
    status = status ? status : written;
    free(self->meta.annotation);
    if (close(self->file) && !status) {
        status = status_fail(ST_IO, "%s: %s", self->data_path, strerror(errno));
    }
    self->file = -1;
    free_all(self);
    return status;
}
