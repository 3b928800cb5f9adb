/* test_softusrp.c - the software USRP through unmodified libuhd: what a device promises about time.
 * The device's clock is slowed, so that a busy machine is no reason to fail. */
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

#include "config/units.h"
#include "tests/softusrp_rig.h"
#include "tests/uhd_host.h"

#define ADDRESS "127.0.1.1"
#define SECOND "127.0.1.2" /* the other device of two on one air */
#define DELAY 40           /* device's own, transmit to receive */
#define AHEAD 60000        /* 30 ms of device time: commands are there by then */
#define PATIENCE_S 10.0
#define SLOW "--slow 10"
/* a leak of 1.0: 20 dBm - 14 dB is the receiver's full scale, 6 dBm */
#define LOUD_AIR "--tags 0 --radio.sim.leak_db -14 --radio.sim.leak_phase_deg 0"
#define NOISE_MAX 5e-3f /* 12-bit converter, half a step of noise */

static struct softusrp_rig rig;
static struct uhd_host host;
static float _Complex heard[UHD_HOST_SAMPLES_MAX], second[UHD_HOST_SAMPLES_MAX];
static float _Complex sent[UHD_HOST_SAMPLES_MAX];

static int set_up(void **state)
{
    (void)state;
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " " SLOW " " LOUD_AIR);
    uhd_host_open(&host, "addr=" ADDRESS);
    uhd_host_streams(&host, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    uhd_host_close(&host);
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

static void fill(float _Complex value, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        sent[k] = value;
    }
}

/* First and last sample above the noise.   ret  their number */
static size_t find_signal(const float _Complex *sample, size_t n, size_t *first, size_t *last)
{
    size_t n_found = 0;
    for (size_t k = 0; k < n; k++) {
        if (cabsf(sample[k]) > NOISE_MAX) {
            *first = n_found == 0 ? k : *first;
            *last = k;
            n_found++;
        }
    }
    return n_found;
}

/* ---- receive ---- */

static void softusrp_receives_from_the_very_tick(void **state)
{
    (void)state;
    const int64_t start = uhd_host_now(&host) + AHEAD;
    uhd_host_start(&host, start, 5000);
    const struct uhd_heard got = uhd_host_collect(&host, heard, NULL, 5000, PATIENCE_S);
    assert_int_equal(got.code, UHD_RX_METADATA_ERROR_CODE_NONE);
    assert_int_equal(got.n_samples, 5000);
    assert_int_equal(got.first_tick, start);
    assert_true(got.end_of_burst);
    assert_int_equal(uhd_host_recv(&host, heard, NULL, 100, 0.1).code,
                     UHD_RX_METADATA_ERROR_CODE_TIMEOUT); /* and not one more */
    float power = 0.0f;
    for (int k = 0; k < 5000; k++) {
        assert_true(cabsf(heard[k]) < NOISE_MAX);
        power += crealf(heard[k] * conjf(heard[k])) / 5000;
    }
    assert_true(power > 1e-9f); /* a receiver is never silent */
    float first = 0.0f;
    for (int k = 0; k < DELAY; k++) {
        first += cabsf(heard[k]);
    }
    assert_true(first > 0.0f); /* also what was on its way before anybody listened */
}

static void softusrp_tells_a_late_receive_command(void **state)
{
    (void)state;
    uhd_host_start(&host, 0, 1000);
    const struct uhd_heard got = uhd_host_recv(&host, heard, NULL, 1000, PATIENCE_S);
    assert_int_equal(got.code, UHD_RX_METADATA_ERROR_CODE_LATE_COMMAND);
    assert_int_equal(got.n_samples, 0);
}

static void softusrp_streams_again_with_new_streamers(void **state)
{
    (void)state;
    for (int k = 0; k < 3; k++) {
        uhd_host_streams(&host, 1);
        uhd_host_start(&host, -1, 3000);
        const struct uhd_heard got = uhd_host_collect(&host, heard, NULL, 3000, PATIENCE_S);
        assert_int_equal(got.code, UHD_RX_METADATA_ERROR_CODE_NONE);
        assert_int_equal(got.n_samples, 3000);
    }
}

/* Nobody takes samples for longer than the host's 100 frames and the device's FIFO last; then the
 * stream goes on, with a gap of whole samples and nothing out of order. */
