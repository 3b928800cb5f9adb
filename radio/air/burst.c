/* burst.c - noise through a Butterworth low-pass of sixth order, keyed, moved to its offset. */
#include "radio/air/burst.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define RAMP_US 10.0        /* a phone's power ramps: longer ones would change the burst's energy */
#define RAMP_SHARE_MAX 0.25 /* of a short burst */
#define WHITE_SHARE 0.9     /* of the sample rate: as wide as what the receiver takes in */
#define SETTLE_PERIODS 20.0 /* of the bandwidth: the filter's response is e^-16 of its start then */

enum { STREAM_BURST = 500 };

static double section_step(struct burst_section *section, int part, double in)
{
    double *delay = section->delay[part];
    double out = in + delay[0];
    delay[0] = 2.0 * in - section->a1 * out + delay[1];
    delay[1] = in - section->a2 * out;
    return out;
}

static double filter_step(struct burst *burst, int part, double value)
{
    for (int i = 0; i < BURST_SECTIONS; i++) {
        value = section_step(&burst->section[i], part, value);
    }
    return value;
}

static void filter_clear(struct burst *burst)
{
    for (int i = 0; i < BURST_SECTIONS; i++) {
        memset(burst->section[i].delay, 0, sizeof burst->section[i].delay);
    }
}

/* Power gain for white noise: the sum of the squares of the impulse response.
 *   Bilinear transform, poles of order 2 BURST_SECTIONS at the warped edge bandwidth_hz / 2. */
static double filter_init(struct burst *burst, double bandwidth_ratio)
{
    double warped = tan(0.5 * UNITS_PI * bandwidth_ratio);
    double unity = 1.0; /* gain at 0 Hz taken out of the impulse: keeps the numbers near 1 */
    for (int i = 0; i < BURST_SECTIONS; i++) {
        double damping = 2.0 * sin(UNITS_PI * (2 * i + 1) / (4.0 * BURST_SECTIONS));
        double norm = 1.0 / (1.0 + damping * warped + warped * warped);
        burst->section[i].a1 = 2.0 * (warped * warped - 1.0) * norm;
        burst->section[i].a2 = (1.0 - damping * warped + warped * warped) * norm;
        unity *= warped * warped * norm;
    }
    double gain = 0.0;
    double in = unity;
    for (double tick = 0.0; tick < SETTLE_PERIODS / bandwidth_ratio; tick += 1.0) {
        double out = filter_step(burst, 0, in);
        gain += out * out;
        in = 0.0;
    }
    filter_clear(burst);
    return gain / (unity * unity);
}

static double next_noise(struct burst *burst, int part)
{
    double noise = burst->sigma * (double)noise_gaussian(burst->table, &burst->stream);
    return burst->is_white ? noise : filter_step(burst, part, noise);
}

void burst_init(struct burst *burst, const struct air_cfg *cfg, double rate_sps,
                const struct noise_table *table)
{
    require(rate_sps > 0.0);
    memset(burst, 0, sizeof *burst);
    burst->is_on = !isnan(cfg->burst_dbfs);
    if (!burst->is_on) {
        return;
    }
    burst->table = table;
    uint64_t state = (uint64_t)cfg->seed ^ 0xB0857u;
    noise_stream_init(&burst->stream, (uint64_t)cfg->seed, STREAM_BURST);
    burst->period_ticks = cfg->burst_period_us * 1e-6 * rate_sps;
    burst->length_ticks = cfg->burst_length_us * 1e-6 * rate_sps;
    burst->ramp_ticks = fmin(RAMP_US * 1e-6 * rate_sps, RAMP_SHARE_MAX * burst->length_ticks);
    burst->start_tick = -noise_uniform(&state) * burst->period_ticks;
    double ratio = cfg->burst_bandwidth_hz / rate_sps;
    burst->is_white = ratio >= WHITE_SHARE;
    double gain = burst->is_white ? 1.0 : filter_init(burst, ratio);
    burst->sigma = sqrt(0.5 * units_power_ratio_from_db(cfg->burst_dbfs) / gain);
    for (double tick = 0.0; !burst->is_white && tick < SETTLE_PERIODS / ratio; tick += 1.0) {
        next_noise(burst, 0);
        next_noise(burst, 1);
    }
    oscillator_init(&burst->oscillator, cfg->burst_offset_hz, 0.0, rate_sps);
}

/* Envelope `at` ticks after a burst's start: raised-cosine ramps inside its length. */
static double envelope(const struct burst *burst, double at)
{
    double left = burst->length_ticks - at;
    if (burst->length_ticks >= burst->period_ticks) {
        return 1.0; /* without a pause */
    }
    if (!(left > 0.0)) {
        return 0.0;
    }
    double near = at < left ? at : left;
    return near >= burst->ramp_ticks ? 1.0 : 0.5 - 0.5 * cos(UNITS_PI * near / burst->ramp_ticks);
}

void burst_write(struct burst *burst, float _Complex *sample, size_t n_samples, int64_t first_tick)
{
    require(burst->is_on);
    require(sample || n_samples == 0);
    float *value = (float *)sample;
    for (size_t k = 0; k < n_samples; k++) {
        double since = (double)(first_tick + (int64_t)k) - burst->start_tick;
        double at = since - floor(since / burst->period_ticks) * burst->period_ticks;
        double level = envelope(burst, at);
        for (int part = 0; part < 2; part++) { /* the filter stands still between bursts */
            value[2 * k + (size_t)part] =
                level > 0.0 ? (float)(level * next_noise(burst, part)) : 0.0f;
        }
    }
    if (oscillator_turns(&burst->oscillator)) {
        oscillator_turn(&burst->oscillator, value, n_samples, first_tick);
    }
}
