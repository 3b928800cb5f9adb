/* scene_read.c - a scene out of its options: every text read, every place inside the hall. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/scene.h"

#define XYZ "x,y,z in metres"

/* ---- what only a hall has ---- */

static enum status check_line(const struct scene_cfg *cfg)
{
    const struct {
        const char *key, *text;
    } texts[] = {{"tx_at", cfg->tx_at},
                 {"rx_at", cfg->rx_at},
                 {"emitters_at", cfg->emitters_at},
                 {"energy_at", cfg->energy_at},
                 {"tx_aim", cfg->tx_antenna.aim},
                 {"rx_aim", cfg->rx_antenna.aim},
                 {"emitter_aim", cfg->emitter_antenna.aim},
                 {"tags_at", cfg->tags_at},
                 {"tags_circles", cfg->tags_circles},
                 {"tags_rectangle", cfg->tags_rectangle}};
    const struct {
        const char *key;
        double value;
    } values[] = {{"path", cfg->path},
                  {"shadow", cfg->shadow},
                  {"tx_pattern", cfg->tx_antenna.pattern},
                  {"rx_pattern", cfg->rx_antenna.pattern},
                  {"emitter_pattern", cfg->emitter_antenna.pattern},
                  {"polarisation_loss_db", cfg->polarisation_loss_db},
                  {"down_loss_db", cfg->down_loss_db},
                  {"up_loss_db", cfg->up_loss_db}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (texts[i].text[0]) {
            return status_fail(ST_RANGE, "radio.sim.%s is '%s', accepted with radio.sim.scene hall",
                               texts[i].key, texts[i].text);
        }
    }
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (values[i].value != 0.0) {
            return status_fail(ST_RANGE, "radio.sim.%s is set, accepted with radio.sim.scene hall",
                               values[i].key);
        }
    }
    return ST_OK;
}

/* ---- antennas ---- */

static enum status read_antenna(const char *who, const struct scene_antenna_cfg *cfg,
                                const struct air_cfg *all, struct antenna *antenna)
{
    char key[32];
    struct places aim;
    snprintf(key, sizeof key, "%s_aim", who);
    enum status status = places_read(key, cfg->aim, 2, "azimuth,elevation in degrees", 1, &aim);
    if (status) {
        return status;
    }
    *antenna =
        (struct antenna){.pattern = (enum antenna_pattern)cfg->pattern,
                         .gain_dbi = isnan(cfg->gain_dbi) ? all->antenna_gain_dbi : cfg->gain_dbi,
                         .beam_deg = cfg->beam_deg,
                         .front_to_back_db = all->scene.front_to_back_db};
    antenna_aim(aim.n > 0 ? aim.value[0][0] : 0.0, aim.n > 0 ? aim.value[0][1] : -90.0,
                antenna->aim);
    if (antenna->pattern == ANTENNA_SECTOR && !(cfg->beam_deg > 0.0)) {
        return status_fail(ST_RANGE, "radio.sim.%s_beam_deg is %g, accepted above 0 deg", who,
                           cfg->beam_deg);
    }
    return ST_OK;
}

/* ---- places ---- */

static bool is_inside(const struct scene *scene, const double at_m[3])
{
    bool is_in = true;
    for (int k = 0; k < 3; k++) {
        is_in = is_in && at_m[k] >= 0.0 && at_m[k] <= scene->hall_m[k];
    }
    return is_in;
}

static enum status fail_outside(const struct scene *scene, const char *key, const double at_m[3])
{
    return status_fail(ST_RANGE,
                       "radio.sim.%s is %g,%g,%g: outside radio.sim.hall_m, accepted 0..%g, 0..%g, "
                       "0..%g m",
                       key, at_m[0], at_m[1], at_m[2], scene->hall_m[0], scene->hall_m[1],
                       scene->hall_m[2]);
}

static enum status read_hall(struct scene *scene)
{
    struct places hall;
    const char *text = scene->cfg->scene.hall_m;
    enum status status = places_read("hall_m", text, 3, "length,width,height in metres", 1, &hall);
    if (status) {
        return status;
    }
    for (int k = 0; k < 3; k++) {
        scene->hall_m[k] = hall.n > 0 ? hall.value[0][k] : 0.0;
        if (!(scene->hall_m[k] > 0.0)) {
            return status_fail(ST_RANGE,
                               "radio.sim.hall_m is '%s', accepted: length,width,height above 0 m",
                               text);
        }
    }
    return ST_OK;
}

struct node_group { /* nodes written in one text */
    const char *key, *text;
    size_t n_max;
    struct antenna antenna;
};

