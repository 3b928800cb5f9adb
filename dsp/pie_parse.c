/* pie_parse.c - low pulses -> PIE frames. */
#include "dsp/pie_parse.h"

#include <math.h>

#include "config/require.h"

/* Gen2 limit times or divided by about 1.1 */
#define DELIMITER_MIN_US 9.0
#define DELIMITER_MAX_US 16.0
#define TARI_MIN_US 5.0
#define TARI_MAX_US 28.0
#define RTCAL_MIN_TARI 2.25
#define RTCAL_MAX_TARI 3.3
#define TRCAL_MIN_RTCAL 0.9 /* a data-1 is at most 2/3 RTcal, TRcal at least 1.1 RTcal */
#define TRCAL_MAX_RTCAL 3.3
#define DATA0_MIN_TARI 0.6
#define PW_MIN_TARI 0.2
#define PW_MAX_TARI 0.65
#define PW_SPREAD_TARI 0.2
#define LOW_MAX_RATIO 0.35     /* depth at least 80 % */
#define PEAK_SPREAD_RATIO 0.35 /* of the two high parts: noise alone spreads more */
#define BITS_MIN 4             /* QueryRep, the shortest command */
#define END_MARGIN 1.2         /* over the longest high part inside a frame */

/* Time of the 50 % point between A and the low level, by the two levels' crossings. */
static double edge_tick(const double cross_tick[2], double low_ratio)
{
    double middle = 0.5 + 0.5 * fmin(low_ratio, 0.3);
    return cross_tick[0] + (middle - 0.5) / 0.1 * (cross_tick[1] - cross_tick[0]);
}

void pie_parse_reset(struct pie_parse *parse)
{
    require(parse);
    parse->n_pulses = 0;
    parse->locked = false;
}

static bool within(double value, double min, double max, double slack)
{
    return value >= min - slack && value <= max + slack;
}

/* Do the three pulses kept look like delimiter, data-0, RTcal? */
static void frame_open(struct pie_parse *parse)
{
    const struct pie_pulse *pulse = parse->history;
    double low_ratio = pulse[0].low_ratio;
    double fall_us[PIE_PARSE_HISTORY], rise_us[PIE_PARSE_HISTORY];
    for (unsigned i = 0; i < PIE_PARSE_HISTORY; i++) {
        double origin = pulse[0].fall_tick[0];
        fall_us[i] = (edge_tick(pulse[i].fall_tick, low_ratio) - origin) / parse->ticks_per_us;
        rise_us[i] = (edge_tick(pulse[i].rise_tick, low_ratio) - origin) / parse->ticks_per_us;
    }
    double slack_us = 0.25 + 0.25 / parse->ticks_per_us; /* what noise and sampling add */
    double tari_us = rise_us[1] - rise_us[0];
    double rtcal_us = rise_us[2] - rise_us[1];
    double pw_us[2] = {rise_us[1] - fall_us[1], rise_us[2] - fall_us[2]};
    if (low_ratio > LOW_MAX_RATIO ||
        !within(rise_us[0] - fall_us[0], DELIMITER_MIN_US, DELIMITER_MAX_US, 0.0) ||
        !within(tari_us, TARI_MIN_US, TARI_MAX_US, 0.0) ||
        !within(rtcal_us, RTCAL_MIN_TARI * tari_us, RTCAL_MAX_TARI * tari_us, 2.0 * slack_us) ||
        !within(pw_us[0], PW_MIN_TARI * tari_us, PW_MAX_TARI * tari_us, slack_us) ||
        !within(pw_us[1], PW_MIN_TARI * tari_us, PW_MAX_TARI * tari_us, slack_us) ||
        fabs(pulse[2].peak_ratio - pulse[1].peak_ratio) > PEAK_SPREAD_RATIO ||
        fabs(pw_us[1] - pw_us[0]) > PW_SPREAD_TARI * tari_us + slack_us) {
        return;
    }
    struct pie_frame *frame = &parse->frame;
    frame->start_tick = edge_tick(pulse[0].fall_tick, low_ratio);
    frame->delimiter_us = rise_us[0] - fall_us[0];
    frame->tari_us = tari_us;
    frame->rtcal_us = rtcal_us;
    frame->trcal_us = 0.0;
    frame->pw_us = 0.5 * (pw_us[0] + pw_us[1]);
    frame->with_preamble = false;
    frame->depth_ratio = 1.0 - low_ratio;
    frame->carrier_level = pulse[0].level;
    frame->bits.n_bits = 0;
    parse->low_ratio = low_ratio;
    parse->rise_tick = edge_tick(pulse[2].rise_tick, low_ratio);
    parse->locked = true;
}

