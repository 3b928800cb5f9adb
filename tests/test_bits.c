/* test_bits.c - bit writer and reader: limits, EBV-8 of Annex A, hex. */
#include "golden.h"

#include "protocol/bits.h"

static struct bitbuf bits;

static void bits_ebv_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("ebv");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        uint32_t value = (uint32_t)golden_number(item, "value");
        char text[64];
        bits.n_bits = 0;
        assert_int_equal(bits_put_ebv(&bits, value), ST_OK);
        bits_to_text(bits.bit, bits.n_bits, text);
        assert_string_equal(text, golden_text(item, "bits"));
        struct bit_reader reader = {bits.bit, bits.n_bits, 0};
        uint32_t back = ~value;
        assert_int_equal(bits_get_ebv(&reader, &back), ST_OK);
        assert_int_equal(back, value);
        assert_int_equal(bits_left(&reader), 0);
    }
    json_decref(list);
}

static void bits_ebv_covers_32_bits_and_no_more(void **state)
{
    (void)state;
    bits.n_bits = 0;
    assert_int_equal(bits_put_ebv(&bits, UINT32_MAX), ST_OK);
    assert_int_equal(bits.n_bits, 40);
    struct bit_reader reader = {bits.bit, 40, 0};
    uint32_t value = 0;
    assert_int_equal(bits_get_ebv(&reader, &value), ST_OK);
    assert_int_equal(value, UINT32_MAX);
    bits.bit[3] = 1; /* 33rd bit */
    reader.at = 0;
    assert_int_equal(bits_get_ebv(&reader, &value), ST_RANGE);
    assert_int_equal(reader.at, 0);
    memset(bits.bit, 0, 48);
    for (size_t i = 0; i < 48; i += 8) {
        bits.bit[i] = 1; /* six blocks, all "more follows" */
    }
    reader.n_bits = 48;
    assert_int_equal(bits_get_ebv(&reader, &value), ST_RANGE);
    reader.n_bits = 20; /* cut in the third block */
    assert_int_equal(bits_get_ebv(&reader, &value), ST_SHORT);
    assert_int_equal(reader.at, 0);
}

static void bits_put_is_msb_first(void **state)
{
    (void)state;
    const uint8_t packed[] = {0xA5, 0xC0};
    char text[64];
    bits.n_bits = 0;
    assert_int_equal(bits_put(&bits, 0x6, 4), ST_OK);
    assert_int_equal(bits_put(&bits, 0xFF, 0), ST_OK);
    assert_int_equal(bits_put_packed(&bits, packed, 10), ST_OK);
    assert_int_equal(bits_put_unpacked(&bits, (const uint8_t[]){1, 0, 0}, 3), ST_OK);
    bits_to_text(bits.bit, bits.n_bits, text);
    assert_string_equal(text, "0110"
                              "1010010111"
                              "100");
    struct bit_reader reader = {bits.bit, bits.n_bits, 4};
    uint8_t back[2] = {0xFF, 0xFF};
    assert_int_equal(bits_get_packed(&reader, 10, back), ST_OK);
    assert_memory_equal(back, packed, 2);
}

static void bits_full_buffer_takes_nothing(void **state)
{
    (void)state;
    const uint8_t one[] = {1, 1};
    bits.n_bits = LIMIT_BITS - 1;
    assert_int_equal(bits_put(&bits, 3, 2), ST_FULL);
    assert_int_equal(bits_put_packed(&bits, one, 2), ST_FULL);
    assert_int_equal(bits_put_unpacked(&bits, one, 2), ST_FULL);
    assert_int_equal(bits_put_ebv(&bits, 0), ST_FULL);
    assert_int_equal(bits.n_bits, LIMIT_BITS - 1);
    assert_int_equal(bits_put(&bits, 1, 1), ST_OK);
    assert_int_equal(bits.n_bits, LIMIT_BITS);
}

static void bits_short_reader_stays(void **state)
{
    (void)state;
    const uint8_t bit[] = {1, 0, 1};
    struct bit_reader reader = {bit, 3, 1};
    uint64_t value = 99;
    uint8_t packed[1];
    assert_int_equal(bits_get(&reader, 3, &value), ST_SHORT);
    assert_int_equal(bits_get_packed(&reader, 3, packed), ST_SHORT);
    assert_int_equal(reader.at, 1);
    assert_int_equal(bits_get(&reader, 2, &value), ST_OK);
    assert_int_equal(value, 1);
}

static void bits_hex_reads_and_refuses(void **state)
{
    (void)state;
    uint8_t packed[3];
    size_t n_bytes = 0;
    char text[8];
    assert_int_equal(bits_from_hex("30aF01", packed, 3, &n_bytes), ST_OK);
    assert_int_equal(n_bytes, 3);
    bits_to_hex(packed, n_bytes, text);
    assert_string_equal(text, "30AF01");
    assert_int_equal(bits_from_hex("", packed, 3, &n_bytes), ST_OK);
    assert_int_equal(n_bytes, 0);
    assert_int_equal(bits_from_hex("30A", packed, 3, &n_bytes), ST_FORMAT);
    assert_int_equal(bits_from_hex("3G", packed, 3, &n_bytes), ST_FORMAT);
    assert_int_equal(bits_from_hex("30AF0102", packed, 3, &n_bytes), ST_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_ebv_matches_golden),
        cmocka_unit_test(bits_ebv_covers_32_bits_and_no_more),
        cmocka_unit_test(bits_put_is_msb_first),
        cmocka_unit_test(bits_full_buffer_takes_nothing),
        cmocka_unit_test(bits_short_reader_stays),
        cmocka_unit_test(bits_hex_reads_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
