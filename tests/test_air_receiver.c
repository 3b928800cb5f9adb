/* test_air_receiver.c - what the receivers of the simulated air do to the carrier: image, drift,
 * moving leak, settling, transmit noise, channels, converters. Theory stands beside each bound. */
#include "air_rig.h"

#include "radio/air/oscillator.h"

#define LEAK 0.501187234 /* 20 dBm - 20 dB at 6 dBm full scale */

static double square_of(double _Complex z)
{
    return creal(z) * creal(z) + cimag(z) * cimag(z);
}

/* x + k conj(x) of a tone at 37 cycles: a line k conj(x) at -37, and nothing else. */
static void air_receiver_image_is_a_mirror(void **state)
{
    (void)state;
    const size_t n = 4096;
    struct air_cfg cfg = rig_cfg(0);
    cfg.leak_phase_deg = 25;
    cfg.iq_image_db = -30;
    cfg.iq_image_phase_deg = 40;
    float _Complex *tx = rig_samples(n);
    float _Complex *rx = rig_samples(n);
    for (size_t k = 0; k < n; k++) {
        tx[k] = (float _Complex)cexp(2 * M_PI * 37 * (double)k / (double)n * I);
    }
    rig_record(&cfg, 2e6, tx, 0, &rx, 1, n, n);
    double _Complex x = LEAK * cexp(25 * M_PI / 180 * I);
    double _Complex image = pow(10, -30 / 20.0) * cexp(40 * M_PI / 180 * I) * conj(x);
    assert_true(cabs(rig_line(rx, n, 37) - x) < 1e-6);
    assert_true(cabs(rig_line(rx, n, -37) - image) < 1e-6);
    double power = 0;
    for (size_t k = 0; k < n; k++) {
        power += square_of((double _Complex)rx[k]) / (double)n;
    }
    assert_true(fabs(power - square_of(x) - square_of(image)) < 1e-6);
    free(tx);
    free(rx);
}

/* Phase f t + d t^2 / 2, sample by sample. */
static void air_receiver_offset_drifts(void **state)
{
    (void)state;
    const size_t n = 2000000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.carrier_offset_hz = -4321;
    cfg.carrier_drift_hz_per_s = 7000;
    float _Complex *rx = rig_record_cw(&cfg, 1, n, 2e6);
    for (size_t k = 0; k < n; k += 997) {
        double t = (double)k / 2e6;
        double turns = fmod(-4321 * t + 3500 * t * t, 1.0);
        assert_true(cabs((double _Complex)rx[k] - LEAK * cexp(2 * M_PI * turns * I)) < 1e-5);
    }
    free(rx);
}

/* After a hundred hours at 2^20 S/s. All is exact in binary: 1234.5 t is 2469 k / 2^21 turns; a drift
 * of (1 + 2^-30) 64 Hz/s is (2^30 + 1) k^2 / 2^65 = k^2 / 2^35 + k^2 / 2^65 turns, 4e12 of them. */
static void air_receiver_drift_is_exact_after_hours(void **state)
{
    (void)state;
    struct oscillator oscillator;
    oscillator_init(&oscillator, 1234.5, 64 * (1 + 0x1p-30), 0x1p20);
    const uint64_t first = (uint64_t)360000 << 20;
    float value[2 * 200];
    for (size_t k = 0; k < 200; k++) {
        value[2 * k] = 1;
        value[2 * k + 1] = 0;
    }
    oscillator_turn(&oscillator, value, 200, (int64_t)(first + 64 * 12345));
    for (size_t k = 0; k < 200; k++) {
        uint64_t tick = first + 64 * 12345 + k;
        double linear = (double)(2469 * tick % (1u << 21)) / 0x1p21;
        double square =
            (double)(tick * tick % ((uint64_t)1 << 35)) / 0x1p35; /* modulo 2^64 first */
        double fine = fmod((double)tick * (double)tick * 0x1p-65, 1.0);
        double turns = atan2((double)value[2 * k + 1], (double)value[2 * k]) / (2 * M_PI);
        assert_true(fabs(rig_wrap(turns - linear - square - fine)) < 2e-5);
    }
}

