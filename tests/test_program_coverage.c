/* test_program_coverage.c - zpreader coverage as a user runs it: the source's hall, its figures, maps, tables, and
 * what it says when a hall is impossible. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

static struct program ran;

static const char *run_well(const char *arguments)
{
    program_free(&ran);
    program_run(&ran, "coverage %s", arguments);
    program_succeeded(&ran);
    return ran.out;
}

static void expect_text(const char *text, const char *wanted)
{
    if (!strstr(text, wanted)) {
        fail_msg("'%s' is not in:\n%s", wanted, text);
    }
}

/* Reaches as printed in the source's tables A.2 and A.5; margins instead of drawn fading, as there. */
static void program_coverage_tells_the_sources_hall(void **state)
{
    (void)state;
    const char *text = run_well("D1T1-A2-type1 --drops 2 --hall.shadow=false");
    expect_text(text, "18 readers at 8 m, 10800 devices at 1.5 m");
    expect_text(text, "1 m between devices cannot be kept");
    expect_text(text, "rf-eh reaches 4.09 m, and no device is nearer to a reader than 6.50 m");
    expect_text(text, " 21.99 ");
    expect_text(text, "nobody to identify");
    text = run_well("D1T1-A2-type2a --drops 1 --hall.shadow=false");
    expect_text(text, " 19.80 ");
    expect_text(text, " 56.65 ");
    expect_text(text, "all of them in 1 of 1 drops");
}

static void program_coverage_does_not_depend_on_threads(void **state)
{
    (void)state;
    const char *arguments = "--json --drops 5 --hall.devices_per_100_m2 10 --coverage.n_threads";
    char *first = NULL;
    for (int n = 1; n <= 3; n++) {
        char line[128];
        snprintf(line, sizeof line, "%s %d", arguments, n);
        const char *text = run_well(line);
        if (first) {
            assert_string_equal(text, first);
        } else {
            first = strdup(text);
        }
    }
    json_t *events = program_events(&ran);
    assert_int_equal(json_array_size(events), 1);
    const json_t *event = json_array_get(events, 0);
    assert_true(program_event_is(event, "coverage"));
    assert_int_equal(json_integer_value(json_object_get(event, "devices")), 720);
    assert_true(json_is_true(json_object_get(event, "device_spacing_kept")));
    const json_t *all = json_object_get(json_object_get(event, "legs"), "all");
    assert_true(program_number(all, "covered_ratio") > 0.99);
    json_decref(events);
    free(first);
}

static void program_coverage_draws_maps_and_tables(void **state)
{
    (void)state;
    static const char *const names[] = {
        "pictures/map-rf-eh.svg", "pictures/map-r2d.svg", "pictures/map-d2r.svg",
        "pictures/map-all.svg",   "pictures/margins.svg", "pictures/identified.svg",
        "tables/cells.csv",       "tables/margins.csv",   "tables/drops.csv"};
    run_well(
        "--drops 3 --hall.placement circles --hall.devices_per_100_m2 20 --svg pictures --tables "
        "tables");
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t n_bytes = 0;
        char *text = program_read_file(names[k], &n_bytes);
        assert_true(n_bytes > 200);
        free(text);
    }
    size_t n_bytes = 0, n_lines = 0;
    char *text = program_read_file("tables/cells.csv", &n_bytes);
    for (size_t k = 0; k < n_bytes; k++) {
        n_lines += text[k] == '\n';
    }
    assert_int_equal(n_lines, 1 + 60 * 30); /* cells of 2 m */
    free(text);
}

static void program_coverage_refuses_impossible_halls(void **state)
{
    (void)state;
    static const struct {
        const char *arguments, *wanted;
    } rows[] = {
        {"nobody", "nobody"},
        {"TERAPAN --hall.freq_hz 900M", "does not answer"},
        {"--hall.device_height_m 9", "hall.device_height_m"},
        {"--hall.ceiling_m 5", "hall.ceiling_m"},
        {"--hall.model inf_dl", "clutter"},
        {"--hall.length_m -3", "hall.length_m"},
        {"--drops 0", "coverage.n_drops"},
        {"--hall.freq_hz 300G", "hall.freq_hz"},
        {"--coverage.cell_m 0.1 --hall.length_m 10000 --hall.reader_spacing_m 9999 "
         "--hall.devices_per_100_m2 0.01 --hall.model free_space",
         "coverage.cell_m"},
        {"--drops 1 --hall.devices_per_100_m2 1 --svg /proc/nowhere", "/proc/nowhere"},
        {"gen2 D1T1-B-type1", "one preset"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        program_free(&ran);
        program_run(&ran, "coverage %s", rows[k].arguments);
        assert_in_range(ran.exit_status, 1, 2);
        expect_text(ran.err, rows[k].wanted);
    }
}

static int tear_down(void **state)
{
    program_free(&ran);
    return program_tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_coverage_tells_the_sources_hall),
        cmocka_unit_test(program_coverage_does_not_depend_on_threads),
        cmocka_unit_test(program_coverage_draws_maps_and_tables),
        cmocka_unit_test(program_coverage_refuses_impossible_halls),
    };
    return cmocka_run_group_tests(tests, program_set_up, tear_down);
}
