/* reply_judge.c - from the best hypothesis to a verdict, its measurements and its reasons. */
#include <math.h>
#include <string.h>

#include "config/require.h"
#include "config/units.h"
#include "dsp/list_decode.h"
#include "dsp/plane.h"
#include "dsp/reply_rx_parts.h"

#define SCORE_MIN_NATS 30.0    /* a decoded reply: noise alone reaches it in < 1e-5 of slots */
#define RESIDUAL_RATIO_MAX 2.0 /* unexplained energy over noise: above, the fit must be good */
#define RESIDUAL_COLLISION_RATIO 5.0
#define FIT_SINGLE_RATIO 0.7 /* a fit this good is one tag, whatever the residual */
#define ENERGY_SIGMAS 7.0    /* energy above noise that counts as a reply */

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
    [REPLY_CAUSE_COLLISION] = "two replies told apart",
    [REPLY_CAUSE_CRC] = "CRC wrong",
    [REPLY_CAUSE_CUT] = "samples missing",
};

/* What else was on the air, as channel 0 heard it. */
static void interference_note(const struct reply_rx *rx, struct reply_result *result)
{
    const struct front_channel *channel = &rx->front->channel[0];
    if (!channel->interference || rx->state < RX_SEARCH) {
        return;
    }
    struct interference_report report;
    size_t n_samples = channel->integral.n_samples * rx->front->factor;
    size_t n_quiet = rx->front->quiet_samples; /* cleaned at once */
    interference_report(channel->interference, n_samples > n_quiet ? n_samples : n_quiet, &report);
    result->trace.n_tones = report.n_tones;
    memcpy(result->trace.tone, report.tone, sizeof report.tone);
    result->trace.blanked_ratio = report.blanked_ratio;
    result->cause = result->cause ? result->cause : report.cause;
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
    };
}

/* Mean of a channel's sums over the window, as it was before whitening. */
static double _Complex residual_mean(const struct reply_rx *rx)
{
    double _Complex mean[LIMIT_RX_CHANNELS] = {0};
    for (unsigned c = 0; c < rx->front->cfg.n_channels; c++) {
        const struct integral *integral = &rx->front->channel[c].integral;
        mean[c] = integral->n_samples > 0
                      ? integral->sum[integral->n_samples] / (double)integral->n_samples
                      : 0.0;
    }
    if (rx->state >= RX_SEARCH) {
        whiten_undo(&rx->front->whiten, mean);
    }
    return mean[0];
}

static void result_init(struct reply_rx *rx, struct reply_result *result)
{
    const struct canceller_quiet *quiet = &rx->front->channel[0].quiet;
    result->verdict = REPLY_NONE_HEARD;
    result->cause = front_is_clipped(rx->front) ? REPLY_CAUSE_CLIPPED : REPLY_CAUSE_NONE;
    result->bits.n_bits = 0;
    result->start_tick = result->end_tick = NAN;
    /* needs_samples may fall when a slow hypothesis dies: what was taken counts */
    double rested = fmin((double)rx->needs_samples, (double)rx->capacity_samples);
    rested = fmax(rested, (double)rx->front->channel[0].integral.n_samples);
    result->ready_tick =
        (int64_t)ceil(tick_of_integral(rx, rested) + 0.5) + (int64_t)front_delay_samples(rx->front);
    result->blf_hz = result->snr_db = NAN;
    result->gain = 0.0F;
    memset(result->channel_gain, 0, sizeof result->channel_gain);
    result->score_nats = 0.0;
    result->fit_ratio = 0.0;
    result->threshold_nats = rx->gate_nats;
    result->leak_dbfs = units_db_from_power_ratio(quiet->power - quiet->noise_variance);
    result->noise_dbfs = units_db_from_power_ratio(quiet->noise_variance);
    result->residual_dbfs = units_db_from_power_ratio(plane_power(residual_mean(rx)));
    result->offset_hz = front_offset_rad(rx->front) * rx->rate_sps / (2.0 * UNITS_PI);
    result->clipped = front_is_clipped(rx->front);
    result->is_recovered = result->is_looked = false;
    result->right_ratio = NAN;
    memset(&result->second, 0, sizeof result->second);
    trace_init(&result->trace);
    result->trace.gate_nats = rx->gate_nats;
    result->trace.preamble_nats = rx->lead.score;
    if (rx->state >= RX_SEARCH) {
        result->trace.noise_spread_db = rx->front->whiten.spread_db;
    }
    interference_note(rx, result);
}

