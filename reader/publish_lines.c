/* publish_lines.c - a table for people on stdout, one line a read; status goes to stderr. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/publish.h"

enum { LINE_MAX_CHARS = 1024 };

struct publisher_lines {
    struct publisher_base base;
    struct record_context context;
    bool trace, access, header_is_out;
    bool over; /* stdout is gone */
};

static bool lines_wanted(const struct publish_cfg *cfg)
{
    return !cfg->json && !cfg->live_view && !cfg->tally;
}

static enum status lines_open(const struct publish_cfg *cfg, const struct record_context *context,
                              struct publisher **publisher)
{
    struct publisher_lines *lines = calloc(1, sizeof *lines);
    if (!lines) {
        return status_fail(ST_NO_MEMORY, "lines: no memory");
    }
    lines->base.ops = &publish_lines;
    lines->context = *context;
    lines->trace = cfg->trace;
    lines->access = cfg->access;
    *publisher = (struct publisher *)lines;
    return ST_OK;
}

static void lines_check(struct publisher_lines *lines, bool written)
{
    if (!written && !lines->over) {
        lines->over = true;
        publish_stdout_failed(&lines->base, errno);
    }
}

static void lines_flush(struct publisher *publisher)
{
    struct publisher_lines *lines = (struct publisher_lines *)publisher;
    if (!lines->over) {
        lines_check(lines, fflush(stdout) == 0);
    }
}

static void lines_write(struct publisher *publisher, const struct record *record, const char *json,
                        size_t n_json)
{
    struct publisher_lines *lines = (struct publisher_lines *)publisher;
    char text[LINE_MAX_CHARS];
    (void)json;
    (void)n_json;
    if ((record->type == RECORD_COMMAND && !lines->trace) ||
        (record->type == RECORD_READ && lines->access)) {
        return;
    }
    size_t n = record_to_line(record, &lines->context, text, sizeof text);
    if (n == 0) {
        return;
    }
    if (record->type == RECORD_STATUS || record->type == RECORD_SUMMARY) {
        lines_flush(publisher); /* on a terminal the two streams come in order */
        log_info("%s", text);
        return;
    }
    if (!lines->header_is_out && !lines->over) {
        lines->header_is_out = true;
        lines_check(lines, printf("%s\n", lines->access ? record_line_access_header()
                                                        : record_line_header()) > 0);
    }
    if (!lines->over) {
        lines_check(lines, printf("%s\n", text) > 0);
    }
}

static void lines_close(struct publisher **publisher)
{
    lines_flush(*publisher);
    free(*publisher);
    *publisher = NULL;
}

const struct publisher_ops publish_lines = {
    .name = "lines",
    .help = "a table on stdout, one line a read; status and summary on stderr",
    .wanted = lines_wanted,
    .open = lines_open,
    .write = lines_write,
    .tick = lines_flush,
    .flush = lines_flush,
    .close = lines_close,
};
