/* softusrp_device.c - a device: packets in and out, faults on their way, reset. */
#include "tests/softusrp_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/require.h"
#include "tests/softusrp_management.h"
#include "tests/softusrp_medium.h"
#include "tests/softusrp_mpm.h"
#include "tests/softusrp_radio.h"

#define CHDR_PORT 49153
#define RX_FIFO_TICKS 32768 /* what waits longer for credit has overflowed */
#define RECEIVE_MAX 512     /* packets a call */
#define SOCKET_BYTES (8 << 20)
#define RATE_START_SPS 122.88e6
#define FREQ_START_HZ 2.4e9
#define CLOCK_ID_START 1

/* ---- notes ---- */

double device_time_s(const struct device *device)
{
    return (double)(device->now_tick + device->time_offset_ticks) / device->rate_sps;
}

void device_note(struct device *device, enum change_kind kind, unsigned channel, double value,
                 const char *text)
{
    struct change *change = &device->change[device->n_changes++ % DEVICE_CHANGES_KEPT];
    *change = (struct change){.kind = kind,
                              .channel = channel,
                              .at_s = device->now_s,
                              .time_s = device_time_s(device),
                              .value = value};
    snprintf(change->text, sizeof change->text, "%s", text);
}

void device_set_time(struct device *device, int64_t time_ticks)
{
    device->time_offset_ticks = time_ticks - device->now_tick;
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        device->tx[c].time_offset_ticks = device->time_offset_ticks;
    }
}

/* ---- what the transmit channels tell ---- */

static void on_tx_event(void *context, unsigned channel, enum tx_event event, int64_t tick)
{
    struct device *device = context;
    if (!device->is_dead) {
        radio_tx_message(device, channel, event, tick);
    }
}

static void send_to_host(struct device *device, const uint64_t *word, size_t n_words,
                         const struct sockaddr_in *to)
{
    sendto(device->chdr_socket, word, n_words * sizeof *word, MSG_DONTWAIT,
           (const struct sockaddr *)to, sizeof *to);
}

static void send_status(struct device *device, struct endpoint *endpoint, uint8_t code)
{
    const struct sockaddr_in *to = device_peer(device, endpoint->from);
    uint64_t word[6];
    const struct chdr_stream_status status = endpoint_status(endpoint, code);
    const size_t n = chdr_stream_status_write(word, endpoint->from, &status);
    if (to && !device->is_dead) {
        send_to_host(device, word, n, to);
    }
}

static void on_tx_consumed(void *context, unsigned channel, size_t n_bytes)
{
    struct device *device = context;
    struct endpoint *endpoint = &device->endpoint[channel];
    if (endpoint_consumed(endpoint, n_bytes)) {
        send_status(device, endpoint, CHDR_STATUS_OK);
    }
}

static bool is_tx_forced(void *context, enum tx_event event)
{
    struct device *device = context;
    const enum fault_kind kind = event == TX_LATE ? FAULT_LATE : FAULT_UNDERFLOW;
    return fault_hit(&device->faults, kind, device->now_s) != NULL;
}

/* ---- life ---- */

static enum status open_socket(struct device *device)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(CHDR_PORT)};
    if (inet_pton(AF_INET, device->cfg.address, &address.sin_addr) != 1 ||
        ntohl(address.sin_addr.s_addr) >> 24 != 127) {
        return status_fail(ST_RANGE, "device addr is '%s', accepted 127.0.0.1..127.255.255.254",
                           device->cfg.address);
    }
    device->chdr_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int n_bytes = SOCKET_BYTES;
    setsockopt(device->chdr_socket, SOL_SOCKET, SO_RCVBUFFORCE, &n_bytes, sizeof n_bytes);
    setsockopt(device->chdr_socket, SOL_SOCKET, SO_SNDBUFFORCE, &n_bytes, sizeof n_bytes);
    if (device->chdr_socket < 0 ||
        bind(device->chdr_socket, (struct sockaddr *)&address, sizeof address)) {
        return status_fail(ST_BUSY, "%s: UDP port %d: %s", device->cfg.address, CHDR_PORT,
                           strerror(errno));
    }
    return ST_OK;
}

enum status device_init(struct device *device, const struct device_cfg *cfg, unsigned index,
                        struct medium *medium)
{
    require(device);
    require(cfg);
    memset(device, 0, sizeof *device);
    device->cfg = *cfg;
    device->index = index;
    device->medium = medium;
    device->chdr_socket = -1;
    device->rate_sps = RATE_START_SPS;
    device->clock = (struct device_clock){.ratio = 1.0, .is_air = index == 0};
    device->faults.start_s = NAN;
    device->died_s = NAN;
    const struct tx_listener listener = {device, on_tx_event, on_tx_consumed, is_tx_forced};
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        tx_init(&device->tx[c], c, &listener);
    }
    device_reset(device);
    if (!hold_init(&device->rx_hold) || !hold_init(&device->tx_hold) ||
        !hold_init(&device->control_hold)) {
        return status_fail(ST_NO_MEMORY, "softusrp: held packets");
    }
    enum status status = open_socket(device);
    return status ? status : mpm_new(device, &device->mpm);
}

