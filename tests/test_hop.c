/* test_hop.c - the schedule against the rules themselves: time on a channel summed over every window,
 * use of each channel counted, silences measured. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reader/hop.h"

#define RATE_SPS 2e6

static struct hop_cfg cfg_of(size_t n_channels, double dwell_s)
{
    struct hop_cfg cfg = {.rate_sps = RATE_SPS,
                          .n_channels = n_channels,
                          .seed = 7,
                          .dwell_s = dwell_s,
                          .settle_s = 3e-3,
                          .n_antennas = 1,
                          .antenna_dwell_s = 0.5};
    for (size_t k = 0; k < n_channels; k++) {
        cfg.channel_hz[k] = 902.75e6 + 0.5e6 * (double)k;
    }
    return cfg;
}

/* Seconds a channel is on the air from `from_tick` on, for window_s. */
static double time_on(const struct hop_cell *cell, size_t n_cells, double freq_hz,
                      int64_t from_tick, double window_s)
{
    int64_t to_tick = from_tick + (int64_t)(window_s * RATE_SPS), sum = 0;
    for (size_t k = 0; k < n_cells; k++) {
        int64_t on = cell[k].on_tick > from_tick ? cell[k].on_tick : from_tick;
        int64_t off = cell[k].off_tick < to_tick ? cell[k].off_tick : to_tick;
        sum += cell[k].freq_hz == freq_hz && off > on ? off - on : 0;
    }
    return (double)sum / RATE_SPS;
}

static void hop_keeps_to_the_dwell_in_every_window(void **state)
{
    (void)state;
    enum { CELLS = 400 };
    static const double dwells_s[] = {0.4, 0.2, 0.4 / 3.0, 0.1};
    for (size_t d = 0; d < 4; d++) {
        struct hop_cfg cfg = cfg_of(50, dwells_s[d]);
        struct hop hop;
        struct hop_cell cell[CELLS];
        hop_init(&hop, &cfg);
        for (int64_t k = 0; k < CELLS; k++) {
            hop_cell_at(&hop, k, &cell[k]);
        }
        /* the sum is greatest in a window that begins where the channel comes on */
        for (size_t k = 0; k < CELLS; k++) {
            double most_s = time_on(cell, CELLS, cell[k].freq_hz, cell[k].on_tick, 20.0);
            assert_true(most_s <= 0.4);
            assert_true(most_s > 0.35 || k > CELLS / 4);
        }
    }
}

static void hop_uses_every_channel_equally_and_in_disorder(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct hop_cfg cfg = cfg_of(50, 0.4);
        struct hop hop;
        struct hop_cell cell, last = {0};
        unsigned n_used[50] = {0}, n_neighbours = 0;
        cfg.seed = seed;
        cfg.first_channel = 24;
        hop_init(&hop, &cfg);
        for (int64_t k = 0; k < 150; k++) {
            hop_cell_at(&hop, k, &cell);
            n_used[lround((cell.freq_hz - 902.75e6) / 0.5e6)]++;
            n_neighbours += k > 0 && fabs(cell.freq_hz - last.freq_hz) < 0.6e6;
            last = cell;
        }
        for (size_t c = 0; c < 50; c++) {
            assert_int_equal(n_used[c], 3);
        }
        assert_true(n_neighbours < 30); /* of 149 steps, 6 expected; in order it would be 147 */
        hop_cell_at(&hop, 0, &cell);
        assert_true(cell.freq_hz == cfg.channel_hz[24]);
    }
}

static void hop_order_follows_the_seed(void **state)
{
    (void)state;
    struct hop hop[3];
    for (size_t k = 0; k < 3; k++) {
        struct hop_cfg cfg = cfg_of(50, 0.4);
        cfg.seed = k == 2 ? 8 : 7;
        hop_init(&hop[k], &cfg);
    }
    unsigned n_other = 0;
    for (int64_t k = 0; k < 100; k++) {
        struct hop_cell a, b, c;
        hop_cell_at(&hop[0], k, &a);
        hop_cell_at(&hop[1], k, &b);
        hop_cell_at(&hop[2], k, &c);
        assert_memory_equal(&a, &b, sizeof a);
        n_other += a.freq_hz != c.freq_hz;
    }
    assert_true(n_other > 80);
}

static void hop_is_silent_between_cells(void **state)
{
    (void)state;
    struct hop_cfg cfg = cfg_of(1, 4.1); /* one channel: 4 s, then 100 ms of silence */
    cfg.pause_s = 0.1;
    cfg.settle_s = 2e-3;
    struct hop hop;
    struct hop_cell cell, next;
    hop_init(&hop, &cfg);
    hop_cell_at(&hop, 0, &cell);
    assert_int_equal(cell.on_tick, 0);
    for (int64_t k = 0; k < 50; k++) {
        hop_cell_at(&hop, k, &cell);
        hop_cell_at(&hop, k + 1, &next);
        assert_true((double)(cell.off_tick - cell.on_tick) <= 4.0 * RATE_SPS);
        assert_true((double)(next.on_tick - cell.off_tick) >= 0.102 * RATE_SPS);
        assert_true(next.set_tick - cell.off_tick >= (int64_t)(0.1 * RATE_SPS));
        assert_true(next.set_tick >= cell.off_tick + (int64_t)(0.1005 * RATE_SPS));
        assert_true(next.on_tick - next.set_tick >= (int64_t)(1.5e-3 * RATE_SPS));
        assert_true(next.freq_hz == cell.freq_hz);
    }
}

