/* test_tx_shape_script.c - carriers and commands in time: the same in blocks of any length, revised while they are
 * sent, on and off at the tick, and refused. */
#include "tests/tx_rig.h"

static void render_script(int modulation, size_t block, float _Complex *out, size_t n)
{
    static const uint8_t bit[] = {0, 0, 1, 0};
    struct tx_shape_cfg cfg = make_cfg(modulation);
    struct link link = make_link(12.5, 2.0, 6.25, 60.0);
    struct tx_shape_frame frame;
    struct tx_shape *shape;
    assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
    tx_shape_carrier_on(shape, 100);
    tx_shape_carrier_off(shape, 2600);
    tx_shape_carrier_on(shape, 2650);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, true, 500.25, &frame), ST_OK);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 1501.7, &frame), ST_OK);
    for (size_t at = 0; at < n; at += block) {
        tx_shape_render(shape, out + at, block < n - at ? block : n - at);
    }
    tx_shape_free(&shape);
}

static void tx_shape_does_not_depend_on_block_lengths(void **state)
{
    (void)state;
    enum { N = 3000 };
    static float _Complex whole[N], pieces[N];
    for (int modulation = 0; modulation < 2; modulation++) {
        render_script(modulation, N, whole, N);
        for (size_t block = 1; block < 200; block = block * 3 + 1) {
            render_script(modulation, block, pieces, N);
            assert_memory_equal(whole, pieces, sizeof whole);
        }
    }
}

/* A command that gets its bits while it is sent is, sample by sample, the one that had them from the
 * beginning, up to the last tick at which both can still become either; later it is refused and stays. */
static void tx_shape_revises_what_is_not_sent_yet(void **state)
{
    (void)state;
    enum { N = 3000, START = 500 };
    static float _Complex expected[2][N], out[N];
    static const uint8_t guess[] = {0, 1, 0, 0, 0, 0, 0, 0}, bits[] = {0, 1, 0, 1, 1, 0, 1, 0, 1};
    struct link link = make_link(12.5, 2.0, 6.25, 60.0);
    for (int modulation = 0; modulation < 2; modulation++) {
        struct tx_shape_cfg cfg = make_cfg(modulation);
        struct tx_shape_frame frame[2], revised;
        for (int64_t cut = START - 20; cut < START + 300; cut++) {
            enum status status = ST_OK;
            for (unsigned k = 0; k < 3; k++) { /* guess, bits, guess revised at `cut` */
                struct tx_shape *shape;
                assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
                tx_shape_carrier_on(shape, 0);
                float _Complex *to = k < 2 ? expected[k] : out;
                bool right = k == 1;
                assert_int_equal(tx_shape_command(shape, &link, right ? bits : guess,
                                                  right ? sizeof bits : sizeof guess, false,
                                                  START + 0.3, &frame[k < 2 ? k : 0]),
                                 ST_OK);
                size_t at = k == 2 ? (size_t)cut : 0;
                tx_shape_render(shape, to, at);
                if (k == 2) {
                    status =
                        tx_shape_command_revise(shape, &link, bits, sizeof bits, false, &revised);
                }
                tx_shape_render(shape, to + at, N - at);
                if (k == 2) {
                    assert_int_equal(
                        tx_shape_command_revise(shape, &link, bits, sizeof bits, false, &revised),
                        ST_NOT_FOUND);
                }
                tx_shape_free(&shape);
            }
            size_t n_same = 0;
            while (n_same < N && expected[0][n_same] == expected[1][n_same]) {
                n_same++;
            }
            assert_in_range(n_same, START + 200, START + 280); /* up to the fourth bit */
            /* the very last tick may be refused: an edge begins between two ticks */
            assert_true(status == ST_OK ? cut <= (int64_t)n_same : cut >= (int64_t)n_same);
            assert_memory_equal(out, expected[status == ST_OK], sizeof out);
        }
    }
}

static void tx_shape_turns_the_carrier_over_in_pr_ask(void **state)
{
    (void)state;
    enum { N = 2400 };
    static float _Complex out[N];
    static const uint8_t bit[] = {0, 0, 1, 0, 1}; /* 5 + data-0 + RTcal + delimiter = 8 pulses */
    for (size_t n_bits = 4; n_bits <= 5; n_bits++) {
        struct tx_shape_cfg cfg = make_cfg(1);
        struct link link = make_link(12.5, 2.0, 6.25, 60.0);
        struct tx_shape_frame frame;
        struct tx_shape *shape;
        assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
        tx_shape_carrier_on(shape, 0);
        assert_int_equal(tx_shape_command(shape, &link, bit, n_bits, false, 500.0, &frame), ST_OK);
        assert_int_equal(frame.carrier_sign, n_bits == 4 ? -1 : 1);
        tx_shape_render(shape, out, N);
        assert_true(fabsf(crealf(out[480]) - 0.7f) < 1e-6f);
        assert_true(fabsf(crealf(out[N - 1]) - 0.7f * (float)frame.carrier_sign) < 1e-6f);
        assert_true(crealf(out[500 + 25 + 6]) < -0.69f);      /* high part of data-0 */
        assert_true(crealf(out[500 + 25 + 25 + 20]) > 0.69f); /* high part of RTcal */
        tx_shape_free(&shape);
    }
}