/* One symbol more, or TRcal; anything else ends the frame without a word. */
static void frame_grow(struct pie_parse *parse, const struct pie_pulse *pulse)
{
    struct pie_frame *frame = &parse->frame;
    double rise_tick = edge_tick(pulse->rise_tick, parse->low_ratio);
    double fall_tick = edge_tick(pulse->fall_tick, parse->low_ratio);
    double length_us = (rise_tick - parse->rise_tick) / parse->ticks_per_us;
    double pw_us = (rise_tick - fall_tick) / parse->ticks_per_us;
    double slack_us = 0.25 + 0.25 / parse->ticks_per_us;
    bool first = frame->bits.n_bits == 0 && !frame->with_preamble;
    parse->rise_tick = rise_tick;
    double spread_us = PW_SPREAD_TARI * frame->tari_us + slack_us;
    parse->locked =
        within(pw_us, frame->pw_us, frame->pw_us, spread_us) && frame->bits.n_bits < LIMIT_BITS;
    if (!parse->locked) {
        return;
    }
    if (length_us > TRCAL_MIN_RTCAL * frame->rtcal_us) {
        parse->locked = first && length_us <= TRCAL_MAX_RTCAL * frame->rtcal_us;
        frame->with_preamble = true;
        frame->trcal_us = length_us;
        return;
    }
    parse->locked = length_us >= DATA0_MIN_TARI * frame->tari_us;
    frame->bits.bit[frame->bits.n_bits++] = length_us > 0.5 * frame->rtcal_us; /* pivot */
}

void pie_parse_pulse(struct pie_parse *parse, const struct pie_pulse *pulse)
{
    require(parse->ticks_per_us > 0.0);
    require(parse->n_pulses <= PIE_PARSE_HISTORY);
    if (parse->n_pulses == PIE_PARSE_HISTORY) {
        parse->history[0] = parse->history[1];
        parse->history[1] = parse->history[2];
        parse->n_pulses--;
    }
    parse->history[parse->n_pulses++] = *pulse;
    if (parse->locked) {
        frame_grow(parse, pulse);
    }
    if (!parse->locked && parse->n_pulses == PIE_PARSE_HISTORY) {
        frame_open(parse);
    }
}

bool pie_parse_ended(const struct pie_parse *parse, int64_t tick)
{
    if (!parse->locked) {
        return false;
    }
    const struct pie_frame *f = &parse->frame;
    double high_ticks = (double)tick - parse->rise_tick;
    double longest_us = f->rtcal_us - f->tari_us - f->pw_us;
    if (f->bits.n_bits == 0 && !f->with_preamble) {
        longest_us = TRCAL_MAX_RTCAL * f->rtcal_us;
    }
    return high_ticks > END_MARGIN * longest_us * parse->ticks_per_us + 1.0;
}

bool pie_parse_high(struct pie_parse *parse, int64_t tick, struct pie_frame *frame)
{
    return pie_parse_ended(parse, tick) && pie_parse_take(parse, tick, frame);
}

bool pie_parse_take(struct pie_parse *parse, int64_t tick, struct pie_frame *frame)
{
    bool found = parse->locked && parse->frame.bits.n_bits >= BITS_MIN;
    if (found) {
        parse->frame.end_tick = parse->rise_tick;
        parse->frame.known_tick = tick;
        *frame = parse->frame;
    }
    pie_parse_reset(parse);
    return found;
}
