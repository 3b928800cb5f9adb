/* stats.c - counters of a run. */
#include "reader/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define STATS_BIN_RATIO 1.02
#define STATS_LOWEST 1e-3

static int bin_of(double value)
{
    double place = log(fmax(value, STATS_LOWEST) / STATS_LOWEST) / log(STATS_BIN_RATIO);
    return place >= STATS_BINS - 1 ? STATS_BINS - 1 : (int)place;
}

void stats_add(struct stats_distribution *distribution, double value)
{
    require(value >= 0.0);
    distribution->bin[bin_of(value)]++;
    distribution->n++;
    distribution->max = fmax(distribution->max, value);
}

double stats_percentile(const struct stats_distribution *distribution, double ratio)
{
    if (distribution->n == 0) {
        return NAN;
    }
    uint64_t rank = (uint64_t)ceil(ratio * (double)distribution->n);
    uint64_t seen = 0;
    for (int k = 0; k < STATS_BINS; k++) {
        seen += distribution->bin[k];
        if (seen >= rank && seen > 0) {
            return fmin(STATS_LOWEST * pow(STATS_BIN_RATIO, k + 0.5), distribution->max);
        }
    }
    return distribution->max;
}

enum status stats_turnaround_init(struct stats_turnaround *turnaround)
{
    memset(&turnaround->us, 0, sizeof turnaround->us);
    int failed = pthread_mutex_init(&turnaround->mutex, NULL);
    return failed ? status_fail(ST_NO_MEMORY, "statistics: %s", strerror(failed)) : ST_OK;
}

void stats_turnaround_fini(struct stats_turnaround *turnaround)
{
    pthread_mutex_destroy(&turnaround->mutex);
}

void stats_turnaround_add(struct stats_turnaround *turnaround, double us)
{
    pthread_mutex_lock(&turnaround->mutex);
    stats_add(&turnaround->us, fmax(us, 0.0));
    pthread_mutex_unlock(&turnaround->mutex);
}

void stats_turnaround_read(struct stats_turnaround *turnaround, double *p50_us, double *p99_us,
                           double *max_us)
{
    pthread_mutex_lock(&turnaround->mutex);
    *p50_us = stats_percentile(&turnaround->us, 0.50);
    *p99_us = stats_percentile(&turnaround->us, 0.99);
    *max_us = turnaround->us.n > 0 ? turnaround->us.max : NAN;
    pthread_mutex_unlock(&turnaround->mutex);
}

struct tag_entry {
    uint64_t n_seen;
    uint16_t n_bits;
    uint8_t epc[62];
};

struct stats_tags {
    size_t capacity; /* power of two */
    size_t n_unique;
    struct tag_entry *entry;
};

enum status stats_tags_new(size_t capacity, struct stats_tags **tags)
{
    struct stats_tags *t = calloc(1, sizeof *t);
    size_t size = 1024;
    while (size < 2 * capacity) {
        size *= 2;
    }
    if (t) {
        t->capacity = size;
        t->entry = calloc(size, sizeof *t->entry);
    }
    if (!t || !t->entry) {
        free(t);
        return status_fail(ST_NO_MEMORY, "tag table: no memory for %zu tags", capacity);
    }
    *tags = t;
    return ST_OK;
}

void stats_tags_free(struct stats_tags **tags)
{
    if (*tags) {
        free((*tags)->entry);
        free(*tags);
        *tags = NULL;
    }
}

static uint64_t tag_hash(const uint8_t *epc, size_t n_bytes)
{
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (size_t k = 0; k < n_bytes; k++) {
        hash = (hash ^ epc[k]) * 1099511628211u;
    }
    return hash ^ hash >> 29;
}

uint64_t stats_tags_count(struct stats_tags *tags, const uint8_t *epc, size_t n_epc_bits)
{
    size_t n_bytes = (n_epc_bits + 7) / 8;
    require(n_bytes <= sizeof tags->entry->epc);
    size_t at = tag_hash(epc, n_bytes) & (tags->capacity - 1);
    while (tags->entry[at].n_seen > 0) {
        struct tag_entry *entry = &tags->entry[at];
        if (entry->n_bits == n_epc_bits && memcmp(entry->epc, epc, n_bytes) == 0) {
            return ++entry->n_seen;
        }
        at = (at + 1) & (tags->capacity - 1);
    }
    if (tags->n_unique + tags->capacity / 8 >= tags->capacity) {
        return 0;
    }
    struct tag_entry *entry = &tags->entry[at];
    entry->n_seen = 1;
    entry->n_bits = (uint16_t)n_epc_bits;
    memcpy(entry->epc, epc, n_bytes);
    tags->n_unique++;
    return 1;
}

uint64_t stats_tags_unique(const struct stats_tags *tags)
{
    return tags->n_unique;
}
