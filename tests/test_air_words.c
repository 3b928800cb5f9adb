/* test_air_words.c - what a tag shows of itself: StoredCRC, PC and XPC words, what Select sees and
 * Untraceable hides. Truth: gen2.md sections 4, 5, 8.3 and the bits of 8.6. */
#include "tag_bench.h"

static const struct tag_equipment full = {.n_epc_words = 8,
                                          .n_user_words = 32,
                                          .access_password = 0x12345678,
                                          .kill_password = 0xDEADC0DE};

/* The same with XPC words.   out equipment  as it was brought */
static void bring_xpc(struct bench *bench, struct tag_equipment *equipment)
{
    *equipment = full;
    equipment->has_xpc = true;
    bring_equipped(bench, TAG_SECURED, equipment);
}

/* ---- PC, XPC, CRC ---- */

/* The tag's ACK reply is these words and their CRC-16. */
static void expect_epc_reply(struct bench *bench, const char *hex)
{
    char want[BENCH_BITS_MAX] = "";
    append_hex(want, hex);
    rig_append(want, rig_crc16(want, strlen(want)), 16);
    singulate(bench);
    expect_bits(bench, want);
}

static void words_stored_crc_follows_with_the_round(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    write_word(&bench, 1, 7, 0x1A86);
    expect_done(&bench);
    read_words(&bench, 1, 0, 1);
    expect_words(&bench, "AAF9");                     /* as it was */
    char bits[BENCH_BITS_MAX] = "010001001000110100"; /* ACK of the handle: PacketCRC is bench */
    send(&bench, bits);
    strcpy(bits, "");
    append_hex(bits, "30003074257BF7194E4000001A86");
    unsigned crc = rig_crc16(bits, strlen(bits));
    rig_append(bits, crc, 16);
    expect_bits(&bench, bits);
    singulate(&bench);
    assert_int_equal(memory_word(&bench, TAG_BANK_EPC, 0), crc);
    reach(&bench, TAG_SECURED);
    write_word(&bench, 1, 1, 0x4000); /* L = 8: 128 bits, there is room */
    expect_done(&bench);
    dark(&bench, 0.1);
    expect_epc_reply(&bench, "40003074257BF7194E4000001A8600000000");
    reach(&bench, TAG_SECURED);
    write_word(&bench, 1, 1, 0x4800); /* L = 9: there is not */
    expect_error(&bench, 0x03);
    write_word(&bench, 1, 1, 0x0700); /* L = 0; UMI and XI are the tag's own */
    expect_done(&bench);
    expect_epc_reply(&bench, "0100");
    assert_int_equal(memory_word(&bench, TAG_BANK_EPC, 1), 0x0100);
}

static void words_umi_says_that_user_memory_is_used(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    write_word(&bench, 3, 0, 0xE000); /* bits 03h to 07h are still 0 */
    expect_done(&bench);
    expect_epc_reply(&bench, "30003074257BF7194E4000001A85");
    reach(&bench, TAG_SECURED);
    write_word(&bench, 3, 0, 0x0100);
    expect_done(&bench);
    expect_epc_reply(&bench, "34003074257BF7194E4000001A85");
}

/* The examples of gen2.md 4: K and NR set; and XPC_W1 sent by itself with T = 1 [M]. */
static void words_packet_pc_shows_xpc(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment equipment;
    bring_xpc(&bench, &equipment);
    write_word(&bench, 1, 33, 0xFFFE); /* of it only NR can be written */
    expect_done(&bench);
    read_words(&bench, 1, 33, 0);
    expect_words(&bench, "0006");
    singulate(&bench);
    char want[256] = "";
    append_hex(want, "30063074257BF7194E4000001A852592");
    expect_bits(&bench, want);
    assert_int_equal(memory_word(&bench, TAG_BANK_EPC, 0), 0xAAF9);
    assert_int_equal(choose(&bench, 4, 0, 1, 0, "", 0), TAG_EVENT_COMMAND);
    expect_epc_reply(&bench, "30263074257BF7194E4000001A85"); /* SLI */
    reach(&bench, TAG_SECURED);
    write_word(&bench, 1, 1, 0x31AE);
    expect_done(&bench);
    expect_epc_reply(&bench, "3BAE00263074257BF7194E4000001A85"); /* XI, L + 1, XPC_W1 */
    assert_int_equal(memory_word(&bench, TAG_BANK_EPC, 1), 0x33AE);
    equipment.kill_password = 0;
    equipment.lock_payload = 0x80200; /* kill password locked as zero: not killable */
    bring_equipped(&bench, TAG_SECURED, &equipment);
    expect_epc_reply(&bench, "30003074257BF7194E4000001A85");
    equipment.lock_payload = 0;
    bring_equipped(&bench, TAG_SECURED, &equipment); /* one could still write it: K */
    expect_epc_reply(&bench, "30043074257BF7194E4000001A85");
}

/* ---- Select and what is hidden ---- */

static bool selects(struct bench *bench, unsigned bank, unsigned pointer, const char *mask)
{
    char bits[600] = "10101000001"; /* SL, action 000; bank follows */
    bits[10] = '\0';
    rig_append(bits, bank, 2);
    if (pointer >= 128) {
        rig_append(bits, 0x80 | pointer >> 7, 8);
    }
    rig_append(bits, pointer & 127, 8);
    rig_append(bits, (unsigned)strlen(mask), 8);
    strcat(bits, mask);
    rig_append(bits, 0, 1);
    with_crc16(bench, bits);
    return bench->tag.is_selected;
}