/* Fill n nodes from a text; the last place serves all that are left. */
static enum status read_nodes(const struct scene *scene, const struct node_group *group, size_t n,
                              struct scene_node *node)
{
    struct places places;
    enum status status = places_read(group->key, group->text, 3, XYZ, group->n_max, &places);
    if (status) {
        return status;
    }
    if (places.n == 0 && n > 0) {
        return status_fail(ST_RANGE,
                           "radio.sim.%s is not set, accepted with radio.sim.scene hall: %s",
                           group->key, XYZ);
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(node[i].at_m, places.value[i < places.n ? i : places.n - 1], sizeof node[i].at_m);
        node[i].antenna = group->antenna;
        if (!is_inside(scene, node[i].at_m)) {
            return fail_outside(scene, group->key, node[i].at_m);
        }
    }
    return ST_OK;
}

/* ---- tags ---- */

/* Corners of what a group of the layout covers. */
static void corners(const struct scene *scene, const double *value, double low_m[3],
                    double high_m[3])
{
    low_m[2] = high_m[2] = scene->cfg->scene.tags_height_m;
    switch (scene->layout) {
    case SCENE_POINTS:
        memcpy(low_m, value, 3 * sizeof *low_m);
        memcpy(high_m, value, 3 * sizeof *high_m);
        break;
    case SCENE_CIRCLES:
        for (int k = 0; k < 2; k++) {
            low_m[k] = value[k] - value[2];
            high_m[k] = value[k] + value[2];
        }
        break;
    case SCENE_RECTANGLE:
        for (int k = 0; k < 2; k++) {
            low_m[k] = value[k];
            high_m[k] = value[k + 2];
        }
        break;
    }
}

static enum status read_tags(struct scene *scene)
{
    const struct scene_cfg *cfg = &scene->cfg->scene;
    const struct {
        const char *key, *text, *shape;
        unsigned n_values;
        size_t n_max;
    } rows[] = {
        [SCENE_POINTS] = {"tags_at", cfg->tags_at, XYZ, 3, PLACES_MAX},
        [SCENE_CIRCLES] = {"tags_circles", cfg->tags_circles, "x,y,radius in metres", 3,
                           PLACES_MAX},
        [SCENE_RECTANGLE] = {"tags_rectangle", cfg->tags_rectangle, "x0,y0,x1,y1 in metres", 4, 1}};
    int n_given = 0;
    scene->layout = SCENE_RECTANGLE;
    for (int k = SCENE_POINTS; k <= SCENE_RECTANGLE; k++) {
        if (rows[k].text[0]) {
            scene->layout = (enum scene_layout)k;
            n_given++;
        }
    }
    if (n_given > 1) {
        return status_fail(ST_RANGE,
                           "radio.sim.%s is '%s' beside another, accepted: one of "
                           "tags_at, tags_circles, tags_rectangle",
                           rows[scene->layout].key, rows[scene->layout].text);
    }
    enum status status =
        places_read(rows[scene->layout].key, rows[scene->layout].text, rows[scene->layout].n_values,
                    rows[scene->layout].shape, rows[scene->layout].n_max, &scene->tags);
    if (status) {
        return status;
    }
    if (scene->tags.n == 0) {
        const double all[4] = {0.0, 0.0, scene->hall_m[0], scene->hall_m[1]};
        memcpy(scene->tags.value[0], all, sizeof all);
        scene->layout = SCENE_RECTANGLE;
        scene->tags.n = 1;
    }
    for (size_t i = 0; i < scene->tags.n; i++) {
        double low_m[3] = {0}, high_m[3] = {0};
        corners(scene, scene->tags.value[i], low_m, high_m);
        const char *key = rows[scene->layout].key;
        if (low_m[0] > high_m[0] || low_m[1] > high_m[1]) {
            return status_fail(ST_RANGE,
                               "radio.sim.%s is '%s', accepted: %s, radius above 0, x0 "
                               "up to x1, y0 up to y1",
                               key, rows[scene->layout].text, rows[scene->layout].shape);
        }
        if (!is_inside(scene, low_m) || !is_inside(scene, high_m)) {
            return fail_outside(scene, key, is_inside(scene, low_m) ? high_m : low_m);
        }
    }
    return ST_OK;
}

/* ---- everything ---- */

/* Which carriers are on the air beside the transmitters; place[]: their group in emitters_at. */
static size_t list_emitters(struct scene *scene, size_t place[AIR_EMITTERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < AIR_EMITTERS_MAX; i++) {
        if (!isnan(scene->cfg->emitter[i].level_db)) {
            place[n] = i;
            scene->emitter[n++] = scene->cfg->emitter[i];
        }
    }
    scene->n_emitters = n;
    return n;
}

