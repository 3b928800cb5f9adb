/* sigmf.h - SigMF metadata: read, check, write.                        layer: radio
 * Source: SigMF specification 1.x (JSON object with global, captures, annotations). One dataset
 * file of interleaved samples beside it; 1 or 2 channels; datatypes of iq_format.h. */
#ifndef RADIO_SIGMF_H
#define RADIO_SIGMF_H

#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "radio/iq_format.h"

#define SIGMF_META_SUFFIX ".sigmf-meta"
#define SIGMF_DATA_SUFFIX ".sigmf-data"
#define SIGMF_RATE_MIN_SPS 1.0
#define SIGMF_RATE_MAX_SPS 1e9

struct sigmf_capture {
    int64_t sample_start;
    int64_t global_index; /* tick of that sample in the original stream; -1: not told */
    double frequency_hz;  /* NaN: not told */
    int64_t unix_ns;      /* core:datetime; INT64_MIN: not told */
};

struct sigmf_annotation {
    int64_t sample_start, sample_count;
    char label[48];
    char comment[160];
};

struct sigmf {
    enum iq_format format;
    unsigned n_channels;
    double rate_sps; /* NaN: not told */
    char author[128], description[256], hardware[128];
    struct sigmf_capture *capture; /* n_captures, by rising sample_start */
    size_t n_captures;
    struct sigmf_annotation *annotation;
    size_t n_annotations;
};

/* Read metadata; everything used later is checked, unknown keys are ignored. Texts longer than
 * their field are cut. Without captures one at sample 0 is made.
 *   name  stands for the file in messages
 *   err   ST_FORMAT, ST_RANGE, ST_UNSUPPORTED, ST_NO_MEMORY: file, key and accepted range in the
 *         detail; *meta is then empty
 *   own   caller calls sigmf_fini */
enum status sigmf_parse(const char *json, size_t n_bytes, const char *name,
                        struct sigmf *meta) must_check;
/*   err   as sigmf_parse; ST_NOT_FOUND, ST_IO */
enum status sigmf_read(const char *path, struct sigmf *meta) must_check;

/* Write metadata; annotations must lie by rising sample_start (SigMF 1.x, "annotations").
 *   err   ST_IO */
enum status sigmf_write(const char *path, const struct sigmf *meta) must_check;

void sigmf_fini(struct sigmf *meta); /* safe on zeroed memory */

/* RFC 3339 UTC as SigMF wants it ("2026-11-21T09:40:16.123456Z"; up to 9 decimals are read, the
 * zone must be Z).   err  ST_FORMAT */
enum status sigmf_time_parse(const char *text, int64_t *unix_ns) must_check;
void sigmf_time_format(int64_t unix_ns, char text[static 40]);

#endif
