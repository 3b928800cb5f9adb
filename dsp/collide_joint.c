/* collide_joint.c - the model of two replies in one window: levels, edges, segments between the edges of
 * either tag, and the gains by least squares (collide_trellis.c: bits; collide_clocks.c: clocks). */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"

/* of a gain's own weight: two waveforms that are alike share what they explain */
#define RIDGE 1e-4

/* Which waves may follow which, and the bits they stand for. */
static void waves_fill(struct joint_code *shape)
{
    const struct linecode *code = shape->code;
    uint8_t after[JOINT_WAVES] = {0}; /* state after a wave */
    unsigned n[JOINT_KINDS][JOINT_WAVES] = {{0}};
    memset(shape->before, JOINT_WAVES, sizeof shape->before);
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned s = 0; s < code->n_states; s++) {
            for (unsigned b = 0; b < 2; b++) {
                const struct linecode_branch *branch = &code->branch[s][b];
                unsigned wave = (branch->chip[0] > 0 ? 2U : 0U) + (branch->chip[1] > 0 ? 1U : 0U);
                if (pass == 0) {
                    after[wave] = branch->next;
                    shape->bit[wave] = (uint8_t)b;
                    continue;
                }
                require(shape->bit[wave] == b); /* in all codes, whatever came before */
                if (s == code->start_state) {
                    shape->before[JOINT_FIRST][wave][0] = 0;
                }
                for (uint8_t u = 0; u < JOINT_WAVES; u++) {
                    for (unsigned kind = JOINT_MIDDLE; after[u] == s && kind < JOINT_KINDS;
                         kind++) {
                        if (kind == JOINT_MIDDLE || b == 1) {
                            require(n[kind][wave] < 2);
                            shape->before[kind][wave][n[kind][wave]++] = u;
                        }
                    }
                }
            }
        }
    }
}

void joint_code_fill(struct joint_code *shape, const struct linecode *code, bool trext,
                     size_t n_bits)
{
    require(n_bits >= 1);
    require(n_bits <= COLLIDE_BITS_MAX);
    const int8_t *chip = linecode_preamble(code, trext);
    const unsigned m = code->m;
    shape->code = code;
    shape->n_preamble_halves = (size_t)code->n_preamble_chips[trext ? 1 : 0] * m;
    shape->n_symbols = n_bits + 1;
    shape->n_halves = shape->n_preamble_halves + 2 * shape->n_symbols * m;
    waves_fill(shape);
    for (unsigned p = 0; p < JOINT_PAIRS; p++) {
        for (unsigned c = 0; c < 2; c++) {
            shape->pairs.own[c][p] = (float)joint_wave_chip(p / JOINT_WAVES, c);
            shape->pairs.other[c][p] = (float)joint_wave_chip(p % JOINT_WAVES, c);
        }
    }
    for (size_t q = 0; q < shape->n_halves; q++) {
        bool is_odd = q % m % 2 == 1;
        bool is_data = q >= shape->n_preamble_halves;
        int sign = is_data ? 1 : chip[q / m];
        shape->chip[q + 1] = (uint8_t)(is_data ? (q - shape->n_preamble_halves) / m % 2 : 2);
        shape->sign[q + 1] = (int8_t)(is_odd ? -sign : sign);
    }
    shape->chip[0] = shape->chip[shape->n_halves + 1] = 2;
    shape->sign[0] = shape->sign[shape->n_halves + 1] = -1;
}

void joint_begin(struct joint *joint, const struct collide_request *request,
                 const struct joint_code *shape)
{
    joint->integral = request->integral;
    joint->shape = shape;
    joint->noise_variance = request->search->noise_variance;
    joint->to = (double)request->integral->n_samples;
    joint->n_segments = joint->n_events = 0;
    joint->score_nats = joint->residual_ratio = 0.0;
    joint->offset = 0.0;
}

void joint_levels(const struct joint_code *shape, struct joint_tag *tag)
{
    size_t n_symbol_halves = 2 * (size_t)shape->code->m;
    memcpy(tag->level, shape->sign, shape->n_halves + 2);
    int8_t *level = tag->level + 1 + shape->n_preamble_halves;
    const uint8_t *chip = shape->chip + 1 + shape->n_preamble_halves;
    unsigned state = shape->code->start_state;
    for (size_t k = 0; k < shape->n_symbols; k++) {
        const struct linecode_branch *branch = &shape->code->branch[state][tag->bit[k]];
        for (size_t j = 0; j < n_symbol_halves; j++) {
            level[j] = (int8_t)(level[j] * branch->chip[chip[j]]);
        }
        level += n_symbol_halves;
        chip += n_symbol_halves;
        state = branch->next;
    }
}

void joint_set_tag(struct joint *joint, unsigned index, double start, double half,
                   const uint8_t *bit)
{
    require(index < COLLIDE_TAGS);
    struct joint_tag *tag = &joint->tag[index];
    tag->start = start;
    tag->half = half;
    tag->bend = 0.0;
    memcpy(tag->bit, bit, joint->shape->n_symbols);
    joint_levels(joint->shape, tag);
}

void joint_edges(struct joint *joint, unsigned index)
{
    struct joint_tag *tag = &joint->tag[index];
    for (size_t q = 0; q <= joint->shape->n_halves; q++) {
        double u = (double)q, at = tag->start + u * (tag->half + u * tag->bend);
        tag->edge[q] = held_within(at, 0.0, joint->to);
        tag->at[q] = at < joint->to ? integral_at(joint->integral, tag->edge[q])
                                    : joint->integral->sum[joint->integral->n_samples];
    }
}

