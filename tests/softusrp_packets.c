/* softusrp_packets.c - a device's packets in and out, and the faults that befall them. */
#include "tests/softusrp_packets.h"

#include <string.h>
#include <sys/socket.h>

#include "config/require.h"
#include "tests/softusrp_management.h"
#include "tests/softusrp_medium.h"
#include "tests/softusrp_radio.h"

#define RX_FIFO_TICKS 32768 /* what waits longer for credit has overflowed */
#define RECEIVE_MAX 512     /* packets a call */

static void send_to_host(struct device *device, const uint64_t *word, size_t n_words,
                         const struct sockaddr_in *to)
{
    sendto(device->chdr_socket, word, n_words * sizeof *word, MSG_DONTWAIT,
           (const struct sockaddr *)to, sizeof *to);
}

void packets_send_status(struct device *device, struct endpoint *endpoint, uint8_t code)
{
    const struct sockaddr_in *to = packets_peer(device, endpoint->from);
    uint64_t word[6];
    const struct chdr_stream_status status = endpoint_status(endpoint, code);
    const size_t n = chdr_stream_status_write(word, endpoint->from, &status);
    if (to && !device->is_dead) {
        send_to_host(device, word, n, to);
    }
}

/* ---- the host's endpoints ---- */

const struct sockaddr_in *packets_peer(const struct device *device, uint16_t endpoint)
{
    for (size_t k = 0; k < device->n_peers; k++) {
        if (device->peer[k].endpoint == endpoint) {
            return &device->peer[k].address;
        }
    }
    return NULL;
}

static void learn_peer(struct device *device, uint16_t endpoint, const struct sockaddr_in *address)
{
    size_t k = 0;
    while (k < device->n_peers && device->peer[k].endpoint != endpoint) {
        k++;
    }
    if (k == DEVICE_PEERS_MAX) {
        return; /* no host has so many */
    }
    device->n_peers += k == device->n_peers;
    device->peer[k] = (struct peer){endpoint, *address};
}

void packets_send_control(struct device *device, const uint64_t *word, size_t n_words,
                          const struct sockaddr_in *to)
{
    const struct fault *slow = fault_hit(&device->faults, FAULT_SLOW_CONTROL, device->now_s);
    if (slow) {
        hold_put(&device->control_hold, word, n_words * sizeof *word, to,
                 device->now_s + slow->delay_s);
    } else {
        send_to_host(device, word, n_words, to);
    }
}

/* ---- packets in ---- */

static uint32_t on_management_read(void *context, unsigned endpoint, uint32_t address)
{
    struct device *device = context;
    return endpoint_read(&device->endpoint[endpoint], address);
}

static void start_out(struct device *device, struct endpoint *endpoint)
{
    const struct sockaddr_in *to = packets_peer(device, endpoint->to);
    const struct chdr_stream_command command = {.from_endpoint = endpoint->id,
                                                .operation = CHDR_STREAM_INIT,
                                                .n_packets = endpoint->report_each.n_packets,
                                                .n_bytes = endpoint->report_each.n_bytes};
    uint64_t word[6];
    const size_t n = chdr_stream_command_write(word, endpoint->to, &command);
    if (to) {
        send_to_host(device, word, n, to);
    }
}

static void on_management_write(void *context, unsigned index, uint32_t address, uint32_t value)
{
    struct device *device = context;
    struct endpoint *endpoint = &device->endpoint[index];
    switch (endpoint_write(endpoint, address, value)) {
    case ENDPOINT_NOTHING: break;
    case ENDPOINT_FLUSH_IN: tx_reset(&device->tx[index]); break;
    case ENDPOINT_START_OUT: start_out(device, endpoint); break;
    }
}

static void take_management(struct device *device, const uint64_t *word, size_t n_words,
                            const struct sockaddr_in *from)
{
    const struct management_nodes nodes = {.context = device,
                                           .device_id = device->id,
                                           .n_endpoints = DEVICE_CHANNELS,
                                           .read = on_management_read,
                                           .write = on_management_write};
    uint64_t answer[MANAGEMENT_WORDS_MAX];
    bool advertises = false;
    if (n_words < 3) {
        device->n_malformed++;
        return;
    }
    learn_peer(device, management_source(word), from);
    const size_t n = management_walk(&nodes, word, n_words, answer, &advertises);
    if (n > 0) {
        packets_send_control(device, answer, n, from);
    }
}

static void take_data(struct device *device, unsigned channel, const uint64_t *word,
                      const struct chdr_header *header)
{
    struct chdr_data data;
    struct endpoint *endpoint = &device->endpoint[channel];
    if (!chdr_data_read(word, header, &data)) {
        device->n_malformed++;
        return;
    }
    if (!endpoint_in_sequence(endpoint, data.sequence)) {
        packets_send_status(device, endpoint, CHDR_STATUS_SEQUENCE);
    }
    fault_set_start(&device->faults, device->now_s);
    tx_push(&device->tx[channel], &data, header->n_bytes);
}

