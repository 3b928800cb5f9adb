/* policy.h - who may answer next: slot outcomes -> what opens the next slot. One table of ways to decide it.
 *                                                                        layer: protocol
 * Source: Gen2 Annex D; fact sheet 10. */
#ifndef PROTOCOL_POLICY_H
#define PROTOCOL_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/backlog.h"
#include "protocol/qalgo.h"
#include "protocol/slot_times.h"

enum policy_kind {
    POLICY_SLOTS = 0, /* after every slot: on, or draw anew, whichever wastes less time */
    POLICY_FRAMES,    /* whole frames, of the size that the estimate of those left asks for */
    POLICY_Q,         /* Annex D */
    POLICY_FIXED,     /* frames of 2^q_start slots */
};
enum policy_estimator { POLICY_BAYES = 0, POLICY_CHEN }; /* for POLICY_FRAMES */

struct policy_cfg {
    int kind, estimator;
    int q_start, q_min, q_max; /* 0 <= q_min <= q_start <= q_max <= 15 */
    double q_step;             /* C of Annex D, 0.05 .. 1 */
};

enum policy_opening { POLICY_REP = 0, POLICY_ADJUST, POLICY_QUERY };

struct policy_move {
    enum policy_opening opening;
    int q; /* in force afterwards; POLICY_ADJUST: at most one from the last */
};

struct policy { /* embedded; fields private */
    struct policy_cfg cfg;
    struct slot_times times;
    struct qalgo qalgo;
    struct backlog backlog;
    int q;
    uint32_t slots_left;                 /* of the frame */
    uint32_t n_outcomes[SLOT_OUTCOME_N]; /* in the frame */
};

void policy_init(struct policy *policy, const struct policy_cfg *cfg,
                 const struct slot_times *times);

/* About n_tags (>= 0) are to be read from now on. */
void policy_expect(struct policy *policy, double n_tags);

/* Q for a Query now. */
int policy_start_q(const struct policy *policy);

/* 2^q slots are open, the first one at once. */
void policy_open_frame(struct policy *policy, int q);

/* The slot in progress is over.
 *   in   is_recovered  the RN16 of one was told apart from that of others
 *   out  what opens the next one. A frame that it opens is told by
 * policy_open_frame.   cost  POLICY_SLOTS: some 20 exponentials, up to a thousand while nothing is known */
struct policy_move policy_take(struct policy *policy, enum slot_outcome outcome, bool is_recovered);

/* Nobody is left: no answer in a whole frame. POLICY_SLOTS makes that frame as short as it may be once
 * this is likely. */
bool policy_is_over(const struct policy *policy);

double policy_unread(const struct policy *policy); /* estimate: tags that are still to be read */

#endif
