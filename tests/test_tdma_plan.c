/* test_tdma_plan.c - units, windows and places against rational arithmetic, far from tick 0 and for rates and
 * periods that do not go into one another. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/tdma_plan.h"

static struct tdma_plan_cfg cfg_of(double period_s, unsigned n_units, uint64_t owned)
{
    return (struct tdma_plan_cfg){.rate_sps = 2e6,
                                  .period_s = period_s,
                                  .n_units = n_units,
                                  .owned = owned,
                                  .guard_us = 500.0,
                                  .lead_us = 2000.0,
                                  .tail_us = 300.0,
                                  .place_us = 1250.0,
                                  .poll_ratio = 0.75};
}

static struct tdma_plan plan_of(double period_s, unsigned n_units, uint64_t owned)
{
    const struct tdma_plan_cfg cfg = cfg_of(period_s, n_units, owned);
    struct tdma_plan plan;
    assert_int_equal(tdma_plan_init(&plan, &cfg), ST_OK);
    tdma_plan_begin(&plan, 0.0);
    return plan;
}

/* Unit i of a period of num/den seconds begins at ceil(i * rate * num / (den * n_units)): integers only. */
static void tdma_plan_units_do_not_drift(void **state)
{
    (void)state;
    static const struct {
        int64_t rate_sps, num, den, n_units;
    } cases[] = {{2000000, 1, 1, 64},  {2000000, 1, 3, 7},   {2500003, 1, 7, 11},
                 {10000000, 1, 1, 60}, {1000000, 3, 10, 13}, {20000000, 1, 9, 64}};
    static const int64_t indices[] = {0, 1, 63, 1000, 999999, 12345678901, 86400LL * 365 * 64};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct tdma_plan_cfg cfg =
            cfg_of((double)cases[c].num / (double)cases[c].den, (unsigned)cases[c].n_units, 1);
        struct tdma_plan plan;
        cfg.rate_sps = (double)cases[c].rate_sps;
        cfg.guard_us = cfg.lead_us = cfg.tail_us = 0.0;
        assert_int_equal(tdma_plan_init(&plan, &cfg), ST_OK);
        tdma_plan_begin(&plan, 0.0);
        for (size_t k = 0; k < sizeof indices / sizeof *indices; k++) {
            const int64_t i = indices[k] - indices[k] % cases[c].den; /* fits 63 bits below */
            const int64_t below = cases[c].den * cases[c].n_units;
            const int64_t a_unit = cases[c].rate_sps * cases[c].num; /* over `below` */
            const int64_t wanted = i / below * a_unit + (i % below * a_unit + below - 1) / below;
            assert_int_equal(tdma_plan_unit_tick(&plan, i), wanted);
            assert_int_equal(tdma_plan_unit_at(&plan, wanted), i);
            assert_int_equal(tdma_plan_unit_at(&plan, wanted - 1), i - 1);
            assert_int_equal(tdma_plan_owns(&plan, i), i % cases[c].n_units == 0);
        }
    }
}

/* Two that start at different times and run at different rates, but hold one time. */
static void tdma_plan_holds_common_time(void **state)
{
    (void)state;
    struct tdma_plan_cfg cfg = cfg_of(0.5, 10, 0x1F);
    struct tdma_plan one, other;
    struct tdma_window window;
    assert_int_equal(tdma_plan_init(&one, &cfg), ST_OK);
    cfg.owned = 0x3E0;
    cfg.rate_sps = 8e6;
    assert_int_equal(tdma_plan_init(&other, &cfg), ST_OK);
    const double one_s = 1.7e9 + 0.123, other_s = 1.7e9 + 17.387;
    tdma_plan_begin(&one, one_s);
    tdma_plan_begin(&other, other_s);
    for (int64_t k = 0; k < 100; k++) { /* seconds since a second that both know */
        tdma_plan_window(&one, k, &window);
        const double begin_s = 0.123 + (double)window.begin_tick / 2e6;
        const double end_s = 0.123 + (double)window.end_tick / 2e6;
        assert_true(fabs(begin_s - 0.5 * (double)k - 500e-6) < 1e-6);
        assert_true(fabs(end_s - 0.5 * (double)k - 0.25 + 500e-6) < 1e-6);
        tdma_plan_window(&other, k, &window);
        const double other_begin_s = 17.387 + (double)window.begin_tick / 8e6;
        assert_true(fabs(fmod(other_begin_s, 0.5) - 0.25 - 500e-6) < 1e-6);
    }
}

