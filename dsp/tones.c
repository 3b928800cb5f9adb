/* tones.c - leak fit, line search by FFT, joint least squares. */
#include "dsp/tones.h"

#include <fftw3.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/plane.h"
#include "dsp/tones_fit.h"

enum {
    PLANS = 29,
    FFT_MAX = 8192,
    LEAK_PASSES = 4,
    LEAK_ROUNDS = 6,
    CLIP_ROUNDS = 4,
    REFERENCES = 10,
    STEP_STRETCH = 128
};
#define FALSE_ALARM_RATIO 2e-5 /* tones a white quiet */
#define OUTLIER_RATIO 20.0     /* power over the mean: noise alone is there in 2e-9 of samples */
#define LEAK_SETTLED_RAD 1e-3  /* over the quiet */
#define GROWTH_SIGMAS 4.0      /* before a drift of the leak is believed */
#define SEPARATION_BINS 1.0    /* 1/n: nearer to another line than this is not looked at */
#define APART_BINS 0.6         /* fitted lines nearer than this are one */
#define SAMPLE_LIMIT 16.0F     /* full scale is 1 */
#define NEIGHBOUR_SHARE 0.6    /* of the neighbourhood's level: it is known from few bins only */
#define MEDIAN_OF_MEAN 0.693   /* of exponentially distributed power */

_Static_assert(TONES_QUIET_MAX * 5 / 4 <= FFT_MAX, "the longest quiet fits the FFT");

struct tones {
    float _Complex *input;          /* excursions replaced by the leak */
    float _Complex *less;           /* input less the first fit of the leak */
    float _Complex *rest;           /* less all lines */
    float *power;                   /* of the spectrum's bins */
    bool *aside;                    /* this sample is an excursion */
    fftwf_complex *work, *spectrum; /* apart: FFTW allocates for some lengths in place */
    fftwf_plan plan[PLANS];         /* of plan_size() points */
};

/* 64, 80, 96, 112, 128, 160 .. 8192 */
static size_t plan_size(unsigned k)
{
    return (size_t)(4 + k % 4) << (4 + k / 4);
}

enum status tones_new(struct tones **tones)
{
    *tones = NULL;
    struct tones *t = calloc(1, sizeof *t);
    if (!t) {
        return status_fail(ST_NO_MEMORY, "tone search: no memory");
    }
    t->input = calloc(TONES_QUIET_MAX, sizeof *t->input);
    t->less = calloc(TONES_QUIET_MAX, sizeof *t->less);
    t->rest = calloc(TONES_QUIET_MAX, sizeof *t->rest);
    t->power = calloc(FFT_MAX, sizeof *t->power);
    t->work = fftwf_alloc_complex(FFT_MAX);
    t->spectrum = fftwf_alloc_complex(FFT_MAX);
    t->aside = calloc(TONES_QUIET_MAX, sizeof *t->aside);
    bool complete =
        t->aside && t->input && t->less && t->rest && t->power && t->work && t->spectrum;
    for (unsigned k = 0; complete && k < PLANS; k++) {
        t->plan[k] =
            fftwf_plan_dft_1d((int)plan_size(k), t->work, t->spectrum, FFTW_FORWARD, FFTW_ESTIMATE);
        complete = t->plan[k];
    }
    if (!complete) {
        tones_free(&t);
        return status_fail(ST_NO_MEMORY, "tone search: no memory");
    }
    *tones = t;
    return ST_OK;
}

void tones_free(struct tones **tones)
{
    struct tones *t = *tones;
    if (!t) {
        return;
    }
    for (unsigned k = 0; k < PLANS; k++) {
        if (t->plan[k]) {
            fftwf_destroy_plan(t->plan[k]);
        }
    }
    fftwf_free(t->spectrum);
    fftwf_free(t->work);
    free(t->aside);
    free(t->power);
    free(t->rest);
    free(t->less);
    free(t->input);
    free(t);
    *tones = NULL;
}

