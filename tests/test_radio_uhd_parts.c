/* test_radio_uhd_parts.c - what the uhd radio works out without a device: its clock, its option
 * texts. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "radio/radio_uhd_parts.h"

#define RATE_SPS 2e6
#define MS 1000000 /* ns */

/* ---- clock ---- */

static uint64_t seed;

/* splitmix64 */
static double uniform(void)
{
    seed += 0x9E3779B97F4A7C15u;
    uint64_t z = seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* A device that starts at `start_tick` and runs at `speed_ratio`, heard in packets of 50 us of its own
 * time, each up to `jitter_ns` late and some of them much later.
 *   out  the largest errors of what uhd_clock_now says, in us of device time */
struct listened {
    double ahead_max_us, behind_max_us;
};

static int64_t true_tick(int64_t host_ns, double speed_ratio)
{
    return (int64_t)floor((double)host_ns * 1e-9 * RATE_SPS * speed_ratio);
}

static struct listened listen(double speed_ratio, double told_ratio, double told_error_ratio,
                              int64_t from_ns, int64_t until_ns, int64_t jitter_ns)
{
    struct uhd_clock clock;
    struct listened worst = {0};
    const int64_t step_ns = (int64_t)(50e3 / speed_ratio);
    int64_t arrived_ns = 0;
    seed = 7;
    uhd_clock_start(&clock, RATE_SPS, 0, 0, told_ratio, told_error_ratio);
    for (int64_t at_ns = step_ns; at_ns < until_ns; at_ns += step_ns) {
        const bool held_up = uniform() < 0.001;
        const int64_t late_ns = (int64_t)((double)jitter_ns * uniform() * (held_up ? 30 : 1));
        arrived_ns = at_ns + late_ns > arrived_ns ? at_ns + late_ns : arrived_ns;
        uhd_clock_see(&clock, arrived_ns, true_tick(at_ns, speed_ratio));
        const double error_us =
            (double)(uhd_clock_now(&clock, arrived_ns) - true_tick(arrived_ns, speed_ratio)) * 1e6 /
            RATE_SPS;
        if (at_ns >= from_ns) {
            worst.ahead_max_us = fmax(worst.ahead_max_us, error_us);
            worst.behind_max_us = fmax(worst.behind_max_us, -error_us);
        }
    }
    return worst;
}

static void radio_uhd_clock_follows_packets_that_come_late(void **state)
{
    (void)state;
    const struct listened heard = listen(1.0 + 20e-6, 1.0, 0.01, 0, 30000 * (int64_t)MS, 100000);
    assert_true(heard.ahead_max_us <= 2.0); /* 20 ppm of 40 ms, one tick */
    assert_true(heard.behind_max_us <= 20.0);
}

/* Four times slower, the ratio measured 0.3 % wrong: 40 ms of the host are 10 ms of the device. */
static void radio_uhd_clock_follows_a_slowed_device(void **state)
{
    (void)state;
    const struct listened first = listen(0.25, 0.25075, 0.003, 0, 400 * (int64_t)MS, 100000);
    assert_true(first.ahead_max_us <= 200.0);
    assert_true(first.behind_max_us <= 200.0);
    const struct listened heard =
        listen(0.25, 0.25075, 0.003, 2000 * (int64_t)MS, 25000 * (int64_t)MS, 100000);
    assert_true(heard.ahead_max_us <= 20.0);
    assert_true(heard.behind_max_us <= 40.0);
}

/* A control path that is slow measures the speed badly; that alone makes no clock a slowed one. */
static void radio_uhd_clock_takes_a_bad_measurement_for_what_it_is(void **state)
{
    (void)state;
    struct uhd_clock clock;
    uhd_clock_start(&clock, RATE_SPS, 0, 0, 1.08, 0.1);
    assert_false(clock.slowed);
    assert_int_equal(uhd_clock_now(&clock, 1000 * MS), 2000000);
    uhd_clock_start(&clock, RATE_SPS, 0, 0, 0.5, 0.1);
    assert_true(clock.slowed);
    assert_int_equal(uhd_clock_now(&clock, 1000 * MS), 1000000);
    assert_int_equal(uhd_clock_host_ns(&clock, 1000000), 1000 * MS);
}

static void radio_uhd_clock_runs_on_through_a_silence(void **state)
{
    (void)state;
    struct uhd_clock clock;
    uhd_clock_start(&clock, RATE_SPS, 0, -1000, 1.0, 0);
    assert_int_equal(uhd_clock_now(&clock, 0), -1000);
    uhd_clock_see(&clock, MS, 1000);
    assert_int_equal(uhd_clock_now(&clock, 801 * MS), 1601000);
    uhd_clock_see(&clock, 801 * MS, 1200000); /* what had been on its way */
    assert_int_equal(uhd_clock_now(&clock, 801 * MS), 1601000);
}

struct asked {
    struct uhd_clock clock;
    atomic_bool runs, over;
    int64_t n_wrong;
};

static void *ask(void *context)
{
    struct asked *asked = context;
    atomic_store(&asked->runs, true);
    do {
        const int64_t tick = uhd_clock_now(&asked->clock, 0);
        asked->n_wrong += tick != 0; /* every mark lies on the same line, one torn does not */
    } while (!atomic_load(&asked->over));
    return NULL;
}

static void radio_uhd_clock_is_never_read_half_written(void **state)
{
    (void)state;
    static struct asked asked;
    pthread_t thread;
    uhd_clock_start(&asked.clock, 1e9, 0, 0, 1.0, 0);
    assert_int_equal(pthread_create(&thread, NULL, ask, &asked), 0);
    while (!atomic_load(&asked.runs)) {
    }
    for (int64_t k = 1; k < 300000; k++) { /* each opens a bucket, so each is published */
        uhd_clock_see(&asked.clock, 30 * MS * k, 30 * MS * k);
    }
    atomic_store(&asked.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(asked.n_wrong, 0);
}

/* ---- option texts ---- */

static struct uhd_cfg default_cfg(void)
{
    struct uhd_cfg cfg;
    struct option_set *set;
    assert_int_equal(option_set_new(radio_uhd.options, 1, &set), ST_OK);
    option_fill(set, radio_uhd.options[0], &cfg);
    option_set_free(&set);
    return cfg;
}

static void radio_uhd_reads_a_list_of_channels(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t n_asked;
        enum status status;
        unsigned n;
        size_t channel[2];
    } rows[] = {
        {"", 1, ST_OK, 1, {0, 0}},       {"", 2, ST_OK, 2, {0, 1}},
        {"1", 1, ST_OK, 1, {1, 0}},      {"1,0", 1, ST_OK, 2, {1, 0}},
        {"0,3", 2, ST_OK, 2, {0, 3}},    {"15", 1, ST_OK, 1, {15, 0}},
        {"16", 1, ST_RANGE, 0, {0, 0}},  {"-1", 1, ST_RANGE, 0, {0, 0}},
        {"0,0", 1, ST_RANGE, 0, {0, 0}}, {"0,1,2", 1, ST_RANGE, 0, {0, 0}},
        {"0,", 1, ST_RANGE, 0, {0, 0}},  {",0", 1, ST_RANGE, 0, {0, 0}},
        {"a", 1, ST_RANGE, 0, {0, 0}},   {"0;1", 1, ST_RANGE, 0, {0, 0}},
        {"1", 2, ST_RANGE, 0, {0, 0}},
    };
    struct uhd_cfg cfg = default_cfg();
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        size_t channel[2] = {0, 0};
        unsigned n = 0;
        snprintf(cfg.channels, sizeof cfg.channels, "%s", rows[k].text);
        assert_int_equal(uhd_channels_parse(&cfg, rows[k].n_asked, channel, &n), rows[k].status);
        if (rows[k].status) {
            assert_non_null(strstr(status_detail(), "radio.uhd.channels"));
            continue;
        }
        assert_int_equal(n, rows[k].n);
        for (unsigned c = 0; c < n; c++) {
            assert_int_equal(channel[c], rows[k].channel[c]);
        }
    }
}

