/* run.h - what the sub-commands share: configuration from options, running a reader to its end.
 *                                                                            layer: reader */
#ifndef READER_RUN_H
#define READER_RUN_H

#include <signal.h>
#include <stdio.h>

#include "reader/reader.h"

/* Fill a reader's configuration from all tables. `stdout_is_terminal` decides about the live view. */
void run_cfg_fill(const struct option_set *options, enum reader_mode mode, struct reader_cfg *cfg);

/* Check, open, start, wait (SIGINT and SIGTERM end in order, a second one at once), join, free.
 *   out exit status of the program; messages are on stderr */
int run_reader(const struct reader_cfg *cfg, const struct option_set *options);

/* A thread of a run hangs: main returns by _exit, which asks nothing of it. */
bool run_is_forsaken(void);

/* Exit status for a failure: 2 for usage and configuration, 1 otherwise; prints status_detail(). */
int run_exit_status(enum status status);

/* Block the signals that end a run in order, for this thread and those it starts, and ignore SIGPIPE;
 * they are waited for instead.  out signals */
void run_signals_block(sigset_t *signals);
/* One of them has come: take it. Once true, run_interrupted stays true. */
bool run_signal_pending(const sigset_t *signals);
/* A run of this process was ended by a signal: nothing more should go on the air. */
bool run_interrupted(void);

int cmd_inventory(struct option_set *options, int n_arguments, char **arguments);
int cmd_access(struct option_set *options, int n_arguments, char **arguments);
/* The operations and some examples. */
void cmd_access_help(FILE *stream);
int cmd_emit(struct option_set *options, int n_arguments, char **arguments);
int cmd_decode(struct option_set *options, int n_arguments, char **arguments);
int cmd_probe(struct option_set *options, int n_arguments, char **arguments);
int cmd_coverage(struct option_set *options, int n_arguments, char **arguments);
int cmd_linkbudget(struct option_set *options, int n_arguments, char **arguments);
int cmd_watch(struct option_set *options, int n_arguments, char **arguments);

#endif
