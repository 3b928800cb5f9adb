/* front.c - raw -> cancelled -> decimated -> whitened -> running sums. */
#include "dsp/front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/vector.h"
#include "dsp/front_parts.h"
#include "dsp/plane.h"

enum { CLEAN_AHEAD = 256, APPEND_MAX = 4096, SETTLE_PARTS = 8, SETTLE_SAMPLES_MIN = 4 };
#define NEAR_BLF 1.5       /* carriers this near to the leak are fitted to the whole window */
#define SETTLE_RATIO 40.0  /* squared, over a part's variance: noise does it once in 1e6 */
#define CLIP_LEVEL 0.9995F /* a 12-bit converter's last code */
#define BEYOND_LEVEL 1.01F /* no converter gives this: floats whose full scale is not 1 */
#define SAMPLE_LIMIT 16.0F /* full scale is 1 */

static bool integral_new(struct integral *integral, size_t capacity_samples)
{
    integral->capacity_samples = capacity_samples;
    integral->sum = malloc((capacity_samples + 1) * sizeof *integral->sum);
    return integral->sum != NULL;
}

enum status front_new(const struct front_cfg *cfg, struct front **front)
{
    require(cfg->n_channels >= 1);
    require(cfg->n_channels <= LIMIT_RX_CHANNELS);
    struct front *f = calloc(1, sizeof *f);
    if (!f) {
        return status_fail(ST_NO_MEMORY, "receiver front: no memory");
    }
    f->cfg = *cfg;
    f->raw_capacity = (size_t)(1e-3 * cfg->rate_sps) + 2 * APPEND_MAX;
    bool full = cfg->n_channels == 1 || integral_new(&f->combined, cfg->capacity_samples);
    enum status status = ST_OK;
    for (unsigned c = 0; c < cfg->n_channels && full && !status; c++) {
        struct front_channel *channel = &f->channel[c];
        channel->raw_room =
            calloc(INTERFERENCE_MARGIN + f->raw_capacity, sizeof *channel->raw_room);
        channel->raw = channel->raw_room ? channel->raw_room + INTERFERENCE_MARGIN : NULL;
        channel->decimated = malloc(f->raw_capacity * sizeof *channel->decimated);
        full = channel->raw && channel->decimated &&
               integral_new(&channel->integral, cfg->capacity_samples);
        status = canceller_new(&channel->canceller);
        if (!status && (cfg->notch || cfg->blank)) {
            struct interference_cfg clean = {
                .rate_sps = cfg->rate_sps, .notch = cfg->notch, .blank = cfg->blank};
            status = interference_new(&clean, &channel->interference);
        }
    }
    if (!full) {
        status = status_fail(ST_NO_MEMORY, "receiver front: no memory");
    }
    if (status) {
        front_free(&f);
        return status;
    }
    *front = f;
    return ST_OK;
}

void front_free(struct front **front)
{
    struct front *f = *front;
    if (f) {
        for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
            free(f->channel[c].raw_room);
            free(f->channel[c].decimated);
            free(f->channel[c].integral.sum);
            canceller_free(&f->channel[c].canceller);
            interference_free(&f->channel[c].interference);
        }
        free(f->combined.sum);
        free(f);
        *front = NULL;
    }
}

size_t front_quiet_max(const struct front *front)
{
    return front->raw_capacity / 2;
}

void front_begin(struct front *front, size_t quiet_samples, unsigned factor, double blf_hz,
                 double blf_tolerance_ratio)
{
    require(quiet_samples >= 8);
    require(quiet_samples <= front_quiet_max(front));
    require(factor >= 1);
    require(factor <= 4096);
    front->quiet_samples = quiet_samples;
    front->factor = factor;
    front->n_raw = front->raw_at = front->n_clean = front->n_given = 0;
    front->learnt = false;
    front->n_trimmed = 0;
    front->window = (struct interference_window){
        .blf_hz = blf_hz,
        .blf_tolerance_ratio = blf_tolerance_ratio,
        .leak_offset_rad = NAN,
        .near_blf = NEAR_BLF,
    };
    front->is_combined = front->has_near = false;
    front->n_appended = 0;
    front->clip_at = front->beyond_at = SIZE_MAX;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        channel->quiet = (struct canceller_quiet){0};
        channel->n_clean = 0;
        channel->integral.n_samples = 0;
        channel->integral.sum[0] = channel->part = 0.0;
    }
    front->combined.n_samples = 0;
}

static size_t first_above(const float *x, size_t n, float level)
{
    size_t k = 0;
    while (k < 2 * n && fabsf(x[k]) < level) {
        k++;
    }
    return k / 2;
}