/* Does a data symbol begin with half-cycle q? */
static bool is_symbol_begin(const struct joint_code *shape, size_t q)
{
    return q >= shape->n_preamble_halves && q < shape->n_halves &&
           (q - shape->n_preamble_halves) % (2 * (size_t)shape->code->m) == 0;
}

void joint_segments(struct joint *joint)
{
    const struct joint_code *shape = joint->shape;
    size_t next[COLLIDE_TAGS] = {0}, n = shape->n_halves;
    const struct joint_tag *tag = joint->tag;
    struct joint_event unused, *event = &unused;
    joint_edges(joint, 0);
    joint_edges(joint, 1);
    double from = 0.0;
    double _Complex before = joint->integral->sum[0];
    joint->n_segments = joint->n_events = 0;
    memset(event->beside, 0, sizeof event->beside);
    for (;;) {
        /* next[i] is at once the half-cycle that ends, counted from 1, and the edge it ends with */
        double other = next[1] <= n ? tag[1].edge[next[1]] : INFINITY;
        unsigned i = next[0] <= n && tag[0].edge[next[0]] <= other ? 0 : 1;
        bool is_last = next[i] > n;
        double at = is_last ? joint->to : tag[i].edge[next[i]];
        double _Complex after =
            is_last ? joint->integral->sum[joint->integral->n_samples] : tag[i].at[next[i]];
        struct joint_segment *segment = &joint->segment[joint->n_segments++];
        segment->length = at - from;
        segment->sum = after - before;
        segment->half[0] = (int16_t)next[0];
        segment->half[1] = (int16_t)next[1];
        event->beside[shape->chip[next[0]]][shape->chip[next[1]]] +=
            (float)((at - from) * shape->sign[next[0]] * shape->sign[next[1]]);
        if (is_last) {
            return;
        }
        if (is_symbol_begin(shape, next[i])) {
            event = &joint->event[joint->n_events++];
            event->tag = (uint8_t)i;
            event->symbol =
                (uint8_t)((next[i] - shape->n_preamble_halves) / (2 * (size_t)shape->code->m));
            memset(event->beside, 0, sizeof event->beside);
        }
        next[i]++;
        from = at;
        before = after;
    }
}

/* Energy that the other tag and the mean level explain without tag i. */
static double explained_without(const double a[3][3], const double _Complex x[3], unsigned i)
{
    unsigned j = 1 - i;
    double determinant = a[j][j] * a[2][2] - a[j][2] * a[j][2];
    double along = plane_along(x[j], x[2]);
    return (a[2][2] * plane_power(x[j]) - 2.0 * a[j][2] * along + a[j][j] * plane_power(x[2])) /
           determinant;
}

/* What the least squares need.  out a: lengths by both levels; x: sums by level */
static void sums_fill(const struct joint *joint, double a[3][3], double _Complex x[3])
{
    double all = joint->to, beside = 0.0, own[COLLIDE_TAGS];
    for (size_t k = 0; k < joint->n_segments; k++) {
        const struct joint_segment *segment = &joint->segment[k];
        beside += segment->length *
                  (joint->tag[0].level[segment->half[0]] * joint->tag[1].level[segment->half[1]]);
    }
    x[2] = joint->integral->sum[joint->integral->n_samples] - joint->integral->sum[0];
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        const struct joint_tag *tag = &joint->tag[i];
        own[i] = -all;
        x[i] = -x[2];
        for (size_t q = 0; q < joint->shape->n_halves; q++) {
            if (tag->level[q + 1] > 0) {
                own[i] += 2.0 * (tag->edge[q + 1] - tag->edge[q]);
                x[i] += 2.0 * (tag->at[q + 1] - tag->at[q]);
            }
        }
        a[i][i] = all;
        a[i][2] = a[2][i] = own[i];
    }
    a[0][1] = a[1][0] = beside;
    a[2][2] = all;
}

/* Gains and offset.  out energy that they explain */
static double gains_solve(struct joint *joint, const double sums[3][3],
                          const double _Complex right[3])
{
    double a[3][3], explained = 0.0;
    double _Complex x[3];
    memcpy(a, sums, sizeof a);
    memcpy(x, right, sizeof x);
    for (unsigned i = 0; i < 3; i++) {
        a[i][i] += RIDGE * joint->to;
    }
    joint_solve3(a, x);
    for (unsigned i = 0; i < 3; i++) {
        explained += plane_along(x[i], right[i]);
    }
    joint->tag[0].gain = x[0];
    joint->tag[1].gain = x[1];
    joint->offset = x[2];
    return explained;
}

void joint_gains(struct joint *joint)
{
    double sums[3][3];
    double _Complex right[3];
    sums_fill(joint, sums, right);
    gains_solve(joint, sums, right);
}

void joint_measure(struct joint *joint)
{
    double sums[3][3], energy = 0.0, n = 0.0;
    double _Complex right[3];
    sums_fill(joint, sums, right);
    double explained = gains_solve(joint, sums, right);
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        double alone = explained_without(sums, right, i);
        joint->tag[i].score_nats = (explained - alone) / joint->noise_variance;
    }
    for (size_t k = 0; k < joint->n_segments; k++) {
        const struct joint_segment *segment = &joint->segment[k];
        if (segment->length > 0.0) {
            energy += plane_power(segment->sum) / segment->length;
            n += 1.0;
        }
    }
    joint->score_nats = explained / joint->noise_variance;
    joint->residual_ratio = (energy - explained) / (fmax(n - 3.0, 1.0) * joint->noise_variance);
}
