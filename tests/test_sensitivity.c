/* test_sensitivity.c - the measured curve against the bounds of the fact sheet (what an ideal
 * receiver without list decoding needs), and the floor against README's figures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/sensitivity.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

/* Bound, dB, by code (FM0; Miller), reply and PER; the list decoding of EPCs beats its bound. */
static const double bound_db[2][2][2] = {{{4.80, 7.11}, {6.93, 8.53}},
                                         {{6.97, 9.61}, {9.37, 11.12}}};
#define GAP_MAX_DB 0.75
#define LIST_GAIN_MAX_DB 1.4
#define MEASURED_DB 0.1

static double ebn0(enum link_m m, bool trext, int reply, int per)
{
    const struct sensitivity_link link = {m, trext, 320e3, (enum sensitivity_reply)reply,
                                          (enum sensitivity_per)per};
    return sensitivity_ebn0_db(&link);
}

static void sensitivity_is_near_its_bound(void **unused)
{
    (void)unused;
    for (int m = LINK_FM0; m <= LINK_M8; m++) {
        for (int trext = 0; trext < 2; trext++) {
            for (int per = 0; per < 2; per++) {
                double rn16_db = ebn0((enum link_m)m, trext, SENSITIVITY_RN16, per);
                double epc_db = ebn0((enum link_m)m, trext, SENSITIVITY_EPC, per);
                const double *rn16_bound_db = bound_db[m > 0][SENSITIVITY_RN16];
                const double *epc_bound_db = bound_db[m > 0][SENSITIVITY_EPC];
                assert_true(rn16_db > rn16_bound_db[per] - MEASURED_DB);
                assert_true(rn16_db < rn16_bound_db[per] + GAP_MAX_DB);
                assert_true(epc_db > epc_bound_db[per] - LIST_GAIN_MAX_DB);
                assert_true(epc_db < epc_bound_db[per] + MEASURED_DB);
            }
            for (int reply = 0; reply < 2; reply++) {
                assert_true(ebn0((enum link_m)m, trext, reply, SENSITIVITY_PER_1) >
                            ebn0((enum link_m)m, trext, reply, SENSITIVITY_PER_10) + 0.9);
            }
        }
    }
}

static void sensitivity_floor_is_thermal_without_a_leak(void **unused)
{
    (void)unused;
    const struct sensitivity_floor floor = {-174.0, 8.0, -INFINITY,
                                            SENSITIVITY_CONVERTER_12_BIT_DBC_HZ};
    NEAR(sensitivity_floor_dbm_hz(&floor), -166.0, 1e-9);
    /* an EPC of 40 kb/s, 10 % lost: 46.02 dB of rate and its Eb/N0 above that; so -120 dBm of the
     * A-IoT source, 6 dB below, cannot be read with this noise figure, nor with 5 dB */
    const struct sensitivity_link link = {LINK_FM0, false, 40e3, SENSITIVITY_EPC,
                                          SENSITIVITY_PER_10};
    NEAR(sensitivity_dbm(&link, &floor), -166.0 + 46.02 + ebn0(LINK_FM0, false, 1, 0), 0.01);
    assert_true(sensitivity_dbm(&link, &floor) - 3.0 > -120.0);
}

/* README: floors left by a leak of 0 dBm, noise figure 8 dB. */
static void sensitivity_floor_with_a_leak_as_in_the_readme(void **unused)
{
    (void)unused;
    struct sensitivity_floor floor = {-174.0, 8.0, 0.0, SENSITIVITY_CONVERTER_12_BIT_DBC_HZ};
    NEAR(sensitivity_floor_dbm_hz(&floor), -143.1 + SENSITIVITY_CANCELLER_DB, 0.05);
    floor.converter_dbc_hz = SENSITIVITY_CONVERTER_14_BIT_DBC_HZ;
    NEAR(sensitivity_floor_dbm_hz(&floor), -160.0 + SENSITIVITY_CANCELLER_DB, 0.05);
}

static void sensitivity_rate_is_blf_over_m(void **unused)
{
    (void)unused;
    const struct sensitivity_link link = {LINK_M8, false, 320e3, SENSITIVITY_RN16,
                                          SENSITIVITY_PER_10};
    NEAR(sensitivity_bit_rate_hz(&link), 40e3, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sensitivity_is_near_its_bound),
        cmocka_unit_test(sensitivity_floor_is_thermal_without_a_leak),
        cmocka_unit_test(sensitivity_floor_with_a_leak_as_in_the_readme),
        cmocka_unit_test(sensitivity_rate_is_blf_over_m),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
