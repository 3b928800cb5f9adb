/* access.c - the course of a contact: handle, identity, password, one operation after the other. */
#include "protocol/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "protocol/access_parts.h"
#include "protocol/reply.h"

const char *const access_outcome_text[ACCESS_UNKNOWN + 1] = {
    [ACCESS_PENDING] = "pending",
    [ACCESS_OK] = "ok",
    [ACCESS_FAILED] = "failed",
    [ACCESS_UNKNOWN] = "unknown",
};

static const char *const why_texts[WHY_N] = {
    [WHY_NOTHING] = "",
    [WHY_ERROR] = "",
    [WHY_SILENT] = "no answer from the tag",
    [WHY_MISMATCH] = "reads back otherwise",
    [WHY_UNREAD] = "the tag said yes, and does not answer when it is read back",
    [WHY_UNVERIFIED] = "not verified: the tag does not let it be read",
    [WHY_REFUSED] = "no answer to the password: it is wrong, or not heard",
    [WHY_NOT_DONE] = "not done: an earlier operation did not succeed",
    [WHY_NO_KEY] = "no key is known for this EPC",
    [WHY_WRONG_KEY] = "wrong key: the answer is not of the key that the tag should hold",
    [WHY_REPLAY] = "replayed: an answer of the right key, but to another challenge",
    [WHY_TAMPERED] = "the tag holds the key, but the data with its answer were tampered with",
    [WHY_NO_CRYPTO] = "no random challenge, or no AES: nothing is known of the tag",
    [WHY_DEAD] = "no reply to the second half of Kill, and the tag is silent since",
};

static enum status access_check(const struct access_cfg *cfg)
{
    if (cfg->n_ops == 0 || cfg->n_ops > ACCESS_OPS_MAX) {
        return status_fail(ST_RANGE, "%zu operations, accepted 1 .. %d", cfg->n_ops,
                           ACCESS_OPS_MAX);
    }
    for (size_t i = 0; i < cfg->n_ops; i++) {
        if (i > 0 && cfg->op[i].kind == ACCESS_OP_ACCESS) {
            return status_fail(ST_RANGE, "the access password comes before all operations");
        }
        if (cfg->op[i].is_keyed && !cfg->source) {
            return status_fail(ST_RANGE, "operation %zu, authenticate: there are no keys", i + 1);
        }
        if (i + 1 < cfg->n_ops && cfg->op[i].kind == ACCESS_OP_KILL) {
            return status_fail(ST_RANGE, "nothing can follow a kill");
        }
    }
    return ST_OK;
}

static bool access_needs_tid(const struct access_cfg *cfg)
{
    bool changes = false;
    for (size_t i = 0; i < cfg->n_ops; i++) {
        changes = changes || access_op_changes_epc(&cfg->op[i]);
    }
    return cfg->identity == ACCESS_BY_TID ||
           (cfg->identity == ACCESS_BY_AUTO && (changes || cfg->tid.n_bits > 0));
}

enum status access_new(const struct access_cfg *cfg, struct access **access)
{
    require(cfg);
    require(access);
    require(cfg->n_tries >= 1);
    require(cfg->n_contacts_max >= 1);
    require(cfg->n_tags_max >= 1);
    *access = NULL;
    enum status status = access_check(cfg);
    if (status) {
        return status;
    }
    struct access *made = calloc(1, sizeof *made);
    if (made) {
        made->cfg = *cfg;
        made->by_tid = access_needs_tid(cfg);
        made->jobs = calloc(cfg->n_tags_max, sizeof *made->jobs);
        made->progress = calloc(cfg->n_tags_max * cfg->n_ops, sizeof *made->progress);
    }
    if (!made || !made->jobs || !made->progress) {
        access_free(&made);
        return status_fail(ST_NO_MEMORY, "no memory for %zu tags", cfg->n_tags_max);
    }
    *access = made;
    return ST_OK;
}

void access_free(struct access **access)
{
    require(access);
    if (*access) {
        free((*access)->jobs);
        free((*access)->progress);
        memset(*access, 0, sizeof **access); /* passwords */
        free(*access);
        *access = NULL;
    }
}

