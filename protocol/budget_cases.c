/* budget_cases.c - how each kind of printed figure is recomputed. */
#include "protocol/budget_cases.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"
#include "protocol/attenuation.h"
#include "protocol/budget.h"
#include "protocol/coexist.h"

#define ILLUMINATION_RATIO 0.75

const char *const budget_flag_text[BUDGET_FLAGS] = {"ok", "source error", "suspect"};

const struct budget_case_source budget_sources[BUDGET_SOURCES] = {
    {"friis", "white paper, table A3.1-1", budget_cases_friis, &budget_n_cases_friis},
    {"a-iot", "A-IoT coverage contribution, tables A.1-A.12, 3, 4", budget_cases_aiot,
     &budget_n_cases_aiot},
    {"thz", "IEEE 802.15 THz liaison", budget_cases_thz, &budget_n_cases_thz},
};

/* ------------------------------------------------------------------------------- presets */

static struct budget_preset preset_of(const double in[])
{
    struct budget_preset preset;
    require(in[0] >= 0.0);
    budget_preset((size_t)in[0], &preset);
    return preset;
}

/* A leg of a preset, with the sensitivity its table prints where that is not the preset's. */
static struct budget_result leg_of(const double in[], double sensitivity_dbm)
{
    struct budget_preset preset = preset_of(in);
    struct budget_result result;
    const enum budget_leg leg = (enum budget_leg)in[1];
    double *const own[BUDGET_LEGS] = {&preset.scenario.device.harvest_dbm,
                                      &preset.scenario.device.command_dbm,
                                      &preset.scenario.receiver.sensitivity_dbm};
    require(leg < BUDGET_LEGS);
    *own[leg] = isnan(sensitivity_dbm) ? *own[leg] : sensitivity_dbm;
    budget_solve(&preset.scenario, leg, &result);
    return result;
}

static double case_leg_eirp(const double in[])
{
    return leg_of(in, NAN).eirp_dbm;
}

static double case_leg_mpl(const double in[])
{
    return leg_of(in, in[2]).max_loss_db;
}

static double case_leg_reach(const double in[])
{
    return leg_of(in, in[2]).reach_m;
}

static double case_leg_noise(const double in[])
{
    struct budget_preset preset = preset_of(in);
    const struct budget_receiver *r = &preset.scenario.receiver;
    return r->thermal_dbm_hz + 10.0 * log10(r->bandwidth_hz) +
           (isnan(in[1]) ? r->noise_figure_db : in[1]);
}

static double case_leg_incident(const double in[])
{
    const double reply[2] = {in[0], BUDGET_REPLY};
    return leg_of(reply, NAN).incident_dbm;
}

static double case_mpl_reach(const double in[])
{
    struct budget_preset preset = preset_of(in);
    const struct pathloss_path path = {.model = preset.scenario.model,
                                       .freq_hz = preset.scenario.freq_hz};
    return pathloss_distance_m(&path, in[1]);
}

/* ---------------------------------------------------------------------------- THz links */

static double case_fspl(const double in[])
{
    const struct pathloss_path path = {.model = PATHLOSS_FREE_SPACE, .freq_hz = in[0]};
    return pathloss_db(&path, in[1]);
}

static double case_link_level(const double in[])
{
    return in[2] + in[3] + in[4] - case_fspl(in);
}

static double case_noise(const double in[])
{
    return 10.0 * log10(UNITS_BOLTZMANN_JPK * in[1] * in[0] * 1e3) + in[2];
}

static double case_link_snr(const double in[])
{
    return case_link_level(in) - case_noise(in + 5) - in[8];
}

static double case_rain(const double in[])
{
    return attenuation_rain_db_per_km(in[0], in[2], in[1], 0.0);
}