void device_fini(struct device *device)
{
    mpm_free(&device->mpm);
    if (device->chdr_socket >= 0) {
        close(device->chdr_socket);
    }
    hold_fini(&device->rx_hold);
    hold_fini(&device->tx_hold);
    hold_fini(&device->control_hold);
}

void device_reset(struct device *device)
{
    require(device);
    device->id = CLOCK_ID_START;
    device->is_dead = false;
    device->is_external = false;
    device->pps_is_pending = false;
    snprintf(device->clock_source, sizeof device->clock_source, "internal");
    snprintf(device->time_source, sizeof device->time_source, "internal");
    radio_reset(device);
    device->n_peers = 0;
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        endpoint_reset(&device->endpoint[c], (uint16_t)c);
        device->rx[c].is_running = false;
        tx_reset(&device->tx[c]);
        device->rx_front[c] = device->tx_front[c] = (struct front_end){.freq_hz = FREQ_START_HZ};
        device->rx_on_trx[c] = false;
    }
    hold_clear(&device->rx_hold);
    hold_clear(&device->tx_hold);
    hold_clear(&device->control_hold);
    device->rx_swap.n_bytes = device->tx_swap.n_bytes = 0;
}

/* ---- the host's endpoints ---- */

const struct sockaddr_in *device_peer(const struct device *device, uint16_t endpoint)
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

void device_send_control(struct device *device, const uint64_t *word, size_t n_words,
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
    const struct sockaddr_in *to = device_peer(device, endpoint->to);
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
        device_send_control(device, answer, n, from);
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
        send_status(device, endpoint, CHDR_STATUS_SEQUENCE);
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
            send_status(device, endpoint, CHDR_STATUS_OK);
        }
        break;
    case CHDR_DATA:
    case CHDR_DATA_TIMED: take_data(device, channel, word, header); break;
    default: device->n_malformed++; break;
    }
}

static void take_packet(struct device *device, const uint64_t *word, size_t n_bytes,
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
        take_packet(device, word, n_bytes, from);
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
    take_packet(device, word, n_bytes, from);
    if (device->tx_swap.n_bytes > 0) {
        take_packet(device, device->tx_swap.word, device->tx_swap.n_bytes,
                    &device->tx_swap.address);
        device->tx_swap.n_bytes = 0;
    }
}

void device_receive(struct device *device)
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
        take_packet(device, held->word, held->n_bytes, &held->address);
    }
}

/* ---- time ---- */

static void run_faults(struct device *device)
{
    struct fault_set *faults = &device->faults;
    const struct fault *fault = fault_hit(faults, FAULT_DIE, device->now_s);
    if (fault) {
        device->is_dead = true;
        device->died_s = device->now_s;
        device->back_s = device->now_s + fault->back_s;
        for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
            device->rx[c].is_running = false;
        }
    }
    const bool is_back = device->is_dead && device->now_s >= device->back_s;
    if (is_back || fault_hit(faults, FAULT_RESET, device->now_s)) {
        device_reset(device);
        mpm_drop(device->mpm);
    }
}

void device_tick(struct device *device)
{
    if (device->faults.n_faults > 0) {
        run_faults(device);
    }
    if (device->pps_is_pending && device->now_tick >= device->pps_tick) {
        device->pps_is_pending = false;
        device_set_time(device, device->pps_time_ticks + device->now_tick - device->pps_tick);
    }
    if (!device->is_dead) {
        radio_run_commands(device);
    }
}

int64_t device_next_tick(const struct device *device)
{
    const int64_t command = radio_next_tick(device);
    const int64_t pulse = device->pps_is_pending ? device->pps_tick : INT64_MAX;
    return command < pulse ? command : pulse;
}

/* ---- packets out ---- */

size_t device_packet_samples(const struct device *device, unsigned channel)
{
    return radio_packet_samples(device, channel);
}

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
    const struct sockaddr_in *to = device_peer(device, endpoint->to);
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

void device_send(struct device *device)
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

/* ---- what goes on ---- */

bool device_is_idle(const struct device *device)
{
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        if (device->rx[c].is_running || !tx_is_idle(&device->tx[c])) {
            return false;
        }
    }
    return device->rx_hold.n == 0 && device->tx_hold.n == 0;
}

int64_t device_packet_tick(const struct device *device)
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
