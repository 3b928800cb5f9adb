/* proof.h - a tag shows that it holds its key: requests with a fresh challenge each, what their
 * answers are worth, and a contact with one singulated tag that does no more than ask.
 *                                                                        layer: protocol
 * Pure: no clock, no samples; keys and challenges come from the caller.
 * Source: Gen2 6.3.2.12.3 (Req_RN, Authenticate), 6.3.1.6 (in-process replies), ISO/IEC 29167-10;
 * gen2.md 7, 8.4, 11. */
#ifndef PROTOCOL_PROOF_H
#define PROTOCOL_PROOF_H

#include "protocol/access.h"
#include "protocol/suite_aes.h"

struct proof_key {
    const uint8_t *key; /* [SUITE_AES_KEY_BYTES], as long as its source */
    uint8_t key_id;
    struct suite_aes_wanted wanted; /* n_blocks 0: authentication alone */
};

struct proof_source { /* where keys and challenges come from; one thread */
    void *context;
    /* The key that the tag with this EPC should hold.   out false: none is known */
    bool (*key_of)(void *context, const uint8_t *epc, size_t n_epc_bits, struct proof_key *key);
    /* A challenge that was never used before.   err ST_IO: there is none to be had */
    enum status (*challenge_draw)(void *context, uint8_t challenge[SUITE_AES_CHALLENGE_BYTES]);
    struct suite_aes *aes;
};

/* Authenticate with a fresh challenge for the tag with this handle.
 *   out  request, command
 *   err  the source's: nothing may be sent */
enum status proof_ask(const struct proof_source *source, const struct proof_key *key,
                      uint16_t handle, struct suite_aes_request *request,
                      struct command *command) must_check;

enum proof_end {                      /* how a contact ended */
                 PROOF_NOT_ASKED = 0, /* the field went, or the tag could not be asked in time */
                 PROOF_SILENT,        /* asked, and no answer that could be read */
                 PROOF_REFUSED,       /* error holds, Annex I */
                 PROOF_ANSWERED,      /* answer holds */
};

struct proof_contact { /* all of it is the module's */
    const struct proof_source *source;
    struct proof_key key;
    unsigned n_tries_max, n_silent, n_working;
    bool is_open, has_handle;
    uint16_t rn16, handle;
    struct suite_aes_request request;
    struct access_expected expected;
    struct access_reply reply;
    /* once it is over */
    enum proof_end end;
    uint8_t error;
    struct suite_aes_answer answer;
    enum status status; /* of source or libcrypto: nothing is known of the tag then */
};

/* Begin with a tag in acknowledged with this RN16.
 *   in  n_tries 1 .. 20: requests without answer, each with another challenge, before it is left
 *   own source and key.key: as long as the contact */
void proof_contact_begin(struct proof_contact *contact, const struct proof_source *source,
                         const struct proof_key *key, unsigned n_tries, uint16_t rn16,
                         struct access_step *step);

/* Take what was heard after the last step, return the next one. It ends without a command: the
 * inventory's next one leaves the tag read, its flag inverted.
 *   pre  the contact is open; as access_advance, without ACCESS_HEARD_SENT
 *   cost O(n_bits), no allocation */
void proof_contact_advance(struct proof_contact *contact, const struct access_event *event,
                           struct access_step *step);

#endif
