/* probe_measure.c - the script of a probe, and what its samples say. */
#include <math.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"
#include "reader/probe.h"
#include "reader/probe_delay.h"

/* On a device a setting takes its time, and stays in the stream as long again. */
#define SETTLE_S 2e-3
#define SETTLE_REAL_TIME_S 30e-3
#define LEVEL_S 12e-3
#define GRID_S 4e-3
#define TONE_MAX_HZ 50e3
#define CODE_CHIP_HZ 500e3 /* a code faster than this would leave the channel */
#define CODE_CHIP_TICKS 8
#define CODE_AHEAD_S 1e-3
#define CODE_AFTER_S 4e-3
#define QUERIES 48
#define QUERY_GAP_TPRI 30.0
#define GRID_STEP_DB 10.0
#define GRID_STEPS 3 /* to either side */
#define LEVEL_SAMPLES_MIN 6000

struct places { /* of the script's segments */
    size_t off, carrier, tone, code, ports, queries;
};

static int64_t samples_of(const struct probe *probe, double s)
{
    int64_t n = (int64_t)(s * probe->rate_sps);
    return n > LEVEL_SAMPLES_MIN ? n : LEVEL_SAMPLES_MIN;
}

static int64_t settle_of(const struct probe *probe)
{
    double s = probe->real_time ? SETTLE_REAL_TIME_S : SETTLE_S;
    return (int64_t)((s + 4e-6 * probe->run.tx.ramp_us) * probe->rate_sps);
}

double probe_next_freq_hz(struct probe *probe)
{
    const struct hop_cfg *schedule = &probe->plan.schedule;
    if (!probe->plan.hops) {
        return probe->run.radio.freq_hz;
    }
    size_t k = schedule->first_channel + probe->n_channels_used++;
    return schedule->channel_hz[k % schedule->n_channels];
}

enum status probe_open(struct probe *probe, const struct radio_cfg *cfg, struct radio **radio)
{
    enum status status = radio_open(cfg, probe->options, radio);
    if (!status) {
        status = plan_fit(&probe->plan, *radio);
        probe->refused = status != ST_OK;
    }
    if (status) {
        radio_close(radio);
    }
    return status;
}

/* Channels change while the carrier is off. */
static struct probe_segment *add(struct probe *probe, enum probe_wave wave, double s)
{
    struct probe_segment *segment =
        probe_script_add(&probe->script, wave, samples_of(probe, s), settle_of(probe));
    if (wave == PROBE_OFF && probe->plan.hops) {
        segment->has_setting = true;
        segment->setting.freq_hz = probe_next_freq_hz(probe);
    }
    return segment;
}

static void gains_set(struct probe_segment *segment, double rx_gain_db, double tx_gain_db)
{
    segment->has_setting = true;
    segment->setting.rx_gain_db = rx_gain_db;
    segment->setting.tx_gain_db = tx_gain_db;
}

static void add_tone(struct probe *probe)
{
    int64_t period = 16;
    while ((double)period * TONE_MAX_HZ < probe->rate_sps) {
        period *= 2;
    }
    probe->tone_hz = probe->rate_sps / (double)period;
    probe->script.tone_hz = probe->tone_hz;
    int64_t settle = settle_of(probe) / period * period;
    probe_script_add(&probe->script, PROBE_TONE, samples_of(probe, GRID_S) / period * period,
                     settle);
}

static void add_code(struct probe *probe)
{
    struct probe_script *script = &probe->script;
    script->code_chip_ticks = (int64_t)(probe->rate_sps / CODE_CHIP_HZ);
    if (script->code_chip_ticks < CODE_CHIP_TICKS) {
        script->code_chip_ticks = CODE_CHIP_TICKS;
    }
    script->code_ahead_ticks = (int64_t)(CODE_AHEAD_S * probe->rate_sps);
    int64_t n = script->code_ahead_ticks + probe_delay_length(script->code_chip_ticks) +
                (int64_t)(CODE_AFTER_S * probe->rate_sps);
    probe_script_add(script, PROBE_CODE, n, settle_of(probe));
}

