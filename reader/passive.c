/* passive.c - the follower: command -> window -> reply -> slot. */
#include "reader/passive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/pie_demod.h"
#include "protocol/reply.h"
#include "reader/link_guess.h"
#include "reader/record_reply.h"

#define HISTORY_S 0.12 /* longest gap between commands that is kept for a reply */
#define TAIL_S 0.002   /* a command is known as one so long after its end, at most */
enum { CHUNK_SAMPLES = 4096 };
#define REPLY_GUARD_TARI 0.4 /* samples this close before the next command are its edge */
#define MARGIN_TPRI 1.0      /* other readers' tags: search this much outside T1 */
#define BLF_PRIOR_RATIO 0.03 /* a tag's clock from RN16 to EPC: drift and our own error */
#define TAGS_MAX 200000
#define STATUS_GAP_MAX_S 3600.0

struct open_slot { /* the slot between two slot commands */
    bool open, has_rn16, collided, crc_error, read;
    bool is_recovered; /* rn16 came out of a collision, ... */
    bool has_other;    /* ... of which this is the other tag: */
    uint16_t rn16, other_rn16;
    double other_blf_hz;
    double start_tick, end_tick;
    struct record_slot quality; /* receiver's view of its replies */
};

struct passive {
    struct passive_cfg cfg;
    struct pie_demod *demod;
    struct reply_rx *receiver;
    struct stats_tags *tags;
    struct pie_frame frame;
    struct reply_result result;
    float _Complex *history[LIMIT_RX_CHANNELS]; /* samples from history_tick on */
    size_t n_history, history_capacity;
    int64_t history_tick;
    bool awaiting; /* a window waits for its samples to be complete */
    struct reply_listen listen;
    double rtcal_us, tari_us;
    struct link_guess guess;
    bool link_known, link_guessed;
    struct link link;
    double blf_hz; /* of the tag last heard; NaN */
    struct open_slot slot;
    struct record_round round;
    double round_start_tick;
    int q; /* in force: Query, then QueryAdjust */
    unsigned session;
    struct record_status totals;
    struct stats_distribution latency_ms;
    double next_status_s, last_status_s;
    uint64_t last_status_reads;
    struct record_advice advice;
};

enum status passive_new(const struct passive_cfg *cfg, struct passive **passive)
{
    require(cfg->n_channels >= 1);
    require(cfg->n_channels <= LIMIT_RX_CHANNELS);
    struct passive *p = calloc(1, sizeof *p);
    if (!p) {
        return status_fail(ST_NO_MEMORY, "decoder: no memory");
    }
    p->cfg = *cfg;
    p->cfg.receiver.start_margin_tpri = fmax(cfg->receiver.start_margin_tpri, MARGIN_TPRI);
    p->blf_hz = NAN;
    p->totals.leak_dbfs = p->totals.noise_dbfs = p->totals.residual_dbfs = NAN;
    p->next_status_s = 1.0;
    p->totals.turnaround_p50_us = p->totals.turnaround_p99_us = p->totals.turnaround_max_us = NAN;
    p->totals.silence_p50_us = p->totals.silence_p99_us = p->totals.silence_max_us = NAN;
    p->history_capacity = (size_t)(HISTORY_S * cfg->rate_sps) + 65536;
    enum status status = ST_OK;
    for (unsigned c = 0; c < cfg->n_channels && !status; c++) {
        p->history[c] = malloc(p->history_capacity * sizeof *p->history[c]);
        status = p->history[c] ? ST_OK : status_fail(ST_NO_MEMORY, "decoder: no memory");
    }
    status = status ? status : pie_demod_new(cfg->rate_sps, &p->demod);
    status = status ? status
                    : reply_rx_new(&p->cfg.receiver, cfg->rate_sps, cfg->n_channels, &p->receiver);
    status = status ? status : stats_tags_new(TAGS_MAX, &p->tags);
    if (status) {
        passive_free(&p);
        return status;
    }
    *passive = p;
    return ST_OK;
}

