/* test_reply_rx_access.c - replies to access commands against the tests' own transmitter: headers,
 * error replies, in-process replies, a CRC that must be right, replies as long as they get, and
 * waits of 20 ms. */
#include "dsp/reply_wait.h"
#include "tests/access_rig.h"

static struct reply_wait *wait;
static struct reply_rx *wait_rx; /* what it borrows */

static void access_success_and_error_on_every_link(void **unused)
{
    (void)unused;
    static const size_t lengths[] = {33, 49, 145, 529};
    for (unsigned k = 0; k < 16 * COUNT(lengths) * 2; k++) {
        struct link link = link_of(k % 16);
        open_window(4e6, &link, REPLY_KIND_ACCESS, lengths[k / 16 % COUNT(lengths)]);
        if (k / 16 / COUNT(lengths)) {
            bits_error(k % 256);
        } else {
            bits_success(rig.listen.n_bits);
        }
        transmit(15.0);
        expect_read("access");
    }
}

static void checked_handle_replies(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 64; k++) {
        struct link link = link_of(k % 16);
        open_window(4e6, &link, REPLY_KIND_CHECKED, REPLY_BITS_HANDLE);
        bits_checked();
        transmit(15.0);
        expect_read("handle");
    }
}

/* Six bits far apart are more than the list mends, at any strength. */
static void wrong_crc_is_unreadable(void **unused)
{
    (void)unused;
    static const enum reply_kind kinds[] = {REPLY_KIND_ACCESS, REPLY_KIND_CHECKED,
                                            REPLY_KIND_IN_PROCESS};
    static const size_t lengths[] = {145, 128, 185};
    for (unsigned k = 0; k < 16 * COUNT(kinds) * 2; k++) {
        struct link link = link_of(k % 16);
        unsigned which = k / 16 % COUNT(kinds);
        open_window(4e6, &link, kinds[which], lengths[which]);
        if (which == 2) {
            bits_done(0, 128, true);
        } else {
            bits_success(lengths[which]);
        }
        for (size_t n = 0; n < 6; n++) {
            rig.bits.bit[40 + 12 * n] ^= 1;
        }
        transmit(k < 48 ? 15.0 : 30.0);
        assert_true(rig_run(&rig, 0, &result));
        assert_int_equal(result.verdict, REPLY_UNREADABLE);
        assert_int_equal(result.cause, REPLY_CAUSE_CRC);
        assert_true(result.trace.crc_wrong);
        assert_int_equal(result.bits.n_bits, rig.bits.n_bits);
        assert_memory_equal(result.bits.bit, rig.bits.bit, rig.bits.n_bits);
    }
}

static void in_process_replies_say_how_long_they_are(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 16 * 8; k++) {
        struct link link = link_of(k % 16);
        bool has_length = k / 16 % 2;
        open_window(4e6, &link, REPLY_KIND_IN_PROCESS, reply_in_process_n_bits(128, has_length));
        rig.listen.has_length = has_length;
        switch (k / 32) {
        case 0: bits_working(); break;
        case 1:
            bits_done(1, 8, has_length); /* an error */
            break;
        case 2: bits_done(0, 128, has_length); break;
        default: bits_done(0, has_length ? 384 : 128, has_length); /* not what was expected */
        }
        transmit(15.0);
        expect_read("in process");
    }
}

/* A length field that its parity gives away counts for nothing; a wrong Barker code is no reply. */
static void in_process_replies_with_broken_beginnings(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 32; k++) {
        struct link link = link_of(k % 16);
        open_window(4e6, &link, REPLY_KIND_IN_PROCESS, reply_in_process_n_bits(128, true));
        rig.listen.has_length = true;
        bits_done(0, 128, true);
        rig.bits.bit[k < 16 ? 24 : 3] ^= 1;
        rig.bits.n_bits -= 16;
        assert_int_equal(crc_append(CRC_16, &rig.bits), ST_OK);
        transmit(20.0);
        if (k < 16) {
            expect_read("broken length");
            continue;
        }
        assert_true(rig_run(&rig, 0, &result));
        assert_int_equal(result.verdict, REPLY_UNREADABLE);
        assert_int_equal(result.cause, REPLY_CAUSE_CRC);
    }
}

