/* test_air_access.c - conversations with one tag from its handle on: commands, states, passwords.
 * Truth: the bits of gen2.md 8.6 and the tables of its section 9. */
#include "tag_bench.h"

static const struct tag_equipment full = {
    .n_user_words = 256, .access_password = 0x12345678, .kill_password = 0xDEADC0DE};

/* ---- commands of the fact sheet, bit by bit ---- */

static void access_reads_as_encoded(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &full);
    send(&bench, "1100000100010010001101000011000101100010"); /* Req_RN 1234 */
    char want[64] = "";
    rig_append(want, bench.tag.cover, 16);
    rig_append(want, rig_crc16(want, 16), 16);
    expect_bits(&bench, want);
    static const uint8_t tid[] = {0xE2, 0x80, 0x68, 0x94, 0x20, 0x00,
                                  0x50, 0x00, 0xAA, 0xBB, 0xCC, 0xDD};
    memcpy(bench.tag.store->memory.tid, tid, sizeof tid);
    send(&bench, "1100001010000000000000011000010010001101001001001011100111");
    expect_bits(&bench, "0111000101000000001101000100101000010000000000000010100000000000010101010"
                        "10111011110011001101110100010010001101001010010111101001");
    send(&bench, "1100001001000000010000011100010010001101000011110110110001"); /* EPC 1, 7 words */
    expect_words(&bench, "30003074257BF7194E4000001A85");
    memset(bench.tag.store->memory.user + 256, 0x5A, 256);
    send(&bench, "110000101110000001000000000000000000010010001101000100011111011000");
    char hex[600];
    memset(hex, '5', sizeof hex);
    for (size_t i = 1; i < 512; i += 2) {
        hex[i] = 'A';
    }
    hex[512] = '\0'; /* User from word 128 on: 128 words */
    expect_words(&bench, hex);
    read_words(&bench, 3, 0, 0); /* all 256 */
    assert_int_equal(bench.tag.reply.code.n_bits, 1 + 4096 + 32);
    assert_int_equal(tag_code_n_levels(&bench.tag.reply.code), 12 + 2 * (4129 + 1));
}

static void access_writes_as_encoded(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &full);
    req_rn(&bench, BENCH_HANDLE);
    bench.tag.cover = 0xA5A5;
    memset(bench.tag.store->memory.epc + 4, 0, 2);
    send(&bench, "110000110100000010100101011101000100010010001101000010111001000101");
    expect_done(&bench);
    finish_reply(&bench);
    assert_int_equal(memory_word(&bench, TAG_BANK_EPC, 2), 0x3074);
    send(&bench, "1100011111000000000000001010111110111011111100101011111110000100100011010010010"
                 "00111010001");
    expect_done(&bench);
    finish_reply(&bench);
    assert_int_equal(memory_word(&bench, TAG_BANK_USER, 0), 0xBEEF);
    assert_int_equal(memory_word(&bench, TAG_BANK_USER, 1), 0xCAFE);
    memset(bench.tag.store->memory.user, 0xFF, 32);
    send(&bench, "1100100011000001000000010000010010001101001001011010111110"); /* erase 4 .. 7 */
    expect_done(&bench);
    finish_reply(&bench);
    read_words(&bench, 3, 3, 6);
    expect_words(&bench, "FFFF0000000000000000FFFF");
}

static void access_takes_passwords_as_encoded(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &full);
    static const char handle[] = "00010010001101001111000100110110"; /* 1234F136h */
    req_rn(&bench, BENCH_HANDLE);
    bench.tag.cover = 0x1A2B;
    send(&bench, "11000110000010000001111100010010001101001110100110011001");
    expect_bits(&bench, handle);
    assert_int_equal(bench.tag.state, TAG_OPEN);
    req_rn(&bench, BENCH_HANDLE);
    bench.tag.cover = 0x3C4D;
    send(&bench, "11000110011010100011010100010010001101000001110000100100");
    expect_bits(&bench, handle);
    assert_int_equal(bench.tag.state, TAG_SECURED);
    static const struct {
        const char *bits;
        unsigned locks;
    } rows[] = {
        {"110001010000100000000010000000010010001101001010100111110111", 0x02C},
        {"110001010010000000001000000000010010001101001000110111010000", 0x0AC},
        {"110001011100000000110000000000010010001101001110001011111110", 0x3AC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        send(&bench, rows[i].bits);
        expect_done(&bench);
        finish_reply(&bench);
        assert_int_equal(bench.tag.store->memory.lock_bits, rows[i].locks);
    }
    req_rn(&bench, BENCH_HANDLE);
    bench.tag.cover = 0x1A2B;
    send(&bench, "11000100110001001000011000000010010001101000001010010010011");
    expect_bits(&bench, handle);
    req_rn(&bench, BENCH_HANDLE);
    bench.tag.cover = 0x3C4D;
    send(&bench, "11000100111111001001001100000010010001101000001100101011011");
    expect_done(&bench);
    finish_reply(&bench);
    assert_int_equal(bench.tag.state, TAG_KILLED);
}

