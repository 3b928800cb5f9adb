/* test_air_security.c - a tag proves what it is: Challenge, Authenticate, ReadBuffer, in-process
 * replies. Truth: the worked examples of gen2.md 11 and 8.6, the rules of 3 and 7; responses with
 * the tag's own TRnd are taken apart by decrypting. */
#include "tag_bench.h"

#include <openssl/evp.h>

#include "radio/air/tag_aes.h"
#include "radio/air/tag_answer.h"

static const struct tag_equipment keyed = {.n_user_words = 32,
                                           .access_password = 0x12345678,
                                           .has_key = true,
                                           .key = {0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
                                                   0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C}};
static const char tam1_hex[] = "00000102030405060708090A";

static void bytes_of(const char *hex, uint8_t *bytes)
{
    char bits[BENCH_BITS_MAX] = "";
    append_hex(bits, hex);
    pack(bits, bytes);
}

static void hex_of(const uint8_t *bytes, size_t n, char *hex)
{
    for (size_t i = 0; i < n; i++) {
        snprintf(hex + 2 * i, 3, "%02X", bytes[i]);
    }
}

static void decrypt(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int n = 0;
    uint8_t block[32];
    assert_int_equal(EVP_DecryptInit_ex(context, EVP_aes_128_ecb(), NULL, key, NULL), 1);
    EVP_CIPHER_CTX_set_padding(context, 0);
    assert_int_equal(EVP_DecryptUpdate(context, block, &n, in, 16), 1);
    assert_int_equal(n, 16);
    memcpy(out, block, 16);
    EVP_CIPHER_CTX_free(context);
}

static void security_aes_gives_the_examples(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"2B7E151628AED2A6ABF7158809CF4F3C", "96C5A1B2C3D40102030405060708090A",
         "604AD3BEBB36AEDB64F35E7FFB8D1367"},
        {"00000000000000000000000000000000", "96C50000000000000000000000000000",
         "84D8CE6828F871EAA4E1053BE2201AA5"},
        {"0123456789ABCDEF0123456789ABCDEF", "96C555AA55AA0123456789ABCDEFABCD",
         "80543AC6B8F34558C02EA9BF0B1D9055"},
        {"11223344556677881122334455667788", "96C500000001FFEEDDCCBBAA99887766",
         "A37B02CAF42A1E7B6F72062930766AB5"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t key[16];
        uint8_t block[16];
        char hex[33];
        bytes_of(rows[i][0], key);
        bytes_of(rows[i][1], block);
        assert_true(tag_aes_encrypt(key, block, block));
        hex_of(block, 16, hex);
        assert_string_equal(hex, rows[i][2]);
    }
}

/* The worked example's reply, with and without length, done and still working. */
static void security_in_process_reply_is_as_encoded(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &keyed);
    bytes_of("604AD3BEBB36AEDB64F35E7FFB8D1367", bench.tag.store->security.response);
    bench.tag.store->security.n_response_bits = 128;
    bench.tag.process = (struct tag_process){.fault = TAG_FAULT_NONE, .sends = true};
    bench.event = TAG_EVENT_REPLY;
    static const struct {
        bool has_length, is_done;
        const char *bits;
    } rows[] = {{false, true,
                 "111001010011000000100101011010011101111101011101100110110101011101101101101100100"
                 "1111001101"
                 "011110011111111111101110001101000100110110011100010010001101000010101010000111"},
                {true, true,
                 "111001010000000010000000101100000010010101101001110111110101110110011011010101110"
                 "1101101101"
                 "100100111100110101111001111111111110111000110100010011011001110001001000110100101"
                 "1011010101"
                 "100"},
                {true, false, "11100100000010010001101001001110011000010"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bench.tag.process.has_length = rows[i].has_length;
        bench.tag.reply.code.n_bits = tag_answer_process(&bench.tag, rows[i].is_done);
        expect_bits(&bench, rows[i].bits);
    }
}

/* Send Authenticate; a message of hex digits. */
static void authenticate(struct bench *bench, bool sends, bool has_length, unsigned csi,
                         const char *message_hex)
{
    char bits[600] = "1101010100";
    rig_append(bits, sends, 1);
    rig_append(bits, has_length, 1);
    rig_append(bits, csi, 8);
    rig_append(bits, 4 * (unsigned)strlen(message_hex), 12);
    append_hex(bits, message_hex);
    command(bench, bits, BENCH_HANDLE);
}

