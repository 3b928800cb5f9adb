/* recording.c - block reader of SigMF and raw recordings. */
#include "radio/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/require.h"

#define PATH_CAPACITY 4096
#define RAW_BYTES ((size_t)1 << 18)     /* one read: large enough for speed, small enough for L2 */
#define CLEAN_SAMPLES ((size_t)1 << 15) /* the same for samples read in place */

struct recording {
    char path[PATH_CAPACITY]; /* of the samples */
    int file;
    struct sigmf meta;
    size_t frame_bytes;     /* one sample of every channel */
    int64_t n_read_samples; /* a channel, from the start of the file */
    int64_t next_tick;
    size_t next_capture; /* first one not yet begun */
    uint64_t n_total_bytes, n_cleaned;
    bool ended, short_told;
    unsigned char raw[RAW_BYTES];
};

static bool ends_with(const char *text, const char *suffix)
{
    const size_t n = strlen(text), m = strlen(suffix);
    return n >= m && !strcmp(text + n - m, suffix);
}

/* Paths of metadata and samples out of any of the three spellings. */
static enum status name_files(const char *path, char *meta, char *data)
{
    size_t n = strlen(path);
    if (ends_with(path, SIGMF_META_SUFFIX) || ends_with(path, SIGMF_DATA_SUFFIX)) {
        n -= strlen(SIGMF_META_SUFFIX);
    }
    if (n + sizeof SIGMF_META_SUFFIX > PATH_CAPACITY) {
        return status_fail(ST_RANGE, "path of %zu bytes is too long, accepted up to %d", n,
                           PATH_CAPACITY - (int)sizeof SIGMF_META_SUFFIX);
    }
    memcpy(meta, path, n);
    memcpy(meta + n, SIGMF_META_SUFFIX, sizeof SIGMF_META_SUFFIX);
    memcpy(data, path, n);
    memcpy(data + n, SIGMF_DATA_SUFFIX, sizeof SIGMF_DATA_SUFFIX);
    return ST_OK;
}

static enum status check_rate(const char *path, double rate_sps)
{
    if (isnan(rate_sps)) {
        return status_fail(ST_RANGE,
                           "%s: the sample rate is not known; give one (radio.rate_sps), "
                           "accepted %g..%g",
                           path, SIGMF_RATE_MIN_SPS, SIGMF_RATE_MAX_SPS);
    }
    if (!(rate_sps >= SIGMF_RATE_MIN_SPS && rate_sps <= SIGMF_RATE_MAX_SPS)) {
        return status_fail(ST_RANGE, "%s: sample rate is %g, accepted %g..%g", path, rate_sps,
                           SIGMF_RATE_MIN_SPS, SIGMF_RATE_MAX_SPS);
    }
    return ST_OK;
}

static enum status describe_sigmf(struct recording *recording, const struct recording_cfg *cfg)
{
    char meta_path[PATH_CAPACITY];
    enum status status = name_files(cfg->path, meta_path, recording->path);
    status = status ? status : sigmf_read(meta_path, &recording->meta);
    if (status) {
        return status;
    }
    if (isnan(recording->meta.rate_sps)) {
        recording->meta.rate_sps = cfg->rate_sps;
    }
    return check_rate(meta_path, recording->meta.rate_sps);
}

static enum status describe_raw(struct recording *recording, const struct recording_cfg *cfg)
{
    require(cfg->format >= 0 && cfg->format < IQ_FORMAT_COUNT);
    if (strlen(cfg->path) >= sizeof recording->path) {
        return status_fail(ST_RANGE, "path of %zu bytes is too long, accepted up to %d",
                           strlen(cfg->path), PATH_CAPACITY - 1);
    }
    if (cfg->n_channels < 1 || cfg->n_channels > LIMIT_RX_CHANNELS) {
        return status_fail(ST_RANGE, "%s: %u channels, accepted 1..%d", cfg->path, cfg->n_channels,
                           LIMIT_RX_CHANNELS);
    }
    strcpy(recording->path, cfg->path);
    struct sigmf *meta = &recording->meta;
    meta->format = (enum iq_format)cfg->format;
    meta->n_channels = cfg->n_channels;
    meta->rate_sps = cfg->rate_sps;
    meta->capture = calloc(1, sizeof *meta->capture);
    if (!meta->capture) {
        return status_fail(ST_NO_MEMORY, "%s: no memory", cfg->path);
    }
    *meta->capture =
        (struct sigmf_capture){.global_index = -1, .frequency_hz = NAN, .unix_ns = INT64_MIN};
    meta->n_captures = 1;
    return check_rate(cfg->path, cfg->rate_sps);
}

