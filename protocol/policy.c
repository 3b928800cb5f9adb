/* policy.c - the table of policies: what each does with a slot's outcome. */
#include "protocol/policy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define REDRAW_SHARE 0.5 /* of a frame, over which drawing anew has to pay for its command */
#define CHECK_CHANCE 0.9 /* that nobody is left: ask all of them at once */
#define CROWD_TAGS 6.0   /* a slot: more are not told apart, every slot collides */

struct policy_row {
    bool has_backlog; /* it goes by the backlog, which is kept for no other */
    /* a slot is over */
    void (*take)(struct policy *policy, enum slot_outcome outcome, bool is_recovered);
    struct policy_move (*next)(const struct policy *policy);
    void (*open_frame)(struct policy *policy, int q);
    double (*unread)(const struct policy *policy);
};
static const struct policy_row *row_of(const struct policy *policy);

static int q_limit(const struct policy *policy, double q)
{
    return (int)lround(fmin(fmax(q, policy->cfg.q_min), policy->cfg.q_max));
}

static uint32_t n_heard(const struct policy *policy)
{
    const uint32_t *n = policy->n_outcomes;
    return n[SLOT_SINGLE] + n[SLOT_COLLISION] + n[SLOT_RN16_ONLY] + n[SLOT_CRC_ERROR];
}

/* A frame of its own: QueryAdjust where it can say so. */
static struct policy_move redraw(const struct policy *policy, int q)
{
    return (struct policy_move){abs(q - policy->q) <= 1 ? POLICY_ADJUST : POLICY_QUERY, q};
}

static struct policy_move go_on(const struct policy *policy)
{
    return (struct policy_move){POLICY_REP, policy->q};
}

/* Those who tried in the frame in vain; a collided slot has its mean number of tags at the load that the
 * steps settle at (Schoute). */
static double tried_in_vain(const struct policy *policy)
{
    const uint32_t *n = policy->n_outcomes;
    return n[SLOT_COLLISION] * qalgo_tags_per_collision(&policy->qalgo) + n[SLOT_RN16_ONLY] +
           n[SLOT_CRC_ERROR];
}

static void frame_is_counted(struct policy *policy, int q)
{
    (void)policy;
    (void)q;
}

/* ---- Annex D ---- */

static void q_take(struct policy *policy, enum slot_outcome outcome, bool is_recovered)
{
    (void)is_recovered;
    qalgo_step(&policy->qalgo, outcome);
}

static struct policy_move q_next(const struct policy *policy)
{
    int q = q_limit(policy, policy->qalgo.q_fp);
    if (policy->slots_left == 0) {
        return (struct policy_move){POLICY_QUERY, q};
    }
    return q == policy->q ? go_on(policy) : redraw(policy, q);
}

/* ---- frames ---- */

/* The frame's outcomes are counted for every policy. */
static void outcomes_take(struct policy *policy, enum slot_outcome outcome, bool is_recovered)
{
    (void)is_recovered;
    (void)policy;
    (void)outcome;
}

static struct policy_move fixed_next(const struct policy *policy)
{
    return policy->slots_left == 0 ? redraw(policy, policy->cfg.q_start) : go_on(policy);
}

/* Log-likelihood of the frame's outcomes if n tags drew its slots. */
static double chen_likelihood(const struct policy *policy, double n)
{
    const uint32_t *heard = policy->n_outcomes;
    double slots = ldexp(1.0, policy->q), empty = heard[SLOT_EMPTY], single = heard[SLOT_SINGLE];
    double several = heard[SLOT_COLLISION] + heard[SLOT_RN16_ONLY] + heard[SLOT_CRC_ERROR];
    double p_empty = pow(1.0 - 1.0 / slots, n);
    double p_single = n / slots * pow(1.0 - 1.0 / slots, n - 1.0);
    double p_several = 1.0 - p_empty - p_single;
    return empty * log(fmax(p_empty, 1e-12)) + single * log(fmax(p_single, 1e-12)) +
           several * log(fmax(p_several, 1e-12));
}