void passive_free(struct passive **passive)
{
    if (*passive) {
        pie_demod_free(&(*passive)->demod);
        reply_rx_free(&(*passive)->receiver);
        stats_tags_free(&(*passive)->tags);
        for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
            free((*passive)->history[c]);
        }
        free(*passive);
        *passive = NULL;
    }
}

static void status_record(struct passive *p, enum record_type type, double t_s)
{
    struct record record = {.type = type, .t_s = t_s, .status = p->totals};
    struct record_status *status = &record.status;
    bool whole = type == RECORD_SUMMARY;
    double span_s = whole ? t_s : t_s - p->last_status_s;
    uint64_t before = whole ? 0 : p->last_status_reads;
    status->unique = stats_tags_unique(p->tags);
    status->duration_s = t_s;
    status->reads_per_s = span_s > 0.0 ? (double)(status->reads - before) / span_s : 0.0;
    status->read_latency_p50_ms = stats_percentile(&p->latency_ms, 0.50);
    status->read_latency_p99_ms = stats_percentile(&p->latency_ms, 0.99);
    p->cfg.record(p->cfg.context, &record);
    p->last_status_s = t_s;
    p->last_status_reads = status->reads;
}

/* At each whole second before the tick, as a live run does; not for every second of a long gap. What is counted
 * from that tick on is not in it. */
static void status_due(struct passive *p, double tick)
{
    double t_s = tick / p->cfg.rate_sps;
    if (t_s - p->next_status_s > STATUS_GAP_MAX_S) {
        p->next_status_s = floor(t_s);
    }
    for (; p->next_status_s <= t_s; p->next_status_s += 1.0) {
        status_record(p, RECORD_STATUS, p->next_status_s);
    }
}

static void record_at(struct passive *p, struct record *record, double tick)
{
    record->t_s = tick / p->cfg.rate_sps;
    status_due(p, tick);
    p->cfg.record(p->cfg.context, record);
}

/* ---- slots and rounds ---- */

static void slot_close(struct passive *p, double tick)
{
    struct open_slot *slot = &p->slot;
    if (!slot->open) {
        return;
    }
    status_due(p, tick);
    struct record record = {.type = RECORD_SLOT, .slot = slot->quality};
    record.slot.outcome = slot->read        ? SLOT_SINGLE
                          : slot->crc_error ? SLOT_CRC_ERROR
                          : slot->has_rn16  ? SLOT_RN16_ONLY
                          : slot->collided  ? SLOT_COLLISION
                                            : SLOT_EMPTY;
    record.slot.round = p->round.round;
    record.slot.slot = p->round.slots;
    record.slot.q = p->q;
    record.slot.has_rn16 = slot->has_rn16;
    record.slot.rn16 = slot->rn16;
    record.slot.traced = true;
    record.slot.detailed = p->cfg.trace;
    record_slot_count(&record.slot, &p->totals);
    p->round.slots++;
    p->round.empty += record.slot.outcome == SLOT_EMPTY;
    p->round.single += record.slot.outcome == SLOT_SINGLE;
    p->round.collision += record.slot.outcome == SLOT_COLLISION;
    p->totals.slots[record.slot.outcome]++;
    slot->open = false;
    record_at(p, &record, tick);
}

static void round_close(struct passive *p, double tick)
{
    if (p->round.round == 0 || p->round.slots == 0) {
        return;
    }
    status_due(p, tick);
    struct record record = {.type = RECORD_ROUND, .round = p->round};
    record.round.duration_s = (tick - p->round_start_tick) / p->cfg.rate_sps;
    record.round.tags_estimated = p->round.single + 2.39 * p->round.collision; /* Schoute */
    p->totals.rounds++;
    record_at(p, &record, tick);
}

static void slot_begin(struct passive *p, double start_tick)
{
    slot_close(p, start_tick);
    p->blf_hz = NAN;
    p->slot = (struct open_slot){.open = true, .start_tick = start_tick};
}

static void round_begin(struct passive *p, const struct command *command, double start_tick)
{
    slot_close(p, start_tick);
    round_close(p, start_tick);
    p->round = (struct record_round){.round = p->round.round + 1, .q = command->query.q};
    p->q = command->query.q;
    p->session = command->query.session;
    p->round_start_tick = start_tick;
}

