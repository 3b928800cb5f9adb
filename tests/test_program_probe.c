/* test_program_probe.c - zpreader probe as a program on the simulated air: ten set-ups wrong on
 * purpose, each named first; sound ones in which nothing is found; and what the report holds. */
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

#define PROBE "probe --json --radio.sim.pace max --probe.list=false "

/* Run, and take the finding of this rank.  out text, of the whole program */
static json_t *findings_of(const char *arguments, int exit_status, struct program *program)
{
    program_run(program, PROBE "%s", arguments);
    if (program->exit_status != exit_status) {
        print_error("%s: exit status %d\n%s\n", arguments, program->exit_status, program->err);
    }
    assert_int_equal(program->exit_status, exit_status);
    json_t *findings = json_array();
    json_t *events = program_events(program);
    for (size_t k = 0; k < json_array_size(events); k++) {
        json_t *event = json_array_get(events, k);
        if (program_event_is(event, "finding")) {
            json_array_append(findings, event);
            assert_true(program_number(event, "rank") == (double)json_array_size(findings));
        }
    }
    json_decref(events);
    return findings;
}

struct setup_row {
    const char *arguments, *code, *text, *advice; /* code NULL: nothing is found */
    int exit_status;
};

static void check(const struct setup_row *row)
{
    struct program program;
    json_t *findings = findings_of(row->arguments, row->exit_status, &program);
    const json_t *first = json_array_get(findings, 0);
    const char *code = first ? program_text(first, "code") : "nothing";
    if (strcmp(code, row->code ? row->code : "nothing") != 0) {
        print_error("%s\n  found %s: %s\n", row->arguments, code,
                    first ? program_text(first, "text") : "");
    }
    assert_string_equal(code, row->code ? row->code : "nothing");
    if (row->code) {
        assert_non_null(strstr(program_text(first, "text"), row->text));
        assert_non_null(strstr(program_text(first, "advice"), row->advice));
    }
    json_decref(findings);
    program_free(&program);
}

/* ---- wrong on purpose ---- */

static void probe_names_clipping(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --rx-gain 50", "receiver_clips", "clips", "lower rx gain",
                              0});
}

/* 40 dB less receive gain than the 40 dB better isolation calls for, tags too far to stand out of
 * the converter's noise; and the same on the transmit side, where no tag wakes up. */
static void probe_names_40_db_too_little_gain(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.sim.leak_db -60 --radio.sim.distance_min_m 4 "
                              "--radio.sim.distance_max_m 6",
                              "gain_too_low", "gain too low by about", "raise rx gain", 0});
    check(&(struct setup_row){"--tags 10 --tx-gain 20", "gain_too_low", "by about 4",
                              "first raise tx gain (20 dB", 0});
}

static void probe_names_a_swapped_antenna(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.sim.rx_wired RX2 --ant TX/RX",
                              "wrong_antenna_port", "40 dB stronger on RX2 than on TX/RX",
                              "--ant RX2", 0});
    check(&(struct setup_row){"--tags 10 --radio.sim.rx_wired TX/RX", "wrong_antenna_port",
                              "40 dB stronger on TX/RX than on RX2", "--ant TX/RX", 0});
}

/* Two channels; the antenna is on the second one. */
static void probe_names_a_wrong_subdevice(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.n_rx_channels 2 --radio.sim.leak_db -75 "
                              "--radio.sim.channel_gain_db 55 "
                              "--radio.sim.distance_min_m 8 --radio.sim.distance_max_m 9",
                              "wrong_subdevice", "dB stronger on A:B than on A:A", "rx_subdev A:B",
                              0});
}

/* seed 1: the clocks of all three tags are 30 to 40 % slow */
static void probe_names_a_wrong_blf(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 3 --seed 1 --radio.sim.blf_error_force "
                              "--radio.sim.blf_error_ratio 0.5",
                              "tag_clock_off", "BLF -3", "tolerance", 0});
}

