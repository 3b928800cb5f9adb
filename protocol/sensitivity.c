/* sensitivity.c - the measured curve and the noise under it. */
#include "protocol/sensitivity.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

enum { CODES = 4, TREXTS = 2, REPLIES = 2, PERS = 2 };

/* Eb/N0, dB: [code][TRext][RN16, EPC][10 %, 1 %], leak 60 dB above the tag, clocks over the
 * standard's tolerance, 400 errors a point (+-0.05 dB). Measured by
 *     zpreader-bench sensitivity "fm0 40 kHz"          and  "miller-2 320 kHz", "miller-4 320 kHz",
 *     "miller-8 320 kHz"
 * FM0 at 40 kHz, Miller at 320 kHz. At other link frequencies up to 0.3 dB more is needed, for the
 * wider tolerance of the tags' clocks: FM0 at 640 kHz 5.55, 7.77 (RN16), 6.77, 7.73 (EPC);
 * Miller-8 at 160 kHz within 0.06 dB of these. */
static const double ebn0_db[CODES][TREXTS][REPLIES][PERS] = {
    [LINK_FM0] = {{{5.41, 7.59}, {6.50, 7.54}}, {{5.29, 7.54}, {6.52, 7.50}}},
    [LINK_M2] = {{{7.58, 10.03}, {8.99, 10.27}}, {{7.43, 10.05}, {9.05, 10.22}}},
    [LINK_M4] = {{{7.59, 10.10}, {9.12, 10.36}}, {{7.34, 10.10}, {9.04, 10.30}}},
    [LINK_M8] = {{{7.58, 10.14}, {9.16, 10.40}}, {{7.55, 10.13}, {9.15, 10.41}}},
};

double sensitivity_ebn0_db(const struct sensitivity_link *link)
{
    require(link->m <= LINK_M8);
    require(link->reply <= SENSITIVITY_EPC);
    require(link->per <= SENSITIVITY_PER_1);
    return ebn0_db[link->m][link->trext][link->reply][link->per];
}

double sensitivity_bit_rate_hz(const struct sensitivity_link *link)
{
    require(link->blf_hz > 0.0);
    require(link->m <= LINK_M8);
    return link->blf_hz / (double)(1u << link->m);
}

double sensitivity_floor_dbm_hz(const struct sensitivity_floor *floor)
{
    double thermal = units_power_ratio_from_db(floor->thermal_dbm_hz + floor->noise_figure_db);
    double left = units_power_ratio_from_db(floor->leak_dbm + floor->converter_dbc_hz);
    double loss_db = isinf(floor->leak_dbm) ? 0.0 : SENSITIVITY_CANCELLER_DB;
    return 10.0 * log10(thermal + left) + loss_db;
}

double sensitivity_dbm(const struct sensitivity_link *link, const struct sensitivity_floor *floor)
{
    return sensitivity_floor_dbm_hz(floor) +
           units_db_from_power_ratio(sensitivity_bit_rate_hz(link)) + sensitivity_ebn0_db(link);
}
