/* tx_shape.c - transmit waveform.
 * The baseband is a sum of level steps at fractional ticks, each with the same edge: the integral
 * of a raised-cosine pulse of width T,
 *     S(u) = u - sin(2 pi u) / (2 pi),  u = (t - t_edge)/T + 1/2 in 0..1,
 * because it has finite support (plateaus are exact, lead is T/2), is antisymmetric about its
 * 50 % point (PW is where the encoder put it) and its spectrum has its first null at 2/T: with
 * T >= 4 samples what aliases is below -31 dB before the 1/f of the step. */
#include "dsp/tx_shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/pie.h"

enum { EDGE_STEPS = 4096, RAMPS_MAX = 8, COMMANDS_MAX = 2 };

#define EDGE_RISE_RATIO 0.482188 /* 10-90 % time of S over T: 1 - 2u, S(u) = 0.1 */
#define EDGE_WANTED_SAMPLES 4.0  /* first spectral null at the Nyquist frequency */
#define EDGE_LEAST_SAMPLES 2.6   /* shorter edges ring beyond the 5 % of 6.3.1.2.5 */
#define EDGE_OVERLAP_RATIO 1.4   /* T over a plateau's length: what it lacks stays below 4 % */
#define EDGE_CROSSING_RATIO                                                                        \
    2.0                    /* T over PW in pr-ask, where the low plateau is a zero crossing:       \
                            * an edge ends before the 50 % point of its neighbour */
#define RISE_MAX_TARI 0.33 /* tr, tf: Gen2 table 6.6 */
#define RISE_AUTO_TARI 0.30
#define TARI_MAX_US 25.0

struct tx_command {
    double start_tick;
    double width_ticks; /* T */
    double level_sign;  /* carrier before the command */
    size_t at;          /* first edge not wholly rendered */
    struct pie_edges edges;
};

struct tx_ramp {
    int64_t tick;
    double delta; /* +1 on, -1 off */
};

struct tx_shape {
    struct tx_shape_cfg cfg;
    double rate_sps;
    double ticks_per_us;
    double ramp_ticks; /* whole ramp */
    int64_t next_tick; /* next to be rendered */
    double sign_now;   /* carrier at next_tick when no command is under way */
    double sign_last;  /* carrier after the last command scheduled */
    double gain;       /* carrier before the first ramp listed */
    bool on_last;      /* state after the last ramp listed */
    size_t n_ramps;
    struct tx_ramp ramp[RAMPS_MAX];
    size_t n_commands;
    size_t first_command;
    struct tx_command command[COMMANDS_MAX];
    struct pie_edges revised;
    double edge[EDGE_STEPS + 1]; /* S at u = i / EDGE_STEPS */
};

static double edge_value(const struct tx_shape *shape, double u)
{
    if (u <= 0.0) {
        return 0.0;
    }
    if (u >= 1.0) {
        return 1.0;
    }
    double place = u * EDGE_STEPS;
    size_t index = (size_t)place;
    require_sig(index < EDGE_STEPS);
    double from = shape->edge[index];
    return from + (place - (double)index) * (shape->edge[index + 1] - from);
}

static enum status cfg_check(const struct tx_shape_cfg *cfg, double rate_sps)
{
    if (!(cfg->depth_ratio >= 0.8 && cfg->depth_ratio <= 1.0)) {
        return status_fail(ST_RANGE, "tx.depth_ratio is %g, accepted 0.8..1 (Gen2 6.3.1.2.5)",
                           cfg->depth_ratio);
    }
    if (!(cfg->amplitude > 0.0 && cfg->amplitude <= 1.0)) {
        return status_fail(ST_RANGE, "tx.amplitude is %g, accepted above 0 and up to 1",
                           cfg->amplitude);
    }
    if (!(cfg->ramp_us >= 1.0 && cfg->ramp_us <= 500.0)) {
        return status_fail(ST_RANGE, "tx.ramp_us is %g, accepted 1..500 (Gen2 6.3.1.2.6)",
                           cfg->ramp_us);
    }
    double least_us = EDGE_LEAST_SAMPLES * EDGE_RISE_RATIO * 1e6 / rate_sps;
    double most_us = RISE_MAX_TARI * TARI_MAX_US;
    if (!isnan(cfg->rise_us) && !(cfg->rise_us >= least_us && cfg->rise_us <= most_us)) {
        return status_fail(ST_RANGE, "tx.rise_us is %g, accepted %.3g..%.3g at %g samples/s",
                           cfg->rise_us, least_us, most_us, rate_sps);
    }
    return ST_OK;
}

