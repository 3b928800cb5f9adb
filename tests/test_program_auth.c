/* test_program_auth.c - authorised reading as a program on the simulated air: who counts as
 * authentic, who is reported, how often; key files that are refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "config/option.h"
#include "radio/air/air.h"
#include "tests/program.h"

#define KEY "0123456789ABCDEF0123456789ABCDEF"
#define HOW                                                                                        \
    " --json --publish.zmq.enabled=false --radio.sim.pace max --tari 6.25 --link.data1_tari 1.5 "  \
    "--blf 640k --link.dr 64/3 --radio.sim.tag_key " KEY " "

static char keys_path[96]; /* one key for all tags */

static void keys_write(const char *rows, int mode)
{
    char text[512];
    snprintf(keys_path, sizeof keys_path, "%s/keys.yaml", program_directory);
    snprintf(text, sizeof text, "keys: 1\nrows:\n%s", rows);
    program_write_file(keys_path, text, strlen(text));
    assert_int_equal(chmod(keys_path, (mode_t)mode), 0);
}

static int auth_set_up(void **state)
{
    int failed = program_set_up(state);
    keys_write("  - {epc: \"\", key_id: 0, key: " KEY "}\n", 0600);
    return failed;
}

static json_t *run(const char *command, int exit_status, const char *arguments)
{
    return program_run_events(exit_status, "%s" HOW "--auth.keys %s %s", command, keys_path,
                              arguments);
}

struct truth { /* of the population that the simulated air makes */
    size_t n;
    char epc[32][64];
    bool has_key[32], is_right[32];
};

static void truth_read(int n_tags, int seed, double wrong_ratio, double replay_ratio,
                       struct truth *truth)
{
    static const struct option_table *const tables[] = {&air_options};
    struct option_set *set;
    static struct air_cfg cfg;
    struct air *air;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    option_fill(set, &air_options, &cfg);
    cfg.seed = seed;
    cfg.n_tags = n_tags;
    cfg.tag_wrong_key_ratio = wrong_ratio;
    cfg.tag_replay_ratio = replay_ratio;
    snprintf(cfg.tag_key, sizeof cfg.tag_key, KEY);
    assert_int_equal(air_new(&cfg, 8e6, 915e6, 1, 1, &air), ST_OK);
    truth->n = air_n_tags(air);
    assert_in_range(truth->n, 1, 32);
    for (size_t k = 0; k < truth->n; k++) {
        struct air_tag_truth tag;
        static struct air_tag_memory memory;
        air_tag_read(air, k, &tag);
        air_tag_read_memory(air, k, &memory);
        for (size_t byte = 0; byte < tag.n_epc_bits / 8; byte++) {
            snprintf(truth->epc[k] + 2 * byte, 3, "%02X", tag.epc[byte]);
        }
        truth->has_key[k] = memory.has_true_key;
        truth->is_right[k] = memory.has_true_key && !memory.is_replaying;
    }
    air_free(&air);
    option_set_free(&set);
}

struct seen { /* of one EPC */
    size_t n_reads, n_authentic, n_unmarked, n_failures;
    double first_s; /* authenticated_s of the first authentic read */
    double most_s;  /* the greatest */
    char reason[16];
};

static struct seen seen_of(const json_t *events, const char *epc)
{
    struct seen seen = {.first_s = NAN, .most_s = -1.0};
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (strcmp(program_text(event, "epc"), epc) != 0) {
            continue;
        }
        if (program_event_is(event, "auth_failed")) {
            seen.n_failures += (size_t)program_number(event, "failures");
            snprintf(seen.reason, sizeof seen.reason, "%s", program_text(event, "reason"));
        } else if (program_event_is(event, "read")) {
            const json_t *authenticated = json_object_get(event, "authenticated");
            double age_s = program_number(event, "authenticated_s");
            seen.n_reads++;
            seen.n_unmarked += !authenticated;
            assert_int_equal(isfinite(age_s), json_is_true(authenticated));
            if (json_is_true(authenticated)) {
                seen.first_s = seen.n_authentic == 0 ? age_s : seen.first_s;
                seen.most_s = fmax(seen.most_s, age_s);
                seen.n_authentic++;
            }
        }
    }
    return seen;
}

