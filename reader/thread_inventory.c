/* thread_inventory.c - INVENTORY: what was heard -> records, the next command, the next window.
 *
 * Decisions rest on sample ticks alone: a command answers a verdict whose last sample is ready_tick,
 * and may not begin before ready_tick + turnaround. The horizon tells TX how far it may send without
 * meeting a command still to come; a window and its command are always in their rings first. */
#include <math.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"
#include "protocol/reply.h"
#include "reader/guard.h"
#include "reader/multiplex.h"

#define BLF_PRIOR_RATIO 0.03 /* a tag's clock from RN16 to EPC: 2.5 % drift and our own error */
#define OVER_SYMBOLS                                                                               \
    8.0 /* after an empty slot, before the carrier goes off: more than a preamble */
#define OVER_SYMBOLS_LONG 24.0
#define TAGS_MAX 200000
#define FLIP_US 200.0 /* carrier after a command, for the tag to do as it is told: 150 us */
#define ACQUIRE_SPARE_US 300.0 /* beyond the spread, for edges and the way through the radio */
enum { ACQUIRE_TRIES_MAX = 20 };

static double ticks_of_us(const struct reader *reader, double us)
{
    return us * 1e-6 * reader->rate_sps;
}

/* PR-ASK flips the carrier at every low: delimiter, data-0, RTcal, (TRcal,) bits. */
static int sign_after(const struct reader *reader, int sign, size_t n_bits, bool with_preamble)
{
    size_t n_lows = 3 + (with_preamble ? 1 : 0) + n_bits;
    bool flips = reader->cfg.tx.modulation == TX_SHAPE_PR_ASK && n_lows % 2 == 1;
    return flips ? -sign : sign;
}

static void horizon_raise(struct inventory_state *state, double tick)
{
    if (tick > (double)state->horizon_tick) {
        state->horizon_tick = (int64_t)tick;
        atomic_store(&state->reader->tx_horizon_tick, state->horizon_tick);
        bell_ring(&state->reader->bell_tx);
    }
}

/* No command can start before the verdict on the open window plus the turnaround. */
static void horizon_from_verdict(struct inventory_state *state, int64_t not_before_tick)
{
    horizon_raise(state, (double)not_before_tick + inventory_budget_ticks(state, not_before_tick) -
                             state->reader->edge_ticks - 1.0);
}

static void window_open(struct inventory_state *state, const struct command_item *command)
{
    struct reader *reader = state->reader;
    if (state->in_contact) {
        inventory_contact_listen(state);
        struct listen_item contact = {.id = state->id, .listen = state->listen};
        reader_push_wait(reader, &reader->listens, &contact);
        return;
    }
    enum reply_kind kind = state->step.expect == REPLY_EPC ? REPLY_KIND_EPC : REPLY_KIND_RN16;
    reply_listen_init(&state->listen, &reader->link, kind, state->command_end_tick);
    state->listen.carrier_sign = state->carrier_sign;
    state->listen.watch_us = kind == REPLY_KIND_RN16 ? reader->slot_end.watch_us : 0.0;
    state->listen.n_truncated_bits = inventory_truncated_bits(state);
    if (kind == REPLY_KIND_EPC && isfinite(state->blf_hz)) {
        state->listen.blf_hz = state->blf_hz;
        state->listen.blf_tolerance_ratio = BLF_PRIOR_RATIO;
    }
    struct listen_item item = {.id = state->id, .listen = state->listen, .command = *command};
    reader_push_wait(reader, &reader->listens, &item);
}

