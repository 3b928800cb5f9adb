/* link_guess.h - which link fits a reply when the recording holds no Query: every line code, pilot
 * and BLF that could be meant is tried on the first replies, the best fit is kept.  layer: reader */
#ifndef READER_LINK_GUESS_H
#define READER_LINK_GUESS_H

#include "dsp/reply_rx.h"
#include "protocol/link.h"

struct link_guess {
    struct link_cfg hint;
    bool hint_blf, hint_m, hint_trext;
    double tari_us, rtcal_us; /* measured on the command before the reply */
    double rate_sps;
};

void link_guess_init(struct link_guess *guess, const struct link_cfg *hint, bool hint_blf,
                     bool hint_m, bool hint_trext, double tari_us, double rtcal_us,
                     double rate_sps);

/* Try them on sample[channel][0 .. n_samples) from first_tick, for listen->kind and listen->from_tick.
 *   out true: *link fits (an ACK reply's CRC is right, or the correlation is high) */
bool link_guess_run(const struct link_guess *guess, struct reply_rx *receiver,
                    const struct reply_listen *listen, const float _Complex *const *sample,
                    size_t n_samples, int64_t first_tick, struct link *link);

#endif
