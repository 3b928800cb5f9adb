/* track.c - per-survivor Viterbi over a line code's trellis.
 *
 * Every survivor carries its own clock (Kalman filter on start and half-cycle, fed by the timing
 * errors of its own decided level changes) and its own least-squares gain and offset with
 * exponential forgetting, so that a wrong decision spoils only its own path. */
#include "dsp/track.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "dsp/edge.h"
#include "dsp/plane.h"

#define SURVIVOR_NATS 40.0 /* a survivor this much less likely than the best is dropped */
#define GATE_RATIO 0.25    /* edge gate, half-cycles */
#define SPARE_HALVES                                                                               \
    0.25 /* a symbol is taken so much after its end, half-cycles: its timing moves */
#define FORGET_RATIO 0.985    /* per symbol: about 65 symbols of memory */
#define CLOCK_WALK_RATIO 3e-4 /* random walk of the half-cycle per symbol, beside drift */
/* standard deviation of the clock's bend, of the most that is allowed for: more would cost decisions
 * where nothing drifts, and the second look finds the rest */
#define BEND_SIGMA 0.35
#define CLOCK_DRIFT_RATIO 0.03  /* how far a tag's clock may leave the searched range in a reply */
#define TIMING_FLOOR_RATIO 0.01 /* an edge is never known better than this, half-cycles */

enum { IDLE_SYMBOLS = 20 }; /* after which the idle level is no longer looked at */

struct symbol {              /* a symbol as one survivor sees it */
    double _Complex chip[2]; /* correlation with the subcarrier, mean amplitude */
    double _Complex mean[2]; /* plain mean (equals chip for FM0) */
    double length;           /* of a chip, samples */
};

static struct symbol symbol_read(const struct integral *integral, const struct track_path *path,
                                 unsigned m)
{
    struct symbol symbol;
    double _Complex before = integral_at(integral, path->start);
    symbol.length = m * path->half;
    for (unsigned c = 0; c < 2; c++) {
        double _Complex first = before, sum = 0.0;
        for (unsigned j = 0; j < m; j++) {
            double at = path->start + (c * m + j + 1) * path->half;
            double _Complex after = integral_at(integral, at);
            sum += j % 2 == 0 ? after - before : before - after;
            before = after;
        }
        symbol.mean[c] = (before - first) / symbol.length;
        symbol.chip[c] = m > 1 ? sum / symbol.length : symbol.mean[c];
    }
    return symbol;
}

/* Least squares for gain and offset from the sums. */
static void path_solve(struct track_path *path, bool subcarrier)
{
    if (subcarrier) {
        path->gain = path->sum_sz / path->n;
        path->offset = path->sum_z / path->n;
        return;
    }
    double determinant = path->n * path->n - path->sum_s * path->sum_s;
    path->gain = (path->n * path->sum_sz - path->sum_s * path->sum_z) / determinant;
    path->offset = (path->sum_z - path->sum_s * path->gain) / path->n;
}

static double branch_error(const struct symbol *symbol, const struct track_path *path,
                           const int8_t chip[2], bool subcarrier)
{
    double _Complex offset = subcarrier ? 0.0 : path->offset;
    return symbol->length * (plane_power(symbol->chip[0] - offset - chip[0] * path->gain) +
                             plane_power(symbol->chip[1] - offset - chip[1] * path->gain));
}

/* Mean timing error of the symbol's level changes, and where they lie on average. */
static unsigned path_edges(const struct integral *integral, const struct track_path *path,
                           unsigned m, const int8_t chip[2], double _Complex offset, double *late,
                           double *where)
{
    double gate = GATE_RATIO * path->half;
    struct edges edges = {0};
    int last = path->level;
    unsigned q = 0;
    for (unsigned c = 0; c < 2; c++) {
        int level = chip[c];
        for (unsigned j = 0; j < m; j++, q++, level = -level) {
            if (level != last) {
                edges_add(&edges, integral, path->start + q * path->half, gate, level, q);
            }
            last = level;
        }
    }
    *late = *where = 0.0;
    if (edges.n > 0) {
        *late = edges_late_samples(&edges, gate, path->gain, offset, edge_per_power(path->gain));
        *where = edges.where / edges.n;
    }
    return edges.n;
}

