/* pie.h - pulse-interval encoding: command bits -> level transitions.          layer: dsp
 * Source: Gen2 6.3.1.2.3 (PIE), 6.3.1.2.8 (preamble, frame-sync); vectors tests/golden/gen2_pie/.
 *
 *   preamble    delimiter | data-0 | RTcal | TRcal | bits      (before Query)
 *   frame-sync  delimiter | data-0 | RTcal |         bits      (before every other command)
 *   a symbol is high for (length - PW), then low for PW; the delimiter is low throughout */
#ifndef DSP_PIE_H
#define DSP_PIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/limits.h"
#include "config/status.h"
#include "protocol/link.h"

enum { PIE_EDGES_MAX = 2 * (LIMIT_BITS + 4) };

struct pie_edges { /* even index: level falls; odd index: level rises; 50 % points */
    size_t n_edges;
    double us[PIE_EDGES_MAX]; /* after the first falling edge, ascending; us[0] = 0 */
};

/* Transitions of one command; the carrier is high before the first and after the last.
 *   in   bit[n_bits]  0 or 1, first on air first
 *   pre  0 < link->pw_us < link->data0_us < link->data1_us, delimiter_us > 0
 *   err  ST_FULL more than LIMIT_BITS bits, nothing written
 *   cost O(n_bits), no allocation */
enum status pie_encode(const struct link *link, const uint8_t *bit, size_t n_bits,
                       bool with_preamble, struct pie_edges *edges) must_check;

#endif
