/* test_whiten.c - whitening against theory: chance of a false find (Wishart), covariance after the
 * map, closed forms of axis and spread, what a detector behind it gains; degenerate noise. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/whiten.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 100000, DIMENSIONS = WHITEN_DIMENSIONS };

static struct ref_random rng = {77};
static float _Complex sample[LIMIT_RX_CHANNELS][SAMPLES_MAX];
static const float _Complex *const channels[] = {sample[0], sample[1]};
static struct whiten whiten;

/* x = mix * (four real normals of variance 1): covariance mix mix^T */
static void noise_fill(double mix[DIMENSIONS][DIMENSIONS], size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double _Complex a = sqrt(2.0) * ref_normal(&rng), b = sqrt(2.0) * ref_normal(&rng);
        double u[DIMENSIONS] = {creal(a), cimag(a), creal(b), cimag(b)}, x[DIMENSIONS] = {0};
        for (unsigned i = 0; i < DIMENSIONS; i++) {
            for (unsigned j = 0; j < DIMENSIONS; j++) {
                x[i] += mix[i][j] * u[j];
            }
        }
        sample[0][k] = (float _Complex)(x[0] + I * x[1]);
        sample[1][k] = (float _Complex)(x[2] + I * x[3]);
    }
}

static void covariance(double mix[DIMENSIONS][DIMENSIONS], double out[DIMENSIONS][DIMENSIONS])
{
    for (unsigned i = 0; i < DIMENSIONS; i++) {
        for (unsigned j = 0; j < DIMENSIONS; j++) {
            out[i][j] = 0.0;
            for (unsigned k = 0; k < DIMENSIONS; k++) {
                out[i][j] += mix[i][k] * mix[j][k];
            }
        }
    }
}

/* map S map^T for the true covariance S: what whitened noise really is. */
static void mapped(double s[DIMENSIONS][DIMENSIONS], double out[DIMENSIONS][DIMENSIONS])
{
    for (unsigned i = 0; i < DIMENSIONS; i++) {
        for (unsigned j = 0; j < DIMENSIONS; j++) {
            out[i][j] = 0.0;
            for (unsigned k = 0; k < DIMENSIONS; k++) {
                for (unsigned l = 0; l < DIMENSIONS; l++) {
                    out[i][j] += whiten.map[i][k] * s[k][l] * whiten.map[j][l];
                }
            }
        }
    }
}

static void identity(double mix[DIMENSIONS][DIMENSIONS], double scale)
{
    memset(mix, 0, sizeof(double[DIMENSIONS][DIMENSIONS]));
    for (unsigned i = 0; i < DIMENSIONS; i++) {
        mix[i][i] = scale;
    }
}

static bool is_finite_map(void)
{
    for (unsigned i = 0; i < DIMENSIONS; i++) {
        for (unsigned j = 0; j < DIMENSIONS; j++) {
            if (!isfinite(whiten.map[i][j]) || !isfinite(whiten.colour[i][j])) {
                return false;
            }
        }
    }
    return isfinite(whiten.noise_variance) && isfinite(whiten.spread_db);
}

/* Round noise is found flat with chance e^-7 exactly, however few the samples: W = 4 det / trace^2 of
 * a Wishart matrix has P(W < w) = w^((n - 2) / 2). */
static void whiten_leaves_round_noise_alone(void **unused)
{
    (void)unused;
    enum { TRIALS = 20000 };
    static const size_t lengths[] = {4, 16, 60};
    for (unsigned l = 0; l < 3; l++) {
        unsigned n_flat = 0;
        double mix[DIMENSIONS][DIMENSIONS];
        identity(mix, 1e-4);
        for (unsigned k = 0; k < TRIALS; k++) {
            noise_fill(mix, lengths[l]);
            whiten_learn(&whiten, 1, channels, lengths[l], 1e-30, true);
            n_flat += !whiten.plain;
        }
        double expected = TRIALS * exp(-7.0);
        printf("n %zu: %u of %d round quiets found flat, %.1f expected\n", lengths[l], n_flat,
               TRIALS, expected);
        assert_true(fabs(n_flat - expected) < 4.0 * sqrt(expected));
    }
}

/* Two channels of round independent noise: flat ones as above, and what they share is believed about
 * once in a thousand as well. */
