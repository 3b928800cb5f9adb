/* zmq_field.c - the far end of `--radio zmq` in a process of its own: a field of simulated tags.
 * Takes a block of transmit samples (REQ to the reader's REP), lets the air hear it, answers the
 * reader's request (REP to its REQ) with exactly that block's receive samples, asks for the next.
 * Ends after its duration, on SIGINT or SIGTERM, or when the reader is gone; then one JSON line
 * tells what the tags really did.
 *     zmq_field --tags 20 --seed 1 --field.rate_sps 2e6 --field.duration_s 2 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "config/option.h"
#include "config/require.h"
#include "radio/air/air.h"

#define BLOCK_MAX_SAMPLES ((size_t)1 << 20)

struct field_cfg {
    char tx[LIMIT_TEXT], rx[LIMIT_TEXT], record[LIMIT_TEXT], play[LIMIT_TEXT];
    double rate_sps, freq_hz, duration_s, timeout_s, patience_s;
    int64_t n_rx_channels, n_blocks;
};

static const struct option_row field_rows[] = {
    {"field.tx", OPTION_TEXT, "", "tcp://127.0.0.1:2000", 0, 0, NULL,
     offsetof(struct field_cfg, tx), "the reader's radio.zmq.tx", "tx"},
    {"field.rx", OPTION_TEXT, "", "tcp://127.0.0.1:2001", 0, 0, NULL,
     offsetof(struct field_cfg, rx), "the reader's radio.zmq.rx", "rx"},
    {"field.rate_sps", OPTION_NUMBER, "S/s", "2e6", 1e6, 100e6, NULL,
     offsetof(struct field_cfg, rate_sps), "sample rate, as the reader's", "rate"},
    {"field.freq_hz", OPTION_NUMBER, "Hz", "915e6", 1e6, 10e9, NULL,
     offsetof(struct field_cfg, freq_hz), "carrier frequency", "freq"},
    {"field.duration_s", OPTION_NUMBER, "s", "", 0, 1e6, NULL,
     offsetof(struct field_cfg, duration_s), "end after so much sample time; unset: never",
     "duration"},
    {"field.n_blocks", OPTION_INT, "", "", 1, 1e15, NULL, offsetof(struct field_cfg, n_blocks),
     "end after so many blocks; unset: never", "blocks"},
    {"field.patience_s", OPTION_NUMBER, "s", "30", 0.01, 1e6, NULL,
     offsetof(struct field_cfg, patience_s), "wait so long for the first block", "patience"},
    {"field.timeout_s", OPTION_NUMBER, "s", "2", 0.01, 1e6, NULL,
     offsetof(struct field_cfg, timeout_s), "the reader is gone when silent for so long",
     "timeout"},
    {"field.n_rx_channels", OPTION_INT, "", "1", 1, LIMIT_RX_CHANNELS, NULL,
     offsetof(struct field_cfg, n_rx_channels), "receive channels", "channels"},
    {"field.record", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct field_cfg, record),
     "write what the reader transmits to this file (cf32)", "record"},
    {"field.play", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct field_cfg, play),
     "let the reader hear this file (cf32, one channel) instead of the air; zeros after its end",
     "play"},
};
static const struct option_table field_table = {"field", field_rows,
                                                sizeof field_rows / sizeof *field_rows};
static const struct option_table *const tables[] = {&field_table, &air_options};
#define N_TABLES (sizeof tables / sizeof *tables)

struct field {
    struct field_cfg cfg;
    struct air *air;
    void *context, *tx, *rx;
    float _Complex *sent, *heard[LIMIT_RX_CHANNELS], *reply;
    int64_t n_samples, n_blocks, n_until_silence; /* the last sample with carrier ends there */
    FILE *record, *play;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* A shorthand of any table stands for its key. */
static const char *key_of(const char *flag)
{
    for (size_t t = 0; t < N_TABLES; t++) {
        for (size_t k = 0; k < tables[t]->n_rows; k++) {
            const char *shorthand = tables[t]->rows[k].shorthand;
            if (shorthand && !strcmp(shorthand, flag)) {
                return tables[t]->rows[k].key;
            }
        }
    }
    return flag;
}

static enum status read_arguments(struct option_set *set, int argc, char **argv)
{
    for (int k = 1; k < argc; k += 2) {
        if (strncmp(argv[k], "--", 2) != 0 || k + 1 == argc) {
            return status_fail(ST_USAGE, "'%s': accepted are pairs --KEY VALUE", argv[k]);
        }
        enum status status = option_set_text(set, key_of(argv[k] + 2), argv[k + 1], argv[k]);
        if (status) {
            return status;
        }
    }
    return ST_OK;
}

