/* reply_rx.c - the listening window: quiet -> search -> track -> verdict. */
#include "dsp/reply_rx.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/reply_rx_parts.h"

#define DRIFT_RATIO 0.025 /* Gen2 6.3.1.3.3: in a reply, at its beginning too */
#define STRIDE_SYMBOLS 4.0
#define EXPECTED_NATS_MIN 40.0 /* what noise takes for a reply scores less */
#define EXPECTED_SYMBOLS_MIN 6 /* the clock is known well enough to see the end */
#define NEAR_GROWTH 1.3        /* what is fitted is fitted again to so much more of the window */
#define FOLLOW_NATS 9.0        /* a leak that moves: before the search, */
#define FOLLOW_AGAIN_NATS 4.0  /* and while a reply comes in, */
#define FOLLOW_SEARCHES 2.5    /* as far as so many times the search's window */
#define SEEK_NATS_MIN 30.0     /* as reply_judge's least score of a reply */
#define SEEK_T2_US 50.0 /* behind a look into a collision a faster link has no time for another */
#define LONGEST_WINDOW_TPRI 6000.0 /* a longer one is looked at with fewer samples a Tpri */
#define LONGEST_SLACK 1.05
enum { EPC_BITS_USUAL = 128, HEADER_REPLY_BITS_MIN = 33 };
enum { SEEKS_MAX = 2 };

#define REPLY_ROW(field, kind_, unit_, fallback_, lo, hi, text)                                    \
    {                                                                                              \
        .key = "dsp." #field, .kind = kind_, .unit = unit_, .fallback = fallback_, .min = lo,      \
        .max = hi, .offset = offsetof(struct reply_rx_cfg, field), .meaning = text,                \
    }

static const struct option_row reply_rx_rows[] = {
    REPLY_ROW(start_margin_tpri, OPTION_NUMBER, "Tpri", "0.5", 0.0, 20.0,
              "how far outside T1 min..T1 max a reply may begin"),
    REPLY_ROW(false_alarm_ratio, OPTION_NUMBER, "", "0.05", 1e-4, 1.0,
              "share of empty slots that get a second look after the preamble"),
    REPLY_ROW(fit_min_ratio, OPTION_NUMBER, "", "0.4", 0.05, 0.99,
              "least squared correlation of a reply with its decoded waveform"),
    REPLY_ROW(whiten, OPTION_BOOL, "", "true", 0, 1,
              "estimate the noise's covariance in I and Q before each reply and look past it"),
    REPLY_ROW(notch, OPTION_BOOL, "", "true", 0, 1,
              "look for other carriers in the quiet before each reply and take them out"),
    REPLY_ROW(blank, OPTION_BOOL, "", "true", 0, 1, "replace impulses"),
    {.key = "dsp.resolve_collisions",
     .kind = OPTION_CHOICE,
     .unit = "",
     .fallback = "auto",
     .choices = "auto|yes|no|drop",
     .offset = offsetof(struct reply_rx_cfg, resolve_collisions),
     .meaning =
         "tell the RN16s of two tags apart that answer at once, and read the stronger; auto: "
         "where T2 leaves a host the time; drop: read none of them, to compare with"},
    REPLY_ROW(list_size, OPTION_INT, "", "8", 1, 64,
              "likeliest bit sequences of a reply with a CRC that are tried"),
    REPLY_ROW(false_read_ratio, OPTION_NUMBER, "", "1e-6", 1e-12, 1.0,
              "a reply with a CRC is not believed when it is wrong with more than this chance"),
};

const struct option_table reply_rx_options = {
    .title = "receiver",
    .rows = reply_rx_rows,
    .n_rows = sizeof reply_rx_rows / sizeof *reply_rx_rows,
};

void reply_listen_init(struct reply_listen *listen, const struct link *link, enum reply_kind kind,
                       double from_tick)
{
    memset(listen, 0, sizeof *listen);
    listen->from_tick = from_tick;
    listen->link = *link;
    listen->kind = kind;
    listen->blf_hz = link->blf_hz;
    listen->blf_tolerance_ratio = fmax(link->frt_ratio, link->frt_ext_ratio);
    listen->start_lo_us = listen->start_hi_us = NAN;
    listen->carrier_sign = 1;
}

