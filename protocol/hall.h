/* hall.h - a hall with readers on a grid and devices dropped at random.     layer: protocol
 * Source: A-IoT coverage contribution (fact sheet aiot.md 9): 120 m x 60 m, ceiling 10 m, 18 readers
 * 20 m apart at 8 m, devices at 1.5 m, 150 per 100 m2; clutter of TR 38.901 table 7.8-7 (InF-DH). */
#ifndef PROTOCOL_HALL_H
#define PROTOCOL_HALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/option.h"
#include "protocol/pathloss.h"

enum { HALL_READERS_MAX = 64, HALL_CIRCLES_MAX = 64, HALL_DEVICES_MAX = 200000 };
enum hall_placement { HALL_UNIFORM = 0, HALL_CIRCLES };
enum hall_sight { HALL_SIGHT_DRAWN = 0, HALL_SIGHT_NONE, HALL_SIGHT_ALWAYS };

struct hall_cfg { /* option keys hall.* : table hall_options */
    double length_m, width_m, ceiling_m;
    double reader_spacing_m, reader_height_m;
    double device_height_m, devices_per_100_m2;
    double device_spacing_m; /* at least, where so many devices find room so far apart */
    int placement;           /* enum hall_placement, choice "uniform|circles" */
    int64_t n_circles;
    double circle_radius_m;
    int model;   /* enum pathloss_model */
    int sight;   /* enum hall_sight, choice "drawn|none|always" */
    bool shadow; /* drawn for each link, sigma as the model has it */
    double clutter_height_m, clutter_size_m, clutter_ratio;
    double freq_hz;
};
extern const struct option_table hall_options;

struct hall {
    struct hall_cfg cfg;
    size_t n_readers, n_devices;
    double reader_m[HALL_READERS_MAX][3];
    bool is_spaced; /* device_spacing_m is kept; false: more devices than find room so, or 20,000 */
};

/* Check the cfg, set up the readers.
 *   err ST_RANGE: no reader finds room, too many devices, heights that do not fit the ceiling, the model or each
 *       other; detail names the field and the reason */
enum status hall_make(const struct hall_cfg *cfg, struct hall *hall) must_check;

/* Where the devices of one drop are.
 *   out  place_m[hall->n_devices]  x, y; the same for the same hall and state   cost O(n_devices) */
struct hall_place {
    float x_m, y_m;
};
void hall_drop(const struct hall *hall, uint64_t *random, struct hall_place *place_m);

/* Losses from every reader to one place, dB; shadow and line of sight drawn from the state.
 *   out  loss_db[hall->n_readers] */
void hall_losses(const struct hall *hall, const struct hall_place *place_m, uint64_t *random,
                 float *loss_db);

#endif