double reply_energy_sigmas(const struct reply_rx *rx, double from, double to)
{
    const struct integral *integral = front_integral(rx->front);
    size_t lo = (size_t)fmax(from, 0.0), hi = (size_t)to;
    hi = hi < integral->n_samples ? hi : integral->n_samples;
    if (hi < lo + 4) {
        return 0.0;
    }
    const double _Complex *sum = integral->sum;
    double n = (double)(hi - lo);
    double _Complex mean = (sum[hi] - sum[lo]) / n;
    double energy = 0.0;
    for (size_t k = lo; k < hi; k++) {
        energy += plane_power(sum[k + 1] - sum[k] - mean);
    }
    /* the noise level itself is known from as many samples as the quiet has */
    double n_quiet = fmax((double)(rx->front->quiet_samples / rx->front->factor), 4.0);
    double sigma = rx->search.noise_variance * n * sqrt(1.0 / n + 1.0 / n_quiet);
    return (energy - n * rx->search.noise_variance) / sigma;
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
        .integral = front_integral(rx->front),
        .code = rx->code,
        .trext = rx->listen.link.trext,
        .noise_variance = rx->search.noise_variance,
        .n_symbols = track->n_symbols,
        .bit = bit,
        .gain = path->gain,
        .offset = path->offset,
        .walk = rx->walk,
    };
    finish_run(rx->finish, &request, reply);
    if (rx->front->cfg.n_channels == 1) {
        return;
    }
    /* the weights that the preamble told are replaced by those of the whole reply */
    double _Complex weight[LIMIT_RX_CHANNELS];
    double total = 0.0;
    for (unsigned c = 0; c < rx->front->cfg.n_channels; c++) {
        weight[c] = conj(finish_gain_of(rx->finish, &rx->front->channel[c].integral));
        total += plane_power(weight[c]);
    }
    for (unsigned c = 0; c < rx->front->cfg.n_channels; c++) {
        weight[c] /= sqrt(total) + 1e-30;
    }
    front_combine(rx->front, weight);
    request.gain = sqrt(total);
    request.offset = sqrt(total);
    request.bit = memcpy(bit, reply->bit, track->n_symbols);
    finish_run(rx->finish, &request, reply);
}

/* Gain at every channel, as it was before whitening, and how the tag lies to the noise. */
static void gains_measure(struct reply_rx *rx, const struct finish_reply *reply,
                          struct reply_result *result)
{
    double _Complex gain[LIMIT_RX_CHANNELS] = {reply->gain};
    unsigned n_channels = rx->front->cfg.n_channels;
    for (unsigned c = 0; c < n_channels && n_channels > 1; c++) {
        gain[c] = finish_gain_of(rx->finish, &rx->front->channel[c].integral);
    }
    whiten_undo(&rx->front->whiten, gain);
    for (unsigned c = 0; c < n_channels; c++) {
        result->channel_gain[c] = (float _Complex)gain[c] * (float)rx->listen.carrier_sign;
    }
    result->gain = result->channel_gain[0];
    double _Complex axis = rx->front->whiten.axis;
    double along = plane_along(axis, gain[0]);
    double across = plane_along(I * axis, gain[0]);
    result->trace.noise_axis_deg = atan2(fabs(across), fabs(along)) * 180.0 / UNITS_PI;
}

/* Bits that a decision symbol by symbol has otherwise than the final one. */
static void errors_note(const struct finish_reply *reply, struct reply_result *result)
{
    struct reply_trace *trace = &result->trace;
    for (size_t k = 0; k < result->bits.n_bits; k++) {
        if ((reply->bit[k] ^ reply->hard[k]) == result->bits.bit[k]) {
            continue;
        }
        if (trace->n_errors < REPLY_ERRORS_MAX) {
            trace->error_bit[trace->n_errors] = (uint16_t)k;
        }
        trace->n_errors++;
    }
}