enum status reply_rx_new(const struct reply_rx_cfg *cfg, double rate_sps, unsigned n_channels,
                         struct reply_rx **rx)
{
    require(n_channels >= 1);
    require(n_channels <= LIMIT_RX_CHANNELS);
    require(rate_sps >= 1e5);
    require(rate_sps <= 100e6);
    struct reply_rx *r = calloc(1, sizeof *r);
    if (!r) {
        return status_fail(ST_NO_MEMORY, "reply receiver: no memory");
    }
    r->cfg = *cfg;
    r->rate_sps = rate_sps;
    /* the slowest link decides: 40 kHz, at most 2 * SAMPLES_PER_TPRI samples a Tpri */
    r->capacity_samples = (size_t)(LONGEST_WINDOW_TPRI * 2.0 * SAMPLES_PER_TPRI);
    struct front_cfg front_cfg = {
        .rate_sps = rate_sps,
        .n_channels = n_channels,
        .capacity_samples = r->capacity_samples,
        .whiten = cfg->whiten,
        .notch = cfg->notch,
        .blank = cfg->blank,
    };
    enum status status = front_new(&front_cfg, &r->front);
    status = status ? status : tracks_init(&r->tracks);
    status = status ? status : finish_new(LIMIT_BITS + 32, &r->finish);
    status = status ? status : sync_new(RX_SHORT_SAMPLES, &r->sync);
    if (!status && (cfg->resolve_collisions == REPLY_RESOLVE_AUTO ||
                    cfg->resolve_collisions == REPLY_RESOLVE_YES)) {
        status = collide_new(RX_SHORT_SAMPLES, &r->collide);
    }
    if (status) {
        reply_rx_free(&r);
        return status;
    }
    *rx = r;
    return ST_OK;
}

void reply_rx_free(struct reply_rx **rx)
{
    if (*rx) {
        front_free(&(*rx)->front);
        sync_free(&(*rx)->sync);
        finish_free(&(*rx)->finish);
        collide_free(&(*rx)->collide);
        tracks_fini(&(*rx)->tracks);
        free(*rx);
        *rx = NULL;
    }
}

static double ticks_of_us(const struct reply_rx *rx, double us)
{
    return us * 1e-6 * rx->rate_sps;
}

static double reply_half_cycles(const struct reply_rx *rx, size_t n_bits)
{
    double n_preamble = 0.5 * rx->code->n_preamble_chips[rx->listen.link.trext ? 1 : 0];
    return 2.0 * rx->code->m * (n_preamble + (double)n_bits + 1.0);
}

static struct reply_length length_of(const struct reply_listen *listen)
{
    static const enum reply_length_kind kind[] = {
        [REPLY_KIND_RN16] = REPLY_LENGTH_GIVEN,
        [REPLY_KIND_EPC] = REPLY_LENGTH_EPC,
        [REPLY_KIND_FIXED] = REPLY_LENGTH_GIVEN,
        [REPLY_KIND_CHECKED] = REPLY_LENGTH_GIVEN,
        [REPLY_KIND_ACCESS] = REPLY_LENGTH_ACCESS,
        [REPLY_KIND_IN_PROCESS] = REPLY_LENGTH_IN_PROCESS,
    };
    struct reply_length length = {
        .kind = kind[listen->kind],
        .n_bits = listen->kind == REPLY_KIND_RN16  ? 16
                  : listen->kind == REPLY_KIND_EPC ? EPC_BITS_USUAL
                                                   : listen->n_bits,
        .has_length = listen->has_length,
        .n_truncated_bits = listen->n_truncated_bits,
    };
    require(length.n_truncated_bits == 0 || length.n_truncated_bits >= REPLY_BITS_TRUNCATED_MIN);
    require(length.n_truncated_bits <= LIMIT_BITS);
    require(length.n_bits >= 1);
    require(length.n_bits <= LIMIT_BITS);
    require(listen->kind != REPLY_KIND_CHECKED || length.n_bits > 16);
    require(listen->kind != REPLY_KIND_ACCESS || length.n_bits >= HEADER_REPLY_BITS_MIN);
    require(listen->kind != REPLY_KIND_IN_PROCESS || length.n_bits >= REPLY_BITS_WORKING);
    return length;
}

/* The bits within which the tag's clock may drift by all it may: of a reply that may be short, the
 * short one's. */
static size_t drift_bits(const struct reply_length *length)
{
    bool may_be_short =
        length->kind == REPLY_LENGTH_ACCESS || length->kind == REPLY_LENGTH_IN_PROCESS;
    return may_be_short ? reply_length_least(length) : length->n_bits;
}

