/* tag.c - power, timing rules and replies of a tag; the states are in tag_state.c. */
#include "radio/air/tag.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_access.h"
#include "radio/air/tag_answer.h"
#include "radio/air/tag_state.h"

#define T1_TOLERANCE_US 2.0
#define T1_MIN_TPRI 10.0
#define T2_MIN_TPRI 3.0
#define T4_RTCAL 2.0
#define TIMING_TOLERANCE 0.02 /* by which a tag's T2 and T4 are shorter than asked for */
#define BLF_ERROR_USUAL 0.7
#define T6_MAX_US 20e3  /* to the first in-process reply; T7 to the next is no longer */
#define WORKING_US 15e3 /* when and how often a tag says that it is still working */
#define T7_MIN_US 250.0 /* [M], and not less than T2 max */
#define T2_MAX_TPRI 20.0
#define RANGE_REDUCED_DB 10.0

/* Upper end of each stretch of TRcal and the tolerance in it; the single points of the table
 * (33.3, 66.7 ...) are as wide as the 1 % the reader may be off. */
struct tolerance_row {
    double trcal_max_us;
    double ratio;
};
static const struct tolerance_row tolerance_64_3[] = {
    {33.3 * 0.99, -1.0},  {33.3 * 1.01, 0.15}, {66.7 * 0.99, 0.22},  {66.7 * 1.01, 0.10},
    {83.3 * 0.99, 0.12},  {83.3 * 1.01, 0.10}, {133.3 * 1.01, 0.10}, {200.0 * 1.01, 0.07},
    {225.0 * 1.01, 0.05}, {INFINITY, -1.0},
};
static const struct tolerance_row tolerance_8[] = {
    {17.2 * 0.99, -1.0},  {25.0 * 0.99, 0.19}, {25.0 * 1.01, 0.10}, {31.25 * 0.99, 0.12},
    {31.25 * 1.01, 0.10}, {50.0 * 0.99, 0.10}, {50.0 * 1.01, 0.07}, {75.0 * 1.01, 0.07},
    {200.0 * 1.01, 0.04}, {INFINITY, -1.0},
};

double tag_blf_tolerance(bool dr_64_3, double trcal_us)
{
    require(!isnan(trcal_us));
    const struct tolerance_row *row = dr_64_3 ? tolerance_64_3 : tolerance_8;
    while (trcal_us > row->trcal_max_us) {
        row++;
    }
    return row->ratio;
}

void tag_init(struct tag *tag, struct tag_store *store, const struct tag_identity *identity,
              const struct tag_world *world)
{
    require(store);
    require(identity->n_epc_bits % 16 == 0);
    require(identity->n_epc_bits <= 8 * TAG_EPC_BYTES_MAX);
    memset(tag, 0, sizeof *tag);
    memset(store, 0, sizeof *store);
    tag->store = store;
    tag->reply.code.bits = store->reply_bits;
    tag->random = identity->seed;
    tag_memory_init(&store->memory, identity->epc, identity->n_epc_bits / 16, identity->serial);
    tag->clock_unit = 2.0 * noise_uniform(&tag->random) - 1.0;
    double ticks_per_s = 1e6 * world->ticks_per_us;
    tag->persist_ticks[0] = (0.6 + 3.9 * noise_uniform(&tag->random)) * ticks_per_s; /* .5 .. 5 s */
    for (int i = 1; i < 4; i++) {
        tag->persist_ticks[i] = (2.2 + 30.0 * noise_uniform(&tag->random)) * ticks_per_s; /* > 2 */
    }
    tag->dark_tick = -INFINITY;
    tag->lockout_end_tick = -INFINITY;
    tag_pie_init(&tag->pie, store->command_bits, world->ticks_per_us);
}

void tag_equip(struct tag *tag, const struct tag_equipment *equipment)
{
    struct tag_memory *memory = &tag->store->memory;
    require(equipment->n_user_words <= TAG_USER_WORDS_MAX);
    require(equipment->n_epc_words <= TAG_EPC_WORDS_MAX);
    unsigned n_epc_max = equipment->has_xpc ? TAG_EPC_WORDS_MAX_XPC : TAG_EPC_WORDS_MAX;
    unsigned n_epc_words = equipment->n_epc_words < n_epc_max ? equipment->n_epc_words : n_epc_max;
    memory->n_epc_words = n_epc_words > memory->n_epc_words ? n_epc_words : memory->n_epc_words;
    memory->n_user_words = equipment->n_user_words;
    memory->has_xpc = equipment->has_xpc && memory->n_epc_words <= TAG_EPC_WORDS_MAX_XPC;
    tag_bits_put(memory->reserved, 0, equipment->kill_password, 32);
    tag_bits_put(memory->reserved, 32, equipment->access_password, 32);
    unsigned mask = equipment->lock_payload >> 10 & 0x3FFu;
    if (tag_memory_may_lock(memory, mask, equipment->lock_payload) == TAG_FAULT_NONE) {
        tag_memory_lock(memory, mask, equipment->lock_payload & 0x3FFu);
    }
    tag->store->security.has_key = equipment->has_key;
    tag->store->security.key_id = equipment->key_id;
    tag->store->security.is_replaying = equipment->is_replaying;
    memcpy(tag->store->security.key, equipment->key, sizeof tag->store->security.key);
    tag_memory_refresh(memory);
}

