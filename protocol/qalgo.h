/* qalgo.h - slot-count adaptation of Annex D.                              layer: protocol
 * Source: Gen2 Annex D; fixed point and time-optimal weights: fact sheet 10.1, 10.4. */
#ifndef PROTOCOL_QALGO_H
#define PROTOCOL_QALGO_H

enum slot_outcome {
    SLOT_EMPTY = 0,
    SLOT_SINGLE,
    SLOT_COLLISION,
    SLOT_RN16_ONLY,
    SLOT_CRC_ERROR,
    SLOT_OUTCOME_N
};
extern const char *const slot_outcome_text[SLOT_OUTCOME_N]; /* as in the contract's events */

struct qalgo {
    double q_fp;
    double step_collision, step_idle; /* C_c and C_i */
    int q_min, q_max;
    double load_ratio; /* tags a slot at which the two steps cancel (10.1) */
};

/*   pre  0 <= q_min <= q_start <= q_max <= 15; 0.05 <= step <= 1
 * idle_to_collision_ratio: T_e/T_c of the link in force; sets C_i = C_c / (C_c/C_i of 10.4),
 * so that the load settles at the time-optimal one; 1.0 or NaN: symmetric (Annex D as printed). */
void qalgo_init(struct qalgo *qalgo, int q_start, int q_min, int q_max, double step_collision,
                double idle_to_collision_ratio);
/* Take one slot's outcome, return the Q for what comes next. RN16_ONLY and CRC_ERROR: single. */
int qalgo_step(struct qalgo *qalgo, enum slot_outcome outcome);
/* Start again as if n_tags (>= 1) were known to be there: q_fp = log2(n_tags / load), limited. */
void qalgo_expect(struct qalgo *qalgo, double n_tags);
/* Mean number of tags in a collided slot at the load the algorithm settles at (2.39 at load 1). */
double qalgo_tags_per_collision(const struct qalgo *qalgo);

#endif
