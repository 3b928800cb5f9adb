/* plan.c - from options, region and radio to a schedule and a power that are allowed. */
#include "reader/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/log.h"
#include "config/require.h"

#define CELL_LEAST_S 0.02 /* of carrier: settling, a Query and a slot of the slowest link */
#define LAB "lab"

static const struct option_row plan_rows[] = {
    {"radio.hop", OPTION_CHOICE, "", "auto", 0, 0, "auto|off|on", offsetof(struct plan_cfg, hop),
     "change channels; auto: where the region asks for it", NULL},
    {"radio.hop_dwell_s", OPTION_NUMBER, "s", "", 0.03, 4.0, NULL,
     offsetof(struct plan_cfg, hop_dwell_s),
     "time on a channel; unset: as long as the region allows", NULL},
    {"radio.hop_settle_us", OPTION_NUMBER, "us", "3000", 1000, 1e6, NULL,
     offsetof(struct plan_cfg, hop_settle_us),
     "carrier off at each change, for the radio to tune (Gen2 6.3.1.2.6: at least 1 ms)", NULL},
    {"radio.hop_seed", OPTION_INT, "", "", 0, 9e15, NULL, offsetof(struct plan_cfg, hop_seed),
     "order of the channels; unset: 1, with uhd another one each run", NULL},
    {"radio.antennas", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct plan_cfg, antennas),
     "antennas taking turns: receive ports, or transmit+receive (\"RX2, TX/RX+RX2\")", NULL},
    {"radio.antenna_dwell_s", OPTION_NUMBER, "s", "0.5", 0.03, 3600, NULL,
     offsetof(struct plan_cfg, antenna_dwell_s), "time on each of radio.antennas", NULL},
    {"radio.calibration", OPTION_TEXT, "", "", 0, 0, NULL, offsetof(struct plan_cfg, calibration),
     "file that 'probe --calibrate' wrote: gains in dBm; empty: not calibrated", NULL},
    {"radio.antenna_gain_dbi", OPTION_NUMBER, "dBi", "", -20, 40, NULL,
     offsetof(struct plan_cfg, antenna_gain_dbi),
     "gain of the transmit antenna; unset: EIRP is unknown", NULL},
    {"radio.cable_loss_db", OPTION_NUMBER, "dB", "0", -60, 60, NULL,
     offsetof(struct plan_cfg, cable_loss_db),
     "between transmit connector and antenna; an amplifier counts negative", NULL},
    {"radio.uncalibrated_backoff_db", OPTION_NUMBER, "dB", "20", 10, 100, NULL,
     offsetof(struct plan_cfg, uncalibrated_backoff_db),
     "with EIRP unknown the transmit gain stays so far below the radio's greatest (not in lab)",
     NULL},
};

const struct option_table plan_options = {"region and power", plan_rows,
                                          sizeof plan_rows / sizeof *plan_rows};

/* ---- antennas ---- */

static enum status antenna_fail(const char *text, const char *reason)
{
    return status_fail(ST_USAGE,
                       "radio.antennas '%.100s': %s, accepted: up to %d of RX or TX+RX, separated "
                       "by commas",
                       text, reason, PLAN_ANTENNAS_MAX);
}

/* One entry, blanks around it taken off. */
static enum status antenna_parse(const char *text, const char *entry, size_t n_chars,
                                 struct plan_antenna *antenna)
{
    while (n_chars > 0 && entry[0] == ' ') {
        entry++;
        n_chars--;
    }
    while (n_chars > 0 && entry[n_chars - 1] == ' ') {
        n_chars--;
    }
    if (n_chars == 0 || n_chars >= sizeof antenna->name) {
        return antenna_fail(text, n_chars ? "a name is longer than 15" : "a name is empty");
    }
    memset(antenna, 0, sizeof *antenna);
    memcpy(antenna->name, entry, n_chars);
    char *plus = strchr(antenna->name, '+');
    if (!plus) {
        memcpy(antenna->rx, antenna->name, n_chars);
        return ST_OK;
    }
    size_t n_tx = (size_t)(plus - antenna->name);
    if (n_tx == 0 || plus[1] == '\0' || strchr(plus + 1, '+')) {
        return antenna_fail(text, "TX+RX takes two names");
    }
    memcpy(antenna->tx, antenna->name, n_tx);
    memcpy(antenna->rx, plus + 1, n_chars - n_tx - 1);
    return ST_OK;
}

