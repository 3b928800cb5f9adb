/* test_watchlist.c - the list of watched tags: what is read of it, who is missed and who is back. */
#include "golden.h"

#include <math.h>

#include "reader/watchlist.h"

static struct watchlist_cfg list_of(const char *text)
{
    struct watchlist_cfg cfg = {.missed_s = 2.0};
    assert_int_equal(watchlist_parse(text, "here", &cfg), ST_OK);
    return cfg;
}

static void watchlist_takes_epcs_and_beginnings(void **state)
{
    (void)state;
    struct watchlist_cfg cfg =
        list_of("# dock 1\n3034257BF719,\n 30*  abcd # and more\n3034257bf719,30*,,");
    assert_int_equal(cfg.n_entries, 3);
    assert_int_equal(cfg.entry[0].mask.n_bits, 48);
    assert_false(cfg.entry[0].is_prefix);
    assert_memory_equal(cfg.entry[0].mask.mask, "\x30\x34\x25\x7B\xF7\x19", 6);
    assert_int_equal(cfg.entry[0].mask.mem_bank, BANK_EPC);
    assert_int_equal(cfg.entry[0].mask.pointer_bits, 32);
    assert_true(cfg.entry[1].is_prefix);
    assert_int_equal(cfg.entry[1].mask.n_bits, 8);
    assert_int_equal(list_of("").n_entries, 0);
}

static void watchlist_refuses_what_is_no_epc(void **state)
{
    (void)state;
    static const char *const rows[] = {"303", "30G4", "*", "3034,30345*6", "epc:3034", "12345*678"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct watchlist_cfg cfg = {0};
        assert_int_equal(watchlist_parse(rows[i], "list.txt", &cfg), ST_USAGE);
        assert_non_null(strstr(status_detail(), "list.txt: '"));
    }
    char many[8 * (WATCHLIST_MAX + 2)] = "";
    for (int i = 0; i <= WATCHLIST_MAX; i++) {
        sprintf(many + strlen(many), "%04X ", i);
    }
    struct watchlist_cfg cfg = {0};
    assert_int_equal(watchlist_parse(many, "list.txt", &cfg), ST_USAGE);
    assert_non_null(strstr(status_detail(), "more than 64"));
}

static void watchlist_tells_who_is_missed_and_who_is_back(void **state)
{
    (void)state;
    const struct watchlist_cfg cfg = list_of("30341111,30342222,309*");
    static const uint8_t one[] = {0x30, 0x34, 0x11, 0x11}, other[] = {0x30, 0x9F};
    struct watchlist list;
    struct watchlist_change change;
    watchlist_init(&list, &cfg);
    assert_false(watchlist_missed(&list, 1.999, &change));
    assert_false(watchlist_seen(&list, one, 32, 1.5, &change));
    assert_false(watchlist_seen(&list, one, 16, 1.6, &change)); /* another, shorter EPC */
    assert_true(watchlist_missed(&list, 2.0, &change));
    assert_ptr_equal(change.entry, &list.cfg.entry[1]);
    assert_false(change.is_present);
    assert_true(isnan(change.seen_s));
    assert_true(change.absent_s == 2.0);
    assert_true(watchlist_missed(&list, 2.0, &change));
    assert_ptr_equal(change.entry, &list.cfg.entry[2]);
    assert_false(watchlist_missed(&list, 3.4, &change)); /* told once */
    assert_true(watchlist_seen(&list, other, 16, 3.0, &change));
    assert_ptr_equal(change.entry, &list.cfg.entry[2]);
    assert_true(change.is_present);
    assert_true(isnan(change.seen_s));
    assert_false(watchlist_seen(&list, other, 16, 3.1, &change));
    assert_true(watchlist_missed(&list, 3.5, &change));
    assert_ptr_equal(change.entry, &list.cfg.entry[0]);
    assert_true(change.seen_s == 1.5);
    assert_true(watchlist_seen(&list, one, 32, 4.5, &change));
    assert_true(change.seen_s == 1.5);
    assert_true(change.absent_s == 3.0);
}

static void watchlist_empty_misses_nobody(void **state)
{
    (void)state;
    struct watchlist_cfg cfg = {0};
    struct watchlist list;
    struct watchlist_change change;
    watchlist_init(&list, &cfg);
    assert_false(watchlist_missed(&list, 1e6, &change));
    assert_false(watchlist_seen(&list, (const uint8_t[]){0x30}, 8, 1e6, &change));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(watchlist_takes_epcs_and_beginnings),
        cmocka_unit_test(watchlist_refuses_what_is_no_epc),
        cmocka_unit_test(watchlist_tells_who_is_missed_and_who_is_back),
        cmocka_unit_test(watchlist_empty_misses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