static void reply_measure(struct reply_rx *rx, const struct finish_reply *reply, size_t n_bits,
                          struct reply_result *result)
{
    result->start_tick = tick_of_integral(rx, reply->start);
    result->end_tick = tick_of_integral(rx, reply->end);
    result->blf_hz = rx->rate_sps / (2.0 * reply->half * rx->front->factor);
    gains_measure(rx, reply, result);
    result->snr_db = units_db_from_power_ratio(plane_power(reply->gain) * 2.0 * rx->code->m *
                                               reply->half / rx->search.noise_variance);
    /* the quiet held the leak and the idle tag (-h): what the reply swings about beyond +h is left */
    double _Complex left[LIMIT_RX_CHANNELS] = {reply->offset - reply->gain};
    whiten_undo(&rx->front->whiten, left);
    result->residual_dbfs = units_db_from_power_ratio(plane_power(left[0]));
    result->score_nats = reply->score_nats;
    result->fit_ratio = reply->fit_ratio;
    result->bits.n_bits = n_bits;
    memcpy(result->bits.bit, reply->bit, n_bits);
    struct reply_trace *trace = &result->trace;
    trace->start_us = (result->start_tick - rx->listen.from_tick) / rx->rate_sps * 1e6;
    trace->clock_error_ratio = result->blf_hz / rx->listen.blf_hz - 1.0;
    trace->clock_drift_ratio = reply->drift_ratio;
    trace->residual_ratio = reply->residual_ratio;
    trace->bit_errors_expected = reply->bits_expected;
}

/* A decoded waveform is a reply when it stands out of the noise and explains what was received. */
static enum reply_cause reply_fault(const struct reply_rx *rx, const struct reply_result *result)
{
    if (result->score_nats < SCORE_MIN_NATS) {
        return REPLY_CAUSE_WEAK;
    }
    bool explained =
        result->trace.residual_ratio <= RESIDUAL_RATIO_MAX || result->fit_ratio >= FIT_SINGLE_RATIO;
    return result->fit_ratio < rx->cfg.fit_min_ratio || !explained ? REPLY_CAUSE_MISFIT
                                                                   : REPLY_CAUSE_NONE;
}

/* A reply with a CRC carries its own proof; what it proves is corrected or doubted. Whoever asked
 * for the EPC looks at its CRC himself. */
static enum reply_cause crc_check(struct reply_rx *rx, const struct finish_reply *reply,
                                  struct reply_result *result)
{
    if (rx->listen.kind == REPLY_KIND_RN16 || rx->listen.kind == REPLY_KIND_FIXED) {
        return REPLY_CAUSE_NONE;
    }
    struct list_cfg cfg = {.size = (unsigned)rx->cfg.list_size,
                           .false_read_ratio = rx->cfg.false_read_ratio};
    struct list_result list;
    list_decode(&cfg, finish_sequence(rx->finish), reply->soft_nats, result->bits.bit,
                result->bits.n_bits, &list);
    result->trace.is_credible = list.is_credible;
    result->trace.n_list_tried = list.n_tried;
    if (list.verdict == LIST_DOUBTFUL || rx->listen.kind == REPLY_KIND_EPC) {
        return list.verdict == LIST_DOUBTFUL ? REPLY_CAUSE_DOUBTFUL : REPLY_CAUSE_NONE;
    }
    /* what was corrected may have been what told the length */
    const struct bitbuf *bits = &result->bits;
    bool right = list.verdict == LIST_RIGHT && reply_length_opens_right(&rx->length, bits->bit) &&
                 reply_length_n_bits(&rx->length, bits->bit) == bits->n_bits;
    result->trace.crc_wrong = !right;
    return right ? REPLY_CAUSE_NONE : REPLY_CAUSE_CRC;
}

