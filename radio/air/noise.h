/* noise.h - random numbers of the simulated air: seeds, uniform draws, Gaussian noise.
 *                                                                     layer: radio/air
 * Source: splitmix64 (Steele, Lea, Flood 2014), xoshiro256++ (Blackman, Vigna 2019), the ziggurat
 * of Marsaglia and Tsang (2000) with 256 layers and its exact tail. */
#ifndef RADIO_AIR_NOISE_H
#define RADIO_AIR_NOISE_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#define NOISE_LAYERS 256

struct noise_stream {
    uint64_t word[4];
};

struct noise_table {                /* ziggurat of exp(-x^2/2), layer 0 is the base with the tail */
    float scale[NOISE_LAYERS];      /* layer width / 2^23 */
    uint32_t inside[NOISE_LAYERS];  /* mantissas below this lie wholly under the curve */
    float edge[NOISE_LAYERS + 1];   /* right edges, falling to 0 */
    float height[NOISE_LAYERS + 1]; /* the curve at the edges */
};

/* One step of splitmix64: any state, also 0.  out  64 random bits, *state moves on */
uint64_t noise_mix(uint64_t *state);

/* A stream of its own for every (seed, purpose). */
void noise_stream_init(struct noise_stream *stream, uint64_t seed, uint64_t purpose);

/* Uniform in [0, 1), 53 bits, from a splitmix64 state. */
double noise_uniform(uint64_t *state);

void noise_table_init(struct noise_table *table);

/* One Gaussian, mean 0, variance 1. */
float noise_gaussian(const struct noise_table *table, struct noise_stream *stream);

/* Add complex white noise: sigma is the standard deviation of each of I and Q.
 *   cost O(n_samples), about 5 ns a sample; draws do not depend on how calls split the samples */
void noise_add(const struct noise_table *table, struct noise_stream *stream, float sigma,
               float _Complex *sample, size_t n_samples);

#endif
