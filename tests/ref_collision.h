/* ref_collision.h - several reference replies in one window, each tag with its own bits, phase, clock and
 * start, on a leak and in white noise: the truth that collisions are counted against.
 *                                                                                  layer: tests
 * Source: Gen2 6.3.1.3 (replies), 6.3.1.6 (T1). Shares nothing with dsp/ and radio/air. */
#ifndef TESTS_REF_COLLISION_H
#define TESTS_REF_COLLISION_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/link.h"
#include "tests/ref_noise.h"
#include "tests/ref_reply.h"

enum {
    REF_COLLISION_TAGS_MAX = 3,
    REF_COLLISION_CHANNELS = 2,
    REF_COLLISION_BITS = 16,
    REF_COLLISION_SAMPLES_MAX = 1 << 15
};

struct ref_collision_cfg {
    double rate_sps, blf_hz;
    unsigned m;
    bool trext;
    unsigned n_channels; /* 2: another antenna, each tag as strong, in a phase of its own; 0 is 1 */
    unsigned n_tags;     /* 0: noise alone */
    double below_db[REF_COLLISION_TAGS_MAX]; /* each tag's power under the first one's */
    double ebn0_db;                          /* of the first */
    double clock_ratio;                      /* all tags' clocks: somewhere in blf_hz (1 +- this) */
    double own_clock_ratio;                  /* each tag's: somewhere in +- this of that */
    double drift_ratio;                      /* each clock's, over its reply, sign at random */
    double from_tick, t1_min_us, t1_max_us;  /* starts */
    double leak_db;                          /* carrier over the first tag's half swing */
};

struct ref_collision {
    struct ref_collision_cfg cfg;
    uint8_t bit[REF_COLLISION_TAGS_MAX][REF_COLLISION_BITS];
    struct ref_reply reply[REF_COLLISION_TAGS_MAX];
    double _Complex other_gain[REF_COLLISION_TAGS_MAX]; /* at the second antenna */
    struct ref_noise noise;
    double amplitude; /* of the noise */
    size_t n_samples; /* to well past the last reply */
    float level[REF_COLLISION_SAMPLES_MAX];
    float _Complex sample[REF_COLLISION_CHANNELS][REF_COLLISION_SAMPLES_MAX];
};

/* Two tags on this link, their clocks as far off as it allows, on a leak of 40 dB.   in  below_db  of each
 * but the first */
struct ref_collision_cfg ref_collision_pair(const struct link *link, double rate_sps,
                                            double below_db, double ebn0_db);

/* Everything of one trial follows from cfg and seed (not 0): bits, phases, starts, samples from tick 0.
 *   pre  the window fits REF_COLLISION_SAMPLES_MAX */
void ref_collision_draw(struct ref_collision *collision, const struct ref_collision_cfg *cfg,
                        uint64_t seed);

/* Which tag sent these bits; -1: none.   pre  REF_COLLISION_BITS of them */
int ref_collision_tag_of(const struct ref_collision *collision, const uint8_t *bit);

#endif
