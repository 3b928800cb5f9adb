/* test_command.c - inventory and access commands: golden strings, round trips, everything illegal. */
#include "golden.h"

#include "protocol/command.h"

static enum command_id id_of(const char *name)
{
    for (int id = 0; id < COMMAND_N; id++) {
        if (strcmp(command_row((enum command_id)id)->name, name) == 0) {
            return (enum command_id)id;
        }
    }
    fail_msg("no command %s", name);
    return COMMAND_N;
}

static unsigned field(const json_t *decoded, const char *key)
{
    return (unsigned)golden_number(decoded, key);
}

/* "0110..." -> packed bytes. */
static void pack(const char *text, uint8_t *packed)
{
    for (size_t i = 0; text[i]; i++) {
        packed[i / 8] |= (uint8_t)((text[i] == '1') << (7 - i % 8));
    }
}

static void pack_words(const json_t *words, uint8_t *packed)
{
    for (size_t i = 0; i < json_array_size(words); i++) {
        json_int_t word = json_integer_value(json_array_get(words, i));
        packed[2 * i] = (uint8_t)(word >> 8);
        packed[2 * i + 1] = (uint8_t)word;
    }
}

/* The fields of the access commands; RN is the handle in all of them but Req_RN. */
static void access_from_golden(const json_t *d, struct command *command)
{
    uint16_t rn = (uint16_t)(json_object_get(d, "RN") ? field(d, "RN") : 0);
    switch (command->id) {
    case COMMAND_REQ_RN: command->req_rn.rn = rn; break;
    case COMMAND_READ:
    case COMMAND_BLOCK_ERASE:
        command->read.mem_bank = (uint8_t)field(d, "MemBank");
        command->read.word_ptr = field(d, "WordPtr");
        command->read.n_words = (uint8_t)field(d, "WordCount");
        command->read.handle = rn;
        break;
    case COMMAND_WRITE:
        command->write.mem_bank = (uint8_t)field(d, "MemBank");
        command->write.word_ptr = field(d, "WordPtr");
        command->write.cover = (uint16_t)field(d, "CoverData");
        command->write.handle = rn;
        break;
    case COMMAND_KILL:
    case COMMAND_ACCESS:
        command->password.cover = (uint16_t)field(d, "CoverPwd");
        command->password.handle = rn;
        break;
    case COMMAND_LOCK:
        command->lock.mask = (uint16_t)strtoul(golden_text(d, "Mask"), NULL, 2);
        command->lock.action = (uint16_t)strtoul(golden_text(d, "Action"), NULL, 2);
        command->lock.handle = rn;
        break;
    case COMMAND_BLOCK_WRITE:
        command->block_write.mem_bank = (uint8_t)field(d, "MemBank");
        command->block_write.word_ptr = field(d, "WordPtr");
        command->block_write.n_words = (uint8_t)field(d, "WordCount");
        pack_words(json_object_get(d, "Data"), command->block_write.data);
        command->block_write.handle = rn;
        break;
    case COMMAND_BLOCK_PERMALOCK:
        command->block_permalock.lock = (uint8_t)field(d, "ReadLock");
        command->block_permalock.mem_bank = (uint8_t)field(d, "MemBank");
        command->block_permalock.block_ptr = field(d, "BlockPtr");
        command->block_permalock.n_groups = (uint8_t)field(d, "BlockRange");
        pack_words(json_object_get(d, "Mask"), command->block_permalock.mask);
        command->block_permalock.handle = rn;
        break;
    case COMMAND_READ_BUFFER:
        command->read_buffer.word_ptr = (uint16_t)field(d, "WordPtr");
        command->read_buffer.n_data_bits = (uint16_t)field(d, "BitCount");
        command->read_buffer.handle = rn;
        break;
    case COMMAND_CHALLENGE:
    case COMMAND_AUTHENTICATE:
        command->crypto.inc_rep_len = (uint8_t)field(d, "IncRepLen");
        if (command->id == COMMAND_CHALLENGE) {
            command->crypto.immed = (uint8_t)field(d, "Immed");
        } else {
            command->crypto.sen_rep = (uint8_t)field(d, "SenRep");
        }
        command->crypto.csi = (uint8_t)field(d, "CSI");
        command->crypto.n_message_bits = (uint16_t)field(d, "Length");
        pack(golden_text(d, "Message"), command->crypto.message);
        command->crypto.handle = rn;
        break;
    case COMMAND_UNTRACEABLE:
        command->untraceable.u = (uint8_t)field(d, "U");
        command->untraceable.epc = (uint8_t)field(d, "EPC");
        command->untraceable.tid = (uint8_t)field(d, "TID");
        command->untraceable.user = (uint8_t)field(d, "User");
        command->untraceable.range = (uint8_t)field(d, "Range");
        command->untraceable.handle = rn;
        break;
    default: break;
    }
}

