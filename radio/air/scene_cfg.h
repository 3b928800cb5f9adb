/* scene_cfg.h - what can be told of places, antennas and devices: part of struct air_cfg; the rows
 * are in scene_rows.h.                                                    layer: radio/air
 * All zero (text empty, the doubles said to be NaN set to NaN) is: none of it. */
#ifndef RADIO_AIR_SCENE_CFG_H
#define RADIO_AIR_SCENE_CFG_H

#include <stdbool.h>

#include "config/limits.h"

#define AIR_ENERGY_MAX 8 /* energy emitters of a hall, beside the emitters */

enum scene_kind { SCENE_LINE = 0, SCENE_HALL };
enum scene_sight { SCENE_SIGHT_DRAWN = 0, SCENE_SIGHT_CLEAR, SCENE_SIGHT_BLOCKED };

struct scene_antenna_cfg {
    int pattern;          /* enum antenna_pattern */
    double gain_dbi;      /* NaN: antenna_gain_dbi */
    double beam_deg;      /* sector */
    char aim[LIMIT_TEXT]; /* "azimuth,elevation" in degrees; "": straight down */
};

struct scene_cfg {           /* all but `kind` need SCENE_HALL */
    int kind;                /* enum scene_kind */
    char hall_m[LIMIT_TEXT]; /* "length,width,height" */
    /* x,y,z; where more are needed than given the last one serves again */
    char tx_at[LIMIT_TEXT];
    char rx_at[LIMIT_TEXT]; /* "": beside the transmitters */
    char emitters_at[LIMIT_TEXT];
    char energy_at[LIMIT_TEXT];              /* as many emitters as places */
    double energy_dbm;                       /* power of each */
    double energy_offset_hz, energy_step_hz; /* of the first; from one to the next */
    double energy_period_s, energy_silent_s, energy_silent_from_s; /* as emitter2_* */
    struct scene_antenna_cfg tx_antenna, rx_antenna, emitter_antenna;
    double front_to_back_db;
    /* of each way, one-way */
    double polarisation_loss_db, down_loss_db, up_loss_db;
    int path; /* enum pathloss_model */
    bool shadow;
    int sight; /* enum scene_sight */
    double clutter_height_m, clutter_size_m, clutter_ratio;
    char tags_at[LIMIT_TEXT];        /* x,y,z each; one of the three, "": the next */
    char tags_circles[LIMIT_TEXT];   /* x,y,radius */
    char tags_rectangle[LIMIT_TEXT]; /* x0,y0,x1,y1; "": the whole hall */
    double tags_height_m;            /* of circles and rectangle */
};

struct tag_device_cfg {
    double command_dbm;       /* power at which it tells commands; NaN: whenever it runs */
    double amplifier_db;      /* gain of the reflection */
    double carrier_dbm;       /* its own carrier, keyed on and off; NaN: it reflects */
    double carrier_offset_hz; /* of that, relative to the transmitters' */
    /* storage; storage_uf 0: none, it runs while the field is above its sensitivity */
    double storage_uf;
    double start_v, stop_v, full_v; /* starts at, browns out below, takes no more */
    double efficiency_ratio;        /* of the power at the chip, into the storage */
    double load_uw, leak_uw;        /* drawn while it runs; always */
    double charge_ratio;            /* energy at the start, of full */
};

#endif