static void softusrp_overflows_and_goes_on(void **state)
{
    (void)state;
    struct softusrp_rig own;
    struct uhd_host other;
    softusrp_rig_start(&own, "--device addr=127.0.1.7,channels=1 " SLOW " --tags 0");
    uhd_host_open(&other, "addr=127.0.1.7,num_recv_frames=100,recv_buff_size=150000");
    uhd_host_streams(&other, 1);
    uhd_host_start(&other, -1, 0);
    uhd_host_collect(&other, heard, NULL, 2000, PATIENCE_S);
    const int64_t pause_end = uhd_host_now(&other) + 200000;
    while (uhd_host_now(&other) < pause_end) {
        usleep(20000);
    }
    int64_t next = 0, gap = 0;
    int n_overflows = 0;
    for (int n_after = 0, n_calls = 0; n_after < 20; n_calls++) {
        assert_true(n_calls < 2000);
        const struct uhd_heard got = uhd_host_recv(&other, heard, NULL, 1000, 0.1);
        if (got.code == UHD_RX_METADATA_ERROR_CODE_TIMEOUT) {
            continue; /* libuhd tells an overflow when it has waited in vain */
        }
        if (got.code) {
            assert_int_equal(got.code, UHD_RX_METADATA_ERROR_CODE_OVERFLOW);
            assert_false(got.out_of_sequence);
            n_overflows++;
            continue;
        }
        gap = next && got.first_tick != next ? got.first_tick - next : gap;
        next = got.first_tick + (int64_t)got.n_samples;
        n_after += n_overflows > 0;
    }
    uhd_host_stop(&other);
    uhd_host_close(&other);
    assert_true(n_overflows >= 1);
    assert_true(gap > 0);
    const json_t *report = softusrp_rig_stop(&own);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.rx.overflows") == n_overflows);
    softusrp_rig_free(&own);
}

/* ---- transmit ---- */

/* Ten zero samples, then 1990 of a constant, at a time: heard exactly DELAY samples later, with
 * its amplitude, and nothing before or after. */
static void softusrp_transmits_at_the_very_tick_and_then_nothing(void **state)
{
    (void)state;
    const float _Complex level = 0.5f - 0.25f * I;
    fill(level, 2000);
    memset(sent, 0, 10 * sizeof *sent);
    for (int run = 0; run < 2; run++) { /* the second finds nothing of the first */
        const int64_t start = uhd_host_now(&host) + AHEAD;
        uhd_host_start(&host, start - 1000, 6000);
        uhd_host_send(&host, sent, 2000, start, true, true);
        const struct uhd_heard got = uhd_host_collect(&host, heard, NULL, 6000, PATIENCE_S);
        assert_int_equal(got.n_samples, 6000);
        size_t first = 0, last = 0;
        assert_int_equal(find_signal(heard, 6000, &first, &last), 1990);
        assert_int_equal(first, 1000 + 10 + DELAY);
        assert_int_equal(last, 1000 + 1999 + DELAY);
        for (size_t k = first; k <= last; k++) {
            assert_true(cabsf(heard[k] - level) < NOISE_MAX); /* I and Q as sent */
        }
        int64_t tick = 0;
        assert_int_equal(uhd_host_message(&host, PATIENCE_S, &tick),
                         UHD_ASYNC_METADATA_EVENT_CODE_BURST_ACK);
        assert_int_equal(tick, start + 2000);
    }
}

static void softusrp_tells_late_samples_and_sends_none(void **state)
{
    (void)state;
    fill(0.5f, 500);
    uhd_host_start(&host, -1, 20000);
    uhd_host_send(&host, sent, 500, 10, true, true);
    assert_int_equal(uhd_host_message(&host, PATIENCE_S, NULL),
                     UHD_ASYNC_METADATA_EVENT_CODE_TIME_ERROR);
    assert_int_equal(uhd_host_collect(&host, heard, NULL, 20000, PATIENCE_S).n_samples, 20000);
    size_t first, last;
    assert_int_equal(find_signal(heard, 20000, &first, &last), 0);
}

