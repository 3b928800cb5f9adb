/* test_radio_zmq.c - the zmq radio against a far end made of plain sockets in other threads. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "config/option.h"
#include "radio/radio.h"

#define RATE_SPS 2e6
#define BLOCK 100 /* 50 us at 2 MS/s */

static void *context; /* of the far end */
static char tx_endpoint[64], rx_endpoint[64];

static int make_context(void **state)
{
    (void)state;
    context = zmq_ctx_new();
    snprintf(tx_endpoint, sizeof tx_endpoint, "ipc:///tmp/zp_zmq_tx_%d", (int)getpid());
    snprintf(rx_endpoint, sizeof rx_endpoint, "ipc:///tmp/zp_zmq_rx_%d", (int)getpid());
    return context ? 0 : -1;
}

static int end_context(void **state)
{
    (void)state;
    unlink("/tmp/zp_zmq_unused");
    unlink(tx_endpoint + strlen("ipc://"));
    unlink(rx_endpoint + strlen("ipc://"));
    return zmq_ctx_term(context);
}

static double clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void *far_socket(int type, const char *endpoint)
{
    void *socket = zmq_socket(context, type);
    const int linger_ms = 0, patience_ms = 2000;
    zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience_ms, sizeof patience_ms);
    assert_int_equal(type == ZMQ_REP ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint),
                     0);
    return socket;
}

static struct option_set *zmq_options(const char *tx, const char *rx, const char *timeout_s)
{
    struct option_set *set;
    assert_int_equal(option_set_new(radio_zmq.options, 1, &set), ST_OK);
    assert_int_equal(option_set_text(set, "radio.zmq.tx", tx, "test"), ST_OK);
    assert_int_equal(option_set_text(set, "radio.zmq.rx", rx, "test"), ST_OK);
    assert_int_equal(option_set_text(set, "radio.zmq.timeout_s", timeout_s, "test"), ST_OK);
    return set;
}

static struct radio *open_radio(int64_t n_rx_channels, double block_hint_us, const char *timeout_s)
{
    struct option_set *set = zmq_options(tx_endpoint, rx_endpoint, timeout_s);
    const struct radio_cfg cfg = {.kind = 2,
                                  .rate_sps = RATE_SPS,
                                  .freq_hz = NAN,
                                  .n_rx_channels = n_rx_channels,
                                  .block_hint_us = block_hint_us};
    assert_ptr_equal(radio_table[2], &radio_zmq);
    struct radio *radio;
    const enum status status = radio_open(&cfg, set, &radio);
    if (status) {
        print_error("%s\n", status_detail());
    }
    assert_int_equal(status, ST_OK);
    assert_int_equal(radio_start(radio), ST_OK);
    option_set_free(&set);
    return radio;
}

/* The far end: asks for a transmit block, answers one receive request with k times the block. */
struct far_end {
    int n_blocks, n_channels;
    int n_wrong_length, n_wrong_count, n_done;
    size_t block_samples;
    size_t n_last_bytes; /* of the last transmit block, asked for at the very end */
};

static void *far_run(void *argument)
{
    struct far_end *far = argument;
    void *tx = far_socket(ZMQ_REQ, tx_endpoint), *rx = far_socket(ZMQ_REP, rx_endpoint);
    static float _Complex block[4096], heard[8192];
    for (int k = 0; k < far->n_blocks; k++) {
        zmq_send(tx, "x", 1, 0); /* any content */
        const int n_bytes = zmq_recv(tx, block, sizeof block, 0);
        if (n_bytes < 0) {
            break;
        }
        far->n_wrong_length += (size_t)n_bytes != far->block_samples * sizeof *block;
        int32_t n_wanted = 0;
        if (zmq_recv(rx, &n_wanted, sizeof n_wanted, 0) != sizeof n_wanted) {
            break;
        }
        far->n_wrong_count += (size_t)n_wanted != far->block_samples;
        const int n = n_bytes / (int)sizeof *block;
        for (int i = 0; i < n; i++) {
            for (int c = 0; c < far->n_channels; c++) {
                heard[i * far->n_channels + c] = block[i] * (float)(c + 2);
            }
        }
        zmq_send(rx, heard, (size_t)(n * far->n_channels) * sizeof *heard, 0);
        far->n_done++;
    }
    zmq_send(tx, "", 0, 0);
    const int n_bytes = zmq_recv(tx, block, sizeof block, 0);
    far->n_last_bytes = n_bytes > 0 ? (size_t)n_bytes : 0;
    zmq_close(tx);
    zmq_close(rx);
    return NULL;
}

struct sender {
    struct radio *radio;
    int64_t n_samples;
    enum status status;
};

