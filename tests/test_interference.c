/* test_interference.c - carriers, impulses and bursts in a listening window: what is left of them, what
 * cleaning costs a reply, and that clean replies pass untouched. Noise is complex, var a sample. */
#include "tests/interference_rig.h"

/* Noise and replies from -10 to 60 dB a sample, FM0 and Miller, 4.5 .. 100 samples a BLF period: not
 * one sample is changed and nothing is named. 1200 windows, some 5e6 samples; noise alone would do it
 * in 3e-12 of samples. */
static void interference_leaves_clean_replies_alone(void **unused)
{
    (void)unused;
    struct ref_random random = {31};
    static const double samples_per_tpri[] = {4.5, 6.25, 10.0, 16.0, 25.0, 50.0, 100.0};
    static const unsigned m[] = {1, 2, 4, 8};
    struct interference *x = fresh(2e6);
    struct interference_report report;
    unsigned n_named = 0, n_changed = 0;
    for (unsigned run = 0; run < 1200; run++) {
        struct scene scene = usual;
        double per_tpri = samples_per_tpri[run % 7];
        scene.blf_hz = scene.rate_sps / per_tpri;
        scene.m = m[run % 4];
        scene.n_bits = 16 + run % 40;
        scene.n_quiet = (size_t)(10.0 * per_tpri) + 20;
        double length = ((double)scene.n_bits + 8.0) * scene.m * per_tpri;
        scene.n_samples = scene.n_quiet + 200 + (size_t)length;
        scene.sample_snr_db = -10.0 + 70.0 * ref_uniform(&random);
        scene_make(&scene, &random);
        window_run(x, &scene, 0.0, 777, &report);
        n_changed += memcmp(in, out, scene.n_samples * sizeof *in) != 0;
        n_named += report.cause != REPLY_CAUSE_NONE;
    }
    printf("clean replies: %u of 1200 changed, %u named\n", n_changed, n_named);
    assert_int_equal(n_changed, 0);
    assert_int_equal(n_named, 0);
    interference_free(&x);
    assert_null(x);
    interference_free(&x);
}

/* The same from 12-bit and 8-bit converters whose step is above or near the noise. */
static void interference_leaves_quantised_replies_alone(void **unused)
{
    (void)unused;
    struct ref_random random = {32};
    struct interference *x = fresh(2e6);
    struct interference_report report;
    unsigned n_changed = 0, n_named = 0;
    for (unsigned run = 0; run < 400; run++) {
        struct scene scene = usual;
        float codes = run & 1 ? 2048.0F : 128.0F;
        double step = 1.0 / codes;
        scene.variance = pow(step * ref_between(&random, 0.05, 1.5), 2);
        scene.n_bits = 32;
        scene.n_samples = 2600;
        scene.sample_snr_db = ref_between(&random, 0.0, 20.0);
        scene_make(&scene, &random);
        for (size_t k = 0; k < scene.n_samples; k++) {
            in[k] = rintf(crealf(clean[k]) * codes) / codes +
                    I * (rintf(cimagf(clean[k]) * codes) / codes);
        }
        window_run(x, &scene, 0.0, 4096, &report);
        n_changed += report.blanked_ratio > 0.0;
        n_named += report.cause != REPLY_CAUSE_NONE;
    }
    printf("quantised replies: %u of 400 blanked, %u named\n", n_changed, n_named);
    assert_int_equal(n_changed, 0);
    assert_in_range(n_named, 0,
                    20); /* a step's worth of noise may fall still: it is named, no more */
    interference_free(&x);
}

struct tone_case {
    double offset_hz, level_db; /* over the noise of a sample */
    double residual_db;         /* at most, over that noise; the gates are what was designed for */
    double loss_db;             /* at most, of the reply's Eb/N0 (10 dB) */
};

