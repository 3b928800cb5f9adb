/* test_suite_aes.c - messages and answers of the AES-128 suite: the vectors of gen2.md section 11
 * (made with the openssl program and a second AES), and answers that must not pass. */
#include "protocol/suite_aes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/bits.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char main_key[] = "2B7E151628AED2A6ABF7158809CF4F3C";
static const char main_challenge[] = "0102030405060708090A";
static const char main_answer[] = "604AD3BEBB36AEDB64F35E7FFB8D1367";

static struct suite_aes *aes;
static struct suite_aes_request request;
static struct suite_aes_answer answer;

/*   out packed[n_max]; returns bytes */
static size_t hex(const char *text, uint8_t *packed, size_t n_max)
{
    size_t n_bytes = 0;
    assert_int_equal(bits_from_hex(text, packed, n_max, &n_bytes), ST_OK);
    return n_bytes;
}

static void ask(unsigned key_id, const char *challenge, const struct suite_aes_wanted *wanted)
{
    uint8_t bytes[SUITE_AES_CHALLENGE_BYTES];
    assert_int_equal(hex(challenge, bytes, sizeof bytes), sizeof bytes);
    suite_aes_request_init(&request, (uint8_t)key_id, bytes, wanted);
}

static enum suite_aes_verdict check(const char *key, const char *response)
{
    uint8_t key_bytes[SUITE_AES_KEY_BYTES], bytes[256];
    assert_int_equal(hex(key, key_bytes, sizeof key_bytes), sizeof key_bytes);
    size_t n_bytes = hex(response, bytes, sizeof bytes);
    assert_int_equal(suite_aes_check(aes, key_bytes, &request, bytes, 8 * n_bytes, &answer), ST_OK);
    assert_true(answer.n_data_bytes <= sizeof answer.data);
    return answer.verdict;
}

static void expect_message(const char *wanted)
{
    uint8_t message[SUITE_AES_MESSAGE_BYTES], bytes[SUITE_AES_MESSAGE_BYTES];
    size_t n_bytes = hex(wanted, bytes, sizeof bytes);
    assert_int_equal(suite_aes_message(&request, message), 8 * n_bytes);
    assert_memory_equal(message, bytes, n_bytes);
}

static void tam1_vectors(void **unused)
{
    (void)unused;
    static const struct {
        unsigned key_id;
        const char *key, *challenge, *random, *message, *response;
    } row[] = {
        {0, main_key, main_challenge, "A1B2C3D4", "00000102030405060708090A", main_answer},
        {0, "00000000000000000000000000000000", "00000000000000000000", "00000000",
         "000000000000000000000000", "84D8CE6828F871EAA4E1053BE2201AA5"},
        {0, "0123456789ABCDEF0123456789ABCDEF", "0123456789ABCDEFABCD", "55AA55AA",
         "00000123456789ABCDEFABCD", "80543AC6B8F34558C02EA9BF0B1D9055"},
        {1, "11223344556677881122334455667788", "FFEEDDCCBBAA99887766", "00000001",
         "0001FFEEDDCCBBAA99887766", "A37B02CAF42A1E7B6F72062930766AB5"},
    };
    for (size_t k = 0; k < COUNT(row); k++) {
        uint8_t random[SUITE_AES_RANDOM_BYTES];
        ask(row[k].key_id, row[k].challenge, NULL);
        expect_message(row[k].message);
        assert_int_equal(suite_aes_response_bits(&request), 128);
        assert_int_equal(check(row[k].key, row[k].response), SUITE_AES_AUTHENTIC);
        hex(row[k].random, random, sizeof random);
        assert_memory_equal(answer.random, random, sizeof random);
        assert_int_equal(answer.n_data_bytes, 0);
        for (size_t other = 0; other < COUNT(row); other++) { /* nobody else's key or challenge */
            ask(row[k].key_id, row[k].challenge, NULL);
            enum suite_aes_verdict verdict = check(row[other].key, row[k].response);
            assert_int_equal(verdict, other == k ? SUITE_AES_AUTHENTIC : SUITE_AES_BAD_KEY);
            ask(row[k].key_id, row[k].challenge, NULL);
            verdict = check(row[other].key, row[other].response);
            assert_int_equal(verdict, other == k ? SUITE_AES_AUTHENTIC : SUITE_AES_REPLAY);
        }
    }
}

static void tam2_vectors(void **unused)
{
    (void)unused;
    static const struct {
        unsigned n_blocks;
        const char *message, *response, *data;
    } row[] = {
        {2, "20000102030405060708090A100011",
         "604AD3BEBB36AEDB64F35E7FFB8D1367A14AF22214CED5FF7C7FBDDB95347391",
         "E2806894200000015000AABBCCDD0000"},
        {1, "20000102030405060708090A100001",
         "604AD3BEBB36AEDB64F35E7FFB8D13677878B24B58CDCB0BCDD8A18F55E709E6", "E280689420000001"},
    };
    for (size_t k = 0; k < COUNT(row); k++) {
        struct suite_aes_wanted wanted = {
            .n_blocks = row[k].n_blocks, .profile = 1, .protection = SUITE_AES_CBC};
        uint8_t data[SUITE_AES_DATA_BYTES];
        size_t n_data = hex(row[k].data, data, sizeof data);
        ask(0, main_challenge, &wanted);
        expect_message(row[k].message);
        assert_int_equal(suite_aes_response_bits(&request), 256);
        assert_int_equal(check(main_key, row[k].response), SUITE_AES_AUTHENTIC);
        assert_int_equal(answer.n_data_bytes, n_data);
        assert_memory_equal(answer.data, data, n_data);
    }
    /* two blocks' answer for one asked: what should be padding is not zero */
    struct suite_aes_wanted one = {.n_blocks = 1, .profile = 1, .protection = SUITE_AES_CBC};
    ask(0, main_challenge, &one);
    assert_int_equal(check(main_key, row[0].response), SUITE_AES_BAD_DATA);
}

