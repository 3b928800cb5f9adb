/* test_softusrp_faults.c - what goes wrong on purpose, as stock libuhd sees it: every fault is counted
 * as often as it was asked for, and has its effect. Each test runs a program of its own. */
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

#include "tests/softusrp_rig.h"
#include "tests/uhd_host.h"

#define PATIENCE_S 10.0
#define AIR "--slow 10 --tags 0 --radio.sim.leak_db -14 --radio.sim.leak_phase_deg 0"
#define AHEAD 60000
#define N 40000 /* 20 ms */
#define STEP 200
/* more than the device's FIFO holds: libuhd looks for its errors only when it waits for credit */
#define N_LONG 160000

static struct softusrp_rig rig;
static struct uhd_host host;
static float _Complex heard[UHD_HOST_SAMPLES_MAX], sent[UHD_HOST_SAMPLES_MAX];

static int set_up(void **state)
{
    (void)state;
    for (size_t k = 0; k < UHD_HOST_SAMPLES_MAX; k++) {
        sent[k] = 0.5f;
    }
    return 0;
}

/* libuhd waits ten seconds for a device that is gone, whatever its connection says: such a handle is
 * left to the end of the process. */
static void abandon(void)
{
    host = (struct uhd_host){0};
}

static int tear_down(void **state)
{
    uhd_host_close(&host);
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

static void begin(const char *address, const char *faults)
{
    char args[32];
    snprintf(args, sizeof args, "addr=%s", address);
    softusrp_rig_start(&rig, "--device %s,channels=1 " AIR " %s", args, faults);
    uhd_host_open(&host, args);
    uhd_host_streams(&host, 1);
}

static const json_t *end(void)
{
    uhd_host_close(&host);
    return softusrp_rig_stop(&rig);
}

struct stream { /* what a receive stream of N samples showed */
    size_t n_samples;
    int n_sequence_errors, n_overflows, n_others, n_gaps, n_backwards;
    int64_t gap_ticks;
};

/* Receive until `n` samples came or nothing comes any more. libuhd tells an overflow only when it
 * has waited for samples in vain: so it waits shortly, and often. */
static struct stream receive(size_t n, double timeout_s)
{
    struct stream seen = {0};
    int64_t next = -1;
    double waited_s = 0;
    while (seen.n_samples < n && waited_s < timeout_s) {
        const struct uhd_heard got = uhd_host_recv(&host, heard, NULL, 2000, 0.1);
        if (got.code == UHD_RX_METADATA_ERROR_CODE_TIMEOUT) {
            waited_s += 0.1;
            continue;
        }
        waited_s = 0;
        if (got.code) {
            const bool is_overflow = got.code == UHD_RX_METADATA_ERROR_CODE_OVERFLOW;
            seen.n_sequence_errors += is_overflow && got.out_of_sequence;
            seen.n_overflows += is_overflow && !got.out_of_sequence;
            seen.n_others += !is_overflow;
            continue;
        }
        seen.n_gaps += next >= 0 && got.first_tick > next;
        seen.n_backwards += next >= 0 && got.first_tick < next;
        seen.gap_ticks += next >= 0 ? got.first_tick - next : 0;
        next = got.first_tick + (int64_t)got.n_samples;
        seen.n_samples += got.n_samples;
    }
    return seen;
}

/* A burst of n samples in short packets, at a time ahead. */
static void send_burst(size_t n)
{
    const int64_t start = uhd_host_now(&host) + AHEAD;
    for (size_t done = 0; done < n; done += STEP) {
        uhd_host_send(&host, sent, STEP, done == 0 ? start : -1, done == 0, done + STEP >= n);
    }
}

struct messages {
    int n_acks, n_underflows, n_late, n_sequence_errors, n_others;
};

/* All messages up to `n_acks` acknowledged bursts, or until none comes any more. */
static struct messages await_messages(int n_acks, double timeout_s)
{
    struct messages seen = {0};
    uhd_async_metadata_event_code_t event;
    while (seen.n_acks < n_acks && (event = uhd_host_message(&host, timeout_s, NULL))) {
        switch (event) {
        case UHD_ASYNC_METADATA_EVENT_CODE_BURST_ACK: seen.n_acks++; break;
        case UHD_ASYNC_METADATA_EVENT_CODE_UNDERFLOW: seen.n_underflows++; break;
        case UHD_ASYNC_METADATA_EVENT_CODE_TIME_ERROR: seen.n_late++; break;
        case UHD_ASYNC_METADATA_EVENT_CODE_SEQ_ERROR: seen.n_sequence_errors++; break;
        default: seen.n_others++; break;
        }
    }
    return seen;
}

/* ---- receive packets ---- */

static void softusrp_faults_drop_receive_packets(void **state)
{
    (void)state;
    begin("127.0.1.21", "--fault drop_rx@0.005,n=3");
    uhd_host_start(&host, -1, 0);
    const struct stream seen = receive(N, PATIENCE_S);
    uhd_host_stop(&host);
    const json_t *report = end();
    assert_true(softusrp_rig_injected(report, 0, "drop_rx") == 3.0);
    assert_int_equal(seen.n_sequence_errors, 1); /* three in a row are one gap */
    assert_int_equal(seen.n_gaps, 1);
    assert_true(seen.gap_ticks >= 3 * 300);
    assert_int_equal(seen.n_overflows + seen.n_others, 0);
}

static void softusrp_faults_delay_receive_packets(void **state)
{
    (void)state;
    begin("127.0.1.22", "--fault delay_rx@0,n=0,ms=30,for=10");
    const int64_t start = uhd_host_now(&host) + AHEAD;
    uhd_host_start(&host, start, 2000);
    const struct stream seen = receive(2000, PATIENCE_S);
    const int64_t late = uhd_host_now(&host) - (start + 2000);
    const json_t *report = end();
    assert_int_equal(seen.n_samples, 2000);
    assert_int_equal(seen.n_gaps + seen.n_backwards + seen.n_sequence_errors, 0);
    assert_true(late >= (int64_t)(0.030 * UHD_HOST_RATE_SPS)); /* the last packet is due then */
    assert_true(softusrp_rig_injected(report, 0, "delay_rx") ==
                softusrp_rig_number(report, "devices.0.channels.0.rx.packets"));
}

static void softusrp_faults_reorder_receive_packets(void **state)
{
    (void)state;
    begin("127.0.1.23", "--fault reorder_rx@0.005,n=1");
    uhd_host_start(&host, -1, 0);
    const struct stream seen = receive(N, PATIENCE_S);
    uhd_host_stop(&host);
    assert_true(softusrp_rig_injected(end(), 0, "reorder_rx") == 1.0);
    assert_true(seen.n_sequence_errors >= 1);
    assert_int_equal(seen.n_overflows + seen.n_others, 0);
}

static void softusrp_faults_overflow(void **state)
{
    (void)state;
    begin("127.0.1.24", "--fault overflow@0.005,n=1,every=0.1");
    uhd_host_start(&host, -1, 0);
    const struct stream seen = receive(3 * N, PATIENCE_S);
    uhd_host_stop(&host);
    const json_t *report = end();
    const double n = softusrp_rig_injected(report, 0, "overflow");
    assert_true(n >= 2.0);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.rx.overflows") == n);
    assert_true(seen.n_overflows >= 2);
    assert_true(seen.n_overflows <= (int)n);
    assert_int_equal(seen.n_sequence_errors + seen.n_others + seen.n_backwards, 0);
}

/* ---- transmit packets ---- */

static void softusrp_faults_drop_transmit_packets(void **state)
{
    (void)state;
    begin("127.0.1.25", "--fault drop_tx@0,n=2");
    send_burst(N_LONG); /* the first packet starts the clock of the faults */
    const struct messages seen = await_messages(1, PATIENCE_S);
    const json_t *report = end();
    assert_true(softusrp_rig_injected(report, 0, "drop_tx") == 2.0);
    assert_int_equal(seen.n_sequence_errors, 1);
    assert_int_equal(seen.n_acks, 1);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.samples_on") ==
                N_LONG - 2 * STEP);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx_sequence_errors") == 1.0);
}