static enum status open_samples(struct recording *recording)
{
    recording->file = open(recording->path, O_RDONLY | O_CLOEXEC);
    if (recording->file < 0) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", recording->path,
                           strerror(errno));
    }
    struct stat about;
    if (fstat(recording->file, &about)) {
        return status_fail(ST_IO, "%s: %s", recording->path, strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return status_fail(ST_IO, "%s: is a directory", recording->path);
    }
    const off_t offset =
        (off_t)recording->meta.capture[0].sample_start * (off_t)recording->frame_bytes;
    if (offset && S_ISREG(about.st_mode) && about.st_size < offset) {
        return status_fail(ST_SHORT, "%s: %lld bytes end before captures[0] starts (byte %lld)",
                           recording->path, (long long)about.st_size, (long long)offset);
    }
    if (offset && lseek(recording->file, offset, SEEK_SET) < 0) {
        return status_fail(ST_IO, "%s: %s", recording->path, strerror(errno));
    }
    return ST_OK;
}

enum status recording_open(const struct recording_cfg *cfg, struct recording **recording)
{
    require(cfg);
    require(cfg->path);
    require(recording);
    *recording = NULL;
    struct recording *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "%s: no memory", cfg->path);
    }
    self->file = -1;
    enum status status =
        cfg->format == RECORDING_SIGMF ? describe_sigmf(self, cfg) : describe_raw(self, cfg);
    if (!status) {
        self->frame_bytes = iq_format_bytes(self->meta.format) * self->meta.n_channels;
        status = open_samples(self);
    }
    if (status) {
        recording_close(&self);
        return status;
    }
    self->n_read_samples = self->meta.capture[0].sample_start;
    self->n_total_bytes = (uint64_t)self->n_read_samples * self->frame_bytes;
    self->next_capture = 1;
    *recording = self;
    return ST_OK;
}

void recording_close(struct recording **recording)
{
    require(recording);
    if (*recording) {
        if ((*recording)->file >= 0) {
            close((*recording)->file);
        }
        sigmf_fini(&(*recording)->meta);
        free(*recording);
        *recording = NULL;
    }
}

const struct sigmf *recording_meta(const struct recording *recording)
{
    require(recording);
    return &recording->meta;
}

uint64_t recording_n_cleaned(const struct recording *recording)
{
    require(recording);
    return recording->n_cleaned;
}

/* Samples lost before capture `index`; a new capture that tells neither index nor time lost an
 * unknown number, at least one. */
static int64_t gap_before(const struct sigmf *meta, size_t index)
{
    const struct sigmf_capture *a = &meta->capture[index - 1], *b = &meta->capture[index];
    const int64_t n_stored = b->sample_start - a->sample_start;
    if (a->global_index >= 0 && b->global_index >= 0) {
        const int64_t gap = b->global_index - a->global_index - n_stored;
        return gap > 0 ? gap : 0;
    }
    if (a->unix_ns == INT64_MIN || b->unix_ns == INT64_MIN) {
        return 1;
    }
    const double n_passed = (double)(b->unix_ns - a->unix_ns) * 1e-9 * meta->rate_sps;
    const double gap = n_passed - (double)n_stored;
    return gap >= 1 && gap < 9e15 ? (int64_t)llround(gap) : 0;
}

