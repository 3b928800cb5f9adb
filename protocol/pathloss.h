/* pathloss.h - path loss models, where they hold, line of sight and shadowing.     layer: protocol
 * Source: free space: ITU-R P.525; factory halls (InF): 3GPP TR 38.901 tables 7.4.1-1, 7.4.2-1 and
 * 7.2-4. `inf_dl_src001` is what a published A-IoT contribution really computed for its D2T2
 * columns: the InF-DL branch over a line of sight that has 10 log10(fc) where TR 38.901 has 19, and
 * no InF-SL term; `friis_3e8` is free space with the 3e8 m/s of the published Friis cases. */
#ifndef PROTOCOL_PATHLOSS_H
#define PROTOCOL_PATHLOSS_H

#include <stdbool.h>

#include "config/status.h"

enum pathloss_model {
    PATHLOSS_FREE_SPACE = 0,
    PATHLOSS_FRIIS_3E8,
    PATHLOSS_INF_LOS,
    PATHLOSS_INF_SL, /* sparse clutter, low reader; this and the next: without line of sight */
    PATHLOSS_INF_DL, /* dense clutter, low reader */
    PATHLOSS_INF_SH, /* sparse clutter, high reader */
    PATHLOSS_INF_DH, /* dense clutter, high reader */
    PATHLOSS_INF_DL_SRC001,
    PATHLOSS_MODELS
};

/* Names in the enum's order, for option rows. */
#define PATHLOSS_CHOICES "free_space|friis_3e8|inf_los|inf_sl|inf_dl|inf_sh|inf_dh|inf_dl_src001"

struct pathloss_about {
    const char *name, *rule;
    double shadow_sigma_db; /* 0: none */
    double distance_min_m, distance_max_m, freq_min_hz, freq_max_hz;
};

/* pre model < PATHLOSS_MODELS   own static */
const struct pathloss_about *pathloss_about(enum pathloss_model model);

/* Does the model hold there?
 *   err ST_RANGE: detail names `what`, the value, the model and its range */
enum status pathloss_check_freq(enum pathloss_model model, double freq_hz,
                                const char *what) must_check;
enum status pathloss_check_distance(enum pathloss_model model, double freq_hz, double distance_m,
                                    const char *what) must_check;

struct pathloss_path { /* what a link crosses */
    enum pathloss_model model;
    double freq_hz;
    double air_db_per_km; /* gas, rain, fog; >= 0 */
};

/* Median loss over `distance_m` (3D), dB. The formula goes on outside its range.
 *   pre freq_hz > 0, distance_m > 0 */
double pathloss_db(const struct pathloss_path *path, double distance_m);

/* The distance with that loss; 0 where it is within PATHLOSS_NEAREST_M, INFINITY beyond
 * PATHLOSS_FARTHEST_M.   pre loss_db is not NaN */
double pathloss_distance_m(const struct pathloss_path *path, double loss_db);

#define PATHLOSS_NEAREST_M 1e-6
#define PATHLOSS_FARTHEST_M 1e12

struct pathloss_hall { /* clutter of a factory hall */
    double clutter_height_m, clutter_size_m;
    double clutter_ratio; /* of the floor: 0 < r < 1 */
};

struct pathloss_link { /* from one place to another */
    double distance_3d_m, distance_2d_m;
    double reader_height_m, device_height_m;
};

/* x, y, z (height) of both ends. */
void pathloss_link_between(const double reader_m[3], const double device_m[3],
                           struct pathloss_link *link);

/* Does the hall fit the model, and the two ends the hall?
 *   err ST_RANGE: device above the reader, reader on the wrong side of the clutter, density of
 *       another model; detail names the field */
enum status pathloss_check_hall(enum pathloss_model model, const struct pathloss_hall *hall,
                                const struct pathloss_link *link) must_check;

/* Probability of a line of sight (TR 38.901 table 7.4.2-1); 1 for models without clutter and for a
 * device above the clutter. inf_dl_src001 counts as InF-DL.   pre pathloss_check_hall said ST_OK */
double pathloss_los_probability(enum pathloss_model model, const struct pathloss_hall *hall,
                                const struct pathloss_link *link);

/* Model and shadow sigma of a link of this hall that is (or is not) in line of sight. */
enum pathloss_model pathloss_model_for(enum pathloss_model model, bool in_sight);

#endif
