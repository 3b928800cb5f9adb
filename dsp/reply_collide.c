/* reply_collide.c - a window that ended as more than one reply: is it worth a look, and what the look
 * makes of the verdict. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/plane.h"
#include "dsp/reply_rx_parts.h"

#define SUSPECT_NATS 30.0 /* as a reply's least score: noise is no collision */
/* energy that one reply leaves, over noise: of replies alone e^-9 reach it */
#define SUSPECT_RESIDUAL 1.8
#define OWN_RATIO 120.0        /* Eb over what a strong reply may leave of itself */
#define OTHER_CLOCK_RATIO 0.02 /* how much slower than the first the second may be waited for */
/* the same where more than two tags answer, whom nothing else would read */
#define CROWD_RIGHT_MIN_RATIO 0.97
/* ideas of the channels that are followed: the second and the third read 1 to 2 % more, and take as long
 * again each, which T2 of a fast link does not have */
#define HURRY_T2_US 50.0
enum { TRIES = 3, TRIES_HURRY = 1 };
#define RIGHT_MIN_RATIO 0.5 /* an RN16 less likely right is not worth an ACK */

/* What else was on the air explains a poor fit as well as a second tag would. */
static bool is_explained(enum reply_cause cause)
{
    return cause == REPLY_CAUSE_CLIPPED || cause == REPLY_CAUSE_CARRIER ||
           cause == REPLY_CAUSE_COMMANDS || cause == REPLY_CAUSE_BURST || cause == REPLY_CAUSE_CUT;
}

/* An RN16's window holds more than one reply can have left. */
static bool is_suspect(const struct reply_rx *rx, const struct reply_result *result)
{
    if (rx->listen.kind != REPLY_KIND_RN16 || is_explained(result->cause) ||
        !(result->score_nats > SUSPECT_NATS)) {
        return false;
    }
    double own_ratio = pow(10.0, 0.1 * result->snr_db) / OWN_RATIO;
    return result->trace.residual_ratio > SUSPECT_RESIDUAL * fmax(own_ratio, 1.0);
}

void reply_collide_drop(const struct reply_rx *rx, struct reply_result *result)
{
    if (rx->cfg.resolve_collisions == REPLY_RESOLVE_DROP && is_suspect(rx, result) &&
        result->verdict == REPLY_DECODED) {
        result->verdict = REPLY_UNREADABLE;
        result->cause = result->cause ? result->cause : REPLY_CAUSE_MISFIT;
    }
}

bool reply_collide_due(const struct reply_rx *rx, const struct reply_result *result,
                       size_t *needs_samples)
{
    if (!rx->collide || !is_suspect(rx, result)) {
        return false;
    }
    /* the other began no later than T1 max, and may be a little slower */
    double start = integral_of_tick(rx, result->start_tick);
    double end = integral_of_tick(rx, result->end_tick);
    double half = rx->rate_sps / (2.0 * result->blf_hz * rx->front->factor);
    double margin = rx->cfg.start_margin_tpri * 2.0 * half;
    double span = rx->search.start_hi - rx->search.start_lo - 2.0 * margin;
    double latest = fmin(rx->search.start_hi - margin, start + fmax(span, 0.0));
    /* its dummy bit is known */
    double bits = end - start - 2.0 * rx->code->m * half;
    double needs = fmax(fmax(latest, start) + bits * (1.0 + OTHER_CLOCK_RATIO) + half, end);
    *needs_samples = (size_t)ceil(needs);
    return *needs_samples <= RX_SHORT_SAMPLES &&
           rx->front->channel[0].integral.n_samples <= RX_SHORT_SAMPLES;
}

/* Half swings at every channel, as they were before whitening. */
static void gains_of(struct reply_rx *rx, const struct collide_reply *reply,
                     float _Complex gain[COLLIDE_TAGS][LIMIT_RX_CHANNELS])
{
    unsigned n_channels = rx->front->cfg.n_channels;
    double _Complex whitened[COLLIDE_TAGS][LIMIT_RX_CHANNELS] = {{0}};
    for (unsigned c = 0; c < n_channels; c++) {
        double _Complex own[COLLIDE_TAGS] = {reply->tag[0].gain, reply->tag[1].gain};
        if (n_channels > 1) {
            collide_gains(rx->collide, &rx->front->channel[c].integral, own);
        }
        for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
            whitened[i][c] = own[i];
        }
    }
    for (unsigned i = 0; i < COLLIDE_TAGS; i++) {
        whiten_undo(&rx->front->whiten, whitened[i]);
        for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
            gain[i][c] = c < n_channels
                             ? (float _Complex)whitened[i][c] * (float)rx->listen.carrier_sign
                             : 0.0F;
        }
    }
}

