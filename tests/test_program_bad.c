/* test_program_bad.c - usage: what is refused, with which message and exit status; what only
 * prints; configuration files; the carrier alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/program.h"

#define FAST "--publish.zmq.enabled=false --radio.sim.pace max"

struct bad_row {
    const char *arguments; /* "@" stands for the working directory */
    int exit_status;
    const char *words[3]; /* all in the one message */
};

/* Refused: nothing on stdout, one line on stderr. */
static void check_refused(const struct bad_row *row)
{
    char arguments[512];
    size_t n = 0;
    for (const char *at = row->arguments; *at; at++) {
        n += (size_t)(*at == '@'
                          ? snprintf(arguments + n, sizeof arguments - n, "%s", program_directory)
                          : snprintf(arguments + n, sizeof arguments - n, "%c", *at));
    }
    struct program program;
    program_run(&program, "%s", arguments);
    bool good = program.exit_status == row->exit_status && program.out[0] == '\0';
    good = good && !strncmp(program.err, "zpreader: error: ", 17) &&
           strchr(program.err, '\n') == program.err + strlen(program.err) - 1;
    for (size_t k = 0; k < 3 && row->words[k]; k++) {
        good = good && strstr(program.err, row->words[k]);
    }
    if (!good) {
        fail_msg("%s\nexit status %d, wanted %d\nstdout: %.200s\nstderr: %s", arguments,
                 program.exit_status, row->exit_status, program.out, program.err);
    }
    program_free(&program);
}

static void check_all_refused(const struct bad_row *rows, size_t n_rows)
{
    for (size_t k = 0; k < n_rows; k++) {
        check_refused(&rows[k]);
    }
}

static void write_text(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", program_directory, name);
    program_write_file(path, text, strlen(text));
}

static const struct bad_row usage_rows[] = {
    {"inventory --radio.rate_spss 2e6", 2, {"--radio.rate_spss", "radio.rate_sps"}},
    {"inventory --nonsense", 2, {"--nonsense", "--help"}},
    {"inventory -x", 2, {"'-x'"}},
    {"inventory --rate 2MV", 2, {"radio.rate_sps", "wrong unit", "S/s"}},
    {"inventory --tari 25kHz", 2, {"link.tari_us", "wrong unit", "us"}},
    {"inventory --tari abc", 2, {"link.tari_us", "'abc'", "6.25..25"}},
    {"inventory --blf 10", 2, {"link.blf_hz", "'10'", "40000..640000 Hz"}},
    {"inventory --blf", 2, {"--blf", "needs a value"}},
    {"inventory --blf nan", 2, {"link.blf_hz", "nan"}},
    {"inventory --rate inf", 2, {"radio.rate_sps", "inf"}},
    {"inventory --tags 1.5", 2, {"radio.sim.n_tags", "whole"}},
    {"inventory --tags -1", 2, {"radio.sim.n_tags", "0..10000"}},
    {"inventory --tags 10001", 2, {"radio.sim.n_tags", "0..10000"}},
    {"inventory --session S9", 2, {"inventory.session", "s0|s1|s2|s3"}},
    {"inventory --json=perhaps", 2, {"--json", "perhaps"}},
    {"inventory --duration 0", 2, {"run.duration_s", "0.001"}},
    {"inventory --radio nosuch", 2, {"radio.kind", "sim", "uhd"}},
    {"inventory extra", 2, {"extra"}},
    {"emit extra", 2, {"extra"}},
    {"decode --tags 3 x.sigmf-meta", 2, {"'--tags'", "zpreader decode"}},
    {"decode --record x y.sigmf-meta", 2, {"'--record'", "zpreader decode"}},
    {"emit --format cf32", 2, {"'--format'", "zpreader emit"}},
    {"inventory --format cf32", 2, {"'--format'", "zpreader inventory"}},
    {"watch --rate 2M", 2, {"'--rate'", "zpreader watch"}},
    {"inventory --reader.name a123456789b123456789c123456789d123456789e123456789f123456789g123",
     2,
     {"reader.name", "64 bytes", "1..63"}},
    {"inventory --reader.name=", 2, {"reader.name", "0 bytes", "1..63"}},
    {"inventori", 2, {"sub-command 'inventori'", "'inventory'"}},
    {"decode", 2, {"decode", "recording"}},
    {"inventory " FAST " --rate 1M --tari 6.25 --link.data1_tari 1.5 --blf 640k",
     2,
     {"radio.rate_sps", "samples per Tpri", "4"}},
    {"inventory " FAST " --tari 25 --link.data1_tari 1.5",
     2,
     {"TRcal", "link.tari_us", "6.3.1.2.8"}},
    {"inventory " FAST " --q 3 --inventory.q_min 5 --inventory.q_max 4", 2, {"inventory.q_m"}},
    {"inventory --radio uhd", 2, {"radio.region", "fcc, etsi", "lab"}},
    {"inventory --radio uhd --freq 866M", 2, {"radio.region"}},
    {"inventory --radio uhd --region fcc", 2, {"radio.freq_hz", "902.0..928.0 MHz"}},
    {"inventory --radio uhd --region etsi --freq 915M",
     2,
     {"radio.freq_hz", "915.0", "865.0..868.0 MHz"}},
    {"inventory --radio uhd --region lab --freq 970M", 2, {"radio.freq_hz", "860.0..960.0 MHz"}},
    {"emit --radio uhd", 2, {"radio.region"}},
    {"emit --radio uhd --region etsi --freq 869M", 2, {"radio.freq_hz", "865.0..868.0 MHz"}},
    {"inventory --radio file", 2, {"'file' cannot transmit", "zpreader decode"}},
    {"emit --radio file", 2, {"'file' cannot transmit"}},
    {"inventory " FAST " --duration 0.1 --record @/nosuch/base",
     1,
     {"/nosuch/base", "No such file"}},
    {"inventory --radio.sim.pace max --duration 0.1 --publish.zmq.endpoint nonsense",
     2,
     {"publish.zmq.endpoint", "nonsense", "tcp://"}},
};

