/* test_program_guard.c - whatever befalls the program, the last the far end was sent is silence: crashes,
 * each thread that decides standing still (held by ptrace), signals that end a run. The far end is
 * zmq_field, which tells the last sample that was not zero. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/program.h"

#define ZEROS_LEAST 32 /* at the end of all that was sent: the run's own 64, blocks cut them */

struct pair {
    struct program reader, field;
};

static void recording_name(char path[128])
{
    snprintf(path, 128, "%s/guard.sigmf-data", program_directory);
}

static void pair_start(struct pair *pair, const char *command)
{
    int tx = program_free_port(), rx;
    char path[128];
    recording_name(path);
    unlink(path); /* of the pair before */
    do {
        rx = program_free_port();
    } while (rx == tx);
    program_launch(&pair->field, PROGRAM_FIELD,
                   "--tx tcp://127.0.0.1:%d --rx tcp://127.0.0.1:%d --tags 5 --seed 5 --rate 2M "
                   "--timeout 8",
                   tx, rx);
    program_launch(
        &pair->reader, PROGRAM_ZPREADER,
        "%s --record %s/guard --json --publish.zmq.enabled=false --radio zmq --radio.zmq.tx "
        "tcp://127.0.0.1:%d --radio.zmq.rx tcp://127.0.0.1:%d --rate 2M",
        command, program_directory, tx, rx);
}

/* Until samples have flowed for a while: an inventory has read tags, an emitter's recording grows. */
static void pair_await(struct pair *pair, const char *command)
{
    if (strstr(command, "inventory")) {
        program_await_lines(&pair->reader, "\"read\"", 20, 10.0);
        return;
    }
    char path[128];
    struct stat data = {0};
    recording_name(path);
    for (int k = 0; k < 2000 && data.st_size < 8 * 100000; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        if (stat(path, &data) != 0) {
            data.st_size = 0;
        }
    }
    assert_true(data.st_size >= 8 * 100000);
}

/* The far end ends when the reader is gone, and says what it was sent. */
static void pair_check_silence(struct pair *pair)
{
    program_wait(&pair->field, 15.0);
    program_succeeded(&pair->field);
    json_t *truth = json_loads(pair->field.out, 0, NULL);
    assert_non_null(truth);
    double n_samples = program_number(truth, "n_samples");
    double n_until_silence = program_number(truth, "n_until_silence");
    assert_true(n_until_silence > 1000.0);
    if (!(n_samples - n_until_silence >= ZEROS_LEAST)) {
        fail_msg("carrier up to sample %.0f of %.0f; stderr:\n%s", n_until_silence, n_samples,
                 pair->reader.err);
    }
    json_decref(truth);
    program_free(&pair->reader);
    program_free(&pair->field);
}

static void program_guard_ends_the_carrier_on_every_signal(void **state)
{
    (void)state;
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        struct pair pair;
        pair_start(&pair, "inventory --duration 600");
        program_await_lines(&pair.reader, "\"read\"", 20, 10.0);
        kill(pair.reader.process, numbers[k]);
        program_wait(&pair.reader, 5.0);
        program_succeeded(&pair.reader);
        pair_check_silence(&pair);
    }
}

static void program_guard_ends_the_carrier_when_it_crashes(void **state)
{
    (void)state;
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    if (PROGRAM_IS_SLOW) {
        skip(); /* sanitizers make an exit of their own of it */
    }
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        struct pair pair;
        const char *command = k % 2 ? "emit --duration 600" : "inventory --duration 600";
        pair_start(&pair, command);
        pair_await(&pair, command);
        kill(pair.reader.process, numbers[k]);
        program_wait_killed(&pair.reader, numbers[k], 5.0);
        assert_non_null(strstr(pair.reader.err, "crashed; switching the carrier off"));
        assert_non_null(strstr(pair.reader.err, "carrier off\n"));
        pair_check_silence(&pair);
    }
}

struct hold {
    pid_t thread;
    atomic_int held; /* 1: yes, -1: not permitted */
};

/* The tracer: holds the thread, and waits for its end, without which its process does not end. */
static void *hold(void *argument)
{
    struct hold *hold = argument;
    bool holds = ptrace(PTRACE_SEIZE, hold->thread, NULL, NULL) == 0 &&
                 ptrace(PTRACE_INTERRUPT, hold->thread, NULL, NULL) == 0;
    atomic_store(&hold->held, holds ? 1 : -1);
    int state = 0;
    while (holds && waitpid(hold->thread, &state, __WALL) == hold->thread && WIFSTOPPED(state)) {
    }
    return NULL;
}

static void hold_and_check(const char *command, const char *name, const char *who)
{
    const double patience_s = 0.5;
    char flags[128], message[128];
    struct pair pair;
    snprintf(flags, sizeof flags, "%s --duration 600 --run.watchdog_s %g", command, patience_s);
    snprintf(message, sizeof message, "%s has stood still for %g s (run.watchdog_s)", who,
             patience_s);
    pair_start(&pair, flags);
    pair_await(&pair, command);
    struct hold held = {.thread = program_thread(pair.reader.process, name)};
    assert_true(held.thread > 0);
    double begin_s = program_clock_s();
    pthread_t tracer;
    assert_int_equal(pthread_create(&tracer, NULL, hold, &held), 0);
    program_wait(&pair.reader, 6.0);
    double took_s = program_clock_s() - begin_s;
    pthread_join(tracer, NULL);
    assert_int_equal(atomic_load(&held.held), 1);
    assert_int_equal(pair.reader.exit_status, 1);
    assert_true(took_s > 0.8 * patience_s);
    if (!strstr(pair.reader.err, message)) {
        fail_msg("'%s' is not in '%s'", message, pair.reader.err);
    }
    assert_non_null(strstr(pair.reader.err, "carrier switched off"));
    pair_check_silence(&pair);
}

static void program_guard_ends_the_carrier_when_a_thread_hangs(void **state)
{
    (void)state;
    if (PROGRAM_IS_SLOW) {
        skip(); /* threads seem to hang, and those left behind are leaks */
    }
    hold_and_check("inventory", "zp-dsp", "the receiver (DSP thread)");
    hold_and_check("inventory", "zp-inventory", "the inventory (INVENTORY thread)");
    hold_and_check("emit", "zp-emit", "the emitter (EMIT thread)");
}

/* A process stopped as a whole is not hung: it goes on where it was. */
static void program_guard_survives_a_stop_of_the_process(void **state)
{
    (void)state;
    struct pair pair;
    pair_start(&pair, "inventory --duration 2");
    program_await_lines(&pair.reader, "\"read\"", 5, 10.0);
    kill(pair.reader.process, SIGSTOP);
    nanosleep(&(struct timespec){.tv_sec = 3}, NULL); /* longer than run.watchdog_s */
    kill(pair.reader.process, SIGCONT);
    program_wait(&pair.reader, 20.0);
    program_succeeded(&pair.reader);
    pair_check_silence(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_guard_ends_the_carrier_on_every_signal, program_kill_all),
        cmocka_unit_test_teardown(program_guard_ends_the_carrier_when_it_crashes, program_kill_all),
        cmocka_unit_test_teardown(program_guard_ends_the_carrier_when_a_thread_hangs,
                                  program_kill_all),
        cmocka_unit_test_teardown(program_guard_survives_a_stop_of_the_process, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
