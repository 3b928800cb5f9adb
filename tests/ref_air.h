/* ref_air.h - everything that may stand between a reference reply and the receiver: moving leak, tag
 * and carrier, phase noise, other transmitters, impulses, bursts, mixer image, converter, a second
 * antenna. For tests and benches; shares nothing with dsp/ and radio/air.          layer: tests
 * Order of the chain: tag and leak -> carrier offset -> other transmitters, noise -> image -> DC ->
 * converter. Full scale is 1 in I and in Q. */
#ifndef TESTS_REF_AIR_H
#define TESTS_REF_AIR_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/ref_reply.h"

enum { REF_TONES_MAX = 4 };

struct ref_tone { /* another transmitter's carrier */
    double amplitude, offset_hz, phase_rad;
    /* keyed with PIE symbols (Gen2 6.3.1.2.3: data-1 2 Tari, PW 0.5 Tari, random data); 0: never */
    double tari_us;
    double keyed_from_us, keyed_to_us; /* a plain carrier outside */
};

struct ref_air { /* zero fields are absent */
    uint64_t seed;
    double offset_rate_hz_per_s; /* drift of reply.offset_hz */
    /* a share of the leak comes by a moving path: ratio * exp(j(2 pi f t + phase)) */
    double leak_moving_ratio, leak_moving_hz, leak_moving_rad;
    /* the carrier settles after our command's last edge: 1 - ratio * exp(-(t - from) / tau) */
    double settle_ratio, settle_us, from_tick;
    double rise_us; /* before from_tick the carrier is low: it rises as a cosine this long */
    /* a share of the tag's path moves: (1 - ratio) + ratio * exp(j(2 pi f t + phase)) */
    double tag_moving_ratio, tag_moving_hz, tag_moving_rad;
    double phase_noise_ratio; /* power in quadrature with the leak over that of the noise there */
    struct ref_tone tone[REF_TONES_MAX];
    double impulses_per_s, impulse_amplitude, impulse_us;
    double burst_ratio, burst_on_us, burst_off_us; /* power over the noise's, white; at random */
    double _Complex image;                         /* x + image * conj(x) */
    double adc_bits;                               /* 2 / 2^bits a step, clipped at full scale */
    double _Complex channel_tag, channel_leak;     /* second antenna over first */
};

/* The tag's switch, -1 .. 1, averaged over each sample of first_tick ..: fast form of
 * ref_reply_add. */
void ref_air_levels(const struct ref_reply *reply, int64_t first_tick, float *level, size_t n);

/* What the receiver gets at antenna `channel` (0, 1).
 *   in   white[n] noise of variance 1, scaled here to reply->n0; the same for the same ticks gives
 *        the same samples however calls cut the stream
 *   pre  first_tick >= 0 */
void ref_air_render(const struct ref_reply *reply, const struct ref_air *air, unsigned channel,
                    const float _Complex *white, int64_t first_tick, float _Complex *sample,
                    size_t n);

/* Whiten noise that is `phase_noise_ratio` stronger in quadrature with the leak (limits.md 4): the
 * samples and, to match, the reply's gain and leak. What knows the covariance cannot do better. */
void ref_air_whiten(struct ref_reply *reply, double phase_noise_ratio, float _Complex *sample,
                    size_t n);

#endif
