/* tdma.c - polls at their places, discovery in between. */
#include "protocol/tdma.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"

enum { SESSION_S0 = 0, SESSION_S2 = 2, TARGET_SL = 4, SEL_SL = 3 };
enum {
    OTHER_FLAG_TRY = 3
}; /* of a period: asks for the other S0 flag, in case somebody turned it */

enum tdma_state {
    TDMA_IDLE = 0,
    TDMA_SELECT, /* of a poll: its Select is out, */
    TDMA_SLOT,   /* its Query, */
    TDMA_ACK,    /* its ACK */
    TDMA_DISCOVERY,
    TDMA_FLIP, /* the tag read last in discovery is to turn its flag */
};

double tdma_poll_us(const struct link *link, const struct slot_times *times, size_t n_mask_bits)
{
    require(link);
    require(times);
    require(n_mask_bits >= 1);
    require(n_mask_bits <= 255);
    struct command select = {.id = COMMAND_SELECT,
                             .select = {.target = TARGET_SL,
                                        .mem_bank = BANK_EPC,
                                        .pointer = 32,
                                        .n_mask_bits = (uint8_t)n_mask_bits}};
    memset(select.select.mask, 0xAA, sizeof select.select.mask); /* as many ones as zeros */
    return command_air_us(&select, link) + link->t4_min_us + times->query_us + times->single_us;
}

/* QueryRep and whoever answers it. */
static double flip_us(const struct link *link)
{
    return link->t1_max_us + link_reply_us(link, 16, link->trext) / (1.0 - link->frt_ratio) +
           link->t2_min_us;
}

double tdma_slot_us(const struct link *link, const struct slot_times *times)
{
    require(link);
    require(times);
    const struct command query_rep = {.id = COMMAND_QUERY_REP};
    return times->query_us + times->single_us + command_air_us(&query_rep, link) + flip_us(link);
}

void tdma_init(struct tdma *tdma, const struct tdma_cfg *cfg, const struct tdma_plan *plan,
               const struct link *link)
{
    require(tdma);
    require(cfg);
    require(plan);
    require(link);
    require(cfg->discovery.session >= SESSION_S2);
    require(cfg->discovery.target == 0);
    require(cfg->discovery.n_masks == 0);
    require(cfg->discovery.rounds_max == 0);
    memset(tdma, 0, sizeof *tdma);
    tdma->cfg = *cfg;
    tdma->link = *link;
    tdma->rate_sps = plan->cfg.rate_sps;
    const struct slot_times *times = &cfg->discovery.times;
    const double ticks_a_us = 1e-6 * tdma->rate_sps;
    tdma->slot_ticks = ticks_a_us * tdma_slot_us(link, times);
    tdma->poll_ticks = ticks_a_us * tdma_poll_us(link, times, 96);
    tdma->flip_ticks = ticks_a_us * flip_us(link);
    inventory_init(&tdma->discovery, &cfg->discovery, link);
    tdma_tags_init(&tdma->tags, plan, cfg->tries_max, cfg->forget_periods);
}

bool tdma_is_polling(const struct tdma *tdma, uint16_t *rn16, bool *is_recovered)
{
    require(tdma);
    *rn16 = tdma->rn16;
    *is_recovered = tdma->is_recovered;
    return tdma->tag != NULL;
}

static void step_send(struct tdma *tdma, struct tdma_step *step, const struct command *command,
                      enum tdma_state state)
{
    step->inventory.command = *command;
    step->inventory.expect = command_row(command->id)->reply;
    tdma->state = (int)state;
}

/* ---- polls ---- */

/* The first poll names the tag as briefly as the list allows; one that is repeated names all of it, for strangers may
 * have answered too. */
static void poll_send(struct tdma *tdma, double tick, struct tdma_step *step)
{
    struct tdma_tag *tag = tdma->tag;
    const struct inventory_mask mask =
        tag->n_tries == 1 ? *tdma_tags_mask(&tdma->tags, tag) : tdma_tags_whole_mask(tag);
    const struct command command = inventory_mask_select(&mask);
    tdma->start_tick = fmax(tick, tdma_tags_place_tick(&tdma->tags, tag));
    tdma->is_b = tag->n_tries == OTHER_FLAG_TRY ? !tag->is_b : tag->is_b;
    tdma->epc_seen = false;
    tdma->acks_left = tdma->cfg.discovery.ack_retries;
    if (tdma->start_tick > tick) {
        step->not_before_tick = tdma->start_tick;
    }
    step_send(tdma, step, &command, TDMA_SELECT);
}

