/* tag.h - one Gen2 tag: memory, flags, state machine, replies.          layer: radio/air
 * Source: Gen2 v2.1 6.3.2.2-6.3.2.7 and Annex B (states), 6.3.1.6 (link timing), table 6.16 (BLF
 * tolerance). Times are ticks of the sample clock with fraction. */
#ifndef RADIO_AIR_TAG_H
#define RADIO_AIR_TAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "radio/air/tag_code.h"
#include "radio/air/tag_pie.h"

#define TAG_EPC_BYTES_MAX 62 /* 31 words */
#define TAG_TID_BYTES 12

enum tag_state { TAG_READY, TAG_ARBITRATE, TAG_REPLY, TAG_ACKNOWLEDGED };

struct tag_world { /* the same for all tags */
    double ticks_per_us;
    double t1_jitter_us;
    double t2_limit_tpri;
    double blf_error_ratio; /* NaN: 0.7 of the standard's tolerance */
    bool blf_error_force;
    double blf_drift_ratio;
};

struct tag_link { /* from the last Query */
    double rtcal_us, tpri_us;
    double tolerance_ratio; /* FrT */
    unsigned n_cycles;      /* 1, 2, 4, 8 */
    bool trext;
};

struct tag_reply { /* what the tag's switch does from start to end */
    struct tag_code code;
    double start_tick, end_tick;
    double half_ticks;  /* first level's length */
    double drift_ticks; /* added from level to level */
};

struct tag {
    /* made with the tag */
    uint64_t random;                         /* state of its own generator */
    uint8_t epc_bank[4 + TAG_EPC_BYTES_MAX]; /* StoredCRC, StoredPC, EPC */
    size_t n_epc_bits;
    uint8_t tid_bank[TAG_TID_BYTES];
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
    struct tag_pie pie;
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
    struct tag_reply reply;
    double blf_error_ratio; /* of the link in force */
    uint64_t n_rn16_sent, n_epc_sent, n_acks_heard, n_acks_late;
};

/* FrT of Gen2 table 6.16 at nominal temperature; negative when DR and TRcal do not go together. */
double tag_blf_tolerance(bool dr_64_3, double trcal_us);

/* A tag without power with EPC and TID set, all flags as never set.
 *   pre  n_epc_bits a multiple of 16, <= 496 */
void tag_init(struct tag *tag, const uint8_t *epc, size_t n_epc_bits, uint64_t serial,
              uint64_t seed, const struct tag_world *world);

void tag_power_up(struct tag *tag, const struct tag_world *world, double tick);
void tag_power_down(struct tag *tag, double tick);

void tag_fall(struct tag *tag, double tick);

enum tag_event { TAG_EVENT_NONE, TAG_EVENT_COMMAND, TAG_EVENT_REPLY };

/* A rising edge of the envelope.
 *   out  TAG_EVENT_REPLY: tag->reply was filled anew, to be sent from its start_tick;
 *        TAG_EVENT_COMMAND: a command was carried out, no reply */
enum tag_event tag_rise(struct tag *tag, const struct tag_world *world, double tick);

#endif
