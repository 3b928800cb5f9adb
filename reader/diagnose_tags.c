/* diagnose_tags.c - rules about what else is on the air, and what the tags answer. */
#include <math.h>

#include "reader/diagnose_parts.h"

#define LINE_OVER_NOISE_DB 0.0 /* a line as strong as all noise of the band together */
#define BURST_DB 6.0
#define DISTURBED_SHARE 0.1
#define LITTLE_SHARE 0.3
#define SLOTS_MIN 10
#define ALONE_SHARE 0.05
#define REPLIES_MIN 5
#define EMPTY_SHARE 0.98
#define NOISE_RISE_DB 10.0
#define DC_DBFS (-25.0)
#define IMAGE_DB (-20.0)
#define EXPLAINS 70.0 /* a finding as bad as this explains why nothing is read */

static uint64_t n_disturbed(const struct diagnose_view *view)
{
    return view->cause[REPLY_CAUSE_CARRIER] + view->cause[REPLY_CAUSE_COMMANDS] +
           view->cause[REPLY_CAUSE_BURST] + view->cause[REPLY_CAUSE_IMPULSES];
}

/* ---- the air ---- */

double diagnose_rule_interference(const struct diagnose_view *view,
                                  struct diagnose_finding *finding, double worst)
{
    (void)worst;
    bool line = view->line_dbfs > view->noise_dbfs + LINE_OVER_NOISE_DB;
    bool clipped = view->off_clipped_ratio > DIAGNOSE_CLIPPED_SHARE;
    bool bursts = view->burst_db > BURST_DB;
    bool slots = view->n_slots >= SLOTS_MIN &&
                 diagnose_share(n_disturbed(view), view->n_slots) > DISTURBED_SHARE;
    if (!line && !clipped && !bursts && !slots) {
        return 0.0;
    }
    if (line) {
        diagnose_say(finding->text,
                     "interference: another carrier %+.1f kHz beside ours at %.0f dBFS, %.0f dB "
                     "over all noise of the band",
                     1e-3 * view->line_offset_hz, view->line_dbfs,
                     view->line_dbfs - view->noise_dbfs);
    } else if (isfinite(view->line_slot_hz)) {
        diagnose_say(finding->text, "interference: another carrier %+.1f kHz beside ours",
                     1e-3 * view->line_slot_hz);
    } else if (bursts) {
        diagnose_say(finding->text,
                     "interference: bursts %.0f dB over the median, with our carrier off",
                     view->burst_db);
    } else {
        diagnose_say(finding->text, "interference");
    }
    if (clipped) {
        diagnose_add(finding->text, "; it clips the receiver");
    }
    if (slots) {
        diagnose_add(finding->text, "; %.0f %% of the slots disturbed",
                     100.0 * diagnose_share(n_disturbed(view), view->n_slots));
    }
    diagnose_say(finding->advice,
                 "move in frequency, turn the antennas away from it, or find it and switch "
                 "it off (another reader, GSM/LTE, a switching supply)");
    return clipped ? 91.0 : diagnose_reads_well(view) ? 45.0 : 80.0;
}

double diagnose_rule_clock(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst)
{
    /* true collisions come with slots in which one tag was alone */
    uint64_t n = view->outcome[SLOT_COLLISION];
    bool shapeless = n >= SLOTS_MIN && diagnose_share(n, view->n_slots) > DISTURBED_SHARE &&
                     diagnose_share(diagnose_n_answered(view), n) < ALONE_SHARE;
    if ((isnan(view->clock_off_ratio) && !shapeless) || worst >= 89.0) {
        return 0.0;
    }
    if (isnan(view->clock_off_ratio)) {
        diagnose_say(finding->text, "something answers in %.0f %% of the slots, but never readably",
                     100.0 * diagnose_share(n, view->n_slots));
        diagnose_say(finding->advice,
                     "tags whose BLF is out of tolerance, another reader's tags, or a link "
                     "(--link.*) these tags do not take: 'zpreader probe' looks closer");
        return 78.0;
    }
    diagnose_say(finding->text,
                 "replies arrive but preamble fails: BLF %.0f %% off (%.1f kHz, %.1f were asked "
                 "for)",
                 100.0 * view->clock_off_ratio, 1e-3 * view->blf_hz * (1.0 + view->clock_off_ratio),
                 1e-3 * view->blf_hz);
    diagnose_say(finding->advice,
                 "beyond the standard's tolerance: try other tags; if all are off alike, the "
                 "radio's sample rate is not what it says");
    return diagnose_reads_well(view) ? 42.0 : 79.0;
}

