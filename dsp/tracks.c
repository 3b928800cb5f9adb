/* tracks.c - hypotheses: begin, advance together, prune. */
#include "dsp/tracks.h"

#include <math.h>
#include <stdlib.h>

#include "config/require.h"

#define CLOCK_STEP_RATIO 0.01  /* between tracks of one candidate whose clock is still open */
#define CLOCK_REACH 12         /* steps to either side at most */
#define PRUNE_NATS 30.0        /* a hypothesis this far behind the best is given up */
#define SEED_NATS 18.0         /* a preamble this far behind the best begins none */
#define CONTENDER_NATS 16.0    /* within this of a complete one, another may finish */
#define BIT_NATS 0.7           /* prior of one data bit */
#define SAME_START_RATIO 0.1   /* closer than this (half-cycles, and the clocks ... */
#define SAME_CLOCK_RATIO 0.004 /* ... closer than this): the same reply */

/* A reply may tell its length in its first bits: they are settled once so many symbols are in, and
 * so many after the last of them. */
enum { LENGTH_KNOWN_SYMBOLS = 24, LENGTH_SETTLE_SYMBOLS = 12, LENGTH_SYMBOLS_MAX = 40 };

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

/* Hypotheses in the order of their preamble's score; the weakest make room. */
static void seeds_insert(struct tracks *tracks, const struct sync_candidate *seed,
                         double clock_sigma)
{
    size_t at = tracks->n;
    while (at > 0 && tracks->seed[at - 1].score < seed->score) {
        at--;
    }
    if (at == TRACKS_MAX) {
        return;
    }
    tracks->n += tracks->n < TRACKS_MAX;
    for (size_t k = tracks->n - 1; k > at; k--) {
        tracks->seed[k] = tracks->seed[k - 1];
        tracks->clock_sigma[k] = tracks->clock_sigma[k - 1];
    }
    tracks->seed[at] = *seed;
    tracks->clock_sigma[at] = clock_sigma;
}

/* A short preamble leaves the clock open by more than one track can pull in: several start then,
 * turned about the middle of the preamble, which is known best, as far to both sides as the
 * preamble allows. */
static void seeds_spread(struct tracks *tracks, const struct sync_search *search,
                         const struct integral *integral, const struct sync_candidate *candidate,
                         double score_min)
{
    double sigma = track_clock_sigma(search, candidate);
    if (sigma < 0.5 * CLOCK_STEP_RATIO * candidate->half) {
        seeds_insert(tracks, candidate, sigma);
        return;
    }
    double span = (double)search->code->n_preamble_chips[search->trext ? 1 : 0] * search->code->m;
    double step = CLOCK_STEP_RATIO * candidate->half;
    for (int side = -1; side <= 1; side += 2) {
        for (int k = side > 0 ? 0 : 1; k <= CLOCK_REACH; k++) {
            struct sync_candidate seed = *candidate;
            seed.half += side * k * step;
            seed.start += 0.5 * span * (candidate->half - seed.half);
            if (k > 0) {
                sync_score(integral, search, &seed);
            }
            if (seed.half < search->half_lo || seed.half > search->half_hi ||
                seed.score < score_min) {
                break;
            }
            seeds_insert(tracks, &seed, 0.5 * step);
        }
    }
}

/* Log-likelihood gain over noise only, less what each free bit costs: hypotheses that begin earlier
 * have more bits to fit the same samples with. */
static void evidence_update(struct tracks *tracks, size_t k)
{
    const struct track *track = &tracks->track[k];
    tracks->evidence[k] = track_evidence(track) - BIT_NATS * (double)track->n_symbols;
}

void tracks_begin(struct tracks *tracks, const struct sync_search *search,
                  const struct integral *integral, const struct sync_candidate *candidate,
                  size_t n_candidates, double gate_nats, const struct reply_length *length)
{
    require(n_candidates <= TRACKS_CANDIDATES_MAX);
    tracks->length = *length;
    tracks->n = 0;
    for (size_t k = 0; k < n_candidates; k++) {
        double score_min = fmax(gate_nats, candidate[0].score - SEED_NATS);
        if (candidate[k].score >= score_min) {
            seeds_spread(tracks, search, integral, &candidate[k], score_min);
        }
    }
    for (size_t k = 0; k < tracks->n; k++) {
        tracks->alive[k] = true;
        tracks->n_bits[k] = reply_length_least(length);
        tracks->length_known[k] = length->kind == REPLY_LENGTH_GIVEN;
        track_init(&tracks->track[k], search, integral, &tracks->seed[k], tracks->clock_sigma[k]);
        evidence_update(tracks, k);
    }
}

