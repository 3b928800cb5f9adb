/* test_policy.c - what each policy reads a second, slot by slot, against the genie that knows how many are left;
 * and what it does when the field is not what it expects. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/inventory.h"
#include "protocol/slot_field.h"
#include "tests/profiles.h"

enum { SEEDS = 200 };

static struct inventory_cfg cfg_of(const struct profile *profile, const char *policy,
                                   const char *estimator, struct link *link)
{
    const struct option_table *tables[] = {&inventory_options};
    struct option_set *set = NULL;
    struct inventory_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    if (policy) {
        assert_int_equal(option_set_text(set, "inventory.policy", policy, "test"), ST_OK);
        assert_int_equal(option_set_text(set, "inventory.estimator", estimator, "test"), ST_OK);
    }
    option_fill(set, &inventory_options, &cfg);
    option_set_free(&set);
    cfg.target = 0;
    assert_int_equal(link_make(&profile->link, link), ST_OK);
    cfg.times = profile_times(profile, link);
    return cfg;
}

static void policy_knows_the_slots_durations(void **state)
{
    (void)state;
    for (size_t p = 0; p < 3; p++) {
        struct link link;
        struct inventory_cfg cfg = cfg_of(&profiles[p], NULL, NULL, &link);
        const double got_us[3] = {cfg.times.idle_us, cfg.times.collided_us, cfg.times.single_us};
        for (int k = 0; k < 3; k++) { /* the sheet's ACK has six ones, half of 16 bits are here */
            assert_true(fabs(got_us[k] / profiles[p].times_us[k] - 1.0) < 0.02);
        }
    }
}

/* Mean time over the genie's, turned round; n 0: 50 .. 20,000, log-uniform. */
static double to_genie(const struct profile *profile, const char *policy, const char *estimator,
                       uint32_t n, unsigned n_seeds)
{
    static const struct slot_errors none = {0};
    struct link link;
    struct inventory_cfg cfg = cfg_of(profile, policy, estimator, &link);
    double sum = 0.0;
    for (unsigned k = 0; k < n_seeds; k++) {
        uint32_t here = n ? n : slot_field_log_uniform(50, 20000, k, n_seeds);
        struct slot_run run = slot_field_run(&cfg, &link, &cfg.times, here, &none, 7 + k);
        assert_true(run.is_complete);
        sum += run.first_us / slot_field_genie_us(&cfg.times, here);
    }
    return n_seeds / sum;
}

static void policy_default_is_near_the_genie(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        unsigned n_seeds; /* many tags scatter less */
        double least;
    } rows[] = {{10, SEEDS, 0.90}, {100, SEEDS, 0.97}, {1000, 10, 0.97}, {0, 20, 0.97}};
    for (size_t p = 0; p < 3; p++) {
        for (size_t k = 0; k < 4; k++) {
            double got = to_genie(&profiles[p], NULL, NULL, rows[k].n, rows[k].n_seeds);
            print_message("%s, n = %u: %.4f of the genie\n", profiles[p].name, rows[k].n, got);
            assert_true(got >= rows[k].least);
            assert_true(got < 1.02);
        }
    }
}

static void policy_default_is_the_best(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {"frames", "bayes"}, {"frames", "chen"}, {"q", "bayes"}};
    for (size_t p = 0; p < 3; p++) {
        for (uint32_t n = 10; n <= 100; n *= 10) {
            double best = to_genie(&profiles[p], NULL, NULL, n, SEEDS / 4);
            for (size_t k = 0; k < 3; k++) {
                double other = to_genie(&profiles[p], others[k][0], others[k][1], n, SEEDS / 4);
                print_message("%s, n = %u: slots %.3f, %s %s %.3f\n", profiles[p].name, n, best,
                              others[k][0], others[k][1], other);
                assert_true(other > 0.6);
                assert_true(best > other - 0.015); /* two sigmas of these seeds */
            }
        }
    }
}

/* A pass that ends while somebody is left costs him a whole pass of the other flag; captures leave many who
 * answered unread. */
static void policy_ends_no_pass_while_somebody_is_left(void **state)
{
    (void)state;
    static const double captured[] = {0.0, 0.15, 0.3, 0.5, 0.7};
    struct link link;
    struct inventory_cfg cfg = cfg_of(&profiles[1], NULL, NULL, &link);
    cfg.target = 2;
    for (size_t c = 0; c < sizeof captured / sizeof *captured; c++) {
        struct slot_errors errors = {.captured = captured[c]};
        for (unsigned k = 0; k < SEEDS; k++) {
            static struct slot_field field;
            slot_field_init(&field, &cfg, &link, &cfg.times, 1 + k);
            slot_field_set_errors(&field, &errors);
            slot_field_open(&field, 100);
            while (field.n_unread > 0) {
                slot_field_step(&field);
                assert_int_equal(field.inventory.target, 0);
            }
        }
    }
}

