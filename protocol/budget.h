/* budget.h - link budgets: harvesting, reader to device, device to reader.          layer: protocol
 * Source: linkbudget.md (arithmetic of the A-IoT coverage contribution, section 3.1; Friis cases,
 * section 1). Everything is in dB; a level goes down a list of named terms (the waterfall).
 *
 *     EIRP      = power + antenna + 10 log10(elements) - cable
 *     at device = EIRP - path + antenna - cable - object - shadow - polarisation
 *     from it   = at device - backscatter - object + amplifier + antenna - cable      (types 1, 2a)
 *               = own power - object + antenna - cable                                (type 2b)
 *     at reader = from it - path + antenna - cable - shadow - polarisation + diversity
 *                 - 6.02 (type 2b against our receiver's curve, which counts the half swing)
 *
 * Shadow margin and polarisation loss are charged on each way of a backscatter link. */
#ifndef PROTOCOL_BUDGET_H
#define PROTOCOL_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/attenuation.h"
#include "protocol/pathloss.h"
#include "protocol/sensitivity.h"

enum budget_leg { BUDGET_HARVEST = 0, BUDGET_COMMAND, BUDGET_REPLY, BUDGET_LEGS };
#define BUDGET_LEG_CHOICES "all|rf-eh|r2d|d2r"

/* where the carrier that a reply rides on comes from */
enum budget_place {
    BUDGET_PLACE_EDGE = 0, /* the device stands where it just harvests (or just hears) */
    BUDGET_PLACE_FIXED,    /* carrier.distance_m away */
    BUDGET_PLACE_READER,   /* beside the reader: both ways are as long as the leg */
};
#define BUDGET_PLACE_CHOICES "preset|edge|fixed|reader"

/* where the reader's sensitivity comes from */
enum budget_weakest {
    BUDGET_WEAKEST_GIVEN = 0, /* receiver.sensitivity_dbm */
    BUDGET_WEAKEST_RESIDUAL,  /* power sum of carrier - cancellation and of noise, as published */
    BUDGET_WEAKEST_RECEIVER,  /* our receiver's measured Eb/N0 over its own floor */
};
#define BUDGET_WEAKEST_CHOICES "preset|given|residual|receiver"

struct budget_sender {
    double power_dbm, gain_dbi, elements, cable_loss_db;
};

struct budget_device {
    double gain_dbi, cable_loss_db, object_loss_db;
    double backscatter_loss_db, amplifier_db; /* loss NaN: it does not backscatter */
    double power_dbm;   /* type 2b: its own carrier; NaN: it has none and answers by backscatter */
    double harvest_dbm; /* least power to run on; NaN: it does not harvest */
    double command_dbm; /* least power to hear the reader */
    double height_m;
};

struct budget_receiver {
    double gain_dbi, cable_loss_db, noise_figure_db, bandwidth_hz, thermal_dbm_hz;
    double diversity_gain_db;
    double sensitivity_dbm; /* given */
    double cancellation_db; /* residual */
    double carrier_dbm;     /* own carrier that is cancelled; NaN: the EIRP of the carrier */
    double isolation_db, converter_dbc_hz; /* receiver: of own carrier; isolation NaN: no leak */
    double height_m;                       /* of the reader's antennas */
};

struct budget_scenario {
    double freq_hz;
    enum pathloss_model model;
    struct attenuation_air air;
    double shadow_margin_db, polarisation_loss_db;
    struct budget_sender reader, carrier;
    enum budget_place place;
    double carrier_distance_m;
    struct budget_device device;
    enum budget_weakest weakest;
    struct budget_receiver receiver;
    struct sensitivity_link reply;
};

struct budget_item {  /* a step of the waterfall */
    const char *text; /* "transmit antenna" */
    double value;
    const char *unit; /* "dBm", "dB", "dBi" */
    bool is_level;    /* the sum so far, else what is added to it */
};
enum { BUDGET_ITEMS_MAX = 32 };

struct budget_result {
    enum budget_leg leg;
    size_t n_items;
    struct budget_item item[BUDGET_ITEMS_MAX];
    double eirp_dbm;        /* of the leg's sender: reader, carrier emitter or device */
    double incident_dbm;    /* reply by backscatter: carrier at the device; else NaN */
    double noise_dbm;       /* reply: thermal in the bandwidth, plus noise figure; else NaN */
    double sensitivity_dbm; /* of the leg's receiver */
    /* what it is made of, NaN where it is not: carrier left after cancellation; density of our
     * receiver's noise and the Eb/N0 it needs */
    double residual_dbm, floor_dbm_hz, ebn0_db;
    double max_loss_db; /* largest path loss */
    double reach_m;     /* where the path has that loss; 0 nowhere, INFINITY without end */
    double model_max_m; /* the model is out of its range beyond */
};

/* Types of device by their sources' names; index into the table.  own static */
struct budget_device_type {
    const char *name, *meaning;
    struct budget_device device;
};
#define BUDGET_DEVICE_CHOICES "preset|1|2a|2b|gen2"
extern const struct budget_device_type budget_device_types[];
extern const size_t budget_n_device_types;

struct budget_preset {
    char name[24];       /* "D1T1-A2-type1", "A3.1-1/case2", "gen2" */
    const char *meaning; /* one line */
    struct budget_scenario scenario;
};

/* The presets in order: gen2, seven Friis cases, twelve A-IoT tables, two one-way THz links.
 *   pre index < count
 *   own `preset` is filled */
size_t budget_n_presets(void);
void budget_preset(size_t index, struct budget_preset *preset);
/* err ST_NOT_FOUND: detail names the nearest and says how to list them */
enum status budget_preset_find(const char *name, struct budget_preset *preset) must_check;

/* Is the scenario possible? Model range, device not above the reader, carrier's distance, air.
 *   err ST_RANGE: detail names the field (as an option key), its value and the range */
enum status budget_check(const struct budget_scenario *scenario) must_check;

/* What every way of the scenario crosses.   pre budget_check() said ST_OK */
struct pathloss_path budget_path(const struct budget_scenario *scenario);

/* Has the scenario that leg? No harvesting, no harvesting leg; neither backscatter nor a
 * carrier of its own, no reply. */
bool budget_has_leg(const struct budget_scenario *scenario, enum budget_leg leg);

/* One leg: waterfall, largest path loss, reach.
 *   pre budget_check() said ST_OK; budget_has_leg()   cost a bisection, no allocation */
void budget_solve(const struct budget_scenario *scenario, enum budget_leg leg,
                  struct budget_result *result);

/* dB left at a distance: above 0 the leg works. */
double budget_margin_db(const struct budget_scenario *scenario, enum budget_leg leg,
                        double distance_m);

enum budget_unknown { BUDGET_POWER = 0, BUDGET_GAIN, BUDGET_SENSITIVITY };

/* What it takes to close the leg at a distance: power of the leg's sender (of the carrier, for a
 * reply by backscatter), gain of the reader's end (both antennas where they share a place), or
 * sensitivity of the leg's receiver.
 *   out value  dBm or dBi;  text: what it is the value of (static)
 *   err ST_RANGE: nothing from -200 to +200 closes it (the carrier that is left rises with it) */
enum status budget_solve_for(const struct budget_scenario *scenario, enum budget_leg leg,
                             enum budget_unknown unknown, double distance_m, double *value,
                             const char **text) must_check;

#endif
