/* test_diagnose.c - the rules of diagnose.h on views made by hand: each fault is named, first; what
 * only looks like it is not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/log.h"
#include "reader/diagnose.h"
#include "reader/diagnose_run.h"

static struct diagnose_finding found[DIAGNOSE_N];

/* A bench as it should be: B210-like levels, 40 kHz FM0, tags read. */
static struct diagnose_view healthy(void)
{
    struct diagnose_view view;
    diagnose_view_init(&view);
    snprintf(view.rx_port, sizeof view.rx_port, "RX2");
    snprintf(view.rx_subdev, sizeof view.rx_subdev, "A:A");
    snprintf(view.better_port, sizeof view.better_port, "TX/RX");
    view.better_port_db = -35;
    view.ref_locked = view.lo_locked = 1;
    view.tx_gain_db = 60, view.tx_gain_max_db = 89.75;
    view.rx_gain_db = 30, view.rx_gain_min_db = 0, view.rx_gain_max_db = 76;
    view.blf_hz = 40e3, view.t2_max_us = 500, view.rate_sps = 2e6;
    view.noise_dbfs = -68, view.noise_follows_db = 8;
    view.dc_dbfs = -55, view.off_clipped_ratio = 0, view.burst_db = 1;
    view.leak_dbfs = -15, view.headroom_db = 14, view.clipped_ratio = 0;
    view.clipped_down_db = 1;
    view.noise_on_dbfs = -66, view.image_db = -40;
    view.real_time = true;
    view.delay_samples = 0.3;
    view.answer_us = 310, view.turnaround_us = 90;
    view.tx_lead_us = 200, view.tx_lead_least_us = 180;
    view.n_slots = 300, view.n_reads = 120;
    view.outcome[SLOT_EMPTY] = 160, view.outcome[SLOT_SINGLE] = 120;
    view.outcome[SLOT_COLLISION] = 15, view.outcome[SLOT_RN16_ONLY] = 4;
    view.outcome[SLOT_CRC_ERROR] = 1;
    view.cause[REPLY_CAUSE_MISFIT] = 25, view.cause[REPLY_CAUSE_WEAK] = 2;
    view.snr_db = 18;
    return view;
}

/* Healthy but for this: nobody answers, or nobody is read. */
static void silence(struct diagnose_view *view)
{
    memset(view->outcome, 0, sizeof view->outcome);
    memset(view->cause, 0, sizeof view->cause);
    view->n_slots = view->outcome[SLOT_EMPTY] = 600;
    view->n_reads = 0;
    view->snr_db = NAN;
}

static void expect_none(const struct diagnose_view *view)
{
    size_t n = diagnose(view, found);
    if (n > 0) {
        print_error("unexpected: %s (%s)\n", diagnose_code[found[0].id], found[0].text);
    }
    assert_int_equal(n, 0);
}

/* The worst finding is this one, and text and advice hold these words. */
static void expect_first(const struct diagnose_view *view, enum diagnose_id id, const char *text,
                         const char *advice)
{
    size_t n = diagnose(view, found);
    assert_true(n > 0);
    if (found[0].id != id || !strstr(found[0].text, text) || !strstr(found[0].advice, advice)) {
        print_error("first: %s: %s -> %s\n", diagnose_code[found[0].id], found[0].text,
                    found[0].advice);
    }
    assert_int_equal(found[0].id, id);
    assert_non_null(strstr(found[0].text, text));
    assert_non_null(strstr(found[0].advice, advice));
    for (size_t k = 1; k < n; k++) {
        assert_true(found[k].severity <= found[k - 1].severity);
        assert_true(strlen(found[k].text) > 0);
        assert_true(strlen(found[k].advice) > 0);
    }
}

static bool finds(const struct diagnose_view *view, enum diagnose_id id)
{
    size_t n = diagnose(view, found);
    for (size_t k = 0; k < n; k++) {
        if (found[k].id == id) {
            return true;
        }
    }
    return false;
}

static void diagnose_finds_nothing_in_a_healthy_bench(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    expect_none(&view);
}

static void diagnose_says_nothing_of_what_is_not_known(void **state)
{
    (void)state;
    struct diagnose_view view;
    diagnose_view_init(&view);
    expect_none(&view);
}