/* Samples a sum: SAMPLES_PER_TPRI are left, fewer where the longest reply awaited would not fit. */
static unsigned decimation_of(const struct reply_rx *rx, double hi_tick)
{
    double samples_per_tpri = rx->rate_sps / rx->listen.blf_hz;
    double slowest = 1.0 - rx->listen.blf_tolerance_ratio - DRIFT_RATIO;
    double reply = reply_half_cycles(rx, rx->length.n_bits) * 0.5 * samples_per_tpri / slowest;
    double longest = LONGEST_SLACK * (hi_tick - (double)rx->base_tick + reply);
    double factor = fmax(samples_per_tpri / SAMPLES_PER_TPRI, 1.0);
    factor = fmax(floor(factor), ceil(longest / (double)rx->capacity_samples));
    return (unsigned)fmin(factor, 4096.0);
}

void reply_rx_range(const struct reply_rx *rx, const struct reply_listen *listen, double *lo_us,
                    double *hi_us)
{
    const struct link *link = &listen->link;
    double margin_us = rx->cfg.start_margin_tpri * link->tpri_us;
    *lo_us = isnan(listen->start_lo_us) /* a wide margin leaves some quiet nevertheless */
                 ? fmax(link->t1_min_us - margin_us, 0.5 * link->t1_min_us)
                 : listen->start_lo_us;
    *hi_us = isnan(listen->start_hi_us) ? link->t1_max_us + margin_us : listen->start_hi_us;
}

void reply_rx_begin(struct reply_rx *rx, const struct reply_listen *listen)
{
    const struct link *link = &listen->link;
    double samples_per_tpri = rx->rate_sps / listen->blf_hz;
    require(samples_per_tpri >= 3.9);
    require(listen->blf_tolerance_ratio > 0.0);
    require(listen->blf_tolerance_ratio < 0.5);
    rx->listen = *listen;
    rx->length = length_of(listen);
    rx->code = linecode_of(link->m);
    rx->state = RX_QUIET;
    double lo_us, hi_us;
    reply_rx_range(rx, listen, &lo_us, &hi_us);
    /* the carrier settles during the edge (<= 0.33 Tari, half of it after the 50 % point) */
    double settle_us = fmin(0.35 * link->tari_us + 1.0, 0.4 * lo_us);
    rx->base_tick = (int64_t)ceil(listen->from_tick + ticks_of_us(rx, settle_us));
    double quiet = listen->from_tick + ticks_of_us(rx, lo_us) - (double)rx->base_tick;
    size_t quiet_samples = quiet < 8.0 ? 8 : (size_t)quiet;
    size_t quiet_max = front_quiet_max(rx->front);
    if (quiet_samples > quiet_max) {
        rx->base_tick += (int64_t)(quiet_samples - quiet_max);
        quiet_samples = quiet_max;
    }
    rx->next_tick = rx->base_tick;
    double hi_tick = listen->from_tick + ticks_of_us(rx, hi_us);
    front_begin(rx->front, quiet_samples, decimation_of(rx, hi_tick), listen->blf_hz,
                listen->blf_tolerance_ratio);
    rx->gate_nats = 0.0;
    rx->n_looks = 0;
    rx->n_fitted = rx->n_seeks = 0;
    rx->is_complete = false;
    rx->lead.score = 0.0;
    rx->tracks.n = 0;
    double half = 0.5 * samples_per_tpri / rx->front->factor;
    rx->search = (struct sync_search){
        .code = rx->code,
        .trext = link->trext,
        .start_lo = integral_of_tick(rx, listen->from_tick + ticks_of_us(rx, lo_us)),
        .start_hi = integral_of_tick(rx, hi_tick),
        .half_lo = half / (1.0 + listen->blf_tolerance_ratio + DRIFT_RATIO),
        .half_hi = half / (1.0 - listen->blf_tolerance_ratio - DRIFT_RATIO),
        .bend_ratio = DRIFT_RATIO / reply_half_cycles(rx, drift_bits(&rx->length)),
    };
    /* nothing is to be read before the first sample */
    rx->search.start_lo = fmax(rx->search.start_lo, rx->search.half_hi);
    rx->search.start_hi = fmax(rx->search.start_hi, rx->search.start_lo);
    double defer_tick = listen->from_tick + ticks_of_us(rx, listen->defer_us);
    rx->defer_at = listen->defer_us > 0.0 ? integral_of_tick(rx, defer_tick) : INFINITY;
    require(sync_needs_samples(&rx->search) <= (double)rx->capacity_samples);
}

int64_t reply_rx_first_tick(const struct reply_rx *rx)
{
    return rx->base_tick;
}