static void whiten_leaves_independent_channels_apart(void **unused)
{
    (void)unused;
    enum { TRIALS = 20000, N = 100 };
    unsigned n_flat = 0, n_shared = 0;
    double mix[DIMENSIONS][DIMENSIONS];
    identity(mix, 1.0);
    for (unsigned k = 0; k < TRIALS; k++) {
        noise_fill(mix, N);
        whiten_learn(&whiten, 2, channels, N, 1e-30, true);
        bool shared = false;
        for (unsigned i = 2; i < 4; i++) {
            shared = shared || whiten.map[i][0] != 0.0F || whiten.map[i][1] != 0.0F;
        }
        n_shared += shared;
        n_flat += !shared && (whiten.map[1][0] != 0.0F || whiten.map[3][2] != 0.0F);
    }
    double expected = TRIALS * exp(-7.0);
    printf("%u of %d flat, %u shared\n", n_flat, TRIALS, n_shared);
    assert_true(fabs(n_flat - 2.0 * expected) < 4.0 * sqrt(2.0 * expected));
    assert_in_range(n_shared, 1, 36); /* 18 at e^-7: 4 sigma */
}

/* Any covariance becomes noise_variance / 2 in every direction: learned from 1e5 samples, each entry
 * within 4 standard deviations of the estimate. */
static void whiten_makes_noise_round(void **unused)
{
    (void)unused;
    double mix[DIMENSIONS][DIMENSIONS], s[DIMENSIONS][DIMENSIONS], after[DIMENSIONS][DIMENSIONS];
    for (unsigned trial = 0; trial < 6; trial++) {
        unsigned n_channels = 1 + trial % 2;
        double scale = pow(10.0, ref_between(&rng, -5.0, 0.0));
        for (unsigned i = 0; i < DIMENSIONS; i++) {
            for (unsigned j = 0; j < DIMENSIONS; j++) {
                mix[i][j] = scale * creal(ref_normal(&rng));
            }
        }
        covariance(mix, s);
        noise_fill(mix, SAMPLES_MAX);
        whiten_learn(&whiten, n_channels, channels, SAMPLES_MAX, 1e-30, true);
        assert_float_equal(whiten.noise_variance / (s[0][0] + s[1][1]), 1.0, 0.02);
        mapped(s, after);
        for (unsigned i = 0; i < 2 * n_channels; i++) {
            for (unsigned j = 0; j <= i; j++) {
                double ratio = after[i][j] / (0.5 * whiten.noise_variance);
                assert_float_equal(ratio, i == j ? 1.0 : 0.0, i == j ? 0.018 : 0.013);
            }
        }
    }
}

/* whiten_apply does what map says, whiten_undo takes it back. */
static void whiten_undo_inverts_apply(void **unused)
{
    (void)unused;
    double mix[DIMENSIONS][DIMENSIONS];
    for (unsigned trial = 0; trial < 40; trial++) {
        for (unsigned i = 0; i < DIMENSIONS; i++) {
            for (unsigned j = 0; j < DIMENSIONS; j++) {
                mix[i][j] = creal(ref_normal(&rng)) * (i < 2 ? 1.0 : 0.01);
            }
        }
        noise_fill(mix, 300);
        unsigned n_channels = 1 + trial % 2;
        whiten_learn(&whiten, n_channels, channels, 300, 1e-30, trial % 4 < 2);
        float _Complex x[2][3], y[2][3];
        for (unsigned k = 0; k < 3; k++) {
            x[0][k] = y[0][k] = (float _Complex)ref_normal(&rng);
            x[1][k] = y[1][k] = 0.01F * (float _Complex)ref_normal(&rng);
        }
        whiten_apply(&whiten, (float _Complex *const[]){y[0], y[1]}, 3);
        for (unsigned k = 0; k < 3; k++) {
            double v[4] = {crealf(x[0][k]), cimagf(x[0][k]), crealf(x[1][k]), cimagf(x[1][k])};
            double w[4] = {crealf(y[0][k]), cimagf(y[0][k]), crealf(y[1][k]), cimagf(y[1][k])};
            double biggest = 0.0;
            for (unsigned i = 0; i < 2 * n_channels; i++) {
                biggest = fmax(biggest, fabs(w[i]));
            }
            for (unsigned i = 0; i < 2 * n_channels; i++) {
                double sum = 0.0;
                for (unsigned j = 0; j < 2 * n_channels; j++) {
                    sum += whiten.map[i][j] * v[j];
                }
                assert_float_equal(w[i], sum, 1e-5 * biggest);
            }
            double _Complex value[2] = {y[0][k], y[1][k]};
            whiten_undo(&whiten, value);
            for (unsigned c = 0; c < n_channels; c++) {
                assert_true(cabs(value[c] - x[c][k]) < 2e-4 * cabsf(x[c][k]));
            }
        }
    }
}

