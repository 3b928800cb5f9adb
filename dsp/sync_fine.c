/* sync_fine.c - preamble search: candidates of the coarse search refined by their level changes; where
 * drift bends a long preamble, its clock is followed back from the part that was searched. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "dsp/edge.h"
#include "dsp/plane.h"
#include "dsp/sync_parts.h"

enum { REFINE_PASSES = 3, BOW_PASSES = 3 };
#define FIT_EDGES 48   /* looked at in the first passes; the last one takes all */
#define RACE_NATS 25.0 /* this far behind on a part of the preamble, not on the whole either */
/* of the line through the part that was searched, standard deviations, half-cycles: its end; its clock,
 * times the part's length, beside drift. And of the bend, of the most that is allowed for. */
#define BOW_START_RATIO 0.25
#define BOW_CLOCK 0.15
#define BOW_SIGMA 0.7
#define BOW_FLOOR_RATIO 0.01 /* an edge is never known better than this, half-cycles */

/* Level (+1, -1) of half-cycle q of a chip sequence. */
static inline int sync_level(const int8_t *chip, unsigned m, unsigned q)
{
    return q % m % 2 == 0 ? chip[q / m] : -chip[q / m];
}

/* Where half-cycle q begins. */
static inline double sync_edge(const struct sync_candidate *candidate, double q)
{
    return candidate->start + q * (candidate->half + q * candidate->bend);
}

struct sync_span { /* chips of the preamble, half open */
    unsigned first, end;
};

/* Correlation of a part of the preamble at exact positions: sum of signs times half-cycle integrals. */
static double _Complex sync_correlation(const struct integral *integral,
                                        const struct sync_search *search, struct sync_span span,
                                        const struct sync_candidate *candidate)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    double _Complex sum = 0.0;
    unsigned q = span.first * m;
    double _Complex before = integral_at(integral, sync_edge(candidate, q));
    for (unsigned c = span.first; c < span.end; c++) {
        double level = chip[c];
        for (unsigned j = 0; j < m; j++, level = -level) {
            double _Complex after = integral_at(integral, sync_edge(candidate, ++q));
            sum += level * (after - before);
            before = after;
        }
    }
    return sum;
}

/* Fit start and half-cycle to the timing errors of the span's level changes. */
static void sync_fit(const struct integral *integral, const struct sync_search *search,
                     struct sync_span span, double gate_ratio, unsigned n_edges,
                     struct sync_candidate *candidate)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    double gate = gate_ratio * candidate->half;
    double per_power = edge_per_power(candidate->gain);
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, e0 = 0.0, e1 = 0.0;
    unsigned stride =
        (span.end - span.first) * m / n_edges | 1U; /* odd: rising and falling alike */
    for (unsigned q = span.first * m + 1; q < span.end * m; q += stride) {
        int level = sync_level(chip, m, q);
        if (level == sync_level(chip, m, q - 1)) {
            continue;
        }
        double late = edge_late_samples(integral, candidate->start + q * candidate->half, gate,
                                        level, candidate->gain, candidate->offset, per_power);
        s0 += 1.0;
        s1 += q;
        s2 += (double)q * q;
        e0 += late;
        e1 += late * q;
    }
    double determinant = s0 * s2 - s1 * s1;
    if (determinant <= 0.0) {
        return;
    }
    double slope = (s0 * e1 - s1 * e0) / determinant;
    double half = candidate->half + slope;
    half = half < search->half_lo   ? search->half_lo
           : half > search->half_hi ? search->half_hi
                                    : half;
    /* keep the fit at the centre of the edges when the clock is clamped */
    candidate->start += e0 / s0 - (half - candidate->half) * s1 / s0;
    candidate->half = half;
}

/* A span that leaves the samples, or runs backwards, cannot be read: its score is 0. */
static void sync_measure(const struct integral *integral, const struct sync_search *search,
                         struct sync_span span, struct sync_candidate *candidate)
{
    unsigned m = search->code->m;
    double from = sync_edge(candidate, span.first * m), to = sync_edge(candidate, span.end * m);
    double first_half = candidate->half + 2.0 * span.first * m * candidate->bend;
    double last_half = candidate->half + 2.0 * span.end * m * candidate->bend;
    if (!(from >= 0.0 && to <= (double)integral->n_samples && first_half > 0.0 &&
          last_half > 0.0)) {
        candidate->score = 0.0;
        return;
    }
    double length = to - from;
    double _Complex sum = sync_correlation(integral, search, span, candidate);
    candidate->gain = sum / length;
    candidate->offset = (integral_at(integral, to) - integral_at(integral, from)) /
                        length; /* every span used has as much high as low */
    candidate->score = plane_power(sum) / (length * search->noise_variance);
}

void sync_score(const struct integral *integral, const struct sync_search *search,
                struct sync_candidate *candidate)
{
    struct sync_span span = {0, search->code->n_preamble_chips[search->trext ? 1 : 0]};
    sync_measure(integral, search, span, candidate);
}

