/* cli_flags.c - flags for argp and the man page, out of the option rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "reader/cli_private.h"

enum { DOC_MAX = 512, NAME_MAX_CHARS = 128 };

static const struct argp_option general_options[] = {
    {"config", CLI_KEY_CONFIG, "FILE", 0,
     "read a YAML file of keys; may stand more than once, flags win over files", 0},
    {"dump-config", CLI_KEY_DUMP_CONFIG, NULL, 0, "print the configuration in force and end", 0},
    {"dump-man-options", CLI_KEY_DUMP_MAN, NULL, OPTION_HIDDEN,
     "print the options in groff for the man page", 0},
    {"verbose", 'v', NULL, 0, "say more on stderr", 0},
    {"quiet", 'q', NULL, 0, "only warnings and errors on stderr", 0},
    {"version", CLI_KEY_VERSION, NULL, 0, "print the versions of the program and its libraries", 0},
    {"help", CLI_KEY_HELP, NULL, 0, "print this help", 0},
};
enum { GENERAL_OPTIONS = sizeof general_options / sizeof *general_options };

static const char *argument_of(const struct option_row *row)
{
    switch (row->kind) {
    case OPTION_NUMBER: return *row->unit ? row->unit : "NUMBER";
    case OPTION_INT: return *row->unit ? row->unit : "N";
    case OPTION_BOOL: return "BOOL";
    case OPTION_TEXT: return "TEXT";
    case OPTION_CHOICE: return "NAME";
    }
    return NULL;
}

/* "sample rate (100000..250000000 S/s; default not set)", "line code (fm0|miller2; default fm0)" */
static char *doc_of(const struct option_row *row)
{
    char text[DOC_MAX];
    char range[192] = "";
    if (row->kind == OPTION_CHOICE) {
        snprintf(range, sizeof range, "%s; ", row->choices);
    } else if (row->kind == OPTION_NUMBER || row->kind == OPTION_INT) {
        snprintf(range, sizeof range, "%.10g..%.10g%s%s; ", row->min, row->max,
                 *row->unit ? " " : "", row->unit);
    }
    int n = snprintf(text, sizeof text, "%s (%sdefault %s)", row->meaning, range,
                     *row->fallback ? row->fallback : "not set");
    require(n > 0);
    require((size_t)n < sizeof text);
    return strdup(text);
}

static void flag_add(struct cli_flags *flags, const struct argp_option *option)
{
    require(flags->n_options + 1 < sizeof flags->option / sizeof *flags->option);
    flags->option[flags->n_options++] = *option;
}

static void row_note(void *context, const struct option_table *table, const struct option_row *row)
{
    struct cli_flags *flags = context;
    require(flags->n_rows < LIMIT_OPTIONS);
    flags->table[flags->n_rows] = table;
    flags->row[flags->n_rows++] = row;
}

/* The everyday name first, the key after it as another name of the same flag. */
static void row_add(struct cli_flags *flags, size_t index, int group)
{
    const struct option_row *row = flags->row[index];
    struct argp_option option = {
        .name = row->key,
        .key = CLI_KEY_ROW + (int)index,
        .arg = argument_of(row),
        .flags = row->kind == OPTION_BOOL ? OPTION_ARG_OPTIONAL : 0,
        .doc = flags->doc[index],
        .group = group,
    };
    if (row->shorthand) {
        struct argp_option shorthand = option;
        shorthand.name = row->shorthand;
        shorthand.key = CLI_KEY_SHORTHAND + (int)index;
        flag_add(flags, &shorthand);
        option.flags |= OPTION_ALIAS;
        option.arg = NULL; /* the first name's */
        option.doc = NULL;
    }
    flag_add(flags, &option);
}

static void options_build(struct cli_flags *flags)
{
    int group = 0;
    for (size_t k = 0; k < flags->n_rows; k++) {
        if (k == 0 || flags->table[k] != flags->table[k - 1]) {
            struct argp_option head = {.doc = flags->table[k]->title, .group = ++group};
            flag_add(flags, &head);
        }
        row_add(flags, k, group);
    }
    struct argp_option head = {.doc = "general", .group = ++group};
    flag_add(flags, &head);
    for (size_t k = 0; k < GENERAL_OPTIONS; k++) {
        struct argp_option option = general_options[k];
        option.group = group;
        flag_add(flags, &option);
    }
}

enum status cli_flags_new(const struct option_set *options, struct cli_flags **flags)
{
    require(options);
    require(flags);
    struct cli_flags *made = calloc(1, sizeof *made);
    if (!made) {
        return status_fail(ST_NO_MEMORY, "command line: no memory");
    }
    option_each(options, row_note, made);
    for (size_t k = 0; k < made->n_rows; k++) {
        made->doc[k] = doc_of(made->row[k]);
        if (!made->doc[k]) {
            cli_flags_free(&made);
            return status_fail(ST_NO_MEMORY, "command line: no memory");
        }
    }
    options_build(made);
    *flags = made;
    return ST_OK;
}

