/* radio_uhd_clock.c - the device clock as a line over the host clock: its height from the earliest
 * arrivals of the last 20..40 ms, its slope from those of the last 10..20 s. */
#include "radio/radio_uhd_clock.h"

#include <math.h>
#include <stdatomic.h>

#include "config/require.h"

#define BUCKET_NS 20000000
#define BUCKET_SLOWED_NS 5000000 /* a clock that is slowed may also be held up */
#define SLOWED_RATIO 0.02        /* two clocks of one second differ by much less */
/* A slope is believed over this baseline. Real clocks start as equal, which is better than anything
 * measured sooner; a slowed one starts from a measurement of a few per mille. */
#define BASELINE_NS 5000000000
#define BASELINE_SLOWED_NS 200000000
#define ANCHOR_AGE_NS 10000000000

static double height(const struct uhd_clock *clock, const struct uhd_clock_mark *mark,
                     int64_t host_ns)
{
    return (double)mark->tick + (double)(host_ns - mark->host_ns) * clock->ticks_per_ns;
}

static void publish(struct uhd_clock *clock)
{
    const int64_t at_ns = clock->best[0].host_ns;
    const struct uhd_clock_mark *mark =
        height(clock, &clock->best[1], at_ns) > height(clock, &clock->best[0], at_ns)
            ? &clock->best[1]
            : &clock->best[0];
    const uint64_t n = atomic_load_explicit(&clock->n_published, memory_order_relaxed) + 1;
    atomic_store_explicit(&clock->slot[n & 1].host_ns, mark->host_ns, memory_order_release);
    atomic_store_explicit(&clock->slot[n & 1].tick, mark->tick, memory_order_release);
    atomic_store_explicit(&clock->slot[n & 1].ticks_per_ns, clock->ticks_per_ns,
                          memory_order_release);
    atomic_store_explicit(&clock->n_published, n, memory_order_release);
}

void uhd_clock_start(struct uhd_clock *clock, double rate_sps, int64_t host_ns, int64_t tick,
                     double speed_ratio, double speed_error_ratio)
{
    require(rate_sps > 0);
    require(speed_ratio > 0);
    clock->slowed = fabs(speed_ratio - 1.0) > SLOWED_RATIO + speed_error_ratio;
    clock->ticks_per_ns = rate_sps * 1e-9 * (clock->slowed ? speed_ratio : 1.0);
    const struct uhd_clock_mark mark = {.host_ns = host_ns, .tick = tick};
    clock->best[0] = clock->best[1] = clock->anchor = mark;
    clock->has_middle = false;
    clock->bucket_end_ns = host_ns + (clock->slowed ? BUCKET_SLOWED_NS : BUCKET_NS);
    publish(clock);
}

static void slope_measure(struct uhd_clock *clock, const struct uhd_clock_mark *mark)
{
    const int64_t age_ns = mark->host_ns - clock->anchor.host_ns;
    if (age_ns < (clock->slowed ? BASELINE_SLOWED_NS : BASELINE_NS)) {
        return;
    }
    clock->ticks_per_ns = (double)(mark->tick - clock->anchor.tick) / (double)age_ns;
    if (age_ns >= ANCHOR_AGE_NS && !clock->has_middle) {
        clock->middle = *mark;
        clock->has_middle = true;
    } else if (age_ns >= 2 * ANCHOR_AGE_NS) {
        clock->anchor = clock->middle;
        clock->has_middle = false;
    }
}

void uhd_clock_see(struct uhd_clock *clock, int64_t host_ns, int64_t tick)
{
    const struct uhd_clock_mark mark = {.host_ns = host_ns, .tick = tick};
    if (host_ns >= clock->bucket_end_ns) {
        slope_measure(clock, &clock->best[0]);
        clock->best[1] = clock->best[0];
        clock->best[0] = mark;
        clock->bucket_end_ns = host_ns + (clock->slowed ? BUCKET_SLOWED_NS : BUCKET_NS);
        publish(clock);
    } else if ((double)tick > height(clock, &clock->best[0], host_ns)) {
        clock->best[0] = mark;
        publish(clock);
    }
}

int64_t uhd_clock_now(const struct uhd_clock *clock, int64_t host_ns)
{
    uint64_t n = atomic_load_explicit(&clock->n_published, memory_order_acquire);
    for (;;) {
        const int64_t at_ns =
            atomic_load_explicit(&clock->slot[n & 1].host_ns, memory_order_acquire);
        const int64_t tick = atomic_load_explicit(&clock->slot[n & 1].tick, memory_order_acquire);
        const double ticks_per_ns =
            atomic_load_explicit(&clock->slot[n & 1].ticks_per_ns, memory_order_acquire);
        const uint64_t after = atomic_load_explicit(&clock->n_published, memory_order_acquire);
        if (after == n) {
            return tick + (int64_t)floor((double)(host_ns - at_ns) * ticks_per_ns);
        }
        n = after; /* the other slot may be half written by now; the writer goes on, so this ends */
    }
}

int64_t uhd_clock_host_ns(const struct uhd_clock *clock, int64_t n_ticks)
{
    const uint64_t n = atomic_load_explicit(&clock->n_published, memory_order_acquire);
    const double ticks_per_ns =
        atomic_load_explicit(&clock->slot[n & 1].ticks_per_ns, memory_order_relaxed);
    return (int64_t)((double)n_ticks / ticks_per_ns);
}
