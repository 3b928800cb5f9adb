/* softusrp_msgpack.h - MessagePack as the device's management speaks it: bounded, no allocation.
 * Source: the MessagePack specification (formats by first byte).              layer: tests */
#ifndef TESTS_SOFTUSRP_MSGPACK_H
#define TESTS_SOFTUSRP_MSGPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MSGPACK_TEXT_MAX 128
#define MSGPACK_OUT_MAX 8192

enum msgpack_kind {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_NUMBER,
    MSGPACK_TEXT, /* strings and byte strings alike */
    MSGPACK_ARRAY,
    MSGPACK_MAP
};

struct msgpack_in {
    const uint8_t *at, *end;
    bool broken; /* ran out or met what is no MessagePack; then nothing more is read */
};

struct msgpack_value {
    enum msgpack_kind kind;
    bool truth;
    double number;               /* every number, also whole ones */
    int64_t whole;               /* the same, toward zero and clipped where it does not fit */
    char text[MSGPACK_TEXT_MAX]; /* zero-terminated, cut when longer */
    size_t n_items;              /* of an array; pairs of a map */
    struct msgpack_in inside;    /* where those begin */
};

struct msgpack_out {
    uint8_t byte[MSGPACK_OUT_MAX];
    size_t n_bytes;
    bool full; /* something did not fit: the message is not to be sent */
};

/* The head of one value; items of arrays and maps are read after it.   own  borrows in's bytes */
struct msgpack_value msgpack_read(struct msgpack_in *in);

/* Pass over everything inside a value whose head was read. */
void msgpack_skip(struct msgpack_in *in, const struct msgpack_value *head);

void msgpack_nil(struct msgpack_out *out);
void msgpack_bool(struct msgpack_out *out, bool truth);
void msgpack_whole(struct msgpack_out *out, uint64_t whole);
void msgpack_number(struct msgpack_out *out, double number);
void msgpack_text(struct msgpack_out *out, const char *text);
void msgpack_bytes(struct msgpack_out *out, const char *text); /* as a byte string */
void msgpack_array(struct msgpack_out *out, size_t n_items);
void msgpack_map(struct msgpack_out *out, size_t n_pairs);
void msgpack_pair(struct msgpack_out *out, const char *key, const char *text);
void msgpack_append(struct msgpack_out *out, const struct msgpack_out *part);

#endif
