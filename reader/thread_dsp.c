/* thread_dsp.c - DSP: iq blocks and listening windows -> replies, and how far it has come.
 * Where the receiver has a clock of its own, its ticks stay in here: what comes in and what goes out
 * is told on the transmitter's. */
#include <math.h>

#include "config/require.h"
#include "reader/guard.h"

struct dsp_state {
    bool listening, acquiring;
    bool waits; /* a long window, reply_wait's */
    uint64_t id;
    int64_t next_tick;
};

/* Receive tick -> transmit tick, never early. */
static int64_t tick_told(const struct reader *reader, int64_t tick)
{
    return reader->slip ? (int64_t)ceil(slip_tx_tick(reader->slip, (double)tick)) : tick;
}

static void heard_push(struct reader *reader, struct dsp_state *state, struct heard_item *heard,
                       int64_t arrival_ns)
{
    struct reply_result *result = &heard->result;
    heard->id = state->id;
    heard->arrival_ns = arrival_ns;
    heard->lost = false;
    heard->clock_ratio = heard->clock_start_ticks = NAN;
    if (reader->slip) {
        struct slip_state slip;
        slip_read(reader->slip, &slip);
        heard->lost = !slip_is_locked(reader->slip);
        heard->clock_ratio = slip.clock_ratio;
        heard->clock_start_ticks = slip.start_ticks;
        result->start_tick = slip_tx_tick(reader->slip, result->start_tick);
        result->end_tick = slip_tx_tick(reader->slip, result->end_tick);
        result->ready_tick = tick_told(reader, result->ready_tick);
    }
    reader_push_wait(reader, &reader->heard, heard);
}

/* The leak's turn tells the clocks' difference, where one oscillator makes both. */
static void clock_hint(struct reader *reader, const struct reply_result *result)
{
    double freq_hz = radio_freq_hz(reader->radio);
    if (reader->slip && reader->cfg.bistatic.shared_reference && !isnan(freq_hz) &&
        result->offset_hz != 0.0) {
        slip_hint(reader->slip, -result->offset_hz / freq_hz);
    }
}

/* The command that opens this window will be heard in the leak. */
static void command_expect(struct reader *reader, const struct listen_item *item)
{
    static _Thread_local struct pie_edges edges;
    const struct command_item *command = &item->command;
    const struct link *link = &reader->link;
    enum status status =
        pie_encode(link, command->bit, command->n_bits, command->with_preamble, &edges);
    require(status == ST_OK); /* TX encodes the same bits */
    slip_expect(reader->slip, command->start_tick, &edges, link->pw_us, link->t1_min_us);
}

static int64_t window_not_before(const struct reader *reader, const struct dsp_state *state)
{
    return state->waits ? reply_wait_not_before(reader->wait)
                        : reply_rx_not_before(reader->receiver);
}

static double window_expected_end(const struct reader *reader, const struct dsp_state *state)
{
    return state->waits ? reply_wait_expected_end(reader->wait)
                        : reply_rx_expected_end(reader->receiver);
}

static void progress_tell(struct reader *reader, const struct dsp_state *state)
{
    pthread_mutex_lock(&reader->progress.mutex);
    reader->progress.id = state->id;
    reader->progress.processed_tick = tick_told(reader, state->next_tick);
    int64_t not_before = INT64_MIN;
    if (state->listening) { /* without a verdict so far, it rests on a sample still to come */
        not_before = window_not_before(reader, state);
        not_before = not_before > state->next_tick ? not_before : state->next_tick;
        not_before = tick_told(reader, not_before);
    }
    reader->progress.not_before_tick = not_before;
    double end_tick = state->listening ? window_expected_end(reader, state) : NAN;
    reader->progress.expected_end_tick =
        reader->slip ? slip_tx_tick(reader->slip, end_tick) : end_tick;
    pthread_mutex_unlock(&reader->progress.mutex);
    bell_ring(&reader->bell_inventory);
}

static void windows_take(struct reader *reader, struct dsp_state *state)
{
    struct listen_item item;
    while (ring_pop(&reader->listens, &item)) {
        state->id = item.id;
        state->acquiring = item.acquires;
        state->listening = !item.acquires;
        if (reader->slip) {
            command_expect(reader, &item);
            item.listen.from_tick = slip_rx_tick(reader->slip, item.listen.from_tick);
        }
        state->waits = reader->wait && !isnan(item.listen.start_hi_us);
        if (state->listening && state->waits) {
            reply_wait_begin(reader->wait, &item.listen);
        } else if (state->listening) {
            reply_rx_begin(reader->receiver, &item.listen);
        }
    }
}

/*   out true: the window is over */
static bool window_push(struct reader *reader, const struct dsp_state *state,
                        const struct iq_block *block, bool gap, struct reply_result *result)
{
    const float _Complex *const *sample = (const float _Complex *const *)block->sample;
    if (gap) {
        if (state->waits) {
            reply_wait_cut(reader->wait, result);
        } else {
            reply_rx_cut(reader->receiver, result);
        }
        result->ready_tick = block->first_tick;
        return true;
    }
    return state->waits
               ? reply_wait_push(reader->wait, sample, block->n_samples, block->first_tick, result)
               : reply_rx_push(reader->receiver, sample, block->n_samples, block->first_tick,
                               result);
}

static void block_process(struct reader *reader, struct dsp_state *state,
                          const struct iq_item *item)
{
    static _Thread_local struct heard_item heard; /* large: not on the stack */
    const struct iq_block *block = item->block;
    state->next_tick = block->first_tick + (int64_t)block->n_samples;
    bool command_over = reader->slip && slip_push(reader->slip, block->sample[0], block->n_samples,
                                                  block->first_tick);
    if (state->acquiring && command_over) {
        state->acquiring = false;
        heard.result = (struct reply_result){.ready_tick = state->next_tick};
        heard_push(reader, state, &heard, item->arrival_ns);
    }
    if (!state->listening) {
        return;
    }
    /* samples of the window are lost, or the window came too late (real-time radios) */
    bool gap = block->first_tick > (state->waits ? reply_wait_next_tick(reader->wait)
                                                 : reply_rx_next_tick(reader->receiver));
    if (window_push(reader, state, block, gap, &heard.result)) {
        heard.gap = gap;
        state->listening = false;
        clock_hint(reader, &heard.result);
        heard_push(reader, state, &heard, item->arrival_ns);
    }
}

void *thread_dsp(void *argument)
{
    struct reader *reader = argument;
    struct dsp_state state = {0};
    reader_thread_name("zp-dsp");
    watchdog_join(&reader->watchdog, GUARD_DSP, "the receiver (DSP thread)");
    for (;;) {
        struct iq_item item;
        unsigned seen = bell_read(&reader->bell_dsp);
        if (!ring_pop(&reader->iq_ready, &item)) {
            bell_wait(&reader->bell_dsp, seen, 100);
            continue;
        }
        if (!item.block) {
            break;
        }
        /* a window's request is always in before its samples exist: see thread_inventory.c */
        windows_take(reader, &state);
        block_process(reader, &state, &item);
        progress_tell(reader, &state);
        watchdog_beat();
        if (reader->recorder) {
            ring_push(&reader->iq_done, &item); /* PUBLISH gives the block back */
        } else {
            ring_push(&reader->iq_free, &item.block);
        }
    }
    watchdog_leave();
    atomic_store(&reader->stream_over, true);
    bell_ring(&reader->bell_inventory);
    struct iq_item last = {.block = NULL};
    ring_push(&reader->iq_done, &last);
    return NULL;
}
