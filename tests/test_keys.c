/* test_keys.c - the table of keys: what is read, what is refused and how, which row a tag gets, and
 * that no message tells a key. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/bits.h"
#include "reader/keys.h"

#define KEY_A "0123456789ABCDEF0123456789ABCDEF"
#define KEY_B "00112233445566778899aabbccddeeff"
#define ROW_A "{epc: 3074, key_id: 0, key: " KEY_A "}"

static const char table_text[] =
    "keys: 1\n"
    "rows:\n"
    "  - {epc: 3074257BF7, key_id: 0, key: " KEY_A "}\n"
    "  - epc: \"30000000/F8000000\"\n"
    "    key_id: 255\n"
    "    key: \"" KEY_B "\"\n"
    "    profile: tid\n"
    "    blocks: 2\n"
    "  - {epc: 307, key_id: 3, key: " KEY_A ", profile: user, offset: 4095, protection: plain}\n"
    "  - {epc: '', key_id: 4, key: " KEY_B ", profile: none}\n"
    "  - {epc: 00000001/000000FF, key_id: 5, key: " KEY_A "}\n";

static struct keys *keys;

static void read_text(const char *text)
{
    if (keys_read_memory(text, strlen(text), "t", &keys) != ST_OK) {
        fail_msg("%s", status_detail());
    }
}

/* The KeyID of the row an EPC gets; -1: none. */
static int key_id_of(const char *epc, size_t n_bits)
{
    uint8_t packed[KEYS_EPC_BYTES];
    size_t n_bytes = 0;
    assert_int_equal(bits_from_hex(epc, packed, sizeof packed, &n_bytes), ST_OK);
    assert_true(n_bits <= 8 * n_bytes);
    const struct key_row *row = keys_find(keys, packed, n_bits);
    return row ? row->key_id : -1;
}

static void keys_reads_rows(void **unused)
{
    (void)unused;
    read_text(table_text);
    assert_int_equal(keys_n_rows(keys), 5);
    const struct key_row *row = keys_row(keys, 0); /* most mask bits first: 40, 12, 8, 5, 0 */
    static const uint8_t key_a[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
                                    0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF};
    assert_int_equal(row->n_mask_bits, 40);
    assert_memory_equal(row->key, key_a, sizeof key_a);
    assert_int_equal(row->wanted.n_blocks, 0);
    row = keys_row(keys, 1);
    assert_int_equal(row->n_mask_bits, 12);
    assert_int_equal(row->key_id, 3);
    assert_int_equal(row->wanted.n_blocks, 1);
    assert_int_equal(row->wanted.profile, 2);
    assert_int_equal(row->wanted.offset, 4095);
    assert_int_equal(row->wanted.protection, SUITE_AES_PLAIN);
    row = keys_row(keys, 3);
    assert_int_equal(row->n_mask_bits, 5);
    assert_int_equal(row->key_id, 255);
    assert_int_equal(row->key[15], 0xFF);
    assert_int_equal(row->wanted.n_blocks, 2);
    assert_int_equal(row->wanted.profile, 1);
    assert_int_equal(row->wanted.protection, SUITE_AES_CBC);
    assert_int_equal(keys_row(keys, 4)->wanted.n_blocks, 0);
    keys_free(&keys);
    assert_null(keys);
    keys_free(&keys);
}

