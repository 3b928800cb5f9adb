/* coverage.h - which devices of a hall are fed, commanded and heard, and how fast those are identified by
 * readers that share time; one random drop at a time.                      layer: protocol
 * Source: A-IoT coverage contribution, fact sheet aiot.md 9, linkbudget.md 3; slot durations gen2.md 13.4. */
#ifndef PROTOCOL_COVERAGE_H
#define PROTOCOL_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/hall.h"
#include "protocol/inventory.h"
#include "protocol/slot_field.h"

enum coverage_leg {
    COVERAGE_HARVEST = 0, /* carrier to device: enough power to run */
    COVERAGE_COMMAND,     /* reader to device (R2D) */
    COVERAGE_REPLY,       /* device to reader (D2R) */
    COVERAGE_ALL,         /* all three by the same reader */
    COVERAGE_LEGS
};

enum coverage_carrier {                    /* where the carrier comes from that a device reflects */
                        COVERAGE_SAME = 0, /* from the reader that listens: monostatic (A2) */
                        COVERAGE_OTHER,   /* from another reader of the hall, the best heard (A1) */
                        COVERAGE_OUTSIDE, /* from a node at a given loss (B) */
                        COVERAGE_DEVICE,  /* from the device itself (C) */
};

/* What each leg bears. A loss is what the path takes, shadow included; all gains and other losses are in these. */
struct coverage_budget {
    enum coverage_carrier carrier;
    double
        carrier_loss_db; /* COVERAGE_OUTSIDE: of the path from there, the same for every device */
    double harvest_loss_max_db; /* INFINITY: needs no power from the air */
    double command_loss_max_db;
    double
        reply_loss_max_db; /* carrier to device and device to reader together; COVERAGE_DEVICE: the latter only;
                               * at this loss one reply in ten is lost */
    double decade_db; /* by so much less loss one in a hundred */
};

struct coverage_sharing { /* readers transmit one at a time, in turn */
    double unit_s;        /* each so long; no slot is begun that might outlast it */
    double time_max_s;    /* devices not identified by then are not */
    const struct inventory_cfg *inventory; /* times as the policy sees them are in it */
    const struct link *link;
};

enum { COVERAGE_MARGIN_BINS = 121, COVERAGE_CURVE_POINTS = 100 };
#define COVERAGE_MARGIN_LEAST_DB                                                                   \
    (-60.0) /* bins of 1 dB from here on; the outer ones hold what is beyond */

struct coverage_tally { /* sums over drops: whole numbers, so that their order does not matter */
    uint64_t n_drops, n_devices, n_covered[COVERAGE_LEGS];
    uint64_t margin[COVERAGE_LEGS][COVERAGE_MARGIN_BINS]; /* of the best reader, devices */
    uint64_t n_deaf_replies; /* hear commands of a reader that does not hear them */
    size_t n_x, n_y;
    uint32_t *cell_devices;                /* [n_x * n_y] */
    uint32_t *cell_covered[COVERAGE_LEGS]; /* [n_x * n_y] */
};

struct coverage_drop { /* one drop's own figures */
    uint64_t n_devices, n_covered[COVERAGE_LEGS];
    uint64_t n_identified;
    double last_s; /* when the last one was identified */
    double curve_s
        [COVERAGE_CURVE_POINTS]; /* when 1 %, 2 % .. 100 % of those covered were; NaN: never */
    uint64_t n_slots;
    double busy_s; /* time that was used for slots */
};

struct coverage; /* workspace for one hall: one a thread */

/*   in  cell_m  side of the map's cells   err ST_NO_MEMORY; ST_RANGE cells beyond 1e6 */
enum status coverage_new(const struct hall *hall, const struct coverage_budget *budget,
                         double cell_m, struct coverage **coverage) must_check;
void coverage_free(struct coverage **coverage);

/* One drop: the same for the same seed and index, whatever was done before.
 *   in   sharing  NULL: nobody is identified
 *   out  drop; the coverage's tally goes on */
void coverage_run(struct coverage *coverage, uint64_t seed, uint64_t index,
                  const struct coverage_sharing *sharing, struct coverage_drop *drop);

const struct coverage_tally *coverage_tally(const struct coverage *coverage);
/* Add another workspace's tally.   pre the same hall and cells */
void coverage_add(struct coverage *coverage, const struct coverage *other);

/* Chance that a reply is lost that arrives margin_db above what one in ten is lost at. */
double coverage_loss_chance(const struct coverage_budget *budget, double margin_db);

#endif
