/* near.c - normal equations over means of a fraction of a turn. */
#include "dsp/near_parts.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/plane.h"

enum {
    STEPS = 1, /* columns before the carriers' */
    COLUMNS_MAX = STEPS + NEAR_ORDERS * NEAR_TONES_MAX,
    PASSES_MAX = 4,
    ANCHOR = 32, /* samples */
};
#define SETTLED_TURN 1e-3 /* rad over half the window: what another pass would change is -66 dB */
#define STEP_TURN 1.5     /* the same: beyond, the growth does not tell the frequency */
#define TURN_SIGMAS 5.0   /* as far as the window may contradict the quiet, */
#define TURN_OF_QUIET 1.5 /* and at least so many rad over the quiet */
#define SINGULAR 1e-12
#define RAISE_RATIO                                                                                \
    30.0 /* energy a higher order must explain, over a mean's variance: a tag's
                              * lines stand out of its mean power by up to six */

void near_init(struct near *near, double quiet_samples, double _Complex leak, double turned_rad,
               double turn_sigma_rad)
{
    require(quiet_samples > 0.0);
    *near = (struct near){.reach = 1.0, .quiet = quiet_samples, .turned_rad = turned_rad};
    near_add(near, leak, 0.0, turn_sigma_rad);
    if (turned_rad == 0.0) {
        near->tone[0].least_rad = near->tone[0].most_rad = 0.0;
    }
}

void near_add(struct near *near, double _Complex amplitude, double turn_rad, double turn_sigma_rad)
{
    require(near->n_tones < NEAR_TONES_MAX);
    double doubt = fmax(TURN_SIGMAS * turn_sigma_rad, TURN_OF_QUIET / near->quiet);
    near->tone[near->n_tones++] = (struct near_tone){
        .turn_rad = turn_rad,
        .least_rad = turn_rad - doubt,
        .most_rad = turn_rad + doubt,
        .level = {amplitude},
    };
}

size_t near_block_samples(const struct near *near)
{
    double fastest = 0.0;
    if (near->block > 0) {
        return near->block;
    }
    for (unsigned k = 0; k < near->n_tones; k++) {
        const struct near_tone *tone = &near->tone[k];
        fastest = fmax(fastest, fmax(fabs(tone->least_rad), fabs(tone->most_rad)));
    }
    double n = fmin(near->quiet / NEAR_BLOCKS_OF_QUIET, NEAR_BLOCK_TURN_RAD / (fastest + 1e-9));
    return n > 1.0 ? (size_t)n : 1;
}

/* What a mean over n samples leaves of a phasor. */
double near_mean_gain(double turn_rad, size_t n)
{
    double u = sin(0.5 * turn_rad);
    return u != 0.0 ? sin(0.5 * turn_rad * (double)n) / ((double)n * u) : 1.0;
}

static double _Complex polynomial(const struct near_tone *tone, double t)
{
    double _Complex sum = 0.0;
    for (unsigned p = NEAR_ORDERS; p-- > 0;) {
        sum = sum * t + tone->level[p];
    }
    return sum;
}

double _Complex near_mean(const struct near *near, size_t first, size_t n)
{
    double away = (double)first + 0.5 * (double)(n - 1) - near->middle;
    double _Complex sum = 0.0;
    for (unsigned k = 0; k < near->n_tones; k++) {
        const struct near_tone *tone = &near->tone[k];
        double _Complex level = polynomial(tone, away / near->reach);
        sum += tone->turn_rad == 0.0
                   ? level
                   : near_mean_gain(tone->turn_rad, n) * level * cexp(I * tone->turn_rad * away);
    }
    return sum;
}

struct normal {                   /* equations */
    unsigned n_columns, n_orders; /* columns: the step, then n_orders of each carrier */
    size_t n_rows;
    double energy; /* of what is fitted */
    double _Complex a[COLUMNS_MAX][COLUMNS_MAX], b[COLUMNS_MAX];
};

