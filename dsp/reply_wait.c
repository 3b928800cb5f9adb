/* reply_wait.c - windows of one reply_rx over a stretch of samples that is kept for the next of
 * them.
 *
 *     window k     |-- quiet --|----- step -----|-overlap-|-guard-|-- a preamble --|
 *     window k + 1             :        |-- quiet --|----- step -----|- ...
 *
 * What begins in step and overlap is this window's; in the guard, the next one's. The overlap is
 * there because a preamble may be taken for one that begins a symbol earlier or later; the guard,
 * because a preamble that begins behind the range looks best a little before its end. */
#include "dsp/reply_wait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"

#define QUIET_TPRI 20.0
#define STEP_TPRI_MIN 24.0
#define STEP_MIN_US                                                                                \
    150.0 /* every window has its cost, and a reply that is over waits for its window's end */
#define STEP_SYMBOLS 16.0
#define OVERLAP_SYMBOLS 2.0
#define GUARD_SYMBOLS 4.0
#define T7_MIN_US 250.0
/* Kept at least: quiet, range and preamble of the slowest link (Miller-8, 40 kHz: 10 ms); where
 * there is room for it, its delayed replies, too (19 ms). A hypothesis that runs on longer than
 * that has the next window begin later than it should. */
#define KEPT_LEAST_S 0.011
#define KEPT_USUAL_S 0.020
enum { KEPT_SAMPLES = 1 << 19, APPEND_SAMPLES = 4096 };

struct reply_wait {
    struct reply_rx *rx;
    double rate_sps;
    unsigned n_channels;
    struct reply_listen listen; /* the whole wait */
    bool is_waiting, is_last;
    double lo_tick, hi_tick; /* where a reply may begin: in this window or later */
    double step_ticks, overlap_ticks, guard_ticks, quiet_ticks;
    double alarm_share;
    unsigned n_windows, n_late;
    int64_t ready_tick; /* of the windows before, the latest */
    bool has_heard;
    struct reply_result heard, window; /* the likeliest that was not read; and the last */
    size_t capacity_samples, n_kept;
    int64_t kept_tick; /* of the first one kept */
    float _Complex *kept[LIMIT_RX_CHANNELS];
};

void reply_wait_listen_init(struct reply_listen *listen, const struct link *link,
                            enum reply_kind kind, double from_tick)
{
    reply_listen_init(listen, link, kind, from_tick);
    listen->link.trext = true;
    listen->start_hi_us = REPLY_WAIT_US;
}

void reply_wait_listen_next(struct reply_listen *listen, const struct link *link, double end_tick)
{
    reply_wait_listen_init(listen, link, REPLY_KIND_IN_PROCESS, end_tick);
    listen->start_lo_us = fmax(link->t2_max_us, T7_MIN_US);
}

enum status reply_wait_new(struct reply_rx *rx, double rate_sps, unsigned n_channels,
                           struct reply_wait **wait)
{
    require(rx);
    require(n_channels >= 1);
    require(n_channels <= LIMIT_RX_CHANNELS);
    struct reply_wait *w = calloc(1, sizeof *w);
    if (!w) {
        return status_fail(ST_NO_MEMORY, "wait for replies: no memory");
    }
    w->rx = rx;
    w->rate_sps = rate_sps;
    w->n_channels = n_channels;
    double kept = fmax(KEPT_LEAST_S * rate_sps, fmin(KEPT_USUAL_S * rate_sps, KEPT_SAMPLES));
    w->capacity_samples = 2 * ((size_t)kept + APPEND_SAMPLES); /* half of it is dropped at a time */
    for (unsigned c = 0; c < n_channels; c++) {
        w->kept[c] = malloc(w->capacity_samples * sizeof *w->kept[c]);
        if (!w->kept[c]) {
            reply_wait_free(&w);
            return status_fail(ST_NO_MEMORY, "wait for replies: no memory for its samples");
        }
    }
    *wait = w;
    return ST_OK;
}

void reply_wait_free(struct reply_wait **wait)
{
    if (*wait) {
        for (unsigned c = 0; c < LIMIT_RX_CHANNELS; c++) {
            free((*wait)->kept[c]);
        }
        free(*wait);
        *wait = NULL;
    }
}

static double us_of_ticks(const struct reply_wait *wait, double ticks)
{
    return ticks / wait->rate_sps * 1e6;
}