/* [M] A reader that came to secured by a password has the Untraceable privilege. */
struct tag_view tag_view_of(const struct tag *tag)
{
    bool is_secured = tag->state == TAG_SECURED;
    return (struct tag_view){is_secured,
                             is_secured && tag_memory_access_password(&tag->store->memory) != 0};
}

double tag_extra_power_db(const struct tag *tag)
{
    bool is_reduced = (tag->store->memory.range == 2) != tag->store->memory.range_is_toggled;
    return is_reduced ? RANGE_REDUCED_DB : 0.0;
}

void tag_power_up(struct tag *tag, const struct tag_world *world, double tick)
{
    require(!tag->is_powered);
    double dark_ticks = tick - tag->dark_tick;
    tag->is_powered = true;
    tag->is_b[0] = false; /* S0 has no persistence */
    for (int session = 2; session < 4; session++) {
        tag->is_b[session] = tag->is_b[session] && dark_ticks <= tag->persist_ticks[session - 1];
    }
    tag->is_selected = tag->is_selected && dark_ticks <= tag->persist_ticks[3];
    tag->state = tag->store->memory.is_killed ? TAG_KILLED : TAG_READY;
    tag->sequence = TAG_SEQUENCE_NONE;
    tag->has_cover = false;
    tag->process.is_running = false;
    tag->store->security.n_response_bits = 0; /* the ResponseBuffer does not outlast power [M] */
    tag->store->memory.holds_response = false;
    tag->store->memory.range_is_toggled = false;
    tag_memory_refresh(&tag->store->memory);
    tag->has_link = false;
    tag->t2_expired = false;
    tag->truncates = false;
    tag->has_reply = false;
    tag->command_end_tick = -INFINITY;
    tag_pie_reset(&tag->pie, world->ticks_per_us);
}

void tag_power_down(struct tag *tag, double tick)
{
    require(tag->is_powered);
    tag->is_powered = false;
    tag->dark_tick = tick;
    tag_work_cut(&tag->store->work, &tag->store->memory, tick);
    tag->is_working = false;
    tag->process.is_running = false;
    if (tag->has_reply && tag->reply.end_tick > tick) {
        tag->reply.end_tick = fmax(tick, tag->reply.start_tick);
    }
}

/* A reader may send during a reply and too early after it or after its own last command; the
 * tag need not understand that (6.3.1.6), and this one does not. */
static bool is_too_early(const struct tag *tag, const struct tag_world *world)
{
    double start_tick = tag->pie.start_tick;
    if (tag->process.is_running) {
        return true;
    }
    double t2_ticks =
        T2_MIN_TPRI * (1.0 - TIMING_TOLERANCE) * tag->link.tpri_us * world->ticks_per_us;
    if (tag->has_reply && start_tick < tag->reply.end_tick + t2_ticks) {
        return true;
    }
    return start_tick < tag->command_end_tick + tag->guard_ticks;
}

static void expire_t2(struct tag *tag, const struct tag_world *world)
{
    if (tag->state != TAG_REPLY && tag->state != TAG_ACKNOWLEDGED) {
        return;
    }
    require(tag->has_reply);
    double limit_ticks = world->t2_limit_tpri * tag->link.tpri_us * world->ticks_per_us;
    if (tag->pie.start_tick > tag->reply.end_tick + limit_ticks) {
        tag->state = TAG_ARBITRATE;
        tag->t2_expired = true;
    }
}

void tag_fall(struct tag *tag, double tick)
{
    require_sig(tag->is_powered);
    tag_pie_fall(&tag->pie, tick);
}

static double clock_error(const struct tag *tag, const struct tag_world *world)
{
    double tolerance = tag->link.tolerance_ratio;
    double range =
        isnan(world->blf_error_ratio) ? BLF_ERROR_USUAL * tolerance : world->blf_error_ratio;
    if (!world->blf_error_force) {
        range = fmin(range, tolerance);
    }
    return tag->clock_unit * range;
}

static double draw_t1_us(struct tag *tag, const struct tag_world *world)
{
    double nominal = fmax(tag->link.rtcal_us, T1_MIN_TPRI * tag->link.tpri_us);
    double span = tag->link.tolerance_ratio * nominal + T1_TOLERANCE_US;
    double jitter = world->t1_jitter_us * (2.0 * noise_uniform(&tag->random) - 1.0);
    return nominal + fmax(-span, fmin(span, world->t1_ratio * span + jitter));
}

