/* scene_rows.h - the rows of radio.sim.* for places, antennas and devices; for air_options.c, which
 * has them all in one table.                                              layer: radio/air */
#ifndef RADIO_AIR_SCENE_ROWS_H
#define RADIO_AIR_SCENE_ROWS_H

#include "protocol/pathloss.h"
#include "radio/air/antenna.h"

#define GROUP_ROW(name_, field_, kind_, unit_, fallback_, min_, max_, meaning_)                    \
    {                                                                                              \
        .key = "radio.sim." name_, .kind = OPTION_##kind_, .unit = unit_, .fallback = fallback_,   \
        .min = min_, .max = max_, .offset = offsetof(struct air_cfg, field_), .meaning = meaning_  \
    }
#define CHOICE_ROW(name_, field_, fallback_, choices_, meaning_)                                   \
    {                                                                                              \
        .key = "radio.sim." name_, .kind = OPTION_CHOICE, .unit = "", .fallback = fallback_,       \
        .choices = choices_, .offset = offsetof(struct air_cfg, field_), .meaning = meaning_       \
    }
#define PLACE_ROW(name_, field_, fallback_, meaning_)                                              \
    GROUP_ROW(name_, field_, TEXT, "", fallback_, 0, 0, meaning_)

#define ANTENNA_ROWS(who, field, whose)                                                            \
    CHOICE_ROW(who "_pattern", field.pattern, "isotropic", ANTENNA_CHOICES, whose "; hall"),       \
        GROUP_ROW(who "_gain_dbi", field.gain_dbi, NUMBER, "dBi", "", -20, 60,                     \
                  "their gain where it is highest; not set: antenna_gain_dbi"),                    \
        GROUP_ROW(who "_beam_deg", field.beam_deg, NUMBER, "deg", "90", 0, 179,                    \
                  "their width at half power, sector only"),                                       \
        GROUP_ROW(who "_aim", field.aim, TEXT, "", "", 0, 0,                                       \
                  "their boresight (dipole: axis): azimuth,elevation in degrees; not set: down")

#define SCENE_ROWS                                                                                 \
    CHOICE_ROW("scene", scene.kind, "line", "line|hall",                                           \
               "line: tags by distance_*_m from everything, free space; hall: places in metres"),  \
        PLACE_ROW("hall_m", scene.hall_m, "120,60,10", "hall: length,width,height"),               \
        PLACE_ROW("tx_at", scene.tx_at, "",                                                        \
                  "hall: transmitter at x,y,z; several: blanks between"),                          \
        PLACE_ROW("rx_at", scene.rx_at, "",                                                        \
                  "hall: receivers; not set: beside the transmitters, leak_db then; elsewhere "    \
                  "the leak follows from the places"),                                             \
        PLACE_ROW("emitters_at", scene.emitters_at, "", "hall: emitter2 and emitter3"),            \
        PLACE_ROW("energy_at", scene.energy_at, "",                                                \
                  "hall: energy emitters, plain carriers, up to 8 places"),                        \
        GROUP_ROW("energy_dbm", scene.energy_dbm, NUMBER, "dBm", "20", -60, 60,                    \
                  "power of each energy emitter"),                                                 \
        GROUP_ROW("energy_offset_hz", scene.energy_offset_hz, NUMBER, "Hz", "20000", -50e6, 50e6,  \
                  "the first one's frequency relative to the transmitter's"),                      \
        GROUP_ROW("energy_step_hz", scene.energy_step_hz, NUMBER, "Hz", "5000", -10e6, 10e6,       \
                  "from one energy emitter to the next"),                                          \
        GROUP_ROW("energy_period_s", scene.energy_period_s, NUMBER, "s", "0", 0, 60,               \
                  "all of them are silent once in each period; 0: never"),                         \
        GROUP_ROW("energy_silent_s", scene.energy_silent_s, NUMBER, "s", "0.01", 0, 60,            \
                  "for so long"),                                                                  \
        GROUP_ROW("energy_silent_from_s", scene.energy_silent_from_s, NUMBER, "s", "0", -60, 60,   \
                  "from so long after the period's beginning on"),                                 \
        ANTENNA_ROWS("tx", scene.tx_antenna, "antennas of the transmitters"),                      \
        ANTENNA_ROWS("rx", scene.rx_antenna, "antennas of the receivers"),                         \
        ANTENNA_ROWS("emitter", scene.emitter_antenna, "antennas of all emitters"),                \
        GROUP_ROW("front_to_back_db", scene.front_to_back_db, NUMBER, "dB", "25", 0, 100,          \
                  "no direction of a pattern is weaker than its strongest by more"),               \
        GROUP_ROW("polarisation_loss_db", scene.polarisation_loss_db, NUMBER, "dB", "0", 0, 60,    \
                  "hall: mismatch between tag and antenna, on each way"),                          \
        GROUP_ROW("down_loss_db", scene.down_loss_db, NUMBER, "dB", "0", -60, 100,                 \
                  "hall: further losses on the way to a tag (cables, object, margins)"),           \
        GROUP_ROW("up_loss_db", scene.up_loss_db, NUMBER, "dB", "0", -60, 100,                     \
                  "hall: the same on the way back"),                                               \
        CHOICE_ROW("path", scene.path, "free_space", PATHLOSS_CHOICES,                             \
                   "hall: path loss; the inf_ models take their low or high form by each "         \
                   "antenna's height over the clutter"),                                           \
        GROUP_ROW("shadow", scene.shadow, BOOL, "", "false", 0, 0,                                 \
                  "hall: shadow fading, drawn with the model's sigma for each tag and place"),     \
        CHOICE_ROW("sight", scene.sight, "drawn", "drawn|clear|blocked",                           \
                   "hall: line of sight by the model's probability, always, never"),               \
        GROUP_ROW("clutter_height_m", scene.clutter_height_m, NUMBER, "m", "6", 0, 100,            \
                  "hall: height of the clutter"),                                                  \
        GROUP_ROW("clutter_size_m", scene.clutter_size_m, NUMBER, "m", "2", 0, 100,                \
                  "hall: its typical size"),                                                       \
        GROUP_ROW("clutter_ratio", scene.clutter_ratio, NUMBER, "", "0.6", 0, 0.999,               \
                  "hall: share of the floor it takes"),                                            \
        PLACE_ROW("tags_at", scene.tags_at, "",                                                    \
                  "hall: tags at x,y,z; blanks between; more tags begin again with the first"),    \
        PLACE_ROW("tags_circles", scene.tags_circles, "",                                          \
                  "hall: tags in circles x,y,radius, the same number in each"),                    \
        PLACE_ROW("tags_rectangle", scene.tags_rectangle, "",                                      \
                  "hall: tags in a rectangle x0,y0,x1,y1; nothing set: in the whole hall"),        \
        GROUP_ROW("tags_height_m", scene.tags_height_m, NUMBER, "m", "1.5", 0, 100,                \
                  "hall: height of tags in circles or rectangles")

