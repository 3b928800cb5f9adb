/* region.c - the table of channel plans. */
#include "reader/region.h"

#include <math.h>

#include "config/require.h"

/* 2 W e.r.p. of a half-wave dipole (2.15 dBi) as EIRP, and 4 W. */
#define ERP_2W_DBM 35.15
#define ERP_4W_DBM 38.15

static const struct region_plan region_plans[] = {
    {.name = "none",
     .rule = "",
     .dwell_max_s = INFINITY,
     .time_rule = "",
     .eirp_max_dbm = NAN,
     .conducted_max_dbm = NAN,
     .power_rule = "",
     .fixed_eirp_max_dbm = NAN,
     .fixed_rule = ""},
    /* A carrier that stays is neither hopping nor digital modulation (6 dB bandwidth of 500 kHz,
     * 8 dBm in 3 kHz: 15.247(a)(2), (e)), so 15.249 is left for it: 50 mV/m at 3 m, which is
     * (0.05 V/m * 3 m)^2 / 30 ohm = 0.75 mW. */
    {.name = "fcc",
     .lo_hz = 902e6,
     .hi_hz = 928e6,
     .rule = "FCC 47 CFR 15.247",
     .first_hz = 902.75e6,
     .step_hz = 500e3,
     .n_channels = 50,
     .must_hop = true,
     .dwell_max_s = 0.4,
     .window_s = 20.0,
     .time_rule = "47 CFR 15.247(a)(1)(i)",
     .eirp_max_dbm = 36.0,
     .conducted_max_dbm = 30.0,
     .power_rule = "47 CFR 15.247(b)(2), (b)(4)",
     .fixed_eirp_max_dbm = -1.25,
     .fixed_rule = "47 CFR 15.249(a)"},
    {.name = "etsi",
     .lo_hz = 865e6,
     .hi_hz = 868e6,
     .rule = "ETSI EN 302 208 lower band",
     .first_hz = 865.7e6,
     .step_hz = 600e3,
     .n_channels = 4,
     .dwell_max_s = 4.0,
     .off_s = 0.1,
     .time_rule = "EN 302 208, transmission time of the four channels",
     .eirp_max_dbm = ERP_2W_DBM,
     .conducted_max_dbm = NAN,
     .power_rule = "EN 302 208, CEPT ERC/REC 70-03 annex 11: 2 W e.r.p.",
     .fixed_eirp_max_dbm = NAN,
     .fixed_rule = ""},
    {.name = "etsi-upper",
     .lo_hz = 915e6,
     .hi_hz = 921e6,
     .rule = "ETSI EN 302 208 upper band",
     .first_hz = 916.3e6,
     .step_hz = 1200e3,
     .n_channels = 4,
     .dwell_max_s = 4.0,
     .off_s = 0.1,
     .time_rule = "EN 302 208, transmission time of the four channels",
     .eirp_max_dbm = ERP_4W_DBM,
     .conducted_max_dbm = NAN,
     .power_rule = "EN 302 208, EU 2018/1538: 4 W e.r.p.",
     .fixed_eirp_max_dbm = NAN,
     .fixed_rule = ""},
    /* No power is given to a carrier that does not hop: none is left for it. */
    {.name = "china",
     .lo_hz = 920.5e6,
     .hi_hz = 924.5e6,
     .rule = "China 920.5-924.5 MHz",
     .first_hz = 920.625e6,
     .step_hz = 250e3,
     .n_channels = 16,
     .must_hop = true,
     .dwell_max_s = 2.0,
     .time_rule = "China 920 MHz rules, 2 s on a channel",
     .eirp_max_dbm = ERP_2W_DBM,
     .conducted_max_dbm = NAN,
     .power_rule = "China 920 MHz rules, 2 W e.r.p.",
     .fixed_eirp_max_dbm = -INFINITY,
     .fixed_rule = "China 920 MHz rules: hopping only"},
    /* The four licensed channels that need no carrier sense. The times are those of the channels
     * that do (4 s, then 50 ms), kept here as well. */
    {.name = "japan",
     .lo_hz = 916.7e6,
     .hi_hz = 923.5e6,
     .rule = "Japan 916.7-923.5 MHz",
     .first_hz = 916.8e6,
     .step_hz = 1200e3,
     .n_channels = 4,
     .dwell_max_s = 4.0,
     .off_s = 0.05,
     .time_rule = "ARIB STD-T106, transmission time control",
     .eirp_max_dbm = 36.0,
     .conducted_max_dbm = 30.0,
     .power_rule = "ARIB STD-T106, licensed stations: 1 W and 6 dBi",
     .fixed_eirp_max_dbm = NAN,
     .fixed_rule = ""},
    {.name = "lab",
     .lo_hz = 860e6,
     .hi_hz = 960e6,
     .rule = "shielded set-ups only",
     .dwell_max_s = INFINITY,
     .time_rule = "",
     .eirp_max_dbm = NAN,
     .conducted_max_dbm = NAN,
     .power_rule = "",
     .fixed_eirp_max_dbm = NAN,
     .fixed_rule = ""},
};

const struct region_plan *region_plan_of(int region)
{
    require(region >= 0);
    require((size_t)region < sizeof region_plans / sizeof *region_plans);
    return &region_plans[region];
}

double region_channel_hz(const struct region_plan *plan, size_t index)
{
    require(index < plan->n_channels);
    return plan->first_hz + (double)index * plan->step_hz;
}

size_t region_nearest_channel(const struct region_plan *plan, double freq_hz)
{
    require(plan->n_channels > 0);
    require(isfinite(freq_hz));
    double place = round((freq_hz - plan->first_hz) / plan->step_hz);
    return (size_t)fmin(fmax(place, 0.0), (double)(plan->n_channels - 1));
}

enum status region_check(int region, double freq_hz)
{
    const struct region_plan *plan = region_plan_of(region);
    if (region == 0) {
        return status_fail(ST_USAGE,
                           "radio.region is not set: transmitting with a real radio needs "
                           "one of fcc, etsi, etsi-upper, china, japan, lab (lab: "
                           "860-960 MHz, shielded set-ups only)");
    }
    if (isnan(freq_hz)) {
        return status_fail(ST_USAGE, "radio.freq_hz is not set: region '%s' accepts %.1f..%.1f MHz",
                           plan->name, plan->lo_hz * 1e-6, plan->hi_hz * 1e-6);
    }
    if (freq_hz < plan->lo_hz || freq_hz > plan->hi_hz) {
        return status_fail(
            ST_USAGE, "radio.freq_hz is %.6f MHz, accepted in region '%s' (%s): %.1f..%.1f MHz",
            freq_hz * 1e-6, plan->name, plan->rule, plan->lo_hz * 1e-6, plan->hi_hz * 1e-6);
    }
    return ST_OK;
}
