/* tracks.c - hypotheses: begin, advance together, prune. */
#include "dsp/tracks.h"

#include <math.h>
#include <stdlib.h>

#include "config/require.h"

#define CLOCK_STEP_RATIO 0.01  /* between tracks of one candidate whose clock is still open */
#define CLOCK_REACH 3          /* steps to either side */
#define PRUNE_NATS 18.0        /* a hypothesis this far behind the best is given up */
#define SAME_START_RATIO 0.1   /* closer than this (half-cycles, and the clocks ... */
#define SAME_CLOCK_RATIO 0.004 /* ... closer than this): the same reply */

enum status tracks_init(struct tracks *tracks)
{
    tracks->n = 0;
    tracks->track = malloc(TRACKS_MAX * sizeof *tracks->track);
    return tracks->track ? ST_OK : status_fail(ST_NO_MEMORY, "reply tracks: no memory");
}

void tracks_fini(struct tracks *tracks)
{
    free(tracks->track);
    tracks->track = NULL;
}

/* A short preamble leaves the clock open by more than one track can pull in: several start then,
 * turned about the middle of the preamble, which is known best. */
static void tracks_spawn(struct tracks *tracks, const struct sync_search *search,
                         const struct integral *integral, const struct sync_candidate *candidate)
{
    double span = (double)search->code->n_preamble_chips[search->trext ? 1 : 0] * search->code->m;
    double sigma_ratio = track_clock_sigma(search, candidate) / candidate->half;
    int reach = sigma_ratio > 0.5 * CLOCK_STEP_RATIO
                    ? (int)fmin(ceil(1.5 * sigma_ratio / CLOCK_STEP_RATIO), CLOCK_REACH)
                    : 0;
    for (int k = -reach; k <= reach && tracks->n < TRACKS_MAX; k++) {
        struct sync_candidate moved = *candidate;
        moved.half = candidate->half * (1.0 + k * CLOCK_STEP_RATIO);
        moved.start += 0.5 * span * (candidate->half - moved.half);
        if (k != 0 && (moved.half < search->half_lo || moved.half > search->half_hi)) {
            continue;
        }
        double clock_sigma = (reach > 0 ? 0.5 * CLOCK_STEP_RATIO : sigma_ratio) * moved.half;
        tracks->first_start[tracks->n] = moved.start;
        tracks->alive[tracks->n] = true;
        track_init(&tracks->track[tracks->n++], search, integral, &moved, clock_sigma);
    }
}

void tracks_begin(struct tracks *tracks, const struct sync_search *search,
                  const struct integral *integral, const struct sync_candidate *candidate,
                  size_t n_candidates, double gate_nats)
{
    require(n_candidates <= TRACKS_CANDIDATES_MAX);
    tracks->n = 0;
    for (size_t k = 0; k < n_candidates; k++) {
        if (candidate[k].score >= gate_nats &&
            candidate[k].score >= candidate[0].score - PRUNE_NATS) {
            tracks_spawn(tracks, search, integral, &candidate[k]);
        }
    }
}

size_t tracks_need_samples(const struct tracks *tracks)
{
    double needs = 0.0;
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k]) {
            needs = fmax(needs, track_needs_samples(&tracks->track[k]));
        }
    }
    return (size_t)ceil(needs);
}

double tracks_need_at_least(const struct tracks *tracks, size_t n_bits)
{
    double earliest = INFINITY; /* any living hypothesis may turn out to be the reply */
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k]) {
            earliest = fmin(earliest, track_needs_at_least(&tracks->track[k], n_bits));
        }
    }
    return earliest;
}

size_t tracks_best(const struct tracks *tracks)
{
    size_t best = tracks->n;
    double best_score = -INFINITY;
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k] && track_score(&tracks->track[k]) > best_score) {
            best = k;
            best_score = track_score(&tracks->track[k]);
        }
    }
    return best;
}

static void tracks_prune(struct tracks *tracks)
{
    size_t best = tracks_best(tracks);
    double limit = track_score(&tracks->track[best]) - PRUNE_NATS;
    const struct track_path *lead = track_best(&tracks->track[best]);
    for (size_t k = 0; k < tracks->n; k++) {
        if (!tracks->alive[k] || k == best) {
            continue;
        }
        const struct track_path *path = track_best(&tracks->track[k]);
        bool same = fabs(path->start - lead->start) < SAME_START_RATIO * lead->half &&
                    fabs(path->half - lead->half) < SAME_CLOCK_RATIO * lead->half;
        tracks->alive[k] = !same && track_score(&tracks->track[k]) >= limit;
    }
}

size_t tracks_symbol(struct tracks *tracks, const struct integral *integral, size_t n_bits,
                     bool length_known)
{
    size_t n_symbols = 0;
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k]) {
            bool dummy = length_known && tracks->track[k].n_symbols == n_bits;
            track_symbol(&tracks->track[k], integral, dummy ? 1 : -1);
            n_symbols = tracks->track[k].n_symbols;
        }
    }
    tracks_prune(tracks);
    return n_symbols;
}