enum status tx_shape_new(const struct tx_shape_cfg *cfg, double rate_sps, struct tx_shape **shape)
{
    require(cfg);
    require(rate_sps >= 1e6);
    require(rate_sps <= 100e6);
    *shape = NULL;
    enum status status = cfg_check(cfg, rate_sps);
    if (status) {
        return status;
    }
    struct tx_shape *s = calloc(1, sizeof *s);
    if (!s) {
        return status_fail(ST_NO_MEMORY, "transmit waveform: %zu bytes", sizeof *s);
    }
    s->cfg = *cfg;
    s->rate_sps = rate_sps;
    s->ticks_per_us = rate_sps * 1e-6;
    s->ramp_ticks = fmax(cfg->ramp_us / EDGE_RISE_RATIO * s->ticks_per_us, EDGE_WANTED_SAMPLES);
    s->sign_now = 1.0;
    s->sign_last = 1.0;
    for (size_t i = 0; i <= EDGE_STEPS; i++) {
        double u = (double)i / EDGE_STEPS;
        s->edge[i] = u - sin(2.0 * UNITS_PI * u) / (2.0 * UNITS_PI);
    }
    *shape = s;
    return ST_OK;
}

void tx_shape_free(struct tx_shape **shape)
{
    require(shape);
    free(*shape);
    *shape = NULL;
}

static void ramp_put(struct tx_shape *shape, int64_t tick, double delta)
{
    require(tick >= shape->next_tick);
    require(shape->n_ramps < RAMPS_MAX);
    require(shape->n_ramps == 0 || tick >= shape->ramp[shape->n_ramps - 1].tick);
    shape->ramp[shape->n_ramps++] = (struct tx_ramp){.tick = tick, .delta = delta};
    shape->on_last = delta > 0.0;
}

void tx_shape_carrier_on(struct tx_shape *shape, int64_t tick)
{
    require(shape);
    if (!shape->on_last) {
        ramp_put(shape, tick, 1.0);
    }
}

void tx_shape_carrier_off(struct tx_shape *shape, int64_t tick)
{
    require(shape);
    require(tick >= shape->next_tick);
    while (shape->n_ramps && shape->ramp[shape->n_ramps - 1].tick >= tick) {
        shape->n_ramps--;
        shape->on_last = shape->ramp[shape->n_ramps].delta < 0.0;
    }
    if (shape->on_last) {
        ramp_put(shape, tick, -1.0);
    }
}

int64_t tx_shape_ramp_ticks(const struct tx_shape *shape)
{
    require(shape);
    return (int64_t)ceil(shape->ramp_ticks);
}

/* Width T of an edge for this link, in ticks: as soft as Tari and PW allow, but not so short that
 * the rate cannot carry it. */
