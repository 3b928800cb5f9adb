/* access_parts.h - the inside of struct access, for access.c, access_steps.c and access_tags.c only.
 *                                                                        layer: protocol */
#ifndef PROTOCOL_ACCESS_PARTS_H
#define PROTOCOL_ACCESS_PARTS_H

#include "protocol/access.h"
#include "protocol/proof.h"

enum access_why { /* why an operation ended as it did, beyond ok and error codes */
                  WHY_NOTHING = 0,
                  WHY_ERROR,      /* the tag's code says */
                  WHY_SILENT,     /* no answer */
                  WHY_MISMATCH,   /* reads back otherwise */
                  WHY_UNVERIFIED, /* the tag said yes, and does not let it be read */
                  WHY_UNREAD,     /* the tag said yes, and falls silent before it is read back */
                  WHY_REFUSED,    /* a password nobody answered to */
                  WHY_NOT_DONE,   /* an earlier operation failed */
                  WHY_DEAD,       /* kill: the second half was not answered, and nothing since */
                  WHY_NO_KEY,     /* none for this EPC */
                  WHY_WRONG_KEY,
                  WHY_REPLAY,
                  WHY_TAMPERED,
                  WHY_NO_CRYPTO, /* no challenge to be had, or no AES */
                  WHY_N
};

struct access_progress { /* of one operation on one tag */
    enum access_outcome outcome;
    enum access_why why;
    uint8_t error;
    bool told;
    bool is_doubtful;      /* a command that changes the tag was sent, its answer is not known */
    bool was_lost;         /* such a command was sent again before it was known */
    uint16_t n_done;       /* words that are in the tag, as its own answers say */
    uint16_t n_mismatches; /* times it read back otherwise */
    uint16_t n_tries;      /* of the word or step in progress */
};

enum { TID_WORDS = 12, TID_WORDS_USUAL = 6 }; /* the longest serial number; 48 bits of it */

struct access_job { /* a tag */
    uint8_t epc[LIMIT_EPC_BITS / 8], first_epc[LIMIT_EPC_BITS / 8];
    size_t n_epc_bits, n_first_epc_bits;
    uint16_t tid[TID_WORDS];
    size_t n_tid_words; /* 0: not known, or no serial number in it */
    unsigned n_barren;  /* contacts in a row without progress */
    bool has_begun;     /* a command that changes the EPC has been sent */
    bool is_complete;
    struct access_progress *progress; /* one each operation */
};

enum access_phase {
    PHASE_HANDLE = 0,
    PHASE_IDENTITY,
    PHASE_ACCESS_RN_1,
    PHASE_ACCESS_1,
    PHASE_ACCESS_RN_2,
    PHASE_ACCESS_2,
    PHASE_READ,
    PHASE_COVER,
    PHASE_WRITE,
    PHASE_CHECK,
    PHASE_BLOCK,
    PHASE_VERIFY,
    PHASE_LOCK,
    PHASE_UNTRACEABLE,
    PHASE_PERMALOCK,
    PHASE_PROVE,
    PHASE_PERMALOCK_READ,
    PHASE_KILL_RN_1,
    PHASE_KILL_1,
    PHASE_KILL_RN_2,
    PHASE_KILL_2,
    PHASE_PROBE,
    PHASE_AUTHENTICATE,
    PHASE_LEAVE,
    PHASE_N
};

struct access_range { /* words that are being read, in pieces */
    uint8_t bank;
    uint32_t pointer;
    size_t n_words; /* 0: to the end of the bank */
    size_t n_read, n_piece;
};

struct access {
    struct access_cfg cfg;
    bool by_tid;
    struct access_job *jobs;
    struct access_progress *progress;
    size_t n_jobs, n_turned_away;
    /* the contact */
    bool is_open, has_progressed;
    uint64_t n_progressed;
    enum access_phase phase;
    struct access_job *job; /* NULL: not known yet which */
    uint8_t epc[LIMIT_EPC_BITS / 8];
    size_t n_epc_bits;
    size_t at; /* operation */
    uint16_t rn16, handle, cover;
    bool is_secured;    /* as far as the password is concerned */
    unsigned n_silent;  /* answers missing in a row in this phase */
    unsigned n_working; /* replies that say: still working */
    struct access_range range;
    struct suite_aes_request request; /* authenticate with a key: the one that is out */
    struct proof_key proof_key;
    struct access_expected expected;
    struct access_reply reply;
    size_t n_data_bits;
    uint8_t data[LIMIT_BITS / 8];
    /* of the operation that ended last */
    const struct access_job *result_job;
    size_t result_at, n_result_bits;
    uint8_t result[LIMIT_BITS / 8];
    bool is_finished;
    size_t told_job; /* where access_next_report looks on, once it is */
};

