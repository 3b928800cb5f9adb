/* air_make.c - builds the population and the channel out of the cfg. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/air_parts.h"
#include "radio/air/check.h"
#include "radio/air/equipment.h"

#define CHUNK_US 40.0 /* shorter than any command: no tag can be asked twice within a chunk */
#define HOLD_US 50.0
#define RELEARN_US 2000.0
#define POWER_OFF_DB 1.5 /* a tag keeps running this far below its power-up level */
#define THRESHOLD_RATIO 0.5
#define THRESHOLD_SPREAD 0.06 /* full width over the population */
#define HYSTERESIS_RATIO 0.04

/* What the cfg says of all tags' swings, relative to the leak of transmitter 0 at receiver 0. */
static void set_swing(const struct air *air, struct population_path *path)
{
    const struct air_cfg *cfg = &air->cfg;
    double _Complex leak = (double _Complex)air->receivers[0].leak[0];
    double _Complex swing = (double _Complex)(path->forward[0] * path->back[0]);
    double ratio = 1.0;
    if (!isnan(cfg->tag_level_db)) {
        ratio = units_amplitude_ratio_from_db(cfg->tag_level_db) * cabs(leak) / cabs(swing);
    }
    for (unsigned j = 0; j < AIR_RECEIVERS_MAX; j++) {
        double channel = j == 0 ? 1.0 : units_amplitude_ratio_from_db(cfg->channel_tag_db);
        path->back[j] *= (float)(ratio * channel);
    }
    if (!isnan(cfg->tag_angle_deg)) {
        double angle = cfg->tag_angle_deg * UNITS_PI / 180.0 + carg(leak) - carg(swing);
        path->back[0] *= (float)cos(angle) + (float)sin(angle) * I;
    }
}

static double wake_level(const struct air_tag *item)
{
    return item->on_level * units_amplitude_ratio_from_db(tag_extra_power_db(&item->tag));
}

float air_wake_level(const struct air *air, size_t index)
{
    require(index < air->n_tags);
    return (float)wake_level(&air->tags[index]);
}

void air_set_wake_level(struct air *air, size_t index)
{
    struct detector_member *member = &air->members[index];
    double on_level = wake_level(&air->tags[index]);
    member->on_level = (float)on_level;
    member->off_level = (float)(on_level * units_amplitude_ratio_from_db(-POWER_OFF_DB));
    if (air->harvest.is_on) { /* it lives on its storage */
        member->on_level = FLT_MAX;
        member->off_level = -1.0f;
    }
}

/* Where the tag stands and what its ways are.   *random moves on alike in every scene */
static enum status place_tag(struct air *air, size_t index, uint64_t *random)
{
    struct air_tag *item = &air->tags[index];
    struct scene_tag place;
    if (!air->scene.is_hall) {
        population_place(&air->cfg, air->freq_hz, NULL, random, &item->path);
        return ST_OK;
    }
    enum status status = scene_place(&air->scene, index, &place);
    if (!status) {
        population_place(&air->cfg, air->freq_hz, &place, random, &item->path);
        memcpy(item->at_m, place.at_m, sizeof item->at_m);
        item->tx_in_sight = place.tx_in_sight;
        item->rx_in_sight = place.rx_in_sight;
    }
    return status;
}

/* What it takes to wake the tag and to command it. */
static void set_levels(struct air *air, size_t index, double deviation_db)
{
    const struct air_cfg *cfg = &air->cfg;
    struct air_tag *item = &air->tags[index];
    double on_level = units_amplitude_ratio_from_db(cfg->tag_sensitivity_dbm + deviation_db);
    double command_level =
        isnan(cfg->device.command_dbm)
            ? 0.0
            : units_amplitude_ratio_from_db(cfg->device.command_dbm + deviation_db);
    if (air->sources.n_all == 1) { /* the shared envelope is the transmitter's amplitude */
        double forward = (double)cabsf(item->path.forward[0]);
        on_level /= forward;
        command_level /= forward;
    }
    item->on_level = on_level;
    item->command_level = (float)command_level;
    harvest_store_init(&item->store, &air->harvest);
    air_set_wake_level(air, index);
}

