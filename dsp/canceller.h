/* canceller.h - own-carrier removal: the leak is measured in the quiet before each reply (after our
 * command has settled, before any tag may answer), with its offset when the carrier comes from
 * another oscillator, and taken out of what follows.                            layer: dsp
 * What remains of it (drift, the tag's own idle reflection) is a slowly varying offset that the
 * decoder estimates together with the reply's gain. */
#ifndef DSP_CANCELLER_H
#define DSP_CANCELLER_H

#include <complex.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

struct canceller_quiet {     /* what the quiet told */
    double _Complex leak;    /* mean (after de-rotation), at the first quiet sample */
    double offset_rad;       /* rotation per sample; 0 when not significant */
    double offset_sigma_rad; /* how far off that may be; a turn that is not believed counts in */
    double noise_variance;   /* complex variance per sample around leak */
    double power;            /* mean |x|^2 */
    size_t n_samples;
};

struct canceller;

/* err ST_NO_MEMORY */
enum status canceller_new(struct canceller **canceller) must_check;
void canceller_free(struct canceller **canceller);

/* Mean of sample[n].   pre n >= 1   cost one pass, vectorised */
double _Complex canceller_mean(const float _Complex *sample, size_t n);

/* Measure sample[n_samples].  pre n_samples >= 8   cost two passes */
void canceller_measure(struct canceller *canceller, const float _Complex *sample, size_t n_samples,
                       struct canceller_quiet *quiet);

/* The same where the turn is known from another channel that hears the same emitter. */
void canceller_measure_turning(const float _Complex *sample, size_t n_samples,
                               const struct canceller_quiet *known, struct canceller_quiet *quiet);

/* Sum n_out stretches of `factor` samples each, leak removed: out[k] = mean(sample[k*factor ..]) -
 * leak. `since` = ticks from the first quiet sample to sample[0] (keeps the de-rotation's phase).
 *   pre factor 1 .. 4096; sample[n_out * factor]; out may not overlap sample */
void canceller_decimate(struct canceller *canceller, const struct canceller_quiet *quiet,
                        int64_t since, const float _Complex *sample, unsigned factor,
                        float _Complex *out, size_t n_out);

#endif
