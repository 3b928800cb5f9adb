/* probe_air.h - a script of transmit segments run through a radio: what is sent, what is set before
 * it, and what is received meanwhile. Our own two sides of one radio, no decisions on the way.
 *                                                                            layer: reader */
#ifndef READER_PROBE_AIR_H
#define READER_PROBE_AIR_H

#include <complex.h>
#include <stdint.h>

#include "dsp/tx_shape.h"
#include "radio/radio.h"
#include "reader/stats.h"

enum probe_wave {
    PROBE_OFF = 0,
    PROBE_CARRIER,
    PROBE_TONE,    /* the carrier, turning at tone_hz */
    PROBE_CODE,    /* the carrier, keyed by the code of probe_delay.h */
    PROBE_QUERIES, /* the carrier and query_n Queries on it, every query_ticks */
};

enum { PROBE_SEGMENTS_MAX = 64, PROBE_QUERIES_MAX = 256 };

struct probe_segment {
    enum probe_wave wave;
    int64_t n_samples;      /* captured */
    int64_t settle_samples; /* before them */
    bool has_setting;       /* in force from its first sample on */
    struct radio_setting setting;
    float _Complex *capture[LIMIT_RX_CHANNELS]; /* n_samples of each channel; own: the script's */
    int64_t first_tick;                         /* of what is captured */
    int64_t code_tick;                          /* PROBE_CODE: where the code begins */
    int64_t n_lost;                             /* samples that never came */
};

struct probe_script {
    struct probe_segment segment[PROBE_SEGMENTS_MAX];
    size_t n_segments;
    double tone_hz;
    int64_t code_chip_ticks, code_ahead_ticks; /* before the code: captured carrier */
    struct link link;                          /* of the Queries */
    bool (*enough)(void *context); /* looked at every few ms: true ends the script; NULL: never */
    void *context;
    unsigned query_n;
    int64_t query_ticks;
    double query_end_tick[PROBE_QUERIES_MAX]; /* last rising edge of each; out */
    struct stats_distribution
        round_trip_us; /* real-time radios: from handing a sample over to getting it back; out */
    struct radio_counters counters; /* as the script ended; out */
};

/* Add a segment; its memory is taken in probe_script_run.   pre room is left */
struct probe_segment *probe_script_add(struct probe_script *script, enum probe_wave wave,
                                       int64_t n_samples, int64_t settle_samples);

/* Start the radio and run the script; the carrier is off and the radio stopped when it returns.
 *   pre  radio open, not started; the last segment is PROBE_OFF
 *   err  as the radio says; ST_STOPPED after SIGINT, SIGTERM, SIGHUP, SIGQUIT; ST_NO_MEMORY
 *   own  captures stay until probe_script_free */
enum status probe_script_run(struct probe_script *script, struct radio *radio,
                             const struct tx_shape_cfg *tx) must_check;
void probe_script_free(struct probe_script *script);

/* Samples that did not go out in time, or never came in: what is captured may not be what was meant. */
uint64_t probe_script_losses(const struct probe_script *script);

#endif