static void take_stream_packet(struct device *device, unsigned channel, const uint64_t *word,
                               size_t n_words, const struct chdr_header *header,
                               const struct sockaddr_in *from)
{
    struct endpoint *endpoint = &device->endpoint[channel];
    const struct tx_channel *tx = &device->tx[channel];
    struct chdr_stream_status status;
    struct chdr_stream_command command;
    switch (header->type) {
    case CHDR_CONTROL: radio_take_control(device, word, n_words, from); break;
    case CHDR_STREAM_STATUS:
        if (chdr_stream_status_read(word, n_words, &status)) {
            endpoint_take_status(endpoint, &status);
        }
        break;
    case CHDR_STREAM_COMMAND:
        if (chdr_stream_command_read(word, n_words, &command)) {
            const struct endpoint_count queued = {tx->n_bytes, tx->n_packets};
            learn_peer(device, command.from_endpoint, from);
            endpoint_take_command(endpoint, &command, queued);
            packets_send_status(device, endpoint, CHDR_STATUS_OK);
        }
        break;
    case CHDR_DATA:
    case CHDR_DATA_TIMED: take_data(device, channel, word, header); break;
    default: device->n_malformed++; break;
    }
}

void packets_take(struct device *device, const uint64_t *word, size_t n_bytes,
                  const struct sockaddr_in *from)
{
    struct chdr_header header;
    size_t n_words = 0;
    if (!chdr_header_read(word, n_bytes, &header, &n_words)) {
        device->n_malformed++;
        return;
    }
    if (header.type == CHDR_MANAGEMENT) {
        take_management(device, word, n_words, from);
        return;
    }
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        if (device->endpoint[c].id == header.destination) {
            take_stream_packet(device, c, word, n_words, &header, from);
            return;
        }
    }
    device->n_malformed++;
}

static void copy_packet(struct hold_packet *to, const uint64_t *word, size_t n_bytes,
                        const struct sockaddr_in *address)
{
    to->n_bytes = n_bytes;
    to->address = *address;
    memcpy(to->word, word, n_bytes);
}

/* Faults befall data packets only: control would just be sent again. */
static void take_faulty(struct device *device, const uint64_t *word, size_t n_bytes,
                        const struct sockaddr_in *from)
{
    const unsigned type = n_bytes >= sizeof *word ? word[0] >> 53 & 7 : 0;
    const bool is_data = type == CHDR_DATA || type == CHDR_DATA_TIMED;
    struct fault_set *faults = &device->faults;
    if (!is_data || faults->n_faults == 0) {
        packets_take(device, word, n_bytes, from);
        return;
    }
    if (fault_hit(faults, FAULT_DROP_TX, device->now_s)) {
        return;
    }
    const struct fault *delay = fault_hit(faults, FAULT_DELAY_TX, device->now_s);
    if (delay) {
        hold_put(&device->tx_hold, word, n_bytes, from, device->now_s + delay->delay_s);
        return;
    }
    if (device->tx_swap.n_bytes == 0 && fault_hit(faults, FAULT_REORDER_TX, device->now_s)) {
        copy_packet(&device->tx_swap, word, n_bytes, from);
        return;
    }
    packets_take(device, word, n_bytes, from);
    if (device->tx_swap.n_bytes > 0) {
        packets_take(device, device->tx_swap.word, device->tx_swap.n_bytes,
                     &device->tx_swap.address);
        device->tx_swap.n_bytes = 0;
    }
}

void packets_receive(struct device *device)
{
    static uint64_t word[CHDR_WORDS_MAX];
    for (int k = 0; k < RECEIVE_MAX; k++) {
        struct sockaddr_in from;
        socklen_t n_from = sizeof from;
        const ssize_t n_bytes =
            recvfrom(device->chdr_socket, word, sizeof word, 0, (struct sockaddr *)&from, &n_from);
        if (n_bytes < 0) {
            break;
        }
        if (!device->is_dead) {
            take_faulty(device, word, (size_t)n_bytes, &from);
        }
    }
    const struct hold_packet *held;
    while ((held = hold_take(&device->tx_hold, device->now_s))) {
        packets_take(device, held->word, held->n_bytes, &held->address);
    }
}

/* ---- packets out ---- */

/* A lost packet's credit would be lost for good: tell the host what was sent. */
static void resync(struct device *device, struct endpoint *endpoint, const struct sockaddr_in *to)
{
    const struct chdr_stream_command command = {.from_endpoint = endpoint->id,
                                                .operation = CHDR_STREAM_RESYNC,
                                                .n_packets = endpoint->sent.n_packets,
                                                .n_bytes = endpoint->sent.n_bytes};
    uint64_t word[6];
    send_to_host(device, word, chdr_stream_command_write(word, endpoint->to, &command), to);
}