static enum status read_emitters(struct scene *scene, unsigned n_tx, const struct antenna *antenna)
{
    const struct scene_cfg *cfg = &scene->cfg->scene;
    struct node_group group = {"emitters_at", cfg->emitters_at, AIR_EMITTERS_MAX, *antenna};
    struct scene_node at[AIR_EMITTERS_MAX];
    size_t place[AIR_EMITTERS_MAX] = {0};
    size_t n = list_emitters(scene, place);
    enum status status = read_nodes(scene, &group, n > 0 ? AIR_EMITTERS_MAX : 0, at);
    for (size_t i = 0; i < n && !status; i++) {
        scene->source[n_tx + i] = at[place[i]];
    }
    return status;
}

static enum status read_energy(struct scene *scene, unsigned n_tx, const struct antenna *antenna,
                               double rate_sps)
{
    const struct scene_cfg *cfg = &scene->cfg->scene;
    const struct node_group group = {"energy_at", cfg->energy_at, AIR_ENERGY_MAX, *antenna};
    struct places places;
    enum status status = places_read(group.key, group.text, 3, XYZ, group.n_max, &places);
    status = status ? status
                    : read_nodes(scene, &group, places.n, &scene->source[n_tx + scene->n_emitters]);
    for (size_t i = 0; i < places.n && !status; i++) {
        double offset_hz = cfg->energy_offset_hz + (double)i * cfg->energy_step_hz;
        scene->emitter[scene->n_emitters++] =
            (struct air_emitter_cfg){.level_db = cfg->energy_dbm - scene->cfg->tx_power_dbm,
                                     .offset_hz = offset_hz,
                                     .period_s = cfg->energy_period_s,
                                     .silent_s = cfg->energy_silent_s,
                                     .silent_from_s = cfg->energy_silent_from_s};
        if (fabs(offset_hz) > 0.5 * rate_sps) {
            status = status_fail(ST_RANGE,
                                 "radio.sim.energy_offset_hz is %g and energy_step_hz %g: emitter "
                                 "%zu at %g Hz, accepted -%g..%g (half the sample rate)",
                                 cfg->energy_offset_hz, cfg->energy_step_hz, i, offset_hz,
                                 0.5 * rate_sps, 0.5 * rate_sps);
        }
    }
    return status;
}

static enum status read_all_nodes(struct scene *scene, double rate_sps, unsigned n_tx,
                                  unsigned n_rx)
{
    const struct air_cfg *cfg = scene->cfg;
    struct antenna emitter;
    struct node_group tx = {"tx_at", cfg->scene.tx_at, AIR_TRANSMITTERS_MAX, {0}};
    struct node_group rx = {"rx_at", cfg->scene.rx_at, AIR_RECEIVERS_MAX, {0}};
    if (!rx.text[0]) {
        rx.text = tx.text;
    }
    enum status status = read_antenna("tx", &cfg->scene.tx_antenna, cfg, &tx.antenna);
    status = status ? status : read_antenna("rx", &cfg->scene.rx_antenna, cfg, &rx.antenna);
    status = status ? status : read_antenna("emitter", &cfg->scene.emitter_antenna, cfg, &emitter);
    status = status ? status : read_nodes(scene, &tx, n_tx, scene->source);
    status = status ? status : read_nodes(scene, &rx, n_rx, scene->receiver);
    status = status ? status : read_emitters(scene, n_tx, &emitter);
    return status ? status : read_energy(scene, n_tx, &emitter, rate_sps);
}

enum status scene_init(struct scene *scene, const struct air_cfg *cfg, double rate_sps,
                       double freq_hz, unsigned n_tx, unsigned n_rx)
{
    require(scene);
    require(cfg);
    memset(scene, 0, sizeof *scene);
    scene->cfg = cfg;
    scene->freq_hz = freq_hz;
    scene->is_hall = cfg->scene.kind == SCENE_HALL;
    scene->n_receivers = n_rx;
    enum status status = ST_OK;
    if (scene->is_hall) {
        status = pathloss_check_freq((enum pathloss_model)cfg->scene.path, freq_hz,
                                     "the frequency of the simulated air");
        status = status ? status : read_hall(scene);
        status = status ? status : read_all_nodes(scene, rate_sps, n_tx, n_rx);
        status = status ? status : read_tags(scene);
    } else {
        size_t place[AIR_EMITTERS_MAX];
        list_emitters(scene, place);
        status = check_line(&cfg->scene);
    }
    scene->n_sources = n_tx + (unsigned)scene->n_emitters;
    return status;
}
