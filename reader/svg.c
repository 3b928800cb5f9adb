/* svg.c - charts without a library: text written element by element. */
#include "reader/svg.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"

enum { WIDTH = 760, HEIGHT = 520, LEFT = 78, RIGHT = 24, TOP = 52, BOTTOM = 62 };
enum { ROW = 24, LABEL_WIDTH = 330 };

/* Okabe and Ito's colours: told apart by colour-blind readers too. */
static const char *const colours[SVG_SERIES_MAX] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                                    "#56B4E9", "#E69F00", "#000000", "#999999"};

static void text_put(FILE *file, double x, double y, const char *anchor, const char *more,
                     const char *text)
{
    fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        default: fputc(*text, file); break;
        }
    }
    fputs("</text>\n", file);
}

static void line_put(FILE *file, double x1, double y1, double x2, double y2, const char *colour)
{
    fprintf(file,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
            "stroke-width=\"1\"/>\n",
            x1, y1, x2, y2, colour);
}

static enum status file_begin(const char *path, int width, int height, const char *title,
                              FILE **opened)
{
    FILE *file = *opened = fopen(path, "w");
    if (!file) {
        return status_fail(ST_IO, "%s: %s", path, strerror(errno));
    }
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n",
            width, height, width, height, width, height);
    text_put(file, 0.5 * width, 26.0, "middle", " font-size=\"16\" font-weight=\"bold\"", title);
    return ST_OK;
}

static enum status file_end(FILE *file, const char *path)
{
    fputs("</svg>\n", file);
    bool failed = ferror(file);
    failed |= fclose(file) != 0;
    return failed ? status_fail(ST_IO, "%s: cannot write", path) : ST_OK;
}

double svg_step(double span, int n_max)
{
    static const double digits[] = {1.0, 2.0, 5.0, 10.0};
    require(span > 0.0);
    require(n_max >= 1);
    double power = pow(10.0, floor(log10(span / n_max)));
    int k = 0;
    while (k < 3 && span / (digits[k] * power) > n_max + 1e-9) {
        k++;
    }
    return digits[k] * power;
}

void svg_path(const char *folder, const char *name, char *path, size_t n_path)
{
    int n = snprintf(path, n_path, "%s/", folder);
    size_t at = n > 0 ? (size_t)n : 0;
    for (; *name && at + 5 < n_path; name++) {
        unsigned char c = (unsigned char)*name;
        path[at++] = isalnum(c) || c == '.' ? (char)c : '-';
    }
    snprintf(path + at, n_path - at, ".svg");
}

static double place_x(const struct svg_chart *chart, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - chart->x_min) / (chart->x_max - chart->x_min);
}

static double place_y(const struct svg_chart *chart, double y)
{
    double lo = chart->y_min, hi = chart->y_max;
    if (chart->y_log) {
        lo = log10(lo);
        hi = log10(hi);
        y = log10(y);
    }
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - lo) / (hi - lo);
}

static void y_mark(const struct svg_chart *chart, FILE *file, double y, bool is_named)
{
    char text[32];
    double at = place_y(chart, y);
    line_put(file, LEFT, at, WIDTH - RIGHT, at, is_named ? "#cccccc" : "#eeeeee");
    if (is_named) {
        snprintf(text, sizeof text, "%.4g", y);
        text_put(file, LEFT - 8, at + 4.5, "end", "", text);
    }
}