/* A command from start_tick on: as an item for TX, and what it leaves behind. */
static void command_make(struct inventory_state *state, const struct command *command,
                         double start_tick, int64_t arrival_ns, struct bitbuf *bits,
                         struct command_item *item)
{
    struct reader *reader = state->reader;
    bool with_preamble = command_row(command->id)->with_preamble;
    bits->n_bits = 0;
    enum status status = command_encode(command, bits);
    require(status == ST_OK); /* the state machine makes encodable commands only */
    require(bits->n_bits <= COMMAND_BITS_MAX);
    *item = (struct command_item){.n_bits = bits->n_bits, .with_preamble = with_preamble};
    memcpy(item->bit, bits->bit, bits->n_bits);
    item->start_tick = start_tick;
    item->id = ++state->id;
    item->arrival_ns = arrival_ns;
    state->command_start_tick = start_tick;
    state->command_end_tick =
        start_tick +
        ticks_of_us(reader, link_command_us(&reader->link, bits->bit, bits->n_bits, with_preamble));
    state->carrier_sign = sign_after(reader, state->carrier_sign, bits->n_bits, with_preamble);
}

/* Put the step's command on the air from start_tick, and open its window. */
static void command_send(struct inventory_state *state, double start_tick, int64_t arrival_ns)
{
    struct reader *reader = state->reader;
    const struct command_row *row = command_row(state->step.command.id);
    static _Thread_local struct bitbuf bits;
    struct command_item item;
    command_make(state, &state->step.command, start_tick, arrival_ns, &bits, &item);
    item.after_silence = state->was_silent;
    item.kind = start_tick == state->ahead.start_tick ? COMMAND_REVISES : COMMAND_WHOLE;
    ack_ahead_reset(&state->ahead);
    if (row->reply == REPLY_RN16) {
        state->slot_start_tick = start_tick;
    }
    if (state->step.command.id == COMMAND_QUERY) {
        state->round_start_tick = start_tick;
    }
    if (reader->cfg.publish.trace) {
        inventory_say_command(state, &bits);
    }
    if (state->step.expect != REPLY_NONE) {
        window_open(state, &item);
    }
    reader_push_wait(reader, &reader->commands, &item);
    horizon_raise(state, state->command_end_tick);
    if (state->step.expect != REPLY_NONE) {
        horizon_from_verdict(state, inventory_not_before(state));
    }
}

/* No command: the tag that has answered will answer once more. */
static void command_spare(struct inventory_state *state)
{
    state->id++;
    window_open(state, NULL);
    horizon_from_verdict(state, inventory_not_before(state));
}

static bool run_is_over(struct inventory_state *state, double tick)
{
    struct reader *reader = state->reader;
    double duration_s = reader->cfg.run.duration_s;
    return state->step.done || atomic_load(&reader->stop_asked) ||
           inventory_access_is_over(state, tick) || inventory_read_is_over(state, tick) ||
           (isfinite(duration_s) && tick >= duration_s * reader->rate_sps);
}

/* On to the next channel or antenna; without power the tags forget the round. */
static bool field_next(struct inventory_state *state, double *earliest_tick)
{
    enum status status = field_move(&state->field, *earliest_tick);
    if (status == ST_OK) {
        *earliest_tick = field_ready_tick(&state->field);
        return true;
    }
    if (status != ST_STOPPED) {
        reader_fail(state->reader, status);
    }
    double end = state->reader->cfg.run.duration_s * state->reader->rate_sps;
    bool silent = isfinite(end) && !atomic_load(&state->reader->stop_asked);
    state->done = true;
    state->end_tick = silent ? fmax(end, *earliest_tick) : *earliest_tick;
    return false;
}

static const struct command nak_command = {.id = COMMAND_NAK}; /* no tag minds */
/* A NAK for a receiver whose clock is not known: DSP looks for it over the whole
 * spread. Nothing else is sent until that is over. */
