/* epc.c - EPC Tag Data Standard URIs, driven by one row per 96-bit scheme. */
#include "protocol/epc.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/limits.h"
#include "config/require.h"
#include "protocol/bits.h"

#define EPC_URI_ROOM (EPC_URI_MAX + 80)
#define EPC_BITS 96

struct epc_width {
    unsigned n_bits, n_digits;
};

/* Company prefix by partition value 0..6 (TDS 14.2). */
static const struct epc_width prefix_widths[7] = {{40, 12}, {37, 11}, {34, 10}, {30, 9},
                                                  {27, 8},  {24, 7},  {20, 6}};

struct epc_scheme {
    uint8_t header;
    const char *name;
    struct epc_width reference[7]; /* by partition */
    unsigned n_serial_bits;        /* 0: no serial */
    unsigned n_reserved_bits;      /* zero bits at the end */
    bool padded;                   /* reference has leading zeros up to its width */
};

static const struct epc_scheme epc_schemes[] = {
    {0x30, "sgtin", {{4, 1}, {7, 2}, {10, 3}, {14, 4}, {17, 5}, {20, 6}, {24, 7}}, 38, 0, true},
    {0x31, "sscc", {{18, 5}, {21, 6}, {24, 7}, {28, 8}, {31, 9}, {34, 10}, {38, 11}}, 0, 24, true},
    {0x32, "sgln", {{1, 0}, {4, 1}, {7, 2}, {11, 3}, {14, 4}, {17, 5}, {21, 6}}, 41, 0, true},
    {0x33, "grai", {{4, 0}, {7, 1}, {10, 2}, {14, 3}, {17, 4}, {20, 5}, {24, 6}}, 38, 0, true},
    {0x34,
     "giai",
     {{42, 13}, {45, 14}, {48, 15}, {52, 16}, {55, 17}, {58, 18}, {62, 19}},
     0,
     0,
     false},
};
#define EPC_HEADER_GID 0x35

static uint64_t epc_power_of_ten(unsigned n_digits)
{
    uint64_t power = 1;
    require(n_digits <= 19);
    for (unsigned i = 0; i < n_digits; i++) {
        power *= 10;
    }
    return power;
}

static void epc_raw_uri(const uint8_t *epc, size_t n_bits, char uri[EPC_URI_ROOM])
{
    char hex[LIMIT_EPC_BITS / 4 + 2];
    bits_to_hex(epc, (n_bits + 7) / 8, hex);
    hex[(n_bits + 3) / 4] = '\0';
    snprintf(uri, EPC_URI_ROOM, "urn:epc:raw:%zu.x%s", n_bits, hex);
}

/* Take a field; the layouts are fixed, so the bits are always there. */
static uint64_t epc_take(struct bit_reader *reader, size_t n_bits)
{
    uint64_t value = 0;
    enum status status = bits_get(reader, n_bits, &value);
    require(status == ST_OK);
    return value;
}

/* GID-96: manager, class, serial; neither filter nor partition. */
static void epc_gid_uri(struct bit_reader *reader, bool tag, char uri[EPC_URI_ROOM])
{
    uint64_t manager = epc_take(reader, 28);
    uint64_t class = epc_take(reader, 24);
    uint64_t serial = epc_take(reader, 36);
    snprintf(uri, EPC_URI_ROOM, "urn:epc:%s:%" PRIu64 ".%" PRIu64 ".%" PRIu64,
             tag ? "tag:gid-96" : "id:gid", manager, class, serial);
}

/* Digits of the reference: padded to the width of the table (no digits at all when it is 0). */
static void epc_reference_text(const struct epc_scheme *scheme, struct epc_width width,
                               uint64_t value, char text[24])
{
    if (scheme->padded) {
        snprintf(text, 24, "%0*" PRIu64, (int)width.n_digits, value);
    } else {
        snprintf(text, 24, "%" PRIu64, value);
    }
    if (width.n_digits == 0) {
        text[0] = '\0';
    }
}

static enum status epc_scheme_uri(const struct epc_scheme *scheme, struct bit_reader *reader,
                                  bool tag, char uri[EPC_URI_ROOM])
{
    uint64_t filter = epc_take(reader, 3);
    uint64_t partition = epc_take(reader, 3);
    if (partition > 6) {
        return status_fail(ST_FORMAT, "%s-96: partition 7 is illegal", scheme->name);
    }
    const struct epc_width prefix_width = prefix_widths[partition];
    const struct epc_width width = scheme->reference[partition];
    uint64_t prefix = epc_take(reader, prefix_width.n_bits);
    uint64_t reference = epc_take(reader, width.n_bits);
    uint64_t serial = epc_take(reader, scheme->n_serial_bits);
    uint64_t reserved = epc_take(reader, scheme->n_reserved_bits);
    require(bits_left(reader) == 0);
    if (prefix >= epc_power_of_ten(prefix_width.n_digits) ||
        reference >= epc_power_of_ten(width.n_digits) || reserved != 0) {
        return status_fail(ST_FORMAT, "%s-96: a value has more digits than its partition allows",
                           scheme->name);
    }
    char start[48];
    char reference_text[24];
    char serial_text[24] = "";
    if (tag) {
        snprintf(start, sizeof start, "urn:epc:tag:%s-96:%" PRIu64 ".", scheme->name, filter);
    } else {
        snprintf(start, sizeof start, "urn:epc:id:%s:", scheme->name);
    }
    epc_reference_text(scheme, width, reference, reference_text);
    if (scheme->n_serial_bits > 0) {
        snprintf(serial_text, sizeof serial_text, ".%" PRIu64, serial);
    }
    snprintf(uri, EPC_URI_ROOM, "%s%0*" PRIu64 ".%s%s", start, (int)prefix_width.n_digits, prefix,
             reference_text, serial_text);
    return ST_OK;
}

static enum status epc_make_uri(const uint8_t *epc, size_t n_bits, bool tag, char uri[EPC_URI_ROOM])
{
    require(uri);
    require(epc || n_bits == 0);
    require(n_bits <= LIMIT_EPC_BITS);
    epc_raw_uri(epc, n_bits, uri);
    if (n_bits != EPC_BITS) {
        return status_fail(ST_NOT_FOUND, "EPC of %zu bits, schemes are known for 96", n_bits);
    }
    struct bitbuf bits = {.n_bits = 0};
    enum status status = bits_put_packed(&bits, epc, n_bits);
    if (status) {
        return status;
    }
    struct bit_reader reader = {bits.bit, bits.n_bits, 8};
    if (epc[0] == EPC_HEADER_GID) {
        epc_gid_uri(&reader, tag, uri);
        return ST_OK;
    }
    for (size_t i = 0; i < sizeof epc_schemes / sizeof *epc_schemes; i++) {
        if (epc_schemes[i].header == epc[0]) {
            return epc_scheme_uri(&epc_schemes[i], &reader, tag, uri);
        }
    }
    return status_fail(ST_NOT_FOUND, "EPC header %02X is not known", epc[0]);
}

enum status epc_uri(const uint8_t *epc, size_t n_bits, char uri[EPC_URI_MAX + 80])
{
    return epc_make_uri(epc, n_bits, false, uri);
}

enum status epc_tag_uri(const uint8_t *epc, size_t n_bits, char uri[EPC_URI_MAX + 80])
{
    return epc_make_uri(epc, n_bits, true, uri);
}
