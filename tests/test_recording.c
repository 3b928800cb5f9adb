/* test_recording.c - recordings: formats, gaps, truncation, and what the recorder writes. */
#include <complex.h>
#include <fcntl.h>
#include <inttypes.h>
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

#include "config/option.h"
#include "radio/radio.h"
#include "radio/recorder.h"
#include "radio/recording.h"

#define N 5000

static char base[64]; /* directory of the test run */
static float _Complex samples[LIMIT_RX_CHANNELS][N];

static const char *path_of(const char *name)
{
    static char path[4][160];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof *path, "%s/%s", base, name);
    return path[turn];
}

static void put_file(const char *name, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    fclose(file);
}

static void put_meta(const char *name, const char *global, const char *captures)
{
    char text[2000];
    snprintf(text, sizeof text,
             "{\"global\": {\"core:version\": \"1.0.0\", %s}, \"captures\": [%s]}", global,
             captures);
    put_file(name, text, strlen(text));
}

static struct iq_block block_of(size_t capacity_samples, unsigned n_channels)
{
    return (struct iq_block){.capacity_samples = capacity_samples,
                             .n_channels = n_channels,
                             .sample = {samples[0], samples[1]}};
}

static enum status open_sigmf(const char *name, struct recording **recording)
{
    const struct recording_cfg cfg = {
        .path = path_of(name), .format = RECORDING_SIGMF, .rate_sps = NAN};
    return recording_open(&cfg, recording);
}

static enum status open_raw(const char *name, int format, double rate_sps, unsigned n_channels,
                            struct recording **recording)
{
    const struct recording_cfg cfg = {
        .path = path_of(name), .format = format, .rate_sps = rate_sps, .n_channels = n_channels};
    return recording_open(&cfg, recording);
}

static int make_directory(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/zp_recording_XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", base);
    return system(command);
}

/* Bytes and values written down by hand from the formats' definitions. */
static void recording_converts_every_format(void **state)
{
    (void)state;
    static const uint8_t ci16[] = {0x00, 0x40, 0x00, 0x80, 0xFF, 0x7F, 0xFF, 0xFF};
    static const uint8_t ci8[] = {0x40, 0x80, 0x7F, 0xFF};
    static const uint8_t cu8[] = {0xFF, 0x00, 0x80, 0x7F};
    static const uint8_t cf32[] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xBF,
                                   0, 0, 0x80, 0x3E, 0, 0, 0, 0x40};
    static const uint8_t rf32[] = {0, 0, 0x80, 0x3F, 0, 0, 0, 0xBF};
    static const struct {
        int format;
        const void *bytes;
        size_t n_bytes;
        float expect[4];
    } cases[] = {
        {IQ_CI16, ci16, sizeof ci16, {0.5f, -1.0f, 32767 / 32768.0f, -1 / 32768.0f}},
        {IQ_CI8, ci8, sizeof ci8, {0.5f, -1.0f, 127 / 128.0f, -1 / 128.0f}},
        {IQ_CU8, cu8, sizeof cu8, {127.5f / 128, -127.5f / 128, 0.5f / 128, -0.5f / 128}},
        {IQ_CF32, cf32, sizeof cf32, {1.0f, -0.5f, 0.25f, 2.0f}},
        {IQ_RF32, rf32, sizeof rf32, {1.0f, 0.0f, -0.5f, 0.0f}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        put_file("raw", cases[k].bytes, cases[k].n_bytes);
        struct recording *recording;
        struct iq_block block = block_of(N, 1);
        assert_int_equal(open_raw("raw", cases[k].format, 1e6, 1, &recording), ST_OK);
        assert_int_equal(recording_read(recording, &block), ST_OK);
        assert_int_equal(block.n_samples, 2);
        for (size_t i = 0; i < 2; i++) {
            assert_true(crealf(samples[0][i]) == cases[k].expect[2 * i]);
            assert_true(cimagf(samples[0][i]) == cases[k].expect[2 * i + 1]);
        }
        assert_int_equal(recording_read(recording, &block), ST_END);
        assert_int_equal(recording_read(recording, &block), ST_END);
        recording_close(&recording);
        assert_null(recording);
    }
}

