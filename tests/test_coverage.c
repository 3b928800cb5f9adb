/* test_coverage.c - shares of a hall that legs cover against areas counted here, and identification against one
 * reader's own field. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/coverage.h"
#include "tests/defaults.h"

static struct hall_cfg still_hall(double spacing_m, double devices_per_100_m2)
{
    struct hall_cfg cfg;
    defaults_fill(&hall_options, &cfg);
    cfg.reader_spacing_m = spacing_m;
    cfg.devices_per_100_m2 = devices_per_100_m2;
    cfg.device_spacing_m = 0.0;
    cfg.sight = HALL_SIGHT_NONE;
    cfg.shadow = false;
    return cfg;
}

/* InF-DH without line of sight, typed from TR 38.901. */
static double loss_db(double d_m)
{
    return 33.63 + 21.9 * log10(d_m) + 20.0 * log10(0.9);
}

static struct coverage *made(const struct hall_cfg *cfg, const struct coverage_budget *budget)
{
    struct hall hall;
    struct coverage *coverage;
    assert_int_equal(hall_make(cfg, &hall), ST_OK);
    assert_int_equal(coverage_new(&hall, budget, 2.0, &coverage), ST_OK);
    return coverage;
}

/* Share of the floor within reach_m (3D) of one of the 18 readers, on a fine grid; `n_least` of them. */
static double area_within(double reach_m, int n_least)
{
    double r2_m2 = reach_m * reach_m - 6.5 * 6.5;
    int n_in = 0, n_all = 0;
    for (double x = 0.05; x < 120.0; x += 0.1) {
        for (double y = 0.05; y < 60.0; y += 0.1) {
            int n = 0;
            for (int k = 0; k < 18; k++) {
                double dx = x - (10.0 + 20.0 * (k % 6)), dy = y - (10.0 + 20.0 * (k / 6));
                n += dx * dx + dy * dy <= r2_m2;
            }
            n_in += n >= n_least;
            n_all++;
        }
    }
    return (double)n_in / n_all;
}

static void assert_share(double share, double want, double n)
{
    if (fabs(share - want) > 4.5 * sqrt(want * (1.0 - want) / n) + 1e-4) {
        fail_msg("%.5f of the devices, %.5f of the floor", share, want);
    }
}

static void coverage_is_the_floor_within_reach(void **state)
{
    (void)state;
    const struct hall_cfg cfg = still_hall(20.0, 150.0);
    const struct coverage_budget budget = {.carrier = COVERAGE_SAME,
                                           .harvest_loss_max_db = loss_db(9.0),
                                           .command_loss_max_db = loss_db(12.5),
                                           .reply_loss_max_db = 2.0 * loss_db(11.0),
                                           .decade_db = 1.0};
    struct coverage *coverage = made(&cfg, &budget);
    struct coverage_drop drop;
    uint64_t n_harvest = 0;
    for (uint64_t k = 0; k < 10; k++) {
        coverage_run(coverage, 1, k, NULL, &drop);
        n_harvest += drop.n_covered[COVERAGE_HARVEST];
        assert_true(drop.n_covered[COVERAGE_ALL] == drop.n_covered[COVERAGE_HARVEST]);
        assert_int_equal(drop.n_identified, 0);
    }
    const struct coverage_tally *tally = coverage_tally(coverage);
    double n = (double)tally->n_devices;
    assert_int_equal(tally->n_devices, 108000);
    assert_true(tally->n_covered[COVERAGE_HARVEST] == n_harvest);
    assert_share((double)tally->n_covered[COVERAGE_HARVEST] / n, area_within(9.0, 1), n);
    assert_share((double)tally->n_covered[COVERAGE_COMMAND] / n, area_within(12.5, 1), n);
    assert_share((double)tally->n_covered[COVERAGE_REPLY] / n, area_within(11.0, 1), n);
    uint64_t n_cells = 0, n_covered = 0, n_margin = 0;
    for (size_t k = 0; k < tally->n_x * tally->n_y; k++) {
        n_cells += tally->cell_devices[k];
        n_covered += tally->cell_covered[COVERAGE_REPLY][k];
    }
    for (size_t k = (size_t)-COVERAGE_MARGIN_LEAST_DB; k < COVERAGE_MARGIN_BINS; k++) {
        n_margin += tally->margin[COVERAGE_REPLY][k];
    }
    assert_true(n_cells == tally->n_devices);
    assert_true(n_covered == tally->n_covered[COVERAGE_REPLY]);
    assert_true(n_margin == n_covered); /* margin 0 and more */
    coverage_free(&coverage);
}