static void softusrp_tells_an_underflow_and_is_silent(void **state)
{
    (void)state;
    fill(0.5f, 2000);
    const int64_t start = uhd_host_now(&host) + AHEAD;
    uhd_host_start(&host, start, 6000);
    uhd_host_send(&host, sent, 2000, start, true, false); /* and never goes on */
    int64_t tick = 0;
    assert_int_equal(uhd_host_message(&host, PATIENCE_S, &tick),
                     UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW);
    assert_int_equal(tick, start + 2000);
    assert_int_equal(uhd_host_collect(&host, heard, NULL, 6000, PATIENCE_S).n_samples, 6000);
    size_t first = 0, last = 0;
    assert_int_equal(find_signal(heard, 6000, &first, &last), 2000);
    assert_int_equal(first, DELAY);
    assert_int_equal(last, DELAY + 1999);
    uhd_host_send(&host, sent, 0, -1, false, true);
    uhd_host_message(&host, PATIENCE_S, NULL);
    const json_t *report = softusrp_rig_report(&rig);
    assert_false(json_is_true(softusrp_rig_value(report, "devices.0.channels.0.tx.burst_open")));
}

/* ---- two channels ---- */

static void softusrp_two_channels_are_aligned(void **state)
{
    (void)state;
    uhd_host_streams(&host, 2);
    fill(0.5f, 1000);
    const int64_t start = uhd_host_now(&host) + AHEAD;
    uhd_host_start(&host, start, 3000);
    uhd_host_send(&host, sent, 1000, start, true, true);
    const struct uhd_heard got = uhd_host_collect(&host, heard, second, 3000, PATIENCE_S);
    assert_int_equal(got.n_samples, 3000);
    assert_int_equal(got.first_tick, start);
    size_t first[2] = {0}, last[2] = {0};
    assert_int_equal(find_signal(heard, 3000, &first[0], &last[0]), 1000);
    assert_int_equal(find_signal(second, 3000, &first[1], &last[1]), 1000);
    assert_int_equal(first[0], DELAY);
    assert_int_equal(first[1], DELAY);
    assert_int_equal(last[0], DELAY + 999);
    assert_int_equal(last[1], DELAY + 999);
    assert_true(memcmp(heard, second, sizeof *heard * 3000) != 0); /* two receivers, two noises */
    while (uhd_host_message(&host, 0.2, NULL)) {
    }
    uhd_host_streams(&host, 1);
}

/* ---- settings ---- */

static float level_of(size_t n)
{
    double power = 0.0;
    for (size_t k = 0; k < n; k++) {
        power += (double)crealf(heard[k] * conjf(heard[k])) / (double)n;
    }
    return (float)sqrt(power);
}

/* Level of a carrier of amplitude 0.1 with the settings in force. */
static double carrier_db(void)
{
    fill(0.1f, 6000);
    const int64_t start = uhd_host_now(&host) + AHEAD;
    uhd_host_start(&host, start + 1000, 4000);
    uhd_host_send(&host, sent, 6000, start, true, true);
    assert_int_equal(uhd_host_collect(&host, heard, NULL, 4000, PATIENCE_S).n_samples, 4000);
    assert_int_equal(uhd_host_message(&host, PATIENCE_S, NULL),
                     UHD_ASYNC_METADATA_EVENT_CODE_BURST_ACK);
    return 20.0 * log10((double)level_of(4000));
}

static void softusrp_gains_and_antenna_act(void **state)
{
    (void)state;
    assert_true(fabs(carrier_db() - -20.0) < 0.1);
    uhd_ok(uhd_usrp_set_tx_gain(host.usrp, 70, 0, ""));
    assert_true(fabs(carrier_db() - -10.0) < 0.1);
    uhd_ok(uhd_usrp_set_rx_gain(host.usrp, 22, 0, ""));
    assert_true(fabs(carrier_db() - -18.0) < 0.1);
    uhd_ok(uhd_usrp_set_rx_antenna(host.usrp, "TX/RX", 0)); /* where no antenna is */
    assert_true(fabs(carrier_db() - -58.0) < 1.0);
    uhd_ok(uhd_usrp_set_rx_antenna(host.usrp, "RX2", 0));
    uhd_ok(uhd_usrp_set_rx_gain(host.usrp, 40, 0, ""));
    assert_true(fabs(carrier_db() - 0.0) < 0.1); /* amplitude 1: just below clipping */
    uhd_ok(uhd_usrp_set_rx_gain(host.usrp, 60, 0, ""));
    assert_true(carrier_db() < 0.1); /* and clipped */
    uhd_ok(uhd_usrp_set_rx_gain(host.usrp, 30, 0, ""));
    uhd_ok(uhd_usrp_set_tx_gain(host.usrp, 60, 0, ""));
}

