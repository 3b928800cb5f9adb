/* test_air_interference.c - another reader, impulses and bursts in the simulated air's receivers,
 * and that nothing at all sees block lengths. Theory stands beside each bound. */
#include "air_rig.h"

static double power_of(const float _Complex *x, size_t n)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double _Complex z = (double _Complex)x[k];
        sum += creal(z) * creal(z) + cimag(z) * cimag(z);
    }
    return sum / (double)n;
}

/* The same waveform in both receivers, up to one phase. */
static void assert_alike(const float _Complex *a, const float _Complex *b, size_t n)
{
    double _Complex cross = 0;
    for (size_t k = 0; k < n; k++) {
        cross += (double _Complex)b[k] * conj((double _Complex)a[k]);
    }
    double _Complex ratio = cross / cabs(cross);
    assert_true(cabs(ratio - 1) > 1e-3);
    double scale = sqrt(power_of(a, n));
    for (size_t k = 0; k < n; k++) {
        assert_true(cabs((double _Complex)b[k] - ratio * (double _Complex)a[k]) < 1e-5 * scale);
    }
}

static void air_interference_carrier_is_a_line(void **state)
{
    (void)state;
    const size_t n = 20000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.other_reader_dbfs = -47;
    cfg.other_reader_offset_hz = -300e3;
    float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
    rig_record(&cfg, 2e6, NULL, 0, rx, 2, n, n);
    double amplitude = pow(10, -47 / 20.0);
    assert_true(fabs(cabs(rig_line(rx[0], n, -3000)) / amplitude - 1) < 1e-5);
    assert_true(fabs(power_of(rx[0], n) / (amplitude * amplitude) - 1) < 1e-5);
    assert_alike(rx[0], rx[1], n);
    free(rx[0]);
    free(rx[1]);
}

/* Slow reading of the keyed carrier: times at which the amplitude crosses half way. */
struct pulses {
    double fall_us[4096], rise_us[4096];
    size_t n;
};

static void find_pulses(const float _Complex *rx, size_t n, double amplitude, double rate_sps,
                        struct pulses *pulses)
{
    const double middle = 0.55 * amplitude; /* between 1 and 0.1 */
    pulses->n = 0;
    for (size_t k = 1; k < n; k++) {
        double was = cabs((double _Complex)rx[k - 1]);
        double is = cabs((double _Complex)rx[k]);
        double us = ((double)(k - 1) + (middle - was) / (is - was)) * 1e6 / rate_sps;
        if (was >= middle && is < middle) {
            assert_true(pulses->n < 4096);
            pulses->fall_us[pulses->n] = us;
        } else if (was < middle && is >= middle) {
            pulses->rise_us[pulses->n++] = us;
        }
        /* raised-cosine edges of 3 us over 0.9: at most 0.9 pi / 2 / 3 us */
        assert_true(fabs(is - was) < 1.01 * amplitude * 0.45 * M_PI / 3 * 1e6 / rate_sps);
        assert_true(is > 0.0999 * amplitude && is < 1.0001 * amplitude);
    }
}

/* Gen2 6.3.1.2.8: delimiter 12.5 us, data-0, RTcal = data-0 + data-1, then data symbols. */
static void air_interference_reader_keys_pie(void **state)
{
    (void)state;
    const size_t n = 400000; /* 0.1 s: ten commands */
    static struct pulses pulses;
    struct air_cfg cfg = rig_cfg(0);
    cfg.other_reader_dbfs = -20;
    cfg.other_reader_offset_hz = 600e3;
    cfg.other_reader_period_us = 10000;
    cfg.other_reader_command_us = 800;
    float _Complex *rx = rig_record_cw(&cfg, 0, n, 4e6);
    find_pulses(rx, n, 0.1, 4e6, &pulses);
    free(rx);
    int n_commands = 0;
    int n_symbols[2] = {0, 0};
    double begin_us = 0;
    for (size_t i = 0; i < pulses.n; i++) {
        double since_us = i ? pulses.rise_us[i] - pulses.rise_us[i - 1] : 1e9;
        double low_us = pulses.rise_us[i] - pulses.fall_us[i];
        if (since_us > 100) { /* a delimiter */
            assert_true(fabs(low_us - 12.5) < 0.01);
            if (n_commands > 0) {
                assert_true(fabs(pulses.fall_us[i] - begin_us - 10000) < 0.01);
                double length_us = pulses.rise_us[i - 1] - begin_us;
                assert_true(length_us < 800.01 && length_us > 774.99);
            }
            begin_us = pulses.fall_us[i];
            n_commands++;
            assert_true(i + 2 < pulses.n);
            assert_true(fabs(pulses.rise_us[i + 1] - pulses.rise_us[i] - 12.5) < 0.01);
            assert_true(fabs(pulses.rise_us[i + 2] - pulses.rise_us[i + 1] - 37.5) < 0.01);
            i += 2;
            continue;
        }
        assert_true(fabs(low_us - 6.25) < 0.01);
        int bit = since_us > 18.75;
        assert_true(fabs(since_us - (bit ? 25 : 12.5)) < 0.01);
        n_symbols[bit]++;
    }
    assert_true(n_commands == 10 || n_commands == 9);
    int n_all = n_symbols[0] + n_symbols[1];
    assert_true(n_all > 300);
    assert_true(fabs(n_symbols[0] - 0.5 * n_all) < 4 * 0.5 * sqrt(n_all));
}

