/* test_budget_cases.c - the tables of published cases: what they say of the sources, whether a
 * wrong figure would be noticed, and, where ../shared is there, whether they are the fact file's.
 * */
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/budget.h"
#include "protocol/budget_cases.h"

#define NEAR(value, expected, tolerance) assert_true(fabs((value) - (expected)) <= (tolerance))

enum { FIRST_AIOT_PRESET = 8 };

static void each_case(void (*visit)(const struct budget_case *row, void *context), void *context)
{
    for (size_t s = 0; s < BUDGET_SOURCES; s++) {
        for (size_t k = 0; k < *budget_sources[s].n_cases; k++) {
            visit(&budget_sources[s].cases[k], context);
        }
    }
}

static void check_known(const struct budget_case *row, void *context)
{
    (void)context;
    if (!budget_case_as_known(row, budget_case_recompute(row))) {
        fail_msg("%s %s: printed %g, recomputed %g", row->id, budget_case_kind(row)->quantity,
                 row->printed, budget_case_recompute(row));
    }
    assert_true(row->flag == BUDGET_FLAG_OK || row->note);
}

static void budget_cases_are_as_known(void **unused)
{
    (void)unused;
    each_case(check_known, NULL);
}

/* A figure a few tolerances off is told; so is a flag that holds no longer. */
static void check_noticed(const struct budget_case *row, void *context)
{
    size_t *n = context;
    struct budget_case changed = *row;
    double recomputed = budget_case_recompute(row);
    if (row->flag != BUDGET_FLAG_OK) {
        changed.printed = recomputed;
        assert_false(budget_case_as_known(&changed, recomputed));
        return;
    }
    double tolerance = row->tolerance > 0.0 ? row->tolerance : budget_case_kind(row)->tolerance;
    double digit = pow(10.0, floor(log10(fabs(recomputed))));
    const double off[] = {
        [BUDGET_TOLERANCE_UNIT] = 1.5 * tolerance,
        [BUDGET_TOLERANCE_RATIO] = 1.5 * tolerance * recomputed,
        [BUDGET_TOLERANCE_DIGIT] = recomputed / digit > 8.0 ? -1.5 * digit : 1.5 * digit,
    };
    changed.printed = recomputed + off[budget_case_kind(row)->tolerance_of];
    assert_false(budget_case_as_known(&changed, recomputed));
    (*n)++;
}

static void budget_cases_notice_a_wrong_figure(void **unused)
{
    (void)unused;
    size_t n = 0;
    each_case(check_noticed, &n);
    assert_true(n > 300);
}

/* 7 Friis cases within 0.1 %; 28 path losses within 0.02 dB with their distances within 1 %, 6
 * not. */
static void budget_cases_count_what_the_sources_got_wrong(void **unused)
{
    (void)unused;
    size_t n_good = 0, n_bad = 0, n_reach = 0, n_printed_reach = 0;
    assert_int_equal(budget_n_cases_friis, 14);
    for (size_t k = 0; k < budget_n_cases_friis; k++) {
        const struct budget_case *row = &budget_cases_friis[k];
        NEAR(budget_case_recompute(row) / row->printed, 1.0, 1e-3);
    }
    for (size_t k = 0; k < budget_n_cases_aiot; k++) {
        const struct budget_case *row = &budget_cases_aiot[k];
        double value = budget_case_recompute(row);
        bool ok = row->flag == BUDGET_FLAG_OK;
        if (row->kind == BUDGET_CASE_MPL) {
            n_good += ok && fabs(value - row->printed) <= 0.02;
            n_bad += !ok && fabs(value - row->printed) > 1.9;
        }
        n_reach += row->kind == BUDGET_CASE_REACH && ok && fabs(value / row->printed - 1.0) < 0.01;
        n_printed_reach += row->kind == BUDGET_CASE_MPL_REACH && row->id[0] == 'A' &&
                           fabs(value / row->printed - 1.0) < 0.002;
    }
    assert_int_equal(n_good, 28);
    assert_int_equal(n_bad, 6);
    assert_int_equal(n_reach, 28);
    assert_int_equal(n_printed_reach, 34);
}

/* ---------------------------------------------------------------------- the fact file */

static json_t *facts_load(void)
{
    json_t *facts = json_load_file(ZP_SHARED_DIR "/spec/linkbudget_cases.json", 0, NULL);
    if (!facts) {
        skip();
    }
    return facts;
}

static json_t *case_of(const json_t *facts, const char *id)
{
    static const char *const list[] = {"friis_cases", "aiot_cases", "thz_cases"};
    for (size_t l = 0; l < sizeof list / sizeof *list; l++) {
        size_t k;
        json_t *one;
        json_array_foreach(json_object_get(facts, list[l]), k, one)
        {
            if (!strcmp(json_string_value(json_object_get(one, "id")), id)) {
                return one;
            }
        }
    }
    return NULL;
}

