/* test_access.c - operations on a scripted tag: what is reported agrees with what the tag holds, with
 * every reply lost once, power cut before and after every command, and all at random. */
#include "golden.h"

#include <stdio.h>

#include "protocol/access.h"

enum tag_state { TAG_OFF = 0, TAG_ACKNOWLEDGED, TAG_OPEN, TAG_SECURED, TAG_KILLED };
enum { BANK_WORDS = 40 };

struct tag { /* a tag of few words: Gen2 Annex B as far as one contact goes */
    enum tag_state state;
    uint16_t word[BANK_N][BANK_WORDS];
    size_t n_words[BANK_N];
    bool passwords_hidden, user_locked; /* locks, by hand */
    uint16_t permalock;                 /* first 16 blocks */
    uint16_t stuck;                     /* of the first User word: bits that stay 0 */
    unsigned n_writes[BANK_N][BANK_WORDS], n_locks, n_kills, n_untraceable;
    uint32_t lock_payload;
    uint16_t rn16, handle, cover, next_rn;
    unsigned half; /* of Kill or Access: 1 = the first one was right */
    enum command_id half_of;
    unsigned n_working; /* in-process replies before the last one */
};

struct air { /* between tag and reader: what goes wrong, counted in commands */
    struct tag *tag;
    unsigned n_commands, n_contacts;
    unsigned lose_reply_at, cut_before_at, cut_after_at; /* 0: never */
    unsigned lose_every; /* 0: never; all replies from lose_reply_at on */
    uint32_t chance;     /* random losses and cuts: state of the generator, 0: none */
};

struct outcome_seen {
    enum access_outcome outcome;
    char error[ACCESS_ERROR_TEXT_MAX];
    size_t n_data_bits;
    uint8_t data[512];
    unsigned n;
};

struct run {
    struct tag tag;
    struct air air;
    struct access_cfg cfg;
    struct access *access;
    struct outcome_seen seen[ACCESS_OPS_MAX];
    struct access_totals totals;
};

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static uint32_t password_of(const struct tag *tag, size_t at)
{
    return (uint32_t)tag->word[BANK_RESERVED][at] << 16 | tag->word[BANK_RESERVED][at + 1];
}

static void tag_make(struct tag *tag)
{
    memset(tag, 0, sizeof *tag);
    tag->n_words[BANK_RESERVED] = 4;
    tag->n_words[BANK_EPC] = 10;
    tag->n_words[BANK_TID] = 6;
    tag->n_words[BANK_USER] = 32;
    static const uint16_t epc[] = {0, 0x3000, 0x3034, 0x1111, 0x2222, 0x3333, 0x4444, 0x5555};
    static const uint16_t tid[] = {0xE280, 0x1160, 0x2000, 0x7ABC, 0x1234, 0x5678};
    memcpy(tag->word[BANK_EPC], epc, sizeof epc);
    memcpy(tag->word[BANK_TID], tid, sizeof tid);
    for (size_t i = 0; i < 32; i++) {
        tag->word[BANK_USER][i] = (uint16_t)(0xA000 + i);
    }
    tag->word[BANK_RESERVED][0] = 0xDEAD;
    tag->word[BANK_RESERVED][1] = 0xC0DE;
    tag->word[BANK_RESERVED][2] = 0x1234;
    tag->word[BANK_RESERVED][3] = 0x5678;
    tag->next_rn = 0x1A2B;
}

static void put(struct bitbuf *bits, uint64_t value, size_t n_bits)
{
    assert_int_equal(bits_put(bits, value, n_bits), ST_OK);
}

