/* test_slot_durations.c - how long slots last on the sample clock, against the second table of gen2.md 13.4
 * (T2 = 8 Tpri, at least 20 us), and that tags answering at T1 max are heard all the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/slot_times.h"
#include "tests/profiles.h"
#include "tests/program.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* the table knows no looks into collisions, which have a time of their own (timing.resolve_us) */
#define FAST                                                                                       \
    "inventory --json --trace --publish.zmq.enabled=false --radio.sim.pace max "                   \
    "--dsp.resolve_collisions no"
enum { SLOTS_MIN = 30, OUTCOMES = 3 };

/* ---- the plan */

struct row { /* gen2.md 13.4: QueryRep from the first table, T2 and T_e from the second */
    struct link_cfg link;
    double query_rep_us, t2_us, empty_us;
};
#define ROW(tari, data1, m_, blf, trext_, query_rep, t2, empty)                                    \
    {                                                                                              \
        .link = {.tari_us = tari,                                                                  \
                 .data1_tari = data1,                                                              \
                 .pw_tari = 0.5,                                                                   \
                 .blf_hz = blf,                                                                    \
                 .m = m_,                                                                          \
                 .trext = trext_},                                                                 \
        .query_rep_us = query_rep, .t2_us = t2, .empty_us = empty,                                 \
    }
static const struct row rows[] = {
    ROW(25, 2.0, LINK_FM0, 40e3, false, 212.5, 200, 624.5),
    ROW(6.25, 1.5, LINK_FM0, 640e3, false, 59.375, 20, 90.62),
    ROW(12.5, 2.0, LINK_M4, 250e3, false, 112.5, 32, 254.5),
    ROW(6.25, 2.0, LINK_FM0, 640e3, true, 62.5, 20, 100),
    ROW(25, 1.5, LINK_M4, 250e3, false, 200, 32, 366.75),
    ROW(12.5, 1.5, LINK_FM0, 320e3, false, 106.25, 25, 168.75),
    ROW(12.5, 1.5, LINK_FM0, 160e3, false, 106.25, 50, 212.62),
    ROW(6.25, 1.5, LINK_M4, 640e3, false, 59.375, 20, 116.84),
    ROW(12.5, 2.0, LINK_M8, 160e3, false, 112.5, 50, 481.38),
};

static void slot_end_is_the_tables(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(rows); k++) {
        struct link link;
        assert_int_equal(link_make(&rows[k].link, &link), ST_OK);
        struct slot_end end = slot_end_of(&link, NAN, rows[k].t2_us);
        if (fabs(rows[k].query_rep_us + end.next_us - rows[k].empty_us) > 0.01) {
            fail_msg("row %zu: %g us, the table says %g us", k, rows[k].query_rep_us + end.next_us,
                     rows[k].empty_us);
        }
        double symbol_us = link.m_cycles * link.tpri_us;
        assert_true(end.watch_us > link.t1_max_us + 3.999 * symbol_us);
        assert_true(end.watch_us + end.silence_us < end.next_us + 1e-9);
        assert_true(end.silence_us <= rows[k].t2_us);
    }
}

/* A budget that leaves less than four symbols to hear a late reply makes the slot longer. */
static void slot_end_waits_for_late_replies(void **state)
{
    (void)state;
    struct link link;
    assert_int_equal(link_make(&rows[0].link, &link), ST_OK);
    static const double budget_next_us[][2] = {{0, 412}, {50, 412}, {80, 442}, {200, 562}};
    for (size_t k = 0; k < COUNT(budget_next_us); k++) {
        struct slot_end end = slot_end_of(&link, budget_next_us[k][0], 200.0);
        assert_true(fabs(end.next_us - budget_next_us[k][1]) < 1e-9);
        assert_true(fabs(end.silence_us - budget_next_us[k][0]) < 1e-9);
    }
    assert_true(slot_end_of(&link, 300.0, 100.0).silence_us == 100.0);
}

