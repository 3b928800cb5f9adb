/* inventory.c - the inventory state machine: rounds of slots, a policy in the loop, one pass after
 * the other. Which event may come in which state stands in one table. */
#include "protocol/inventory.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

enum { SESSION_S0 = 0 };
enum { TARGET_A = 0, TARGET_B, TARGET_DUAL };
#define QUERY_PERIOD_US 250e3
enum { SELECT_NO = 0, SELECT_YES, SELECT_AUTO };
enum { SESSION_S1 = 1, TARGET_SL = 4, ACTION_ALL_A = 0, ACTION_NEGATE = 3, ACTION_ALL_B = 4 };

/* S1 runs out 500 ms after it was set at the earliest (Gen2 6.3.2.2); times are reckoned, not measured. */
#define REFRESH_US 300e3
/* A newcomer waits about so long for the Selects that let it in: longer where there are many. */
#define MASKS_US 100e3
#define MASK_US 25e3

static const struct option_row inventory_rows[] = {
    {"inventory.session", OPTION_CHOICE, "", "s0", 0, 0, "s0|s1|s2|s3",
     offsetof(struct inventory_cfg, session), "session of every round (Gen2 6.3.2.2)", "session"},
    {"inventory.target", OPTION_CHOICE, "", "dual", 0, 0, "a|b|dual",
     offsetof(struct inventory_cfg, target),
     "flag of the tags that take part; dual: A and B in turn", "target"},
    {"inventory.policy", OPTION_CHOICE, "", "slots", 0, 0, "slots|frames|q|fixed",
     offsetof(struct inventory_cfg, policy),
     "who may answer next: slots: decided after every slot; frames: whole frames by an estimate of "
     "those left; q: Gen2 Annex D; fixed: 2^q_start slots",
     "policy"},
    {"inventory.estimator", OPTION_CHOICE, "", "bayes", 0, 0, "bayes|chen",
     offsetof(struct inventory_cfg, estimator), "how frames estimates the tags left", NULL},
    {"inventory.q_start", OPTION_INT, "", "5", 0, 15, NULL, offsetof(struct inventory_cfg, q_start),
     "Q of the first round: 2^Q slots", "q"},
    {"inventory.q_min", OPTION_INT, "", "0", 0, 15, NULL, offsetof(struct inventory_cfg, q_min),
     "smallest Q", NULL},
    {"inventory.q_max", OPTION_INT, "", "15", 0, 15, NULL, offsetof(struct inventory_cfg, q_max),
     "largest Q", NULL},
    {"inventory.q_step", OPTION_NUMBER, "", "0.3", 0.05, 1.0, NULL,
     offsetof(struct inventory_cfg, q_step), "step C of the Q algorithm (Gen2 Annex D)", NULL},
    {"inventory.select_all", OPTION_CHOICE, "", "auto", 0, 0, "no|yes|auto|start",
     offsetof(struct inventory_cfg, select_all),
     "Select all tags before each pass; auto: in sessions S1 to S3; start: before the first pass "
     "only",
     NULL},
    {"inventory.ack_retries", OPTION_INT, "", "1", 0, 3, NULL,
     offsetof(struct inventory_cfg, ack_retries), "repeated ACKs after an EPC with a wrong CRC",
     NULL},
    {"inventory.rounds_max", OPTION_INT, "", "0", 0, 1e15, NULL,
     offsetof(struct inventory_cfg, rounds_max), "stop after so many rounds; 0: no limit",
     "rounds"},
};

const struct option_table inventory_options = {"Inventory", inventory_rows,
                                               sizeof inventory_rows / sizeof *inventory_rows};

enum inventory_state { STATE_IDLE = 0, STATE_SELECT, STATE_SLOT, STATE_ACK, STATE_NAK, STATE_N };

enum inventory_action {
    ACT_ILLEGAL = 0, /* the caller mixed up its events */
    ACT_START,       /* begin a pass */
    ACT_SELECTED,    /* a Select is out: the next one, or open the round */
    ACT_ACK,         /* acknowledge the RN16 */
    ACT_RETRY,       /* bad EPC: acknowledge again, or give up with NAK */
    ACT_EMPTY,
    ACT_COLLISION,
    ACT_SINGLE,
    ACT_SILENT,  /* no EPC after ACK: NAK, the tag may be in acknowledged */
    ACT_GARBLED, /* energy after ACK: NAK */
    ACT_LATE,    /* no ACK went out: the tag is back in arbitrate, no NAK needed */
    ACT_NEXT,    /* the NAK is out */
};