static void poll_query(struct tdma *tdma, struct tdma_step *step)
{
    const struct command command = inventory_query(&tdma->link, SEL_SL, SESSION_S0, tdma->is_b, 0);
    step_send(tdma, step, &command, TDMA_SLOT);
}

static void poll_ack(struct tdma *tdma, struct tdma_step *step)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_ACK;
    command.ack.rn = tdma->rn16;
    step_send(tdma, step, &command, TDMA_ACK);
}

/* The slot and the round that the step tells already are those of what ended before. */
static void discovery_resume(struct tdma *tdma, struct tdma_step *step)
{
    const struct inventory_event start = {.heard = HEARD_START};
    const struct inventory_step told = step->inventory;
    tdma->state = TDMA_DISCOVERY;
    inventory_advance(&tdma->discovery, &start, &step->inventory);
    require(!step->inventory.slot.valid);
    require(!step->inventory.ended_round.valid);
    step->inventory.slot = told.slot;
    step->inventory.ended_round = told.ended_round;
}

/* What comes at this tick: a poll that is due, a part of discovery that ends before one is, or the wait for it. */
static void choose(struct tdma *tdma, double tick, struct tdma_step *step)
{
    tdma->tag = tdma_tags_begin(&tdma->tags, tick, tdma->poll_ticks);
    const double due_tick = tdma_tags_due_tick(&tdma->tags);
    if (!tdma->tag && tick + tdma->slot_ticks > due_tick) {
        tdma->tag = tdma_tags_begin(&tdma->tags, due_tick, 0.0);
    }
    if (tdma->tag) {
        poll_send(tdma, tick, step);
    } else {
        discovery_resume(tdma, step);
    }
}

static void poll_slot_tell(struct tdma *tdma, struct tdma_step *step, enum slot_outcome outcome,
                           bool has_rn16)
{
    step->inventory.slot = (struct inventory_slot){
        .valid = true, .outcome = outcome, .has_rn16 = has_rn16, .rn16 = has_rn16 ? tdma->rn16 : 0};
}

static void poll_lost(struct tdma *tdma, double tick, struct tdma_step *step)
{
    if (tdma_tags_lost(&tdma->tags, tdma->tag)) {
        poll_send(tdma, tick, step);
    } else {
        choose(tdma, tick, step);
    }
}

static void found(struct tdma *tdma, const struct tdma_event *event, double tick)
{
    require(event->epc);
    if (tdma->cfg.learns) {
        /* a full list is told by how many are known */
        (void)tdma_tags_add(&tdma->tags, event->epc, event->n_epc_bits, false, tick);
    }
}

static void poll_epc(struct tdma *tdma, const struct tdma_event *event, double tick,
                     struct tdma_step *step)
{
    struct tdma_tag *tag = tdma->tag;
    poll_slot_tell(tdma, step, SLOT_SINGLE, true);
    if (tdma_tags_find(&tdma->tags, event->epc, event->n_epc_bits) != tag) {
        found(tdma, event, tick); /* somebody else fits the mask */
        poll_lost(tdma, tick, step);
        return;
    }
    tag->is_b = tdma->is_b;
    step->is_read = tdma_tags_read(&tdma->tags, tag, tdma->start_tick);
    step->jitter_us = units_us_from_ticks(tdma->start_tick - tdma_tags_place_tick(&tdma->tags, tag),
                                          tdma->rate_sps);
    choose(tdma, tick, step);
}

static void poll_slot_heard(struct tdma *tdma, const struct tdma_event *event, double tick,
                            struct tdma_step *step)
{
    switch (event->heard.heard) {
    case HEARD_RN16:
        tdma->rn16 = event->heard.rn16;
        tdma->is_recovered = event->heard.is_recovered;
        poll_ack(tdma, step);
        break;
    case HEARD_NOTHING:
        poll_slot_tell(tdma, step, SLOT_EMPTY, false);
        poll_lost(tdma, tick, step);
        break;
    default:
        require(event->heard.heard == HEARD_COLLISION);
        poll_slot_tell(tdma, step, SLOT_COLLISION, false);
        poll_lost(tdma, tick, step);
        break;
    }
}