static void send_faulty(struct device *device, struct endpoint *endpoint, const uint64_t *word,
                        size_t n_words, const struct sockaddr_in *to)
{
    struct fault_set *faults = &device->faults;
    if (faults->n_faults == 0) {
        send_to_host(device, word, n_words, to);
        return;
    }
    if (fault_hit(faults, FAULT_DROP_RX, device->now_s)) {
        resync(device, endpoint, to);
        return;
    }
    const size_t n_bytes = n_words * sizeof *word;
    const struct fault *delay = fault_hit(faults, FAULT_DELAY_RX, device->now_s);
    if (delay) {
        hold_put(&device->rx_hold, word, n_bytes, to, device->now_s + delay->delay_s);
        return;
    }
    if (device->rx_swap.n_bytes == 0 && fault_hit(faults, FAULT_REORDER_RX, device->now_s)) {
        copy_packet(&device->rx_swap, word, n_bytes, to);
        return;
    }
    send_to_host(device, word, n_words, to);
    if (device->rx_swap.n_bytes > 0) {
        send_to_host(device, device->rx_swap.word, device->rx_swap.n_bytes / sizeof *word,
                     &device->rx_swap.address);
        device->rx_swap.n_bytes = 0;
    }
}

static size_t next_packet_samples(const struct device *device, unsigned channel)
{
    const struct rx_channel *rx = &device->rx[channel];
    const size_t most = radio_packet_samples(device, channel);
    return !rx->is_continuous && (uint64_t)rx->n_left < most ? (size_t)rx->n_left : most;
}

static void send_samples(struct device *device, unsigned channel, size_t n,
                         const struct sockaddr_in *to)
{
    static uint64_t word[CHDR_WORDS_MAX];
    struct rx_channel *rx = &device->rx[channel];
    struct endpoint *endpoint = &device->endpoint[channel];
    const bool is_stamped = radio_stamps_packets(device, channel);
    const size_t n_head = is_stamped ? 2 : 1;
    const struct chdr_header header = {
        .type = is_stamped ? CHDR_DATA_TIMED : CHDR_DATA,
        .end_of_burst = !rx->is_continuous && rx->n_left == (int64_t)n,
        .sequence = endpoint->next_sequence++,
        .n_bytes = (uint16_t)(n_head * sizeof *word + n * sizeof(uint32_t)),
        .destination = endpoint->to,
    };
    word[0] = chdr_header_pack(&header);
    word[1] = (uint64_t)(rx->next_tick + device->time_offset_ticks); /* samples, when unstamped */
    word[n_head + (n - 1) / 2] = 0; /* an odd last sample leaves half a word */
    medium_read(device->medium, device->index, channel, rx->next_tick, n,
                (uint32_t *)(void *)(word + n_head));
    endpoint_count_sent(endpoint, header.n_bytes);
    send_faulty(device, endpoint, word, n_head + (n + 1) / 2, to);
    rx->next_tick += (int64_t)n;
    rx->n_samples += n;
    rx->n_packets++;
    if (!rx->is_continuous) {
        rx->n_left -= (int64_t)n;
        rx->is_running = rx->n_left > 0;
    }
}

static void overflow(struct device *device, unsigned channel)
{
    struct rx_channel *rx = &device->rx[channel];
    rx->is_running = false;
    rx->n_overflows++;
    radio_rx_message(device, channel, RADIO_RX_OVERFLOW, rx->next_tick);
}

static void send_channel(struct device *device, unsigned channel)
{
    struct rx_channel *rx = &device->rx[channel];
    const struct endpoint *endpoint = &device->endpoint[channel];
    const struct sockaddr_in *to = packets_peer(device, endpoint->to);
    while (rx->is_running && to) {
        const size_t n = next_packet_samples(device, channel);
        if (n == 0 || rx->next_tick + (int64_t)n > device->now_tick) {
            rx->is_running = n > 0;
            return;
        }
        if (fault_hit(&device->faults, FAULT_OVERFLOW, device->now_s)) {
            overflow(device, channel);
            return;
        }
        if (!endpoint_has_credit(endpoint, 2 * sizeof(uint64_t) + n * sizeof(uint32_t))) {
            device->n_rx_credits_short++;
            if (device->now_tick - rx->next_tick > RX_FIFO_TICKS) {
                overflow(device, channel);
            }
            return;
        }
        send_samples(device, channel, n, to);
    }
}

static void send_held(struct device *device, struct hold *hold)
{
    const struct hold_packet *held;
    while ((held = hold_take(hold, device->now_s))) {
        send_to_host(device, held->word, held->n_bytes / sizeof *held->word, &held->address);
    }
}

void packets_send(struct device *device)
{
    if (device->is_dead) {
        return;
    }
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        send_channel(device, c);
    }
    send_held(device, &device->rx_hold);
    send_held(device, &device->control_hold);
}

int64_t packets_next_tick(const struct device *device)
{
    int64_t next = INT64_MAX;
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        const struct rx_channel *rx = &device->rx[c];
        if (rx->is_running) {
            const int64_t end = rx->next_tick + (int64_t)next_packet_samples(device, c);
            next = end < next ? end : next;
        }
    }
    return next;
}