static void softusrp_faults_delay_transmit_packets(void **state)
{
    (void)state;
    begin("127.0.1.26", "--fault delay_tx@0,n=0,ms=40,for=10");
    uhd_host_send(&host, sent, 200, uhd_host_now(&host) + AHEAD, true, true); /* 30 ms ahead */
    const struct messages first = await_messages(1, PATIENCE_S);
    uhd_host_send(&host, sent, 200, uhd_host_now(&host) + AHEAD, true, true);
    const struct messages seen = await_messages(1, 1.0);
    const json_t *report = end();
    assert_int_equal(first.n_acks + seen.n_acks, 1); /* the first one started the faults' clock */
    assert_int_equal(first.n_late + seen.n_late, 1); /* 40 ms of delay are more than 30 ms ahead */
    assert_true(softusrp_rig_injected(report, 0, "delay_tx") == 1.0);
}

static void softusrp_faults_reorder_transmit_packets(void **state)
{
    (void)state;
    begin("127.0.1.27", "--fault reorder_tx@0,n=1");
    send_burst(N_LONG);
    const struct messages seen = await_messages(1, PATIENCE_S);
    const json_t *report = end();
    assert_true(softusrp_rig_injected(report, 0, "reorder_tx") == 1.0);
    assert_true(seen.n_sequence_errors >= 1);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.samples_on") ==
                N_LONG); /* none lost */
}