static void acquire(struct inventory_state *state, double start_tick)
{
    struct reader *reader = state->reader;
    static _Thread_local struct bitbuf bits;
    struct listen_item item = {.acquires = true};
    state->n_acquires++;
    state->step.expect = REPLY_NONE;
    command_make(state, &nak_command, start_tick, 0, &bits, &item.command);
    item.id = state->id;
    reader_push_wait(reader, &reader->listens, &item);
    reader_push_wait(reader, &reader->commands, &item.command);
    double spread_us = 2.0 * reader->cfg.bistatic.start_spread_us + ACQUIRE_SPARE_US;
    state->acquired_tick = state->command_end_tick + ticks_of_us(reader, spread_us);
    horizon_raise(state, state->acquired_tick - (double)tx_shape_lead_ticks(reader->shape) - 1.0);
}

/* While the emitter is silent the whole slot must fit; an ACK and what answers it. */
static double gate_wait(const struct inventory_state *state, double earliest_tick)
{
    const struct reader *reader = state->reader;
    size_t n_bits = state->field.n_reply_bits;
    double needed = ticks_of_us(reader, state->step.expect == REPLY_EPC
                                            ? bistatic_ack_us(&reader->link, n_bits)
                                            : bistatic_slot_us(&reader->link, n_bits));
    /* tags with long EPCs get the whole window and, where that is not enough, the guard */
    return gate_fit(&reader->gate, earliest_tick, fmin(needed, reader->gate.open_ticks));
}

/* A window's first command is lost on tags used to more field: a NAK goes before.   ret  what may follow */
static double gate_open(struct inventory_state *state, double start_tick)
{
    static _Thread_local struct bitbuf bits;
    struct command_item item;
    command_make(state, &nak_command, start_tick, 0, &bits, &item);
    reader_push_wait(state->reader, &state->reader->commands, &item);
    return start_tick + ticks_of_us(state->reader, bistatic_wake_us(&state->reader->link));
}

/* Carrier off: now, or when the run's time is up and the next command would have been later still. */
static double over_from(const struct inventory_state *state, double decided_tick)
{
    double duration_ticks = state->reader->cfg.run.duration_s * state->reader->rate_sps;
    bool waits = state->reader->gate.is_on && isfinite(duration_ticks);
    if (state->was_silent) { /* who listens has a whole preamble of carrier to find nobody in */
        const struct link *link = &state->reader->link;
        double symbols = link->trext ? OVER_SYMBOLS_LONG : OVER_SYMBOLS;
        decided_tick += ticks_of_us(state->reader, symbols * link->m_cycles * link->tpri_us);
    }
    return waits ? fmax(decided_tick, duration_ticks) : decided_tick;
}

/* A command has begun: what needs no preamble takes its place, anything else comes after it. */
static double begun_wait(struct inventory_state *state, double earliest_tick)
{
    const struct reader *reader = state->reader;
    if (isnan(state->ahead.start_tick)) {
        return earliest_tick;
    }
    if (earliest_tick <= state->ahead.start_tick &&
        !command_row(state->step.command.id)->with_preamble) {
        return state->ahead.start_tick;
    }
    double over_tick = state->ahead.over_tick + ticks_of_us(reader, reader->link.t4_min_us) + 1.0;
    state->carrier_sign = sign_after(reader, state->carrier_sign, state->ahead.n_bits, false);
    ack_ahead_reset(&state->ahead);
    return fmax(earliest_tick, over_tick);
}

/* Before the field goes down: the tag just read turns its flag with the next QueryRep only, and one that
 * keeps it would be read once more.   ret  what may follow */
static double flip_send(struct inventory_state *state, double start_tick)
{
    static _Thread_local struct bitbuf bits;
    struct reader *reader = state->reader;
    const struct inventory_slot *slot = &state->step.slot;
    struct command_item item;
    const uint8_t session = (uint8_t)reader->cfg.inventory.session;
    const struct command query_rep = {.id = COMMAND_QUERY_REP, .query_rep.session = session};
    double needed_us =
        link_command_us(&reader->link, (const uint8_t[4]){0, 0, 1, 1}, 4, false) + FLIP_US;
    /* what began ahead of a decision is a QueryRep itself */
    bool flips = session > 0 && slot->valid && slot->outcome == SLOT_SINGLE &&
                 isnan(state->ahead.start_tick);
    if (!flips || !field_lasts(&state->field, start_tick + ticks_of_us(reader, needed_us))) {
        return start_tick;
    }
    command_make(state, &query_rep, start_tick, 0, &bits, &item);
    reader_push_wait(reader, &reader->commands, &item);
    horizon_raise(state, state->command_end_tick);
    return state->command_end_tick + ticks_of_us(reader, FLIP_US);
}

