/* coverage_files.c - maps and curves of a coverage run, as pictures and as tables. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reader/coverage_study.h"
#include "reader/svg.h"

enum { PATH_ROOM = 512 };

static enum status folder_make(const char *folder)
{
    return mkdir(folder, 0777) == 0 || errno == EEXIST
               ? ST_OK
               : status_fail(ST_IO, "%s: %s", folder, strerror(errno));
}

static const char *hall_words(const struct coverage_plan *plan)
{
    static char words[160];
    const struct hall_cfg *hall = &plan->hall.cfg;
    snprintf(words, sizeof words, "%zu readers at %g m, %zu devices at %g m %s, path %s, %s",
             plan->hall.n_readers, hall->reader_height_m, plan->hall.n_devices,
             hall->device_height_m, hall->placement == HALL_CIRCLES ? "in circles" : "uniform",
             pathloss_about((enum pathloss_model)hall->model)->name,
             hall->shadow ? "shadow drawn" : "shadow as a margin");
    return words;
}

static enum status map_write(const struct coverage_plan *plan, const struct coverage_study *study,
                             enum coverage_leg leg, const char *folder)
{
    const struct coverage_tally *tally = coverage_tally(study->total);
    size_t n_cells = tally->n_x * tally->n_y;
    double *ratio = malloc(n_cells * sizeof *ratio);
    if (!ratio) {
        return status_fail(ST_NO_MEMORY, "coverage: no memory for a map");
    }
    for (size_t k = 0; k < n_cells; k++) {
        ratio[k] = tally->cell_devices[k] > 0
                       ? (double)tally->cell_covered[leg][k] / tally->cell_devices[k]
                       : NAN;
    }
    char title[128], name[64], path[PATH_ROOM], label[64];
    snprintf(title, sizeof title, "%s, %s (%s)", plan->preset.name, coverage_leg_meanings[leg],
             coverage_leg_names[leg]);
    snprintf(label, sizeof label, "of the devices there, %zu drops", study->n_drops);
    struct svg_map map = {
        .title = title,
        .subtitle = hall_words(plan),
        .scale_label = label,
        .length_m = plan->hall.cfg.length_m,
        .width_m = plan->hall.cfg.width_m,
        .cell_m = plan->options.cell_m,
        .n_x = tally->n_x,
        .n_y = tally->n_y,
        .ratio = ratio,
        .mark_label = "reader",
        .n_marks = plan->hall.n_readers,
    };
    for (size_t k = 0; k < plan->hall.n_readers; k++) {
        map.mark_m[k][0] = plan->hall.reader_m[k][0];
        map.mark_m[k][1] = plan->hall.reader_m[k][1];
    }
    snprintf(name, sizeof name, "map %s", coverage_leg_names[leg]);
    svg_path(folder, name, path, sizeof path);
    enum status status = svg_map_write(&map, path);
    free(ratio);
    return status;
}

/* Share of the devices whose best reader leaves at least so much margin. */
static double margin_share(const struct coverage_tally *tally, enum coverage_leg leg, size_t bin)
{
    uint64_t n = 0;
    for (size_t k = bin; k < COVERAGE_MARGIN_BINS; k++) {
        n += tally->margin[leg][k];
    }
    return (double)n / (double)tally->n_devices;
}

static enum status margins_draw(const struct coverage_plan *plan,
                                const struct coverage_study *study, const char *folder)
{
    static struct svg_chart chart;
    const struct coverage_tally *tally = coverage_tally(study->total);
    char title[128], path[PATH_ROOM];
    snprintf(title, sizeof title, "%s: margin of the best reader", plan->preset.name);
    chart = (struct svg_chart){.title = title,
                               .x_label = "margin, dB",
                               .y_label = "devices with at least this margin, %",
                               .x_min = COVERAGE_MARGIN_LEAST_DB,
                               .x_max = COVERAGE_MARGIN_LEAST_DB + COVERAGE_MARGIN_BINS - 1,
                               .y_max = 100.0};
    for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
        struct svg_series *series = &chart.series[chart.n_series++];
        *series = (struct svg_series){.label = coverage_leg_meanings[leg],
                                      .colour = leg,
                                      .is_dashed = leg == COVERAGE_ALL,
                                      .is_dense = true,
                                      .n = COVERAGE_MARGIN_BINS};
        for (size_t k = 0; k < COVERAGE_MARGIN_BINS; k++) {
            series->x[k] = COVERAGE_MARGIN_LEAST_DB + (double)k;
            series->y[k] = 100.0 * margin_share(tally, (enum coverage_leg)leg, k);
        }
    }
    svg_path(folder, "margins", path, sizeof path);
    return svg_chart_write(&chart, path);
}

