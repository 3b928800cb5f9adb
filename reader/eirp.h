/* eirp.h - what leaves the antenna, and whether a region allows it.           layer: reader
 *     eirp = dBm of a full-scale carrier at the connector + 20 log10(amplitude) - cable + antenna */
#ifndef READER_EIRP_H
#define READER_EIRP_H

#include <stdbool.h>

#include "config/status.h"
#include "reader/region.h"

struct eirp {
    double freq_hz, tx_gain_db; /* where the table was asked */
    double full_scale_dbm;      /* what it said; NaN: unknown */
    double amplitude;           /* of the carrier, full scale = 1 */
    double cable_loss_db;       /* negative: an amplifier */
    double antenna_gain_dbi;    /* NaN: not told */
};

/* Power into the antenna, and EIRP; NaN: unknown. */
double eirp_conducted_dbm(const struct eirp *eirp);
double eirp_dbm(const struct eirp *eirp);

/* Is it within the plan's limits? `fixed`: the carrier does not hop. What is unknown passes, unless a
 * fixed carrier has limits of its own: those need a known figure.
 *   err  ST_USAGE: detail gives the sum, the limit with its clause, and what to lower by how much */
enum status eirp_check(const struct eirp *eirp, const struct region_plan *plan,
                       bool fixed) must_check;

#endif
