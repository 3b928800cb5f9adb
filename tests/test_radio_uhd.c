/* test_radio_uhd.c - the uhd radio against the software USRP, seen through unmodified libuhd: what it
 * refuses, what it says, that ticks are device time whatever happens, and how it ends. */
#include <math.h>
#include <pthread.h>
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
#include "tests/softusrp_rig.h"

#define ADDRESS "127.0.5.1"
#define SECOND "127.0.5.2"
#define RATE_SPS 1e6
#if PROGRAM_IS_SLOW
#define SLOW "--slow 12"
#else
#define SLOW "--slow 3" /* a busy machine is no reason to fail */
#endif
#define DEVICE_DELAY 40 /* the device's own transmit-to-receive delay, ticks */
/* a leak of 1.0: 20 dBm - 14 dB is the receiver's full scale, 6 dBm */
#define LOUD_AIR "--tags 0 --radio.sim.leak_db -14 --radio.sim.leak_phase_deg 0"
#define TOLERANCE 5e-3 /* 12-bit converter, noise */
#define BLOCK 2048
#define ATTEMPTS 5
#define LEAD_US 20000
#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif

static struct softusrp_rig rig;

/* ---- a radio with its options ---- */

struct opened {
    struct option_set *set;
    struct radio *radio;
    enum status status;
};

struct choice { /* of an option row of the uhd radio */
    const char *key, *text;
};

static struct radio_cfg uhd_cfg_of(void)
{
    struct radio_cfg cfg = {.kind = 3,
                            .rate_sps = RATE_SPS,
                            .freq_hz = 915e6,
                            .tx_gain_db = 60,
                            .rx_gain_db = 30,
                            .n_rx_channels = 1,
                            .tx_lead_us = LEAD_US,
                            .block_hint_us = 100};
    assert_ptr_equal(radio_table[3], &radio_uhd);
    snprintf(cfg.args, sizeof cfg.args, "addr=" ADDRESS);
    return cfg;
}

static struct opened uhd_open(const struct radio_cfg *cfg, const struct choice *choice, size_t n)
{
    struct opened opened = {0};
    char text[32];
    assert_int_equal(option_set_new(radio_uhd.options, 1, &opened.set), ST_OK);
    snprintf(text, sizeof text, "%g", DEVICE_DELAY / RATE_SPS * 1e6);
    assert_int_equal(option_set_text(opened.set, "radio.uhd.delay_us", text, "test"), ST_OK);
    for (size_t k = 0; k < n; k++) {
        assert_int_equal(option_set_text(opened.set, choice[k].key, choice[k].text, "test"), ST_OK);
    }
    opened.status = radio_open(cfg, opened.set, &opened.radio);
    return opened;
}

static void uhd_close(struct opened *opened)
{
    radio_close(&opened->radio);
    option_set_free(&opened->set);
}

/* A device of its own for each attempt: its counts are this one's. */
static bool device_is_there;

static void device_start(const char *more)
{
    if (device_is_there) {
        softusrp_rig_free(&rig);
    }
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " " SLOW " " LOUD_AIR " %s", more);
    device_is_there = true;
}

static int end_device(void **state)
{
    device_is_there = false;
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

/* ---- both ways at once ---- */

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
    enum status ended = radio_send(sender->radio, NULL, 0, 0);
    sender->status = sender->status == ST_STOPPED && ended ? ended : sender->status;
    return NULL;
}

/* What one run over the device showed. */
struct streamed {
    enum status receiving, sending, after_stop;
    char detail[256]; /* why receiving ended */
    int64_t n_ticks, n_gap, n_out_of_place, n_wrong, lead_max_ticks, last_wrong_tick;
    struct radio_counters counters;
};

static void block_judge(const struct iq_block *block, struct streamed *seen)
{
    for (size_t k = 0; k < block->n_samples; k++) {
        const int64_t tick = block->first_tick + (int64_t)k;
        if (fabs(crealf(block->sample[0][k]) - level_at(tick)) > TOLERANCE) {
            seen->n_wrong++;
            seen->last_wrong_tick = tick;
        }
    }
}

