/* emit_options.c - option rows of the emitter, and the lists in them. */
#include "reader/emit_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "reader/region.h"

#define RAMP_RISE_RATIO 0.482188 /* 10-90 % time of a ramp over its width, see dsp/emission.c */
#define STEP_MIN_S 1e-5
#define STEP_MAX_S 3600.0
#define TONE_MIN_DB (-80.0)
#define TONE_MAX_DB 20.0
#define TONE_OFFSET_MAX_HZ 100e3 /* of a channel; the narrowest are 200 kHz wide */

#define EMIT_ROW(field_, unit_, fallback_, min_, max_, meaning_)                                   \
    {                                                                                              \
        .key = "emit." #field_, .kind = OPTION_NUMBER, .unit = unit_, .fallback = fallback_,       \
        .min = min_, .max = max_, .offset = offsetof(struct emit_cfg, field_), .meaning = meaning_ \
    }

static const struct option_row emit_rows[] = {
    EMIT_ROW(trigger_period_s, "s", "", 0.002, 3600.0,
             "key a trigger (QueryRep) onto the carrier this often; unset: carrier only"),
    {.key = "emit.tones",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct emit_cfg, tones),
     .meaning = "up to 8 tones OFFSET:LEVEL, Hz from the carrier and dB to tx.amplitude, such as "
                "10k:0 or -20k:-6,20k:-6; their sum must not clip; empty: the carrier alone"},
    EMIT_ROW(ramp_from_db, "dB", "-30", -80.0, 0.0, "level at the start, to tx.amplitude"),
    EMIT_ROW(ramp_to_db, "dB", "0", -80.0, 0.0, "level at the end of the ramp, and from then on"),
    EMIT_ROW(ramp_s, "s", "", 0.001, 86400.0,
             "go from one level to the other in so long, evenly in dB; unset: no ramp"),
    EMIT_ROW(duty_period_s, "s", "", 0.0001, 3600.0,
             "on and off with this period; unset: always on"),
    EMIT_ROW(duty_ratio, "", "0.5", 0.001, 0.999, "share of the period that is on, at its start"),
    {.key = "emit.plan",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct emit_cfg, plan),
     .meaning = "up to 16 steps on:SECONDS or off:SECONDS, repeated, such as on:2,off:0.5"},
    EMIT_ROW(plan_offset_s, "s", "0", -3600.0, 3600.0,
             "plan and duty are counted from so long after time 0 of the device (PPS); on radios "
             "without "
             "a time of their own: after the first sample"),
};

const struct option_table emit_options = {
    .title = "emit", .rows = emit_rows, .n_rows = sizeof emit_rows / sizeof *emit_rows};

/* A number of a list, within bounds. */
static enum status number_of(const char *key, const char *text, const char *what, double min,
                             double max, double *value)
{
    if (option_parse_number(text, value) != ST_OK) {
        return status_fail(ST_USAGE, "%s: '%s' is no %s", key, text, what);
    }
    return *value >= min && *value <= max
               ? ST_OK
               : status_fail(ST_RANGE, "%s: %s '%s', accepted %g..%g", key, what, text, min, max);
}

/* Cut the next "NAME:VALUE" off a list; both end up as strings in `pair`.
 *   out  true; false at the end of the list; *value NULL: there is no colon */
static bool pair_next(const char **list, char pair[LIMIT_TEXT], const char **value)
{
    *list += strspn(*list, ", ");
    size_t n = strcspn(*list, ", ");
    if (n == 0) {
        return false;
    }
    require(n < LIMIT_TEXT);
    memcpy(pair, *list, n);
    pair[n] = '\0';
    *list += n;
    char *colon = strchr(pair, ':');
    *value = colon ? colon + 1 : NULL;
    if (colon) {
        *colon = '\0';
    }
    return true;
}

