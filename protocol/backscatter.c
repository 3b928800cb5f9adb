/* backscatter.c - equations 4 to 8 and the way back. */
#include "protocol/backscatter.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

/* of a reflection coefficient or a field, in double */
static double power_ratio(double complex field)
{
    return creal(field) * creal(field) + cimag(field) * cimag(field);
}

double backscatter_path_gain_ratio(double freq_hz, double distance_m,
                                   const struct backscatter_ray *ray, size_t n_rays)
{
    require(freq_hz > 0.0);
    require(distance_m > 0.0);
    const double lambda_m = UNITS_LIGHT_SPEED_MPS / freq_hz;
    double complex field = 1.0;
    for (size_t k = 0; k < n_rays; k++) {
        require(ray[k].length_m > 0.0);
        double longer_m = ray[k].length_m - distance_m;
        field += (double complex)ray[k].reflection * (distance_m / ray[k].length_m) *
                 cexp(-2.0 * UNITS_PI * I * longer_m / lambda_m);
    }
    double friis = lambda_m / (4.0 * UNITS_PI * distance_m);
    return friis * friis * power_ratio(field);
}

double backscatter_eirp_w(const struct backscatter_loop *loop)
{
    require(loop->reader_w > 0.0);
    require(loop->carrier_gain_ratio > 0.0);
    return loop->reader_w * loop->carrier_gain_ratio;
}

double backscatter_tag_w(const struct backscatter_loop *loop)
{
    require(loop->polarisation_ratio >= 0.0);
    require(loop->polarisation_ratio <= 1.0);
    return backscatter_eirp_w(loop) * loop->tag_gain_ratio * loop->polarisation_ratio *
           loop->down_ratio;
}

double backscatter_chip_w(const struct backscatter_loop *loop)
{
    return backscatter_tag_w(loop) * (1.0 - power_ratio((double complex)loop->matching));
}

double backscatter_modulation_ratio(const struct backscatter_loop *loop)
{
    require(loop->modulation_ratio > 0.0);
    return loop->modulation_ratio * power_ratio((double complex)loop->state[0] - loop->state[1]);
}

double backscatter_tag_eirp_w(const struct backscatter_loop *loop)
{
    return backscatter_tag_w(loop) * loop->tag_gain_ratio * backscatter_modulation_ratio(loop);
}

double backscatter_received_w(const struct backscatter_loop *loop)
{
    return backscatter_tag_eirp_w(loop) * loop->receiver_gain_ratio * loop->polarisation_ratio *
           loop->up_ratio;
}