/* Build the command from the golden's decoded fields, by hand and without the tables. */
static struct command command_from_golden(const json_t *item)
{
    const json_t *d = json_object_get(item, "decoded");
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = id_of(golden_text(item, "command"));
    switch (command.id) {
    case COMMAND_QUERY_REP: command.query_rep.session = (uint8_t)field(d, "Session"); break;
    case COMMAND_ACK: command.ack.rn = (uint16_t)field(d, "RN"); break;
    case COMMAND_QUERY:
        command.query.dr = (uint8_t)field(d, "DR");
        command.query.m = (uint8_t)field(d, "M");
        command.query.trext = (uint8_t)field(d, "TRext");
        command.query.sel = (uint8_t)field(d, "Sel");
        command.query.session = (uint8_t)field(d, "Session");
        command.query.target = (uint8_t)field(d, "Target");
        command.query.q = (uint8_t)field(d, "Q");
        break;
    case COMMAND_QUERY_ADJUST:
        command.query_adjust.session = (uint8_t)field(d, "Session");
        command.query_adjust.updn = (uint8_t)strtoul(golden_text(d, "UpDn"), NULL, 2);
        break;
    case COMMAND_SELECT:
        command.select.target = (uint8_t)field(d, "Target");
        command.select.action = (uint8_t)field(d, "Action");
        command.select.mem_bank = (uint8_t)field(d, "MemBank");
        command.select.pointer = field(d, "Pointer");
        command.select.n_mask_bits = (uint8_t)field(d, "Length");
        pack(golden_text(d, "Mask"), command.select.mask);
        command.select.truncate = (uint8_t)field(d, "Truncate");
        break;
    default: access_from_golden(d, &command); break;
    }
    return command;
}

static void check_golden(const json_t *item)
{
    struct command command = command_from_golden(item);
    struct bitbuf bits;
    char text[LIMIT_BITS + 1];
    assert_int_equal(command_encode(&command, &bits), ST_OK);
    bits_to_text(bits.bit, bits.n_bits, text);
    assert_string_equal(text, golden_text(item, "bits"));
    assert_int_equal(command_row(command.id)->with_preamble,
                     !strcmp(golden_text(item, "start"), "preamble"));
    struct command back;
    bool crc_right = false;
    assert_int_equal(command_decode(bits.bit, bits.n_bits, &back, &crc_right), ST_OK);
    assert_true(crc_right);
    assert_memory_equal(&back, &command, sizeof back);
    for (size_t n_bits = 0; n_bits < bits.n_bits; n_bits++) {
        enum status status = command_decode(bits.bit, n_bits, &back, &crc_right);
        assert_int_equal(status, ST_SHORT);
    }
    bits.bit[bits.n_bits] = 0;
    assert_int_equal(command_decode(bits.bit, bits.n_bits + 1, &back, &crc_right), ST_FORMAT);
}

static void command_golden_strings_round_trip(void **state)
{
    (void)state;
    unsigned seen = 0;
    json_t *list = golden_load("commands");
    for (size_t i = 0; i < json_array_size(list); i++) {
        check_golden(json_array_get(list, i));
        seen |= 1u << id_of(golden_text(json_array_get(list, i), "command"));
    }
    assert_int_equal(seen, (1u << COMMAND_N) - 1);
    json_decref(list);
}

static void command_query_strings_match_golden(void **state)
{
    (void)state;
    json_t *list = golden_load("crc5_query");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const json_t *f = json_object_get(item, "fields");
        struct command command = {.id = COMMAND_QUERY,
                                  .query = {(uint8_t)field(f, "DR"), (uint8_t)field(f, "M"),
                                            (uint8_t)field(f, "TRext"), (uint8_t)field(f, "Sel"),
                                            (uint8_t)field(f, "Session"),
                                            (uint8_t)field(f, "Target"), (uint8_t)field(f, "Q")}};
        struct bitbuf bits;
        char text[64];
        assert_int_equal(command_encode(&command, &bits), ST_OK);
        bits_to_text(bits.bit, bits.n_bits, text);
        assert_string_equal(text, golden_text(item, "bits"));
    }
    json_decref(list);
}

