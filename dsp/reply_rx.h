/* reply_rx.h - one listening window: from a command's last rising edge to a decoded reply or the
 * finding that there is none. Works incrementally; the outcome does not depend on how the samples
 * are cut into blocks.                                                          layer: dsp
 * Source: Gen2 6.3.1.3 (tag to reader), 6.3.1.6 (T1). */
#ifndef DSP_REPLY_RX_H
#define DSP_REPLY_RX_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/option.h"
#include "protocol/bits.h"
#include "protocol/link.h"

struct reply_rx_cfg {         /* option keys dsp.* : table reply_rx_options */
    double start_margin_tpri; /* the search opens this much before T1 min and closes as much after
                               * T1 max */
    double false_alarm_ratio; /* share of empty slots in which a second look is taken */
    double fit_min_ratio;     /* least squared correlation of a reply with its decoded waveform */
};
extern const struct option_table reply_rx_options;

enum reply_kind { REPLY_KIND_RN16 = 0, REPLY_KIND_EPC, REPLY_KIND_FIXED };

struct reply_listen {
    double from_tick; /* last rising edge of the command, 50 % point */
    struct link link;
    enum reply_kind kind;
    size_t n_bits; /* REPLY_KIND_FIXED: data bits */
    double blf_hz; /* where to look for the tag's clock: blf_hz * (1 +- blf_tolerance_ratio) */
    double blf_tolerance_ratio;
    double start_lo_us, start_hi_us; /* after from_tick; NaN: T1 min and max with margin */
    int carrier_sign;                /* +1, -1: taken out of the reported phase */
};

/* A window for what the link says: tolerance of the standard (extended temperature). */
void reply_listen_init(struct reply_listen *listen, const struct link *link, enum reply_kind kind,
                       double from_tick);

enum reply_verdict { REPLY_NONE_HEARD = 0, REPLY_DECODED, REPLY_UNREADABLE /* energy, no reply */ };

struct reply_result {
    enum reply_verdict verdict;
    struct bitbuf bits;           /* data bits, preamble and dummy removed */
    double start_tick;            /* first edge of the preamble */
    double end_tick;              /* end of the dummy bit */
    int64_t ready_tick;           /* the verdict rests on samples before this tick */
    double blf_hz;                /* measured, mean over the reply */
    float _Complex gain;          /* half swing h at the receiver, carrier sign removed */
    double snr_db;                /* Eb/N0 */
    double score_nats;            /* log-likelihood gain over noise only */
    double fit_ratio;             /* squared correlation with the decoded waveform */
    double threshold_nats;        /* what score_nats was held against */
    double leak_dbfs, noise_dbfs; /* carrier level and noise power in the quiet (full band) */
    double residual_dbfs;         /* carrier left after cancellation, mean level in the window */
    double offset_hz;             /* carrier offset taken out */
    bool clipped;                 /* a sample of the window touched full scale */
};

struct reply_rx;

/*   pre rate_sps 1e5 .. 100e6   err ST_NO_MEMORY. All memory is taken here. */
enum status reply_rx_new(const struct reply_rx_cfg *cfg, double rate_sps,
                         struct reply_rx **rx) must_check;
void reply_rx_free(struct reply_rx **rx);

/* Start a window; an unfinished one is given up.   pre rate / link.blf_hz >= 4 samples a Tpri */
void reply_rx_begin(struct reply_rx *rx, const struct reply_listen *listen);

/* First tick the window needs: samples before it may be skipped. */
int64_t reply_rx_first_tick(const struct reply_rx *rx);

/* The tick the next push may begin at or before: later ones mean lost samples, see reply_rx_cut. */
int64_t reply_rx_next_tick(const struct reply_rx *rx);

/* No verdict can fall before this tick, whatever the samples hold: the other side of the radio may
 * be told that nothing will be sent until then (plus the turnaround). Grows as samples come in. */
int64_t reply_rx_not_before(const struct reply_rx *rx);

/* The same before the window has begun: a bound from the request alone. */
int64_t reply_listen_not_before(const struct reply_listen *listen, double rate_sps);

/* Push consecutive samples; the first push of a window may begin at or before
 * reply_rx_first_tick.  out true: the window is over, result filled; samples beyond
 * result->ready_tick were not looked at */
bool reply_rx_push(struct reply_rx *rx, const float _Complex *sample, size_t n_samples,
                   int64_t first_tick, struct reply_result *result);

/* The stream ends (or has a gap) in mid-window: verdict from what is there. */
void reply_rx_cut(struct reply_rx *rx, struct reply_result *result);

#endif
