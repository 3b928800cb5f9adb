/* keys_yaml.c - what stands in the table of keys. A message shows no text of the file that could be a
 * key. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "config/require.h"
#include "protocol/bits.h"
#include "reader/keys_parts.h"
#include "reader/rows_yaml.h"

enum { EPC_DIGITS_MAX = 2 * KEYS_EPC_BYTES };

enum { TOP_VERSION = 0, TOP_ROWS, TOP_N };
enum {
    CELL_EPC = 0,
    CELL_KEY_ID,
    CELL_KEY,
    CELL_NEEDED_N, /* those above */
    CELL_PROFILE = CELL_NEEDED_N,
    CELL_OFFSET,
    CELL_BLOCKS,
    CELL_PROTECTION,
    CELL_N
};

struct reading {
    struct keys *keys;
    struct key_row row;             /* that is open */
    bool has_profile, has_settings; /* settings: what says more about a profile */
};

/* Hex digits, an odd last one counting for its four bits.   out false: something else, or too many */
static bool digits_take(const char *text, size_t n_digits, uint8_t packed[KEYS_EPC_BYTES])
{
    memset(packed, 0, KEYS_EPC_BYTES);
    if (n_digits > EPC_DIGITS_MAX) {
        return false;
    }
    for (size_t k = 0; k < n_digits; k++) {
        unsigned char digit = (unsigned char)text[k];
        if (!isxdigit(digit)) {
            return false;
        }
        unsigned value =
            isdigit(digit) ? digit - (unsigned)'0' : (unsigned)tolower(digit) - (unsigned)'a' + 10U;
        packed[k / 2] |= (uint8_t)(k % 2 == 0 ? value << 4 : value);
    }
    return true;
}

static enum status take_epc(const struct rows_value *value)
{
    static const char accepted[] =
        "up to 124 hex digits that the EPC begins with, or value/mask of as many each";
    struct key_row *row = &((struct reading *)value->context)->row;
    const char *text = value->text, *slash = strchr(text, '/');
    size_t n_digits = slash ? (size_t)(slash - text) : strlen(text);
    bool fits = digits_take(text, n_digits, row->value);
    if (slash) {
        fits = fits && strlen(slash + 1) == n_digits && digits_take(slash + 1, n_digits, row->mask);
    } else {
        static const char ones[EPC_DIGITS_MAX + 1] =
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
            "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF";
        fits = fits && digits_take(ones, n_digits, row->mask);
    }
    if (!fits) {
        return rows_yaml_refuse(value, ST_FORMAT, "epc", accepted);
    }
    row->n_mask_bits = 0;
    for (size_t k = 0; k < KEYS_EPC_BYTES; k++) {
        if (row->value[k] & ~row->mask[k]) {
            return rows_yaml_refuse(value, ST_FORMAT,
                                    "epc: a bit set in the value, not in the mask",
                                    "value bits that the mask covers");
        }
        row->n_mask_bits += (unsigned)__builtin_popcount(row->mask[k]);
    }
    return ST_OK;
}

static enum status take_key(const struct rows_value *value)
{
    struct reading *reading = value->context;
    size_t n_bytes = 0;
    if (strlen(value->text) == 2 * SUITE_AES_KEY_BYTES &&
        bits_from_hex(value->text, reading->row.key, SUITE_AES_KEY_BYTES, &n_bytes) == ST_OK) {
        return ST_OK;
    }
    char what[64];
    snprintf(what, sizeof what, "key of %zu characters", strlen(value->text));
    return rows_yaml_refuse(value, ST_FORMAT, what, "32 hex digits");
}

static enum status take_number(const struct rows_value *value, unsigned min, unsigned max,
                               unsigned *number)
{
    const char *text = value->text;
    size_t n_digits = strspn(text, "0123456789");
    unsigned read = 0;
    for (size_t k = 0; k < n_digits && k < 9; k++) {
        read = 10 * read + (unsigned)(text[k] - '0');
    }
    if (n_digits > 0 && n_digits < 9 && text[n_digits] == '\0' && read >= min && read <= max) {
        *number = read;
        return ST_OK;
    }
    char accepted[32];
    snprintf(accepted, sizeof accepted, "%u..%u", min, max);
    return rows_yaml_refuse(value, ST_RANGE, value->name, accepted);
}

/*   in names[n]   out which */
static enum status take_name(const struct rows_value *value, const char *const *names, unsigned n,
                             const char *accepted, unsigned *which)
{
    for (unsigned k = 0; k < n; k++) {
        if (strcmp(value->text, names[k]) == 0) {
            *which = k;
            return ST_OK;
        }
    }
    return rows_yaml_refuse(value, ST_FORMAT, value->name, accepted);
}

