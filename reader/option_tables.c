/* option_tables.c - the modules' tables and the radios' own. */
#include "reader/option_tables.h"

#include "config/require.h"
#include "dsp/reply_rx.h"
#include "dsp/tx_shape.h"
#include "protocol/hall.h"
#include "protocol/inventory.h"
#include "protocol/link.h"
#include "radio/radio.h"
#include "reader/access_options.h"
#include "reader/auth.h"
#include "reader/bistatic.h"
#include "reader/cli.h"
#include "reader/coverage_options.h"
#include "reader/decode_options.h"
#include "reader/emit_options.h"
#include "reader/linkbudget.h"
#include "reader/multiplex_options.h"
#include "reader/plan.h"
#include "reader/probe_options.h"
#include "reader/publish.h"
#include "reader/read_options.h"

size_t option_tables_collect(const struct option_table *table[OPTION_TABLES_MAX])
{
    const struct option_table *const fixed[] = {
        &run_options,       &radio_options,         &plan_options,      &link_options,
        &inventory_options, &tx_shape_options,      &reply_rx_options,  &publish_options,
        &decode_options,    &emit_options,          &probe_options,     &bistatic_options,
        &access_options,    &read_options,          &auth_options,      &linkbudget_options,
        &hall_options,      &coverage_option_table, &multiplex_options,
    };
    size_t n = 0;
    for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++) {
        table[n++] = fixed[k];
    }
    for (size_t k = 0; radio_table[k]; k++) {
        const struct option_table *const *own = radio_table[k]->options;
        for (size_t j = 0; own && own[j]; j++) {
            require(n < OPTION_TABLES_MAX);
            table[n++] = own[j];
        }
    }
    return n;
}