static void softusrp_faults_underflow(void **state)
{
    (void)state;
    begin("127.0.1.28", "--fault underflow@0.035,n=1"); /* inside the burst, 30 to 50 ms */
    send_burst(N);
    const struct messages seen = await_messages(1, PATIENCE_S);
    const json_t *report = end();
    assert_true(softusrp_rig_injected(report, 0, "underflow") == 1.0);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.underflows") == 1.0);
    assert_int_equal(seen.n_underflows, 1);
}

static void softusrp_faults_late(void **state)
{
    (void)state;
    begin("127.0.1.29", "--fault late@0,n=1");
    send_burst(N);
    send_burst(N);
    const struct messages seen = await_messages(1, PATIENCE_S);
    const json_t *report = end();
    assert_true(softusrp_rig_injected(report, 0, "late") == 1.0);
    assert_int_equal(seen.n_late, 1);
    assert_int_equal(seen.n_acks, 1); /* the second is sent */
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.samples_on") == N);
}

/* ---- devices that fail ---- */

static size_t n_found(const char *args)
{
    uhd_string_vector_handle list = NULL;
    size_t n = 99;
    uhd_ok(uhd_string_vector_make(&list));
    uhd_ok(uhd_usrp_find(args, &list));
    uhd_ok(uhd_string_vector_size(list, &n));
    uhd_string_vector_free(&list);
    return n;
}

/* What it was still told to send it sends, and no more. */
static void softusrp_faults_die(void **state)
{
    (void)state;
    begin("127.0.1.30", "--fault die@0.045");
    assert_int_equal(n_found("addr=127.0.1.30"), 1);
    uhd_host_start(&host, -1, 0);
    uhd_host_send(&host, sent, N, uhd_host_now(&host) + AHEAD, true, false); /* 30 to 50 ms */
    const struct stream seen = receive(10 * N, 0.5);
    assert_true(seen.n_samples > 10000);
    assert_true(seen.n_samples < 3 * N); /* and then nothing */
    const json_t *report = softusrp_rig_report(&rig);
    assert_true(softusrp_rig_injected(report, 0, "die") == 1.0);
    assert_true(json_is_true(softusrp_rig_value(report, "devices.0.dead")));
    assert_false(json_is_true(softusrp_rig_value(report, "devices.0.channels.0.tx.burst_open")));
    const double died_s = softusrp_rig_number(report, "devices.0.faults.die.last_s");
    const double last_s = softusrp_rig_number(report, "devices.0.channels.0.tx.last_nonzero_s");
    assert_true(last_s > died_s); /* the FIFO plays out */
    assert_true(last_s - died_s < 0.02);
    const char *const ending =
        json_string_value(softusrp_rig_value(report, "devices.0.channels.0.tx.bursts.0.ending"));
    assert_string_equal(ending, "underflow");
    assert_int_equal(n_found("addr=127.0.1.30"), 0);
    abandon();
}

/* After `back` it can be found and opened anew; what was set is gone. */
static void softusrp_faults_come_back(void **state)
{
    (void)state;
    begin("127.0.1.31", "--fault die@0.01,back=0.3");
    uhd_host_start(&host, -1, 0);
    receive(10 * N, 0.5);
    double waited_s = 0;
    for (; waited_s < 20.0; waited_s += 0.1) {
        if (!json_is_true(softusrp_rig_value(softusrp_rig_report(&rig), "devices.0.dead"))) {
            break;
        }
        usleep(100000);
    }
    abandon();
    struct program other; /* in this process libuhd would give the old device again */
    program_start(&other, ZP_BUILD_DIR "/tests/test_softusrp_faults", "addr=127.0.1.31");
    program_wait(&other, 20.0);
    program_succeeded(&other);
    program_free(&other);
    assert_true(softusrp_rig_injected(softusrp_rig_stop(&rig), 0, "die") == 1.0);
}

