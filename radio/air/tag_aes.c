/* tag_aes.c - AES-128 in ECB mode on a single block. */
#include "radio/air/tag_aes.h"

#include <string.h>

#include <openssl/evp.h>

#include "config/require.h"

bool tag_aes_encrypt(const uint8_t key[TAG_AES_BYTES], const uint8_t in[TAG_AES_BYTES],
                     uint8_t out[TAG_AES_BYTES])
{
    require(key);
    require(in);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new(); /* once an authentication, never once a slot */
    if (!context) {
        return false;
    }
    uint8_t block[2 * TAG_AES_BYTES];
    int n_bytes = 0;
    bool is_done = EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, key, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
                   EVP_EncryptUpdate(context, block, &n_bytes, in, TAG_AES_BYTES) == 1 &&
                   n_bytes == TAG_AES_BYTES;
    EVP_CIPHER_CTX_free(context);
    if (is_done) {
        memcpy(out, block, TAG_AES_BYTES);
    }
    return is_done;
}