static void recording_separates_two_channels(void **state)
{
    (void)state;
    float raw[4 * 300];
    for (int k = 0; k < 4 * 300; k++) {
        raw[k] = (float)k / 2000;
    }
    put_file("two.sigmf-data", raw, sizeof raw);
    put_meta("two.sigmf-meta",
             "\"core:datatype\": \"cf32_le\", \"core:sample_rate\": 1e6, \"core:num_channels\": 2",
             "");
    struct recording *recording;
    assert_int_equal(open_sigmf("two", &recording), ST_OK);
    struct iq_block block = block_of(7, 2); /* odd block lengths: nothing depends on them */
    size_t n = 0;
    while (recording_read(recording, &block) == ST_OK) {
        assert_int_equal(block.first_tick, n);
        for (size_t k = 0; k < block.n_samples; k++, n++) {
            assert_true(crealf(samples[0][k]) == raw[4 * n]);
            assert_true(cimagf(samples[0][k]) == raw[4 * n + 1]);
            assert_true(crealf(samples[1][k]) == raw[4 * n + 2]);
            assert_true(cimagf(samples[1][k]) == raw[4 * n + 3]);
        }
    }
    assert_int_equal(n, 300);
    recording_close(&recording);
}

static void recording_tells_gaps_between_captures(void **state)
{
    (void)state;
    uint8_t raw[2 * 100] = {0};
    put_file("gap.sigmf-data", raw, sizeof raw);
    put_meta("gap.sigmf-meta", "\"core:datatype\": \"ci8\", \"core:sample_rate\": 1e6",
             "{\"core:sample_start\": 0, \"core:global_index\": 1000},"
             "{\"core:sample_start\": 40, \"core:global_index\": 1540,"
             " \"core:datetime\": \"2026-01-01T00:00:00.000100Z\"},"
             "{\"core:sample_start\": 60, \"core:datetime\": \"2026-01-01T00:00:00.000150Z\"},"
             "{\"core:sample_start\": 90}");
    static const struct {
        int64_t first_tick, gap_samples;
        size_t n_samples;
    } expect[] = {
        {0, 0, 30},     {30, 0, 10}, /* blocks end where captures start */
        {540, 500, 20},              /* 1540 - 1000 - 40 */
        {590, 30, 30},               /* 50 us passed, 20 samples stored */
        {621, 1, 10},                /* unknown: at least one */
    };
    struct recording *recording;
    assert_int_equal(open_sigmf("gap.sigmf-meta", &recording), ST_OK);
    struct iq_block block = block_of(30, 1);
    for (size_t k = 0; k < sizeof expect / sizeof *expect; k++) {
        assert_int_equal(recording_read(recording, &block), ST_OK);
        assert_int_equal(block.first_tick, expect[k].first_tick);
        assert_int_equal(block.gap_samples, expect[k].gap_samples);
        assert_int_equal(block.n_samples, expect[k].n_samples);
    }
    assert_int_equal(recording_read(recording, &block), ST_END);
    recording_close(&recording);
}

