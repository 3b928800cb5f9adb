/* tag_access.c - one function and one row a command. */
#include "radio/air/tag_access.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_code.h"
#include "radio/air/tag_security.h"

static void forget_sequence(struct tag *tag)
{
    tag->sequence = TAG_SEQUENCE_NONE;
    tag->has_cover = false;
}

void tag_access_disturb(struct tag *tag)
{
    if (tag->sequence != TAG_SEQUENCE_NONE) {
        tag->state = TAG_ARBITRATE;
        forget_sequence(tag);
    }
}

static uint16_t draw_rn16(struct tag *tag)
{
    return (uint16_t)(noise_mix(&tag->random) >> 48);
}

/* value | CRC-16: the handle, or a new RN16 */
static struct tag_answer answer_rn(struct tag *tag, uint16_t value)
{
    uint8_t *bits = tag->reply.code.bits;
    tag_bits_put(bits, 0, value, 16);
    tag_bits_put(bits, 16, tag_crc16(bits, 16), 16);
    return (struct tag_answer){TAG_ANSWER_IMMEDIATE, 32};
}

static struct tag_answer give_handle(struct tag *tag, const struct tag_command *command)
{
    if (command->rn != tag->rn16) {
        return tag_no_answer;
    }
    tag->handle = draw_rn16(tag);
    tag->state = tag_memory_access_password(&tag->store->memory) == 0 ? TAG_SECURED : TAG_OPEN;
    forget_sequence(tag);
    return answer_rn(tag, tag->handle);
}

/* ---- what a reader reads ---- */

static struct tag_answer on_req_rn(struct tag *tag, const struct tag_world *world,
                                   const struct tag_command *command)
{
    (void)world;
    (void)command;
    tag->cover = draw_rn16(tag);
    tag->has_cover = true;
    return answer_rn(tag, tag->cover);
}

static struct tag_answer on_read(struct tag *tag, const struct tag_world *world,
                                 const struct tag_command *command)
{
    (void)world;
    enum tag_bank bank = (enum tag_bank)command->bank;
    unsigned n_words;
    tag->store->memory.holds_response = tag_security_holds_response(tag, tag->command_end_tick);
    enum tag_fault fault = tag_memory_may_read(&tag->store->memory, tag_view_of(tag), bank,
                                               command->pointer, command->count, &n_words);
    if (fault != TAG_FAULT_NONE) {
        return tag_answer_fault(tag, TAG_ANSWER_IMMEDIATE, fault);
    }
    uint8_t *bits = tag->reply.code.bits;
    tag_bits_put(bits, 0, 0, 1);
    for (unsigned i = 0; i < n_words; i++) {
        tag_bits_put(bits, 1 + 16 * (size_t)i,
                     tag_memory_word(&tag->store->memory, bank, command->pointer + i), 16);
    }
    return (struct tag_answer){TAG_ANSWER_IMMEDIATE, tag_answer_close(tag, 1 + 16 * n_words)};
}

static struct tag_answer on_read_buffer(struct tag *tag, const struct tag_world *world,
                                        const struct tag_command *command)
{
    (void)world;
    return tag_security_read_buffer(tag, command);
}

/* ---- what changes memory: allowed at once or not at all, then it takes its time ---- */

static struct tag_answer begin_work(struct tag *tag, const struct tag_world *world,
                                    enum tag_work_kind kind, unsigned n_units)
{
    struct tag_work *work = &tag->store->work;
    require(!tag->is_working);
    if (tag->lacks_write_power) {
        return tag_answer_fault(tag, TAG_ANSWER_DELAYED, TAG_FAULT_POWER);
    }
    tag->is_working = true;
    work->kind = kind;
    work->n_units = n_units;
    work->start_tick = tag->command_end_tick;
    work->end_tick = work->start_tick + world->write_us * world->ticks_per_us;
    work->hold_ratio = noise_uniform(&tag->random);
    return tag_answer_done(tag, TAG_ANSWER_DELAYED);
}

