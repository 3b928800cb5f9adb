/* whiten.h - the noise of one or two receive channels made round: covariance of I and Q from the
 * quiet, and the linear map after which noise is equally strong in every direction. A strong leak's
 * phase noise lies along one direction of the I/Q plane; after the map the detector looks past it.
 *                                                                              layer: dsp
 * Source: limits.md section 4; Cholesky factor of the sample covariance. */
#ifndef DSP_WHITEN_H
#define DSP_WHITEN_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/limits.h"

enum { WHITEN_DIMENSIONS = 2 * LIMIT_RX_CHANNELS };

struct whiten {
    unsigned n_channels;
    bool plain;            /* the map is the identity */
    double noise_variance; /* of one complex sample after the map, the same on every channel */
    double colour[WHITEN_DIMENSIONS][WHITEN_DIMENSIONS]; /* lower triangle: undoes the map */
    float map[WHITEN_DIMENSIONS][WHITEN_DIMENSIONS];     /* lower triangle */
    double spread_db;     /* stronger over weaker axis of channel 0's noise */
    double _Complex axis; /* direction of the stronger one, unit length */
};

/* Learn from n samples of noise around any mean; directions are told apart only where the samples
 * prove them different (one in a thousand quiets by chance).
 *   in   sample[n_channels][n]   pre n >= 4, n_channels 1 .. LIMIT_RX_CHANNELS
 *        floor_variance > 0: least noise variance believed; enabled false: only strengths are evened */
void whiten_learn(struct whiten *whiten, unsigned n_channels, const float _Complex *const *sample,
                  size_t n, double floor_variance, bool enabled);

/* In place. */
void whiten_apply(const struct whiten *whiten, float _Complex *const *sample, size_t n);

/* Amplitudes as they were before the map.  in, out  value[n_channels] */
void whiten_undo(const struct whiten *whiten, double _Complex *value);

#endif
