/* receiver.c - leak, carrier offset, phase noise, thermal noise, DC offset, converter. */
#include "radio/air/receiver.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define DRIFT_INTERVAL 256 /* ticks between points of the leak's random walk */
#define TURN_INTERVAL 64   /* ticks between exact values of the rotation */

enum { STREAM_NOISE = 100, STREAM_PHASE = 200, STREAM_DRIFT = 300, STREAM_LEAK = 400 };

static double adc_step(const struct air_cfg *cfg)
{
    return cfg->adc_bits > 0.0 ? ldexp(2.0, -(int)lround(cfg->adc_bits)) : 0.0;
}

/* Noise added before the converter: thermal, and the converter's own at its input. */
static double analog_noise_power(const struct air_cfg *cfg, double rate_sps)
{
    require(rate_sps > 0.0);
    double watts = UNITS_BOLTZMANN_JPK * UNITS_T0_K * rate_sps *
                   units_power_ratio_from_db(cfg->noise_figure_db);
    double own = cfg->adc_noise_lsb * adc_step(cfg);
    return watts * 1e3 / units_power_ratio_from_db(cfg->rx_full_scale_dbm) + 2.0 * own * own;
}

double receiver_noise_power(const struct air_cfg *cfg, double rate_sps)
{
    double step = adc_step(cfg);
    return analog_noise_power(cfg, rate_sps) + 2.0 * step * step / 12.0;
}

static void init_leak(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                      unsigned index)
{
    double amplitude =
        units_amplitude_ratio_from_db(cfg->tx_power_dbm + cfg->leak_db - cfg->rx_full_scale_dbm);
    for (unsigned i = 0; i < AIR_TRANSMITTERS_MAX; i++) {
        uint64_t state = (uint64_t)cfg->seed * 0x9E3779B97F4A7C15u + STREAM_LEAK + 16 * index + i;
        double phase_rad = 2.0 * UNITS_PI * noise_uniform(&state);
        if (i == index && !isnan(cfg->leak_phase_deg)) {
            phase_rad = cfg->leak_phase_deg * UNITS_PI / 180.0; /* own carrier only */
        }
        receiver->leak_start[i] =
            (float)(amplitude * cos(phase_rad)) + (float)(amplitude * sin(phase_rad)) * I;
        receiver->leak_end[i] = receiver->leak_start[i];
    }
    if (!isnan(cfg->leak_drift_db_per_s)) {
        receiver->drift_sigma =
            (float)(amplitude * units_amplitude_ratio_from_db(cfg->leak_drift_db_per_s) *
                    sqrt(0.5 * DRIFT_INTERVAL / rate_sps));
    }
}

void receiver_init(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                   unsigned index, const struct noise_table *table)
{
    require(index < AIR_RECEIVERS_MAX);
    memset(receiver, 0, sizeof *receiver);
    receiver->table = table;
    uint64_t seed = (uint64_t)cfg->seed;
    noise_stream_init(&receiver->noise_stream, seed, STREAM_NOISE + index);
    noise_stream_init(&receiver->phase_stream, seed, STREAM_PHASE + index);
    noise_stream_init(&receiver->drift_stream, seed, STREAM_DRIFT + index);
    init_leak(receiver, cfg, rate_sps, index);
    double turns = cfg->carrier_offset_hz / rate_sps; /* |turns| <= 1, as the range of the row */
    receiver->turn_step = (uint64_t)(int64_t)llround(remainder(turns, 1.0) * 0x1p63) << 1;
    double step_rad = 2.0 * UNITS_PI * ldexp((double)(int64_t)receiver->turn_step, -64);
    receiver->step_cos = cos(step_rad);
    receiver->step_sin = sin(step_rad);
    receiver->turn_cos = 1.0;
    receiver->noise_sigma = (float)sqrt(0.5 * analog_noise_power(cfg, rate_sps));
    if (!isnan(cfg->phase_noise_dbc_hz)) {
        receiver->phase_sigma_rad =
            (float)sqrt(units_power_ratio_from_db(cfg->phase_noise_dbc_hz) * rate_sps);
    }
    if (!isnan(cfg->dc_offset_dbfs)) {
        double dc = units_amplitude_ratio_from_db(cfg->dc_offset_dbfs) * sqrt(0.5);
        receiver->dc = (float)dc - (float)dc * I;
    }
    receiver->adc_step = (float)adc_step(cfg);
}

static void drift_step(struct receiver *receiver, unsigned n_tx)
{
    for (unsigned i = 0; i < n_tx; i++) {
        receiver->leak_start[i] = receiver->leak_end[i];
        noise_add(receiver->table, &receiver->drift_stream, receiver->drift_sigma,
                  &receiver->leak_end[i], 1);
    }
}

/* Samples as pairs of floats: the products are spelled out so that every compiler makes the same
 * plain vector loop of them. */
static void add_scaled(const float _Complex *tx, float _Complex gain, float _Complex *rx,
                       size_t n_samples)
{
    const float *restrict in = (const float *)tx;
    float *restrict out = (float *)rx;
    float re = crealf(gain);
    float im = cimagf(gain);
    for (size_t k = 0; k < n_samples; k++) {
        out[2 * k] += in[2 * k] * re - in[2 * k + 1] * im;
        out[2 * k + 1] += in[2 * k] * im + in[2 * k + 1] * re;
    }
}

