/* test_cli.c - command line: flags from rows, files first, what is refused and with which words. */
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

#include "config/log.h"
#include "reader/cli.h"

struct demo_cfg {
    double rate_sps;
    int64_t n_tags;
    bool pilot;
    char note[LIMIT_TEXT];
    int code;
};

static const struct option_row demo_rows[] = {
    {.key = "demo.rate_sps",
     .kind = OPTION_NUMBER,
     .unit = "S/s",
     .fallback = "2M",
     .min = 1e5,
     .max = 1e8,
     .offset = offsetof(struct demo_cfg, rate_sps),
     .meaning = "sample rate",
     .shorthand = "rate"},
    {.key = "demo.n_tags",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "5",
     .min = -10,
     .max = 100,
     .offset = offsetof(struct demo_cfg, n_tags),
     .meaning = "tags",
     .shorthand = "tags"},
    {.key = "demo.pilot",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "false",
     .offset = offsetof(struct demo_cfg, pilot),
     .meaning = "-.\\ pilot",
     .shorthand = NULL},
    {.key = "demo.note",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct demo_cfg, note),
     .meaning = "a text"},
    {.key = "demo.code",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "fm0",
     .choices = "fm0|miller2",
     .offset = offsetof(struct demo_cfg, code),
     .meaning = "line code"},
};
static const struct option_table demo_options = {
    .title = "demo", .rows = demo_rows, .n_rows = sizeof demo_rows / sizeof *demo_rows};
static const struct option_table *const tables[] = {&demo_options, &run_options};

static struct { /* what the sub-command was called with */
    int n_calls, n_arguments;
    char argument[4][64];
    struct demo_cfg demo;
    struct run_cfg run;
    bool rate_is_set;
} seen;

static int demo_run(struct option_set *options, int n_arguments, char **arguments)
{
    seen.n_calls++;
    seen.n_arguments = n_arguments;
    for (int k = 0; k < n_arguments && k < 4; k++) {
        snprintf(seen.argument[k], sizeof seen.argument[k], "%s", arguments[k]);
    }
    option_fill(options, &demo_options, &seen.demo);
    option_fill(options, &run_options, &seen.run);
    seen.rate_is_set = option_is_set(options, "demo.rate_sps");
    return 7;
}

static const struct cli_command inventory_row = {"inventory", "",   "the main job",
                                                 demo_run,    NULL, NULL};
static const struct cli_command decode_row = {"decode", "FILE...",  "recordings",
                                              demo_run, " region ", NULL};
const struct cli_command *const cli_commands[] = {&inventory_row, &decode_row, NULL};

static char complaints[2048];

static void complaint_note(enum log_level level, const char *line)
{
    (void)level;
    size_t n = strlen(complaints);
    snprintf(complaints + n, sizeof complaints - n, "%s\n", line);
}

/* Run a command line given as words between blanks. */
static int cli(const char *line)
{
    static char text[512];
    char *argv[32] = {"zpreader"};
    int argc = 1;
    memset(&seen, 0, sizeof seen);
    complaints[0] = '\0';
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    log_set_sink(complaint_note);
    int exit_status = cli_main(argc, argv, tables, sizeof tables / sizeof *tables);
    log_set_sink(NULL);
    return exit_status;
}

static char output[65536];

/* The same with stdout (1) or stderr (2) caught. */
static int cli_caught(const char *line, int descriptor)
{
    FILE *file = tmpfile();
    FILE *stream = descriptor == STDOUT_FILENO ? stdout : stderr;
    assert_non_null(file);
    fflush(stream);
    int before = dup(descriptor);
    dup2(fileno(file), descriptor);
    int exit_status = cli(line);
    fflush(stream);
    dup2(before, descriptor);
    close(before);
    rewind(file);
    size_t n = fread(output, 1, sizeof output - 1, file);
    output[n] = '\0';
    fclose(file);
    return exit_status;
}

