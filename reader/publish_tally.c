/* publish_tally.c - counts records in memory; nothing is written. */
#include "reader/publish_tally.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "reader/publish.h"

struct publisher_tally {
    struct publisher_base base;
    struct publish_tally *tally; /* borrowed from the cfg */
};

void publish_tally_init(struct publish_tally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->line_hz = NAN;
}

static bool tally_wanted(const struct publish_cfg *cfg)
{
    return cfg->tally != NULL;
}

static enum status tally_open(const struct publish_cfg *cfg, const struct record_context *context,
                              struct publisher **publisher)
{
    (void)context;
    struct publisher_tally *self = calloc(1, sizeof *self);
    if (!self) {
        return status_fail(ST_NO_MEMORY, "tally: no memory");
    }
    self->base.ops = &publish_tally;
    self->tally = cfg->tally;
    *publisher = (struct publisher *)self;
    return ST_OK;
}

static void reply_count(struct publish_tally *tally, const struct record_reply *reply)
{
    if (reply->verdict == REPLY_DECODED && isfinite(reply->snr_db)) {
        tally->n_decoded++;
        stats_add(&tally->snr_ratio, units_power_ratio_from_db(reply->snr_db));
    }
    if (reply->cause == REPLY_CAUSE_CARRIER && reply->trace.n_tones > 0) {
        tally->line_hz = reply->trace.tone[0].offset_hz;
    }
}

static void tally_write(struct publisher *publisher, const struct record *record, const char *json,
                        size_t n_json)
{
    (void)json;
    (void)n_json;
    struct publish_tally *tally = ((struct publisher_tally *)publisher)->tally;
    if (record->type == RECORD_SUMMARY) {
        tally->total = record->status;
    } else if (record->type == RECORD_SLOT) {
        require(record->slot.n_replies <= RECORD_REPLIES_MAX);
        for (unsigned k = 0; k < record->slot.n_replies; k++) {
            reply_count(tally, &record->slot.reply[k]);
        }
    }
}

static void tally_close(struct publisher **publisher)
{
    free(*publisher);
    *publisher = NULL;
}

const struct publisher_ops publish_tally = {
    .name = "tally",
    .help = "counted in memory, for the program's own use",
    .wanted = tally_wanted,
    .open = tally_open,
    .write = tally_write,
    .close = tally_close,
};
