/* pie_demod.h - reader commands out of a recording: envelope -> edges -> PIE bits, nothing known
 * beforehand but the standard's ranges.                                        layer: dsp
 * Source: Gen2 6.3.1.2.3-.8. Works on the magnitude, so magnitude-only recordings do too. */
#ifndef DSP_PIE_DEMOD_H
#define DSP_PIE_DEMOD_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "protocol/bits.h"

struct pie_frame {
    double start_tick;  /* first falling edge of the delimiter, 50 % crossing, interpolated */
    double end_tick;    /* last rising edge, 50 % crossing: T1 counts from here */
    int64_t known_tick; /* the frame was known to have ended once this tick was in */
    double tari_us, rtcal_us, pw_us, delimiter_us;
    double trcal_us; /* 0 without preamble */
    bool with_preamble;
    double depth_ratio;   /* (A-B)/A */
    double carrier_level; /* A, full scale = 1 */
    struct bitbuf bits;
};

struct pie_demod;

/*   pre  rate_sps 4e5 .. 100e6   err ST_NO_MEMORY */
enum status pie_demod_new(double rate_sps, struct pie_demod **demod) must_check;
void pie_demod_free(struct pie_demod **demod);
void pie_demod_reset(struct pie_demod *demod, int64_t next_tick);

/* Push samples for the ticks that follow the last pushed ones; stops at the first finished frame.
 * Frames of fewer than 4 bits (QueryRep is the shortest command) are dropped.
 *   out  returns samples consumed (all of them when *found is false); frame is filled when *found
 *   cost O(n_samples), no allocation; the common case (carrier only) at least 200 MS/s */
size_t pie_demod_push(struct pie_demod *demod, const float _Complex *sample, size_t n_samples,
                      struct pie_frame *frame, bool *found);

/* End of the recording: finish a frame whose last rising edge was seen.  out true when found */
bool pie_demod_finish(struct pie_demod *demod, struct pie_frame *frame);

#endif
