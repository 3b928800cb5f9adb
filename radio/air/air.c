/* air.c - the front: builds the population and the channel, lets ticks pass. */
#include "radio/air/air.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/check.h"
#include "radio/air/detector.h"
#include "radio/air/fading.h"
#include "radio/air/modulator.h"
#include "radio/air/noise.h"
#include "radio/air/population.h"
#include "radio/air/receiver.h"
#include "radio/air/resampler.h"
#include "radio/air/sources.h"
#include "radio/air/tag.h"

#define CHUNK_SAMPLES_MAX SOURCES_SAMPLES_MAX
#define CHUNK_US 40.0 /* shorter than any command: no tag can be asked twice within a chunk */
#define HOLD_US 50.0
#define RELEARN_US 2000.0
#define POWER_OFF_DB 1.5 /* a tag keeps running this far below its power-up level */
#define THRESHOLD_RATIO 0.5
#define THRESHOLD_SPREAD 0.06 /* full width over the population */
#define HYSTERESIS_RATIO 0.04
#define ENVELOPE_POWER_MAX 1e12f

struct air_tag {
    struct tag tag;
    struct population_path path;
    struct modulator modulator;
    double ebn0_ratio;   /* NaN: from the budget */
    int64_t scale_tick;  /* when the half swing is set anew; DETECTOR_NEVER: as it is */
    float carrier_min;   /* field below this at that time is no carrier: scale kept */
    float scale;         /* on the budget's half swing */
    float _Complex gain; /* at receiver 0, carrier included */
    double power_dbm;
};

struct air {
    struct air_cfg cfg;
    struct tag_world world;
    double rate_sps, freq_hz;
    unsigned n_tx, n_rx;
    struct sources sources;
    int64_t tick;
    size_t n_tags;
    struct air_tag *tags;
    struct detector_member *members;
    struct detector *detectors; /* one, or with several transmitters one for each tag */
    size_t n_detectors;
    size_t *active; /* tags with a reply to send, ascending: the sums' order must not vary */
    size_t n_active, n_to_scale;
    double noise_power;
    struct noise_table table;
    struct receiver receivers[AIR_RECEIVERS_MAX];
    float _Complex still[AIR_RECEIVERS_MAX][AIR_SOURCES_MAX]; /* idle tags: sum of -h */
    struct fading fading;
    size_t chunk_samples;
    struct resampler_bank *clock; /* of the receivers; NULL: the transmitters' */
    int64_t rx_tick;              /* next sample of the receivers */
    int64_t n_early;              /* samples they take before tick 0, still to be made */
    float _Complex last_tx[AIR_SOURCES_MAX];
    float envelope[CHUNK_SAMPLES_MAX];
    float level[CHUNK_SAMPLES_MAX];
    float _Complex field[CHUNK_SAMPLES_MAX];
};

struct detector_context {
    struct air *air;
    size_t first_tag;
};

/* ---- making ---- */

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

