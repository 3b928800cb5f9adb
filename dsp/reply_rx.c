/* reply_rx.c - the listening window: quiet -> search -> track -> verdict. */
#include "dsp/reply_rx.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/canceller.h"
#include "dsp/finish.h"
#include "dsp/integral.h"
#include "dsp/sync.h"
#include "dsp/tracks.h"
#include "protocol/reply.h"

#define SAMPLES_PER_TPRI 48.0  /* wanted after decimation */
#define SCORE_MIN_NATS 30.0    /* a decoded reply: noise alone reaches it in < 1e-5 of slots */
#define RESIDUAL_RATIO_MAX 2.0 /* unexplained energy over noise: above, the fit must be good */
#define FIT_SINGLE_RATIO 0.7   /* a fit this good is one tag, whatever the residual */
#define ENERGY_SIGMAS 7.0      /* energy above noise that counts as a reply */
#define CLIP_LEVEL 0.9995F     /* a 12-bit converter's last code */
#define SAMPLE_LIMIT 16.0F     /* full scale is 1 */
#define LONGEST_WINDOW_TPRI 6000.0

enum reply_rx_state { RX_IDLE = 0, RX_QUIET, RX_SEARCH, RX_TRACK };

struct reply_rx {
    struct reply_rx_cfg cfg;
    double rate_sps;
    struct reply_listen listen;
    enum reply_rx_state state;
    const struct linecode *code;
    int64_t base_tick, next_tick; /* first tick of the quiet; next expected */
    size_t quiet_samples;
    unsigned factor; /* decimation */
    struct canceller *canceller;
    struct canceller_quiet quiet;
    struct sync *sync;
    struct sync_search search;
    struct integral integral;
    size_t needs_samples;       /* of the integral, before the next step */
    size_t n_raw, raw_capacity; /* samples not decimated yet, the quiet included */
    size_t raw_at;              /* the first of them */
    float _Complex *raw;
    float _Complex *decimated;
    struct tracks tracks;
    struct finish *finish;
    double gate_nats;
    bool clipped;
};

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
};

const struct option_table reply_rx_options = {
    .title = "receiver",
    .rows = reply_rx_rows,
    .n_rows = sizeof reply_rx_rows / sizeof *reply_rx_rows,
};

const char *const reply_cause_text[REPLY_CAUSE_N] = {
    [REPLY_CAUSE_NONE] = "none",
    [REPLY_CAUSE_CLIPPED] = "receiver clips",
    [REPLY_CAUSE_CARRIER] = "another carrier",
    [REPLY_CAUSE_COMMANDS] = "another reader's commands",
    [REPLY_CAUSE_IMPULSES] = "impulses",
    [REPLY_CAUSE_BURST] = "burst of noise",
    [REPLY_CAUSE_NO_PREAMBLE] = "energy without a preamble",
    [REPLY_CAUSE_WEAK] = "reply too weak",
    [REPLY_CAUSE_MISFIT] = "more than one reply",
    [REPLY_CAUSE_DOUBTFUL] = "CRC right by chance",
    [REPLY_CAUSE_CUT] = "samples missing",
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
    r->integral.capacity_samples = (size_t)(LONGEST_WINDOW_TPRI * 2.0 * SAMPLES_PER_TPRI);
    r->raw_capacity = (size_t)(1e-3 * rate_sps) + 8192;
    r->integral.sum = malloc((r->integral.capacity_samples + 1) * sizeof *r->integral.sum);
    r->raw = malloc(r->raw_capacity * sizeof *r->raw);
    r->decimated = malloc(r->raw_capacity * sizeof *r->decimated);
    enum status status = ST_OK;
    if (!r->integral.sum || !r->raw || !r->decimated) {
        status = status_fail(ST_NO_MEMORY, "reply receiver: no memory");
    }
    status = status ? status : tracks_init(&r->tracks);
    status = status ? status : finish_new(LIMIT_BITS + 32, &r->finish);
    status = status ? status : canceller_new(&r->canceller);
    status = status ? status : sync_new((size_t)(450.0 * 2.0 * SAMPLES_PER_TPRI), &r->sync);
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
        finish_free(&(*rx)->finish);
        canceller_free(&(*rx)->canceller);
        sync_free(&(*rx)->sync);
        free((*rx)->integral.sum);
        free((*rx)->raw);
        free((*rx)->decimated);
        tracks_fini(&(*rx)->tracks);
        free(*rx);
        *rx = NULL;
    }
}

