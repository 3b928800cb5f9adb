/* carrier.h - one carrier followed through a listening window, block by block.      layer: dsp
 * What is taken out of a block is predicted from blocks before it, so cleaning adds no delay. The
 * prediction starts from the quiet's fit with the fit's own uncertainty and is corrected by a Kalman
 * filter (phase and frequency; level apart). Each block's weight falls with how much the errors of
 * neighbouring blocks differ: a tag's sidebands are noise to the filter, not something to follow. */
#ifndef DSP_CARRIER_H
#define DSP_CARRIER_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/tones.h"

struct carrier {
    float _Complex *turn;       /* exp(j offset (k - middle of the block)), k < n_block */
    double offset_rad;          /* of the table; kept as the quiet told it */
    double turn_block_rad;      /* of the table's phasor from block to block */
    double _Complex growth;     /* relative, a block: a leak that drifts */
    double _Complex level;      /* estimate for block `at`, at its middle */
    int64_t at;                 /* block */
    double drift_rad;           /* beyond turn_block_rad, a block */
    double p00, p01, p11;       /* covariance of phase and drift */
    double level_variance;      /* of log level */
    double noise_ratio;         /* white noise of a block's measurement over |level|^2 */
    double spread_ratio;        /* the same, as neighbouring blocks differ */
    double _Complex last_error; /* relative, of the block before */
    bool has_last, off;
    double _Complex used[2]; /* what was taken out of even and odd blocks */
    unsigned n_gone;         /* blocks in a row without it */
    unsigned n_under, n_over;
};

/* Begin with what the quiet told.
 *   in   middle: sample where tone's amplitude holds; noise_variance a sample;
 *        last_block: the last one that may not correct the estimate
 *   own  turn[n_block] is written and borrowed until the next start */
void carrier_start(struct carrier *carrier, const struct tone *tone, double middle,
                   double noise_variance, int64_t last_block, size_t n_block, float _Complex *turn);

/* Level to take out of a block. Blocks may be asked for before they or their forerunner are measured. */
double _Complex carrier_level(struct carrier *carrier, int64_t block);

/* Correct by what is left in a block: rest[n_block], all carriers taken out.
 *   pre blocks in order, none left out after last_block */
void carrier_correct(struct carrier *carrier, int64_t block, const float _Complex *rest,
                     size_t n_block);

/* Keyed: it went away and came back, or lost level in blocks far more often than it gained. */
bool carrier_is_keyed(const struct carrier *carrier);

#endif
