/* test_radio_uhd.c - the uhd radio against a software USRP seen through unmodified libuhd.
 * Skipped where ZP_SHARED_DIR has none or its ports are taken. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/option.h"
#include "radio/radio.h"

#define RATE_SPS 2e6
#define DEVICE_DELAY 100 /* the device's own transmit-to-receive delay, ticks */
#define DEVICE_GAIN 0.5  /* it halves what it loops back */
#define BLOCK 2048
#define ATTEMPTS 5
#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

static const char source[] = ZP_SHARED_DIR "/usrp/software_usrp_prototype.c";
static char directory[64];
static pid_t device;
static double run_s = 1.5; /* ZP_UHD_RUN_S overrides, for long runs by hand */

static int start_device(void **state)
{
    (void)state;
    const char *text = getenv("ZP_UHD_RUN_S");
    run_s = text ? atof(text) : run_s;
    if (access(source, R_OK)) {
        return 0;
    }
    snprintf(directory, sizeof directory, "/tmp/zp_uhd_XXXXXX");
    char command[1024];
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(command, sizeof command, "cc -O2 -w '%s' -o %s/device -lpthread -lm", source,
             directory);
    if (system(command)) {
        return -1;
    }
    device = fork();
    if (device == 0) {
        setenv("LINK_RATE", "125000000", 1);
        snprintf(command, sizeof command, "%s/device", directory);
        execl(command, command, (char *)NULL);
        _exit(127);
    }
    usleep(300000);
    if (device > 0 && waitpid(device, NULL, WNOHANG) == device) {
        device = 0; /* its ports are taken */
    }
    return 0;
}

static int end_device(void **state)
{
    (void)state;
    if (device > 0) {
        kill(device, SIGTERM);
        waitpid(device, NULL, 0);
    }
    if (directory[0]) {
        char command[128];
        snprintf(command, sizeof command, "rm -r '%s'", directory);
        return system(command);
    }
    return 0;
}

static struct option_set *uhd_options(double delay_us)
{
    struct option_set *set;
    assert_int_equal(option_set_new(radio_uhd.options, 1, &set), ST_OK);
    char text[32];
    snprintf(text, sizeof text, "%g", delay_us);
    assert_int_equal(option_set_text(set, "radio.uhd.delay_us", text, "test"), ST_OK);
    return set;
}

static struct radio_cfg uhd_cfg_of(int64_t n_rx_channels)
{
    struct radio_cfg cfg = {.kind = 3,
                            .rate_sps = RATE_SPS,
                            .freq_hz = 915e6,
                            .tx_gain_db = 10,
                            .rx_gain_db = 20,
                            .n_rx_channels = n_rx_channels,
                            .tx_lead_us = 20000};
    assert_ptr_equal(radio_table[3], &radio_uhd);
    snprintf(cfg.args, sizeof cfg.args, "addr=127.0.0.1");
    return cfg;
}

/* A carrier whose amplitude steps every 1000 ticks by a fixed rule: any shift shows. */
static float level_at(int64_t tick)
{
    return tick < 1000 ? 0.0f : 0.1f + 0.1f * (float)((tick / 1000 * 7919) % 8);
}

struct sender {
    struct radio *radio;
    enum status status;
};

static void *send_all(void *context)
{
    struct sender *sender = context;
    static float _Complex sample[BLOCK];
    for (int64_t tick = 0; sender->status == ST_OK; tick += BLOCK) {
        for (int k = 0; k < BLOCK; k++) {
            sample[k] = level_at(tick + k);
        }
        sender->status = radio_send(sender->radio, sample, BLOCK, tick);
    }
    return NULL;
}

/* What one run over the device showed. */
struct streamed {
    enum status opened, started, receiving, sending, after_stop;
    double rate_sps;
    int64_t n_gap, n_out_of_place, n_wrong, lead_max_ticks;
    struct radio_counters counters;
};