/* 2000 impulses a second of 100 us at 1 MS/s, mean gap 400 us, gaps exponential. An impulse of L
 * samples at a random start, averaged over samples, has energy L - 1/3; 2 s hold 4000 with standard
 * deviation below sqrt(4000). Gaps below a sample, one in 400, are not seen as such. */
static void air_interference_impulses_come_at_chance(void **state)
{
    (void)state;
    const size_t n = 2000000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.impulse_rate_per_s = 2000;
    cfg.impulse_dbfs = -10;
    cfg.impulse_length_us = 100;
    float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
    rig_record(&cfg, 1e6, NULL, 0, rx, 2, n, n);
    double level = pow(10, -0.5);
    int n_impulses = 0;
    int n_short = 0; /* gaps below the mean: 1 - 1/e of them, those unseen left out */
    size_t end = 0;
    for (size_t k = 1; k < n; k++) {
        bool is = cabs((double _Complex)rx[0][k]) > 0.5 * level;
        bool was = cabs((double _Complex)rx[0][k - 1]) > 0.5 * level;
        assert_true(cabs((double _Complex)rx[0][k]) < 1.0001 * level * 2);
        n_short += is && !was && n_impulses > 0 && k - end < 400;
        n_impulses += is && !was;
        end = !is && was ? k : end;
    }
    assert_true(abs(n_impulses - 4000) < 4 * 63);
    double share = n_short / (double)n_impulses;
    assert_true(fabs(share - 0.632) < 4 * 0.0076 + 0.003);
    double energy = power_of(rx[0], n) * (double)n / (level * level) / n_impulses;
    assert_true(fabs(energy / (100 - 1 / 3.0) - 1) < 2 / 400.0);
    assert_alike(rx[0], rx[1], n);
    /* shorter than a sample: 0.1 us are a tenth of one */
    cfg.impulse_length_us = 0.1;
    rig_record(&cfg, 1e6, NULL, 0, rx, 1, n, n);
    double greatest = 0;
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
        double size = cabs((double _Complex)rx[0][k]);
        greatest = fmax(greatest, size);
        sum += size;
    }
    assert_true(greatest > 0.0999 * level && greatest < 0.2001 * level);
    assert_true(fabs(sum / (0.1 * level) - 4000) < 4 * 63 + 20);
    free(rx[0]);
    free(rx[1]);
}

#define DFT 256

/* Mean periodogram, Hann window, textbook sums. */
static void spectrum(const float _Complex *x, size_t n, double power[DFT])
{
    static double _Complex turn[DFT];
    for (size_t k = 0; k < DFT; k++) {
        turn[k] = cexp(-2 * M_PI * (double)k / DFT * I);
        power[k] = 0;
    }
    for (size_t at = 0; at + DFT <= n; at += DFT) {
        for (size_t bin = 0; bin < DFT; bin++) {
            double _Complex sum = 0;
            for (size_t k = 0; k < DFT; k++) {
                double window = 0.5 - 0.5 * creal(turn[k]);
                sum += window * (double _Complex)x[at + k] * turn[bin * k % DFT];
            }
            power[bin] += creal(sum * conj(sum));
        }
    }
}

