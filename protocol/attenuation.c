/* attenuation.c - gas line by line, rain by its regression, fog by the permittivity of water. */
#include "protocol/attenuation.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

#define ZERO_C_K 273.15

enum { RAIN_TERMS_MAX = 5 };

struct
    rain_fit { /* sum a exp(-((log10 f - b) / c)^2) + slope log10 f + level, P.838-3 tables 1-4 */
    size_t n_terms;
    double term[RAIN_TERMS_MAX][3];
    double slope, level;
};

static const struct rain_fit rain_log_k[2] = {
    {4,
     {{-5.33980, -0.10008, 1.13098},
      {-0.35351, 1.26970, 0.45400},
      {-0.23789, 0.86036, 0.15354},
      {-0.94158, 0.64552, 0.16817}},
     -0.18961,
     0.71147},
    {4,
     {{-3.80595, 0.56934, 0.81061},
      {-3.44965, -0.22911, 0.51059},
      {-0.39902, 0.73042, 0.11899},
      {0.50167, 1.07319, 0.27195}},
     -0.16398,
     0.63297},
};
static const struct rain_fit rain_alpha[2] = {
    {5,
     {{-0.14318, 1.82442, -0.55187},
      {0.29591, 0.77564, 0.19822},
      {0.32177, 0.63773, 0.13164},
      {-5.37610, -0.96230, 1.47828},
      {16.1721, -3.29980, 3.43990}},
     0.67849,
     -1.95537},
    {5,
     {{-0.07771, 2.33840, -0.76284},
      {0.56727, 0.95545, 0.54039},
      {-0.20238, 1.14520, 0.26809},
      {-48.2991, 0.791669, 0.116226},
      {48.5833, 0.791459, 0.116479}},
     -0.053739,
     0.83433},
};

static double rain_fit_at(const struct rain_fit *fit, double log_ghz)
{
    double sum = fit->slope * log_ghz + fit->level;
    for (size_t k = 0; k < fit->n_terms; k++) {
        double place = (log_ghz - fit->term[k][1]) / fit->term[k][2];
        sum += fit->term[k][0] * exp(-place * place);
    }
    return sum;
}

double attenuation_rain_db_per_km(double freq_hz, double rain_mm_h, double tilt_deg,
                                  double elevation_deg)
{
    require(freq_hz > 0.0);
    require(rain_mm_h >= 0.0);
    double log_ghz = fmax(log10(freq_hz * 1e-9), 0.0), k[2], alpha[2];
    for (int p = 0; p < 2; p++) {
        k[p] = pow(10.0, rain_fit_at(&rain_log_k[p], log_ghz));
        alpha[p] = rain_fit_at(&rain_alpha[p], log_ghz);
    }
    double level = cos(elevation_deg * UNITS_PI / 180.0);
    double mix = level * level * cos(2.0 * tilt_deg * UNITS_PI / 180.0);
    double k_mixed = 0.5 * (k[0] + k[1] + (k[0] - k[1]) * mix);
    double weighted = k[0] * alpha[0] + k[1] * alpha[1] + (k[0] * alpha[0] - k[1] * alpha[1]) * mix;
    return rain_mm_h > 0.0 ? k_mixed * pow(rain_mm_h, 0.5 * weighted / k_mixed) : 0.0;
}

double attenuation_liquid_db_per_km(double freq_hz, double temperature_c)
{
    require(freq_hz > 0.0);
    const double f = freq_hz * 1e-9, theta = 300.0 / (temperature_c + ZERO_C_K);
    const double e0 = 77.66 + 103.3 * (theta - 1.0), e1 = 0.0671 * e0, e2 = 3.52;
    const double fp = 20.20 - 146.0 * (theta - 1.0) + 316.0 * (theta - 1.0) * (theta - 1.0);
    const double fs = 39.8 * fp;
    double low = 1.0 + f / fp * (f / fp), high = 1.0 + f / fs * (f / fs);
    double imaginary = f * (e0 - e1) / (fp * low) + f * (e1 - e2) / (fs * high);
    double real = (e0 - e1) / low + (e1 - e2) / high + e2;
    double eta = (2.0 + real) / imaginary;
    return 0.819 * f / (imaginary * (1.0 + eta * eta));
}

double attenuation_vapour_g_m3(double temperature_c, double humidity_ratio)
{
    require(temperature_c > -100.0);
    require(humidity_ratio >= 0.0);
    double saturated_hpa =
        6.1121 * exp((18.678 - temperature_c / 234.5) * temperature_c / (temperature_c + 257.14));
    return 216.7 * humidity_ratio * saturated_hpa / (temperature_c + ZERO_C_K);
}

