/* interference.c - subtract carriers, blank impulses, measure the noise block by block. */
#include "dsp/interference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/carrier.h"
#include "dsp/impulses.h"
#include "dsp/plane.h"
#include "dsp/tones.h"

enum {
    PART_MAX = 1024, /* samples worked on at once */
    ROOM = PART_MAX + 3 * IMPULSES_DISTANCE_MAX,
    BLOCK_MIN = 64,
    BLOCK_MAX = 2048, /* samples */
    BLOCKS_MAX = 4096,
    CARRIERS_MAX = 1 + TONES_MAX, /* [0] is the leak: put back after the look for impulses */
    LINE_LOOKS_MAX = 8,
    BURST_BLOCKS_MIN = 2,
};
#define BLOCK_TPRI 2.0
#define SAMPLE_LIMIT 16.0F  /* full scale is 1 */
#define BLANK_RATIO 40.0    /* squared excursion over noise variance: noise does it in 3e-12 */
#define LOOK_RATIO 8.0      /* above, a sample is looked at alone */
#define LOCAL_SHARE 0.5     /* of the noise just before, that counts as the quiet's does */
#define BURST_RATIO_MIN 2.5 /* a block's noise over the quiet's */
#define NOISE_SPREAD 1.45   /* sd of a block's noise * sqrt(samples), relative (Monte Carlo) */
#define BAND_BLF 1.5        /* within, a reply's own lines lie */
#define BLANK_SHARE_MAX 8   /* a block has at most one in so many blanked: more is no impulse */
#define NOISE_LIMIT 1e6     /* full scale is 1 */
#define DOUBT_SIGMAS 7.0
#define BURST_SHARE_MIN 0.4 /* of a block's power: less does a reply of 50 samples a bit no harm */
#define EDGE_RATIO 12.0     /* squared change over the noise: an edge, not a burst */
#define LINE_SHARE_MIN 0.3  /* of a burst's energy in one line: a carrier */
#define PAIR_SIGMAS 5.0
#define PAIR_RAD 0.5 /* over the quiet */
#define PAIR_POWER_RATIO 2.0
#define STEP_VARIANCE 0.5 /* of a converter's step squared: least noise to reckon with */

_Static_assert((int)TONES_MAX == (int)REPLY_TONES_MAX, "every tone found can be told");

struct interference {
    struct interference_cfg cfg;
    struct tones *tones;
    struct tones_found found;
    size_t n_quiet, n_block;
    unsigned distance;    /* 0: impulses and noise cannot be told from a tag */
    double floor;         /* noise variance to reckon with */
    double step_variance; /* of the converter's steps, at most */
    double band_rad;      /* the tag's, a sample */
    unsigned n_block_blanked;
    double blank_limit; /* squared excursion; of the block at hand */
    unsigned n_carriers;
    struct carrier carrier[CARRIERS_MAX];
    int64_t entered, left; /* samples taken in, given out */
    int64_t n_blanked;
    double blanked_power;
    float _Complex last; /* given out, carriers not in it */
    float _Complex *turn[CARRIERS_MAX];
    float _Complex *work;  /* `distance` samples given out, then those held back, then new ones */
    float _Complex *back;  /* the leak's part of them */
    float _Complex *block; /* block at hand: carriers out, impulses out */
    float *lesser;         /* its lesser differences */
    bool keep_block;       /* block[] is wanted though there are no carriers */
    float *scratch;
    float *noise; /* a block */
    size_t n_blocks;
    double quiet_noise; /* mean of the lesser differences in the quiet's whole blocks */
    size_t n_quiet_blocks;
    unsigned n_burst, n_quieter, n_line, n_looks;
    double burst_power, line_offset_rad;
};

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
    x->work = calloc(ROOM, sizeof *x->work);
    x->back = calloc(ROOM, sizeof *x->back);
    x->block = calloc(BLOCK_MAX, sizeof *x->block);
    x->lesser = calloc(BLOCK_MAX, sizeof *x->lesser);
    x->scratch = calloc(ROOM, sizeof *x->scratch);
    x->noise = calloc(BLOCKS_MAX, sizeof *x->noise);
    bool complete = x->work && x->back && x->block && x->lesser && x->scratch && x->noise;
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
    free(x->noise);
    free(x->scratch);
    free(x->lesser);
    free(x->block);
    free(x->back);
    free(x->work);
    free(x);
    *interference = NULL;
}

