/* tx_shape.h - transmit waveform: continuous carrier with PIE commands keyed onto it, shaped edges.
 *                                                                              layer: dsp
 * Source: Gen2 6.3.1.2 (envelope, PIE, preamble), 6.3.1.2.6-.7 (power-up and -down ramps).
 * Limits met at any rate from 1 to 20 MS/s; see tests/test_tx_shape.c. */
#ifndef DSP_TX_SHAPE_H
#define DSP_TX_SHAPE_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/option.h"
#include "protocol/bits.h"
#include "protocol/link.h"

enum tx_shape_modulation { TX_SHAPE_DSB_ASK = 0, TX_SHAPE_PR_ASK };

struct tx_shape_cfg {   /* option keys tx.* : table tx_shape_options */
    int modulation;     /* enum tx_shape_modulation, choice "dsb-ask|pr-ask" */
    double depth_ratio; /* (A-B)/A, 0.8 .. 1.0, default 0.95; pr-ask is always 1 */
    double rise_us;     /* 10-90 %; NaN = auto: as soft as Tari (<= 0.33 Tari), PW and rate allow */
    double amplitude;   /* carrier level, full scale = 1, default 0.7 */
    double ramp_us;     /* power-up and power-down, 1 .. 500, default 100 */
};
extern const struct option_table tx_shape_options;

struct tx_shape;

/*   pre rate_sps 1e6 .. 100e6     err ST_RANGE with detail, ST_NO_MEMORY */
enum status tx_shape_new(const struct tx_shape_cfg *cfg, double rate_sps,
                         struct tx_shape **shape) must_check;
void tx_shape_free(struct tx_shape **shape);

/* Carrier on: the ramp up starts at `tick`, nothing while it is on or going on already. Carrier off: the
 * ramp down starts at `tick`, and whatever was planned from there on (an earlier, later off; the next
 * on) is dropped: an off can be brought forward, never put back. tx_shape_ramp_ticks later samples are
 * exactly zero. On and off may follow one another any number of times, eight of them ahead.
 *   pre  tick not yet rendered; carrier_on: not before the last off asked for */
void tx_shape_carrier_on(struct tx_shape *shape, int64_t tick);
void tx_shape_carrier_off(struct tx_shape *shape, int64_t tick);
int64_t tx_shape_ramp_ticks(const struct tx_shape *shape);

struct tx_shape_frame { /* where a scheduled command lies on the sample clock */
    double start_tick;  /* first falling edge of the delimiter, 50 % point */
    double end_tick;    /* last rising edge, 50 % point: T1 counts from here */
    int carrier_sign;   /* +1 or -1: sign of the carrier after the command (pr-ask flips) */
};
/* Key a command onto the carrier, first falling edge at start_tick. One command may be pending
 * while another is being rendered, not more; edges already rendered may not be asked for.
 *   pre  start_tick >= next tick to be rendered + the edge's half width (tx_shape_lead_ticks)
 *   err  ST_BUSY two commands pending; ST_RANGE start_tick too early, or PW and rise time do not go
 *        with Tari and rate; ST_FULL more than LIMIT_BITS bits: nothing scheduled */
enum status tx_shape_command(struct tx_shape *shape, const struct link *link, const uint8_t *bit,
                             size_t n_bits, bool with_preamble, double start_tick,
                             struct tx_shape_frame *frame) must_check;
int64_t tx_shape_lead_ticks(const struct tx_shape *shape);
/* The same for commands of this link alone, whose edges may be shorter.   pre  tx_shape_command takes it */
int64_t tx_shape_link_lead_ticks(const struct tx_shape *shape, const struct link *link);

/* Once rendered up to here there is room for another command; INT64_MIN: there is. */
int64_t tx_shape_room_tick(const struct tx_shape *shape);

/* Give the newest command other bits: it may begin before it is known what it will say. All commands
 * begin with the same frame-sync, and those without preamble that start with the same bits share these
 * too (6.3.1.2.8, .12).
 *   pre  same link as the command's
 *   err  ST_NOT_FOUND it is wholly rendered; ST_RANGE what is rendered already would be another waveform,
 *        ST_FULL as above: the command stays as it was */
enum status tx_shape_command_revise(struct tx_shape *shape, const struct link *link,
                                    const uint8_t *bit, size_t n_bits, bool with_preamble,
                                    struct tx_shape_frame *frame) must_check;

/* Render the next n_samples; ticks are contiguous from 0.  cost: carrier only: a fill */
void tx_shape_render(struct tx_shape *shape, float _Complex *sample, size_t n_samples);

#endif
