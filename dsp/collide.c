/* collide.c - candidates for both tags' half swings, a first decode of each tag under them, then both
 * together until nothing changes; the best of the candidates is judged. */
#include "dsp/collide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/collide_parts.h"
#include "dsp/plane.h"
#include "dsp/sequence.h"

#define BIN_RATIO 0.2 /* of a half-cycle: the demixer decides about so long a stretch at once */
#define SCORE_MIN_NATS 40.0 /* what a tag must explain beside the other */
#define RESIDUAL_MAX 2.0    /* energy left over, per noise: above, two tags are not all there is */
#define SHARE_MIN_RATIO                                                                            \
    0.01 /* ... of what both do: less is what a single reply's own faults leave */
#define FLOOR_RATIO                                                                                \
    120.0 /* Eb over what a strong reply leaves of itself, at 6 samples a half-cycle */
#define RESIDUAL_CLEAR 1.6 /* nothing is left that another idea could explain */
#define SURE_RATIO 0.5
enum { JOINT_PASSES = 4, JOINT_PASSES_MIN = 2 };

struct collide {
    size_t capacity_samples;
    float *re,
        *im; /* [capacity] sums of bins, in units of their noise: a squared distance is nats */
    float *sum, *work; /* [capacity + 1] of log-likelihoods; for lone_find */
    size_t n_bins, bin_samples;
    struct sync_search search; /* its noise raised to what strong replies leave */
    struct joint_code shape;
    struct cluster_pair pair[CLUSTER_PAIRS_MAX]; /* ideas of the channels, best first */
    size_t n_pairs;
    struct lone_places places; /* of the first tag, under the first idea */
    struct joint joint[2];     /* the one at work and the best so far */
    unsigned best;             /* which of them */
    bool is_swapped;           /* the reply names the second tag first */
};

enum status collide_new(size_t capacity_samples, struct collide **collide)
{
    require(capacity_samples >= 1);
    struct collide *c = calloc(1, sizeof *c);
    if (c) {
        c->capacity_samples = capacity_samples;
        c->re = malloc(capacity_samples * sizeof *c->re);
        c->im = malloc(capacity_samples * sizeof *c->im);
        c->sum = malloc((capacity_samples + 1) * sizeof *c->sum);
        c->work = malloc((capacity_samples + 1) * sizeof *c->work);
    }
    if (!c || !c->re || !c->im || !c->sum || !c->work) {
        collide_free(&c);
        return status_fail(ST_NO_MEMORY, "collisions: no memory for %zu samples", capacity_samples);
    }
    *collide = c;
    return ST_OK;
}

void collide_free(struct collide **collide)
{
    if (*collide) {
        free((*collide)->re);
        free((*collide)->im);
        free((*collide)->sum);
        free((*collide)->work);
        free(*collide);
        *collide = NULL;
    }
}

static void bins_fill(struct collide *collide, const struct integral *integral)
{
    const double _Complex *sum = integral->sum;
    const double half = sqrt(collide->search.half_lo * collide->search.half_hi);
    const size_t bin = (size_t)fmax(BIN_RATIO * half, 1.0);
    const double scale = 1.0 / sqrt((double)bin * collide->search.noise_variance);
    collide->bin_samples = bin;
    collide->n_bins = integral->n_samples / bin;
    for (size_t k = 0; k < collide->n_bins; k++) {
        double _Complex z = sum[(k + 1) * bin] - sum[k * bin];
        collide->re[k] = (float)(scale * creal(z));
        collide->im[k] = (float)(scale * cimag(z));
    }
}

/* A level of the integral in the bins' units. */
static float _Complex level_of(const struct collide *collide, double _Complex level)
{
    double scale = sqrt((double)collide->bin_samples / collide->search.noise_variance);
    return (float _Complex)(scale * level);
}

/* Log-likelihoods of the bins, sum[1 ..], summed up in place.   out the signal they are */
static struct lone_signal signal_of(struct collide *collide, double nats)
{
    float *sum = collide->sum, all = 0.0F, magnitude = 0.0F;
    sum[0] = 0.0F;
    for (size_t k = 1; k <= collide->n_bins; k++) {
        all += sum[k];
        magnitude += fabsf(sum[k]);
        sum[k] = all;
    }
    return (struct lone_signal){.sum = sum,
                                .n_bins = collide->n_bins,
                                .bin_samples = (double)collide->bin_samples,
                                .nats = nats,
                                .nats_all = 0.5 * (double)magnitude};
}

