/* finish.c - retime, read the chips, estimate gain and offset around each symbol, decide; again while
 * decisions change. */
#include "dsp/finish.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/plane.h"
#include "dsp/retime.h"

enum { PASSES_MAX = 3, MEMORIES = 2, SHORT_SYMBOLS = 64 };
/* Edges are looked for within these gates, half-cycles: at first, and when the times are known better. A
 * long reply averages its timing well at once, a short one's first look need not be the best. */
static const struct retime_look wide = {0.2, 8}, wide_short = {0.2, 4}, narrow = {0.12, 8};
#define STILL_RATIO 1.12 /* cost over noise: above, the channel may be moving */
/* Forgetting per symbol of the estimates around each symbol: a still channel, and one that moves.
 * Which one holds is found out by how well the others predict each symbol. */
static const double memory_ratio[MEMORIES] = {0.985, 0.9};

struct chips {              /* a symbol as it was received */
    double _Complex sum[2]; /* correlation with the subcarrier, summed over the chip */
    double _Complex plain;  /* sum of both chips without it */
    double length;          /* of a chip, samples */
    /* what a level change at the chip's begin takes from the swing, samples: the sample that holds it
     * says less than one without */
    float lost[2];
    double swing[2]; /* length less what the decided level changes take */
};

struct estimate { /* sums of the least squares for gain and offset */
    double ss, s, n;
    double _Complex sz, z;
};

struct finish {
    size_t symbols_max;
    unsigned m;       /* of the last reply ... */
    size_t n_symbols; /* ... preamble included */
    struct retime *retime;
    struct sequence *sequence;
    double *start; /* [symbols_max + 1] */
    int8_t *sign;  /* [2 symbols_max] */
    struct chips *chips;
    double _Complex *gain, *offset; /* around each symbol */
    struct estimate *own, *behind;  /* of each symbol; of all after it */
    double *walked;                 /* real: along walk direction, at the symbol's middle */
    float *chip_nats, *edge_nats, *soft;
    uint8_t *bit, *hard;
};

enum status finish_new(size_t symbols_max, struct finish **finish)
{
    struct finish *f = calloc(1, sizeof *f);
    if (!f) {
        return status_fail(ST_NO_MEMORY, "reply finish: no memory");
    }
    f->symbols_max = symbols_max;
    f->start = malloc((symbols_max + 1) * sizeof *f->start);
    f->sign = malloc(2 * symbols_max);
    f->chips = malloc(symbols_max * sizeof *f->chips);
    f->gain = malloc(symbols_max * sizeof *f->gain);
    f->offset = malloc(symbols_max * sizeof *f->offset);
    f->own = malloc(symbols_max * sizeof *f->own);
    f->behind = malloc((symbols_max + 1) * sizeof *f->behind);
    f->walked = malloc(symbols_max * sizeof *f->walked);
    f->chip_nats = malloc(2 * symbols_max * sizeof *f->chip_nats);
    f->edge_nats = malloc(2 * symbols_max * sizeof *f->edge_nats);
    f->soft = malloc(symbols_max * sizeof *f->soft);
    f->bit = malloc(symbols_max);
    f->hard = malloc(symbols_max);
    bool full = f->start && f->sign && f->chips && f->gain && f->offset && f->own && f->behind &&
                f->walked && f->chip_nats && f->edge_nats && f->soft && f->bit && f->hard;
    enum status status =
        full ? ST_OK
             : status_fail(ST_NO_MEMORY, "reply finish: no memory for %zu symbols", symbols_max);
    status = status ? status : retime_new(symbols_max, &f->retime);
    status = status ? status : sequence_new(symbols_max, &f->sequence);
    if (status) {
        finish_free(&f);
        return status;
    }
    *finish = f;
    return ST_OK;
}

void finish_free(struct finish **finish)
{
    struct finish *f = *finish;
    if (f) {
        retime_free(&f->retime);
        sequence_free(&f->sequence);
        free(f->start);
        free(f->sign);
        free(f->chips);
        free(f->gain);
        free(f->offset);
        free(f->own);
        free(f->behind);
        free(f->walked);
        free(f->chip_nats);
        free(f->edge_nats);
        free(f->soft);
        free(f->bit);
        free(f->hard);
        free(f);
        *finish = NULL;
    }
}

double *finish_starts(struct finish *finish)
{
    return finish->start;
}

const struct sequence *finish_sequence(const struct finish *finish)
{
    return finish->sequence;
}

