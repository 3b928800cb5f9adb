/* tag.c - power, timing rules and replies of a tag; the states are in tag_state.c. */
#include "radio/air/tag.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_state.h"

#define T1_TOLERANCE_US 2.0
#define T1_MIN_TPRI 10.0
#define T2_MIN_TPRI 3.0
#define T4_RTCAL 2.0
#define TIMING_TOLERANCE 0.02 /* by which a tag's T2 and T4 are shorter than asked for */
#define BLF_ERROR_USUAL 0.7

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

void tag_init(struct tag *tag, const uint8_t *epc, size_t n_epc_bits, uint64_t serial,
              uint64_t seed, const struct tag_world *world)
{
    require(n_epc_bits % 16 == 0);
    require(n_epc_bits <= 8 * TAG_EPC_BYTES_MAX);
    memset(tag, 0, sizeof *tag);
    tag->random = seed;
    tag->n_epc_bits = n_epc_bits;
    tag_bits_put(tag->epc_bank, 16, (uint32_t)(n_epc_bits / 16) << 11, 16); /* StoredPC: L */
    memcpy(tag->epc_bank + 4, epc, n_epc_bits / 8);
    tag_bits_put(tag->epc_bank, 0, tag_crc16(tag->epc_bank + 2, 16 + n_epc_bits), 16);
    /* E2h class, XTID present, maker 001h, model 160h, XTID header 2000h, 48-bit serial */
    tag_bits_put(tag->tid_bank, 0, 0xE2801160u, 32);
    tag_bits_put(tag->tid_bank, 32, 0x2000u, 16);
    tag_bits_put(tag->tid_bank, 48, (uint32_t)(serial >> 32) & 0xFFFFu, 16);
    tag_bits_put(tag->tid_bank, 64, (uint32_t)serial, 32);
    tag->clock_unit = 2.0 * noise_uniform(&tag->random) - 1.0;
    double ticks_per_s = 1e6 * world->ticks_per_us;
    tag->persist_ticks[0] = (0.6 + 3.9 * noise_uniform(&tag->random)) * ticks_per_s; /* .5 .. 5 s */
    for (int i = 1; i < 4; i++) {
        tag->persist_ticks[i] = (2.2 + 30.0 * noise_uniform(&tag->random)) * ticks_per_s; /* > 2 */
    }
    tag->dark_tick = -INFINITY;
    tag_pie_reset(&tag->pie, world->ticks_per_us);
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
    tag->state = TAG_READY;
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
    if (tag->has_reply && tag->reply.end_tick > tick) {
        tag->reply.end_tick = fmax(tick, tag->reply.start_tick);
    }
}

/* A reader may send during a reply and too early after it or after its own last command; the
 * tag need not understand that (6.3.1.6), and this one does not. */
static bool is_too_early(const struct tag *tag, const struct tag_world *world)
{
    double start_tick = tag->pie.start_tick;
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
    return nominal + fmax(-span, fmin(span, jitter));
}

static void start_reply(struct tag *tag, const struct tag_world *world, unsigned n_bits)
{
    struct tag_reply *reply = &tag->reply;
    tag_code_start(&reply->code, n_bits, tag->link.n_cycles, tag->link.trext);
    unsigned n_levels = tag_code_n_levels(&reply->code);
    double drift = world->blf_drift_ratio * (2.0 * noise_uniform(&tag->random) - 1.0);
    tag->blf_error_ratio = clock_error(tag, world);
    reply->half_ticks =
        0.5 * tag->link.tpri_us * world->ticks_per_us / (1.0 + tag->blf_error_ratio);
    reply->drift_ticks = reply->half_ticks * drift / n_levels;
    reply->start_tick = tag->command_end_tick + draw_t1_us(tag, world) * world->ticks_per_us;
    reply->end_tick = reply->start_tick + n_levels * reply->half_ticks +
                      0.5 * n_levels * (n_levels - 1.0) * reply->drift_ticks;
    tag->has_reply = true;
}

static unsigned rn16_bits(struct tag *tag)
{
    tag->rn16 = (uint16_t)(noise_mix(&tag->random) >> 48);
    tag_bits_put(tag->reply.code.bits, 0, tag->rn16, 16);
    tag->n_rn16_sent++;
    return 16;
}

/* PC, EPC and PacketCRC; or 00000, the EPC after the mask and PacketCRC (clause 6.3.2.12.1.1). */
static unsigned epc_bits(struct tag *tag)
{
    uint8_t *bits = tag->reply.code.bits;
    unsigned n_bits;
    if (tag->truncates_now) {
        n_bits = 5;
        tag_bits_put(bits, 0, 0, 5);
        for (unsigned at = tag->truncate_first; at < 32 + tag->n_epc_bits; at++) {
            tag_bits_put(bits, n_bits++, tag_bit(tag->epc_bank, at), 1);
        }
    } else {
        n_bits = 16 + (unsigned)tag->n_epc_bits;
        memcpy(bits, tag->epc_bank + 2, n_bits / 8);
    }
    tag_bits_put(bits, n_bits, tag_crc16(bits, n_bits), 16);
    tag->n_epc_sent++;
    return n_bits + 16;
}

enum tag_event tag_rise(struct tag *tag, const struct tag_world *world, double tick)
{
    require_sig(tag->is_powered);
    if (!tag_pie_rise(&tag->pie, tick) || is_too_early(tag, world)) {
        return TAG_EVENT_NONE;
    }
    expire_t2(tag, world);
    struct tag_command command;
    tag_command_read(tag->pie.bits, tag->pie.n_bits, &command);
    if (!tag_state_accepts(tag, &command)) {
        return TAG_EVENT_NONE;
    }
    tag->command_end_tick = tick;
    tag->guard_ticks =
        T4_RTCAL * (1.0 - TIMING_TOLERANCE) * tag->pie.rtcal_us * world->ticks_per_us;
    switch (tag_state_step(tag, &command, tick)) {
    case TAG_ANSWER_NONE: return TAG_EVENT_COMMAND;
    case TAG_ANSWER_RN16: start_reply(tag, world, rn16_bits(tag)); return TAG_EVENT_REPLY;
    case TAG_ANSWER_EPC: start_reply(tag, world, epc_bits(tag)); return TAG_EVENT_REPLY;
    }
    return TAG_EVENT_NONE;
}