static double ticks_of_us(const struct reply_rx *rx, double us)
{
    return us * 1e-6 * rx->rate_sps;
}

/* Place of a tick on the integral: sample k of the stream covers [k - 1/2, k + 1/2). */
static double integral_of_tick(const struct reply_rx *rx, double tick)
{
    return (tick - (double)rx->base_tick + 0.5) / rx->factor;
}

static double tick_of_integral(const struct reply_rx *rx, double at)
{
    return at * rx->factor - 0.5 + (double)rx->base_tick;
}

void reply_rx_begin(struct reply_rx *rx, const struct reply_listen *listen)
{
    const struct link *link = &listen->link;
    double samples_per_tpri = rx->rate_sps / listen->blf_hz;
    require(samples_per_tpri >= 3.9);
    require(listen->blf_tolerance_ratio > 0.0);
    require(listen->blf_tolerance_ratio < 0.5);
    rx->listen = *listen;
    rx->code = linecode_of(link->m);
    rx->state = RX_QUIET;
    rx->clipped = false;
    double margin_us = rx->cfg.start_margin_tpri * link->tpri_us;
    double lo_us = isnan(listen->start_lo_us) ? link->t1_min_us - margin_us : listen->start_lo_us;
    double hi_us = isnan(listen->start_hi_us) ? link->t1_max_us + margin_us : listen->start_hi_us;
    /* the carrier settles during the edge (<= 0.33 Tari, half of it after the 50 % point) */
    double settle_us = fmin(0.35 * link->tari_us + 1.0, 0.4 * lo_us);
    rx->base_tick = (int64_t)ceil(listen->from_tick + ticks_of_us(rx, settle_us));
    double quiet = listen->from_tick + ticks_of_us(rx, lo_us) - (double)rx->base_tick;
    rx->quiet_samples = quiet < 8.0 ? 8 : (size_t)quiet;
    if (rx->quiet_samples > rx->raw_capacity / 2) {
        rx->base_tick += (int64_t)(rx->quiet_samples - rx->raw_capacity / 2);
        rx->quiet_samples = rx->raw_capacity / 2;
    }
    rx->next_tick = rx->base_tick;
    rx->factor = (unsigned)fmin(fmax(samples_per_tpri / SAMPLES_PER_TPRI, 1.0), 4096.0);
    rx->n_raw = rx->raw_at = 0;
    rx->quiet = (struct canceller_quiet){0};
    rx->gate_nats = 0.0;
    rx->tracks.n = 0;
    rx->integral.n_samples = 0;
    rx->integral.sum[0] = 0.0;
    double half = 0.5 * samples_per_tpri / rx->factor;
    rx->search = (struct sync_search){
        .code = rx->code,
        .trext = link->trext,
        .start_lo = integral_of_tick(rx, listen->from_tick + ticks_of_us(rx, lo_us)),
        .start_hi = integral_of_tick(rx, listen->from_tick + ticks_of_us(rx, hi_us)),
        .half_lo = half / (1.0 + listen->blf_tolerance_ratio),
        .half_hi = half / (1.0 - listen->blf_tolerance_ratio),
    };
}

int64_t reply_rx_first_tick(const struct reply_rx *rx)
{
    return rx->base_tick;
}

int64_t reply_rx_next_tick(const struct reply_rx *rx)
{
    return rx->next_tick;
}

