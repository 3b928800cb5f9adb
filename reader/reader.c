/* reader.c - starts and stops the threads in order, keeps the run's status. */
#include <math.h>
#include <sys/prctl.h>
#include <time.h>

#include "config/require.h"
#include "reader/field.h"
#include "reader/guard.h"
#include "reader/multiplex.h"
#include "reader/reader_parts.h"

#define WIND_UP_PATIENCE_NS 300000000 /* for the last samples to come in */
#define WIND_UP_WAIT_MS 20
#define WIND_UP_IDLE_WAITS 50 /* without any progress: the far end is silent */

void reader_thread_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

int64_t reader_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double reader_cpu_ratio(const struct reader *reader)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double wall_s = 1e-9 * (double)(reader_wall_ns() - reader->start_ns);
    return wall_s > 0.0 ? ((double)cpu.tv_sec + 1e-9 * (double)cpu.tv_nsec) / wall_s : 0.0;
}

void reader_fail(struct reader *reader, enum status status)
{
    pthread_mutex_lock(&reader->status_mutex);
    if (reader->status == ST_OK) {
        reader->status = status;
        snprintf(reader->status_text, sizeof reader->status_text, "%s", status_detail());
    }
    pthread_mutex_unlock(&reader->status_mutex);
    reader_abort(reader);
}

/* A far end that falls silent once the run's duration has been received has closed in order
 * (contract, "IQ over ZeroMQ"): its timeout is no failure. */
static bool outlasted(const struct reader *reader, enum status status)
{
    double duration_s = reader->cfg.run.duration_s;
    return status == ST_TIMEOUT && isfinite(duration_s) &&
           (double)radio_now(reader->radio) >= duration_s * reader->rate_sps;
}

void reader_stream_over(struct reader *reader, enum status status)
{
    if (status != ST_OK && status != ST_STOPPED && status != ST_END && !outlasted(reader, status)) {
        reader_fail(reader, status);
    }
}

void reader_tx_over(struct reader *reader, enum status status)
{
    reader_stream_over(reader, status);
    atomic_store(&reader->tx_over, true);
    bell_ring(&reader->bell_inventory);
}

/* Every sample received so far has been through DSP. */
static bool received_is_processed(struct reader *reader)
{
    int64_t received_tick = radio_now(reader->radio);
    pthread_mutex_lock(&reader->progress.mutex);
    int64_t processed_tick = reader->progress.processed_tick;
    pthread_mutex_unlock(&reader->progress.mutex);
    return processed_tick >= received_tick;
}

bool reader_is_deserted(struct reader *reader)
{
    double duration_s = reader->cfg.run.duration_s;
    return radio_far_end_is_gone(reader->radio) && isfinite(duration_s) &&
           (double)radio_now(reader->radio) >= duration_s * reader->rate_sps &&
           received_is_processed(reader);
}

bool reader_push_wait(struct reader *reader, struct ring *ring, const void *item)
{
    struct timespec nap = {.tv_nsec = 100000};
    while (!ring_push(ring, item)) {
        watchdog_beat();
        if (atomic_load(&reader->over)) {
            return false;
        }
        nanosleep(&nap, NULL);
    }
    return true;
}

void reader_record(struct reader *reader, const struct record *record)
{
    struct record_item item = {.record = *record};
    if (!radio_ops_of(reader->radio)->real_time) {
        reader_push_wait(reader, &reader->records, &item);
    } else if (!ring_push(&reader->records, &item)) {
        atomic_fetch_add(&reader->dropped_records, 1);
    }
}