static void close_reply(struct bitbuf *bits, const struct tag *tag)
{
    put(bits, tag->handle, 16);
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static void error_reply(struct bitbuf *bits, const struct tag *tag, uint8_t code)
{
    put(bits, 1, 1);
    put(bits, code, 8);
    close_reply(bits, tag);
}

static void done_reply(struct bitbuf *bits, const struct tag *tag)
{
    put(bits, 0, 1);
    close_reply(bits, tag);
}

static void tag_epc_reply(const struct tag *tag, struct bitbuf *bits)
{
    size_t n_words = 1 + (tag->word[BANK_EPC][1] >> 11);
    for (size_t i = 0; i < n_words; i++) {
        put(bits, tag->word[BANK_EPC][1 + i], 16);
    }
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static uint16_t tag_rn(struct tag *tag)
{
    tag->next_rn = (uint16_t)(tag->next_rn * 40503u + 12345u);
    return tag->next_rn;
}

static void tag_req_rn(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    if (tag->state == TAG_ACKNOWLEDGED) {
        if (command->req_rn.rn != tag->rn16) {
            return;
        }
        tag->handle = tag_rn(tag);
        tag->state = password_of(tag, 2) ? TAG_OPEN : TAG_SECURED;
        put(bits, tag->handle, 16);
    } else if (command->req_rn.rn == tag->handle) {
        tag->cover = tag_rn(tag);
        put(bits, tag->cover, 16);
    } else {
        return;
    }
    assert_int_equal(crc_append(CRC_16, bits), ST_OK);
}

static bool tag_has(const struct tag *tag, size_t bank, size_t from, size_t n_words)
{
    return from + n_words <= tag->n_words[bank];
}

static void tag_read(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    const size_t bank = command->read.mem_bank;
    if (!tag_has(tag, bank, command->read.word_ptr, command->read.n_words)) {
        error_reply(bits, tag, 0x03);
    } else if (bank == BANK_RESERVED && tag->passwords_hidden) {
        error_reply(bits, tag, 0x04);
    } else {
        put(bits, 0, 1);
        for (size_t i = 0; i < command->read.n_words; i++) {
            put(bits, tag->word[bank][command->read.word_ptr + i], 16);
        }
        close_reply(bits, tag);
    }
}

static void tag_store(struct tag *tag, size_t bank, size_t from, size_t n_words,
                      const uint16_t *word, struct bitbuf *bits)
{
    if (!tag_has(tag, bank, from, n_words)) {
        error_reply(bits, tag, 0x03);
    } else if (bank == BANK_TID || (bank == BANK_USER && tag->user_locked)) {
        error_reply(bits, tag, 0x04);
    } else {
        for (size_t i = 0; i < n_words; i++) {
            tag->word[bank][from + i] = word[i];
            tag->word[BANK_USER][0] = (uint16_t)(tag->word[BANK_USER][0] & ~tag->stuck);
            tag->n_writes[bank][from + i]++;
        }
        done_reply(bits, tag);
    }
}

/* Halves of a password: a wrong one, or anything in between, sends the tag to arbitrate. */
static void tag_half(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    const bool kills = command->id == COMMAND_KILL;
    const uint32_t password = password_of(tag, kills ? 0 : 2);
    if (kills && password == 0) {
        error_reply(bits, tag, 0x00);
        return;
    }
    const bool second = tag->half == 1 && tag->half_of == command->id;
    const uint16_t half = (uint16_t)(command->password.cover ^ tag->cover);
    if (half != (uint16_t)(second ? password : password >> 16)) {
        tag->state = TAG_OFF;
        tag->half = 0;
        return;
    }
    tag->half = second ? 0 : 1;
    tag->half_of = command->id;
    if (!second || !kills) {
        tag->state = second ? TAG_SECURED : tag->state;
        put(bits, tag->handle, 16);
        assert_int_equal(crc_append(CRC_16, bits), ST_OK);
        return;
    }
    done_reply(bits, tag);
    tag->state = TAG_KILLED;
    tag->n_kills++;
}

static void tag_permalock(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    if (!command->block_permalock.lock) {
        put(bits, 0, 1);
        put(bits, tag->permalock, 16);
        close_reply(bits, tag);
    } else if (tag->state != TAG_SECURED) {
        error_reply(bits, tag, 0x02);
    } else {
        const uint8_t *mask = command->block_permalock.mask;
        tag->permalock = (uint16_t)(tag->permalock | mask[0] << 8 | mask[1]);
        tag->n_locks++;
        done_reply(bits, tag);
    }
}

static void tag_change(struct tag *tag, const struct command *command, struct bitbuf *bits)
{
    static const uint16_t zeros[BANK_WORDS];
    uint16_t word[COMMAND_WORDS_MAX];
    switch (command->id) {
    case COMMAND_WRITE:
        word[0] = (uint16_t)(command->write.cover ^ tag->cover);
        tag_store(tag, command->write.mem_bank, command->write.word_ptr, 1, word, bits);
        break;
    case COMMAND_BLOCK_WRITE:
        for (size_t i = 0; i < command->block_write.n_words; i++) {
            const uint8_t *byte = &command->block_write.data[2 * i];
            word[i] = (uint16_t)(byte[0] << 8 | byte[1]);
        }
        tag_store(tag, command->block_write.mem_bank, command->block_write.word_ptr,
                  command->block_write.n_words, word, bits);
        break;
    case COMMAND_BLOCK_ERASE:
        tag_store(tag, command->read.mem_bank, command->read.word_ptr, command->read.n_words, zeros,
                  bits);
        break;
    case COMMAND_LOCK:
        if (tag->state == TAG_SECURED) {
            tag->lock_payload = (uint32_t)command->lock.mask << 10 | command->lock.action;
            tag->n_locks++;
            done_reply(bits, tag);
        } else {
            error_reply(bits, tag, 0x02);
        }
        break;
    case COMMAND_UNTRACEABLE:
        if (tag->state == TAG_SECURED) {
            unsigned pc = tag->word[BANK_EPC][1];
            tag->word[BANK_EPC][1] =
                (uint16_t)((pc & 0x7FF) | (unsigned)(command->untraceable.epc & 31) << 11);
            tag->n_untraceable++;
            done_reply(bits, tag);
        } else {
            error_reply(bits, tag, 0x02);
        }
        break;
    default: fail_msg("command %d", (int)command->id);
    }
}

static void tag_in_process(struct tag *tag, struct bitbuf *bits)
{
    put(bits, 0x72, 7);
    if (tag->n_working > 0) {
        tag->n_working--;
        put(bits, 0, 2);
    } else {
        put(bits, 2, 2);
        put(bits, 0x604AD3BEBB36AEDBu, 64);
        put(bits, 0x64F35E7FFB8D1367u, 64);
    }
    close_reply(bits, tag);
}

static uint16_t handle_of(const struct command *command)
{
    switch (command->id) {
    case COMMAND_READ:
    case COMMAND_BLOCK_ERASE: return command->read.handle;
    case COMMAND_WRITE: return command->write.handle;
    case COMMAND_KILL:
    case COMMAND_ACCESS: return command->password.handle;
    case COMMAND_LOCK: return command->lock.handle;
    case COMMAND_BLOCK_WRITE: return command->block_write.handle;
    case COMMAND_BLOCK_PERMALOCK: return command->block_permalock.handle;
    case COMMAND_AUTHENTICATE: return command->crypto.handle;
    case COMMAND_UNTRACEABLE: return command->untraceable.handle;
    default: return 0;
    }
}

/* What the tag does with the bits on the air; bits: its answer. */
static void tag_hear(struct tag *tag, const struct bitbuf *air, struct bitbuf *bits)
{
    struct command command;
    bool crc_right = false;
    bits->n_bits = 0;
    assert_int_equal(command_decode(air->bit, air->n_bits, &command, &crc_right), ST_OK);
    assert_true(crc_right);
    const bool in_contact = tag->state == TAG_OPEN || tag->state == TAG_SECURED;
    if (command.id == COMMAND_NAK) {
        tag->state = tag->state == TAG_KILLED ? TAG_KILLED : TAG_OFF;
    } else if (command.id == COMMAND_REQ_RN && tag->state != TAG_OFF && tag->state != TAG_KILLED) {
        tag_req_rn(tag, &command, bits);
    } else if (command.id == COMMAND_ACK && in_contact && command.ack.rn == tag->handle) {
        tag->half = 0;
        tag_epc_reply(tag, bits);
    } else if (!in_contact || handle_of(&command) != tag->handle) {
        return;
    } else if (tag->half == 1 && command.id != tag->half_of) {
        tag->state = TAG_OFF; /* a broken sequence */
        tag->half = 0;
    } else if (command.id == COMMAND_KILL || command.id == COMMAND_ACCESS) {
        tag_half(tag, &command, bits);
    } else if (command.id == COMMAND_READ) {
        tag_read(tag, &command, bits);
    } else if (command.id == COMMAND_BLOCK_PERMALOCK) {
        tag_permalock(tag, &command, bits);
    } else if (command.id == COMMAND_AUTHENTICATE) {
        tag_in_process(tag, bits);
    } else {
        tag_change(tag, &command, bits);
    }
}

static void tag_power_cut(struct tag *tag)
{
    tag->state = tag->state == TAG_KILLED ? TAG_KILLED : TAG_OFF;
    tag->half = 0;
}

/* One step over the air: what the reader hears. */
static void air_carry(struct air *air, const struct access_step *step, struct bitbuf *bits,
                      struct access_event *event)
{
    struct bitbuf sent;
    const unsigned n = ++air->n_commands;
    *event = (struct access_event){.heard = ACCESS_HEARD_NOTHING};
    bool cut_before = n == air->cut_before_at, cut_after = n == air->cut_after_at;
    bool lose = n == air->lose_reply_at || (air->lose_every && n >= air->lose_reply_at);
    if (air->chance) {
        cut_before = cut_before || draw(&air->chance) % 30 == 0;
        cut_after = cut_after || draw(&air->chance) % 30 == 0;
        lose = lose || draw(&air->chance) % 6 == 0;
    }
    bits->n_bits = 0;
    if (cut_before) {
        tag_power_cut(air->tag);
        event->heard = ACCESS_HEARD_CUT;
        return;
    }
    if (step->listens_only) {
        tag_in_process(air->tag, bits);
    } else {
        assert_int_equal(command_encode(&step->command, &sent), ST_OK);
        tag_hear(air->tag, &sent, bits);
    }
    if (cut_after) {
        tag_power_cut(air->tag);
        event->heard = ACCESS_HEARD_CUT;
    } else if (step->expect == REPLY_NONE) {
        event->heard = ACCESS_HEARD_SENT;
    } else if (lose && bits->n_bits > 0) {
        bits->bit[bits->n_bits / 2] ^= n % 2; /* garbled, or not heard at all */
        event->heard = n % 2 ? ACCESS_HEARD_REPLY : ACCESS_HEARD_NOTHING;
    } else if (bits->n_bits > 0) {
        event->heard = ACCESS_HEARD_REPLY;
    }
    event->bit = bits->bit;
    event->n_bits = bits->n_bits;
}

static void reports_take(struct run *run)
{
    struct access_report report;
    while (access_next_report(run->access, &report)) {
        struct outcome_seen *seen = &run->seen[report.at];
        assert_true(report.outcome != ACCESS_PENDING);
        assert_int_equal(seen->n, 0); /* told once */
        seen->n++;
        seen->outcome = report.outcome;
        memcpy(seen->error, report.error, sizeof seen->error);
        seen->n_data_bits = report.n_data_bits;
        memcpy(seen->data, report.data ? report.data : seen->data, (report.n_data_bits + 7) / 8);
    }
}

/* The inventory meets the tag: a contact, if the reader wants one.   out false: it does not */
static bool contact(struct run *run)
{
    struct tag *tag = &run->tag;
    struct access_step step;
    struct access_event event;
    static struct bitbuf bits;
    uint8_t epc[62];
    const size_t n_words = tag->word[BANK_EPC][1] >> 11;
    for (size_t i = 0; i < n_words; i++) {
        epc[2 * i] = (uint8_t)(tag->word[BANK_EPC][2 + i] >> 8);
        epc[2 * i + 1] = (uint8_t)tag->word[BANK_EPC][2 + i];
    }
    if (!access_wants(run->access, epc, 16 * n_words)) {
        return false;
    }
    tag->state = TAG_ACKNOWLEDGED;
    tag->rn16 = tag_rn(tag);
    run->air.n_contacts++;
    access_begin(run->access, tag->rn16, &step);
    while (!step.over) {
        assert_true(run->air.n_commands < 5000);
        air_carry(&run->air, &step, &bits, &event);
        access_advance(run->access, &event, &step);
        reports_take(run);
    }
    return true;
}

static void run_begin(struct run *run, const char *const *op_text, size_t n_ops, bool with_password)
{
    memset(run, 0, sizeof *run);
    tag_make(&run->tag);
    run->air.tag = &run->tag;
    run->cfg.n_tries = 3;
    run->cfg.n_contacts_max = 5;
    run->cfg.n_tags_max = 4;
    if (with_password) {
        run->cfg.op[0].kind = ACCESS_OP_ACCESS;
        run->cfg.op[0].password = 0x12345678;
        run->cfg.n_ops = 1;
    }
    for (size_t i = 0; i < n_ops; i++) {
        enum status status = access_op_parse(op_text[i], &run->cfg.op[run->cfg.n_ops++]);
        if (status) {
            fail_msg("%s", status_detail());
        }
    }
    assert_int_equal(access_new(&run->cfg, &run->access), ST_OK);
}

/* Contacts until nothing is left to be done, or the tag does not come any more. */
static void run_through(struct run *run)
{
    enum {
        CONTACTS_MAX = 120
    }; /* a reader that goes by TIDs wants every tag: it may be another one */
    for (unsigned n = 0; n < CONTACTS_MAX && run->tag.state != TAG_KILLED; n++) {
        access_totals_read(run->access, &run->totals);
        bool complete = run->totals.n_tags > 0 && run->totals.n_complete == run->totals.n_tags;
        if (complete || !contact(run)) {
            break;
        }
    }
    access_finish(run->access);
    reports_take(run);
    access_totals_read(run->access, &run->totals);
    access_free(&run->access);
    for (size_t i = 0; i < run->cfg.n_ops && run->totals.n_tags > 0; i++) {
        assert_int_equal(run->seen[i].n, 1);
    }
}

static void run_text(struct run *run, const char *text, bool with_password)
{
    run_begin(run, &text, 1, with_password);
    run_through(run);
}

/* Does the tag hold what the operation was to bring about? */
static bool tag_holds(const struct run *run, const struct access_op *op)
{
    const struct tag *tag = &run->tag;
    switch (op->kind) {
    case ACCESS_OP_WRITE:
    case ACCESS_OP_BLOCK_WRITE:
        return memcmp(&tag->word[op->bank][op->pointer], op->word, 2u * op->n_words) == 0;
    case ACCESS_OP_BLOCK_ERASE:
        for (size_t i = 0; i < op->n_words; i++) {
            if (tag->word[op->bank][op->pointer + i]) {
                return false;
            }
        }
        return true;
    case ACCESS_OP_LOCK:
        return tag->lock_payload == ((uint32_t)op->lock_mask << 10 | op->lock_action);
    case ACCESS_OP_KILL: return tag->state == TAG_KILLED;
    case ACCESS_OP_PERMALOCK: return (tag->permalock & op->word[0]) == op->word[0];
    case ACCESS_OP_UNTRACEABLE: return tag->n_untraceable > 0;
    default: return true;
    }
}

/* The whole of it: yes means yes, no means no. Words of a failed Write may be there in part. */
static void check_agrees(const struct run *run)
{
    for (size_t i = 0; i < run->cfg.n_ops && run->totals.n_tags > 0; i++) {
        const struct access_op *op = &run->cfg.op[i];
        const bool holds = tag_holds(run, op);
        if (run->seen[i].outcome == ACCESS_OK && !holds) {
            fail_msg("operation %zu is told as done, and is not", i);
        }
        const bool changes = op->kind != ACCESS_OP_READ && op->kind != ACCESS_OP_TID &&
                             op->kind != ACCESS_OP_ACCESS && op->kind != ACCESS_OP_AUTHENTICATE &&
                             op->kind != ACCESS_OP_PERMALOCK_READ;
        if (run->seen[i].outcome == ACCESS_FAILED && changes && holds) {
            fail_msg("operation %zu is told as not done, and is: %s", i, run->seen[i].error);
        }
    }
}

static const char *const everything[] = {
    "tid",
    "read user 0 40",
    "read user 28 end",
    "write user 2 CAFEBABE0102",
    "write epc 2 E280AAAABBBBCCCCDDDDEEEE",
    "blockwrite user 8 0123456789ABCDEF",
    "blockerase user 14 3",
    "permalock-read 0 1",
    "permalock 0 8001",
    "authenticate 0 00000102030405060708090A 128",
    "untraceable epc=5",
    "lock epc=lock access=permalock",
    "kill DEADC0DE",
};
enum { EVERYTHING = sizeof everything / sizeof *everything, OP_TOO_FAR = 2, OP_KILL = EVERYTHING };

/* Words that were written once only, whatever was lost. */
static void check_written_once(const struct tag *tag)
{
    for (size_t bank = 0; bank < BANK_N; bank++) {
        for (size_t i = 0; i < BANK_WORDS; i++) {
            assert_true(tag->n_writes[bank][i] <= 1);
        }
    }
    assert_true(tag->n_kills <= 1);
}

/* All operations but the one that asks for words that are not there, one after the other. */
static void everything_begin(struct run *run)
{
    run_begin(run, everything, EVERYTHING, true);
    access_free(&run->access);
    run->cfg.keeps_going = true;
    assert_int_equal(access_new(&run->cfg, &run->access), ST_OK);
}

static void access_does_everything_in_one_contact(void **state)
{
    (void)state;
    static struct run run;
    everything_begin(&run);
    run.tag.n_working = 3;
    run_through(&run);
    assert_int_equal(run.air.n_contacts, 1);
    for (size_t i = 0; i < run.cfg.n_ops; i++) {
        enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
        if (run.seen[i].outcome != wanted) {
            fail_msg("operation %zu: %s", i, run.seen[i].error);
        }
    }
    assert_non_null(strstr(run.seen[OP_TOO_FAR].error, "memory overrun"));
    check_agrees(&run);
    check_written_once(&run.tag);
    assert_int_equal(run.tag.n_locks, 2);
    assert_int_equal(run.seen[1].n_data_bits, 96); /* TID */
    assert_memory_equal(run.seen[1].data, "\xE2\x80\x11\x60\x20\x00\x7A\xBC\x12\x34\x56\x78", 12);
    assert_int_equal(run.seen[3].n_data_bits, 64); /* words 28 .. 31 */
    assert_memory_equal(run.seen[3].data, "\xA0\x1C\xA0\x1D\xA0\x1E\xA0\x1F", 8);
    assert_int_equal(run.seen[10].n_data_bits, 128);
    assert_memory_equal(run.seen[10].data, "\x60\x4A\xD3\xBE", 4);
}

static unsigned commands_of_everything(void)
{
    static struct run run;
    everything_begin(&run);
    run_through(&run);
    return run.air.n_commands;
}

static void access_survives_every_lost_reply(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    assert_true(n_steps > 40);
    for (unsigned k = 1; k <= n_steps; k++) {
        everything_begin(&run);
        run.air.lose_reply_at = k;
        run_through(&run);
        check_agrees(&run);
        check_written_once(&run.tag);
        assert_int_equal(run.tag.state, TAG_KILLED);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
            wanted = i == OP_KILL && k == n_steps ? ACCESS_UNKNOWN : wanted;
            if (run.seen[i].outcome != wanted) {
                fail_msg("reply %u lost, operation %zu: %s", k, i, run.seen[i].error);
            }
        }
    }
}

static void access_survives_every_power_cut(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    for (unsigned k = 1; k <= 2 * n_steps; k++) {
        everything_begin(&run);
        run.air.cut_before_at = k <= n_steps ? k : 0;
        run.air.cut_after_at = k <= n_steps ? 0 : k - n_steps;
        run_through(&run);
        check_agrees(&run);
        check_written_once(&run.tag);
        assert_int_equal(run.tag.state, TAG_KILLED);
        assert_int_equal(run.totals.n_tags, 1); /* taken for the same tag, whatever its EPC is */
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            enum access_outcome wanted = i == OP_TOO_FAR ? ACCESS_FAILED : ACCESS_OK;
            wanted = i == OP_KILL && k == 2 * n_steps ? ACCESS_UNKNOWN : wanted;
            if (run.seen[i].outcome != wanted) {
                fail_msg("cut %u of 2 x %u, operation %zu: %s", k, n_steps, i, run.seen[i].error);
            }
        }
    }
}