int64_t reply_rx_next_tick(const struct reply_rx *rx)
{
    return rx->next_tick;
}

/* The leak may be followed once more (leak_follow): a subcarrier rides over what is left of it, and so does a
 * long reply. */
static bool may_follow(const struct reply_rx *rx)
{
    double n_samples = (double)rx->front->channel[0].integral.n_samples;
    return rx->code->m == 1 && !rx->is_complete &&
           n_samples <= FOLLOW_SEARCHES * sync_needs_samples(&rx->search);
}

int64_t reply_rx_not_before(const struct reply_rx *rx)
{
    if (rx->state == RX_IDLE) {
        return INT64_MAX;
    }
    if (rx->state == RX_COLLIDE) {
        return (int64_t)tick_of_integral(rx, (double)rx->needs_samples);
    }
    if (rx->state != RX_TRACK) {
        return reply_look_not_before(&rx->listen, rx->n_looks, rx->rate_sps);
    }
    /* otherwise hypotheses may begin anew, with other starts and lengths */
    bool is_firm = !front_has_near(rx->front) && !may_follow(rx);
    double earliest = is_firm ? tracks_need_at_least(&rx->tracks) : 0.0;
    double room = (double)rx->capacity_samples; /* longer than this is given up */
    return (int64_t)tick_of_integral(rx, fmin(fmax(earliest, (double)rx->needs_samples), room));
}

double reply_rx_expected_end(const struct reply_rx *rx)
{
    if (rx->state != RX_TRACK) {
        return NAN;
    }
    size_t best = tracks_best(&rx->tracks);
    if (best == rx->tracks.n || !rx->tracks.length_known[best]) {
        return NAN;
    }
    const struct track *track = &rx->tracks.track[best];
    if (track->n_symbols < EXPECTED_SYMBOLS_MIN || track_score(track) < EXPECTED_NATS_MIN) {
        return NAN;
    }
    const struct track_path *path = track_best(track);
    double n_left = (double)(rx->tracks.n_bits[best] + 1 - track->n_symbols);
    return tick_of_integral(rx, path->start + 2.0 * n_left * rx->code->m * path->half);
}

/* The search: coarse over all channels, which then are summed as the best candidate implies; fine on
 * the sum. */
static void search_finish(struct reply_rx *rx)
{
    struct sync_candidate candidate[TRACKS_CANDIDATES_MAX];
    const struct integral *channel[LIMIT_RX_CHANNELS];
    unsigned n_channels = rx->front->cfg.n_channels;
    for (unsigned c = 0; c < n_channels; c++) {
        channel[c] = &rx->front->channel[c].integral;
    }
    double share = rx->listen.false_alarm_share > 0.0 ? rx->listen.false_alarm_share : 1.0;
    rx->gate_nats = reply_gate_nats(rx, &rx->search, share * rx->cfg.false_alarm_ratio);
    /* a subcarrier's preamble holds so much energy that the truth is among the first few */
    size_t n_max = rx->code->m > 1 ? TRACKS_CANDIDATES_MAX / 2 : TRACKS_CANDIDATES_MAX;
    size_t n = sync_coarse(rx->sync, channel, n_channels, &rx->search, candidate, n_max);
    if (n_channels > 1) {
        double _Complex weight[LIMIT_RX_CHANNELS] = {1.0};
        if (n > 0) {
            sync_weights(channel, n_channels, &rx->search, &candidate[0], weight);
        }
        front_combine(rx->front, weight);
    }
    const struct integral *integral = front_integral(rx->front);
    n = sync_fine(integral, &rx->search, candidate, n);
    rx->lead.score = 0.0;
    if (n > 0) {
        rx->lead = candidate[0];
    }
    tracks_begin(&rx->tracks, &rx->search, integral, candidate, n, rx->gate_nats, &rx->length);
    rx->state = RX_TRACK;
}

/* The search, with all that is known now of carriers in the tag's band. */
static void search_fitted(struct reply_rx *rx)
{
    if (front_has_near(rx->front)) {
        front_near_fit(rx->front, true);
        rx->n_fitted = rx->front->channel[0].integral.n_samples;
        rx->search.noise_variance = rx->front->whiten.noise_variance;
    }
    search_finish(rx);
}

/* A leak that moves is known the better the more of the window is in.   out true: the sums have changed */
static bool leak_follow(struct reply_rx *rx, double least_nats)
{
    rx->n_fitted = rx->front->channel[0].integral.n_samples;
    bool walks = front_leak_follow(rx->front, (size_t)rx->search.start_hi, least_nats);
    rx->search.noise_variance = rx->front->whiten.noise_variance;
    return walks;
}

