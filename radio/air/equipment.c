/* equipment.c - hex texts of the options, shares of the population. */
#include "radio/air/equipment.h"

#include <ctype.h>
#include <string.h>

#include "config/require.h"
#include "radio/air/noise.h"
#include "radio/air/tag_code.h"

#define PASSWORD_DIGITS 8u
#define LOCK_DIGITS 5u
#define KEY_DIGITS (2u * TAG_AES_BYTES)

/* n_digits of hex as packed bits; "" leaves them as they are. */
static enum status read_hex(const char *key, const char *text, unsigned n_digits, uint8_t *packed)
{
    if (text[0] == '\0') {
        return ST_OK;
    }
    for (unsigned i = 0; i < n_digits; i++) {
        unsigned char digit = (unsigned char)text[i];
        if (!isxdigit(digit)) {
            return status_fail(ST_FORMAT, "radio.sim.%s is '%s', accepted %u hex digits", key, text,
                               n_digits);
        }
        unsigned value = (unsigned)(isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
        tag_bits_put(packed, 4 * (size_t)i, value, 4);
    }
    return text[n_digits] == '\0'
               ? ST_OK
               : status_fail(ST_FORMAT, "radio.sim.%s is '%s', accepted %u hex digits", key, text,
                             n_digits);
}

static enum status read_word(const char *key, const char *text, unsigned n_digits, uint32_t *word)
{
    uint8_t packed[4] = {0};
    require(n_digits <= 2 * sizeof packed);
    enum status status = read_hex(key, text, n_digits, packed);
    *word = tag_bits(packed, 0, 4 * (size_t)n_digits);
    return status;
}

static enum status check_locks(uint32_t payload, const char *text)
{
    static const uint8_t no_epc[2];
    struct tag_memory memory;
    tag_memory_init(&memory, no_epc, 0, 0);
    return tag_memory_may_lock(&memory, payload >> 10, payload) == TAG_FAULT_NONE
               ? ST_OK
               : status_fail(ST_RANGE,
                             "radio.sim.tag_lock is %s, accepted: TID locked for ever, as it is",
                             text);
}

enum status equipment_read(const struct air_cfg *cfg, struct tag_equipment *equipment)
{
    require(cfg);
    require(equipment);
    *equipment = (struct tag_equipment){.n_epc_words = (unsigned)cfg->tag_epc_words,
                                        .n_user_words = (unsigned)cfg->tag_user_words,
                                        .has_xpc = cfg->tag_xpc,
                                        .has_key = cfg->tag_key[0] != '\0',
                                        .key_id = (unsigned)cfg->tag_key_id};
    enum status status = read_word("tag_access_password", cfg->tag_access_password, PASSWORD_DIGITS,
                                   &equipment->access_password);
    if (!status) {
        status = read_word("tag_kill_password", cfg->tag_kill_password, PASSWORD_DIGITS,
                           &equipment->kill_password);
    }
    if (!status) {
        status = read_word("tag_lock", cfg->tag_lock, LOCK_DIGITS, &equipment->lock_payload);
    }
    if (!status) {
        status = read_hex("tag_key", cfg->tag_key, KEY_DIGITS, equipment->key);
    }
    return status ? status : check_locks(equipment->lock_payload, cfg->tag_lock);
}

bool equipment_draw_key(const struct air_cfg *cfg, size_t index, struct tag_equipment *equipment)
{
    uint64_t random = ((uint64_t)cfg->seed ^ 0xAE5128u) + index; /* nobody else's draws change */
    random = noise_mix(&random);
    if (noise_uniform(&random) >= cfg->tag_wrong_key_ratio) {
        return true;
    }
    equipment->key[0] ^= 1u; /* whatever is drawn now, it is not the same key */
    for (size_t i = 1; i < TAG_AES_BYTES; i++) {
        equipment->key[i] = (uint8_t)noise_mix(&random);
    }
    return false;
}

bool equipment_draw_replay(const struct air_cfg *cfg, size_t index)
{
    uint64_t random = ((uint64_t)cfg->seed ^ 0x4E91A4u) + index;
    random = noise_mix(&random);
    return noise_uniform(&random) < cfg->tag_replay_ratio;
}
