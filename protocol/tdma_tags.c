/* tdma_tags.c - the polls of a period in the order of their places, and what became of them. */
#include "protocol/tdma_tags.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "protocol/command.h"
#include "protocol/selection.h"

enum { EPC_BITS_MAX = 8 * TDMA_EPC_BYTES, MASK_BITS_MAX = 255, EBV_BITS = 7, EBV_BLOCK_BITS = 8 };

void tdma_tags_init(struct tdma_tags *tags, const struct tdma_plan *plan, unsigned tries_max,
                    unsigned forget_periods)
{
    require(tags);
    require(plan);
    require(tries_max >= 1);
    memset(tags, 0, sizeof *tags);
    tags->plan = *plan;
    tags->tries_max = tries_max;
    tags->forget_periods = forget_periods;
    tags->n_places = plan->n_places < TDMA_TAGS_MAX ? plan->n_places : TDMA_TAGS_MAX;
    tdma_counts_clear(&tags->counts);
}

/* ---- who is known ---- */

/* FNV-1a. */
static uint32_t hash_of(const uint8_t *epc, size_t n_epc_bits)
{
    uint32_t hash = 2166136261u;
    for (size_t k = 0; k < (n_epc_bits + 7) / 8; k++) {
        hash = (hash ^ epc[k]) * 16777619u;
    }
    return hash;
}

struct tdma_tag *tdma_tags_find(struct tdma_tags *tags, const uint8_t *epc, size_t n_epc_bits)
{
    require(tags);
    require(epc);
    const uint32_t hash = hash_of(epc, n_epc_bits);
    for (size_t k = 0; k < tags->n_entries; k++) {
        struct tdma_tag *tag = &tags->tag[k];
        if (tag->hash == hash && tag->n_epc_bits == n_epc_bits && n_epc_bits > 0 &&
            memcmp(tag->epc, epc, n_epc_bits / 8) == 0) {
            return tag;
        }
    }
    return NULL;
}

static size_t entry_of(const struct tdma_tags *tags, const struct tdma_tag *tag)
{
    return (size_t)(tag - tags->tag);
}

static bool bit_at(const uint8_t *packed, size_t at)
{
    return (packed[at / 8] >> (7 - at % 8) & 1) != 0;
}

/* A mask of the EPC bank against an EPC; what lies behind its end may be anything. */
static bool mask_may_fit(const struct inventory_mask *mask, const struct tdma_tag *tag)
{
    const size_t from = mask->pointer_bits - SELECTION_EPC_BIT;
    for (size_t k = 0; k < mask->n_bits && from + k < tag->n_epc_bits; k++) {
        if (bit_at(mask->mask, k) != bit_at(tag->epc, from + k)) {
            return false;
        }
    }
    return true;
}

/* The first place that is free, and the first period in which it is still to come. */
static void place_take(struct tdma_tags *tags, struct tdma_tag *tag, double tick)
{
    tag->place = TDMA_NO_PLACE;
    for (uint32_t k = 0; k < tags->n_places && tag->place == TDMA_NO_PLACE; k++) {
        tag->place = tags->at_place[k] == 0 ? k : TDMA_NO_PLACE;
    }
    if (tag->place == TDMA_NO_PLACE) {
        return;
    }
    tag->next_period = tdma_plan_period_at(&tags->plan, tick);
    while (tdma_plan_place_tick(&tags->plan, tag->next_period, tag->place) < tick) {
        tag->next_period++;
    }
    tags->at_place[tag->place] = (uint16_t)(entry_of(tags, tag) + 1);
    const bool is_first = tags->n_placed == 0;
    const bool is_earlier = tag->next_period < tags->period ||
                            (tag->next_period == tags->period && tag->place < tags->place);
    tags->n_placed++;
    if (is_first ||
        is_earlier) { /* those between have had their poll: their next period is later */
        tags->period = tag->next_period;
        tags->place = tag->place;
    }
}

