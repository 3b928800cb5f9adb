/* suite_aes.c - TAM1 and TAM2 messages, and their answers decrypted. */
#include "protocol/suite_aes.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "config/require.h"

enum {
    BLOCK_BYTES = 16,
    HALF_BYTES = 8, /* a block of custom data */
    TAM1_BITS = 96,
    TAM2_BITS = 120,
    RANDOM_AT = 2,
    CHALLENGE_AT = 6,
    RESPONSE_BYTES_MAX = BLOCK_BYTES + SUITE_AES_DATA_BYTES,
};

#define CUSTOM_DATA 0x20U /* first byte of the message */

static const uint8_t c_tam[RANDOM_AT] = {0x96, 0xC5}; /* C_TAM1 = C_TAM2 */

_Static_assert(CHALLENGE_AT + SUITE_AES_CHALLENGE_BYTES == BLOCK_BYTES, "C_TAM | TRnd | challenge");
_Static_assert(RANDOM_AT + SUITE_AES_RANDOM_BYTES == CHALLENGE_AT, "C_TAM | TRnd");
_Static_assert(TAM2_BITS == 8 * SUITE_AES_MESSAGE_BYTES, "TAM2 message");

const char *const suite_aes_verdict_text[SUITE_AES_VERDICT_N] = {
    [SUITE_AES_AUTHENTIC] = "authentic",
    [SUITE_AES_BAD_LENGTH] = "answer of a wrong length",
    [SUITE_AES_BAD_KEY] = "another key, or none",
    [SUITE_AES_REPLAY] = "answer to another challenge",
    [SUITE_AES_BAD_DATA] = "custom data tampered with",
    [SUITE_AES_SPENT] = "challenge already answered",
};

struct suite_aes {
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *context;
};

void suite_aes_request_init(struct suite_aes_request *request, uint8_t key_id,
                            const uint8_t challenge[SUITE_AES_CHALLENGE_BYTES],
                            const struct suite_aes_wanted *wanted)
{
    require(request);
    require(challenge);
    *request = (struct suite_aes_request){.key_id = key_id, .is_open = true};
    memcpy(request->challenge, challenge, SUITE_AES_CHALLENGE_BYTES);
    if (wanted && wanted->n_blocks > 0) {
        require(wanted->n_blocks <= SUITE_AES_BLOCKS_MAX);
        require(wanted->profile <= SUITE_AES_PROFILE_MAX);
        require(wanted->offset <= SUITE_AES_OFFSET_MAX);
        require(wanted->protection < SUITE_AES_PROTECTIONS);
        request->wanted = *wanted;
    }
}

size_t suite_aes_message(const struct suite_aes_request *request,
                         uint8_t message[SUITE_AES_MESSAGE_BYTES])
{
    require(request);
    const struct suite_aes_wanted *wanted = &request->wanted;
    memset(message, 0, SUITE_AES_MESSAGE_BYTES);
    message[1] = request->key_id;
    memcpy(message + 2, request->challenge, SUITE_AES_CHALLENGE_BYTES);
    if (wanted->n_blocks == 0) {
        return TAM1_BITS;
    }
    message[0] = CUSTOM_DATA;
    message[12] = (uint8_t)(wanted->profile << 4 | wanted->offset >> 8);
    message[13] = (uint8_t)(wanted->offset & 0xFFU);
    message[14] = (uint8_t)((wanted->n_blocks - 1U) << 4 | (unsigned)wanted->protection);
    return TAM2_BITS;
}

