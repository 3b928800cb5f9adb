/* interference.c - subtract carriers, blank impulses (interference_blocks.c: what each block tells). */
#include "dsp/interference_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/carrier.h"
#include "dsp/impulses.h"
#include "dsp/plane.h"
#include "dsp/tones.h"
#include "dsp/tones_fit.h"

#define BLOCK_TPRI 2.0
#define LOOK_RATIO 8.0 /* above, a sample is looked at alone */
#define BAND_BLF 1.5   /* within, a reply's own lines lie */
#define PAIR_SIGMAS 5.0
#define PAIR_RAD 0.5 /* over the quiet */
#define PAIR_POWER_RATIO 2.0
#define STEP_VARIANCE 0.5 /* of a converter's step squared: least noise to reckon with */

_Static_assert(INTERFERENCE_MARGIN >= IMPULSES_DISTANCE_MAX, "differences reach no further back");
_Static_assert((int)TONES_MAX == (int)REPLY_TONES_MAX, "every tone found can be told");

enum status interference_new(const struct interference_cfg *cfg, struct interference **interference)
{
    require(cfg->rate_sps >= 1e5);
    require(cfg->rate_sps <= 100e6);
    *interference = NULL;
    struct interference *x = calloc(1, sizeof *x);
    if (!x) {
        return status_fail(ST_NO_MEMORY, "interference: no memory");
    }
    x->cfg = *cfg;
    x->back = calloc(ROOM, sizeof *x->back);
    x->block = calloc(BLOCK_MAX, sizeof *x->block);
    x->lesser = calloc(BLOCK_MAX, sizeof *x->lesser);
    x->scratch = calloc(ROOM, sizeof *x->scratch);
    bool complete = x->back && x->block && x->lesser && x->scratch;
    for (unsigned k = 0; k < CARRIERS_MAX; k++) {
        x->turn[k] = calloc(BLOCK_MAX, sizeof *x->turn[k]);
        complete = complete && x->turn[k];
    }
    enum status status = complete ? ST_OK : status_fail(ST_NO_MEMORY, "interference: no memory");
    status = status ? status : tones_new(&x->tones);
    if (status) {
        interference_free(&x);
        return status;
    }
    *interference = x;
    return ST_OK;
}

void interference_free(struct interference **interference)
{
    struct interference *x = *interference;
    if (!x) {
        return;
    }
    tones_free(&x->tones);
    for (unsigned k = 0; k < CARRIERS_MAX; k++) {
        free(x->turn[k]);
    }
    free(x->scratch);
    free(x->lesser);
    free(x->block);
    free(x->back);
    free(x);
    *interference = NULL;
}

/* Everything a window counts, back to nothing. */
static void window_reset(struct interference *x)
{
    x->entered = x->left = 0;
    x->counts = (struct counts){.line_offset_rad = NAN};
    x->quiet_noise = 0.0;
    x->last = 0.0F;
    x->n_blocks = x->n_quiet_blocks = 0;
    x->n_block_blanked = 0;
    x->n_looks = 0;
    x->keep_block = false;
}

/* Carriers are followed when there are others than a leak that stands still; the leak then too, since
 * nothing can be measured beside it otherwise. */
static void carriers_start(struct interference *x)
{
    const struct tones_found *found = &x->found;
    x->n_carriers = 0;
    if (found->n_tones == 0 && found->leak.offset_rad == 0.0) {
        return;
    }
    int64_t first_after = (int64_t)((x->n_quiet + x->n_block - 1) / x->n_block);
    for (unsigned k = 0; k <= found->n_tones; k++) {
        const struct tone *tone = k > 0 ? &found->tone[k - 1] : &found->leak;
        carrier_start(&x->carrier[k], tone, found->middle, found->noise_variance, first_after - 1,
                      x->n_block, x->turn[k]);
    }
    double power = plane_power(found->leak.amplitude);
    if (power > 0.0) {
        x->carrier[0].growth =
            found->leak_growth * conj(found->leak.amplitude) / power * (double)x->n_block;
    }
    x->n_carriers = 1 + found->n_tones;
}

