/* test_front.c - the receiver front against a slow reference: leak out, decimate, whiten, sum, to the
 * same bit however the samples are cut; what it learns of noise and turn; limits and odd input. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/front.h"
#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 400000, CAPACITY = 60000 };
#define RATE_SPS 4e6

static struct ref_random rng = {5};
static float _Complex sample[LIMIT_RX_CHANNELS][SAMPLES_MAX];
static const float _Complex *const channels[] = {sample[0], sample[1]};

struct air { /* of one channel */
    double _Complex leak;
    double turn;        /* rad per sample */
    double sigma;       /* thermal */
    double phase_sigma; /* along j leak, the same noise in every channel */
    double keyed;       /* comes and goes after the first thousand samples */
};

static void air_fill(const struct air *air, unsigned n_channels, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double phase = creal(ref_normal(&rng));
        for (unsigned c = 0; c < n_channels; c++) {
            double _Complex x = air[c].leak * cexp(I * (air[c].turn * (double)k)) *
                                (1.0 + I * air[c].phase_sigma * phase);
            x += k > 1000 && k / 25 % 2 ? air[c].keyed : 0.0;
            sample[c][k] = (float _Complex)(x + air[c].sigma * ref_normal(&rng));
        }
    }
}

static struct front *front_of(unsigned n_channels, bool whiten)
{
    struct front_cfg cfg = {.rate_sps = RATE_SPS,
                            .n_channels = n_channels,
                            .capacity_samples = CAPACITY,
                            .whiten = whiten};
    struct front *front = NULL;
    assert_int_equal(front_new(&cfg, &front), ST_OK);
    return front;
}

/* A window, for links at some 160 kHz: tones and impulses are not looked for here. */
static void begin(struct front *front, size_t quiet_samples, unsigned factor)
{
    front_begin(front, quiet_samples, factor, 160e3, 0.1);
}

static bool is_clipped(const struct front *front)
{
    return front_is_clipped(front);
}

/* Feed n samples in blocks (0: random ones), the sums allowed to grow to `limit`. */
static void feed(struct front *front, size_t n, size_t block, size_t limit)
{
    bool learned = false;
    for (size_t at = 0; at < n;) {
        size_t length = block ? block : 1 + (size_t)ref_between(&rng, 0.0, 900.0);
        length = length < n - at ? length : n - at;
        for (size_t end = at + length; at < end;) {
            size_t taken = front_append(front, channels, at, end - at);
            at += taken;
            learned = learned || front_learn(front);
            size_t held = learned ? front_extend(front, limit) : 0;
            assert_true(held <= limit);
            if (taken == 0 && held >= limit) {
                return;
            }
        }
    }
}

static void front_matches_slow_sums(void **unused)
{
    (void)unused;
    static const unsigned factors[] = {1, 2, 3, 4, 5, 13, 52, 500, 4096};
    static const size_t quiets[] = {8, 15, 63, 64, 300, 1000, 4096};
    struct front *front = front_of(1, false);
    for (unsigned k = 0; k < 9 * 7; k++) {
        unsigned factor = factors[k % 9];
        size_t quiet = quiets[k / 9], n = 40000 > 6 * factor ? 40000 : 6 * factor;
        struct air air = {.leak = 0.3 * cexp(I * (double)k), .sigma = 1e-3};
        air_fill(&air, 1, n);
        begin(front, quiet, factor);
        feed(front, n, 0, CAPACITY);
        const struct integral *integral = front_integral(front);
        assert_int_equal(integral->n_samples, n / factor);
        double _Complex leak = 0.0, sum = 0.0;
        double variance = 0.0;
        for (size_t i = 0; i < quiet; i++) {
            leak += sample[0][i] / (double)quiet;
        }
        for (size_t i = 0; i < quiet; i++) {
            variance += pow(cabs(sample[0][i] - leak), 2) / (double)(quiet - 1);
        }
        assert_true(cabs(front->channel[0].quiet.leak - leak) < 1e-6);
        for (size_t i = 0; i < n / factor; i++) {
            for (unsigned j = 0; j < factor; j++) {
                sum += (sample[0][i * factor + j] - leak) / factor;
            }
            double grown = (double)(i + 1) * 1e-7 + 1e-6; /* the leak is taken out as a float */
            assert_true(cabs(integral->sum[i + 1] - sum) < grown);
        }
        if (quiet / factor < 16) {
            assert_float_equal(front->whiten.noise_variance / (variance / factor), 1.0, 0.01);
        }
    }
    front_free(&front);
}

