/* crc.c - bitwise CRCs from one table of rows. */
#include "protocol/crc.h"

#include "config/require.h"

struct crc_row {
    size_t n_bits;
    uint16_t polynomial; /* without the leading term */
    uint16_t preset;
    uint16_t final_xor;
    const char *clause;
};

static const struct crc_row crc_rows[] = {
    [CRC_NONE] = {0, 0, 0, 0, "-"},
    [CRC_5] = {5, 0x09, 0x09, 0, "6.3.1.5, F.1: x^5 + x^3 + 1"},
    [CRC_16] = {16, 0x1021, 0xFFFF, 0xFFFF, "6.3.1.5, F.2: x^16 + x^12 + x^5 + 1"},
};
#define CRC_KIND_N (sizeof crc_rows / sizeof *crc_rows)
_Static_assert(CRC_KIND_N == CRC_16 + 1, "one row per kind");

static const struct crc_row *crc_row(enum crc_kind kind)
{
    require((unsigned)kind < CRC_KIND_N);
    return &crc_rows[kind];
}

size_t crc_n_bits(enum crc_kind kind)
{
    return crc_row(kind)->n_bits;
}

uint16_t crc_of_bits(enum crc_kind kind, const uint8_t *bit, size_t n_bits)
{
    const struct crc_row *row = crc_row(kind);
    require(bit || n_bits == 0);
    if (row->n_bits == 0) {
        return 0;
    }
    const unsigned mask = (1u << row->n_bits) - 1;
    unsigned state = row->preset;
    for (size_t i = 0; i < n_bits; i++) {
        unsigned feedback = (state >> (row->n_bits - 1) ^ bit[i]) & 1u;
        state = state << 1 & mask;
        if (feedback) {
            state ^= row->polynomial;
        }
    }
    return (uint16_t)(state ^ row->final_xor);
}

bool crc_is_right(enum crc_kind kind, const uint8_t *bit, size_t n_bits)
{
    const size_t n_crc = crc_n_bits(kind);
    require(bit || n_bits == 0);
    if (n_bits < n_crc) {
        return false;
    }
    unsigned sent = 0;
    for (size_t i = n_bits - n_crc; i < n_bits; i++) {
        sent = sent << 1 | (bit[i] & 1u);
    }
    return sent == crc_of_bits(kind, bit, n_bits - n_crc);
}

enum status crc_append(enum crc_kind kind, struct bitbuf *bits)
{
    require(bits);
    return bits_put(bits, crc_of_bits(kind, bits->bit, bits->n_bits), crc_n_bits(kind));
}
