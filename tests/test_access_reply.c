/* test_access_reply.c - replies to access commands: golden strings, every bit of them wrong once. */
#include "golden.h"

#include "protocol/access_reply.h"

enum { HANDLE = 0x1234 };

static struct access_expected expected_of(enum command_reply expect, size_t n_data_bits)
{
    return (struct access_expected){.expect = expect, .n_data_bits = n_data_bits, .handle = HANDLE};
}

static struct access_reply parse(const struct access_expected *expected, const char *text)
{
    uint8_t bit[LIMIT_BITS];
    struct access_reply reply;
    size_t n_bits = golden_bits(text, bit);
    access_reply_parse(expected, bit, n_bits, &reply);
    return reply;
}

/* Any one wrong bit, and any other length, is no reply. */
static void check_wrong_bits(const struct access_expected *expected, const char *text)
{
    uint8_t bit[LIMIT_BITS];
    struct access_reply reply;
    size_t n_bits = golden_bits(text, bit);
    for (size_t i = 0; i < n_bits; i++) {
        bit[i] ^= 1;
        access_reply_parse(expected, bit, n_bits, &reply);
        assert_int_equal(reply.verdict, ACCESS_BAD_CRC);
        bit[i] ^= 1;
    }
    for (size_t n = 0; n < n_bits; n++) {
        access_reply_parse(expected, bit, n, &reply);
        assert_true(reply.verdict == ACCESS_BAD_CRC || reply.verdict == ACCESS_MALFORMED);
    }
}

static const char *golden_reply(json_t *list, const char *start)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (strncmp(golden_text(item, "what"), start, strlen(start)) == 0) {
            return golden_text(item, "bits");
        }
    }
    fail_msg("no reply '%s'", start);
    return NULL;
}

static void access_reply_golden_strings(void **state)
{
    (void)state;
    json_t *list = golden_load("tag_replies");
    struct access_expected handle = expected_of(REPLY_HANDLE, 0);
    const char *text = golden_reply(list, "Req_RN reply");
    struct access_reply reply = parse(&handle, text);
    assert_int_equal(reply.verdict, ACCESS_DONE);
    assert_int_equal(reply.rn, HANDLE);
    check_wrong_bits(&handle, text);
    struct access_expected read = expected_of(REPLY_DATA, 96);
    text = golden_reply(list, "Read reply 6 words");
    assert_int_equal(access_reply_n_bits(REPLY_DATA, 96, false), strlen(text));
    reply = parse(&read, text);
    assert_int_equal(reply.verdict, ACCESS_DONE);
    assert_int_equal(reply.n_data_bits, 96);
    assert_memory_equal(reply.data, "\xE2\x80\x68\x94\x20\x00\x50\x00\xAA\xBB\xCC\xDD", 12);
    check_wrong_bits(&read, text);
    struct access_expected delayed = expected_of(REPLY_DELAYED, 0);
    text = golden_reply(list, "Write/Kill/Lock");
    assert_int_equal(access_reply_n_bits(REPLY_DELAYED, 0, false), strlen(text));
    assert_int_equal(parse(&delayed, text).verdict, ACCESS_DONE);
    check_wrong_bits(&delayed, text);
    json_decref(list);
}

static void access_reply_errors_have_words(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        uint8_t code;
        const char *text;
    } rows[] = {
        {"error reply 00h", 0x00, "other error"},
        {"error reply 01h", 0x01, "not supported"},
        {"error reply 02h", 0x02, "insufficient privileges"},
        {"error reply 03h", 0x03, "memory overrun"},
        {"error reply 04h", 0x04, "memory locked"},
        {"error reply 05h", 0x05, "crypto suite"},
        {"error reply 06h", 0x06, "command not encapsulated"},
        {"error reply 07h", 0x07, "ResponseBuffer overflow"},
        {"error reply 08h", 0x08, "security timeout"},
        {"error reply 0Bh", 0x0B, "insufficient power"},
        {"error reply 0Fh", 0x0F, "non-specific"},
    };
    static const enum command_reply kinds[] = {REPLY_DATA, REPLY_DELAYED, REPLY_HANDLE};
    json_t *list = golden_load("tag_replies");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = golden_reply(list, rows[i].start);
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            struct access_expected expected = expected_of(kinds[k], 64);
            struct access_reply reply = parse(&expected, text);
            assert_int_equal(reply.verdict, ACCESS_ERROR);
            assert_int_equal(reply.error, rows[i].code);
            assert_int_equal(strlen(text), access_reply_error_n_bits(kinds[k], false));
            assert_ptr_equal(strstr(access_error_text(reply.error), rows[i].text),
                             access_error_text(reply.error));
        }
    }
    assert_string_equal(access_error_text(0x42), "unknown error");
    json_decref(list);
}