static void diagnose_codes_are_distinct_words(void **state)
{
    (void)state;
    for (int k = 0; k < DIAGNOSE_N; k++) {
        assert_non_null(diagnose_code[k]);
        assert_true(strspn(diagnose_code[k], "abcdefghijklmnopqrstuvwxyz_") ==
                    strlen(diagnose_code[k]));
        for (int i = 0; i < k; i++) {
            assert_string_not_equal(diagnose_code[k], diagnose_code[i]);
        }
    }
}

static void diagnose_names_a_refused_carrier(void **state)
{
    (void)state;
    struct diagnose_view view;
    diagnose_view_init(&view);
    snprintf(view.refusal, sizeof view.refusal, "868 MHz is not in 902..928 MHz");
    expect_first(&view, DIAGNOSE_BAND, "902..928 MHz", "region");
}

static void diagnose_names_a_radio_that_fails(void **state)
{
    (void)state;
    struct diagnose_view view;
    diagnose_view_init(&view);
    snprintf(view.failure, sizeof view.failure, "not locked to its reference");
    expect_first(&view, DIAGNOSE_DEVICE, "not locked to its reference", "cables");
}

static void diagnose_names_missing_locks(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.ref_locked = -1; /* no sensor is no fault */
    expect_none(&view);
    view.ref_locked = 0;
    snprintf(view.reference, sizeof view.reference, "external");
    expect_first(&view, DIAGNOSE_REFERENCE, "(external) is missing", "10 MHz");
    view.ref_locked = 1;
    view.lo_locked = 0;
    expect_first(&view, DIAGNOSE_LO, "not locked", "frequency");
}

static void diagnose_names_clipping_and_by_how_much(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.headroom_db = 0.3; /* near, not there */
    expect_none(&view);
    view.headroom_db = 0, view.clipped_ratio = 0.12, view.clipped_down_db = 8;
    view.n_clipped = 300;
    silence(&view);
    expect_first(&view, DIAGNOSE_CLIPPING, "12 %", "lower rx gain by 8 dB (--rx-gain 22)");
    view.clipped_down_db = 44; /* more than there is to lower */
    expect_first(&view, DIAGNOSE_CLIPPING, "clips", "put 14 dB of attenuation");
    view.off_clipped_ratio = 0.05; /* with our carrier off as well: somebody else's */
    assert_false(finds(&view, DIAGNOSE_CLIPPING));
    expect_first(&view, DIAGNOSE_INTERFERENCE, "clips the receiver", "move in frequency");
}

static void diagnose_names_clipped_slots_of_a_run(void **state)
{
    (void)state;
    struct diagnose_view view;
    diagnose_view_init(&view);
    view.n_slots = 500, view.outcome[SLOT_EMPTY] = 500, view.n_clipped = 500;
    view.cause[REPLY_CAUSE_CLIPPED] = 500;
    expect_first(&view, DIAGNOSE_CLIPPING, "100 % of the slots", "lower rx gain");
    view.n_clipped = 5; /* now and then */
    assert_false(finds(&view, DIAGNOSE_CLIPPING));
}

static void diagnose_names_the_better_port_or_subdevice(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.better_port_db = 12; /* two antennas, one nearer */
    expect_none(&view);
    view.better_port_db = 40, view.leak_dbfs = -55, view.headroom_db = 52;
    view.noise_follows_db = 1;
    silence(&view);
    expect_first(&view, DIAGNOSE_PORT, "40 dB stronger on TX/RX than on RX2", "--ant TX/RX");
    view.better_port_db = -3;
    snprintf(view.better_subdev, sizeof view.better_subdev, "A:B");
    view.better_subdev_db = 19; /* the threshold is 20 */
    assert_false(finds(&view, DIAGNOSE_SUBDEVICE));
    view.better_subdev_db = 52;
    expect_first(&view, DIAGNOSE_SUBDEVICE, "52 dB stronger on A:B than on A:A",
                 "--radio.uhd.rx_subdev A:B");
}

static void diagnose_names_a_carrier_that_does_not_arrive(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    silence(&view);
    view.leak_dbfs = view.noise_dbfs - 30, view.headroom_db = 50;
    expect_first(&view, DIAGNOSE_NO_CARRIER, "30 dB below the noise", "cable");
    view.leak_dbfs = view.noise_dbfs - 10; /* good isolation shows a line in the noise */
    assert_false(finds(&view, DIAGNOSE_NO_CARRIER));
}

