/* hall.c - readers on their grid, devices uniform or in circles, losses between them. */
#include "protocol/hall.h"

#include <math.h>
#include <string.h>

#include "config/random.h"
#include "config/require.h"

/* Points put down one after the other, none nearer than d to another, fill an area up to 0.70 / d^2 (random sequential
 * addition of discs jams at 0.547, Feder 1980); near that nearly every try fails. */
#define SPACED_DENSITY_MAX 0.5
enum { SPACED_DEVICES_MAX = 20000, SPACED_TRIES = 1000 };

#define HALL(field) offsetof(struct hall_cfg, field)
static const struct option_row hall_rows[] = {
    {"hall.length_m", OPTION_NUMBER, "m", "120", 1, 10000, NULL, HALL(length_m),
     "of the hall, along x", NULL},
    {"hall.width_m", OPTION_NUMBER, "m", "60", 1, 10000, NULL, HALL(width_m),
     "of the hall, along y", NULL},
    {"hall.ceiling_m", OPTION_NUMBER, "m", "10", 1, 1000, NULL, HALL(ceiling_m),
     "height of the hall", NULL},
    {"hall.reader_spacing_m", OPTION_NUMBER, "m", "20", 0.1, 10000, NULL, HALL(reader_spacing_m),
     "readers stand on a square grid so far apart, as many as find room, in the middle", NULL},
    {"hall.reader_height_m", OPTION_NUMBER, "m", "8", 0, 1000, NULL, HALL(reader_height_m),
     "of the readers above the floor", NULL},
    {"hall.device_height_m", OPTION_NUMBER, "m", "1.5", 0, 1000, NULL, HALL(device_height_m),
     "of the devices above the floor", NULL},
    {"hall.devices_per_100_m2", OPTION_NUMBER, "", "150", 1e-6, 1e6, NULL, HALL(devices_per_100_m2),
     "mean over the floor", NULL},
    {"hall.device_spacing_m", OPTION_NUMBER, "m", "1", 0, 1000, NULL, HALL(device_spacing_m),
     "no two devices are nearer, where so many find room so far apart; else waived, and said",
     NULL},
    {"hall.placement", OPTION_CHOICE, "", "uniform", 0, 0, "uniform|circles", HALL(placement),
     "devices anywhere, or in circles with random centres", NULL},
    {"hall.n_circles", OPTION_INT, "", "18", 1, HALL_CIRCLES_MAX, NULL, HALL(n_circles),
     "with placement circles: how many, each with as many devices", NULL},
    {"hall.circle_radius_m", OPTION_NUMBER, "m", "5", 0.01, 1000, NULL, HALL(circle_radius_m),
     "with placement circles", NULL},
    {"hall.model", OPTION_CHOICE, "", "inf_dh", 0, 0, PATHLOSS_CHOICES, HALL(model),
     "path loss (TR 38.901 table 7.4.1-1) without line of sight", NULL},
    {"hall.sight", OPTION_CHOICE, "", "drawn", 0, 0, "drawn|none|always", HALL(sight),
     "line of sight: drawn for each link with the model's probability, never, or always", NULL},
    {"hall.shadow", OPTION_BOOL, "", "true", 0, 0, NULL, HALL(shadow),
     "shadow fading, drawn for each link; false: the legs' margin takes its place", NULL},
    {"hall.clutter_height_m", OPTION_NUMBER, "m", "6", 0, 1000, NULL, HALL(clutter_height_m),
     "of the clutter that decides about line of sight", NULL},
    {"hall.clutter_size_m", OPTION_NUMBER, "m", "2", 0.01, 1000, NULL, HALL(clutter_size_m),
     "of one piece of clutter", NULL},
    {"hall.clutter_ratio", OPTION_NUMBER, "", "0.6", 0.001, 0.999, NULL, HALL(clutter_ratio),
     "floor that is covered by clutter", NULL},
    {"hall.freq_hz", OPTION_NUMBER, "Hz", "900M", 1e6, 1e12, NULL, HALL(freq_hz),
     "carrier frequency", NULL},
};

const struct option_table hall_options = {"hall: where readers and devices are, for coverage",
                                          hall_rows, sizeof hall_rows / sizeof *hall_rows};

