/* test_reply_length.c - how many bits replies have, by the encoded examples of gen2.md 8.6 and 11. */
#include "protocol/reply_length.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/limits.h"

/* The length that the text's first bits tell.   in text of '0' and '1', as many as are needed or
 * more */
static size_t n_bits_of(const struct reply_length *length, const char *text)
{
    uint8_t bit[64];
    size_t n = reply_length_told_bits(length);
    assert_true(n <= strlen(text));
    assert_true(n <= sizeof bit);
    memset(bit, 255, sizeof bit); /* what is not told is not read */
    for (size_t k = 0; k < n; k++) {
        bit[k] = text[k] == '1';
    }
    assert_true(reply_length_opens_right(length, bit) ==
                (length->kind != REPLY_LENGTH_IN_PROCESS || !strncmp(text, "1110010", 7)));
    return reply_length_n_bits(length, bit);
}

static void access_header_tells_the_length(void **unused)
{
    (void)unused;
    static const struct {
        size_t n_bits;
        const char *text;
    } example[] = {
        {33, "000010010001101001101011000100111"},
        {129, "011100010100000000110100010010100001000000000000001010000000000001010101010111011110"
              "011001"
              "101110100010010001101001010010111101001"},
    };
    static const char error[] = "10000010000010010001101001100111101010100";
    for (size_t k = 0; k < 2; k++) {
        struct reply_length length = {.kind = REPLY_LENGTH_ACCESS, .n_bits = example[k].n_bits};
        assert_int_equal(reply_length_least(&length), k == 0 ? 33 : 41);
        assert_int_equal(n_bits_of(&length, example[k].text), strlen(example[k].text));
        assert_int_equal(n_bits_of(&length, error), strlen(error));
    }
}

static void in_process_replies_tell_their_length(void **unused)
{
    (void)unused;
    static const char working[] = "11100100000010010001101001001110011000010";
    static const char done[] =
        "111001010011000000100101011010011101111101011101100110110101011101101101101100100111100110"
        "1011"
        "110011111111111101110001101000100110110011100010010001101000010101010000111";
    static const char done_length[] = "111001010000000010000000101100000010010101101001110111110101"
                                      "1101100110110101011101101101101100"
                                      "100111100110101111001111111111110111000110100010011011001110"
                                      "0010010001101001011011010101100";
    struct reply_length plain = {.kind = REPLY_LENGTH_IN_PROCESS,
                                 .n_bits = reply_in_process_n_bits(128, false)};
    struct reply_length told = {.kind = REPLY_LENGTH_IN_PROCESS,
                                .n_bits = reply_in_process_n_bits(128, true),
                                .has_length = true};
    assert_int_equal(plain.n_bits, 169);
    assert_int_equal(n_bits_of(&plain, working), strlen(working));
    assert_int_equal(n_bits_of(&told, working), strlen(working));
    assert_int_equal(n_bits_of(&plain, done), strlen(done));
    assert_int_equal(n_bits_of(&plain, "111001011"), REPLY_BITS_FAILED);
    told.n_bits = 777; /* the field counts, not what was expected */
    assert_int_equal(n_bits_of(&told, done_length), strlen(done_length));
    assert_int_equal(n_bits_of(&told, "1110010110000000000010001"), REPLY_BITS_FAILED + 16);
}

static void in_process_length_may_be_broken(void **unused)
{
    (void)unused;
    struct reply_length told = {.kind = REPLY_LENGTH_IN_PROCESS, .n_bits = 185, .has_length = true};
    assert_int_equal(n_bits_of(&told, "1110010100000000100000000"), 185); /* parity */
    assert_int_equal(n_bits_of(&told, "1110010101111111111111111"), 185); /* parity: 32767 */
    assert_int_equal(n_bits_of(&told, "1110010101111111111111100"), 185); /* 32766: too long */
    assert_int_equal(n_bits_of(&told, "0110010100000000000000000"), 57);  /* no Barker code */
    for (unsigned value = 0; value < 1U << 15;
         value++) { /* nothing says more than there is room for */
        char text[] = "1110010100000000000000000";
        for (unsigned k = 0; k < 15; k++) {
            text[9 + k] = value >> (14 - k) & 1 ? '1' : '0';
        }
        text[24] = __builtin_parity(value) ? '1' : '0';
        size_t n_bits = n_bits_of(&told, text);
        assert_true(n_bits <= LIMIT_BITS);
        assert_int_equal(n_bits, value + 57 <= LIMIT_BITS ? value + 57 : 185);
    }
}

static void other_kinds(void **unused)
{
    (void)unused;
    struct reply_length given = {.n_bits = 16}, epc = {.kind = REPLY_LENGTH_EPC, .n_bits = 128};
    assert_int_equal(reply_length_least(&given), 16);
    assert_int_equal(n_bits_of(&given, ""), 16);
    assert_int_equal(reply_length_least(&epc), 32);
    assert_int_equal(n_bits_of(&epc, "00110"), 128);
    assert_int_equal(n_bits_of(&epc, "11111"), 528);
}

/* An ACK reply that begins with 00000 is a truncated one where one was asked for. */
static void truncated_replies_have_the_length_asked_for(void **state)
{
    (void)state;
    static const uint8_t none[5] = {0}, six[5] = {0, 0, 1, 1, 0};
    struct reply_length length = {.kind = REPLY_LENGTH_EPC, .n_bits = 128};
    assert_int_equal(reply_length_n_bits(&length, none), 32);
    length.n_truncated_bits = 103;
    assert_int_equal(reply_length_n_bits(&length, none), 103);
    assert_int_equal(reply_length_n_bits(&length, six), 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_header_tells_the_length),
        cmocka_unit_test(in_process_replies_tell_their_length),
        cmocka_unit_test(in_process_length_may_be_broken),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(truncated_replies_have_the_length_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
