/* bits.c - unpacked bits: length-checked writer and reader, text views. */
#include "protocol/bits.h"

#include <string.h>

#include "config/require.h"

#define EBV_BLOCKS_MAX 5 /* 5 x 7 data bits carry any 32-bit value */

static enum status bits_check_room(const struct bitbuf *bits, size_t n_bits)
{
    require(bits->n_bits <= LIMIT_BITS);
    if (n_bits > LIMIT_BITS - bits->n_bits) {
        return status_fail(ST_FULL, "%zu + %zu bits, room for %d", bits->n_bits, n_bits,
                           LIMIT_BITS);
    }
    return ST_OK;
}

enum status bits_put(struct bitbuf *bits, uint64_t value, size_t n_bits)
{
    require(bits);
    require(n_bits <= 64);
    enum status status = bits_check_room(bits, n_bits);
    if (status) {
        return status;
    }
    for (size_t i = n_bits; i-- > 0;) {
        bits->bit[bits->n_bits++] = (uint8_t)(value >> i & 1);
    }
    return ST_OK;
}

enum status bits_put_packed(struct bitbuf *bits, const uint8_t *packed, size_t n_bits)
{
    require(bits);
    require(packed || n_bits == 0);
    enum status status = bits_check_room(bits, n_bits);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < n_bits; i++) {
        bits->bit[bits->n_bits++] = (uint8_t)(packed[i / 8] >> (7 - i % 8) & 1);
    }
    return ST_OK;
}

enum status bits_put_unpacked(struct bitbuf *bits, const uint8_t *bit, size_t n_bits)
{
    require(bits);
    require(bit || n_bits == 0);
    enum status status = bits_check_room(bits, n_bits);
    if (status) {
        return status;
    }
    for (size_t i = 0; i < n_bits; i++) {
        require(bit[i] <= 1);
        bits->bit[bits->n_bits++] = bit[i];
    }
    return ST_OK;
}

enum status bits_put_ebv(struct bitbuf *bits, uint32_t value)
{
    require(bits);
    size_t n_blocks = 1;
    while (n_blocks < EBV_BLOCKS_MAX && value >> (7 * n_blocks)) {
        n_blocks++;
    }
    enum status status = bits_check_room(bits, 8 * n_blocks);
    for (size_t i = n_blocks; i-- > 0 && !status;) {
        uint64_t more = i > 0 ? 0x80 : 0; /* another block follows */
        status = bits_put(bits, more | (value >> (7 * i) & 0x7F), 8);
    }
    return status;
}

size_t bits_left(const struct bit_reader *reader)
{
    require(reader);
    require(reader->at <= reader->n_bits);
    return reader->n_bits - reader->at;
}

enum status bits_get(struct bit_reader *reader, size_t n_bits, uint64_t *value)
{
    require(value);
    require(n_bits <= 64);
    if (n_bits > bits_left(reader)) {
        return status_fail(ST_SHORT, "%zu bits wanted, %zu left", n_bits, bits_left(reader));
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < n_bits; i++) {
        sum = sum << 1 | (reader->bit[reader->at++] & 1u);
    }
    *value = sum;
    return ST_OK;
}

enum status bits_get_packed(struct bit_reader *reader, size_t n_bits, uint8_t *packed)
{
    require(packed || n_bits == 0);
    if (n_bits > bits_left(reader)) {
        return status_fail(ST_SHORT, "%zu bits wanted, %zu left", n_bits, bits_left(reader));
    }
    if (n_bits > 0) {
        memset(packed, 0, (n_bits + 7) / 8);
    }
    for (size_t i = 0; i < n_bits; i++) {
        unsigned bit = reader->bit[reader->at++] & 1u;
        packed[i / 8] = (uint8_t)(packed[i / 8] | bit << (7 - i % 8));
    }
    return ST_OK;
}

enum status bits_get_ebv(struct bit_reader *reader, uint32_t *value)
{
    require(value);
    struct bit_reader ahead = *reader; /* the caller's position moves on success only */
    uint64_t sum = 0;
    for (size_t i = 0; i < EBV_BLOCKS_MAX; i++) {
        uint64_t block = 0;
        enum status status = bits_get(&ahead, 8, &block);
        if (status) {
            return status;
        }
        sum = sum << 7 | (block & 0x7F);
        if (sum > UINT32_MAX) {
            break;
        }
        if (!(block & 0x80)) {
            *value = (uint32_t)sum;
            *reader = ahead;
            return ST_OK;
        }
    }
    return status_fail(ST_RANGE, "extensible bit vector beyond 32 bits or %d blocks",
                       EBV_BLOCKS_MAX);
}

void bits_to_text(const uint8_t *bit, size_t n_bits, char *text)
{
    require(text);
    require(bit || n_bits == 0);
    for (size_t i = 0; i < n_bits; i++) {
        text[i] = bit[i] ? '1' : '0';
    }
    text[n_bits] = '\0';
}

void bits_to_hex(const uint8_t *packed, size_t n_bytes, char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    require(text);
    require(packed || n_bytes == 0);
    for (size_t i = 0; i < n_bytes; i++) {
        text[2 * i] = digits[packed[i] >> 4];
        text[2 * i + 1] = digits[packed[i] & 15];
    }
    text[2 * n_bytes] = '\0';
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

enum status bits_from_hex(const char *text, uint8_t *packed, size_t n_bytes_max, size_t *n_bytes)
{
    require(text);
    require(n_bytes);
    size_t n_digits = strlen(text);
    for (size_t i = 0; i < n_digits; i++) {
        if (hex_value(text[i]) < 0) {
            return status_fail(ST_FORMAT, "character %zu of '%.64s' is no hex digit", i + 1, text);
        }
    }
    if (n_digits % 2) {
        return status_fail(ST_FORMAT, "odd number of hex digits (%zu)", n_digits);
    }
    if (n_digits / 2 > n_bytes_max) {
        return status_fail(ST_FULL, "%zu bytes of hex, room for %zu", n_digits / 2, n_bytes_max);
    }
    for (size_t i = 0; i < n_digits / 2; i++) {
        packed[i] = (uint8_t)(hex_value(text[2 * i]) << 4 | hex_value(text[2 * i + 1]));
    }
    *n_bytes = n_digits / 2;
    return ST_OK;
}
