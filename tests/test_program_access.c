/* test_program_access.c - zpreader access as a program on the simulated air: what is reported, what the
 * tags hold afterwards, exit statuses, lost replies, masks. Tabs part the words of an operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define ACCESS "access --json --publish.zmq.enabled=false --radio.sim.pace max --access.idle_s 0.3 "
#define PASSWORDS                                                                                  \
    " --radio.sim.tag_access_password 12345678 --radio.sim.tag_kill_password DEADC0DE "
#define B_LINK " --tari 6.25 --link.data1_tari 1.5 --blf 640k --link.dr 64/3 "

static json_t *run_access(int exit_status, const char *arguments)
{
    return program_run_events(exit_status, ACCESS "%s", arguments);
}

/* Operations of this name that ended so. */
static size_t n_ended(const json_t *events, const char *op, const char *outcome)
{
    size_t n = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        n += program_event_is(event, "access") && !strcmp(program_text(event, "op"), op) &&
             !strcmp(program_text(event, "outcome"), outcome) &&
             json_is_true(json_object_get(event, "ok")) == !strcmp(outcome, "ok");
    }
    return n;
}

static const json_t *first_of(const json_t *events, const char *op)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "access") && !strcmp(program_text(event, "op"), op)) {
            return event;
        }
    }
    fail_msg("no operation '%s'", op);
    return NULL;
}

static void program_access_reads_and_writes_in_every_profile(void **state)
{
    (void)state;
    static const char *const links[] = {
        "",
        B_LINK,
        " --tari 12.5 --blf 250k --code miller4 ",
        " --tari 6.25 --blf 160k --code miller8 --link.trext ",
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "%s --tags 3 --seed %zu tid write\tuser\t2\tCAFEBABE "
                 "blockwrite\tuser\t8\t0123456789ABCDEF blockerase\tuser\t9\t2 "
                 "read\tuser\t0\t12",
                 links[i], i + 1);
        json_t *events = run_access(0, text);
        assert_int_equal(program_count(events, "access"), 15);
        assert_int_equal(n_ended(events, "tid", "ok"), 3);
        assert_int_equal(n_ended(events, "write user 2 2", "ok"), 3);
        assert_int_equal(n_ended(events, "blockwrite user 8 4", "ok"), 3);
        assert_int_equal(n_ended(events, "blockerase user 9 2", "ok"), 3);
        assert_int_equal(n_ended(events, "read user 0 12", "ok"), 3);
        assert_string_equal(program_text(first_of(events, "read user 0 12"), "data"),
                            "00000000CAFEBABE000000000000000001230000"
                            "0000CDEF");
        assert_string_equal(program_text(first_of(events, "tid"), "chip"), "Impinj Monza R6");
        assert_non_null(strstr(program_text(first_of(events, "tid"), "uri"), "urn:epc:stid:x001."));
        json_decref(events);
    }
}

/* A tag that was given another EPC is not met as another tag, and not written again. */
static void program_access_gives_tags_other_epcs(void **state)
{
    (void)state;
    json_t *events = run_access(0, B_LINK "--tags 4 --seed 5 write\tepc\t6\tFEED0001");
    assert_int_equal(program_count(events, "access"), 4);
    assert_int_equal(n_ended(events, "write epc 6 2", "ok"), 4);
    bool seen = false;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        const char *epc = program_text(event, "epc");
        seen = seen || (program_event_is(event, "read") && strlen(epc) == 24 &&
                        !strcmp(epc + 16, "FEED0001"));
    }
    assert_true(seen); /* the inventory that went on read the new one */
    json_decref(events);
}

static void program_access_locks_and_kills(void **state)
{
    (void)state;
    json_t *events =
        run_access(0, B_LINK PASSWORDS "--tags 3 --seed 6 --yes --access-password 12345678 "
                                       "permalock\t0\t8000 permalock-read\t0\t1 lock\tepc=lock "
                                       "untraceable\tepc=6\tuser=1 kill\tDEADC0DE");
    assert_int_equal(n_ended(events, "access", "ok"), 3);
    assert_int_equal(n_ended(events, "permalock 0 1", "ok"), 3);
    assert_string_equal(program_text(first_of(events, "permalock-read 0 1"), "data"), "8000");
    assert_int_equal(n_ended(events, "lock 08020", "ok"), 3);
    assert_int_equal(n_ended(events, "kill", "ok"), 3);
    double killed_s = 0;
    const json_t *last_read = NULL;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        last_read = program_event_is(event, "read") ? event : last_read;
        killed_s = program_event_is(event, "access") ? program_number(event, "t") : killed_s;
    }
    assert_true(program_number(last_read, "t") < killed_s); /* nobody is left */
    json_decref(events);
}

