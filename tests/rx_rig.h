/* rx_rig.h - one listening window for the receiver tests: a link, a reference reply on its air,
 * the receiver fed in blocks, and the promises checked that hold for every window.  layer: tests */
#ifndef TESTS_RX_RIG_H
#define TESTS_RX_RIG_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/reply_rx.h"
#include "protocol/crc.h"
#include "protocol/link.h"
#include "tests/defaults.h"
#include "tests/ref_reply.h"

enum { RIG_SAMPLES_MAX = 1 << 21 };

struct rig {
    struct reply_rx *rx;
    double rate_sps;
    struct link link;
    struct reply_listen listen;
    struct ref_random random;
    struct ref_reply reply;
    struct bitbuf bits;
    float _Complex sample[RIG_SAMPLES_MAX];
    size_t n_samples;
};

/* The receiver's own defaults, out of its option rows. */
static inline struct reply_rx_cfg rig_cfg(void)
{
    struct reply_rx_cfg cfg;
    defaults_fill(&reply_rx_options, &cfg);
    return cfg;
}

/* Tari and DR that are legal for this BLF (gen2.md 1.3). */
static inline struct link rig_link(double blf_hz, int m, bool trext)
{
    struct link_cfg cfg = {.tari_us = 25.0,
                           .data1_tari = 2.0,
                           .pw_tari = 0.5,
                           .blf_hz = blf_hz,
                           .dr = 0,
                           .m = m,
                           .trext = trext};
    cfg.tari_us = blf_hz > 350e3 ? 6.25 : blf_hz > 100e3 ? 12.5 : 25.0;
    struct link link;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    return link;
}

static inline void rig_open(struct rig *rig, double rate_sps, const struct link *link,
                            enum reply_kind kind)
{
    struct reply_rx_cfg cfg = rig_cfg();
    if (rig->rx && rig->rate_sps != rate_sps) {
        reply_rx_free(&rig->rx);
    }
    if (!rig->rx) {
        assert_int_equal(reply_rx_new(&cfg, rate_sps, 1, &rig->rx), ST_OK);
    }
    rig->rate_sps = rate_sps;
    rig->link = *link;
    rig->random.state += rig->random.state == 0;
    reply_listen_init(&rig->listen, link, kind, 40.0 + ref_uniform(&rig->random));
}

/* An ACK reply of n_words EPC words with a right CRC-16. */
static inline void rig_epc_bits(struct rig *rig, unsigned n_words)
{
    rig->bits.n_bits = 0;
    assert_int_equal(bits_put(&rig->bits, (uint64_t)n_words << 11, 16), ST_OK);
    ref_bits(&rig->random, rig->bits.bit + 16, 16 * n_words);
    rig->bits.n_bits += 16 * n_words;
    assert_int_equal(crc_append(CRC_16, &rig->bits), ST_OK);
}

/* A reply that is legal for the window: random bits, phase, start and clock; amplitude |h|. */
static inline void rig_reply(struct rig *rig, double amplitude)
{
    const struct link *link = &rig->link;
    if (rig->listen.kind == REPLY_KIND_EPC) {
        rig_epc_bits(rig, 6);
    } else {
        rig->bits.n_bits = rig->listen.kind == REPLY_KIND_RN16 ? 16 : rig->listen.n_bits;
        ref_bits(&rig->random, rig->bits.bit, rig->bits.n_bits);
    }
    double t1_us = ref_between(&rig->random, link->t1_min_us, link->t1_max_us);
    double tolerance = link->frt_ext_ratio;
    rig->reply = (struct ref_reply){
        .rate_sps = rig->rate_sps,
        .m = link->m_cycles,
        .trext = link->trext,
        .bit = rig->bits.bit,
        .n_bits = rig->bits.n_bits,
        .start_tick = rig->listen.from_tick + t1_us * 1e-6 * rig->rate_sps,
        .blf_hz = link->blf_hz * ref_between(&rig->random, 1.0 - tolerance, 1.0 + tolerance),
    };
    rig->reply.gain = amplitude * cexp(I * ref_between(&rig->random, 0.0, 2.0 * acos(-1.0)));
}

/* Make the samples: from tick 0 to well past the reply. */
static inline void rig_samples(struct rig *rig)
{
    ref_reply_init(&rig->reply);
    double longest_us = link_reply_us(&rig->link, rig->bits.n_bits, false) * 1.3;
    rig->n_samples = (size_t)(rig->listen.from_tick + 600.0 +
                              (rig->link.t1_max_us + longest_us +
                               20.0 * rig->link.tpri_us * rig->link.m_cycles) *
                                  1e-6 * rig->rate_sps);
    assert_true(rig->n_samples <= RIG_SAMPLES_MAX);
    ref_reply_samples(&rig->reply, &rig->random, 0, rig->sample, rig->n_samples);
}

/* Push everything in blocks of `block` samples (0: random lengths), hold the promises of the header
 * against each other, cut at the end.  out true: the window ended by itself */
static inline bool rig_run(struct rig *rig, size_t block, struct reply_result *result)
{
    struct ref_random lengths = {rig->random.state ^ 0x55};
    memset(result, 0, sizeof *result);
    reply_rx_begin(rig->rx, &rig->listen);
    int64_t latest_promise = reply_listen_not_before(&rig->listen, rig->rate_sps);
    bool over = false;
    size_t at = 0;
    while (at < rig->n_samples && !over) {
        int64_t promise = reply_rx_not_before(rig->rx);
        latest_promise = promise > latest_promise ? promise : latest_promise;
        size_t n = block ? block : 1 + (size_t)ref_between(&lengths, 0.0, 300.0);
        n = n < rig->n_samples - at ? n : rig->n_samples - at;
        over = reply_rx_push(rig->rx, &(const float _Complex *){rig->sample + at}, n, (int64_t)at,
                             result);
        at += n;
    }
    if (!over) {
        reply_rx_cut(rig->rx, result);
        return false;
    }
    if (result->ready_tick < latest_promise) {
        fail_msg("promised nothing before %lld, ready at %lld", (long long)latest_promise,
                 (long long)result->ready_tick);
    }
    assert_true(result->ready_tick <= (int64_t)at);
    return true;
}

static inline bool rig_is_right(const struct rig *rig, const struct reply_result *result)
{
    return result->verdict == REPLY_DECODED && result->bits.n_bits == rig->bits.n_bits &&
           memcmp(result->bits.bit, rig->bits.bit, rig->bits.n_bits) == 0;
}

#endif
