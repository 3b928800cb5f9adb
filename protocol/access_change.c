/* access_change.c - the steps that change a tag, and those that look whether they did. */
#include <string.h>

#include "config/require.h"
#include "protocol/access_parts.h"

enum {
    WORKING_MAX = 250, /* in-process replies that say: not yet; 5 s of them */
    ERROR_NO_POWER = 0x0B,
    RANGE_TOGGLE = 1,
};

/* What was put into the step changes the tag, which answers once it has done so. */
static void change_expect(struct access *access, struct access_step *step)
{
    access_change_begins(access);
    access_expect(access, step, REPLY_DELAYED, 0);
}

/* ---- write, word by word ---- */

void access_write_go_on(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    const struct access_progress *progress = access_progress_of(access);
    if (progress->n_done == op->n_words) {
        access_range_begin(access, op);
        access_enter(access, PHASE_VERIFY, step);
    } else {
        access_enter(access, progress->is_doubtful ? PHASE_CHECK : PHASE_COVER, step);
    }
}

void access_write_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    const uint16_t n_done = access_progress_of(access)->n_done;
    struct command *command = access_command(step, COMMAND_WRITE);
    require(n_done < op->n_words);
    command->write.mem_bank = op->bank;
    command->write.word_ptr = op->pointer + n_done;
    command->write.cover = command_cover(op->word[n_done], access->cover);
    command->write.handle = access->handle;
    change_expect(access, step);
}

void access_write_word_done(struct access *access, struct access_step *step)
{
    access_progress_of(access)->n_done++;
    access_change_settled(access);
    access_progressed(access);
    access_write_go_on(access, step);
}

void access_write_error(struct access *access, struct access_step *step)
{
    access_change_settled(access);
    if (access->reply.error == ERROR_NO_POWER && !access_has_tried(access)) {
        access_enter(access, PHASE_COVER, step);
    } else {
        access_end_with_error(access, step);
    }
}

void access_write_lost(struct access *access, struct access_step *step)
{
    access_enter(access, PHASE_CHECK, step);
}

void access_check_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    access_read_send(access, step, op->bank, op->pointer + access_progress_of(access)->n_done, 1);
}

void access_check_done(struct access *access, struct access_step *step)
{
    const unsigned word = (unsigned)(access->reply.data[0] << 8 | access->reply.data[1]);
    if (word == access_op_of(access)->word[access_progress_of(access)->n_done]) {
        access_write_word_done(access, step);
        return;
    }
    access_change_settled(access);
    if (access_has_tried(access)) {
        access_end(access, ACCESS_FAILED, WHY_SILENT, step);
    } else {
        access_enter(access, PHASE_COVER, step);
    }
}

/* It cannot be read: only an answer to the Write itself tells. The same word may be written again. */
void access_check_error(struct access *access, struct access_step *step)
{
    if (access_has_tried(access)) {
        access_progress_of(access)->error = access->reply.error;
        access_end(access, ACCESS_UNKNOWN, WHY_SILENT, step);
    } else {
        access_enter(access, PHASE_COVER, step);
    }
}

/* ---- block write, block erase ---- */

void access_block_begin(struct access *access, struct access_step *step)
{
    const struct access_progress *progress = access_progress_of(access);
    if (progress->is_doubtful || progress->n_done > 0) {
        access_range_begin(access, access_op_of(access));
        access_enter(access, PHASE_VERIFY, step);
    } else {
        access_enter(access, PHASE_BLOCK, step);
    }
}

void access_block_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    const bool erases = op->kind == ACCESS_OP_BLOCK_ERASE;
    struct command *command =
        access_command(step, erases ? COMMAND_BLOCK_ERASE : COMMAND_BLOCK_WRITE);
    if (erases) {
        command->read.mem_bank = op->bank;
        command->read.word_ptr = op->pointer;
        command->read.n_words = (uint8_t)op->n_words;
        command->read.handle = access->handle;
    } else {
        command->block_write.mem_bank = op->bank;
        command->block_write.word_ptr = op->pointer;
        command->block_write.n_words = (uint8_t)op->n_words;
        command->block_write.handle = access->handle;
        for (size_t i = 0; i < op->n_words; i++) {
            command->block_write.data[2 * i] = (uint8_t)(op->word[i] >> 8);
            command->block_write.data[2 * i + 1] = (uint8_t)op->word[i];
        }
    }
    change_expect(access, step);
}

void access_block_done(struct access *access, struct access_step *step)
{
    access_change_settled(access);
    access_progress_of(access)->n_done = access_op_of(access)->n_words;
    access_range_begin(access, access_op_of(access));
    access_enter(access, PHASE_VERIFY, step);
}