/* -log(e^-x + e^-y), by a parabola that is 0.03 off at most. */
static inline float nearer(float x, float y)
{
    float least = x < y ? x : y, apart = x < y ? y - x : x - y;
    float part = 1.0F - apart * (1.0F / 3.4F);
    part = part > 0.0F ? part : 0.0F;
    return least - 0.6931F * part * part;
}

/* Log-likelihood that the first tag is high, whatever the second does. */
VECTOR_CLONES static void demix_bins(const float *re, const float *im, size_t n,
                                     const float level_re[4], const float level_im[4], float *nats)
{
    for (size_t k = 0; k < n; k++) {
        float far[4];
        for (unsigned l = 0; l < 4; l++) {
            float x = re[k] - level_re[l], y = im[k] - level_im[l];
            far[l] = x * x + y * y;
        }
        nats[k] = nearer(far[0], far[1]) - nearer(far[2], far[3]);
    }
}

/* The first tag's signal, the second one being unknown. */
static struct lone_signal demix(struct collide *collide, const struct cluster_pair *pair)
{
    float re[4], im[4];
    for (unsigned l = 0; l < 4; l++) { /* the first tag's level in the higher bit */
        float _Complex level = level_of(collide, pair->origin + (l & 2 ? 2.0 * pair->a : 0.0) +
                                                     (l & 1 ? 2.0 * pair->b : 0.0));
        re[l] = crealf(level);
        im[l] = cimagf(level);
    }
    demix_bins(collide->re, collide->im, collide->n_bins, re, im, collide->sum + 1);
    return signal_of(collide, 4.0 * plane_power(pair->a) / collide->search.noise_variance);
}

/* The first tag's level, mean of every bin.   out level[n_bins] */
static void levels_draw(const struct collide *collide, const struct joint *joint, float *level)
{
    const struct joint_tag *tag = &joint->tag[0];
    const double per_bin = 1.0 / (double)collide->bin_samples;
    const double end = (double)collide->n_bins;
    size_t k = 0, n = collide->shape.n_halves;
    for (size_t q = 0; q <= n + 1; q++) {
        /* within a bin that holds several edges the last level counts */
        double at = q <= n ? held_within(tag->edge[q] * per_bin, 0.0, end) : end;
        size_t whole = (size_t)at;
        float before = tag->level[q], after = q <= n ? tag->level[q + 1] : -1.0F;
        for (; k < whole; k++) {
            level[k] = before;
        }
        if (k < collide->n_bins && k == whole) {
            float part = (float)(at - (double)whole);
            level[k++] = part * before + (1.0F - part) * after;
        }
    }
}

VECTOR_CLONES static void subtract_bins(const float *re, const float *im, size_t n,
                                        const float first[2], const float offset[2],
                                        const float second[2], const float *level, float *nats)
{
    for (size_t k = 0; k < n; k++) {
        float x = re[k] - offset[0] - first[0] * level[k];
        float y = im[k] - offset[1] - first[1] * level[k];
        nats[k] = 4.0F * (second[0] * x + second[1] * y);
    }
}

/* The second tag's signal: what is left of the window without the first one and the mean level. */
static struct lone_signal subtract(struct collide *collide, const struct joint *joint)
{
    float _Complex first = level_of(collide, joint->tag[0].gain);
    float _Complex second = level_of(collide, joint->tag[1].gain);
    float _Complex offset = level_of(collide, joint->offset);
    levels_draw(collide, joint, collide->work);
    subtract_bins(
        collide->re, collide->im, collide->n_bins, (const float[2]){crealf(first), cimagf(first)},
        (const float[2]){crealf(offset), cimagf(offset)},
        (const float[2]){crealf(second), cimagf(second)}, collide->work, collide->sum + 1);
    double power = plane_power(joint->tag[1].gain);
    return signal_of(collide, 4.0 * power / collide->search.noise_variance);
}

/* A tag where it begins most likely.   out false: nowhere */
static bool tag_follow(struct collide *collide, const struct lone_signal *signal,
                       const struct lone_places *places, struct joint *joint, unsigned index)
{
    struct lone_reply reply;
    if (!lone_follow(signal, &collide->search, &collide->shape, places, &reply)) {
        return false;
    }
    joint_set_tag(joint, index, reply.start, reply.half, reply.bit);
    return true;
}

