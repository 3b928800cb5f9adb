/* watchdog.h - notices threads that stand still.                              layer: reader
 * A watched thread beats in each of its loops, also while it waits. When one has not beaten for the
 * patience given, the watchdog's own thread calls `hung`, once. Time is counted in looks of the
 * watchdog itself: a process that was stopped as a whole, or a host that slept, is not hung. */
#ifndef READER_WATCHDOG_H
#define READER_WATCHDOG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "config/status.h"

enum { WATCHDOG_THREADS_MAX = 4 };

struct watchdog_beat {
    const char *name; /* NULL: place free */
    atomic_uint n_beats;
    atomic_bool awake; /* false: not watched now */
};

struct watchdog { /* embedded; fields private. Zeroed memory is a watchdog never started */
    struct watchdog_beat beat[WATCHDOG_THREADS_MAX];
    double patience_s;
    void (*hung)(void *context, const char *name);
    void *context;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t change;
    bool stop;
};

/* Start watching; threads join later.
 *   pre  patience_s > 0; `hung` runs on the watchdog's thread and may take its time
 *   err  ST_NO_MEMORY no thread     own  borrows context until watchdog_stop */
enum status watchdog_start(struct watchdog *watchdog, double patience_s,
                           void (*hung)(void *context, const char *name), void *context) must_check;
/* Look before the threads that are looked at, where the system permits real-time priority. */
void watchdog_hurry(struct watchdog *watchdog);
/* No call of `hung` is under way or will come. Not from within it. */
void watchdog_stop(struct watchdog *watchdog);

/* The calling thread is watched from now on, under this name, in a place of its own.
 *   pre  place < WATCHDOG_THREADS_MAX, not taken; name static */
void watchdog_join(struct watchdog *watchdog, unsigned place, const char *name);
/* Any thread, nothing where it is not watched. */
void watchdog_leave(void);  /* it ends, or does what may take long ... */
void watchdog_return(void); /* ... and is back */
void watchdog_beat(void);

#endif