static bool has_incomplete(const struct access *access)
{
    for (size_t i = 0; i < access->n_jobs; i++) {
        if (!access->jobs[i].is_complete) {
            return true;
        }
    }
    return false;
}

bool access_wants(struct access *access, const uint8_t *epc, size_t n_epc_bits)
{
    require(access);
    require(epc || n_epc_bits == 0);
    require(n_epc_bits <= LIMIT_EPC_BITS);
    require(!access->is_open);
    memcpy(access->epc, epc, n_epc_bits / 8);
    access->n_epc_bits = n_epc_bits;
    access->job = NULL;
    const bool fits = access_epc_fits(access, epc, n_epc_bits);
    if (access->by_tid) { /* a tag that was begun with may have any EPC by now */
        return fits || has_incomplete(access);
    }
    access->job = access_job_by_epc(access, epc, n_epc_bits);
    if (!access->job && fits) {
        access->job = access_job_new(access, epc, n_epc_bits);
    }
    return access->job && !access->job->is_complete;
}

struct access_progress *access_progress_of(struct access *access)
{
    require(access->job);
    require(access->at < access->cfg.n_ops);
    return &access->job->progress[access->at];
}

const struct access_op *access_op_of(const struct access *access)
{
    require(access->at < access->cfg.n_ops);
    return &access->cfg.op[access->at];
}

void access_progressed(struct access *access)
{
    access->has_progressed = true;
    access->n_progressed++;
    access_progress_of(access)->n_tries = 0;
}

bool access_has_tried(struct access *access)
{
    return ++access_progress_of(access)->n_tries >= access->cfg.n_tries;
}

void access_expect(struct access *access, struct access_step *step, enum command_reply expect,
                   size_t n_data_bits)
{
    access->expected = (struct access_expected){
        .expect = expect, .n_data_bits = n_data_bits, .handle = access->handle};
    step->expect = expect;
    if (expect >= REPLY_HANDLE) {
        step->n_reply_bits = access_reply_n_bits(expect, n_data_bits, false);
    }
}

void access_enter(struct access *access, enum access_phase phase, struct access_step *step)
{
    require((unsigned)phase < PHASE_N);
    access->phase = phase;
    access->n_silent = 0;
    access_phase_rows[phase].send(access, step);
}

void access_again(struct access *access, struct access_step *step)
{
    if (++access->n_silent < access->cfg.n_tries) {
        access_phase_rows[access->phase].send(access, step);
    } else {
        access_leave(access, step);
    }
}

/* The tag may hang in acknowledged, open or secured: NAK sends it to arbitrate with its flag kept,
 * so that the inventory meets it again (6.3.2.12.2.5). */
void access_leave(struct access *access, struct access_step *step)
{
    access_enter(access, PHASE_LEAVE, step);
}

static void progress_end(struct access_progress *progress, enum access_outcome outcome,
                         enum access_why why)
{
    progress->outcome = outcome;
    progress->why = why;
}

static void job_complete_check(struct access *access, struct access_job *job)
{
    bool pending = false;
    for (size_t i = 0; i < access->cfg.n_ops; i++) {
        pending = pending || job->progress[i].outcome == ACCESS_PENDING;
    }
    job->is_complete = !pending;
}

/* What is pending ends: unknown where the tag may have been changed, else not done. */
static void job_give_up(struct access *access, struct access_job *job)
{
    bool is_first = true;
    for (size_t i = 0; i < access->cfg.n_ops; i++) {
        struct access_progress *progress = &job->progress[i];
        if (progress->outcome != ACCESS_PENDING) {
            continue;
        }
        const bool is_kill = access->cfg.op[i].kind == ACCESS_OP_KILL;
        const bool is_unread =
            progress->n_done > 0 && progress->n_done == access->cfg.op[i].n_words;
        const bool is_unknown = progress->is_doubtful || progress->was_lost || is_unread;
        progress_end(progress, is_unknown ? ACCESS_UNKNOWN : ACCESS_FAILED,
                     is_unknown && is_kill ? WHY_DEAD
                     : is_unread           ? WHY_UNREAD
                     : is_first            ? WHY_SILENT
                                           : WHY_NOT_DONE);
        is_first = false;
    }
    job->is_complete = true;
}

