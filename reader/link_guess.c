/* link_guess.c - the trials. */
#include "reader/link_guess.h"

#include <math.h>

#include "protocol/reply.h"

#define BLF_STEP_RATIO 1.15      /* trials are this far apart ... */
#define BLF_TOLERANCE_RATIO 0.08 /* ... and each covers this much to either side */
#define FIT_MIN_RATIO 0.6
#define CRC_BONUS 1.0 /* a right CRC beats every fit */

void link_guess_init(struct link_guess *guess, const struct link_cfg *hint, bool hint_blf,
                     bool hint_m, bool hint_trext, double tari_us, double rtcal_us, double rate_sps)
{
    *guess = (struct link_guess){.hint = *hint,
                                 .hint_blf = hint_blf,
                                 .hint_m = hint_m,
                                 .hint_trext = hint_trext,
                                 .tari_us = tari_us,
                                 .rtcal_us = rtcal_us,
                                 .rate_sps = rate_sps};
}

/* How well one link explains the window; below FIT_MIN_RATIO: not at all. */
static double trial(struct reply_rx *receiver, const struct reply_listen *listen,
                    const struct link *link, const float _Complex *const *sample, size_t n_samples,
                    int64_t first_tick, double *blf_hz)
{
    static struct reply_result result;
    struct reply_listen window;
    reply_listen_init(&window, link, listen->kind, listen->from_tick);
    window.blf_tolerance_ratio = BLF_TOLERANCE_RATIO;
    double t1_us = fmax(link->rtcal_us, 10.0 * link->tpri_us);
    window.start_lo_us = 0.75 * t1_us;
    window.start_hi_us = 1.25 * t1_us + 2.0;
    reply_rx_begin(receiver, &window);
    if (reply_rx_first_tick(receiver) < first_tick) {
        return 0.0;
    }
    if (!reply_rx_push(receiver, sample, n_samples, first_tick, &result)) {
        reply_rx_cut(receiver, &result);
    }
    if (result.verdict != REPLY_DECODED) {
        return 0.0;
    }
    *blf_hz = result.blf_hz;
    struct epc_reply reply;
    bool right = listen->kind == REPLY_KIND_EPC &&
                 reply_parse_epc(result.bits.bit, result.bits.n_bits, &reply) == ST_OK &&
                 reply.crc_right;
    return result.fit_ratio + (right ? CRC_BONUS : 0.0);
}

static enum status link_of(const struct link_guess *guess, double blf_hz, int m, bool trext,
                           struct link *link)
{
    double trcal_8_us = 8e6 / blf_hz;
    enum link_dr dr = trcal_8_us >= 1.05 * guess->rtcal_us ? LINK_DR_8 : LINK_DR_64_3;
    double trcal_us = dr == LINK_DR_8 ? trcal_8_us : trcal_8_us * 8.0 / 3.0;
    return link_from_measured(guess->tari_us, guess->rtcal_us, trcal_us, dr, (enum link_m)m, trext,
                              link);
}

bool link_guess_run(const struct link_guess *guess, struct reply_rx *receiver,
                    const struct reply_listen *listen, const float _Complex *const *sample,
                    size_t n_samples, int64_t first_tick, struct link *link)
{
    double lo_hz = guess->hint_blf ? guess->hint.blf_hz : 40e3;
    double hi_hz = guess->hint_blf ? guess->hint.blf_hz : 640e3;
    double best = FIT_MIN_RATIO;
    bool found = false;
    for (double blf_hz = lo_hz; blf_hz <= hi_hz * 1.001; blf_hz *= BLF_STEP_RATIO) {
        for (int k = 0; k < 8; k++) {
            int m = k / 2;
            bool trext = k % 2 == 1;
            struct link trial_link;
            bool asked = (!guess->hint_m || m == guess->hint.m) &&
                         (!guess->hint_trext || trext == guess->hint.trext);
            if (!asked || guess->rate_sps < 4.5 * blf_hz ||
                link_of(guess, blf_hz, m, trext, &trial_link) != ST_OK) {
                continue;
            }
            double measured_hz = blf_hz;
            double fit =
                trial(receiver, listen, &trial_link, sample, n_samples, first_tick, &measured_hz);
            struct link refined;
            if (fit > best && link_of(guess, measured_hz, m, trext, &refined) == ST_OK) {
                best = fit;
                *link = refined;
                found = true;
            }
        }
    }
    return found;
}