static void add_queries(struct probe *probe)
{
    struct probe_script *script = &probe->script;
    const struct link *link = &probe->link;
    static const uint8_t most[22] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                     1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double us = link_command_us(link, most, sizeof most, true) + link->t1_max_us +
                2.0 * link_reply_us(link, 16, link->trext) + QUERY_GAP_TPRI * link->tpri_us;
    script->link = *link;
    script->query_n = QUERIES;
    script->query_ticks = (int64_t)(us * 1e-6 * probe->rate_sps) + 2048;
    probe_script_add(script, PROBE_QUERIES, (QUERIES + 1) * script->query_ticks, settle_of(probe));
}

/* One row of the grid: all receive gains at one transmit gain. */
static void add_row(struct probe *probe, double tx_gain_db)
{
    const struct radio_about *about = &probe->about;
    for (int k = -GRID_STEPS; k <= GRID_STEPS; k++) {
        double rx_gain_db = about->rx_gain_db + k * GRID_STEP_DB;
        if (rx_gain_db < about->rx_gain_min_db || rx_gain_db > about->rx_gain_max_db ||
            probe->n_points == PROBE_POINTS_MAX) {
            continue;
        }
        struct probe_point *point = &probe->point[probe->n_points++];
        *point = (struct probe_point){
            .rx_gain_db = rx_gain_db, .tx_gain_db = tx_gain_db, .reads_per_s = NAN, .snr_db = NAN};
        point->off_segment = probe->script.n_segments;
        gains_set(add(probe, PROBE_OFF, GRID_S), rx_gain_db, tx_gain_db);
        point->on_segment = probe->script.n_segments;
        add(probe, PROBE_CARRIER, GRID_S);
    }
}

static void add_grid(struct probe *probe)
{
    const struct radio_about *about = &probe->about;
    if (!probe->has_about || isnan(about->rx_gain_db) || isnan(about->tx_gain_db)) {
        return;
    }
    add_row(probe, about->tx_gain_db);
    /* never above the gain the user stands for */
    if (about->tx_gain_db - GRID_STEP_DB >= about->tx_gain_min_db) {
        add_row(probe, about->tx_gain_db - GRID_STEP_DB);
    }
    gains_set(add(probe, PROBE_OFF, GRID_S), about->rx_gain_db, about->tx_gain_db);
}

/* Our carrier on every other receive port, then back. */
static void add_ports(struct probe *probe)
{
    const struct radio_about *about = &probe->about;
    for (size_t k = 0; probe->has_about && k < RADIO_NAMES_MAX && about->rx_antennas[k][0]; k++) {
        if (strcmp(about->rx_antennas[k], about->rx_antenna) == 0) {
            continue;
        }
        memcpy(probe->port[probe->n_ports++], about->rx_antennas[k], sizeof *probe->port);
        struct probe_segment *segment = add(probe, PROBE_CARRIER, GRID_S);
        segment->has_setting = true;
        snprintf(segment->setting.rx_antenna, sizeof segment->setting.rx_antenna, "%s",
                 about->rx_antennas[k]);
    }
    if (probe->n_ports > 0) {
        struct probe_segment *segment = add(probe, PROBE_OFF, GRID_S);
        segment->has_setting = true;
        snprintf(segment->setting.rx_antenna, sizeof segment->setting.rx_antenna, "%s",
                 about->rx_antenna);
    }
}

static struct places script_make(struct probe *probe)
{
    struct probe_script *script = &probe->script;
    struct places at = {.off = 0};
    add(probe, PROBE_OFF, LEVEL_S);
    at.carrier = script->n_segments;
    add(probe, PROBE_CARRIER, LEVEL_S);
    at.tone = script->n_segments;
    add_tone(probe);
    at.code = script->n_segments;
    add_code(probe);
    if (probe->cfg.gain_grid) {
        add_grid(probe);
    }
    at.ports = script->n_segments;
    add_ports(probe);
    at.queries = script->n_segments;
    add_queries(probe);
    probe_script_add(script, PROBE_OFF, LEVEL_SAMPLES_MIN, settle_of(probe));
    return at;
}

/* ---- what came back ---- */

