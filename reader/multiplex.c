/* multiplex.c - between the threads' world and protocol/tdma.h. */
#include "reader/multiplex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/log.h"
#include "config/require.h"
#include "protocol/selection.h"
#include "reader/epc_list.h"

#define PLACE_SPARE_RATIO 1.05 /* for what is not nominal: samples of a turn, tags' clocks */
#define TELL_LEAST_S 1.0

struct listed {
    uint8_t epc[TDMA_EPC_BYTES];
    size_t n_epc_bits;
};

struct multiplex {
    struct tdma_cfg cfg;
    struct tdma_plan plan;
    struct tdma tdma;
    size_t n_listed;
    struct listed listed[TDMA_TAGS_MAX];
    struct epc_reply heard;
    struct stats_distribution jitter_us, total_jitter_us;
    struct tdma_counts totals;
    double tell_ticks, next_tell_tick;
    char text[EPC_LIST_FILE_BYTES];
};

/* ---- the list ---- */

static enum status listed_add(struct multiplex *multiplex, const char *where, const char *word,
                              size_t n_chars)
{
    struct inventory_mask mask;
    if (selection_digits(word, n_chars, &mask) || mask.n_bits % 16 != 0) {
        return status_fail(ST_USAGE, "%s: '%.*s', accepted whole EPCs (4, 8, ... 60 hex digits)",
                           where, (int)(n_chars < 80 ? n_chars : 80), word);
    }
    if (multiplex->n_listed == TDMA_TAGS_MAX) {
        return status_fail(ST_USAGE, "%s: more than %d EPCs", where, TDMA_TAGS_MAX);
    }
    struct listed *listed = &multiplex->listed[multiplex->n_listed++];
    listed->n_epc_bits = mask.n_bits;
    memcpy(listed->epc, mask.mask, mask.n_bits / 8);
    return ST_OK;
}

static enum status list_take(struct multiplex *multiplex, const char *where, const char *text)
{
    const char *word;
    size_t n_chars;
    enum status status = ST_OK;
    while (!status && epc_list_word(&text, &word, &n_chars)) {
        status = listed_add(multiplex, where, word, n_chars);
    }
    return status;
}

static enum status list_read(struct multiplex *multiplex, const struct multiplex_cfg *cfg)
{
    enum status status = list_take(multiplex, "tdma.tags", cfg->tags);
    if (!status && cfg->tags_file[0]) {
        status = epc_list_read("tdma.tags_file", cfg->tags_file, multiplex->text);
        status = status ? status : list_take(multiplex, cfg->tags_file, multiplex->text);
    }
    return status;
}

/* ---- the plan ---- */

static enum status plan_set(struct reader *reader, struct multiplex *multiplex)
{
    const struct multiplex_cfg *cfg = &reader->cfg.tdma;
    const struct slot_times *times = &reader->cfg.inventory.times;
    const double us_a_tick = 1e6 / reader->rate_sps;
    const double ramp_us = (double)tx_shape_ramp_ticks(reader->shape) * us_a_tick;
    struct tdma_plan_cfg plan = {.rate_sps = reader->rate_sps,
                                 .period_s = cfg->period_s,
                                 .n_units = (unsigned)cfg->n_units,
                                 .guard_us = cfg->guard_us,
                                 .lead_us = field_opening_ticks(reader) * us_a_tick,
                                 .tail_us = ramp_us + tdma_slot_us(&reader->link, times),
                                 .place_us = PLACE_SPARE_RATIO *
                                             tdma_poll_us(&reader->link, times, TDMA_MASK_BITS),
                                 .poll_ratio = cfg->poll_ratio};
    enum status status = multiplex_check(cfg, &reader->cfg.bistatic, &plan.owned);
    status = status ? status : tdma_plan_init(&multiplex->plan, &plan);
    if (status || !tdma_plan_is_shared(&multiplex->plan)) {
        return status;
    }
    if (reader->plan.changes) {
        return status_fail(ST_USAGE, "tdma.own: units are shared on one channel and one antenna, "
                                     "accepted without radio.hop, radio.antennas and a region "
                                     "that asks for pauses");
    }
    reader->plan.changes = true;
    hop_share(&reader->plan.hop, &multiplex->plan);
    return ST_OK;
}