/* ---- replies ---- */

static void other_take(struct passive *p)
{
    const struct reply_second *second = &p->result.second;
    struct bit_reader bits = {.bit = second->bit, .n_bits = second->n_bits};
    uint64_t rn16 = 0;
    p->slot.is_recovered = p->result.is_recovered;
    p->slot.has_other = second->is_known && bits_get(&bits, 16, &rn16) == ST_OK;
    p->slot.other_rn16 = (uint16_t)rn16;
    p->slot.other_blf_hz = second->blf_hz;
}

static bool rn16_take(struct passive *p)
{
    struct bit_reader bits = {.bit = p->result.bits.bit, .n_bits = p->result.bits.n_bits};
    uint64_t rn16 = 0;
    if (bits_get(&bits, 16, &rn16) != ST_OK) {
        return false;
    }
    p->slot.has_rn16 = true;
    p->slot.rn16 = (uint16_t)rn16;
    p->blf_hz = p->result.blf_hz;
    other_take(p);
    return true;
}

/*   out  the CRC is right */
static bool epc_take(struct passive *p)
{
    struct epc_reply reply;
    bool whole = reply_parse_epc(p->result.bits.bit, p->result.bits.n_bits, &reply) == ST_OK;
    if (!whole || !reply.crc_right) {
        p->slot.crc_error = true;
        return false;
    }
    status_due(p, p->result.start_tick);
    struct record record = {.type = RECORD_READ};
    struct record_read *read = &record.read;
    record_read_fill(read, &p->result, &reply, p->tags);
    read->rn16 = p->slot.rn16;
    read->recovered = p->slot.is_recovered;
    read->freq_hz = p->cfg.freq_hz;
    read->n_channels = p->cfg.n_channels;
    read->session = (int)p->session;
    read->round = p->round.round;
    read->slot = p->round.slots;
    p->slot.read = true;
    p->totals.reads++;
    double latency_ticks = p->result.end_tick - p->slot.start_tick;
    stats_add(&p->latency_ms, fmax(latency_ticks, 0.0) / p->cfg.rate_sps * 1e3);
    record_at(p, &record, p->result.start_tick);
    return true;
}

static void reply_take(struct passive *p)
{
    const struct reply_result *result = &p->result;
    bool is_epc = p->listen.kind == REPLY_KIND_EPC;
    bool ok = false;
    record_levels_note(&p->totals, result);
    record_advise(&p->advice, result);
    if (result->verdict == REPLY_DECODED) {
        ok = is_epc ? epc_take(p) : rn16_take(p);
    } else if (result->verdict == REPLY_UNREADABLE) {
        p->slot.collided = true;
    }
    record_slot_note(&p->slot.quality, result, is_epc, ok);
}

/* Run the receiver over the history from the command's end to `limit_tick`. */
static void window_run(struct passive *p, int64_t limit_tick)
{
    int64_t from = (int64_t)p->listen.from_tick + 1;
    from = from > p->history_tick ? from : p->history_tick;
    int64_t n = limit_tick - from;
    if (n <= 0) {
        return;
    }
    const float _Complex *sample[LIMIT_RX_CHANNELS] = {NULL};
    for (unsigned c = 0; c < p->cfg.n_channels; c++) {
        sample[c] = p->history[c] + (from - p->history_tick);
    }
    if (!p->link_known) {
        struct link link;
        if (!link_guess_run(&p->guess, p->receiver, &p->listen, sample, (size_t)n, from, &link)) {
            return;
        }
        p->link = link;
        p->link_guessed = true;
        reply_listen_init(&p->listen, &link, p->listen.kind, p->listen.from_tick);
    }
    reply_rx_begin(p->receiver, &p->listen);
    if (reply_rx_first_tick(p->receiver) < from) {
        return; /* the recording begins in mid-window */
    }
    if (!reply_rx_push(p->receiver, sample, (size_t)n, from, &p->result)) {
        reply_rx_cut(p->receiver, &p->result);
    }
    reply_take(p);
}