/* Everything a window counts, back to nothing. */
static void window_reset(struct interference *x)
{
    x->entered = x->left = x->n_blanked = 0;
    x->blanked_power = x->burst_power = x->quiet_noise = 0.0;
    x->last = 0.0F;
    x->n_blocks = x->n_quiet_blocks = 0;
    x->n_block_blanked = 0;
    x->n_burst = x->n_quieter = x->n_line = x->n_looks = 0;
    x->line_offset_rad = NAN;
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

/* Take in n samples, all of one block when there are carriers, behind those held back. */
static void part_enter(struct interference *x, const float _Complex *in, size_t n)
{
    size_t held = (size_t)(x->entered - x->left);
    float _Complex *to = x->work + x->distance + held;
    memcpy(to, in, n * sizeof *to);
    int64_t block = x->entered / (int64_t)x->n_block;
    size_t within = (size_t)(x->entered % (int64_t)x->n_block);
    for (unsigned k = 0; k < x->n_carriers; k++) {
        struct carrier *carrier = &x->carrier[k];
        if (within == 0) {
            carrier_level(carrier, block);
        }
        subtract(to, carrier->turn + within, (float _Complex)carrier->used[block & 1],
                 k == 0 ? x->back + x->distance + held : NULL, n);
    }
    if (x->entered == 0) { /* nothing came before: let it be more of the same */
        for (size_t k = 0; k < x->distance; k++) {
            x->work[k] = to[0];
        }
        x->last = to[0];
    }
    x->entered += (int64_t)n;
}

/* In a burst: a carrier or noise? Outside the tag's band the block tells; inside, its differences at a
 * distance, a tag's edges cut out. */
static bool line_look(struct interference *x, double limit, bool inside, double *offset_rad)
{
    size_t n = x->n_block - x->distance;
    float _Complex *sample = x->block;
    float _Complex mean = 0.0F;
    for (size_t k = 0; k < x->n_block; k++) {
        mean += sample[k] / (float)x->n_block;
    }
    for (size_t k = 0; k < x->n_block; k++) {
        sample[k] -= mean;
    }
    if (tones_line_share(x->tones, sample, x->n_block, offset_rad) > LINE_SHARE_MIN &&
        fabs(*offset_rad) > x->band_rad) {
        return true;
    }
    if (!inside) {
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        float _Complex change = sample[k + x->distance] - sample[k];
        float re = crealf(change), im = cimagf(change);
        sample[k] = (double)(re * re + im * im) < limit ? change : 0.0F;
    }
    return n >= 8 && tones_line_share(x->tones, sample, n, offset_rad) > LINE_SHARE_MIN;
}

/* Power of the block at hand about its mean: noise and reply. */
static double block_power(const struct interference *x)
{
    double _Complex sum = 0.0;
    double power = 0.0;
    for (size_t k = 0; k < x->n_block; k++) {
        sum += x->block[k];
        power += plane_power(x->block[k]);
    }
    double n = (double)x->n_block;
    return power / n - plane_power(sum / n);
}

/* A block with far more noise than the quiet. A reply's own edges, never as sharp as they are drawn,
 * leave some too: a burst is what rivals the reply, or a line where no reply has any. */
static void burst_count(struct interference *x, double noise, double reference)
{
    double offset_rad;
    bool line = false, rival = noise >= BURST_SHARE_MIN * block_power(x);
    if (x->n_looks < LINE_LOOKS_MAX) {
        x->n_looks++;
        line = line_look(x, EDGE_RATIO * noise, rival, &offset_rad);
    }
    if (line) {
        x->n_line++;
        x->line_offset_rad = offset_rad;
    }
    if (line || rival) {
        x->n_burst++;
        x->burst_power += noise - reference;
    }
}

/* The noise of a block after the quiet, held against the quiet's. */
static void noise_judge(struct interference *x, double noise)
{
    bool known = x->n_quiet_blocks > 0;
    double reference = known ? x->quiet_noise : x->found.noise_variance;
    reference = fmax(fmax(reference, x->step_variance), 1e-30);
    double n_known = known ? (double)(x->n_quiet_blocks * x->n_block) : (double)x->n_quiet;
    double doubt = NOISE_SPREAD * (1.0 / sqrt((double)x->n_block) + 1.0 / sqrt(n_known));
    double limit = fmax(BURST_RATIO_MIN, 1.0 + DOUBT_SIGMAS * doubt);
    bool noisy = noise > limit * reference;
    if (noisy && (x->keep_block || x->n_carriers > 0)) {
        burst_count(x, noise, reference);
    }
    x->keep_block = noisy; /* one is rarely alone: from the second on */
    x->n_quieter += fmax(noise, x->step_variance) * limit < reference;
}

/* The noise of a whole block. */
static void noise_measure(struct interference *x, int64_t block)
{
    double noise =
        impulses_sum(x->lesser, x->n_block) / ((double)x->n_block * IMPULSES_NOISE_RATIO);
    noise = noise < NOISE_LIMIT ? noise : NOISE_LIMIT; /* NaN too */
    if (x->n_blocks < BLOCKS_MAX) {
        x->noise[x->n_blocks++] = (float)noise;
    }
    x->blank_limit = BLANK_RATIO * fmax(x->floor, LOCAL_SHARE * noise);
    if ((block + 1) * (int64_t)x->n_block <= (int64_t)x->n_quiet) {
        x->n_quiet_blocks++;
        x->quiet_noise += (noise - x->quiet_noise) / (double)x->n_quiet_blocks;
    } else {
        noise_judge(x, noise);
    }
}

static void block_finish(struct interference *x, int64_t block)
{
    for (unsigned k = 0; k < x->n_carriers; k++) {
        carrier_correct(&x->carrier[k], block, x->block, x->n_block);
    }
    if (x->distance > 0) {
        noise_measure(x, block);
    } else if (x->n_blocks < BLOCKS_MAX) {
        x->noise[x->n_blocks++] = NAN;
    }
    x->n_block_blanked = 0;
}

/* One sample that stands out: an impulse is replaced by what lies on both sides.
 * out *lesser without what an edge put into it */
static void sample_look(struct interference *x, const float _Complex *sample, float *lesser,
                        float _Complex *out)
{
    float off = impulses_off_segment(sample, x->distance);
    *lesser = off < *lesser ? off : *lesser;
    if ((double)*lesser <= x->blank_limit) {
        return;
    }
    if (impulses_is_level(sample, x->distance, (float)x->blank_limit)) {
        *lesser = 0.0F; /* a reply's level, an edge on one side of it and an impulse on the other */
        return;
    }
    if (!x->cfg.blank || x->n_block_blanked >= x->n_block / BLANK_SHARE_MAX) {
        return;
    }
    float _Complex before = *(sample - x->distance), after = sample[x->distance];
    double apart = plane_power((double _Complex)before - after);
    float _Complex level = apart <= x->blank_limit ? 0.5F * (before + after) : x->last;
    x->n_blanked++;
    x->n_block_blanked++;
    x->blanked_power += plane_power((double _Complex) * out - level);
    *out = level;
    *lesser = 0.0F;
}

/* Samples of one block that stand out, one by one; out[] holds them as they came. */
static void samples_look(struct interference *x, const float _Complex *sample, float *lesser,
                         float _Complex *out, size_t n)
{
    enum { STRIDE = 16 }; /* most have none: they are passed over together */
    const float limit = (float)(LOOK_RATIO * x->floor);
    for (size_t from = 0; from < n; from += STRIDE) {
        size_t to = from + STRIDE < n ? from + STRIDE : n;
        unsigned n_over = 0;
        for (size_t k = from; k < to; k++) {
            n_over += lesser[k] > limit;
        }
        for (size_t k = from; k < to && n_over > 0; k++) {
            if (lesser[k] > limit) {
                x->last = k > 0 ? out[k - 1] : x->last;
                sample_look(x, sample + k, &lesser[k], &out[k]);
            }
        }
    }
}

/* Give out n samples, all of one block: work[distance + at ..] */
static void part_leave(struct interference *x, size_t at, size_t n, bool look, float _Complex *out)
{
    size_t within = (size_t)(x->left % (int64_t)x->n_block);
    const float _Complex *sample = x->work + x->distance + at;
    float *lesser = x->lesser + within;
    memcpy(out, sample, n * sizeof *out);
    if (x->distance > 0 && look) {
        float limit = (float)(LOOK_RATIO * x->floor);
        if (impulses_lesser(sample, x->distance, limit, x->scratch, lesser, n) > 0) {
            samples_look(x, sample, lesser, out, n);
        }
    } else {
        memset(lesser, 0, n * sizeof *lesser);
    }
    x->last = out[n - 1];
    if (x->n_carriers > 0 || x->keep_block) {
        memcpy(x->block + within, out, n * sizeof *out);
    }
    if (x->n_carriers > 0) {
        const float *leak = (const float *)(x->back + x->distance + at);
        float *to = (float *)out;
        for (size_t k = 0; k < 2 * n; k++) {
            to[k] += leak[k];
        }
    }
    x->left += (int64_t)n;
    if (within + n == x->n_block) {
        block_finish(x, x->left / (int64_t)x->n_block - 1);
    }
}

/* Give out what may go, block by block.  returns how many */
static size_t parts_leave(struct interference *x, float _Complex *out, int64_t until, bool look)
{
    if (until <= x->left) {
        return 0;
    }
    size_t n_out = (size_t)(until - x->left), at = 0;
    while (at < n_out) {
        size_t n = x->n_block - (size_t)(x->left % (int64_t)x->n_block);
        n = n < n_out - at ? n : n_out - at;
        part_leave(x, at, n, look, out + at);
        at += n;
    }
    size_t keep = x->distance + (size_t)(x->entered - x->left);
    memmove(x->work, x->work + n_out, keep * sizeof *x->work);
    if (x->n_carriers > 0) {
        memmove(x->back, x->back + n_out, keep * sizeof *x->back);
    }
    return n_out;
}

size_t interference_clean(struct interference *x, const float _Complex *in, size_t n_samples,
                          float _Complex *out)
{
    require(x->n_block > 0);
    size_t n_out = 0;
    while (n_samples > 0) {
        size_t n = n_samples < PART_MAX ? n_samples : PART_MAX;
        if (x->n_carriers > 0) { /* their level is a block's */
            size_t room = x->n_block - (size_t)(x->entered % (int64_t)x->n_block);
            n = n < room ? n : room;
        }
        part_enter(x, in, n);
        in += n;
        n_samples -= n;
        n_out += parts_leave(x, out + n_out, x->entered - (int64_t)x->distance, true);
    }
    return n_out;
}

size_t interference_flush(struct interference *x, float _Complex *out)
{
    return parts_leave(x, out, x->entered, false);
}

const float *interference_noise(const struct interference *x, size_t *n_blocks,
                                size_t *block_samples)
{
    *n_blocks = x->n_blocks;
    *block_samples = x->n_block;
    return x->noise;
}

static enum reply_cause cause_of(const struct interference *x, unsigned n_keyed)
{
    if (n_keyed > 0 || x->n_line >= BURST_BLOCKS_MIN) {
        return REPLY_CAUSE_COMMANDS;
    }
    if (x->n_burst >= BURST_BLOCKS_MIN || x->n_quieter >= BURST_BLOCKS_MIN) {
        return REPLY_CAUSE_BURST;
    }
    if (x->n_blanked > 0) {
        return REPLY_CAUSE_IMPULSES;
    }
    return x->found.n_tones > 0 ? REPLY_CAUSE_CARRIER : REPLY_CAUSE_NONE;
}

void interference_report(const struct interference *x, struct interference_report *report)
{
    double hz = x->cfg.rate_sps / (2.0 * UNITS_PI);
    unsigned n_keyed = 0;
    *report = (struct interference_report){
        .n_tones = x->found.n_tones,
        .n_blocks = (unsigned)x->n_blocks,
        .n_burst_blocks = x->n_burst,
        .n_quieter_blocks = x->n_quieter,
        .n_line_blocks = x->n_line,
        .impulse_dbfs = NAN,
        .burst_dbfs = NAN,
        .burst_offset_hz = x->line_offset_rad * hz,
    };
    for (unsigned k = 0; k < x->found.n_tones; k++) {
        const struct tone *tone = &x->found.tone[k];
        report->tone[k].offset_hz = tone->offset_rad * hz;
        report->tone[k].power_dbfs = units_db_from_power_ratio(plane_power(tone->amplitude));
        n_keyed += carrier_is_keyed(&x->carrier[k + 1]);
    }
    if (x->n_blanked > 0) {
        report->blanked_ratio = (double)x->n_blanked / (double)x->left;
        report->impulse_dbfs = units_db_from_power_ratio(x->blanked_power / (double)x->n_blanked);
    }
    if (x->n_burst > 0) {
        report->burst_dbfs = units_db_from_power_ratio(x->burst_power / x->n_burst);
    } else if (x->n_quieter >= BURST_BLOCKS_MIN) {
        report->burst_dbfs = units_db_from_power_ratio(x->found.noise_variance);
    }
    report->cause = cause_of(x, n_keyed);
}
