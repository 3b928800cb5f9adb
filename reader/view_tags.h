/* view_tags.h - the tags a view shows: one row for each EPC, what was last heard of it, sorting.
 *                                                                            layer: reader */
#ifndef READER_VIEW_TAGS_H
#define READER_VIEW_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "reader/record.h"

struct view_tag {
    struct record_read read; /* the last one */
    double last_t_s;
    uint64_t n_in_second; /* reads since the last view_tags_second() */
    double rate_per_s;    /* smoothed over about three seconds */
};

enum view_sort {
    VIEW_SORT_EPC = 0,
    VIEW_SORT_COUNT,
    VIEW_SORT_RATE,
    VIEW_SORT_RSSI,
    VIEW_SORT_SNR,
    VIEW_SORT_PHASE,
    VIEW_SORT_BLF,
    VIEW_SORT_SEEN,
    VIEW_SORT_N
};

struct view_tags;

/*   err ST_NO_MEMORY   own caller frees */
enum status view_tags_new(size_t capacity, struct view_tags **tags) must_check;
void view_tags_free(struct view_tags **tags);

/* Note a read. False: the table is full and the EPC is new. No allocation. */
bool view_tags_note(struct view_tags *tags, const struct record_read *read, double t_s);
/* A span of sample time is over: bring the rates up to date. */
void view_tags_second(struct view_tags *tags, double span_s);

size_t view_tags_count(const struct view_tags *tags);
/* Longest EPC so far in hex digits. */
size_t view_tags_hex_digits(const struct view_tags *tags);
/* Sort: EPCs ascending, everything else the largest first (SEEN: the latest first); equal ones by
 * EPC; reversed turns it round.   cost O(n log n) */
void view_tags_sort(struct view_tags *tags, enum view_sort by, bool reversed);
/* Row `index` of the last sorting.   pre index < view_tags_count() at that time */
const struct view_tag *view_tags_row(const struct view_tags *tags, size_t index);

#endif