/* The same with a gain that moves by `slope` a sample, `at` samples into its interval. */
static void add_ramped(const float _Complex *tx, float _Complex gain, float _Complex slope,
                       unsigned at, float _Complex *rx, size_t n_samples)
{
    const float *restrict in = (const float *)tx;
    float *restrict out = (float *)rx;
    for (size_t k = 0; k < n_samples; k++) {
        float re = crealf(gain) + (float)(at + k) * crealf(slope);
        float im = cimagf(gain) + (float)(at + k) * cimagf(slope);
        out[2 * k] += in[2 * k] * re - in[2 * k + 1] * im;
        out[2 * k + 1] += in[2 * k] * im + in[2 * k + 1] * re;
    }
}

static void leak_interval(struct receiver *receiver, const float _Complex *const tx[],
                          unsigned n_tx, const float _Complex *still, float _Complex *rx,
                          size_t first, size_t n_samples, unsigned at)
{
    for (unsigned i = 0; i < n_tx; i++) {
        float _Complex gain = receiver->leak_start[i] + still[i];
        if (receiver->drift_sigma > 0.0f) {
            float _Complex slope =
                (receiver->leak_end[i] - receiver->leak_start[i]) * (1.0f / DRIFT_INTERVAL);
            add_ramped(tx[i] + first, gain, slope, at, rx + first, n_samples);
        } else {
            add_scaled(tx[i] + first, gain, rx + first, n_samples);
        }
    }
}

void receiver_leak(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                   const float _Complex *still, float _Complex *rx, size_t n_samples,
                   int64_t first_tick)
{
    require(n_tx <= AIR_TRANSMITTERS_MAX);
    memset(rx, 0, n_samples * sizeof *rx);
    for (size_t done = 0; done < n_samples;) {
        unsigned at = (unsigned)((first_tick + (int64_t)done) % DRIFT_INTERVAL);
        if (at == 0 && receiver->drift_sigma > 0.0f) {
            drift_step(receiver, n_tx);
        }
        size_t n = DRIFT_INTERVAL - at;
        n = n < n_samples - done ? n : n_samples - done;
        leak_interval(receiver, tx, n_tx, still, rx, done, n, at);
        done += n;
    }
}

/* Rotate by exp(j 2 pi f t): exact from the integer phase every TURN_INTERVAL ticks, by recurrence
 * in double between. */
static void rotate(struct receiver *receiver, float *value, size_t n_samples, int64_t first_tick)
{
    for (size_t k = 0; k < n_samples; k++) {
        uint64_t tick = (uint64_t)first_tick + k;
        if (tick % TURN_INTERVAL == 0) {
            double turns = ldexp((double)(int64_t)(receiver->turn_step * tick), -64);
            receiver->turn_cos = cos(2.0 * UNITS_PI * turns);
            receiver->turn_sin = sin(2.0 * UNITS_PI * turns);
        }
        double c = receiver->turn_cos;
        double s = receiver->turn_sin;
        double re = (double)value[2 * k];
        double im = (double)value[2 * k + 1];
        value[2 * k] = (float)(re * c - im * s);
        value[2 * k + 1] = (float)(re * s + im * c);
        receiver->turn_cos = c * receiver->step_cos - s * receiver->step_sin;
        receiver->turn_sin = c * receiver->step_sin + s * receiver->step_cos;
    }
}

/* exp(j phi) to second order: phi is some hundredths of a radian at most. */
static void add_phase_noise(struct receiver *receiver, float *value, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) {
        float phi =
            receiver->phase_sigma_rad * noise_gaussian(receiver->table, &receiver->phase_stream);
        float along = 1.0f - 0.5f * phi * phi;
        float re = value[2 * k];
        float im = value[2 * k + 1];
        value[2 * k] = re * along - im * phi;
        value[2 * k + 1] = im * along + re * phi;
    }
}

/* Mid-tread: codes -2^(bits-1) .. 2^(bits-1)-1, step 2^(1-bits). */
static void convert(float *value, size_t n_values, float step)
{
    const float round_magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to whole numbers */
    float per_step = 1.0f / step;          /* powers of two: exact */
    float lowest = -per_step;
    float highest = per_step - 1.0f;
    for (size_t i = 0; i < n_values; i++) {
        float code = value[i] * per_step;
        code = code > lowest ? code : lowest; /* also not-a-number ends here */
        code = code < highest ? code : highest;
        value[i] = ((code + round_magic) - round_magic) * step;
    }
}

void receiver_finish(struct receiver *receiver, float _Complex *rx, size_t n_samples,
                     int64_t first_tick)
{
    require(rx || n_samples == 0);
    float *value = (float *)rx;
    if (receiver->turn_step != 0) {
        rotate(receiver, value, n_samples, first_tick);
    }
    if (receiver->phase_sigma_rad > 0.0f) {
        add_phase_noise(receiver, value, n_samples);
    }
    noise_add(receiver->table, &receiver->noise_stream, receiver->noise_sigma, rx, n_samples);
    if (receiver->dc != 0.0f) {
        for (size_t k = 0; k < n_samples; k++) {
            rx[k] += receiver->dc;
        }
    }
    if (receiver->adc_step > 0.0f) {
        convert(value, 2 * n_samples, receiver->adc_step);
    }
}
