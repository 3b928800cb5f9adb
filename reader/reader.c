/* reader.c - takes all memory, starts and stops the threads in order, keeps the run's status. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"
#include "dsp/linecode.h"
#include "reader/field.h"
#include "reader/guard.h"
#include "reader/reader_parts.h"

#define SAMPLES_PER_TPRI_WANTED 12.0
#define SAMPLES_PER_TPRI_LEAST 4.0
#define LISTEN_RATE_MIN_SPS 4e5
#define LEAST_STEP_TICKS 4.0 /* by which the clock of a lock-step radio advances at least */
#define WIND_UP_PATIENCE_NS 300000000 /* for the last samples to come in */
#define WIND_UP_WAIT_MS 20
#define WIND_UP_IDLE_WAITS 50 /* without any progress: the far end is silent */
#define TURNAROUND_AUTO_US 100.0
#define TURNAROUND_AUTO_T2_RATIO 0.6

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

double reader_rate_for(double blf_hz)
{
    static const double rates_sps[] = {2e6, 4e6, 8e6, 10e6, 20e6};
    size_t n = sizeof rates_sps / sizeof *rates_sps;
    for (size_t k = 0; k < n; k++) {
        if (rates_sps[k] >= SAMPLES_PER_TPRI_WANTED * blf_hz) {
            return rates_sps[k];
        }
    }
    return rates_sps[n - 1];
}

/* Slot durations with this receiver and turnaround: the policy's weights. */
static void slot_times_set(struct reader *r)
{
    const struct link *link = &r->link;
    const struct linecode *code = linecode_of(link->m);
    double turnaround_us = units_us_from_ticks(r->turnaround_ticks, r->rate_sps);
    double preamble_us =
        0.5 * code->n_preamble_chips[link->trext ? 1 : 0] * link->m_cycles * link->tpri_us;
    r->cfg.inventory.times = slot_times_of(link, turnaround_us, preamble_us + turnaround_us);
}

double reader_turnaround_us(const struct run_cfg *run, const struct link *link)
{
    return isnan(run->turnaround_us)
               ? fmin(TURNAROUND_AUTO_US, TURNAROUND_AUTO_T2_RATIO * link->t2_max_us)
               : run->turnaround_us;
}

static enum status timing_set(struct reader *r)
{
    double turnaround_us = reader_turnaround_us(&r->cfg.run, &r->link);
    if (turnaround_us > r->link.t2_max_us) {
        log_warning("timing.turnaround_us = %g us is more than T2 max = %g us at this BLF: every "
                    "acknowledgement will be late; use a lower BLF or a shorter turnaround",
                    turnaround_us, r->link.t2_max_us);
    }
    r->turnaround_ticks = turnaround_us * 1e-6 * r->rate_sps;
    if (!radio_table[r->cfg.radio.kind]->real_time) { /* the horizon must outrun block and edge */
        double block = r->radio ? (double)radio_tx_block_samples(r->radio) : 0.0;
        double least = block + LEAST_STEP_TICKS + (double)tx_shape_lead_ticks(r->shape);
        if (r->turnaround_ticks < least) {
            log_info("turnaround raised from %.1f to %.1f us: a block and an edge of the radio",
                     turnaround_us, least * 1e6 / r->rate_sps);
            r->turnaround_ticks = least;
        }
    }
    slot_times_set(r);
    return ST_OK;
}

/* What is decided before a radio is opened: rate, blocks, and whether all of it is allowed. */
static enum status radio_plan(struct reader *r)
{
    struct radio_cfg *radio = &r->cfg.radio;
    bool listens = r->cfg.mode == READER_LISTEN;
    if (isnan(radio->rate_sps) && radio_table[radio->kind]->can_transmit) {
        radio->rate_sps = reader_rate_for(r->link.blf_hz);
    }
    radio->block_hint_us = fmin(50.0, 3.0 * r->link.tpri_us);
    const struct radio_ops *ops = radio_table[radio->kind];
    if (!ops->can_transmit && !listens) {
        return status_fail(ST_USAGE,
                           "radio '%s' cannot transmit; use 'zpreader decode FILE' for "
                           "recordings, or bistatic.mode listen",
                           ops->name);
    }
    if (listens) {
        return ST_OK;
    }
    double peak_ratio = 1.0; /* power is reckoned with what all tones reach together */
    enum status status = ST_OK;
    if (r->cfg.mode == READER_EMIT) {
        r->emission_cfg.amplitude = r->cfg.tx.amplitude;
        r->emission_cfg.ramp_us = r->cfg.tx.ramp_us;
        status = emit_plan(&r->cfg.emit, &r->cfg.bistatic, &r->emission_cfg, &r->plan_offset_s);
        peak_ratio = emission_peak_ratio(&r->emission_cfg);
    }
    double amplitude = r->cfg.tx.amplitude * peak_ratio;
    status =
        status ? status : plan_make(&r->cfg.plan, r->cfg.run.region, amplitude, radio, &r->plan);
    return status ? status : emit_tones_check(&r->emission_cfg, r->cfg.run.region, radio->freq_hz);
}

