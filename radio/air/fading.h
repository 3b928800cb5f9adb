/* fading.h - what the path between a tag and a receiver multiplies the reply by: diffuse
 * reflections (Rice, Rayleigh), a tag that moves.                        layer: radio/air
 * Source: sum of sinusoids with Clarke's arrival angles (Jakes 1974; Pop and Beaulieu 2001): 16 of
 * them, equally spaced in angle from a random start, phases at random. */
#ifndef RADIO_AIR_FADING_H
#define RADIO_AIR_FADING_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

#include "radio/air/air.h"

#define FADING_NODE_TICKS 64 /* the factor runs straight between nodes */

struct fading {
    uint64_t seed;
    double rate_sps;
    double doppler_hz; /* greatest, of the diffuse part; 0: there is none */
    double direct_amplitude, diffuse_amplitude; /* squares add up to 1 */
    double motion_hz;                           /* turns a second of everything */
};

void fading_init(struct fading *fading, const struct air_cfg *cfg, double rate_sps, double freq_hz);

/* False: the factor is 1 for ever. */
bool fading_is_on(const struct fading *fading);

/* The factor at a tick, mean power 1: a function of its arguments alone.   cost  about 1 us */
float _Complex fading_at(const struct fading *fading, uint64_t tag, unsigned receiver,
                         int64_t tick);

#endif
