/* iq_format.c - sample formats as rows, conversion loops that the compiler turns into SIMD. */
#include "radio/iq_format.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are read as they lie in memory");

static const struct {
    const char *name, *sigmf_name;
    size_t n_bytes;
} format_rows[] = {
    [IQ_CI16] = {"ci16", "ci16_le", 4}, [IQ_CF32] = {"cf32", "cf32_le", 8},
    [IQ_RF32] = {"rf32", "rf32_le", 4}, [IQ_CI8] = {"ci8", "ci8", 2},
    [IQ_CU8] = {"cu8", "cu8", 2},
};
_Static_assert(sizeof format_rows / sizeof *format_rows == IQ_FORMAT_COUNT, "one row per format");

size_t iq_format_bytes(enum iq_format format)
{
    require((unsigned)format < IQ_FORMAT_COUNT);
    return format_rows[format].n_bytes;
}

const char *iq_format_name(enum iq_format format)
{
    require((unsigned)format < IQ_FORMAT_COUNT);
    return format_rows[format].name;
}

const char *iq_format_sigmf_name(enum iq_format format)
{
    require((unsigned)format < IQ_FORMAT_COUNT);
    return format_rows[format].sigmf_name;
}

int iq_format_find(const char *name)
{
    require(name);
    for (int k = 0; k < IQ_FORMAT_COUNT; k++) {
        if (!strcmp(name, format_rows[k].name) || !strcmp(name, format_rows[k].sigmf_name)) {
            return k;
        }
    }
    return -1;
}

static void decode_ci16(const uint8_t *raw, size_t stride, float *out, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        int16_t pair[2];
        memcpy(pair, raw + k * stride, sizeof pair);
        out[2 * k] = (float)pair[0] * (1.0f / 32768.0f);
        out[2 * k + 1] = (float)pair[1] * (1.0f / 32768.0f);
    }
}

static void decode_ci8(const uint8_t *raw, size_t stride, float *out, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        out[2 * k] = (float)(int8_t)raw[k * stride] * (1.0f / 128.0f);
        out[2 * k + 1] = (float)(int8_t)raw[k * stride + 1] * (1.0f / 128.0f);
    }
}

static void decode_cu8(const uint8_t *raw, size_t stride, float *out, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        out[2 * k] = ((float)raw[k * stride] - 127.5f) * (1.0f / 128.0f);
        out[2 * k + 1] = ((float)raw[k * stride + 1] - 127.5f) * (1.0f / 128.0f);
    }
}

static void decode_rf32(const uint8_t *raw, size_t stride, float *out, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        memcpy(out + 2 * k, raw + k * stride, sizeof *out);
        out[2 * k + 1] = 0.0f;
    }
}

static void decode_cf32(const uint8_t *raw, size_t stride, float *out, size_t n_samples)
{
    if (stride == 2 * sizeof *out) {
        if (raw != (const uint8_t *)out) {
            memcpy(out, raw, n_samples * stride);
        }
        return;
    }
    for (size_t k = 0; k < n_samples; k++) {
        memcpy(out + 2 * k, raw + k * stride, 2 * sizeof *out);
    }
}

void iq_format_decode(enum iq_format format, const void *raw, unsigned n_channels, unsigned channel,
                      float _Complex *sample, size_t n_samples)
{
    require((unsigned)format < IQ_FORMAT_COUNT);
    require(channel < n_channels);
    const size_t n_bytes = format_rows[format].n_bytes;
    const size_t stride = n_bytes * n_channels;
    const uint8_t *first = (const uint8_t *)raw + n_bytes * channel;
    float *out = (float *)sample;
    switch (format) {
    case IQ_CI16: decode_ci16(first, stride, out, n_samples); break;
    case IQ_CF32: decode_cf32(first, stride, out, n_samples); break;
    case IQ_RF32: decode_rf32(first, stride, out, n_samples); break;
    case IQ_CI8: decode_ci8(first, stride, out, n_samples); break;
    default: decode_cu8(first, stride, out, n_samples); break;
    }
}

static int16_t round_ci16(float value)
{
    const float scaled = value * 32768.0f;
    return (int16_t)lrintf(scaled > 32767.0f ? 32767.0f : scaled > -32768.0f ? scaled : -32768.0f);
}

void iq_format_encode(enum iq_format format, const float _Complex *sample, size_t n_samples,
                      unsigned n_channels, unsigned channel, void *raw)
{
    require(format == IQ_CI16 || format == IQ_CF32);
    require(channel < n_channels);
    const size_t n_bytes = format_rows[format].n_bytes;
    uint8_t *first = (uint8_t *)raw + n_bytes * channel;
    const float *in = (const float *)sample;
    for (size_t k = 0; k < n_samples; k++) {
        uint8_t *place = first + k * n_bytes * n_channels;
        if (format == IQ_CI16) {
            const int16_t pair[2] = {round_ci16(in[2 * k]), round_ci16(in[2 * k + 1])};
            memcpy(place, pair, sizeof pair);
        } else {
            memcpy(place, in + 2 * k, 2 * sizeof *in);
        }
    }
}

#define TOO_LARGE 0x49800000u /* 2^20 as float; infinities and NaN lie above it */
#define CLEAN_STEP 4096       /* parts looked at before the next is read: well within L1 */

static uint32_t magnitude_bits(const float *part)
{
    uint32_t bits;
    memcpy(&bits, part, sizeof bits);
    return bits & 0x7fffffffu;
}

size_t iq_format_clean(float _Complex *sample, size_t n_samples)
{
    float *part = (float *)sample;
    size_t n_cleaned = 0;
    for (size_t first = 0; first < 2 * n_samples; first += CLEAN_STEP) {
        const size_t n_left = 2 * n_samples - first;
        const size_t n = n_left < CLEAN_STEP ? n_left : CLEAN_STEP;
        int32_t any = 0; /* sign set by any that is too large: no branch, nothing stored */
        for (size_t k = first; k < first + n; k++) {
            any |= (int32_t)(TOO_LARGE - 1u) - (int32_t)magnitude_bits(part + k);
        }
        for (size_t k = first; any < 0 && k < first + n; k++) {
            if (magnitude_bits(part + k) >= TOO_LARGE) {
                part[k] = 0.0f;
                n_cleaned++;
            }
        }
    }
    return n_cleaned;
}