/* Custom data on the air: whole AES blocks. */
static size_t padded_bytes(const struct suite_aes_request *request)
{
    size_t n_data = (size_t)HALF_BYTES * request->wanted.n_blocks;
    return (n_data + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

size_t suite_aes_response_bits(const struct suite_aes_request *request)
{
    require(request);
    return 8 * (BLOCK_BYTES + padded_bytes(request));
}

enum status suite_aes_new(struct suite_aes **aes)
{
    require(aes);
    struct suite_aes *a = calloc(1, sizeof *a);
    if (!a) {
        return status_fail(ST_NO_MEMORY, "AES: no memory");
    }
    a->cipher = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
    a->context = EVP_CIPHER_CTX_new();
    if (!a->cipher || !a->context) {
        enum status status = a->cipher ? ST_NO_MEMORY : ST_UNSUPPORTED;
        suite_aes_free(&a);
        return status_fail(status, "AES-128: libcrypto does not provide it");
    }
    *aes = a;
    return ST_OK;
}

void suite_aes_free(struct suite_aes **aes)
{
    require(aes);
    if (*aes) {
        EVP_CIPHER_CTX_free((*aes)->context); /* wipes what it held */
        EVP_CIPHER_free((*aes)->cipher);
        free(*aes);
        *aes = NULL;
    }
}

/* Whole blocks, each by itself.   out false: libcrypto would not */
static bool blocks_decrypt(struct suite_aes *aes, const uint8_t *key, const uint8_t *in,
                           size_t n_bytes, uint8_t *out)
{
    static const uint8_t no_key[SUITE_AES_KEY_BYTES];
    int n_out = 0, n_end = 0;
    bool done = EVP_DecryptInit_ex2(aes->context, aes->cipher, key, NULL, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(aes->context, 0) == 1 &&
                EVP_DecryptUpdate(aes->context, out, &n_out, in, (int)n_bytes) == 1 &&
                EVP_DecryptFinal_ex(aes->context, out + n_out, &n_end) == 1;
    /* the key's schedule does not outlive the call */
    bool wiped = EVP_DecryptInit_ex2(aes->context, aes->cipher, no_key, NULL, NULL) == 1;
    return done && wiped && (size_t)n_out + (size_t)n_end == n_bytes;
}

/* The custom data out of the decrypted blocks.   out false: their padding is not zero */
static bool data_take(const struct suite_aes_request *request, const uint8_t *response,
                      size_t n_bytes, const uint8_t *plain, struct suite_aes_answer *answer)
{
    bool chained = request->wanted.protection == SUITE_AES_CBC;
    size_t n_data = (size_t)HALF_BYTES * request->wanted.n_blocks;
    unsigned padding = 0;
    for (size_t k = BLOCK_BYTES; k < n_bytes; k++) {
        unsigned byte = chained ? plain[k] ^ response[k - BLOCK_BYTES] : response[k];
        if (k - BLOCK_BYTES < n_data) {
            answer->data[k - BLOCK_BYTES] = (uint8_t)byte;
        } else {
            padding |= byte;
        }
    }
    answer->n_data_bytes = n_data;
    return padding == 0;
}

/* The padding of plain data may be left out. */
static bool length_is_right(const struct suite_aes_request *request, size_t n_bits)
{
    size_t n_unpadded = 8 * (BLOCK_BYTES + (size_t)HALF_BYTES * request->wanted.n_blocks);
    return n_bits == suite_aes_response_bits(request) ||
           (request->wanted.protection == SUITE_AES_PLAIN && n_bits == n_unpadded);
}

static enum suite_aes_verdict answer_judge(const struct suite_aes_request *request,
                                           const uint8_t *response, size_t n_bytes,
                                           const uint8_t *plain, struct suite_aes_answer *answer)
{
    if (CRYPTO_memcmp(plain, c_tam, sizeof c_tam) != 0) {
        return SUITE_AES_BAD_KEY;
    }
    if (CRYPTO_memcmp(plain + CHALLENGE_AT, request->challenge, SUITE_AES_CHALLENGE_BYTES) != 0) {
        return SUITE_AES_REPLAY;
    }
    memcpy(answer->random, plain + RANDOM_AT, SUITE_AES_RANDOM_BYTES);
    return data_take(request, response, n_bytes, plain, answer) ? SUITE_AES_AUTHENTIC
                                                                : SUITE_AES_BAD_DATA;
}

enum status suite_aes_check(struct suite_aes *aes, const uint8_t key[SUITE_AES_KEY_BYTES],
                            struct suite_aes_request *request, const uint8_t *response,
                            size_t n_bits, struct suite_aes_answer *answer)
{
    require(aes);
    require(key);
    require(request);
    require(response || n_bits == 0);
    memset(answer, 0, sizeof *answer);
    if (!request->is_open) {
        answer->verdict = SUITE_AES_SPENT;
        return ST_OK;
    }
    request->is_open = false;
    if (!length_is_right(request, n_bits)) {
        answer->verdict = SUITE_AES_BAD_LENGTH;
        return ST_OK;
    }
    uint8_t plain[RESPONSE_BYTES_MAX];
    size_t n_bytes = n_bits / 8;
    /* of plain data the first block alone is encrypted */
    size_t n_secret = request->wanted.protection == SUITE_AES_PLAIN ? BLOCK_BYTES : n_bytes;
    enum status status = ST_OK;
    if (blocks_decrypt(aes, key, response, n_secret, plain)) {
        answer->verdict = answer_judge(request, response, n_bytes, plain, answer);
    } else {
        answer->verdict = SUITE_AES_BAD_KEY;
        status = status_fail(ST_IO, "AES-128: libcrypto failed");
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return status;
}