struct gas { /* of P.676-10 annex 1: dry pressure, vapour pressure, 300 K over temperature */
    double f_ghz, dry_hpa, vapour_hpa, theta;
};

static double oxygen_line(const struct gas *g, const struct attenuation_line *line)
{
    const double *a = line->a, f = g->f_ghz, f0 = line->freq_ghz;
    double strength = a[0] * 1e-7 * g->dry_hpa * pow(g->theta, 3.0) * exp(a[1] * (1.0 - g->theta));
    double width =
        a[2] * 1e-4 * (g->dry_hpa * pow(g->theta, 0.8 - a[3]) + 1.1 * g->vapour_hpa * g->theta);
    double overlap =
        (a[4] + a[5] * g->theta) * 1e-4 * (g->dry_hpa + g->vapour_hpa) * pow(g->theta, 0.8);
    width = sqrt(width * width + 2.25e-6); /* Zeeman splitting */
    double below = f0 - f, above = f0 + f;
    return strength * f / f0 *
           ((width - overlap * below) / (below * below + width * width) +
            (width - overlap * above) / (above * above + width * width));
}

static double water_line(const struct gas *g, const struct attenuation_line *line)
{
    const double *b = line->a, f = g->f_ghz, f0 = line->freq_ghz;
    double strength =
        b[0] * 0.1 * g->vapour_hpa * pow(g->theta, 3.5) * exp(b[1] * (1.0 - g->theta));
    double width = b[2] * 1e-4 *
                   (g->dry_hpa * pow(g->theta, b[3]) + b[4] * g->vapour_hpa * pow(g->theta, b[5]));
    width =
        0.535 * width + sqrt(0.217 * width * width + 2.1316e-12 * f0 * f0 / g->theta); /* Doppler */
    double below = f0 - f, above = f0 + f;
    return strength * f / f0 *
           (width / (below * below + width * width) + width / (above * above + width * width));
}

/* Debye spectrum of oxygen below 10 GHz and nitrogen pressed together above 100 GHz. */
static double dry_continuum(const struct gas *g)
{
    double f = g->f_ghz;
    double width = 5.6e-4 * (g->dry_hpa + g->vapour_hpa) * pow(g->theta, 0.8);
    return f * g->dry_hpa * g->theta * g->theta *
           (6.14e-5 / (width * (1.0 + f / width * (f / width))) +
            1.4e-12 * g->dry_hpa * pow(g->theta, 1.5) / (1.0 + 1.9e-5 * pow(f, 1.5)));
}

double attenuation_gas_db_per_km(const struct attenuation_air *air, double freq_hz)
{
    require(freq_hz > 0.0);
    require(air->pressure_hpa > 0.0);
    require(air->vapour_g_m3 >= 0.0);
    double temperature_k = air->temperature_c + ZERO_C_K;
    require(temperature_k > 0.0);
    struct gas gas = {.f_ghz = freq_hz * 1e-9, .theta = 300.0 / temperature_k};
    gas.vapour_hpa = air->vapour_g_m3 * temperature_k / 216.7;
    gas.dry_hpa = fmax(air->pressure_hpa - gas.vapour_hpa, 0.0);
    double sum = dry_continuum(&gas);
    for (size_t k = 0; k < attenuation_n_oxygen; k++) {
        sum += oxygen_line(&gas, &attenuation_oxygen[k]);
    }
    for (size_t k = 0; k < attenuation_n_water; k++) {
        sum += water_line(&gas, &attenuation_water[k]);
    }
    return fmax(0.1820 * gas.f_ghz * sum, 0.0);
}

static int has_parts(const struct attenuation_air *air)
{
    return !isnan(air->vapour_g_m3) || !isnan(air->rain_mm_h) || !isnan(air->fog_g_m3);
}

enum status attenuation_check(const struct attenuation_air *air, double freq_hz, const char *what)
{
    require(what);
    if (!has_parts(air) || freq_hz <= ATTENUATION_FREQ_MAX_HZ) {
        return ST_OK;
    }
    return status_fail(ST_RANGE, "%s is %g GHz, accepted with gas, rain or fog: up to 1000 GHz",
                       what, freq_hz * 1e-9);
}

double attenuation_db_per_km(const struct attenuation_air *air, double freq_hz)
{
    double sum_db = 0.0;
    if (!isnan(air->vapour_g_m3)) {
        sum_db += attenuation_gas_db_per_km(air, freq_hz);
    }
    if (!isnan(air->rain_mm_h)) {
        sum_db += attenuation_rain_db_per_km(freq_hz, air->rain_mm_h, air->rain_tilt_deg, 0.0);
    }
    if (!isnan(air->fog_g_m3)) {
        sum_db += air->fog_g_m3 * attenuation_liquid_db_per_km(freq_hz, air->temperature_c);
    }
    return sum_db;
}
