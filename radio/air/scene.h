/* scene.h - who stands where in a hall, and what a way between two of them costs.  layer: radio/air
 * The path loss is the link budget's (protocol/pathloss.h): physics, which air and planner share so
 * that one can be held against the other; nothing of the reader comes in with it.
 * In the line scene there are no places and only the list of emitters is of use. */
#ifndef RADIO_AIR_SCENE_H
#define RADIO_AIR_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/pathloss.h"
#include "radio/air/air.h"
#include "radio/air/antenna.h"
#include "radio/air/places.h"

struct scene_node { /* a transmitter, emitter or receiver */
    double at_m[3];
    struct antenna antenna;
};

enum scene_layout { SCENE_POINTS, SCENE_CIRCLES, SCENE_RECTANGLE };

struct scene {
    bool is_hall;
    const struct air_cfg *cfg; /* borrowed for the scene's life */
    double freq_hz;
    double hall_m[3];
    unsigned n_sources, n_receivers;
    size_t n_emitters;                                /* on the air beside the transmitters: */
    struct air_emitter_cfg emitter[AIR_CARRIERS_MAX]; /* sources n_tx .. n_tx + n_emitters - 1 */
    struct scene_node source[AIR_SOURCES_MAX], receiver[AIR_RECEIVERS_MAX];
    enum scene_layout layout;
    struct places tags; /* what the layout says of them */
};

/*   pre  rows and rate checked (check.h)
 *   err  ST_FORMAT, ST_RANGE: detail names the key, what it is and what is accepted
 *   own  borrows cfg for the scene's life */
enum status scene_init(struct scene *scene, const struct air_cfg *cfg, double rate_sps,
                       double freq_hz, unsigned n_tx, unsigned n_rx) must_check;

struct scene_tag {
    double at_m[3];
    double distance_m;               /* to transmitter 0 */
    double down_db[AIR_SOURCES_MAX]; /* from each source's amplitude to the tag's antenna, < 0 */
    double up_db[AIR_RECEIVERS_MAX]; /* from there to each receiver */
    bool tx_in_sight, rx_in_sight;   /* of source 0, of receiver 0 */
};

/* Place tag `index` and find its ways: a function of cfg and index alone.
 *   pre  is_hall      err  ST_RANGE: a way the path model does not hold for */
enum status scene_place(const struct scene *scene, size_t index, struct scene_tag *tag) must_check;

/* What gets from a source to a receiver past all tags, dB.
 *   out  true: *leak_db; false: they stand too near each other for the path model, leak_db of the
 *        cfg is what counts
 *   pre  is_hall      err  as scene_place */
enum status scene_leak(const struct scene *scene, unsigned source, unsigned receiver,
                       bool *is_apart, double *leak_db) must_check;

#endif