static void probe_names_15_ms_host_delay(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --timing.turnaround_us 15000", "answers_late",
                              "15 ms after the reply, the tag waits 500 us", "timing.turnaround_us",
                              0});
}

static void probe_names_tags_without_power(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.sim.tag_sensitivity_dbm 10", "no_tag_answers",
                              "all silent", "20 cm", 0});
    check(&(struct setup_row){"--tags 0", "no_tag_answers", "all silent", "20 cm", 0});
}

static void probe_names_a_strong_interferer(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.sim.other_reader_dbfs -10", "interference",
                              "+200.0 kHz beside ours at -1", "move in frequency", 0});
    check(&(struct setup_row){"--tags 10 --radio.sim.other_reader_dbfs -10 "
                              "--radio.sim.other_reader_period_us 3000",
                              "interference", "% of the slots disturbed", "another reader", 0});
}

static void probe_names_a_missing_reference(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --radio.sim.reference unlocked", "reference_unlocked",
                              "reference clock", "REF IN", 0});
}

static void probe_names_a_carrier_outside_the_band(void **state)
{
    (void)state;
    check(&(struct setup_row){"--tags 10 --region etsi --freq 915M", "carrier_outside_band",
                              "915.0", "inside its band", 2});
    check(&(struct setup_row){"--radio uhd --args type=none --freq 915M", "carrier_outside_band",
                              "radio.region", "region", 2});
}

/* ---- as it should be ---- */

static void probe_finds_nothing_in_sound_set_ups(void **state)
{
    (void)state;
    static const char *const sound[] = {
        "--tags 20",
        "--tags 1",
        "--tags 10 --tari 12.5 --blf 250k --link.m miller4",
        "--tags 10 --region etsi --freq 866M --radio.sim.reference locked",
        "--tags 10 --region fcc --freq 915M",
        "--tags 10 --rx-gain 25 --tx-gain 57",
        "--tags 10 --radio.n_rx_channels 2 --radio.sim.rx_wired RX2",
        "--tags 10 --radio.sim.blf_error_ratio 0.1 --radio.sim.dc_offset_dbfs -40",
        "--tags 10 --radio.sim.leak_drift_db_per_s -30 --radio.sim.iq_image_db -40",
    };
    size_t n = sizeof sound / sizeof *sound;
    for (size_t k = 0; k < n; k += PROGRAM_IS_SLOW ? 3 : 1) {
        check(&(struct setup_row){.arguments = sound[k]});
    }
}

/* ---- the report ---- */

static double measured(const json_t *events, const char *name)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "measurement") && !strcmp(program_text(event, "name"), name)) {
            return program_number(event, "value");
        }
    }
    print_error("no measurement '%s'\n", name);
    fail();
    return 0;
}

/* Against what the air was told: leak -40 dB of 20 dBm less 3.1 dB (amplitude 0.7) over a full scale
 * of -20 dBm; noise figure 30 dB over kT0 and 2 MS/s. No tags: they would add to the leak. */
static void probe_measures_what_the_air_was_told(void **state)
{
    (void)state;
    struct program program;
    program_run(&program,
                PROBE "--tags 0 --radio.sim.leak_db -40 --radio.sim.rx_full_scale_dbm -20 "
                      "--radio.sim.noise_figure_db 30 --radio.sim.adc_bits 14 "
                      "--radio.sim.dc_offset_dbfs -45 --radio.sim.iq_image_db -33 "
                      "--radio.sim.other_reader_dbfs -60 "
                      "--radio.sim.other_reader_offset_hz 312345");
    program_succeeded(&program);
    json_t *events = program_events(&program);
    assert_float_equal(measured(events, "leak_dbfs"), 20 - 3.098 - 40 + 20, 0.1);
    assert_float_equal(measured(events, "leak_db"), 20 - 40 + 20, 0.1);
    assert_float_equal(measured(events, "noise_dbfs"), -173.975 + 63.01 + 30 + 20, 0.3);
    assert_float_equal(measured(events, "noise_follows_db"), 10, 0.5); /* thermal, all of it */
    assert_float_equal(measured(events, "dc_dbfs"), -45, 0.1);
    assert_float_equal(measured(events, "image_db"), -33, 0.3);
    assert_float_equal(measured(events, "line_dbfs"), -60, 0.3);
    assert_float_equal(measured(events, "line_offset_khz"), 312.345, 0.3);
    assert_float_equal(measured(events, "delay_samples"), 0, 0.05);
    assert_float_equal(measured(events, "clipped_percent"), 0, 0);
    assert_float_equal(measured(events, "unique"), 0, 0);
    json_decref(events);
    program_free(&program);
}

