/* budget.c - the sums of a leg, and the same turned round. */
#include "protocol/budget.h"

#include <math.h>

#include "config/require.h"
#include "config/units.h"

/* Our receiver's curve counts the half swing between the tag's two states; a reflection's loss is
 * given as that, a carrier's power is that of the state it is on in. */
#define HALF_SWING_DB (-6.0205999132796239)

struct tally {                    /* a level and the terms that made it */
    struct budget_result *result; /* NULL: nobody looks */
    double level_dbm;
};

static void tally_put(struct tally *tally, const char *text, double value, const char *unit,
                      bool is_level)
{
    if (tally->result) {
        require(tally->result->n_items < BUDGET_ITEMS_MAX);
        tally->result->item[tally->result->n_items++] =
            (struct budget_item){.text = text, .value = value, .unit = unit, .is_level = is_level};
    }
}

static void tally_start(struct tally *tally, const char *text, double level_dbm)
{
    tally->level_dbm = level_dbm;
    tally_put(tally, text, level_dbm, "dBm", true);
}

/* Terms of nothing are left out, but for the antenna's gain. */
static void tally_add(struct tally *tally, const char *text, double db, const char *unit)
{
    tally->level_dbm += db;
    if (db != 0.0 || unit[2] == 'i') {
        tally_put(tally, text, db, unit, false);
    }
}

static void tally_level(struct tally *tally, const char *text)
{
    tally_put(tally, text, tally->level_dbm, "dBm", true);
}

struct pathloss_path budget_path(const struct budget_scenario *s)
{
    return (struct pathloss_path){.model = s->model,
                                  .freq_hz = s->freq_hz,
                                  .air_db_per_km = attenuation_db_per_km(&s->air, s->freq_hz)};
}

static double eirp_dbm(const struct budget_sender *sender)
{
    return sender->power_dbm + sender->gain_dbi + 10.0 * log10(sender->elements) -
           sender->cable_loss_db;
}

static void send_from(struct tally *tally, const struct budget_sender *sender, const char *who)
{
    tally_start(tally, who, sender->power_dbm);
    tally_add(tally, "transmit elements", 10.0 * log10(sender->elements), "dB");
    tally_add(tally, "transmit antenna", sender->gain_dbi, "dBi");
    tally_add(tally, "transmit cable", -sender->cable_loss_db, "dB");
    tally_level(tally, "EIRP");
}

/* What fades and twists on any way through the hall. */
static void margins_off(struct tally *tally, const struct budget_scenario *s)
{
    tally_add(tally, "shadow margin", -s->shadow_margin_db, "dB");
    tally_add(tally, "polarisation mismatch", -s->polarisation_loss_db, "dB");
}

/* From the air into the device, path loss aside. */
static void into_device(struct tally *tally, const struct budget_scenario *s)
{
    tally_add(tally, "device antenna", s->device.gain_dbi, "dBi");
    tally_add(tally, "device cable", -s->device.cable_loss_db, "dB");
    tally_add(tally, "device on an object", -s->device.object_loss_db, "dB");
    margins_off(tally, s);
}

static void out_of_device(struct tally *tally, const struct budget_scenario *s, bool backscatters)
{
    if (backscatters) {
        tally_add(tally, "backscatter loss", -s->device.backscatter_loss_db, "dB");
        tally_add(tally, "reflection amplifier", s->device.amplifier_db, "dB");
    }
    tally_add(tally, "device on an object", -s->device.object_loss_db, "dB");
    tally_add(tally, "device antenna", s->device.gain_dbi, "dBi");
    tally_add(tally, "device cable", -s->device.cable_loss_db, "dB");
    tally_level(tally, "EIRP of the device");
}

static void into_reader(struct tally *tally, const struct budget_scenario *s)
{
    tally_add(tally, "receive antenna", s->receiver.gain_dbi, "dBi");
    tally_add(tally, "receive cable", -s->receiver.cable_loss_db, "dB");
    tally_add(tally, "diversity gain", s->receiver.diversity_gain_db, "dB");
    margins_off(tally, s);
}