/* One carrier, 250 us of quiet, an EPC of 4 ms in FM0 40 kHz at 2 MS/s. Outside the tag's band nothing
 * is lost; inside, the tag disturbs the estimate it is cleaned by. */
static void interference_takes_carriers_out(void **unused)
{
    (void)unused;
    static const struct tone_case table[] = {
        {5000.0, 0.0, -14.0, 2.5},    {8000.0, 10.0, -16.0, 1.5},    {8000.0, 60.0, -16.0, 1.5},
        {20000.0, 10.0, -19.0, 0.8},  {-30000.0, 20.0, -18.0, 0.9},  {40000.0, 40.0, -19.0, 0.5},
        {60000.0, 10.0, -22.0, 0.1},  {-100000.0, 30.0, -23.0, 0.1}, {300000.0, 50.0, -23.0, 0.1},
        {900000.0, 10.0, -23.0, 0.1}, {900000.0, 60.0, -23.0, 0.1},
    };
    struct ref_random random = {33};
    struct interference *x = fresh(usual.rate_sps);
    const unsigned runs = 24;
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        double residual = 0.0, before = 0.0, after = 0.0, ideal = 0.0;
        for (unsigned run = 0; run < runs; run++) {
            struct interference_report report;
            double offset = table[row].offset_hz * ref_between(&random, 0.98, 1.02);
            double amplitude = sqrt(usual.variance) * pow(10.0, table[row].level_db / 20.0);
            scene_make(&usual, &random);
            carrier_add(amplitude, offset, usual.rate_sps, ref_between(&random, 0.0, TWO_PI), 0,
                        usual.n_samples);
            window_run(x, &usual, 0.0, 1000, &report);
            assert_int_equal(report.n_tones, 1);
            assert_int_equal(report.cause, REPLY_CAUSE_CARRIER);
            assert_float_equal(report.tone[0].offset_hz, offset, 400.0);
            assert_float_equal(report.tone[0].power_dbfs, 20.0 * log10(amplitude), 1.0);
            residual += distance(out, clean, &usual) / usual.variance / runs;
            before += bit_noise(in, &usual) / runs;
            after += bit_noise(out, &usual) / runs;
            ideal += bit_noise(clean, &usual) / runs;
        }
        printf("%8.0f Hz %3.0f dB: left %6.1f dB (of the noise), Eb/N0 lost %5.2f dB, uncleaned "
               "%5.2f\n",
               table[row].offset_hz, table[row].level_db, db(residual), db(after / ideal),
               db(before / ideal));
        assert_true(db(residual) < table[row].residual_db);
        assert_true(db(after / ideal) < table[row].loss_db);
    }
    interference_free(&x);
}

/* Miller-4 at 250 kHz, 4 MS/s, a short quiet: the same. */
static void interference_takes_carriers_out_of_miller(void **unused)
{
    (void)unused;
    struct scene scene = usual;
    scene.rate_sps = 4e6;
    scene.blf_hz = 250e3;
    scene.m = 4;
    scene.n_quiet = 200;
    scene.sample_snr_db = -8.0; /* Eb/N0 10 dB */
    scene.n_samples = scene.n_quiet + 60 + (N_EPC + 11) * 64;
    struct ref_random random = {34};
    struct interference *x = fresh(scene.rate_sps);
    static const double offset_hz[] = {90e3, 230e3, 600e3};
    static const double loss_db[] = {0.4, 1.0, 0.1};
    for (unsigned row = 0; row < 3; row++) {
        double after = 0.0, ideal = 0.0, before = 0.0;
        for (unsigned run = 0; run < 24; run++) {
            struct interference_report report;
            scene_make(&scene, &random);
            carrier_add(1e-3, offset_hz[row], scene.rate_sps, ref_between(&random, 0.0, TWO_PI), 0,
                        scene.n_samples);
            window_run(x, &scene, 0.0, 4096, &report);
            assert_int_equal(report.n_tones, 1);
            before += bit_noise(in, &scene);
            after += bit_noise(out, &scene);
            ideal += bit_noise(clean, &scene);
        }
        printf("Miller-4, %.0f Hz, 20 dB: Eb/N0 lost %.2f dB, uncleaned %.2f\n", offset_hz[row],
               db(after / ideal), db(before / ideal));
        assert_true(db(after / ideal) < loss_db[row]);
    }
    interference_free(&x);
}