static enum status make_tag(struct air *air, size_t index)
{
    struct air_tag *item = &air->tags[index];
    const struct air_cfg *cfg = &air->cfg;
    uint64_t random = (uint64_t)cfg->seed;
    random = noise_mix(&random) + index;
    random = noise_mix(&random);
    uint8_t epc[POPULATION_EPC_BYTES];
    population_epc((uint64_t)cfg->seed, (enum population_scheme)cfg->epc_scheme, (uint32_t)index,
                   epc);
    enum status status = place_tag(air, index, &random);
    if (status) {
        return status;
    }
    set_swing(air, &item->path);
    struct tag_identity identity = {.epc = epc,
                                    .n_epc_bits = 8 * sizeof epc,
                                    .serial = (uint64_t)cfg->seed << 24 | index,
                                    .seed = noise_mix(&random)};
    tag_init(&item->tag, &air->stores[index], &identity, &air->world);
    struct tag_equipment equipment = air->equipment;
    item->has_true_key = equipment_draw_key(cfg, index, &equipment);
    item->is_replaying = equipment.is_replaying = equipment_draw_replay(cfg, index);
    tag_equip(&item->tag, &equipment);
    item->scale = 1.0f;
    item->scale_tick = DETECTOR_NEVER;
    item->gain =
        item->path.back[0] * (air->has_own_carrier ? air->own_amplitude : item->path.forward[0]);
    item->power_dbm = 20.0 * log10((double)cabsf(item->path.forward[0]));
    item->ebn0_ratio = units_power_ratio_from_db(cfg->ebn0_db + cfg->ebn0_spread_db *
                                                                    (noise_uniform(&random) - 0.5));
    set_levels(air, index, cfg->tag_sensitivity_spread_db * (noise_uniform(&random) - 0.5));
    double ratio = THRESHOLD_RATIO + THRESHOLD_SPREAD * (noise_uniform(&random) - 0.5);
    struct detector_member *member = &air->members[index];
    member->low_ratio = (float)(ratio - 0.5 * HYSTERESIS_RATIO);
    member->high_ratio = (float)(ratio + 0.5 * HYSTERESIS_RATIO);
    return ST_OK;
}

static void make_detectors(struct air *air)
{
    int64_t hold_ticks = units_ticks_from_us(HOLD_US, air->rate_sps);
    int64_t relearn_ticks = units_ticks_from_us(RELEARN_US, air->rate_sps);
    size_t n_each = air->sources.n_all == 1 ? air->n_tags : 1;
    for (size_t i = 0; i < air->n_detectors; i++) {
        detector_init(&air->detectors[i], air->members + i, n_each, hold_ticks, relearn_ticks);
    }
}

void air_renew_still(struct air *air)
{
    if (!isnan(air->cfg.tag_level_db)) {
        return; /* the leak that levels and angles refer to is the whole of it */
    }
    if (air->has_own_carrier) {
        return; /* silent while they are idle */
    }
    for (unsigned j = 0; j < air->n_rx; j++) {
        for (unsigned i = 0; i < air->sources.n_all; i++) {
            float _Complex sum = 0.0f;
            for (size_t t = 0; t < air->n_tags; t++) {
                const struct air_tag *item = &air->tags[t];
                sum -= item->path.forward[i] * item->path.back[j] * item->scale;
            }
            air->still[j][i] = sum;
        }
    }
}

static void make_devices(struct air *air)
{
    const struct tag_device_cfg *cfg = &air->cfg.device;
    harvest_init(&air->harvest, cfg, air->rate_sps, (int64_t)air->chunk_samples);
    air->has_own_carrier = !isnan(cfg->carrier_dbm);
    air->own_amplitude =
        air->has_own_carrier ? (float)units_amplitude_ratio_from_db(cfg->carrier_dbm) : 0.0f;
    oscillator_init(&air->own, cfg->carrier_offset_hz, 0.0, air->rate_sps);
}

static void make_world(struct air *air)
{
    const struct air_cfg *cfg = &air->cfg;
    air->world = (struct tag_world){
        .ticks_per_us = air->rate_sps * 1e-6,
        .t1_ratio = cfg->t1_ratio,
        .t1_jitter_us = cfg->t1_jitter_us,
        .t2_limit_tpri = cfg->t2_limit_tpri,
        .blf_error_ratio = cfg->blf_error_ratio,
        .blf_error_force = cfg->blf_error_force,
        .blf_drift_ratio = cfg->blf_drift_ratio,
        .write_us = cfg->tag_write_us,
        .block_words = (unsigned)cfg->tag_block_words,
        .crypto_us = cfg->tag_crypto_us,
        .security_timeout_ms = cfg->tag_security_timeout_ms,
        .reply_loss_ratio = cfg->tag_reply_loss_ratio,
    };
    size_t chunk = (size_t)(CHUNK_US * air->world.ticks_per_us);
    air->chunk_samples = chunk < CHUNK_SAMPLES_MAX ? chunk : CHUNK_SAMPLES_MAX;
    air->noise_power = receiver_noise_power(cfg, air->rate_sps);
    noise_table_init(&air->table);
    fading_init(&air->fading, cfg, air->rate_sps, air->freq_hz);
    struct air_cfg heard = *cfg; /* a receiver's carrier follows its clock */
    heard.carrier_offset_hz -= cfg->rx_clock_ppm * 1e-6 * air->freq_hz;
    for (unsigned j = 0; j < air->n_rx; j++) {
        receiver_init(&air->receivers[j], &heard, air->rate_sps, j, &air->table);
        for (unsigned i = air->n_tx; i < air->sources.n_all; i++) {
            double isolation_db = air->scene.emitter[i - air->n_tx].isolation_db;
            receiver_scale_leak(&air->receivers[j], i,
                                units_amplitude_ratio_from_db(-isolation_db));
        }
    }
    make_devices(air);
}

