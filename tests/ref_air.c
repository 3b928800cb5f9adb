/* ref_air.c - impairments, each a function of the absolute tick and of the seed alone. */
#include "tests/ref_air.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "tests/ref_noise.h"

#define TWO_PI 6.283185307179586

/* 64 ticks between exact phases. What is random is drawn anew for every CHUNK ticks from a stream of
 * its own: nothing depends on how calls cut the samples. */
enum { EXACT = 64, CHUNK = 4096 };
enum { STREAM_PHASE = 1, STREAM_IMPULSE, STREAM_BURST, STREAM_KEY };

static uint64_t stream(const struct ref_air *air, unsigned purpose, unsigned channel, int64_t index)
{
    struct ref_random random = {air->seed * 16 + purpose + 0x1000000u * channel +
                                0x100000000u * (uint64_t)index};
    ref_uniform(&random);
    return random.state ^ (uint64_t)(ref_uniform(&random) * 0x1p53);
}

/* The last half-cycle that begins at or before this place; 0 when none does. */
static size_t level_at(const struct ref_reply *reply, double place)
{
    size_t lo = 0, hi = reply->n_levels;
    while (hi - lo > 1) {
        size_t middle = (lo + hi) / 2;
        if (reply->edge[middle] <= place) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    return lo;
}

void ref_air_levels(const struct ref_reply *reply, int64_t first_tick, float *level, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        level[k] = -1.0F;
    }
    if (reply->n_levels == 0) {
        return;
    }
    double begin = (double)first_tick - 0.5;
    for (size_t q = level_at(reply, begin); q < reply->n_levels; q++) {
        double lo = fmax(reply->edge[q] - begin, 0.0);
        double hi = fmin(reply->edge[q + 1] - begin, (double)n);
        if (lo >= (double)n) {
            break;
        }
        if (!reply->level[q] || hi <= lo) {
            continue;
        }
        size_t first = (size_t)lo, last = (size_t)hi;
        if (first == last) {
            level[first] += (float)(2.0 * (hi - lo));
            continue;
        }
        level[first] += (float)(2.0 * ((double)first + 1.0 - lo));
        for (size_t k = first + 1; k < last; k++) {
            level[k] += 2.0F;
        }
        if (last < n) {
            level[last] += (float)(2.0 * (hi - (double)last));
        }
    }
}

/* exp(j phase(t)), phase a parabola of the tick: exact every EXACT ticks of the absolute count,
 * products in between. */
struct turn {
    double turns_per_tick, turns_per_tick2, start_turns;
    double _Complex now, step, faster;
};

static inline double _Complex turn_at(struct turn *turn, int64_t tick)
{
    if (tick % EXACT == 0 || turn->now == 0.0) {
        double t = (double)tick, faster = turn->turns_per_tick2;
        double turns = turn->turns_per_tick * t + 0.5 * faster * t * t;
        turn->now = cexp(I * TWO_PI * (turns - floor(turns) + turn->start_turns));
        turn->step = cexp(I * TWO_PI * (turn->turns_per_tick + faster * (t + 0.5)));
        turn->faster = cexp(I * TWO_PI * faster);
    } else {
        turn->now *= turn->step;
        turn->step *= turn->faster;
    }
    return turn->now;
}

/* Share of the carrier that our own command lets through: cosine rise, then settling. */
static double envelope_at(const struct ref_air *air, double us_after)
{
    double on = 1.0;
    if (air->rise_us > 0.0 && us_after < 0.5 * air->rise_us) {
        double x = us_after / air->rise_us; /* -1/2 .. 1/2 */
        on = x < -0.5 ? 0.0 : 0.5 + 0.5 * sin(0.5 * TWO_PI * x);
    }
    if (air->settle_us > 0.0 && us_after > 0.0) {
        on -= air->settle_ratio * exp(-us_after / air->settle_us);
    }
    return on;
}