/* From some step on no reply comes any more: what is told is true all the same. */
static void access_of_a_tag_that_falls_silent(void **state)
{
    (void)state;
    static struct run run;
    const unsigned n_steps = commands_of_everything();
    unsigned n_unknown = 0;
    for (unsigned k = 1; k <= n_steps; k++) {
        everything_begin(&run);
        run.air.lose_reply_at = k;
        run.air.lose_every = 1;
        run_through(&run);
        check_agrees(&run);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            n_unknown += run.seen[i].outcome == ACCESS_UNKNOWN;
        }
    }
    assert_true(n_unknown > 10);
    assert_true(n_unknown < n_steps);
}

static void access_agrees_with_the_tag_at_random(void **state)
{
    (void)state;
    static struct run run;
    unsigned n_ok = 0, n_all = 0;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        everything_begin(&run);
        run.air.chance = seed * 2654435761u | 1;
        run_through(&run);
        check_agrees(&run);
        for (size_t i = 0; i < run.cfg.n_ops; i++) {
            n_ok += run.seen[i].outcome == ACCESS_OK;
            n_all++;
        }
    }
    assert_true(n_ok > n_all / 2);
}

static void access_wrong_password_stops_everything(void **state)
{
    (void)state;
    static struct run run;
    static const char *const ops[] = {"read user 0 1", "write user 0 1111"};
    for (unsigned half = 0; half < 2; half++) {
        run_begin(&run, ops, 2, true);
        run.tag.word[BANK_RESERVED][2 + half] ^= 1;
        run_through(&run);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "password"));
        assert_int_equal(run.seen[1].outcome, ACCESS_FAILED);
        assert_int_equal(run.seen[2].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[2].error, "not done"));
        assert_int_equal(run.tag.n_writes[BANK_USER][0], 0);
        assert_int_equal(run.air.n_contacts, 3);
    }
}

