/* softusrp_clock.h - device clocks against the air's: device 0's ticks are the air's.   layer: tests
 * A device tick is a sample of that device; the time the host reads is ticks plus an offset. */
#ifndef TESTS_SOFTUSRP_CLOCK_H
#define TESTS_SOFTUSRP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct device_clock {
    int64_t air_anchor;
    double tick_anchor; /* device tick at that air tick */
    double ratio;       /* device ticks an air tick */
    bool is_air;        /* the same ticks: nothing to interpolate */
};

static inline double clock_tick_at(const struct device_clock *clock, double air_tick)
{
    return clock->tick_anchor + (air_tick - (double)clock->air_anchor) * clock->ratio;
}

static inline double clock_air_at(const struct device_clock *clock, double tick)
{
    return (double)clock->air_anchor + (tick - clock->tick_anchor) / clock->ratio;
}

/* From air_tick on the device runs at another ratio. */
static inline void clock_set_ratio(struct device_clock *clock, int64_t air_tick, double ratio)
{
    clock->tick_anchor = clock_tick_at(clock, (double)air_tick);
    clock->air_anchor = air_tick;
    clock->ratio = ratio;
}

#endif
