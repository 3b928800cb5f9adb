/* collide_joint.c - the joint trellis of two replies: segments between the level changes of either
 * tag, max-log forward-backward over both tags' symbols, gains and clocks from what was decided. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"

#define CLOCK_SIGMA_START 0.3 /* of one step, half-cycles */
#define CLOCK_SIGMA_END 0.4   /* of the reply's end against its begin, half-cycles */
#define BEND_SIGMA 0.08       /* how far drift bends the middle, half-cycles */
#define STEP_GAIN 1.0
#define RIDGE                                                                                      \
    1e-4 /* of a gain's own weight: two waveforms that are alike share what they explain */

static inline int wave_chip(unsigned wave, unsigned chip)
{
    return (wave >> (1 - chip)) & 1 ? 1 : -1;
}

/* Which bit makes which pair of chips in each state of the code, and the state it leaves. */
static void waves_fill(struct joint *joint)
{
    memset(joint->follow, -1, sizeof joint->follow);
    for (unsigned s = 0; s < joint->code->n_states; s++) {
        for (unsigned b = 0; b < 2; b++) {
            const struct linecode_branch *branch = &joint->code->branch[s][b];
            unsigned wave = (branch->chip[0] > 0 ? 2U : 0U) + (branch->chip[1] > 0 ? 1U : 0U);
            joint->follow[s][wave] = (int8_t)b;
            joint->after[wave] = branch->next;
        }
    }
}

void joint_begin(struct joint *joint, const struct collide_request *request, double from, double to)
{
    require(from < to);
    require(to <= (double)request->integral->n_samples);
    require(request->n_bits >= 1);
    require(request->n_bits <= COLLIDE_BITS_MAX);
    const struct sync_search *search = request->search;
    joint->integral = request->integral;
    joint->code = search->code;
    joint->trext = search->trext;
    joint->noise_variance = search->noise_variance;
    joint->from = from;
    joint->to = to;
    joint->n_preamble_halves =
        (size_t)search->code->n_preamble_chips[search->trext ? 1 : 0] * search->code->m;
    joint->n_symbols = request->n_bits + 1;
    joint->n_halves = joint->n_preamble_halves + 2 * joint->n_symbols * search->code->m;
    joint->n_segments = joint->n_events = 0;
    joint->score_nats = joint->residual_ratio = 0.0;
    joint->offset = 0.0;
    waves_fill(joint);
}

/* Levels of every half-cycle of the preamble and the bits. */
static void levels_fill(struct joint *joint, struct joint_tag *tag)
{
    const struct linecode *code = joint->code;
    const int8_t *chip = linecode_preamble(code, joint->trext);
    size_t q = 0;
    for (; q < joint->n_preamble_halves; q++) {
        tag->level[q] = (int8_t)(q % code->m % 2 == 0 ? chip[q / code->m] : -chip[q / code->m]);
    }
    unsigned state = code->start_state;
    for (size_t k = 0; k < joint->n_symbols; k++) {
        const struct linecode_branch *branch = &code->branch[state][tag->bit[k]];
        for (unsigned c = 0; c < 2; c++) {
            for (unsigned j = 0; j < code->m; j++) {
                tag->level[q++] = (int8_t)(j % 2 == 0 ? branch->chip[c] : -branch->chip[c]);
            }
        }
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
    memcpy(tag->bit, bit, joint->n_symbols);
    levels_fill(joint, tag);
}

static void edges_fill(const struct joint *joint, struct joint_tag *tag)
{
    for (size_t q = 0; q <= joint->n_halves; q++) {
        double u = (double)q;
        tag->edge[q] =
            held_within(tag->start + u * (tag->half + u * tag->bend), joint->from, joint->to);
    }
}

static bool is_symbol_begin(const struct joint *joint, size_t q)
{
    return q >= joint->n_preamble_halves && q < joint->n_halves &&
           (q - joint->n_preamble_halves) % (2 * joint->code->m) == 0;
}

void joint_segments(struct joint *joint)
{
    size_t next[COLLIDE_TAGS] = {0}, n = joint->n_halves;
    int16_t half[COLLIDE_TAGS] = {-1, -1};
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        edges_fill(joint, &joint->tag[i]);
    }
    double from = joint->from;
    double _Complex before = integral_at(joint->integral, from);
    joint->n_segments = joint->n_events = 0;
    for (;;) {
        double at = joint->to;
        unsigned i = COLLIDE_TAGS;
        for (unsigned k = 0; k < COLLIDE_TAGS; k++) {
            if (next[k] <= n && (i == COLLIDE_TAGS || joint->tag[k].edge[next[k]] < at)) {
                at = joint->tag[k].edge[next[k]];
                i = k;
            }
        }
        double _Complex after = integral_at(joint->integral, at);
        joint->segment[joint->n_segments++] = (struct joint_segment){
            .from = from, .to = at, .sum = after - before, .half = {half[0], half[1]}};
        if (i == COLLIDE_TAGS) {
            return;
        }
        half[i] = (int16_t)next[i];
        if (is_symbol_begin(joint, next[i])) {
            struct joint_event *event = &joint->event[joint->n_events++];
            event->tag = (uint8_t)i;
            event->symbol = (uint8_t)((next[i] - joint->n_preamble_halves) / (2 * joint->code->m));
            event->segment = (uint16_t)joint->n_segments;
        }
        next[i]++;
        from = at;
        before = after;
    }
}

