/* reply_rx.h - one listening window: from a command's last rising edge to a decoded reply or the
 * finding that there is none. Works incrementally; the outcome does not depend on how the samples
 * are cut into blocks.                                                          layer: dsp
 * Source: Gen2 6.3.1.3 (tag to reader), 6.3.1.6 (T1). */
#ifndef DSP_REPLY_RX_H
#define DSP_REPLY_RX_H

#include <complex.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/limits.h"
#include "config/option.h"
#include "protocol/bits.h"
#include "protocol/link.h"

/* auto: where who uses the receiver has the time; the receiver itself takes it for yes. */
enum reply_resolve {
    REPLY_RESOLVE_AUTO = 0,
    REPLY_RESOLVE_YES,
    REPLY_RESOLVE_NO,
    REPLY_RESOLVE_DROP, /* nor is the stronger one read where it drowns the other */
};

struct reply_rx_cfg {         /* option keys dsp.* : table reply_rx_options */
    double start_margin_tpri; /* the search opens this much before T1 min and closes as much after
                               * T1 max */
    double false_alarm_ratio; /* share of empty slots in which a second look is taken */
    double fit_min_ratio;     /* least squared correlation of a reply with its decoded waveform */
    bool whiten;              /* look past noise that lies in one direction of the I/Q plane */
    bool notch, blank;        /* take other carriers, impulses out */
    int resolve_collisions;   /* enum reply_resolve: tell two overlapping RN16s apart */
    int64_t list_size;       /* likeliest sequences of a reply with a CRC that are tried, 1 .. 64 */
    double false_read_ratio; /* such a reply is not believed when it is wrong with more than this
                               * chance */
};
extern const struct option_table reply_rx_options;

enum reply_kind {
    REPLY_KIND_RN16 = 0,
    REPLY_KIND_EPC,   /* as long as its first five bits say */
    REPLY_KIND_FIXED, /* n_bits, unchecked */
    /* read only with a right CRC-16 at their end; a wrong one is REPLY_UNREADABLE, trace.crc_wrong */
    REPLY_KIND_CHECKED,    /* n_bits: Req_RN, Access, first Kill */
    REPLY_KIND_ACCESS,     /* behind a header: n_bits, or an error reply */
    REPLY_KIND_IN_PROCESS, /* protocol/reply_length.h: n_bits when done */
};

struct reply_listen {
    double from_tick; /* last rising edge of the command, 50 % point */
    struct link link;
    enum reply_kind kind;
    /* FIXED, CHECKED; ACCESS, IN_PROCESS when they succeed: data bits, header and CRC included.
     * FIXED >= 1, CHECKED >= 17, ACCESS >= 33, IN_PROCESS >= 41, .. LIMIT_BITS */
    size_t n_bits;
    bool has_length;         /* IN_PROCESS: with a length field (IncRepLen) */
    size_t n_truncated_bits; /* EPC: of a reply whose first five bits are 0; 0: none is truncated */
    double blf_hz; /* where to look for the tag's clock: blf_hz * (1 +- blf_tolerance_ratio) */
    double blf_tolerance_ratio;
    double start_lo_us, start_hi_us; /* after from_tick; NaN: T1 min and max with margin */
    /* after from_tick; a reply that begins later is left to the next window: the verdict is
     * REPLY_NONE_HEARD at once. 0: none is */
    double defer_us;
    /* after from_tick: where nothing like the first symbols of a reply is in the samples before, the
     * verdict is REPLY_NONE_HEARD at once; where something is, the same once more two symbols later. From two
     * symbols after T1 max on. 0: only a whole preamble tells */
    double watch_us;
    double false_alarm_share; /* of dsp.false_alarm_ratio, 0 .. 1; 0: all of it */
    int carrier_sign;         /* +1, -1: taken out of the reported phase */
};

/* A window for what the link says: tolerance of the standard (extended temperature). */
void reply_listen_init(struct reply_listen *listen, const struct link *link, enum reply_kind kind,
                       double from_tick);

enum reply_verdict { REPLY_NONE_HEARD = 0, REPLY_DECODED, REPLY_UNREADABLE /* energy, no reply */ };

enum { REPLY_ERRORS_MAX = 16, REPLY_TONES_MAX = 4 };

/* Why a window ended as it did: what stood in the way, or what disturbed a reply that was decoded
 * all the same. reply_cause_text[] has the words. */
enum reply_cause {
    REPLY_CAUSE_NONE = 0,
    REPLY_CAUSE_CLIPPED,     /* the converter's end was touched */
    REPLY_CAUSE_CARRIER,     /* another carrier in the channel or beside it */
    REPLY_CAUSE_COMMANDS,    /* another reader's keyed carrier */
    REPLY_CAUSE_IMPULSES,    /* short and strong */
    REPLY_CAUSE_BURST,       /* noise that comes and goes (GSM, LTE) */
    REPLY_CAUSE_NO_PREAMBLE, /* energy, but nothing like a preamble */
    REPLY_CAUSE_WEAK,        /* a preamble, but the reply does not stand out of the noise */
    REPLY_CAUSE_MISFIT,      /* more than one waveform: a collision */
    REPLY_CAUSE_DOUBTFUL,    /* CRC right by chance, more likely than not */
    REPLY_CAUSE_COLLISION,   /* more than one reply, told apart */
    REPLY_CAUSE_CRC,         /* a whole reply whose CRC is wrong */
    REPLY_CAUSE_CUT,         /* samples are missing */
    REPLY_CAUSE_N
};
extern const char *const reply_cause_text[REPLY_CAUSE_N];