static void tune_rx(double freq_hz)
{
    uhd_tune_request_t request = {.target_freq = freq_hz,
                                  .rf_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO,
                                  .dsp_freq_policy = UHD_TUNE_REQUEST_POLICY_AUTO};
    uhd_tune_result_t result;
    uhd_ok(uhd_usrp_set_rx_freq(host.usrp, &request, 0, &result));
}

/* Frequency of a tone from its turn over the samples. */
static double tone_hz(const float _Complex *sample, size_t n)
{
    double turned = 0.0;
    for (size_t k = 1; k < n; k++) {
        turned += (double)cargf(sample[k] * conjf(sample[k - 1]));
    }
    return turned / (double)(n - 1) / (2.0 * UNITS_PI) * UHD_HOST_RATE_SPS;
}

static void softusrp_frequency_acts(void **state)
{
    (void)state;
    tune_rx(UHD_HOST_FREQ_HZ + 150e3);
    carrier_db();
    assert_true(fabs(tone_hz(heard, 4000) - -150e3) < 50.0);
    tune_rx(UHD_HOST_FREQ_HZ + 1.5e6); /* beyond half the rate */
    assert_true(carrier_db() < -60.0);
    tune_rx(UHD_HOST_FREQ_HZ);
    assert_true(fabs(carrier_db() - -20.0) < 0.1);
}

static void softusrp_records_what_was_set(void **state)
{
    (void)state;
    uhd_ok(uhd_usrp_set_tx_gain(host.usrp, 33.25, 0, ""));
    uhd_ok(uhd_usrp_set_tx_gain(host.usrp, 60, 0, ""));
    const json_t *settings = softusrp_rig_value(softusrp_rig_report(&rig), "devices.0.settings");
    const json_t *row = json_array_get(settings, json_array_size(settings) - 2);
    assert_string_equal(json_string_value(json_object_get(row, "what")), "tx_gain");
    assert_true(json_number_value(json_object_get(row, "value")) == 33.25);
    assert_true(json_number_value(json_object_get(row, "time_s")) > 0.0);
}

static bool sensor_is(bool is_board, const char *name)
{
    uhd_sensor_value_handle value = NULL;
    bool truth = false;
    uhd_ok(uhd_sensor_value_make(&value));
    uhd_ok(is_board ? uhd_usrp_get_mboard_sensor(host.usrp, name, 0, &value)
                    : uhd_usrp_get_rx_sensor(host.usrp, name, 0, &value));
    uhd_ok(uhd_sensor_value_to_bool(value, &truth));
    uhd_sensor_value_free(&value);
    return truth;
}

static void softusrp_says_what_it_is(void **state)
{
    (void)state;
    assert_true(sensor_is(true, "ref_locked"));
    assert_true(sensor_is(false, "lo_locked"));
    uhd_string_vector_handle names = NULL;
    char antenna[2][16];
    size_t n = 0;
    uhd_ok(uhd_string_vector_make(&names));
    uhd_ok(uhd_usrp_get_rx_antennas(host.usrp, 0, &names));
    uhd_ok(uhd_string_vector_size(names, &n));
    assert_int_equal(n, 2);
    for (size_t k = 0; k < 2; k++) {
        uhd_ok(uhd_string_vector_at(names, k, antenna[k], sizeof antenna[k]));
    }
    assert_string_equal(antenna[0], "RX2");
    assert_string_equal(antenna[1], "TX/RX");
    uhd_string_vector_free(&names);
    uhd_meta_range_handle range = NULL;
    double least = -1, most = -1, freq_hz = 0;
    uhd_ok(uhd_meta_range_make(&range));
    uhd_ok(uhd_usrp_get_rx_gain_range(host.usrp, "", 0, range));
    uhd_ok(uhd_meta_range_start(range, &least));
    uhd_ok(uhd_meta_range_stop(range, &most));
    uhd_meta_range_free(&range);
    assert_true(least == 0.0);
    assert_true(most == 76.0);
    uhd_ok(uhd_usrp_get_rx_freq(host.usrp, 0, &freq_hz));
    assert_true(fabs(freq_hz - UHD_HOST_FREQ_HZ) < 1.0);
    size_t n_rx = 0;
    uhd_ok(uhd_usrp_get_rx_num_channels(host.usrp, &n_rx));
    assert_int_equal(n_rx, 2); /* A:0 and A:1 */
}

