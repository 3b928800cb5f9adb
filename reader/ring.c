/* ring.c - SPSC ring and bell. */
#include "reader/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/require.h"
#include "reader/watchdog.h"

enum { SPINS_BEFORE_SLEEP = 200 };

enum status bell_init(struct bell *bell)
{
    atomic_init(&bell->rings, 0);
    atomic_init(&bell->sleeping, false);
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes)) {
        return status_fail(ST_NO_MEMORY, "bell: no condition attributes");
    }
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_mutex_init(&bell->mutex, NULL);
    failed = failed ? failed : pthread_cond_init(&bell->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed ? status_fail(ST_NO_MEMORY, "bell: %s", strerror(failed)) : ST_OK;
}

void bell_fini(struct bell *bell)
{
    pthread_cond_destroy(&bell->wake);
    pthread_mutex_destroy(&bell->mutex);
}

unsigned bell_read(struct bell *bell)
{
    return atomic_load(&bell->rings);
}

void bell_ring(struct bell *bell)
{
    atomic_fetch_add(&bell->rings, 1);
    if (atomic_load(&bell->sleeping)) {
        pthread_mutex_lock(&bell->mutex);
        pthread_cond_signal(&bell->wake);
        pthread_mutex_unlock(&bell->mutex);
    }
}

static void bell_deadline(struct timespec *deadline, int timeout_ms)
{
    clock_gettime(CLOCK_MONOTONIC, deadline);
    deadline->tv_sec += timeout_ms / 1000;
    deadline->tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (deadline->tv_nsec >= 1000000000L) {
        deadline->tv_sec++;
        deadline->tv_nsec -= 1000000000L;
    }
}

void bell_wait(struct bell *bell, unsigned seen, int timeout_ms)
{
    watchdog_beat();
    for (int spin = 0; spin < SPINS_BEFORE_SLEEP; spin++) {
        if (atomic_load(&bell->rings) != seen) {
            return;
        }
    }
    struct timespec deadline;
    if (timeout_ms >= 0) {
        bell_deadline(&deadline, timeout_ms);
    }
    pthread_mutex_lock(&bell->mutex);
    atomic_store(&bell->sleeping, true);
    while (atomic_load(&bell->rings) == seen) {
        if (timeout_ms < 0) {
            pthread_cond_wait(&bell->wake, &bell->mutex);
        } else if (pthread_cond_timedwait(&bell->wake, &bell->mutex, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    atomic_store(&bell->sleeping, false);
    pthread_mutex_unlock(&bell->mutex);
}

enum status ring_init(struct ring *ring, size_t item_bytes, size_t capacity, struct bell *consumer)
{
    require(capacity > 0);
    require((capacity & (capacity - 1)) == 0);
    ring->items = calloc(capacity, item_bytes);
    ring->item_bytes = item_bytes;
    ring->capacity = capacity;
    ring->bell = consumer;
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
    return ring->items ? ST_OK : status_fail(ST_NO_MEMORY, "ring: no memory");
}

void ring_fini(struct ring *ring)
{
    free(ring->items);
    ring->items = NULL;
}

bool ring_push(struct ring *ring, const void *item)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    size_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    if (tail - head == ring->capacity) {
        return false;
    }
    memcpy(ring->items + (tail & (ring->capacity - 1)) * ring->item_bytes, item, ring->item_bytes);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    bell_ring(ring->bell);
    return true;
}

bool ring_pop(struct ring *ring, void *item)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (head == tail) {
        return false;
    }
    memcpy(item, ring->items + (head & (ring->capacity - 1)) * ring->item_bytes, ring->item_bytes);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}