static void signs_fill(struct finish *f, const struct finish_request *request)
{
    const struct linecode *code = request->code;
    unsigned n_chips = code->n_preamble_chips[request->trext ? 1 : 0];
    memcpy(f->sign, linecode_preamble(code, request->trext), n_chips);
    unsigned state = code->start_state;
    for (size_t k = 0; k < request->n_symbols; k++) {
        const struct linecode_branch *branch = &code->branch[state][f->bit[k]];
        f->sign[n_chips + 2 * k] = branch->chip[0];
        f->sign[n_chips + 2 * k + 1] = branch->chip[1];
        state = branch->next;
    }
}

/* A level change inside a sample, at this share of it, takes this much from the swing. */
static double edge_loss(double at)
{
    double f = at - (double)(int64_t)at; /* places are never negative */
    return 4.0 * f * (1.0 - f);
}

static void chips_read(struct finish *f, const struct integral *integral, unsigned m, size_t n)
{
    double last = (double)integral->n_samples;
    for (size_t k = 0; k < n; k++) {
        struct chips *chips = &f->chips[k];
        double half = (f->start[k + 1] - f->start[k]) / (2.0 * m);
        double at = held_within(f->start[k], 0.0, last);
        double _Complex before = integral_at(integral, at), first = before;
        chips->length = m * half;
        for (unsigned c = 0; c < 2; c++) {
            double _Complex sum = 0.0;
            double inner = 0.0;
            chips->lost[c] = (float)edge_loss(at);
            for (unsigned j = 0; j < m; j++) {
                inner += j > 0 ? edge_loss(at) : 0.0;
                at = f->start[k] + (c * m + j + 1) * half;
                at = held_within(at, 0.0, last);
                double _Complex after = integral_at(integral, at);
                sum += j % 2 == 0 ? after - before : before - after;
                before = after;
            }
            chips->sum[c] = sum;
            chips->swing[c] = chips->length - inner;
        }
        chips->plain = before - first;
    }
}

/* Half of what a decided level change takes goes to the chip before it, half to the one after. */
static void swings_decide(struct finish *f, unsigned m, size_t n)
{
    int changes_at = m > 1 ? 1 : -1;
    int before = m > 1 ? 1 : -1; /* the idle level is low, as after a subcarrier that ended high */
    for (size_t c = 0; c < 2 * n; c++) {
        double lost =
            before * f->sign[c] == changes_at || c == 0 ? 0.5 * f->chips[c / 2].lost[c % 2] : 0.0;
        f->chips[c / 2].swing[c % 2] -= lost;
        if (c > 0) {
            f->chips[(c - 1) / 2].swing[(c - 1) % 2] -= lost;
        }
        before = f->sign[c];
    }
}

static struct estimate estimate_of(const struct finish *f, size_t k, bool subcarrier,
                                   double _Complex walked)
{
    const struct chips *chips = &f->chips[k];
    struct estimate e = {0};
    for (unsigned c = 0; c < 2; c++) {
        double s = f->sign[2 * k + c] * chips->swing[c];
        double _Complex z = chips->sum[c] - (subcarrier ? 0.0 : walked * chips->length);
        e.ss += s * s / chips->length;
        e.sz += z * s / chips->length;
        e.s += s;
        e.z += z;
    }
    e.n = 2.0 * chips->length;
    if (subcarrier) {
        e.s = 0.0;
        e.z = chips->plain;
    }
    return e;
}

static void estimate_add(struct estimate *sum, const struct estimate *e, double memory)
{
    sum->ss = memory * sum->ss + e->ss;
    sum->s = memory * sum->s + e->s;
    sum->n = memory * sum->n + e->n;
    sum->sz = memory * sum->sz + e->sz;
    sum->z = memory * sum->z + e->z;
}

static void estimate_solve(const struct estimate *e, double _Complex *gain, double _Complex *offset)
{
    double determinant = e->n * e->ss - e->s * e->s;
    if (determinant <= 0.0) {
        return;
    }
    double per = 1.0 / determinant;
    *gain = (e->n * per) * e->sz - (e->s * per) * e->z;
    *offset = (e->ss * per) * e->z - (e->s * per) * e->sz;
}

/* What gain and offset do not explain of a symbol, squared. */
static double symbol_cost(const struct finish *f, size_t k, bool subcarrier, double _Complex walked)
{
    const struct chips *chips = &f->chips[k];
    double _Complex level = subcarrier ? 0.0 : f->offset[k] + walked;
    double cost = 0.0;
    for (unsigned c = 0; c < 2; c++) {
        double _Complex z = chips->sum[c] - level * chips->length -
                            f->sign[2 * k + c] * chips->swing[c] * f->gain[k];
        cost += plane_power(z) / chips->length;
    }
    return cost;
}

/* Gain and offset around every symbol from those before and after it, itself left out: its own
 * noise must not argue for its own decision.  out total cost of this prediction */
