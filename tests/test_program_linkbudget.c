/* test_program_linkbudget.c - zpreader linkbudget as its user has it: words, JSON, CSV, scenario
 * files, what it refuses and how. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

static struct program program;

static void run(const char *arguments)
{
    program_run(&program, "linkbudget %s", arguments);
    program_succeeded(&program);
}

/* The n-th line of stdout as an object.  own: the caller */
static json_t *object_of(size_t n)
{
    json_t *lines = program_events(&program);
    json_t *object = json_incref(json_array_get(lines, n));
    assert_non_null(object);
    json_decref(lines);
    return object;
}

static void program_linkbudget_check_ends_well(void **unused)
{
    (void)unused;
    run("--check");
    assert_non_null(strstr(program.out, "373 figures: 330 agree, 41 errors of the sources and 2 "
                                        "suspect figures are as known, 0 are not as known"));
    assert_non_null(strstr(program.out, "source error: printed MPL is 2.00 dB larger"));
    program_free(&program);
    run("--check --json");
    json_t *lines = program_events(&program), *line;
    size_t k, n_flagged = 0;
    json_array_foreach(lines, k, line)
    {
        const char *flag = program_text(line, "flag");
        double difference = program_number(line, "recomputed") - program_number(line, "printed");
        NEAR(program_number(line, "difference"), difference, 2e-6);
        assert_string_not_equal(flag, "DIFFERS");
        n_flagged += strcmp(flag, "ok") != 0;
    }
    assert_int_equal(json_array_size(lines), 373);
    assert_int_equal(n_flagged, 43);
    json_decref(lines);
    program_free(&program);
    run("--check --csv");
    assert_non_null(strstr(program.out, "\nA.7/D2R,mpl,102.1,"));
    program_free(&program);
}

static void program_linkbudget_tells_legs_in_words(void **unused)
{
    (void)unused;
    run("D1T1-A2-type1");
    assert_non_null(strstr(program.out, "energy harvesting (RF-EH)"));
    assert_non_null(strstr(program.out, "    25.01 dBm  EIRP\n"));
    assert_non_null(strstr(program.out, "  =    62.11 dB   largest path loss\n"));
    assert_non_null(strstr(program.out, "reach        21.99 m, on the floor 21.01 m\n"));
    assert_non_null(strstr(program.out, "nothing on the floor is reached"));
    program_free(&program);
    run("D1T1-C-type2b --leg d2r");
    assert_null(strstr(program.out, "R2D"));
    assert_non_null(strstr(program.out, "(beyond the range of the path model)"));
    program_free(&program);
    /* strict TR 38.901: 2.96 m where the source prints 3.91 */
    run("D2T2-A-type1 --linkbudget.model inf_dl --leg rf-eh");
    assert_non_null(strstr(program.out, "reach        2.96 m"));
    program_free(&program);
}

static void program_linkbudget_tells_legs_as_json(void **unused)
{
    (void)unused;
    run("D1T1-B-type2a --json --distance 20");
    json_t *d2r = object_of(2);
    assert_string_equal(json_string_value(json_object_get(d2r, "leg")), "d2r");
    NEAR(program_number(d2r, "max_path_loss_db"), 75.6, 0.02);
    NEAR(program_number(d2r, "reach_m"), 90.83, 0.3);
    NEAR(program_number(d2r, "path_loss_db"), 32.715 + 21.9 * log10(20.0), 2e-3);
    NEAR(program_number(d2r, "margin_db"),
         program_number(d2r, "max_path_loss_db") - program_number(d2r, "path_loss_db"), 2e-3);
    json_decref(d2r);
    program_free(&program);
}

/* The power it takes, given back, leaves no margin. */
static void program_linkbudget_solves_for_power(void **unused)
{
    (void)unused;
    run("--json --distance 12 --solve power --leg r2d");
    json_t *r2d = object_of(0);
    double power_dbm = program_number(r2d, "power_dbm");
    json_decref(r2d);
    program_free(&program);
    program_run(&program,
                "linkbudget --json --distance 12 --leg r2d --linkbudget.reader.power_dbm %.3f",
                power_dbm);
    r2d = object_of(0);
    NEAR(program_number(r2d, "margin_db"), 0.0, 2e-3);
    json_decref(r2d);
    program_free(&program);
}

