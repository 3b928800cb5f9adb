/* test_program_plan.c - hopping, pauses and antennas as the receiver of the simulated air sees them: its
 * recording holds our own carrier through the leak, so when it was on and off is measured there, sample
 * by sample, and compared with what the rules allow and what the events tell. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define QUIET "--json --publish.zmq.enabled=false --radio.sim.pace max --rate 2M"
#define RATE_SPS 2e6
#define ON_LEVEL 3e-3  /* the carrier reads 0.22, low pulses 0.011, noise 4e-4 */
#define LOW_SAMPLES 60 /* longer than a delimiter or a zero crossing */

enum { STRETCHES_MAX = 1024 };

struct stretch {
    double on_s, off_s;
};

struct heard {
    size_t n;
    struct stretch stretch[STRETCHES_MAX];
};

/* Cut a recording into stretches of carrier. */
static void carrier_read(const char *base, struct heard *heard)
{
    char path[256];
    size_t n_bytes = 0;
    snprintf(path, sizeof path, "%s/%s.sigmf-data", program_directory, base);
    char *bytes = program_read_file(path, &n_bytes);
    const float *value = (const float *)(void *)bytes;
    size_t n_samples = n_bytes / (2 * sizeof *value), last_on = 0;
    bool on = false;
    heard->n = 0;
    for (size_t k = 0; k < n_samples; k++) {
        bool loud = hypotf(value[2 * k], value[2 * k + 1]) > (float)ON_LEVEL;
        if (loud && !on) {
            assert_true(heard->n < STRETCHES_MAX);
            heard->stretch[heard->n].on_s = (double)k / RATE_SPS;
        }
        last_on = loud ? k : last_on;
        bool ends = on && !loud && (k - last_on > LOW_SAMPLES || k + 1 == n_samples);
        if (ends) {
            heard->stretch[heard->n++].off_s = (double)last_on / RATE_SPS;
        }
        on = loud || (on && !ends);
    }
    assert_false(on); /* the run ends without carrier */
    free(bytes);
}

static json_t *inventory(const char *flags, const char *base, struct heard *heard)
{
    struct program program;
    program_run(&program, "inventory " QUIET " --record %s/%s %s", program_directory, base, flags);
    program_succeeded(&program);
    json_t *events = program_events(&program);
    program_check_events(events);
    carrier_read(base, heard);
    program_free(&program);
    return events;
}

/* Every event lies where there was a carrier, and each stretch has one frequency and antenna. */
static void check_reads(const json_t *events, const struct heard *heard, size_t n_reads_least)
{
    double freq_hz[STRETCHES_MAX] = {0};
    const char *antenna[STRETCHES_MAX] = {0};
    size_t n_reads = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (!program_event_is(event, "read")) {
            continue;
        }
        double t_s = program_number(event, "t");
        size_t s = 0;
        while (s < heard->n && t_s > heard->stretch[s].off_s) {
            s++;
        }
        assert_true(s < heard->n);
        assert_true(t_s > heard->stretch[s].on_s);
        assert_true(freq_hz[s] == 0.0 || freq_hz[s] == program_number(event, "freq_hz"));
        assert_true(!antenna[s] || strcmp(antenna[s], program_text(event, "antenna")) == 0);
        freq_hz[s] = program_number(event, "freq_hz");
        antenna[s] = program_text(event, "antenna");
        n_reads++;
    }
    assert_true(n_reads >= n_reads_least);
}

/* Times on one channel, as 47 CFR 15.247(a)(1)(i) counts them: stretch k is in dwell floor(on / dwell). */
static void program_plan_hops_within_the_dwell(void **state)
{
    (void)state;
    static struct heard heard;
    json_t *events = inventory("--tags 10 --seed 3 --radio.region fcc --freq 915.25M "
                               "--radio.hop_dwell_s 0.1 --duration 3.05",
                               "hop", &heard);
    assert_int_equal(heard.n, 31);
    for (size_t k = 0; k < heard.n; k++) {
        const struct stretch *s = &heard.stretch[k];
        double begin_s = 0.1 * (double)k;
        assert_true(s->on_s >= begin_s + (k > 0 ? 3e-3 : 0.0)); /* radio.hop_settle_us */
        assert_true(s->on_s <= begin_s + 3.3e-3);
        assert_true(s->off_s <= begin_s + 0.1);
        assert_true(k + 1 == heard.n || s->off_s > begin_s + 0.07);
    }
    check_reads(events, &heard, 240);
    double first_hz = 0.0;
    unsigned n_channels = 0;
    char seen[50] = {0};
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "read")) {
            double hz = program_number(event, "freq_hz");
            double place = (hz - 902.75e6) / 0.5e6;
            first_hz = first_hz == 0.0 ? hz : first_hz;
            assert_true(fabs(place - round(place)) < 1e-6);
            char *mark = &seen[(int)lround(place)];
            n_channels += !*mark;
            *mark = 1;
        }
    }
    assert_true(first_hz == 915.25e6);
    assert_true(n_channels >= 30);
    json_decref(events);
}

