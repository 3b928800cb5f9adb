/* test_auth_ledger.c - who is authentic and for how long, who is asked again and when, and that
 * every failure noted is reported: once, and no more often than it may be. */
#include "reader/auth_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/ref_reply.h"

static struct auth_ledger *ledger;
static struct auth_report report;

static void open_ledger(size_t n_tags)
{
    struct auth_ledger_cfg cfg = {
        .n_tags = n_tags, .fresh_ticks = 1000, .retry_ticks = 50, .report_ticks = 100};
    auth_ledger_free(&ledger);
    assert_int_equal(auth_ledger_new(&cfg, &ledger), ST_OK);
}

/* EPC of 96 bits; not a power of two of them alike. */
static const uint8_t *epc_of(unsigned k)
{
    static uint8_t epc[AUTH_EPC_BYTES];
    memset(epc, 0x30, sizeof epc);
    epc[8] = (uint8_t)(k >> 16);
    epc[9] = (uint8_t)(k >> 8);
    epc[11] = (uint8_t)k;
    return epc;
}

static void note(unsigned k, enum auth_outcome outcome, int64_t now_tick)
{
    auth_ledger_note(ledger, epc_of(k), 96, outcome, now_tick);
}

static bool is_authentic(unsigned k, int64_t now_tick)
{
    return auth_ledger_is_authentic(ledger, epc_of(k), 96, now_tick);
}

static bool is_due(unsigned k, int64_t now_tick)
{
    return auth_ledger_is_due(ledger, epc_of(k), 96, now_tick);
}

static void expect_report(unsigned k, int64_t now_tick, uint64_t n_failures, enum auth_outcome last)
{
    assert_true(auth_ledger_report(ledger, now_tick, false, &report));
    assert_true(report.has_epc);
    assert_int_equal(report.n_epc_bits, 96);
    assert_memory_equal(report.epc, epc_of(k), 12);
    uint64_t n = 0;
    for (int o = 0; o < AUTH_OUTCOME_N; o++) {
        n += report.n[o];
    }
    assert_int_equal(n, n_failures);
    assert_int_equal(report.n_tags, 1);
    assert_int_equal(report.last, last);
}

static void expect_silence(int64_t now_tick)
{
    assert_false(auth_ledger_report(ledger, now_tick, false, &report));
}

static void authentic_for_a_while(void **unused)
{
    (void)unused;
    open_ledger(4);
    assert_false(is_authentic(1, 0));
    assert_true(is_due(1, 0));
    note(1, AUTH_AUTHENTIC, 10);
    assert_true(is_authentic(1, 10));
    assert_true(is_authentic(1, 1010));
    assert_false(is_due(1, 1010));
    assert_false(is_authentic(1, 1011));
    assert_true(is_due(1, 1011));
    assert_false(is_authentic(2, 10));
    assert_false(
        auth_ledger_is_authentic(ledger, epc_of(1), 88, 10)); /* a longer EPC's beginning */
    note(1, AUTH_SILENT, 20);                                 /* proves nothing */
    assert_true(is_authentic(1, 20));
    for (int o = AUTH_WRONG_KEY; o < AUTH_SILENT; o++) {
        note(1, AUTH_AUTHENTIC, 30);
        note(1, (enum auth_outcome)o, 30);
        assert_false(is_authentic(1, 30));
        assert_non_null(auth_outcome_text[o]);
    }
    auth_ledger_note(ledger, NULL, 0, AUTH_AUTHENTIC, 40); /* an EPC may be empty */
    assert_true(auth_ledger_is_authentic(ledger, NULL, 0, 40));
}

static void failures_are_retried_later(void **unused)
{
    (void)unused;
    open_ledger(4);
    note(1, AUTH_SILENT, 100);
    assert_false(is_due(1, 149));
    assert_true(is_due(1, 150));
    note(1, AUTH_AUTHENTIC, 150);
    assert_false(is_due(1, 151));
}

static void failures_are_reported_once_an_interval(void **unused)
{
    (void)unused;
    open_ledger(4);
    expect_silence(0);
    note(1, AUTH_WRONG_KEY, 0);
    note(1, AUTH_WRONG_KEY, 1);
    expect_report(1, 1, 2, AUTH_WRONG_KEY);
    assert_int_equal(report.n[AUTH_WRONG_KEY], 2);
    assert_int_equal(report.first_tick, 0);
    assert_int_equal(report.last_tick, 1);
    expect_silence(1);
    note(1, AUTH_REPLAYED, 10);
    note(1, AUTH_REFUSED, 20);
    expect_silence(20);
    note(2, AUTH_TAMPERED, 30); /* another tag does not wait for the first */
    expect_report(2, 30, 1, AUTH_TAMPERED);
    expect_silence(100);
    expect_report(1, 101, 2, AUTH_REFUSED);
    assert_int_equal(report.n[AUTH_REPLAYED], 1);
    assert_int_equal(report.first_tick, 10);
    expect_silence(1000);
    note(1, AUTH_SILENT, 1000);
    expect_report(1, 1000, 1, AUTH_SILENT);
    note(1, AUTH_SILENT, 1001);
    expect_silence(1001);
    assert_true(auth_ledger_report(ledger, 1002, true, &report)); /* the end: all is told */
    assert_int_equal(report.n[AUTH_SILENT], 1);
    assert_false(auth_ledger_report(ledger, 1002, true, &report));
}

