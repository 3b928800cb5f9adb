/* iq_format.h - sample formats of recordings, to and from float complex.     layer: radio
 * Source: SigMF 1.x, "core:datatype". Full scale = 1.0: ci16 / 32768, ci8 and cu8 / 128.
 * Little-endian. */
#ifndef RADIO_IQ_FORMAT_H
#define RADIO_IQ_FORMAT_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

enum iq_format {
    IQ_CI16 = 0,
    IQ_CF32 = 1,
    IQ_RF32 = 2, /* magnitude only: Q is zero */
    IQ_CI8 = 3,
    IQ_CU8 = 4, /* offset binary, 127.5 is zero */
    IQ_FORMAT_COUNT
};

#define IQ_FORMAT_CHOICES "ci16|cf32|rf32|ci8|cu8" /* in the order of enum iq_format */

size_t iq_format_bytes(enum iq_format format);           /* of one sample of one channel */
const char *iq_format_name(enum iq_format format);       /* "ci16", static text */
const char *iq_format_sigmf_name(enum iq_format format); /* "ci16_le", static text */

/* -1 when the name ("ci16" or SigMF's "ci16_le") is none of ours */
int iq_format_find(const char *name);

/* Convert samples of one channel out of interleaved storage.
 *   in   raw        n_samples * n_channels samples, unaligned is fine
 *   out  sample     n_samples
 *   pre  channel < n_channels; storage does not overlap unless raw == sample, cf32, one channel
 *   cost O(n_samples), no allocation */
void iq_format_decode(enum iq_format format, const void *raw, unsigned n_channels, unsigned channel,
                      float _Complex *sample, size_t n_samples);

/* The reverse for ci16 and cf32: rounds and clips at full scale. Writes every n_channels-th place.
 */
void iq_format_encode(enum iq_format format, const float _Complex *sample, size_t n_samples,
                      unsigned n_channels, unsigned channel, void *raw);

/* Set samples to zero that no receiver can have produced (not a number, infinite, 2^20 times full
 * scale and more): one of them would live on in every recursive filter.   ret  how many */
size_t iq_format_clean(float _Complex *sample, size_t n_samples);

#endif
