/* softusrp_msgpack.c - MessagePack, the formats that management uses. */
#include "tests/softusrp_msgpack.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

/* ---- reading ---- */

static uint64_t take(struct msgpack_in *in, size_t n_bytes)
{
    if ((size_t)(in->end - in->at) < n_bytes) {
        in->broken = true;
        return 0;
    }
    uint64_t value = 0;
    for (size_t k = 0; k < n_bytes; k++) {
        value = value << 8 | *in->at++;
    }
    return value;
}

static void take_text(struct msgpack_in *in, struct msgpack_value *value, size_t n_bytes)
{
    value->kind = MSGPACK_TEXT;
    if ((size_t)(in->end - in->at) < n_bytes) {
        in->broken = true;
        return;
    }
    const size_t n = n_bytes < MSGPACK_TEXT_MAX - 1 ? n_bytes : MSGPACK_TEXT_MAX - 1;
    memcpy(value->text, in->at, n);
    in->at += n_bytes;
}

static void set_whole(struct msgpack_value *value, int64_t whole)
{
    value->kind = MSGPACK_NUMBER;
    value->whole = whole;
    value->number = (double)whole;
}

static void set_number(struct msgpack_value *value, double number)
{
    value->kind = MSGPACK_NUMBER;
    value->number = number;
    value->whole = fabs(number) < 9e18 ? (int64_t)number : number > 0 ? INT64_MAX : 0;
}

static void take_float(struct msgpack_in *in, struct msgpack_value *value, size_t n_bytes)
{
    const uint64_t bits = take(in, n_bytes);
    double number;
    if (n_bytes == 4) {
        const uint32_t narrow = (uint32_t)bits;
        float single;
        memcpy(&single, &narrow, sizeof single);
        number = (double)single;
    } else {
        memcpy(&number, &bits, sizeof number);
    }
    set_number(value, number);
}

/* What the first byte announces with a length or a number after it. */
static void take_long(struct msgpack_in *in, struct msgpack_value *value, uint8_t first)
{
    switch (first) {
    case 0xc0: value->kind = MSGPACK_NIL; break;
    case 0xc2:
    case 0xc3:
        value->kind = MSGPACK_BOOL;
        value->truth = first == 0xc3;
        value->whole = value->truth;
        break;
    case 0xc4:
    case 0xd9: take_text(in, value, take(in, 1)); break;
    case 0xc5:
    case 0xda: take_text(in, value, take(in, 2)); break;
    case 0xca: take_float(in, value, 4); break;
    case 0xcb: take_float(in, value, 8); break;
    case 0xcc: set_whole(value, (int64_t)take(in, 1)); break;
    case 0xcd: set_whole(value, (int64_t)take(in, 2)); break;
    case 0xce: set_whole(value, (int64_t)take(in, 4)); break;
    case 0xcf: set_whole(value, (int64_t)(take(in, 8) & INT64_MAX)); break;
    case 0xd0: set_whole(value, (int8_t)take(in, 1)); break;
    case 0xd1: set_whole(value, (int16_t)take(in, 2)); break;
    case 0xd2: set_whole(value, (int32_t)take(in, 4)); break;
    case 0xd3: set_whole(value, (int64_t)take(in, 8)); break;
    case 0xdc:
        value->kind = MSGPACK_ARRAY;
        value->n_items = take(in, 2);
        break;
    case 0xde:
        value->kind = MSGPACK_MAP;
        value->n_items = take(in, 2);
        break;
    default: in->broken = true; break;
    }
}

struct msgpack_value msgpack_read(struct msgpack_in *in)
{
    require(in);
    struct msgpack_value value = {.kind = MSGPACK_NIL};
    if (in->broken) {
        return value;
    }
    const uint8_t first = (uint8_t)take(in, 1);
    if (in->broken) {
        return value;
    }
    if (first < 0x80) {
        set_whole(&value, first);
    } else if (first < 0x90) {
        value.kind = MSGPACK_MAP;
        value.n_items = first & 15;
    } else if (first < 0xa0) {
        value.kind = MSGPACK_ARRAY;
        value.n_items = first & 15;
    } else if (first < 0xc0) {
        take_text(in, &value, first & 31);
    } else if (first >= 0xe0) {
        set_whole(&value, (int8_t)first);
    } else {
        take_long(in, &value, first);
    }
    value.inside = *in;
    return value;
}

static size_t n_inside(const struct msgpack_value *head)
{
    return head->kind == MSGPACK_ARRAY ? head->n_items
           : head->kind == MSGPACK_MAP ? 2 * head->n_items
                                       : 0;
}

void msgpack_skip(struct msgpack_in *in, const struct msgpack_value *head)
{
    require(in);
    require(head);
    for (size_t n_left = n_inside(head); n_left > 0 && !in->broken; n_left--) {
        const struct msgpack_value value = msgpack_read(in);
        n_left += n_inside(&value);
    }
}

/* ---- writing ---- */

static void put(struct msgpack_out *out, const void *bytes, size_t n_bytes)
{
    if (out->full || n_bytes > sizeof out->byte - out->n_bytes) {
        out->full = true;
        return;
    }
    memcpy(out->byte + out->n_bytes, bytes, n_bytes);
    out->n_bytes += n_bytes;
}

static void put_tagged(struct msgpack_out *out, uint8_t first, uint64_t value, unsigned n_bytes)
{
    uint8_t text[9] = {first};
    for (unsigned k = 0; k < n_bytes; k++) {
        text[1 + k] = (uint8_t)(value >> (8 * (n_bytes - 1 - k)));
    }
    put(out, text, 1 + n_bytes);
}

void msgpack_nil(struct msgpack_out *out)
{
    put_tagged(out, 0xc0, 0, 0);
}

void msgpack_bool(struct msgpack_out *out, bool truth)
{
    put_tagged(out, truth ? 0xc3 : 0xc2, 0, 0);
}

void msgpack_whole(struct msgpack_out *out, uint64_t whole)
{
    put_tagged(out, 0xcf, whole, 8);
}

void msgpack_number(struct msgpack_out *out, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_tagged(out, 0xcb, bits, 8);
}

void msgpack_text(struct msgpack_out *out, const char *text)
{
    const size_t n = strlen(text);
    require(n <= UINT8_MAX);
    put_tagged(out, 0xd9, n, 1);
    put(out, text, n);
}

void msgpack_bytes(struct msgpack_out *out, const char *text)
{
    const size_t n = strlen(text);
    require(n <= UINT8_MAX);
    put_tagged(out, 0xc4, n, 1);
    put(out, text, n);
}

void msgpack_array(struct msgpack_out *out, size_t n_items)
{
    require(n_items <= UINT16_MAX);
    put_tagged(out, 0xdc, n_items, 2);
}

void msgpack_map(struct msgpack_out *out, size_t n_pairs)
{
    require(n_pairs <= UINT16_MAX);
    put_tagged(out, 0xde, n_pairs, 2);
}

void msgpack_pair(struct msgpack_out *out, const char *key, const char *text)
{
    msgpack_text(out, key);
    msgpack_text(out, text);
}

void msgpack_append(struct msgpack_out *out, const struct msgpack_out *part)
{
    put(out, part->byte, part->n_bytes);
    out->full = out->full || part->full;
}