static bool has_own_carrier(const struct budget_scenario *s)
{
    return !isnan(s->device.power_dbm);
}

/* Least power that makes the device answer: to run on, or to be heard by one with a battery. */
static double edge_dbm(const struct budget_scenario *s)
{
    return isnan(s->device.harvest_dbm) ? s->device.command_dbm : s->device.harvest_dbm;
}

static double noise_dbm(const struct budget_scenario *s)
{
    return s->receiver.thermal_dbm_hz + 10.0 * log10(s->receiver.bandwidth_hz) +
           s->receiver.noise_figure_db;
}

static double residual_dbm(const struct budget_scenario *s)
{
    const struct budget_receiver *r = &s->receiver;
    return (isnan(r->carrier_dbm) ? eirp_dbm(&s->carrier) : r->carrier_dbm) - r->cancellation_db;
}

static struct sensitivity_floor floor_of(const struct budget_scenario *s)
{
    const struct budget_receiver *r = &s->receiver;
    bool hears_carrier = !isnan(r->isolation_db) && !has_own_carrier(s);
    return (struct sensitivity_floor){
        .thermal_dbm_hz = r->thermal_dbm_hz,
        .noise_figure_db = r->noise_figure_db,
        .leak_dbm = hears_carrier ? s->carrier.power_dbm - r->isolation_db : -INFINITY,
        .converter_dbc_hz = r->converter_dbc_hz,
    };
}

static double leg_sensitivity_dbm(const struct budget_scenario *s, enum budget_leg leg)
{
    if (leg != BUDGET_REPLY) {
        return leg == BUDGET_HARVEST ? s->device.harvest_dbm : s->device.command_dbm;
    }
    if (s->weakest == BUDGET_WEAKEST_GIVEN) {
        return s->receiver.sensitivity_dbm;
    }
    if (s->weakest == BUDGET_WEAKEST_RESIDUAL) {
        return 10.0 * log10(units_power_ratio_from_db(residual_dbm(s)) +
                            units_power_ratio_from_db(noise_dbm(s)));
    }
    const struct sensitivity_floor floor = floor_of(s);
    return sensitivity_dbm(&s->reply, &floor);
}

/* What the reader's sensitivity is made of. */
static void tell_sensitivity(const struct budget_scenario *s, struct budget_result *result)
{
    if (s->weakest == BUDGET_WEAKEST_RECEIVER) {
        const struct sensitivity_floor floor = floor_of(s);
        result->floor_dbm_hz = sensitivity_floor_dbm_hz(&floor);
        result->ebn0_db = sensitivity_ebn0_db(&s->reply);
        return;
    }
    result->noise_dbm = noise_dbm(s);
    result->residual_dbm = s->weakest == BUDGET_WEAKEST_RESIDUAL ? residual_dbm(s) : NAN;
}

/* The carrier as the device gets it, `distance_m` from the reader. */
static void carrier_at_device(struct tally *tally, const struct budget_scenario *s,
                              double distance_m)
{
    if (s->place == BUDGET_PLACE_EDGE) {
        tally_start(tally, "carrier at the device, which just works", edge_dbm(s));
        return;
    }
    const struct pathloss_path path = budget_path(s);
    const double way_m = s->place == BUDGET_PLACE_FIXED ? s->carrier_distance_m : distance_m;
    send_from(tally, &s->carrier, "carrier power");
    tally_add(tally, "path of the carrier", -pathloss_db(&path, way_m), "dB");
    into_device(tally, s);
    tally_level(tally, "carrier at the device");
}

/* Everything but the leg's own path. `distance_m` matters only where the carrier comes from beside
 * the reader. */
