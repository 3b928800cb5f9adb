/* test_program_zmq.c - `--radio zmq` with the field of simulated tags as another process: all tags,
 * the tags' clock for T2, a far end that vanishes or never comes, busy ports. */
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/program.h"

#define READER "inventory --json --publish.zmq.enabled=false --radio zmq"

struct air_ports {
    int tx, rx;
};

static struct air_ports free_ports(void)
{
    struct air_ports ports = {.tx = program_free_port()};
    do {
        ports.rx = program_free_port();
    } while (ports.rx == ports.tx);
    return ports;
}

static void field_start(struct program *field, struct air_ports ports, const char *flags)
{
    program_launch(field, PROGRAM_FIELD,
                   "--tx tcp://127.0.0.1:%d --rx tcp://127.0.0.1:%d --tags 20 %s", ports.tx,
                   ports.rx, flags);
}

static void reader_start_on(struct program *reader, struct air_ports ports, const char *flags)
{
    program_launch(reader, PROGRAM_ZPREADER,
                   READER " --radio.zmq.tx tcp://127.0.0.1:%d --radio.zmq.rx tcp://127.0.0.1:%d %s",
                   ports.tx, ports.rx, flags);
}

static void exchange(const char *link_flags, double rate_sps, double duration_s, int n_channels)
{
    const struct air_ports ports = free_ports();
    struct program field, reader;
    char flags[512];
    snprintf(flags, sizeof flags, "--seed 5 --rate %g --field.n_rx_channels %d", rate_sps,
             n_channels);
    field_start(&field, ports, flags);
    snprintf(flags, sizeof flags, "--rate %g --duration %g --radio.n_rx_channels %d %s", rate_sps,
             duration_s, n_channels, link_flags);
    reader_start_on(&reader, ports, flags);
    program_wait(&reader, 30.0);
    program_succeeded(&reader);
    program_wait(&field, 10.0);
    program_succeeded(&field);
    json_t *events = program_events(&reader);
    program_check_events(events);
    program_check_epcs(events, 20, 5);
    const json_t *summary = json_array_get(events, json_array_size(events) - 1);
    assert_true(program_number(summary, "late") == 0);
    json_t *truth = json_loads(field.out, 0, NULL);
    assert_non_null(truth);
    assert_true(program_number(truth, "n_acks_late") == 0); /* T2 max, as the tags count it */
    assert_true(program_number(truth, "n_acks_heard") >= 20);
    const double n_epc_sent = program_number(truth, "n_epc_sent");
    assert_true(n_epc_sent >= (double)program_count(events, "read"));
    json_decref(truth);
    json_decref(events);
    program_free(&reader);
    program_free(&field);
}

static void program_zmq_reads_all_tags_in_time(void **state)
{
    (void)state;
    exchange("--tari 25", 2e6, 0.3, 1);
    exchange("--tari 12.5 --link.data1_tari 1.5 --blf 320k --target dual", 4e6, 0.06, 1);
    exchange("--tari 6.25 --link.data1_tari 1.5 --blf 640k", 8e6, 0.03, 1);
    exchange("--tari 12.5 --blf 250k --link.m miller4", 4e6, 0.12, 2);
}