static void axes_put(const struct svg_chart *chart, FILE *file)
{
    char text[32];
    double step = svg_step(chart->x_max - chart->x_min, 12);
    for (double k = ceil(chart->x_min / step - 1e-6); k * step <= chart->x_max + 1e-6 * step;
         k += 1.0) {
        double at = place_x(chart, k * step);
        line_put(file, at, TOP, at, HEIGHT - BOTTOM, "#cccccc");
        snprintf(text, sizeof text, "%.4g", k * step + 0.0);
        text_put(file, at, HEIGHT - BOTTOM + 20.0, "middle", "", text);
    }
    if (chart->y_log) {
        for (double p = floor(log10(chart->y_min)); p <= log10(chart->y_max) + 1e-6; p += 1.0) {
            for (int d = 1; d < 10; d++) {
                double y = d * pow(10.0, p);
                if (y >= 0.999 * chart->y_min && y <= 1.001 * chart->y_max) {
                    y_mark(chart, file, y, d == 1);
                }
            }
        }
    } else {
        step = svg_step(chart->y_max - chart->y_min, 10);
        for (double k = ceil(chart->y_min / step - 1e-6); k * step <= chart->y_max + 1e-6 * step;
             k += 1.0) {
            y_mark(chart, file, k * step + 0.0, true);
        }
    }
    fprintf(file,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"black\"/>\n",
            LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    text_put(file, 0.5 * (LEFT + WIDTH - RIGHT), HEIGHT - 18.0, "middle", "", chart->x_label);
    snprintf(text, sizeof text, " transform=\"rotate(-90 20 %d)\"", HEIGHT / 2);
    text_put(file, 20.0, HEIGHT / 2, "middle", text, chart->y_label);
}

static bool is_drawn(const struct svg_chart *chart, double x, double y)
{
    return x >= chart->x_min && x <= chart->x_max &&
           y >= chart->y_min * (chart->y_log ? 0.999 : 1) && y <= chart->y_max; /* false for NaN */
}

static void series_put(const struct svg_chart *chart, const struct svg_series *series,
                       const char *colour, FILE *file)
{
    fprintf(file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"", colour,
            series->is_dashed ? " stroke-dasharray=\"7 4\"" : "");
    for (size_t k = 0; k < series->n; k++) {
        if (is_drawn(chart, series->x[k], series->y[k])) {
            fprintf(file, "%.1f,%.1f ", place_x(chart, series->x[k]), place_y(chart, series->y[k]));
        }
    }
    fputs("\"/>\n", file);
    for (size_t k = 0; k < series->n && !series->is_dashed && !series->is_dense; k++) {
        if (is_drawn(chart, series->x[k], series->y[k])) {
            fprintf(file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill=\"%s\"/>\n",
                    place_x(chart, series->x[k]), place_y(chart, series->y[k]), colour);
        }
    }
}

/* Top right on a log axis, where error rates are low; top left otherwise, where losses are. */
static void legend_put(const struct svg_chart *chart, FILE *file)
{
    size_t longest = 0;
    for (size_t k = 0; k < chart->n_series; k++) {
        size_t n = strlen(chart->series[k].label);
        longest = n > longest ? n : longest;
    }
    double width = 58.0 + 7.3 * (double)longest, height = 10.0 + 20.0 * (double)chart->n_series;
    double left = chart->y_log ? WIDTH - RIGHT - width - 8.0 : LEFT + 8.0;
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" fill=\"white\" "
            "fill-opacity=\"0.9\" stroke=\"#888888\"/>\n",
            left, TOP + 8, width, height);
    for (size_t k = 0; k < chart->n_series; k++) {
        double y = TOP + 24.0 + 20.0 * (double)k;
        fprintf(file,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                "stroke-width=\"2\"%s/>\n",
                left + 8.0, y, left + 40.0, y, colours[chart->series[k].colour],
                chart->series[k].is_dashed ? " stroke-dasharray=\"7 4\"" : "");
        text_put(file, left + 48.0, y + 4.5, "start", "", chart->series[k].label);
    }
}

enum status svg_chart_write(const struct svg_chart *chart, const char *path)
{
    require(chart->x_min < chart->x_max);
    require(chart->y_min < chart->y_max);
    require(chart->n_series <= SVG_SERIES_MAX);
    for (size_t k = 0; k < chart->n_series; k++) {
        require(chart->series[k].colour < SVG_SERIES_MAX);
    }
    FILE *file;
    enum status status = file_begin(path, WIDTH, HEIGHT, chart->title, &file);
    if (status) {
        return status;
    }
    axes_put(chart, file);
    for (size_t k = 0; k < chart->n_series; k++) {
        series_put(chart, &chart->series[k], colours[chart->series[k].colour], file);
    }
    legend_put(chart, file);
    return file_end(file, path);
}