/* 4 s on, 100 ms off. */
static void program_plan_pauses_on_one_channel(void **state)
{
    (void)state;
    static struct heard heard;
    struct program program;
    program_run(&program,
                "emit " QUIET " --record %s/pause --radio.region etsi --freq 867.5M "
                "--duration 4.5",
                program_directory);
    program_succeeded(&program);
    program_free(&program);
    carrier_read("pause", &heard);
    assert_int_equal(heard.n, 2);
    assert_true(heard.stretch[0].on_s < 1e-3);
    assert_true(heard.stretch[0].off_s <= 4.0);
    assert_true(heard.stretch[0].off_s > 3.999);
    assert_true(heard.stretch[1].on_s >= 4.1);
    assert_true(heard.stretch[1].on_s < 4.105);
    assert_true(heard.stretch[1].off_s < 4.502);
}

static void program_plan_cycles_antennas_without_carrier_between(void **state)
{
    (void)state;
    static struct heard heard;
    json_t *events = inventory("--tags 5 --seed 4 --radio.antennas RX2,TX/RX "
                               "--radio.antenna_dwell_s 0.2 --duration 1.6",
                               "antennas", &heard);
    assert_int_equal(heard.n, 8);
    check_reads(events, &heard, 100);
    size_t n_each[2] = {0};
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "read")) {
            int turn = (int)(program_number(event, "t") / 0.2) % 2;
            assert_string_equal(program_text(event, "antenna"), turn ? "TX/RX" : "RX2");
            n_each[turn]++;
        }
    }
    assert_true(n_each[0] > 40);
    assert_true(n_each[1] > 40);
    json_decref(events);
}

static void program_plan_repeats_itself(void **state)
{
    (void)state;
    program_check_repeats("inventory " QUIET " --tags 10 --seed 2 --radio.region fcc --freq 915M "
                          "--radio.hop_dwell_s 0.05 --trace --duration 1 "
                          "--radio.antennas RX2,TX/RX --radio.antenna_dwell_s 0.1");
}