static void tx_shape_ramps_between_exact_zeros(void **state)
{
    (void)state;
    enum { N = 40000 };
    static float _Complex out[N];
    static const double ramps_us[] = {1.0, 100.0, 500.0};
    for (size_t i = 0; i < COUNT(ramps_us); i++) {
        struct tx_shape_cfg cfg = make_cfg(0);
        cfg.ramp_us = ramps_us[i];
        struct tx_shape *shape;
        assert_int_equal(tx_shape_new(&cfg, 10e6, &shape), ST_OK);
        tx_shape_carrier_on(shape, 50);
        tx_shape_carrier_off(shape, 20000);
        tx_shape_render(shape, out, N);
        size_t n10 = 0, n90 = 0, n_full = 0;
        for (size_t n = 0; n < 20000; n++) {
            assert_true(n == 0 || crealf(out[n]) >= crealf(out[n - 1]));
            n10 += crealf(out[n]) < 0.07f;
            n90 += crealf(out[n]) < 0.63f;
            n_full += crealf(out[n]) == 0.7f;
        }
        assert_true(crealf(out[50]) == 0.0f);
        assert_true(crealf(out[20000]) == 0.7f);
        assert_true(fabs((double)(n90 - n10) / 10.0 - ramps_us[i]) < 0.11);
        assert_true(n_full > 0);
        double whole_ticks = ramps_us[i] * 10.0 / 0.482;
        for (size_t n = 20001; n < N; n++) {
            assert_true(crealf(out[n]) <= crealf(out[n - 1]));
            assert_true((double)n < 20001.0 + whole_ticks || crealf(out[n]) == 0.0f);
            assert_true(cimagf(out[n]) == 0.0f);
        }
        tx_shape_free(&shape);
    }
}

/* Off and on again, as often as a hopping carrier needs it; each silence is exactly zero from the end of
 * its ramp to the start of the next. */
static void tx_shape_comes_and_goes(void **state)
{
    (void)state;
    enum { PERIOD = 5000, N = 40 * PERIOD };
    static float _Complex out[N];
    struct tx_shape_cfg cfg = make_cfg(0); /* ramp 20 us: 41.5 us in all, 83 ticks */
    struct tx_shape *shape;
    assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
    int64_t ramp_ticks = tx_shape_ramp_ticks(shape);
    assert_int_equal(ramp_ticks, 83);
    tx_shape_carrier_on(shape, 0);
    for (int64_t k = 0; k < N / PERIOD; k++) {
        tx_shape_carrier_off(shape, k * PERIOD + 3000);
        tx_shape_carrier_on(shape, (k + 1) * PERIOD);
        tx_shape_render(shape, out + k * PERIOD, PERIOD);
    }
    for (int n = 0; n < N; n++) {
        int at = n % PERIOD;
        if (at >= 83 && at <= 3000) {
            assert_true(crealf(out[n]) == 0.7f);
        } else if (at == 0 || at >= 3000 + 83) {
            assert_true(crealf(out[n]) == 0.0f);
        }
    }
    tx_shape_free(&shape);
}

/* An off that was planned is brought forward and drops what was planned after it; one that is asked for
 * later than planned changes nothing. */
static void tx_shape_goes_off_at_the_earliest_tick_asked_for(void **state)
{
    (void)state;
    enum { N = 20000 };
    static float _Complex out[N];
    struct tx_shape_cfg cfg = make_cfg(0);
    struct tx_shape *shape;
    assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
    tx_shape_carrier_on(shape, 0);
    tx_shape_carrier_off(shape, 9000);
    tx_shape_carrier_on(shape, 12000);
    tx_shape_carrier_off(shape, 15000);
    tx_shape_render(shape, out, 4000);
    tx_shape_carrier_off(shape, 5000);
    tx_shape_carrier_off(shape, 16000); /* off all the same */
    tx_shape_render(shape, out + 4000, N - 4000);
    for (int n = 100; n < N; n++) {
        assert_true(n > 5000 || crealf(out[n]) == 0.7f);
        assert_true(n < 5083 || crealf(out[n]) == 0.0f);
    }
    tx_shape_free(&shape);
    /* in the midst of the ramp up: never louder than before, and zero in time */
    assert_int_equal(tx_shape_new(&cfg, 2e6, &shape), ST_OK);
    tx_shape_carrier_on(shape, 0);
    tx_shape_render(shape, out, 40);
    tx_shape_carrier_off(shape, 40);
    tx_shape_render(shape, out + 40, 1000);
    for (int n = 0; n < 1040; n++) {
        assert_true(crealf(out[n]) >= 0.0f);
        assert_true(crealf(out[n]) <= 0.7f);
        assert_true(n < 40 + 83 || crealf(out[n]) == 0.0f);
    }
    tx_shape_free(&shape);
}