/* Levels that a half-cycle has under each wave of its symbol. */
static void levels_of(const struct joint *joint, const struct joint_tag *tag, int half,
                      uint8_t high[JOINT_WAVES])
{
    if (half < 0 || half >= (int)joint->n_halves) {
        memset(high, 0, JOINT_WAVES);
    } else if (half < (int)joint->n_preamble_halves) {
        memset(high, tag->level[half] > 0, JOINT_WAVES);
    } else {
        unsigned q = (unsigned)half - (unsigned)joint->n_preamble_halves, m = joint->code->m;
        for (unsigned w = 0; w < JOINT_WAVES; w++) {
            int level = q % m % 2 == 0 ? wave_chip(w, q / m % 2) : -wave_chip(w, q / m % 2);
            high[w] = level > 0;
        }
    }
}

/* Metric of the segments from first to end, by both tags' waves. */
static void segments_gain(const struct joint *joint, size_t first, size_t end,
                          float gain[JOINT_WAVES][JOINT_WAVES])
{
    double _Complex mean[2][2];
    double power[2][2];
    const double per_noise = 1.0 / joint->noise_variance;
    for (unsigned a = 0; a < 2; a++) {
        for (unsigned b = 0; b < 2; b++) {
            mean[a][b] = joint->offset + (a ? joint->tag[0].gain : -joint->tag[0].gain) +
                         (b ? joint->tag[1].gain : -joint->tag[1].gain);
            power[a][b] = plane_power(mean[a][b]);
        }
    }
    memset(gain, 0, JOINT_WAVES * sizeof *gain);
    for (size_t k = first; k < end; k++) {
        const struct joint_segment *segment = &joint->segment[k];
        uint8_t high[COLLIDE_TAGS][JOINT_WAVES];
        levels_of(joint, &joint->tag[0], segment->half[0], high[0]);
        levels_of(joint, &joint->tag[1], segment->half[1], high[1]);
        float nats[2][2];
        double length = segment->to - segment->from;
        for (unsigned a = 0; a < 2; a++) {
            for (unsigned b = 0; b < 2; b++) {
                nats[a][b] =
                    (float)((2.0 * plane_along(mean[a][b], segment->sum) - length * power[a][b]) *
                            per_noise);
            }
        }
        for (unsigned v = 0; v < JOINT_WAVES; v++) {
            for (unsigned w = 0; w < JOINT_WAVES; w++) {
                gain[v][w] += nats[high[0][v]][high[1][w]];
            }
        }
    }
}

/* The bit by which a symbol's wave follows the wave before it, or -1. */
static int bit_of_step(const struct joint *joint, const struct joint_event *event, unsigned before,
                       unsigned after)
{
    bool is_first = event->symbol == 0;
    if (is_first && before != 0) {
        return -1;
    }
    unsigned state = is_first ? joint->code->start_state : joint->after[before];
    int bit = joint->follow[state][after];
    bool is_dummy = event->symbol + 1U == joint->n_symbols;
    return is_dummy && bit == 0 ? -1 : bit;
}

/* All steps of an event: bits, -1 where there is no step.  out step[before][after] */
static void steps_fill(const struct joint *joint, const struct joint_event *event,
                       int8_t step[JOINT_WAVES][JOINT_WAVES])
{
    for (unsigned u = 0; u < JOINT_WAVES; u++) {
        for (unsigned v = 0; v < JOINT_WAVES; v++) {
            step[u][v] = (int8_t)bit_of_step(joint, event, u, v);
        }
    }
}

/* The best way into each pair of waves: `own` are the waves of the tag whose symbol begins. */
static void event_enter(struct joint *joint, struct joint_event *event,
                        float metric[JOINT_WAVES][JOINT_WAVES])
{
    int8_t step[JOINT_WAVES][JOINT_WAVES];
    steps_fill(joint, event, step);
    memcpy(event->ahead, metric, sizeof event->ahead);
    for (unsigned own = 0; own < JOINT_WAVES; own++) {
        for (unsigned other = 0; other < JOINT_WAVES; other++) {
            float best = -INFINITY;
            uint8_t from = 0;
            for (unsigned u = 0; u < JOINT_WAVES; u++) {
                float value = event->tag == 0 ? event->ahead[u][other] : event->ahead[other][u];
                if (step[u][own] >= 0 && value > best) {
                    best = value;
                    from = (uint8_t)u;
                }
            }
            unsigned v = event->tag == 0 ? own : other, w = event->tag == 0 ? other : own;
            event->from[v][w] = from;
            metric[v][w] = best + event->gain[v][w];
        }
    }
}

