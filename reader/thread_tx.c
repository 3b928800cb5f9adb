/* thread_tx.c - TX: commands -> samples, never beyond the horizon (or, on a real-time radio, never
 * more than the lead ahead of the device clock). */
#include <time.h>

#include "reader/crash.h"

enum { TX_CHUNK_SAMPLES = 4096, ZEROS_LAST = 64 };
#define TX_NAP_MAX_NS 1000000 /* a stop is never noticed later */

struct tx_state {
    int64_t next_tick;
    bool pending; /* a command whose reply's arrival time is still to be accounted */
    struct stats_turnaround *pending_kind;
    int64_t pending_tick, pending_arrival_ns;
    int64_t off_tick; /* end of the last ramp down asked for */
    int64_t end_tick; /* of the ramp down; INT64_MAX while the run goes on */
};

static enum status command_shape(struct reader *reader, const struct command_item *command)
{
    struct tx_shape_frame frame;
    enum status status = ST_NOT_FOUND;
    if (command->kind == COMMAND_REVISES) {
        status = tx_shape_command_revise(reader->shape, &reader->link, command->bit,
                                         command->n_bits, command->with_preamble, &frame);
    }
    /* what should have begun may not have; what is sent already is in the way, and refused */
    return status != ST_NOT_FOUND
               ? status
               : tx_shape_command(reader->shape, &reader->link, command->bit, command->n_bits,
                                  command->with_preamble, command->start_tick, &frame);
}

static void command_take(struct reader *reader, struct tx_state *state,
                         const struct command_item *command)
{
    enum status status = command_shape(reader, command);
    if (command->kind == COMMAND_BEGINS) {
        return;
    }
    if (status != ST_OK) {
        struct late_item late = {.id = command->id, .next_tick = state->next_tick};
        reader_push_wait(reader, &reader->lates, &late);
        return;
    }
    state->pending = command->arrival_ns != 0;
    state->pending_kind = command->after_silence ? &reader->silence : &reader->turnaround;
    state->pending_tick = (int64_t)command->start_tick;
    state->pending_arrival_ns = command->arrival_ns;
}

/* Carrier on or off where the plan wants it, or as soon as possible where that is sent already. */
static void carrier_take(struct reader *reader, struct tx_state *state,
                         const struct carrier_item *item)
{
    int64_t tick = item->tick > state->next_tick ? item->tick : state->next_tick;
    if (state->end_tick != INT64_MAX) {
        return; /* it goes off for good */
    }
    if (item->on) {
        tx_shape_carrier_on(reader->shape, tick > state->off_tick ? tick : state->off_tick);
    } else {
        tx_shape_carrier_off(reader->shape, tick);
        state->off_tick = tick + tx_shape_ramp_ticks(reader->shape);
    }
}

/* How far to send now. Read the horizon before the commands: a command is in its ring before the
 * horizon passes its start. */
static int64_t tx_limit(struct reader *reader)
{
    int64_t limit = atomic_load(&reader->tx_horizon_tick);
    if (radio_ops_of(reader->radio)->real_time) {
        double lead = reader->cfg.radio.tx_lead_us * 1e-6 * reader->rate_sps;
        limit = radio_now(reader->radio) + (int64_t)lead;
    }
    return limit;
}

/* The end has been decided: carrier off at the tick asked for, or now if that is past. */
static void tx_plan_end(struct reader *reader, struct tx_state *state)
{
    int64_t off = atomic_load(&reader->tx_off_tick);
    if (off == INT64_MAX || state->end_tick != INT64_MAX) {
        return;
    }
    int64_t earliest = state->next_tick + tx_shape_lead_ticks(reader->shape);
    off = off > earliest ? off : earliest;
    tx_shape_carrier_off(reader->shape, off);
    /* zeros last, as many as surely go out: what is no whole block may never */
    state->end_tick = off + tx_shape_ramp_ticks(reader->shape) + ZEROS_LAST +
                      (int64_t)radio_tx_block_samples(reader->radio);
}

