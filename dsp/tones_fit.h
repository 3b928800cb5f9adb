/* tones_fit.h - least squares of several lines at once: frequencies, complex levels, and the slow
 * growth of the first one (the leak).                                            layer: dsp
 * Line k is (level + growth t) exp(j offset t), t = samples from the quiet's middle. A frequency
 * error d shows as growth = j d level: each pass solves for level and growth of all lines, then
 * turns the growth into frequency (Gauss-Newton). */
#ifndef DSP_TONES_FIT_H
#define DSP_TONES_FIT_H

#include <complex.h>
#include <stddef.h>

enum { TONES_LINES_MAX = 5 };

struct tones_line {
    double offset_rad;
    double _Complex level;  /* at the middle */
    double _Complex growth; /* a sample; of the leak only */
};

struct tones_fit {
    size_t n_samples;
    unsigned n_lines; /* line[0] is the leak: its frequency is kept by tones_fit_run */
    struct tones_line line[TONES_LINES_MAX];
};

/* -pi .. pi */
double tones_wrap(double angle_rad);

/* Fit the leak alone; its frequency too when n_passes > 1.  out fit->n_lines = 1 */
void tones_fit_leak(struct tones_fit *fit, const float _Complex *sample, double offset_rad,
                    unsigned n_passes);

/*   pre fit->n_lines < TONES_LINES_MAX */
void tones_fit_add(struct tones_fit *fit, double offset_rad);

/* All lines together on sample[fit->n_samples].   cost up to 12 passes a line */
void tones_fit_run(struct tones_fit *fit, const float _Complex *sample);

/* Variance of line k's level and growth over the noise variance of a sample, as the other lines leave
 * them: 1 / n and 12 / n^3 when it is alone. */
void tones_fit_spread(const struct tones_fit *fit, unsigned k, double *level, double *growth);

/* sample -= line k */
void tones_fit_subtract(const struct tones_fit *fit, unsigned k, float _Complex *sample);

/* Least frequency distance of any two lines, rad a sample. */
double tones_fit_least_distance(const struct tones_fit *fit);

#endif
