/* svg.h - line charts, bar charts and maps as SVG files: axes, units, grid, legend.  layer: reader */
#ifndef READER_SVG_H
#define READER_SVG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/status.h"

enum { SVG_SERIES_MAX = 8, SVG_POINTS_MAX = 128, SVG_BARS_MAX = 40 };

struct svg_series {
    const char *label;
    unsigned colour; /* 0 .. SVG_SERIES_MAX - 1 */
    bool is_dashed;  /* a bound or ideal: no marks */
    bool is_dense;   /* no marks either */
    size_t n;
    double x[SVG_POINTS_MAX], y[SVG_POINTS_MAX]; /* NaN, and y <= 0 on a log axis: left out */
};

struct svg_chart {
    const char *title, *x_label, *y_label; /* with units */
    bool y_log;
    double x_min, x_max, y_min, y_max; /* of the axes; y_log: powers of ten do best */
    size_t n_series;
    struct svg_series series[SVG_SERIES_MAX];
};

/*   err ST_IO   pre x_min < x_max, y_min < y_max; y_log: y_min > 0 */
enum status svg_chart_write(const struct svg_chart *chart, const char *path) must_check;

struct svg_bars { /* horizontal, one row each */
    const char *title, *x_label;
    size_t n;
    char label[SVG_BARS_MAX][64];
    double value[SVG_BARS_MAX]; /* NaN: "not met" instead of a bar */
};

/*   err ST_IO   pre n >= 1 */
enum status svg_bars_write(const struct svg_bars *bars, const char *path) must_check;

enum { SVG_MARKS_MAX = 64 };

struct svg_map { /* a floor plan in cells of one colour each, by how much of something is there */
    const char *title, *subtitle, *scale_label; /* what 0 and 100 % mean */
    double length_m, width_m, cell_m;
    size_t n_x, n_y;
    const double
        *ratio; /* [n_y * n_x], rows from y = 0 on; 0 .. 1; NaN: nothing known, left white */
    const char *mark_label;
    size_t n_marks;
    double mark_m[SVG_MARKS_MAX][2];
};

/*   err ST_IO   pre n_x, n_y >= 1 */
enum status svg_map_write(const struct svg_map *map, const char *path) must_check;

/* Step of 1, 2 or 5 times a power of ten that divides a span into at most n_max parts.
 *   pre span > 0, n_max >= 1 */
double svg_step(double span, int n_max);

/* Path of a file in a folder: characters beyond letters, digits and dots become '-'. */
void svg_path(const char *folder, const char *name, char *path, size_t n_path);

#endif
