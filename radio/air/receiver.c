/* receiver.c - leak, carrier offset, phase noise, thermal noise, image, DC offset, converter. */
#include "radio/air/receiver.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

#define DRIFT_INTERVAL 256 /* ticks between points of the leak's random walk */
#define PIECE_SAMPLES 64
#define STEP_MAX 1e6 /* of the carrier, full scale = 1 */

enum { STREAM_NOISE = 100, STREAM_PHASE = 200, STREAM_DRIFT = 300, STREAM_LEAK = 400 };
enum { DRAW_MOVING = 600, DRAW_SETTLE = 700, DRAW_IMAGE = 800 };

static double adc_step(const struct air_cfg *cfg)
{
    return cfg->adc_bits > 0.0 ? ldexp(2.0, -(int)lround(cfg->adc_bits)) : 0.0;
}

/* Noise added before the converter: thermal, and the converter's own at its input. */
static double analog_noise_power(const struct air_cfg *cfg, double rate_sps, double gain_ratio)
{
    require(rate_sps > 0.0);
    double watts = UNITS_BOLTZMANN_JPK * UNITS_T0_K * rate_sps *
                   units_power_ratio_from_db(cfg->noise_figure_db);
    double own = cfg->adc_noise_lsb * adc_step(cfg);
    return watts * 1e3 / units_power_ratio_from_db(cfg->rx_full_scale_dbm) * gain_ratio +
           2.0 * own * own;
}

double receiver_noise_power(const struct air_cfg *cfg, double rate_sps)
{
    double step = adc_step(cfg);
    return analog_noise_power(cfg, rate_sps, 1.0) + 2.0 * step * step / 12.0;
}

static double _Complex polar(double amplitude, double angle)
{
    return amplitude * cos(angle) + amplitude * sin(angle) * I;
}

/* A phase of this receiver's own for each purpose. */
static double draw_angle(const struct air_cfg *cfg, unsigned purpose, unsigned index)
{
    uint64_t state = (uint64_t)cfg->seed * 0x9E3779B97F4A7C15u + purpose + 16 * index;
    return 2.0 * UNITS_PI * noise_uniform(&state);
}

static void init_leak(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                      unsigned index)
{
    double amplitude =
        units_amplitude_ratio_from_db(cfg->tx_power_dbm + cfg->leak_db - cfg->rx_full_scale_dbm);
    for (unsigned i = 0; i < AIR_SOURCES_MAX; i++) {
        double phase_rad = draw_angle(cfg, STREAM_LEAK + i, index);
        if (i == index && !isnan(cfg->leak_phase_deg)) {
            phase_rad = cfg->leak_phase_deg * UNITS_PI / 180.0; /* own carrier only */
        }
        receiver->leak_start[i] =
            (float)(amplitude * cos(phase_rad)) + (float)(amplitude * sin(phase_rad)) * I;
        receiver->leak_end[i] = receiver->leak_start[i];
        receiver->leak[i] = receiver->leak_start[i];
        receiver->drift_ratio[i] = 1.0f;
    }
    if (!isnan(cfg->leak_drift_db_per_s)) {
        receiver->drift_sigma =
            (float)(amplitude * units_amplitude_ratio_from_db(cfg->leak_drift_db_per_s) *
                    sqrt(0.5 * DRIFT_INTERVAL / rate_sps));
    }
}

static void init_moving(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                        unsigned index)
{
    if (isnan(cfg->leak_moving_db)) {
        return;
    }
    receiver->moving_ratio = (float _Complex)polar(
        units_amplitude_ratio_from_db(cfg->leak_moving_db), draw_angle(cfg, DRAW_MOVING, index));
    if (isnan(cfg->leak_swing_hz)) {
        oscillator_init(&receiver->moving, cfg->leak_moving_hz, 0.0, rate_sps);
    } else {
        oscillator_init_swing(&receiver->moving, cfg->leak_moving_hz, cfg->leak_swing_hz, rate_sps);
    }
}

static void init_settle(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                        unsigned index)
{
    if (isnan(cfg->settle_db)) {
        return;
    }
    receiver->settle_ratio =
        polar(units_amplitude_ratio_from_db(cfg->settle_db), draw_angle(cfg, DRAW_SETTLE, index));
    receiver->settle_share = -expm1(-1e6 / (cfg->settle_us * rate_sps));
}

