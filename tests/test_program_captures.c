/* test_program_captures.c - `decode` on captures of real readers and tags, where they are at hand; truth from the
 * collection's truth.json. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/program.h"

static bool capture_at_hand(const char *name, char *path, size_t n_chars)
{
    snprintf(path, n_chars, "%s/captures/%s.sigmf-meta", ZP_SHARED_DIR, name);
    return access(path, R_OK) == 0;
}

static void decode_reads_a_real_singulation(void **state)
{
    (void)state;
    char path[256];
    if (!capture_at_hand("tash_fm0_40k", path, sizeof path)) {
        skip();
    }
    json_t *events = program_run_events(0, "decode %s --json", path);
    size_t n_reads = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "read")) { /* truth.json beside the capture */
            n_reads++;
            assert_string_equal(program_text(event, "epc"), "300833B2DDD9014000000000");
            assert_string_equal(program_text(event, "pc"), "3400");
            assert_string_equal(program_text(event, "rn16"), "201F");
            assert_float_equal(program_number(event, "blf_hz"), 40030, 150);
            assert_float_equal(program_number(event, "t") * 2e6, 12470 + 500, 50); /* + T1 */
        }
    }
    assert_int_equal(n_reads, 1);
    json_decref(events);
    struct program table;
    program_run(&table, "decode %s", path);
    program_succeeded(&table);
    assert_non_null(strstr(table.out, "300833B2DDD9014000000000"));
    program_free(&table);
}

/* The five RN16 of bruno_m2_40k_trext1, none answered. */
static void check_five_slots(const json_t *events)
{
    static const char *const rn16[] = {"FD74", "DBF2", "628C", "DD1D", "B8DB"};
    size_t n_slots = 0;
    for (size_t k = 0; k < json_array_size(events); k++) {
        const json_t *event = json_array_get(events, k);
        if (program_event_is(event, "slot")) {
            assert_string_equal(program_text(event, "outcome"), "rn16_only");
            assert_in_range(n_slots, 0, 4);
            assert_string_equal(program_text(event, "rn16"), rn16[n_slots++]);
        }
    }
    assert_int_equal(n_slots, 5);
    assert_int_equal(program_count(events, "read"), 0);
}

static void decode_reads_real_miller_replies(void **state)
{
    (void)state;
    char path[256];
    if (!capture_at_hand("bruno_m2_40k_trext1", path, sizeof path)) {
        skip();
    }
    json_t *events = program_run_events(0, "decode %s --json", path);
    check_five_slots(events);
    json_decref(events);
}

/* The same recording as a receiver whose oscillator is so far off would have made it: a real leak, with its own
 * phase noise and settling, that turns. */
static void decode_reads_a_real_leak_that_turns(void **state)
{
    (void)state;
    static const double offset_hz[] = {-10.0, 100.0, 300.0, -500.0, 1e3, -3e3, 10e3};
    static float x[2 * 40000];
    char path[256], turned_path[160];
    if (!capture_at_hand("bruno_m2_40k_trext1", path, sizeof path)) {
        skip();
    }
    strcpy(strrchr(path, '.'), ".sigmf-data");
    snprintf(turned_path, sizeof turned_path, "%s/turned.cf32", program_directory);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(x, 2 * sizeof *x, sizeof x / (2 * sizeof *x), file);
    fclose(file);
    assert_true(n > 30000);
    for (size_t k = 0; k < sizeof offset_hz / sizeof *offset_hz; k++) {
        file = fopen(turned_path, "wb");
        assert_non_null(file);
        for (size_t i = 0; i < n; i++) {
            double angle = 2.0 * 3.14159265358979 * offset_hz[k] * (double)i / 800e3;
            float turned[2] = {(float)(x[2 * i] * cos(angle) - x[2 * i + 1] * sin(angle)),
                               (float)(x[2 * i] * sin(angle) + x[2 * i + 1] * cos(angle))};
            assert_int_equal(fwrite(turned, sizeof turned, 1, file), 1);
        }
        fclose(file);
        json_t *events =
            program_run_events(0, "decode %s --format cf32 --rate 800k --json", turned_path);
        check_five_slots(events);
        json_decref(events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(decode_reads_a_real_singulation, program_kill_all),
        cmocka_unit_test_teardown(decode_reads_real_miller_replies, program_kill_all),
        cmocka_unit_test_teardown(decode_reads_a_real_leak_that_turns, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
