/* access_steps.c - every step of every operation: what is sent, and what its answer, a refusal and
 * silence mean. One row a step. */
#include <string.h>

#include "config/require.h"
#include "protocol/access_parts.h"
#include "protocol/tid.h"

enum {
    PIECE_WORDS = 32,    /* of one Read: a long one is lost as a whole */
    PIECE_END_WORDS = 8, /* where the end of the bank is not known */
    ERROR_SECURITY_TIMEOUT = 0x08,
};

struct command *access_command(struct access_step *step, enum command_id id)
{
    memset(step, 0, sizeof *step);
    step->command.id = id;
    return &step->command;
}

unsigned access_word(const struct access *access, size_t index)
{
    return (unsigned)(access->data[2 * index] << 8 | access->data[2 * index + 1]);
}

void access_end_with_error(struct access *access, struct access_step *step)
{
    struct access_progress *progress = access_progress_of(access);
    progress->error = access->reply.error;
    access_end(access, progress->was_lost ? ACCESS_UNKNOWN : ACCESS_FAILED, WHY_ERROR, step);
}

/* A command that may change the tag goes out: from here on nobody knows, until it is answered. */
void access_change_begins(struct access *access)
{
    struct access_progress *progress = access_progress_of(access);
    progress->was_lost = progress->was_lost || progress->is_doubtful;
    progress->is_doubtful = true;
    access->job->has_begun = access->job->has_begun || access_op_changes_epc(access_op_of(access));
}

void access_change_settled(struct access *access)
{
    struct access_progress *progress = access_progress_of(access);
    progress->is_doubtful = progress->was_lost = false;
}

/* ---- handle, cover words ---- */

static void req_rn_send(struct access *access, struct access_step *step, uint16_t rn)
{
    access_command(step, COMMAND_REQ_RN)->req_rn.rn = rn;
    access_expect(access, step, REPLY_HANDLE, 0);
    access->expected.any_rn = true;
}

static void handle_send(struct access *access, struct access_step *step)
{
    req_rn_send(access, step, access->rn16);
    step->in_t2 = true;
}

static void identity_take(struct access *access, struct access_step *step);

static void handle_done(struct access *access, struct access_step *step)
{
    access->handle = access->reply.rn;
    if (access->by_tid) {
        access->range = (struct access_range){.bank = BANK_TID, .n_piece = TID_WORDS_USUAL};
        access_enter(access, PHASE_IDENTITY, step);
    } else {
        identity_take(access, step);
    }
}

static void cover_send(struct access *access, struct access_step *step)
{
    req_rn_send(access, step, access->handle);
}

static void cover_done(struct access *access, struct access_step *step)
{
    access->cover = access->reply.rn;
    access_enter(access, access->phase + 1, step); /* the step that needs it is the next row */
}

/* ---- reading, in pieces ---- */

void access_range_begin(struct access *access, const struct access_op *op)
{
    access->range =
        (struct access_range){.bank = op->bank,
                              .pointer = op->pointer,
                              .n_words = op->n_words,
                              .n_piece = op->n_words > 0 ? PIECE_WORDS : PIECE_END_WORDS};
    if (op->kind == ACCESS_OP_TID) {
        access->range.n_piece = TID_WORDS_USUAL;
    }
    access->n_data_bits = 0;
}

void access_read_send(struct access *access, struct access_step *step, uint8_t bank,
                      uint32_t pointer, size_t n_words)
{
    struct command *command = access_command(step, COMMAND_READ);
    require(n_words > 0);
    require(n_words <= ACCESS_WORDS_MAX);
    command->read.mem_bank = bank;
    command->read.word_ptr = pointer;
    command->read.n_words = (uint8_t)n_words;
    command->read.handle = access->handle;
    access_expect(access, step, REPLY_DATA, 16 * n_words);
}

static size_t range_piece(const struct access_range *range)
{
    const size_t end = range->n_words > 0 ? range->n_words : ACCESS_WORDS_MAX;
    const size_t n_left = end - range->n_read;
    return n_left < range->n_piece ? n_left : range->n_piece;
}

