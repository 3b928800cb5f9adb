/* test_program_probe_uhd.c - zpreader probe through stock libuhd, on a software USRP whose clock is
 * slowed: wrong port, wrong subdevice, missing reference, a delay left in, a slow way to the host. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define DEVICE "127.0.77.1" /* no other test uses it */
#define SLOW "8"
#define PROBE                                                                                      \
    "probe --json --probe.list=false --probe.gain_grid=false --probe.least_lead=false "            \
    "--probe.inventory_s 0.2 --radio.uhd.silence_s 10 --radio uhd --args addr=" DEVICE             \
    " --region lab --freq 915M "                                                                   \
    "--rate 2M --tx-gain 60 --rx-gain 30 "

/* Start the device, probe it, end the device.   own  program_free, json_decref */
static json_t *probe(const char *device, const char *arguments, int exit_status,
                     struct program *program)
{
    struct program usrp;
    program_launch(&usrp, ZP_BUILD_DIR "/tests/softusrp",
                   "--device addr=" DEVICE "%s --slow " SLOW " --radio.sim.n_tags 5", device);
    program_await_lines(&usrp, "ready", 1, 20.0);
    program_launch(program, PROGRAM_ZPREADER, PROBE "%s", arguments);
    program_wait(program, 90.0);
    kill(usrp.process, SIGINT);
    program_wait(&usrp, 20.0);
    program_free(&usrp);
    if (program->exit_status != exit_status) {
        print_error("%s: exit status %d\n%s", arguments, program->exit_status, program->err);
    }
    assert_int_equal(program->exit_status, exit_status);
    return program_events(program);
}

static const json_t *finding(const json_t *events, const char *code)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "finding") && !strcmp(program_text(event, "code"), code)) {
            return event;
        }
    }
    return NULL;
}

static double measured(const json_t *events, const char *name)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (!strcmp(program_text(event, "name"), name)) {
            return program_number(event, "value");
        }
    }
    print_error("no measurement '%s'\n", name);
    fail();
    return 0;
}

/* It is the worst finding, in these words. */
static void expect_first(const json_t *events, const char *code, const char *text)
{
    const json_t *found = finding(events, code);
    if (!found || program_number(found, "rank") != 1) {
        char *all = json_dumps(events, JSON_INDENT(1));
        print_error("'%s' is not first in %s\n", code, all);
        free(all);
    }
    assert_non_null(found);
    assert_true(program_number(found, "rank") == 1);
    assert_non_null(strstr(program_text(found, "text"), text));
}

static void probe_uhd_names_a_swapped_antenna(void **state)
{
    (void)state;
    struct program program;
    json_t *events = probe(",antenna=TX/RX", "", 0, &program);
    expect_first(events, "wrong_antenna_port", "stronger on TX/RX than on RX2");
    json_decref(events);
    program_free(&program);
}

static void probe_uhd_names_a_wrong_subdevice(void **state)
{
    (void)state;
    struct program program;
    json_t *events =
        probe(" --radio.sim.channel_gain_db -60", "--radio.uhd.rx_subdev A:1", 0, &program);
    expect_first(events, "wrong_subdevice", "stronger on A:0 than on A:1");
    json_decref(events);
    program_free(&program);
}

static void probe_uhd_names_a_missing_reference(void **state)
{
    (void)state;
    struct program program;
    json_t *events =
        probe(" --fault no_reference", "--radio.uhd.clock_source external", 1, &program);
    expect_first(events, "radio_fails", "not locked to its reference");
    json_decref(events);
    program_free(&program);
}

/* The device is 40 samples late by itself: measured, and gone once it is taken out. */
static void probe_uhd_measures_the_delay(void **state)
{
    (void)state;
    struct program program;
    json_t *events = probe("", "", 0, &program);
    assert_float_equal(measured(events, "delay_samples"), 40, 0.1);
    const json_t *found = finding(events, "delay_left_in");
    assert_non_null(found);
    assert_non_null(strstr(program_text(found, "advice"), "add 20.00 us to --radio.uhd.delay_us"));
    json_decref(events);
    program_free(&program);
    events = probe("", "--radio.uhd.delay_us 20", 0, &program);
    assert_float_equal(measured(events, "delay_samples"), 0, 0.1);
    /* whether answers are in time is up to the machine; nothing else is wrong with this one */
    static const char *const wrong[] = {"delay_left_in",  "wrong_antenna_port", "wrong_subdevice",
                                        "receiver_clips", "carrier_not_heard",  "gain_too_low",
                                        "interference",   "reference_unlocked", "radio_fails"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_null(finding(events, wrong[k]));
    }
    json_decref(events);
    program_free(&program);
}

/* Every packet takes 15 ms of device time to the host. */
static void probe_uhd_names_15_ms_of_host_delay(void **state)
{
    (void)state;
    struct program program;
    json_t *events = probe(" --fault delay_rx,ms=15,n=0",
                           "--radio.uhd.delay_us 20 --radio.tx_lead_us 300", 0, &program);
    assert_true(measured(events, "round_trip_p50_us") > 15e3);
    expect_first(events, "answers_late", "the tag waits 500 us");
    json_decref(events);
    program_free(&program);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, program_kill_all)
    const struct CMUnitTest tests[] = {
        CASE(probe_uhd_names_a_swapped_antenna),   CASE(probe_uhd_names_a_wrong_subdevice),
        CASE(probe_uhd_names_a_missing_reference), CASE(probe_uhd_measures_the_delay),
        CASE(probe_uhd_names_15_ms_of_host_delay),
    };
#undef CASE
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