static void softusrp_faults_reset(void **state)
{
    (void)state;
    begin("127.0.1.32", "--fault reset@0.045");
    uhd_host_start(&host, -1, 0);
    uhd_host_send(&host, sent, N, uhd_host_now(&host) + AHEAD, true, false); /* 30 to 50 ms */
    const struct stream seen = receive(10 * N, 0.5);
    assert_true(seen.n_samples < 3 * N);
    const json_t *report = softusrp_rig_report(&rig);
    assert_true(softusrp_rig_injected(report, 0, "reset") == 1.0);
    const double reset_s = softusrp_rig_number(report, "devices.0.faults.reset.last_s");
    const double last_s = softusrp_rig_number(report, "devices.0.channels.0.tx.last_nonzero_s");
    assert_true(last_s <= reset_s); /* the FIFO is gone too */
    assert_string_equal(
        json_string_value(softusrp_rig_value(report, "devices.0.channels.0.tx.bursts.0.ending")),
        "reset");
}

/* ---- control and sensors ---- */

static void softusrp_faults_slow_control(void **state)
{
    (void)state;
    begin("127.0.1.33", "--fault slow_control@0,ms=25");
    uhd_host_start(&host, -1, 1000); /* the faults' clock starts */
    receive(1000, PATIENCE_S);
    uint32_t value = 0;
    const int64_t before = uhd_host_now(&host);
    for (int k = 0; k < 4; k++) {
        uhd_ok(uhd_usrp_get_gpio_attr(host.usrp, "FP0", "READBACK", 0, &value));
    }
    const int64_t passed = uhd_host_now(&host) - before;
    assert_true(passed >= (int64_t)(4 * 0.025 * UHD_HOST_RATE_SPS));
    assert_true(softusrp_rig_injected(end(), 0, "slow_control") >= 4.0);
}

static void softusrp_faults_no_reference(void **state)
{
    (void)state;
    begin("127.0.1.34", "--fault no_reference");
    static const char *const sources[] = {"internal", "external"};
    for (int k = 0; k < 2; k++) {
        uhd_sensor_value_handle value = NULL;
        bool is_locked = false;
        uhd_ok(uhd_usrp_set_clock_source(host.usrp, sources[k], 0));
        uhd_ok(uhd_sensor_value_make(&value));
        uhd_ok(uhd_usrp_get_mboard_sensor(host.usrp, "ref_locked", 0, &value));
        uhd_ok(uhd_sensor_value_to_bool(value, &is_locked));
        uhd_sensor_value_free(&value);
        assert_int_equal(is_locked, k == 0);
    }
    assert_true(softusrp_rig_injected(end(), 0, "no_reference") == 1.0);
}

/* A session of its own.   ret  exit status */
static int receive_some(const char *args)
{
    uhd_host_open(&host, args);
    uhd_host_streams(&host, 1);
    uhd_host_start(&host, -1, 3000);
    const size_t n = receive(3000, PATIENCE_S).n_samples;
    uhd_host_close(&host);
    return n == 3000 ? 0 : 1;
}

#define FAULT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv)
{
#ifdef __SANITIZE_THREAD__ /* libuhd's own threads are not instrumented: its locks are not seen */
    (void)argv;
    return 0;
#endif
    if (argc == 2) {
        return receive_some(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        FAULT_TEST(softusrp_faults_drop_receive_packets),
        FAULT_TEST(softusrp_faults_delay_receive_packets),
        FAULT_TEST(softusrp_faults_reorder_receive_packets),
        FAULT_TEST(softusrp_faults_overflow),
        FAULT_TEST(softusrp_faults_drop_transmit_packets),
        FAULT_TEST(softusrp_faults_delay_transmit_packets),
        FAULT_TEST(softusrp_faults_reorder_transmit_packets),
        FAULT_TEST(softusrp_faults_underflow),
        FAULT_TEST(softusrp_faults_late),
        FAULT_TEST(softusrp_faults_die),
        FAULT_TEST(softusrp_faults_come_back),
        FAULT_TEST(softusrp_faults_reset),
        FAULT_TEST(softusrp_faults_slow_control),
        FAULT_TEST(softusrp_faults_no_reference),
    };
    const int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    fflush(NULL);
    _exit(n_failed); /* without waiting for what was abandoned */
}
