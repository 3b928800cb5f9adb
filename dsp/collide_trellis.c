/* collide_trellis.c - the joint trellis of two replies: max-log forward-backward over both tags' symbols.
 *
 * With z = y - o, the metric of the levels s1, s2 is 2 Re(h1* z) s1 + 2 Re(h2* z) s2 - 2 Re(h1* h2) s1 s2,
 * over the noise, but for what no level changes: each symbol brings its own correlation, and beside it
 * only the time counts for which two chips overlap, which depends on the clocks alone.
 *
 * A state is a pair of waves, of the tag whose symbol begins (own) and of the other one: own * 4 + other. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"

static inline enum joint_kind kind_of(const struct joint_code *shape,
                                      const struct joint_event *event)
{
    return event->symbol == 0                       ? JOINT_FIRST
           : event->symbol + 1U == shape->n_symbols ? JOINT_DUMMY
                                                    : JOINT_MIDDLE;
}

/* A symbol's two chips, by its tag's gain: nats of a chip +1 over -1, halved. */
static inline void chips_read(const struct joint *joint, const struct joint_event *event,
                              float chip[2])
{
    const struct joint_code *shape = joint->shape;
    const struct joint_tag *tag = &joint->tag[event->tag];
    const size_t m = shape->code->m, first = shape->n_preamble_halves + 2 * event->symbol * m;
    const double per_noise = 2.0 / joint->noise_variance;
    const double re = per_noise * creal(tag->gain), im = per_noise * cimag(tag->gain);
    const double level = re * creal(joint->offset) + im * cimag(joint->offset);
    for (unsigned c = 0; c < 2; c++) {
        double sum = 0.0;
        for (size_t q = first + c * m; q < first + (c + 1) * m; q++) {
            double _Complex z = tag->at[q + 1] - tag->at[q];
            double nats = re * creal(z) + im * cimag(z) - level * (tag->edge[q + 1] - tag->edge[q]);
            sum += shape->sign[q + 1] > 0 ? nats : -nats;
        }
        chip[c] = (float)sum;
    }
}

/* What a symbol's own waves explain, and what they explain twice beside the other's. */
static inline void event_gain(const struct joint *joint, float beside_nats,
                              struct joint_event *event)
{
    float chip[2], k[JOINT_CHIPS][JOINT_CHIPS];
    chips_read(joint, event, chip);
    for (unsigned c = 0; c < JOINT_CHIPS; c++) {
        for (unsigned d = 0; d < JOINT_CHIPS; d++) {
            k[c][d] = beside_nats * (event->tag == 0 ? event->beside[c][d] : event->beside[d][c]);
        }
    }
    const float first = chip[0] + k[0][2], second = chip[1] + k[1][2];
    const struct joint_pairs *pairs = &joint->shape->pairs;
    for (unsigned p = 0; p < JOINT_PAIRS; p++) {
        float x = pairs->other[0][p], y = pairs->other[1][p];
        event->gain[p] = pairs->own[0][p] * (first + k[0][0] * x + k[0][1] * y) +
                         pairs->own[1][p] * (second + k[1][0] * x + k[1][1] * y) +
                         (k[2][0] * x + k[2][1] * y);
    }
}

/* The same state with the tags in each other's place. */
static inline void turn(float metric[JOINT_PAIRS])
{
    for (unsigned v = 0; v < JOINT_WAVES; v++) {
        for (unsigned w = 0; w < v; w++) {
            float kept = metric[v * JOINT_WAVES + w];
            metric[v * JOINT_WAVES + w] = metric[w * JOINT_WAVES + v];
            metric[w * JOINT_WAVES + v] = kept;
        }
    }
}

/* The best way into each state. Of the waves before, the tag whose symbol begins has two.
 *   in  ahead[JOINT_PAIRS + JOINT_WAVES]  by the states before; the last row is no wave's */
static inline void event_enter(const struct joint_code *shape, const float *ahead,
                               struct joint_event *event)
{
    const uint8_t(*before)[2] = shape->before[kind_of(shape, event)];
    float x[JOINT_PAIRS], y[JOINT_PAIRS];
    for (size_t v = 0; v < JOINT_WAVES; v++) {
        memcpy(x + v * JOINT_WAVES, ahead + before[v][0] * JOINT_WAVES, JOINT_WAVES * sizeof *x);
        memcpy(y + v * JOINT_WAVES, ahead + before[v][1] * JOINT_WAVES, JOINT_WAVES * sizeof *y);
    }
    for (unsigned p = 0; p < JOINT_PAIRS; p++) {
        event->is_second[p] = y[p] > x[p];
    }
    for (unsigned p = 0; p < JOINT_PAIRS; p++) {
        event->reached[p] = (y[p] > x[p] ? y[p] : x[p]) + event->gain[p];
    }
}

