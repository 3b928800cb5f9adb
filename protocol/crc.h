/* crc.h - CRC-5 and CRC-16 over unpacked bits, from one table of rows.     layer: protocol
 * Source: Gen2 6.3.1.5, Annex F. */
#ifndef PROTOCOL_CRC_H
#define PROTOCOL_CRC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/bits.h"

enum crc_kind { CRC_NONE = 0, CRC_5, CRC_16 };

/* The value to append after these bits (0 for CRC_NONE). */
uint16_t crc_of_bits(enum crc_kind kind, const uint8_t *bit, size_t n_bits);
/* True when bit[n_bits] ends with its own right CRC. CRC_NONE: always. */
bool crc_is_right(enum crc_kind kind, const uint8_t *bit, size_t n_bits);
size_t crc_n_bits(enum crc_kind kind);
enum status crc_append(enum crc_kind kind, struct bitbuf *bits) must_check;

#endif