static void window_close(struct passive *p, int64_t limit_tick)
{
    if (p->awaiting) {
        p->awaiting = false;
        window_run(p, limit_tick);
    }
}

/* ---- commands ---- */

static void window_open(struct passive *p, enum command_reply expect)
{
    p->awaiting = true;
    enum reply_kind kind = expect == REPLY_EPC ? REPLY_KIND_EPC : REPLY_KIND_RN16;
    if (!p->link_known && !p->link_guessed) { /* link_guess fills the rest */
        memset(&p->listen, 0, sizeof p->listen);
        p->listen.kind = kind;
        p->listen.from_tick = p->frame.end_tick;
        p->listen.carrier_sign = 1;
        link_guess_init(&p->guess, &p->cfg.hint, p->cfg.hint_blf, p->cfg.hint_m, p->cfg.hint_trext,
                        p->frame.tari_us, p->frame.rtcal_us, p->cfg.rate_sps);
        return;
    }
    reply_listen_init(&p->listen, &p->link, kind, p->frame.end_tick);
    if (kind == REPLY_KIND_EPC && p->slot.has_rn16 && isfinite(p->blf_hz)) {
        p->listen.blf_hz = p->blf_hz; /* the tag that gave the RN16 */
        p->listen.blf_tolerance_ratio = BLF_PRIOR_RATIO;
    }
    if (p->cfg.rate_sps < 4.0 * p->link.blf_hz) {
        p->awaiting = false; /* too few samples a Tpri to hold a reply */
    }
}

static void query_take(struct passive *p, const struct command *command)
{
    const struct pie_frame *frame = &p->frame;
    struct link link;
    enum status status = link_from_measured(
        frame->tari_us, frame->rtcal_us, frame->trcal_us, (enum link_dr)command->query.dr,
        (enum link_m)command->query.m, command->query.trext != 0, &link);
    p->link_known = status == ST_OK;
    if (p->link_known) {
        p->link = link;
    }
    round_begin(p, command, frame->start_tick);
}

static void command_record(struct passive *p, const struct command *command, bool decoded,
                           bool crc_right)
{
    struct record record = {.type = RECORD_COMMAND};
    struct record_command *c = &record.command;
    c->decoded = decoded;
    c->crc_right = crc_right;
    if (decoded) {
        c->command = *command;
    }
    c->n_bits = p->frame.bits.n_bits;
    memcpy(c->bit, p->frame.bits.bit, c->n_bits < sizeof c->bit ? c->n_bits : sizeof c->bit);
    c->tari_us = p->frame.tari_us;
    c->rtcal_us = p->frame.rtcal_us;
    c->trcal_us = p->frame.trcal_us;
    record_at(p, &record, p->frame.start_tick);
}

static void frame_take(struct passive *p)
{
    struct command command;
    bool crc_right = false;
    bool decoded =
        command_decode(p->frame.bits.bit, p->frame.bits.n_bits, &command, &crc_right) == ST_OK;
    bool sound = decoded && crc_right;
    if (sound && command.id == COMMAND_QUERY) {
        query_take(p, &command);
    }
    if (sound && command.id == COMMAND_QUERY_ADJUST) {
        slot_close(p, p->frame.start_tick); /* with the Q it was opened under */
        p->q += command.query_adjust.updn == UPDN_UP ? 1 : 0;
        p->q -= command.query_adjust.updn == UPDN_DOWN ? 1 : 0;
        p->q = p->q < 0 ? 0 : p->q > 15 ? 15 : p->q;
    }
    enum command_reply expect = sound ? command_row(command.id)->reply : REPLY_NONE;
    if (expect == REPLY_RN16) {
        slot_begin(p, p->frame.start_tick);
    }
    if (sound && command.id == COMMAND_ACK && !p->slot.open) {
        slot_begin(p, p->frame.start_tick); /* the recording begins after the slot's opening */
        p->slot.has_rn16 = true;
    }
    if (sound && command.id == COMMAND_ACK) {
        if (p->slot.rn16 != command.ack.rn) {
            /* another tag than the one heard here (a collision) is acknowledged */
            bool is_other = p->slot.has_other && p->slot.other_rn16 == command.ack.rn;
            p->blf_hz = is_other ? p->slot.other_blf_hz : NAN;
            p->slot.is_recovered = is_other;
        }
        p->slot.rn16 = command.ack.rn; /* the reader of the recording knew it */
    }
    command_record(p, &command, decoded, crc_right);
    if (expect == REPLY_RN16 ||
        expect == REPLY_EPC) { /* answers to access commands: not followed */
        window_open(p, expect);
    }
}

