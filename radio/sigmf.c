/* sigmf.c - SigMF metadata by jansson: every field that is used later is checked here. */
#include "radio/sigmf.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/require.h"

#define META_MAX_BYTES ((size_t)1 << 30)
#define INDEX_MAX ((int64_t)1 << 53) /* sample numbers stay exact in every JSON reader */

struct place { /* what is being read, for messages */
    const char *file;
    char where[48];
};

/* ---- time ---- */

enum status sigmf_time_parse(const char *text, int64_t *unix_ns)
{
    require(text);
    require(unix_ns);
    struct tm tm = {0};
    int n_read = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec, &n_read) != 6 ||
        tm.tm_year < 1970 || tm.tm_year > 2200 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 ||
        tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60) {
        return status_fail(ST_FORMAT, "'%.60s' is no date like 2026-01-31T12:00:00.5Z", text);
    }
    const char *rest = text + n_read;
    int64_t fraction_ns = 0;
    if (*rest == '.') {
        int64_t weight_ns = 100000000;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, weight_ns /= 10) {
            fraction_ns += (*rest - '0') * weight_ns;
        }
    }
    if (strcmp(rest, "Z") != 0) {
        return status_fail(ST_FORMAT, "date '%.60s' does not end in Z (UTC)", text);
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *unix_ns = (int64_t)timegm(&tm) * 1000000000 + fraction_ns;
    return ST_OK;
}

void sigmf_time_format(int64_t unix_ns, char text[static 40])
{
    require(unix_ns >= 0);
    const time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char date[24];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, 40, "%s.%06dZ", date, (int)(unix_ns % 1000000000 / 1000));
}

/* ---- typed fields ---- */

static enum status read_number(const struct place *place, const json_t *object, const char *key,
                               double min, double max, double *value)
{
    const json_t *field = json_object_get(object, key);
    *value = NAN;
    if (!field) {
        return ST_OK;
    }
    if (!json_is_number(field)) {
        return status_fail(ST_FORMAT, "%s: %s %s is no number, accepted %g..%g", place->file,
                           place->where, key, min, max);
    }
    const double number = json_number_value(field);
    if (!(number >= min && number <= max)) {
        return status_fail(ST_RANGE, "%s: %s %s is %g, accepted %g..%g", place->file, place->where,
                           key, number, min, max);
    }
    *value = number;
    return ST_OK;
}

static enum status read_index(const struct place *place, const json_t *object, const char *key,
                              int64_t max, int64_t *value)
{
    const json_t *field = json_object_get(object, key);
    if (!field) {
        return ST_OK; /* *value keeps its default */
    }
    if (!json_is_integer(field)) {
        return status_fail(ST_FORMAT, "%s: %s %s is no whole number, accepted 0..%" PRId64,
                           place->file, place->where, key, max);
    }
    const int64_t number = json_integer_value(field);
    if (number < 0 || number > max) {
        return status_fail(ST_RANGE, "%s: %s %s is %" PRId64 ", accepted 0..%" PRId64, place->file,
                           place->where, key, number, max);
    }
    *value = number;
    return ST_OK;
}

/* Cut at the field's end, never inside a UTF-8 character. */
static enum status read_text(const struct place *place, const json_t *object, const char *key,
                             char *text, size_t capacity)
{
    const json_t *field = json_object_get(object, key);
    text[0] = '\0';
    if (!field) {
        return ST_OK;
    }
    if (!json_is_string(field)) {
        return status_fail(ST_FORMAT, "%s: %s %s is no text", place->file, place->where, key);
    }
    const char *value = json_string_value(field);
    size_t n = strlen(value);
    if (n >= capacity) {
        n = capacity - 1;
        while (n > 0 && ((unsigned char)value[n] & 0xC0u) == 0x80u) {
            n--;
        }
    }
    memcpy(text, value, n);
    text[n] = '\0';
    return ST_OK;
}

/* ---- global ---- */

