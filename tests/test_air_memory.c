/* test_air_memory.c - a tag's banks: ends, locks, permalocks.
 * Truth: gen2.md sections 5, 7, 8.3 and the bits of 8.6. */
#include "tag_bench.h"

static const struct tag_equipment full = {.n_epc_words = 8,
                                          .n_user_words = 32,
                                          .access_password = 0x12345678,
                                          .kill_password = 0xDEADC0DE};

/* A tag of `full` with these ten lock bits. */
static void bring_locked(struct bench *bench, enum tag_state state, unsigned lock_bits)
{
    bring_equipped(bench, state, &full);
    bench->tag.store->memory.lock_bits = (uint16_t)lock_bits;
}

static void memory_obeys_locks(void **state)
{
    (void)state;
    static const struct {
        unsigned bank, word, shift;
        bool is_password;
    } rows[] = {{0, 0, 8, true},  {0, 1, 8, true},  {0, 2, 6, true}, {0, 3, 6, true},
                {1, 2, 4, false}, {2, 5, 2, false}, {3, 0, 0, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned lock_value = 0; lock_value < 4; lock_value++) {
            for (int secured = 0; secured < 2; secured++) {
                struct bench bench;
                enum tag_state in = secured ? TAG_SECURED : TAG_OPEN;
                bool is_free = lock_value < 2 || (lock_value == 2 && secured);
                bring_locked(&bench, in, lock_value << rows[i].shift);
                unsigned was = memory_word(&bench, (enum tag_bank)rows[i].bank, rows[i].word);
                read_words(&bench, rows[i].bank, rows[i].word, 1);
                if (is_free || !rows[i].is_password) {
                    char hex[8];
                    snprintf(hex, sizeof hex, "%04X", was);
                    expect_words(&bench, hex);
                } else {
                    expect_error(&bench, 0x04);
                }
                write_word(&bench, rows[i].bank, rows[i].word, was ^ 0x0F0F);
                if (is_free) {
                    expect_done(&bench);
                } else {
                    expect_error(&bench, 0x04);
                }
                finish_reply(&bench);
                assert_int_equal(memory_word(&bench, (enum tag_bank)rows[i].bank, rows[i].word),
                                 is_free ? was ^ 0x0F0F : was);
                assert_int_equal(bench.tag.state, in);
            }
        }
    }
    struct bench bench; /* a Read across a password that may be read and one that may not */
    bring_locked(&bench, TAG_OPEN, 0x080);
    read_words(&bench, 0, 0, 2);
    expect_words(&bench, "DEADC0DE");
    read_words(&bench, 0, 0, 0);
    expect_error(&bench, 0x04);
}

static void memory_knows_its_ends(void **state)
{
    (void)state;
    static const struct {
        unsigned bank, word, count;
        int code; /* -1: fine */
    } rows[] = {{0, 0, 4, -1},    {0, 4, 1, 0x03},   {0, 3, 2, 0x03},  {1, 0, 10, -1},
                {1, 0, 11, 0x03}, {1, 10, 1, 0x03},  {1, 33, 1, 0x03}, {2, 0, 6, -1},
                {2, 0, 7, 0x03},  {2, 6, 0, 0x03},   {3, 31, 1, -1},   {3, 31, 2, 0x03},
                {3, 32, 0, 0x03}, {3, 0, 255, 0x03}, {1, 8, 0, 0x03}};
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        read_words(&bench, rows[i].bank, rows[i].word, rows[i].count);
        if (rows[i].code < 0) {
            assert_int_equal(bench.tag.reply.code.n_bits, 33 + 16 * rows[i].count);
        } else {
            expect_error(&bench, (unsigned)rows[i].code);
        }
    }
    read_words(&bench, 1, 0,
               0); /* EPC bank to the end: through the EPC, not all there is room for */
    assert_int_equal(bench.tag.reply.code.n_bits, 33 + 16 * 8);
    write_word(&bench, 3, 32, 1);
    expect_error(&bench, 0x03);
    write_word(&bench, 1, 0, 1); /* StoredCRC */
    expect_error(&bench, 0x04);
    /* an address of 28 bits, and one of 35 that no tag waits for */
    command(&bench,
            "1100001011"
            "11111111111111111111111101111111"
            "00000001",
            BENCH_HANDLE);
    expect_error(&bench, 0x03);
    command(&bench,
            "1100001011"
            "1111111111111111111111111111111101111111"
            "00000001",
            BENCH_HANDLE);
    expect_silence(&bench);
    bring(&bench, TAG_SECURED); /* a tag without User memory */
    read_words(&bench, 3, 0, 0);
    expect_error(&bench, 0x03);
}

