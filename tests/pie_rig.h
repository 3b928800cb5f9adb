/* pie_rig.h - a keyer of its own for commands, with noise, and the demodulator run over it.   layer: tests */
#ifndef TESTS_PIE_RIG_H
#define TESTS_PIE_RIG_H

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/units.h"
#include "dsp/pie_demod.h"

enum { SAMPLES_MAX = 1 << 19, EDGES_MAX = 2 * 1100, FRAMES_MAX = 16 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

static uint64_t random_state = 0x1234567u;

static inline double random_uniform(void) /* 0 < u < 1; xorshift64 */
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return ((double)(random_state >> 11) + 0.5) / 9007199254740992.0;
}

static inline float _Complex random_noise(double sigma) /* E|x|^2 = sigma^2, Box-Muller */
{
    double radius = sigma * sqrt(-log(random_uniform()));
    double angle = 2.0 * UNITS_PI * random_uniform();
    return (float)(radius * cos(angle)) + I * (float)(radius * sin(angle));
}

struct keyed { /* one command as keyed by the test */
    double tari_us, data1_tari, pw_tari;
    double trcal_us; /* 0: frame-sync */
    double delimiter_us;
    double rise_tari; /* 10-90 % */
    double depth_ratio;
    bool pr_ask;
    const char *bits;
    double end_us; /* filled by the keyer: last rising edge after the first falling one */
};

static inline struct keyed keyed_usual(const char *bits, double tari_us, double trcal_us)
{
    return (struct keyed){.tari_us = tari_us,
                          .data1_tari = 2.0,
                          .pw_tari = 0.5,
                          .trcal_us = trcal_us,
                          .delimiter_us = 12.5,
                          .rise_tari = 0.1,
                          .depth_ratio = 0.9,
                          .bits = bits};
}

static float _Complex samples[SAMPLES_MAX];

static inline void carrier(size_t n, float level)
{
    assert_true(n <= SAMPLES_MAX);
    for (size_t i = 0; i < n; i++) {
        samples[i] = level;
    }
}

/* Multiply the command onto samples[]: straight edges, centred on the 50 % points. */
static inline void key(struct keyed *k, double rate_sps, double start_tick, size_t n_samples)
{
    static double edge_us[EDGES_MAX];
    size_t n = 0;
    double at_us = k->delimiter_us;
    edge_us[n++] = 0.0;
    edge_us[n++] = at_us;
    size_t n_bits = strlen(k->bits);
    double rtcal_us = (1.0 + k->data1_tari) * k->tari_us;
    for (size_t i = 0; i < n_bits + 3; i++) {
        double data_us = i >= 3 && k->bits[i - 3] == '1' ? k->data1_tari * k->tari_us : k->tari_us;
        double length_us = i == 1 ? rtcal_us : i == 2 ? k->trcal_us : data_us;
        if (length_us == 0.0) {
            continue;
        }
        assert_true(n + 2 <= EDGES_MAX);
        edge_us[n++] = at_us + length_us - k->pw_tari * k->tari_us;
        edge_us[n++] = at_us + length_us;
        at_us += length_us;
    }
    k->end_us = at_us;
    double width_us = fmax(k->rise_tari * k->tari_us / 0.8, 1e-6);
    size_t first = 0;
    for (size_t i = (size_t)fmax(0.0, start_tick - 20e-6 * rate_sps); i < n_samples; i++) {
        double t_us = ((double)i - start_tick) * 1e6 / rate_sps;
        while (first + 2 <= n && edge_us[first + 1] + 0.5 * width_us < t_us) {
            first += 2; /* whole low pulses gone by */
        }
        double sign = k->pr_ask && first / 2 % 2 ? -1.0 : 1.0;
        double level = sign;
        for (size_t e = first; e < n && edge_us[e] - 0.5 * width_us < t_us; e++) {
            double part = fmin(1.0, (t_us - edge_us[e]) / width_us + 0.5);
            double step = e % 2 ? k->depth_ratio : -k->depth_ratio;
            level += part * (k->pr_ask ? (e / 2 % 2 ? 1.0 : -1.0) : step);
        }
        samples[i] *= (float)level;
    }
}

static inline void add_noise(size_t n, double sigma)
{
    for (size_t i = 0; i < n; i++) {
        samples[i] += random_noise(sigma);
    }
}

static struct pie_frame frames[FRAMES_MAX];

/* Push n samples in blocks of at most `block`; frames found are left in frames[]. */
static inline size_t demodulate(double rate_sps, size_t n, size_t block, bool finish)
{
    struct pie_demod *demod;
    size_t n_frames = 0;
    assert_int_equal(pie_demod_new(rate_sps, &demod), ST_OK);
    for (size_t at = 0; at < n;) {
        bool found;
        size_t part = block < n - at ? block : n - at;
        assert_true(n_frames < FRAMES_MAX);
        size_t used = pie_demod_push(demod, samples + at, part, &frames[n_frames], &found);
        assert_true(found ? used >= 1 : used == part);
        at += used;
        if (found) {
            assert_int_equal(frames[n_frames].known_tick, at - 1); /* the last sample taken in */
            n_frames++;
        }
    }
    if (finish && n_frames < FRAMES_MAX) {
        n_frames += pie_demod_finish(demod, &frames[n_frames]);
    }
    pie_demod_free(&demod);
    return n_frames;
}

static inline void bits_equal(const struct pie_frame *frame, const char *bits)
{
    char text[1200] = "";
    for (size_t i = 0; i < frame->bits.n_bits && i + 1 < sizeof text; i++) {
        text[i] = (char)('0' + frame->bits.bit[i]);
    }
    assert_string_equal(text, bits);
}

static inline void near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) {
        fail_msg("%g is not within %g of %g", value, tolerance, expected);
    }
}

/* A frame as keyed, times within edge_us. */
static inline void frame_equal(const struct pie_frame *frame, const struct keyed *k,
                               double rate_sps, double start_tick, double edge_us)
{
    double per_us = rate_sps * 1e-6;
    bits_equal(frame, k->bits);
    near(frame->start_tick, start_tick, edge_us * per_us);
    near(frame->end_tick, start_tick + k->end_us * per_us, edge_us * per_us);
    near(frame->tari_us, k->tari_us, 2.0 * edge_us);
    near(frame->rtcal_us, (1.0 + k->data1_tari) * k->tari_us, 2.0 * edge_us);
    near(frame->trcal_us, k->trcal_us, 2.0 * edge_us);
    near(frame->pw_us, k->pw_tari * k->tari_us, 2.0 * edge_us);
    near(frame->delimiter_us, k->delimiter_us, 2.0 * edge_us);
    assert_int_equal(frame->with_preamble, k->trcal_us > 0.0);
}

#endif
