/* plan.h - what a run may put on the air and when: region, channels, antennas, power. Made in two steps:
 * from the configuration alone (which is all --dry-run needs), then with the radio's own figures.
 *                                                                            layer: reader */
#ifndef READER_PLAN_H
#define READER_PLAN_H

#include "config/option.h"
#include "radio/radio.h"
#include "reader/calibration.h"
#include "reader/eirp.h"
#include "reader/hop.h"
#include "reader/region.h"

#define PLAN_ANTENNAS_MAX 8

enum plan_hop { PLAN_HOP_AUTO = 0, PLAN_HOP_OFF, PLAN_HOP_ON };

struct plan_cfg { /* option keys radio.*: table plan_options */
    int hop;      /* enum plan_hop */
    double hop_dwell_s, hop_settle_us;
    int64_t hop_seed; /* INT64_MIN: 1, with a real radio the clock */
    char antennas[LIMIT_TEXT];
    double antenna_dwell_s;
    char calibration[LIMIT_TEXT]; /* file */
    double antenna_gain_dbi, cable_loss_db, uncalibrated_backoff_db;
};
extern const struct option_table plan_options;

struct plan_antenna {
    char name[16];       /* as events tell it */
    char tx[32], rx[32]; /* ports; "": stays as it is */
};

struct plan {
    const struct region_plan *region;
    struct plan_cfg cfg;
    bool hops;    /* the channel changes */
    bool changes; /* the carrier goes off and on: channels, antennas, or pauses */
    struct hop_cfg schedule;
    struct hop hop; /* after plan_fit */
    size_t n_antennas;
    struct plan_antenna antenna[PLAN_ANTENNAS_MAX]; /* [0] holds where none is named: "" */
    double amplitude;
    bool has_calibration;
    struct calibration calibration;
    struct eirp eirp; /* of the channel with the most; after plan_fit with the gain in force */
    double tx_gain_db, rx_gain_db; /* as configured, after plan_fit in force; NaN: not known */
    double gain_cap_db;            /* set by plan_fit where EIRP is unknown; NaN: none */
};

/* Make the plan. `radio->freq_hz` is moved to the nearest channel where the region has channels (a
 * warning says so), `radio->antenna` to the first antenna named.
 *   amplitude  of the carrier, full scale = 1
 *   err  ST_USAGE, ST_RANGE with detail: no region or frequency where one is needed, powers or times
 *        out of bounds, a radio that cannot hop; as calibration_read */
enum status plan_make(const struct plan_cfg *cfg, int region, double amplitude,
                      struct radio_cfg *radio, struct plan *plan) must_check;

/* The schedule at a sample rate; part of plan_fit.   pre  plan_make passed */
void plan_fit_rate(struct plan *plan, double rate_sps);

/* Fit the plan to the radio as opened, before it starts: rate, gains in force, first antenna; a
 * transmit gain beyond the cap of an uncalibrated radio is lowered.
 *   err  as plan_make; ST_UNSUPPORTED a real radio that does not tell its gains, ST_IO */
enum status plan_fit(struct plan *plan, struct radio *radio) must_check;

/* dBm of what the receiver calls 0 dBFS on this frequency; NaN: not calibrated. */
double plan_rx_dbm(const struct plan *plan, double freq_hz);

#endif