static void keys_finds_the_longest_mask(void **unused)
{
    (void)unused;
    read_text(table_text);
    assert_int_equal(key_id_of("3074257BF7194E4000001A85", 96), 0);
    assert_int_equal(key_id_of("3074257BF8194E4000001A85", 96), 3);
    assert_int_equal(key_id_of("3774257BF8194E4000001A85", 96),
                     255); /* 00110: its first five bits */
    assert_int_equal(key_id_of("3874257BF8194E4000001A85", 96), 4);
    assert_int_equal(key_id_of("38742501F8194E4000001A85", 96), 5);
    assert_int_equal(key_id_of("30742501F8194E4000001A85", 96), 3); /* 12 bits before 8 */
    assert_int_equal(key_id_of("3074257BF7", 40), 0);
    assert_int_equal(key_id_of("3074257BF7", 39), 3); /* the mask reaches beyond the EPC */
    assert_int_equal(key_id_of("3070", 12), 3);
    assert_int_equal(key_id_of("3070", 11), 255);
    assert_int_equal(key_id_of("", 0), 4);
    assert_ptr_equal(keys_find(keys, NULL, 0), keys_row(keys, 4));
    keys_free(&keys);
    read_text("keys: 1\nrows: []\n");
    assert_int_equal(key_id_of("3074", 16), -1);
    keys_free(&keys);
    read_text("keys: 1\nrows:\n  - {epc: 30/F0, key_id: 1, key: " KEY_A "}\n"
              "  - {epc: 04/0F, key_id: 2, key: " KEY_A "}\n");
    assert_int_equal(key_id_of("34", 8), 1); /* equals: the first */
    assert_int_equal(key_id_of("44", 8), 2);
    assert_int_equal(key_id_of("45", 8), -1);
    keys_free(&keys);
}

static void keys_refuses_with_line_and_range(void **unused)
{
    (void)unused;
    static const struct {
        const char *yaml, *detail;
    } rows[] = {
        {"", "t:1: no 'keys: 1' in the file"},
        {"rows: []\n", "no 'keys: 1'"},
        {"keys: 2\n", "t:1: keys: version of the format, accepted: 1"},
        {"keys: 1\nfoo: 3\n", "t:2: unknown key 'foo', accepted: keys, rows"},
        {"keys: 1\nkeys: 1\n", "t:2: a second"},
        {"keys: 1\nrows: 3\n", "t:2: rows is no list, accepted: a list of rows"},
        {"keys: 1\nrows: {}\n", "t:2: a map is accepted only"},
        {"keys: 1\nrows: [" KEY_A "]\n", "t:2: a row that is no map, accepted: {epc"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1}\n", "t:3: a row without 'key', accepted"},
        {"keys: 1\nrows:\n  - {epc: 30, key: " KEY_A "}\n", "t:3: a row without 'key_id'"},
        {"keys: 1\nrows:\n  - {key_id: 30, key: " KEY_A "}\n", "t:3: a row without 'epc'"},
        {"keys: 1\nrows:\n  - {epc: 3G, key_id: 1, key: " KEY_A "}\n",
         "t:3: epc, accepted: up to 124 hex digits"},
        {"keys: 1\nrows:\n  - {epc: 30/F, key_id: 1, key: " KEY_A "}\n", "t:3: epc, accepted"},
        {"keys: 1\nrows:\n  - {epc: 31/F0, key_id: 1, key: " KEY_A "}\n",
         "t:3: epc: a bit set in the value, not in the mask"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 256, key: " KEY_A "}\n",
         "t:3: key_id, accepted: 0..255"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: -1, key: " KEY_A "}\n", "key_id, accepted"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A "0}\n",
         "t:3: key of 33 characters, accepted: 32 hex digits"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: 0123456789ABCDEF0123456789ABCDEG}\n",
         "t:3: key of 32 characters, accepted: 32 hex digits"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A ", profile: all}\n",
         "t:3: profile, accepted: none, epc, tid, user"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A ", profile: tid, blocks: 17}\n",
         "t:3: blocks, accepted: 1..16"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A ", profile: tid, offset: 4096}\n",
         "t:3: offset, accepted: 0..4095"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A ", protection: cbc}\n",
         "t:3: offset, blocks or protection without a profile"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key: " KEY_A ", profile: tid, protection: x}\n",
         "t:3: protection, accepted: plain, cbc"},
        {"keys: 1\nrows:\n  - {epc: 30, key_id: 1, key_id: 2, key: " KEY_A "}\n",
         "t:3: a second 'key_id'"},
        {"keys: 1\nrows:\n  - {epc: 30, profile: none, profile: tid, key_id: 2, key: " KEY_A "}\n",
         "t:3: a second 'profile'"},
        {"keys: [1]\n", "t:1: a list is accepted only after rows:"},
        {"keys: 1\nrows:\n  - " ROW_A "\n  - " ROW_A "\n", "t:4: the same epc stands twice"},
        {"keys: 1\nrows:\n  - {" KEY_A ": 3}\n", "t:3: unknown key, accepted: epc"},
        {"keys: 1\n" KEY_A ": 3\n", "t:2: unknown key, accepted: keys"},
        {"keys: 1\nrows:\n  - {/5EC4E7: 3}\n", "t:3: unknown key, accepted: epc"},
        {"keys: 1\n---\nkeys: 1\n", "only one document"},
        {"keys: 1\nrows:\n  - &a " ROW_A "\n  - *a\n", "t:4: aliases are not accepted"},
        {"keys: 1\nrows: [", "t:3: "},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        enum status status = keys_read_memory(rows[k].yaml, strlen(rows[k].yaml), "t", &keys);
        assert_true(status == ST_FORMAT || status == ST_RANGE);
        assert_null(keys);
        if (!strstr(status_detail(), rows[k].detail)) {
            fail_msg("'%s' is not in '%s'", rows[k].detail, status_detail());
        }
        assert_null(strstr(status_detail(), "012345"));
        assert_null(strstr(status_detail(), "ABCDE"));
    }
}

