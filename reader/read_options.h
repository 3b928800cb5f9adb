/* read_options.h - what an inventory is for: keep reading, read each tag once, watch these tags; and which
 * tags take part.                                                            layer: reader */
#ifndef READER_READ_OPTIONS_H
#define READER_READ_OPTIONS_H

#include "config/option.h"
#include "protocol/inventory.h"
#include "reader/watchlist.h"

enum read_way {
    READ_KEEP = 0,
    READ_ONCE,  /* S2, A: each tag once, then the run ends */
    READ_NEW,   /* S2, A: each tag once, newcomers as they come */
    READ_FOCUS, /* S1, A, refreshed: tags stay quiet as long as they have power, and not longer */
    READ_WATCH, /* only the tags of a list; missed ones are told */
};

struct read_keys { /* option keys inventory.read ...: table read_options */
    int way;       /* enum read_way, choice "keep|once|new|focus|watch" */
    char select[LIMIT_TEXT], watch[LIMIT_TEXT], watch_file[LIMIT_TEXT];
    double missed_s, quiet_s;
    bool truncate;
    int64_t epc_bits;
};
extern const struct option_table read_options;

struct read_cfg {   /* what the reader is to do with it */
    double quiet_s; /* the run ends where nothing was read for so long; NaN: it does not */
    struct watchlist_cfg watch;
};

/* What the keys mean. Keys of the inventory that somebody set (option_is_set) stay as they are.
 *   in, out  inventory, filled from its own table
 *   out      cfg
 *   err      ST_USAGE keys that contradict each other, a selection or list that is malformed; ST_NOT_FOUND,
 *            ST_IO the list's file cannot be read. One message each */
enum status read_cfg_make(const struct read_keys *keys, const struct option_set *options,
                          struct inventory_cfg *inventory, struct read_cfg *cfg) must_check;

#endif