static void joint_forward(struct joint *joint, float metric[JOINT_WAVES][JOINT_WAVES])
{
    for (unsigned v = 0; v < JOINT_WAVES; v++) {
        for (unsigned w = 0; w < JOINT_WAVES; w++) {
            metric[v][w] = v == 0 && w == 0 ? 0.0F : -INFINITY;
        }
    }
    for (size_t k = 0; k < joint->n_events; k++) {
        struct joint_event *event = &joint->event[k];
        size_t end = k + 1 < joint->n_events ? event[1].segment : joint->n_segments;
        segments_gain(joint, event->segment, end, event->gain);
        event_enter(joint, event, metric);
    }
}

void joint_soften(struct joint *joint)
{
    float behind[JOINT_WAVES][JOINT_WAVES] = {{0}};
    for (size_t k = joint->n_events; k-- > 0;) {
        struct joint_event *event = &joint->event[k];
        memcpy(event->behind, behind, sizeof behind);
        float best[2] = {-INFINITY, -INFINITY};
        int8_t step[JOINT_WAVES][JOINT_WAVES];
        steps_fill(joint, event, step);
        for (unsigned v = 0; v < JOINT_WAVES; v++) {
            for (unsigned w = 0; w < JOINT_WAVES; w++) {
                behind[v][w] = -INFINITY;
            }
        }
        for (unsigned v = 0; v < JOINT_WAVES; v++) {
            for (unsigned w = 0; w < JOINT_WAVES; w++) {
                float onward = event->gain[v][w] + event->behind[v][w];
                for (unsigned u = 0; u < JOINT_WAVES; u++) {
                    int bit = step[u][event->tag == 0 ? v : w];
                    if (bit < 0) {
                        continue;
                    }
                    unsigned a = event->tag == 0 ? u : v, b = event->tag == 0 ? w : u;
                    float total = event->ahead[a][b] + onward;
                    best[bit] = total > best[bit] ? total : best[bit];
                    behind[a][b] = onward > behind[a][b] ? onward : behind[a][b];
                }
            }
        }
        joint->tag[event->tag].soft[event->symbol] = best[1] - best[0];
    }
}

bool joint_decide(struct joint *joint)
{
    float metric[JOINT_WAVES][JOINT_WAVES];
    joint_forward(joint, metric);
    unsigned wave[COLLIDE_TAGS] = {0, 0};
    for (unsigned v = 0; v < JOINT_WAVES; v++) {
        for (unsigned w = 0; w < JOINT_WAVES; w++) {
            if (metric[v][w] > metric[wave[0]][wave[1]]) {
                wave[0] = v;
                wave[1] = w;
            }
        }
    }
    bool changes = false;
    for (size_t k = joint->n_events; k-- > 0;) {
        const struct joint_event *event = &joint->event[k];
        struct joint_tag *tag = &joint->tag[event->tag];
        unsigned before = event->from[wave[0]][wave[1]];
        int bit = bit_of_step(joint, event, before, wave[event->tag]);
        bit = bit > 0;
        changes = changes || tag->bit[event->symbol] != bit;
        tag->bit[event->symbol] = (uint8_t)bit;
        wave[event->tag] = before;
    }
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        levels_fill(joint, &joint->tag[i]);
    }
    return changes;
}

static int level_at(const struct joint *joint, unsigned i, const struct joint_segment *segment)
{
    int half = segment->half[i];
    return half < 0 || half >= (int)joint->n_halves ? -1 : joint->tag[i].level[half];
}

/* Solve a symmetric, positive system of three in place. */
static void solve3(double a[3][3], double _Complex x[3])
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

/* Energy that the other tag and the mean level explain without tag i. */
static double explained_without(const double a[3][3], const double _Complex x[3], unsigned i)
{
    unsigned j = 1 - i;
    double determinant = a[j][j] * a[2][2] - a[j][2] * a[j][2];
    double along = creal(x[j]) * creal(x[2]) + cimag(x[j]) * cimag(x[2]);
    return (a[2][2] * plane_power(x[j]) - 2.0 * a[j][2] * along + a[j][j] * plane_power(x[2])) /
           determinant;
}