static const json_t *summary_of(const json_t *events)
{
    return json_array_get(events, json_array_size(events) - 1);
}

static void check_totals(const json_t *events, double n_ok, double n_failed)
{
    const json_t *summary = summary_of(events);
    assert_true(program_number(summary, "auth_ok") == n_ok);
    assert_true(program_number(summary, "auth_failed") == n_failed);
}

/* Every tag gives proof with its first read; later reads refer to it. */
static void program_auth_right_keys(void **state)
{
    (void)state;
    static struct truth truth;
    truth_read(12, 3, 0.0, 0.0, &truth);
    json_t *events = run("inventory", 0, "--tags 12 --seed 3 --duration 0.5");
    program_check_epcs(events, 12, 3);
    for (size_t k = 0; k < truth.n; k++) {
        struct seen seen = seen_of(events, truth.epc[k]);
        assert_true(seen.n_reads > 2);
        assert_int_equal(seen.n_authentic, seen.n_reads);
        assert_true(seen.first_s == 0.0);
        assert_true(seen.most_s > 0.0);
        assert_true(seen.most_s < 0.5);
    }
    assert_int_equal(program_count(events, "auth_failed"), 0);
    check_totals(events, 12, 0);
    json_decref(events);
}

/* After the interval a tag is asked again; with none, at every read. */
static void program_auth_interval(void **state)
{
    (void)state;
    static struct truth truth;
    truth_read(4, 4, 0.0, 0.0, &truth);
    json_t *events = run("inventory", 0, "--tags 4 --seed 4 --duration 0.6 --auth.interval_s 0.1");
    for (size_t k = 0; k < truth.n; k++) {
        struct seen seen = seen_of(events, truth.epc[k]);
        assert_true(seen.n_reads > 20);
        assert_int_equal(seen.n_authentic, seen.n_reads);
        assert_true(seen.most_s <= 0.1);
        assert_true(seen.most_s > 0.05);
    }
    double n_ok = program_number(summary_of(events), "auth_ok");
    assert_true(n_ok >= 4 * 5);
    assert_true(n_ok <= 4 * 7);
    json_decref(events);
    events = run("inventory", 0, "--tags 4 --seed 4 --duration 0.3 --auth.interval_s 0");
    for (size_t k = 0; k < truth.n; k++) {
        assert_true(seen_of(events, truth.epc[k]).most_s == 0.0);
    }
    /* the run may end before the last one has answered */
    double n_reads = (double)program_count(events, "read");
    n_ok = program_number(summary_of(events), "auth_ok");
    check_totals(events, n_ok < n_reads ? n_reads - 1.0 : n_reads, 0);
    json_decref(events);
}

/* Tags with another key, or that repeat an old answer, are read, reported, and never believed. */
static void program_auth_wrong_keys_and_replays(void **state)
{
    (void)state;
    static const double ratios[][2] = {{0.4, 0.0}, {0.0, 0.4}, {0.3, 0.3}, {1.0, 0.0}, {0.0, 1.0}};
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        static struct truth truth;
        char text[256];
        size_t n_wrong = 0, n_right = 0;
        truth_read(16, 5, ratios[i][0], ratios[i][1], &truth);
        snprintf(text, sizeof text,
                 "--tags 16 --seed 5 --duration 0.5 --radio.sim.tag_wrong_key_ratio %g "
                 "--radio.sim.tag_replay_ratio %g",
                 ratios[i][0], ratios[i][1]);
        json_t *events = run("inventory", 0, text);
        program_check_epcs(events, 16, 5);
        for (size_t k = 0; k < truth.n; k++) {
            struct seen seen = seen_of(events, truth.epc[k]);
            assert_true(seen.n_reads > 1);
            assert_int_equal(seen.n_unmarked, 0);
            n_right += truth.is_right[k];
            n_wrong += !truth.is_right[k];
            assert_int_equal(seen.n_authentic, truth.is_right[k] ? seen.n_reads : 0);
            assert_int_equal(seen.n_failures, truth.is_right[k] ? 0 : 1); /* retry_s is 1 s */
            if (!truth.is_right[k]) {
                assert_string_equal(seen.reason, truth.has_key[k] ? "replay" : "wrong_key");
            }
        }
        assert_true(n_wrong > 2);
        assert_true(n_right > 2 || ratios[i][0] + ratios[i][1] >= 1.0);
        check_totals(events, (double)n_right, (double)n_wrong);
        json_decref(events);
    }
}