/* Mark carriers within near_rad of the leak. */
static void near_mark(struct interference *x, double near_rad)
{
    for (unsigned k = 0; k < x->n_carriers; k++) {
        double apart = tones_wrap(x->carrier[k].offset_rad - x->found.leak.offset_rad);
        x->is_near[k] = k > 0 && fabs(apart) < near_rad;
    }
}

unsigned interference_near(const struct interference *x, struct tone *tone, double *middle)
{
    unsigned n = 0;
    for (unsigned k = 1; k < x->n_carriers; k++) {
        if (x->is_near[k]) {
            tone[n++] = x->found.tone[k - 1];
        }
    }
    *middle = x->found.middle;
    return n;
}

/* Two lines equally strong and equally far to both sides of the leak are its own modulation (hum,
 * ringing after an edge), no carriers: of an image the weaker one is far weaker. */
static void pairs_drop(struct tones_found *found)
{
    bool drop[TONES_MAX] = {false};
    for (unsigned a = 0; a < found->n_tones; a++) {
        for (unsigned b = 0; b < a; b++) {
            const struct tone *x = &found->tone[a], *y = &found->tone[b];
            double off = x->offset_rad + y->offset_rad - 2.0 * found->leak.offset_rad;
            double sigma = hypot(x->offset_sigma_rad, y->offset_sigma_rad);
            double unlike = plane_power(x->amplitude) / plane_power(y->amplitude);
            bool pair = fabs(off) < PAIR_SIGMAS * sigma + PAIR_RAD / (double)found->n_samples &&
                        unlike > 1.0 / PAIR_POWER_RATIO && unlike < PAIR_POWER_RATIO;
            drop[a] = drop[a] || pair;
            drop[b] = drop[b] || pair;
        }
    }
    unsigned n = 0;
    for (unsigned k = 0; k < found->n_tones; k++) {
        if (!drop[k]) {
            found->tone[n++] = found->tone[k];
        }
    }
    found->n_tones = n;
}

void interference_learn(struct interference *x, const struct interference_window *window,
                        const float _Complex *quiet, size_t n_samples)
{
    require(n_samples >= 8);
    require(window->blf_hz > 0.0);
    double tpri = x->cfg.rate_sps / window->blf_hz;
    double half_cycle = 0.5 * tpri / (1.0 + window->blf_tolerance_ratio);
    window_reset(x);
    x->n_quiet = n_samples;
    x->n_block = (size_t)fmin(fmax(BLOCK_TPRI * tpri, BLOCK_MIN), BLOCK_MAX);
    tones_find(x->tones, quiet, n_samples, window->leak_offset_rad, &x->found);
    x->found.n_tones = x->cfg.notch ? x->found.n_tones : 0;
    pairs_drop(&x->found);
    carriers_start(x);
    near_mark(x, 2.0 * UNITS_PI * window->near_blf / tpri);
    x->distance = impulses_distance(half_cycle);
    /* a quiet without a single change says nothing about noise or the converter's step */
    x->distance = x->found.step > 0.0 ? x->distance : 0;
    x->step_variance = STEP_VARIANCE * x->found.step * x->found.step;
    x->band_rad = 2.0 * UNITS_PI * BAND_BLF / tpri;
    double unsure = 1.0 + 4.0 / sqrt((double)x->found.n_samples);
    x->floor = fmax(x->found.noise_variance * unsure, x->step_variance);
    x->blank_limit = BLANK_RATIO * x->floor;
}

size_t interference_delay(const struct interference *x)
{
    return x->distance;
}

bool interference_is_calm(const struct interference *x)
{
    return x->n_carriers == 0;
}

