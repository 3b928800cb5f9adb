/* auth_ledger.c - tags in a hash table with chains. One ring holds all in the order of their last
 * attempt, to make room. A second holds those with a failure to report now; a third those reported
 * within the last interval, in the order of their reports: when a tag's interval is over, what
 * failed since is due. */
#include "reader/auth_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define TAGS_MAX 1000000u

/* places in the table that are heads of rings; tags follow */
enum { HEAD_TRIED = 0, HEAD_READY, HEAD_RESTING, PLACE_FIRST, NOWHERE = 0 };

const char *const auth_outcome_word[AUTH_OUTCOME_N] = {
    [AUTH_AUTHENTIC] = "authentic", [AUTH_WRONG_KEY] = "wrong_key", [AUTH_REPLAYED] = "replay",
    [AUTH_TAMPERED] = "tampered",   [AUTH_REFUSED] = "refused",     [AUTH_SILENT] = "silent",
};

const char *const auth_outcome_text[AUTH_OUTCOME_N] = {
    [AUTH_AUTHENTIC] = "authentic",      [AUTH_WRONG_KEY] = "wrong key",
    [AUTH_REPLAYED] = "replayed answer", [AUTH_TAMPERED] = "data tampered with",
    [AUTH_REFUSED] = "refused",          [AUTH_SILENT] = "no answer",
};

struct ring { /* place of the neighbours; of oneself: in no ring, or an empty one */
    uint32_t before, after;
};

struct tag {
    struct ring tried, reports; /* reports: ready or resting */
    uint32_t chain;             /* next of the same hash, or NOWHERE */
    size_t n_epc_bits;
    uint8_t epc[AUTH_EPC_BYTES];
    bool is_authentic, has_failed;
    int64_t authentic_tick, failed_tick, reported_tick;
    uint64_t n_failures, n[AUTH_OUTCOME_N]; /* not yet reported */
    enum auth_outcome last;
    int64_t first_tick, last_tick; /* of them */
};

struct auth_ledger {
    struct auth_ledger_cfg cfg;
    int64_t now_tick; /* the latest told */
    size_t n_tags;
    size_t n_chains; /* a power of two */
    struct tag *tag; /* [PLACE_FIRST + cfg.n_tags] */
    uint32_t *chain;
    struct auth_report gone; /* failures of tags that made room; n_tags 0: none */
    bool was_gone_told;
    int64_t gone_told_tick;
};

enum status auth_ledger_new(const struct auth_ledger_cfg *cfg, struct auth_ledger **ledger)
{
    require(cfg);
    require(ledger);
    require(cfg->n_tags >= 1);
    require(cfg->n_tags <= TAGS_MAX);
    require(cfg->fresh_ticks >= 0);
    require(cfg->retry_ticks >= 0);
    require(cfg->report_ticks >= 0);
    struct auth_ledger *l = calloc(1, sizeof *l);
    if (l) {
        l->cfg = *cfg;
        l->now_tick = INT64_MIN;
        for (l->n_chains = 2; l->n_chains < cfg->n_tags; l->n_chains *= 2) {
        }
        l->tag = calloc(PLACE_FIRST + cfg->n_tags, sizeof *l->tag);
        l->chain = calloc(l->n_chains, sizeof *l->chain);
    }
    if (!l || !l->tag || !l->chain) {
        auth_ledger_free(&l);
        return status_fail(ST_NO_MEMORY, "authentications: no memory for %zu tags", cfg->n_tags);
    }
    for (uint32_t k = 0; k < PLACE_FIRST; k++) {
        l->tag[k].tried = l->tag[k].reports = (struct ring){k, k};
    }
    *ledger = l;
    return ST_OK;
}

void auth_ledger_free(struct auth_ledger **ledger)
{
    require(ledger);
    if (*ledger) {
        free((*ledger)->tag);
        free((*ledger)->chain);
        free(*ledger);
        *ledger = NULL;
    }
}

static void tried_take(struct tag *tag, uint32_t at)
{
    tag[tag[at].tried.before].tried.after = tag[at].tried.after;
    tag[tag[at].tried.after].tried.before = tag[at].tried.before;
}

static void tried_put(struct tag *tag, uint32_t at)
{
    uint32_t last = tag[HEAD_TRIED].tried.before;
    tag[at].tried = (struct ring){last, HEAD_TRIED};
    tag[last].tried.after = tag[HEAD_TRIED].tried.before = at;
}

