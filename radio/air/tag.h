/* tag.h - one Gen2 tag: memory, flags, state machine, replies.          layer: radio/air
 * Source: Gen2 v2.1 6.3.2.2-6.3.2.7 and Annex B (states), 6.3.1.6 (link timing), table 6.16 (BLF
 * tolerance). Times are ticks of the sample clock with fraction. */
#ifndef RADIO_AIR_TAG_H
#define RADIO_AIR_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/tag_aes.h"
#include "radio/air/tag_code.h"
#include "radio/air/tag_memory.h"
#include "radio/air/tag_pie.h"
#include "radio/air/tag_work.h"

#define TAG_RESPONSE_BYTES (9 * TAG_AES_BYTES) /* TAM2 with 16 blocks of 64 bits */

enum tag_state {
    TAG_READY,
    TAG_ARBITRATE,
    TAG_REPLY,
    TAG_ACKNOWLEDGED,
    TAG_OPEN,
    TAG_SECURED,
    TAG_KILLED
};

struct tag_world { /* the same for all tags */
    double ticks_per_us;
    double t1_ratio; /* -1 T1 min, 0 nominal, 1 T1 max */
    double t1_jitter_us;
    double t2_limit_tpri;
    double blf_error_ratio; /* NaN: 0.7 of the standard's tolerance */
    bool blf_error_force;
    double blf_drift_ratio;
    double write_us;            /* from a command that changes memory to its reply, <= 20 ms */
    unsigned block_words;       /* that BlockWrite and BlockErase take at most */
    double crypto_us;           /* for a response */
    double security_timeout_ms; /* after a wrong password; 0: none */
    double reply_loss_ratio;    /* of the replies to access commands: lost on the way */
};

struct tag_equipment {                  /* of one tag, beyond EPC and TID */
    unsigned n_epc_words, n_user_words; /* room; an EPC that is longer has the room it needs */
    bool has_xpc;
    uint32_t kill_password, access_password;
    uint32_t lock_payload; /* as a Lock at the maker's; 20 bits */
    bool has_key;          /* knows crypto suite AES-128 */
    uint8_t key[TAG_AES_BYTES];
    unsigned key_id;
    bool is_replaying; /* answers as it once answered another challenge */
};

struct tag_link { /* from the last Query */
    double rtcal_us, tpri_us;
    double tolerance_ratio; /* FrT */
    unsigned n_cycles;      /* 1, 2, 4, 8 */
    bool trext;
};

struct tag_reply { /* what the tag's switch does from start to end */
    double start_tick, end_tick;
    double half_ticks;  /* first level's length */
    double drift_ticks; /* added from level to level */
    bool is_lost;       /* nothing of it arrives anywhere */
    struct tag_code code;
};

enum tag_sequence { TAG_SEQUENCE_NONE, TAG_SEQUENCE_ACCESS, TAG_SEQUENCE_KILL };

struct tag_process { /* what in-process replies tell of */
    bool is_running;
    double end_tick;
    enum tag_fault fault;
    bool sends, has_length;
};

struct tag_security {
    bool has_key;
    uint8_t key[TAG_AES_BYTES];
    unsigned key_id;
    bool is_replaying;
    uint8_t response[TAG_RESPONSE_BYTES]; /* the ResponseBuffer */
    unsigned n_response_bits;             /* 0: none */
    double ready_tick;
    bool is_immediate, has_length; /* as its Challenge said */
};

struct tag_store { /* the large part of a tag, which few commands touch */
    struct tag_memory memory;
    struct tag_security security;
    struct tag_work work;
    uint8_t reply_bits[TAG_CODE_BITS_MAX / 8];
    uint8_t command_bits[TAG_COMMAND_BITS_MAX / 8];
};

struct tag_identity {
    const uint8_t *epc; /* packed, borrowed for the call */
    size_t n_epc_bits;  /* a multiple of 16, <= 496 */
    uint64_t serial;    /* in the TID */
    uint64_t seed;      /* of all it draws */
};

struct tag {
    /* made with the tag */
    uint64_t random;         /* state of its own generator */
    double clock_unit;       /* -1..1: where in the range of clock errors this tag lies */
    double persist_ticks[4]; /* S1, S2, S3, SL */
    /* flags: survive power loss as their persistence says */
    bool is_b[4];
    bool is_selected;
    double s1_set_tick;
    double dark_tick; /* power was lost */
    /* state */
    bool is_powered;
    enum tag_state state;
    struct tag_link link;
    bool has_link;
    unsigned session, q;
    uint16_t slot, rn16;
    bool t2_expired; /* left reply or acknowledged by T2: a right ACK would be late */
    bool truncates, truncates_now;
    unsigned truncate_first; /* first EPC bit of a truncated reply */
    double command_end_tick; /* last rising edge of the last command understood */
    double guard_ticks;      /* T4 after it */
    bool has_reply;          /* reply holds one that was sent or is to be sent */
    double blf_error_ratio;  /* of the link in force */
    uint64_t n_rn16_sent, n_epc_sent, n_acks_heard, n_acks_late;
    /* open and secured */
    uint16_t handle;
    uint16_t cover; /* the last Req_RN's RN16 */
    bool has_cover; /* nothing came between that and now */
    enum tag_sequence sequence;
    uint16_t first_half;     /* of its password */
    double lockout_end_tick; /* no passwords are taken before */
    bool lacks_write_power;  /* the field is too weak to change memory; set from outside */
    uint64_t n_access_heard, n_access_lost; /* commands with the handle; replies lost */
    struct tag_process process;
    bool is_working; /* store->work holds a change of memory under way */
    struct tag_pie pie;
    struct tag_reply reply;
    struct tag_store *store;
};

/* FrT of Gen2 table 6.16 at nominal temperature; negative when DR and TRcal do not go together. */
double tag_blf_tolerance(bool dr_64_3, double trcal_us);

/* A tag without power with EPC and TID set, all flags as never set.
 *   own  borrows the store as long as it lives */
void tag_init(struct tag *tag, struct tag_store *store, const struct tag_identity *identity,
              const struct tag_world *world);

/* Give a fresh tag what else it has.   pre  before its first power */
void tag_equip(struct tag *tag, const struct tag_equipment *equipment);

/* What it may see of its own memory for whoever commands it now. */
struct tag_view tag_view_of(const struct tag *tag);

/* How much more power it wants than as made: a reduced range (Untraceable), dB. */
double tag_extra_power_db(const struct tag *tag);

void tag_power_up(struct tag *tag, const struct tag_world *world, double tick);
void tag_power_down(struct tag *tag, double tick);

void tag_fall(struct tag *tag, double tick);

enum tag_event { TAG_EVENT_NONE, TAG_EVENT_COMMAND, TAG_EVENT_REPLY };

/* A rising edge of the envelope.
 *   out  TAG_EVENT_REPLY: tag->reply was filled anew, to be sent from its start_tick;
 *        TAG_EVENT_COMMAND: a command was carried out, no reply */
enum tag_event tag_rise(struct tag *tag, const struct tag_world *world, double tick);

/* The reply in tag->reply is over at `tick`: what the tag does by itself then.
 *   out  true: tag->reply was filled anew, a further in-process reply */
bool tag_go_on(struct tag *tag, const struct tag_world *world, double tick);

#endif
