/* access_options.c - option rows of `zpreader access`, and what their texts mean. */
#include "reader/access_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "protocol/selection.h"

static const struct option_row access_rows[] = {
    {.key = "access.epc",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct access_keys, epc),
     .meaning =
         "tags whose EPC begins with these hex digits, or BIT:HEX from an address of the EPC "
         "bank on (the EPC begins at bit 32); empty: all tags",
     .shorthand = "epc"},
    {.key = "access.tid",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct access_keys, tid),
     .meaning = "tags whose TID begins with these hex digits, or BIT:HEX",
     .shorthand = "tid"},
    {.key = "access.password",
     .kind = OPTION_TEXT,
     .unit = "",
     .fallback = "",
     .offset = offsetof(struct access_keys, password),
     .meaning = "access password, up to 8 hex digits: given to each tag before anything else",
     .shorthand = "access-password"},
    {.key = "access.identity",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "auto",
     .choices = "auto|epc|tid",
     .offset = offsetof(struct access_keys, identity),
     .meaning =
         "by what a tag is known again; auto: its TID where an operation may change its EPC"},
    {.key = "access.tries",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "3",
     .min = 1,
     .max = 20,
     .offset = offsetof(struct access_keys, tries),
     .meaning = "of a step without answer, before the tag is left and singulated anew"},
    {.key = "access.contacts",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "5",
     .min = 1,
     .max = 100,
     .offset = offsetof(struct access_keys, contacts),
     .meaning = "times in a row a tag is met in vain before it is given up"},
    {.key = "access.tags_max",
     .kind = OPTION_INT,
     .unit = "",
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .offset = offsetof(struct access_keys, tags_max),
     .meaning = "tags that are kept apart in one run"},
    {.key = "access.idle_s",
     .kind = OPTION_NUMBER,
     .unit = "s",
     .fallback = "1",
     .min = 0.05,
     .max = 3600,
     .offset = offsetof(struct access_keys, idle_s),
     .meaning = "the run ends when no operation has got any further for so long"},
    {.key = "access.keep_going",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "false",
     .offset = offsetof(struct access_keys, keep_going),
     .meaning = "after an operation that failed: do the next ones to this tag all the same",
     .shorthand = "keep-going"},
    {.key = "access.yes",
     .kind = OPTION_BOOL,
     .unit = "",
     .fallback = "false",
     .offset = offsetof(struct access_keys, yes),
     .meaning = "kill, lock and permalock are meant",
     .shorthand = "yes"},
};

const struct option_table access_options = {
    .title = "access", .rows = access_rows, .n_rows = sizeof access_rows / sizeof *access_rows};

/* "HEX" or "BIT:HEX", any number of digits. */
static enum status mask_of(const char *key, const char *text, uint32_t first_bit,
                           struct access_mask *mask)
{
    struct inventory_mask digits;
    const char *colon = strchr(text, ':');
    const char *hex = colon ? colon + 1 : text;
    char *end = NULL;
    unsigned long bit = colon ? strtoul(text, &end, 0) : first_bit;
    memset(mask, 0, sizeof *mask);
    if (!*text) {
        return ST_OK;
    }
    if ((colon && (end != colon || end == text)) || bit > SELECTION_BIT_MAX ||
        selection_digits(hex, strlen(hex), &digits)) {
        return status_fail(ST_USAGE, "%s is '%.80s', accepted 1 .. 62 hex digits, or BIT:HEX", key,
                           text);
    }
    mask->pointer_bits = (uint32_t)bit;
    mask->n_bits = digits.n_bits;
    memcpy(mask->mask, digits.mask, sizeof mask->mask);
    return ST_OK;
}

static enum status password_of(const char *text, uint32_t *password)
{
    char *end = NULL;
    const size_t n_digits = strlen(text);
    *password = (uint32_t)strtoul(text, &end, 16);
    if (n_digits > 8 || strspn(text, "0123456789abcdefABCDEF") != n_digits || *end) {
        return status_fail(ST_USAGE, "access.password is not 1 .. 8 hex digits");
    }
    return ST_OK;
}

static enum status ops_take(const struct access_keys *keys, int n_texts, char *const *texts,
                            struct access_cfg *cfg)
{
    if (n_texts == 0) {
        return status_fail(ST_USAGE,
                           "access needs at least one operation: zpreader access \"tid\" \"read "
                           "user 0 4\"; zpreader access --help lists them");
    }
    for (int i = 0; i < n_texts; i++) {
        if (cfg->n_ops == ACCESS_OPS_MAX) {
            return status_fail(ST_USAGE, "more than %d operations", ACCESS_OPS_MAX);
        }
        struct access_op *op = &cfg->op[cfg->n_ops++];
        enum status status = access_op_parse(texts[i], op);
        if (status) {
            return status;
        }
        if (op->kind == ACCESS_OP_KILL && i + 1 < n_texts) {
            return status_fail(ST_USAGE, "nothing can follow a kill");
        }
        if (access_op_row(op->kind)->is_final && !keys->yes) {
            return status_fail(ST_USAGE,
                               "'%s' may not be taken back, and is done to every tag that fits: "
                               "say --yes if it is meant",
                               access_op_row(op->kind)->name);
        }
    }
    return ST_OK;
}

enum status access_cfg_make(const struct access_keys *keys, int n_texts, char *const *texts,
                            struct access_cfg *cfg)
{
    require(keys);
    require(cfg);
    memset(cfg, 0, sizeof *cfg);
    cfg->identity = (enum access_identity)keys->identity;
    cfg->n_tries = (unsigned)keys->tries;
    cfg->n_contacts_max = (unsigned)keys->contacts;
    cfg->n_tags_max = (size_t)keys->tags_max;
    cfg->keeps_going = keys->keep_going;
    enum status status = mask_of("access.epc", keys->epc, SELECTION_EPC_BIT, &cfg->epc);
    status = status ? status : mask_of("access.tid", keys->tid, 0, &cfg->tid);
    if (!status && keys->password[0]) {
        cfg->op[0].kind = ACCESS_OP_ACCESS;
        cfg->n_ops = 1;
        status = password_of(keys->password, &cfg->op[0].password);
    }
    return status ? status : ops_take(keys, n_texts, texts, cfg);
}

static void mask_add(const struct access_mask *from, uint8_t bank, struct selection *selection)
{
    if (from->n_bits == 0) {
        return;
    }
    struct inventory_mask mask = {
        .mem_bank = bank, .pointer_bits = from->pointer_bits, .n_bits = (uint8_t)from->n_bits};
    memcpy(mask.mask, from->mask, sizeof mask.mask);
    const enum status status = selection_add(selection, SELECTION_AND, false, &mask);
    require(status == ST_OK); /* two at most */
}

void access_masks_make(const struct access_cfg *cfg, struct inventory_cfg *inventory)
{
    require(cfg);
    require(inventory);
    bool changes_epc = false;
    for (size_t i = 0; i < cfg->n_ops; i++) {
        changes_epc = changes_epc || access_op_changes_epc(&cfg->op[i]);
    }
    struct selection selection = {.n_masks = 0};
    mask_add(&cfg->tid, BANK_TID, &selection);
    if (!changes_epc) {
        mask_add(&cfg->epc, BANK_EPC, &selection);
    }
    inventory->n_masks = selection.n_masks;
    memcpy(inventory->mask, selection.mask, sizeof inventory->mask);
}