static enum status rate_check(const struct reader *r)
{
    if (r->cfg.mode == READER_LISTEN) {
        return r->rate_sps >= LISTEN_RATE_MIN_SPS
                   ? ST_OK
                   : status_fail(ST_RANGE,
                                 "radio.rate_sps = %g S/s, accepted from %g on: fewer "
                                 "samples do not hold a reader's commands",
                                 r->rate_sps, LISTEN_RATE_MIN_SPS);
    }
    if (r->rate_sps < SAMPLES_PER_TPRI_LEAST * r->link.blf_hz) {
        return status_fail(ST_USAGE,
                           "radio.rate_sps = %g S/s gives %.1f samples per Tpri at BLF %g Hz; at "
                           "least %g are needed (%g S/s)",
                           r->rate_sps, r->rate_sps / r->link.blf_hz, r->link.blf_hz,
                           SAMPLES_PER_TPRI_LEAST, SAMPLES_PER_TPRI_LEAST * r->link.blf_hz);
    }
    return ST_OK;
}

static enum status radio_choose(struct reader *r, const struct option_set *options)
{
    enum status status = radio_plan(r);
    status = status ? status : radio_open(&r->cfg.radio, options, &r->radio);
    if (r->cfg.mode != READER_LISTEN) {
        status = status ? status : plan_fit(&r->plan, r->radio);
    }
    if (status) {
        return status;
    }
    r->rate_sps = radio_rate_sps(r->radio);
    return rate_check(r);
}

static enum status pool_set(struct reader *r)
{
    unsigned n_channels = radio_n_rx_channels(r->radio);
    size_t n = (size_t)IQ_BLOCKS * n_channels * IQ_BLOCK_SAMPLES;
    r->pool_samples = calloc(n, sizeof *r->pool_samples);
    if (!r->pool_samples) {
        return status_fail(ST_NO_MEMORY, "sample pool: no memory");
    }
    float _Complex *at = r->pool_samples;
    for (int k = 0; k < IQ_BLOCKS; k++) {
        struct iq_block *block = &r->pool[k];
        block->capacity_samples = IQ_BLOCK_SAMPLES;
        block->n_channels = n_channels;
        for (unsigned c = 0; c < n_channels; c++, at += IQ_BLOCK_SAMPLES) {
            block->sample[c] = at;
        }
        if (k < IQ_BLOCKS - 1) { /* the last one is RX's spare */
            require(ring_push(&r->iq_free, &block));
        }
    }
    return ST_OK;
}

static enum status rings_set(struct reader *r)
{
    struct {
        struct ring *ring;
        size_t item_bytes, capacity;
        struct bell *bell;
    } rows[] = {
        {&r->iq_free, sizeof(struct iq_block *), IQ_BLOCKS, &r->bell_rx},
        {&r->iq_ready, sizeof(struct iq_item), 2 * IQ_BLOCKS, &r->bell_dsp},
        {&r->iq_done, sizeof(struct iq_item), 2 * IQ_BLOCKS, &r->bell_publish},
        {&r->listens, sizeof(struct listen_item), 8, &r->bell_dsp},
        {&r->heard, sizeof(struct heard_item), 8, &r->bell_inventory},
        {&r->commands, sizeof(struct command_item), 8, &r->bell_tx},
        {&r->carriers, sizeof(struct carrier_item), 8, &r->bell_tx},
        {&r->lates, sizeof(struct late_item), 8, &r->bell_inventory},
        {&r->records, sizeof(struct record_item), 4096, &r->bell_publish},
    };
    struct bell *bells[] = {&r->bell_rx, &r->bell_dsp, &r->bell_inventory, &r->bell_tx,
                            &r->bell_publish};
    enum status status = ST_OK;
    for (size_t k = 0; k < sizeof bells / sizeof *bells && !status; k++) {
        status = bell_init(bells[k]);
    }
    for (size_t k = 0; k < sizeof rows / sizeof *rows && !status; k++) {
        status = ring_init(rows[k].ring, rows[k].item_bytes, rows[k].capacity, rows[k].bell);
    }
    return status;
}

