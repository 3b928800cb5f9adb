/* thread_dsp.c - DSP: iq blocks and listening windows -> replies, and how far it has come. */
#include "reader/guard.h"

struct dsp_state {
    bool listening;
    uint64_t id;
    int64_t next_tick;
};

static void progress_tell(struct reader *reader, const struct dsp_state *state)
{
    pthread_mutex_lock(&reader->progress.mutex);
    reader->progress.id = state->id;
    reader->progress.processed_tick = state->next_tick;
    int64_t not_before = INT64_MIN;
    if (state->listening) { /* without a verdict so far, it rests on a sample still to come */
        not_before = reply_rx_not_before(reader->receiver);
        not_before = not_before > state->next_tick ? not_before : state->next_tick;
    }
    reader->progress.not_before_tick = not_before;
    pthread_mutex_unlock(&reader->progress.mutex);
    bell_ring(&reader->bell_inventory);
}

static void windows_take(struct reader *reader, struct dsp_state *state)
{
    struct listen_item item;
    while (ring_pop(&reader->listens, &item)) {
        reply_rx_begin(reader->receiver, &item.listen);
        state->listening = true;
        state->id = item.id;
    }
}

static void block_process(struct reader *reader, struct dsp_state *state,
                          const struct iq_item *item)
{
    static _Thread_local struct heard_item heard; /* large: not on the stack */
    const struct iq_block *block = item->block;
    state->next_tick = block->first_tick + (int64_t)block->n_samples;
    if (!state->listening) {
        return;
    }
    /* samples of the window are lost, or the window came too late (real-time radios) */
    bool gap = block->first_tick > reply_rx_next_tick(reader->receiver);
    bool done = gap;
    if (gap) {
        reply_rx_cut(reader->receiver, &heard.result);
        heard.result.ready_tick = block->first_tick;
    } else {
        done = reply_rx_push(reader->receiver, (const float _Complex *const *)block->sample,
                             block->n_samples, block->first_tick, &heard.result);
    }
    if (done) {
        heard.id = state->id;
        heard.gap = gap;
        heard.arrival_ns = item->arrival_ns;
        state->listening = false;
        reader_push_wait(reader, &reader->heard, &heard);
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
