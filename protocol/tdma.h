/* tdma.h - the state machine of time units: known tags are polled each at its place of the period, with the time
 * between the inventory engine looks for others.                                     layer: protocol
 *
 * A poll is a Select, a Query with Q = 0, and an ACK: no fewer commands reach one tag among many. The Select
 * asserts SL in whoever fits the tag's mask and deasserts it elsewhere; the Query asks SL, session S0. No tag's S0
 * flag ever turns: what follows a poll is a Select, which takes the tag out of its round (6.3.2.12.1.1), or a
 * command of another session. Discovery goes on in a session that outlasts loss of power (S2, S3), target A: who was
 * read once stays quiet in it, known tags and found ones alike.
 *
 * Pure, as inventory.h is: the caller sends the step's command at the earliest legal time, but not before
 * not_before_tick, and comes back with what was heard.   Source: Gen2 6.3.2.2, 6.3.2.12.1, 6.3.2.12.2; gen2.md 6, 8 */
#ifndef PROTOCOL_TDMA_H
#define PROTOCOL_TDMA_H

#include "protocol/inventory.h"
#include "protocol/tdma_plan.h"
#include "protocol/tdma_tags.h"

struct tdma_cfg {
    struct inventory_cfg
        discovery;           /* S2 or S3, target A, no masks, no limit of rounds; times set */
    bool learns;             /* tags that are found are polled from then on */
    unsigned tries_max;      /* polls of a tag in one period, >= 1 */
    unsigned forget_periods; /* tdma_tags_init */
};

struct tdma_event {
    struct inventory_event heard;
    const uint8_t *epc; /* packed; with HEARD_EPC, else NULL */
    size_t n_epc_bits;
};

struct tdma_step {
    struct inventory_step
        inventory;          /* command, slot and round as of the engine; slots of polls: round 0 */
    double not_before_tick; /* start of the command; 0: at once */
    bool is_read;           /* a poll of a known tag has read it, ... */
    double jitter_us;       /* ... and began so long after it was due */
};

struct tdma { /* embedded; fields private */
    struct tdma_cfg cfg;
    struct link link;
    struct inventory discovery;
    struct tdma_tags tags;
    double rate_sps, slot_ticks, poll_ticks, flip_ticks;
    int state;
    struct tdma_tag *tag; /* being polled; NULL: none */
    double start_tick;    /* of that poll */
    bool is_b;            /* its target */
    uint16_t rn16;
    bool is_recovered;
    bool epc_seen; /* in this poll, with a wrong CRC */
    int64_t acks_left;
};

/* How long a poll takes with a mask of so many bits (1..255) of the EPC's first 96, and a slot of discovery with the
 * Query that opens it and the QueryRep that ends it; nominal, an EPC of 96 bits. us */
double tdma_poll_us(const struct link *link, const struct slot_times *times, size_t n_mask_bits);
double tdma_slot_us(const struct link *link, const struct slot_times *times);

/*   pre  tdma_plan_begin(plan) was called; everything is copied */
void tdma_init(struct tdma *tdma, const struct tdma_cfg *cfg, const struct tdma_plan *plan,
               const struct link *link);

/* Take what was heard; the next command cannot start before `tick`.
 *   pre  as inventory_advance: the event fits the last step
 *   cost O(1), and the search for a tag's mask where the list has changed; no allocation */
void tdma_advance(struct tdma *tdma, const struct tdma_event *event, double tick,
                  struct tdma_step *step);

/* The last step is part of a poll, not of discovery.   out  its RN16, once there is one */
bool tdma_is_polling(const struct tdma *tdma, uint16_t *rn16, bool *is_recovered);

#endif
