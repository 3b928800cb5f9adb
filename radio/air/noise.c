/* noise.c - splitmix64, xoshiro256++ and the ziggurat. */
#include "radio/air/noise.h"

#include <math.h>

#include "config/require.h"

/* Where the tail begins and the area of each layer, for 256 layers (Doornik 2005, table 1). */
#define NOISE_TAIL_START 3.6541528853610088
#define NOISE_LAYER_AREA 0.00492867323399
#define NOISE_MANTISSA_BITS 23

uint64_t noise_mix(uint64_t *state)
{
    require(state);
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void noise_stream_init(struct noise_stream *stream, uint64_t seed, uint64_t purpose)
{
    require(stream);
    uint64_t state = seed;
    state = noise_mix(&state) ^ (purpose * 0xD1342543DE82EF95u);
    for (int i = 0; i < 4; i++) {
        stream->word[i] = noise_mix(&state);
    }
    require(stream->word[0] | stream->word[1] | stream->word[2] | stream->word[3]);
}

double noise_uniform(uint64_t *state)
{
    return (double)(noise_mix(state) >> 11) * 0x1p-53;
}

static inline uint64_t rotate_left(uint64_t x, int n_bits)
{
    return (x << n_bits) | (x >> (64 - n_bits));
}

static inline uint64_t stream_next(struct noise_stream *stream)
{
    uint64_t *s = stream->word;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

static double stream_uniform_open(struct noise_stream *stream)
{
    return ((double)(stream_next(stream) >> 12) + 0.5) * 0x1p-52;
}

void noise_table_init(struct noise_table *table)
{
    require(table);
    double edge = NOISE_LAYER_AREA / exp(-0.5 * NOISE_TAIL_START * NOISE_TAIL_START);
    double next = NOISE_TAIL_START;
    for (int i = 0; i < NOISE_LAYERS; i++) {
        table->edge[i] = (float)edge;
        table->height[i] = (float)exp(-0.5 * edge * edge);
        table->scale[i] = (float)(edge * 0x1p-23);
        table->inside[i] = (uint32_t)(next / edge * 0x1p23);
        edge = next;
        double height = exp(-0.5 * edge * edge) + NOISE_LAYER_AREA / edge;
        next = height < 1.0 ? sqrt(-2.0 * log(height)) : 0.0;
    }
    table->edge[NOISE_LAYERS] = 0.0f;
    table->height[NOISE_LAYERS] = 1.0f;
    require(edge < 0.3); /* the top layer closes at zero */
}

static double tail(struct noise_stream *stream)
{
    double x;
    double y;
    do {
        x = -log(stream_uniform_open(stream)) / NOISE_TAIL_START;
        y = -log(stream_uniform_open(stream));
    } while (y + y < x * x);
    return NOISE_TAIL_START + x;
}

static float gaussian_slow(const struct noise_table *table, struct noise_stream *stream,
                           uint32_t random)
{
    for (;;) {
        unsigned layer = random & (NOISE_LAYERS - 1);
        uint32_t mantissa = random >> 9;
        float sign = random & 256 ? -1.0f : 1.0f;
        float x = ((float)mantissa + 0.5f) * table->scale[layer];
        if (mantissa < table->inside[layer]) {
            return sign * x;
        }
        if (layer == 0) {
            return sign * (float)tail(stream);
        }
        double low = table->height[layer];
        double high = table->height[layer + 1];
        if (low + stream_uniform_open(stream) * (high - low) < exp(-0.5 * (double)x * x)) {
            return sign * x;
        }
        random = (uint32_t)(stream_next(stream) >> 32);
    }
}

static inline float gaussian(const struct noise_table *table, struct noise_stream *stream,
                             uint32_t random)
{
    unsigned layer = random & (NOISE_LAYERS - 1);
    uint32_t mantissa = random >> 9;
    if (__builtin_expect(mantissa >= table->inside[layer], 0)) {
        return gaussian_slow(table, stream, random);
    }
    float x = ((float)(int32_t)mantissa + 0.5f) * table->scale[layer];
    union {
        float value;
        uint32_t bits;
    } word = {.value = x};
    word.bits ^= (random & 256) << 23; /* sign without a branch: it is a coin toss */
    return word.value;
}

float noise_gaussian(const struct noise_table *table, struct noise_stream *stream)
{
    require_sig(table);
    require_sig(stream);
    return gaussian(table, stream, (uint32_t)(stream_next(stream) >> 32));
}

void noise_add(const struct noise_table *table, struct noise_stream *stream, float sigma,
               float _Complex *sample, size_t n_samples)
{
    require(table);
    require(sample || n_samples == 0);
    float *value = (float *)sample;
    struct noise_stream local = *stream; /* in registers: samples could alias *stream */
    for (size_t k = 0; k < n_samples; k++) {
        uint64_t random = stream_next(&local);
        value[2 * k] += sigma * gaussian(table, &local, (uint32_t)random);
        value[2 * k + 1] += sigma * gaussian(table, &local, (uint32_t)(random >> 32));
    }
    *stream = local;
}
