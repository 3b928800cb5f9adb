/* pie_demod.c - reader commands out of a recording.
 *
 *   samples -> |x| averaged over bins -> moving average of about 1 us -> level A, edges ->
 * pie_parse
 *
 * A state machine with hysteresis (0.42 A, 0.78 A) tells high from low; the time of an edge is
 * sum(crossings) with alternating sign, so that noise on a slow edge does not multiply it.
 * Everything is decided on a grid of bins and chunks that starts at reset, hence independent of
 * how the caller cuts the stream; a chunk of undisturbed carrier takes the fast way, which leaves
 * exactly the state the slow way would. */
#include "dsp/pie_demod.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/pie_parse.h"

enum { LANES = 8, SMOOTH_MAX = 8, CHUNK_BINS = 32, SLOPING_CHUNKS = 8 };

#define BIN_RATE_SPS 4e6 /* bins are not finer than this needs: PW >= 2 us = 8 bins */
#define SMOOTH_US 1.0    /* half the shortest PW */
#define LOW_RATIO 0.42   /* depth >= 80 %: the low level is 0.2 A or less */
#define HIGH_RATIO 0.78
#define OFF_US 40.0          /* low for longer than any delimiter: the carrier itself has changed */
#define SETTLE_US 50.0       /* A follows the carrier this long after the last low pulse */
#define LEVEL_US 50.0        /* time constant of A */
#define LEVEL_JUMP_RATIO 1.3 /* power-up: A follows at once */
#define PEAK_RATIO 1.5f      /* a high part above this is noise, no carrier at level A */
#define PEAK_STEP (1.0f / 16)   /* A follows the peaks of the high parts inside a frame */
#define PEAK_SPREAD_RATIO 0.35f /* of the peaks inside a frame: noise alone spreads them more */
#define SANE_LEVEL 1e9f         /* anything above, infinite or not a number counts as nothing */

static const float cross_ratio[2] = {0.5f, 0.6f};

struct pie_demod {
    double rate_sps;
    size_t bin_samples;
    size_t n_smooth;      /* bins in the moving average */
    size_t chunk_samples; /* CHUNK_BINS * bin_samples, a multiple of LANES */
    double delay_ticks;   /* newest sample to the middle of the moving average */
    double off_ticks, settle_ticks;
    float level_step; /* of A a chunk, 0..1 */

    int64_t next_tick;
    size_t n_in_chunk, n_in_bin;
    float bin_sum;
    float lane[LANES];  /* sum |x|^2 of the chunk */
    bool chunk_dirty;   /* something below LOW_RATIO in it */
    bool chunk_sloping; /* something below HIGH_RATIO in it */
    unsigned n_sloping; /* such chunks in a row */
    float chunk_level;  /* of the previous chunk, waiting for this one; negative: none */
    size_t n_bins;      /* since reset, saturates at n_smooth */
    size_t ring_at;
    float ring[SMOOTH_MAX]; /* last bins */
    float envelope;         /* moving average */
    float level;            /* A */
    bool low;
    bool above[2];          /* envelope over cross_ratio * A */
    double cross_sum[2];    /* of crossings since the state last was sure */
    double changed_tick;    /* last change of `low` */
    float peak;             /* of the envelope since it went high, until settled */
    float peak_mean;        /* of those inside a frame */
    float level_per_peak;   /* A over peak, when the frame began */
    struct pie_pulse pulse; /* the one under way */
    struct pie_parse parse;
};

enum status pie_demod_new(double rate_sps, struct pie_demod **demod)
{
    require(rate_sps >= 4e5);
    require(rate_sps <= 100e6);
    struct pie_demod *d = calloc(1, sizeof *d);
    *demod = d;
    if (!d) {
        return status_fail(ST_NO_MEMORY, "PIE demodulator: %zu bytes", sizeof *d);
    }
    d->rate_sps = rate_sps;
    d->bin_samples = rate_sps >= 2.0 * BIN_RATE_SPS ? (size_t)(rate_sps / BIN_RATE_SPS) : 1;
    double bins_per_us = rate_sps * 1e-6 / (double)d->bin_samples;
    d->n_smooth = (size_t)fmax(1.0, floor(SMOOTH_US * bins_per_us + 0.5));
    d->n_smooth = d->n_smooth > SMOOTH_MAX ? SMOOTH_MAX : d->n_smooth;
    d->chunk_samples = CHUNK_BINS * d->bin_samples;
    d->delay_ticks = 0.5 * (double)(d->n_smooth * d->bin_samples - 1);
    d->off_ticks = OFF_US * 1e-6 * rate_sps;
    d->settle_ticks = SETTLE_US * 1e-6 * rate_sps;
    double chunk_us = (double)d->chunk_samples * 1e6 / rate_sps;
    d->level_step = (float)fmin(0.5, chunk_us / LEVEL_US);
    d->parse.ticks_per_us = rate_sps * 1e-6;
    pie_demod_reset(d, 0);
    return ST_OK;
}