/* Check frame and CRC of an in-process reply; the response as bytes.  out  their number */
static size_t take_response(struct bench *bench, bool has_length, uint8_t *response)
{
    char got[BENCH_BITS_MAX];
    assert_int_equal(bench->event, TAG_EVENT_REPLY);
    reply_text(bench, got);
    size_t n = strlen(got);
    assert_int_equal(rig_crc16(got, n - 16), rig_value(got + n - 16, 16));
    assert_int_equal(rig_value(got + n - 32, 16), BENCH_HANDLE);
    assert_memory_equal(got, "111001010", 9);
    size_t first = has_length ? 25 : 9;
    size_t n_bits = n - 32 - first;
    if (has_length) {
        assert_int_equal(rig_value(got + 9, 15), n_bits);
    }
    got[n - 32] = '\0';
    pack(got + first, response);
    return n_bits / 8;
}

static void check_first_block(const uint8_t *block, const char *challenge_hex, uint8_t trnd[4])
{
    uint8_t plain[16];
    uint8_t challenge[10];
    decrypt(keyed.key, block, plain);
    bytes_of(challenge_hex, challenge);
    assert_int_equal(plain[0], 0x96);
    assert_int_equal(plain[1], 0xC5);
    assert_memory_equal(plain + 6, challenge, 10);
    memcpy(trnd, plain + 2, 4);
}

/* ReadBuffer: so many bits from this word on. */
static void read_buffer(struct bench *bench, unsigned word_ptr, unsigned n_bits)
{
    char bits[BENCH_BITS_MAX] = "11010010" /* RFU: */ "00";
    rig_append(bits, word_ptr, 12);
    rig_append(bits, n_bits, 12);
    command(bench, bits, BENCH_HANDLE);
}

static void security_tam1_answers_the_challenge(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_OPEN, &keyed);
    uint8_t response[256];
    uint8_t trnd[2][4];
    send(&bench,
         "1101010100100000000000000110000000000000000000000000000100000010000000110000010000"
         "000101000001100000011100001000000010010000101000010010001101000101010111000011");
    assert_int_equal(take_response(&bench, false, response), 16);
    check_first_block(response, "0102030405060708090A", trnd[0]);
    assert_int_equal(bench.tag.reply.code.n_pilot, 24); /* TRext is 0 */
    send(&bench,
         "1101010100110000000000000110000000000000000000000000000100000010000000110000010000"
         "000101000001100000011100001000000010010000101000010010001101000100101111000010");
    assert_int_equal(take_response(&bench, true, response), 16);
    check_first_block(response, "0102030405060708090A", trnd[1]);
    assert_memory_not_equal(trnd[0], trnd[1], 4); /* fresh each time */
    assert_int_equal(bench.tag.state, TAG_OPEN);
    authenticate(&bench, false, true, 0, tam1_hex); /* kept, not sent */
    assert_int_equal(take_response(&bench, true, response), 0);
    finish_reply(&bench);
    send(&bench, "110100100000000000000000001000000000010010001101000101000011110011"); /* 0, 128 */
    char got[BENCH_BITS_MAX];
    reply_text(&bench, got);
    assert_int_equal(strlen(got), 1 + 128 + 32);
    got[129] = '\0';
    pack(got + 1, response);
    check_first_block(response, "0102030405060708090A", trnd[0]);
    read_buffer(&bench, 7, 16); /* last word */
    char body[64] = "0";
    rig_append(body, (unsigned)response[14] << 8 | response[15], 16);
    expect_body(&bench, body);
    read_buffer(&bench, 7, 17);
    expect_error(&bench, 0x03);
}