/* ---- states: section 9 ---- */

static const char *const with_handle[] = {
    /* heads of one command each, legal for a tag of `full` */
    "110000101000000000"
    "00000110", /* Read */
    "11000011"
    "11"
    "00000000"
    "0000000000000000", /* Write */
    "11000100"
    "0000000000000000"
    "000", /* Kill */
    "11000101"
    "00001000000000100000", /* Lock */
    "11000110"
    "0000000000000000", /* Access */
    "11000111"
    "11"
    "00000000"
    "00000001"
    "1111000011110000", /* BlockWrite */
    "11001000"
    "11"
    "00000000"
    "00000001", /* BlockErase */
    "11001001"
    "00000000"
    "0"
    "11"
    "00000000"
    "00000001", /* BlockPermalock, read */
    "1110001000000000"
    "00"
    "1"
    "000110"
    "01"
    "1"
    "00", /* Untraceable */
};
#define N_WITH_HANDLE (sizeof with_handle / sizeof *with_handle)

static void access_commands_do_nothing_without_a_handle(void **state)
{
    (void)state;
    static const struct {
        enum tag_state from, to;
    } rows[] = {{TAG_READY, TAG_READY},
                {TAG_ARBITRATE, TAG_ARBITRATE},
                {TAG_REPLY, TAG_ARBITRATE},
                {TAG_ACKNOWLEDGED, TAG_ARBITRATE}};
    for (size_t i = 0; i < N_WITH_HANDLE; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            struct bench bench;
            bring_equipped(&bench, rows[k].from, &full);
            struct tag_memory was = bench.tag.store->memory;
            command(&bench, with_handle[i], bench.tag.rn16);
            expect_silence(&bench);
            assert_int_equal(bench.tag.state, rows[k].to);
            assert_false(bench.tag.is_b[2]);
            assert_memory_equal(&was, &bench.tag.store->memory, sizeof was);
        }
        for (int secured = 0; secured < 2; secured++) { /* another tag's handle */
            enum tag_state in = secured ? TAG_SECURED : TAG_OPEN;
            struct bench bench;
            bring_equipped(&bench, in, &full);
            struct tag_memory was = bench.tag.store->memory;
            req_rn(&bench, BENCH_HANDLE);
            command(&bench, with_handle[i], BENCH_HANDLE ^ 0x8000u);
            expect_silence(&bench);
            assert_int_equal(bench.tag.state, in);
            assert_memory_equal(&was, &bench.tag.store->memory, sizeof was);
        }
    }
}