static void tags_without_room_are_told_of_together(void **unused)
{
    (void)unused;
    open_ledger(3);
    note(1, AUTH_AUTHENTIC, 1);
    note(2, AUTH_WRONG_KEY, 2);
    note(3, AUTH_SILENT, 3);
    note(1, AUTH_AUTHENTIC, 4); /* 2 is now the one not tried for longest */
    note(4, AUTH_AUTHENTIC, 5);
    note(5, AUTH_AUTHENTIC, 6);
    assert_true(is_authentic(1, 6));
    assert_true(is_authentic(5, 6));
    assert_true(auth_ledger_report(ledger, 6, false, &report));
    assert_false(report.has_epc);
    assert_int_equal(report.n_tags, 2);
    assert_int_equal(report.n[AUTH_WRONG_KEY], 1);
    assert_int_equal(report.n[AUTH_SILENT], 1);
    assert_int_equal(report.first_tick, 2);
    assert_int_equal(report.last_tick, 3);
    assert_int_equal(report.last, AUTH_SILENT);
    expect_silence(6);
    note(6, AUTH_SILENT, 7);
    expect_report(6, 7, 1, AUTH_SILENT);
    note(7, AUTH_REFUSED, 8);
    note(8, AUTH_REFUSED, 9);
    note(9, AUTH_REFUSED, 10);
    note(10, AUTH_REFUSED, 11); /* 7 made room */
    expect_report(8, 11, 1, AUTH_REFUSED);
    expect_report(9, 11, 1, AUTH_REFUSED);
    expect_report(10, 11, 1, AUTH_REFUSED);
    expect_silence(105); /* those without a name have their interval, too */
    assert_true(auth_ledger_report(ledger, 106, false, &report));
    assert_false(report.has_epc);
    assert_int_equal(report.n[AUTH_REFUSED], 1);
}

/* Any mix, more tags than there is room for: every failure is in just one report, and no tag that
 * stays known is reported twice within an interval. */
static void nothing_is_lost(void **unused)
{
    (void)unused;
    enum { TAGS = 300, ROUNDS = 40000 };
    static int64_t last_report[TAGS];
    static uint64_t noted[AUTH_OUTCOME_N], told[AUTH_OUTCOME_N];
    struct ref_random random = {77};
    for (unsigned room = 100; room <= 400; room += 300) {
        memset(noted, 0, sizeof noted);
        memset(told, 0, sizeof told);
        for (unsigned k = 0; k < TAGS; k++) {
            last_report[k] = -1000;
        }
        open_ledger(room);
        int64_t now_tick = 0;
        for (unsigned n = 0; n <= ROUNDS; n++) {
            now_tick += (int64_t)ref_between(&random, 0.0, 2.0);
            unsigned k = (unsigned)ref_between(&random, 0.0, TAGS);
            unsigned outcome = (unsigned)ref_between(&random, 0.0, AUTH_OUTCOME_N);
            note(k, (enum auth_outcome)outcome, now_tick);
            noted[outcome] += outcome != AUTH_AUTHENTIC;
            if (n % 7 != 0 && n != ROUNDS) {
                continue;
            }
            while (auth_ledger_report(ledger, now_tick, n == ROUNDS, &report)) {
                for (int o = 0; o < AUTH_OUTCOME_N; o++) {
                    told[o] += report.n[o];
                }
                assert_true(report.has_epc || room < TAGS);
                if (report.has_epc && room >= TAGS && n != ROUNDS) {
                    unsigned who = (unsigned)report.epc[9] << 8 | report.epc[11];
                    assert_true(now_tick - last_report[who] >= 100);
                    last_report[who] = now_tick;
                }
            }
        }
        assert_memory_equal(told, noted, sizeof told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authentic_for_a_while),
        cmocka_unit_test(failures_are_retried_later),
        cmocka_unit_test(failures_are_reported_once_an_interval),
        cmocka_unit_test(tags_without_room_are_told_of_together),
        cmocka_unit_test(nothing_is_lost),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    auth_ledger_free(&ledger);
    return n_failed;
}