/* Receive up to end_tick, or an error; in the middle let `act` do something. */
static struct streamed stream(struct radio *radio, int64_t end_tick,
                              void (*act)(struct radio *radio, int64_t tick))
{
    static float _Complex sample[LIMIT_RX_CHANNELS][BLOCK];
    struct streamed seen = {.lead_max_ticks = INT64_MIN, .last_wrong_tick = -1};
    struct iq_block block = {.capacity_samples = BLOCK,
                             .n_channels = radio_n_rx_channels(radio),
                             .sample = {sample[0], sample[1]}};
    struct sender sender = {.radio = radio};
    pthread_t thread;
    assert_int_equal(radio_start(radio), ST_OK);
    assert_int_equal(pthread_create(&thread, NULL, send_all, &sender), 0);
    while (seen.n_ticks < end_tick) {
        seen.receiving = radio_recv(radio, &block);
        if (seen.receiving) {
            snprintf(seen.detail, sizeof seen.detail, "%s", status_detail());
            break;
        }
        seen.n_gap += block.gap_samples;
        seen.n_out_of_place += block.first_tick != seen.n_ticks + block.gap_samples;
        seen.n_ticks = block.first_tick + (int64_t)block.n_samples;
        block_judge(&block, &seen);
        const int64_t lead = seen.n_ticks - radio_now(radio);
        seen.lead_max_ticks = lead > seen.lead_max_ticks ? lead : seen.lead_max_ticks;
        if (act && seen.n_ticks > end_tick / 2) {
            act(radio, seen.n_ticks);
            act = NULL;
        }
    }
    radio_stop(radio);
    seen.after_stop = radio_recv(radio, &block);
    pthread_join(thread, NULL);
    seen.sending = sender.status;
    seen.counters = radio_counters_read(radio);
    return seen;
}

/* In all, said when there is anything. */
static uint64_t n_disturbed(const struct streamed *seen)
{
    const struct radio_counters *counters = &seen->counters;
    print_message(
        "%llu overflows, %llu underflows, %llu late, %llu lost; %lld ticks wrong, %lld gap\n",
        (unsigned long long)counters->overflows, (unsigned long long)counters->underflows,
        (unsigned long long)counters->late, (unsigned long long)counters->sequence_errors,
        (long long)seen->n_wrong, (long long)seen->n_gap);
    return counters->overflows + counters->underflows + counters->late + counters->sequence_errors;
}

/* The device runs on while the machine may be busy elsewhere: a disturbed stream says so in its
 * counters. An undisturbed one must come within a few tries, and be perfect. */
static void stream_both_ways(int64_t n_rx_channels)
{
    if (UNDER_TSAN) {
        skip();
    }
    struct streamed seen;
    uint64_t n = 1;
    for (int attempt = 0; attempt < ATTEMPTS && n > 0; attempt++) {
        device_start("");
        struct radio_cfg cfg = uhd_cfg_of();
        cfg.n_rx_channels = n_rx_channels;
        struct opened opened = uhd_open(&cfg, NULL, 0);
        assert_int_equal(opened.status, ST_OK);
        assert_true(fabs(radio_rate_sps(opened.radio) - RATE_SPS) < 1);
        assert_false(radio_clocks_are_apart(opened.radio));
        seen = stream(opened.radio, (int64_t)(0.4 * RATE_SPS), NULL);
        assert_int_equal(seen.receiving, ST_OK);
        assert_int_equal(seen.sending, ST_STOPPED);
        assert_int_equal(seen.after_stop, ST_STOPPED);
        assert_int_equal(seen.n_out_of_place, 0);
        uhd_close(&opened);
        n = n_disturbed(&seen);
        assert_true(n > 0 || seen.n_gap == 0); /* nothing is lost in silence */
    }
    assert_int_equal(n, 0);
    assert_int_equal(seen.n_wrong, 0); /* tick n sent is tick n received, sample by sample */
    assert_true(seen.lead_max_ticks <= (int64_t)(1e-3 * RATE_SPS)); /* never ahead of the device */
    const json_t *report = softusrp_rig_stop(&rig);
    assert_int_equal(softusrp_rig_number(report, "devices.0.channels.0.tx.underflows"), 0);
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

/* ---- settings ---- */

static void radio_uhd_asks_for_a_frequency_and_a_rate(void **state)
{
    (void)state;
    struct radio_cfg cfg = uhd_cfg_of();
    cfg.freq_hz = NAN;
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_USAGE);
    assert_non_null(strstr(status_detail(), "radio.freq_hz"));
    uhd_close(&opened);
    static const double bad_sps[] = {NAN, 0, -2e6, INFINITY, 1e30};
    for (size_t k = 0; k < sizeof bad_sps / sizeof *bad_sps; k++) {
        cfg = uhd_cfg_of();
        cfg.rate_sps = bad_sps[k];
        opened = uhd_open(&cfg, NULL, 0);
        assert_int_equal(opened.status, isnan(bad_sps[k]) ? ST_USAGE : ST_RANGE);
        assert_null(opened.radio);
        uhd_close(&opened);
    }
}

