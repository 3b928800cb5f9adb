/* test_sigmf.c - SigMF metadata: what is read, what is refused and with which words. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "radio/sigmf.h"

/* Shape of the specification's own example, with what we use. */
static const char good[] =
    "{\"global\": {\"core:datatype\": \"ci16_le\", \"core:version\": \"1.0.0\",\n"
    "  \"core:sample_rate\": 2e6, \"core:num_channels\": 2, \"core:author\": \"A\",\n"
    "  \"core:extensions\": [], \"vendor:unknown\": {\"x\": 1}},\n"
    " \"captures\": [\n"
    "  {\"core:sample_start\": 0, \"core:frequency\": 915000000, \"core:global_index\": 5,\n"
    "   \"core:datetime\": \"2001-09-09T01:46:40.250Z\"},\n"
    "  {\"core:sample_start\": 1000, \"core:global_index\": 1105}],\n"
    " \"annotations\": [{\"core:sample_start\": 10, \"core:sample_count\": 20,\n"
    "   \"core:label\": \"Query\", \"core:comment\": \"Q=4\"}]}";

static void sigmf_reads_what_the_specification_names(void **state)
{
    (void)state;
    struct sigmf meta;
    assert_int_equal(sigmf_parse(good, strlen(good), "good", &meta), ST_OK);
    assert_int_equal(meta.format, IQ_CI16);
    assert_int_equal(meta.n_channels, 2);
    assert_true(meta.rate_sps == 2e6);
    assert_string_equal(meta.author, "A");
    assert_int_equal(meta.n_captures, 2);
    assert_true(meta.capture[0].frequency_hz == 915e6);
    assert_int_equal(meta.capture[0].global_index, 5);
    assert_true(meta.capture[0].unix_ns == 1000000000250000000LL); /* 1e9 s: 2001-09-09T01:46:40 */
    assert_int_equal(meta.capture[1].sample_start, 1000);
    assert_true(isnan(meta.capture[1].frequency_hz));
    assert_true(meta.capture[1].unix_ns == INT64_MIN);
    assert_int_equal(meta.n_annotations, 1);
    assert_int_equal(meta.annotation[0].sample_start, 10);
    assert_int_equal(meta.annotation[0].sample_count, 20);
    assert_string_equal(meta.annotation[0].label, "Query");
    assert_string_equal(meta.annotation[0].comment, "Q=4");
    sigmf_fini(&meta);
    assert_null(meta.capture);
}

static void sigmf_makes_one_capture_where_none_is_given(void **state)
{
    (void)state;
    static const char text[] =
        "{\"global\": {\"core:datatype\": \"rf32_le\", \"core:version\": \"1.2.0\"}}";
    struct sigmf meta;
    assert_int_equal(sigmf_parse(text, strlen(text), "bare", &meta), ST_OK);
    assert_true(isnan(meta.rate_sps));
    assert_int_equal(meta.n_channels, 1);
    assert_int_equal(meta.n_captures, 1);
    assert_int_equal(meta.capture[0].sample_start, 0);
    sigmf_fini(&meta);
}