/* 255 words, the clock drifting by all it may (2.2), a leak 34 dB above the tag that moves by |h|. */
static void longest_reads_with_drift(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 24; k++) {
        double blf_hz = k / 8 == 0 ? 640e3 : k / 8 == 1 ? 160e3 : 40e3;
        struct link link = rig_link(blf_hz, k % 4, k / 4 % 2);
        open_window(blf_hz > 600e3                ? 8e6
                    : blf_hz > 100e3 && k % 4 < 3 ? 4e6
                                                  : 2e6,
                    &link, REPLY_KIND_ACCESS, 1 + 255 * 16 + 32);
        if (blf_hz < 100e3 && k % 4 == 3) {
            continue; /* 830 ms of Miller-8: longer than the rig */
        }
        bits_success(rig.listen.n_bits);
        rig.reply.drift_ratio = k % 2 ? 0.05 : -0.05;
        double inside = link.frt_ext_ratio - 0.026;
        rig.reply.blf_hz = link.blf_hz * ref_between(&rig.random, 1.0 - inside, 1.0 + inside);
        rig.reply.leak = 0.5;
        double ticks = link_reply_us(&link, rig.bits.n_bits, false) * 1e-6 * rig.rate_sps;
        rig.reply.leak_per_tick = 0.01 * cexp(I * k) / ticks;
        transmit(18.0);
        expect_read("longest read");
    }
}

/* Near the limit, over the same samples: a reply is read at least as often as its bits come out
 * right when only their number is told (FIXED), and no wrong one passes. */
static void as_sensitive_as_replies_of_known_length(void **unused)
{
    (void)unused;
    enum { N = 200 };
    static const struct {
        int m;
        bool trext;
        size_t n_bits;
        double ebn0_db[2];
    } row[] = {
        {LINK_FM0, false, 33, {8.0, 10.0}}, {LINK_FM0, true, 33, {8.0, 10.0}},
        {LINK_M2, true, 33, {7.0, 9.0}},    {LINK_M4, true, 33, {7.0, 9.0}},
        {LINK_M8, true, 33, {7.0, 9.0}},    {LINK_FM0, false, 145, {9.0, 11.0}},
        {LINK_M4, false, 145, {9.0, 11.0}}, {LINK_FM0, true, 0, {8.0, 10.0}},
    };
    for (unsigned k = 0; k < 2 * COUNT(row); k++) {
        unsigned n_lost = 0, n_lost_fixed = 0, n_wrong = 0;
        struct link link = rig_link(160e3, row[k / 2].m, row[k / 2].trext);
        double ebn0_db = row[k / 2].ebn0_db[k % 2];
        for (unsigned n = 0; n < N; n++) {
            open_window(2e6, &link, REPLY_KIND_ACCESS, row[k / 2].n_bits ? row[k / 2].n_bits : 145);
            if (row[k / 2].n_bits) {
                bits_success(row[k / 2].n_bits);
            } else {
                bits_error(4);
            }
            transmit(ebn0_db);
            rig_run(&rig, 500, &result);
            bool read = result.verdict == REPLY_DECODED;
            n_wrong += read && !rig_is_right(&rig, &result);
            n_lost += !read;
            rig.listen.kind = REPLY_KIND_FIXED;
            rig.listen.n_bits = rig.bits.n_bits;
            rig_run(&rig, 500, &result);
            n_lost_fixed += !rig_is_right(&rig, &result);
        }
        printf("%s trext %d, %zu bits, %4.1f dB: lost %.3f, with its length told %.3f\n",
               linecode_of((enum link_m)link.m)->name, link.trext, rig.bits.n_bits, ebn0_db,
               (double)n_lost / N, (double)n_lost_fixed / N);
        assert_int_equal(n_wrong, 0);
        /* the same samples: they differ by what the list mends, and by few that it may not */
        assert_true(n_lost <= n_lost_fixed + N / 100);
        assert_true(n_lost < N / 2);
    }
}