static double leg_sum(const struct budget_scenario *s, enum budget_leg leg, double distance_m,
                      struct budget_result *result)
{
    struct tally tally = {.result = result};
    double eirp = 0.0, incident = NAN;
    if (leg != BUDGET_REPLY) {
        send_from(&tally, leg == BUDGET_HARVEST ? &s->carrier : &s->reader,
                  leg == BUDGET_HARVEST ? "carrier power" : "reader power");
        eirp = tally.level_dbm;
        into_device(&tally, s);
    } else {
        if (has_own_carrier(s)) {
            tally_start(&tally, "carrier of the device", s->device.power_dbm);
        } else {
            carrier_at_device(&tally, s, distance_m);
            incident = tally.level_dbm;
        }
        out_of_device(&tally, s, !has_own_carrier(s));
        eirp = tally.level_dbm;
        into_reader(&tally, s);
        if (has_own_carrier(s) && s->weakest == BUDGET_WEAKEST_RECEIVER) {
            tally_add(&tally, "half swing of a carrier keyed on and off", HALF_SWING_DB, "dB");
        }
    }
    if (result) {
        result->eirp_dbm = eirp;
        result->incident_dbm = incident;
    }
    return tally.level_dbm;
}

static bool is_round_trip(const struct budget_scenario *s, enum budget_leg leg)
{
    return leg == BUDGET_REPLY && s->place == BUDGET_PLACE_READER && !has_own_carrier(s);
}

double budget_margin_db(const struct budget_scenario *s, enum budget_leg leg, double distance_m)
{
    require(distance_m > 0.0);
    const struct pathloss_path path = budget_path(s);
    return leg_sum(s, leg, distance_m, NULL) - pathloss_db(&path, distance_m) -
           leg_sensitivity_dbm(s, leg);
}

/* Distance of both ways together: the margin falls with it. */
static double round_trip_m(const struct budget_scenario *s)
{
    const struct pathloss_path path = budget_path(s);
    double spare_db = budget_margin_db(s, BUDGET_REPLY, 1.0) + 2.0 * pathloss_db(&path, 1.0);
    return pathloss_distance_m(&path, 0.5 * spare_db);
}

void budget_solve(const struct budget_scenario *s, enum budget_leg leg,
                  struct budget_result *result)
{
    require(budget_has_leg(s, leg));
    *result = (struct budget_result){
        .leg = leg, .noise_dbm = NAN, .residual_dbm = NAN, .floor_dbm_hz = NAN, .ebn0_db = NAN};
    const struct pathloss_path path = budget_path(s);
    double reach_m = is_round_trip(s, leg) ? round_trip_m(s) : 1.0;
    double shown_m = fmin(fmax(reach_m, PATHLOSS_NEAREST_M), PATHLOSS_FARTHEST_M);
    double sum_dbm = leg_sum(s, leg, shown_m, result);
    result->sensitivity_dbm = leg_sensitivity_dbm(s, leg);
    if (leg == BUDGET_REPLY) {
        tell_sensitivity(s, result);
    }
    result->max_loss_db = sum_dbm - result->sensitivity_dbm;
    result->reach_m =
        is_round_trip(s, leg) ? reach_m : pathloss_distance_m(&path, result->max_loss_db);
    result->model_max_m = pathloss_about(s->model)->distance_max_m;
}

bool budget_has_leg(const struct budget_scenario *s, enum budget_leg leg)
{
    require(leg >= 0);
    require(leg < BUDGET_LEGS);
    return leg == BUDGET_HARVEST   ? !isnan(s->device.harvest_dbm)
           : leg == BUDGET_COMMAND ? !isnan(s->device.command_dbm)
                                   : has_own_carrier(s) || !isnan(s->device.backscatter_loss_db);
}

/* Has the reader what its sensitivity is made of? */
static enum status check_weakest(const struct budget_scenario *s)
{
    if (s->weakest == BUDGET_WEAKEST_GIVEN && isnan(s->receiver.sensitivity_dbm)) {
        return status_fail(ST_RANGE, "linkbudget.receiver.sensitivity_dbm is not set, and "
                                     "linkbudget.receiver.from is given");
    }
    if (s->weakest == BUDGET_WEAKEST_RESIDUAL && isnan(s->receiver.cancellation_db)) {
        return status_fail(ST_RANGE, "linkbudget.receiver.cancellation_db is not set, and "
                                     "linkbudget.receiver.from is residual");
    }
    return ST_OK;
}