static void access_leaves_open_and_secured_as_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *bits;
        bool stays, flips;
        enum tag_state to;
    } rows[] = {{"0010", false, true, TAG_READY},               /* QueryRep S2 */
                {"100110000", false, true, TAG_READY},          /* QueryAdjust S2 */
                {"0001", true, false, TAG_READY},               /* of another session */
                {"11000000", false, false, TAG_ARBITRATE},      /* NAK */
                {"010001001000110100", true, false, TAG_READY}, /* ACK of the handle */
                {"010001001000110101", false, false, TAG_ARBITRATE}};
    for (int secured = 0; secured < 2; secured++) {
        enum tag_state in = secured ? TAG_SECURED : TAG_OPEN;
        struct bench bench;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            bring_equipped(&bench, in, &full);
            bench.now_us += 1e6; /* T2 does not bind here */
            send(&bench, rows[i].bits);
            assert_int_equal(bench.tag.state, rows[i].stays ? in : rows[i].to);
            assert_int_equal(bench.tag.is_b[2], rows[i].flips);
            assert_int_equal(bench.event == TAG_EVENT_REPLY, i == 4);
        }
        bring_equipped(&bench, in, &full);
        choose(&bench, 4, 0, 1, 0, "", 0);
        assert_int_equal(bench.tag.state, TAG_READY);
        bring_equipped(&bench, in, &full);
        assert_int_equal(query(&bench, 0, 2, 1, 0), TAG_EVENT_REPLY); /* flipped, then B fits */
        assert_true(bench.tag.is_b[2]);
        bring_equipped(&bench, in, &full);
        assert_int_equal(query(&bench, 0, 1, 0, 0), TAG_EVENT_REPLY); /* of another session */
        assert_false(bench.tag.is_b[2]);
        bring_equipped(&bench, in, &full);
        req_rn(&bench, BENCH_HANDLE ^ 1u);
        expect_silence(&bench);
        assert_int_equal(bench.tag.state, in);
        dark(&bench, 0.01);
        assert_int_equal(bench.tag.state, TAG_READY);
    }
    struct bench bench;
    bring(&bench, TAG_ACKNOWLEDGED);
    req_rn(&bench, bench.tag.rn16 ^ 1u);
    expect_silence(&bench);
    assert_int_equal(bench.tag.state, TAG_ACKNOWLEDGED);
}

static void access_refuses_in_open_what_needs_secured(void **state)
{
    (void)state;
    static const size_t needs[] = {3, 7, 8};
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        struct bench bench;
        bring_equipped(&bench, TAG_OPEN, &full);
        command(&bench, with_handle[needs[i]], BENCH_HANDLE);
        expect_error(&bench, 0x02); /* [M] */
        assert_int_equal(bench.tag.state, TAG_OPEN);
        bring_equipped(&bench, TAG_SECURED, &full);
        command(&bench, with_handle[needs[i]], BENCH_HANDLE);
        assert_int_equal(bench.event, TAG_EVENT_REPLY);
        assert_int_equal(tag_bit(bench.tag.reply.code.bits, 0), 0);
        assert_int_equal(bench.tag.state, TAG_SECURED);
    }
}

/* ---- passwords ---- */

static void access_wrong_password_ends_in_arbitrate(void **state)
{
    (void)state;
    for (unsigned code = 0xC4; code <= 0xC6; code += 2) {
        for (int bit = 0; bit < 32; bit++) {
            struct bench bench;
            bring_equipped(&bench, TAG_OPEN, &full);
            uint32_t right = code == 0xC4 ? full.kill_password : full.access_password;
            both_halves(&bench, code, right ^ (uint32_t)1 << bit);
            expect_silence(&bench);
            assert_int_equal(bench.tag.state, TAG_ARBITRATE);
            assert_false(bench.tag.store->memory.is_killed);
        }
    }
}

static void access_broken_sequence_ends_in_arbitrate(void **state)
{
    (void)state;
    for (unsigned code = 0xC4; code <= 0xC6; code += 2) {
        for (size_t i = 0; i < N_WITH_HANDLE; i++) {
            for (int after_req_rn = 0; after_req_rn < 2; after_req_rn++) {
                struct bench bench;
                bring_equipped(&bench, TAG_SECURED, &full);
                half(&bench, code, 0);
                if (after_req_rn) {
                    req_rn(&bench, BENCH_HANDLE);
                }
                command(&bench, with_handle[i], BENCH_HANDLE);
                expect_silence(&bench); /* also a second half, which is wrong here */
                assert_int_equal(bench.tag.state, TAG_ARBITRATE);
            }
        }
        static const char *const others[] = {"0001", "11000000", "010001001000110100"};
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            struct bench bench;
            bring_equipped(&bench, TAG_OPEN, &full);
            half(&bench, code, 0);
            send(&bench, others[i]);
            expect_silence(&bench);
            assert_int_equal(bench.tag.state, TAG_ARBITRATE);
        }
        struct bench bench;
        bring_equipped(&bench, TAG_OPEN, &full);
        half(&bench, code, 0);
        send(&bench, "1100000100010010001101000011000101100011"); /* Req_RN with a wrong CRC */
        assert_int_equal(bench.tag.state, TAG_ARBITRATE);
        bring_equipped(&bench, TAG_OPEN, &full); /* another tag's commands break nothing */
        uint32_t password = code == 0xC4 ? full.kill_password : full.access_password;
        half(&bench, code, password >> 16);
        req_rn(&bench, BENCH_HANDLE ^ 4u);
        half(&bench, code, password & 0xFFFF);
        assert_int_equal(bench.event, TAG_EVENT_REPLY);
        bring_equipped(&bench, TAG_OPEN, &full); /* nor does a second Req_RN: the last one counts */
        half(&bench, code, password >> 16);
        req_rn(&bench, BENCH_HANDLE);
        half(&bench, code, password & 0xFFFF);
        assert_int_equal(bench.event, TAG_EVENT_REPLY);
    }
}

