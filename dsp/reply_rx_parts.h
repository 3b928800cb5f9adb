/* reply_rx_parts.h - what the files of the reply receiver share.               layer: dsp, private */
#ifndef DSP_REPLY_RX_PARTS_H
#define DSP_REPLY_RX_PARTS_H

#include "dsp/collide.h"
#include "dsp/finish.h"
#include "dsp/front.h"
#include "dsp/reply_rx.h"
#include "dsp/sync.h"
#include "dsp/tracks.h"

#define SAMPLES_PER_TPRI 48.0 /* wanted after decimation: a sample that holds an edge says less */
/* the preamble search; an RN16 with the longest code */
#define RX_SHORT_SAMPLES ((size_t)(450.0 * 2.0 * SAMPLES_PER_TPRI))

enum { REPLY_LOOKS = 2 };
enum reply_rx_state { RX_IDLE = 0, RX_QUIET, RX_SEARCH, RX_TRACK, RX_COLLIDE };

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
    struct reply_length length;
    double defer_at; /* where on the sums what begins later is left to the next window */
    struct tracks tracks;
    struct finish *finish;
    struct collide *collide;    /* NULL: collisions are not resolved */
    struct reply_result judged; /* RX_COLLIDE: what one reply alone was made of the window */
    size_t needs_samples;       /* of the front's sums, before the next step */
    size_t capacity_samples;
    size_t n_fitted; /* samples that the leak and carriers in the tag's band were last fitted to */
    double _Complex walk; /* of the leak that is left over, a sample: direction and standard deviation */
    unsigned n_looks; /* early ones taken, of REPLY_LOOKS */
    bool has_walked;  /* something moved in the quiet that was not told: worth a look */
    unsigned n_seeks; /* looks for such that the quiet did not tell, once the reply was in */
    bool is_complete; /* it was, once, whatever it was taken for */
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

/* The score that noise reaches in a share false_alarm_ratio of searches. */
double reply_gate_nats(const struct reply_rx *rx, const struct sync_search *search,
                       double false_alarm_ratio);

/* Energy of a stretch of the sums around its mean, in standard deviations above noise. */
double reply_energy_sigmas(const struct reply_rx *rx, double from, double to);

enum reply_look { REPLY_LOOK_WAITS = 0, REPLY_LOOK_SILENT, REPLY_LOOK_OPEN };

/* Take the early looks at a slot (listen.watch_us) as far as the samples reach, and no more than are needed.
 *   pre  the quiet is learnt
 *   out  waits: rx->needs_samples of the sums are; silent: nothing like a reply has begun; open: heed the whole
 *        preamble. rx->lead.score and gate_nats tell what the last look found */
enum reply_look reply_look(struct reply_rx *rx);

/* No verdict can fall before this tick when so many looks have been taken. */
int64_t reply_look_not_before(const struct reply_listen *listen, unsigned n_looks, double rate_sps);

/* A verdict that two replies at once may be behind.
 *   out  true: worth a look, once the sums hold so many samples */
bool reply_collide_due(const struct reply_rx *rx, const struct reply_result *result,
                       size_t *needs_samples);

/* Where nothing is read of more than one reply: such a verdict becomes a collision. */
void reply_collide_drop(const struct reply_rx *rx, struct reply_result *result);

/* What of the look needs no more samples than those in. */
void reply_collide_begin(struct reply_rx *rx);

/* Take the look: where two replies are told apart, the verdict becomes the first one's. */
void reply_collide(struct reply_rx *rx, struct reply_result *result);

#endif
