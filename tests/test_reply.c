/* test_reply.c - ACK replies: golden ones, XPC words, cut and damaged ones. */
#include "golden.h"

#include "protocol/bits.h"
#include "protocol/crc.h"
#include "protocol/reply.h"

static struct bitbuf bits;

static void load_hex(const char *hex)
{
    uint8_t packed[80];
    size_t n_bytes = 0;
    bits.n_bits = 0;
    assert_int_equal(bits_from_hex(hex, packed, sizeof packed, &n_bytes), ST_OK);
    assert_int_equal(bits_put_packed(&bits, packed, 8 * n_bytes), ST_OK);
}

static void reply_plain_epc_is_read(void **state)
{
    (void)state;
    struct epc_reply reply;
    char hex[2 * sizeof reply.epc + 1];
    load_hex("30003074257BF7194E4000001A85AAF9");
    assert_int_equal(reply_epc_n_bits(bits.bit), 128);
    assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
    assert_true(reply.crc_right);
    assert_int_equal(reply.pc, 0x3000);
    assert_int_equal(reply.n_xpc_words, 0);
    assert_int_equal(reply.n_epc_bits, 96);
    assert_int_equal(reply.crc, 0xAAF9);
    bits_to_hex(reply.epc, 12, hex);
    assert_string_equal(hex, "3074257BF7194E4000001A85");
}

/* Golden v2 replies: StoredPC without XI, with XI and XPC_W1, and with T. */
static void reply_packet_pc_matches_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("stored_and_packet_crc");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct epc_reply reply;
        load_hex(golden_text(item, "ack_reply_hex"));
        assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
        assert_true(reply.crc_right);
        assert_int_equal(reply.pc, strtoul(golden_text(item, "PacketPC"), NULL, 16));
        assert_int_equal(reply.crc, strtoul(golden_text(item, "PacketCRC"), NULL, 16));
        assert_int_equal(reply.n_epc_bits, 96);
        bool has_xpc = reply.pc == 0x3A00;
        assert_int_equal(reply.n_xpc_words, has_xpc);
        if (has_xpc) {
            assert_int_equal(reply.xpc[0], strtoul(golden_text(item, "XPC_W1"), NULL, 16));
        }
    }
    json_decref(list);
}

static void reply_two_xpc_words_are_taken(void **state)
{
    (void)state;
    struct epc_reply reply;
    load_hex("1A00800112341122"); /* L = 3, XI; XEB; XPC_W2; one word of EPC */
    assert_int_equal(crc_append(CRC_16, &bits), ST_OK);
    assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
    assert_true(reply.crc_right);
    assert_int_equal(reply.n_xpc_words, 2);
    assert_int_equal(reply.xpc[0], 0x8001);
    assert_int_equal(reply.xpc[1], 0x1234);
    assert_int_equal(reply.n_epc_bits, 16);
    assert_int_equal(reply.epc[0], 0x11);
    assert_int_equal(reply.epc[1], 0x22);
    load_hex("0A008001"); /* L = 1: XPC_W2 has no room */
    assert_int_equal(crc_append(CRC_16, &bits), ST_OK);
    assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_FORMAT);
}

static void reply_empty_and_longest_epc_are_read(void **state)
{
    (void)state;
    struct epc_reply reply;
    load_hex("0000E2F0");
    assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
    assert_true(reply.crc_right);
    assert_int_equal(reply.n_epc_bits, 0);
    bits.n_bits = 0;
    assert_int_equal(bits_put(&bits, 0xF800, 16), ST_OK);
    for (int i = 0; i < 31; i++) {
        assert_int_equal(bits_put(&bits, (uint64_t)i, 16), ST_OK);
    }
    assert_int_equal(crc_append(CRC_16, &bits), ST_OK);
    assert_int_equal(reply_epc_n_bits(bits.bit), 528);
    assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
    assert_true(reply.crc_right);
    assert_int_equal(reply.n_epc_bits, 496);
    assert_int_equal(reply.epc[61], 30);
}

static void reply_damage_is_a_verdict(void **state)
{
    (void)state;
    struct epc_reply reply;
    load_hex("30003074257BF7194E4000001A85AAF9");
    for (size_t i = 5; i < bits.n_bits; i++) { /* the length stays right */
        bits.bit[i] ^= 1;
        assert_int_equal(reply_parse_epc(bits.bit, bits.n_bits, &reply), ST_OK);
        assert_false(reply.crc_right);
        bits.bit[i] ^= 1;
    }
}

static void reply_cut_is_short(void **state)
{
    (void)state;
    struct epc_reply reply;
    load_hex("30003074257BF7194E4000001A85AAF9");
    for (size_t n_bits = 0; n_bits < bits.n_bits; n_bits++) {
        assert_int_equal(reply_parse_epc(bits.bit, n_bits, &reply), ST_SHORT);
    }
}

/* gen2.md 8.6: the golden reply leaves the first bits to the mask of its Select. */
static void reply_truncated_is_made_whole(void **state)
{
    (void)state;
    json_t *list = golden_load("tag_replies");
    static uint8_t bit[LIMIT_BITS];
    size_t n_bits = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!strncmp(golden_text(item, "what"), "truncated", 9)) {
            n_bits = golden_bits(golden_text(item, "bits"), bit);
        }
    }
    json_decref(list);
    struct epc_reply reply;
    char hex[2 * sizeof reply.epc + 1];
    const size_t n_mask_bits = 96 - (n_bits - 21);
    static uint8_t mask[32] = {0x30, 0x74};
    assert_int_equal(reply_truncated_n_bits(96, n_mask_bits), n_bits);
    assert_int_equal(reply_parse_truncated(bit, n_bits, mask, n_mask_bits, &reply), ST_OK);
    assert_true(reply.crc_right);
    assert_true(reply.is_truncated);
    assert_int_equal(reply.n_epc_bits, 96);
    bits_to_hex(reply.epc, 12, hex);
    assert_string_equal(hex, "3074257BF7194E4000001A85");
    bit[20] ^= 1;
    assert_int_equal(reply_parse_truncated(bit, n_bits, mask, n_mask_bits, &reply), ST_OK);
    assert_false(reply.crc_right);
    bit[20] ^= 1;
    assert_int_equal(reply_parse_truncated(bit, 36, mask, n_mask_bits, &reply), ST_SHORT);
    assert_int_equal(reply_parse_truncated(bit, n_bits, mask, n_mask_bits + 1, &reply), ST_FORMAT);
    assert_int_equal(reply_parse_truncated(bit, n_bits, mask, 4096 + n_mask_bits, &reply),
                     ST_FORMAT);
    bit[4] = 1;
    assert_int_equal(reply_parse_truncated(bit, n_bits, mask, n_mask_bits, &reply), ST_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reply_plain_epc_is_read),
        cmocka_unit_test(reply_packet_pc_matches_golden),
        cmocka_unit_test(reply_two_xpc_words_are_taken),
        cmocka_unit_test(reply_empty_and_longest_epc_are_read),
        cmocka_unit_test(reply_damage_is_a_verdict),
        cmocka_unit_test(reply_cut_is_short),
        cmocka_unit_test(reply_truncated_is_made_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
