/* watchlist.h - tags that ought to be there: when each was seen last, who is missed, who is back.
 *                                                                            layer: reader */
#ifndef READER_WATCHLIST_H
#define READER_WATCHLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "protocol/inventory.h"

enum { WATCHLIST_MAX = INVENTORY_MASKS_MAX };

struct watchlist_entry {
    struct inventory_mask mask; /* of the EPC bank, at an EPC's first bit */
    bool is_prefix;             /* any EPC that begins so; else an EPC of just these bits */
};

struct watchlist_cfg {
    size_t n_entries; /* 0: nobody is watched */
    struct watchlist_entry entry[WATCHLIST_MAX];
    double missed_s; /* > 0 */
};

/* EPCs and EPC* , separated by commas, blanks or line ends; "#" begins a comment.
 *   in, out  cfg: entries are appended, one that is there already is not
 *   err      ST_USAGE malformed, or more than WATCHLIST_MAX; the detail begins with `where` */
enum status watchlist_parse(const char *text, const char *where,
                            struct watchlist_cfg *cfg) must_check;

struct watchlist { /* embedded; fields private */
    struct watchlist_cfg cfg;
    double seen_s[WATCHLIST_MAX]; /* NaN: never */
    bool is_missed[WATCHLIST_MAX];
};

struct watchlist_change {
    const struct watchlist_entry *entry; /* borrowed */
    bool is_present;
    double absent_s; /* since it was seen last, or since the beginning */
    double seen_s;   /* where it was missed: when it was seen last; NaN: never */
};

void watchlist_init(struct watchlist *watchlist, const struct watchlist_cfg *cfg);

/* An EPC was read.   out true: one that was missed is back, in change; call again until false */
bool watchlist_seen(struct watchlist *watchlist, const uint8_t *epc, size_t n_epc_bits, double t_s,
                    struct watchlist_change *change);

/* Time goes by.   out true: one is missed from now on, in change; call again until false */
bool watchlist_missed(struct watchlist *watchlist, double t_s, struct watchlist_change *change);

#endif