int64_t reply_listen_not_before(const struct reply_listen *listen, double rate_sps)
{
    double tpri_us = 1e6 / (listen->blf_hz * (1.0 + listen->blf_tolerance_ratio));
    const struct linecode *code = linecode_of(listen->link.m);
    double preamble_us =
        0.5 * code->n_preamble_chips[listen->link.trext ? 1 : 0] * code->m * tpri_us;
    double latest_us = isnan(listen->start_hi_us) ? listen->link.t1_max_us : listen->start_hi_us;
    return (int64_t)(listen->from_tick + (latest_us + preamble_us) * 1e-6 * rate_sps);
}

int64_t reply_rx_not_before(const struct reply_rx *rx)
{
    if (rx->state == RX_IDLE) {
        return INT64_MAX;
    }
    if (rx->state != RX_TRACK) {
        return reply_listen_not_before(&rx->listen, rx->rate_sps);
    }
    double earliest = tracks_need_at_least(&rx->tracks);
    double room = (double)rx->integral.capacity_samples; /* longer than this is given up */
    return (int64_t)tick_of_integral(rx, fmin(fmax(earliest, (double)rx->needs_samples), room));
}

static void trace_init(struct reply_trace *trace)
{
    *trace = (struct reply_trace){
        .preamble_nats = NAN,
        .gate_nats = NAN,
        .start_us = NAN,
        .clock_error_ratio = NAN,
        .clock_drift_ratio = NAN,
        .residual_ratio = NAN,
        .noise_spread_db = NAN,
        .noise_axis_deg = NAN,
        .bit_errors_expected = NAN,
        .blanked_ratio = 0.0,
    };
}

static void result_init(struct reply_rx *rx, struct reply_result *result)
{
    result->verdict = REPLY_NONE_HEARD;
    result->bits.n_bits = 0;
    result->start_tick = result->end_tick = NAN;
    /* needs_samples may fall when a slow hypothesis dies: what was taken counts */
    double rested = fmin((double)rx->needs_samples, (double)rx->integral.capacity_samples);
    rested = fmax(rested, (double)rx->integral.n_samples);
    result->ready_tick = (int64_t)ceil(tick_of_integral(rx, rested) + 0.5);
    result->blf_hz = result->snr_db = NAN;
    result->gain = 0.0F;
    result->score_nats = 0.0;
    result->fit_ratio = 0.0;
    result->threshold_nats = rx->gate_nats;
    result->leak_dbfs = units_db_from_power_ratio(rx->quiet.power - rx->quiet.noise_variance);
    result->noise_dbfs = units_db_from_power_ratio(rx->quiet.noise_variance);
    double _Complex mean = 0.0;
    if (rx->integral.n_samples > 0) {
        mean = rx->integral.sum[rx->integral.n_samples] / (double)rx->integral.n_samples;
    }
    result->residual_dbfs =
        units_db_from_power_ratio(creal(mean) * creal(mean) + cimag(mean) * cimag(mean));
    result->offset_hz = rx->quiet.offset_rad * rx->rate_sps / (2.0 * UNITS_PI);
    result->clipped = rx->clipped;
    result->cause = rx->clipped ? REPLY_CAUSE_CLIPPED : REPLY_CAUSE_NONE;
    memset(result->channel_gain, 0, sizeof result->channel_gain);
    trace_init(&result->trace);
    result->trace.gate_nats = rx->gate_nats;
    rx->state = RX_IDLE;
}

/* Energy of a stretch around its mean, in standard deviations above noise. */
static double energy_sigmas(const struct reply_rx *rx, double from, double to)
{
    size_t lo = (size_t)fmax(from, 0.0), hi = (size_t)to;
    hi = hi < rx->integral.n_samples ? hi : rx->integral.n_samples;
    if (hi < lo + 4) {
        return 0.0;
    }
    const double _Complex *sum = rx->integral.sum;
    double n = (double)(hi - lo);
    double _Complex mean = (sum[hi] - sum[lo]) / n;
    double energy = 0.0;
    for (size_t k = lo; k < hi; k++) {
        double _Complex z = sum[k + 1] - sum[k] - mean;
        energy += creal(z) * creal(z) + cimag(z) * cimag(z);
    }
    /* the noise level itself is known from as many samples as the quiet has */
    double n_quiet = fmax((double)(rx->quiet_samples / rx->factor), 4.0);
    double sigma = rx->search.noise_variance * n * sqrt(1.0 / n + 1.0 / n_quiet);
    return (energy - n * rx->search.noise_variance) / sigma;
}

