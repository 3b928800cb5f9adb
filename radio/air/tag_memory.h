/* tag_memory.h - a tag's four banks: words, locks, what is hidden, what it may be asked to keep.
 * Source: Gen2 v2.1 6.3.2.1 (memory, PC and XPC words), 6.3.2.12.3 (Lock, BlockPermalock,
 * Untraceable), Annex I (error codes).                                 layer: radio/air
 * Words are 16 bits, addresses count them from the start of the bank; banks are packed, the first
 * bit on air in the top bit of byte 0. */
#ifndef RADIO_AIR_TAG_MEMORY_H
#define RADIO_AIR_TAG_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TAG_EPC_WORDS_MAX 31
#define TAG_EPC_WORDS_MAX_XPC 29 /* of a tag with XPC_W1 */
#define TAG_EPC_BYTES_MAX (2 * TAG_EPC_WORDS_MAX)
#define TAG_EPC_FIRST_BIT 32u /* StoredCRC and StoredPC come first */
#define TAG_TID_WORDS 6
#define TAG_USER_WORDS_MAX 256
#define TAG_BLOCK_WORDS 4u /* User words that BlockPermalock takes together */
#define TAG_XPC_FIRST_BIT 0x210u

enum tag_bank { TAG_BANK_RESERVED, TAG_BANK_EPC, TAG_BANK_TID, TAG_BANK_USER };

enum tag_fault { /* as sent in an error reply */
                 TAG_FAULT_NONE = -1,
                 TAG_FAULT_OTHER = 0x00,
                 TAG_FAULT_NOT_SUPPORTED = 0x01,
                 TAG_FAULT_PRIVILEGES = 0x02,
                 TAG_FAULT_OVERRUN = 0x03,
                 TAG_FAULT_LOCKED = 0x04,
                 TAG_FAULT_CRYPTO = 0x05,
                 TAG_FAULT_TIMEOUT = 0x08,
                 TAG_FAULT_POWER = 0x0B,
};

struct tag_view { /* who asks */
    bool is_secured;
    bool sees_hidden; /* has the Untraceable privilege */
};

struct tag_hiding { /* the fields of Untraceable */
    bool untraceable;
    bool epc_hides;       /* EPC memory above the new length */
    unsigned n_epc_words; /* new L of StoredPC */
    unsigned tid;         /* 0: none, 1: from word 2 on, 2: all of it */
    bool user;
    unsigned range; /* 0: normal, 1: the other one until power is lost, 2: reduced */
};

struct tag_memory {
    uint8_t epc[4 + TAG_EPC_BYTES_MAX]; /* StoredCRC, StoredPC, EPC */
    uint8_t tid[2 * TAG_TID_WORDS];
    uint8_t reserved[8]; /* kill password, access password */
    uint16_t lock_bits; /* ten, as in Lock's action: kill, access, EPC, TID, User; left and perma */
    unsigned n_epc_words, n_user_words; /* there is room for so many */
    bool has_xpc;
    uint8_t xpc_kept;            /* NR and H */
    bool is_selected_copy;       /* SLI: SL as of the last Query */
    bool holds_response;         /* C */
    uint64_t permalocked_blocks; /* bit i: User block i */
    bool epc_hides, user_hides, is_untraceable;
    unsigned tid_hides, range;
    bool range_is_toggled; /* until power is lost */
    bool crc_is_stale;
    bool is_killed;
    uint8_t user[2 * TAG_USER_WORDS_MAX];
};

/* As from the maker: EPC written, passwords zero, nothing locked but the TID (for ever), no User
 * memory, no XPC.
 *   pre  n_epc_words <= TAG_EPC_WORDS_MAX */
void tag_memory_init(struct tag_memory *memory, const uint8_t *epc, size_t n_epc_words,
                     uint64_t serial);

/* What the tag works out by itself when power comes and when a round begins: UMI, XI, StoredCRC. */
void tag_memory_refresh(struct tag_memory *memory);

size_t tag_memory_n_epc_bits(const struct tag_memory *memory); /* as StoredPC's L says */
uint32_t tag_memory_kill_password(const struct tag_memory *memory);
uint32_t tag_memory_access_password(const struct tag_memory *memory);
uint16_t tag_memory_word(const struct tag_memory *memory, enum tag_bank bank, size_t word);

/* PacketPC and, when XI is set, XPC_W1.  out  number of words, 1 or 2 */
unsigned tag_memory_packet_pc(const struct tag_memory *memory, uint16_t words[2]);

/* Select: do n_bits of `mask` from mask_first on stand at bit address `pointer`? What is hidden
 * stands nowhere.   pre  bank not Reserved */
bool tag_memory_matches(const struct tag_memory *memory, enum tag_bank bank, uint32_t pointer,
                        const uint8_t *mask, size_t mask_first, size_t n_bits);

/* How many words a Read of `count` words means (0: to the end) and whether it may have them. */
enum tag_fault tag_memory_may_read(const struct tag_memory *memory, struct tag_view view,
                                   enum tag_bank bank, uint32_t first, unsigned count,
                                   unsigned *n_words);

/*   data  n_words words, packed; NULL: zeros */
enum tag_fault tag_memory_may_write(const struct tag_memory *memory, struct tag_view view,
                                    enum tag_bank bank, uint32_t first, unsigned n_words,
                                    const uint8_t *data);

/*   pre  tag_memory_may_write said so. UMI and XI of StoredPC stay, of XPC_W1 only NR and H are
 *        taken over */
void tag_memory_put(struct tag_memory *memory, enum tag_bank bank, uint32_t word, uint16_t value);

enum tag_fault tag_memory_may_lock(const struct tag_memory *memory, unsigned mask, unsigned action);
void tag_memory_lock(struct tag_memory *memory, unsigned mask, unsigned action);

/* Blocks 16 * group .. of User memory; masks of 16 blocks, the first in the top bit. */
enum tag_fault tag_memory_may_permalock(const struct tag_memory *memory, uint32_t group,
                                        unsigned n_groups, const uint8_t *masks);
uint16_t tag_memory_permalocks(const struct tag_memory *memory, uint32_t group);
void tag_memory_permalock(struct tag_memory *memory, uint32_t group, uint16_t mask);

enum tag_fault tag_memory_may_hide(const struct tag_memory *memory,
                                   const struct tag_hiding *hiding);
void tag_memory_hide(struct tag_memory *memory, const struct tag_hiding *hiding);

#endif
