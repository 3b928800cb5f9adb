/* softusrp_radio.h - the Radio block's registers behind control transactions.       layer: tests */
#ifndef TESTS_SOFTUSRP_RADIO_H
#define TESTS_SOFTUSRP_RADIO_H

#include "tests/softusrp_device.h"

void radio_reset(struct device *device);

/* A control packet came: perform and answer it, or put it in line to wait for its time. */
void radio_take_control(struct device *device, const uint64_t *word, size_t n_words,
                        const struct sockaddr_in *from);

/* Perform what is due by now_tick. */
void radio_run_commands(struct device *device);

/* Device tick of the first transaction in line; INT64_MAX: none. */
int64_t radio_next_tick(const struct device *device);

enum { RADIO_RX_LATE = 1, RADIO_RX_OVERFLOW = 2 };
void radio_rx_message(struct device *device, unsigned channel, uint32_t code, int64_t tick);
void radio_tx_message(struct device *device, unsigned channel, uint32_t code, int64_t tick);

/* Registers that streaming needs. */
size_t radio_packet_samples(const struct device *device, unsigned channel);
bool radio_stamps_packets(const struct device *device, unsigned channel);

#endif
