/* access_op.c - operations from text: words, numbers, key=value pairs, one row per kind. */
#include "protocol/access_op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

enum {
    WORDS_OF_TEXT_MAX = 8,
    TEXT_MAX = 1400
}; /* 255 words, each with a blank, and what is before */
#define BLANKS " \t"

struct op_words {
    char text[TEXT_MAX];
    size_t n;
    const char *word[WORDS_OF_TEXT_MAX];
};

struct op_layout {
    struct access_op_row row;
    size_t n_min, n_max; /* words after the name */
    enum status (*parse)(const struct op_words *words, struct access_op *op);
    bool has_tail; /* the last of n_max words is all that is left of the text, blanks too */
};

static const char *const bank_names[BANK_N] = {"reserved", "epc", "tid", "user"};

static enum status take_number(const char *what, const char *text, int base, uint32_t max,
                               uint32_t *value)
{
    char *end = NULL;
    unsigned long long number = strtoull(text, &end, base);
    if (!*text || *end || text[0] == '-' || text[0] == '+' || number > max) {
        return status_fail(ST_USAGE, "%s is '%.40s', accepted %s0 .. %s%X%s", what, text,
                           base == 16 ? "hex " : "", base == 16 ? "" : "0x", (unsigned)max,
                           base == 16 ? "" : " (decimal, or hex with 0x)");
    }
    *value = (uint32_t)number;
    return ST_OK;
}

static enum status take_bank(const char *text, uint8_t *bank)
{
    for (unsigned i = 0; i < BANK_N; i++) {
        if (strcmp(text, bank_names[i]) == 0 || (text[0] == (char)('0' + i) && !text[1])) {
            *bank = (uint8_t)i;
            return ST_OK;
        }
    }
    return status_fail(ST_USAGE, "bank is '%.40s', accepted reserved, epc, tid, user (or 0 .. 3)",
                       text);
}

/* "BEEFCAFE", "BEEF CAFE": blanks between words, none in a word. */
static enum status take_hex_words(const char *text, struct access_op *op)
{
    enum { DIGITS = 4 };
    op->n_words = 0;
    for (const char *at = text; *at; at += strspn(at, BLANKS)) {
        char digits[DIGITS + 1];
        uint8_t packed[DIGITS / 2];
        size_t n_bytes = 0;
        snprintf(digits, sizeof digits, "%.4s", at);
        if (op->n_words == ACCESS_WORDS_MAX || strlen(digits) != DIGITS ||
            bits_from_hex(digits, packed, sizeof packed, &n_bytes) != ST_OK) {
            return status_fail(ST_USAGE,
                               "words are '%.40s', accepted 4 hex digits each, 1 .. %d words, "
                               "blanks only between words",
                               text, ACCESS_WORDS_MAX);
        }
        op->word[op->n_words++] = (uint16_t)(packed[0] << 8 | packed[1]);
        at += DIGITS;
    }
    return ST_OK;
}

static enum status take_place(const struct op_words *words, struct access_op *op)
{
    enum status status = take_bank(words->word[1], &op->bank);
    return status ? status
                  : take_number("pointer", words->word[2], 0, UINT32_MAX - 0x10000, &op->pointer);
}

static enum status take_count(const char *text, struct access_op *op)
{
    uint32_t count = 0;
    enum status status = take_number("count", text, 0, ACCESS_WORDS_MAX, &count);
    if (!status && count == 0) {
        status = status_fail(ST_USAGE, "count is 0, accepted 1 .. %d", ACCESS_WORDS_MAX);
    }
    op->n_words = (uint16_t)count;
    return status;
}

static enum status parse_read(const struct op_words *words, struct access_op *op)
{
    enum status status = take_place(words, op);
    if (status || strcmp(words->word[3], "end") == 0) {
        return status;
    }
    return take_count(words->word[3], op);
}

static enum status parse_write(const struct op_words *words, struct access_op *op)
{
    enum status status = take_place(words, op);
    return status ? status : take_hex_words(words->word[3], op);
}

static enum status parse_erase(const struct op_words *words, struct access_op *op)
{
    enum status status = take_place(words, op);
    return status ? status : take_count(words->word[3], op);
}