void tones_table(double phase_rad, double offset_rad, float _Complex *out, size_t n)
{
    double _Complex turn = cexp(I * offset_rad);
    for (size_t k = 0; k < n;) {
        double _Complex z = cexp(I * (phase_rad + offset_rad * (double)k));
        size_t stop = k + 64 < n ? k + 64 : n;
        for (; k < stop; k++) {
            out[k] = (float _Complex)z;
            z *= turn;
        }
    }
}

/* Mean of |x|^2; partial sums let the compiler vectorise. */
static double mean_power(const float _Complex *sample, size_t n)
{
    const float *x = (const float *)sample;
    double total = 0.0;
    for (size_t k = 0; k < 2 * n;) {
        float part[8] = {0};
        size_t stop = k + 512 < 2 * n ? k + 512 : 2 * n;
        for (; k + 8 <= stop; k += 8) {
            for (int j = 0; j < 8; j++) {
                part[j] += x[k + (size_t)j] * x[k + (size_t)j];
            }
        }
        for (; k < stop; k++) {
            part[0] += x[k] * x[k];
        }
        total += part[0] + part[1] + part[2] + part[3] + part[4] + part[5] + part[6] + part[7];
    }
    return total / (double)n;
}

/* Smallest change but zero between neighbours, a converter's step; from the first STEP_STRETCH samples
 * that have any: in noise of many steps it comes out larger, but still below the noise. */
static float step_of(const float *x, size_t n)
{
    float least = INFINITY;
    for (size_t k = 2; k < n && least == INFINITY;) {
        size_t stop = k + STEP_STRETCH < n ? k + STEP_STRETCH : n;
        for (; k < stop; k++) {
            float change = fabsf(x[k] - x[k - 2]);
            least = change > 0.0F && change < least ? change : least;
        }
    }
    return least < INFINITY ? least : 0.0F;
}

/* Hold within limits what no radio sends. */
static void input_hold(struct tones *tones, size_t n)
{
    float *x = (float *)tones->input;
    for (size_t k = 0; k < 2 * n; k++) {
        float held = x[k] > -SAMPLE_LIMIT ? x[k] : -SAMPLE_LIMIT; /* NaN too */
        x[k] = held < SAMPLE_LIMIT ? held : SAMPLE_LIMIT;
    }
}

static size_t fft_power(struct tones *tones, const float _Complex *in, size_t n)
{
    unsigned plan = 0;
    while (plan_size(plan) < n + n / 4 && plan + 1 < PLANS) {
        plan++;
    }
    size_t n_fft = plan_size(plan);
    memcpy(tones->work, in, n * sizeof *in);
    memset(tones->work + n, 0, (n_fft - n) * sizeof *tones->work);
    fftwf_execute(tones->plan[plan]);
    const float *x = (const float *)tones->spectrum;
    for (size_t k = 0; k < n_fft; k++) {
        tones->power[k] = x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1];
    }
    return n_fft;
}

static size_t strongest(const float *power, size_t n_fft)
{
    float top = 0.0F;
    for (size_t k = 0; k < n_fft; k++) {
        top = power[k] > top ? power[k] : top;
    }
    size_t at = 0;
    while (at + 1 < n_fft && power[at] < top) {
        at++;
    }
    return at;
}

/* Frequency of a bin's line, a parabola through its neighbours. */
static double bin_offset_rad(const float *power, size_t n_fft, size_t at)
{
    double low = sqrt(power[(at + n_fft - 1) % n_fft]), mid = sqrt(power[at]);
    double high = sqrt(power[(at + 1) % n_fft]);
    double bend = 2.0 * mid - low - high;
    double shift = bend > 0.0 ? fmin(fmax(0.5 * (high - low) / bend, -0.5), 0.5) : 0.0;
    return tones_wrap(2.0 * UNITS_PI * ((double)at + shift) / (double)n_fft);
}

double tones_line_share(struct tones *tones, const float _Complex *sample, size_t n,
                        double *offset_rad)
{
    require(n >= 8);
    require(n <= TONES_QUIET_MAX);
    size_t n_fft = fft_power(tones, sample, n);
    size_t at = strongest(tones->power, n_fft);
    double energy = mean_power(sample, n) * (double)n;
    *offset_rad = bin_offset_rad(tones->power, n_fft, at);
    return energy > 0.0 ? (double)tones->power[at] / ((double)n * energy) : 0.0;
}