static void program_zmq_repeats_itself(void **state)
{
    (void)state;
    char *text[2];
    for (size_t k = 0; k < 2; k++) {
        const struct air_ports ports = free_ports();
        struct program field, reader;
        field_start(&field, ports, "--seed 9");
        reader_start_on(&reader, ports, "--duration 0.2 --trace");
        program_wait(&reader, 30.0);
        program_succeeded(&reader);
        text[k] = program_without_host(reader.out);
        program_free(&reader);
        program_free(&field);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

/* What a lost far end leaves: the reads so far, a summary, one message that names it. */
static void check_loss(struct program *reader, struct air_ports ports, size_t n_reads_min)
{
    assert_int_equal(reader->exit_status, 1);
    char tx[64], rx[64];
    snprintf(tx, sizeof tx, "tcp://127.0.0.1:%d", ports.tx);
    snprintf(rx, sizeof rx, "tcp://127.0.0.1:%d", ports.rx);
    if (!strstr(reader->err, tx) && !strstr(reader->err, rx)) {
        fail_msg("no endpoint in: %s", reader->err);
    }
    assert_non_null(strstr(reader->err, "0.5 s"));
    assert_non_null(strstr(reader->err, "radio.zmq.timeout_s"));
    json_t *events = program_events(reader);
    program_check_events(events);
    assert_true(program_count(events, "read") >= n_reads_min);
    json_decref(events);
}

static void program_zmq_tells_when_the_far_end_vanishes(void **state)
{
    (void)state;
    const struct air_ports ports = free_ports();
    struct program field, reader;
    field_start(&field, ports, "--seed 5");
    reader_start_on(&reader, ports, "--target dual --radio.zmq.timeout_s 0.5");
    program_await_lines(&reader, "\"type\":\"read\"", 5, 10.0);
    kill(field.process, SIGKILL);
    const double killed_s = program_clock_s();
    program_wait(&reader, 10.0);
    assert_true(program_clock_s() - killed_s < 0.5 + (PROGRAM_IS_SLOW ? 10.0 : 2.0));
    check_loss(&reader, ports, 5);
    program_free(&reader);
    program_free(&field);
}

static void program_zmq_tells_when_the_far_end_never_comes(void **state)
{
    (void)state;
    const struct air_ports ports = free_ports();
    struct program reader;
    reader_start_on(&reader, ports, "--radio.zmq.timeout_s 0.5 --duration 1");
    program_wait(&reader, 10.0);
    assert_true(reader.wall_s >= 0.5);
    assert_true(reader.wall_s < 0.5 + (PROGRAM_IS_SLOW ? 10.0 : 2.0));
    check_loss(&reader, ports, 0);
    program_free(&reader);
}

static void program_zmq_ends_well_when_the_far_end_closes_after_the_duration(void **state)
{
    (void)state;
    static const char *const lengths[] = {"0.2", "0.2003", "0.202", "0.2037"};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        const struct air_ports ports = free_ports();
        struct program field, reader;
        char flags[64];
        snprintf(flags, sizeof flags, "--field.duration_s %s", lengths[k]);
        field_start(&field, ports, flags);
        reader_start_on(&reader, ports, "--duration 0.2 --radio.zmq.timeout_s 20");
        program_wait(&field, 15.0);
        const double closed_s = program_clock_s();
        program_wait(&reader, 10.0);
        program_succeeded(&reader);
        assert_true(program_clock_s() - closed_s < (PROGRAM_IS_SLOW ? 8.0 : 2.0)); /* at once */
        assert_string_equal(reader.err, "");
        json_t *events = program_events(&reader);
        program_check_events(events);
        json_decref(events);
        program_free(&reader);
        program_free(&field);
    }
}

static void program_zmq_stops_while_it_waits(void **state)
{
    (void)state;
    const struct air_ports ports = free_ports();
    struct program field, reader;
    field_start(&field, ports, "--seed 5");
    reader_start_on(&reader, ports, "--target dual");
    program_await_lines(&reader, "\"type\":\"read\"", 5, 10.0);
    kill(field.process, SIGSTOP); /* alive, and silent: radio.zmq.timeout_s would be 10 s */
    kill(reader.process, SIGINT);
    program_wait(&reader, 4.0);
    program_succeeded(&reader);
    json_t *events = program_events(&reader);
    program_check_events(events);
    json_decref(events);
    kill(field.process, SIGCONT);
    program_free(&reader);
    program_free(&field);
}

/* ---- busy ports ---- */

/*   ret  the listening socket, -1 when somebody listens there already */
static int occupy(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)port)};
    const int listener = socket(AF_INET, SOCK_STREAM, 0), again = 1;
    assert_true(listener >= 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) {
        close(listener);
        return -1;
    }
    return listener;
}

static void program_zmq_names_a_busy_port(void **state)
{
    (void)state;
    const struct air_ports ports = free_ports();
    const int listener = occupy(ports.tx);
    assert_true(listener >= 0);
    struct program reader;
    reader_start_on(&reader, ports, "--duration 0.1");
    program_wait(&reader, 5.0);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ports.tx);
    assert_int_equal(reader.exit_status, 1);
    assert_string_equal(reader.out, "");
    assert_non_null(strstr(reader.err, endpoint));
    assert_non_null(strstr(reader.err, "radio.zmq.tx"));
    assert_non_null(strstr(reader.err, "in use"));
    close(listener);
    program_free(&reader);
}

static void program_goes_on_when_the_default_endpoint_is_busy(void **state)
{
    (void)state;
    const int listener = occupy(5556);
    struct program reader;
    program_run(&reader, "inventory --json --radio.sim.pace max --tags 5 --duration 0.2");
    program_succeeded(&reader);
    assert_non_null(strstr(reader.err, "warning:"));
    assert_non_null(strstr(reader.err, "tcp://127.0.0.1:5556"));
    json_t *events = program_events(&reader);
    program_check_events(events);
    program_check_epcs(events, 5, 1);
    json_decref(events);
    close(listener);
    program_free(&reader);
}

static void program_refuses_a_busy_endpoint_that_was_named(void **state)
{
    (void)state;
    const int port = program_free_port(), listener = occupy(port);
    assert_true(listener >= 0);
    struct program reader;
    program_run(&reader,
                "inventory --json --radio.sim.pace max --duration 0.2 "
                "--publish.zmq.endpoint tcp://127.0.0.1:%d",
                port);
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    assert_int_equal(reader.exit_status, 1); /* a socket failed: not bad usage */
    assert_string_equal(reader.out, "");
    assert_non_null(strstr(reader.err, "error:"));
    assert_non_null(strstr(reader.err, endpoint));
    close(listener);
    program_free(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_zmq_reads_all_tags_in_time, program_kill_all),
        cmocka_unit_test_teardown(program_zmq_repeats_itself, program_kill_all),
        cmocka_unit_test_teardown(program_zmq_tells_when_the_far_end_vanishes, program_kill_all),
        cmocka_unit_test_teardown(program_zmq_tells_when_the_far_end_never_comes, program_kill_all),
        cmocka_unit_test_teardown(program_zmq_ends_well_when_the_far_end_closes_after_the_duration,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_zmq_stops_while_it_waits, program_kill_all),
        cmocka_unit_test_teardown(program_zmq_names_a_busy_port, program_kill_all),
        cmocka_unit_test_teardown(program_goes_on_when_the_default_endpoint_is_busy,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_refuses_a_busy_endpoint_that_was_named, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
