/* iq.h - a block of receive samples with its place on the sample clock.      layer: dsp
 * A tick is one sample period of the radio; ticks count from the start of the stream. */
#ifndef DSP_IQ_H
#define DSP_IQ_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"

struct iq_block {
    int64_t first_tick;      /* tick of sample[.][0] */
    int64_t gap_samples;     /* samples lost between the previous block and this one (overflow) */
    size_t n_samples;        /* valid samples a channel */
    size_t capacity_samples; /* room a channel */
    unsigned n_channels;     /* 1 .. LIMIT_RX_CHANNELS */
    float _Complex *sample[LIMIT_RX_CHANNELS]; /* full scale = 1.0 in I and in Q */
};

#endif