static unsigned n_beyond(const float _Complex *sample, size_t n, float limit)
{
    const float *x = (const float *)sample;
    unsigned n_found = 0;
    for (size_t k = 0; k < n; k++) {
        n_found += x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1] > limit;
    }
    return n_found;
}

/* Power that the fitted leak leaves.   out tones->less */
static double leak_fit(struct tones *tones, struct tones_fit *fit, double offset_rad)
{
    size_t n = fit->n_samples;
    tones_fit_leak(fit, tones->input, offset_rad, offset_rad != 0.0 ? LEAK_PASSES : 1);
    memcpy(tones->less, tones->input, n * sizeof *tones->less);
    tones_fit_subtract(fit, 0, tones->less);
    return mean_power(tones->less, n);
}

/* Excursions are replaced by the leak and marked.  returns how many are new */
static size_t outliers_mark(struct tones *tones, size_t n, double limit)
{
    size_t n_new = 0;
    for (size_t k = 0; k < n; k++) {
        float re = crealf(tones->less[k]), im = cimagf(tones->less[k]);
        bool beyond = (double)(re * re + im * im) > limit;
        if (beyond || tones->aside[k]) {
            n_new += !tones->aside[k];
            tones->aside[k] = true;
            tones->input[k] -= tones->less[k];
            tones->less[k] = 0.0F;
        }
    }
    return n_new;
}

/* Fit the leak, take it out, set excursions aside, until there are no new ones.
 * out fit->line[0] the leak, tones->less, found->n_outliers; returns the power left */
static double leak_remove(struct tones *tones, struct tones_fit *fit, double offset_rad,
                          struct tones_found *found)
{
    size_t n = fit->n_samples;
    double floor_power = 0.5 * found->step * found->step;
    double power = leak_fit(tones, fit, offset_rad);
    if (!(power < SAMPLE_LIMIT * SAMPLE_LIMIT)) { /* or NaN */
        input_hold(tones, n);
        power = leak_fit(tones, fit, offset_rad);
    }
    if (n_beyond(tones->less, n, (float)(OUTLIER_RATIO * fmax(power, floor_power))) == 0) {
        return power;
    }
    memset(tones->aside, 0, n * sizeof *tones->aside);
    for (unsigned round = 0; round < CLIP_ROUNDS; round++) {
        size_t n_new = outliers_mark(tones, n, OUTLIER_RATIO * fmax(power, floor_power));
        found->n_outliers += n_new;
        if (n_new == 0) {
            return mean_power(tones->less, n);
        }
        power = leak_fit(tones, fit, offset_rad);
    }
    outliers_mark(tones, n, INFINITY);
    return mean_power(tones->less, n);
}

/* Level of the noise around a bin, the line's own lobe left out: the higher of the medians on both
 * sides, so that neither a slope nor one line near by misleads. */
static double neighbourhood(const float *power, size_t n_fft, size_t at, size_t lobe)
{
    double level = 0.0;
    for (unsigned side = 0; side < 2; side++) {
        float near[REFERENCES];
        for (size_t k = 0; k < REFERENCES; k++) {
            size_t away = (lobe + k) % n_fft;
            float value = power[(side ? at + away : at + n_fft - away) % n_fft];
            size_t j = k;
            for (; j > 0 && near[j - 1] > value; j--) {
                near[j] = near[j - 1];
            }
            near[j] = value;
        }
        level = fmax(level, 0.5 * (double)(near[REFERENCES / 2 - 1] + near[REFERENCES / 2]));
    }
    return level / MEDIAN_OF_MEAN;
}