/* sample -= level * turn; kept += the same when wanted */
static void subtract(float _Complex *sample, const float _Complex *turn, float _Complex level,
                     float _Complex *kept, size_t n)
{
    float *x = (float *)sample;
    const float *w = (const float *)turn;
    const float a = crealf(level), b = cimagf(level);
    for (size_t k = 0; k < n; k++) {
        x[2 * k] -= a * w[2 * k] - b * w[2 * k + 1];
        x[2 * k + 1] -= a * w[2 * k + 1] + b * w[2 * k];
    }
    float *y = (float *)kept;
    for (size_t k = 0; y && k < n; k++) {
        y[2 * k] = a * w[2 * k] - b * w[2 * k + 1];
        y[2 * k + 1] = a * w[2 * k + 1] + b * w[2 * k];
    }
}

/* What the quiet told of a carrier's level in the middle of a block. */
static double _Complex quiet_level(const struct interference *x, unsigned k, int64_t block)
{
    const struct tone *tone = &x->found.tone[k - 1];
    double p = (double)x->n_block, away = (double)block * p + 0.5 * (p - 1.0) - x->found.middle;
    return tone->amplitude * cexp(I * tones_wrap(tone->offset_rad * away));
}

/* Take in n samples, all of one block when there are carriers. */
static void part_enter(struct interference *x, float _Complex *sample, size_t n)
{
    size_t held = (size_t)(x->entered - x->left);
    int64_t block = x->entered / (int64_t)x->n_block;
    size_t within = (size_t)(x->entered % (int64_t)x->n_block);
    for (unsigned k = 0; k < x->n_carriers; k++) {
        struct carrier *carrier = &x->carrier[k];
        if (within == 0) {
            carrier_level(carrier, block);
        }
        subtract(sample, carrier->turn + within, (float _Complex)carrier->used[block & 1],
                 k == 0 ? x->back + held : NULL, n);
        if (x->is_near[k]) {
            double _Complex more = quiet_level(x, k, block) - carrier->used[block & 1];
            subtract(x->back + held, carrier->turn + within, (float _Complex)more, NULL, n);
        }
    }
    if (x->entered == 0) { /* nothing came before: let it be more of the same */
        for (size_t k = 0; k < x->distance; k++) {
            x->before[k] = sample[0];
        }
        x->last = sample[0];
    }
    x->entered += (int64_t)n;
}

/* One sample that stands out: an impulse is replaced by what lies on both sides.
 * out *lesser without what an edge put into it */
static void sample_look(struct interference *x, const float _Complex *sample, size_t place,
                        float *lesser)
{
    const float _Complex *here = sample + place;
    float off = impulses_off_segment(here, x->distance);
    *lesser = off < *lesser ? off : *lesser;
    if ((double)*lesser <= x->blank_limit) {
        return;
    }
    if (impulses_is_level(here, x->distance, (float)x->blank_limit)) {
        *lesser = 0.0F; /* a reply's level, an edge on one side of it and an impulse on the other */
        return;
    }
    if (!x->cfg.blank || x->n_block_blanked >= x->n_block / BLANK_SHARE_MAX) {
        return;
    }
    float _Complex before = *(here - x->distance), after = here[x->distance];
    double apart = plane_power((double _Complex)before - after);
    const struct blank *past = x->n_part_blanks > 0 ? &x->blank[x->n_part_blanks - 1] : NULL;
    float _Complex last = place == 0                         ? x->last
                          : past && past->place + 1 == place ? past->level
                                                             : *(here - 1);
    float _Complex level = apart <= x->blank_limit ? 0.5F * (before + after) : last;
    x->blank[x->n_part_blanks++] = (struct blank){place, level};
    x->counts.n_blanked++;
    x->n_block_blanked++;
    x->counts.blanked_power += plane_power((double _Complex) * here - level);
    *lesser = 0.0F;
}

enum { STRIDE = 16 }; /* most have no sample that stands out: they are passed over together */

