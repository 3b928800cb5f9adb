/* inventory_rig.h - links and options that the tests of the inventory begin with.        layer: tests */
#ifndef TESTS_INVENTORY_RIG_H
#define TESTS_INVENTORY_RIG_H

#include "golden.h"
#include "protocol/inventory.h"
#include "tests/option_defaults.h"

static inline struct link make_link(bool profile_c)
{
    const struct link_cfg b = {6.25, 1.5, 0.5, 640e3, 0, LINK_FM0, false};
    const struct link_cfg c = {12.5, 2.0, 0.5, 250e3, 0, LINK_M4, false};
    struct link link;
    assert_int_equal(link_make(profile_c ? &c : &b, &link), ST_OK);
    return link;
}

static inline struct inventory_cfg default_cfg(void)
{
    struct inventory_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    option_defaults(&inventory_options, &cfg);
    cfg.target = 0; /* most tests look at one pass of A */
    return cfg;
}

#endif
