/* cmd_access.c - singulate, and do to each tag that fits what was asked for. */
#include <stdio.h>

#include "config/log.h"
#include "reader/access_options.h"
#include "reader/run.h"

void cmd_access_help(FILE *stream)
{
    fprintf(stream, "operations, each one argument, done in this order to every tag that fits:\n");
    for (int kind = 0; kind < ACCESS_OP_N; kind++) {
        const struct access_op_row *row = access_op_row((enum access_op_kind)kind);
        if (kind != ACCESS_OP_ACCESS) {
            fprintf(stream, "  %s%s%s%s\n      %s\n", row->name, *row->syntax ? " " : "",
                    row->syntax, row->is_final ? "   (asks for --yes)" : "", row->help);
        }
    }
    fprintf(stream,
            "BANK is reserved, epc, tid or user; POINTER and COUNT count words; WORDS are 4 hex "
            "digits each, with blanks between them or without.\n"
            "  zpreader access --epc 3034 tid \"read user 0 4\"\n"
            "  zpreader access --epc 3034257BF7194E4000001A85 \"write epc 2 "
            "3034257BF7194E4000001A86\"\n"
            "  zpreader access --access-password 12345678 --yes \"lock epc=lock\"\n"
            "  zpreader access --auth.keys KEYS authenticate \"authenticate tid 0 2\"\n"
            "exit status 1: no tag, or an operation failed or is unknown\n\n");
}

/* An operation that wants a key, and there is no key file. */
static enum status keys_check(const struct access_cfg *access, const struct keys *keys)
{
    for (size_t i = 0; i < access->n_ops && !keys; i++) {
        if (access->op[i].is_keyed) {
            return status_fail(ST_USAGE, "authenticate: which keys? --auth.keys FILE (or CSI "
                                         "MESSAGE RESPONSE_BITS, a message of your own)");
        }
    }
    return ST_OK;
}

static int access_run(const struct option_set *options, struct reader_cfg *cfg)
{
    const struct access_cfg *access = cfg->access;
    struct access_totals totals = {0};
    cfg->access_totals = &totals;
    int exit_status = run_reader(cfg, options);
    if (exit_status != 0 || cfg->run.dry_run) {
        return exit_status;
    }
    log_info("%zu tag%s: %zu operation%s done, %zu failed, %zu unknown", totals.n_tags,
             totals.n_tags == 1 ? "" : "s", totals.n_ok, totals.n_ok == 1 ? "" : "s",
             totals.n_failed, totals.n_unknown);
    if (totals.n_tags == 0) {
        log_error("no tag that fits was found");
    }
    if (totals.n_turned_away > 0) {
        log_error("more than access.tags_max (%zu) tags: the others were left alone",
                  access->n_tags_max);
    }
    return totals.n_tags == 0 || totals.n_turned_away > 0 || totals.n_failed > 0 ||
           totals.n_unknown > 0;
}

int cmd_access(struct option_set *options, int n_arguments, char **arguments)
{
    static struct reader_cfg cfg;
    static struct access_keys wanted;
    static struct access_cfg access;
    struct keys *keys = NULL;
    option_fill(options, &access_options, &wanted);
    enum status status = access_cfg_make(&wanted, n_arguments, arguments, &access);
    if (status) {
        return run_exit_status(status);
    }
    run_cfg_fill(options, READER_INVENTORY, &cfg);
    if (cfg.mode != READER_INVENTORY) {
        return run_exit_status(
            status_fail(ST_USAGE, "access transmits: bistatic.mode listen does not go with it"));
    }
    status = auth_keys_read(&cfg.auth, &keys);
    status = status ? status : keys_check(&access, keys);
    access_masks_make(&access, &cfg.inventory);
    cfg.access = &access;
    cfg.access_idle_s = wanted.idle_s;
    cfg.keys = keys;
    cfg.publish.access = true;
    cfg.publish.live_view = false;
    int exit_status = status ? run_exit_status(status) : access_run(options, &cfg);
    if (!run_is_forsaken()) { /* else a thread may still use them */
        keys_free(&keys);
    }
    return exit_status;
}
