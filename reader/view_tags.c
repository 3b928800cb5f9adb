/* view_tags.c - the tags a view shows. */
#include "reader/view_tags.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define RATE_SMOOTHING 0.3 /* weight of the newest second */

struct view_tags {
    size_t capacity, n_tags, n_hex_digits;
    size_t n_slots; /* of the hash table: power of two, at least twice the capacity */
    struct view_tag *tag;
    const struct view_tag **sorted;
    uint32_t *slot; /* index + 1 into tag, 0: free */
};

enum status view_tags_new(size_t capacity, struct view_tags **tags)
{
    require(capacity > 0);
    require(capacity < UINT32_MAX / 4);
    struct view_tags *made = calloc(1, sizeof *made);
    if (!made) {
        return status_fail(ST_NO_MEMORY, "view: no memory");
    }
    made->capacity = capacity;
    made->n_slots = 1;
    while (made->n_slots < 2 * capacity) {
        made->n_slots *= 2;
    }
    made->tag = calloc(capacity, sizeof *made->tag);
    made->sorted = calloc(capacity, sizeof *made->sorted);
    made->slot = calloc(made->n_slots, sizeof *made->slot);
    if (!made->tag || !made->sorted || !made->slot) {
        view_tags_free(&made);
        return status_fail(ST_NO_MEMORY, "view: no memory for %zu tags", capacity);
    }
    *tags = made;
    return ST_OK;
}

void view_tags_free(struct view_tags **tags)
{
    require(tags);
    if (*tags) {
        free((*tags)->tag);
        free((*tags)->sorted);
        free((*tags)->slot);
        free(*tags);
        *tags = NULL;
    }
}

static int epc_compare(const struct record_read *a, const struct record_read *b)
{
    int order = memcmp(a->epc, b->epc, sizeof a->epc);
    if (order != 0) {
        return order;
    }
    return (a->n_epc_bits > b->n_epc_bits) - (a->n_epc_bits < b->n_epc_bits);
}

static size_t epc_hash(const struct record_read *read)
{
    uint64_t hash = 0xCBF29CE484222325u ^ read->n_epc_bits; /* FNV-1a */
    for (size_t i = 0; i < (read->n_epc_bits + 7) / 8; i++) {
        hash = (hash ^ read->epc[i]) * 0x100000001B3u;
    }
    return (size_t)(hash ^ hash >> 32);
}

static struct view_tag *tag_find_or_add(struct view_tags *tags, const struct record_read *read)
{
    size_t at = epc_hash(read) & (tags->n_slots - 1);
    while (tags->slot[at] != 0) {
        struct view_tag *tag = &tags->tag[tags->slot[at] - 1];
        if (epc_compare(&tag->read, read) == 0) {
            return tag;
        }
        at = (at + 1) & (tags->n_slots - 1);
    }
    if (tags->n_tags == tags->capacity) {
        return NULL;
    }
    tags->slot[at] = (uint32_t)++tags->n_tags;
    return &tags->tag[tags->n_tags - 1];
}

bool view_tags_note(struct view_tags *tags, const struct record_read *read, double t_s)
{
    require(tags);
    require(read);
    require(read->n_epc_bits <= 8 * sizeof read->epc);
    struct record_read clean = *read; /* bytes behind the EPC must not tell tags apart */
    size_t n_bytes = (read->n_epc_bits + 7) / 8;
    memset(clean.epc + n_bytes, 0, sizeof clean.epc - n_bytes);
    struct view_tag *tag = tag_find_or_add(tags, &clean);
    if (!tag) {
        return false;
    }
    tag->read = clean;
    tag->last_t_s = t_s;
    tag->n_in_second++;
    if (2 * n_bytes > tags->n_hex_digits) {
        tags->n_hex_digits = 2 * n_bytes;
    }
    return true;
}

