/* crash.c - async-signal-safe calls only: atomics, write, nanosleep, sigaction, raise. */
#include "reader/crash.h"

#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config/require.h"

#define POLL_NS 2000000L
#define FLUSH_NS 20000000L /* a library's own threads pass the last samples on */

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { CRASH_SIGNALS = sizeof crash_signals / sizeof *crash_signals };

static struct sigaction crash_before[CRASH_SIGNALS];
static _Atomic(struct reader *) crash_reader;
static atomic_flag crash_taken = ATOMIC_FLAG_INIT;
static _Thread_local bool crash_is_tx;
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2, "a handler may not lock");

void crash_mark_tx(void)
{
    crash_is_tx = true;
}

static void crash_say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* nobody is left to tell */
}

static void crash_end_carrier(struct reader *reader)
{
    atomic_store(&reader->tx_off_tick, 0);
    atomic_store(&reader->tx_horizon_tick, INT64_MAX);
    const struct timespec poll = {.tv_nsec = POLL_NS}, flush = {.tv_nsec = FLUSH_NS};
    for (int waited_ms = 0; waited_ms < CRASH_WAIT_MS && !atomic_load(&reader->tx_over);
         waited_ms += POLL_NS / 1000000) {
        nanosleep(&poll, NULL);
    }
    nanosleep(&flush, NULL);
    crash_say(atomic_load(&reader->tx_over) ? "zpreader: carrier off\n"
                                            : "zpreader: carrier left to run dry\n");
}

static void crash_handle(int number)
{
    struct reader *reader = atomic_load(&crash_reader);
    if (reader && !atomic_flag_test_and_set(&crash_taken)) {
        crash_say("zpreader: crashed; switching the carrier off\n");
        if (!crash_is_tx) {
            crash_end_carrier(reader);
        }
    } else if (reader && !crash_is_tx) { /* another thread is at it */
        nanosleep(&(struct timespec){.tv_sec = CRASH_WAIT_MS / 1000}, NULL);
    }
    for (int k = 0; k < CRASH_SIGNALS; k++) {
        sigaction(crash_signals[k], &crash_before[k], NULL);
    }
    raise(number); /* taken when this handler returns */
}

void crash_arm(struct reader *reader)
{
    require(reader);
    struct sigaction action = {.sa_handler = crash_handle};
    sigemptyset(&action.sa_mask);
    atomic_store(&crash_reader, reader);
    for (int k = 0; k < CRASH_SIGNALS; k++) {
        sigaction(crash_signals[k], &action, &crash_before[k]);
    }
}

void crash_disarm(void)
{
    if (atomic_exchange(&crash_reader, NULL)) {
        for (int k = 0; k < CRASH_SIGNALS; k++) {
            sigaction(crash_signals[k], &crash_before[k], NULL);
        }
    }
}
