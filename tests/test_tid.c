/* test_tid.c - TID words: published examples, chips that do not follow, nothing believed. */
#include "golden.h"

#include "protocol/bits.h"
#include "protocol/tid.h"

static size_t words_of_hex(const char *hex, uint16_t word[32])
{
    uint8_t byte[64];
    size_t n_bytes = 0;
    assert_int_equal(bits_from_hex(hex, byte, sizeof byte, &n_bytes), ST_OK);
    for (size_t i = 0; i < n_bytes / 2; i++) {
        word[i] = (uint16_t)(byte[2 * i] << 8 | byte[2 * i + 1]);
    }
    return n_bytes / 2;
}

static void tid_decodes_the_published_examples(void **state)
{
    (void)state;
    json_t *list = golden_load("tid");
    assert_int_equal(json_array_size(list), 7);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        uint16_t word[32];
        struct tid tid;
        char uri[TID_URI_MAX];
        size_t n_words = words_of_hex(golden_text(item, "hex"), word);
        assert_int_equal(tid_parse(word, n_words, &tid), ST_OK);
        assert_int_equal(tid.class_id, strtoul(golden_text(item, "class_id"), NULL, 16));
        assert_int_equal(tid.has_xtid, golden_number(item, "X"));
        assert_int_equal(tid.has_security, golden_number(item, "S"));
        assert_int_equal(tid.has_file, golden_number(item, "F"));
        assert_int_equal(tid.mdid, strtoul(golden_text(item, "MDID"), NULL, 16));
        assert_int_equal(tid.tmn, strtoul(golden_text(item, "TMN"), NULL, 16));
        if (!tid.has_xtid) {
            assert_int_equal(tid_uri(&tid, uri), ST_NOT_FOUND);
            assert_string_equal(uri, "");
            continue;
        }
        assert_int_equal(tid.xtid_header, strtoul(golden_text(item, "xtid_header"), NULL, 16));
        assert_int_equal(tid.n_serial_bits, golden_number(item, "serial_bits"));
        assert_int_equal(tid_n_words(&tid, n_words), 6);
        assert_int_equal(tid_uri(&tid, uri), ST_OK);
        assert_string_equal(uri, golden_text(item, "stid_uri"));
    }
    json_decref(list);
}

static void tid_names_chip_and_designer(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *designer, *chip;
    } cases[] = {
        {"E280116020007ABC12345678", "Impinj", "Impinj Monza R6"},
        {"E2C011A2200001234567FFFF", "Impinj", "Impinj M775"},
        {"E28068942000500012345678", "NXP", "NXP UCODE 8"},
        {"E2C068922000A00012345678", "NXP", "NXP UCODE DNA"},
        {"E20034120131FF00", "Alien Technology", "Alien Higgs-3"},
        {"E280B0442000000000000001", "EM Microelectronic", "EM4325"},
        {"E28038212000000000000001", "Alien Technology", "Alien Higgs-9"},
        {"E2801FFF", "Impinj", NULL},
        {"E29FFFFF", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t word[32];
        struct tid tid;
        assert_int_equal(tid_parse(word, words_of_hex(cases[i].hex, word), &tid), ST_OK);
        const char *designer = tid_designer(&tid);
        const char *chip = tid_chip(&tid);
        assert_string_equal(designer ? designer : "-", cases[i].designer ? cases[i].designer : "-");
        assert_string_equal(chip ? chip : "-", cases[i].chip ? cases[i].chip : "-");
    }
}

/* What is still to be read after so many words. */
static void tid_says_how_much_there_is_to_read(void **state)
{
    (void)state;
    uint16_t word[32];
    struct tid tid;
    size_t n_words = words_of_hex("E2801160E000000102030405060708090A0B0C0D0E0F101112", word);
    assert_int_equal(n_words, 12);
    assert_int_equal(tid_parse(word, 2, &tid), ST_OK);
    assert_int_equal(tid_n_words(&tid, 2), 3);
    assert_int_equal(tid_parse(word, 3, &tid), ST_OK);
    assert_int_equal(tid.n_serial_bits, 48 + 16 * 6);
    assert_int_equal(tid_n_words(&tid, 3), 12);
    assert_int_equal(tid_parse(word, 11, &tid), ST_OK);
    assert_false(tid.serial_known);
    assert_int_equal(tid_parse(word, 12, &tid), ST_OK);
    assert_true(tid.serial_known);
    assert_int_equal(tid.serial[1], 1);
    assert_int_equal(tid.serial[17], 0x11);
    n_words = words_of_hex("E28011600000", word); /* XTID without serial number */
    assert_int_equal(tid_parse(word, n_words, &tid), ST_OK);
    assert_int_equal(tid_n_words(&tid, 3), 3);
    assert_false(tid.serial_known);
}

static void tid_of_another_class_or_cut_off_is_told(void **state)
{
    (void)state;
    uint16_t word[32];
    struct tid tid;
    size_t n_words = words_of_hex("E0040001", word);
    assert_int_equal(tid_parse(word, n_words, &tid), ST_FORMAT);
    assert_int_equal(tid.class_id, 0xE0);
    assert_null(tid_designer(&tid));
    assert_null(tid_chip(&tid));
    assert_int_equal(tid_parse(word, 1, &tid), ST_SHORT);
    assert_int_equal(tid_parse(NULL, 0, &tid), ST_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tid_decodes_the_published_examples),
        cmocka_unit_test(tid_names_chip_and_designer),
        cmocka_unit_test(tid_says_how_much_there_is_to_read),
        cmocka_unit_test(tid_of_another_class_or_cut_off_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
