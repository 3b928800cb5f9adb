/* test_radio_uhd.c - the uhd radio against the software USRP, seen through unmodified libuhd: what it
 * refuses, what it says, and that ticks are device time. */
#include "tests/uhd_rig.h"

/* The device runs on while the machine may be busy elsewhere: a disturbed stream says so in its
 * counters. An undisturbed one must come within a few tries, and be perfect. */
static void stream_both_ways(int64_t n_rx_channels)
{
    if (UNDER_TSAN) {
        skip();
    }
    struct streamed seen;
    uint64_t n = 1;
    for (int attempt = 0; attempt < ATTEMPTS && n > 0; attempt++) {
        device_start("");
        struct radio_cfg cfg = uhd_cfg_of();
        cfg.n_rx_channels = n_rx_channels;
        struct opened opened = uhd_open(&cfg, NULL, 0);
        assert_int_equal(opened.status, ST_OK);
        assert_true(fabs(radio_rate_sps(opened.radio) - RATE_SPS) < 1);
        assert_false(radio_clocks_are_apart(opened.radio));
        seen = stream(opened.radio, (int64_t)(0.4 * RATE_SPS), NULL);
        assert_int_equal(seen.receiving, ST_OK);
        assert_int_equal(seen.sending, ST_STOPPED);
        assert_int_equal(seen.after_stop, ST_STOPPED);
        assert_int_equal(seen.n_out_of_place, 0);
        uhd_close(&opened);
        n = n_disturbed(&seen);
        assert_true(n > 0 || seen.n_gap == 0); /* nothing is lost in silence */
    }
    assert_int_equal(n, 0);
    assert_int_equal(seen.n_wrong, 0); /* tick n sent is tick n received, sample by sample */
    assert_true(seen.lead_max_ticks <= (int64_t)(1e-3 * RATE_SPS)); /* never ahead of the device */
    const json_t *report = softusrp_rig_stop(&rig);
    assert_int_equal(softusrp_rig_number(report, "devices.0.channels.0.tx.underflows"), 0);
}

static void radio_uhd_streams_both_ways_on_one_clock(void **state)
{
    (void)state;
    stream_both_ways(1);
}

static void radio_uhd_streams_two_receive_channels(void **state)
{
    (void)state;
    stream_both_ways(2);
}

/* ---- settings ---- */

static void radio_uhd_asks_for_a_frequency_and_a_rate(void **state)
{
    (void)state;
    struct radio_cfg cfg = uhd_cfg_of();
    cfg.freq_hz = NAN;
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_USAGE);
    assert_non_null(strstr(status_detail(), "radio.freq_hz"));
    uhd_close(&opened);
    static const double bad_sps[] = {NAN, 0, -2e6, INFINITY, 1e30};
    for (size_t k = 0; k < sizeof bad_sps / sizeof *bad_sps; k++) {
        cfg = uhd_cfg_of();
        cfg.rate_sps = bad_sps[k];
        opened = uhd_open(&cfg, NULL, 0);
        assert_int_equal(opened.status, isnan(bad_sps[k]) ? ST_USAGE : ST_RANGE);
        assert_null(opened.radio);
        uhd_close(&opened);
    }
}

static void radio_uhd_names_a_device_that_is_not_there(void **state)
{
    (void)state;
    struct radio_cfg cfg = uhd_cfg_of();
    snprintf(cfg.args, sizeof cfg.args, "type=b200,serial=none");
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "'type=b200,serial=none' (radio.args)"));
    assert_null(opened.radio);
    uhd_close(&opened);
}

