/* test_program.c - zpreader as a program on its simulated air: what it reads, what it prints, that
 * the same seed prints the same, signals and subscribers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "tests/program.h"

#define QUIET "inventory --json --publish.zmq.enabled=false"
#define FAST QUIET " --radio.sim.pace max"

static json_t *run_events(const char *arguments)
{
    return program_run_events(0, "%s", arguments);
}

/* stdout without what the wall clock decides.   own  free */
static char *run_output(const char *path, const char *arguments)
{
    struct program program;
    program_start(&program, path, arguments);
    program_wait(&program, 30.0);
    program_succeeded(&program);
    char *text = program_without_host(program.out);
    program_free(&program);
    return text;
}

/* ---- what is read ---- */

static void program_reads_all_tags_and_no_other(void **state)
{
    (void)state;
    json_t *events = run_events(FAST " --tags 100 --duration 3 --seed 7");
    program_check_epcs(events, 100, 7);
    double before_s = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        assert_null(json_object_get(event, "time")); /* nobody dated this stream */
        if (program_event_is(event, "read")) {
            const double t_s = program_number(event, "t");
            assert_true(t_s > before_s);
            before_s = t_s;
        }
    }
    assert_true(before_s < 3 + 6e-3); /* the slot that was open at 3 s is finished: 5.6 ms */
    assert_int_equal(program_count(events, "status"), 3); /* at 1, 2 and 3 s of sample time */
    json_decref(events);
}

static double slots_of(const json_t *summary, const char *outcome)
{
    return program_number(json_object_get(summary, "slots"), outcome);
}

static void program_summary_counts_the_events(void **state)
{
    (void)state;
    static const char *const outcomes[] = {"empty", "single", "collision", "rn16_only",
                                           "crc_error"};
    json_t *events = run_events(FAST " --tags 30 --duration 1.5 --target dual --radio.epoch 1.7e9");
    size_t n_found[5] = {0};
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        for (size_t i = 0; i < 5; i++) {
            n_found[i] += !strcmp(program_text(event, "outcome"), outcomes[i]);
        }
        const char *time = program_text(event, "time"); /* 1.7e9 is 2023-11-14T22:13:20Z */
        assert_memory_equal(time, "2023-11-14T22:13:2", 18);
        assert_int_equal(strlen(time), strlen("2023-11-14T22:13:20.000000Z"));
    }
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    for (size_t i = 0; i < 5; i++) {
        assert_true(slots_of(summary, outcomes[i]) == (double)n_found[i]);
    }
    const size_t n_reads = program_count(events, "read");
    assert_true(program_number(summary, "reads") == (double)n_reads);
    assert_true(n_found[1] == n_reads);
    assert_true(program_number(summary, "unique") == 30);
    assert_true(program_number(summary, "rounds") == (double)program_count(events, "round"));
    assert_true(n_reads > 3 * 30); /* dual: flags go there and back, A has 150 slots/s */
    assert_float_equal(program_number(summary, "duration_s"), 1.5, 0.01);
    assert_float_equal(program_number(summary, "reads_per_s"), (double)n_reads / 1.5, 1.0);
    json_decref(events);
}

static void program_counts_each_tag(void **state)
{
    (void)state;
    static struct program_epcs truth;
    program_epcs_truth(10, 1, &truth);
    size_t n_seen[10] = {0};
    json_t *events = run_events(FAST " --tags 10 --duration 0.5 --target dual");
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        for (size_t i = 0; i < truth.n && program_event_is(event, "read"); i++) {
            if (!strcmp(program_text(event, "epc"), truth.epc[i])) {
                assert_true(program_number(event, "count") == (double)++n_seen[i]);
            }
        }
    }
    for (size_t i = 0; i < 10; i++) {
        assert_true(n_seen[i] > 0);
    }
    json_decref(events);
}

/* ---- links: spec gen2.md 13.4, and what else the standard offers ---- */

struct link_row {
    const char *name, *flags;
    double duration_s; /* twice what 20 tags take at the theoretical rate, and more */
};

