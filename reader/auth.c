/* auth.c - the auth.* keys; keys out of the file, challenges out of the system or the seed. */
#include "reader/auth.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "config/require.h"
#include "radio/air/air.h"

#define ROW(field_, kind_, unit_, fallback_, min_, max_, meaning_)                                 \
    {                                                                                              \
        .key = "auth." #field_, .kind = OPTION_##kind_, .unit = unit_, .fallback = fallback_,      \
        .min = min_, .max = max_, .offset = offsetof(struct auth_cfg, field_), .meaning = meaning_ \
    }

static const struct option_row auth_rows[] = {
    ROW(keys, TEXT, "", "", 0, 0,
        "file of EPC masks and AES-128 keys, mode 0600: tags it has a row for must authenticate"),
    ROW(interval_s, NUMBER, "s", "10", 0, 1e6,
        "a tag that gave proof is asked again after this; 0: at every read"),
    ROW(retry_s, NUMBER, "s", "1", 0, 1e6, "a tag that failed is asked again after this"),
    ROW(tries, INT, "", "3", 1, 20,
        "requests without answer, each with another challenge, before a tag is left"),
    ROW(report_s, NUMBER, "s", "10", 0, 1e6,
        "a tag that goes on failing is reported once in so long"),
    ROW(n_tags_max, INT, "", "100000", 1, 1000000,
        "tags that are kept apart; of more, those not asked for longest make room"),
};

const struct option_table auth_options = {.title = "authorised reading",
                                          .rows = auth_rows,
                                          .n_rows = sizeof auth_rows / sizeof *auth_rows};

struct auth {
    const struct keys *keys;
    struct proof_source source;
    struct auth_ledger *ledger;
    bool is_foreseeable;
    uint64_t seed_state;
};

void auth_cfg_fill(const struct option_set *options, struct auth_cfg *cfg)
{
    static struct air_cfg air; /* large; main thread */
    require(options);
    require(cfg);
    option_fill(options, &auth_options, cfg);
    option_fill(options, &air_options, &air);
    cfg->seed = air.seed;
}

enum status auth_keys_read(const struct auth_cfg *cfg, struct keys **keys)
{
    require(cfg);
    require(keys);
    *keys = NULL;
    if (!cfg->keys[0]) {
        return ST_OK;
    }
    enum status status = keys_read(cfg->keys, keys);
    if (status && status != ST_NO_MEMORY) {
        char why[400];
        snprintf(why, sizeof why, "%s", status_detail());
        return status_fail(ST_USAGE, "auth.keys: %s", why);
    }
    return status;
}

static bool key_of(void *context, const uint8_t *epc, size_t n_epc_bits, struct proof_key *key)
{
    const struct auth *auth = context;
    const struct key_row *row = keys_find(auth->keys, epc, n_epc_bits);
    if (!row) {
        return false;
    }
    *key = (struct proof_key){.key = row->key, .key_id = row->key_id, .wanted = row->wanted};
    return true;
}

/* splitmix64: any two states of one run give different challenges. */
static uint64_t seed_draw(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static enum status system_draw(uint8_t *bytes, size_t n_bytes)
{
    for (size_t n = 0; n < n_bytes;) {
        ssize_t part = getrandom(bytes + n, n_bytes - n, 0);
        if (part < 0 && errno != EINTR) {
            return status_fail(ST_IO, "no random bytes for a challenge: %s", strerror(errno));
        }
        n += part > 0 ? (size_t)part : 0;
    }
    return ST_OK;
}

static enum status challenge_draw(void *context, uint8_t challenge[SUITE_AES_CHALLENGE_BYTES])
{
    struct auth *auth = context;
    if (!auth->is_foreseeable) {
        return system_draw(challenge, SUITE_AES_CHALLENGE_BYTES);
    }
    uint64_t random[2] = {seed_draw(&auth->seed_state), seed_draw(&auth->seed_state)};
    for (size_t k = 0; k < SUITE_AES_CHALLENGE_BYTES; k++) {
        challenge[k] = (uint8_t)(random[k / 8] >> 8 * (k % 8));
    }
    return ST_OK;
}

enum status auth_new(const struct auth_cfg *cfg, const struct keys *keys, double rate_sps,
                     bool is_foreseeable, struct auth **auth)
{
    require(cfg);
    require(keys);
    require(rate_sps > 0.0);
    require(auth);
    struct auth *made = calloc(1, sizeof *made);
    if (!made) {
        return status_fail(ST_NO_MEMORY, "authorised reading: no memory");
    }
    made->keys = keys;
    made->is_foreseeable = is_foreseeable;
    made->seed_state = (uint64_t)cfg->seed ^ 0xC4A11E46Eu; /* nobody else's draws */
    made->source =
        (struct proof_source){.context = made, .key_of = key_of, .challenge_draw = challenge_draw};
    struct auth_ledger_cfg ledger = {.n_tags = (size_t)cfg->n_tags_max,
                                     .fresh_ticks = (int64_t)(cfg->interval_s * rate_sps),
                                     .retry_ticks = (int64_t)(cfg->retry_s * rate_sps),
                                     .report_ticks = (int64_t)(cfg->report_s * rate_sps)};
    enum status status = suite_aes_new(&made->source.aes);
    status = status ? status : auth_ledger_new(&ledger, &made->ledger);
    if (status) {
        auth_free(&made);
        return status;
    }
    *auth = made;
    return ST_OK;
}

void auth_free(struct auth **auth)
{
    require(auth);
    if (*auth) {
        suite_aes_free(&(*auth)->source.aes);
        auth_ledger_free(&(*auth)->ledger);
        free(*auth);
        *auth = NULL;
    }
}

const struct proof_source *auth_source(struct auth *auth)
{
    require(auth);
    return &auth->source;
}

struct auth_ledger *auth_ledger_of(struct auth *auth)
{
    require(auth);
    return auth->ledger;
}

enum auth_outcome auth_outcome_of(enum proof_end end, const struct suite_aes_answer *answer)
{
    static const enum auth_outcome of_verdict[SUITE_AES_VERDICT_N] = {
        [SUITE_AES_AUTHENTIC] = AUTH_AUTHENTIC, [SUITE_AES_BAD_LENGTH] = AUTH_WRONG_KEY,
        [SUITE_AES_BAD_KEY] = AUTH_WRONG_KEY,   [SUITE_AES_REPLAY] = AUTH_REPLAYED,
        [SUITE_AES_BAD_DATA] = AUTH_TAMPERED,   [SUITE_AES_SPENT] = AUTH_REPLAYED,
    };
    require(answer);
    require(end != PROOF_NOT_ASKED);
    if (end == PROOF_ANSWERED) {
        require((unsigned)answer->verdict < SUITE_AES_VERDICT_N);
        return of_verdict[answer->verdict];
    }
    return end == PROOF_REFUSED ? AUTH_REFUSED : AUTH_SILENT;
}