/* A strong reply (30 dB a sample over noise) with a carrier far below it: the estimate from the quiet
 * must not be torn along. Eb/N0 is 47 dB; a reply needs 10. */
static void interference_keeps_strong_replies_readable(void **unused)
{
    (void)unused;
    struct scene scene = usual;
    scene.sample_snr_db = 30.0;
    struct ref_random random = {35};
    struct interference *x = fresh(scene.rate_sps);
    static const double level_db[] = {-5.0, 10.0, 30.0, 50.0};
    for (unsigned row = 0; row < 4; row++) {
        double worst = 0.0;
        for (unsigned run = 0; run < 60; run++) {
            struct interference_report report;
            double offset = ref_between(&random, 5e3, 80e3);
            scene_make(&scene, &random);
            carrier_add(1e-4 * pow(10.0, level_db[row] / 20.0), offset, scene.rate_sps, 1.0, 0,
                        scene.n_samples);
            window_run(x, &scene, 0.0, 4096, &report);
            worst = fmax(worst, bit_noise(out, &scene));
        }
        printf("strong reply, carrier %.0f dB: worst Eb/N0 left %.1f dB\n", level_db[row],
               47.0 - db(worst));
        assert_true(47.0 - db(worst) > 15.0);
    }
    interference_free(&x);
}

/* Bistatic: leak 60 dB over noise at 6 kHz, its image, converter DC, a second emitter at -9 kHz. Leak
 * stays, all else goes. */
static void interference_cleans_around_a_turning_leak(void **unused)
{
    (void)unused;
    struct scene scene = usual;
    scene.leak = 0.0;
    scene.sample_snr_db = NAN;
    struct ref_random random = {36};
    struct interference *x = fresh(scene.rate_sps);
    double residual = 0.0;
    for (unsigned run = 0; run < 40; run++) {
        struct interference_report report;
        scene_make(&scene, &random);
        carrier_add(0.1, 6000.0, scene.rate_sps, ref_between(&random, 0.0, TWO_PI), 0,
                    scene.n_samples);
        memcpy(clean, in, sizeof clean);
        carrier_add(1e-3, -6000.0, scene.rate_sps, ref_between(&random, 0.0, TWO_PI), 0,
                    scene.n_samples);
        carrier_add(1e-2, -11000.0, scene.rate_sps, ref_between(&random, 0.0, TWO_PI), 0,
                    scene.n_samples);
        carrier_add(1e-3, 0.0, scene.rate_sps, 1.0, 0, scene.n_samples);
        window_run(x, &scene, TWO_PI * 6000.0 / scene.rate_sps, 1000, &report);
        assert_int_equal(report.n_tones, 3);
        assert_true(report.blanked_ratio == 0.0);
        residual += distance(out, clean, &scene) / scene.variance / 40.0;
    }
    printf("turning leak, image, DC, second emitter: left %.1f dB of the noise\n", db(residual));
    assert_true(db(residual) < -10.0);
    interference_free(&x);
}

/* Impulses of 1 .. 6 samples, 20 .. 60 dB over the noise, 10 or so in an EPC: most of their energy is
 * taken out and the reply loses little, whatever its strength. */
