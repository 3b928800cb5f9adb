/* probe_levels.c - sums for what is constant or clipped, an averaged spectrum for the rest. */
#include "reader/probe_levels.h"

#include <math.h>
#include <stdlib.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/power.h"

enum { N_FFT = 1024, GUARD_BINS = 4, LINE_BINS = 3, PIECES_MAX = 256 };
#define FULL_SCALE 0.9995F /* a 12-bit converter's last code */
#define HANN_BINS 1.5      /* noise bandwidth of a bin */
#define LINE_RATIO 30.0    /* over the mean bin: chance does not reach it */
#define NOISE_RATIO 4.0    /* bins beyond it are no noise */
#define PIECE_S 250e-6
#define FLOOR_DBFS (-200.0)

static double dbfs_of(double power)
{
    return fmax(units_db_from_power_ratio(power), FLOOR_DBFS);
}

static double power_of(float _Complex value)
{
    double re = crealf(value), im = cimagf(value);
    return re * re + im * im;
}

static void look_at_samples(const float _Complex *sample, size_t n, struct probe_levels *levels)
{
    double re = 0.0, im = 0.0;
    float peak = 0.0F;
    size_t n_clipped = 0;
    for (size_t k = 0; k < n; k++) {
        float x = crealf(sample[k]), y = cimagf(sample[k]);
        float most = fmaxf(fabsf(x), fabsf(y));
        re += (double)x;
        im += (double)y;
        peak = fmaxf(peak, most);
        n_clipped += most >= FULL_SCALE;
    }
    levels->mean = (float)(re / (double)n) + (float)(im / (double)n) * I;
    levels->constant_dbfs = dbfs_of(power_of(levels->mean));
    levels->headroom_db = -dbfs_of((double)peak * (double)peak);
    levels->clipped_ratio = (double)n_clipped / (double)n;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void look_at_pieces(const float _Complex *sample, size_t n, double rate_sps,
                           struct probe_levels *levels)
{
    double piece[PIECES_MAX];
    size_t length = (size_t)(PIECE_S * rate_sps), n_pieces = n / length;
    n_pieces = n_pieces < PIECES_MAX ? n_pieces : PIECES_MAX;
    if (n_pieces < 4) {
        return;
    }
    for (size_t k = 0; k < n_pieces; k++) {
        piece[k] = 0.0;
        for (size_t i = k * length; i < (k + 1) * length; i++) {
            piece[k] += power_of(sample[i] - levels->mean);
        }
    }
    qsort(piece, n_pieces, sizeof *piece, by_size);
    double median = piece[n_pieces / 2];
    levels->burst_db = median > 0.0 ? dbfs_of(piece[n_pieces - 1] / median) : NAN;
}

/* A line's place between bins, from the levels beside the strongest: a Hann window's peak is a
 * parabola in dB to a twentieth of a bin. */
static double between_bins(const float *dbfs, size_t at)
{
    if (at == 0 || at == N_FFT - 1) {
        return 0.0;
    }
    double left = (double)dbfs[at - 1], right = (double)dbfs[at + 1];
    double bend = left - 2.0 * (double)dbfs[at] + right;
    return bend < 0.0 ? 0.5 * (left - right) / bend : 0.0;
}

/* Of the whole line, wherever it lies between bins. */
static double line_power(const double *power, size_t at)
{
    double sum = 0.0;
    for (size_t k = at < LINE_BINS ? 0 : at - LINE_BINS; k <= at + LINE_BINS && k < N_FFT; k++) {
        sum += power[k];
    }
    return sum / HANN_BINS;
}

/* Mean of the bins of noise, found from their median upwards, and the strongest that is none. */
static void look_at_spectrum(const float *dbfs, double rate_sps, struct probe_levels *levels)
{
    double power[N_FFT], sorted[N_FFT];
    size_t n = 0, best = 0;
    double best_power = 0.0;
    for (size_t k = 0; k < N_FFT; k++) {
        power[k] = units_power_ratio_from_db((double)dbfs[k]);
        size_t from_centre = k > N_FFT / 2 ? k - N_FFT / 2 : N_FFT / 2 - k;
        if (from_centre <= GUARD_BINS) {
            continue;
        }
        sorted[n++] = power[k];
        best = power[k] > best_power ? k : best;
        best_power = fmax(best_power, power[k]);
    }
    qsort(sorted, n, sizeof *sorted, by_size);
    double median = sorted[n / 2], sum = 0.0;
    size_t n_noise = 0;
    for (; n_noise < n && sorted[n_noise] <= NOISE_RATIO * median; n_noise++) {
        sum += sorted[n_noise];
    }
    double mean = sum / (double)n_noise;
    levels->noise_dbfs = dbfs_of(mean * N_FFT / HANN_BINS);
    if (best_power > LINE_RATIO * mean && mean > 0.0) {
        levels->line_dbfs = dbfs_of(line_power(power, best));
        levels->line_offset_hz =
            ((double)best - N_FFT / 2 + between_bins(dbfs, best)) * rate_sps / N_FFT;
    }
}

enum status probe_levels(const float _Complex *sample, size_t n_samples, double rate_sps,
                         struct probe_levels *levels)
{
    require(n_samples >= 4 * N_FFT);
    require(rate_sps > 0.0);
    *levels = (struct probe_levels){.line_dbfs = NAN, .line_offset_hz = NAN, .burst_db = NAN};
    struct power_spectrum *spectrum = NULL;
    enum status status = power_spectrum_new(N_FFT, &spectrum);
    if (status) {
        return status;
    }
    float dbfs[N_FFT];
    power_spectrum_push(spectrum, sample, n_samples);
    size_t n_averaged = power_spectrum_read(spectrum, dbfs);
    power_spectrum_free(&spectrum);
    require(n_averaged > 0);
    look_at_samples(sample, n_samples, levels);
    look_at_pieces(sample, n_samples, rate_sps, levels);
    look_at_spectrum(dbfs, rate_sps, levels);
    return ST_OK;
}

static double _Complex line_at(const float _Complex *sample, size_t n, double offset_rad)
{
    double _Complex sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        double angle = offset_rad * (double)k;
        sum += (double _Complex)sample[k] * (cos(angle) - sin(angle) * I);
    }
    return sum / (double)n;
}

double probe_image_db(const float _Complex *sample, size_t n_samples, double tone_hz,
                      double rate_sps)
{
    double offset_rad = 2.0 * UNITS_PI * tone_hz / rate_sps;
    double line = cabs(line_at(sample, n_samples, offset_rad));
    double image = cabs(line_at(sample, n_samples, -offset_rad));
    return line > 0.0 ? dbfs_of(image * image / (line * line)) : NAN;
}