/* Switched off, directions stay and only the channels' strengths are evened. */
static void whiten_disabled_only_evens_strengths(void **unused)
{
    (void)unused;
    double mix[DIMENSIONS][DIMENSIONS] = {
        {3.0, 0, 0, 0}, {2.0, 1.0, 0, 0}, {1.0, 0, 0.2, 0}, {0, 0, 0, 0.4}};
    noise_fill(mix, SAMPLES_MAX);
    whiten_learn(&whiten, 2, channels, SAMPLES_MAX, 1e-30, false);
    double v0 = 9.0 + 5.0, v1 = 1.04 + 0.16;
    assert_float_equal(whiten.noise_variance / v0, 1.0, 0.02);
    assert_float_equal(whiten.map[0][0], 1.0, 1e-6);
    assert_float_equal(whiten.map[1][1], 1.0, 1e-6);
    assert_float_equal(whiten.map[2][2], sqrt(v0 / v1), 0.02 * sqrt(v0 / v1));
    assert_true(whiten.map[3][3] == whiten.map[2][2]);
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned j = 0; j < i; j++) {
            assert_true(whiten.map[i][j] == 0.0F);
        }
    }
    whiten_learn(&whiten, 1, channels, SAMPLES_MAX, 1e-30, false);
    assert_true(whiten.plain);
}

/* One axis `spread` stronger, at a known angle: 1e5 samples tell both to 0.1 dB and 0.01 rad. */
static void whiten_tells_axis_and_spread(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 8; k++) {
        double angle = 0.4 * k - 1.5, db = 6.0 + 5.0 * k, a = pow(10.0, db / 20.0);
        double mix[DIMENSIONS][DIMENSIONS] = {{a * cos(angle), -sin(angle)},
                                              {a * sin(angle), cos(angle)}};
        noise_fill(mix, SAMPLES_MAX);
        whiten_learn(&whiten, 1, channels, SAMPLES_MAX, 1e-30, true);
        assert_float_equal(whiten.spread_db, db, 0.12);
        assert_float_equal(cabs(whiten.axis), 1.0, 1e-12);
        assert_float_equal(fabs(cimag(whiten.axis * cexp(-I * angle))), 0.0, 0.01);
        assert_false(whiten.plain);
    }
}

/* Matched filter behind the map, over what is possible: (s' W s)^2 / (s' W S W s) / (s' S^-1 s), with
 * W = map' map, the mean over random s. */
static double filter_efficiency(double s[DIMENSIONS][DIMENSIONS],
                                double inverse[DIMENSIONS][DIMENSIONS])
{
    double total = 0.0;
    enum { DIRECTIONS = 10 };
    for (unsigned t = 0; t < DIRECTIONS; t++) {
        double _Complex a = ref_normal(&rng), b = ref_normal(&rng);
        double x[4] = {creal(a), cimag(a), creal(b), cimag(b)}, y[4] = {0}, w[4] = {0};
        for (unsigned i = 0; i < 4; i++) {
            for (unsigned j = 0; j < 4; j++) {
                y[i] += whiten.map[i][j] * x[j];
            }
        }
        for (unsigned i = 0; i < 4; i++) {
            for (unsigned j = 0; j < 4; j++) {
                w[i] += whiten.map[j][i] * y[j];
            }
        }
        double hit = 0.0, noise = 0.0, best = 0.0;
        for (unsigned i = 0; i < 4; i++) {
            hit += w[i] * x[i];
            for (unsigned j = 0; j < 4; j++) {
                noise += w[i] * s[i][j] * w[j];
                best += x[i] * inverse[i][j] * x[j];
            }
        }
        total += hit * hit / noise / best;
    }
    return total / DIRECTIONS;
}

/* One oscillator's phase noise in both channels, `strong` over the thermal noise in each: covariance
 * 1 + u u', inverse 1 - u u' / (1 + u'u). A filter from n samples of d dimensions loses (d - 1) / n
 * (Reed, Mallett, Brennan), here 0.01; chi-square of 3 degrees over n, which is 0.1 once in 2e6. */