static void access_wrong_kill_password_kills_nobody(void **state)
{
    (void)state;
    static struct run run;
    static const char *const wrong[] = {"kill DEADC0DF", "kill DEACC0DE"};
    for (size_t i = 0; i < 2; i++) {
        run_text(&run, wrong[i], false);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "password"));
        assert_int_equal(run.tag.state == TAG_KILLED, false);
    }
}

static void access_locked_memory_is_told(void **state)
{
    (void)state;
    static struct run run;
    run_text(&run, "write tid 1 BEEF", false);
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_string_equal(run.seen[0].error, "memory locked (0 of 1 words are written)");
    run_text(&run, "write user 31 BEEFCAFE", false); /* the second word does not exist */
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_non_null(strstr(run.seen[0].error, "memory overrun"));
    assert_non_null(strstr(run.seen[0].error, "(1 of 2 words are written)"));
    assert_int_equal(run.tag.word[BANK_USER][31], 0xBEEF);
    run_text(&run, "lock epc=lock", false); /* open, not secured */
    assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
    assert_string_equal(run.seen[0].error, "insufficient privileges");
    run_text(&run, "read reserved 0 4", false);
    assert_int_equal(run.seen[0].outcome, ACCESS_OK);
}

/* Passwords that may be written but not read: the tag's own yes is all there is. */
static void access_unreadable_words_are_written_unverified(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "write reserved 2 11112222";
    for (unsigned lose = 0; lose < 8; lose++) {
        run_begin(&run, &text, 1, true);
        run.tag.passwords_hidden = true;
        run.air.lose_reply_at = lose;
        run_through(&run);
        assert_int_equal(run.seen[1].outcome, ACCESS_OK);
        assert_non_null(strstr(run.seen[1].error, "not verified"));
        check_agrees(&run);
    }
}

