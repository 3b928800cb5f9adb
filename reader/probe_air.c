/* probe_air.c - TX on a thread of its own, RX on the caller's; both walk the script by ticks. */
#include "reader/probe_air.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "protocol/command.h"
#include "reader/probe_delay.h"
#include "reader/reader_parts.h"
#include "reader/run.h"

enum { TX_CHUNK = 512, RX_BLOCK = 4096, MARK_TICKS = 4096, QUERY_Q_MAX = 5 };
#define MARKS_AFTER_S 20e-3  /* the pace is not known before */
#define SETTING_AHEAD_S 2e-3 /* before its tick a setting is handed to the radio */

struct tx_side {
    struct probe_script *script;
    struct radio *radio;
    struct tx_shape *shape;
    _Atomic int64_t
        *sent_ns; /* wall clock when the sample at every MARK_TICKS had been handed over */
    int64_t n_marks;
    bool is_on;
    unsigned n_queries;
    int64_t tick, end_tick;
    enum status status;
    char detail[512];
};

struct rx_side {
    struct probe_script *script;
    struct radio *radio;
    struct tx_side *tx;
    struct iq_block block;
    size_t next_setting;
    int64_t first_ns, first_tick; /* of the first block received */
    int64_t end_tick;
    sigset_t signals;
};

struct probe_segment *probe_script_add(struct probe_script *script, enum probe_wave wave,
                                       int64_t n_samples, int64_t settle_samples)
{
    require(script->n_segments < PROBE_SEGMENTS_MAX);
    require(n_samples > 0);
    require(settle_samples >= 0);
    struct probe_segment *segment = &script->segment[script->n_segments++];
    *segment = (struct probe_segment){
        .wave = wave, .n_samples = n_samples, .settle_samples = settle_samples};
    segment->setting.freq_hz = segment->setting.tx_gain_db = segment->setting.rx_gain_db = NAN;
    return segment;
}

void probe_script_free(struct probe_script *script)
{
    for (size_t k = 0; k < script->n_segments; k++) {
        for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
            free(script->segment[k].capture[c]);
            script->segment[k].capture[c] = NULL;
        }
    }
    script->n_segments = 0;
}

uint64_t probe_script_losses(const struct probe_script *script)
{
    const struct radio_counters *counters = &script->counters;
    uint64_t n = counters->underflows + counters->late + counters->overflows;
    for (size_t k = 0; k < script->n_segments; k++) {
        n += script->segment[k].n_lost > 0;
    }
    return n;
}

static int64_t segment_start(const struct probe_segment *segment)
{
    return segment->first_tick - segment->settle_samples;
}

static int64_t segment_end(const struct probe_segment *segment)
{
    return segment->first_tick + segment->n_samples;
}

/* Place the segments on the clock and take their memory. */
static enum status script_lay(struct probe_script *script, unsigned n_channels)
{
    int64_t tick = 0;
    for (size_t k = 0; k < script->n_segments; k++) {
        struct probe_segment *segment = &script->segment[k];
        segment->first_tick = tick + segment->settle_samples;
        segment->code_tick = segment->first_tick + script->code_ahead_ticks;
        tick = segment_end(segment);
        for (unsigned c = 0; c < n_channels; c++) {
            segment->capture[c] = calloc((size_t)segment->n_samples, sizeof *segment->capture[c]);
            if (!segment->capture[c]) {
                return status_fail(ST_NO_MEMORY, "probe: no memory for samples");
            }
        }
    }
    return ST_OK;
}

/* ---- transmit ---- */

/* The Queries count down from many slots to one and around again, so that one tag as well as dozens
 * have slots in which one of them answers alone. */
static enum status query_plan(struct tx_side *tx, const struct probe_segment *segment)
{
    struct probe_script *script = tx->script;
    double start = (double)(segment->first_tick + (int64_t)tx->n_queries * script->query_ticks +
                            2 * tx_shape_lead_ticks(tx->shape) + TX_CHUNK);
    if (tx->n_queries >= script->query_n ||
        start - (double)tx->tick > 0.5 * (double)script->query_ticks) {
        return ST_OK;
    }
    struct command command = {.id = COMMAND_QUERY};
    command.query.dr = (uint8_t)script->link.dr;
    command.query.m = (uint8_t)script->link.m;
    command.query.trext = script->link.trext;
    command.query.q = (uint8_t)(QUERY_Q_MAX - tx->n_queries % (QUERY_Q_MAX + 1));
    static _Thread_local struct bitbuf bits;
    bits.n_bits = 0;
    struct tx_shape_frame frame;
    enum status status = command_encode(&command, &bits);
    status = status ? status
                    : tx_shape_command(tx->shape, &script->link, bits.bit, bits.n_bits, true, start,
                                       &frame);
    script->query_end_tick[tx->n_queries++] = frame.end_tick;
    return status;
}