/* ---- on the air */

static const char *const duration_s[PROFILES] = {"4", "0.6", "3"};
static const char *const outcomes[OUTCOMES] = {"empty", "collision", "single"};

static bool text_is(const json_t *event, const char *key, const char *text)
{
    const char *is = json_string_value(json_object_get(event, key));
    return is && strcmp(is, text) == 0;
}

struct tally {
    unsigned n[OUTCOMES];
    double sum_us[OUTCOMES];
};

/* From the start of a slot's QueryRep to the start of the next slot's command. */
static void tally_slots(const json_t *events, struct tally *tally)
{
    double since_us = NAN;
    int outcome = -1;
    memset(tally, 0, sizeof *tally);
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        for (int o = 0; program_event_is(event, "slot") && o < OUTCOMES; o++) {
            outcome = text_is(event, "outcome", outcomes[o]) ? o : outcome;
        }
        if (!program_event_is(event, "command") || text_is(event, "name", "ACK")) {
            continue;
        }
        double start_us = 1e6 * program_number(event, "t");
        if (!isnan(since_us) && outcome >= 0 && !text_is(event, "name", "NAK")) {
            tally->n[outcome]++;
            tally->sum_us[outcome] += start_us - since_us;
        }
        since_us = text_is(event, "name", "QueryRep") ? start_us : NAN;
        outcome = -1;
    }
}

static void slots_last_as_long_as_the_tables(void **state)
{
    (void)state;
    for (size_t k = 0; k < PROFILES; k++) {
        const struct profile *profile = &profiles[k];
        struct program program;
        struct tally tally;
        program_run(&program,
                    FAST " --tags 300 --inventory.policy fixed --inventory.q_start 6 "
                         "--duration %s %s",
                    duration_s[k], profile->options);
        program_succeeded(&program);
        json_t *events = program_events(&program);
        tally_slots(events, &tally);
        for (int o = 0; o < OUTCOMES; o++) {
            double mean_us = tally.sum_us[o] / tally.n[o];
            if (tally.n[o] < SLOTS_MIN || !(fabs(mean_us / profile->times_us[o] - 1.0) < 0.02)) {
                fail_msg("%s: %u %s slots of %.2f us, the table says %.2f us", profile->name,
                         tally.n[o], outcomes[o], mean_us, profile->times_us[o]);
            }
        }
        json_decref(events);
        program_free(&program);
    }
}

/* One tag, alone in every slot. */
static void slots_wait_for_the_latest_tag(void **state)
{
    (void)state;
    for (size_t k = 0; k < PROFILES; k++) {
        const struct profile *profile = &profiles[k];
        struct program program;
        int n_slots = 0, n_read = 0;
        program_run(&program,
                    FAST " --tags 1 --inventory.policy fixed --inventory.q_start 0 "
                         "--radio.sim.t1_ratio 1 --radio.sim.t1_jitter_us 0 "
                         "--radio.sim.ebn0_db 15 --duration %s %s",
                    duration_s[k], profile->options);
        program_succeeded(&program);
        json_t *events = program_events(&program);
        for (size_t i = 0; i < json_array_size(events); i++) {
            const json_t *event = json_array_get(events, i);
            n_slots += program_event_is(event, "slot");
            n_read += program_event_is(event, "slot") && text_is(event, "outcome", "single");
        }
        /* it is asked for by its flag: after each read there is an empty slot */
        int n_lost = n_slots - 2 * n_read;
        if (n_read < 400 || 100 * n_lost >= n_read) {
            fail_msg("%s: %d of %d slots read", profile->name, n_read, n_slots);
        }
        json_decref(events);
        program_free(&program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slot_end_is_the_tables),
        cmocka_unit_test(slot_end_waits_for_late_replies),
        cmocka_unit_test_teardown(slots_last_as_long_as_the_tables, program_kill_all),
        cmocka_unit_test_teardown(slots_wait_for_the_latest_tag, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
