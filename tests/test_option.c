/* test_option.c - numbers, flags, YAML and dump of option rows; every message that a user sees. */
#include "golden.h"

#include <math.h>
#include <stdlib.h>

#include "config/option.h"

struct demo_cfg {
    double freq_hz, time_us, gain_db, offset_hz;
    int64_t seed, count;
    bool on;
    int code;
    char name[LIMIT_TEXT], args[LIMIT_TEXT];
};

#define AT(member) offsetof(struct demo_cfg, member)

static const struct option_row radio_rows[] = {
    {"radio.freq_hz", OPTION_NUMBER, "Hz", "915M", 10e6, 6e9, NULL, AT(freq_hz), "carrier", "freq"},
    {"radio.sim.time_us", OPTION_NUMBER, "us", "62.5", 0, 1000, NULL, AT(time_us), "delay", NULL},
    {"radio.gain_db", OPTION_NUMBER, "dB", "", 0, 90, NULL, AT(gain_db), "gain", NULL},
    {"radio.seed", OPTION_INT, "", "1", 0, 9.3e18, NULL, AT(seed), "seed", NULL},
    {"radio.name", OPTION_TEXT, "", "sim", 0, 0, NULL, AT(name), "which radio", NULL},
};
static const struct option_row other_rows[] = {
    {"code.kind", OPTION_CHOICE, "", "fm0", 0, 0, "fm0|miller2|64/3", AT(code), "line code", NULL},
    {"radio.sim.on", OPTION_BOOL, "", "no", 0, 0, NULL, AT(on), "simulate", NULL},
    {"radio.args", OPTION_TEXT, "", "", 0, 0, NULL, AT(args), "arguments", NULL},
    {"count", OPTION_INT, "", "", -5, 5000, NULL, AT(count), "how many", NULL},
    {"code.offset_hz", OPTION_NUMBER, "kHz", "-1.5", -1e4, 1e4, NULL, AT(offset_hz), "shift", NULL},
};
static const struct option_table radio_table = {"Radio", radio_rows, 5};
static const struct option_table other_table = {"Other", other_rows, 5};

static struct option_set *set;

static int setup(void **state)
{
    (void)state;
    const struct option_table *tables[] = {&radio_table, &other_table};
    return option_set_new(tables, 2, &set) != ST_OK;
}

static int teardown(void **state)
{
    (void)state;
    option_set_free(&set);
    return set != NULL;
}

static struct demo_cfg filled(void)
{
    struct demo_cfg cfg;
    memset(&cfg, 0, sizeof cfg);
    option_fill(set, &radio_table, &cfg);
    option_fill(set, &other_table, &cfg);
    return cfg;
}

static void assert_says(const char *const *words)
{
    for (; *words; words++) {
        if (!strstr(status_detail(), *words)) {
            fail_msg("'%s' does not say '%s'", status_detail(), *words);
        }
    }
}

static void option_numbers_take_engineering_notation(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } right[] = {
        {"910e6", 910e6}, {"910M", 910e6}, {"62.5u", 62.5e-6}, {"1e6", 1e6}, {"2k", 2e3},
        {"2K", 2e3},      {"3p", 3e-12},   {"4n", 4e-9},       {"5m", 5e-3}, {"6G", 6e9},
        {"7T", 7e12},     {"-1.5", -1.5},  {"+.5k", 500},      {" 12", 12},  {"0.1u", 0.1e-6},
    };
    static const char *const wrong[] = {"",       "k",      "nan", "inf", "-inf", "0x10", "1e400",
                                        "1e999T", "1kk",    "1 2", "1E",  "12x",  ".",    "-",
                                        "1,5",    "1e308T", "NaN", "1k ", "e5"};
    double value = 0;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(option_parse_number(right[i].text, &value), ST_OK);
        /* digits and prefix round one after the other: at most one unit in the last place */
        assert_true(fabs(value - right[i].value) <= 0x1p-52 * fabs(right[i].value));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (option_parse_number(wrong[i], &value) != ST_FORMAT) {
            fail_msg("'%s' was taken", wrong[i]);
        }
    }
}