/* Answer an event: commands without reply follow one another at once, the first one with a reply
 * ends the turn. `latest_tick`: T2 max after the reply answered. */
static void respond(struct inventory_state *state, struct inventory_event event,
                    double earliest_tick, double latest_tick, int64_t arrival_ns)
{
    const struct link *link = &state->reader->link;
    double heard_tick = state->command_end_tick > 0.0 ? earliest_tick : 0.0;
    for (;;) {
        state->earliest_tick = earliest_tick;
        inventory_decide(state, &event, heard_tick);
        inventory_say_slot(state, heard_tick);
        if (state->in_contact && state->contact.listens_only) {
            command_spare(state);
            return;
        }
        if (state->vain_ticks > 0.0 && state->step.command.id != COMMAND_QUERY_REP) {
            earliest_tick += state->vain_ticks;
        }
        state->vain_ticks = 0.0;
        if (state->wait_tick > earliest_tick) { /* no tag waits for a poll */
            earliest_tick = state->wait_tick;
            latest_tick = INFINITY;
        }
        double decided_tick = earliest_tick;
        earliest_tick = gate_wait(state, earliest_tick);
        if (run_is_over(state, earliest_tick)) {
            state->done = true;
            state->end_tick = over_from(state, decided_tick);
            return;
        }
        double spare_ticks = ticks_of_us(state->reader, inventory_contact_us(state));
        if (!state->in_t2 && !field_has_room(&state->field, earliest_tick + spare_ticks)) {
            earliest_tick = flip_send(state, earliest_tick);
            if (!field_next(state, &earliest_tick)) {
                return;
            }
            event = (struct inventory_event){.heard = HEARD_START};
            latest_tick = INFINITY;
            arrival_ns = 0;
            continue;
        }
        earliest_tick = begun_wait(state, earliest_tick);
        bool late = earliest_tick > latest_tick;
        state->totals.late += decided_tick > latest_tick;
        latest_tick = INFINITY;
        if (late && state->in_t2) {
            event = (struct inventory_event){.heard = HEARD_LATE};
            earliest_tick = decided_tick;
            continue;
        }
        if (earliest_tick > decided_tick && state->step.expect == REPLY_RN16) {
            if (inventory_reopen(&state->inventory, &state->step)) {
                inventory_say_slot(state, heard_tick);
            }
            earliest_tick = gate_open(state, earliest_tick);
        }
        command_send(state, earliest_tick, arrival_ns);
        if (state->step.expect != REPLY_NONE) {
            return;
        }
        event = (struct inventory_event){.heard = HEARD_SENT};
        earliest_tick = state->command_end_tick + ticks_of_us(state->reader, link->t4_min_us) + 1.0;
    }
}

static void read_record(struct inventory_state *state, const struct reply_result *result,
                        const struct epc_reply *reply)
{
    struct reader *reader = state->reader;
    struct record record = {.type = RECORD_READ};
    struct record_read *read = &record.read;
    record_read_fill(read, result, reply, state->tags);
    read->rn16 = state->inventory.rn16;
    read->recovered = state->inventory.is_recovered;
    snprintf(read->antenna, sizeof read->antenna, "%s", field_antenna(&state->field));
    read->freq_hz = state->field.cell.freq_hz;
    read->rssi_dbm = read->rssi_dbfs + plan_rx_dbm(&reader->plan, read->freq_hz);
    field_learn(&state->field, result->bits.n_bits);
    read->n_channels = radio_n_rx_channels(reader->radio);
    read->session = reader->cfg.inventory.session;
    read->round = state->inventory.round;
    read->slot = state->inventory.slot;
    if (reader->multiplex) {
        multiplex_read_fill(reader->multiplex, read);
    }
    state->totals.reads++;
    stats_add(&state->latency_ms,
              (result->end_tick - state->slot_start_tick) / reader->rate_sps * 1e3);
    inventory_say_read(state, &record, result->start_tick);
    inventory_watch_seen(state, reply, result->start_tick);
}

