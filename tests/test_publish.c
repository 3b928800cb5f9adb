/* test_publish.c - ZeroMQ and JSON lines: order, drops, busy endpoints, broken outputs. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <zmq.h>

#include "config/log.h"
#include "reader/publish.h"

static const struct record_context context = {.reader_name = "dock-1", .epoch_s = NAN};
static char directory[64]; /* sockets and files of the test run */

static int set_up(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/test_publish.XXXXXX");
    log_set_level(LOG_WARNING);
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"order", "slow"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) { /* libzmq 4.3 leaves them behind */
        char path[96];
        snprintf(path, sizeof path, "%s/%s", directory, names[k]);
        unlink(path);
    }
    return rmdir(directory);
}

/* stdout on a file for a while. */
static int stdout_to(const char *path)
{
    fflush(stdout);
    int before = dup(STDOUT_FILENO);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(before >= 0);
    assert_true(file >= 0);
    assert_int_equal(dup2(file, STDOUT_FILENO), STDOUT_FILENO);
    close(file);
    return before;
}

static void stdout_back(int before)
{
    fflush(stdout);
    clearerr(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
}

static int stdout_before;

static int quiet_begin(void **state) /* without --json there are lines on stdout, too */
{
    (void)state;
    stdout_before = stdout_to("/dev/null");
    return 0;
}

static int quiet_end(void **state)
{
    (void)state;
    stdout_back(stdout_before);
    return 0;
}

static struct publish_cfg zmq_cfg(const char *name)
{
    struct publish_cfg cfg = {.zmq_enabled = true, .zmq_queue_records = 1000, .zmq_linger_ms = 0};
    snprintf(cfg.zmq_endpoint, sizeof cfg.zmq_endpoint, "ipc://%s/%s", directory, name);
    return cfg;
}

static void *subscriber(void *zmq, const struct publish_cfg *cfg, const char *topic, int queue)
{
    void *socket = zmq_socket(zmq, ZMQ_SUB);
    const int patience_ms = 2000;
    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVHWM, &queue, sizeof queue), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic)), 0);
    assert_int_equal(zmq_connect(socket, cfg->zmq_endpoint), 0);
    return socket;
}

static size_t frame(void *socket, char *text, size_t capacity)
{
    int n = zmq_recv(socket, text, capacity - 1, 0);
    assert_true(n >= 0);
    assert_true((size_t)n < capacity);
    text[n] = '\0';
    return (size_t)n;
}

static bool has_more(void *socket)
{
    int more = 0;
    size_t n = sizeof more;
    assert_int_equal(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &n), 0);
    return more != 0;
}

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* Publish rounds until one comes through: then the subscription is in force. */
static void wait_for_subscription(struct publish *publish, void *socket)
{
    struct record record = {.type = RECORD_ROUND};
    char text[RECORD_JSON_MAX];
    for (int k = 0; k < 200; k++) {
        publish_record(publish, &record);
        pause_ms(10);
        if (zmq_recv(socket, text, sizeof text, ZMQ_DONTWAIT) >= 0) {
            pause_ms(100);
            while (zmq_recv(socket, text, sizeof text, ZMQ_DONTWAIT) >= 0) { /* the rest of them */
            }
            return;
        }
    }
    fail_msg("the subscriber hears nothing");
}

