/* test_calibration.c - the table of gains and powers: what is read, what is refused and how, what
 * lies between the rows. Expected values are worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "reader/calibration.h"

static const char table_text[] = "calibration: 1\n"
                                 "device: \"type=b200,serial=3\"\n"
                                 "rx:\n"
                                 "  - {freq_hz: 915M, gain_db: 30, dbm: -24}\n"
                                 "  - {freq_hz: 915M, gain_db: 20, dbm: -14.5}\n"
                                 "tx:\n"
                                 "  - {freq_hz: 925e6, gain_db: 60, dbm: 2}\n"
                                 "  - {freq_hz: 925e6, gain_db: 70, dbm: 11}\n"
                                 "  - freq_hz: 905M\n"
                                 "    gain_db: 60\n"
                                 "    dbm: 4\n"
                                 "  - {freq_hz: 905e6, gain_db: 70, dbm: 13}\n";

static struct calibration table;

static void read_table(void)
{
    assert_int_equal(calibration_read_memory(table_text, sizeof table_text - 1, "table", &table),
                     0);
}

static void calibration_reads_rows_in_any_order(void **state)
{
    (void)state;
    read_table();
    assert_string_equal(table.device, "type=b200,serial=3");
    assert_int_equal(table.tx.n_rows, 4);
    assert_int_equal(table.rx.n_rows, 2);
    assert_true(table.tx.row[0].freq_hz == 905e6);
    assert_true(table.tx.row[0].gain_db == 60.0);
    assert_true(table.tx.row[3].dbm == 11.0);
    assert_true(table.rx.row[0].gain_db == 20.0);
}

static void calibration_interpolates_between_rows(void **state)
{
    (void)state;
    read_table();
    assert_true(calibration_tx_dbm(&table, 905e6, 70) == 13.0);
    assert_true(fabs(calibration_tx_dbm(&table, 905e6, 65) - 8.5) < 1e-9);
    assert_true(fabs(calibration_tx_dbm(&table, 925e6, 65) - 6.5) < 1e-9);
    assert_true(fabs(calibration_tx_dbm(&table, 915e6, 65) - 7.5) < 1e-9);
    assert_true(fabs(calibration_tx_dbm(&table, 910e6, 60) - 3.5) < 1e-9);
    assert_true(fabs(calibration_rx_dbm(&table, 915e6, 25) + 19.25) < 1e-9);
}

static void calibration_does_not_guess_outside(void **state)
{
    (void)state;
    read_table();
    assert_true(calibration_tx_dbm(&table, 905e6, 10) == 4.0); /* at most that */
    assert_true(isnan(calibration_tx_dbm(&table, 905e6, 70.5)));
    assert_true(isnan(calibration_rx_dbm(&table, 915e6, 19)));
    assert_true(isnan(calibration_rx_dbm(&table, 915e6, 31)));
    assert_true(calibration_tx_dbm(&table, 900e6, 60) == 4.0);
    assert_true(isnan(calibration_tx_dbm(&table, 899.9e6, 60)));
    assert_true(calibration_tx_dbm(&table, 930e6, 60) == 2.0);
    assert_true(isnan(calibration_tx_dbm(&table, 930.1e6, 60)));
    static struct calibration empty;
    assert_true(isnan(calibration_tx_dbm(&empty, 915e6, 0)));
}

