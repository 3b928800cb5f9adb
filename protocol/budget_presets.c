/* budget_presets.c - device types and scenarios by their sources' names. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "protocol/budget.h"

#define AIOT_DEVICE .cable_loss_db = 1.0, .object_loss_db = 0.9, .height_m = 1.5

const struct budget_device_type budget_device_types[] = {
    {"1",
     "A-IoT device 1: envelope detector, backscatter, no amplifier",
     {AIOT_DEVICE, .backscatter_loss_db = 6.0, .power_dbm = NAN, .harvest_dbm = -30.0,
      .command_dbm = -36.0}},
    {"2a",
     "A-IoT device 2a: backscatter through a reflection amplifier",
     {AIOT_DEVICE, .backscatter_loss_db = 6.0, .amplifier_db = 10.0, .power_dbm = NAN,
      .harvest_dbm = -45.0, .command_dbm = -45.0}},
    {"2b",
     "A-IoT device 2b: makes its own carrier",
     {AIOT_DEVICE, .power_dbm = -10.0, .harvest_dbm = NAN, .command_dbm = -45.0}},
    {"gen2",
     "passive UHF tag of today: wakes at -20 dBm, half swing 6 dB below what it gets",
     {.gain_dbi = 2.0,
      .backscatter_loss_db = 6.0,
      .power_dbm = NAN,
      .harvest_dbm = -20.0,
      .command_dbm = -20.0,
      .height_m = NAN}},
};
const size_t budget_n_device_types = sizeof budget_device_types / sizeof *budget_device_types;

enum { TYPE_1 = 0, TYPE_2A, TYPE_2B, TYPE_GEN2 };

static const struct attenuation_air clear_air = {.pressure_hpa = ATTENUATION_PRESSURE_HPA,
                                                 .temperature_c = ATTENUATION_TEMPERATURE_C,
                                                 .vapour_g_m3 = NAN,
                                                 .rain_mm_h = NAN,
                                                 .fog_g_m3 = NAN};

/* the link of `inventory`'s defaults */
static const struct sensitivity_link default_reply = {.m = LINK_FM0, .blf_hz = 40e3};

/* ------------------------------------------------------------------------------- our own */

static void preset_gen2(struct budget_preset *preset)
{
    struct budget_scenario *s = &preset->scenario;
    snprintf(preset->name, sizeof preset->name, "gen2");
    preset->meaning = "this reader, 1 W and 6 dBi beside a 6 dBi receive antenna, a passive tag";
    *s = (struct budget_scenario){
        .freq_hz = 915e6,
        .model = PATHLOSS_FREE_SPACE,
        .air = clear_air,
        .polarisation_loss_db = 3.0,
        .reader = {.power_dbm = 30.0, .gain_dbi = 6.0, .elements = 1.0},
        .place = BUDGET_PLACE_READER,
        .carrier_distance_m = NAN,
        .device = budget_device_types[TYPE_GEN2].device,
        .weakest = BUDGET_WEAKEST_RECEIVER,
        .receiver = {.gain_dbi = 6.0,
                     .noise_figure_db = 8.0,
                     .bandwidth_hz = 180e3,
                     .thermal_dbm_hz = -174.0,
                     .sensitivity_dbm = NAN,
                     .cancellation_db = NAN,
                     .carrier_dbm = NAN,
                     .isolation_db = 20.0,
                     .converter_dbc_hz = SENSITIVITY_CONVERTER_12_BIT_DBC_HZ,
                     .height_m = NAN},
        .reply = default_reply,
    };
    s->carrier = s->reader;
}

/* ------------------------------------------------------------- white paper, table A3.1-1 */

struct friis_row {
    double freq_hz, device_gain_dbi, device_dbm, amplifier_db;
};

static const struct friis_row friis_rows[] = {
    {2.4e9, 2.0, -20.0, 0.0},  {0.7e9, 2.0, -20.0, 0.0},  {0.7e9, 2.0, -30.0, 0.0},
    {0.7e9, 12.0, -20.0, 0.0}, {0.7e9, 12.0, -30.0, 0.0}, {0.7e9, 2.0, -40.0, 0.0},
    {0.7e9, 2.0, -40.0, 20.0},
};
enum { FRIIS_ROWS = sizeof friis_rows / sizeof *friis_rows };