static void normal_add(struct normal *normal, const double _Complex *row, double _Complex y)
{
    unsigned n = normal->n_columns;
    for (unsigned r = 0; r < n; r++) {
        double _Complex back = conj(row[r]);
        for (unsigned c = r; c < n; c++) {
            normal->a[r][c] += back * row[c];
        }
        normal->b[r] += back * y;
    }
    normal->energy += plane_power(y);
    normal->n_rows++;
}

/* How much of samples first .. first + n - 1 lies behind the quiet. */
double near_step_share(const struct near *near, size_t first, size_t n)
{
    return fmin(fmax(((double)(first + n) - near->quiet) / (double)n, 0.0), 1.0);
}

static void normal_fill(const struct near *near, const struct near_source *source, size_t n_samples,
                        unsigned n_orders, struct normal *normal)
{
    size_t n = near_block_samples(near);
    double _Complex z[NEAR_TONES_MAX], turn[NEAR_TONES_MAX];
    for (unsigned k = 0; k < near->n_tones; k++) {
        double turn_rad = near->tone[k].turn_rad;
        turn[k] = cexp(I * turn_rad * (double)n);
        z[k] = near_mean_gain(turn_rad, n) *
               cexp(I * turn_rad * (0.5 * (double)(n - 1) - near->middle));
    }
    memset(normal, 0, sizeof *normal);
    normal->n_orders = n_orders;
    normal->n_columns = STEPS + n_orders * near->n_tones;
    for (size_t first = 0; first + n <= n_samples; first += n) {
        double _Complex row[COLUMNS_MAX];
        double t = ((double)first + 0.5 * (double)(n - 1) - near->middle) / near->reach;
        unsigned at = STEPS;
        row[0] = near_step_share(near, first, n);
        for (unsigned k = 0; k < near->n_tones; k++) {
            double _Complex column = z[k];
            for (unsigned p = 0; p < n_orders; p++) {
                row[at++] = column;
                column *= t;
            }
            z[k] *= turn[k];
        }
        normal_add(normal, row, source->mean(source->context, first, n));
    }
}

/* Solve with the first n_used[k] orders of carrier k.
 *   out x[n_columns], 0 where not used; returns the variance of what is left of a mean */
static double normal_solve(const struct normal *normal, const unsigned *n_used, double _Complex *x)
{
    double _Complex a[COLUMNS_MAX][COLUMNS_MAX], b[COLUMNS_MAX];
    unsigned column[COLUMNS_MAX], n = 0;
    for (unsigned c = 0; c < normal->n_columns; c++) {
        unsigned place = c - STEPS;
        x[c] = 0.0;
        if (c < STEPS || place % normal->n_orders < n_used[place / normal->n_orders]) {
            column[n++] = c;
        }
    }
    for (unsigned r = 0; r < n; r++) {
        for (unsigned c = r; c < n; c++) {
            a[r][c] = normal->a[column[r]][column[c]];
        }
        a[r][r] += SINGULAR * (double)normal->n_rows;
        b[r] = normal->b[column[r]];
    }
    double explained = 0.0; /* Hermitian and positive: pivots lie on the diagonal */
    for (unsigned p = 0; p < n; p++) {
        double inverse = 1.0 / creal(a[p][p]);
        explained += plane_power(b[p]) * inverse;
        for (unsigned r = p + 1; r < n; r++) {
            double _Complex factor = conj(a[p][r]) * inverse;
            for (unsigned c = r; c < n; c++) {
                a[r][c] -= factor * a[p][c];
            }
            b[r] -= factor * b[p];
        }
    }
    for (unsigned p = n; p-- > 0;) {
        for (unsigned c = p + 1; c < n; c++) {
            b[p] -= a[p][c] * b[c];
        }
        b[p] /= creal(a[p][p]);
        x[column[p]] = b[p];
    }
    double freedom = fmax((double)normal->n_rows - (double)n, 1.0);
    return fmax(normal->energy - explained, 0.0) / freedom;
}