/* What the receiver says, in the state machine's words. */
static struct inventory_event event_of(struct inventory_state *state,
                                       const struct reply_result *result)
{
    struct inventory_event event = {.heard = HEARD_NOTHING};
    state->contact_wanted = false;
    if (state->in_contact) {
        inventory_contact_heard(state, result);
    } else if (result->verdict == REPLY_UNREADABLE) {
        event.heard = HEARD_COLLISION;
    } else if (result->verdict == REPLY_DECODED && state->step.expect == REPLY_RN16) {
        struct bit_reader bits = {.bit = result->bits.bit, .n_bits = result->bits.n_bits};
        uint64_t rn16 = 0;
        event.heard = bits_get(&bits, 16, &rn16) == ST_OK ? HEARD_RN16 : HEARD_COLLISION;
        event.rn16 = (uint16_t)rn16;
        event.is_recovered = result->is_recovered;
        state->blf_hz = result->blf_hz;
    } else if (result->verdict == REPLY_DECODED) {
        struct epc_reply reply;
        bool right = inventory_parse_epc(state, &result->bits, &reply) == ST_OK && reply.crc_right;
        event.heard = right ? HEARD_EPC : HEARD_EPC_BAD;
        if (right && state->reader->multiplex) {
            multiplex_heard(state->reader->multiplex, &reply);
        }
        if (right) {
            state->contact_wanted = inventory_contact_wanted(state, &reply, result->ready_tick);
            read_record(state, result, &reply);
        }
    }
    return event;
}

static void quality_note(struct inventory_state *state, const struct reply_result *result,
                         enum inventory_heard heard)
{
    bool is_epc = state->step.expect == REPLY_EPC;
    if (!state->in_contact) {
        record_slot_note(&state->quality, result, is_epc,
                         heard == (is_epc ? HEARD_EPC : HEARD_RN16));
    }
    record_levels_note(&state->totals, result);
    record_advise(&state->advice, result);
    diagnose_run_note(&state->diagnosis, result);
    struct diagnose_view view;
    double t_s = (double)result->ready_tick / state->reader->rate_sps;
    if (diagnose_run_due(&state->diagnosis, &state->totals, t_s, &view)) {
        diagnose_run_fill(state->reader, &view);
        diagnose_run_tell(&state->diagnosis, &view);
    }
}

/* A real-time radio is already being sent to: no command can start before what TX will have sent by
 * the time it gets it. Elsewhere the horizon sees to that. */
static double soonest_tick(struct reader *reader)
{
    if (!radio_ops_of(reader->radio)->real_time) {
        return 0.0;
    }
    double ahead_us = reader->cfg.radio.tx_lead_us * (1.0 + READER_TX_STEP_RATIO);
    return (double)radio_now(reader->radio) + ticks_of_us(reader, ahead_us) +
           (double)tx_shape_lead_ticks(reader->shape) + 1.0;
}

