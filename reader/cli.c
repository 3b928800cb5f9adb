/* cli.c - command line: `zpreader SUBCOMMAND [flags] [arguments]`. */
#include "reader/cli.h"

#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/cli_private.h"

struct cli_setting { /* a flag as given; applied after the files */
    const struct option_row *row;
    const char *name; /* as typed, without dashes */
    const char *text;
};

struct cli {
    struct option_set *options;
    struct cli_flags *flags;
    const struct cli_command *command;
    size_t n_settings, n_files, n_arguments;
    struct cli_setting *setting; /* room for argc of each */
    const char **file;
    char **argument;
    int verbosity;
    int stopped_at; /* index in argv behind the flag argp could not take */
    bool help, version, dump_config, dump_man;
};

static void cli_free(struct cli *cli)
{
    free(cli->setting);
    free(cli->file);
    free(cli->argument);
    cli_flags_free(&cli->flags);
    option_set_free(&cli->options);
}

static enum status cli_new(int argc, const struct option_table *const *tables, size_t n_tables,
                           struct cli *cli)
{
    const size_t n = (size_t)argc + 1;
    enum status status = option_set_new(tables, n_tables, &cli->options);
    status = status ? status : cli_flags_new(cli->options, &cli->flags);
    if (status) {
        return status;
    }
    cli->setting = calloc(n, sizeof *cli->setting);
    cli->file = calloc(n, sizeof *cli->file);
    cli->argument = calloc(n, sizeof *cli->argument);
    if (!cli->setting || !cli->file || !cli->argument) {
        return status_fail(ST_NO_MEMORY, "command line: no memory");
    }
    return ST_OK;
}

/* ------------------------------------------------------------------------------- argp's part */

static void take_row(struct cli *cli, int key, const char *text)
{
    const bool shorthand = key >= CLI_KEY_SHORTHAND;
    const size_t index = (size_t)(key - (shorthand ? CLI_KEY_SHORTHAND : CLI_KEY_ROW));
    require(index < cli->flags->n_rows);
    const struct option_row *row = cli->flags->row[index];
    cli->setting[cli->n_settings++] = (struct cli_setting){
        .row = row,
        .name = shorthand ? row->shorthand : row->key,
        .text = text ? text : "true", /* a bare bool */
    };
}

