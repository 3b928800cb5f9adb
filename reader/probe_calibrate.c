/* probe_calibrate.c - what the gains mean in dBm: power-meter readings for the transmitter, a generator
 * of known power for the receiver, into the table of calibration.h. */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/log.h"
#include "config/option.h"
#include "reader/calibration.h"
#include "reader/json_text.h"
#include "reader/probe.h"
#include "reader/run.h"

#define GAIN_STEP_DB 10.0
#define SETTLE_S 40e-3
#define LEVEL_S 10e-3
#define HOLD_S 600.0                /* a carrier nobody takes a reading of ends by itself */
#define INPUT_OVER_NOISE_DB (-10.0) /* a line 20 dB out of the noise's own spectrum */
enum { GAINS_MAX = 10, JSON_MAX = 512 };

static double table_gain(const struct radio_about *about, int index, bool is_rx)
{
    return is_rx ? about->rx_gain_min_db + index * GAIN_STEP_DB
                 : about->tx_gain_db - index * GAIN_STEP_DB;
}

static void tell_row(const struct probe *probe, const char *side, double gain_db, double dbm)
{
    if (!probe->run.run.json) {
        printf("  %s  %.6f MHz  gain %5.1f dB: %7.2f dBm at full scale\n", side,
               1e-6 * probe->freq_hz, gain_db, dbm);
    } else {
        char text[JSON_MAX];
        struct json_text json;
        json_text_init(&json, text, sizeof text);
        json_text_open(&json, NULL);
        json_text_count(&json, "v", 1);
        json_text_string(&json, "type", "measurement");
        json_text_string(&json, "name", "calibration");
        json_text_string(&json, "side", side);
        json_text_number(&json, "freq_hz", probe->freq_hz, 1);
        json_text_number(&json, "gain_db", gain_db, 2);
        json_text_number(&json, "dbm", dbm, 2);
        json_text_close(&json);
        puts(text);
    }
    fflush(stdout);
}

/* ---- the file ---- */

static enum status table_open(const struct probe *probe, struct calibration *table)
{
    const struct radio_about *about = &probe->about;
    memset(table, 0, sizeof *table);
    if (access(probe->cfg.calibrate, F_OK) == 0) {
        enum status status = calibration_read(probe->cfg.calibrate, table);
        if (status) {
            return status;
        }
    }
    if (table->device[0] && about->serial[0] && !strstr(table->device, about->serial)) {
        return status_fail(ST_USAGE,
                           "probe.calibrate %s is of '%.80s', this radio's serial is '%.40s': "
                           "another file for this radio",
                           probe->cfg.calibrate, table->device, about->serial);
    }
    if (!table->device[0] && about->serial[0]) {
        snprintf(table->device, sizeof table->device, "type=%.60s,serial=%.60s", about->model,
                 about->serial);
    }
    return ST_OK;
}

/* ---- receiver ---- */

/* The generator's level at every receive gain that neither clips nor buries it. */
static enum status rows_from_input(struct probe *probe, struct calibration *table, size_t *n_rows)
{
    struct probe_script *script = &probe->script;
    struct radio *radio = NULL;
    int64_t settle = (int64_t)(SETTLE_S * probe->rate_sps);
    int64_t n = (int64_t)(LEVEL_S * probe->rate_sps);
    int n_gains = 0;
    for (; n_gains < GAINS_MAX &&
           table_gain(&probe->about, n_gains, true) <= probe->about.rx_gain_max_db;
         n_gains++) {
        struct probe_segment *segment = probe_script_add(script, PROBE_OFF, n, settle);
        segment->has_setting = true;
        segment->setting.rx_gain_db = table_gain(&probe->about, n_gains, true);
    }
    enum status status = probe_open(probe, &probe->run.radio, &radio);
    status = status ? status : probe_script_run(script, radio, &probe->run.tx);
    radio_close(&radio);
    for (int k = 0; k < n_gains && !status; k++) {
        struct probe_levels levels;
        status = probe_levels(script->segment[k].capture[0], (size_t)n, probe->rate_sps, &levels);
        double level_dbfs = fmax(levels.constant_dbfs, levels.line_dbfs); /* NaN gives way */
        if (status || levels.clipped_ratio > 0.0 ||
            level_dbfs < levels.noise_dbfs + INPUT_OVER_NOISE_DB) {
            continue;
        }
        double gain_db = table_gain(&probe->about, k, true);
        double dbm = probe->cfg.input_dbm - level_dbfs;
        status = calibration_put(&table->rx, probe->freq_hz, gain_db, dbm);
        tell_row(probe, "rx", gain_db, dbm);
        (*n_rows)++;
    }
    probe_script_free(script);
    return status;
}