/* c1 = E(data ^ c0); and plain. TID of the example, whose data end in the middle of a block. */
static void security_tam2_sends_memory(void **state)
{
    (void)state;
    static const struct {
        const char *tail, *data; /* Profile, Offset, BlockCount - 1, ProtMode */
        bool is_cbc;
    } rows[] = {{"100011", "E2806894200000015000AABB00000000", true},
                {"100001", "E2806894200000010000000000000000", true},
                {"100010", "E2806894200000015000AABB00000000", false},
                {"000020",
                 "AAF930003074257BF7194E4000001A850000000000000000"
                 "0000000000000000",
                 false}};
    static const uint8_t tid[] = {0xE2, 0x80, 0x68, 0x94, 0x20, 0x00,
                                  0x00, 0x01, 0x50, 0x00, 0xAA, 0xBB};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        struct tag_equipment equipment = keyed;
        equipment.n_epc_words = 12;
        bring_equipped(&bench, TAG_OPEN, &equipment);
        memcpy(bench.tag.store->memory.tid, tid, sizeof tid);
        char message[64] = "20000102030405060708090A";
        strcat(message, rows[i].tail);
        authenticate(&bench, true, true, 0, message);
        uint8_t response[256];
        uint8_t trnd[4];
        size_t n_data = strlen(rows[i].data) / 2;
        assert_int_equal(take_response(&bench, true, response), 16 + n_data);
        check_first_block(response, "0102030405060708090A", trnd);
        for (size_t at = 16; at < 16 + n_data; at += 16) {
            uint8_t plain[16];
            uint8_t want[16];
            char hex[33];
            memcpy(plain, response + at, 16);
            if (rows[i].is_cbc) {
                decrypt(keyed.key, response + at, plain);
            }
            for (size_t k = 0; rows[i].is_cbc && k < 16; k++) {
                plain[k] ^= response[at - 16 + k];
            }
            snprintf(hex, sizeof hex, "%.32s", rows[i].data + 2 * (at - 16));
            bytes_of(hex, want);
            assert_memory_equal(plain, want, 16);
        }
    }
}

static void security_errors_are_told(void **state)
{
    (void)state;
    static const struct {
        unsigned csi;
        const char *message;
        unsigned code;
        enum tag_state to;
    } rows[] = {{1, tam1_hex, 0x01, TAG_OPEN},
                {0, "00010102030405060708090A", 0x05, TAG_ARBITRATE}, /* KeyID 1 */
                {0, "40000102030405060708090A", 0x05, TAG_ARBITRATE}, /* AuthMethod 01 */
                {0, "20000102030405060708090A", 0x05, TAG_ARBITRATE}, /* TAM2, too short */
                {0, "0000", 0x05, TAG_ARBITRATE},
                {0, "", 0x05, TAG_ARBITRATE},
                {0, "20000102030405060708090A300001", 0x05, TAG_ARBITRATE}, /* profile 3 */
                {0, "20000102030405060708090A100002", 0x05, TAG_ARBITRATE}, /* ProtMode 2 */
                {0, "20000102030405060708090A100021", 0x03, TAG_OPEN}, /* third block: beyond */
                {0, "20000102030405060708090A1FFF01", 0x03, TAG_OPEN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned has_length = 0; has_length < 2; has_length++) {
            struct bench bench;
            bring_equipped(&bench, TAG_OPEN, &keyed);
            authenticate(&bench, true, has_length, rows[i].csi, rows[i].message);
            char body[64] = "111001011";
            if (has_length) {
                rig_append(body, 0x11, 16); /* 8 bits, parity 1 */
            }
            rig_append(body, rows[i].code, 8);
            expect_body(&bench, body);
            assert_int_equal(bench.tag.state, rows[i].to);
        }
    }
    struct bench bench; /* a tag without a key knows none of these commands */
    bring(&bench, TAG_SECURED);
    authenticate(&bench, true, true, 0, tam1_hex);
    expect_silence(&bench);
    read_buffer(&bench, 0, 16);
    expect_silence(&bench);
    assert_int_equal(bench.tag.state, TAG_SECURED);
    bring_equipped(&bench, TAG_SECURED, &keyed); /* nothing computed yet */
    read_buffer(&bench, 0, 16);
    expect_error(&bench, 0x00);
}

/* T6 and T7 are at most 20 ms; in between the tag says that it is still working. */
static void security_long_computing_is_reported(void **state)
{
    (void)state;
    for (double crypto_us = 5e3; crypto_us < 100e3; crypto_us += 4.3e3) {
        struct bench bench;
        bring_equipped(&bench, TAG_OPEN, &keyed);
        bench.world.crypto_us = crypto_us;
        authenticate(&bench, true, true, 0, tam1_hex);
        double command_us = bench.now_us;
        double last_us = command_us;
        int n_working = 0;
        for (;;) {
            double start_us = bench.tag.reply.start_tick / 2;
            assert_true(start_us - last_us <= 20e3 + 1e-6);
            assert_true(start_us - last_us >= (n_working ? 500 : 238)); /* T7, T6 min */
            last_us = bench.tag.reply.end_tick / 2;
            if (bench.tag.reply.code.n_bits != 41) {
                assert_true(start_us - command_us >= crypto_us - 1e-6);
                assert_true(start_us - command_us <= crypto_us + 1000);
                break;
            }
            expect_bits(&bench, "11100100000010010001101001001110011000010");
            n_working++;
            assert_int_equal(send_at(&bench, last_us + 600, "0010"), TAG_EVENT_NONE); /* deaf */
            bench.event = TAG_EVENT_REPLY;
            assert_true(tag_go_on(&bench.tag, &bench.world, last_us * 2 + 2));
        }
        uint8_t response[64];
        uint8_t trnd[4];
        assert_int_equal(take_response(&bench, true, response), 16);
        check_first_block(response, "0102030405060708090A", trnd);
        assert_int_equal(n_working > 0, crypto_us > 20e3);
        assert_false(tag_go_on(&bench.tag, &bench.world, bench.tag.reply.end_tick + 2));
        read_words(&bench, 2, 0, 1); /* it hears again */
        assert_int_equal(bench.event, TAG_EVENT_REPLY);
    }
    struct bench bench; /* and power lost in the middle ends it */
    bring_equipped(&bench, TAG_OPEN, &keyed);
    bench.world.crypto_us = 60e3;
    authenticate(&bench, true, true, 0, tam1_hex);
    finish_reply(&bench);
    dark(&bench, 0.01);
    assert_false(tag_go_on(&bench.tag, &bench.world, bench.now_us * 2));
    assert_int_equal(bench.tag.state, TAG_READY);
    singulate(&bench);
}

