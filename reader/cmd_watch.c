/* cmd_watch.c - subscribe to a running reader and show what it publishes. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "config/log.h"
#include "config/require.h"
#include "reader/publish.h"
#include "reader/record_parse.h"
#include "reader/run.h"

#define WATCH_ENDPOINT "tcp://127.0.0.1:5556"

enum {
    QUEUE_RECORDS = 100000,
    POLL_MS = 100,
    BURST_RECORDS = 1000, /* between two looks at clock and keyboard */
    SILENCE_S = 3,        /* a reader says `status` once a second */
    SILENCE_AGAIN_S = 30,
    MESSAGE_BYTES_MAX = 16384,
};

struct watch {
    const char *endpoint;
    void *context, *socket;
    struct publish_cfg cfg;
    struct publish *publish; /* opened with the first record: that tells the reader's name */
    bool json, stdout_is_over, failed;
    uint64_t n_messages, n_malformed;
    double start_s, heard_s, next_silence_s;
};

static volatile sig_atomic_t watch_signals;

static void watch_on_signal(int signal_number)
{
    (void)signal_number;
    watch_signals = watch_signals + 1;
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static enum status watch_connect(struct watch *watch)
{
    const int queue = QUEUE_RECORDS, linger = 0;
    const int64_t longest = MESSAGE_BYTES_MAX;
    watch->context = zmq_ctx_new();
    watch->socket = watch->context ? zmq_socket(watch->context, ZMQ_SUB) : NULL;
    if (!watch->socket || zmq_setsockopt(watch->socket, ZMQ_RCVHWM, &queue, sizeof queue) != 0 ||
        zmq_setsockopt(watch->socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(watch->socket, ZMQ_MAXMSGSIZE, &longest, sizeof longest) != 0 ||
        zmq_setsockopt(watch->socket, ZMQ_SUBSCRIBE, "", 0) != 0) {
        return status_fail(ST_IO, "watch: %s", zmq_strerror(errno));
    }
    if (zmq_connect(watch->socket, watch->endpoint) != 0) {
        return status_fail(ST_USAGE, "watch: cannot connect to '%s': %s (like " WATCH_ENDPOINT ")",
                           watch->endpoint, zmq_strerror(errno));
    }
    return ST_OK;
}

/* One whole message: topic and JSON.  err ST_TIMEOUT nothing there; ST_FORMAT other frames */
static enum status watch_receive(struct watch *watch, char text[MESSAGE_BYTES_MAX], size_t *n_bytes)
{
    size_t n_frames = 0;
    int more = 1, n_last = 0;
    bool fits = true;
    while (more) {
        int n = zmq_recv(watch->socket, text, MESSAGE_BYTES_MAX, ZMQ_DONTWAIT);
        if (n < 0) {
            return ST_TIMEOUT; /* frames of a message come together */
        }
        size_t n_option = sizeof more;
        if (zmq_getsockopt(watch->socket, ZMQ_RCVMORE, &more, &n_option) != 0) {
            return status_fail(ST_IO, "watch: %s", zmq_strerror(errno));
        }
        n_frames++;
        n_last = n;
        fits = fits && n <= MESSAGE_BYTES_MAX;
    }
    *n_bytes = (size_t)n_last;
    if (n_frames != 2 || !fits) {
        return status_fail(ST_FORMAT, "%zu frames, expected topic and JSON", n_frames);
    }
    return ST_OK;
}

static void watch_malformed(struct watch *watch)
{
    if (watch->n_malformed++ == 0) {
        log_warning("malformed message from %s: %s (further ones are only counted)",
                    watch->endpoint, status_detail());
    }
}

static void watch_stdout_check(struct watch *watch, bool written)
{
    if (!written && !watch->stdout_is_over) {
        watch->stdout_is_over = true;
        watch->failed = errno != EPIPE;
        if (watch->failed) {
            log_error("stdout: %s", strerror(errno));
        }
    }
}

static enum status watch_show(struct watch *watch, const struct record *record,
                              const struct record_context *context)
{
    if (!watch->publish) {
        enum status status = publish_open(&watch->cfg, context, &watch->publish);
        if (status) {
            return status;
        }
    }
    publish_record(watch->publish, record);
    return ST_OK;
}

static enum status watch_take(struct watch *watch, const char *text, size_t n_bytes)
{
    struct record record;
    struct record_context context;
    enum status status = record_from_json(text, n_bytes, &record, &context);
    if (status == ST_FORMAT || status == ST_UNSUPPORTED) {
        watch_malformed(watch);
        return ST_OK;
    }
    watch->heard_s = wall_s();
    watch->next_silence_s = watch->heard_s + SILENCE_S;
    watch->n_messages++;
    if (watch->json) { /* as it came: fields this program does not know go through */
        watch_stdout_check(watch,
                           fwrite(text, 1, n_bytes, stdout) == n_bytes && putchar('\n') != EOF);
        return ST_OK;
    }
    return status == ST_OK ? watch_show(watch, &record, &context) : ST_OK;
}

static void watch_silence(struct watch *watch)
{
    double now_s = wall_s();
    if (now_s < watch->next_silence_s) {
        return;
    }
    watch->next_silence_s = now_s + SILENCE_AGAIN_S;
    if (watch->n_messages == 0) {
        log_warning("nothing heard from %s for %.0f s: is a reader running and publishing there "
                    "(publish.zmq.endpoint)?",
                    watch->endpoint, now_s - watch->start_s);
    } else {
        log_warning("nothing heard from %s for %.0f s: the reader has stopped or hangs",
                    watch->endpoint, now_s - watch->heard_s);
    }
}

static void watch_tick(struct watch *watch)
{
    watch_silence(watch);
    if (watch->publish) {
        publish_tick(watch->publish);
    }
    if (watch->json && !watch->stdout_is_over) {
        watch_stdout_check(watch, fflush(stdout) == 0);
    }
}

static enum status watch_loop(struct watch *watch, double duration_s)
{
    static char text[MESSAGE_BYTES_MAX];
    zmq_pollitem_t item = {.socket = watch->socket, .events = ZMQ_POLLIN};
    double tick_s = 0.0;
    while (!watch_signals && !watch->stdout_is_over &&
           !(wall_s() - watch->start_s >= duration_s)) { /* NaN: for ever */
        zmq_poll(&item, 1, POLL_MS);
        enum status status = ST_OK;
        for (int k = 0; k < BURST_RECORDS && status != ST_TIMEOUT; k++) {
            size_t n_bytes = 0;
            status = watch_receive(watch, text, &n_bytes);
            if (status == ST_FORMAT) {
                watch_malformed(watch);
            } else if (status == ST_OK) {
                status = watch_take(watch, text, n_bytes);
            }
            if (status && status != ST_FORMAT && status != ST_TIMEOUT) {
                return status;
            }
        }
        if (wall_s() >= tick_s) {
            tick_s = wall_s() + 1e-3 * POLL_MS;
            watch_tick(watch);
        }
    }
    return ST_OK;
}

static enum status watch_close(struct watch *watch, enum status status)
{
    watch_tick(watch);
    if (watch->failed && !status) {
        status = status_fail(ST_IO, "watch: not all events could be written");
    }
    if (watch->publish && !status) {
        status = publish_flush(watch->publish);
    }
    publish_close(&watch->publish);
    if (watch->n_malformed > 0) {
        log_warning("%llu malformed messages", (unsigned long long)watch->n_malformed);
    }
    if (watch->socket) {
        zmq_close(watch->socket);
    }
    if (watch->context) {
        zmq_ctx_term(watch->context);
    }
    return status;
}

static void watch_catch_signals(void)
{
    struct sigaction action = {.sa_handler = watch_on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed stdout ends the loop */
}

int cmd_watch(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 1) {
        log_error("watch takes one endpoint, '%s' is too many", arguments[1]);
        return 2;
    }
    struct run_cfg run;
    struct watch watch = {.endpoint = n_arguments == 1 ? arguments[0] : WATCH_ENDPOINT};
    option_fill(options, &run_options, &run);
    option_fill(options, &publish_options, &watch.cfg);
    watch.json = run.json;
    watch.cfg.zmq_enabled = false;
    watch.cfg.trace = run.trace;
    watch.cfg.live_view = !run.json && isatty(STDOUT_FILENO);
    snprintf(watch.cfg.source, sizeof watch.cfg.source, "%.63s", watch.endpoint);
    watch_catch_signals();
    watch.start_s = watch.heard_s = wall_s();
    watch.next_silence_s = watch.start_s + SILENCE_S;
    enum status status = watch_connect(&watch);
    if (!status) {
        log_info("listening to %s", watch.endpoint);
        status = watch_loop(&watch, run.duration_s);
    }
    return run_exit_status(watch_close(&watch, status));
}
