/* test_program_tdma.c - time units as a user runs them: polls on the simulated air, and what two readers and an
 * emitter that share the air transmit, read off the far ends of --radio zmq. */
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

#define RATE_SPS 2000000
#define AMPLITUDE 0.7F /* tx.amplitude */
#define SIM "inventory --json --publish.zmq.enabled=false --radio.sim.pace max "
#define PROFILE_B "--link.tari_us 6.25 --link.data1_tari 1.5 --link.blf_hz 640k "

/* ---- polls ---- */

static json_t *run(const char *flags)
{
    struct program program;
    program_run(&program, SIM PROFILE_B "%s", flags);
    program_succeeded(&program);
    json_t *events = program_events(&program);
    program_check_events(events);
    program_free(&program);
    return events;
}

static const json_t *totals_of(const json_t *events)
{
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    const json_t *tdma = json_object_get(summary, "tdma");
    assert_non_null(tdma);
    return tdma;
}

static double first_read_s(const json_t *events, const char *epc)
{
    size_t k;
    json_t *event;
    json_array_foreach(events, k, event)
    {
        if (program_event_is(event, "read") && strcmp(program_text(event, "epc"), epc) == 0) {
            return program_number(event, "t");
        }
    }
    return INFINITY;
}

static void list_write(const struct program_epcs *epcs)
{
    char text[64 * PROGRAM_TAGS_MAX] = "# one a line\n";
    for (size_t k = 0; k < epcs->n; k++) {
        strcat(strcat(text, epcs->epc[k]), "\n");
    }
    program_write_file("known.txt", text, strlen(text));
}

/* Of 40 tags 36 are on the list from the start, four come in later: the 99.5 % and 2 s. */
static void program_polls_known_tags_and_finds_others(void **state)
{
    (void)state;
    static struct program_epcs all, early;
    program_epcs_truth(40, 7, &all);
    json_t *events = run("--seed 7 --tags 40 --radio.sim.n_late_tags 4 "
                         "--radio.sim.late_s 1 --duration 0.5");
    program_epcs_read(events, &early);
    json_decref(events);
    assert_int_equal(early.n, 36);
    list_write(&early);
    const int n_periods = PROGRAM_IS_SLOW ? 4 : 8;
    char flags[200];
    snprintf(flags, sizeof flags,
             "--seed 7 --tags 40 --radio.sim.n_late_tags 4 --radio.sim.late_s 1.7 "
             "--tdma 1 --tdma.tags_file known.txt --duration %d.9",
             n_periods);
    events = run(flags);
    const json_t *totals = totals_of(events);
    const double kept = program_number(totals, "kept"), missed = program_number(totals, "missed");
    assert_true(kept + missed >= 36.0 * n_periods);
    assert_true(kept >= 0.995 * (kept + missed));
    assert_int_equal(program_number(totals, "known"), 40);
    assert_int_equal(program_number(totals, "newcomers"), 4);
    assert_int_equal(program_number(totals, "unplaced"), 0);
    const json_t *period = json_object_get(totals, "period_s");
    assert_true(fabs(program_number(period, "mean") - 1.0) < 0.002);
    assert_true(program_number(json_object_get(totals, "jitter_us"), "p99") < 5000.0);
    size_t n_new = 0;
    for (size_t k = 0; k < all.n; k++) {
        const double t_s = first_read_s(events, all.epc[k]);
        n_new += t_s > 1.7;
        assert_true(t_s < 1.7 + 2.0);
    }
    assert_int_equal(n_new, 4);
    assert_int_equal(program_count(events, "tdma"), n_periods);
    json_decref(events);
}

/* A period of 0.25 s is told of once a second; a list of one that is not there is missed, the others are not. */
static void program_tells_of_missed_polls(void **state)
{
    (void)state;
    json_t *events = run("--seed 3 --tags 10 --tdma 0.25 --duration 3.2 "
                         "--tdma.tags 300000000000000000000001");
    const json_t *totals = totals_of(events);
    assert_int_equal(program_count(events, "tdma"), 3);
    assert_int_equal(program_number(totals, "missed"), 12);
    assert_int_equal(program_number(totals, "known"), 11);
    assert_true(program_number(totals, "kept") >= 10 * 11);
    json_decref(events);
    program_check_repeats(SIM PROFILE_B "--seed 3 --tags 10 --tdma 0.25 --duration 0.6 "
                                        "--tdma.units 5 --tdma.own 1-3");
}

/* ---- shared air ---- */

struct station {
    const char *command, *own;
    uint64_t owned;
    double epoch_s; /* of its first sample */
    struct program program, field;
    float _Complex *sample;
    size_t n;
};

static void station_start(struct station *station, size_t k, double duration_s)
{
    int ports[2];
    ports[0] = program_free_port();
    do {
        ports[1] = program_free_port();
    } while (ports[1] == ports[0]);
    program_launch(&station->field, PROGRAM_FIELD,
                   "--tx tcp://127.0.0.1:%d --rx tcp://127.0.0.1:%d --tags 6 --seed 5 "
                   "--record sent%zu.cf32",
                   ports[0], ports[1], k);
    program_launch(&station->program, PROGRAM_ZPREADER,
                   "%s --json --publish.zmq.enabled=false --radio zmq --rate %d "
                   "--radio.zmq.tx tcp://127.0.0.1:%d --radio.zmq.rx tcp://127.0.0.1:%d "
                   "--tdma 0.2 --tdma.units 8 --tdma.own %s --tdma.guard_us 800 "
                   "--radio.epoch %.6f --duration %.3f",
                   station->command, RATE_SPS, ports[0], ports[1], station->own, station->epoch_s,
                   duration_s);
}

