/* harvest.h - tags that live on a storage capacitor: charged by the field, emptied by what runs.
 *                                                                         layer: radio/air
 * Energy 1/2 C V^2, in uJ (uF and V). Charged by efficiency times the power at the tag while the
 * strongest sample of a step is above the tag's sensitivity; the leak always drains, the load while
 * the tag runs. So from empty to start E(start) / (efficiency P - leak) seconds, and in the dark
 * (E - E(stop)) / (load + leak) seconds to the brown-out, to one step.
 * Powers are taken over steps of a fixed grid of ticks, so that the result does not depend on how
 * calls split the samples. */
#ifndef RADIO_AIR_HARVEST_H
#define RADIO_AIR_HARVEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "radio/air/scene_cfg.h"

struct harvest { /* the same for all tags */
    bool is_on;
    int64_t step_ticks;
    double efficiency_ratio;
    double load_uj, leak_uj; /* a tick */
    double s_per_tick;
    double start_uj, stop_uj, full_uj, first_uj;
};

struct harvest_meter { /* of an envelope over the step under way */
    double energy;     /* sum of its squares */
    float peak;
};

struct harvest_store { /* of a tag */
    double stored_uj;
    bool is_running;
};

/* What belongs together.   err  ST_RANGE: detail names the key and what is accepted */
enum status harvest_check(const struct tag_device_cfg *cfg) must_check;

/*   pre  harvest_check() said ST_OK; step_ticks > 0 */
void harvest_init(struct harvest *harvest, const struct tag_device_cfg *cfg, double rate_sps,
                  int64_t step_ticks);
void harvest_store_init(struct harvest_store *store, const struct harvest *harvest);

/* From tick on, how many samples belong to the step under way; 1 .. step_ticks. */
int64_t harvest_left(const struct harvest *harvest, int64_t tick);

void harvest_measure(struct harvest_meter *meter, const float *envelope, size_t n_samples);

/* A step is over.
 *   in   power_mw  mean of the field's power at the tag; is_enough: its peak is above the threshold
 *   out  true: store->is_running changed */
bool harvest_step(const struct harvest *harvest, struct harvest_store *store, double power_mw,
                  bool is_enough);

#endif
