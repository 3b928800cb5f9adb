/* keys.c - the table of keys: the file's permissions, rows in order, the row of a tag. */
#include "reader/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "config/require.h"
#include "reader/keys_parts.h"
#include "reader/rows_yaml.h"

#define OTHERS_BITS 077u /* group and others: read, write, execute */

enum status keys_put(struct keys *keys, const struct key_row *row)
{
    require(keys);
    require(keys->n_rows <= KEYS_ROWS_MAX);
    size_t at = 0;
    for (size_t k = 0; k < keys->n_rows; k++) {
        const struct key_row *other = &keys->row[k];
        if (memcmp(other->mask, row->mask, sizeof row->mask) == 0 &&
            memcmp(other->value, row->value, sizeof row->value) == 0) {
            return status_fail(ST_FORMAT, "the same epc stands twice, accepted: each once");
        }
        at += other->n_mask_bits >= row->n_mask_bits;
    }
    if (keys->n_rows == KEYS_ROWS_MAX) {
        return status_fail(ST_FULL, "more than %d rows", KEYS_ROWS_MAX);
    }
    memmove(&keys->row[at + 1], &keys->row[at], (keys->n_rows - at) * sizeof *keys->row);
    keys->row[at] = *row;
    keys->n_rows++;
    return ST_OK;
}

size_t keys_n_rows(const struct keys *keys)
{
    require(keys);
    return keys->n_rows;
}

const struct key_row *keys_row(const struct keys *keys, size_t index)
{
    require(keys);
    require(index < keys->n_rows);
    return &keys->row[index];
}

static bool row_matches(const struct key_row *row, const uint8_t *epc, size_t n_epc_bits)
{
    for (size_t k = 0; k < KEYS_EPC_BYTES; k++) {
        size_t n_left = n_epc_bits > 8 * k ? n_epc_bits - 8 * k : 0;
        unsigned there = n_left >= 8 ? 0xFFU : 0xFF00U >> n_left & 0xFFU; /* bits the EPC has */
        unsigned byte = n_left > 0 ? epc[k] : 0;
        if ((row->mask[k] & ~there) != 0 || (byte & row->mask[k]) != row->value[k]) {
            return false;
        }
    }
    return true;
}

const struct key_row *keys_find(const struct keys *keys, const uint8_t *epc, size_t n_epc_bits)
{
    require(keys);
    require(epc || n_epc_bits == 0);
    for (size_t k = 0; k < keys->n_rows; k++) {
        if (row_matches(&keys->row[k], epc, n_epc_bits)) {
            return &keys->row[k];
        }
    }
    return NULL;
}

enum status keys_read_memory(const char *yaml, size_t n_bytes, const char *name, struct keys **keys)
{
    require(yaml || n_bytes == 0);
    require(name);
    require(keys);
    struct keys *read = calloc(1, sizeof *read);
    if (!read) {
        return status_fail(ST_NO_MEMORY, "%.160s: no memory for its rows", name);
    }
    enum status status = keys_parse(yaml, n_bytes, name, read);
    if (status) {
        keys_free(&read);
        return status;
    }
    *keys = read;
    return ST_OK;
}

void keys_free(struct keys **keys)
{
    require(keys);
    if (*keys) {
        OPENSSL_cleanse(*keys, sizeof **keys);
        free(*keys);
        *keys = NULL;
    }
}

/* Nobody but the user may read or change the keys. */
static enum status file_check(int file, const char *path)
{
    struct stat about;
    if (fstat(file, &about) != 0) {
        return status_fail(ST_IO, "%.160s: %s", path, strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return status_fail(ST_USAGE, "%.160s: not a regular file: keys are read from no other",
                           path);
    }
    if (about.st_uid != geteuid()) {
        return status_fail(ST_USAGE,
                           "%.160s: belongs to user %ld, accepted: the user who runs this, %ld",
                           path, (long)about.st_uid, (long)geteuid());
    }
    unsigned mode = (unsigned)about.st_mode & 07777u;
    if (mode & OTHERS_BITS) {
        return status_fail(ST_USAGE,
                           "%.160s: mode %04o lets others at the keys, accepted: 0600 or stricter",
                           path, mode);
    }
    return ST_OK;
}

/*   out n_bytes, ROWS_YAML_MAX_BYTES + 1 at most */
static enum status file_load(int file, const char *path, char *yaml, size_t *n_bytes)
{
    size_t n = 0;
    while (n < ROWS_YAML_MAX_BYTES + 1) {
        ssize_t part = read(file, yaml + n, ROWS_YAML_MAX_BYTES + 1 - n);
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0) {
            return status_fail(ST_IO, "%.160s: %s", path, strerror(errno));
        }
        if (part == 0) {
            break;
        }
        n += (size_t)part;
    }
    *n_bytes = n;
    return ST_OK;
}

enum status keys_read(const char *path, struct keys **keys)
{
    require(path);
    require(keys);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not hold us up */
    if (file < 0) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%.160s: %s", path,
                           strerror(errno));
    }
    char *yaml = NULL;
    size_t n_bytes = 0;
    enum status status = file_check(file, path);
    if (!status) {
        yaml = malloc(ROWS_YAML_MAX_BYTES + 1);
        status = yaml ? ST_OK : status_fail(ST_NO_MEMORY, "%.160s: no memory to read it", path);
    }
    status = status ? status : file_load(file, path, yaml, &n_bytes);
    status = status ? status : keys_read_memory(yaml, n_bytes, path, keys);
    if (yaml) {
        OPENSSL_cleanse(yaml, ROWS_YAML_MAX_BYTES + 1);
    }
    free(yaml);
    close(file);
    return status;
}