/* A tag that says yes and keeps something else. */
static void access_worn_memory_is_told(void **state)
{
    (void)state;
    static struct run run;
    static const char *const ops[] = {"write user 0 FFFF1234", "blockwrite user 0 FFFF1234"};
    for (size_t i = 0; i < 2; i++) {
        run_begin(&run, &ops[i], 1, false);
        run.tag.stuck = 0x0100;
        run_through(&run);
        assert_int_equal(run.seen[0].outcome, ACCESS_FAILED);
        assert_non_null(strstr(run.seen[0].error, "reads back otherwise"));
        assert_int_equal(run.seen[0].n_data_bits, 32);
        assert_memory_equal(run.seen[0].data, "\xFE\xFF\x12\x34", 4);
        assert_in_range(run.tag.n_writes[BANK_USER][0], 2, 3);
    }
}

static void access_tags_are_chosen_by_masks(void **state)
{
    (void)state;
    static const struct {
        struct access_mask epc, tid;
        bool is_chosen;
    } cases[] = {
        {{32, 16, {0x30, 0x34}}, {0, 0, {0}}, true},
        {{32, 16, {0x30, 0x35}}, {0, 0, {0}}, false},
        {{112, 32, {0x44, 0x44, 0, 0}}, {0, 0, {0}}, false}, /* beyond the EPC's end */
        {{0, 0, {0}}, {8, 24, {0x80, 0x11, 0x60}}, true},
        {{0, 0, {0}}, {8, 24, {0x80, 0x11, 0x61}}, false},
        {{0, 0, {0}}, {90, 16, {0}}, false}, /* beyond the TID's end */
    };
    static struct run run;
    const char *text = "write user 0 1234";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run_begin(&run, &text, 1, true);
        access_free(&run.access);
        run.cfg.epc = cases[i].epc;
        run.cfg.tid = cases[i].tid;
        assert_int_equal(access_new(&run.cfg, &run.access), ST_OK);
        for (unsigned k = 0; k < 3; k++) {
            contact(&run);
        }
        run_through(&run);
        assert_int_equal(run.totals.n_tags, cases[i].is_chosen);
        assert_int_equal(run.tag.n_writes[BANK_USER][0], cases[i].is_chosen);
    }
}

