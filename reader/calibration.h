/* calibration.h - what a radio's gains mean in dBm: a table that `probe --calibrate` writes and every
 * later run reads.                                                            layer: reader
 *
 *     calibration: 1                 # version of the format
 *     device: "type=b200,serial=3"   # what it was measured on; may be empty
 *     tx:                            # at the transmit connector, full-scale carrier (amplitude 1)
 *       - {freq_hz: 915M, gain_db: 60, dbm: 3.2}
 *     rx:                            # at the receive connector, what reads 0 dBFS
 *       - {freq_hz: 915M, gain_db: 20, dbm: -14.5}
 *
 * Between rows: linear in gain at each measured frequency, then linear in frequency. */
#ifndef READER_CALIBRATION_H
#define READER_CALIBRATION_H

#include <stddef.h>

#include "config/limits.h"
#include "config/status.h"

#define CALIBRATION_ROWS_MAX 512
#define CALIBRATION_REACH_HZ 5e6 /* a row speaks for frequencies so far outside the table */

struct calibration_row {
    double freq_hz, gain_db, dbm;
};

struct calibration_side {
    size_t n_rows;
    struct calibration_row row[CALIBRATION_ROWS_MAX]; /* ascending: frequency, then gain */
};

struct calibration {
    char device[LIMIT_TEXT];
    struct calibration_side tx, rx; /* either may be empty */
};

/* Read a file, or the same from memory (`name` stands for it in messages).
 *   out  rows in ascending order, whatever their order in the file
 *   err  ST_NOT_FOUND, ST_IO; ST_FORMAT, ST_RANGE name file, line, key and the accepted range:
 *        freq_hz 1e6..10e9, gain_db -100..200, dbm -200..100, no frequency and gain twice
 *   own  borrows everything; nothing of `calibration` counts after an error */
enum status calibration_read(const char *path, struct calibration *calibration) must_check;
enum status calibration_read_memory(const char *yaml, size_t n_bytes, const char *name,
                                    struct calibration *calibration) must_check;

/* Add a row where it belongs; a row of the same frequency and gain is replaced.
 *   err  ST_RANGE out of the ranges above; ST_FULL */
enum status calibration_put(struct calibration_side *side, double freq_hz, double gain_db,
                            double dbm) must_check;

/* Write what calibration_read takes; an older file is replaced only by a whole new one.
 *   err  ST_IO with detail */
enum status calibration_write(const char *path, const struct calibration *calibration) must_check;

/* dBm of amplitude 1 at the connector; NaN: the table does not say. A transmit gain below the
 * lowest row is answered with that row: never less than what is sent. */
double calibration_tx_dbm(const struct calibration *calibration, double freq_hz, double gain_db);
double calibration_rx_dbm(const struct calibration *calibration, double freq_hz, double gain_db);

#endif