/* The leak and a line of its own at the Doppler, each with its level. */
static void air_receiver_leak_has_a_moving_part(void **state)
{
    (void)state;
    const size_t n = 100000; /* 0.1 s */
    struct air_cfg cfg = rig_cfg(0);
    cfg.leak_moving_db = -34;
    cfg.leak_moving_hz = -70;
    float _Complex *rx = rig_record_cw(&cfg, 0.8, n, 1e6);
    assert_true(cabs(rig_line(rx, n, 0) - 0.8 * LEAK) < 1e-6);
    double moving = cabs(rig_line(rx, n, -7)) / (0.8 * LEAK);
    assert_true(fabs(20 * log10(moving) + 34) < 0.001);
    struct rig_moments m = rig_moments_of(rx, n);
    assert_true(fabs(m.variance / square_of(0.8 * LEAK * moving) - 1) < 1e-3);
    free(rx);
}

/* Swinging 20 times a second at up to 200 Hz: phase 200/20 sin(2 pi 20 t) turns from its start. */
static void air_receiver_reflector_swings(void **state)
{
    (void)state;
    const size_t n = 150000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.leak_moving_db = -20;
    cfg.leak_moving_hz = 200;
    cfg.leak_swing_hz = 20;
    float _Complex *rx = rig_record_cw(&cfg, 1, n, 1e6);
    double _Complex start = (double _Complex)rx[0] - LEAK;
    assert_true(fabs(cabs(start) - 0.1 * LEAK) < 1e-6);
    for (size_t k = 0; k < n; k += 101) {
        double turns = 10 * sin(2 * M_PI * 20 * (double)k / 1e6);
        double _Complex expected = LEAK + start * cexp(2 * M_PI * turns * I);
        assert_true(cabs((double _Complex)rx[k] - expected) < 2e-6);
    }
    free(rx);
}

/* A step from 1 to 0.1 leaves 0.9 exp(-t / 20 us) at -30 dB of the leak, in one phase. */
static void air_receiver_settles_after_an_edge(void **state)
{
    (void)state;
    const size_t n = 4000;
    const size_t edge = 2000; /* 1 ms: settled from the start */
    struct air_cfg cfg = rig_cfg(0);
    cfg.settle_db = -30;
    cfg.settle_us = 20;
    float _Complex *tx = rig_samples(n);
    float _Complex *rx = rig_samples(n);
    for (size_t k = 0; k < n; k++) {
        tx[k] = k < edge ? 1.0f : 0.1f;
    }
    rig_record(&cfg, 2e6, tx, 0, &rx, 1, n, n);
    assert_true(cabs((double _Complex)rx[edge - 1] - LEAK) < 1e-6);
    double _Complex first = (double _Complex)rx[edge] - 0.1 * LEAK;
    assert_true(fabs(cabs(first) / (0.9 * LEAK * pow(10, -1.5)) - 1) < 1e-4);
    for (size_t k = edge; k < n; k++) {
        double _Complex tail = first * exp(-(double)(k - edge) / 40);
        assert_true(cabs((double _Complex)rx[k] - 0.1 * LEAK - tail) < 2e-7);
    }
    free(tx);
    free(rx);
}

/* -100 dBc/Hz over 2 MHz is -36.99 dBc at any carrier level, round (I like Q), the same in both
 * receivers. Variance of 2e5 samples: sd 0.22 %. */
static void air_receiver_hears_the_transmitters_noise(void **state)
{
    (void)state;
    const size_t n = 200000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.tx_noise_dbc_hz = -100;
    for (int half = 0; half < 2; half++) {
        float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
        rig_record(&cfg, 2e6, NULL, half ? 0.5 : 1, rx, 2, n, n);
        struct rig_moments m = rig_moments_of(rx[0], n);
        assert_true(fabs(m.variance / square_of(m.mean) / (1e-10 * 2e6) - 1) < 4 * 0.0022);
        double _Complex ratio = rig_moments_of(rx[1], n).mean / m.mean;
        double along = 0;
        for (size_t k = 0; k < n; k++) {
            double _Complex d = (double _Complex)rx[0][k] / m.mean - 1;
            along += creal(d) * creal(d) - cimag(d) * cimag(d);
            assert_true(cabs((double _Complex)rx[1][k] - ratio * (double _Complex)rx[0][k]) < 1e-6);
        }
        assert_true(fabs(along / (double)n) < 4 * 1e-10 * 2e6 / sqrt((double)n));
        free(rx[0]);
        free(rx[1]);
    }
}

