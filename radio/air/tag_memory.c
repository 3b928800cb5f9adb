/* tag_memory.c - the banks and what may be done with them. */
#include "radio/air/tag_memory.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/tag_code.h"

#define RESERVED_WORDS 4u
#define TID_SHORT_WORDS 2u /* what "hide from 20h on" leaves */
#define PC_WORD 1u
#define PC_COMPUTED 0x0600u /* UMI, XI */
#define PC_UMI 0x0400u
#define PC_XI 0x0200u
#define PC_T 0x0100u
#define PC_L_SHIFT 11
#define XPC_WORD (TAG_XPC_FIRST_BIT / 16)
#define XPC_C 0x40u
#define XPC_SLI 0x20u
#define XPC_U 0x08u
#define XPC_K 0x04u
#define XPC_KEPT 0x03u /* NR, H */
#define LOCKS_PERMA 0x155u
#define LOCKS_MASK 0x3FFu

enum lock_field {
    LOCK_USER,
    LOCK_TID,
    LOCK_EPC,
    LOCK_ACCESS,
    LOCK_KILL
}; /* pairs from the right */
static const enum lock_field bank_lock[] = {LOCK_KILL, LOCK_EPC, LOCK_TID, LOCK_USER};

static unsigned lock_of(const struct tag_memory *memory, enum lock_field field)
{
    return memory->lock_bits >> (2 * field) & 3u;
}

void tag_memory_init(struct tag_memory *memory, const uint8_t *epc, size_t n_epc_words,
                     uint64_t serial)
{
    require(n_epc_words <= TAG_EPC_WORDS_MAX);
    memset(memory, 0, sizeof *memory);
    memory->n_epc_words = (unsigned)n_epc_words;
    memory->lock_bits = 3u << (2 * LOCK_TID);
    tag_bits_put(memory->epc, 16, (uint32_t)n_epc_words << PC_L_SHIFT, 16);
    memcpy(memory->epc + 4, epc, 2 * n_epc_words);
    /* E2h class, XTID present, maker 001h, model 160h, XTID header 2000h, 48-bit serial */
    tag_bits_put(memory->tid, 0, 0xE2801160u, 32);
    tag_bits_put(memory->tid, 32, 0x2000u, 16);
    tag_bits_put(memory->tid, 48, (uint32_t)(serial >> 32) & 0xFFFFu, 16);
    tag_bits_put(memory->tid, 64, (uint32_t)serial, 32);
    memory->crc_is_stale = true;
    tag_memory_refresh(memory);
}

static uint16_t stored_pc(const struct tag_memory *memory)
{
    return (uint16_t)tag_bits(memory->epc, 16, 16);
}

static uint32_t end_of_epc(const struct tag_memory *memory)
{
    return 2 + ((uint32_t)stored_pc(memory) >> PC_L_SHIFT);
}

size_t tag_memory_n_epc_bits(const struct tag_memory *memory)
{
    return 16 * (size_t)(stored_pc(memory) >> PC_L_SHIFT);
}

uint32_t tag_memory_kill_password(const struct tag_memory *memory)
{
    return tag_bits(memory->reserved, 0, 32);
}

uint32_t tag_memory_access_password(const struct tag_memory *memory)
{
    return tag_bits(memory->reserved, 32, 32);
}

/* No sensor, no second XPC word: the upper byte is 0. K: the tag can be killed, or can be given a
 * password for it. */
static uint16_t xpc_w1(const struct tag_memory *memory)
{
    bool k = tag_memory_kill_password(memory) != 0 || !(lock_of(memory, LOCK_KILL) & 2u);
    return (uint16_t)((memory->holds_response ? XPC_C : 0) |
                      (memory->is_selected_copy ? XPC_SLI : 0) |
                      (memory->is_untraceable ? XPC_U : 0) | (k ? XPC_K : 0) | memory->xpc_kept);
}