static void memory_block_commands_keep_the_rules(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    command(&bench,
            "110001111100000000"
            "00000000",
            BENCH_HANDLE); /* no words: ignored */
    expect_silence(&bench);
    command(&bench,
            "110010001100000000"
            "00000000",
            BENCH_HANDLE);
    expect_silence(&bench);
    char bits[BENCH_BITS_MAX] = "110001111100011110"
                                "00000011"; /* words 30 .. 32 */
    append_hex(bits, "111122223333");
    command(&bench, bits, BENCH_HANDLE);
    expect_error(&bench, 0x03);
    assert_int_equal(memory_word(&bench, TAG_BANK_USER, 30), 0); /* all or nothing */
    bench.world.block_words = 2;
    strcpy(bits, "110001111100000000"
                 "00000011");
    append_hex(bits, "111122223333");
    command(&bench, bits, BENCH_HANDLE);
    expect_error(&bench, 0x01);
    /* the longest: 255 words at once */
    struct tag_equipment large = full;
    large.n_user_words = 256;
    bring_equipped(&bench, TAG_SECURED, &large);
    strcpy(bits, "110001111100000001"
                 "11111111");
    for (unsigned i = 0; i < 255; i++) {
        rig_append(bits, 0x4000 + i, 16);
    }
    command(&bench, bits, BENCH_HANDLE);
    expect_done(&bench);
    finish_reply(&bench);
    assert_int_equal(memory_word(&bench, TAG_BANK_USER, 0), 0);
    for (unsigned i = 0; i < 255; i++) {
        assert_int_equal(memory_word(&bench, TAG_BANK_USER, i + 1), 0x4000 + i);
    }
}

/* Each pair of old and new lock of the User bank. */
static void memory_permalock_cannot_be_undone(void **state)
{
    (void)state;
    for (unsigned was = 0; was < 4; was++) {
        for (unsigned mask = 0; mask < 4; mask++) {
            for (unsigned action = 0; action < 4; action++) {
                struct bench bench;
                bring_locked(&bench, TAG_SECURED, was);
                lock(&bench, mask << 10 | action);
                unsigned want = (was & ~mask) | (action & mask);
                bool is_legal = !(was & 1) || want == was;
                if (is_legal) {
                    expect_done(&bench);
                } else {
                    expect_error(&bench, 0x04);
                }
                finish_reply(&bench);
                assert_int_equal(bench.tag.store->memory.lock_bits, is_legal ? want : was);
            }
        }
    }
    struct bench bench; /* one illegal pair, and the legal ones of the same payload stay undone */
    bring_equipped(&bench, TAG_SECURED, &full);
    lock(&bench, 0x30u << 10 | 0x0Cu << 10 | 0x20); /* EPC 10, TID 00: its permalock says no */
    expect_error(&bench, 0x04);
    assert_int_equal(bench.tag.store->memory.lock_bits, 0x00C);
}

static void memory_permalocks_blocks(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment equipment = full;
    equipment.n_user_words = 128; /* 32 blocks of 4 words: two groups */
    bring_equipped(&bench, TAG_SECURED, &equipment);
    send(&bench, "110010010000000011100000000000000011000000000000001000100100"
                 "01101001001111001110111");
    expect_done(&bench);
    finish_reply(&bench);
    assert_true(bench.tag.store->memory.permalocked_blocks == 0x8001);
    send(&bench, "1100100100000000011000000000000000100010010001101001000001100101100");
    expect_body(&bench, "01000000000000001");
    write_word(&bench, 3, 3, 1); /* block 0 */
    expect_error(&bench, 0x04);
    write_word(&bench, 3, 4, 1); /* block 1 */
    expect_done(&bench);
    write_word(&bench, 3, 60, 1); /* block 15 */
    expect_error(&bench, 0x04);
    command(&bench,
            "1100100100000000"
            "1"
            "11"
            "00000000"
            "00000010" /* two groups */
            "0000000000000000"
            "0000000000000001",
            BENCH_HANDLE);
    expect_done(&bench);
    finish_reply(&bench);
    command(&bench,
            "1100100100000000"
            "0"
            "11"
            "00000001"
            "00000001",
            BENCH_HANDLE);
    expect_body(&bench, "00000000000000001");
    command(&bench,
            "1100100100000000"
            "0"
            "11"
            "00000001"
            "00000010",
            BENCH_HANDLE);
    expect_error(&bench, 0x03);
    command(&bench,
            "1100100100000000"
            "0"
            "11"
            "00000000"
            "00000000",
            BENCH_HANDLE);
    expect_error(&bench, 0x00);
    command(&bench,
            "1100100100000000"
            "0"
            "01"
            "00000000"
            "00000001",
            BENCH_HANDLE);
    expect_error(&bench, 0x01);
    bring_equipped(&bench, TAG_SECURED, &full); /* 8 blocks: the ninth cannot be locked */
    command(&bench,
            "1100100100000000"
            "1"
            "11"
            "00000000"
            "00000001"
            "0000000010000000",
            BENCH_HANDLE);
    expect_error(&bench, 0x03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_obeys_locks),
        cmocka_unit_test(memory_knows_its_ends),
        cmocka_unit_test(memory_block_commands_keep_the_rules),
        cmocka_unit_test(memory_permalock_cannot_be_undone),
        cmocka_unit_test(memory_permalocks_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