static void radio_uhd_names_a_device_that_is_not_there(void **state)
{
    (void)state;
    struct radio_cfg cfg = uhd_cfg_of();
    snprintf(cfg.args, sizeof cfg.args, "type=b200,serial=none");
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "'type=b200,serial=none' (radio.args)"));
    assert_null(opened.radio);
    uhd_close(&opened);
}

static void radio_uhd_refuses_what_the_device_does_not_do(void **state)
{
    (void)state;
    static const struct {
        double tx_gain_db, freq_hz;
        const char *antenna;
        struct choice choice;
        enum status status;
        const char *said[3]; /* what, what was asked, what is accepted */
    } rows[] = {
        {.tx_gain_db = 120, .status = ST_RANGE, .said = {"radio.tx_gain_db", "120", "89.75"}},
        {.freq_hz = 9e9, .status = ST_RANGE, .said = {"radio.freq_hz", "9e+09", "6e+09"}},
        {.antenna = "ANT9", .status = ST_RANGE, .said = {"radio.antenna", "ANT9", "RX2, TX/RX"}},
        {.choice = {"radio.uhd.subdev", "B:7"},
         .status = ST_RANGE,
         .said = {"radio.uhd.rx_subdev", "B:7", "A:0"}},
        {.choice = {"radio.uhd.channels", "0,5"},
         .status = ST_RANGE,
         .said = {"radio.uhd.channels", "5", "2"}},
        {.choice = {"radio.uhd.ref", "gpsdo"},
         .status = ST_RANGE,
         .said = {"clock source", "gpsdo", "internal"}},
        {.choice = {"radio.uhd.lo_offset_hz", "2e6"}, /* a device without a mixer of its own */
         .status = ST_RANGE,
         .said = {"radio.uhd.lo_offset_hz", "2e+06", "9.17e+08"}},
    };
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct radio_cfg cfg = uhd_cfg_of();
        cfg.tx_gain_db = rows[k].tx_gain_db > 0 ? rows[k].tx_gain_db : cfg.tx_gain_db;
        cfg.freq_hz = rows[k].freq_hz > 0 ? rows[k].freq_hz : cfg.freq_hz;
        snprintf(cfg.antenna, sizeof cfg.antenna, "%s", rows[k].antenna ? rows[k].antenna : "");
        struct opened opened = uhd_open(&cfg, &rows[k].choice, rows[k].choice.key ? 1 : 0);
        assert_int_equal(opened.status, rows[k].status);
        assert_null(opened.radio);
        for (size_t s = 0; s < 3; s++) {
            if (!strstr(status_detail(), rows[k].said[s])) {
                print_error("'%s' not in '%s'\n", rows[k].said[s], status_detail());
                fail();
            }
        }
        uhd_close(&opened);
    }
}

static void radio_uhd_wants_the_reference_that_was_asked_for(void **state)
{
    (void)state;
    static const struct choice external = {"radio.uhd.ref", "external"};
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0 --fault no_reference");
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, &external, 1);
    assert_int_equal(opened.status, ST_IO);
    assert_non_null(strstr(status_detail(), "not locked"));
    assert_non_null(strstr(status_detail(), "'external'"));
    uhd_close(&opened);
    opened = uhd_open(&cfg, NULL, 0); /* nobody asked for one */
    assert_int_equal(opened.status, ST_OK);
    uhd_close(&opened);
}

