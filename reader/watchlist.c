/* watchlist.c - a list of EPCs out of a text, and who of it is there. */
#include "reader/watchlist.h"

#include <math.h>
#include <string.h>

#include "config/require.h"
#include "protocol/selection.h"
#include "reader/epc_list.h"

static bool is_listed(const struct watchlist_cfg *cfg, const struct watchlist_entry *entry)
{
    for (size_t k = 0; k < cfg->n_entries; k++) {
        const struct watchlist_entry *other = &cfg->entry[k];
        if (other->is_prefix == entry->is_prefix && other->mask.n_bits == entry->mask.n_bits &&
            memcmp(other->mask.mask, entry->mask.mask, sizeof entry->mask.mask) == 0) {
            return true;
        }
    }
    return false;
}

static enum status entry_take(const char *text, size_t n_chars, const char *where,
                              struct watchlist_cfg *cfg)
{
    struct watchlist_entry entry = {.is_prefix = text[n_chars - 1] == '*'};
    entry.mask.mem_bank = BANK_EPC;
    entry.mask.pointer_bits = SELECTION_EPC_BIT;
    const size_t n_digits = n_chars - entry.is_prefix;
    if (selection_digits(text, n_digits, &entry.mask) ||
        (!entry.is_prefix && entry.mask.n_bits % 16 != 0)) {
        return status_fail(ST_USAGE,
                           "%s: '%.*s', accepted a whole EPC (4, 8, ... 60 hex digits), or its "
                           "beginning and a *",
                           where, (int)(n_chars < 80 ? n_chars : 80), text);
    }
    if (is_listed(cfg, &entry)) {
        return ST_OK;
    }
    if (cfg->n_entries == WATCHLIST_MAX) {
        return status_fail(ST_USAGE, "%s: more than %d EPCs", where, WATCHLIST_MAX);
    }
    cfg->entry[cfg->n_entries++] = entry;
    return ST_OK;
}

enum status watchlist_parse(const char *text, const char *where, struct watchlist_cfg *cfg)
{
    require(text);
    require(where);
    require(cfg);
    const char *word;
    size_t n_chars;
    enum status status = ST_OK;
    while (!status && epc_list_word(&text, &word, &n_chars)) {
        status = entry_take(word, n_chars, where, cfg);
    }
    return status;
}

void watchlist_init(struct watchlist *watchlist, const struct watchlist_cfg *cfg)
{
    require(watchlist);
    require(cfg);
    require(cfg->n_entries <= WATCHLIST_MAX);
    memset(watchlist, 0, sizeof *watchlist);
    watchlist->cfg = *cfg;
    for (size_t k = 0; k < WATCHLIST_MAX; k++) {
        watchlist->seen_s[k] = NAN;
    }
}

static bool entry_fits(const struct watchlist_entry *entry, const uint8_t *epc, size_t n_epc_bits)
{
    const size_t n_bits = entry->mask.n_bits;
    if (n_epc_bits < n_bits || (!entry->is_prefix && n_epc_bits != n_bits)) {
        return false;
    }
    const unsigned rest = n_bits % 8;
    return memcmp(epc, entry->mask.mask, n_bits / 8) == 0 &&
           (rest == 0 || (epc[n_bits / 8] ^ entry->mask.mask[n_bits / 8]) >> (8 - rest) == 0);
}

static double absent_s(const struct watchlist *watchlist, size_t k, double t_s)
{
    return t_s - (isnan(watchlist->seen_s[k]) ? 0.0 : watchlist->seen_s[k]);
}

bool watchlist_seen(struct watchlist *watchlist, const uint8_t *epc, size_t n_epc_bits, double t_s,
                    struct watchlist_change *change)
{
    require(watchlist);
    require(epc || n_epc_bits == 0);
    require(change);
    for (size_t k = 0; k < watchlist->cfg.n_entries; k++) {
        const struct watchlist_entry *entry = &watchlist->cfg.entry[k];
        if (!entry_fits(entry, epc, n_epc_bits)) {
            continue;
        }
        *change = (struct watchlist_change){entry, true, absent_s(watchlist, k, t_s),
                                            watchlist->seen_s[k]};
        watchlist->seen_s[k] = t_s;
        if (watchlist->is_missed[k]) {
            watchlist->is_missed[k] = false;
            return true;
        }
    }
    return false;
}

bool watchlist_missed(struct watchlist *watchlist, double t_s, struct watchlist_change *change)
{
    require(watchlist);
    require(change);
    for (size_t k = 0; k < watchlist->cfg.n_entries; k++) {
        const double absent = absent_s(watchlist, k, t_s);
        if (!watchlist->is_missed[k] && absent >= watchlist->cfg.missed_s) {
            watchlist->is_missed[k] = true;
            *change = (struct watchlist_change){&watchlist->cfg.entry[k], false, absent,
                                                watchlist->seen_s[k]};
            return true;
        }
    }
    return false;
}
