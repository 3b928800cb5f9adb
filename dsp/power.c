/* power.c - Welch spectrum and mean level. */
#include "dsp/power.h"

#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

struct power_spectrum {
    size_t n_fft;
    size_t n_filled; /* samples waiting in `segment` */
    size_t n_segments;
    float *window;
    double window_sum;
    double *sum;             /* |X|^2 over the segments, FFT order */
    float _Complex *segment; /* the last n_fft samples */
    fftwf_complex *work;     /* float _Complex, since complex.h comes first */
    fftwf_plan plan;
};

enum status power_spectrum_new(size_t n_fft, struct power_spectrum **spectrum)
{
    require(n_fft >= 16);
    require(n_fft <= 65536);
    require((n_fft & (n_fft - 1)) == 0);
    *spectrum = NULL;
    struct power_spectrum *s = calloc(1, sizeof *s);
    if (!s) {
        return status_fail(ST_NO_MEMORY, "power spectrum");
    }
    s->n_fft = n_fft;
    s->window = calloc(n_fft, sizeof *s->window);
    s->sum = calloc(n_fft, sizeof *s->sum);
    s->segment = calloc(n_fft, sizeof *s->segment);
    s->work = fftwf_alloc_complex(n_fft);
    if (s->work) {
        s->plan = fftwf_plan_dft_1d((int)n_fft, s->work, s->work, FFTW_FORWARD, FFTW_ESTIMATE);
    }
    if (!s->window || !s->sum || !s->segment || !s->plan) {
        power_spectrum_free(&s);
        return status_fail(ST_NO_MEMORY, "power spectrum of %zu bins", n_fft);
    }
    for (size_t i = 0; i < n_fft; i++) { /* periodic Hann: 50 % overlap weighs samples evenly */
        double hann = 0.5 - 0.5 * cos(2.0 * UNITS_PI * (double)i / (double)n_fft);
        s->window[i] = (float)hann;
        s->window_sum += hann;
    }
    *spectrum = s;
    return ST_OK;
}

void power_spectrum_free(struct power_spectrum **spectrum)
{
    require(spectrum);
    struct power_spectrum *s = *spectrum;
    if (s) {
        if (s->plan) {
            fftwf_destroy_plan(s->plan);
        }
        fftwf_free(s->work);
        free(s->segment);
        free(s->sum);
        free(s->window);
        free(s);
    }
    *spectrum = NULL;
}

void power_spectrum_reset(struct power_spectrum *spectrum)
{
    require(spectrum);
    spectrum->n_filled = 0;
    spectrum->n_segments = 0;
    memset(spectrum->sum, 0, spectrum->n_fft * sizeof *spectrum->sum);
}

static void segment_add(struct power_spectrum *s)
{
    for (size_t i = 0; i < s->n_fft; i++) {
        s->work[i] = s->segment[i] * s->window[i];
    }
    fftwf_execute(s->plan);
    for (size_t i = 0; i < s->n_fft; i++) {
        double re = crealf(s->work[i]);
        double im = cimagf(s->work[i]);
        s->sum[i] += re * re + im * im;
    }
    s->n_segments++;
}

void power_spectrum_push(struct power_spectrum *spectrum, const float _Complex *sample,
                         size_t n_samples)
{
    require(spectrum);
    require(sample || n_samples == 0);
    size_t half = spectrum->n_fft / 2;
    while (n_samples) {
        size_t room = spectrum->n_fft - spectrum->n_filled;
        size_t n = n_samples < room ? n_samples : room;
        memcpy(spectrum->segment + spectrum->n_filled, sample, n * sizeof *sample);
        spectrum->n_filled += n;
        sample += n;
        n_samples -= n;
        if (spectrum->n_filled == spectrum->n_fft) {
            segment_add(spectrum);
            memcpy(spectrum->segment, spectrum->segment + half, half * sizeof *sample);
            spectrum->n_filled = half;
        }
    }
}

size_t power_spectrum_read(const struct power_spectrum *spectrum, float *dbfs)
{
    require(spectrum);
    require(dbfs);
    if (!spectrum->n_segments) {
        return 0;
    }
    size_t half = spectrum->n_fft / 2;
    double scale = spectrum->window_sum * spectrum->window_sum * (double)spectrum->n_segments;
    for (size_t i = 0; i < spectrum->n_fft; i++) {
        double mean = spectrum->sum[(i + half) % spectrum->n_fft] / scale;
        dbfs[i] = (float)units_db_from_power_ratio(mean);
    }
    return spectrum->n_segments;
}

double power_mean_dbfs(const float _Complex *sample, size_t n_samples)
{
    require(sample);
    require(n_samples > 0);
    double sum = 0.0;
    for (size_t i = 0; i < n_samples; i++) {
        double re = crealf(sample[i]);
        double im = cimagf(sample[i]);
        sum += re * re + im * im;
    }
    return units_db_from_power_ratio(sum / (double)n_samples);
}