static void make_tag(struct air *air, size_t index)
{
    struct air_tag *item = &air->tags[index];
    const struct air_cfg *cfg = &air->cfg;
    uint64_t random = (uint64_t)cfg->seed;
    random = noise_mix(&random) + index;
    random = noise_mix(&random);
    uint8_t epc[POPULATION_EPC_BYTES];
    population_epc((uint64_t)cfg->seed, (enum population_scheme)cfg->epc_scheme, (uint32_t)index,
                   epc);
    population_place(cfg, air->freq_hz, &random, &item->path);
    set_swing(air, &item->path);
    tag_init(&item->tag, epc, 8 * sizeof epc, (uint64_t)cfg->seed << 24 | index, noise_mix(&random),
             &air->world);
    item->scale = 1.0f;
    item->scale_tick = DETECTOR_NEVER;
    item->gain = item->path.forward[0] * item->path.back[0];
    double forward = (double)cabsf(item->path.forward[0]);
    item->power_dbm = 20.0 * log10(forward);
    item->ebn0_ratio = units_power_ratio_from_db(cfg->ebn0_db + cfg->ebn0_spread_db *
                                                                    (noise_uniform(&random) - 0.5));
    double sensitivity_dbm =
        cfg->tag_sensitivity_dbm + cfg->tag_sensitivity_spread_db * (noise_uniform(&random) - 0.5);
    double on_level = units_amplitude_ratio_from_db(sensitivity_dbm);
    if (air->sources.n_all == 1) {
        on_level /= forward; /* the shared envelope is the transmitter's amplitude */
    }
    double ratio = THRESHOLD_RATIO + THRESHOLD_SPREAD * (noise_uniform(&random) - 0.5);
    struct detector_member *member = &air->members[index];
    member->low_ratio = (float)(ratio - 0.5 * HYSTERESIS_RATIO);
    member->high_ratio = (float)(ratio + 0.5 * HYSTERESIS_RATIO);
    member->on_level = (float)on_level;
    member->off_level = (float)(on_level * units_amplitude_ratio_from_db(-POWER_OFF_DB));
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

/* Idle tags reflect with s = -1: together a fixed gain from each transmitter to each receiver. */
static void renew_still(struct air *air)
{
    if (!isnan(air->cfg.tag_level_db)) {
        return; /* the leak that levels and angles refer to is the whole of it */
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

static void make_world(struct air *air)
{
    const struct air_cfg *cfg = &air->cfg;
    air->world = (struct tag_world){
        .ticks_per_us = air->rate_sps * 1e-6,
        .t1_jitter_us = cfg->t1_jitter_us,
        .t2_limit_tpri = cfg->t2_limit_tpri,
        .blf_error_ratio = cfg->blf_error_ratio,
        .blf_error_force = cfg->blf_error_force,
        .blf_drift_ratio = cfg->blf_drift_ratio,
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
            double isolation_db = cfg->emitter[air->sources.emitter[i - air->n_tx]].isolation_db;
            receiver_scale_leak(&air->receivers[j], i,
                                units_amplitude_ratio_from_db(-isolation_db));
        }
    }
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
    sources_init(&air->sources, cfg, rate_sps, n_tx);
    air->n_detectors = air->sources.n_all == 1 ? 1 : air->n_tags;
    air->tags = calloc(air->n_tags + 1, sizeof *air->tags);
    air->members = calloc(air->n_tags + 1, sizeof *air->members);
    air->detectors = calloc(air->n_detectors + 1, sizeof *air->detectors);
    air->active = calloc(air->n_tags + 1, sizeof *air->active);
    bool own_clock = cfg->rx_clock_ppm != 0.0 || cfg->rx_start_us != 0.0;
    air->clock = own_clock ? resampler_bank_new(n_rx, cfg->rx_clock_ppm * 1e-6,
                                                cfg->rx_start_us * 1e-6 * rate_sps)
                           : NULL;
    if (!air->tags || !air->members || !air->detectors || !air->active ||
        (own_clock && !air->clock)) {
        air_free(&air);
        return status_fail(ST_NO_MEMORY, "simulated air: %zu tags", (size_t)cfg->n_tags);
    }
    air->n_early = own_clock ? air->clock->resampler[0].next : 0;
    make_world(air);
    for (size_t i = 0; i < air->n_tags; i++) {
        make_tag(air, i);
    }
    make_detectors(air);
    renew_still(air);
    *air_out = air;
    return ST_OK;
}

void air_free(struct air **air)
{
    require(air);
    if (*air) {
        free((*air)->tags);
        free((*air)->members);
        free((*air)->detectors);
        free((*air)->active);
        free((*air)->clock);
        free(*air);
    }
    *air = NULL;
}

/* ---- what the tags hear ---- */

static void activate(struct air *air, size_t index)
{
    size_t at = air->n_active;
    while (at > 0 && air->active[at - 1] > index) {
        at--;
    }
    if (at > 0 && air->active[at - 1] == index) {
        return; /* the last reply was cut by loss of power and is still listed */
    }
    require(air->n_active < air->n_tags);
    memmove(air->active + at + 1, air->active + at, (air->n_active - at) * sizeof *air->active);
    air->active[at] = index;
    air->n_active++;
}

/* Eb/N0 is set from the carrier half-way through T1: settled after the command, before the
 * reply. */
static void plan_scale(struct air *air, struct air_tag *item, size_t index)
{
    const struct tag_link *link = &item->tag.link;
    if (isnan(item->ebn0_ratio) || !item->tag.has_link) {
        return;
    }
    double wait_us = 0.5 * fmax(link->rtcal_us, 10.0 * link->tpri_us);
    bool is_shared = air->sources.n_all == 1;
    float peak = air->detectors[is_shared ? 0 : index].peak;
    item->carrier_min = 0.5f * peak * (is_shared ? cabsf(item->path.forward[0]) : 1.0f);
    air->n_to_scale += item->scale_tick == DETECTOR_NEVER;
    item->scale_tick = (int64_t)(item->tag.command_end_tick + wait_us * air->world.ticks_per_us);
}

static void on_event(void *context, size_t member, enum detector_event event, double tick)
{
    const struct detector_context *where = context;
    struct air *air = where->air;
    size_t index = where->first_tag + member;
    struct air_tag *item = &air->tags[index];
    switch (event) {
    case DETECTOR_POWER_UP: tag_power_up(&item->tag, &air->world, tick); break;
    case DETECTOR_POWER_DOWN: tag_power_down(&item->tag, tick); break;
    case DETECTOR_FALL: tag_fall(&item->tag, tick); break;
    case DETECTOR_RISE:
        switch (tag_rise(&item->tag, &air->world, tick)) {
        case TAG_EVENT_NONE: break;
        case TAG_EVENT_REPLY:
            modulator_start(&item->modulator, &item->tag.reply);
            activate(air, index);
            plan_scale(air, item, index);
            break;
        case TAG_EVENT_COMMAND: plan_scale(air, item, index); break;
        }
        break;
    }
}

static void magnitude(const float _Complex *sample, float *envelope, size_t n_samples)
{
    const float *value = (const float *)sample;
    for (size_t k = 0; k < n_samples; k++) {
        float power = value[2 * k] * value[2 * k] + value[2 * k + 1] * value[2 * k + 1];
        power = power < ENVELOPE_POWER_MAX ? power : 0.0f; /* also not-a-number */
        envelope[k] = sqrtf(power);
    }
}

/* The field at a tag: sum over the transmitters. */
static void sum_field(const struct air *air, const struct air_tag *item,
                      const float _Complex *const tx[], size_t first, float _Complex *field,
                      size_t n_samples)
{
    float *restrict out = (float *)field;
    memset(out, 0, n_samples * sizeof *field);
    for (unsigned i = 0; i < air->sources.n_all; i++) {
        const float *restrict in = (const float *)(tx[i] + first);
        float re = crealf(item->path.forward[i]);
        float im = cimagf(item->path.forward[i]);
        for (size_t k = 0; k < n_samples; k++) {
            out[2 * k] += in[2 * k] * re - in[2 * k + 1] * im;
            out[2 * k + 1] += in[2 * k] * im + in[2 * k + 1] * re;
        }
    }
}

/* Nothing can happen to a detector while all carriers stand still and no timer is due. */
static bool is_still(const struct air *air, const float _Complex *const tx[], size_t n_samples)
{
    for (unsigned i = 0; i < air->sources.n_all; i++) {
        for (size_t k = 0; k < n_samples; k++) {
            if (tx[i][k] != air->last_tx[i]) {
                return false;
            }
        }
    }
    return air->tick > 0;
}

static void listen(struct air *air, const float _Complex *const tx[], size_t n_samples)
{
    struct detector_context context = {.air = air};
    if (air->sources.n_all == 1) {
        magnitude(tx[0], air->envelope, n_samples);
        detector_run(&air->detectors[0], air->envelope, n_samples, air->tick, on_event, &context);
        return;
    }
    bool still = is_still(air, tx, n_samples);
    for (size_t i = 0; i < air->n_tags; i++) {
        if (still && air->detectors[i].wake_tick >= air->tick + (int64_t)n_samples) {
            continue;
        }
        context.first_tag = i;
        sum_field(air, &air->tags[i], tx, 0, air->field, n_samples);
        magnitude(air->field, air->envelope, n_samples);
        detector_run(&air->detectors[i], air->envelope, n_samples, air->tick, on_event, &context);
    }
    for (unsigned i = 0; i < air->sources.n_all; i++) {
        air->last_tx[i] = tx[i][n_samples - 1];
    }
}

/* ---- what the receivers hear ---- */

/* Set |h| so that |h|^2 Tb rate / noise_power is the wanted Eb/N0 at the carrier of now. */
static void rescale(struct air *air, struct air_tag *item, float _Complex field)
{
    const struct tag_link *link = &item->tag.link;
    double symbol_ticks = link->n_cycles * link->tpri_us * air->world.ticks_per_us;
    double wanted = sqrt(item->ebn0_ratio * air->noise_power / symbol_ticks);
    double budget = (double)cabsf(field) * (double)cabsf(item->path.back[0]);
    if (cabsf(field) >= item->carrier_min) {
        item->scale = (float)(wanted / budget);
        item->gain = item->path.back[0] * field * item->scale;
    }
}

/* Apply the scales due by `tick`, first sample of what is left of the chunk.
 *   out  the next tick at which one is due */
static int64_t apply_scales(struct air *air, const float _Complex *const tx[], size_t at)
{
    int64_t next = DETECTOR_NEVER;
    int64_t tick = air->tick + (int64_t)at;
    bool any = false;
    for (size_t i = 0; air->n_to_scale > 0 && i < air->n_tags; i++) {
        struct air_tag *item = &air->tags[i];
        if (item->scale_tick <= tick) {
            sum_field(air, item, tx, at, air->field, 1);
            rescale(air, item, air->field[0]);
            item->scale_tick = DETECTOR_NEVER;
            air->n_to_scale--;
            any = true;
        }
        next = item->scale_tick < next ? item->scale_tick : next;
    }
    if (any) {
        renew_still(air);
    }
    return next;
}

/* out += level gain field */
static void add_swing(float *restrict out, const float *restrict field, const float *restrict level,
                      float _Complex gain, size_t n_samples)
{
    float re = crealf(gain);
    float im = cimagf(gain);
    for (size_t k = 0; k < n_samples; k++) {
        out[2 * k] += level[k] * (field[2 * k] * re - field[2 * k + 1] * im);
        out[2 * k + 1] += level[k] * (field[2 * k] * im + field[2 * k + 1] * re);
    }
}

/* The same with a path that fades: the gain runs straight from node to node. */
static void add_faded(const struct air *air, size_t index, unsigned receiver, float _Complex *rx,
                      float _Complex gain, size_t n_samples, int64_t first_tick)
{
    for (size_t done = 0; done < n_samples;) {
        int64_t tick = first_tick + (int64_t)done;
        size_t at = (size_t)(tick % FADING_NODE_TICKS);
        size_t n = FADING_NODE_TICKS - at;
        n = n < n_samples - done ? n : n_samples - done;
        int64_t node = tick - (int64_t)at;
        float _Complex start = fading_at(&air->fading, index, receiver, node);
        float _Complex slope =
            (fading_at(&air->fading, index, receiver, node + FADING_NODE_TICKS) - start) *
            (1.0f / FADING_NODE_TICKS);
        for (size_t k = 0; k < n; k++) {
            float _Complex factor = gain * (start + (float)(at + k) * slope);
            rx[done + k] += air->level[done + k] * (air->field[done + k] * factor);
        }
        done += n;
    }
}

static void add_reply(struct air *air, size_t index, const float _Complex *const tx[],
                      float _Complex *const rx[], size_t first, size_t n_samples)
{
    struct air_tag *item = &air->tags[index];
    int64_t first_tick = air->tick + (int64_t)first;
    if (!modulator_levels(&item->modulator, &item->tag.reply, first_tick, air->level, n_samples)) {
        return;
    }
    sum_field(air, item, tx, first, air->field, n_samples);
    for (unsigned j = 0; j < air->n_rx; j++) {
        float _Complex gain = 2.0f * item->path.back[j] * item->scale; /* from s = -1 to s = +1 */
        if (fading_is_on(&air->fading)) {
            add_faded(air, index, j, rx[j] + first, gain, n_samples, first_tick);
        } else {
            add_swing((float *)(rx[j] + first), (const float *)air->field, air->level, gain,
                      n_samples);
        }
    }
}

static void drop_finished(struct air *air)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < air->n_active; i++) {
        const struct tag_reply *reply = &air->tags[air->active[i]].tag.reply;
        if ((double)air->tick <= reply->end_tick + 1.0) {
            air->active[n_kept++] = air->active[i];
        }
    }
    air->n_active = n_kept;
}