static enum status parse_nothing(const struct op_words *words, struct access_op *op)
{
    (void)words;
    op->bank = BANK_TID;
    return ST_OK;
}

struct lock_word {
    const char *name;
    unsigned mask, action; /* of a pair of bits */
};
static const struct lock_word lock_words[] = {
    {"lock", 2, 2}, {"unlock", 2, 0}, {"permalock", 3, 3}, {"permaunlock", 3, 1}};
static const char *const lock_areas[] = {"kill", "access", "epc", "tid", "user"};
enum { LOCK_AREAS = sizeof lock_areas / sizeof *lock_areas };

/* "epc=lock": one pair of bits of mask and action. */
static enum status take_lock_pair(const char *text, struct access_op *op)
{
    for (unsigned area = 0; area < LOCK_AREAS; area++) {
        size_t n = strlen(lock_areas[area]);
        for (size_t i = 0; i < sizeof lock_words / sizeof *lock_words; i++) {
            if (strncmp(text, lock_areas[area], n) == 0 && text[n] == '=' &&
                strcmp(text + n + 1, lock_words[i].name) == 0) {
                unsigned shift = 2 * (LOCK_AREAS - 1 - area);
                op->lock_mask = (uint16_t)(op->lock_mask | lock_words[i].mask << shift);
                op->lock_action = (uint16_t)(op->lock_action | lock_words[i].action << shift);
                return ST_OK;
            }
        }
    }
    return status_fail(ST_USAGE,
                       "lock: '%.40s', accepted a payload of 5 hex digits up to FFFFF, or AREA=HOW "
                       "with kill, access, epc, tid, user = lock, unlock, permalock, permaunlock",
                       text);
}

static enum status parse_lock(const struct op_words *words, struct access_op *op)
{
    char *end = NULL;
    unsigned long payload = strtoul(words->word[1], &end, 16);
    if (words->n == 2 && strlen(words->word[1]) == 5 && !*end && payload <= 0xFFFFF) {
        op->lock_mask = (uint16_t)(payload >> 10);
        op->lock_action = (uint16_t)(payload & 0x3FF);
        return ST_OK;
    }
    enum status status = ST_OK;
    for (size_t i = 1; i < words->n && !status; i++) {
        status = take_lock_pair(words->word[i], op);
    }
    return status;
}

static enum status parse_kill(const struct op_words *words, struct access_op *op)
{
    enum status status =
        take_number("kill password", words->word[1], 16, UINT32_MAX, &op->password);
    if (!status && op->password == 0) {
        status =
            status_fail(ST_USAGE, "kill password is 0, which kills no tag; accepted 1 .. FFFFFFFF");
    }
    return status;
}

static enum status parse_permalock_read(const struct op_words *words, struct access_op *op)
{
    op->bank = BANK_USER;
    enum status status = take_number("group of 16 blocks", words->word[1], 0, 0xFFFF, &op->pointer);
    return status ? status : take_count(words->word[2], op);
}

static enum status parse_permalock(const struct op_words *words, struct access_op *op)
{
    op->bank = BANK_USER;
    enum status status = take_number("group of 16 blocks", words->word[1], 0, 0xFFFF, &op->pointer);
    return status ? status : take_hex_words(words->word[2], op);
}

struct untraceable_word {
    const char *name;
    size_t offset;
    uint32_t max;
};
static const struct untraceable_word untraceable_words[] = {
    {"u", offsetof(struct access_op, u), 1},
    {"epc", offsetof(struct access_op, epc), 63},
    {"tid", offsetof(struct access_op, tid), 2},
    {"user", offsetof(struct access_op, user), 1},
    {"range", offsetof(struct access_op, range), 2}};