static void calibration_refuses_with_line_and_range(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *detail;
    } rows[] = {
        {"", "t:1: no 'calibration: 1' in the file"},
        {"tx: []\n", "no 'calibration: 1'"},
        {"calibration: 2\n", "t:1: calibration: version '2', accepted: 1"},
        {"calibration: 1\nfoo: 3\n", "t:2: unknown key 'foo', accepted: calibration, device"},
        {"calibration: 1\ncalibration: 1\n", "t:2: a second key"},
        {"calibration: 1\ntx: 3\n", "t:2: tx '3', accepted: a list of rows"},
        {"calibration: 1\ntx: {}\n", "t:2: a map is accepted only as a row"},
        {"calibration: 1\ntx: [3]\n", "t:2: row '3', accepted"},
        {"calibration: 1\ntx:\n  - {freq_hz: 915M, gain_db: 3}\n", "t:3: a row without 'dbm'"},
        {"calibration: 1\ntx:\n  - {freq_hz: 9, gain_db: 3, dbm: 1}\n",
         "t:3: freq_hz is 9, accepted 1e+06..1e+10"},
        {"calibration: 1\ntx:\n  - {freq_hz: 1e9, gain_db: 300, dbm: 1}\n", "gain_db is 300"},
        {"calibration: 1\ntx:\n  - {freq_hz: 1e9, gain_db: x, dbm: 1}\n",
         "t:3: gain_db 'x', accepted: a number"},
        {"calibration: 1\ntx:\n  - {freq_hz: 1e9, gain_db: 1, gain_db: 1}\n",
         "a second key 'gain_db'"},
        {"calibration: 1\ntx:\n  - {freq_hz: 1e9, gain_db: 1, dbm: 1}\n"
         "  - {freq_hz: 1G, gain_db: 1, dbm: 2}\n",
         "t:4: the same freq_hz and gain_db stand twice"},
        {"calibration: 1\n---\ncalibration: 1\n", "only one document"},
        {"calibration: 1\nrx: [", "t:3: "},
        {"calibration: 1\ndevice: \"a\\tb\"\n", "t:2: device: up to 255 ASCII"},
    };
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        static struct calibration read;
        enum status status =
            calibration_read_memory(rows[k].yaml, strlen(rows[k].yaml), "t", &read);
        assert_true(status == ST_FORMAT || status == ST_RANGE);
        if (!strstr(status_detail(), rows[k].detail)) {
            fail_msg("'%s' is not in '%s'", rows[k].detail, status_detail());
        }
    }
    static struct calibration read;
    assert_int_equal(calibration_read("/nonexistent/c.yaml", &read), ST_NOT_FOUND);
}

static void calibration_writes_what_it_reads(void **state)
{
    (void)state;
    static struct calibration written, read;
    snprintf(written.device, sizeof written.device, "serial=\"3\\4\"");
    for (int k = 0; k < 40; k++) {
        assert_int_equal(calibration_put(&written.tx, 902e6 + 1e6 * (k % 7), k, -30.0 + k / 3.0),
                         0);
        assert_int_equal(calibration_put(&written.rx, 915e6, 40 - k, 0.1 * k), 0);
    }
    assert_int_equal(calibration_put(&written.rx, 915e6, 40, 7.0), 0); /* a row measured again */
    assert_int_equal(written.rx.n_rows, 40);
    char path[64];
    snprintf(path, sizeof path, "/tmp/test_calibration.%ld", (long)getpid());
    assert_int_equal(calibration_write(path, &written), 0);
    assert_int_equal(calibration_read(path, &read), 0);
    unlink(path);
    assert_memory_equal(&written, &read, sizeof read);
    assert_true(calibration_rx_dbm(&read, 915e6, 40) == 7.0);
    assert_int_equal(calibration_write("/nonexistent/c.yaml", &written), ST_IO);
}

static void calibration_takes_rows_until_full(void **state)
{
    (void)state;
    static struct calibration_side side;
    for (int k = 0; k < CALIBRATION_ROWS_MAX; k++) {
        assert_int_equal(calibration_put(&side, 915e6 - 1e3 * k, 0.0, 0.0), 0);
    }
    assert_int_equal(calibration_put(&side, 916e6, 0.0, 0.0), ST_FULL);
    assert_int_equal(calibration_put(&side, 915e6, 0.0, 1.0), 0);
    assert_int_equal(calibration_put(&side, 915e6, 0.0, NAN), ST_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibration_reads_rows_in_any_order),
        cmocka_unit_test(calibration_interpolates_between_rows),
        cmocka_unit_test(calibration_does_not_guess_outside),
        cmocka_unit_test(calibration_refuses_with_line_and_range),
        cmocka_unit_test(calibration_writes_what_it_reads),
        cmocka_unit_test(calibration_takes_rows_until_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
