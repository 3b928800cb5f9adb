/* test_program_select.c - ways of reading and selections of zpreader inventory as a program on the simulated
 * air: each tag once, newcomers, focus, watched tags, masks, truncated replies. Tabs part words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define INVENTORY "inventory --json --publish.zmq.enabled=false --radio.sim.pace max "
#define B_LINK " --tari 6.25 --link.data1_tari 1.5 --blf 640k --link.dr 64/3 "

static struct program_epcs truth;

static json_t *run_inventory(const char *arguments)
{
    return program_run_events(0, INVENTORY "%s", arguments);
}

static size_t n_reads_of(const json_t *events, const char *epc)
{
    size_t n = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        n += program_event_is(event, "read") && !strcmp(program_text(event, "epc"), epc);
    }
    return n;
}

/* All tags of the population were read, and each just once. */
static void check_once(const json_t *events, int n_tags, int seed)
{
    program_check_epcs(events, n_tags, seed);
    assert_int_equal(program_count(events, "read"), n_tags);
}

static const json_t *summary_of(const json_t *events)
{
    return json_array_get(events, json_array_size(events) - 1);
}

static void program_select_once_reads_each_tag_once_and_ends(void **state)
{
    (void)state;
    static const struct {
        int n_tags, seed;
        const char *more;
        double end_lo_s, end_hi_s;
    } rows[] = {
        {60, 1, B_LINK, 1.03, 1.3},
        {60, 2, B_LINK "--session s3 --inventory.quiet_s 0.2", 0.23, 0.5},
        {60, 2, B_LINK "--target b", 1.03, 1.3},
        {8, 3, "--inventory.policy q", 1.04, 1.4},
        {0, 1, B_LINK "--inventory.quiet_s 0.1", 0.1, 0.15},
        /* power goes and comes: flags of S2 outlast it, and tags turn theirs before it goes */
        {240, 4, B_LINK "--region fcc --freq 915M --radio.hop on --radio.hop_dwell_s 0.04", 1.0,
         2.0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s --read once --tags %d --seed %d --duration 5", rows[i].more,
                 rows[i].n_tags, rows[i].seed);
        json_t *events = run_inventory(text);
        check_once(events, rows[i].n_tags, rows[i].seed);
        const double end_s = program_number(summary_of(events), "t");
        if (end_s < rows[i].end_lo_s || end_s > rows[i].end_hi_s) {
            fail_msg("row %zu ends at %g s", i, end_s);
        }
        json_decref(events);
    }
}

static void program_select_new_goes_on_and_keeps_quiet(void **state)
{
    (void)state;
    json_t *events = run_inventory(B_LINK "--read new --tags 50 --seed 5 --duration 3");
    check_once(events, 50, 5);
    assert_true(program_number(summary_of(events), "t") >= 3.0);
    json_decref(events);
}

/* S1 runs out within 5 s of its own, so the same without the refresh reads tags again. */
static void program_select_focus_keeps_s1_tags_quiet(void **state)
{
    (void)state;
    json_t *events = run_inventory(B_LINK "--read focus --tags 30 --seed 6 --duration 6");
    check_once(events, 30, 6);
    json_decref(events);
    events = run_inventory(B_LINK "--session s1 --target a --inventory.select_all start --tags 30 "
                                  "--seed 6 --duration 6");
    assert_true(program_count(events, "read") >= 45);
    json_decref(events);
}

/* The tags that the words choose, by their EPCs; all of those and no other are read. */
static void check_chosen(const char *more, const char *selection, bool (*chosen)(const char *epc))
{
    char text[1024];
    snprintf(text, sizeof text, B_LINK "--tags 40 --seed 7 --duration 0.3 %s --select %s", more,
             selection);
    json_t *events = run_inventory(text);
    size_t n_chosen = 0;
    for (size_t k = 0; k < truth.n; k++) {
        const bool wanted = chosen(truth.epc[k]);
        n_chosen += wanted;
        if ((n_reads_of(events, truth.epc[k]) > 0) != wanted) {
            fail_msg("%s %s: %s was %sread", more, selection, truth.epc[k], wanted ? "not " : "");
        }
    }
    static struct program_epcs read;
    program_epcs_read(events, &read);
    assert_int_equal(read.n, n_chosen); /* no EPC that nobody has */
    json_decref(events);
}

static bool is_first(const char *epc)
{
    return !strcmp(epc, truth.epc[0]);
}

static bool is_not_first(const char *epc)
{
    return !is_first(epc);
}

static bool is_anyone(const char *epc)
{
    return epc[0] != '\0';
}

static unsigned last_digit(const char *epc)
{
    return (unsigned)strtoul(epc + strlen(epc) - 1, NULL, 16);
}

static bool is_odd(const char *epc)
{
    return last_digit(epc) % 2 == 1;
}

static bool is_first_or_odd(const char *epc)
{
    return is_first(epc) || is_odd(epc);
}

static bool is_even_but_first(const char *epc)
{
    return !is_odd(epc) && !is_first(epc);
}

static bool ends_in_8_to_b(const char *epc)
{
    return last_digit(epc) >> 2 == 2;
}

