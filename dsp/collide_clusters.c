/* collide_clusters.c - the half swings of two tags from where samples lie in the I/Q plane: short means
 * gather around four levels, a parallelogram with one corner at the idle level. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"

#define POINT_RATIO 0.35  /* length of a mean, half-cycles: most hold no level change */
#define OUTLIER_NATS 5.0F /* a mean further from every level holds a level change */
#define LEAST_RATIO 0.02  /* power of the weaker, of the stronger: less is no second tag */
enum {
    LANES = 8,
    POINTS_MAX = 256,
    POINTS_MIN = 8,
    PICKS = 6,
    SEEDS = 6,
    LOOKS = 2,
    PASSES = 10,
    CORNERS = 4
};

struct cloud { /* means in units of their noise: a squared distance is nats */
    float re[POINTS_MAX], im[POINTS_MAX];
    float weight[POINTS_MAX]; /* 1, or 0 behind the last */
    size_t n;
    double scale;         /* from levels of the integral to these units */
    double _Complex idle; /* mean level before the replies ... */
    double idle_weight;   /* ... worth so many points */
};

static void cloud_fill(struct cloud *cloud, const struct integral *integral, double idle_to,
                       double from, double to, double half, double noise_variance)
{
    double step = POINT_RATIO * half, room = (to - from) / step;
    double stride = room > POINTS_MAX ? (to - from) / POINTS_MAX : step;
    cloud->scale = sqrt(step / noise_variance);
    cloud->n = 0;
    for (double at = from; at + step <= to && cloud->n < POINTS_MAX; at += stride) {
        double _Complex mean =
            (integral_at(integral, at + step) - integral_at(integral, at)) / step;
        cloud->re[cloud->n] = (float)(cloud->scale * creal(mean));
        cloud->im[cloud->n] = (float)(cloud->scale * cimag(mean));
        cloud->weight[cloud->n++] = 1.0F;
    }
    for (size_t k = cloud->n; k % LANES != 0; k++) {
        cloud->re[k] = cloud->im[k] = cloud->weight[k] = 0.0F;
    }
    double n_idle = fmax(idle_to, 1.0);
    cloud->idle = cloud->scale * integral_at(integral, n_idle) / n_idle;
    cloud->idle_weight = n_idle / step;
}

/* What the least squares need: points by the level they are nearest to, outliers left out. */
struct sums {
    double n, aa, bb, ab; /* how many; with 2 a, with 2 b, with both */
    double _Complex z, za, zb;
};

enum {
    SUM_COST,
    SUM_N,
    SUM_A,
    SUM_B,
    SUM_AB,
    SUM_Z,
    SUM_ZA = SUM_Z + 2,
    SUM_ZB = SUM_ZA + 2,
    SUM_ALL = SUM_ZB + 2
};

/* Sums of all points in lanes, for the compiler to vectorise. */
VECTOR_CLONES static void cloud_sums(const struct cloud *cloud, const float corner_re[CORNERS],
                                     const float corner_im[CORNERS], float sum[SUM_ALL][LANES])
{
    float own[SUM_ALL][LANES] = {{0}}; /* nothing else can be behind its name */
    for (size_t first = 0; first < cloud->n; first += LANES) {
        const float *re = cloud->re + first, *im = cloud->im + first;
        const float *weight = cloud->weight + first;
        for (unsigned l = 0; l < LANES; l++) {
            float d[CORNERS];
            for (unsigned c = 0; c < CORNERS; c++) {
                float x = re[l] - corner_re[c], y = im[l] - corner_im[c];
                d[c] = x * x + y * y;
            }
            float without_a = d[0] < d[2] ? d[0] : d[2], with_a = d[1] < d[3] ? d[1] : d[3];
            float without_b = d[0] < d[1] ? d[0] : d[1], with_b = d[2] < d[3] ? d[2] : d[3];
            float least = without_a < with_a ? without_a : with_a;
            float far = OUTLIER_NATS;
            float in = least < far ? weight[l] : 0.0F;
            float a = with_a < without_a ? in : 0.0F, b = with_b < without_b ? in : 0.0F;
            float both = with_b < without_b ? a : 0.0F;
            own[SUM_COST][l] += (least < far ? least : far) * weight[l];
            own[SUM_N][l] += in;
            own[SUM_A][l] += a;
            own[SUM_B][l] += b;
            own[SUM_AB][l] += both;
            own[SUM_Z][l] += in * re[l];
            own[SUM_Z + 1][l] += in * im[l];
            own[SUM_ZA][l] += a * re[l];
            own[SUM_ZA + 1][l] += a * im[l];
            own[SUM_ZB][l] += b * re[l];
            own[SUM_ZB + 1][l] += b * im[l];
        }
    }
    memcpy(sum, own, sizeof own);
}

