/* cmd_emit.c - a carrier and nothing else, optionally with a repeating trigger. */
#include <stddef.h>

#include "config/log.h"
#include "reader/emit_options.h"
#include "reader/run.h"

struct emit_cfg { /* option keys emit.* */
    double trigger_period_s;
};

static const struct option_row emit_rows[] = {
    {.key = "emit.trigger_period_s",
     .kind = OPTION_NUMBER,
     .unit = "s",
     .fallback = "",
     .min = 0.002,
     .max = 3600.0,
     .offset = offsetof(struct emit_cfg, trigger_period_s),
     .meaning = "key a trigger (QueryRep) onto the carrier this often; unset: carrier only"},
};

const struct option_table emit_options = {
    .title = "emit", .rows = emit_rows, .n_rows = sizeof emit_rows / sizeof *emit_rows};

int cmd_emit(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 0) {
        log_error("emit takes no arguments, '%s' is one", arguments[0]);
        return 2;
    }
    static struct reader_cfg cfg;
    struct emit_cfg emit;
    run_cfg_fill(options, READER_EMIT, &cfg);
    option_fill(options, &emit_options, &emit);
    cfg.trigger_period_s = emit.trigger_period_s;
    return run_reader(&cfg, options);
}
