/* tones_fit.c - sums against turning phasors, normal equations in closed form. */
#include "dsp/tones_fit.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

enum { CHUNK = 64, ORDER_MAX = 2 * TONES_LINES_MAX, PASSES_MAX = 12 };
#define SETTLED_TURN 1e-3 /* rad over the quiet: what the next pass would change is -66 dB */

double tones_wrap(double angle_rad)
{
    return angle_rad - 2.0 * UNITS_PI * floor(angle_rad / (2.0 * UNITS_PI) + 0.5);
}

struct chunk_turn { /* exp(j offset k), k; the former unless offset is 0 */
    float re[CHUNK], im[CHUNK], at[CHUNK];
};

static void chunk_turn_fill(struct chunk_turn *turn, double offset_rad)
{
    double _Complex step = cexp(I * offset_rad), z = 1.0;
    for (unsigned k = 0; k < CHUNK; k++) {
        turn->at[k] = (float)k;
    }
    for (unsigned k = 0; offset_rad != 0.0 && k < CHUNK; k++) {
        turn->re[k] = (float)creal(z);
        turn->im[k] = (float)cimag(z);
        z *= step;
    }
}

struct line_sums {
    double _Complex level;  /* sum of x exp(-j offset t) */
    double _Complex growth; /* sum of t x exp(-j offset t) */
};

static void chunk_sums(const float *x, const struct chunk_turn *turn, unsigned n,
                       struct line_sums *sums)
{
    float re[4] = {0}, im[4] = {0}, t_re[4] = {0}, t_im[4] = {0};
    for (unsigned k = 0; k < n; k += 4) {
        for (unsigned j = 0; j < 4; j++) { /* the last four may reach beyond n: x is 0 there */
            float a = x[2 * (k + j)] * turn->re[k + j] + x[2 * (k + j) + 1] * turn->im[k + j];
            float b = x[2 * (k + j) + 1] * turn->re[k + j] - x[2 * (k + j)] * turn->im[k + j];
            re[j] += a;
            im[j] += b;
            t_re[j] += turn->at[k + j] * a;
            t_im[j] += turn->at[k + j] * b;
        }
    }
    sums->level = (re[0] + re[1] + re[2] + re[3]) + I * (im[0] + im[1] + im[2] + im[3]);
    sums->growth =
        (t_re[0] + t_re[1] + t_re[2] + t_re[3]) + I * (t_im[0] + t_im[1] + t_im[2] + t_im[3]);
}

/* The same for a line that does not turn. */
static void chunk_sums_still(const float *x, const float *at, struct line_sums *sums)
{
    float re[4] = {0}, im[4] = {0}, t_re[4] = {0}, t_im[4] = {0};
    for (unsigned k = 0; k < CHUNK; k += 4) {
        for (unsigned j = 0; j < 4; j++) {
            float a = x[2 * (k + j)], b = x[2 * (k + j) + 1];
            re[j] += a;
            im[j] += b;
            t_re[j] += at[k + j] * a;
            t_im[j] += at[k + j] * b;
        }
    }
    sums->level = (re[0] + re[1] + re[2] + re[3]) + I * (im[0] + im[1] + im[2] + im[3]);
    sums->growth =
        (t_re[0] + t_re[1] + t_re[2] + t_re[3]) + I * (t_im[0] + t_im[1] + t_im[2] + t_im[3]);
}

static struct line_sums line_sums_of(const float _Complex *sample, size_t n, double offset_rad)
{
    struct chunk_turn turn;
    struct line_sums total = {0};
    double middle = 0.5 * (double)(n - 1);
    chunk_turn_fill(&turn, offset_rad);
    for (size_t at = 0; at < n; at += CHUNK) {
        struct line_sums part;
        double t = (double)at - middle;
        float _Complex last[CHUNK];
        const float _Complex *from = sample + at;
        unsigned length = n - at < CHUNK ? (unsigned)(n - at) : CHUNK;
        if (length < CHUNK) {
            memset(last, 0, sizeof last);
            from = memcpy(last, from, length * sizeof *last);
        }
        if (offset_rad == 0.0) {
            chunk_sums_still((const float *)from, turn.at, &part);
        } else {
            chunk_sums((const float *)from, &turn, length, &part);
        }
        double _Complex back = offset_rad != 0.0 ? cexp(-I * offset_rad * t) : 1.0;
        total.level += back * part.level;
        total.growth += back * (part.growth + t * part.level);
    }
    return total;
}

