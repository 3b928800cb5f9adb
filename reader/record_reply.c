/* record_reply.c - receiver results as records. */
#include "reader/record_reply.h"

#include <math.h>
#include <string.h>

#include "config/units.h"

void record_read_fill(struct record_read *read, const struct reply_result *result,
                      const struct epc_reply *reply, struct stats_tags *tags)
{
    double re = crealf(result->gain), im = cimagf(result->gain);
    double phase_deg = atan2(im, re) * 180.0 / UNITS_PI;
    memcpy(read->epc, reply->epc, sizeof read->epc);
    read->n_epc_bits = reply->n_epc_bits;
    read->pc = reply->pc;
    read->rssi_dbfs = units_db_from_power_ratio(re * re + im * im);
    read->rssi_dbm = NAN;
    read->snr_db = result->snr_db;
    read->phase_deg = phase_deg < 0.0 ? phase_deg + 360.0 : phase_deg;
    read->blf_hz = result->blf_hz;
    read->count = stats_tags_count(tags, reply->epc, reply->n_epc_bits);
}

void record_quality_fill(struct record_slot *slot, const struct reply_result *result)
{
    *slot = (struct record_slot){
        .score_nats = result->score_nats,
        .threshold_nats = result->threshold_nats,
        .fit_ratio = result->fit_ratio,
        .snr_db = result->snr_db,
        .blf_hz = result->blf_hz,
        .offset_hz = result->offset_hz,
        .residual_dbfs = result->residual_dbfs,
    };
}
