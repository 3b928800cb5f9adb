/* retime.c - two states (begin of symbol, half-cycle), one measurement a symbol, forth and back. */
#include "dsp/retime.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "config/require.h"
#include "dsp/edge.h"
#include "dsp/plane.h"

#define CLOCK_WALK_RATIO 2e-4   /* random walk of the half-cycle per symbol, beside steady drift */
#define TIMING_FLOOR_RATIO 0.01 /* an edge is never known better than this, half-cycles */
/* how far the first guess may be off, standard deviations: of the start, half-cycles; of the clock */
#define FIRST_START_RATIO 0.5
#define FIRST_CLOCK_RATIO 0.02
#define BEND_SYMBOLS_MIN 12 /* of shorter replies the bend cannot be told */

struct timing {         /* of a symbol */
    double start, half; /* samples */
    double ss, sh, hh;  /* covariance */
};

struct retime {
    size_t symbols_max;
    struct timing *predicted, *filtered; /* [symbols_max + 1] */
};

enum status retime_new(size_t symbols_max, struct retime **retime)
{
    struct retime *r = calloc(1, sizeof *r);
    if (r) {
        r->symbols_max = symbols_max;
        r->predicted = malloc((symbols_max + 1) * sizeof *r->predicted);
        r->filtered = malloc((symbols_max + 1) * sizeof *r->filtered);
    }
    if (!r || !r->predicted || !r->filtered) {
        retime_free(&r);
        return status_fail(ST_NO_MEMORY, "reply timing: no memory for %zu symbols", symbols_max);
    }
    *retime = r;
    return ST_OK;
}

void retime_free(struct retime **retime)
{
    if (*retime) {
        free((*retime)->predicted);
        free((*retime)->filtered);
        free(*retime);
        *retime = NULL;
    }
}

struct lateness { /* of a symbol's level changes */
    double late;  /* mean, samples */
    double where; /* their mean place, half-cycles into the symbol */
    unsigned n;
};

static struct lateness symbol_lateness(const struct retime_reply *reply, size_t k, double start,
                                       double half, const struct retime_look *look)
{
    unsigned m = reply->m;
    const int8_t *sign = reply->sign + 2 * k;
    double gate = look->gate_ratio * half;
    int last = k == 0 ? -1 : m % 2 == 0 ? -sign[-1] : sign[-1];
    double _Complex offset = reply->offset[k];
    if (m > 1) { /* the subcarrier brings its own mean level: slow drift does not blind its edges */
        offset = (integral_at(reply->integral, start + 2.0 * m * half) -
                  integral_at(reply->integral, start)) /
                 (2.0 * m * half);
    }
    unsigned stride = 2 * m > look->n_edges_max ? 2 * m / look->n_edges_max : 1;
    unsigned next = 0, q = 0; /* half-cycle looked at next, and the one at hand */
    struct edges edges = {0};
    for (unsigned c = 0; c < 2; c++) {
        int level = sign[c];
        for (unsigned j = 0; j < m; j++, q++, level = -level) {
            bool due = q == next;
            next += due ? stride : 0;
            if (level != last && (due || j == 0)) {
                edges_add(&edges, reply->integral, start + q * half, gate, level, q);
            }
            last = level;
        }
    }
    if (edges.n == 0) {
        return (struct lateness){0.0, 0.0, 0};
    }
    return (struct lateness){
        .late = edges_late_samples(&edges, gate, reply->gain[k], offset,
                                   edge_per_power(reply->gain[k])),
        .where = edges.where / edges.n,
        .n = edges.n,
    };
}

/* One measurement: the edges lie `late` after `start` + where halves. */
static void timing_measure(struct timing *t, double at, double where, double variance)
{
    double hs = t->ss + where * t->sh;
    double hh = t->sh + where * t->hh;
    double per = 1.0 / (hs + where * hh + variance);
    double error = at - (t->start + where * t->half);
    t->start += hs * per * error;
    t->half += hh * per * error;
    t->ss -= hs * hs * per;
    t->sh -= hs * hh * per;
    t->hh -= hh * hh * per;
}

