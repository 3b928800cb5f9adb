/* cmd_linkbudget.c - how far, with what margin: budgets of the three legs, on paper. */
#include "config/log.h"
#include "reader/cli.h"
#include "reader/linkbudget.h"
#include "reader/run.h"

static enum status run_legs(struct option_set *options, enum linkbudget_form form)
{
    struct linkbudget budget;
    enum status status = linkbudget_resolve(options, &budget);
    return status ? status : linkbudget_show(&budget, form, stdout);
}

/* What is asked for and cannot be had is a fault of the question. */
static int exit_status_of(enum status status)
{
    if (status == ST_NOT_FOUND || status == ST_FORMAT) {
        log_error("%s", status_detail());
        return 2;
    }
    return run_exit_status(status);
}

int cmd_linkbudget(struct option_set *options, int n_arguments, char **arguments)
{
    struct linkbudget_cfg cfg;
    struct run_cfg run;
    if (n_arguments > 1) {
        log_error("linkbudget takes one preset, '%s' is too many", arguments[1]);
        return 2;
    }
    enum status status = n_arguments == 1
                             ? option_set_text(options, "linkbudget.preset", arguments[0], "preset")
                             : ST_OK;
    option_fill(options, &linkbudget_options, &cfg);
    option_fill(options, &run_options, &run);
    const enum linkbudget_form form = run.json  ? LINKBUDGET_JSON
                                      : cfg.csv ? LINKBUDGET_CSV
                                                : LINKBUDGET_TEXT;
    bool as_known = true;
    if (!status && cfg.list) {
        linkbudget_list(form, stdout);
    } else if (!status && cfg.check) {
        as_known = linkbudget_check(form, stdout);
    } else if (!status) {
        status = run_legs(options, form);
    }
    if (!status && fflush(stdout) != 0) {
        status = status_fail(ST_IO, "stdout could not be written");
    }
    if (!status && !as_known) {
        status = status_fail(ST_IO, "linkbudget: published cases are not recomputed as known");
    }
    return exit_status_of(status);
}
