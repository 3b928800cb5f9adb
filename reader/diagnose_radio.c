/* diagnose_radio.c - rules about the set-up, its levels and its timing. */
#include <math.h>
#include <string.h>

#include "reader/diagnose_parts.h"

#define HEADROOM_WANTED_DB 6.0 /* what is left after the advice to lower the gain */
#define HEADROOM_MUCH_DB 25.0  /* more than any leak's own movement needs */
/* of 10 dB gain: the converter's own noise is the larger part */
#define NOISE_FOLLOWS_LITTLE_DB 3.0
#define PORT_BETTER_DB 20.0
#define CARRIER_GONE_DB 20.0 /* below all noise of the band: our own carrier does not arrive */
#define DELAY_SAMPLES 1.0
#define DELAY_TPRI 0.125
#define LATE_SHARE 0.02
#define LEAD_SLACK 1.5 /* of the least lead that lost nothing in a trial */
#define SLOTS_MIN 10
#define REPLIES_MIN 5
#define EMPTY_SHARE 0.98

/* ---- the set-up ---- */

double diagnose_rule_band(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    (void)worst;
    if (view->refusal[0] == '\0') {
        return 0.0;
    }
    diagnose_say(finding->text, "carrier refused: %s", view->refusal);
    diagnose_say(finding->advice,
                 "name the region you are in and a frequency inside its band; nothing was "
                 "transmitted");
    return 100.0;
}

double diagnose_rule_device(const struct diagnose_view *view, struct diagnose_finding *finding,
                            double worst)
{
    (void)worst;
    if (view->failure[0] == '\0') {
        return 0.0;
    }
    diagnose_say(finding->text, "the radio does not work: %.200s", view->failure);
    diagnose_say(finding->advice, "power, cables, --args (found radios are listed above), another "
                                  "program that holds it, 'uhd_usrp_probe'");
    return 98.0;
}

double diagnose_rule_reference(const struct diagnose_view *view, struct diagnose_finding *finding,
                               double worst)
{
    (void)worst;
    if (view->ref_locked != 0) {
        return 0.0;
    }
    const char *source = view->reference[0] ? view->reference : "as set";
    diagnose_say(finding->text,
                 "the reference clock (%s) is missing: the radio is not locked to it", source);
    diagnose_say(finding->advice,
                 "connect 10 MHz to REF IN and check its level, or take the radio's own: "
                 "--radio.uhd.clock_source internal");
    return 95.0;
}

double diagnose_rule_lo(const struct diagnose_view *view, struct diagnose_finding *finding,
                        double worst)
{
    (void)worst;
    if (view->lo_locked != 0) {
        return 0.0;
    }
    diagnose_say(finding->text, "the local oscillator is not locked");
    diagnose_say(finding->advice,
                 "try another frequency; check that the daughterboard covers this one");
    return 94.0;
}

/* ---- levels ---- */

double diagnose_rule_clipping(const struct diagnose_view *view, struct diagnose_finding *finding,
                              double worst)
{
    (void)worst;
    bool measured = view->clipped_ratio > DIAGNOSE_CLIPPED_SHARE;
    bool slots = diagnose_share(view->n_clipped, view->n_slots) > LATE_SHARE;
    if ((!measured && !slots) || view->off_clipped_ratio > DIAGNOSE_CLIPPED_SHARE) {
        return 0.0; /* clipping without our carrier is somebody else's signal */
    }
    double down_db =
        isnan(view->clipped_down_db) ? 2.0 * HEADROOM_WANTED_DB : view->clipped_down_db;
    if (measured) {
        diagnose_say(finding->text,
                     "receiver clips: %.3g %% of the samples are at the converter's end",
                     100.0 * view->clipped_ratio);
    } else {
        diagnose_say(finding->text, "receiver clips in %.0f %% of the slots",
                     100.0 * diagnose_share(view->n_clipped, view->n_slots));
    }
    if (view->rx_gain_db - down_db < view->rx_gain_min_db) {
        double rest_db = down_db - (view->rx_gain_db - view->rx_gain_min_db);
        diagnose_say(finding->advice,
                     "lower rx gain by %.0f dB to its least, %.0f dB, and put %.0f dB of "
                     "attenuation before the receiver (or as much more isolation)",
                     view->rx_gain_db - view->rx_gain_min_db, view->rx_gain_min_db, ceil(rest_db));
    } else {
        diagnose_say(finding->advice, "lower rx gain by %.0f dB", down_db);
        if (isfinite(view->rx_gain_db)) {
            diagnose_add(finding->advice, " (--rx-gain %.0f)", view->rx_gain_db - down_db);
        }
    }
    return 90.0;
}

