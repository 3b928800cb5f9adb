/* test_access_options.c - the access.* keys: masks, password, operations, what asks for --yes. */
#include "golden.h"

#include "reader/access_options.h"
#include "tests/option_defaults.h"

static struct access_keys keys_default(void)
{
    struct access_keys keys;
    memset(&keys, 0, sizeof keys);
    option_defaults(&access_options, &keys);
    return keys;
}

static enum status make(const struct access_keys *keys, char *text, struct access_cfg *cfg)
{
    char *texts[] = {text};
    return access_cfg_make(keys, 1, texts, cfg);
}

static void access_options_masks_become_selects(void **state)
{
    (void)state;
    static struct access_cfg cfg;
    struct inventory_cfg inventory;
    struct access_keys keys = keys_default();
    strcpy(keys.epc, "303");
    strcpy(keys.tid, "0x8:801");
    memset(&inventory, 0, sizeof inventory);
    assert_int_equal(make(&keys, "tid", &cfg), ST_OK);
    assert_int_equal(cfg.epc.pointer_bits, 32);
    assert_int_equal(cfg.epc.n_bits, 12);
    assert_memory_equal(cfg.epc.mask, "\x30\x30", 2);
    assert_int_equal(cfg.tid.pointer_bits, 8);
    assert_int_equal(cfg.tid.n_bits, 12);
    access_masks_make(&cfg, &inventory);
    assert_int_equal(inventory.n_masks, 2);
    assert_int_equal(inventory.mask[0].mem_bank, BANK_TID);
    assert_int_equal(inventory.mask[1].mem_bank, BANK_EPC);
    assert_int_equal(inventory.mask[1].n_bits, 12);
    /* the EPC may be another one after this: only the TID's mask stays on the air */
    assert_int_equal(make(&keys, "write epc 2 1234", &cfg), ST_OK);
    access_masks_make(&cfg, &inventory);
    assert_int_equal(inventory.n_masks, 1);
    assert_int_equal(inventory.mask[0].mem_bank, BANK_TID);
}

static void access_options_the_password_comes_first(void **state)
{
    (void)state;
    static struct access_cfg cfg;
    struct access_keys keys = keys_default();
    strcpy(keys.password, "1234abCD");
    assert_int_equal(make(&keys, "read user 0 1", &cfg), ST_OK);
    assert_int_equal(cfg.n_ops, 2);
    assert_int_equal(cfg.op[0].kind, ACCESS_OP_ACCESS);
    assert_int_equal(cfg.op[0].password, 0x1234ABCD);
    assert_int_equal(cfg.op[1].kind, ACCESS_OP_READ);
}

static void access_options_refuses_what_is_wrong(void **state)
{
    (void)state;
    static struct access_cfg cfg;
    static const struct {
        const char *epc, *password;
        char *op;
        const char *says;
    } rows[] = {
        {"XYZ", "", "tid", "access.epc"},     {":30", "", "tid", "access.epc"},
        {"32:", "", "tid", "access.epc"},     {"-1:30", "", "tid", "access.epc"},
        {"", "123456789", "tid", "password"}, {"", "12 4", "tid", "password"},
        {"", "", "wipe", "no operation"},     {"", "", "kill 12345678", "--yes"},
        {"", "", "lock 08020", "--yes"},      {"", "", "permalock 0 8000", "--yes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct access_keys keys = keys_default();
        strcpy(keys.epc, rows[i].epc);
        strcpy(keys.password, rows[i].password);
        if (make(&keys, rows[i].op, &cfg) != ST_USAGE || !strstr(status_detail(), rows[i].says)) {
            fail_msg("row %zu: %s", i, status_detail());
        }
        if (rows[i].password[0]) {
            assert_null(strstr(status_detail(), rows[i].password)); /* a secret is not repeated */
        }
    }
    struct access_keys keys = keys_default();
    assert_int_equal(access_cfg_make(&keys, 0, NULL, &cfg), ST_USAGE);
    assert_non_null(strstr(status_detail(), "at least one operation"));
    keys.yes = true;
    assert_int_equal(make(&keys, "kill 12345678", &cfg), ST_OK);
    char *twice[] = {"kill 12345678", "tid"};
    assert_int_equal(access_cfg_make(&keys, 2, twice, &cfg), ST_USAGE);
    char *many[ACCESS_OPS_MAX + 1];
    for (size_t i = 0; i <= ACCESS_OPS_MAX; i++) {
        many[i] = "tid";
    }
    assert_int_equal(access_cfg_make(&keys, ACCESS_OPS_MAX, many, &cfg), ST_OK);
    assert_int_equal(access_cfg_make(&keys, ACCESS_OPS_MAX + 1, many, &cfg), ST_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_options_masks_become_selects),
        cmocka_unit_test(access_options_the_password_comes_first),
        cmocka_unit_test(access_options_refuses_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