static bool reply_read(struct reply_rx *rx, size_t best, struct reply_result *result)
{
    struct finish_reply reply;
    reply_finish(rx, best, &reply);
    size_t n_symbols = rx->tracks.track[best].n_symbols, n_bits = rx->tracks.n_bits[best];
    reply_measure(rx, &reply, n_symbols < n_bits ? n_symbols : n_bits, result);
    result->threshold_nats = SCORE_MIN_NATS;
    /* two replies' edges make short excursions too, but leave far more unexplained than what is left of
     * impulses once they are blanked */
    if (result->cause == REPLY_CAUSE_IMPULSES &&
        result->trace.residual_ratio > RESIDUAL_COLLISION_RATIO) {
        result->cause = REPLY_CAUSE_MISFIT;
    }
    enum reply_cause fault = reply_fault(rx, result);
    fault = fault ? fault : crc_check(rx, &reply, result);
    errors_note(&reply, result);
    if (fault) {
        result->cause = result->cause ? result->cause : fault;
        return false;
    }
    result->verdict = REPLY_DECODED;
    return true;
}

/* Carriers that only the window told, once it is known what became of it. Two replies at once may pass
 * for a weak one: unread, only one stronger than all that is left of the window is to blame. */
static void sought_note(const struct reply_rx *rx, struct reply_result *result)
{
    struct reply_trace *trace = &result->trace;
    if (!front_has_near(rx->front)) {
        return;
    }
    struct reply_tone *tone = trace->tone + trace->n_tones;
    unsigned n = front_sought(rx->front, tone, REPLY_TONES_MAX - trace->n_tones);
    const struct integral *integral = front_integral(rx->front);
    double power = 0.0, strongest_dbfs = -INFINITY;
    for (size_t k = 0; k < integral->n_samples; k++) {
        power += plane_power(integral->sum[k + 1] - integral->sum[k]);
    }
    for (unsigned k = 0; k < n; k++) {
        strongest_dbfs = fmax(strongest_dbfs, tone[k].power_dbfs);
    }
    double left_dbfs = units_db_from_power_ratio(power / (double)(integral->n_samples + 1));
    for (unsigned k = 0; k < trace->n_tones; k++) {
        strongest_dbfs = fmax(strongest_dbfs, trace->tone[k].power_dbfs);
    }
    bool is_read = result->verdict == REPLY_DECODED;
    /* what moved in and out of the cleaner's idea of such a carrier passed for bursts */
    bool is_open = result->cause == REPLY_CAUSE_BURST || result->cause >= REPLY_CAUSE_NO_PREAMBLE;
    if (is_read && n > 0 && result->cause == REPLY_CAUSE_NONE) {
        result->cause = REPLY_CAUSE_CARRIER;
    } else if (is_open && strongest_dbfs > left_dbfs) {
        result->cause = REPLY_CAUSE_CARRIER;
    }
    trace->n_tones += n;
}

void reply_judge(struct reply_rx *rx, bool complete, struct reply_result *result)
{
    result_init(rx, result);
    size_t best = tracks_best(&rx->tracks);
    bool read = best < rx->tracks.n && complete && reply_read(rx, best, result);
    double from = rx->search.start_hi;
    double to = from + 16.0 * 2.0 * rx->search.half_lo * rx->code->m;
    /* weak replies that overlap raise the energy little, but what follows one of them stands out of noise */
    bool is_misfit = result->cause == REPLY_CAUSE_MISFIT && result->score_nats >= SCORE_MIN_NATS;
    bool is_heard =
        result->trace.crc_wrong || is_misfit || reply_energy_sigmas(rx, from, to) > ENERGY_SIGMAS;
    if (!read && is_heard) {
        result->verdict = REPLY_UNREADABLE;
        enum reply_cause cause = rx->tracks.n > 0 ? REPLY_CAUSE_MISFIT : REPLY_CAUSE_NO_PREAMBLE;
        result->cause = result->cause ? result->cause : cause;
    }
    if (result->verdict == REPLY_NONE_HEARD && result->cause == REPLY_CAUSE_WEAK &&
        result->trace.preamble_nats < 2.0 * rx->gate_nats) {
        result->cause = REPLY_CAUSE_NONE; /* noise that looked like a preamble: an empty slot */
    }
    sought_note(rx, result);
    rx->state = RX_IDLE;
}
