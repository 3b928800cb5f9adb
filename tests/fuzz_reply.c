/* fuzz_reply.c - arbitrary bits as ACK reply, as EPC and as reader command. What decodes as a
 * command with a right CRC must encode to the same bits. */
#include <string.h>

#include "config/require.h"
#include "protocol/command.h"
#include "protocol/crc.h"
#include "protocol/epc.h"
#include "protocol/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void try_reply(const struct bitbuf *bits)
{
    struct epc_reply reply;
    char uri[EPC_URI_MAX + 80];
    if (reply_parse_epc(bits->bit, bits->n_bits, &reply) == ST_OK) {
        require(reply.n_epc_bits <= LIMIT_EPC_BITS);
        require(reply.n_xpc_words <= 2);
        enum status status = epc_uri(reply.epc, reply.n_epc_bits, uri);
        require(status == ST_OK || strncmp(uri, "urn:epc:raw:", 12) == 0);
        status = epc_tag_uri(reply.epc, reply.n_epc_bits, uri);
        require(strlen(uri) < sizeof uri);
        require(status == ST_OK || status == ST_NOT_FOUND || status == ST_FORMAT);
    }
}

static void count_field(void *context, const char *name, uint64_t value, const uint8_t *mask,
                        size_t n_bits)
{
    size_t *n_fields = context;
    require(name);
    require(mask || n_bits == 0 || n_bits == 64 || value >> n_bits == 0);
    ++*n_fields;
}

static void try_command(const struct bitbuf *bits)
{
    static struct bitbuf back;
    struct command command;
    bool crc_right = false;
    size_t n_fields = 0;
    if (command_decode(bits->bit, bits->n_bits, &command, &crc_right) != ST_OK) {
        return;
    }
    command_each_field(&command, count_field, &n_fields);
    require(command.id == COMMAND_NAK || n_fields > 0);
    enum status status = command_encode(&command, &back);
    require(status == ST_OK);
    /* a pointer may come in more EBV blocks than it needs; everything else is one to one */
    if (crc_right && back.n_bits == bits->n_bits) {
        require(memcmp(back.bit, bits->bit, back.n_bits) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static struct bitbuf bits;
    size_t n_bits = 8 * n_bytes < LIMIT_BITS - 16 ? 8 * n_bytes : LIMIT_BITS - 16;
    bits.n_bits = 0;
    enum status status = bits_put_packed(&bits, data, n_bits);
    require(status == ST_OK);
    if (n_bytes > 0) {
        bits.n_bits -= data[n_bytes - 1] % 8; /* any length, not only whole bytes */
    }
    try_reply(&bits);
    try_command(&bits);
    static const size_t lengths[] = {4, 9, 18, 22, 40, 45, 57};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct bitbuf cut = bits;
        if (cut.n_bits >= lengths[i]) {
            cut.n_bits = lengths[i];
            try_command(&cut);
        }
    }
    status = crc_append(CRC_16, &bits); /* and with a right CRC */
    require(status == ST_OK);
    try_reply(&bits);
    try_command(&bits);
    return 0;
}
