/* air.c - the front: lets ticks pass, tells the truth. */
#include "radio/air/air.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/air_parts.h"

#define ENVELOPE_POWER_MAX 1e12f

struct detector_context {
    struct air *air;
    size_t first_tag;
};

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
    item->carrier_min = air->has_own_carrier ? 0.0f : item->carrier_min;
    air->n_to_scale += item->scale_tick == DETECTOR_NEVER;
    item->scale_tick = (int64_t)(item->tag.command_end_tick + wait_us * air->world.ticks_per_us);
}

/* The envelope that a tag takes for a high one. */
static double high_level(const struct air *air, size_t index)
{
    return (double)air->detectors[air->sources.n_all == 1 ? 0 : index].peak;
}

/* A tag near its wake-up level answers but cannot write. */
static bool lacks_write_power(const struct air *air, size_t index)
{
    if (air->cfg.tag_write_margin_db <= 0.0) {
        return false;
    }
    double margin_db = 20.0 * log10(high_level(air, index) / (double)air_wake_level(air, index));
    return margin_db < air->cfg.tag_write_margin_db;
}

static void start_reply(struct air *air, size_t index)
{
    struct air_tag *item = &air->tags[index];
    modulator_start(&item->modulator, &item->tag.reply);
    activate(air, index);
}

/* A tag that comes late misses what was before; the first event after that finds it powered, if there is a field.
 *   out  false: it is not there yet */
static bool is_here(struct air *air, struct air_tag *item, enum detector_event event, double tick)
{
    if (!item->is_here && tick >= (double)item->here_tick) {
        item->is_here = true;
        if (item->has_field) {
            tag_power_up(&item->tag, &air->world, (double)item->here_tick);
        }
    }
    item->has_field =
        event == DETECTOR_POWER_UP || (event != DETECTOR_POWER_DOWN && item->has_field);
    return item->is_here;
}

