/* coexist.c - sums of the interference check. */
#include "protocol/coexist.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

double coexist_beam_rad(double freq_hz, double dish_m, double illumination_ratio)
{
    require(freq_hz > 0.0);
    require(dish_m > 0.0);
    require(illumination_ratio > 0.0);
    return UNITS_LIGHT_SPEED_MPS / freq_hz / (illumination_ratio * dish_m);
}

double coexist_dish_gain_dbi(double freq_hz, double dish_m, double illumination_ratio)
{
    double beam_rad = coexist_beam_rad(freq_hz, dish_m, illumination_ratio);
    return units_db_from_power_ratio(16.0 / (beam_rad * beam_rad));
}

double coexist_gain_beam_rad(double gain_dbi)
{
    return 4.0 / units_amplitude_ratio_from_db(gain_dbi);
}

double coexist_dish_m(double freq_hz, double gain_dbi, double illumination_ratio)
{
    require(freq_hz > 0.0);
    require(illumination_ratio > 0.0);
    return UNITS_LIGHT_SPEED_MPS / freq_hz / (illumination_ratio * coexist_gain_beam_rad(gain_dbi));
}

double coexist_footprint_m2(double gain_dbi, double altitude_m)
{
    require(altitude_m > 0.0);
    double radius_m = altitude_m * tan(0.5 * coexist_gain_beam_rad(gain_dbi));
    return UNITS_PI * radius_m * radius_m;
}

double coexist_threshold_dbm(double flux_db_mw_m2_hz, double bandwidth_hz, double freq_hz,
                             double gain_dbi)
{
    require(bandwidth_hz > 0.0);
    require(freq_hz > 0.0);
    double lambda_m = UNITS_LIGHT_SPEED_MPS / freq_hz;
    return flux_db_mw_m2_hz + units_db_from_power_ratio(bandwidth_hz) +
           units_db_from_power_ratio(lambda_m * lambda_m / (4.0 * UNITS_PI)) + gain_dbi;
}

double coexist_rays_db(double n_rays)
{
    require(n_rays > 0.0);
    return 20.0 * log10(n_rays);
}

double coexist_emitters_db(double n_emitters)
{
    require(n_emitters > 0.0);
    return 10.0 * log10(n_emitters);
}

/* From one emitter's EIRP to the sum at the victim. */
static double coupling_db(const struct coexist *c)
{
    return c->gain_dbi - c->loss_db + coexist_rays_db(c->n_rays) +
           coexist_emitters_db(c->n_emitters);
}

double coexist_received_dbm(const struct coexist *c)
{
    return c->eirp_dbm + coupling_db(c);
}

double coexist_margin_db(const struct coexist *c)
{
    return c->limit_dbm - coexist_received_dbm(c);
}

double coexist_eirp_limit_dbm(const struct coexist *c)
{
    return c->limit_dbm - coupling_db(c);
}