static void probe_names_the_best_gain(void **state)
{
    (void)state;
    struct program program; /* 20 dB more isolation than the gain in force calls for */
    program_run(&program, PROBE "--tags 10 --radio.sim.leak_db -40 --radio.sim.distance_min_m 4 "
                                "--radio.sim.distance_max_m 5");
    program_succeeded(&program);
    json_t *events = program_events(&program);
    size_t n_best = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (!strcmp(program_text(event, "name"), "gain") &&
            json_is_true(json_object_get(event, "best"))) {
            n_best++;
            assert_true(program_number(event, "rx_gain_db") >= 30);
            assert_true(program_number(event, "tx_gain_db") == 60);
            assert_true(program_number(event, "reads_per_s") > 50);
        }
    }
    assert_int_equal(n_best, 1);
    json_decref(events);
    program_free(&program);
}

static void probe_reports_to_people_too(void **state)
{
    (void)state;
    struct program program;
    program_run(&program, "probe --radio.sim.pace max --tags 5 --rx-gain 50");
    program_succeeded(&program);
    static const char *const wanted[] = {"radios found",
                                         "--radio sim",
                                         "port RX2 (of TX/RX, RX2)",
                                         "dBFS",
                                         "<- ",
                                         "BLF kHz",
                                         "findings, worst first",
                                         "  1. receiver clips",
                                         "     -> lower rx gain"};
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        if (!strstr(program.out, wanted[k])) {
            print_error("no '%s' in\n%s\n", wanted[k], program.out);
        }
        assert_non_null(strstr(program.out, wanted[k]));
    }
    assert_null(strstr(program.out, "nan"));
    assert_null(strstr(program.out, "inf "));
    program_free(&program);
}

static void probe_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } rows[] = {
        {"probe now", "probe takes no arguments, 'now' is one"},
        {"probe --radio file --args none", "cannot transmit"},
        {"probe --duration 3", "--duration"},
        {"probe --probe.inventory_s 0", "0.1"},
        {"probe --probe.list=false --rx-gain 90", "0..76"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct program program;
        program_run(&program, "%s", rows[k].arguments);
        assert_int_equal(program.exit_status, 2);
        assert_non_null(strstr(program.err, rows[k].message));
        program_free(&program);
    }
}

static void probe_opens_nothing_on_a_dry_run(void **state)
{
    (void)state;
    struct program program;
    program_run(&program, PROBE "--dry-run --radio uhd --region lab --freq 915M --args addr=none");
    program_succeeded(&program);
    assert_null(strstr(program.out, "\"measurement\""));
    assert_non_null(strstr(program.out, "lab"));
    program_free(&program);
}

/* Ctrl-C while the carrier is on: the end comes at once and in order. */
static void probe_ends_on_a_signal(void **state)
{
    (void)state;
    struct program program;
    program_start(&program, PROGRAM_ZPREADER,
                  "probe --json --probe.list=false --probe.inventory_s 60");
    program_await_lines(&program, "\"type\":\"radio\"", 1, 20.0);
    kill(program.process, SIGINT);
    program_wait(&program, 10.0);
    program_succeeded(&program);
    assert_null(strstr(program.out, "\"measurement\""));
    program_free(&program);
}

