/* pathloss.c - the models as a table of straight lines over log distance and log frequency. */
#include "protocol/pathloss.h"

#include <math.h>
#include <stddef.h>

#include "config/require.h"
#include "config/units.h"

enum { LINES_MAX = 3 };

struct line { /* at_1m_db + distance_db log10(d / m) + freq_db log10(f / GHz) */
    double at_1m_db, distance_db, freq_db;
};

struct model_row { /* the loss is the largest of the lines */
    struct pathloss_about about;
    struct line line[LINES_MAX]; /* all zero: none, and never the largest within the range */
    double clutter_min_ratio, clutter_max_ratio;
    bool has_clutter, reader_is_high;
};

/* 20 log10(4 pi 1 m 1 GHz / c) */
#define FREE_SPACE_DB 32.4477832219
#define FRIIS_3E8_DB 32.4417723142

#define LINE_LOS                                                                                   \
    {                                                                                              \
        31.84, 21.50, 19.00                                                                        \
    }
#define LINE_SL                                                                                    \
    {                                                                                              \
        33.00, 25.50, 20.00                                                                        \
    }
#define LINE_DL                                                                                    \
    {                                                                                              \
        18.60, 35.70, 20.00                                                                        \
    }

#define INF(name_, sigma_)                                                                         \
    {                                                                                              \
        .name = name_, .rule = "TR 38.901 table 7.4.1-1", .shadow_sigma_db = sigma_,               \
        .distance_min_m = 1.0, .distance_max_m = 600.0, .freq_min_hz = 0.5e9, .freq_max_hz = 100e9 \
    }
#define FREE(name_, rule_)                                                                         \
    {                                                                                              \
        .name = name_, .rule = rule_, .distance_min_m = 1e-3, .distance_max_m = 1e9,               \
        .freq_min_hz = 1e6, .freq_max_hz = 3e12                                                    \
    }

static const struct model_row models[PATHLOSS_MODELS] = {
    [PATHLOSS_FREE_SPACE] = {.about = FREE("free_space", "free space, ITU-R P.525"),
                             .line = {{FREE_SPACE_DB, 20.0, 20.0}}},
    [PATHLOSS_FRIIS_3E8] = {.about = FREE("friis_3e8", "free space with c = 3e8 m/s"),
                            .line = {{FRIIS_3E8_DB, 20.0, 20.0}}},
    [PATHLOSS_INF_LOS] = {.about = INF("inf_los", 4.3), .line = {LINE_LOS}},
    [PATHLOSS_INF_SL] = {.about = INF("inf_sl", 5.7),
                         .line = {LINE_LOS, LINE_SL},
                         .has_clutter = true,
                         .clutter_max_ratio = 0.4},
    [PATHLOSS_INF_DL] = {.about = INF("inf_dl", 7.2),
                         .line = {LINE_LOS, LINE_SL, LINE_DL},
                         .has_clutter = true,
                         .clutter_min_ratio = 0.4,
                         .clutter_max_ratio = 1.0},
    [PATHLOSS_INF_SH] = {.about = INF("inf_sh", 5.9),
                         .line = {LINE_LOS, {32.40, 23.00, 20.00}},
                         .has_clutter = true,
                         .reader_is_high = true,
                         .clutter_max_ratio = 0.4},
    [PATHLOSS_INF_DH] = {.about = INF("inf_dh", 4.0),
                         .line = {LINE_LOS, {33.63, 21.90, 20.00}},
                         .has_clutter = true,
                         .reader_is_high = true,
                         .clutter_min_ratio = 0.4,
                         .clutter_max_ratio = 1.0},
    [PATHLOSS_INF_DL_SRC001] = {.about = INF("inf_dl_src001", 7.2),
                                .line = {{31.84, 21.50, 10.00}, LINE_DL},
                                .has_clutter = true,
                                .clutter_min_ratio = 0.4,
                                .clutter_max_ratio = 1.0},
};

static const struct model_row *row_of(enum pathloss_model model)
{
    require(model >= 0);
    require(model < PATHLOSS_MODELS);
    return &models[model];
}

const struct pathloss_about *pathloss_about(enum pathloss_model model)
{
    return &row_of(model)->about;
}

enum status pathloss_check_freq(enum pathloss_model model, double freq_hz, const char *what)
{
    const struct pathloss_about *about = pathloss_about(model);
    require(what);
    if (freq_hz >= about->freq_min_hz && freq_hz <= about->freq_max_hz) {
        return ST_OK;
    }
    return status_fail(ST_RANGE, "%s is %g GHz, accepted with path model %s (%s): %g..%g GHz", what,
                       freq_hz * 1e-9, about->name, about->rule, about->freq_min_hz * 1e-9,
                       about->freq_max_hz * 1e-9);
}