bool tdma_tags_add(struct tdma_tags *tags, const uint8_t *epc, size_t n_epc_bits, bool is_listed,
                   double tick)
{
    require(tags);
    require(epc);
    require(n_epc_bits <= EPC_BITS_MAX);
    if (n_epc_bits == 0 || tdma_tags_find(tags, epc, n_epc_bits)) {
        return true;
    }
    size_t k = 0;
    while (k < tags->n_entries && tags->tag[k].n_epc_bits > 0) {
        k++;
    }
    if (k == TDMA_TAGS_MAX) {
        return false;
    }
    struct tdma_tag *tag = &tags->tag[k];
    *tag = (struct tdma_tag){.n_epc_bits = n_epc_bits,
                             .hash = hash_of(epc, n_epc_bits),
                             .is_listed = is_listed,
                             .is_new = true,
                             .is_queued = tag->is_queued, /* an entry's place in the queue stays */
                             .read_tick = NAN};
    memcpy(tag->epc, epc, (n_epc_bits + 7) / 8);
    tags->n_entries += k == tags->n_entries;
    tags->n_tags++;
    tags->counts.newcomers += !is_listed;
    place_take(tags, tag, tick);
    for (size_t other = 0; other < tags->n_entries; other++) {
        struct tdma_tag *known = &tags->tag[other];
        known->has_mask = known->has_mask && !mask_may_fit(&known->mask, tag);
    }
    return true;
}

/* Its place is another's: the one found last among those without. */
static void forget(struct tdma_tags *tags, struct tdma_tag *tag, double tick)
{
    tags->at_place[tag->place] = 0;
    tag->n_epc_bits = 0;
    tag->is_wanted = false;
    tags->n_placed--;
    tags->n_tags--;
    tags->counts.forgotten++;
    for (size_t k = 0; k < tags->n_entries; k++) {
        struct tdma_tag *waiting = &tags->tag[k];
        if (waiting->n_epc_bits > 0 && waiting->place == TDMA_NO_PLACE) {
            place_take(tags, waiting, tick);
            return;
        }
    }
}

/* ---- whose turn it is ---- */

static struct tdma_tag *tag_at_cursor(struct tdma_tags *tags)
{
    const unsigned entry = tags->at_place[tags->place];
    return entry > 0 ? &tags->tag[entry - 1] : NULL;
}

/* On to the next place with somebody who is due there in the cursor's period. */
static void cursor_settle(struct tdma_tags *tags)
{
    while (tags->n_placed > 0) {
        const struct tdma_tag *tag = tag_at_cursor(tags);
        if (tag && tag->next_period <= tags->period) {
            return;
        }
        tags->place++;
        if (tags->place == tags->n_places) {
            tags->place = 0;
            tags->period++;
        }
    }
}

double tdma_tags_due_tick(const struct tdma_tags *tags)
{
    require(tags);
    return tags->n_placed > 0 ? tdma_plan_place_tick(&tags->plan, tags->period, tags->place)
                              : INFINITY;
}

double tdma_tags_place_tick(const struct tdma_tags *tags, const struct tdma_tag *tag)
{
    require(tags);
    require(tag);
    return tdma_plan_place_tick(&tags->plan, tag->next_period - 1, tag->place);
}

double tdma_tags_end_tick(const struct tdma_tags *tags, const struct tdma_tag *tag)
{
    require(tags);
    require(tag);
    return tdma_plan_place_tick(&tags->plan, tag->next_period, tag->place);
}

/* The tag's period is over; its next one begins.   out  false: it is forgotten */
static bool period_turn(struct tdma_tags *tags, struct tdma_tag *tag, double tick)
{
    const bool is_missed = !tag->is_new && !tag->is_read;
    tag->n_missed = is_missed ? tag->n_missed + 1 : 0;
    tags->counts.missed += is_missed;
    if (!tag->is_listed && tags->forget_periods > 0 && tag->n_missed >= tags->forget_periods) {
        forget(tags, tag, tick);
        return false;
    }
    tag->is_new = tag->is_read = tag->is_wanted = false;
    tag->n_tries = 0;
    tag->next_period = tags->period + 1;
    return true;
}