static double leak_dbfs(const struct probe_levels *on, const struct probe_levels *off)
{
    float _Complex leak = on->mean - off->mean;
    double re = crealf(leak), im = cimagf(leak);
    return fmax(units_db_from_power_ratio(re * re + im * im), -200.0);
}

static enum status levels_of(const struct probe *probe, size_t segment, struct probe_levels *levels)
{
    const struct probe_segment *from = &probe->script.segment[segment];
    return probe_levels(from->capture[0], (size_t)from->n_samples, probe->rate_sps, levels);
}

static enum status points_read(struct probe *probe)
{
    enum status status = ST_OK;
    for (size_t k = 0; k < probe->n_points && !status; k++) {
        struct probe_point *point = &probe->point[k];
        struct probe_levels off, on;
        status = levels_of(probe, point->off_segment, &off);
        status = status ? status : levels_of(probe, point->on_segment, &on);
        if (!status) {
            point->noise_dbfs = off.noise_dbfs;
            point->leak_dbfs = leak_dbfs(&on, &off);
            point->headroom_db = on.headroom_db;
            point->clipped_ratio = on.clipped_ratio;
        }
    }
    return status;
}

static enum status segments_read(struct probe *probe, const struct places *at)
{
    const struct probe_segment *tone = &probe->script.segment[at->tone];
    const struct probe_segment *code = &probe->script.segment[at->code];
    enum status status = levels_of(probe, at->off, &probe->off);
    status = status ? status : levels_of(probe, at->carrier, &probe->on);
    status = status ? status : points_read(probe);
    probe_channels_compare(probe, &probe->script.segment[at->off],
                           &probe->script.segment[at->carrier], probe->about.rx_subdev);
    for (size_t k = 0; k < probe->n_ports && !status; k++) {
        struct probe_levels port;
        status = levels_of(probe, at->ports + k, &port);
        probe->port_leak_dbfs[k] = leak_dbfs(&port, &probe->off);
    }
    if (status) {
        return status;
    }
    probe->image_db =
        probe_image_db(tone->capture[0], (size_t)tone->n_samples, probe->tone_hz, probe->rate_sps);
    probe->delay_samples =
        probe_delay_find(code->capture[0], (size_t)code->n_samples, probe->script.code_ahead_ticks,
                         probe->script.code_chip_ticks);
    probe->tx_dbfs = 20.0 * log10(probe->run.tx.amplitude);
    return probe_replies_find(&probe->script, &probe->script.segment[at->queries],
                              &probe->run.receiver, probe->rate_sps, &probe->replies);
}

enum status probe_describe(struct probe *probe, struct radio *radio)
{
    enum status status = radio_describe(radio, &probe->about);
    probe->has_about = status == ST_OK;
    probe->rate_sps = radio_rate_sps(radio);
    probe->freq_hz = radio_freq_hz(radio);
    return status == ST_UNSUPPORTED ? ST_OK : status;
}

/* One opening of the radio.   out n_losses: samples missed on either way */
static enum status measure_once(struct probe *probe, bool tell, uint64_t *n_losses)
{
    struct radio *radio = NULL;
    struct radio_cfg cfg = probe->run.radio;
    cfg.tx_lead_us = fmax(cfg.tx_lead_us, PROBE_LEAD_SAFE_US); /* timing is measured on its own */
    probe->script = (struct probe_script){0};
    probe->n_points = probe->n_ports = 0;
    enum status status = probe_open(probe, &cfg, &radio);
    status = status ? status : probe_describe(probe, radio);
    if (!status) {
        if (tell) {
            probe_tell_radio(probe);
        }
        const struct places at = script_make(probe);
        status = probe_script_run(&probe->script, radio, &probe->run.tx);
        *n_losses = probe_script_losses(&probe->script);
        radio_close(&radio); /* carrier off before the figures are worked out */
        status = status ? status : segments_read(probe, &at);
    }
    radio_close(&radio);
    probe_script_free(&probe->script);
    return status;
}

enum status probe_measure(struct probe *probe)
{
    enum status status = ST_OK;
    probe->n_losses = 1;
    for (int k = 0; k < PROBE_TRIES && probe->n_losses > 0 && !status; k++) {
        status = measure_once(probe, k == 0, &probe->n_losses);
    }
    return status;
}
