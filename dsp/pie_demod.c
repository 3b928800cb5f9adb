/* pie_demod.c - reader commands out of a recording.
 *
 *   samples -> |x| averaged over bins -> moving average of about 1 us -> level A, edges ->
 * pie_parse
 *
 * A state machine with hysteresis (0.42 A, 0.78 A) tells high from low; the time of an edge is
 * sum(crossings) with alternating sign, so that noise on a slow edge does not multiply it.
 * Everything is decided on a grid of bins and chunks that starts at reset, hence independent of
 * how the caller cuts the stream. Three speeds, all to the same state: chunks of undisturbed
 * carrier need no envelope; runs of points on a plateau are only compared with one threshold; the
 * rest, edges, goes point by point. */
#include "dsp/pie_demod.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/pie_envelope.h"
#include "dsp/pie_parse.h"

enum { LANES = PIE_ENVELOPE_LANES, CHUNK_BINS = PIE_ENVELOPE_POINTS_MAX, SLOPING_CHUNKS = 8 };

#define BIN_RATE_SPS 4e6 /* bins are not finer than this needs: PW >= 2 us = 8 bins */
#define SMOOTH_US 1.0    /* half the shortest PW */
#define LOW_RATIO 0.42f  /* depth >= 80 %: the low level is 0.2 A or less */
#define HIGH_RATIO 0.78f
#define OFF_US 40.0          /* low for longer than any delimiter: the carrier itself has changed */
#define SETTLE_US 50.0       /* A follows the carrier this long after the last low pulse */
#define LEVEL_US 50.0        /* time constant of A */
#define LEVEL_JUMP_RATIO 1.3 /* power-up: A follows at once */
#define PEAK_RATIO 1.5f      /* a high part above this is noise, no carrier at level A */
#define PEAK_STEP (1.0f / 16)   /* A follows the peaks of the high parts inside a frame */
#define PEAK_SPREAD_RATIO 0.35f /* of the peaks inside a frame: noise alone spreads them more */
#define SANE_LEVEL PIE_ENVELOPE_SANE_LEVEL

static const float cross_ratio[2] = {0.5f, 0.6f};

struct pie_demod {
    double rate_sps;
    size_t chunk_samples; /* CHUNK_BINS * bin_samples, a multiple of LANES */
    double delay_ticks;   /* newest sample to the middle of the moving average */
    double off_ticks, settle_ticks;
    float level_step; /* of A a chunk, 0..1 */