static enum status edge_width(const struct tx_shape *shape, const struct link *link,
                              double *width_ticks)
{
    bool crossing = shape->cfg.modulation == TX_SHAPE_PR_ASK;
    double high_us = link->tari_us - link->pw_us;
    double short_us = fmin(link->pw_us, high_us);
    double longest_us = fmin((crossing ? EDGE_CROSSING_RATIO : EDGE_OVERLAP_RATIO) * link->pw_us,
                             EDGE_OVERLAP_RATIO * high_us);
    double sample_us = 1.0 / shape->ticks_per_us;
    double width_us = shape->cfg.rise_us / EDGE_RISE_RATIO;
    if (isnan(shape->cfg.rise_us)) {
        width_us = fmin(RISE_AUTO_TARI * link->tari_us / EDGE_RISE_RATIO, short_us);
        width_us = fmax(width_us, fmin(EDGE_WANTED_SAMPLES * sample_us, longest_us));
    }
    if (width_us < EDGE_LEAST_SAMPLES * sample_us) {
        return status_fail(ST_RANGE, "%g samples/s cannot carry a PW of %g us at Tari %g us",
                           shape->rate_sps, link->pw_us, link->tari_us);
    }
    if (width_us > longest_us || width_us * EDGE_RISE_RATIO > RISE_MAX_TARI * link->tari_us) {
        return status_fail(ST_RANGE,
                           "a rise time of %.3g us is too long for Tari %g us, PW %g us "
                           "(at most 0.33 Tari, Gen2 6.3.1.2.5)",
                           width_us * EDGE_RISE_RATIO, link->tari_us, link->pw_us);
    }
    *width_ticks = width_us * shape->ticks_per_us;
    return ST_OK;
}

int64_t tx_shape_lead_ticks(const struct tx_shape *shape)
{
    double width_us = isnan(shape->cfg.rise_us) ? RISE_AUTO_TARI * TARI_MAX_US / EDGE_RISE_RATIO
                                                : shape->cfg.rise_us / EDGE_RISE_RATIO;
    double width_ticks = fmax(width_us * shape->ticks_per_us, EDGE_WANTED_SAMPLES);
    return (int64_t)ceil(0.5 * width_ticks);
}

int64_t tx_shape_link_lead_ticks(const struct tx_shape *shape, const struct link *link)
{
    require(shape);
    require(link);
    double width_ticks = 0.0;
    enum status status = edge_width(shape, link, &width_ticks);
    return status ? tx_shape_lead_ticks(shape) : (int64_t)ceil(0.5 * width_ticks);
}

static double edge_tick(const struct tx_shape *shape, const struct tx_command *command,
                        size_t index)
{
    return command->start_tick + command->edges.us[index] * shape->ticks_per_us;
}

/* Level before edge `index` (n_edges: after the last one), carrier = 1. */
static double edge_level(const struct tx_shape *shape, const struct tx_command *command,
                         size_t index)
{
    if (shape->cfg.modulation == TX_SHAPE_PR_ASK) { /* every low pulse turns the carrier over */
        double sign = index / 2 % 2 ? -command->level_sign : command->level_sign;
        return index % 2 ? 0.0 : sign;
    }
    return command->level_sign * (index % 2 ? 1.0 - shape->cfg.depth_ratio : 1.0);
}

/* Earliest tick at which a new command's first edge may begin to bend the carrier. */
static double free_tick(const struct tx_shape *shape)
{
    double tick = (double)shape->next_tick;
    if (shape->n_commands) {
        size_t last = (shape->first_command + shape->n_commands - 1) % COMMANDS_MAX;
        const struct tx_command *command = &shape->command[last];
        double end_tick = edge_tick(shape, command, command->edges.n_edges - 1);
        tick = fmax(tick, end_tick + 0.5 * command->width_ticks);
    }
    return tick;
}

int64_t tx_shape_room_tick(const struct tx_shape *shape)
{
    require(shape);
    if (shape->n_commands < COMMANDS_MAX) {
        return INT64_MIN;
    }
    const struct tx_command *command = &shape->command[shape->first_command];
    double end_tick = edge_tick(shape, command, command->edges.n_edges - 1);
    return (int64_t)ceil(end_tick + 0.5 * command->width_ticks);
}

static void frame_fill(struct tx_shape *shape, const struct tx_command *command,
                       struct tx_shape_frame *frame)
{
    shape->sign_last = edge_level(shape, command, command->edges.n_edges);
    frame->start_tick = command->start_tick;
    frame->end_tick = edge_tick(shape, command, command->edges.n_edges - 1);
    frame->carrier_sign = shape->sign_last > 0.0 ? 1 : -1;
}

