/* test_proof.c - a contact with a scripted tag that is asked to authenticate: the worked example of
 * ISO/IEC 29167-10, lost and wrong answers, old answers, tags that take their time. */
#include "golden.h"

#include <stdio.h>

#include "protocol/crc.h"
#include "protocol/proof.h"

enum { RN16 = 0x55AA, HANDLE = 0x1234 };

static const uint8_t key[SUITE_AES_KEY_BYTES] = {0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
                                                 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C};
/* AES(key, 96C5 | A1B2C3D4 | 0102030405060708090A) */
static const uint8_t answer_right[16] = {0x60, 0x4A, 0xD3, 0xBE, 0xBB, 0x36, 0xAE, 0xDB,
                                         0x64, 0xF3, 0x5E, 0x7F, 0xFB, 0x8D, 0x13, 0x67};
static const char request_hex[] = "D520006000000102030405060708090A123455C3";

struct rig {
    struct proof_source source;
    unsigned n_drawn, fail_at; /* challenges; the one that is not to be had, 0: none */
    struct proof_contact contact;
    struct access_step step;
    struct bitbuf bits;
};

/* The n-th one is 01 02 .. 0A with n - 1 added to its last byte. */
static enum status draw(void *context, uint8_t challenge[SUITE_AES_CHALLENGE_BYTES])
{
    struct rig *rig = context;
    rig->n_drawn++;
    if (rig->n_drawn == rig->fail_at) {
        return status_fail(ST_IO, "no challenge");
    }
    for (unsigned k = 0; k < SUITE_AES_CHALLENGE_BYTES; k++) {
        challenge[k] = (uint8_t)(k + 1);
    }
    challenge[SUITE_AES_CHALLENGE_BYTES - 1] += (uint8_t)(rig->n_drawn - 1);
    return ST_OK;
}

static int rig_set_up(void **state)
{
    static struct rig rig;
    memset(&rig, 0, sizeof rig);
    rig.source = (struct proof_source){.context = &rig, .challenge_draw = draw};
    assert_int_equal(suite_aes_new(&rig.source.aes), ST_OK);
    *state = &rig;
    return 0;
}

static int rig_tear_down(void **state)
{
    struct rig *rig = *state;
    suite_aes_free(&rig->source.aes);
    return 0;
}

static void begin(struct rig *rig, unsigned n_tries)
{
    const struct proof_key of_tag = {.key = key};
    proof_contact_begin(&rig->contact, &rig->source, &of_tag, n_tries, RN16, &rig->step);
    assert_false(rig->step.over);
    assert_true(rig->step.in_t2);
    assert_int_equal(rig->step.command.id, COMMAND_REQ_RN);
    assert_int_equal(rig->step.command.req_rn.rn, RN16);
    assert_int_equal(rig->step.expect, REPLY_HANDLE);
    assert_int_equal(rig->step.n_reply_bits, 32);
}

static void hear(struct rig *rig, enum access_heard heard)
{
    const struct access_event event = {
        .heard = heard, .bit = rig->bits.bit, .n_bits = rig->bits.n_bits};
    proof_contact_advance(&rig->contact, &event, &rig->step);
}

static void put(struct rig *rig, uint64_t value, size_t n_bits)
{
    assert_int_equal(bits_put(&rig->bits, value, n_bits), ST_OK);
}

static void hear_handle(struct rig *rig)
{
    rig->bits.n_bits = 0;
    put(rig, HANDLE, 16);
    assert_int_equal(crc_append(CRC_16, &rig->bits), ST_OK);
    hear(rig, ACCESS_HEARD_REPLY);
}

/* Barker | done | header | response | handle | CRC-16 */
static void hear_in_process(struct rig *rig, bool is_done, bool is_error, const uint8_t *response,
                            size_t n_bytes)
{
    rig->bits.n_bits = 0;
    put(rig, 0x72, 7);
    put(rig, is_done, 1);
    put(rig, is_error, 1);
    for (size_t k = 0; k < n_bytes; k++) {
        put(rig, response[k], 8);
    }
    put(rig, HANDLE, 16);
    assert_int_equal(crc_append(CRC_16, &rig->bits), ST_OK);
    hear(rig, ACCESS_HEARD_REPLY);
}