/* One place for each of them, or it is not said that they are kept. */
static enum status room_check(const struct reader *reader, const struct multiplex *multiplex)
{
    const struct tdma_plan *plan = &multiplex->plan;
    if (reader->cfg.mode != READER_INVENTORY ||
        (plan->n_places > 0 && multiplex->n_listed <= plan->n_places)) {
        return ST_OK;
    }
    return status_fail(ST_USAGE,
                       "tdma.tags: %zu known tags, accepted up to %u: a poll takes %.3g ms of this "
                       "link, and polls have %g of the own time (tdma.period_s, tdma.own, "
                       "tdma.poll_ratio)",
                       multiplex->n_listed, plan->n_places, plan->cfg.place_us * 1e-3,
                       plan->cfg.poll_ratio);
}

static enum status modes_check(const struct reader *reader)
{
    if (reader->cfg.keys) {
        return status_fail(ST_USAGE,
                           "tdma.period_s and auth.keys: a tag is polled in its unit, and "
                           "authentication takes it for longer; accepted is one of them");
    }
    if (isfinite(reader->cfg.read.quiet_s)) {
        return status_fail(ST_USAGE, "tdma.period_s polls again and again, and inventory.read once "
                                     "ends when nobody is left");
    }
    if (reader->cfg.bistatic.mode != BISTATIC_NONE) {
        return status_fail(ST_USAGE, "tdma.period_s: accepted with bistatic.mode none only");
    }
    return ST_OK;
}

enum status multiplex_set(struct reader *reader)
{
    const struct multiplex_cfg *cfg = &reader->cfg.tdma;
    if (!multiplex_is_on(cfg)) {
        return ST_OK;
    }
    enum status status = modes_check(reader);
    if (status) {
        return status;
    }
    struct multiplex *multiplex = calloc(1, sizeof *multiplex);
    if (!multiplex) {
        return status_fail(ST_NO_MEMORY, "time units: no memory");
    }
    reader->multiplex = multiplex;
    multiplex->cfg = (struct tdma_cfg){.discovery = reader->cfg.inventory,
                                       .learns = cfg->learns,
                                       .tries_max = (unsigned)cfg->tries,
                                       .forget_periods = (unsigned)cfg->forget_periods};
    status = plan_set(reader, multiplex);
    status = status ? status : list_read(multiplex, cfg);
    return status ? status : room_check(reader, multiplex);
}

void multiplex_free(struct multiplex **multiplex)
{
    free(*multiplex);
    *multiplex = NULL;
}

/* Two readers of one air agree on full seconds: the device's, or those of the date the samples have. */
static double common_time_s(const struct reader *reader)
{
    const bool dated = !radio_ops_of(reader->radio)->real_time && !isnan(reader->cfg.run.epoch_s);
    return (dated ? reader->cfg.run.epoch_s : radio_start_time_s(reader->radio)) -
           reader->cfg.tdma.offset_s;
}

void multiplex_begin(struct reader *reader)
{
    struct multiplex *multiplex = reader->multiplex;
    if (!multiplex) {
        return;
    }
    struct tdma_plan *plan = &multiplex->plan;
    tdma_plan_begin(plan, common_time_s(reader));
    if (tdma_plan_is_shared(plan)) {
        hop_share(&reader->plan.hop, plan);
    }
    if (reader->cfg.mode != READER_INVENTORY) {
        return;
    }
    tdma_init(&multiplex->tdma, &multiplex->cfg, plan, &reader->link);
    struct tdma_tags *tags = &multiplex->tdma.tags;
    for (size_t k = 0; k < multiplex->n_listed; k++) {
        const struct listed *listed = &multiplex->listed[k];
        const bool has_room = tdma_tags_add(tags, listed->epc, listed->n_epc_bits, true, 0.0);
        require(has_room); /* as many as fit were listed */
    }
    for (size_t k = 0; k < tags->n_entries; k++) {
        (void)tdma_tags_mask(tags, &tags->tag[k]); /* now, while nobody waits for it */
    }
    const double n_periods = ceil(TELL_LEAST_S / plan->cfg.period_s - 1e-9);
    multiplex->tell_ticks = fmax(n_periods, 1.0) * plan->period_ticks;
    multiplex->next_tell_tick = plan->first_tick + multiplex->tell_ticks;
    tdma_counts_clear(&multiplex->totals);
}

