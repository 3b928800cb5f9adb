/* interference_blocks.c - what each block tells: its noise, bursts, carriers that come and go; and the
 * report of all of them. */
#include <math.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/interference_parts.h"
#include "dsp/plane.h"

enum { LINE_LOOKS_MAX = 8, BURST_BLOCKS_MIN = 2 };
#define BURST_RATIO_MIN 2.5 /* a block's noise over the quiet's */
#define NOISE_SPREAD 1.45   /* sd of a block's noise * sqrt(samples), relative (Monte Carlo) */
#define NOISE_LIMIT 1e6     /* full scale is 1 */
#define DOUBT_SIGMAS 7.0
#define BURST_SHARE_MIN 0.4 /* of a block's power: less does a reply of 50 samples a bit no harm */
#define EDGE_RATIO 12.0     /* squared change over the noise: an edge, not a burst */
#define LINE_SHARE_MIN 0.3  /* of a burst's energy in one line: a carrier */
#define LOCAL_SHARE 0.5     /* of the noise just before, that counts as the quiet's does */

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
        x->counts.n_line++;
        x->counts.line_offset_rad = offset_rad;
    }
    if (line || rival) {
        x->counts.n_burst++;
        x->counts.burst_power += noise - reference;
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
    x->counts.n_quieter += fmax(noise, x->step_variance) * limit < reference;
}

/* The noise of a whole block. */
static void noise_measure(struct interference *x, int64_t block)
{
    double noise =
        impulses_sum(x->lesser, x->n_block) / ((double)x->n_block * IMPULSES_NOISE_RATIO);
    noise = noise < NOISE_LIMIT ? noise : NOISE_LIMIT; /* NaN too */
    x->blank_limit = BLANK_RATIO * fmax(x->floor, LOCAL_SHARE * noise);
    if ((block + 1) * (int64_t)x->n_block <= (int64_t)x->n_quiet) {
        x->n_quiet_blocks++;
        x->quiet_noise += (noise - x->quiet_noise) / (double)x->n_quiet_blocks;
    } else {
        noise_judge(x, noise);
    }
}

void interference_block_finish(struct interference *x, int64_t block)
{
    for (unsigned k = 0; k < x->n_carriers; k++) {
        carrier_correct(&x->carrier[k], block, x->block, x->n_block);
    }
    if (x->distance > 0) {
        noise_measure(x, block);
    }
    x->counts.n_keyed = 0;
    for (unsigned k = 1; k < x->n_carriers; k++) {
        x->counts.n_keyed += carrier_is_keyed(&x->carrier[k]);
    }
    x->kept[x->n_blocks++ % COUNTS_KEPT] = x->counts;
    x->n_block_blanked = 0;
}

static enum reply_cause cause_of(const struct counts *counts, unsigned n_tones)
{
    if (counts->n_keyed > 0 || counts->n_line >= BURST_BLOCKS_MIN) {
        return REPLY_CAUSE_COMMANDS;
    }
    if (counts->n_burst >= BURST_BLOCKS_MIN || counts->n_quieter >= BURST_BLOCKS_MIN) {
        return REPLY_CAUSE_BURST;
    }
    if (counts->n_blanked > 0) {
        return REPLY_CAUSE_IMPULSES;
    }
    return n_tones > 0 ? REPLY_CAUSE_CARRIER : REPLY_CAUSE_NONE;
}

void interference_report(const struct interference *x, size_t n_samples,
                         struct interference_report *report)
{
    double hz = x->cfg.rate_sps / (2.0 * UNITS_PI);
    size_t n_blocks = x->n_block > 0 ? n_samples / x->n_block : 0;
    n_blocks = n_blocks < x->n_blocks ? n_blocks : x->n_blocks;
    require(x->n_blocks - n_blocks < COUNTS_KEPT);
    struct counts counts = {.line_offset_rad = NAN};
    if (n_blocks > 0) {
        counts = x->kept[(n_blocks - 1) % COUNTS_KEPT];
    }
    *report = (struct interference_report){
        .n_tones = x->found.n_tones,
        .n_blocks = (unsigned)n_blocks,
        .n_burst_blocks = counts.n_burst,
        .n_quieter_blocks = counts.n_quieter,
        .n_line_blocks = counts.n_line,
        .impulse_dbfs = NAN,
        .burst_dbfs = NAN,
        .burst_offset_hz = counts.line_offset_rad * hz,
    };
    for (unsigned k = 0; k < x->found.n_tones; k++) {
        const struct tone *tone = &x->found.tone[k];
        report->tone[k].offset_hz = tone->offset_rad * hz;
        report->tone[k].power_dbfs = units_db_from_power_ratio(plane_power(tone->amplitude));
    }
    if (counts.n_blanked > 0) {
        report->blanked_ratio = (double)counts.n_blanked / (double)(n_blocks * x->n_block);
        report->impulse_dbfs =
            units_db_from_power_ratio(counts.blanked_power / (double)counts.n_blanked);
    }
    if (counts.n_burst > 0) {
        report->burst_dbfs = units_db_from_power_ratio(counts.burst_power / counts.n_burst);
    } else if (counts.n_quieter >= BURST_BLOCKS_MIN) {
        report->burst_dbfs = units_db_from_power_ratio(x->found.noise_variance);
    }
    report->cause = cause_of(&counts, report->n_tones);
}
