/* qalgo.c - slot-count adaptation with steps weighted for the time-optimal load. */
#include "protocol/qalgo.h"

#include <math.h>
#include <stdbool.h>

#include "config/require.h"
#include "protocol/slot_times.h"

#define QALGO_NEWTON_STEPS 30

const char *const slot_outcome_text[SLOT_OUTCOME_N] = {
    [SLOT_EMPTY] = "empty",         [SLOT_SINGLE] = "single",       [SLOT_COLLISION] = "collision",
    [SLOT_RN16_ONLY] = "rn16_only", [SLOT_CRC_ERROR] = "crc_error",
};

/* Load at which idle and collision steps cancel: P(idle) C_i = P(collision) C_c, that is
 * e^rho - 1 - rho = C_i / C_c (1.146 when the steps are equal). */
static double qalgo_settled_load(double idle_to_collision_step)
{
    require(idle_to_collision_step > 0);
    double rho = sqrt(2.0 * idle_to_collision_step); /* above the root, convex again */
    for (int i = 0; i < QALGO_NEWTON_STEPS; i++) {
        double excess = exp(rho) - 1.0 - rho - idle_to_collision_step;
        rho -= excess / (exp(rho) - 1.0);
    }
    return rho;
}

void qalgo_init(struct qalgo *qalgo, int q_start, int q_min, int q_max, double step_collision,
                double idle_to_collision_ratio)
{
    require(qalgo);
    require(0 <= q_min);
    require(q_min <= q_start);
    require(q_start <= q_max);
    require(q_max <= 15);
    require(step_collision >= 0.05);
    require(step_collision <= 1.0);
    *qalgo = (struct qalgo){.q_fp = q_start,
                            .step_collision = step_collision,
                            .step_idle = step_collision,
                            .q_min = q_min,
                            .q_max = q_max};
    bool symmetric = isnan(idle_to_collision_ratio) || idle_to_collision_ratio == 1.0;
    if (!symmetric) {
        double rho = slot_times_load(idle_to_collision_ratio);
        double collision_to_idle_step = exp(-rho) / (1.0 - exp(-rho) * (1.0 + rho));
        qalgo->step_idle = step_collision / collision_to_idle_step;
    }
    qalgo->load_ratio = qalgo_settled_load(qalgo->step_idle / step_collision);
}

static int qalgo_limit(struct qalgo *qalgo)
{
    qalgo->q_fp = fmin(fmax(qalgo->q_fp, qalgo->q_min), qalgo->q_max);
    return (int)lround(qalgo->q_fp);
}

int qalgo_step(struct qalgo *qalgo, enum slot_outcome outcome)
{
    require(qalgo);
    require((unsigned)outcome < SLOT_OUTCOME_N);
    if (outcome == SLOT_EMPTY) {
        qalgo->q_fp -= qalgo->step_idle;
    } else if (outcome == SLOT_COLLISION) {
        qalgo->q_fp += qalgo->step_collision;
    }
    return qalgo_limit(qalgo);
}

void qalgo_expect(struct qalgo *qalgo, double n_tags)
{
    require(qalgo);
    require(n_tags >= 1.0);
    qalgo->q_fp = log2(n_tags / qalgo->load_ratio);
    qalgo_limit(qalgo);
}

double qalgo_tags_per_collision(const struct qalgo *qalgo)
{
    require(qalgo);
    const double rho = qalgo->load_ratio;
    require(rho > 0);
    return rho * (1.0 - exp(-rho)) / (1.0 - exp(-rho) * (1.0 + rho));
}