static void radio_uhd_lists_and_describes_what_is_there(void **state)
{
    (void)state;
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0");
    struct radio_listing row[4];
    size_t n = 0;
    assert_int_equal(radio_uhd.list("addr=" ADDRESS, row, 4, &n), ST_OK);
    assert_int_equal(n, 1);
    assert_string_equal(row[0].args, "type=e3xx,addr=" ADDRESS);
    assert_non_null(strstr(row[0].description, "e320"));
    assert_int_equal(radio_uhd.list("type=b200,serial=none", row, 4, &n), ST_OK);
    assert_int_equal(n, 0);
    struct radio_cfg cfg = uhd_cfg_of();
    snprintf(cfg.args, sizeof cfg.args, "type=e3xx,addr=" ADDRESS); /* as listed */
    snprintf(cfg.antenna, sizeof cfg.antenna, "TX/RX");
    struct opened opened = uhd_open(&cfg, NULL, 0);
    struct radio_about about;
    assert_int_equal(opened.status, ST_OK);
    assert_int_equal(radio_describe(opened.radio, &about), ST_OK);
    assert_string_equal(about.model, "e320");
    assert_true(about.serial[0] != '\0');
    assert_string_equal(about.rx_antenna, "TX/RX");
    assert_string_equal(about.tx_antenna, "TX/RX");
    assert_string_equal(about.tx_antennas[0], "TX/RX");
    assert_string_equal(about.tx_antennas[1], "");
    assert_true(about.tx_gain_db == 60 && about.rx_gain_db == 30);
    assert_true(about.tx_gain_min_db == 0 && about.tx_gain_max_db == 89.75);
    assert_true(about.rx_gain_min_db == 0 && about.rx_gain_max_db == 76);
    assert_true(about.rate_sps == RATE_SPS && about.freq_hz == 915e6);
    uhd_close(&opened);
}

static int64_t asked_tick;

static void hop(struct radio *radio, int64_t tick)
{
    struct radio_setting setting = {
        .freq_hz = 916e6, .tx_gain_db = NAN, .rx_gain_db = 20, .rx_antenna = "TX/RX"};
    asked_tick = tick + (int64_t)(0.05 * RATE_SPS);
    assert_int_equal(radio_set(radio, &setting, asked_tick), ST_OK);
    assert_true(radio_now(radio) >= asked_tick); /* it is in force */
    assert_true(radio_freq_hz(radio) == 916e6);
    setting.rx_gain_db = 300;
    assert_int_equal(radio_set(radio, &setting, 0), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.rx_gain_db 300"));
}

/* The device writes down when it was told what. */
static void radio_uhd_sets_at_a_tick(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    static const struct {
        const char *what;
        double value;
    } rows[] = {{"tx_freq", 916e6}, {"rx_freq", 916e6}, {"rx_gain", 20}};
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " " SLOW " " LOUD_AIR);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_OK);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.4 * RATE_SPS), hop);
    assert_int_equal(seen.receiving, ST_OK);
    uhd_close(&opened);
    const json_t *report = softusrp_rig_stop(&rig);
    const double origin_s = softusrp_rig_number(report, "devices.0.channels.0.tx.bursts.0.start_s");
    const json_t *settings = softusrp_rig_value(report, "devices.0.settings");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        size_t k;
        const json_t *setting;
        double at_s = NAN;
        json_array_foreach(settings, k, setting)
        {
            if (strcmp(json_string_value(json_object_get(setting, "what")), rows[r].what) == 0 &&
                json_integer_value(json_object_get(setting, "channel")) == 0 &&
                json_number_value(json_object_get(setting, "value")) == rows[r].value) {
                at_s = json_number_value(json_object_get(setting, "at_s"));
            }
        }
        const double late_s = at_s - origin_s - (double)asked_tick / RATE_SPS;
        assert_true(late_s > -2e-3); /* the host's idea of the device clock */
        assert_true(late_s < 0.1);   /* a few round trips of a slowed device */
    }
}

/* ---- two devices ---- */

