/* tag_code.h - what a tag sends: CRCs and the levels of FM0 and Miller replies.  layer: radio/air
 * Source: Gen2 v2.1 6.3.1.3.2 (encodings), 6.3.1.5 and Annex F (CRCs). */
#ifndef RADIO_AIR_TAG_CODE_H
#define RADIO_AIR_TAG_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_CODE_BITS_MAX 4136 /* a Read of 256 words: header, words, handle, CRC-16 */

/* Bits are packed, first on air in the top bit of byte 0. */
bool tag_bit(const uint8_t *packed, size_t index);
uint32_t tag_bits(const uint8_t *packed, size_t first, size_t n_bits); /* n_bits <= 32 */
void tag_bits_put(uint8_t *packed, size_t first, uint32_t value, size_t n_bits);

/* The EBV (Annex A) that begins at `first` among n_bits bits.
 *   out  where it ends; more than n_bits: so many are wanted to tell; 0: longer than any address */
size_t tag_ebv_end(const uint8_t *packed, size_t n_bits, size_t first);
uint32_t tag_ebv_value(const uint8_t *packed, size_t first, size_t end);

uint8_t tag_crc5(const uint8_t *packed, size_t n_bits);   /* register; 0 over data and CRC */
uint16_t tag_crc16(const uint8_t *packed, size_t n_bits); /* as sent: complemented register */

#define TAG_CRC16_RESIDUE 0xE2F0u /* tag_crc16 over a message and its CRC: ~1D0Fh */

struct tag_code {  /* one reply, level after level */
    uint8_t *bits; /* borrowed, TAG_CODE_BITS_MAX bits */
    unsigned n_bits;
    unsigned n_cycles;              /* 1: FM0, else Miller's subcarrier cycles a symbol: 2, 4, 8 */
    unsigned n_lead;                /* half-symbols before the first data bit */
    unsigned n_pilot;               /* of which pilot */
    unsigned next;                  /* half-symbol (FM0) or half-cycle (Miller) to come */
    bool last_level;                /* FM0: level sent last */
    bool first_phase, second_phase; /* Miller: baseband of the running symbol, true = + */
};

/* Begin a reply of the bits already in code->bits.
 *   pre  n_bits <= TAG_CODE_BITS_MAX; n_cycles 1, 2, 4 or 8 */
void tag_code_start(struct tag_code *code, unsigned n_bits, unsigned n_cycles, bool pilot);

/* How many levels of 1/(2 BLF) the whole reply has, dummy bit included. */
unsigned tag_code_n_levels(const struct tag_code *code);

/* The next level, true = high.  pre  fewer than tag_code_n_levels taken so far */
bool tag_code_next(struct tag_code *code);

#endif