static void wave_apply(const struct tx_side *tx, const struct probe_segment *segment,
                       float _Complex *sample, size_t n)
{
    const struct probe_script *script = tx->script;
    double turn = 2.0 * UNITS_PI * script->tone_hz / radio_rate_sps(tx->radio);
    for (size_t k = 0; k < n && segment->wave == PROBE_TONE; k++) {
        double angle = turn * (double)(tx->tick + (int64_t)k - segment_start(segment));
        sample[k] *= (float)cos(angle) + (float)sin(angle) * I;
    }
    for (size_t k = 0; k < n && segment->wave == PROBE_CODE; k++) {
        sample[k] *= (float)probe_delay_level((double)(tx->tick + (int64_t)k - segment->code_tick),
                                              script->code_chip_ticks);
    }
}

static enum status segment_send(struct tx_side *tx, const struct probe_segment *segment,
                                int64_t end_tick)
{
    static _Thread_local float _Complex sample[TX_CHUNK];
    bool on = segment->wave != PROBE_OFF;
    if (on != tx->is_on) {
        if (on) {
            tx_shape_carrier_on(tx->shape, tx->tick);
        } else {
            tx_shape_carrier_off(tx->shape, tx->tick);
        }
        tx->is_on = on;
    }
    enum status status = ST_OK;
    while (!status && tx->tick < end_tick) {
        int64_t left = end_tick - tx->tick;
        size_t n = left < TX_CHUNK ? (size_t)left : TX_CHUNK;
        if (segment->wave == PROBE_QUERIES) {
            status = query_plan(tx, segment);
        }
        tx_shape_render(tx->shape, sample, n);
        wave_apply(tx, segment, sample, n);
        status = status ? status : radio_send(tx->radio, sample, n, tx->tick);
        tx->tick += (int64_t)n;
        int64_t mark = (tx->tick - 1) / MARK_TICKS;
        if (mark < tx->n_marks && mark * MARK_TICKS >= tx->tick - (int64_t)n) {
            atomic_store(&tx->sent_ns[mark], reader_wall_ns());
        }
    }
    return status;
}

/* After the script zeros follow: until RX has what it wants where a radio would run dry meanwhile, to
 * the end of a block elsewhere, so that a far end is left with all of what it was sent answered. */
static void *tx_thread(void *argument)
{
    struct tx_side *tx = argument;
    const struct probe_script *script = tx->script;
    enum status status = ST_OK;
    for (size_t k = 0; k < script->n_segments && !status; k++) {
        status = segment_send(tx, &script->segment[k], segment_end(&script->segment[k]));
    }
    const struct probe_segment *last = &script->segment[script->n_segments - 1];
    bool endless = radio_ops_of(tx->radio)->real_time;
    while (!status && (endless || tx->tick < tx->end_tick)) {
        int64_t end = tx->tick + TX_CHUNK;
        status = segment_send(tx, last, endless || end < tx->end_tick ? end : tx->end_tick);
    }
    if (status && status != ST_STOPPED && status != ST_END) {
        tx->status = status;
        snprintf(tx->detail, sizeof tx->detail, "%s", status_detail());
        radio_stop(tx->radio);
    }
    return NULL;
}

/* ---- receive ---- */

static void block_keep(struct rx_side *rx, size_t *at)
{
    struct probe_script *script = rx->script;
    const struct iq_block *block = &rx->block;
    int64_t first = block->first_tick, end = first + (int64_t)block->n_samples;
    while (*at < script->n_segments && segment_end(&script->segment[*at]) <= first) {
        (*at)++;
    }
    for (size_t k = *at; k < script->n_segments; k++) {
        struct probe_segment *segment = &script->segment[k];
        int64_t from = first > segment->first_tick ? first : segment->first_tick;
        int64_t to = end < segment_end(segment) ? end : segment_end(segment);
        if (segment_start(segment) >= end) {
            break;
        }
        for (unsigned c = 0; c < block->n_channels && to > from; c++) {
            memcpy(segment->capture[c] + (from - segment->first_tick),
                   block->sample[c] + (from - first),
                   (size_t)(to - from) * sizeof *block->sample[c]);
        }
        segment->n_lost -= to > from ? to - from : 0;
    }
}