static void access_cover_serves_once(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    command(&bench, with_handle[1], BENCH_HANDLE); /* Write without Req_RN */
    expect_silence(&bench);
    assert_int_equal(bench.tag.state, TAG_SECURED);
    write_word(&bench, 3, 0, 0x1111);
    expect_done(&bench);
    command(&bench, with_handle[1], BENCH_HANDLE); /* and once more with the same cover */
    expect_silence(&bench);
    req_rn(&bench, BENCH_HANDLE);
    read_words(&bench, 3, 0, 1); /* comes between */
    expect_words(&bench, "1111");
    command(&bench, with_handle[1], BENCH_HANDLE);
    expect_silence(&bench);
    command(&bench, with_handle[4], BENCH_HANDLE); /* a half of Access without Req_RN */
    expect_silence(&bench);
    assert_int_equal(bench.tag.state, TAG_SECURED);
}

static void access_security_timeout_holds(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &full);
    bench.world.security_timeout_ms = 100;
    both_halves(&bench, 0xC6, 1);
    double wrong_us = bench.now_us;
    reach(&bench, TAG_OPEN);
    half(&bench, 0xC6, 0x1234);
    expect_error(&bench, 0x08);
    assert_int_equal(bench.tag.state, TAG_OPEN);
    bench.now_us = wrong_us + 88e3; /* Req_RN and the half end 9 ms later */
    half(&bench, 0xC6, 0x1234);
    expect_error(&bench, 0x08);
    bench.now_us = wrong_us + 99e3;
    both_halves(&bench, 0xC6, full.access_password);
    assert_int_equal(bench.tag.state, TAG_SECURED);
}

static void access_kill_is_for_ever(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment no_password = full;
    no_password.kill_password = 0;
    bring_equipped(&bench, TAG_OPEN, &no_password);
    both_halves(&bench, 0xC4, 0);
    expect_error(&bench, 0x00);
    assert_int_equal(bench.tag.state, TAG_OPEN);
    assert_false(bench.tag.store->memory.is_killed);
    bring_equipped(&bench, TAG_OPEN, &full);
    both_halves(&bench, 0xC4, full.kill_password);
    expect_done(&bench);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(query(&bench, 0, 0, 0, 0), TAG_EVENT_NONE);
        choose(&bench, 4, 0, 1, 0, "", 0);
        assert_false(bench.tag.is_selected);
        assert_int_equal(req_rn(&bench, BENCH_HANDLE), TAG_EVENT_NONE);
        dark(&bench, 1);
        assert_int_equal(bench.tag.state, TAG_KILLED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_reads_as_encoded),
        cmocka_unit_test(access_writes_as_encoded),
        cmocka_unit_test(access_takes_passwords_as_encoded),
        cmocka_unit_test(access_commands_do_nothing_without_a_handle),
        cmocka_unit_test(access_leaves_open_and_secured_as_the_table_says),
        cmocka_unit_test(access_refuses_in_open_what_needs_secured),
        cmocka_unit_test(access_wrong_password_ends_in_arbitrate),
        cmocka_unit_test(access_broken_sequence_ends_in_arbitrate),
        cmocka_unit_test(access_cover_serves_once),
        cmocka_unit_test(access_security_timeout_holds),
        cmocka_unit_test(access_kill_is_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