/* Noise without a pause, 250 kHz wide at +200 kHz, 2 MS/s. Sixth-order Butterworth made digital by
 * the bilinear transform: 1 / (1 + (tan(pi f / fs) / tan(pi fc / fs))^12), fc half the bandwidth.
 * 1200 periodograms over 32 bins inside: 0.5 % standard deviation. */
static void air_interference_bursts_are_band_limited(void **state)
{
    (void)state;
    const size_t n = 1200 * DFT;
    struct air_cfg cfg = rig_cfg(0);
    cfg.burst_dbfs = -33;
    cfg.burst_offset_hz = 200e3;
    cfg.burst_bandwidth_hz = 250e3;
    cfg.burst_length_us = cfg.burst_period_us = 1000;
    float _Complex *rx = rig_record_cw(&cfg, 0, n, 2e6);
    /* mean power of 0.15 s times 250 kHz: about 38000 degrees of freedom, 0.5 % */
    assert_true(fabs(power_of(rx, n) / pow(10, -3.3) - 1) < 4 * 0.006);
    double power[DFT];
    spectrum(rx, n, power);
    double all = 0;
    double all_theory = 0;
    double share[3] = {0}; /* within 3/4 of the edge, around the edge, beyond twice the edge */
    double theory[3] = {0};
    for (int bin = 0; bin < DFT; bin++) {
        double f_hz = remainder(bin * 2e6 / DFT - 200e3, 2e6);
        double ratio = tan(M_PI * fabs(f_hz) / 2e6) / tan(M_PI * 125e3 / 2e6);
        double density = 1 / (1 + pow(ratio, 12));
        int part = ratio < 0.75 ? 0 : ratio < 1.5 ? 1 : ratio > 2 ? 2 : -1;
        all += power[bin];
        all_theory += density;
        if (part >= 0) {
            share[part] += power[bin];
            theory[part] += density;
        }
    }
    assert_true(fabs(share[0] / all - theory[0] / all_theory) < 0.01);
    assert_true(fabs(share[1] / all - theory[1] / all_theory) < 0.01);
    assert_true(share[2] / all < 1e-4); /* 2^-12 at the octave and falling */
    free(rx);
}

/* GSM: 577 us of every 4615.4; ramps inside, silence outside, mean power between the ramps. */
static void air_interference_bursts_keep_their_time(void **state)
{
    (void)state;
    const size_t n = 1000000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.burst_dbfs = -20;
    float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
    rig_record(&cfg, 1e6, NULL, 0, rx, 2, n, n);
    assert_alike(rx[0], rx[1], n);
    int n_bursts = 0;
    size_t first = 0;
    double power = 0;
    size_t length = 0;
    for (size_t k = 1; k < n; k++) {
        bool is = cabsf(rx[0][k]) > 1e-9f; /* 100 times the thermal noise that is left */
        bool was = cabsf(rx[0][k - 1]) > 1e-9f;
        if (is && !was) {
            if (n_bursts > 0) {
                double late = (double)(k - first) - n_bursts * 4615.4;
                assert_true(fabs(late) <= 1.0);
            } else {
                first = k;
            }
            n_bursts++;
            length = 0;
        }
        length += is;
        if (!is && was && n_bursts > 0) {
            assert_true(length == 576 || length == 577);
            power += power_of(rx[0] + k - length + 10, length - 20);
        }
    }
    /* 216 bursts of 557 us, 200 kHz: 24000 degrees of freedom, 0.65 % */
    assert_true(n_bursts == 216 || n_bursts == 217);
    assert_true(fabs(power / 216.5 / 0.01 - 1) < 4 * 0.0065 + 0.003);
    free(rx[0]);
    free(rx[1]);
}

/* As wide as the rate: white, neighbours uncorrelated. */
static void air_interference_wide_bursts_are_white(void **state)
{
    (void)state;
    const size_t n = 200000;
    struct air_cfg cfg = rig_cfg(0);
    cfg.burst_dbfs = -20;
    cfg.burst_bandwidth_hz = 10e6;
    cfg.burst_length_us = cfg.burst_period_us;
    float _Complex *rx = rig_record_cw(&cfg, 0, n, 2e6);
    double _Complex next = 0;
    for (size_t k = 1; k < n; k++) {
        next += (double _Complex)rx[k] * conj((double _Complex)rx[k - 1]);
    }
    assert_true(fabs(power_of(rx, n) / 0.01 - 1) < 4 * 0.0022);
    assert_true(cabs(next) / (double)n / 0.01 < 4 * 0.0022);
    free(rx);
}