static enum status antennas_set(struct plan *plan, struct radio_cfg *radio)
{
    const char *text = plan->cfg.antennas;
    if (text[0] == '\0') {
        plan->n_antennas = 1;
        snprintf(plan->antenna[0].name, sizeof plan->antenna[0].name, "%.15s", radio->antenna);
        return ST_OK;
    }
    if (radio->antenna[0]) {
        return status_fail(ST_USAGE, "radio.antenna and radio.antennas are both set: one of them");
    }
    for (const char *entry = text; entry; plan->n_antennas++) {
        size_t n_chars = strcspn(entry, ",");
        if (plan->n_antennas == PLAN_ANTENNAS_MAX) {
            return antenna_fail(text, "too many");
        }
        enum status status = antenna_parse(text, entry, n_chars, &plan->antenna[plan->n_antennas]);
        if (status) {
            return status;
        }
        entry = entry[n_chars] ? entry + n_chars + 1 : NULL;
    }
    snprintf(radio->antenna, sizeof radio->antenna, "%s", plan->antenna[0].rx);
    return ST_OK;
}

/* ---- channels and times ---- */

/* Dwells of this length keep to the limit in any window: the order of channels repeats, so a
 * channel is on for one dwell of every n_channels. */
static enum status dwell_check(const struct region_plan *region, double dwell_s)
{
    double limit_s = region->dwell_max_s;
    double visits = 1.0;
    if (region->window_s > 0.0) {
        visits = ceil(region->window_s / ((double)region->n_channels * dwell_s) - 1e-9);
    }
    if (visits * dwell_s <= limit_s * (1.0 + 1e-9)) {
        return ST_OK;
    }
    return status_fail(ST_USAGE,
                       "radio.hop_dwell_s is %g s: on one channel for up to %g s, region '%s' "
                       "accepts %g s%s (%s): %g s, or that divided by a whole number",
                       dwell_s, visits * dwell_s, region->name, limit_s,
                       region->window_s > 0.0 ? " in any 20 s" : " at a time", region->time_rule,
                       limit_s);
}

static void seed_set(struct plan *plan, bool real_time)
{
    plan->schedule.seed = plan->cfg.hop_seed == INT64_MIN ? 1 : (uint64_t)plan->cfg.hop_seed;
    if (plan->cfg.hop_seed == INT64_MIN && real_time) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        plan->schedule.seed = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    }
}

static enum status hop_choose(struct plan *plan, const struct radio_ops *ops)
{
    const struct region_plan *region = plan->region;
    plan->hops =
        plan->cfg.hop == PLAN_HOP_ON || (plan->cfg.hop == PLAN_HOP_AUTO && region->must_hop);
    if (plan->hops && region->n_channels == 0) {
        return status_fail(ST_USAGE,
                           "radio.hop is on: region '%s' has no channels, accepted: fcc, "
                           "etsi, etsi-upper, china, japan",
                           region->name);
    }
    if ((plan->hops || plan->n_antennas > 1) && !ops->set) {
        return status_fail(ST_USAGE, "radio '%s' cannot change its %s while it runs%s", ops->name,
                           plan->hops ? "frequency" : "antenna",
                           plan->hops ? ", and hopping needs that: set radio.hop off, or another "
                                        "radio.region (none where the far end is no transmitter)"
                                      : ": leave radio.antennas empty");
    }
    return ST_OK;
}

/* The carrier's channels, the first one nearest to the frequency asked for. */
static void channels_set(struct plan *plan, struct radio_cfg *radio)
{
    const struct region_plan *region = plan->region;
    struct hop_cfg *schedule = &plan->schedule;
    bool free_choice =
        region->n_channels == 0 || (!plan->hops && !isnan(region->fixed_eirp_max_dbm));
    schedule->n_channels = 1;
    schedule->channel_hz[0] = radio->freq_hz;
    if (free_choice) {
        return;
    }
    size_t nearest = isnan(radio->freq_hz) ? 0 : region_nearest_channel(region, radio->freq_hz);
    double channel_hz = region_channel_hz(region, nearest);
    if (!plan->hops && !isnan(radio->freq_hz) && fabs(channel_hz - radio->freq_hz) > 1.0) {
        log_warning("%.6f MHz is no channel of region '%s': the carrier will be on %.4f MHz",
                    radio->freq_hz * 1e-6, region->name, channel_hz * 1e-6);
    }
    radio->freq_hz = channel_hz;
    schedule->channel_hz[0] = channel_hz;
    if (plan->hops) {
        schedule->n_channels = region->n_channels;
        schedule->first_channel = nearest;
        for (size_t k = 0; k < region->n_channels; k++) {
            schedule->channel_hz[k] = region_channel_hz(region, k);
        }
    }
}