/* No failure is lost, and one tag's are told seldom. */
static void program_auth_reports_are_limited(void **state)
{
    (void)state;
    json_t *events = run("inventory", 0,
                         "--tags 2 --seed 6 --duration 1.5 --radio.sim.tag_wrong_key_ratio 1 "
                         "--auth.retry_s 0.02 --auth.report_s 0.5");
    double n_told = 0, last_s[2] = {-1, -1};
    static struct truth truth;
    truth_read(2, 6, 1.0, 0.0, &truth);
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "auth_failed")) {
            int tag = strcmp(program_text(event, "epc"), truth.epc[1]) == 0;
            double t_s = program_number(event, "t");
            bool is_last = program_event_is(json_array_get(events, k + 1), "summary") ||
                           program_event_is(json_array_get(events, k + 2), "summary");
            assert_true(last_s[tag] < 0 || t_s >= last_s[tag] + 0.5 || is_last);
            last_s[tag] = t_s;
            n_told += program_number(event, "failures");
        }
    }
    assert_true(n_told > 60);
    assert_in_range(program_count(events, "auth_failed"), 6, 10);
    check_totals(events, 0, n_told);
    json_decref(events);
}

/* Tags that know no crypto suite refuse or stay silent: they are reported, and not believed. */
static void program_auth_tags_without_a_key(void **state)
{
    (void)state;
    json_t *events = run("inventory", 0, "--tags 3 --seed 7 --duration 0.5 --radio.sim.tag_key=");
    const json_t *reasons = json_object_get(summary_of(events), "auth_reasons");
    assert_int_equal(json_integer_value(json_object_get(reasons, "refused")) +
                         json_integer_value(json_object_get(reasons, "silent")),
                     3);
    check_totals(events, 0, 3);
    assert_int_equal(program_count(events, "auth_failed"), 3);
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        assert_true(!program_event_is(event, "read") ||
                    json_is_false(json_object_get(event, "authenticated")));
    }
    json_decref(events);
}

/* Only tags that have a row are asked; the others are read as ever. */
static void program_auth_rows_choose_tags(void **state)
{
    (void)state;
    static struct truth truth;
    char row[128];
    truth_read(5, 8, 0.0, 0.0, &truth);
    snprintf(row, sizeof row, "  - {epc: %s, key_id: 0, key: " KEY "}\n", truth.epc[2]);
    keys_write(row, 0600);
    json_t *events = run("inventory", 0, "--tags 5 --seed 8 --duration 0.3");
    for (size_t k = 0; k < truth.n; k++) {
        struct seen seen = seen_of(events, truth.epc[k]);
        assert_true(seen.n_reads > 2);
        assert_int_equal(seen.n_unmarked, k == 2 ? 0 : seen.n_reads);
        assert_int_equal(seen.n_authentic, k == 2 ? seen.n_reads : 0);
    }
    check_totals(events, 1, 0);
    json_decref(events);
}

/* A third of the replies is lost: nobody is called a forger, most tags get through. */
static void program_auth_where_replies_are_lost(void **state)
{
    (void)state;
    json_t *events = run("inventory", 0,
                         "--tags 8 --seed 9 --duration 1 --radio.sim.tag_reply_loss_ratio 0.3 "
                         "--auth.retry_s 0.1 --auth.tries 2");
    const json_t *reasons = json_object_get(summary_of(events), "auth_reasons");
    assert_null(json_object_get(reasons, "wrong_key"));
    assert_null(json_object_get(reasons, "replay"));
    assert_null(json_object_get(reasons, "tampered"));
    assert_true(program_number(summary_of(events), "auth_ok") == 8);
    json_decref(events);
}