static enum status recorder_set(struct reader *r)
{
    const struct run_cfg *run = &r->cfg.run;
    if (run->record_base[0] == '\0') {
        return ST_OK;
    }
    char description[128];
    snprintf(description, sizeof description, "zpreader %s, radio %s, BLF %g Hz", ZP_VERSION,
             radio_ops_of(r->radio)->name, r->link.blf_hz);
    struct recorder_cfg cfg = {
        .base = run->record_base,
        .format = run->record_type == 1 ? IQ_CI16 : IQ_CF32,
        .n_channels = radio_n_rx_channels(r->radio),
        .rate_sps = r->rate_sps,
        .freq_hz = radio_freq_hz(r->radio),
        .unix_ns = isnan(run->epoch_s) ? INT64_MIN : (int64_t)(run->epoch_s * 1e9),
        .description = description,
        .hardware = radio_ops_of(r->radio)->name,
    };
    return recorder_open(&cfg, &r->recorder);
}

static enum status emission_set(struct reader *r)
{
    r->emission_cfg.rate_sps = r->rate_sps;
    return r->cfg.mode == READER_EMIT ? emission_new(&r->emission_cfg, &r->emission) : ST_OK;
}

/* The tag's answers come late, and a contact lasts: our own carrier, all the time. */
static enum status access_set(struct reader *r)
{
    if (!r->cfg.access && !r->cfg.keys) {
        return ST_OK;
    }
    if (r->cfg.bistatic.mode != BISTATIC_NONE || !isnan(r->cfg.bistatic.gate_s)) {
        return status_fail(ST_USAGE, "%s a carrier of its own: no bistatic.* keys",
                           r->cfg.access ? "access needs" : "authentication (auth.keys) needs");
    }
    enum status status = reader_auth_set(r);
    if (!status && r->cfg.access) {
        struct access_cfg access = *r->cfg.access;
        access.source = r->auth ? auth_source(r->auth) : NULL;
        status = access_new(&access, &r->access);
    }
    return status
               ? status
               : reply_wait_new(r->receiver, r->rate_sps, radio_n_rx_channels(r->radio), &r->wait);
}

static enum status bistatic_set(struct reader *r)
{
    const struct bistatic_cfg *cfg = &r->cfg.bistatic;
    bool apart = radio_clocks_are_apart(r->radio);
    if (apart && cfg->mode != BISTATIC_SPLIT && r->cfg.mode == READER_INVENTORY) {
        return status_fail(ST_USAGE, "the receiver has a clock of its own: bistatic.mode split "
                                     "tracks it (or give both radios one reference)");
    }
    double slot_s =
        1e-6 * (bistatic_slot_us(&r->link, EPC_REPLY_BITS) + bistatic_wake_us(&r->link));
    if (r->cfg.mode == READER_INVENTORY && !isnan(cfg->gate_s) && cfg->gate_s < slot_s) {
        return status_fail(ST_RANGE,
                           "bistatic.gate_s is %g s, accepted from %g s on: the longest slot of "
                           "this link",
                           cfg->gate_s, slot_s);
    }
    if (!apart || cfg->mode != BISTATIC_SPLIT) {
        return ST_OK;
    }
    struct slip_cfg slip = {.rate_sps = r->rate_sps, .spread_us = cfg->start_spread_us};
    return slip_new(&slip, &r->slip);
}

static void context_set(struct reader *r)
{
    snprintf(r->context.reader_name, sizeof r->context.reader_name, "%.63s", r->cfg.run.name);
    r->context.epoch_s = r->cfg.run.epoch_s;
    if (radio_ops_of(r->radio)->real_time && isnan(r->context.epoch_s)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        r->context.epoch_s = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    }
}