static void tx_shape_takes_two_commands_and_no_more(void **state)
{
    (void)state;
    static float _Complex out[4000];
    static const uint8_t bit[] = {0, 0, 0, 0};
    struct tx_shape_cfg cfg = make_cfg(0);
    struct link link = make_link(6.25, 2.0, 3.125, 33.3);
    struct tx_shape_frame frame;
    struct tx_shape *shape;
    assert_int_equal(tx_shape_new(&cfg, 4e6, &shape), ST_OK);
    tx_shape_carrier_on(shape, 0);
    tx_shape_render(shape, out, 200);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 200.0, &frame), ST_RANGE);
    double lead = (double)tx_shape_lead_ticks(shape);
    assert_true(lead <= 40.0); /* 10 us */
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 200.0 + lead, &frame), ST_OK);
    double end_tick = frame.end_tick;
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, end_tick + 1, &frame), ST_RANGE);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 900.0, &frame), ST_OK);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 2000.0, &frame), ST_BUSY);
    int64_t room_tick = tx_shape_room_tick(shape);
    assert_in_range(room_tick, (int64_t)end_tick, (int64_t)end_tick + 20);
    tx_shape_render(shape, out, (size_t)room_tick - 1 - 200);
    assert_true(tx_shape_room_tick(shape) == room_tick);
    tx_shape_render(shape, out, 1);
    assert_true(tx_shape_room_tick(shape) == INT64_MIN);
    assert_int_equal(tx_shape_command(shape, &link, bit, 4, false, 2000.0, &frame), ST_OK);
    tx_shape_free(&shape);
    assert_null(shape);
}

static void tx_shape_refuses_what_the_standard_forbids(void **state)
{
    (void)state;
    static const uint8_t bit[] = {0, 0};
    struct tx_shape *shape = NULL;
    struct tx_shape_frame frame;
    struct tx_shape_cfg bad[6];
    for (size_t i = 0; i < COUNT(bad); i++) {
        bad[i] = make_cfg(0);
    }
    bad[0].depth_ratio = 0.79;
    bad[1].depth_ratio = 1.01;
    bad[2].amplitude = 0.0;
    bad[3].ramp_us = 0.5;
    bad[4].ramp_us = 501.0;
    bad[5].rise_us = 0.2; /* too fast for 2 MS/s */
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(tx_shape_new(&bad[i], 2e6, &shape), ST_RANGE);
        assert_null(shape);
    }
    struct tx_shape_cfg soft = make_cfg(0);
    soft.rise_us = 4.0;
    struct link fast = make_link(6.25, 2.0, 3.125, 33.3);
    assert_int_equal(tx_shape_new(&soft, 2e6, &shape), ST_OK);
    assert_int_equal(tx_shape_command(shape, &fast, bit, 2, true, 900.0, &frame), ST_RANGE);
    tx_shape_free(&shape);
    struct tx_shape_cfg automatic = make_cfg(0);
    struct link narrow = make_link(6.25, 2.0, 1.0, 33.3); /* PW of one sample */
    assert_int_equal(tx_shape_new(&automatic, 1e6, &shape), ST_OK);
    assert_int_equal(tx_shape_command(shape, &narrow, bit, 2, true, 900.0, &frame), ST_RANGE);
    tx_shape_free(&shape);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tx_shape_does_not_depend_on_block_lengths),
        cmocka_unit_test(tx_shape_revises_what_is_not_sent_yet),
        cmocka_unit_test(tx_shape_turns_the_carrier_over_in_pr_ask),
        cmocka_unit_test(tx_shape_ramps_between_exact_zeros),
        cmocka_unit_test(tx_shape_comes_and_goes),
        cmocka_unit_test(tx_shape_goes_off_at_the_earliest_tick_asked_for),
        cmocka_unit_test(tx_shape_takes_two_commands_and_no_more),
        cmocka_unit_test(tx_shape_refuses_what_the_standard_forbids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