static bool stride_has(const float *value, float limit)
{
    unsigned n_over = 0;
    for (size_t k = 0; k < STRIDE; k++) {
        n_over += value[k] > limit;
    }
    return n_over > 0;
}

/* Samples of one block that stand out, one by one. */
static void samples_look(struct interference *x, const float _Complex *sample, float *lesser,
                         size_t n)
{
    const float limit = (float)(LOOK_RATIO * x->floor);
    size_t from = 0;
    while (from < n) {
        size_t to = from + STRIDE;
        if (to <= n && !stride_has(lesser + from, limit)) {
            from = to;
            continue;
        }
        for (to = to < n ? to : n; from < to; from++) {
            if (lesser[from] > limit) {
                sample_look(x, sample, from, &lesser[from]);
            }
        }
    }
}

/* Look for impulses in n samples, all of one block, and replace them. Samples are compared as they came:
 * those given out before are for the while what they were. */
static void part_look(struct interference *x, float _Complex *sample, float *lesser, size_t n)
{
    const unsigned d = x->distance;
    float _Complex given[IMPULSES_DISTANCE_MAX];
    memcpy(given, sample - d, d * sizeof *given);
    memcpy(sample - d, x->before, d * sizeof *given);
    x->n_part_blanks = 0;
    if (impulses_lesser(sample, d, (float)(LOOK_RATIO * x->floor), x->scratch, lesser, n) > 0) {
        samples_look(x, sample, lesser, n);
    }
    memcpy(x->before, sample + n - d, d * sizeof *given);
    memcpy(sample - d, given, d * sizeof *given);
    for (size_t k = 0; k < x->n_part_blanks; k++) {
        sample[x->blank[k].place] = x->blank[k].level;
    }
    x->last = sample[n - 1];
}

/* Give out n samples, all of one block; `at` of those taken in and held back lie before. */
static void part_leave(struct interference *x, float _Complex *sample, size_t at, size_t n)
{
    size_t within = (size_t)(x->left % (int64_t)x->n_block);
    if (x->distance > 0) {
        part_look(x, sample, x->lesser + within, n);
    }
    if (x->n_carriers > 0 || x->keep_block) {
        memcpy(x->block + within, sample, n * sizeof *sample);
    }
    if (x->n_carriers > 0) {
        const float *leak = (const float *)(x->back + at);
        float *to = (float *)sample;
        for (size_t k = 0; k < 2 * n; k++) {
            to[k] += leak[k];
        }
    }
    x->left += (int64_t)n;
    if (within + n == x->n_block) {
        interference_block_finish(x, x->left / (int64_t)x->n_block - 1);
    }
}

/* Give out what may go, block by block.  returns how many */
static size_t parts_leave(struct interference *x, float _Complex *sample)
{
    int64_t n_ready = x->entered - x->left - (int64_t)x->distance;
    size_t n_out = n_ready > 0 ? (size_t)n_ready : 0, at = 0;
    while (at < n_out) {
        size_t n = x->n_block - (size_t)(x->left % (int64_t)x->n_block);
        n = n < n_out - at ? n : n_out - at;
        part_leave(x, sample + at, at, n);
        at += n;
    }
    if (x->n_carriers > 0 && n_out > 0) {
        memmove(x->back, x->back + n_out, (size_t)(x->entered - x->left) * sizeof *x->back);
    }
    return n_out;
}

size_t interference_clean(struct interference *x, float _Complex *sample, size_t n_samples)
{
    require(x->n_block > 0);
    size_t n_out = 0;
    float _Complex *in = sample + (x->entered - x->left);
    while (n_samples > 0) {
        size_t n = n_samples;
        if (x->n_carriers > 0) { /* their level is a block's */
            size_t room = x->n_block - (size_t)(x->entered % (int64_t)x->n_block);
            n = n < room ? n : room;
        }
        part_enter(x, in, n);
        in += n;
        n_samples -= n;
        n_out += parts_leave(x, sample + n_out);
    }
    return n_out;
}