static void diagnose_names_gain_that_is_too_low(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.headroom_db = 46, view.leak_dbfs = -47, view.noise_follows_db = 0.2;
    expect_first(&view, DIAGNOSE_GAIN, "by about 40 dB", "raise rx gain by 40 dB (--rx-gain 70)");
    assert_true(found[0].severity < 50); /* tags are read nevertheless */
    silence(&view);
    expect_first(&view, DIAGNOSE_GAIN, "by about 40 dB", "first raise tx gain (60 dB");
    assert_true(found[0].severity > 70);
    view.noise_follows_db = 9; /* the receiver's own noise is heard: more gain brings nothing */
    assert_false(finds(&view, DIAGNOSE_GAIN));
    view = healthy();
    view.noise_follows_db = 0.2; /* a strong leak leaves no room for more */
    expect_none(&view);
}

static void diagnose_names_a_delay_that_is_left_in(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.delay_samples = -5; /* a tenth of a Tpri */
    expect_none(&view);
    view.delay_samples = 40;
    expect_first(&view, DIAGNOSE_DELAY, "20.00 us) later", "add 20.00 us to --radio.uhd.delay_us");
}

static void diagnose_names_late_answers_and_what_would_be_in_time(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.answer_us = 499; /* just in time */
    expect_none(&view);
    view.n_late = 2; /* of 125 */
    expect_none(&view);
    view.blf_hz = 320e3, view.t2_max_us = 62.5, view.answer_us = 310;
    view.n_late = 39; /* of 125 */
    expect_first(&view, DIAGNOSE_LATE, "ACK late in 31 %", "use BLF 40 kHz, FM0");
    view.tx_lead_us = 2000, view.tx_lead_least_us = 120, view.answer_us = 2200;
    expect_first(&view, DIAGNOSE_LATE, "2.2 ms", "use BLF 40 kHz, FM0, lead 180 us");
    view = healthy();
    view.answer_us = 15000, view.turnaround_us = 14800, view.tx_lead_least_us = NAN;
    silence(&view);
    expect_first(&view, DIAGNOSE_LATE, "15 ms after the reply, the tag waits 500 us",
                 "this program's turnaround, 14.8 ms");
    view.turnaround_us = NAN; /* no ACK was ever due: nothing known of our own part */
    expect_first(&view, DIAGNOSE_LATE, "15 ms", "the way through the host (200 us of it");
}

static void diagnose_names_lost_samples(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.overflows = 3;
    expect_first(&view, DIAGNOSE_LOST, "3 overflows, 0 underflows", "--rate");
    view.clipped_ratio = 1, view.n_measure_losses = 4; /* who knows what that was */
    expect_first(&view, DIAGNOSE_LOST, "trust none of them", "--rate");
}

static void diagnose_names_interference_by_its_line(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.line_offset_hz = 200e3, view.line_dbfs = -75; /* a spur below the noise's sum */
    expect_none(&view);
    view.line_dbfs = -20;
    expect_first(&view, DIAGNOSE_INTERFERENCE, "+200.0 kHz beside ours at -20 dBFS",
                 "move in frequency");
    assert_true(found[0].severity < 50); /* read through it */
    silence(&view);
    expect_first(&view, DIAGNOSE_INTERFERENCE, "48 dB over all noise", "move");
    assert_true(found[0].severity > 70);
    assert_false(finds(&view, DIAGNOSE_SILENT)); /* explained */
}

static void diagnose_names_interference_by_the_slots(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.cause[REPLY_CAUSE_BURST] = 6; /* of 300: chance */
    expect_none(&view);
    view.cause[REPLY_CAUSE_BURST] = 100, view.cause[REPLY_CAUSE_IMPULSES] = 50;
    expect_first(&view, DIAGNOSE_INTERFERENCE, "50 % of the slots", "move");
}