/* The same, of the cost alone. */
VECTOR_CLONES static float cloud_cost(const struct cloud *cloud, const float corner_re[CORNERS],
                                      const float corner_im[CORNERS])
{
    float own[LANES] = {0}, all = 0.0F;
    for (size_t first = 0; first < cloud->n; first += LANES) {
        const float *re = cloud->re + first, *im = cloud->im + first;
        const float *weight = cloud->weight + first;
        for (unsigned l = 0; l < LANES; l++) {
            float least = OUTLIER_NATS;
            for (unsigned c = 0; c < CORNERS; c++) {
                float x = re[l] - corner_re[c], y = im[l] - corner_im[c];
                float d = x * x + y * y;
                least = d < least ? d : least;
            }
            own[l] += least * weight[l];
        }
    }
    for (unsigned l = 0; l < LANES; l++) {
        all += own[l];
    }
    return all;
}

static void corners_fill(const struct cluster_pair *pair, float corner_re[CORNERS],
                         float corner_im[CORNERS])
{
    for (unsigned c = 0; c < CORNERS; c++) {
        double _Complex corner =
            pair->origin + (c & 1 ? 2.0 * pair->a : 0.0) + (c & 2 ? 2.0 * pair->b : 0.0);
        corner_re[c] = (float)creal(corner);
        corner_im[c] = (float)cimag(corner);
    }
}

/* Cost of a pair, outliers limited, and the sums for the next one. */
static double pair_cost(const struct cloud *cloud, const struct cluster_pair *pair,
                        struct sums *sums)
{
    float corner_re[CORNERS], corner_im[CORNERS], lane[SUM_ALL][LANES];
    double sum[SUM_ALL] = {0};
    corners_fill(pair, corner_re, corner_im);
    cloud_sums(cloud, corner_re, corner_im, lane);
    for (unsigned k = 0; k < SUM_ALL; k++) {
        for (unsigned l = 0; l < LANES; l++) {
            sum[k] += (double)lane[k][l];
        }
    }
    *sums = (struct sums){
        .n = cloud->idle_weight + sum[SUM_N],
        .aa = sum[SUM_A],
        .bb = sum[SUM_B],
        .ab = sum[SUM_AB],
        .z = cloud->idle_weight * cloud->idle + sum[SUM_Z] + I * sum[SUM_Z + 1],
        .za = sum[SUM_ZA] + I * sum[SUM_ZA + 1],
        .zb = sum[SUM_ZB] + I * sum[SUM_ZB + 1],
    };
    return sum[SUM_COST];
}

/* Least squares of origin, 2 a and 2 b.   out false: they cannot be told */
static bool pair_solve(const struct sums *s, struct cluster_pair *pair)
{
    double n = s->n, d_aa = s->aa - s->aa * s->aa / n, d_bb = s->bb - s->bb * s->bb / n;
    double d_ab = s->ab - s->aa * s->bb / n, determinant = d_aa * d_bb - d_ab * d_ab;
    if (determinant <= 1e-3 * n) {
        return false;
    }
    double _Complex za = s->za - s->z * s->aa / n, zb = s->zb - s->z * s->bb / n;
    double _Complex a2 = (d_bb * za - d_ab * zb) / determinant;
    double _Complex b2 = (d_aa * zb - d_ab * za) / determinant;
    pair->origin = (s->z - a2 * s->aa - b2 * s->bb) / n;
    pair->a = 0.5 * a2;
    pair->b = 0.5 * b2;
    return true;
}

/* Improve a pair.   out false: it is none */
static bool pair_improve(const struct cloud *cloud, unsigned n_passes, struct cluster_pair *pair)
{
    struct sums sums;
    for (unsigned k = 0; k < n_passes; k++) {
        double cost = pair_cost(cloud, pair, &sums);
        if (k > 0 && cost >= pair->cost - 1e-6) {
            pair->cost = cost;
            break;
        }
        pair->cost = cost;
        if (!pair_solve(&sums, pair)) {
            return false;
        }
    }
    pair->cost = pair_cost(cloud, pair, &sums);
    return true;
}

/* Points that are far from one another, the idle level first.  out pick[PICKS] */
VECTOR_CLONES static void picks_find(const struct cloud *cloud, double _Complex pick[PICKS])
{
    float apart[POINTS_MAX];
    float re = (float)creal(cloud->idle), im = (float)cimag(cloud->idle);
    const size_t n = cloud->n;
    pick[0] = cloud->idle;
    for (size_t k = 0; k < n; k++) {
        float x = cloud->re[k] - re, y = cloud->im[k] - im;
        apart[k] = x * x + y * y;
    }
    for (unsigned p = 1; p < PICKS; p++) {
        size_t far = 0;
        for (size_t k = 0; k < n; k++) {
            far = apart[k] > apart[far] ? k : far;
        }
        /* the mean of those around it is no outlier */
        float sum_re = 0.0F, sum_im = 0.0F, count = 0.0F;
        re = cloud->re[far];
        im = cloud->im[far];
        for (size_t k = 0; k < n; k++) {
            float x = cloud->re[k] - re, y = cloud->im[k] - im;
            float in = x * x + y * y < OUTLIER_NATS ? 1.0F : 0.0F;
            sum_re += in * cloud->re[k];
            sum_im += in * cloud->im[k];
            count += in;
        }
        re = sum_re / count;
        im = sum_im / count;
        pick[p] = (double)re + I * (double)im;
        apart[far] = 0.0F;
        for (size_t k = 0; k < n; k++) {
            float x = cloud->re[k] - re, y = cloud->im[k] - im, power = x * x + y * y;
            apart[k] = power < apart[k] ? power : apart[k];
        }
    }
}