/* The first search. What moves in the quiet and was not told is looked for at once. */
static void search_first(struct reply_rx *rx)
{
    if (front_has_near(rx->front)) {
        front_near_fit(rx->front, false);
    } else {
        leak_follow(rx, FOLLOW_NATS);
    }
    rx->has_walked = front_has_walked(rx->front);
    if (rx->has_walked) {
        front_near_seek(rx->front, false, true);
    }
    search_fitted(rx);
}

/* Carriers in the tag's band are known the better the more of the window is in: now and then, and when the
 * likeliest hypothesis is complete, search and hypotheses begin anew without them. That happens at
 * places which depend on nothing but what the samples hold.   out true: they did */
static bool search_again(struct reply_rx *rx, bool is_complete)
{
    bool has_near = front_has_near(rx->front);
    double n_samples = (double)rx->front->channel[0].integral.n_samples;
    if (!(is_complete ? !rx->is_complete : n_samples > NEAR_GROWTH * (double)rx->n_fitted)) {
        return false;
    }
    bool follows = may_follow(rx);
    rx->is_complete = rx->is_complete || is_complete;
    if (!has_near) {
        bool walks = follows && leak_follow(rx, FOLLOW_AGAIN_NATS);
        if (walks) {
            search_finish(rx);
        }
        return walks;
    }
    if (front_has_sought(rx->front)) { /* the better, too */
        front_near_seek(rx->front, true, true);
    }
    search_fitted(rx);
    return true;
}

/* Nothing is found or read: is there a carrier that the quiet did not tell from the leak?
 * out true: there are hypotheses without it */
static bool search_seek(struct reply_rx *rx)
{
    while (rx->n_seeks < SEEKS_MAX && front_near_seek(rx->front, false, rx->has_walked)) {
        rx->n_seeks++;
        search_fitted(rx);
        if (rx->tracks.n > 0) {
            return true;
        }
    }
    return false;
}

/* Advance the hypotheses as far as the samples reach.  out true: the likeliest is complete */
static bool reply_advance(struct reply_rx *rx)
{
    for (;;) {
        rx->needs_samples = tracks_need_samples(&rx->tracks);
        if (rx->needs_samples > rx->capacity_samples) {
            return true;
        }
        /* no verdict can fall before so many: some are taken in one go, not so many that work piles
         * up for the end */
        double some =
            (double)rx->needs_samples + STRIDE_SYMBOLS * 2.0 * rx->code->m * rx->search.half_lo;
        double ahead = fmin(tracks_need_at_least(&rx->tracks), some);
        ahead = fmin(ahead, (double)rx->capacity_samples);
        rx->needs_samples = ahead > (double)rx->needs_samples ? (size_t)ahead : rx->needs_samples;
        if (front_extend(rx->front, rx->needs_samples) < rx->needs_samples) {
            return false;
        }
        bool is_complete = tracks_step(&rx->tracks, front_integral(rx->front));
        if (!search_again(rx, is_complete) ? is_complete : rx->tracks.n == 0) {
            return true;
        }
    }
}

/* Nothing is read, but what was heard is worth a look for what stood in the way.   out true: there are
 * other hypotheses */
static bool search_anew(struct reply_rx *rx, const struct reply_result *result)
{
    bool may_wait = !result->is_looked || rx->listen.link.t2_max_us >= SEEK_T2_US;
    return result->verdict != REPLY_DECODED && may_wait &&
           (rx->has_walked || result->score_nats > SEEK_NATS_MIN) && search_seek(rx);
}

/* Once the second reply is in as well, tell them apart.  out true: result filled */
static bool reply_separate(struct reply_rx *rx, struct reply_result *result)
{
    if (front_extend(rx->front, rx->needs_samples) < rx->needs_samples) {
        return false;
    }
    *result = rx->judged;
    reply_collide(rx, result);
    rx->state = RX_IDLE;
    return true;
}

/* What the search found begins so late that the next window hears all of it. */
static bool is_deferred(const struct reply_rx *rx)
{
    return rx->tracks.n > 0 && rx->lead.start > rx->defer_at;
}

static void defer(struct reply_rx *rx, struct reply_result *result)
{
    rx->tracks.n = 0;
    reply_judge(rx, false, result);
    result->verdict = REPLY_NONE_HEARD;
    result->cause = REPLY_CAUSE_NONE;
    rx->is_complete = true;
}