/* ---- time ---- */

static void softusrp_commands_wait_for_their_time(void **state)
{
    (void)state;
    const int64_t due = uhd_host_now(&host) + 60000; /* 30 ms */
    uint32_t value = 0;
    uhd_ok(uhd_usrp_set_command_time(host.usrp, 0, (double)due / UHD_HOST_RATE_SPS, 0));
    uhd_ok(uhd_usrp_set_rx_antenna(host.usrp, "TX/RX", 0));
    uhd_ok(uhd_usrp_clear_command_time(host.usrp, 0));
    uhd_ok(uhd_usrp_get_gpio_attr(host.usrp, "FP0", "READBACK", 0, &value));
    assert_true(uhd_host_now(&host) >= due); /* what comes after it waits too */
    uhd_ok(uhd_usrp_set_rx_antenna(host.usrp, "RX2", 0));
    uhd_ok(uhd_usrp_get_gpio_attr(host.usrp, "FP0", "READBACK", 0, &value)); /* it is there */
    const json_t *settings = softusrp_rig_value(softusrp_rig_report(&rig), "devices.0.settings");
    const json_t *row = json_array_get(settings, json_array_size(settings) - 2);
    assert_string_equal(json_string_value(json_object_get(row, "text")), "TX/RX");
    const double late_s =
        json_number_value(json_object_get(row, "time_s")) - (double)due / UHD_HOST_RATE_SPS;
    assert_true(late_s >= 0.0);
    assert_true(late_s < 1e-6); /* at its tick, whatever the host does */
}

/* ---- programs of their own ---- */

/* A program of its own, not slowed: a second of device time is waited for. */
static void softusrp_sets_its_time_at_the_pulse(void **state)
{
    (void)state;
    struct softusrp_rig fast;
    struct uhd_host other;
    softusrp_rig_start(&fast, "--device addr=127.0.1.3 --slow 0.5 --tags 0");
    uhd_host_open(&other, "addr=127.0.1.3");
    int64_t full_s = 0;
    double frac_s = -1;
    uhd_ok(uhd_usrp_set_time_next_pps(other.usrp, 100, 0.0, 0));
    assert_true(uhd_host_now(&other) < (int64_t)(50 * UHD_HOST_RATE_SPS)); /* not before it */
    while (uhd_host_now(&other) < (int64_t)(100 * UHD_HOST_RATE_SPS)) {
        usleep(10000);
    }
    uhd_ok(uhd_usrp_get_time_last_pps(other.usrp, 0, &full_s, &frac_s));
    assert_true(full_s >= 100);
    assert_true(fabs(frac_s) < 1e-6);
    uhd_host_close(&other);
    softusrp_rig_stop(&fast);
    softusrp_rig_free(&fast);
}

/* Two devices on one air, the second 100 ppm fast: its tone is heard by the first 100 ppm of the
 * carrier beside it, its burst 100 ppm shorter, and clean. */
static void softusrp_two_devices_share_one_air(void **state)
{
    (void)state;
    struct softusrp_rig pair;
    struct uhd_host near, far;
    softusrp_rig_start(&pair, "--device addr=127.0.1.4 --device addr=127.0.1.5,ppm=100 " SLOW
                              " " LOUD_AIR);
    uhd_host_open(&near, "addr=127.0.1.4");
    uhd_host_open(&far, "addr=127.0.1.5");
    uhd_host_streams(&near, 1);
    uhd_host_streams(&far, 1);
    enum { N = 40000 };
    fill(0.5f, N);
    uhd_host_start(&near, uhd_host_now(&near) + AHEAD, N + 40000);
    uhd_host_send(&far, sent, N, uhd_host_now(&far) + AHEAD + 20000, true, true);
    const struct uhd_heard got = uhd_host_collect(&near, heard, NULL, 65536, PATIENCE_S);
    assert_int_equal(got.n_samples, 65536);
    size_t first = 0, last = 0;
    for (size_t k = 0; k < 65536; k++) {
        if (cabsf(heard[k]) > 0.25f) {
            first = first ? first : k;
            last = k;
        }
    }
    assert_in_range(first, 15000, 25000);
    assert_true(fabs((double)(last - first + 1) - N / (1.0 + 100e-6)) <= 2.0);
    const double hz = tone_hz(heard + first + 100, last - first - 200);
    assert_true(fabs(hz - 100e-6 * UHD_HOST_FREQ_HZ) < 20.0);
    for (size_t k = first + 100; k < last - 100; k++) {
        assert_true(fabsf(cabsf(heard[k]) - 0.5f) < NOISE_MAX);
    }
    uhd_host_close(&near);
    uhd_host_close(&far);
    softusrp_rig_stop(&pair);
    softusrp_rig_free(&pair);
}

