/* ring.h - bounded single-producer single-consumer ring of fixed-size items, and the bell that wakes
 * its consumer.                                                              layer: reader
 * C11 atomics, no locks on the way; a bell's mutex is touched only when its owner sleeps. */
#ifndef READER_RING_H
#define READER_RING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"

struct bell { /* one for each consumer thread, rung by all that feed it */
    atomic_uint rings;
    atomic_bool sleeping;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

enum status bell_init(struct bell *bell) must_check;
void bell_fini(struct bell *bell);
/* What to hand to bell_wait: read it before looking into the rings. */
unsigned bell_read(struct bell *bell);
void bell_ring(struct bell *bell);
/* Sleep until the bell has been rung since `seen` was read, at most timeout_ms (-1: for ever). */
void bell_wait(struct bell *bell, unsigned seen, int timeout_ms);

struct ring {
    unsigned char *items;
    size_t item_bytes, capacity;     /* capacity: power of two */
    _Alignas(64) atomic_size_t head; /* consumer */
    _Alignas(64) atomic_size_t tail; /* producer */
    struct bell *bell;               /* of the consumer, borrowed */
};

/*   pre capacity is a power of two   err ST_NO_MEMORY */
enum status ring_init(struct ring *ring, size_t item_bytes, size_t capacity,
                      struct bell *consumer) must_check;
void ring_fini(struct ring *ring);
/* Copy an item in and ring the bell.  out false: full, nothing done. Producer only. */
bool ring_push(struct ring *ring, const void *item);
/* Copy an item out.  out false: empty. Consumer only. */
bool ring_pop(struct ring *ring, void *item);

#endif