/* No NAK where the EPC was not read: the Select that follows, or the Query of another session, leaves the tag's S0
 * flag as it is. */
static void poll_ack_heard(struct tdma *tdma, const struct tdma_event *event, double tick,
                           struct tdma_step *step)
{
    const enum inventory_heard heard = event->heard.heard;
    if (heard == HEARD_EPC) {
        poll_epc(tdma, event, tick, step);
        return;
    }
    tdma->epc_seen = tdma->epc_seen || heard == HEARD_EPC_BAD || heard == HEARD_COLLISION;
    if (heard == HEARD_EPC_BAD && tdma->acks_left > 0) {
        tdma->acks_left--;
        poll_ack(tdma, step);
        return;
    }
    poll_slot_tell(tdma, step, tdma->epc_seen ? SLOT_CRC_ERROR : SLOT_RN16_ONLY, true);
    poll_lost(tdma, tick, step);
}

/* ---- discovery ---- */

/* The next slot would not be over when a poll is due. A tag that was read turns its flag with a QueryRep, for the
 * Select of the poll would keep it from that, and it would be read once more. */
static void discovery_leave(struct tdma *tdma, double tick, struct tdma_step *step)
{
    inventory_suspend(&tdma->discovery, &step->inventory);
    const struct inventory_slot *slot = &step->inventory.slot;
    if (slot->valid && slot->outcome == SLOT_SINGLE) {
        struct command command;
        memset(&command, 0, sizeof command);
        command.id = COMMAND_QUERY_REP;
        command.query_rep.session = (uint8_t)tdma->cfg.discovery.session;
        step_send(tdma, step, &command, TDMA_FLIP);
        step->inventory.expect = REPLY_NONE;
        return;
    }
    choose(tdma, tick, step);
}

static void discovery_go_on(struct tdma *tdma, const struct inventory_event *event, double tick,
                            struct tdma_step *step)
{
    inventory_advance(&tdma->discovery, event, &step->inventory);
    const enum command_id id = step->inventory.command.id;
    const bool opens = id != COMMAND_ACK && id != COMMAND_NAK;
    if (opens && tick + tdma->slot_ticks > tdma_tags_due_tick(&tdma->tags)) {
        discovery_leave(tdma, tick, step);
    }
}

/* The last step was not sent, or the tags have lost their power since. */
static void start_over(struct tdma *tdma, double tick, struct tdma_step *step)
{
    if (tdma->state == TDMA_DISCOVERY) {
        inventory_suspend(&tdma->discovery, &step->inventory);
    }
    const bool is_polling = tdma->tag != NULL;
    if (is_polling && tick < tdma_tags_end_tick(&tdma->tags, tdma->tag)) {
        poll_send(tdma, tick, step);
    } else {
        choose(tdma, tick, step);
    }
}

void tdma_advance(struct tdma *tdma, const struct tdma_event *event, double tick,
                  struct tdma_step *step)
{
    require(tdma);
    require(event);
    require(step);
    const enum inventory_heard heard = event->heard.heard;
    memset(step, 0, sizeof *step);
    if (heard == HEARD_START) {
        start_over(tdma, tick, step);
        return;
    }
    switch ((enum tdma_state)tdma->state) {
    case TDMA_SELECT:
        require(heard == HEARD_SENT);
        poll_query(tdma, step);
        break;
    case TDMA_SLOT: poll_slot_heard(tdma, event, tick, step); break;
    case TDMA_ACK: poll_ack_heard(tdma, event, tick, step); break;
    case TDMA_DISCOVERY:
        if (heard == HEARD_EPC) {
            found(tdma, event, tick);
        }
        discovery_go_on(tdma, &event->heard, tick, step);
        break;
    case TDMA_FLIP:
        require(heard == HEARD_SENT);
        choose(tdma, tick + tdma->flip_ticks, step);
        step->not_before_tick = fmax(step->not_before_tick, tick + tdma->flip_ticks);
        break;
    case TDMA_IDLE: require(heard == HEARD_START); break;
    }
}