static void recording_uses_whole_samples_of_a_truncated_file(void **state)
{
    (void)state;
    uint8_t raw[4 * 10 + 3] = {0};
    put_file("cut", raw, sizeof raw);
    struct recording *recording;
    assert_int_equal(open_raw("cut", IQ_CI16, 2e6, 1, &recording), ST_OK);
    struct iq_block block = block_of(N, 1);
    assert_int_equal(recording_read(recording, &block), ST_OK);
    assert_int_equal(block.n_samples, 10);
    assert_int_equal(recording_read(recording, &block), ST_SHORT);
    assert_non_null(strstr(status_detail(), "43 bytes"));
    assert_non_null(strstr(status_detail(), "last 3 bytes"));
    assert_int_equal(recording_read(recording, &block), ST_END);
    recording_close(&recording);

    put_file("late.sigmf-data", raw, 40);
    put_meta("late.sigmf-meta", "\"core:datatype\": \"ci16_le\", \"core:sample_rate\": 1e6",
             "{\"core:sample_start\": 0}, {\"core:sample_start\": 11}");
    assert_int_equal(open_sigmf("late.sigmf-data", &recording), ST_OK);
    assert_int_equal(recording_read(recording, &block), ST_OK);
    assert_int_equal(block.n_samples, 10);
    assert_int_equal(recording_read(recording, &block), ST_SHORT);
    assert_non_null(strstr(status_detail(), "captures[1]"));
    recording_close(&recording);

    put_meta("late.sigmf-meta", "\"core:datatype\": \"ci16_le\", \"core:sample_rate\": 1e6",
             "{\"core:sample_start\": 11}");
    assert_int_equal(open_sigmf("late", &recording), ST_SHORT);
    assert_null(recording);
    put_file("empty", raw, 0);
    assert_int_equal(open_raw("empty", IQ_CF32, 1e6, 1, &recording), ST_OK);
    assert_int_equal(recording_read(recording, &block), ST_END);
    recording_close(&recording);
}

static void recording_refuses_what_cannot_be_read(void **state)
{
    (void)state;
    struct recording *recording;
    assert_int_equal(open_sigmf("nothing", &recording), ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "nothing.sigmf-meta"));
    assert_int_equal(open_raw("nothing", IQ_CI8, 1e6, 1, &recording), ST_NOT_FOUND);
    assert_int_equal(open_raw(".", IQ_CI8, 1e6, 1, &recording), ST_IO);
    put_meta("lone.sigmf-meta", "\"core:datatype\": \"ci8\", \"core:sample_rate\": 1e6", "");
    assert_int_equal(open_sigmf("lone", &recording), ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "lone.sigmf-data"));
    put_file("raw", "1234", 4);
    static const double bad_rates_sps[] = {0, -1e6, NAN, INFINITY, 1e30};
    for (size_t k = 0; k < sizeof bad_rates_sps / sizeof *bad_rates_sps; k++) {
        assert_int_equal(open_raw("raw", IQ_CI8, bad_rates_sps[k], 1, &recording), ST_RANGE);
        assert_non_null(strstr(status_detail(), "accepted 1..1e+09"));
        assert_null(recording);
    }
    assert_int_equal(open_raw("raw", IQ_CI8, 1e6, 3, &recording), ST_RANGE);
    put_file("norate.sigmf-data", "1234", 4);
    put_meta("norate.sigmf-meta", "\"core:datatype\": \"ci8\"", "");
    assert_int_equal(open_sigmf("norate", &recording), ST_RANGE);
    char long_path[5000];
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    struct recording_cfg cfg = {.path = long_path, .format = RECORDING_SIGMF, .rate_sps = 1e6};
    assert_int_equal(recording_open(&cfg, &recording), ST_RANGE);
    cfg.format = IQ_CI8;
    cfg.n_channels = 1;
    assert_int_equal(recording_open(&cfg, &recording), ST_RANGE);
}

static void recording_zeroes_samples_nothing_can_receive(void **state)
{
    (void)state;
    const float raw[] = {1.0f, NAN, INFINITY, -1.0f, 3e38f, 0.5f, 1048575.0f, -1048576.0f};
    put_file("raw", raw, sizeof raw);
    struct recording *recording;
    assert_int_equal(open_raw("raw", IQ_CF32, 1e6, 1, &recording), ST_OK);
    struct iq_block block = block_of(N, 1);
    assert_int_equal(recording_read(recording, &block), ST_OK);
    static const float expect[] = {1.0f, 0.0f, 0.0f, -1.0f, 0.0f, 0.5f, 1048575.0f, 0.0f};
    assert_memory_equal(samples[0], expect, sizeof expect);
    assert_int_equal(recording_n_cleaned(recording), 4);
    recording_close(&recording);
}

