/* tag_work.h - a change of memory that takes its time, and what loss of power makes of it.
 * Source: Gen2 v2.1 6.3.1.6.3 (delayed replies).                       layer: radio/air
 * The units of a work (the words of a BlockWrite, or the one change of everything else) are done
 * one after another, each in an equal part of the time; within its part each takes hold at the
 * same share, drawn by the tag. */
#ifndef RADIO_AIR_TAG_WORK_H
#define RADIO_AIR_TAG_WORK_H

#include <stdint.h>

#include "radio/air/tag_memory.h"

enum tag_work_kind {
    TAG_WORK_NONE,
    TAG_WORK_WRITE,
    TAG_WORK_ERASE,
    TAG_WORK_LOCK,
    TAG_WORK_PERMALOCK,
    TAG_WORK_HIDE,
    TAG_WORK_KILL,
};

struct tag_work {
    enum tag_work_kind kind;
    double start_tick, end_tick;
    double hold_ratio; /* 0..1 */
    unsigned n_units;
    enum tag_bank bank;
    uint32_t first; /* word, or group of blocks */
    unsigned lock_mask, lock_action;
    struct tag_hiding hiding;
    uint8_t data[2 * TAG_USER_WORDS_MAX]; /* words or masks, packed */
};

/* The time is `tick`: work that is through by then is done in memory and forgotten. */
void tag_work_settle(struct tag_work *work, struct tag_memory *memory, double tick);

/* Power was lost at `tick`: what had taken hold by then stays, the rest is as before. */
void tag_work_cut(struct tag_work *work, struct tag_memory *memory, double tick);

#endif
