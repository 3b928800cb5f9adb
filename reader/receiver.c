/* receiver.c - the reply receiver as this run's radio and link allow it. */
#include <math.h>

#include "config/log.h"
#include "dsp/linecode.h"
#include "reader/ack_ahead.h"
#include "reader/reader_parts.h"

/* What telling a collision apart takes, 99 times in 100, for every half-cycle of an RN16's reply (zpreader-bench
 * collisions: 62 us for FM0's 46, on two shared cores of 3 GHz; timing.resolve_us says otherwise). */
#define RESOLVE_US_PER_HALF 1.35
enum { RN16_SYMBOLS = 17 };
#define END_GUARD_TPRI 0.25
#define PACKET_TPRI 2.0 /* receive packets of real-time radios */

double receiver_resolve_us(const struct run_cfg *run, const struct link *link)
{
    const struct linecode *code = linecode_of(link->m);
    unsigned n_chips = code->n_preamble_chips[link->trext ? 1 : 0] + 2 * RN16_SYMBOLS;
    return isnan(run->resolve_us) ? RESOLVE_US_PER_HALF * n_chips * code->m : run->resolve_us;
}

double receiver_answer_us(const struct run_cfg *run, const struct link *link, bool is_read)
{
    double resolve_us = receiver_resolve_us(run, link);
    double turnaround_us = reader_turnaround_us(run, link);
    if (!run->ack_ahead) {
        return fmax(turnaround_us, resolve_us);
    }
    /* an RN16 is put in behind the two bits of all ACKs; where none is told, a QueryRep behind the first one */
    return fmax(turnaround_us, resolve_us - ack_ahead_open_us(link, is_read));
}

double receiver_vain_us(const struct run_cfg *run, const struct link *link)
{
    const uint8_t ack[18] = {0, 1}; /* of RN16 0 */
    return run->ack_ahead ? link_command_us(link, ack, sizeof ack, false) + link->t4_min_us : 0.0;
}

double receiver_collision_us(const struct run_cfg *run, const struct link *link,
                             double start_margin_tpri, double lead_us)
{
    /* the look waits until a second tag that began at T1 max would be in */
    double wait_us = 0.5 * (link->t1_max_us - link->t1_min_us) + start_margin_tpri * link->tpri_us;
    if (lead_us <= 0.0) {
        return wait_us + receiver_answer_us(run, link, true);
    }
    double open_us = run->ack_ahead ? ack_ahead_open_us(link, true) : 0.0;
    return wait_us + PACKET_TPRI * link->tpri_us + receiver_resolve_us(run, link) + lead_us -
           open_us;
}

enum status receiver_new(struct reader *reader)
{
    struct reply_rx_cfg cfg = reader->cfg.receiver;
    const struct link *link = &reader->link;
    double lead_us = radio_ops_of(reader->radio)->real_time
                         ? reader->cfg.radio.tx_lead_us * (1.0 + READER_TX_STEP_RATIO)
                         : 0.0;
    double answer_us =
        receiver_collision_us(&reader->cfg.run, link, cfg.start_margin_tpri, lead_us);
    bool has_time = answer_us <= link->t2_max_us - END_GUARD_TPRI * link->tpri_us;
    /* an answer that takes longer than T2 reads nothing, and a capture that is read without the look would be
     * late as well */
    if (cfg.resolve_collisions == REPLY_RESOLVE_AUTO && !has_time) {
        cfg.resolve_collisions = REPLY_RESOLVE_NO;
        log_info("collisions are not told apart: an answer would come %.0f us after the reply, T2 "
                 "max is %g us at this BLF (dsp.resolve_collisions yes: all the same)",
                 answer_us, link->t2_max_us);
    }
    return reply_rx_new(&cfg, reader->rate_sps, radio_n_rx_channels(reader->radio),
                        &reader->receiver);
}