static double estimates_run(struct finish *f, const struct finish_request *request, size_t n,
                            double memory)
{
    bool subcarrier = request->code->m > 1;
    struct estimate sum = {0};
    for (size_t k = n; k-- > 0;) {
        f->behind[k] = sum;
        estimate_add(&sum, &f->own[k], memory);
    }
    struct estimate ahead = {0};
    double cost = 0.0;
    for (size_t k = 0; k < n; k++) {
        struct estimate both = ahead;
        estimate_add(&both, &f->behind[k], 1.0);
        estimate_solve(&both, &f->gain[k], &f->offset[k]);
        cost += symbol_cost(f, k, subcarrier, request->walk * f->walked[k]);
        estimate_add(&ahead, &f->own[k], memory);
    }
    return cost;
}

static void estimates_own(struct finish *f, const struct finish_request *request, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        f->own[k] = estimate_of(f, k, request->code->m > 1, request->walk * f->walked[k]);
    }
}

/* A carrier that turned on after the canceller measured it draws the offset along a known direction:
 * slope (standard deviation 1 in units of `walk` per sample) and bend, by ridge regression on what
 * gain and offset leave. */
static void walk_fit(struct finish *f, const struct finish_request *request, size_t n)
{
    memset(f->walked, 0, n * sizeof *f->walked);
    if (request->walk == 0.0 || request->code->m > 1) {
        return;
    }
    estimates_own(f, request, n);
    estimates_run(f, request, n, 1.0);
    double middle = 0.5 * (f->start[0] + f->start[n]);
    double scale = 0.5 * (f->start[n] - f->start[0]);
    double per_walk = plane_power(request->walk);
    double precision = request->noise_variance / (2.0 * per_walk * scale * scale);
    double a11 = precision, a12 = 0.0, a22 = 4.0 * precision, b1 = 0.0, b2 = 0.0;
    for (size_t k = 0; k < n; k++) {
        const struct chips *chips = &f->chips[k];
        double length = 2.0 * chips->length;
        double _Complex z =
            chips->sum[0] + chips->sum[1] - f->offset[k] * length -
            (f->sign[2 * k] * chips->swing[0] + f->sign[2 * k + 1] * chips->swing[1]) * f->gain[k];
        double y = plane_along(request->walk, z) / per_walk / scale;
        double t = (0.5 * (f->start[k] + f->start[k + 1]) - middle) / scale;
        double t2 = t * t - 1.0 / 3.0;
        a11 += t * t * length;
        a12 += t * t2 * length;
        a22 += t2 * t2 * length;
        b1 += t * y;
        b2 += t2 * y;
    }
    double determinant = a11 * a22 - a12 * a12;
    double slope = (a22 * b1 - a12 * b2) / determinant;
    double bend = (a11 * b2 - a12 * b1) / determinant;
    for (size_t k = 0; k < n; k++) {
        double t = (0.5 * (f->start[k] + f->start[k + 1]) - middle) / scale;
        f->walked[k] = scale * (slope * t + bend * (t * t - 1.0 / 3.0));
    }
}

static void estimates_best(struct finish *f, const struct finish_request *request, size_t n)
{
    walk_fit(f, request, n);
    estimates_own(f, request, n);
    double still = estimates_run(f, request, n, memory_ratio[0]);
    /* what a still channel explains down to the noise needs no other look */
    if (still > STILL_RATIO * 2.0 * (double)n * request->noise_variance &&
        estimates_run(f, request, n, memory_ratio[1]) > still) {
        estimates_run(f, request, n, memory_ratio[0]);
    }
    for (size_t k = 0; k < n && request->walk != 0.0; k++) {
        f->offset[k] += request->walk * f->walked[k];
    }
}

static void nats_fill(struct finish *f, const struct finish_request *request, size_t first,
                      size_t n)
{
    bool subcarrier = request->code->m > 1;
    for (size_t k = first; k < n; k++) {
        const struct chips *chips = &f->chips[k];
        double _Complex level = subcarrier ? 0.0 : f->offset[k];
        for (unsigned c = 0; c < 2; c++) {
            double _Complex z = chips->sum[c] - level * chips->length;
            double nats = 4.0 * plane_along(f->gain[k], z) / request->noise_variance;
            f->chip_nats[2 * (k - first) + c] = (float)nats;
            f->edge_nats[2 * (k - first) + c] =
                (float)(plane_power(f->gain[k]) * chips->lost[c] / request->noise_variance);
        }
    }
}

/* Decisions a symbol at a time, knowing the symbol before: what sequence detection mended. */
static void hard_fill(struct finish *f, const struct finish_request *request)
{
    const struct linecode *code = request->code;
    unsigned state = code->start_state;
    for (size_t k = 0; k < request->n_symbols; k++) {
        double metric[2];
        for (unsigned b = 0; b < 2; b++) {
            const int8_t *chip = code->branch[state][b].chip;
            metric[b] = chip[0] * f->chip_nats[2 * k] + chip[1] * f->chip_nats[2 * k + 1];
        }
        f->hard[k] = (uint8_t)((metric[1] > metric[0]) != f->bit[k]);
        state = code->branch[state][f->bit[k]].next;
    }
}