static void check_over(const struct rig *rig, enum proof_end end)
{
    assert_true(rig->step.over);
    assert_int_equal(rig->contact.end, end);
    assert_int_equal(rig->contact.status, ST_OK);
}

static void check_asks(const struct rig *rig)
{
    assert_false(rig->step.over);
    assert_false(rig->step.listens_only);
    assert_int_equal(rig->step.command.id, COMMAND_AUTHENTICATE);
    assert_int_equal(rig->step.expect, REPLY_IN_PROCESS);
    assert_int_equal(rig->step.n_reply_bits, 7 + 1 + 1 + 128 + 16 + 16);
}

static void proof_asks_and_believes_the_worked_example(void **state)
{
    struct rig *rig = *state;
    static struct bitbuf bits;
    uint8_t packed[20];
    char hex[2 * sizeof packed + 1];
    begin(rig, 3);
    hear_handle(rig);
    check_asks(rig);
    bits.n_bits = 0;
    assert_int_equal(command_encode(&rig->step.command, &bits), ST_OK);
    assert_int_equal(bits.n_bits, 160);
    memset(packed, 0, sizeof packed);
    for (size_t k = 0; k < bits.n_bits; k++) {
        packed[k / 8] = (uint8_t)(packed[k / 8] | bits.bit[k] << (7 - k % 8));
    }
    bits_to_hex(packed, sizeof packed, hex);
    assert_string_equal(hex, request_hex);
    hear_in_process(rig, true, false, answer_right, sizeof answer_right);
    check_over(rig, PROOF_ANSWERED);
    assert_int_equal(rig->contact.answer.verdict, SUITE_AES_AUTHENTIC);
    assert_memory_equal(rig->contact.answer.random, "\xA1\xB2\xC3\xD4", 4);
}

/* A request that was not answered is not sent again: the next one is another, and an answer to the
 * first no longer counts. */
static void proof_takes_no_old_answer(void **state)
{
    struct rig *rig = *state;
    static const enum access_heard silences[] = {ACCESS_HEARD_NOTHING, ACCESS_HEARD_NOISE};
    for (size_t k = 0; k < sizeof silences / sizeof *silences; k++) {
        rig->n_drawn = 0;
        begin(rig, 3);
        hear_handle(rig);
        const struct command first = rig->step.command;
        hear(rig, silences[k]);
        check_asks(rig);
        assert_memory_not_equal(first.crypto.message, rig->step.command.crypto.message, 12);
        hear_in_process(rig, true, false, answer_right, sizeof answer_right);
        check_over(rig, PROOF_ANSWERED);
        assert_int_equal(rig->contact.answer.verdict, SUITE_AES_REPLAY);
    }
}

static void proof_takes_no_wrong_answer(void **state)
{
    struct rig *rig = *state;
    for (size_t k = 0; k < 8 * sizeof answer_right; k++) {
        uint8_t wrong[sizeof answer_right];
        memcpy(wrong, answer_right, sizeof wrong);
        wrong[k / 8] ^= (uint8_t)(1u << k % 8);
        rig->n_drawn = 0;
        begin(rig, 1);
        hear_handle(rig);
        hear_in_process(rig, true, false, wrong, sizeof wrong);
        check_over(rig, PROOF_ANSWERED);
        assert_int_not_equal(rig->contact.answer.verdict, SUITE_AES_AUTHENTIC);
    }
    for (size_t n_bytes = 0; n_bytes < sizeof answer_right; n_bytes++) { /* cut short, CRC right */
        rig->n_drawn = 0;
        begin(rig, 1);
        hear_handle(rig);
        hear_in_process(rig, true, false, answer_right, n_bytes);
        assert_true(rig->step.over);
        assert_true(rig->contact.end == PROOF_SILENT ||
                    rig->contact.answer.verdict != SUITE_AES_AUTHENTIC);
    }
}

