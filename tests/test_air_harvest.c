/* test_air_harvest.c - tags on a storage capacitor: times to charge and to brown out against the closed
 * form, alone and on the air. */
#include "air_rig.h"

#include "radio/air/harvest.h"

#define RATE_SPS 2e6
#define STEP_US 40.0

static struct tag_device_cfg device_cfg(void)
{
    return (struct tag_device_cfg){.command_dbm = NAN,
                                   .carrier_dbm = NAN,
                                   .storage_uf = 0.01,
                                   .start_v = 1.8,
                                   .stop_v = 1.0,
                                   .full_v = 2.4,
                                   .efficiency_ratio = 0.3,
                                   .load_uw = 20,
                                   .leak_uw = 0.5};
}

/* 1/2 C V^2 of the storage above: 16.2 nJ to start, 5 nJ to live on, 28.8 nJ when full. */
#define START_UJ 0.0162
#define STOP_UJ 0.005
#define FULL_UJ 0.0288

/* ---- alone ---- */

static double run_s(const struct harvest *harvest, struct harvest_store *store, double power_mw,
                    bool is_enough, double most_s)
{
    double step_s = (double)harvest->step_ticks / RATE_SPS;
    bool was = store->is_running;
    double s = 0;
    while (store->is_running == was && s < most_s) {
        bool has_changed = harvest_step(harvest, store, power_mw, is_enough);
        assert_int_equal(has_changed, store->is_running != was);
        s += step_s;
    }
    return s;
}

/* Powers in mW: 0.3 P - leak charges, load and leak drain. One step of 40 us either way. */
static void air_harvest_times_are_the_closed_form(void **state)
{
    (void)state;
    static const double powers_mw[] = {0.1, 0.01, 0.003};
    const struct tag_device_cfg cfg = device_cfg();
    struct harvest harvest;
    struct harvest_store store;
    harvest_init(&harvest, &cfg, RATE_SPS, 80);
    for (size_t i = 0; i < 3; i++) {
        harvest_store_init(&store, &harvest);
        double charge_s = START_UJ / (0.3 * 1e3 * powers_mw[i] - 0.5);
        assert_true(fabs(run_s(&harvest, &store, powers_mw[i], true, 1) - charge_s) <=
                    1.01e-6 * STEP_US);
        double dark_s = (store.stored_uj - STOP_UJ) / (20 + 0.5);
        assert_true(fabs(run_s(&harvest, &store, powers_mw[i], false, 1) - dark_s) <=
                    1.01e-6 * STEP_US);
    }
    harvest_store_init(&store, &harvest); /* 0.3 P below the leak: never */
    assert_true(run_s(&harvest, &store, 0.0016, true, 1) >= 1);
    assert_true(store.stored_uj == 0);
}

/* A running tag's income against its load: more than it draws fills the storage, less ends it. */
static void air_harvest_load_counts_while_it_runs(void **state)
{
    (void)state;
    const struct tag_device_cfg cfg = device_cfg();
    struct harvest harvest;
    struct harvest_store store = {.stored_uj = 0.02, .is_running = true};
    harvest_init(&harvest, &cfg, RATE_SPS, 80);
    assert_true(run_s(&harvest, &store, 0.1, true, 0.1) >= 0.1);
    assert_true(fabs(store.stored_uj - FULL_UJ) < 1e-9);
    double brown_s = (FULL_UJ - STOP_UJ) / (20.5 - 0.3 * 1e3 * 0.02); /* 6 uW in */
    assert_true(fabs(run_s(&harvest, &store, 0.02, true, 1) - brown_s) <= 1.01e-6 * STEP_US);
}