/* ---- what is told ---- */

static void record_fill(const struct multiplex *multiplex, const struct tdma_counts *counts,
                        const struct stats_distribution *jitter_us, struct record_tdma *record)
{
    const struct tdma_tags *tags = &multiplex->tdma.tags;
    *record = (struct record_tdma){
        .nominal_s = multiplex->plan.cfg.period_s,
        .known = tags->n_tags,
        .unplaced = tags->n_tags - tags->n_placed,
        .kept = counts->kept,
        .missed = counts->missed,
        .polls = counts->polls,
        .newcomers = counts->newcomers,
        .forgotten = counts->forgotten,
        .jitter_p50_us = stats_percentile(jitter_us, 0.50),
        .jitter_p99_us = stats_percentile(jitter_us, 0.99),
        .jitter_max_us = jitter_us->n > 0 ? jitter_us->max : NAN,
        .period_min_s = counts->interval_min_s,
        .period_mean_s =
            counts->n_intervals > 0 ? counts->interval_sum_s / (double)counts->n_intervals : NAN,
        .period_max_s = counts->interval_max_s,
    };
}

static void tell_due(struct inventory_state *state, double tick)
{
    struct multiplex *multiplex = state->reader->multiplex;
    if (tick < multiplex->next_tell_tick) {
        return;
    }
    struct record record = {.type = RECORD_TDMA};
    struct tdma_counts counts;
    tdma_tags_take_counts(&multiplex->tdma.tags, &counts);
    tdma_counts_add(&multiplex->totals, &counts);
    record_fill(multiplex, &counts, &multiplex->jitter_us, &record.tdma);
    memset(&multiplex->jitter_us, 0, sizeof multiplex->jitter_us);
    inventory_say(state, &record, tick);
    if (record.tdma.unplaced > 0 && counts.newcomers > 0) {
        log_warning("tdma: %llu known tags, %llu of them have no place in the period and are not "
                    "polled (tdma.period_s, tdma.poll_ratio)",
                    (unsigned long long)record.tdma.known,
                    (unsigned long long)record.tdma.unplaced);
    }
    while (multiplex->next_tell_tick <= tick) {
        multiplex->next_tell_tick += multiplex->tell_ticks;
    }
}

void multiplex_totals(const struct multiplex *multiplex, struct record_tdma *record)
{
    struct tdma_counts totals = multiplex->totals;
    tdma_counts_add(&totals, &multiplex->tdma.tags.counts);
    record_fill(multiplex, &totals, &multiplex->total_jitter_us, record);
}

/* ---- the turn ---- */

void multiplex_decide(struct inventory_state *state, const struct inventory_event *event)
{
    struct multiplex *multiplex = state->reader->multiplex;
    struct tdma_event heard = {.heard = *event};
    struct tdma_step step;
    if (event->heard == HEARD_EPC) {
        heard.epc = multiplex->heard.epc;
        heard.n_epc_bits = multiplex->heard.n_epc_bits;
    }
    tdma_advance(&multiplex->tdma, &heard, state->earliest_tick, &step);
    state->step = step.inventory;
    state->wait_tick = step.not_before_tick;
    if (step.is_read) {
        const double jitter_us = fmax(step.jitter_us, 0.0);
        stats_add(&multiplex->jitter_us, jitter_us);
        stats_add(&multiplex->total_jitter_us, jitter_us);
    }
    tell_due(state, state->earliest_tick);
}

void multiplex_heard(struct multiplex *multiplex, const struct epc_reply *reply)
{
    multiplex->heard = *reply;
}

void multiplex_read_fill(const struct multiplex *multiplex, struct record_read *read)
{
    const struct inventory *discovery = &multiplex->tdma.discovery;
    read->session = 0;
    read->round = read->slot = 0;
    if (!tdma_is_polling(&multiplex->tdma, &read->rn16, &read->recovered)) {
        read->rn16 = discovery->rn16;
        read->recovered = discovery->is_recovered;
        read->session = discovery->cfg.session;
        read->round = discovery->round;
        read->slot = discovery->slot;
    }
}
