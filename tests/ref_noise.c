/* ref_noise.c - Box-Muller, sixteen at a time. */
#include "tests/ref_noise.h"

#include <math.h>
#include <string.h>

enum { LANES = REF_NOISE_LANES };

void ref_noise_init(struct ref_noise *noise, uint64_t seed)
{
    memset(noise, 0, sizeof *noise);
    for (int w = 0; w < 5; w++) {
        for (int k = 0; k < LANES; k++) { /* splitmix64 */
            uint64_t z = seed += 0x9E3779B97F4A7C15u;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
            noise->word[w][k] = (uint32_t)((z ^ (z >> 31)) >> 32) | 1u;
        }
    }
}

static inline void bits_draw(struct ref_noise *noise, uint32_t *restrict out)
{
    noise->weyl += 362437u;
    for (int k = 0; k < LANES; k++) {
        uint32_t t = noise->word[0][k] ^ (noise->word[0][k] >> 2);
        uint32_t last = noise->word[4][k];
        noise->word[0][k] = noise->word[1][k];
        noise->word[1][k] = noise->word[2][k];
        noise->word[2][k] = noise->word[3][k];
        noise->word[3][k] = last;
        last = last ^ (last << 4) ^ t ^ (t << 1);
        noise->word[4][k] = last;
        out[k] = last + noise->weyl;
    }
}

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Natural logarithm of x in (0, 1): exponent, and atanh series of a mantissa in 0.7 .. 1.4; absolute
 * error below 1e-6. */
static inline float logarithm(float x)
{
    uint32_t bits = bits_of(x) - 0x3F3504F3u; /* sqrt(1/2) */
    float exponent = (float)((int32_t)bits >> 23);
    float mantissa = float_of((bits & 0x7FFFFFu) + 0x3F3504F3u);
    float z = (mantissa - 1.0F) / (mantissa + 1.0F);
    float z2 = z * z;
    float series = 2.0F + z2 * (0.66666667F + z2 * (0.4F + z2 * 0.28571429F));
    return exponent * 0.69314718F + z * series;
}

static inline void block_draw(struct ref_noise *noise, float *restrict out)
{
    uint32_t first[LANES], second[LANES];
    bits_draw(noise, first);
    bits_draw(noise, second);
    for (int k = 0; k < LANES; k++) {
        float u = (float)(int32_t)((first[k] >> 1) | 1u) * 0x1p-31F;
        float radius = sqrtf(fabsf(logarithm(u)));
        /* an eighth of a turn either side of an axis; two more bits choose the axis */
        float angle = (float)((int32_t)second[k] >> 2) * (0.78539816F * 0x1p-29F);
        float a2 = angle * angle;
        float c =
            1.0F + a2 * (-0.5F + a2 * (4.1666667e-2F + a2 * (-1.3888889e-3F + a2 * 2.48e-5F)));
        float s = angle * (1.0F + a2 * (-0.16666667F + a2 * (8.3333333e-3F - a2 * 1.984127e-4F)));
        uint32_t sign = (second[k] & 1u) << 31;
        uint32_t swap = 0u - ((second[k] >> 1) & 1u);
        uint32_t re = (bits_of(c) & ~swap) | (bits_of(s) & swap);
        uint32_t im = (bits_of(s) & ~swap) | (bits_of(c) & swap);
        out[2 * k] = radius * float_of(re ^ sign);
        out[2 * k + 1] = radius * float_of(im ^ sign);
    }
}

void ref_noise_draw(struct ref_noise *noise, float _Complex *out, size_t n)
{
    while (n > 0 && noise->n_left > 0) {
        *out++ = noise->left[LANES - noise->n_left--];
        n--;
    }
    for (; n >= LANES; n -= LANES, out += LANES) {
        block_draw(noise, (float *)out);
    }
    if (n > 0) {
        block_draw(noise, (float *)noise->left);
        memcpy(out, noise->left, n * sizeof *out);
        noise->n_left = LANES - n;
    }
}