static enum status read_datatype(const struct place *place, const json_t *global,
                                 struct sigmf *meta)
{
    const json_t *field = json_object_get(global, "core:datatype");
    if (!json_is_string(field)) {
        return status_fail(ST_FORMAT,
                           "%s: global core:datatype is missing or no text, accepted "
                           "ci16_le, cf32_le, rf32_le, ci8, cu8",
                           place->file);
    }
    const int format = iq_format_find(json_string_value(field));
    if (format < 0) {
        return status_fail(ST_UNSUPPORTED,
                           "%s: global core:datatype is '%.40s', accepted ci16_le, cf32_le, "
                           "rf32_le, ci8, cu8",
                           place->file, json_string_value(field));
    }
    meta->format = (enum iq_format)format;
    return ST_OK;
}

static enum status check_plain_dataset(const struct place *place, const json_t *global)
{
    static const char *const keys[] = {"core:dataset", "core:trailing_bytes"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        if (json_object_get(global, keys[k])) {
            return status_fail(ST_UNSUPPORTED,
                               "%s: global %s is not supported, accepted: samples "
                               "alone in " SIGMF_DATA_SUFFIX,
                               place->file, keys[k]);
        }
    }
    if (json_is_true(json_object_get(global, "core:metadata_only"))) {
        return status_fail(ST_UNSUPPORTED, "%s: metadata without samples (core:metadata_only)",
                           place->file);
    }
    return ST_OK;
}

static enum status read_global(const struct place *place, const json_t *global, struct sigmf *meta)
{
    if (!json_is_object(global)) {
        return status_fail(ST_FORMAT, "%s: no object 'global'", place->file);
    }
    const json_t *version = json_object_get(global, "core:version");
    if (!json_is_string(version)) {
        return status_fail(ST_FORMAT, "%s: global core:version is missing or no text, accepted 1.x",
                           place->file);
    }
    if (strncmp(json_string_value(version), "1.", 2) != 0) {
        return status_fail(ST_UNSUPPORTED, "%s: global core:version is '%.20s', accepted 1.x",
                           place->file, json_string_value(version));
    }
    int64_t n_channels = 1;
    enum status status = read_datatype(place, global, meta);
    status = status ? status : check_plain_dataset(place, global);
    status = status ? status
                    : read_number(place, global, "core:sample_rate", SIGMF_RATE_MIN_SPS,
                                  SIGMF_RATE_MAX_SPS, &meta->rate_sps);
    status = status ? status : read_index(place, global, "core:num_channels", 2, &n_channels);
    if (!status && n_channels < 1) {
        status =
            status_fail(ST_RANGE, "%s: global core:num_channels is 0, accepted 1..2", place->file);
    }
    meta->n_channels = (unsigned)n_channels;
    status = status ? status
                    : read_text(place, global, "core:author", meta->author, sizeof meta->author);
    status = status ? status
                    : read_text(place, global, "core:description", meta->description,
                                sizeof meta->description);
    status = status ? status
                    : read_text(place, global, "core:hw", meta->hardware, sizeof meta->hardware);
    return status;
}

/* ---- captures and annotations ---- */

static enum status read_capture(const struct place *place, const json_t *object,
                                struct sigmf_capture *capture)
{
    if (!json_is_object(object) || !json_object_get(object, "core:sample_start")) {
        return status_fail(ST_FORMAT, "%s: %s has no core:sample_start", place->file, place->where);
    }
    *capture = (struct sigmf_capture){.global_index = -1, .unix_ns = INT64_MIN};
    int64_t n_header_bytes = 0;
    enum status status =
        read_index(place, object, "core:sample_start", INDEX_MAX, &capture->sample_start);
    status =
        status ? status
               : read_index(place, object, "core:global_index", INDEX_MAX, &capture->global_index);
    status = status ? status
                    : read_index(place, object, "core:header_bytes", INDEX_MAX, &n_header_bytes);
    status = status ? status
                    : read_number(place, object, "core:frequency", 0, 1e12, &capture->frequency_hz);
    if (!status && n_header_bytes) {
        status = status_fail(ST_UNSUPPORTED, "%s: %s core:header_bytes is %" PRId64 ", accepted 0",
                             place->file, place->where, n_header_bytes);
    }
    char date[64];
    status = status ? status : read_text(place, object, "core:datetime", date, sizeof date);
    if (!status && date[0] && sigmf_time_parse(date, &capture->unix_ns)) {
        status = status_fail(ST_FORMAT,
                             "%s: %s core:datetime is '%s', accepted like "
                             "2026-01-31T12:00:00.5Z",
                             place->file, place->where, date);
    }
    return status;
}