/* As many bytes as there are, up to n_bytes; fewer only at the end of the file. */
static enum status read_full(struct recording *recording, void *bytes, size_t n_bytes,
                             size_t *n_got)
{
    *n_got = 0;
    while (*n_got < n_bytes) {
        const ssize_t n = read(recording->file, (char *)bytes + *n_got, n_bytes - *n_got);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return status_fail(ST_IO, "%s: %s", recording->path, strerror(errno));
        }
        if (n == 0) {
            recording->ended = true;
            break;
        }
        *n_got += (size_t)n;
    }
    recording->n_total_bytes += *n_got;
    return ST_OK;
}

/* One piece of at most n_samples into the block behind what it holds. */
static enum status read_piece(struct recording *recording, struct iq_block *block, size_t n_samples)
{
    const struct sigmf *meta = &recording->meta;
    const bool in_place = meta->format == IQ_CF32 && meta->n_channels == 1;
    const size_t n_room = in_place ? CLEAN_SAMPLES : RAW_BYTES / recording->frame_bytes;
    const size_t n_wanted = n_samples < n_room ? n_samples : n_room;
    void *bytes = in_place ? (void *)(block->sample[0] + block->n_samples) : recording->raw;
    size_t n_got;
    enum status status = read_full(recording, bytes, n_wanted * recording->frame_bytes, &n_got);
    if (status) {
        return status;
    }
    const size_t n = n_got / recording->frame_bytes;
    for (unsigned c = 0; c < meta->n_channels; c++) {
        float _Complex *sample = block->sample[c] + block->n_samples;
        iq_format_decode(meta->format, bytes, meta->n_channels, c, sample, n);
        if (meta->format == IQ_CF32 || meta->format == IQ_RF32) {
            recording->n_cleaned += iq_format_clean(sample, n);
        }
    }
    block->n_samples += n;
    recording->n_read_samples += (int64_t)n;
    return ST_OK;
}

static enum status tell_end(struct recording *recording)
{
    const struct sigmf *meta = &recording->meta;
    if (recording->short_told) {
        return ST_END;
    }
    recording->short_told = true;
    const uint64_t n_odd = recording->n_total_bytes % recording->frame_bytes;
    if (n_odd) {
        return status_fail(ST_SHORT,
                           "%s: %" PRIu64 " bytes are no whole number of samples (%zu bytes "
                           "each); the last %" PRIu64 " bytes are not used",
                           recording->path, recording->n_total_bytes, recording->frame_bytes,
                           n_odd);
    }
    if (meta->capture[meta->n_captures - 1].sample_start > recording->n_read_samples) {
        return status_fail(
            ST_SHORT, "%s: %" PRIu64 " bytes end before captures[%zu] starts (sample %" PRId64 ")",
            recording->path, recording->n_total_bytes, meta->n_captures - 1,
            meta->capture[meta->n_captures - 1].sample_start);
    }
    return ST_END;
}

enum status recording_read(struct recording *recording, struct iq_block *block)
{
    require(recording);
    require(block->n_channels == recording->meta.n_channels);
    const struct sigmf *meta = &recording->meta;
    block->n_samples = 0;
    block->gap_samples = 0;
    while (recording->next_capture < meta->n_captures &&
           meta->capture[recording->next_capture].sample_start <= recording->n_read_samples) {
        block->gap_samples += gap_before(meta, recording->next_capture++);
    }
    size_t n_limit = block->capacity_samples;
    if (recording->next_capture < meta->n_captures) {
        const int64_t n_left =
            meta->capture[recording->next_capture].sample_start - recording->n_read_samples;
        n_limit = (uint64_t)n_left < n_limit ? (size_t)n_left : n_limit;
    }
    while (block->n_samples < n_limit && !recording->ended) {
        enum status status = read_piece(recording, block, n_limit - block->n_samples);
        if (status) {
            return status;
        }
    }
    if (block->n_samples == 0) {
        return tell_end(recording);
    }
    block->first_tick = recording->next_tick + block->gap_samples;
    recording->next_tick = block->first_tick + (int64_t)block->n_samples;
    return ST_OK;
}