/* Is the value among the members of an object? */
static bool has_value(json_t *object, double value)
{
    const char *key;
    json_t *member;
    json_object_foreach(object, key, member)
    {
        if (json_is_number(member) &&
            fabs(json_number_value(member) - value) <= 1e-9 * fabs(value)) {
            return true;
        }
    }
    return false;
}

static void check_in_facts(const struct budget_case *row, void *context)
{
    json_t *one = case_of(context, row->id);
    if (!strncmp(row->id, "Table ", 6) || !strcmp(row->id, "Kiosk-file-size")) {
        return; /* the summary's, below; the sheet's text */
    }
    assert_non_null(one);
    if (!has_value(json_object_get(one, "printed"), row->printed) &&
        !has_value(json_object_get(one, "inputs"), row->printed)) {
        fail_msg("%s %s: %g is not printed there", row->id, budget_case_kind(row)->quantity,
                 row->printed);
    }
    const char *status = json_string_value(json_object_get(one, "status"));
    if (status && !strcmp(status, "ok")) {
        assert_int_equal(row->flag, BUDGET_FLAG_OK);
    }
}

static void budget_cases_are_those_of_the_fact_file(void **unused)
{
    (void)unused;
    json_t *facts = facts_load();
    each_case(check_in_facts, facts);
    json_decref(facts);
}

static size_t n_rows_of(const char *id)
{
    size_t n = 0;
    for (size_t s = 0; s < BUDGET_SOURCES; s++) {
        for (size_t k = 0; k < *budget_sources[s].n_cases; k++) {
            n += !strcmp(budget_sources[s].cases[k].id, id);
        }
    }
    return n;
}

static void budget_cases_leave_out_nothing_printed(void **unused)
{
    (void)unused;
    static const char *const list[] = {"friis_cases", "aiot_cases", "thz_cases"};
    json_t *facts = facts_load();
    for (size_t l = 0; l < sizeof list / sizeof *list; l++) {
        size_t k;
        json_t *one;
        json_array_foreach(json_object_get(facts, list[l]), k, one)
        {
            const char *id = json_string_value(json_object_get(one, "id"));
            if (n_rows_of(id) < json_object_size(json_object_get(one, "printed"))) {
                fail_msg("%s: %zu figures, %zu rows", id,
                         json_object_size(json_object_get(one, "printed")), n_rows_of(id));
            }
        }
    }
    size_t k;
    json_t *one;
    json_array_foreach(json_object_get(facts, "aiot_summary_tables"), k, one)
    {
        char id[64];
        snprintf(id, sizeof id, "Table %d/%s-%s-type%s",
                 (int)json_integer_value(json_object_get(one, "table")),
                 json_string_value(json_object_get(one, "scenario")),
                 json_string_value(json_object_get(one, "case")),
                 json_string_value(json_object_get(one, "device_type")));
        assert_true(n_rows_of(id) >= 2);
    }
    json_decref(facts);
}

