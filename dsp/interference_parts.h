/* interference_parts.h - the inside of struct interference, for interference.c and
 * interference_blocks.c only.                                                    layer: dsp */
#ifndef DSP_INTERFERENCE_PARTS_H
#define DSP_INTERFERENCE_PARTS_H

#include "dsp/carrier.h"
#include "dsp/impulses.h"
#include "dsp/interference.h"
#include "dsp/tones.h"

enum {
    BLOCK_MIN = 64,
    BLOCK_MAX = 2048, /* samples */
    ROOM = BLOCK_MAX + IMPULSES_DISTANCE_MAX,
    CARRIERS_MAX = 1 + TONES_MAX, /* [0] is the leak: put back after the look for impulses */
    BLANK_SHARE_MAX = 8, /* a block has at most one in so many blanked: more is no impulse */
    BLANKS_MAX = BLOCK_MAX / BLANK_SHARE_MAX + 1,
};
#define BLANK_RATIO 40.0 /* squared excursion over noise variance: noise does it in 3e-12 */

enum { COUNTS_KEPT = 16 }; /* power of two; more than the blocks of INTERFERENCE_AHEAD samples */

_Static_assert(INTERFERENCE_AHEAD / BLOCK_MIN + 1 < COUNTS_KEPT, "what may be asked for is kept");

struct counts { /* what was met up to the end of a block */
    int64_t n_blanked;
    double blanked_power;
    unsigned n_burst, n_quieter, n_line, n_keyed;
    double burst_power, line_offset_rad;
};

struct blank { /* a sample that is replaced */
    size_t place;
    float _Complex level;
};

struct interference {
    struct interference_cfg cfg;
    struct tones *tones;
    struct tones_found found;
    size_t n_quiet, n_block;
    unsigned distance;    /* 0: impulses and noise cannot be told from a tag */
    double floor;         /* noise variance to reckon with */
    double step_variance; /* of the converter's steps, at most */
    double band_rad;      /* the tag's, a sample */
    unsigned n_block_blanked;
    double blank_limit; /* squared excursion; of the block at hand */
    unsigned n_carriers;
    struct carrier carrier[CARRIERS_MAX];
    bool is_near[CARRIERS_MAX]; /* as the quiet told: followed only to be told apart from noise */
    int64_t entered, left;      /* samples taken in, given out */
    struct counts counts, kept[COUNTS_KEPT]; /* at the end of block k: kept[k % COUNTS_KEPT] */
    float _Complex last;                     /* given out, carriers not in it */
    float _Complex *turn[CARRIERS_MAX];
    float _Complex before[IMPULSES_DISTANCE_MAX]; /* the last ones given out, as they came */
    struct blank blank[BLANKS_MAX];               /* of the part at hand */
    size_t n_part_blanks;
    float _Complex *back;  /* the leak's part of the samples held back and of new ones */
    float _Complex *block; /* block at hand: carriers out, impulses out */
    float *lesser;         /* its lesser differences */
    bool keep_block;       /* block[] is wanted though there are no carriers */
    float *scratch;
    size_t n_blocks;
    double quiet_noise; /* mean of the lesser differences in the quiet's whole blocks */
    size_t n_quiet_blocks;
    unsigned n_looks;
};

/* A block is whole: carriers are corrected by it, its noise is measured and held against the quiet's. */
void interference_block_finish(struct interference *x, int64_t block);

#endif