/* Everything that this and the other impairment tests switch on, at once. */
static struct air_cfg full_cfg(void)
{
    struct air_cfg cfg = rig_cfg(20);
    cfg.noise_figure_db = 8;
    cfg.adc_bits = 14;
    cfg.adc_noise_lsb = 1;
    cfg.tag_level_db = -40;
    cfg.tag_angle_deg = 30;
    cfg.tag_speed_mps = 2;
    cfg.fading_doppler_hz = 40;
    cfg.carrier_offset_hz = 3000;
    cfg.carrier_drift_hz_per_s = 100;
    cfg.leak_drift_db_per_s = -40;
    cfg.leak_moving_db = -40;
    cfg.leak_moving_hz = 30;
    cfg.leak_swing_hz = 3;
    cfg.settle_db = -40;
    cfg.tx_noise_dbc_hz = -130;
    cfg.phase_noise_dbc_hz = -120;
    cfg.iq_image_db = -40;
    cfg.channel_gain_db = 1;
    cfg.channel_tag_db = -3;
    cfg.other_reader_dbfs = -50;
    cfg.other_reader_offset_hz = 200e3;
    cfg.other_reader_period_us = 1500;
    cfg.other_reader_command_us = 500;
    cfg.impulse_rate_per_s = 3000;
    cfg.impulse_dbfs = -30;
    cfg.burst_dbfs = -50;
    cfg.burst_period_us = 2000;
    cfg.burst_length_us = 500;
    cfg.emitter[0] =
        (struct air_emitter_cfg){.level_db = -10, .offset_hz = 2500, .drift_hz_per_s = 50};
    cfg.emitter[1] = (struct air_emitter_cfg){.level_db = -20, .offset_hz = -4000};
    return cfg;
}

/* A Query to be answered, in a carrier. */
static void key_query(struct rig *rig)
{
    char command[64];
    rig_cw(rig, 2000);
    rig_query(&rig_link_a, 0, 0, 0, 2, command);
    rig_command(rig, &rig_link_a, command, true);
    rig_cw(rig, 1500);
    rig_query(&rig_link_c, 0, 0, 0, 2, command);
    rig_command(rig, &rig_link_c, command, true);
    rig_cw(rig, 1500);
    rig_run(rig);
}

static void air_interference_does_not_see_block_lengths(void **state)
{
    (void)state;
    static const size_t blocks[] = {1u << 20, 1, 7, 64, 1000};
    struct rig rig;
    struct air_cfg cfg = full_cfg();
    rig_open(&rig, &cfg, 2e6);
    key_query(&rig);
    const size_t n = rig.n_samples;
    float _Complex *first[] = {rig_samples(n), rig_samples(n)};
    float _Complex *rx[] = {rig_samples(n), rig_samples(n)};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
        rig_record(&cfg, 2e6, rig.tx, 0, b ? rx : first, 2, n, blocks[b]);
        for (int j = 0; j < 2 && b > 0; j++) {
            assert_memory_equal(first[j], rx[j], n * sizeof *rx[j]);
        }
    }
    struct air_tag_truth truth;
    uint64_t n_sent = 0;
    for (size_t i = 0; i < air_n_tags(rig.air); i++) {
        air_tag_read(rig.air, i, &truth);
        n_sent += truth.n_rn16_sent;
    }
    assert_true(n_sent > 2);
    for (int j = 0; j < 2; j++) {
        free(first[j]);
        free(rx[j]);
    }
    rig_close(&rig);
}