static float value_at(int64_t tick)
{
    return (float)(tick % 100003) / 1e6f;
}

/* Pieces of changing length: blocks on the wire must not depend on them. */
static void *send_pieces(void *argument)
{
    struct sender *sender = argument;
    static float _Complex piece[257];
    int64_t tick = 0;
    for (size_t n = 1; tick < sender->n_samples && !sender->status; n = n % 257 + 7) {
        size_t n_piece = n < 257 ? n : 257;
        const int64_t n_left = sender->n_samples - tick;
        n_piece = (int64_t)n_piece < n_left ? n_piece : (size_t)n_left;
        for (size_t k = 0; k < n_piece; k++) {
            piece[k] = value_at(tick + (int64_t)k);
        }
        sender->status = radio_send(sender->radio, piece, n_piece, tick);
        tick += (int64_t)n_piece;
    }
    return NULL;
}

static void exchange(int n_channels, double block_hint_us, size_t block_samples)
{
    enum { N_BLOCKS = 300, REST = 3 };
    struct radio *radio = open_radio(n_channels, block_hint_us, "5");
    struct far_end far = {
        .n_blocks = N_BLOCKS, .n_channels = n_channels, .block_samples = block_samples};
    struct sender sender = {.radio = radio,
                            .n_samples = (int64_t)(N_BLOCKS * block_samples) + REST};
    pthread_t far_thread, tx_thread;
    pthread_create(&far_thread, NULL, far_run, &far);
    pthread_create(&tx_thread, NULL, send_pieces, &sender);
    static float _Complex heard[LIMIT_RX_CHANNELS][64];
    struct iq_block block = {.capacity_samples = 64, /* smaller than a reply */
                             .n_channels = (unsigned)n_channels,
                             .sample = {heard[0], heard[1]}};
    int64_t tick = 0, n_wrong = 0;
    while (tick < (int64_t)(N_BLOCKS * block_samples)) {
        assert_int_equal(radio_recv(radio, &block), ST_OK);
        assert_int_equal(block.first_tick, tick);
        for (size_t k = 0; k < block.n_samples; k++, tick++) {
            for (int c = 0; c < n_channels; c++) {
                n_wrong += crealf(heard[c][k]) != value_at(tick) * (float)(c + 2);
            }
        }
    }
    pthread_join(tx_thread, NULL);
    assert_int_equal(sender.status, ST_OK);
    assert_int_equal(radio_now(radio), tick);
    radio_stop(radio);
    radio_close(&radio); /* gives the rest of the last block away */
    pthread_join(far_thread, NULL);
    assert_int_equal(n_wrong, 0);
    assert_int_equal(far.n_done, N_BLOCKS);
    assert_int_equal(far.n_wrong_length, 0);
    assert_int_equal(far.n_wrong_count, 0);
    assert_int_equal(far.n_last_bytes, REST * sizeof(float _Complex));
}

static void radio_zmq_exchanges_blocks_of_50_us(void **state)
{
    (void)state;
    exchange(1, 75.0, BLOCK); /* 3 Tpri at 40 kHz are longer than 50 us */
}

static void radio_zmq_shortens_blocks_to_the_hint(void **state)
{
    (void)state;
    exchange(1, 3 / 640e3 * 1e6, 9); /* 3 Tpri at 640 kHz: 4.69 us, 9.4 samples */
}

static void radio_zmq_separates_two_channels(void **state)
{
    (void)state;
    exchange(2, 50.0, BLOCK);
}