static void speak(struct air *air, const float _Complex *const tx[], float _Complex *const rx[],
                  size_t n_samples)
{
    const float _Complex *part[AIR_SOURCES_MAX];
    for (size_t done = 0; done < n_samples;) {
        int64_t next = apply_scales(air, tx, done);
        int64_t tick = air->tick + (int64_t)done;
        size_t n = n_samples - done;
        if (next < tick + (int64_t)n) {
            n = (size_t)(next - tick);
        }
        for (unsigned i = 0; i < air->sources.n_all; i++) {
            part[i] = tx[i] + done;
        }
        for (unsigned j = 0; j < air->n_rx; j++) {
            receiver_leak(&air->receivers[j], part, air->sources.n_all, air->still[j], rx[j] + done,
                          n, tick);
        }
        for (size_t i = 0; i < air->n_active; i++) {
            add_reply(air, air->active[i], tx, rx, done, n);
        }
        done += n;
    }
}

/* From what arrives to what the receivers make of it.   out  samples they take */
static size_t convert(struct air *air, float _Complex *const rx[], size_t n_samples)
{
    size_t n_out = n_samples;
    for (unsigned j = 0; j < air->n_rx; j++) {
        if (air->clock) {
            n_out = resampler_run(&air->clock->resampler[j], air->clock->raw[j], n_samples, rx[j]);
        }
        receiver_finish(&air->receivers[j], rx[j], n_out, air->rx_tick);
    }
    air->rx_tick += (int64_t)n_out;
    return n_out;
}