static enum status read_captures(struct place *place, const json_t *list, struct sigmf *meta)
{
    if (list && !json_is_array(list)) {
        return status_fail(ST_FORMAT, "%s: 'captures' is no list", place->file);
    }
    const size_t n = json_array_size(list);
    meta->capture = calloc(n ? n : 1, sizeof *meta->capture);
    if (!meta->capture) {
        return status_fail(ST_NO_MEMORY, "%s: no memory for %zu captures", place->file, n);
    }
    if (n == 0) {
        meta->capture[0] =
            (struct sigmf_capture){.global_index = -1, .frequency_hz = NAN, .unix_ns = INT64_MIN};
        meta->n_captures = 1;
        return ST_OK;
    }
    for (size_t k = 0; k < n; k++) {
        snprintf(place->where, sizeof place->where, "captures[%zu]", k);
        enum status status = read_capture(place, json_array_get(list, k), &meta->capture[k]);
        if (status) {
            return status;
        }
        if (k && meta->capture[k].sample_start < meta->capture[k - 1].sample_start) {
            return status_fail(ST_RANGE,
                               "%s: %s core:sample_start is %" PRId64 ", accepted %" PRId64
                               " and more (captures rise)",
                               place->file, place->where, meta->capture[k].sample_start,
                               meta->capture[k - 1].sample_start);
        }
    }
    meta->n_captures = n;
    return ST_OK;
}

static enum status read_annotations(struct place *place, const json_t *list, struct sigmf *meta)
{
    if (list && !json_is_array(list)) {
        return status_fail(ST_FORMAT, "%s: 'annotations' is no list", place->file);
    }
    const size_t n = json_array_size(list);
    meta->annotation = calloc(n ? n : 1, sizeof *meta->annotation);
    if (!meta->annotation) {
        return status_fail(ST_NO_MEMORY, "%s: no memory for %zu annotations", place->file, n);
    }
    for (size_t k = 0; k < n; k++) {
        snprintf(place->where, sizeof place->where, "annotations[%zu]", k);
        const json_t *object = json_array_get(list, k);
        struct sigmf_annotation *one = &meta->annotation[k];
        if (!json_is_object(object) || !json_object_get(object, "core:sample_start")) {
            return status_fail(ST_FORMAT, "%s: %s has no core:sample_start", place->file,
                               place->where);
        }
        enum status status =
            read_index(place, object, "core:sample_start", INDEX_MAX, &one->sample_start);
        status =
            status ? status
                   : read_index(place, object, "core:sample_count", INDEX_MAX, &one->sample_count);
        status =
            status ? status : read_text(place, object, "core:label", one->label, sizeof one->label);
        status = status
                     ? status
                     : read_text(place, object, "core:comment", one->comment, sizeof one->comment);
        if (status) {
            return status;
        }
    }
    meta->n_annotations = n;
    return ST_OK;
}

/* ---- whole files ---- */

enum status sigmf_parse(const char *json, size_t n_bytes, const char *name, struct sigmf *meta)
{
    require(json || n_bytes == 0);
    require(meta);
    memset(meta, 0, sizeof *meta);
    struct place place = {.file = name, .where = "global"};
    json_error_t error;
    json_t *root = json_loadb(json ? json : "", n_bytes, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        return status_fail(ST_FORMAT, "%s:%d: %s", name, error.line, error.text);
    }
    enum status status = read_global(&place, json_object_get(root, "global"), meta);
    status = status ? status : read_captures(&place, json_object_get(root, "captures"), meta);
    status = status ? status : read_annotations(&place, json_object_get(root, "annotations"), meta);
    json_decref(root);
    if (status) {
        sigmf_fini(meta);
    }
    return status;
}

static enum status slurp(const char *path, char **text, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    }
    size_t capacity = 1 << 16;
    *n_bytes = 0;
    *text = malloc(capacity);
    while (*text && !feof(file) && !ferror(file) && *n_bytes < META_MAX_BYTES) {
        if (*n_bytes == capacity) {
            char *larger = realloc(*text, capacity *= 2);
            if (!larger) {
                free(*text);
            }
            *text = larger;
            continue;
        }
        *n_bytes += fread(*text + *n_bytes, 1, capacity - *n_bytes, file);
    }
    enum status status = ST_OK;
    if (!*text) {
        status = status_fail(ST_NO_MEMORY, "%s: no memory for %zu bytes", path, capacity);
    } else if (ferror(file)) {
        status = status_fail(ST_IO, "%s: %s", path, strerror(errno));
    } else if (*n_bytes >= META_MAX_BYTES) {
        status =
            status_fail(ST_FORMAT, "%s: metadata has more than %zu bytes", path, META_MAX_BYTES);
    }
    if (status) {
        free(*text);
        *text = NULL;
    }
    fclose(file);
    return status;
}

