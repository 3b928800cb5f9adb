/* equipment.h - what the options say that every tag has: memory, passwords, locks, key.
 *                                                                     layer: radio/air */
#ifndef RADIO_AIR_EQUIPMENT_H
#define RADIO_AIR_EQUIPMENT_H

#include <stddef.h>

#include "config/status.h"
#include "radio/air/air.h"
#include "radio/air/tag.h"

/*   err  ST_FORMAT a text that is not hex of the right length; ST_RANGE locks that no maker could
 *        set (the TID is locked for ever) */
enum status equipment_read(const struct air_cfg *cfg, struct tag_equipment *equipment) must_check;

/* Tag `index` of the population: does it have the key the cfg names? If not it gets another. */
bool equipment_draw_key(const struct air_cfg *cfg, size_t index, struct tag_equipment *equipment);

/* Does it repeat an old answer? */
bool equipment_draw_replay(const struct air_cfg *cfg, size_t index);

#endif
