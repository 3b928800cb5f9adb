/* inventory.c - the inventory state machine: rounds of slots, Annex D in the loop, one pass after
 * the other. Which event may come in which state stands in one table. */
#include "protocol/inventory.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

enum { SESSION_S0 = 0 };
enum { TARGET_A = 0, TARGET_B, TARGET_DUAL };
enum { SELECT_NO = 0, SELECT_YES, SELECT_AUTO };

static const struct option_row inventory_rows[] = {
    {"inventory.session", OPTION_CHOICE, "", "s0", 0, 0, "s0|s1|s2|s3",
     offsetof(struct inventory_cfg, session), "session of every round (Gen2 6.3.2.2)", "session"},
    {"inventory.target", OPTION_CHOICE, "", "dual", 0, 0, "a|b|dual",
     offsetof(struct inventory_cfg, target),
     "flag of the tags that take part; dual: A and B in turn", "target"},
    {"inventory.q_start", OPTION_INT, "", "4", 0, 15, NULL, offsetof(struct inventory_cfg, q_start),
     "Q of the first round: 2^Q slots", "q"},
    {"inventory.q_min", OPTION_INT, "", "0", 0, 15, NULL, offsetof(struct inventory_cfg, q_min),
     "smallest Q", NULL},
    {"inventory.q_max", OPTION_INT, "", "15", 0, 15, NULL, offsetof(struct inventory_cfg, q_max),
     "largest Q", NULL},
    {"inventory.q_step", OPTION_NUMBER, "", "0.3", 0.05, 1.0, NULL,
     offsetof(struct inventory_cfg, q_step), "step C of the Q algorithm (Gen2 Annex D)", NULL},
    {"inventory.select_all", OPTION_CHOICE, "", "auto", 0, 0, "no|yes|auto",
     offsetof(struct inventory_cfg, select_all),
     "Select all tags before each pass; auto: in sessions S1 to S3", NULL},
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
    ACT_QUERY,       /* the Select is out: open the round */
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
    [STATE_SELECT] = {[HEARD_START] = ACT_START, [HEARD_SENT] = ACT_QUERY},
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
    memset(inventory, 0, sizeof *inventory);
    inventory->cfg = *cfg;
    inventory->link = *link;
    inventory->state = STATE_IDLE;
    inventory->target = cfg->target == TARGET_B ? TARGET_B : TARGET_A;
    inventory->select = cfg->select_all == SELECT_YES ||
                        (cfg->select_all == SELECT_AUTO && cfg->session != SESSION_S0);
    qalgo_init(&inventory->qalgo, (int)cfg->q_start, (int)cfg->q_min, (int)cfg->q_max, cfg->q_step,
               cfg->idle_to_collision_ratio);
    inventory->next_q = (int)cfg->q_start;
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

/* A length-0 mask matches every tag: action 000 sets the flag to A, 100 to B. */
static void inventory_send_select(struct inventory *inventory, struct inventory_step *step)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_SELECT;
    command.select.target = (uint8_t)inventory->cfg.session;
    command.select.action = inventory->target == TARGET_B ? 4 : 0;
    command.select.mem_bank = 1;
    inventory_send(inventory, step, &command, STATE_SELECT);
}

/* A frame is what one Query or QueryAdjust opens: 2^Q slots, the first one at once. */
static void inventory_open_frame(struct inventory *inventory, int q)
{
    require(q >= 0);
    require(q <= 15);
    inventory->q = q;
    inventory->slots_left = (1u << q) - 1;
    memset(inventory->recent_outcomes, 0, sizeof inventory->recent_outcomes);
}

static void inventory_send_query(struct inventory *inventory, struct inventory_step *step)
{
    if (inventory->cfg.rounds_max > 0 && inventory->round >= inventory->cfg.rounds_max) {
        step->done = true;
        inventory->state = STATE_IDLE;
        return;
    }
    inventory_open_frame(inventory, inventory->next_q);
    inventory->round++;
    inventory->slot = 0;
    inventory->round_reads = 0;
    inventory->tally =
        (struct inventory_round){.valid = true, .round = inventory->round, .q = inventory->q};
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_QUERY;
    command.query.dr = (uint8_t)inventory->link.dr;
    command.query.m = (uint8_t)inventory->link.m;
    command.query.trext = inventory->link.trext;
    command.query.session = (uint8_t)inventory->cfg.session;
    command.query.target = (uint8_t)inventory->target;
    command.query.q = (uint8_t)inventory->q;
    inventory_send(inventory, step, &command, STATE_SLOT);
}

static void inventory_send_adjust(struct inventory *inventory, struct inventory_step *step)
{
    struct command command;
    memset(&command, 0, sizeof command);
    command.id = COMMAND_QUERY_ADJUST;
    command.query_adjust.session = (uint8_t)inventory->cfg.session;
    command.query_adjust.updn = inventory->next_q > inventory->q ? UPDN_UP : UPDN_DOWN;
    inventory_open_frame(inventory, inventory->next_q);
    inventory_send(inventory, step, &command, STATE_SLOT);
}