/* One Gauss-Newton step.  returns the largest turn over half the window that it changed */
static double turns_step(struct near *near, const struct near_source *source, size_t n_samples)
{
    struct normal normal;
    double _Complex x[COLUMNS_MAX];
    unsigned n_used[NEAR_TONES_MAX];
    for (unsigned k = 0; k < near->n_tones; k++) {
        n_used[k] = near_is_free(&near->tone[k]) ? 2 : 1;
    }
    normal_fill(near, source, n_samples, 2, &normal);
    normal_solve(&normal, n_used, x);
    double most = 0.0;
    for (unsigned k = 0; k < near->n_tones; k++) {
        struct near_tone *tone = &near->tone[k];
        const double _Complex *level = x + STEPS + 2 * k;
        double turn = plane_along(I * level[0], level[1]) / (plane_power(level[0]) + 1e-300);
        turn = fmin(fmax(turn, -STEP_TURN), STEP_TURN) / near->reach;
        turn = fmin(fmax(tone->turn_rad + turn, tone->least_rad), tone->most_rad) - tone->turn_rad;
        tone->turn_rad += turn;
        most = fmax(most, fabs(turn) * near->reach);
    }
    return most;
}

void near_turns_fit(struct near *near, const struct near_source *source, size_t n_samples)
{
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        if (turns_step(near, source, n_samples) < SETTLED_TURN) {
            return;
        }
    }
}

/* The leak turned by nothing at all before it was made to. */
void near_leak_hold(struct near *near)
{
    struct near_tone *leak = &near->tone[0];
    leak->turn_rad = leak->least_rad = leak->most_rad = -near->turned_rad;
}

/* Variance that one level for every carrier leaves of a mean, a leak that may turn having a slope as well;
 * the last carrier left out if so wanted. */
static double variance_left(const struct near *near, const struct normal *normal, bool without_last,
                            double _Complex *x)
{
    unsigned n_used[NEAR_TONES_MAX] = {near_is_free(&near->tone[0]) ? 2 : 1, 1, 1, 1, 1};
    if (without_last) {
        n_used[near->n_tones - 1] = 0;
    }
    return normal_solve(normal, n_used, x);
}

double near_variance_left(struct near *near, const struct near_source *source, size_t n_samples,
                          double *gain)
{
    struct normal normal;
    double _Complex x[COLUMNS_MAX];
    normal_fill(near, source, n_samples, 2, &normal);
    double left = variance_left(near, &normal, false, x);
    for (unsigned k = 0; k < near->n_tones; k++) {
        near->tone[k].level[0] = x[STEPS + 2 * k];
    }
    if (gain) {
        double before = variance_left(near, &normal, true, x);
        *gain = (before - left) * (double)normal.n_rows / (left + 1e-300);
    }
    return left;
}

bool near_held_explains(const struct near *held, double left_held, double left)
{
    double most = 0.0;
    for (unsigned k = 1; k < held->n_tones; k++) {
        most = fmax(most, plane_power(held->tone[k].level[0]));
    }
    return left_held < NEAR_HELD_RATIO * left && most < plane_power(held->tone[0].level[0]);
}

/* Frequencies, of a leak that turned for certain and of one that did not. */
static void turns_find(struct near *near, const struct near_source *source, size_t n_samples)
{
    struct near held = *near;
    near_turns_fit(near, source, n_samples);
    if (!near_is_free(&near->tone[0])) {
        return;
    }
    near_leak_hold(&held);
    near_turns_fit(&held, source, n_samples);
    double left = near_variance_left(near, source, n_samples, NULL);
    double left_held = near_variance_left(&held, source, n_samples, NULL);
    if (near_held_explains(&held, left_held, left)) {
        held.tone[0].least_rad = near->tone[0].least_rad;
        held.tone[0].most_rad = near->tone[0].most_rad;
        *near = held;
    }
}

