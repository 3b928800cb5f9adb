/* collide_parts.h - what the files of the collision resolver share.            layer: dsp, private */
#ifndef DSP_COLLIDE_PARTS_H
#define DSP_COLLIDE_PARTS_H

#include <stdbool.h>

#include "dsp/collide.h"

enum {
    JOINT_WAVES = 4, /* a symbol's two chips: -- -+ +- ++ */
    JOINT_PAIRS = JOINT_WAVES * JOINT_WAVES,
    JOINT_SYMBOLS_MAX = COLLIDE_BITS_MAX + 1,
    JOINT_HALVES_MAX = (LINECODE_PREAMBLE_CHIPS_MAX + 2 * JOINT_SYMBOLS_MAX) * 8,
    JOINT_EVENTS_MAX = COLLIDE_TAGS * JOINT_SYMBOLS_MAX,
    JOINT_SEGMENTS_MAX = COLLIDE_TAGS * (JOINT_HALVES_MAX + 1) + 1,
    JOINT_CHIPS = 3, /* a symbol's two, and what is no symbol's: a level that is known */
    CLUSTER_PAIRS_MAX = 4,
    LONE_PLACES = 3,
};

enum joint_kind { JOINT_FIRST, JOINT_MIDDLE, JOINT_DUMMY, JOINT_KINDS }; /* of a symbol */

struct joint_pairs { /* levels of both chips of the waves of a state (collide_trellis.c) */
    float own[2][JOINT_PAIRS], other[2][JOINT_PAIRS];
};

struct joint_code { /* a line code and the reply's shape, as the trellis wants them */
    const struct linecode *code;
    size_t n_preamble_halves, n_symbols, n_halves;
    uint8_t before[JOINT_KINDS][JOINT_WAVES][2]; /* waves that may come before; none: JOINT_WAVES */
    struct joint_pairs pairs;
    uint8_t bit[JOINT_WAVES]; /* that a wave stands for */
    /* by half-cycle + 1, so that idle levels stand at both ends: chip 0, 1, or 2; level of a chip +1 */
    uint8_t chip[JOINT_HALVES_MAX + 2];
    int8_t sign[JOINT_HALVES_MAX + 2];
};

/* A reply of n_bits.   pre n_bits <= COLLIDE_BITS_MAX */
void joint_code_fill(struct joint_code *shape, const struct linecode *code, bool trext,
                     size_t n_bits);

/* Level, +1 or -1, of a wave's chip. */
static inline int joint_wave_chip(unsigned wave, unsigned chip)
{
    return (wave >> (1 - chip)) & 1 ? 1 : -1;
}

struct joint_tag {
    double start, half, bend; /* edge q lies at start + q (half + q bend) */
    double _Complex gain;
    double edge[JOINT_HALVES_MAX + 1];
    double _Complex at[JOINT_HALVES_MAX + 1]; /* integral at the edges */
    int8_t level[JOINT_HALVES_MAX + 2]; /* of the decided sequence, by half-cycle + 1; idle: -1 */
    uint8_t bit[JOINT_SYMBOLS_MAX];
    float soft[JOINT_SYMBOLS_MAX]; /* log-likelihood of 1 over 0 */
    double score_nats;             /* what it explains beside the other */
};

struct joint_segment {          /* between two level changes of either tag */
    double length;              /* samples */
    double _Complex sum;        /* of the samples */
    int16_t half[COLLIDE_TAGS]; /* half-cycle + 1 each tag is in: 0 not begun, n_halves + 1 over */
};

struct joint_event { /* a data symbol begins */
    uint8_t tag, symbol;
    /* from it to the next event: how long both tags' chips lie beside each other, signs included */
    float beside[JOINT_CHIPS][JOINT_CHIPS];
    /* by the waves of the tag whose symbol begins and of the other: own * 4 + other */
    float gain[JOINT_PAIRS];        /* metric that comes with it, by the waves after */
    float reached[JOINT_PAIRS];     /* best metric with it */
    int32_t is_second[JOINT_PAIRS]; /* of the two waves that may come before it */
};