size_t tracks_best(const struct tracks *tracks)
{
    size_t best = tracks->n;
    double best_score = -INFINITY;
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k] && tracks->evidence[k] > best_score) {
            best = k;
            best_score = tracks->evidence[k];
        }
    }
    return best;
}

bool tracks_complete(const struct tracks *tracks, size_t index)
{
    return tracks->length_known[index] &&
           tracks->track[index].n_symbols == tracks->n_bits[index] + 1;
}

/* Whose turn it is: the likeliest, or, once that is complete, a hypothesis that began later and may
 * still overtake it.  out tracks->n: nothing is left to wait for */
static size_t tracks_turn(const struct tracks *tracks)
{
    size_t best = tracks_best(tracks);
    require(best < tracks->n);
    if (!tracks_complete(tracks, best)) {
        return best;
    }
    double limit = tracks->evidence[best] - CONTENDER_NATS;
    size_t next = tracks->n;
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k] && !tracks_complete(tracks, k) && tracks->evidence[k] >= limit) {
            limit = tracks->evidence[k];
            next = k;
        }
    }
    return next;
}

size_t tracks_need_samples(const struct tracks *tracks)
{
    size_t turn = tracks_turn(tracks);
    return turn < tracks->n ? (size_t)ceil(track_needs_samples(&tracks->track[turn])) : 0;
}

double tracks_need_at_least(const struct tracks *tracks)
{
    double earliest = INFINITY; /* any living hypothesis may turn out to be the reply */
    for (size_t k = 0; k < tracks->n; k++) {
        if (tracks->alive[k] && tracks_complete(tracks, k)) {
            return 0.0; /* it is the reply as soon as the others fall behind */
        }
        if (tracks->alive[k]) {
            earliest = fmin(earliest, track_needs_at_least(&tracks->track[k], tracks->n_bits[k]));
        }
    }
    return earliest;
}

static void tracks_prune(struct tracks *tracks)
{
    size_t best = tracks_best(tracks);
    double limit = tracks->evidence[best] - PRUNE_NATS;
    const struct track_path *lead = track_best(&tracks->track[best]);
    for (size_t k = 0; k < tracks->n; k++) {
        if (!tracks->alive[k] || k == best) {
            continue;
        }
        const struct track_path *path = track_best(&tracks->track[k]);
        bool same = fabs(path->start - lead->start) < SAME_START_RATIO * lead->half &&
                    fabs(path->half - lead->half) < SAME_CLOCK_RATIO * lead->half &&
                    tracks->track[k].n_symbols == tracks->track[best].n_symbols;
        tracks->alive[k] = !same && tracks->evidence[k] >= limit;
    }
}

static size_t length_known_symbols(const struct reply_length *length)
{
    size_t settled = reply_length_told_bits(length) + LENGTH_SETTLE_SYMBOLS;
    require(settled <= LENGTH_SYMBOLS_MAX);
    return settled > LENGTH_KNOWN_SYMBOLS ? settled : LENGTH_KNOWN_SYMBOLS;
}

static void tracks_take(struct tracks *tracks, size_t k, const struct integral *integral)
{
    struct track *track = &tracks->track[k];
    bool dummy = tracks->length_known[k] && track->n_symbols == tracks->n_bits[k];
    track_symbol(track, integral, dummy ? 1 : -1);
    evidence_update(tracks, k);
    if (!tracks->length_known[k] && track->n_symbols == length_known_symbols(&tracks->length)) {
        uint8_t bit[LENGTH_SYMBOLS_MAX];
        track_bits(track, bit);
        tracks->n_bits[k] = reply_length_n_bits(&tracks->length, bit);
        tracks->length_known[k] = true;
    }
}

bool tracks_step(struct tracks *tracks, const struct integral *integral)
{
    double reach = (double)tracks_need_samples(tracks);
    require(reach <= (double)integral->n_samples);
    for (size_t k = 0; k < tracks->n; k++) {
        while (tracks->alive[k] && !tracks_complete(tracks, k) &&
               track_needs_samples(&tracks->track[k]) <= reach) {
            tracks_take(tracks, k, integral);
        }
    }
    tracks_prune(tracks);
    return tracks_turn(tracks) == tracks->n;
}
