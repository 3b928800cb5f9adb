/* suite_aes.h - crypto suite AES-128, the reader's side: what Authenticate carries, and whether the
 * tag's answer shows that it holds the key.                                          layer: protocol
 * Source: ISO/IEC 29167-10 (TAM1, TAM2); FIPS 197, through OpenSSL's libcrypto.
 *     TAM1 message   00 | 0 | RFU 5 | KeyID 8 | challenge 80
 *     TAM2 message   00 | 1 | RFU 5 | KeyID 8 | challenge 80 | profile 4 | offset 12 |
 *                    blocks - 1 4 | ProtMode 4
 *     response       AES(key, 96C5h | TRnd 32 | challenge 80) [| custom data]
 * Custom data come in blocks of 64 bits, padded with zeros to AES blocks; ProtMode 1 chains these
 * (CBC) behind the first block of the response. */
#ifndef PROTOCOL_SUITE_AES_H
#define PROTOCOL_SUITE_AES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum {
    SUITE_AES_CSI = 0,
    SUITE_AES_KEY_BYTES = 16,
    SUITE_AES_CHALLENGE_BYTES = 10,
    SUITE_AES_RANDOM_BYTES = 4,
    SUITE_AES_MESSAGE_BYTES = 15, /* TAM2; TAM1 has 12 */
    SUITE_AES_BLOCKS_MAX = 16,    /* of custom data, 64 bits each */
    SUITE_AES_DATA_BYTES = 8 * SUITE_AES_BLOCKS_MAX,
    SUITE_AES_PROFILE_MAX = 15,
    SUITE_AES_OFFSET_MAX = 4095,
};

enum suite_aes_protection {
    SUITE_AES_PLAIN = 0,
    SUITE_AES_CBC,
    SUITE_AES_PROTECTIONS, /* how many are known: ProtMode 2 and 3 add a CMAC */
};

struct suite_aes_wanted { /* custom data (TAM2) */
    unsigned n_blocks;    /* of 64 bits, 1 .. 16; 0: none, TAM1 */
    unsigned profile;     /* 0 EPC, 1 TID, 2 User; .. 15 */
    unsigned offset;      /* blocks of 64 bits, 0 .. 4095 */
    enum suite_aes_protection protection;
};

struct suite_aes_request { /* one authentication; made by suite_aes_request_init */
    uint8_t key_id;
    uint8_t challenge[SUITE_AES_CHALLENGE_BYTES];
    struct suite_aes_wanted wanted;
    bool is_open; /* no answer has been looked at yet */
};

/* A request with a challenge of the caller's: bytes that nobody can foresee and that were never
 * used before (on the simulated air: out of the run's seed).   in wanted NULL: TAM1 */
void suite_aes_request_init(struct suite_aes_request *request, uint8_t key_id,
                            const uint8_t challenge[SUITE_AES_CHALLENGE_BYTES],
                            const struct suite_aes_wanted *wanted);

/*   out message, packed; returns its bits: 96 or 120 */
size_t suite_aes_message(const struct suite_aes_request *request,
                         uint8_t message[SUITE_AES_MESSAGE_BYTES]);

/* Bits of the response when all goes well. */
size_t suite_aes_response_bits(const struct suite_aes_request *request);

enum suite_aes_verdict {
    SUITE_AES_AUTHENTIC = 0, /* the tag holds the key and answered this challenge */
    SUITE_AES_BAD_LENGTH,
    SUITE_AES_BAD_KEY, /* what the key makes of it is no such answer */
    SUITE_AES_REPLAY,  /* of the key's holder, but to another challenge */
    SUITE_AES_BAD_DATA, /* right, but the custom data's padding is not zero: they were tampered with */
    SUITE_AES_SPENT,    /* this request has had its answer */
    SUITE_AES_VERDICT_N
};
extern const char *const suite_aes_verdict_text[SUITE_AES_VERDICT_N];

struct suite_aes_answer {
    enum suite_aes_verdict verdict;         /* all else holds only when it is SUITE_AES_AUTHENTIC */
    uint8_t random[SUITE_AES_RANDOM_BYTES]; /* TRnd */
    size_t n_data_bytes;                    /* custom data, decrypted, without padding */
    uint8_t data[SUITE_AES_DATA_BYTES];
};

struct suite_aes; /* workspace */

/*   err ST_NO_MEMORY; ST_UNSUPPORTED this libcrypto has no AES-128 */
enum status suite_aes_new(struct suite_aes **aes) must_check;
void suite_aes_free(struct suite_aes **aes);

/* Is the response an answer to this request? Closes the request, whatever the verdict: another
 * answer to it is SUITE_AES_SPENT. The first block alone is proof: custom data are the tag's word
 * (ProtMode 0), or its word hidden from others (1), where a block that was tampered with turns into
 * noise.
 *   in   key[16], not kept; response, packed, n_bits of it
 *   err  ST_IO libcrypto failed: nothing is known of the tag, and answer says SUITE_AES_BAD_KEY
 *   own  borrows everything */
enum status suite_aes_check(struct suite_aes *aes, const uint8_t key[SUITE_AES_KEY_BYTES],
                            struct suite_aes_request *request, const uint8_t *response,
                            size_t n_bits, struct suite_aes_answer *answer) must_check;

#endif
