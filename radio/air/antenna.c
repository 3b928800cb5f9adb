/* antenna.c - patterns relative to the strongest direction. */
#include "radio/air/antenna.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

#define NEARLY_NULL 1e-9 /* below that sin t the dipole's null is reached */

void antenna_aim(double azimuth_deg, double elevation_deg, double aim[3])
{
    double azimuth = azimuth_deg * UNITS_PI / 180.0;
    double elevation = elevation_deg * UNITS_PI / 180.0;
    aim[0] = cos(elevation) * cos(azimuth);
    aim[1] = cos(elevation) * sin(azimuth);
    aim[2] = sin(elevation);
}

double antenna_exponent(double beam_deg)
{
    require(beam_deg > 0.0);
    require(beam_deg < 180.0);
    return log(0.5) / log(cos(0.5 * beam_deg * UNITS_PI / 180.0));
}

static double dipole_ratio(double cosine)
{
    double sine = sqrt(fmax(0.0, 1.0 - cosine * cosine));
    if (sine < NEARLY_NULL) {
        return 0.0;
    }
    double field = cos(0.5 * UNITS_PI * cosine) / sine;
    return field * field;
}

static double sector_ratio(const struct antenna *antenna, double cosine)
{
    return cosine > 0.0 ? pow(cosine, antenna_exponent(antenna->beam_deg)) : 0.0;
}

double antenna_gain_dbi(const struct antenna *antenna, const double towards[3])
{
    double length =
        sqrt(towards[0] * towards[0] + towards[1] * towards[1] + towards[2] * towards[2]);
    require(length > 0.0);
    double along = 0.0;
    for (int k = 0; k < 3; k++) {
        along += antenna->aim[k] * towards[k];
    }
    double cosine = fmax(-1.0, fmin(1.0, along / length));
    double ratio = 1.0;
    switch (antenna->pattern) {
    case ANTENNA_ISOTROPIC: break;
    case ANTENNA_DIPOLE: ratio = dipole_ratio(cosine); break;
    case ANTENNA_SECTOR: ratio = sector_ratio(antenna, cosine); break;
    }
    return antenna->gain_dbi + fmax(10.0 * log10(ratio), -antenna->front_to_back_db);
}
