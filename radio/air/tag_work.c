/* tag_work.c - changes of memory, unit by unit. */
#include "radio/air/tag_work.h"

#include <math.h>

#include "config/require.h"
#include "radio/air/tag_code.h"

static void do_unit(const struct tag_work *work, struct tag_memory *memory, unsigned unit)
{
    uint16_t word = (uint16_t)tag_bits(work->data, 16 * (size_t)unit, 16);
    switch (work->kind) {
    case TAG_WORK_NONE: break;
    case TAG_WORK_WRITE: tag_memory_put(memory, work->bank, work->first + unit, word); break;
    case TAG_WORK_ERASE: tag_memory_put(memory, work->bank, work->first + unit, 0); break;
    case TAG_WORK_LOCK: tag_memory_lock(memory, work->lock_mask, work->lock_action); break;
    case TAG_WORK_PERMALOCK: tag_memory_permalock(memory, work->first + unit, word); break;
    case TAG_WORK_HIDE: tag_memory_hide(memory, &work->hiding); break;
    case TAG_WORK_KILL: memory->is_killed = true; break;
    }
}

static void finish(struct tag_work *work, struct tag_memory *memory, unsigned n_units)
{
    require(n_units <= work->n_units);
    require(work->n_units <= TAG_USER_WORDS_MAX);
    for (unsigned i = 0; i < n_units; i++) {
        do_unit(work, memory, i);
    }
    work->kind = TAG_WORK_NONE;
}

void tag_work_settle(struct tag_work *work, struct tag_memory *memory, double tick)
{
    if (work->kind != TAG_WORK_NONE && tick >= work->end_tick) {
        finish(work, memory, work->n_units);
    }
}

void tag_work_cut(struct tag_work *work, struct tag_memory *memory, double tick)
{
    tag_work_settle(work, memory, tick);
    if (work->kind == TAG_WORK_NONE) {
        return;
    }
    double span = work->end_tick - work->start_tick;
    double share = span > 0.0 ? fmax(0.0, tick - work->start_tick) / span : 0.0;
    double n_held = floor(share * work->n_units - work->hold_ratio) + 1.0;
    finish(work, memory, n_held > 0.0 ? (unsigned)fmin(n_held, work->n_units) : 0);
}