static void interference_blanks_impulses(void **unused)
{
    (void)unused;
    struct ref_random random = {37};
    struct interference *x = fresh(usual.rate_sps);
    static const double snr_db[] = {-7.0, 10.0, 30.0};
    for (unsigned row = 0; row < 3; row++) {
        struct scene scene = usual;
        scene.sample_snr_db = snr_db[row];
        double before = 0.0, after = 0.0, left = 0.0, put = 0.0;
        unsigned n_hit = 0;
        size_t n_out = 0;
        for (unsigned run = 0; run < 30; run++) {
            struct interference_report report;
            scene_make(&scene, &random);
            for (unsigned k = 0; k < 10; k++) {
                size_t at = scene.n_quiet + (size_t)(ref_uniform(&random) * 7000.0);
                double level = ref_between(&random, 20.0, 60.0) + fmax(snr_db[row], 0.0);
                size_t length = 1 + (size_t)(ref_uniform(&random) * 6.0);
                for (size_t j = 0; j < length; j++) {
                    in[at + j] += (float _Complex)(1e-4 * pow(10.0, level / 20.0) *
                                                   cexp(I * ref_between(&random, 0.0, TWO_PI)));
                    n_hit++;
                }
            }
            window_run(x, &scene, 0.0, 512, &report);
            assert_int_equal(report.cause, REPLY_CAUSE_IMPULSES);
            n_out += (size_t)lround(report.blanked_ratio * (double)scene.n_samples);
            put += distance(in, clean, &scene);
            left += distance(out, clean, &scene);
            before += bit_noise(in, &scene) / bit_noise(clean, &scene) / 30.0;
            after += bit_noise(out, &scene) / bit_noise(clean, &scene) / 30.0;
        }
        printf("impulses, reply %.0f dB: %u samples hit, %zu blanked, energy left %.1f dB, "
               "Eb/N0 lost %.2f dB, uncleaned %.1f\n",
               snr_db[row], n_hit, n_out, db(left / put), db(after), db(before));
        assert_true(db(left / put) < -20.0);
        assert_true(n_out > n_hit * 9 / 10);
        assert_true(n_out < n_hit * 5 / 4); /* between an edge and an impulse it cannot be told */
        double ebn0_db = snr_db[row] + 17.0;
        assert_true(row == 0 ? db(after) < 0.7 : ebn0_db - db(after) > 25.0);
    }
    interference_free(&x);
}

/* Noise that rises 6 .. 20 dB for 1 ms in the window, with and without a reply: named, the blocks told,
 * their noise measured within 20 %, nothing blanked of it to speak of. */
static void interference_names_bursts(void **unused)
{
    (void)unused;
    struct ref_random random = {38};
    struct interference *x = fresh(usual.rate_sps);
    static const double rise_db[] = {6.0, 10.0, 20.0};
    for (unsigned row = 0; row < 6; row++) {
        struct scene scene = usual;
        double rise = pow(10.0, rise_db[row / 2] / 10.0);
        scene.sample_snr_db = row % 2 ? 3.0 : NAN;
        double measured = 0.0, blanked = 0.0;
        for (unsigned run = 0; run < 50; run++) {
            struct interference_report report;
            scene_make(&scene, &random);
            for (size_t k = 3000; k < 5000; k++) {
                in[k] +=
                    (float _Complex)(sqrt(scene.variance * (rise - 1.0)) * ref_normal(&random));
            }
            window_run(x, &scene, 0.0, 900, &report);
            assert_int_equal(report.cause, REPLY_CAUSE_BURST);
            assert_in_range(report.n_burst_blocks, 14, 21); /* of 20 */
            assert_in_range(report.n_line_blocks, 0, 1);
            blanked += report.blanked_ratio / 50.0;
            assert_int_equal(report.n_blocks, scene.n_samples / 100);
            measured += (pow(10.0, report.burst_dbfs / 10.0) / scene.variance + 1.0) / rise / 50.0;
        }
        printf("burst %.0f dB%s: its noise told as %.2f of truth, blanked %.5f\n", rise_db[row / 2],
               row % 2 ? " under a reply of 3 dB" : "", measured, blanked);
        assert_float_equal(measured, 1.0, 0.2);
        assert_true(blanked < 0.005); /* the first block of a sudden burst, at most */
    }
    interference_free(&x);
}

