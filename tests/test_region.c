/* test_region.c - channel plans against the numbers of the rules, and what a plan refuses. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reader/plan.h"

enum { NONE = 0, FCC, ETSI, ETSI_UPPER, CHINA, JAPAN, LAB, REGIONS };
enum { SIM = 0, ZMQ = 2, UHD = 3 };

static struct plan plan;
static struct radio_cfg radio;
static struct plan_cfg cfg;

static void fresh(int kind, double freq_hz)
{
    radio = (struct radio_cfg){.kind = kind,
                               .freq_hz = freq_hz,
                               .rate_sps = 2e6,
                               .tx_gain_db = NAN,
                               .rx_gain_db = NAN,
                               .n_rx_channels = 1};
    cfg = (struct plan_cfg){.hop_dwell_s = NAN,
                            .hop_settle_us = 3000,
                            .hop_seed = 1,
                            .antenna_dwell_s = 0.5,
                            .antenna_gain_dbi = NAN,
                            .uncalibrated_backoff_db = 20};
}

static void refused(int region, const char *detail)
{
    enum status status = plan_make(&cfg, region, 0.7, &radio, &plan);
    assert_true(status == ST_USAGE || status == ST_RANGE);
    if (!strstr(status_detail(), detail)) {
        fail_msg("'%s' is not in '%s'", detail, status_detail());
    }
}

static void region_has_the_channels_of_the_rules(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        double first_mhz, last_mhz, eirp_dbm;
    } rows[REGIONS] = {
        [FCC] = {50, 902.75, 927.25, 36.0},      [ETSI] = {4, 865.7, 867.5, 35.15},
        [ETSI_UPPER] = {4, 916.3, 919.9, 38.15}, [CHINA] = {16, 920.625, 924.375, 35.15},
        [JAPAN] = {4, 916.8, 920.4, 36.0},
    };
    for (int r = 0; r < REGIONS; r++) {
        const struct region_plan *row = region_plan_of(r);
        assert_int_equal(row->n_channels, rows[r].n);
        for (size_t k = 0; k < row->n_channels; k++) {
            double hz = region_channel_hz(row, k);
            assert_true(hz > row->lo_hz);
            assert_true(hz < row->hi_hz);
            assert_int_equal(region_nearest_channel(row, hz + 0.49 * row->step_hz), k);
        }
        if (rows[r].n > 0) {
            assert_true(fabs(region_channel_hz(row, 0) - rows[r].first_mhz * 1e6) < 1.0);
            assert_true(fabs(region_channel_hz(row, rows[r].n - 1) - rows[r].last_mhz * 1e6) < 1);
            assert_true(row->eirp_max_dbm == rows[r].eirp_dbm);
        } else {
            assert_true(isnan(row->eirp_max_dbm));
        }
    }
}

static void region_says_who_hops(void **state)
{
    (void)state;
    static const struct {
        int region;
        double freq_hz;
        bool hops;
        double dwell_s, first_hz;
    } rows[] = {
        {NONE, NAN, false, INFINITY, NAN},      {LAB, 900e6, false, INFINITY, 900e6},
        {FCC, 914.9e6, true, 0.4, 914.75e6},    {ETSI, 866.5e6, false, 4.1, 866.3e6},
        {CHINA, 921.1e6, true, 2.0, 921.125e6}, {JAPAN, 917e6, false, 4.05, 916.8e6},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        fresh(SIM, rows[k].freq_hz);
        assert_int_equal(plan_make(&cfg, rows[k].region, 0.7, &radio, &plan), ST_OK);
        assert_int_equal(plan.hops, rows[k].hops);
        assert_true(plan.changes == isfinite(rows[k].dwell_s));
        assert_true(isinf(rows[k].dwell_s) ? isinf(plan.schedule.dwell_s)
                                           : fabs(plan.schedule.dwell_s - rows[k].dwell_s) < 1e-9);
        double first_hz = plan.schedule.channel_hz[plan.schedule.first_channel];
        assert_true(isnan(rows[k].first_hz) ? isnan(first_hz)
                                            : fabs(first_hz - rows[k].first_hz) < 1.0);
    }
}

static void region_refuses_what_the_rules_forbid(void **state)
{
    (void)state;
    fresh(UHD, 915e6);
    refused(NONE, "radio.region is not set");
    fresh(UHD, NAN);
    refused(FCC, "radio.freq_hz is not set");
    fresh(SIM, 866e6);
    refused(FCC, "accepted in region 'fcc' (FCC 47 CFR 15.247): 902.0..928.0 MHz");
    fresh(ZMQ, 915e6);
    refused(FCC, "radio 'zmq' cannot change its frequency while it runs");
    fresh(SIM, 915e6);
    cfg.hop = PLAN_HOP_ON;
    refused(LAB, "region 'lab' has no channels");
    fresh(SIM, 915e6);
    cfg.hop_dwell_s = 0.3;
    refused(FCC, "up to 0.6 s, region 'fcc' accepts 0.4 s in any 20 s (47 CFR 15.247(a)(1)(i))");
    fresh(SIM, 921e6);
    cfg.hop_dwell_s = 2.1;
    refused(CHINA, "accepts 2 s at a time");
    fresh(SIM, 921e6);
    cfg.hop = PLAN_HOP_OFF;
    cfg.calibration[0] = '\0';
    radio.kind = UHD;
    refused(CHINA, "region 'china' has no fixed carrier");
    fresh(UHD, 915e6);
    cfg.hop = PLAN_HOP_OFF;
    refused(FCC, "may have -1.25 dBm EIRP in region 'fcc' (47 CFR 15.249(a))");
    fresh(SIM, 915e6);
    snprintf(cfg.antennas, sizeof cfg.antennas, "RX2,TX/RX");
    cfg.antenna_dwell_s = 0.4;
    cfg.hop_settle_us = 390000;
    refused(FCC, "at least 0.02 s are needed");
}

static void region_reads_antenna_lists(void **state)
{
    (void)state;
    fresh(SIM, 915e6);
    snprintf(cfg.antennas, sizeof cfg.antennas, "RX2, TX/RX+RX2 ,TX/RX");
    assert_int_equal(plan_make(&cfg, LAB, 0.7, &radio, &plan), ST_OK);
    assert_int_equal(plan.n_antennas, 3);
    assert_string_equal(plan.antenna[0].rx, "RX2");
    assert_string_equal(plan.antenna[0].tx, "");
    assert_string_equal(plan.antenna[1].name, "TX/RX+RX2");
    assert_string_equal(plan.antenna[1].tx, "TX/RX");
    assert_string_equal(plan.antenna[1].rx, "RX2");
    assert_string_equal(radio.antenna, "RX2");
    static const char *const bad[] = {
        "RX2,", "+RX2", "A+", "A+B+C", " , ", ",", "a,a,a,a,a,a,a,a,a", "a-name-of-16-chr"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        fresh(SIM, 915e6);
        snprintf(cfg.antennas, sizeof cfg.antennas, "%s", bad[k]);
        refused(LAB, "up to 8 of RX or TX+RX");
    }
    fresh(ZMQ, NAN);
    snprintf(cfg.antennas, sizeof cfg.antennas, "a,b");
    refused(NONE, "cannot change its antenna while it runs");
    fresh(SIM, NAN);
    snprintf(cfg.antennas, sizeof cfg.antennas, "a,b");
    snprintf(radio.antenna, sizeof radio.antenna, "a");
    refused(NONE, "both set");
}

/* 10 dBm at 60 dB, 30 dBm at 80 dB, everywhere in the band. */
static void calibrate(double antenna_gain_dbi, double cable_loss_db, double tx_gain_db)
{
    static struct calibration table;
    memset(&table, 0, sizeof table);
    static const double freqs_hz[] = {866e6, 902e6, 928e6};
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(calibration_put(&table.tx, freqs_hz[k], 60, 10.0), 0);
        assert_int_equal(calibration_put(&table.tx, freqs_hz[k], 80, 30.0), 0);
    }
    snprintf(cfg.calibration, sizeof cfg.calibration, "/tmp/test_region.%ld", (long)getpid());
    assert_int_equal(calibration_write(cfg.calibration, &table), 0);
    cfg.antenna_gain_dbi = antenna_gain_dbi;
    cfg.cable_loss_db = cable_loss_db;
    radio.tx_gain_db = tx_gain_db;
}