static void split_check(bool by_pulse)
{
    static const struct choice choices[] = {{"radio.uhd.rx_args", "addr=" SECOND},
                                            {"radio.uhd.ref", "external"}};
    softusrp_rig_start(&rig,
                       "--device addr=" ADDRESS " --device addr=" SECOND " " SLOW " " LOUD_AIR);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, choices, by_pulse ? 2 : 1);
    if (opened.status) {
        print_error("%s\n", status_detail());
    }
    assert_int_equal(opened.status, ST_OK);
    assert_int_equal(radio_clocks_are_apart(opened.radio), !by_pulse);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.2 * RATE_SPS), NULL);
    assert_int_equal(seen.receiving, ST_OK);
    assert_int_equal(seen.sending, ST_STOPPED);
    assert_int_equal(seen.n_out_of_place, 0);
    uhd_close(&opened);
    const json_t *report = softusrp_rig_stop(&rig);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.samples_on") > 0);
    assert_true(softusrp_rig_number(report, "devices.1.channels.0.rx.samples") > 0);
    assert_int_equal(softusrp_rig_number(report, "devices.0.channels.0.rx.samples"), 0);
    assert_int_equal(softusrp_rig_number(report, "devices.1.channels.0.tx.samples_on"), 0);
    const double apart_s =
        softusrp_rig_number(report, "devices.0.channels.0.tx.bursts.0.start_s") -
        (softusrp_rig_number(report, "devices.1.first_stream_s") + 0.2); /* START_DELAY_S */
    assert_true(fabs(apart_s) < 0.1);
}

static void radio_uhd_splits_over_two_devices(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    split_check(false);
}

static void radio_uhd_splits_over_two_devices_on_one_pulse(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    split_check(true);
}

/* ---- faults ---- */

/* The stream with a fault in its middle.   out  report of the device */
static struct streamed stream_with(const char *fault, const char *silence_s, const json_t **report)
{
    const struct choice silence = {"radio.uhd.silence_s", silence_s};
    char more[64];
    snprintf(more, sizeof more, "--fault %s", fault);
    device_start(more);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, &silence, 1);
    assert_int_equal(opened.status, ST_OK);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.5 * RATE_SPS), NULL);
    uhd_close(&opened);
    *report = softusrp_rig_stop(&rig);
    return seen;
}

static void assert_goes_on(const struct streamed *seen)
{
    assert_int_equal(seen->receiving, ST_OK);
    assert_int_equal(seen->sending, ST_STOPPED);
    assert_int_equal(seen->n_out_of_place, 0);
    assert_true(seen->n_ticks >= (int64_t)(0.5 * RATE_SPS));
}

/* Until one run shows no other trouble than what was injected. */
static struct streamed stream_undisturbed(const char *fault, uint64_t n_expected,
                                          const json_t **report)
{
    struct streamed seen;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        seen = stream_with(fault, "5", report);
        assert_goes_on(&seen);
        assert_true(n_disturbed(&seen) >= n_expected); /* every one of them is counted */
        if (n_disturbed(&seen) == n_expected) {
            return seen;
        }
    }
    fail_msg("never undisturbed with '%s'", fault);
    return seen;
}

/* Losses on the way to the host: counted, the gap is theirs, everything else in its place. */
static void radio_uhd_keeps_its_ticks_when_packets_are_lost(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    struct streamed seen = stream_undisturbed("drop_rx@0.4,n=1", 1, &report);
    assert_int_equal(seen.counters.sequence_errors, 1);
    assert_int_equal(seen.n_gap, 100); /* a packet: 100 us at 1 MS/s */
    assert_int_equal(seen.n_wrong, 0);
    seen = stream_undisturbed("overflow@0.4,n=1", 1, &report);
    assert_int_equal(seen.counters.overflows, 1);
    assert_true(seen.n_gap > 0);
    assert_int_equal(seen.n_wrong, 0);
}

static void radio_uhd_keeps_its_ticks_when_packets_overtake(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    struct streamed seen;
    bool disturbed = true;
    for (int attempt = 0; attempt < ATTEMPTS && disturbed; attempt++) {
        seen = stream_with("reorder_rx@0.4,n=1", "5", &report);
        assert_goes_on(&seen);
        assert_true(seen.counters.sequence_errors >= 1); /* how often, is libuhd's affair */
        disturbed = n_disturbed(&seen) > seen.counters.sequence_errors;
    }
    assert_false(disturbed);
    assert_int_equal(seen.n_wrong, 0);
}

