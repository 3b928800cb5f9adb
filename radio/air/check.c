/* check.c - every row's range, and what must hold between rows. */
#include "radio/air/check.h"

#include <math.h>

#include "radio/air/equipment.h"
#include "radio/air/harvest.h"
#include "radio/air/population.h"

#define BUSY_SHARE 0.9 /* of the time, at most: what comes in bursts must leave pauses */

static enum status check_rows(const struct air_cfg *cfg)
{
    for (size_t i = 0; i < air_options.n_rows; i++) {
        const struct option_row *row = &air_options.rows[i];
        const char *field = (const char *)cfg + row->offset;
        double value;
        if (row->kind == OPTION_NUMBER) {
            value = *(const double *)(const void *)field;
            if (isnan(value) && row->fallback[0] == '\0') {
                continue;
            }
        } else if (row->kind == OPTION_INT) {
            value = (double)*(const int64_t *)(const void *)field;
        } else {
            continue;
        }
        if (!(value >= row->min && value <= row->max)) {
            return status_fail(ST_RANGE, "%s is %g, accepted %g..%g %s", row->key, value, row->min,
                               row->max, row->unit);
        }
    }
    if (cfg->distance_min_m > cfg->distance_max_m) {
        return status_fail(ST_RANGE,
                           "radio.sim.distance_min_m is %g, accepted up to distance_max_m, %g",
                           cfg->distance_min_m, cfg->distance_max_m);
    }
    if (cfg->epc_scheme < POPULATION_SGTIN || cfg->epc_scheme > POPULATION_RANDOM) {
        return status_fail(ST_RANGE, "radio.sim.epc_scheme is %d, accepted 0..1", cfg->epc_scheme);
    }
    return ST_OK;
}

/* Row by row is not enough: some values belong together. `most` is what the key may be. */
static enum status fail_above(const char *key, double value, double most, const char *why)
{
    return status_fail(ST_RANGE, "radio.sim.%s is %g, accepted up to %g (%s)", key, value, most,
                       why);
}

static enum status check_interference(const struct air_cfg *cfg, double rate_sps)
{
    static const char *const in_band = "half the sample rate";
    double half_sps = 0.5 * rate_sps;
    if (!isnan(cfg->other_reader_dbfs) && fabs(cfg->other_reader_offset_hz) > half_sps) {
        return fail_above("other_reader_offset_hz", cfg->other_reader_offset_hz, half_sps, in_band);
    }
    if (!isnan(cfg->other_reader_dbfs) && !isnan(cfg->other_reader_period_us) &&
        cfg->other_reader_command_us > BUSY_SHARE * cfg->other_reader_period_us) {
        return fail_above("other_reader_command_us", cfg->other_reader_command_us,
                          BUSY_SHARE * cfg->other_reader_period_us, "0.9 of the period");
    }
    double rate_max = BUSY_SHARE * 1e6 / cfg->impulse_length_us;
    if (cfg->impulse_rate_per_s > rate_max) {
        return fail_above("impulse_rate_per_s", cfg->impulse_rate_per_s, rate_max,
                          "0.9 of the time");
    }
    if (isnan(cfg->burst_dbfs)) {
        return ST_OK;
    }
    double offset_max_hz = fmax(0.0, half_sps - 0.5 * cfg->burst_bandwidth_hz);
    if (fabs(cfg->burst_offset_hz) > offset_max_hz) {
        return fail_above("burst_offset_hz", cfg->burst_offset_hz, offset_max_hz,
                          "the whole burst inside the sample rate");
    }
    return cfg->burst_length_us > cfg->burst_period_us
               ? fail_above("burst_length_us", cfg->burst_length_us, cfg->burst_period_us,
                            "the period")
               : ST_OK;
}

static enum status check_emitters(const struct air_cfg *cfg, double rate_sps)
{
    if (cfg->scene.energy_period_s > 0.0 &&
        cfg->scene.energy_silent_s > BUSY_SHARE * cfg->scene.energy_period_s) {
        return fail_above("energy_silent_s", cfg->scene.energy_silent_s,
                          BUSY_SHARE * cfg->scene.energy_period_s, "0.9 of the period");
    }
    for (unsigned i = 0; i < AIR_EMITTERS_MAX; i++) {
        const struct air_emitter_cfg *emitter = &cfg->emitter[i];
        if (!isnan(emitter->level_db) && fabs(emitter->offset_hz) > 0.5 * rate_sps) {
            return status_fail(ST_RANGE,
                               "radio.sim.emitter%u_offset_hz is %g, accepted -%g..%g (half the "
                               "sample rate)",
                               i + 2, emitter->offset_hz, 0.5 * rate_sps, 0.5 * rate_sps);
        }
        if (emitter->period_s > 0.0 && emitter->silent_s > BUSY_SHARE * emitter->period_s) {
            return status_fail(
                ST_RANGE,
                "radio.sim.emitter%u_silent_s is %g, accepted up to %g (0.9 of the period)", i + 2,
                emitter->silent_s, BUSY_SHARE * emitter->period_s);
        }
    }
    return ST_OK;
}

static enum status check_together(const struct air_cfg *cfg, double rate_sps)
{
    if (!isnan(cfg->tag_level_db) && !isnan(cfg->ebn0_db)) {
        return status_fail(ST_RANGE,
                           "radio.sim.tag_level_db is %g beside radio.sim.ebn0_db %g, "
                           "accepted: one of the two",
                           cfg->tag_level_db, cfg->ebn0_db);
    }
    if (!isnan(cfg->device.carrier_dbm) &&
        !(isnan(cfg->tag_level_db) && isnan(cfg->tag_angle_deg))) {
        return status_fail(ST_RANGE,
                           "radio.sim.tag_carrier_dbm is %g beside tag_level_db or tag_angle_deg, "
                           "accepted: without them (a carrier of its own has no level or angle to "
                           "the leak)",
                           cfg->device.carrier_dbm);
    }
    enum status status = check_interference(cfg, rate_sps);
    status = status ? status : harvest_check(&cfg->device);
    return status ? status : check_emitters(cfg, rate_sps);
}

enum status check_cfg(const struct air_cfg *cfg, double rate_sps, double freq_hz, unsigned n_tx,
                      unsigned n_rx)
{
    if (!(rate_sps >= 1e6 && rate_sps <= 100e6)) {
        return status_fail(ST_RANGE, "simulated air: rate %g S/s, accepted 1e6..100e6", rate_sps);
    }
    if (!(freq_hz > 0.0 && freq_hz < 1e12)) {
        return status_fail(ST_RANGE, "simulated air: frequency %g Hz, accepted above 0", freq_hz);
    }
    if (n_tx < 1 || n_tx > AIR_TRANSMITTERS_MAX || n_rx < 1 || n_rx > AIR_RECEIVERS_MAX) {
        return status_fail(ST_RANGE, "simulated air: %u transmitters, %u receivers, accepted 1..4",
                           n_tx, n_rx);
    }
    enum status status = check_rows(cfg);
    struct tag_equipment equipment;
    status = status ? status : equipment_read(cfg, &equipment);
    return status ? status : check_together(cfg, rate_sps);
}
