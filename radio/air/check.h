/* check.h - what a cfg of the simulated air must fulfil.                layer: radio/air */
#ifndef RADIO_AIR_CHECK_H
#define RADIO_AIR_CHECK_H

#include "config/status.h"
#include "radio/air/air.h"

/*   err  ST_RANGE, detail names the key, its value and what is accepted */
enum status check_cfg(const struct air_cfg *cfg, double rate_sps, double freq_hz, unsigned n_tx,
                      unsigned n_rx) must_check;

#endif
