/* defaults.h - a module's own defaults, out of its option rows.           layer: tests */
#ifndef TESTS_DEFAULTS_H
#define TESTS_DEFAULTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/option.h"

static inline void defaults_fill(const struct option_table *table, void *cfg)
{
    const struct option_table *const tables[] = {table};
    struct option_set *set = NULL;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    option_fill(set, table, cfg);
    option_set_free(&set);
}

#endif
