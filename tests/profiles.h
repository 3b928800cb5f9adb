/* profiles.h - the three links that throughput is told for.                layer: tests
 * Source: gen2.md 13 (A, B, C), durations of its second table (T2 = 8 Tpri, at least 20 us). */
#ifndef TESTS_PROFILES_H
#define TESTS_PROFILES_H

#include <math.h>

#include "protocol/link.h"
#include "protocol/slot_times.h"

enum { PROFILES = 3 };

struct profile {
    const char *name;
    struct link_cfg link;
    double idle_us;      /* window after T1 max */
    double times_us[3];  /* idle, collided, single */
    const char *options; /* the same for the program, turnaround included */
};

static const struct profile profiles[PROFILES] = {
    {"A",
     {25.0, 2.0, 0.5, 40e3, 0, LINK_FM0, false},
     150.0,
     {624.5, 1237.5, 5800.0},
     "--timing.turnaround_us 200"},
    {"B",
     {6.25, 1.5, 0.5, 640e3, 0, LINK_FM0, false},
     9.375,
     {90.62, 130.94, 546.25},
     "--timing.turnaround_us 20 --link.tari_us 6.25 --link.data1_tari 1.5 --link.blf_hz 640k"},
    {"C",
     {12.5, 2.0, 0.5, 250e3, 0, LINK_M4, false},
     96.0,
     {254.5, 616.5, 3287.5},
     "--timing.turnaround_us 32 --link.tari_us 12.5 --link.m miller4 --link.blf_hz 250k"},
};

static inline struct slot_times profile_times(const struct profile *profile,
                                              const struct link *link)
{
    return slot_times_of(link, fmax(8.0 * link->tpri_us, 20.0), profile->idle_us);
}

#endif