static enum status parse_untraceable(const struct op_words *words, struct access_op *op)
{
    bool has_epc = false;
    for (size_t i = 1; i < words->n; i++) {
        const struct untraceable_word *row = NULL;
        const char *value = strchr(words->word[i], '=');
        for (size_t k = 0; value && k < sizeof untraceable_words / sizeof *untraceable_words; k++) {
            size_t n = strlen(untraceable_words[k].name);
            bool same = n == (size_t)(value - words->word[i]) &&
                        strncmp(words->word[i], untraceable_words[k].name, n) == 0;
            row = same ? &untraceable_words[k] : row;
        }
        if (!row) {
            return status_fail(ST_USAGE,
                               "untraceable: '%.40s', accepted u=0..1 epc=0..63 (32 + words: hide "
                               "the rest) tid=0..2 user=0..1 range=0..2",
                               words->word[i]);
        }
        uint32_t number = 0;
        enum status status = take_number(row->name, value + 1, 0, row->max, &number);
        if (status) {
            return status;
        }
        *((uint8_t *)op + row->offset) = (uint8_t)number;
        has_epc = has_epc || row->offset == offsetof(struct access_op, epc);
    }
    return has_epc ? ST_OK
                   : status_fail(ST_USAGE, "untraceable needs epc=WORDS: it sets the EPC's length");
}

static const char *const profile_names[] = {"epc", "tid", "user"};
static const char *const protection_names[SUITE_AES_PROTECTIONS] = {"plain", "cbc"};
enum { PROFILES = sizeof profile_names / sizeof *profile_names };

static unsigned name_find(const char *text, const char *const *names, unsigned n_names)
{
    unsigned i = 0;
    while (i < n_names && strcmp(text, names[i]) != 0) {
        i++;
    }
    return i;
}

/* "tid 0 2 cbc": custom data, in blocks of 64 bits. */
static enum status parse_keyed(const struct op_words *words, struct access_op *op)
{
    struct suite_aes_wanted *wanted = &op->wanted;
    uint32_t offset = 0, n_blocks = 0;
    op->is_keyed = true;
    op->has_wanted = words->n > 1;
    if (!op->has_wanted) {
        return ST_OK;
    }
    if (words->n < 4) {
        return status_fail(ST_USAGE, "authenticate: with a profile, accepted: authenticate "
                                     "epc|tid|user OFFSET BLOCKS [plain|cbc]");
    }
    wanted->profile = name_find(words->word[1], profile_names, PROFILES);
    enum status status = take_number("offset", words->word[2], 0, SUITE_AES_OFFSET_MAX, &offset);
    status =
        status ? status : take_number("blocks", words->word[3], 0, SUITE_AES_BLOCKS_MAX, &n_blocks);
    if (!status && n_blocks == 0) {
        status = status_fail(ST_USAGE, "blocks is 0, accepted 1 .. %d", SUITE_AES_BLOCKS_MAX);
    }
    wanted->offset = offset;
    wanted->n_blocks = n_blocks;
    unsigned protection = words->n > 4
                              ? name_find(words->word[4], protection_names, SUITE_AES_PROTECTIONS)
                              : SUITE_AES_CBC;
    if (!status && protection == SUITE_AES_PROTECTIONS) {
        status =
            status_fail(ST_USAGE, "protection is '%.40s', accepted plain, cbc", words->word[4]);
    }
    wanted->protection = (enum suite_aes_protection)protection;
    return status;
}

static enum status parse_authenticate(const struct op_words *words, struct access_op *op)
{
    if (words->n == 1 || name_find(words->word[1], profile_names, PROFILES) < PROFILES) {
        return parse_keyed(words, op);
    }
    if (words->n != 4) {
        return status_fail(ST_USAGE, "authenticate: accepted: nothing, epc|tid|user OFFSET BLOCKS "
                                     "[plain|cbc], or CSI MESSAGE RESPONSE_BITS");
    }
    uint32_t csi = 0, n_response_bits = 0;
    size_t n_bytes = 0;
    enum status status = take_number("CSI", words->word[1], 0, 255, &csi);
    if (!status && (bits_from_hex(words->word[2], op->message, COMMAND_MESSAGE_MAX - 1, &n_bytes) ||
                    n_bytes == 0)) {
        status = status_fail(ST_USAGE, "message is '%.40s', accepted 1 .. %d bytes in hex",
                             words->word[2], COMMAND_MESSAGE_MAX - 1);
    }
    if (!status) {
        status = take_number("response bits", words->word[3], 0, 4096, &n_response_bits);
    }
    op->csi = (uint8_t)csi;
    op->n_message_bits = (uint16_t)(8 * n_bytes);
    op->n_response_bits = (uint16_t)n_response_bits;
    return status;
}