static void sums_keep(const struct front *front, double _Complex *kept)
{
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        const struct integral *integral = &front->channel[c].integral;
        memcpy(kept + c * (CAPACITY + 1), integral->sum, (integral->n_samples + 1) * sizeof *kept);
    }
}

/* The header's promise, to the last bit: plain, whitened, turning; one channel and two; so strong a
 * signal that sums of doubles are not exact any more. */
static void front_is_independent_of_blocks(void **unused)
{
    (void)unused;
    static double _Complex kept[LIMIT_RX_CHANNELS * (CAPACITY + 1)];
    static const size_t blocks[] = {1, 2, 3, 5, 7, 64, 4096, 0};
    static const size_t limits[] = {CAPACITY, 7001};
    enum { N = 30000 };
    for (unsigned k = 0; k < 48; k++) {
        unsigned n_channels = 1 + k % 2, factor = 1 + k / 2 % 4;
        struct air air[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < 2; c++) {
            air[c] = (struct air){.leak = (k % 3 ? 0.2 : 0.0) * ref_normal(&rng),
                                  .turn = k % 3 == 1 ? 0.004 : 0.0,
                                  .sigma = 1e-3 * (1.0 + c),
                                  .phase_sigma = k % 4 < 2 ? 0.05 : 0.0,
                                  .keyed = k % 5 == 4 ? 0.9 : 0.0};
            air[c].sigma *= k % 5 == 4 ? 1e-5 : 1.0;
        }
        air_fill(air, n_channels, N);
        struct front *front = front_of(n_channels, true);
        size_t limit = limits[k / 8 % 2];
        begin(front, 700, factor);
        feed(front, N, N, limit);
        sums_keep(front, kept);
        size_t n = front_integral(front)->n_samples;
        for (unsigned b = 0; b < 8; b++) {
            begin(front, 700, factor);
            feed(front, N, blocks[b], limit);
            assert_int_equal(front_integral(front)->n_samples, n);
            for (unsigned c = 0; c < n_channels; c++) {
                assert_memory_equal(kept + c * (CAPACITY + 1), front->channel[c].integral.sum,
                                    (n + 1) * sizeof *kept);
            }
        }
        front_free(&front);
    }
}

/* Behind the front noise is white, round and as strong as it says: variance of a long stretch. */
static void front_tells_noise(void **unused)
{
    (void)unused;
    enum { N = 100000, QUIET = 3000 };
    struct front *front = front_of(2, true);
    for (unsigned k = 0; k < 4; k++) {
        unsigned factor = 1 + k % 2 * 2;
        struct air air[LIMIT_RX_CHANNELS] = {
            {.leak = 0.3, .sigma = 1e-4, .phase_sigma = 1e-3, .turn = k / 2 * 0.003},
            {.leak = 0.1 * I, .sigma = 3e-4, .phase_sigma = 1e-3, .turn = k / 2 * 0.003}};
        if (k / 2) {
            air[0].phase_sigma = air[1].phase_sigma = 0.0; /* it would turn as well */
        }
        size_t length = k / 2 ? 3 * QUIET : N; /* what is left of the turn grows with time */
        air_fill(air, 2, length);
        begin(front, QUIET, factor);
        feed(front, length, 0, CAPACITY);
        size_t first = QUIET / factor, n = front->channel[0].integral.n_samples - first;
        double s[4] = {0}, cross = 0.0;
        for (size_t i = first; i < first + n; i++) {
            double _Complex x[2];
            for (unsigned c = 0; c < 2; c++) {
                const double _Complex *sum = front->channel[c].integral.sum;
                x[c] = sum[i + 1] - sum[i];
                s[2 * c] += creal(x[c]) * creal(x[c]) / (double)n;
                s[2 * c + 1] += cimag(x[c]) * cimag(x[c]) / (double)n;
            }
            cross += (cimag(x[0]) * creal(x[1])) / (double)n;
        }
        double each = 0.5 * front->whiten.noise_variance,
               tolerance = 4.0 * sqrt(2.0 * factor / QUIET) + 0.05;
        for (unsigned i = 0; i < 4; i++) {
            assert_float_equal(s[i] / each, 1.0, tolerance);
        }
        assert_float_equal(cross / each, 0.0, tolerance);
    }
    front_free(&front);
}

