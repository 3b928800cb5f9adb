/* command.c - one table of rows and fields: encoder, decoder and printing all read it. */
#include "protocol/command.h"

#include <stddef.h>
#include <string.h>

#include "config/require.h"

enum field_kind {
    FIELD_NUMBER, /* width bits, MSB first */
    FIELD_EBV,    /* extensible bit vector into a uint32_t */
    FIELD_MASK,   /* packed bytes; the field before counts them in units of width bits */
};

struct command_field {
    const char *name;
    enum field_kind kind;
    size_t width;
    size_t offset, n_bytes; /* where in struct command */
    uint32_t legal;         /* bit v set: value v is legal; 0: every value of the width */
    size_t only_if; /* not 0: on the air only where the field of this number (from 1) is 1 */
};

#define FIELD(member, label, bits, legal_values)                                                   \
    {                                                                                              \
        label, FIELD_NUMBER, bits, offsetof(struct command, member),                               \
            sizeof(((struct command *)0)->member), legal_values, 0                                 \
    }
#define FIELD_EBV(member, label)                                                                   \
    {                                                                                              \
        label, FIELD_EBV, 0, offsetof(struct command, member), 4, 0, 0                             \
    }
#define FIELD_PACKED(member, label, unit_bits, condition)                                          \
    {                                                                                              \
        label, FIELD_MASK, unit_bits, offsetof(struct command, member),                            \
            sizeof(((struct command *)0)->member), 0, condition                                    \
    }

static const struct command_field query_rep_fields[] = {FIELD(query_rep.session, "session", 2, 0)};
static const struct command_field ack_fields[] = {FIELD(ack.rn, "rn", 16, 0)};
static const struct command_field query_fields[] = {
    FIELD(query.dr, "dr", 1, 0),
    FIELD(query.m, "m", 2, 0),
    FIELD(query.trext, "trext", 1, 0),
    FIELD(query.sel, "sel", 2, 0),
    FIELD(query.session, "session", 2, 0),
    FIELD(query.target, "target", 1, 0),
    FIELD(query.q, "q", 4, 0),
};
static const struct command_field query_adjust_fields[] = {
    FIELD(query_adjust.session, "session", 2, 0),
    FIELD(query_adjust.updn, "updn", 3, 1u << UPDN_SAME | 1u << UPDN_DOWN | 1u << UPDN_UP),
};
static const struct command_field select_fields[] = {
    FIELD(select.target, "target", 3, 0x1F), /* 101..111 are reserved */
    FIELD(select.action, "action", 3, 0),    FIELD(select.mem_bank, "mem_bank", 2, 0),
    FIELD_EBV(select.pointer, "pointer"),    FIELD(select.n_mask_bits, "length", 8, 0),
    FIELD_PACKED(select.mask, "mask", 1, 0), FIELD(select.truncate, "truncate", 1, 0),
};
static const struct command_field req_rn_fields[] = {FIELD(req_rn.rn, "rn", 16, 0)};
static const struct command_field read_fields[] = {
    FIELD(read.mem_bank, "mem_bank", 2, 0),
    FIELD_EBV(read.word_ptr, "word_ptr"),
    FIELD(read.n_words, "word_count", 8, 0),
    FIELD(read.handle, "handle", 16, 0),
};
static const struct command_field write_fields[] = {
    FIELD(write.mem_bank, "mem_bank", 2, 0),
    FIELD_EBV(write.word_ptr, "word_ptr"),
    FIELD(write.cover, "cover", 16, 0),
    FIELD(write.handle, "handle", 16, 0),
};
static const struct command_field kill_fields[] = {
    FIELD(password.cover, "cover", 16, 0),
    FIELD(password.rfu, "rfu", 3, 0),
    FIELD(password.handle, "handle", 16, 0),
};
static const struct command_field lock_fields[] = {
    FIELD(lock.mask, "mask", 10, 0),
    FIELD(lock.action, "action", 10, 0),
    FIELD(lock.handle, "handle", 16, 0),
};
static const struct command_field access_fields[] = {
    FIELD(password.cover, "cover", 16, 0),
    FIELD(password.handle, "handle", 16, 0),
};
static const struct command_field block_write_fields[] = {
    FIELD(block_write.mem_bank, "mem_bank", 2, 0),  FIELD_EBV(block_write.word_ptr, "word_ptr"),
    FIELD(block_write.n_words, "word_count", 8, 0), FIELD_PACKED(block_write.data, "data", 16, 0),
    FIELD(block_write.handle, "handle", 16, 0),
};
static const struct command_field block_permalock_fields[] = {
    FIELD(block_permalock.rfu, "rfu", 8, 0),
    FIELD(block_permalock.lock, "lock", 1, 0),
    FIELD(block_permalock.mem_bank, "mem_bank", 2, 0),
    FIELD_EBV(block_permalock.block_ptr, "block_ptr"),
    FIELD(block_permalock.n_groups, "block_range", 8, 0),
    FIELD_PACKED(block_permalock.mask, "mask", 16, 2), /* only where lock is 1 */
    FIELD(block_permalock.handle, "handle", 16, 0),
};
static const struct command_field read_buffer_fields[] = {
    FIELD(read_buffer.rfu, "rfu", 2, 0),
    FIELD(read_buffer.word_ptr, "word_ptr", 12, 0),
    FIELD(read_buffer.n_data_bits, "bit_count", 12, 0),
    FIELD(read_buffer.handle, "handle", 16, 0),
};
static const struct command_field challenge_fields[] = {
    FIELD(crypto.rfu, "rfu", 2, 0),
    FIELD(crypto.inc_rep_len, "inc_rep_len", 1, 0),
    FIELD(crypto.immed, "immed", 1, 0),
    FIELD(crypto.csi, "csi", 8, 0),
    FIELD(crypto.n_message_bits, "length", 12, 0),
    FIELD_PACKED(crypto.message, "message", 1, 0),
};
static const struct command_field authenticate_fields[] = {
    FIELD(crypto.rfu, "rfu", 2, 0),
    FIELD(crypto.sen_rep, "sen_rep", 1, 0),
    FIELD(crypto.inc_rep_len, "inc_rep_len", 1, 0),
    FIELD(crypto.csi, "csi", 8, 0),
    FIELD(crypto.n_message_bits, "length", 12, 0),
    FIELD_PACKED(crypto.message, "message", 1, 0),
    FIELD(crypto.handle, "handle", 16, 0),
};
static const struct command_field untraceable_fields[] = {
    FIELD(untraceable.rfu, "rfu", 2, 0),
    FIELD(untraceable.u, "u", 1, 0),
    FIELD(untraceable.epc, "epc", 6, 0),
    FIELD(untraceable.tid, "tid", 2, 0x7), /* 11 is reserved, as in range */
    FIELD(untraceable.user, "user", 1, 0),
    FIELD(untraceable.range, "range", 2, 0x7),
    FIELD(untraceable.handle, "handle", 16, 0),
};

