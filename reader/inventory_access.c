/* inventory_access.c - a tag that was read passes to the access machine and comes back: its steps are
 * the inventory's, its replies are waited for where they come. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "dsp/reply_wait.h"
#include "protocol/tid.h"
#include "reader/multiplex.h"

#define BLF_PRIOR_RATIO 0.03 /* a tag's clock from one reply to the next, and our own error */
enum { TID_WORDS_MAX = 32 };

/* Chip and serial number, where the operation read a TID from its beginning. */
static void tid_tell(const struct access_report *report, struct record_access *access)
{
    const struct access_op *op = report->op;
    uint16_t word[TID_WORDS_MAX];
    struct tid tid;
    bool is_tid = op->kind == ACCESS_OP_TID ||
                  (op->kind == ACCESS_OP_READ && op->bank == BANK_TID && op->pointer == 0);
    size_t n_words = is_tid ? report->n_data_bits / 16 : 0;
    n_words = n_words < TID_WORDS_MAX ? n_words : TID_WORDS_MAX;
    for (size_t i = 0; i < n_words; i++) {
        word[i] = (uint16_t)(report->data[2 * i] << 8 | report->data[2 * i + 1]);
    }
    if (n_words < 2 || tid_parse(word, n_words, &tid) != ST_OK) {
        return;
    }
    const char *chip = tid_chip(&tid);
    const char *designer = tid_designer(&tid);
    snprintf(access->chip, sizeof access->chip, "%s", chip ? chip : designer ? designer : "");
    if (tid_uri(&tid, access->uri) != ST_OK) {
        access->uri[0] = '\0';
    }
}

static void reports_say(struct inventory_state *state, double tick)
{
    struct access_report report;
    while (access_next_report(state->reader->access, &report)) {
        struct record record = {.type = RECORD_ACCESS};
        struct record_access *access = &record.access;
        require(report.n_epc_bits <= 8 * sizeof access->epc);
        memcpy(access->epc, report.epc, (report.n_epc_bits + 7) / 8);
        access->n_epc_bits = report.n_epc_bits;
        access_op_text(report.op, access->op);
        access->outcome = report.outcome;
        access->is_keyed = report.op->is_keyed;
        size_t room_bits = 8 * sizeof access->data;
        access->n_data_bits = report.n_data_bits < room_bits ? report.n_data_bits : room_bits;
        if (access->n_data_bits > 0) {
            memcpy(access->data, report.data, (access->n_data_bits + 7) / 8);
        }
        memcpy(access->error, report.error, sizeof access->error);
        tid_tell(&report, access);
        inventory_say(state, &record, tick);
    }
}

static void progress_note(struct inventory_state *state, double tick)
{
    if (state->is_proving) {
        return;
    }
    uint64_t n = access_n_progressed(state->reader->access);
    if (n != state->n_access_progressed) {
        state->n_access_progressed = n;
        state->access_tick = tick;
    }
    reports_say(state, tick);
}

/* The access machine's step becomes the inventory's.   out false: the contact is over */
static bool contact_step(struct inventory_state *state, double tick)
{
    const struct access_step *contact = &state->contact;
    progress_note(state, tick);
    state->in_contact = !contact->over;
    if (contact->over) {
        if (state->is_proving) {
            inventory_proof_over(state, tick);
        }
        return false;
    }
    memset(&state->step, 0, sizeof state->step);
    state->step.command = contact->command;
    state->step.expect = contact->expect;
    state->in_t2 = contact->in_t2;
    return true;
}

static enum access_heard contact_heard(const struct inventory_state *state,
                                       enum inventory_heard heard)
{
    switch (heard) {
    case HEARD_START: return ACCESS_HEARD_CUT;
    case HEARD_SENT: return ACCESS_HEARD_SENT;
    case HEARD_LATE: return ACCESS_HEARD_LATE;
    default: return state->contact_event.heard;
    }
}

static void contact_advance(struct inventory_state *state, const struct access_event *heard)
{
    if (state->is_proving) {
        proof_contact_advance(&state->proof, heard, &state->contact);
    } else {
        access_advance(state->reader->access, heard, &state->contact);
    }
}

void inventory_decide(struct inventory_state *state, const struct inventory_event *event,
                      double tick)
{
    struct inventory_event next = *event;
    if (state->in_contact) {
        struct access_event heard = state->contact_event;
        heard.heard = contact_heard(state, event->heard);
        contact_advance(state, &heard);
        if (contact_step(state, tick)) {
            return;
        }
        if (event->heard != HEARD_START) {
            next.heard = HEARD_EPC; /* the tag was read: the slot goes on from there */
        }
    } else if (event->heard == HEARD_EPC && state->contact_wanted) {
        state->contact_wanted = false;
        if (state->is_proving) {
            inventory_proof_begin(state);
        } else {
            access_begin(state->reader->access, state->inventory.rn16, &state->contact);
        }
        if (contact_step(state, tick)) {
            return;
        }
    }
    if (state->reader->multiplex) {
        multiplex_decide(state, &next);
    } else {
        inventory_advance(&state->inventory, &next, &state->step);
    }
    state->in_t2 = state->step.expect == REPLY_EPC;
}

