/* diagnose.h - from what was measured to what is wrong, in words, worst first. Pure: no radio, no
 * clock; `probe` fills all of it, a running inventory what it knows.          layer: reader */
#ifndef READER_DIAGNOSE_H
#define READER_DIAGNOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/reply_rx.h"
#include "protocol/qalgo.h"

enum diagnose_id {
    DIAGNOSE_BAND = 0,
    DIAGNOSE_DEVICE,
    DIAGNOSE_REFERENCE,
    DIAGNOSE_LO,
    DIAGNOSE_CLIPPING,
    DIAGNOSE_PORT,
    DIAGNOSE_SUBDEVICE,
    DIAGNOSE_NO_CARRIER,
    DIAGNOSE_DELAY,
    DIAGNOSE_LATE,
    DIAGNOSE_LOST,
    DIAGNOSE_INTERFERENCE,
    DIAGNOSE_CLOCK,
    DIAGNOSE_GAIN,
    DIAGNOSE_ACK,
    DIAGNOSE_WEAK,
    DIAGNOSE_SILENT,
    DIAGNOSE_NOISY_CARRIER,
    DIAGNOSE_DC,
    DIAGNOSE_IMAGE,
    DIAGNOSE_N
};
extern const char *const diagnose_code[DIAGNOSE_N]; /* one word: "receiver_clips", ... */

enum { DIAGNOSE_TEXT = 224, DIAGNOSE_NAME = 64 };

/* What is known. NaN, -1, "" and 0 slots: not known; no rule fires on what is not known. */
struct diagnose_view {
    /* the set-up */
    char refusal[DIAGNOSE_TEXT];   /* why the carrier may not be sent; "": it may */
    char failure[DIAGNOSE_TEXT];   /* the radio's own words; "": it works */
    int ref_locked, lo_locked;     /* 1, 0; -1: no such sensor */
    char reference[DIAGNOSE_NAME]; /* the clock source asked for */
    char rx_port[DIAGNOSE_NAME], rx_subdev[DIAGNOSE_NAME]; /* in force */
    double tx_gain_db, tx_gain_max_db, rx_gain_db, rx_gain_min_db, rx_gain_max_db;
    double blf_hz, t2_max_us, rate_sps;
    /* carrier off */
    double noise_dbfs;       /* power in the whole band, single lines taken out */
    double noise_follows_db; /* by how much it changes when the receive gain changes by 10 dB */
    double dc_dbfs;          /* constant part */
    double line_offset_hz, line_dbfs; /* strongest single line; NaN: none stands out */
    double off_clipped_ratio;         /* share of samples at the converter's end */
    double burst_db;                  /* power of the strongest millisecond over the median one */
    /* carrier on */
    double leak_dbfs, headroom_db; /* our own carrier; full scale over the highest I or Q */
    double clipped_ratio;
    double clipped_down_db; /* so much less receive gain stops the clipping; NaN: not tried */
    double noise_on_dbfs;   /* around the carrier */
    double image_db;        /* I/Q image of our own carrier */
    char better_port[DIAGNOSE_NAME], better_subdev[DIAGNOSE_NAME];
    double better_port_db, better_subdev_db; /* how much stronger our carrier is there */
    /* timing */
    bool real_time;
    double delay_samples; /* transmit to receive, beyond what the radio takes out */
    double answer_us;     /* end of a reply to the earliest command that can answer it */
    double turnaround_us; /* part of it that is this program's own */
    double tx_lead_us, tx_lead_least_us; /* in force; the least that made it in time */
    uint64_t overflows, underflows, sequence_errors;
    uint64_t n_measure_losses; /* samples missed while levels were taken: they cannot be trusted */
    /* an inventory */
    uint64_t n_slots, outcome[SLOT_OUTCOME_N], cause[REPLY_CAUSE_N], n_clipped, n_late, n_reads;
    double snr_db;          /* median of what was decoded */
    double clock_off_ratio; /* tags answered so far from the BLF asked for; NaN: not so */
    double line_slot_hz;    /* another carrier, as the windows showed it; NaN: none */
};
void diagnose_view_init(struct diagnose_view *view);

struct diagnose_finding {
    enum diagnose_id id;
    double severity;            /* 100: nothing works; 0: no matter */
    char text[DIAGNOSE_TEXT];   /* what is wrong */
    char advice[DIAGNOSE_TEXT]; /* what to do */
};

/* Apply all rules.
 *   out finding[DIAGNOSE_N], worst first; returns how many */
size_t diagnose(const struct diagnose_view *view, struct diagnose_finding finding[DIAGNOSE_N]);

/* BLF of the usual ones with the longest T2 = 20 Tpri that is still as fast as `answer_us` allows.
 *   out Hz; NaN: none of them waits that long */
double diagnose_fastest_blf_hz(double answer_us);
enum { DIAGNOSE_BLFS = 7 };
extern const double diagnose_blf_hz[DIAGNOSE_BLFS]; /* descending */

#endif
