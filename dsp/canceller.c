/* canceller.c - leak, offset and noise from the quiet; removal and decimation in one pass. */
#include "dsp/canceller.h"

#include <math.h>
#include <stdlib.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/plane.h"

enum { CHUNK = 512, SEGMENTS = 8 };
#define OFFSET_SIGNIFICANCE 6.0 /* standard deviations before an offset is believed */
#define TURN_VARIANCE_RATIO 0.1 /* of the leak: a turn inflates the variance, but hides nothing */
#define LEAK_SIGNIFICANCE 25.0  /* carrier over noise, both over the whole quiet, that can turn */

/* A table in full float precision: oscillators with a short sine table (liquid-dsp's nco_crcf, 3e-3
 * rad) would leave the leak only 50 dB down. */
struct canceller {
    double offset_rad;          /* of the table */
    float _Complex turn[CHUNK]; /* exp(-j offset k) */
};

enum status canceller_new(struct canceller **canceller)
{
    struct canceller *c = calloc(1, sizeof *c);
    if (!c) {
        return status_fail(ST_NO_MEMORY, "canceller: no memory");
    }
    *canceller = c;
    return ST_OK;
}

void canceller_free(struct canceller **canceller)
{
    if (*canceller) {
        free(*canceller);
        *canceller = NULL;
    }
}

VECTOR_CLONES double _Complex canceller_mean(const float _Complex *sample, size_t n)
{
    const float *x = (const float *)sample;
    double _Complex total = 0.0;
    size_t k = 0;
    while (k + 4 <= n) {
        size_t stop = k + 256 < n ? k + 256 : n;
        float lane[8] = {0}; /* four partial sums of re and im, which the compiler vectorises */
        for (; k + 4 <= stop; k += 4) {
            for (size_t j = 0; j < 8; j++) {
                lane[j] += x[2 * k + j];
            }
        }
        total +=
            (lane[0] + lane[2] + lane[4] + lane[6]) + I * (lane[1] + lane[3] + lane[5] + lane[7]);
    }
    for (; k < n; k++) {
        total += sample[k];
    }
    return total / (double)n;
}

static double variance_of(const float _Complex *sample, size_t n, double _Complex mean,
                          double _Complex turn)
{
    double sum = 0.0;
    double _Complex level = mean;
    for (size_t k = 0; k < n; k++) {
        sum += plane_power(sample[k] - level);
        level *= turn;
    }
    return sum / (double)(n > 1 ? n - 1 : 1);
}

struct turning {          /* a rotating carrier, as the quiet's segments tell it */
    double offset_rad;    /* per sample */
    double _Complex leak; /* at the first sample */
    double lag;           /* samples the fine step spans */
};

/* Coarse from neighbouring segments (no ambiguity up to half a turn a segment), then fine between
 * the halves, where what the coarse step left cannot wrap. */
static struct turning turning_of(const float _Complex *sample, size_t n_samples)
{
    unsigned n = n_samples >= 64 ? SEGMENTS : SEGMENTS / 2;
    size_t length = n_samples / n;
    double _Complex mean[SEGMENTS], coarse = 0.0, half[2] = {0.0, 0.0};
    for (unsigned k = 0; k < n; k++) {
        mean[k] = canceller_mean(sample + k * length, length);
        coarse += k > 0 ? mean[k] * conj(mean[k - 1]) : 0.0;
    }
    double angle = carg(coarse);
    for (unsigned k = 0; k < n; k++) {
        half[k < n / 2 ? 0 : 1] += mean[k] * cexp(-I * angle * k);
    }
    struct turning turning = {.lag = (double)(n / 2 * length)};
    turning.offset_rad = (angle + carg(half[1] * conj(half[0])) / (n / 2)) / (double)length;
    double offset = turning.offset_rad;
    double sine = (double)length * sin(0.5 * offset);
    double shrink = fabs(sine) > 1e-12 ? sin(0.5 * offset * (double)length) / sine : 1.0;
    for (unsigned k = 0; k < n; k++) { /* a segment's mean stands for its middle */
        double middle = (double)(k * length) + 0.5 * (double)(length - 1);
        turning.leak += mean[k] * cexp(-I * offset * middle) / (n * shrink);
    }
    return turning;
}

void canceller_measure(struct canceller *canceller, const float _Complex *sample, size_t n_samples,
                       struct canceller_quiet *quiet)
{
    (void)canceller;
    require(n_samples >= 8);
    double _Complex mean = canceller_mean(sample, n_samples);
    double variance = variance_of(sample, n_samples, mean, 1.0);
    quiet->n_samples = n_samples;
    quiet->leak = mean;
    quiet->offset_rad = 0.0;
    quiet->noise_variance = variance;
    quiet->power = variance + plane_power(mean);
    struct turning turning = turning_of(sample, n_samples);
    double leak_power = plane_power(turning.leak);
    double angle = turning.offset_rad * turning.lag;
    double per_variance =
        1.0 / (turning.lag * (leak_power + 1e-30)); /* the angle's, over the samples' */
    double least = OFFSET_SIGNIFICANCE * OFFSET_SIGNIFICANCE * per_variance;
    quiet->offset_sigma_rad = sqrt(angle * angle + variance * per_variance) / turning.lag;
    /* against the variance a turn would inflate: what is not seen then is no turn */
    if (angle * angle <= least * fmin(variance, TURN_VARIANCE_RATIO * leak_power)) {
        return;
    }
    double turned = variance_of(sample, n_samples, turning.leak, cexp(I * turning.offset_rad));
    if (turned < variance && leak_power * (double)n_samples > LEAK_SIGNIFICANCE * turned &&
        angle * angle > least * turned) {
        quiet->leak = turning.leak;
        quiet->offset_rad = turning.offset_rad;
        quiet->offset_sigma_rad = sqrt(turned * per_variance) / turning.lag;
        quiet->noise_variance = turned;
    }
}