static const struct op_layout op_layouts[] = {
    [ACCESS_OP_ACCESS] =
        {{"access", "", "the access password, before everything else", false}, 0, 0, NULL, false},
    [ACCESS_OP_READ] =
        {{"read", "BANK POINTER COUNT|end", "read words", false}, 3, 3, parse_read, false},
    [ACCESS_OP_TID] =
        {{"tid", "", "read the TID, name chip and designer", false}, 0, 0, parse_nothing, false},
    [ACCESS_OP_WRITE] = {{"write", "BANK POINTER WORDS", "write word by word, verified", false},
                         3,
                         3,
                         parse_write,
                         true},
    [ACCESS_OP_BLOCK_WRITE] = {{"blockwrite", "BANK POINTER WORDS",
                                "write words with one command, verified", false},
                               3,
                               3,
                               parse_write,
                               true},
    [ACCESS_OP_BLOCK_ERASE] = {{"blockerase", "BANK POINTER COUNT", "erase words, verified", false},
                               3,
                               3,
                               parse_erase,
                               false},
    [ACCESS_OP_LOCK] =
        {{"lock", "PAYLOAD|AREA=HOW...",
          "lock or unlock passwords (kill, access) and banks (epc, tid, user): lock, "
          "unlock, permalock, permaunlock",
          true},
         1,
         LOCK_AREAS,
         parse_lock,
         false},
    [ACCESS_OP_KILL] =
        {{"kill", "PASSWORD", "silence the tag for ever", true}, 1, 1, parse_kill, false},
    [ACCESS_OP_PERMALOCK_READ] = {{"permalock-read", "GROUP COUNT",
                                   "read which blocks of the user bank are permalocked; a group "
                                   "has 16 blocks",
                                   false},
                                  2,
                                  2,
                                  parse_permalock_read,
                                  false},
    [ACCESS_OP_PERMALOCK] = {{"permalock", "GROUP MASK",
                              "lock blocks of the user bank for ever; 4 hex digits a group, first "
                              "block first",
                              true},
                             2,
                             2,
                             parse_permalock,
                             true},
    [ACCESS_OP_UNTRACEABLE] = {{"untraceable", "epc=N [u=N] [tid=N] [user=N] [range=N]",
                                "hide memory, reduce the range", false},
                               1,
                               5,
                               parse_untraceable,
                               false},
    [ACCESS_OP_AUTHENTICATE] =
        {{"authenticate", "[epc|tid|user OFFSET BLOCKS [plain|cbc] | CSI MESSAGE RESPONSE_BITS]",
          "does the tag hold its key (auth.keys)? With memory in blocks of 64 bits if asked for; "
          "or send a crypto suite's message as it is, tell the response",
          false},
         0,
         4,
         parse_authenticate,
         false},
};
_Static_assert(sizeof op_layouts / sizeof *op_layouts == ACCESS_OP_N, "one row each");

const struct access_op_row *access_op_row(enum access_op_kind kind)
{
    require((unsigned)kind < ACCESS_OP_N);
    return &op_layouts[kind].row;
}

/*   out NULL: no such operation in a text */
static const struct op_layout *layout_find(const char *name)
{
    for (size_t i = 0; i < ACCESS_OP_N; i++) {
        if (op_layouts[i].parse && strcmp(op_layouts[i].row.name, name) == 0) {
            return &op_layouts[i];
        }
    }
    return NULL;
}

/* The next word, or all that is left.   out NULL: nothing is */
static const char *word_next(bool takes_all, char **rest)
{
    if (!takes_all) {
        return strtok_r(NULL, BLANKS, rest);
    }
    if (!*rest) { /* some strtok_r leave it so at the end */
        return NULL;
    }
    char *text = *rest + strspn(*rest, BLANKS);
    size_t n_chars = strlen(text);
    while (n_chars > 0 && strchr(BLANKS, text[n_chars - 1])) {
        text[--n_chars] = '\0';
    }
    *rest = text + n_chars;
    return n_chars > 0 ? text : NULL;
}

