/* selection.c - words and hex digits -> masks, each with the action that joins it to those before. */
#include "protocol/selection.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

enum { FIRST = SELECTION_XOR + 1, JOIN_N };

/* SL after a Select, by how its mask joins: what was before, and whether the mask fits. */
static const uint8_t action_of[JOIN_N][2] = {
    /* plain, not */
    [SELECTION_AND] = {2, 5},
    [SELECTION_OR] = {1, 6},
    [SELECTION_XOR] = {3, 7},
    [FIRST] = {0, 4},
};

static const struct bank_row {
    const char *name;
    uint8_t bank;
    uint32_t first_bit;
} bank_rows[] = {
    {"epc", BANK_EPC, SELECTION_EPC_BIT},
    {"tid", BANK_TID, 0},
    {"user", BANK_USER, 0},
};
enum { BANK_ROWS = sizeof bank_rows / sizeof *bank_rows };

enum status selection_digits(const char *digits, size_t n_digits, struct inventory_mask *mask)
{
    require(digits);
    require(mask);
    static const char hex[] = "0123456789ABCDEF";
    memset(mask->mask, 0, sizeof mask->mask);
    mask->n_bits = 0;
    if (n_digits == 0 || n_digits > SELECTION_DIGITS_MAX) {
        return status_fail(ST_FORMAT, "accepted 1 .. %d hex digits", SELECTION_DIGITS_MAX);
    }
    for (size_t i = 0; i < n_digits; i++) {
        const char *at = digits[i] ? strchr(hex, toupper((unsigned char)digits[i])) : NULL;
        if (!at) {
            return status_fail(ST_FORMAT, "accepted 1 .. %d hex digits", SELECTION_DIGITS_MAX);
        }
        const unsigned value = (unsigned)(at - hex);
        mask->mask[i / 2] |= (uint8_t)(i % 2 ? value : value << 4);
    }
    mask->n_bits = (uint8_t)(4 * n_digits);
    return ST_OK;
}

enum status selection_add(struct selection *selection, enum selection_join join, bool is_not,
                          const struct inventory_mask *mask)
{
    require(selection);
    require(mask);
    require((unsigned)join <= SELECTION_XOR);
    if (selection->n_masks == INVENTORY_MASKS_MAX) {
        return status_fail(ST_FULL, "more than %d masks", INVENTORY_MASKS_MAX);
    }
    const int row = selection->n_masks == 0 ? (int)FIRST : (int)join;
    struct inventory_mask *added = &selection->mask[selection->n_masks++];
    *added = *mask;
    added->action = action_of[row][is_not ? 1 : 0];
    return ST_OK;
}

struct scan { /* the text, word by word */
    const char *text, *word;
    size_t n_chars;
};

static bool is_part(char c)
{
    return c != '\0' && c != ',' && !isspace((unsigned char)c);
}

/* The next word: a comma, or what stands between blanks and commas.   out false: the end */
static bool word_next(struct scan *scan)
{
    scan->word += scan->n_chars;
    while (isspace((unsigned char)*scan->word)) {
        scan->word++;
    }
    scan->n_chars = *scan->word == ',' ? 1 : 0;
    while (*scan->word != ',' && is_part(scan->word[scan->n_chars])) {
        scan->n_chars++;
    }
    return scan->n_chars > 0;
}

static bool word_is(const struct scan *scan, const char *text)
{
    return strlen(text) == scan->n_chars && strncmp(scan->word, text, scan->n_chars) == 0;
}

static enum status word_fail(const struct scan *scan, const char *accepted)
{
    const size_t n = scan->n_chars < 80 ? scan->n_chars : 80;
    return status_fail(ST_USAGE, "selection '%.*s' (character %zu): %s", (int)n,
                       scan->n_chars ? scan->word : "", (size_t)(scan->word - scan->text) + 1,
                       accepted);
}

#define MASK_FORM                                                                                  \
    "accepted BANK:HEX or BANK@BIT:HEX with BANK epc, tid or user, BIT 0 .. 65535, 1 .. 62 hex "   \
    "digits, /HEX of as many behind them for the bits that count"

/* "BANK", "BANK@BIT": what stands before the colon. */
static bool bank_take(const char *text, size_t n_chars, struct inventory_mask *mask)
{
    const char *at = memchr(text, '@', n_chars);
    const size_t n_name = at ? (size_t)(at - text) : n_chars;
    const struct bank_row *row = NULL;
    for (size_t k = 0; k < BANK_ROWS; k++) {
        if (strlen(bank_rows[k].name) == n_name && !strncmp(bank_rows[k].name, text, n_name)) {
            row = &bank_rows[k];
        }
    }
    if (!row) {
        return false;
    }
    mask->mem_bank = row->bank;
    mask->pointer_bits = row->first_bit;
    if (at) {
        char *end = NULL;
        if (!isdigit((unsigned char)at[1])) {
            return false;
        }
        const unsigned long bit = strtoul(at + 1, &end, 0);
        mask->pointer_bits = (uint32_t)bit;
        return end == text + n_chars && bit <= SELECTION_BIT_MAX;
    }
    return true;
}