/* `%s` stands for the rest of the global object, then for the other lists. */
#define GLOBAL "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_le\""
static const struct {
    const char *text;
    enum status status;
    const char *word; /* the detail names this */
} bad_cases[] = {
    {"", ST_FORMAT, "bad:1"},
    {"[]", ST_FORMAT, "global"},
    {"{}", ST_FORMAT, "global"},
    {"{\"global\": 3}", ST_FORMAT, "global"},
    {"{\"global\": {\"core:version\": \"1.0.0\", \"core:version\": \"1.0.0\"}}", ST_FORMAT, "dup"},
    {"{\"global\": {\"core:datatype\": \"cf32_le\"}}", ST_FORMAT, "core:version"},
    {"{\"global\": {\"core:version\": \"0.0.2\", \"core:datatype\": \"cf32_le\"}}", ST_UNSUPPORTED,
     "1.x"},
    {"{\"global\": {\"core:version\": \"1.0.0\"}}", ST_FORMAT, "core:datatype"},
    {"{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf64_le\"}}", ST_UNSUPPORTED,
     "cf64_le"},
    {"{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_be\"}}", ST_UNSUPPORTED,
     "cf32_le"},
    {GLOBAL ", \"core:sample_rate\": 0}}", ST_RANGE, "core:sample_rate is 0, accepted 1..1e+09"},
    {GLOBAL ", \"core:sample_rate\": -2e6}}", ST_RANGE, "core:sample_rate"},
    {GLOBAL ", \"core:sample_rate\": 1e300}}", ST_RANGE, "core:sample_rate"},
    {GLOBAL ", \"core:sample_rate\": 1e999}}", ST_FORMAT, "bad:1"},
    {GLOBAL ", \"core:sample_rate\": NaN}}", ST_FORMAT, "bad:1"},
    {GLOBAL ", \"core:sample_rate\": \"2e6\"}}", ST_FORMAT, "core:sample_rate"},
    {GLOBAL ", \"core:num_channels\": 0}}", ST_RANGE, "1..2"},
    {GLOBAL ", \"core:num_channels\": 3}}", ST_RANGE, "core:num_channels"},
    {GLOBAL ", \"core:num_channels\": 1.5}}", ST_FORMAT, "core:num_channels"},
    {GLOBAL ", \"core:dataset\": \"../../etc/passwd\"}}", ST_UNSUPPORTED, "core:dataset"},
    {GLOBAL ", \"core:metadata_only\": true}}", ST_UNSUPPORTED, "metadata_only"},
    {GLOBAL ", \"core:author\": 7}}", ST_FORMAT, "core:author"},
    {GLOBAL "}, \"captures\": 1}", ST_FORMAT, "captures"},
    {GLOBAL "}, \"captures\": [1]}", ST_FORMAT, "captures[0]"},
    {GLOBAL "}, \"captures\": [{}]}", ST_FORMAT, "core:sample_start"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": -1}]}", ST_RANGE, "core:sample_start"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": 9223372036854775807}]}", ST_RANGE,
     "core:sample_start"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": 9}, {\"core:sample_start\": 3}]}", ST_RANGE,
     "captures[1]"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": 0, \"core:frequency\": -1}]}", ST_RANGE,
     "core:frequency"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": 0, \"core:header_bytes\": 44}]}",
     ST_UNSUPPORTED, "core:header_bytes"},
    {GLOBAL "}, \"captures\": [{\"core:sample_start\": 0, \"core:datetime\": \"yesterday\"}]}",
     ST_FORMAT, "core:datetime"},
    {GLOBAL "}, \"annotations\": {}}", ST_FORMAT, "annotations"},
    {GLOBAL "}, \"annotations\": [{\"core:label\": \"x\"}]}", ST_FORMAT, "annotations[0]"},
    {GLOBAL "}, \"annotations\": [{\"core:sample_start\": 1, \"core:sample_count\": -4}]}",
     ST_RANGE, "core:sample_count"},
    {GLOBAL "}, \"annotations\": [{\"core:sample_start\": 1, \"core:label\": 4}]}", ST_FORMAT,
     "core:label"},
};

static void sigmf_refuses_bad_metadata_by_name(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof bad_cases / sizeof *bad_cases; k++) {
        struct sigmf meta;
        const char *text = bad_cases[k].text;
        const enum status status = sigmf_parse(text, strlen(text), "bad", &meta);
        if (status != bad_cases[k].status || !strstr(status_detail(), bad_cases[k].word) ||
            !strstr(status_detail(), "bad")) {
            print_error("case %zu: %s: %s\n", k, status_text(status), status_detail());
        }
        assert_int_equal(status, bad_cases[k].status);
        assert_non_null(strstr(status_detail(), bad_cases[k].word));
        assert_non_null(strstr(status_detail(), "bad")); /* the file */
        assert_null(meta.capture);
        assert_null(meta.annotation);
    }
}

static void sigmf_refuses_every_truncation(void **state)
{
    (void)state;
    for (size_t n = 0; n < strlen(good); n++) {
        struct sigmf meta;
        assert_int_equal(sigmf_parse(good, n, "cut", &meta), ST_FORMAT);
    }
}