static void quiet_finish(struct reply_rx *rx)
{
    canceller_measure(rx->canceller, rx->raw, rx->quiet_samples, &rx->quiet);
    rx->state = RX_SEARCH;
}

/* Full scale in I or Q: counted as integers, which vectorises. */
static void clip_watch(struct reply_rx *rx, const float _Complex *sample, size_t n)
{
    const float *x = (const float *)sample;
    unsigned n_hits = 0;
    for (size_t k = 0; k < 2 * n; k++) {
        n_hits += fabsf(x[k]) >= CLIP_LEVEL;
    }
    rx->clipped = rx->clipped || n_hits > 0;
}

/* Decimate what lies in raw (whole groups) onto the integral, but no further than the next step
 * needs: nothing may depend on samples that came early only because of how blocks are cut. */
static void integral_extend(struct reply_rx *rx)
{
    size_t limit = rx->needs_samples < rx->integral.capacity_samples
                       ? rx->needs_samples
                       : rx->integral.capacity_samples;
    if (limit <= rx->integral.n_samples) {
        return;
    }
    size_t room = limit - rx->integral.n_samples;
    size_t n_out = rx->n_raw / rx->factor;
    n_out = n_out < room ? n_out : room;
    const float _Complex *raw = rx->raw + rx->raw_at;
    int64_t since = (int64_t)(rx->integral.n_samples * rx->factor);
    clip_watch(rx, raw, n_out * rx->factor);
    canceller_decimate(rx->canceller, &rx->quiet, since, raw, rx->factor, rx->decimated, n_out);
    double _Complex *sum = rx->integral.sum + rx->integral.n_samples;
    for (size_t k = 0; k < n_out; k++) {
        sum[k + 1] = sum[k] + rx->decimated[k];
    }
    rx->integral.n_samples += n_out;
    rx->n_raw -= n_out * rx->factor;
    rx->raw_at += n_out * rx->factor;
}

/* Noise variance of decimated samples, from the quiet ones. */
static double quiet_noise(const struct reply_rx *rx)
{
    size_t n = rx->quiet_samples / rx->factor;
    double floor_variance = rx->quiet.power * 1e-13 + 1e-24;
    if (n < 16) {
        return fmax(rx->quiet.noise_variance / rx->factor, floor_variance);
    }
    const double _Complex *sum = rx->integral.sum;
    double _Complex mean = sum[n] / (double)n;
    double energy = 0.0;
    for (size_t k = 0; k < n; k++) {
        double _Complex z = sum[k + 1] - sum[k] - mean;
        energy += creal(z) * creal(z) + cimag(z) * cimag(z);
    }
    return fmax(energy / (double)(n - 1), floor_variance);
}

static void search_finish(struct reply_rx *rx)
{
    struct sync_candidate candidate[TRACKS_CANDIDATES_MAX];
    rx->gate_nats = log(sync_n_hypotheses(&rx->search) / rx->cfg.false_alarm_ratio);
    size_t n = sync_find(rx->sync, &rx->integral, &rx->search, candidate, TRACKS_CANDIDATES_MAX);
    size_t n_bits = rx->listen.kind == REPLY_KIND_RN16 ? 16 : rx->listen.n_bits;
    tracks_begin(&rx->tracks, &rx->search, &rx->integral, candidate, n, rx->gate_nats, n_bits,
                 rx->listen.kind == REPLY_KIND_EPC);
    rx->state = RX_TRACK;
}

/* Advance the hypotheses as far as the samples reach.  out true: the likeliest is complete */
static bool reply_advance(struct reply_rx *rx)
{
    for (;;) {
        rx->needs_samples = tracks_need_samples(&rx->tracks);
        if (rx->needs_samples > rx->integral.capacity_samples) {
            return true;
        }
        integral_extend(rx);
        if (rx->integral.n_samples < rx->needs_samples) {
            return false;
        }
        if (tracks_step(&rx->tracks, &rx->integral)) {
            return true;
        }
    }
}