static void stream_receive(struct radio *radio, unsigned n_rx_channels, struct streamed *seen)
{
    static float _Complex sample[LIMIT_RX_CHANNELS][BLOCK];
    struct iq_block block = {
        .capacity_samples = BLOCK, .n_channels = n_rx_channels, .sample = {sample[0], sample[1]}};
    int64_t next_tick = 0;
    seen->lead_max_ticks = INT64_MIN;
    while (next_tick < (int64_t)(run_s * RATE_SPS) && seen->receiving == ST_OK) {
        seen->receiving = radio_recv(radio, &block);
        if (seen->receiving) {
            print_error("%s\n", status_detail());
            break;
        }
        seen->n_gap += block.gap_samples;
        seen->n_out_of_place += block.first_tick != next_tick + block.gap_samples;
        next_tick = block.first_tick + (int64_t)block.n_samples;
        for (size_t k = 0; k < block.n_samples; k++) {
            const double want = DEVICE_GAIN * level_at(block.first_tick + (int64_t)k);
            seen->n_wrong += fabs(crealf(sample[0][k]) - want) > 1e-3; /* 16 bits on the wire */
        }
        const int64_t lead = next_tick - radio_now(radio);
        seen->lead_max_ticks = lead > seen->lead_max_ticks ? lead : seen->lead_max_ticks;
    }
    radio_stop(radio);
    seen->after_stop = radio_recv(radio, &block);
}

static struct streamed stream_once(int64_t n_rx_channels)
{
    struct option_set *set = uhd_options(DEVICE_DELAY / RATE_SPS * 1e6);
    struct radio_cfg cfg = uhd_cfg_of(n_rx_channels);
    struct radio *radio = NULL;
    struct streamed seen = {.opened = radio_open(&cfg, set, &radio)};
    if (seen.opened) {
        print_error("%s\n", status_detail());
    } else {
        seen.rate_sps = radio_rate_sps(radio);
        seen.started = radio_start(radio);
        struct sender sender = {.radio = radio};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, send_all, &sender), 0);
        stream_receive(radio, (unsigned)n_rx_channels, &seen);
        pthread_join(thread, NULL);
        seen.sending = sender.status;
        seen.counters = radio_counters_read(radio);
        radio_close(&radio);
    }
    option_set_free(&set);
    return seen;
}

/* The device runs in real time; on a machine that was busy elsewhere a stream may be disturbed, and
 * says so in its counters. An undisturbed one must come within a few tries, and be perfect. */
static void stream_both_ways(int64_t n_rx_channels)
{
    if (device <= 0 || UNDER_TSAN) {
        skip();
    }
    struct streamed seen;
    bool disturbed = true;
    for (int attempt = 0; attempt < ATTEMPTS && disturbed; attempt++) {
        seen = stream_once(n_rx_channels);
        assert_int_equal(seen.opened, ST_OK);
        assert_int_equal(seen.started, ST_OK);
        assert_int_equal(seen.receiving, ST_OK);
        assert_int_equal(seen.sending, ST_STOPPED);
        assert_int_equal(seen.after_stop, ST_STOPPED);
        assert_int_equal(seen.n_out_of_place, 0);
        disturbed = seen.counters.overflows + seen.counters.underflows + seen.counters.late +
                        seen.counters.sequence_errors >
                    0;
        assert_true(disturbed || seen.n_gap == 0); /* nothing is lost in silence */
        if (disturbed) {
            print_message("attempt %d was disturbed: %llu overflows, %llu underflows, %llu late\n",
                          attempt + 1, (unsigned long long)seen.counters.overflows,
                          (unsigned long long)seen.counters.underflows,
                          (unsigned long long)seen.counters.late);
        }
    }
    assert_false(disturbed);
    assert_true(fabs(seen.rate_sps - RATE_SPS) < 1);
    assert_int_equal(seen.n_wrong, 0); /* tick n sent is tick n received, sample by sample */
    assert_true(seen.lead_max_ticks <= (int64_t)(1e-3 * RATE_SPS)); /* never ahead of the device */
}

static void radio_uhd_streams_both_ways_on_one_clock(void **state)
{
    (void)state;
    stream_both_ways(1);
}

static void radio_uhd_streams_two_receive_channels(void **state)
{
    (void)state;
    stream_both_ways(2);
}