enum status budget_check(const struct budget_scenario *s)
{
    enum status status = pathloss_check_freq(s->model, s->freq_hz, "linkbudget.freq_hz");
    status = status ? status : attenuation_check(&s->air, s->freq_hz, "linkbudget.freq_hz");
    if (!status && s->device.height_m > s->receiver.height_m) {
        return status_fail(ST_RANGE,
                           "linkbudget.device.height_m is %g m, accepted up to "
                           "linkbudget.reader.height_m, %g m",
                           s->device.height_m, s->receiver.height_m);
    }
    status = status ? status : check_weakest(s);
    if (!status && s->place == BUDGET_PLACE_FIXED && !has_own_carrier(s)) {
        if (isnan(s->carrier_distance_m)) {
            return status_fail(ST_RANGE, "linkbudget.carrier.distance_m is not set, and "
                                         "linkbudget.carrier.place is fixed");
        }
        status = pathloss_check_distance(s->model, s->freq_hz, s->carrier_distance_m,
                                         "linkbudget.carrier.distance_m");
    }
    return status;
}

/* ------------------------------------------------------------------------- turned round */

static void unknown_put(struct budget_scenario *s, enum budget_leg leg, enum budget_unknown unknown,
                        double value)
{
    struct budget_sender *sender = leg == BUDGET_COMMAND ? &s->reader : &s->carrier;
    if (unknown == BUDGET_GAIN) {
        if (leg != BUDGET_REPLY || is_round_trip(s, leg)) {
            sender->gain_dbi = value;
        }
        if (leg == BUDGET_REPLY) {
            s->receiver.gain_dbi = value;
        }
    } else if (leg == BUDGET_REPLY && has_own_carrier(s)) {
        s->device.power_dbm = value;
    } else {
        sender->power_dbm = value;
    }
}

static const char *unknown_text(const struct budget_scenario *s, enum budget_leg leg,
                                enum budget_unknown unknown)
{
    static const char *const text[BUDGET_LEGS][3] = {
        {"carrier power", "gain of the carrier's antenna", "sensitivity of the device, harvesting"},
        {"reader power", "gain of the reader's transmit antenna", "sensitivity of the device"},
        {"carrier power", "gain of the reader's receive antenna", "sensitivity of the reader"},
    };
    if (leg == BUDGET_REPLY && unknown == BUDGET_POWER && has_own_carrier(s)) {
        return "power of the device";
    }
    return is_round_trip(s, leg) && unknown == BUDGET_GAIN ? "gain of both antennas of the reader"
                                                           : text[leg][unknown];
}

enum status budget_solve_for(const struct budget_scenario *scenario, enum budget_leg leg,
                             enum budget_unknown unknown, double distance_m, double *value,
                             const char **text)
{
    require(distance_m > 0.0);
    require(budget_has_leg(scenario, leg));
    struct budget_scenario s = *scenario;
    double lo = -200.0, hi = 200.0;
    *text = unknown_text(scenario, leg, unknown);
    if (unknown == BUDGET_SENSITIVITY) {
        *value = leg_sensitivity_dbm(&s, leg) + budget_margin_db(&s, leg, distance_m);
        return ST_OK;
    }
    unknown_put(&s, leg, unknown, hi);
    if (budget_margin_db(&s, leg, distance_m) < 0.0 ||
        (leg == BUDGET_REPLY && unknown == BUDGET_POWER && s.place == BUDGET_PLACE_EDGE &&
         !has_own_carrier(&s))) {
        return status_fail(ST_RANGE, "no %s closes the leg at %g m: %s", *text, distance_m,
                           s.place == BUDGET_PLACE_EDGE
                               ? "the device stands where it just works (linkbudget.carrier.place)"
                               : "what is left of the carrier rises with it");
    }
    for (int k = 0; k < 60; k++) {
        double middle = 0.5 * (lo + hi);
        unknown_put(&s, leg, unknown, middle);
        if (budget_margin_db(&s, leg, distance_m) < 0.0) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    *value = hi;
    return ST_OK;
}