bool air_clocks_are_apart(const struct air *air)
{
    require(air);
    return air->clock != NULL;
}

size_t air_early(struct air *air, float _Complex *const rx[], size_t capacity)
{
    require(air->tick == 0 || air->n_early == 0);
    size_t n = air->n_early < (int64_t)capacity ? (size_t)air->n_early : capacity;
    for (unsigned j = 0; j < air->n_rx; j++) {
        memset(rx[j], 0, n * sizeof *rx[j]);
        receiver_finish(&air->receivers[j], rx[j], n, air->rx_tick);
    }
    air->rx_tick += (int64_t)n;
    air->n_early -= (int64_t)n;
    return n;
}

size_t air_step(struct air *air, const float _Complex *const tx[], float _Complex *const rx[],
                size_t n_samples)
{
    require(air);
    require(tx);
    require(rx);
    const float _Complex *sent[AIR_SOURCES_MAX] = {NULL};
    const float _Complex *on_air[AIR_SOURCES_MAX] = {NULL};
    float _Complex *to[AIR_RECEIVERS_MAX] = {NULL};
    float _Complex *arriving[AIR_RECEIVERS_MAX] = {NULL};
    size_t n_out = 0;
    for (size_t done = 0; done < n_samples;) {
        size_t n = n_samples - done;
        n = n < air->chunk_samples ? n : air->chunk_samples;
        for (unsigned i = 0; i < air->n_tx; i++) {
            sent[i] = tx[i] + done;
        }
        for (unsigned j = 0; j < air->n_rx; j++) {
            to[j] = rx[j] + n_out;
            arriving[j] = air->clock ? air->clock->raw[j] : to[j];
        }
        sources_make(&air->sources, &air->table, sent, on_air, n, air->tick);
        listen(air, sent, n);
        speak(air, on_air, arriving, n);
        n_out += convert(air, to, n);
        air->tick += (int64_t)n;
        drop_finished(air);
        done += n;
    }
    return n_out;
}

