/* population.h - which EPC each simulated tag has and where it is.      layer: radio/air
 * Source: GS1 EPC Tag Data Standard, SGTIN-96 (header, partition table); Friis. */
#ifndef RADIO_AIR_POPULATION_H
#define RADIO_AIR_POPULATION_H

#include <stdint.h>

#include "radio/air/air.h"
#include "radio/air/scene.h"

#define POPULATION_EPC_BYTES 12

enum population_scheme { POPULATION_SGTIN, POPULATION_RANDOM };

/* The EPC of tag `index`: unique in the population, the same for the same seed. */
void population_epc(uint64_t seed, enum population_scheme scheme, uint32_t index,
                    uint8_t epc[POPULATION_EPC_BYTES]);

struct population_path { /* one tag's place */
    double distance_m;
    float _Complex forward[AIR_SOURCES_MAX]; /* sqrt(mW) at the chip per unit amplitude */
    float _Complex back[AIR_RECEIVERS_MAX];  /* receiver amplitude per sqrt(mW) at the chip, half
                                             * swing of the modulation included */
};

/* Draw one tag's distance and path phases.  *random is a splitmix64 state and moves on.
 *   in  place  in a hall, what its ways cost; NULL in the line scene */
void population_place(const struct air_cfg *cfg, double freq_hz, const struct scene_tag *place,
                      uint64_t *random, struct population_path *path);

#endif
