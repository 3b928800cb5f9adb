/* record.h - one event of the contract: fixed-size, copied through rings, formatted as JSON or as a
 * line for people by the publish thread.                                     layer: reader
 * Source: ../shared contract, "Events (schema version 1)". */
#ifndef READER_RECORD_H
#define READER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsp/reply_rx.h"
#include "protocol/access.h"
#include "protocol/command.h"
#include "protocol/epc.h"
#include "protocol/qalgo.h"
#include "reader/auth_ledger.h"

enum record_type {
    RECORD_READ = 0,
    RECORD_SLOT,
    RECORD_ROUND,
    RECORD_COMMAND,
    RECORD_STATUS,
    RECORD_SUMMARY,
    RECORD_ACCESS,
    RECORD_WATCH,
    RECORD_AUTH,
    RECORD_TDMA,
    RECORD_TYPE_N
};
extern const char *const record_type_text[RECORD_TYPE_N]; /* "read", "slot", ... */

struct record_read {
    uint8_t epc[62];
    size_t n_epc_bits;
    bool is_truncated; /* pc did not come with it, and is left out */
    uint16_t pc, rn16;
    char antenna[16];
    double freq_hz;   /* NaN: not known, left out */
    double rssi_dbfs; /* always known */
    double rssi_dbm;  /* NaN when not calibrated; then rssi_dbfs is printed */
    double snr_db, phase_deg, blf_hz;
    int session;
    uint32_t round, slot;
    uint64_t count; /* times this EPC was seen in this run, this one included */
    bool recovered;
    bool is_keyed;         /* the tag should authenticate: the next two hold */
    bool is_authenticated; /* a tag of this EPC gave proof authenticated_s ago, none failed since */
    double authenticated_s; /* 0: in the contact that this read began; NaN: no proof, left out */
    unsigned n_channels; /* 2: channel[] is told as well; elsewhere the figures above say it all */
    struct record_channel {
        double rssi_dbfs, phase_deg; /* NaN or -inf: nothing of the tag there, null in JSON */
    } channel[LIMIT_RX_CHANNELS];
};

enum { RECORD_REPLIES_MAX = 2 }; /* of a slot: the RN16, and the last answer to an ACK */

struct record_reply { /* what the receiver made of one window; NaN = not known, left out */
    bool is_epc, ok;  /* ok: an RN16 was decoded; an EPC's CRC is right */
    enum reply_verdict verdict;
    enum reply_cause cause;
    bool clipped;
    double score_nats, threshold_nats, fit_ratio, snr_db, blf_hz, offset_hz;
    double leak_dbfs, residual_dbfs, noise_dbfs;
    struct reply_trace trace;
};
extern const char *const record_cause_text[REPLY_CAUSE_N]; /* one word: "none", "carrier", ... */
extern const char *const record_verdict_text[REPLY_UNREADABLE + 1]; /* "none", "decoded", ... */

struct record_slot {
    enum slot_outcome outcome;
    uint32_t round, slot;
    int q;
    bool has_rn16;
    uint16_t rn16;
    enum reply_cause cause; /* what stood in the way, or disturbed; NONE: left out */
    bool clipped;           /* the converter's end was touched in this slot */
    bool traced;            /* the receiver's view of the last reply is told ... */
    bool detailed;          /* ... and all of what is known of each (--trace) */
    unsigned n_replies;     /* windows that are over, 0: none */
    struct record_reply reply[RECORD_REPLIES_MAX];
};

struct record_round {
    uint32_t round, slots, empty, single, collision;
    int q;
    double duration_s, tags_estimated;
};

struct record_command {
    struct command command;
    bool decoded; /* false: bits only, name "unknown" */
    bool crc_right;
    size_t n_bits;
    uint8_t bit[320];                   /* unpacked; n_bits may be larger: the tail is cut then */
    double tari_us, rtcal_us, trcal_us; /* 0: not known */
};

