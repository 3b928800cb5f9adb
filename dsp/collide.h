/* collide.h - two replies that overlap in one window, told apart: both tags' waveforms are fitted
 * together, each with its own gain, start and clock, and both bit sequences are decided over the joint
 * trellis.                                                                           layer: dsp
 * Source: Gen2 6.3.1.3.2 (line codes); shared/spec/limits.md section 5 has the bound. Model: leak
 * gone, y(t) = o + h1 s1(t) + h2 s2(t) + noise with s = -1 while a tag idles, so that o = h1 + h2. */
#ifndef DSP_COLLIDE_H
#define DSP_COLLIDE_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/integral.h"
#include "dsp/linecode.h"
#include "dsp/sync.h"

enum { COLLIDE_TAGS = 2, COLLIDE_BITS_MAX = 32 };

struct collide_request {
    const struct integral *integral;  /* leak and idle level gone */
    const struct sync_search *search; /* line code, where replies may begin, clocks, noise */
    size_t n_bits;                    /* of each reply: 1 .. COLLIDE_BITS_MAX */
    size_t n_tries;                   /* ideas of both channels that are followed: 1 .. 4 */
};

struct collide_tag {
    double start, end;    /* first edge, end of the dummy bit; samples of the integral */
    double half;          /* half-cycle 1/(2 BLF), samples */
    double _Complex gain; /* half swing h */
    double score_nats;    /* what the window says for this tag beside the other */
    double right_ratio;   /* chance that all its bits are right, as the soft values tell */
    uint8_t bit[COLLIDE_BITS_MAX];
};

struct collide_reply {
    unsigned n_tags; /* 0: not two tags, or not told apart; 1: only the first can be relied on */
    struct collide_tag
        tag[COLLIDE_TAGS];  /* the one to be answered first: the stronger, unless the other
                                           * is far surer */
    double _Complex offset; /* mean level */
    double score_nats;      /* log-likelihood gain of both over noise only */
    bool is_clean;          /* two tags explain the window; otherwise there is more than they */
    double residual_ratio;  /* energy left over, per expected noise: 1 is ideal */
};

struct collide; /* workspace */

/*   pre  capacity_samples: the longest integral   err ST_NO_MEMORY. All memory is taken here. */
enum status collide_new(size_t capacity_samples, struct collide **collide) must_check;
void collide_free(struct collide **collide);

/* What can be told before the last sample: the channels, where the first tag begins. Meanwhile the
 * rest comes in.
 *   pre  the integral begins with some quiet and holds the latest and slowest preamble; no more than
 *        capacity_samples */
void collide_begin(struct collide *collide, const struct collide_request *window);

/* Tell two replies apart.
 *   out  reply; nothing is believed that noise or one reply alone may be
 *   pre  collide_begin on the same window, which may hold more samples by now
 *   cost bounded, no allocation: see bench_collisions */
void collide_resolve(struct collide *collide, const struct collide_request *window,
                     struct collide_reply *reply);

/* The half swings that both tags have on another integral over the same samples: one channel of several.
 *   pre  the last reply had tags */
void collide_gains(struct collide *collide, const struct integral *integral,
                   double _Complex gain[COLLIDE_TAGS]);

#endif
