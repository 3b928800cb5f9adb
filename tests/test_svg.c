/* test_svg.c - charts: elements balanced, text escaped, data where the axes say. */
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

#include "reader/svg.h"

static char text[1 << 17];
static char path[] = "/tmp/zpreader-svg-XXXXXX";

static void file_read(void)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(text, 1, sizeof text - 1, file);
    text[n] = '\0';
    fclose(file);
}

static int count(const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) {
        n++;
    }
    return n;
}

/* Every element is closed, attributes are in quotes. */
static void expect_balanced(void)
{
    assert_int_equal(count("<"), count(">"));
    assert_int_equal(count("<svg"), count("</svg>"));
    assert_int_equal(count("<text"), count("</text>"));
    int open = 0;
    for (const char *at = text; *at; at++) {
        open += *at == '"';
    }
    assert_int_equal(open % 2, 0);
    assert_int_equal(count("<"), count("/>") + 2 * count("</"));
}

static void svg_chart_draws_what_lies_inside(void **unused)
{
    (void)unused;
    static struct svg_chart chart = {.title = "a < b & c",
                                     .x_label = "Eb/N0 (dB)",
                                     .y_label = "PER",
                                     .y_log = true,
                                     .x_min = 0.0,
                                     .x_max = 10.0,
                                     .y_min = 1e-3,
                                     .y_max = 1.0,
                                     .n_series = 2};
    chart.series[0] = (struct svg_series){.label = "marks",
                                          .n = 5,
                                          .x = {0.0, 5.0, 10.0, 11.0, 5.0},
                                          .y = {1.0, 0.1, 1e-3, 0.1, 0.0}};
    chart.series[1] = (struct svg_series){
        .label = "dashes", .is_dashed = true, .n = 2, .x = {0.0, 5.0}, .y = {0.5, NAN}};
    assert_int_equal(svg_chart_write(&chart, path), 0);
    file_read();
    expect_balanced();
    assert_non_null(strstr(text, "a &lt; b &amp; c"));
    assert_int_equal(count("<circle"), 3); /* beyond the axis and zero on a log axis: left out */
    /* left bottom to right top of the frame: 78..736, 52..458 */
    assert_non_null(strstr(text, "points=\"78.0,52.0 407.0,187.3 736.0,458.0 \""));
    assert_int_equal(count("stroke-dasharray"), 2); /* line and legend */
    assert_non_null(strstr(text, ">0.001<"));
    assert_non_null(strstr(text, ">10<"));
}

static void svg_bars_show_losses_and_what_was_not_met(void **unused)
{
    (void)unused;
    static struct svg_bars bars = {.title = "losses",
                                   .x_label = "dB",
                                   .n = 3,
                                   .label = {"one", "two", "three"},
                                   .value = {1.5, -0.25, NAN}};
    assert_int_equal(svg_bars_write(&bars, path), 0);
    file_read();
    expect_balanced();
    assert_int_equal(count("<rect"), 3); /* paper and two bars */
    assert_non_null(strstr(text, ">1.50<"));
    assert_non_null(strstr(text, ">-0.25<"));
    assert_non_null(strstr(text, "not met"));
}

static void svg_step_is_one_two_or_five(void **unused)
{
    (void)unused;
    static const double rows[][3] = {/* span, at most, step */
                                     {10.0, 10, 1.0}, {10.0, 9, 2.0},    {9.0, 12, 1.0},
                                     {1.0, 4, 0.5},   {0.3, 10, 0.05},   {700.0, 8, 100.0},
                                     {27.0, 10, 5.0}, {1e-3, 5, 0.0002}, {3.0, 1, 5.0}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        assert_float_equal(svg_step(rows[k][0], (int)rows[k][1]), rows[k][2], 1e-9 * rows[k][2]);
    }
}

static void svg_path_is_a_plain_name(void **unused)
{
    (void)unused;
    char name[64];
    svg_path("/tmp/x", "per_fm0 40 kHz/1 %", name, sizeof name);
    assert_string_equal(name, "/tmp/x/per-fm0-40-kHz-1--.svg");
    svg_path("d", "abcdefghijklmnop", name, 12); /* cut, never beyond the end */
    assert_true(strlen(name) < 12);
}

static void svg_says_when_it_cannot_write(void **unused)
{
    (void)unused;
    static struct svg_bars bars = {.title = "t", .x_label = "x", .n = 1, .label = {"a"}};
    assert_int_equal(svg_bars_write(&bars, "/nonexistent/folder/x.svg"), ST_IO);
    assert_non_null(strstr(status_detail(), "/nonexistent/folder/x.svg"));
}

/* Four cells: nothing known, none, half, all; each shade where its cell is. */
static void svg_map_shades_each_cell(void **unused)
{
    (void)unused;
    const double ratio[4] = {NAN, 0.0, 0.5, 1.0};
    const struct svg_map map = {.title = "hall",
                                .subtitle = "two by two",
                                .scale_label = "covered",
                                .length_m = 20.0,
                                .width_m = 20.0,
                                .cell_m = 10.0,
                                .n_x = 2,
                                .n_y = 2,
                                .ratio = ratio,
                                .mark_label = "reader",
                                .n_marks = 1,
                                .mark_m = {{10.0, 10.0}}};
    assert_int_equal(svg_map_write(&map, path), ST_OK);
    file_read();
    expect_balanced();
    assert_int_equal(count("#ffffd9"), 2); /* the cell and the scale */
    assert_int_equal(count("#41b6c4"), 2);
    assert_int_equal(count("#081d58"), 2);
    assert_int_equal(count("#1d91c0"), 1);
    assert_int_equal(count("<path"), 2); /* the reader and the legend */
    double scale = 0.0, x = 0.0, y = 0.0;
    const char *dark = strstr(text, "#081d58"); /* the cell comes first: right, upper */
    assert_non_null(dark);
    while (*dark != '<') {
        dark--;
    }
    assert_int_equal(sscanf(dark, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\"", &x, &y, &scale), 3);
    assert_true(x > 78.0 + 0.9 * scale);
    assert_true(y < 76.0 + 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(svg_map_shades_each_cell),
        cmocka_unit_test(svg_chart_draws_what_lies_inside),
        cmocka_unit_test(svg_bars_show_losses_and_what_was_not_met),
        cmocka_unit_test(svg_step_is_one_two_or_five),
        cmocka_unit_test(svg_path_is_a_plain_name),
        cmocka_unit_test(svg_says_when_it_cannot_write),
    };
    int file = mkstemp(path);
    if (file < 0) {
        perror(path);
        return 1;
    }
    close(file);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return failed;
}