static const enum inventory_action actions[STATE_N][HEARD_LATE + 1] = {
    [STATE_IDLE] = {[HEARD_START] = ACT_START},
    [STATE_SELECT] = {[HEARD_START] = ACT_START, [HEARD_SENT] = ACT_SELECTED},
    [STATE_SLOT] = {[HEARD_START] = ACT_START,
                    [HEARD_NOTHING] = ACT_EMPTY,
                    [HEARD_RN16] = ACT_ACK,
                    [HEARD_COLLISION] = ACT_COLLISION},
    [STATE_ACK] = {[HEARD_START] = ACT_START,
                   [HEARD_NOTHING] = ACT_SILENT,
                   [HEARD_COLLISION] = ACT_GARBLED,
                   [HEARD_EPC] = ACT_SINGLE,
                   [HEARD_EPC_BAD] = ACT_RETRY,
                   [HEARD_LATE] = ACT_LATE},
    [STATE_NAK] = {[HEARD_START] = ACT_START, [HEARD_SENT] = ACT_NEXT},
};

enum status inventory_check(const struct inventory_cfg *cfg)
{
    require(cfg);
    if (cfg->q_min <= cfg->q_start && cfg->q_start <= cfg->q_max) {
        return ST_OK;
    }
    return status_fail(ST_RANGE,
                       "inventory.q_start is %lld, accepted inventory.q_min (%lld) .. "
                       "inventory.q_max (%lld)",
                       (long long)cfg->q_start, (long long)cfg->q_min, (long long)cfg->q_max);
}

void inventory_init(struct inventory *inventory, const struct inventory_cfg *cfg,
                    const struct link *link)
{
    require(inventory);
    require(cfg);
    require(link);
    require(inventory_check(cfg) == ST_OK);
    require(cfg->n_masks <= INVENTORY_MASKS_MAX);
    require(cfg->truncated_epc_bits == 0 || cfg->n_masks > 0);
    require(!cfg->refreshes || (cfg->session == SESSION_S1 && cfg->target != TARGET_DUAL));
    memset(inventory, 0, sizeof *inventory);
    inventory->cfg = *cfg;
    inventory->link = *link;
    inventory->state = STATE_IDLE;
    inventory->masked_us = INFINITY;
    inventory->target = cfg->target == TARGET_B ? TARGET_B : TARGET_A;
    inventory->select = cfg->select_all == SELECT_YES ||
                        (cfg->select_all == SELECT_AUTO && cfg->session != SESSION_S0);
    inventory->selects_once = cfg->select_all == INVENTORY_SELECT_START;
    const struct policy_cfg policy = {.kind = cfg->policy,
                                      .estimator = cfg->estimator,
                                      .q_start = (int)cfg->q_start,
                                      .q_min = (int)cfg->q_min,
                                      .q_max = (int)cfg->q_max,
                                      .q_step = cfg->q_step};
    policy_init(&inventory->policy, &policy, &cfg->times);
    inventory->move = (struct policy_move){POLICY_QUERY, policy_start_q(&inventory->policy)};
}

struct command inventory_mask_select(const struct inventory_mask *mask)
{
    require(mask);
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_SELECT;
    command.select.target = TARGET_SL;
    command.select.action = mask->action;
    command.select.mem_bank = mask->mem_bank;
    command.select.pointer = mask->pointer_bits;
    command.select.n_mask_bits = mask->n_bits;
    memcpy(command.select.mask, mask->mask, sizeof command.select.mask);
    return command;
}

struct command inventory_query(const struct link *link, unsigned sel, unsigned session,
                               unsigned target, unsigned q)
{
    require(link);
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_QUERY;
    command.query.dr = (uint8_t)link->dr;
    command.query.m = (uint8_t)link->m;
    command.query.trext = link->trext;
    command.query.sel = (uint8_t)sel;
    command.query.session = (uint8_t)session;
    command.query.target = (uint8_t)target;
    command.query.q = (uint8_t)q;
    return command;
}

static void inventory_send(struct inventory *inventory, struct inventory_step *step,
                           const struct command *command, enum inventory_state state)
{
    step->command = *command;
    step->expect = command_row(command->id)->reply;
    inventory->state = (int)state;
}

static void inventory_send_simple(struct inventory *inventory, struct inventory_step *step,
                                  enum command_id id, enum inventory_state state)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = id;
    if (id == COMMAND_QUERY_REP) {
        command.query_rep.session = (uint8_t)inventory->cfg.session;
    } else if (id == COMMAND_ACK) {
        command.ack.rn = inventory->rn16;
    }
    inventory_send(inventory, step, &command, state);
}

