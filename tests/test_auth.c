/* test_auth.c - challenges, keys by EPC, what the end of a contact says of a tag. */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>

#include "reader/auth.h"

static const char yaml[] = "keys: 1\n"
                           "rows:\n"
                           "  - {epc: 3034, key_id: 7, key: 000102030405060708090A0B0C0D0E0F}\n"
                           "  - {epc: \"\", key_id: 0, key: FFEEDDCCBBAA99887766554433221100, "
                           "profile: tid, offset: 0, blocks: 2, protection: cbc}\n";

static struct keys *keys;

static int keys_set_up(void **state)
{
    (void)state;
    return keys_read_memory(yaml, sizeof yaml - 1, "keys", &keys) != ST_OK;
}

static int keys_tear_down(void **state)
{
    (void)state;
    keys_free(&keys);
    return 0;
}

static struct auth *auth_make(int64_t seed, bool is_foreseeable)
{
    struct auth *auth;
    const struct auth_cfg cfg = {.n_tags_max = 10, .tries = 1, .seed = seed};
    assert_int_equal(auth_new(&cfg, keys, 2e6, is_foreseeable, &auth), ST_OK);
    return auth;
}

static void draw(struct auth *auth, uint8_t challenge[SUITE_AES_CHALLENGE_BYTES])
{
    const struct proof_source *source = auth_source(auth);
    assert_int_equal(source->challenge_draw(source->context, challenge), ST_OK);
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, SUITE_AES_CHALLENGE_BYTES);
}

static void auth_never_draws_a_challenge_twice(void **state)
{
    (void)state;
    enum { N = 20000 };
    static uint8_t drawn[N][SUITE_AES_CHALLENGE_BYTES];
    for (int foreseeable = 0; foreseeable < 2; foreseeable++) {
        struct auth *auth = auth_make(1, foreseeable);
        for (size_t k = 0; k < N; k++) {
            draw(auth, drawn[k]);
        }
        qsort(drawn, N, sizeof *drawn, compare);
        for (size_t k = 1; k < N; k++) {
            assert_memory_not_equal(drawn[k - 1], drawn[k], sizeof *drawn);
        }
        auth_free(&auth);
        assert_null(auth);
    }
}

/* Same seed, same run; elsewhere nobody can know. */
static void auth_repeats_out_of_the_seed_alone(void **state)
{
    (void)state;
    static const struct {
        int64_t seed[2];
        bool foreseeable, same;
    } rows[] = {{{1, 1}, true, true}, {{1, 2}, true, false}, {{1, 1}, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t challenge[2][SUITE_AES_CHALLENGE_BYTES];
        for (int k = 0; k < 2; k++) {
            struct auth *auth = auth_make(rows[i].seed[k], rows[i].foreseeable);
            draw(auth, challenge[k]);
            auth_free(&auth);
        }
        assert_int_equal(memcmp(challenge[0], challenge[1], sizeof *challenge) == 0, rows[i].same);
    }
}

static void auth_finds_the_key_of_an_epc(void **state)
{
    (void)state;
    struct auth *auth = auth_make(1, true);
    const struct proof_source *source = auth_source(auth);
    struct proof_key key;
    assert_true(source->key_of(source->context, (const uint8_t *)"\x30\x34\x11", 24, &key));
    assert_int_equal(key.key_id, 7);
    assert_int_equal(key.wanted.n_blocks, 0);
    assert_memory_equal(key.key, "\x00\x01\x02\x03\x04\x05\x06\x07", 8);
    assert_true(source->key_of(source->context, (const uint8_t *)"\x30\x35\x11", 24, &key));
    assert_int_equal(key.key_id, 0);
    assert_int_equal(key.wanted.n_blocks, 2);
    assert_memory_equal(key.key, "\xFF\xEE\xDD\xCC", 4);
    auth_free(&auth);
}

static void auth_says_what_a_contact_means(void **state)
{
    (void)state;
    static const struct {
        enum proof_end end;
        enum suite_aes_verdict verdict;
        enum auth_outcome outcome;
    } rows[] = {
        {PROOF_ANSWERED, SUITE_AES_AUTHENTIC, AUTH_AUTHENTIC},
        {PROOF_ANSWERED, SUITE_AES_BAD_KEY, AUTH_WRONG_KEY},
        {PROOF_ANSWERED, SUITE_AES_BAD_LENGTH, AUTH_WRONG_KEY},
        {PROOF_ANSWERED, SUITE_AES_REPLAY, AUTH_REPLAYED},
        {PROOF_ANSWERED, SUITE_AES_BAD_DATA, AUTH_TAMPERED},
        {PROOF_ANSWERED, SUITE_AES_SPENT, AUTH_REPLAYED},
        {PROOF_REFUSED, SUITE_AES_AUTHENTIC, AUTH_REFUSED}, /* the verdict holds nothing here */
        {PROOF_SILENT, SUITE_AES_AUTHENTIC, AUTH_SILENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct suite_aes_answer answer = {.verdict = rows[i].verdict};
        assert_int_equal(auth_outcome_of(rows[i].end, &answer), rows[i].outcome);
    }
}

static void auth_tells_of_a_key_file_that_is_not_there(void **state)
{
    (void)state;
    struct keys *none = keys;
    struct auth_cfg cfg = {.keys = ""};
    assert_int_equal(auth_keys_read(&cfg, &none), ST_OK);
    assert_null(none);
    snprintf(cfg.keys, sizeof cfg.keys, "/nowhere/keys.yaml");
    assert_int_equal(auth_keys_read(&cfg, &none), ST_USAGE);
    assert_null(none);
    assert_non_null(strstr(status_detail(), "auth.keys: /nowhere/keys.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auth_never_draws_a_challenge_twice),
        cmocka_unit_test(auth_repeats_out_of_the_seed_alone),
        cmocka_unit_test(auth_finds_the_key_of_an_epc),
        cmocka_unit_test(auth_says_what_a_contact_means),
        cmocka_unit_test(auth_tells_of_a_key_file_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, keys_set_up, keys_tear_down);
}
