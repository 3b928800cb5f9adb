/* reply_watch.c - early looks at a slot: has a reply begun? Only the first symbols of its preamble are
 * looked for, at every start and clock it may have. What no more than noise is behind is not waited for;
 * what may be is looked at once more before a whole preamble is waited for. */
#include <math.h>

#include "config/require.h"
#include "dsp/reply_rx_parts.h"

/* energy above noise that is no preamble is heard out, too */
#define LOOK_ENERGY_SIGMAS 7.0
#define LOOK_SPARE_TPRI 0.125 /* it ends with a whole sum: so much earlier at the most */
enum {
    LOOK_SPARE_SAMPLES = 3,
    GATE_STEPS = 6, /* of a fixed point that each step brings ten times nearer */
};
enum { CHIPS_STEP = 4, CHIPS_MAX = 12 }; /* of the preamble */

struct look {
    double symbols;           /* after watch_us; */
    double n_slow_symbols;    /* so many of the slowest clock take longer: their end tells most */
    double false_alarm_ratio; /* share of empty slots that it does not end */
};
static const struct look looks[REPLY_LOOKS] = {{0.0, 0.0, 0.05}, {2.0, 6.0, 0.01}};

/* The score that noise reaches in false_alarm_ratio of windows. Of one channel it is exponential;
 * over two, the best weights adapt to the noise: e^-x (1 + x). */
double reply_gate_nats(const struct reply_rx *rx, const struct sync_search *search,
                       double false_alarm_ratio)
{
    double alone = log(sync_n_hypotheses(search) / false_alarm_ratio);
    double gate = alone;
    for (unsigned k = 0; rx->front->cfg.n_channels > 1 && k < GATE_STEPS; k++) {
        gate = alone + log1p(fmax(gate, 0.0));
    }
    return gate;
}

static int64_t preamble_not_before(const struct reply_listen *listen, double rate_sps)
{
    double tpri_us = 1e6 / (listen->blf_hz * (1.0 + listen->blf_tolerance_ratio));
    const struct linecode *code = linecode_of(listen->link.m);
    double preamble_us =
        0.5 * code->n_preamble_chips[listen->link.trext ? 1 : 0] * code->m * tpri_us;
    double latest_us = isnan(listen->start_hi_us) ? listen->link.t1_max_us : listen->start_hi_us;
    return (int64_t)(listen->from_tick + (latest_us + preamble_us) * 1e-6 * rate_sps);
}

static double look_us(const struct reply_listen *listen, unsigned n_looks)
{
    const struct link *link = &listen->link;
    const struct look *look = &looks[n_looks];
    double late = look->n_slow_symbols * link->frt_ratio / (1.0 - link->frt_ratio);
    return listen->watch_us + (look->symbols + late) * link->m_cycles * link->tpri_us;
}

double reply_listen_watched_us(const struct reply_listen *listen)
{
    return listen->watch_us > 0.0 ? look_us(listen, REPLY_LOOKS - 1) : 0.0;
}

int64_t reply_look_not_before(const struct reply_listen *listen, unsigned n_looks, double rate_sps)
{
    int64_t preamble_tick = preamble_not_before(listen, rate_sps);
    if (!(listen->watch_us > 0.0) || n_looks == REPLY_LOOKS) {
        return preamble_tick;
    }
    double early_us = look_us(listen, n_looks) - LOOK_SPARE_TPRI * listen->link.tpri_us;
    int64_t look_tick =
        (int64_t)(listen->from_tick + early_us * 1e-6 * rate_sps) - LOOK_SPARE_SAMPLES;
    return look_tick < preamble_tick ? look_tick : preamble_tick;
}

int64_t reply_listen_not_before(const struct reply_listen *listen, double rate_sps)
{
    return reply_look_not_before(listen, 0, rate_sps);
}

/* The preamble's chips that even the latest reply has sent by then, at the nominal clock. */
static unsigned look_chips(const struct reply_rx *rx)
{
    const struct link *link = &rx->listen.link;
    double chip_us = 0.5 * link->tpri_us * rx->code->m;
    double n_chips = (look_us(&rx->listen, rx->n_looks) - link->t1_max_us) / chip_us * (1.0 + 1e-9);
    unsigned n = n_chips > CHIPS_MAX ? CHIPS_MAX : n_chips < 0.0 ? 0 : (unsigned)n_chips;
    return n / CHIPS_STEP * CHIPS_STEP;
}

/* Samples of the sums that the next look takes; 0: it cannot be had. */
static size_t look_samples(const struct reply_rx *rx)
{
    if (!(rx->listen.watch_us > 0.0) || look_chips(rx) == 0 || front_has_near(rx->front)) {
        return 0;
    }
    double look_tick =
        rx->listen.from_tick + look_us(&rx->listen, rx->n_looks) * 1e-6 * rx->rate_sps;
    double last_tick = look_tick - (double)front_delay_samples(rx->front) - 1.0;
    double n_samples = floor(integral_of_tick(rx, last_tick));
    return n_samples > rx->search.start_hi ? (size_t)n_samples : 0;
}

/* The score of the likeliest begin of a preamble, and what it is held to, are left for the trace. */
static bool look_is_silent(struct reply_rx *rx)
{
    const struct integral *channel[LIMIT_RX_CHANNELS];
    const unsigned n_chips = look_chips(rx);
    struct linecode head = *rx->code;
    struct sync_search search = rx->search;
    struct sync_candidate best = {.score = 0.0};
    require(n_chips >= CHIPS_STEP);
    head.preamble = linecode_preamble(rx->code, search.trext);
    head.n_preamble_chips[0] = head.n_preamble_chips[1] = (unsigned)n_chips;
    search.code = &head;
    search.bend_ratio = 0.0; /* within few chips a clock does not drift */
    for (unsigned c = 0; c < rx->front->cfg.n_channels; c++) {
        channel[c] = &rx->front->channel[c].integral;
    }
    rx->gate_nats = reply_gate_nats(rx, &search, looks[rx->n_looks].false_alarm_ratio);
    size_t n = sync_coarse(rx->sync, channel, rx->front->cfg.n_channels, &search, &best, 1);
    rx->lead.score = n > 0 ? best.score : 0.0;
    double from_tick = rx->listen.from_tick + rx->listen.link.t1_min_us * 1e-6 * rx->rate_sps;
    double energy =
        reply_energy_sigmas(rx, integral_of_tick(rx, from_tick), (double)channel[0]->n_samples);
    return rx->lead.score < rx->gate_nats && energy < LOOK_ENERGY_SIGMAS;
}

enum reply_look reply_look(struct reply_rx *rx)
{
    require(rx->front->learnt);
    for (; rx->n_looks < REPLY_LOOKS; rx->n_looks++) {
        size_t needs_samples = look_samples(rx);
        if (needs_samples == 0) {
            continue;
        }
        rx->needs_samples = needs_samples;
        if (front_extend(rx->front, needs_samples) < needs_samples) {
            return REPLY_LOOK_WAITS;
        }
        if (look_is_silent(rx)) {
            return REPLY_LOOK_SILENT;
        }
    }
    return REPLY_LOOK_OPEN;
}
