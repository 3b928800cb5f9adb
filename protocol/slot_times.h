/* slot_times.h - how long the slots of an inventory last.                 layer: protocol
 * Source: Gen2 6.3.1.6, fact sheet 13.4. */
#ifndef PROTOCOL_SLOT_TIMES_H
#define PROTOCOL_SLOT_TIMES_H

#include "protocol/link.h"

struct slot_times { /* us; a slot opened by QueryRep, from command to command */
    double idle_us, collided_us, single_us;
    double query_us, adjust_us; /* what a Query, a QueryAdjust takes longer than a QueryRep */
};

/*   in  turnaround_us  from a reply's end to the next command, at least T2 min
 *       idle_us        from T1 max to the command after an empty slot, as far as T4 allows less
 * An EPC of 96 bits is reckoned with. */
struct slot_times slot_times_of(const struct link *link, double turnaround_us, double idle_us);

struct slot_end {      /* of an empty slot; us after the end of its command */
    double silence_us; /* a duration: last sample that tells to the next command */
    double watch_us;   /* samples before this tell whether a reply has begun */
    double next_us;    /* next command: SLOT_END_SYMBOLS after T1 max, no less than T4 */
};
#define SLOT_END_SYMBOLS 6.0   /* fact sheet 13.4: how long a reply is looked for after T1 max */
#define SLOT_WATCH_SYMBOLS 4.0 /* of these at least are heard before that is decided */

/*   in   silence_us  budget; NaN: what leaves SLOT_WATCH_SYMBOLS; no more than turnaround_us counts
 *   out  next_us is later than said above where the budget leaves less */
struct slot_end slot_end_of(const struct link *link, double silence_us, double turnaround_us);

/* Tags a slot at which least time is wasted for each read (fact sheet 10.4): rho* = 1 + W0((a - 1) / e), a = T_e / T_c > 0. */
double slot_times_load(double idle_to_collided_ratio);

#endif
