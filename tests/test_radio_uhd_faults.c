/* test_radio_uhd_faults.c - the uhd radio when packets are lost, late or overtake, and when the device falls silent
 * or dies: ticks are device time whatever happens. */
#include "tests/uhd_rig.h"

/* The stream with a fault in its middle.   out  report of the device */
static struct streamed stream_with(const char *fault, const char *silence_s, const json_t **report)
{
    const struct choice silence = {"radio.uhd.silence_s", silence_s};
    char more[64];
    snprintf(more, sizeof more, "--fault %s", fault);
    device_start(more);
    struct radio_cfg cfg = uhd_cfg_of();
    struct opened opened = uhd_open(&cfg, &silence, 1);
    assert_int_equal(opened.status, ST_OK);
    const struct streamed seen = stream(opened.radio, (int64_t)(0.5 * RATE_SPS), NULL);
    uhd_close(&opened);
    *report = softusrp_rig_stop(&rig);
    return seen;
}

static void assert_goes_on(const struct streamed *seen)
{
    assert_int_equal(seen->receiving, ST_OK);
    assert_int_equal(seen->sending, ST_STOPPED);
    assert_int_equal(seen->n_out_of_place, 0);
    assert_true(seen->n_ticks >= (int64_t)(0.5 * RATE_SPS));
}

/* Until one run shows no other trouble than what was injected. */
static struct streamed stream_undisturbed(const char *fault, uint64_t n_expected,
                                          const json_t **report)
{
    struct streamed seen;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        seen = stream_with(fault, "5", report);
        assert_goes_on(&seen);
        assert_true(n_disturbed(&seen) >= n_expected); /* every one of them is counted */
        if (n_disturbed(&seen) == n_expected) {
            return seen;
        }
    }
    fail_msg("never undisturbed with '%s'", fault);
    return seen;
}

/* Losses on the way to the host: counted, the gap is theirs, everything else in its place. */
static void radio_uhd_keeps_its_ticks_when_packets_are_lost(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    struct streamed seen = stream_undisturbed("drop_rx@0.4,n=1", 1, &report);
    assert_int_equal(seen.counters.sequence_errors, 1);
    assert_int_equal(seen.n_gap, 100); /* a packet: 100 us at 1 MS/s */
    assert_int_equal(seen.n_wrong, 0);
    seen = stream_undisturbed("overflow@0.4,n=1", 1, &report);
    assert_int_equal(seen.counters.overflows, 1);
    assert_true(seen.n_gap > 0);
    assert_int_equal(seen.n_wrong, 0);
}

static void radio_uhd_keeps_its_ticks_when_packets_overtake(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    struct streamed seen;
    bool disturbed = true;
    for (int attempt = 0; attempt < ATTEMPTS && disturbed; attempt++) {
        seen = stream_with("reorder_rx@0.4,n=1", "5", &report);
        assert_goes_on(&seen);
        assert_true(seen.counters.sequence_errors >= 1); /* how often, is libuhd's affair */
        disturbed = n_disturbed(&seen) > seen.counters.sequence_errors;
    }
    assert_false(disturbed);
    assert_int_equal(seen.n_wrong, 0);
}

/* Losses on the way to the antenna: counted, and the next burst begins where it belongs. */
static void radio_uhd_recovers_its_place_on_the_air(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    static const struct {
        const char *fault;
        size_t counter; /* that tells of it */
    } rows[] = {
        {"underflow@0.4,n=1", offsetof(struct radio_counters, underflows)},
        {"late,n=1", offsetof(struct radio_counters, late)}, /* the first burst */
        {"drop_tx@0.4,n=1", offsetof(struct radio_counters, sequence_errors)},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const json_t *report;
        const struct streamed seen = stream_undisturbed(rows[k].fault, 1, &report);
        const char *counters = (const char *)&seen.counters;
        uint64_t n = 0;
        memcpy(&n, counters + rows[k].counter, sizeof n);
        assert_int_equal(n, 1);
        assert_true(seen.n_wrong > 0); /* there was no carrier for a while */
        assert_true(seen.n_wrong < (int64_t)(0.05 * RATE_SPS));
        assert_true(seen.last_wrong_tick < (int64_t)(0.4 * RATE_SPS));
    }
}

/* Nothing comes for a third of a second, then everything again. */
static void radio_uhd_survives_a_short_silence(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    const struct streamed seen = stream_with("drop_rx@0.4,n=0,for=0.1", "5", &report);
    assert_goes_on(&seen);
    assert_true(seen.counters.sequence_errors >= 1);
    assert_in_range(seen.n_gap, (int64_t)(0.09 * RATE_SPS), (int64_t)(0.11 * RATE_SPS));
    assert_true(seen.n_wrong == 0 || n_disturbed(&seen) > 1);
}

static void radio_uhd_ends_with_a_device_that_dies(void **state)
{
    (void)state;
    if (UNDER_TSAN) {
        skip();
    }
    const json_t *report;
    const double before_s = program_clock_s();
    const struct streamed seen = stream_with("die@0.4", "0.5", &report);
    assert_true(program_clock_s() - before_s < 15.0); /* libuhd's own good-byes take 20 s more */
    assert_int_equal(seen.receiving, ST_IO);
    assert_non_null(strstr(seen.detail, "dead or unplugged"));
    const double died_s = softusrp_rig_number(report, "devices.0.faults.die.last_s");
    const double last_s = softusrp_rig_number(report, "devices.0.channels.0.tx.last_nonzero_s");
    assert_true(last_s < died_s + LEAD_US * 1e-6 + 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(radio_uhd_keeps_its_ticks_when_packets_are_lost, end_device),
        cmocka_unit_test_teardown(radio_uhd_keeps_its_ticks_when_packets_overtake, end_device),
        cmocka_unit_test_teardown(radio_uhd_recovers_its_place_on_the_air, end_device),
        cmocka_unit_test_teardown(radio_uhd_survives_a_short_silence, end_device),
        cmocka_unit_test_teardown(radio_uhd_ends_with_a_device_that_dies, end_device),
    };
    const int n_failed = cmocka_run_group_tests(tests, program_set_up, program_tear_down);
    fflush(NULL);
    return n_failed;
}
