/* ref_noise.h - white Gaussian noise in bulk, for the tests' own air.               layer: tests
 * Source: Box and Muller (1958) in float, sixteen lanes of Marsaglia's xorwow (2003), written so that
 * compilers vectorise it. Shares nothing with radio/air. */
#ifndef TESTS_REF_NOISE_H
#define TESTS_REF_NOISE_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

enum { REF_NOISE_LANES = 16 };

struct ref_noise {
    uint32_t word[5][REF_NOISE_LANES], weyl;
    size_t n_left; /* of the last block */
    float _Complex left[REF_NOISE_LANES];
};

/* Another seed is another stream. */
void ref_noise_init(struct ref_noise *noise, uint64_t seed);

/* Complex Gaussians, E|x|^2 = 1, at most 6.5 sigma a component; how calls cut the stream does not
 * matter.   cost about 7 ns a sample */
void ref_noise_draw(struct ref_noise *noise, float _Complex *out, size_t n);

#endif