static void path_clock_update(struct track_path *path, double late, double where, unsigned n_edges,
                              double noise_variance)
{
    double gate = GATE_RATIO * path->half;
    double floor_samples = TIMING_FLOOR_RATIO * path->half;
    double r =
        (noise_variance * gate / (4.0 * plane_power(path->gain)) + floor_samples * floor_samples) /
        n_edges;
    double hs = path->p_ss + where * path->p_sh;
    double hh = path->p_sh + where * path->p_hh;
    double per = 1.0 / (hs + where * hh + r);
    path->start +=
        held_within(hs * per * late, -gate, gate); /* track_needs_at_least counts on it */
    path->half += hh * per * late;
    path->p_ss -= hs * hs * per;
    path->p_sh -= hs * hh * per;
    path->p_hh -= hh * hh * per;
    double hg = path->p_sg + where * path->p_hg;
    path->growth += hg * per * late;
    path->p_sg -= hs * hg * per;
    path->p_hg -= hh * hg * per;
    path->p_gg -= hg * hg * per;
}

static void path_clock_advance(struct track_path *path, unsigned m)
{
    double span = 2.0 * m;
    double walk = CLOCK_WALK_RATIO * path->half;
    path->start += span * path->half;
    path->half += path->growth;
    path->p_ss += 2.0 * span * path->p_sh + span * span * path->p_hh;
    path->p_sh += path->p_sg + span * (path->p_hh + path->p_hg);
    path->p_sg += span * path->p_hg;
    path->p_hh += 2.0 * path->p_hg + path->p_gg + walk * walk;
    path->p_hg += path->p_gg;
}

/* Extend a survivor by one symbol. */
static void path_extend(struct track_path *path, const struct track *track,
                        const struct integral *integral, const struct symbol *symbol,
                        const int8_t chip[2], double cost)
{
    unsigned m = track->code->m;
    bool subcarrier = m > 1;
    path->cost = cost;
    path->energy += symbol->length * (plane_power(symbol->chip[0]) + plane_power(symbol->chip[1]));
    path->sum_z = FORGET_RATIO * path->sum_z + symbol->mean[0] + symbol->mean[1];
    path->sum_sz =
        FORGET_RATIO * path->sum_sz + chip[0] * symbol->chip[0] + chip[1] * symbol->chip[1];
    path->sum_s = FORGET_RATIO * path->sum_s + chip[0] + chip[1];
    path->n = FORGET_RATIO * path->n + 2.0;
    path_solve(path, subcarrier);
    double late, where;
    /* a subcarrier symbol carries its own mean level, so drift of the leak does not blind its edges */
    double _Complex offset = subcarrier ? 0.5 * (symbol->mean[0] + symbol->mean[1]) : path->offset;
    unsigned n_edges = path_edges(integral, path, m, chip, offset, &late, &where);
    if (n_edges > 0 && plane_power(path->gain) > 0.0) {
        path_clock_update(path, late, where, n_edges, track->noise_variance);
    }
    path->level = (int8_t)(m % 2 == 0 ? -chip[1] : chip[1]);
    path->half = held_within(path->half, track->half_lo, track->half_hi);
    path_clock_advance(path, m);
    path->half = held_within(path->half, track->half_lo, track->half_hi);
}

/* Variance of one preamble edge, samples^2. */
static double edge_variance(double half, double _Complex gain, double noise_variance)
{
    double floor_samples = TIMING_FLOOR_RATIO * half;
    return noise_variance * GATE_RATIO * half / (4.0 * plane_power(gain) + 1e-30) +
           floor_samples * floor_samples;
}

