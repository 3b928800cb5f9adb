/* test_emission.c - the emitter's waveform against what was asked for: tones by a slow Fourier sum, the
 * slope in dB, the plan's edges on their samples, whatever the blocks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/emission.h"

#define RATE_SPS 2e6
#define AMPLITUDE 0.5

static struct emission_cfg plain(void)
{
    return (struct emission_cfg){
        .rate_sps = RATE_SPS, .amplitude = AMPLITUDE, .slope_s = NAN, .ramp_us = 10.0};
}

/*   own  free */
static float _Complex *made(const struct emission_cfg *cfg, double since_s, size_t n, size_t block)
{
    struct emission *emission;
    assert_int_equal(emission_new(cfg, &emission), ST_OK);
    emission_begin(emission, since_s);
    float _Complex *sample = malloc(n * sizeof *sample);
    assert_non_null(sample);
    int64_t n_on = 0;
    for (size_t k = 0; k < n; k++) {
        sample[k] = (float)AMPLITUDE;
    }
    for (size_t done = 0; done < n; done += block) {
        size_t some = n - done < block ? n - done : block;
        emission_apply(emission, sample + done, some, (int64_t)done);
    }
    for (size_t k = 0; k < n; k++) {
        n_on += sample[k] != 0.0f;
    }
    assert_int_equal(emission_on_ticks(emission), n_on);
    emission_free(&emission);
    assert_null(emission);
    return sample;
}

static double line_db(const float _Complex *sample, size_t n, double freq_hz)
{
    double _Complex sum = 0.0;
    for (size_t k = 0; k < n; k++) {
        sum += (double _Complex)sample[k] *
               cexp(-2.0 * I * M_PI * fmod(freq_hz / RATE_SPS * (double)k, 1.0));
    }
    return 20.0 * log10(cabs(sum) / (double)n + 1e-12);
}

static void emission_has_its_tones_and_no_other(void **state)
{
    (void)state;
    struct emission_cfg cfg = plain();
    cfg.n_tones = 3;
    cfg.tone[0] = (struct emission_tone){0.0, -6.0};
    cfg.tone[1] = (struct emission_tone){12300.0, 0.0};
    cfg.tone[2] = (struct emission_tone){-250000.0, -40.0};
    const size_t n = 200000; /* 10 Hz */
    float _Complex *sample = made(&cfg, 0.0, n, 4096);
    double own_db = 20.0 * log10(AMPLITUDE);
    for (size_t k = 0; k < cfg.n_tones; k++) {
        double level = line_db(sample, n, cfg.tone[k].offset_hz) - own_db;
        assert_true(fabs(level - cfg.tone[k].level_db) < 0.01);
    }
    static const double elsewhere_hz[] = {-12300, 24600, 250000, 500, 31250, -31250, 262300};
    for (size_t k = 0; k < sizeof elsewhere_hz / sizeof *elsewhere_hz; k++) {
        assert_true(line_db(sample, n, elsewhere_hz[k]) - own_db < -120.0);
    }
    free(sample);
}

static void emission_ramps_evenly_in_db(void **state)
{
    (void)state;
    struct emission_cfg cfg = plain();
    cfg.slope_from_db = -40.0;
    cfg.slope_to_db = -3.0;
    cfg.slope_s = 0.05;
    const size_t n = 140000;
    float _Complex *sample = made(&cfg, 0.0, n, 1000);
    for (size_t k = 0; k < n; k += 37) {
        double t_s = (double)k / RATE_SPS;
        double wanted = t_s < 0.05 ? -40.0 + 37.0 * t_s / 0.05 : -3.0;
        double level = 20.0 * log10((double)cabsf(sample[k]) / AMPLITUDE);
        assert_true(fabs(level - wanted) < 0.01);
    }
    free(sample);
    struct emission *emission;
    assert_int_equal(emission_new(&cfg, &emission), ST_OK);
    assert_true(fabs(emission_level_db(emission, 50000) + 21.5) < 1e-9);
    assert_true(emission_level_db(emission, 1000000) == -3.0);
    emission_free(&emission);
}