static void file_write(char path[32], const char *text)
{
    strcpy(path, "/tmp/test_cli.XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
}

static void cli_flags_set_keys(void **state)
{
    (void)state;
    assert_int_equal(cli("inventory"), 7); /* the sub-command's own status */
    assert_int_equal(seen.n_calls, 1);
    assert_true(seen.demo.rate_sps == 2e6);
    assert_false(seen.rate_is_set);
    assert_true(isnan(seen.run.duration_s));
    assert_string_equal(seen.run.name, "zpreader");
    assert_int_equal(
        cli("inventory --rate 4M --tags -3 --demo.pilot --demo.note x --duration=62.5m "
            "--demo.code miller2 --json --region lab"),
        7);
    assert_true(seen.demo.rate_sps == 4e6);
    assert_true(seen.rate_is_set);
    assert_int_equal(seen.demo.n_tags, -3);
    assert_true(seen.demo.pilot);
    assert_string_equal(seen.demo.note, "x");
    assert_int_equal(seen.demo.code, 1);
    assert_true(seen.run.duration_s == 0.0625);
    assert_true(seen.run.json);
    assert_int_equal(seen.run.region, 6); /* none|fcc|etsi|etsi-upper|china|japan|lab */
    assert_int_equal(cli("inventory --demo.rate_sps=3M --demo.pilot --demo.pilot=false"), 7);
    assert_true(seen.demo.rate_sps == 3e6);
    assert_false(seen.demo.pilot); /* the last one wins */
}

static void cli_arguments_and_flags_mix(void **state)
{
    (void)state;
    assert_int_equal(cli("--tags 9 decode a.cf32 --json b.cf32 -v -- --c"), 7);
    assert_int_equal(seen.n_arguments, 3);
    assert_string_equal(seen.argument[0], "a.cf32");
    assert_string_equal(seen.argument[1], "b.cf32"); /* a bool takes no separate value */
    assert_string_equal(seen.argument[2], "--c");
    assert_int_equal(seen.demo.n_tags, 9);
    assert_true(seen.run.json);
}

static void cli_flags_win_over_files_and_late_files_over_early(void **state)
{
    (void)state;
    char first[32], second[32], line[256];
    file_write(first, "demo:\n  rate_sps: 5M\n  n_tags: 11\n  note: one\n");
    file_write(second, "demo.n_tags: 22\ndemo.code: miller2\n");
    snprintf(line, sizeof line, "inventory --demo.note two --config %s --config=%s", first, second);
    assert_int_equal(cli(line), 7);
    assert_true(seen.demo.rate_sps == 5e6);
    assert_true(seen.rate_is_set);
    assert_int_equal(seen.demo.n_tags, 22);
    assert_string_equal(seen.demo.note, "two"); /* though the file comes behind it */
    assert_int_equal(seen.demo.code, 1);
    unlink(first);
    file_write(first, "demo:\n  rate_sps: 5M\n  tags: 11\n");
    snprintf(line, sizeof line, "inventory --config %s", first);
    assert_int_equal(cli(line), 2);
    snprintf(line, sizeof line, "%s:3", first); /* file and line */
    assert_non_null(strstr(complaints, line));
    assert_non_null(strstr(complaints, "demo.n_tags")); /* the nearest */
    assert_int_equal(seen.n_calls, 0);
    unlink(first);
    unlink(second);
}

static void cli_refuses_with_status_2_and_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line, *say;
    } cases[] = {
        {"inventry", "unknown sub-command 'inventry', the nearest is 'inventory'"},
        {"xyzzyplugh", "unknown sub-command 'xyzzyplugh'; see --help"},
        {"inventory --jsn", "unknown flag '--jsn', the nearest is '--json'"},
        {"inventory --demo.rate_spz=3", "'--demo.rate_spz', the nearest is '--demo.rate_sps'"},
        {"--qqqqqqqqqqqqqq inventory", "unknown flag '--qqqqqqqqqqqqqq'; see --help"},
        {"inventory --rate", "flag '--rate' needs a value"},
        {"inventory --config", "flag '--config' needs a value"},
        {"inventory --version=3", "flag '--version' takes no value"},
        {"inventory --demo.n", "flag '--demo.n' could be 2 flags"},
        {"inventory -x", "unknown flag '-x'"},
        {"inventory file -vx", "unknown flag '-vx'"},
        {"inventory --rate 1k", "accepted 100000..100000000 S/s"},
        {"inventory --rate fast", "--rate: key 'demo.rate_sps'"},
        {"inventory --tags 1.5", "demo.n_tags"},
        {"inventory --demo.code fm1", "fm0|miller2"},
        {"inventory --json=maybe", "run.json"},
        {"inventory --config /nonexistent/file.yaml", "/nonexistent/file.yaml"},
        {"inventory --timing.turnaround_us 20001", "accepted 0..20000 us"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        int exit_status = cli(cases[k].line);
        if (exit_status != 2 || seen.n_calls > 0 || !strstr(complaints, cases[k].say)) {
            fail_msg("'%s': status %d, said: %s", cases[k].line, exit_status, complaints);
        }
    }
}

static void cli_without_a_sub_command_helps_on_stderr(void **state)
{
    (void)state;
    assert_int_equal(cli_caught("", STDERR_FILENO), 2);
    assert_non_null(strstr(output, "inventory"));
    assert_non_null(strstr(output, "decode FILE..."));
    assert_int_equal(cli_caught("", STDOUT_FILENO), 2);
    assert_string_equal(output, "");
}

