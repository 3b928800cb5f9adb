/* cmd_inventory.c - the main job. */
#include "config/log.h"
#include "reader/run.h"

int cmd_inventory(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 0) {
        log_error("inventory takes no arguments, '%s' is one; recordings: zpreader decode FILE",
                  arguments[0]);
        return 2;
    }
    static struct reader_cfg cfg;
    run_cfg_fill(options, READER_INVENTORY, &cfg);
    return run_reader(&cfg, options);
}
