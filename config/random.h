/* random.h - numbers drawn from a seed, the same on every machine.         layer: config
 * Source: splitmix64 (Steele, Lea, Flood 2014); Box and Muller (1958). */
#ifndef CONFIG_RANDOM_H
#define CONFIG_RANDOM_H

#include <math.h>
#include <stdint.h>

#include "config/units.h"

/* 64 bits; any state, also 0, and it moves on. */
static inline uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* A state of its own for (seed, index). */
static inline uint64_t random_state(uint64_t seed, uint64_t index)
{
    uint64_t state = seed * 0xD1342543DE82EF95u + index;
    return random_bits(&state);
}

/* Evenly from 0 to 1, both left out. */
static inline double random_uniform(uint64_t *state)
{
    return ((double)(random_bits(state) >> 11) + 0.5) * 0x1p-53;
}

/* Gaussian, mean 0, variance 1. */
static inline double random_gaussian(uint64_t *state)
{
    double radius = sqrt(-2.0 * log(random_uniform(state)));
    return radius * cos(2.0 * UNITS_PI * random_uniform(state));
}

#endif
