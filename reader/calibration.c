/* calibration.c - the table itself: rows in order, and what lies between them. */
#include "reader/calibration.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/require.h"

static enum status number_check(const char *key, double value, double min, double max)
{
    if (value >= min && value <= max) { /* false for not-a-number */
        return ST_OK;
    }
    return status_fail(ST_RANGE, "%s is %g, accepted %g..%g", key, value, min, max);
}

enum status calibration_put(struct calibration_side *side, double freq_hz, double gain_db,
                            double dbm)
{
    require(side);
    require(side->n_rows <= CALIBRATION_ROWS_MAX);
    enum status status = number_check("freq_hz", freq_hz, 1e6, 10e9);
    status = status ? status : number_check("gain_db", gain_db, -100.0, 200.0);
    status = status ? status : number_check("dbm", dbm, -200.0, 100.0);
    if (status) {
        return status;
    }
    size_t at = 0;
    while (at < side->n_rows &&
           (side->row[at].freq_hz < freq_hz ||
            (side->row[at].freq_hz == freq_hz && side->row[at].gain_db < gain_db))) {
        at++;
    }
    bool known =
        at < side->n_rows && side->row[at].freq_hz == freq_hz && side->row[at].gain_db == gain_db;
    if (!known) {
        if (side->n_rows == CALIBRATION_ROWS_MAX) {
            return status_fail(ST_FULL, "more than %d calibration rows", CALIBRATION_ROWS_MAX);
        }
        memmove(&side->row[at + 1], &side->row[at], (side->n_rows - at) * sizeof *side->row);
        side->n_rows++;
    }
    side->row[at] = (struct calibration_row){.freq_hz = freq_hz, .gain_db = gain_db, .dbm = dbm};
    return ST_OK;
}

/* Rows first .. last - 1 have one frequency: the power at a gain among them. */
static double at_gain(const struct calibration_side *side, size_t first, size_t last,
                      double gain_db, bool low_is_bound)
{
    const struct calibration_row *row = side->row;
    if (gain_db < row[first].gain_db) {
        return low_is_bound ? row[first].dbm : NAN;
    }
    for (size_t k = first; k < last; k++) {
        if (gain_db == row[k].gain_db) {
            return row[k].dbm;
        }
        if (k + 1 < last && gain_db < row[k + 1].gain_db) {
            double part = (gain_db - row[k].gain_db) / (row[k + 1].gain_db - row[k].gain_db);
            return row[k].dbm + part * (row[k + 1].dbm - row[k].dbm);
        }
    }
    return NAN;
}

static double at_freq(const struct calibration_side *side, double freq_hz, double gain_db,
                      bool low_is_bound)
{
    double below_hz = NAN, below_dbm = NAN;
    for (size_t first = 0; first < side->n_rows;) {
        size_t last = first + 1;
        while (last < side->n_rows && side->row[last].freq_hz == side->row[first].freq_hz) {
            last++;
        }
        double here_hz = side->row[first].freq_hz;
        double here_dbm = at_gain(side, first, last, gain_db, low_is_bound);
        if (here_hz == freq_hz) {
            return here_dbm;
        }
        if (here_hz > freq_hz) {
            if (isnan(below_hz)) {
                return here_hz - freq_hz <= CALIBRATION_REACH_HZ ? here_dbm : NAN;
            }
            double part = (freq_hz - below_hz) / (here_hz - below_hz);
            return below_dbm + part * (here_dbm - below_dbm);
        }
        below_hz = here_hz;
        below_dbm = here_dbm;
        first = last;
    }
    return freq_hz - below_hz <= CALIBRATION_REACH_HZ ? below_dbm : NAN;
}

double calibration_tx_dbm(const struct calibration *calibration, double freq_hz, double gain_db)
{
    require(calibration);
    return at_freq(&calibration->tx, freq_hz, gain_db, true);
}

double calibration_rx_dbm(const struct calibration *calibration, double freq_hz, double gain_db)
{
    require(calibration);
    return at_freq(&calibration->rx, freq_hz, gain_db, false);
}

/* Text in double quotes; what the reader would refuse becomes a question mark. */
static void text_write(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fputc('\\', stream);
        }
        fputc(*c >= ' ' && *c <= '~' ? *c : '?', stream);
    }
    fputc('"', stream);
}

static void side_write(FILE *stream, const char *name, const struct calibration_side *side)
{
    if (side->n_rows > 0) {
        fprintf(stream, "%s:\n", name);
    }
    for (size_t k = 0; k < side->n_rows; k++) {
        const struct calibration_row *row = &side->row[k];
        fprintf(stream, "  - {freq_hz: %.17g, gain_db: %.17g, dbm: %.17g}\n", row->freq_hz,
                row->gain_db, row->dbm);
    }
}

enum status calibration_write(const char *path, const struct calibration *calibration)
{
    require(path);
    require(calibration);
    char fresh[LIMIT_TEXT + 16];
    int n = snprintf(fresh, sizeof fresh, "%s.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof fresh) {
        return status_fail(ST_RANGE, "%.64s...: a path of at most %d characters is accepted", path,
                           LIMIT_TEXT);
    }
    FILE *stream = fopen(fresh, "w");
    if (!stream) {
        return status_fail(ST_IO, "%s: %s", fresh, strerror(errno));
    }
    fprintf(stream, "# dBm at the connectors: tx of a full-scale carrier, rx of what reads 0 dBFS\n"
                    "calibration: 1\ndevice: ");
    text_write(stream, calibration->device);
    fputc('\n', stream);
    side_write(stream, "tx", &calibration->tx);
    side_write(stream, "rx", &calibration->rx);
    bool failed = ferror(stream) != 0;
    failed = fclose(stream) != 0 || failed;
    failed = failed || rename(fresh, path) != 0;
    if (failed) {
        enum status status = status_fail(ST_IO, "%s: %s", path, strerror(errno));
        unlink(fresh);
        return status;
    }
    return ST_OK;
}