static void program_refuses_bad_usage(void **state)
{
    (void)state;
    check_all_refused(usage_rows, sizeof usage_rows / sizeof *usage_rows);
}

static void program_without_arguments_tells_how(void **state)
{
    (void)state;
    struct program program;
    program_start(&program, PROGRAM_ZPREADER, "");
    program_wait(&program, 10.0);
    assert_int_equal(program.exit_status, 2);
    assert_string_equal(program.out, "");
    assert_non_null(strstr(program.err, "usage: zpreader"));
    assert_non_null(strstr(program.err, "inventory"));
    program_free(&program);
}

static void program_refuses_bad_configuration_files(void **state)
{
    (void)state;
    write_text("range.yaml", "# comment\nlink:\n  tari_us: 99\n");
    write_text("unknown.yaml", "link:\n  tari_us: 25\n\n  tary_us: 12.5\n");
    write_text("unit.yaml", "radio.rate_sps: 2 MV\n");
    write_text("list.yaml", "radio:\n  rate_sps: [1, 2]\n");
    write_text("twice.yaml", "link.tari_us: 25\nlink:\n  tari_us: 12.5\n");
    write_text("broken.yaml", "link:\n  tari_us: \"25\n");
    write_text("empty.yaml", "");
    static const struct bad_row rows[] = {
        {"inventory --config @/range.yaml", 2, {"range.yaml:3:", "link.tari_us", "6.25..25 us"}},
        {"inventory --config @/unknown.yaml", 2, {"unknown.yaml:4:", "tary_us", "link.tari_us"}},
        {"inventory --config @/unit.yaml", 2, {"unit.yaml:1:", "radio.rate_sps", "S/s"}},
        {"inventory --config @/list.yaml", 2, {"list.yaml:2:", "list"}},
        {"inventory --config @/twice.yaml", 2, {"twice.yaml:3:", "link.tari_us"}},
        {"inventory --config @/broken.yaml", 2, {"broken.yaml:"}},
        {"inventory --config @/empty.yaml", 2, {"empty.yaml"}},
        {"inventory --config @/nosuch.yaml", 2, {"nosuch.yaml", "No such file"}},
        {"inventory --config @", 2, {"irectory"}},
        {"decode --config @/range.yaml x", 2, {"range.yaml:3:"}},
        {"inventory --dump-config --blf 10", 2, {"link.blf_hz"}},
    };
    check_all_refused(rows, sizeof rows / sizeof *rows);
}

