/* publish_zmq.c - ZeroMQ PUB: topic `<type>.<reader name>`, then the JSON object.
 * A subscriber that does not keep up loses records; the others and the air do not notice. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/publish.h"

struct publisher_zmq {
    struct publisher_base base;
    void *context, *socket;
    char reader_name[64];
};

static bool zmq_wanted(const struct publish_cfg *cfg)
{
    return cfg->zmq_enabled;
}

static void zmq_close_all(struct publisher **publisher)
{
    struct publisher_zmq *zmq = (struct publisher_zmq *)*publisher;
    if (zmq->socket) {
        zmq_close(zmq->socket);
    }
    if (zmq->context) {
        while (zmq_ctx_term(zmq->context) != 0 && errno == EINTR) { /* a signal came in between */
        }
    }
    free(zmq);
    *publisher = NULL;
}

static bool zmq_set(void *socket, int option, int64_t value)
{
    int number = (int)value;
    return zmq_setsockopt(socket, option, &number, sizeof number) == 0;
}

/* All limits before bind: what connects first must find them in force. */
static enum status zmq_prepare(struct publisher_zmq *zmq, const struct publish_cfg *cfg)
{
    zmq->context = zmq_ctx_new();
    zmq->socket = zmq->context ? zmq_socket(zmq->context, ZMQ_PUB) : NULL;
    if (!zmq->socket) {
        return status_fail(ST_NO_MEMORY, "ZeroMQ publisher: %s", zmq_strerror(errno));
    }
    if (!zmq_set(zmq->socket, ZMQ_SNDHWM, cfg->zmq_queue_records) ||
        !zmq_set(zmq->socket, ZMQ_LINGER, cfg->zmq_linger_ms) ||
        !zmq_set(zmq->socket, ZMQ_XPUB_NODROP, 1)) { /* full queues are told, not kept quiet */
        return status_fail(ST_IO, "ZeroMQ publisher: %s", zmq_strerror(errno));
    }
    return ST_OK;
}

static enum status zmq_listen(struct publisher_zmq *zmq, const struct publish_cfg *cfg)
{
    if (zmq_bind(zmq->socket, cfg->zmq_endpoint) == 0) {
        char endpoint[LIMIT_TEXT];
        size_t n_bytes = sizeof endpoint;
        bool known = zmq_getsockopt(zmq->socket, ZMQ_LAST_ENDPOINT, endpoint, &n_bytes) == 0;
        log_info("publishing on %s", known ? endpoint : cfg->zmq_endpoint);
        return ST_OK;
    }
    const int reason = errno;
    if (reason == EADDRINUSE) {
        return status_fail(ST_BUSY,
                           "publish.zmq.endpoint: %s is in use, perhaps by another reader; name "
                           "another endpoint, or switch off with --publish.zmq.enabled=false",
                           cfg->zmq_endpoint);
    }
    bool usage = reason == EINVAL || reason == EPROTONOSUPPORT || reason == ENOCOMPATPROTO;
    return status_fail(usage ? ST_USAGE : ST_IO,
                       "publish.zmq.endpoint: cannot bind '%s': %s (accepted: "
                       "tcp://ADDRESS:PORT, ipc://PATH)",
                       cfg->zmq_endpoint, zmq_strerror(reason));
}

static enum status zmq_open_bound(const struct publish_cfg *cfg,
                                  const struct record_context *context,
                                  struct publisher **publisher)
{
    struct publisher_zmq *zmq = calloc(1, sizeof *zmq);
    if (!zmq) {
        return status_fail(ST_NO_MEMORY, "ZeroMQ publisher: no memory");
    }
    zmq->base.ops = &publish_zmq;
    snprintf(zmq->reader_name, sizeof zmq->reader_name, "%s", context->reader_name);
    struct publisher *opened = (struct publisher *)zmq;
    enum status status = zmq_prepare(zmq, cfg);
    status = status ? status : zmq_listen(zmq, cfg);
    if (status) {
        zmq_close_all(&opened);
    }
    if (status == ST_BUSY && !cfg->zmq_endpoint_named) {
        log_warning("%s; going on without publishing", status_detail());
        status = ST_OK;
    }
    *publisher = opened;
    return status;
}

/* One frame. When a queue is full the record is counted as dropped once and goes to the subscribers
 * that have room: NODROP alone would keep it from all of them. */
static void zmq_put(struct publisher_zmq *zmq, const char *bytes, size_t n_bytes, int flags,
                    bool *dropped)
{
    int n = zmq_send(zmq->socket, bytes, n_bytes, flags | ZMQ_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        *dropped = true;
        bool lossy = zmq_set(zmq->socket, ZMQ_XPUB_NODROP, 0);
        n = zmq_send(zmq->socket, bytes, n_bytes, flags | ZMQ_DONTWAIT);
        bool counting = zmq_set(zmq->socket, ZMQ_XPUB_NODROP, 1);
        require(lossy);
        require(counting);
    }
    *dropped = *dropped || n < 0;
}

static void zmq_write(struct publisher *publisher, const struct record *record, const char *json,
                      size_t n_json)
{
    struct publisher_zmq *zmq = (struct publisher_zmq *)publisher;
    char topic[96];
    int n =
        snprintf(topic, sizeof topic, "%s.%s", record_type_text[record->type], zmq->reader_name);
    require(n > 0);
    require((size_t)n < sizeof topic);
    bool dropped = false;
    zmq_put(zmq, topic, (size_t)n, ZMQ_SNDMORE, &dropped);
    zmq_put(zmq, json, n_json, 0, &dropped);
    zmq->base.dropped += dropped;
}

const struct publisher_ops publish_zmq = {
    .name = "zmq",
    .help = "ZeroMQ PUB socket, topic <type>.<reader> and JSON",
    .wanted = zmq_wanted,
    .open = zmq_open_bound,
    .write = zmq_write,
    .close = zmq_close_all,
};