/* The weaker channel's turn comes from the one that hears the carrier better. */
static void front_takes_turn_from_best_channel(void **unused)
{
    (void)unused;
    enum { N = 20000, QUIET = 900 };
    for (unsigned strong = 0; strong < 2; strong++) {
        struct air air[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < 2; c++) {
            air[c] =
                (struct air){.leak = c == strong ? 0.3 : 3e-5 * I, .sigma = 1e-4, .turn = 0.005};
        }
        air_fill(air, 2, N);
        struct front *front = front_of(2, true);
        begin(front, QUIET, 1);
        feed(front, N, 0, CAPACITY);
        for (unsigned c = 0; c < 2; c++) {
            const struct canceller_quiet *quiet = &front->channel[c].quiet;
            assert_float_equal(quiet->offset_rad, 0.005, 1e-7);
            assert_true(cabs(quiet->leak - air[c].leak) < 5.0 * 1e-4 / sqrt(QUIET));
            assert_float_equal(quiet->noise_variance / 1e-8, 1.0, 5.0 / sqrt(QUIET));
        }
        front_free(&front);
    }
}

/* A quiet of few decimated samples: noise is learned from the raw ones, a turning carrier removed. */
static void front_learns_noise_of_short_quiet(void **unused)
{
    (void)unused;
    struct front *front = front_of(1, true);
    double sum = 0.0;
    enum { TRIALS = 200, QUIET = 150, FACTOR = 12 };
    for (unsigned k = 0; k < TRIALS; k++) {
        struct air air = {.leak = 0.3, .sigma = 1e-4, .turn = 0.004};
        air_fill(&air, 1, 2 * QUIET);
        begin(front, QUIET, FACTOR);
        feed(front, 2 * QUIET, 0, CAPACITY);
        assert_float_equal(front->channel[0].quiet.offset_rad, 0.004, 1e-4);
        sum += front->whiten.noise_variance / (1e-8 / FACTOR) / TRIALS;
    }
    assert_float_equal(sum, 1.0, 0.05);
    front_free(&front);
}

static void front_combines_channels(void **unused)
{
    (void)unused;
    enum { N = 20000 };
    struct air air[LIMIT_RX_CHANNELS] = {{.leak = 0.1, .sigma = 1e-3}, {.sigma = 2e-3}};
    air_fill(air, 2, N);
    struct front *front = front_of(2, false);
    const double _Complex weight[] = {0.6 * cexp(0.3 * I), 0.8 * cexp(-2.0 * I)};
    begin(front, 500, 2);
    feed(front, N / 2, 0, CAPACITY);
    front_combine(front, weight);
    for (size_t at = N / 2; at < N;) { /* goes on after the channels were combined */
        at += front_append(front, channels, at, N - at);
        front_extend(front, CAPACITY);
    }
    const struct integral *integral = front_integral(front);
    assert_int_equal(integral->n_samples, N / 2);
    for (size_t k = 0; k <= integral->n_samples; k++) {
        double _Complex sum = 0.0;
        for (unsigned c = 0; c < 2; c++) {
            sum += weight[c] * front->channel[c].integral.sum[k];
        }
        assert_true(cabs(integral->sum[k] - sum) <= 1e-6 * cabs(sum) + 1e-12);
    }
    begin(front, 500, 2); /* a new window begins with one channel again */
    assert_ptr_equal(front_integral(front), &front->channel[0].integral);
    front_free(&front);
}

