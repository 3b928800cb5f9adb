/* test_radio_sim.c - the simulated air as a radio: same samples as the air itself, whatever the
 * pieces; waiting, pacing and stopping. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/option.h"
#include "radio/air/air.h"
#include "radio/radio.h"

#define RATE_SPS 2e6
#define N 300000 /* more than the radio's ring holds */

static float _Complex sent[N], expected[2][N], heard[2][N];

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static struct option_set *sim_options(const char *pace)
{
    size_t n_tables = 0;
    while (radio_sim.options[n_tables]) {
        n_tables++;
    }
    assert_int_equal(n_tables, 2); /* the radio's own rows and the air's */
    struct option_set *set;
    assert_int_equal(option_set_new(radio_sim.options, n_tables, &set), ST_OK);
    assert_int_equal(option_set_text(set, "radio.sim.pace", pace, "test"), ST_OK);
    return set;
}

static struct radio_cfg sim_cfg_of(int64_t n_rx_channels)
{
    assert_ptr_equal(radio_table[0], &radio_sim);
    return (struct radio_cfg){.kind = 0,
                              .rate_sps = RATE_SPS,
                              .freq_hz = 866e6,
                              .n_rx_channels = n_rx_channels,
                              .tx_gain_db = NAN,
                              .rx_gain_db = NAN};
}

/* Carrier up, then keyed by a fixed rule. */
static void make_sent(void)
{
    for (size_t k = 0; k < N; k++) {
        sent[k] = k < 1000 || (k > 150000 && k / 25 % 5 == 0) ? 0.0f : 0.9f;
    }
}

/* What the air itself gives, in one step. */
static void make_expected(const struct option_set *set, unsigned n_rx)
{
    struct air_cfg cfg;
    option_fill(set, &air_options, &cfg);
    struct air *air;
    assert_int_equal(air_new(&cfg, RATE_SPS, 866e6, 1, n_rx, &air), ST_OK);
    const float _Complex *const tx[] = {sent};
    float _Complex *const rx[] = {expected[0], expected[1]};
    air_step(air, tx, rx, N);
    air_free(&air);
}

struct sender {
    struct radio *radio;
    enum status status;
};

static void *send_pieces(void *context)
{
    struct sender *sender = context;
    size_t done = 0;
    for (size_t n = 1; done < N && !sender->status; n = n * 5 % 70001 + 1) {
        const size_t n_piece = n < N - done ? n : N - done;
        sender->status = radio_send(sender->radio, sent + done, n_piece, (int64_t)done);
        done += n_piece;
    }
    return NULL;
}

/*   ret  wall-clock seconds from the first to the last sample */
static double run(int64_t n_rx_channels, const char *pace, size_t capacity_samples)
{
    struct option_set *set = sim_options(pace);
    const struct radio_cfg cfg = sim_cfg_of(n_rx_channels);
    make_sent();
    make_expected(set, (unsigned)n_rx_channels);
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    assert_int_equal(radio_n_rx_channels(radio), n_rx_channels);
    assert_int_equal(radio_start(radio), ST_OK);
    const double start_s = clock_s();
    struct sender sender = {.radio = radio};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, send_pieces, &sender), 0);
    for (size_t done = 0; done < N;) {
        struct iq_block block = {.capacity_samples =
                                     capacity_samples < N - done ? capacity_samples : N - done,
                                 .n_channels = (unsigned)n_rx_channels,
                                 .sample = {heard[0] + done, heard[1] + done}};
        assert_int_equal(radio_recv(radio, &block), ST_OK);
        assert_int_equal(block.first_tick, done);
        assert_int_equal(block.gap_samples, 0);
        done += block.n_samples;
    }
    const double passed_s = clock_s() - start_s;
    pthread_join(thread, NULL);
    assert_int_equal(sender.status, ST_OK);
    assert_int_equal(radio_now(radio), N);
    for (int c = 0; c < n_rx_channels; c++) {
        assert_memory_equal(heard[c], expected[c], sizeof heard[c]);
    }
    radio_close(&radio);
    option_set_free(&set);
    return passed_s;
}

static void radio_sim_gives_the_airs_samples_in_any_pieces(void **state)
{
    (void)state;
    run(1, "max", 4096);
    run(1, "max", 77);
    run(2, "max", 100000);
}

static void radio_sim_does_not_run_ahead_of_the_wall_clock(void **state)
{
    (void)state;
    assert_true(run(1, "realtime", 1000) >= N / RATE_SPS - 2e-3); /* may be 1 ms ahead */
}