static void init_image(struct receiver *receiver, const struct air_cfg *cfg, unsigned index)
{
    if (isnan(cfg->iq_image_db)) {
        return;
    }
    double angle = isnan(cfg->iq_image_phase_deg) ? draw_angle(cfg, DRAW_IMAGE, index)
                                                  : cfg->iq_image_phase_deg * UNITS_PI / 180.0;
    receiver->image = (float _Complex)polar(units_amplitude_ratio_from_db(cfg->iq_image_db), angle);
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
    init_moving(receiver, cfg, rate_sps, index);
    init_settle(receiver, cfg, rate_sps, index);
    init_image(receiver, cfg, index);
    interference_init(&receiver->interference, cfg, rate_sps, index, table);
    oscillator_init(&receiver->carrier, cfg->carrier_offset_hz, cfg->carrier_drift_hz_per_s,
                    rate_sps);
    receiver_set_gain(receiver, cfg, rate_sps, index, 0.0, 0.0);
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

void receiver_set_gain(struct receiver *receiver, const struct air_cfg *cfg, double rate_sps,
                       unsigned index, double gain_db, double antenna_db)
{
    double own_db = index == 0 ? 0.0 : cfg->channel_gain_db;
    double gain = units_amplitude_ratio_from_db(own_db + gain_db);
    receiver->gain = (float)(gain * units_amplitude_ratio_from_db(antenna_db));
    receiver->noise_sigma = (float)sqrt(0.5 * analog_noise_power(cfg, rate_sps, gain * gain));
}

void receiver_scale_leak(struct receiver *receiver, unsigned source, double ratio)
{
    require(source < AIR_SOURCES_MAX);
    receiver->leak[source] *= (float)ratio;
    receiver->leak_start[source] *= (float)ratio;
    receiver->leak_end[source] *= (float)ratio;
    receiver->drift_ratio[source] *= (float)ratio;
}

static void drift_step(struct receiver *receiver, unsigned n_tx)
{
    for (unsigned i = 0; i < n_tx; i++) {
        receiver->leak_start[i] = receiver->leak_end[i];
        noise_add(receiver->table, &receiver->drift_stream,
                  receiver->drift_sigma * receiver->drift_ratio[i], &receiver->leak_end[i], 1);
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

/* The moving part of the leak: each source's leak at tick 0, turned. */
static void add_moving(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                       float _Complex *rx, size_t n_samples, int64_t first_tick)
{
    float _Complex piece[PIECE_SAMPLES];
    for (size_t done = 0; done < n_samples;) {
        size_t n = n_samples - done < PIECE_SAMPLES ? n_samples - done : PIECE_SAMPLES;
        memset(piece, 0, n * sizeof *piece);
        for (unsigned i = 0; i < n_tx; i++) {
            add_scaled(tx[i] + done, receiver->moving_ratio * receiver->leak[i], piece, n);
        }
        oscillator_turn(&receiver->moving, (float *)piece, n, first_tick + (int64_t)done);
        add_scaled(piece, 1.0f, rx + done, n);
        done += n;
    }
}

/* What the front end still lacks of the carrier after a step dies out by exp(-t / tau). */
static void add_settling(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                         float _Complex *rx, size_t n_samples)
{
    for (unsigned i = 0; i < n_tx; i++) {
        double _Complex settled = receiver->settled[i];
        double _Complex ratio = receiver->settle_ratio * receiver->leak[i];
        for (size_t k = 0; k < n_samples; k++) {
            double _Complex lack = (double _Complex)tx[i][k] - settled;
            if (!(cabs(lack) < STEP_MAX)) {
                continue; /* what is not a number must not stay for ever */
            }
            rx[k] += (float _Complex)(ratio * lack);
            settled += receiver->settle_share * lack;
        }
        receiver->settled[i] = settled;
    }
}

void receiver_leak(struct receiver *receiver, const float _Complex *const tx[], unsigned n_tx,
                   const float _Complex *still, float _Complex *rx, size_t n_samples,
                   int64_t first_tick)
{
    require(n_tx <= AIR_SOURCES_MAX);
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
    if (receiver->moving_ratio != 0.0f) {
        add_moving(receiver, tx, n_tx, rx, n_samples, first_tick);
    }
    if (receiver->settle_ratio != 0.0) {
        add_settling(receiver, tx, n_tx, rx, n_samples);
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

static void add_image(float _Complex *rx, size_t n_samples, float _Complex image)
{
    float *value = (float *)rx;
    float re = crealf(image);
    float im = cimagf(image);
    for (size_t k = 0; k < n_samples; k++) {
        float x = value[2 * k];
        float y = value[2 * k + 1];
        value[2 * k] = x + re * x + im * y;
        value[2 * k + 1] = y + im * x - re * y;
    }
}

static void scale(float *value, size_t n_values, float gain)
{
    for (size_t i = 0; i < n_values; i++) {
        value[i] *= gain;
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
    if (oscillator_turns(&receiver->carrier)) {
        oscillator_turn(&receiver->carrier, value, n_samples, first_tick);
    }
    if (receiver->interference.is_on) {
        interference_add(&receiver->interference, rx, n_samples, first_tick);
    }
    if (receiver->phase_sigma_rad > 0.0f) {
        add_phase_noise(receiver, value, n_samples);
    }
    if (receiver->gain != 1.0f) {
        scale(value, 2 * n_samples, receiver->gain);
    }
    noise_add(receiver->table, &receiver->noise_stream, receiver->noise_sigma, rx, n_samples);
    if (receiver->image != 0.0f) {
        add_image(rx, n_samples, receiver->image);
    }
    if (receiver->dc != 0.0f) {
        for (size_t k = 0; k < n_samples; k++) {
            rx[k] += receiver->dc;
        }
    }
    if (receiver->adc_step > 0.0f) {
        convert(value, 2 * n_samples, receiver->adc_step);
    }
}