/* Only who goes by it pays for the backlog's exponentials: nothing is written there for the others. */
static void policy_keeps_the_backlog_for_who_uses_it(void **state)
{
    (void)state;
    static const struct {
        struct policy_cfg cfg;
        bool has_backlog;
    } rows[] = {
        {{.kind = POLICY_SLOTS, .q_start = 4, .q_max = 15, .q_step = 0.3}, true},
        {{.kind = POLICY_FRAMES, .q_start = 4, .q_max = 15, .q_step = 0.3}, true},
        {{POLICY_FRAMES, POLICY_CHEN, 4, 0, 15, 0.3}, false},
        {{.kind = POLICY_Q, .q_start = 4, .q_max = 15, .q_step = 0.3}, false},
        {{.kind = POLICY_FIXED, .q_start = 4, .q_max = 15, .q_step = 0.3}, false},
    };
    static const struct backlog untouched;
    static struct policy policy;
    struct link link;
    const struct slot_times times = cfg_of(&profiles[0], NULL, NULL, &link).times;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        policy_init(&policy, &rows[k].cfg, &times);
        policy_expect(&policy, 20.0);
        policy_open_frame(&policy, 4);
        for (int slot = 0; slot < 15; slot++) {
            policy_take(&policy, slot % 2 ? SLOT_SINGLE : SLOT_COLLISION, false);
        }
        assert_true(policy_unread(&policy) > 0.0);
        bool is_kept = memcmp(&policy.backlog, &untouched, sizeof untouched) != 0;
        assert_int_equal(is_kept, rows[k].has_backlog);
    }
}

/* Whatever the receiver misses, every tag is read, and a fixed frame that fits somehow works too. */
static void policy_reads_all_with_a_faulty_receiver(void **state)
{
    (void)state;
    static const char *const policies[][2] = {{"slots", "bayes"},
                                              {"frames", "bayes"},
                                              {"frames", "chen"},
                                              {"q", "bayes"},
                                              {"fixed", "bayes"}};
    static const struct slot_errors errors = {
        .missed = 0.1, .rn16_wrong = 0.1, .epc_wrong = 0.1, .captured = 0.3};
    static const uint32_t n_tags[] = {0, 1, 2, 30, 200};
    for (size_t p = 0; p < 5; p++) {
        for (size_t k = 1; k < 5; k++) {
            struct link link;
            struct inventory_cfg cfg = cfg_of(&profiles[1], policies[p][0], policies[p][1], &link);
            for (unsigned seed = 0; seed < 20; seed++) {
                struct slot_run run =
                    slot_field_run(&cfg, &link, &cfg.times, n_tags[k], &errors, seed);
                assert_true(run.is_complete);
            }
        }
    }
}

/* A hundred were read last time, and two are there; or the other way round. */
static void policy_outlives_a_wrong_expectation(void **state)
{
    (void)state;
    struct link link;
    struct inventory_cfg cfg = cfg_of(&profiles[0], NULL, NULL, &link);
    const struct policy_cfg slots = {
        .kind = POLICY_SLOTS, .q_start = 5, .q_max = 15, .q_step = 0.3};
    struct policy policy;
    policy_init(&policy, &slots, &cfg.times);
    policy_expect(&policy, 1000.0);
    assert_in_range(policy_start_q(&policy), 9, 11);
    policy_open_frame(&policy, policy_start_q(&policy));
    struct policy_move move = {0};
    int n = 0;
    for (bool is_over = false; n < 200 && !is_over; n++) {
        move = policy_take(&policy, SLOT_EMPTY, false);
        is_over = policy_is_over(&policy);
        if (!is_over && move.opening != POLICY_REP) {
            policy_open_frame(&policy, move.q);
        }
    }
    assert_in_range(n, 5, 100);
    policy_expect(&policy, 2.0);
    policy_open_frame(&policy, policy_start_q(&policy));
    for (n = 0; n < 40 && move.q < 9; n++) {
        move = policy_take(&policy, SLOT_COLLISION, false);
        if (move.opening != POLICY_REP) {
            policy_open_frame(&policy, move.q);
        }
    }
    assert_in_range(n, 2, 39);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policy_knows_the_slots_durations),
        cmocka_unit_test(policy_default_is_near_the_genie),
        cmocka_unit_test(policy_default_is_the_best),
        cmocka_unit_test(policy_ends_no_pass_while_somebody_is_left),
        cmocka_unit_test(policy_keeps_the_backlog_for_who_uses_it),
        cmocka_unit_test(policy_reads_all_with_a_faulty_receiver),
        cmocka_unit_test(policy_outlives_a_wrong_expectation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