static struct tdma_tag *wanted_take(struct tdma_tags *tags)
{
    while (tags->n_again > 0) {
        struct tdma_tag *tag = &tags->tag[tags->again[tags->first_again]];
        tags->first_again = (tags->first_again + 1) % TDMA_TAGS_MAX;
        tags->n_again--;
        tag->is_queued = false;
        if (tag->is_wanted) {
            return tag;
        }
    }
    return NULL;
}

static struct tdma_tag *poll_begin(struct tdma_tags *tags, struct tdma_tag *tag)
{
    tag->is_wanted = false;
    tag->n_tries++;
    tags->counts.polls++;
    return tag;
}

struct tdma_tag *tdma_tags_begin(struct tdma_tags *tags, double tick, double retry_ticks)
{
    require(tags);
    require(retry_ticks >= 0.0);
    cursor_settle(tags);
    while (tdma_tags_due_tick(tags) <= tick) {
        struct tdma_tag *tag = tag_at_cursor(tags);
        require(tag);
        const double next_tick = tdma_plan_place_tick(&tags->plan, tags->period + 1, tags->place);
        const bool stays = period_turn(tags, tag, tick);
        cursor_settle(tags);
        if (stays &&
            next_tick > tick) { /* else the whole period has gone by: nothing to poll in it */
            return poll_begin(tags, tag);
        }
    }
    struct tdma_tag *tag =
        tick + retry_ticks <= tdma_tags_due_tick(tags) ? wanted_take(tags) : NULL;
    return tag ? poll_begin(tags, tag) : NULL;
}

/* ---- what became of it ---- */

bool tdma_tags_read(struct tdma_tags *tags, struct tdma_tag *tag, double start_tick)
{
    require(tags);
    require(tag);
    require(tag->n_epc_bits > 0);
    struct tdma_counts *counts = &tags->counts;
    if (tag->is_read || start_tick >= tdma_tags_end_tick(tags, tag)) {
        return false;
    }
    tag->is_read = true;
    counts->kept++;
    if (!isnan(tag->read_tick)) {
        const double interval_s = (start_tick - tag->read_tick) / tags->plan.cfg.rate_sps;
        counts->n_intervals++;
        counts->interval_sum_s += interval_s;
        counts->interval_min_s = fmin(counts->interval_min_s, interval_s); /* a NaN gives way */
        counts->interval_max_s = fmax(counts->interval_max_s, interval_s);
    }
    tag->read_tick = start_tick;
    return true;
}

bool tdma_tags_lost(struct tdma_tags *tags, struct tdma_tag *tag)
{
    require(tags);
    require(tag);
    require(tag->n_tries >= 1);
    if (tag->is_read || tag->n_tries >= tags->tries_max) {
        return false;
    }
    if (tag->n_tries == 1 && tag->n_missed == 0) { /* it was there the period before */
        poll_begin(tags, tag);
        return true;
    }
    tag->is_wanted = true;
    if (!tag->is_queued) {
        require(tags->n_again < TDMA_TAGS_MAX);
        tags->again[(tags->first_again + tags->n_again) % TDMA_TAGS_MAX] =
            (uint16_t)entry_of(tags, tag);
        tags->n_again++;
        tag->is_queued = true;
    }
    return false;
}

void tdma_counts_clear(struct tdma_counts *counts)
{
    require(counts);
    *counts = (struct tdma_counts){.interval_min_s = NAN, .interval_max_s = NAN};
}

void tdma_counts_add(struct tdma_counts *sum, const struct tdma_counts *counts)
{
    require(sum);
    require(counts);
    sum->kept += counts->kept;
    sum->missed += counts->missed;
    sum->polls += counts->polls;
    sum->newcomers += counts->newcomers;
    sum->forgotten += counts->forgotten;
    sum->n_intervals += counts->n_intervals;
    sum->interval_sum_s += counts->interval_sum_s;
    sum->interval_min_s = fmin(sum->interval_min_s, counts->interval_min_s);
    sum->interval_max_s = fmax(sum->interval_max_s, counts->interval_max_s);
}

