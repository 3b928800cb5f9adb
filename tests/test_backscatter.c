/* test_backscatter.c - equations 4 to 8: the limits that linkbudget.md section 2 lists. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/backscatter.h"
#include "protocol/pathloss.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static const double freq_hz = 915e6;

static struct backscatter_loop loop_at(double distance_m)
{
    double ratio = backscatter_path_gain_ratio(freq_hz, distance_m, NULL, 0);
    return (struct backscatter_loop){.reader_w = 1.0,
                                     .carrier_gain_ratio = 4.0,
                                     .receiver_gain_ratio = 4.0,
                                     .tag_gain_ratio = 1.64,
                                     .polarisation_ratio = 0.5,
                                     .down_ratio = ratio,
                                     .up_ratio = ratio,
                                     .state = {0.0f, -1.0f},
                                     .modulation_ratio = 0.25};
}

static void backscatter_without_rays_is_friis(void **unused)
{
    (void)unused;
    const struct pathloss_path path = {.model = PATHLOSS_FREE_SPACE, .freq_hz = freq_hz};
    for (double d_m = 0.5; d_m < 100.0; d_m *= 2.0) {
        double gain_db = 10.0 * log10(backscatter_path_gain_ratio(freq_hz, d_m, NULL, 0));
        NEAR(gain_db, -pathloss_db(&path, d_m), 1e-6);
    }
}

static void backscatter_equal_rays_cancel_or_double(void **unused)
{
    (void)unused;
    double friis = backscatter_path_gain_ratio(freq_hz, 5.0, NULL, 0);
    const struct backscatter_ray against = {-1.0f, 5.0}, with = {1.0f, 5.0};
    assert_true(backscatter_path_gain_ratio(freq_hz, 5.0, &against, 1) < 1e-20 * friis);
    NEAR(backscatter_path_gain_ratio(freq_hz, 5.0, &with, 1) / friis, 4.0, 1e-9);
}

/* Half a wavelength longer and weaker by d/d_n: |1 - 5/d_n|^2. */
static void backscatter_longer_ray_turns_and_weakens(void **unused)
{
    (void)unused;
    double lambda_m = 299792458.0 / freq_hz, long_m = 5.0 + 2.5 * lambda_m;
    const struct backscatter_ray ray = {1.0f, long_m};
    double friis = backscatter_path_gain_ratio(freq_hz, 5.0, NULL, 0);
    double expected = (1.0 - 5.0 / long_m) * (1.0 - 5.0 / long_m);
    NEAR(backscatter_path_gain_ratio(freq_hz, 5.0, &ray, 1) / friis, expected, 1e-9);
}

static void backscatter_matching_decides_what_the_chip_gets(void **unused)
{
    (void)unused;
    struct backscatter_loop loop = loop_at(3.0);
    NEAR(backscatter_chip_w(&loop), backscatter_tag_w(&loop), 0.0);
    loop.matching = 0.5f;
    NEAR(backscatter_chip_w(&loop) / backscatter_tag_w(&loop), 0.75, 1e-9);
    loop.matching = I * 1.0f;
    NEAR(backscatter_chip_w(&loop), 0.0, 1e-15);
}

static void backscatter_states_decide_the_modulation_loss(void **unused)
{
    (void)unused;
    struct backscatter_loop loop = loop_at(3.0);
    loop.modulation_ratio = 1.0;
    NEAR(backscatter_modulation_ratio(&loop), 1.0, 1e-12); /* on-off */
    loop.state[0] = 1.0f;
    NEAR(backscatter_modulation_ratio(&loop), 4.0, 1e-12); /* phase: 6 dB more */
}

/* P = P_t G^2 G_tag^2 beta^2 K L^2: range grows as the fourth root of the power. */
static void backscatter_closed_loop_falls_with_the_fourth_power(void **unused)
{
    (void)unused;
    struct backscatter_loop near = loop_at(3.0), far = loop_at(6.0);
    double l = near.down_ratio;
    NEAR(backscatter_received_w(&near) / (16.0 * 1.64 * 1.64 * 0.25 * 0.25 * l * l), 1.0, 1e-9);
    far.reader_w = 16.0;
    NEAR(backscatter_received_w(&far) / backscatter_received_w(&near), 1.0, 1e-9);
    NEAR(backscatter_eirp_w(&far), 64.0, 1e-12);
    near.up_ratio = 4.0 * l; /* bistatic: a receiver half as far */
    NEAR(backscatter_received_w(&near) / backscatter_tag_eirp_w(&near), 4.0 * 0.5 * 4.0 * l, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backscatter_without_rays_is_friis),
        cmocka_unit_test(backscatter_equal_rays_cancel_or_double),
        cmocka_unit_test(backscatter_longer_ray_turns_and_weakens),
        cmocka_unit_test(backscatter_matching_decides_what_the_chip_gets),
        cmocka_unit_test(backscatter_states_decide_the_modulation_loss),
        cmocka_unit_test(backscatter_closed_loop_falls_with_the_fourth_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