/* Population of the round: its reads, and those who tried in its last frame in vain. A collided
 * slot counts with its mean number of tags at the load the Q algorithm settles at (Schoute). */
static void inventory_close_round(struct inventory *inventory, struct inventory_step *step)
{
    const uint32_t *recent = inventory->recent_outcomes;
    if (!inventory->tally.valid) {
        return;
    }
    double backlog = recent[SLOT_COLLISION] * qalgo_tags_per_collision(&inventory->qalgo) +
                     recent[SLOT_RN16_ONLY] + recent[SLOT_CRC_ERROR];
    inventory->tally.tags_estimated = inventory->round_reads + backlog;
    step->ended_round = inventory->tally;
    inventory->tally.valid = false;
}

/* Begin a pass: all tags of the target are to be read. */
static void inventory_open_pass(struct inventory *inventory, struct inventory_step *step)
{
    inventory->pass_reads = 0;
    if (inventory->select) {
        inventory_send_select(inventory, step);
    } else {
        inventory_send_query(inventory, step);
    }
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
    if (again && inventory->pass_reads > 0) {
        qalgo_expect(&inventory->qalgo, inventory->pass_reads);
        inventory->next_q = (int)lround(inventory->qalgo.q_fp);
    }
    inventory_open_pass(inventory, step);
}

static bool inventory_frame_was_quiet(const struct inventory *inventory)
{
    const uint32_t *recent = inventory->recent_outcomes;
    return recent[SLOT_SINGLE] + recent[SLOT_COLLISION] + recent[SLOT_RN16_ONLY] +
               recent[SLOT_CRC_ERROR] ==
           0;
}

/* The slot is over and no tag hangs in acknowledged unread: what opens the next slot? */
static void inventory_open_slot(struct inventory *inventory, struct inventory_step *step)
{
    const int change = inventory->next_q - inventory->q;
    if (inventory->slots_left == 0 || change > 1 || change < -1) {
        bool quiet = inventory->slots_left == 0 && inventory_frame_was_quiet(inventory);
        inventory_close_round(inventory, step);
        if (quiet) {
            inventory_turn_pass(inventory, step);
        } else {
            inventory_send_query(inventory, step);
        }
        return;
    }
    inventory->slot++;
    if (change != 0) {
        inventory_send_adjust(inventory, step);
        return;
    }
    inventory->slots_left--;
    inventory_send_simple(inventory, step, COMMAND_QUERY_REP, STATE_SLOT);
}

static void inventory_finish_slot(struct inventory *inventory, struct inventory_step *step,
                                  enum slot_outcome outcome, bool has_rn16)
{
    require((unsigned)outcome < SLOT_OUTCOME_N);
    step->slot = (struct inventory_slot){.valid = true,
                                         .outcome = outcome,
                                         .round = inventory->round,
                                         .slot = inventory->slot,
                                         .q = inventory->q,
                                         .has_rn16 = has_rn16,
                                         .rn16 = has_rn16 ? inventory->rn16 : 0};
    inventory->next_q = qalgo_step(&inventory->qalgo, outcome);
    inventory->recent_outcomes[outcome]++;
    inventory->tally.slots++;
    inventory->tally.empty += outcome == SLOT_EMPTY;
    inventory->tally.single += outcome == SLOT_SINGLE;
    inventory->tally.collision += outcome == SLOT_COLLISION;
    inventory->round_reads += outcome == SLOT_SINGLE;
    inventory->pass_reads += outcome == SLOT_SINGLE;
}

/* A tag in acknowledged would flip its flag with the next QueryRep though we did not read it; NAK
 * sends it to arbitrate with its flag kept (6.3.2.12.2.5). */
static void inventory_give_up(struct inventory *inventory, struct inventory_step *step,
                              enum slot_outcome outcome)
{
    inventory_finish_slot(inventory, step, outcome, true);
    inventory_send_simple(inventory, step, COMMAND_NAK, STATE_NAK);
}

static void inventory_start(struct inventory *inventory, struct inventory_step *step)
{
    if (inventory->tally.valid && inventory->tally.slots == 0) { /* its Query never went out */
        inventory->tally.valid = false;
        inventory->round--;
    }
    inventory_close_round(inventory, step);
    /* flags of S1 to S3 outlast a short loss of power (6.3.2.2): the pass goes on */
    const bool opened = inventory->round > 0 && inventory->state != STATE_SELECT;
    if (inventory->cfg.session != SESSION_S0 && opened) {
        inventory_send_query(inventory, step);
        return;
    }
    if (inventory->cfg.session == SESSION_S0 && inventory->cfg.target == TARGET_DUAL) {
        inventory->target = TARGET_A; /* without power every S0 flag falls back to A */
    }
    inventory_open_pass(inventory, step);
}

static void inventory_acknowledge(struct inventory *inventory, const struct inventory_event *event,
                                  struct inventory_step *step)
{
    inventory->rn16 = event->rn16;
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
    case ACT_QUERY: inventory_send_query(inventory, step); break;
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