static void preset_friis(size_t index, struct budget_preset *preset)
{
    const struct friis_row *row = &friis_rows[index];
    struct budget_scenario *s = &preset->scenario;
    snprintf(preset->name, sizeof preset->name, "A3.1-1/case%zu", index + 1);
    preset->meaning = "white paper: 36 dBm and 8 dBi, free space, the device at the edge";
    *s = (struct budget_scenario){
        .freq_hz = row->freq_hz,
        .model = PATHLOSS_FRIIS_3E8,
        .air = clear_air,
        .reader = {.power_dbm = 36.0, .gain_dbi = 8.0, .elements = 1.0},
        .place = BUDGET_PLACE_EDGE,
        .carrier_distance_m = NAN,
        .device = {.gain_dbi = row->device_gain_dbi,
                   .backscatter_loss_db = 5.0,
                   .amplifier_db = row->amplifier_db,
                   .power_dbm = NAN,
                   .harvest_dbm = row->device_dbm,
                   .command_dbm = row->device_dbm,
                   .height_m = NAN},
        .weakest = BUDGET_WEAKEST_GIVEN,
        .receiver = {.gain_dbi = 8.0,
                     .bandwidth_hz = 180e3,
                     .thermal_dbm_hz = -174.0,
                     .sensitivity_dbm = -100.0,
                     .cancellation_db = NAN,
                     .carrier_dbm = NAN,
                     .isolation_db = NAN,
                     .converter_dbc_hz = SENSITIVITY_CONVERTER_12_BIT_DBC_HZ,
                     .height_m = NAN},
        .reply = default_reply,
    };
    s->carrier = s->reader;
}

/* ------------------------------------------- A-IoT coverage contribution, tables A.1 to A.12 */

struct aiot_row {
    const char *name, *meaning;
    bool is_d2t2; /* a handset reads, else a base station */
    int type;
    enum budget_weakest weakest;
    enum budget_place place;
    double carrier_distance_m;
};

#define EDGE_D1T1_M 4.09 /* where type 1 just harvests; the source keeps it for type 2a */
#define EDGE_D2T2_M 3.91
#define OUTSIDE_M 10.0

#define AIOT_ROW(name_, table_, d2t2_, type_, weakest_, distance_)                                 \
    {                                                                                              \
        name_, "A-IoT contribution, table " table_, d2t2_, type_, weakest_, BUDGET_PLACE_FIXED,    \
            distance_                                                                              \
    }

