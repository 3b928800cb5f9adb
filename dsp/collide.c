/* collide.c - candidates for both tags' half swings, a first decode of each tag under them, then both
 * together until nothing changes; the best of the candidates is judged. */
#include "dsp/collide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"
#include "dsp/sequence.h"

#define BIN_RATIO 0.2    /* of a half-cycle: the demixer decides about so long a stretch at once */
#define TAIL_HALVES 40.0 /* idle level put behind the samples, for hypotheses that run late */
#define GATE_NATS 1e-9   /* a preamble that cannot be read scores 0 */
#define SCORE_MIN_NATS 40.0 /* what a tag must explain beside the other */
#define RESIDUAL_MAX 2.0    /* energy left over, per noise: above, two tags are not all there is */
#define SHARE_MIN_RATIO                                                                            \
    0.01 /* ... of what both do: less is what a single reply's own faults leave */
#define FLOOR_RATIO                                                                                \
    120.0 /* Eb over what a strong reply leaves of itself, at 6 samples a half-cycle */
#define RESIDUAL_CLEAR 1.4 /* nothing is left that another idea could explain */
#define SURE_RATIO 0.5
enum { JOINT_PASSES = 6, JOINT_PASSES_MIN = 4, SEEDS = 3, CANDIDATES = 4 };

struct collide {
    size_t capacity_samples;
    double _Complex *sum;  /* [capacity + 1] of the signal that one tag is looked for in */
    struct joint joint[2]; /* the one at work and the best so far */
    unsigned best;         /* which of them */
    bool is_swapped;       /* the reply names the second tag first */
};

enum status collide_new(size_t capacity_samples, struct collide **collide)
{
    require(capacity_samples >= 1);
    struct collide *c = calloc(1, sizeof *c);
    if (c) {
        c->capacity_samples = capacity_samples;
        c->sum = malloc((capacity_samples + 1) * sizeof *c->sum);
    }
    if (!c || !c->sum) {
        collide_free(&c);
        return status_fail(ST_NO_MEMORY, "collisions: no memory for %zu samples", capacity_samples);
    }
    *collide = c;
    return ST_OK;
}

void collide_free(struct collide **collide)
{
    if (*collide) {
        free((*collide)->sum);
        free(*collide);
        *collide = NULL;
    }
}

/* log(e^x + e^y) */
static double log_add(double x, double y)
{
    double high = x > y ? x : y, low = x > y ? y : x;
    double apart = high - low;
    return apart > 8.0 ? high : high + log1p(exp(-apart));
}

/* What a level says of the first tag's level, whatever the second's: its signal as if it were alone. */
static double demixed(double _Complex mean, const struct cluster_pair *pair, double per_noise,
                      double per_swing)
{
    double nats[2];
    for (unsigned l = 0; l < 2; l++) {
        double _Complex z = mean - pair->origin - (l ? 2.0 * pair->a : 0.0);
        nats[l] = log_add(-plane_power(z) * per_noise, -plane_power(z - 2.0 * pair->b) * per_noise);
    }
    return (nats[1] - nats[0]) * per_swing;
}

/* The sums made so far, with the idle level behind them.  out integral of them */
static struct integral with_tail(struct collide *collide, const struct collide_request *request,
                                 size_t n, double _Complex idle)
{
    const struct sync_search *search = request->search;
    size_t room = collide->capacity_samples - n;
    size_t tail = (size_t)(TAIL_HALVES * search->half_hi * search->code->m);
    tail = tail < room ? tail : room;
    for (size_t k = n; k < n + tail; k++) {
        collide->sum[k + 1] = collide->sum[k] + idle;
    }
    return (struct integral){
        .sum = collide->sum, .n_samples = n + tail, .capacity_samples = collide->capacity_samples};
}

/* The first tag's signal, the second one being unknown.  out integral of it, tail included */
static struct integral demix(struct collide *collide, const struct collide_request *request,
                             const struct cluster_pair *pair)
{
    const struct integral *in = request->integral;
    double half = sqrt(request->search->half_lo * request->search->half_hi);
    size_t n = in->n_samples, bin = (size_t)fmax(BIN_RATIO * half, 1.0);
    double _Complex *sum = collide->sum;
    double swing = cabs(pair->a);
    sum[0] = 0.0;
    for (size_t k = 0; k < n;) {
        size_t end = k + bin < n ? k + bin : n;
        double length = (double)(end - k);
        double per_noise = length / request->search->noise_variance;
        double level = demixed((in->sum[end] - in->sum[k]) / length, pair, per_noise,
                               1.0 / (4.0 * per_noise * swing));
        for (; k < end; k++) {
            sum[k + 1] = sum[k] + level;
        }
    }
    return with_tail(collide, request, n, -swing);
}