void pie_demod_free(struct pie_demod **demod)
{
    require(demod);
    free(*demod);
    *demod = NULL;
}

void pie_demod_reset(struct pie_demod *demod, int64_t next_tick)
{
    require(demod);
    struct pie_demod *d = demod;
    d->next_tick = next_tick;
    d->n_in_chunk = 0;
    d->n_in_bin = 0;
    d->bin_sum = 0.0f;
    memset(d->lane, 0, sizeof d->lane);
    d->chunk_dirty = false;
    d->chunk_sloping = false;
    d->n_sloping = 0;
    d->chunk_level = -1.0f;
    d->n_bins = 0;
    d->ring_at = 0;
    memset(d->ring, 0, sizeof d->ring);
    d->envelope = 0.0f;
    d->level = 0.0f;
    d->low = false;
    for (size_t i = 0; i < 2; i++) {
        d->above[i] = true;
        d->cross_sum[i] = 0.0;
    }
    d->changed_tick = (double)next_tick - d->settle_ticks;
    d->peak = 0.0f;
    pie_parse_reset(&d->parse);
}

static void high_begin(struct pie_demod *d, double tick)
{
    d->low = false;
    d->peak = 0.0f;
    d->changed_tick = tick;
    for (size_t i = 0; i < 2; i++) {
        d->above[i] = true;
        d->cross_sum[i] = 0.0;
    }
}

/* The high part that ends here tells how the carrier drifts within a frame. Peaks are biased by
 * noise, hence only their change counts. */
static void peak_note(struct pie_demod *d)
{
    if (d->peak > PEAK_RATIO * d->level) {
        pie_parse_reset(&d->parse);
        return;
    }
    if (d->parse.locked) {
        if (fabsf(d->peak - d->peak_mean) > PEAK_SPREAD_RATIO * d->peak_mean) {
            pie_parse_reset(&d->parse);
        }
        d->peak_mean += PEAK_STEP * (d->peak - d->peak_mean);
        d->level = d->level_per_peak * d->peak_mean;
    } else if (d->peak > 0.0f) {
        d->peak_mean = d->peak;
        d->level_per_peak = d->level / d->peak;
    }
}

static void low_begin(struct pie_demod *d, double tick)
{
    peak_note(d);
    d->low = true;
    d->changed_tick = tick;
    d->pulse.level = d->level;
    d->pulse.peak_ratio = d->level > 0.0f ? d->peak / d->level : 0.0f;
    d->pulse.low_ratio = 1.0;
    for (size_t i = 0; i < 2; i++) {
        d->pulse.fall_tick[i] = d->cross_sum[i];
        d->cross_sum[i] = 0.0;
    }
}

/* Note where the envelope went through the two levels on its way from `before` to now. */
static void cross_note(struct pie_demod *d, float before, double tick)
{
    for (size_t i = 0; i < 2; i++) {
        float threshold = cross_ratio[i] * d->level;
        bool above = d->envelope >= threshold;
        if (above == d->above[i]) {
            continue;
        }
        float rise = d->envelope - before;
        float part = rise != 0.0f ? (d->envelope - threshold) / rise : 0.0f;
        part = part < 0.0f ? 0.0f : part > 1.0f ? 1.0f : part; /* A moved between the bins */
        double cross_tick = tick - (double)part * (double)d->bin_samples;
        d->cross_sum[i] += above == d->low ? cross_tick : -cross_tick;
        d->above[i] = above;
    }
}

static bool settled(const struct pie_demod *d)
{
    return (double)d->next_tick - d->changed_tick > d->settle_ticks;
}