/* Every tick of three periods, looked at one by one. */
static void tdma_plan_windows_are_owned_units_less_guards(void **state)
{
    (void)state;
    static const uint64_t owned[] = {0x1, 0x8, 0x9, 0x5, 0xE};
    for (size_t c = 0; c < sizeof owned / sizeof *owned; c++) {
        struct tdma_plan_cfg cfg = cfg_of(0.04, 4, owned[c]);
        struct tdma_plan plan;
        cfg.rate_sps = 100e3; /* 1000 ticks a unit, 50 of guard */
        assert_int_equal(tdma_plan_init(&plan, &cfg), ST_OK);
        tdma_plan_begin(&plan, 0.0);
        for (int64_t tick = -4000; tick < 8000; tick++) {
            const int64_t unit = (tick + 4000) / 1000 % 4, place = (tick + 4000) % 1000;
            const bool mine = owned[c] >> unit & 1;
            const bool next_mine = owned[c] >> (unit + 1) % 4 & 1;
            const bool last_mine = owned[c] >> (unit + 3) % 4 & 1;
            const bool wanted =
                mine && (last_mine || place >= 50) && (next_mine || place < 1000 - 50);
            assert_int_equal(tdma_plan_fits(&plan, tick, tick + 1), wanted);
            const int64_t next = tdma_plan_next(&plan, tick, 700);
            assert_true(next >= tick);
            assert_true(tdma_plan_fits(&plan, next, next + 700));
            assert_true(next == tick || !tdma_plan_fits(&plan, next - 1, next + 699));
        }
        assert_true(tdma_plan_next(&plan, 0, 4000) == INT64_MAX);
    }
}

static void tdma_plan_places_lie_in_windows(void **state)
{
    (void)state;
    const struct tdma_plan plan = plan_of(1.0, 20, 0x3FF | 0x3ull << 15);
    /* 500 ms and 100 ms, less 2 * 0.5 + 2 + 0.3 ms, 75 % of that, 1.25 ms each */
    assert_int_equal(plan.n_places, (int)(496.7 * 0.75 / 1.25) + (int)(96.7 * 0.75 / 1.25));
    double before = -INFINITY;
    for (int64_t period = 0; period < 3; period++) {
        for (uint32_t place = 0; place < plan.n_places; place++) {
            const double tick = tdma_plan_place_tick(&plan, period, place);
            assert_true(tick >= before + 2500.0 - 1e-6);
            assert_true(tdma_plan_fits(&plan, (int64_t)ceil(tick), (int64_t)(tick + 2500.0)));
            assert_int_equal(tdma_plan_period_at(&plan, tick), period);
            before = tick;
        }
    }
    const struct tdma_plan alone = plan_of(1.0, 20, 0xFFFFF);
    assert_false(tdma_plan_is_shared(&alone));
    assert_int_equal(alone.n_places, 600);
    assert_true(tdma_plan_place_tick(&alone, 7, 10) == 14e6 + 10 * 2500.0);
    assert_true(tdma_plan_next(&alone, 123, 1 << 30) == 123);
}

static void tdma_plan_refuses_windows_without_room(void **state)
{
    (void)state;
    struct tdma_plan plan;
    struct tdma_plan_cfg cfg = cfg_of(0.064, 32, 0x1);
    assert_int_equal(tdma_plan_init(&plan, &cfg), ST_RANGE);
    assert_non_null(strstr(status_detail(), "2 ms"));
    assert_non_null(strstr(status_detail(), "3.3 ms"));
    cfg.owned = 0x3;
    assert_int_equal(tdma_plan_init(&plan, &cfg), ST_OK);
}

static void tdma_units_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned n_units;
        uint64_t owned; /* 0: refused */
    } cases[] = {
        {"0", 1, 0x1},
        {"0-3", 4, 0xF},
        {"0-9, 12", 20, 0x13FF},
        {" 1 ,3", 4, 0xA},
        {"63", 64, 1ull << 63},
        {"0-63", 64, UINT64_MAX},
        {"", 4, 0},
        {"4", 4, 0},
        {"3-1", 4, 0},
        {"a", 4, 0},
        {"1-", 4, 0},
        {"1,,2", 4, 0},
        {"1;2", 4, 0},
        {"-1", 4, 0},
        {"99999999999999999999", 4, 0},
        {"1,", 4, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        uint64_t owned = 0;
        const enum status status =
            tdma_units_parse(cases[k].text, cases[k].n_units, "tdma.own", &owned);
        assert_int_equal(status, cases[k].owned ? ST_OK : ST_USAGE);
        if (cases[k].owned) {
            assert_true(owned == cases[k].owned);
        } else {
            assert_non_null(strstr(status_detail(), "tdma.own"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tdma_plan_units_do_not_drift),
        cmocka_unit_test(tdma_plan_holds_common_time),
        cmocka_unit_test(tdma_plan_windows_are_owned_units_less_guards),
        cmocka_unit_test(tdma_plan_places_lie_in_windows),
        cmocka_unit_test(tdma_plan_refuses_windows_without_room),
        cmocka_unit_test(tdma_units_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
