/* tag_code.c - CRCs, FM0 and Miller of the simulated tag. */
#include "radio/air/tag_code.h"

#include "config/require.h"

#define EBV_BLOCKS_MAX 4     /* 28 bits address more than any bank has */
#define FM0_PILOT_HALVES 24u /* 12 zeros */
#define FM0_PREAMBLE_HALVES 12u
#define MILLER_PILOT_SYMBOLS_SHORT 4u
#define MILLER_PILOT_SYMBOLS_LONG 16u
#define MILLER_PREAMBLE_BITS 6u

static const char fm0_preamble[] = "110100100011"; /* 1 0 1 0 V 1, clause 6.3.1.3.2.2 */
static const char miller_preamble[] = "010111";    /* clause 6.3.1.3.2.4 */
_Static_assert(sizeof fm0_preamble == FM0_PREAMBLE_HALVES + 1, "6 symbols");
_Static_assert(sizeof miller_preamble == MILLER_PREAMBLE_BITS + 1, "6 bits");

bool tag_bit(const uint8_t *packed, size_t index)
{
    return packed[index / 8] >> (7 - index % 8) & 1;
}

uint32_t tag_bits(const uint8_t *packed, size_t first, size_t n_bits)
{
    require(n_bits <= 32);
    uint32_t value = 0;
    for (size_t i = 0; i < n_bits; i++) {
        value = value << 1 | tag_bit(packed, first + i);
    }
    return value;
}

void tag_bits_put(uint8_t *packed, size_t first, uint32_t value, size_t n_bits)
{
    require(n_bits <= 32);
    for (size_t i = 0; i < n_bits; i++) {
        size_t at = first + i;
        uint8_t mask = (uint8_t)(0x80u >> (at % 8));
        bool bit = value >> (n_bits - 1 - i) & 1;
        packed[at / 8] = (uint8_t)(bit ? packed[at / 8] | mask : packed[at / 8] & ~mask);
    }
}

size_t tag_ebv_end(const uint8_t *packed, size_t n_bits, size_t first)
{
    for (size_t block = 1; block <= EBV_BLOCKS_MAX; block++) {
        size_t end = first + 8 * block;
        if (n_bits < end || !tag_bit(packed, end - 8)) {
            return end;
        }
    }
    return 0;
}

uint32_t tag_ebv_value(const uint8_t *packed, size_t first, size_t end)
{
    uint32_t value = 0;
    for (size_t at = first; at < end; at += 8) {
        value = value << 7 | tag_bits(packed, at + 1, 7);
    }
    return value;
}

uint8_t tag_crc5(const uint8_t *packed, size_t n_bits)
{
    require(packed);
    unsigned crc = 0x09; /* preset 01001b; x^5 + x^3 + 1 */
    for (size_t i = 0; i < n_bits; i++) {
        unsigned feedback = (crc >> 4 & 1) ^ tag_bit(packed, i);
        crc = (crc << 1 & 0x1F) ^ (feedback ? 0x09 : 0);
    }
    return (uint8_t)crc;
}

uint16_t tag_crc16(const uint8_t *packed, size_t n_bits)
{
    require(packed);
    unsigned crc = 0xFFFF; /* x^16 + x^12 + x^5 + 1 */
    for (size_t i = 0; i < n_bits; i++) {
        unsigned feedback = (crc >> 15 & 1) ^ tag_bit(packed, i);
        crc = (crc << 1 & 0xFFFF) ^ (feedback ? 0x1021 : 0);
    }
    return (uint16_t)~crc;
}

void tag_code_start(struct tag_code *code, unsigned n_bits, unsigned n_cycles, bool pilot)
{
    require(n_bits <= TAG_CODE_BITS_MAX);
    require(n_cycles == 1 || n_cycles == 2 || n_cycles == 4 || n_cycles == 8);
    code->n_bits = n_bits;
    code->n_cycles = n_cycles;
    code->next = 0;
    code->last_level = false;
    code->first_phase = true;
    code->second_phase = true;
    if (n_cycles == 1) {
        code->n_pilot = pilot ? FM0_PILOT_HALVES : 0;
        code->n_lead = code->n_pilot + FM0_PREAMBLE_HALVES;
    } else {
        unsigned n_symbols = pilot ? MILLER_PILOT_SYMBOLS_LONG : MILLER_PILOT_SYMBOLS_SHORT;
        code->n_pilot = n_symbols * 2 * n_cycles;
        code->n_lead = code->n_pilot + MILLER_PREAMBLE_BITS * 2 * n_cycles;
    }
}

unsigned tag_code_n_levels(const struct tag_code *code)
{
    require(code->n_cycles);
    return code->n_lead + (code->n_bits + 1) * 2 * code->n_cycles;
}

static bool data_bit(const struct tag_code *code, unsigned index)
{
    return index < code->n_bits ? tag_bit(code->bits, index) : true; /* then the dummy 1 */
}

/* Level inverts at every symbol boundary, and in mid-symbol for a 0. */
static bool fm0_level(struct tag_code *code, unsigned at)
{
    if (at < code->n_pilot) {
        return at % 2 == 0;
    }
    if (at < code->n_lead) {
        return fm0_preamble[at - code->n_pilot] == '1';
    }
    unsigned half = at - code->n_lead;
    if (half % 2 == 0) {
        return !code->last_level;
    }
    return data_bit(code, half / 2) ? code->last_level : !code->last_level;
}

/* Baseband of the next symbol: a 1 inverts in mid-symbol, a 0 after a 0 at its start. */
static void miller_symbol(struct tag_code *code, unsigned symbol)
{
    bool bit;
    bool last_was_zero = code->first_phase == code->second_phase;
    if (symbol < MILLER_PREAMBLE_BITS) {
        bit = miller_preamble[symbol] == '1';
        last_was_zero = last_was_zero && symbol > 0; /* the pilot is in phase with bit 0 */
    } else {
        bit = data_bit(code, symbol - MILLER_PREAMBLE_BITS);
    }
    code->first_phase = !bit && last_was_zero ? !code->second_phase : code->second_phase;
    code->second_phase = bit ? !code->first_phase : code->first_phase;
}

static bool miller_level(struct tag_code *code, unsigned at)
{
    bool carrier = at % 2 == 0;
    if (at < code->n_pilot) {
        return carrier;
    }
    unsigned n_halves = 2 * code->n_cycles;
    unsigned within = (at - code->n_pilot) % n_halves;
    if (within == 0) {
        miller_symbol(code, (at - code->n_pilot) / n_halves);
    }
    return carrier == (within < code->n_cycles ? code->first_phase : code->second_phase);
}

bool tag_code_next(struct tag_code *code)
{
    require_sig(code->next < tag_code_n_levels(code));
    unsigned at = code->next++;
    code->last_level = code->n_cycles == 1 ? fm0_level(code, at) : miller_level(code, at);
    return code->last_level;
}
