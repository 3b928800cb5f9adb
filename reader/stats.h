/* stats.h - what a run counts: tags seen, latencies, turnaround.               layer: reader */
#ifndef READER_STATS_H
#define READER_STATS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

/* Distribution of a positive quantity: logarithmic bins, 2 % wide; percentiles without storing. */
enum { STATS_BINS = 1200 };
struct stats_distribution {
    uint32_t bin[STATS_BINS];
    uint64_t n;
    double max;
};
void stats_add(struct stats_distribution *distribution, double value);
/* ratio 0..1; NaN when empty. Bin centre, never above the maximum seen. */
double stats_percentile(const struct stats_distribution *distribution, double ratio);

struct stats_turnaround { /* shared between two threads */
    pthread_mutex_t mutex;
    struct stats_distribution us;
};
enum status stats_turnaround_init(struct stats_turnaround *turnaround) must_check;
void stats_turnaround_fini(struct stats_turnaround *turnaround);
void stats_turnaround_add(struct stats_turnaround *turnaround, double us);
void stats_turnaround_read(struct stats_turnaround *turnaround, double *p50_us, double *p99_us,
                           double *max_us);

/* Tags by EPC: open-addressing table of fixed capacity. */
struct stats_tags;
enum status stats_tags_new(size_t capacity, struct stats_tags **tags) must_check;
void stats_tags_free(struct stats_tags **tags);
/* Count one sighting.  out how often this EPC was seen, this time included (0: the table is full) */
uint64_t stats_tags_count(struct stats_tags *tags, const uint8_t *epc, size_t n_epc_bits);
uint64_t stats_tags_unique(const struct stats_tags *tags);

#endif