static void option_values_take_their_unit(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
        double value;
    } right[] = {
        {"radio.freq_hz", "915 MHz", 915e6},     {"radio.freq_hz", "868.3M", 868.3e6},
        {"radio.freq_hz", "920000000Hz", 920e6}, {"radio.freq_hz", "920e6", 920e6},
        {"radio.sim.time_us", "62.5us", 62.5},   {"radio.sim.time_us", "62.5u", 62.5},
        {"radio.sim.time_us", "0.25 ms", 250},   {"radio.sim.time_us", "250n", 0.25},
        {"radio.sim.time_us", "1e-4 s", 100},    {"radio.sim.time_us", "12.5", 12.5},
        {"code.offset_hz", "2MHz", 2000},        {"code.offset_hz", "500 Hz", 0.5},
        {"radio.gain_db", "31.5 dB", 31.5},
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (option_set_text(set, right[i].key, right[i].text, "test")) {
            fail_msg("%s", status_detail());
        }
        struct demo_cfg cfg = filled();
        double value = strstr(right[i].key, "freq")     ? cfg.freq_hz
                       : strstr(right[i].key, "time")   ? cfg.time_us
                       : strstr(right[i].key, "offset") ? cfg.offset_hz
                                                        : cfg.gain_db;
        assert_true(fabs(value - right[i].value) <= 1e-12 * fabs(right[i].value));
    }
}

static void option_defaults_are_filled(void **state)
{
    (void)state;
    struct demo_cfg cfg = filled();
    assert_true(cfg.freq_hz == 915e6);
    assert_true(cfg.time_us == 62.5);
    assert_true(isnan(cfg.gain_db));
    assert_true(cfg.offset_hz == -1.5);
    assert_true(cfg.count == INT64_MIN);
    assert_int_equal(cfg.seed, 1);
    assert_false(cfg.on);
    assert_int_equal(cfg.code, 0);
    assert_string_equal(cfg.name, "sim");
    assert_string_equal(cfg.args, "");
    assert_false(option_is_set(set, "radio.freq_hz"));
}

/* Flag and file alike: what is refused, and what the message says. Nothing changes. */
static void option_errors_name_everything(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
        enum status status;
        const char *says[6];
    } wrong[] = {
        {"radio.freq_hz",
         "62.5us",
         ST_FORMAT,
         {"w:7", "radio.freq_hz", "62.5us", "10000000..6000000000 Hz"}},
        {"radio.freq_hz",
         "7e9",
         ST_RANGE,
         {"w:7", "radio.freq_hz", "7e9", "10000000..6000000000 Hz"}},
        {"radio.freq_hz", "nan", ST_FORMAT, {"w:7", "radio.freq_hz", "not a number"}},
        {"radio.freq_hz", "", ST_FORMAT, {"w:7", "radio.freq_hz"}},
        {"radio.sim.time_us", "20k", ST_RANGE, {"w:7", "radio.sim.time_us", "0..1000 us"}},
        {"radio.gain_db", "inf", ST_FORMAT, {"w:7", "0..90 dB"}},
        {"count", "2.5", ST_FORMAT, {"w:7", "count", "whole", "-5..5000"}},
        {"count", "-6", ST_RANGE, {"w:7", "count", "-6", "-5..5000"}},
        {"radio.sim.on", "maybe", ST_FORMAT, {"w:7", "radio.sim.on", "maybe", "true, false"}},
        {"code.kind", "fm", ST_RANGE, {"w:7", "code.kind", "fm0|miller2|64/3"}},
        {"code.kind", "", ST_RANGE, {"w:7", "code.kind"}},
        {"radio.args", "a\xFFz", ST_FORMAT, {"w:7", "radio.args", "UTF-8"}},
        {"radio.args", "\xED\xA0\x80", ST_FORMAT, {"UTF-8"}},
        {"radio.args", "\xC0\xAF", ST_FORMAT, {"UTF-8"}},
        {"radio.freq", "1", ST_NOT_FOUND, {"w:7", "'radio.freq'", "'radio.freq_hz'"}},
        {"coutn", "1", ST_NOT_FOUND, {"'count'"}},
        {"radio.sim.no", "1", ST_NOT_FOUND, {"'radio.sim.on'"}},
    };
    unsigned long before = option_hash(set);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(option_set_text(set, wrong[i].key, wrong[i].text, "w:7"), wrong[i].status);
        assert_says(wrong[i].says);
    }
    char text[LIMIT_TEXT + 1];
    memset(text, 'x', LIMIT_TEXT);
    text[LIMIT_TEXT] = '\0';
    assert_int_equal(option_set_text(set, "radio.args", text, "w:7"), ST_RANGE);
    text[LIMIT_TEXT - 1] = '\0';
    assert_true(option_hash(set) == before);
    assert_int_equal(option_set_text(set, "radio.args", text, "w:7"), ST_OK);
    assert_true(option_hash(set) != before);
}

static void option_integers_keep_63_bits(void **state)
{
    (void)state;
    assert_int_equal(option_set_text(set, "radio.seed", "9007199254740993", "t"), ST_OK);
    assert_true(filled().seed == 9007199254740993);
    assert_int_equal(option_set_text(set, "radio.seed", "2k", "t"), ST_OK);
    assert_true(filled().seed == 2000);
    assert_int_equal(option_set_text(set, "count", "1e3", "t"), ST_OK);
    assert_true(filled().count == 1000);
}