static void tam2_message_fields(void **unused)
{
    (void)unused;
    struct suite_aes_wanted wanted = {
        .n_blocks = 16, .profile = 15, .offset = 4095, .protection = SUITE_AES_PLAIN};
    ask(255, main_challenge, &wanted);
    expect_message("20FF0102030405060708090AFFFFF0");
    assert_int_equal(suite_aes_response_bits(&request), 128 + 1024);
    wanted = (struct suite_aes_wanted){
        .n_blocks = 3, .profile = 2, .offset = 0x123, .protection = SUITE_AES_CBC};
    ask(7, main_challenge, &wanted);
    expect_message("20070102030405060708090A212321");
    assert_int_equal(suite_aes_response_bits(&request), 128 + 256);
}

/* ProtMode 0: the data come as they are, with their padding or without. */
static void tam2_plain_data(void **unused)
{
    (void)unused;
    struct suite_aes_wanted wanted = {.n_blocks = 3, .profile = 1};
    static const char data[] = "E2806894200000015000AABBCCDD00001122334455667788";
    char response[3 * 128];
    uint8_t bytes[24];
    assert_int_equal(hex(data, bytes, sizeof bytes), 24);
    for (unsigned padded = 0; padded < 2; padded++) {
        snprintf(response, sizeof response, "%s%s%s", main_answer, data,
                 padded ? "0000000000000000" : "");
        ask(0, main_challenge, &wanted);
        assert_int_equal(check(main_key, response), SUITE_AES_AUTHENTIC);
        assert_int_equal(answer.n_data_bytes, 24);
        assert_memory_equal(answer.data, bytes, 24);
    }
    snprintf(response, sizeof response, "%s%s%s", main_answer, data, "0000000000000001");
    ask(0, main_challenge, &wanted);
    assert_int_equal(check(main_key, response), SUITE_AES_BAD_DATA);
}

/* An answer counts for one challenge, once. */
static void answers_are_not_taken_twice(void **unused)
{
    (void)unused;
    ask(0, main_challenge, NULL);
    assert_int_equal(check(main_key, main_answer), SUITE_AES_AUTHENTIC);
    assert_int_equal(check(main_key, main_answer), SUITE_AES_SPENT);
    ask(0, "0102030405060708090B", NULL);
    assert_int_equal(check(main_key, main_answer), SUITE_AES_REPLAY);
    assert_int_equal(check(main_key, main_answer), SUITE_AES_SPENT); /* guessing on is no use */
    for (unsigned k = 0; k < SUITE_AES_CHALLENGE_BYTES * 8; k++) {   /* every bit of it counts */
        ask(0, main_challenge, NULL);
        request.challenge[k / 8] ^= (uint8_t)(1U << k % 8);
        assert_int_equal(check(main_key, main_answer), SUITE_AES_REPLAY);
        assert_int_equal(answer.n_data_bytes, 0);
    }
}

/* Any bit of the answer changed makes it another's: the block decrypts to noise. */
static void answers_are_not_to_be_changed(void **unused)
{
    (void)unused;
    uint8_t key[SUITE_AES_KEY_BYTES], response[16];
    hex(main_key, key, sizeof key);
    for (unsigned k = 0; k < 128; k++) {
        hex(main_answer, response, sizeof response);
        response[k / 8] ^= (uint8_t)(1U << k % 8);
        ask(0, main_challenge, NULL);
        assert_int_equal(suite_aes_check(aes, key, &request, response, 128, &answer), ST_OK);
        assert_int_not_equal(answer.verdict, SUITE_AES_AUTHENTIC);
    }
}

static void answers_of_any_length_get_a_verdict(void **unused)
{
    (void)unused;
    uint8_t key[SUITE_AES_KEY_BYTES], response[640];
    struct suite_aes_wanted wanted = {.n_blocks = 1, .profile = 1, .protection = SUITE_AES_CBC};
    memset(response, 0x5A, sizeof response);
    hex(main_key, key, sizeof key);
    for (size_t n_bits = 0; n_bits <= 8 * sizeof response; n_bits++) {
        ask(0, main_challenge, n_bits % 2 ? NULL : &wanted);
        bool fits = n_bits == suite_aes_response_bits(&request);
        assert_int_equal(suite_aes_check(aes, key, &request, response, n_bits, &answer), ST_OK);
        assert_int_equal(answer.verdict, fits ? SUITE_AES_BAD_KEY : SUITE_AES_BAD_LENGTH);
    }
    ask(0, main_challenge, NULL);
    assert_int_equal(suite_aes_check(aes, key, &request, NULL, 0, &answer), ST_OK);
    assert_int_equal(answer.verdict, SUITE_AES_BAD_LENGTH);
    for (int k = 0; k < SUITE_AES_VERDICT_N; k++) {
        assert_non_null(suite_aes_verdict_text[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tam1_vectors),
        cmocka_unit_test(tam2_vectors),
        cmocka_unit_test(tam2_message_fields),
        cmocka_unit_test(tam2_plain_data),
        cmocka_unit_test(answers_are_not_taken_twice),
        cmocka_unit_test(answers_are_not_to_be_changed),
        cmocka_unit_test(answers_of_any_length_get_a_verdict),
    };
    if (suite_aes_new(&aes) != ST_OK) {
        return 1;
    }
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    suite_aes_free(&aes);
    return n_failed;
}
