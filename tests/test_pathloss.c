/* test_pathloss.c - models against the printed formulas, figures and limits of linkbudget.md 3.2.
 * */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/pathloss.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static double loss(enum pathloss_model model, double freq_hz, double distance_m)
{
    const struct pathloss_path path = {.model = model, .freq_hz = freq_hz};
    return pathloss_db(&path, distance_m);
}

static double distance(enum pathloss_model model, double loss_db)
{
    const struct pathloss_path path = {.model = model, .freq_hz = 0.9e9};
    return pathloss_distance_m(&path, loss_db);
}

/* The formulas as the fact sheet prints them, written out once more. */
static double printed(enum pathloss_model model, double f_ghz, double d_m)
{
    double d = log10(d_m), f = log10(f_ghz);
    double los = 31.84 + 21.5 * d + 19.0 * f, sl = 33.0 + 25.5 * d + 20.0 * f;
    double dl = 18.6 + 35.7 * d + 20.0 * f;
    switch (model) {
    case PATHLOSS_INF_LOS: return los;
    case PATHLOSS_INF_SL: return fmax(los, sl);
    case PATHLOSS_INF_DL: return fmax(fmax(los, sl), dl);
    case PATHLOSS_INF_SH: return fmax(los, 32.4 + 23.0 * d + 20.0 * f);
    case PATHLOSS_INF_DH: return fmax(los, 33.63 + 21.9 * d + 20.0 * f);
    case PATHLOSS_INF_DL_SRC001: return fmax(31.84 + 21.5 * d + 10.0 * f, dl);
    default: return NAN;
    }
}

static void pathloss_follows_the_printed_formulas(void **unused)
{
    (void)unused;
    static const double f_ghz[] = {0.5, 0.9, 3.5, 28.0, 100.0};
    for (int model = PATHLOSS_INF_LOS; model < PATHLOSS_MODELS; model++) {
        for (size_t k = 0; k < sizeof f_ghz / sizeof *f_ghz; k++) {
            for (double d_m = 1.0; d_m <= 600.0; d_m *= 1.7) {
                NEAR(loss((enum pathloss_model)model, f_ghz[k] * 1e9, d_m),
                     printed((enum pathloss_model)model, f_ghz[k], d_m), 1e-9);
            }
        }
    }
    NEAR(loss(PATHLOSS_INF_DH, 0.9e9, 1.0), 32.715, 5e-4);        /* D1T1: 32.715 + 21.9 log d */
    NEAR(loss(PATHLOSS_INF_DL_SRC001, 0.9e9, 1.0), 31.382, 5e-4); /* D2T2, near branch */
    NEAR(loss(PATHLOSS_INF_DL_SRC001, 0.9e9, 100.0), 17.685 + 71.4, 5e-4);
}

static void pathloss_free_space_is_friis(void **unused)
{
    (void)unused;
    NEAR(loss(PATHLOSS_FREE_SPACE, 1e12, 1000.0),
         20.0 * log10(4.0 * 3.14159265358979 * 1e15 / 299792458.0), 1e-6);
    NEAR(loss(PATHLOSS_FRIIS_3E8, 1e12, 1000.0), 152.4418, 1e-4);
    NEAR(loss(PATHLOSS_FRIIS_3E8, 300e9, 10.0), 101.9842, 1e-4);
    NEAR(loss(PATHLOSS_FRIIS_3E8, 0.7e9, 68.0477), 66.0, 1e-4);
}

/* The ranges a strict InF-DL gives for the printed path losses, and those the source printed. */
static void pathloss_tells_strict_from_compatible(void **unused)
{
    (void)unused;
    static const double row[][3] = {
        {44.11, 2.96, 3.91},   {50.11, 5.09, 7.43},  {45.08, 3.23, 4.34}, {39.82, 2.01, 2.47},
        {59.11, 11.48, 14.47}, {55.08, 7.98, 11.16}, {49.82, 4.96, 7.20}, {77.1, 46.16, 46.16}};
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        NEAR(distance(PATHLOSS_INF_DL, row[k][0]), row[k][1], 0.006);
        NEAR(distance(PATHLOSS_INF_DL_SRC001, row[k][0]), row[k][2], 0.002 * row[k][2]);
    }
    double cross_m = 9.22; /* its two branches meet */
    NEAR(loss(PATHLOSS_INF_DL_SRC001, 0.9e9, cross_m), 31.382 + 21.5 * log10(cross_m), 0.01);
    NEAR(loss(PATHLOSS_INF_DL_SRC001, 0.9e9, cross_m), 17.685 + 35.7 * log10(cross_m), 0.01);
}