/* What is left of the window without the first tag and the mean level.  out integral of it, tail included */
static struct integral subtract(struct collide *collide, const struct collide_request *request,
                                const struct joint *joint)
{
    const struct integral *in = request->integral;
    const struct joint_tag *tag = &joint->tag[0];
    size_t n = in->n_samples, q = 0;
    double _Complex *sum = collide->sum;
    double model = 0.0, from = 0.0;
    int level = -1;
    sum[0] = 0.0;
    for (size_t k = 0; k < n; k++) {
        while (q <= joint->n_halves && tag->edge[q] <= (double)(k + 1)) {
            model += level * (tag->edge[q] - from);
            from = tag->edge[q];
            level = q < joint->n_halves ? tag->level[q] : -1;
            q++;
        }
        model += level * ((double)(k + 1) - from);
        from = (double)(k + 1);
        sum[k + 1] = in->sum[k + 1] - tag->gain * model - joint->offset * (double)(k + 1);
    }
    return with_tail(collide, request, n, -joint->tag[1].gain);
}

/* The likeliest reply in a signal that holds one.  out false: none */
static bool tag_seek(const struct collide_request *request, const struct integral *integral,
                     struct joint *joint, unsigned index)
{
    struct sync_candidate candidate[CANDIDATES];
    struct tracks *tracks = request->tracks;
    size_t n = sync_find(request->sync, integral, request->search, candidate, CANDIDATES);
    const struct reply_length length = {.n_bits = request->n_bits};
    tracks_begin(tracks, request->search, integral, candidate, n, GATE_NATS, &length);
    if (tracks->n == 0) {
        return false;
    }
    do {
        if (tracks_need_samples(tracks) > integral->n_samples) {
            return false;
        }
    } while (!tracks_step(tracks, integral));
    const struct track *track = &tracks->track[tracks_best(tracks)];
    double start[LINECODE_PREAMBLE_CHIPS_MAX / 2 + JOINT_SYMBOLS_MAX + 1];
    uint8_t bit[JOINT_SYMBOLS_MAX];
    size_t n_symbols = track->n_preamble_chips / 2 + track->n_symbols;
    track_starts(track, start);
    track_bits(track, bit);
    double half = (start[n_symbols] - start[0]) / (2.0 * joint->code->m * (double)n_symbols);
    joint_set_tag(joint, index, start[0], half, bit);
    return true;
}

/* Both tags under one idea of their half swings.  out false: they are not there */
static bool pair_try(struct collide *collide, const struct collide_request *request,
                     const struct cluster_pair *pair)
{
    struct joint *joint = &collide->joint[1 - collide->best];
    joint->tag[0].gain = pair->a;
    joint->tag[1].gain = pair->b;
    joint->offset = pair->origin + pair->a + pair->b;
    struct integral integral = demix(collide, request, pair);
    if (!tag_seek(request, &integral, joint, 0)) {
        return false;
    }
    joint_set_tag(joint, 1, joint->tag[0].start, joint->tag[0].half, joint->tag[0].bit);
    joint_segments(joint);
    integral = subtract(collide, request, joint);
    if (!tag_seek(request, &integral, joint, 1)) {
        return false;
    }
    joint_segments(joint);
    for (unsigned pass = 0; pass < JOINT_PASSES; pass++) {
        bool changes = joint_decide(joint);
        joint_gains(joint);
        if (pass + 1 == JOINT_PASSES || (pass + 1 >= JOINT_PASSES_MIN && !changes)) {
            break;
        }
        joint_clocks(joint, pass < 2 ? 0.4 : 0.25);
        joint_segments(joint);
        joint_gains(joint);
    }
    joint_soften(joint);
    return true;
}

static double right_ratio(const struct joint *joint, const struct joint_tag *tag)
{
    double wrong = 0.0, doubt = fmax(joint->residual_ratio, 1.0); /* what is left is noise, too */
    for (size_t k = 0; k + 1 < joint->n_symbols; k++) {
        wrong += sequence_error_chance((double)tag->soft[k] / doubt);
    }
    return exp(-wrong);
}

