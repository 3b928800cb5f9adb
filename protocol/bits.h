/* bits.h - unpacked bits (one per byte, 0 or 1), first bit on the air first; length-checked
 * writer and reader; packed bytes are MSB first.                           layer: protocol
 * Source: Gen2 6.3.1.4 (fields and words MSB first). */
#ifndef PROTOCOL_BITS_H
#define PROTOCOL_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"
#include "config/status.h"

struct bitbuf {
    size_t n_bits;
    uint8_t bit[LIMIT_BITS];
};

/* Append the n_bits (0..64) low bits of value, MSB first.   err ST_FULL, nothing written */
enum status bits_put(struct bitbuf *bits, uint64_t value, size_t n_bits) must_check;
/* Append n_bits taken from packed bytes.                    err ST_FULL, nothing written */
enum status bits_put_packed(struct bitbuf *bits, const uint8_t *packed, size_t n_bits) must_check;
/* Append n_bits unpacked bits.                              err ST_FULL, nothing written */
enum status bits_put_unpacked(struct bitbuf *bits, const uint8_t *bit, size_t n_bits) must_check;
/* Append an extensible bit vector (EBV-8, Annex A), 1..5 blocks.  err ST_FULL */
enum status bits_put_ebv(struct bitbuf *bits, uint32_t value) must_check;

struct bit_reader { /* borrows the bits */
    const uint8_t *bit;
    size_t n_bits;
    size_t at;
};
/* Take n_bits (0..64).  err ST_SHORT, position unchanged */
enum status bits_get(struct bit_reader *reader, size_t n_bits, uint64_t *value) must_check;
/* Take n_bits into packed bytes (last byte filled with zeros).  err ST_SHORT */
enum status bits_get_packed(struct bit_reader *reader, size_t n_bits, uint8_t *packed) must_check;
/* Take an EBV-8.  err ST_SHORT; ST_RANGE more than 5 blocks or beyond 32 bits */
enum status bits_get_ebv(struct bit_reader *reader, uint32_t *value) must_check;
size_t bits_left(const struct bit_reader *reader);

/* Text: '0'/'1' per bit; hex in upper case. `text` holds at least n_bits + 1, n_bytes*2 + 1. */
void bits_to_text(const uint8_t *bit, size_t n_bits, char *text);
void bits_to_hex(const uint8_t *packed, size_t n_bytes, char *text);
/* err ST_FORMAT odd length or not hex; ST_FULL more than n_bytes_max */
enum status bits_from_hex(const char *text, uint8_t *packed, size_t n_bytes_max,
                          size_t *n_bytes) must_check;

#endif
