/* list_decode.c - subsets of the likeliest error events, in the order of their likelihood. */
#include "dsp/list_decode.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "config/require.h"
#include "protocol/crc.h"

enum { EVENTS_COMBINED = 8, FLIPS_MAX = 3 };
#define EVENT_NATS_MAX 12.0     /* less likely ones are not looked at one by one */
#define SLIP_RATIO 3.0517578e-5 /* 2^-15: patterns of even weight that the CRC lets pass */

struct events {
    struct sequence_event event[SEQUENCE_EVENTS_MAX];
    size_t n;
    double chance[SEQUENCE_EVENTS_MAX]; /* that the event happened */
    double rest;                        /* expected number of all others */
};

static void events_find(const struct sequence *sequence, const float *soft_nats, size_t n_bits,
                        struct events *events)
{
    double bits_expected = 0.0, bits_listed = 0.0;
    for (size_t k = 0; k < n_bits; k++) {
        bits_expected += sequence_error_chance((double)soft_nats[k]);
    }
    events->n = 0;
    if (bits_expected > 1e-4) {
        events->n = sequence_events(sequence, EVENT_NATS_MAX, events->event, SEQUENCE_EVENTS_MAX);
    }
    for (size_t k = 0; k < events->n; k++) {
        events->chance[k] = sequence_error_chance(events->event[k].nats);
        bits_listed += events->chance[k] * events->event[k].n_bits;
    }
    events->rest = fmax(0.5 * (bits_expected - bits_listed), 0.0); /* an event is a pair of bits */
}

/* Is the likeliest sequence with the events of `subset` undone to be believed on its CRC's word? A CRC
 * can slip only when three or more events separate it from the truth. Counts 0, 1, 2 are summed event
 * by event; the rest counts as Poisson. */
static bool is_credible(const struct list_cfg *cfg, const struct events *events, unsigned subset)
{
    double none = exp(-events->rest);
    double count[3] = {none, none * events->rest, 0.5 * none * events->rest * events->rest};
    for (size_t k = 0; k < events->n; k++) {
        bool undone = k < EVENTS_COMBINED && (subset >> k & 1U);
        double p = undone ? 1.0 - events->chance[k] : events->chance[k];
        count[2] = count[2] * (1.0 - p) + count[1] * p;
        count[1] = count[1] * (1.0 - p) + count[0] * p;
        count[0] *= 1.0 - p;
    }
    double slips = fmax(1.0 - count[0] - count[1] - count[2], 0.0) * SLIP_RATIO;
    return slips <= cfg->false_read_ratio * count[0];
}

/* Events that touch cannot be undone one by one.  out false: two of the subset do */
static bool subset_is_apart(const struct events *events, unsigned subset)
{
    for (size_t a = 0; a < events->n && a < EVENTS_COMBINED; a++) {
        for (size_t b = 0; b < a; b++) {
            if (!(subset >> a & 1U) || !(subset >> b & 1U)) {
                continue;
            }
            const struct sequence_event *x = &events->event[a], *y = &events->event[b];
            if (x->bit[0] <= y->bit[y->n_bits - 1] + 1 && y->bit[0] <= x->bit[x->n_bits - 1] + 1) {
                return false;
            }
        }
    }
    return true;
}

static void subset_flip(const struct events *events, unsigned subset, uint8_t *bit, size_t n_bits)
{
    for (size_t k = 0; k < events->n && k < EVENTS_COMBINED; k++) {
        for (unsigned j = 0; (subset >> k & 1U) && j < events->event[k].n_bits; j++) {
            if (events->event[k].bit[j] < n_bits) {
                bit[events->event[k].bit[j]] ^= 1;
            }
        }
    }
}

struct attempt {
    double nats;
    unsigned subset;
};

/* The likeliest subsets of one to three events, best first.   out attempt[n_max], returns how many */
static size_t attempts_find(const struct events *events, struct attempt *attempt, size_t n_max)
{
    size_t n_events = events->n < EVENTS_COMBINED ? events->n : EVENTS_COMBINED;
    size_t n = 0;
    for (unsigned subset = 1; subset < 1U << n_events; subset++) {
        double nats = 0.0;
        unsigned n_flips = 0;
        for (size_t k = 0; k < n_events; k++) {
            nats += subset >> k & 1U ? events->event[k].nats : 0.0;
            n_flips += subset >> k & 1U;
        }
        if (n_flips > FLIPS_MAX || (n == n_max && nats >= attempt[n - 1].nats) ||
            !subset_is_apart(events, subset)) {
            continue;
        }
        n = n < n_max ? n + 1 : n;
        size_t at = n - 1;
        for (; at > 0 && attempt[at - 1].nats > nats; at--) {
            attempt[at] = attempt[at - 1];
        }
        attempt[at] = (struct attempt){nats, subset};
    }
    return n;
}

static void changed_note(struct list_result *result, const struct events *events, unsigned subset,
                         size_t n_bits)
{
    for (size_t k = 0; k < events->n && k < EVENTS_COMBINED; k++) {
        for (unsigned j = 0; (subset >> k & 1U) && j < events->event[k].n_bits; j++) {
            if (events->event[k].bit[j] < n_bits) {
                result->changed[result->n_changed++] = events->event[k].bit[j];
            }
        }
    }
}

void list_decode(const struct list_cfg *cfg, const struct sequence *sequence,
                 const float *soft_nats, uint8_t *bit, size_t n_bits, struct list_result *result)
{
    require(cfg->size >= 1);
    require(cfg->false_read_ratio > 0.0);
    struct events events;
    events_find(sequence, soft_nats, n_bits, &events);
    *result = (struct list_result){.verdict = LIST_WRONG, .events_expected = events.rest};
    for (size_t k = 0; k < events.n; k++) {
        result->events_expected += events.chance[k];
    }
    result->is_credible = is_credible(cfg, &events, 0);
    if (crc_is_right(CRC_16, bit, n_bits)) {
        result->verdict = result->is_credible ? LIST_RIGHT : LIST_DOUBTFUL;
        return;
    }
    struct attempt attempt[64];
    size_t n_max = cfg->size - 1 < 64 ? cfg->size - 1 : 64;
    size_t n = n_max > 0 ? attempts_find(&events, attempt, n_max) : 0;
    for (size_t k = 0; k < n; k++) {
        if (!is_credible(cfg, &events, attempt[k].subset)) {
            continue;
        }
        result->n_tried++;
        subset_flip(&events, attempt[k].subset, bit, n_bits);
        if (crc_is_right(CRC_16, bit, n_bits)) {
            changed_note(result, &events, attempt[k].subset, n_bits);
            result->verdict = LIST_RIGHT;
            return;
        }
        subset_flip(&events, attempt[k].subset, bit, n_bits);
    }
}