static struct tag_answer write_words(struct tag *tag, const struct tag_world *world,
                                     const struct tag_command *command, unsigned n_words,
                                     bool erases)
{
    struct tag_work *work = &tag->store->work;
    enum tag_bank bank = (enum tag_bank)command->bank;
    enum tag_fault fault =
        n_words > world->block_words
            ? TAG_FAULT_NOT_SUPPORTED
            : tag_memory_may_write(&tag->store->memory, tag_view_of(tag), bank, command->pointer,
                                   n_words, erases ? NULL : work->data);
    if (fault != TAG_FAULT_NONE) {
        return tag_answer_fault(tag, TAG_ANSWER_DELAYED, fault);
    }
    work->bank = bank;
    work->first = command->pointer;
    return begin_work(tag, world, erases ? TAG_WORK_ERASE : TAG_WORK_WRITE, n_words);
}

/* Without a Req_RN just before it there is nothing to uncover the word with: ignored [M]. */
static struct tag_answer on_write(struct tag *tag, const struct tag_world *world,
                                  const struct tag_command *command)
{
    if (!tag->has_cover) {
        return tag_no_answer;
    }
    tag_bits_put(tag->store->work.data, 0, command->value ^ tag->cover, 16);
    return write_words(tag, world, command, 1, false);
}

static void take_data(struct tag *tag, const struct tag_command *command, unsigned n_words)
{
    require(n_words <= TAG_USER_WORDS_MAX);
    for (unsigned i = 0; i < n_words; i++) {
        size_t at = 16 * (size_t)i;
        tag_bits_put(tag->store->work.data, at,
                     tag_bits(tag_pie_bits(&tag->pie), command->data_first + at, 16), 16);
    }
}

static struct tag_answer on_block_write(struct tag *tag, const struct tag_world *world,
                                        const struct tag_command *command)
{
    if (command->count == 0) {
        return tag_no_answer;
    }
    take_data(tag, command, command->count);
    return write_words(tag, world, command, command->count, false);
}

static struct tag_answer on_block_erase(struct tag *tag, const struct tag_world *world,
                                        const struct tag_command *command)
{
    return command->count == 0 ? tag_no_answer
                               : write_words(tag, world, command, command->count, true);
}

static struct tag_answer on_lock(struct tag *tag, const struct tag_world *world,
                                 const struct tag_command *command)
{
    enum tag_fault fault =
        tag_memory_may_lock(&tag->store->memory, command->mask, command->lock_action);
    if (fault != TAG_FAULT_NONE) {
        return tag_answer_fault(tag, TAG_ANSWER_DELAYED, fault);
    }
    tag->store->work.lock_mask = command->mask;
    tag->store->work.lock_action = command->lock_action;
    return begin_work(tag, world, TAG_WORK_LOCK, 1);
}

static struct tag_answer on_block_permalock(struct tag *tag, const struct tag_world *world,
                                            const struct tag_command *command)
{
    uint8_t *bits = tag->reply.code.bits;
    struct tag_memory *memory = &tag->store->memory;
    enum tag_answer_kind kind = command->is_lock ? TAG_ANSWER_DELAYED : TAG_ANSWER_IMMEDIATE;
    if (command->bank != TAG_BANK_USER) {
        return tag_answer_fault(tag, kind, TAG_FAULT_NOT_SUPPORTED);
    }
    if (command->is_lock) {
        take_data(tag, command, command->count);
    }
    enum tag_fault fault = tag_memory_may_permalock(
        memory, command->pointer, command->count, command->is_lock ? tag->store->work.data : NULL);
    if (fault != TAG_FAULT_NONE) {
        return tag_answer_fault(tag, kind, fault);
    }
    if (command->is_lock) {
        tag->store->work.first = command->pointer;
        return begin_work(tag, world, TAG_WORK_PERMALOCK, command->count);
    }
    tag_bits_put(bits, 0, 0, 1);
    for (unsigned i = 0; i < command->count; i++) {
        tag_bits_put(bits, 1 + 16 * (size_t)i, tag_memory_permalocks(memory, command->pointer + i),
                     16);
    }
    return (struct tag_answer){kind, tag_answer_close(tag, 1 + 16 * command->count)};
}

