/* multiplex_options.c - option rows of time units, and what they do not go with. */
#include "reader/multiplex_options.h"

#include <math.h>
#include <stddef.h>

#include "config/require.h"

enum { SESSION_S2 = 2, SESSION_S3 = 3, TARGET_A = 0, SELECT_NO = 0 };

#define ROW(key_, kind_, unit_, fallback_, min_, max_, field_, meaning_, shorthand_)               \
    {                                                                                              \
        .key = "tdma." key_, .kind = OPTION_##kind_, .unit = unit_, .fallback = fallback_,         \
        .min = min_, .max = max_, .offset = offsetof(struct multiplex_cfg, field_),                \
        .meaning = meaning_, .shorthand = shorthand_                                               \
    }

static const struct option_row multiplex_rows[] = {
    ROW("period_s", NUMBER, "s", "", 0.02, 60, period_s,
        "each known tag is polled once in so long, others are looked for in between; not set: an "
        "inventory without time units",
        "tdma"),
    ROW("units", INT, "", "1", 1, TDMA_UNITS_MAX, n_units,
        "time units of equal length in a period, the same for all who share the air", NULL),
    ROW("own", TEXT, "", "", 0, 0, own,
        "units in which this reader or emitter transmits, such as 0-4,7; carrier off in the "
        "others; "
        "empty: all",
        NULL),
    ROW("guard_us", NUMBER, "us", "1000", 0, 1e5, guard_us,
        "nothing is transmitted so long after own units begin and before they end: for clocks that "
        "differ",
        NULL),
    ROW("offset_s", NUMBER, "s", "0", -1, 1, offset_s,
        "periods are counted from so long after a full second of the device's time (PPS); on "
        "radios "
        "without one: of radio.epoch, or after the first sample",
        NULL),
    ROW("tags", TEXT, "", "", 0, 0, tags, "known tags: EPCs, separated by commas", NULL),
    ROW("tags_file", TEXT, "", "", 0, 0, tags_file,
        "file with more of them, one a line, # begins a comment", NULL),
    ROW("learn", BOOL, "", "true", 0, 0, learns, "tags that are found are polled from then on",
        NULL),
    ROW("tries", INT, "", "4", 1, 16, tries, "polls of a tag in one period, until it is read",
        NULL),
    ROW("forget_periods", INT, "", "30", 0, 1e6, forget_periods,
        "a tag that was found and not listed is polled no longer when it was missed in so many "
        "periods one after the other; 0: never",
        NULL),
    ROW("poll_ratio", NUMBER, "", "0.75", 0.05, 0.95, poll_ratio,
        "share of the own time that polls may have; the rest is for finding others", NULL),
};

const struct option_table multiplex_options = {.title = "time units",
                                               .rows = multiplex_rows,
                                               .n_rows =
                                                   sizeof multiplex_rows / sizeof *multiplex_rows};

bool multiplex_is_on(const struct multiplex_cfg *cfg)
{
    return cfg->period_s > 0.0; /* NaN is not */
}

/* Programs agree on where seconds begin, no more. */
static enum status period_check(double period_s)
{
    const double per_s = 1.0 / period_s;
    if (period_s <= 1.0 && fabs(per_s - round(per_s)) <= 1e-6) {
        return ST_OK;
    }
    return status_fail(
        ST_RANGE,
        "tdma.period_s is %g s, accepted where units are shared are whole parts of a "
        "second (%g s, %g s)",
        period_s, 1.0 / fmax(ceil(per_s), 1.0), 1.0 / fmax(floor(per_s), 1.0));
}

enum status multiplex_check(const struct multiplex_cfg *cfg, const struct bistatic_cfg *bistatic,
                            uint64_t *owned)
{
    require(cfg);
    require(multiplex_is_on(cfg));
    const unsigned n_units = (unsigned)cfg->n_units;
    const uint64_t all = n_units == TDMA_UNITS_MAX ? UINT64_MAX : ((uint64_t)1 << n_units) - 1;
    *owned = all;
    enum status status =
        cfg->own[0] ? tdma_units_parse(cfg->own, n_units, "tdma.own", owned) : ST_OK;
    if (status || *owned == all) {
        return status;
    }
    if (!isnan(bistatic->gate_s)) {
        return status_fail(ST_USAGE, "tdma.own and bistatic.gate_s both say who transmits when: "
                                     "accepted is one of them");
    }
    return period_check(cfg->period_s);
}

static void fill(const struct option_set *options, const char *key, int value, int *field)
{
    *field = option_is_set(options, key) ? *field : value;
}

enum status multiplex_discovery(const struct multiplex_cfg *cfg, const struct option_set *options,
                                struct inventory_cfg *inventory)
{
    require(cfg);
    require(inventory);
    if (!multiplex_is_on(cfg)) {
        return cfg->own[0] || cfg->tags[0] || cfg->tags_file[0]
                   ? status_fail(ST_USAGE, "tdma.own, tdma.tags and tdma.tags_file need the period "
                                           "of time units: tdma.period_s is not set")
                   : ST_OK;
    }
    fill(options, "inventory.session", SESSION_S2, &inventory->session);
    fill(options, "inventory.target", TARGET_A, &inventory->target);
    fill(options, "inventory.select_all", INVENTORY_SELECT_START, &inventory->select_all);
    const bool fits =
        inventory->session >= SESSION_S2 && inventory->target == TARGET_A &&
        (inventory->select_all == INVENTORY_SELECT_START || inventory->select_all == SELECT_NO);
    if (!fits) {
        return status_fail(ST_USAGE,
                           "tdma.period_s goes with inventory.session s2 or s3, target a, "
                           "select_all start or no only: tags once found stay quiet");
    }
    if (inventory->n_masks > 0 || inventory->refreshes || inventory->rounds_max > 0) {
        return status_fail(ST_USAGE,
                           "tdma.period_s does not go with inventory.select, inventory.watch, "
                           "inventory.rounds_max and inventory.read focus");
    }
    return ST_OK;
}
