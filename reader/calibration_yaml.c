/* calibration_yaml.c - what stands in the table of gains and powers. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"
#include "config/require.h"
#include "reader/calibration.h"
#include "reader/rows_yaml.h"

enum { TOP_VERSION = 0, TOP_DEVICE, TOP_TX, TOP_RX, TOP_N };
enum { CELL_FREQ = 0, CELL_GAIN, CELL_DBM, CELL_N };

struct reading {
    struct calibration *calibration;
    double cell[CELL_N]; /* of the row that is open */
};

static enum status take_device(const struct rows_value *value)
{
    struct reading *reading = value->context;
    const char *text = value->text;
    bool printable = true;
    for (const char *c = text; *c; c++) {
        printable = printable && *c >= ' ' && *c <= '~';
    }
    if (!printable || strlen(text) >= LIMIT_TEXT) {
        return rows_yaml_fail(value, ST_RANGE, "device: up to 255 ASCII characters are accepted");
    }
    snprintf(reading->calibration->device, LIMIT_TEXT, "%s", text);
    return ST_OK;
}

static enum status take_number(const struct rows_value *value)
{
    struct reading *reading = value->context;
    return option_parse_number(value->text, &reading->cell[value->key]) == ST_OK
               ? ST_OK
               : rows_yaml_refuse(value, ST_FORMAT, value->name, "a number");
}

static const struct rows_key top_keys[TOP_N] = {
    [TOP_VERSION] = {"calibration", ROWS_VERSION, "calibration: version", NULL},
    [TOP_DEVICE] = {"device", ROWS_TEXT, NULL, take_device},
    [TOP_TX] = {"tx", ROWS_LIST, "tx", NULL},
    [TOP_RX] = {"rx", ROWS_LIST, "rx", NULL},
};

static const struct rows_key cells[CELL_N] = {
    [CELL_FREQ] = {"freq_hz", ROWS_TEXT, NULL, take_number},
    [CELL_GAIN] = {"gain_db", ROWS_TEXT, NULL, take_number},
    [CELL_DBM] = {"dbm", ROWS_TEXT, NULL, take_number},
};

static void row_begin(void *context)
{
    struct reading *reading = context;
    memset(reading->cell, 0, sizeof reading->cell);
}

static enum status row_end(const struct rows_value *value)
{
    const struct reading *reading = value->context;
    const double *cell = reading->cell;
    struct calibration *calibration = reading->calibration;
    struct calibration_side *side = value->key == TOP_TX ? &calibration->tx : &calibration->rx;
    size_t n_before = side->n_rows;
    enum status status = calibration_put(side, cell[CELL_FREQ], cell[CELL_GAIN], cell[CELL_DBM]);
    if (status) {
        return rows_yaml_fail(value, status, status_detail());
    }
    return side->n_rows > n_before
               ? ST_OK
               : rows_yaml_fail(value, ST_FORMAT, "the same freq_hz and gain_db stand twice");
}

static const struct rows_format format = {.top = top_keys,
                                          .n_top = TOP_N,
                                          .cells = cells,
                                          .n_cells = CELL_N,
                                          .n_needed = CELL_N,
                                          .stray = "row",
                                          .row_shape = "{freq_hz: HZ, gain_db: DB, dbm: DBM}",
                                          .again = "a second key",
                                          .row_begin = row_begin,
                                          .row_end = row_end};

enum status calibration_read_memory(const char *yaml, size_t n_bytes, const char *name,
                                    struct calibration *calibration)
{
    require(calibration);
    memset(calibration, 0, sizeof *calibration);
    struct reading reading = {.calibration = calibration};
    return rows_yaml_read(&format, yaml, n_bytes, name, &reading);
}

enum status calibration_read(const char *path, struct calibration *calibration)
{
    require(path);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return status_fail(errno == ENOENT ? ST_NOT_FOUND : ST_IO, "%s: %s", path, strerror(errno));
    }
    char *yaml = malloc(ROWS_YAML_MAX_BYTES + 1);
    enum status status = yaml ? ST_OK : status_fail(ST_NO_MEMORY, "%s: no memory to read it", path);
    if (!status) {
        size_t n_bytes = fread(yaml, 1, ROWS_YAML_MAX_BYTES + 1, file);
        status = ferror(file) ? status_fail(ST_IO, "%s: %s", path, strerror(errno))
                              : calibration_read_memory(yaml, n_bytes, path, calibration);
    }
    free(yaml);
    fclose(file);
    return status;
}