void tdma_tags_take_counts(struct tdma_tags *tags, struct tdma_counts *counts)
{
    require(tags);
    require(counts);
    *counts = tags->counts;
    tdma_counts_clear(&tags->counts);
}

/* ---- masks ---- */

/* A mask that begins at bit p tells the tag from `other` when it holds the next bit from p on in which they
 * differ.   in, out  last[p]: the last bit a mask from p on must hold; UINT16_MAX: none will do */
static void last_bits_raise(uint16_t last[EPC_BITS_MAX], const struct tdma_tag *tag,
                            const struct tdma_tag *other)
{
    const size_t n_bits = tag->n_epc_bits;
    uint16_t next = UINT16_MAX;
    for (size_t p = n_bits; p-- > 0;) {
        const bool differs = p < other->n_epc_bits && bit_at(tag->epc, p) != bit_at(other->epc, p);
        next = differs ? (uint16_t)p : next;
        last[p] = next > last[p] ? next : last[p];
    }
}

static unsigned select_bits(size_t from, size_t n_bits)
{
    unsigned n_blocks = 1;
    for (size_t address = (SELECTION_EPC_BIT + from) >> EBV_BITS; address > 0;
         address >>= EBV_BITS) {
        n_blocks++;
    }
    return n_blocks * EBV_BLOCK_BITS + (unsigned)n_bits;
}

static struct inventory_mask mask_make(const struct tdma_tag *tag, size_t from, size_t n_bits)
{
    struct inventory_mask mask = {.mem_bank = BANK_EPC,
                                  .pointer_bits = (uint32_t)(SELECTION_EPC_BIT + from),
                                  .n_bits = (uint8_t)n_bits};
    for (size_t k = 0; k < n_bits; k++) {
        mask.mask[k / 8] |= (uint8_t)(bit_at(tag->epc, from + k) << (7 - k % 8));
    }
    return mask;
}

struct inventory_mask tdma_tags_whole_mask(const struct tdma_tag *tag)
{
    require(tag);
    return mask_make(tag, 0, tag->n_epc_bits < MASK_BITS_MAX ? tag->n_epc_bits : MASK_BITS_MAX);
}

static struct inventory_mask mask_find(const struct tdma_tags *tags, const struct tdma_tag *tag)
{
    uint16_t last[EPC_BITS_MAX];
    const size_t n_epc_bits = tag->n_epc_bits;
    for (size_t p = 0; p < n_epc_bits; p++) {
        last[p] = (uint16_t)(p + TDMA_MASK_BITS - 1);
    }
    for (size_t k = 0; k < tags->n_entries; k++) {
        const struct tdma_tag *other = &tags->tag[k];
        if (other != tag && other->n_epc_bits > 0) {
            last_bits_raise(last, tag, other);
        }
    }
    struct inventory_mask whole = tdma_tags_whole_mask(tag);
    size_t best_from = 0, best_n = whole.n_bits;
    for (size_t p = n_epc_bits; p-- > 0;) { /* of equals the last one: serial numbers are there */
        const size_t n_bits = (size_t)last[p] + 1 - p;
        if (last[p] < n_epc_bits && n_bits <= MASK_BITS_MAX &&
            select_bits(p, n_bits) < select_bits(best_from, best_n)) {
            best_from = p;
            best_n = n_bits;
        }
    }
    return mask_make(tag, best_from, best_n);
}

const struct inventory_mask *tdma_tags_mask(struct tdma_tags *tags, struct tdma_tag *tag)
{
    require(tags);
    require(tag);
    if (!tag->has_mask) {
        tag->mask = mask_find(tags, tag);
        tag->has_mask = true;
    }
    return &tag->mask;
}