/* Losses on the way to the antenna: counted, and the next burst begins where it belongs. */
static void radio_uhd_recovers_its_place_on_the_air(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    static const struct {
        const char *fault;
        size_t counter; /* that tells of it */
    } rows[] = {
        {"underflow@0.4,n=1", offsetof(struct radio_counters, underflows)},
        {"late,n=1", offsetof(struct radio_counters, late)}, /* the first burst */
        {"drop_tx@0.4,n=1", offsetof(struct radio_counters, sequence_errors)},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const json_t *report;
        const struct streamed seen = stream_undisturbed(rows[k].fault, 1, &report);
        const char *counters = (const char *)&seen.counters;
        uint64_t n = 0;
        memcpy(&n, counters + rows[k].counter, sizeof n);
        assert_int_equal(n, 1);
        assert_true(seen.n_wrong > 0); /* there was no carrier for a while */
        assert_true(seen.n_wrong < (int64_t)(0.05 * RATE_SPS));
        assert_true(seen.last_wrong_tick < (int64_t)(0.4 * RATE_SPS));
    }
}

/* Nothing comes for a third of a second, then everything again. */
static void radio_uhd_survives_a_short_silence(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    const struct streamed seen = stream_with("drop_rx@0.4,n=0,for=0.1", "5", &report);
    assert_goes_on(&seen);
    assert_true(seen.counters.sequence_errors >= 1);
    assert_in_range(seen.n_gap, (int64_t)(0.09 * RATE_SPS), (int64_t)(0.11 * RATE_SPS));
    assert_true(seen.n_wrong == 0 || n_disturbed(&seen) > 1);
}

static void radio_uhd_ends_with_a_device_that_dies(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    const double before_s = program_clock_s();
    const struct streamed seen = stream_with("die@0.4", "0.5", &report);
    assert_true(program_clock_s() - before_s < 15.0); /* libuhd's own good-byes take 20 s more */
    assert_int_equal(seen.receiving, ST_IO);
    assert_non_null(strstr(seen.detail, "dead or unplugged"));
    const double died_s = softusrp_rig_number(report, "devices.0.faults.die.last_s");
    const double last_s = softusrp_rig_number(report, "devices.0.channels.0.tx.last_nonzero_s");
    assert_true(last_s < died_s + LEAD_US * 1e-6 + 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_uhd_asks_for_a_frequency_and_a_rate),
        cmocka_unit_test(radio_uhd_names_a_device_that_is_not_there),
        cmocka_unit_test_teardown(radio_uhd_refuses_what_the_device_does_not_do, end_device),
        cmocka_unit_test_teardown(radio_uhd_wants_the_reference_that_was_asked_for, end_device),
        cmocka_unit_test_teardown(radio_uhd_lists_and_describes_what_is_there, end_device),
        cmocka_unit_test_teardown(radio_uhd_streams_both_ways_on_one_clock, end_device),
        cmocka_unit_test_teardown(radio_uhd_streams_two_receive_channels, end_device),
        cmocka_unit_test_teardown(radio_uhd_sets_at_a_tick, end_device),
        cmocka_unit_test_teardown(radio_uhd_splits_over_two_devices, end_device),
        cmocka_unit_test_teardown(radio_uhd_splits_over_two_devices_on_one_pulse, end_device),
        cmocka_unit_test_teardown(radio_uhd_keeps_its_ticks_when_packets_are_lost, end_device),
        cmocka_unit_test_teardown(radio_uhd_keeps_its_ticks_when_packets_overtake, end_device),
        cmocka_unit_test_teardown(radio_uhd_recovers_its_place_on_the_air, end_device),
        cmocka_unit_test_teardown(radio_uhd_survives_a_short_silence, end_device),
        cmocka_unit_test_teardown(radio_uhd_ends_with_a_device_that_dies, end_device),
    };
    const int n_failed = cmocka_run_group_tests(tests, program_set_up, program_tear_down);
    fflush(NULL);
    return n_failed;
}