static void program_refuses_what_is_no_recording(void **state)
{
    (void)state;
    write_text("half.sigmf-meta", "{\"global\":\n {\"core:datatype\": \"cf32_le\",\n");
    write_text("list.sigmf-meta", "[1, 2]\n");
    write_text("type.sigmf-meta",
               "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf99_le\", "
               "\"core:sample_rate\": 2e6}, \"captures\": [], \"annotations\": []}\n");
    write_text("rate.sigmf-meta",
               "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_le\", "
               "\"core:sample_rate\": -5}, \"captures\": [], \"annotations\": []}\n");
    write_text("zero.sigmf-meta",
               "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_le\", "
               "\"core:sample_rate\": 0}, \"captures\": [], \"annotations\": []}\n");
    write_text("slow.sigmf-meta",
               "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_le\", "
               "\"core:sample_rate\": 1e5}, \"captures\": [], \"annotations\": []}\n");
    write_text("slow.sigmf-data", "01234567");
    write_text("alone.sigmf-meta",
               "{\"global\": {\"core:version\": \"1.0.0\", \"core:datatype\": \"cf32_le\", "
               "\"core:sample_rate\": 2e6}, \"captures\": [], \"annotations\": []}\n");
    write_text("raw.cf32", "0123456701234567");
    static const struct bad_row rows[] = {
        {"decode @/nosuch.sigmf-meta", 1, {"nosuch.sigmf-meta", "No such file"}},
        {"decode @/half.sigmf-meta", 1, {"half.sigmf-meta:3:"}},
        {"decode @/list.sigmf-meta", 1, {"list.sigmf-meta"}},
        {"decode @/type.sigmf-meta", 1, {"core:datatype", "cf99_le", "cf32_le, rf32"}},
        {"decode @/alone.sigmf-meta", 1, {"alone.sigmf-data", "No such file"}},
        {"decode --format cf32 --rate 2e6 @/no", 1, {"/no", "No such file"}},
        {"decode --format cf32 @/raw.cf32", 2, {"raw.cf32", "radio.rate_sps"}},
        {"decode --format mp3 @/raw.cf32", 2, {"decode.format", "ci16"}},
        {"decode --format cf32 --rate 1e5 @/raw.cf32", 2, {"raw.cf32", "too few"}},
    };
    check_all_refused(rows, sizeof rows / sizeof *rows);
}

/* The metadata's own numbers: the message names file and key; the file, not the usage, is wrong. */
static void program_refuses_bad_numbers_in_metadata(void **state)
{
    (void)state;
    static const struct bad_row rows[] = {
        {"decode @/rate.sigmf-meta", 1, {"rate.sigmf-meta", "core:sample_rate"}},
        {"decode @/zero.sigmf-meta", 1, {"zero.sigmf-meta", "core:sample_rate"}},
        {"decode @/slow.sigmf-meta", 1, {"slow.sigmf-meta", "too few"}},
    };
    check_all_refused(rows, sizeof rows / sizeof *rows);
}

/* The good file of several is decoded all the same. */
static void program_goes_on_after_a_bad_recording(void **state)
{
    (void)state;
    struct program program;
    program_run(&program, "inventory -q " FAST " --tags 3 --duration 0.2 --record %s/good",
                program_directory);
    program_succeeded(&program);
    program_free(&program);
    program_run(&program, "decode --json %s/nosuch.sigmf-meta %s/good.sigmf-meta",
                program_directory, program_directory);
    assert_int_equal(program.exit_status, 1);
    json_t *events = program_events(&program);
    program_check_events(events);
    program_check_epcs(events, 3, 1);
    json_decref(events);
    program_free(&program);
}

/* ---- what only prints ---- */

static void check_prints(const char *arguments, const char *const *words)
{
    struct program program;
    program_run(&program, "%s", arguments);
    program_succeeded(&program);
    assert_string_equal(program.err, "");
    for (size_t k = 0; words[k]; k++) {
        if (!strstr(program.out, words[k])) {
            fail_msg("%s: no '%s' in\n%s", arguments, words[k], program.out);
        }
    }
    program_free(&program);
}

static void program_prints_help_and_version(void **state)
{
    (void)state;
    static const char *const versions[] = {
        "zpreader " ZP_VERSION, "UHD", "liquid-dsp", "FFTW", "libzmq", NULL};
    static const char *const commands[] = {"inventory", "emit", "decode", "watch", NULL};
    static const char *const flags[] = {"--radio.rate_sps", "--rate", "--json", "--dump-config",
                                        NULL};
    check_prints("--version", versions);
    check_prints("inventory --version", versions);
    check_prints("--help", commands);
    check_prints("inventory --help", flags);
    check_prints("decode --help", flags);
}