static void diagnose_names_a_clock_out_of_tolerance(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    silence(&view);
    view.outcome[SLOT_EMPTY] = 300, view.outcome[SLOT_COLLISION] = 300;
    view.cause[REPLY_CAUSE_NO_PREAMBLE] = 300;
    view.clock_off_ratio = 0.35;
    expect_first(&view, DIAGNOSE_CLOCK, "BLF 35 % off (54.0 kHz, 40.0", "tolerance");
    view.clock_off_ratio = NAN; /* a run does not look so far */
    expect_first(&view, DIAGNOSE_CLOCK, "50 % of the slots, but never readably", "zpreader probe");
    view.outcome[SLOT_SINGLE] = 30; /* some alone: collisions as they should be */
    view.n_slots += 30, view.n_reads = 30;
    expect_none(&view);
    view = healthy();
    view.outcome[SLOT_COLLISION] = 200; /* far too small a Q */
    view.n_slots += 185;
    expect_none(&view);
}

static void diagnose_names_unanswered_acks(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.n_reads = view.outcome[SLOT_SINGLE] = 10;
    view.outcome[SLOT_RN16_ONLY] = 90;
    expect_first(&view, DIAGNOSE_ACK, "not the ACK", "tx gain");
}

static void diagnose_names_weak_replies(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.n_reads = view.outcome[SLOT_SINGLE] = 60;
    view.outcome[SLOT_CRC_ERROR] = 50, view.snr_db = 7;
    view.cause[REPLY_CAUSE_WEAK] = 20;
    expect_first(&view, DIAGNOSE_WEAK, "7 dB Eb/N0", "closer");
}

static void diagnose_names_silence_only_where_nothing_explains_it(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    silence(&view);
    expect_first(&view, DIAGNOSE_SILENT, "600 slots, all silent", "more tx gain (60 dB now");
    view.n_slots = view.outcome[SLOT_EMPTY] = 5; /* too few to say */
    expect_none(&view);
    silence(&view);
    view.ref_locked = 0;
    assert_false(finds(&view, DIAGNOSE_SILENT));
    view = healthy();
    silence(&view);
    view.outcome[SLOT_EMPTY] = 500, view.outcome[SLOT_SINGLE] = 100, view.n_reads = 100;
    expect_none(&view); /* few tags, many slots */
}

static void diagnose_names_a_noisy_carrier_dc_and_image(void **state)
{
    (void)state;
    struct diagnose_view view = healthy();
    view.noise_on_dbfs = view.noise_dbfs + 9;
    view.dc_dbfs = -26, view.image_db = -21;
    expect_none(&view);
    view.noise_on_dbfs = view.noise_dbfs + 23;
    expect_first(&view, DIAGNOSE_NOISY_CARRIER, "by 23 dB", "isolation");
    view = healthy();
    view.dc_dbfs = -12;
    expect_first(&view, DIAGNOSE_DC, "-12 dBFS", "calibrate");
    view = healthy();
    view.image_db = -15;
    expect_first(&view, DIAGNOSE_IMAGE, "15 dB down", "balance");
}

static void diagnose_fastest_blf_is_the_last_one_in_time(void **state)
{
    (void)state;
    assert_true(diagnose_fastest_blf_hz(10) == 640e3);
    assert_true(diagnose_fastest_blf_hz(31.25) == 640e3); /* 20 / 640 kHz */
    assert_true(diagnose_fastest_blf_hz(31.3) < 640e3);
    assert_true(diagnose_fastest_blf_hz(120) == 160e3);
    assert_true(diagnose_fastest_blf_hz(500) == 40e3);
    assert_true(isnan(diagnose_fastest_blf_hz(500.1)));
}

/* ---- in a running inventory ---- */

static char last_line[1024];

static void line_keep(enum log_level level, const char *line)
{
    assert_int_equal(level, LOG_WARNING);
    snprintf(last_line, sizeof last_line, "%s", line);
}

struct watched { /* a run of silent slots, the diagnosis looking on */
    struct diagnose_run run;
    struct record_status total;
    double t_s;
};

static void watch_begin(struct watched *watched)
{
    memset(watched, 0, sizeof *watched);
    log_set_sink(line_keep);
}

/* So many silent slots of 1.5 ms more; due looks at every one.   ret  lines told */
static int watch_slots(struct watched *watched, int n, enum reply_cause cause)
{
    int n_told = 0;
    struct diagnose_view view;
    for (int k = 0; k < n; k++) {
        watched->t_s += 1.5e-3;
        watched->total.slots[SLOT_EMPTY]++;
        watched->total.causes[cause]++;
        if (diagnose_run_due(&watched->run, &watched->total, watched->t_s, &view)) {
            n_told += diagnose_run_tell(&watched->run, &view);
        }
    }
    return n_told;
}

