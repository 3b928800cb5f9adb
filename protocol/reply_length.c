/* reply_length.c - header, Barker code and length field of replies. */
#include "protocol/reply_length.h"

#include "config/limits.h"
#include "config/require.h"
#include "protocol/reply.h"

enum { BARKER_BITS = 7, DONE_AT = 7, HEADER_AT = 8, LENGTH_AT = 9, LENGTH_VALUE_BITS = 15 };

static const uint8_t barker[BARKER_BITS] = {1, 1, 1, 0, 0, 1, 0};

_Static_assert(REPLY_BITS_FAILED == HEADER_AT + 1 + 8 + REPLY_BITS_HANDLE, "code, handle, CRC");
_Static_assert(REPLY_BITS_WORKING == HEADER_AT + 1 + REPLY_BITS_HANDLE, "handle, CRC");

size_t reply_in_process_n_bits(size_t n_response_bits, bool has_length)
{
    require(n_response_bits <= LIMIT_BITS - REPLY_BITS_WORKING - REPLY_BITS_LENGTH);
    return n_response_bits + REPLY_BITS_WORKING + (has_length ? (size_t)REPLY_BITS_LENGTH : 0);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t reply_length_least(const struct reply_length *length)
{
    const size_t least[] = {
        [REPLY_LENGTH_GIVEN] = length->n_bits,
        [REPLY_LENGTH_EPC] = 32,
        [REPLY_LENGTH_ACCESS] = smaller(length->n_bits, REPLY_BITS_ERROR),
        [REPLY_LENGTH_IN_PROCESS] = REPLY_BITS_WORKING,
    };
    return least[length->kind];
}

size_t reply_length_told_bits(const struct reply_length *length)
{
    const size_t told[] = {
        [REPLY_LENGTH_GIVEN] = 0,
        [REPLY_LENGTH_EPC] = 5,
        [REPLY_LENGTH_ACCESS] = 1,
        [REPLY_LENGTH_IN_PROCESS] =
            length->has_length ? LENGTH_AT + REPLY_BITS_LENGTH : HEADER_AT + 1,
    };
    return told[length->kind];
}

/*   out false: parity wrong, or too long */
static bool length_field(const uint8_t *bit, size_t *n_response_bits)
{
    unsigned value = 0, ones = 0;
    for (size_t k = 0; k < REPLY_BITS_LENGTH; k++) {
        ones += bit[LENGTH_AT + k] & 1U;
        value = k < LENGTH_VALUE_BITS ? value << 1 | (bit[LENGTH_AT + k] & 1U) : value;
    }
    *n_response_bits = value;
    return ones % 2 == 0 && value <= LIMIT_BITS - REPLY_BITS_WORKING - REPLY_BITS_LENGTH;
}

static size_t in_process_n_bits(const struct reply_length *length, const uint8_t *bit)
{
    size_t n_response_bits = 0;
    if (!bit[DONE_AT]) {
        return REPLY_BITS_WORKING;
    }
    if (length->has_length && length_field(bit, &n_response_bits)) {
        return reply_in_process_n_bits(n_response_bits, true);
    }
    size_t n_failed = REPLY_BITS_FAILED + (length->has_length ? REPLY_BITS_LENGTH : 0);
    return bit[HEADER_AT] ? n_failed : length->n_bits;
}

static size_t epc_n_bits(const struct reply_length *length, const uint8_t *bit)
{
    bool cut = length->n_truncated_bits > 0 && reply_is_truncated(bit);
    return cut ? length->n_truncated_bits : reply_epc_n_bits(bit);
}

size_t reply_length_n_bits(const struct reply_length *length, const uint8_t *bit)
{
    switch (length->kind) {
    case REPLY_LENGTH_EPC: return epc_n_bits(length, bit);
    case REPLY_LENGTH_ACCESS: return bit[0] ? REPLY_BITS_ERROR : length->n_bits;
    case REPLY_LENGTH_IN_PROCESS: return in_process_n_bits(length, bit);
    default: return length->n_bits;
    }
}

bool reply_length_opens_right(const struct reply_length *length, const uint8_t *bit)
{
    bool right = true;
    for (size_t k = 0; k < BARKER_BITS && length->kind == REPLY_LENGTH_IN_PROCESS; k++) {
        right = right && bit[k] == barker[k];
    }
    return right;
}