/* Levels at the frequencies found: as many orders, up to n_orders, as earn their place. */
static void levels_fit(struct near *near, const struct near_source *source, size_t n_samples,
                       unsigned n_orders)
{
    struct normal normal;
    double _Complex x[COLUMNS_MAX], tried[COLUMNS_MAX];
    unsigned n_used[NEAR_TONES_MAX];
    for (unsigned k = 0; k < near->n_tones; k++) {
        n_used[k] = 1;
    }
    normal_fill(near, source, n_samples, n_orders, &normal);
    double variance = normal_solve(&normal, n_used, x);
    for (unsigned p = 1; p < n_orders; p++) {
        for (unsigned k = 0; k < near->n_tones; k++) {
            if (n_used[k] != p) {
                continue;
            }
            n_used[k] = p + 1;
            double less = normal_solve(&normal, n_used, tried);
            if ((variance - less) * (double)normal.n_rows > RAISE_RATIO * less) {
                variance = less;
                memcpy(x, tried, sizeof x);
            } else {
                n_used[k] = p;
            }
        }
    }
    for (unsigned k = 0; k < near->n_tones; k++) {
        memset(near->tone[k].level, 0, sizeof near->tone[k].level);
        memcpy(near->tone[k].level, x + STEPS + n_orders * k, n_orders * sizeof *x);
    }
}

void near_fit(struct near *near, const struct near_source *source, size_t n_samples)
{
    require(near->n_tones > 1);
    require(n_samples >= NEAR_BLOCKS_OF_QUIET);
    near->middle = near->reach = 0.5 * (double)n_samples;
    turns_find(near, source, n_samples);
    levels_fit(near, source, n_samples, NEAR_ORDERS);
}

void near_fit_leak(struct near *near, const struct near_source *source, size_t n_samples)
{
    require(near->n_tones == 1);
    require(n_samples >= NEAR_BLOCKS_OF_QUIET);
    near->middle = near->reach = 0.5 * (double)n_samples;
    near->tone[0].most_rad = TURN_OF_QUIET / near->quiet;
    near->tone[0].least_rad = -near->tone[0].most_rad;
    near_turns_fit(near, source, n_samples);
    levels_fit(near, source, n_samples, 2); /* what follows the window is told by a line */
}

/* out[0 .. n-1] += sign * tone at first + 0 ..; phasors are taken anew at every multiple of ANCHOR, so
 * that they round the same however the samples are cut. */
static void tone_accumulate(const struct near *near, const struct near_tone *tone, double sign,
                            size_t first, float _Complex *out, size_t n)
{
    double _Complex turn = cexp(I * tone->turn_rad), z = 0.0;
    for (size_t at = first / ANCHOR * ANCHOR; at < first + n; at++) {
        double away = (double)at - near->middle;
        z = at % ANCHOR == 0 ? sign * cexp(I * tone->turn_rad * away) : z * turn;
        if (at >= first) {
            out[at - first] += (float _Complex)(z * polynomial(tone, away / near->reach));
        }
    }
}

void near_accumulate(const struct near *near, double sign, size_t first, float _Complex *out,
                     size_t n)
{
    for (unsigned k = 0; k < near->n_tones; k++) {
        tone_accumulate(near, &near->tone[k], sign, first, out, n);
    }
}

void near_unturn(const struct near *near, double sign, size_t first, float _Complex *sample,
                 size_t n)
{
    double turn_rad = -sign * near->tone[0].turn_rad;
    double _Complex turn = cexp(I * turn_rad), z = 0.0;
    if (turn_rad == 0.0) {
        return;
    }
    for (size_t at = first / ANCHOR * ANCHOR; at < first + n; at++) {
        z = at % ANCHOR == 0 ? cexp(I * turn_rad * (double)at) : z * turn;
        if (at >= first) {
            sample[at - first] = (float _Complex)(sample[at - first] * z);
        }
    }
}