/* One more point of the envelope.  out true when a frame ended */
static bool envelope_push(struct pie_demod *d, float before, struct pie_frame *frame)
{
    double tick = (double)(d->next_tick - 1) - d->delay_ticks;
    cross_note(d, before, tick);
    d->chunk_dirty = d->chunk_dirty || d->envelope < LOW_RATIO * d->level;
    d->chunk_sloping = d->chunk_sloping || d->envelope < HIGH_RATIO * d->level;
    if (!d->low) {
        d->peak = !settled(d) && d->envelope > d->peak ? d->envelope : d->peak;
        if (d->envelope < LOW_RATIO * d->level) {
            low_begin(d, tick);
            d->pulse.low_ratio = d->envelope / d->level;
            return false;
        }
        if (d->envelope >= HIGH_RATIO * d->level) {
            d->cross_sum[0] = 0.0;
            d->cross_sum[1] = 0.0;
        }
        return pie_parse_high(&d->parse, d->next_tick - 1, frame);
    }
    d->pulse.low_ratio = fmin(d->pulse.low_ratio, d->envelope / d->level);
    if (d->envelope >= HIGH_RATIO * d->level) {
        memcpy(d->pulse.rise_tick, d->cross_sum, sizeof d->cross_sum);
        pie_parse_pulse(&d->parse, &d->pulse);
        high_begin(d, tick);
    } else if (tick - d->changed_tick > d->off_ticks) {
        d->level = d->envelope;
        pie_parse_reset(&d->parse);
        high_begin(d, tick);
    }
    return false;
}

static float ring_mean(const struct pie_demod *d)
{
    float sum = 0.0f;
    for (size_t i = 0; i < d->n_smooth; i++) {
        sum += d->ring[i];
    }
    return sum / (float)d->n_smooth;
}

/* |x|, or 0 for what is no number; kept below SANE_LEVEL so that powers stay finite. */
static float magnitude(float _Complex x)
{
    float power = crealf(x) * crealf(x) + cimagf(x) * cimagf(x);
    return power < SANE_LEVEL * SANE_LEVEL ? sqrtf(power) : 0.0f;
}

static void ring_put(struct pie_demod *d, float bin)
{
    d->ring[d->ring_at] = bin;
    d->ring_at = d->ring_at + 1 == d->n_smooth ? 0 : d->ring_at + 1;
}

static bool bin_end(struct pie_demod *d, struct pie_frame *frame)
{
    float before = d->envelope;
    ring_put(d, d->bin_sum / (float)d->bin_samples);
    d->bin_sum = 0.0f;
    d->n_in_bin = 0;
    if (d->n_bins < d->n_smooth) { /* the average fills first; the first level is a guess */
        d->n_bins++;
        d->envelope = ring_mean(d);
        d->level = d->envelope;
        return false;
    }
    d->envelope = ring_mean(d);
    return envelope_push(d, before, frame);
}

/* A follows the carrier from chunk to chunk, except in and around commands. A chunk counts when the
 * next one is high too: the start of a falling edge does not pull A down. One that stays between
 * the thresholds is a carrier that has become weaker. */
static void chunk_end(struct pie_demod *d)
{
    float sum = 0.0f;
    for (size_t i = 0; i < LANES; i++) {
        sum += d->lane[i];
        d->lane[i] = 0.0f;
    }
    d->n_sloping = d->chunk_sloping ? d->n_sloping + 1 : 0;
    if (d->chunk_dirty || d->low || d->parse.locked || !settled(d)) {
        d->chunk_level = -1.0f;
    } else {
        bool steady = d->n_sloping == 0 || d->n_sloping > SLOPING_CHUNKS;
        if (d->chunk_level >= 0.0f && steady) {
            bool jump = d->chunk_level > (float)LEVEL_JUMP_RATIO * d->level;
            d->level += (jump ? 1.0f : d->level_step) * (d->chunk_level - d->level);
        }
        d->chunk_level = sqrtf(sum / (float)d->chunk_samples);
    }
    d->n_in_chunk = 0;
    d->chunk_dirty = d->low;
    d->chunk_sloping = d->low;
}

static bool sample_push(struct pie_demod *d, float _Complex x, struct pie_frame *frame)
{
    float level = magnitude(x);
    bool found = false;
    d->lane[d->n_in_chunk % LANES] +=
        level > 0.0f ? crealf(x) * crealf(x) + cimagf(x) * cimagf(x) : 0.0f;
    d->bin_sum += level;
    d->next_tick++;
    d->n_in_chunk++;
    d->n_in_bin++;
    if (d->n_in_bin == d->bin_samples) {
        found = bin_end(d, frame);
    }
    if (d->n_in_chunk == d->chunk_samples) {
        chunk_end(d);
    }
    return found;
}

