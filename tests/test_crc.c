/* test_crc.c - CRC-5 and CRC-16 against the golden strings, residues of 6.3.1.5. */
#include "golden.h"

#include "protocol/crc.h"

static uint8_t bit[LIMIT_BITS];

static void crc_5_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("crc5_query");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        uint8_t crc[LIMIT_BITS];
        size_t n_bits = golden_bits(golden_text(item, "bits_without_crc"), bit);
        assert_int_equal(golden_bits(golden_text(item, "crc5"), crc), 5);
        unsigned expected = 0;
        for (size_t k = 0; k < 5; k++) {
            expected = expected << 1 | crc[k];
        }
        assert_int_equal(crc_of_bits(CRC_5, bit, n_bits), expected);
        n_bits = golden_bits(golden_text(item, "bits"), bit);
        assert_true(crc_is_right(CRC_5, bit, n_bits));
        assert_int_equal(crc_of_bits(CRC_5, bit, n_bits), 0); /* residue 00000 */
    }
    json_decref(list);
}

static void crc_16_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("crc16");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct bitbuf bits = {.n_bits = 0};
        bits.n_bits = golden_bits(golden_text(item, "bits"), bits.bit);
        unsigned expected = (unsigned)strtoul(golden_text(item, "crc16"), NULL, 16);
        assert_int_equal(crc_of_bits(CRC_16, bits.bit, bits.n_bits), expected);
        assert_int_equal(crc_append(CRC_16, &bits), ST_OK);
        assert_true(crc_is_right(CRC_16, bits.bit, bits.n_bits));
        /* over data and sent CRC the register holds 1D0F; we return its complement */
        assert_int_equal(crc_of_bits(CRC_16, bits.bit, bits.n_bits), 0xFFFF ^ 0x1D0F);
    }
    json_decref(list);
}

static void crc_stored_and_packet_match_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("stored_and_packet_crc");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        uint8_t packed[64];
        size_t n_bytes = 0;
        assert_int_equal(
            bits_from_hex(golden_text(item, "ack_reply_hex"), packed, sizeof packed, &n_bytes),
            ST_OK);
        struct bitbuf reply = {.n_bits = 0};
        assert_int_equal(bits_put_packed(&reply, packed, 8 * n_bytes), ST_OK);
        assert_true(crc_is_right(CRC_16, reply.bit, reply.n_bits));
        assert_int_equal(crc_of_bits(CRC_16, reply.bit, reply.n_bits - 16),
                         strtoul(golden_text(item, "PacketCRC"), NULL, 16));
        /* StoredCRC: StoredPC and the 96-bit EPC at the reply's end, without XPC words */
        struct bitbuf stored = {.n_bits = 0};
        assert_int_equal(bits_put(&stored, strtoul(golden_text(item, "StoredPC"), NULL, 16), 16),
                         ST_OK);
        assert_int_equal(bits_put_unpacked(&stored, reply.bit + reply.n_bits - 112, 96), ST_OK);
        assert_int_equal(crc_of_bits(CRC_16, stored.bit, stored.n_bits),
                         strtoul(golden_text(item, "StoredCRC"), NULL, 16));
    }
    json_decref(list);
}

static void crc_sees_every_single_bit_error(void **state)
{
    (void)state;
    json_t *list = golden_load("tag_replies");
    size_t n_checked = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t n_bits = golden_bits(golden_text(json_array_get(list, i), "bits"), bit);
        if (n_bits == 16) {
            continue; /* RN16 carries no CRC */
        }
        n_checked++;
        const char *what = golden_text(json_array_get(list, i), "what");
        size_t skip = strncmp(what, "truncated", 9) ? 0 : 5;
        assert_true(crc_is_right(CRC_16, bit + skip, n_bits - skip) ||
                    crc_is_right(CRC_16, bit, n_bits));
        for (size_t k = 0; k < n_bits; k++) {
            bit[k] ^= 1;
            assert_false(crc_is_right(CRC_16, bit, n_bits));
            bit[k] ^= 1;
        }
    }
    assert_true(n_checked >= 15);
    json_decref(list);
}

static void crc_none_is_always_right(void **state)
{
    (void)state;
    bit[0] = 1;
    assert_true(crc_is_right(CRC_NONE, bit, 1));
    assert_int_equal(crc_n_bits(CRC_NONE), 0);
    assert_int_equal(crc_of_bits(CRC_NONE, bit, 1), 0);
    assert_false(crc_is_right(CRC_16, bit, 15));
    assert_false(crc_is_right(CRC_5, bit, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_5_matches_golden),
        cmocka_unit_test(crc_16_matches_golden),
        cmocka_unit_test(crc_stored_and_packet_match_golden),
        cmocka_unit_test(crc_sees_every_single_bit_error),
        cmocka_unit_test(crc_none_is_always_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
