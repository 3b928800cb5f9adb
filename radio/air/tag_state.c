/* tag_state.c - Annex B as code: one function per command. */
#include "radio/air/tag_state.h"

#include <math.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_access.h"
#include "radio/air/tag_code.h"
#include "radio/air/tag_security.h"

#define FRAME_SYNC_RTCAL_TOLERANCE 0.05
#define SLOT_WRAPPED 0x7FFFu
#define Q_MAX 15u
#define TARGET_SL 4u

static bool truncate_is_legal(const struct tag *tag, const struct tag_command *command)
{
    uint64_t end = (uint64_t)command->pointer + command->n_mask_bits;
    return command->target == TARGET_SL && command->bank == TAG_BANK_EPC &&
           end >= TAG_EPC_FIRST_BIT &&
           end <= TAG_EPC_FIRST_BIT + tag_memory_n_epc_bits(&tag->store->memory);
}

/* A frame-sync, with the RTcal of the round if there is one. */
static bool is_of_round(const struct tag *tag)
{
    return tag->pie.trcal_us <= 0.0 &&
           (!tag->has_link ||
            fabs(tag->pie.rtcal_us / tag->link.rtcal_us - 1.0) <= FRAME_SYNC_RTCAL_TOLERANCE);
}

bool tag_state_accepts(const struct tag *tag, const struct tag_command *command)
{
    const struct tag_pie *pie = &tag->pie;
    bool has_preamble = pie->trcal_us > 0.0;
    switch (command->kind) {
    case TAG_COMMAND_INVALID: return false;
    case TAG_COMMAND_QUERY:
        return has_preamble && tag_blf_tolerance(command->dr_64_3, pie->trcal_us) >= 0.0;
    case TAG_COMMAND_CHALLENGE: return !has_preamble && tag->store->security.has_key;
    case TAG_COMMAND_SELECT: /* opens something new: its RTcal owes nothing to the last round */
        return !has_preamble && (!command->truncate || truncate_is_legal(tag, command));
    case TAG_COMMAND_READ_BUFFER:
    case TAG_COMMAND_AUTHENTICATE: return tag->store->security.has_key && is_of_round(tag);
    default: return is_of_round(tag);
    }
}

/* S1 runs out by itself; asked only where a round begins, so never in the middle of one. */
static bool inventoried_is_b(const struct tag *tag, unsigned session, double tick)
{
    if (session == 1 && tag->is_b[1] && tick - tag->s1_set_tick > tag->persist_ticks[0]) {
        return false;
    }
    return tag->is_b[session];
}

static void set_inventoried(struct tag *tag, unsigned session, bool is_b, double tick)
{
    tag->is_b[session] = is_b;
    if (session == 1) {
        tag->s1_set_tick = tick;
    }
}

static void flip_inventoried(struct tag *tag, double tick)
{
    set_inventoried(tag, tag->session, !tag->is_b[tag->session], tick);
}

static enum tag_answer_kind draw_slot(struct tag *tag)
{
    tag->slot = (uint16_t)(noise_mix(&tag->random) >> 49 & ((1u << tag->q) - 1u));
    tag->state = tag->slot == 0 ? TAG_REPLY : TAG_ARBITRATE;
    return tag->slot == 0 ? TAG_ANSWER_RN16 : TAG_ANSWER_NONE;
}

static void take_link(struct tag *tag, const struct tag_command *command)
{
    double trcal_us = tag->pie.trcal_us;
    double dr = command->dr_64_3 ? 64.0 / 3.0 : 8.0;
    tag->link.rtcal_us = tag->pie.rtcal_us;
    tag->link.tpri_us = trcal_us / dr;
    tag->link.tolerance_ratio = tag_blf_tolerance(command->dr_64_3, trcal_us);
    tag->link.n_cycles = 1u << command->m;
    tag->link.trext = command->trext;
    tag->has_link = true;
    require(tag->link.tolerance_ratio >= 0.0);
}

static enum tag_answer_kind on_query(struct tag *tag, const struct tag_command *command,
                                     double tick)
{
    if (tag->state >= TAG_ACKNOWLEDGED && tag->session == command->session) {
        flip_inventoried(tag, tick);
    }
    take_link(tag, command);
    tag->session = command->session;
    tag->q = command->q;
    tag->truncates_now = tag->truncates && command->sel >= 2;
    tag->store->memory.is_selected_copy = tag->is_selected;
    tag->store->memory.holds_response = tag_security_holds_response(tag, tick);
    tag_memory_refresh(&tag->store->memory);
    bool is_b = inventoried_is_b(tag, tag->session, tick);
    bool sel_fits = command->sel < 2 || tag->is_selected == (command->sel == 3);
    if (!sel_fits || is_b != command->target_b) {
        tag->state = TAG_READY;
        return TAG_ANSWER_NONE;
    }
    tag->is_b[tag->session] = is_b; /* an S1 that ran out stays out */
    return draw_slot(tag);
}

