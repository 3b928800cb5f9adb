/* test_tx_shape.c - the envelope a radio would put on the air, against the limits of Gen2
 * 6.3.1.2.4-.8. The samples are taken through a band-limited (windowed sinc) interpolator to at
 * least 40 points a us, so what is measured lies between the samples too. */
#include "tests/tx_rig.h"

enum { SAMPLES_MAX = 40000, DENSE_MAX = 160000, EDGES_MAX = 64, HALF_TAPS = 32 };

struct dense {     /* interpolated envelope */
    double per_us; /* points a us */
    size_t n;
    float *level;
};

struct worst { /* the worst seen, in units of the limit's own scale */
    double depth_least, depth_most;
    double overshoot, undershoot; /* beyond A and B, of (A-B) */
    double high_short, low_short; /* what a plateau lacks, of (A-B) */
    double rise_tari;
    double pw_error_tari, pw_least_slack_us, pw_most_tari;
    double length_error; /* Tari, RTcal, TRcal: relative */
    double delimiter_us_least, delimiter_us_most;
    double edge_error_ns;
};

static struct worst worst_new(void)
{
    return (struct worst){
        .depth_least = 9, .depth_most = -9, .pw_least_slack_us = 99, .delimiter_us_least = 99};
}

static void worst_print(const char *name, const struct worst *w)
{
    printf("%s: depth %.3f..%.3f overshoot %.4f undershoot %.4f high lacks %.4f low lacks %.4f "
           "rise %.3f Tari, PW off %.4f Tari (slack %.3f us, most %.4f Tari), lengths off %.4f, "
           "delimiter %.3f..%.3f us, edges off %.1f ns\n",
           name, w->depth_least, w->depth_most, w->overshoot, w->undershoot, w->high_short,
           w->low_short, w->rise_tari, w->pw_error_tari, w->pw_least_slack_us, w->pw_most_tari,
           w->length_error, w->delimiter_us_least, w->delimiter_us_most, w->edge_error_ns);
}

