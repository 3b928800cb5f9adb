/* softusrp_chdr.h - RFNoC's packets (CHDR, 64 bits wide, little-endian): fields in and out.
 * Source: RFNoC specification, "CHDR"; what was not written down was watched between stock libuhd
 * 4.3 and the device.                                                            layer: tests
 * header   63 vc 58 | 57 eob | 56 eov | 55 type 53 | 52 n_metadata 48 | 47 sequence 32 |
 *          31 length 16 | 15 destination endpoint 0                                          */
#ifndef TESTS_SOFTUSRP_CHDR_H
#define TESTS_SOFTUSRP_CHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHDR_WORDS_MAX 1152 /* 9216 bytes: a jumbo frame */

enum chdr_type {
    CHDR_MANAGEMENT = 0,
    CHDR_STREAM_STATUS = 1,
    CHDR_STREAM_COMMAND = 2,
    CHDR_CONTROL = 4,
    CHDR_DATA = 6,
    CHDR_DATA_TIMED = 7
};

struct chdr_header {
    enum chdr_type type;
    bool end_of_burst;
    uint16_t sequence, n_bytes, destination;
};

enum { CHDR_WRITE = 1, CHDR_READ = 2 }; /* control operations */

struct chdr_control {
    uint16_t to_port, from_port, from_endpoint;
    uint8_t sequence, operation;
    bool is_timed, is_ack;
    int64_t time_ticks;
    uint32_t address, data;
    size_t data_word; /* index of the word with operation, address and data */
};

enum { CHDR_STREAM_INIT = 0, CHDR_STREAM_PING = 1, CHDR_STREAM_RESYNC = 2 };

struct chdr_stream_command {
    uint16_t from_endpoint;
    uint8_t operation;
    uint64_t n_packets, n_bytes;
};

enum { CHDR_STATUS_OK = 0, CHDR_STATUS_SEQUENCE = 2 };

struct chdr_stream_status {
    uint16_t from_endpoint;
    uint8_t status;
    uint64_t capacity_bytes, capacity_packets, n_bytes, n_packets;
};

struct chdr_data {
    bool is_timed, end_of_burst;
    uint16_t sequence;
    int64_t time_ticks;
    const uint32_t *sample; /* borrowed from the packet */
    size_t n_samples;
};

uint64_t chdr_header_pack(const struct chdr_header *header);

/* The header, and how many words of the packet are there.
 *   ret  false: shorter than its header, or longer than what came; nothing to go on with */
bool chdr_header_read(const uint64_t *word, size_t n_bytes, struct chdr_header *header,
                      size_t *n_words);

/* Bodies of packets whose header was read.   ret  false: too short */
bool chdr_control_read(const uint64_t *word, size_t n_words, struct chdr_control *control);
bool chdr_stream_command_read(const uint64_t *word, size_t n_words,
                              struct chdr_stream_command *command);
bool chdr_stream_status_read(const uint64_t *word, size_t n_words,
                             struct chdr_stream_status *status);
bool chdr_data_read(const uint64_t *word, const struct chdr_header *header, struct chdr_data *data);

/* Whole packets.   ret  number of words written; word has room for 6 */
size_t chdr_stream_command_write(uint64_t *word, uint16_t destination,
                                 const struct chdr_stream_command *command);
size_t chdr_stream_status_write(uint64_t *word, uint16_t destination,
                                const struct chdr_stream_status *status);
size_t chdr_control_write(uint64_t *word, uint16_t destination, uint16_t sequence,
                          const struct chdr_control *control);

/* Turn a control packet into the answer to it. */
void chdr_control_answer(uint64_t *word, const struct chdr_control *control, uint32_t data);

#endif
