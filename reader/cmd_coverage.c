/* cmd_coverage.c - a hall full of devices: who is fed, commanded, heard, and how fast identified. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "reader/cli.h"
#include "reader/coverage_study.h"
#include "reader/run.h"

/* The source's names of cases: A2 monostatic (D2T2-A likewise), A1 another site of the topology, B outside of it, C the
 * device's own carrier. */
static enum coverage_carrier carrier_of_preset(const char *name)
{
    static const struct {
        const char *part;
        enum coverage_carrier carrier;
    } rows[] = {{"-A1-", COVERAGE_OTHER}, {"-B-", COVERAGE_OUTSIDE}, {"-C-", COVERAGE_DEVICE}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (strstr(name, rows[k].part)) {
            return rows[k].carrier;
        }
    }
    return COVERAGE_SAME;
}

/* The budget as it is run: the hall's path and heights, our own link, and what the options change. */
static void preset_adapt(struct coverage_plan *plan, const struct hall_cfg *hall)
{
    struct budget_scenario *s = &plan->preset.scenario;
    s->model = (enum pathloss_model)hall->model;
    s->freq_hz = hall->freq_hz;
    s->receiver.height_m = hall->reader_height_m;
    s->device.height_m = hall->device_height_m;
    s->reply.m = plan->link.m;
    s->reply.trext = plan->link.trext;
    s->reply.blf_hz = plan->link.blf_hz;
    s->reply.per = SENSITIVITY_PER_10;
    if (plan->options.receiver == COVERAGE_RECEIVER_OWN) {
        s->weakest = BUDGET_WEAKEST_RECEIVER;
    }
}

static void reaches_set(struct coverage_plan *plan)
{
    const struct coverage_budget *budget = &plan->budget;
    const struct budget_scenario *s = &plan->preset.scenario;
    const struct pathloss_path path = budget_path(s);
    double reply_db = budget->reply_loss_max_db;
    switch (budget->carrier) {
    case COVERAGE_SAME:
    case COVERAGE_OTHER: reply_db *= 0.5; break; /* both ways alike */
    case COVERAGE_OUTSIDE: reply_db -= budget->carrier_loss_db; break;
    case COVERAGE_DEVICE: break;
    }
    plan->leg_reach_m[BUDGET_HARVEST] =
        isinf(budget->harvest_loss_max_db)
            ? NAN
            : pathloss_distance_m(&path, budget->harvest_loss_max_db);
    plan->leg_reach_m[BUDGET_COMMAND] = pathloss_distance_m(&path, budget->command_loss_max_db);
    plan->leg_reach_m[BUDGET_REPLY] = pathloss_distance_m(&path, reply_db);
}

static enum status plan_fill(const struct option_set *options, struct coverage_plan *plan)
{
    struct hall_cfg hall;
    struct link_cfg link;
    struct run_cfg run;
    option_fill(options, &coverage_option_table, &plan->options);
    option_fill(options, &hall_options, &hall);
    option_fill(options, &link_options, &link);
    option_fill(options, &run_options, &run);
    option_fill(options, &inventory_options, &plan->inventory);
    enum status status = hall_make(&hall, &plan->hall);
    status = status ? status : link_make(&link, &plan->link);
    status = status ? status : inventory_check(&plan->inventory);
    status = status ? status : budget_preset_find(plan->options.preset, &plan->preset);
    if (status) {
        return status;
    }
    preset_adapt(plan, &hall);
    status = budget_check(&plan->preset.scenario);
    if (status) {
        return status;
    }
    if (!budget_has_leg(&plan->preset.scenario, BUDGET_COMMAND) ||
        !budget_has_leg(&plan->preset.scenario, BUDGET_REPLY)) {
        return status_fail(ST_USAGE,
                           "coverage.preset: '%s' is a link of one way: its device does "
                           "not answer",
                           plan->preset.name);
    }
    enum coverage_carrier carrier = plan->options.carrier == COVERAGE_CARRIER_PRESET
                                        ? carrier_of_preset(plan->preset.name)
                                        : (enum coverage_carrier)(plan->options.carrier - 1);
    coverage_budget_of(&plan->preset.scenario, carrier, hall.shadow, &plan->budget);
    reaches_set(plan);
    /* each device once: its S2 flag outlasts the other readers' turns */
    plan->inventory.session = 2;
    plan->inventory.target = 0;
    plan->inventory.select_all = 0;
    plan->inventory.rounds_max = 0;
    plan->inventory.times = reader_slot_times(&plan->link, reader_turnaround_us(&run, &plan->link));
    return ST_OK;
}

int cmd_coverage(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 1) {
        log_error("coverage takes one preset, '%s' is a second one", arguments[1]);
        return 2;
    }
    static struct coverage_plan plan;
    struct coverage_study study;
    struct run_cfg run;
    option_fill(options, &run_options, &run);
    enum status status = n_arguments > 0
                             ? option_set_text(options, "coverage.preset", arguments[0], "argument")
                             : ST_OK;
    status = status ? status : plan_fill(options, &plan);
    status = status ? status : coverage_study_run(&plan, &study);
    if (status) {
        return run_exit_status(status);
    }
    if (run.json) {
        coverage_print_json(&plan, &study);
    } else {
        coverage_print(&plan, &study);
    }
    if (plan.options.svg[0] != '\0') {
        status = coverage_write_svg(&plan, &study, plan.options.svg);
    }
    if (!status && plan.options.csv[0] != '\0') {
        status = coverage_write_csv(&plan, &study, plan.options.csv);
    }
    coverage_study_free(&study);
    return status ? run_exit_status(status) : 0;
}