static const struct link_row link_rows[] = {
    {"A", "--tari 25", 0.6},
    {"B", "--tari 6.25 --link.data1_tari 1.5 --blf 640k", 0.1},
    {"C", "--tari 12.5 --blf 250k --link.dr 64/3 --link.m miller4", 0.4},
    {"B2", "--tari 6.25 --blf 640k --link.trext", 0.1},
    {"C2", "--tari 25 --link.data1_tari 1.5 --blf 250k --link.m miller4", 0.4},
    {"D", "--tari 12.5 --link.data1_tari 1.5 --blf 320k --link.dr 64/3", 0.15},
    {"E", "--tari 12.5 --link.data1_tari 1.5 --blf 160k --link.dr 8", 0.2},
    {"F", "--tari 6.25 --link.data1_tari 1.5 --blf 640k --link.m miller4", 0.15},
    {"G", "--tari 12.5 --blf 160k --link.dr 8 --link.m miller8", 0.8},
    {"Miller-8 TRext", "--tari 6.25 --blf 640k --link.m miller8 --link.trext", 0.3},
    {"Miller-2", "--tari 12.5 --blf 250k --link.m miller2", 0.25},
    {"PR-ASK A", "--tari 25 --tx.modulation pr-ask", 0.6},
    {"PR-ASK C", "--tari 12.5 --blf 250k --link.m miller4 --tx.modulation pr-ask", 0.4},
    {"S1", "--session s1", 0.6},
    {"S2", "--session s2", 0.6},
    {"S3", "--session s3 --link.trext", 0.6},
    {"S2 dual", "--session s2 --target dual", 0.6},
};

enum { PROFILES = 9 }; /* the rows of gen2.md: seeds 1 to 3 */

static void program_reads_over_every_link(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof link_rows / sizeof *link_rows; k += PROGRAM_IS_SLOW ? 2 : 1) {
        const struct link_row *row = &link_rows[k];
        print_message("link %s\n", row->name);
        for (int seed = 1; seed <= (PROGRAM_IS_SLOW || k >= PROFILES ? 1 : 3); seed++) {
            char text[512];
            snprintf(text, sizeof text, FAST " --tags 20 --seed %d --duration %g %s", seed,
                     row->duration_s, row->flags);
            json_t *events = run_events(text);
            program_check_epcs(events, 20, seed);
            json_decref(events);
        }
    }
}

/* ---- same seed, same output ---- */

static void check_same(char *expected, char *text)
{
    if (strcmp(expected, text) != 0) {
        size_t at = 0;
        while (expected[at] == text[at]) {
            at++;
        }
        fail_msg("outputs differ at byte %zu:\n%.300s\n%.300s", at, expected + at, text + at);
    }
    free(text);
}

static void program_repeats_itself(void **state)
{
    (void)state;
    char arguments[256], others[256];
    const char *format = FAST " --tags 100 --duration %g --seed %d";
    snprintf(arguments, sizeof arguments, format, 3 * PROGRAM_SCALE, 7);
    snprintf(others, sizeof others, format, 3 * PROGRAM_SCALE, 8);
    char *expected = run_output(PROGRAM_ZPREADER, arguments);
    assert_non_null(strstr(expected, "\"type\":\"summary\""));
    assert_null(strstr(expected, "\"host\""));
    for (int k = 0; k < 2; k++) {
        check_same(expected, run_output(PROGRAM_ZPREADER, arguments));
    }
    char *other = run_output(PROGRAM_ZPREADER, others);
    assert_string_not_equal(expected, other);
    free(other);
    free(expected);
}

static void program_repeats_itself_on_one_core_and_paced(void **state)
{
    (void)state;
    const char *flags = "--tags 50 --duration 0.4 --seed 7 --trace";
    char text[512];
    snprintf(text, sizeof text, FAST " %s", flags);
    char *expected = run_output(PROGRAM_ZPREADER, text);
    snprintf(text, sizeof text, "-c 0 " PROGRAM_ZPREADER " " FAST " %s", flags);
    check_same(expected, run_output("/usr/bin/taskset", text));
    snprintf(text, sizeof text, QUIET " %s", flags);
    const double start_s = program_clock_s();
    check_same(expected, run_output(PROGRAM_ZPREADER, text));
    assert_true(program_clock_s() - start_s >= 0.4); /* not ahead of the wall clock */
    free(expected);
}

/* ---- subscribers ---- */

