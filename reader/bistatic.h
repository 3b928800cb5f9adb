/* bistatic.h - the bistatic.* keys: two radios on one exchange, and the time they share. layer: reader */
#ifndef READER_BISTATIC_H
#define READER_BISTATIC_H

#include <stdbool.h>

#include "config/option.h"
#include "protocol/link.h"

enum bistatic_mode { BISTATIC_NONE = 0, BISTATIC_SPLIT, BISTATIC_HELPER, BISTATIC_LISTEN };

struct bistatic_cfg { /* option keys bistatic.* */
    int mode;         /* enum bistatic_mode */
    double gate_period_s, gate_s, gate_offset_s, gate_guard_us;
    double start_spread_us;
    bool shared_reference;
};
extern const struct option_table bistatic_options;

/* What belongs together.   err ST_USAGE, ST_RANGE, detail names the key */
enum status bistatic_check(const struct bistatic_cfg *cfg) must_check;

/* Windows k period .. k period + open of shared time in which the reader works and the emitter is
 * silent, on the sample clock. */
struct gate {
    bool is_on;
    double period_ticks, open_ticks;
    double first_tick; /* of any window */
};

/*   in   start_time_s  shared time at tick 0
 *   pre  cfg checked */
void gate_init(struct gate *gate, const struct bistatic_cfg *cfg, double rate_sps,
               double start_time_s);

/* Earliest tick from `tick` on at which `needed` ticks fit into a window; `tick` itself without a
 * gate.   pre  needed <= open_ticks */
double gate_fit(const struct gate *gate, double tick, double needed);

/* Longest exchange from an ACK to the end of an EPC reply of n_bits; and of a whole slot, which begins
 * with a Query. */
double bistatic_ack_us(const struct link *link, size_t n_bits);
double bistatic_slot_us(const struct link *link, size_t n_bits);
/* A NAK that opens a window, to the next command: tags that were used to the emitter's field take their
 * levels from it. */
double bistatic_wake_us(const struct link *link);

#endif
