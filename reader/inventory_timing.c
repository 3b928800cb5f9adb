/* inventory_timing.c - when what was heard may be answered. */
#include <math.h>
#include <string.h>

#include "reader/inventory_parts.h"

#define T2_GUARD_TPRI 0.25 /* for the measured end of a reply */
enum { RN16_BITS = 16, EPC_BITS = 128 };

static double ticks_of_us(const struct reader *reader, double us)
{
    return us * 1e-6 * reader->rate_sps;
}

bool inventory_is_early(const struct inventory_state *state, int64_t verdict_tick)
{
    double watched_ticks = ticks_of_us(state->reader, reply_listen_watched_us(&state->listen));
    return watched_ticks > 0.0 && (double)verdict_tick <= state->listen.from_tick + watched_ticks;
}

double inventory_budget_ticks(const struct inventory_state *state, int64_t verdict_tick)
{
    const struct reader *reader = state->reader;
    return inventory_is_early(state, verdict_tick)
               ? ticks_of_us(reader, reader->slot_end.silence_us)
               : reader->turnaround_ticks;
}

double inventory_answer_ticks(const struct inventory_state *state,
                              const struct reply_result *result)
{
    const struct reader *reader = state->reader;
    double budget_ticks = inventory_budget_ticks(state, result->ready_tick);
    if (!result->is_looked || radio_ops_of(reader->radio)->real_time) {
        return budget_ticks;
    }
    bool is_read = result->verdict == REPLY_DECODED;
    double answer_us = receiver_answer_us(&reader->cfg.run, &reader->link, is_read);
    return fmax(budget_ticks, ticks_of_us(reader, answer_us));
}

const struct reply_result *inventory_in_time(const struct inventory_state *state,
                                             const struct reply_result *result, double ready_tick,
                                             struct reply_result *other)
{
    const struct reader *reader = state->reader;
    const struct reply_second *second = &result->second;
    double t2_ticks =
        ticks_of_us(reader, reader->link.t2_max_us - T2_GUARD_TPRI * reader->link.tpri_us);
    if (!second->is_known || result->end_tick + t2_ticks >= ready_tick ||
        second->end_tick + t2_ticks < ready_tick) {
        return result;
    }
    *other = *result;
    memcpy(other->bits.bit, second->bit, second->n_bits);
    other->start_tick = second->start_tick;
    other->end_tick = second->end_tick;
    other->blf_hz = second->blf_hz;
    other->snr_db = second->snr_db;
    other->right_ratio = second->right_ratio;
    other->gain = second->gain;
    other->second.is_known = false;
    return other;
}

/* Whoever spoke, though nothing of it was made out, ends by then. */
static double spoken_us(const struct inventory_state *state)
{
    const struct link *link = &state->reader->link;
    size_t n_bits = state->step.expect == REPLY_EPC ? EPC_BITS : RN16_BITS;
    n_bits =
        state->in_contact && state->contact.n_reply_bits > 0 ? state->contact.n_reply_bits : n_bits;
    double reply_us = link_reply_us(link, n_bits, link->trext) / (1.0 - link->frt_ratio);
    return link->t1_max_us + reply_us;
}

void inventory_answer_span(const struct inventory_state *state, const struct reply_result *result,
                           double *earliest_tick, double *latest_tick)
{
    const struct reader *reader = state->reader;
    const struct link *link = &reader->link;
    double guard_us = T2_GUARD_TPRI * link->tpri_us;
    bool is_read = result->verdict == REPLY_DECODED;
    /* all RN16s are equally long: a tag slower than the one made out may still speak when the answer
     * begins, and goes back to arbitrate all the same once T2 is over */
    bool is_made_out = result->verdict == REPLY_UNREADABLE && !state->in_contact &&
                       state->step.expect == REPLY_RN16 && !isnan(result->end_tick);
    *latest_tick = INFINITY;
    if (is_read || is_made_out) {
        *earliest_tick = result->end_tick + ticks_of_us(reader, link->t2_min_us + guard_us);
    } else if (result->verdict == REPLY_UNREADABLE) {
        *earliest_tick =
            state->command_end_tick + ticks_of_us(reader, spoken_us(state) + link->t2_min_us);
    } else {
        double silent_us = state->listen.watch_us > 0.0 ? reader->slot_end.next_us
                                                        : fmax(link->t1_max_us, link->t4_min_us);
        *earliest_tick = state->command_end_tick + ticks_of_us(reader, silent_us);
    }
    if (is_read && !state->in_contact) { /* open and secured know no T2 */
        *latest_tick = result->end_tick + ticks_of_us(reader, link->t2_max_us - guard_us);
    }
}