/* Values that are RFU make it an invalid command. A tag without XPC_W1 has nowhere to show U and
 * does the rest [M]. */
static struct tag_answer on_untraceable(struct tag *tag, const struct tag_world *world,
                                        const struct tag_command *command)
{
    if (command->hide_tid > 2 || command->hide_range > 2) {
        return tag_no_answer;
    }
    if (!tag_view_of(tag).sees_hidden) {
        return tag_answer_fault(tag, TAG_ANSWER_DELAYED, TAG_FAULT_PRIVILEGES);
    }
    struct tag_hiding *hiding = &tag->store->work.hiding;
    *hiding = (struct tag_hiding){.untraceable = command->hide_u,
                                  .epc_hides = command->hide_epc >> 5 & 1u,
                                  .n_epc_words = command->hide_epc & 31u,
                                  .tid = command->hide_tid,
                                  .user = command->hide_user,
                                  .range = command->hide_range};
    enum tag_fault fault = tag_memory_may_hide(&tag->store->memory, hiding);
    return fault == TAG_FAULT_NONE ? begin_work(tag, world, TAG_WORK_HIDE, 1)
                                   : tag_answer_fault(tag, TAG_ANSWER_DELAYED, fault);
}

/* ---- passwords: two halves, each covered with an RN16 of its own ---- */

static bool is_locked_out(const struct tag *tag)
{
    return tag->command_end_tick < tag->lockout_end_tick;
}

static struct tag_answer refuse_password(struct tag *tag, const struct tag_world *world)
{
    tag->lockout_end_tick =
        tag->command_end_tick + 1e3 * world->security_timeout_ms * world->ticks_per_us;
    tag->state = TAG_ARBITRATE;
    return tag_no_answer;
}

/* Take a half.  out  true: it was the second, *password is what both say; false: *answer tells */
static bool take_half(struct tag *tag, const struct tag_command *command,
                      enum tag_sequence sequence, uint32_t *password, struct tag_answer *answer)
{
    uint16_t half = (uint16_t)(command->value ^ tag->cover);
    *answer = tag_no_answer;
    if (!tag->has_cover) {
        return false; /* as a Write without its RN16 */
    }
    if (is_locked_out(tag)) {
        *answer = tag_answer_fault(tag, TAG_ANSWER_IMMEDIATE, TAG_FAULT_TIMEOUT);
        return false;
    }
    if (tag->sequence == sequence) {
        *password = (uint32_t)tag->first_half << 16 | half;
        forget_sequence(tag);
        return true;
    }
    tag->sequence = sequence;
    tag->first_half = half;
    *answer = answer_rn(tag, tag->handle);
    return false;
}

static struct tag_answer on_access(struct tag *tag, const struct tag_world *world,
                                   const struct tag_command *command)
{
    struct tag_answer answer;
    uint32_t password;
    if (!take_half(tag, command, TAG_SEQUENCE_ACCESS, &password, &answer)) {
        return answer;
    }
    if (password != tag_memory_access_password(&tag->store->memory)) {
        return refuse_password(tag, world);
    }
    tag->state = TAG_SECURED;
    return answer_rn(tag, tag->handle);
}

/* A tag whose kill password is zero says so at the end of the sequence and stays. */
static struct tag_answer on_kill(struct tag *tag, const struct tag_world *world,
                                 const struct tag_command *command)
{
    struct tag_answer answer;
    uint32_t password;
    uint32_t kill_password = tag_memory_kill_password(&tag->store->memory);
    if (!take_half(tag, command, TAG_SEQUENCE_KILL, &password, &answer)) {
        return answer;
    }
    if (kill_password == 0) {
        return tag_answer_fault(tag, TAG_ANSWER_DELAYED, TAG_FAULT_OTHER);
    }
    if (password != kill_password) {
        return refuse_password(tag, world);
    }
    return begin_work(tag, world, TAG_WORK_KILL, 1);
}