static void whiten_looks_past_shared_phase_noise(void **unused)
{
    (void)unused;
    static const double strong_db[] = {0.0, 10.0, 20.0, 40.0};
    enum { TRIALS = 600, N = 300 };
    for (unsigned l = 0; l < 4; l++) {
        double sum = 0.0, worst = 1.0;
        for (unsigned t = 0; t < TRIALS; t++) {
            double u[4], power = pow(10.0, strong_db[l] / 10.0);
            double angle[2] = {ref_between(&rng, 0.0, 6.2831853),
                               ref_between(&rng, 0.0, 6.2831853)};
            double mix[DIMENSIONS][DIMENSIONS], s[DIMENSIONS][DIMENSIONS],
                inverse[DIMENSIONS][DIMENSIONS];
            for (unsigned i = 0; i < 4; i++) {
                u[i] = sqrt(2.0 * power) * (i % 2 ? sin(angle[i / 2]) : cos(angle[i / 2]));
            }
            double norm = 4.0 * power, grow = (sqrt(1.0 + norm) - 1.0) / norm;
            for (unsigned i = 0; i < 4; i++) {
                for (unsigned j = 0; j < 4; j++) {
                    mix[i][j] = (i == j) + grow * u[i] * u[j]; /* root of 1 + u u' */
                    inverse[i][j] = (i == j) - u[i] * u[j] / (1.0 + norm);
                }
            }
            covariance(mix, s);
            noise_fill(mix, N);
            whiten_learn(&whiten, 2, channels, N, 1e-30, true);
            double efficiency = filter_efficiency(s, inverse);
            sum += efficiency;
            worst = fmin(worst, efficiency);
        }
        printf("shared phase noise %2.0f dB: efficiency %.3f, worst %.3f\n", strong_db[l],
               sum / TRIALS, worst);
        assert_true(sum / TRIALS > 0.985);
        assert_true(worst > 0.9);
    }
}

/* Nothing but one direction, nothing at all, a stuck converter: finite, and sane. */
static void whiten_takes_degenerate_noise(void **unused)
{
    (void)unused;
    for (unsigned n_channels = 1; n_channels <= 2; n_channels++) {
        double mix[DIMENSIONS][DIMENSIONS];
        identity(mix, 0.0);
        noise_fill(mix, 16);
        whiten_learn(&whiten, n_channels, channels, 16, 1e-24, true);
        assert_true(is_finite_map());
        assert_float_equal(whiten.noise_variance, 1e-24, 1e-30);
        mix[1][1] = 1e-3; /* Q only */
        noise_fill(mix, 100);
        whiten_learn(&whiten, n_channels, channels, 100, 1e-16, true);
        assert_true(is_finite_map());
        mix[1][1] = 0.0;
        mix[2][2] = 1e-3; /* the other channel only */
        noise_fill(mix, 100);
        whiten_learn(&whiten, n_channels, channels, 100, 1e-24, true);
        assert_true(is_finite_map());
        identity(mix, 1.0);
        noise_fill(mix, 4); /* fewest */
        whiten_learn(&whiten, n_channels, channels, 4, 1e-24, true);
        assert_true(is_finite_map());
    }
}

/* Phase noise alone, along a slanted line: the direction across must come out far ahead. */
static void whiten_looks_past_a_line(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 20; k++) {
        double angle = 0.1 + 0.3 * k;
        for (size_t n = 0; n < 200; n++) {
            sample[0][n] = (float _Complex)(1e-3 * creal(ref_normal(&rng)) * cexp(I * angle));
        }
        whiten_learn(&whiten, 1, channels, 200, 1e-20, true);
        float _Complex along = (float _Complex)cexp(I * angle);
        float _Complex across = (float _Complex)(I * cexp(I * angle));
        whiten_apply(&whiten, (float _Complex *const[]){&along}, 1);
        whiten_apply(&whiten, (float _Complex *const[]){&across}, 1);
        assert_true(isfinite(cabsf(across)));
        if (cabsf(across) < 100.0F * cabsf(along)) {
            fail_msg("angle %.1f: across %g, along %g", angle, (double)cabsf(across),
                     (double)cabsf(along));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whiten_leaves_round_noise_alone),
        cmocka_unit_test(whiten_leaves_independent_channels_apart),
        cmocka_unit_test(whiten_makes_noise_round),
        cmocka_unit_test(whiten_undo_inverts_apply),
        cmocka_unit_test(whiten_disabled_only_evens_strengths),
        cmocka_unit_test(whiten_tells_axis_and_spread),
        cmocka_unit_test(whiten_looks_past_shared_phase_noise),
        cmocka_unit_test(whiten_takes_degenerate_noise),
        cmocka_unit_test(whiten_looks_past_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
