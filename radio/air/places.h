/* places.h - places written as text: "x,y,z x,y,z ...", metres.           layer: radio/air */
#ifndef RADIO_AIR_PLACES_H
#define RADIO_AIR_PLACES_H

#include <stddef.h>

#include "config/status.h"

#define PLACES_MAX 64       /* more groups than an option's text has room for */
#define PLACES_VALUES_MAX 4 /* of a group */

struct places {
    size_t n;
    double value[PLACES_MAX][PLACES_VALUES_MAX];
};

/* Read groups of n_values numbers: commas within a group, blanks or semicolons between groups.
 *   in   shape  what a group is, for the message: "x,y,z in metres"
 *   out  places  n = 0 for an empty text
 *   pre  1 <= n_values <= PLACES_VALUES_MAX; n_max <= PLACES_MAX
 *   err  ST_FORMAT: detail names the key radio.sim.<key>, the text and what is accepted */
enum status places_read(const char *key, const char *text, unsigned n_values, const char *shape,
                        size_t n_max, struct places *places) must_check;

#endif