/* Full sums, full raw store, longest quiet: refuses, does not overflow. */
static void front_keeps_its_limits(void **unused)
{
    (void)unused;
    struct front *front = front_of(2, true);
    struct air air[LIMIT_RX_CHANNELS] = {{.sigma = 1e-3}, {.sigma = 1e-3}};
    air_fill(air, 2, SAMPLES_MAX);
    begin(front, front_quiet_max(front), 1);
    feed(front, SAMPLES_MAX, 0, CAPACITY);
    assert_int_equal(front_integral(front)->n_samples, CAPACITY);
    assert_int_equal(front_extend(front, SIZE_MAX), CAPACITY);
    while (front_append(front, channels, 0, 1000) > 0) {
    }
    assert_int_equal(front->n_raw, front->raw_capacity);
    assert_int_equal(front_append(front, channels, 0, 1), 0);
    begin(front, 8, 4096); /* fewer samples in the quiet than in one decimated */
    feed(front, 100000, 0, CAPACITY);
    assert_int_equal(front_integral(front)->n_samples, 100000 / 4096);
    front_free(&front);
    front_free(&front); /* NULL */
}

static void expect_finite(const struct front *front)
{
    assert_true(front->whiten.noise_variance > 0.0);
    assert_true(isfinite(front->whiten.noise_variance));
    for (unsigned c = 0; c < front->cfg.n_channels; c++) {
        const struct integral *integral = &front->channel[c].integral;
        for (size_t k = 0; k <= integral->n_samples; k++) {
            assert_true(isfinite(creal(integral->sum[k])));
            assert_true(isfinite(cimag(integral->sum[k])));
        }
    }
}

/* Silence, a constant, one dead channel, what no radio sends: everything stays finite. */
static void front_takes_odd_samples(void **unused)
{
    (void)unused;
    static const float oddities[] = {NAN, INFINITY, -INFINITY, 3e38F, -3e38F, 1e-40F};
    static const size_t quiets[] = {8, 15, 16, 300};
    enum { N = 3000 };
    for (unsigned k = 0; k < 4 * 8; k++) {
        struct front *front = front_of(1 + k % 2, true);
        struct air air[LIMIT_RX_CHANNELS] = {
            {.leak = k / 8 % 2 ? 0.3 : 0.0, .sigma = k / 8 == 2 ? 1e-3 : 0.0},
            {.sigma = k / 8 == 3 ? 1e-3 : 0.0}};
        air_fill(air, 2, N);
        for (unsigned j = 0; k / 8 == 2 && j < 200; j++) {
            size_t at = (size_t)ref_between(&rng, 0.0, N);
            sample[j % 2][at] = oddities[j % 6] + I * oddities[j / 6 % 6];
        }
        begin(front, quiets[k / 2 % 4], 1 + k % 3);
        feed(front, N, 0, CAPACITY);
        expect_finite(front);
        front_free(&front);
    }
}

static void front_tells_clipping(void **unused)
{
    (void)unused;
    struct front *front = front_of(2, true);
    struct air air[LIMIT_RX_CHANNELS] = {{.sigma = 1e-2}, {.sigma = 1e-2}};
    air_fill(air, 2, 9000);
    for (unsigned k = 0; k < 8; k++) {
        size_t at = k / 4 ? 5000 : 100; /* in the quiet, later */
        float _Complex before = sample[k % 2][at];
        sample[k % 2][at] = k / 2 % 2 ? 1.0F : -1.0F * I;
        begin(front, 400, 3);
        feed(front, 9000, 0, CAPACITY);
        assert_true(is_clipped(front));
        begin(front, 400, 3);
        feed(front, 9000, 0, at / 3 - 10);             /* looked at no further */
        assert_true(k / 4 == 0 || !is_clipped(front)); /* what is trimmed off the quiet counts */
        sample[k % 2][at] = before;
    }
    front_free(&front);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(front_matches_slow_sums),
        cmocka_unit_test(front_is_independent_of_blocks),
        cmocka_unit_test(front_tells_noise),
        cmocka_unit_test(front_takes_turn_from_best_channel),
        cmocka_unit_test(front_learns_noise_of_short_quiet),
        cmocka_unit_test(front_combines_channels),
        cmocka_unit_test(front_keeps_its_limits),
        cmocka_unit_test(front_takes_odd_samples),
        cmocka_unit_test(front_tells_clipping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
