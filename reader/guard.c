/* guard.c - a hung thread: carrier off, publishers flushed, the rest left behind. */
#include "reader/guard.h"

#include <time.h>

#include "reader/crash.h"

#define POLL_NS 5000000L
#define WAIT_NS 1000000000L /* for TX to have sent the ramp, for PUBLISH to have flushed */

static bool wait_for(atomic_bool *flag)
{
    const struct timespec poll = {.tv_nsec = POLL_NS};
    for (long waited_ns = 0; waited_ns < WAIT_NS && !atomic_load(flag); waited_ns += POLL_NS) {
        nanosleep(&poll, NULL);
    }
    return atomic_load(flag);
}

static void guard_hung(void *context, const char *name)
{
    struct reader *reader = context;
    atomic_store(&reader->tx_off_tick, 0);
    atomic_store(&reader->tx_horizon_tick, INT64_MAX);
    bell_ring(&reader->bell_tx);
    bool off = wait_for(&reader->tx_over);
    enum status status =
        status_fail(ST_TIMEOUT, "%s has stood still for %g s (run.watchdog_s): carrier %s", name,
                    reader->cfg.run.watchdog_s,
                    off ? "switched off" : "left to run dry, the radio takes no more samples");
    reader_fail(reader, status);
    atomic_store(&reader->forsaken, true);
    bell_ring(&reader->bell_publish);
    wait_for(&reader->over);
    atomic_store(&reader->over, true); /* even if PUBLISH is the one who hangs */
}

enum status guard_start(struct reader *reader)
{
    crash_arm(reader);
    enum status status =
        watchdog_start(&reader->watchdog, reader->cfg.run.watchdog_s, guard_hung, reader);
    if (!status && radio_ops_of(reader->radio)->real_time) {
        watchdog_hurry(&reader->watchdog);
    }
    return status;
}

void guard_stop(struct reader *reader)
{
    watchdog_stop(&reader->watchdog);
    crash_disarm();
}