static enum status readers_set(struct hall *hall)
{
    const struct hall_cfg *cfg = &hall->cfg;
    double n_x = fmax(floor(cfg->length_m / cfg->reader_spacing_m), 1.0);
    double n_y = fmax(floor(cfg->width_m / cfg->reader_spacing_m), 1.0);
    if (n_x * n_y > HALL_READERS_MAX) {
        return status_fail(ST_RANGE,
                           "hall.reader_spacing_m = %g m makes %g x %g readers, accepted: up to %d",
                           cfg->reader_spacing_m, n_x, n_y, HALL_READERS_MAX);
    }
    hall->n_readers = 0;
    for (double y = 0.0; y < n_y; y++) {
        for (double x = 0.0; x < n_x; x++) {
            double *at_m = hall->reader_m[hall->n_readers++];
            at_m[0] = 0.5 * cfg->length_m + (x - 0.5 * (n_x - 1.0)) * cfg->reader_spacing_m;
            at_m[1] = 0.5 * cfg->width_m + (y - 0.5 * (n_y - 1.0)) * cfg->reader_spacing_m;
            at_m[2] = cfg->reader_height_m;
        }
    }
    return ST_OK;
}

static enum status devices_set(struct hall *hall)
{
    const struct hall_cfg *cfg = &hall->cfg;
    double area_m2 = cfg->length_m * cfg->width_m;
    double n = round(0.01 * cfg->devices_per_100_m2 * area_m2);
    if (n < 1.0 || n > HALL_DEVICES_MAX) {
        return status_fail(
            ST_RANGE, "hall.devices_per_100_m2 = %g makes %g devices on %g m2, accepted: 1..%d",
            cfg->devices_per_100_m2, n, area_m2, HALL_DEVICES_MAX);
    }
    hall->n_devices = (size_t)n;
    double side_m = 2.0 * cfg->circle_radius_m;
    if (cfg->placement == HALL_CIRCLES) {
        if (side_m > fmin(cfg->length_m, cfg->width_m)) {
            return status_fail(
                ST_RANGE,
                "hall.circle_radius_m = %g m: no circle fits the hall, accepted: up to %g m",
                cfg->circle_radius_m, 0.5 * fmin(cfg->length_m, cfg->width_m));
        }
        area_m2 = (double)cfg->n_circles * UNITS_PI * cfg->circle_radius_m * cfg->circle_radius_m;
    }
    double spacing_m2 = cfg->device_spacing_m * cfg->device_spacing_m;
    hall->is_spaced =
        n / area_m2 * spacing_m2 <= SPACED_DENSITY_MAX && hall->n_devices <= SPACED_DEVICES_MAX;
    return ST_OK;
}

static enum status height_check(double height_m, const char *key, double limit_m, const char *limit)
{
    return height_m <= limit_m ? ST_OK
                               : status_fail(ST_RANGE, "%s = %g m, accepted: up to %s, %g m", key,
                                             height_m, limit, limit_m);
}

static enum status heights_check(const struct hall_cfg *cfg)
{
    enum status status = height_check(cfg->reader_height_m, "hall.reader_height_m", cfg->ceiling_m,
                                      "hall.ceiling_m");
    return status ? status
                  : height_check(cfg->device_height_m, "hall.device_height_m", cfg->reader_height_m,
                                 "hall.reader_height_m");
}

static struct pathloss_hall clutter_of(const struct hall_cfg *cfg)
{
    return (struct pathloss_hall){.clutter_height_m = cfg->clutter_height_m,
                                  .clutter_size_m = cfg->clutter_size_m,
                                  .clutter_ratio = cfg->clutter_ratio};
}

enum status hall_make(const struct hall_cfg *cfg, struct hall *hall)
{
    require(cfg);
    require(hall);
    memset(hall, 0, sizeof *hall);
    hall->cfg = *cfg;
    enum pathloss_model model = (enum pathloss_model)cfg->model;
    struct pathloss_hall clutter = clutter_of(cfg);
    enum status status = heights_check(cfg);
    status = status ? status : pathloss_check_freq(model, cfg->freq_hz, "hall.freq_hz");
    status = status ? status : readers_set(hall);
    status = status ? status : devices_set(hall);
    if (status) {
        return status;
    }
    const double corner_m[3] = {0.0, 0.0, cfg->device_height_m};
    const double below_m[3] = {hall->reader_m[0][0], hall->reader_m[0][1], cfg->device_height_m};
    struct pathloss_link link;
    pathloss_link_between(hall->reader_m[0], corner_m, &link);
    status = pathloss_check_hall(model, &clutter, &link);
    status = status ? status
                    : pathloss_check_distance(model, cfg->freq_hz, link.distance_3d_m,
                                              "from the first reader to the corner of the hall");
    pathloss_link_between(hall->reader_m[0], below_m, &link);
    return status ? status
                  : pathloss_check_distance(model, cfg->freq_hz, link.distance_3d_m,
                                            "from a reader to the device below it");
}

