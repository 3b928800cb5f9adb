/* cli_private.h - what the cli_*.c files share.                              layer: reader */
#ifndef READER_CLI_PRIVATE_H
#define READER_CLI_PRIVATE_H

#include <argp.h>
#include <stdio.h>

#include "reader/cli.h"

enum { /* argp keys; those of rows are beyond the short options */
       CLI_KEY_CONFIG = 0x101,
       CLI_KEY_DUMP_CONFIG,
       CLI_KEY_DUMP_MAN,
       CLI_KEY_VERSION,
       CLI_KEY_HELP,
       CLI_KEY_ROW = 0x1000,       /* + index of the row: its key */
       CLI_KEY_SHORTHAND = 0x2000, /* + index of the row: its shorthand */
};

/* argp's option list: rows grouped by table title, then the general flags. */
struct cli_flags {
    size_t n_rows;
    const struct option_row *row[LIMIT_OPTIONS];
    const struct option_table *table[LIMIT_OPTIONS];
    char *doc[LIMIT_OPTIONS]; /* meaning, default, range */
    struct argp_option option[3 * LIMIT_OPTIONS + 16];
    size_t n_options;
};
_Static_assert(CLI_KEY_ROW + LIMIT_OPTIONS <= CLI_KEY_SHORTHAND, "keys of rows stay apart");

/*   err ST_NO_MEMORY */
enum status cli_flags_new(const struct option_set *options, struct cli_flags **flags) must_check;
void cli_flags_free(struct cli_flags **flags);

/* Name without dashes of the flag nearest to a mistyped one; NULL when nothing is near. */
const char *cli_flags_nearest(const struct cli_flags *flags, const char *typed);
/* The same among the sub-commands. */
const char *cli_command_nearest(const char *typed);
/* How many flags begin with `typed` (n_chars of it); an exact one counts alone. */
size_t cli_flags_matching(const struct cli_flags *flags, const char *typed, size_t n_chars);

void cli_print_man(const struct cli_flags *flags, FILE *stream);
/* All flags by group, for --help. */
void cli_print_flags(const struct cli_flags *flags, FILE *stream);
void cli_print_version(FILE *stream);
/* List of the sub-commands. */
void cli_print_commands(FILE *stream);

#endif