enum status reader_start(struct reader *reader)
{
    bool listens = reader->cfg.mode == READER_LISTEN;
    void *(*const body[])(void *) = {
        thread_publish,
        listens                           ? thread_listen
        : reader->cfg.mode == READER_EMIT ? thread_emit
                                          : thread_inventory,
        listens ? thread_follow : thread_dsp,
        listens ? thread_silence : thread_tx,
        thread_rx,
    };
    reader->start_ns = reader_wall_ns();
    enum status status = radio_start(reader->radio);
    if (!listens) {
        multiplex_begin(reader);
        field_open(reader);
        status = status ? status : guard_start(reader);
    }
    if (status) {
        return status;
    }
    gate_init(&reader->gate, &reader->cfg.bistatic, reader->rate_sps,
              radio_start_time_s(reader->radio));
    if (reader->emission) {
        emission_begin(reader->emission, radio_start_time_s(reader->radio) - reader->plan_offset_s);
    }
    for (size_t k = 0; k < sizeof body / sizeof *body; k++) {
        int failed = pthread_create(&reader->thread[k], NULL, body[k], reader);
        require(failed == 0); /* five threads at program start: nothing sensible is left to do */
        reader->n_threads++;
    }
    static const enum host_role role[] = {HOST_PUBLISH, HOST_INVENTORY, HOST_DSP, HOST_TX, HOST_RX};
    _Static_assert(sizeof role / sizeof *role == sizeof body / sizeof *body, "one role a body");
    if (radio_ops_of(reader->radio)->real_time) {
        host_serve(reader->thread, role, reader->n_threads, &reader->cpus);
    }
    return ST_OK;
}

void reader_stop(struct reader *reader)
{
    atomic_store(&reader->stop_asked, true);
    bell_ring(&reader->bell_inventory);
}

bool reader_is_over(struct reader *reader)
{
    return atomic_load(&reader->over);
}

void reader_abort(struct reader *reader)
{
    atomic_store(&reader->stop_asked, true);
    atomic_store(&reader->radio_stopped, true);
    radio_stop(reader->radio);
    bell_ring(&reader->bell_inventory);
    bell_ring(&reader->bell_tx);
}

static void radio_end(struct reader *reader)
{
    atomic_store(&reader->radio_stopped, true);
    radio_stop(reader->radio);
}

void reader_wind_up(struct reader *reader, int64_t tick)
{
    static _Thread_local struct heard_item heard;
    atomic_store(&reader->tx_off_tick, tick);
    atomic_store(&reader->tx_horizon_tick, INT64_MAX);
    bell_ring(&reader->bell_tx);
    int64_t patience_ns = 0, seen_ticks = 0;
    int n_idle_waits = 0;
    for (;;) {
        unsigned seen = bell_read(&reader->bell_inventory);
        while (ring_pop(&reader->heard, &heard)) {
        }
        if (atomic_load(&reader->stream_over)) {
            return;
        }
        pthread_mutex_lock(&reader->progress.mutex);
        int64_t processed_tick = reader->progress.processed_tick;
        pthread_mutex_unlock(&reader->progress.mutex);
        int64_t sent_tick = atomic_load(&reader->tx_sent_tick);
        if (atomic_load(&reader->tx_over)) { /* give what is still on the air a moment to come in */
            int64_t now = reader_wall_ns();
            patience_ns = patience_ns ? patience_ns : now + WIND_UP_PATIENCE_NS;
            if (processed_tick >= sent_tick || now > patience_ns) {
                radio_end(reader);
            }
        }
        n_idle_waits = processed_tick + sent_tick == seen_ticks ? n_idle_waits + 1 : 0;
        seen_ticks = processed_tick + sent_tick;
        bool gone = radio_far_end_is_gone(reader->radio) && received_is_processed(reader);
        if (n_idle_waits > WIND_UP_IDLE_WAITS || gone) {
            radio_end(reader);
        }
        bell_wait(&reader->bell_inventory, seen, WIND_UP_WAIT_MS);
    }
}

enum status reader_join(struct reader *reader)
{
    for (unsigned k = reader->n_threads; k-- > 0;) {
        pthread_join(reader->thread[k], NULL);
    }
    reader->n_threads = 0;
    guard_stop(reader);
    return reader_status(reader);
}

enum status reader_status(struct reader *reader)
{
    pthread_mutex_lock(&reader->status_mutex);
    enum status status = reader->status;
    if (status) {
        status = status_fail(status, "%s", reader->status_text);
    }
    pthread_mutex_unlock(&reader->status_mutex);
    return status;
}

bool reader_is_forsaken(struct reader *reader)
{
    return atomic_load(&reader->forsaken);
}
