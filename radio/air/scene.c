/* scene.c - the ways through a hall; what stands in it is read in scene_read.c. */
#include "radio/air/scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "radio/air/noise.h"

#define TRIES_MAX 100 /* to draw a place that is not too near an antenna */

enum { DRAW_PLACE = 0x9A17CE, DRAW_WAY = 0x51687 };

static uint64_t state_with(uint64_t state, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    state ^= bits;
    return noise_mix(&state);
}

/* The draws of a way depend on its two ends and the seed alone: whoever adds an antenna sees the same
 * tags as before, and where up and down are the same way they are alike. */
static uint64_t way_state(const struct scene *scene, const double node_m[3],
                          const double other_m[3])
{
    uint64_t state = (uint64_t)scene->cfg->seed * 0x9E3779B97F4A7C15u + DRAW_WAY;
    for (int k = 0; k < 3; k++) {
        state = state_with(state, node_m[k]);
        state = state_with(state, other_m[k]);
    }
    return state;
}

static double draw_gaussian(uint64_t *state)
{
    double radius = sqrt(-2.0 * log1p(-noise_uniform(state)));
    return radius * cos(2.0 * UNITS_PI * noise_uniform(state));
}

/* The low or high form of a factory model is a matter of the antenna, not of the hall. */
static enum pathloss_model model_at(const struct scene_cfg *cfg, double height_m)
{
    static const enum pathloss_model other[PATHLOSS_MODELS] = {
        [PATHLOSS_INF_SL] = PATHLOSS_INF_SH,        [PATHLOSS_INF_SH] = PATHLOSS_INF_SL,
        [PATHLOSS_INF_DL] = PATHLOSS_INF_DH,        [PATHLOSS_INF_DH] = PATHLOSS_INF_DL,
        [PATHLOSS_INF_DL_SRC001] = PATHLOSS_INF_DH,
    };
    enum pathloss_model model = (enum pathloss_model)cfg->path;
    bool is_for_high = model == PATHLOSS_INF_SH || model == PATHLOSS_INF_DH;
    bool has_other = other[model] != PATHLOSS_FREE_SPACE;
    return has_other && is_for_high != (height_m > cfg->clutter_height_m) ? other[model] : model;
}

struct way {
    double loss_db;
    bool in_sight;
};

/* From an antenna to a tag, or to an antenna that stands no higher. */
static enum status find_way(const struct scene *scene, const double node_m[3],
                            const double other_m[3], struct way *way)
{
    const struct scene_cfg *cfg = &scene->cfg->scene;
    const struct pathloss_hall hall = {cfg->clutter_height_m, cfg->clutter_size_m,
                                       cfg->clutter_ratio};
    struct pathloss_link link;
    pathloss_link_between(node_m, other_m, &link);
    enum pathloss_model model = model_at(cfg, node_m[2]);
    enum status status =
        pathloss_check_distance(model, scene->freq_hz, link.distance_3d_m, "distance");
    status = status ? status : pathloss_check_hall(model, &hall, &link);
    if (status) {
        return status;
    }
    uint64_t state = way_state(scene, node_m, other_m);
    double chance = noise_uniform(&state);
    way->in_sight = cfg->sight == SCENE_SIGHT_DRAWN
                        ? chance < pathloss_los_probability(model, &hall, &link)
                        : cfg->sight == SCENE_SIGHT_CLEAR;
    model = pathloss_model_for(model, way->in_sight);
    const struct pathloss_path path = {.model = model, .freq_hz = scene->freq_hz};
    way->loss_db = pathloss_db(&path, link.distance_3d_m);
    if (cfg->shadow) {
        way->loss_db += pathloss_about(model)->shadow_sigma_db * draw_gaussian(&state);
    }
    return ST_OK;
}

static double gain_towards(const struct scene_node *node, const double at_m[3])
{
    const double towards[3] = {at_m[0] - node->at_m[0], at_m[1] - node->at_m[1],
                               at_m[2] - node->at_m[2]};
    return antenna_gain_dbi(&node->antenna, towards);
}

/* ---- tags ---- */