void view_tags_second(struct view_tags *tags, double span_s)
{
    require(tags);
    for (size_t k = 0; k < tags->n_tags && span_s > 0.0; k++) {
        struct view_tag *tag = &tags->tag[k];
        double rate_per_s = (double)tag->n_in_second / span_s;
        tag->rate_per_s += RATE_SMOOTHING * (rate_per_s - tag->rate_per_s);
        tag->n_in_second = 0;
    }
}

size_t view_tags_count(const struct view_tags *tags)
{
    require(tags);
    return tags->n_tags;
}

size_t view_tags_hex_digits(const struct view_tags *tags)
{
    require(tags);
    return tags->n_hex_digits;
}

static double sort_value(const struct view_tag *tag, enum view_sort by)
{
    const struct record_read *read = &tag->read;
    double value = 0.0;
    switch (by) {
    case VIEW_SORT_COUNT: value = (double)read->count; break;
    case VIEW_SORT_RATE: value = tag->rate_per_s; break;
    case VIEW_SORT_RSSI: value = isnan(read->rssi_dbm) ? read->rssi_dbfs : read->rssi_dbm; break;
    case VIEW_SORT_SNR: value = read->snr_db; break;
    case VIEW_SORT_PHASE: value = read->phase_deg; break;
    case VIEW_SORT_BLF: value = read->blf_hz; break;
    case VIEW_SORT_SEEN: value = tag->last_t_s; break;
    case VIEW_SORT_EPC:
    case VIEW_SORT_N: break;
    }
    return isnan(value) ? -INFINITY : value;
}

static int compare_by(enum view_sort by, const void *a, const void *b)
{
    const struct view_tag *first = *(const struct view_tag *const *)a;
    const struct view_tag *second = *(const struct view_tag *const *)b;
    double x = sort_value(first, by), y = sort_value(second, by);
    int order = (x < y) - (x > y);
    return order != 0 ? order : epc_compare(&first->read, &second->read);
}

/* qsort passes no context: one comparison for each column. */
#define COMPARISON(name, by)                                                                       \
    static int name(const void *a, const void *b)                                                  \
    {                                                                                              \
        return compare_by(by, a, b);                                                               \
    }
COMPARISON(by_epc, VIEW_SORT_EPC)
COMPARISON(by_count, VIEW_SORT_COUNT)
COMPARISON(by_rate, VIEW_SORT_RATE)
COMPARISON(by_rssi, VIEW_SORT_RSSI)
COMPARISON(by_snr, VIEW_SORT_SNR)
COMPARISON(by_phase, VIEW_SORT_PHASE)
COMPARISON(by_blf, VIEW_SORT_BLF)
COMPARISON(by_seen, VIEW_SORT_SEEN)

void view_tags_sort(struct view_tags *tags, enum view_sort by, bool reversed)
{
    static int (*const comparison[])(const void *, const void *) = {
        [VIEW_SORT_EPC] = by_epc,   [VIEW_SORT_COUNT] = by_count, [VIEW_SORT_RATE] = by_rate,
        [VIEW_SORT_RSSI] = by_rssi, [VIEW_SORT_SNR] = by_snr,     [VIEW_SORT_PHASE] = by_phase,
        [VIEW_SORT_BLF] = by_blf,   [VIEW_SORT_SEEN] = by_seen,
    };
    _Static_assert(sizeof comparison / sizeof *comparison == VIEW_SORT_N, "one per column");
    require(tags);
    require((unsigned)by < VIEW_SORT_N);
    const size_t n = tags->n_tags;
    for (size_t k = 0; k < n; k++) {
        tags->sorted[k] = &tags->tag[k];
    }
    qsort(tags->sorted, n, sizeof *tags->sorted, comparison[by]);
    for (size_t k = 0; reversed && k < n / 2; k++) {
        const struct view_tag *other = tags->sorted[k];
        tags->sorted[k] = tags->sorted[n - 1 - k];
        tags->sorted[n - 1 - k] = other;
    }
}

const struct view_tag *view_tags_row(const struct view_tags *tags, size_t index)
{
    require(tags);
    require(index < tags->n_tags);
    require(tags->sorted[index]);
    return tags->sorted[index];
}
