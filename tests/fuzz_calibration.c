/* fuzz_calibration.c - arbitrary bytes as a calibration table. What is accepted is in order and in
 * range, is written and read back the same, and answers every question with a number or NaN. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config/require.h"
#include "reader/calibration.h"
#include "tests/fuzz_start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Most inputs start as a plausible table, so that rows are reached, not only syntax. */
static size_t make_yaml(const uint8_t *data, size_t n_bytes, char *yaml, size_t room)
{
    static const char *const starts[] = {
        "", "calibration: 1\ntx:\n  - {freq_hz: 915M, gain_db: ", "calibration: 1\nrx: [",
        "calibration: 1\ndevice: \"",
        "calibration: 1\ntx: [{freq_hz: 9e8, gain_db: 1, dbm: 2}]\nrx: [{freq_hz: 1e9, gain_db: "};
    return fuzz_start(starts, sizeof starts / sizeof *starts, data, n_bytes, yaml, room);
}

static void check_side(const struct calibration_side *side)
{
    require(side->n_rows <= CALIBRATION_ROWS_MAX);
    for (size_t k = 1; k < side->n_rows; k++) {
        const struct calibration_row *a = &side->row[k - 1], *b = &side->row[k];
        require(a->freq_hz < b->freq_hz || (a->freq_hz == b->freq_hz && a->gain_db < b->gain_db));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static char yaml[1 << 16];
    static struct calibration calibration, again;
    size_t n_yaml = make_yaml(data, n_bytes, yaml, sizeof yaml);
    enum status status = calibration_read_memory(yaml, n_yaml, "fuzz", &calibration);
    if (status) {
        require(strncmp(status_detail(), "fuzz:", 5) == 0);
        return 0;
    }
    check_side(&calibration.tx);
    check_side(&calibration.rx);
    for (size_t k = 0; k < calibration.tx.n_rows; k++) {
        const struct calibration_row *row = &calibration.tx.row[k];
        require(calibration_tx_dbm(&calibration, row->freq_hz, row->gain_db) == row->dbm);
        require(isnan(calibration_rx_dbm(&calibration, row->freq_hz + 1e11, row->gain_db)));
    }
    char path[64];
    snprintf(path, sizeof path, "/tmp/fuzz_calibration.%ld", (long)getpid());
    status = calibration_write(path, &calibration);
    require(status == ST_OK);
    status = calibration_read(path, &again);
    require(status == ST_OK);
    unlink(path);
    require(memcmp(&calibration, &again, sizeof again) == 0);
    return 0;
}