double diagnose_rule_port(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    (void)worst;
    if (!(view->better_port_db >= PORT_BETTER_DB)) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "receive antenna on the wrong port: our carrier is %.0f dB stronger on %s "
                 "than on %s",
                 view->better_port_db, view->better_port, view->rx_port);
    diagnose_say(finding->advice, "use --ant %s, or move the cable to %s", view->better_port,
                 view->rx_port);
    return 89.0;
}

double diagnose_rule_subdevice(const struct diagnose_view *view, struct diagnose_finding *finding,
                               double worst)
{
    if (!(view->better_subdev_db >= PORT_BETTER_DB) || worst >= 89.0) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "wrong receive subdevice: our carrier is %.0f dB stronger on %s than on %s",
                 view->better_subdev_db, view->better_subdev, view->rx_subdev);
    diagnose_say(finding->advice, "use --radio.uhd.rx_subdev %s, or move the cable",
                 view->better_subdev);
    return 88.5;
}

double diagnose_rule_no_carrier(const struct diagnose_view *view, struct diagnose_finding *finding,
                                double worst)
{
    if (!(view->leak_dbfs < view->noise_dbfs - CARRIER_GONE_DB) || worst >= 88.5) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "our own carrier does not arrive: %.1f dBFS, %.0f dB below the noise",
                 view->leak_dbfs, view->noise_dbfs - view->leak_dbfs);
    diagnose_say(finding->advice,
                 "check the transmit antenna and cable, the ports and subdevices of both "
                 "directions, and the transmit gain");
    return 88.0;
}

double diagnose_rule_gain(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    if (!(view->headroom_db > HEADROOM_MUCH_DB) ||
        !(view->noise_follows_db < NOISE_FOLLOWS_LITTLE_DB) || worst >= 88.0) {
        return 0.0;
    }
    double up_db = view->headroom_db - HEADROOM_WANTED_DB;
    bool silent = view->n_slots >= SLOTS_MIN &&
                  diagnose_share(view->outcome[SLOT_EMPTY], view->n_slots) >= EMPTY_SHARE;
    diagnose_say(finding->text,
                 "gain too low by about %.0f dB: our carrier arrives at %.0f dBFS, and only the "
                 "converter's own noise is heard beside it",
                 up_db, view->leak_dbfs);
    if (silent && view->tx_gain_db < view->tx_gain_max_db) {
        diagnose_say(finding->advice,
                     "no tag answers either: first raise tx gain (%.0f dB, %.0f possible), "
                     "as far as your region allows; then rx gain",
                     view->tx_gain_db, view->tx_gain_max_db);
    } else {
        double room_db = view->rx_gain_max_db - view->rx_gain_db;
        diagnose_say(finding->advice, "raise rx gain by %.0f dB",
                     room_db < up_db ? room_db : up_db);
        if (isfinite(view->rx_gain_db)) {
            diagnose_add(finding->advice, " (--rx-gain %.0f)",
                         view->rx_gain_db + (room_db < up_db ? room_db : up_db));
        }
    }
    return diagnose_reads_well(view) ? 40.0 : 75.0;
}

/* ---- timing ---- */

double diagnose_rule_delay(const struct diagnose_view *view, struct diagnose_finding *finding,
                           double worst)
{
    (void)worst;
    double tpri_samples = view->rate_sps / view->blf_hz;
    double limit = fmax(DELAY_SAMPLES, DELAY_TPRI * tpri_samples);
    if (!(fabs(view->delay_samples) > limit)) {
        return 0.0;
    }
    double us = 1e6 * view->delay_samples / view->rate_sps;
    diagnose_say(finding->text,
                 "what is sent is received %.1f samples (%.2f us) %s than the stamps say",
                 fabs(view->delay_samples), fabs(us), us > 0.0 ? "later" : "earlier");
    diagnose_say(finding->advice, "add %.2f us to --radio.uhd.delay_us", us);
    return 86.0;
}

