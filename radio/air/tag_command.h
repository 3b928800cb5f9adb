/* tag_command.h - reader commands as a tag reads them out of bits.      layer: radio/air
 * Source: Gen2 v2.1 6.3.2.12, Annex A (EBV). */
#ifndef RADIO_AIR_TAG_COMMAND_H
#define RADIO_AIR_TAG_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_COMMAND_BITS_MAX                                                                       \
    512 /* longest that is understood; longer ones are not for this tag   \
                                  */

enum tag_command_kind {
    TAG_COMMAND_INVALID, /* bad CRC, unknown code or parameter */
    TAG_COMMAND_QUERY,
    TAG_COMMAND_QUERY_REP,
    TAG_COMMAND_QUERY_ADJUST,
    TAG_COMMAND_ACK,
    TAG_COMMAND_NAK,
    TAG_COMMAND_SELECT,
    TAG_COMMAND_ACCESS, /* Req_RN, Read ... BlockPermalock: well-formed, not carried out */
};

struct tag_command {
    enum tag_command_kind kind;
    unsigned session;                 /* Query, QueryRep, QueryAdjust */
    bool dr_64_3, trext, target_b;    /* Query */
    unsigned m, sel, q;               /* Query; m 0..3 = FM0, Miller 2, 4, 8 */
    int q_change;                     /* QueryAdjust: -1, 0, +1 */
    uint16_t rn16;                    /* ACK */
    unsigned target, action, bank;    /* Select */
    uint32_t pointer;                 /* Select, in bits */
    unsigned n_mask_bits, mask_first; /* Select: where the mask lies in the command */
    bool truncate;
};

/* How many bits the command that begins so has, as far as its first n_bits tell.
 *   out  n_bits: it is complete; more: ask again with that many; 0: no command of this tag's */
size_t tag_command_need(const uint8_t *packed, size_t n_bits);

/* Read a complete command: fields, CRC, legal values. */
void tag_command_read(const uint8_t *packed, size_t n_bits, struct tag_command *command);

#endif
