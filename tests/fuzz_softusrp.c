/* fuzz_softusrp.c - what a host may send the software USRP: MessagePack and CHDR packets. */
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "tests/softusrp_chdr.h"
#include "tests/softusrp_endpoint.h"
#include "tests/softusrp_fault.h"
#include "tests/softusrp_management.h"
#include "tests/softusrp_msgpack.h"
#include "tests/softusrp_tx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t on_read(void *context, unsigned endpoint, uint32_t address)
{
    return endpoint_read(&((struct endpoint *)context)[endpoint], address);
}

static void on_write(void *context, unsigned endpoint, uint32_t address, uint32_t value)
{
    endpoint_write(&((struct endpoint *)context)[endpoint], address, value);
}

static void on_event(void *context, unsigned channel, enum tx_event event, int64_t tick)
{
    (void)context;
    (void)channel;
    (void)event;
    (void)tick;
}

static void on_consumed(void *context, unsigned channel, size_t n_bytes)
{
    endpoint_consumed(&((struct endpoint *)context)[channel], n_bytes);
}

static bool never(void *context, enum tx_event event)
{
    (void)context;
    (void)event;
    return false;
}

static void read_message(const uint8_t *data, size_t size)
{
    struct msgpack_in in = {.at = data, .end = data + size};
    for (int k = 0; k < 16 && !in.broken; k++) {
        const struct msgpack_value value = msgpack_read(&in);
        msgpack_skip(&in, &value);
        require(in.at <= in.end);
        require(memchr(value.text, '\0', sizeof value.text) != NULL);
    }
}

static void play(struct tx_channel *tx, const uint64_t *word, const struct chdr_header *header)
{
    struct chdr_data samples;
    float _Complex out[256];
    if (chdr_data_read(word, header, &samples)) {
        tx_push(tx, &samples, header->n_bytes);
        tx_play(tx, out, 256);
    }
    require(tx->n_samples <= TX_CAPACITY_BYTES / sizeof(uint32_t));
}

static void take_packet(struct tx_channel *tx, struct endpoint *endpoints, const uint64_t *word,
                        size_t n_bytes)
{
    const struct management_nodes nodes = {endpoints, 1, 2, on_read, on_write};
    uint64_t answer[MANAGEMENT_WORDS_MAX];
    struct chdr_header header;
    struct chdr_control control;
    struct chdr_stream_command command;
    struct chdr_stream_status status;
    size_t n_words = 0;
    bool advertises;
    if (!chdr_header_read(word, n_bytes, &header, &n_words)) {
        return;
    }
    require(n_words * sizeof *word <= n_bytes);
    require(management_walk(&nodes, word, n_words, answer, &advertises) <= MANAGEMENT_WORDS_MAX);
    if (chdr_control_read(word, n_words, &control)) {
        require(control.data_word < n_words);
    }
    if (chdr_stream_command_read(word, n_words, &command)) {
        endpoint_take_command(&endpoints[0], &command, (struct endpoint_count){0});
    }
    if (chdr_stream_status_read(word, n_words, &status)) {
        endpoint_take_status(&endpoints[0], &status);
    }
    if (header.type == CHDR_DATA || header.type == CHDR_DATA_TIMED) {
        play(tx, word, &header);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tx_channel tx;
    static struct endpoint endpoints[2];
    static uint64_t word[CHDR_WORDS_MAX];
    const struct tx_listener listener = {endpoints, on_event, on_consumed, never};
    read_message(data, size);
    tx_init(&tx, 0, &listener);
    /* a row of packets, each as long as its own header says */
    while (size >= sizeof *word) {
        const size_t n_most = size < sizeof word ? size : sizeof word;
        memcpy(word, data, n_most);
        take_packet(&tx, endpoints, word, n_most);
        size_t n_bytes = word[0] >> 16 & 0xffff;
        n_bytes = n_bytes < sizeof *word ? sizeof *word : n_bytes;
        n_bytes = n_bytes < size ? n_bytes : size;
        data += n_bytes;
        size -= n_bytes;
    }
    char text[64] = "";
    memcpy(text, data, size < 63 ? size : 63);
    struct fault fault;
    if (fault_parse(text, &fault) == ST_OK) {
        require(fault.kind < FAULT_KINDS);
    }
    return 0;
}
