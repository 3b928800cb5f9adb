/* tdma_tags.h - the tags that are polled once a period: who is next, with which mask, and how well the period was
 * kept.                                                                              layer: protocol
 * Each tag has a place of the plan (tdma_plan.h); its poll is due where the place begins. A period of a tag is
 * kept when a poll in it read the tag, and missed when the next one begins without. */
#ifndef PROTOCOL_TDMA_TAGS_H
#define PROTOCOL_TDMA_TAGS_H

#include "protocol/inventory.h"
#include "protocol/tdma_plan.h"

enum {
    TDMA_TAGS_MAX = 2048,
    TDMA_EPC_BYTES = 62,
    TDMA_MASK_BITS = 16, /* shorter ones would be fitted by strangers as well */
};

struct tdma_tag {
    uint8_t epc[TDMA_EPC_BYTES];
    size_t n_epc_bits; /* 0: this entry is free */
    uint32_t hash;
    bool is_listed;          /* by the user: never forgotten */
    uint32_t place;          /* TDMA_NO_PLACE: there was none left */
    int64_t next_period;     /* its next poll is due in; the one before is going on, or it is new */
    bool is_new;             /* no poll of it was due so far */
    bool is_read, is_wanted; /* in this period; is_wanted: to be polled once more */
    bool is_queued;          /* among those polled once more, wanted or not */
    bool is_b;               /* it answered with its S0 flag at B: somebody else turned it */
    unsigned n_tries;        /* in this period */
    unsigned n_missed;       /* periods in a row, up to the last one */
    double read_tick;        /* start of the last poll that read it; NaN: none */
    bool has_mask;
    struct inventory_mask mask; /* no other tag of the list fits it */
};
#define TDMA_NO_PLACE UINT32_MAX
_Static_assert(TDMA_TAGS_MAX < UINT16_MAX, "entries are numbered in 16 bits");

struct tdma_counts {       /* since the start, or since they were taken */
    uint64_t kept, missed; /* periods of tags */
    uint64_t polls;        /* begun */
    uint64_t newcomers, forgotten;
    uint64_t n_intervals; /* between two polls that read the same tag */
    double interval_min_s, interval_max_s, interval_sum_s; /* NaN, NaN, 0 with none */
};

struct tdma_tags { /* embedded; fields private, tag[] may be read */
    struct tdma_plan plan;
    unsigned tries_max, forget_periods;
    size_t n_tags, n_entries; /* in use; entries behind the last one in use were never used */
    size_t n_placed;
    struct tdma_tag tag[TDMA_TAGS_MAX];
    uint16_t at_place[TDMA_TAGS_MAX]; /* entry + 1; 0: free */
    uint32_t n_places;                /* that tags may have */
    int64_t period;                   /* of the poll that is due next, at `place` */
    uint32_t place;
    uint16_t again[TDMA_TAGS_MAX]; /* a queue: entries to be polled again in their period */
    size_t n_again, first_again;
    struct tdma_counts counts;
};

/*   in   tries_max >= 1 polls of a tag in one period; a tag that is not listed is forgotten when it was missed in
 *        forget_periods in a row, 0: never
 *   pre  tdma_plan_begin was called */
void tdma_tags_init(struct tdma_tags *tags, const struct tdma_plan *plan, unsigned tries_max,
                    unsigned forget_periods);

/* The entry of an EPC; NULL: none. */
struct tdma_tag *tdma_tags_find(struct tdma_tags *tags, const uint8_t *epc, size_t n_epc_bits);

/* A tag is known from `tick` on; one that is known already stays as it is. It takes the first place that is free.
 *   out  false: the list is full */
bool tdma_tags_add(struct tdma_tags *tags, const uint8_t *epc, size_t n_epc_bits, bool is_listed,
                   double tick);

/* Whose poll is to begin at `tick`: those that are due, as they became due; then those that were lost once more,
 * where that ends before the next one is due.
 *   in   retry_ticks  how long a poll takes
 *   out  the tag, its poll is begun (n_tries, counts); NULL: nobody yet */
struct tdma_tag *tdma_tags_begin(struct tdma_tags *tags, double tick, double retry_ticks);
/* When the next poll is due; INFINITY: nobody is to be polled. */
double tdma_tags_due_tick(const struct tdma_tags *tags);
/* When the poll of the tag was due in its period. */
double tdma_tags_place_tick(const struct tdma_tags *tags, const struct tdma_tag *tag);

/* Where its period ends. */
double tdma_tags_end_tick(const struct tdma_tags *tags, const struct tdma_tag *tag);

/* The poll that began at start_tick read the tag.   out  true: its period is kept by that */
bool tdma_tags_read(struct tdma_tags *tags, struct tdma_tag *tag, double start_tick);
/* It did not.   out  true: it is to be repeated at once; else it waits for its turn, if there is one */
bool tdma_tags_lost(struct tdma_tags *tags, struct tdma_tag *tag);
/* Counts since they were taken last, and from none again. */
void tdma_tags_take_counts(struct tdma_tags *tags, struct tdma_counts *counts);
void tdma_counts_clear(struct tdma_counts *counts);
void tdma_counts_add(struct tdma_counts *sum, const struct tdma_counts *counts);

/* The shortest mask of at least TDMA_MASK_BITS that no other tag of the list fits: a piece of the EPC from anywhere,
 * reckoned with what its address costs; the whole EPC (its first 255 bits) where no piece tells.
 *   cost  n_tags * n_epc_bits the first time after the list changed for this tag */
const struct inventory_mask *tdma_tags_mask(struct tdma_tags *tags, struct tdma_tag *tag);
struct inventory_mask tdma_tags_whole_mask(const struct tdma_tag *tag);

#endif