static void cli_help_shows_every_row_by_title(void **state)
{
    (void)state;
    assert_int_equal(cli_caught("decode --help", STDOUT_FILENO), 0);
    assert_int_equal(seen.n_calls, 0);
    const char *demo = strstr(output, "\n demo\n"), *run = strstr(output, "\n run\n");
    assert_non_null(demo);
    assert_non_null(run);
    for (size_t k = 0; k < demo_options.n_rows; k++) {
        const char *at = strstr(output, demo_rows[k].key);
        assert_true(at > demo);
        assert_true(at < run);
    }
    assert_non_null(strstr(output, "--rate=S/s"));
    assert_non_null(strstr(output, "100000..100000000"));
    assert_non_null(strstr(output, "fm0|miller2; default fm0"));
    assert_non_null(strstr(output, "--json[=BOOL]"));
    assert_int_equal(cli_caught("--help", STDOUT_FILENO), 0);
    assert_non_null(strstr(output, "decode FILE..."));
}

static void cli_help_keeps_its_columns(void **state)
{
    (void)state;
    assert_int_equal(cli_caught("decode --help", STDOUT_FILENO), 0);
    const char *line = strstr(output, "\n demo\n") + 1;
    const char *end = strstr(output, "\nEvery flag is also a key");
    assert_non_null(end);
    for (const char *next; line < end; line = next + 1) {
        next = strchr(line, '\n');
        const size_t n_blanks = strspn(line, " ");
        assert_true(next - line <= 79);
        assert_true(next == line || n_blanks == 1 || n_blanks == 2 || n_blanks == 6 ||
                    n_blanks == 29);
    }
    assert_non_null(strstr(output, "\n      --rate=S/s, --demo.rate_sps=S/s\n"
                                   "                             sample rate (100000..100000000"));
    assert_non_null(strstr(output, "\n      --demo.note=TEXT       a text (default not set)\n"));
    assert_non_null(strstr(output, "\n  -q, --quiet                only warnings and errors"));
}

static void cli_refuses_short_forms_foreign_to_the_sub_command(void **state)
{
    (void)state;
    assert_int_equal(cli("inventory --region fcc"), 7);
    assert_int_equal(cli("decode --region fcc"), 2);
    assert_non_null(strstr(complaints, "'--region'"));
    assert_non_null(strstr(complaints, "zpreader decode"));
    assert_int_equal(cli("decode --radio.region fcc"), 7); /* a key may stand everywhere */
}

static void cli_dump_config_reads_back(void **state)
{
    (void)state;
    char path[32], line[128];
    assert_int_equal(
        cli_caught("inventory --dump-config --rate 3M --demo.note a#b:c", STDOUT_FILENO), 0);
    assert_int_equal(seen.n_calls, 0);
    assert_non_null(strstr(output, "# sample rate"));
    file_write(path, output);
    snprintf(line, sizeof line, "decode --config %s", path);
    assert_int_equal(cli(line), 7);
    assert_true(seen.demo.rate_sps == 3e6);
    assert_string_equal(seen.demo.note, "a#b:c");
    unlink(path);
    assert_int_equal(cli("inventory --dump-config --rate 1"), 2);
}

static void cli_man_options_are_groff(void **state)
{
    (void)state;
    assert_int_equal(cli_caught("--dump-man-options", STDOUT_FILENO), 0);
    assert_non_null(strstr(output, ".SS demo\n"));
    assert_non_null(strstr(output, "\\fB\\-\\-rate\\fR \\fIS/s\\fR, "
                                   "\\fB\\-\\-demo.rate_sps\\fR \\fIS/s\\fR\n"));
    assert_non_null(strstr(output, "\n\\&\\-.\\e pilot (default false)\n"));
    assert_non_null(strstr(output, "\\fB\\-v\\fR, \\fB\\-\\-verbose\\fR\n"));
    assert_null(strstr(output, "dump\\-man"));
}

static void cli_version_names_all_libraries(void **state)
{
    (void)state;
    static const char *const names[] = {"zpreader " ZP_VERSION "\n", "\nUHD ", "\nliquid-dsp ",
                                        "\nFFTW ", "\nlibzmq "};
    assert_int_equal(cli_caught("--version", STDOUT_FILENO), 0);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        const char *at = strstr(output, names[k]);
        assert_non_null(at);
        assert_non_null(strpbrk(at + strlen(names[k]) - 1, "0123456789"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_flags_set_keys),
        cmocka_unit_test(cli_arguments_and_flags_mix),
        cmocka_unit_test(cli_flags_win_over_files_and_late_files_over_early),
        cmocka_unit_test(cli_refuses_with_status_2_and_a_reason),
        cmocka_unit_test(cli_without_a_sub_command_helps_on_stderr),
        cmocka_unit_test(cli_help_shows_every_row_by_title),
        cmocka_unit_test(cli_help_keeps_its_columns),
        cmocka_unit_test(cli_refuses_short_forms_foreign_to_the_sub_command),
        cmocka_unit_test(cli_dump_config_reads_back),
        cmocka_unit_test(cli_man_options_are_groff),
        cmocka_unit_test(cli_version_names_all_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
