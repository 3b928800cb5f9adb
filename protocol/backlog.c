/* backlog.c - a slot's outcome under every number of tags, binomial in the slots left; what the tags drew is
 * followed in the mean. */
#include "protocol/backlog.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

enum { SINGLE_STEPS = 48 }; /* up to here every number is a point of the grid, */
#define GROWTH 1.08         /* and then by so much more each */
#define COUNT_MAX 100000.0
#define EMPTY_CHANCE 0.2  /* of nobody, before anything was heard */
#define EXPECT_SPREAD 0.2 /* of the logarithm of what is expected */
#define EXPECT_DOUBT 1e-3 /* that it is of no use at all */
#define LOAD_MIN 0.05     /* tags a slot that are looked at */
#define LOAD_MAX 20.0
#define LOAD_STEP 1.02
#define CHANCE_LEAST 1e-9      /* nothing is impossible: tags come, replies are missed */
#define CAPTURE_LEAST 1e-3     /* what is known of captures may be wrong */
#define CHANCE_SMALL 1e-5      /* no bearing on what to do */
#define FAULT_CHANCE 1e-4      /* of an outcome that the tags do not explain, */
#define FAULT_READ_CHANCE 1e-5 /* a read among these */
#define FALSE_SPLIT 1e-3       /* a tag alone is taken for several */
#define MISSED_SINGLE 0.05     /* a tag alone is not heard */
#define LOST_SINGLE 0.03       /* a tag alone is heard and not read, */
#define LOST_SEVERAL 0.3       /* several are taken for one */

static double grid_chance(const struct backlog *backlog, unsigned k)
{
    if (k == 0) {
        return EMPTY_CHANCE;
    }
    double before = 0.5 * (backlog->count[k - 1] + backlog->count[k]);
    double after = k + 1 < backlog->n_points ? 0.5 * (backlog->count[k] + backlog->count[k + 1])
                                             : backlog->count[k];
    return log(after / fmax(before, 0.5));
}

/* One of several tags is read as if it were alone: how often, and how likely that is. */
static const double capture_ratio[BACKLOG_CAPTURES] = {0.01, 0.15, 0.4, 0.7};
static const double capture_prior[BACKLOG_CAPTURES] = {0.4, 0.25, 0.2, 0.15};

static inline double larger(double x, double y)
{
    return x > y ? x : y;
}

static void chances_normalise(struct backlog *backlog)
{
    double sum = 0.0;
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        for (unsigned k = 0; k < backlog->n_points; k++) {
            sum += backlog->points[c].chance[k];
        }
    }
    double per_sum = 1.0 / sum;
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        double *chance = backlog->points[c].chance;
        double least_share = CHANCE_LEAST * capture_prior[c];
        for (unsigned k = 0; k < backlog->n_points; k++) {
            chance[k] = larger(chance[k] * per_sum, least_share * backlog->prior[k]);
        }
    }
}

/* A slot's waste and reads when several are read as one with that chance, for Poisson loads. */
static double least_waste_us(const struct slot_times *times, double capture)
{
    double least_us = INFINITY;
    for (double load = LOAD_MIN; load < LOAD_MAX; load *= LOAD_STEP) {
        double idle = exp(-load), single = load * idle, several = 1.0 - idle - single;
        double wasted_us = times->idle_us * idle + times->collided_us * (1.0 - capture) * several;
        least_us = fmin(least_us, wasted_us / (single + capture * several));
    }
    return least_us;
}

void backlog_init(struct backlog *backlog, const struct slot_times *times)
{
    require(backlog);
    require(times);
    memset(backlog, 0, sizeof *backlog);
    backlog->times = *times;
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        backlog->least_us[c] = least_waste_us(times, capture_ratio[c]);
    }
    double count = 0.0, sum = 0.0;
    while (count < COUNT_MAX) {
        require(backlog->n_points < BACKLOG_POINTS);
        backlog->count[backlog->n_points++] = count;
        count = count < SINGLE_STEPS ? count + 1.0 : ceil(count * GROWTH);
    }
    for (unsigned k = 0; k < backlog->n_points; k++) {
        sum += grid_chance(backlog, k);
    }
    for (unsigned k = 0; k < backlog->n_points; k++) {
        backlog->prior[k] = grid_chance(backlog, k) / sum;
        for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
            backlog->points[c].chance[k] = backlog->prior[k] * capture_prior[c];
        }
    }
}

