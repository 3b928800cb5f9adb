/* dry_run.c - the plan of a run in words, or as one JSON object. */
#include "reader/dry_run.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "reader/json_text.h"
#include "reader/reader_parts.h"

enum { CHANNELS_A_LINE = 8, JSON_MAX = 8192 };

static double ms_of(const struct reader *r, double ticks)
{
    return ticks * 1e3 / r->rate_sps;
}

/* ---- for people ---- */

static void tell_channels(const struct reader *r, FILE *stream)
{
    const struct plan *plan = &r->plan;
    struct hop_cell cell;
    if (!plan->hops) {
        double freq_hz = plan->schedule.channel_hz[0];
        if (isnan(freq_hz)) {
            fprintf(stream, "carrier     on the radio's own frequency\n");
        } else {
            fprintf(stream, "carrier     on %.4f MHz\n", freq_hz * 1e-6);
        }
        return;
    }
    fprintf(stream, "channels    %zu, in this order (radio.hop_seed %llu), again and again:",
            plan->schedule.n_channels, (unsigned long long)plan->schedule.seed);
    int64_t cells = plan->hop.n_cells;
    for (size_t k = 0; k < plan->schedule.n_channels; k++) {
        hop_cell_at(&plan->hop, (int64_t)k * cells, &cell);
        fprintf(stream, "%s%.4f", k % CHANNELS_A_LINE ? " " : "\n            ",
                cell.freq_hz * 1e-6);
    }
    fprintf(stream, " MHz\n");
}

static void tell_times(const struct reader *r, FILE *stream)
{
    const struct plan *plan = &r->plan;
    const struct region_plan *region = plan->region;
    if (!plan->changes) {
        fprintf(stream, "times       on all the time\n");
        return;
    }
    struct hop_cell cell, next;
    hop_cell_at(&plan->hop, 1, &cell);
    hop_cell_at(&plan->hop, 2, &next);
    fprintf(stream, "times       on for up to %.4g ms, then off for %.4g ms or more\n",
            ms_of(r, (double)(cell.off_tick - cell.on_tick)),
            ms_of(r, (double)(next.on_tick - cell.off_tick)));
    if (isfinite(region->dwell_max_s)) {
        fprintf(stream, "            region '%s' accepts %g s on a channel", region->name,
                region->dwell_max_s);
        if (region->window_s > 0.0) {
            fprintf(stream, " in any %g s", region->window_s);
        } else if (region->off_s > 0.0) {
            fprintf(stream, " at a time, then %g s off or another channel", region->off_s);
        }
        fprintf(stream, " (%s)\n", region->time_rule);
    }
    for (size_t k = 0; k < plan->n_antennas && plan->n_antennas > 1; k++) {
        fprintf(stream, "%s%s%s", k ? ", " : "antennas    ", plan->antenna[k].name,
                k + 1 == plan->n_antennas ? " in turn\n" : "");
    }
}

static void tell_power(const struct reader *r, FILE *stream)
{
    const struct plan *plan = &r->plan;
    const struct eirp *eirp = &plan->eirp;
    const struct region_plan *region = plan->region;
    bool fixed = !plan->hops && !isnan(region->fixed_eirp_max_dbm);
    double limit_dbm = fixed ? region->fixed_eirp_max_dbm : region->eirp_max_dbm;
    double sum_dbm = eirp_dbm(eirp);
    fprintf(stream, "power       amplitude %g (%.2f dB of full scale)", eirp->amplitude,
            20.0 * log10(eirp->amplitude));
    if (!isnan(eirp->full_scale_dbm)) {
        fprintf(stream, ", gain %g dB: %.2f dBm full scale, %.2f dBm into the antenna",
                eirp->tx_gain_db, eirp->full_scale_dbm, eirp_conducted_dbm(eirp));
    }
    if (isnan(sum_dbm)) {
        const char *missing = !plan->has_calibration        ? "radio.calibration is not set"
                              : isnan(eirp->tx_gain_db)     ? "radio.tx_gain_db is not set"
                              : isnan(eirp->full_scale_dbm) ? "not in radio.calibration"
                                                            : "radio.antenna_gain_dbi is not set";
        fprintf(stream, "\n            EIRP unknown: %s\n", missing);
    } else {
        fprintf(stream, "\n            EIRP %.2f dBm\n", sum_dbm);
    }
    if (isfinite(limit_dbm)) {
        fprintf(stream, "            region '%s' allows %.2f dBm EIRP (%s)\n", region->name,
                limit_dbm, fixed ? region->fixed_rule : region->power_rule);
    }
    bool capped =
        isnan(sum_dbm) && radio_table[r->cfg.radio.kind]->real_time && !isnan(region->eirp_max_dbm);
    if (capped) {
        fprintf(stream, "            so the gain stays %g dB below the radio's greatest\n",
                plan->cfg.uncalibrated_backoff_db - fmin(plan->cfg.cable_loss_db, 0.0));
    }
}