static void *send_too_much(void *context)
{
    struct sender *sender = context;
    sender->status = radio_send(sender->radio, sent, N, 0);
    return NULL;
}

static void *recv_one(void *context)
{
    struct sender *waiting = context;
    struct iq_block block = {
        .capacity_samples = N, .n_channels = 1, .sample = {heard[0], heard[1]}};
    waiting->status = radio_recv(waiting->radio, &block);
    return NULL;
}

static void stop_while(void *(*wait)(void *))
{
    struct option_set *set = sim_options("realtime");
    const struct radio_cfg cfg = sim_cfg_of(1);
    struct sender waiting = {.status = ST_OK};
    assert_int_equal(radio_open(&cfg, set, &waiting.radio), ST_OK);
    assert_int_equal(radio_start(waiting.radio), ST_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait, &waiting), 0);
    usleep(60000);
    const double start_s = clock_s();
    radio_stop(waiting.radio);
    pthread_join(thread, NULL);
    assert_true(clock_s() - start_s < 0.05);
    assert_int_equal(waiting.status, ST_STOPPED);
    radio_close(&waiting.radio);
    option_set_free(&set);
}

static void radio_sim_stop_wakes_a_sender_without_room(void **state)
{
    (void)state;
    stop_while(send_too_much); /* nobody receives */
}

static void radio_sim_stop_wakes_a_receiver_without_samples(void **state)
{
    (void)state;
    stop_while(recv_one); /* nobody sends */
}

static void radio_sim_refuses_bad_rates(void **state)
{
    (void)state;
    static const struct {
        double rate_sps;
        enum status status;
    } cases[] = {{NAN, ST_USAGE},      {0, ST_RANGE},    {-1e6, ST_RANGE},
                 {INFINITY, ST_RANGE}, {1e30, ST_RANGE}, {2e5, ST_RANGE}};
    struct option_set *set = sim_options("max");
    struct radio_cfg cfg = sim_cfg_of(1);
    struct radio *radio;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        cfg.rate_sps = cases[k].rate_sps;
        assert_int_equal(radio_open(&cfg, set, &radio), cases[k].status);
        assert_null(radio);
    }
    cfg = sim_cfg_of(3);
    assert_int_equal(radio_open(&cfg, set, &radio), ST_RANGE);
    cfg = sim_cfg_of(1);
    cfg.freq_hz = NAN; /* the air needs one; it has a default */
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    assert_true(radio_freq_hz(radio) > 800e6);
    radio_close(&radio);
    radio_close(&radio);
    option_set_free(&set);
}

/* ---- settings ---- */

enum { LEVELS = 5, LEVEL_SAMPLES = 20000 };

/* Let a still carrier run, set this and that on the way, and take the level before and after each.
 *   out  power of LEVELS pieces, relative to the first, dB */
static void levels(const char *wired, const struct radio_setting *setting, double *level_db)
{
    struct option_set *set = sim_options("max");
    assert_int_equal(option_set_text(set, "radio.sim.n_tags", "0", "test"), ST_OK);
    assert_int_equal(option_set_text(set, "radio.sim.adc_bits", "0", "test"), ST_OK);
    assert_int_equal(option_set_text(set, "radio.sim.rx_wired", wired, "test"), ST_OK);
    const struct radio_cfg cfg = sim_cfg_of(1);
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    assert_int_equal(radio_start(radio), ST_OK);
    for (int k = 0; k < LEVELS - 1; k++) {
        assert_int_equal(radio_set(radio, &setting[k], (k + 1) * LEVEL_SAMPLES), ST_OK);
    }
    for (size_t k = 0; k < LEVEL_SAMPLES; k++) {
        sent[k] = 0.5f;
    }
    for (int k = 0; k < LEVELS; k++) {
        assert_int_equal(radio_send(radio, sent, LEVEL_SAMPLES, k * LEVEL_SAMPLES), ST_OK);
        double power = 0;
        for (size_t done = 0; done < LEVEL_SAMPLES;) {
            struct iq_block block = {.capacity_samples = LEVEL_SAMPLES - done,
                                     .n_channels = 1,
                                     .sample = {heard[0] + done}};
            assert_int_equal(radio_recv(radio, &block), ST_OK);
            done += block.n_samples;
        }
        for (size_t k2 = 0; k2 < LEVEL_SAMPLES; k2++) {
            power += crealf(heard[0][k2]) * crealf(heard[0][k2]) +
                     cimagf(heard[0][k2]) * cimagf(heard[0][k2]);
        }
        level_db[k] = 10 * log10(power / LEVEL_SAMPLES);
        level_db[k] -= k > 0 ? level_db[0] : 0;
    }
    radio_close(&radio);
    option_set_free(&set);
}

