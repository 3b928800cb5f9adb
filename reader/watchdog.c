/* watchdog.c - a thread that looks at the others. */
#include "reader/watchdog.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <time.h>

#include "config/require.h"

enum { LOOKS = 20 }; /* within the patience */

static _Thread_local struct watchdog_beat *own_beat;

void watchdog_join(struct watchdog *watchdog, unsigned place, const char *name)
{
    require(place < WATCHDOG_THREADS_MAX);
    require(name);
    own_beat = &watchdog->beat[place];
    require(!own_beat->name);
    own_beat->name = name;
    atomic_store(&own_beat->awake, true);
}

void watchdog_leave(void)
{
    if (own_beat) {
        atomic_store(&own_beat->awake, false);
    }
}

void watchdog_return(void)
{
    if (own_beat) {
        atomic_fetch_add_explicit(&own_beat->n_beats, 1, memory_order_relaxed);
        atomic_store(&own_beat->awake, true);
    }
}

void watchdog_beat(void)
{
    if (own_beat) {
        atomic_fetch_add_explicit(&own_beat->n_beats, 1, memory_order_relaxed);
    }
}

/* Wait for the next look.   ret  false: stop */
static bool look_wait(struct watchdog *watchdog)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    long step_ns = (long)(watchdog->patience_s * 1e9 / LOOKS);
    end.tv_sec += (end.tv_nsec + step_ns) / 1000000000L;
    end.tv_nsec = (end.tv_nsec + step_ns) % 1000000000L;
    pthread_mutex_lock(&watchdog->mutex);
    int waited = 0;
    while (!watchdog->stop && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&watchdog->change, &watchdog->mutex, &end);
    }
    bool stop = watchdog->stop;
    pthread_mutex_unlock(&watchdog->mutex);
    return !stop;
}

static void *watch(void *argument)
{
    struct watchdog *watchdog = argument;
    unsigned seen[WATCHDOG_THREADS_MAX] = {0}, n_still[WATCHDOG_THREADS_MAX] = {0};
    while (look_wait(watchdog)) {
        for (size_t k = 0; k < WATCHDOG_THREADS_MAX; k++) {
            struct watchdog_beat *beat = &watchdog->beat[k];
            unsigned n_beats = atomic_load_explicit(&beat->n_beats, memory_order_relaxed);
            bool still = atomic_load(&beat->awake) && n_beats == seen[k];
            n_still[k] = still ? n_still[k] + 1 : 0;
            seen[k] = n_beats;
            if (n_still[k] > LOOKS) { /* the first look only learns where the count is */
                watchdog->hung(watchdog->context, beat->name);
                return NULL;
            }
        }
    }
    return NULL;
}

enum status watchdog_start(struct watchdog *watchdog, double patience_s,
                           void (*hung)(void *context, const char *name), void *context)
{
    require(watchdog);
    require(patience_s > 0.0);
    require(hung);
    watchdog->patience_s = patience_s;
    watchdog->hung = hung;
    watchdog->context = context;
    watchdog->stop = false;
    pthread_mutex_init(&watchdog->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watchdog->change, &attributes);
    pthread_condattr_destroy(&attributes);
    watchdog->started = pthread_create(&watchdog->thread, NULL, watch, watchdog) == 0;
    return watchdog->started ? ST_OK : status_fail(ST_NO_MEMORY, "watchdog: no thread");
}

void watchdog_hurry(struct watchdog *watchdog)
{
    require(watchdog->started);
    struct sched_param parameters = {.sched_priority = sched_get_priority_max(SCHED_FIFO)};
    int refused = pthread_setschedparam(watchdog->thread, SCHED_FIFO, &parameters);
    (void)refused; /* host_serve says so of all threads */
}

void watchdog_stop(struct watchdog *watchdog)
{
    require(watchdog);
    if (!watchdog->started) {
        return;
    }
    pthread_mutex_lock(&watchdog->mutex);
    watchdog->stop = true;
    pthread_cond_broadcast(&watchdog->change);
    pthread_mutex_unlock(&watchdog->mutex);
    pthread_join(watchdog->thread, NULL);
    pthread_cond_destroy(&watchdog->change);
    pthread_mutex_destroy(&watchdog->mutex);
    watchdog->started = false;
}
