/* softusrp_radio.c - registers, stream commands, messages to the host. */
#include "tests/softusrp_radio.h"

#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "tests/softusrp_packets.h"

/* Control ports: 0 is the device's own directory, the Radio comes after the endpoints. */
#define PORT_DIRECTORY 0
#define PORT_RADIO 2                         /* 1 + endpoints that take control: one */
#define CROSSBAR_RADIO (1 + DEVICE_CHANNELS) /* block number of the Radio in the directory */

enum { /* one channel's registers, from 0x1000 + 128 channel on */
       REG_WIDTH = 0x04,
       REG_RX_COMMAND = 0x14,
       REG_RX_COUNT = 0x18,
       REG_RX_TIME = 0x20,
       REG_RX_PACKET = 0x28,
       REG_RX_ERROR_PORT = 0x30,
       REG_RX_ERROR_ENDPOINT = 0x34,
       REG_RX_ERROR_ADDRESS = 0x38,
       REG_RX_DATA = 0x3c,
       REG_TX_IDLE = 0x40,
       REG_TX_ERROR_PORT = 0x4c,
       REG_TX_ERROR_ENDPOINT = 0x50,
       REG_TX_ERROR_ADDRESS = 0x54,
       REG_RX_HAS_TIME = 0x70
};
#define RADIO_BASE 0x1000u
#define RADIO_STEP 128u
#define REG_COMPAT 0x00
#define REG_TIME_LOW 0x04
#define REG_TIME_HIGH 0x08
#define RADIO_WIDTH (32u << 16 | 1u) /* bits a sample, samples a cycle */
#define PACKET_SAMPLES_DEFAULT 364

/* The light that tells the receive antenna while only receiving: the port is read off it. */
#define LIGHTS_RX_ONLY(channel) (0x80588u + 0x800u * (channel))
#define LIGHT_TRX 4u

enum { COMMAND_STOP = 0, COMMAND_FINITE = 1, COMMAND_CONTINUOUS = 2 };
#define COMMAND_TIMED 0x80000000u

static uint32_t reg_get(const struct device *device, unsigned channel, uint32_t offset)
{
    return device->reg[channel][offset / 4];
}

static int64_t reg_pair(const struct device *device, unsigned channel, uint32_t offset)
{
    return (int64_t)((uint64_t)reg_get(device, channel, offset + 4) << 32 |
                     reg_get(device, channel, offset));
}

void radio_reset(struct device *device)
{
    memset(device->reg, 0, sizeof device->reg);
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        device->reg[c][REG_RX_HAS_TIME / 4] = 1;
    }
    device->n_commands = 0;
}

size_t radio_packet_samples(const struct device *device, unsigned channel)
{
    const uint32_t n = reg_get(device, channel, REG_RX_PACKET);
    const size_t most = (CHDR_WORDS_MAX - 2) * 2;
    return n == 0 ? PACKET_SAMPLES_DEFAULT : n < most ? n : most;
}

bool radio_stamps_packets(const struct device *device, unsigned channel)
{
    return reg_get(device, channel, REG_RX_HAS_TIME) & 1;
}

/* ---- messages ---- */

static void message(struct device *device, uint16_t endpoint, uint16_t port, uint32_t address,
                    uint32_t code, int64_t tick)
{
    const struct chdr_control control = {
        .to_port = port,
        .from_port = PORT_RADIO,
        .from_endpoint = device->endpoint[0].id,
        .sequence = (uint8_t)(device->message_sequence & 63),
        .operation = CHDR_WRITE,
        .is_timed = true,
        .time_ticks = tick + device->time_offset_ticks,
        .address = address,
        .data = code,
    };
    uint64_t word[6];
    const size_t n = chdr_control_write(word, endpoint, device->message_sequence++, &control);
    const struct sockaddr_in *to = packets_peer(device, endpoint);
    if (to) {
        packets_send_control(device, word, n, to);
    }
}

void radio_rx_message(struct device *device, unsigned channel, uint32_t code, int64_t tick)
{
    message(device, (uint16_t)reg_get(device, channel, REG_RX_ERROR_ENDPOINT),
            (uint16_t)(reg_get(device, channel, REG_RX_ERROR_PORT) & 0x3ff),
            reg_get(device, channel, REG_RX_ERROR_ADDRESS), code, tick);
}

void radio_tx_message(struct device *device, unsigned channel, uint32_t code, int64_t tick)
{
    message(device, (uint16_t)reg_get(device, channel, REG_TX_ERROR_ENDPOINT),
            (uint16_t)(reg_get(device, channel, REG_TX_ERROR_PORT) & 0x3ff),
            reg_get(device, channel, REG_TX_ERROR_ADDRESS), code, tick);
}

/* ---- registers ---- */

static void stream_command(struct device *device, unsigned channel, uint32_t value)
{
    struct rx_channel *rx = &device->rx[channel];
    const uint32_t mode = value & 3;
    if (mode == COMMAND_STOP) {
        rx->is_running = false;
        return;
    }
    int64_t start = device->now_tick;
    if (value & COMMAND_TIMED) {
        start = reg_pair(device, channel, REG_RX_TIME) - device->time_offset_ticks;
        if (start < device->now_tick) {
            rx->n_late_commands++;
            radio_rx_message(device, channel, RADIO_RX_LATE, device->now_tick);
            return;
        }
    }
    rx->is_continuous = mode == COMMAND_CONTINUOUS;
    rx->n_left = reg_pair(device, channel, REG_RX_COUNT);
    rx->next_tick = start;
    rx->is_running = true;
    fault_set_start(&device->faults, device->now_s);
}