static struct radio_setting setting_of(double tx_gain_db, double rx_gain_db, const char *rx_antenna)
{
    struct radio_setting setting = {
        .freq_hz = NAN, .tx_gain_db = tx_gain_db, .rx_gain_db = rx_gain_db};
    snprintf(setting.rx_antenna, sizeof setting.rx_antenna, "%s", rx_antenna);
    return setting;
}

static void radio_sim_gains_act_at_their_tick(void **state)
{
    (void)state;
    const struct radio_setting setting[LEVELS - 1] = {
        setting_of(50, NAN, ""), setting_of(NAN, 23, ""), setting_of(60, NAN, ""),
        setting_of(NAN, 0, "")};
    const double wanted_db[LEVELS] = {0, -10, -7, 3, -20};
    double level_db[LEVELS];
    levels("both", setting, level_db);
    for (int k = 1; k < LEVELS; k++) {
        assert_float_equal(level_db[k], wanted_db[k], 1e-3); /* a sample at the wrong gain: 4e-3 */
    }
}

static void radio_sim_a_port_without_antenna_is_40_db_down(void **state)
{
    (void)state;
    const struct radio_setting setting[LEVELS - 1] = {
        setting_of(NAN, NAN, "TX/RX"), setting_of(NAN, NAN, "RX2"), setting_of(NAN, NAN, "east"),
        setting_of(NAN, NAN, "")};
    double wired_db[LEVELS], both_db[LEVELS];
    levels("RX2", setting, wired_db);
    levels("both", setting, both_db);
    assert_float_equal(wired_db[1], -40, 0.05); /* the receiver's noise does not follow */
    for (int k = 1; k < LEVELS; k++) {
        assert_float_equal(both_db[k], 0, 1e-3);
        assert_float_equal(wired_db[k], k == 1 ? wired_db[k] : 0, 1e-3);
    }
}

static void radio_sim_says_what_is_in_force(void **state)
{
    (void)state;
    struct option_set *set = sim_options("max");
    assert_int_equal(option_set_text(set, "radio.sim.reference", "unlocked", "test"), ST_OK);
    struct radio_cfg cfg = sim_cfg_of(1);
    snprintf(cfg.antenna, sizeof cfg.antenna, "TX/RX");
    struct radio *radio;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_OK);
    struct radio_about about;
    assert_int_equal(radio_describe(radio, &about), ST_OK);
    assert_string_equal(about.rx_antenna, "TX/RX");
    assert_int_equal(about.ref_locked, 0);
    assert_true(about.tx_gain_db == 60 && about.rx_gain_db == 20);
    struct radio_setting setting = setting_of(NAN, 76, "");
    setting.freq_hz = 868e6;
    assert_int_equal(radio_set(radio, &setting, 0), ST_OK);
    assert_int_equal(radio_describe(radio, &about), ST_OK);
    assert_true(about.freq_hz == 868e6 && about.rx_gain_db == 76 && about.tx_gain_db == 60);
    assert_true(radio_freq_hz(radio) == 868e6);
    setting.rx_gain_db = 76.5;
    assert_int_equal(radio_set(radio, &setting, 0), ST_RANGE);
    assert_non_null(strstr(status_detail(), "0..76"));
    radio_close(&radio);
    cfg.tx_gain_db = -1;
    assert_int_equal(radio_open(&cfg, set, &radio), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.tx_gain_db"));
    option_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_sim_gives_the_airs_samples_in_any_pieces),
        cmocka_unit_test(radio_sim_does_not_run_ahead_of_the_wall_clock),
        cmocka_unit_test(radio_sim_stop_wakes_a_sender_without_room),
        cmocka_unit_test(radio_sim_stop_wakes_a_receiver_without_samples),
        cmocka_unit_test(radio_sim_refuses_bad_rates),
        cmocka_unit_test(radio_sim_gains_act_at_their_tick),
        cmocka_unit_test(radio_sim_a_port_without_antenna_is_40_db_down),
        cmocka_unit_test(radio_sim_says_what_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
