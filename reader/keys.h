/* keys.h - which key a tag should hold: rows of EPC mask and key, read from a file that nobody else
 * may read.                                                                       layer: reader
 *
 *     keys: 1                              # version of the format
 *     rows:
 *       - {epc: 3074257BF7, key_id: 0, key: 0123456789ABCDEF0123456789ABCDEF}
 *       - {epc: "30000000/F8000000", key_id: 1, key: 00112233445566778899AABBCCDDEEFF,
 *          profile: tid, offset: 0, blocks: 2, protection: cbc}
 *
 * epc: hex digits that the EPC begins with ("": any tag), or value/mask: the bits that are set in
 * the mask are as in the value. key_id 0..255; key of 32 hex digits. profile (none, epc, tid,
 * user), offset (0..4095) and blocks (1..16, of 64 bits), protection (plain, cbc): what the tag
 * shall send along; none of it is sent when no profile is given.
 * Keys are in no message, and their memory is wiped before it is given back (what libyaml moved
 * about while it read them excepted). */
#ifndef READER_KEYS_H
#define READER_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "config/status.h"
#include "protocol/suite_aes.h"

enum { KEYS_ROWS_MAX = 1024, KEYS_EPC_BYTES = 62 };

struct key_row {
    uint8_t value[KEYS_EPC_BYTES], mask[KEYS_EPC_BYTES]; /* packed; value is 0 where mask is */
    unsigned n_mask_bits;                                /* set in the mask */
    uint8_t key_id;
    uint8_t key[SUITE_AES_KEY_BYTES];
    struct suite_aes_wanted wanted; /* n_blocks 0: authentication alone */
};

struct keys;

/* Read a file, or the same from memory (`name` stands for it in messages).
 *   err  ST_NOT_FOUND, ST_IO, ST_NO_MEMORY; ST_USAGE the file is not the user's own, no regular
 *   file, or
 *        others may read or write it; ST_FORMAT, ST_RANGE, ST_FULL name file, line, what and what
 *        is accepted; no mask and value twice
 *   own  borrows all but keys */
enum status keys_read(const char *path, struct keys **keys) must_check;
enum status keys_read_memory(const char *yaml, size_t n_bytes, const char *name,
                             struct keys **keys) must_check;
void keys_free(struct keys **keys); /* wipes; NULL-safe */

/* The row whose mask has most bits of those that match; of equals the first in the file.
 *   in   epc packed, n_epc_bits of it: a mask that reaches beyond does not match
 *   out  NULL: none   own: as long as keys */
const struct key_row *keys_find(const struct keys *keys, const uint8_t *epc, size_t n_epc_bits);

/* Rows, in the order in which keys_find looks at them.   pre index < keys_n_rows() */
size_t keys_n_rows(const struct keys *keys);
const struct key_row *keys_row(const struct keys *keys, size_t index);

#endif