static void publish_zmq_sends_topic_and_json_in_order(void **state)
{
    (void)state;
    struct publish_cfg cfg = zmq_cfg("order");
    struct publish *publish = NULL;
    assert_int_equal(publish_open(&cfg, &context, &publish), ST_OK);
    void *zmq = zmq_ctx_new();
    void *all = subscriber(zmq, &cfg, "", 1000);
    void *reads = subscriber(zmq, &cfg, "read.", 1000);
    wait_for_subscription(publish, all);
    pause_ms(100); /* the other one connects as fast */
    for (uint32_t k = 0; k < 300; k++) {
        struct record record = {.type = k % 3 == 0 ? RECORD_READ : RECORD_SLOT, .t_s = 1e-3 * k};
        record.read.n_epc_bits = k % 3 == 0 ? 96 : 0;
        if (k % 3) {
            record.slot = (struct record_slot){.slot = k};
        } else {
            record.read.slot = k;
        }
        publish_record(publish, &record);
    }
    for (uint32_t k = 0; k < 300; k++) {
        char topic[128], text[RECORD_JSON_MAX];
        frame(all, topic, sizeof topic);
        assert_string_equal(topic, k % 3 == 0 ? "read.dock-1" : "slot.dock-1");
        assert_true(has_more(all));
        frame(all, text, sizeof text);
        assert_false(has_more(all));
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(root);
        assert_int_equal(json_integer_value(json_object_get(root, "slot")), k);
        json_decref(root);
        if (k % 3 == 0) { /* the subscription by prefix gets the reads and nothing else */
            frame(reads, topic, sizeof topic);
            assert_string_equal(topic, "read.dock-1");
            frame(reads, text, sizeof text);
        }
    }
    assert_true(publish_dropped(publish) == 0);
    zmq_close(all);
    zmq_close(reads);
    publish_close(&publish);
    assert_null(publish);
    zmq_ctx_term(zmq);
}

static void publish_zmq_drops_for_the_slow_and_serves_the_quick(void **state)
{
    (void)state;
    enum { RECORDS = 20000 };
    struct publish_cfg cfg = zmq_cfg("slow");
    cfg.zmq_queue_records = 500; /* libzmq looks at its queues about once a millisecond */
    struct publish *publish = NULL;
    assert_int_equal(publish_open(&cfg, &context, &publish), ST_OK);
    void *zmq = zmq_ctx_new();
    void *quick = subscriber(zmq, &cfg, "", RECORDS);
    wait_for_subscription(publish, quick);
    void *slow = subscriber(zmq, &cfg, "", 10); /* never read */
    pause_ms(200);
    char text[RECORD_JSON_MAX], expected[32];
    const uint64_t dropped_before = publish_dropped(publish);
    for (uint32_t k = 0; k < RECORDS; k++) {
        struct record record = {.type = RECORD_SLOT, .slot = {.slot = k}};
        publish_record(publish, &record);
        frame(quick, text, sizeof text); /* keeps up: must get every single one */
        frame(quick, text, sizeof text);
        snprintf(expected, sizeof expected, "\"slot\":%u,", (unsigned)k);
        assert_non_null(strstr(text, expected));
    }
    const uint64_t dropped = publish_dropped(publish) - dropped_before;
    assert_true(dropped > 0); /* the slow one's, counted once a record */
    assert_true(dropped < RECORDS);
    void *check = subscriber(zmq, &cfg, "status.", 100);
    pause_ms(200);
    struct record record = {.type = RECORD_STATUS, .status = {.dropped_events = 5}};
    publish_record(publish, &record);
    frame(check, text, sizeof text);
    frame(check, text, sizeof text);
    json_t *root = json_loads(text, 0, NULL);
    json_t *host = json_object_get(root, "host");
    assert_true((uint64_t)json_integer_value(json_object_get(host, "dropped_events")) >=
                dropped + 5);
    json_decref(root);
    zmq_close(check);
    zmq_close(quick);
    zmq_close(slow);
    publish_close(&publish);
    zmq_ctx_term(zmq);
}

static char last_warning[512];

static void warning_note(enum log_level level, const char *line)
{
    assert_int_equal(level, LOG_WARNING);
    snprintf(last_warning, sizeof last_warning, "%s", line);
}