/* With T = 0 only the XPC's upper byte counts, with T = 1 all of it [M]. */
static bool xpc_is_sent(const struct tag_memory *memory)
{
    uint16_t counted = stored_pc(memory) & PC_T ? 0xFFFFu : 0xFF00u;
    return memory->has_xpc && (xpc_w1(memory) & counted) != 0;
}

/* UMI is computed, not fixed: bits 03h to 07h of User memory say whether it holds anything [M]. */
void tag_memory_refresh(struct tag_memory *memory)
{
    uint16_t was = stored_pc(memory);
    bool umi = memory->n_user_words > 0 && (memory->user[0] & 0x1Fu) != 0;
    unsigned pc = (was & ~PC_COMPUTED) | (umi ? PC_UMI : 0) | (xpc_is_sent(memory) ? PC_XI : 0);
    if (pc == was && !memory->crc_is_stale) {
        return;
    }
    tag_bits_put(memory->epc, 16, pc, 16);
    size_t n_bits = 16 + tag_memory_n_epc_bits(memory);
    tag_bits_put(memory->epc, 0, tag_crc16(memory->epc + 2, n_bits), 16);
    memory->crc_is_stale = false;
}

unsigned tag_memory_packet_pc(const struct tag_memory *memory, uint16_t words[2])
{
    unsigned pc = stored_pc(memory) & ~PC_XI;
    bool has_word = xpc_is_sent(memory);
    words[1] = memory->has_xpc ? xpc_w1(memory) : 0;
    if (has_word) {
        pc = (pc | PC_XI) + (1u << PC_L_SHIFT); /* L counts the XPC word as well [M] */
    } else if (memory->has_xpc && !(pc & PC_T)) {
        pc = (pc & 0xFF00u) | (words[1] & 0xFFu);
    }
    words[0] = (uint16_t)pc;
    return has_word ? 2 : 1;
}

static const uint8_t *bank_bytes(const struct tag_memory *memory, enum tag_bank bank)
{
    switch (bank) {
    case TAG_BANK_RESERVED: return memory->reserved;
    case TAG_BANK_EPC: return memory->epc;
    case TAG_BANK_TID: return memory->tid;
    case TAG_BANK_USER: return memory->user;
    }
    return NULL;
}

/* Words from 0 on without a gap; XPC_W1 lies beyond. */
static uint32_t n_words_of(const struct tag_memory *memory, bool sees_hidden, enum tag_bank bank)
{
    static const uint32_t tid_words[] = {TAG_TID_WORDS, TID_SHORT_WORDS, 0};
    switch (bank) {
    case TAG_BANK_RESERVED: return RESERVED_WORDS;
    case TAG_BANK_EPC:
        return memory->epc_hides && !sees_hidden ? end_of_epc(memory) : 2 + memory->n_epc_words;
    case TAG_BANK_TID: return tid_words[sees_hidden ? 0 : memory->tid_hides];
    case TAG_BANK_USER: return memory->user_hides && !sees_hidden ? 0 : memory->n_user_words;
    }
    return 0;
}

static bool is_xpc(const struct tag_memory *memory, enum tag_bank bank, uint32_t word)
{
    return memory->has_xpc && bank == TAG_BANK_EPC && word == XPC_WORD;
}

uint16_t tag_memory_word(const struct tag_memory *memory, enum tag_bank bank, size_t word)
{
    if (is_xpc(memory, bank, (uint32_t)word)) {
        return xpc_w1(memory);
    }
    require(word < n_words_of(memory, true, bank));
    return (uint16_t)tag_bits(bank_bytes(memory, bank), 16 * word, 16);
}

bool tag_memory_matches(const struct tag_memory *memory, enum tag_bank bank, uint32_t pointer,
                        const uint8_t *mask, size_t mask_first, size_t n_bits)
{
    require(bank != TAG_BANK_RESERVED);
    const uint8_t *bytes = bank_bytes(memory, bank);
    uint8_t xpc[2];
    uint64_t end = (uint64_t)pointer + n_bits;
    if (n_bits == 0) {
        return true;
    }
    if (end > 16 * (uint64_t)n_words_of(memory, false, bank)) {
        if (!is_xpc(memory, bank, pointer / 16) || end > TAG_XPC_FIRST_BIT + 16) {
            return false;
        }
        tag_bits_put(xpc, 0, xpc_w1(memory), 16);
        bytes = xpc;
        pointer -= TAG_XPC_FIRST_BIT;
    }
    for (size_t i = 0; i < n_bits; i++) {
        if (tag_bit(bytes, pointer + i) != tag_bit(mask, mask_first + i)) {
            return false;
        }
    }
    return true;
}

