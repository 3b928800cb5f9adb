/* slot_times.c - durations of idle, collided and single slots on a link. */
#include "protocol/slot_times.h"

#include <math.h>

#include "config/require.h"
#include "protocol/command.h"

#define EPC_REPLY_BITS 128
#define IDLE_RATIO_MIN 0.02 /* of a collided slot: keeps loads in range for absurd links */
#define NEWTON_STEPS 30

struct slot_times slot_times_of(const struct link *link, double turnaround_us, double idle_us)
{
    require(link);
    require(turnaround_us >= 0.0);
    require(idle_us >= 0.0);
    const struct command rep = {.id = COMMAND_QUERY_REP}, adjust = {.id = COMMAND_QUERY_ADJUST};
    const struct command ack = {.id = COMMAND_ACK, .ack.rn = 0xAAAA}; /* as many ones as zeros */
    struct command query = {.id = COMMAND_QUERY, .query.q = 4};
    query.query.dr = (uint8_t)link->dr;
    query.query.m = (uint8_t)link->m;
    double rep_us = command_air_us(&rep, link);
    double t2_us = fmax(link->t2_min_us, turnaround_us);
    double rn16_us = link->t1_nom_us + link_reply_us(link, 16, link->trext) + t2_us;
    double epc_us = link->t1_nom_us + link_reply_us(link, EPC_REPLY_BITS, link->trext) + t2_us;
    return (struct slot_times){
        .idle_us = rep_us + fmax(link->t1_max_us + idle_us, link->t4_min_us),
        .collided_us = rep_us + rn16_us,
        .single_us = rep_us + rn16_us + command_air_us(&ack, link) + epc_us,
        .query_us = command_air_us(&query, link) - rep_us,
        .adjust_us = command_air_us(&adjust, link) - rep_us,
    };
}

struct slot_end slot_end_of(const struct link *link, double silence_us, double turnaround_us)
{
    require(link);
    require(turnaround_us >= 0.0);
    require(!(silence_us < 0.0));
    double symbol_us = link->m_cycles * link->tpri_us;
    double least_us = link->t1_max_us + SLOT_WATCH_SYMBOLS * symbol_us;
    double next_us = fmax(link->t1_max_us + SLOT_END_SYMBOLS * symbol_us, link->t4_min_us);
    struct slot_end end = {.silence_us = isnan(silence_us) ? next_us - least_us : silence_us};
    end.silence_us = fmin(end.silence_us, turnaround_us);
    end.watch_us = fmin(next_us - end.silence_us, link->t1_max_us + SLOT_END_SYMBOLS * symbol_us);
    end.watch_us = fmax(end.watch_us, least_us);
    end.next_us = fmax(next_us, end.watch_us + end.silence_us);
    return end;
}

/* Root of e^rho (rho - 1) + 1 = T_e / T_c. The function is convex and sqrt(2 a) lies above the root, so Newton
 * comes down on it without overshoot. */
double slot_times_load(double idle_to_collided_ratio)
{
    double ratio = fmax(idle_to_collided_ratio, IDLE_RATIO_MIN);
    double rho = sqrt(2.0 * ratio);
    for (int k = 0; k < NEWTON_STEPS; k++) {
        double excess = exp(rho) * (rho - 1.0) + 1.0 - ratio;
        rho -= excess / (rho * exp(rho));
    }
    return rho;
}
