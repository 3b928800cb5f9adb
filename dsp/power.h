/* power.h - power spectrum (Welch, FFTW) and levels in dBFS.                   layer: dsp
 * FFTW plans are made and destroyed on the main thread only; execute anywhere. */
#ifndef DSP_POWER_H
#define DSP_POWER_H

#include <complex.h>
#include <stddef.h>

#include "config/status.h"

struct power_spectrum;

/* n_fft: power of two 16 .. 65536; Hann window, 50 % overlap.   err ST_NO_MEMORY */
enum status power_spectrum_new(size_t n_fft, struct power_spectrum **spectrum) must_check;
void power_spectrum_free(struct power_spectrum **spectrum);
void power_spectrum_reset(struct power_spectrum *spectrum);
void power_spectrum_push(struct power_spectrum *spectrum, const float _Complex *sample,
                         size_t n_samples);
/* Mean power per bin, dBFS (a full-scale complex tone in the middle of a bin reads 0 dBFS), bin 0 =
 * -rate/2.  out dbfs[n_fft]; returns the number of segments averaged (0: dbfs untouched) */
size_t power_spectrum_read(const struct power_spectrum *spectrum, float *dbfs);

/* Mean of |x|^2 in dBFS (amplitude 1.0 = 0 dBFS). */
double power_mean_dbfs(const float _Complex *sample, size_t n_samples);

#endif