static enum status times_set(struct plan *plan)
{
    const struct region_plan *region = plan->region;
    struct hop_cfg *schedule = &plan->schedule;
    double asked_s = plan->cfg.hop_dwell_s;
    schedule->settle_s = plan->cfg.hop_settle_us * 1e-6;
    schedule->n_antennas = plan->n_antennas;
    schedule->antenna_dwell_s = plan->cfg.antenna_dwell_s;
    schedule->dwell_s = INFINITY;
    if (plan->hops) {
        schedule->dwell_s = isnan(asked_s) ? region->dwell_max_s : asked_s;
        enum status status = dwell_check(region, schedule->dwell_s);
        if (status) {
            return status;
        }
    } else if (region->off_s > 0.0) { /* the same channel all the time: on, and off for a while */
        schedule->dwell_s = region->dwell_max_s + region->off_s;
        schedule->pause_s = region->off_s;
    }
    double cell_s = hop_cell_s(schedule);
    if (cell_s < CELL_LEAST_S) {
        return status_fail(ST_USAGE,
                           "%.4g s of carrier are left of each turn after radio.hop_settle_us = %g "
                           "us, at least %g s are needed: longer radio.hop_dwell_s or "
                           "radio.antenna_dwell_s",
                           cell_s, plan->cfg.hop_settle_us, CELL_LEAST_S);
    }
    plan->changes = isfinite(cell_s);
    return ST_OK;
}

/* ---- power ---- */

/* The channel with the most power is the one to judge by; one of which the table says nothing leaves
 * all of it unknown. */
static void eirp_set(struct plan *plan)
{
    const struct hop_cfg *schedule = &plan->schedule;
    for (size_t k = 0; k < schedule->n_channels; k++) {
        struct eirp eirp = {.freq_hz = schedule->channel_hz[k],
                            .tx_gain_db = plan->tx_gain_db,
                            .full_scale_dbm = NAN,
                            .amplitude = plan->amplitude,
                            .cable_loss_db = plan->cfg.cable_loss_db,
                            .antenna_gain_dbi = plan->cfg.antenna_gain_dbi};
        if (plan->has_calibration && !isnan(eirp.freq_hz) && !isnan(eirp.tx_gain_db)) {
            eirp.full_scale_dbm =
                calibration_tx_dbm(&plan->calibration, eirp.freq_hz, eirp.tx_gain_db);
        }
        bool known = !isnan(plan->eirp.full_scale_dbm);
        if (k == 0 || (known && !(eirp.full_scale_dbm <= plan->eirp.full_scale_dbm))) {
            plan->eirp = eirp;
        }
    }
}

static enum status power_check(struct plan *plan)
{
    eirp_set(plan);
    return eirp_check(&plan->eirp, plan->region, !plan->hops);
}

static bool is_lab(const struct plan *plan)
{
    return strcmp(plan->region->name, LAB) == 0;
}

enum status plan_make(const struct plan_cfg *cfg, int region, double amplitude,
                      struct radio_cfg *radio, struct plan *plan)
{
    require(cfg);
    require(radio);
    const struct radio_ops *ops = radio_table[radio->kind];
    memset(plan, 0, sizeof *plan);
    plan->region = region_plan_of(region);
    plan->cfg = *cfg;
    plan->amplitude = amplitude;
    plan->tx_gain_db = radio->tx_gain_db;
    plan->rx_gain_db = radio->rx_gain_db;
    plan->gain_cap_db = NAN;
    enum status status = ST_OK;
    if (ops->real_time || (region != 0 && !isnan(radio->freq_hz))) {
        status = region_check(region, radio->freq_hz);
    }
    status = status ? status : antennas_set(plan, radio);
    status = status ? status : hop_choose(plan, ops);
    if (status) {
        return status;
    }
    channels_set(plan, radio);
    seed_set(plan, ops->real_time);
    status = times_set(plan);
    if (!status && cfg->calibration[0]) {
        status = calibration_read(cfg->calibration, &plan->calibration);
        plan->has_calibration = true;
    }
    if (status) {
        return status;
    }
    eirp_set(plan);
    /* without a gain from the user the radio's own is known only once it is open */
    bool gain_known = !isnan(radio->tx_gain_db) || !plan->has_calibration;
    return (ops->real_time || plan->has_calibration) && gain_known ? power_check(plan) : ST_OK;
}

