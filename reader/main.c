/* main.c - the program: which sub-commands and which option tables there are. */
#include <stdio.h>
#include <unistd.h>

#include "reader/cli.h"
#include "reader/option_tables.h"
#include "reader/run.h"

/* short forms for those who transmit, or simulate */
#define ON_AIR                                                                                     \
    " tags seed tx-gain rx-gain ant tx-ant args rx-args subdev rx-subdev tx-subdev ref channels "  \
    "radio region record session target q rounds dry-run "

/* those of inventory */
#define ON_WAYS " read select truncate watch missed "

/* those of budgets and of coverage, which need no radio */
#define ON_PAPER " preset leg solve distance check list csv "
#define ON_FLOOR " drops svg tables "

/* and those of access */
#define ON_TAGS " epc tid access-password keep-going yes "

static const struct cli_command inventory_row = {
    .name = "inventory",
    .arguments = "",
    .run = cmd_inventory,
    .help = "read tags: carrier, commands, decoding, slotted inventory, publishing",
    .foreign = " format" ON_TAGS ON_PAPER ON_FLOOR};
static const struct cli_command access_row = {
    .name = "access",
    .arguments = "OPERATION...",
    .run = cmd_access,
    .help = "singulate, then read, write, lock, kill ... the tags that fit",
    .more = cmd_access_help,
    .foreign = " format" ON_WAYS ON_PAPER ON_FLOOR};
static const struct cli_command emit_row = {
    .name = "emit",
    .arguments = "",
    .run = cmd_emit,
    .help = "emit a carrier only, optionally with a repeating trigger",
    .foreign = " format session target q rounds" ON_WAYS ON_TAGS ON_PAPER ON_FLOOR};
static const struct cli_command decode_row = {
    .name = "decode",
    .arguments = "FILE...",
    .run = cmd_decode,
    .help = "decode recordings offline: reader commands and tag replies",
    .foreign = ON_AIR ON_WAYS ON_TAGS ON_PAPER ON_FLOOR};
static const struct cli_command probe_row = {
    .name = "probe",
    .arguments = "",
    .run = cmd_probe,
    .help = "measure radio, host and air, and say what is wrong with the set-up",
    .foreign = " format record duration" ON_WAYS ON_TAGS ON_PAPER ON_FLOOR};
static const struct cli_command linkbudget_row = {
    .name = "linkbudget",
    .arguments = "[PRESET]",
    .run = cmd_linkbudget,
    .help = "coverage and margins from the link-budget model, on paper",
    .foreign =
        " format freq rate tx-gain rx-gain ant tx-ant args rx-args subdev rx-subdev tx-subdev "
        "ref channels radio record session target q rounds dry-run tags seed duration "
        "tari" ON_WAYS ON_TAGS ON_FLOOR};
static const struct cli_command coverage_row = {
    .name = "coverage",
    .arguments = "[PRESET]",
    .run = cmd_coverage,
    .help = "how many devices of a hall are fed, commanded, heard and identified; maps",
    .foreign = " format seed tags freq tx-gain rx-gain ant tx-ant args rx-args subdev rx-subdev "
               "tx-subdev ref channels radio region record session target q rounds dry-run "
               "duration" ON_WAYS ON_TAGS ON_PAPER};
static const struct cli_command watch_row = {
    .name = "watch",
    .arguments = "[ENDPOINT]",
    .run = cmd_watch,
    .help = "subscribe to a running reader and show what it reads",
    .foreign = ON_AIR "format freq rate tari blf code" ON_WAYS ON_TAGS ON_PAPER ON_FLOOR};

const struct cli_command *const cli_commands[] = {
    &inventory_row,  &access_row,   &emit_row,  &decode_row, &probe_row,
    &linkbudget_row, &coverage_row, &watch_row, NULL,
};

int main(int argc, char **argv)
{
    const struct option_table *tables[OPTION_TABLES_MAX];
    size_t n_tables = option_tables_collect(tables);
    int status = cli_main(argc, argv, tables, n_tables);
    if (run_is_forsaken()) {
        fflush(NULL);
        _exit(status);
    }
    return status;
}