/* What DSP says of the receiver's clock.   out  it is not known: nothing else to be done */
static bool clock_take(struct inventory_state *state, const struct heard_item *item)
{
    struct reader *reader = state->reader;
    bool acquiring = state->n_acquires > 0;
    state->totals.has_clock = !item->lost;
    state->totals.clock_ppm = 1e6 * item->clock_ratio;
    state->totals.clock_start_us = units_us_from_ticks(item->clock_start_ticks, reader->rate_sps);
    if (!item->lost && !acquiring) {
        return false;
    }
    double next_tick = fmax(state->acquired_tick, (double)item->result.ready_tick);
    next_tick = acquiring ? state->acquired_tick : next_tick + reader->turnaround_ticks;
    next_tick = fmax(next_tick, soonest_tick(reader));
    if (!item->lost) {
        log_info("bistatic: the receiver's clock is known, its stream begins %.1f us %s ours",
                 fabs(state->totals.clock_start_us),
                 state->totals.clock_start_us > 0.0 ? "before" : "after");
        state->n_acquires = 0;
        respond(state, (struct inventory_event){.heard = HEARD_START}, next_tick, INFINITY,
                item->arrival_ns);
    } else if (state->n_acquires == ACQUIRE_TRIES_MAX) {
        status_fail(ST_TIMEOUT,
                    "bistatic: the receiver hears none of %d commands within +-%g us of where they "
                    "were sent (bistatic.start_spread_us): is it on the same frequency, near "
                    "enough, its gain right?",
                    ACQUIRE_TRIES_MAX, reader->cfg.bistatic.start_spread_us);
        reader_fail(reader, ST_TIMEOUT);
    } else if (run_is_over(state, next_tick)) {
        state->done = true;
        state->end_tick = next_tick;
    } else {
        acquire(state, next_tick);
    }
    return true;
}

static void heard_take(struct inventory_state *state, const struct heard_item *item)
{
    struct reader *reader = state->reader;
    if (reader->slip && clock_take(state, item)) {
        return;
    }
    const struct reply_result *result = &item->result;
    bool begun = !isnan(state->ahead.start_tick);
    double ready = begun ? state->ahead.start_tick
                         : fmax((double)result->ready_tick + inventory_answer_ticks(state, result),
                                soonest_tick(reader));
    struct reply_result other;
    result = inventory_in_time(state, result, ready, &other);
    double earliest, latest;
    inventory_answer_span(state, result, &earliest, &latest);
    if (result->verdict == REPLY_DECODED) {
        state->reply_end_tick = result->end_tick;
    }
    state->was_silent = inventory_is_early(state, result->ready_tick);
    inventory_say_status_due(state, result->ready_tick);
    inventory_watch_due(state, (double)result->ready_tick);
    struct inventory_event event = event_of(state, result);
    quality_note(state, result, event.heard);
    bool is_vain = result->is_looked && result->verdict != REPLY_DECODED &&
                   !radio_ops_of(reader->radio)->real_time;
    state->vain_ticks =
        is_vain ? ticks_of_us(reader, receiver_vain_us(&reader->cfg.run, &reader->link)) : 0.0;
    bool answered =
        begun && result->verdict == REPLY_DECODED; /* its end was foreseen well enough */
    respond(state, event, answered ? ready : fmax(earliest, ready), latest, item->arrival_ns);
}

/* TX could not send the command in time (real-time radios). */
static void late_take(struct inventory_state *state, const struct late_item *item)
{
    if (item->id != state->id) {
        return;
    }
    struct reader *reader = state->reader;
    double soon = (double)item->next_tick + (double)tx_shape_lead_ticks(reader->shape) +
                  ticks_of_us(reader, reader->cfg.radio.tx_lead_us);
    if (state->in_t2) {
        state->totals.late++;
        respond(state, (struct inventory_event){.heard = HEARD_LATE}, soon, INFINITY, 0);
        return;
    }
    if (state->n_acquires > 0) {
        acquire(state, soon);
        return;
    }
    soon = gate_wait(state, soon);
    if (field_has_room(&state->field, soon)) {
        command_send(state, soon, 0);
    } else {
        respond(state, (struct inventory_event){.heard = HEARD_START}, soon, INFINITY, 0);
    }
}