static void access_reply_in_process(void **state)
{
    (void)state;
    json_t *list = golden_load("aes");
    size_t n_seen = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_object_get(item, "in_process_reply_done_no_length_bits")) {
            continue;
        }
        uint8_t response[16];
        size_t n_bytes = 0;
        assert_int_equal(bits_from_hex(golden_text(item, "ciphertext_TResponse"), response,
                                       sizeof response, &n_bytes),
                         ST_OK);
        struct access_expected expected = expected_of(REPLY_IN_PROCESS, 128);
        const char *text = golden_text(item, "in_process_reply_done_no_length_bits");
        struct access_reply reply = parse(&expected, text);
        assert_int_equal(reply.verdict, ACCESS_DONE);
        assert_int_equal(strlen(text), access_reply_n_bits(REPLY_IN_PROCESS, 128, false));
        assert_int_equal(reply.n_data_bits, 128);
        assert_memory_equal(reply.data, response, 16);
        text = golden_text(item, "in_process_reply_working_bits");
        assert_int_equal(parse(&expected, text).verdict, ACCESS_WORKING);
        expected.has_length = true;
        expected.n_data_bits = 0;
        text = golden_text(item, "in_process_reply_done_with_length_bits");
        reply = parse(&expected, text);
        assert_int_equal(reply.verdict, ACCESS_DONE);
        assert_int_equal(strlen(text), access_reply_n_bits(REPLY_IN_PROCESS, 128, true));
        assert_memory_equal(reply.data, response, 16);
        check_wrong_bits(&expected, text);
        n_seen++;
    }
    assert_true(n_seen >= 4);
    json_decref(list);
}

/* A reply of another tag, or of another command, is not this one's. */
static void access_reply_foreign_and_unfitting(void **state)
{
    (void)state;
    json_t *list = golden_load("tag_replies");
    const char *read = golden_reply(list, "Read reply 6 words");
    const char *delayed = golden_reply(list, "Write/Kill/Lock");
    struct access_expected expected = expected_of(REPLY_DATA, 96);
    expected.handle = 0x4321;
    assert_int_equal(parse(&expected, read).verdict, ACCESS_FOREIGN);
    expected = expected_of(REPLY_DATA, 80);
    assert_int_equal(parse(&expected, read).verdict, ACCESS_MALFORMED);
    assert_int_equal(parse(&expected, delayed).verdict, ACCESS_MALFORMED);
    expected = expected_of(REPLY_HANDLE, 0);
    expected.handle = 0x4321;
    const char *handle = golden_reply(list, "Req_RN reply");
    assert_int_equal(parse(&expected, handle).verdict, ACCESS_FOREIGN);
    expected.any_rn = true;
    assert_int_equal(parse(&expected, handle).verdict, ACCESS_DONE);
    expected = expected_of(REPLY_IN_PROCESS, 0);
    assert_int_equal(parse(&expected, delayed).verdict, ACCESS_MALFORMED);
    json_decref(list);
}

/* All ones have an all-ones CRC (gen2.md 15, 11): noise, not a handle. */
static void access_reply_all_ones_are_not_believed(void **state)
{
    (void)state;
    uint8_t bit[64];
    struct access_reply reply;
    memset(bit, 1, sizeof bit);
    struct access_expected expected = expected_of(REPLY_HANDLE, 0);
    expected.handle = 0xFFFF;
    access_reply_parse(&expected, bit, 32, &reply);
    assert_int_equal(reply.verdict, ACCESS_BAD_CRC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_reply_golden_strings),
        cmocka_unit_test(access_reply_errors_have_words),
        cmocka_unit_test(access_reply_in_process),
        cmocka_unit_test(access_reply_foreign_and_unfitting),
        cmocka_unit_test(access_reply_all_ones_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