static void hop_stays_where_nothing_changes(void **state)
{
    (void)state;
    struct hop_cfg cfg = cfg_of(1, INFINITY);
    struct hop hop;
    struct hop_cell cell;
    hop_init(&hop, &cfg);
    assert_true(isinf(hop_cell_s(&cfg)));
    hop_cell_at(&hop, 0, &cell);
    assert_true(cell.off_tick == INT64_MAX);
    assert_int_equal(hop_index_of(&hop, INT64_MAX / 2), 0);
}

static void hop_gives_each_antenna_its_turn(void **state)
{
    (void)state;
    static const struct {
        size_t n_channels;
        double dwell_s, antenna_dwell_s;
        size_t n_antennas;
        double cell_s; /* carrier and silence */
    } rows[] = {
        {1, INFINITY, 0.5, 3, 0.5}, {50, 0.4, 0.1, 2, 0.1}, {50, 0.4, 0.3, 2, 0.2},
        {50, 0.4, 0.4, 2, 0.4},     {50, 0.4, 1.2, 4, 0.4}, {4, 4.0, 0.5, 8, 0.5},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct hop_cfg cfg = cfg_of(rows[r].n_channels, rows[r].dwell_s);
        cfg.n_antennas = rows[r].n_antennas;
        cfg.antenna_dwell_s = rows[r].antenna_dwell_s;
        assert_true(fabs(hop_cell_s(&cfg) - (rows[r].cell_s - 3e-3)) < 1e-9);
        struct hop hop;
        hop_init(&hop, &cfg);
        double on_s[50][8] = {{0}}, least_s = INFINITY, most_s = 0.0;
        enum { CELLS = 9600 };
        for (int64_t k = 0; k < CELLS; k++) {
            struct hop_cell cell;
            hop_cell_at(&hop, k, &cell);
            assert_true(cell.antenna < rows[r].n_antennas);
            on_s[lround((cell.freq_hz - 902.75e6) / 0.5e6)][cell.antenna] +=
                (double)(cell.off_tick - cell.on_tick) / RATE_SPS;
        }
        for (size_t c = 0; c < rows[r].n_channels; c++) { /* on every channel each antenna alike */
            for (size_t a = 0; a < rows[r].n_antennas; a++) {
                least_s = fmin(least_s, on_s[c][a]);
                most_s = fmax(most_s, on_s[c][a]);
            }
        }
        assert_true(least_s > 0.75 * most_s);
    }
}

static void hop_finds_the_cell_of_a_tick(void **state)
{
    (void)state;
    struct hop_cfg cfg = cfg_of(16, 2.0 / 3.0);
    cfg.n_antennas = 3;
    cfg.antenna_dwell_s = 0.1;
    struct hop hop;
    struct hop_cell cell;
    hop_init(&hop, &cfg);
    for (int64_t k = 1; k < 500; k++) {
        hop_cell_at(&hop, k, &cell);
        assert_int_equal(hop_index_of(&hop, cell.set_tick), k);
        assert_int_equal(hop_index_of(&hop, cell.on_tick - 6001), k - 1); /* settling: 6000 */
        assert_int_equal(hop_index_of(&hop, cell.on_tick - 6000), k);
        assert_int_equal(hop_index_of(&hop, cell.off_tick - 1), k);
    }
}

/* Units of time: a cell is a window of the plan; one that had begun at tick 0 is not entered. */
static void hop_shares_the_air_by_units(void **state)
{
    (void)state;
    static const double starts_s[] = {0.0, 0.021, 0.03, 0.099};
    struct tdma_plan plan;
    const struct tdma_plan_cfg units = {.rate_sps = RATE_SPS,
                                        .period_s = 0.1,
                                        .n_units = 5,
                                        .owned = 0x12, /* 20 .. 40 and 80 .. 100 ms */
                                        .guard_us = 1000.0,
                                        .place_us = 1000.0};
    for (size_t s = 0; s < sizeof starts_s / sizeof *starts_s; s++) {
        struct hop_cfg cfg = cfg_of(1, INFINITY);
        struct hop hop;
        hop_init(&hop, &cfg);
        assert_int_equal(tdma_plan_init(&plan, &units), ST_OK);
        tdma_plan_begin(&plan, starts_s[s]);
        hop_share(&hop, &plan);
        int64_t before_tick = -1;
        for (int64_t k = 0; k < 20; k++) {
            struct hop_cell cell;
            hop_cell_at(&hop, k, &cell);
            const double on_ms = 1e3 * ((double)cell.on_tick / RATE_SPS + starts_s[s]);
            const double off_ms = 1e3 * ((double)cell.off_tick / RATE_SPS + starts_s[s]);
            const double place_ms = fmod(on_ms, 100.0);
            assert_true(fabs(place_ms - 21.0) < 1e-3 || fabs(place_ms - 81.0) < 1e-3);
            assert_true(fabs(off_ms - on_ms - 18.0) < 1e-3);
            assert_true(cell.set_tick == cell.on_tick);
            assert_true(cell.on_tick > before_tick);
            assert_true(k > 0 || cell.on_tick < 0.1 * RATE_SPS);
            assert_true(cell.freq_hz == cfg.channel_hz[0]);
            before_tick = cell.off_tick;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_shares_the_air_by_units),
        cmocka_unit_test(hop_keeps_to_the_dwell_in_every_window),
        cmocka_unit_test(hop_uses_every_channel_equally_and_in_disorder),
        cmocka_unit_test(hop_order_follows_the_seed),
        cmocka_unit_test(hop_is_silent_between_cells),
        cmocka_unit_test(hop_stays_where_nothing_changes),
        cmocka_unit_test(hop_gives_each_antenna_its_turn),
        cmocka_unit_test(hop_finds_the_cell_of_a_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