/* The wall's time counts as the device's: one that is simulated may run slower. */
static void marks_take(struct rx_side *rx)
{
    const struct iq_block *block = &rx->block;
    int64_t last = block->first_tick + (int64_t)block->n_samples - 1;
    int64_t mark = last / MARK_TICKS, now_ns = reader_wall_ns();
    if (rx->first_ns == 0) {
        rx->first_ns = now_ns;
        rx->first_tick = last;
    }
    double stream_s = (double)(last - rx->first_tick) / radio_rate_sps(rx->radio);
    if (!radio_ops_of(rx->radio)->real_time || mark >= rx->tx->n_marks ||
        mark * MARK_TICKS < block->first_tick || stream_s < MARKS_AFTER_S) {
        return;
    }
    int64_t sent_ns = atomic_load(&rx->tx->sent_ns[mark]);
    if (sent_ns != 0) {
        double stream_ratio = 1e9 * stream_s / (double)(now_ns - rx->first_ns);
        double us = 1e-3 * (double)(now_ns - sent_ns) * stream_ratio;
        stats_add(&rx->script->round_trip_us, fmax(us, 0.0));
    }
}

static enum status settings_give(struct rx_side *rx, int64_t now)
{
    const struct probe_script *script = rx->script;
    int64_t ahead = (int64_t)(SETTING_AHEAD_S * radio_rate_sps(rx->radio));
    enum status status = ST_OK;
    while (!status && rx->next_setting < script->n_segments &&
           segment_start(&script->segment[rx->next_setting]) <= now + ahead) {
        const struct probe_segment *segment = &script->segment[rx->next_setting++];
        if (segment->has_setting) {
            status = radio_set(rx->radio, &segment->setting, segment_start(segment));
        }
    }
    return status;
}

static enum status rx_run(struct rx_side *rx)
{
    size_t at = 0;
    int64_t now = 0;
    enum status status = ST_OK;
    for (size_t k = 0; k < rx->script->n_segments; k++) {
        rx->script->segment[k].n_lost = rx->script->segment[k].n_samples;
    }
    const struct probe_script *script = rx->script;
    while (!status && now < rx->end_tick && !(script->enough && script->enough(script->context))) {
        if (run_signal_pending(&rx->signals)) {
            return status_fail(ST_STOPPED, "interrupted");
        }
        status = settings_give(rx, now);
        status = status ? status : radio_recv(rx->radio, &rx->block);
        if (!status) {
            marks_take(rx);
            block_keep(rx, &at);
            now = rx->block.first_tick + (int64_t)rx->block.n_samples;
        }
    }
    rx->script->counters = radio_counters_read(rx->radio);
    return status;
}

/* ---- both ---- */

static enum status sides_new(struct tx_side *tx, struct rx_side *rx, const struct tx_shape_cfg *cfg)
{
    rx->block.capacity_samples = RX_BLOCK;
    rx->block.n_channels = radio_n_rx_channels(rx->radio);
    tx->n_marks = rx->end_tick / MARK_TICKS + 1;
    tx->sent_ns = calloc((size_t)tx->n_marks, sizeof *tx->sent_ns);
    bool short_of_memory = tx->sent_ns == NULL;
    for (unsigned c = 0; c < rx->block.n_channels; c++) {
        rx->block.sample[c] = calloc(RX_BLOCK, sizeof *rx->block.sample[c]);
        short_of_memory = short_of_memory || !rx->block.sample[c];
    }
    return short_of_memory ? status_fail(ST_NO_MEMORY, "probe: no memory")
                           : tx_shape_new(cfg, radio_rate_sps(tx->radio), &tx->shape);
}

static void sides_free(struct tx_side *tx, struct rx_side *rx)
{
    free(tx->sent_ns);
    tx_shape_free(&tx->shape);
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        free(rx->block.sample[c]);
    }
}

static int64_t whole_blocks(int64_t n_samples, const struct radio *radio)
{
    int64_t block = (int64_t)radio_tx_block_samples(radio);
    return block > 1 ? (n_samples + block - 1) / block * block : n_samples;
}

enum status probe_script_run(struct probe_script *script, struct radio *radio,
                             const struct tx_shape_cfg *cfg)
{
    require(script->n_segments > 0);
    require(script->segment[script->n_segments - 1].wave == PROBE_OFF);
    struct tx_side tx = {.script = script, .radio = radio};
    struct rx_side rx = {.script = script, .radio = radio, .tx = &tx};
    run_signals_block(&rx.signals);
    enum status status = script_lay(script, radio_n_rx_channels(radio));
    rx.end_tick = tx.end_tick =
        whole_blocks(segment_end(&script->segment[script->n_segments - 1]), radio);
    status = status ? status : sides_new(&tx, &rx, cfg);
    status = status ? status : radio_start(radio);
    if (!status) {
        pthread_t thread;
        int failed = pthread_create(&thread, NULL, tx_thread, &tx);
        require(failed == 0);
        status = rx_run(&rx);
        radio_stop(radio);
        pthread_join(thread, NULL);
        if (tx.status) {
            status = status_fail(tx.status, "%s", tx.detail);
        }
    }
    sides_free(&tx, &rx);
    return status;
}