static void publish_zmq_busy_endpoint_is_a_warning_unless_named(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new();
    void *holder = zmq_socket(zmq, ZMQ_PUB);
    struct publish_cfg cfg = zmq_cfg("unused");
    size_t n_bytes = sizeof cfg.zmq_endpoint;
    assert_int_equal(zmq_bind(holder, "tcp://127.0.0.1:*"), 0); /* a port nobody else has */
    assert_int_equal(zmq_getsockopt(holder, ZMQ_LAST_ENDPOINT, cfg.zmq_endpoint, &n_bytes), 0);
    struct publish *publish = NULL;
    log_set_sink(warning_note);
    assert_int_equal(publish_open(&cfg, &context, &publish), ST_OK);
    log_set_sink(NULL);
    assert_non_null(strstr(last_warning, cfg.zmq_endpoint));
    assert_non_null(strstr(last_warning, "in use"));
    struct record record = {.type = RECORD_SLOT};
    publish_record(publish, &record); /* goes on without it */
    publish_close(&publish);
    cfg.zmq_endpoint_named = true;
    assert_int_equal(publish_open(&cfg, &context, &publish), ST_BUSY);
    assert_null(publish);
    assert_non_null(strstr(status_detail(), "publish.zmq.endpoint"));
    assert_non_null(strstr(status_detail(), cfg.zmq_endpoint));
    zmq_close(holder);
    zmq_ctx_term(zmq);
    strcpy(cfg.zmq_endpoint, "5556");
    assert_int_equal(publish_open(&cfg, &context, &publish), ST_USAGE);
    assert_non_null(strstr(status_detail(), "'5556'"));
}

static void file_text(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, capacity - 1, file);
    text[n] = '\0';
    fclose(file);
    unlink(path);
}

static void publish_stdout_carries_data_only(void **state)
{
    (void)state;
    char path[96], text[4096];
    snprintf(path, sizeof path, "%s/out", directory);
    for (int json = 0; json < 2; json++) {
        struct publish_cfg cfg = {.json = json == 1};
        struct publish *publish = NULL;
        int before = stdout_to(path);
        enum status status = publish_open(&cfg, &context, &publish);
        struct record read = {.type = RECORD_READ, .read = {.n_epc_bits = 96, .rssi_dbm = NAN}};
        struct record command = {.type = RECORD_COMMAND};
        struct record summary = {.type = RECORD_STATUS};
        if (!status) {
            publish_record(publish, &read);
            publish_record(publish, &command);
            log_set_level(LOG_ERROR); /* the status line would go to stderr */
            publish_record(publish, &summary);
            log_set_level(LOG_WARNING);
            status = publish_flush(publish);
        }
        publish_close(&publish);
        stdout_back(before);
        assert_int_equal(status, ST_OK);
        file_text(path, text, sizeof text);
        size_t n_lines = 0;
        for (const char *at = text; *at; at++) {
            n_lines += *at == '\n';
        }
        assert_int_equal(n_lines, json ? 3 : 2); /* three objects; a head and one read */
        assert_true(json ? text[0] == '{' : strncmp(text, record_line_header(), 20) == 0);
    }
}

static volatile sig_atomic_t n_interrupts;

static void interrupt_count(int signal_number)
{
    (void)signal_number;
    n_interrupts = n_interrupts + 1;
}

static void publish_full_disk_fails_and_asks_for_the_end(void **state)
{
    (void)state;
    struct publish_cfg cfg = {.json = true};
    struct publish *publish = NULL;
    struct record record = {.type = RECORD_SLOT};
    signal(SIGINT, interrupt_count);
    log_set_sink(NULL);
    int before = stdout_to("/dev/full");
    enum status opened = publish_open(&cfg, &context, &publish);
    publish_record(publish, &record);
    int errors = dup(STDERR_FILENO), nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO); /* the message is expected */
    enum status flushed = publish_flush(publish);
    publish_record(publish, &record); /* no second signal */
    publish_close(&publish);
    dup2(errors, STDERR_FILENO);
    close(errors);
    close(nowhere);
    stdout_back(before);
    signal(SIGINT, SIG_DFL);
    assert_int_equal(opened, ST_OK);
    assert_int_equal(flushed, ST_IO);
    assert_non_null(strstr(status_detail(), "jsonl"));
    assert_int_equal(n_interrupts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(publish_zmq_sends_topic_and_json_in_order, quiet_begin,
                                        quiet_end),
        cmocka_unit_test_setup_teardown(publish_zmq_drops_for_the_slow_and_serves_the_quick,
                                        quiet_begin, quiet_end),
        cmocka_unit_test_setup_teardown(publish_zmq_busy_endpoint_is_a_warning_unless_named,
                                        quiet_begin, quiet_end),
        cmocka_unit_test(publish_stdout_carries_data_only),
        cmocka_unit_test(publish_full_disk_fails_and_asks_for_the_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