static double bessel_i0(double x)
{
    double term = 1.0, sum = 1.0;
    for (int k = 1; k < 40; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}

/* Band-limited interpolation: Kaiser-windowed sinc, 2 * HALF_TAPS samples wide. */
static void interpolate(const float _Complex *sample, size_t n_samples, size_t factor,
                        struct dense *dense)
{
    static float tap[64][2 * HALF_TAPS];
    assert_true(factor <= 64);
    for (size_t phase = 0; phase < factor; phase++) {
        for (int k = 0; k < 2 * HALF_TAPS; k++) {
            double x = (double)phase / (double)factor - (k - HALF_TAPS + 1);
            double r = x / HALF_TAPS;
            double window = fabs(r) < 1.0 ? bessel_i0(8.0 * sqrt(1.0 - r * r)) / bessel_i0(8.0) : 0;
            double sinc = x == 0.0 ? 1.0 : sin(UNITS_PI * x) / (UNITS_PI * x);
            tap[phase][k] = (float)(window * sinc);
        }
    }
    dense->n = (n_samples - 2 * HALF_TAPS) * factor;
    assert_true(dense->n <= DENSE_MAX);
    for (size_t i = 0; i < dense->n; i++) { /* point 0 is sample HALF_TAPS - 1 */
        const float _Complex *from = sample + i / factor;
        const float *taps = tap[i % factor];
        float re = 0.0f, im = 0.0f;
        for (int k = 0; k < 2 * HALF_TAPS; k++) {
            re += taps[k] * crealf(from[k]);
            im += taps[k] * cimagf(from[k]);
        }
        dense->level[i] = sqrtf(re * re + im * im);
    }
}

/* Time (points) where the envelope crosses `level` searching from `from` in steps of +-1. */
static double crossing(const struct dense *dense, double from, int step, double level)
{
    size_t at = (size_t)lround(from);
    bool above = dense->level[at] > level;
    while ((dense->level[at] > level) == above) {
        at = (size_t)((ptrdiff_t)at + step);
        assert_true(at > 0);
        assert_true(at + 1 < dense->n);
    }
    double here = dense->level[at];
    double before = dense->level[at - (size_t)(ptrdiff_t)step];
    return (double)at - step * (here - level) / (here - before);
}

struct nominal { /* written from the standard's drawing, not by pie.c */
    size_t n;
    double us[EDGES_MAX];
};

static struct nominal nominal_edges(const struct link *link, const uint8_t *bit, size_t n_bits)
{
    struct nominal nominal = {.n = 2, .us = {0.0, 12.5}};
    double length_us[EDGES_MAX] = {link->tari_us, link->rtcal_us, link->trcal_us};
    for (size_t i = 0; i < n_bits; i++) {
        length_us[3 + i] = bit[i] ? link->data1_us : link->tari_us;
    }
    for (size_t i = 0; i < 3 + n_bits; i++) {
        double rise_us = nominal.us[nominal.n - 1] + length_us[i];
        nominal.us[nominal.n++] = rise_us - link->pw_us;
        nominal.us[nominal.n++] = rise_us;
    }
    return nominal;
}

static void keep_most(double *most, double value)
{
    *most = value > *most ? value : *most;
}

static void keep_least(double *least, double value)
{
    *least = value < *least ? value : *least;
}

/* Plateau between two 50 % points: how far it fails to reach the level (with `side` +1 for the
 * high level), and how much it dips again once reached. */
static void measure_plateau(const struct dense *d, double from, double to, double level,
                            double swing, int side, double *lacks)
{
    double best = 9.0;
    size_t first = 0, last = 0;
    for (size_t i = (size_t)from; i <= (size_t)to; i++) {
        double off = side * (level - d->level[i]) / swing;
        keep_least(&best, off);
        if (off < 0.05) {
            first = first ? first : i;
            last = i;
        }
    }
    keep_most(lacks, best);
    for (size_t i = first; i < last; i++) { /* reached once: only a dip beyond the limit counts */
        double off = side * (level - d->level[i]) / swing;
        keep_most(lacks, off >= 0.05 ? off : 0.0);
    }
}

static void measure_lengths(const struct link *link, const double *at, size_t n, double per_us,
                            const struct nominal *nominal, struct worst *w)
{
    double delimiter_us = (at[1] - at[0]) / per_us;
    keep_least(&w->delimiter_us_least, delimiter_us);
    keep_most(&w->delimiter_us_most, delimiter_us);
    double pw_min_us = fmax(0.265 * link->tari_us, 2.0);
    for (size_t i = 3; i < n; i += 2) {
        double length_us = (at[i] - at[i - 2]) / per_us;
        double nominal_us = nominal->us[i] - nominal->us[i - 2];
        keep_most(&w->length_error, fabs(length_us / nominal_us - 1.0));
        double pw_us = (at[i] - at[i - 1]) / per_us;
        keep_most(&w->pw_error_tari, fabs(pw_us - link->pw_us) / link->tari_us);
        keep_least(&w->pw_least_slack_us, pw_us - pw_min_us);
        keep_most(&w->pw_most_tari, pw_us / link->tari_us);
    }
}

static void measure(const struct dense *d, double start, const struct link *link,
                    const struct nominal *nominal, double amplitude, struct worst *w)
{
    double a = d->level[(size_t)(start - 60.0 * d->per_us)];
    double b = d->level[(size_t)(start + 6.25 * d->per_us)];
    double swing = a - b, middle = 0.5 * (a + b);
    assert_true(fabs(a / amplitude - 1.0) < 0.001);
    keep_least(&w->depth_least, swing / a);
    keep_most(&w->depth_most, swing / a);
    double at[EDGES_MAX];
    for (size_t i = 0; i < nominal->n; i++) {
        double expected = start + nominal->us[i] * d->per_us;
        bool falls = i % 2 == 0;
        bool above = d->level[(size_t)lround(expected)] > middle;
        at[i] = crossing(d, expected, above == falls ? 1 : -1, middle);
        keep_most(&w->edge_error_ns, fabs(at[i] - expected) / d->per_us * 1e3);
        int down = falls ? 1 : -1; /* direction in which the level goes down */
        double t90 = crossing(d, at[i], -down, b + 0.9 * swing);
        double t10 = crossing(d, at[i], down, b + 0.1 * swing);
        keep_most(&w->rise_tari, fabs(t10 - t90) / d->per_us / link->tari_us);
    }
    for (size_t i = 1; i < nominal->n; i++) {
        bool high = i % 2 == 0;
        measure_plateau(d, at[i - 1], at[i], high ? a : b, swing, high ? 1 : -1,
                        high ? &w->high_short : &w->low_short);
    }
    for (size_t i = (size_t)(start - 60.0 * d->per_us);
         i < (size_t)(at[nominal->n - 1] + 60.0 * d->per_us); i++) {
        keep_most(&w->overshoot, (d->level[i] - a) / swing);
        keep_most(&w->undershoot, (b - d->level[i]) / swing);
    }
    measure_lengths(link, at, nominal->n, d->per_us, nominal, w);
}

static void check_limits(const struct worst *w)
{
    assert_true(w->depth_least >= 0.8);
    assert_true(w->depth_most <= 1.0);
    assert_true(w->overshoot <= 0.05);
    assert_true(w->undershoot <= 0.05);
    assert_true(w->high_short <= 0.05);
    assert_true(w->low_short <= 0.05);
    assert_true(w->rise_tari <= 0.33);
    assert_true(w->pw_error_tari <= 0.01);
    assert_true(w->pw_most_tari <= 0.525);
    assert_true(w->length_error <= 0.01);
    assert_true(w->delimiter_us_least >= 11.875);
    assert_true(w->delimiter_us_most <= 13.125);
}

static void run_case(const struct tx_shape_cfg *cfg, double rate_sps, const struct link *link,
                     double start_fraction, struct worst *w)
{
    static float _Complex sample[SAMPLES_MAX];
    static float level[DENSE_MAX];
    static const uint8_t bit[] = {1, 0, 0, 1, 1, 0};
    struct nominal nominal = nominal_edges(link, bit, sizeof bit);
    double per_us = rate_sps * 1e-6;
    size_t n_samples = (size_t)((250.0 + nominal.us[nominal.n - 1] + 80.0) * per_us) + 80;
    double start_tick = floor(200.0 * per_us + 64.0) + start_fraction;
    struct tx_shape *shape;
    struct tx_shape_frame frame;
    assert_true(n_samples <= SAMPLES_MAX);
    assert_int_equal(tx_shape_new(cfg, rate_sps, &shape), ST_OK);
    tx_shape_carrier_on(shape, 3);
    enum status status = tx_shape_command(shape, link, bit, sizeof bit, true, start_tick, &frame);
    if (status) {
        fail_msg("rate %g Tari %g PW %g: %s", rate_sps, link->tari_us, link->pw_us,
                 status_detail());
    }
    assert_true(fabs(frame.end_tick - start_tick - nominal.us[nominal.n - 1] * per_us) < 1e-6);
    tx_shape_render(shape, sample, n_samples);
    size_t factor = (size_t)ceil(40.0 / per_us);
    struct dense dense = {.per_us = per_us * (double)factor, .level = level};
    interpolate(sample, n_samples, factor, &dense);
    measure(&dense, (start_tick - (HALF_TAPS - 1)) * (double)factor, link, &nominal, cfg->amplitude,
            w);
    tx_shape_free(&shape);
}

static const double rates_sps[] = {1e6, 1.6e6, 2e6, 4e6, 5e6, 10e6, 20e6};
static const double fractions[] = {0.0, 0.31, 0.5, 0.77};

static void sweep(int modulation, double pw_tari, double *pw_slack_us)
{
    static const double taris_us[] = {6.25, 12.5, 25.0};
    struct worst all = worst_new();
    for (size_t r = 0; r < COUNT(rates_sps); r++) {
        for (size_t t = 0; t < COUNT(taris_us); t++) {
            double pw_us = fmax(pw_tari * taris_us[t], 2.0);
            struct link link = make_link(taris_us[t], t == 1 ? 1.5 : 2.0, pw_us, 4.0 * taris_us[t]);
            struct tx_shape_cfg cfg = make_cfg(modulation);
            for (size_t f = 0; f < COUNT(fractions); f++) {
                run_case(&cfg, rates_sps[r], &link, fractions[f], &all);
            }
        }
    }
    char name[64];
    snprintf(name, sizeof name, "%s PW %.3f Tari", modulation ? "pr-ask" : "dsb-ask", pw_tari);
    worst_print(name, &all);
    check_limits(&all);
    *pw_slack_us = all.pw_least_slack_us;
}

static void tx_shape_dsb_ask_keeps_every_limit(void **state)
{
    (void)state;
    double slack_us;
    sweep(0, 0.5, &slack_us);
    assert_true(slack_us >= 0.0);
    sweep(0, 0.35, &slack_us);
    assert_true(slack_us >= 0.0);
}

static void tx_shape_pr_ask_keeps_every_limit(void **state)
{
    (void)state;
    double slack_us;
    sweep(1, 0.5, &slack_us);
    assert_true(slack_us >= 0.0);
    sweep(1, 0.35, &slack_us);
    assert_true(slack_us >= 0.0);
}

/* The shortest legal PW: every limit holds; PW itself to the +-1 % a reader is allowed. */
static void tx_shape_carries_the_shortest_pw(void **state)
{
    (void)state;
    double slack_us;
    for (int modulation = 0; modulation < 2; modulation++) {
        sweep(modulation, 0.265, &slack_us);
        assert_true(slack_us >= -0.0625);
    }
}

static void tx_shape_keeps_the_limits_at_any_depth(void **state)
{
    (void)state;
    static const double depths[] = {0.82, 0.9, 1.0};
    for (size_t i = 0; i < COUNT(depths); i++) {
        struct worst all = worst_new();
        struct tx_shape_cfg cfg = make_cfg(0);
        cfg.depth_ratio = depths[i];
        for (size_t f = 0; f < COUNT(fractions); f++) {
            struct link link = make_link(6.25, 1.75, 3.125, 20.0);
            run_case(&cfg, 1e6, &link, fractions[f], &all);
            run_case(&cfg, 4e6, &link, fractions[f], &all);
        }
        check_limits(&all);
        assert_true(fabs(all.depth_least - depths[i]) < 0.02);
    }
}

static void tx_shape_obeys_a_given_rise_time(void **state)
{
    (void)state;
    struct worst all = worst_new();
    struct tx_shape_cfg cfg = make_cfg(0);
    struct link link = make_link(25.0, 2.0, 12.5, 100.0);
    cfg.rise_us = 2.0;
    run_case(&cfg, 4e6, &link, 0.4, &all);
    check_limits(&all);
    assert_true(fabs(all.rise_tari * 25.0 - 2.0) < 0.01);
}

/* Vectors of the fact sheet: levels and durations written out. */
static void tx_shape_segments_match_the_vectors(void **state)
{
    (void)state;
    static const char *const names[] = {"queryrep_tari25", "query_tari25", "queryrep_tari6"};
    for (size_t v = 0; v < COUNT(names); v++) {
        char path[512], line[256], text[64];
        snprintf(path, sizeof path, "%s/gen2_pie/%s.txt", ZP_GOLDEN_DIR, names[v]);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        do {
            assert_non_null(fgets(line, sizeof line, file));
        } while (line[0] == '#');
        double tari_us, data1_tari, pw_tari, trcal_us;
        assert_int_equal(
            sscanf(line, "%lf %lf %lf %lf", &tari_us, &data1_tari, &pw_tari, &trcal_us), 4);
        assert_int_equal(fscanf(file, "%63s", text), 1);
        uint8_t bit[64];
        for (size_t i = 0; text[i]; i++) {
            bit[i] = (uint8_t)(text[i] - '0');
        }
        struct link link = make_link(tari_us, data1_tari, pw_tari * tari_us, trcal_us);
        static struct pie_edges edges;
        assert_int_equal(pie_encode(&link, bit, strlen(text), trcal_us > 0.0, &edges), ST_OK);
        int level;
        double segment_us, at_us = 0.0, total_us;
        size_t n = 0;
        while (fscanf(file, "%d %lf", &level, &segment_us) == 2) {
            assert_int_equal(level, n % 2);
            assert_true(fabs(edges.us[n] - at_us) < 1e-9);
            at_us += segment_us;
            n++;
        }
        assert_int_equal(fscanf(file, "total %lf", &total_us), 1);
        fclose(file);
        assert_int_equal(edges.n_edges, n + 1);
        assert_true(fabs(edges.us[n] - total_us) < 1e-9);
    }
}

static void tx_shape_refuses_too_many_bits(void **state)
{
    (void)state;
    static struct pie_edges edges;
    static const uint8_t bit[LIMIT_BITS + 1];
    struct link link = make_link(6.25, 2.0, 3.125, 33.3);
    assert_int_equal(pie_encode(&link, bit, LIMIT_BITS, true, &edges), ST_OK);
    assert_int_equal(edges.n_edges, PIE_EDGES_MAX);
    assert_int_equal(pie_encode(&link, bit, LIMIT_BITS + 1, false, &edges), ST_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tx_shape_segments_match_the_vectors),
        cmocka_unit_test(tx_shape_refuses_too_many_bits),
        cmocka_unit_test(tx_shape_dsb_ask_keeps_every_limit),
        cmocka_unit_test(tx_shape_pr_ask_keeps_every_limit),
        cmocka_unit_test(tx_shape_carries_the_shortest_pw),
        cmocka_unit_test(tx_shape_keeps_the_limits_at_any_depth),
        cmocka_unit_test(tx_shape_obeys_a_given_rise_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