/* on 1 ms, off 0.5 ms, on 0.25 ms, off 0.75 ms: every edge on its sample, ramps of 10 / 0.482 us. */
static void emission_keeps_its_plan_on_the_sample(void **state)
{
    (void)state;
    static const double length_s[] = {1e-3, 0.5e-3, 0.25e-3, 0.75e-3};
    struct emission_cfg cfg = plain();
    cfg.n_steps = 4;
    for (size_t k = 0; k < 4; k++) {
        cfg.step[k] = (struct emission_step){.on = k % 2 == 0, .length_s = length_s[k]};
    }
    static const double since_s[] = {0.0, 0.3e-3, 86400.0};
    for (size_t j = 0; j < sizeof since_s / sizeof *since_s; j++) {
        const size_t n = 50000;
        float _Complex *sample = made(&cfg, since_s[j], n, 333);
        long into = lround(fmod(since_s[j], 2.5e-3) * RATE_SPS); /* ticks of the plan at tick 0 */
        for (size_t k = 1; k < n; k++) {
            long place = ((long)k + into) % 5000;
            double level = (double)crealf(sample[k]) / AMPLITUDE;
            long since = place < 2000 ? place : place < 3000 ? place - 2000 : place - 3000;
            bool on = place < 2000 || (place >= 3000 && place < 3500);
            since = place >= 3500 ? place - 3500 : since;
            if (since == 0) { /* the change begins here: nothing of it yet */
                assert_true(level == (on ? 0.0 : 1.0));
            } else if (since == 1) {
                assert_true(level > 0.0);
                assert_true(level < 1.0);
            } else if (since >= 42) {
                assert_true(level == (on ? 1.0 : 0.0));
            } else if (since == 20 || since == 21) { /* half-way: 20.7 ticks */
                assert_true(fabs(level - 0.5) < 0.05);
            }
        }
        free(sample);
    }
}

static void emission_does_not_depend_on_the_blocks(void **state)
{
    (void)state;
    struct emission_cfg cfg = plain();
    cfg.n_tones = 2;
    cfg.tone[0] = (struct emission_tone){7777.7, -6.0};
    cfg.tone[1] = (struct emission_tone){-31.0, -6.0};
    cfg.slope_from_db = -10.0;
    cfg.slope_to_db = 0.0;
    cfg.slope_s = 0.004;
    cfg.n_steps = 2;
    cfg.step[0] = (struct emission_step){true, 1.00013e-3};
    cfg.step[1] = (struct emission_step){false, 0.3e-3};
    const size_t n = 20000;
    float _Complex *whole = made(&cfg, 0.00017, n, n);
    static const size_t blocks[] = {1, 63, 64, 4096};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) {
        float _Complex *cut = made(&cfg, 0.00017, n, blocks[k]);
        assert_memory_equal(whole, cut, n * sizeof *cut);
        free(cut);
    }
    free(whole);
}

static void assert_refused(const struct emission_cfg *cfg, const char *text)
{
    struct emission *emission = NULL;
    assert_int_equal(emission_new(cfg, &emission), ST_RANGE);
    assert_null(emission);
    if (!strstr(status_detail(), text)) {
        fail_msg("'%s' not in: %s", text, status_detail());
    }
}

static void emission_refuses_what_clips_or_cannot_be(void **state)
{
    (void)state;
    struct emission_cfg cfg = plain();
    cfg.n_tones = 2;
    cfg.tone[0] = (struct emission_tone){1000.0, 0.0};
    cfg.tone[1] = (struct emission_tone){-1000.0, 0.0};
    struct emission *emission;
    assert_int_equal(emission_new(&cfg, &emission), ST_OK); /* 0.5 + 0.5 */
    emission_free(&emission);
    cfg.tone[1].level_db = 0.1;
    assert_refused(&cfg, "lower all by 0.1 dB");
    cfg.tone[1] = (struct emission_tone){1.1e6, -20.0};
    assert_refused(&cfg, "half the sample rate");
    cfg = plain();
    cfg.n_steps = 1;
    cfg.step[0] = (struct emission_step){.on = false, .length_s = 1.0};
    assert_refused(&cfg, "never on");
    cfg.n_steps = 2;
    cfg.step[1] = (struct emission_step){.on = true, .length_s = 20e-6};
    assert_refused(&cfg, "accepted from 2.07388e-05 s on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emission_has_its_tones_and_no_other),
        cmocka_unit_test(emission_ramps_evenly_in_db),
        cmocka_unit_test(emission_keeps_its_plan_on_the_sample),
        cmocka_unit_test(emission_does_not_depend_on_the_blocks),
        cmocka_unit_test(emission_refuses_what_clips_or_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
