/* test_program_uhd.c - `zpreader inventory --radio uhd` over the software USRP and unmodified libuhd:
 * tags are read, and every fault is survived or ends the run with the right message. The device's
 * clock is slowed, so that a busy machine is no reason to fail. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/softusrp_rig.h"

#define ADDRESS "127.0.6.1"
#define SEED 7
#define LEAD_US 250
#define ATTEMPTS 4

static struct softusrp_rig rig;

struct ran { /* one inventory over one device */
    struct program program;
    const json_t *report; /* of the device, after the run */
    json_t *events;
    const json_t *summary;
};

/* FM0 40 kHz, packets of at most 2 Tpri, 1 MS/s (25 samples a Tpri). */
static void run(struct ran *ran, int n_tags, double slow, double duration_s, const char *device,
                const char *reader)
{
    softusrp_rig_start(&rig,
                       "--device addr=" ADDRESS " --stall 200 --slow %g --tags %d --seed %d%s%s",
                       slow, n_tags, SEED, *device ? " " : "", device);
    program_run(&ran->program,
                "inventory --radio uhd --args addr=" ADDRESS
                " --radio.region lab --freq 915M --rate 1M --tx-gain 60 --rx-gain 30 "
                "--radio.tx_lead_us %d --radio.uhd.delay_us 40 --publish.zmq.enabled=false --json "
                "--duration %g%s%s",
                LEAD_US, duration_s, *reader ? " " : "", reader);
    ran->report = softusrp_rig_stop(&rig);
    ran->events = program_events(&ran->program);
    ran->summary = NULL;
    size_t k;
    const json_t *event;
    json_array_foreach(ran->events, k, event)
    {
        ran->summary = program_event_is(event, "summary") ? event : ran->summary;
    }
}

static void run_free(struct ran *ran)
{
    json_decref(ran->events);
    program_free(&ran->program);
    softusrp_rig_free(&rig);
}

static double device_count(const struct ran *ran, const char *what)
{
    char path[96];
    snprintf(path, sizeof path, "devices.0.channels.0.%s", what);
    return softusrp_rig_number(ran->report, path);
}

/* The reader tells what the device knows to have happened: neither more nor less. */
static void assert_counts_agree(const struct ran *ran)
{
    assert_non_null(ran->summary);
    assert_true(program_number(ran->summary, "underflows") == device_count(ran, "tx.underflows"));
    assert_true(program_number(ran->summary, "overflows") >= device_count(ran, "rx.overflows"));
    assert_true(program_number(ran->summary, "late") >= device_count(ran, "tx.late"));
}

/* What was read belongs to tags that are there. */
static void assert_reads_are_true(const struct ran *ran, int n_tags)
{
    struct program_epcs read, truth;
    program_epcs_read(ran->events, &read);
    program_epcs_truth(n_tags, SEED, &truth);
    assert_true(read.n > 0);
    for (size_t k = 0, t = 0; k < read.n; k++) {
        while (t < truth.n && strcmp(truth.epc[t], read.epc[k]) < 0) {
            t++;
        }
        assert_true(t < truth.n);
        assert_string_equal(truth.epc[t], read.epc[k]);
    }
}

/* What the tags heard after T2 had passed. */
static double late_acks(const struct ran *ran)
{
    double n = 0;
    size_t k;
    const json_t *tag;
    json_array_foreach(softusrp_rig_value(ran->report, "tags"), k, tag)
    {
        n += json_number_value(json_object_get(tag, "late_acks"));
    }
    return n;
}

/* ZP_UHD_RUN_S: seconds of device time, ZP_UHD_SLOW: how much slower it runs; for runs by hand. */
static double number_of(const char *name, double fallback)
{
    const char *text = getenv(name);
    return text ? atof(text) : fallback;
}

static void program_uhd_reads_every_tag(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const double duration_s = number_of("ZP_UHD_RUN_S", 1.5), slow = number_of("ZP_UHD_SLOW", 8);
    bool undisturbed = false;
    for (int attempt = 0; attempt < ATTEMPTS && !undisturbed; attempt++) {
        struct ran ran;
        run(&ran, 50, slow, duration_s, "", "");
        program_succeeded(&ran.program);
        program_check_events(ran.events);
        program_check_epcs(ran.events, 50, SEED);
        assert_counts_agree(&ran);
        const double late = program_number(ran.summary, "late");
        print_message("%g reads in %g s, late %g, overflows %g, underflows %g, took %.1f s\n",
                      program_number(ran.summary, "reads"), duration_s, late,
                      program_number(ran.summary, "overflows"),
                      program_number(ran.summary, "underflows"), ran.program.wall_s);
        assert_true(late_acks(&ran) <= late); /* inside T2, or counted */
        undisturbed = program_number(ran.summary, "overflows") == 0 &&
                      program_number(ran.summary, "underflows") == 0;
        assert_true(device_count(&ran, "rx.samples") / device_count(&ran, "rx.packets") <= 64.5);
        run_free(&ran);
    }
    assert_true(undisturbed);
}

static void program_uhd_survives_faults_and_counts_them(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    static const struct {
        const char *fault, *counter, *said; /* in the line of the second in which it happened */
    } rows[] = {
        {"overflow@0.5,n=1", "overflows", "overflow"},
        {"underflow@0.5,n=1", "underflows", "underflow"},
        {"late,n=1", "late", "late burst"},
        {"drop_rx@0.5,n=1", NULL, "lost packet"},
        {"drop_tx@0.5,n=1", NULL, "lost packet"},
        {"slow_control@0.5,ms=20", NULL, NULL},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct ran ran;
        char device[64];
        snprintf(device, sizeof device, "--fault %s", rows[k].fault);
        run(&ran, 8, 8, 0.6, device, "");
        program_succeeded(&ran.program);
        assert_counts_agree(&ran);
        assert_reads_are_true(&ran, 8);
        if (rows[k].counter) {
            assert_true(program_number(ran.summary, rows[k].counter) >= 1);
        }
        if (rows[k].said) {
            assert_non_null(strstr(ran.program.err, "in the last second: "));
            assert_non_null(strstr(ran.program.err, rows[k].said));
        }
        run_free(&ran);
    }
}

/* One clear message, what was read until then, and no carrier left. */
static void program_uhd_ends_with_a_device_that_dies(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    struct ran ran;
    run(&ran, 8, 6, 60, "--fault die@0.7", "--radio.uhd.silence_s 0.5");
    assert_int_equal(ran.program.exit_status, 1);
    const char *error = strstr(ran.program.err, "error: ");
    assert_non_null(error);
    assert_non_null(strstr(error, "dead or unplugged"));
    assert_null(strstr(error + 1, "error: "));
    assert_reads_are_true(&ran, 8);
    const double died_s = softusrp_rig_number(ran.report, "devices.0.faults.die.last_s");
    assert_true(device_count(&ran, "tx.last_nonzero_s") < died_s + LEAD_US * 1e-6 + 0.02);
    /* 0.5 s of device time before it died, opening and the patience; libuhd's own ending takes 20 s */
    assert_true(ran.program.wall_s < 15.0);
    run_free(&ran);
}

static int tear_down(void **state)
{
    softusrp_rig_free(&rig);
    return program_kill_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_uhd_reads_every_tag, tear_down),
        cmocka_unit_test_teardown(program_uhd_survives_faults_and_counts_them, tear_down),
        cmocka_unit_test_teardown(program_uhd_ends_with_a_device_that_dies, tear_down),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