static void reports_take(struct tag *tag, uint32_t at)
{
    tag[tag[at].reports.before].reports.after = tag[at].reports.after;
    tag[tag[at].reports.after].reports.before = tag[at].reports.before;
    tag[at].reports = (struct ring){at, at};
}

static void reports_put(struct tag *tag, uint32_t head, uint32_t at)
{
    uint32_t last = tag[head].reports.before;
    tag[at].reports = (struct ring){last, head};
    tag[last].reports.after = tag[head].reports.before = at;
}

static uint32_t *chain_of(const struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits)
{
    uint64_t hash = 0xCBF29CE484222325u ^ n_epc_bits; /* FNV-1a */
    for (size_t k = 0; k < (n_epc_bits + 7) / 8; k++) {
        hash = (hash ^ epc[k]) * 0x100000001B3u;
    }
    return &ledger->chain[(hash ^ hash >> 32) & (ledger->n_chains - 1)];
}

/*   out place of the tag, or NOWHERE */
static uint32_t tag_find(const struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits)
{
    require(n_epc_bits <= 8 * (size_t)AUTH_EPC_BYTES);
    require(epc || n_epc_bits == 0);
    uint32_t at = *chain_of(ledger, epc, n_epc_bits);
    for (; at != NOWHERE; at = ledger->tag[at].chain) {
        const struct tag *tag = &ledger->tag[at];
        if (tag->n_epc_bits == n_epc_bits &&
            (n_epc_bits == 0 || memcmp(tag->epc, epc, (n_epc_bits + 7) / 8) == 0)) {
            break;
        }
    }
    return at;
}

/* What the tag failed and nobody was told is told without its name. */
static void gone_note(struct auth_report *gone, const struct tag *tag)
{
    if (tag->n_failures == 0) {
        return;
    }
    bool is_first = gone->n_tags == 0;
    gone->n_tags++;
    for (int k = 0; k < AUTH_OUTCOME_N; k++) {
        gone->n[k] += tag->n[k];
    }
    if (is_first || tag->first_tick < gone->first_tick) {
        gone->first_tick = tag->first_tick;
    }
    if (is_first || tag->last_tick >= gone->last_tick) {
        gone->last_tick = tag->last_tick;
        gone->last = tag->last;
    }
}

/*   out the place of the tag not tried for longest, no longer its own */
static uint32_t room_make(struct auth_ledger *ledger)
{
    uint32_t at = ledger->tag[HEAD_TRIED].tried.after;
    struct tag *tag = &ledger->tag[at];
    uint32_t *chain = chain_of(ledger, tag->epc, tag->n_epc_bits);
    while (*chain != at) {
        chain = &ledger->tag[*chain].chain;
    }
    *chain = tag->chain;
    gone_note(&ledger->gone, tag);
    tried_take(ledger->tag, at);
    reports_take(ledger->tag, at);
    return at;
}

static uint32_t tag_make(struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits)
{
    uint32_t at = ledger->n_tags < ledger->cfg.n_tags ? (uint32_t)(PLACE_FIRST + ledger->n_tags++)
                                                      : room_make(ledger);
    uint32_t *chain = chain_of(ledger, epc, n_epc_bits);
    ledger->tag[at] = (struct tag){
        .reports = {at, at},
        .chain = *chain,
        .n_epc_bits = n_epc_bits,
    };
    if (n_epc_bits > 0) {
        memcpy(ledger->tag[at].epc, epc, (n_epc_bits + 7) / 8);
    }
    *chain = at;
    tried_put(ledger->tag, at);
    return at;
}

static bool is_authentic(const struct auth_ledger *ledger, uint32_t at, int64_t now_tick)
{
    const struct tag *tag = &ledger->tag[at];
    return tag->is_authentic && now_tick - tag->authentic_tick <= ledger->cfg.fresh_ticks;
}

bool auth_ledger_is_authentic(const struct auth_ledger *ledger, const uint8_t *epc,
                              size_t n_epc_bits, int64_t now_tick)
{
    require(ledger);
    uint32_t at = tag_find(ledger, epc, n_epc_bits);
    return at != NOWHERE && is_authentic(ledger, at, now_tick);
}