static void keys_holds_so_many_rows(void **unused)
{
    (void)unused;
    static char text[KEYS_ROWS_MAX * 96 + 200];
    for (unsigned n_more = 0; n_more < 2; n_more++) {
        size_t at = (size_t)snprintf(text, sizeof text, "keys: 1\nrows:\n");
        for (unsigned k = 0; k < KEYS_ROWS_MAX + n_more; k++) {
            at += (size_t)snprintf(text + at, sizeof text - at,
                                   "  - {epc: %04X, key_id: 1, key: " KEY_A "}\n", k);
        }
        enum status status = keys_read_memory(text, at, "t", &keys);
        assert_int_equal(status, n_more ? ST_FULL : ST_OK);
        if (n_more) {
            assert_non_null(strstr(status_detail(), "t:1027: more than 1024 rows"));
        } else {
            assert_int_equal(key_id_of("03FF", 16), 1);
            assert_int_equal(key_id_of("0400", 16), -1);
        }
        keys_free(&keys);
    }
}

static void write_file(const char *path, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(table_text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void keys_are_nobody_elses(void **unused)
{
    (void)unused;
    char folder[] = "/tmp/test_keys.XXXXXX", path[64], pipe[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/keys.yaml", folder);
    snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    static const struct {
        mode_t mode;
        enum status status;
    } row[] = {
        {0600, ST_OK},    {0400, ST_OK},    {0644, ST_USAGE}, {0640, ST_USAGE}, {0604, ST_USAGE},
        {0620, ST_USAGE}, {0602, ST_USAGE}, {0660, ST_USAGE}, {0610, ST_USAGE},
    };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        write_file(path, row[k].mode);
        assert_int_equal(keys_read(path, &keys), row[k].status);
        if (row[k].status) {
            char mode[16];
            snprintf(mode, sizeof mode, "mode %04o", (unsigned)row[k].mode);
            assert_non_null(strstr(status_detail(), path));
            assert_non_null(strstr(status_detail(), mode));
            assert_non_null(strstr(status_detail(), "accepted: 0600 or stricter"));
            assert_null(keys);
        } else {
            assert_int_equal(keys_n_rows(keys), 5);
        }
        keys_free(&keys);
        unlink(path);
    }
    assert_int_equal(keys_read(path, &keys), ST_NOT_FOUND);
    assert_int_equal(keys_read(folder, &keys), ST_USAGE);
    assert_non_null(strstr(status_detail(), "not a regular file"));
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(keys_read(pipe, &keys), ST_USAGE); /* and at once */
    if (geteuid() == 0) {                               /* another's file: only root can make one */
        write_file(path, 0600);
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        assert_int_equal(keys_read(path, &keys), ST_USAGE);
        assert_non_null(strstr(status_detail(), "belongs to user 12345"));
        unlink(path);
    }
    unlink(pipe);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_reads_rows),
        cmocka_unit_test(keys_finds_the_longest_mask),
        cmocka_unit_test(keys_refuses_with_line_and_range),
        cmocka_unit_test(keys_holds_so_many_rows),
        cmocka_unit_test(keys_are_nobody_elses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
