/* test_coexist.c - the interference check against path losses and limits the THz source prints. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/coexist.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

/* Rural is 205 dB in all: free space 198.95 dB at 300 GHz over 705 km, 12.1 dB of vertical gas, two
 * rays in phase. Urban has six of them (196 printed), the side lobe one and 40 dB less (251). */
static struct coexist scenario(double n_rays, double gain_dbi)
{
    return (struct coexist){.loss_db = 198.95 + 12.1,
                            .gain_dbi = gain_dbi,
                            .n_rays = n_rays,
                            .n_emitters = 1.0,
                            .limit_dbm = -160.0};
}

static void coexist_builds_the_printed_losses(void **unused)
{
    (void)unused;
    const struct coexist rural = scenario(2.0, 0.0), urban = scenario(6.0, 0.0);
    const struct coexist sidelobe = scenario(1.0, -40.0);
    NEAR(-coexist_received_dbm(&rural), 205.0, 0.1);
    NEAR(-coexist_received_dbm(&urban), 196.0, 0.6);
    NEAR(-coexist_received_dbm(&sidelobe), 251.0, 0.1);
    /* their EIRP limits: 31.2, 21.7 and 77.2 dBm, apart by */
    NEAR(coexist_eirp_limit_dbm(&rural) - coexist_eirp_limit_dbm(&urban), 31.2 - 21.7, 0.06);
    NEAR(coexist_eirp_limit_dbm(&sidelobe) - coexist_eirp_limit_dbm(&rural), 77.2 - 31.2, 0.06);
}

static void coexist_limit_leaves_no_margin(void **unused)
{
    (void)unused;
    struct coexist c = scenario(2.0, 60.0);
    c.n_emitters = 50.0;
    c.eirp_dbm = coexist_eirp_limit_dbm(&c);
    NEAR(coexist_margin_db(&c), 0.0, 1e-9);
    c.n_emitters = 100.0;
    NEAR(coexist_margin_db(&c), -10.0 * log10(2.0), 1e-9);
}

static void coexist_dish_and_gain_undo_each_other(void **unused)
{
    (void)unused;
    for (double gain_dbi = 30.0; gain_dbi < 75.0; gain_dbi += 5.0) {
        double dish_m = coexist_dish_m(300e9, gain_dbi, 0.75);
        NEAR(coexist_dish_gain_dbi(300e9, dish_m, 0.75), gain_dbi, 1e-9);
        NEAR(coexist_beam_rad(300e9, dish_m, 0.75), coexist_gain_beam_rad(gain_dbi), 1e-12);
    }
    NEAR(coexist_footprint_m2(60.0, 705e3) * 1e-6, 6.25, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coexist_builds_the_printed_losses),
        cmocka_unit_test(coexist_limit_leaves_no_margin),
        cmocka_unit_test(coexist_dish_and_gain_undo_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
