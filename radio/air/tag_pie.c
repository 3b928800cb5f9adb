/* tag_pie.c - delimiter, Tari, RTcal, TRcal, bits; every symbol from rising to rising edge. */
#include "radio/air/tag_pie.h"

#include <string.h>

#include "config/require.h"
#include "radio/air/tag_code.h"

#define DELIMITER_US 12.5
#define DELIMITER_TOLERANCE 0.20 /* the reader keeps 5 %; tags take more */
#define TARI_MIN_US 6.25
#define TARI_MAX_US 25.0
#define RTCAL_MIN_TARI 2.5
#define RTCAL_MAX_TARI 3.0
#define TRCAL_MIN_RTCAL 1.1
#define TRCAL_MAX_RTCAL 3.0
#define LENGTH_TOLERANCE 0.03 /* 1 % of the reader and the tag's own counting */
#define SYMBOL_MAX_RTCAL 4.0

void tag_pie_init(struct tag_pie *pie, uint8_t *long_bits, double ticks_per_us)
{
    require(long_bits);
    require(ticks_per_us > 0.0);
    memset(pie, 0, sizeof *pie);
    pie->long_bits = long_bits;
    pie->ticks_per_us = ticks_per_us;
    pie->step = TAG_PIE_IDLE;
}

void tag_pie_reset(struct tag_pie *pie, double ticks_per_us)
{
    tag_pie_init(pie, pie->long_bits, ticks_per_us);
}

const uint8_t *tag_pie_bits(const struct tag_pie *pie)
{
    return pie->is_long ? pie->long_bits : pie->bits;
}

void tag_pie_fall(struct tag_pie *pie, double tick)
{
    bool has_rtcal = pie->step == TAG_PIE_TRCAL || pie->step == TAG_PIE_BITS;
    double longest_us =
        SYMBOL_MAX_RTCAL * (has_rtcal ? pie->rtcal_us : RTCAL_MAX_TARI * TARI_MAX_US);
    if (tick - pie->rise_tick > longest_us * pie->ticks_per_us) {
        pie->step = TAG_PIE_IDLE; /* the frame broke off; this edge may open the next */
    }
    pie->fall_tick = tick;
}

static bool within(double value, double min, double max)
{
    return value >= min * (1.0 - LENGTH_TOLERANCE) && value <= max * (1.0 + LENGTH_TOLERANCE);
}

/* A low pulse of the right length opens a frame, also in the middle of a broken one. */
static void try_delimiter(struct tag_pie *pie, double tick)
{
    double low_us = (tick - pie->fall_tick) / pie->ticks_per_us;
    bool is_delimiter = low_us >= DELIMITER_US * (1.0 - DELIMITER_TOLERANCE) &&
                        low_us <= DELIMITER_US * (1.0 + DELIMITER_TOLERANCE);
    pie->step = is_delimiter ? TAG_PIE_TARI : TAG_PIE_IDLE;
    pie->start_tick = pie->fall_tick;
}

static bool take_bit(struct tag_pie *pie, double symbol_us)
{
    if (pie->n_bits >= TAG_COMMAND_BITS_MAX) {
        pie->step = TAG_PIE_IDLE;
        return false;
    }
    if (pie->n_bits == 8 * TAG_PIE_SHORT_BYTES) {
        memcpy(pie->long_bits, pie->bits, TAG_PIE_SHORT_BYTES);
        pie->is_long = true;
    }
    tag_bits_put(pie->is_long ? pie->long_bits : pie->bits, pie->n_bits,
                 symbol_us > 0.5 * pie->rtcal_us, 1);
    pie->n_bits++;
    if (pie->n_bits < pie->n_needed) {
        return false;
    }
    pie->n_needed = tag_command_need(tag_pie_bits(pie), pie->n_bits);
    if (pie->n_needed > pie->n_bits) {
        return false;
    }
    pie->step = TAG_PIE_IDLE;
    return pie->n_needed == pie->n_bits;
}

static void take_rtcal(struct tag_pie *pie, double symbol_us)
{
    pie->rtcal_us = symbol_us;
    pie->trcal_us = 0.0;
    pie->n_bits = 0;
    pie->is_long = false;
    pie->n_needed = tag_command_need(pie->bits, 0);
    pie->step = TAG_PIE_TRCAL;
}

bool tag_pie_rise(struct tag_pie *pie, double tick)
{
    double symbol_us = (tick - pie->rise_tick) / pie->ticks_per_us;
    bool ends_command = false;
    bool is_valid = true;
    switch (pie->step) {
    case TAG_PIE_IDLE: is_valid = false; break;
    case TAG_PIE_TARI:
        pie->tari_us = symbol_us;
        is_valid = within(symbol_us, TARI_MIN_US, TARI_MAX_US);
        pie->step = TAG_PIE_RTCAL;
        break;
    case TAG_PIE_RTCAL:
        is_valid = within(symbol_us / pie->tari_us, RTCAL_MIN_TARI, RTCAL_MAX_TARI);
        take_rtcal(pie, symbol_us);
        break;
    case TAG_PIE_TRCAL: /* a symbol longer than RTcal is TRcal, no data symbol is */
        pie->step = TAG_PIE_BITS;
        if (symbol_us > pie->rtcal_us) {
            pie->trcal_us = symbol_us;
            is_valid = within(symbol_us / pie->rtcal_us, TRCAL_MIN_RTCAL, TRCAL_MAX_RTCAL);
        } else {
            ends_command = take_bit(pie, symbol_us);
        }
        break;
    case TAG_PIE_BITS:
        is_valid = symbol_us <= SYMBOL_MAX_RTCAL * pie->rtcal_us;
        ends_command = is_valid && take_bit(pie, symbol_us);
        break;
    }
    if (!is_valid) {
        try_delimiter(pie, tick);
    }
    pie->rise_tick = tick;
    return ends_command;
}
