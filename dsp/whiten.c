/* whiten.c - sample covariance, significance, Cholesky. */
#include "dsp/whiten.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

#define SIGNIFICANT_NATS 7.0 /* chance e^-7 that round noise looks this flat */
#define EMPTY_RATIO 1e-9     /* of the other: I or Q was not recorded (magnitudes only) */

typedef double whiten_matrix[WHITEN_DIMENSIONS][WHITEN_DIMENSIONS];

static void covariance_of(unsigned n_channels, const float _Complex *const *sample, size_t n,
                          whiten_matrix s)
{
    double mean[WHITEN_DIMENSIONS] = {0};
    double product[WHITEN_DIMENSIONS][WHITEN_DIMENSIONS] = {{0}};
    unsigned d = 2 * n_channels;
    for (size_t k = 0; k < n; k++) {
        double v[WHITEN_DIMENSIONS];
        for (unsigned c = 0; c < n_channels; c++) {
            v[2 * c] = (double)crealf(sample[c][k]);
            v[2 * c + 1] = (double)cimagf(sample[c][k]);
        }
        for (unsigned i = 0; i < d; i++) {
            mean[i] += v[i];
            for (unsigned j = 0; j <= i; j++) {
                product[i][j] += v[i] * v[j];
            }
        }
    }
    for (unsigned i = 0; i < d; i++) {
        for (unsigned j = 0; j <= i; j++) {
            s[i][j] = (product[i][j] - mean[i] * mean[j] / (double)n) / (double)(n - 1);
        }
    }
}

/* Flatness of one channel's noise: (stronger - weaker) / (stronger + weaker) axis, power. Round noise
 * is this flat by chance with probability (1 - f^2)^((n - 2) / 2). */
static double flatness(const whiten_matrix s, unsigned c)
{
    double re = s[2 * c][2 * c], im = s[2 * c + 1][2 * c + 1], cross = s[2 * c + 1][2 * c];
    double sum = re + im;
    return sum > 0.0 ? sqrt((re - im) * (re - im) + 4.0 * cross * cross) / sum : 0.0;
}

static bool is_flat(double f, size_t n)
{
    double round = 1.0 - f * f;
    return round <= 0.0 || -0.5 * (double)(n - 2) * log(round) > SIGNIFICANT_NATS;
}

static void make_round(whiten_matrix s, unsigned c)
{
    double mean = 0.5 * (s[2 * c][2 * c] + s[2 * c + 1][2 * c + 1]);
    s[2 * c][2 * c] = s[2 * c + 1][2 * c + 1] = mean;
    s[2 * c + 1][2 * c] = 0.0;
}

static void keep_apart(whiten_matrix s)
{
    for (unsigned i = 2; i < 4; i++) {
        for (unsigned j = 0; j < 2; j++) {
            s[i][j] = 0.0;
        }
    }
}

/* Cholesky factor.  least > 0: no direction is believed to hold less than this */
static void factorise(const whiten_matrix s, unsigned d, double least, whiten_matrix l)
{
    for (unsigned i = 0; i < d; i++) {
        for (unsigned j = 0; j <= i; j++) {
            double sum = s[i][j];
            for (unsigned k = 0; k < j; k++) {
                sum -= l[i][k] * l[j][k];
            }
            l[i][j] = i == j ? sqrt(fmax(sum, fmax(least, 1e-9 * s[i][i]))) : sum / l[j][j];
        }
    }
}

/* Do two channels share noise? All of what they seem to share is believed or nothing: a covariance with
 * single entries struck out need not be one any more. Wilks' lambda = det S / (det S0 det S1), with
 * Bartlett's factor chi-square of 4 degrees: by chance with probability exp(-h) (1 + h). */
static bool is_shared(const whiten_matrix s, size_t n, double least)
{
    whiten_matrix l = {{0}};
    factorise(s, 4, least, l);
    double given = l[2][2] * l[3][3];
    double alone = s[2][2] * s[3][3] - s[3][2] * s[3][2];
    double h = -0.5 * ((double)n - 3.5) * log(given * given / fmax(alone, least * least));
    return h > 0.0 && h - log1p(h) > SIGNIFICANT_NATS;
}

static void invert_lower(const whiten_matrix l, unsigned d, double scale,
                         float out[WHITEN_DIMENSIONS][WHITEN_DIMENSIONS])
{
    whiten_matrix inverse = {{0}};
    for (unsigned j = 0; j < d; j++) {
        for (unsigned i = j; i < d; i++) {
            double sum = i == j ? 1.0 : 0.0;
            for (unsigned k = j; k < i; k++) {
                sum -= l[i][k] * inverse[k][j];
            }
            inverse[i][j] = sum / l[i][i];
            out[i][j] = (float)(scale * inverse[i][j]);
        }
    }
}