/* Leak, tag and carrier when anything of it moves. */
static void carrier_moving(const struct ref_reply *reply, const struct ref_air *air,
                           double _Complex tag_gain, double _Complex leak_gain, const float *level,
                           int64_t first_tick, float _Complex *sample, size_t n)
{
    double rate = reply->rate_sps;
    struct turn offset = {.turns_per_tick = reply->offset_hz / rate,
                          .turns_per_tick2 = air->offset_rate_hz_per_s / (rate * rate)};
    struct turn leak = {.turns_per_tick = air->leak_moving_hz / rate,
                        .start_turns = air->leak_moving_rad / TWO_PI};
    struct turn tag = {.turns_per_tick = air->tag_moving_hz / rate,
                       .start_turns = air->tag_moving_rad / TWO_PI};
    double still = 1.0 - air->tag_moving_ratio;
    for (size_t k = 0; k < n; k++) {
        int64_t tick = first_tick + (int64_t)k;
        double us_after = ((double)tick - air->from_tick) / rate * 1e6;
        double _Complex carrier = reply->leak + reply->leak_per_tick * (double)tick;
        if (air->leak_moving_ratio > 0.0) {
            carrier += reply->leak * air->leak_moving_ratio * turn_at(&leak, tick);
        }
        double _Complex path = tag_gain * (double)level[k];
        if (air->tag_moving_ratio > 0.0) {
            path *= still + air->tag_moving_ratio * turn_at(&tag, tick);
        }
        double _Complex x = carrier * leak_gain + path;
        x *= envelope_at(air, us_after);
        x *= offset.turns_per_tick != 0.0 || offset.turns_per_tick2 != 0.0 ? turn_at(&offset, tick)
                                                                           : 1.0;
        sample[k] = (float _Complex)x;
    }
}

static void carrier_still(double _Complex tag_gain, double _Complex leak, const float *level,
                          float _Complex *sample, size_t n)
{
    const float tag_re = (float)creal(tag_gain), tag_im = (float)cimag(tag_gain);
    const float leak_re = (float)creal(leak), leak_im = (float)cimag(leak);
    float *out = (float *)sample;
    for (size_t k = 0; k < n; k++) {
        out[2 * k] = leak_re + tag_re * level[k];
        out[2 * k + 1] = leak_im + tag_im * level[k];
    }
}

/* Level of a keyed carrier: PIE symbols of random data, drawn from the beginning every time. */
static void tone_add(const struct ref_reply *reply, const struct ref_air *air, unsigned index,
                     int64_t first_tick, float _Complex *sample, size_t n)
{
    const struct ref_tone *tone = &air->tone[index];
    struct turn turn = {.turns_per_tick = tone->offset_hz / reply->rate_sps,
                        .start_turns = tone->phase_rad / TWO_PI};
    struct ref_random data = {stream(air, STREAM_KEY, 0, index)};
    double low_us = tone->keyed_from_us, end_us = tone->keyed_from_us;
    for (size_t k = 0; k < n; k++) {
        int64_t tick = first_tick + (int64_t)k;
        double us = (double)tick / reply->rate_sps * 1e6;
        double on = 1.0;
        if (tone->tari_us > 0.0 && us >= tone->keyed_from_us && us < tone->keyed_to_us) {
            while (us >= end_us) {
                double length_us = ref_uniform(&data) < 0.5 ? tone->tari_us : 2.0 * tone->tari_us;
                low_us = end_us + length_us - 0.5 * tone->tari_us;
                end_us += length_us;
            }
            on = us < low_us ? 1.0 : 0.0;
        }
        sample[k] += (float _Complex)(tone->amplitude * on * turn_at(&turn, tick));
    }
}

/* The part [lo, hi) of the whole stream as it lies in this call's samples. */
static float _Complex *span_of(float _Complex *sample, int64_t first_tick, size_t n, int64_t lo,
                               int64_t hi, size_t *length)
{
    int64_t end = first_tick + (int64_t)n;
    lo = lo > first_tick ? lo : first_tick;
    hi = hi < end ? hi : end;
    *length = hi > lo ? (size_t)(hi - lo) : 0;
    return sample + (lo - first_tick);
}

