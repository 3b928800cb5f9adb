/* softusrp_chdr.c - CHDR packets. */
#include "tests/softusrp_chdr.h"

#include "config/require.h"

static uint64_t field(uint64_t word, unsigned shift, unsigned n_bits)
{
    return word >> shift & ((UINT64_C(1) << n_bits) - 1);
}

uint64_t chdr_header_pack(const struct chdr_header *header)
{
    require(header);
    return (uint64_t)header->end_of_burst << 57 | (uint64_t)header->type << 53 |
           (uint64_t)header->sequence << 32 | (uint64_t)header->n_bytes << 16 | header->destination;
}

bool chdr_header_read(const uint64_t *word, size_t n_bytes, struct chdr_header *header,
                      size_t *n_words)
{
    require(word);
    require(header);
    if (n_bytes < sizeof *word) {
        return false;
    }
    *header = (struct chdr_header){
        .type = (enum chdr_type)field(word[0], 53, 3),
        .end_of_burst = field(word[0], 57, 1),
        .sequence = (uint16_t)field(word[0], 32, 16),
        .n_bytes = (uint16_t)field(word[0], 16, 16),
        .destination = (uint16_t)field(word[0], 0, 16),
    };
    *n_words = header->n_bytes / sizeof *word;
    const bool has_metadata = field(word[0], 48, 5) != 0; /* nobody sends us any */
    return header->n_bytes >= sizeof *word && header->n_bytes <= n_bytes && !has_metadata;
}

bool chdr_control_read(const uint64_t *word, size_t n_words, struct chdr_control *control)
{
    require(control);
    if (n_words < 3) {
        return false;
    }
    *control = (struct chdr_control){
        .to_port = (uint16_t)field(word[1], 0, 10),
        .from_port = (uint16_t)field(word[1], 10, 10),
        .sequence = (uint8_t)field(word[1], 24, 6),
        .is_timed = field(word[1], 30, 1),
        .is_ack = field(word[1], 31, 1),
        .from_endpoint = (uint16_t)field(word[1], 32, 16),
        .data_word = 2,
    };
    if (control->is_timed) {
        control->time_ticks = (int64_t)word[2];
        control->data_word = 3;
    }
    if (control->data_word >= n_words) {
        return false;
    }
    const uint64_t body = word[control->data_word];
    control->address = (uint32_t)field(body, 0, 20);
    control->operation = (uint8_t)field(body, 24, 4);
    control->data = (uint32_t)(body >> 32);
    return true;
}

bool chdr_stream_command_read(const uint64_t *word, size_t n_words,
                              struct chdr_stream_command *command)
{
    require(command);
    if (n_words < 3) {
        return false;
    }
    *command = (struct chdr_stream_command){
        .from_endpoint = (uint16_t)field(word[1], 0, 16),
        .operation = (uint8_t)field(word[1], 16, 4),
        .n_packets = field(word[1], 24, 40),
        .n_bytes = word[2],
    };
    return true;
}

bool chdr_stream_status_read(const uint64_t *word, size_t n_words,
                             struct chdr_stream_status *status)
{
    require(status);
    if (n_words < 4) {
        return false;
    }
    *status = (struct chdr_stream_status){
        .from_endpoint = (uint16_t)field(word[1], 0, 16),
        .status = (uint8_t)field(word[1], 16, 4),
        .capacity_bytes = field(word[1], 24, 40),
        .capacity_packets = field(word[2], 0, 24),
        .n_packets = field(word[2], 24, 40),
        .n_bytes = word[3],
    };
    return true;
}

bool chdr_data_read(const uint64_t *word, const struct chdr_header *header, struct chdr_data *data)
{
    require(header);
    require(data);
    const bool is_timed = header->type == CHDR_DATA_TIMED;
    const size_t n_head_bytes = (is_timed ? 2 : 1) * sizeof *word;
    if (header->n_bytes < n_head_bytes) {
        return false;
    }
    *data = (struct chdr_data){
        .is_timed = is_timed,
        .end_of_burst = header->end_of_burst,
        .sequence = header->sequence,
        .time_ticks = is_timed ? (int64_t)word[1] : 0,
        .sample = (const uint32_t *)(const void *)(word + (is_timed ? 2 : 1)),
        .n_samples = (header->n_bytes - n_head_bytes) / sizeof(uint32_t),
    };
    return true;
}

size_t chdr_stream_command_write(uint64_t *word, uint16_t destination,
                                 const struct chdr_stream_command *command)
{
    require(command);
    const struct chdr_header header = {
        .type = CHDR_STREAM_COMMAND, .n_bytes = 3 * sizeof *word, .destination = destination};
    word[0] = chdr_header_pack(&header);
    word[1] =
        command->from_endpoint | (uint64_t)command->operation << 16 | command->n_packets << 24;
    word[2] = command->n_bytes;
    return 3;
}

size_t chdr_stream_status_write(uint64_t *word, uint16_t destination,
                                const struct chdr_stream_status *status)
{
    require(status);
    const struct chdr_header header = {
        .type = CHDR_STREAM_STATUS, .n_bytes = 5 * sizeof *word, .destination = destination};
    word[0] = chdr_header_pack(&header);
    word[1] = status->from_endpoint | (uint64_t)status->status << 16 | status->capacity_bytes << 24;
    word[2] = status->capacity_packets | status->n_packets << 24;
    word[3] = status->n_bytes;
    word[4] = 0;
    return 5;
}

size_t chdr_control_write(uint64_t *word, uint16_t destination, uint16_t sequence,
                          const struct chdr_control *control)
{
    require(control);
    size_t n = 1;
    word[n++] = control->to_port | (uint64_t)control->from_port << 10 | UINT64_C(1) << 20 |
                (uint64_t)(control->sequence & 63) << 24 | (uint64_t)control->is_timed << 30 |
                (uint64_t)control->is_ack << 31 | (uint64_t)control->from_endpoint << 32;
    if (control->is_timed) {
        word[n++] = (uint64_t)control->time_ticks;
    }
    word[n++] = (control->address & 0xfffff) | UINT64_C(15) << 20 |
                (uint64_t)control->operation << 24 | (uint64_t)control->data << 32;
    const struct chdr_header header = {.type = CHDR_CONTROL,
                                       .sequence = sequence,
                                       .n_bytes = (uint16_t)(n * sizeof *word),
                                       .destination = destination};
    word[0] = chdr_header_pack(&header);
    return n;
}

void chdr_control_answer(uint64_t *word, const struct chdr_control *control, uint32_t data)
{
    require(control);
    const uint64_t ours = word[0] & 0xffff;
    word[0] = (word[0] & ~UINT64_C(0xffff)) | control->from_endpoint;
    word[1] = (word[1] & ~(UINT64_C(0xffff) << 32)) | ours << 32 | UINT64_C(1) << 31;
    uint64_t *body = &word[control->data_word];
    *body = (*body & UINT32_MAX) | (uint64_t)data << 32;
}
