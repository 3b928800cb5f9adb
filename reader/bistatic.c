/* bistatic.c - option rows of bistatic operation, the gate. */
#include "reader/bistatic.h"

#include <math.h>
#include <stddef.h>

#include "config/require.h"

enum { QUERY_BITS = 22, ACK_BITS = 18, NAK_BITS = 8 };

#define NUMBER_ROW(field_, unit_, fallback_, min_, max_, meaning_)                                 \
    {                                                                                              \
        .key = "bistatic." #field_, .kind = OPTION_NUMBER, .unit = unit_, .fallback = fallback_,   \
        .min = min_, .max = max_, .offset = offsetof(struct bistatic_cfg, field_),                 \
        .meaning = meaning_                                                                        \
    }

static const struct option_row bistatic_rows[] = {
    {.key = "bistatic.mode",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "none",
     .choices = "none|split|helper|listen",
     .offset = offsetof(struct bistatic_cfg, mode),
     .meaning = "split: the receiver is another radio; helper: an emitter adds carrier; listen: "
                "decode what others do, transmit nothing"},
    NUMBER_ROW(gate_period_s, "s", "", 0.002, 1,
               "helper: each second of shared time is divided into periods of this length, a whole "
               "number of them; not set: the emitter is always on"),
    NUMBER_ROW(gate_s, "s", "", 0.001, 1,
               "helper: the reader works in the first so many seconds of each period, the emitter "
               "is silent in them"),
    NUMBER_ROW(
        gate_offset_s, "s", "0", -1, 1,
        "helper: the periods are counted from so long after a full second of the device's time "
        "(PPS); on radios without one: after the first sample"),
    NUMBER_ROW(
        gate_guard_us, "us", "2500", 0, 1e5,
        "helper: the emitter is silent so much longer before and after: for clocks that differ, "
        "and for tags to get used to less field"),
    NUMBER_ROW(start_spread_us, "us", "10000", 100, 50000,
               "split: transmit and receive radio start within this of each other"),
    {.key = "bistatic.shared_reference",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .offset = offsetof(struct bistatic_cfg, shared_reference),
     .meaning = "split: each radio derives carrier and sample clock from one oscillator, so that "
                "the carrier's offset tells the clocks' difference"},
};

const struct option_table bistatic_options = {.title = "bistatic operation",
                                              .rows = bistatic_rows,
                                              .n_rows =
                                                  sizeof bistatic_rows / sizeof *bistatic_rows};

enum status bistatic_check(const struct bistatic_cfg *cfg)
{
    bool gated = !isnan(cfg->gate_period_s) || !isnan(cfg->gate_s);
    if (!gated) {
        return ST_OK;
    }
    if (cfg->mode != BISTATIC_HELPER) {
        return status_fail(ST_USAGE, "bistatic.gate_period_s and bistatic.gate_s are for "
                                     "bistatic.mode helper");
    }
    if (isnan(cfg->gate_period_s) || isnan(cfg->gate_s)) {
        return status_fail(ST_USAGE, "%s is not set: a gate has a length and a period",
                           isnan(cfg->gate_s) ? "bistatic.gate_s" : "bistatic.gate_period_s");
    }
    double per_s =
        1.0 / cfg->gate_period_s; /* two programs agree on where seconds begin, no more */
    if (fabs(per_s - round(per_s)) > 1e-6) {
        return status_fail(ST_RANGE,
                           "bistatic.gate_period_s is %g s, accepted are whole parts of a second "
                           "(%g s, %g s)",
                           cfg->gate_period_s, 1.0 / ceil(per_s), 1.0 / fmax(floor(per_s), 1.0));
    }
    double most_s = cfg->gate_period_s - 2e-6 * cfg->gate_guard_us;
    if (!(cfg->gate_s < most_s)) {
        return status_fail(ST_RANGE,
                           "bistatic.gate_s is %g s, accepted below %g s (the period less both "
                           "guard times)",
                           cfg->gate_s, most_s);
    }
    return ST_OK;
}

void gate_init(struct gate *gate, const struct bistatic_cfg *cfg, double rate_sps,
               double start_time_s)
{
    *gate = (struct gate){.is_on = !isnan(cfg->gate_s)};
    if (gate->is_on) {
        double into_s = fmod(start_time_s - cfg->gate_offset_s, cfg->gate_period_s);
        gate->period_ticks = cfg->gate_period_s * rate_sps;
        gate->open_ticks = cfg->gate_s * rate_sps;
        gate->first_tick = -into_s * rate_sps;
    }
}

double gate_fit(const struct gate *gate, double tick, double needed)
{
    if (!gate->is_on) {
        return tick;
    }
    require(needed <= gate->open_ticks);
    double window = gate->first_tick +
                    floor((tick - gate->first_tick) / gate->period_ticks) * gate->period_ticks;
    if (tick + needed <= window + gate->open_ticks) {
        return tick;
    }
    return ceil(window + gate->period_ticks);
}

static double command_us(const struct link *link, double n_bits)
{
    return link->delimiter_us + link->data0_us + link->rtcal_us + n_bits * link->data1_us;
}

static double reply_us(const struct link *link, size_t n_bits)
{
    return link->t1_max_us + link_reply_us(link, n_bits, link->trext) / (1.0 - link->frt_ratio);
}

double bistatic_ack_us(const struct link *link, size_t n_bits)
{
    return command_us(link, ACK_BITS) + reply_us(link, n_bits);
}

double bistatic_slot_us(const struct link *link, size_t n_bits)
{
    return command_us(link, QUERY_BITS) + link->trcal_us + reply_us(link, 16) + link->t2_max_us +
           bistatic_ack_us(link, n_bits);
}

double bistatic_wake_us(const struct link *link)
{
    return command_us(link, NAK_BITS) + link->t4_min_us;
}