VECTOR_CLONES static void joint_forward(struct joint *joint)
{
    const struct joint_tag *tag = joint->tag;
    float ahead[JOINT_PAIRS + JOINT_WAVES];
    float beside_nats =
        (float)(-2.0 * plane_along(tag[0].gain, tag[1].gain) / joint->noise_variance);
    for (unsigned p = 0; p < JOINT_PAIRS + JOINT_WAVES; p++) {
        ahead[p] = p == 0 ? 0.0F : -INFINITY;
    }
    for (size_t k = 0; k < joint->n_events; k++) {
        struct joint_event *event = &joint->event[k];
        if (k > 0 && event->tag != event[-1].tag) {
            turn(ahead);
        }
        event_gain(joint, beside_nats, event);
        event_enter(joint->shape, ahead, event);
        memcpy(ahead, event->reached, sizeof event->reached);
    }
}

/* Likeliest ways on from the states before: each wave before leads to two.
 *   inout behind  by the states after, gain included; by the states before */
static inline void event_leave(const uint8_t before[JOINT_WAVES][2], float behind[JOINT_PAIRS])
{
    float out[JOINT_WAVES + 1][2][JOINT_WAVES]; /* from a wave: its two ways on */
    size_t n[JOINT_WAVES + 1] = {0};
    for (size_t u = 0; u < JOINT_WAVES; u++) {
        for (size_t w = 0; w < JOINT_WAVES; w++) {
            out[u][0][w] = out[u][1][w] = -INFINITY;
        }
    }
    for (size_t v = 0; v < JOINT_WAVES; v++) {
        for (size_t j = 0; j < 2; j++) {
            size_t u = before[v][j];
            memcpy(out[u][n[u]++ % 2], behind + v * JOINT_WAVES, JOINT_WAVES * sizeof *behind);
        }
    }
    for (size_t u = 0; u < JOINT_WAVES; u++) {
        for (size_t w = 0; w < JOINT_WAVES; w++) {
            float x = out[u][0][w], y = out[u][1][w];
            behind[u * JOINT_WAVES + w] = x > y ? x : y;
        }
    }
}

VECTOR_CLONES void joint_soften(struct joint *joint)
{
    float behind[JOINT_PAIRS] = {0};
    for (size_t k = joint->n_events; k-- > 0;) {
        const struct joint_event *event = &joint->event[k];
        float best[2] = {-INFINITY, -INFINITY}, total[JOINT_PAIRS];
        if (k + 1 < joint->n_events && event->tag != event[1].tag) {
            turn(behind);
        }
        for (unsigned p = 0; p < JOINT_PAIRS; p++) {
            total[p] = event->reached[p] + behind[p];
            behind[p] += event->gain[p];
        }
        for (unsigned p = 0; p < JOINT_PAIRS; p++) {
            float *bit = &best[joint->shape->bit[p / JOINT_WAVES]];
            *bit = total[p] > *bit ? total[p] : *bit;
        }
        event_leave(joint->shape->before[kind_of(joint->shape, event)], behind);
        joint->tag[event->tag].soft[event->symbol] = best[1] - best[0];
    }
}

bool joint_decide(struct joint *joint)
{
    require(joint->n_events > 0);
    joint_forward(joint);
    const struct joint_event *end = &joint->event[joint->n_events - 1];
    const float *metric = end->reached;
    size_t best = 0, wave[COLLIDE_TAGS];
    for (size_t p = 1; p < JOINT_PAIRS; p++) {
        best = metric[p] > metric[best] ? p : best;
    }
    wave[end->tag] = best / JOINT_WAVES;
    wave[1 - end->tag] = best % JOINT_WAVES;
    bool changes = false;
    for (size_t k = joint->n_events; k-- > 0;) {
        const struct joint_event *event = &joint->event[k];
        const uint8_t(*before)[2] = joint->shape->before[kind_of(joint->shape, event)];
        size_t own = wave[event->tag], state = own * JOINT_WAVES + wave[1 - event->tag];
        uint8_t *kept = &joint->tag[event->tag].bit[event->symbol], bit = joint->shape->bit[own];
        changes = changes || *kept != bit;
        *kept = bit;
        wave[event->tag] = before[own][event->is_second[state]] % JOINT_WAVES;
    }
    if (changes) {
        joint_levels(joint->shape, &joint->tag[0]);
        joint_levels(joint->shape, &joint->tag[1]);
    }
    return changes;
}
