/* harvest.c - energy in, energy out. */
#include "radio/air/harvest.h"

#include <math.h>

#include "config/require.h"

static double energy_uj(double storage_uf, double volts)
{
    return 0.5 * storage_uf * volts * volts;
}

enum status harvest_check(const struct tag_device_cfg *cfg)
{
    require(cfg);
    if (cfg->storage_uf <= 0.0) {
        return ST_OK;
    }
    if (!(cfg->start_v > cfg->stop_v)) {
        return status_fail(
            ST_RANGE,
            "radio.sim.tag_start_v is %g, accepted above tag_stop_v, %g V (a tag that "
            "starts must have something to live on)",
            cfg->start_v, cfg->stop_v);
    }
    if (!(cfg->full_v >= cfg->start_v)) {
        return status_fail(ST_RANGE,
                           "radio.sim.tag_full_v is %g, accepted from tag_start_v on, %g V (else "
                           "no tag starts)",
                           cfg->full_v, cfg->start_v);
    }
    return ST_OK;
}

void harvest_init(struct harvest *harvest, const struct tag_device_cfg *cfg, double rate_sps,
                  int64_t step_ticks)
{
    require(rate_sps > 0.0);
    require(step_ticks > 0);
    double full_uj = energy_uj(cfg->storage_uf, cfg->full_v);
    *harvest = (struct harvest){.is_on = cfg->storage_uf > 0.0,
                                .step_ticks = step_ticks,
                                .efficiency_ratio = cfg->efficiency_ratio,
                                .load_uj = cfg->load_uw / rate_sps,
                                .leak_uj = cfg->leak_uw / rate_sps,
                                .s_per_tick = 1.0 / rate_sps,
                                .start_uj = energy_uj(cfg->storage_uf, cfg->start_v),
                                .stop_uj = energy_uj(cfg->storage_uf, cfg->stop_v),
                                .full_uj = full_uj,
                                .first_uj = cfg->charge_ratio * full_uj};
}

void harvest_store_init(struct harvest_store *store, const struct harvest *harvest)
{
    *store = (struct harvest_store){.stored_uj = harvest->first_uj};
}

int64_t harvest_left(const struct harvest *harvest, int64_t tick)
{
    require(tick >= 0);
    return harvest->step_ticks - tick % harvest->step_ticks;
}

void harvest_measure(struct harvest_meter *meter, const float *envelope, size_t n_samples)
{
    for (size_t k = 0; k < n_samples; k++) { /* one by one: the sum must not depend on splits */
        meter->energy += (double)envelope[k] * (double)envelope[k];
        meter->peak = envelope[k] > meter->peak ? envelope[k] : meter->peak;
    }
}

bool harvest_step(const struct harvest *harvest, struct harvest_store *store, double power_mw,
                  bool is_enough)
{
    require_sig(power_mw >= 0.0);
    double in_uj =
        is_enough ? 1e3 * power_mw * harvest->efficiency_ratio * harvest->s_per_tick : 0.0;
    double out_uj = harvest->leak_uj + (store->is_running ? harvest->load_uj : 0.0);
    double stored_uj = store->stored_uj + (in_uj - out_uj) * (double)harvest->step_ticks;
    store->stored_uj = fmax(0.0, fmin(harvest->full_uj, stored_uj));
    bool was_running = store->is_running;
    store->is_running = store->stored_uj >= (was_running ? harvest->stop_uj : harvest->start_uj);
    return store->is_running != was_running;
}
