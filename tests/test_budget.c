/* test_budget.c - budgets of the legs against the arithmetic of linkbudget.md 3.1, against the
 * equations of backscatter.h in watts, and turned round. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/backscatter.h"
#include "protocol/budget.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static struct budget_scenario preset(const char *name)
{
    struct budget_preset found;
    if (budget_preset_find(name, &found) != ST_OK) {
        fail_msg("%s", status_detail());
    }
    return found.scenario;
}

static struct budget_result solve(const struct budget_scenario *s, enum budget_leg leg)
{
    struct budget_result result;
    assert_int_equal(budget_check(s), ST_OK);
    budget_solve(s, leg, &result);
    return result;
}

static void budget_waterfall_adds_up(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < budget_n_presets(); k++) {
        struct budget_preset p;
        budget_preset(k, &p);
        for (int leg = 0; leg < BUDGET_LEGS; leg++) {
            if (!budget_has_leg(&p.scenario, (enum budget_leg)leg)) {
                continue;
            }
            struct budget_result r = solve(&p.scenario, (enum budget_leg)leg);
            double level = r.item[0].value;
            assert_true(r.item[0].is_level);
            for (size_t i = 1; i < r.n_items; i++) {
                level += r.item[i].is_level ? 0.0 : r.item[i].value;
                assert_true(!r.item[i].is_level || fabs(level - r.item[i].value) < 1e-9);
            }
            NEAR(level - r.sensitivity_dbm, r.max_loss_db, 1e-9);
        }
    }
}

/* Section 3.1 with table A.2's inputs, worked by hand. */
static void budget_follows_the_printed_arithmetic(void **unused)
{
    (void)unused;
    struct budget_scenario s = preset("D1T1-A2-type1");
    double path_db = 32.715 + 21.9 * log10(4.09), eirp = 23.0 + 3.0103 + 2.0 - 3.0;
    double carrier = eirp - path_db - 1.0 - 0.9 - 4.0 - 3.0;
    double noise = -174.0 + 10.0 * log10(180e3) + 5.0;
    double weakest = 10.0 * log10(pow(10.0, (eirp - 140.0) / 10.0) + pow(10.0, noise / 10.0));
    struct budget_result r = solve(&s, BUDGET_REPLY);
    NEAR(r.incident_dbm, carrier, 1e-3);
    NEAR(r.eirp_dbm, carrier - 6.0 - 0.9 - 1.0, 1e-3);
    NEAR(r.noise_dbm, noise, 1e-9);
    NEAR(r.sensitivity_dbm, weakest, 1e-3);
    NEAR(r.max_loss_db, carrier - 7.9 + 2.0 - 3.0 - 7.0 - weakest, 2e-3);
    r = solve(&s, BUDGET_COMMAND);
    NEAR(r.max_loss_db, 33.0 + 3.0103 + 2.0 - 3.0 - 1.9 - 7.0 + 36.0, 1e-3);
}

/* A monostatic reader and a passive tag in free space: the level at half the reach by equations
 * 4-8. */
static void budget_agrees_with_the_equations_in_watts(void **unused)
{
    (void)unused;
    struct budget_scenario s = preset("gen2");
    s.device.backscatter_loss_db = -10.0 * log10(0.25); /* half the swing between 0 and -1 */
    struct budget_result r = solve(&s, BUDGET_REPLY);
    double d_m = 0.5 * r.reach_m, ratio = backscatter_path_gain_ratio(s.freq_hz, d_m, NULL, 0);
    const struct backscatter_loop loop = {.reader_w = 1.0,
                                          .carrier_gain_ratio = pow(10.0, 0.6),
                                          .receiver_gain_ratio = pow(10.0, 0.6),
                                          .tag_gain_ratio = pow(10.0, 0.2),
                                          .polarisation_ratio = pow(10.0, -0.3),
                                          .down_ratio = ratio,
                                          .up_ratio = ratio,
                                          .state = {0.0f, -1.0f},
                                          .modulation_ratio = 0.25};
    double received_dbm = 30.0 + 10.0 * log10(backscatter_received_w(&loop));
    NEAR(received_dbm - r.sensitivity_dbm, budget_margin_db(&s, BUDGET_REPLY, d_m), 1e-6);
    NEAR(budget_margin_db(&s, BUDGET_REPLY, d_m), 40.0 * log10(2.0), 1e-6);
    double tag_dbm = 30.0 + 10.0 * log10(backscatter_tag_w(&loop));
    NEAR(tag_dbm - s.device.harvest_dbm, budget_margin_db(&s, BUDGET_HARVEST, d_m), 1e-6);
}