static void radio_zmq_reports_a_busy_endpoint(void **state)
{
    (void)state;
    void *other = zmq_socket(context, ZMQ_REP);
    assert_int_equal(zmq_bind(other, "tcp://127.0.0.1:*"), 0);
    char endpoint[64];
    size_t size = sizeof endpoint;
    assert_int_equal(zmq_getsockopt(other, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    static const struct {
        const char *tx, *rx; /* NULL: the busy one */
        enum status status;
        const char *word;
    } cases[] = {
        {NULL, "tcp://127.0.0.1:2001", ST_BUSY, "radio.zmq.tx"},
        {"nonsense", "tcp://127.0.0.1:2001", ST_RANGE, "nonsense"},
        {"tcp://127.0.0.1:99999999", "tcp://127.0.0.1:2001", ST_RANGE, "radio.zmq.tx"},
        {"tcp://nosuchinterface0:5", "tcp://127.0.0.1:2001", ST_NOT_FOUND, "radio.zmq.tx"},
        {"ipc:///tmp/zp_zmq_unused", "what://x", ST_RANGE, "radio.zmq.rx"},
    };
    const struct radio_cfg cfg = {
        .kind = 2, .rate_sps = RATE_SPS, .freq_hz = NAN, .n_rx_channels = 1};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct option_set *set =
            zmq_options(cases[k].tx ? cases[k].tx : endpoint, cases[k].rx, "1");
        struct radio *radio;
        const enum status status = radio_open(&cfg, set, &radio);
        if (status != cases[k].status) {
            print_error("case %zu: %s\n", k, status_detail());
        }
        assert_int_equal(status, cases[k].status);
        assert_non_null(strstr(status_detail(), cases[k].word));
        assert_null(radio);
        option_set_free(&set);
    }
    struct option_set *set = zmq_options(tx_endpoint, rx_endpoint, "1");
    static const double bad_sps[] = {0, -1, INFINITY, 1e30};
    struct radio_cfg bad = cfg;
    struct radio *radio;
    for (size_t k = 0; k < sizeof bad_sps / sizeof *bad_sps; k++) {
        bad.rate_sps = bad_sps[k];
        assert_int_equal(radio_open(&bad, set, &radio), ST_RANGE);
    }
    bad.rate_sps = NAN;
    assert_int_equal(radio_open(&bad, set, &radio), ST_USAGE);
    option_set_free(&set);
    zmq_close(other);
}

static void radio_zmq_times_out_when_the_far_end_is_silent(void **state)
{
    (void)state;
    struct radio *radio = open_radio(1, 50, "0.2");
    float _Complex sample[BLOCK] = {0};
    struct iq_block block = {.capacity_samples = BLOCK, .n_channels = 1, .sample = {sample, NULL}};
    double start_s = clock_s();
    assert_int_equal(radio_send(radio, sample, BLOCK, 0), ST_TIMEOUT);
    assert_true(clock_s() - start_s >= 0.2);
    assert_non_null(strstr(status_detail(), "0.2 s"));
    assert_non_null(strstr(status_detail(), tx_endpoint));
    assert_int_equal(radio_recv(radio, &block), ST_TIMEOUT);
    assert_non_null(strstr(status_detail(), rx_endpoint));
    /* the request is still out: a late answer is taken, REQ stays in step */
    void *rx = far_socket(ZMQ_REP, rx_endpoint);
    int32_t n_wanted = 0;
    assert_int_equal(zmq_recv(rx, &n_wanted, sizeof n_wanted, 0), sizeof n_wanted);
    assert_int_equal(n_wanted, BLOCK);
    const float _Complex one = 0.5f;
    assert_int_equal(zmq_send(rx, &one, sizeof one, 0), sizeof one);
    assert_int_equal(radio_recv(radio, &block), ST_OK);
    assert_int_equal(block.n_samples, 1);
    /* the far end vanishes with a request unanswered */
    assert_int_equal(radio_recv(radio, &block), ST_TIMEOUT);
    zmq_close(rx);
    assert_int_equal(radio_recv(radio, &block), ST_TIMEOUT);
    radio_close(&radio);
}

static void radio_zmq_refuses_malformed_replies(void **state)
{
    (void)state;
    for (int n_channels = 1; n_channels <= 2; n_channels++) {
        struct radio *radio = open_radio(n_channels, 50, "0.05");
        void *rx = far_socket(ZMQ_REP, rx_endpoint);
        float _Complex sample[2][BLOCK];
        struct iq_block block = {.capacity_samples = BLOCK,
                                 .n_channels = (unsigned)n_channels,
                                 .sample = {sample[0], sample[1]}};
        const size_t frame_bytes = 8u * (size_t)n_channels;
        char reply[64] = {0};
        char request[8];
        for (size_t n = 1; n < 2 * frame_bytes; n += n == frame_bytes - 1 ? 2 : 1) {
            assert_int_equal(radio_recv(radio, &block), ST_TIMEOUT); /* sends the request */
            assert_int_equal(zmq_recv(rx, request, sizeof request, 0), 4);
            zmq_send(rx, reply, n, 0);
            enum status status;
            do { /* on its way */
                status = radio_recv(radio, &block);
            } while (status == ST_TIMEOUT);
            assert_int_equal(status, ST_FORMAT);
            assert_non_null(strstr(status_detail(), n_channels == 1 ? "8 bytes" : "16 bytes"));
        }
        assert_int_equal(radio_recv(radio, &block), ST_TIMEOUT);
        assert_int_equal(zmq_recv(rx, request, sizeof request, 0), 4);
        zmq_send(rx, reply, frame_bytes, ZMQ_SNDMORE); /* two parts */
        zmq_send(rx, reply, frame_bytes, 0);
        enum status status;
        do {
            status = radio_recv(radio, &block);
        } while (status == ST_TIMEOUT);
        assert_int_equal(status, ST_FORMAT);
        zmq_close(rx);
        radio_close(&radio);
    }
}

static void *recv_one(void *argument)
{
    struct sender *waiting = argument;
    static float _Complex sample[BLOCK];
    struct iq_block block = {.capacity_samples = BLOCK, .n_channels = 1, .sample = {sample, NULL}};
    waiting->status = radio_recv(waiting->radio, &block);
    return NULL;
}

static void radio_zmq_stop_wakes_both_threads(void **state)
{
    (void)state;
    struct radio *radio = open_radio(1, 50, "60");
    struct sender sender = {.radio = radio, .n_samples = 1000}, receiver = {.radio = radio};
    pthread_t tx_thread, rx_thread;
    pthread_create(&tx_thread, NULL, send_pieces, &sender);
    pthread_create(&rx_thread, NULL, recv_one, &receiver);
    usleep(100000);
    const double start_s = clock_s();
    radio_stop(radio);
    radio_stop(radio);
    pthread_join(tx_thread, NULL);
    pthread_join(rx_thread, NULL);
    assert_true(clock_s() - start_s < 0.05);
    assert_int_equal(sender.status, ST_STOPPED);
    assert_int_equal(receiver.status, ST_STOPPED);
    radio_close(&radio);
}

/* The field of tests/zmq_field.c as a process of its own; its JSON line lands in text. */
static pid_t start_field(const char *n_blocks, int *output)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t process = fork();
    if (process == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(ZP_BUILD_DIR "/tests/zmq_field", "zmq_field", "--tx", tx_endpoint, "--rx",
              rx_endpoint, "--rate", "2e6", "--field.n_blocks", n_blocks, "--field.timeout_s",
              "0.3", "--radio.sim.n_tags", "3", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *output = ends[0];
    return process;
}

static void run_field(const char *n_blocks_wanted, int64_t n_blocks_sent)
{
    if (access(ZP_BUILD_DIR "/tests/zmq_field", X_OK)) {
        skip();
    }
    struct radio *radio = open_radio(1, 50, "5");
    int output;
    const pid_t process = start_field(n_blocks_wanted, &output);
    struct sender sender = {.radio = radio, .n_samples = n_blocks_sent * BLOCK};
    pthread_t thread;
    pthread_create(&thread, NULL, send_pieces, &sender);
    static float _Complex heard[BLOCK];
    struct iq_block block = {.capacity_samples = BLOCK, .n_channels = 1, .sample = {heard, NULL}};
    for (int64_t k = 0; k < n_blocks_sent; k++) {
        assert_int_equal(radio_recv(radio, &block), ST_OK);
        assert_int_equal(block.n_samples, BLOCK);
    }
    pthread_join(thread, NULL);
    assert_int_equal(sender.status, ST_OK);
    radio_close(&radio);
    char text[4096];
    size_t n_bytes = 0;
    for (ssize_t n; (n = read(output, text + n_bytes, sizeof text - 1 - n_bytes)) > 0;) {
        n_bytes += (size_t)n;
    }
    text[n_bytes] = '\0';
    close(output);
    int ended;
    assert_int_equal(waitpid(process, &ended, 0), process);
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
    char expect[64];
    snprintf(expect, sizeof expect, "{\"n_samples\":%lld,", (long long)(n_blocks_sent * BLOCK));
    assert_memory_equal(text, expect, strlen(expect));
    snprintf(expect, sizeof expect, "\"n_blocks\":%lld,\"n_tags\":3,", (long long)n_blocks_sent);
    assert_non_null(strstr(text, expect));
    assert_non_null(strstr(text, "\"n_acks_late\":0}\n"));
}

static void zmq_field_ends_after_its_blocks(void **state)
{
    (void)state;
    run_field("200", 200);
}

static void zmq_field_ends_when_the_reader_is_gone(void **state)
{
    (void)state;
    run_field("1000000", 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(radio_zmq_exchanges_blocks_of_50_us),
        cmocka_unit_test(radio_zmq_shortens_blocks_to_the_hint),
        cmocka_unit_test(radio_zmq_separates_two_channels),
        cmocka_unit_test(radio_zmq_reports_a_busy_endpoint),
        cmocka_unit_test(radio_zmq_times_out_when_the_far_end_is_silent),
        cmocka_unit_test(radio_zmq_refuses_malformed_replies),
        cmocka_unit_test(radio_zmq_stop_wakes_both_threads),
        cmocka_unit_test(zmq_field_ends_after_its_blocks),
        cmocka_unit_test(zmq_field_ends_when_the_reader_is_gone),
    };
    return cmocka_run_group_tests(tests, make_context, end_context);
}