void access_range_send(struct access *access, struct access_step *step)
{
    const struct access_range *range = &access->range;
    access_read_send(access, step, range->bank, range->pointer + (uint32_t)range->n_read,
                     range_piece(range));
}

static size_t tid_words_of(const struct access *access, uint16_t word[TID_WORDS])
{
    const size_t n_words = access->range.n_read < TID_WORDS ? access->range.n_read : TID_WORDS;
    for (size_t i = 0; i < n_words; i++) {
        word[i] = (uint16_t)access_word(access, i);
    }
    return n_words;
}

/* A TID is read when the words that its header announces are there. */
static bool tid_is_whole(const struct access *access)
{
    uint16_t word[TID_WORDS];
    struct tid tid;
    const size_t n_words = tid_words_of(access, word);
    bool parsed = n_words >= 2 && tid_parse(word, n_words, &tid) == ST_OK;
    return n_words >= TID_WORDS_USUAL && (!parsed || n_words >= tid_n_words(&tid, n_words));
}

/*   out true: all words of the range are there */
bool access_range_take(struct access *access)
{
    struct access_range *range = &access->range;
    const size_t n_words = access->reply.n_data_bits / 16;
    require(range->n_read + n_words <= ACCESS_WORDS_MAX);
    memcpy(access->data + 2 * range->n_read, access->reply.data, 2 * n_words);
    range->n_read += n_words;
    access->n_data_bits = 16 * range->n_read;
    access->n_silent = 0;
    if (range->bank == BANK_TID && range->n_words == 0 && range->pointer == 0 &&
        (access->phase == PHASE_IDENTITY || access_op_of(access)->kind == ACCESS_OP_TID)) {
        return tid_is_whole(access);
    }
    return range->n_read == (range->n_words > 0 ? range->n_words : ACCESS_WORDS_MAX);
}

/* Where the end is not known, a refusal halves the piece.   out true: this was the end */
static bool range_end_found(struct access *access)
{
    struct access_range *range = &access->range;
    if (range->n_words > 0 || range->n_piece == 1) {
        return true;
    }
    range->n_piece /= 2;
    return false;
}

static void read_done(struct access *access, struct access_step *step)
{
    if (access_range_take(access)) {
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
    } else {
        access_range_send(access, step);
    }
}

static void read_error(struct access *access, struct access_step *step)
{
    if (!range_end_found(access)) {
        access_range_send(access, step);
    } else if (access->range.n_words == 0 && access->range.n_read > 0) {
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
    } else {
        access_end_with_error(access, step);
    }
}

/* ---- which tag is it ---- */

/* The handle is there, and the TID as far as it is wanted: now the job is known. */
static void identity_take(struct access *access, struct access_step *step)
{
    uint16_t word[TID_WORDS];
    size_t n_words = access->by_tid ? tid_words_of(access, word) : 0;
    if (access->by_tid) {
        const bool fits = access_tid_fits(access, word, n_words);
        n_words = access_tid_unique(word, n_words);
        access->job = n_words > 0 ? access_job_by_tid(access, word, n_words)
                                  : access_job_by_epc(access, access->epc, access->n_epc_bits);
        if (!access->job && fits && access_epc_fits(access, access->epc, access->n_epc_bits)) {
            access->job = access_job_new(access, access->epc, access->n_epc_bits);
        }
    }
    struct access_job *job = access->job;
    if (!job || job->is_complete) {
        access->job = NULL;
        access_over(access, step);
        return;
    }
    memcpy(job->tid, word, n_words * sizeof *word);
    job->n_tid_words = n_words;
    memcpy(job->epc, access->epc, access->n_epc_bits / 8);
    job->n_epc_bits = access->n_epc_bits;
    access_next(access, step);
}

static void identity_done(struct access *access, struct access_step *step)
{
    if (access_range_take(access)) {
        identity_take(access, step);
    } else {
        access_range_send(access, step);
    }
}