/* Bits are in reply->code.bits; to begin T1 after `from_tick`, but not before least_us after it. */
static void start_reply(struct tag *tag, const struct tag_world *world, struct tag_answer answer,
                        double from_tick, double least_us)
{
    struct tag_reply *reply = &tag->reply;
    bool pilot = answer.kind == TAG_ANSWER_DELAYED || answer.kind == TAG_ANSWER_IN_PROCESS;
    tag_code_start(&reply->code, answer.n_bits, tag->link.n_cycles, pilot || tag->link.trext);
    unsigned n_levels = tag_code_n_levels(&reply->code);
    double drift = world->blf_drift_ratio * (2.0 * noise_uniform(&tag->random) - 1.0);
    tag->blf_error_ratio = clock_error(tag, world);
    reply->half_ticks =
        0.5 * tag->link.tpri_us * world->ticks_per_us / (1.0 + tag->blf_error_ratio);
    reply->drift_ticks = reply->half_ticks * drift / n_levels;
    reply->start_tick = from_tick + fmax(draw_t1_us(tag, world), least_us) * world->ticks_per_us;
    reply->end_tick = reply->start_tick + n_levels * reply->half_ticks +
                      0.5 * n_levels * (n_levels - 1.0) * reply->drift_ticks;
    bool may_be_lost = answer.kind >= TAG_ANSWER_IMMEDIATE && world->reply_loss_ratio > 0.0;
    reply->is_lost = may_be_lost && noise_uniform(&tag->random) < world->reply_loss_ratio;
    tag->n_access_lost += reply->is_lost;
    tag->has_reply = true;
}

/* The finished reply when the process is through in time, else one that says: still working. */
static void start_in_process(struct tag *tag, const struct tag_world *world, double from_tick,
                             double least_us)
{
    double left_us = (tag->process.end_tick - from_tick) / world->ticks_per_us;
    bool is_done = left_us <= T6_MAX_US;
    unsigned n_bits = tag_answer_process(tag, is_done);
    tag->process.is_running = !is_done;
    start_reply(tag, world, (struct tag_answer){TAG_ANSWER_IN_PROCESS, n_bits}, from_tick,
                fmax(least_us, is_done ? left_us : WORKING_US));
}

static unsigned rn16_bits(struct tag *tag)
{
    tag->rn16 = (uint16_t)(noise_mix(&tag->random) >> 48);
    tag_bits_put(tag->reply.code.bits, 0, tag->rn16, 16);
    tag->n_rn16_sent++;
    return 16;
}

static enum tag_event send_answer(struct tag *tag, const struct tag_world *world,
                                  struct tag_answer answer)
{
    double from_tick = tag->command_end_tick;
    double least_us = tag->is_working ? world->write_us : 0.0;
    switch (answer.kind) {
    case TAG_ANSWER_NONE: return TAG_EVENT_COMMAND;
    case TAG_ANSWER_IN_PROCESS:
        start_in_process(tag, world, from_tick, 0.0);
        return TAG_EVENT_REPLY;
    case TAG_ANSWER_RN16: answer.n_bits = rn16_bits(tag); break;
    case TAG_ANSWER_EPC: answer.n_bits = tag_answer_epc(tag, from_tick); break;
    case TAG_ANSWER_IMMEDIATE:
    case TAG_ANSWER_DELAYED: break;
    }
    start_reply(tag, world, answer, from_tick, least_us);
    return TAG_EVENT_REPLY;
}

/* Memory as it is at `tick`; a tag that killed itself is gone. */
static void settle(struct tag *tag, double tick)
{
    if (!tag->is_working) {
        return;
    }
    tag_work_settle(&tag->store->work, &tag->store->memory, tick);
    tag->is_working = tag->store->work.kind != TAG_WORK_NONE;
    if (tag->store->memory.is_killed) {
        tag->state = TAG_KILLED;
    }
}

enum tag_event tag_rise(struct tag *tag, const struct tag_world *world, double tick)
{
    require_sig(tag->is_powered);
    if (!tag_pie_rise(&tag->pie, tick) || is_too_early(tag, world)) {
        return TAG_EVENT_NONE;
    }
    settle(tag, tick);
    if (tag->state == TAG_KILLED) {
        return TAG_EVENT_NONE;
    }
    expire_t2(tag, world);
    struct tag_command command;
    tag_command_read(tag_pie_bits(&tag->pie), tag->pie.n_bits, &command);
    if (!tag_state_accepts(tag, &command)) {
        tag_access_disturb(tag);
        return TAG_EVENT_NONE;
    }
    tag->command_end_tick = tick;
    tag->guard_ticks =
        T4_RTCAL * (1.0 - TIMING_TOLERANCE) * tag->pie.rtcal_us * world->ticks_per_us;
    return send_answer(tag, world, tag_state_step(tag, world, &command));
}

bool tag_go_on(struct tag *tag, const struct tag_world *world, double tick)
{
    settle(tag, tick);
    if (!tag->is_powered || !tag->process.is_running) {
        return false;
    }
    start_in_process(tag, world, tag->reply.end_tick,
                     fmax(T7_MIN_US, T2_MAX_TPRI * tag->link.tpri_us));
    return true;
}