static void tell_link(const struct reader *r, FILE *stream)
{
    static const char *const codes[] = {"FM0", "Miller-2", "Miller-4", "Miller-8"};
    const struct link *link = &r->link;
    fprintf(stream, "rate        %g MS/s, %.1f samples a Tpri\n", r->rate_sps * 1e-6,
            r->rate_sps / link->blf_hz);
    if (radio_table[r->cfg.radio.kind]->real_time) {
        fprintf(stream, "            sent %g us ahead of the device clock\n",
                r->cfg.radio.tx_lead_us);
    }
    fprintf(stream, "link        %s, BLF %g kHz, Tari %g us, RTcal %g us, TRcal %g us, PW %g us\n",
            codes[link->m], link->blf_hz * 1e-3, link->tari_us, link->rtcal_us, link->trcal_us,
            link->pw_us);
    fprintf(stream, "timing      T1 %.4g..%.4g us, T2 %.4g..%.4g us, turnaround %.4g us\n",
            link->t1_min_us, link->t1_max_us, link->t2_min_us, link->t2_max_us,
            r->turnaround_ticks * 1e6 / r->rate_sps);
}

static void tell_commands(const struct reader *r, FILE *stream)
{
    static const char *const keying[] = {"DSB-ASK", "PR-ASK"};
    const struct inventory_cfg *inventory = &r->cfg.inventory;
    if (r->cfg.mode == READER_EMIT) {
        const struct emit_cfg *emit = &r->cfg.emit;
        fprintf(stream, "transmits   a carrier%s%s%s%s", emit->tones[0] ? ", tones " : "",
                emit->tones, emit->plan[0] ? ", plan " : "", emit->plan);
        if (!isnan(emit->duty_period_s)) {
            fprintf(stream, ", on %g s every %g s", emit->duty_ratio * emit->duty_period_s,
                    emit->duty_period_s);
        }
        if (!isnan(emit->ramp_s)) {
            fprintf(stream, ", from %g to %g dB in %g s", emit->ramp_from_db, emit->ramp_to_db,
                    emit->ramp_s);
        }
        if (!isnan(r->cfg.bistatic.gate_s)) {
            fprintf(stream, ", silent %g s every %g s", r->cfg.bistatic.gate_s,
                    r->cfg.bistatic.gate_period_s);
        }
        if (!isnan(emit->trigger_period_s)) {
            fprintf(stream, ", a QueryRep in it every %g s", emit->trigger_period_s);
        }
    } else {
        static const char *const targets[] = {"A", "B", "A and B in turn"};
        fprintf(stream,
                "transmits   a carrier; %s: Query (session S%d, target %s, Q %lld), "
                "QueryRep, QueryAdjust, ACK, NAK%s%s",
                keying[r->cfg.tx.modulation], inventory->session, targets[inventory->target],
                (long long)inventory->q_start,
                inventory->select_all == 0 ? "" : ", Select where the session needs it",
                r->cfg.access ? ", and what is done to tags" : "");
    }
    if (isfinite(r->cfg.run.duration_s)) {
        fprintf(stream, ", for %g s\n", r->cfg.run.duration_s);
    } else {
        fprintf(stream, ", until stopped\n");
    }
}