static enum status take_key_id(const struct rows_value *value)
{
    struct reading *reading = value->context;
    unsigned key_id = 0;
    enum status status = take_number(value, 0, 255, &key_id);
    reading->row.key_id = (uint8_t)key_id;
    return status;
}

/* none: nothing is sent along; else Profile is the place in the list, less one. */
static enum status take_profile(const struct rows_value *value)
{
    static const char *const names[] = {"none", "epc", "tid", "user"};
    struct reading *reading = value->context;
    unsigned which = 0;
    enum status status = take_name(value, names, 4, "none, epc, tid, user", &which);
    reading->row.wanted.profile = which > 0 ? which - 1 : 0;
    reading->has_profile = which > 0;
    return status;
}

static enum status take_offset(const struct rows_value *value)
{
    struct reading *reading = value->context;
    reading->has_settings = true;
    return take_number(value, 0, SUITE_AES_OFFSET_MAX, &reading->row.wanted.offset);
}

static enum status take_blocks(const struct rows_value *value)
{
    struct reading *reading = value->context;
    reading->has_settings = true;
    return take_number(value, 1, SUITE_AES_BLOCKS_MAX, &reading->row.wanted.n_blocks);
}

static enum status take_protection(const struct rows_value *value)
{
    static const char *const names[SUITE_AES_PROTECTIONS] = {
        [SUITE_AES_PLAIN] = "plain", [SUITE_AES_CBC] = "cbc"};
    struct reading *reading = value->context;
    unsigned which = 0;
    enum status status = take_name(value, names, SUITE_AES_PROTECTIONS, "plain, cbc", &which);
    reading->row.wanted.protection = (enum suite_aes_protection)which;
    reading->has_settings = true;
    return status;
}

static void row_begin(void *context)
{
    struct reading *reading = context;
    reading->row = (struct key_row){.wanted = {.protection = SUITE_AES_CBC}};
    reading->has_profile = false;
    reading->has_settings = false;
}

/* What the tag shall send along stands or falls with the profile. */
static enum status row_end(const struct rows_value *value)
{
    struct reading *reading = value->context;
    struct suite_aes_wanted *wanted = &reading->row.wanted;
    if (reading->has_settings && !reading->has_profile) {
        return rows_yaml_fail(value, ST_FORMAT,
                              "offset, blocks or protection without a profile, accepted: profile "
                              "epc, tid or user beside them");
    }
    if (reading->has_profile) {
        wanted->n_blocks = wanted->n_blocks > 0 ? wanted->n_blocks : 1;
    } else {
        *wanted = (struct suite_aes_wanted){0};
    }
    enum status status = keys_put(reading->keys, &reading->row);
    return status ? rows_yaml_fail(value, status, status_detail()) : ST_OK;
}

static const struct rows_key top_keys[TOP_N] = {
    [TOP_VERSION] = {"keys", ROWS_VERSION, "keys: version of the format", NULL},
    [TOP_ROWS] = {"rows", ROWS_LIST, "rows is no list", NULL},
};

static const struct rows_key cells[CELL_N] = {
    [CELL_EPC] = {"epc", ROWS_TEXT, NULL, take_epc},
    [CELL_KEY_ID] = {"key_id", ROWS_TEXT, NULL, take_key_id},
    [CELL_KEY] = {"key", ROWS_TEXT, NULL, take_key},
    [CELL_PROFILE] = {"profile", ROWS_TEXT, NULL, take_profile},
    [CELL_OFFSET] = {"offset", ROWS_TEXT, NULL, take_offset},
    [CELL_BLOCKS] = {"blocks", ROWS_TEXT, NULL, take_blocks},
    [CELL_PROTECTION] = {"protection", ROWS_TEXT, NULL, take_protection},
};

static const struct rows_format format = {.top = top_keys,
                                          .n_top = TOP_N,
                                          .cells = cells,
                                          .n_cells = CELL_N,
                                          .n_needed = CELL_NEEDED_N,
                                          .stray = "a row that is no map",
                                          .row_shape = "{epc: HEX, key_id: N, key: HEX}",
                                          .again = "a second",
                                          .is_secret = true,
                                          .row_begin = row_begin,
                                          .row_end = row_end};

enum status keys_parse(const char *yaml, size_t n_bytes, const char *name, struct keys *keys)
{
    require(keys);
    struct reading reading = {.keys = keys};
    enum status status = rows_yaml_read(&format, yaml, n_bytes, name, &reading);
    OPENSSL_cleanse(&reading.row, sizeof reading.row);
    return status;
}