/* A wait of 20 ms for n_bits of a success; the caller gives the reply its bits and its place. */
static void open_wait(double rate_sps, const struct link *link, enum reply_kind kind, size_t n_bits)
{
    struct reply_rx_cfg cfg = rig_cfg();
    if (wait && rig.rate_sps != rate_sps) {
        reply_wait_free(&wait);
        reply_rx_free(&wait_rx);
    }
    rig_open(&rig, rate_sps, link, kind);
    if (!wait) {
        assert_int_equal(reply_rx_new(&cfg, rate_sps, 1, &wait_rx), ST_OK);
        assert_int_equal(reply_wait_new(wait_rx, rate_sps, 1, &wait), ST_OK);
    }
    reply_wait_listen_init(&rig.listen, link, kind, rig.listen.from_tick);
    rig.listen.n_bits = n_bits;
    rig.link = rig.listen.link;
    rig_reply(&rig, 0.01);
}

static void wait_samples(double at_us, double ebn0_db)
{
    rig.reply.start_tick = rig.listen.from_tick + at_us * 1e-6 * rig.rate_sps;
    rig.reply.n0 = ref_n0(&rig.reply, ebn0_db);
    ref_reply_init(&rig.reply);
    double us = REPLY_WAIT_US + 1.3 * link_reply_us(&rig.link, rig.bits.n_bits, false) +
                700.0 * rig.link.tpri_us;
    rig.n_samples = (size_t)(rig.listen.from_tick + us * 1e-6 * rig.rate_sps);
    assert_true(rig.n_samples <= RIG_SAMPLES_MAX);
    ref_reply_samples(&rig.reply, &rig.random, 0, rig.sample, rig.n_samples);
}

/* Push everything in blocks (0: of random lengths), the promises held against each other.
 *   out true: the wait ended by itself */
static bool run_wait(size_t block)
{
    struct ref_random lengths = {rig.random.state ^ 0x55};
    int64_t promise = INT64_MIN;
    bool over = false;
    size_t at = 0;
    reply_wait_begin(wait, &rig.listen);
    while (at < rig.n_samples && !over) {
        int64_t now = reply_wait_not_before(wait);
        promise = now > promise ? now : promise;
        size_t n = block ? block : 1 + (size_t)ref_between(&lengths, 0.0, 3000.0);
        n = n < rig.n_samples - at ? n : rig.n_samples - at;
        over = reply_wait_push(wait, &(const float _Complex *){rig.sample + at}, n, (int64_t)at,
                               &result);
        at += n;
    }
    if (over) {
        assert_true(result.ready_tick >= promise);
        assert_true(result.ready_tick <= (int64_t)at);
        assert_true(reply_wait_not_before(wait) == INT64_MAX);
    }
    assert_int_equal(reply_wait_n_late(wait), 0);
    return over;
}

static void expect_waited(const char *what, double at_us)
{
    bool over = run_wait(0);
    if (!over || !rig_is_right(&rig, &result)) {
        fail_msg("%s at %.1f us: m %u blf %g bits %zu: over %d verdict %d (%s), %zu bits, start "
                 "%.1f us, "
                 "score %.1f, window %u",
                 what, at_us, rig.link.m_cycles, rig.link.blf_hz, rig.bits.n_bits, over,
                 result.verdict, reply_cause_text[result.cause], result.bits.n_bits,
                 result.trace.start_us, result.score_nats, reply_wait_n_windows(wait));
    }
    double tpri_us = rig.link.tpri_us;
    assert_float_equal(result.trace.start_us, at_us, 0.5 * tpri_us);
    /* as soon as it has come: what is behind it is a window's range, a preamble and a little more */
    double end_us =
        (rig.reply.edge[rig.reply.n_levels] - rig.listen.from_tick) / rig.rate_sps * 1e6;
    double ready_us = ((double)result.ready_tick - rig.listen.from_tick) / rig.rate_sps * 1e6;
    double slack_us = fmax(150.0, (24.0 + 16.0 * rig.link.m_cycles) * tpri_us) + 40.0;
    if (ready_us > end_us + slack_us) {
        fail_msg("%s: ends at %.1f us, told at %.1f us", what, end_us, ready_us);
    }
}

static double step_tpri_of(const struct link *link)
{
    return fmax(fmax(24.0, 16.0 * link->m_cycles), 150.0 / link->tpri_us);
}