/* A device in reach of two readers has one to light it and one to listen; the one in reach of a single one has not. */
static void coverage_with_another_readers_carrier_takes_two(void **state)
{
    (void)state;
    const struct hall_cfg cfg = still_hall(20.0, 150.0);
    const struct coverage_budget budget = {.carrier = COVERAGE_OTHER,
                                           .harvest_loss_max_db = loss_db(14.0),
                                           .command_loss_max_db = loss_db(14.0),
                                           .reply_loss_max_db = 1000.0,
                                           .decade_db = 1.0};
    struct coverage *coverage = made(&cfg, &budget);
    struct coverage_drop drop;
    coverage_run(coverage, 2, 0, NULL, &drop);
    assert_share((double)drop.n_covered[COVERAGE_ALL] / 10800.0, area_within(14.0, 2), 10800.0);
    coverage_free(&coverage);
}

static void coverage_carriers_differ_in_the_reply_only(void **state)
{
    (void)state;
    const struct hall_cfg cfg = still_hall(20.0, 150.0);
    struct coverage_budget budget = {.carrier = COVERAGE_OUTSIDE,
                                     .carrier_loss_db = 55.0,
                                     .harvest_loss_max_db = 55.5,
                                     .command_loss_max_db = INFINITY,
                                     .reply_loss_max_db = 55.0 + loss_db(10.0),
                                     .decade_db = 1.0};
    struct coverage *coverage = made(&cfg, &budget);
    struct coverage_drop drop;
    coverage_run(coverage, 3, 0, NULL, &drop);
    assert_int_equal(drop.n_covered[COVERAGE_HARVEST], 10800);
    assert_share((double)drop.n_covered[COVERAGE_REPLY] / 10800.0, area_within(10.0, 1), 10800.0);
    coverage_free(&coverage);
    budget.carrier = COVERAGE_DEVICE;
    budget.harvest_loss_max_db = INFINITY;
    budget.reply_loss_max_db = loss_db(10.0);
    coverage = made(&cfg, &budget);
    struct coverage_drop own;
    coverage_run(coverage, 3, 0, NULL, &own);
    assert_true(own.n_covered[COVERAGE_REPLY] == drop.n_covered[COVERAGE_REPLY]);
    coverage_free(&coverage);
}

static const struct link_cfg link_b = {6.25, 1.5, 0.5, 640e3, 0, LINK_FM0, false};

struct engine {
    struct link link;
    struct inventory_cfg inventory;
    struct coverage_sharing sharing;
};

static void engine_make(struct engine *engine, double unit_s)
{
    memset(engine, 0, sizeof *engine);
    assert_int_equal(link_make(&link_b, &engine->link), ST_OK);
    engine->inventory = (struct inventory_cfg){.session = 2,
                                               .target = 0,
                                               .policy = POLICY_SLOTS,
                                               .q_start = 5,
                                               .q_max = 15,
                                               .q_step = 0.3,
                                               .times = slot_times_of(&engine->link, 20.0, 9.375)};
    engine->sharing = (struct coverage_sharing){.unit_s = unit_s,
                                                .time_max_s = 600.0,
                                                .inventory = &engine->inventory,
                                                .link = &engine->link};
}

static const struct coverage_budget everywhere = {.carrier = COVERAGE_SAME,
                                                  .harvest_loss_max_db = INFINITY,
                                                  .command_loss_max_db = INFINITY,
                                                  .reply_loss_max_db = INFINITY,
                                                  .decade_db = 1.0};

/* One reader over 720 devices takes as long as the field that is read in one go. */
static void coverage_identifies_as_fast_as_one_field(void **state)
{
    (void)state;
    enum { DROPS = 20 };
    const struct hall_cfg cfg = still_hall(10000.0, 10.0);
    struct coverage *coverage = made(&cfg, &everywhere);
    struct engine engine;
    engine_make(&engine, 600.0);
    double coverage_s = 0.0, field_s = 0.0;
    for (uint64_t k = 0; k < DROPS; k++) {
        struct coverage_drop drop;
        static const struct slot_errors none = {0};
        coverage_run(coverage, 4, k, &engine.sharing, &drop);
        assert_int_equal(drop.n_identified, 720);
        assert_true(fabs(drop.curve_s[COVERAGE_CURVE_POINTS - 1] - drop.last_s) < 1e-9);
        assert_true(drop.curve_s[49] < drop.curve_s[89]);
        coverage_s += drop.last_s / DROPS;
        struct slot_run run = slot_field_run(&engine.inventory, &engine.link,
                                             &engine.inventory.times, 720, &none, 100 + k);
        field_s += 1e-6 * run.first_us / DROPS;
    }
    assert_true(fabs(coverage_s / field_s - 1.0) < 0.02);
    coverage_free(&coverage);
}