/* Two tags that swap EPCs are kept apart by their TIDs. */
static void access_tags_with_one_epc_are_kept_apart(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "write epc 7 9999";
    run_begin(&run, &text, 1, true);
    assert_true(contact(&run));
    struct tag first = run.tag;
    tag_make(&run.tag);
    run.tag.word[BANK_TID][5] ^= 1;
    run.tag.word[BANK_EPC][7] = 0x9999; /* as the first one is called by now */
    memset(run.seen, 0, sizeof run.seen);
    contact(&run);
    assert_int_equal(run.tag.n_writes[BANK_EPC][7], 1);
    struct access_totals totals;
    access_totals_read(run.access, &totals);
    assert_int_equal(totals.n_tags, 2);
    assert_int_equal(totals.n_complete, 2);
    run.tag = first; /* the first one again: nothing is done anew */
    contact(&run);
    assert_int_equal(run.tag.n_writes[BANK_EPC][7], 1);
    access_free(&run.access);
}

static void access_late_handle_is_taken_up_again(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "read user 0 2";
    struct access_step step;
    static const uint8_t epc[] = {0x30, 0x34, 0x11, 0x11, 0x22, 0x22,
                                  0x33, 0x33, 0x44, 0x44, 0x55, 0x55};
    run_begin(&run, &text, 1, false);
    assert_true(access_wants(run.access, epc, 96));
    access_begin(run.access, 0x1234, &step);
    assert_true(step.in_t2);
    struct access_event late = {.heard = ACCESS_HEARD_LATE};
    access_advance(run.access, &late, &step);
    assert_true(step.over);
    run_through(&run);
    assert_int_equal(run.seen[0].outcome, ACCESS_OK);
    assert_int_equal(run.totals.n_tags, 1);
}