static void wait_finds_a_reply_wherever_it_begins(void **unused)
{
    (void)unused;
    static const double blfs_hz[] = {40e3, 160e3, 640e3};
    for (unsigned k = 0; k < 240; k++) {
        double blf_hz = blfs_hz[k / 8 % 3];
        struct link link = rig_link(blf_hz, k % 4, k / 4 % 2);
        open_wait(blf_hz > 600e3 ? 8e6 : 2e6, &link, REPLY_KIND_ACCESS, 33);
        if (k % 5 == 0) {
            bits_error(k % 16);
        } else {
            bits_success(33);
        }
        double at_us = k < 24   ? link.t1_min_us
                       : k < 48 ? 20000.0
                                : ref_between(&rig.random, link.t1_min_us, 20000.0);
        wait_samples(at_us, 15.0);
        expect_waited("wait", at_us);
    }
}

/* Two windows in a row, their seam met from every side, at strengths that make a preamble's every
 * sidelobe stand out. */
static void wait_has_no_seams(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 4 * 80; k++) {
        struct link link = rig_link(160e3, k % 4, false);
        open_wait(2e6, &link, REPLY_KIND_ACCESS, 33);
        bits_success(33);
        double step_tpri = step_tpri_of(&link);
        double at_us =
            link.t1_min_us + (2.0 * step_tpri + (k / 4) / 80.0 * step_tpri) * link.tpri_us;
        wait_samples(at_us, 15.0 + k % 3 * 15.0);
        expect_waited("seam", at_us);
    }
}

static void wait_is_independent_of_blocks(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 12; k++) {
        struct link link = rig_link(160e3, k % 4, false);
        open_wait(2e6, &link, REPLY_KIND_ACCESS, 33);
        bits_success(33);
        wait_samples(ref_between(&rig.random, 100.0, 19000.0), 10.0);
        static struct reply_result first;
        static const size_t blocks[] = {1, 77, 4096, 50000};
        for (unsigned b = 0; b < COUNT(blocks); b++) {
            assert_true(run_wait(blocks[b]));
            if (b == 0) {
                first = result;
                continue;
            }
            assert_int_equal(result.verdict, first.verdict);
            assert_true(result.ready_tick == first.ready_tick);
            assert_memory_equal(&result.start_tick, &first.start_tick, sizeof first.start_tick);
            assert_memory_equal(&result.score_nats, &first.score_nats, sizeof first.score_nats);
            assert_memory_equal(result.bits.bit, first.bits.bit, first.bits.n_bits);
        }
    }
}

/* A leak 40 dB above the tag that walks by ten |h| in the 20 ms. */
static void wait_through_a_leak_that_drifts(void **unused)
{
    (void)unused;
    unsigned n_lost = 0;
    for (unsigned k = 0; k < 120; k++) {
        struct link link = rig_link(k / 4 % 2 ? 160e3 : 40e3, k % 4, false);
        open_wait(2e6, &link, REPLY_KIND_ACCESS, 33);
        bits_success(33);
        rig.reply.gain *= 0.1;
        rig.reply.leak = 0.1;
        rig.reply.leak_per_tick = 10.0 * 0.001 * cexp(I * k) / (20e-3 * rig.rate_sps);
        wait_samples(ref_between(&rig.random, link.t1_min_us, 20000.0), 15.0);
        bool read = run_wait(0) && rig_is_right(&rig, &result);
        n_lost += !read;
        if (!read)
            printf(
                "DRIFT k %u m %u blf %g start %f verdict %d cause %s bits %zu score %f found %f\n",
                k, link.m_cycles, link.blf_hz, (rig.reply.start_tick - rig.listen.from_tick) / 2,
                result.verdict, reply_cause_text[result.cause], result.bits.n_bits,
                result.score_nats, result.trace.start_us);
    }
    assert_int_equal(n_lost, 0);
}

