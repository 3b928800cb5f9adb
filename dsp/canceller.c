/* canceller.c - leak, offset and noise from the quiet; removal and decimation in one pass. */
#include "dsp/canceller.h"

#include <liquid/liquid.h>
#include <math.h>
#include <stdlib.h>

#include "config/require.h"
#include "config/units.h"

enum { CHUNK = 512 };
#define OFFSET_SIGNIFICANCE 6.0 /* standard deviations before an offset is believed */

struct canceller {
    nco_crcf nco;
    float _Complex turned[CHUNK];
};

enum status canceller_new(struct canceller **canceller)
{
    struct canceller *c = calloc(1, sizeof *c);
    if (!c) {
        return status_fail(ST_NO_MEMORY, "canceller: no memory");
    }
    c->nco = nco_crcf_create(LIQUID_VCO);
    if (!c->nco) {
        free(c);
        return status_fail(ST_NO_MEMORY, "canceller: liquid-dsp gave no oscillator");
    }
    *canceller = c;
    return ST_OK;
}

void canceller_free(struct canceller **canceller)
{
    if (*canceller) {
        nco_crcf_destroy((*canceller)->nco);
        free(*canceller);
        *canceller = NULL;
    }
}

static double power(double _Complex z)
{
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

static double _Complex mean_of(const float _Complex *sample, size_t n)
{
    float re[4] = {0}, im[4] = {0}; /* partial sums let the compiler vectorise */
    double _Complex total = 0.0;
    size_t k = 0;
    while (k + 4 <= n) {
        size_t stop = k + 256 < n ? k + 256 : n;
        re[0] = re[1] = re[2] = re[3] = im[0] = im[1] = im[2] = im[3] = 0.0F;
        for (; k + 4 <= stop; k += 4) {
            for (int j = 0; j < 4; j++) {
                re[j] += crealf(sample[k + (size_t)j]);
                im[j] += cimagf(sample[k + (size_t)j]);
            }
        }
        total += (re[0] + re[1] + re[2] + re[3]) + I * (im[0] + im[1] + im[2] + im[3]);
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
        sum += power(sample[k] - level);
        level *= turn;
    }
    return sum / (double)(n > 1 ? n - 1 : 1);
}

void canceller_measure(struct canceller *canceller, const float _Complex *sample, size_t n_samples,
                       struct canceller_quiet *quiet)
{
    (void)canceller;
    require(n_samples >= 8);
    size_t part = n_samples / 2;
    double _Complex first = mean_of(sample, part);
    double _Complex second = mean_of(sample + n_samples - part, part);
    double _Complex mean = mean_of(sample, n_samples);
    double variance = variance_of(sample, n_samples, mean, 1.0);
    quiet->n_samples = n_samples;
    quiet->leak = mean;
    quiet->offset_rad = 0.0;
    quiet->noise_variance = variance;
    quiet->power = variance + power(mean);
    double lag = (double)(n_samples - part);
    double angle = carg(second * conj(first));
    double angle_variance = 2.0 * variance / (2.0 * (double)part * (power(mean) + 1e-30));
    if (angle * angle > OFFSET_SIGNIFICANCE * OFFSET_SIGNIFICANCE * angle_variance) {
        double offset = angle / lag;
        /* the mean of the rotating carrier, seen from the first sample */
        double _Complex turn = cexp(I * offset);
        double middle = 0.5 * (double)(n_samples - 1);
        double shrink = sin(0.5 * offset * (double)n_samples) / ((double)n_samples * sin(0.5 * offset));
        double _Complex leak = mean / shrink * cexp(-I * offset * middle);
        double turned = variance_of(sample, n_samples, leak, turn);
        if (turned < variance) {
            quiet->leak = leak;
            quiet->offset_rad = offset;
            quiet->noise_variance = turned;
        }
    }
}

static void decimate_plain(const float _Complex *sample, unsigned factor, float _Complex leak,
                           float _Complex *out, size_t n_out)
{
    const float *in = (const float *)sample;
    float scale = 1.0F / (float)factor;
    for (size_t k = 0; k < n_out; k++) {
        float re = 0.0F, im = 0.0F;
        for (unsigned j = 0; j < factor; j++) {
            re += in[2 * j];
            im += in[2 * j + 1];
        }
        in += (size_t)2 * factor;
        out[k] = (re * scale - crealf(leak)) + I * (im * scale - cimagf(leak));
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
    for (size_t k = 0; k < n_out; k++) {
        float _Complex sum = 0.0F;
        for (unsigned j = 0; j < factor; j += CHUNK) {
            unsigned n = factor - j < CHUNK ? factor - j : CHUNK;
            double phase = fmod(quiet->offset_rad * (double)since, 2.0 * UNITS_PI);
            nco_crcf_set_frequency(canceller->nco, (float)quiet->offset_rad);
            nco_crcf_set_phase(canceller->nco, (float)phase);
            nco_crcf_mix_block_down(canceller->nco, (float _Complex *)sample, canceller->turned, n);
            for (unsigned i = 0; i < n; i++) {
                sum += canceller->turned[i];
            }
            sample += n;
            since += n;
        }
        out[k] = sum / (float)factor - leak;
    }
}