static void program_select_masks_choose_exactly_who_fits(void **state)
{
    (void)state;
    program_epcs_truth(40, 7, &truth);
    char text[256];
    const char *first = truth.epc[0];
    snprintf(text, sizeof text, "epc:%s", first);
    check_chosen("", text, is_first);
    check_chosen("--session s2", text, is_first);
    check_chosen("--read new", text, is_first);
    snprintf(text, sizeof text, "not\tepc:%s", first);
    check_chosen("", text, is_not_first);
    check_chosen("", "epc@124:1/1", is_odd);
    snprintf(text, sizeof text, "%s,epc@127:8/8", first);
    check_chosen("", text, is_first_or_odd);
    snprintf(text, sizeof text, "not\t%s\tand\tnot\tepc@124:1/1", first);
    check_chosen("", text, is_even_but_first);
    check_chosen("", "epc@124:8/C", ends_in_8_to_b);
    check_chosen("", "tid:E2*\tand\tepc:30", is_anyone);
}

/* The same EPCs, whole, from fewer bits. */
static void program_select_truncated_replies_are_made_whole(void **state)
{
    (void)state;
    program_epcs_truth(40, 7, &truth);
    char text[512];
    check_chosen("--truncate", "epc:30*", is_anyone);
    check_chosen("--truncate --session s2", "tid:E2\tand\tepc:30*", is_anyone);
    check_chosen("--truncate --read new", "30", is_anyone);
    snprintf(text, sizeof text,
             B_LINK "--truncate --select epc:%.20s --tags 40 --seed 7 --read once", truth.epc[0]);
    json_t *events = run_inventory(text);
    size_t n_fit = 0;
    for (size_t k = 0; k < truth.n; k++) {
        const bool fits = !strncmp(truth.epc[k], truth.epc[0], 20);
        n_fit += fits;
        assert_int_equal(n_reads_of(events, truth.epc[k]), fits);
    }
    assert_int_equal(program_count(events, "read"), n_fit);
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "read")) {
            assert_true(json_is_true(json_object_get(event, "truncated")));
            assert_null(json_object_get(event, "pc"));
        }
    }
    json_decref(events);
    /* EPCs that are longer than what was said are not made up */
    events = run_inventory(B_LINK "--truncate --select 30 --inventory.epc_bits 80 --tags 10 "
                                  "--seed 7 --duration 0.1");
    assert_int_equal(program_count(events, "read"), 0);
    json_decref(events);
}

static size_t n_watch(const json_t *events, const char *epc, bool is_present)
{
    size_t n = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        n += program_event_is(event, "watch") && !strcmp(program_text(event, "epc"), epc) &&
             json_is_true(json_object_get(event, "present")) == is_present;
    }
    return n;
}

#define NOBODY "30341111222233334444ABCD"

static void program_select_watch_reads_the_list_and_tells_who_is_missed(void **state)
{
    (void)state;
    program_epcs_truth(20, 9, &truth);
    char text[512];
    snprintf(text, sizeof text, "# dock\n%s\n" NOBODY "\n", truth.epc[1]);
    char path[128];
    snprintf(path, sizeof path, "%s/list.txt", program_directory);
    program_write_file(path, text, strlen(text));
    snprintf(text, sizeof text,
             B_LINK "--watch %s --inventory.watch_file %s --missed 0.2 --tags 20 --seed 9 "
                    "--duration 0.5",
             truth.epc[0], path);
    json_t *events = run_inventory(text);
    assert_true(n_reads_of(events, truth.epc[0]) > 20);
    assert_true(n_reads_of(events, truth.epc[1]) > 20);
    assert_int_equal(program_count(events, "read"),
                     n_reads_of(events, truth.epc[0]) + n_reads_of(events, truth.epc[1]));
    assert_int_equal(program_count(events, "watch"), 1);
    assert_int_equal(n_watch(events, NOBODY, false), 1);
    json_decref(events);
    /* the carrier is off for 100 ms once in 4 s: everybody is gone, and comes back */
    snprintf(text, sizeof text,
             B_LINK "--watch %s --missed 0.09 --tags 20 --seed 9 --duration 4.3 --region etsi "
                    "--freq 865.7M",
             truth.epc[0]);
    events = run_inventory(text);
    assert_int_equal(n_watch(events, truth.epc[0], false), 1);
    assert_int_equal(n_watch(events, truth.epc[0], true), 1);
    json_decref(events);
}

static void program_select_bad_usage_is_status_2(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"inventory --read twice", "keep|once|new|focus|watch"},
        {"inventory --read once --target dual", "inventory.read once goes with"},
        {"inventory --select epc:30\tand", "accepted BANK:HEX"},
        {"inventory --truncate", "needs a mask"},
        {"inventory --read watch", "nobody to watch"},
        {"inventory --watch 3034 --bistatic.mode listen", "listen asks no tag"},
        {"access --read once tid", "means nothing"},
        {"emit --select 30", "means nothing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct program program;
        program_run(&program, "%s", rows[i][0]);
        assert_int_equal(program.exit_status, 2);
        if (!strstr(program.err, rows[i][1])) {
            fail_msg("%s: %s", rows[i][0], program.err);
        }
        assert_string_equal(program.out, "");
        program_free(&program);
    }
}

static void program_select_repeats(void **state)
{
    (void)state;
    program_check_repeats(INVENTORY B_LINK "--tags 20 --seed 9 --read focus --select tid:E2,30 "
                                           "--duration 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_select_once_reads_each_tag_once_and_ends,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_select_new_goes_on_and_keeps_quiet, program_kill_all),
        cmocka_unit_test_teardown(program_select_focus_keeps_s1_tags_quiet, program_kill_all),
        cmocka_unit_test_teardown(program_select_masks_choose_exactly_who_fits, program_kill_all),
        cmocka_unit_test_teardown(program_select_truncated_replies_are_made_whole,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_select_watch_reads_the_list_and_tells_who_is_missed,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_select_bad_usage_is_status_2, program_kill_all),
        cmocka_unit_test_teardown(program_select_repeats, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
