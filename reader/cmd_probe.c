/* cmd_probe.c - what is wrong with the set-up: looks for radios, measures the one in use, says what
 * it found. */
#include <math.h>
#include <string.h>

#include "config/log.h"
#include "reader/dry_run.h"
#include "reader/probe.h"
#include "reader/probe_options.h"
#include "reader/run.h"

static const struct option_row probe_rows[] = {
    {.key = "probe.inventory_s",
     .kind = OPTION_NUMBER,
     .unit = "s",
     .fallback = "1",
     .min = 0.1,
     .max = 60,
     .offset = offsetof(struct probe_cfg, inventory_s),
     .meaning = "length of probe's short inventory"},
    {.key = "probe.gain_grid",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .offset = offsetof(struct probe_cfg, gain_grid),
     .meaning = "try other gains too; transmit gain never above the one in force"},
    {.key = "probe.least_lead",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .offset = offsetof(struct probe_cfg, least_lead),
     .meaning = "real-time radios: look for the least radio.tx_lead_us that loses nothing"},
    {.key = "probe.calibrate",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct probe_cfg, calibrate),
     .meaning = "write (or add to) this calibration table instead of probing",
     .shorthand = "calibrate"},
    {.key = "probe.meter_dbm",
     .kind = OPTION_NUMBER,
     .unit = "dBm",
     .fallback = "",
     .min = -150,
     .max = 60,
     .offset = offsetof(struct probe_cfg, meter_dbm),
     .meaning =
         "calibrate: what a power meter at the transmit connector read with the carrier on at "
         "this frequency and gain; unset: it is asked for, carrier on, gain by gain"},
    {.key = "probe.input_dbm",
     .kind = OPTION_NUMBER,
     .unit = "dBm",
     .fallback = "",
     .min = -150,
     .max = 20,
     .offset = offsetof(struct probe_cfg, input_dbm),
     .meaning = "calibrate: power of an unmodulated carrier put into the receive connector"},
    {.key = "probe.list",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "true",
     .offset = offsetof(struct probe_cfg, list),
     .meaning = "look for all radios of this host and its network"},
};

const struct option_table probe_options = {
    .title = "probe", .rows = probe_rows, .n_rows = sizeof probe_rows / sizeof *probe_rows};

static enum status set_up(struct probe *probe)
{
    struct reader_cfg *cfg = &probe->run;
    const struct radio_ops *ops = radio_table[cfg->radio.kind];
    probe->real_time = ops->real_time;
    probe->image_db = probe->delay_samples = probe->tx_dbfs = probe->tx_lead_least_us = NAN;
    diagnose_view_init(&probe->view);
    enum status status = link_make(&cfg->link, &probe->link);
    if (!status && !ops->can_transmit) {
        return status_fail(ST_USAGE, "radio '%s' cannot transmit: nothing to probe", ops->name);
    }
    if (isnan(cfg->radio.rate_sps)) {
        cfg->radio.rate_sps = reader_rate_for(probe->link.blf_hz);
    }
    cfg->radio.block_hint_us = fmin(50.0, 3.0 * probe->link.tpri_us);
    return status;
}

/* A carrier that may not be sent is a finding, and an error as for every other sub-command. */
static int refuse(struct probe *probe, enum status status)
{
    snprintf(probe->view.refusal, sizeof probe->view.refusal, "%.200s", status_detail());
    probe_tell_findings(probe);
    return run_exit_status(status);
}

/* So is a radio that fails; a bad option is not. */
static int fail(struct probe *probe, enum status status)
{
    int exit_status = run_exit_status(status);
    if (exit_status == 1) {
        snprintf(probe->view.failure, sizeof probe->view.failure, "%.200s", status_detail());
        probe_tell_findings(probe);
    }
    return exit_status;
}

/* Everything that goes on the air, in turn; the worst comes last in the report all the same. */
static int probe_run(struct probe *probe)
{
    enum status status = probe_measure(probe);
    status = status ? status : probe_channels(probe);
    status = status ? status : probe_leads(probe);
    if (status == ST_STOPPED) {
        return 0;
    }
    if (status) {
        return probe->refused ? refuse(probe, status) : fail(probe, status);
    }
    /* a far end behind a stream would have to begin anew with each opening: one must do */
    int exit_status = probe->has_about ? probe_inventories(probe) : 0;
    if (exit_status || run_interrupted()) {
        return exit_status;
    }
    probe_view_fill(probe);
    probe_tell_measured(probe);
    probe_tell_grid(probe);
    probe_tell_links(probe);
    probe_tell_replies(probe);
    if (probe->has_about) {
        probe_tell_inventory(probe);
    }
    probe_tell_findings(probe);
    return 0;
}

static int calibrate(struct probe *probe)
{
    enum status status = probe_calibrate(probe);
    return status == ST_STOPPED ? 0 : run_exit_status(status);
}

int cmd_probe(struct option_set *options, int n_arguments, char **arguments)
{
    if (n_arguments > 0) {
        log_error("probe takes no arguments, '%s' is one", arguments[0]);
        return 2;
    }
    static struct probe probe;
    memset(&probe, 0, sizeof probe);
    probe.options = options;
    option_fill(options, &probe_options, &probe.cfg);
    run_cfg_fill(options, READER_INVENTORY, &probe.run);
    enum status status = set_up(&probe);
    if (status) {
        return run_exit_status(status);
    }
    if (probe.run.run.dry_run) {
        return run_exit_status(dry_run(&probe.run, stdout));
    }
    if (probe.cfg.list && !probe.cfg.calibrate[0]) {
        probe_tell_radios(&probe);
    }
    status = plan_make(&probe.run.plan, probe.run.run.region, probe.run.tx.amplitude,
                       &probe.run.radio, &probe.plan);
    if (status) {
        return refuse(&probe, status);
    }
    return probe.cfg.calibrate[0] ? calibrate(&probe) : probe_run(&probe);
}