/* Chen's estimate of those who drew the frame, by its likelihood, which has one maximum. */
static double chen_tags(const struct policy *policy)
{
    const uint32_t *heard = policy->n_outcomes;
    double lost = heard[SLOT_COLLISION] + heard[SLOT_RN16_ONLY] + heard[SLOT_CRC_ERROR];
    long low = (long)(heard[SLOT_SINGLE] + 2.0 * lost);
    long high = low + (long)(ldexp(CROWD_TAGS, policy->q));
    while (lost > 0.0 && low < high) {
        long middle = (low + high) / 2;
        if (chen_likelihood(policy, (double)middle + 1.0) >
            chen_likelihood(policy, (double)middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (double)low;
}

static double chen_unread(const struct policy *policy)
{
    return fmax(0.0, chen_tags(policy) - policy->n_outcomes[SLOT_SINGLE]);
}

/* The least Q whose frames waste no more time than twice as many slots would (fact sheet 10.4). */
static int frames_q(const struct policy *policy, double n_tags)
{
    double most = 2.0 * log(1.0 + sqrt(policy->times.idle_us / policy->times.collided_us));
    int q = policy->cfg.q_min;
    while (q < policy->cfg.q_max && n_tags > ldexp(most, q)) {
        q++;
    }
    return q;
}

/* ---- slots, and frames of the same estimate ---- */

static void bayes_take(struct policy *policy, enum slot_outcome outcome, bool is_recovered)
{
    backlog_take(&policy->backlog, outcome, is_recovered);
}

static void bayes_open_frame(struct policy *policy, int q)
{
    backlog_open_frame(&policy->backlog, q);
}

static double bayes_unread(const struct policy *policy)
{
    return backlog_mean(&policy->backlog);
}

static double redraw_us(const struct policy *policy, int q)
{
    double command_us = abs(q - policy->q) <= 1 ? policy->times.adjust_us : policy->times.query_us;
    return command_us / fmax(1.0, REDRAW_SHARE * ldexp(1.0, q)) +
           backlog_excess_us(&policy->backlog, q);
}

/* The Q at which drawing anew wastes least: from the one in force downhill. */
static int redraw_q(const struct policy *policy, double *least_us)
{
    int best = q_limit(policy, policy->q), from = best;
    *least_us = redraw_us(policy, best);
    for (int step = -1; step <= 1; step += 2) {
        for (int q = from + step; q >= policy->cfg.q_min && q <= policy->cfg.q_max; q += step) {
            double us = redraw_us(policy, q);
            if (!(us < *least_us)) {
                break;
            }
            *least_us = us;
            best = q;
        }
    }
    return best;
}

/* A frame that is not broken off dares no more than its last one can tell. */
static struct policy_move frames_next(const struct policy *policy)
{
    double most = ldexp(CROWD_TAGS, policy->q);
    return policy->slots_left > 0
               ? go_on(policy)
               : redraw(policy, frames_q(policy, fmin(policy_unread(policy), most)));
}

static struct policy_move slots_next(const struct policy *policy)
{
    double goes_on_us = INFINITY, least_us;
    int least_q = policy->cfg.q_min;
    if (policy->q > least_q && backlog_nobody(&policy->backlog) > CHECK_CHANCE) {
        return redraw(policy, least_q);
    }
    if (policy->slots_left > 0) {
        goes_on_us = backlog_excess_us(&policy->backlog, -1);
        /* no frame twice as long could pay for its command */
        if (goes_on_us <= policy->times.adjust_us / ldexp(REDRAW_SHARE, policy->q + 1)) {
            return go_on(policy);
        }
    }
    int q = redraw_q(policy, &least_us);
    return goes_on_us <= least_us ? go_on(policy) : redraw(policy, q);
}

static const struct policy_row rows[] = {
    [POLICY_SLOTS] = {true, bayes_take, slots_next, bayes_open_frame, bayes_unread},
    [POLICY_FRAMES] = {true, bayes_take, frames_next, bayes_open_frame, bayes_unread},
    [POLICY_Q] = {false, q_take, q_next, frame_is_counted, tried_in_vain},
    [POLICY_FIXED] = {false, outcomes_take, fixed_next, frame_is_counted, tried_in_vain},
};
static const struct policy_row chen_row = {false, outcomes_take, frames_next, frame_is_counted,
                                           chen_unread};

static const struct policy_row *row_of(const struct policy *policy)
{
    bool is_chen = policy->cfg.kind == POLICY_FRAMES && policy->cfg.estimator == POLICY_CHEN;
    return is_chen ? &chen_row : &rows[policy->cfg.kind];
}

void policy_init(struct policy *policy, const struct policy_cfg *cfg,
                 const struct slot_times *times)
{
    require(policy);
    require(cfg);
    require(times);
    memset(policy, 0, sizeof *policy);
    policy->cfg = *cfg;
    policy->times = *times;
    policy->q = cfg->q_start;
    qalgo_init(&policy->qalgo, cfg->q_start, cfg->q_min, cfg->q_max, cfg->q_step,
               fmin(times->idle_us / times->collided_us, 1.0));
    if (row_of(policy)->has_backlog) {
        backlog_init(&policy->backlog, times);
    }
}

void policy_expect(struct policy *policy, double n_tags)
{
    if (row_of(policy)->has_backlog) {
        backlog_expect(&policy->backlog, n_tags);
    }
    if (n_tags < 1.0) {
        return; /* new ones are as likely as ever: Q stays low */
    }
    qalgo_expect(&policy->qalgo, n_tags);
    policy->q = policy->cfg.kind == POLICY_FIXED ? policy->cfg.q_start
                : policy->cfg.kind == POLICY_Q   ? q_limit(policy, policy->qalgo.q_fp)
                                                 : frames_q(policy, n_tags);
}

int policy_start_q(const struct policy *policy)
{
    return policy->q;
}

void policy_open_frame(struct policy *policy, int q)
{
    require(q >= 0);
    require(q <= 15);
    policy->q = q;
    policy->slots_left = 1u << q;
    memset(policy->n_outcomes, 0, sizeof policy->n_outcomes);
    row_of(policy)->open_frame(policy, q);
}

struct policy_move policy_take(struct policy *policy, enum slot_outcome outcome, bool is_recovered)
{
    require((unsigned)outcome < SLOT_OUTCOME_N);
    require(policy->slots_left > 0);
    const struct policy_row *row = row_of(policy);
    policy->slots_left--;
    policy->n_outcomes[outcome]++;
    row->take(policy, outcome, is_recovered);
    return row->next(policy);
}

bool policy_is_over(const struct policy *policy)
{
    return policy->slots_left == 0 && n_heard(policy) == 0;
}

double policy_unread(const struct policy *policy)
{
    return row_of(policy)->unread(policy);
}
