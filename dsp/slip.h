/* slip.h - the receiver's clock against the transmitter's, told by our own commands' edges in the leak:
 * two radios without a common reference start apart and slide against each other.     layer: dsp
 *     receive tick = transmit tick + offset + clock_ratio (transmit tick - reference)
 * The first command is searched for over the whole spread; later ones correct offset and rate (Kalman
 * filter). Magnitudes alone are looked at, so a carrier that turns does not matter. The outcome does
 * not depend on how the samples are cut into calls. */
#ifndef DSP_SLIP_H
#define DSP_SLIP_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "dsp/pie.h"

struct slip_cfg {
    double rate_sps;
    double spread_us; /* the receiver's tick 0 lies within +- this of the transmitter's */
};

enum { SLIP_COMMAND_MAX_US = 4000 }; /* edges of a longer command beyond this are not looked at */

struct slip;

/*   pre spread_us 1 .. 1e5    err ST_NO_MEMORY */
enum status slip_new(const struct slip_cfg *cfg, struct slip **slip) must_check;
void slip_free(struct slip **slip);

/* The next command to be heard; one still expected is given up.
 *   in   start_tick  its first falling edge, transmit ticks; edges after that; pw_us its low pulses
 *        after_us    with lock: slip_push is over this long after the last edge at most
 *   pre  without lock: no other command within twice the spread */
void slip_expect(struct slip *slip, double start_tick, const struct pie_edges *edges, double pw_us,
                 double after_us);

/* Consecutive samples of one channel from receive tick first_tick on; a gap gives the command up.
 *   out  true: the command expected is over, found or not. Call again with the next samples.
 *   cost one magnitude a sample while a command is expected, else nothing */
bool slip_push(struct slip *slip, const float _Complex *sample, size_t n_samples,
               int64_t first_tick);

/* The command has been found: ticks can be told. Lost again after many commands in a row that were
 * not. */
bool slip_is_locked(const struct slip *slip);

double slip_rx_tick(const struct slip *slip, double tx_tick);
double slip_tx_tick(const struct slip *slip, double rx_tick);

/* What is known from elsewhere: a leak turning at -f clock_ratio where carrier and sample clock share
 * a reference. Taken once, soon after the lock, and with caution: later edges outvote it. */
void slip_hint(struct slip *slip, double clock_ratio);

struct slip_state {
    double start_ticks; /* receive tick at transmit tick 0, by the present rate */
    double clock_ratio; /* receiver's clock fast by so much */
    double sigma_ticks; /* of the mapping at the last command */
    double sigma_ratio;
    uint64_t n_found, n_missed;
};
void slip_read(const struct slip *slip, struct slip_state *state);

#endif
