/* epc_list.c - words of a list, wherever it stands. */
#include "reader/epc_list.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"

static bool is_gap(char c)
{
    return c == ',' || isspace((unsigned char)c);
}

bool epc_list_word(const char **text, const char **word, size_t *n_chars)
{
    require(text);
    require(*text);
    const char *at = *text;
    while (is_gap(*at) || *at == '#') {
        at += *at == '#' ? strcspn(at, "\n") : 1;
    }
    *word = at;
    while (*at && !is_gap(*at) && *at != '#') {
        at++;
    }
    *n_chars = (size_t)(at - *word);
    *text = at;
    return *n_chars > 0;
}

enum status epc_list_read(const char *key, const char *path, char text[EPC_LIST_FILE_BYTES])
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return status_fail(ST_NOT_FOUND, "%s %s: %s", key, path, strerror(errno));
    }
    const size_t n = fread(text, 1, EPC_LIST_FILE_BYTES - 1, file);
    const bool failed = ferror(file) != 0, more = n == EPC_LIST_FILE_BYTES - 1;
    text[n] = '\0';
    fclose(file);
    if (failed) {
        return status_fail(ST_IO, "%s %s cannot be read", key, path);
    }
    if (more || strlen(text) != n) {
        return status_fail(ST_USAGE, "%s %s: accepted a text of less than %d bytes", key, path,
                           EPC_LIST_FILE_BYTES - 1);
    }
    return ST_OK;
}
