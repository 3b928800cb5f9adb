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
    static struct read_keys ways;
    struct keys *keys = NULL;
    option_fill(options, &read_options, &ways);
    run_cfg_fill(options, READER_INVENTORY, &cfg);
    option_fill(options, &multiplex_options, &cfg.tdma);
    enum status status = read_cfg_make(&ways, options, &cfg.inventory, &cfg.read);
    status = status ? status : multiplex_discovery(&cfg.tdma, options, &cfg.inventory);
    const bool chooses =
        ways.way != READ_KEEP || cfg.inventory.n_masks > 0 || multiplex_is_on(&cfg.tdma);
    if (!status && chooses && cfg.mode != READER_INVENTORY) {
        status = status_fail(ST_USAGE, "bistatic.mode listen asks no tag: inventory.read, "
                                       "inventory.select, inventory.watch and tdma.period_s do "
                                       "not go with it");
    }
    status = status ? status : auth_keys_read(&cfg.auth, &keys);
    if (!status && keys && cfg.mode != READER_INVENTORY) {
        status = status_fail(ST_USAGE, "auth.keys: tags are asked to authenticate, and "
                                       "bistatic.mode listen asks nobody");
    }
    cfg.keys = keys;
    int exit_status = status ? run_exit_status(status) : run_reader(&cfg, options);
    if (!run_is_forsaken()) { /* else a thread may still use them */
        keys_free(&keys);
    }
    return exit_status;
}
