/* ack_ahead.h - a command begins before it is known what it will say: frame-sync and an ACK's own two
 * bits tell nothing of the RN16, nor does the QueryRep behind an EPC depend on it, so on a real-time radio they are handed over while the reply is still
 * decoded, and the RN16 is put in behind them (tx_shape_command_revise). It starts no earlier for
 * that; but packets, host and transmit lead may take longer by that time, and T2 still be met.
 *                                                                            layer: reader
 * If the reply is lost after all, an ACK of RN16 0000 goes out, or, where there is time, what follows. */
#ifndef READER_ACK_AHEAD_H
#define READER_ACK_AHEAD_H

#include "reader/reader_parts.h"

struct ack_ahead { /* NaN: nothing begun */
    double start_tick;
    double over_tick; /* its end, should nothing take its place, */
    size_t n_bits;    /* and its length */
};

/* From a command's start to the first edge that may be another one's, us: an ACK's (01) after its own two
 * bits, a QueryRep's (00) after its first. */
double ack_ahead_open_us(const struct link *link, bool is_ack);

void ack_ahead_reset(struct ack_ahead *ahead);

/* A reply is expected to end at expected_end_tick (NaN: none is, or nobody knows): begin the answer, an ACK
 * or behind an EPC a QueryRep, when it can wait no longer. INVENTORY only.
 *   in   soonest_tick  no command can start before */
void ack_ahead_consider(struct ack_ahead *ahead, struct reader *reader, enum command_reply expect,
                        double expected_end_tick, double soonest_tick);

#endif
