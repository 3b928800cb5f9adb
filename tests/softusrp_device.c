/* softusrp_device.c - a device: packets in and out, faults on their way, reset. */
#include "tests/softusrp_device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/require.h"
#include "tests/softusrp_mpm.h"
#include "tests/softusrp_packets.h"
#include "tests/softusrp_radio.h"

#define CHDR_PORT 49153
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

static void on_tx_consumed(void *context, unsigned channel, size_t n_bytes)
{
    struct device *device = context;
    struct endpoint *endpoint = &device->endpoint[channel];
    if (endpoint_consumed(endpoint, n_bytes)) {
        packets_send_status(device, endpoint, CHDR_STATUS_OK);
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
    device->rate_sps = device->master_clock_hz = RATE_START_SPS;
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