enum status tx_shape_command(struct tx_shape *shape, const struct link *link, const uint8_t *bit,
                             size_t n_bits, bool with_preamble, double start_tick,
                             struct tx_shape_frame *frame)
{
    require(shape);
    require(link->tari_us > link->pw_us);
    if (shape->n_commands == COMMANDS_MAX) {
        return status_fail(ST_BUSY, "two commands are already waiting to be sent");
    }
    double width_ticks = 0.0;
    enum status status = edge_width(shape, link, &width_ticks);
    if (status) {
        return status;
    }
    if (!(start_tick - 0.5 * width_ticks >= free_tick(shape))) {
        return status_fail(ST_RANGE, "command at tick %.1f, earliest %.1f", start_tick,
                           free_tick(shape) + 0.5 * width_ticks);
    }
    size_t slot = (shape->first_command + shape->n_commands) % COMMANDS_MAX;
    struct tx_command *command = &shape->command[slot];
    status = pie_encode(link, bit, n_bits, with_preamble, &command->edges);
    if (status) {
        return status;
    }
    command->start_tick = start_tick;
    command->width_ticks = width_ticks;
    command->level_sign = shape->sign_last;
    command->at = 0;
    shape->n_commands++;
    frame_fill(shape, command, frame);
    return ST_OK;
}

enum status tx_shape_command_revise(struct tx_shape *shape, const struct link *link,
                                    const uint8_t *bit, size_t n_bits, bool with_preamble,
                                    struct tx_shape_frame *frame)
{
    require(shape);
    if (shape->n_commands == 0) {
        return status_fail(ST_NOT_FOUND, "the command to be revised is sent");
    }
    size_t newest = (shape->first_command + shape->n_commands - 1) % COMMANDS_MAX;
    struct tx_command *command = &shape->command[newest];
    enum status status = pie_encode(link, bit, n_bits, with_preamble, &shape->revised);
    if (status) {
        return status;
    }
    size_t n_least = command->edges.n_edges < shape->revised.n_edges ? command->edges.n_edges
                                                                     : shape->revised.n_edges;
    size_t n_same = 0;
    while (n_same < n_least && shape->revised.us[n_same] == command->edges.us[n_same]) {
        n_same++;
    }
    /* neither waveform may differ before the next tick: each goes on with its first other edge */
    double until_us =
        ((double)shape->next_tick - command->start_tick + 0.5 * command->width_ticks) /
        shape->ticks_per_us;
    const struct pie_edges *both[] = {&command->edges, &shape->revised};
    for (size_t k = 0; k < 2; k++) {
        if (n_same < both[k]->n_edges && both[k]->us[n_same] < until_us) {
            return status_fail(ST_RANGE, "the command is sent too far to be revised");
        }
    }
    command->edges = shape->revised;
    frame_fill(shape, command, frame);
    return ST_OK;
}

/* Carrier gain at `tick`; `until` is the first later tick at which it may differ. */
static double carrier_gain(struct tx_shape *shape, int64_t tick, int64_t *until)
{
    while (shape->n_ramps && (double)(tick - shape->ramp[0].tick) >= shape->ramp_ticks) {
        shape->gain = shape->ramp[0].delta > 0.0 ? 1.0 : 0.0;
        shape->n_ramps--;
        memmove(&shape->ramp[0], &shape->ramp[1], shape->n_ramps * sizeof shape->ramp[0]);
    }
    double gain = shape->gain;
    *until = INT64_MAX;
    for (size_t i = 0; i < shape->n_ramps; i++) {
        if (shape->ramp[i].tick >= tick) {
            *until = i ? tick + 1 : shape->ramp[i].tick + 1;
            return gain;
        }
        double u = (double)(tick - shape->ramp[i].tick) / shape->ramp_ticks;
        gain += shape->ramp[i].delta * edge_value(shape, u);
        *until = tick + 1;
    }
    return gain;
}