static void radio_uhd_adds_clock_and_frame_to_the_device_arguments(void **state)
{
    (void)state;
    struct uhd_cfg cfg = default_cfg();
    char text[96];
    assert_int_equal(uhd_args_make(&cfg, "type=b200", "b200", 100, text, sizeof text), ST_OK);
    assert_string_equal(text, "type=b200"); /* on USB the stream arguments do */
    cfg.master_clock_hz = 32e6;
    assert_int_equal(uhd_args_make(&cfg, "a=1", "e3xx", 100, text, sizeof text), ST_OK);
    assert_string_equal(text, "a=1,master_clock_rate=32000000,recv_frame_size=416");
    assert_int_equal(uhd_args_make(&cfg, "", "", 100, text, sizeof text), ST_OK);
    assert_string_equal(text, "master_clock_rate=32000000");
    assert_int_equal(uhd_args_make(&cfg, "master_clock_rate=8e6", "", 0, text, sizeof text),
                     ST_USAGE);
    assert_non_null(strstr(status_detail(), "radio.uhd.master_clock_hz"));
    assert_int_equal(uhd_args_make(&cfg, "type=b200", "b200", 0, text, 16), ST_FULL);
    cfg = default_cfg();
    assert_int_equal(uhd_args_make(&cfg, "", "x300", 65, text, sizeof text), ST_OK);
    assert_string_equal(text, "recv_frame_size=280"); /* 16 + 260, in whole words */
    assert_int_equal(uhd_args_make(&cfg, "recv_frame_size=1472", "n3xx", 65, text, sizeof text),
                     ST_OK);
    assert_string_equal(text, "recv_frame_size=1472"); /* the user knows */
    assert_int_equal(uhd_args_make(&cfg, "", "x4xx", 0, text, sizeof text), ST_OK);
    assert_string_equal(text, "");
}