/* A length-0 mask matches every tag. One Select puts the session's flag to the target; two that negate
 * it leave it as it is, and set it anew. */
static void inventory_send_select(struct inventory *inventory, struct inventory_step *step)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_SELECT;
    command.select.target = (uint8_t)inventory->cfg.session;
    command.select.action = inventory->n_all == 2           ? ACTION_NEGATE
                            : inventory->target == TARGET_B ? ACTION_ALL_B
                                                            : ACTION_ALL_A;
    command.select.mem_bank = BANK_EPC;
    inventory_send(inventory, step, &command, STATE_SELECT);
}

static void inventory_send_mask(struct inventory *inventory, struct inventory_step *step, size_t at)
{
    struct command command = inventory_mask_select(&inventory->cfg.mask[at]);
    command.select.truncate =
        inventory->cfg.truncated_epc_bits > 0 && at + 1 == inventory->cfg.n_masks;
    inventory_send(inventory, step, &command, STATE_SELECT);
}

static void inventory_time_goes_by(struct inventory *inventory, double us)
{
    inventory->refreshed_us += us;
    inventory->masked_us += us;
}

static void inventory_send_query(struct inventory *inventory, struct inventory_step *step)
{
    if (inventory->cfg.rounds_max > 0 && inventory->round >= inventory->cfg.rounds_max) {
        step->done = true;
        inventory->state = STATE_IDLE;
        return;
    }
    int q = inventory->move.q;
    inventory_time_goes_by(inventory, inventory->cfg.times.query_us);
    policy_open_frame(&inventory->policy, q);
    inventory->since_query_us = 0.0;
    inventory->round++;
    inventory->slot = 0;
    inventory->round_reads = 0;
    inventory->tally = (struct inventory_round){.valid = true, .round = inventory->round, .q = q};
    const unsigned sel = inventory->cfg.n_masks > 0 ? 3 : 0; /* SL, or all */
    const struct command command =
        inventory_query(&inventory->link, sel, (unsigned)inventory->cfg.session,
                        (unsigned)inventory->target, (unsigned)q);
    inventory_send(inventory, step, &command, STATE_SLOT);
}

static void inventory_send_adjust(struct inventory *inventory, struct inventory_step *step)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_QUERY_ADJUST;
    command.query_adjust.session = (uint8_t)inventory->cfg.session;
    int change = inventory->move.q - inventory->policy.q;
    command.query_adjust.updn = change > 0 ? UPDN_UP : change < 0 ? UPDN_DOWN : UPDN_SAME;
    policy_open_frame(&inventory->policy, inventory->move.q);
    inventory_send(inventory, step, &command, STATE_SLOT);
}

/* Population of the round: its reads, and those who are still to be read. */
static void inventory_close_round(struct inventory *inventory, struct inventory_step *step)
{
    if (!inventory->tally.valid) {
        return;
    }
    inventory->tally.tags_estimated = inventory->round_reads + policy_unread(&inventory->policy);
    step->ended_round = inventory->tally;
    inventory->tally.valid = false;
}

/* What comes next where tags are selected: all of them, then the masks (a truncating Select must be the last
 * one), then the Query. */
static void inventory_go_on_select(struct inventory *inventory, struct inventory_step *step)
{
    const size_t at = inventory->n_selected;
    if (at < inventory->n_all) {
        inventory->n_selected++;
        inventory_send_select(inventory, step);
    } else if (inventory->masks && at - inventory->n_all < inventory->cfg.n_masks) {
        inventory->n_selected++;
        inventory_send_mask(inventory, step, at - inventory->n_all);
    } else {
        inventory_send_query(inventory, step);
    }
}

/* n_all: so many Selects of all tags go first. */
static void inventory_select(struct inventory *inventory, struct inventory_step *step, size_t n_all)
{
    inventory->n_all = n_all;
    inventory->n_selected = 0;
    if (n_all > 0) {
        inventory->refreshed_us = 0.0;
    }
    const double wait_us = fmax(MASKS_US, MASK_US * (double)inventory->cfg.n_masks);
    inventory->masks = n_all > 0 || (inventory->masked_us >= wait_us && !inventory->read_last);
    if (inventory->masks) {
        inventory->masked_us = 0.0;
    }
    inventory_go_on_select(inventory, step);
}

/* A tag that was just read has not turned its flag yet, and a Select would keep it from it (6.3.2.6): the
 * refresh waits for another slot. */
static bool inventory_refresh_is_due(const struct inventory *inventory)
{
    return inventory->cfg.refreshes && inventory->refreshed_us >= REFRESH_US &&
           !inventory->read_last;
}

