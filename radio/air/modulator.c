/* modulator.c - edges at exact times, box-integrated over samples. */
#include "radio/air/modulator.h"

#include <math.h>

#include "config/require.h"

void modulator_start(struct modulator *modulator, const struct tag_reply *reply)
{
    require(reply->half_ticks > 0.0);
    modulator->edge_tick = reply->start_tick;
    modulator->half_ticks = reply->half_ticks;
    modulator->n_left = tag_code_n_levels(&reply->code);
    modulator->level = false;
    require(modulator->n_left > 0);
}

static void next_level(struct modulator *modulator, struct tag_reply *reply)
{
    if (modulator->n_left == 0) {
        modulator->level = false;
        modulator->edge_tick = INFINITY;
        return;
    }
    modulator->level = tag_code_next(&reply->code);
    modulator->edge_tick += modulator->half_ticks;
    modulator->half_ticks += reply->drift_ticks;
    modulator->n_left--;
}

/* One sample that holds at least one edge. */
static float mixed_sample(struct modulator *modulator, struct tag_reply *reply, double begin)
{
    double end = begin + 1.0;
    double share = 0.0;
    double from = begin;
    while (modulator->edge_tick < end) {
        share += modulator->level ? modulator->edge_tick - from : 0.0;
        from = modulator->edge_tick;
        next_level(modulator, reply);
    }
    share += modulator->level ? end - from : 0.0;
    return (float)share;
}

bool modulator_levels(struct modulator *modulator, struct tag_reply *reply, int64_t first_tick,
                      float *level, size_t n_samples)
{
    double begin = (double)first_tick - 0.5;
    if (reply->start_tick >= begin + (double)n_samples || reply->end_tick <= begin) {
        return false;
    }
    for (size_t k = 0; k < n_samples;) {
        double left = modulator->edge_tick - (begin + (double)k);
        size_t n_whole = left < (double)(n_samples - k) ? (size_t)left : n_samples - k;
        float value = modulator->level ? 1.0f : 0.0f;
        for (size_t i = 0; i < n_whole; i++) {
            level[k + i] = value;
        }
        k += n_whole;
        if (k < n_samples) {
            level[k] = mixed_sample(modulator, reply, begin + (double)k);
            k++;
        }
    }
    /* a reply cut by loss of power ends before its code does */
    if (reply->end_tick < begin + (double)n_samples) {
        double n_valid = ceil(reply->end_tick - begin);
        for (size_t k = n_valid > 0.0 ? (size_t)n_valid : 0; k < n_samples; k++) {
            level[k] = 0.0f;
        }
    }
    return true;
}