/*   out words->n >= 1; layout  NULL: the first is no operation */
static enum status words_split(const char *text, struct op_words *words,
                               const struct op_layout **layout)
{
    const size_t length = strlen(text);
    if (length >= sizeof words->text) {
        return status_fail(ST_USAGE, "operation of %zu characters, accepted up to %zu", length,
                           sizeof words->text - 1);
    }
    memcpy(words->text, text, length + 1);
    words->n = 0;
    char *rest = NULL;
    const char *word = strtok_r(words->text, BLANKS, &rest);
    *layout = word ? layout_find(word) : NULL;
    while (word) {
        if (words->n == WORDS_OF_TEXT_MAX) {
            return status_fail(ST_USAGE, "operation '%.60s' has too many words", text);
        }
        words->word[words->n++] = word;
        word = word_next(*layout && (*layout)->has_tail && words->n == (*layout)->n_max, &rest);
    }
    return words->n > 0 ? ST_OK : status_fail(ST_USAGE, "an operation is empty");
}

enum status access_op_parse(const char *text, struct access_op *op)
{
    require(text);
    require(op);
    struct op_words words;
    const struct op_layout *layout = NULL;
    enum status status = words_split(text, &words, &layout);
    if (status) {
        return status;
    }
    if (!layout) {
        return status_fail(ST_USAGE,
                           "no operation '%.40s', there are read, tid, write, blockwrite, "
                           "blockerase, lock, kill, permalock-read, permalock, untraceable, "
                           "authenticate",
                           words.word[0]);
    }
    if (words.n - 1 < layout->n_min || words.n - 1 > layout->n_max) {
        return status_fail(ST_USAGE, "operation '%s': %zu words follow, accepted: %s %s",
                           layout->row.name, words.n - 1, layout->row.name, layout->row.syntax);
    }
    memset(op, 0, sizeof *op);
    op->kind = (enum access_op_kind)(layout - op_layouts);
    return layout->parse(&words, op);
}

void access_op_text(const struct access_op *op, char text[ACCESS_TEXT_MAX])
{
    require(op);
    require(text);
    const char *name = access_op_row(op->kind)->name;
    switch (op->kind) {
    case ACCESS_OP_READ:
        if (op->n_words == 0) {
            snprintf(text, ACCESS_TEXT_MAX, "%s %s %u end", name, bank_names[op->bank],
                     (unsigned)op->pointer);
            break;
        }
        /* fall through */
    case ACCESS_OP_WRITE:
    case ACCESS_OP_BLOCK_WRITE:
    case ACCESS_OP_BLOCK_ERASE:
        snprintf(text, ACCESS_TEXT_MAX, "%s %s %u %u", name, bank_names[op->bank],
                 (unsigned)op->pointer, (unsigned)op->n_words);
        break;
    case ACCESS_OP_LOCK:
        snprintf(text, ACCESS_TEXT_MAX, "%s %05X", name,
                 (unsigned)op->lock_mask << 10 | op->lock_action);
        break;
    case ACCESS_OP_PERMALOCK_READ:
    case ACCESS_OP_PERMALOCK:
        snprintf(text, ACCESS_TEXT_MAX, "%s %u %u", name, (unsigned)op->pointer,
                 (unsigned)op->n_words);
        break;
    case ACCESS_OP_UNTRACEABLE:
        snprintf(text, ACCESS_TEXT_MAX, "%s u=%u epc=%u tid=%u user=%u range=%u", name, op->u,
                 op->epc, op->tid, op->user, op->range);
        break;
    case ACCESS_OP_AUTHENTICATE:
        if (op->has_wanted) {
            snprintf(text, ACCESS_TEXT_MAX, "%s %s %u %u %s", name,
                     profile_names[op->wanted.profile], op->wanted.offset, op->wanted.n_blocks,
                     protection_names[op->wanted.protection]);
        } else if (op->is_keyed) {
            snprintf(text, ACCESS_TEXT_MAX, "%s", name);
        } else {
            snprintf(text, ACCESS_TEXT_MAX, "%s %u", name, op->csi);
        }
        break;
    default: snprintf(text, ACCESS_TEXT_MAX, "%s", name); break;
    }
}

bool access_op_changes_epc(const struct access_op *op)
{
    require(op);
    bool writes = op->kind == ACCESS_OP_WRITE || op->kind == ACCESS_OP_BLOCK_WRITE ||
                  op->kind == ACCESS_OP_BLOCK_ERASE;
    return op->kind == ACCESS_OP_UNTRACEABLE || (writes && op->bank == BANK_EPC);
}