/* Keyed level at `tick`, same contract. */
static double keyed_level(struct tx_shape *shape, int64_t tick, int64_t *until)
{
    *until = INT64_MAX;
    if (!shape->n_commands) {
        return shape->sign_now;
    }
    struct tx_command *command = &shape->command[shape->first_command];
    double half_ticks = 0.5 * command->width_ticks;
    size_t n_edges = command->edges.n_edges;
    while (command->at < n_edges &&
           edge_tick(shape, command, command->at) + half_ticks <= (double)tick) {
        command->at++;
    }
    double level = edge_level(shape, command, command->at);
    if (command->at == n_edges) {
        shape->sign_now = level;
        shape->first_command = (shape->first_command + 1) % COMMANDS_MAX;
        shape->n_commands--;
        *until = tick + 1; /* the next command, if any, is looked at then */
        return level;
    }
    for (size_t i = command->at; i < n_edges; i++) {
        double from_tick = edge_tick(shape, command, i) - half_ticks;
        if (from_tick >= (double)tick) {
            *until = i == command->at ? (int64_t)floor(from_tick) + 1 : tick + 1;
            return level;
        }
        double delta = edge_level(shape, command, i + 1) - edge_level(shape, command, i);
        level += delta * edge_value(shape, ((double)tick - from_tick) / command->width_ticks);
    }
    *until = tick + 1;
    return level;
}

void tx_shape_render(struct tx_shape *shape, float _Complex *sample, size_t n_samples)
{
    require(shape);
    require(sample || n_samples == 0);
    int64_t end_tick = shape->next_tick + (int64_t)n_samples;
    int64_t tick = shape->next_tick;
    while (tick < end_tick) {
        int64_t gain_until, level_until;
        double gain = carrier_gain(shape, tick, &gain_until);
        double level = keyed_level(shape, tick, &level_until);
        float value = (float)(shape->cfg.amplitude * gain * level);
        int64_t until = gain_until < level_until ? gain_until : level_until;
        until = until < end_tick ? until : end_tick;
        for (; tick < until; tick++) {
            *sample++ = value;
        }
    }
    shape->next_tick = end_tick;
    int64_t until;
    keyed_level(shape, end_tick, &until); /* a command wholly rendered frees its place now */
}

static const struct option_row tx_shape_rows[] = {
    {.key = "tx.modulation",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "dsb-ask",
     .choices = "dsb-ask|pr-ask",
     .offset = offsetof(struct tx_shape_cfg, modulation),
     .meaning = "how commands are keyed onto the carrier"},
    {.key = "tx.depth_ratio",
     .kind = OPTION_NUMBER,
     .unit = "",
     .fallback = "0.95",
     .min = 0.8,
     .max = 1.0,
     .offset = offsetof(struct tx_shape_cfg, depth_ratio),
     .meaning = "modulation depth (A-B)/A of dsb-ask; pr-ask is always 1"},
    {.key = "tx.rise_us",
     .kind = OPTION_NUMBER,
     .unit = "us",
     .fallback = "",
     .min = 0.01,
     .max = 8.25,
     .offset = offsetof(struct tx_shape_cfg, rise_us),
     .meaning = "rise and fall time 10-90 %; not set: as soft as Tari, PW and rate allow"},
    {.key = "tx.amplitude",
     .kind = OPTION_NUMBER,
     .unit = "",
     .fallback = "0.7",
     .min = 0.001,
     .max = 1.0,
     .offset = offsetof(struct tx_shape_cfg, amplitude),
     .meaning = "carrier level, full scale = 1"},
    {.key = "tx.ramp_us",
     .kind = OPTION_NUMBER,
     .unit = "us",
     .fallback = "100",
     .min = 1.0,
     .max = 500.0,
     .offset = offsetof(struct tx_shape_cfg, ramp_us),
     .meaning = "power-up and power-down time, 10-90 %"},
};

const struct option_table tx_shape_options = {
    .title = "transmit waveform",
    .rows = tx_shape_rows,
    .n_rows = sizeof tx_shape_rows / sizeof *tx_shape_rows,
};