static void budget_margin_is_nothing_at_the_reach(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < budget_n_presets(); k++) {
        struct budget_preset p;
        budget_preset(k, &p);
        p.scenario.air.rain_mm_h = 50.0;
        p.scenario.air.vapour_g_m3 = 7.5;
        for (int leg = 0; leg < BUDGET_LEGS; leg++) {
            if (budget_has_leg(&p.scenario, (enum budget_leg)leg)) {
                struct budget_result r = solve(&p.scenario, (enum budget_leg)leg);
                NEAR(budget_margin_db(&p.scenario, (enum budget_leg)leg, r.reach_m), 0.0, 1e-6);
            }
        }
    }
}

/* Put back what a leg is said to need, and nothing is left. */
static void budget_solved_values_close_the_leg(void **unused)
{
    (void)unused;
    static const char *const name[] = {"gen2", "D1T1-A2-type2a", "D2T2-B-type1", "D1T1-C-type2b"};
    for (size_t k = 0; k < sizeof name / sizeof *name; k++) {
        for (int leg = 0; leg < BUDGET_LEGS; leg++) {
            struct budget_scenario s = preset(name[k]), changed = s;
            double value;
            const char *text;
            if (!budget_has_leg(&s, (enum budget_leg)leg)) {
                continue;
            }
            enum status status =
                budget_solve_for(&s, (enum budget_leg)leg, BUDGET_POWER, 7.0, &value, &text);
            assert_int_equal(status, ST_OK);
            changed.device.power_dbm = isnan(s.device.power_dbm) ? NAN
                                       : leg == BUDGET_REPLY     ? value
                                                                 : s.device.power_dbm;
            *(leg == BUDGET_COMMAND ? &changed.reader.power_dbm : &changed.carrier.power_dbm) =
                value;
            NEAR(budget_margin_db(&changed, (enum budget_leg)leg, 7.0), 0.0, 1e-6);
            status =
                budget_solve_for(&s, (enum budget_leg)leg, BUDGET_SENSITIVITY, 7.0, &value, &text);
            assert_int_equal(status, ST_OK);
            changed = s;
            changed.weakest = BUDGET_WEAKEST_GIVEN;
            changed.receiver.sensitivity_dbm = changed.device.command_dbm = value;
            changed.device.harvest_dbm = isnan(s.device.harvest_dbm) ? NAN : value;
            NEAR(budget_margin_db(&changed, (enum budget_leg)leg, 7.0), 0.0, 1e-6);
        }
    }
}

static void budget_solves_for_gain(void **unused)
{
    (void)unused;
    struct budget_scenario s = preset("gen2");
    double value;
    const char *text;
    assert_int_equal(budget_solve_for(&s, BUDGET_REPLY, BUDGET_GAIN, 30.0, &value, &text), ST_OK);
    assert_non_null(strstr(text, "both antennas"));
    s.carrier.gain_dbi = s.receiver.gain_dbi = value;
    NEAR(budget_margin_db(&s, BUDGET_REPLY, 30.0), 0.0, 1e-6);
    s = preset("D1T1-B-type2a");
    assert_int_equal(budget_solve_for(&s, BUDGET_REPLY, BUDGET_GAIN, 30.0, &value, &text), ST_OK);
    s.receiver.gain_dbi = value;
    NEAR(budget_margin_db(&s, BUDGET_REPLY, 30.0), 0.0, 1e-6);
}

/* More carrier leaves more of it behind: beyond some distance no power closes the leg. */
static void budget_residual_carrier_rises_with_the_power(void **unused)
{
    (void)unused;
    struct budget_scenario s = preset("D1T1-A2-type1");
    double value;
    const char *text;
    assert_int_equal(budget_solve_for(&s, BUDGET_REPLY, BUDGET_POWER, 10.0, &value, &text), ST_OK);
    assert_int_equal(budget_solve_for(&s, BUDGET_REPLY, BUDGET_POWER, 300.0, &value, &text),
                     ST_RANGE);
    s = preset("A3.1-1/case2"); /* the device stands at its edge, whatever the power */
    assert_int_equal(budget_solve_for(&s, BUDGET_REPLY, BUDGET_POWER, 10.0, &value, &text),
                     ST_RANGE);
}

/* Usable is the smaller of forward and backward; gain at the reader helps a round trip twice. */
static void budget_place_of_the_carrier_matters(void **unused)
{
    (void)unused;
    struct budget_scenario s = preset("D1T1-B-type1");
    s.place = BUDGET_PLACE_READER;
    s.weakest = BUDGET_WEAKEST_GIVEN;
    s.receiver.sensitivity_dbm = -80.0;
    double reach_m = solve(&s, BUDGET_REPLY).reach_m;
    s.carrier.gain_dbi += 2.0;
    s.receiver.gain_dbi += 2.0;
    NEAR(solve(&s, BUDGET_REPLY).reach_m / reach_m, pow(10.0, 2.0 / 21.9), 1e-6);
}

