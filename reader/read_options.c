/* read_options.c - option rows of what an inventory is for, and the Selects and sessions they mean. */
#include "reader/read_options.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "protocol/reply_length.h"
#include "protocol/selection.h"
#include "reader/epc_list.h"

enum { SESSION_S0 = 0, SESSION_S1, SESSION_S2, SESSION_S3 };
enum { TARGET_A = 0, TARGET_B, TARGET_DUAL };
enum { SELECT_NO = 0, SELECT_YES, SELECT_AUTO };

#define ROW(key_, kind_, unit_, fallback_, min_, max_, choices_, field_, meaning_, shorthand_)     \
    {                                                                                              \
        .key = "inventory." key_, .kind = OPTION_##kind_, .unit = unit_, .fallback = fallback_,    \
        .min = min_, .max = max_, .choices = choices_,                                             \
        .offset = offsetof(struct read_keys, field_), .meaning = meaning_, .shorthand = shorthand_ \
    }

static const struct option_row read_rows[] = {
    ROW("read", CHOICE, "", "keep", 0, 0, "keep|once|new|focus|watch", way,
        "keep: all tags again and again; once: each tag once (session S2), then end; new: each tag "
        "once, newcomers as they come; focus: tags stay quiet while they have power (S1, set "
        "anew); "
        "watch: those of a list again and again, and who is missed",
        "read"),
    ROW("select", TEXT, "", "", 0, 0, NULL, select,
        "tags that take part: masks like epc:3034*, tid:E28011, user@0:BEEF/FFFF (@ bit address, / "
        "bits that count), joined from left to right by and, or, xor, a comma (or), each after not "
        "if need be; empty: all tags",
        "select"),
    ROW("truncate", BOOL, "", "false", 0, 0, NULL, truncate,
        "tags leave out what the last mask holds, which begins where the EPC does; the reader puts "
        "it back",
        "truncate"),
    ROW("epc_bits", INT, "", "96", 16, 496, NULL, epc_bits,
        "with truncate: how long the tags' EPCs are, whole words", NULL),
    ROW("watch", TEXT, "", "", 0, 0, NULL, watch,
        "tags to watch: EPCs, or their beginnings and a *, separated by commas", "watch"),
    ROW("watch_file", TEXT, "", "", 0, 0, NULL, watch_file,
        "file with more of them, one a line, # begins a comment", NULL),
    ROW("missed_s", NUMBER, "s", "2", 0.05, 1e6, NULL, missed_s,
        "a watched tag not seen for so long is missed", "missed"),
    ROW("quiet_s", NUMBER, "s", "1", 0.05, 1e6, NULL, quiet_s,
        "once: the run ends when no tag was read for so long", NULL),
};

const struct option_table read_options = {
    .title = "what to read", .rows = read_rows, .n_rows = sizeof read_rows / sizeof *read_rows};

/* What a way of reading sets where nobody else did, and what it does not go with. */
static const struct way_row {
    const char *name;
    int session, target, select_all; /* -1: as it is */
    unsigned sessions, targets;      /* accepted, one bit each */
    const char *accepted;
} way_rows[] = {
    [READ_KEEP] = {"keep", -1, -1, -1, 0xF, 0x7, ""},
    [READ_ONCE] = {"once", SESSION_S2, TARGET_A, INVENTORY_SELECT_START,
                   1U << SESSION_S2 | 1U << SESSION_S3, 1U << TARGET_A | 1U << TARGET_B,
                   "session s2 or s3, target a or b, select_all start or no"},
    [READ_NEW] = {"new", SESSION_S2, TARGET_A, INVENTORY_SELECT_START,
                  1U << SESSION_S2 | 1U << SESSION_S3, 1U << TARGET_A,
                  "session s2 or s3, target a, select_all start or no"},
    [READ_FOCUS] = {"focus", SESSION_S1, TARGET_A, INVENTORY_SELECT_START, 1U << SESSION_S1,
                    1U << TARGET_A, "session s1, target a, select_all start or no"},
    [READ_WATCH] = {"watch", -1, -1, -1, 0xF, 0x7, ""},
};

static void way_fill(const struct way_row *way, const struct option_set *options,
                     struct inventory_cfg *inventory)
{
    if (way->session >= 0 && !option_is_set(options, "inventory.session")) {
        inventory->session = way->session;
    }
    if (way->target >= 0 && !option_is_set(options, "inventory.target")) {
        inventory->target = way->target;
    }
    if (way->select_all >= 0 && !option_is_set(options, "inventory.select_all")) {
        inventory->select_all = way->select_all;
    }
}

