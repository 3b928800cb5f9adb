/* region.h - bands a transmitter may use, by region: channels, times, powers.  layer: reader
 * Source: fact sheet section 14; the clauses stand in the table (region.c). The table holds the channels
 * that may be used without listening before talking; those that want it (Japan below 1 W, ETSI
 * outside the high-power channels) are not in it, and a frequency is moved to the nearest that is. */
#ifndef READER_REGION_H
#define READER_REGION_H

#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"

/* Choice list of radio.region, in the table's order. */
#define REGION_CHOICES "none|fcc|etsi|etsi-upper|china|japan|lab"

struct region_plan {
    const char *name;
    double lo_hz, hi_hz;      /* carrier frequencies accepted */
    const char *rule;         /* where the band comes from */
    double first_hz, step_hz; /* of the channels' centres */
    size_t n_channels;        /* 0: any frequency of the band */
    bool must_hop;
    double dwell_max_s;        /* on one channel at most so long ... */
    double window_s;           /* ... in any stretch of this length; 0: ... at a time */
    double off_s;              /* silence after dwell_max_s, unless the channel changes */
    const char *time_rule;     /* clause */
    double eirp_max_dbm;       /* NaN: no limit */
    double conducted_max_dbm;  /* into the antenna; NaN: no limit */
    const char *power_rule;    /* clause */
    double fixed_eirp_max_dbm; /* where hopping is due and switched off; NaN elsewhere */
    const char *fixed_rule;    /* clause */
};

/* A row of the table.   pre index within REGION_CHOICES   own static */
const struct region_plan *region_plan_of(int region);

/* Centre of a channel.   pre index < plan->n_channels */
double region_channel_hz(const struct region_plan *plan, size_t index);
/* Index of the channel nearest to a frequency.   pre plan->n_channels > 0, freq_hz finite */
size_t region_nearest_channel(const struct region_plan *plan, double freq_hz);

/* Accept a carrier frequency.   pre index within REGION_CHOICES
 *   err ST_USAGE no region or frequency given, or outside the band: detail names the band */
enum status region_check(int region, double freq_hz) must_check;

#endif