/* The window that begins at lo_tick, or later where too little is kept of what came before. */
static void window_begin(struct reply_wait *wait)
{
    struct reply_listen listen = wait->listen;
    bool is_first = wait->n_windows == 0;
    double range = wait->step_ticks + wait->overlap_ticks + wait->guard_ticks;
    if (!is_first) {
        double earliest = (double)wait->kept_tick + wait->quiet_ticks;
        wait->n_late += wait->lo_tick < earliest;
        wait->lo_tick = fmax(wait->lo_tick, earliest);
        listen.from_tick = wait->lo_tick - wait->quiet_ticks;
    }
    double lo = wait->lo_tick - listen.from_tick;
    wait->is_last = wait->lo_tick + range >= wait->hi_tick;
    double hi = fmax(wait->is_last ? wait->hi_tick : wait->lo_tick + range, wait->lo_tick);
    listen.start_lo_us = us_of_ticks(wait, lo);
    listen.start_hi_us = us_of_ticks(wait, hi - listen.from_tick);
    listen.defer_us =
        wait->is_last ? 0.0 : us_of_ticks(wait, lo + wait->step_ticks + wait->overlap_ticks);
    listen.false_alarm_share = wait->alarm_share;
    reply_rx_begin(wait->rx, &listen);
    wait->n_windows++;
}

void reply_wait_begin(struct reply_wait *wait, const struct reply_listen *listen)
{
    const struct link *link = &listen->link;
    double tpri_ticks = wait->rate_sps / listen->blf_hz;
    double symbol_ticks = tpri_ticks * link->m_cycles;
    wait->listen = *listen;
    wait->step_ticks = fmax(STEP_TPRI_MIN * tpri_ticks, STEP_SYMBOLS * symbol_ticks);
    wait->step_ticks = fmax(wait->step_ticks, STEP_MIN_US * 1e-6 * wait->rate_sps);
    wait->overlap_ticks = OVERLAP_SYMBOLS * symbol_ticks;
    wait->guard_ticks = GUARD_SYMBOLS * symbol_ticks;
    wait->quiet_ticks = QUIET_TPRI * tpri_ticks;
    wait->is_waiting = true;
    wait->has_heard = false;
    wait->n_windows = wait->n_late = 0;
    wait->ready_tick = INT64_MIN;
    wait->n_kept = 0;
    double lo_us, hi_us;
    reply_rx_range(wait->rx, listen, &lo_us, &hi_us);
    require(lo_us <= hi_us);
    wait->lo_tick = listen->from_tick + lo_us * 1e-6 * wait->rate_sps;
    wait->hi_tick = listen->from_tick + hi_us * 1e-6 * wait->rate_sps;
    double n = ceil((wait->hi_tick - wait->lo_tick) / wait->step_ticks);
    wait->alarm_share = 1.0 / fmax(n, 1.0);
    window_begin(wait);
    wait->kept_tick = reply_rx_first_tick(wait->rx);
}

int64_t reply_wait_first_tick(const struct reply_wait *wait)
{
    return wait->kept_tick;
}

int64_t reply_wait_next_tick(const struct reply_wait *wait)
{
    return wait->kept_tick + (int64_t)wait->n_kept;
}

int64_t reply_wait_not_before(const struct reply_wait *wait)
{
    if (!wait->is_waiting) {
        return INT64_MAX;
    }
    int64_t window = reply_rx_not_before(wait->rx);
    return window > wait->ready_tick ? window : wait->ready_tick;
}

double reply_wait_expected_end(const struct reply_wait *wait)
{
    return wait->is_waiting ? reply_rx_expected_end(wait->rx) : NAN;
}

unsigned reply_wait_n_windows(const struct reply_wait *wait)
{
    return wait->n_windows;
}

unsigned reply_wait_n_late(const struct reply_wait *wait)
{
    return wait->n_late;
}

/* The verdict, in terms of the wait. */
static void wait_finish(struct reply_wait *wait, const struct reply_result *from,
                        struct reply_result *result)
{
    *result = *from;
    result->ready_tick = wait->ready_tick;
    result->trace.start_us = us_of_ticks(wait, result->start_tick - wait->listen.from_tick);
    wait->is_waiting = false;
}

