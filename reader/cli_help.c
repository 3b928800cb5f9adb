/* cli_help.c - the list of flags for --help. (argp's own breaks lines where its buffer ends.) */
#include <string.h>

#include "config/require.h"
#include "reader/cli_private.h"

enum { DOC_COLUMN = 29, LAST_COLUMN = 79 };

/* Words from `column` on, wrapped to DOC_COLUMN. */
static void put_wrapped(const char *text, int column, FILE *stream)
{
    if (column + 1 >= DOC_COLUMN) {
        fputc('\n', stream);
        column = 0;
    }
    fprintf(stream, "%*s", DOC_COLUMN - column, "");
    column = DOC_COLUMN;
    while (*text) {
        const int n = (int)strcspn(text, " ");
        if (column > DOC_COLUMN && column + 1 + n > LAST_COLUMN) {
            fprintf(stream, "\n%*s", DOC_COLUMN, "");
            column = DOC_COLUMN;
        } else if (column > DOC_COLUMN) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", n, text);
        column += n;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', stream);
}

/*   out  characters written */
static int put_name(const struct argp_option *option, const char *argument, FILE *stream)
{
    int n = fprintf(stream, "--%s", option->name);
    if (argument) {
        n += fprintf(stream, option->flags & OPTION_ARG_OPTIONAL ? "[=%s]" : "=%s", argument);
    }
    return n;
}

void cli_print_flags(const struct cli_flags *flags, FILE *stream)
{
    require(flags);
    require(stream);
    for (size_t k = 0; k < flags->n_options; k++) {
        const struct argp_option *option = &flags->option[k];
        if (!option->name) {
            fprintf(stream, "%s %s\n", k > 0 ? "\n" : "", option->doc);
            continue;
        }
        if (option->flags & (OPTION_ALIAS | OPTION_HIDDEN)) {
            continue;
        }
        int column = option->key < 0x100 ? fprintf(stream, "  -%c, ", option->key)
                                         : fprintf(stream, "      ");
        column += put_name(option, option->arg, stream);
        const struct argp_option *alias = option + 1; /* the list ends with an empty option */
        if (alias->flags & OPTION_ALIAS) {
            column += fprintf(stream, ", ");
            column += put_name(alias, option->arg, stream);
        }
        put_wrapped(option->doc, column, stream);
    }
}