static void place_earlier(size_t *place, size_t other)
{
    *place = other < *place ? other : *place;
}

bool front_is_clipped(const struct front *front)
{
    size_t n_used = front->channel[0].integral.n_samples * front->factor;
    return front->clip_at < n_used && front->beyond_at >= n_used;
}

/* Hold what no radio sends within limits, and note where full scale is met and exceeded. */
static void odd_samples(struct front *front, float *x, size_t n)
{
    for (size_t k = 0; k < 2 * n; k++) {
        x[k] = x[k] > -SAMPLE_LIMIT ? x[k] : -SAMPLE_LIMIT; /* NaN too */
        x[k] = x[k] < SAMPLE_LIMIT ? x[k] : SAMPLE_LIMIT;
    }
    place_earlier(&front->clip_at, front->n_appended + first_above(x, n, CLIP_LEVEL));
    size_t beyond = first_above(x, n, BEYOND_LEVEL);
    if (beyond < n) {
        place_earlier(&front->beyond_at, front->n_appended + beyond);
    }
}

/* returns how many of the floats are near full scale, beyond it, or no numbers */
VECTOR_CLONES static unsigned copy_counting(float *restrict out, const float *restrict in, size_t n)
{
    unsigned n_odd = 0; /* counted as integers, which vectorises; NaN counts */
    for (size_t k = 0; k < n; k++) {
        n_odd += !(fabsf(in[k]) < CLIP_LEVEL);
        out[k] = in[k];
    }
    return n_odd;
}

size_t front_append(struct front *front, const float _Complex *const *sample, size_t first,
                    size_t n)
{
    size_t room = front->raw_capacity - front->n_raw;
    n = n < room ? n : room;
    n = n < APPEND_MAX ? n : APPEND_MAX;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        float _Complex *raw = front->channel[c].raw;
        if (front->raw_at > 0) {
            memmove(raw, raw + front->raw_at, front->n_raw * sizeof *raw);
        }
        const float *in = (const float *)(sample[c] + first);
        float *out = (float *)(raw + front->n_raw);
        if (copy_counting(out, in, 2 * n) > 0) {
            odd_samples(front, out, n);
        }
    }
    front->raw_at = 0;
    front->n_appended += n;
    front->n_raw += n;
    return n;
}

size_t front_delay_samples(const struct front *front)
{
    size_t delay = 0;
    for (unsigned c = 0; c < front->cfg.n_channels && front->learnt; c++) {
        const struct interference *interference = front->channel[c].interference;
        size_t own = interference ? interference_delay(interference) : 0;
        delay = own > delay ? own : delay;
    }
    return delay;
}

/* Other carriers and impulses out of what has come since, as far as n_wanted clean samples need it, and
 * somewhat further where there is more: cleaning a few samples at a time costs more. */
static void front_clean(struct front *front, size_t n_wanted)
{
    size_t until = n_wanted + front_delay_samples(front);
    if ((until < front->n_raw ? until : front->n_raw) <= front->n_given) {
        return;
    }
    until += CLEAN_AHEAD;
    until = until < front->n_raw ? until : front->n_raw;
    size_t n_new = until - front->n_given;
    front->n_clean = until;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        float _Complex *raw = channel->raw + front->raw_at;
        channel->n_clean +=
            channel->interference
                ? interference_clean(channel->interference, raw + channel->n_clean, n_new)
                : n_new;
        front->n_clean = channel->n_clean < front->n_clean ? channel->n_clean : front->n_clean;
    }
    front->n_given = until;
}

/* One emitter, one offset: the channel that hears it best tells it to the others. */
static void quiet_measure(struct front *front)
{
    unsigned best = 0;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        if (!channel->interference || !interference_is_calm(channel->interference)) {
            canceller_measure(channel->canceller, channel->raw, front->quiet_samples,
                              &channel->quiet);
        }
        const struct canceller_quiet *lead = &front->channel[best].quiet;
        best = channel->quiet.power * lead->noise_variance >
                       lead->power * channel->quiet.noise_variance
                   ? c
                   : best;
    }
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        if (c != best) {
            canceller_measure_turning(channel->raw, front->quiet_samples,
                                      &front->channel[best].quiet, &channel->quiet);
        }
    }
}

/* Our own command's last edge may ring or settle slowly: the quiet begins where it no longer differs
 * from its second half, by the measure of how that half's own parts differ. A turning carrier turns in
 * both, and is left alone.  returns samples to leave out */