struct command_layout {
    struct command_row row;
    const struct command_field *fields;
    size_t n_fields;
};

#define FIELDS(list) list, sizeof(list) / sizeof *(list)

static const struct command_layout command_layouts[] = {
    [COMMAND_QUERY_REP] = {{"QueryRep", "00", CRC_NONE, false, REPLY_RN16, "6.3.2.12.2.3"},
                           FIELDS(query_rep_fields)},
    [COMMAND_ACK] = {{"ACK", "01", CRC_NONE, false, REPLY_EPC, "6.3.2.12.2.4"}, FIELDS(ack_fields)},
    [COMMAND_QUERY] = {{"Query", "1000", CRC_5, true, REPLY_RN16, "6.3.2.12.2.1"},
                       FIELDS(query_fields)},
    [COMMAND_QUERY_ADJUST] = {{"QueryAdjust", "1001", CRC_NONE, false, REPLY_RN16, "6.3.2.12.2.2"},
                              FIELDS(query_adjust_fields)},
    [COMMAND_SELECT] = {{"Select", "1010", CRC_16, false, REPLY_NONE, "6.3.2.12.1.1"},
                        FIELDS(select_fields)},
    [COMMAND_NAK] = {{"NAK", "11000000", CRC_NONE, false, REPLY_NONE, "6.3.2.12.2.5"}, NULL, 0},
    [COMMAND_REQ_RN] = {{"Req_RN", "11000001", CRC_16, false, REPLY_HANDLE, "6.3.2.12.3.1"},
                        FIELDS(req_rn_fields)},
    [COMMAND_READ] = {{"Read", "11000010", CRC_16, false, REPLY_DATA, "6.3.2.12.3.2"},
                      FIELDS(read_fields)},
    [COMMAND_WRITE] = {{"Write", "11000011", CRC_16, false, REPLY_DELAYED, "6.3.2.12.3.3"},
                       FIELDS(write_fields)},
    [COMMAND_KILL] = {{"Kill", "11000100", CRC_16, false, REPLY_HANDLE, "6.3.2.12.3.4"},
                      FIELDS(kill_fields)},
    [COMMAND_LOCK] = {{"Lock", "11000101", CRC_16, false, REPLY_DELAYED, "6.3.2.12.3.5"},
                      FIELDS(lock_fields)},
    [COMMAND_ACCESS] = {{"Access", "11000110", CRC_16, false, REPLY_HANDLE, "6.3.2.12.3.6"},
                        FIELDS(access_fields)},
    [COMMAND_BLOCK_WRITE] = {{"BlockWrite", "11000111", CRC_16, false, REPLY_DELAYED,
                              "6.3.2.12.3.7"},
                             FIELDS(block_write_fields)},
    [COMMAND_BLOCK_ERASE] = {{"BlockErase", "11001000", CRC_16, false, REPLY_DELAYED,
                              "6.3.2.12.3.8"},
                             FIELDS(read_fields)},
    [COMMAND_BLOCK_PERMALOCK] = {{"BlockPermalock", "11001001", CRC_16, false, REPLY_DATA,
                                  "6.3.2.12.3.9"},
                                 FIELDS(block_permalock_fields)},
    [COMMAND_READ_BUFFER] = {{"ReadBuffer", "11010010", CRC_16, false, REPLY_DATA, "6.3.2.12.3.15"},
                             FIELDS(read_buffer_fields)},
    [COMMAND_CHALLENGE] = {{"Challenge", "11010100", CRC_16, false, REPLY_NONE, "6.3.2.12.1.2"},
                           FIELDS(challenge_fields)},
    [COMMAND_AUTHENTICATE] = {{"Authenticate", "11010101", CRC_16, false, REPLY_IN_PROCESS,
                               "6.3.2.12.3.10"},
                              FIELDS(authenticate_fields)},
    [COMMAND_UNTRACEABLE] = {{"Untraceable", "1110001000000000", CRC_16, false, REPLY_DELAYED,
                              "6.3.2.12.3.16"},
                             FIELDS(untraceable_fields)},
};
_Static_assert(sizeof command_layouts / sizeof *command_layouts == COMMAND_N, "one row each");