static struct timing timing_advance(const struct timing *t, double span)
{
    double walk = CLOCK_WALK_RATIO * t->half;
    return (struct timing){
        .start = t->start + span * t->half,
        .half = t->half,
        .ss = t->ss + 2.0 * span * t->sh + span * span * t->hh,
        .sh = t->sh + span * t->hh,
        .hh = t->hh + walk * walk,
    };
}

/* Rauch-Tung-Striebel: correct `filtered` by what the later ones (smoothed `next` against
 * `predicted` next) know better. Only the state is needed, not its covariance. */
static void timing_smooth(struct timing *filtered, const struct timing *predicted,
                          const struct timing *next, double span)
{
    double per = 1.0 / (predicted->ss * predicted->hh - predicted->sh * predicted->sh);
    double ds = next->start - predicted->start;
    double dh = next->half - predicted->half;
    /* predicted covariance inverse times the difference */
    double us = (predicted->hh * ds - predicted->sh * dh) * per;
    double uh = (predicted->ss * dh - predicted->sh * ds) * per;
    /* filtered covariance times the transposed transition */
    filtered->start += (filtered->ss + span * filtered->sh) * us + filtered->sh * uh;
    filtered->half += (filtered->sh + span * filtered->hh) * us + filtered->hh * uh;
}

/* Growth of the symbol length per symbol, samples, halved: least squares over the first guess. */
static double bend_of(const double *start, size_t n)
{
    double middle = 0.5 * (double)n;
    double mean = (double)n * ((double)n + 2.0) / 12.0; /* of (k - n/2)^2 over 0 .. n */
    double sum = 0.0, norm = 0.0;
    for (size_t k = 0; k <= n; k++) {
        double u = (double)k - middle;
        double p = u * u - mean;
        sum += p * (start[k] - start[0]);
        norm += p * p;
    }
    return norm > 0.0 ? sum / norm : 0.0;
}

void retime_run(struct retime *retime, const struct retime_reply *reply,
                const struct retime_look *look, double *start)
{
    size_t n = reply->n_symbols;
    require(n >= 1);
    require(n <= retime->symbols_max);
    require(look->n_edges_max >= 2);
    double span = 2.0 * reply->m;
    double mean_half = (start[n] - start[0]) / (span * (double)n);
    /* a steady drift is taken out first: what is left is a straight line and a little wander */
    double bend = n >= BEND_SYMBOLS_MIN ? bend_of(start, n) : 0.0;
    double straight_half =
        (start[n] - bend * (double)n * (double)n - start[0]) / (span * (double)n);
    double ss = FIRST_START_RATIO * mean_half, hh = FIRST_CLOCK_RATIO * mean_half;
    retime->predicted[0] = (struct timing){start[0], straight_half, ss * ss, 0.0, hh * hh};
    double last = (double)reply->integral->n_samples;
    double floor_samples = TIMING_FLOOR_RATIO * mean_half;
    for (size_t k = 0; k < n; k++) {
        struct timing *t = &retime->filtered[k];
        *t = retime->predicted[k];
        double half = (start[k + 1] - start[k]) / span;
        double gate = look->gate_ratio * half;
        double power = plane_power(reply->gain[k]);
        if (start[k] - gate >= 0.0 && start[k + 1] + gate <= last && power > 0.0) {
            struct lateness seen = symbol_lateness(reply, k, start[k], half, look);
            double variance =
                reply->noise_variance * gate / (4.0 * power) + floor_samples * floor_samples;
            if (seen.n > 0) {
                double place = (double)k + seen.where / span;
                double at = start[k] + seen.where * half + seen.late - bend * place * place;
                timing_measure(t, at, seen.where, variance / seen.n);
            }
        }
        retime->predicted[k + 1] = timing_advance(t, span);
    }
    for (size_t k = n; k-- > 0;) {
        if (k + 1 < n) {
            timing_smooth(&retime->filtered[k], &retime->predicted[k + 1], &retime->filtered[k + 1],
                          span);
        }
        start[k] = retime->filtered[k].start + bend * (double)k * (double)k;
        if (k + 1 == n) {
            start[n] = retime->filtered[k].start + span * retime->filtered[k].half +
                       bend * (double)n * (double)n;
        }
    }
}