static void set_timeout(void *socket, double timeout_s)
{
    const int timeout_ms = (int)(timeout_s * 1e3);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout_ms, sizeof timeout_ms);
}

static enum status open_sockets(struct field *field)
{
    const int linger_ms = 500, queue = 1000; /* see radio_zmq.c */
    field->context = zmq_ctx_new();
    require(field->context);
    field->tx = zmq_socket(field->context, ZMQ_REQ);
    field->rx = zmq_socket(field->context, ZMQ_REP);
    require(field->tx && field->rx);
    void *const sockets[] = {field->tx, field->rx};
    for (size_t k = 0; k < 2; k++) {
        zmq_setsockopt(sockets[k], ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_setsockopt(sockets[k], ZMQ_SNDHWM, &queue, sizeof queue);
        zmq_setsockopt(sockets[k], ZMQ_RCVHWM, &queue, sizeof queue);
        set_timeout(sockets[k], field->cfg.patience_s);
    }
    if (zmq_bind(field->rx, field->cfg.rx)) {
        return status_fail(ST_BUSY, "field.rx: '%s': %s", field->cfg.rx, zmq_strerror(errno));
    }
    if (zmq_connect(field->tx, field->cfg.tx)) {
        return status_fail(ST_RANGE, "field.tx: '%s': %s", field->cfg.tx, zmq_strerror(errno));
    }
    return ST_OK;
}

/* One block through the air.   ret  false when the reader is gone or speaks nonsense */
static bool step(struct field *field)
{
    const size_t sample_bytes = sizeof(float _Complex);
    if (zmq_send(field->tx, "", 1, 0) < 0) {
        return false;
    }
    const int n_bytes = zmq_recv(field->tx, field->sent, BLOCK_MAX_SAMPLES * sample_bytes, 0);
    if (n_bytes < 0 || (size_t)n_bytes > BLOCK_MAX_SAMPLES * sample_bytes ||
        (size_t)n_bytes % sample_bytes) {
        return false;
    }
    const size_t n = (size_t)n_bytes / sample_bytes;
    const float _Complex *const tx[] = {field->sent};
    air_step(field->air, tx, field->heard, n);
    for (size_t k = 0; k < n; k++) {
        if (crealf(field->sent[k]) != 0.0f || cimagf(field->sent[k]) != 0.0f) {
            field->n_until_silence = field->n_samples + (int64_t)k + 1;
        }
    }
    if (field->record && fwrite(field->sent, sample_bytes, n, field->record) != n) {
        return false;
    }
    if (field->play) {
        memset(field->heard[0], 0, n * sample_bytes);
        (void)!fread(field->heard[0], sample_bytes, n, field->play);
    }
    field->n_samples += (int64_t)n;
    field->n_blocks++;
    const size_t n_channels = (size_t)field->cfg.n_rx_channels;
    for (size_t c = 0; c < n_channels; c++) {
        for (size_t k = 0; k < n; k++) {
            field->reply[k * n_channels + c] = field->heard[c][k];
        }
    }
    int32_t n_wanted; /* its value is not obeyed: one block in, one block out */
    return zmq_recv(field->rx, &n_wanted, sizeof n_wanted, 0) >= 0 &&
           zmq_send(field->rx, field->reply, n * n_channels * sample_bytes, 0) >= 0;
}

/* What a tag holds at the end; of User memory nothing behind the last word that is not zero. */
static void print_memory(const struct air *air, size_t index)
{
    struct air_tag_memory memory;
    air_tag_read_memory(air, index, &memory);
    printf(",\"killed\":%s,\"secured\":%s,\"kill_password\":\"%08X\",\"access_password\":\"%08X\","
           "\"pc\":\"%04X\",\"lock_bits\":\"%03X\",\"permalocked\":\"%llX\",\"true_key\":%s,"
           "\"n_access_heard\":%llu,\"n_access_lost\":%llu,\"user\":\"",
           memory.state == AIR_TAG_KILLED ? "true" : "false",
           memory.state == AIR_TAG_SECURED ? "true" : "false", (unsigned)memory.kill_password,
           (unsigned)memory.access_password, memory.epc_words[1], memory.lock_bits,
           (unsigned long long)memory.permalocked_blocks, memory.has_true_key ? "true" : "false",
           (unsigned long long)memory.n_access_heard, (unsigned long long)memory.n_access_lost);
    size_t n_words = memory.n_user_words;
    while (n_words > 0 && memory.user_words[n_words - 1] == 0) {
        n_words--;
    }
    for (size_t i = 0; i < n_words; i++) {
        printf("%04X", memory.user_words[i]);
    }
    printf("\"");
}

static void print_truth(const struct field *field)
{
    uint64_t n_rn16 = 0, n_epc = 0, n_acks = 0, n_late = 0;
    const size_t n_tags = air_n_tags(field->air);
    printf("{\"n_samples\":%lld,\"n_until_silence\":%lld,\"n_blocks\":%lld,\"n_tags\":%zu,"
           "\"tags\":[",
           (long long)field->n_samples, (long long)field->n_until_silence,
           (long long)field->n_blocks, n_tags);
    for (size_t k = 0; k < n_tags; k++) {
        struct air_tag_truth truth;
        air_tag_read(field->air, k, &truth);
        n_rn16 += truth.n_rn16_sent;
        n_epc += truth.n_epc_sent;
        n_acks += truth.n_acks_heard;
        n_late += truth.n_acks_late;
        printf("%s{\"epc\":\"", k ? "," : "");
        for (size_t byte = 0; byte < truth.n_epc_bits / 8; byte++) {
            printf("%02X", truth.epc[byte]);
        }
        printf("\",\"n_epc_sent\":%llu", (unsigned long long)truth.n_epc_sent);
        print_memory(field->air, k);
        printf("}");
    }
    printf("],\"n_rn16_sent\":%llu,\"n_epc_sent\":%llu,\"n_acks_heard\":%llu,"
           "\"n_acks_late\":%llu}\n",
           (unsigned long long)n_rn16, (unsigned long long)n_epc, (unsigned long long)n_acks,
           (unsigned long long)n_late);
}

static void run(struct field *field)
{
    while (!ended && step(field)) {
        if (field->n_blocks == 1) {
            set_timeout(field->tx, field->cfg.timeout_s);
            set_timeout(field->rx, field->cfg.timeout_s);
        }
        const bool over = (double)field->n_samples >= field->cfg.duration_s * field->cfg.rate_sps;
        if (over || field->n_blocks == field->cfg.n_blocks) { /* never, when not set */
            break;
        }
    }
}

static enum status prepare(struct field *field, const struct option_set *set)
{
    struct air_cfg air_cfg;
    option_fill(set, &field_table, &field->cfg);
    option_fill(set, &air_options, &air_cfg);
    enum status status = air_new(&air_cfg, field->cfg.rate_sps, field->cfg.freq_hz, 1,
                                 (unsigned)field->cfg.n_rx_channels, &field->air);
    field->sent = calloc(BLOCK_MAX_SAMPLES, sizeof *field->sent);
    field->reply = calloc(BLOCK_MAX_SAMPLES * LIMIT_RX_CHANNELS, sizeof *field->reply);
    require(field->sent && field->reply);
    for (size_t c = 0; c < LIMIT_RX_CHANNELS; c++) {
        field->heard[c] = calloc(BLOCK_MAX_SAMPLES, sizeof *field->heard[c]);
        require(field->heard[c]);
    }
    if (field->cfg.record[0]) {
        field->record = fopen(field->cfg.record, "wb");
        require(field->record);
    }
    if (field->cfg.play[0]) {
        field->play = fopen(field->cfg.play, "rb");
        require(field->play);
    }
    return status ? status : open_sockets(field);
}

static void fini(struct field *field)
{
    if (field->context) {
        zmq_close(field->tx);
        zmq_close(field->rx);
        zmq_ctx_term(field->context);
    }
    if (field->record) {
        fclose(field->record);
    }
    if (field->play) {
        fclose(field->play);
    }
    air_free(&field->air);
    free(field->sent);
    free(field->reply);
    for (size_t c = 0; c < LIMIT_RX_CHANNELS; c++) {
        free(field->heard[c]);
    }
}

int main(int argc, char **argv)
{
    static struct field field;
    struct option_set *set;
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits end */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    enum status status = option_set_new(tables, N_TABLES, &set);
    status = status ? status : read_arguments(set, argc, argv);
    status = status ? status : prepare(&field, set);
    if (status) {
        fprintf(stderr, "zmq_field: %s: %s\n", status_text(status), status_detail());
    } else {
        run(&field);
        print_truth(&field);
    }
    fini(&field);
    option_set_free(&set);
    return status == ST_OK ? 0 : status == ST_USAGE || status == ST_RANGE ? 2 : 1;
}