/* A burst that ends in the quiet's neighbourhood: the noise falls. */
static void interference_names_a_burst_that_ends(void **unused)
{
    (void)unused;
    struct ref_random random = {39};
    struct scene scene = usual;
    scene.sample_snr_db = NAN;
    struct interference *x = fresh(scene.rate_sps);
    struct interference_report report;
    scene_make(&scene, &random);
    for (size_t k = 0; k < 1000; k++) {
        in[k] += (float _Complex)(3e-4 * ref_normal(&random));
    }
    window_run(x, &scene, 0.0, 900, &report);
    assert_int_equal(report.cause, REPLY_CAUSE_BURST);
    assert_in_range(report.n_quieter_blocks, 60, 75);
    assert_float_equal(report.burst_dbfs, -70.0, 1.5);
    interference_free(&x);
}

/* Another reader: its carrier there in the quiet and keyed (Tari 25 us, off for half of each symbol)
 * from 1 ms on; or begun in the window only. Both are commands, at the right offset (one that begins
 * later is seen but near multiples of rate / 6 samples, impulses.h). */
static void interference_names_another_readers_commands(void **unused)
{
    (void)unused;
    struct ref_random random = {40};
    struct interference *x = fresh(usual.rate_sps);
    for (unsigned run = 0; run < 60; run++) {
        struct scene scene = usual;
        struct interference_report report;
        bool known = run % 2;
        double offset = ref_between(&random, 80e3, 300e3) * (run % 4 < 2 ? 1.0 : -1.0);
        double amplitude = 1e-4 * pow(10.0, ref_between(&random, 15.0, 50.0) / 20.0);
        scene.sample_snr_db = run % 3 ? -7.0 : NAN;
        scene_make(&scene, &random);
        if (known) {
            carrier_add(amplitude, offset, scene.rate_sps, 0.5, 0, 2000);
        }
        for (size_t k = 2000; k + 50 < scene.n_samples; k += 50) {
            carrier_add(amplitude, offset, scene.rate_sps, 0.5, k, k + 25);
        }
        window_run(x, &scene, 0.0, 900, &report);
        assert_int_equal(report.n_tones, known);
        assert_int_equal(report.cause, REPLY_CAUSE_COMMANDS);
        double told = known ? report.tone[0].offset_hz : report.burst_offset_hz;
        assert_float_equal(told, offset,
                           known ? 100.0 : 45e3); /* lines at +-40 kHz of the keying */
    }
    interference_free(&x);
}

/* A carrier that is switched off in mid-window is no longer subtracted once that is seen. */
static void interference_stops_when_a_carrier_does(void **unused)
{
    (void)unused;
    struct ref_random random = {41};
    struct scene scene = usual;
    struct interference *x = fresh(scene.rate_sps);
    struct interference_report report;
    scene_make(&scene, &random);
    carrier_add(1e-2, 250e3, scene.rate_sps, 0.0, 0, 4000);
    window_run(x, &scene, 0.0, 900, &report);
    assert_int_equal(report.cause, REPLY_CAUSE_COMMANDS);
    double worst = 0.0;
    for (size_t k = 4500; k < scene.n_samples; k++) {
        worst = fmax(worst, cabs((double _Complex)out[k] - clean[k]));
    }
    assert_true(worst < 1e-6);
    interference_free(&x);
}

/* Carrier, impulses, burst, reply and a leak that turns, cut into calls of any length:
 * the same samples and the same report, bit by bit. */