static size_t unsettled(const float _Complex *raw, size_t n)
{
    double _Complex part[2 * SETTLE_PARTS], late = 0.0;
    size_t length = n / (2 * SETTLE_PARTS);
    if (length < SETTLE_SAMPLES_MIN) {
        return 0;
    }
    for (size_t k = 0; k < 2 * SETTLE_PARTS; k++) {
        part[k] = canceller_mean(raw + k * length, length);
        late += k >= SETTLE_PARTS ? part[k] / SETTLE_PARTS : 0.0;
    }
    double spread = 0.0;
    for (size_t k = SETTLE_PARTS; k < 2 * SETTLE_PARTS; k++) {
        double _Complex off = part[k] - late;
        spread += plane_power(off) / (SETTLE_PARTS - 1);
    }
    for (size_t k = SETTLE_PARTS; k-- > 0;) {
        double _Complex off = part[k] - late;
        if (plane_power(off) > SETTLE_RATIO * spread) {
            return (k + 1) * length;
        }
    }
    return 0;
}

static void place_shift(size_t *place, size_t by)
{
    *place = *place == SIZE_MAX ? SIZE_MAX : *place > by ? *place - by : 0;
}

/* Whole decimated samples, so that nothing else shifts. */
static void quiet_trim(struct front *front)
{
    size_t most = 0;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        size_t own = unsettled(front->channel[c].raw, front->quiet_samples);
        most = own > most ? own : most;
    }
    most = (most + front->factor - 1) / front->factor * front->factor;
    if (most + 8 > front->quiet_samples) {
        most = 0;
    }
    for (unsigned c = 0; c < front->cfg.n_channels && most > 0; c++) {
        float _Complex *raw = front->channel[c].raw;
        memmove(raw, raw + most, (front->n_raw - most) * sizeof *raw);
    }
    front->n_raw -= most;
    front->n_appended -= most;
    place_shift(&front->clip_at, most);
    place_shift(&front->beyond_at, most);
    front->quiet_samples -= most;
    front->n_trimmed = most;
}

/* Whiteness and strength of the noise, out of the quiet. */
static void noise_learn(struct front *front)
{
    const struct canceller_quiet *quiet = &front->channel[0].quiet;
    double floor_variance = quiet->power * 1e-13 + 1e-24;
    const float _Complex *noise[LIMIT_RX_CHANNELS];
    /* too few decimated samples: raw ones tell more, though not of their colour */
    bool coarse = front->quiet_samples / front->factor < FRONT_NOISE_SAMPLES_MIN;
    unsigned factor = coarse ? 1 : front->factor;
    size_t n = front->quiet_samples / factor;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        canceller_decimate(channel->canceller, &channel->quiet, 0, channel->raw, factor,
                           channel->decimated, n);
        noise[c] = channel->decimated;
    }
    whiten_learn(&front->whiten, front->cfg.n_channels, noise, n,
                 floor_variance * (coarse ? front->factor : 1), front->cfg.whiten && !coarse);
    if (coarse) {
        front->whiten.noise_variance /= front->factor;
    }
}

bool front_learn(struct front *front)
{
    require(front->raw_at == 0);
    if (!front->learnt && front->n_raw < front->quiet_samples) {
        return false;
    }
    if (!front->learnt) {
        quiet_trim(front);
    }
    for (unsigned c = 0; c < front->cfg.n_channels && !front->learnt; c++) {
        struct front_channel *channel = &front->channel[c];
        if (channel->interference) {
            canceller_measure(channel->canceller, channel->raw, front->quiet_samples,
                              &channel->quiet);
            front->window.leak_offset_rad = channel->quiet.offset_rad;
            interference_learn(channel->interference, &front->window, channel->raw,
                               front->quiet_samples);
        }
    }
    front->learnt = true;
    front_clean(front, front->quiet_samples);
    if (front->n_clean < front->quiet_samples) { /* the rest is held back until more comes */
        return false;
    }
    quiet_measure(front);
    front_near_begin(front);
    noise_learn(front);
    return true;
}

/* Sums are taken from the last place divisible by four: so they round the same however the samples
 * are cut, and only one addition in four waits for the one before. */
static void sum_one(struct front_channel *channel, float _Complex sample)
{
    struct integral *integral = &channel->integral;
    size_t at = integral->n_samples++;
    channel->part += (double _Complex)sample;
    integral->sum[at + 1] = integral->sum[at / 4 * 4] + channel->part;
    if ((at + 1) % 4 == 0) {
        channel->part = 0.0;
    }
}