static void progress_take(struct inventory_state *state)
{
    struct progress *progress = &state->reader->progress;
    pthread_mutex_lock(&progress->mutex);
    bool is_ours = progress->id == state->id;
    int64_t not_before = is_ours ? progress->not_before_tick : INT64_MIN;
    double expected_end = is_ours ? progress->expected_end_tick : NAN;
    pthread_mutex_unlock(&progress->mutex);
    if (not_before != INT64_MIN) {
        horizon_from_verdict(state, not_before);
    }
    /* a guess: ACK, or QueryRep, which does not follow where the tag may be wanted */
    const struct reader *reader = state->reader;
    bool is_guessed = (!reader->access && !reader->auth && !reader->multiplex) ||
                      (!state->in_contact && state->step.expect == REPLY_RN16);
    if (!isnan(expected_end) && is_guessed) {
        ack_ahead_consider(&state->ahead, state->reader, state->step.expect, expected_end,
                           soonest_tick(state->reader));
    }
}

static void inventory_loop(struct inventory_state *state)
{
    struct reader *reader = state->reader;
    static _Thread_local struct heard_item heard;
    struct late_item late;
    field_begin(&state->field, reader);
    double first = field_ready_tick(&state->field);
    if (reader->slip) { /* once a receiver that starts late has started */
        acquire(state, first + ticks_of_us(reader, reader->cfg.bistatic.start_spread_us));
    } else {
        respond(state, (struct inventory_event){.heard = HEARD_START}, first, INFINITY, 0);
    }
    while (!state->done) {
        watchdog_beat();
        unsigned seen = bell_read(&reader->bell_inventory);
        bool deserted = reader_is_deserted(reader); /* before the last look at what was heard */
        if (ring_pop(&reader->lates, &late)) {
            late_take(state, &late);
        } else if (ring_pop(&reader->heard, &heard)) {
            if (heard.id == state->id) {
                heard_take(state, &heard);
            }
        } else if (deserted || atomic_load(&reader->stop_asked) ||
                   atomic_load(&reader->stream_over)) {
            state->done = true;
        } else {
            progress_take(state);
            bell_wait(&reader->bell_inventory, seen, 100);
        }
    }
}

void *thread_inventory(void *argument)
{
    struct reader *reader = argument;
    static struct inventory_state state; /* one reader a process runs an inventory */
    memset(&state, 0, sizeof state);
    state.reader = reader;
    reader_thread_name("zp-inventory");
    watchdog_join(&reader->watchdog, GUARD_DECIDE, "the inventory (INVENTORY thread)");
    state.carrier_sign = 1;
    ack_ahead_reset(&state.ahead);
    state.blf_hz = NAN;
    state.next_status_s = 1.0;
    state.totals.has_auth = reader->auth && !reader->access;
    state.totals.leak_dbfs = state.totals.noise_dbfs = state.totals.residual_dbfs = NAN;
    if (stats_tags_new(TAGS_MAX, &state.tags) != ST_OK) {
        reader_fail(reader, ST_NO_MEMORY);
    } else {
        inventory_init(&state.inventory, &reader->cfg.inventory, &reader->link);
        watchlist_init(&state.watchlist, &reader->cfg.read.watch);
        inventory_loop(&state);
    }
    /* a deciding tick lies beyond the horizon; without one (stop, lost radio) the horizon counts */
    inventory_access_finish(&state, fmax(state.end_tick, state.command_end_tick));
    double end = state.end_tick > 0.0 ? state.end_tick
                                      : fmax((double)state.horizon_tick, state.command_end_tick);
    reader_wind_up(reader, (int64_t)end);
    if (state.tags) {
        inventory_say_status(&state, RECORD_SUMMARY, end);
        stats_tags_free(&state.tags);
    }
    struct record_item last = {.over = true};
    reader_push_wait(reader, &reader->records, &last);
    watchdog_leave();
    return NULL;
}
