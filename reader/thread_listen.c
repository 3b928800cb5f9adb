/* thread_listen.c - FOLLOW, LISTEN and SILENCE: others' exchanges off the air. Nothing is transmitted; a
 * radio whose clock is the stream is sent zeros. */
#include <math.h>

#include "reader/reader_parts.h"

enum { SILENCE_SAMPLES = 4096 };

/* What only a live run knows. */
static void record_out(void *context, const struct record *record)
{
    struct reader *reader = context;
    struct record live = *record;
    if (live.type == RECORD_STATUS || live.type == RECORD_SUMMARY) {
        struct radio_counters counters = radio_counters_read(reader->radio);
        live.status.overflows = counters.overflows + atomic_load(&reader->dropped_blocks);
        live.status.dropped_events = atomic_load(&reader->dropped_records);
        live.status.cpu_ratio = reader_cpu_ratio(reader);
    }
    reader_record(reader, &live);
}

enum status reader_follow_set(struct reader *reader, const struct option_set *options)
{
    struct passive_cfg cfg = {
        .rate_sps = reader->rate_sps,
        .n_channels = radio_n_rx_channels(reader->radio),
        .freq_hz = radio_freq_hz(reader->radio),
        .trace = reader->cfg.publish.trace,
        .receiver = reader->cfg.receiver,
        .hint = reader->cfg.link,
        .hint_blf = option_is_set(options, "link.blf_hz"),
        .hint_m = option_is_set(options, "link.m"),
        .hint_trext = option_is_set(options, "link.trext"),
        .record = record_out,
        .context = reader,
    };
    return passive_new(&cfg, &reader->passive);
}

static void progress_tell(struct reader *reader, int64_t tick)
{
    pthread_mutex_lock(&reader->progress.mutex);
    reader->progress.processed_tick = tick;
    pthread_mutex_unlock(&reader->progress.mutex);
}

void *thread_follow(void *argument)
{
    struct reader *reader = argument;
    double duration_s = reader->cfg.run.duration_s;
    int64_t end = isfinite(duration_s) ? (int64_t)(duration_s * reader->rate_sps) : INT64_MAX;
    for (;;) {
        struct iq_item item;
        unsigned seen = bell_read(&reader->bell_dsp);
        if (!ring_pop(&reader->iq_ready, &item)) {
            bell_wait(&reader->bell_dsp, seen, -1);
            continue;
        }
        if (!item.block) {
            break;
        }
        const struct iq_block *block = item.block;
        int64_t n_left = end - block->first_tick;
        size_t n = n_left < (int64_t)block->n_samples ? (size_t)(n_left > 0 ? n_left : 0)
                                                      : block->n_samples;
        if (n > 0) {
            passive_push(reader->passive, (const float _Complex *const *)block->sample, n,
                         block->first_tick);
        }
        if (n < block->n_samples) {
            atomic_store(&reader->followed, true);
            bell_ring(&reader->bell_inventory);
        }
        progress_tell(reader, block->first_tick + (int64_t)block->n_samples);
        if (reader->recorder) {
            ring_push(&reader->iq_done, &item);
        } else {
            ring_push(&reader->iq_free, &item.block);
        }
    }
    passive_finish(reader->passive);
    atomic_store(&reader->stream_over, true);
    bell_ring(&reader->bell_inventory);
    struct iq_item last = {.block = NULL};
    ring_push(&reader->iq_done, &last);
    return NULL;
}

void *thread_silence(void *argument)
{
    struct reader *reader = argument;
    static const float _Complex nothing[SILENCE_SAMPLES];
    const struct radio_ops *ops = radio_ops_of(reader->radio);
    bool clocks = ops->can_transmit && !ops->real_time;
    enum status status = ST_OK;
    for (int64_t tick = 0; clocks && status == ST_OK; tick += SILENCE_SAMPLES) {
        if (atomic_load(&reader->radio_stopped) || atomic_load(&reader->tx_off_tick) != INT64_MAX) {
            break;
        }
        status = radio_send(reader->radio, nothing, SILENCE_SAMPLES, tick);
        atomic_store(&reader->tx_sent_tick, status ? tick : tick + SILENCE_SAMPLES);
    }
    reader_tx_over(reader, status);
    return NULL;
}

void *thread_listen(void *argument)
{
    struct reader *reader = argument;
    for (;;) {
        unsigned seen = bell_read(&reader->bell_inventory);
        if (atomic_load(&reader->stop_asked) || atomic_load(&reader->followed) ||
            atomic_load(&reader->stream_over) || reader_is_deserted(reader)) {
            break;
        }
        bell_wait(&reader->bell_inventory, seen, 100);
    }
    reader_wind_up(reader, 0);
    struct record_item last = {.over = true}; /* FOLLOW has said all it had to say */
    reader_push_wait(reader, &reader->records, &last);
    return NULL;
}