struct spread { /* where the devices of one drop may be */
    double centre_m[HALL_CIRCLES_MAX][2];
};

static void centres_draw(const struct hall_cfg *cfg, uint64_t *random, struct spread *spread)
{
    double radius_m = cfg->circle_radius_m;
    for (int64_t k = 0; cfg->placement == HALL_CIRCLES && k < cfg->n_circles; k++) {
        spread->centre_m[k][0] =
            radius_m + (cfg->length_m - 2.0 * radius_m) * random_uniform(random);
        spread->centre_m[k][1] =
            radius_m + (cfg->width_m - 2.0 * radius_m) * random_uniform(random);
    }
}

static struct hall_place place_draw(const struct hall_cfg *cfg, const struct spread *spread,
                                    size_t index, uint64_t *random)
{
    if (cfg->placement == HALL_UNIFORM) {
        return (struct hall_place){.x_m = (float)(cfg->length_m * random_uniform(random)),
                                   .y_m = (float)(cfg->width_m * random_uniform(random))};
    }
    const double *centre_m = spread->centre_m[index % (size_t)cfg->n_circles];
    double radius_m = cfg->circle_radius_m * sqrt(random_uniform(random));
    double angle = 2.0 * UNITS_PI * random_uniform(random);
    return (struct hall_place){.x_m = (float)(centre_m[0] + radius_m * cos(angle)),
                               .y_m = (float)(centre_m[1] + radius_m * sin(angle))};
}

static bool is_clear(const struct hall_place *place, size_t n, struct hall_place at,
                     double spacing_m)
{
    for (size_t k = 0; k < n; k++) {
        double x_m = (double)(place[k].x_m - at.x_m), y_m = (double)(place[k].y_m - at.y_m);
        if (x_m * x_m + y_m * y_m < spacing_m * spacing_m) {
            return false;
        }
    }
    return true;
}

void hall_drop(const struct hall *hall, uint64_t *random, struct hall_place *place_m)
{
    const struct hall_cfg *cfg = &hall->cfg;
    struct spread spread;
    centres_draw(cfg, random, &spread);
    for (size_t k = 0; k < hall->n_devices; k++) {
        place_m[k] = place_draw(cfg, &spread, k, random);
        for (int tries = 0; hall->is_spaced && tries < SPACED_TRIES &&
                            !is_clear(place_m, k, place_m[k], cfg->device_spacing_m);
             tries++) {
            place_m[k] = place_draw(cfg, &spread, k, random);
        }
    }
}

void hall_losses(const struct hall *hall, const struct hall_place *place_m, uint64_t *random,
                 float *loss_db)
{
    const struct hall_cfg *cfg = &hall->cfg;
    const struct pathloss_hall clutter = clutter_of(cfg);
    const double device_m[3] = {(double)place_m->x_m, (double)place_m->y_m, cfg->device_height_m};
    enum pathloss_model model = (enum pathloss_model)cfg->model;
    for (size_t r = 0; r < hall->n_readers; r++) {
        struct pathloss_link link;
        pathloss_link_between(hall->reader_m[r], device_m, &link);
        bool in_sight = cfg->sight == HALL_SIGHT_ALWAYS;
        if (cfg->sight == HALL_SIGHT_DRAWN) {
            in_sight = random_uniform(random) < pathloss_los_probability(model, &clutter, &link);
        }
        struct pathloss_path path = {.model = pathloss_model_for(model, in_sight),
                                     .freq_hz = cfg->freq_hz};
        double shadow_db =
            cfg->shadow ? pathloss_about(path.model)->shadow_sigma_db * random_gaussian(random)
                        : 0.0;
        loss_db[r] = (float)(pathloss_db(&path, link.distance_3d_m) + shadow_db);
    }
}