static enum status identified_draw(const struct coverage_plan *plan,
                                   const struct coverage_study *study, const char *folder)
{
    static struct svg_chart chart;
    char title[128], path[PATH_ROOM];
    double last_s = coverage_curve_s(study, COVERAGE_CURVE_POINTS - 1);
    for (size_t k = COVERAGE_CURVE_POINTS; k-- > 0 && isnan(last_s);) {
        last_s = coverage_curve_s(study, k);
    }
    if (isnan(last_s)) {
        return ST_OK; /* nobody was identified: no curve */
    }
    snprintf(title, sizeof title, "%s: %zu readers sharing time", plan->preset.name,
             plan->hall.n_readers);
    chart = (struct svg_chart){.title = title,
                               .x_label = "time, s",
                               .y_label = "covered devices that are identified, %",
                               .x_max = 1.02 * last_s,
                               .y_max = 100.0,
                               .n_series = 1};
    struct svg_series *series = &chart.series[0];
    *series = (struct svg_series){
        .label = "mean of all drops", .is_dense = true, .n = COVERAGE_CURVE_POINTS + 1};
    for (size_t k = 0; k < COVERAGE_CURVE_POINTS; k++) {
        series->x[k + 1] = coverage_curve_s(study, k);
        series->y[k + 1] = (double)(k + 1);
    }
    svg_path(folder, "identified", path, sizeof path);
    return svg_chart_write(&chart, path);
}

enum status coverage_write_svg(const struct coverage_plan *plan, const struct coverage_study *study,
                               const char *folder)
{
    enum status status = folder_make(folder);
    for (unsigned leg = 0; leg < COVERAGE_LEGS && !status; leg++) {
        status = map_write(plan, study, (enum coverage_leg)leg, folder);
    }
    status = status ? status : margins_draw(plan, study, folder);
    return status || !plan->options.identify ? status : identified_draw(plan, study, folder);
}

static enum status table_begin(const char *folder, const char *name, FILE **file, char *path)
{
    snprintf(path, PATH_ROOM, "%s/%s.csv", folder, name);
    *file = fopen(path, "w");
    return *file ? ST_OK : status_fail(ST_IO, "%s: %s", path, strerror(errno));
}

static enum status table_end(FILE *file, const char *path)
{
    bool failed = ferror(file);
    failed |= fclose(file) != 0;
    return failed ? status_fail(ST_IO, "%s: cannot write", path) : ST_OK;
}

static enum status cells_write(const struct coverage_plan *plan, const struct coverage_study *study,
                               const char *folder)
{
    const struct coverage_tally *tally = coverage_tally(study->total);
    char path[PATH_ROOM];
    FILE *file;
    enum status status = table_begin(folder, "cells", &file, path);
    if (status) {
        return status;
    }
    fputs("x_m,y_m,devices,rf_eh,r2d,d2r,all\n", file);
    for (size_t k = 0; k < tally->n_x * tally->n_y; k++) {
        fprintf(file, "%g,%g,%u", ((double)(k % tally->n_x) + 0.5) * plan->options.cell_m,
                ((double)(k / tally->n_x) + 0.5) * plan->options.cell_m, tally->cell_devices[k]);
        for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
            fprintf(file, ",%u", tally->cell_covered[leg][k]);
        }
        fputc('\n', file);
    }
    return table_end(file, path);
}

static enum status margins_write(const struct coverage_study *study, const char *folder)
{
    const struct coverage_tally *tally = coverage_tally(study->total);
    char path[PATH_ROOM];
    FILE *file;
    enum status status = table_begin(folder, "margins", &file, path);
    if (status) {
        return status;
    }
    fputs("margin_db,rf_eh,r2d,d2r,all\n", file);
    for (size_t k = 0; k < COVERAGE_MARGIN_BINS; k++) {
        fprintf(file, "%g", COVERAGE_MARGIN_LEAST_DB + (double)k);
        for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
            fprintf(file, ",%.6f", margin_share(tally, (enum coverage_leg)leg, k));
        }
        fputc('\n', file);
    }
    return table_end(file, path);
}

static enum status drops_write(const struct coverage_study *study, const char *folder)
{
    char path[PATH_ROOM];
    FILE *file;
    enum status status = table_begin(folder, "drops", &file, path);
    if (status) {
        return status;
    }
    fputs("drop,devices,rf_eh,r2d,d2r,all,identified,t50_s,t90_s,t99_s,last_s\n", file);
    for (size_t k = 0; k < study->n_drops; k++) {
        const struct coverage_drop *drop = &study->drop[k];
        fprintf(file, "%zu,%llu", k, (unsigned long long)drop->n_devices);
        for (unsigned leg = 0; leg < COVERAGE_LEGS; leg++) {
            fprintf(file, ",%llu", (unsigned long long)drop->n_covered[leg]);
        }
        fprintf(file, ",%llu,%.4f,%.4f,%.4f,%.4f\n", (unsigned long long)drop->n_identified,
                drop->curve_s[49], drop->curve_s[89], drop->curve_s[98], drop->last_s);
    }
    return table_end(file, path);
}

enum status coverage_write_csv(const struct coverage_plan *plan, const struct coverage_study *study,
                               const char *folder)
{
    enum status status = folder_make(folder);
    status = status ? status : cells_write(plan, study, folder);
    status = status ? status : margins_write(study, folder);
    return status ? status : drops_write(study, folder);
}