static const char challenge_bits[] =
    "1101010000010000000000000110000000000000000000000000000100000010000000110000010000000101000001"
    "10000001110000100000001001000010100100011000001101"; /* Immed = 1, TAM1 */

/* Select on bit 219h, C, of XPC_W1.  out  SL */
static bool choose_xpc(struct bench *bench, const char *mask)
{
    char bits[128] = "101010000001";
    rig_append(bits, 0x8419, 16); /* 219h as EBV */
    rig_append(bits, 1, 8);
    strcat(bits, mask);
    rig_append(bits, 0, 1);
    with_crc16(bench, bits);
    return bench->tag.is_selected;
}

static void security_challenge_appends_to_the_epc(void **state)
{
    (void)state;
    struct bench bench;
    struct tag_equipment equipment = keyed;
    equipment.has_xpc = true;
    bench_open_equipped(&bench, rig_link_a, 7, &equipment);
    bench.world.crypto_us = 2e3;
    assert_int_equal(send(&bench, challenge_bits), TAG_EVENT_COMMAND);
    assert_int_equal(bench.tag.state, TAG_READY);
    singulate(&bench); /* link A: RN16 and ACK take longer than 2 ms */
    char got[BENCH_BITS_MAX];
    uint8_t response[16];
    uint8_t trnd[4];
    reply_text(&bench, got);
    assert_int_equal(strlen(got), 128 + 128);
    assert_int_equal(rig_value(got, 16), 0x3044); /* C and K */
    assert_int_equal(rig_crc16(got, 240), rig_value(got + 240, 16));
    got[240] = '\0';
    pack(got + 112, response);
    check_first_block(response, "0102030405060708090A", trnd);
    assert_true(choose_xpc(&bench, "1")); /* those that have a response can be selected */
    dark(&bench, 0.01);                   /* the buffer does not outlast power */
    assert_false(choose_xpc(&bench, "1"));
    singulate(&bench);
    assert_int_equal(bench.tag.reply.code.n_bits, 128);
    send(&bench, challenge_bits);
    bench.world.crypto_us = 1e6;
    send(&bench, challenge_bits); /* not through by the time of the ACK */
    singulate(&bench);
    assert_int_equal(bench.tag.reply.code.n_bits, 128);
    send(&bench, "11000000"); /* NAK: no flip */
    bench.now_us += 1e6;
    singulate(&bench);
    assert_int_equal(bench.tag.reply.code.n_bits, 256);
    bring(&bench, TAG_ACKNOWLEDGED); /* a tag that knows no Challenge does not care */
    assert_int_equal(send(&bench, challenge_bits), TAG_EVENT_NONE);
    assert_int_equal(bench.tag.state, TAG_ACKNOWLEDGED);
    bring_equipped(&bench, TAG_OPEN, &keyed);
    send(&bench, challenge_bits);
    assert_int_equal(bench.tag.state, TAG_READY);
    assert_false(bench.tag.is_b[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(security_aes_gives_the_examples),
        cmocka_unit_test(security_in_process_reply_is_as_encoded),
        cmocka_unit_test(security_tam1_answers_the_challenge),
        cmocka_unit_test(security_tam2_sends_memory),
        cmocka_unit_test(security_errors_are_told),
        cmocka_unit_test(security_long_computing_is_reported),
        cmocka_unit_test(security_challenge_appends_to_the_epc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