static void diagnose_run_tells_once_and_again_on_change(void **state)
{
    (void)state;
    static struct watched watched;
    watch_begin(&watched);
    watched.total.leak_dbfs = -10, watched.total.noise_dbfs = -60;
    assert_int_equal(watch_slots(&watched, 1990, REPLY_CAUSE_NONE), 0); /* 2.985 s */
    assert_int_equal(watch_slots(&watched, 20, REPLY_CAUSE_NONE), 1);
    assert_non_null(strstr(last_line, "nothing read for 3 s: no tag answers"));
    assert_int_equal(watch_slots(&watched, 5000, REPLY_CAUSE_NONE), 0);
    assert_int_equal(watch_slots(&watched, 4000, REPLY_CAUSE_COMMANDS), 1);
    assert_non_null(strstr(last_line, "interference"));
    assert_int_equal(watch_slots(&watched, 5000, REPLY_CAUSE_COMMANDS), 0);
    log_set_sink(NULL);
}

static void diagnose_run_takes_later_silence_for_an_empty_field(void **state)
{
    (void)state;
    static struct watched watched;
    watch_begin(&watched);
    assert_int_equal(watch_slots(&watched, 100, REPLY_CAUSE_NONE), 0);
    watched.total.reads = 1;
    assert_int_equal(watch_slots(&watched, 9000, REPLY_CAUSE_NONE), 0);
    watched.total.clipped = 5000; /* but not for a receiver that clips now */
    assert_int_equal(watch_slots(&watched, 3000, REPLY_CAUSE_CLIPPED), 1);
    log_set_sink(NULL);
}

static void diagnose_run_is_quiet_while_tags_are_read(void **state)
{
    (void)state;
    static struct watched watched;
    watch_begin(&watched);
    for (int k = 0; k < 20; k++) { /* a read every 2.25 s, whatever goes on between */
        watched.total.reads++;
        assert_int_equal(watch_slots(&watched, 1500, REPLY_CAUSE_COMMANDS), 0);
    }
    assert_int_equal(watch_slots(&watched, 1500, REPLY_CAUSE_COMMANDS), 1);
    log_set_sink(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diagnose_finds_nothing_in_a_healthy_bench),
        cmocka_unit_test(diagnose_says_nothing_of_what_is_not_known),
        cmocka_unit_test(diagnose_codes_are_distinct_words),
        cmocka_unit_test(diagnose_names_a_refused_carrier),
        cmocka_unit_test(diagnose_names_a_radio_that_fails),
        cmocka_unit_test(diagnose_names_missing_locks),
        cmocka_unit_test(diagnose_names_clipping_and_by_how_much),
        cmocka_unit_test(diagnose_names_clipped_slots_of_a_run),
        cmocka_unit_test(diagnose_names_the_better_port_or_subdevice),
        cmocka_unit_test(diagnose_names_a_carrier_that_does_not_arrive),
        cmocka_unit_test(diagnose_names_gain_that_is_too_low),
        cmocka_unit_test(diagnose_names_a_delay_that_is_left_in),
        cmocka_unit_test(diagnose_names_late_answers_and_what_would_be_in_time),
        cmocka_unit_test(diagnose_names_lost_samples),
        cmocka_unit_test(diagnose_names_interference_by_its_line),
        cmocka_unit_test(diagnose_names_interference_by_the_slots),
        cmocka_unit_test(diagnose_names_a_clock_out_of_tolerance),
        cmocka_unit_test(diagnose_names_unanswered_acks),
        cmocka_unit_test(diagnose_names_weak_replies),
        cmocka_unit_test(diagnose_names_silence_only_where_nothing_explains_it),
        cmocka_unit_test(diagnose_names_a_noisy_carrier_dc_and_image),
        cmocka_unit_test(diagnose_fastest_blf_is_the_last_one_in_time),
        cmocka_unit_test(diagnose_run_tells_once_and_again_on_change),
        cmocka_unit_test(diagnose_run_takes_later_silence_for_an_empty_field),
        cmocka_unit_test(diagnose_run_is_quiet_while_tags_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