enum status pathloss_check_distance(enum pathloss_model model, double freq_hz, double distance_m,
                                    const char *what)
{
    const struct pathloss_about *about = pathloss_about(model);
    require(what);
    require(freq_hz > 0.0);
    /* nearer than lambda / (4 pi) free space would be a gain */
    double near_m = UNITS_LIGHT_SPEED_MPS / (4.0 * UNITS_PI * freq_hz);
    double min_m = fmax(about->distance_min_m, near_m);
    if (distance_m >= min_m && distance_m <= about->distance_max_m) {
        return ST_OK;
    }
    return status_fail(ST_RANGE, "%s is %g m, accepted with path model %s (%s): %.3g..%g m", what,
                       distance_m, about->name, about->rule, min_m, about->distance_max_m);
}

double pathloss_db(const struct pathloss_path *path, double distance_m)
{
    require(path->freq_hz > 0.0);
    require(distance_m > 0.0);
    const struct line *line = row_of(path->model)->line;
    double log_m = log10(distance_m), log_ghz = log10(path->freq_hz * 1e-9);
    double loss_db = -INFINITY;
    for (size_t k = 0; k < LINES_MAX && line[k].distance_db > 0.0; k++) {
        loss_db = fmax(loss_db,
                       line[k].at_1m_db + line[k].distance_db * log_m + line[k].freq_db * log_ghz);
    }
    return loss_db + path->air_db_per_km * distance_m * 1e-3;
}

double pathloss_distance_m(const struct pathloss_path *path, double loss_db)
{
    require(!isnan(loss_db));
    double lo = log(PATHLOSS_NEAREST_M), hi = log(PATHLOSS_FARTHEST_M);
    if (pathloss_db(path, PATHLOSS_NEAREST_M) >= loss_db) {
        return 0.0;
    }
    if (pathloss_db(path, PATHLOSS_FARTHEST_M) <= loss_db) {
        return INFINITY;
    }
    for (int k = 0; k < 60; k++) {
        double middle = 0.5 * (lo + hi);
        if (pathloss_db(path, exp(middle)) < loss_db) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    return exp(lo);
}

void pathloss_link_between(const double reader_m[3], const double device_m[3],
                           struct pathloss_link *link)
{
    require(reader_m);
    require(device_m);
    double x_m = reader_m[0] - device_m[0], y_m = reader_m[1] - device_m[1];
    link->reader_height_m = reader_m[2];
    link->device_height_m = device_m[2];
    link->distance_2d_m = hypot(x_m, y_m);
    link->distance_3d_m = hypot(link->distance_2d_m, reader_m[2] - device_m[2]);
}

enum status pathloss_check_hall(enum pathloss_model model, const struct pathloss_hall *hall,
                                const struct pathloss_link *link)
{
    const struct model_row *row = row_of(model);
    if (!row->has_clutter) {
        return ST_OK;
    }
    if (link->device_height_m > link->reader_height_m) {
        return status_fail(ST_RANGE, "device height is %g m, accepted up to the reader's %g m",
                           link->device_height_m, link->reader_height_m);
    }
    if (!(hall->clutter_ratio > 0.0) || !(hall->clutter_ratio >= row->clutter_min_ratio) ||
        !(hall->clutter_ratio < row->clutter_max_ratio)) {
        return status_fail(ST_RANGE, "clutter ratio is %g, accepted with path model %s: %g..%g",
                           hall->clutter_ratio, row->about.name, row->clutter_min_ratio,
                           row->clutter_max_ratio);
    }
    if (!(hall->clutter_size_m > 0.0)) {
        return status_fail(ST_RANGE, "clutter size is %g m, accepted above 0",
                           hall->clutter_size_m);
    }
    if (row->reader_is_high != (link->reader_height_m > hall->clutter_height_m)) {
        return status_fail(ST_RANGE,
                           "reader height is %g m, accepted with path model %s: %s the clutter "
                           "of %g m",
                           link->reader_height_m, row->about.name,
                           row->reader_is_high ? "above" : "up to", hall->clutter_height_m);
    }
    return ST_OK;
}

double pathloss_los_probability(enum pathloss_model model, const struct pathloss_hall *hall,
                                const struct pathloss_link *link)
{
    const struct model_row *row = row_of(model);
    double over_device_m = hall->clutter_height_m - link->device_height_m;
    if (!row->has_clutter || (row->reader_is_high && over_device_m <= 0.0)) {
        return 1.0;
    }
    require(hall->clutter_ratio > 0.0);
    require(hall->clutter_ratio < 1.0);
    double scale_m = -hall->clutter_size_m / log(1.0 - hall->clutter_ratio);
    if (row->reader_is_high) {
        scale_m *= (link->reader_height_m - link->device_height_m) / over_device_m;
    }
    return exp(-link->distance_2d_m / scale_m);
}

enum pathloss_model pathloss_model_for(enum pathloss_model model, bool in_sight)
{
    return row_of(model)->has_clutter && in_sight ? PATHLOSS_INF_LOS : model;
}