static void radio_uhd_asks_for_packets_the_link_can_wait_for(void **state)
{
    (void)state;
    struct uhd_cfg cfg = default_cfg();
    char text[64];
    assert_int_equal(uhd_packet_samples(&cfg, 2e6, 50), 100);
    assert_int_equal(uhd_packet_samples(&cfg, 2e6, 12),
                     64);                                  /* not shorter than is worth a packet */
    assert_int_equal(uhd_packet_samples(&cfg, 2e6, 0), 0); /* nobody knows the link */
    uhd_stream_args_make(&cfg, UHD_RX, 100, text, sizeof text);
    assert_string_equal(text, "spp=100");
    uhd_stream_args_make(&cfg, UHD_TX, 100, text, sizeof text);
    assert_string_equal(text, "underflow_policy=next_burst");
    snprintf(cfg.stream_args, sizeof cfg.stream_args, "underflow_policy=next_packet");
    uhd_stream_args_make(&cfg, UHD_TX, 100, text, sizeof text);
    assert_string_equal(text, "underflow_policy=next_packet"); /* the user knows */
    uhd_stream_args_make(&cfg, UHD_RX, 100, text, sizeof text);
    assert_string_equal(text, "underflow_policy=next_packet,spp=100");
    snprintf(cfg.stream_args, sizeof cfg.stream_args, "spp=200");
    assert_int_equal(uhd_packet_samples(&cfg, 2e6, 50), 0);
    uhd_stream_args_make(&cfg, UHD_RX, 0, text, sizeof text);
    assert_string_equal(text, "spp=200");
}

static void radio_uhd_finds_fields_of_device_arguments(void **state)
{
    (void)state;
    static const char found[] = "mgmt_addr=127.0.0.1,type=e3xx,serial=51,name=";
    char text[12];
    uhd_field_of(found, "type", text, sizeof text);
    assert_string_equal(text, "e3xx");
    uhd_field_of(found, "addr", text, sizeof text); /* not the end of another key */
    assert_string_equal(text, "");
    uhd_field_of(found, "mgmt_addr", text, 5);
    assert_string_equal(text, "127.");
    uhd_field_of(found, "name", text, sizeof text);
    assert_string_equal(text, "");
    uhd_field_of("", "type", text, sizeof text);
    assert_string_equal(text, "");
}

static void radio_uhd_knows_the_families_that_differ(void **state)
{
    (void)state;
    assert_true(uhd_traits_of("E320").equal_streams);
    assert_true(uhd_traits_of("e310").equal_streams);
    assert_true(uhd_traits_of("B210").tunes_at_once);
    assert_false(uhd_traits_of("B210").equal_streams);
    assert_true(uhd_traits_of("n310").tunes_at_once);
    assert_false(uhd_traits_of("X310").tunes_at_once);
    assert_false(uhd_traits_of("").tunes_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_uhd_clock_follows_packets_that_come_late),
        cmocka_unit_test(radio_uhd_clock_follows_a_slowed_device),
        cmocka_unit_test(radio_uhd_clock_takes_a_bad_measurement_for_what_it_is),
        cmocka_unit_test(radio_uhd_clock_runs_on_through_a_silence),
        cmocka_unit_test(radio_uhd_clock_is_never_read_half_written),
        cmocka_unit_test(radio_uhd_reads_a_list_of_channels),
        cmocka_unit_test(radio_uhd_adds_clock_and_frame_to_the_device_arguments),
        cmocka_unit_test(radio_uhd_asks_for_packets_the_link_can_wait_for),
        cmocka_unit_test(radio_uhd_finds_fields_of_device_arguments),
        cmocka_unit_test(radio_uhd_knows_the_families_that_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