double diagnose_rule_ack(const struct diagnose_view *view, struct diagnose_finding *finding,
                         double worst)
{
    double unanswered = diagnose_share(view->outcome[SLOT_RN16_ONLY], diagnose_n_answered(view));
    if (diagnose_n_answered(view) < REPLIES_MIN || unanswered < 0.5 || worst >= EXPLAINS) {
        return 0.0;
    }
    diagnose_say(finding->text, "tags answer the Query, but %.0f %% not the ACK",
                 100.0 * unanswered);
    diagnose_say(finding->advice,
                 "their RN16 is misread (too weak), or the ACK does not reach them: tags "
                 "closer, more tx gain, another Tari (--tari)");
    return 68.0;
}

double diagnose_rule_weak(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    uint64_t n_weak = view->outcome[SLOT_CRC_ERROR] + view->cause[REPLY_CAUSE_WEAK] +
                      view->cause[REPLY_CAUSE_DOUBTFUL];
    uint64_t n = diagnose_n_answered(view) + view->outcome[SLOT_COLLISION];
    if (n < REPLIES_MIN || diagnose_share(n_weak, n) < LITTLE_SHARE || worst >= EXPLAINS) {
        return 0.0;
    }
    diagnose_say(finding->text, "replies arrive too weak: %.0f %% lost to noise",
                 100.0 * fmin(diagnose_share(n_weak, n), 1.0));
    if (isfinite(view->snr_db)) {
        diagnose_add(finding->text, ", %.0f dB Eb/N0 where one was decoded", view->snr_db);
    }
    diagnose_say(finding->advice,
                 "tags closer, more isolation between the antennas and more rx gain, a slower "
                 "link or Miller (--link.m miller4)");
    return 65.0;
}

double diagnose_rule_silent(const struct diagnose_view *view, struct diagnose_finding *finding,
                            double worst)
{
    if (view->n_slots < SLOTS_MIN || view->n_reads > 0 || worst >= EXPLAINS ||
        diagnose_share(view->outcome[SLOT_EMPTY], view->n_slots) < EMPTY_SHARE) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "no tag answers: %llu slots, all silent; no tag there, or none powered",
                 (unsigned long long)view->n_slots);
    diagnose_say(finding->advice, "one tag 20 cm before the transmit antenna, flat towards it");
    if (view->tx_gain_db < view->tx_gain_max_db) {
        diagnose_add(finding->advice,
                     "; then more tx gain (%.0f dB now, %.0f possible), as far as your region "
                     "allows",
                     view->tx_gain_db, view->tx_gain_max_db);
    }
    diagnose_add(finding->advice, "; check that antenna and its cable");
    return 60.0;
}

double diagnose_rule_noisy_carrier(const struct diagnose_view *view,
                                   struct diagnose_finding *finding, double worst)
{
    double rise_db = view->noise_on_dbfs - view->noise_dbfs;
    if (!(rise_db > NOISE_RISE_DB) || worst >= 89.0) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "our carrier raises the noise by %.0f dB (phase noise, amplifier noise)", rise_db);
    diagnose_say(finding->advice,
                 "more isolation between the antennas: the noise falls with the leak");
    return diagnose_reads_well(view) ? 35.0 : 66.0;
}

double diagnose_rule_dc(const struct diagnose_view *view, struct diagnose_finding *finding,
                        double worst)
{
    (void)worst;
    if (!(view->dc_dbfs > DC_DBFS)) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "constant %.0f dBFS with our carrier off: DC offset, or another carrier just on "
                 "our frequency",
                 view->dc_dbfs);
    diagnose_say(finding->advice,
                 "let the radio calibrate itself, or move a channel: a carrier stays behind, "
                 "an offset comes along");
    return diagnose_reads_well(view) ? 25.0 : 55.0;
}

double diagnose_rule_image(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst)
{
    (void)worst;
    if (!(view->image_db > IMAGE_DB)) {
        return 0.0;
    }
    diagnose_say(finding->text, "I/Q image of our carrier only %.0f dB down", -view->image_db);
    diagnose_say(finding->advice, "calibrate the radio's I/Q balance (uhd_cal_rx_iq_balance, "
                                  "uhd_cal_tx_iq_balance)");
    return diagnose_reads_well(view) ? 20.0 : 30.0;
}