static void program_linkbudget_reads_a_scenario_file(void **unused)
{
    (void)unused;
    static const char yaml[] = "linkbudget:\n"
                               "  preset: D1T1-A1-type2a\n"
                               "  leg: d2r\n"
                               "  carrier: {distance_m: 10}\n"
                               "  receiver:\n"
                               "    from: receiver\n"
                               "  reply: epc\n";
    char path[512];
    snprintf(path, sizeof path, "%s/scenario.yaml", program_directory);
    program_write_file(path, yaml, sizeof yaml - 1);
    program_run(&program, "linkbudget --config %s --json", path);
    program_succeeded(&program);
    json_t *d2r = object_of(0);
    NEAR(program_number(d2r, "incident_dbm"), -38.5, 0.02); /* as table A.6 has it */
    NEAR(program_number(d2r, "ebn0_db"), 6.5, 0.05);
    NEAR(program_number(d2r, "sensitivity_dbm"),
         program_number(d2r, "floor_dbm_hz") + 46.02 + program_number(d2r, "ebn0_db"), 0.01);
    json_decref(d2r);
    program_free(&program);
}

static void program_linkbudget_knows_the_regions_limits(void **unused)
{
    (void)unused;
    run("--json --region etsi --linkbudget.freq_hz 866.9M --leg r2d");
    json_t *r2d = object_of(0);
    NEAR(program_number(r2d, "over_limit_db"), 36.0 - 35.15, 1e-3); /* 2 W e.r.p. */
    json_decref(r2d);
    program_free(&program);
}

static void program_linkbudget_spares_passive_services(void **unused)
{
    (void)unused;
    /* RA.769 extrapolated: -186 dB(mW/m2/Hz) over 8 GHz at 275 GHz are -157.2 dBm */
    run("--json --linkbudget.freq_hz 275G --linkbudget.victim.flux_db_mw_m2_hz -186 "
        "--linkbudget.victim.bandwidth_hz 8G --linkbudget.victim.distance_m 1e5 --leg r2d");
    json_t *victim = object_of(1);
    NEAR(program_number(victim, "limit_dbm"), -157.2, 0.05);
    NEAR(program_number(victim, "eirp_limit_dbm"),
         program_number(victim, "limit_dbm") + program_number(victim, "path_loss_db"), 2e-3);
    json_decref(victim);
    program_free(&program);
}

static void program_linkbudget_lists_presets(void **unused)
{
    (void)unused;
    run("--list");
    assert_non_null(strstr(program.out, "A3.1-1/case2 "));
    assert_non_null(strstr(program.out, "D1T1-A2-type1 "));
    program_free(&program);
}

static void program_linkbudget_refuses_and_says_why(void **unused)
{
    (void)unused;
    static const char *const row[][2] = {
        {"D1T1-A2-type3", "linkbudget.preset: there is no 'D1T1-A2-type3', the nearest is"},
        {"gen2 more", "'more' is too many"},
        {"--linkbudget.receiver.bandwidth_hz -5", "bandwidth_hz': '-5' is out of range"},
        {"D2T2-A-type1 --distance 0.3", "linkbudget.distance_m is 0.3 m"},
        {"D1T1-A1-type1 --distance 5", "linkbudget.distance_m is 5 m, accepted from 6.5 m"},
        {"D1T1-A1-type1 --linkbudget.device.height_m 9", "linkbudget.device.height_m is 9 m"},
        {"--solve power", "linkbudget.distance_m is not set"},
        {"D1T1-C-type2b --leg rf-eh", "does not harvest"},
        {"--linkbudget.model inf_dh --linkbudget.freq_hz 100M", "linkbudget.freq_hz is 0.1 GHz"},
        {"--region fcc --linkbudget.freq_hz 868M", "accepted in region 'fcc'"},
        {"--linkbudget.victim.limit_dbm -150", "linkbudget.victim.distance_m is not set"},
        {"--linkbudget.victim.flux_db_mw_m2_hz -180", "linkbudget.victim.bandwidth_hz"},
        {"--linkbudget.carrier.place fixed", "linkbudget.carrier.distance_m is not set"},
        {"--tags 5", "means nothing to 'zpreader linkbudget'"},
        {"D1T1-A2-type1 --distance 300 --solve power --leg d2r", "no carrier power closes the leg"},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        program_run(&program, "linkbudget %s", row[k][0]);
        if (program.exit_status != 2 || !strstr(program.err, row[k][1])) {
            fail_msg("%s: exit %d, %s", row[k][0], program.exit_status, program.err);
        }
        assert_string_equal(program.out, "");
        program_free(&program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_linkbudget_check_ends_well, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_tells_legs_in_words, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_tells_legs_as_json, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_solves_for_power, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_reads_a_scenario_file, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_knows_the_regions_limits, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_spares_passive_services, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_lists_presets, program_kill_all),
        cmocka_unit_test_teardown(program_linkbudget_refuses_and_says_why, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
