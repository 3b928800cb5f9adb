/* region.h - bands a transmitter may use, by region.                         layer: reader
 * Source: fact sheet section 14 (FCC 15.247, ETSI EN 302 208, CEPT 70-03 annex 11, national rules). */
#ifndef READER_REGION_H
#define READER_REGION_H

#include "config/status.h"

/* Choice list of radio.region, in the table's order. */
#define REGION_CHOICES "none|fcc|etsi|etsi-upper|china|japan|lab"

/* Accept a carrier frequency.   pre index within REGION_CHOICES
 *   err ST_USAGE no region or frequency given, or outside the band: detail names the band */
enum status region_check(int region, double freq_hz) must_check;

#endif