/* A real-time radio is fed in steps of a good part of its lead: packets of a few samples would cost
 * host and device more than they save. */
static int64_t tx_step_ticks(const struct reader *reader)
{
    double step_us = reader->cfg.radio.tx_lead_us * READER_TX_STEP_RATIO;
    return radio_ops_of(reader->radio)->real_time ? (int64_t)(step_us * 1e-6 * reader->rate_sps)
                                                  : 0;
}

/* Until the next step is due: a stop, or a command, has to wait no longer than that. */
static void tx_wait(struct reader *reader, unsigned seen, int64_t ticks_to_step)
{
    if (radio_ops_of(reader->radio)->real_time) {
        long nap_ns = (long)((double)ticks_to_step / reader->rate_sps * 1e9);
        struct timespec nap = {.tv_nsec = nap_ns < TX_NAP_MAX_NS ? nap_ns : TX_NAP_MAX_NS};
        nanosleep(&nap, NULL);
    } else {
        bell_wait(&reader->bell_tx, seen, 100);
    }
}

static enum status tx_send(struct reader *reader, struct tx_state *state, int64_t limit)
{
    static _Thread_local float _Complex sample[TX_CHUNK_SAMPLES];
    int64_t n = limit - state->next_tick;
    n = n < TX_CHUNK_SAMPLES ? n : TX_CHUNK_SAMPLES;
    tx_shape_render(reader->shape, sample, (size_t)n);
    if (reader->emission) {
        emission_apply(reader->emission, sample, (size_t)n, state->next_tick);
    }
    enum status status = radio_send(reader->radio, sample, (size_t)n, state->next_tick);
    state->next_tick += n;
    atomic_store(&reader->tx_sent_tick, state->next_tick);
    if (state->pending && state->next_tick > state->pending_tick) {
        state->pending = false;
        stats_turnaround_add(state->pending_kind,
                             1e-3 * (double)(reader_wall_ns() - state->pending_arrival_ns));
    }
    return status;
}

void *thread_tx(void *argument)
{
    struct reader *reader = argument;
    struct tx_state state = {.end_tick = INT64_MAX};
    enum status status = ST_OK;
    reader_thread_name("zp-tx");
    crash_mark_tx();
    while (status == ST_OK && !atomic_load(&reader->radio_stopped)) {
        unsigned seen = bell_read(&reader->bell_tx);
        int64_t limit = tx_limit(reader);
        struct carrier_item carrier;
        while (ring_pop(&reader->carriers, &carrier)) {
            carrier_take(reader, &state, &carrier);
        }
        struct command_item command;
        while (tx_shape_room_tick(reader->shape) == INT64_MIN &&
               ring_pop(&reader->commands, &command)) {
            command_take(reader, &state, &command);
        }
        /* what waits in the ring (a row of Selects) starts after the first of those at hand */
        int64_t room_tick = tx_shape_room_tick(reader->shape);
        bool full = room_tick != INT64_MIN && room_tick <= limit;
        limit = full ? room_tick : limit;
        tx_plan_end(reader, &state);
        limit = limit < state.end_tick ? limit : state.end_tick;
        if (state.next_tick >= state.end_tick) {
            break;
        }
        bool at_once = full || limit == state.end_tick;
        if (limit - state.next_tick > (at_once ? 0 : tx_step_ticks(reader))) {
            status = tx_send(reader, &state, limit);
        } else {
            tx_wait(reader, seen, tx_step_ticks(reader) - (limit - state.next_tick) + 1);
        }
    }
    if (radio_ops_of(reader->radio)->real_time) { /* on every way out: nothing follows */
        enum status ended = radio_send(reader->radio, NULL, 0, state.next_tick);
        status = status ? status : ended;
    }
    reader_tx_over(reader, status);
    return NULL;
}