/* Near the limit the wait costs little: its threshold is the higher for all its windows, no more. */
static void wait_is_as_sensitive_as_one_window(void **unused)
{
    (void)unused;
    enum { N = 100 };
    for (unsigned k = 0; k < 8; k++) {
        struct link link = rig_link(160e3, k % 4, true);
        double ebn0_db = (k % 4 == 0 ? 8.0 : 7.0) + 2.0 * (k / 4);
        unsigned n_lost = 0, n_lost_fixed = 0;
        for (unsigned n = 0; n < N; n++) {
            open_wait(2e6, &link, REPLY_KIND_ACCESS, 33);
            bits_success(33);
            double at_us = ref_between(&rig.random, link.t1_min_us, 20000.0);
            wait_samples(at_us, ebn0_db);
            n_lost += !(run_wait(5000) && rig_is_right(&rig, &result));
            /* the same samples, the place of its begin and its length told */
            rig.listen.kind = REPLY_KIND_FIXED;
            rig.listen.from_tick += (at_us - link.t1_nom_us) * 1e-6 * rig.rate_sps;
            rig.listen.start_hi_us = NAN;
            rig_run(&rig, 5000, &result);
            n_lost_fixed += !rig_is_right(&rig, &result);
        }
        printf("%s, %4.1f dB: lost in the wait %.3f, in its own window with its length told %.3f\n",
               linecode_of((enum link_m)link.m)->name, ebn0_db, (double)n_lost / N,
               (double)n_lost_fixed / N);
        assert_true(n_lost <= n_lost_fixed + N / 33);
    }
}

/* Noise alone: nothing is read, and hardly anything taken for a reply, in 20 ms each. The work is
 * counted in windows: each link has a number that does not depend on what is heard. */
static void wait_hears_nothing_in_noise(void **unused)
{
    (void)unused;
    enum { N = 24 };
    unsigned n_heard = 0, n_crc = 0;
    const char *text = getenv("ZP_TEST_WAITS"); /* a longer run by hand */
    unsigned n_waits = text ? (unsigned)atoi(text) : N;
    for (unsigned k = 0; k < n_waits; k++) {
        struct link link = rig_link(k % 2 ? 640e3 : 160e3, k / 2 % 4, false);
        open_wait(k % 2 ? 8e6 : 2e6, &link, REPLY_KIND_ACCESS, 33);
        struct ref_noise noise;
        ref_noise_init(&noise, 1000 + k);
        rig.n_samples = (size_t)(24e-3 * rig.rate_sps);
        ref_noise_draw(&noise, rig.sample, rig.n_samples);
        for (size_t n = 0; n < rig.n_samples; n++) {
            rig.sample[n] = 0.2F + 0.001F * rig.sample[n];
        }
        assert_true(run_wait(5000));
        assert_int_not_equal(result.verdict, REPLY_DECODED);
        n_heard += result.verdict != REPLY_NONE_HEARD;
        n_crc += result.trace.crc_wrong;
        double step_tpri = step_tpri_of(&link);
        double n_expected = (20000.0 - link.t1_min_us) / link.tpri_us / step_tpri;
        assert_true(fabs(reply_wait_n_windows(wait) - n_expected) < 2.0 || result.trace.crc_wrong);
    }
    printf("noise: %u of %u waits heard something, %u a whole reply with a wrong CRC\n", n_heard,
           n_waits, n_crc);
    assert_true(n_crc * 100 <= n_waits);
    assert_true(n_heard * 10 <= n_waits);
}

/* Two in-process replies in one stream: still working, then done; each in a wait of its own, the
 * second counted from the end of the first. */
static void wait_for_one_reply_after_another(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 16; k++) {
        struct link link = rig_link(k / 4 % 2 ? 640e3 : 160e3, k % 4, false);
        bool has_length = k / 8;
        open_wait(k / 4 % 2 ? 8e6 : 2e6, &link, REPLY_KIND_IN_PROCESS,
                  reply_in_process_n_bits(128, has_length));
        rig.listen.has_length = has_length;
        bits_working();
        wait_samples(3000.0, 15.0);
        expect_waited("working", 3000.0);
        double end_tick = result.end_tick;
        assert_float_equal(end_tick, rig.reply.edge[rig.reply.n_levels],
                           0.2 * link.tpri_us * 1e-6 * rig.rate_sps);
        reply_wait_listen_next(&rig.listen, &rig.link, end_tick);
        rig.listen.n_bits = reply_in_process_n_bits(128, has_length);
        rig.listen.has_length = has_length;
        bits_done(0, 128, has_length);
        double at_us = k % 2 ? fmax(250.0, link.t2_max_us) : 5000.0;
        wait_samples(at_us, 15.0);
        expect_waited("done", at_us);
    }
}