static enum status read_yaml(const char *yaml)
{
    return option_read_memory(set, yaml, strlen(yaml), "reader.yaml");
}

static void option_yaml_nested_and_dotted(void **state)
{
    (void)state;
    assert_int_equal(read_yaml("# comment\n"
                               "radio:\n"
                               "  freq_hz: 868.3 MHz\n"
                               "  sim.time_us: 12u\n"
                               "  sim: {on: yes}\n"
                               "  name: 'null'\n"
                               "code.kind: 64/3\n"
                               "count: 7\n"),
                     ST_OK);
    struct demo_cfg cfg = filled();
    assert_true(cfg.freq_hz == 868.3e6);
    assert_true(fabs(cfg.time_us - 12) < 1e-12);
    assert_true(cfg.on);
    assert_int_equal(cfg.code, 2);
    assert_int_equal(cfg.count, 7);
    assert_string_equal(cfg.name, "null");
    assert_true(option_is_set(set, "count"));
    assert_false(option_is_set(set, "radio.seed"));
    assert_int_equal(read_yaml("count:\nradio: {args: ~, gain_db: null}\n"), ST_OK);
    cfg = filled();
    assert_true(cfg.count == INT64_MIN);
    assert_false(option_is_set(set, "count"));
    assert_true(isnan(cfg.gain_db));
    assert_string_equal(cfg.args, "");
}

static void option_yaml_errors_name_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        enum status status;
        const char *says[5];
    } wrong[] = {
        {"", ST_FORMAT, {"reader.yaml:1", "empty"}},
        {"# only\n# comments\n", ST_FORMAT, {"reader.yaml:", "empty"}},
        {"---\n", ST_FORMAT, {"reader.yaml:", "empty"}},
        {"radio:\n  freq_hz: 62.5us\n",
         ST_FORMAT,
         {"reader.yaml:2:", "'radio.freq_hz'", "6000000000 Hz"}},
        {"\n\nradio:\n  freq_hz: 1\n", ST_RANGE, {"reader.yaml:4:", "'radio.freq_hz'"}},
        {"radio:\n  frq_hz: 1\n",
         ST_NOT_FOUND,
         {"reader.yaml:2:", "'radio.frq_hz'", "'radio.freq_hz'"}},
        {"radio: 5\n", ST_NOT_FOUND, {"reader.yaml:1:", "'radio'"}},
        {"count: {a: 1}\n", ST_NOT_FOUND, {"reader.yaml:1:", "'count.a'"}},
        {"count: 1\ncount: 2\n", ST_FORMAT, {"reader.yaml:2:", "'count'", "line 1"}},
        {"radio.seed: 1\nradio: {seed: 2}\n", ST_FORMAT, {"reader.yaml:2:", "line 1"}},
        {"count: [1, 2]\n", ST_FORMAT, {"reader.yaml:1:", "lists"}},
        {"- count\n", ST_FORMAT, {"reader.yaml:1:", "lists"}},
        {"count: &a 1\n", ST_FORMAT, {"reader.yaml:1:", "anchors"}},
        {"radio: &a {seed: 1}\n", ST_FORMAT, {"reader.yaml:1:", "anchors"}},
        {"count: *a\n", ST_FORMAT, {"reader.yaml:1:", "aliases"}},
        {"count: !!int 1\n", ST_FORMAT, {"reader.yaml:1:", "tags"}},
        {"? {a: b}\n: 1\n", ST_FORMAT, {"reader.yaml:1:", "key"}},
        {"radio:\n\tseed: 1\n", ST_FORMAT, {"reader.yaml:2:"}},
        {"count: 1\n---\ncount: 2\n", ST_FORMAT, {"reader.yaml:2:", "document"}},
        {"count: 1\nradio: {name: \"a\\0b\"}\n", ST_FORMAT, {"reader.yaml:2:", "zero"}},
        {"count: 1\n# \xFF\n", ST_FORMAT, {"reader.yaml:2:", "UTF-8"}},
        {"radio.freq_hz:\n", ST_FORMAT, {"reader.yaml:1:", "'radio.freq_hz'", "no value"}},
        {"just words\n", ST_FORMAT, {"reader.yaml:1:", "key: value"}},
        {"count: \"open\n", ST_FORMAT, {"reader.yaml:"}},
        {"{a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}", ST_FORMAT, {"reader.yaml:1:", "deep"}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        enum status status = read_yaml(wrong[i].yaml);
        if (status != wrong[i].status) {
            fail_msg("case %zu: %s (%s)", i, status_text(status), status_detail());
        }
        assert_says(wrong[i].says);
        assert_null(strchr(status_detail(), '\n'));
    }
}

