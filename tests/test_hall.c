/* test_hall.c - where readers and devices are, and what lies between them: against the source's hall, closed forms
 * of TR 38.901 typed here, and statistics. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/random.h"
#include "protocol/hall.h"
#include "tests/defaults.h"

static struct hall_place place[20000];

/* The default, without chance in the paths. */
static struct hall_cfg source_hall(void)
{
    struct hall_cfg cfg;
    defaults_fill(&hall_options, &cfg);
    cfg.sight = HALL_SIGHT_NONE;
    cfg.shadow = false;
    return cfg;
}

static struct hall made(const struct hall_cfg *cfg)
{
    struct hall hall;
    enum status status = hall_make(cfg, &hall);
    if (status) {
        fail_msg("%s", status_detail());
    }
    return hall;
}

static void hall_is_the_sources(void **state)
{
    (void)state;
    struct hall_cfg cfg = source_hall();
    struct hall hall = made(&cfg);
    assert_int_equal(hall.n_readers, 18);
    assert_int_equal(hall.n_devices, 10800);
    assert_false(hall.is_spaced); /* 1.5 a square metre find no room 1 m apart */
    for (size_t k = 0; k < 18; k++) {
        assert_true(fabs(hall.reader_m[k][0] - (10.0 + 20.0 * (double)(k % 6))) < 1e-9);
        assert_true(fabs(hall.reader_m[k][1] - (10.0 + 20.0 * (double)(k / 6))) < 1e-9);
        assert_true(fabs(hall.reader_m[k][2] - 8.0) < 1e-9);
    }
}

static void hall_spreads_devices_evenly(void **state)
{
    (void)state;
    struct hall_cfg cfg = source_hall();
    struct hall hall = made(&cfg);
    uint64_t random = 1;
    unsigned count[8] = {0}; /* 30 m x 30 m each */
    hall_drop(&hall, &random, place);
    for (size_t k = 0; k < hall.n_devices; k++) {
        assert_in_range((int)place[k].x_m, 0, 120);
        assert_in_range((int)place[k].y_m, 0, 60);
        count[(size_t)fmin(place[k].x_m / 30.0, 3.0) +
              4 * (size_t)fmin(place[k].y_m / 30.0, 1.0)]++;
    }
    double chi2 = 0.0;
    for (size_t k = 0; k < 8; k++) {
        chi2 += pow(count[k] - 1350.0, 2.0) / 1350.0;
    }
    assert_true(chi2 < 24.3); /* 7 degrees of freedom: exceeded once in a thousand */
}

static void hall_keeps_devices_apart_where_they_find_room(void **state)
{
    (void)state;
    struct hall_cfg cfg = source_hall();
    cfg.devices_per_100_m2 = 30.0;
    struct hall hall = made(&cfg);
    assert_true(hall.is_spaced);
    uint64_t random = 2;
    hall_drop(&hall, &random, place);
    for (size_t k = 0; k < hall.n_devices; k++) {
        for (size_t j = 0; j < k; j++) {
            double apart_m =
                hypot((double)(place[k].x_m - place[j].x_m), (double)(place[k].y_m - place[j].y_m));
            assert_true(apart_m >= 1.0);
        }
    }
}

static void hall_puts_devices_in_circles(void **state)
{
    (void)state;
    struct hall_cfg cfg = source_hall();
    cfg.placement = HALL_CIRCLES;
    struct hall hall = made(&cfg);
    uint64_t random = 3;
    hall_drop(&hall, &random, place);
    for (size_t circle = 0; circle < 18; circle++) { /* every 18th is in the same one */
        double x_m = 0.0, y_m = 0.0, far_m = 0.0, mean_m2 = 0.0;
        for (size_t k = circle; k < hall.n_devices; k += 18) {
            x_m += (double)place[k].x_m / 600.0;
            y_m += (double)place[k].y_m / 600.0;
        }
        for (size_t k = circle; k < hall.n_devices; k += 18) {
            double off_m = hypot((double)place[k].x_m - x_m, (double)place[k].y_m - y_m);
            far_m = fmax(far_m, off_m);
            mean_m2 += off_m * off_m / 600.0;
        }
        assert_true(far_m < 5.6);                /* the mean of 600 lies 0.14 m off, in the mean */
        assert_true(fabs(mean_m2 - 12.5) < 1.5); /* r^2 / 2 of an evenly filled circle */
    }
}

