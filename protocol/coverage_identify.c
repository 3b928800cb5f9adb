/* coverage_identify.c - readers that share time identify what they cover: each runs its own inventory engine in
 * its own units; a device that one has read keeps quiet for all (sessions S2, S3). */
#include <math.h>
#include <string.h>

#include "config/random.h"
#include "config/require.h"
#include "protocol/coverage_parts.h"

#define US_PER_S 1e6

struct turn { /* of one reader: pairs not read, at the front of its own stretch */
    size_t first, n_unread;
};

/* Pairs by reader: a counting sort, stable.   out  turn[n_readers]; pairs in place */
static void pairs_sort(struct coverage *c, struct turn *turn)
{
    size_t n_readers = c->hall.n_readers, next = 0;
    memset(turn, 0, n_readers * sizeof *turn);
    for (size_t k = 0; k < c->n_pairs; k++) {
        turn[c->pair[k].reader].n_unread++;
    }
    for (size_t r = 0; r < n_readers; r++) {
        turn[r].first = next;
        next += turn[r].n_unread;
    }
    size_t done[HALL_READERS_MAX] = {0};
    for (size_t r = 0; r < n_readers; r++) { /* each swap puts one pair where it belongs */
        while (done[r] < turn[r].n_unread) {
            size_t at = turn[r].first + done[r], to = c->pair[at].reader;
            if (to == r) {
                done[r]++;
                continue;
            }
            size_t there = turn[to].first + done[to]++;
            struct coverage_pair pair = c->pair[there];
            c->pair[there] = c->pair[at];
            c->pair[at] = pair;
        }
    }
}

/* What others have read since this reader's last unit answers no more. */
static void turn_renew(struct coverage *c, struct turn *turn)
{
    struct coverage_pair *pair = c->pair + turn->first;
    for (size_t k = 0; k < turn->n_unread;) {
        if (c->is_read[pair[k].device]) {
            struct coverage_pair read = pair[k];
            pair[k] = pair[--turn->n_unread];
            pair[turn->n_unread] = read;
        } else {
            k++;
        }
    }
}

struct unit { /* one reader's, in progress */
    const struct turn *turn;
    const struct coverage_pair *pair; /* [turn->n_unread] */
    uint64_t *random;
    size_t pick; /* who is heard in this slot */
};

/* Of those that may answer, the one that does if it is alone: any of them, as likely. */
static void pick_draw(void *context, struct slot_errors *errors)
{
    struct unit *unit = context;
    unit->pick = (size_t)(random_uniform(unit->random) * (double)unit->turn->n_unread);
    double lost = (double)unit->pair[unit->pick].lost;
    *errors = (struct slot_errors){.missed = lost, .epc_wrong = lost};
}

static void identified(struct coverage_drop *drop, double now_s)
{
    drop->n_identified++;
    drop->last_s = now_s;
    size_t n_covered = (size_t)drop->n_covered[COVERAGE_ALL];
    size_t n_before = (size_t)drop->n_identified - 1, n = (size_t)drop->n_identified;
    for (size_t k = n_before * COVERAGE_CURVE_POINTS / n_covered;
         k < n * COVERAGE_CURVE_POINTS / n_covered; k++) {
        drop->curve_s[k] = now_s;
    }
}

/* One unit of one reader; nobody else transmits. */
static void unit_run(struct coverage *c, const struct coverage_sharing *sharing, size_t reader,
                     struct turn *turn, double start_s, uint64_t *random,
                     struct coverage_drop *drop)
{
    struct slot_field *field = &c->field[reader];
    const struct slot_times *times = &sharing->inventory->times;
    /* the step that ends a slot begins the next one: both must fit */
    double longest_us = 2.0 * (times->single_us + fmax(times->query_us, times->adjust_us));
    double start_us = field->run.last_us, unit_us = US_PER_S * sharing->unit_s;
    turn_renew(c, turn);
    if (turn->n_unread == 0) {
        return;
    }
    struct coverage_pair *pair = c->pair + turn->first;
    struct unit unit = {.turn = turn, .pair = pair, .random = random};
    slot_field_set_heard(field, pick_draw, &unit);
    slot_field_open(field, (uint32_t)turn->n_unread);
    while (field->run.last_us - start_us + longest_us <= unit_us && turn->n_unread > 0) {
        if (slot_field_step(field)) {
            struct coverage_pair read = pair[unit.pick];
            pair[unit.pick] = pair[--turn->n_unread];
            pair[turn->n_unread] = read;
            c->is_read[read.device] = true;
            identified(drop,
                       start_s + (field->run.last_us - start_us + times->single_us) / US_PER_S);
        }
    }
    slot_field_close(field);
    drop->busy_s += (field->run.last_us - start_us) / US_PER_S;
}

void coverage_identify(struct coverage *coverage, const struct coverage_sharing *sharing,
                       uint64_t seed, struct coverage_drop *drop)
{
    struct coverage *c = coverage;
    struct turn turn[HALL_READERS_MAX];
    uint64_t random = seed;
    pairs_sort(c, turn);
    memset(c->is_read, 0, c->hall.n_devices * sizeof *c->is_read);
    for (size_t r = 0; r < c->hall.n_readers; r++) {
        slot_field_init(&c->field[r], sharing->inventory, sharing->link, &sharing->inventory->times,
                        random_bits(&random));
    }
    uint64_t n_units = (uint64_t)(sharing->time_max_s / sharing->unit_s);
    for (uint64_t k = 0; k < n_units && drop->n_identified < drop->n_covered[COVERAGE_ALL]; k++) {
        size_t r = (size_t)(k % c->hall.n_readers);
        unit_run(c, sharing, r, &turn[r], (double)k * sharing->unit_s, &random, drop);
    }
    for (size_t r = 0; r < c->hall.n_readers; r++) {
        drop->n_slots += c->field[r].run.n_slots;
    }
}