enum status svg_bars_write(const struct svg_bars *bars, const char *path)
{
    require(bars->n >= 1);
    require(bars->n <= SVG_BARS_MAX);
    double lo = 0.0, hi = 0.1;
    for (size_t k = 0; k < bars->n; k++) {
        lo = bars->value[k] < lo ? bars->value[k] : lo;
        hi = bars->value[k] > hi ? bars->value[k] : hi;
    }
    double step = svg_step(hi - lo, 8);
    lo = step * floor(lo / step);
    hi = step * ceil(hi / step);
    double scale = (WIDTH - LABEL_WIDTH - RIGHT - 46) / (hi - lo);
    double zero = LABEL_WIDTH - lo * scale, bottom = TOP + ROW * (double)bars->n;
    FILE *file;
    enum status status = file_begin(path, WIDTH, (int)bottom + BOTTOM, bars->title, &file);
    if (status) {
        return status;
    }
    char text[32];
    for (double k = lo / step; k <= hi / step + 1e-6; k += 1.0) {
        double at = zero + k * step * scale;
        line_put(file, at, TOP, at, bottom, "#cccccc");
        snprintf(text, sizeof text, "%.4g", k * step + 0.0);
        text_put(file, at, bottom + 18.0, "middle", "", text);
    }
    for (size_t k = 0; k < bars->n; k++) {
        double y = TOP + ROW * (double)k, value = bars->value[k];
        text_put(file, LABEL_WIDTH - 10.0, y + 16.0, "end", "", bars->label[k]);
        if (isnan(value)) {
            text_put(file, zero + 6.0, y + 16.0, "start", " fill=\"#D55E00\"", "not met");
            continue;
        }
        fprintf(file, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
                value < 0.0 ? zero + value * scale : zero, y + 4.0, fabs(value) * scale, ROW - 8,
                colours[0]);
        snprintf(text, sizeof text, "%.2f", value);
        text_put(file, (value < 0.0 ? zero : zero + value * scale) + 5.0, y + 16.0, "start", "",
                 text);
    }
    line_put(file, zero, TOP, zero, bottom, "black");
    text_put(file, 0.5 * (LABEL_WIDTH + WIDTH - RIGHT), bottom + 44.0, "middle", "", bars->x_label);
    return file_end(file, path);
}

/* From pale to dark, with evenly falling lightness: reads the same in grey and to colour-blind eyes
 * (nine steps after Brewer's YlGnBu). */
static const char *const shades[] = {"#ffffd9", "#edf8b1", "#c7e9b4", "#7fcdbb", "#41b6c4",
                                     "#1d91c0", "#225ea8", "#253494", "#081d58"};
enum { SHADES = sizeof shades / sizeof *shades, MAP_BAR = 18, MAP_FOOT = 116, MAP_TOP = 76 };

static int shade_of(double ratio)
{
    return (int)fmin(fmax(ratio * SHADES, 0.0), SHADES - 1.0);
}

struct frame { /* the floor on the sheet */
    double scale, left, bottom;
};

/* Neighbours of one shade are one rectangle. */
static void cells_put(const struct svg_map *map, const struct frame *frame, FILE *file)
{
    double side = map->cell_m * frame->scale;
    for (size_t y = 0; y < map->n_y; y++) {
        const double *row = map->ratio + y * map->n_x;
        double top =
            frame->bottom - fmin((double)(y + 1) * map->cell_m, map->width_m) * frame->scale;
        double height = frame->bottom - (double)y * side - top;
        for (size_t x = 0; x < map->n_x;) {
            size_t from = x;
            int shade = isnan(row[x]) ? -1 : shade_of(row[x]);
            while (x < map->n_x && (isnan(row[x]) ? -1 : shade_of(row[x])) == shade) {
                x++;
            }
            double right = fmin((double)x * map->cell_m, map->length_m) * frame->scale;
            if (shade >= 0) {
                fprintf(
                    file,
                    "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"/>\n",
                    frame->left + (double)from * side, top, right - (double)from * side, height,
                    shades[shade]);
            }
        }
    }
}

