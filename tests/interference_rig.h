/* interference_rig.h - a reply on a leak and in noise, what is added to it, and the window that cleans it.
 *                                                                                  layer: tests */
#ifndef TESTS_INTERFERENCE_RIG_H
#define TESTS_INTERFERENCE_RIG_H

#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/interference.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 1 << 16, N_EPC = 128 };
#define TWO_PI 6.28318530717958647692

static float _Complex truth[SAMPLES_MAX], clean[SAMPLES_MAX], in[SAMPLES_MAX];
static float _Complex out_room[INTERFERENCE_MARGIN + SAMPLES_MAX];
static float _Complex *const out = out_room + INTERFERENCE_MARGIN;
static struct ref_reply reply;
static uint8_t bit[REF_BITS_MAX];

struct scene {
    double rate_sps, blf_hz;
    unsigned m;
    size_t n_bits, n_quiet, n_samples;
    double sample_snr_db; /* |h|^2 over the noise variance of a sample; NaN: no reply */
    double variance;
    double _Complex leak;
};

static const struct scene usual = {
    .rate_sps = 2e6,
    .blf_hz = 40e3,
    .m = 1,
    .n_bits = N_EPC,
    .n_quiet = 500,
    .n_samples = 8000,
    .sample_snr_db = -7.0, /* Eb/N0 10 dB */
    .variance = 1e-8,
    .leak = 0.3 + 0.1 * I,
};

/* truth[]: leak and reply; clean[]: with noise; in[]: a copy to spoil */
static inline void scene_make(const struct scene *scene, struct ref_random *random)
{
    bool tag = !isnan(scene->sample_snr_db);
    double gain = tag ? sqrt(scene->variance * pow(10.0, scene->sample_snr_db / 10.0)) : 0.0;
    ref_bits(random, bit, scene->n_bits);
    reply = (struct ref_reply){
        .rate_sps = scene->rate_sps,
        .m = scene->m,
        .bit = bit,
        .n_bits = scene->n_bits,
        .start_tick = (double)scene->n_quiet + ref_between(random, 5.0, 55.0),
        .blf_hz = scene->blf_hz,
        .gain = gain * cexp(I * ref_between(random, 0.0, TWO_PI)),
        .leak = scene->leak,
    };
    ref_reply_init(&reply);
    struct ref_random unused = *random;
    ref_reply_samples(&reply, &unused, 0, truth, scene->n_samples);
    reply.n0 = scene->variance / scene->rate_sps;
    ref_reply_samples(&reply, random, 0, clean, scene->n_samples);
    memcpy(in, clean, sizeof in);
}

static inline void carrier_add(double amplitude, double offset_hz, double rate_sps, double phase,
                               size_t from, size_t to)
{
    for (size_t k = from; k < to; k++) {
        double turns = fmod(offset_hz / rate_sps * (double)k, 1.0);
        in[k] += (float _Complex)(amplitude * cexp(I * (phase + TWO_PI * turns)));
    }
}

static inline struct interference *fresh(double rate_sps)
{
    struct interference_cfg cfg = {.rate_sps = rate_sps, .notch = true, .blank = true};
    struct interference *x;
    assert_int_equal(interference_new(&cfg, &x), ST_OK);
    return x;
}

/* in[] -> out[], in pushes of `step` samples; a leak that turns by this much a sample. What is held back
 * at the end comes out when the last sample is repeated. */
static inline void window_run(struct interference *x, const struct scene *scene,
                              double leak_offset_rad, size_t step,
                              struct interference_report *report)
{
    struct interference_window window = {
        .blf_hz = scene->blf_hz, .blf_tolerance_ratio = 0.04, .leak_offset_rad = leak_offset_rad};
    interference_learn(x, &window, in, scene->n_quiet);
    size_t n_out = 0, n_all = scene->n_samples + interference_delay(x);
    for (size_t k = scene->n_samples; k < n_all; k++) {
        in[k] = in[scene->n_samples - 1];
    }
    for (size_t at = 0; at < n_all; at += step) {
        size_t n = n_all - at < step ? n_all - at : step;
        memcpy(out + at, in + at, n * sizeof *out);
        n_out += interference_clean(x, out + n_out, n);
        assert_in_range(at + n - n_out, 0, interference_delay(x));
    }
    assert_int_equal(n_out, scene->n_samples);
    interference_report(x, scene->n_samples, report);
}

/* Mean |a - b|^2 after the quiet */
static inline double distance(const float _Complex *a, const float _Complex *b,
                              const struct scene *scene)
{
    double sum = 0.0;
    for (size_t k = scene->n_quiet; k < scene->n_samples; k++) {
        sum += pow(cabs((double _Complex)a[k] - b[k]), 2);
    }
    return sum / (double)(scene->n_samples - scene->n_quiet);
}

/* Noise behind each bit's matched filter (start, clock and level known), in units of N0 with white
 * noise: what interference adds is what it takes from Eb/N0. */
static inline double bit_noise(const float _Complex *sample, const struct scene *scene)
{
    size_t per_bit = 2 * reply.m, n_bits = reply.n_levels / per_bit;
    double total = 0.0;
    for (size_t b = 0; b < n_bits; b++) {
        double _Complex sum = 0.0;
        double energy = 0.0;
        for (size_t q = b * per_bit; q < (b + 1) * per_bit; q++) {
            double lo = reply.edge[q] + 0.5, hi = reply.edge[q + 1] + 0.5;
            for (size_t k = (size_t)lo; (double)k < hi; k++) {
                double share = fmin(hi, (double)k + 1.0) - fmax(lo, (double)k);
                sum +=
                    share * (reply.level[q] ? 1.0 : -1.0) * ((double _Complex)sample[k] - truth[k]);
                energy += share * share;
            }
        }
        total += creal(sum * conj(sum)) / energy;
    }
    return total / ((double)n_bits * scene->variance);
}

static inline double db(double ratio)
{
    return 10.0 * log10(ratio + 1e-30);
}

#endif
