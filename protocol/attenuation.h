/* attenuation.h - what the air takes: gas, rain, fog and cloud, in dB a kilometre.  layer: protocol
 * Source: gas ITU-R P.676-10 annex 1 (every line up to 1 THz), rain P.838-3, fog and cloud P.840
 * (double Debye), water vapour from humidity P.453. Beyond 1 THz none of them holds. */
#ifndef PROTOCOL_ATTENUATION_H
#define PROTOCOL_ATTENUATION_H

#include <stddef.h>

#include "config/status.h"

#define ATTENUATION_FREQ_MAX_HZ 1e12
#define ATTENUATION_PRESSURE_HPA 1013.25 /* P.835 at sea level: 15 C, 7.5 g/m3 */
#define ATTENUATION_TEMPERATURE_C 15.0

struct attenuation_air {  /* NaN: that part is left out */
    double pressure_hpa;  /* total, > 0 */
    double temperature_c; /* -100..60 */
    double vapour_g_m3;   /* >= 0; NaN: no gas at all, oxygen neither */
    double rain_mm_h;     /* >= 0 */
    double rain_tilt_deg; /* of the polarisation: 0 horizontal, 45 circular, 90 vertical */
    double fog_g_m3;      /* liquid water, >= 0 */
};

/* err ST_RANGE above 1 THz while a part is asked for; detail names `what` */
enum status attenuation_check(const struct attenuation_air *air, double freq_hz,
                              const char *what) must_check;

/* Sum of the parts that are there, path horizontal.   pre freq_hz > 0   cost 80 lines of gas */
double attenuation_db_per_km(const struct attenuation_air *air, double freq_hz);

double attenuation_gas_db_per_km(const struct attenuation_air *air, double freq_hz);

/* k R^alpha on a path of that elevation; below 1 GHz as at 1 GHz. */
double attenuation_rain_db_per_km(double freq_hz, double rain_mm_h, double tilt_deg,
                                  double elevation_deg);

/* K_l of liquid water, dB/km for 1 g/m3. */
double attenuation_liquid_db_per_km(double freq_hz, double temperature_c);

/* Water vapour of air with a relative humidity of 0..1. */
double attenuation_vapour_g_m3(double temperature_c, double humidity_ratio);

/* The spectroscopic tables (attenuation_lines.c): f0 GHz, then a1..a6 or b1..b6 of P.676-10. */
struct attenuation_line {
    double freq_ghz, a[6];
};
extern const struct attenuation_line attenuation_oxygen[], attenuation_water[];
extern const size_t attenuation_n_oxygen, attenuation_n_water;

#endif
