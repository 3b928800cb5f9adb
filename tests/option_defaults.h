/* option_defaults.h - keys as they are when nobody says otherwise.                     layer: tests */
#ifndef TESTS_OPTION_DEFAULTS_H
#define TESTS_OPTION_DEFAULTS_H

#include "config/option.h"
#include "config/require.h"

/*   out keys  what the table's offsets point into, all of it set by the rows */
static inline void option_defaults(const struct option_table *table, void *keys)
{
    struct option_set *set = NULL;
    const enum status status = option_set_new(&table, 1, &set);
    require(status == ST_OK);
    option_fill(set, table, keys);
    option_set_free(&set);
}

#endif