void access_over(struct access *access, struct access_step *step)
{
    require(access->is_open);
    struct access_job *job = access->job;
    access->is_open = false;
    step->over = true;
    if (!job) {
        return;
    }
    job_complete_check(access, job);
    job->n_barren = access->has_progressed ? 0 : job->n_barren + 1;
    if (!job->is_complete && job->n_barren >= access->cfg.n_contacts_max) {
        job_give_up(access, job);
    }
}

void access_end(struct access *access, enum access_outcome outcome, enum access_why why,
                struct access_step *step)
{
    struct access_progress *progress = access_progress_of(access);
    require(outcome != ACCESS_PENDING);
    progress_end(progress, outcome, why);
    progress->is_doubtful = false;
    access_progressed(access);
    access->result_job = access->job;
    access->result_at = access->at;
    access->n_result_bits = access->n_data_bits;
    memcpy(access->result, access->data, sizeof access->result);
    const bool stops = outcome != ACCESS_OK &&
                       (!access->cfg.keeps_going || access_op_of(access)->kind == ACCESS_OP_ACCESS);
    for (size_t i = access->at + 1; stops && i < access->cfg.n_ops; i++) {
        if (access->job->progress[i].outcome == ACCESS_PENDING) {
            progress_end(&access->job->progress[i], ACCESS_FAILED, WHY_NOT_DONE);
        }
    }
    if (outcome == ACCESS_OK && access_op_of(access)->kind == ACCESS_OP_KILL) {
        access_over(access, step); /* nobody is there any more */
    } else {
        access_next(access, step);
    }
}

/* The first operation that is pending; the password comes anew in every contact. */
void access_next(struct access *access, struct access_step *step)
{
    access->at = 0;
    while (access->at < access->cfg.n_ops &&
           access_progress_of(access)->outcome != ACCESS_PENDING) {
        access->at++;
    }
    access->n_data_bits = 0;
    if (access->at == access->cfg.n_ops) {
        access_over(access, step);
    } else if (access->cfg.op[0].kind == ACCESS_OP_ACCESS && !access->is_secured) {
        access->at = 0;
        access_enter(access, PHASE_ACCESS_RN_1, step);
    } else {
        access_op_begin(access, step);
    }
}

void access_begin(struct access *access, uint16_t rn16, struct access_step *step)
{
    require(access);
    require(step);
    require(!access->is_open);
    require(access->by_tid || access->job);
    memset(step, 0, sizeof *step);
    access->is_open = true;
    access->has_progressed = access->is_secured = false;
    access->rn16 = rn16;
    access->handle = 0;
    access->at = 0;
    access->n_data_bits = 0;
    access_enter(access, PHASE_HANDLE, step);
}

/* What was heard, in the words of the phase rows. */
static void access_take_reply(struct access *access, const struct access_event *event,
                              struct access_step *step)
{
    const struct access_phase_row *row = &access_phase_rows[access->phase];
    if (access->expected.expect == REPLY_EPC) {
        struct epc_reply epc;
        bool right = reply_parse_epc(event->bit, event->n_bits, &epc) == ST_OK && epc.crc_right;
        (right ? row->done : row->lost)(access, step);
        return;
    }
    access_reply_parse(&access->expected, event->bit, event->n_bits, &access->reply);
    switch (access->reply.verdict) {
    case ACCESS_DONE: row->done(access, step); break;
    case ACCESS_ERROR: row->error(access, step); break;
    case ACCESS_WORKING: row->done(access, step); break;
    case ACCESS_BAD_CRC:
    case ACCESS_FOREIGN:
    case ACCESS_MALFORMED: row->lost(access, step); break;
    }
}