/* ---- over ZeroMQ ---- */

/* The far end tells nothing of itself, and there is one opening of the radio only. */
static void probe_finds_nothing_wrong_over_zmq(void **state)
{
    (void)state;
    struct program field, program;
    const int tx = program_free_port(), rx = program_free_port();
    program_launch(&field, PROGRAM_FIELD,
                   "--tags 5 --seed 1 --field.tx tcp://127.0.0.1:%d --field.rx tcp://127.0.0.1:%d",
                   tx, rx);
    program_run(&program,
                "probe --json --probe.list=false --probe.inventory_s 0.3 --radio zmq --rate 2M "
                "--radio.zmq.tx tcp://127.0.0.1:%d --radio.zmq.rx tcp://127.0.0.1:%d",
                tx, rx);
    program_succeeded(&program);
    json_t *events = program_events(&program);
    assert_true(measured(events, "queries") == 48);
    assert_true(measured(events, "queries.decoded") > 10); /* of 5 tags, with 1 to 32 slots */
    assert_float_equal(measured(events, "leak_dbfs"), 20 - 3.098 - 20 - 6, 1.0); /* and idle tags */
    assert_float_equal(measured(events, "delay_samples"), 0, 0.05);
    assert_int_equal(program_count(events, "finding"), 0);
    json_decref(events);
    program_free(&program);
    kill(field.process, SIGINT);
    program_wait(&field, 20.0);
    program_free(&field);
}

/* ---- calibration ---- */

static double row_dbm(const json_t *events, const char *side, double gain_db)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (!strcmp(program_text(event, "name"), "calibration") &&
            !strcmp(program_text(event, "side"), side) &&
            program_number(event, "gain_db") == gain_db) {
            return program_number(event, "dbm");
        }
    }
    fail();
    return 0;
}

/* The simulated radio as the device under test: 20 dBm at full scale and gain 60, +6 dBm is full
 * scale at gain 20. The meter reads a carrier of amplitude 0.5; the generator puts in -24 dBm. */
static void probe_calibrates_both_sides_into_one_table(void **state)
{
    (void)state;
    struct program program;
    program_run(&program, PROBE "--calibrate cal.yaml --tx.amplitude 0.5 --probe.meter_dbm 13.979");
    program_succeeded(&program);
    json_t *events = program_events(&program);
    assert_float_equal(row_dbm(events, "tx", 60), 20, 0.01);
    json_decref(events);
    program_free(&program);
    program_run(&program, PROBE "--calibrate cal.yaml --probe.input_dbm -24 "
                                "--radio.sim.other_reader_dbfs -30 "
                                "--radio.sim.other_reader_offset_hz 123456");
    program_succeeded(&program);
    events = program_events(&program);
    assert_float_equal(row_dbm(events, "rx", 0), 26, 0.15);
    assert_float_equal(row_dbm(events, "rx", 20), 6, 0.15);
    assert_float_equal(row_dbm(events, "rx", 40), -14, 0.15);
    assert_int_equal(json_array_size(events), 5); /* from 50 dB on it clips */
    json_decref(events);
    program_free(&program);
    /* what was written is read, both sides of it */
    program_run(&program, "inventory --json --radio.sim.pace max --publish.zmq.enabled=false "
                          "--tags 3 --duration 0.2 --radio.calibration cal.yaml");
    program_succeeded(&program);
    assert_non_null(strstr(program.out, "\"rssi_dbm\""));
    program_free(&program);
}