static bool is_there(const struct tag_memory *memory, struct tag_view view, enum tag_bank bank,
                     uint32_t first, unsigned n_words)
{
    return (uint64_t)first + n_words <= n_words_of(memory, view.sees_hidden, bank) ||
           (n_words == 1 && is_xpc(memory, bank, first));
}

/* 00, 01: free; 10: in secured only; 11: never. */
static bool is_open(unsigned lock, struct tag_view view)
{
    return !(lock & 2u) || (lock == 2u && view.is_secured);
}

static enum lock_field password_lock(uint32_t word)
{
    return word < RESERVED_WORDS / 2 ? LOCK_KILL : LOCK_ACCESS;
}

enum tag_fault tag_memory_may_read(const struct tag_memory *memory, struct tag_view view,
                                   enum tag_bank bank, uint32_t first, unsigned count,
                                   unsigned *n_words)
{
    if (count == 0) { /* to the end; of the EPC bank to the EPC's [M] */
        uint32_t end =
            bank == TAG_BANK_EPC ? end_of_epc(memory) : n_words_of(memory, view.sees_hidden, bank);
        end = is_xpc(memory, bank, first) ? first + 1 : end;
        count = first < end ? (unsigned)(end - first) : 0;
    }
    *n_words = count;
    if (count == 0 || !is_there(memory, view, bank, first, count)) {
        return TAG_FAULT_OVERRUN;
    }
    for (unsigned i = 0; bank == TAG_BANK_RESERVED && i < count; i++) {
        if (!is_open(lock_of(memory, password_lock(first + i)), view)) {
            return TAG_FAULT_LOCKED;
        }
    }
    return TAG_FAULT_NONE;
}

static enum tag_fault may_write_word(const struct tag_memory *memory, struct tag_view view,
                                     enum tag_bank bank, uint32_t word, uint16_t value)
{
    enum lock_field field = bank == TAG_BANK_RESERVED ? password_lock(word) : bank_lock[bank];
    if (!is_open(lock_of(memory, field), view)) {
        return TAG_FAULT_LOCKED;
    }
    if (bank == TAG_BANK_EPC && word == 0) {
        return TAG_FAULT_LOCKED; /* StoredCRC: the tag's own */
    }
    if (bank == TAG_BANK_EPC && word == PC_WORD && value >> PC_L_SHIFT > memory->n_epc_words) {
        return TAG_FAULT_OVERRUN; /* no room for an EPC so long */
    }
    if (bank == TAG_BANK_USER && memory->permalocked_blocks >> (word / TAG_BLOCK_WORDS) & 1u) {
        return TAG_FAULT_LOCKED;
    }
    return TAG_FAULT_NONE;
}

enum tag_fault tag_memory_may_write(const struct tag_memory *memory, struct tag_view view,
                                    enum tag_bank bank, uint32_t first, unsigned n_words,
                                    const uint8_t *data)
{
    require(n_words > 0);
    if (!is_there(memory, view, bank, first, n_words)) {
        return TAG_FAULT_OVERRUN;
    }
    for (unsigned i = 0; i < n_words; i++) {
        uint16_t value = data ? (uint16_t)tag_bits(data, 16 * (size_t)i, 16) : 0;
        enum tag_fault fault = may_write_word(memory, view, bank, first + i, value);
        if (fault != TAG_FAULT_NONE) {
            return fault;
        }
    }
    return TAG_FAULT_NONE;
}

