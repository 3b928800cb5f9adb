/* detector.c - threshold crossings and power of a group of tags. */
#include "radio/air/detector.h"

#include <float.h>
#include <math.h>

#include "config/require.h"

#define GROUP_RATIO 0.5f

struct survey {     /* what the members are like now */
    float on_min;   /* lowest level that wakes one more */
    float feed_max; /* highest level below which a high one is no longer fed */
    float fall_max; /* highest ratio at which a high one falls */
    float rise_min; /* lowest ratio at which a low one rises */
};

static struct survey survey_members(struct detector *detector)
{
    struct survey survey = {.on_min = FLT_MAX, .rise_min = FLT_MAX};
    detector->wake_tick = detector->relearn_tick;
    for (size_t i = 0; i < detector->n_members; i++) {
        const struct detector_member *member = &detector->members[i];
        if (!member->is_powered) {
            survey.on_min = member->on_level < survey.on_min ? member->on_level : survey.on_min;
            continue;
        }
        if (member->hold_tick < detector->wake_tick) {
            detector->wake_tick = member->hold_tick;
        }
        if (!member->is_high) {
            survey.rise_min =
                member->high_ratio < survey.rise_min ? member->high_ratio : survey.rise_min;
            continue;
        }
        float feed = member->hold_tick == DETECTOR_NEVER ? member->off_level : FLT_MAX;
        survey.feed_max = feed > survey.feed_max ? feed : survey.feed_max;
        survey.fall_max = member->low_ratio > survey.fall_max ? member->low_ratio : survey.fall_max;
    }
    return survey;
}

/* The range of the envelope in which nothing can happen, from the members as they are now. A high
 * member that drains (hold_tick set) wants every sample looked at. */
static void renew_pass(struct detector *detector)
{
    struct survey survey = survey_members(detector);
    float pass_min = fmaxf(survey.feed_max, detector->peak * survey.fall_max);
    float pass_max = nextafterf(fminf(survey.on_min, detector->peak * survey.rise_min), 0.0f);
    float group_level = detector->peak * GROUP_RATIO; /* the group's own crossing counts too */
    if (detector->is_high) {
        pass_min = fmaxf(pass_min, group_level);
        pass_max = fminf(pass_max, detector->peak);
    } else {
        pass_max = fminf(pass_max, nextafterf(group_level, 0.0f));
    }
    detector->pass_min = pass_min;
    detector->pass_max = pass_max;
}

void detector_init(struct detector *detector, struct detector_member *members, size_t n_members,
                   int64_t hold_ticks, int64_t relearn_ticks)
{
    require(hold_ticks > 0);
    require(relearn_ticks > hold_ticks);
    *detector = (struct detector){.members = members,
                                  .n_members = n_members,
                                  .hold_ticks = hold_ticks,
                                  .relearn_ticks = relearn_ticks,
                                  .relearn_tick = DETECTOR_NEVER};
    for (size_t i = 0; i < n_members; i++) {
        struct detector_member *member = &members[i];
        require(member->low_ratio < member->high_ratio);
        require(member->off_level < member->on_level);
        member->is_powered = false;
        member->is_high = false;
        member->hold_tick = DETECTOR_NEVER;
    }
    renew_pass(detector);
}

/* When between the last sample and this one the envelope stood at `level`. */
static double crossing(const struct detector *detector, float level, float now, int64_t tick)
{
    double span = (double)now - (double)detector->last;
    double share = span != 0.0 ? ((double)level - (double)detector->last) / span : 1.0;
    share = share > 0.0 ? share : 0.0;
    return (double)(tick - 1) + (share < 1.0 ? share : 1.0);
}

/* The hold capacitor: drains from a fall on, or while a high member gets less than it needs; when
 * it is empty the level decides, and a member that lives on through a long low is asked again. */
static bool runs_dry(const struct detector *detector, struct detector_member *member, float now,
                     int64_t tick)
{
    bool is_fed = now >= member->off_level;
    if (tick >= member->hold_tick) {
        member->hold_tick = DETECTOR_NEVER;
        if (!is_fed) {
            return true;
        }
    }
    if (is_fed && member->is_high) {
        member->hold_tick = DETECTOR_NEVER;
    } else if (member->hold_tick == DETECTOR_NEVER) {
        member->hold_tick = tick + detector->hold_ticks;
    }
    return false;
}