static void radio_write(struct device *device, uint32_t address, uint32_t value)
{
    for (unsigned c = 0; c < DEVICE_CHANNELS; c++) {
        const bool on_trx = value & LIGHT_TRX;
        if (address == LIGHTS_RX_ONLY(c) && on_trx != device->rx_on_trx[c]) {
            device->rx_on_trx[c] = on_trx;
            device_note(device, CHANGE_RX_ANTENNA, c, 0.0, on_trx ? "TX/RX" : "RX2");
        }
    }
    if (address < RADIO_BASE || address >= RADIO_BASE + RADIO_STEP * DEVICE_CHANNELS) {
        return;
    }
    const unsigned channel = (address - RADIO_BASE) / RADIO_STEP;
    const uint32_t offset = (address - RADIO_BASE) % RADIO_STEP;
    device->reg[channel][offset / 4] = value;
    if (offset == REG_RX_COMMAND) {
        stream_command(device, channel, value);
    }
}

static uint32_t radio_read(const struct device *device, uint32_t address)
{
    const int64_t time = device->now_tick + device->time_offset_ticks;
    switch (address) {
    case REG_COMPAT: return 1;
    case REG_TIME_LOW: return (uint32_t)time;
    case REG_TIME_HIGH: return (uint32_t)(time >> 32);
    case RADIO_BASE + REG_WIDTH: return RADIO_WIDTH;
    default: break;
    }
    if (address < RADIO_BASE || address >= RADIO_BASE + RADIO_STEP * DEVICE_CHANNELS) {
        return 0;
    }
    const unsigned channel = (address - RADIO_BASE) / RADIO_STEP;
    const uint32_t offset = (address - RADIO_BASE) % RADIO_STEP;
    /* the converter's loop-back test: what is written as idle value is read as received */
    return reg_get(device, channel, offset == REG_RX_DATA ? REG_TX_IDLE : offset);
}

/* The directory: what blocks and endpoints there are and how they are wired. */
static uint32_t directory_read(uint32_t address)
{
    enum { N_BLOCKS = 1, N_EDGES = 2 * DEVICE_CHANNELS };
    static const uint32_t edge[N_EDGES] = {
        /* from block << 22 | port << 16 | to << 6 | port */
        1u << 22 | CROSSBAR_RADIO << 6 | 0, 2u << 22 | CROSSBAR_RADIO << 6 | 1,
        CROSSBAR_RADIO << 22 | 0u << 16 | 1u << 6, CROSSBAR_RADIO << 22 | 1u << 16 | 2u << 6};
    switch (address) {
    case 0x00: return 0x0100; /* protocol version */
    case 0x04: return 1u << 31 | 1u << 20 | N_BLOCKS << 10 | DEVICE_CHANNELS;
    case 0x08: return N_EDGES;
    case 0x0c: return 0xe320u << 16;
    case 0x10: return 1;
    case 0x10000: return N_EDGES;
    default: break;
    }
    if (address > 0x10000 && address <= 0x10000 + 4 * N_EDGES) {
        return edge[(address - 0x10004) / 4];
    }
    if (address / 64 != CROSSBAR_RADIO) {
        return 0;
    }
    switch (address % 64) {
    case 0: return 1 | DEVICE_CHANNELS << 6 | DEVICE_CHANNELS << 12 | 32u << 18 | 2u << 24;
    case 4: return 0x12ad1000; /* a Radio */
    case 8: return 16u << 2 | 2;
    default: return 0;
    }
}

/* ---- transactions ---- */

static void perform(struct device *device, struct command *command)
{
    const struct chdr_control *control = &command->control;
    uint32_t data = control->data;
    if (control->operation == CHDR_READ) {
        data = control->to_port == PORT_DIRECTORY ? directory_read(control->address)
                                                  : radio_read(device, control->address);
    } else if (control->operation == CHDR_WRITE && control->to_port == PORT_RADIO) {
        radio_write(device, control->address, data);
    }
    device->n_control++;
    chdr_control_answer(command->word, control, data);
    packets_send_control(device, command->word, command->n_words, &command->from);
}

static bool is_due(const struct device *device, const struct chdr_control *control)
{
    return !control->is_timed ||
           control->time_ticks <= device->now_tick + device->time_offset_ticks;
}

void radio_take_control(struct device *device, const uint64_t *word, size_t n_words,
                        const struct sockaddr_in *from)
{
    struct command command = {.n_words = n_words, .from = *from};
    if (n_words > sizeof command.word / sizeof *word ||
        !chdr_control_read(word, n_words, &command.control)) {
        device->n_malformed++;
        return;
    }
    if (command.control.is_ack) {
        return; /* the host has our message */
    }
    memcpy(command.word, word, n_words * sizeof *word);
    const bool in_line = command.control.to_port == PORT_RADIO;
    if (!in_line || (device->n_commands == 0 && is_due(device, &command.control))) {
        perform(device, &command);
    } else if (device->n_commands == DEVICE_COMMANDS_MAX) {
        device->n_commands_lost++;
    } else {
        const size_t at = device->first_command + device->n_commands++;
        device->command[at % DEVICE_COMMANDS_MAX] = command;
    }
}

void radio_run_commands(struct device *device)
{
    while (device->n_commands > 0 &&
           is_due(device, &device->command[device->first_command].control)) {
        struct command command = device->command[device->first_command];
        device->first_command = (device->first_command + 1) % DEVICE_COMMANDS_MAX;
        device->n_commands--;
        perform(device, &command);
    }
}

int64_t radio_next_tick(const struct device *device)
{
    if (device->n_commands == 0) {
        return INT64_MAX;
    }
    const struct chdr_control *control = &device->command[device->first_command].control;
    return control->is_timed ? control->time_ticks - device->time_offset_ticks : device->now_tick;
}