/* ---- samples ---- */

/* Keep what an open window may still need. */
static void history_trim(struct passive *p, size_t n_coming)
{
    int64_t tail = (int64_t)(TAIL_S * p->cfg.rate_sps);
    int64_t keep_from =
        p->awaiting ? (int64_t)p->listen.from_tick : p->history_tick + (int64_t)p->n_history - tail;
    int64_t drop = keep_from - p->history_tick;
    /* soon, so that what is written and read stays in the cache; not so often that moving counts */
    if (drop >= CHUNK_SAMPLES && 2 * drop > (int64_t)p->n_history) {
        drop = drop < (int64_t)p->n_history ? drop : (int64_t)p->n_history;
        p->n_history -= (size_t)drop;
        p->history_tick += drop;
        for (unsigned c = 0; c < p->cfg.n_channels; c++) {
            float _Complex *history = p->history[c];
            memmove(history, history + drop, p->n_history * sizeof *history);
        }
    }
    if (p->n_history + n_coming > p->history_capacity) { /* a very long gap: decide now */
        window_close(p, p->history_tick + (int64_t)p->n_history);
        p->history_tick += (int64_t)p->n_history;
        p->n_history = 0;
    }
}

static void history_push(struct passive *p, const float _Complex *const *sample, size_t at,
                         size_t n_samples)
{
    history_trim(p, n_samples);
    for (unsigned c = 0; c < p->cfg.n_channels; c++) {
        memcpy(p->history[c] + p->n_history, sample[c] + at, n_samples * sizeof *sample[c]);
    }
    p->n_history += n_samples;
}

/* sample[channel][at .. at + n_samples) */
static void chunk_push(struct passive *p, const float _Complex *const *channel, size_t at,
                       size_t n_samples)
{
    history_push(p, channel, at, n_samples);
    const float _Complex *sample = channel[0] + at;
    while (n_samples > 0) {
        bool found = false;
        size_t n = pie_demod_push(p->demod, sample, n_samples, &p->frame, &found);
        sample += n;
        n_samples -= n;
        if (found) {
            double guard = REPLY_GUARD_TARI * p->frame.tari_us * 1e-6 * p->cfg.rate_sps;
            window_close(p, (int64_t)(p->frame.start_tick - guard));
            frame_take(p);
        }
    }
}

void passive_push(struct passive *p, const float _Complex *const *sample, size_t n_samples,
                  int64_t first_tick)
{
    int64_t next = p->history_tick + (int64_t)p->n_history;
    if (first_tick != next) {
        window_close(p, next);
        p->history_tick = first_tick;
        p->n_history = 0;
        pie_demod_reset(p->demod, first_tick);
    }
    for (size_t at = 0; at < n_samples;) {
        size_t n = n_samples - at < CHUNK_SAMPLES ? n_samples - at : CHUNK_SAMPLES;
        chunk_push(p, sample, at, n);
        at += n;
    }
}

void passive_finish(struct passive *p)
{
    int64_t end = p->history_tick + (int64_t)p->n_history;
    if (pie_demod_finish(p->demod, &p->frame)) {
        double guard = REPLY_GUARD_TARI * p->frame.tari_us * 1e-6 * p->cfg.rate_sps;
        window_close(p, (int64_t)(p->frame.start_tick - guard));
        frame_take(p);
    }
    window_close(p, end);
    slot_close(p, (double)end);
    round_close(p, (double)end);
    double end_s = (double)end / p->cfg.rate_sps;
    status_due(p, (double)end);
    status_record(p, RECORD_SUMMARY, end_s);
}
