/* cmd_emit.c - a carrier and what can be made of it: tones, ramp, plan, a repeating trigger. */
#include "config/log.h"
#include "reader/run.h"

int cmd_emit(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 0) {
        log_error("emit takes no arguments, '%s' is one", arguments[0]);
        return 2;
    }
    static struct reader_cfg cfg;
    run_cfg_fill(options, READER_EMIT, &cfg);
    option_fill(options, &multiplex_options, &cfg.tdma);
    if (cfg.bistatic.mode == BISTATIC_LISTEN) {
        log_error("emit transmits, and bistatic.mode listen says not to");
        return 2;
    }
    return run_reader(&cfg, options);
}