static void air_harvest_refuses_impossible_storages(void **state)
{
    (void)state;
    struct tag_device_cfg cfg = device_cfg();
    assert_int_equal(harvest_check(&cfg), ST_OK);
    cfg.stop_v = 1.8;
    assert_int_equal(harvest_check(&cfg), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.tag_start_v is 1.8"));
    cfg = device_cfg();
    cfg.full_v = 1.7;
    assert_int_equal(harvest_check(&cfg), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.sim.tag_full_v is 1.7"));
    cfg.storage_uf = 0;
    assert_int_equal(harvest_check(&cfg), ST_OK);
}

/* ---- on the air ---- */

/* A tag that gets -10 dBm (0.1 mW) from 1 m: 20 + g - 31.629 dB. */
static struct air_cfg air_cfg_of(double power_dbm, bool has_emitter)
{
    struct air_cfg cfg = rig_cfg(1);
    cfg.distance_min_m = cfg.distance_max_m = 1;
    cfg.tag_gain_dbi = 0;
    cfg.antenna_gain_dbi = 6;
    cfg.tx_power_dbm = power_dbm - 6 + 31.6286;
    cfg.tag_sensitivity_dbm = -25;
    cfg.tag_sensitivity_spread_db = 0;
    cfg.device = device_cfg();
    cfg.emitter[0].level_db =
        has_emitter ? -120 : NAN; /* each tag has a detector of its own then */
    cfg.emitter[0].offset_hz = 1e3;
    return cfg;
}

static struct air_tag_truth step(struct air *air, double level, size_t n_samples)
{
    struct air_tag_truth truth;
    float _Complex *tx = rig_samples(n_samples);
    float _Complex *rx = rig_samples(n_samples);
    for (size_t k = 0; k < n_samples; k++) {
        tx[k] = (float)level;
    }
    air_step(air, (const float _Complex *[]){tx}, (float _Complex *[]){rx}, n_samples);
    air_tag_read(air, 0, &truth);
    free(tx);
    free(rx);
    return truth;
}

/* Samples until the tag starts or stops, found 10 us at a time. */
static double wait_us(struct air *air, double level, bool until)
{
    double us = 0;
    while (step(air, level, 20).is_running != until && us < 1e6) {
        us += 10;
    }
    return us + 10;
}

static void air_harvest_tags_start_and_brown_out(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct air_cfg cfg = air_cfg_of(-10, k == 1);
        struct air *air;
        assert_int_equal(air_new(&cfg, RATE_SPS, 910e6, 1, 1, &air), ST_OK);
        double charge_us = 1e6 * START_UJ / (0.3 * 100 - 0.5);
        assert_true(fabs(wait_us(air, 1, true) - charge_us) <= STEP_US + 10);
        double stored_uj = step(air, 0, 20).stored_uj;
        double dark_us = 1e6 * (stored_uj - STOP_UJ) / 20.5 + 10;
        assert_true(fabs(wait_us(air, 0, false) - dark_us) <= STEP_US + 20);
        air_free(&air);
    }
}

/* Below its sensitivity a tag's rectifier gives nothing, however long. */
static void air_harvest_needs_the_sensitivity(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct air_cfg cfg = air_cfg_of(k == 0 ? -24.9 : -25.1, false);
        struct air *air;
        cfg.device.leak_uw = 0;
        cfg.device.load_uw = 0.5;
        assert_int_equal(air_new(&cfg, RATE_SPS, 910e6, 1, 1, &air), ST_OK);
        const struct air_tag_truth truth = step(air, 1, 200000); /* 16.2 nJ take 16.7 ms */
        assert_int_equal(truth.is_running, k == 0);
        assert_true(k == 0 || truth.stored_uj == 0);
        air_free(&air);
    }
}

/* Charged, it answers in a field too weak to charge it: the storage parts the two levels. It browns out
 * in mid-exchange where the storage ends. */
static void air_harvest_tags_answer_from_their_storage(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct rig rig;
        char command[64];
        struct air_cfg cfg = air_cfg_of(-30, false);
        struct air_tag_truth truth;
        cfg.device.charge_ratio = k == 0 ? 1.0 : 0.6;
        cfg.device.load_uw = k == 0 ? 1 : 10; /* 12.28 nJ to burn: 1.2 ms, within the Query */
        rig_open(&rig, &cfg, RATE_SPS);
        rig_cw(&rig, 500);
        rig_query(&rig_link_a, 0, 0, 0, 0, command);
        rig_command(&rig, &rig_link_a, command, true);
        rig_wait(&rig, 1000);
        assert_int_equal(rig_find(&rig).is_heard, k == 0);
        air_tag_read(rig.air, 0, &truth);
        assert_int_equal(truth.is_running, k == 0);
        rig_close(&rig);
    }
}

/* The result does not depend on how calls split the samples, bit for bit. */
static void air_harvest_blocks_do_not_matter(void **state)
{
    (void)state;
    static const size_t blocks[] = {5000, 777, 80, 1};
    double stored_uj[4];
    for (int emitter = 0; emitter < 2; emitter++) {
        for (size_t i = 0; i < 4; i++) {
            const struct air_cfg cfg = air_cfg_of(-10, emitter == 1);
            struct air *air;
            struct air_tag_truth truth;
            assert_int_equal(air_new(&cfg, RATE_SPS, 910e6, 1, 1, &air), ST_OK);
            for (size_t done = 0; done < 9000;) {
                size_t n = blocks[i] < 9000 - done ? blocks[i] : 9000 - done;
                step(air, 1, n);
                done += n;
            }
            truth = step(air, 0, 3000);
            stored_uj[i] = truth.stored_uj;
            assert_true(stored_uj[i] > 0 && stored_uj[i] == stored_uj[0]);
            air_free(&air);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_harvest_times_are_the_closed_form),
        cmocka_unit_test(air_harvest_load_counts_while_it_runs),
        cmocka_unit_test(air_harvest_refuses_impossible_storages),
        cmocka_unit_test(air_harvest_tags_start_and_brown_out),
        cmocka_unit_test(air_harvest_needs_the_sensitivity),
        cmocka_unit_test(air_harvest_tags_answer_from_their_storage),
        cmocka_unit_test(air_harvest_blocks_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