struct record_access { /* one operation on one tag */
    uint8_t epc[62];
    size_t n_epc_bits;
    char op[ACCESS_TEXT_MAX];
    enum access_outcome outcome;
    size_t n_data_bits;
    uint8_t data[2 * ACCESS_WORDS_MAX + 4]; /* packed */
    char error[ACCESS_ERROR_TEXT_MAX];      /* "": left out */
    char chip[48], uri[96];                 /* of a TID; "": left out */
    bool is_keyed; /* the tag was asked whether it holds its key: ok says yes */
};

struct record_auth { /* failures to authenticate, since the report before */
    struct auth_report report;
    double first_s, last_s; /* of the first and the last of them; sample clock */
};

struct record_watch { /* a watched tag is missed, or back */
    char epc[72];     /* as it is on the list: hex digits, a * behind a beginning */
    bool is_present;
    double absent_s; /* since it was seen last, or since the beginning of the run */
    double seen_s;   /* when it was seen before; NaN: never, null in JSON */
};

struct record_tdma {          /* tags polled in their units; summary: totals. NaN: null in JSON */
    double nominal_s;         /* the period as it should be */
    uint64_t known, unplaced; /* tags now; unplaced: of them those that no poll is left for */
    uint64_t kept, missed;    /* periods of tags that are over */
    uint64_t polls, newcomers, forgotten;
    double jitter_p50_us, jitter_p99_us,
        jitter_max_us; /* start of a poll that read its tag, after it was due */
    double period_min_s, period_mean_s, period_max_s; /* between two of them of the same tag */
};

struct record_status { /* status; in a summary: totals of the run */
    uint64_t reads, unique, overflows, underflows, late;
    double reads_per_s;
    double leak_dbfs, residual_dbfs, noise_dbfs;     /* NaN: null in JSON */
    double read_latency_p50_ms, read_latency_p99_ms; /* NaN: null */
    uint64_t slots[SLOT_OUTCOME_N];
    uint64_t causes[REPLY_CAUSE_N]; /* slots by cause; [REPLY_CAUSE_NONE] is not used */
    uint64_t clipped;               /* slots in which the receiver clipped */
    uint64_t rounds;
    bool has_auth; /* tags are asked to authenticate: how often each outcome came */
    uint64_t auth[AUTH_OUTCOME_N];
    bool has_emission; /* summary of an emitter */
    uint64_t triggers;
    double on_s, level_db; /* carrier above zero for so long; level of the ramp at the end */
    bool has_clock;        /* split: the receiver's own against the transmitter's */
    double clock_ppm, clock_start_us;
    bool has_tdma; /* summary, with time units */
    struct record_tdma tdma;
    double duration_s; /* summary: length of the run */
    /* host object: wall clock, differs from run to run */
    double turnaround_p50_us, turnaround_p99_us, turnaround_max_us; /* NaN: null */
    double silence_p50_us, silence_p99_us, silence_max_us;          /* the same after empty slots */
    uint64_t dropped_events;
    double cpu_ratio; /* CPU seconds per wall second */
};

struct record {
    enum record_type type;
    double t_s; /* sample clock, seconds since the start of the stream */
    union {
        struct record_read read;
        struct record_slot slot;
        struct record_round round;
        struct record_command command;
        struct record_access access;
        struct record_watch watch;
        struct record_auth auth;
        struct record_tdma tdma;
        struct record_status status; /* RECORD_STATUS and RECORD_SUMMARY */
    };
};

struct record_context { /* what all records of a run share */
    char reader_name[64];
    char file[128]; /* decode: the recording, "" = none */
    double epoch_s; /* Unix time of tick 0; NaN: no "time" field */
};

enum { RECORD_JSON_MAX = 8192 };

/* Write the JSON object (no newline, zero-terminated).  out text, returns its length
 * pre capacity >= RECORD_JSON_MAX */
size_t record_to_json(const struct record *record, const struct record_context *context, char *text,
                      size_t capacity);

/* Column heads for the lines of reads, of operations (no newline).   own static text */
const char *record_line_header(void);
const char *record_line_access_header(void);

/* One line for people (no newline); empty for rounds, which are not shown one by one, and for slots
 * but those that are traced and failed.
 * Too long a line is cut.   out text, zero-terminated; returns its length */
size_t record_to_line(const struct record *record, const struct record_context *context, char *text,
                      size_t capacity);

#endif