static void sigmf_names_a_missing_file(void **state)
{
    (void)state;
    struct sigmf meta;
    assert_int_equal(sigmf_read("/nonexistent/x.sigmf-meta", &meta), ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "/nonexistent/x.sigmf-meta"));
    assert_int_equal(sigmf_write("/nonexistent/x.sigmf-meta", &meta), ST_IO);
}

static void sigmf_writes_what_it_reads(void **state)
{
    (void)state;
    char path[] = "/tmp/zp_sigmf_XXXXXX";
    const int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    struct sigmf a, b;
    assert_int_equal(sigmf_parse(good, strlen(good), "good", &a), ST_OK);
    /* quotes, control characters and UTF-8 survive */
    snprintf(a.annotation[0].comment, sizeof a.annotation[0].comment, "\"\\\n\x01 \xC3\xA9");
    assert_int_equal(sigmf_write(path, &a), ST_OK);
    assert_int_equal(sigmf_read(path, &b), ST_OK);
    assert_int_equal(b.format, a.format);
    assert_int_equal(b.n_channels, 2);
    assert_true(b.rate_sps == a.rate_sps);
    assert_int_equal(b.n_captures, 2);
    assert_true(b.capture[0].unix_ns == a.capture[0].unix_ns);
    assert_true(b.capture[0].frequency_hz == 915e6);
    assert_int_equal(b.capture[1].global_index, 1105);
    assert_int_equal(b.n_annotations, 1);
    assert_string_equal(b.annotation[0].label, "Query");
    assert_string_equal(b.annotation[0].comment, a.annotation[0].comment);
    sigmf_fini(&a);
    sigmf_fini(&b);
    unlink(path);
}

static void sigmf_cuts_long_texts_between_characters(void **state)
{
    (void)state;
    char text[1200];
    int n = snprintf(text, sizeof text,
                     GLOBAL "}, \"annotations\": [{\"core:sample_start\": 1, \"core:label\": \"x");
    for (int k = 0; k < 100; k++) { /* two bytes each: 1 + 2k never equals 48 - 1 */
        n += snprintf(text + n, sizeof text - (size_t)n, "\xC3\xA9");
    }
    snprintf(text + n, sizeof text - (size_t)n, "\"}]}");
    struct sigmf meta;
    assert_int_equal(sigmf_parse(text, strlen(text), "long", &meta), ST_OK);
    assert_int_equal(strlen(meta.annotation[0].label), 47);
    assert_int_equal((unsigned char)meta.annotation[0].label[46], 0xA9);
    sigmf_fini(&meta);
}

static void sigmf_time_goes_both_ways(void **state)
{
    (void)state;
    int64_t ns;
    assert_int_equal(sigmf_time_parse("1970-01-01T00:00:00Z", &ns), ST_OK);
    assert_true(ns == 0);
    assert_int_equal(sigmf_time_parse("2038-01-19T03:14:08.123456789Z", &ns), ST_OK);
    assert_true(ns == 2147483648123456789LL);
    char text[40];
    sigmf_time_format(ns, text);
    assert_string_equal(text, "2038-01-19T03:14:08.123456Z");
    static const char *const bad[] = {"",
                                      "2026-01-01",
                                      "2026-13-01T00:00:00Z",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01T00:00:00+01:00",
                                      "2026-01-01T25:00:00Z",
                                      "2026-01-01T00:00:00.5Zx",
                                      "2026-01-00T00:00:00Z"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_int_equal(sigmf_time_parse(bad[k], &ns), ST_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmf_reads_what_the_specification_names),
        cmocka_unit_test(sigmf_makes_one_capture_where_none_is_given),
        cmocka_unit_test(sigmf_refuses_bad_metadata_by_name),
        cmocka_unit_test(sigmf_refuses_every_truncation),
        cmocka_unit_test(sigmf_names_a_missing_file),
        cmocka_unit_test(sigmf_writes_what_it_reads),
        cmocka_unit_test(sigmf_cuts_long_texts_between_characters),
        cmocka_unit_test(sigmf_time_goes_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
