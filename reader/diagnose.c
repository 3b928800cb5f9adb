/* diagnose.c - the table of rules, and what several of them ask. Later rules know how bad the worst so
 * far was: silence that something else explains is no finding of its own. */
#include "reader/diagnose.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "reader/diagnose_parts.h"

#define READS_GOOD_SHARE 0.7

const char *const diagnose_code[DIAGNOSE_N] = {
    [DIAGNOSE_BAND] = "carrier_outside_band",
    [DIAGNOSE_DEVICE] = "radio_fails",
    [DIAGNOSE_REFERENCE] = "reference_unlocked",
    [DIAGNOSE_LO] = "lo_unlocked",
    [DIAGNOSE_CLIPPING] = "receiver_clips",
    [DIAGNOSE_PORT] = "wrong_antenna_port",
    [DIAGNOSE_SUBDEVICE] = "wrong_subdevice",
    [DIAGNOSE_NO_CARRIER] = "carrier_not_heard",
    [DIAGNOSE_DELAY] = "delay_left_in",
    [DIAGNOSE_LATE] = "answers_late",
    [DIAGNOSE_LOST] = "samples_lost",
    [DIAGNOSE_INTERFERENCE] = "interference",
    [DIAGNOSE_CLOCK] = "tag_clock_off",
    [DIAGNOSE_GAIN] = "gain_too_low",
    [DIAGNOSE_ACK] = "acks_unanswered",
    [DIAGNOSE_WEAK] = "replies_weak",
    [DIAGNOSE_SILENT] = "no_tag_answers",
    [DIAGNOSE_NOISY_CARRIER] = "carrier_noisy",
    [DIAGNOSE_DC] = "dc_offset",
    [DIAGNOSE_IMAGE] = "iq_image",
};

const double diagnose_blf_hz[DIAGNOSE_BLFS] = {640e3, 426.7e3, 320e3, 213.3e3, 160e3, 80e3, 40e3};

double diagnose_fastest_blf_hz(double answer_us)
{
    for (size_t k = 0; k < DIAGNOSE_BLFS; k++) {
        if (20e6 / diagnose_blf_hz[k] >= answer_us) {
            return diagnose_blf_hz[k];
        }
    }
    return NAN;
}

void diagnose_view_init(struct diagnose_view *view)
{
    *view = (struct diagnose_view){
        .ref_locked = -1,
        .lo_locked = -1,
        .tx_gain_db = NAN,
        .tx_gain_max_db = NAN,
        .rx_gain_db = NAN,
        .rx_gain_min_db = NAN,
        .rx_gain_max_db = NAN,
        .blf_hz = NAN,
        .t2_max_us = NAN,
        .rate_sps = NAN,
        .noise_dbfs = NAN,
        .noise_follows_db = NAN,
        .dc_dbfs = NAN,
        .line_offset_hz = NAN,
        .line_dbfs = NAN,
        .off_clipped_ratio = NAN,
        .burst_db = NAN,
        .leak_dbfs = NAN,
        .headroom_db = NAN,
        .clipped_ratio = NAN,
        .clipped_down_db = NAN,
        .noise_on_dbfs = NAN,
        .image_db = NAN,
        .better_port_db = NAN,
        .better_subdev_db = NAN,
        .delay_samples = NAN,
        .answer_us = NAN,
        .turnaround_us = NAN,
        .tx_lead_us = NAN,
        .tx_lead_least_us = NAN,
        .snr_db = NAN,
        .clock_off_ratio = NAN,
        .line_slot_hz = NAN,
    };
}

/* ---- what several rules ask ---- */

double diagnose_share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

/* Slots in which one tag answered, as far as can be told. */
uint64_t diagnose_n_answered(const struct diagnose_view *view)
{
    return view->outcome[SLOT_SINGLE] + view->outcome[SLOT_RN16_ONLY] +
           view->outcome[SLOT_CRC_ERROR];
}

/* Most tags that answer are read. */
bool diagnose_reads_well(const struct diagnose_view *view)
{
    return view->n_reads > 0 && diagnose_share(view->outcome[SLOT_SINGLE],
                                               diagnose_n_answered(view)) >= READS_GOOD_SHARE;
}

void diagnose_say(char text[DIAGNOSE_TEXT], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, DIAGNOSE_TEXT, format, arguments);
    va_end(arguments);
}

void diagnose_add(char text[DIAGNOSE_TEXT], const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + n, DIAGNOSE_TEXT - n, format, arguments);
    va_end(arguments);
}

struct diagnose_span diagnose_span_of(double us)
{
    struct diagnose_span span;
    if (us >= 1000.0) {
        snprintf(span.text, sizeof span.text, "%.3g ms", 1e-3 * us);
    } else {
        snprintf(span.text, sizeof span.text, "%.3g us", us);
    }
    return span;
}

/* In the order of their ids, which is that of explaining: causes before what they bring about. */
static double (*const rules[DIAGNOSE_N])(const struct diagnose_view *, struct diagnose_finding *,
                                         double) = {
    [DIAGNOSE_BAND] = diagnose_rule_band,
    [DIAGNOSE_DEVICE] = diagnose_rule_device,
    [DIAGNOSE_REFERENCE] = diagnose_rule_reference,
    [DIAGNOSE_LO] = diagnose_rule_lo,
    [DIAGNOSE_CLIPPING] = diagnose_rule_clipping,
    [DIAGNOSE_PORT] = diagnose_rule_port,
    [DIAGNOSE_SUBDEVICE] = diagnose_rule_subdevice,
    [DIAGNOSE_NO_CARRIER] = diagnose_rule_no_carrier,
    [DIAGNOSE_DELAY] = diagnose_rule_delay,
    [DIAGNOSE_LATE] = diagnose_rule_late,
    [DIAGNOSE_LOST] = diagnose_rule_lost,
    [DIAGNOSE_INTERFERENCE] = diagnose_rule_interference,
    [DIAGNOSE_CLOCK] = diagnose_rule_clock,
    [DIAGNOSE_GAIN] = diagnose_rule_gain,
    [DIAGNOSE_ACK] = diagnose_rule_ack,
    [DIAGNOSE_WEAK] = diagnose_rule_weak,
    [DIAGNOSE_SILENT] = diagnose_rule_silent,
    [DIAGNOSE_NOISY_CARRIER] = diagnose_rule_noisy_carrier,
    [DIAGNOSE_DC] = diagnose_rule_dc,
    [DIAGNOSE_IMAGE] = diagnose_rule_image,
};

size_t diagnose(const struct diagnose_view *view, struct diagnose_finding finding[DIAGNOSE_N])
{
    require(view);
    require(finding);
    size_t n = 0;
    double worst = 0.0;
    for (int id = 0; id < DIAGNOSE_N; id++) {
        struct diagnose_finding found = {.id = (enum diagnose_id)id};
        found.severity = rules[id](view, &found, worst);
        if (!(found.severity > 0.0)) {
            continue;
        }
        worst = fmax(worst, found.severity);
        size_t at = n++;
        for (; at > 0 && finding[at - 1].severity < found.severity; at--) {
            finding[at] = finding[at - 1];
        }
        finding[at] = found;
    }
    return n;
}
