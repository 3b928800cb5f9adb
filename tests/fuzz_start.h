/* fuzz_start.h - text for a parser's fuzzer that gets beyond its first line.             layer: tests */
#ifndef TESTS_FUZZ_START_H
#define TESTS_FUZZ_START_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One of the starts, as the first byte says, and the rest of the data, cut to the room.
 *   in  starts[n_starts]  plausible beginnings, so that values are reached, not only syntax
 *   out bytes in text     pre  every start fits */
static inline size_t fuzz_start(const char *const *starts, size_t n_starts, const uint8_t *data,
                                size_t n_bytes, char *text, size_t room)
{
    const char *start = starts[n_bytes > 0 ? data[0] % n_starts : 0];
    size_t n = strlen(start);
    size_t n_rest = n_bytes > 0 ? n_bytes - 1 : 0;
    memcpy(text, start, n);
    n_rest = n_rest < room - n ? n_rest : room - n;
    if (n_rest > 0) {
        memcpy(text + n, data + 1, n_rest);
    }
    return n + n_rest;
}

#endif