/* Begin a pass: all tags of the target are to be read. */
static void inventory_open_pass(struct inventory *inventory, struct inventory_step *step)
{
    const bool is_first = inventory->round == 0;
    const bool selects = inventory->select || (inventory->selects_once && is_first);
    inventory->pass_reads = 0;
    inventory_select(inventory, step, selects ? 1 : inventory_refresh_is_due(inventory) ? 2 : 0);
}

/* Nobody answered in a whole frame: the pass is over. Where the next pass meets the same tags again
 * (other target, or a Select), their number is known and Q starts there; else the field stays
 * quiet until new tags come, and Q stays low. */
static void inventory_turn_pass(struct inventory *inventory, struct inventory_step *step)
{
    if (inventory->cfg.target == TARGET_DUAL) {
        inventory->target = inventory->target == TARGET_A ? TARGET_B : TARGET_A;
    }
    bool again = inventory->select || inventory->cfg.target == TARGET_DUAL;
    policy_expect(&inventory->policy, again ? inventory->pass_reads : 0);
    if (again && inventory->pass_reads > 0) {
        inventory->move.q = policy_start_q(&inventory->policy);
    }
    inventory_open_pass(inventory, step);
}

/* Tags that came, or lost their power for a moment, take part only from the next Query on. Other policies send
 * one often enough where they draw anew. */
static bool query_is_due(const struct inventory *inventory)
{
    bool redraws =
        inventory->move.opening == POLICY_ADJUST || inventory->cfg.policy == POLICY_SLOTS;
    return redraws && inventory->since_query_us > QUERY_PERIOD_US;
}

bool inventory_reopen(struct inventory *inventory, struct inventory_step *step)
{
    require(inventory);
    require(step);
    enum command_id id = step->command.id;
    if (step->done || (id != COMMAND_QUERY_REP && id != COMMAND_QUERY_ADJUST)) {
        return false;
    }
    step->slot.valid = false;
    inventory->move.q = inventory->policy.q;
    inventory_close_round(inventory, step);
    inventory_send_query(inventory, step);
    return true;
}

/* The slot is over and no tag hangs in acknowledged unread. */
static void inventory_open_slot(struct inventory *inventory, struct inventory_step *step)
{
    if (policy_is_over(&inventory->policy)) {
        inventory_close_round(inventory, step);
        inventory_turn_pass(inventory, step);
        return;
    }
    if (inventory_refresh_is_due(inventory)) {
        inventory_close_round(inventory, step);
        inventory_select(inventory, step, 2);
        return;
    }
    if (inventory->move.opening == POLICY_QUERY || query_is_due(inventory)) {
        inventory_close_round(inventory, step);
        inventory_send_query(inventory, step);
        return;
    }
    inventory->slot++;
    if (inventory->move.opening == POLICY_ADJUST) {
        inventory_send_adjust(inventory, step);
    } else {
        inventory_send_simple(inventory, step, COMMAND_QUERY_REP, STATE_SLOT);
    }
}

static void inventory_finish_slot(struct inventory *inventory, struct inventory_step *step,
                                  enum slot_outcome outcome, bool has_rn16)
{
    require((unsigned)outcome < SLOT_OUTCOME_N);
    step->slot = (struct inventory_slot){.valid = true,
                                         .outcome = outcome,
                                         .round = inventory->round,
                                         .slot = inventory->slot,
                                         .q = inventory->policy.q,
                                         .has_rn16 = has_rn16,
                                         .rn16 = has_rn16 ? inventory->rn16 : 0};
    const struct slot_times *times = &inventory->cfg.times;
    double us = outcome == SLOT_EMPTY       ? times->idle_us
                : outcome == SLOT_COLLISION ? times->collided_us
                                            : times->single_us;
    inventory->since_query_us += us;
    inventory_time_goes_by(inventory, us);
    inventory->move = policy_take(&inventory->policy, outcome, has_rn16 && inventory->is_recovered);
    inventory->tally.slots++;
    inventory->tally.empty += outcome == SLOT_EMPTY;
    inventory->tally.single += outcome == SLOT_SINGLE;
    inventory->tally.collision += outcome == SLOT_COLLISION;
    inventory->round_reads += outcome == SLOT_SINGLE;
    inventory->pass_reads += outcome == SLOT_SINGLE;
    inventory->read_last = outcome == SLOT_SINGLE;
}

/* A tag in acknowledged would flip its flag with the next QueryRep though we did not read it; NAK
 * sends it to arbitrate with its flag kept (6.3.2.12.2.5). */