static void access_tags_beyond_the_room_are_counted(void **state)
{
    (void)state;
    static struct run run;
    const char *text = "read user 0 2";
    struct access_totals totals;
    uint8_t epc[12] = {0};
    run_begin(&run, &text, 1, false);
    for (unsigned i = 0; i < 6; i++) {
        epc[11] = (uint8_t)i;
        assert_int_equal(access_wants(run.access, epc, 96), i < 4);
    }
    access_totals_read(run.access, &totals);
    assert_int_equal(totals.n_tags, 4);
    assert_int_equal(totals.n_turned_away, 2);
    access_free(&run.access);
}

static void access_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct access *access = NULL;
    static struct access_cfg cfg = {.n_tries = 1, .n_contacts_max = 1, .n_tags_max = 1};
    assert_int_equal(access_new(&cfg, &access), ST_RANGE);
    cfg.n_ops = 2;
    assert_int_equal(access_op_parse("kill 12345678", &cfg.op[0]), ST_OK);
    assert_int_equal(access_op_parse("tid", &cfg.op[1]), ST_OK);
    assert_int_equal(access_new(&cfg, &access), ST_RANGE);
    assert_non_null(strstr(status_detail(), "kill"));
    assert_null(access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_does_everything_in_one_contact),
        cmocka_unit_test(access_survives_every_lost_reply),
        cmocka_unit_test(access_survives_every_power_cut),
        cmocka_unit_test(access_of_a_tag_that_falls_silent),
        cmocka_unit_test(access_agrees_with_the_tag_at_random),
        cmocka_unit_test(access_wrong_password_stops_everything),
        cmocka_unit_test(access_wrong_kill_password_kills_nobody),
        cmocka_unit_test(access_locked_memory_is_told),
        cmocka_unit_test(access_unreadable_words_are_written_unverified),
        cmocka_unit_test(access_worn_memory_is_told),
        cmocka_unit_test(access_tags_are_chosen_by_masks),
        cmocka_unit_test(access_tags_with_one_epc_are_kept_apart),
        cmocka_unit_test(access_late_handle_is_taken_up_again),
        cmocka_unit_test(access_tags_beyond_the_room_are_counted),
        cmocka_unit_test(access_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
