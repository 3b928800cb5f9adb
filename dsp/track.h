/* track.h - one reply hypothesis followed through its data: maximum-likelihood sequence detection
 * with amplitude, phase, offset and tag clock tracked along every survivor.     layer: dsp
 * Source: Gen2 6.3.1.3.2; per-survivor processing. */
#ifndef DSP_TRACK_H
#define DSP_TRACK_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"
#include "dsp/integral.h"
#include "dsp/linecode.h"
#include "dsp/sync.h"

struct track_path {          /* one survivor */
    double start;            /* first edge of the next symbol, samples */
    double half;             /* half-cycle, samples, mean of the next symbol */
    double growth;           /* of the half-cycle per symbol, samples */
    double p_ss, p_sh, p_hh; /* covariance of start and half ... */
    double p_sg, p_hg, p_gg; /* ... and growth, where that is followed */
    double cost;             /* squared error so far, sample-energy units */
    double energy;           /* same without the model: sum |z|^2 */
    double _Complex sum_z;   /* sum of chip means (no subcarrier) */
    double _Complex sum_sz;  /* sum of sign * chip correlation */
    double sum_s, n;         /* signs (FM0), chips; all with forgetting */
    double _Complex gain, offset;
    int8_t level; /* of the last half-cycle */
    bool alive;
};

struct track {
    const struct linecode *code;
    double noise_variance;
    double half_lo, half_hi; /* the clock is held inside */
    size_t n_preamble_chips, n_symbols;
    struct sync_candidate seed; /* the preamble */
    double idle_samples;        /* of the search before it */
    double _Complex idle_sum;
    double idle_gain; /* log-likelihood gain of the idle stretch, sample-energy units */
    struct track_path path[LINECODE_STATES_MAX];
    uint8_t back[LIMIT_BITS + 1][LINECODE_STATES_MAX]; /* previous state * 2 + bit */
    float end[LIMIT_BITS + 1][LINECODE_STATES_MAX];    /* of the symbol, as the survivor saw it */
};

/* How well the preamble of a candidate fixes the half-cycle: standard deviation, samples. */
double track_clock_sigma(const struct sync_search *search, const struct sync_candidate *candidate);

/* Begin after the preamble of a candidate that `search` found, its half-cycle known to clock_sigma
 * (samples, standard deviation). */
void track_init(struct track *track, const struct sync_search *search,
                const struct integral *integral, const struct sync_candidate *candidate,
                double clock_sigma);

/* Samples needed before the next symbol can be taken. */
double track_needs_samples(const struct track *track);

/* A bound below what track_needs_samples will say when n_symbols have been taken, whatever comes.
 *   pre  n_symbols >= track->n_symbols */
double track_needs_at_least(const struct track *track, size_t n_symbols);

/* Take one symbol; `forced_bit` 0 or 1 when known (dummy), -1 when not.
 *   pre  the integral holds track_needs_samples(); n_symbols <= LIMIT_BITS */
void track_symbol(struct track *track, const struct integral *integral, int forced_bit);

/* Best survivor now. */
const struct track_path *track_best(const struct track *track);

/* Log-likelihood gain of the best survivor over "noise only", nats. */
double track_score(const struct track *track);

/* For comparing hypotheses over the same samples, from the beginning of the search to the end of the
 * last symbol taken: log-likelihood gain over "nothing but noise", with the idle level the hypothesis
 * implies before its first edge. */
double track_evidence(const struct track *track);

/* Squared correlation coefficient 0..1 of the best survivor with what was received. */
double track_fit_ratio(const struct track *track);

/* Where the symbols of the best survivor began, preamble included, and where the last one ended.
 *   out start[n_preamble_chips / 2 + n_symbols + 1], samples */
void track_starts(const struct track *track, double *start);

/* Bits of the best survivor, all n_symbols of them.  out bit[n_symbols] */
void track_bits(const struct track *track, uint8_t *bit);

#endif
