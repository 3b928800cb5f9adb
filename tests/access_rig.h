/* access_rig.h - replies to access commands as the tests send them, and the window that expects one.
 *                                                                                  layer: tests */
#ifndef TESTS_ACCESS_RIG_H
#define TESTS_ACCESS_RIG_H

#include "tests/rx_rig.h"

#include <stdio.h>

#include "dsp/linecode.h"
#include "protocol/reply_length.h"
#include "tests/ref_noise.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { HANDLE = 0x1234 };

static struct rig rig;
static struct reply_result result;

static inline void put(uint64_t value, size_t n_bits)
{
    assert_int_equal(bits_put(&rig.bits, value, n_bits), ST_OK);
}

static inline void put_random(size_t n_bits)
{
    assert_true(rig.bits.n_bits + n_bits <= LIMIT_BITS);
    ref_bits(&rig.random, rig.bits.bit + rig.bits.n_bits, n_bits);
    rig.bits.n_bits += n_bits;
}

static inline void put_handle_crc(void)
{
    put(HANDLE, 16);
    assert_int_equal(crc_append(CRC_16, &rig.bits), ST_OK);
    rig.reply.bit = rig.bits.bit;
    rig.reply.n_bits = rig.bits.n_bits;
}

/* 0, data, handle, CRC-16: n_bits in all. */
static inline void bits_success(size_t n_bits)
{
    rig.bits.n_bits = 0;
    put(0, 1);
    put_random(n_bits - 33);
    put_handle_crc();
}

static inline void bits_error(unsigned code)
{
    rig.bits.n_bits = 0;
    put(0x100U | code, 9);
    put_handle_crc();
}

static inline void bits_checked(void)
{
    rig.bits.n_bits = 0;
    put_handle_crc();
}

/* An in-process reply that is done: with a length field (even parity) or without. */
static inline void bits_done(unsigned header, size_t n_response_bits, bool has_length)
{
    rig.bits.n_bits = 0;
    put(0x72, 7);
    put(2U | header, 2);
    if (has_length) {
        put(n_response_bits, 15);
        put((uint64_t)__builtin_parityll(n_response_bits), 1);
    }
    put_random(n_response_bits);
    put_handle_crc();
}

static inline void bits_working(void)
{
    rig.bits.n_bits = 0;
    put(0x72, 7);
    put(0, 2);
    put_handle_crc();
}

/* The window that expects n_bits of a success, and a legal reply that the caller gives its bits. */
static inline void open_window(double rate_sps, const struct link *link, enum reply_kind kind,
                               size_t n_bits)
{
    rig_open(&rig, rate_sps, link, kind);
    rig.listen.n_bits = n_bits;
    rig_reply(&rig, 0.01);
}

static inline void transmit(double ebn0_db)
{
    rig.reply.n0 = ref_n0(&rig.reply, ebn0_db);
    rig_samples(&rig);
}

static inline void expect_read(const char *what)
{
    bool over = rig_run(&rig, 0, &result);
    if (!over || !rig_is_right(&rig, &result)) {
        fail_msg(
            "%s: m %u trext %d rate %g blf %g bits %zu: over %d verdict %d (%s), %zu bits, fit "
            "%.3f, score %.1f, blf %.1f of %.1f",
            what, rig.link.m_cycles, rig.link.trext, rig.rate_sps, rig.link.blf_hz, rig.bits.n_bits,
            over, result.verdict, reply_cause_text[result.cause], result.bits.n_bits,
            result.fit_ratio, result.score_nats, result.blf_hz, rig.reply.blf_hz);
    }
    assert_false(result.trace.crc_wrong);
}

/* Link k of 16: four codes, with and without pilot, two rates of bits. */
static inline struct link link_of(unsigned k)
{
    return rig_link(k / 8 % 2 ? 160e3 : 320e3, k % 4, k / 4 % 2);
}

#endif
