/* test_reply_watch.c - early looks at a slot (reply_listen.watch_us): how often they cut off a tag that
 * answers at the latest legal T1, how often noise keeps an empty slot open, and that they cost no more
 * than time. */
#include "tests/rx_rig.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { TRIALS = 2000 };
#define SECOND_LOOK_SYMBOLS 7.1 /* after T1 max, at most: six of a clock that is 15 % slow */

static struct rig rig;
static struct reply_result result;

struct profile { /* gen2.md 13; T1 max and symbol from its worked numbers, section 3 */
    const char *name;
    struct link_cfg link;
    double rate_sps, t1_max_us, symbol_us;
    double
        limit_db; /* Eb/N0 at which one RN16 in a hundred is lost anyway, limits.md 2 and the receiver's gap */
};
static const struct profile profiles[] = {
    {"A",
     {.tari_us = 25, .data1_tari = 2.0, .pw_tari = 0.5, .blf_hz = 40e3, .m = LINK_FM0},
     2e6,
     262.0,
     25.0,
     7.6},
    {"B",
     {.tari_us = 6.25, .data1_tari = 1.5, .pw_tari = 0.5, .blf_hz = 640e3, .m = LINK_FM0},
     8e6,
     19.969,
     1.5625,
     7.8},
    {"C",
     {.tari_us = 12.5, .data1_tari = 2.0, .pw_tari = 0.5, .blf_hz = 250e3, .m = LINK_M4},
     4e6,
     46.0,
     16.0,
     9.8},
};

static void open_slot(const struct profile *profile, unsigned trial)
{
    struct link link;
    assert_int_equal(link_make(&profile->link, &link), ST_OK);
    assert_float_equal(link.t1_max_us, profile->t1_max_us, 1e-3);
    rig.random.state = 1 + 77 * trial;
    rig_open(&rig, profile->rate_sps, &link, REPLY_KIND_RN16);
    rig.listen.watch_us = profile->t1_max_us + 4.0 * profile->symbol_us;
    rig_reply(&rig, 0.01);
    rig.reply.leak = 0.3;
}

/* The latest legal reply of a clock that is off by `clock` times the tolerance of table 2.2. */
static void latest_reply(const struct profile *profile, unsigned trial, int clock, double ebn0_db)
{
    open_slot(profile, trial);
    rig.reply.blf_hz = rig.link.blf_hz * (1.0 + clock * rig.link.frt_ratio);
    rig.reply.start_tick = rig.listen.from_tick + profile->t1_max_us * 1e-6 * rig.rate_sps;
    rig.reply.n0 = ref_n0(&rig.reply, ebn0_db);
    rig_samples(&rig);
}

static void empty_slot(const struct profile *profile, unsigned trial)
{
    open_slot(profile, trial);
    rig.reply.n0 = ref_n0(&rig.reply, 8.0);
    rig.reply.gain = 0.0;
    rig_samples(&rig);
}

/* Found empty so many symbols after T1 max. */
static bool is_over_by(const struct profile *profile, double symbols)
{
    double over_us = profile->t1_max_us + symbols * profile->symbol_us;
    return result.verdict == REPLY_NONE_HEARD &&
           (double)result.ready_tick <= rig.listen.from_tick + over_us * 1e-6 * rig.rate_sps;
}

static void watch_cuts_off_less_than_one_late_tag_in_a_hundred(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 3 * COUNT(profiles); k++) {
        const struct profile *profile = &profiles[k / 3];
        int clock = (int)(k % 3) - 1;
        unsigned n_cut = 0;
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            latest_reply(profile, trial, clock, profile->limit_db);
            rig_run(&rig, 64, &result);
            n_cut += is_over_by(profile, SECOND_LOOK_SYMBOLS);
        }
        if (n_cut >= TRIALS / 100) {
            fail_msg("%s, clock %+d FrT, Eb/N0 %g dB: %u of %d cut off", profile->name, clock,
                     profile->limit_db, n_cut, TRIALS);
        }
    }
}

static void watch_cuts_off_no_tag_that_is_well_heard(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 3 * COUNT(profiles); k++) {
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            latest_reply(&profiles[k / 3], trial, (int)(k % 3) - 1, 15.0);
            rig_run(&rig, 0, &result);
            assert_true(rig_is_right(&rig, &result));
        }
    }
}

/* Four symbols after T1 max nine empty slots in ten are over, two symbols later all but few, and none of
 * them sooner. */
static void watch_ends_empty_slots(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < COUNT(profiles); k++) {
        const struct profile *profile = &profiles[k];
        unsigned n_first = 0, n_second = 0;
        for (unsigned trial = 0; trial < TRIALS; trial++) {
            empty_slot(profile, trial);
            rig_run(&rig, 64, &result);
            n_first += is_over_by(profile, 4.0);
            n_second += is_over_by(profile, SECOND_LOOK_SYMBOLS);
            assert_false(is_over_by(profile, 3.7));
        }
        if (n_first < 0.88 * TRIALS || n_second < 0.97 * TRIALS || n_first > 0.98 * TRIALS) {
            fail_msg("%s: of %d empty slots %u and %u were found so", profile->name, TRIALS,
                     n_first, n_second);
        }
    }
}

/* A slot that a look leaves open ends as if there had been none. */
static void watch_leaves_verdicts_alone(void **unused)
{
    (void)unused;
    static struct reply_result without;
    unsigned n_compared = 0;
    for (unsigned k = 0; k < 300; k++) {
        const struct profile *profile = &profiles[k % COUNT(profiles)];
        latest_reply(profile, k, 0, 9.0 + 0.02 * k);
        rig_run(&rig, 0, &result);
        rig.listen.watch_us = 0.0;
        rig_run(&rig, 200, &without);
        if (is_over_by(profile, SECOND_LOOK_SYMBOLS)) {
            continue;
        }
        assert_int_equal(result.verdict, without.verdict);
        assert_int_equal(result.ready_tick, without.ready_tick);
        assert_true(result.score_nats == without.score_nats);
        n_compared++;
    }
    assert_true(n_compared > 290);
}

/* Where another carrier lies in the tag's band, only a whole preamble tells. */
static void watch_waits_where_another_carrier_is_heard(void **unused)
{
    (void)unused;
    const struct profile *profile = &profiles[0];
    for (unsigned trial = 0; trial < 50; trial++) {
        empty_slot(profile, trial);
        for (size_t k = 0; k < rig.n_samples; k++) {
            double turn = 2.0 * acos(-1.0) * 43e3 / rig.rate_sps * (double)k;
            rig.sample[k] += 0.01F * (float _Complex)cexp(I * turn);
        }
        rig_run(&rig, 64, &result);
        assert_false(is_over_by(profile, 5.5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watch_cuts_off_less_than_one_late_tag_in_a_hundred),
        cmocka_unit_test(watch_cuts_off_no_tag_that_is_well_heard),
        cmocka_unit_test(watch_ends_empty_slots),
        cmocka_unit_test(watch_leaves_verdicts_alone),
        cmocka_unit_test(watch_waits_where_another_carrier_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
