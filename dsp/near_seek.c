/* near_seek.c - a carrier that the quiet was too short to tell from the leak: of all slow ones the one that
 * explains most of the window beside what is known, by least squares at every frequency of a grid. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/near_parts.h"
#include "dsp/plane.h"

enum { BLOCKS_MAX = 256, BASIS_MAX = 2 + NEAR_TONES_MAX };
#define SEEK_QUIETS 6.0 /* times the quiet are looked at */
#define SEEK_STEP 0.2   /* turns over these */
#define SEEK_DOUBT 1.0
#define SEEK_RATIO 30.0 /* energy it must explain over a mean's variance: a tag's lines reach six */
#define LINE_SHARE 0.15 /* of the power */
#define LINE_STEP 0.4   /* turns over what is looked at */
#define SINGULAR_RATIO 1e-9

struct basis { /* columns at right angles, of length 1 */
    unsigned n_columns;
    size_t n_rows;
    double _Complex column[BASIS_MAX][BLOCKS_MAX];
};

struct means {          /* of blocks, read once for all frequencies that are tried */
    size_t n, n_blocks; /* samples a block */
    double _Complex mean[BLOCKS_MAX];
};

static double _Complex means_of(const void *context, size_t first, size_t n)
{
    const struct means *means = context;
    require(n == means->n);
    require(first / n < means->n_blocks);
    return means->mean[first / n];
}

/* Blocks that suit every frequency that is tried, the leak's as it was before it was stopped included. */
static size_t block_of(const struct near *near, double most_rad, double doubt_rad)
{
    size_t n = (size_t)(NEAR_BLOCK_TURN_RAD / fmax(most_rad + doubt_rad, fabs(near->turned_rad)));
    size_t n_known = near_block_samples(near);
    n = n < n_known ? n : n_known;
    return n > 1 ? n : 1;
}

/* returns samples that the blocks reach */
static size_t means_read(struct means *means, const struct near *near,
                         const struct near_source *source, size_t n_samples)
{
    means->n = near->block;
    means->n_blocks = n_samples / means->n;
    means->n_blocks = means->n_blocks < BLOCKS_MAX ? means->n_blocks : BLOCKS_MAX;
    for (size_t k = 0; k < means->n_blocks; k++) {
        means->mean[k] = source->mean(source->context, k * means->n, means->n);
    }
    return means->n_blocks * means->n;
}

/* Add the column to those that are at right angles, what these hold of it taken out first. */
static void basis_add(struct basis *basis, double _Complex *column)
{
    size_t n = basis->n_rows;
    double all = 0.0, rest = 0.0;
    for (size_t k = 0; k < n; k++) {
        all += plane_power(column[k]);
    }
    for (unsigned j = 0; j < basis->n_columns; j++) {
        double _Complex part = 0.0;
        for (size_t k = 0; k < n; k++) {
            part += conj(basis->column[j][k]) * column[k];
        }
        for (size_t k = 0; k < n; k++) {
            column[k] -= part * basis->column[j][k];
        }
    }
    for (size_t k = 0; k < n; k++) {
        rest += plane_power(column[k]);
    }
    if (rest > SINGULAR_RATIO * all) {
        for (size_t k = 0; k < n; k++) {
            basis->column[basis->n_columns][k] = column[k] / sqrt(rest);
        }
        basis->n_columns++;
    }
}

/* The step, every carrier's level, and the slope of a leak that may turn: what variance_left reckons with. */
static void basis_fill(struct basis *basis, const struct near *near, const struct means *means)
{
    double _Complex column[BLOCKS_MAX];
    size_t n = means->n;
    *basis = (struct basis){.n_rows = means->n_blocks};
    for (size_t k = 0; k < basis->n_rows; k++) {
        column[k] = near_step_share(near, k * n, n);
    }
    basis_add(basis, column);
    for (unsigned t = 0; t < near->n_tones; t++) {
        unsigned n_orders = t == 0 && near_is_free(&near->tone[0]) ? 2 : 1;
        for (unsigned order = 0; order < n_orders; order++) {
            for (size_t k = 0; k < basis->n_rows; k++) {
                double away = (double)(k * n) + 0.5 * (double)(n - 1) - near->middle;
                column[k] = cexp(I * near->tone[t].turn_rad * away) * (order ? away : 1.0);
            }
            basis_add(basis, column);
        }
    }
}

/* Energy of rest that a carrier at this turn a block explains beside the basis. */
static double carrier_explains(const struct basis *basis, const double _Complex *rest,
                               double turn_rad)
{
    double _Complex turn = cexp(I * turn_rad), z = 1.0, sum = 0.0;
    double _Complex part[BASIS_MAX] = {0};
    size_t n = basis->n_rows;
    for (size_t k = 0; k < n; k++, z *= turn) {
        sum += conj(z) * rest[k];
        for (unsigned j = 0; j < basis->n_columns; j++) {
            part[j] += conj(basis->column[j][k]) * z;
        }
    }
    double own = (double)n;
    for (unsigned j = 0; j < basis->n_columns; j++) {
        own -= plane_power(part[j]);
    }
    return own > SINGULAR_RATIO * (double)n ? plane_power(sum) / own : 0.0;
}

