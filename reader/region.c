/* region.c - bands. */
#include "reader/region.h"

#include <math.h>
#include <stddef.h>

#include "config/require.h"

struct region_row {
    const char *name;
    double lo_hz, hi_hz;
    const char *rule;
};

static const struct region_row region_rows[] = {
    {"none", 0.0, 0.0, ""},
    {"fcc", 902e6, 928e6, "FCC 47 CFR 15.247"},
    {"etsi", 865e6, 868e6, "ETSI EN 302 208 lower band"},
    {"etsi-upper", 915e6, 921e6, "ETSI EN 302 208 upper band"},
    {"china", 920.5e6, 924.5e6, "China 920.5-924.5 MHz"},
    {"japan", 916.7e6, 923.5e6, "Japan 916.7-923.5 MHz"},
    {"lab", 860e6, 960e6, "shielded set-ups only"},
};

enum status region_check(int region, double freq_hz)
{
    require(region >= 0);
    require((size_t)region < sizeof region_rows / sizeof *region_rows);
    const struct region_row *row = &region_rows[region];
    if (region == 0) {
        return status_fail(ST_USAGE,
                           "radio.region is not set: transmitting with a real radio needs "
                           "one of fcc, etsi, etsi-upper, china, japan, lab (lab: "
                           "860-960 MHz, shielded set-ups only)");
    }
    if (isnan(freq_hz)) {
        return status_fail(ST_USAGE, "radio.freq_hz is not set: region '%s' accepts %.1f..%.1f MHz",
                           row->name, row->lo_hz * 1e-6, row->hi_hz * 1e-6);
    }
    if (freq_hz < row->lo_hz || freq_hz > row->hi_hz) {
        return status_fail(
            ST_USAGE, "radio.freq_hz is %.6f MHz, accepted in region '%s' (%s): %.1f..%.1f MHz",
            freq_hz * 1e-6, row->name, row->rule, row->lo_hz * 1e-6, row->hi_hz * 1e-6);
    }
    return ST_OK;
}