/* Level changes of a preamble, roughly: all half-cycles of a subcarrier, six in ten of FM0. */
static double preamble_n_edges(const struct sync_search *search, double *span)
{
    *span = (double)search->code->n_preamble_chips[search->trext ? 1 : 0] * search->code->m;
    return search->code->m > 1 ? *span : 0.6 * *span;
}

double track_clock_sigma(const struct sync_search *search, const struct sync_candidate *candidate)
{
    double span, n_edges = preamble_n_edges(search, &span);
    double r = edge_variance(candidate->half, candidate->gain, search->noise_variance);
    return sqrt(12.0 * r / (n_edges * span * span));
}

/* Covariance of a line fitted to evenly spread edges, its slope known to clock_sigma, beside a clock
 * that bends. */
static void path_clock_init(struct track_path *path, const struct sync_search *search,
                            double clock_sigma)
{
    double span, n_edges = preamble_n_edges(search, &span);
    double r = edge_variance(path->half, path->gain, search->noise_variance);
    double symbol = 2.0 * search->code->m;
    double bend = BEND_SIGMA * search->bend_ratio * path->half;
    double late = bend * span * span / 6.0, off = bend * (span + symbol);
    double growth = 2.0 * bend * symbol;
    double line_hh = clock_sigma * clock_sigma;
    path->p_hh = line_hh + off * off;
    path->p_sh = 0.5 * span * line_hh + late * off;
    path->p_ss = r / n_edges + 0.25 * span * span * line_hh + late * late;
    path->p_sg = late * growth;
    path->p_hg = off * growth;
    path->p_gg = growth * growth;
}

/* The same where the preamble was fitted by a parabola: the inverse of its information, seen from the
 * preamble's end. Of n evenly spread edges the mean of u^k over -span .. 0 is (-span)^k / (k + 1). */
static void path_clock_init_bent(struct track_path *path, const struct sync_search *search)
{
    double span, n_edges = preamble_n_edges(search, &span);
    double per = n_edges / edge_variance(path->half, path->gain, search->noise_variance);
    double bend = search->bend_ratio * path->half;
    double square = span * span;
    double a00 = per, a01 = -per * span / 2.0, a02 = per * square / 3.0, a11 = a02;
    double a12 = -per * square * span / 4.0;
    double a22 = per * square * square / 5.0 + 1.0 / (bend * bend);
    double c00 = a11 * a22 - a12 * a12, c01 = a02 * a12 - a01 * a22, c02 = a01 * a12 - a02 * a11;
    double c11 = a00 * a22 - a02 * a02, c12 = a01 * a02 - a00 * a12, c22 = a00 * a11 - a01 * a01;
    double determinant = a00 * c00 + a01 * c01 + a02 * c02;
    double symbol = 2.0 * search->code->m;
    path->p_ss = c00 / determinant;
    path->p_sh = (c01 + symbol * c02) / determinant;
    path->p_sg = 2.0 * symbol * c02 / determinant;
    path->p_hh = (c11 + symbol * (2.0 * c12 + symbol * c22)) / determinant;
    path->p_hg = 2.0 * symbol * (c12 + symbol * c22) / determinant;
    path->p_gg = 4.0 * symbol * symbol * c22 / determinant;
}

static unsigned track_best_state(const struct track *track)
{
    unsigned best = LINECODE_STATES_MAX;
    for (unsigned s = 0; s < track->code->n_states; s++) {
        const struct track_path *path = &track->path[s];
        if (path->alive && (best == LINECODE_STATES_MAX || path->cost < track->path[best].cost)) {
            best = s;
        }
    }
    require(best < LINECODE_STATES_MAX);
    return best;
}

const struct track_path *track_best(const struct track *track)
{
    return &track->path[track_best_state(track)];
}