void access_advance(struct access *access, const struct access_event *event,
                    struct access_step *step)
{
    require(access);
    require(event);
    require(step);
    require(access->is_open);
    require((unsigned)event->heard <= ACCESS_HEARD_CUT);
    require((event->heard == ACCESS_HEARD_SENT) ==
            (access->phase == PHASE_LEAVE && event->heard <= ACCESS_HEARD_SENT));
    memset(step, 0, sizeof *step);
    switch (event->heard) {
    case ACCESS_HEARD_REPLY: access_take_reply(access, event, step); break;
    case ACCESS_HEARD_NOTHING:
    case ACCESS_HEARD_NOISE: access_phase_rows[access->phase].lost(access, step); break;
    case ACCESS_HEARD_SENT:
    case ACCESS_HEARD_LATE:
    case ACCESS_HEARD_CUT: access_over(access, step); break;
    }
}

void access_finish(struct access *access)
{
    require(access);
    require(!access->is_open);
    for (size_t i = 0; i < access->n_jobs; i++) {
        if (!access->jobs[i].is_complete) {
            job_give_up(access, &access->jobs[i]);
        }
    }
    access->is_finished = true;
}

static void report_fill(struct access *access, const struct access_job *job, size_t at,
                        struct access_report *report)
{
    const struct access_progress *progress = &job->progress[at];
    const struct access_op *op = &access->cfg.op[at];
    *report = (struct access_report){.epc = job->epc,
                                     .n_epc_bits = job->n_epc_bits,
                                     .op = op,
                                     .at = at,
                                     .outcome = progress->outcome};
    if (access->result_job == job && access->result_at == at) {
        report->data = access->result;
        report->n_data_bits = access->n_result_bits;
    }
    const char *text =
        progress->why == WHY_ERROR ? access_error_text(progress->error) : why_texts[progress->why];
    const bool is_unknown = progress->outcome == ACCESS_UNKNOWN;
    const bool counts = progress->outcome != ACCESS_OK && progress->why != WHY_NOT_DONE &&
                        (op->kind == ACCESS_OP_WRITE);
    size_t n = (size_t)snprintf(report->error, sizeof report->error, "%s%s",
                                is_unknown ? "unknown whether it was done: " : "", text);
    if (counts && n < sizeof report->error) {
        snprintf(report->error + n, sizeof report->error - n, " (%u of %u words are written)",
                 progress->n_done, op->n_words);
    }
}

static bool job_report(struct access *access, struct access_job *job, struct access_report *report)
{
    for (size_t i = 0; i < access->cfg.n_ops; i++) {
        if (job->progress[i].outcome != ACCESS_PENDING && !job->progress[i].told) {
            job->progress[i].told = true;
            report_fill(access, job, i, report);
            return true;
        }
    }
    return false;
}

/* Only the tag in contact brings anything new; access_finish, all that were given up. */
bool access_next_report(struct access *access, struct access_report *report)
{
    require(access);
    require(report);
    if (access->job && job_report(access, access->job, report)) {
        return true;
    }
    for (; access->is_finished && access->told_job < access->n_jobs; access->told_job++) {
        if (job_report(access, &access->jobs[access->told_job], report)) {
            return true;
        }
    }
    return false;
}

uint64_t access_n_progressed(const struct access *access)
{
    require(access);
    return access->n_progressed;
}

void access_totals_read(const struct access *access, struct access_totals *totals)
{
    require(access);
    require(totals);
    *totals =
        (struct access_totals){.n_tags = access->n_jobs, .n_turned_away = access->n_turned_away};
    for (size_t i = 0; i < access->n_jobs; i++) {
        const struct access_job *job = &access->jobs[i];
        totals->n_complete += job->is_complete;
        for (size_t k = 0; k < access->cfg.n_ops; k++) {
            totals->n_ok += job->progress[k].outcome == ACCESS_OK;
            totals->n_failed += job->progress[k].outcome == ACCESS_FAILED;
            totals->n_unknown += job->progress[k].outcome == ACCESS_UNKNOWN;
        }
    }
}