/* Packets of at most 100 samples: by the frame sizes asked for. */
static void softusrp_packets_can_be_short(void **state)
{
    (void)state;
    struct softusrp_rig own;
    struct uhd_host other;
    size_t n_rx = 0, n_tx = 0;
    softusrp_rig_start(&own, "--device addr=127.0.1.6,channels=1 " SLOW " --tags 0");
    uhd_host_open(&other, "addr=127.0.1.6,recv_frame_size=416,send_frame_size=416");
    uhd_host_streams(&other, 1);
    uhd_ok(uhd_rx_streamer_max_num_samps(other.rx, &n_rx));
    uhd_ok(uhd_tx_streamer_max_num_samps(other.tx, &n_tx));
    assert_int_equal(n_rx, 100);
    assert_int_equal(n_tx, 100);
    uhd_host_start(&other, -1, 5000);
    assert_int_equal(uhd_host_collect(&other, heard, NULL, 5000, PATIENCE_S).n_samples, 5000);
    uhd_host_close(&other);
    const json_t *report = softusrp_rig_stop(&own);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.rx.packets") == 50.0);
    softusrp_rig_free(&own);
}

static void softusrp_refuses_what_it_cannot_be(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"--device addr=10.0.0.1", "127.0.0.1"},
                                         {"--device ppm=300", "-200..200"},
                                         {"--device channels=3", "1, 2"},
                                         {"--device colour=red", "addr, ppm"},
                                         {"--fault burn@1", "drop_rx"},
                                         {"--slow 0", "0.01..1000"},
                                         {"--radio.sim.tags -1", "radio.sim.n_tags"},
                                         {"--device addr=" ADDRESS, "49153"}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        struct program program;
        program_start(&program, PROGRAM_SOFTUSRP, bad[k][0]);
        program_wait(&program, PATIENCE_S);
        assert_in_range(program.exit_status, 1, 2);
        if (!strstr(program.err, bad[k][1])) {
            fail_msg("%s: '%s' does not name '%s'", bad[k][0], program.err, bad[k][1]);
        }
        program_free(&program);
    }
}

int main(void)
{
#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
    return 0;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softusrp_receives_from_the_very_tick),
        cmocka_unit_test(softusrp_tells_a_late_receive_command),
        cmocka_unit_test(softusrp_streams_again_with_new_streamers),
        cmocka_unit_test(softusrp_overflows_and_goes_on),
        cmocka_unit_test(softusrp_transmits_at_the_very_tick_and_then_nothing),
        cmocka_unit_test(softusrp_tells_late_samples_and_sends_none),
        cmocka_unit_test(softusrp_tells_an_underflow_and_is_silent),
        cmocka_unit_test(softusrp_two_channels_are_aligned),
        cmocka_unit_test(softusrp_gains_and_antenna_act),
        cmocka_unit_test(softusrp_frequency_acts),
        cmocka_unit_test(softusrp_records_what_was_set),
        cmocka_unit_test(softusrp_says_what_it_is),
        cmocka_unit_test(softusrp_commands_wait_for_their_time),
        cmocka_unit_test(softusrp_sets_its_time_at_the_pulse),
        cmocka_unit_test(softusrp_two_devices_share_one_air),
        cmocka_unit_test(softusrp_packets_can_be_short),
        cmocka_unit_test(softusrp_refuses_what_it_cannot_be),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
