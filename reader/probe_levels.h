/* probe_levels.h - levels of a stretch of samples.                            layer: reader */
#ifndef READER_PROBE_LEVELS_H
#define READER_PROBE_LEVELS_H

#include <complex.h>
#include <stddef.h>

#include "config/status.h"

struct probe_levels {    /* dBFS: amplitude 1.0 is 0 */
    float _Complex mean; /* the constant part: our carrier, or the DC offset */
    double constant_dbfs;
    double noise_dbfs; /* in the whole band, lines and the constant part taken out */
    double line_dbfs,
        line_offset_hz;   /* strongest line but the constant part; NaN: none stands out */
    double headroom_db;   /* full scale over the highest I or Q */
    double clipped_ratio; /* samples at the converter's end */
    double burst_db;      /* power of the strongest piece of 250 us over the median piece */
};

/*   pre n_samples >= 4096      err ST_NO_MEMORY; main thread (plans an FFT) */
enum status probe_levels(const float _Complex *sample, size_t n_samples, double rate_sps,
                         struct probe_levels *levels) must_check;

/* Image of a line: power at -tone_hz over that at +tone_hz, the constant part taken out.
 *   pre n_samples whole periods of the tone     out dB; NaN: nothing at +tone_hz */
double probe_image_db(const float _Complex *sample, size_t n_samples, double tone_hz,
                      double rate_sps);

#endif