/* Power of a sample that is surely high. A level of 0 admits none. */
static float quiet_power(const struct pie_demod *d)
{
    float power = (float)(HIGH_RATIO * HIGH_RATIO) * d->level * d->level * 1.0002f;
    return power > 0.0f ? power : SANE_LEVEL;
}

/* Bring the moving average up to date after n_samples taken the fast way: every bin into the place
 * the slow way would have given it, since the order of a float sum matters. */
static void ring_fill(struct pie_demod *d, const float _Complex *sample, size_t n_samples)
{
    const float _Complex *tail = sample + n_samples - d->n_smooth * d->bin_samples;
    d->ring_at = (d->ring_at + n_samples / d->bin_samples) % d->n_smooth;
    for (size_t bin = 0; bin < d->n_smooth; bin++) {
        float sum = 0.0f;
        for (size_t i = 0; i < d->bin_samples; i++) {
            sum += magnitude(*tail++);
        }
        ring_put(d, sum / (float)d->bin_samples);
    }
    d->envelope = ring_mean(d);
}

/* May the next chunk be carrier and nothing else, as far as the state tells? */
static bool chunk_quiet(const struct pie_demod *d)
{
    if (d->n_in_chunk || d->low || d->parse.locked || d->n_bins < d->n_smooth || !d->above[0] ||
        !d->above[1] || !settled(d)) {
        return false;
    }
    for (size_t i = 0; i < d->n_smooth; i++) {
        if (!(d->ring[i] >= (float)HIGH_RATIO * d->level * 1.0001f)) {
            return false;
        }
    }
    return true;
}

/* Carrier only: no sample below 0.78 A. Same sums in the same order as sample by sample, but the
 * moving average is left behind (ring_fill). `least_power` is that of the chunk.
 * out false: not so, nothing changed */
static bool chunk_push(struct pie_demod *d, const float _Complex *sample, float *least_power)
{
    const float *part = (const float *)sample; /* re, im, re, im: C11 6.2.5 clause 13 */
    float lane[LANES] = {0};
    float least[LANES];
    for (size_t k = 0; k < LANES; k++) {
        least[k] = SANE_LEVEL;
    }
    for (size_t i = 0; i < d->chunk_samples; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float re = part[2 * (i + k)];
            float im = part[2 * (i + k) + 1];
            float power = re * re + im * im;
            lane[k] += power;
            least[k] = power < least[k] ? power : least[k];
        }
    }
    *least_power = SANE_LEVEL;
    bool sane = true;
    for (size_t k = 0; k < LANES; k++) { /* one sample that is no number spoils its lane's sum */
        *least_power = least[k] < *least_power ? least[k] : *least_power;
        sane = sane && lane[k] < SANE_LEVEL;
    }
    if (!sane || *least_power < quiet_power(d)) {
        return false;
    }
    memcpy(d->lane, lane, sizeof lane);
    d->cross_sum[0] = 0.0;
    d->cross_sum[1] = 0.0;
    d->next_tick += (int64_t)d->chunk_samples;
    chunk_end(d);
    return true;
}

/* As many chunks of undisturbed carrier as there are.  out samples taken */
static size_t carrier_push(struct pie_demod *d, const float _Complex *sample, size_t n_samples)
{
    size_t at = 0;
    float least_power;
    if (!chunk_quiet(d)) {
        return 0;
    }
    while (n_samples - at >= d->chunk_samples && chunk_push(d, sample + at, &least_power)) {
        at += d->chunk_samples;
        if (least_power < quiet_power(d)) { /* A rose: are the bins behind still above? */
            break;
        }
    }
    if (at) {
        ring_fill(d, sample, at);
    }
    return at;
}

size_t pie_demod_push(struct pie_demod *demod, const float _Complex *sample, size_t n_samples,
                      struct pie_frame *frame, bool *found)
{
    require(demod);
    require(sample || n_samples == 0);
    *found = false;
    size_t at = 0;
    while (at < n_samples) {
        at += carrier_push(demod, sample + at, n_samples - at);
        size_t until = at + demod->chunk_samples - demod->n_in_chunk;
        until = until < n_samples ? until : n_samples;
        while (at < until) {
            if (sample_push(demod, sample[at++], frame)) {
                *found = true;
                return at;
            }
        }
    }
    return at;
}

bool pie_demod_finish(struct pie_demod *demod, struct pie_frame *frame)
{
    require(demod);
    require(frame);
    return !demod->low && pie_parse_take(&demod->parse, demod->next_tick - 1, frame);
}
