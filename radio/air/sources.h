/* sources.h - all carriers on the air: the transmitters with their noise, then the air's own
 * further emitters.                                                      layer: radio/air */
#ifndef RADIO_AIR_SOURCES_H
#define RADIO_AIR_SOURCES_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/noise.h"
#include "radio/air/oscillator.h"

#define SOURCES_SAMPLES_MAX 1024

struct sources {
    unsigned n_tx, n_all; /* transmitters; with the emitters */
    float amplitude[AIR_CARRIERS_MAX];
    struct oscillator oscillator[AIR_CARRIERS_MAX];
    struct sources_pause {                            /* all ticks of the air */
        double period_ticks, silent_ticks, from_tick; /* period 0: none */
        double ramp_ticks;
    } pause[AIR_CARRIERS_MAX];
    float noise_sigma; /* of I and Q relative to the carrier; 0: none */
    struct noise_stream noise_stream[AIR_TRANSMITTERS_MAX];
    float _Complex made[AIR_SOURCES_MAX][SOURCES_SAMPLES_MAX];
};

/*   in   emitter[n_emitters]  those that are on
 *   pre  cfg checked; n_tx <= AIR_TRANSMITTERS_MAX; n_emitters <= AIR_CARRIERS_MAX */
void sources_init(struct sources *sources, const struct air_cfg *cfg,
                  const struct air_emitter_cfg *emitter, size_t n_emitters, double rate_sps,
                  unsigned n_tx);

/* Make the samples of the next ticks.
 *   inout  sent[n_all]  holds the transmitters'; the emitters' are added
 *   out    on_air[n_all]  the same, the transmitters' with their noise
 *   pre    n_samples <= SOURCES_SAMPLES_MAX; calls follow one another in ticks from 0 on
 *   own    what is pointed to is good until the next call */
void sources_make(struct sources *sources, const struct noise_table *table,
                  const float _Complex *sent[], const float _Complex *on_air[], size_t n_samples,
                  int64_t first_tick);

#endif