static void *subscriber(void *context, int port, int queue_records)
{
    const int retry_ms = 1, patience_ms = 300, buffer_bytes = 4096;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    void *socket = zmq_socket(context, ZMQ_SUB);
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &retry_ms, sizeof retry_ms);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &queue_records, sizeof queue_records);
    if (queue_records == 1) {
        zmq_setsockopt(socket, ZMQ_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

/* The next event of the topic on stdout's text equals the JSON of the message.
 *   ret  where stdout goes on, NULL when this line is none of it */
static const char *line_equal(const char *line, const char *json, size_t n_json)
{
    const char *end = strchr(line, '\n');
    bool same = end && (size_t)(end - line) == n_json && !memcmp(line, json, n_json);
    return same ? end + 1 : NULL;
}

static void program_publishes_what_it_prints(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    const int port = program_free_port();
    void *socket = subscriber(context, port, 0);
    struct program program;
    program_launch(&program, PROGRAM_ZPREADER,
                   "inventory --json --tags 50 --duration 1.5 --target dual --reader.name dock-1 "
                   "--publish.zmq.endpoint tcp://127.0.0.1:%d",
                   port);
    static char topics[4096][64], json[4096][2048];
    size_t n = 0, n_json[4096];
    for (int n_bytes; n < 4096; n++) {
        if ((n_bytes = zmq_recv(socket, topics[n], sizeof topics[n] - 1, 0)) < 0) {
            if (n == 0 && program_clock_s() < program.start_s + 20) {
                n--; /* not connected yet */
                continue;
            }
            break;
        }
        topics[n][n_bytes] = '\0';
        n_bytes = zmq_recv(socket, json[n], sizeof json[n], 0);
        assert_in_range(n_bytes, 1, sizeof json[n] - 1);
        n_json[n] = (size_t)n_bytes;
        json[n][n_bytes] = '\0';
    }
    program_wait(&program, 20.0);
    program_succeeded(&program);
    zmq_close(socket);
    zmq_ctx_term(context);

    /* a subscriber joins late: it has the rest of what is on stdout, without a hole */
    const char *at = program.out;
    size_t n_before = 0;
    while (*at && n > 0 && !line_equal(at, json[0], n_json[0])) {
        at = strchr(at, '\n') + 1;
        n_before++;
    }
    assert_true(n > n_before);
    for (size_t k = 0; k < n; k++) {
        json_t *event = json_loads(json[k], 0, NULL);
        char topic[64];
        snprintf(topic, sizeof topic, "%s.dock-1", program_text(event, "type"));
        assert_string_equal(topics[k], topic);
        json_decref(event);
        at = line_equal(at, json[k], n_json[k]);
        if (!at) {
            fail_msg("message %zu is not the next line of stdout: %s", k, json[k]);
        }
    }
    assert_string_equal(at, ""); /* the summary was the last message too */
    program_free(&program);
}

static void program_does_not_wait_for_a_slow_subscriber(void **state)
{
    (void)state;
    char flags[256];
    snprintf(flags, sizeof flags,
             "inventory --json --radio.sim.pace max --tags 100 --duration %g --seed 3 "
             "--target dual --trace",
             10 * PROGRAM_SCALE);
    void *context = zmq_ctx_new();
    const int port = program_free_port(), linger_ms = 0;
    void *socket = subscriber(context, port, 1);
    char text[512];
    snprintf(text, sizeof text, "%s --publish.zmq.enabled=false", flags);
    char *expected = run_output(PROGRAM_ZPREADER, text);
    struct program program;
    program_run(&program,
                "%s --publish.zmq.endpoint tcp://127.0.0.1:%d --publish.zmq.queue_records 10",
                flags, port);
    program_succeeded(&program);
    json_t *events = program_events(&program);
    program_check_events(events);
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    const json_t *host = json_object_get(summary, "host");
    /* a sanitized build tells less in the same time than the queues of a stopped socket hold */
    assert_true(PROGRAM_IS_SLOW || program_number(host, "dropped_events") > 0);
    check_same(expected, program_without_host(program.out));
    free(expected);
    json_decref(events);
    program_free(&program);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(socket);
    zmq_ctx_term(context);
}

/* ---- signals ---- */

static void stop_by(int number)
{
    struct program program;
    program_launch(&program, PROGRAM_ZPREADER, QUIET " --tags 100 --target dual");
    program_await_lines(&program, "\"type\":\"read\"", 20, 10.0);
    const double asked_s = program_clock_s();
    kill(program.process, number);
    program_wait(&program, 5.0);
    program_succeeded(&program);
    assert_true(program_clock_s() - asked_s < (PROGRAM_IS_SLOW ? 10.0 : 2.0));
    json_t *events = program_events(&program);
    program_check_events(events);
    assert_true(program_count(events, "read") >= 20);
    json_decref(events);
    program_free(&program);
}

static void program_ends_in_order_on_sigint(void **state)
{
    (void)state;
    stop_by(SIGINT);
}

static void program_ends_in_order_on_sigterm(void **state)
{
    (void)state;
    stop_by(SIGTERM);
}

static void program_ends_in_order_when_the_terminal_closes(void **state)
{
    (void)state;
    stop_by(SIGHUP);
}

static void program_ends_when_nobody_reads_its_output(void **state)
{
    (void)state;
    static const char *const modes[] = {"--json", "--run.json=false"};
    for (size_t k = 0; k < 2; k++) {
        char script[128], text[512];
        snprintf(script, sizeof script, "%s/pipe.sh", program_directory);
        int n = snprintf(text, sizeof text,
                         "{ '%s' inventory --publish.zmq.enabled=false --radio.sim.pace max "
                         "--target dual -q %s; echo \"ended $?\" >&2; } | head -1\n",
                         PROGRAM_ZPREADER, modes[k]);
        program_write_file(script, text, (size_t)n);
        struct program program;
        program_start(&program, "/bin/sh", script);
        program_wait(&program, 10.0);
        program_succeeded(&program);
        assert_string_equal(program.err, "ended 0\n");
        assert_ptr_equal(strchr(program.out, '\n'), program.out + strlen(program.out) - 1);
        program_free(&program);
    }
}

/* ---- noise alone ---- */

/* Rounds of 256 slots: most commands are QueryReps, which are short. */
static void check_noise(const char *flags, double duration_s)
{
    char text[512];
    snprintf(text, sizeof text, FAST " --q 8 --inventory.q_min 8 --duration %g %s",
             duration_s * PROGRAM_SCALE, flags);
    json_t *events = run_events(text);
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    const double n_empty = slots_of(summary, "empty");
    const double n_alarms = (double)program_count(events, "slot") - n_empty;
    print_message("%s: %g empty slots, %g false alarms\n", flags, n_empty, n_alarms);
    assert_true(n_empty >= 10000 * PROGRAM_SCALE);
    assert_true(n_alarms <= 2);
    assert_int_equal(program_count(events, "read"), 0);
    json_decref(events);
}

static void program_hears_nothing_in_noise(void **state)
{
    (void)state;
    check_noise("--tags 0", 8.5);
    check_noise("--tags 0 --tari 12.5 --link.data1_tari 1.5 --blf 160k", 3.5);
    check_noise("--tags 0 --tari 12.5 --blf 250k --link.m miller4", 4.4);
    check_noise("--tags 1 --radio.sim.ebn0_db -40", 8.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_reads_all_tags_and_no_other, program_kill_all),
        cmocka_unit_test_teardown(program_summary_counts_the_events, program_kill_all),
        cmocka_unit_test_teardown(program_counts_each_tag, program_kill_all),
        cmocka_unit_test_teardown(program_reads_over_every_link, program_kill_all),
        cmocka_unit_test_teardown(program_repeats_itself, program_kill_all),
        cmocka_unit_test_teardown(program_repeats_itself_on_one_core_and_paced, program_kill_all),
        cmocka_unit_test_teardown(program_publishes_what_it_prints, program_kill_all),
        cmocka_unit_test_teardown(program_does_not_wait_for_a_slow_subscriber, program_kill_all),
        cmocka_unit_test_teardown(program_ends_in_order_on_sigint, program_kill_all),
        cmocka_unit_test_teardown(program_ends_in_order_on_sigterm, program_kill_all),
        cmocka_unit_test_teardown(program_ends_in_order_when_the_terminal_closes, program_kill_all),
        cmocka_unit_test_teardown(program_ends_when_nobody_reads_its_output, program_kill_all),
        cmocka_unit_test_teardown(program_hears_nothing_in_noise, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