/* In a hall what gets from antenna to antenna follows from where they stand. */
static enum status place_leaks(struct air *air)
{
    enum status status = ST_OK;
    for (unsigned j = 0; j < air->n_rx && air->scene.is_hall; j++) {
        for (unsigned i = 0; i < air->sources.n_all && !status; i++) {
            double leak_db = 0.0;
            bool is_apart = false;
            status = scene_leak(&air->scene, i, j, &is_apart, &leak_db);
            if (is_apart) {
                receiver_scale_leak(&air->receivers[j], i,
                                    units_amplitude_ratio_from_db(leak_db - air->cfg.leak_db));
            }
        }
    }
    return status;
}

enum status air_new(const struct air_cfg *cfg, double rate_sps, double freq_hz, unsigned n_tx,
                    unsigned n_rx, struct air **air_out)
{
    require(cfg);
    require(air_out);
    *air_out = NULL;
    enum status status = check_cfg(cfg, rate_sps, freq_hz, n_tx, n_rx);
    if (status != ST_OK) {
        return status;
    }
    struct air *air = calloc(1, sizeof *air);
    if (!air) {
        return status_fail(ST_NO_MEMORY, "simulated air");
    }
    air->cfg = *cfg;
    air->rate_sps = rate_sps;
    air->freq_hz = freq_hz;
    air->n_tx = n_tx;
    air->n_rx = n_rx;
    air->n_tags = (size_t)cfg->n_tags;
    status = scene_init(&air->scene, &air->cfg, rate_sps, freq_hz, n_tx, n_rx);
    if (status) {
        air_free(&air);
        return status;
    }
    sources_init(&air->sources, cfg, air->scene.emitter, air->scene.n_emitters, rate_sps, n_tx);
    air->n_detectors = air->sources.n_all == 1 ? 1 : air->n_tags;
    air->tags = calloc(air->n_tags + 1, sizeof *air->tags);
    air->stores = calloc(air->n_tags + 1, sizeof *air->stores);
    air->members = calloc(air->n_tags + 1, sizeof *air->members);
    air->detectors = calloc(air->n_detectors + 1, sizeof *air->detectors);
    air->meters = calloc(air->n_detectors + 1, sizeof *air->meters);
    air->active = calloc(air->n_tags + 1, sizeof *air->active);
    bool own_clock = cfg->rx_clock_ppm != 0.0 || cfg->rx_start_us != 0.0;
    air->clock = own_clock ? resampler_bank_new(n_rx, cfg->rx_clock_ppm * 1e-6,
                                                cfg->rx_start_us * 1e-6 * rate_sps)
                           : NULL;
    if (!air->tags || !air->stores || !air->members || !air->detectors || !air->meters ||
        !air->active || (own_clock && !air->clock)) {
        air_free(&air);
        return status_fail(ST_NO_MEMORY, "simulated air: %zu tags", (size_t)cfg->n_tags);
    }
    status = equipment_read(cfg, &air->equipment);
    require(status == ST_OK); /* check_cfg has seen it */
    air->n_early = own_clock ? air->clock->resampler[0].next : 0;
    make_world(air);
    status = place_leaks(air);
    for (size_t i = 0; i < air->n_tags && !status; i++) {
        status = make_tag(air, i);
        const bool is_late = (int64_t)i >= cfg->n_tags - cfg->n_late_tags;
        air->tags[i].here_tick = is_late ? (int64_t)ceil(cfg->late_s * rate_sps) : 0;
    }
    if (status) {
        air_free(&air);
        return status;
    }
    make_detectors(air);
    air_renew_still(air);
    *air_out = air;
    return ST_OK;
}

void air_free(struct air **air)
{
    require(air);
    if (*air) {
        free((*air)->tags);
        free((*air)->stores);
        free((*air)->members);
        free((*air)->detectors);
        free((*air)->meters);
        free((*air)->active);
        free((*air)->clock);
        free(*air);
    }
    *air = NULL;
}