static void identity_error(struct access *access, struct access_step *step)
{
    if (range_end_found(access)) {
        identity_take(access, step);
    } else {
        access_range_send(access, step);
    }
}

/* ---- passwords: access and kill, half by half ---- */

static void half_send(struct access *access, struct access_step *step, enum command_id id,
                      unsigned shift)
{
    struct command *command = access_command(step, id);
    const uint32_t password =
        (id == COMMAND_ACCESS ? &access->cfg.op[0] : access_op_of(access))->password;
    command->password.cover = command_cover((uint16_t)(password >> shift), access->cover);
    command->password.handle = access->handle;
}

static void access_1_send(struct access *access, struct access_step *step)
{
    half_send(access, step, COMMAND_ACCESS, 16);
    access_expect(access, step, REPLY_HANDLE, 0);
}

static void access_2_send(struct access *access, struct access_step *step)
{
    half_send(access, step, COMMAND_ACCESS, 0);
    access_expect(access, step, REPLY_HANDLE, 0);
}

static void first_half_done(struct access *access, struct access_step *step)
{
    access_enter(access, access->phase + 1, step);
}

static void access_2_done(struct access *access, struct access_step *step)
{
    access->is_secured = true;
    if (access_progress_of(access)->outcome == ACCESS_PENDING) {
        access_end(access, ACCESS_OK, WHY_NOTHING, step);
    } else {
        access_next(access, step);
    }
}

/* A wrong password is met with silence, and the tag is in arbitrate: so is it after a broken
 * sequence. The next contact begins anew. */
static void access_half_lost(struct access *access, struct access_step *step)
{
    bool is_known = access_progress_of(access)->outcome == ACCESS_OK;
    if (!is_known && access_has_tried(access)) {
        access_end(access, ACCESS_FAILED, WHY_REFUSED, step);
    } else {
        access_leave(access, step);
    }
}

static void access_half_error(struct access *access, struct access_step *step)
{
    if (access_progress_of(access)->outcome == ACCESS_OK ||
        (access->reply.error == ERROR_SECURITY_TIMEOUT && !access_has_tried(access))) {
        access_leave(access, step);
    } else {
        access_end_with_error(access, step);
    }
}

static void kill_1_send(struct access *access, struct access_step *step)
{
    half_send(access, step, COMMAND_KILL, 16);
    access_expect(access, step, REPLY_HANDLE, 0);
}

static void kill_2_send(struct access *access, struct access_step *step)
{
    half_send(access, step, COMMAND_KILL, 0);
    access_progress_of(access)->is_doubtful = true;
    access_expect(access, step, REPLY_DELAYED, 0);
}

static void kill_1_lost(struct access *access, struct access_step *step)
{
    if (access_has_tried(access)) {
        access_end(access, ACCESS_FAILED, WHY_REFUSED, step);
    } else {
        access_leave(access, step);
    }
}

static void kill_2_done(struct access *access, struct access_step *step)
{
    access_end(access, ACCESS_OK, WHY_NOTHING, step);
}

static void kill_2_lost(struct access *access, struct access_step *step)
{
    access_enter(access, PHASE_PROBE, step);
}

/* A tag that is alive and did not take the password for a wrong one answers an ACK. */
static void probe_send(struct access *access, struct access_step *step)
{
    access_command(step, COMMAND_ACK)->ack.rn = access->handle;
    access_expect(access, step, REPLY_EPC, 0);
}

static void kill_was_not(struct access *access, struct access_step *step)
{
    access_change_settled(access);
    if (access_has_tried(access)) {
        access_end(access, ACCESS_FAILED, WHY_REFUSED, step);
    } else {
        access_enter(access, PHASE_KILL_RN_1, step);
    }
}

/* ---- the end ---- */

static void leave_send(struct access *access, struct access_step *step)
{
    access_command(step, COMMAND_NAK);
    access_expect(access, step, REPLY_NONE, 0);
}

/* No answer is expected, or this one cannot be. */
static void impossible(struct access *access, struct access_step *step)
{
    access_leave(access, step);
}

