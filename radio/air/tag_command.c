/* tag_command.c - lengths, CRCs and fields of inventory commands and Select, by their code. */
#include "radio/air/tag_command.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/tag_access_command.h"
#include "radio/air/tag_code.h"

#define NAK_BITS 8 /* the only one of its group without a CRC */

static size_t need_select(const uint8_t *packed, size_t n_bits)
{
    size_t end = tag_ebv_end(packed, n_bits, 12);
    if (end == 0 || n_bits < end) {
        return end;
    }
    return n_bits < end + 8 ? end + 8 : end + 8 + tag_bits(packed, end, 8) + 17;
}

size_t tag_command_need(const uint8_t *packed, size_t n_bits)
{
    require(packed);
    size_t need = 0;
    if (n_bits < 2) {
        return 2;
    }
    switch (tag_bits(packed, 0, 2)) {
    case 0: return 4;  /* QueryRep */
    case 1: return 18; /* ACK */
    default: break;
    }
    if (n_bits < 4) {
        return 4;
    }
    switch (tag_bits(packed, 0, 4)) {
    case 8: need = 22; break;                           /* Query */
    case 9: need = 9; break;                            /* QueryAdjust */
    case 10: need = need_select(packed, n_bits); break; /* Select */
    default: need = tag_access_command_need(packed, n_bits); break;
    }
    return need <= TAG_COMMAND_BITS_MAX ? need : 0;
}

static void read_query(const uint8_t *packed, size_t n_bits, struct tag_command *command)
{
    if (tag_crc5(packed, n_bits) != 0) {
        return;
    }
    command->kind = TAG_COMMAND_QUERY;
    command->dr_64_3 = tag_bit(packed, 4);
    command->m = tag_bits(packed, 5, 2);
    command->trext = tag_bit(packed, 7);
    command->sel = tag_bits(packed, 8, 2);
    command->session = tag_bits(packed, 10, 2);
    command->target_b = tag_bit(packed, 12);
    command->q = tag_bits(packed, 13, 4);
}

static void read_query_adjust(const uint8_t *packed, struct tag_command *command)
{
    command->session = tag_bits(packed, 4, 2);
    switch (tag_bits(packed, 6, 3)) {
    case 0: command->q_change = 0; break;
    case 6: command->q_change = 1; break;
    case 3: command->q_change = -1; break;
    default: return;
    }
    command->kind = TAG_COMMAND_QUERY_ADJUST;
}

static void read_select(const uint8_t *packed, size_t n_bits, struct tag_command *command)
{
    command->target = tag_bits(packed, 4, 3);
    command->action = tag_bits(packed, 7, 3);
    command->bank = tag_bits(packed, 10, 2);
    size_t end = tag_ebv_end(packed, n_bits, 12);
    command->pointer = tag_ebv_value(packed, 12, end);
    command->n_mask_bits = tag_bits(packed, end, 8);
    command->mask_first = (unsigned)(end + 8);
    command->truncate = tag_bit(packed, n_bits - 17);
    /* targets 5..7 are RFU; bank 00 (FileType) is for tags with files */
    if (tag_crc16(packed, n_bits) == TAG_CRC16_RESIDUE && command->target <= 4 &&
        command->bank != 0) {
        command->kind = TAG_COMMAND_SELECT;
    }
}

void tag_command_read(const uint8_t *packed, size_t n_bits, struct tag_command *command)
{
    require(tag_command_need(packed, n_bits) == n_bits);
    memset(command, 0, sizeof *command);
    command->kind = TAG_COMMAND_INVALID;
    switch (n_bits < 4 ? 0 : tag_bits(packed, 0, 4)) {
    case 8: read_query(packed, n_bits, command); return;
    case 9: read_query_adjust(packed, command); return;
    case 10: read_select(packed, n_bits, command); return;
    default: break;
    }
    switch (tag_bits(packed, 0, 2)) {
    case 0:
        command->kind = TAG_COMMAND_QUERY_REP;
        command->session = tag_bits(packed, 2, 2);
        return;
    case 1:
        command->kind = TAG_COMMAND_ACK;
        command->rn = tag_bits(packed, 2, 16);
        return;
    default: break;
    }
    if (n_bits == NAK_BITS || tag_crc16(packed, n_bits) == TAG_CRC16_RESIDUE) {
        tag_access_command_read(packed, n_bits, command);
    }
}
