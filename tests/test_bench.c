/* test_bench.c - zpreader-bench from outside: contract.md "Benchmarks", and that what it counts does
 * not depend on how many processes count. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>

static char output[1 << 16];

/* Exit status; standard output in `output`. */
static int bench(const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "'%s/zpreader-bench' %s 2>/dev/null", ZP_BUILD_DIR,
             arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(output, 1, sizeof output - 1, pipe);
    output[n] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *line_parse(void)
{
    json_t *line = json_loads(output, 0, NULL); /* NULL when there is more than one object */
    assert_non_null(line);
    return line;
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    assert_non_null(text);
    return text;
}

static void bench_lists_names_and_refuses_others(void **unused)
{
    (void)unused;
    static const char *const names[] = {"decode",     "turnaround",  "sim",
                                        "inventory",  "sensitivity", "canceller",
                                        "robustness", "accuracy",    "collisions"};
    assert_int_equal(bench("list"), 0);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        assert_non_null(strstr(output, names[k]));
    }
    assert_int_equal(bench("nonsense"), 2);
    assert_int_equal(bench("sensitivity --nonsense"), 2);
    assert_int_equal(bench("sensitivity --jobs"), 2);
    assert_int_equal(bench("sensitivity --jobs 0"), 2);
}

/* limits.md 1: 4.80 dB; 400 errors are 0.07 dB. */
static void bench_bound_line_is_as_the_contract_says(void **unused)
{
    (void)unused;
    assert_int_equal(bench("sensitivity --quick --json --jobs 1 'bound fm0 40 kHz rn16 10 %'"), 0);
    json_t *line = line_parse();
    assert_string_equal(text_of(line, "bench"), "sensitivity");
    assert_string_equal(text_of(line, "case"), "bound fm0 40 kHz rn16 10 %");
    assert_string_equal(text_of(line, "unit"), "dB Eb/N0");
    assert_int_equal(strspn(text_of(line, "settings"), "0123456789abcdef"),
                     strlen(text_of(line, "settings")));
    double value_db = json_number_value(json_object_get(line, "value"));
    assert_true(fabs(value_db - 4.80) < 0.2);
    assert_true(json_integer_value(json_object_get(line, "errors")) >= 400);
    json_decref(line);
}

static void bench_counts_the_same_on_all_cores(void **unused)
{
    (void)unused;
    static char one[sizeof output];
    assert_int_equal(bench("sensitivity --quick --json --jobs 1 'bound fm0' 'epc 10 %'"), 0);
    snprintf(one, sizeof one, "%s", output);
    assert_true(strlen(one) > 0);
    assert_int_equal(bench("sensitivity --quick --json --jobs 3 'bound fm0' 'epc 10 %'"), 0);
    assert_string_equal(one, output);
}

/* Another link is another configuration: contract.md, every line carries the one in force. */
static void bench_settings_are_the_case_s_own(void **unused)
{
    (void)unused;
    char fm0[64], again[64], miller[64];
    static const char *const rows[] = {"'bound fm0 40 kHz rn16 10 %'",
                                       "'bound fm0 40 kHz epc 10 %'",
                                       "'bound miller-4 320 kHz rn16 10 %'"};
    char *const settings[] = {fm0, again, miller};
    for (int k = 0; k < 3; k++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments, "sensitivity --quick --json --jobs 1 %s", rows[k]);
        assert_int_equal(bench(arguments), 0);
        json_t *line = line_parse();
        snprintf(settings[k], sizeof fm0, "%s", text_of(line, "settings"));
        json_decref(line);
    }
    assert_string_equal(fm0, again);
    assert_string_not_equal(fm0, miller);
}

/* The whole receiver can be no better than what knows everything but the data, and at 3 dB more
 * than the bound needs for 1 % hardly anything is lost. */
static void bench_receiver_stays_above_the_bound(void **unused)
{
    (void)unused;
    assert_int_equal(bench("sensitivity --quick --json --jobs 1 'fm0 40 kHz trext 1 rn16 10 %'"),
                     0);
    char *end = strchr(output, '\n'); /* the 1 % line follows */
    assert_non_null(end);
    *end = '\0';
    json_t *line = line_parse();
    double gap_db = json_number_value(json_object_get(line, "gap_db"));
    double sigma_db = json_number_value(json_object_get(line, "gap_sigma_db"));
    printf("gap at 10 %%: %.2f dB, sigma %.2f\n", gap_db, sigma_db);
    assert_true(sigma_db > 0.0);
    assert_true(gap_db > -3.0 * sigma_db);
    json_decref(line);
    assert_int_equal(bench("robustness --quick --json --jobs 1 'fm0 40 kHz rn16: nothing'"), 0);
    line = line_parse();
    assert_true(json_number_value(json_object_get(line, "value")) < 0.02);
    json_decref(line);
    assert_int_equal(
        bench("collisions --quick --json --jobs 1 'fm0 40 kHz: 2 tags, 3 dB apart, Eb/N0 18 dB'"),
        0);
    line = line_parse();
    assert_true(json_number_value(json_object_get(line, "value")) > 0.8);
    assert_true(json_number_value(json_object_get(line, "bound_both")) == 1.0);
    json_decref(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bench_lists_names_and_refuses_others),
        cmocka_unit_test(bench_bound_line_is_as_the_contract_says),
        cmocka_unit_test(bench_counts_the_same_on_all_cores),
        cmocka_unit_test(bench_settings_are_the_case_s_own),
        cmocka_unit_test(bench_receiver_stays_above_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