/* Impulses: exponential gaps from tick 0 on, random phase, constant for their length. */
static void impulses_add(const struct ref_reply *reply, const struct ref_air *air, unsigned channel,
                         int64_t first_tick, float _Complex *sample, size_t n)
{
    struct ref_random random = {stream(air, STREAM_IMPULSE, channel, 0)};
    double tick = 0.0, length = fmax(air->impulse_us * 1e-6 * reply->rate_sps, 1.0);
    while (tick < (double)first_tick + (double)n) {
        tick += -log(ref_uniform(&random)) / air->impulses_per_s * reply->rate_sps;
        double _Complex value = air->impulse_amplitude * cexp(I * TWO_PI * ref_uniform(&random));
        size_t n_hit;
        float _Complex *hit =
            span_of(sample, first_tick, n, (int64_t)tick, (int64_t)(tick + length), &n_hit);
        for (size_t k = 0; k < n_hit; k++) {
            hit[k] += (float _Complex)value;
        }
    }
}

/* White noise of a stream of its own for these ticks. */
static void white_of_ticks(const struct ref_air *air, unsigned purpose, unsigned channel,
                           int64_t first_tick, float _Complex *out, size_t n)
{
    float _Complex skipped[CHUNK];
    while (n > 0) {
        size_t skip = (size_t)(first_tick % CHUNK);
        size_t length = CHUNK - skip < n ? CHUNK - skip : n;
        struct ref_noise noise;
        ref_noise_init(&noise, stream(air, purpose, channel, first_tick / CHUNK));
        ref_noise_draw(&noise, skipped, skip);
        ref_noise_draw(&noise, out, length);
        first_tick += (int64_t)length;
        out += length;
        n -= length;
    }
}

/* Bursts of white noise: on and off in turn, beginning anywhere in the period.   pre n <= CHUNK */
static void bursts_add(const struct ref_reply *reply, const struct ref_air *air, unsigned channel,
                       int64_t first_tick, float _Complex *sample, size_t n)
{
    float _Complex white[CHUNK];
    struct ref_random random = {stream(air, STREAM_BURST, 0, -1)};
    double on = air->burst_on_us * 1e-6 * reply->rate_sps;
    double period = on + air->burst_off_us * 1e-6 * reply->rate_sps;
    double begin = -period * ref_uniform(&random);
    float sigma = (float)sqrt(air->burst_ratio * reply->n0 * reply->rate_sps);
    white_of_ticks(air, STREAM_BURST, channel, first_tick, white, n);
    for (; begin < (double)first_tick + (double)n; begin += period) {
        size_t n_hit;
        float _Complex *hit =
            span_of(sample, first_tick, n, (int64_t)begin, (int64_t)(begin + on), &n_hit);
        for (size_t k = 0; k < n_hit; k++) {
            hit[k] += sigma * white[(size_t)(hit - sample) + k];
        }
    }
}

/* Phase noise in the small: in quadrature with the leak, white.   pre n <= CHUNK */
static void phase_noise_add(const struct ref_reply *reply, const struct ref_air *air,
                            unsigned channel, double _Complex leak, int64_t first_tick,
                            float _Complex *sample, size_t n)
{
    float _Complex white[CHUNK]; /* a component has variance 1/2 */
    double power = reply->n0 * reply->rate_sps * air->phase_noise_ratio;
    float _Complex across = (float _Complex)(I * leak / cabs(leak) * sqrt(power));
    white_of_ticks(air, STREAM_PHASE, channel, first_tick, white, n);
    for (size_t k = 0; k < n; k++) {
        sample[k] += across * crealf(white[k]);
    }
}

static float quantised(float x, float step)
{
    float top = 1.0F - step; /* two's complement: -1 .. 1 - step */
    float y = rintf(x / step) * step;
    return y < -1.0F ? -1.0F : (y > top ? top : y);
}

