/* reader_make.c - takes all memory of a reader and gives it back; a dry run takes only the plan. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "config/require.h"
#include "reader/field.h"
#include "reader/guard.h"
#include "reader/multiplex.h"
#include "reader/reader_parts.h"

static enum status radio_choose(struct reader *r, const struct option_set *options)
{
    enum status status = reader_radio_plan(r);
    status = status ? status : radio_open(&r->cfg.radio, options, &r->radio);
    if (r->cfg.mode != READER_LISTEN) {
        status = status ? status : plan_fit(&r->plan, r->radio);
    }
    if (status) {
        return status;
    }
    r->rate_sps = radio_rate_sps(r->radio);
    return reader_rate_check(r);
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
    if (!status) {
        reader_timing_set(r);
    }
    status = status ? status : multiplex_set(r);
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
    status = status ? status : stats_turnaround_init(&r->silence);
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
    status = status ? status : reader_radio_plan(r);
    if (status) {
        return status;
    }
    r->rate_sps = r->cfg.radio.rate_sps;
    plan_fit_rate(&r->plan, r->rate_sps);
    status = reader_rate_check(r);
    status = status ? status : tx_shape_new(&r->cfg.tx, r->rate_sps, &r->shape);
    if (!status) {
        reader_timing_set(r);
    }
    status = status ? status : multiplex_set(r);
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
    multiplex_free(&r->multiplex);
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