/* The strongest line of the rest that is none of the fitted ones.  out true: it stands out */
static bool line_search(struct tones *tones, const struct tones_fit *fit, double variance,
                        double *offset_rad)
{
    size_t n = fit->n_samples;
    size_t n_fft = fft_power(tones, tones->rest, n);
    double bins = (double)n_fft / (double)n; /* of the FFT in one of the quiet */
    for (unsigned k = 0; k < fit->n_lines; k++) {
        double at = fit->line[k].offset_rad * (double)n_fft / (2.0 * UNITS_PI);
        for (double bin = ceil(at - SEPARATION_BINS * bins); bin <= at + SEPARATION_BINS * bins;
             bin += 1.0) {
            tones->power[(size_t)((long)bin + (long)n_fft) % n_fft] = 0.0F;
        }
    }
    double threshold = log((double)n_fft / FALSE_ALARM_RATIO);
    float limit = (float)(threshold * variance * (double)n);
    unsigned n_over = 0;
    for (size_t k = 0; k < n_fft; k++) {
        n_over += tones->power[k] > limit;
    }
    if (n_over == 0) {
        return false;
    }
    size_t at = strongest(tones->power, n_fft);
    double power = tones->power[at];
    if (power < NEIGHBOUR_SHARE * threshold *
                    neighbourhood(tones->power, n_fft, at, (size_t)(2.0 * bins))) {
        return false;
    }
    *offset_rad = bin_offset_rad(tones->power, n_fft, at);
    return true;
}

/* Power that all lines leave.   out tones->rest */
static double lines_subtract(struct tones *tones, const struct tones_fit *fit)
{
    memcpy(tones->rest, tones->less, fit->n_samples * sizeof *tones->rest);
    for (unsigned k = 0; k < fit->n_lines; k++) {
        tones_fit_subtract(fit, k, tones->rest);
    }
    return mean_power(tones->rest, fit->n_samples);
}

/* Take up one more line and fit all again.  out false: it does not earn its place, fit unchanged */
static bool line_add(struct tones *tones, struct tones_fit *fit, double offset_rad,
                     double *variance)
{
    size_t n = fit->n_samples;
    struct tones_fit tried = *fit;
    tones_fit_add(&tried, offset_rad);
    tones_fit_run(&tried, tones->less);
    if (tones_fit_least_distance(&tried) < APART_BINS * 2.0 * UNITS_PI / (double)n) {
        return false;
    }
    double after = lines_subtract(tones, &tried);
    double nats = (double)n * (*variance - after) / (after + 1e-300);
    if (!(nats > log((double)n / FALSE_ALARM_RATIO))) {
        return false;
    }
    *variance = after;
    *fit = tried;
    return true;
}

/* A line where one is likely: converter DC, the leak's image. */
static void line_try(struct tones *tones, struct tones_fit *fit, double offset_rad,
                     double *variance)
{
    struct tones_fit alone = {.n_samples = fit->n_samples};
    tones_fit_leak(&alone, tones->rest, offset_rad, 1);
    double gain = (double)fit->n_samples * plane_power(alone.line[0].level) / *variance;
    if (fit->n_lines <= TONES_MAX && gain > 0.5 * log(1.0 / FALSE_ALARM_RATIO)) {
        line_add(tones, fit, offset_rad, variance);
    }
}

/* All lines that stand out, the strongest first. When the leak turns, converter DC and the leak's image
 * are tried next: they may lie too near to each other for the spectrum to part them. */
static void lines_find(struct tones *tones, struct tones_fit *fit, double *variance)
{
    double offset_rad, leak_rad = fit->line[0].offset_rad;
    while (fit->n_lines <= TONES_MAX && line_search(tones, fit, *variance, &offset_rad) &&
           line_add(tones, fit, offset_rad, variance)) {
        if (fit->n_lines == 2 && leak_rad != 0.0) {
            line_try(tones, fit, 0.0, variance);
            line_try(tones, fit, -leak_rad, variance);
        }
    }
}

/* The leak's first fit, made with the other lines still in, and what they showed to be wrong with it. */
static void leak_correct(struct tones_line *leak, const struct tones_line *correction)
{
    leak->level += correction->level;
    leak->growth += correction->growth;
    double power = plane_power(leak->level) + 1e-300;
    if (leak->offset_rad != 0.0) {
        double turn = cimag(leak->growth * conj(leak->level)) / power;
        leak->offset_rad = tones_wrap(leak->offset_rad + turn);
        leak->growth -= I * turn * leak->level;
    }
}

