/* publish.h - where records go: one table of publishers, all driven by the publish thread.
 *                                                                            layer: reader */
#ifndef READER_PUBLISH_H
#define READER_PUBLISH_H

#include "config/option.h"
#include "config/status.h"
#include "reader/record.h"

struct publish_cfg {               /* option keys publish.* : table publish_options */
    bool zmq_enabled;              /* publish.zmq.enabled, default true (inventory, access only) */
    char zmq_endpoint[LIMIT_TEXT]; /* publish.zmq.endpoint */
    int64_t zmq_queue_records; /* publish.zmq.queue_records: send high-water mark, default 10000 */
    int64_t zmq_linger_ms;     /* default 500 */
    /* set by the program, not options: */
    bool zmq_endpoint_named;     /* the user named the endpoint: busy is an error, not a warning */
    bool json;                   /* --json: JSON lines on stdout */
    bool trace;                  /* --trace: every command and the quality of each slot */
    bool access;                 /* the table tells what is done to tags, not that they are read */
    bool live_view;              /* stdout is a terminal and not --json */
    char source[64];             /* what the view's head says of the radio; "" = nothing */
    struct publish_tally *tally; /* count here and write nothing; NULL: an ordinary run */
};
extern const struct option_table publish_options;

struct publish_tally;
struct publisher; /* opaque, begins with struct publisher_base */

struct publisher_base {
    const struct publisher_ops *ops;
    uint64_t dropped; /* records this publisher had no room for */
    bool failed;      /* the output is broken, detail was logged */
};

struct publisher_ops {
    const char *name;
    const char *help;
    /* wanted: false = this run does not use it */
    bool (*wanted)(const struct publish_cfg *cfg);
    /* err as the output says; ST_UNSUPPORTED: the terminal cannot show the view, lines take over.
     * ST_OK with *publisher NULL: goes on without it, a warning was logged */
    enum status (*open)(const struct publish_cfg *cfg, const struct record_context *context,
                        struct publisher **publisher);
    void (*write)(struct publisher *publisher, const struct record *record, const char *json,
                  size_t n_json);
    void (*tick)(
        struct publisher *publisher); /* about 10 times a second: redraw, poll; may be NULL */
    void (*flush)(struct publisher *publisher); /* may be NULL */
    void (*close)(struct publisher **publisher);
};
extern const struct publisher_ops
    *const publisher_table[]; /* NULL-terminated: zmq, jsonl, lines, view, tally */
extern const struct publisher_ops publish_zmq, publish_jsonl, publish_lines, publish_view,
    publish_tally;

struct publish; /* the set of open publishers */

/* Open all wanted publishers (on the calling thread; used by one thread afterwards).
 *   err ST_BUSY, detail, when a named endpoint is taken; a busy default endpoint is a warning */
enum status publish_open(const struct publish_cfg *cfg, const struct record_context *context,
                         struct publish **publish) must_check;
/* Records of type status and summary get the publishers' own drops added to dropped_events. */
void publish_record(struct publish *publish, const struct record *record);
void publish_tick(struct publish *publish);
/* Records a publisher had to drop (full queues). */
uint64_t publish_dropped(const struct publish *publish);
/* Write out what is buffered; call before publish_close where the exit status depends on it.
 *   err ST_IO an output failed at any time (a reader that has gone away is no failure) */
enum status publish_flush(struct publish *publish) must_check;
void publish_close(struct publish **publish); /* flushes, NULL-safe */

/* Ask the program for its orderly end, once, as Ctrl-C does: nobody reads stdout any more, or the
 * user of the view wants to leave. For publishers. */
void publish_ask_end(void);

/* After a failed write or flush of stdout: a gone reader (EPIPE) asks for the end, anything else is
 * logged as well and marks the publisher as failed. For publishers. */
void publish_stdout_failed(struct publisher_base *base, int error_number);

#endif