/* Over two antennas a reply is read that neither would bear alone. */
static void wait_over_two_channels(void **unused)
{
    (void)unused;
    enum { N = 60 };
    static float _Complex second[RIG_SAMPLES_MAX];
    struct reply_rx_cfg cfg = rig_cfg();
    struct reply_rx *rx = NULL;
    struct reply_wait *both = NULL;
    assert_int_equal(reply_rx_new(&cfg, 2e6, 2, &rx), ST_OK);
    assert_int_equal(reply_wait_new(rx, 2e6, 2, &both), ST_OK);
    unsigned n_lost = 0, n_lost_alone = 0;
    for (unsigned k = 0; k < N; k++) {
        struct link link = rig_link(160e3, LINK_FM0, false);
        open_wait(2e6, &link, REPLY_KIND_ACCESS, 33);
        bits_success(33);
        wait_samples(ref_between(&rig.random, link.t1_min_us, 19000.0), 4.0);
        ref_reply_samples(&rig.reply, &rig.random, 0, second, rig.n_samples);
        n_lost_alone += !(run_wait(3000) && rig_is_right(&rig, &result));
        bool over = false;
        reply_wait_begin(both, &rig.listen);
        for (size_t at = 0; at < rig.n_samples && !over; at += 3000) {
            const float _Complex *sample[] = {rig.sample + at, second + at};
            size_t n = rig.n_samples - at < 3000 ? rig.n_samples - at : 3000;
            over = reply_wait_push(both, sample, n, (int64_t)at, &result);
        }
        n_lost += !(over && rig_is_right(&rig, &result));
    }
    printf("fm0 at 4.0 dB: lost at one antenna %u, at two %u of %d\n", n_lost_alone, n_lost, N);
    assert_true(n_lost * 4 <= n_lost_alone);
    assert_true(n_lost_alone > N / 10);
    reply_wait_free(&both);
    reply_rx_free(&rx);
}

/* A reply with a wrong CRC ends the wait; a wait that is cut says so. */
static void wait_tells_what_it_cannot_read(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 8; k++) {
        struct link link = rig_link(160e3, k % 4, false);
        open_wait(2e6, &link, REPLY_KIND_ACCESS, 145);
        bits_success(145);
        for (size_t n = 0; n < 6; n++) {
            rig.bits.bit[30 + 12 * n] ^= 1;
        }
        wait_samples(7000.0, 15.0);
        size_t n_all = rig.n_samples;
        assert_true(run_wait(0));
        assert_int_equal(result.verdict, REPLY_UNREADABLE);
        assert_int_equal(result.cause, REPLY_CAUSE_CRC);
        assert_float_equal(result.trace.start_us, 7000.0, 5.0);
        assert_true(result.ready_tick < (int64_t)n_all);
        rig.n_samples = (size_t)(5e-3 * rig.rate_sps);
        assert_false(run_wait(0));
        reply_wait_cut(wait, &result);
        assert_int_equal(result.verdict, REPLY_NONE_HEARD);
        assert_int_equal(result.cause, REPLY_CAUSE_CUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_success_and_error_on_every_link),
        cmocka_unit_test(checked_handle_replies),
        cmocka_unit_test(wrong_crc_is_unreadable),
        cmocka_unit_test(in_process_replies_say_how_long_they_are),
        cmocka_unit_test(in_process_replies_with_broken_beginnings),
        cmocka_unit_test(longest_reads_with_drift),
        cmocka_unit_test(as_sensitive_as_replies_of_known_length),
        cmocka_unit_test(wait_finds_a_reply_wherever_it_begins),
        cmocka_unit_test(wait_has_no_seams),
        cmocka_unit_test(wait_is_independent_of_blocks),
        cmocka_unit_test(wait_through_a_leak_that_drifts),
        cmocka_unit_test(wait_is_as_sensitive_as_one_window),
        cmocka_unit_test(wait_hears_nothing_in_noise),
        cmocka_unit_test(wait_for_one_reply_after_another),
        cmocka_unit_test(wait_over_two_channels),
        cmocka_unit_test(wait_tells_what_it_cannot_read),
    };
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    reply_rx_free(&rig.rx);
    reply_wait_free(&wait);
    reply_rx_free(&wait_rx);
    return n_failed;
}
