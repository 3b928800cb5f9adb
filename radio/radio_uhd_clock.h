/* radio_uhd_clock.h - what time it is on a device, told by what has been heard of it.  layer: radio
 * Arithmetic only: no UHD, no system clock. One thread sees, any thread asks. */
#ifndef RADIO_RADIO_UHD_CLOCK_H
#define RADIO_RADIO_UHD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct uhd_clock_mark { /* by host_ns the device had passed tick */
    int64_t host_ns, tick;
};

struct uhd_clock {
    /* the seeing thread's own */
    double ticks_per_ns;
    bool slowed;                          /* the device does not run at the host's speed */
    struct uhd_clock_mark best[2];        /* of this bucket, of the one before */
    struct uhd_clock_mark anchor, middle; /* the slope is measured from the anchor on */
    bool has_middle;
    int64_t bucket_end_ns;
    /* for those who ask: the slot n_published & 1 is in force */
    struct {
        _Atomic int64_t host_ns, tick;
        _Atomic double ticks_per_ns;
    } slot[2];
    _Atomic uint64_t n_published;
};

/* The device was at `tick` when the host clock showed host_ns.
 *   in   rate_sps > 0
 *        speed_ratio   device seconds per host second; away from 1 by more than 2 % and by more
 *                      than speed_error_ratio, its own uncertainty, the device counts as slowed */
void uhd_clock_start(struct uhd_clock *clock, double rate_sps, int64_t host_ns, int64_t tick,
                     double speed_ratio, double speed_error_ratio);

/* By host_ns something that happened on the device at `tick` had arrived here: the earliest arrivals
 * tell best.   pre one thread; host_ns never falls    cost O(1) */
void uhd_clock_see(struct uhd_clock *clock, int64_t host_ns, int64_t tick);

/* The device's tick at host_ns: never ahead of it by more than the two clocks drift in 40 ms. */
int64_t uhd_clock_now(const struct uhd_clock *clock, int64_t host_ns);

/* Host nanoseconds that n_ticks take. */
int64_t uhd_clock_host_ns(const struct uhd_clock *clock, int64_t n_ticks);

#endif
