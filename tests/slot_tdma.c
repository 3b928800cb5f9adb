/* slot_tdma.c - Select, Query, QueryRep, QueryAdjust and ACK as a tag takes them (Gen2 6.3.2.12). */
#include "tests/slot_tdma.h"

#include <math.h>
#include <string.h>

#include "config/random.h"
#include "config/require.h"

enum { EPC_BITS = 96, EPC_BIT = 32, REPLY_BITS = 128, TARGET_SL = 4 };

struct world {
    const struct slot_tdma_cfg *cfg;
    struct slot_tdma_tag *tag;
    size_t n_tags;
    uint64_t random;
    double tick;                 /* the next command's earliest */
    double now_s;                /* this one's start */
    int q;                       /* of the round */
    struct slot_tdma_tag *heard; /* whose RN16 was read */
    struct slot_tdma_run run;
};

static bool is_there(const struct world *world, const struct slot_tdma_tag *tag)
{
    return world->now_s >= tag->from_s && world->now_s < tag->to_s;
}

static bool fits(const struct command *select, const struct slot_tdma_tag *tag)
{
    for (unsigned k = 0; k < select->select.n_mask_bits; k++) {
        const unsigned at = select->select.pointer - EPC_BIT + k;
        if (at >= EPC_BITS || (tag->epc[at / 8] >> (7 - at % 8) & 1) !=
                                  (select->select.mask[k / 8] >> (7 - k % 8) & 1)) {
            return false;
        }
    }
    return true;
}

/* Action 0 asserts or sets to A who fits, and the other way round who does not: the only one sent. */
static void take_select(struct world *world, const struct command *command)
{
    require(command->select.action == 0);
    for (size_t k = 0; k < world->n_tags; k++) {
        struct slot_tdma_tag *tag = &world->tag[k];
        if (!is_there(world, tag)) {
            continue;
        }
        tag->session = -1;
        tag->is_replying = tag->is_acknowledged = false;
        if (command->select.target == TARGET_SL) {
            tag->is_selected = fits(command, tag);
        } else {
            tag->is_b[command->select.target] = !fits(command, tag);
        }
    }
}

static void turn(struct world *world, struct slot_tdma_tag *tag, int session)
{
    if (tag->is_acknowledged && tag->session == session) {
        tag->is_b[session] = !tag->is_b[session];
        world->run.n_turned += session == 0;
        tag->session = -1;
    }
    tag->is_acknowledged = false;
}

static void draw_slot(struct world *world, struct slot_tdma_tag *tag, int q)
{
    tag->slot = (uint32_t)(random_uniform(&world->random) * ldexp(1.0, q));
    tag->is_replying = tag->slot == 0;
}

static void take_query(struct world *world, const struct command *command)
{
    world->q = command->query.q;
    const int session = command->query.session;
    for (size_t k = 0; k < world->n_tags; k++) {
        struct slot_tdma_tag *tag = &world->tag[k];
        if (!is_there(world, tag)) {
            continue;
        }
        turn(world, tag, session);
        const bool is_asked =
            command->query.sel < 2 || (command->query.sel == 3) == tag->is_selected;
        tag->session = -1;
        tag->is_replying = false;
        if (is_asked && tag->is_b[session] == (command->query.target != 0)) {
            tag->session = session;
            draw_slot(world, tag, command->query.q);
        }
    }
}

static void take_next(struct world *world, int session, bool redraws, int q)
{
    for (size_t k = 0; k < world->n_tags; k++) {
        struct slot_tdma_tag *tag = &world->tag[k];
        if (!is_there(world, tag)) {
            continue;
        }
        turn(world, tag, session);
        if (tag->session != session) {
            continue;
        }
        if (redraws) {
            draw_slot(world, tag, q);
        } else if (tag->is_replying) {
            tag->slot = 0x7FFF;
            tag->is_replying = false;
        } else {
            tag->slot--;
            tag->is_replying = tag->slot == 0;
        }
    }
}

static void take_nak(struct world *world)
{
    for (size_t k = 0; k < world->n_tags; k++) {
        world->tag[k].is_acknowledged = world->tag[k].is_replying = false;
    }
}

static struct inventory_event hear_rn16(struct world *world)
{
    const struct slot_errors *errors = &world->cfg->errors;
    struct inventory_event event = {.heard = HEARD_NOTHING, .rn16 = 0x6C0A};
    unsigned n = 0;
    for (size_t k = 0; k < world->n_tags; k++) {
        if (world->tag[k].is_replying && is_there(world, &world->tag[k])) {
            n++;
            world->heard = &world->tag[k];
        }
    }
    if (n == 1) {
        event.heard = random_uniform(&world->random) < errors->missed ? HEARD_NOTHING : HEARD_RN16;
    } else if (n > 1) {
        event.heard =
            random_uniform(&world->random) < errors->captured ? HEARD_RN16 : HEARD_COLLISION;
    }
    return event;
}

static struct inventory_event hear_epc(struct world *world)
{
    const struct slot_errors *errors = &world->cfg->errors;
    const double u = random_uniform(&world->random);
    world->heard->is_acknowledged = true;
    world->heard->is_replying = false;
    return (struct inventory_event){.heard = u < errors->rn16_wrong ? HEARD_NOTHING
                                             : u < errors->rn16_wrong + errors->epc_wrong
                                                 ? HEARD_EPC_BAD
                                                 : HEARD_EPC};
}

