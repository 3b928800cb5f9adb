/* svg.h - line and bar charts as SVG files: axes, units, grid, legend.             layer: tests */
#ifndef TESTS_SVG_H
#define TESTS_SVG_H

#include <stdbool.h>
#include <stddef.h>

enum { SVG_SERIES_MAX = 8, SVG_POINTS_MAX = 64, SVG_BARS_MAX = 40 };

struct svg_series {
    const char *label;
    unsigned colour; /* 0 .. SVG_SERIES_MAX - 1 */
    bool is_dashed;  /* a bound or ideal: no marks */
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

/*   out 0, or 1 with a message on stderr   pre x_min < x_max, y_min < y_max; y_log: y_min > 0 */
int svg_chart_write(const struct svg_chart *chart, const char *path);

struct svg_bars { /* horizontal, one row each */
    const char *title, *x_label;
    size_t n;
    char label[SVG_BARS_MAX][64];
    double value[SVG_BARS_MAX]; /* NaN: "not met" instead of a bar */
};

/*   out 0, or 1 with a message on stderr   pre n >= 1 */
int svg_bars_write(const struct svg_bars *bars, const char *path);

/* Step of 1, 2 or 5 times a power of ten that divides a span into at most n_max parts.
 *   pre span > 0, n_max >= 1 */
double svg_step(double span, int n_max);

/* Path of a file in a folder: characters beyond letters, digits and dots become '-'. */
void svg_path(const char *folder, const char *name, char *path, size_t n_path);

#endif
