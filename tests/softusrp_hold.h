/* softusrp_hold.h - packets on their way that are held up: a bounded queue, first in first out.
 *                                                                              layer: tests */
#ifndef TESTS_SOFTUSRP_HOLD_H
#define TESTS_SOFTUSRP_HOLD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/softusrp_chdr.h"

#define HOLD_PACKETS 1024 /* 50 ms of 100-sample packets at 2 MS/s */

struct hold_packet {
    double due_s;
    struct sockaddr_in address; /* where it goes, or where it came from */
    size_t n_bytes;
    uint64_t word[CHDR_WORDS_MAX];
};

struct hold {
    struct hold_packet *packet; /* HOLD_PACKETS of them */
    size_t first, n;
    uint64_t n_lost; /* no room */
};

bool hold_init(struct hold *hold); /* false: no memory */
void hold_fini(struct hold *hold);
void hold_clear(struct hold *hold);

void hold_put(struct hold *hold, const uint64_t *word, size_t n_bytes,
              const struct sockaddr_in *address, double due_s);

/* The oldest when it is due at now_s, else NULL.   own  borrowed until the next hold_put */
const struct hold_packet *hold_take(struct hold *hold, double now_s);

#endif