static void words_select_sees_user_and_xpc(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment equipment;
    bring_xpc(&bench, &equipment);
    write_word(&bench, 3, 31, 0x8001);
    expect_done(&bench);
    assert_true(selects(&bench, 3, 496, "1000000000000001"));
    assert_true(selects(&bench, 3, 495, "01000"));
    assert_false(selects(&bench, 3, 496, "1000000000000000"));
    assert_false(selects(&bench, 3, 497, "0000000000000010")); /* one bit beyond the bank */
    assert_true(selects(&bench, 1, 0x21D, "1"));               /* K */
    assert_false(selects(&bench, 1, 0x21C, "1"));              /* U */
    assert_true(selects(&bench, 1, 0x210, "00000000"));
    assert_false(selects(&bench, 1, 0x218, "000001000")); /* into XPC_W2, which is not there */
    assert_false(selects(&bench, 1, 0x160, "0"));
    bring_equipped(&bench, TAG_SECURED, &full);
    assert_false(selects(&bench, 1, 0x21D, "1"));
}

/* Untraceable, U not asserted: length and hidden part of the EPC, the rest as the fields are. */
static void untraceable(struct bench *bench, unsigned epc, unsigned tid, unsigned user,
                        unsigned range)
{
    char bits[BENCH_BITS_MAX] = "1110001000000000" /* RFU, U: */ "000";
    rig_append(bits, epc, 6);
    rig_append(bits, tid, 2);
    rig_append(bits, user, 1);
    rig_append(bits, range, 2);
    command(bench, bits, BENCH_HANDLE);
}

static void words_untraceable_hides(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment equipment;
    bring_xpc(&bench, &equipment);
    write_word(&bench, 3, 0, 0x00C0);
    expect_done(&bench);
    send(&bench, "11100010000000000010001100110000010010001101000011100111110110");
    expect_done(&bench);
    finish_reply(&bench);
    read_words(&bench, 2, 2, 1); /* who has the privilege sees it */
    expect_words(&bench, "2000");
    read_words(&bench, 3, 0, 1);
    expect_words(&bench, "00C0");
    expect_epc_reply(&bench, "300C3074257BF7194E4000001A85"); /* U and K */
    reach(&bench, TAG_OPEN);
    read_words(&bench, 2, 0, 0);
    expect_words(&bench, "E2801160");
    read_words(&bench, 2, 2, 1);
    expect_error(&bench, 0x03);
    read_words(&bench, 3, 0, 1);
    expect_error(&bench, 0x03);
    write_word(&bench, 3, 0, 1);
    expect_error(&bench, 0x03);
    assert_false(selects(&bench, 3, 0, "0"));
    assert_true(selects(&bench, 2, 0, "11100010"));
    assert_false(selects(&bench, 2, 31, "00"));
    /* EPC cut to two words and the rest hidden, all of the TID, normal range */
    reach(&bench, TAG_SECURED);
    untraceable(&bench, 0x22, 2, 0, 0);
    expect_done(&bench);
    expect_epc_reply(&bench, "10043074257B"); /* K, L = 2 */
    assert_false(selects(&bench, 1, 32 + 24, "011110111"));
    assert_true(selects(&bench, 1, 32 + 24, "01111011"));
    assert_false(selects(&bench, 2, 0, "1"));
    assert_true(selects(&bench, 3, 8, "11"));
    reach(&bench, TAG_OPEN);
    read_words(&bench, 1, 4, 1);
    expect_error(&bench, 0x03);
    read_words(&bench, 2, 0, 0);
    expect_error(&bench, 0x03);
    /* and back: nothing was lost */
    both_halves(&bench, 0xC6, full.access_password);
    untraceable(&bench, 0x06, 0, 0, 0);
    expect_done(&bench);
    expect_epc_reply(&bench, "30243074257BF7194E4000001A85"); /* SLI and K */
}

static void words_untraceable_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    untraceable(&bench, 0x09, 0, 0, 0);
    expect_error(&bench, 0x03); /* L = 9 */
    untraceable(&bench, 0x06, 3, 0, 0);
    expect_silence(&bench); /* RFU */
    untraceable(&bench, 0x06, 0, 0, 3);
    expect_silence(&bench);
    bring(&bench, TAG_SECURED); /* secured without a password: no privilege */
    untraceable(&bench, 0x06, 0, 0, 0);
    expect_error(&bench, 0x02);
}

static void words_range_changes_the_power_wanted(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    untraceable(&bench, 0x06, 0, 0, 1);
    expect_done(&bench);
    finish_reply(&bench);
    assert_true(tag_extra_power_db(&bench.tag) > 0);
    dark(&bench, 0.1);
    assert_true(tag_extra_power_db(&bench.tag) == 0); /* it was until power is lost */
    reach(&bench, TAG_SECURED);
    untraceable(&bench, 0x06, 0, 0, 2);
    finish_reply(&bench);
    dark(&bench, 0.1);
    assert_true(tag_extra_power_db(&bench.tag) > 0); /* this one stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stored_crc_follows_with_the_round),
        cmocka_unit_test(words_umi_says_that_user_memory_is_used),
        cmocka_unit_test(words_packet_pc_shows_xpc),
        cmocka_unit_test(words_select_sees_user_and_xpc),
        cmocka_unit_test(words_untraceable_hides),
        cmocka_unit_test(words_untraceable_is_refused),
        cmocka_unit_test(words_range_changes_the_power_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
