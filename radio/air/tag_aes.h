/* tag_aes.h - the one primitive of crypto suite AES-128.                layer: radio/air
 * Source: FIPS 197, through OpenSSL's libcrypto. */
#ifndef RADIO_AIR_TAG_AES_H
#define RADIO_AIR_TAG_AES_H

#include <stdbool.h>
#include <stdint.h>

#define TAG_AES_BYTES 16

/* Encrypt one block.  out  false: libcrypto would not, block not written; in == out is legal */
bool tag_aes_encrypt(const uint8_t key[TAG_AES_BYTES], const uint8_t in[TAG_AES_BYTES],
                     uint8_t out[TAG_AES_BYTES]);

#endif