/* How likely captures are as frequent as that, whatever the number of tags. */
static double capture_chance(const struct backlog *backlog, unsigned c)
{
    double sum = 0.0;
    for (unsigned k = 0; k < backlog->n_points; k++) {
        sum += backlog->points[c].chance[k];
    }
    return sum;
}

void backlog_expect(struct backlog *backlog, double n_tags)
{
    require(n_tags >= 0.0);
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        double share = fmax(capture_chance(backlog, c), CAPTURE_LEAST);
        for (unsigned k = 0; k < backlog->n_points; k++) {
            double off = log((backlog->count[k] + 1.0) / (n_tags + 1.0)) / EXPECT_SPREAD;
            backlog->points[c].chance[k] =
                share * backlog->prior[k] * (EXPECT_DOUBT + exp(-0.5 * off * off));
        }
    }
    backlog->reads = 0.0;
    chances_normalise(backlog);
}

/* Share a chance between the two points of the grid that a number lies between. */
static void chance_add(const struct backlog *backlog, double *chance, double count, double share)
{
    unsigned low = 0, high = backlog->n_points - 1;
    while (high - low > 1) {
        unsigned middle = (low + high) / 2;
        *(backlog->count[middle] <= count ? &low : &high) = middle;
    }
    double t = (count - backlog->count[low]) / (backlog->count[high] - backlog->count[low]);
    chance[low] += share * (1.0 - t);
    chance[high] += share * t;
}

void backlog_open_frame(struct backlog *backlog, int q)
{
    require(q >= 0);
    require(q <= 15);
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        struct backlog_points *points = &backlog->points[c];
        if (backlog->reads > 0.0) {
            double chance[BACKLOG_POINTS] = {0};
            for (unsigned k = 0; k < backlog->n_points; k++) {
                if (backlog->count[k] >= backlog->reads) {
                    chance_add(backlog, chance, backlog->count[k] - backlog->reads,
                               points->chance[k]);
                }
            }
            memcpy(points->chance, chance, sizeof points->chance);
        }
        memcpy(points->active, backlog->count, sizeof points->active);
    }
    backlog->reads = 0.0;
    backlog->slots_left = ldexp(1.0, q);
    chances_normalise(backlog);
}

struct draw { /* what tags do that draw one of so many slots */
    double slots;
    double share;   /* log of the chance that a tag draws another */
    double per_tag; /* of a lone tag, to nobody */
};

static struct draw draw_of(double slots)
{
    double rest = 1.0 - 1.0 / slots;
    return (struct draw){.slots = slots,
                         .share = slots > 1.0 ? log1p(-1.0 / slots) : 0.0,
                         .per_tag = slots > 1.0 ? 1.0 / (slots * rest) : 0.0};
}

struct occupancy { /* chances of a slot that each of some tags has drawn with the same chance */
    double idle, single, collided;
};

/* Tags that are left in the mean need not be a whole number. */
static inline struct occupancy occupancy_of(double tags, const struct draw *draw)
{
    struct occupancy slot = {.idle = 1.0};
    if (tags <= 0.0) {
        return slot;
    }
    if (draw->slots < 1.5) { /* the last one: all of them */
        double lone = larger(0.0, 1.0 - fabs(tags - 1.0));
        slot = (struct occupancy){.idle = larger(0.0, 1.0 - tags), .single = lone};
    } else {
        slot.idle = exp(tags * draw->share);
        slot.single = tags >= 1.0 ? tags * draw->per_tag * slot.idle : tags / draw->slots;
        slot.idle = slot.idle < 1.0 - slot.single ? slot.idle : 1.0 - slot.single;
    }
    slot.collided = larger(0.0, 1.0 - slot.idle - slot.single);
    return slot;
}

/* in  capture  chance that one of several is read
 * out *tags  how many the slot had, in the mean, given its outcome */