static void option_yaml_huge_nesting_is_refused(void **state)
{
    (void)state;
    static char deep[200001];
    memset(deep, '[', 200000);
    assert_int_equal(option_read_memory(set, deep, 200000, "deep"), ST_FORMAT);
    memset(deep, '{', 200000);
    assert_int_equal(option_read_memory(set, deep, 200000, "deep"), ST_FORMAT);
    static char big[(1 << 20) + 1];
    memset(big, '#', sizeof big);
    assert_int_equal(option_read_memory(set, big, sizeof big, "big"), ST_RANGE);
    assert_says((const char *const[]){"big:1", NULL});
}

static void option_file_faults_are_told(void **state)
{
    (void)state;
    assert_int_equal(option_read_file(set, "/nonexistent/reader.yaml"), ST_NOT_FOUND);
    assert_says((const char *const[]){"/nonexistent/reader.yaml", NULL});
    assert_int_equal(option_read_file(set, "/"), ST_IO);
}

/* Dump, read into a fresh set, and everything is the same; with and without comments. */
static void check_round_trip(bool comments)
{
    char path[] = "/tmp/test_option_XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    FILE *stream = fdopen(descriptor, "w");
    assert_non_null(stream);
    option_dump(set, stream, comments);
    fclose(stream);
    struct demo_cfg before = filled();
    unsigned long hash = option_hash(set);
    option_set_free(&set);
    assert_int_equal(setup(NULL), 0);
    enum status status = option_read_file(set, path);
    remove(path);
    if (status) {
        fail_msg("%s", status_detail());
    }
    struct demo_cfg after = filled();
    assert_memory_equal(&after, &before, sizeof after);
    assert_true(option_hash(set) == hash);
}

static void option_dump_reads_back_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text;
    } values[] = {
        {"radio.freq_hz", "915123456.78901234"},
        {"radio.sim.time_us", "0.1"},
        {"radio.gain_db", "1e-30"},
        {"radio.seed", "9223372036854775807"},
        {"radio.name", "a: \"b\" #c\\\t\n\x01 'd' \xC3\xA4 \xE2\x82\xAC \xC2\x85 \xE2\x80\xA8 "
                       "\xEF\xBB\xBF \xF0\x9F\x98\x80 "},
        {"radio.args", "null"},
        {"radio.sim.on", "on"},
        {"code.kind", "64/3"},
        {"count", "-5"},
    };
    check_round_trip(true); /* all defaults, two of them not set */
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (option_set_text(set, values[i].key, values[i].text, "test")) {
            fail_msg("%s", status_detail());
        }
        check_round_trip(i % 2);
    }
}

static void option_dump_opens_each_map_once(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&text, &n_bytes);
    assert_non_null(stream);
    option_dump(set, stream, false);
    fclose(stream);
    assert_string_equal(text, "radio:\n"
                              "  freq_hz: 915000000\n"
                              "  sim:\n"
                              "    time_us: 62.5\n"
                              "    on: false\n"
                              "  gain_db: null\n"
                              "  seed: 1\n"
                              "  name: \"sim\"\n"
                              "  args: \"\"\n"
                              "code:\n"
                              "  kind: fm0\n"
                              "  offset_hz: -1.5\n"
                              "count: null\n");
    free(text);
    stream = open_memstream(&text, &n_bytes);
    assert_non_null(stream);
    option_dump(set, stream, true);
    fclose(stream);
    assert_non_null(strstr(text, "  # carrier; 10000000..6000000000 Hz; default 915M\n"));
    assert_non_null(strstr(text, "# how many; -5..5000; default not set\n"));
    assert_non_null(strstr(text, "  # line code; fm0|miller2|64/3; default fm0\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(option_numbers_take_engineering_notation, setup, teardown),
        cmocka_unit_test_setup_teardown(option_values_take_their_unit, setup, teardown),
        cmocka_unit_test_setup_teardown(option_defaults_are_filled, setup, teardown),
        cmocka_unit_test_setup_teardown(option_errors_name_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(option_integers_keep_63_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(option_yaml_nested_and_dotted, setup, teardown),
        cmocka_unit_test_setup_teardown(option_yaml_errors_name_the_line, setup, teardown),
        cmocka_unit_test_setup_teardown(option_yaml_huge_nesting_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(option_file_faults_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(option_dump_reads_back_exactly, setup, teardown),
        cmocka_unit_test_setup_teardown(option_dump_opens_each_map_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