/* Turn, a sample, of the carrier that explains most of the means beside those that are known. */
static double turn_seek(const struct near *near, const struct means *means, double most_rad)
{
    struct basis basis;
    double _Complex rest[BLOCKS_MAX];
    double step = SEEK_STEP * 2.0 * UNITS_PI / (double)(means->n_blocks * means->n);
    double most = -1.0, best_rad = 0.0;
    basis_fill(&basis, near, means);
    memcpy(rest, means->mean, means->n_blocks * sizeof *rest);
    for (unsigned j = 0; j < basis.n_columns; j++) {
        double _Complex part = 0.0;
        for (size_t k = 0; k < means->n_blocks; k++) {
            part += conj(basis.column[j][k]) * rest[k];
        }
        for (size_t k = 0; k < means->n_blocks; k++) {
            rest[k] -= part * basis.column[j][k];
        }
    }
    for (double turn_rad = -most_rad; turn_rad <= most_rad; turn_rad += step) {
        double explained = carrier_explains(&basis, rest, turn_rad * (double)means->n);
        if (explained > most) {
            most = explained;
            best_rad = turn_rad;
        }
    }
    return best_rad;
}

/* Add the carrier that explains most.
 * out the variance it leaves of a mean; *gain: energy it explains over that */
static double seek_one(struct near *near, const struct means *means, double most_rad, double *gain)
{
    const struct near_source source = {means_of, means};
    size_t n_samples = means->n_blocks * means->n;
    double doubt_rad = SEEK_DOUBT * 2.0 * UNITS_PI / (double)n_samples;
    double turn_rad = turn_seek(near, means, most_rad);
    near->tone[near->n_tones++] = (struct near_tone){
        .turn_rad = turn_rad, .least_rad = turn_rad - doubt_rad, .most_rad = turn_rad + doubt_rad};
    near_turns_fit(near, &source, n_samples);
    return near_variance_left(near, &source, n_samples, gain);
}

/* Before a seek that is for nothing most of the time: does a line stand out of what the known carriers and
 * the two levels of a tag, idle and mean, leave? Two replies at once have none that does. */
static bool line_stands_out(const struct near *near, const struct means *means, double most_rad)
{
    double _Complex rest[BLOCKS_MAX], level[2] = {0};
    size_t n = means->n, n_quiet = (size_t)near->quiet / n, n_level[2] = {0};
    for (size_t k = 0; k < means->n_blocks; k++) {
        rest[k] = means->mean[k] - near_mean(near, k * n, n);
        level[k >= n_quiet] += rest[k];
        n_level[k >= n_quiet]++;
    }
    double power = 0.0, most = 0.0;
    for (size_t k = 0; k < means->n_blocks; k++) {
        rest[k] -= level[k >= n_quiet] / (double)n_level[k >= n_quiet];
        power += plane_power(rest[k]);
    }
    double step = LINE_STEP * 2.0 * UNITS_PI / (double)means->n_blocks,
           reach = most_rad * (double)n;
    for (double turn_rad = -reach; turn_rad <= reach; turn_rad += step) {
        double _Complex turn = cexp(-I * turn_rad), z = 1.0, sum = 0.0;
        for (size_t k = 0; k < means->n_blocks; k++, z *= turn) {
            sum += z * rest[k];
        }
        most = fmax(most, plane_power(sum));
    }
    return most > LINE_SHARE * power * (double)means->n_blocks;
}

bool near_seek(struct near *near, const struct near_source *source, size_t n_samples,
               double most_rad, bool is_likely)
{
    require(n_samples >= NEAR_BLOCKS_OF_QUIET);
    struct near tried = *near;
    struct means means;
    double reach = fmin((double)n_samples, SEEK_QUIETS * near->quiet), gain;
    if (near->n_tones == NEAR_TONES_MAX) {
        return false;
    }
    tried.block = block_of(near, most_rad, 2.0 * UNITS_PI * SEEK_DOUBT / reach);
    size_t n_read = means_read(&means, &tried, source, (size_t)reach);
    if (n_read < NEAR_BLOCKS_OF_QUIET ||
        (!is_likely && !line_stands_out(&tried, &means, most_rad))) {
        return false;
    }
    tried.middle = tried.reach = 0.5 * (double)n_read;
    struct near held = tried;
    double left = seek_one(&tried, &means, most_rad, &gain);
    if (near_is_free(&near->tone[0])) {
        double held_gain;
        near_leak_hold(&held);
        double left_held = seek_one(&held, &means, most_rad, &held_gain);
        if (near_held_explains(&held, left_held, left)) {
            tried = held;
            gain = held_gain;
        }
    }
    if (!(gain > SEEK_RATIO)) {
        return false;
    }
    near->tone[near->n_tones] = tried.tone[near->n_tones];
    near->n_tones++;
    return true;
}