static uint64_t n_disturbed(struct radio *radio)
{
    const struct radio_counters counters = radio_counters_read(radio);
    return counters.overflows + counters.underflows + counters.late + counters.sequence_errors;
}

/* A sender that pauses: the device runs dry, it is counted, and the stream comes back in place. */
static void radio_uhd_recovers_its_place_after_an_underflow(void **state)
{
    (void)state;
    if (device <= 0 || UNDER_TSAN) {
        skip();
    }
    struct option_set *set = uhd_options(DEVICE_DELAY / RATE_SPS * 1e6);
    struct radio_cfg cfg = uhd_cfg_of(1);
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    assert_int_equal(radio_start(radio), ST_OK);
    static float _Complex sample[BLOCK], heard[BLOCK];
    struct iq_block block = {.capacity_samples = BLOCK, .n_channels = 1, .sample = {heard, NULL}};
    int64_t tx_tick = 0, rx_tick = 0;
    const int64_t pause_tick = (int64_t)(0.2 * RATE_SPS), end_tick = (int64_t)(1.2 * RATE_SPS);
    bool paused = false;
    int64_t n_wrong = 0;
    uint64_t n_first_half = 0;
    while (rx_tick < end_tick) {
        if (!paused && rx_tick > pause_tick) {
            paused = true;
            usleep(60000); /* three times the lead */
        }
        const int64_t lead_ticks = (int64_t)(15e-3 * RATE_SPS);
        while (tx_tick < rx_tick + lead_ticks) {
            for (int k = 0; k < BLOCK; k++) {
                sample[k] = level_at(tx_tick + k);
            }
            assert_int_equal(radio_send(radio, sample, BLOCK, tx_tick), ST_OK);
            tx_tick += BLOCK;
        }
        assert_int_equal(radio_recv(radio, &block), ST_OK);
        rx_tick = block.first_tick + (int64_t)block.n_samples;
        if (rx_tick < end_tick / 2) {
            n_first_half = n_disturbed(radio);
        }
        for (size_t k = 0; block.first_tick > end_tick / 2 && k < block.n_samples; k++) {
            const double want = DEVICE_GAIN * level_at(block.first_tick + (int64_t)k);
            n_wrong += fabs(crealf(heard[k]) - want) > 1e-3;
        }
    }
    assert_true(n_first_half >= 1);
    assert_true(n_wrong == 0 || n_disturbed(radio) > n_first_half); /* disturbed once more: told */
    radio_close(&radio); /* without radio_stop: the carrier goes off all the same */
    option_set_free(&set);
}

static void radio_uhd_asks_for_a_frequency_and_a_rate(void **state)
{
    (void)state;
    struct option_set *set = uhd_options(0);
    struct radio *radio;
    struct radio_cfg cfg = uhd_cfg_of(1);
    cfg.freq_hz = NAN;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_USAGE);
    assert_non_null(strstr(status_detail(), "radio.freq_hz"));
    cfg = uhd_cfg_of(1);
    cfg.rate_sps = NAN;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_USAGE);
    static const double bad_sps[] = {0, -2e6, INFINITY, 1e30};
    for (size_t k = 0; k < sizeof bad_sps / sizeof *bad_sps; k++) {
        cfg.rate_sps = bad_sps[k];
        assert_int_equal(radio_open(&cfg, set, &radio), ST_RANGE);
        assert_null(radio);
    }
    option_set_free(&set);
}

static void radio_uhd_names_a_device_that_is_not_there(void **state)
{
    (void)state;
    struct option_set *set = uhd_options(0);
    struct radio_cfg cfg = uhd_cfg_of(1);
    snprintf(cfg.args, sizeof cfg.args, "type=b200,serial=none");
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_NOT_FOUND);
    assert_null(radio);
    option_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_uhd_asks_for_a_frequency_and_a_rate),
        cmocka_unit_test(radio_uhd_names_a_device_that_is_not_there),
        cmocka_unit_test(radio_uhd_streams_both_ways_on_one_clock),
        cmocka_unit_test(radio_uhd_streams_two_receive_channels),
        cmocka_unit_test(radio_uhd_recovers_its_place_after_an_underflow),
    };
    return cmocka_run_group_tests(tests, start_device, end_device);
}