static void station_end(struct station *station, size_t k)
{
    char name[32];
    size_t n_bytes = 0;
    program_wait(&station->program, 60.0);
    program_succeeded(&station->program);
    program_wait(&station->field, 10.0);
    snprintf(name, sizeof name, "sent%zu.cf32", k);
    station->sample = (void *)program_read_file(name, &n_bytes);
    station->n = n_bytes / sizeof *station->sample;
}

/* In whole ticks: 25 ms a unit, 50000 samples; 800 us of guard, 1600. */
static bool is_allowed(uint64_t owned, int64_t tick)
{
    const int64_t unit = tick / 50000 % 8, place = tick % 50000;
    const bool mine = owned >> unit & 1;
    const bool next = owned >> (unit + 1) % 8 & 1, last = owned >> (unit + 7) % 8 & 1;
    return mine && (last || place >= 1600) && (next || place < 50000 - 1600);
}

/* Every sample of every station, at the place that its date gives it: none above zero outside its units and within
 * the guards, and so no two stations at once; within them there is a carrier, ramps of 210 us apart. */
static void program_shares_the_air_by_units(void **state)
{
    (void)state;
    static struct station stations[] = {
        {.command = "inventory", .own = "0-2", .owned = 0x07, .epoch_s = 1000.0},
        {.command = "inventory --session s3", .own = "4,5", .owned = 0x30, .epoch_s = 1003.0537},
        {.command = "emit", .own = "3,7", .owned = 0x88, .epoch_s = 999.9111},
    };
    const double duration_s = PROGRAM_IS_SLOW ? 0.5 : 1.2;
    for (size_t k = 0; k < 3; k++) {
        station_start(&stations[k], k, duration_s);
    }
    for (size_t k = 0; k < 3; k++) {
        struct station *station = &stations[k];
        station_end(station, k);
        const int64_t first = llround(fmod(station->epoch_s, 0.2) * RATE_SPS);
        assert_true(station->n >= (size_t)(duration_s * RATE_SPS));
        size_t n_outside = 0, n_off = 0, n_allowed = 0;
        for (size_t i = 0; i < station->n; i++) {
            const int64_t tick = first + (int64_t)i;
            const bool allowed = is_allowed(station->owned, tick);
            const bool steady = allowed && is_allowed(station->owned, tick - 450) &&
                                is_allowed(station->owned, tick + 450);
            n_outside += !allowed && station->sample[i] != 0.0F;
            n_allowed += steady;
            n_off += steady && k == 2 && fabsf(cabsf(station->sample[i]) - AMPLITUDE) > 1e-5F;
            n_off += steady && k < 2 && station->sample[i] == 0.0F;
        }
        assert_int_equal(n_outside, 0);
        assert_true(n_allowed > 100000);
        /* the first window was under way when it started, the last one when it ended */
        assert_true(n_off < 2 * 3 * 50000);
        free(station->sample);
        if (k < 2) {
            json_t *events = program_events(&station->program);
            assert_true(program_count(events, "read") >= 6 * 2); /* found, and polled */
            assert_int_equal(program_number(totals_of(events), "missed"), 0);
            json_decref(events);
        }
        program_free(&station->program);
        program_free(&station->field);
    }
}

/* ---- what is refused ---- */

static void program_refuses_impossible_units(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *text;
    } cases[] = {
        {SIM "--tdma.own 0", "tdma.period_s is not set"},
        {SIM "--tdma 1 --tdma.units 4 --tdma.own 4", "from 0 to 3 (tdma.units is 4)"},
        {SIM "--tdma 0.3 --tdma.units 2 --tdma.own 1", "(0.25 s, 0.333333 s)"},
        {SIM "--tdma 2 --tdma.units 2 --tdma.own 1", "whole parts of a second (1 s, 1 s)"},
        {SIM "--tdma 1 --tdma.units 65", "tdma.units"},
        {SIM "--tdma 0.001", "tdma"},
        {SIM "--tdma 1 --tdma.tags 30x", "'30x', accepted whole EPCs"},
        {SIM "--tdma 1 --tdma.tags 300", "'300', accepted whole EPCs"},
        {SIM "--tdma 0.02 --tdma.tags 3000,3001,3002", "3 known tags, accepted up to"},
        {SIM "--tdma 1 --tdma.units 64 --tdma.own 3 --tdma.guard_us 9000",
         "last 15.62 ms together"},
        {SIM "--tdma 1 --session s0", "inventory.session s2 or s3"},
        {SIM "--tdma 1 --target dual", "target a"},
        {SIM "--tdma 1 --select epc:30*", "inventory.select"},
        {SIM "--tdma 1 --read once", "inventory.read once"},
        {SIM "--tdma 1 --bistatic.mode helper", "bistatic.mode none"},
        {SIM "--tdma 1 --bistatic.mode listen", "tdma.period_s"},
        {SIM "--tdma 1 --radio.antennas a,b --tdma.units 2 --tdma.own 0", "one antenna"},
        {"emit --tdma 1 --tdma.units 2 --tdma.own 2", "from 0 to 1"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        program_check_refused(cases[k].arguments, cases[k].text);
    }
    struct program program;
    program_run(&program, SIM "--tdma 1 --tdma.tags_file nowhere.txt");
    assert_int_equal(program.exit_status, 1);
    assert_non_null(strstr(program.err, "tdma.tags_file nowhere.txt"));
    program_free(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_polls_known_tags_and_finds_others, program_kill_all),
        cmocka_unit_test_teardown(program_tells_of_missed_polls, program_kill_all),
        cmocka_unit_test_teardown(program_shares_the_air_by_units, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_impossible_units, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