static struct tag_answer on_authenticate(struct tag *tag, const struct tag_world *world,
                                         const struct tag_command *command)
{
    return is_locked_out(tag) ? tag_security_refuse(tag, command, TAG_FAULT_TIMEOUT)
                              : tag_security_authenticate(tag, world, command);
}

/* ---- Annex B ---- */

struct access_row {
    struct tag_answer (*step)(struct tag *tag, const struct tag_world *world,
                              const struct tag_command *command);
    bool secured_only; /* in open: error 02h, as version 2 has it [M] */
    enum tag_sequence sequence;
};

static const struct access_row access_rows[TAG_N_COMMANDS] = {
    [TAG_COMMAND_REQ_RN] = {on_req_rn, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_READ] = {on_read, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_WRITE] = {on_write, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_KILL] = {on_kill, false, TAG_SEQUENCE_KILL},
    [TAG_COMMAND_LOCK] = {on_lock, true, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_ACCESS] = {on_access, false, TAG_SEQUENCE_ACCESS},
    [TAG_COMMAND_BLOCK_WRITE] = {on_block_write, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_BLOCK_ERASE] = {on_block_erase, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_BLOCK_PERMALOCK] = {on_block_permalock, true, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_READ_BUFFER] = {on_read_buffer, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_AUTHENTICATE] = {on_authenticate, false, TAG_SEQUENCE_NONE},
    [TAG_COMMAND_UNTRACEABLE] = {on_untraceable, true, TAG_SEQUENCE_NONE},
};

/* Between the halves only Req_RN is allowed, after it only the second half. */
static bool breaks_sequence(const struct tag *tag, const struct tag_command *command)
{
    bool is_second = access_rows[command->kind].sequence == tag->sequence && tag->has_cover;
    return tag->sequence != TAG_SEQUENCE_NONE && command->kind != TAG_COMMAND_REQ_RN && !is_second;
}

static struct tag_answer step_open(struct tag *tag, const struct tag_world *world,
                                   const struct tag_command *command)
{
    const struct access_row *row = &access_rows[command->kind];
    if (command->rn != tag->handle) {
        return tag_no_answer; /* for another tag */
    }
    bool is_read = command->kind == TAG_COMMAND_BLOCK_PERMALOCK && !command->is_lock;
    tag->n_access_heard++;
    if (breaks_sequence(tag, command)) {
        tag_access_disturb(tag);
        return tag_no_answer;
    }
    struct tag_answer answer =
        row->secured_only && tag->state != TAG_SECURED
            ? tag_answer_fault(tag, is_read ? TAG_ANSWER_IMMEDIATE : TAG_ANSWER_DELAYED,
                               TAG_FAULT_PRIVILEGES)
            : row->step(tag, world, command);
    tag->has_cover = tag->has_cover && command->kind == TAG_COMMAND_REQ_RN;
    return answer;
}

struct tag_answer tag_access_step(struct tag *tag, const struct tag_world *world,
                                  const struct tag_command *command)
{
    require(access_rows[command->kind].step);
    switch (tag->state) {
    case TAG_READY:
    case TAG_ARBITRATE:
    case TAG_KILLED: return tag_no_answer;
    case TAG_ACKNOWLEDGED:
        if (command->kind == TAG_COMMAND_REQ_RN) {
            return give_handle(tag, command);
        }
        tag->state = TAG_ARBITRATE;
        return tag_no_answer;
    case TAG_REPLY: tag->state = TAG_ARBITRATE; return tag_no_answer;
    case TAG_OPEN:
    case TAG_SECURED: return step_open(tag, world, command);
    }
    return tag_no_answer;
}