static void draw_place(const struct scene *scene, size_t index, uint64_t *state, double at_m[3])
{
    const double *value = scene->tags.value[index % scene->tags.n];
    at_m[2] = scene->cfg->scene.tags_height_m;
    double first = noise_uniform(state);
    double second = noise_uniform(state);
    switch (scene->layout) {
    case SCENE_POINTS: memcpy(at_m, value, 3 * sizeof *at_m); break;
    case SCENE_CIRCLES:
        at_m[0] = value[0] + value[2] * sqrt(first) * cos(2.0 * UNITS_PI * second);
        at_m[1] = value[1] + value[2] * sqrt(first) * sin(2.0 * UNITS_PI * second);
        break;
    case SCENE_RECTANGLE:
        at_m[0] = value[0] + (value[2] - value[0]) * first;
        at_m[1] = value[1] + (value[3] - value[1]) * second;
        break;
    }
}

static enum status find_ways(const struct scene *scene, struct scene_tag *tag)
{
    const struct scene_cfg *cfg = &scene->cfg->scene;
    struct way way = {0};
    enum status status = ST_OK;
    for (unsigned i = 0; i < scene->n_sources && !status; i++) {
        status = find_way(scene, scene->source[i].at_m, tag->at_m, &way);
        if (!status) {
            tag->down_db[i] = gain_towards(&scene->source[i], tag->at_m) - way.loss_db -
                              cfg->polarisation_loss_db - cfg->down_loss_db;
            tag->tx_in_sight = i == 0 ? way.in_sight : tag->tx_in_sight;
        }
    }
    for (unsigned j = 0; j < scene->n_receivers && !status; j++) {
        status = find_way(scene, scene->receiver[j].at_m, tag->at_m, &way);
        if (!status) {
            tag->up_db[j] = gain_towards(&scene->receiver[j], tag->at_m) - way.loss_db -
                            cfg->polarisation_loss_db - cfg->up_loss_db;
            tag->rx_in_sight = j == 0 ? way.in_sight : tag->rx_in_sight;
        }
    }
    return status;
}

enum status scene_place(const struct scene *scene, size_t index, struct scene_tag *tag)
{
    require(scene->is_hall);
    memset(tag, 0, sizeof *tag);
    uint64_t state = (uint64_t)scene->cfg->seed * 0x9E3779B97F4A7C15u + DRAW_PLACE + index;
    state = noise_mix(&state);
    int n_tries = scene->layout == SCENE_POINTS ? 1 : TRIES_MAX;
    enum status status = ST_RANGE;
    for (int k = 0; k < n_tries && status; k++) {
        draw_place(scene, index, &state, tag->at_m);
        status = find_ways(scene, tag);
    }
    if (status) {
        char why[400];
        snprintf(why, sizeof why, "%s", status_detail());
        return status_fail(status, "radio.sim.tags_%s: tag %zu at %g,%g,%g: %s",
                           scene->layout == SCENE_POINTS ? "at" : "height_m", index, tag->at_m[0],
                           tag->at_m[1], tag->at_m[2], why);
    }
    double metres[3];
    for (int k = 0; k < 3; k++) {
        metres[k] = tag->at_m[k] - scene->source[0].at_m[k];
    }
    tag->distance_m = hypot(hypot(metres[0], metres[1]), metres[2]);
    return ST_OK;
}

/* ---- antenna to antenna ---- */

enum status scene_leak(const struct scene *scene, unsigned source, unsigned receiver,
                       bool *is_apart, double *leak_db)
{
    require(scene->is_hall);
    require(source < scene->n_sources);
    require(receiver < scene->n_receivers);
    const struct scene_node *from = &scene->source[source];
    const struct scene_node *to = &scene->receiver[receiver];
    bool from_is_high = from->at_m[2] >= to->at_m[2];
    const double *high_m = from_is_high ? from->at_m : to->at_m;
    const double *low_m = from_is_high ? to->at_m : from->at_m;
    struct pathloss_link link;
    struct way way = {0};
    pathloss_link_between(high_m, low_m, &link);
    /* up to 1 m only the model's lower end counts */
    *is_apart = pathloss_check_distance(model_at(&scene->cfg->scene, high_m[2]), scene->freq_hz,
                                        fmin(link.distance_3d_m, 1.0), "distance") == ST_OK;
    if (!*is_apart) {
        return ST_OK;
    }
    enum status status = find_way(scene, high_m, low_m, &way);
    if (status) {
        char why[400];
        snprintf(why, sizeof why, "%s", status_detail());
        return status_fail(status, "radio.sim.rx_at: receiver %u and transmitter %u: %s", receiver,
                           source, why);
    }
    *leak_db = gain_towards(from, to->at_m) + gain_towards(to, from->at_m) - way.loss_db;
    return ST_OK;
}
