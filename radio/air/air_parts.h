/* air_parts.h - what the simulated air is made of; for air_make.c and air.c.   layer: radio/air */
#ifndef RADIO_AIR_AIR_PARTS_H
#define RADIO_AIR_AIR_PARTS_H

#include "radio/air/air.h"
#include "radio/air/detector.h"
#include "radio/air/fading.h"
#include "radio/air/harvest.h"
#include "radio/air/modulator.h"
#include "radio/air/noise.h"
#include "radio/air/population.h"
#include "radio/air/receiver.h"
#include "radio/air/resampler.h"
#include "radio/air/scene.h"
#include "radio/air/sources.h"
#include "radio/air/tag.h"

#define CHUNK_SAMPLES_MAX SOURCES_SAMPLES_MAX

struct air_tag {
    struct tag tag;
    struct population_path path;
    double at_m[3]; /* in a hall */
    bool tx_in_sight, rx_in_sight;
    struct harvest_store store;
    float command_level; /* of the envelope: below it no command is told */
    struct modulator modulator;
    double ebn0_ratio;   /* NaN: from the budget */
    int64_t scale_tick;  /* when the half swing is set anew; DETECTOR_NEVER: as it is */
    float carrier_min;   /* field below this at that time is no carrier: scale kept */
    float scale;         /* on the budget's half swing */
    float _Complex gain; /* at receiver 0, carrier included */
    double power_dbm;
    double on_level; /* as made; Untraceable can make the tag want more */
    bool has_true_key, is_replaying;
    int64_t here_tick; /* the tag comes into the field; what is there then may power it */
    bool is_here, has_field;
};

struct air {
    struct air_cfg cfg;
    struct tag_world world;
    struct tag_equipment equipment;
    double rate_sps, freq_hz;
    unsigned n_tx, n_rx;
    struct scene scene;
    struct sources sources;
    struct harvest harvest;
    struct harvest_meter *meters; /* as many as detectors */
    bool has_own_carrier;         /* the tags: they key it instead of reflecting */
    float own_amplitude;          /* sqrt(mW) */
    struct oscillator own;
    int64_t tick;
    size_t n_tags;
    struct air_tag *tags;
    struct tag_store *stores; /* one a tag */
    struct detector_member *members;
    struct detector *detectors; /* one, or with several transmitters one for each tag */
    size_t n_detectors;
    size_t *active; /* tags with a reply to send, ascending: the sums' order must not vary */
    size_t n_active, n_to_scale;
    double noise_power;
    struct noise_table table;
    struct receiver receivers[AIR_RECEIVERS_MAX];
    float _Complex still[AIR_RECEIVERS_MAX][AIR_SOURCES_MAX]; /* idle tags: sum of -h */
    struct fading fading;
    size_t chunk_samples;
    struct resampler_bank *clock; /* of the receivers; NULL: the transmitters' */
    int64_t rx_tick;              /* next sample of the receivers */
    int64_t n_early;              /* samples they take before tick 0, still to be made */
    float _Complex last_tx[AIR_SOURCES_MAX];
    float envelope[CHUNK_SAMPLES_MAX];
    float level[CHUNK_SAMPLES_MAX];
    float _Complex field[CHUNK_SAMPLES_MAX];
    float _Complex own_carrier[CHUNK_SAMPLES_MAX]; /* of the chunk */
};

/* Idle tags reflect with s = -1: together a fixed gain from each transmitter to each receiver. To
 * be called whenever a tag's scale has changed. */
void air_renew_still(struct air *air);

/* Envelope that wakes tag `index`, or that charges its storage, as its range is now. */
float air_wake_level(const struct air *air, size_t index);

/* The power that wakes tag `index` and that feeds it, as its range is now. */
void air_set_wake_level(struct air *air, size_t index);

#endif