void tones_fit_leak(struct tones_fit *fit, const float _Complex *sample, double offset_rad,
                    unsigned n_passes)
{
    require(fit->n_samples >= 2);
    double n = (double)fit->n_samples;
    struct tones_line *leak = &fit->line[0];
    fit->n_lines = 1;
    *leak = (struct tones_line){.offset_rad = offset_rad};
    for (unsigned pass = 0; pass < n_passes; pass++) {
        struct line_sums sums = line_sums_of(sample, fit->n_samples, leak->offset_rad);
        leak->level = sums.level / n;
        leak->growth = sums.growth * 12.0 / (n * (n * n - 1.0));
        double power = creal(leak->level * conj(leak->level));
        if (pass + 1 < n_passes && power > 0.0) {
            double turn = cimag(leak->growth * conj(leak->level)) / power;
            leak->offset_rad += fmin(fmax(turn, -UNITS_PI / n), UNITS_PI / n);
        }
    }
}

void tones_fit_add(struct tones_fit *fit, double offset_rad)
{
    require(fit->n_lines < TONES_LINES_MAX);
    fit->line[fit->n_lines++] = (struct tones_line){.offset_rad = offset_rad};
}

/* Sums over the quiet of t^p exp(j delta t), p = 0, 1, 2: Dirichlet's kernel and its derivatives;
 * t in units of `scale` samples. */
static void kernel_of(double delta, double n, double scale, double _Complex sum[3])
{
    if (delta == 0.0) {
        sum[0] = n;
        sum[1] = 0.0;
        sum[2] = n * (n * n - 1.0) / (12.0 * scale * scale);
        return;
    }
    double s = sin(0.5 * n * delta), c = cos(0.5 * n * delta);
    double u = sin(0.5 * delta), v = cos(0.5 * delta);
    double kernel = s / u;
    double first = (0.5 * n * c - 0.5 * v * kernel) / u;
    double second = (-0.25 * n * n * s + 0.25 * s - v * first) / u;
    sum[0] = kernel;
    sum[1] = -I * first / scale;
    sum[2] = -second / (scale * scale);
}

struct normal { /* equations: a x = b */
    unsigned n;
    double _Complex a[ORDER_MAX][ORDER_MAX], b[ORDER_MAX];
};

static void normal_fill(const struct tones_fit *fit, double scale, struct normal *normal)
{
    double n = (double)fit->n_samples;
    normal->n = 2 * fit->n_lines;
    for (unsigned r = 0; r < fit->n_lines; r++) {
        for (unsigned c = 0; c < fit->n_lines; c++) {
            double _Complex sum[3];
            kernel_of(r == c ? 0.0 : fit->line[c].offset_rad - fit->line[r].offset_rad, n, scale,
                      sum);
            normal->a[2 * r][2 * c] = sum[0];
            normal->a[2 * r][2 * c + 1] = normal->a[2 * r + 1][2 * c] = sum[1];
            normal->a[2 * r + 1][2 * c + 1] = sum[2];
        }
        normal->b[2 * r] = normal->b[2 * r + 1] = 0.0;
    }
}

/* Gauss elimination with pivots on the diagonal: the matrix is Hermitian and positive.  */
static void normal_solve(struct normal *normal)
{
    unsigned n = normal->n;
    for (unsigned p = 0; p < n; p++) {
        double _Complex inverse = 1.0 / (normal->a[p][p] + 1e-12 * (double)n);
        for (unsigned r = p + 1; r < n; r++) {
            double _Complex factor = normal->a[r][p] * inverse;
            for (unsigned c = p; c < n; c++) {
                normal->a[r][c] -= factor * normal->a[p][c];
            }
            normal->b[r] -= factor * normal->b[p];
        }
    }
    for (unsigned p = n; p-- > 0;) {
        for (unsigned c = p + 1; c < n; c++) {
            normal->b[p] -= normal->a[p][c] * normal->b[c];
        }
        normal->b[p] /= normal->a[p][p] + 1e-12 * (double)n;
    }
}