static void pathloss_distance_undoes_loss(void **unused)
{
    (void)unused;
    for (int model = 0; model < PATHLOSS_MODELS; model++) {
        for (int air = 0; air < 3; air++) {
            const struct pathloss_path path = {
                .model = (enum pathloss_model)model, .freq_hz = 2.4e9, .air_db_per_km = 15.0 * air};
            for (double d_m = 0.5; d_m < 3000.0; d_m *= 3.1) {
                NEAR(pathloss_distance_m(&path, pathloss_db(&path, d_m)) / d_m, 1.0, 1e-9);
            }
        }
    }
    assert_true(distance(PATHLOSS_INF_DH, -200.0) == 0.0);
    assert_true(isinf(distance(PATHLOSS_FREE_SPACE, 900.0)));
}

static void pathloss_says_where_it_holds(void **unused)
{
    (void)unused;
    static const double sigma_db[PATHLOSS_MODELS] = {0, 0, 4.3, 5.7, 7.2, 5.9, 4.0, 7.2};
    for (int model = 0; model < PATHLOSS_MODELS; model++) {
        NEAR(pathloss_about((enum pathloss_model)model)->shadow_sigma_db, sigma_db[model], 0.0);
    }
    assert_int_equal(pathloss_check_distance(PATHLOSS_INF_DH, 0.9e9, 1.0, "d"), ST_OK);
    assert_int_equal(pathloss_check_distance(PATHLOSS_INF_DH, 0.9e9, 600.0, "d"), ST_OK);
    assert_int_equal(pathloss_check_distance(PATHLOSS_INF_DH, 0.9e9, 600.1, "d"), ST_RANGE);
    assert_int_equal(pathloss_check_distance(PATHLOSS_INF_DH, 0.9e9, NAN, "d"), ST_RANGE);
    assert_int_equal(pathloss_check_distance(PATHLOSS_INF_DH, 0.9e9, 0.99, "hall.d"), ST_RANGE);
    assert_non_null(strstr(status_detail(), "hall.d"));
    assert_non_null(strstr(status_detail(), "1..600 m"));
    assert_int_equal(pathloss_check_distance(PATHLOSS_FREE_SPACE, 0.9e9, 0.02, "d"), ST_RANGE);
    assert_int_equal(pathloss_check_distance(PATHLOSS_FREE_SPACE, 0.9e9, 0.03, "d"), ST_OK);
    assert_int_equal(pathloss_check_freq(PATHLOSS_INF_SL, 0.5e9, "f"), ST_OK);
    assert_int_equal(pathloss_check_freq(PATHLOSS_INF_SL, 0.4e9, "f"), ST_RANGE);
    assert_int_equal(pathloss_check_freq(PATHLOSS_INF_SL, 101e9, "f"), ST_RANGE);
    assert_int_equal(pathloss_check_freq(PATHLOSS_FREE_SPACE, 1e12, "f"), ST_OK);
}

static void pathloss_links_have_two_distances(void **unused)
{
    (void)unused;
    struct pathloss_link link;
    pathloss_link_between((const double[]){1.0, 2.0, 8.0}, (const double[]){4.0, 6.0, 1.5}, &link);
    NEAR(link.distance_2d_m, 5.0, 1e-12);
    NEAR(link.distance_3d_m, sqrt(25.0 + 6.5 * 6.5), 1e-12);
    NEAR(link.reader_height_m, 8.0, 0.0);
    NEAR(link.device_height_m, 1.5, 0.0);
}