static void converter(double adc_bits, float _Complex *sample, size_t n)
{
    float step = (float)ldexp(2.0, -(int)adc_bits);
    float *x = (float *)sample;
    for (size_t k = 0; k < 2 * n; k++) {
        x[k] = quantised(x[k], step);
    }
}

static int is_moving(const struct ref_reply *reply, const struct ref_air *air)
{
    return reply->offset_hz != 0.0 || air->offset_rate_hz_per_s != 0.0 ||
           reply->leak_per_tick != 0.0 || air->leak_moving_ratio > 0.0 || air->settle_us > 0.0 ||
           air->rise_us > 0.0 || air->tag_moving_ratio > 0.0;
}

static void front_end(const struct ref_reply *reply, const struct ref_air *air,
                      const float _Complex *white, float _Complex *sample, size_t n)
{
    const float sigma = (float)sqrt(reply->n0 * reply->rate_sps);
    float *out = (float *)sample;
    const float *in = (const float *)white;
    for (size_t k = 0; k < 2 * n; k++) {
        out[k] += sigma * in[k];
    }
    if (air->image != 0.0 || reply->dc != 0.0) {
        float _Complex image = (float _Complex)air->image, dc = (float _Complex)reply->dc;
        for (size_t k = 0; k < n; k++) {
            sample[k] += image * conjf(sample[k]) + dc;
        }
    }
    if (air->adc_bits > 0.0) {
        converter(air->adc_bits, sample, n);
    }
}

void ref_air_render(const struct ref_reply *reply, const struct ref_air *air, unsigned channel,
                    const float _Complex *white, int64_t first_tick, float _Complex *sample,
                    size_t n)
{
    float level[CHUNK];
    double _Complex tag = reply->gain * (channel ? air->channel_tag : 1.0);
    double _Complex leak_gain = channel ? air->channel_leak : 1.0;
    assert(first_tick >= 0);
    for (size_t at = 0; at < n; at += CHUNK) {
        size_t length = n - at < CHUNK ? n - at : CHUNK;
        int64_t first = first_tick + (int64_t)at;
        float _Complex *out = sample + at;
        ref_air_levels(reply, first, level, length);
        if (is_moving(reply, air)) {
            carrier_moving(reply, air, tag, leak_gain, level, first, out, length);
        } else {
            carrier_still(tag, reply->leak * leak_gain, level, out, length);
        }
        if (air->phase_noise_ratio > 0.0) {
            phase_noise_add(reply, air, channel, reply->leak * leak_gain, first, out, length);
        }
        for (unsigned k = 0; k < REF_TONES_MAX; k++) {
            if (air->tone[k].amplitude > 0.0) {
                tone_add(reply, air, k, first, out, length);
            }
        }
        if (air->impulses_per_s > 0.0) {
            impulses_add(reply, air, channel, first, out, length);
        }
        if (air->burst_ratio > 0.0) {
            bursts_add(reply, air, channel, first, out, length);
        }
        front_end(reply, air, white + at, out, length);
    }
}

void ref_air_whiten(struct ref_reply *reply, double phase_noise_ratio, float _Complex *sample,
                    size_t n)
{
    double _Complex along = reply->leak / cabs(reply->leak);
    double shrink = 1.0 / sqrt(1.0 + phase_noise_ratio);
    /* a + jb in the leak's frame -> a + j shrink b: x (1 + shrink)/2 + conj(x) (1 - shrink)/2 */
    double _Complex gain = reply->gain * conj(along), leak = reply->leak * conj(along);
    reply->gain = creal(gain) + I * shrink * cimag(gain);
    reply->leak = creal(leak) + I * shrink * cimag(leak);
    float _Complex back = (float _Complex)conj(along);
    for (size_t k = 0; k < n; k++) {
        float _Complex x = sample[k] * back;
        sample[k] = crealf(x) + I * (float)(shrink * (double)cimagf(x));
    }
}