/* Before the first edge the tag idles at the low level. For baseband codes only: chips of a
 * subcarrier do not see the level. Later gain and offset may have drifted from those of the
 * beginning: then what the first symbols told stays. */
static void track_idle_update(struct track *track)
{
    if (track->code->m > 1 || track->n_symbols > IDLE_SYMBOLS) {
        return;
    }
    const struct track_path *path = track_best(track);
    double _Complex low = path->offset - path->gain;
    track->idle_gain =
        2.0 * plane_along(low, track->idle_sum) - track->idle_samples * plane_power(low);
}

void track_init(struct track *track, const struct sync_search *search,
                const struct integral *integral, const struct sync_candidate *candidate,
                double clock_sigma)
{
    const struct linecode *code = search->code;
    unsigned n_chips = code->n_preamble_chips[search->trext ? 1 : 0];
    const int8_t *chip = linecode_preamble(code, search->trext);
    struct track_path path = {.start = candidate->start, .half = candidate->half, .alive = true};
    const double span = 2.0 * code->m;
    path.growth = 2.0 * span * candidate->bend;
    path.half += 0.5 * path.growth;
    struct symbol symbol;
    for (unsigned k = 0; k + 1 < n_chips; k += 2) {
        symbol = symbol_read(integral, &path, code->m);
        path.energy += symbol.length * (plane_power(symbol.chip[0]) + plane_power(symbol.chip[1]));
        path.sum_z += symbol.mean[0] + symbol.mean[1];
        path.sum_sz += chip[k] * symbol.chip[0] + chip[k + 1] * symbol.chip[1];
        path.sum_s += chip[k] + chip[k + 1];
        path.n += 2.0;
        path.start += span * path.half;
        path.half += path.growth;
    }
    path_solve(&path, code->m > 1);
    double length = path.n * code->m * path.half;
    double offset_power = code->m > 1 ? 0.0 : plane_power(path.offset);
    path.cost = path.energy - length * (plane_power(path.gain) + offset_power);
    path.level = (int8_t)(code->m % 2 == 0 ? -chip[n_chips - 1] : chip[n_chips - 1]);
    if (sync_bends(search)) {
        path_clock_init_bent(&path, search);
    } else {
        path_clock_init(&path, search, clock_sigma);
    }
    track->seed = *candidate;
    track->code = code;
    track->noise_variance = search->noise_variance;
    track->half_lo = search->half_lo * (1.0 - CLOCK_DRIFT_RATIO);
    track->half_hi = search->half_hi * (1.0 + CLOCK_DRIFT_RATIO);
    track->n_preamble_chips = n_chips;
    track->n_symbols = 0;
    for (unsigned s = 0; s < LINECODE_STATES_MAX; s++) {
        track->path[s].alive = false;
    }
    track->path[code->start_state] = path;
    double from = fmin(fmax(search->start_lo, 0.0), candidate->start);
    track->idle_samples = candidate->start - from;
    track->idle_sum = integral_at(integral, candidate->start) - integral_at(integral, from);
    track->idle_gain = 0.0;
    track_idle_update(track);
}

double track_needs_samples(const struct track *track)
{
    double needs = 0.0;
    for (unsigned s = 0; s < track->code->n_states; s++) {
        const struct track_path *path = &track->path[s];
        if (path->alive) {
            double end = path->start + (2.0 * track->code->m + SPARE_HALVES) * path->half;
            needs = end > needs ? end : needs;
        }
    }
    return needs + 2.0;
}

double track_needs_at_least(const struct track *track, size_t n_symbols)
{
    double n_halves = 2.0 * track->code->m;
    double advance = n_halves * track->half_lo - GATE_RATIO * track->half_hi;
    double first = INFINITY;
    for (unsigned s = 0; s < track->code->n_states; s++) {
        if (track->path[s].alive) {
            first = track->path[s].start < first ? track->path[s].start : first;
        }
    }
    require(n_symbols >= track->n_symbols);
    return first + (double)(n_symbols - track->n_symbols) * advance +
           (n_halves + SPARE_HALVES) * track->half_lo + 2.0;
}

