/* record_reply.c - receiver results as records. */
#include "reader/record_reply.h"

#include <math.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "config/units.h"

static double power_dbfs(float _Complex gain)
{
    double re = crealf(gain), im = cimagf(gain);
    return units_db_from_power_ratio(re * re + im * im);
}

static double phase_deg(float _Complex gain)
{
    double deg = atan2(cimagf(gain), crealf(gain)) * 180.0 / UNITS_PI;
    return deg < 0.0 ? deg + 360.0 : deg;
}

void record_read_fill(struct record_read *read, const struct reply_result *result,
                      const struct epc_reply *reply, struct stats_tags *tags)
{
    memcpy(read->epc, reply->epc, sizeof read->epc);
    read->n_epc_bits = reply->n_epc_bits;
    read->pc = reply->pc;
    read->is_truncated = reply->is_truncated;
    read->rssi_dbfs = power_dbfs(result->gain);
    read->rssi_dbm = NAN;
    read->snr_db = result->snr_db;
    read->phase_deg = phase_deg(result->gain);
    read->blf_hz = result->blf_hz;
    read->count = stats_tags_count(tags, reply->epc, reply->n_epc_bits);
    for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
        float _Complex gain = result->channel_gain[c];
        bool heard = crealf(gain) != 0.0F || cimagf(gain) != 0.0F;
        read->channel[c].rssi_dbfs = heard ? power_dbfs(gain) : NAN;
        read->channel[c].phase_deg = heard ? phase_deg(gain) : NAN;
    }
}

void record_slot_note(struct record_slot *slot, const struct reply_result *result, bool is_epc,
                      bool ok)
{
    require(slot->n_replies <= RECORD_REPLIES_MAX);
    if (!is_epc) {
        slot->n_replies = 0;
        slot->clipped = false;
    } else if (slot->n_replies > 0 && slot->reply[slot->n_replies - 1].is_epc) {
        slot->n_replies--;
    }
    slot->clipped = slot->clipped || result->clipped;
    slot->reply[slot->n_replies++] = (struct record_reply){
        .is_epc = is_epc,
        .ok = ok,
        .verdict = result->verdict,
        .cause = result->cause,
        .clipped = result->clipped,
        .score_nats = result->score_nats,
        .threshold_nats = result->threshold_nats,
        .fit_ratio = result->fit_ratio,
        .snr_db = result->snr_db,
        .blf_hz = result->blf_hz,
        .offset_hz = result->offset_hz,
        .leak_dbfs = result->leak_dbfs,
        .residual_dbfs = result->residual_dbfs,
        .noise_dbfs = result->noise_dbfs,
        .trace = result->trace,
    };
}

void record_slot_count(struct record_slot *slot, struct record_status *totals)
{
    slot->cause = REPLY_CAUSE_NONE;
    for (unsigned k = slot->n_replies; k > 0 && slot->cause == REPLY_CAUSE_NONE; k--) {
        slot->cause = slot->reply[k - 1].cause; /* the window the slot ended with tells most */
    }
    totals->clipped += slot->clipped;
    if (slot->cause != REPLY_CAUSE_NONE) {
        totals->causes[slot->cause]++;
    }
}

static double finite_or_null(double value)
{
    return isfinite(value) ? value : NAN;
}

void record_levels_note(struct record_status *totals, const struct reply_result *result)
{
    totals->leak_dbfs = finite_or_null(result->leak_dbfs);
    totals->noise_dbfs = finite_or_null(result->noise_dbfs);
    totals->residual_dbfs = finite_or_null(result->residual_dbfs);
}

void record_advise(struct record_advice *advice, const struct reply_result *result)
{
    if (result->clipped && !advice->clipping_told) {
        advice->clipping_told = true;
        log_warning("the receiver clips: lower radio.rx_gain_db, or more attenuation or isolation "
                    "(said once; status.clipped counts the slots)");
    }
    if (result->cause == REPLY_CAUSE_CARRIER && !advice->carrier_told &&
        result->trace.n_tones > 0) {
        const struct reply_tone *tone = &result->trace.tone[0];
        advice->carrier_told = true;
        log_warning("another carrier %+.1f kHz beside ours at %.1f dBFS (said once; "
                    "status.causes.carrier counts the slots)",
                    1e-3 * tone->offset_hz, tone->power_dbfs);
    }
}
