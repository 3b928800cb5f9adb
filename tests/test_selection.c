/* test_selection.c - words to Selects: what is parsed, what is refused, and that a simulated tag which
 * hears these Selects takes part exactly when the words, worked out by hand, say so. */
#include "golden.h"
#include "tag_bench.h"

#include "protocol/selection.h"

static void selection_masks_have_bank_address_and_bits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned bank, pointer, n_bits;
        const char *bytes;
    } rows[] = {
        {"epc:3034*", BANK_EPC, 32, 16, "\x30\x34"},
        {"3034257", BANK_EPC, 32, 28, "\x30\x34\x25\x70"},
        {"  tid:E28011  ", BANK_TID, 0, 24, "\xE2\x80\x11"},
        {"user@0x10:bEEf", BANK_USER, 16, 16, "\xBE\xEF"},
        {"epc@20:F/7", BANK_EPC, 21, 3, "\xE0"},
        {"user@0:BEEF/0FF0", BANK_USER, 4, 8, "\xEE"},
        {"user@65535:1", BANK_USER, 65535, 4, "\x10"},
    };
    struct selection selection;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(selection_parse(rows[i].text, &selection), ST_OK);
        assert_int_equal(selection.n_masks, 1);
        const struct inventory_mask *mask = &selection.mask[0];
        assert_int_equal(mask->mem_bank, rows[i].bank);
        assert_int_equal(mask->pointer_bits, rows[i].pointer);
        assert_int_equal(mask->n_bits, rows[i].n_bits);
        assert_int_equal(mask->action, 0);
        assert_memory_equal(mask->mask, rows[i].bytes, (rows[i].n_bits + 7) / 8);
    }
}

static void selection_joins_become_actions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n_masks;
        unsigned action[4];
    } rows[] = {
        {"not 30", 1, {4}},
        {"30 and 31", 2, {0, 2}},
        {"30 and not 31", 2, {0, 5}},
        {"30,31 or 32", 3, {0, 1, 1}},
        {"30 or not 31 xor 32 xor not 33", 4, {0, 6, 3, 7}},
        {"not not 30", 1, {0}},
        {"user:BEEF/F0F0", 2, {0, 2}},
        {"not user:BEEF/F0F0", 2, {4, 6}},
        {"30 and user:BEEF/F0F0", 3, {0, 2, 2}},
        {"30 or not user:BEEF/F0F0", 3, {0, 6, 6}},
    };
    struct selection selection;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(selection_parse(rows[i].text, &selection), ST_OK);
        assert_int_equal(selection.n_masks, rows[i].n_masks);
        for (size_t k = 0; k < selection.n_masks; k++) {
            assert_int_equal(selection.mask[k].action, rows[i].action[k]);
        }
    }
}

static void selection_refuses_with_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "(character 1): accepted BANK:HEX"},
        {"epc:", "'epc:' (character 1)"},
        {"epc:30 and", "(character 11): accepted BANK:HEX"},
        {"epc:30 tid:E2", "'tid:E2' (character 8): accepted between masks"},
        {"uii:30", "accepted BANK:HEX"},
        {"epc@:30", "accepted BANK:HEX"},
        {"epc@-1:30", "accepted BANK:HEX"},
        {"epc@65536:30", "accepted BANK:HEX"},
        {"epc@99999999999999999999:30", "accepted BANK:HEX"},
        {"epc:30/F", "of as many behind them"},
        {"epc:30/", "of as many behind them"},
        {"epc:3x", "1 .. 62 hex digits"},
        {"epc:*", "1 .. 62 hex digits"},
        {"epc:30/00", "no bit counts"},
        {"epc:30,", "accepted BANK:HEX"},
        {"not", "accepted BANK:HEX"},
        {"30 or user:BEEF/F0F0", "a gap between them"},
        {"30 and not user:BEEF/F0F0", "a gap between them"},
        {"123456789012345678901234567890123456789012345678901234567890123", "1 .. 62"},
    };
    static struct selection selection;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (selection_parse(rows[i].text, &selection) != ST_USAGE ||
            !strstr(status_detail(), rows[i].says)) {
            fail_msg("'%s': %s", rows[i].text, status_detail());
        }
    }
    char many[4 * INVENTORY_MASKS_MAX + 8] = "";
    for (size_t i = 0; i <= INVENTORY_MASKS_MAX; i++) {
        strcat(many, i == 0 ? "30" : ",30");
    }
    assert_int_equal(selection_parse(many, &selection), ST_USAGE);
    assert_non_null(strstr(status_detail(), "up to 64"));
    many[strlen(many) - 3] = '\0';
    assert_int_equal(selection_parse(many, &selection), ST_OK);
    assert_int_equal(selection.n_masks, INVENTORY_MASKS_MAX);
}