static const struct command_layout *command_layout(enum command_id id)
{
    require((unsigned)id < COMMAND_N);
    return &command_layouts[id];
}

const struct command_row *command_row(enum command_id id)
{
    return &command_layout(id)->row;
}

static uint32_t field_load(const struct command *command, const struct command_field *field)
{
    const uint8_t *from = (const uint8_t *)command + field->offset;
    require(field->kind != FIELD_MASK);
    if (field->n_bytes == 1) {
        return *from;
    }
    if (field->n_bytes == 2) {
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return value;
    }
    uint32_t value;
    require(field->n_bytes == sizeof value);
    memcpy(&value, from, sizeof value);
    return value;
}

static void field_store(struct command *command, const struct command_field *field, uint32_t value)
{
    uint8_t *to = (uint8_t *)command + field->offset;
    require(field->kind != FIELD_MASK);
    if (field->n_bytes == 1) {
        *to = (uint8_t)value;
    } else if (field->n_bytes == 2) {
        uint16_t narrow = (uint16_t)value;
        memcpy(to, &narrow, sizeof narrow);
    } else {
        require(field->n_bytes == sizeof value);
        memcpy(to, &value, sizeof value);
    }
}

static bool field_is_legal(const struct command_field *field, uint32_t value)
{
    if (field->kind != FIELD_NUMBER) {
        return true;
    }
    return value >> field->width == 0 && (field->legal == 0 || (field->legal >> value & 1u));
}

static bool field_is_sent(const struct command *command, const struct command_layout *layout,
                          size_t index)
{
    const size_t only_if = layout->fields[index].only_if;
    return only_if == 0 || field_load(command, &layout->fields[only_if - 1]) == 1;
}

/* Length of packed bytes; the widths of the counts keep it within the room for them. */
static size_t field_n_bits(const struct command *command, const struct command_layout *layout,
                           size_t index)
{
    const struct command_field *field = &layout->fields[index];
    const size_t n_bits = field->width * field_load(command, field - 1);
    require(n_bits <= 8 * field->n_bytes);
    return n_bits;
}

static enum status field_encode(const struct command *command, const struct command_layout *layout,
                                size_t index, struct bitbuf *bits)
{
    const struct command_field *field = &layout->fields[index];
    if (!field_is_sent(command, layout, index)) {
        return ST_OK;
    }
    if (field->kind == FIELD_MASK) {
        const uint8_t *mask = (const uint8_t *)command + field->offset;
        return bits_put_packed(bits, mask, field_n_bits(command, layout, index));
    }
    uint32_t value = field_load(command, field);
    if (!field_is_legal(field, value)) {
        return status_fail(ST_RANGE, "%s: field %s is %u, not legal in %zu bits (Gen2 %s)",
                           layout->row.name, field->name, value, field->width, layout->row.clause);
    }
    return field->kind == FIELD_EBV ? bits_put_ebv(bits, value)
                                    : bits_put(bits, value, field->width);
}