/* Both tags under one idea of their half swings.   out false: they are not there */
static bool pair_try(struct collide *collide, size_t index)
{
    const struct cluster_pair *pair = &collide->pair[index];
    struct joint *joint = &collide->joint[1 - collide->best];
    struct lone_places places = collide->places;
    joint->tag[0].gain = pair->a;
    joint->tag[1].gain = pair->b;
    joint->offset = pair->origin + pair->a + pair->b;
    struct lone_signal signal = demix(collide, pair);
    if (index > 0) {
        lone_seek(&signal, &collide->search, &collide->shape, collide->work, &places);
    }
    if (!tag_follow(collide, &signal, &places, joint, 0)) {
        return false;
    }
    joint_edges(joint, 0);
    signal = subtract(collide, joint);
    lone_seek(&signal, &collide->search, &collide->shape, collide->work, &places);
    if (!tag_follow(collide, &signal, &places, joint, 1)) {
        return false;
    }
    joint_segments(joint);
    for (unsigned pass = 0; pass < JOINT_PASSES; pass++) {
        bool changes = joint_decide(joint);
        if (pass + 1 == JOINT_PASSES || (pass + 1 >= JOINT_PASSES_MIN && !changes)) {
            break;
        }
        joint_gains(joint);
        joint_clocks(joint, pass < 2 ? 0.4 : 0.25);
        joint_segments(joint);
        joint_gains(joint);
    }
    joint_measure(joint);
    return true;
}

static double right_ratio(const struct joint *joint, const struct joint_tag *tag)
{
    double wrong = 0.0, doubt = fmax(joint->residual_ratio, 1.0); /* what is left is noise, too */
    for (size_t k = 0; k + 1 < joint->shape->n_symbols; k++) {
        wrong += sequence_error_chance((double)tag->soft[k] / doubt);
    }
    return exp(-wrong);
}

static void reply_fill(const struct joint *joint, struct collide_reply *reply)
{
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        const struct joint_tag *from = &joint->tag[i];
        struct collide_tag *tag = &reply->tag[i];
        double n = (double)joint->shape->n_halves;
        tag->start = from->start;
        tag->half = from->half + n * from->bend;
        tag->end = from->start + n * tag->half; /* its edges may lie behind the samples */
        tag->gain = from->gain;
        tag->right_ratio = right_ratio(joint, from);
        tag->score_nats = from->score_nats;
        memcpy(tag->bit, from->bit, joint->shape->n_symbols - 1);
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

void collide_begin(struct collide *collide, const struct collide_request *window)
{
    const struct integral *integral = window->integral;
    struct sync_search *search = &collide->search;
    require(integral->n_samples <= collide->capacity_samples);
    require(window->n_tries >= 1);
    require(window->n_tries <= CLUSTER_PAIRS_MAX);
    collide->n_pairs = 0;
    if ((double)integral->n_samples <= window->search->start_hi + 1.0) {
        return;
    }
    *search = *window->search;
    search->noise_variance = floor_variance(window);
    joint_code_fill(&collide->shape, search->code, search->trext, window->n_bits);
    bins_fill(collide, integral);
    double half = sqrt(search->half_lo * search->half_hi);
    double to = fmin(search->start_lo + (double)collide->shape.n_halves * search->half_lo,
                     (double)integral->n_samples);
    collide->n_pairs = clusters_find(integral, search->start_lo, search->start_hi, to, half,
                                     search->noise_variance, collide->pair, window->n_tries);
    if (collide->n_pairs > 0) {
        struct lone_signal signal = demix(collide, &collide->pair[0]);
        lone_seek(&signal, search, &collide->shape, collide->work, &collide->places);
    }
}

void collide_resolve(struct collide *collide, const struct collide_request *window,
                     struct collide_reply *reply)
{
    const struct integral *integral = window->integral;
    require(integral->n_samples <= collide->capacity_samples);
    memset(reply, 0, sizeof *reply);
    double best = -INFINITY;
    if (collide->n_pairs > 0) {
        struct collide_request request = *window;
        request.search = &collide->search;
        bins_fill(collide, integral);
        joint_begin(&collide->joint[0], &request, &collide->shape);
        joint_begin(&collide->joint[1], &request, &collide->shape);
    }
    for (size_t k = 0; k < collide->n_pairs; k++) {
        unsigned other = 1 - collide->best;
        if (pair_try(collide, k) && collide->joint[other].score_nats > best) {
            collide->best = other;
            best = collide->joint[other].score_nats;
        }
        if (isfinite(best) && collide->joint[collide->best].residual_ratio < RESIDUAL_CLEAR) {
            break;
        }
    }
    if (isfinite(best)) {
        joint_soften(&collide->joint[collide->best]);
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