static void window_note(struct reply_wait *wait)
{
    const struct reply_result *window = &wait->window;
    wait->ready_tick =
        window->ready_tick > wait->ready_tick ? window->ready_tick : wait->ready_tick;
    if (window->verdict != REPLY_UNREADABLE) {
        return;
    }
    const struct reply_result *heard = &wait->heard;
    bool is_likelier = window->trace.crc_wrong == heard->trace.crc_wrong
                           ? window->score_nats > heard->score_nats
                           : window->trace.crc_wrong;
    if (!wait->has_heard || is_likelier) {
        wait->heard = *window;
        wait->has_heard = true;
    }
}

/* A window is over.  out true: so is the wait */
static bool window_over(struct reply_wait *wait, struct reply_result *result)
{
    window_note(wait);
    bool is_read = wait->window.verdict == REPLY_DECODED;
    wait->lo_tick += wait->step_ticks;
    /* what has a wrong CRC may be the beginning of a reply that the next windows hear better: it is
     * told when nothing begun before its end was read */
    bool is_wrong =
        wait->has_heard && wait->heard.trace.crc_wrong && wait->lo_tick > wait->heard.end_tick;
    if (is_read || is_wrong || wait->is_last) {
        wait_finish(wait, is_read || !wait->has_heard ? &wait->window : &wait->heard, result);
        return true;
    }
    window_begin(wait);
    return false;
}

/* Let the windows have what is kept.  out true: result filled */
static bool windows_feed(struct reply_wait *wait, struct reply_result *result)
{
    for (;;) {
        int64_t from_tick = reply_rx_next_tick(wait->rx);
        require(from_tick >= wait->kept_tick);
        size_t skip = (size_t)(from_tick - wait->kept_tick);
        if (skip >= wait->n_kept) {
            return false;
        }
        const float _Complex *sample[LIMIT_RX_CHANNELS];
        for (unsigned c = 0; c < wait->n_channels; c++) {
            sample[c] = wait->kept[c] + skip;
        }
        if (!reply_rx_push(wait->rx, sample, wait->n_kept - skip, from_tick, &wait->window)) {
            return false;
        }
        if (window_over(wait, result)) {
            return true;
        }
    }
}

/* Keep some samples; the oldest half makes room.   pre n <= APPEND_SAMPLES */
static void keep(struct reply_wait *wait, const float _Complex *const *sample, size_t first,
                 size_t n)
{
    size_t drop = 0;
    if (wait->n_kept + n > wait->capacity_samples) {
        drop = wait->n_kept / 2;
    }
    for (unsigned c = 0; c < wait->n_channels; c++) {
        if (drop > 0) {
            memmove(wait->kept[c], wait->kept[c] + drop,
                    (wait->n_kept - drop) * sizeof **wait->kept);
        }
        memcpy(wait->kept[c] + wait->n_kept - drop, sample[c] + first, n * sizeof **wait->kept);
    }
    wait->kept_tick += (int64_t)drop;
    wait->n_kept += n - drop;
}

bool reply_wait_push(struct reply_wait *wait, const float _Complex *const *sample, size_t n_samples,
                     int64_t first_tick, struct reply_result *result)
{
    int64_t next_tick = reply_wait_next_tick(wait);
    size_t at = 0;
    if (!wait->is_waiting) {
        return false;
    }
    if (first_tick < next_tick) { /* the part before the first quiet */
        int64_t skip = next_tick - first_tick;
        if (skip >= (int64_t)n_samples) {
            return false;
        }
        at = (size_t)skip;
        first_tick = next_tick;
    }
    require(first_tick == next_tick);
    while (at < n_samples) {
        size_t n = n_samples - at < APPEND_SAMPLES ? n_samples - at : APPEND_SAMPLES;
        keep(wait, sample, at, n);
        at += n;
        if (windows_feed(wait, result)) {
            return true;
        }
    }
    return false;
}

void reply_wait_cut(struct reply_wait *wait, struct reply_result *result)
{
    require(wait->is_waiting);
    reply_rx_cut(wait->rx, &wait->window);
    window_note(wait);
    bool is_heard = wait->has_heard && wait->window.verdict != REPLY_DECODED;
    wait_finish(wait, is_heard ? &wait->heard : &wait->window, result);
    if (result->verdict != REPLY_DECODED && result->cause == REPLY_CAUSE_NONE) {
        result->cause = REPLY_CAUSE_CUT;
    }
}
