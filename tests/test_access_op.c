/* test_access_op.c - operations from text: each kind, everything wrong, no secret in what is told. */
#include "golden.h"

#include "protocol/access_op.h"

static void access_op_parses_each_kind(void **state)
{
    (void)state;
    struct access_op op;
    char text[ACCESS_TEXT_MAX];
    static const struct {
        const char *in, *out;
        enum access_op_kind kind;
    } rows[] = {
        {"read user 0 4", "read user 0 4", ACCESS_OP_READ},
        {"read 1 0x10 end", "read epc 16 end", ACCESS_OP_READ},
        {"  tid ", "tid", ACCESS_OP_TID},
        {"write epc 2 30340123", "write epc 2 2", ACCESS_OP_WRITE},
        {"write user 0 BEEF CAFE", "write user 0 2", ACCESS_OP_WRITE},
        {"blockwrite user 8 BEEFcafe 0123\t4567 ", "blockwrite user 8 4", ACCESS_OP_BLOCK_WRITE},
        {"permalock 0 8001 0001", "permalock 0 2", ACCESS_OP_PERMALOCK},
        {"blockwrite user 8 BEEFcafe", "blockwrite user 8 2", ACCESS_OP_BLOCK_WRITE},
        {"blockerase user 4 4", "blockerase user 4 4", ACCESS_OP_BLOCK_ERASE},
        {"lock 08020", "lock 08020", ACCESS_OP_LOCK},
        {"lock epc=lock", "lock 08020", ACCESS_OP_LOCK},
        {"lock access=lock", "lock 20080", ACCESS_OP_LOCK},
        {"lock kill=permalock", "lock C0300", ACCESS_OP_LOCK},
        {"lock user=unlock tid=permaunlock", "lock 03804", ACCESS_OP_LOCK},
        {"kill DEADC0DE", "kill", ACCESS_OP_KILL},
        {"permalock-read 0 2", "permalock-read 0 2", ACCESS_OP_PERMALOCK_READ},
        {"permalock 1 8001", "permalock 1 1", ACCESS_OP_PERMALOCK},
        {"untraceable u=1 epc=38 tid=1 user=1", "untraceable u=1 epc=38 tid=1 user=1 range=0",
         ACCESS_OP_UNTRACEABLE},
        {"authenticate 0 0001 128", "authenticate 0", ACCESS_OP_AUTHENTICATE},
        {"authenticate", "authenticate", ACCESS_OP_AUTHENTICATE},
        {"authenticate tid 0 2", "authenticate tid 0 2 cbc", ACCESS_OP_AUTHENTICATE},
        {"authenticate user 4095 16 plain", "authenticate user 4095 16 plain",
         ACCESS_OP_AUTHENTICATE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (access_op_parse(rows[i].in, &op)) {
            fail_msg("'%s': %s", rows[i].in, status_detail());
        }
        assert_int_equal(op.kind, rows[i].kind);
        access_op_text(&op, text);
        assert_string_equal(text, rows[i].out);
    }
    assert_int_equal(access_op_parse("write user 3 0123BEEF", &op), ST_OK);
    assert_int_equal(op.bank, BANK_USER);
    assert_int_equal(op.pointer, 3);
    assert_int_equal(op.word[0], 0x0123);
    assert_int_equal(op.word[1], 0xBEEF);
    assert_int_equal(access_op_parse(" write\tuser 3  0123 4567BEEF  89ab\t", &op), ST_OK);
    assert_int_equal(op.n_words, 4);
    const uint16_t words[] = {0x0123, 0x4567, 0xBEEF, 0x89AB};
    assert_memory_equal(op.word, words, sizeof words);
    assert_int_equal(access_op_parse("kill 0000BEEF", &op), ST_OK);
    assert_int_equal(op.password, 0xBEEF);
}

static void access_op_refuses_with_what_is_accepted(void **state)
{
    (void)state;
    struct access_op op;
    static const char *const rows[][2] = {
        {"", "empty"},
        {"erase user 0 1", "no operation"},
        {"access", "no operation"},
        {"read user 0", "BANK POINTER COUNT"},
        {"read user 0 1 2", "BANK POINTER COUNT"},
        {"read memory 0 1", "reserved, epc, tid, user"},
        {"read user -1 1", "pointer"},
        {"read user 0x 1", "pointer"},
        {"read user 0 0", "1 .. 255"},
        {"read user 0 256", "count"},
        {"write epc 2 303", "4 hex digits"},
        {"write epc 2 30", "4 hex digits"},
        {"write epc 2 30XX", "4 hex digits"},
        {"write epc 2 BEEF CAF", "words are 'BEEF CAF', accepted 4 hex digits each"},
        {"write epc 2 BE EFCAFE", "blanks only between words"},
        {"write epc 2 BEEFCA FE", "blanks only between words"},
        {"write epc 2 BEEF,CAFE", "words are 'BEEF,CAFE'"},
        {"write epc 2 ", "BANK POINTER WORDS"},
        {"permalock 0 80010 001", "4 hex digits"},
        {"lock 8020", "FFFFF"},
        {"lock 1FFFFF", "FFFFF"},
        {"lock epc=open", "permaunlock"},
        {"kill 0", "kills no tag"},
        {"kill 123456789", "kill password"},
        {"kill", "PASSWORD"},
        {"permalock 0 1", "4 hex digits"},
        {"untraceable u=1", "epc="},
        {"untraceable epc=64", "epc"},
        {"untraceable epc=6 tid=3", "tid"},
        {"untraceable hide", "u=0..1"},
        {"authenticate 256 00 128", "CSI"},
        {"authenticate 0", "CSI MESSAGE RESPONSE_BITS"},
        {"authenticate 0 00 128 cbc", "CSI MESSAGE RESPONSE_BITS"},
        {"authenticate tid", "OFFSET BLOCKS"},
        {"authenticate tid 0", "OFFSET BLOCKS"},
        {"authenticate tid 4096 1", "offset"},
        {"authenticate tid 0 0", "blocks"},
        {"authenticate tid 0 17", "blocks"},
        {"authenticate tid 0 1 cmac", "plain, cbc"},
        {"authenticate reserved 0 1", "CSI"},
        {"authenticate 0 0 128", "message"},
        {"authenticate 0 00 5000", "response"},
        {"a b c d e f g h i j", "too many"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum status status = access_op_parse(rows[i][0], &op);
        if (status != ST_USAGE || !strstr(status_detail(), rows[i][1])) {
            fail_msg("'%s': %s", rows[i][0], status_detail());
        }
    }
    static char text[2000];
    memset(text, 'A', sizeof text - 1);
    assert_int_equal(access_op_parse(text, &op), ST_USAGE);
    memcpy(text, "write user 0 ", 13);
    text[13 + 4 * 255] = '\0';
    assert_int_equal(access_op_parse(text, &op), ST_OK);
    assert_int_equal(op.n_words, 255);
    strcpy(text + 13 + 4 * 255, "AAAA");
    assert_int_equal(access_op_parse(text, &op), ST_USAGE);
    assert_non_null(strstr(status_detail(), "1 .. 255 words"));
    for (size_t k = 0; k < 255; k++) { /* the longest there is */
        memcpy(text + 13 + 5 * k, "BEEF ", 6);
    }
    assert_int_equal(access_op_parse(text, &op), ST_OK);
    assert_int_equal(op.n_words, 255);
    assert_int_equal(op.word[254], 0xBEEF);
}

static void access_op_knows_what_changes_the_epc(void **state)
{
    (void)state;
    struct access_op op;
    static const char *const changes[] = {"write epc 2 1234", "blockerase epc 2 1",
                                          "untraceable epc=6"};
    static const char *const keeps[] = {"write user 2 1234", "read epc 0 4", "tid", "lock 08020"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(access_op_parse(changes[i], &op), ST_OK);
        assert_true(access_op_changes_epc(&op));
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(access_op_parse(keeps[i], &op), ST_OK);
        assert_false(access_op_changes_epc(&op));
    }
}

static void access_op_final_ones_are_marked(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACCESS_OP_N; kind++) {
        bool is_final =
            kind == ACCESS_OP_KILL || kind == ACCESS_OP_LOCK || kind == ACCESS_OP_PERMALOCK;
        assert_int_equal(access_op_row((enum access_op_kind)kind)->is_final, is_final);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_op_parses_each_kind),
        cmocka_unit_test(access_op_refuses_with_what_is_accepted),
        cmocka_unit_test(access_op_knows_what_changes_the_epc),
        cmocka_unit_test(access_op_final_ones_are_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