static bool pair_same(const struct cluster_pair *x, const struct cluster_pair *y)
{
    double power = plane_power(x->a) + plane_power(x->b);
    double straight = plane_power(x->a - y->a) + plane_power(x->b - y->b);
    double crossed = plane_power(x->a - y->b) + plane_power(x->b - y->a);
    return (straight < crossed ? straight : crossed) < 0.02 * power;
}

static size_t pair_insert(struct cluster_pair *list, size_t n, size_t n_max,
                          const struct cluster_pair *pair)
{
    for (size_t k = 0; k < n; k++) {
        if (pair_same(&list[k], pair)) {
            list[k] = pair->cost < list[k].cost ? *pair : list[k];
            return n;
        }
    }
    size_t at = n;
    while (at > 0 && list[at - 1].cost > pair->cost) {
        at--;
    }
    if (at == n_max) {
        return n;
    }
    n = n < n_max ? n + 1 : n;
    for (size_t k = n - 1; k > at; k--) {
        list[k] = list[k - 1];
    }
    list[at] = *pair;
    return n;
}

/* What two levels may be: a and b; a and the sum; b and the sum. */
static struct cluster_pair pair_of(double _Complex idle, double _Complex p, double _Complex q,
                                   unsigned kind)
{
    struct cluster_pair pair = {.origin = idle, .a = 0.5 * p, .b = 0.5 * q, .cost = INFINITY};
    if (kind == 1) {
        pair.b = 0.5 * (q - p);
    } else if (kind == 2) {
        pair.a = 0.5 * q;
        pair.b = 0.5 * (p - q);
    }
    return pair;
}

/* The stronger first.   out false: a single tag, or none */
static bool pair_order(struct cluster_pair *pair)
{
    double a = plane_power(pair->a), b = plane_power(pair->b);
    if (b > a) {
        double _Complex stronger = pair->b;
        pair->b = pair->a;
        pair->a = stronger;
    }
    return fmin(a, b) > LEAST_RATIO * fmax(a, b);
}

/* The likeliest of all that the picks may be, as they stand.   out list[SEEDS], returns how many */
static size_t seeds_find(const struct cloud *cloud, struct cluster_pair *list)
{
    double _Complex pick[PICKS];
    float corner_re[CORNERS], corner_im[CORNERS];
    size_t n = 0;
    picks_find(cloud, pick);
    for (unsigned i = 1; i < PICKS; i++) {
        for (unsigned j = i + 1; j < PICKS; j++) {
            for (unsigned kind = 0; kind < 3; kind++) {
                struct cluster_pair pair =
                    pair_of(cloud->idle, pick[i] - cloud->idle, pick[j] - cloud->idle, kind);
                corners_fill(&pair, corner_re, corner_im);
                pair.cost = (double)cloud_cost(cloud, corner_re, corner_im);
                if (n < SEEDS || pair.cost < list[n - 1].cost) {
                    n = pair_insert(list, n, SEEDS, &pair);
                }
            }
        }
    }
    return n;
}

size_t clusters_find(const struct integral *integral, double idle_to, double from, double to,
                     double half, double noise_variance, struct cluster_pair *pair, size_t n_max)
{
    require(n_max >= 1);
    require(n_max <= CLUSTER_PAIRS_MAX);
    struct cloud cloud;
    struct cluster_pair seed[SEEDS], look[CLUSTER_PAIRS_MAX];
    cloud_fill(&cloud, integral, idle_to, from, to, half, noise_variance);
    if (cloud.n < POINTS_MIN) {
        return 0;
    }
    size_t n_seeds = seeds_find(&cloud, seed), n_looks = 0, n = 0;
    for (size_t k = 0; k < n_seeds; k++) {
        if (pair_improve(&cloud, LOOKS, &seed[k])) {
            n_looks = pair_insert(look, n_looks, n_max, &seed[k]);
        }
    }
    for (size_t k = 0; k < n_looks; k++) {
        if (pair_improve(&cloud, PASSES, &look[k]) && pair_order(&look[k])) {
            n = pair_insert(pair, n, n_max, &look[k]);
        }
    }
    for (size_t k = 0; k < n; k++) { /* back to the integral's levels */
        pair[k].origin /= cloud.scale;
        pair[k].a /= cloud.scale;
        pair[k].b /= cloud.scale;
    }
    return n;
}