/* What the tags make of it, what is heard, and where the next command may begin. */
static struct inventory_event send(struct world *world, const struct tdma_step *step)
{
    const struct slot_tdma_cfg *cfg = world->cfg;
    const struct link *link = &cfg->link;
    const struct command *command = &step->inventory.command;
    const double ticks_a_us = 1e-6 * cfg->plan.cfg.rate_sps;
    struct inventory_event event = {.heard = HEARD_SENT};
    double us = command_air_us(command, link) + link->t4_min_us;
    switch (command->id) {
    case COMMAND_SELECT: take_select(world, command); break;
    case COMMAND_QUERY: take_query(world, command); break;
    case COMMAND_QUERY_REP: take_next(world, command->query_rep.session, false, 0); break;
    case COMMAND_QUERY_ADJUST:
        world->q += command->query_adjust.updn == UPDN_UP     ? 1
                    : command->query_adjust.updn == UPDN_DOWN ? -1
                                                              : 0;
        take_next(world, command->query_adjust.session, true, world->q);
        break;
    case COMMAND_NAK: take_nak(world); break;
    default: require(command->id == COMMAND_ACK); break;
    }
    if (step->inventory.expect != REPLY_NONE) {
        const bool is_ack = step->inventory.expect == REPLY_EPC;
        event = is_ack ? hear_epc(world) : hear_rn16(world);
        const double reply_us = link_reply_us(link, is_ack ? REPLY_BITS : 16, link->trext);
        us = command_air_us(command, link) +
             (event.heard == HEARD_NOTHING ? fmax(link->t1_max_us, link->t4_min_us)
                                           : link->t1_nom_us + reply_us + cfg->turnaround_us);
    }
    world->run.n_commands++;
    world->run.n_outside +=
        !tdma_plan_fits(&cfg->plan, (int64_t)world->tick, (int64_t)(world->tick + us * ticks_a_us));
    world->tick += us * ticks_a_us;
    return event;
}

/* As reader/field.h has it: a slot that would not be over with the window waits for the next one, and the tags
 * are without power until then.   out  true: it does */
static bool waits_for_window(struct world *world, const struct tdma_step *step)
{
    const struct slot_tdma_cfg *cfg = world->cfg;
    const double ticks_a_us = 1e-6 * cfg->plan.cfg.rate_sps;
    const int64_t tick = (int64_t)ceil(world->tick);
    const double select_us = step->inventory.command.id == COMMAND_SELECT
                                 ? command_air_us(&step->inventory.command, &cfg->link)
                                 : 0.0;
    const double slot_us = tdma_slot_us(&cfg->link, &cfg->tdma.discovery.times) + select_us;
    const int64_t n_ticks = (int64_t)(slot_us * ticks_a_us);
    if (!tdma_plan_is_shared(&cfg->plan) || step->inventory.expect == REPLY_EPC ||
        tdma_plan_next(&cfg->plan, tick, n_ticks) == tick) {
        return false;
    }
    struct tdma_window window;
    int64_t index = tdma_plan_window_from(&cfg->plan, tick);
    tdma_plan_window(&cfg->plan, index, &window);
    if (window.begin_tick <= tick) {
        tdma_plan_window(&cfg->plan, index + 1, &window);
    }
    world->tick = (double)window.begin_tick + cfg->opening_us * ticks_a_us;
    for (size_t k = 0; k < world->n_tags; k++) {
        struct slot_tdma_tag *tag = &world->tag[k];
        tag->session = -1;
        tag->is_replying = tag->is_acknowledged = tag->is_b[0] = false;
    }
    return true;
}

static void note(struct world *world, const struct tdma_step *step, bool was_poll,
                 enum inventory_heard heard)
{
    if (step->is_read) {
        world->run.jitter_max_us = fmax(world->run.jitter_max_us, step->jitter_us);
    }
    if (heard == HEARD_EPC) {
        world->run.n_discovered += !was_poll;
        world->heard->found_s = fmin(world->heard->found_s, world->now_s); /* a NaN gives way */
    }
}

struct slot_tdma_run slot_tdma_run(const struct slot_tdma_cfg *cfg, struct slot_tdma_tag *tag,
                                   size_t n_tags)
{
    static struct tdma tdma;
    struct world world = {.cfg = cfg, .tag = tag, .n_tags = n_tags};
    struct tdma_event event = {.heard = {.heard = HEARD_START}};
    require(n_tags <= SLOT_TDMA_TAGS_MAX);
    world.random = random_state(cfg->seed, 1);
    tdma_init(&tdma, &cfg->tdma, &cfg->plan, &cfg->link);
    for (size_t k = 0; k < n_tags; k++) {
        tag[k].session = -1;
        tag[k].found_s = NAN;
        tag[k].is_b[0] = tag[k].s0_is_b;
        if (tag[k].is_listed) {
            require(tdma_tags_add(&tdma.tags, tag[k].epc, EPC_BITS, true, 0.0));
        }
    }
    while (world.tick < cfg->duration_s * cfg->plan.cfg.rate_sps) {
        struct tdma_step step;
        const bool was_poll = tdma.tag != NULL;
        tdma_advance(&tdma, &event, world.tick, &step);
        note(&world, &step, was_poll, event.heard.heard);
        world.tick = fmax(world.tick, step.not_before_tick);
        if (waits_for_window(&world, &step)) {
            event = (struct tdma_event){.heard = {.heard = HEARD_START}};
            continue;
        }
        world.now_s = world.tick / cfg->plan.cfg.rate_sps;
        event = (struct tdma_event){.heard = send(&world, &step)};
        if (event.heard.heard == HEARD_EPC) {
            event.epc = world.heard->epc;
            event.n_epc_bits = EPC_BITS;
        }
    }
    world.run.counts = tdma.tags.counts;
    return world.run;
}
