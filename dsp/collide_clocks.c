/* collide_clocks.c - both tags' clocks from the timing errors of what was decided. */
#include "config/require.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"

#define CLOCK_SIGMA_START 0.3 /* of one step, half-cycles */
#define CLOCK_SIGMA_END 0.4   /* of the reply's end against its begin, half-cycles */
#define BEND_SIGMA 0.08       /* how far drift bends the middle, half-cycles */

void joint_solve3(double a[3][3], double _Complex x[3])
{
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = i + 1; j < 3; j++) {
            double factor = a[j][i] / a[i][i];
            for (unsigned k = i; k < 3; k++) {
                a[j][k] -= factor * a[i][k];
            }
            x[j] -= factor * x[i];
        }
    }
    for (unsigned i = 3; i-- > 0;) {
        for (unsigned k = i + 1; k < 3; k++) {
            x[i] -= a[i][k] * x[k];
        }
        x[i] /= a[i][i];
    }
}

/* The other tag's level, summed up to a place that only moves on. */
struct walk {
    const struct joint_tag *tag;
    size_t n_halves, next; /* the edge behind the place */
    double to_edge;        /* sum up to the edge before */
    double from;           /* that edge */
};

static double walk_to(struct walk *walk, double at)
{
    const struct joint_tag *tag = walk->tag;
    while (walk->next <= walk->n_halves && tag->edge[walk->next] <= at) {
        walk->to_edge += tag->level[walk->next] * (tag->edge[walk->next] - walk->from);
        walk->from = tag->edge[walk->next++];
    }
    return walk->to_edge + tag->level[walk->next] * (at - walk->from);
}

/* The least squares of start, end and bend, in halves of the level changes seen. */
struct clock_sums {
    double s[5]; /* sums of u^0 .. u^4, u = 0 .. 1 over the reply */
    double x[3]; /* of lateness by u^0 .. u^2 */
};

/* How late each level change of a tag is, as far as it can be read within the gate. A gate holds no other
 * change of the tag's own, so it is as much high as low and only the other one is to be taken out. */
static void lateness(const struct joint *joint, unsigned index, double gate,
                     struct clock_sums *sums)
{
    const struct joint_tag *tag = &joint->tag[index], *other = &joint->tag[1 - index];
    const size_t n = joint->shape->n_halves;
    const double _Complex per_swing = tag->gain / (2.0 * plane_power(tag->gain));
    const double beside = plane_along(per_swing, other->gain);
    const double mean = 2.0 * gate * plane_along(per_swing, joint->offset);
    struct walk before = {.tag = other, .n_halves = n}, after = before;
    for (size_t q = 0; q <= n; q++) {
        double at = tag->edge[q], lo = at - gate, hi = at + gate;
        int level = tag->level[q + 1];
        if (level == tag->level[q] || lo < 0.0 || hi >= joint->to) {
            continue;
        }
        double _Complex sum = integral_at(joint->integral, hi) - integral_at(joint->integral, lo);
        double levels = walk_to(&after, hi) - walk_to(&before, lo);
        double late = -level * (plane_along(per_swing, sum) - beside * levels - mean);
        late = held_within(late, -gate, gate);
        double u = (double)q / (double)n, u2 = u * u;
        sums->s[0] += 1.0;
        sums->s[1] += u;
        sums->s[2] += u2;
        sums->s[3] += u2 * u;
        sums->s[4] += u2 * u2;
        sums->x[0] += late;
        sums->x[1] += late * u;
        sums->x[2] += late * u2;
    }
}

/* Start, clock and bend from the level changes of one tag. */
static void clock_fit(struct joint *joint, unsigned index, double gate_ratio)
{
    struct joint_tag *tag = &joint->tag[index];
    double gate = gate_ratio * tag->half, power = plane_power(tag->gain);
    double n = (double)joint->shape->n_halves;
    if (!(power > 0.0)) {
        return;
    }
    struct clock_sums sums = {{0}, {0}};
    lateness(joint, index, gate, &sums);
    /* by 1, u and u^2 - u: start, end and middle */
    double w = 4.0 * power / (joint->noise_variance * gate), *s = sums.s;
    double a[3][3] = {
        {w * s[0], w * s[1], w * (s[2] - s[1])},
        {w * s[1], w * s[2], w * (s[3] - s[2])},
        {w * (s[2] - s[1]), w * (s[3] - s[2]), w * (s[4] - 2.0 * s[3] + s[2])},
    };
    double _Complex x[3] = {w * sums.x[0], w * sums.x[1], w * (sums.x[2] - sums.x[1])};
    static const double sigma[3] = {CLOCK_SIGMA_START, CLOCK_SIGMA_END, 4.0 * BEND_SIGMA};
    for (unsigned i = 0; i < 3; i++) {
        double spread = sigma[i] * tag->half;
        a[i][i] += 1.0 / (spread * spread);
    }
    /* the bend is held to what drift may be, not each step of it */
    double bent = tag->bend * n * n, spread = sigma[2] * tag->half;
    x[2] -= bent / (spread * spread);
    joint_solve3(a, x);
    tag->start += creal(x[0]);
    tag->bend += creal(x[2]) / (n * n);
    tag->half += (creal(x[1]) - creal(x[2])) / n;
}

void joint_clocks(struct joint *joint, double gate_ratio)
{
    require(gate_ratio < 0.5);
    clock_fit(joint, 0, gate_ratio);
    clock_fit(joint, 1, gate_ratio);
}