static void region_adds_up_eirp(void **state)
{
    (void)state;
    fresh(SIM, 915e6);
    calibrate(9.0, 1.0, 70.0);
    assert_int_equal(plan_make(&cfg, FCC, 0.5, &radio, &plan), ST_OK);
    assert_true(fabs(eirp_conducted_dbm(&plan.eirp) - (20.0 - 6.0206 - 1.0)) < 1e-3);
    assert_true(fabs(eirp_dbm(&plan.eirp) - 21.9794) < 1e-3);
    /* 30 - 3.098 - 1 + 12 = 37.902: 1.902 over 36, so 1.9 -> 2 dB, 0.7 * 10^(-1.902/20) = 0.562 */
    fresh(SIM, 915e6);
    calibrate(12.0, 1.0, 80.0);
    enum status status = plan_make(&cfg, FCC, 0.7, &radio, &plan);
    assert_int_equal(status, ST_USAGE);
    static const char *const said[] = {"EIRP is 37.90 dBm",
                                       "30.00 dBm full scale at 80 dB gain",
                                       "-1.00 dB cable",
                                       "+12.00 dBi antenna",
                                       "allows 36.00 dBm (47 CFR 15.247(b)(2), (b)(4))",
                                       "radio.tx_gain_db by 2.0 dB",
                                       "tx.amplitude to 0.562"};
    for (size_t k = 0; k < sizeof said / sizeof *said; k++) {
        if (!strstr(status_detail(), said[k])) {
            fail_msg("'%s' is not in '%s'", said[k], status_detail());
        }
    }
    fresh(SIM, 915e6);
    calibrate(12.0, 1.0, 78.0);
    assert_int_equal(plan_make(&cfg, FCC, 0.7, &radio, &plan), ST_OK);
    fresh(SIM, 915e6); /* 30 dBm into a weak antenna are too much as well */
    calibrate(0.0, -4.0, 80.0);
    refused(FCC, "the power into the antenna is 30.90 dBm");
    fresh(SIM, 866.3e6);
    calibrate(9.0, 0.0, 80.0);
    refused(ETSI, "EIRP is 35.90 dBm");
    fresh(SIM, 915e6);
    calibrate(9.0, 0.0, 80.0);
    assert_int_equal(plan_make(&cfg, LAB, 0.7, &radio, &plan), ST_OK);
    unlink(cfg.calibration);
}

static void region_limits_a_carrier_that_stays(void **state)
{
    (void)state;
    fresh(SIM, 915.1e6);
    calibrate(2.0, 10.0, 60.0); /* 10 - 3.1 - 10 + 2 = -1.1 */
    cfg.hop = PLAN_HOP_OFF;
    refused(FCC, "EIRP without hopping is -1.10 dBm");
    fresh(SIM, 915.1e6);
    calibrate(2.0, 10.2, 60.0);
    cfg.hop = PLAN_HOP_OFF;
    assert_int_equal(plan_make(&cfg, FCC, 0.7, &radio, &plan), ST_OK);
    assert_true(radio.freq_hz == 915.1e6);
    assert_false(plan.changes);
    unlink(cfg.calibration);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_has_the_channels_of_the_rules),
        cmocka_unit_test(region_says_who_hops),
        cmocka_unit_test(region_refuses_what_the_rules_forbid),
        cmocka_unit_test(region_reads_antenna_lists),
        cmocka_unit_test(region_adds_up_eirp),
        cmocka_unit_test(region_limits_a_carrier_that_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
