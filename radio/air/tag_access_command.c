/* tag_access_command.c - one row a command: code, fields in order of transmission. */
#include "radio/air/tag_access_command.h"

#include "config/require.h"
#include "radio/air/tag_code.h"

#define FIELDS_MAX 8
#define CRC_BITS 16

enum field_kind {
    FIELD_END,
    FIELD_BITS,      /* a number of n_bits */
    FIELD_EBV,       /* n_bits: none */
    FIELD_WORDS,     /* data: 16 bits for each of `count` */
    FIELD_LOCK_MASK, /* data: the same if is_lock, else nothing */
    FIELD_MESSAGE,   /* data: n_message_bits bits */
};

struct field {
    enum field_kind kind;
    unsigned n_bits;
    size_t offset; /* of a uint32_t in struct tag_command */
};

#define BITS(member, width)                                                                        \
    {                                                                                              \
        FIELD_BITS, width, offsetof(struct tag_command, member)                                    \
    }
#define EBV(member)                                                                                \
    {                                                                                              \
        FIELD_EBV, 0, offsetof(struct tag_command, member)                                         \
    }
#define RFU(width) BITS(rfu, width)
#define RN BITS(rn, 16)

struct row {
    unsigned code, n_code_bits;
    enum tag_command_kind kind;
    struct field fields[FIELDS_MAX];
};

static const struct row rows[] = {
    {0xC0, 8, TAG_COMMAND_NAK, {{FIELD_END, 0, 0}}},
    {0xC1, 8, TAG_COMMAND_REQ_RN, {RN}},
    {0xC2, 8, TAG_COMMAND_READ, {BITS(bank, 2), EBV(pointer), BITS(count, 8), RN}},
    {0xC3, 8, TAG_COMMAND_WRITE, {BITS(bank, 2), EBV(pointer), BITS(value, 16), RN}},
    {0xC4, 8, TAG_COMMAND_KILL, {BITS(value, 16), RFU(3), RN}},
    {0xC5, 8, TAG_COMMAND_LOCK, {BITS(mask, 10), BITS(lock_action, 10), RN}},
    {0xC6, 8, TAG_COMMAND_ACCESS, {BITS(value, 16), RN}},
    {0xC7,
     8,
     TAG_COMMAND_BLOCK_WRITE,
     {BITS(bank, 2), EBV(pointer), BITS(count, 8), {FIELD_WORDS, 0, 0}, RN}},
    {0xC8, 8, TAG_COMMAND_BLOCK_ERASE, {BITS(bank, 2), EBV(pointer), BITS(count, 8), RN}},
    {0xC9,
     8,
     TAG_COMMAND_BLOCK_PERMALOCK,
     {RFU(8),
      BITS(is_lock, 1),
      BITS(bank, 2),
      EBV(pointer),
      BITS(count, 8),
      {FIELD_LOCK_MASK, 0, 0},
      RN}},
    /* order and widths of ReadBuffer from memory [M] */
    {0xD2, 8, TAG_COMMAND_READ_BUFFER, {RFU(2), BITS(pointer, 12), BITS(count, 12), RN}},
    {0xD4,
     8,
     TAG_COMMAND_CHALLENGE,
     {RFU(2),
      BITS(has_length, 1),
      BITS(immediate, 1),
      BITS(csi, 8),
      BITS(n_message_bits, 12),
      {FIELD_MESSAGE, 0, 0}}},
    {0xD5,
     8,
     TAG_COMMAND_AUTHENTICATE,
     {RFU(2),
      BITS(sends, 1),
      BITS(has_length, 1),
      BITS(csi, 8),
      BITS(n_message_bits, 12),
      {FIELD_MESSAGE, 0, 0},
      RN}},
    {0xE200,
     16,
     TAG_COMMAND_UNTRACEABLE,
     {RFU(2), BITS(hide_u, 1), BITS(hide_epc, 6), BITS(hide_tid, 2), BITS(hide_user, 1),
      BITS(hide_range, 2), RN}},
};
#define N_ROWS (sizeof rows / sizeof *rows)

/* The row of a code; when more bits are wanted to tell, *need says how many in all. */
static const struct row *row_of(const uint8_t *packed, size_t n_bits, size_t *need)
{
    *need = 8;
    if (n_bits < 8) {
        return NULL;
    }
    unsigned code = tag_bits(packed, 0, 8);
    *need = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        unsigned n_more = rows[i].n_code_bits - 8;
        if (rows[i].code >> n_more != code) {
            continue;
        }
        if (n_bits < rows[i].n_code_bits) {
            *need = rows[i].n_code_bits;
        } else if (tag_bits(packed, 0, rows[i].n_code_bits) == rows[i].code) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Where the field that begins at `at` ends; 0: such a command is not for any tag. */
static size_t field_end(const struct field *field, const uint8_t *packed, size_t n_bits, size_t at,
                        const struct tag_command *command)
{
    switch (field->kind) {
    case FIELD_END: break;
    case FIELD_BITS: return at + field->n_bits;
    case FIELD_EBV: return tag_ebv_end(packed, n_bits, at);
    case FIELD_WORDS: return at + 16 * (size_t)command->count;
    case FIELD_LOCK_MASK: return at + (command->is_lock ? 16 * (size_t)command->count : 0);
    case FIELD_MESSAGE: return at + command->n_message_bits;
    }
    return at;
}

/* Fields as far as the bits go.  out  bits that the command has, or that are wanted to tell */
static size_t walk(const struct row *row, const uint8_t *packed, size_t n_bits,
                   struct tag_command *command)
{
    size_t at = row->n_code_bits;
    for (const struct field *field = row->fields; field->kind != FIELD_END; field++) {
        size_t end = field_end(field, packed, n_bits, at, command);
        if (end == 0 || end > n_bits) {
            return end;
        }
        uint32_t *member = (uint32_t *)(void *)((char *)command + field->offset);
        if (field->kind == FIELD_BITS) {
            *member = tag_bits(packed, at, field->n_bits);
        } else if (field->kind == FIELD_EBV) {
            *member = tag_ebv_value(packed, at, end);
        } else {
            command->data_first = (uint32_t)at;
        }
        at = end;
    }
    return at + (row->kind == TAG_COMMAND_NAK ? 0 : CRC_BITS);
}

size_t tag_access_command_need(const uint8_t *packed, size_t n_bits)
{
    require(packed);
    struct tag_command command = {.kind = TAG_COMMAND_INVALID};
    size_t need;
    const struct row *row = row_of(packed, n_bits, &need);
    return row ? walk(row, packed, n_bits, &command) : need;
}

void tag_access_command_read(const uint8_t *packed, size_t n_bits, struct tag_command *command)
{
    size_t need;
    const struct row *row = row_of(packed, n_bits, &need);
    require(row);
    size_t n_read = walk(row, packed, n_bits, command);
    require(n_read == n_bits);
    command->kind = row->kind;
}
