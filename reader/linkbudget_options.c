/* linkbudget_options.c - the linkbudget.* keys, and the scenario they mean. */
#include <math.h>
#include <stdio.h>

#include "config/require.h"
#include "reader/cli.h"
#include "reader/linkbudget.h"

#define NUMBER(key_, field_, unit_, min_, max_, meaning_)                                          \
    {                                                                                              \
        .key = "linkbudget." key_, .kind = OPTION_NUMBER, .unit = unit_, .fallback = "",           \
        .min = min_, .max = max_, .offset = offsetof(struct linkbudget_cfg, field_),               \
        .meaning = meaning_                                                                        \
    }
#define CHOICE(key_, field_, choices_, fallback_, meaning_)                                        \
    {                                                                                              \
        .key = "linkbudget." key_, .kind = OPTION_CHOICE, .unit = "", .fallback = fallback_,       \
        .choices = choices_, .offset = offsetof(struct linkbudget_cfg, field_),                    \
        .meaning = meaning_                                                                        \
    }
#define SWITCH(key_, meaning_)                                                                     \
    {                                                                                              \
        .key = "linkbudget." #key_, .kind = OPTION_BOOL, .unit = "", .fallback = "no",             \
        .offset = offsetof(struct linkbudget_cfg, key_), .meaning = meaning_, .shorthand = #key_   \
    }
