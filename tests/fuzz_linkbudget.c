/* fuzz_linkbudget.c - arbitrary bytes as a scenario file. What is refused is named; what is
 * accepted is solved for everything, and closes. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "protocol/link.h"
#include "reader/cli.h"
#include "reader/linkbudget.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Most inputs start as a plausible scenario, so that sums are reached, not only syntax. */
static size_t make_yaml(const uint8_t *data, size_t n_bytes, char *yaml, size_t room)
{
    static const char *const starts[] = {
        "",
        "linkbudget:\n  preset: D1T1-A2-type1\n  distance_m: 20\n  ",
        "linkbudget: {preset: gen2, distance_m: 5, solve: power, ",
        "linkbudget: {preset: D2T2-B-type1, distance_m: 3, carrier: {place: reader}, ",
        "linkbudget: {freq_hz: 300G, air: {vapour_g_m3: 9}, solve: gain, distance_m: ",
        "linkbudget: {victim: {limit_dbm: -150, distance_m: 1000, rays: 2}, model: inf_",
    };
    const char *start = n_bytes > 0 ? starts[data[0] % (sizeof starts / sizeof *starts)] : "";
    size_t n = strlen(start), n_rest = n_bytes > 0 ? n_bytes - 1 : 0;
    memcpy(yaml, start, n);
    n_rest = n_rest < room - n ? n_rest : room - n;
    if (n_rest > 0) {
        memcpy(yaml + n, data + 1, n_rest);
    }
    return n + n_rest;
}

static void check_leg(const struct linkbudget *budget, enum budget_leg leg)
{
    struct budget_result result;
    budget_solve(&budget->scenario, leg, &result);
    require(result.n_items > 0);
    require(isfinite(result.max_loss_db));
    require(!(result.reach_m < 0.0));
    if (result.reach_m > 0.0 && isfinite(result.reach_m)) {
        require(fabs(budget_margin_db(&budget->scenario, leg, result.reach_m)) < 1e-3);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static char yaml[1 << 14], shown[1 << 16];
    const struct option_table *tables[] = {&linkbudget_options, &link_options, &run_options};
    struct option_set *set = NULL;
    struct linkbudget budget;
    enum status status = option_set_new(tables, 3, &set);
    require(status == ST_OK);
    size_t n_yaml = make_yaml(data, n_bytes, yaml, sizeof yaml);
    status = option_read_memory(set, yaml, n_yaml, "fuzz");
    require(status == ST_OK || strncmp(status_detail(), "fuzz:", 5) == 0);
    status = linkbudget_resolve(set, &budget); /* of what stood before a fault, too */
    require(!status || strstr(status_detail(), "link"));
    for (int form = 0; form <= LINKBUDGET_CSV && !status; form++) {
        FILE *stream = fmemopen(shown, sizeof shown, "w");
        require(stream);
        enum status written = linkbudget_show(&budget, (enum linkbudget_form)form, stream);
        require(written == ST_OK || written == ST_RANGE);
        fclose(stream);
    }
    for (int leg = 0; leg < BUDGET_LEGS && !status; leg++) {
        if (budget.leg_wanted[leg]) {
            check_leg(&budget, (enum budget_leg)leg);
        }
    }
    option_set_free(&set);
    return 0;
}