static enum status way_check(const struct way_row *way, const struct inventory_cfg *inventory)
{
    const bool reselects =
        inventory->select_all == SELECT_YES ||
        (inventory->select_all == SELECT_AUTO && inventory->session != SESSION_S0);
    const bool once = way->select_all == INVENTORY_SELECT_START;
    bool fits = (way->sessions >> inventory->session & 1U) &&
                (way->targets >> inventory->target & 1U) && !(once && reselects);
    if (!fits) {
        return status_fail(ST_USAGE, "inventory.read %s goes with inventory.%s only", way->name,
                           way->accepted);
    }
    bool again = inventory->target == TARGET_DUAL || reselects;
    if (way == &way_rows[READ_WATCH] && !again) {
        return status_fail(ST_USAGE, "inventory.read watch meets each tag again and again: "
                                     "inventory.target dual, or inventory.select_all yes");
    }
    return ST_OK;
}

static enum status watch_make(const struct read_keys *keys, struct watchlist_cfg *watch)
{
    static char text[EPC_LIST_FILE_BYTES]; /* large: not on the stack; one program, one list */
    watch->missed_s = keys->missed_s;
    enum status status = watchlist_parse(keys->watch, "inventory.watch", watch);
    if (!status && keys->watch_file[0]) {
        status = epc_list_read("inventory.watch_file", keys->watch_file, text);
        status = status ? status : watchlist_parse(text, keys->watch_file, watch);
    }
    if (!status && watch->n_entries == 0) {
        return status_fail(ST_USAGE, "nobody to watch: accepted EPCs in inventory.watch or "
                                     "inventory.watch_file");
    }
    return status;
}

/* Whoever is on the list takes part. */
static enum status watch_select(const struct watchlist_cfg *watch, struct selection *selection)
{
    enum status status = ST_OK;
    for (size_t k = 0; k < watch->n_entries && !status; k++) {
        status = selection_add(selection, SELECTION_OR, false, &watch->entry[k].mask);
    }
    return status;
}

static enum status truncate_make(const struct read_keys *keys, struct inventory_cfg *inventory)
{
    const struct inventory_mask *mask = selection_common(inventory->mask, inventory->n_masks);
    if (!mask) {
        return status_fail(
            ST_USAGE, "inventory.truncate needs a mask that begins where the EPC does and that "
                      "all who take part fit: alone, or at the end behind 'and'");
    }
    if (keys->epc_bits % 16 != 0 || mask->n_bits + 16 > keys->epc_bits) {
        return status_fail(
            ST_USAGE,
            "inventory.truncate: EPCs of %d bits (inventory.epc_bits), accepted whole "
            "words, and at least 16 bits more than the mask's %d",
            (int)keys->epc_bits, mask->n_bits);
    }
    inventory->truncated_epc_bits = (size_t)keys->epc_bits;
    return ST_OK;
}

enum status read_cfg_make(const struct read_keys *keys, const struct option_set *options,
                          struct inventory_cfg *inventory, struct read_cfg *cfg)
{
    require(keys);
    require(inventory);
    require(cfg);
    const bool lists = keys->watch[0] || keys->watch_file[0];
    const bool says_way = option_is_set(options, "inventory.read");
    const enum read_way way = lists && !says_way ? READ_WATCH : (enum read_way)keys->way;
    require((unsigned)way <= READ_WATCH);
    memset(cfg, 0, sizeof *cfg);
    cfg->quiet_s = way == READ_ONCE ? keys->quiet_s : NAN;
    if (lists && way != READ_WATCH) {
        return status_fail(ST_USAGE,
                           "inventory.read %s and inventory.watch contradict each other: "
                           "accepted inventory.read watch with a list",
                           way_rows[way].name);
    }
    if (way == READ_WATCH && keys->select[0]) {
        return status_fail(ST_USAGE,
                           "inventory.select and inventory.watch both say which tags take "
                           "part: one of them");
    }
    way_fill(&way_rows[way], options, inventory);
    enum status status = way_check(&way_rows[way], inventory);
    struct selection selection = {.n_masks = 0};
    if (!status && way == READ_WATCH) {
        status = watch_make(keys, &cfg->watch);
        status = status ? status : watch_select(&cfg->watch, &selection);
    } else if (!status && keys->select[0]) {
        status = selection_parse(keys->select, &selection);
    }
    if (status) {
        return status;
    }
    inventory->refreshes = way == READ_FOCUS;
    inventory->n_masks = selection.n_masks;
    memcpy(inventory->mask, selection.mask, sizeof inventory->mask);
    return keys->truncate ? truncate_make(keys, inventory) : ST_OK;
}