    int64_t next_tick;
    int64_t point_tick; /* the first new point of the envelope is due at */
    size_t n_in_chunk;
    struct pie_envelope envelope;
    float lane[LANES];  /* sum |x|^2 of the chunk */
    bool chunk_dirty;   /* something below LOW_RATIO in it */
    bool chunk_sloping; /* something below HIGH_RATIO in it */
    unsigned n_sloping; /* such chunks in a row */
    float chunk_level;  /* of the previous chunk, waiting for this one; negative: none */
    size_t n_bins;      /* since reset, saturates at n_smooth */
    float level;        /* A */
    float low_level, high_level, cross_level[2]; /* fractions of A */
    bool low;
    bool above[2];                   /* envelope over cross_level */
    double cross_sum[2];             /* of crossings since the state last was sure */
    double changed_tick;             /* last change of `low` */
    float peak;                      /* of the envelope since it went high, until settled */
    float peak_mean;                 /* of those inside a frame */
    float level_per_peak;            /* A over peak, when the frame began */
    float anchor_level, anchor_peak; /* A and peak before a frame; 0: none */
    bool level_fresh;                /* A was measured on the carrier since the last frame ... */
    bool level_moved;                /* ... or has only followed peaks inside one */
    float least;                     /* of the envelope since it went low */
    struct pie_pulse pulse;          /* the one under way */
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
    struct pie_envelope *e = &d->envelope;
    e->bin_samples = rate_sps >= 2.0 * BIN_RATE_SPS ? (size_t)(rate_sps / BIN_RATE_SPS) : 1;
    double bins_per_us = rate_sps * 1e-6 / (double)e->bin_samples;
    e->n_smooth = (size_t)fmax(1.0, floor(SMOOTH_US * bins_per_us + 0.5));
    e->n_smooth = e->n_smooth > PIE_ENVELOPE_SMOOTH_MAX ? PIE_ENVELOPE_SMOOTH_MAX : e->n_smooth;
    d->chunk_samples = CHUNK_BINS * e->bin_samples;
    d->delay_ticks = 0.5 * (double)(e->n_smooth * e->bin_samples - 1);
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

static void level_set(struct pie_demod *d, float level)
{
    d->level = level;
    d->low_level = LOW_RATIO * level;
    d->high_level = HIGH_RATIO * level;
    for (size_t i = 0; i < 2; i++) {
        d->cross_level[i] = cross_ratio[i] * level;
    }
}

void pie_demod_reset(struct pie_demod *demod, int64_t next_tick)
{
    require(demod);
    struct pie_demod *d = demod;
    d->next_tick = next_tick;
    d->n_in_chunk = 0;
    pie_envelope_reset(&d->envelope);
    memset(d->lane, 0, sizeof d->lane);
    d->chunk_dirty = false;
    d->chunk_sloping = false;
    d->n_sloping = 0;
    d->chunk_level = -1.0f;
    d->n_bins = 0;
    level_set(d, 0.0f);
    d->low = false;
    for (size_t i = 0; i < 2; i++) {
        d->above[i] = true;
        d->cross_sum[i] = 0.0;
    }
    d->changed_tick = (double)next_tick - d->settle_ticks;
    d->peak = 0.0f;
    d->anchor_level = 0.0f;
    d->level_fresh = false;
    d->level_moved = false;
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

/* In the high part behind a frame. Peaks inside frames lead A astray, always to the same side (short
 * high parts peak lower), and where frames follow closely nothing would lead it back: A is set to
 * where it was before the frame, times what the peaks of the high parts before and after say. */
static void level_anchor(struct pie_demod *d)
{
    if (d->level_moved && d->anchor_level > 0.0f) {
        float ratio = d->anchor_peak > 0.0f ? d->peak / d->anchor_peak : 1.0f;
        if (fabsf(ratio - 1.0f) < PEAK_SPREAD_RATIO) {
            level_set(d, d->anchor_level * ratio);
        }
    }
    if (d->level_moved || d->level_fresh) {
        d->anchor_level = d->level;
        d->anchor_peak = d->peak;
    }
    d->level_moved = false;
    d->level_fresh = false;
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
        level_set(d, d->level_per_peak * d->peak_mean);
        d->level_moved = true;
        return;
    }
    level_anchor(d);
    if (d->peak > 0.0f) {
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
    for (size_t i = 0; i < 2; i++) {
        d->pulse.fall_tick[i] = d->cross_sum[i];
        d->cross_sum[i] = 0.0;
    }
}

/* Where the envelope went through the two levels on its way to point p. */
static void cross_note(struct pie_demod *d, size_t p, double tick)
{
    float before = d->envelope.point[p];
    float now = d->envelope.point[p + 1];
    for (size_t i = 0; i < 2; i++) {
        float threshold = d->cross_level[i];
        bool above = now >= threshold;
        if (above == d->above[i]) {
            continue;
        }
        float rise = now - before;
        float part = rise != 0.0f ? (now - threshold) / rise : 0.0f;
        part = part < 0.0f ? 0.0f : part > 1.0f ? 1.0f : part; /* A moved between the bins */
        double cross_tick = tick - (double)part * (double)d->envelope.bin_samples;
        d->cross_sum[i] += above == d->low ? cross_tick : -cross_tick;
        d->above[i] = above;
    }
}

/* By the time the tick before next_tick is in. */
static bool settled(const struct pie_demod *d, int64_t next_tick)
{
    return (double)next_tick - d->changed_tick > d->settle_ticks;
}

/* Tick after the last sample of point p. */
static int64_t point_end(const struct pie_demod *d, size_t p)
{
    return d->point_tick + (int64_t)(p * d->envelope.bin_samples);
}

/* Time that point p, the middle of an average, stands for. */
static double point_middle(const struct pie_demod *d, size_t p)
{
    return (double)(point_end(d, p) - 1) - d->delay_ticks;
}

/* One point, whatever it is.  out true when a frame ended */
static bool point_push(struct pie_demod *d, size_t p, struct pie_frame *frame)
{
    float now = d->envelope.point[p + 1];
    double tick = point_middle(d, p);
    if (d->n_bins < d->envelope.n_smooth) { /* the average fills first; the level is a guess */
        d->n_bins++;
        level_set(d, now);
        return false;
    }
    cross_note(d, p, tick);
    d->chunk_dirty = d->chunk_dirty || now < d->low_level;
    d->chunk_sloping = d->chunk_sloping || now < d->high_level;
    if (!d->low) {
        d->peak = now > d->peak && !settled(d, point_end(d, p)) ? now : d->peak;
        if (now < d->low_level) {
            low_begin(d, tick);
            d->least = now;
            return false;
        }
        if (now >= d->high_level) {
            d->cross_sum[0] = 0.0;
            d->cross_sum[1] = 0.0;
        }
        return pie_parse_high(&d->parse, point_end(d, p) - 1, frame);
    }
    d->least = now < d->least ? now : d->least;
    if (now >= d->high_level) {
        d->pulse.low_ratio = fmin(1.0, d->least / d->level);
        memcpy(d->pulse.rise_tick, d->cross_sum, sizeof d->cross_sum);
        pie_parse_pulse(&d->parse, &d->pulse);
        high_begin(d, tick);
    } else if (tick - d->changed_tick > d->off_ticks) {
        level_set(d, now);
        d->anchor_level = 0.0f;
        pie_parse_reset(&d->parse);
        high_begin(d, tick);
    }
    return false;
}

/* Highest of the points, or `least`; four at a time, since a single maximum is one long chain. */
static float highest(const float *point, size_t n, float least)
{
    float lane[4] = {least, least, least, least};
    for (; n >= 4; n -= 4, point += 4) {
        for (size_t k = 0; k < 4; k++) {
            lane[k] = point[k] > lane[k] ? point[k] : lane[k];
        }
    }
    while (n > 0) {
        n--;
        lane[0] = point[n] > lane[0] ? point[n] : lane[0];
    }
    lane[0] = lane[1] > lane[0] ? lane[1] : lane[0];
    lane[2] = lane[3] > lane[2] ? lane[3] : lane[2];
    return lane[2] > lane[0] ? lane[2] : lane[0];
}

/* Points of the high plateau from p on: they raise the peak and nothing else. Time only makes
 * "settled" and "ended" true, so that asking the last point of the run answers for all. */
static size_t high_run(struct pie_demod *d, size_t p, size_t n_points)
{
    const float *point = d->envelope.point + 1 + p;
    size_t n_left = n_points - p;
    size_t n = 0;
    float high_level = d->high_level;
    if (!d->above[0] || !d->above[1]) {
        return 0;
    }
    while (n < n_left && point[n] >= high_level) {
        n++;
    }
    while (n > 0 && pie_parse_ended(&d->parse, point_end(d, p + n - 1) - 1)) {
        n--;
    }
    if (n == 0) {
        return 0;
    }
    size_t n_unsettled = settled(d, point_end(d, p)) ? 0 : n;
    while (n_unsettled > 0 && settled(d, point_end(d, p + n_unsettled - 1))) {
        n_unsettled--;
    }
    d->peak = highest(point, n_unsettled, d->peak);
    d->cross_sum[0] = 0.0;
    d->cross_sum[1] = 0.0;
    return n;
}

/* The same for the low plateau: its points lower the least level and nothing else. */
static size_t low_run(struct pie_demod *d, size_t p, size_t n_points)
{
    const float *point = d->envelope.point + 1 + p;
    size_t n_left = n_points - p;
    size_t n = 0;
    float cross_level = d->cross_level[0];
    if (d->above[0] || d->above[1]) {
        return 0;
    }
    while (n < n_left && point[n] < cross_level) {
        n++;
    }
    while (n > 0 && point_middle(d, p + n - 1) - d->changed_tick > d->off_ticks) {
        n--;
    }
    float least = d->least;
    for (size_t i = 0; i < n; i++) {
        least = point[i] < least ? point[i] : least;
    }
    d->least = least;
    return n;
}

/* New points up to the first that ends a frame.  out n_used; true when a frame ended */
static bool points_push(struct pie_demod *d, size_t n_points, size_t *n_used,
                        struct pie_frame *frame)
{
    bool found = false;
    size_t p = 0;
    while (p < n_points && d->n_bins < d->envelope.n_smooth) {
        found = point_push(d, p++, frame);
    }
    while (p < n_points && !found) {
        p += d->low ? low_run(d, p, n_points) : high_run(d, p, n_points);
        if (p < n_points) {
            found = point_push(d, p++, frame);
        }
    }
    *n_used = p;
    return found;
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
    if (d->chunk_dirty || d->low || d->parse.locked || !settled(d, d->next_tick)) {
        d->chunk_level = -1.0f;
    } else {
        bool steady = d->n_sloping == 0 || d->n_sloping > SLOPING_CHUNKS;
        if (d->chunk_level >= 0.0f && steady) {
            level_anchor(d);
            bool jump = d->chunk_level > (float)LEVEL_JUMP_RATIO * d->level;
            level_set(d, d->level + (jump ? 1.0f : d->level_step) * (d->chunk_level - d->level));
            d->level_fresh = true;
        }
        d->chunk_level = sqrtf(sum / (float)d->chunk_samples);
    }
    d->n_in_chunk = 0;
    d->chunk_dirty = d->low;
    d->chunk_sloping = d->low;
}

/* Power of the samples into their lanes. In and around commands nobody asks for it: what speaks
 * against a chunk here still does when it ends. */
static void lanes_add(struct pie_demod *d, const float _Complex *sample, size_t n_samples)
{
    int64_t chunk_tick = d->next_tick + (int64_t)(d->chunk_samples - d->n_in_chunk);
    if (d->chunk_dirty || !settled(d, chunk_tick)) {
        return;
    }
    for (size_t i = 0; i < n_samples; i++) {
        float re = crealf(sample[i]);
        float im = cimagf(sample[i]);
        float power = re * re + im * im;
        d->lane[(d->n_in_chunk + i) % LANES] += power < SANE_LEVEL * SANE_LEVEL ? power : 0.0f;
    }
}

/* Samples of one chunk, by way of the envelope.  out samples taken: all, or those up to the end of
 * a frame */
static size_t part_push(struct pie_demod *d, const float _Complex *sample, size_t n_samples,
                        struct pie_frame *frame, bool *found)
{
    struct pie_envelope *e = &d->envelope;
    size_t n_before = e->n_in_bin;
    size_t n_taken = n_samples;
    size_t n_used;
    size_t n_points = pie_envelope_push(e, sample, n_samples);
    d->point_tick = d->next_tick + (int64_t)(e->bin_samples - n_before);
    *found = points_push(d, n_points, &n_used, frame);
    if (*found) {
        n_taken = n_used * e->bin_samples - n_before;
        pie_envelope_cut(e, n_used);
    } else {
        pie_envelope_use(e, n_used);
    }
    lanes_add(d, sample, n_taken);
    d->next_tick += (int64_t)n_taken;
    d->n_in_chunk += n_taken;
    if (d->n_in_chunk == d->chunk_samples) {
        chunk_end(d);
    }
    return n_taken;
}

/* Power of a sample that is surely high. A level of 0 admits none. */
static float quiet_power(const struct pie_demod *d)
{
    float power = d->high_level * d->high_level * 1.0002f;
    return power > 0.0f ? power : SANE_LEVEL;
}

/* May the next chunk be carrier and nothing else, as far as the state tells? */
static bool chunk_quiet(const struct pie_demod *d)
{
    const struct pie_envelope *e = &d->envelope;
    if (d->n_in_chunk || d->low || d->parse.locked || d->n_bins < e->n_smooth || !d->above[0] ||
        !d->above[1] || !settled(d, d->next_tick)) {
        return false;
    }
    for (size_t i = PIE_ENVELOPE_SMOOTH_MAX - e->n_smooth; i < PIE_ENVELOPE_SMOOTH_MAX; i++) {
        if (!(e->bin[i] >= d->high_level * 1.0001f)) {
            return false;
        }
    }
    return true;
}

/* Carrier only: no sample below 0.78 A. Same sums in the same order as sample by sample, but the
 * envelope is left behind (pie_envelope_skip). `least_power` is that of the chunk.
 * out false: not so, nothing changed */
static bool chunk_push(struct pie_demod *d, const float _Complex *sample, float *least_power)
{
    float lane[LANES] = {0};
    float least[LANES];
    for (size_t k = 0; k < LANES; k++) {
        least[k] = SANE_LEVEL;
    }
    pie_envelope_powers(sample, d->chunk_samples, lane, least);
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
        pie_envelope_skip(&d->envelope, sample, at);
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
    while (at < n_samples && !*found) {
        at += carrier_push(demod, sample + at, n_samples - at);
        size_t n_part = demod->chunk_samples - demod->n_in_chunk;
        n_part = n_part < n_samples - at ? n_part : n_samples - at;
        if (n_part > 0) {
            at += part_push(demod, sample + at, n_part, frame, found);
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