void tones_fit_run(struct tones_fit *fit, const float _Complex *sample)
{
    require(fit->n_lines >= 1);
    double n = (double)fit->n_samples;
    double scale = 0.5 * n;
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        struct normal normal;
        normal_fill(fit, scale, &normal);
        for (unsigned k = 0; k < fit->n_lines; k++) {
            struct line_sums sums = line_sums_of(sample, fit->n_samples, fit->line[k].offset_rad);
            normal.b[2 * k] = sums.level;
            normal.b[2 * k + 1] = sums.growth / scale;
        }
        normal_solve(&normal);
        double most = 0.0;
        for (unsigned k = 0; k < fit->n_lines; k++) {
            struct tones_line *line = &fit->line[k];
            line->level = normal.b[2 * k];
            line->growth = normal.b[2 * k + 1] / scale;
            double power = creal(line->level * conj(line->level));
            if (k == 0 || !(power > 0.0)) {
                continue;
            }
            double turn = cimag(line->growth * conj(line->level)) / power;
            turn = fmin(fmax(turn, -UNITS_PI / n), UNITS_PI / n);
            line->offset_rad = tones_wrap(line->offset_rad + turn);
            line->growth = 0.0;
            most = fmax(most, fabs(turn) * n);
        }
        if (most < SETTLED_TURN) {
            return;
        }
    }
}

void tones_fit_spread(const struct tones_fit *fit, unsigned k, double *level, double *growth)
{
    require(k < fit->n_lines);
    double scale = 0.5 * (double)fit->n_samples;
    struct normal normal; /* a column of the inverse */
    normal_fill(fit, scale, &normal);
    normal.b[2 * k] = 1.0;
    normal_solve(&normal);
    *level = creal(normal.b[2 * k]);
    normal_fill(fit, scale, &normal);
    normal.b[2 * k + 1] = 1.0;
    normal_solve(&normal);
    *growth = creal(normal.b[2 * k + 1]) / (scale * scale);
}

void tones_fit_subtract(const struct tones_fit *fit, unsigned k, float _Complex *sample)
{
    require(k < fit->n_lines);
    const struct tones_line *line = &fit->line[k];
    struct chunk_turn turn;
    double middle = 0.5 * (double)(fit->n_samples - 1);
    chunk_turn_fill(&turn, line->offset_rad);
    for (size_t at = 0; at < fit->n_samples; at += CHUNK) {
        size_t left = fit->n_samples - at;
        unsigned n = left < CHUNK ? (unsigned)left : CHUNK;
        double t = (double)at - middle;
        double _Complex spin = line->offset_rad != 0.0 ? cexp(I * line->offset_rad * t) : 1.0;
        double _Complex level = (line->level + line->growth * t) * spin;
        double _Complex growth = line->growth * spin;
        float a = (float)creal(level), b = (float)cimag(level);
        float da = (float)creal(growth), db = (float)cimag(growth);
        float *restrict x = (float *)(sample + at);
        for (unsigned j = 0; line->offset_rad == 0.0 && j < n; j++) {
            x[2 * j] -= a + da * turn.at[j];
            x[2 * j + 1] -= b + db * turn.at[j];
        }
        for (unsigned j = 0; line->offset_rad != 0.0 && j < n; j++) {
            float re = a + da * turn.at[j], im = b + db * turn.at[j];
            x[2 * j] -= re * turn.re[j] - im * turn.im[j];
            x[2 * j + 1] -= re * turn.im[j] + im * turn.re[j];
        }
    }
}

double tones_fit_least_distance(const struct tones_fit *fit)
{
    double least = UNITS_PI;
    for (unsigned k = 1; k < fit->n_lines; k++) {
        for (unsigned j = 0; j < k; j++) {
            double apart = tones_wrap(fit->line[k].offset_rad - fit->line[j].offset_rad);
            least = fmin(least, fabs(apart));
        }
    }
    return least;
}
