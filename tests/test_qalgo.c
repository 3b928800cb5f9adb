/* test_qalgo.c - Annex D steps, limits, and the loads of the fact sheet's tables 10.1 and 10.4. */
#include "golden.h"

#include <math.h>

#include "protocol/qalgo.h"

static void qalgo_steps_as_annex_d(void **state)
{
    (void)state;
    struct qalgo qalgo;
    qalgo_init(&qalgo, 4, 0, 15, 0.3, NAN);
    assert_int_equal(qalgo_step(&qalgo, SLOT_COLLISION), 4); /* 4.3 */
    assert_int_equal(qalgo_step(&qalgo, SLOT_COLLISION), 5); /* 4.6 */
    assert_int_equal(qalgo_step(&qalgo, SLOT_SINGLE), 5);
    assert_int_equal(qalgo_step(&qalgo, SLOT_RN16_ONLY), 5);
    assert_int_equal(qalgo_step(&qalgo, SLOT_CRC_ERROR), 5);
    assert_int_equal(qalgo_step(&qalgo, SLOT_EMPTY), 4); /* 4.3 */
    assert_int_equal(qalgo_step(&qalgo, SLOT_EMPTY), 4); /* 4.0 */
    assert_int_equal(qalgo_step(&qalgo, SLOT_EMPTY), 4); /* 3.7 */
    assert_int_equal(qalgo_step(&qalgo, SLOT_EMPTY), 3); /* 3.4 */
}

static void qalgo_stays_in_its_limits(void **state)
{
    (void)state;
    struct qalgo qalgo;
    qalgo_init(&qalgo, 3, 2, 5, 1.0, 1.0);
    for (int i = 0; i < 10; i++) {
        qalgo_step(&qalgo, SLOT_COLLISION);
    }
    assert_int_equal(qalgo_step(&qalgo, SLOT_SINGLE), 5);
    assert_int_equal(qalgo_step(&qalgo, SLOT_EMPTY), 4); /* no wind-up beyond the limit */
    for (int i = 0; i < 10; i++) {
        qalgo_step(&qalgo, SLOT_EMPTY);
    }
    assert_int_equal(qalgo_step(&qalgo, SLOT_SINGLE), 2);
    qalgo_expect(&qalgo, 1000);
    assert_int_equal(qalgo_step(&qalgo, SLOT_SINGLE), 5);
}

static void qalgo_weights_match_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("frame_size");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        double a = golden_number(item, "a");
        if (a == 1.0) {
            continue; /* 1.0 asks for Annex D as printed */
        }
        struct qalgo qalgo;
        qalgo_init(&qalgo, 4, 0, 15, 0.3, a);
        double expected = golden_number(item, "Cc_over_Ci");
        /* the table prints three decimals */
        assert_true(fabs(qalgo.step_collision / qalgo.step_idle - expected) <= 6e-4);
        assert_true(fabs(qalgo.load_ratio - golden_number(item, "rho_opt")) <= 6e-5);
    }
    json_decref(list);
}

static void qalgo_symmetric_load_is_the_printed_one(void **state)
{
    (void)state;
    struct qalgo qalgo;
    qalgo_init(&qalgo, 4, 0, 15, 0.3, 1.0);
    assert_true(qalgo.step_idle == qalgo.step_collision);
    assert_true(fabs(qalgo.load_ratio - 1.1462) <= 6e-5); /* fact sheet 10.1 */
    qalgo.load_ratio = 1.0;
    assert_true(fabs(qalgo_tags_per_collision(&qalgo) - 2.392) <= 6e-4); /* Schoute, 10.2 */
}

static void qalgo_outcomes_have_the_contracts_names(void **state)
{
    (void)state;
    static const char *const names[] = {"empty", "single", "collision", "rn16_only", "crc_error"};
    for (int i = 0; i < SLOT_OUTCOME_N; i++) {
        assert_string_equal(slot_outcome_text[i], names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qalgo_steps_as_annex_d),
        cmocka_unit_test(qalgo_stays_in_its_limits),
        cmocka_unit_test(qalgo_weights_match_golden),
        cmocka_unit_test(qalgo_symmetric_load_is_the_printed_one),
        cmocka_unit_test(qalgo_outcomes_have_the_contracts_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