static void radio_uhd_refuses_what_the_device_does_not_do(void **state)
{
    (void)state;
    static const struct {
        double tx_gain_db, freq_hz;
        const char *antenna;
        struct choice choice;
        enum status status;
        const char *said[3]; /* what, what was asked, what is accepted */
    } rows[] = {
        {.tx_gain_db = 120, .status = ST_RANGE, .said = {"radio.tx_gain_db", "120", "89.75"}},
        {.freq_hz = 9e9, .status = ST_RANGE, .said = {"radio.freq_hz", "9e+09", "6e+09"}},
        {.antenna = "ANT9", .status = ST_RANGE, .said = {"radio.antenna", "ANT9", "RX2, TX/RX"}},
        {.choice = {"radio.uhd.subdev", "B:7"},
         .status = ST_RANGE,
         .said = {"radio.uhd.rx_subdev", "B:7", "A:0"}},
        {.choice = {"radio.uhd.channels", "0,5"},
         .status = ST_RANGE,
         .said = {"radio.uhd.channels", "5", "2"}},
        {.choice = {"radio.uhd.ref", "gpsdo"},
         .status = ST_RANGE,
         .said = {"clock source", "gpsdo", "internal"}},
        {.choice = {"radio.uhd.lo_offset_hz", "2e6"}, /* a device without a mixer of its own */
         .status = ST_RANGE,
         .said = {"radio.uhd.lo_offset_hz", "2e+06", "9.17e+08"}},
    };
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0");
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct radio_cfg cfg = uhd_cfg_of();
        cfg.tx_gain_db = rows[k].tx_gain_db > 0 ? rows[k].tx_gain_db : cfg.tx_gain_db;
        cfg.freq_hz = rows[k].freq_hz > 0 ? rows[k].freq_hz : cfg.freq_hz;
        snprintf(cfg.antenna, sizeof cfg.antenna, "%s", rows[k].antenna ? rows[k].antenna : "");
        struct opened opened = uhd_open(&cfg, &rows[k].choice, rows[k].choice.key ? 1 : 0);
        assert_int_equal(opened.status, rows[k].status);
        assert_null(opened.radio);
        for (size_t s = 0; s < 3; s++) {
            if (!strstr(status_detail(), rows[k].said[s])) {
                print_error("'%s' not in '%s'\n", rows[k].said[s], status_detail());
                fail();
            }
        }
        uhd_close(&opened);
    }
}

static void radio_uhd_wants_the_reference_that_was_asked_for(void **state)
{
    (void)state;
    static const struct choice external = {"radio.uhd.ref", "external"};
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0 --fault no_reference");
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, &external, 1);
    assert_int_equal(opened.status, ST_IO);
    assert_non_null(strstr(status_detail(), "not locked"));
    assert_non_null(strstr(status_detail(), "'external'"));
    uhd_close(&opened);
    opened = uhd_open(&cfg, NULL, 0); /* nobody asked for one */
    assert_int_equal(opened.status, ST_OK);
    uhd_close(&opened);
}

static void radio_uhd_lists_and_describes_what_is_there(void **state)
{
    (void)state;
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " --tags 0");
    struct radio_listing row[4];
    size_t n = 0;
    assert_int_equal(radio_uhd.list("addr=" ADDRESS, row, 4, &n), ST_OK);
    assert_int_equal(n, 1);
    assert_string_equal(row[0].args, "type=e3xx,addr=" ADDRESS);
    assert_non_null(strstr(row[0].description, "e320"));
    assert_int_equal(radio_uhd.list("type=b200,serial=none", row, 4, &n), ST_OK);
    assert_int_equal(n, 0);
    struct radio_cfg cfg = uhd_cfg_of();
    snprintf(cfg.args, sizeof cfg.args, "type=e3xx,addr=" ADDRESS); /* as listed */
    snprintf(cfg.antenna, sizeof cfg.antenna, "TX/RX");
    struct opened opened = uhd_open(&cfg, NULL, 0);
    struct radio_about about;
    assert_int_equal(opened.status, ST_OK);
    assert_int_equal(radio_describe(opened.radio, &about), ST_OK);
    assert_string_equal(about.model, "e320");
    assert_true(about.serial[0] != '\0');
    assert_string_equal(about.rx_antenna, "TX/RX");
    assert_string_equal(about.tx_antenna, "TX/RX");
    assert_string_equal(about.tx_antennas[0], "TX/RX");
    assert_string_equal(about.tx_antennas[1], "");
    assert_true(about.tx_gain_db == 60 && about.rx_gain_db == 30);
    assert_true(about.tx_gain_min_db == 0 && about.tx_gain_max_db == 89.75);
    assert_true(about.rx_gain_min_db == 0 && about.rx_gain_max_db == 76);
    assert_true(about.rate_sps == RATE_SPS && about.freq_hz == 915e6);
    uhd_close(&opened);
}

static int64_t asked_tick;

static void hop(struct radio *radio, int64_t tick)
{
    struct radio_setting setting = {
        .freq_hz = 916e6, .tx_gain_db = NAN, .rx_gain_db = 20, .rx_antenna = "TX/RX"};
    asked_tick = tick + (int64_t)(0.05 * RATE_SPS);
    assert_int_equal(radio_set(radio, &setting, asked_tick), ST_OK);
    assert_true(radio_now(radio) >= asked_tick); /* it is in force */
    assert_true(radio_freq_hz(radio) == 916e6);
    setting.rx_gain_db = 300;
    assert_int_equal(radio_set(radio, &setting, 0), ST_RANGE);
    assert_non_null(strstr(status_detail(), "radio.rx_gain_db 300"));
}