static enum status tones_read(const char *list, struct emission_cfg *emission)
{
    char pair[LIMIT_TEXT];
    const char *level;
    while (pair_next(&list, pair, &level)) {
        if (!level || emission->n_tones == EMISSION_TONES_MAX) {
            return status_fail(ST_USAGE,
                               "emit.tones: '%s', accepted are up to %d tones OFFSET:LEVEL, such "
                               "as 10k:-6",
                               pair, EMISSION_TONES_MAX);
        }
        struct emission_tone *tone = &emission->tone[emission->n_tones++];
        enum status status =
            number_of("emit.tones", pair, "offset in Hz", -50e6, 50e6, &tone->offset_hz);
        status = status ? status
                        : number_of("emit.tones", level, "level in dB", TONE_MIN_DB, TONE_MAX_DB,
                                    &tone->level_db);
        if (status) {
            return status;
        }
    }
    return ST_OK;
}

static enum status plan_read(const char *list, struct emission_cfg *emission)
{
    char pair[LIMIT_TEXT];
    const char *seconds;
    while (pair_next(&list, pair, &seconds)) {
        bool on = !strcmp(pair, "on");
        if (!seconds || (!on && strcmp(pair, "off") != 0) ||
            emission->n_steps == EMISSION_STEPS_MAX) {
            return status_fail(ST_USAGE,
                               "emit.plan: '%s', accepted are up to %d steps on:SECONDS or "
                               "off:SECONDS",
                               pair, EMISSION_STEPS_MAX);
        }
        struct emission_step *step = &emission->step[emission->n_steps++];
        step->on = on;
        enum status status =
            number_of("emit.plan", seconds, "length in s", STEP_MIN_S, STEP_MAX_S, &step->length_s);
        if (status) {
            return status;
        }
    }
    return ST_OK;
}

static void step_put(struct emission_cfg *emission, bool on, double length_s)
{
    emission->step[emission->n_steps++] = (struct emission_step){.on = on, .length_s = length_s};
}

enum status emit_plan(const struct emit_cfg *cfg, const struct bistatic_cfg *bistatic,
                      struct emission_cfg *emission, double *offset_s)
{
    bool is_gated = !isnan(bistatic->gate_s), has_duty = !isnan(cfg->duty_period_s);
    emission->n_tones = emission->n_steps = 0;
    emission->slope_from_db = cfg->ramp_from_db;
    emission->slope_to_db = cfg->ramp_to_db;
    emission->slope_s = cfg->ramp_s;
    *offset_s = cfg->plan_offset_s;
    if (is_gated + has_duty + (cfg->plan[0] != '\0') > 1) {
        return status_fail(ST_USAGE, "emit.plan, emit.duty_period_s and bistatic.gate_s all say "
                                     "when the emitter is on: accepted is one of them");
    }
    enum status status = tones_read(cfg->tones, emission);
    status = status ? status : plan_read(cfg->plan, emission);
    if (has_duty) {
        step_put(emission, true, cfg->duty_ratio * cfg->duty_period_s);
        step_put(emission, false, (1.0 - cfg->duty_ratio) * cfg->duty_period_s);
    }
    if (is_gated) { /* silent from the guard before the reader's window to the guard after it */
        double guard_s = 1e-6 * bistatic->gate_guard_us;
        double ramp_s = 1e-6 * emission->ramp_us / RAMP_RISE_RATIO;
        double silent_s = bistatic->gate_s + 2.0 * guard_s + ramp_s;
        step_put(emission, false, silent_s);
        step_put(emission, true, bistatic->gate_period_s - silent_s);
        *offset_s = bistatic->gate_offset_s - guard_s - ramp_s;
    }
    return status;
}

enum status emit_tones_check(const struct emission_cfg *emission, int region, double freq_hz)
{
    const struct region_plan *plan = region_plan_of(region);
    for (size_t k = 0; k < emission->n_tones && region > 0; k++) {
        double offset_hz = emission->tone[k].offset_hz, tone_hz = freq_hz + offset_hz;
        if (tone_hz < plan->lo_hz || tone_hz > plan->hi_hz ||
            (plan->n_channels > 0 && fabs(offset_hz) > TONE_OFFSET_MAX_HZ)) {
            return status_fail(ST_USAGE,
                               "emit.tones: a tone at %.6f MHz, accepted in region '%s' (%s): "
                               "%.1f..%.1f MHz%s",
                               tone_hz * 1e-6, plan->name, plan->rule, plan->lo_hz * 1e-6,
                               plan->hi_hz * 1e-6,
                               plan->n_channels > 0 ? ", within 100 kHz of the carrier" : "");
        }
    }
    return ST_OK;
}