static void tell(const struct reader *r, FILE *stream)
{
    const struct radio_cfg *radio = &r->cfg.radio;
    fprintf(stream, "radio       %s%s%s, not opened\n", radio_table[radio->kind]->name,
            radio->args[0] ? " " : "", radio->args);
    fprintf(stream, "region      %s%s%s\n", r->plan.region->name,
            r->plan.region->rule[0] ? ": " : "", r->plan.region->rule);
    tell_channels(r, stream);
    tell_times(r, stream);
    tell_power(r, stream);
    tell_link(r, stream);
    tell_commands(r, stream);
}

/* ---- for programs ---- */

static void json_tell(const struct reader *r, FILE *stream)
{
    static char text[JSON_MAX];
    const struct plan *plan = &r->plan;
    struct json_text json;
    struct hop_cell cell;
    json_text_init(&json, text, sizeof text);
    json_text_open(&json, NULL);
    json_text_count(&json, "v", 1);
    json_text_string(&json, "type", "plan");
    json_text_string(&json, "reader", r->cfg.run.name);
    json_text_string(&json, "radio", radio_table[r->cfg.radio.kind]->name);
    json_text_string(&json, "region", plan->region->name);
    json_text_string(&json, "rule", plan->region->rule);
    json_text_bool(&json, "hops", plan->hops);
    json_text_open_array(&json, "channels_hz");
    for (size_t k = 0; k < plan->schedule.n_channels; k++) {
        hop_cell_at(&plan->hop, (int64_t)k * plan->hop.n_cells, &cell);
        json_text_number(&json, NULL, cell.freq_hz, 0);
    }
    json_text_close_array(&json);
    hop_cell_at(&plan->hop, plan->changes ? 1 : 0, &cell);
    double on_s = plan->changes ? (double)(cell.off_tick - cell.on_tick) / r->rate_sps : INFINITY;
    json_text_number(&json, "on_s", on_s, 6); /* null: all the time */
    json_text_number(&json, "dwell_max_s", plan->region->dwell_max_s, 3);
    json_text_number(&json, "amplitude", plan->amplitude, 3);
    json_text_number(&json, "tx_gain_db", plan->tx_gain_db, 2);
    json_text_number(&json, "conducted_dbm", eirp_conducted_dbm(&plan->eirp), 2);
    json_text_number(&json, "eirp_dbm", eirp_dbm(&plan->eirp), 2);
    json_text_number(&json, "eirp_max_dbm", plan->region->eirp_max_dbm, 2);
    json_text_number(&json, "rate_sps", r->rate_sps, 0);
    json_text_number(&json, "blf_hz", r->link.blf_hz, 0);
    json_text_number(&json, "tari_us", r->link.tari_us, 3);
    json_text_number(&json, "t1_max_us", r->link.t1_max_us, 3);
    json_text_number(&json, "t2_min_us", r->link.t2_min_us, 3);
    json_text_number(&json, "t2_max_us", r->link.t2_max_us, 3);
    json_text_number(&json, "turnaround_us", r->turnaround_ticks * 1e6 / r->rate_sps, 3);
    json_text_close(&json);
    fprintf(stream, "%s\n", text);
}

enum status dry_run(const struct reader_cfg *cfg, FILE *stream)
{
    struct reader *reader = NULL;
    enum status status = reader_plan(cfg, &reader);
    if (status) {
        return status;
    }
    if (cfg->run.json) {
        json_tell(reader, stream);
    } else {
        tell(reader, stream);
    }
    reader_free(&reader);
    return fflush(stream) == 0 ? ST_OK : status_fail(ST_IO, "stdout: %s", strerror(errno));
}