struct joint { /* both tags' waveforms over one window */
    const struct integral *integral;
    const struct joint_code *shape;
    double noise_variance;
    double to; /* the window's end; it begins at 0, with both tags idle */
    struct joint_tag tag[COLLIDE_TAGS];
    double _Complex offset;
    size_t n_segments, n_events;
    struct joint_segment segment[JOINT_SEGMENTS_MAX];
    struct joint_event event[JOINT_EVENTS_MAX];
    double score_nats, residual_ratio;
};

/* A window, nothing known of the tags yet. */
void joint_begin(struct joint *joint, const struct collide_request *request,
                 const struct joint_code *shape);

/* A tag's clock and bits, as a first idea. */
void joint_set_tag(struct joint *joint, unsigned index, double start, double half,
                   const uint8_t *bit);

/* One tag's edges, of its clock as it is. */
void joint_edges(struct joint *joint, unsigned index);

/* Edges and segments of the clocks as they are. */
void joint_segments(struct joint *joint);

/* The likeliest bits of both tags with the gains and clocks as they are.   pre joint_segments
 *   out  true: a bit is another than before */
bool joint_decide(struct joint *joint);

/* How sure each of these bits is: fills soft.   pre joint_decide with the same segments */
void joint_soften(struct joint *joint);

/* Levels of every half-cycle of the preamble and the bits. */
void joint_levels(const struct joint_code *shape, struct joint_tag *tag);

/* Gains and offset by least squares from the bits and clocks.   pre joint_segments */
void joint_gains(struct joint *joint);

/* The same; score and residual, too. */
void joint_measure(struct joint *joint);

/* Solve a symmetric, positive system of three in place. */
void joint_solve3(double a[3][3], double _Complex x[3]);

/* Clocks from the timing errors of all level changes, looked for within gate_ratio half-cycles.
 *   pre joint_segments, gains set, gate_ratio < 0.5 */
void joint_clocks(struct joint *joint, double gate_ratio);

/* One tag's level over a window as far as it is known: log-likelihoods of high over low, summed up over
 * bins of so many samples. */
struct lone_signal {
    float *sum; /* [n_bins + 1] */
    size_t n_bins;
    double bin_samples;
    double nats;     /* that a sample of the tag alone amounts to, > 0 */
    double nats_all; /* half the sum of all magnitudes: what no reply exceeds */
};

struct lone_reply {
    double start, half; /* samples; mean half-cycle */
    double nats;        /* for these bits and this clock, over all bins: differences count */
    uint8_t bit[JOINT_SYMBOLS_MAX];
};

struct lone_place { /* where a reply may begin, and its clock; bins */
    float start, half, score;
};

struct lone_places {
    size_t n;
    struct lone_place place[LONE_PLACES];
};

/* Preambles of the shape in such a signal, best first. It may end with the last preamble that may be.
 *   work  [n_bins + 1], lost */
void lone_seek(const struct lone_signal *signal, const struct sync_search *search,
               const struct joint_code *shape, float *work, struct lone_places *places);

/* The likeliest reply that begins in one of these places.   out false: there are none */
bool lone_follow(const struct lone_signal *signal, const struct sync_search *search,
                 const struct joint_code *shape, const struct lone_places *places,
                 struct lone_reply *reply);

/* Half swings of two tags, as four clusters tell: levels 0, 2 a, 2 b, 2 a + 2 b. */
struct cluster_pair {
    double _Complex origin, a, b; /* a, b: half swings; origin: idle level */
    double cost;
};

/* Candidates, best first.   pre n_max <= CLUSTER_PAIRS_MAX   out returns how many */
size_t clusters_find(const struct integral *integral, double idle_to, double from, double to,
                     double half, double noise_variance, struct cluster_pair *pair, size_t n_max);

#endif