static void program_auth_in_other_profiles(void **state)
{
    (void)state;
    static const char *const links[] = {
        "--tari 25 --link.data1_tari 2 --blf 40k --link.dr 8",
        "--tari 12.5 --link.data1_tari 2 --blf 250k --code miller4",
        "--tari 6.25 --link.data1_tari 2 --blf 160k --link.dr 8 --code miller8 --link.trext",
    };
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char text[256];
        snprintf(text, sizeof text, "--tags 3 --seed 10 --duration 1 %s", links[i]);
        json_t *events = run("inventory", 0, text);
        program_check_epcs(events, 3, 10);
        check_totals(events, 3, 0);
        json_decref(events);
    }
}

static void program_auth_custom_data(void **state)
{
    (void)state;
    keys_write("  - {epc: \"\", key_id: 0, key: " KEY ", profile: tid, offset: 0, blocks: 2, "
               "protection: cbc}\n",
               0600);
    json_t *events = run("inventory", 0, "--tags 3 --seed 11 --duration 0.3");
    check_totals(events, 3, 0);
    json_decref(events);
}

static const json_t *operation_of(const json_t *events, const char *epc, const char *op)
{
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "access") && !strcmp(program_text(event, "epc"), epc) &&
            !strcmp(program_text(event, "op"), op)) {
            return event;
        }
    }
    fail_msg("no operation '%s' on %s", op, epc);
    return NULL;
}

static void program_auth_as_an_operation(void **state)
{
    (void)state;
    static struct truth truth;
    truth_read(6, 12, 0.3, 0.3, &truth);
    json_t *events = run("access", 1,
                         "--tags 6 --seed 12 --access.idle_s 0.3 --keep-going "
                         "--radio.sim.tag_wrong_key_ratio 0.3 --radio.sim.tag_replay_ratio 0.3 "
                         "authenticate authenticate\ttid\t0\t1 authenticate\ttid\t0\t1\tplain tid");
    size_t n_right = 0, n_replays = 0, n_wrong = 0;
    for (size_t k = 0; k < truth.n; k++) {
        const json_t *first = operation_of(events, truth.epc[k], "authenticate");
        const json_t *hidden = operation_of(events, truth.epc[k], "authenticate tid 0 1 cbc");
        const json_t *plain = operation_of(events, truth.epc[k], "authenticate tid 0 1 plain");
        const char *error = program_text(first, "error");
        const char *tid = program_text(operation_of(events, truth.epc[k], "tid"), "data");
        assert_int_equal(json_is_true(json_object_get(first, "authenticated")), truth.is_right[k]);
        assert_string_equal(program_text(first, "outcome"), truth.is_right[k] ? "ok" : "failed");
        assert_string_equal(program_text(first, "data"), "");
        n_right += truth.is_right[k];
        n_replays += strstr(error, "replayed") != NULL;
        n_wrong += strstr(error, "wrong key") != NULL;
        assert_int_equal(truth.is_right[k], *error == '\0');
        assert_int_equal(strlen(program_text(hidden, "data")), truth.is_right[k] ? 16 : 0);
        assert_int_equal(strncmp(tid, program_text(hidden, "data"), 16) == 0, truth.is_right[k]);
        assert_string_equal(program_text(hidden, "data"), program_text(plain, "data"));
    }
    assert_true(n_right > 0);
    assert_true(n_replays > 0);
    assert_true(n_wrong > 0);
    assert_int_equal(n_right + n_replays + n_wrong, truth.n);
    json_decref(events);
}