static void step_member(struct detector *detector, size_t index, float now, int64_t tick,
                        detector_sink *sink, void *context)
{
    struct detector_member *member = &detector->members[index];
    if (!member->is_powered) {
        if (now >= member->on_level) {
            member->is_powered = true;
            member->is_high = true;
            member->hold_tick = DETECTOR_NEVER;
            sink(context, index, DETECTOR_POWER_UP, (double)tick);
        }
        return;
    }
    float level = detector->peak * (member->is_high ? member->low_ratio : member->high_ratio);
    enum detector_event event = member->is_high ? DETECTOR_FALL : DETECTOR_RISE;
    bool is_crossed = member->is_high ? now < level : now >= level;
    member->is_high ^= is_crossed;
    if (runs_dry(detector, member, now, tick)) {
        member->is_powered = false;
        member->is_high = false;
        member->hold_tick = DETECTOR_NEVER;
        sink(context, index, DETECTOR_POWER_DOWN, (double)tick);
    } else if (is_crossed) {
        sink(context, index, event, crossing(detector, level, now, tick));
    }
}

/* The high level follows upwards at once; downwards it takes the highest of the last high
 * stretch, and after a low longer than any command holds it starts anew. */
static void track_peak(struct detector *detector, float now, int64_t tick)
{
    if (tick >= detector->relearn_tick) {
        detector->peak = now;
        detector->relearn_tick = DETECTOR_NEVER;
    }
    detector->peak = now > detector->peak ? now : detector->peak;
    bool is_high = now >= detector->peak * GROUP_RATIO;
    if (is_high == detector->is_high) {
        return;
    }
    detector->is_high = is_high;
    if (is_high) {
        detector->peak_of_high = now;
        detector->relearn_tick = DETECTOR_NEVER;
    } else {
        detector->peak = detector->peak_of_high;
        detector->relearn_tick = tick + detector->relearn_ticks;
    }
}

static void step_all(struct detector *detector, float now, int64_t tick, detector_sink *sink,
                     void *context)
{
    track_peak(detector, now, tick);
    for (size_t i = 0; i < detector->n_members; i++) {
        step_member(detector, i, now, tick, sink, context);
    }
    renew_pass(detector);
}

/* How many samples from `first` on can be passed over. */
static size_t pass_over(struct detector *detector, const float *envelope, size_t first, size_t end)
{
    float pass_min = detector->pass_min;
    float pass_max = detector->pass_max;
    float highest = detector->peak_of_high;
    size_t k = first;
    while (k < end && envelope[k] >= pass_min && envelope[k] <= pass_max) {
        highest = envelope[k] > highest ? envelope[k] : highest;
        k++;
    }
    detector->peak_of_high = highest;
    if (k > first) {
        detector->last = envelope[k - 1];
    }
    return k - first;
}

void detector_run(struct detector *detector, const float *envelope, size_t n_samples,
                  int64_t first_tick, detector_sink *sink, void *context)
{
    require(envelope || n_samples == 0);
    for (size_t k = 0; k < n_samples; k++) {
        int64_t quiet_ticks = detector->wake_tick - first_tick;
        size_t end = quiet_ticks < (int64_t)n_samples ? (size_t)(quiet_ticks > 0 ? quiet_ticks : 0)
                                                      : n_samples;
        k += pass_over(detector, envelope, k, end);
        if (k < n_samples) {
            float now = envelope[k];
            require_sig(now >= 0.0f);
            if (now > detector->peak_of_high) {
                detector->peak_of_high = now;
            }
            step_all(detector, now, first_tick + (int64_t)k, sink, context);
            detector->last = now;
        }
    }
}

void detector_feed(struct detector *detector, size_t index, bool is_fed, int64_t tick,
                   detector_sink *sink, void *context)
{
    require(index < detector->n_members);
    struct detector_member *member = &detector->members[index];
    require(member->is_powered != is_fed);
    member->is_powered = is_fed;
    member->is_high = is_fed && detector->last >= detector->peak * member->high_ratio;
    member->hold_tick = DETECTOR_NEVER;
    sink(context, index, is_fed ? DETECTOR_POWER_UP : DETECTOR_POWER_DOWN, (double)tick);
    renew_pass(detector);
}