static double case_receiver_reach(const double in[])
{
    const struct pathloss_path path = {
        .model = PATHLOSS_FREE_SPACE, .freq_hz = in[0], .air_db_per_km = in[7]};
    const double noise[3] = {in[3], in[6], in[4]};
    return pathloss_distance_m(&path, in[1] + in[2] - case_noise(noise) - in[5]);
}

/* Level over noise without the loss that nobody printed. */
static double plain_snr_db(const double in[], double gain_dbi)
{
    const double noise[3] = {in[5], in[4], in[3]};
    return in[2] + 2.0 * gain_dbi - case_fspl(in) - case_noise(noise);
}

static double case_shannon_rate(const double in[])
{
    double other_snr_db = units_db_from_power_ratio(exp2(in[8] / in[5]) - 1.0);
    double excess_db = plain_snr_db(in, in[7]) - other_snr_db;
    return in[5] * log2(1.0 + units_power_ratio_from_db(plain_snr_db(in, in[6]) - excess_db));
}

static double case_delay_constant(const double in[])
{
    const double way[2] = {in[0], UNITS_LIGHT_SPEED_MPS * 1e-9};
    return case_fspl(way);
}

static double case_megabytes(const double in[])
{
    return in[0] * in[1] / 8e6;
}

/* ------------------------------------------------------------------------ passive services */

static double case_beam_gain(const double in[])
{
    return coexist_dish_gain_dbi(in[0], in[1], ILLUMINATION_RATIO);
}

static double case_beam_share(const double in[])
{
    return coexist_beam_rad(in[0], in[1], ILLUMINATION_RATIO) / (2.0 * UNITS_PI);
}

static double case_beam_share_2d(const double in[])
{
    return case_beam_share(in) * case_beam_share(in);
}

static double case_beam_solid(const double in[])
{
    return units_power_ratio_from_db(-case_beam_gain(in));
}

static double case_beam_solid_3d(const double in[])
{
    return case_beam_solid(in) * case_beam_solid(in);
}

static double case_flux_band(const double in[])
{
    return in[0] + 10.0 * log10(in[1]);
}

static double case_threshold(const double in[])
{
    return coexist_threshold_dbm(in[0], in[1], in[2], 0.0);
}

static double case_gain_beam_deg(const double in[])
{
    return coexist_gain_beam_rad(in[0]) * 180.0 / UNITS_PI;
}

static double case_footprint_km2(const double in[])
{
    return coexist_footprint_m2(in[0], in[1]) * 1e-6;
}

static double case_density_km2(const double in[])
{
    return in[0] / in[1];
}

static double case_separation_km(const double in[])
{
    return 1.0 / sqrt(case_density_km2(in));
}

static double case_emitters_db(const double in[])
{
    return coexist_emitters_db(in[0]);
}

static double case_dish_cm(const double in[])
{
    return 100.0 * coexist_dish_m(in[0], in[1], ILLUMINATION_RATIO);
}

static double case_rays_delta_db(const double in[])
{
    return coexist_rays_db(in[1]) - coexist_rays_db(in[0]) + in[2];
}

static double case_interpolation(const double in[])
{
    return in[1] + (in[3] - in[1]) * (in[4] - in[0]) / (in[2] - in[0]);
}

static double case_vapour(const double in[])
{
    return attenuation_vapour_g_m3(in[0], 0.01 * in[1]);
}

/* --------------------------------------------------------------------------------- kinds */

