/* probe_inventory.c - short runs of the reader itself, counted instead of published. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/log.h"
#include "config/units.h"
#include "reader/probe.h"
#include "reader/run.h"

#define TRY_S 0.25 /* of a point of the grid */
#define HEADROOM_LEAST_DB 3.0
#define ALIKE_RATIO 0.95    /* of the reads: then Eb/N0 decides */
#define LEAD_LEAST_US 100.0 /* tried */
#define LEAD_MOST_US 100e3
#define LEAD_UP 4.0
#define LEAD_DOWN 0.5
#define LEAD_TRIAL_S 0.15
enum { TRIES_A_ROW = 2 };

/* What the reader warns of while it runs, the report says better. */
static void keep_errors(enum log_level level, const char *line)
{
    if (level == LOG_ERROR) {
        fprintf(stderr, "zpreader: error: %s\n", line);
    }
}

static int inventory(struct probe *probe, double rx_gain_db, double tx_gain_db, double duration_s,
                     struct publish_tally *tally)
{
    struct reader_cfg cfg = probe->run;
    cfg.radio.freq_hz = probe_next_freq_hz(probe);
    cfg.radio.rx_gain_db = rx_gain_db;
    cfg.radio.tx_gain_db = tx_gain_db;
    cfg.run.duration_s = duration_s;
    cfg.publish.tally = tally;
    cfg.publish.json = cfg.publish.live_view = cfg.publish.zmq_enabled = false;
    cfg.run.record_base[0] = '\0';
    publish_tally_init(tally);
    log_set_sink(keep_errors);
    int exit_status = run_reader(&cfg, probe->options);
    log_set_sink(NULL);
    return exit_status;
}

static double median_snr_db(const struct publish_tally *tally)
{
    return tally->n_decoded == 0
               ? NAN
               : units_db_from_power_ratio(stats_percentile(&tally->snr_ratio, 0.5));
}

static bool is_worth_trying(const struct probe_point *point)
{
    return point->clipped_ratio == 0.0 && point->headroom_db >= HEADROOM_LEAST_DB;
}

static bool is_better(const struct probe_point *a, const struct probe_point *b)
{
    bool alike =
        fmin(a->reads_per_s, b->reads_per_s) >= ALIKE_RATIO * fmax(a->reads_per_s, b->reads_per_s);
    return alike ? a->snr_db > b->snr_db : a->reads_per_s > b->reads_per_s;
}

/* The grid's points are in rows of rising receive gain, one row a transmit gain: in each the highest
 * gains that leave headroom are the likeliest. */
static int grid_try(struct probe *probe)
{
    int n_tries = 0, exit_status = 0;
    static struct publish_tally tally;
    for (size_t k = probe->n_points; k > 0; k--) {
        struct probe_point *point = &probe->point[k - 1];
        bool new_row = k == probe->n_points || point->tx_gain_db != probe->point[k].tx_gain_db;
        n_tries = new_row ? 0 : n_tries;
        if (!is_worth_trying(point) || n_tries == TRIES_A_ROW) {
            continue;
        }
        exit_status = inventory(probe, point->rx_gain_db, point->tx_gain_db, TRY_S, &tally);
        if (exit_status || run_interrupted()) {
            return exit_status;
        }
        n_tries++;
        point->is_tried = true;
        point->reads_per_s = tally.total.reads_per_s;
        point->n_unique = tally.total.unique;
        point->snr_db = median_snr_db(&tally);
        if (point->reads_per_s > 0.0 && (probe->best_point == probe->n_points ||
                                         is_better(point, &probe->point[probe->best_point]))) {
            probe->best_point = k - 1;
        }
    }
    return exit_status;
}

int probe_inventories(struct probe *probe)
{
    probe->best_point = probe->n_points;
    int exit_status = inventory(probe, probe->run.radio.rx_gain_db, probe->run.radio.tx_gain_db,
                                probe->cfg.inventory_s, &probe->tally);
    if (exit_status == 0 && !run_interrupted() && probe->cfg.gain_grid) {
        exit_status = grid_try(probe);
    }
    return exit_status;
}

/* A carrier with this lead.   out n_lost: underflows and late packets; the script's round trip */
static enum status lead_try(struct probe *probe, double lead_us, struct probe_script *script,
                            uint64_t *n_lost)
{
    struct radio_cfg cfg = probe->run.radio;
    struct radio *radio = NULL;
    cfg.tx_lead_us = lead_us;
    cfg.freq_hz = probe_next_freq_hz(probe);
    *script = (struct probe_script){0};
    int64_t n = (int64_t)(LEAD_TRIAL_S * probe->rate_sps);
    probe_script_add(script, PROBE_CARRIER, n, n / 8);
    probe_script_add(script, PROBE_OFF, n / 8, n / 8);
    enum status status = probe_open(probe, &cfg, &radio);
    status = status ? status : probe_script_run(script, radio, &probe->run.tx);
    *n_lost = script->counters.underflows + script->counters.late;
    radio_close(&radio);
    probe_script_free(script);
    return status;
}

/* From the lead in force up until one loses nothing: only a lead that works tells what the way through
 * the host takes. Where the first one works, down as far as that goes. */
enum status probe_leads(struct probe *probe)
{
    static struct probe_script script;
    double lead_us = probe->run.radio.tx_lead_us;
    uint64_t n_lost = 1;
    enum status status = ST_OK;
    probe->tx_lead_least_us = NAN;
    if (!probe->real_time) {
        return ST_OK;
    }
    for (; n_lost > 0 && !status && lead_us <= LEAD_MOST_US; lead_us *= LEAD_UP) {
        status = lead_try(probe, lead_us, &script, &n_lost);
        probe->round_trip_us = script.round_trip_us;
        probe->tx_lead_least_us = n_lost > 0 ? NAN : lead_us;
    }
    bool down = probe->tx_lead_least_us == probe->run.radio.tx_lead_us && probe->cfg.least_lead;
    for (lead_us = probe->run.radio.tx_lead_us * LEAD_DOWN;
         down && !status && lead_us >= LEAD_LEAST_US; lead_us *= LEAD_DOWN) {
        status = lead_try(probe, lead_us, &script, &n_lost);
        down = n_lost == 0;
        probe->tx_lead_least_us = down ? lead_us : probe->tx_lead_least_us;
    }
    return status;
}