/* ---- with the radio ---- */

/* Nobody knows what the gain means in dBm: stay well below its end. An amplifier behind the radio
 * counts as much gain more. */
static enum status gain_cap(struct plan *plan, const struct radio_about *about,
                            struct radio_setting *setting)
{
    if (isnan(about->tx_gain_max_db) || isnan(about->tx_gain_db)) {
        return status_fail(ST_UNSUPPORTED,
                           "the radio does not tell its transmit gains, and its EIRP is unknown: "
                           "give radio.calibration and radio.antenna_gain_dbi, or region lab in a "
                           "shielded set-up");
    }
    double cap_db = about->tx_gain_max_db - plan->cfg.uncalibrated_backoff_db +
                    fmin(plan->cfg.cable_loss_db, 0.0);
    plan->gain_cap_db = fmax(cap_db, about->tx_gain_min_db);
    if (about->tx_gain_db > plan->gain_cap_db) {
        log_warning("transmit gain lowered from %g to %g dB: EIRP is unknown without "
                    "radio.calibration and radio.antenna_gain_dbi",
                    about->tx_gain_db, plan->gain_cap_db);
        setting->tx_gain_db = plan->gain_cap_db;
        plan->tx_gain_db = plan->gain_cap_db;
    }
    return ST_OK;
}

static enum status device_check(const struct plan *plan, const struct radio_about *about)
{
    const char *device = plan->calibration.device;
    if (!plan->has_calibration || !device[0] || !about->serial[0] ||
        strstr(device, about->serial)) {
        return ST_OK;
    }
    return status_fail(ST_USAGE,
                       "radio.calibration %s was measured on '%s', this radio's serial is '%s': "
                       "calibrate this one, or empty 'device' in the file",
                       plan->cfg.calibration, device, about->serial);
}

static enum status power_fit(struct plan *plan, const struct radio_about *about, bool real_time,
                             struct radio_setting *setting)
{
    plan->tx_gain_db = isnan(about->tx_gain_db) ? plan->tx_gain_db : about->tx_gain_db;
    plan->rx_gain_db = isnan(about->rx_gain_db) ? plan->rx_gain_db : about->rx_gain_db;
    enum status status = device_check(plan, about);
    if (status || !(real_time || plan->has_calibration)) {
        return status;
    }
    eirp_set(plan);
    if (isnan(eirp_dbm(&plan->eirp)) && real_time && !is_lab(plan)) {
        status = gain_cap(plan, about, setting);
    }
    return status ? status : power_check(plan);
}

void plan_fit_rate(struct plan *plan, double rate_sps)
{
    require(plan);
    plan->schedule.rate_sps = rate_sps;
    hop_init(&plan->hop, &plan->schedule);
}

enum status plan_fit(struct plan *plan, struct radio *radio)
{
    require(plan);
    require(radio);
    const struct radio_ops *ops = radio_ops_of(radio);
    struct radio_about about = {.tx_gain_max_db = NAN, .tx_gain_db = NAN, .rx_gain_db = NAN};
    struct radio_setting setting = {.freq_hz = NAN, .tx_gain_db = NAN, .rx_gain_db = NAN};
    if (isnan(plan->schedule.channel_hz[0])) {
        plan->schedule.channel_hz[0] = radio_freq_hz(radio);
    }
    plan_fit_rate(plan, radio_rate_sps(radio));
    enum status status = ops->describe ? radio_describe(radio, &about) : ST_OK;
    status = status ? status : power_fit(plan, &about, ops->real_time, &setting);
    const struct plan_antenna *first = &plan->antenna[0];
    snprintf(setting.tx_antenna, sizeof setting.tx_antenna, "%s", first->tx);
    if (!status && (first->tx[0] || !isnan(setting.tx_gain_db))) {
        status = radio_set(radio, &setting, 0);
    }
    return status;
}

double plan_rx_dbm(const struct plan *plan, double freq_hz)
{
    require(plan);
    if (!plan->has_calibration || isnan(freq_hz) || isnan(plan->rx_gain_db)) {
        return NAN;
    }
    return calibration_rx_dbm(&plan->calibration, freq_hz, plan->rx_gain_db);
}