/* TR 38.901 table 7.4.2-1, worked by hand: r = 0.6, d_clutter 2 m, h_c 6 m. */
static void pathloss_line_of_sight_as_tabled(void **unused)
{
    (void)unused;
    const struct pathloss_hall dense = {6.0, 2.0, 0.6}, sparse = {6.0, 10.0, 0.2};
    struct pathloss_link link = {21.0, 20.0, 8.0, 1.5};
    double k_m = 2.0 / -log(0.4);
    NEAR(k_m, 2.1827, 1e-4);
    NEAR(pathloss_los_probability(PATHLOSS_INF_DH, &dense, &link), exp(-20.0 / (k_m * 6.5 / 4.5)),
         1e-12);
    link.reader_height_m = 1.5;
    NEAR(pathloss_los_probability(PATHLOSS_INF_DL, &dense, &link), exp(-20.0 / k_m), 1e-12);
    NEAR(pathloss_los_probability(PATHLOSS_INF_DL_SRC001, &dense, &link), exp(-20.0 / k_m), 1e-12);
    NEAR(pathloss_los_probability(PATHLOSS_INF_SL, &sparse, &link), exp(-20.0 / (10.0 / -log(0.8))),
         1e-12);
    NEAR(pathloss_los_probability(PATHLOSS_FREE_SPACE, &dense, &link), 1.0, 0.0);
    link.reader_height_m = 8.0;
    link.device_height_m = 6.5; /* above the clutter */
    NEAR(pathloss_los_probability(PATHLOSS_INF_DH, &dense, &link), 1.0, 0.0);
    assert_int_equal(pathloss_model_for(PATHLOSS_INF_DH, true), PATHLOSS_INF_LOS);
    assert_int_equal(pathloss_model_for(PATHLOSS_INF_DH, false), PATHLOSS_INF_DH);
    assert_int_equal(pathloss_model_for(PATHLOSS_FREE_SPACE, true), PATHLOSS_FREE_SPACE);
}

static void refused(enum pathloss_model model, struct pathloss_hall hall, double reader_m,
                    double device_m, const char *detail)
{
    const struct pathloss_link link = {10.0, 10.0, reader_m, device_m};
    assert_int_equal(pathloss_check_hall(model, &hall, &link), detail ? ST_RANGE : ST_OK);
    assert_true(!detail || strstr(status_detail(), detail));
}

static void pathloss_halls_fit_their_model(void **unused)
{
    (void)unused;
    const struct pathloss_hall dense = {6.0, 2.0, 0.6}, sparse = {6.0, 10.0, 0.2};
    refused(PATHLOSS_INF_DH, dense, 8.0, 1.5, NULL);
    refused(PATHLOSS_INF_DL, dense, 1.5, 1.5, NULL);
    refused(PATHLOSS_INF_SH, sparse, 8.0, 1.5, NULL);
    refused(PATHLOSS_FREE_SPACE, sparse, 1.0, 2.0, NULL);
    refused(PATHLOSS_INF_DH, dense, 8.0, 8.5, "device height is 8.5 m");
    refused(PATHLOSS_INF_DH, dense, 5.0, 1.5, "above the clutter");
    refused(PATHLOSS_INF_DL, dense, 8.0, 1.5, "up to the clutter");
    refused(PATHLOSS_INF_DH, sparse, 8.0, 1.5, "clutter ratio is 0.2");
    refused(PATHLOSS_INF_SL, dense, 1.5, 1.5, "clutter ratio is 0.6");
    refused(PATHLOSS_INF_DH, (struct pathloss_hall){6.0, 0.0, 0.6}, 8.0, 1.5, "clutter size");
    refused(PATHLOSS_INF_SL, (struct pathloss_hall){6.0, 2.0, 0.0}, 1.5, 1.5, "clutter ratio");
    refused(PATHLOSS_INF_DL, (struct pathloss_hall){6.0, 2.0, 1.0}, 1.5, 1.5, "clutter ratio");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pathloss_follows_the_printed_formulas),
        cmocka_unit_test(pathloss_free_space_is_friis),
        cmocka_unit_test(pathloss_tells_strict_from_compatible),
        cmocka_unit_test(pathloss_distance_undoes_loss),
        cmocka_unit_test(pathloss_says_where_it_holds),
        cmocka_unit_test(pathloss_links_have_two_distances),
        cmocka_unit_test(pathloss_line_of_sight_as_tabled),
        cmocka_unit_test(pathloss_halls_fit_their_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