void joint_gains(struct joint *joint)
{
    double a[3][3] = {{0}}, weight = 0.0, energy = 0.0, n = 0.0;
    double sums[3][3];
    double _Complex x[3] = {0}, right[3];
    for (size_t k = 0; k < joint->n_segments; k++) {
        const struct joint_segment *segment = &joint->segment[k];
        double length = segment->to - segment->from;
        if (length <= 0.0) {
            continue;
        }
        double s[3] = {level_at(joint, 0, segment), level_at(joint, 1, segment), 1.0};
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned j = 0; j < 3; j++) {
                a[i][j] += length * s[i] * s[j];
            }
            x[i] += s[i] * segment->sum;
        }
        weight += length;
        energy += plane_power(segment->sum) / length;
        n += 1.0;
    }
    memcpy(right, x, sizeof right);
    memcpy(sums, a, sizeof sums);
    for (unsigned i = 0; i < 3; i++) {
        a[i][i] += RIDGE * weight;
    }
    solve3(a, x);
    joint->tag[0].gain = x[0];
    joint->tag[1].gain = x[1];
    joint->offset = x[2];
    double explained = 0.0;
    for (unsigned i = 0; i < 3; i++) {
        explained += plane_along(x[i], right[i]);
    }
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        double alone = explained_without(sums, right, i);
        joint->tag[i].score_nats = (explained - alone) / joint->noise_variance;
    }
    joint->score_nats = explained / joint->noise_variance;
    joint->residual_ratio = (energy - explained) / (fmax(n - 3.0, 1.0) * joint->noise_variance);
    joint->left[0] = 0.0;
    for (size_t k = 0; k < joint->n_segments; k++) {
        const struct joint_segment *segment = &joint->segment[k];
        double _Complex mean =
            x[0] * level_at(joint, 0, segment) + x[1] * level_at(joint, 1, segment) + x[2];
        joint->left[k + 1] = joint->left[k] + segment->sum - mean * (segment->to - segment->from);
    }
}

/* Running sum of what the model leaves, at any place; *k walks with it. */
static double _Complex left_at(const struct joint *joint, double at, size_t *k)
{
    while (*k + 1 < joint->n_segments && joint->segment[*k].to < at) {
        (*k)++;
    }
    while (*k > 0 && joint->segment[*k].from > at) {
        (*k)--;
    }
    const struct joint_segment *segment = &joint->segment[*k];
    double _Complex mean = joint->tag[0].gain * level_at(joint, 0, segment) +
                           joint->tag[1].gain * level_at(joint, 1, segment) + joint->offset;
    double _Complex got =
        integral_at(joint->integral, at) - integral_at(joint->integral, segment->from);
    return joint->left[*k] + got - mean * (at - segment->from);
}

/* Start, clock and bend from the level changes of one tag. */
static void clock_fit(struct joint *joint, struct joint_tag *tag, double gate_ratio)
{
    double gate = gate_ratio * tag->half, power = plane_power(tag->gain);
    double n = (double)joint->n_halves;
    if (!(power > 0.0)) {
        return;
    }
    double variance = joint->noise_variance * gate / (4.0 * power);
    double a[3][3] = {{0}};
    double _Complex x[3] = {0};
    size_t k = 0;
    int before = -1;
    for (size_t q = 0; q <= joint->n_halves; q++) {
        int level = q < joint->n_halves ? tag->level[q] : -1;
        double at = tag->edge[q];
        bool is_read = level != before && at - gate >= joint->from && at + gate <= joint->to;
        before = level;
        if (!is_read) {
            continue;
        }
        double _Complex sum = -left_at(joint, at - gate, &k);
        sum += left_at(joint, at + gate, &k);
        double late = -level * plane_along(tag->gain, sum) / (2.0 * power);
        late = held_within(late, -gate, gate);
        double u = (double)q / n;
        double s[3] = {1.0, u, u * u - u};
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned j = 0; j < 3; j++) {
                a[i][j] += s[i] * s[j] / variance;
            }
            x[i] += s[i] * late / variance;
        }
    }
    static const double sigma[3] = {CLOCK_SIGMA_START, CLOCK_SIGMA_END, 4.0 * BEND_SIGMA};
    for (unsigned i = 0; i < 3; i++) {
        double spread = sigma[i] * tag->half;
        a[i][i] += 1.0 / (spread * spread);
    }
    /* the bend is held to what drift may be, not each step of it */
    double bent = tag->bend * n * n, spread = sigma[2] * tag->half;
    x[2] -= bent / (spread * spread);
    solve3(a, x);
    tag->start += creal(x[0]);
    tag->bend += creal(x[2]) / (n * n);
    tag->half += (creal(x[1]) - creal(x[2])) / n;
}

void joint_clocks(struct joint *joint, double gate_ratio)
{
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        clock_fit(joint, &joint->tag[i], gate_ratio);
    }
}
