/* tones.h - carriers other than the leak, found in the quiet before a reply.       layer: dsp
 * The leak (constant or turning, its level drifting linearly) is fitted and taken out, excursions
 * are set aside, the rest is searched line by line: strongest bin of the spectrum against the
 * noise's mean and the bin's neighbourhood (constant false alarm), then all lines and the leak are
 * fitted together (Gauss-Newton least squares, the Cramer-Rao bound at high level).
 * Source: Rife and Boorstyn, IEEE T-IT 20 (1974): var(w) >= 6 v / (n^3 |a|^2) for noise variance v. */
#ifndef DSP_TONES_H
#define DSP_TONES_H

#include <complex.h>
#include <stddef.h>

#include "config/status.h"

enum {
    TONES_MAX = 4,
    TONES_QUIET_MIN = 32,   /* samples; below, no tone is looked for */
    TONES_QUIET_MAX = 6144, /* samples; of a longer quiet the last ones are used */
};

struct tone {          /* amplitude * exp(j offset (k - middle)) at the quiet's sample k */
    double offset_rad; /* -pi .. pi a sample */
    double offset_sigma_rad, amplitude_sigma; /* the bound, other lines near by reckoned with */
    double _Complex amplitude;
};

struct tones_found {
    unsigned n_tones; /* strongest found first */
    struct tone tone[TONES_MAX];
    struct tone leak;            /* offset_rad 0 exactly unless asked to turn */
    double _Complex leak_growth; /* a sample; 0 when not significant */
    double middle;               /* samples from the quiet's first to where amplitudes hold */
    double noise_variance;       /* complex, a sample, all lines and excursions taken out */
    double step;       /* of the converter: smallest change seen between samples; 0: none seen */
    size_t n_samples;  /* the estimate rests on */
    size_t n_outliers; /* excursions set aside */
};

struct tones;

/* err ST_NO_MEMORY. All memory and all FFT plans: call and free on the main thread. */
enum status tones_new(struct tones **tones) must_check;
void tones_free(struct tones **tones);

/* Find up to TONES_MAX carriers in +-half the sample rate.
 *   in   sample[n_samples] the quiet, leak still in; leak_offset_rad its turn a sample: 0 exactly when
 *        it does not turn, NaN: the strongest line is the leak
 *   pre  n_samples >= 8; NaN and values beyond +-16 are held at +-16
 *   out  found; a white quiet yields a false tone in fewer than 1e-4 of cases
 *   cost white: four passes and one FFT of 1.25 n .. 1.56 n points; each tone one more FFT and its fit */
void tones_find(struct tones *tones, const float _Complex *sample, size_t n_samples,
                double leak_offset_rad, struct tones_found *found);

/* Share of the energy of sample[n] that its strongest line holds: 1 a pure carrier, ln(n) / n noise.
 *   pre 8 <= n <= TONES_QUIET_MAX   out offset_rad of that line */
double tones_line_share(struct tones *tones, const float _Complex *sample, size_t n,
                        double *offset_rad);

/* out[k] = exp(j (phase + offset k)), k = 0 .. n-1, exact to 1e-7. */
void tones_table(double phase_rad, double offset_rad, float _Complex *out, size_t n);

#endif
