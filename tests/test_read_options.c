/* test_read_options.c - ways of reading: what they set, what the user's own keys change, what they refuse. */
#include "golden.h"

#include <math.h>

#include "reader/read_options.h"

static struct inventory_cfg inventory;
static struct read_cfg cfg;

/* Keys as "key value" pairs. */
static enum status make(const char *const *pairs, size_t n_pairs)
{
    static const struct option_table *const tables[] = {&inventory_options, &read_options};
    struct option_set *set = NULL;
    struct read_keys keys;
    memset(&inventory, 0, sizeof inventory);
    assert_int_equal(option_set_new(tables, 2, &set), ST_OK);
    for (size_t i = 0; i < n_pairs; i++) {
        char key[64];
        const size_t n_key = strcspn(pairs[i], " ");
        snprintf(key, sizeof key, "inventory.%.*s", (int)n_key, pairs[i]);
        assert_int_equal(option_set_text(set, key, pairs[i] + n_key + 1, "test"), ST_OK);
    }
    option_fill(set, &inventory_options, &inventory);
    option_fill(set, &read_options, &keys);
    const enum status status = read_cfg_make(&keys, set, &inventory, &cfg);
    option_set_free(&set);
    return status;
}

#define PAIRS(...)                                                                                 \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static void read_options_set_session_target_and_select(void **state)
{
    (void)state;
    assert_int_equal(make(NULL, 0), ST_OK);
    assert_int_equal(inventory.session, 0);
    assert_int_equal(inventory.target, 2);
    assert_int_equal(inventory.n_masks, 0);
    assert_true(isnan(cfg.quiet_s));
    assert_int_equal(make(PAIRS("read once")), ST_OK);
    assert_int_equal(inventory.session, 2);
    assert_int_equal(inventory.target, 0);
    assert_int_equal(inventory.select_all, INVENTORY_SELECT_START);
    assert_true(cfg.quiet_s == 1.0);
    assert_int_equal(make(PAIRS("read new", "session s3", "select_all no")), ST_OK);
    assert_int_equal(inventory.session, 3);
    assert_int_equal(inventory.select_all, 0);
    assert_true(isnan(cfg.quiet_s));
    assert_false(inventory.refreshes);
    assert_int_equal(make(PAIRS("read focus")), ST_OK);
    assert_int_equal(inventory.session, 1);
    assert_true(inventory.refreshes);
    assert_int_equal(make(PAIRS("watch 3034,30*")), ST_OK); /* a list is enough */
    assert_int_equal(inventory.session, 0);
    assert_int_equal(inventory.target, 2);
    assert_int_equal(inventory.n_masks, 2);
    assert_int_equal(inventory.mask[0].action, 0);
    assert_int_equal(inventory.mask[1].action, 1);
    assert_int_equal(cfg.watch.n_entries, 2);
    assert_int_equal(make(PAIRS("read once", "select tid:E2 and 3034", "truncate true")), ST_OK);
    assert_int_equal(inventory.n_masks, 2);
    assert_int_equal(inventory.truncated_epc_bits, 96);
}

static void read_options_refuse_contradictions(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[3], *says;
    } rows[] = {
        {{"read once", "session s0"}, "inventory.read once goes with"},
        {{"read once", "session s1"}, "inventory.read once goes with"},
        {{"read once", "target dual"}, "inventory.read once goes with"},
        {{"read once", "select_all yes"}, "inventory.read once goes with"},
        {{"read new", "target b"}, "inventory.read new goes with"},
        {{"read focus", "session s2"}, "inventory.read focus goes with"},
        {{"read focus", "target dual"}, "inventory.read focus goes with"},
        {{"read watch"}, "nobody to watch"},
        {{"read once", "watch 3034"}, "contradict each other"},
        {{"read keep", "watch 3034"}, "contradict each other"},
        {{"watch 3034", "select 3034"}, "one of them"},
        {{"watch 3034", "target a"}, "again and again"},
        {{"watch 30x4"}, "inventory.watch: '30x4'"},
        {{"select 30 31"}, "between masks"},
        {{"truncate true"}, "needs a mask"},
        {{"truncate true", "select tid:E2"}, "needs a mask"},
        {{"truncate true", "select 3034257BF719000000001"}, "at least 16 bits more"},
        {{"truncate true", "select 3034", "epc_bits 100"}, "whole words"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = 0;
        while (n < 3 && rows[i].pairs[n]) {
            n++;
        }
        if (make(rows[i].pairs, n) != ST_USAGE || !strstr(status_detail(), rows[i].says)) {
            fail_msg("row %zu: %s", i, status_detail());
        }
    }
    assert_int_equal(make(PAIRS("watch_file /nowhere/list.txt")), ST_NOT_FOUND);
    assert_non_null(strstr(status_detail(), "/nowhere/list.txt"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_options_set_session_target_and_select),
        cmocka_unit_test(read_options_refuse_contradictions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