/* Each impairment by itself changes the samples; without its switch its other keys do nothing. */
static void air_interference_off_is_off(void **state)
{
    (void)state;
    struct rig rig;
    struct air_cfg off = rig_cfg(5);
    off.noise_figure_db = 8;
    rig_open(&rig, &off, 2e6);
    key_query(&rig);
    const size_t n = rig.n_samples;
    float _Complex *rx = rig_samples(n);
    struct air_cfg full = full_cfg();
    struct air_cfg cfg = off;
    cfg.fading_k_db = 0;
    cfg.leak_moving_hz = full.leak_moving_hz;
    cfg.leak_swing_hz = full.leak_swing_hz;
    cfg.settle_us = 300;
    cfg.iq_image_phase_deg = 70;
    cfg.channel_gain_db = 5; /* one receiver only */
    cfg.channel_tag_db = 5;
    cfg.other_reader_period_us = 1000;
    cfg.impulse_dbfs = 0;
    cfg.burst_bandwidth_hz = 1e6;
    cfg.emitter[0].offset_hz = 5000;
    rig_record(&cfg, 2e6, rig.tx, 0, &rx, 1, n, n);
    assert_memory_equal(rig.rx, rx, n * sizeof *rx);
    for (int i = 0; i < 15; i++) {
        cfg = off;
        switch (i) {
        case 0: cfg.tag_level_db = -30; break;
        case 1: cfg.tag_angle_deg = 77; break;
        case 2: cfg.tag_speed_mps = 1; break;
        case 3: cfg.fading_doppler_hz = 10; break;
        case 4: cfg.carrier_drift_hz_per_s = 100; break;
        case 5: cfg.leak_moving_db = -40; break;
        case 6: cfg.settle_db = -40; break;
        case 7: cfg.tx_noise_dbc_hz = -120; break;
        case 8: cfg.iq_image_db = -40; break;
        case 9: cfg.other_reader_dbfs = -50; break;
        case 10: cfg.impulse_rate_per_s = 3000; break;
        case 11: cfg.burst_dbfs = -50; break;
        case 12: cfg.emitter[0].level_db = -20; break;
        case 13: cfg.emitter[1].level_db = -20; break;
        case 14: cfg.carrier_offset_hz = 100; break;
        }
        rig_record(&cfg, 2e6, rig.tx, 0, &rx, 1, n, n);
        assert_memory_not_equal(rig.rx, rx, n * sizeof *rx);
    }
    free(rx);
    rig_close(&rig);
}

static void assert_refused(const struct air_cfg *cfg, const char *key)
{
    struct air *air;
    assert_int_equal(air_new(cfg, 2e6, 910e6, 1, 1, &air), ST_RANGE);
    assert_null(air);
    assert_non_null(strstr(status_detail(), key));
}

static void air_interference_refuses_what_does_not_fit(void **state)
{
    (void)state;
    struct air_cfg cfg = full_cfg();
    cfg.other_reader_offset_hz = -1.1e6;
    assert_refused(&cfg, "radio.sim.other_reader_offset_hz");
    cfg = full_cfg();
    cfg.other_reader_command_us = 1400;
    assert_refused(&cfg, "radio.sim.other_reader_command_us");
    cfg = full_cfg();
    cfg.impulse_rate_per_s = 0.95e6;
    assert_refused(&cfg, "radio.sim.impulse_rate_per_s");
    cfg = full_cfg();
    cfg.burst_offset_hz = 0.95e6;
    assert_refused(&cfg, "radio.sim.burst_offset_hz");
    cfg = full_cfg();
    cfg.burst_length_us = 2001;
    assert_refused(&cfg, "radio.sim.burst_length_us");
    cfg = full_cfg();
    cfg.emitter[1].offset_hz = 1.1e6;
    assert_refused(&cfg, "radio.sim.emitter3_offset_hz");
    cfg = full_cfg();
    cfg.emitter[0].level_db = 21;
    assert_refused(&cfg, "radio.sim.emitter2_level_db");
    cfg = full_cfg();
    cfg.ebn0_db = 10;
    assert_refused(&cfg, "radio.sim.tag_level_db");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_interference_carrier_is_a_line),
        cmocka_unit_test(air_interference_reader_keys_pie),
        cmocka_unit_test(air_interference_impulses_come_at_chance),
        cmocka_unit_test(air_interference_bursts_are_band_limited),
        cmocka_unit_test(air_interference_bursts_keep_their_time),
        cmocka_unit_test(air_interference_wide_bursts_are_white),
        cmocka_unit_test(air_interference_does_not_see_block_lengths),
        cmocka_unit_test(air_interference_off_is_off),
        cmocka_unit_test(air_interference_refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