static const struct budget_case_kind kinds[BUDGET_CASE_KINDS] = {
    [BUDGET_CASE_EIRP] = {"eirp", "dBm", case_leg_eirp, 0.02, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_NOISE] = {"noise", "dBm", case_leg_noise, 0.02, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_INCIDENT] = {"carrier at device", "dBm", case_leg_incident, 0.02,
                              BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_MPL] = {"mpl", "dB", case_leg_mpl, 0.02, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_MPL_REACH] = {"reach of that mpl", "m", case_mpl_reach, 0.01,
                               BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_REACH] = {"reach", "m", case_leg_reach, 0.01, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_FORWARD] = {"forward", "m", case_leg_reach, 1e-3, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_BACKWARD] = {"backward", "m", case_leg_reach, 1e-3, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_FSPL] = {"free space", "dB", case_fspl, 0.5, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_LEVEL] = {"rx power", "dBm", case_link_level, 0.1, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_KTB] = {"noise", "dBm", case_noise, 0.1, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_SNR] = {"snr", "dB", case_link_snr, 0.1, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_RAIN] = {"rain", "dB/km", case_rain, 0.006, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_BEAM_GAIN] = {"gain", "dBi", case_beam_gain, 1.0, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_BEAM_SHARE] = {"isotropic in beam", "", case_beam_share, 1.0,
                                BUDGET_TOLERANCE_DIGIT},
    [BUDGET_CASE_BEAM_SHARE_2D] = {"2D", "", case_beam_share_2d, 1.0, BUDGET_TOLERANCE_DIGIT},
    [BUDGET_CASE_BEAM_SOLID] = {"solid angle", "", case_beam_solid, 1.0, BUDGET_TOLERANCE_DIGIT},
    [BUDGET_CASE_BEAM_SOLID_3D] = {"3D", "", case_beam_solid_3d, 1.0, BUDGET_TOLERANCE_DIGIT},
    [BUDGET_CASE_FLUX_BAND] = {"flux x band", "dB(mW/m2)", case_flux_band, 0.6,
                               BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_THRESHOLD] = {"threshold", "dBm", case_threshold, 0.6, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_GAIN_BEAM] = {"beam", "deg", case_gain_beam_deg, 0.01, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_FOOTPRINT] = {"footprint", "km2", case_footprint_km2, 0.01,
                               BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_DENSITY] = {"density", "per km2", case_density_km2, 0.01, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_SEPARATION] = {"separation", "km", case_separation_km, 0.0055,
                                BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_EMITTERS] = {"margin", "dB", case_emitters_db, 0.05, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_DISH] = {"dish", "cm", case_dish_cm, 0.005, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_RAYS] = {"difference", "dB", case_rays_delta_db, 0.15, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_RECEIVER] = {"reach", "m", case_receiver_reach, 0.05, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_RATE] = {"rate", "bit/s", case_shannon_rate, 0.02, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_DELAY] = {"constant", "dB", case_delay_constant, 0.01, BUDGET_TOLERANCE_UNIT},
    [BUDGET_CASE_FOG] = {"fog", "g/m3", case_interpolation, 0.02, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_VAPOUR] = {"vapour", "g/m3", case_vapour, 0.02, BUDGET_TOLERANCE_RATIO},
    [BUDGET_CASE_MEGABYTES] = {"size", "MB", case_megabytes, 0.005, BUDGET_TOLERANCE_RATIO},
};

const struct budget_case_kind *budget_case_kind(const struct budget_case *row)
{
    require(row);
    require(row->kind < BUDGET_CASE_KINDS);
    return &kinds[row->kind];
}

double budget_case_recompute(const struct budget_case *row)
{
    return budget_case_kind(row)->compute(row->input);
}

bool budget_case_agrees(const struct budget_case *row, double recomputed)
{
    const struct budget_case_kind *kind = budget_case_kind(row);
    double tolerance = row->tolerance > 0.0 ? row->tolerance : kind->tolerance;
    const double scale[] = {
        [BUDGET_TOLERANCE_UNIT] = 1.0,
        [BUDGET_TOLERANCE_RATIO] = fabs(row->printed),
        [BUDGET_TOLERANCE_DIGIT] = pow(10.0, floor(log10(fabs(row->printed)))),
    };
    return fabs(recomputed - row->printed) <= tolerance * scale[kind->tolerance_of];
}

bool budget_case_as_known(const struct budget_case *row, double recomputed)
{
    return budget_case_agrees(row, recomputed) == (row->flag == BUDGET_FLAG_OK);
}