/* One step of refinement on the last n_chips chips of the preamble: the step is taken when the
 * correlation grows.   pre  the candidate was measured on the same chips */
static void sync_step(const struct integral *integral, const struct sync_search *search,
                      const struct sync_plan *plan, unsigned n_chips, unsigned pass,
                      struct sync_candidate *candidate)
{
    static const double gate_ratio[REFINE_PASSES] = {0.45, 0.35, 0.25};
    struct sync_span span = {plan->n_all_chips - n_chips, plan->n_all_chips};
    struct sync_candidate moved = *candidate;
    unsigned n_edges = pass + 1 < REFINE_PASSES ? FIT_EDGES : UINT_MAX;
    sync_fit(integral, search, span, gate_ratio[pass], n_edges, &moved);
    double first = (0.5 - span.first * search->code->m) * moved.half;
    double last =
        (double)integral->n_samples - (plan->n_all_chips * search->code->m + 1.0) * moved.half;
    moved.start = moved.start < first ? first : moved.start > last ? last : moved.start;
    sync_measure(integral, search, span, &moved);
    if (moved.score > candidate->score) {
        *candidate = moved;
    }
}

/* The clock over a whole preamble: half-cycle q begins u = q - all of them before its end, at
 * place[0] + place[1] u + place[2] u^2. */
struct bow {
    double place[3], cov[3][3];
};

/* What is known before any edge is looked at: the line through the part that was searched. */
static struct bow bow_of_line(const struct sync_search *search, const struct sync_plan *plan,
                              const struct sync_candidate *line)
{
    double n_all = plan->n_all_chips * search->code->m, n_part = plan->n_half_cycles;
    double start = BOW_START_RATIO * line->half;
    double clock = (search->bend_ratio * n_part + BOW_CLOCK / n_part) * line->half;
    double bend = BOW_SIGMA * search->bend_ratio * line->half;
    return (struct bow){
        .place = {line->start + n_all * line->half, line->half, 0.0},
        .cov = {{start * start, 0.0, 0.0}, {0.0, clock * clock, 0.0}, {0.0, 0.0, bend * bend}},
    };
}

static void bow_candidate(const struct bow *bow, double n_all, struct sync_candidate *candidate)
{
    candidate->bend = bow->place[2];
    candidate->half = bow->place[1] - 2.0 * n_all * bow->place[2];
    candidate->start = bow->place[0] - n_all * (bow->place[1] - n_all * bow->place[2]);
}

/* One measurement: half-cycle n_all + u begins at `at`. */
static void bow_measure(struct bow *bow, double u, double at, double variance)
{
    const double h[3] = {1.0, u, u * u};
    double ph[3], sum = variance, error = at;
    for (unsigned i = 0; i < 3; i++) {
        ph[i] = bow->cov[i][0] * h[0] + bow->cov[i][1] * h[1] + bow->cov[i][2] * h[2];
        sum += h[i] * ph[i];
        error -= h[i] * bow->place[i];
    }
    for (unsigned i = 0; i < 3; i++) {
        bow->place[i] += ph[i] / sum * error;
        for (unsigned j = 0; j < 3; j++) {
            bow->cov[i][j] -= ph[i] * ph[j] / sum;
        }
    }
}

/* Mean place of the level changes of two chips, as a candidate expects them within a gate.
 *   out returns how many, 0 when they cannot be read */
static unsigned sync_edges(const struct integral *integral, const struct sync_search *search,
                           const struct sync_candidate *guide, unsigned chip_index, double gate,
                           double *where, double *at)
{
    const int8_t *chip = linecode_preamble(search->code, search->trext);
    unsigned m = search->code->m;
    unsigned first = chip_index * m, end = (chip_index + 2) * m;
    struct edges edges = {0};
    bool runs_on = guide->half > 0.0 && guide->half + 2.0 * end * guide->bend > 0.0;
    if (!runs_on || sync_edge(guide, first) < gate ||
        sync_edge(guide, end) + gate > (double)integral->n_samples) {
        return 0;
    }
    int last = first > 0 ? sync_level(chip, m, first - 1) : chip[0]; /* before the first: idle */
    unsigned q = first;
    for (unsigned c = chip_index; c < chip_index + 2; c++) {
        int level = chip[c];
        for (unsigned j = 0; j < m; j++, q++, level = -level) {
            if (level != last) {
                edges_add(&edges, integral, sync_edge(guide, q), gate, level, q);
            }
            last = level;
        }
    }
    if (edges.n > 0) {
        *where = edges.where / edges.n;
        *at =
            sync_edge(guide, *where) + edges_late_samples(&edges, gate, guide->gain, guide->offset,
                                                          edge_per_power(guide->gain));
    }
    return edges.n;
}