/* The device writes down when it was told what. */
static void radio_uhd_sets_at_a_tick(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    static const struct {
        const char *what;
        double value;
    } rows[] = {{"tx_freq", 916e6}, {"rx_freq", 916e6}, {"rx_gain", 20}};
    softusrp_rig_start(&rig, "--device addr=" ADDRESS " " SLOW " " LOUD_AIR);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, NULL, 0);
    assert_int_equal(opened.status, ST_OK);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.4 * RATE_SPS), hop);
    assert_int_equal(seen.receiving, ST_OK);
    uhd_close(&opened);
    const json_t *report = softusrp_rig_stop(&rig);
    const double origin_s = softusrp_rig_number(report, "devices.0.channels.0.tx.bursts.0.start_s");
    const json_t *settings = softusrp_rig_value(report, "devices.0.settings");
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        size_t k;
        const json_t *setting;
        double at_s = NAN;
        json_array_foreach(settings, k, setting)
        {
            if (strcmp(json_string_value(json_object_get(setting, "what")), rows[r].what) == 0 &&
                json_integer_value(json_object_get(setting, "channel")) == 0 &&
                json_number_value(json_object_get(setting, "value")) == rows[r].value) {
                at_s = json_number_value(json_object_get(setting, "at_s"));
            }
        }
        const double late_s = at_s - origin_s - (double)asked_tick / RATE_SPS;
        assert_true(late_s > -2e-3); /* the host's idea of the device clock */
        assert_true(late_s < 0.1);   /* a few round trips of a slowed device */
    }
}

/* ---- two devices ---- */

static void split_check(bool by_pulse)
{
    static const struct choice choices[] = {{"radio.uhd.rx_args", "addr=" SECOND},
                                            {"radio.uhd.ref", "external"}};
    softusrp_rig_start(&rig,
                       "--device addr=" ADDRESS " --device addr=" SECOND " " SLOW " " LOUD_AIR);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, choices, by_pulse ? 2 : 1);
    if (opened.status) {
        print_error("%s\n", status_detail());
    }
    assert_int_equal(opened.status, ST_OK);
    assert_int_equal(radio_clocks_are_apart(opened.radio), !by_pulse);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.2 * RATE_SPS), NULL);
    assert_int_equal(seen.receiving, ST_OK);
    assert_int_equal(seen.sending, ST_STOPPED);
    assert_int_equal(seen.n_out_of_place, 0);
    uhd_close(&opened);
    const json_t *report = softusrp_rig_stop(&rig);
    assert_true(softusrp_rig_number(report, "devices.0.channels.0.tx.samples_on") > 0);
    assert_true(softusrp_rig_number(report, "devices.1.channels.0.rx.samples") > 0);
    assert_int_equal(softusrp_rig_number(report, "devices.0.channels.0.rx.samples"), 0);
    assert_int_equal(softusrp_rig_number(report, "devices.1.channels.0.tx.samples_on"), 0);
    const double apart_s =
        softusrp_rig_number(report, "devices.0.channels.0.tx.bursts.0.start_s") -
        (softusrp_rig_number(report, "devices.1.first_stream_s") + 0.2); /* START_DELAY_S */
    assert_true(fabs(apart_s) < 0.1);
}

static void radio_uhd_splits_over_two_devices(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    split_check(false);
}

static void radio_uhd_splits_over_two_devices_on_one_pulse(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    split_check(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_uhd_asks_for_a_frequency_and_a_rate),
        cmocka_unit_test(radio_uhd_names_a_device_that_is_not_there),
        cmocka_unit_test_teardown(radio_uhd_refuses_what_the_device_does_not_do, end_device),
        cmocka_unit_test_teardown(radio_uhd_wants_the_reference_that_was_asked_for, end_device),
        cmocka_unit_test_teardown(radio_uhd_lists_and_describes_what_is_there, end_device),
        cmocka_unit_test_teardown(radio_uhd_streams_both_ways_on_one_clock, end_device),
        cmocka_unit_test_teardown(radio_uhd_streams_two_receive_channels, end_device),
        cmocka_unit_test_teardown(radio_uhd_sets_at_a_tick, end_device),
        cmocka_unit_test_teardown(radio_uhd_splits_over_two_devices, end_device),
        cmocka_unit_test_teardown(radio_uhd_splits_over_two_devices_on_one_pulse, end_device),
    };
    const int n_failed = cmocka_run_group_tests(tests, program_set_up, program_tear_down);
    fflush(NULL);
    return n_failed;
}