const struct access_phase_row access_phase_rows[PHASE_N] = {
    [PHASE_HANDLE] = {handle_send, handle_done, impossible, access_leave},
    [PHASE_IDENTITY] = {access_range_send, identity_done, identity_error, access_again},
    [PHASE_ACCESS_RN_1] = {cover_send, cover_done, impossible, access_again},
    [PHASE_ACCESS_1] = {access_1_send, first_half_done, access_half_error, access_half_lost},
    [PHASE_ACCESS_RN_2] = {cover_send, cover_done, impossible, access_again},
    [PHASE_ACCESS_2] = {access_2_send, access_2_done, access_half_error, access_half_lost},
    [PHASE_READ] = {access_range_send, read_done, read_error, access_again},
    [PHASE_COVER] = {cover_send, cover_done, impossible, access_again},
    [PHASE_WRITE] = {access_write_send, access_write_word_done, access_write_error,
                     access_write_lost},
    [PHASE_CHECK] = {access_check_send, access_check_done, access_check_error, access_again},
    [PHASE_BLOCK] = {access_block_send, access_block_done, access_block_error, access_block_lost},
    [PHASE_VERIFY] = {access_range_send, access_verify_done, access_verify_error, access_again},
    [PHASE_LOCK] = {access_lock_send, access_change_done, access_end_with_error, access_again},
    [PHASE_UNTRACEABLE] = {access_untraceable_send, access_change_done, access_end_with_error,
                           access_untraceable_lost},
    [PHASE_PERMALOCK] = {access_permalock_send, access_change_done, access_end_with_error,
                         access_permalock_lost},
    [PHASE_PROVE] = {access_prove_send, access_prove_done, access_prove_error, access_again},
    [PHASE_PERMALOCK_READ] = {access_prove_send, access_permalock_read_done, access_end_with_error,
                              access_again},
    [PHASE_KILL_RN_1] = {cover_send, cover_done, impossible, access_again},
    [PHASE_KILL_1] = {kill_1_send, first_half_done, access_end_with_error, kill_1_lost},
    [PHASE_KILL_RN_2] = {cover_send, cover_done, impossible, access_again},
    [PHASE_KILL_2] = {kill_2_send, kill_2_done, access_end_with_error, kill_2_lost},
    [PHASE_PROBE] = {probe_send, kill_was_not, impossible, access_again},
    [PHASE_AUTHENTICATE] = {access_authenticate_send, access_authenticate_done,
                            access_end_with_error, access_again},
    [PHASE_LEAVE] = {leave_send, impossible, impossible, access_leave},
};

/* Take up the operation where it stands. */
void access_op_begin(struct access *access, struct access_step *step)
{
    const struct access_op *op = access_op_of(access);
    switch (op->kind) {
    case ACCESS_OP_READ:
    case ACCESS_OP_TID:
        access_range_begin(access, op);
        access_enter(access, PHASE_READ, step);
        break;
    case ACCESS_OP_WRITE: access_write_go_on(access, step); break;
    case ACCESS_OP_BLOCK_WRITE:
    case ACCESS_OP_BLOCK_ERASE: access_block_begin(access, step); break;
    case ACCESS_OP_LOCK: access_enter(access, PHASE_LOCK, step); break;
    case ACCESS_OP_KILL:
        if (access_progress_of(access)->is_doubtful) {
            kill_was_not(access, step); /* it is here again */
        } else {
            access_enter(access, PHASE_KILL_RN_1, step);
        }
        break;
    case ACCESS_OP_PERMALOCK_READ: access_enter(access, PHASE_PERMALOCK_READ, step); break;
    case ACCESS_OP_PERMALOCK: access_permalock_begin(access, step); break;
    case ACCESS_OP_UNTRACEABLE: access_untraceable_begin(access, step); break;
    case ACCESS_OP_AUTHENTICATE: access_enter(access, PHASE_AUTHENTICATE, step); break;
    case ACCESS_OP_ACCESS:
    case ACCESS_OP_N: require(false);
    }
}
