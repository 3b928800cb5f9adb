/* collide_parts.h - what the files of the collision resolver share.            layer: dsp, private */
#ifndef DSP_COLLIDE_PARTS_H
#define DSP_COLLIDE_PARTS_H

#include <stdbool.h>

#include "dsp/collide.h"

enum {
    JOINT_WAVES = 4, /* a symbol's two chips: -- -+ +- ++ */
    JOINT_SYMBOLS_MAX = COLLIDE_BITS_MAX + 1,
    JOINT_HALVES_MAX = (LINECODE_PREAMBLE_CHIPS_MAX + 2 * JOINT_SYMBOLS_MAX) * 8,
    JOINT_EVENTS_MAX = COLLIDE_TAGS * JOINT_SYMBOLS_MAX,
    JOINT_SEGMENTS_MAX = COLLIDE_TAGS * (JOINT_HALVES_MAX + 1) + 1,
    CLUSTER_PAIRS_MAX = 4,
};

struct joint_tag {
    double start, half, bend; /* edge q lies at start + q (half + q bend) */
    double _Complex gain;
    double edge[JOINT_HALVES_MAX + 1];
    int8_t level[JOINT_HALVES_MAX]; /* of the decided sequence, +1 or -1 */
    uint8_t bit[JOINT_SYMBOLS_MAX];
    float soft[JOINT_SYMBOLS_MAX]; /* log-likelihood of 1 over 0 */
    double score_nats;             /* what it explains beside the other */
};

struct joint_segment {          /* between two level changes of either tag */
    double from, to;            /* samples */
    double _Complex sum;        /* of the samples */
    int16_t half[COLLIDE_TAGS]; /* which half-cycle each tag is in; -1: not begun, n_halves: over */
};

struct joint_event { /* a data symbol begins */
    uint8_t tag, symbol;
    uint16_t segment;                      /* the first one in it */
    float ahead[JOINT_WAVES][JOINT_WAVES]; /* best metric up to it, by the waves before */
    float gain[JOINT_WAVES][JOINT_WAVES]; /* metric from it to the next event, by the waves after */
    float behind[JOINT_WAVES][JOINT_WAVES]; /* best metric from the next event on */
    uint8_t from[JOINT_WAVES][JOINT_WAVES]; /* its tag's wave before, of the best */
};

struct joint { /* both tags' waveforms over one stretch */
    const struct integral *integral;
    const struct linecode *code;
    bool trext;
    double noise_variance;
    double from, to; /* the stretch: begins with both tags idle */
    size_t n_preamble_halves, n_symbols, n_halves;
    int8_t follow[LINECODE_STATES_MAX]
                 [JOINT_WAVES]; /* [state]: the bit that makes this wave, or -1 */
    uint8_t after[JOINT_WAVES]; /* state after a wave */
    struct joint_tag tag[COLLIDE_TAGS];
    double _Complex offset;
    size_t n_segments, n_events;
    struct joint_segment segment[JOINT_SEGMENTS_MAX];
    struct joint_event event[JOINT_EVENTS_MAX];
    double _Complex left[JOINT_SEGMENTS_MAX +
                         1]; /* running sum of what the model leaves, at segments */
    double score_nats, residual_ratio;
};

/* A stretch of an integral, nothing known of the tags yet.   pre from < to <= n_samples */
void joint_begin(struct joint *joint, const struct collide_request *request, double from,
                 double to);

/* A tag's clock and bits, as a first idea. */
void joint_set_tag(struct joint *joint, unsigned index, double start, double half,
                   const uint8_t *bit);

/* Edges and segments of the clocks as they are. */
void joint_segments(struct joint *joint);

/* The likeliest bits of both tags with the gains and clocks as they are.   pre joint_segments
 *   out  true: a bit is another than before */
bool joint_decide(struct joint *joint);

/* How sure each of these bits is: fills soft.   pre joint_decide with the same segments */
void joint_soften(struct joint *joint);

/* Gains and offset by least squares from the bits and clocks; score and residual.   pre joint_segments */
void joint_gains(struct joint *joint);

/* Clocks from the timing errors of all level changes, looked for within gate_ratio half-cycles.
 *   pre joint_gains */
void joint_clocks(struct joint *joint, double gate_ratio);

/* Half swings of two tags, as four clusters tell: levels 0, 2 a, 2 b, 2 a + 2 b. */
struct cluster_pair {
    double _Complex origin, a, b; /* a, b: half swings; origin: idle level */
    double cost;
};

/* Candidates, best first.   pre n_max <= CLUSTER_PAIRS_MAX   out returns how many */
size_t clusters_find(const struct integral *integral, double idle_to, double from, double to,
                     double half, double noise_variance, struct cluster_pair *pair, size_t n_max);

#endif