/* Strong lines near by deceive the fit of a turning leak by more than one step puts right: all again
 * with the leak as it is known now.   out leak, fit, variance: of the last round */
static void leak_refit(struct tones *tones, struct tones_fit *fit, struct tones_line *leak,
                       double *variance)
{
    size_t n = fit->n_samples;
    for (unsigned round = 0; round < LEAK_ROUNDS; round++) {
        double before_rad = leak->offset_rad;
        leak_correct(leak, &fit->line[0]);
        struct tones_fit alone = {.n_samples = n, .n_lines = 1, .line = {*leak}};
        memcpy(tones->less, tones->input, n * sizeof *tones->less);
        tones_fit_subtract(&alone, 0, tones->less);
        fit->line[0] = (struct tones_line){.offset_rad = leak->offset_rad};
        tones_fit_run(fit, tones->less);
        *variance = lines_subtract(tones, fit);
        if (fabs(leak->offset_rad - before_rad) * (double)n < LEAK_SETTLED_RAD) {
            return;
        }
    }
}

static void found_fill(const struct tones_fit *fit, const struct tones_line *leak, double variance,
                       struct tones_found *found)
{
    double n = (double)fit->n_samples;
    double n_fitted = 2.0 + 1.5 * (fit->n_lines - 1); /* complex parameters */
    found->noise_variance = variance * n / fmax(n - n_fitted - (double)found->n_outliers, 1.0);
    found->n_tones = fit->n_lines - 1;
    struct tones_line line = *leak;
    leak_correct(&line, &fit->line[0]);
    found->leak_growth = line.growth;
    for (unsigned k = 0; k < fit->n_lines; k++) {
        struct tone *tone = k > 0 ? &found->tone[k - 1] : &found->leak;
        const struct tones_line *from = k > 0 ? &fit->line[k] : &line;
        tone->offset_rad = from->offset_rad;
        tone->amplitude = from->level;
        double power = plane_power(from->level) + 1e-300;
        double level_ratio, growth_ratio;
        tones_fit_spread(fit, k, &level_ratio, &growth_ratio);
        tone->offset_sigma_rad = sqrt(0.5 * variance * growth_ratio / power);
        tone->amplitude_sigma = sqrt(variance * level_ratio);
        double sure = GROWTH_SIGMAS * GROWTH_SIGMAS * variance * growth_ratio;
        if (k == 0 && plane_power(found->leak_growth) < sure) {
            found->leak_growth = 0.0;
        }
    }
}

void tones_find(struct tones *tones, const float _Complex *sample, size_t n_samples,
                double leak_offset_rad, struct tones_found *found)
{
    require(n_samples >= 8);
    *found = (struct tones_found){0};
    size_t n = n_samples < TONES_QUIET_MAX ? n_samples : TONES_QUIET_MAX;
    found->n_samples = n;
    found->middle = (double)(n_samples - n) + 0.5 * (double)(n - 1);
    memcpy(tones->input, sample + (n_samples - n), n * sizeof *tones->input);
    found->step = step_of((const float *)tones->input, 2 * n);
    if (isnan(leak_offset_rad)) {
        size_t n_fft = fft_power(tones, tones->input, n);
        leak_offset_rad = bin_offset_rad(tones->power, n_fft, strongest(tones->power, n_fft));
    }
    struct tones_fit fit = {.n_samples = n};
    double variance = leak_remove(tones, &fit, leak_offset_rad, found);
    struct tones_line leak = fit.line[0];
    fit.line[0].level = fit.line[0].growth = 0.0;
    memcpy(tones->rest, tones->less, n * sizeof *tones->rest);
    if (n >= TONES_QUIET_MIN && variance > 0.0) {
        lines_find(tones, &fit, &variance);
    }
    if (fit.n_lines > 1 && leak.offset_rad != 0.0) {
        leak_refit(tones, &fit, &leak, &variance);
    }
    found_fill(&fit, &leak, variance, found);
}
