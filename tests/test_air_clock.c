/* test_air_clock.c - receivers of the simulated air with a clock of their own: where their samples lie,
 * the carrier's turn, the interpolator's floor, blocks. */
#include "tests/air_rig.h"

#include "radio/air/resampler.h"

#define RATE_SPS 2e6

/* What a receiver hears of tx[n_in], block by block.   ret  samples written to rx (early ones too) */
static size_t record(const struct air_cfg *cfg, const float _Complex *tx, size_t n_in,
                     float _Complex *rx, size_t n_block)
{
    struct air *air;
    assert_int_equal(air_new(cfg, RATE_SPS, 915e6, 1, 1, &air), ST_OK);
    assert_int_equal(air_clocks_are_apart(air), cfg->rx_clock_ppm != 0 || cfg->rx_start_us != 0);
    size_t n_out = 0, n;
    do {
        float _Complex *to[] = {rx + n_out};
        n = air_early(air, to, n_block);
        n_out += n;
    } while (n > 0);
    for (size_t done = 0; done < n_in; done += n_block) {
        n = n_in - done < n_block ? n_in - done : n_block;
        const float _Complex *from[] = {tx + done};
        float _Complex *to[] = {rx + n_out};
        n_out += air_step(air, from, to, n);
    }
    air_free(&air);
    return n_out;
}

static struct air_cfg quiet_cfg(double ppm, double start_us)
{
    struct air_cfg cfg = rig_cfg(0);
    cfg.rx_clock_ppm = ppm;
    cfg.rx_start_us = start_us;
    return cfg;
}

/* Leak of rig_cfg: 20 dBm - 20 dB at 6 dBm full scale. */
static const double leak = 0.5011872336272722;

/* A tone of the transmitter, cycles a tick, at the instants the receiver samples it. */
static double worst_error(double ppm, double start_us, double tone, size_t n_in)
{
    float _Complex *tx = rig_samples(n_in), *rx = rig_samples(n_in + 200000);
    for (size_t k = 0; k < n_in; k++) {
        double angle = 2.0 * M_PI * fmod(tone * (double)k, 1.0);
        tx[k] = (float)cos(angle) + (float)sin(angle) * I;
    }
    struct air_cfg cfg = quiet_cfg(ppm, start_us);
    size_t n_out = record(&cfg, tx, n_in, rx, 1000);
    double worst = 0.0, ratio = 1.0 / (1.0 + ppm * 1e-6);
    for (size_t n = 0; n < n_out; n++) {
        double at = start_us * 1e-6 * RATE_SPS + (double)n * ratio;
        if (at < -RESAMPLER_TAPS) {
            assert_true(cabsf(rx[n]) < 1e-5); /* nothing was on the air */
        }
        if (at < RESAMPLER_TAPS) {
            continue;
        }
        double turns = fmod(tone * at, 1.0) - fmod(ppm * 1e-6 * 915e6 / RATE_SPS * (double)n, 1.0);
        double _Complex truth = leak * cexp(2.0 * I * M_PI * turns);
        worst = fmax(worst, cabs((double _Complex)rx[n] - truth) / leak);
    }
    assert_true(fabs((double)n_out - ((double)n_in - start_us * 1e-6 * RATE_SPS) / ratio) < 26.0);
    free(tx);
    free(rx);
    return worst;
}

/* 16 bits are 98 dB. The thermal noise of rig_cfg (noise figure -100 dB) is far below that. */
static void air_clock_samples_where_it_should(void **state)
{
    (void)state;
    static const double tones[] = {0.0, 0.003, -0.11, 0.25, -0.4, 0.43};
    for (size_t k = 0; k < sizeof tones / sizeof *tones; k++) {
        double worst = fmax(worst_error(2.5, 0.0, tones[k], 300000),
                            worst_error(-2.5, -4321.25, tones[k], 100000));
        worst = fmax(worst, worst_error(100.0, 7777.3, tones[k], 100000));
        printf("tone at %+.3f of the rate: off by %.1f dB\n", tones[k], 20.0 * log10(worst));
        assert_true(20.0 * log10(worst) < (fabs(tones[k]) <= 0.4 ? -98.0 : -80.0));
    }
}

static void air_clock_does_not_depend_on_the_blocks(void **state)
{
    (void)state;
    size_t n_in = 60000;
    float _Complex *tx = rig_samples(n_in), *a = rig_samples(n_in + 30000),
                   *b = rig_samples(n_in + 30000);
    for (size_t k = 0; k < n_in; k++) {
        tx[k] = k % 777 < 50 ? 0.1f : 0.7f;
    }
    struct air_cfg cfg = quiet_cfg(-2.5, -900.0);
    cfg.noise_figure_db = 8;
    cfg.adc_bits = 12;
    size_t n_a = record(&cfg, tx, n_in, a, 4000), n_b = record(&cfg, tx, n_in, b, 97);
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a * sizeof *a);
    cfg = quiet_cfg(0.0, 0.0); /* the same clock: the samples as ever */
    assert_int_equal(record(&cfg, tx, n_in, a, 4000), n_in);
    free(tx);
    free(a);
    free(b);
}

static void air_clock_refuses_what_no_oscillator_does(void **state)
{
    (void)state;
    struct air *air;
    struct air_cfg cfg = quiet_cfg(101.0, 0.0);
    assert_int_equal(air_new(&cfg, RATE_SPS, 915e6, 1, 1, &air), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.rx_clock_ppm"));
    cfg = quiet_cfg(0.0, 50001.0);
    assert_int_equal(air_new(&cfg, RATE_SPS, 915e6, 1, 1, &air), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.rx_start_us"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_clock_samples_where_it_should),
        cmocka_unit_test(air_clock_does_not_depend_on_the_blocks),
        cmocka_unit_test(air_clock_refuses_what_no_oscillator_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