static void map_axes_put(const struct svg_map *map, const struct frame *frame, FILE *file)
{
    char text[48];
    double step = svg_step(fmax(map->length_m, map->width_m), 12);
    double top = frame->bottom - map->width_m * frame->scale;
    for (double at = 0.0; at <= map->length_m * 1.0001; at += step) {
        double x = frame->left + at * frame->scale;
        line_put(file, x, frame->bottom, x, frame->bottom + 5.0, "black");
        snprintf(text, sizeof text, "%.4g", at);
        text_put(file, x, frame->bottom + 19.0, "middle", "", text);
    }
    for (double at = 0.0; at <= map->width_m * 1.0001; at += step) {
        double y = frame->bottom - at * frame->scale;
        line_put(file, frame->left - 5.0, y, frame->left, y, "black");
        snprintf(text, sizeof text, "%.4g", at);
        text_put(file, frame->left - 9.0, y + 4.5, "end", "", text);
    }
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"none\" "
            "stroke=\"black\"/>\n",
            frame->left, top, map->length_m * frame->scale, map->width_m * frame->scale);
    text_put(file, frame->left + 0.5 * map->length_m * frame->scale, frame->bottom + 38.0, "middle",
             "", "x, m");
    double middle = 0.5 * (top + frame->bottom);
    snprintf(text, sizeof text, " transform=\"rotate(-90 22 %.1f)\"", middle);
    text_put(file, 22.0, middle, "middle", text, "y, m");
}

static void mark_put(FILE *file, double x, double y)
{
    fprintf(file, "<path d=\"M %.1f %.1f l 6 10 l -12 0 z\" fill=\"#D55E00\" stroke=\"white\"/>\n",
            x, y - 6.0);
}

static void map_legend_put(const struct svg_map *map, const struct frame *frame, FILE *file)
{
    const double wide = 34.0, y = frame->bottom + 56.0;
    char text[16];
    for (int k = 0; k < SHADES; k++) {
        fprintf(file,
                "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\" "
                "stroke=\"#888888\"/>\n",
                frame->left + wide * k, y, wide, MAP_BAR, shades[k]);
    }
    for (int k = 0; k <= SHADES; k += SHADES / 3) {
        snprintf(text, sizeof text, "%.0f %%", 100.0 * k / SHADES);
        text_put(file, frame->left + wide * k, y + MAP_BAR + 16.0, "middle", "", text);
    }
    text_put(file, frame->left + wide * SHADES + 32.0, y + 14.0, "start", "", map->scale_label);
    if (map->n_marks > 0) {
        mark_put(file, frame->left + wide * SHADES + 38.0, y + MAP_BAR + 12.0);
        text_put(file, frame->left + wide * SHADES + 52.0, y + MAP_BAR + 16.0, "start", "",
                 map->mark_label);
    }
}

enum status svg_map_write(const struct svg_map *map, const char *path)
{
    require(map->n_x >= 1);
    require(map->n_y >= 1);
    require(map->n_marks <= SVG_MARKS_MAX);
    double scale = fmin((WIDTH - LEFT - RIGHT) / map->length_m, 2.0 * WIDTH / map->width_m);
    struct frame frame = {.scale = scale, .left = LEFT, .bottom = MAP_TOP + map->width_m * scale};
    FILE *file;
    enum status status =
        file_begin(path, WIDTH, (int)ceil(frame.bottom) + MAP_FOOT, map->title, &file);
    if (status) {
        return status;
    }
    text_put(file, 0.5 * WIDTH, 48.0, "middle", " fill=\"#444444\"", map->subtitle);
    cells_put(map, &frame, file);
    map_axes_put(map, &frame, file);
    for (size_t k = 0; k < map->n_marks; k++) {
        mark_put(file, frame.left + map->mark_m[k][0] * scale,
                 frame.bottom - map->mark_m[k][1] * scale);
    }
    map_legend_put(map, &frame, file);
    return file_end(file, path);
}