static float _Complex known_sample(unsigned channel, int64_t tick)
{
    const double phase = 0.01 * (double)tick * (channel + 1);
    return (float)(0.9 * cos(phase)) + I * (float)(0.9 * sin(phase));
}

/* Write ticks 100.. with a gap of 50 after 400 samples, read back, compare. */
static void write_and_compare(enum iq_format format, unsigned n_channels, float tolerance)
{
    const struct recorder_cfg cfg = {.base = path_of("made"),
                                     .format = format,
                                     .n_channels = n_channels,
                                     .rate_sps = 2e6,
                                     .freq_hz = 866e6,
                                     .unix_ns = 1000000000000000000LL,
                                     .description = "a test"};
    struct recorder *recorder;
    assert_int_equal(recorder_open(&cfg, &recorder), ST_OK);
    struct iq_block block = block_of(N, n_channels);
    assert_int_equal(recorder_annotate(recorder, 700, 10, "late", NULL), ST_OK);
    assert_int_equal(recorder_annotate(recorder, 110, 20, "Query", "Q=3"), ST_OK);
    assert_int_equal(recorder_annotate(recorder, 490, 30, "over the gap", ""), ST_OK);
    for (int part = 0; part < 2; part++) {
        block.first_tick = part ? 550 : 100;
        block.gap_samples = part ? 50 : 0;
        block.n_samples = 400;
        for (unsigned c = 0; c < n_channels; c++) {
            for (size_t k = 0; k < block.n_samples; k++) {
                samples[c][k] = known_sample(c, block.first_tick + (int64_t)k);
            }
        }
        assert_int_equal(recorder_write(recorder, &block), ST_OK);
    }
    assert_int_equal(recorder_close(&recorder), ST_OK);
    assert_null(recorder);

    struct recording *recording;
    assert_int_equal(open_sigmf("made", &recording), ST_OK);
    const struct sigmf *meta = recording_meta(recording);
    assert_true(meta->capture[0].frequency_hz == 866e6);
    assert_true(meta->capture[0].unix_ns == 1000000000000050000LL); /* tick 100 at 2 MS/s */
    assert_int_equal(meta->n_captures, 2);
    assert_int_equal(meta->n_annotations, 3); /* by sample number: tick - 100, - 150 past the gap */
    assert_string_equal(meta->annotation[0].label, "Query");
    assert_int_equal(meta->annotation[0].sample_start, 10);
    assert_int_equal(meta->annotation[0].sample_count, 20);
    assert_int_equal(meta->annotation[1].sample_start, 390);
    assert_int_equal(meta->annotation[1].sample_count, 10); /* 490..499, the rest was lost */
    assert_int_equal(meta->annotation[2].sample_start, 550);
    int64_t n_read = 0;
    while (recording_read(recording, &block) == ST_OK) {
        assert_int_equal(block.gap_samples, block.first_tick == 450 ? 50 : 0);
        for (unsigned c = 0; c < n_channels; c++) {
            for (size_t k = 0; k < block.n_samples; k++) {
                const float _Complex want = known_sample(c, 100 + block.first_tick + (int64_t)k);
                assert_true(cabsf(samples[c][k] - want) <= tolerance);
            }
        }
        n_read += (int64_t)block.n_samples;
    }
    assert_int_equal(n_read, 800);
    recording_close(&recording);
}

static void recorder_writes_what_recording_reads(void **state)
{
    (void)state;
    for (unsigned n_channels = 1; n_channels <= 2; n_channels++) {
        write_and_compare(IQ_CF32, n_channels, 0.0f);
        write_and_compare(IQ_CI16, n_channels, 0.71f / 32768); /* half a step in I and in Q */
    }
}

static void recorder_clips_at_full_scale(void **state)
{
    (void)state;
    float _Complex in[2] = {3.0f - 3.0f * I, 1.0f + 0.0f * I};
    int16_t out[4];
    iq_format_encode(IQ_CI16, in, 2, 1, 0, out);
    assert_int_equal(out[0], 32767);
    assert_int_equal(out[1], -32768);
    assert_int_equal(out[2], 32767);
    assert_int_equal(out[3], 0);
}

