/* reply_wait.h - a reply that may begin anywhere in a long wait (delayed and in-process replies: up
 * to 20 ms after the command): listening windows one after the other, each with a quiet of its own
 * before it. A window hands what begins near its end to the next, so none is heard in halves;
 * together they look a second time as seldom as one window does. Work grows with the wait,
 * memory does not.                                                              layer: dsp
 * The outcome does not depend on how the samples are cut into blocks.
 * Source: Gen2 6.3.1.6 (T5, T6, T7). */
#ifndef DSP_REPLY_WAIT_H
#define DSP_REPLY_WAIT_H

#include "dsp/reply_rx.h"

#define REPLY_WAIT_US 20e3 /* T5, T6, T7 max */

/* A wait for a delayed or the first in-process reply, with the pilot that these always have: from
 * T1 min after from_tick, the command's last rising edge, for REPLY_WAIT_US. The caller sets
 * n_bits, has_length. */
void reply_wait_listen_init(struct reply_listen *listen, const struct link *link,
                            enum reply_kind kind, double from_tick);

/* The same for the next in-process reply, after the end of the one before: from T7 min on. */
void reply_wait_listen_next(struct reply_listen *listen, const struct link *link, double end_tick);

struct reply_wait;

/*   pre as reply_rx_new   err ST_NO_MEMORY. All memory is taken here; rx is borrowed for good, idle
 *   whenever a wait begins, and may serve others in between. */
enum status reply_wait_new(struct reply_rx *rx, double rate_sps, unsigned n_channels,
                           struct reply_wait **wait) must_check;
void reply_wait_free(struct reply_wait **wait);

/* As reply_rx_begin; start_lo_us .. start_hi_us may be long, defer_us and false_alarm_share are not
 * looked at. A short range is one window. */
void reply_wait_begin(struct reply_wait *wait, const struct reply_listen *listen);

/* As their namesakes of reply_rx. */
int64_t reply_wait_first_tick(const struct reply_wait *wait);
int64_t reply_wait_next_tick(const struct reply_wait *wait);
int64_t reply_wait_not_before(const struct reply_wait *wait);
double reply_wait_expected_end(const struct reply_wait *wait);

/* As reply_rx_push. A reply is reported as soon as it is in, and so is a whole one whose CRC is
 * wrong; what is merely no noise is reported, the strongest of it, when the wait is over. */
bool reply_wait_push(struct reply_wait *wait, const float _Complex *const *sample, size_t n_samples,
                     int64_t first_tick, struct reply_result *result);
void reply_wait_cut(struct reply_wait *wait, struct reply_result *result);

/* Windows of the wait so far, and those that a long hypothesis before them made begin too late. */
unsigned reply_wait_n_windows(const struct reply_wait *wait);
unsigned reply_wait_n_late(const struct reply_wait *wait);

#endif