static double likelihood(const struct occupancy *slot, double load, double capture,
                         enum slot_outcome outcome, bool is_recovered, double *tags)
{
    double several =
        slot->collided > 1e-9 ? larger((load - slot->single) / slot->collided, 2.0) : 2.0;
    double lone = 0.0, crowd = 0.0,
           least = FAULT_CHANCE; /* of the outcome, with one, with several */
    *tags = 0.0;
    switch (outcome) {
    case SLOT_EMPTY:
        lone = MISSED_SINGLE * slot->single;
        *tags = lone / (slot->idle + lone + FAULT_CHANCE);
        return larger(slot->idle + lone, FAULT_CHANCE);
    case SLOT_SINGLE:
        lone = slot->single;
        crowd = capture * slot->collided;
        least = FAULT_READ_CHANCE;
        break;
    case SLOT_COLLISION: crowd = (1.0 - capture) * slot->collided; break;
    case SLOT_RN16_ONLY:
    case SLOT_CRC_ERROR:
        lone = LOST_SINGLE * slot->single;
        crowd = LOST_SEVERAL * slot->collided;
        break;
    case SLOT_OUTCOME_N: break;
    }
    lone *= is_recovered ? FALSE_SPLIT : 1.0;
    double all = lone + crowd;
    *tags = all > 0.0 ? (lone + crowd * several) / all : 1.0;
    return larger(all, least);
}

void backlog_take(struct backlog *backlog, enum slot_outcome outcome, bool is_recovered)
{
    require(backlog->slots_left > 0.0);
    const struct draw draw = draw_of(backlog->slots_left);
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        struct backlog_points *points = &backlog->points[c];
        double least_share = CHANCE_LEAST * capture_prior[c];
        for (unsigned k = 0; k < backlog->n_points; k++) {
            if (points->chance[k] <= least_share * backlog->prior[k]) {
                continue;
            }
            struct occupancy slot = occupancy_of(points->active[k], &draw);
            double load = points->active[k] / backlog->slots_left, tags;
            points->chance[k] *=
                likelihood(&slot, load, capture_ratio[c], outcome, is_recovered, &tags);
            points->active[k] = larger(0.0, points->active[k] - tags);
        }
    }
    backlog->slots_left -= 1.0;
    backlog->reads += outcome == SLOT_SINGLE;
    chances_normalise(backlog);
}

double backlog_slots_left(const struct backlog *backlog)
{
    return backlog->slots_left;
}

/* Tags unread now at a point of the grid. */
static double unread_at(const struct backlog *backlog, unsigned k)
{
    return backlog->count[k] - backlog->reads;
}

double backlog_nobody(const struct backlog *backlog)
{
    double sum = 0.0;
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        for (unsigned k = 0; k < backlog->n_points && unread_at(backlog, k) < 0.5; k++) {
            sum += backlog->points[c].chance[k];
        }
    }
    return sum;
}

double backlog_mean(const struct backlog *backlog)
{
    double sum = 0.0;
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        for (unsigned k = 0; k < backlog->n_points; k++) {
            sum += backlog->points[c].chance[k] * fmax(0.0, unread_at(backlog, k));
        }
    }
    return sum;
}

double backlog_excess_us(const struct backlog *backlog, int q)
{
    const struct slot_times *times = &backlog->times;
    double sum = 0.0, all = 0.0, slots = q < 0 ? backlog->slots_left : ldexp(1.0, q);
    double least = CHANCE_SMALL * (1.0 - backlog_nobody(backlog));
    require(slots >= 1.0);
    const struct draw draw = draw_of(slots);
    for (unsigned c = 0; c < BACKLOG_CAPTURES; c++) {
        const struct backlog_points *points = &backlog->points[c];
        for (unsigned k = 0; k < backlog->n_points; k++) {
            double unread = unread_at(backlog, k);
            if (unread < 0.5 || points->chance[k] <= least) {
                continue;
            }
            struct occupancy slot = occupancy_of(q < 0 ? points->active[k] : unread, &draw);
            double captured = capture_ratio[c] * slot.collided;
            sum += points->chance[k] *
                   (times->idle_us * slot.idle + times->collided_us * (slot.collided - captured) -
                    backlog->least_us[c] * (slot.single + captured));
            all += points->chance[k];
        }
    }
    return all > 0.0 ? sum / all : times->idle_us;
}
