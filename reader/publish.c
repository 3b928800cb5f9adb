/* publish.c - the table of publishers and the set a run uses. */
#include "reader/publish.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/log.h"
#include "config/require.h"

const struct publisher_ops *const publisher_table[] = {
    &publish_zmq, &publish_jsonl, &publish_lines, &publish_view, &publish_tally, NULL};

enum { PUBLISHERS = sizeof publisher_table / sizeof *publisher_table - 1 };

static const struct option_row publish_rows[] = {
    {.key = "publish.zmq.enabled",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .offset = offsetof(struct publish_cfg, zmq_enabled),
     .meaning = "publish events over ZeroMQ (inventory)"},
    {.key = "publish.zmq.endpoint",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "tcp://127.0.0.1:5556",
     .offset = offsetof(struct publish_cfg, zmq_endpoint),
     .meaning = "where the PUB socket is bound"},
    {.key = "publish.zmq.queue_records",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "10000",
     .min = 1,
     .max = 10e6,
     .offset = offsetof(struct publish_cfg, zmq_queue_records),
     .meaning = "records kept for a slow subscriber, then they are dropped and counted"},
    {.key = "publish.zmq.linger_ms",
     .kind = OPTION_INT,
     .unit = "ms",
     .fallback = "500",
     .min = 0,
     .max = 60000,
     .offset = offsetof(struct publish_cfg, zmq_linger_ms),
     .meaning = "time given to subscribers at the end to take what is queued"},
};

const struct option_table publish_options = {.title = "publishing",
                                             .rows = publish_rows,
                                             .n_rows = sizeof publish_rows / sizeof *publish_rows};

struct publish {
    struct record_context context;
    struct publisher *publisher[PUBLISHERS];
    size_t n_publishers;
    char json[RECORD_JSON_MAX];
};

static struct publisher_base *base_of(struct publisher *publisher)
{
    return (struct publisher_base *)publisher;
}

static const struct publisher_base *base_of_const(const struct publisher *publisher)
{
    return (const struct publisher_base *)publisher;
}

static enum status open_one(struct publish *set, const struct publisher_ops *ops,
                            const struct publish_cfg *cfg)
{
    struct publisher *publisher = NULL;
    enum status status = ops->open(cfg, &set->context, &publisher);
    require(status == ST_OK || !publisher);
    if (publisher) {
        require(base_of(publisher)->ops == ops);
        require(set->n_publishers < PUBLISHERS);
        set->publisher[set->n_publishers++] = publisher;
    }
    return status;
}

enum status publish_open(const struct publish_cfg *cfg, const struct record_context *context,
                         struct publish **publish)
{
    require(cfg);
    require(context);
    struct publish *set = calloc(1, sizeof *set);
    if (!set) {
        return status_fail(ST_NO_MEMORY, "publishers: no memory");
    }
    set->context = *context;
    enum status status = ST_OK;
    for (size_t k = 0; k < PUBLISHERS && !status; k++) {
        if (publisher_table[k]->wanted(cfg)) {
            status = open_one(set, publisher_table[k], cfg);
        }
        if (status == ST_UNSUPPORTED) {
            log_warning("%s; plain lines instead", status_detail());
            status = open_one(set, &publish_lines, cfg);
        }
    }
    if (status) {
        publish_close(&set);
        return status;
    }
    *publish = set;
    return ST_OK;
}

void publish_record(struct publish *publish, const struct record *record)
{
    require(publish);
    require(record);
    struct record counted;
    if (record->type == RECORD_STATUS || record->type == RECORD_SUMMARY) {
        counted = *record;
        counted.status.dropped_events += publish_dropped(publish);
        record = &counted;
    }
    size_t n_json = record_to_json(record, &publish->context, publish->json, sizeof publish->json);
    for (size_t k = 0; k < publish->n_publishers; k++) {
        struct publisher *publisher = publish->publisher[k];
        base_of(publisher)->ops->write(publisher, record, publish->json, n_json);
    }
}

void publish_tick(struct publish *publish)
{
    require(publish);
    for (size_t k = 0; k < publish->n_publishers; k++) {
        const struct publisher_ops *ops = base_of(publish->publisher[k])->ops;
        if (ops->tick) {
            ops->tick(publish->publisher[k]);
        }
    }
}

uint64_t publish_dropped(const struct publish *publish)
{
    require(publish);
    uint64_t dropped = 0;
    for (size_t k = 0; k < publish->n_publishers; k++) {
        dropped += base_of_const(publish->publisher[k])->dropped;
    }
    return dropped;
}

enum status publish_flush(struct publish *publish)
{
    require(publish);
    enum status status = ST_OK;
    for (size_t k = 0; k < publish->n_publishers; k++) {
        struct publisher_base *base = base_of(publish->publisher[k]);
        if (base->ops->flush) {
            base->ops->flush(publish->publisher[k]);
        }
        if (base->failed) {
            status = status_fail(ST_IO, "publisher '%s': not all events could be written",
                                 base->ops->name);
        }
    }
    return status;
}

void publish_close(struct publish **publish)
{
    require(publish);
    if (!*publish) {
        return;
    }
    enum status status = publish_flush(*publish);
    (void)status; /* logged by the publisher itself */
    for (size_t k = (*publish)->n_publishers; k > 0; k--) {
        base_of((*publish)->publisher[k - 1])->ops->close(&(*publish)->publisher[k - 1]);
    }
    free(*publish);
    *publish = NULL;
}

void publish_ask_end(void)
{
    static atomic_flag asked = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&asked)) { /* a second SIGINT would cut the orderly end short */
        kill(getpid(), SIGINT); /* to the process: the thread that waits for signals takes it */
    }
}

void publish_stdout_failed(struct publisher_base *base, int error_number)
{
    require(base);
    if (base->failed) {
        return;
    }
    if (error_number != EPIPE) {
        log_error("stdout: %s", strerror(error_number));
    }
    base->failed = error_number != EPIPE;
    publish_ask_end();
}