void inventory_contact_heard(struct inventory_state *state, const struct reply_result *result)
{
    static const enum access_heard heards[REPLY_UNREADABLE + 1] = {
        [REPLY_NONE_HEARD] = ACCESS_HEARD_NOTHING,
        [REPLY_DECODED] = ACCESS_HEARD_REPLY,
        [REPLY_UNREADABLE] = ACCESS_HEARD_NOISE,
    };
    require((unsigned)result->verdict <= REPLY_UNREADABLE);
    state->contact_event = (struct access_event){
        .heard = heards[result->verdict], .bit = result->bits.bit, .n_bits = result->bits.n_bits};
}

void inventory_contact_listen(struct inventory_state *state)
{
    const struct access_step *contact = &state->contact;
    const struct link *link = &state->reader->link;
    struct reply_listen *listen = &state->listen;
    double from_tick = state->command_end_tick;
    switch (contact->expect) {
    case REPLY_HANDLE: reply_listen_init(listen, link, REPLY_KIND_CHECKED, from_tick); break;
    case REPLY_DATA: reply_listen_init(listen, link, REPLY_KIND_ACCESS, from_tick); break;
    case REPLY_DELAYED: reply_wait_listen_init(listen, link, REPLY_KIND_ACCESS, from_tick); break;
    case REPLY_IN_PROCESS:
        if (contact->listens_only) {
            reply_wait_listen_next(listen, link, state->reply_end_tick);
        } else {
            reply_wait_listen_init(listen, link, REPLY_KIND_IN_PROCESS, from_tick);
        }
        break;
    default: reply_listen_init(listen, link, REPLY_KIND_EPC, from_tick); break;
    }
    listen->kind = contact->expect == REPLY_IN_PROCESS ? REPLY_KIND_IN_PROCESS : listen->kind;
    listen->n_bits = contact->n_reply_bits;
    listen->has_length = contact->has_length;
    listen->carrier_sign = state->carrier_sign;
    if (isfinite(state->blf_hz)) {
        listen->blf_hz = state->blf_hz;
        listen->blf_tolerance_ratio = BLF_PRIOR_RATIO;
    }
}

/* A long wait may be over as soon as the earliest reply is in. */
int64_t inventory_not_before(const struct inventory_state *state)
{
    struct reply_listen listen = state->listen;
    if (!isnan(listen.start_hi_us)) {
        listen.start_hi_us = listen.start_lo_us;
    }
    return reply_listen_not_before(&listen, state->reader->rate_sps);
}

double inventory_contact_us(const struct inventory_state *state)
{
    const struct access_step *contact = &state->contact;
    const struct link *link = &state->reader->link;
    if (!state->in_contact && state->step.command.id != COMMAND_SELECT) {
        return 0.0;
    }
    static _Thread_local struct bitbuf bits; /* large: not on the stack */
    enum status status = command_encode(&state->step.command, &bits);
    require(status == ST_OK); /* the machines make encodable commands only */
    if (!state->in_contact) {
        return link_command_us(link, bits.bit, bits.n_bits, false);
    }
    bool waits = contact->expect == REPLY_DELAYED || contact->expect == REPLY_IN_PROCESS;
    return link_command_us(link, bits.bit, bits.n_bits, false) + (waits ? REPLY_WAIT_US : 0.0) +
           link_reply_us(link, contact->n_reply_bits, true);
}

bool inventory_contact_wanted(struct inventory_state *state, const struct epc_reply *reply,
                              int64_t tick)
{
    struct access *access = state->reader->access;
    state->is_proving = !access && state->reader->auth;
    if (state->is_proving) {
        return inventory_proof_wanted(state, reply, tick);
    }
    return access && access_wants(access, reply->epc, reply->n_epc_bits);
}

bool inventory_access_is_over(const struct inventory_state *state, double tick)
{
    const struct reader *reader = state->reader;
    return reader->access && !state->in_contact &&
           tick - state->access_tick > reader->cfg.access_idle_s * reader->rate_sps;
}

void inventory_access_finish(struct inventory_state *state, double tick)
{
    struct access *access = state->reader->access;
    if (state->in_contact) {
        const struct access_event cut = {.heard = ACCESS_HEARD_CUT};
        contact_advance(state, &cut);
        (void)contact_step(state, tick);
        require(!state->in_contact);
    }
    if (!access) {
        inventory_say_failures(state, tick, true);
        return;
    }
    reports_say(state, tick);
    access_finish(access);
    reports_say(state, tick);
    if (state->reader->cfg.access_totals) {
        access_totals_read(access, state->reader->cfg.access_totals);
    }
}