/* One message, nothing on stdout, exit status 2. */
static void check_refused(const char *arguments, const char *words)
{
    struct program program;
    program_run(&program, "%s", arguments);
    assert_int_equal(program.exit_status, 2);
    assert_string_equal(program.out, "");
    if (!strstr(program.err, words)) {
        fail_msg("'%s' is not in: %s", words, program.err);
    }
    const char *end = strchr(program.err, '\n');
    assert_true(end && end[1] == '\0');
    assert_null(strstr(program.err, KEY));
    program_free(&program);
}

static void program_auth_refuses_key_files(void **state)
{
    (void)state;
    static const int loose[] = {0640, 0604, 0644, 0660, 0620, 0666};
    static const char *const commands[] = {"inventory", "access authenticate"};
    char text[256];
    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
        keys_write("  - {epc: \"\", key_id: 0, key: " KEY "}\n", loose[i]);
        for (size_t k = 0; k < sizeof commands / sizeof *commands; k++) {
            snprintf(text, sizeof text, "%s --duration 0.1 --auth.keys %s", commands[k], keys_path);
            check_refused(text, "accepted: 0600 or stricter");
        }
    }
    snprintf(text, sizeof text, "inventory --duration 0.1 --auth.keys %s", keys_path);
    keys_write("  - {epc: \"\", key_id: 256, key: " KEY "}\n", 0600);
    check_refused(text, "key_id");
    keys_write("  - {epc: \"\", key_id: 0, key: " KEY "00}\n", 0600);
    check_refused(text, "keys.yaml:3");
    keys_write("  - {epc: \"\", key_id: 0, key: " KEY "}\n", 0600);
    snprintf(text, sizeof text, "inventory --duration 0.1 --auth.keys %s/none", program_directory);
    check_refused(text, "No such file");
    snprintf(text, sizeof text, "inventory --duration 0.1 --auth.keys %s", program_directory);
    check_refused(text, "not a regular file");
    snprintf(text, sizeof text, "inventory --bistatic.mode listen --duration 0.1 --auth.keys %s",
             keys_path);
    check_refused(text, "listen");
    check_refused("access authenticate", "--auth.keys");
    check_refused("inventory --auth.tries 0", "auth.tries");
}

/* Losses, forgers and all: the same events twice. */
static void program_auth_repeats(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof text,
             "inventory" HOW "--auth.keys %s --tags 8 --seed 13 --duration 0.6 --auth.interval_s "
             "0.1 --auth.retry_s 0.1 --radio.sim.tag_wrong_key_ratio 0.3 "
             "--radio.sim.tag_replay_ratio 0.2 --radio.sim.tag_reply_loss_ratio 0.1",
             keys_path);
    program_check_repeats(text);
    snprintf(text, sizeof text,
             "access" HOW "--auth.keys %s --tags 3 --seed 13 --access.idle_s 0.3 "
             "authenticate authenticate\tuser\t0\t2",
             keys_path);
    program_check_repeats(text);
}

static int keys_put_back(void **state)
{
    keys_write("  - {epc: \"\", key_id: 0, key: " KEY "}\n", 0600);
    return program_kill_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_auth_right_keys, keys_put_back),
        cmocka_unit_test_teardown(program_auth_interval, keys_put_back),
        cmocka_unit_test_teardown(program_auth_wrong_keys_and_replays, keys_put_back),
        cmocka_unit_test_teardown(program_auth_reports_are_limited, keys_put_back),
        cmocka_unit_test_teardown(program_auth_tags_without_a_key, keys_put_back),
        cmocka_unit_test_teardown(program_auth_rows_choose_tags, keys_put_back),
        cmocka_unit_test_teardown(program_auth_where_replies_are_lost, keys_put_back),
        cmocka_unit_test_teardown(program_auth_in_other_profiles, keys_put_back),
        cmocka_unit_test_teardown(program_auth_custom_data, keys_put_back),
        cmocka_unit_test_teardown(program_auth_as_an_operation, keys_put_back),
        cmocka_unit_test_teardown(program_auth_refuses_key_files, keys_put_back),
        cmocka_unit_test_teardown(program_auth_repeats, keys_put_back),
    };
    return cmocka_run_group_tests(tests, auth_set_up, program_tear_down);
}
