/* softusrp_packets.h - a device's CHDR packets in and out, and the faults that befall them.
 *                                                                              layer: tests */
#ifndef TESTS_SOFTUSRP_PACKETS_H
#define TESTS_SOFTUSRP_PACKETS_H

#include "tests/softusrp_device.h"

/* Take in all packets that came, and those held up that are due. */
void packets_receive(struct device *device);

/* Send receive packets that are complete, answers and held packets that are due. */
void packets_send(struct device *device);

/* One packet, as it came: for packets_receive and for fuzzing. */
void packets_take(struct device *device, const uint64_t *word, size_t n_bytes,
                  const struct sockaddr_in *from);

/* A control or management packet to the host, now or when the slow control lets it. */
void packets_send_control(struct device *device, const uint64_t *word, size_t n_words,
                          const struct sockaddr_in *to);

/* A stream endpoint's status to the host's. */
void packets_send_status(struct device *device, struct endpoint *endpoint, uint8_t code);

/* Where a host's endpoint can be reached; NULL: nobody said. */
const struct sockaddr_in *packets_peer(const struct device *device, uint16_t endpoint);

/* The device tick at which the next receive packet is complete; INT64_MAX: none is under way. */
int64_t packets_next_tick(const struct device *device);

#endif
