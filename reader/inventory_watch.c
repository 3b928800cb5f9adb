/* inventory_watch.c - what a way of reading asks of the INVENTORY thread: truncated replies made whole, tags
 * that are missed, the end when all are read. */
#include <math.h>
#include <stdio.h>

#include "config/log.h"
#include "reader/inventory_parts.h"

/* The mask that every EPC of the round begins with. */
static const struct inventory_mask *common_mask(const struct inventory_state *state)
{
    const struct inventory_cfg *cfg = &state->inventory.cfg;
    return &cfg->mask[cfg->n_masks - 1];
}

size_t inventory_truncated_bits(const struct inventory_state *state)
{
    const size_t n_epc_bits = state->inventory.cfg.truncated_epc_bits;
    return n_epc_bits > 0 ? reply_truncated_n_bits(n_epc_bits, common_mask(state)->n_bits) : 0;
}

enum status inventory_parse_epc(const struct inventory_state *state, const struct bitbuf *bits,
                                struct epc_reply *reply)
{
    const size_t n_truncated_bits = inventory_truncated_bits(state);
    if (n_truncated_bits > 0 && bits->n_bits >= n_truncated_bits && reply_is_truncated(bits->bit)) {
        const struct inventory_mask *mask = common_mask(state);
        return reply_parse_truncated(bits->bit, n_truncated_bits, mask->mask, mask->n_bits, reply);
    }
    return reply_parse_epc(bits->bit, bits->n_bits, reply);
}

static void change_say(struct inventory_state *state, const struct watchlist_change *change,
                       double tick)
{
    struct record record = {.type = RECORD_WATCH};
    struct record_watch *watch = &record.watch;
    char hex[2 * sizeof change->entry->mask.mask + 1];
    const unsigned n_digits = change->entry->mask.n_bits / 4;
    bits_to_hex(change->entry->mask.mask, sizeof change->entry->mask.mask, hex);
    snprintf(watch->epc, sizeof watch->epc, "%.*s%s", (int)n_digits, hex,
             change->entry->is_prefix ? "*" : "");
    watch->is_present = change->is_present;
    watch->absent_s = change->absent_s;
    watch->seen_s = change->seen_s;
    inventory_say(state, &record, tick);
    if (state->reader->cfg.publish.live_view) { /* whose table has no line for it */
        log_warning("watched tag %s %s", watch->epc, watch->is_present ? "is back" : "is missed");
    }
}

void inventory_watch_seen(struct inventory_state *state, const struct epc_reply *reply, double tick)
{
    struct watchlist_change change;
    const double t_s = tick / state->reader->rate_sps;
    state->read_tick = tick;
    while (watchlist_seen(&state->watchlist, reply->epc, reply->n_epc_bits, t_s, &change)) {
        change_say(state, &change, tick);
    }
}

void inventory_watch_due(struct inventory_state *state, double tick)
{
    struct watchlist_change change;
    const double t_s = tick / state->reader->rate_sps;
    while (watchlist_missed(&state->watchlist, t_s, &change)) {
        change_say(state, &change, tick);
    }
}

bool inventory_read_is_over(const struct inventory_state *state, double tick)
{
    const struct reader *reader = state->reader;
    const double quiet_s = reader->cfg.read.quiet_s;
    return isfinite(quiet_s) && !state->in_contact &&
           tick - state->read_tick > quiet_s * reader->rate_sps;
}