void access_block_error(struct access *access, struct access_step *step)
{
    if (access->reply.error == ERROR_NO_POWER && !access_has_tried(access)) {
        access_change_settled(access);
        access_enter(access, PHASE_BLOCK, step);
    } else {
        access_end_with_error(access, step);
    }
}

void access_block_lost(struct access *access, struct access_step *step)
{
    access_range_begin(access, access_op_of(access));
    access_enter(access, PHASE_VERIFY, step);
}

/* ---- reading back ---- */

/*   out the first word that reads otherwise; n_words: none */
static size_t verify_first_wrong(const struct access *access)
{
    const struct access_op *op = access_op_of(access);
    size_t i = 0;
    while (i < op->n_words &&
           access_word(access, i) == (op->kind == ACCESS_OP_BLOCK_ERASE ? 0u : op->word[i])) {
        i++;
    }
    return i;
}

void access_verify_done(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    struct access_progress *progress = access_progress_of(access);
    if (!access_range_take(access)) {
        access_range_send(access, step);
        return;
    }
    const size_t wrong = verify_first_wrong(access);
    if (wrong == op->n_words) {
        progress->n_done = op->n_words;
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
        return;
    }
    access_change_settled(access);
    if (++progress->n_mismatches >= access->cfg.n_tries) {
        access_end(access, ACCESS_FAILED, WHY_MISMATCH, step);
    } else if (op->kind == ACCESS_OP_WRITE) { /* what follows is looked at before it is written */
        progress->n_done = (uint16_t)wrong;
        progress->is_doubtful = true;
        access_enter(access, PHASE_CHECK, step);
    } else {
        progress->n_done = 0;
        access_enter(access, PHASE_BLOCK, step);
    }
}

void access_verify_error(struct access *access, struct access_step *step)
{
    if (!access_progress_of(access)->is_doubtful) {
        access->n_data_bits = 0;
        access_end(access, ACCESS_OK, WHY_UNVERIFIED, step);
    } else if (access_has_tried(access)) {
        access_end(access, ACCESS_UNKNOWN, WHY_SILENT, step);
    } else {
        access_enter(access, PHASE_BLOCK, step);
    }
}

/* ---- lock, untraceable: the same again does no harm ---- */

void access_lock_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    struct command *command = access_command(step, COMMAND_LOCK);
    command->lock.mask = op->lock_mask;
    command->lock.action = op->lock_action;
    command->lock.handle = access->handle;
    change_expect(access, step);
}

void access_change_done(struct access *access, struct access_step *step)
{
    access_end(access, ACCESS_OK, WHY_NOTHING, step);
}

void access_untraceable_begin(struct access *access, struct access_step *step)
{
    const bool repeats = access_op_of(access)->range != RANGE_TOGGLE;
    if (access_progress_of(access)->is_doubtful && !repeats) {
        access_end(access, ACCESS_UNKNOWN, WHY_SILENT, step);
    } else {
        access_enter(access, PHASE_UNTRACEABLE, step);
    }
}

void access_untraceable_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    struct command *command = access_command(step, COMMAND_UNTRACEABLE);
    command->untraceable.u = op->u;
    command->untraceable.epc = op->epc;
    command->untraceable.tid = op->tid;
    command->untraceable.user = op->user;
    command->untraceable.range = op->range;
    command->untraceable.handle = access->handle;
    change_expect(access, step);
}

/* A toggled range would be toggled back. */
void access_untraceable_lost(struct access *access, struct access_step *step)
{
    if (access_op_of(access)->range == RANGE_TOGGLE) {
        access_end(access, ACCESS_UNKNOWN, WHY_SILENT, step);
    } else {
        access_again(access, step);
    }
}

/* ---- block permalock ---- */

static void permalock_fill(struct access *access, struct access_step *step, bool locks)
{
    const struct access_op *op = access_op_of(access);
    struct command *command = access_command(step, COMMAND_BLOCK_PERMALOCK);
    command->block_permalock.lock = locks;
    command->block_permalock.mem_bank = BANK_USER;
    command->block_permalock.block_ptr = op->pointer;
    command->block_permalock.n_groups = (uint8_t)op->n_words;
    command->block_permalock.handle = access->handle;
    for (size_t i = 0; i < op->n_words && locks; i++) {
        command->block_permalock.mask[2 * i] = (uint8_t)(op->word[i] >> 8);
        command->block_permalock.mask[2 * i + 1] = (uint8_t)op->word[i];
    }
}

void access_permalock_begin(struct access *access, struct access_step *step)
{
    access_enter(access, access_progress_of(access)->is_doubtful ? PHASE_PROVE : PHASE_PERMALOCK,
                 step);
}