static void reply_fill(struct finish *f, const struct finish_request *request, size_t n,
                       struct finish_reply *reply)
{
    bool subcarrier = request->code->m > 1;
    double span = 2.0 * request->code->m;
    struct estimate all = {0};
    double cost = 0.0, energy = 0.0;
    for (size_t k = 0; k < n; k++) {
        estimate_add(&all, &f->own[k], 1.0);
        cost += symbol_cost(f, k, subcarrier, 0.0);
        double _Complex level = subcarrier ? 0.0 : f->offset[k];
        for (unsigned c = 0; c < 2; c++) {
            double length = f->chips[k].length;
            energy += plane_power(f->chips[k].sum[c] - level * length) / length;
        }
    }
    reply->gain = reply->offset = 0.0;
    estimate_solve(&all, &reply->gain, &reply->offset);
    reply->start = f->start[0];
    reply->end = f->start[n];
    reply->half = (reply->end - reply->start) / (span * (double)n);
    size_t quarter = n / 4 > 0 ? n / 4 : 1;
    double early = (f->start[quarter] - f->start[0]) / (double)quarter;
    double late = (f->start[n] - f->start[n - quarter]) / (double)quarter;
    reply->drift_ratio = (late - early) / (span * reply->half) * (double)n / (double)(n - quarter);
    reply->score_nats = (energy - cost) / request->noise_variance;
    reply->fit_ratio = energy > 0.0 ? 1.0 - cost / energy : 0.0;
    reply->residual_ratio = cost / (2.0 * (double)n * request->noise_variance);
    reply->bits_expected = 0.0;
    for (size_t k = 0; k + 1 < request->n_symbols; k++) {
        reply->bits_expected += sequence_error_chance((double)f->soft[k]);
    }
    reply->bit = f->bit;
    reply->soft_nats = f->soft;
    reply->hard = f->hard;
}

double _Complex finish_gain_of(struct finish *finish, const struct integral *integral)
{
    struct finish *f = finish;
    struct estimate sum = {0};
    double _Complex gain = 0.0, offset = 0.0;
    chips_read(f, integral, f->m, f->n_symbols);
    swings_decide(f, f->m, f->n_symbols);
    for (size_t k = 0; k < f->n_symbols; k++) {
        struct estimate e = estimate_of(f, k, f->m > 1, 0.0);
        estimate_add(&sum, &e, 1.0);
    }
    estimate_solve(&sum, &gain, &offset);
    return gain;
}

void finish_run(struct finish *finish, const struct finish_request *request,
                struct finish_reply *reply)
{
    struct finish *f = finish;
    const struct linecode *code = request->code;
    size_t first = code->n_preamble_chips[request->trext ? 1 : 0] / 2;
    size_t n = first + request->n_symbols;
    require(request->n_symbols >= 1);
    require(n <= f->symbols_max);
    f->m = code->m;
    f->n_symbols = n;
    memcpy(f->bit, request->bit, request->n_symbols);
    for (size_t k = 0; k < n; k++) {
        f->gain[k] = request->gain;
        f->offset[k] = request->offset;
    }
    struct retime_reply known = {
        .integral = request->integral,
        .m = code->m,
        .n_symbols = n,
        .sign = f->sign,
        .gain = f->gain,
        .offset = f->offset,
        .noise_variance = request->noise_variance,
    };
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        signs_fill(f, request);
        if (pass == 0) {
            retime_run(f->retime, &known, n <= SHORT_SYMBOLS ? &wide_short : &wide, f->start);
        }
        if (pass > 0 || n <= SHORT_SYMBOLS) {
            retime_run(f->retime, &known, &narrow, f->start);
        }
        chips_read(f, request->integral, code->m, n);
        swings_decide(f, code->m, n);
        estimates_best(f, request, n);
        nats_fill(f, request, first, n);
        if (sequence_is_clear(code, request->n_symbols, f->chip_nats, f->edge_nats, f->bit,
                              f->soft)) {
            break;
        }
        memcpy(f->hard, f->bit, request->n_symbols); /* not needed before hard_fill */
        sequence_decide(f->sequence, code, request->n_symbols, f->chip_nats, f->edge_nats, f->bit,
                        f->soft);
        if (memcmp(f->hard, f->bit, request->n_symbols) == 0) {
            break;
        }
    }
    signs_fill(f, request);
    hard_fill(f, request);
    reply_fill(f, request, n, reply);
}