/* Whatever it takes to transmit, and to hear the answer. */
static enum status exchange_set(struct reader *r)
{
    enum status status = tx_shape_new(&r->cfg.tx, r->rate_sps, &r->shape);
    status = status ? status : timing_set(r);
    status = status ? status : field_check(r);
    status = status ? status : receiver_new(r);
    status = status ? status : bistatic_set(r);
    status = status ? status : access_set(r);
    return status ? status : emission_set(r);
}

static enum status parts_set(struct reader *r, const struct option_set *options)
{
    enum status status = link_make(&r->cfg.link, &r->link);
    status = status ? status : host_cpus_parse(r->cfg.run.cpu_list, &r->cpus);
    status = status ? status : inventory_check(&r->cfg.inventory);
    status = status ? status : bistatic_check(&r->cfg.bistatic);
    status = status ? status : rings_set(r);
    status = status ? status : stats_turnaround_init(&r->turnaround);
    status = status ? status : radio_choose(r, options);
    status = status ? status : pool_set(r);
    status = status                         ? status
             : r->cfg.mode == READER_LISTEN ? reader_follow_set(r, options)
                                            : exchange_set(r);
    if (!status) {
        context_set(r);
    }
    status = status ? status : publish_open(&r->cfg.publish, &r->context, &r->publish);
    return status ? status : recorder_set(r);
}

/* The same order without a device. */
static enum status parts_plan(struct reader *r)
{
    if (r->cfg.mode == READER_LISTEN) {
        return status_fail(ST_USAGE, "a dry run tells what would be transmitted: nothing, with "
                                     "bistatic.mode listen");
    }
    enum status status = link_make(&r->cfg.link, &r->link);
    status = status ? status : bistatic_check(&r->cfg.bistatic);
    status = status ? status : host_cpus_parse(r->cfg.run.cpu_list, &r->cpus);
    status = status ? status : inventory_check(&r->cfg.inventory);
    status = status ? status : radio_plan(r);
    if (status) {
        return status;
    }
    r->rate_sps = r->cfg.radio.rate_sps;
    plan_fit_rate(&r->plan, r->rate_sps);
    status = rate_check(r);
    status = status ? status : tx_shape_new(&r->cfg.tx, r->rate_sps, &r->shape);
    status = status ? status : timing_set(r);
    status = status ? status : emission_set(r);
    return status ? status : field_check(r);
}

static enum status reader_make(const struct reader_cfg *cfg, const struct option_set *options,
                               bool planned_only, struct reader **reader)
{
    struct reader *r = calloc(1, sizeof *r);
    if (!r) {
        return status_fail(ST_NO_MEMORY, "reader: no memory");
    }
    r->cfg = *cfg;
    pthread_mutex_init(&r->status_mutex, NULL);
    pthread_mutex_init(&r->progress.mutex, NULL);
    r->progress.not_before_tick = INT64_MIN;
    r->progress.expected_end_tick = NAN;
    atomic_init(&r->tx_off_tick, INT64_MAX);
    enum status status = planned_only ? parts_plan(r) : parts_set(r, options);
    if (status) {
        reader_free(&r);
        return status;
    }
    *reader = r;
    return ST_OK;
}

enum status reader_new(const struct reader_cfg *cfg, const struct option_set *options,
                       struct reader **reader)
{
    return reader_make(cfg, options, false, reader);
}

enum status reader_plan(const struct reader_cfg *cfg, struct reader **reader)
{
    return reader_make(cfg, NULL, true, reader);
}

void reader_free(struct reader **reader)
{
    struct reader *r = *reader;
    if (!r) {
        return;
    }
    guard_stop(r);
    radio_close(&r->radio);
    publish_close(&r->publish);
    tx_shape_free(&r->shape);
    reply_wait_free(&r->wait);
    reply_rx_free(&r->receiver);
    access_free(&r->access);
    auth_free(&r->auth);
    passive_free(&r->passive);
    slip_free(&r->slip);
    emission_free(&r->emission);
    free(r->pool_samples);
    struct ring *rings[] = {&r->iq_free,  &r->iq_ready, &r->iq_done, &r->listens, &r->heard,
                            &r->commands, &r->carriers, &r->lates,   &r->records};
    for (size_t k = 0; k < sizeof rings / sizeof *rings; k++) {
        ring_fini(rings[k]);
    }
    free(r);
    *reader = NULL;
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