static void program_plan_refuses_before_it_starts(void **state)
{
    (void)state;
    static const struct {
        const char *flags, *message;
    } rows[] = {
        {"--radio zmq --radio.region fcc --freq 915M", "radio 'zmq' cannot change its frequency"},
        {"--radio.region fcc --freq 930M", "902.0..928.0 MHz"},
        {"--radio.region fcc --freq 915M --radio.hop_dwell_s 0.35", "accepts 0.4 s in any 20 s"},
        {"--radio.hop on", "region 'none' has no channels"},
        {"--radio.antennas RX2, --radio.antenna_dwell_s 1", "a name is empty"},
        {"--radio.calibration /nonexistent.yaml", "/nonexistent.yaml"},
        {"--radio.region fcc --freq 915M --radio.hop_dwell_s 0.04 --link.m miller8 --blf 40k",
         "a slot of this link takes up to"},
        {"--radio uhd --freq 915M", "radio.region is not set"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct program program;
        for (int dry = 0; dry < 2; dry++) {
            program_run(&program, "inventory --duration 1 %s%s", rows[k].flags,
                        dry ? " --dry-run" : "");
            assert_int_equal(program.exit_status, strstr(rows[k].flags, "calibration") ? 1 : 2);
            if (!strstr(program.err, rows[k].message)) {
                fail_msg("'%s' is not in '%s'", rows[k].message, program.err);
            }
            assert_string_equal(program.out, "");
            program_free(&program);
        }
    }
}

/* Every refusal of the run is one of --dry-run, and nothing is opened: the radio named does not exist. */
static void program_plan_is_told_by_dry_run(void **state)
{
    (void)state;
    static const struct {
        const char *flags, *told[6];
    } rows[] = {
        {"inventory --radio uhd --args addr=192.0.2.1 --radio.region fcc --freq 915.25M",
         {"uhd addr=192.0.2.1, not opened", "channels    50", "915.2500 ", "397 ms",
          "0.4 s on a channel in any 20 s (47 CFR 15.247(a)(1)(i))", "EIRP unknown"}},
        {"emit --radio uhd --radio.region etsi --freq 867.5M --duration 3",
         {"carrier     on 867.5000 MHz", "off for 103 ms", "allows 35.15 dBm EIRP",
          "a carrier, for 3 s", "20 dB below", "sent 250 us ahead"}},
        {"inventory --blf 250k --tari 12.5 --link.m miller4 --radio.antennas RX2,TX/RX",
         {"rate        4 MS/s, 16.0 samples a Tpri", "Miller-4, BLF 250 kHz", "T2 12..80 us",
          "antennas    RX2, TX/RX in turn", "497 ms", "until stopped"}},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct program program;
        program_run(&program, "%s --dry-run", rows[k].flags);
        program_succeeded(&program);
        for (size_t j = 0; j < sizeof rows[k].told / sizeof *rows[k].told; j++) {
            if (!strstr(program.out, rows[k].told[j])) {
                fail_msg("'%s' is not in\n%s", rows[k].told[j], program.out);
            }
        }
        program_free(&program);
    }
    struct program program;
    program_run(&program,
                "inventory --dry-run --json --radio uhd --radio.region china --freq 921M");
    program_succeeded(&program);
    json_t *plan = json_loads(program.out, 0, NULL);
    assert_non_null(plan);
    assert_string_equal(program_text(plan, "type"), "plan");
    assert_int_equal(json_array_size(json_object_get(plan, "channels_hz")), 16);
    assert_true(json_is_null(json_object_get(plan, "eirp_dbm")));
    assert_true(program_number(plan, "on_s") <= 2.0);
    json_decref(plan);
    program_free(&program);
}

/* The simulated receiver reads 0 dBFS at radio.sim.rx_full_scale_dbm; a table that says so gives the level
 * in dBm of what it is without one in dBFS. */
static void program_plan_tells_dbm_where_calibrated(void **state)
{
    (void)state;
    static const char table[] = "calibration: 1\nrx:\n  - {freq_hz: 905M, gain_db: 20, dbm: 5}\n"
                                "  - {freq_hz: 925M, gain_db: 20, dbm: 7}\n";
    char path[128];
    double level[2][256];
    size_t n_reads[2] = {0};
    snprintf(path, sizeof path, "%s/calibration.yaml", program_directory);
    program_write_file(path, table, sizeof table - 1);
    for (int calibrated = 0; calibrated < 2; calibrated++) {
        struct program program;
        char flag[160] = "";
        snprintf(flag, sizeof flag, "--radio.calibration %s", path);
        program_run(&program, "inventory " QUIET " --freq 915M --tags 5 --seed 6 --duration 0.3 %s",
                    calibrated ? flag : "--run.trace=false");
        program_succeeded(&program);
        json_t *events = program_events(&program);
        program_check_events(events);
        for (size_t k = 0; k < json_array_size(events); k++) {
            const json_t *event = json_array_get(events, k);
            if (program_event_is(event, "read")) {
                const char *other = calibrated ? "rssi_dbfs" : "rssi_dbm";
                assert_null(json_object_get(event, other));
                level[calibrated][n_reads[calibrated]++] =
                    program_number(event, calibrated ? "rssi_dbm" : "rssi_dbfs");
            }
        }
        json_decref(events);
        program_free(&program);
    }
    assert_true(n_reads[0] > 20);
    assert_int_equal(n_reads[0], n_reads[1]);
    for (size_t k = 0; k < n_reads[0]; k++) {
        assert_true(fabs(level[1][k] - (level[0][k] + 6.0)) < 0.02);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_plan_hops_within_the_dwell, program_kill_all),
        cmocka_unit_test_teardown(program_plan_pauses_on_one_channel, program_kill_all),
        cmocka_unit_test_teardown(program_plan_cycles_antennas_without_carrier_between,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_plan_repeats_itself, program_kill_all),
        cmocka_unit_test_teardown(program_plan_refuses_before_it_starts, program_kill_all),
        cmocka_unit_test_teardown(program_plan_is_told_by_dry_run, program_kill_all),
        cmocka_unit_test_teardown(program_plan_tells_dbm_where_calibrated, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