struct term { /* one mask, and which of its bits count */
    struct inventory_mask value, counts;
};

static bool term_parse(const struct scan *scan, struct term *term)
{
    const char *text = scan->word, *end = scan->word + scan->n_chars;
    const char *colon = memchr(text, ':', scan->n_chars);
    memset(term, 0, sizeof *term);
    term->value.mem_bank = BANK_EPC;
    term->value.pointer_bits = SELECTION_EPC_BIT;
    if (colon && !bank_take(text, (size_t)(colon - text), &term->value)) {
        return false;
    }
    text = colon ? colon + 1 : text;
    end -= end > text && end[-1] == '*';
    const char *slash = memchr(text, '/', (size_t)(end - text));
    const size_t n_digits = (size_t)((slash ? slash : end) - text);
    memset(term->counts.mask, 0xFF, sizeof term->counts.mask);
    if (selection_digits(text, n_digits, &term->value) != ST_OK) {
        return false;
    }
    if (!slash) {
        return true;
    }
    return (size_t)(end - slash - 1) == n_digits &&
           selection_digits(slash + 1, n_digits, &term->counts) == ST_OK;
}

static unsigned bit_of(const uint8_t *packed, size_t at)
{
    return packed[at / 8] >> (7 - at % 8) & 1U;
}

/* The next run of bits that count, from *at on.   out false: there is none left */
static bool run_next(const struct term *term, size_t *at, struct inventory_mask *run)
{
    const size_t n_bits = term->value.n_bits;
    size_t from = *at;
    while (from < n_bits && !bit_of(term->counts.mask, from)) {
        from++;
    }
    *run = term->value;
    run->pointer_bits += (uint32_t)from;
    run->n_bits = 0;
    memset(run->mask, 0, sizeof run->mask);
    for (*at = from; *at < n_bits && bit_of(term->counts.mask, *at); (*at)++) {
        const size_t k = run->n_bits++;
        run->mask[k / 8] |= (uint8_t)(bit_of(term->value.mask, *at) << (7 - k % 8));
    }
    return run->n_bits > 0;
}

/* Parts of one mask: all of them fit, or not all of them. Only one flag is there to keep it in, so it goes
 * where nothing but that flag is needed. */
static enum status term_add(const struct scan *scan, const struct term *term,
                            enum selection_join join, bool is_not, struct selection *selection)
{
    struct inventory_mask run;
    const enum selection_join own = is_not ? SELECTION_OR : SELECTION_AND;
    const bool alone = selection->n_masks == 0;
    size_t n_runs = 0;
    for (size_t at = 0; run_next(term, &at, &run);) {
        if (++n_runs == 2 && !alone && join != own) {
            return word_fail(scan, "bits that count with a gap between them are several masks, and "
                                   "go first, behind 'and', or as 'or not'");
        }
        const enum status status = selection_add(selection, n_runs == 1 ? join : own, is_not, &run);
        if (status) {
            return word_fail(scan, "one mask too many, accepted up to 64");
        }
    }
    return n_runs > 0 ? ST_OK : word_fail(scan, "no bit counts");
}
_Static_assert(INVENTORY_MASKS_MAX == 64, "the text above");

static bool join_take(const struct scan *scan, enum selection_join *join)
{
    static const struct {
        const char *word;
        enum selection_join join;
    } rows[] = {
        {"and", SELECTION_AND}, {"or", SELECTION_OR}, {"xor", SELECTION_XOR}, {",", SELECTION_OR}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        if (word_is(scan, rows[k].word)) {
            *join = rows[k].join;
            return true;
        }
    }
    return false;
}

enum status selection_parse(const char *text, struct selection *selection)
{
    require(text);
    require(selection);
    struct scan scan = {.text = text, .word = text};
    enum selection_join join = SELECTION_OR;
    selection->n_masks = 0;
    do {
        bool is_not = false, more = word_next(&scan);
        while (more && word_is(&scan, "not")) {
            is_not = !is_not;
            more = word_next(&scan);
        }
        struct term term;
        if (!more || !term_parse(&scan, &term)) {
            return word_fail(&scan, MASK_FORM);
        }
        const enum status status = term_add(&scan, &term, join, is_not, selection);
        if (status) {
            return status;
        }
        if (!word_next(&scan)) {
            return ST_OK;
        }
    } while (join_take(&scan, &join));
    return word_fail(&scan, "accepted between masks: and, or, xor, a comma");
}

const struct inventory_mask *selection_common(const struct inventory_mask *mask, size_t n_masks)
{
    require(mask || n_masks == 0);
    if (n_masks == 0) {
        return NULL;
    }
    const struct inventory_mask *last = &mask[n_masks - 1];
    const uint8_t only = n_masks == 1 ? action_of[FIRST][0] : action_of[SELECTION_AND][0];
    bool fits = last->action == only && last->mem_bank == BANK_EPC &&
                last->pointer_bits == SELECTION_EPC_BIT;
    return fits ? last : NULL;
}