/* PL = 33.63 + 21.9 log10 d + 20 log10 0.9 (InF-DH, always above the line of sight at 0.9 GHz). */
static void hall_losses_follow_the_model(void **state)
{
    (void)state;
    struct hall_cfg cfg = source_hall();
    struct hall hall = made(&cfg);
    const struct hall_place at = {.x_m = 33.0F, .y_m = 7.0F};
    float loss_db[HALL_READERS_MAX];
    uint64_t random = 4;
    hall_losses(&hall, &at, &random, loss_db);
    for (size_t r = 0; r < hall.n_readers; r++) {
        double x_m = hall.reader_m[r][0] - 33.0, y_m = hall.reader_m[r][1] - 7.0;
        double d_m = sqrt(x_m * x_m + y_m * y_m + 6.5 * 6.5);
        double want_db = 33.63 + 21.9 * log10(d_m) + 20.0 * log10(0.9);
        assert_true(fabs((double)loss_db[r] - want_db) < 1e-4);
    }
}

/* Mean and spread of what is drawn: sigma 4.0 dB without line of sight; with chance of sight, the share of links
 * that have it is exp(-d2D / k), k = -2 / ln 0.4 * 6.5 / 4.5. */
static void hall_draws_shadow_and_sight_as_the_model_has_them(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct hall_cfg cfg = source_hall();
    const struct hall_place at = {.x_m = 13.0F, .y_m = 14.0F}; /* 5 m from the first reader */
    double d_m = sqrt(25.0 + 6.5 * 6.5);
    double dh_db = 33.63 + 21.9 * log10(d_m) + 20.0 * log10(0.9);
    double los_db = 31.84 + 21.5 * log10(d_m) + 19.0 * log10(0.9);
    float loss_db[HALL_READERS_MAX];
    uint64_t random = 5;
    cfg.shadow = true;
    struct hall hall = made(&cfg);
    double sum = 0.0, squares = 0.0;
    for (int k = 0; k < N; k++) {
        hall_losses(&hall, &at, &random, loss_db);
        sum += ((double)loss_db[0] - dh_db) / N;
        squares += pow((double)loss_db[0] - dh_db, 2.0) / N;
    }
    assert_true(fabs(sum) < 4.0 * 4.0 / sqrt(N));
    assert_true(fabs(sqrt(squares - sum * sum) - 4.0) < 4.0 * 4.0 / sqrt(2.0 * N));
    cfg.shadow = false;
    cfg.sight = HALL_SIGHT_DRAWN;
    hall = made(&cfg);
    double in_sight = 0.0, chance = exp(-5.0 / (-2.0 / log(0.4) * 6.5 / 4.5));
    for (int k = 0; k < N; k++) {
        hall_losses(&hall, &at, &random, loss_db);
        bool is_los = fabs((double)loss_db[0] - los_db) < 1e-4;
        assert_true(is_los || fabs((double)loss_db[0] - dh_db) < 1e-4);
        in_sight += is_los ? 1.0 / N : 0.0;
    }
    assert_true(fabs(in_sight - chance) < 4.0 * sqrt(chance * (1.0 - chance) / N));
}

static void hall_names_what_does_not_fit(void **state)
{
    (void)state;
    struct hall_cfg cfg[9];
    for (size_t k = 0; k < 9; k++) {
        cfg[k] = source_hall();
    }
    cfg[0].reader_height_m = 12.0;
    cfg[1].device_height_m = 11.0;
    cfg[2].device_height_m = 9.0;
    cfg[3].reader_spacing_m = 2.0;
    cfg[4].devices_per_100_m2 = 1e6;
    cfg[5].devices_per_100_m2 = 1e-3;
    cfg[6].placement = HALL_CIRCLES;
    cfg[6].circle_radius_m = 40.0;
    cfg[7].length_m = 5000.0;
    cfg[7].reader_spacing_m = 5000.0;
    cfg[7].devices_per_100_m2 = 1.0;
    cfg[8].freq_hz = 200e9;
    static const char *const wants[9] = {
        "hall.reader_height_m = 12 m", "hall.device_height_m = 11 m", "hall.device_height_m = 9 m",
        "hall.reader_spacing_m = 2 m", "hall.devices_per_100_m2",     "hall.devices_per_100_m2",
        "hall.circle_radius_m = 40 m", "corner of the hall",          "hall.freq_hz"};
    for (size_t k = 0; k < 9; k++) {
        struct hall hall;
        assert_int_equal(hall_make(&cfg[k], &hall), ST_RANGE);
        if (!strstr(status_detail(), wants[k])) {
            fail_msg("case %zu: '%s' lacks '%s'", k, status_detail(), wants[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hall_is_the_sources),
        cmocka_unit_test(hall_spreads_devices_evenly),
        cmocka_unit_test(hall_keeps_devices_apart_where_they_find_room),
        cmocka_unit_test(hall_puts_devices_in_circles),
        cmocka_unit_test(hall_losses_follow_the_model),
        cmocka_unit_test(hall_draws_shadow_and_sight_as_the_model_has_them),
        cmocka_unit_test(hall_names_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
