/* reply_rx_parts.h - what the files of the reply receiver share.               layer: dsp, private */
#ifndef DSP_REPLY_RX_PARTS_H
#define DSP_REPLY_RX_PARTS_H

#include "dsp/finish.h"
#include "dsp/front.h"
#include "dsp/reply_rx.h"
#include "dsp/sync.h"
#include "dsp/tracks.h"

enum reply_rx_state { RX_IDLE = 0, RX_QUIET, RX_SEARCH, RX_TRACK };

struct reply_rx {
    struct reply_rx_cfg cfg;
    double rate_sps;
    struct reply_listen listen;
    enum reply_rx_state state;
    const struct linecode *code;
    int64_t base_tick, next_tick; /* first tick of the quiet; next expected */
    struct front *front;
    struct sync *sync;
    struct sync_search search;
    struct tracks tracks;
    struct finish *finish;
    size_t needs_samples; /* of the front's sums, before the next step */
    size_t capacity_samples;
    size_t near_fitted; /* samples that carriers in the tag's band were last fitted to */
    bool has_walked;    /* something moved in the quiet that was not told: worth a look */
    unsigned n_seeks;   /* looks for such that the quiet did not tell, once the reply was in */
    bool is_complete;   /* it was, once, whatever it was taken for */
    double gate_nats;
    struct sync_candidate lead; /* best candidate of the search; score 0: none */
};

/* Place of a tick on the front's sums: sample k of the stream covers [k - 1/2, k + 1/2). */
static inline double integral_of_tick(const struct reply_rx *rx, double tick)
{
    return (tick - (double)rx->base_tick + 0.5) / rx->front->factor;
}

static inline double tick_of_integral(const struct reply_rx *rx, double at)
{
    return at * rx->front->factor - 0.5 + (double)rx->base_tick;
}

/* The window is over: judge what the best hypothesis says (when it is complete) and fill the result.
 * The receiver idles afterwards. */
void reply_judge(struct reply_rx *rx, bool complete, struct reply_result *result);

#endif