static void reply_fill(const struct joint *joint, struct collide_reply *reply)
{
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        const struct joint_tag *from = &joint->tag[i];
        struct collide_tag *tag = &reply->tag[i];
        double n = (double)joint->n_halves;
        tag->start = from->start;
        tag->half = from->half + n * from->bend;
        tag->end = from->start + n * tag->half; /* its edges may lie behind the samples */
        tag->gain = from->gain;
        tag->right_ratio = right_ratio(joint, from);
        tag->score_nats = from->score_nats;
        memcpy(tag->bit, from->bit, joint->n_symbols - 1);
    }
    reply->offset = joint->offset;
    reply->score_nats = joint->score_nats;
    reply->residual_ratio = joint->residual_ratio;
}

/* Order and trust.  out true: the second of the fit is named first */
static bool reply_judge_tags(struct collide_reply *reply)
{
    struct collide_tag *first = &reply->tag[0], *second = &reply->tag[1];
    bool is_swapped = plane_power(second->gain) > plane_power(first->gain);
    is_swapped = fmax(first->right_ratio, second->right_ratio) > SURE_RATIO &&
                         fmin(first->right_ratio, second->right_ratio) < SURE_RATIO
                     ? second->right_ratio > first->right_ratio
                     : is_swapped;
    if (is_swapped) {
        struct collide_tag tag = *first;
        *first = *second;
        *second = tag;
    }
    double least = fmax(SCORE_MIN_NATS, SHARE_MIN_RATIO * reply->score_nats);
    /* one reply split into halves that differ in time: two tags do not draw the same RN16 */
    bool is_split = memcmp(first->bit, second->bit, sizeof first->bit) == 0;
    bool two = !is_split && fmin(first->score_nats, second->score_nats) > least;
    reply->is_clean = reply->residual_ratio < RESIDUAL_MAX;
    reply->n_tags = !two ? 0 : second->right_ratio < SURE_RATIO ? 1 : 2;
    return is_swapped;
}

/* Strong replies leave more than noise: level changes inside samples, impulses blanked where there were
 * none. Who is believed must stand out of that too.   out the noise that all of it amounts to */
static double floor_variance(const struct collide_request *request)
{
    const struct sync_search *search = request->search;
    const struct integral *integral = request->integral;
    double power = 0.0;
    size_t from = (size_t)search->start_hi, n = integral->n_samples;
    for (size_t k = from; k < n; k++) {
        power += plane_power(integral->sum[k + 1] - integral->sum[k]);
    }
    /* levels 0 and 2 h: the mean power is twice that of h, of both tags together */
    double half = sqrt(search->half_lo * search->half_hi);
    double energy = 0.5 * power / (double)(n - from) * 2.0 * half * search->code->m;
    return fmax(search->noise_variance, energy / FLOOR_RATIO);
}

void collide_resolve(struct collide *collide, const struct collide_request *window,
                     struct collide_reply *reply)
{
    const struct integral *integral = window->integral;
    require(integral->n_samples <= collide->capacity_samples);
    memset(reply, 0, sizeof *reply);
    if ((double)integral->n_samples <= window->search->start_hi + 1.0) {
        return;
    }
    struct sync_search raised = *window->search;
    raised.noise_variance = floor_variance(window);
    struct collide_request over = *window;
    over.search = &raised;
    const struct collide_request *request = &over;
    const struct sync_search *search = &raised;
    for (unsigned k = 0; k < 2; k++) {
        joint_begin(&collide->joint[k], request, 0.0, (double)integral->n_samples);
    }
    double half = sqrt(search->half_lo * search->half_hi);
    double to = fmin(search->start_lo + (double)collide->joint[0].n_halves * search->half_lo,
                     (double)integral->n_samples);
    struct cluster_pair pair[SEEDS];
    size_t n = clusters_find(integral, search->start_lo, search->start_hi, to, half,
                             search->noise_variance, pair, SEEDS);
    double best = -INFINITY;
    for (size_t k = 0; k < n; k++) {
        unsigned other = 1 - collide->best;
        if (pair_try(collide, request, &pair[k]) && collide->joint[other].score_nats > best) {
            collide->best = other;
            best = collide->joint[other].score_nats;
        }
        if (isfinite(best) && collide->joint[collide->best].residual_ratio < RESIDUAL_CLEAR) {
            break;
        }
    }
    if (isfinite(best)) {
        reply_fill(&collide->joint[collide->best], reply);
        collide->is_swapped = reply_judge_tags(reply);
    }
}

void collide_gains(struct collide *collide, const struct integral *integral,
                   double _Complex gain[COLLIDE_TAGS])
{
    struct joint *joint = &collide->joint[collide->best];
    joint->integral = integral;
    joint_segments(joint);
    joint_gains(joint);
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        gain[i] = joint->tag[collide->is_swapped ? 1 - i : i].gain;
    }
}