/* Second look at a complete hypothesis. */
static void reply_finish(struct reply_rx *rx, size_t index, struct finish_reply *reply)
{
    const struct track *track = &rx->tracks.track[index];
    uint8_t bit[LIMIT_BITS + 1];
    track_bits(track, bit);
    track_starts(track, finish_starts(rx->finish));
    const struct track_path *path = track_best(track);
    struct finish_request request = {
        .integral = &rx->integral,
        .code = rx->code,
        .trext = rx->listen.link.trext,
        .noise_variance = rx->search.noise_variance,
        .n_symbols = track->n_symbols,
        .bit = bit,
        .gain = path->gain,
        .offset = path->offset,
        .walk = rx->search.walk,
    };
    finish_run(rx->finish, &request, reply);
}

static void reply_measure(const struct reply_rx *rx, const struct finish_reply *reply,
                          size_t n_bits, struct reply_result *result)
{
    double _Complex gain = reply->gain;
    double gain_power = creal(gain) * creal(gain) + cimag(gain) * cimag(gain);
    result->start_tick = tick_of_integral(rx, reply->start);
    result->end_tick = tick_of_integral(rx, reply->end);
    result->blf_hz = rx->rate_sps / (2.0 * reply->half * rx->factor);
    result->gain = (float _Complex)gain * (float)rx->listen.carrier_sign;
    result->channel_gain[0] = result->gain;
    result->snr_db = units_db_from_power_ratio(gain_power * 2.0 * rx->code->m * reply->half /
                                               rx->search.noise_variance);
    /* the quiet held the leak and the idle tag (-h): what the reply swings about beyond +h is left */
    double _Complex left = reply->offset - gain;
    result->residual_dbfs =
        units_db_from_power_ratio(creal(left) * creal(left) + cimag(left) * cimag(left));
    result->score_nats = reply->score_nats;
    result->fit_ratio = reply->fit_ratio;
    result->bits.n_bits = n_bits;
    memcpy(result->bits.bit, reply->bit, result->bits.n_bits);
    struct reply_trace *trace = &result->trace;
    trace->start_us = (result->start_tick - rx->listen.from_tick) / rx->rate_sps * 1e6;
    trace->clock_error_ratio = result->blf_hz / rx->listen.blf_hz - 1.0;
    trace->clock_drift_ratio = reply->drift_ratio;
    trace->residual_ratio = reply->residual_ratio;
    trace->bit_errors_expected = reply->events_expected;
    for (size_t k = 0; k < result->bits.n_bits; k++) {
        if (reply->hard[k]) {
            if (trace->n_errors < REPLY_ERRORS_MAX) {
                trace->error_bit[trace->n_errors] = (uint16_t)k;
            }
            trace->n_errors++;
        }
    }
}

/* A decoded waveform is a reply when it stands out of the noise and explains what was received. */
static bool reply_is_sound(const struct reply_rx *rx, const struct reply_result *result)
{
    return result->score_nats >= SCORE_MIN_NATS && result->fit_ratio >= rx->cfg.fit_min_ratio &&
           (result->trace.residual_ratio <= RESIDUAL_RATIO_MAX ||
            result->fit_ratio >= FIT_SINGLE_RATIO);
}

static void verdict(struct reply_rx *rx, bool complete, struct reply_result *result)
{
    double shortest = 2.0 * rx->search.half_lo * rx->code->m;
    size_t best = tracks_best(&rx->tracks);
    result_init(rx, result);
    if (best < rx->tracks.n && complete) {
        struct finish_reply reply;
        reply_finish(rx, best, &reply);
        size_t n_symbols = rx->tracks.track[best].n_symbols, n_bits = rx->tracks.n_bits[best];
        reply_measure(rx, &reply, n_symbols < n_bits ? n_symbols : n_bits, result);
        result->threshold_nats = SCORE_MIN_NATS;
        if (reply_is_sound(rx, result)) {
            result->verdict = REPLY_DECODED;
            return;
        }
    }
    double from = rx->search.start_hi;
    double to = fmin((double)rx->integral.n_samples, from + 16.0 * shortest);
    if (energy_sigmas(rx, from, to) > ENERGY_SIGMAS) {
        result->verdict = REPLY_UNREADABLE;
    }
}