int64_t auth_ledger_authentic_tick(const struct auth_ledger *ledger, const uint8_t *epc,
                                   size_t n_epc_bits)
{
    require(ledger);
    uint32_t at = tag_find(ledger, epc, n_epc_bits);
    require(at != NOWHERE);
    require(ledger->tag[at].is_authentic);
    return ledger->tag[at].authentic_tick;
}

bool auth_ledger_is_due(const struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits,
                        int64_t now_tick)
{
    require(ledger);
    uint32_t at = tag_find(ledger, epc, n_epc_bits);
    if (at == NOWHERE) {
        return true;
    }
    const struct tag *tag = &ledger->tag[at];
    bool rests = tag->has_failed && now_tick - tag->failed_tick < ledger->cfg.retry_ticks;
    return !rests && !is_authentic(ledger, at, now_tick);
}

static void failure_note(struct auth_ledger *ledger, uint32_t at, enum auth_outcome outcome,
                         int64_t now_tick)
{
    struct tag *tag = &ledger->tag[at];
    tag->is_authentic = tag->is_authentic && outcome == AUTH_SILENT;
    tag->has_failed = true;
    tag->failed_tick = tag->last_tick = now_tick;
    tag->first_tick = tag->n_failures == 0 ? now_tick : tag->first_tick;
    tag->n_failures++;
    tag->n[outcome]++;
    tag->last = outcome;
    if (tag->reports.after == at) { /* neither ready nor resting */
        reports_put(ledger->tag, HEAD_READY, at);
    }
}

void auth_ledger_note(struct auth_ledger *ledger, const uint8_t *epc, size_t n_epc_bits,
                      enum auth_outcome outcome, int64_t now_tick)
{
    require(ledger);
    require(outcome < AUTH_OUTCOME_N);
    require(now_tick >= ledger->now_tick);
    ledger->now_tick = now_tick;
    uint32_t at = tag_find(ledger, epc, n_epc_bits);
    if (at == NOWHERE) {
        at = tag_make(ledger, epc, n_epc_bits);
    } else {
        tried_take(ledger->tag, at);
        tried_put(ledger->tag, at);
    }
    if (outcome != AUTH_AUTHENTIC) {
        failure_note(ledger, at, outcome, now_tick);
        return;
    }
    struct tag *tag = &ledger->tag[at];
    tag->is_authentic = true;
    tag->has_failed = false;
    tag->authentic_tick = now_tick;
}

static void report_fill(struct auth_ledger *ledger, uint32_t at, int64_t now_tick,
                        struct auth_report *report)
{
    struct tag *tag = &ledger->tag[at];
    *report = (struct auth_report){
        .has_epc = true,
        .n_epc_bits = tag->n_epc_bits,
        .n_tags = 1,
        .last = tag->last,
        .first_tick = tag->first_tick,
        .last_tick = tag->last_tick,
    };
    memcpy(report->epc, tag->epc, sizeof report->epc);
    memcpy(report->n, tag->n, sizeof report->n);
    memset(tag->n, 0, sizeof tag->n);
    tag->n_failures = 0;
    tag->reported_tick = now_tick;
    reports_put(ledger->tag, HEAD_RESTING, at);
}

bool auth_ledger_report(struct auth_ledger *ledger, int64_t now_tick, bool is_last,
                        struct auth_report *report)
{
    require(ledger);
    require(report);
    require(now_tick >= ledger->now_tick);
    ledger->now_tick = now_tick;
    bool gone_rests = ledger->was_gone_told && !is_last &&
                      now_tick - ledger->gone_told_tick < ledger->cfg.report_ticks;
    if (ledger->gone.n_tags > 0 && !gone_rests) {
        *report = ledger->gone;
        ledger->gone = (struct auth_report){0};
        ledger->was_gone_told = true;
        ledger->gone_told_tick = now_tick;
        return true;
    }
    struct tag *tag = ledger->tag;
    for (;;) {
        uint32_t at = tag[HEAD_RESTING].reports.after;
        bool rests = at != HEAD_RESTING &&
                     now_tick - tag[at].reported_tick < ledger->cfg.report_ticks && !is_last;
        if (at == HEAD_RESTING || rests) {
            at = tag[HEAD_READY].reports.after;
        }
        if (at == HEAD_READY) {
            return false;
        }
        reports_take(tag, at);
        if (tag[at].n_failures > 0) {
            report_fill(ledger, at, now_tick, report);
            return true;
        }
    }
}
