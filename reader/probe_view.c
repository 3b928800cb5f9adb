/* probe_view.c - what a probe measured, as the rules of diagnose.h want it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reader/probe.h"

#define HEADROOM_WANTED_DB 6.0
#define OFF_REPLIES_MIN 2
#define IMAGE_BAND_DB 25.0 /* of 8000 samples: 39 dB, less what chance may add */

/* The grid's row at the transmit gain in force. */
static bool in_row(const struct probe *probe, size_t k)
{
    return probe->point[k].tx_gain_db == probe->about.tx_gain_db;
}

static void fill_grid(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    for (size_t k = 0; k < probe->n_points && in_row(probe, k); k++) {
        const struct probe_point *point = &probe->point[k];
        if (point->clipped_ratio == 0.0) { /* rows rise: the last one without clipping stays */
            double rx_gain_db = point->rx_gain_db + point->headroom_db - HEADROOM_WANTED_DB;
            view->clipped_down_db = ceil(fmax(probe->about.rx_gain_db - rx_gain_db, 1.0));
        }
        bool next = k + 1 < probe->n_points && in_row(probe, k + 1);
        if (next && (point->rx_gain_db <= probe->about.rx_gain_db)) {
            const struct probe_point *above = &probe->point[k + 1];
            view->noise_follows_db = 10.0 * (above->noise_dbfs - point->noise_dbfs) /
                                     (above->rx_gain_db - point->rx_gain_db);
        }
    }
    if (probe->n_points > 0 && isnan(view->clipped_down_db)) { /* clips even at the least tried */
        view->clipped_down_db =
            probe->about.rx_gain_db - probe->point[0].rx_gain_db + 2.0 * HEADROOM_WANTED_DB;
    }
}

static void fill_ports(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    for (size_t k = 0; k < probe->n_ports; k++) {
        double better_db = probe->port_leak_dbfs[k] - view->leak_dbfs;
        if (isnan(view->better_port_db) || better_db > view->better_port_db) {
            view->better_port_db = better_db;
            snprintf(view->better_port, sizeof view->better_port, "%s", probe->port[k]);
        }
    }
}

/* The one in use is the first of those asked for. */
static void fill_channels(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    view->rx_subdev[strcspn(view->rx_subdev, " ")] = '\0';
    double in_use_dbfs = NAN;
    for (unsigned c = 0; c < probe->n_channels; c++) {
        if (strcmp(probe->channel[c].name, view->rx_subdev) == 0) {
            in_use_dbfs = probe->channel[c].leak_dbfs;
        }
    }
    for (unsigned c = 0; c < probe->n_channels; c++) {
        const struct probe_channel *channel = &probe->channel[c];
        double better_db = channel->leak_dbfs - in_use_dbfs;
        if (strcmp(channel->name, view->rx_subdev) != 0 &&
            (isnan(view->better_subdev_db) || better_db > view->better_subdev_db)) {
            view->better_subdev_db = better_db;
            snprintf(view->better_subdev, sizeof view->better_subdev, "%s", channel->name);
        }
    }
}

static void fill_about(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    const struct radio_about *about = &probe->about;
    if (!probe->has_about) {
        return;
    }
    view->ref_locked = about->ref_locked;
    view->lo_locked = about->lo_locked;
    snprintf(view->rx_port, sizeof view->rx_port, "%s", about->rx_antenna);
    snprintf(view->rx_subdev, sizeof view->rx_subdev, "%.63s", about->rx_subdev);
    view->tx_gain_db = about->tx_gain_db;
    view->tx_gain_max_db = about->tx_gain_max_db;
    view->rx_gain_db = about->rx_gain_db;
    view->rx_gain_min_db = about->rx_gain_min_db;
    view->rx_gain_max_db = about->rx_gain_max_db;
}

static void fill_timing(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    const struct record_status *total = &probe->tally.total;
    view->real_time = probe->real_time;
    view->delay_samples = probe->delay_samples;
    view->tx_lead_us = probe->real_time ? probe->run.radio.tx_lead_us : NAN;
    view->tx_lead_least_us = probe->tx_lead_least_us;
    if (probe->real_time) {
        view->turnaround_us = total->turnaround_p99_us;
        view->answer_us = stats_percentile(&probe->round_trip_us, 0.99) +
                          (isnan(view->turnaround_us) ? 0.0 : view->turnaround_us);
    } else { /* the stream is the clock: what is set is what it takes */
        view->turnaround_us = reader_turnaround_us(&probe->run.run, &probe->link);
        view->answer_us = view->turnaround_us;
    }
}

static void fill_inventory(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    const struct record_status *total = &probe->tally.total;
    for (int k = 0; k < SLOT_OUTCOME_N; k++) {
        view->outcome[k] = total->slots[k];
        view->n_slots += total->slots[k];
    }
    memcpy(view->cause, total->causes, sizeof view->cause);
    view->n_clipped = total->clipped;
    view->n_late = total->late;
    view->n_reads = total->reads;
    view->overflows = total->overflows;
    view->underflows = total->underflows;
    view->line_slot_hz = probe->tally.line_hz;
    if (probe->tally.n_decoded > 0) {
        view->snr_db = 10.0 * log10(stats_percentile(&probe->tally.snr_ratio, 0.5));
    }
    const struct probe_replies *replies = &probe->replies;
    if (!probe->has_about) { /* no inventory: the plain Queries stand for its slots */
        view->n_slots = replies->n_windows;
        view->outcome[SLOT_EMPTY] = replies->n_silent;
        view->outcome[SLOT_SINGLE] = view->n_reads = replies->n_decoded;
        view->outcome[SLOT_COLLISION] = replies->n_unreadable;
    }
    if (replies->n_off >= OFF_REPLIES_MIN && replies->n_off > replies->n_decoded) {
        view->clock_off_ratio = replies->clock_off_ratio;
    }
}

void probe_view_fill(struct probe *probe)
{
    struct diagnose_view *view = &probe->view;
    float _Complex leak = probe->on.mean - probe->off.mean;
    double re = crealf(leak), im = cimagf(leak);
    view->blf_hz = probe->link.blf_hz;
    view->t2_max_us = probe->link.t2_max_us;
    view->rate_sps = probe->rate_sps;
    view->noise_dbfs = probe->off.noise_dbfs;
    view->dc_dbfs = probe->off.constant_dbfs;
    view->line_dbfs = probe->off.line_dbfs;
    view->line_offset_hz = probe->off.line_offset_hz;
    view->off_clipped_ratio = probe->off.clipped_ratio;
    view->burst_db = probe->off.burst_db;
    view->leak_dbfs = fmax(10.0 * log10(re * re + im * im), -200.0);
    view->headroom_db = probe->on.headroom_db;
    view->clipped_ratio = probe->on.clipped_ratio;
    view->noise_on_dbfs = probe->on.noise_dbfs;
    /* the line of the image must stand out of the noise that falls into its own narrow band */
    bool visible = view->leak_dbfs + probe->image_db > view->noise_dbfs - IMAGE_BAND_DB;
    view->image_db = visible ? probe->image_db : NAN;
    view->n_measure_losses = probe->n_losses;
    fill_about(probe);
    fill_grid(probe);
    fill_ports(probe);
    fill_channels(probe);
    fill_timing(probe);
    fill_inventory(probe);
}