static void program_access_failures_have_words_and_status_1(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *op, *error;
    } rows[] = {
        {"write\ttid\t0\t1234", "write tid 0 1", "memory locked"},
        {"read\tuser\t30\t4", "read user 30 4", "memory overrun"},
        {PASSWORDS "--yes lock\t08020", "lock 08020", "insufficient privileges"},
        {PASSWORDS "--access-password 12345679 tid", "access", "password"},
        {PASSWORDS "--yes kill\tDEADC0DF", "kill", "password"},
        {PASSWORDS "--radio.sim.tag_lock 08020 write\tepc\t2\t1234", "write epc 2 1",
         "memory locked"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, B_LINK "--tags 1 --seed 7 %s", rows[i].arguments);
        json_t *events = run_access(1, text);
        assert_int_equal(n_ended(events, rows[i].op, "failed"), 1);
        assert_non_null(strstr(program_text(first_of(events, rows[i].op), "error"), rows[i].error));
        json_decref(events);
    }
    json_t *events = run_access(1, B_LINK "--tags 2 --seed 7 --epc FF tid");
    assert_int_equal(program_count(events, "access"), 0);
    json_decref(events);
}

static void program_access_bad_usage_is_status_2(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "at least one operation"},  {"read", "BANK POINTER COUNT"},
        {"kill\tDEADC0DE", "--yes"},     {"lock\tepc=lock", "--yes"},
        {"--epc XYZ tid", "access.epc"}, {"--bistatic.mode listen tid", "access transmits"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct program program;
        program_run(&program, ACCESS "%s", rows[i][0]);
        assert_int_equal(program.exit_status, 2);
        assert_non_null(strstr(program.err, rows[i][1]));
        assert_string_equal(program.out, "");
        program_free(&program);
    }
    struct program program;
    program_run(&program, "inventory --yes --duration 0.1");
    assert_int_equal(program.exit_status, 2);
    assert_non_null(strstr(program.err, "means nothing"));
    program_free(&program);
}

/* Every fifth reply to an access command is lost: all is done all the same. What nobody can know is
 * called unknown: a kill whose last reply was lost. */
static void program_access_goes_on_where_replies_are_lost(void **state)
{
    (void)state;
    size_t n_killed = 0, n_unknown = 0;
    for (int seed = 1; seed <= 4; seed++) {
        char text[512];
        snprintf(text, sizeof text,
                 B_LINK PASSWORDS
                 "--tags 4 --seed %d --yes --access-password 12345678 --access.contacts 20 "
                 "--access.tries 6 "
                 "--radio.sim.tag_reply_loss_ratio 0.2 tid write\tuser\t0\t111122223333 "
                 "write\tepc\t4\tAAAABBBB lock\tepc=lock read\tuser\t0\t4 kill\tDEADC0DE",
                 seed);
        struct program program;
        program_run(&program, ACCESS "%s", text);
        json_t *events = program_events(&program);
        program_check_events(events);
        static const char *const ops[] = {"access",        "tid",        "write user 0 3",
                                          "write epc 4 2", "lock 08020", "read user 0 4"};
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            assert_int_equal(n_ended(events, ops[i], "ok"), 4);
        }
        assert_string_equal(program_text(first_of(events, "read user 0 4"), "data"),
                            "1111222233330000");
        const size_t killed = n_ended(events, "kill", "ok");
        const size_t unknown = n_ended(events, "kill", "unknown");
        assert_int_equal(killed + unknown, 4);
        assert_int_equal(program.exit_status, unknown > 0);
        n_killed += killed;
        n_unknown += unknown;
        json_decref(events);
        program_free(&program);
    }
    assert_true(n_killed >= 8);
    assert_true(n_unknown <= 8);
}

static void program_access_masks_choose_tags(void **state)
{
    (void)state;
    json_t *events = run_access(0, B_LINK "--tags 5 --seed 8 tid");
    const json_t *one = first_of(events, "tid");
    char text[512];
    snprintf(text, sizeof text, B_LINK "--tags 5 --seed 8 --tid %s read\tuser\t0\t1",
             program_text(one, "data"));
    json_t *chosen = run_access(0, text);
    assert_int_equal(program_count(chosen, "access"), 1);
    assert_string_equal(program_text(first_of(chosen, "read user 0 1"), "epc"),
                        program_text(one, "epc"));
    snprintf(text, sizeof text, B_LINK "--tags 5 --seed 8 --epc %s write\tepc\t2\tFFFF",
             program_text(one, "epc"));
    json_t *written = run_access(0, text);
    assert_int_equal(program_count(written, "access"), 1);
    json_decref(written);
    json_decref(chosen);
    json_decref(events);
}

static void program_access_repeats(void **state)
{
    (void)state;
    program_check_repeats(ACCESS B_LINK PASSWORDS
                          "--tags 3 --seed 9 --access-password 12345678 "
                          "--radio.sim.tag_reply_loss_ratio 0.1 tid write\tepc\t6\tFEED0001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_access_reads_and_writes_in_every_profile,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_access_gives_tags_other_epcs, program_kill_all),
        cmocka_unit_test_teardown(program_access_locks_and_kills, program_kill_all),
        cmocka_unit_test_teardown(program_access_failures_have_words_and_status_1,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_access_bad_usage_is_status_2, program_kill_all),
        cmocka_unit_test_teardown(program_access_goes_on_where_replies_are_lost, program_kill_all),
        cmocka_unit_test_teardown(program_access_masks_choose_tags, program_kill_all),
        cmocka_unit_test_teardown(program_access_repeats, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