static void inventory_give_up(struct inventory *inventory, struct inventory_step *step,
                              enum slot_outcome outcome)
{
    inventory_finish_slot(inventory, step, outcome, true);
    inventory_send_simple(inventory, step, COMMAND_NAK, STATE_NAK);
}

/* The last Select did not go out. SL and the flags of S1 to S3 outlast the gap: what is out is not sent
 * again, however many masks there are. */
static void inventory_select_again(struct inventory *inventory, struct inventory_step *step)
{
    require(inventory->n_selected > 0);
    inventory->n_selected--;
    if (inventory->cfg.session == SESSION_S0 && inventory->n_all > 0) {
        inventory->n_selected = 0;
    }
    inventory_go_on_select(inventory, step);
}

void inventory_suspend(struct inventory *inventory, struct inventory_step *step)
{
    require(inventory);
    require(step);
    if (inventory->tally.valid && inventory->tally.slots == 0) { /* its Query never went out */
        inventory->tally.valid = false;
        inventory->round--;
    }
    inventory_close_round(inventory, step);
}

static void inventory_start(struct inventory *inventory, struct inventory_step *step)
{
    inventory_suspend(inventory, step);
    inventory->read_last = false;
    if (inventory->cfg.session == SESSION_S0 && inventory->cfg.target == TARGET_DUAL) {
        inventory->target = TARGET_A; /* without power every S0 flag falls back to A */
    }
    if (inventory->state == STATE_SELECT) {
        inventory_select_again(inventory, step);
        return;
    }
    /* tags that have come meanwhile are still to be chosen, and the others forget that they truncate */
    inventory->masked_us = INFINITY;
    /* flags of S1 to S3 outlast a short loss of power (6.3.2.2): the pass goes on */
    if (inventory->cfg.session != SESSION_S0 && inventory->round > 0) {
        inventory_select(inventory, step, inventory_refresh_is_due(inventory) ? 2 : 0);
        return;
    }
    inventory_open_pass(inventory, step);
}

static void inventory_acknowledge(struct inventory *inventory, const struct inventory_event *event,
                                  struct inventory_step *step)
{
    inventory->rn16 = event->rn16;
    inventory->is_recovered = event->is_recovered;
    inventory->acks_left = inventory->cfg.ack_retries;
    inventory->epc_seen = false;
    inventory_send_simple(inventory, step, COMMAND_ACK, STATE_ACK);
}

static void inventory_retry(struct inventory *inventory, struct inventory_step *step)
{
    inventory->epc_seen = true;
    if (inventory->acks_left > 0) {
        inventory->acks_left--;
        inventory_send_simple(inventory, step, COMMAND_ACK, STATE_ACK);
    } else {
        inventory_give_up(inventory, step, SLOT_CRC_ERROR);
    }
}

void inventory_advance(struct inventory *inventory, const struct inventory_event *event,
                       struct inventory_step *step)
{
    require(inventory);
    require(event);
    require(step);
    require((unsigned)event->heard <= HEARD_LATE);
    require((unsigned)inventory->state < STATE_N);
    memset(step, 0, sizeof *step);
    const enum slot_outcome unread = inventory->epc_seen ? SLOT_CRC_ERROR : SLOT_RN16_ONLY;
    const enum inventory_action action = actions[inventory->state][event->heard];
    require(action != ACT_ILLEGAL);
    switch (action) {
    case ACT_START: inventory_start(inventory, step); break;
    case ACT_SELECTED: inventory_go_on_select(inventory, step); break;
    case ACT_ACK: inventory_acknowledge(inventory, event, step); break;
    case ACT_RETRY: inventory_retry(inventory, step); break;
    case ACT_SILENT: inventory_give_up(inventory, step, unread); break;
    case ACT_GARBLED: inventory_give_up(inventory, step, SLOT_CRC_ERROR); break;
    case ACT_NEXT: inventory_open_slot(inventory, step); break;
    case ACT_EMPTY:
        inventory_finish_slot(inventory, step, SLOT_EMPTY, false);
        inventory_open_slot(inventory, step);
        break;
    case ACT_COLLISION:
        inventory_finish_slot(inventory, step, SLOT_COLLISION, false);
        inventory_open_slot(inventory, step);
        break;
    case ACT_SINGLE:
        inventory_finish_slot(inventory, step, SLOT_SINGLE, true);
        inventory_open_slot(inventory, step);
        break;
    case ACT_LATE:
        inventory_finish_slot(inventory, step, unread, true);
        inventory_open_slot(inventory, step);
        break;
    case ACT_ILLEGAL: break;
    }
}