static double input(const json_t *one, const char *key, double otherwise)
{
    const json_t *value = json_object_get(json_object_get(one, "inputs"), key);
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static void compare_into_device(const json_t *one, const struct budget_scenario *s,
                                const struct budget_sender *sender)
{
    NEAR(sender->power_dbm, input(one, "tx_power_dbm", NAN), 1e-9);
    NEAR(sender->gain_dbi, input(one, "tx_gain_dbi", NAN), 1e-9);
    NEAR(sender->elements, input(one, "tx_elements", NAN), 1e-9);
    NEAR(sender->cable_loss_db, input(one, "tx_cable_loss_db", NAN), 1e-9);
    NEAR(s->device.gain_dbi, input(one, "rx_gain_dbi", NAN), 1e-9);
    NEAR(s->device.cable_loss_db, input(one, "rx_cable_loss_db", NAN), 1e-9);
    NEAR(s->device.object_loss_db, input(one, "rx_on_object_penalty_db", NAN), 1e-9);
}

static void compare_reply(const json_t *one, const struct budget_scenario *s)
{
    NEAR(s->device.gain_dbi, input(one, "tx_gain_dbi", NAN), 1e-9);
    NEAR(s->device.cable_loss_db, input(one, "tx_cable_loss_db", NAN), 1e-9);
    NEAR(s->device.object_loss_db, input(one, "tx_on_object_penalty_db", NAN), 1e-9);
    NEAR(s->device.backscatter_loss_db, input(one, "backscatter_loss_db", 0.0), 1e-9);
    NEAR(s->device.amplifier_db, input(one, "reflection_amp_gain_db", 0.0), 1e-9);
    NEAR(s->receiver.gain_dbi, input(one, "rx_gain_dbi", NAN), 1e-9);
    NEAR(s->receiver.cable_loss_db, input(one, "rx_cable_loss_db", NAN), 1e-9);
    NEAR(s->receiver.noise_figure_db, input(one, "rx_noise_figure_db", NAN), 1e-9);
    NEAR(s->receiver.bandwidth_hz, input(one, "bandwidth_hz", NAN), 1e-9);
    NEAR(s->receiver.thermal_dbm_hz, input(one, "thermal_noise_dbm_hz", NAN), 1e-9);
    NEAR(s->receiver.cancellation_db, input(one, "cw_cancellation_db", s->receiver.cancellation_db),
         1e-9);
    NEAR(s->carrier_distance_m, input(one, "cw2d_distance_m", s->carrier_distance_m), 1e-9);
    NEAR(s->carrier.power_dbm, input(one, "cw_tx_power_dbm", s->carrier.power_dbm), 1e-9);
    NEAR(s->carrier.gain_dbi, input(one, "cw_tx_gain_dbi", s->carrier.gain_dbi), 1e-9);
    struct budget_result r;
    budget_solve(s, BUDGET_REPLY, &r);
    NEAR(r.sensitivity_dbm, input(one, "rx_sensitivity_dbm", NAN), 0.01);
    assert_true((s->weakest == BUDGET_WEAKEST_RESIDUAL) ==
                !isnan(input(one, "residual_cw_tx_dbm", NAN)));
}

/* Every input of the 34 columns is the preset's, but for A.11, which prints those of another type.
 * */
static void budget_presets_have_the_printed_inputs(void **unused)
{
    (void)unused;
    json_t *facts = facts_load(), *one;
    size_t k;
    json_array_foreach(json_object_get(facts, "aiot_cases"), k, one)
    {
        struct budget_preset p;
        const char *table = json_string_value(json_object_get(one, "table"));
        const char *link = json_string_value(json_object_get(one, "link"));
        budget_preset((size_t)(FIRST_AIOT_PRESET + strtol(table + 2, NULL, 10) - 1), &p);
        const struct budget_scenario *s = &p.scenario;
        NEAR(s->freq_hz, 1e9 * input(one, "carrier_ghz", NAN), 1.0);
        NEAR(s->shadow_margin_db, input(one, "shadow_margin_db", NAN), 1e-9);
        NEAR(s->polarisation_loss_db, input(one, "polarisation_loss_db", NAN), 1e-9);
        if (!strcmp(link, "D2R")) {
            compare_reply(one, s);
        } else {
            bool harvests = !strcmp(link, "RF-EH");
            compare_into_device(one, s, harvests ? &s->carrier : &s->reader);
            double printed_dbm = input(one, "rx_sensitivity_dbm", NAN);
            double own_dbm = harvests ? s->device.harvest_dbm : s->device.command_dbm;
            NEAR(own_dbm, !strcmp(table, "A.11") ? -45.0 : printed_dbm, 1e-9);
        }
    }
    json_decref(facts);
}

/* What the fact file's own script recomputed from the same inputs. */
static void check_recomputed(const struct budget_case *row, void *context)
{
    json_t *one = case_of(context, row->id);
    json_t *own = json_object_get(one, "recomputed");
    double value = budget_case_recompute(row);
    const char *key = row->kind == BUDGET_CASE_MPL         ? "mpl_db"
                      : row->kind == BUDGET_CASE_EIRP      ? "eirp_dbm"
                      : row->kind == BUDGET_CASE_MPL_REACH ? "distance_from_printed_mpl_m"
                      : row->kind == BUDGET_CASE_REACH     ? "distance_from_inputs_m"
                      : row->kind == BUDGET_CASE_FORWARD   ? "forward_distance_m"
                      : row->kind == BUDGET_CASE_BACKWARD  ? "backward_distance_m"
                      : row->kind == BUDGET_CASE_RECEIVER  ? "distance_m"
                                                           : NULL;
    if (key && json_object_get(own, key)) {
        double expected = json_number_value(json_object_get(own, key));
        bool is_db = row->kind == BUDGET_CASE_MPL || row->kind == BUDGET_CASE_EIRP;
        NEAR(value, expected, is_db ? 0.015 : 1.5e-3 * expected);
    }
}

static void budget_cases_recompute_as_the_fact_file_does(void **unused)
{
    (void)unused;
    json_t *facts = facts_load();
    each_case(check_recomputed, facts);
    json_decref(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget_cases_are_as_known),
        cmocka_unit_test(budget_cases_notice_a_wrong_figure),
        cmocka_unit_test(budget_cases_count_what_the_sources_got_wrong),
        cmocka_unit_test(budget_cases_are_those_of_the_fact_file),
        cmocka_unit_test(budget_cases_leave_out_nothing_printed),
        cmocka_unit_test(budget_presets_have_the_printed_inputs),
        cmocka_unit_test(budget_cases_recompute_as_the_fact_file_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