/* Take every step that the samples allow.  out true: result filled */
static bool reply_rx_step(struct reply_rx *rx, struct reply_result *result)
{
    if (rx->state == RX_COLLIDE) {
        if (!reply_separate(rx, result)) {
            return false;
        }
        if (!search_anew(rx, result)) {
            rx->state = RX_IDLE;
            return true;
        }
    }
    if (rx->state == RX_QUIET) {
        if (!front_learn(rx->front)) {
            return false;
        }
        const struct canceller_quiet *quiet = &rx->front->channel[0].quiet;
        double trimmed = (double)(rx->front->n_trimmed / rx->front->factor);
        rx->base_tick += (int64_t)rx->front->n_trimmed;
        rx->search.start_lo = fmax(rx->search.start_lo - trimmed, rx->search.half_hi);
        rx->search.start_hi = fmax(rx->search.start_hi - trimmed, rx->search.start_lo);
        rx->defer_at -= trimmed;
        rx->search.noise_variance = rx->front->whiten.noise_variance;
        rx->walk = I * quiet->leak * quiet->offset_sigma_rad * rx->front->factor;
        rx->state = RX_SEARCH;
    }
    if (rx->state == RX_SEARCH) {
        enum reply_look look = reply_look(rx);
        if (look == REPLY_LOOK_WAITS) {
            return false;
        }
        if (look == REPLY_LOOK_SILENT) {
            reply_judge(rx, false, result);
            return true;
        }
        rx->needs_samples = (size_t)ceil(sync_needs_samples(&rx->search));
        if (front_extend(rx->front, rx->needs_samples) < rx->needs_samples) {
            return false;
        }
        search_first(rx);
        if (rx->tracks.n == 0 && !(rx->has_walked && search_seek(rx))) {
            reply_judge(rx, false, result);
            return true;
        }
    }
    do {
        if (is_deferred(rx)) {
            defer(rx, result);
            return true;
        }
        if (!reply_advance(rx)) {
            return false;
        }
        reply_judge(rx, rx->needs_samples <= rx->capacity_samples, result);
        rx->is_complete = true;
        reply_collide_drop(rx, result);
        /* two tags are likelier than a carrier that nothing told of, and cannot wait for a look for one */
        if (reply_collide_due(rx, result, &rx->needs_samples)) {
            rx->judged = *result;
            rx->state = RX_COLLIDE;
            reply_collide_begin(rx);
            if (!reply_separate(rx, result)) {
                return false;
            }
        }
        /* what scores no more than noise does is worth no look */
    } while (search_anew(rx, result));
    rx->state = RX_IDLE;
    return true;
}

bool reply_rx_push(struct reply_rx *rx, const float _Complex *const *sample, size_t n_samples,
                   int64_t first_tick, struct reply_result *result)
{
    if (rx->state == RX_IDLE) {
        return false;
    }
    size_t at = 0;
    if (first_tick < rx->next_tick) { /* the part before the quiet */
        int64_t skip = rx->next_tick - first_tick;
        if (skip >= (int64_t)n_samples) {
            return false;
        }
        at = (size_t)skip;
        first_tick = rx->next_tick;
    }
    require(first_tick == rx->next_tick);
    while (at < n_samples) {
        size_t n = front_append(rx->front, sample, at, n_samples - at);
        at += n;
        rx->next_tick += (int64_t)n;
        if (reply_rx_step(rx, result)) {
            return true;
        }
    }
    return false;
}

void reply_rx_cut(struct reply_rx *rx, struct reply_result *result)
{
    if (rx->state == RX_COLLIDE) { /* the first reply is in, the second all but its end */
        *result = rx->judged;
        reply_collide(rx, result);
        rx->state = RX_IDLE;
        return;
    }
    bool tracking = rx->state == RX_TRACK;
    if (!tracking) {
        rx->tracks.n = 0;
    }
    if (rx->state < RX_SEARCH) { /* nothing is known of the noise */
        rx->search.noise_variance = 1e30;
    }
    rx->needs_samples = rx->front->channel[0].integral.n_samples;
    size_t best = tracking ? tracks_best(&rx->tracks) : rx->tracks.n;
    bool complete = best < rx->tracks.n && tracks_complete(&rx->tracks, best);
    reply_judge(rx, complete, result);
    /* half a reply is no collision */
    if (!complete && (result->cause == REPLY_CAUSE_NONE || result->cause == REPLY_CAUSE_MISFIT)) {
        result->cause = REPLY_CAUSE_CUT;
    }
}
