/* eirp.c - the sum and the limits. */
#include "reader/eirp.h"

#include <math.h>
#include <stdio.h>

#include "config/require.h"
#include "config/units.h"

#define MEASURED_DB 0.005 /* a figure is over its limit when its second decimal is */

double eirp_conducted_dbm(const struct eirp *eirp)
{
    require(eirp);
    require(eirp->amplitude > 0.0);
    return eirp->full_scale_dbm + 20.0 * log10(eirp->amplitude) - eirp->cable_loss_db;
}

double eirp_dbm(const struct eirp *eirp)
{
    return eirp_conducted_dbm(eirp) + eirp->antenna_gain_dbi;
}

static enum status limit_check(const struct eirp *eirp, const struct region_plan *plan,
                               const char *what, double dbm, double max_dbm, const char *rule)
{
    double over_db = dbm - max_dbm;
    if (!(over_db > MEASURED_DB)) { /* nor where either is unknown */
        return ST_OK;
    }
    if (isinf(over_db)) {
        return status_fail(ST_USAGE, "region '%s' has no fixed carrier (%s): leave radio.hop auto",
                           plan->name, rule);
    }
    char antenna[32] = "";
    if (dbm != eirp_conducted_dbm(eirp)) {
        snprintf(antenna, sizeof antenna, " %+.2f dBi antenna", eirp->antenna_gain_dbi);
    }
    double amplitude = eirp->amplitude * units_amplitude_ratio_from_db(-over_db);
    return status_fail(ST_USAGE,
                       "%s is %.2f dBm at %.3f MHz (%.2f dBm full scale at %g dB gain %+.2f dB "
                       "amplitude %g %+.2f dB cable%s), region '%s' allows %.2f dBm (%s): lower "
                       "radio.tx_gain_db by %.1f dB, or tx.amplitude to %.3g",
                       what, dbm, eirp->freq_hz * 1e-6, eirp->full_scale_dbm, eirp->tx_gain_db,
                       20.0 * log10(eirp->amplitude), eirp->amplitude, -eirp->cable_loss_db,
                       antenna, plan->name, max_dbm, rule, ceil(over_db * 10.0) / 10.0,
                       floor(amplitude * 1000.0) / 1000.0);
}

enum status eirp_check(const struct eirp *eirp, const struct region_plan *plan, bool fixed)
{
    require(eirp);
    require(plan);
    double own_dbm = eirp_dbm(eirp);
    if (fixed && !isnan(plan->fixed_eirp_max_dbm)) {
        if (isnan(own_dbm) && isfinite(plan->fixed_eirp_max_dbm)) {
            return status_fail(ST_USAGE,
                               "a carrier that does not hop may have %.2f dBm EIRP in region '%s' "
                               "(%s), and its EIRP is not known: give radio.calibration and "
                               "radio.antenna_gain_dbi, or leave radio.hop auto",
                               plan->fixed_eirp_max_dbm, plan->name, plan->fixed_rule);
        }
        own_dbm = isnan(own_dbm) ? 0.0 : own_dbm;
        return limit_check(eirp, plan, "EIRP without hopping", own_dbm, plan->fixed_eirp_max_dbm,
                           plan->fixed_rule);
    }
    enum status status =
        limit_check(eirp, plan, "EIRP", own_dbm, plan->eirp_max_dbm, plan->power_rule);
    return status ? status
                  : limit_check(eirp, plan, "the power into the antenna", eirp_conducted_dbm(eirp),
                                plan->conducted_max_dbm, plan->power_rule);
}