/* Take every step that the samples allow.  out true: result filled */
static bool reply_rx_step(struct reply_rx *rx, struct reply_result *result)
{
    if (rx->state == RX_QUIET) {
        if (rx->n_raw < rx->quiet_samples) {
            return false;
        }
        quiet_finish(rx);
    }
    if (rx->state == RX_SEARCH) {
        rx->needs_samples = (size_t)ceil(sync_needs_samples(&rx->search));
        integral_extend(rx);
        if (rx->integral.n_samples < rx->needs_samples) {
            return false;
        }
        rx->search.noise_variance = quiet_noise(rx);
        rx->search.walk = I * rx->quiet.leak * rx->quiet.offset_sigma_rad * rx->factor;
        search_finish(rx);
        if (rx->tracks.n == 0) {
            verdict(rx, false, result);
            return true;
        }
    }
    if (!reply_advance(rx)) {
        return false;
    }
    verdict(rx, rx->needs_samples <= rx->integral.capacity_samples, result);
    return true;
}

/* Samples to the end of raw. What no radio sends (NaN, far beyond full scale) is held at
 * SAMPLE_LIMIT, so that every sum stays finite. */
static void raw_append(struct reply_rx *rx, const float _Complex *sample, size_t n)
{
    memmove(rx->raw, rx->raw + rx->raw_at, rx->n_raw * sizeof *rx->raw);
    rx->raw_at = 0;
    const float *in = (const float *)sample;
    float *out = (float *)(rx->raw + rx->n_raw);
    for (size_t k = 0; k < 2 * n; k++) {
        float x = in[k] > -SAMPLE_LIMIT ? in[k] : -SAMPLE_LIMIT; /* NaN too */
        out[k] = x < SAMPLE_LIMIT ? x : SAMPLE_LIMIT;
    }
    rx->n_raw += n;
    rx->next_tick += (int64_t)n;
}

bool reply_rx_push(struct reply_rx *rx, const float _Complex *const *channel, size_t n_samples,
                   int64_t first_tick, struct reply_result *result)
{
    const float _Complex *sample = channel[0];
    if (rx->state == RX_IDLE) {
        return false;
    }
    if (first_tick < rx->next_tick) { /* the part before the quiet */
        int64_t skip = rx->next_tick - first_tick;
        if (skip >= (int64_t)n_samples) {
            return false;
        }
        sample += skip;
        n_samples -= (size_t)skip;
        first_tick = rx->next_tick;
    }
    require(first_tick == rx->next_tick);
    while (n_samples > 0) {
        size_t n = rx->raw_capacity - rx->n_raw;
        n = n < n_samples ? n : n_samples;
        n = n < 4096 ? n : 4096;
        raw_append(rx, sample, n);
        sample += n;
        n_samples -= n;
        if (reply_rx_step(rx, result)) {
            return true;
        }
    }
    return false;
}

void reply_rx_cut(struct reply_rx *rx, struct reply_result *result)
{
    bool tracking = rx->state == RX_TRACK;
    if (!tracking) {
        rx->tracks.n = 0;
    }
    if (rx->search.noise_variance <= 0.0) { /* the search has not begun */
        bool enough = rx->integral.n_samples >= rx->quiet_samples / rx->factor;
        rx->search.noise_variance = enough ? quiet_noise(rx) : 1e30;
    }
    rx->needs_samples = rx->integral.n_samples;
    size_t best = tracking ? tracks_best(&rx->tracks) : rx->tracks.n;
    verdict(rx, best < rx->tracks.n && tracks_complete(&rx->tracks, best), result);
}