static const struct aiot_row aiot_rows[] = {
    AIOT_ROW("D1T1-A1-type1", "A.1", false, TYPE_1, BUDGET_WEAKEST_GIVEN, EDGE_D1T1_M),
    AIOT_ROW("D1T1-A2-type1", "A.2", false, TYPE_1, BUDGET_WEAKEST_RESIDUAL, EDGE_D1T1_M),
    AIOT_ROW("D1T1-B-type1", "A.3", false, TYPE_1, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
    AIOT_ROW("D1T1-A1-type2a", "A.4", false, TYPE_2A, BUDGET_WEAKEST_GIVEN, EDGE_D1T1_M),
    AIOT_ROW("D1T1-A2-type2a", "A.5", false, TYPE_2A, BUDGET_WEAKEST_RESIDUAL, EDGE_D1T1_M),
    AIOT_ROW("D1T1-B-type2a", "A.6", false, TYPE_2A, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
    AIOT_ROW("D1T1-C-type2b", "A.7", false, TYPE_2B, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
    AIOT_ROW("D2T2-A-type1", "A.8", true, TYPE_1, BUDGET_WEAKEST_RESIDUAL, EDGE_D2T2_M),
    AIOT_ROW("D2T2-B-type1", "A.9", true, TYPE_1, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
    AIOT_ROW("D2T2-A-type2a", "A.10", true, TYPE_2A, BUDGET_WEAKEST_RESIDUAL, EDGE_D2T2_M),
    AIOT_ROW("D2T2-B-type2a", "A.11", true, TYPE_2A, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
    AIOT_ROW("D2T2-C-type2b", "A.12", true, TYPE_2B, BUDGET_WEAKEST_GIVEN, OUTSIDE_M),
};
enum { AIOT_ROWS = sizeof aiot_rows / sizeof *aiot_rows };

static const struct budget_receiver base_station = {.gain_dbi = 2.0,
                                                    .cable_loss_db = 3.0,
                                                    .noise_figure_db = 5.0,
                                                    .bandwidth_hz = 180e3,
                                                    .thermal_dbm_hz = -174.0,
                                                    .sensitivity_dbm = -120.0,
                                                    .cancellation_db = 140.0,
                                                    .carrier_dbm = NAN, /* row 2K1: the EIRP */
                                                    .isolation_db = 20.0,
                                                    .converter_dbc_hz =
                                                        SENSITIVITY_CONVERTER_12_BIT_DBC_HZ,
                                                    .height_m = 8.0};
static const struct budget_receiver handset = {.gain_dbi = 0.0,
                                               .cable_loss_db = 3.0,
                                               .noise_figure_db = 7.0,
                                               .bandwidth_hz = 180e3,
                                               .thermal_dbm_hz = -174.0,
                                               .sensitivity_dbm = -97.0,
                                               .cancellation_db = 120.0,
                                               .carrier_dbm = NAN,
                                               .isolation_db = 20.0,
                                               .converter_dbc_hz =
                                                   SENSITIVITY_CONVERTER_12_BIT_DBC_HZ,
                                               .height_m = 1.5};

static void preset_aiot(size_t index, struct budget_preset *preset)
{
    const struct aiot_row *row = &aiot_rows[index];
    struct budget_scenario *s = &preset->scenario;
    const struct budget_sender sender = {
        .gain_dbi = row->is_d2t2 ? 0.0 : 2.0, .elements = 2.0, .cable_loss_db = 3.0};
    snprintf(preset->name, sizeof preset->name, "%s", row->name);
    preset->meaning = row->meaning;
    *s = (struct budget_scenario){
        .freq_hz = 0.9e9,
        .model = row->is_d2t2 ? PATHLOSS_INF_DL_SRC001 : PATHLOSS_INF_DH,
        .air = clear_air,
        .shadow_margin_db = 4.0,
        .polarisation_loss_db = 3.0,
        .reader = sender,
        .carrier = sender,
        .place = row->place,
        .carrier_distance_m = row->carrier_distance_m,
        .device = budget_device_types[row->type].device,
        .weakest = row->weakest,
        .receiver = row->is_d2t2 ? handset : base_station,
        .reply = default_reply,
    };
    s->reader.power_dbm = row->is_d2t2 ? 23.0 : 33.0;
    s->carrier.power_dbm = 23.0;
}

/* ------------------------------------------------------ THz liaison: one way, no reply */

struct one_way_row {
    const char *name, *meaning;
    double power_dbm, gain_dbi; /* antennas of both ends alike */
    double bandwidth_hz, noise_figure_db, loss_db;
};

static const struct one_way_row one_way_rows[] = {
    {"TRD-table-13.1", "THz liaison, 300 GHz one way: margin is SNR less losses and margin (10 m)",
     7.0, 25.0, 50e9, 9.0, 6.0},
    {"TERAPAN", "THz liaison, 300 GHz one way: margin is SNR (2 m, 64 Gb/s QPSK)", -4.0, 24.2, 32e9,
     6.6, 0.0},
};
enum { ONE_WAY_ROWS = sizeof one_way_rows / sizeof *one_way_rows };

static void preset_one_way(size_t index, struct budget_preset *preset)
{
    const struct one_way_row *row = &one_way_rows[index];
    struct budget_scenario *s = &preset->scenario;
    preset_gen2(preset);
    snprintf(preset->name, sizeof preset->name, "%s", row->name);
    preset->meaning = row->meaning;
    s->freq_hz = 300e9;
    s->polarisation_loss_db = 0.0;
    s->reader = s->carrier = (struct budget_sender){
        .power_dbm = row->power_dbm, .gain_dbi = row->gain_dbi, .elements = 1.0};
    double noise_dbm = 10.0 * log10(UNITS_BOLTZMANN_JPK * UNITS_T0_K * row->bandwidth_hz * 1e3);
    s->device =
        (struct budget_device){.gain_dbi = row->gain_dbi,
                               .backscatter_loss_db = NAN,
                               .power_dbm = NAN,
                               .harvest_dbm = NAN,
                               .command_dbm = noise_dbm + row->noise_figure_db + row->loss_db,
                               .height_m = NAN};
}

/* --------------------------------------------------------------------------------- all */

enum { PRESETS = 1 + FRIIS_ROWS + AIOT_ROWS + ONE_WAY_ROWS };

size_t budget_n_presets(void)
{
    return PRESETS;
}

void budget_preset(size_t index, struct budget_preset *preset)
{
    require(index < PRESETS);
    if (index == 0) {
        preset_gen2(preset);
    } else if (index <= FRIIS_ROWS) {
        preset_friis(index - 1, preset);
    } else if (index <= FRIIS_ROWS + AIOT_ROWS) {
        preset_aiot(index - 1 - FRIIS_ROWS, preset);
    } else {
        preset_one_way(index - 1 - FRIIS_ROWS - AIOT_ROWS, preset);
    }
}

/* How many characters from the start two names share. */
static size_t shared(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n]) {
        n++;
    }
    return n;
}

enum status budget_preset_find(const char *name, struct budget_preset *preset)
{
    require(name);
    char nearest[sizeof preset->name] = "";
    size_t n_best = 0;
    for (size_t k = 0; k < PRESETS; k++) {
        budget_preset(k, preset);
        if (strcmp(preset->name, name) == 0) {
            return ST_OK;
        }
        if (shared(preset->name, name) > n_best) {
            n_best = shared(preset->name, name);
            snprintf(nearest, sizeof nearest, "%s", preset->name);
        }
    }
    return status_fail(ST_NOT_FOUND,
                       "linkbudget.preset: there is no '%.64s'%s%s%s; --list lists them", name,
                       n_best > 0 ? ", the nearest is '" : "", nearest, n_best > 0 ? "'" : "");
}
