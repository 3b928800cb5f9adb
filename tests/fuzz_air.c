/* fuzz_air.c - arbitrary bytes as the transmitters' samples: nothing may break. */
#include <complex.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/air.h"

#define SAMPLES_MAX 4096

static float value_of(uint8_t byte)
{
    switch (byte) { /* now and then what no radio should ever send */
    case 0xFF: return NAN;
    case 0xFE: return INFINITY;
    case 0xFD: return -1e30f;
    default: return (float)(byte % 12) / 11.0f;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* First byte: settings; then pairs {level, length in samples}. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes < 1) {
        return 0;
    }
    unsigned n_tx = data[0] & 1 ? 2 : 1;
    bool is_full = data[0] & 8; /* every impairment at once */
    struct air_cfg cfg = {.seed = data[0],
                          .n_tags = 5,
                          .distance_min_m = 0.5,
                          .distance_max_m = 3,
                          .tx_power_dbm = 20,
                          .antenna_gain_dbi = 6,
                          .tag_sensitivity_dbm = -20,
                          .leak_db = -20,
                          .leak_phase_deg = NAN,
                          .leak_drift_db_per_s = data[0] & 2 ? -40 : NAN,
                          .noise_figure_db = 8,
                          .ebn0_db = data[0] & 4 ? 15 : NAN,
                          .rx_full_scale_dbm = 6,
                          .adc_bits = 12,
                          .dc_offset_dbfs = -30,
                          .carrier_offset_hz = 1000,
                          .phase_noise_dbc_hz = -120,
                          .blf_error_ratio = NAN,
                          .t1_jitter_us = 1,
                          .t2_limit_tpri = 20,
                          .tag_level_db = data[0] & 4 ? NAN : -30,
                          .tag_angle_deg = is_full ? 60 : NAN,
                          .tag_speed_mps = is_full ? 3 : 0,
                          .fading_doppler_hz = is_full ? 20 : NAN,
                          .carrier_drift_hz_per_s = is_full ? 100 : 0,
                          .leak_moving_db = is_full ? -30 : NAN,
                          .leak_moving_hz = 20,
                          .device = {.command_dbm = data[0] & 32 ? -15 : NAN,
                                     .carrier_dbm = NAN,
                                     .storage_uf = data[0] & 32 ? 1e-6 : 0,
                                     .start_v = 1.8,
                                     .stop_v = 1,
                                     .full_v = 2.4,
                                     .efficiency_ratio = 0.3,
                                     .load_uw = 1},
                          .leak_swing_hz = data[0] & 16 ? 2 : NAN,
                          .settle_db = is_full ? -30 : NAN,
                          .settle_us = 10,
                          .tx_noise_dbc_hz = is_full ? -120 : NAN,
                          .iq_image_db = is_full ? -30 : NAN,
                          .iq_image_phase_deg = NAN,
                          .channel_gain_db = is_full ? -2 : 0,
                          .other_reader_dbfs = is_full ? -30 : NAN,
                          .other_reader_offset_hz = 200e3,
                          .other_reader_period_us = data[0] & 16 ? 600 : NAN,
                          .other_reader_command_us = 300,
                          .impulse_rate_per_s = is_full ? 1e4 : 0,
                          .impulse_length_us = 1,
                          .burst_dbfs = is_full ? -40 : NAN,
                          .burst_bandwidth_hz = 200e3,
                          .burst_period_us = 500,
                          .burst_length_us = 200,
                          .emitter = {{.level_db = data[0] & 32 ? -6 : NAN, .offset_hz = 3e3},
                                      {.level_db = data[0] & 64 ? -10 : NAN, .offset_hz = -5e3}}};
    struct air *air;
    if (air_new(&cfg, 1e6, 910e6, n_tx, 2, &air) != ST_OK) {
        return 0;
    }
    static float _Complex tx[SAMPLES_MAX];
    static float _Complex rx[2][SAMPLES_MAX];
    size_t n_samples = 0;
    for (size_t i = 1; i + 1 < n_bytes; i += 2) {
        size_t length = data[i + 1] % 128;
        for (size_t k = 0; k < length && n_samples < SAMPLES_MAX; k++) {
            tx[n_samples++] = value_of(data[i]);
        }
    }
    const float _Complex *from[] = {tx, tx};
    float _Complex *to[] = {rx[0], rx[1]};
    air_step(air, from, to, n_samples);
    for (size_t k = 0; k < n_samples; k++) {
        require(fabsf(crealf(rx[0][k])) <= 1.0f);
        require(fabsf(cimagf(rx[1][k])) <= 1.0f);
    }
    air_free(&air);
    return 0;
}