static void program_configuration_goes_round(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "",
        "--tari 12.5us --blf 250k --link.m miller4 --link.trext --freq 866.3M --rate 4e6 --json "
        "--seed 123456789 --session s2 --duration 62.5m --reader.name dock-1 --radio uhd "
        "--publish.zmq.endpoint ipc:///tmp/it's_#1:\"x\" --radio.sim.ebn0_db -3.3",
    };
    for (size_t k = 0; k < 2; k++) {
        struct program first, second;
        program_run(&first, "inventory --dump-config %s", settings[k]);
        program_succeeded(&first);
        write_text("dump.yaml", first.out);
        program_run(&second, "inventory --config %s/dump.yaml --dump-config", program_directory);
        program_succeeded(&second);
        assert_string_equal(first.out, second.out);
        assert_true(strlen(first.out) > 1000);
        program_free(&first);
        program_free(&second);
    }
}

static void program_runs_on_a_configuration_file(void **state)
{
    (void)state;
    write_text("run.yaml", "radio.sim:\n  pace: max\n  n_tags: 7\n  seed: 4\nrun:\n  json: yes\n"
                           "  duration_s: 300 ms\npublish.zmq.enabled: no\n");
    struct program program;
    program_run(&program, "inventory --config %s/run.yaml --tags 6", program_directory);
    program_succeeded(&program);
    json_t *events = program_events(&program);
    program_check_events(events);
    program_check_epcs(events, 6, 4); /* the flag wins over the file */
    json_decref(events);
    program_free(&program);
}

static void program_prints_a_table_for_people(void **state)
{
    (void)state;
    static struct program_epcs truth;
    program_epcs_truth(5, 1, &truth);
    struct program program;
    program_run(&program, "inventory " FAST " --tags 5 --duration 0.3 --target a");
    program_succeeded(&program);
    size_t n_lines = 0;
    for (const char *at = program.out; *at; at++) {
        n_lines += *at == '\n';
    }
    assert_int_equal(n_lines, 1 + 5); /* a heading, each tag once */
    for (size_t k = 0; k < truth.n; k++) {
        assert_non_null(strstr(program.out, truth.epc[k]));
    }
    assert_non_null(strstr(program.err, "5 tags"));
    program_free(&program);
}

/* ---- emit ---- */

static void program_emits_a_carrier(void **state)
{
    (void)state;
    static const char *const triggers[] = {"", "--emit.trigger_period_s 0.01"};
    for (size_t k = 0; k < 2; k++) {
        struct program program;
        program_run(&program, "emit --duration 0.2 " FAST " %s", triggers[k]);
        program_succeeded(&program);
        assert_string_equal(program.out, "");
        assert_non_null(strstr(program.err, "carrier on"));
        program_free(&program);
        program_run(&program, "emit --json --duration 0.2 " FAST " %s", triggers[k]);
        program_succeeded(&program);
        json_t *events = program_events(&program);
        program_check_events(events); /* it ends with a summary */
        const json_t *summary = json_array_get(events, json_array_size(events) - 1);
        assert_float_equal(program_number(summary, "duration_s"), 0.2, 0.005);
        json_decref(events);
        program_free(&program);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(program_refuses_bad_usage, program_kill_all),
        cmocka_unit_test_teardown(program_without_arguments_tells_how, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_bad_configuration_files, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_what_is_no_recording, program_kill_all),
        cmocka_unit_test_teardown(program_refuses_bad_numbers_in_metadata, program_kill_all),
        cmocka_unit_test_teardown(program_goes_on_after_a_bad_recording, program_kill_all),
        cmocka_unit_test_teardown(program_prints_help_and_version, program_kill_all),
        cmocka_unit_test_teardown(program_configuration_goes_round, program_kill_all),
        cmocka_unit_test_teardown(program_runs_on_a_configuration_file, program_kill_all),
        cmocka_unit_test_teardown(program_prints_a_table_for_people, program_kill_all),
        cmocka_unit_test_teardown(program_emits_a_carrier, program_kill_all),
    };
    return cmocka_run_group_tests(tests, program_set_up, program_tear_down);
}