void air_set_receiver(struct air *air, unsigned receiver, double gain_db, double antenna_db)
{
    require(air);
    require(receiver < air->n_rx);
    require(isfinite(gain_db));
    require(isfinite(antenna_db));
    receiver_set_gain(&air->receivers[receiver], &air->cfg, air->rate_sps, receiver, gain_db,
                      antenna_db);
}

/* ---- truth ---- */

size_t air_n_tags(const struct air *air)
{
    require(air);
    return air->n_tags;
}

void air_tag_read(const struct air *air, size_t index, struct air_tag_truth *truth)
{
    require(index < air->n_tags);
    require(truth);
    const struct air_tag *item = &air->tags[index];
    memset(truth, 0, sizeof *truth);
    memcpy(truth->epc, item->tag.epc_bank + 4, item->tag.n_epc_bits / 8);
    truth->n_epc_bits = item->tag.n_epc_bits;
    truth->gain = item->gain;
    truth->blf_error_ratio = item->tag.blf_error_ratio;
    truth->power_dbm = item->power_dbm;
    truth->n_rn16_sent = item->tag.n_rn16_sent;
    truth->n_epc_sent = item->tag.n_epc_sent;
    truth->n_acks_heard = item->tag.n_acks_heard;
    truth->n_acks_late = item->tag.n_acks_late;
}
