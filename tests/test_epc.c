/* test_epc.c - EPC Tag Data Standard: published examples, illegal encodings. */
#include "golden.h"

#include "protocol/bits.h"
#include "protocol/epc.h"

static enum status uri_of_hex(const char *hex, char uri[EPC_URI_MAX + 80])
{
    uint8_t epc[62];
    size_t n_bytes = 0;
    assert_int_equal(bits_from_hex(hex, epc, sizeof epc, &n_bytes), ST_OK);
    return epc_uri(epc, 8 * n_bytes, uri);
}

static void epc_uris_match_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("tds");
    assert_int_equal(json_array_size(list), 16);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        uint8_t epc[12];
        size_t n_bytes = 0;
        char uri[EPC_URI_MAX + 80];
        assert_int_equal(bits_from_hex(golden_text(item, "hex"), epc, 12, &n_bytes), ST_OK);
        assert_int_equal(epc_uri(epc, 96, uri), ST_OK);
        assert_string_equal(uri, golden_text(item, "pure_identity_uri"));
        assert_int_equal(epc_tag_uri(epc, 96, uri), ST_OK);
        assert_string_equal(uri, golden_text(item, "tag_uri"));
    }
    json_decref(list);
}

static void epc_illegal_encodings_fall_back_to_raw(void **state)
{
    (void)state;
    static const char *const illegal[] = {
        "307C257BF7194E4000001A85", /* partition 7 */
        "3077FFFFF7194E4000001A85", /* company prefix of 8 digits in 7 */
        "3074257BFFFFFE4000001A85", /* item reference beyond 6 digits */
        "3174257BF4499602D2000001", /* SSCC with something in the reserved bits */
    };
    char uri[EPC_URI_MAX + 80];
    char raw[64];
    for (size_t i = 0; i < sizeof illegal / sizeof *illegal; i++) {
        assert_int_equal(uri_of_hex(illegal[i], uri), ST_FORMAT);
        snprintf(raw, sizeof raw, "urn:epc:raw:96.x%s", illegal[i]);
        assert_string_equal(uri, raw);
    }
}

static void epc_unknown_headers_and_lengths_are_raw(void **state)
{
    (void)state;
    char uri[EPC_URI_MAX + 80];
    char hex[125];
    char raw[160];
    assert_int_equal(uri_of_hex("E28011606000020000000001", uri), ST_NOT_FOUND);
    assert_string_equal(uri, "urn:epc:raw:96.xE28011606000020000000001");
    assert_int_equal(uri_of_hex("3074257B", uri), ST_NOT_FOUND);
    assert_string_equal(uri, "urn:epc:raw:32.x3074257B");
    assert_int_equal(uri_of_hex("", uri), ST_NOT_FOUND);
    assert_string_equal(uri, "urn:epc:raw:0.x");
    memset(hex, '3', 124);
    hex[124] = '\0';
    snprintf(raw, sizeof raw, "urn:epc:raw:496.x%s", hex);
    assert_int_equal(uri_of_hex(hex, uri), ST_NOT_FOUND);
    assert_string_equal(uri, raw);
}

/* SGLN, partition 0: no location digits; the reference is empty, not 0 (TDS 6.3.3). */
static void epc_sgln_without_location_digits(void **state)
{
    (void)state;
    struct bitbuf bits = {.n_bits = 0};
    uint8_t epc[12] = {0};
    char uri[EPC_URI_MAX + 80];
    assert_int_equal(bits_put(&bits, 0x32, 8), ST_OK);
    assert_int_equal(bits_put(&bits, 1, 3), ST_OK);
    assert_int_equal(bits_put(&bits, 0, 3), ST_OK);
    assert_int_equal(bits_put(&bits, 12345678901u, 40), ST_OK);
    assert_int_equal(bits_put(&bits, 0, 1), ST_OK);
    assert_int_equal(bits_put(&bits, 77, 41), ST_OK);
    struct bit_reader reader = {bits.bit, bits.n_bits, 0};
    assert_int_equal(bits_get_packed(&reader, 96, epc), ST_OK);
    assert_int_equal(epc_uri(epc, 96, uri), ST_OK);
    assert_string_equal(uri, "urn:epc:id:sgln:012345678901..77");
    epc[6] |= 0x02; /* the location bit */
    assert_int_equal(epc_uri(epc, 96, uri), ST_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(epc_uris_match_golden),
        cmocka_unit_test(epc_illegal_encodings_fall_back_to_raw),
        cmocka_unit_test(epc_unknown_headers_and_lengths_are_raw),
        cmocka_unit_test(epc_sgln_without_location_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
