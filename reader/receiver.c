/* receiver.c - the reply receiver as this run's radio and link allow it. */
#include "config/log.h"
#include "reader/reader_parts.h"

/* What telling a collision apart takes on a slow host, most of the time (zpreader-bench collisions). */
#define COLLIDE_US 400.0

enum status receiver_new(struct reader *reader)
{
    struct reply_rx_cfg cfg = reader->cfg.receiver;
    /* an answer that takes longer than T2 reads nothing, and a capture that is read without the look would be
     * late as well; the simulated air, which charges no computing time, is treated as a host would be */
    if (cfg.resolve_collisions == REPLY_RESOLVE_AUTO && reader->link.t2_max_us < COLLIDE_US) {
        cfg.resolve_collisions = REPLY_RESOLVE_NO;
        log_info("collisions are not told apart: it may take %g us, T2 max is %g us at this BLF "
                 "(dsp.resolve_collisions yes: all the same)",
                 COLLIDE_US, reader->link.t2_max_us);
    }
    return reply_rx_new(&cfg, reader->rate_sps, radio_n_rx_channels(reader->radio),
                        &reader->receiver);
}
