/* detector.h - envelope detectors of a group of tags that see the same envelope up to a factor.
 *                                                                     layer: radio/air
 * With one transmitter all tags form one group; with several each tag is a group of its own. A tag
 * decides high or low at a share of the group's tracked high level, with hysteresis; power comes
 * and goes at levels of its own. Samples at which no member can change are passed over fast. */
#ifndef RADIO_AIR_DETECTOR_H
#define RADIO_AIR_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETECTOR_NEVER INT64_MAX

struct detector_member {         /* per tag */
    float low_ratio, high_ratio; /* of the peak: falls below, rises to */
    float on_level, off_level;   /* envelope that wakes the tag; that no longer feeds it */
    bool is_powered, is_high;
    int64_t hold_tick; /* the hold capacitor is empty then; DETECTOR_NEVER: it is being fed */
};

enum detector_event { DETECTOR_POWER_UP, DETECTOR_POWER_DOWN, DETECTOR_FALL, DETECTOR_RISE };

/* Called for each change, in order of samples; `tick` with fraction for edges. */
typedef void detector_sink(void *context, size_t member, enum detector_event event, double tick);

struct detector {
    struct detector_member *members; /* borrowed from the owner */
    size_t n_members;
    int64_t hold_ticks, relearn_ticks;
    float last;               /* envelope at the last sample */
    float peak;               /* tracked high level */
    float peak_of_high;       /* highest since the group's last rise */
    float pass_min, pass_max; /* no member changes while the envelope stays here */
    bool is_high;
    int64_t wake_tick; /* something is due then even if the envelope stays still */
    int64_t relearn_tick;
};

/*   pre  members filled in but for is_powered, is_high and hold_tick */
void detector_init(struct detector *detector, struct detector_member *members, size_t n_members,
                   int64_t hold_ticks, int64_t relearn_ticks);

/* Let the envelope pass: envelope[k] >= 0 and finite at tick first_tick + k.
 *   cost O(n_samples), plus O(n_members) for each sample at which a member may change */
void detector_run(struct detector *detector, const float *envelope, size_t n_samples,
                  int64_t first_tick, detector_sink *sink, void *context);

/* A member that does not live on the envelope (on_level FLT_MAX, off_level below 0) gets or loses its
 * power at `tick`, the one after the last that has passed.
 *   pre  it is the other way so far */
void detector_feed(struct detector *detector, size_t index, bool is_fed, int64_t tick,
                   detector_sink *sink, void *context);

#endif