static error_t cli_take(int key, char *text, struct argp_state *state)
{
    struct cli *cli = state->input;
    switch (key) {
    case CLI_KEY_CONFIG: cli->file[cli->n_files++] = text; return 0;
    case CLI_KEY_DUMP_CONFIG: cli->dump_config = true; return 0;
    case CLI_KEY_DUMP_MAN: cli->dump_man = true; return 0;
    case CLI_KEY_VERSION: cli->version = true; return 0;
    case CLI_KEY_HELP: cli->help = true; return 0;
    case 'v': cli->verbosity++; return 0;
    case 'q': cli->verbosity--; return 0;
    case ARGP_KEY_ERROR: cli->stopped_at = state->next; return 0;
    case ARGP_KEY_ARG: cli->argument[cli->n_arguments++] = text; return 0;
    default: break;
    }
    if (key >= CLI_KEY_ROW && key < CLI_KEY_SHORTHAND + LIMIT_OPTIONS) {
        take_row(cli, key, text);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

/* argp stopped behind the flag it could not take: say what is wrong with it. */
static enum status cli_fail(const struct cli *cli, const char *flag)
{
    if (strncmp(flag, "--", 2) != 0) {
        return status_fail(ST_USAGE, "unknown flag '%.128s'; short ones are -v and -q", flag);
    }
    const char *name = flag + 2;
    const size_t n_chars = strcspn(name, "=");
    char typed[128];
    snprintf(typed, sizeof typed, "%.*s", (int)(n_chars < 127 ? n_chars : 127), name);
    const size_t n_matching = cli_flags_matching(cli->flags, name, n_chars);
    if (n_matching == 1) {
        return status_fail(ST_USAGE,
                           name[n_chars] == '=' ? "flag '--%s' takes no value"
                                                : "flag '--%s' needs a value",
                           typed);
    }
    if (n_matching > 1) {
        return status_fail(ST_USAGE, "flag '--%s' could be %zu flags; give more of its name", typed,
                           n_matching);
    }
    const char *nearest = cli_flags_nearest(cli->flags, typed);
    return status_fail(ST_USAGE, "unknown flag '--%s'%s%s%s", typed,
                       nearest ? ", the nearest is '--" : "; see --help", nearest ? nearest : "",
                       nearest ? "'" : "");
}

static enum status cli_parse(struct cli *cli, const struct argp *argp, int argc, char **argv)
{
    if (argp_parse(argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, cli) == 0) {
        return ST_OK;
    }
    const int at = cli->stopped_at;
    require(at > 0);
    require(at <= argc);
    /* an unknown letter within "-xv" has not been passed yet */
    bool within = at < argc && argv[at][0] == '-' && argv[at][1] != '-' && argv[at][1] != '\0' &&
                  strncmp(argv[at - 1], "--", 2) != 0;
    return cli_fail(cli, argv[within ? at : at - 1]);
}

/* ------------------------------------------------------------------------------ what it means */

/* Every key may stand with every sub-command (a file serves several); the short form of one that
 * means nothing to the sub-command is a mistake. */
static enum status cli_check_foreign(const struct cli *cli)
{
    const char *foreign = cli->command ? cli->command->foreign : NULL;
    for (size_t k = 0; k < cli->n_settings && foreign; k++) {
        char word[64];
        snprintf(word, sizeof word, " %s ", cli->setting[k].name);
        if (strstr(foreign, word)) {
            return status_fail(ST_USAGE, "flag '--%s' means nothing to 'zpreader %s'; see --help",
                               cli->setting[k].name, cli->command->name);
        }
    }
    return ST_OK;
}

static enum status cli_apply(struct cli *cli)
{
    enum status status = cli_check_foreign(cli);
    for (size_t k = 0; k < cli->n_files && !status; k++) {
        status = option_read_file(cli->options, cli->file[k]);
    }
    for (size_t k = 0; k < cli->n_settings && !status; k++) {
        const struct cli_setting *setting = &cli->setting[k];
        char where[160];
        snprintf(where, sizeof where, "--%s", setting->name);
        status = option_set_text(cli->options, setting->row->key, setting->text, where);
    }
    log_set_level(cli->verbosity > 0 ? LOG_DEBUG : cli->verbosity < 0 ? LOG_WARNING : LOG_INFO);
    return status;
}

static enum status cli_find_command(struct cli *cli)
{
    const char *name = cli->argument[0];
    for (size_t k = 0; cli_commands[k]; k++) {
        if (strcmp(cli_commands[k]->name, name) == 0) {
            cli->command = cli_commands[k];
            return ST_OK;
        }
    }
    const char *nearest = cli_command_nearest(name);
    return status_fail(ST_USAGE, "unknown sub-command '%.128s'%s%s%s", name,
                       nearest ? ", the nearest is '" : "; see --help", nearest ? nearest : "",
                       nearest ? "'" : "");
}

void cli_print_commands(FILE *stream)
{
    fprintf(stream, "usage: zpreader SUBCOMMAND [flags] [arguments]\n\n");
    for (size_t k = 0; cli_commands[k]; k++) {
        const struct cli_command *command = cli_commands[k];
        char head[64];
        snprintf(head, sizeof head, "%s%s%s", command->name, *command->arguments ? " " : "",
                 command->arguments);
        fprintf(stream, "  %-22s %s\n", head, command->help);
    }
    fprintf(stream,
            "\nzpreader SUBCOMMAND --help lists the flags; zpreader --version the versions.\n");
}

static void cli_print_help(const struct cli *cli)
{
    if (!cli->command) {
        cli_print_commands(stdout);
        return;
    }
    printf("usage: zpreader %s [flags]%s%s\n%s\n\n", cli->command->name,
           *cli->command->arguments ? " " : "", cli->command->arguments, cli->command->help);
    if (cli->command->more) {
        cli->command->more(stdout);
    }
    cli_print_flags(cli->flags, stdout);
    printf("\nEvery flag is also a key of a --config file. Numbers take engineering notation "
           "(910M, 62.5u)\nand their unit.\n");
}

static int cli_fault(void)
{
    log_error("%s", status_detail());
    return 2;
}

/* What needs no sub-command to run.  out false: nothing of the kind was asked for */
static bool cli_print(const struct cli *cli)
{
    if (cli->help) {
        cli_print_help(cli);
    } else if (cli->version) {
        cli_print_version(stdout);
    } else if (cli->dump_man) {
        cli_print_man(cli->flags, stdout);
    } else if (cli->dump_config) {
        option_dump(cli->options, stdout, true);
    } else {
        return false;
    }
    return true;
}

static int cli_run(struct cli *cli, int argc, char **argv)
{
    const struct argp argp = {.options = cli->flags->option, .parser = cli_take};
    if (cli_parse(cli, &argp, argc, argv) != ST_OK) {
        return cli_fault();
    }
    if (cli->n_arguments > 0 && cli_find_command(cli) != ST_OK) {
        return cli_fault();
    }
    if (cli_apply(cli) != ST_OK) {
        return cli_fault();
    }
    if (cli_print(cli)) {
        if (fflush(stdout) != 0) {
            log_error("stdout could not be written");
            return 1;
        }
        return 0;
    }
    if (!cli->command) {
        cli_print_commands(stderr);
        return 2;
    }
    return cli->command->run(cli->options, (int)cli->n_arguments - 1, cli->argument + 1);
}

int cli_main(int argc, char **argv, const struct option_table *const *tables, size_t n_tables)
{
    require(argc > 0);
    require(argv);
    struct cli cli = {0};
    int exit_status = 1;
    if (cli_new(argc, tables, n_tables, &cli) == ST_OK) {
        exit_status = cli_run(&cli, argc, argv);
    } else {
        log_error("%s", status_detail());
    }
    cli_free(&cli);
    return exit_status;
}