void access_permalock_send(struct access *access, struct access_step *step)
{
    permalock_fill(access, step, true);
    change_expect(access, step);
}

void access_permalock_lost(struct access *access, struct access_step *step)
{
    access_enter(access, PHASE_PROVE, step);
}

void access_prove_send(struct access *access, struct access_step *step)
{
    permalock_fill(access, step, false);
    access_expect(access, step, REPLY_DATA, 16u * access_op_of(access)->n_words);
}

static void groups_take(struct access *access)
{
    memcpy(access->data, access->reply.data, (access->reply.n_data_bits + 7) / 8);
    access->n_data_bits = access->reply.n_data_bits;
}

void access_prove_done(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    size_t i = 0;
    groups_take(access);
    while (i < op->n_words && (access_word(access, i) & op->word[i]) == op->word[i]) {
        i++;
    }
    access_change_settled(access);
    if (i == op->n_words) {
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
    } else if (access_has_tried(access)) {
        access_end(access, ACCESS_FAILED, WHY_SILENT, step);
    } else {
        access_enter(access, PHASE_PERMALOCK, step);
    }
}

void access_prove_error(struct access *access, struct access_step *step)
{
    access_progress_of(access)->error = access->reply.error;
    access_end(access, ACCESS_UNKNOWN, WHY_SILENT, step);
}

void access_permalock_read_done(struct access *access, struct access_step *step)
{
    groups_take(access);
    access_end(access, ACCESS_OK, WHY_NOTHING, step);
}

/* ---- authenticate ---- */

/* A request of our own: another challenge each time, answered or not. */
static void keyed_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    const struct proof_source *source = access->cfg.source;
    struct proof_key *key = &access->proof_key;
    if (!source->key_of(source->context, access->epc, access->n_epc_bits, key)) {
        access_end(access, ACCESS_FAILED, WHY_NO_KEY, step);
        return;
    }
    key->wanted = op->has_wanted ? op->wanted : key->wanted;
    memset(step, 0, sizeof *step);
    if (proof_ask(source, key, access->handle, &access->request, &step->command)) {
        access_end(access, ACCESS_FAILED, WHY_NO_CRYPTO, step);
        return;
    }
    access_expect(access, step, REPLY_IN_PROCESS, suite_aes_response_bits(&access->request));
}

/* What the tag says is worth what its proof is. */
static void keyed_done(struct access *access, struct access_step *step)
{
    static const enum access_why whys[SUITE_AES_VERDICT_N] = {
        [SUITE_AES_AUTHENTIC] = WHY_NOTHING, [SUITE_AES_BAD_LENGTH] = WHY_WRONG_KEY,
        [SUITE_AES_BAD_KEY] = WHY_WRONG_KEY, [SUITE_AES_REPLAY] = WHY_REPLAY,
        [SUITE_AES_BAD_DATA] = WHY_TAMPERED, [SUITE_AES_SPENT] = WHY_REPLAY,
    };
    struct suite_aes_answer answer;
    enum status status =
        suite_aes_check(access->cfg.source->aes, access->proof_key.key, &access->request,
                        access->reply.data, access->reply.n_data_bits, &answer);
    enum access_why why = status ? WHY_NO_CRYPTO : whys[answer.verdict];
    if (why == WHY_NOTHING) {
        memcpy(access->data, answer.data, answer.n_data_bytes);
        access->n_data_bits = 8 * answer.n_data_bytes;
    }
    access_end(access, why == WHY_NOTHING ? ACCESS_OK : ACCESS_FAILED, why, step);
}

void access_authenticate_send(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    access->n_working = 0;
    if (op->is_keyed) {
        keyed_send(access, step);
        return;
    }
    struct command *command = access_command(step, COMMAND_AUTHENTICATE);
    command->crypto.sen_rep = 1;
    command->crypto.csi = op->csi;
    command->crypto.n_message_bits = op->n_message_bits;
    memcpy(command->crypto.message, op->message, (op->n_message_bits + 7u) / 8);
    command->crypto.handle = access->handle;
    access_expect(access, step, REPLY_IN_PROCESS, op->n_response_bits);
}

void access_authenticate_done(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    if (access->reply.verdict == ACCESS_WORKING) {
        if (++access->n_working == WORKING_MAX) {
            access_leave(access, step);
            return;
        }
        step->listens_only = true;
        access_expect(access, step, REPLY_IN_PROCESS,
                      op->is_keyed ? suite_aes_response_bits(&access->request)
                                   : op->n_response_bits);
    } else if (op->is_keyed) {
        keyed_done(access, step);
    } else {
        groups_take(access);
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
    }
}