/* Two receivers: each its own noise, the second 6 dB down in leak and thermal noise; the converter's
 * own noise is not scaled. Sample sd of a variance 0.22 %, of the correlation 0.0022. */
static void air_receiver_channels_are_apart(void **state)
{
    (void)state;
    const size_t n = 200000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.noise_figure_db = 60;
    cfg.channel_gain_db = -6;
    float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
    rig_record(&cfg, 2e6, NULL, 1, rx, 2, n, n);
    struct rig_moments m[] = {rig_moments_of(rx[0], n), rig_moments_of(rx[1], n)};
    assert_true(fabs(20 * log10(cabs(m[1].mean) / cabs(m[0].mean)) + 6) < 0.001);
    assert_true(fabs(10 * log10(m[1].variance / m[0].variance) + 6) < 4.343 * 4 * 0.0032);
    double _Complex cross = 0;
    for (size_t k = 0; k < n; k++) {
        cross +=
            ((double _Complex)rx[0][k] - m[0].mean) * conj((double _Complex)rx[1][k] - m[1].mean);
    }
    cross /= (double)n * sqrt(m[0].variance * m[1].variance);
    assert_true(cabs(cross) < 4 * 0.0022);
    cfg.noise_figure_db = -100;
    cfg.adc_bits = 12;
    cfg.adc_noise_lsb = 20;
    cfg.channel_gain_db = -20;
    rig_record(&cfg, 2e6, NULL, 0, rx, 2, n, n);
    double theory = 2 * (400 + 1 / 12.0) * pow(2.0 / 4096, 2);
    for (int j = 0; j < 2; j++) {
        assert_true(fabs(rig_moments_of(rx[j], n).variance / theory - 1) < 4 * 0.0022);
        free(rx[j]);
    }
}

/* Noise of 10 steps rms in I and Q: a converter of b bits gives whole codes inside its range and
 * adds step^2 / 12 in each; 1e5 complex samples, sd of the mean square 0.2 %. */
static void air_receiver_converts_at_every_width(void **state)
{
    (void)state;
    static const int widths[] = {8, 10, 12, 14, 16};
    const size_t n = 100000;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        double step = ldexp(2.0, -widths[i]);
        struct air_cfg cfg = rig_cfg(0);
        cfg.noise_figure_db = 8;
        double noise_dbm = 10 * log10(1.380649e-23 * 290 * 2e6 * 1e3) + 8;
        cfg.rx_full_scale_dbm = noise_dbm - 10 * log10(200 * step * step);
        float _Complex *plain = rig_record_cw(&cfg, 0, n, 2e6);
        cfg.adc_bits = widths[i];
        float _Complex *coded = rig_record_cw(&cfg, 0, n, 2e6);
        double error = 0;
        for (size_t k = 0; k < n; k++) {
            error += square_of((double _Complex)(coded[k] - plain[k]));
            double code = (double)cimagf(coded[k]) / step;
            assert_true(code == rint(code));
        }
        assert_true(fabs(error / (double)n / (2 * step * step / 12) - 1) < 4 * 0.002);
        free(plain);
        free(coded);
        cfg.leak_db = 20; /* far beyond full scale, both ways */
        cfg.leak_phase_deg = 135;
        coded = rig_record_cw(&cfg, 1, 100, 2e6);
        assert_true(crealf(coded[50]) == -1.0f);
        assert_true(cimagf(coded[50]) == 1.0f - (float)step);
        free(coded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_receiver_image_is_a_mirror),
        cmocka_unit_test(air_receiver_offset_drifts),
        cmocka_unit_test(air_receiver_drift_is_exact_after_hours),
        cmocka_unit_test(air_receiver_leak_has_a_moving_part),
        cmocka_unit_test(air_receiver_reflector_swings),
        cmocka_unit_test(air_receiver_settles_after_an_edge),
        cmocka_unit_test(air_receiver_hears_the_transmitters_noise),
        cmocka_unit_test(air_receiver_channels_are_apart),
        cmocka_unit_test(air_receiver_converts_at_every_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
