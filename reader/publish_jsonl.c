/* publish_jsonl.c - one JSON object a line on stdout. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/require.h"
#include "reader/publish.h"

struct publisher_jsonl {
    struct publisher_base base;
    bool over; /* stdout is gone */
};

static bool jsonl_wanted(const struct publish_cfg *cfg)
{
    return cfg->json;
}

static enum status jsonl_open(const struct publish_cfg *cfg, const struct record_context *context,
                              struct publisher **publisher)
{
    (void)cfg;
    (void)context;
    struct publisher_jsonl *jsonl = calloc(1, sizeof *jsonl);
    if (!jsonl) {
        return status_fail(ST_NO_MEMORY, "JSON lines: no memory");
    }
    jsonl->base.ops = &publish_jsonl;
    *publisher = (struct publisher *)jsonl;
    return ST_OK;
}

static void jsonl_check(struct publisher_jsonl *jsonl, bool written)
{
    if (!written && !jsonl->over) {
        jsonl->over = true;
        publish_stdout_failed(&jsonl->base, errno);
    }
}

static void jsonl_write(struct publisher *publisher, const struct record *record, const char *json,
                        size_t n_json)
{
    struct publisher_jsonl *jsonl = (struct publisher_jsonl *)publisher;
    (void)record;
    require(n_json > 0);
    if (!jsonl->over) {
        jsonl_check(jsonl, fwrite(json, 1, n_json, stdout) == n_json && putchar('\n') != EOF);
    }
}

static void jsonl_flush(struct publisher *publisher)
{
    struct publisher_jsonl *jsonl = (struct publisher_jsonl *)publisher;
    if (!jsonl->over) {
        jsonl_check(jsonl, fflush(stdout) == 0);
    }
}

static void jsonl_close(struct publisher **publisher)
{
    jsonl_flush(*publisher);
    free(*publisher);
    *publisher = NULL;
}

const struct publisher_ops publish_jsonl = {
    .name = "jsonl",
    .help = "JSON, one event a line, on stdout (--json)",
    .wanted = jsonl_wanted,
    .open = jsonl_open,
    .write = jsonl_write,
    .tick = jsonl_flush,
    .flush = jsonl_flush,
    .close = jsonl_close,
};
