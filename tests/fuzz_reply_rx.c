/* fuzz_reply_rx.c - bytes as a link and samples into the reply receiver in blocks of odd lengths:
 * no crash, no hang, and its promises hold whatever the samples are. Bytes 0..3 choose rate, link,
 * kind and how the rest is read: raw floats (NaN, infinities, anything), or runs of levels, which
 * look like half-cycles and get deeper. */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "dsp/reply_rx.h"
#include "dsp/reply_wait.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

enum { SAMPLES_MAX = 1 << 15 };

static const double rates_sps[] = {1e6, 2e6, 4e6, 8e6};
static const double blfs_hz[] = {40e3, 160e3, 250e3, 400e3, 640e3, 100e3, 320e3, 213e3};
static const float oddities[] = {NAN, INFINITY, -INFINITY, 3e38F, -3e38F, 1e-40F, 0.0F, -1.0F};

static size_t samples_raw(const uint8_t *data, size_t n_bytes, float _Complex *sample)
{
    size_t n = 0;
    while (n < SAMPLES_MAX) { /* repeated, so that windows fill */
        size_t part = n_bytes / sizeof *sample;
        part = part < SAMPLES_MAX - n ? part : SAMPLES_MAX - n;
        if (part == 0) {
            return n;
        }
        memcpy(sample + n, data, part * sizeof *sample);
        n += part;
    }
    return n;
}

/* Quiet, then runs: the low bits are a length in quarters of a half-cycle, the high ones a level. */
static size_t samples_keyed(const uint8_t *data, size_t n_bytes, double half,
                            float _Complex *sample)
{
    size_t n = 0;
    uint32_t noise = 1;
    for (size_t i = 0; n_bytes > 0 && n < SAMPLES_MAX; i++) {
        uint8_t byte = data[i % n_bytes];
        size_t length = n < 600 ? 600 : 1 + (size_t)(half * (1 + byte % 8) / 4.0);
        float level = i % 2 ? 0.01F * (float)(1 + byte / 64) : 0.0F;
        for (size_t k = 0; k < length && n < SAMPLES_MAX; k++) {
            noise = noise * 1664525u + 1013904223u;
            sample[n++] = level + 1e-7F * (float)(noise >> 20);
        }
        if (byte == 255) {
            sample[n - 1] = oddities[i % 8] + I * oddities[i / 8 % 8];
        }
    }
    return n;
}

static void result_check(const struct reply_result *result, int64_t promise, bool over)
{
    require(result->verdict <= REPLY_UNREADABLE);
    require(result->bits.n_bits <= LIMIT_BITS);
    if (over) {
        require(result->ready_tick >= promise);
    }
    if (result->verdict == REPLY_DECODED) {
        require(result->bits.n_bits > 0);
        require(result->start_tick < result->end_tick);
        require(result->blf_hz > 0.0);
        require(isfinite(result->snr_db));
        for (size_t k = 0; k < result->bits.n_bits; k++) {
            require(result->bits.bit[k] <= 1);
        }
    }
    if (result->second.is_known) {
        const struct reply_second *second = &result->second;
        require(result->is_recovered);
        require(second->n_bits == 16);
        require(second->start_tick < second->end_tick);
        require(second->blf_hz > 0.0);
        require(isfinite(second->snr_db));
        for (size_t k = 0; k < second->n_bits; k++) {
            require(second->bit[k] <= 1);
        }
    }
}

static void window_run(struct reply_rx *rx, const struct reply_listen *listen, double rate_sps,
                       const float _Complex *sample, size_t n, unsigned seed)
{
    static struct reply_result result;
    int64_t promise = reply_listen_not_before(listen, rate_sps);
    bool over = false;
    reply_rx_begin(rx, listen);
    for (size_t at = 0, turn = 0; at < n && !over; turn++) {
        int64_t now = reply_rx_not_before(rx);
        promise = now > promise ? now : promise;
        size_t block = 1u + (turn * 37u + seed) % 400u;
        block = block < n - at ? block : n - at;
        over =
            reply_rx_push(rx, &(const float _Complex *){sample + at}, block, (int64_t)at, &result);
        at += block;
    }
    if (!over) {
        reply_rx_cut(rx, &result);
    }
    result_check(&result, promise, over);
}

/* The same samples as a wait of many windows, some of which run into one another. */
static void wait_run(struct reply_rx *rx, const struct reply_listen *listen, double rate_sps,
                     const float _Complex *sample, size_t n, unsigned seed)
{
    static struct reply_result result;
    struct reply_listen whole = *listen;
    struct reply_wait *wait;
    whole.start_hi_us = whole.link.t1_max_us + 60.0 * seed;
    require(reply_wait_new(rx, rate_sps, 1, &wait) == ST_OK);
    reply_wait_begin(wait, &whole);
    int64_t promise = INT64_MIN;
    bool over = false;
    for (size_t at = 0; at < n && !over; at += 1000) {
        int64_t now = reply_wait_not_before(wait);
        promise = now > promise ? now : promise;
        size_t block = n - at < 1000 ? n - at : 1000;
        over = reply_wait_push(wait, &(const float _Complex *){sample + at}, block, (int64_t)at,
                               &result);
    }
    if (!over) {
        reply_wait_cut(wait, &result);
    }
    result_check(&result, promise, over);
    reply_wait_free(&wait);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static float _Complex sample[SAMPLES_MAX];
    if (n_bytes < 8) {
        return 0;
    }
    double rate_sps = rates_sps[data[0] % 4], blf_hz = blfs_hz[data[1] % 8];
    struct link_cfg link_cfg = {.data1_tari = 2.0,
                                .pw_tari = 0.5,
                                .blf_hz = blf_hz,
                                .m = data[2] % 4,
                                .trext = data[2] / 4 % 2};
    link_cfg.tari_us = blf_hz > 350e3 ? 6.25 : blf_hz > 110e3 ? 12.5 : 25.0;
    struct link link;
    if (rate_sps / blf_hz < 4.0 || link_make(&link_cfg, &link) != ST_OK) {
        return 0;
    }
    struct reply_listen listen;
    reply_listen_init(&listen, &link, (enum reply_kind)(data[3] % 6), 20.0 + data[4] / 16.0);
    listen.n_bits = 41u + data[5] % 64u * (data[5] < 192 ? 1u : 60u);
    listen.has_length = data[4] & 4;
    size_t n = data[3] / 4 % 4 == 0
                   ? samples_raw(data + 6, n_bytes - 6, sample)
                   : samples_keyed(data + 6, n_bytes - 6, 0.5 * rate_sps / blf_hz, sample);
    struct reply_rx_cfg cfg = {.start_margin_tpri = 0.5,
                               .false_alarm_ratio = 0.05,
                               .fit_min_ratio = 0.4,
                               .whiten = data[4] & 1,
                               .resolve_collisions =
                                   data[4] & 4 ? REPLY_RESOLVE_NO : REPLY_RESOLVE_YES,
                               .list_size = 1 + data[5] % 64,
                               .false_read_ratio = data[4] & 2 ? 1e-6 : 1.0};
    struct reply_rx *rx;
    require(reply_rx_new(&cfg, rate_sps, 1, &rx) == ST_OK);
    window_run(rx, &listen, rate_sps, sample, n, data[4]);
    window_run(rx, &listen, rate_sps, sample, n / 2, data[5]); /* once more, cut somewhere */
    if (data[7] % 4 == 0) {
        wait_run(rx, &listen, rate_sps, sample, n, data[6]);
    }
    reply_rx_free(&rx);
    return 0;
}
