/* cli.h - command line: sub-commands, flags from the option rows (argp), files.   layer: reader */
#ifndef READER_CLI_H
#define READER_CLI_H

#include "config/option.h"
#include "config/status.h"

struct run_cfg { /* option keys reader.*, timing.* ...: table run_options (reader/run_options.c) */
    char name[LIMIT_TEXT]; /* reader.name, default "zpreader" */
    double duration_s;     /* run.duration_s, --duration; NaN: until stopped */
    double epoch_s;        /* radio.epoch: Unix time of tick 0; NaN: none */
    int region;            /* radio.region, --region: "none|fcc|etsi|etsi-upper|china|japan|lab" */
    double turnaround_us;  /* timing.turnaround_us; NaN: auto */
    double silence_us;     /* timing.silence_us; NaN: auto */
    double resolve_us;     /* timing.resolve_us; NaN: auto */
    bool ack_ahead;        /* timing.ack_ahead */
    char cpu_list[LIMIT_TEXT];    /* timing.cpu_list: "2,3"; "" = not pinned */
    char record_base[LIMIT_TEXT]; /* run.record, --record BASE; "" = off */
    int record_type;              /* run.record_type: "cf32|ci16" */
    double watchdog_s;            /* run.watchdog_s */
    bool json, trace;             /* run.json --json, run.trace --trace */
    bool dry_run;                 /* run.dry_run --dry-run */
};
extern const struct option_table run_options;

struct cli_command { /* a sub-command */
    const char *name;
    const char *arguments;                                                     /* "FILE..." or "" */
    const char *help;                                                          /* one line */
    int (*run)(struct option_set *options, int n_arguments, char **arguments); /* exit status */
    const char *foreign; /* short forms that make no sense here, between spaces; NULL: none */
    void (*more)(FILE *stream); /* what else --help tells; NULL: nothing */
};
extern const struct cli_command *const cli_commands[]; /* NULL-terminated, defined in main.c */

/* Parse argv against the sub-commands and all option tables, read --config files in order, print
 * --help, --version, --dump-config, --dump-man-options; run the sub-command.
 *   out exit status of the program */
int cli_main(int argc, char **argv, const struct option_table *const *tables, size_t n_tables);

#endif