#define DEVICE_ROWS                                                                                \
    GROUP_ROW("tag_command_dbm", device.command_dbm, NUMBER, "dBm", "", -120, 30,                  \
              "power at which a tag that runs tells commands; not set: whenever it runs"),         \
        GROUP_ROW("tag_amplifier_db", device.amplifier_db, NUMBER, "dB", "0", 0, 60,               \
                  "gain of a reflection amplifier"),                                               \
        GROUP_ROW("tag_carrier_dbm", device.carrier_dbm, NUMBER, "dBm", "", -90, 30,               \
                  "tags key a carrier of their own, of that power, instead of reflecting; "        \
                  "not set: they reflect"),                                                        \
        GROUP_ROW("tag_carrier_offset_hz", device.carrier_offset_hz, NUMBER, "Hz", "0", -1e6, 1e6, \
                  "its frequency relative to the transmitter's"),                                  \
        GROUP_ROW(                                                                                 \
            "tag_storage_uf", device.storage_uf, NUMBER, "uF", "0", 0, 1e6,                        \
            "storage capacitor of a tag; 0: none, it runs while the field is strong enough"),      \
        GROUP_ROW("tag_start_v", device.start_v, NUMBER, "V", "1.8", 0, 100,                       \
                  "with storage a tag starts at this voltage"),                                    \
        GROUP_ROW("tag_stop_v", device.stop_v, NUMBER, "V", "1.0", 0, 100,                         \
                  "and browns out below this one"),                                                \
        GROUP_ROW("tag_full_v", device.full_v, NUMBER, "V", "2.4", 0, 100,                         \
                  "the storage takes no more than that"),                                          \
        GROUP_ROW("tag_efficiency", device.efficiency_ratio, NUMBER, "", "0.3", 0, 1,              \
                  "share of the power at a tag that gets into its storage, from "                  \
                  "tag_sensitivity_dbm on"),                                                       \
        GROUP_ROW("tag_load_uw", device.load_uw, NUMBER, "uW", "1", 0, 1e6,                        \
                  "what a tag that runs draws from its storage"),                                  \
        GROUP_ROW("tag_leak_uw", device.leak_uw, NUMBER, "uW", "0", 0, 1e6,                        \
                  "what the storage always loses"),                                                \
        GROUP_ROW("tag_charge_ratio", device.charge_ratio, NUMBER, "", "0", 0, 1,                  \
                  "energy in the storage at the start, of a full one's")

#endif
