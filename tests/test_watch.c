/* test_watch.c - `watch` in a process of its own, against a PUB socket. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "reader/publish.h"
#include "reader/run.h"

static char directory[64], endpoint[96], path_out[96], path_err[96];

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test_watch.XXXXXX");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(endpoint, sizeof endpoint, "ipc://%s/pub", directory);
    snprintf(path_out, sizeof path_out, "%s/out", directory);
    snprintf(path_err, sizeof path_err, "%s/err", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path_out);
    unlink(path_err);
    unlink(endpoint + strlen("ipc://"));
    return rmdir(directory);
}

static void redirect(const char *path, int descriptor)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || dup2(file, descriptor) < 0) {
        _exit(99);
    }
    close(file);
}

/* Start `watch ENDPOINT` with some keys set; no ZeroMQ context exists yet in this process. */
static pid_t watch_start(const char *where, const char *json, const char *duration_s)
{
    fflush(stdout);
    pid_t child = fork();
    if (child != 0) {
        return child;
    }
    static const struct option_table *const tables[] = {&run_options, &publish_options};
    struct option_set *options = NULL;
    char argument[96];
    char *arguments[] = {argument, NULL};
    redirect(path_out, STDOUT_FILENO);
    redirect(path_err, STDERR_FILENO);
    snprintf(argument, sizeof argument, "%s", where);
    if (option_set_new(tables, 2, &options) != ST_OK ||
        option_set_text(options, "run.json", json, "test") != ST_OK ||
        option_set_text(options, "run.duration_s", duration_s, "test") != ST_OK) {
        _exit(98);
    }
    int exit_status = cmd_watch(options, 1, arguments);
    option_set_free(&options);
    fflush(stdout);
    _exit(exit_status);
}

static int watch_wait(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static const char *text_of(const char *path)
{
    static char text[2][8192];
    static int turn;
    turn = !turn;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text[turn], 1, sizeof *text - 1, file);
    text[turn][n] = '\0';
    fclose(file);
    return text[turn];
}

static void say(void *socket, const char *topic, const char *json)
{
    assert_int_equal(zmq_send(socket, topic, strlen(topic), json ? ZMQ_SNDMORE : 0), strlen(topic));
    if (json) {
        assert_int_equal(zmq_send(socket, json, strlen(json), 0), strlen(json));
    }
}

static const char read_json[] =
    "{\"v\":1,\"type\":\"read\",\"reader\":\"r\",\"t\":1.5,\"epc\":\"3034\",\"new\":[1,2]}";

/* Run watch while a publisher says good and bad things. */
static int watch_hear(const char *json)
{
    const struct timespec connect = {.tv_nsec = 700000000};
    pid_t child = watch_start(endpoint, json, "2");
    void *zmq = zmq_ctx_new();
    void *socket = zmq_socket(zmq, ZMQ_PUB);
    assert_int_equal(zmq_bind(socket, endpoint), 0);
    nanosleep(&connect, NULL);
    say(socket, "read.r", "{\"v\":1,");
    say(socket, "read.r", read_json);
    say(socket, "read.r", NULL);
    say(socket, "access.r", "{\"v\":1,\"type\":\"access\",\"t\":2}");
    int exit_status = watch_wait(child);
    zmq_close(socket);
    zmq_ctx_term(zmq);
    return exit_status;
}

static void watch_json_goes_through_as_it_came(void **state)
{
    (void)state;
    char expected[256];
    assert_int_equal(watch_hear("true"), 0);
    snprintf(expected, sizeof expected, "%s\n%s\n", read_json,
             "{\"v\":1,\"type\":\"access\",\"t\":2}"); /* types of later versions, too */
    assert_string_equal(text_of(path_out), expected);
    const char *said = text_of(path_err);
    const char *first = strstr(said, "malformed message");
    assert_non_null(first);
    assert_null(strstr(first + 1, "malformed message from")); /* one warning */
    assert_non_null(strstr(said, "2 malformed messages"));
}

static void watch_shows_reads_as_lines(void **state)
{
    (void)state;
    assert_int_equal(watch_hear("false"), 0);
    const char *shown = text_of(path_out);
    assert_memory_equal(shown, record_line_header(), strlen(record_line_header()));
    assert_non_null(strstr(shown, "\n    1.5000 3034 "));
}

static void watch_says_when_nothing_is_heard(void **state)
{
    (void)state;
    unlink(endpoint + strlen("ipc://"));
    assert_int_equal(watch_wait(watch_start(endpoint, "true", "3.3")), 0);
    assert_string_equal(text_of(path_out), "");
    const char *said = text_of(path_err);
    assert_non_null(strstr(said, "nothing heard from ipc://"));
    assert_non_null(strstr(said, "is a reader running"));
}

static void watch_refuses_an_endpoint_that_is_none(void **state)
{
    (void)state;
    assert_int_equal(watch_wait(watch_start("localhost", "true", "1")), 2);
    assert_non_null(strstr(text_of(path_err), "'localhost'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_json_goes_through_as_it_came),
        cmocka_unit_test(watch_shows_reads_as_lines),
        cmocka_unit_test(watch_says_when_nothing_is_heard),
        cmocka_unit_test(watch_refuses_an_endpoint_that_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