#define SENDER(who_, text_)                                                                        \
    NUMBER(#who_ ".power_dbm", own.who_.power_dbm, "dBm", -100, 100, text_ ": power"),             \
        NUMBER(#who_ ".gain_dbi", own.who_.gain_dbi, "dBi", -30, 100, text_ ": antenna gain"),     \
        NUMBER(#who_ ".elements", own.who_.elements, "", 1, 10000,                                 \
               text_ ": elements that add up in power, each with that power"),                     \
        NUMBER(#who_ ".cable_loss_db", own.who_.cable_loss_db, "dB", 0, 100, text_ ": cable")

static const struct option_row linkbudget_rows[] = {
    {.key = "linkbudget.preset",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "gen2",
     .offset = offsetof(struct linkbudget_cfg, preset),
     .meaning = "scenario that the other keys change, by its source's name: linkbudget --list",
     .shorthand = "preset"},
    {.key = "linkbudget.leg",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "all",
     .choices = BUDGET_LEG_CHOICES,
     .offset = offsetof(struct linkbudget_cfg, leg),
     .meaning = "rf-eh: harvesting, r2d: reader to device, d2r: device to reader",
     .shorthand = "leg"},
    {.key = "linkbudget.solve",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "distance",
     .choices = "distance|power|gain|sensitivity",
     .offset = offsetof(struct linkbudget_cfg, solve),
     .meaning = "what is looked for; all but the distance need linkbudget.distance_m",
     .shorthand = "solve"},
    {.key = "linkbudget.distance_m",
     .kind = OPTION_NUMBER,
     .unit = "m",
     .fallback = "",
     .min = 1e-6,
     .max = 1e9,
     .offset = offsetof(struct linkbudget_cfg, distance_m),
     .meaning = "reader to device (3D); set: level and margin there",
     .shorthand = "distance"},
    SWITCH(check, "recompute every published case and compare"),
    SWITCH(list, "list the presets"),
    SWITCH(csv, "comma-separated values instead of words"),
    NUMBER("freq_hz", own.freq_hz, "Hz", 1e6, 3e12, "carrier; unset here as below: the preset's"),
    CHOICE("model", model, "preset|" PATHLOSS_CHOICES, "preset",
           "path loss; inf_*: halls of TR 38.901; inf_dl_src001, friis_3e8: as published"),
    NUMBER("shadow_margin_db", own.shadow_margin_db, "dB", 0, 60, "kept for fading, each way"),
    NUMBER("polarisation_loss_db", own.polarisation_loss_db, "dB", 0, 60, "mismatch, each way"),
    NUMBER("air.vapour_g_m3", own.air.vapour_g_m3, "g/m3", 0, 60,
           "water vapour; set: gas attenuation (P.676), 7.5 is the standard air"),
    NUMBER("air.rain_mm_h", own.air.rain_mm_h, "mm/h", 0, 300, "rain (P.838)"),
    NUMBER("air.rain_tilt_deg", own.air.rain_tilt_deg, "deg", 0, 90,
           "polarisation: 0 horizontal, 45 circular, 90 vertical"),
    NUMBER("air.fog_g_m3", own.air.fog_g_m3, "g/m3", 0, 10, "liquid water of fog (P.840)"),
    NUMBER("air.temperature_c", own.air.temperature_c, "deg C", -60, 60, "of air and fog"),
    NUMBER("air.pressure_hpa", own.air.pressure_hpa, "hPa", 1, 1100, "of the air"),
    SENDER(reader, "the reader's transmitter"),
    SENDER(carrier, "the carrier that devices harvest and answer on"),
    CHOICE("carrier.place", place, BUDGET_PLACE_CHOICES, "preset",
           "edge: the device stands where it just works; fixed: carrier.distance_m away; reader: "
           "beside the reader"),
    NUMBER("carrier.distance_m", own.carrier_distance_m, "m", 1e-6, 1e9,
           "carrier to device; set: carrier.place is fixed"),
    CHOICE("device.type", device_type, BUDGET_DEVICE_CHOICES, "preset", "A-IoT 1, 2a, 2b; gen2"),
    NUMBER("device.gain_dbi", own.device.gain_dbi, "dBi", -30, 60, "antenna"),
    NUMBER("device.cable_loss_db", own.device.cable_loss_db, "dB", 0, 60, "antenna to chip"),
    NUMBER("device.object_loss_db", own.device.object_loss_db, "dB", 0, 60,
           "for what it is stuck on, each way"),
    NUMBER("device.backscatter_loss_db", own.device.backscatter_loss_db, "dB", 0, 60,
           "half the swing between its states, below what it gets"),
    NUMBER("device.amplifier_db", own.device.amplifier_db, "dB", 0, 60, "of the reflection"),
    NUMBER("device.power_dbm", own.device.power_dbm, "dBm", -100, 60,
           "its own carrier; unset in types 1 and 2a: it backscatters"),
    NUMBER("device.harvest_dbm", own.device.harvest_dbm, "dBm", -120, 60, "least power to run on"),
    NUMBER("device.command_dbm", own.device.command_dbm, "dBm", -150, 60,
           "least power to hear the reader"),
    NUMBER("device.height_m", own.device.height_m, "m", 0, 1000, "not above the reader"),
    NUMBER("reader.height_m", own.receiver.height_m, "m", 0, 1e6, "of its antennas"),
    CHOICE("receiver.from", weakest, BUDGET_WEAKEST_CHOICES, "preset",
           "sensitivity: given; residual: carrier less cancellation_db plus noise, as the A-IoT "
           "source has it; receiver: measured Eb/N0 of this reader (link.*) over its own floor"),
    NUMBER("receiver.gain_dbi", own.receiver.gain_dbi, "dBi", -30, 100,
           "the reader's receive antenna"),
    NUMBER("receiver.cable_loss_db", own.receiver.cable_loss_db, "dB", 0, 100, "behind it"),
    NUMBER("receiver.noise_figure_db", own.receiver.noise_figure_db, "dB", 0, 60,
           "of the receiver"),
    NUMBER("receiver.bandwidth_hz", own.receiver.bandwidth_hz, "Hz", 1, 1e12,
           "of the noise (given and residual)"),
    NUMBER("receiver.thermal_dbm_hz", own.receiver.thermal_dbm_hz, "dBm/Hz", -200, -100,
           "density of thermal noise"),
    NUMBER("receiver.diversity_gain_db", own.receiver.diversity_gain_db, "dB", 0, 30,
           "of two antennas"),
    NUMBER("receiver.sensitivity_dbm", own.receiver.sensitivity_dbm, "dBm", -200, 30,
           "set: receiver.from is given"),
    NUMBER("receiver.cancellation_db", own.receiver.cancellation_db, "dB", 0, 200,
           "of the carrier; set: receiver.from is residual"),
    NUMBER("receiver.carrier_dbm", own.receiver.carrier_dbm, "dBm", -100, 100,
           "carrier that cancellation_db is counted from; unset: its EIRP"),
    NUMBER("receiver.isolation_db", own.receiver.isolation_db, "dB", 0, 300,
           "from the carrier's connector to the receiver's"),
    NUMBER("receiver.converter_dbc_hz", own.receiver.converter_dbc_hz, "dBc/Hz", -250, 0,
           "noise a converter adds that must take the leak: -143.1 for 12 bit at 32 MS/s"),
    CHOICE("reply", reply, SENSITIVITY_REPLY_CHOICES, "rn16", "what is to be read"),
    CHOICE("per_pct", per, SENSITIVITY_PER_CHOICES, "10", "how many of them may be lost, %"),
    NUMBER("victim.limit_dbm", victim.limit_dbm, "dBm", -250, 50,
           "passive service: what it bears; set: interference check"),
    NUMBER("victim.flux_db_mw_m2_hz", victim.flux_db_mw_m2_hz, "dB(mW/m2/Hz)", -300, 0,
           "the same as spectral flux over victim.bandwidth_hz"),
    NUMBER("victim.bandwidth_hz", victim.bandwidth_hz, "Hz", 1, 1e12, "of the passive service"),
    NUMBER("victim.gain_dbi", victim.gain_dbi, "dBi", -60, 100,
           "of its antenna towards us; unset: 0"),
    NUMBER("victim.distance_m", victim.distance_m, "m", 1, 1e9, "to it, in free space"),
    NUMBER("victim.air_db", victim.air_db, "dB", 0, 1e6,
           "what the air takes on that way; unset: this air all the way"),
    NUMBER("victim.rays", victim.rays, "", 1, 1000, "in phase, from each emitter; unset: 1"),
    NUMBER("victim.emitters", victim.emitters, "", 1, 1e9, "in its sight; unset: 1"),
};

const struct option_table linkbudget_options = {.title = "linkbudget",
                                                .rows = linkbudget_rows,
                                                .n_rows = sizeof linkbudget_rows /
                                                          sizeof *linkbudget_rows};

#define OWN_START offsetof(struct linkbudget_cfg, own)
#define OWN_END (OWN_START + sizeof(struct budget_scenario))

/* The numbers that are set, into the same fields of the scenario. */
static void numbers_put(const struct linkbudget_cfg *cfg, struct budget_scenario *scenario)
{
    for (size_t k = 0; k < linkbudget_options.n_rows; k++) {
        const struct option_row *row = &linkbudget_rows[k];
        if (row->kind != OPTION_NUMBER || row->offset < OWN_START || row->offset >= OWN_END) {
            continue;
        }
        double value = *(const double *)(const void *)((const char *)cfg + row->offset);
        if (!isnan(value)) {
            *(double *)(void *)((char *)scenario + (row->offset - OWN_START)) = value;
        }
    }
}

static void device_put(int type, struct budget_scenario *scenario)
{
    if (type > 0) {
        require((size_t)type <= budget_n_device_types);
        double height_m = scenario->device.height_m;
        scenario->device = budget_device_types[type - 1].device;
        scenario->device.height_m = isnan(height_m) ? scenario->device.height_m : height_m;
    }
}

static enum status reply_put(const struct option_set *options, const struct linkbudget_cfg *cfg,
                             struct budget_scenario *scenario)
{
    struct link_cfg link_cfg;
    struct link link;
    option_fill(options, &link_options, &link_cfg);
    enum status status = link_make(&link_cfg, &link);
    if (!status) {
        scenario->reply = (struct sensitivity_link){
            .m = link.m,
            .trext = link.trext,
            .blf_hz = link.blf_hz,
            .reply = (enum sensitivity_reply)cfg->reply,
            .per = (enum sensitivity_per)cfg->per,
        };
    }
    return status;
}

/* What a number says about the choice beside it, where that is left to the preset. */
static void choices_put(const struct linkbudget_cfg *cfg, struct budget_scenario *scenario)
{
    if (cfg->model > 0) {
        scenario->model = (enum pathloss_model)(cfg->model - 1);
    }
    if (cfg->place > 0) {
        scenario->place = (enum budget_place)(cfg->place - 1);
    } else if (!isnan(cfg->own.carrier_distance_m)) {
        scenario->place = BUDGET_PLACE_FIXED;
    }
    if (cfg->weakest > 0) {
        scenario->weakest = (enum budget_weakest)(cfg->weakest - 1);
    } else if (!isnan(cfg->own.receiver.sensitivity_dbm)) {
        scenario->weakest = BUDGET_WEAKEST_GIVEN;
    } else if (!isnan(cfg->own.receiver.cancellation_db)) {
        scenario->weakest = BUDGET_WEAKEST_RESIDUAL;
    }
}

static enum status distance_check(const struct linkbudget *out)
{
    const struct budget_scenario *s = &out->scenario;
    if (isnan(out->distance_m)) {
        return out->solve == LINKBUDGET_DISTANCE
                   ? ST_OK
                   : status_fail(ST_USAGE, "linkbudget.distance_m is not set: linkbudget.solve "
                                           "asks what it takes to get somewhere");
    }
    double height_m = s->receiver.height_m - s->device.height_m;
    if (out->distance_m < height_m) {
        return status_fail(ST_RANGE,
                           "linkbudget.distance_m is %g m, accepted from %g m: the reader is so "
                           "high above the device",
                           out->distance_m, height_m);
    }
    return pathloss_check_distance(s->model, s->freq_hz, out->distance_m, "linkbudget.distance_m");
}

static enum status region_put(const struct option_set *options, struct linkbudget *out)
{
    struct run_cfg run;
    option_fill(options, &run_options, &run);
    const struct region_plan *plan = region_plan_of(run.region);
    out->region = run.region > 0 ? plan : NULL;
    if (!out->region ||
        (out->scenario.freq_hz >= plan->lo_hz && out->scenario.freq_hz <= plan->hi_hz)) {
        return ST_OK;
    }
    return status_fail(
        ST_RANGE, "linkbudget.freq_hz is %.6f MHz, accepted in region '%s' (%s): %.1f..%.1f MHz",
        out->scenario.freq_hz * 1e-6, plan->name, plan->rule, plan->lo_hz * 1e-6,
        plan->hi_hz * 1e-6);
}

static double otherwise(double value, double fallback)
{
    return isnan(value) ? fallback : value;
}

static enum status victim_put(const struct linkbudget_victim *v, struct linkbudget *out)
{
    const struct budget_scenario *s = &out->scenario;
    bool has_flux = !isnan(v->flux_db_mw_m2_hz);
    out->has_victim = has_flux || !isnan(v->limit_dbm);
    if (!out->has_victim) {
        return ST_OK;
    }
    if (has_flux && (isnan(v->bandwidth_hz) || !isnan(v->limit_dbm))) {
        return status_fail(ST_USAGE, "linkbudget.victim.flux_db_mw_m2_hz goes with "
                                     "linkbudget.victim.bandwidth_hz, and in place of "
                                     "linkbudget.victim.limit_dbm");
    }
    if (isnan(v->distance_m)) {
        return status_fail(ST_USAGE, "linkbudget.victim.distance_m is not set: how far is the "
                                     "passive service?");
    }
    const struct pathloss_path path = {.model = PATHLOSS_FREE_SPACE, .freq_hz = s->freq_hz};
    double air_db = 1e-3 * v->distance_m * attenuation_db_per_km(&s->air, s->freq_hz);
    const struct budget_sender *c = &s->carrier;
    out->victim = (struct coexist){
        .eirp_dbm = c->power_dbm + c->gain_dbi + 10.0 * log10(c->elements) - c->cable_loss_db,
        .loss_db = pathloss_db(&path, v->distance_m) + otherwise(v->air_db, air_db),
        .gain_dbi = otherwise(v->gain_dbi, 0.0),
        .n_rays = otherwise(v->rays, 1.0),
        .n_emitters = otherwise(v->emitters, 1.0),
        .limit_dbm =
            has_flux ? coexist_threshold_dbm(v->flux_db_mw_m2_hz, v->bandwidth_hz, s->freq_hz, 0.0)
                     : v->limit_dbm,
    };
    return ST_OK;
}

static enum status legs_put(const struct linkbudget_cfg *cfg, struct linkbudget *out)
{
    static const char *const missing[BUDGET_LEGS] = {
        "it does not harvest (linkbudget.device.harvest_dbm)",
        "it does not listen (linkbudget.device.command_dbm)",
        "it does not answer (linkbudget.device.backscatter_loss_db, .power_dbm)"};
    for (int leg = 0; leg < BUDGET_LEGS; leg++) {
        bool has = budget_has_leg(&out->scenario, (enum budget_leg)leg);
        out->leg_wanted[leg] = has && (cfg->leg == 0 || cfg->leg == leg + 1);
        if (cfg->leg == leg + 1 && !has) {
            return status_fail(ST_USAGE,
                               "linkbudget.leg asks for what the device of '%.64s' does not do: %s",
                               out->name, missing[leg]);
        }
    }
    return ST_OK;
}

enum status linkbudget_resolve(const struct option_set *options, struct linkbudget *out)
{
    require(options);
    struct linkbudget_cfg cfg;
    struct budget_preset preset;
    *out = (struct linkbudget){.region = NULL};
    option_fill(options, &linkbudget_options, &cfg);
    enum status status = budget_preset_find(cfg.preset, &preset);
    if (status) {
        return status;
    }
    snprintf(out->name, sizeof out->name, "%s", preset.name);
    out->meaning = preset.meaning;
    out->solve = (enum linkbudget_solve)cfg.solve;
    out->distance_m = cfg.distance_m;
    out->scenario = preset.scenario;
    device_put(cfg.device_type, &out->scenario);
    numbers_put(&cfg, &out->scenario);
    choices_put(&cfg, &out->scenario);
    status = reply_put(options, &cfg, &out->scenario);
    status = status ? status : budget_check(&out->scenario);
    status = status ? status : distance_check(out);
    status = status ? status : legs_put(&cfg, out);
    status = status ? status : region_put(options, out);
    return status ? status : victim_put(&cfg.victim, out);
}