void track_symbol(struct track *track, const struct integral *integral, int forced_bit)
{
    const struct linecode *code = track->code;
    require(track->n_symbols <= LIMIT_BITS);
    struct symbol symbol[LINECODE_STATES_MAX];
    double best[LINECODE_STATES_MAX];
    uint8_t *back = track->back[track->n_symbols];
    for (unsigned s = 0; s < code->n_states; s++) {
        best[s] = INFINITY;
        back[s] = 0;
    }
    for (unsigned s = 0; s < code->n_states; s++) {
        if (!track->path[s].alive) {
            continue;
        }
        symbol[s] = symbol_read(integral, &track->path[s], code->m);
        for (int bit = 0; bit < 2; bit++) {
            if (forced_bit >= 0 && bit != forced_bit) {
                continue;
            }
            const struct linecode_branch *branch = &code->branch[s][bit];
            double cost = track->path[s].cost +
                          branch_error(&symbol[s], &track->path[s], branch->chip, code->m > 1);
            if (cost < best[branch->next]) {
                best[branch->next] = cost;
                back[branch->next] = (uint8_t)(s * 2 + (unsigned)bit);
            }
        }
    }
    double limit = INFINITY; /* of the cost of a survivor worth following */
    for (unsigned s = 0; s < code->n_states; s++) {
        double own = best[s] + SURVIVOR_NATS * track->noise_variance;
        limit = own < limit ? own : limit;
    }
    struct track_path next[LINECODE_STATES_MAX];
    for (unsigned s = 0; s < code->n_states; s++) {
        next[s].alive = false;
        if (best[s] <= limit) {
            unsigned from = back[s] / 2;
            next[s] = track->path[from];
            path_extend(&next[s], track, integral, &symbol[from],
                        code->branch[from][back[s] % 2].chip, best[s]);
            track->end[track->n_symbols][s] = (float)next[s].start;
        }
    }
    memcpy(track->path, next, code->n_states * sizeof *next);
    track->n_symbols++;
    track_idle_update(track);
}

/* Energy around the mean level: an offset is no reply. */
static double track_swing_energy(const struct track *track, const struct track_path *path)
{
    if (track->code->m > 1) {
        return path->energy; /* chip correlations hold no offset */
    }
    double n_chips = (double)(track->n_preamble_chips + 2 * track->n_symbols);
    return path->energy - n_chips * path->half * plane_power(path->offset);
}

double track_score(const struct track *track)
{
    const struct track_path *path = track_best(track);
    return (track_swing_energy(track, path) - path->cost) / track->noise_variance;
}

double track_evidence(const struct track *track)
{
    const struct track_path *path = track_best(track);
    return (path->energy - path->cost + track->idle_gain) / track->noise_variance;
}

double track_fit_ratio(const struct track *track)
{
    const struct track_path *path = track_best(track);
    double energy = track_swing_energy(track, path);
    return energy > 0.0 ? 1.0 - path->cost / energy : 0.0;
}

void track_starts(const struct track *track, double *start)
{
    size_t first = track->n_preamble_chips / 2;
    for (size_t k = 0; k <= first; k++) {
        double q = 2.0 * track->code->m * (double)k;
        start[k] = track->seed.start + q * (track->seed.half + q * track->seed.bend);
    }
    unsigned state = track_best_state(track);
    for (size_t k = track->n_symbols; k-- > 0;) {
        start[first + k + 1] = (double)track->end[k][state];
        state = track->back[k][state] / 2;
    }
}

void track_bits(const struct track *track, uint8_t *bit)
{
    unsigned state = track_best_state(track);
    for (size_t k = track->n_symbols; k-- > 0;) {
        bit[k] = track->back[k][state] & 1;
        state = track->back[k][state] / 2;
    }
}