static void interference_is_independent_of_block_lengths(void **unused)
{
    (void)unused;
    static float _Complex expected[SAMPLES_MAX];
    struct ref_random random = {42};
    struct interference *x = fresh(usual.rate_sps);
    for (unsigned turning = 0; turning < 2; turning++) {
        struct scene scene = usual;
        struct interference_report report, first;
        double turn = turning ? TWO_PI * 4000.0 / scene.rate_sps : 0.0;
        scene.leak = turning ? 0.0 : scene.leak;
        scene.sample_snr_db = 10.0;
        scene_make(&scene, &random);
        if (turning) {
            carrier_add(0.1, 4000.0, scene.rate_sps, 0.3, 0, scene.n_samples);
        }
        carrier_add(1e-3, 123456.0, scene.rate_sps, 0.0, 0, 6000);
        for (size_t k = 600; k < scene.n_samples; k += 371) {
            in[k] += 0.02F;
        }
        for (size_t k = 3000; k < 4000; k++) {
            in[k] += (float _Complex)(5e-4 * ref_normal(&random));
        }
        window_run(x, &scene, turn, scene.n_samples, &first);
        memcpy(expected, out, sizeof expected);
        static const size_t step[] = {1, 7, 64, 100, 101, 1023, 4096};
        for (size_t k = 0; k < sizeof step / sizeof *step; k++) {
            window_run(x, &scene, turn, step[k], &report);
            assert_memory_equal(out, expected, scene.n_samples * sizeof *out);
            assert_int_equal(report.n_burst_blocks, first.n_burst_blocks);
            assert_true(report.blanked_ratio == first.blanked_ratio);
            assert_int_equal(report.cause, first.cause);
        }
    }
    interference_free(&x);
}

/* Garbage: nothing but the garbage itself suffers. */
static void interference_survives_anything(void **unused)
{
    (void)unused;
    struct ref_random random = {43};
    struct interference *x = fresh(usual.rate_sps);
    struct interference_report report;
    scene_make(&usual, &random);
    carrier_add(1e-3, 123456.0, usual.rate_sps, 0.0, 0, usual.n_samples);
    for (size_t k = 1000; k < 1010; k++) {
        in[k] = k % 2 ? NAN : 1e30F;
    }
    in[100] = INFINITY;
    window_run(x, &usual, 0.0, 900, &report);
    double worst = 0.0;
    for (size_t k = 1500; k < usual.n_samples; k++) {
        assert_true(isfinite(crealf(out[k])));
        worst = fmax(worst, cabs((double _Complex)out[k] - clean[k]));
    }
    assert_true(worst < 1e-4); /* the carrier is still taken out: ten times smaller than it */
    memset(in, 0, sizeof in);
    window_run(x, &usual, 0.0, 900, &report);
    assert_int_equal(report.cause, REPLY_CAUSE_NONE);
    assert_memory_equal(in, out, usual.n_samples * sizeof *in);
    for (size_t k = 0; k < usual.n_samples; k++) {
        in[k] = NAN;
    }
    window_run(x, &usual, NAN, 900, &report);
    window_run(x, &usual, 0.1, 900, &report);
    assert_true(isnan(crealf(out[500])));
    interference_free(&x);
}

int main(void)
{
    const struct CMUnitTest table[] = {
        cmocka_unit_test(interference_leaves_clean_replies_alone),
        cmocka_unit_test(interference_leaves_quantised_replies_alone),
        cmocka_unit_test(interference_takes_carriers_out),
        cmocka_unit_test(interference_takes_carriers_out_of_miller),
        cmocka_unit_test(interference_keeps_strong_replies_readable),
        cmocka_unit_test(interference_cleans_around_a_turning_leak),
        cmocka_unit_test(interference_blanks_impulses),
        cmocka_unit_test(interference_names_bursts),
        cmocka_unit_test(interference_names_a_burst_that_ends),
        cmocka_unit_test(interference_names_another_readers_commands),
        cmocka_unit_test(interference_stops_when_a_carrier_does),
        cmocka_unit_test(interference_is_independent_of_block_lengths),
        cmocka_unit_test(interference_survives_anything),
    };
    return cmocka_run_group_tests(table, NULL, NULL);
}
