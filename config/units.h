/* units.h - dB, dBm, seconds and ticks: converted only here.          layer: config */
#ifndef CONFIG_UNITS_H
#define CONFIG_UNITS_H

#include <math.h>
#include <stdint.h>

#define UNITS_PI 3.14159265358979323846
#define UNITS_LIGHT_SPEED_MPS 299792458.0
#define UNITS_BOLTZMANN_JPK 1.380649e-23
#define UNITS_T0_K 290.0

static inline double units_db_from_power_ratio(double power_ratio)
{
    return 10.0 * log10(power_ratio > 1e-300 ? power_ratio : 1e-300);
}

static inline double units_power_ratio_from_db(double db)
{
    return pow(10.0, db / 10.0);
}

static inline double units_amplitude_ratio_from_db(double db)
{
    return pow(10.0, db / 20.0);
}

/* Round to the nearest tick of a clock that runs at rate_sps. */
static inline int64_t units_ticks_from_us(double us, double rate_sps)
{
    return (int64_t)llround(us * 1e-6 * rate_sps);
}

static inline double units_us_from_ticks(double ticks, double rate_sps)
{
    return ticks * 1e6 / rate_sps;
}

#endif