static void command_wrong_crc_is_a_verdict(void **state)
{
    (void)state;
    uint8_t bit[64];
    struct command command;
    bool crc_right = true;
    size_t n_bits = golden_bits("1000110000000010001000", bit);
    assert_int_equal(command_decode(bit, n_bits, &command, &crc_right), ST_OK);
    assert_false(crc_right);
    assert_int_equal(command.id, COMMAND_QUERY);
    assert_int_equal(command.query.q, 4);
}

static void command_unknown_codes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum status status;
    } cases[] = {
        {"", ST_SHORT},
        {"0", ST_SHORT},
        {"10", ST_SHORT},
        {"1100", ST_SHORT},
        {"1011", ST_NOT_FOUND},
        {"11000001", ST_SHORT},
        {"11001010", ST_NOT_FOUND},
        {"1111", ST_NOT_FOUND},
        {"1110001000000110", ST_NOT_FOUND},
        {"100100111", ST_FORMAT}, /* QueryAdjust, UpDn 111 */
        {"100100001", ST_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bit[64];
        struct command command;
        bool crc_right;
        size_t n_bits = golden_bits(cases[i].text, bit);
        assert_int_equal(command_decode(bit, n_bits, &command, &crc_right), cases[i].status);
    }
}

static void command_fields_out_of_range_are_named(void **state)
{
    (void)state;
    const struct {
        struct command command;
        const char *says;
    } wrong[] = {
        {{.id = COMMAND_QUERY, .query = {.q = 16}}, "field q"},
        {{.id = COMMAND_QUERY, .query = {.dr = 2}}, "field dr"},
        {{.id = COMMAND_QUERY_REP, .query_rep = {4}}, "field session"},
        {{.id = COMMAND_QUERY_ADJUST, .query_adjust = {0, 1}}, "field updn"},
        {{.id = COMMAND_QUERY_ADJUST, .query_adjust = {0, 8}}, "field updn"},
        {{.id = COMMAND_SELECT, .select = {.target = 5}}, "field target"},
        {{.id = COMMAND_SELECT, .select = {.truncate = 2}}, "field truncate"},
        {{.id = COMMAND_READ, .read = {.mem_bank = 4}}, "field mem_bank"},
        {{.id = COMMAND_LOCK, .lock = {.mask = 0x400}}, "field mask"},
        {{.id = COMMAND_KILL, .password = {.rfu = 8}}, "field rfu"},
        {{.id = COMMAND_READ_BUFFER, .read_buffer = {.n_data_bits = 0x1000}}, "field bit_count"},
        {{.id = COMMAND_AUTHENTICATE, .crypto = {.n_message_bits = 0x1000}}, "field length"},
        {{.id = COMMAND_UNTRACEABLE, .untraceable = {.range = 3}}, "field range"},
        {{.id = COMMAND_UNTRACEABLE, .untraceable = {.tid = 3}}, "field tid"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bitbuf bits;
        assert_int_equal(command_encode(&wrong[i].command, &bits), ST_RANGE);
        assert_non_null(strstr(status_detail(), wrong[i].says));
    }
}

static void command_longest_select_round_trips(void **state)
{
    (void)state;
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_SELECT;
    command.select.mem_bank = 3;
    command.select.pointer = UINT32_MAX;
    command.select.n_mask_bits = 255;
    memset(command.select.mask, 0xA7, 31);
    command.select.mask[31] = 0xA6;
    struct bitbuf bits;
    struct command back;
    bool crc_right = false;
    assert_int_equal(command_encode(&command, &bits), ST_OK);
    assert_int_equal(bits.n_bits, 4 + 3 + 3 + 2 + 40 + 8 + 255 + 1 + 16);
    assert_int_equal(command_decode(bits.bit, bits.n_bits, &back, &crc_right), ST_OK);
    assert_true(crc_right);
    assert_memory_equal(&back, &command, sizeof back);
}

static void check_longest(const struct command *command, size_t n_bits)
{
    struct bitbuf bits;
    struct command back;
    bool crc_right = false;
    assert_int_equal(command_encode(command, &bits), ST_OK);
    assert_int_equal(bits.n_bits, n_bits);
    assert_int_equal(command_decode(bits.bit, bits.n_bits, &back, &crc_right), ST_OK);
    assert_true(crc_right);
    assert_memory_equal(&back, command, sizeof back);
}

static void command_longest_access_commands_round_trip(void **state)
{
    (void)state;
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_BLOCK_WRITE;
    command.block_write.mem_bank = BANK_USER;
    command.block_write.word_ptr = UINT32_MAX;
    command.block_write.n_words = 255;
    memset(command.block_write.data, 0xC5, sizeof command.block_write.data);
    command.block_write.handle = 0xBEEF;
    check_longest(&command, 8 + 2 + 40 + 8 + 255 * 16 + 16 + 16);
    memset(&command, 0, sizeof command);
    command.id = COMMAND_BLOCK_PERMALOCK;
    command.block_permalock.lock = 1;
    command.block_permalock.mem_bank = BANK_USER;
    command.block_permalock.block_ptr = UINT32_MAX;
    command.block_permalock.n_groups = 255;
    memset(command.block_permalock.mask, 0x3A, sizeof command.block_permalock.mask);
    check_longest(&command, 8 + 8 + 1 + 2 + 40 + 8 + 255 * 16 + 16 + 16);
    memset(&command, 0, sizeof command);
    command.id = COMMAND_AUTHENTICATE;
    command.crypto.n_message_bits = 0xFFF;
    memset(command.crypto.message, 0x77, sizeof command.crypto.message - 1);
    command.crypto.message[511] = 0x76; /* 4095 bits: the last one of the last byte is none */
    check_longest(&command, 8 + 2 + 1 + 1 + 8 + 12 + 4095 + 16 + 16);
}

static void command_cover_coding_is_its_own_inverse(void **state)
{
    (void)state;
    assert_int_equal(command_cover(0x3074, 0xA5A5), 0x95D1); /* the golden Write */
    assert_int_equal(command_cover(0x95D1, 0xA5A5), 0x3074);
}

struct printed {
    char text[256];
};

static void print_field(void *context, const char *name, uint64_t value, const uint8_t *mask,
                        size_t n_bits)
{
    struct printed *printed = context;
    size_t n = strlen(printed->text);
    snprintf(printed->text + n, sizeof printed->text - n, "%s=%llx/%zu%s ", name,
             (unsigned long long)(mask ? mask[0] : value), n_bits, mask ? "m" : "");
}

static void command_fields_print_by_name(void **state)
{
    (void)state;
    struct printed printed = {""};
    struct command ack = {.id = COMMAND_ACK, .ack = {0x6C0A}};
    command_each_field(&ack, print_field, &printed);
    assert_string_equal(printed.text, "rn=6c0a/16 ");
    printed.text[0] = '\0';
    struct command select = {
        .id = COMMAND_SELECT,
        .select = {.target = 4, .mem_bank = 1, .pointer = 32, .n_mask_bits = 8, .mask = {0x30}}};
    command_each_field(&select, print_field, &printed);
    assert_string_equal(printed.text, "target=4/3 action=0/3 mem_bank=1/2 pointer=20/0 "
                                      "length=8/8 mask=30/8m truncate=0/1 ");
    printed.text[0] = '\0';
    struct command permalock = {
        .id = COMMAND_BLOCK_PERMALOCK,
        .block_permalock = {.mem_bank = 3, .n_groups = 1, .mask = {0x80, 1}, .handle = 0x1234}};
    command_each_field(&permalock, print_field, &printed); /* a reading one has no mask */
    assert_string_equal(printed.text, "rfu=0/8 lock=0/1 mem_bank=3/2 block_ptr=0/0 "
                                      "block_range=1/8 handle=1234/16 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_golden_strings_round_trip),
        cmocka_unit_test(command_query_strings_match_golden),
        cmocka_unit_test(command_wrong_crc_is_a_verdict),
        cmocka_unit_test(command_unknown_codes_are_told),
        cmocka_unit_test(command_fields_out_of_range_are_named),
        cmocka_unit_test(command_longest_select_round_trips),
        cmocka_unit_test(command_longest_access_commands_round_trip),
        cmocka_unit_test(command_cover_coding_is_its_own_inverse),
        cmocka_unit_test(command_fields_print_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
