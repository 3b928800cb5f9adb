/* ack_ahead.c - when to begin. */
#include "reader/ack_ahead.h"

#include <math.h>
#include <string.h>

#include "config/require.h"

#define END_GUARD_TPRI 1.0 /* how far a reply may end from where it is expected to */
#define PACKET_TPRI 2.0    /* receive packets: what is heard of comes so late */
#define NEXT_PACKETS 3.0   /* how much later the next look may come: hosts are uneven */

void ack_ahead_reset(struct ack_ahead *ahead)
{
    ahead->start_tick = ahead->over_tick = NAN;
}

double ack_ahead_open_us(const struct link *link, bool is_ack)
{
    double high_us = link->tari_us - link->pw_us; /* of a bit 0: a 1 stays high longer */
    double sync_us = link->delimiter_us + link->data0_us + link->rtcal_us;
    return sync_us + link->data0_us + (is_ack ? link->data1_us : 0.0) + high_us;
}

static void begin(struct ack_ahead *ahead, struct reader *reader, bool is_ack, double start_tick)
{
    struct command guess = {.id = is_ack ? COMMAND_ACK : COMMAND_QUERY_REP};
    static _Thread_local struct bitbuf bits;
    bits.n_bits = 0;
    if (!is_ack) {
        guess.query_rep.session = (uint8_t)reader->cfg.inventory.session;
    }
    enum status status = command_encode(&guess, &bits);
    require(status == ST_OK);
    struct command_item item = {
        .kind = COMMAND_BEGINS, .n_bits = bits.n_bits, .start_tick = start_tick};
    memcpy(item.bit, bits.bit, bits.n_bits);
    reader_push_wait(reader, &reader->commands, &item);
    double length_us = link_command_us(&reader->link, bits.bit, bits.n_bits, false);
    ahead->start_tick = start_tick;
    ahead->over_tick = start_tick + length_us * 1e-6 * reader->rate_sps;
    ahead->n_bits = bits.n_bits;
}

void ack_ahead_consider(struct ack_ahead *ahead, struct reader *reader, enum command_reply expect,
                        double expected_end_tick, double soonest_tick)
{
    const struct link *link = &reader->link;
    double per_us = 1e-6 * reader->rate_sps;
    if (!radio_ops_of(reader->radio)->real_time || !reader->cfg.run.ack_ahead ||
        isnan(expected_end_tick) || !isnan(ahead->start_tick) || reader->gate.is_on) {
        return;
    }
    double packet_ticks = PACKET_TPRI * link->tpri_us * per_us;
    double earliest =
        expected_end_tick + (link->t2_min_us + END_GUARD_TPRI * link->tpri_us) * per_us;
    double latest = expected_end_tick + (link->t2_max_us - END_GUARD_TPRI * link->tpri_us) * per_us;
    /* begun where an answer made in one piece would be: what is gained is time to decide */
    double lead_ticks = soonest_tick - (double)radio_now(reader->radio);
    double whole = expected_end_tick + packet_ticks + reader->turnaround_ticks + lead_ticks;
    double start = fmin(whole, latest);
    bool is_ack = expect == REPLY_RN16;
    if (whole <= earliest || whole > latest + ack_ahead_open_us(link, is_ack) * per_us ||
        soonest_tick > latest) {
        return;
    }
    if (soonest_tick + NEXT_PACKETS * packet_ticks >= start) { /* the next look is too late */
        begin(ahead, reader, is_ack, fmax(start, soonest_tick));
    }
}