void canceller_measure_turning(const float _Complex *sample, size_t n_samples,
                               const struct canceller_quiet *known, struct canceller_quiet *quiet)
{
    double _Complex turn = cexp(I * known->offset_rad), phase = 1.0, sum = 0.0;
    if (known->offset_rad == 0.0) {
        double _Complex mean = canceller_mean(sample, n_samples);
        double variance = variance_of(sample, n_samples, mean, 1.0);
        *quiet = (struct canceller_quiet){
            .leak = mean, .offset_sigma_rad = known->offset_sigma_rad, .noise_variance = variance};
    } else {
        for (size_t k = 0; k < n_samples; k++) {
            sum += sample[k] * conj(phase);
            phase *= turn;
        }
        *quiet = (struct canceller_quiet){.leak = sum / (double)n_samples,
                                          .offset_rad = known->offset_rad,
                                          .offset_sigma_rad = known->offset_sigma_rad};
        quiet->noise_variance = variance_of(sample, n_samples, quiet->leak, turn);
    }
    quiet->power = quiet->noise_variance + plane_power(quiet->leak);
    quiet->n_samples = n_samples;
}

/* Inlined below with the usual small factors as constants: the inner loop then unrolls. */
static inline __attribute__((always_inline)) void
decimate_by(const float *in, unsigned factor, float _Complex leak, float *out, size_t n_out)
{
    const float scale = 1.0F / (float)factor;
    const float leak_re = crealf(leak), leak_im = cimagf(leak);
    for (size_t k = 0; k < n_out; k++) {
        float re = 0.0F, im = 0.0F;
        for (unsigned j = 0; j < factor; j++) {
            re += in[2 * (k * factor + j)];
            im += in[2 * (k * factor + j) + 1];
        }
        out[2 * k] = re * scale - leak_re;
        out[2 * k + 1] = im * scale - leak_im;
    }
}

static void decimate_plain(const float _Complex *sample, unsigned factor, float _Complex leak,
                           float _Complex *out, size_t n_out)
{
    const float *in = (const float *)sample;
    switch (factor) {
    case 1: decimate_by(in, 1, leak, (float *)out, n_out); break;
    case 2: decimate_by(in, 2, leak, (float *)out, n_out); break;
    case 3: decimate_by(in, 3, leak, (float *)out, n_out); break;
    case 4: decimate_by(in, 4, leak, (float *)out, n_out); break;
    default: decimate_by(in, factor, leak, (float *)out, n_out); break;
    }
}

static void turn_table(struct canceller *canceller, double offset_rad)
{
    if (canceller->offset_rad == offset_rad) {
        return;
    }
    canceller->offset_rad = offset_rad;
    for (unsigned k = 0; k < CHUNK; k++) {
        canceller->turn[k] = (float _Complex)cexp(-I * (offset_rad * k));
    }
}

static float _Complex turned_sum(const float _Complex *sample, const float _Complex *turn,
                                 unsigned n)
{
    float re = 0.0F, im = 0.0F;
    for (unsigned k = 0; k < n; k++) {
        re += crealf(sample[k]) * crealf(turn[k]) - cimagf(sample[k]) * cimagf(turn[k]);
        im += crealf(sample[k]) * cimagf(turn[k]) + cimagf(sample[k]) * crealf(turn[k]);
    }
    return re + I * im;
}

static void decimate_turning(struct canceller *canceller, const struct canceller_quiet *quiet,
                             int64_t since, const float _Complex *sample, unsigned factor,
                             float _Complex *out, size_t n_out)
{
    turn_table(canceller, quiet->offset_rad);
    for (size_t k = 0; k < n_out; k++) {
        double _Complex sum = 0.0;
        for (unsigned j = 0; j < factor; j += CHUNK) {
            unsigned n = factor - j < CHUNK ? factor - j : CHUNK;
            double phase = quiet->offset_rad * (double)since;
            sum += turned_sum(sample, canceller->turn, n) * (cos(phase) - I * sin(phase));
            sample += n;
            since += n;
        }
        out[k] = (float _Complex)(sum / factor - quiet->leak);
    }
}

void canceller_decimate(struct canceller *canceller, const struct canceller_quiet *quiet,
                        int64_t since, const float _Complex *sample, unsigned factor,
                        float _Complex *out, size_t n_out)
{
    require(factor >= 1);
    require(factor <= 4096);
    float _Complex leak = (float _Complex)quiet->leak;
    if (quiet->offset_rad == 0.0) {
        decimate_plain(sample, factor, leak, out, n_out);
        return;
    }
    decimate_turning(canceller, quiet, since, sample, factor, out, n_out);
}