struct access_phase_row {
    void (*send)(struct access *access, struct access_step *step);
    void (*done)(struct access *access, struct access_step *step);  /* the tag says yes */
    void (*error)(struct access *access, struct access_step *step); /* no, and why */
    void (*lost)(struct access *access, struct access_step *step);  /* nothing, or nothing right */
};
extern const struct access_phase_row access_phase_rows[PHASE_N];

/* access.c: the course of a contact */
void access_enter(struct access *access, enum access_phase phase, struct access_step *step);
/* The same step once more, or the contact is given up. */
void access_again(struct access *access, struct access_step *step);
void access_leave(struct access *access, struct access_step *step);
void access_over(struct access *access, struct access_step *step);
void access_progressed(struct access *access);
/* The operation in progress has ended; on with the next one. */
void access_end(struct access *access, enum access_outcome outcome, enum access_why why,
                struct access_step *step);
void access_next(struct access *access, struct access_step *step);
struct access_progress *access_progress_of(struct access *access);
const struct access_op *access_op_of(const struct access *access);
void access_expect(struct access *access, struct access_step *step, enum command_reply expect,
                   size_t n_data_bits);
bool access_has_tried(struct access *access); /* counts a try; true: that was the last one */

/* access_steps.c */
void access_op_begin(struct access *access, struct access_step *step);
/* An empty command in the step. */
struct command *access_command(struct access_step *step, enum command_id id);
unsigned access_word(const struct access *access, size_t index); /* of what was read */
void access_end_with_error(struct access *access, struct access_step *step);
/* A command that may change the tag goes out: from here on nobody knows, until it is answered. */
void access_change_begins(struct access *access);
void access_change_settled(struct access *access);
void access_read_send(struct access *access, struct access_step *step, uint8_t bank,
                      uint32_t pointer, size_t n_words);
/* Reading the operation's words, piece by piece; the last returns true when all are there. */
void access_range_begin(struct access *access, const struct access_op *op);
void access_range_send(struct access *access, struct access_step *step);
bool access_range_take(struct access *access);

/* access_change.c: steps of the phase rows */
void access_write_go_on(struct access *access, struct access_step *step);
void access_write_send(struct access *access, struct access_step *step);
void access_write_word_done(struct access *access, struct access_step *step);
void access_write_error(struct access *access, struct access_step *step);
void access_write_lost(struct access *access, struct access_step *step);
void access_check_send(struct access *access, struct access_step *step);
void access_check_done(struct access *access, struct access_step *step);
void access_check_error(struct access *access, struct access_step *step);
void access_block_begin(struct access *access, struct access_step *step);
void access_block_send(struct access *access, struct access_step *step);
void access_block_done(struct access *access, struct access_step *step);
void access_block_error(struct access *access, struct access_step *step);
void access_block_lost(struct access *access, struct access_step *step);
void access_verify_done(struct access *access, struct access_step *step);
void access_verify_error(struct access *access, struct access_step *step);
void access_lock_send(struct access *access, struct access_step *step);
void access_change_done(struct access *access, struct access_step *step);
void access_untraceable_begin(struct access *access, struct access_step *step);
void access_untraceable_send(struct access *access, struct access_step *step);
void access_untraceable_lost(struct access *access, struct access_step *step);
void access_permalock_begin(struct access *access, struct access_step *step);
void access_permalock_send(struct access *access, struct access_step *step);
void access_permalock_lost(struct access *access, struct access_step *step);
void access_prove_send(struct access *access, struct access_step *step);
void access_prove_done(struct access *access, struct access_step *step);
void access_prove_error(struct access *access, struct access_step *step);
void access_permalock_read_done(struct access *access, struct access_step *step);
void access_authenticate_send(struct access *access, struct access_step *step);
void access_authenticate_done(struct access *access, struct access_step *step);

/* access_tags.c: which tag is it */
bool access_epc_fits(const struct access *access, const uint8_t *epc, size_t n_epc_bits);
bool access_tid_fits(const struct access *access, const uint16_t *word, size_t n_words);
/*   out NULL: not known */
struct access_job *access_job_by_epc(struct access *access, const uint8_t *epc, size_t n_epc_bits);
struct access_job *access_job_by_tid(struct access *access, const uint16_t *word, size_t n_words);
/*   out NULL: no room */
struct access_job *access_job_new(struct access *access, const uint8_t *epc, size_t n_epc_bits);
/* Words that tell this tag from all others: as many as there are when a serial number is in them. */
size_t access_tid_unique(const uint16_t *word, size_t n_words);

#endif