/* The way to an answer in time: less lead where the radio takes it, then the fastest link that waits
 * long enough. */
static void late_advise(const struct diagnose_view *view, char advice[DIAGNOSE_TEXT])
{
    bool long_lead = view->real_time && view->tx_lead_us > LEAD_SLACK * view->tx_lead_least_us;
    double lead_us = fmin(view->tx_lead_us, LEAD_SLACK * view->tx_lead_least_us);
    double answer_us = view->answer_us - (long_lead ? view->tx_lead_us - lead_us : 0.0);
    double blf_hz = diagnose_fastest_blf_hz(fmax(answer_us, 0.0));
    if (isnan(view->answer_us)) {
        diagnose_say(advice, "a lower BLF or a shorter --radio.tx_lead_us; 'zpreader probe' says "
                             "which");
        return;
    }
    if (isfinite(blf_hz)) {
        diagnose_say(advice, "use BLF %.4g kHz%s", 1e-3 * fmin(blf_hz, view->blf_hz),
                     blf_hz < 100e3 ? ", FM0" : "");
    } else {
        diagnose_say(advice, "no BLF of the standard waits so long (40 kHz: 500 us)");
    }
    if (long_lead) {
        diagnose_add(advice, ", lead %.0f us (--radio.tx_lead_us %.0f)", lead_us, lead_us);
    } else if (isnan(blf_hz) && view->turnaround_us > 0.5 * view->answer_us) {
        diagnose_add(advice,
                     ": most of it is this program's turnaround, %s "
                     "(timing.turnaround_us, or a faster host)",
                     diagnose_span_of(view->turnaround_us).text);
    } else if (isnan(blf_hz) && view->real_time) {
        diagnose_add(advice,
                     ": shorten the way through the host (%s of it is radio.tx_lead_us); "
                     "USB 3 or a direct network port, CPU governor 'performance', "
                     "nothing else running",
                     diagnose_span_of(view->tx_lead_us).text);
    }
}

double diagnose_rule_late(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    (void)worst;
    double late = diagnose_share(view->n_late, diagnose_n_answered(view));
    bool often = diagnose_n_answered(view) >= REPLIES_MIN && late > LATE_SHARE;
    bool always = view->answer_us > view->t2_max_us;
    if (!often && !always) {
        return 0.0;
    }
    if (often) {
        diagnose_say(finding->text, "ACK late in %.0f %% of the slots with a tag",
                     100.0 * fmin(late, 1.0));
    } else {
        diagnose_say(finding->text, "ACK late");
    }
    if (always) {
        diagnose_add(finding->text,
                     ": answers leave %s after the reply, the tag waits %s (T2 at BLF %.4g kHz)",
                     diagnose_span_of(view->answer_us).text, diagnose_span_of(view->t2_max_us).text,
                     1e-3 * view->blf_hz);
    }
    late_advise(view, finding->advice);
    return 85.0;
}

double diagnose_rule_lost(const struct diagnose_view *view, struct diagnose_finding *finding,
                          double worst)
{
    (void)worst;
    uint64_t n = view->overflows + view->underflows + view->sequence_errors;
    if (n + view->n_measure_losses == 0) {
        return 0.0;
    }
    diagnose_say(finding->text,
                 "the host is too slow for this rate: %llu overflows, %llu underflows, %llu "
                 "sequence errors",
                 (unsigned long long)view->overflows, (unsigned long long)view->underflows,
                 (unsigned long long)view->sequence_errors);
    diagnose_say(finding->advice,
                 "a lower --rate, a slower link, another USB 3 port, the CPU governor "
                 "'performance', real-time priority (ulimit -r 10)");
    if (view->n_measure_losses > 0) {
        diagnose_add(finding->text, "; even while levels were measured: trust none of them");
        return 93.0;
    }
    return diagnose_reads_well(view) ? 50.0 : 83.0;
}
