/* softusrp_fault.h - what goes wrong on purpose: a schedule on the device clock, counted.
 *                                                                              layer: tests
 * Text form: KIND[@SECONDS][,n=COUNT][,ms=MILLISECONDS][,for=SECONDS][,every=SECONDS][,back=SECONDS]
 * SECONDS of device time since the device's first stream began; without @ in force from the
 * start of the program. n: so many packets or events, 0 for all while it lasts. */
#ifndef TESTS_SOFTUSRP_FAULT_H
#define TESTS_SOFTUSRP_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum fault_kind {
    FAULT_DROP_RX, /* packets device to host */
    FAULT_DELAY_RX,
    FAULT_REORDER_RX,
    FAULT_DROP_TX, /* packets host to device */
    FAULT_DELAY_TX,
    FAULT_REORDER_TX,
    FAULT_OVERFLOW,     /* of the receive FIFO */
    FAULT_UNDERFLOW,    /* of the transmit FIFO inside a burst */
    FAULT_LATE,         /* a burst that comes in time is called late */
    FAULT_DIE,          /* answers nothing any more; `back`: starts anew after so long */
    FAULT_RESET,        /* forgets everything, connections included */
    FAULT_SLOW_CONTROL, /* every answer on control and management waits `ms` */
    FAULT_NO_REFERENCE, /* sensor ref_locked is false with an external clock source */
    FAULT_KINDS
};

#define FAULTS_MAX 16

struct fault {
    enum fault_kind kind;
    double at_s; /* NaN: from the start of the program */
    double delay_s, for_s, every_s, back_s;
    int64_t n, n_left; /* n 0: all */
};

struct fault_set {
    struct fault fault[FAULTS_MAX];
    size_t n_faults;
    double start_s; /* device time of the first stream; NaN: none yet */
    uint64_t n_injected[FAULT_KINDS];
    double last_s[FAULT_KINDS]; /* device time */
};

const char *fault_name(enum fault_kind kind);

/*   err  ST_USAGE with detail: unknown kind or key, a number out of range, too many */
enum status fault_parse(const char *text, struct fault *fault) must_check;
enum status fault_set_add(struct fault_set *set, const struct fault *fault) must_check;

/* The device's first stream begins now, if it is the first. */
void fault_set_start(struct fault_set *set, double now_s);

/* Is this packet or event hit? Counts it.   ret  the fault that hits, NULL: none */
const struct fault *fault_hit(struct fault_set *set, enum fault_kind kind, double now_s);

#endif