/* Does the tag with the EPC of tag_bench.h take part, when it hears these Selects? */
static bool takes_part(struct bench *bench, const struct selection *selection)
{
    for (size_t k = 0; k < selection->n_masks; k++) {
        const struct inventory_mask *mask = &selection->mask[k];
        char bits[300] = "";
        for (size_t i = 0; i < mask->n_bits; i++) {
            rig_append(bits, mask->mask[i / 8] >> (7 - i % 8) & 1U, 1);
        }
        assert_int_equal(
            choose(bench, 4, mask->action, mask->mem_bank, mask->pointer_bits, bits, 0),
            TAG_EVENT_COMMAND);
    }
    return query(bench, 3, 0, 0, 0) == TAG_EVENT_REPLY;
}

/* sgtin_hex is 3074257BF7194E4000001A85: Y fits, N does not. */
#define Y "epc:3074"
#define N "epc:3075"

static void selection_is_what_a_tag_makes_of_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool takes_part;
    } rows[] = {
        {Y, true},
        {N, false},
        {"not " Y, false},
        {"not " N, true},
        {Y " and " Y, true},
        {Y " and " N, false},
        {N " and " Y, false},
        {Y " and not " N, true},
        {Y " and not " Y, false},
        {N " and not " N, false},
        {Y " or " N, true},
        {N " or " Y, true},
        {N " or " N, false},
        {N " or not " N, true},
        {N " or not " Y, false},
        {Y " or not " Y, true},
        {Y " xor " Y, false},
        {N " xor " Y, true},
        {Y " xor " N, true},
        {Y " xor not " N, false},
        {N " xor not " N, true},
        {N " xor not " Y, false},
        {Y " or " N " and " N, false}, /* from left to right */
        {N " and " N " or " Y, true},
        {N "," N "," Y "," N, true},
        {"epc@40:7425", true},
        {"epc@112:1A85", true},
        {"epc@41:E84A/FFFE", true}, /* one bit on */
        {"epc@41:E84B/FFFF", false},
        {"3074257BF7194E4000001A85", true},
        {"3074257BF7194E4000001A850", false}, /* beyond the EPC */
        {"30FF25/FF00FF", true},              /* two masks */
        {"31FF25/FF00FF", false},
        {"30FF26/FF00FF", false},
        {"not 31FF25/FF00FF", true},
        {"not 30FF26/FF00FF", true},
        {"not 30FF25/FF00FF", false},
        {Y " and 30FF26/FF00FF", false},
        {N " or not 30FF26/FF00FF", true},
        {N " or not 30FF25/FF00FF", false},
        {"tid:E2", true},
        {"tid:E3", false},
        {Y " and tid:E2 and not user:FFFF", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int before = 0; before < 2; before++) { /* whatever SL was */
            struct selection selection;
            struct bench bench;
            bench_open(&bench, rig_link_a, 3);
            choose(&bench, 4, before ? 0 : 4, 1, 0, "", 0);
            assert_int_equal(selection_parse(rows[i].text, &selection), ST_OK);
            if (takes_part(&bench, &selection) != rows[i].takes_part) {
                fail_msg("'%s' is not %d", rows[i].text, rows[i].takes_part);
            }
        }
    }
}

static void selection_knows_what_all_have_in_common(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool common;
    } rows[] = {
        {"3074", true},
        {"tid:E2 and 3074", true},
        {"3075 or 3076 and 30", true},
        {"3074 or 3075", false},
        {"not 3074", false},
        {"tid:E2", false},
        {"3074 and tid:E2", false},
        {"epc@16:3000", false},
        {"tid:E2 and not 30", false},
        {"epc@33:6", false},
        {"30F/F0F", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct selection selection;
        assert_int_equal(selection_parse(rows[i].text, &selection), ST_OK);
        const struct inventory_mask *mask = selection_common(selection.mask, selection.n_masks);
        if (!mask != !rows[i].common) {
            fail_msg("'%s'", rows[i].text);
        }
    }
    assert_null(selection_common(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection_masks_have_bank_address_and_bits),
        cmocka_unit_test(selection_joins_become_actions),
        cmocka_unit_test(selection_refuses_with_place_and_reason),
        cmocka_unit_test(selection_is_what_a_tag_makes_of_it),
        cmocka_unit_test(selection_knows_what_all_have_in_common),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
