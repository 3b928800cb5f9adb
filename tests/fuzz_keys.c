/* fuzz_keys.c - arbitrary bytes as a key file. What is accepted is in order and in range and is
 * found by the EPCs it names; what is not is refused by file and line, without a word of what may
 * be a key. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/require.h"
#include "reader/keys.h"
#include "tests/fuzz_start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define SECRET "5EC4E75EC4E75EC4E75EC4E75EC4E75E"

/* Most inputs start as a plausible file, so that rows are reached, not only syntax. */
static size_t make_yaml(const uint8_t *data, size_t n_bytes, char *yaml, size_t room)
{
    static const char *const starts[] = {
        "",
        "keys: 1\nrows:\n  - {epc: ",
        "keys: 1\nrows: [{key: " SECRET ", key_id: ",
        "keys: 1\nrows: [{epc: '30', key_id: 1, key: " SECRET "}]\nrows: [{epc: ",
        "keys: 1\nrows:\n  - {epc: 3074, key_id: 0, key: " SECRET ", ",
        "keys: 1\nrows:\n  - {epc: '', key_id: 0, key: " SECRET "}\n  - {key: " SECRET
        ", key_id: 1, epc: ",
    };
    return fuzz_start(starts, sizeof starts / sizeof *starts, data, n_bytes, yaml, room);
}

static void check_row(const struct keys *keys, size_t index)
{
    const struct key_row *row = keys_row(keys, index);
    require(index == 0 || keys_row(keys, index - 1)->n_mask_bits >= row->n_mask_bits);
    require(row->wanted.n_blocks <= SUITE_AES_BLOCKS_MAX);
    require(row->wanted.offset <= SUITE_AES_OFFSET_MAX);
    require(row->wanted.protection < SUITE_AES_PROTECTIONS);
    for (size_t k = 0; k < KEYS_EPC_BYTES; k++) {
        require((row->value[k] & ~row->mask[k]) == 0);
    }
    const struct key_row *found = keys_find(keys, row->value, 8 * KEYS_EPC_BYTES);
    require(found);
    require(found->n_mask_bits >= row->n_mask_bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static char yaml[1 << 16];
    struct keys *keys = NULL;
    size_t n_yaml = make_yaml(data, n_bytes, yaml, sizeof yaml);
    enum status status = keys_read_memory(yaml, n_yaml, "fuzz", &keys);
    if (status) {
        require(!keys);
        require(strncmp(status_detail(), "fuzz:", 5) == 0);
        require(!strstr(status_detail(), "5EC4E7"));
        return 0;
    }
    require(keys_n_rows(keys) <= KEYS_ROWS_MAX);
    for (size_t k = 0; k < keys_n_rows(keys); k++) {
        check_row(keys, k);
    }
    keys_find(keys, data, 8 * (n_bytes < KEYS_EPC_BYTES ? n_bytes : KEYS_EPC_BYTES));
    keys_free(&keys);
    require(!keys);
    return 0;
}