static double blf_of(const struct reply_rx *rx, const struct collide_tag *tag)
{
    return rx->rate_sps / (2.0 * tag->half * rx->front->factor);
}

static double snr_db_of(const struct reply_rx *rx, const struct collide_tag *tag)
{
    return units_db_from_power_ratio(plane_power(tag->gain) * 2.0 * rx->code->m * tag->half /
                                     rx->search.noise_variance);
}

static void second_fill(const struct reply_rx *rx, const struct collide_tag *tag,
                        float _Complex gain, struct reply_second *second)
{
    second->is_known = true;
    second->n_bits = 16;
    memcpy(second->bit, tag->bit, second->n_bits);
    second->start_tick = tick_of_integral(rx, tag->start);
    second->end_tick = tick_of_integral(rx, tag->end);
    second->blf_hz = blf_of(rx, tag);
    second->gain = gain;
    second->snr_db = snr_db_of(rx, tag);
    second->right_ratio = tag->right_ratio;
}

static void first_fill(const struct reply_rx *rx, const struct collide_reply *reply,
                       struct reply_result *result)
{
    const struct collide_tag *tag = &reply->tag[0];
    result->verdict = REPLY_DECODED;
    result->cause = REPLY_CAUSE_COLLISION;
    result->is_recovered = true;
    result->right_ratio = tag->right_ratio;
    result->bits.n_bits = 16;
    memcpy(result->bits.bit, tag->bit, result->bits.n_bits);
    result->start_tick = tick_of_integral(rx, tag->start);
    result->end_tick = tick_of_integral(rx, tag->end);
    result->blf_hz = blf_of(rx, tag);
    result->snr_db = snr_db_of(rx, tag);
    result->score_nats = tag->score_nats;
    result->trace.start_us = (result->start_tick - rx->listen.from_tick) / rx->rate_sps * 1e6;
    result->trace.clock_error_ratio = result->blf_hz / rx->listen.blf_hz - 1.0;
    result->trace.clock_drift_ratio = NAN;
    result->trace.residual_ratio = reply->residual_ratio;
    result->trace.bit_errors_expected = -log(fmax(tag->right_ratio, 1e-30));
    result->trace.n_errors = 0;
}

static struct collide_request request_of(const struct reply_rx *rx)
{
    return (struct collide_request){
        .integral = front_integral(rx->front),
        .search = &rx->search,
        .n_bits = 16,
        .n_tries = rx->listen.link.t2_max_us < HURRY_T2_US ? TRIES_HURRY : TRIES,
    };
}

void reply_collide_begin(struct reply_rx *rx)
{
    const struct collide_request request = request_of(rx);
    collide_begin(rx->collide, &request);
}

void reply_collide(struct reply_rx *rx, struct reply_result *result)
{
    const struct collide_request request = request_of(rx);
    struct collide_reply reply;
    float _Complex gain[COLLIDE_TAGS][LIMIT_RX_CHANNELS];
    double rested = (double)rx->front->channel[0].integral.n_samples;
    int64_t ready_tick =
        (int64_t)ceil(tick_of_integral(rx, rested) + 0.5) + (int64_t)front_delay_samples(rx->front);
    result->ready_tick = ready_tick > result->ready_tick ? ready_tick : result->ready_tick;
    result->is_looked = true;
    collide_resolve(rx->collide, &request, &reply);
    double right_min = reply.is_clean ? RIGHT_MIN_RATIO : CROWD_RIGHT_MIN_RATIO;
    if (reply.n_tags == 0 || reply.tag[0].right_ratio < right_min ||
        (!reply.is_clean && result->verdict == REPLY_DECODED)) {
        return;
    }
    gains_of(rx, &reply, gain);
    first_fill(rx, &reply, result);
    memcpy(result->channel_gain, gain[0], sizeof result->channel_gain);
    result->gain = gain[0][0];
    if (reply.n_tags > 1 && reply.is_clean) {
        second_fill(rx, &reply.tag[1], gain[1][0], &result->second);
    }
}