/* Follow a clock that may drift from the part of the preamble that was searched back to its begin:
 * the far end cannot be reached by a straight line. Then again with what the first pass told. */
static void sync_bow(const struct integral *integral, const struct sync_search *search,
                     const struct sync_plan *plan, struct sync_candidate *candidate)
{
    static const double gate_ratio[BOW_PASSES] = {0.4, 0.25, 0.15};
    double n_all = plan->n_all_chips * search->code->m;
    struct sync_candidate guide = *candidate;
    for (unsigned pass = 0; pass < BOW_PASSES; pass++) {
        struct bow bow = bow_of_line(search, plan, candidate);
        double gate = gate_ratio[pass] * candidate->half;
        double floor_samples = BOW_FLOOR_RATIO * candidate->half;
        double variance = search->noise_variance * gate / (4.0 * plane_power(guide.gain)) +
                          floor_samples * floor_samples;
        for (unsigned k = plan->n_all_chips; k > 0; k -= 2) {
            if (pass == 0) {
                bow_candidate(&bow, n_all, &guide);
            }
            double where, at;
            unsigned n = sync_edges(integral, search, &guide, k - 2, gate, &where, &at);
            if (n > 0) {
                bow_measure(&bow, where - n_all, at, variance / n);
            }
        }
        bow_candidate(&bow, n_all, &guide);
        sync_score(integral, search, &guide);
        if (guide.score <= 0.0) {
            break;
        }
    }
    *candidate = guide;
}

/* Refine on the part of the preamble that was searched, then on ever more of it: each step's clock is
 * good enough to reach the next one's far end. What falls behind is left as it is. */
static void sync_refine_all(const struct integral *integral, const struct sync_search *search,
                            const struct sync_plan *plan, struct sync_candidate *candidate,
                            size_t n)
{
    bool racing[SYNC_CANDIDATES_MAX];
    for (size_t k = 0; k < n; k++) {
        racing[k] = true;
    }
    for (unsigned n_chips = plan->n_chips;;) {
        struct sync_span span = {plan->n_all_chips - n_chips, plan->n_all_chips};
        unsigned first = n_chips == plan->n_chips ? 0 : 1; /* later parts begin near the truth */
        for (unsigned pass = first; pass < REFINE_PASSES; pass++) {
            double best = 0.0;
            for (size_t k = 0; k < n; k++) {
                if (racing[k] && pass == first) {
                    sync_measure(integral, search, span, &candidate[k]);
                }
                if (racing[k] && candidate[k].score > 0.0) {
                    sync_step(integral, search, plan, n_chips, pass, &candidate[k]);
                }
                best = racing[k] ? fmax(best, candidate[k].score) : best;
            }
            /* the more edges, the less a wrong half-cycle costs of a strong preamble */
            double behind = search->code->m > 4 ? fmax(RACE_NATS, 0.3 * best) : RACE_NATS;
            for (size_t k = 0; k < n; k++) {
                racing[k] = racing[k] && candidate[k].score >= best - behind;
            }
        }
        if (n_chips == plan->n_all_chips) {
            return;
        }
        for (size_t k = 0; plan->bends && k < n; k++) {
            if (racing[k] && candidate[k].score > 0.0) {
                sync_bow(integral, search, plan, &candidate[k]);
            }
        }
        if (plan->bends) {
            return;
        }
        n_chips = 2 * n_chips < plan->n_all_chips ? 2 * n_chips : plan->n_all_chips;
    }
}

void sync_weights(const struct integral *const *channel, unsigned n_channels,
                  const struct sync_search *search, const struct sync_candidate *candidate,
                  double _Complex *weight)
{
    struct sync_plan plan = sync_plan_of(search);
    struct sync_span span = {plan.n_skip_chips, plan.n_all_chips};
    double total = 0.0;
    for (unsigned c = 0; c < n_channels; c++) {
        weight[c] = conj(sync_correlation(channel[c], search, span, candidate));
        total += plane_power(weight[c]);
    }
    for (unsigned c = 0; c < n_channels; c++) {
        weight[c] = total > 0.0 ? weight[c] / sqrt(total) : sqrt(1.0 / n_channels);
    }
}

size_t sync_fine(const struct integral *integral, const struct sync_search *search,
                 struct sync_candidate *candidate, size_t n)
{
    require(n <= SYNC_CANDIDATES_MAX);
    struct sync_plan plan = sync_plan_of(search);
    struct sync_candidate fine[SYNC_CANDIDATES_MAX];
    memcpy(fine, candidate, n * sizeof *fine);
    sync_refine_all(integral, search, &plan, fine, n);
    size_t n_kept = 0;
    for (size_t k = 0; k < n; k++) {
        n_kept = sync_insert(candidate, n_kept, n, &fine[k], 0.3 * fine[k].half,
                             0.6 / plan.n_half_cycles);
    }
    return n_kept;
}