/* ---- transmitter ---- */

/* A reading is of the carrier as it is sent; the table speaks of a full-scale one. */
static enum status row_from_meter(struct probe *probe, struct calibration *table, double gain_db,
                                  double meter_dbm, size_t *n_rows)
{
    double dbm = meter_dbm - 20.0 * log10(probe->run.tx.amplitude);
    enum status status = calibration_put(&table->tx, probe->freq_hz, gain_db, dbm);
    if (!status) {
        tell_row(probe, "tx", gain_db, dbm);
        (*n_rows)++;
    }
    return status;
}

static bool line_is_there(void *context)
{
    (void)context;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

/* Carrier on at this gain until the user has typed a line.   out line, "q" at the end of the input */
static enum status carrier_until_line(struct probe *probe, double gain_db, char line[64])
{
    struct probe_script *script = &probe->script;
    struct radio_cfg cfg = probe->run.radio;
    struct radio *radio = NULL;
    cfg.tx_gain_db = gain_db;
    script->enough = line_is_there;
    probe_script_add(script, PROBE_CARRIER, 1, (int64_t)(HOLD_S * probe->rate_sps));
    probe_script_add(script, PROBE_OFF, 1, 0);
    enum status status = probe_open(probe, &cfg, &radio);
    status = status ? status : probe_script_run(script, radio, &probe->run.tx);
    radio_close(&radio); /* carrier off */
    probe_script_free(script);
    script->enough = NULL;
    if (!status && (!line_is_there(NULL) || !fgets(line, 64, stdin))) {
        snprintf(line, 64, "q");
    }
    line[strcspn(line, "\r\n")] = '\0';
    return status;
}

static enum status rows_from_user(struct probe *probe, struct calibration *table, size_t *n_rows)
{
    enum status status = ST_OK;
    setvbuf(stdin, NULL, _IONBF, 0); /* a line read ahead would hide from poll */
    for (int k = 0; k < GAINS_MAX && !status; k++) {
        char line[64] = "";
        double gain_db = table_gain(&probe->about, k, false), meter_dbm = 0.0;
        if (gain_db < probe->about.tx_gain_min_db) {
            break;
        }
        log_info("carrier on at %g dB of transmit gain: type what the power meter reads (dBm); an "
                 "empty line leaves this gain out, q ends",
                 gain_db);
        status = carrier_until_line(probe, gain_db, line);
        if (status || line[0] == 'q') {
            break;
        }
        if (line[0] == '\0') {
            continue;
        }
        if (option_parse_number(line, &meter_dbm) != ST_OK) {
            log_warning("'%s' is no number: the same gain again", line);
            k--;
            continue;
        }
        status = row_from_meter(probe, table, gain_db, meter_dbm, n_rows);
    }
    return status;
}

enum status probe_calibrate(struct probe *probe)
{
    static struct calibration table;
    size_t n_rows = 0;
    struct radio *radio = NULL;
    enum status status = probe_open(probe, &probe->run.radio, &radio);
    status = status ? status : probe_describe(probe, radio);
    radio_close(&radio);
    if (!status && (!probe->has_about || isnan(probe->about.tx_gain_db) ||
                    isnan(probe->about.rx_gain_min_db) || isnan(probe->freq_hz))) {
        return status_fail(ST_UNSUPPORTED, "this radio does not tell its gains: nothing to "
                                           "calibrate");
    }
    status = status ? status : table_open(probe, &table);
    if (!status && isfinite(probe->cfg.input_dbm)) {
        status = rows_from_input(probe, &table, &n_rows);
    }
    if (!status && isfinite(probe->cfg.meter_dbm)) {
        status =
            row_from_meter(probe, &table, probe->about.tx_gain_db, probe->cfg.meter_dbm, &n_rows);
    }
    if (!status && isnan(probe->cfg.meter_dbm) && isnan(probe->cfg.input_dbm)) {
        status = rows_from_user(probe, &table, &n_rows);
    }
    if (status) {
        return status;
    }
    if (n_rows == 0) {
        return status_fail(ST_NOT_FOUND, "nothing was measured: probe.calibrate %s is as it was",
                           probe->cfg.calibrate);
    }
    status = calibration_write(probe->cfg.calibrate, &table);
    if (!status) {
        log_info("%zu rows in %s; use it with --radio.calibration %s", n_rows, probe->cfg.calibrate,
                 probe->cfg.calibrate);
    }
    return status;
}