enum status command_encode(const struct command *command, struct bitbuf *bits)
{
    require(command);
    require(bits);
    const struct command_layout *layout = command_layout(command->id);
    bits->n_bits = 0;
    enum status status = ST_OK;
    for (const char *code = layout->row.code; *code && !status; code++) {
        status = bits_put(bits, *code == '1', 1);
    }
    for (size_t i = 0; i < layout->n_fields && !status; i++) {
        status = field_encode(command, layout, i, bits);
    }
    return status ? status : crc_append(layout->row.crc, bits);
}

double command_air_us(const struct command *command, const struct link *link)
{
    static _Thread_local struct bitbuf bits; /* large: not on the stack */
    bits.n_bits = 0;
    enum status status = command_encode(command, &bits);
    require(status == ST_OK);
    return link_command_us(link, bits.bit, bits.n_bits, command_row(command->id)->with_preamble);
}

static enum status field_decode(struct command *command, const struct command_layout *layout,
                                size_t index, struct bit_reader *reader)
{
    const struct command_field *field = &layout->fields[index];
    if (!field_is_sent(command, layout, index)) {
        return ST_OK;
    }
    if (field->kind == FIELD_MASK) {
        size_t n_bits = field_n_bits(command, layout, index);
        return bits_get_packed(reader, n_bits, (uint8_t *)command + field->offset);
    }
    uint32_t value = 0;
    enum status status;
    if (field->kind == FIELD_EBV) {
        status = bits_get_ebv(reader, &value);
        status = status == ST_RANGE ? ST_FORMAT : status;
    } else {
        uint64_t wide = 0;
        status = bits_get(reader, field->width, &wide);
        value = (uint32_t)wide;
    }
    if (status) {
        return status;
    }
    if (!field_is_legal(field, value)) {
        return status_fail(ST_FORMAT, "%s: field %s is %u, which is reserved (Gen2 %s)",
                           layout->row.name, field->name, value, layout->row.clause);
    }
    field_store(command, field, value);
    return ST_OK;
}

/* The row whose code starts the bits.   err ST_NOT_FOUND; ST_SHORT the code is cut off */
static enum status command_find(const uint8_t *bit, size_t n_bits,
                                const struct command_layout **found)
{
    bool cut = false;
    for (size_t id = 0; id < COMMAND_N; id++) {
        const char *code = command_layouts[id].row.code;
        size_t n_same = 0;
        while (n_same < n_bits && code[n_same] && bit[n_same] == (code[n_same] == '1')) {
            n_same++;
        }
        if (!code[n_same]) {
            *found = &command_layouts[id];
            return ST_OK;
        }
        cut = cut || n_same == n_bits;
    }
    if (cut) {
        return status_fail(ST_SHORT, "%zu bits end inside a command code", n_bits);
    }
    return status_fail(ST_NOT_FOUND, "no known command code in %zu bits", n_bits);
}

enum status command_decode(const uint8_t *bit, size_t n_bits, struct command *command,
                           bool *crc_right)
{
    require(bit || n_bits == 0);
    require(command);
    require(crc_right);
    const struct command_layout *layout = NULL;
    enum status status = command_find(bit, n_bits, &layout);
    if (status) {
        return status;
    }
    struct command made;
    memset(&made, 0, sizeof made);
    made.id = (enum command_id)(layout - command_layouts);
    struct bit_reader reader = {bit, n_bits, strlen(layout->row.code)};
    for (size_t i = 0; i < layout->n_fields; i++) {
        status = field_decode(&made, layout, i, &reader);
        if (status) {
            return status;
        }
    }
    size_t n_crc = crc_n_bits(layout->row.crc);
    if (bits_left(&reader) != n_crc) {
        return status_fail(bits_left(&reader) < n_crc ? ST_SHORT : ST_FORMAT,
                           "%s: %zu bits, %zu would be right", layout->row.name, n_bits,
                           reader.at + n_crc);
    }
    *crc_right = crc_is_right(layout->row.crc, bit, n_bits);
    *command = made;
    return ST_OK;
}

uint16_t command_cover(uint16_t word, uint16_t rn16)
{
    return (uint16_t)(word ^ rn16);
}

void command_each_field(const struct command *command,
                        void (*visit)(void *context, const char *name, uint64_t value,
                                      const uint8_t *mask, size_t n_bits),
                        void *context)
{
    require(command);
    require(visit);
    const struct command_layout *layout = command_layout(command->id);
    for (size_t i = 0; i < layout->n_fields; i++) {
        const struct command_field *field = &layout->fields[i];
        if (!field_is_sent(command, layout, i)) {
            continue;
        }
        if (field->kind == FIELD_MASK) {
            visit(context, field->name, 0, (const uint8_t *)command + field->offset,
                  field_n_bits(command, layout, i));
        } else {
            visit(context, field->name, field_load(command, field), NULL, field->width);
        }
    }
}