void cli_flags_free(struct cli_flags **flags)
{
    require(flags);
    if (*flags) {
        for (size_t k = 0; k < (*flags)->n_rows; k++) {
            free((*flags)->doc[k]);
        }
        free(*flags);
        *flags = NULL;
    }
}

/* Levenshtein distance, one row of the table at a time. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t distance[NAME_MAX_CHARS];
    const size_t n_a = strlen(a);
    require(n_a < NAME_MAX_CHARS);
    for (size_t j = 0; j <= n_a; j++) {
        distance[j] = j;
    }
    for (size_t i = 0; b[i]; i++) {
        size_t diagonal = distance[0];
        distance[0] = i + 1;
        for (size_t j = 1; j <= n_a; j++) {
            size_t change = diagonal + (a[j - 1] != b[i]);
            size_t skip = 1 + (distance[j] < distance[j - 1] ? distance[j] : distance[j - 1]);
            diagonal = distance[j];
            distance[j] = change < skip ? change : skip;
        }
    }
    return distance[n_a];
}

/* Keep the nearer of two names; more than half of it wrong is no typing error. */
static void nearest_take(const char *name, const char *typed, const char **nearest, size_t *best)
{
    size_t distance = edit_distance(name, typed);
    if (distance < *best && 2 * distance <= strlen(name)) {
        *best = distance;
        *nearest = name;
    }
}

const char *cli_flags_nearest(const struct cli_flags *flags, const char *typed)
{
    const char *nearest = NULL;
    size_t best = (size_t)-1;
    require(flags);
    require(typed);
    for (size_t k = 0; k < flags->n_options; k++) {
        if (flags->option[k].name) {
            nearest_take(flags->option[k].name, typed, &nearest, &best);
        }
    }
    return nearest;
}

const char *cli_command_nearest(const char *typed)
{
    const char *nearest = NULL;
    size_t best = (size_t)-1;
    require(typed);
    for (size_t k = 0; cli_commands[k]; k++) {
        nearest_take(cli_commands[k]->name, typed, &nearest, &best);
    }
    return nearest;
}

size_t cli_flags_matching(const struct cli_flags *flags, const char *typed, size_t n_chars)
{
    size_t n_matching = 0;
    require(flags);
    require(typed);
    for (size_t k = 0; k < flags->n_options; k++) {
        const char *name = flags->option[k].name;
        if (name && strncmp(name, typed, n_chars) == 0) {
            if (name[n_chars] == '\0') {
                return 1;
            }
            n_matching++;
        }
    }
    return n_matching;
}

/* ------------------------------------------------------------------------------ man page */

/* Text that groff takes literally. */
static void man_text(const char *text, FILE *stream)
{
    for (; *text; text++) {
        if (*text == '\\') {
            fputs("\\e", stream);
        } else if (*text == '-') {
            fputs("\\-", stream);
        } else {
            fputc(*text, stream);
        }
    }
}

static void man_flag(const char *name, const char *argument, bool optional, FILE *stream)
{
    fputs("\\fB\\-\\-", stream);
    man_text(name, stream);
    fputs("\\fR", stream);
    if (argument) {
        fputs(optional ? "[=\\fI" : " \\fI", stream);
        man_text(argument, stream);
        fputs(optional ? "\\fR]" : "\\fR", stream);
    }
}

void cli_print_man(const struct cli_flags *flags, FILE *stream)
{
    require(flags);
    require(stream);
    for (size_t k = 0; k < flags->n_options; k++) {
        const struct argp_option *option = &flags->option[k];
        if (!option->name) {
            fputs(".SS ", stream);
            man_text(option->doc, stream);
            fputc('\n', stream);
            continue;
        }
        if (option->flags & (OPTION_ALIAS | OPTION_HIDDEN)) {
            continue;
        }
        const bool optional = option->flags & OPTION_ARG_OPTIONAL;
        fputs(".TP\n", stream);
        if (option->key < 0x100) {
            fprintf(stream, "\\fB\\-%c\\fR, ", option->key);
        }
        man_flag(option->name, option->arg, optional, stream);
        if (flags->option[k + 1].flags & OPTION_ALIAS) { /* the list ends with an empty option */
            fputs(", ", stream);
            man_flag(flags->option[k + 1].name, option->arg, optional, stream);
        }
        fputs("\n\\&", stream); /* no text is taken for a request */
        man_text(option->doc, stream);
        fputc('\n', stream);
    }
}