static void recorder_tells_what_went_wrong(void **state)
{
    (void)state;
    struct recorder_cfg cfg = {.base = "/nonexistent/x",
                               .format = IQ_CF32,
                               .n_channels = 1,
                               .rate_sps = 1e6,
                               .freq_hz = NAN,
                               .unix_ns = INT64_MIN};
    struct recorder *recorder;
    assert_int_equal(recorder_open(&cfg, &recorder), ST_IO);
    assert_non_null(strstr(status_detail(), "/nonexistent/x.sigmf-data"));
    cfg.rate_sps = NAN;
    assert_int_equal(recorder_open(&cfg, &recorder), ST_RANGE);
    assert_int_equal(recorder_close(&recorder), ST_OK); /* NULL-safe */

    /* a full disk */
    cfg.rate_sps = 1e6;
    cfg.base = path_of("full");
    if (symlink("/dev/full", path_of("full.sigmf-data")) == 0 &&
        recorder_open(&cfg, &recorder) == ST_OK) {
        struct iq_block block = block_of(N, 1);
        block.n_samples = N;
        assert_int_equal(recorder_write(recorder, &block), ST_OK); /* still in the buffer */
        assert_int_equal(recorder_close(&recorder), ST_IO);
        assert_null(recorder);
    }
}

static void radio_file_replays_and_ends(void **state)
{
    (void)state;
    const struct option_table *const tables[] = {radio_file.options[0]};
    struct option_set *set;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    struct radio_cfg cfg = {.kind = 1, .rate_sps = NAN, .freq_hz = NAN, .n_rx_channels = 1};
    assert_ptr_equal(radio_table[1], &radio_file);
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_USAGE); /* no path */
    uint8_t raw[2 * 100 + 1] = {0};
    put_file("replay.sigmf-data", raw, sizeof raw);
    put_meta("replay.sigmf-meta", "\"core:datatype\": \"ci8\", \"core:sample_rate\": 250e3",
             "{\"core:sample_start\": 0, \"core:frequency\": 915.25e6}");
    snprintf(cfg.args, sizeof cfg.args, "%s", path_of("replay"));
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    assert_true(radio_rate_sps(radio) == 250e3);
    assert_true(radio_freq_hz(radio) == 915.25e6);
    assert_int_equal(radio_start(radio), ST_OK);
    assert_int_equal(radio_send(radio, samples[0], 1, 0), ST_UNSUPPORTED);
    struct iq_block block = block_of(64, 1);
    assert_int_equal(radio_recv(radio, &block), ST_OK);
    assert_int_equal(radio_now(radio), 64);
    assert_int_equal(radio_recv(radio, &block), ST_OK);
    assert_int_equal(block.n_samples, 36);
    assert_int_equal(radio_recv(radio, &block), ST_SHORT);
    assert_int_equal(radio_recv(radio, &block), ST_END);
    radio_stop(radio);
    assert_int_equal(radio_recv(radio, &block), ST_STOPPED);
    radio_close(&radio);
    assert_null(radio);
    snprintf(cfg.args, sizeof cfg.args, "%s", path_of("replay.sigmf-data"));
    cfg.rate_sps = -1;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_RANGE);
    option_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recording_converts_every_format),
        cmocka_unit_test(recording_separates_two_channels),
        cmocka_unit_test(recording_tells_gaps_between_captures),
        cmocka_unit_test(recording_uses_whole_samples_of_a_truncated_file),
        cmocka_unit_test(recording_refuses_what_cannot_be_read),
        cmocka_unit_test(recording_zeroes_samples_nothing_can_receive),
        cmocka_unit_test(recorder_writes_what_recording_reads),
        cmocka_unit_test(recorder_clips_at_full_scale),
        cmocka_unit_test(recorder_tells_what_went_wrong),
        cmocka_unit_test(radio_file_replays_and_ends),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