enum status sigmf_read(const char *path, struct sigmf *meta)
{
    require(path);
    require(meta);
    memset(meta, 0, sizeof *meta);
    char *text = NULL;
    size_t n_bytes = 0;
    enum status status = slurp(path, &text, &n_bytes);
    if (!status) {
        status = sigmf_parse(text, n_bytes, path, meta);
        free(text);
    }
    return status;
}

void sigmf_fini(struct sigmf *meta)
{
    require(meta);
    free(meta->capture);
    free(meta->annotation);
    memset(meta, 0, sizeof *meta);
}

/* ---- writing ---- */

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text[0]) {
        json_t *value = json_string(text); /* NULL when not UTF-8: left out */
        if (value) {
            json_object_set_new(object, key, value);
        }
    }
}

static json_t *global_of(const struct sigmf *meta)
{
    json_t *global = json_object();
    put_text(global, "core:datatype", iq_format_sigmf_name(meta->format));
    put_text(global, "core:version", "1.0.0");
    json_object_set_new(global, "core:num_channels", json_integer(meta->n_channels));
    if (!isnan(meta->rate_sps)) {
        json_object_set_new(global, "core:sample_rate", json_real(meta->rate_sps));
    }
    put_text(global, "core:author", meta->author);
    put_text(global, "core:description", meta->description);
    put_text(global, "core:hw", meta->hardware);
    put_text(global, "core:recorder", "zpreader " ZP_VERSION);
    return global;
}

static json_t *capture_of(const struct sigmf_capture *capture)
{
    json_t *object = json_object();
    json_object_set_new(object, "core:sample_start", json_integer(capture->sample_start));
    if (capture->global_index >= 0) {
        json_object_set_new(object, "core:global_index", json_integer(capture->global_index));
    }
    if (!isnan(capture->frequency_hz)) {
        json_object_set_new(object, "core:frequency", json_real(capture->frequency_hz));
    }
    if (capture->unix_ns >= 0) {
        char date[40];
        sigmf_time_format(capture->unix_ns, date);
        put_text(object, "core:datetime", date);
    }
    return object;
}

static json_t *annotation_of(const struct sigmf_annotation *annotation)
{
    json_t *object = json_object();
    json_object_set_new(object, "core:sample_start", json_integer(annotation->sample_start));
    json_object_set_new(object, "core:sample_count", json_integer(annotation->sample_count));
    put_text(object, "core:label", annotation->label);
    put_text(object, "core:comment", annotation->comment);
    return object;
}

static void dump(FILE *file, json_t *object)
{
    json_dumpf(object, file, JSON_PRESERVE_ORDER);
    json_decref(object);
}

/* Object by object: a long run has millions of annotations, and a tree of them all would be large.
 */
enum status sigmf_write(const char *path, const struct sigmf *meta)
{
    require(path);
    require(meta);
    FILE *file = fopen(path, "wb");
    if (!file) {
        return status_fail(ST_IO, "%s: %s", path, strerror(errno));
    }
    fputs("{\"global\": ", file);
    dump(file, global_of(meta));
    fputs(",\n\"captures\": [", file);
    for (size_t k = 0; k < meta->n_captures; k++) {
        fputs(k ? ",\n" : "\n", file);
        dump(file, capture_of(&meta->capture[k]));
    }
    fputs("],\n\"annotations\": [", file);
    for (size_t k = 0; k < meta->n_annotations; k++) {
        require(!k || meta->annotation[k].sample_start >= meta->annotation[k - 1].sample_start);
        fputs(k ? ",\n" : "\n", file);
        dump(file, annotation_of(&meta->annotation[k]));
    }
    fputs("]}\n", file);
    const int failed = ferror(file);
    if (fclose(file) || failed) {
        return status_fail(ST_IO, "%s: %s", path, strerror(errno));
    }
    return ST_OK;
}