static void proof_counts_silence(void **state)
{
    struct rig *rig = *state;
    for (unsigned n_tries = 1; n_tries <= 20; n_tries++) {
        rig->n_drawn = 0;
        begin(rig, n_tries);
        hear_handle(rig);
        for (unsigned k = 1; k < n_tries; k++) {
            hear(rig, ACCESS_HEARD_NOTHING);
            check_asks(rig);
        }
        hear(rig, ACCESS_HEARD_NOTHING);
        check_over(rig, PROOF_SILENT);
        assert_int_equal(rig->n_drawn, n_tries);
    }
    begin(rig, 3); /* no handle: the tag has left */
    hear(rig, ACCESS_HEARD_NOTHING);
    check_over(rig, PROOF_SILENT);
    begin(rig, 1); /* another tag's words are no answer */
    hear_handle(rig);
    rig->contact.expected.handle = HANDLE + 1;
    hear_in_process(rig, true, false, answer_right, sizeof answer_right);
    check_over(rig, PROOF_SILENT);
}

static void proof_waits_for_a_tag_at_work_and_not_for_ever(void **state)
{
    struct rig *rig = *state;
    begin(rig, 3);
    hear_handle(rig);
    for (unsigned k = 0; k < 3; k++) {
        hear_in_process(rig, false, false, NULL, 0);
        assert_false(rig->step.over);
        assert_true(rig->step.listens_only);
        assert_int_equal(rig->step.expect, REPLY_IN_PROCESS);
    }
    hear_in_process(rig, true, false, answer_right, sizeof answer_right);
    check_over(rig, PROOF_ANSWERED);
    assert_int_equal(rig->contact.answer.verdict, SUITE_AES_AUTHENTIC);
    begin(rig, 3);
    hear_handle(rig);
    unsigned n = 0;
    for (; !rig->step.over && n < 1000; n++) {
        hear_in_process(rig, false, false, NULL, 0);
    }
    check_over(rig, PROOF_SILENT);
    assert_in_range(n, 2, 100);
}

static void proof_tells_refusals_and_what_was_not_asked(void **state)
{
    struct rig *rig = *state;
    const uint8_t crypto_suite_error = 0x05;
    begin(rig, 3);
    hear_handle(rig);
    hear_in_process(rig, true, true, &crypto_suite_error, 1);
    check_over(rig, PROOF_REFUSED);
    assert_int_equal(rig->contact.error, crypto_suite_error);
    static const enum access_heard ends[] = {ACCESS_HEARD_LATE, ACCESS_HEARD_CUT};
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        begin(rig, 3);
        hear(rig, ends[k]);
        check_over(rig, PROOF_NOT_ASKED);
        begin(rig, 3);
        hear_handle(rig);
        hear(rig, ends[k]);
        check_over(rig, PROOF_NOT_ASKED);
    }
}

static void proof_without_a_challenge_asks_nobody(void **state)
{
    struct rig *rig = *state;
    rig->fail_at = 2;
    begin(rig, 3);
    hear_handle(rig);
    check_asks(rig);
    hear(rig, ACCESS_HEARD_NOTHING);
    assert_true(rig->step.over);
    assert_int_equal(rig->contact.end, PROOF_NOT_ASKED);
    assert_int_equal(rig->contact.status, ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proof_asks_and_believes_the_worked_example, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_takes_no_old_answer, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_takes_no_wrong_answer, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_counts_silence, rig_set_up, rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_waits_for_a_tag_at_work_and_not_for_ever, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_tells_refusals_and_what_was_not_asked, rig_set_up,
                                        rig_tear_down),
        cmocka_unit_test_setup_teardown(proof_without_a_challenge_asks_nobody, rig_set_up,
                                        rig_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