static enum tag_answer_kind on_query_rep(struct tag *tag, const struct tag_command *command,
                                         double tick)
{
    if (command->session != tag->session) {
        tag_access_disturb(tag);
        return TAG_ANSWER_NONE;
    }
    switch (tag->state) {
    case TAG_READY: break;
    case TAG_ARBITRATE:
        tag->slot = tag->slot == 0 ? SLOT_WRAPPED : (uint16_t)(tag->slot - 1);
        if (tag->slot == 0) {
            tag->state = TAG_REPLY;
            return TAG_ANSWER_RN16;
        }
        break;
    case TAG_REPLY:
        tag->slot = SLOT_WRAPPED;
        tag->state = TAG_ARBITRATE;
        break;
    case TAG_ACKNOWLEDGED:
    case TAG_OPEN:
    case TAG_SECURED:
        flip_inventoried(tag, tick);
        tag->state = TAG_READY;
        break;
    case TAG_KILLED: break;
    }
    return TAG_ANSWER_NONE;
}

static enum tag_answer_kind on_query_adjust(struct tag *tag, const struct tag_command *command,
                                            double tick)
{
    if (command->session != tag->session) {
        tag_access_disturb(tag);
        return TAG_ANSWER_NONE;
    }
    if (tag->state == TAG_READY) {
        return TAG_ANSWER_NONE;
    }
    if (tag->state >= TAG_ACKNOWLEDGED) {
        flip_inventoried(tag, tick);
        tag->state = TAG_READY;
        return TAG_ANSWER_NONE;
    }
    if (command->q_change > 0 && tag->q < Q_MAX) {
        tag->q++;
    } else if (command->q_change < 0 && tag->q > 0) {
        tag->q--;
    }
    return draw_slot(tag);
}

static enum tag_answer_kind on_ack(struct tag *tag, const struct tag_command *command)
{
    bool is_open = tag->state >= TAG_OPEN;
    bool is_right = command->rn == (is_open ? tag->handle : tag->rn16);
    if (tag->state == TAG_ARBITRATE && tag->t2_expired && is_right) {
        tag->n_acks_late++;
    }
    if (tag->state < TAG_REPLY) {
        return TAG_ANSWER_NONE;
    }
    if (!is_right || tag->sequence != TAG_SEQUENCE_NONE) {
        tag->state = TAG_ARBITRATE;
        return TAG_ANSWER_NONE;
    }
    tag->n_acks_heard++;
    tag->state = is_open ? tag->state : TAG_ACKNOWLEDGED;
    tag->has_cover = false;
    return TAG_ANSWER_EPC;
}

static void leave_to_arbitrate(struct tag *tag)
{
    if (tag->state >= TAG_REPLY) {
        tag->state = TAG_ARBITRATE;
    }
}

/* What an action does to a flag; "set" is SL asserted or inventoried A. */
enum effect { KEEP, SET, CLEAR, NEGATE };
static const enum effect select_effect[8][2] = {
    /* action: matching, not matching */
    {SET, CLEAR}, {SET, KEEP},   {KEEP, CLEAR}, {NEGATE, KEEP},
    {CLEAR, SET}, {CLEAR, KEEP}, {KEEP, SET},   {KEEP, NEGATE},
};

static void on_select(struct tag *tag, const struct tag_command *command, double tick)
{
    tag->store->memory.holds_response = tag_security_holds_response(tag, tick);
    bool matches =
        tag_memory_matches(&tag->store->memory, (enum tag_bank)command->bank, command->pointer,
                           tag_pie_bits(&tag->pie), command->mask_first, command->n_mask_bits);
    enum effect effect = select_effect[command->action][matches ? 0 : 1];
    bool is_sl = command->target == TARGET_SL;
    bool was_set = is_sl ? tag->is_selected : !inventoried_is_b(tag, command->target, tick);
    bool is_set = effect == KEEP ? was_set : effect == NEGATE ? !was_set : effect == SET;
    tag->state = TAG_READY;
    tag->truncates = command->truncate && matches;
    tag->truncate_first = command->pointer + command->n_mask_bits;
    if (effect == KEEP) {
        return;
    }
    if (is_sl) {
        tag->is_selected = is_set;
    } else {
        set_inventoried(tag, command->target, !is_set, tick);
    }
}

struct tag_answer tag_state_step(struct tag *tag, const struct tag_world *world,
                                 const struct tag_command *command)
{
    require(tag->is_powered);
    require(tag->state != TAG_KILLED);
    double tick = tag->command_end_tick;
    struct tag_answer answer = tag_no_answer;
    switch (command->kind) {
    case TAG_COMMAND_QUERY: answer.kind = on_query(tag, command, tick); break;
    case TAG_COMMAND_QUERY_REP: answer.kind = on_query_rep(tag, command, tick); break;
    case TAG_COMMAND_QUERY_ADJUST: answer.kind = on_query_adjust(tag, command, tick); break;
    case TAG_COMMAND_ACK: answer.kind = on_ack(tag, command); break;
    case TAG_COMMAND_SELECT: on_select(tag, command, tick); break;
    case TAG_COMMAND_CHALLENGE:
        tag_security_challenge(tag, world, command);
        tag->state = TAG_READY;
        break;
    case TAG_COMMAND_NAK: leave_to_arbitrate(tag); break;
    case TAG_COMMAND_INVALID: break;
    default: answer = tag_access_step(tag, world, command); break;
    }
    if (tag->state < TAG_OPEN) {
        tag->sequence = TAG_SEQUENCE_NONE;
        tag->has_cover = false;
    }
    if (command->kind != TAG_COMMAND_ACK) {
        tag->t2_expired = false;
    }
    return answer;
}