void tag_memory_put(struct tag_memory *memory, enum tag_bank bank, uint32_t word, uint16_t value)
{
    if (is_xpc(memory, bank, word)) {
        memory->xpc_kept = (uint8_t)(value & XPC_KEPT);
        return;
    }
    require(word < n_words_of(memory, true, bank));
    unsigned kept = bank == TAG_BANK_EPC && word == PC_WORD ? PC_COMPUTED : 0;
    uint8_t *at = (uint8_t *)(uintptr_t)bank_bytes(memory, bank) + 2 * (size_t)word;
    tag_bits_put(at, 0, (tag_bits(at, 0, 16) & kept) | (value & ~kept & 0xFFFFu), 16);
    memory->crc_is_stale |= bank == TAG_BANK_EPC;
}

/* A field whose permalock bit is set stays as it is for ever, both bits of it. */
enum tag_fault tag_memory_may_lock(const struct tag_memory *memory, unsigned mask, unsigned action)
{
    unsigned frozen = memory->lock_bits & LOCKS_PERMA;
    frozen |= frozen << 1;
    unsigned changed = (memory->lock_bits ^ action) & mask & LOCKS_MASK;
    return changed & frozen ? TAG_FAULT_LOCKED : TAG_FAULT_NONE;
}

void tag_memory_lock(struct tag_memory *memory, unsigned mask, unsigned action)
{
    require(tag_memory_may_lock(memory, mask, action) == TAG_FAULT_NONE);
    memory->lock_bits = (uint16_t)(((memory->lock_bits & ~mask) | (action & mask)) & LOCKS_MASK);
}

/* A group counts as there when its first block is; of its other blocks a reader may ask, but none
 * that is not there can be locked [M]. */
enum tag_fault tag_memory_may_permalock(const struct tag_memory *memory, uint32_t group,
                                        unsigned n_groups, const uint8_t *masks)
{
    unsigned n_blocks = (memory->n_user_words + TAG_BLOCK_WORDS - 1) / TAG_BLOCK_WORDS;
    if (n_groups == 0) {
        return TAG_FAULT_OTHER;
    }
    if (16 * ((uint64_t)group + n_groups - 1) >= n_blocks) {
        return TAG_FAULT_OVERRUN;
    }
    for (unsigned i = 0; masks && i < 16 * n_groups; i++) {
        if (tag_bit(masks, i) && 16 * group + i >= n_blocks) {
            return TAG_FAULT_OVERRUN;
        }
    }
    return TAG_FAULT_NONE;
}

uint16_t tag_memory_permalocks(const struct tag_memory *memory, uint32_t group)
{
    require(group < 4);
    uint16_t mask = 0;
    for (unsigned i = 0; i < 16; i++) {
        mask = (uint16_t)(mask << 1 | (memory->permalocked_blocks >> (16 * group + i) & 1u));
    }
    return mask;
}

void tag_memory_permalock(struct tag_memory *memory, uint32_t group, uint16_t mask)
{
    require(group < 4);
    for (unsigned i = 0; i < 16; i++) {
        memory->permalocked_blocks |= (uint64_t)(mask >> (15 - i) & 1u) << (16 * group + i);
    }
}

enum tag_fault tag_memory_may_hide(const struct tag_memory *memory, const struct tag_hiding *hiding)
{
    return hiding->n_epc_words > memory->n_epc_words ? TAG_FAULT_OVERRUN : TAG_FAULT_NONE;
}

void tag_memory_hide(struct tag_memory *memory, const struct tag_hiding *hiding)
{
    require(hiding->n_epc_words <= memory->n_epc_words);
    require(hiding->tid <= 2);
    tag_bits_put(memory->epc, 16, hiding->n_epc_words, 5);
    memory->crc_is_stale = true;
    memory->is_untraceable = hiding->untraceable;
    memory->epc_hides = hiding->epc_hides;
    memory->tid_hides = hiding->tid;
    memory->user_hides = hiding->user;
    memory->range_is_toggled ^= hiding->range == 1;
    memory->range = hiding->range == 1 ? memory->range : hiding->range;
}