/* 18 readers that all hear everybody read everybody once, each in its own time, with short units too. */
static void coverage_readers_share_tags_and_time(void **state)
{
    (void)state;
    const struct hall_cfg cfg = still_hall(20.0, 10.0);
    struct coverage *coverage = made(&cfg, &everywhere);
    static const double units_s[] = {0.05, 0.2};
    for (size_t k = 0; k < 2; k++) {
        struct engine engine;
        struct coverage_drop drop;
        engine_make(&engine, units_s[k]);
        coverage_run(coverage, 5, k, &engine.sharing, &drop);
        assert_int_equal(drop.n_identified, 720);
        assert_true(drop.busy_s <= drop.last_s + units_s[k]);
        assert_true(drop.busy_s >
                    0.8 * drop.last_s); /* all are busy, what is left of a unit apart */
        assert_true(drop.n_slots >= 720);
        assert_true(drop.n_slots < 4 * 720);
    }
    coverage_free(&coverage);
}

/* Where one reply in ten is lost, identification takes longer, and nobody is left out. */
static void coverage_lost_replies_cost_time(void **state)
{
    (void)state;
    const struct hall_cfg cfg = still_hall(10000.0, 10.0);
    struct coverage_budget budget = everywhere;
    budget.carrier = COVERAGE_OUTSIDE;
    struct engine engine;
    engine_make(&engine, 600.0);
    double last_s[2];
    for (int weak = 0; weak < 2; weak++) {
        struct coverage_drop drop;
        /* the farthest of all is at the limit; by 100 dB a decade everybody is near it */
        budget.reply_loss_max_db =
            weak ? loss_db(sqrt(60.0 * 60.0 + 30.0 * 30.0 + 6.5 * 6.5)) : INFINITY;
        budget.decade_db = weak ? 100.0 : 1.0;
        struct coverage *coverage = made(&cfg, &budget);
        coverage_run(coverage, 6, 0, &engine.sharing, &drop);
        assert_int_equal(drop.n_identified, 720);
        last_s[weak] = drop.last_s;
        coverage_free(&coverage);
    }
    assert_true(last_s[1] > 1.05 * last_s[0]);
    assert_true(last_s[1] < 1.6 * last_s[0]);
    assert_true(fabs(coverage_loss_chance(&budget, 0.0) - 0.1) < 1e-12);
    assert_true(fabs(coverage_loss_chance(&budget, 100.0) - 0.01) < 1e-12);
    assert_true(fabs(coverage_loss_chance(&budget, -1000.0) - 1.0) < 1e-12);
}

/* A drop is what its seed and index say, whatever was done before; two workspaces add up to one. */
static void coverage_drops_do_not_depend_on_each_other(void **state)
{
    (void)state;
    struct hall_cfg cfg = still_hall(20.0, 10.0);
    cfg.shadow = true;
    cfg.sight = HALL_SIGHT_DRAWN;
    const struct coverage_budget budget = {.carrier = COVERAGE_SAME,
                                           .harvest_loss_max_db = 55.0,
                                           .command_loss_max_db = 60.0,
                                           .reply_loss_max_db = 115.0,
                                           .decade_db = 1.0};
    struct coverage *one = made(&cfg, &budget), *two = made(&cfg, &budget),
                    *three = made(&cfg, &budget);
    struct engine engine;
    engine_make(&engine, 0.1);
    struct coverage_drop first[4], again[4];
    for (size_t k = 0; k < 4; k++) {
        coverage_run(one, 7, k, &engine.sharing, &first[k]);
    }
    for (size_t k = 4; k-- > 0;) {
        coverage_run(k % 2 ? two : three, 7, k, &engine.sharing, &again[k]);
    }
    assert_memory_equal(first, again, sizeof first);
    coverage_add(two, three);
    const struct coverage_tally *a = coverage_tally(one), *b = coverage_tally(two);
    assert_memory_equal(a->n_covered, b->n_covered, sizeof a->n_covered);
    assert_memory_equal(a->margin, b->margin, sizeof a->margin);
    assert_true(a->n_deaf_replies == b->n_deaf_replies);
    assert_memory_equal(a->cell_covered[COVERAGE_ALL], b->cell_covered[COVERAGE_ALL],
                        a->n_x * a->n_y * sizeof *a->cell_devices);
    coverage_free(&one);
    coverage_free(&two);
    coverage_free(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coverage_is_the_floor_within_reach),
        cmocka_unit_test(coverage_with_another_readers_carrier_takes_two),
        cmocka_unit_test(coverage_carriers_differ_in_the_reply_only),
        cmocka_unit_test(coverage_identifies_as_fast_as_one_field),
        cmocka_unit_test(coverage_readers_share_tags_and_time),
        cmocka_unit_test(coverage_lost_replies_cost_time),
        cmocka_unit_test(coverage_drops_do_not_depend_on_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