struct reply_tone { /* another carrier, as the quiet showed it */
    double offset_hz;
    double power_dbfs;
};

struct reply_trace {                 /* how the receiver came to its verdict; NaN: not known */
    double preamble_nats, gate_nats; /* detection metric of the preamble, and what it is held to */
    double start_us;                 /* first edge after the command's last rising edge */
    double clock_error_ratio;        /* tag clock over what was expected, minus 1 */
    double clock_drift_ratio;        /* growth of its period from the reply's first to last edge */
    double residual_ratio;      /* energy the decoded waveform leaves, over noise: 1 is ideal */
    double noise_spread_db;     /* stronger over weaker axis of the noise in the I/Q plane */
    double noise_axis_deg;      /* angle from that axis to the tag's swing, 0..90 */
    double bit_errors_expected; /* from the soft values: error events in the sequence */
    double blanked_ratio;       /* share of the window's samples taken out as impulses */
    struct reply_tone tone[REPLY_TONES_MAX];
    unsigned n_tones;
    bool is_credible; /* of replies with a CRC: the likeliest sequence is believed if it is right */
    unsigned n_list_tried; /* sequences tried beyond that */
    bool crc_wrong;        /* a whole reply stands out of the noise, only its CRC is wrong */
    /* bits that a decision symbol by symbol would have got wrong; errors on the air once the CRC
     * is right */
    unsigned n_errors; /* may be more than fit */
    uint16_t error_bit[REPLY_ERRORS_MAX];
};

struct reply_second { /* the other reply of a collision */
    bool is_known;
    size_t n_bits;
    uint8_t bit[16];
    double start_tick, end_tick, blf_hz;
    float _Complex gain; /* as reply_result.gain */
    double snr_db;
    double right_ratio; /* chance that all bits are right */
};

struct reply_result {
    enum reply_verdict verdict;
    enum reply_cause cause;
    struct bitbuf bits; /* data bits, preamble and dummy removed */
    double start_tick;  /* first edge of the preamble */
    double
        end_tick; /* end of the dummy bit; both, of what is unreadable, as far as made out, or NaN */
    int64_t ready_tick;  /* the verdict rests on samples before this tick */
    double blf_hz;       /* measured, mean over the reply */
    float _Complex gain; /* half swing h at channel 0, carrier sign removed */
    float _Complex channel_gain[LIMIT_RX_CHANNELS]; /* the same at every channel */
    double snr_db;                                  /* Eb/N0 */
    double score_nats;                              /* log-likelihood gain over noise only */
    double fit_ratio;             /* squared correlation with the decoded waveform */
    double threshold_nats;        /* what score_nats was held against */
    double leak_dbfs, noise_dbfs; /* carrier level and noise power in the quiet (full band) */
    double residual_dbfs;         /* carrier left after cancellation, mean level in the window */
    double offset_hz;             /* carrier offset taken out */
    bool clipped;                 /* a sample of the window touched full scale */
    bool is_looked;               /* two replies were looked for, which takes its time */
    bool is_recovered;            /* bits are of one reply out of a collision ... */
    double right_ratio;           /* ... all right with this chance (NaN: not known) ... */
    struct reply_second second;   /* ... and this is the other one, where it could be told */
    struct reply_trace trace;
};

struct reply_rx;

/*   pre rate_sps 1e5 .. 100e6, n_channels 1 .. LIMIT_RX_CHANNELS   err ST_NO_MEMORY. All memory is taken here. */
enum status reply_rx_new(const struct reply_rx_cfg *cfg, double rate_sps, unsigned n_channels,
                         struct reply_rx **rx) must_check;
void reply_rx_free(struct reply_rx **rx);

/* Where a reply to this request may begin, microseconds after from_tick: start_lo_us and start_hi_us, or what
 * stands for NaN there. */
void reply_rx_range(const struct reply_rx *rx, const struct reply_listen *listen, double *lo_us,
                    double *hi_us);

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

/* A verdict on samples before this, microseconds after from_tick, is one of the early looks': the slot is empty.
 * 0: there are none. */
double reply_listen_watched_us(const struct reply_listen *listen);

/* Where the reply that is being received will end (of its dummy bit), as its symbols so far tell, for what
 * may be prepared before it does. NaN: none is, none that stands out of the noise beyond doubt, or its
 * length is not known yet. A guess, within a Tpri near the end: a verdict may say otherwise. */
double reply_rx_expected_end(const struct reply_rx *rx);

/* Push consecutive samples, sample[channel][0 .. n_samples); the first push of a window may begin
 * at or before reply_rx_first_tick.  out true: the window is over, result filled; samples beyond
 * result->ready_tick were not looked at */
bool reply_rx_push(struct reply_rx *rx, const float _Complex *const *sample, size_t n_samples,
                   int64_t first_tick, struct reply_result *result);

/* The stream ends (or has a gap) in mid-window: verdict from what is there. */
void reply_rx_cut(struct reply_rx *rx, struct reply_result *result);

#endif