/* Samples less a level onto the sums. */
void front_sums_extend(struct front_channel *channel, const float _Complex *sample,
                       float _Complex level, size_t n)
{
    struct integral *integral = &channel->integral;
    size_t k = 0;
    while (k < n && integral->n_samples % 4 != 0) {
        sum_one(channel, sample[k++] - level);
    }
    double _Complex *sum = integral->sum + integral->n_samples;
    double re = creal(sum[0]), im = cimag(sum[0]);
    const float level_re = crealf(level), level_im = cimagf(level);
    const float *x = (const float *)(sample + k);
    double *out = (double *)(sum + 1);
    size_t n_fours = (n - k) / 4;
    for (size_t j = 0; j < n_fours; j++, x += 8, out += 8) {
        double y[8]; /* running sums of these four alone */
        for (unsigned i = 0; i < 4; i++) {
            y[2 * i] = (double)(x[2 * i] - level_re);
            y[2 * i + 1] = (double)(x[2 * i + 1] - level_im);
        }
        for (unsigned i = 2; i < 8; i++) {
            y[i] += y[i - 2];
        }
        for (unsigned i = 0; i < 4; i++) {
            out[2 * i] = re + y[2 * i];
            out[2 * i + 1] = im + y[2 * i + 1];
        }
        re += y[6];
        im += y[7];
    }
    integral->n_samples += 4 * n_fours;
    for (k += 4 * n_fours; k < n; k++) {
        sum_one(channel, sample[k] - level);
    }
}

void front_combined_extend(struct front *front)
{
    size_t n = front->channel[0].integral.n_samples;
    for (size_t k = front->combined.n_samples + 1; k <= n; k++) {
        double _Complex sum = 0.0;
        for (unsigned c = 0; c < front->cfg.n_channels; c++) {
            sum += front->channel[c].weight * front->channel[c].integral.sum[k];
        }
        front->combined.sum[k] = sum;
    }
    front->combined.n_samples = n;
}

static void channels_add(struct front *front, size_t done, size_t n_out)
{
    float _Complex *decimated[LIMIT_RX_CHANNELS];
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        struct front_channel *channel = &front->channel[c];
        canceller_decimate(channel->canceller, &channel->quiet, (int64_t)(done * front->factor),
                           channel->raw + front->raw_at, front->factor, channel->decimated, n_out);
        decimated[c] = channel->decimated;
        if (front->has_near) { /* what was told of them back in, what is known now out */
            near_accumulate(&channel->told, 1.0, done, channel->decimated, n_out);
            near_accumulate(&channel->near, -1.0, done, channel->decimated, n_out);
            near_unturn(&channel->near, 1.0, done, channel->decimated, n_out);
        }
    }
    whiten_apply(&front->whiten, decimated, n_out);
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        front_sums_extend(&front->channel[c], decimated[c], 0.0F, n_out);
    }
}

size_t front_extend(struct front *front, size_t limit_samples)
{
    size_t done = front->channel[0].integral.n_samples;
    size_t capacity = front->channel[0].integral.capacity_samples;
    limit_samples = limit_samples < capacity ? limit_samples : capacity;
    size_t room = limit_samples > done ? limit_samples - done : 0;
    front_clean(front, room * front->factor);
    size_t n_out = front->n_clean / front->factor;
    n_out = n_out < room ? n_out : room;
    if (n_out == 0) {
        return done;
    }
    size_t n_raw = n_out * front->factor;
    const struct front_channel *first = &front->channel[0];
    if (front->factor == 1 && front->whiten.plain && first->quiet.offset_rad == 0.0 &&
        !front->has_near) {
        front_sums_extend(&front->channel[0], first->raw + front->raw_at,
                          (float _Complex)first->quiet.leak, n_out); /* nothing else to be done */
    } else {
        channels_add(front, done, n_out);
    }
    front->n_raw -= n_raw;
    front->n_given -= n_raw;
    front->n_clean -= n_raw;
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        front->channel[c].n_clean -= n_raw;
    }
    front->raw_at += n_raw;
    if (front->is_combined) {
        front_combined_extend(front);
    }
    return done + n_out;
}

void front_combine(struct front *front, const double _Complex *weight)
{
    require(front->cfg.n_channels > 1);
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        front->channel[c].weight = (float _Complex)weight[c];
    }
    front->is_combined = true;
    front->combined.n_samples = 0;
    front->combined.sum[0] = 0.0;
    front_combined_extend(front);
}

const struct integral *front_integral(const struct front *front)
{
    return front->is_combined ? &front->combined : &front->channel[0].integral;
}