static void axes_fill(struct whiten *whiten, const whiten_matrix s)
{
    double f = fmin(flatness(s, 0), 1.0 - 1e-9);
    whiten->spread_db = 10.0 * log10((1.0 + f) / (1.0 - f));
    double angle = 0.5 * atan2(2.0 * s[1][0], s[0][0] - s[1][1]);
    whiten->axis = cos(angle) + I * sin(angle);
}

void whiten_learn(struct whiten *whiten, unsigned n_channels, const float _Complex *const *sample,
                  size_t n, double floor_variance, bool enabled)
{
    require(n >= 4);
    require(n_channels >= 1);
    require(n_channels <= LIMIT_RX_CHANNELS);
    require(floor_variance > 0.0);
    whiten_matrix s = {{0}};
    covariance_of(n_channels, sample, n, s);
    memset(whiten->colour, 0, sizeof whiten->colour);
    memset(whiten->map, 0, sizeof whiten->map);
    whiten->n_channels = n_channels;
    axes_fill(whiten, s);
    double least = 0.5 * floor_variance;
    bool is_empty[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < n_channels; c++) {
        double re = s[2 * c][2 * c], im = s[2 * c + 1][2 * c + 1];
        is_empty[c] = fmin(re, im) <= EMPTY_RATIO * fmax(re, im);
    }
    for (unsigned i = 0; i < 2 * n_channels; i++) {
        s[i][i] = fmax(s[i][i], least);
    }
    bool shared = enabled && n_channels > 1 && is_shared(s, n, least), flat = shared;
    for (unsigned c = 0; c < n_channels && !shared; c++) {
        double f = flatness(s, c);
        if (enabled && !is_empty[c] && is_flat(f, n)) {
            flat = true;
        } else {
            make_round(s, c);
        }
    }
    if (!shared) {
        keep_apart(s);
    }
    whiten->noise_variance = s[0][0] + s[1][1];
    whiten->plain = n_channels == 1 && !flat;
    unsigned d = 2 * n_channels;
    whiten_matrix l = {{0}};
    factorise(s, d, least, l);
    double scale = sqrt(0.5 * whiten->noise_variance);
    invert_lower(l, d, scale, whiten->map);
    for (unsigned i = 0; i < d; i++) {
        for (unsigned j = 0; j <= i; j++) {
            whiten->colour[i][j] = l[i][j] / scale;
        }
    }
}

static void apply_one(const struct whiten *whiten, float _Complex *sample, size_t n)
{
    const float a = whiten->map[0][0], b = whiten->map[1][0], c = whiten->map[1][1];
    float *x = (float *)sample;
    for (size_t k = 0; k < n; k++) {
        float re = x[2 * k], im = x[2 * k + 1];
        x[2 * k] = a * re;
        x[2 * k + 1] = b * re + c * im;
    }
}

void whiten_apply(const struct whiten *whiten, float _Complex *const *sample, size_t n)
{
    if (whiten->plain) {
        return;
    }
    if (whiten->n_channels == 1) {
        apply_one(whiten, sample[0], n);
        return;
    }
    for (size_t k = 0; k < n; k++) {
        const float v[WHITEN_DIMENSIONS] = {crealf(sample[0][k]), cimagf(sample[0][k]),
                                            crealf(sample[1][k]), cimagf(sample[1][k])};
        float w[WHITEN_DIMENSIONS] = {0};
        for (unsigned i = 0; i < WHITEN_DIMENSIONS; i++) {
            for (unsigned j = 0; j <= i; j++) {
                w[i] += whiten->map[i][j] * v[j];
            }
        }
        sample[0][k] = w[0] + w[1] * I;
        sample[1][k] = w[2] + w[3] * I;
    }
}

void whiten_undo(const struct whiten *whiten, double _Complex *value)
{
    unsigned d = 2 * whiten->n_channels;
    double v[WHITEN_DIMENSIONS], w[WHITEN_DIMENSIONS] = {0};
    for (unsigned c = 0; c < whiten->n_channels; c++) {
        v[2 * c] = creal(value[c]);
        v[2 * c + 1] = cimag(value[c]);
    }
    for (unsigned i = 0; i < d; i++) {
        for (unsigned j = 0; j <= i; j++) {
            w[i] += whiten->colour[i][j] * v[j];
        }
    }
    for (unsigned c = 0; c < whiten->n_channels; c++) {
        value[c] = w[2 * c] + w[2 * c + 1] * I;
    }
}