static void refused(const struct budget_scenario *s, const char *detail)
{
    assert_int_equal(budget_check(s), ST_RANGE);
    if (!strstr(status_detail(), detail)) {
        fail_msg("'%s' is not in '%s'", detail, status_detail());
    }
}

static void budget_impossible_scenarios_name_the_field(void **unused)
{
    (void)unused;
    const struct budget_scenario good = preset("D1T1-A1-type1");
    struct budget_scenario s = good;
    s.device.height_m = 8.5;
    refused(&s, "linkbudget.device.height_m is 8.5 m");
    s = good;
    s.freq_hz = 0.4e9;
    refused(&s, "linkbudget.freq_hz is 0.4 GHz");
    s = good;
    s.carrier_distance_m = 0.5;
    refused(&s, "linkbudget.carrier.distance_m is 0.5 m");
    s.carrier_distance_m = NAN;
    refused(&s, "linkbudget.carrier.distance_m is not set");
    s = good;
    s.receiver.sensitivity_dbm = NAN;
    refused(&s, "linkbudget.receiver.sensitivity_dbm is not set");
    s = good;
    s.weakest = BUDGET_WEAKEST_RESIDUAL;
    s.receiver.cancellation_db = NAN;
    refused(&s, "linkbudget.receiver.cancellation_db is not set");
    s = preset("gen2");
    s.freq_hz = 2e12;
    s.air.vapour_g_m3 = 7.5;
    refused(&s, "up to 1000 GHz");
}

/* SNR of the THz liaison's links, recomputed by the fact sheet: 7.0 dB at 10 m, 18.72 dB at 2 m. */
static void budget_one_way_links_have_the_printed_snr(void **unused)
{
    (void)unused;
    struct budget_scenario trd = preset("TRD-table-13.1"), terapan = preset("TERAPAN");
    NEAR(budget_margin_db(&trd, BUDGET_COMMAND, 10.0), 7.0, 0.01);
    NEAR(budget_margin_db(&terapan, BUDGET_COMMAND, 2.0), 18.72, 0.01);
    assert_false(budget_has_leg(&trd, BUDGET_REPLY));
    assert_false(budget_has_leg(&trd, BUDGET_HARVEST));
}

static void budget_unknown_preset_names_the_nearest(void **unused)
{
    (void)unused;
    struct budget_preset p;
    assert_int_equal(budget_preset_find("D1T1-A2-type3", &p), ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "'D1T1-A2-type1'"));
    assert_int_equal(budget_preset_find("", &p), ST_NOT_FOUND);
}

/* Device types by their definition: 2a reflects 10 dB more than 1, 2b needs no carrier. */
static void budget_device_types_differ(void **unused)
{
    (void)unused;
    struct budget_scenario one = preset("D1T1-A1-type1"), two = preset("D1T1-A1-type2a");
    struct budget_scenario own = preset("D1T1-C-type2b");
    NEAR(solve(&two, BUDGET_REPLY).eirp_dbm - solve(&one, BUDGET_REPLY).eirp_dbm, 10.0, 1e-9);
    NEAR(solve(&own, BUDGET_REPLY).eirp_dbm, -10.0 - 0.9 - 1.0, 1e-9);
    assert_true(isnan(solve(&own, BUDGET_REPLY).incident_dbm));
    assert_false(budget_has_leg(&own, BUDGET_HARVEST));
    assert_true(budget_has_leg(&one, BUDGET_HARVEST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_waterfall_adds_up),
        cmocka_unit_test(budget_follows_the_printed_arithmetic),
        cmocka_unit_test(budget_agrees_with_the_equations_in_watts),
        cmocka_unit_test(budget_margin_is_nothing_at_the_reach),
        cmocka_unit_test(budget_solved_values_close_the_leg),
        cmocka_unit_test(budget_solves_for_gain),
        cmocka_unit_test(budget_residual_carrier_rises_with_the_power),
        cmocka_unit_test(budget_place_of_the_carrier_matters),
        cmocka_unit_test(budget_impossible_scenarios_name_the_field),
        cmocka_unit_test(budget_one_way_links_have_the_printed_snr),
        cmocka_unit_test(budget_unknown_preset_names_the_nearest),
        cmocka_unit_test(budget_device_types_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