/* Readings as a user types them: one gain left out, one mistyped and typed again. */
static void probe_calibrates_by_what_is_typed(void **state)
{
    (void)state;
    assert_int_equal(system("printf '16.9\\n\\nten\\n-3.1\\nq\\n' | " PROGRAM_ZPREADER " " PROBE
                            "--calibrate typed.yaml >typed.out 2>typed.err"),
                     0);
    size_t n_bytes;
    char *out = program_read_file("typed.out", &n_bytes);
    char *said = program_read_file("typed.err", &n_bytes);
    assert_non_null(strstr(out, "\"side\":\"tx\",\"freq_hz\":915000000.0,\"gain_db\":60"));
    assert_null(strstr(out, "\"gain_db\":50"));
    assert_non_null(strstr(out, "\"gain_db\":40"));
    assert_non_null(strstr(said, "'ten' is no number"));
    assert_non_null(strstr(said, "2 rows in typed.yaml"));
    free(out);
    free(said);
}

static void probe_calibration_needs_something_measured(void **state)
{
    (void)state;
    struct program program; /* no generator is on */
    program_run(&program, PROBE "--calibrate none.yaml --probe.input_dbm -24");
    assert_int_equal(program.exit_status, 1);
    assert_non_null(strstr(program.err, "nothing was measured"));
    program_free(&program);
    program_write_file("bad.yaml", "calibration: 7\n", 15);
    program_run(&program, PROBE "--calibrate bad.yaml --probe.meter_dbm 10");
    assert_true(program.exit_status != 0);
    assert_non_null(strstr(program.err, "bad.yaml"));
    program_free(&program);
}

/* ---- the same diagnosis in a running inventory ---- */

static void probe_inventory_says_why_nothing_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *message;
    } rows[] = {
        {"--tags 10 --radio.sim.tag_sensitivity_dbm 10", "nothing read for 3 s: no tag answers"},
        {"--tags 5 --rx-gain 50", "nothing read for 3 s: receiver clips in 100 % of the slots"},
        {"--tags 5 --timing.turnaround_us 15000", "nothing read for 3 s: ACK late in 100 %"},
        {"--tags 3 --radio.sim.blf_error_force --radio.sim.blf_error_ratio 0.5",
         "but never readably"},
        {"--tags 5 --radio.sim.reference unlocked --radio.sim.tag_sensitivity_dbm 10",
         "nothing read for 3 s: the reference clock"},
        {"--tags 5 --inventory.target a", NULL}, /* all read, then silent as they should be */
        {"--tags 20", NULL},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct program program;
        program_run(&program,
                    "inventory --json --radio.sim.pace max --publish.zmq.enabled=false "
                    "--duration 5 %s",
                    rows[k].arguments);
        program_succeeded(&program);
        const char *said = strstr(program.err, "nothing read");
        if (rows[k].message) {
            assert_non_null(said);
            assert_non_null(strstr(said, rows[k].message));
            assert_null(strstr(said + 1, "nothing read")); /* once */
        } else {
            assert_null(said);
        }
        program_free(&program);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, program_kill_all)
    const struct CMUnitTest tests[] = {
        CASE(probe_names_clipping),
        CASE(probe_names_40_db_too_little_gain),
        CASE(probe_names_a_swapped_antenna),
        CASE(probe_names_a_wrong_subdevice),
        CASE(probe_names_a_wrong_blf),
        CASE(probe_names_15_ms_host_delay),
        CASE(probe_names_tags_without_power),
        CASE(probe_names_a_strong_interferer),
        CASE(probe_names_a_missing_reference),
        CASE(probe_names_a_carrier_outside_the_band),
        CASE(probe_finds_nothing_in_sound_set_ups),
        CASE(probe_measures_what_the_air_was_told),
        CASE(probe_names_the_best_gain),
        CASE(probe_reports_to_people_too),
        CASE(probe_refuses_what_makes_no_sense),
        CASE(probe_opens_nothing_on_a_dry_run),
        CASE(probe_ends_on_a_signal),
        CASE(probe_finds_nothing_wrong_over_zmq),
        CASE(probe_calibrates_both_sides_into_one_table),
        CASE(probe_calibrates_by_what_is_typed),
        CASE(probe_calibration_needs_something_measured),
        CASE(probe_inventory_says_why_nothing_is_read),
    };
#undef CASE
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