static void on_event(void *context, size_t member, enum detector_event event, double tick)
{
    const struct detector_context *where = context;
    struct air *air = where->air;
    size_t index = where->first_tag + member;
    struct air_tag *item = &air->tags[index];
    if (!is_here(air, item, event, tick)) {
        return;
    }
    bool is_edge = event == DETECTOR_FALL || event == DETECTOR_RISE;
    if (is_edge && high_level(air, index) < (double)item->command_level) {
        return; /* it runs, but its detector tells nothing of a field so weak */
    }
    switch (event) {
    case DETECTOR_POWER_UP:
        tag_power_up(&item->tag, &air->world, tick);
        air_set_wake_level(air, index); /* a range changed until power was lost is as before */
        break;
    case DETECTOR_POWER_DOWN: tag_power_down(&item->tag, tick); break;
    case DETECTOR_FALL: tag_fall(&item->tag, tick); break;
    case DETECTOR_RISE:
        item->tag.lacks_write_power = lacks_write_power(air, index);
        switch (tag_rise(&item->tag, &air->world, tick)) {
        case TAG_EVENT_NONE: break;
        case TAG_EVENT_REPLY:
            start_reply(air, index);
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

/* One detector and, where tags live on a storage, its meter. */
static void detect(struct air *air, size_t detector, size_t n_samples, int64_t tick)
{
    struct detector_context context = {.air = air, .first_tag = detector};
    detector_run(&air->detectors[detector], air->envelope, n_samples, tick, on_event, &context);
    if (air->harvest.is_on) {
        harvest_measure(&air->meters[detector], air->envelope, n_samples);
    }
}

static void hear(struct air *air, const float _Complex *const tx[], size_t n_samples, int64_t tick)
{
    if (air->sources.n_all == 1) {
        magnitude(tx[0], air->envelope, n_samples);
        detect(air, 0, n_samples, tick);
        return;
    }
    bool still = !air->harvest.is_on && is_still(air, tx, n_samples);
    for (size_t i = 0; i < air->n_tags; i++) {
        if (still && air->detectors[i].wake_tick >= tick + (int64_t)n_samples) {
            continue;
        }
        sum_field(air, &air->tags[i], tx, 0, air->field, n_samples);
        magnitude(air->field, air->envelope, n_samples);
        detect(air, i, n_samples, tick);
    }
    for (unsigned i = 0; i < air->sources.n_all; i++) {
        air->last_tx[i] = tx[i][n_samples - 1];
    }
}

/* A step of the storages is over at `tick`: who starts, who browns out. */
static void feed(struct air *air, int64_t tick)
{
    bool is_shared = air->sources.n_all == 1;
    struct detector_context context = {.air = air};
    for (size_t i = 0; i < air->n_tags; i++) {
        struct air_tag *item = &air->tags[i];
        const struct harvest_meter *meter = &air->meters[is_shared ? 0 : i];
        double amplitude = is_shared ? (double)cabsf(item->path.forward[0]) : 1.0;
        double power_mw = meter->energy / (double)air->harvest.step_ticks * amplitude * amplitude;
        bool is_enough = meter->peak >= air_wake_level(air, i);
        if (harvest_step(&air->harvest, &item->store, power_mw, is_enough)) {
            context.first_tag = is_shared ? 0 : i;
            detector_feed(&air->detectors[context.first_tag], i - context.first_tag,
                          item->store.is_running, tick, on_event, &context);
        }
    }
    memset(air->meters, 0, air->n_detectors * sizeof *air->meters);
}

static void listen(struct air *air, const float _Complex *const tx[], size_t n_samples)
{
    if (!air->harvest.is_on) {
        hear(air, tx, n_samples, air->tick);
        return;
    }
    const float _Complex *part[AIR_SOURCES_MAX];
    for (size_t done = 0; done < n_samples;) {
        int64_t tick = air->tick + (int64_t)done;
        int64_t left = harvest_left(&air->harvest, tick);
        size_t n = n_samples - done;
        n = left < (int64_t)n ? (size_t)left : n;
        for (unsigned i = 0; i < air->sources.n_all; i++) {
            part[i] = tx[i] + done;
        }
        hear(air, part, n, tick);
        if ((int64_t)n == left) {
            feed(air, tick + (int64_t)n);
        }
        done += n;
    }
}

/* ---- what the receivers hear ---- */

/* The tags' own carrier over a chunk. */
static void make_own_carrier(struct air *air, size_t n_samples)
{
    if (!air->has_own_carrier) {
        return;
    }
    for (size_t k = 0; k < n_samples; k++) {
        air->own_carrier[k] = air->own_amplitude;
    }
    oscillator_turn(&air->own, (float *)air->own_carrier, n_samples, air->tick);
}

/* What a tag's switch keys: the field it stands in, or its own carrier. */
static void make_keyed(const struct air *air, const struct air_tag *item,
                       const float _Complex *const tx[], size_t first, float _Complex *keyed,
                       size_t n_samples)
{
    if (air->has_own_carrier) {
        memcpy(keyed, air->own_carrier + first, n_samples * sizeof *keyed);
    } else {
        sum_field(air, item, tx, first, keyed, n_samples);
    }
}

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
            make_keyed(air, item, tx, at, air->field, 1);
            rescale(air, item, air->field[0]);
            item->scale_tick = DETECTOR_NEVER;
            air->n_to_scale--;
            any = true;
        }
        next = item->scale_tick < next ? item->scale_tick : next;
    }
    if (any) {
        air_renew_still(air);
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
    if (item->tag.reply.is_lost) {
        return;
    }
    if (!modulator_levels(&item->modulator, &item->tag.reply, first_tick, air->level, n_samples)) {
        return;
    }
    make_keyed(air, item, tx, first, air->field, n_samples);
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

/* Replies that are over; a tag in the middle of a process has the next one ready, which begins
 * later than the chunk to come: T7 is longer. */
static void drop_finished(struct air *air)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < air->n_active; i++) {
        size_t index = air->active[i];
        struct air_tag *item = &air->tags[index];
        bool is_over = (double)air->tick > item->tag.reply.end_tick + 1.0;
        bool goes_on = is_over && tag_go_on(&item->tag, &air->world, (double)air->tick);
        if (goes_on) {
            modulator_start(&item->modulator, &item->tag.reply);
        } else if (is_over) {
            air_set_wake_level(air, index);
        }
        if (!is_over || goes_on) {
            air->active[n_kept++] = index;
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
        make_own_carrier(air, n);
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
