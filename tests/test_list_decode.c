/* test_list_decode.c - words whose CRC the test computes bit by bit: what is weak gets corrected, what
 * is likely chance is doubted, and the doubts are calibrated against counted errors. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/list_decode.h"
#include "tests/ref_reply.h"

enum { BITS_MAX = 528, CHIPS_MAX = 2 * (BITS_MAX + 1) };
#define SLIP_RATIO (1.0 / 32768.0) /* of the even-weight patterns one in 2^15 has a right CRC */

static struct ref_random rng = {8};
static struct sequence *sequence;
static float chip_nats[CHIPS_MAX], edge_nats[CHIPS_MAX], soft[BITS_MAX + 1];
static uint8_t sent[BITS_MAX], decided[BITS_MAX + 1];
static int8_t sign[CHIPS_MAX];
static struct list_result result;

/* Annex F, by long division: x^16 + x^12 + x^5 + 1, preset ones, complemented. */
static void slow_crc_put(uint8_t *bit, size_t n_bits)
{
    uint8_t rest[BITS_MAX] = {0};
    static const unsigned taps[] = {0, 4, 11, 16};
    memcpy(rest, bit, n_bits - 16);
    for (size_t k = 0; k < 16; k++) {
        rest[k] ^= 1; /* the preset */
    }
    for (size_t k = 0; k < n_bits - 16; k++) {
        for (unsigned t = 0; rest[k] && t < 4; t++) {
            if (t > 0) {
                rest[k + taps[t]] ^= 1;
            }
        }
    }
    for (size_t k = 0; k < 16; k++) {
        bit[n_bits - 16 + k] = !rest[n_bits - 16 + k];
    }
}

static size_t chips_sent(unsigned m, size_t n_bits)
{
    static uint8_t level[REF_LEVELS_MAX];
    size_t n_levels = ref_encode(m, false, sent, n_bits, level);
    size_t n_chips = 2 * (n_bits + 1), first = n_levels - n_chips * m;
    for (size_t c = 0; c < n_chips; c++) {
        sign[c] = level[first + c * m] ? 1 : -1;
    }
    return n_chips;
}

static void word_random(unsigned m, size_t n_bits)
{
    ref_bits(&rng, sent, n_bits - 16);
    slow_crc_put(sent, n_bits);
    size_t n_chips = chips_sent(m, n_bits);
    for (size_t c = 0; c < n_chips; c++) {
        chip_nats[c] = 40.0F * sign[c];
    }
}

static void run(int m, size_t n_bits, unsigned size, double false_read_ratio)
{
    struct list_cfg cfg = {.size = size, .false_read_ratio = false_read_ratio};
    sequence_decide(sequence, linecode_of((enum link_m)m), n_bits + 1, chip_nats, edge_nats,
                    decided, soft);
    list_decode(&cfg, sequence, soft, decided, n_bits, &result);
}

static bool is_sent(size_t n_bits)
{
    return memcmp(decided, sent, n_bits) == 0;
}

static void list_decode_leaves_right_words_alone(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 40; k++) {
        size_t n_bits = 32 + 16 * (k % 32);
        word_random(1u << k % 4, n_bits);
        run(k % 4, n_bits, 1 + k % 8, 1e-12);
        assert_int_equal(result.verdict, LIST_RIGHT);
        assert_true(is_sent(n_bits));
        assert_int_equal(result.n_tried, 0);
        assert_int_equal(result.n_changed, 0);
        assert_true(result.events_expected < 1e-6);
    }
}

/* Wrong by `weak` at symbol k: FM0 chips 2k+1 and 2k+2 turned over flip bits k and k+1. */
static void spoil_fm0(size_t k, float weak)
{
    chip_nats[2 * k + 1] = -weak * sign[2 * k + 1];
    chip_nats[2 * k + 2] = -weak * sign[2 * k + 2];
}

/* Every place, every strength of a single wrong event: corrected, and told which bits. */
static void list_decode_corrects_every_single_event(void **unused)
{
    (void)unused;
    static const float weak[] = {0.05F, 1.0F, 3.0F};
    enum { N = 128 };
    for (size_t k = 0; k < 3 * (N - 1); k++) {
        size_t at = k / 3;
        word_random(1, N);
        spoil_fm0(at, weak[k % 3]);
        run(LINK_FM0, N, 1, 1e-6);
        assert_int_equal(result.verdict, LIST_WRONG);
        assert_false(is_sent(N));
        assert_int_equal(result.n_tried, 0);
        run(LINK_FM0, N, 2, 1e-6);
        assert_int_equal(result.verdict, LIST_RIGHT);
        assert_true(is_sent(N));
        assert_int_equal(result.n_tried, 1);
        assert_int_equal(result.n_changed, 2);
        assert_int_equal(result.changed[0], at);
        assert_int_equal(result.changed[1], at + 1);
    }
    for (size_t k = 0; k < 3 * N; k++) { /* the last bit, with the dummy: one bit alone */
        word_random(1, N);
        for (size_t c = 2 * N - 1; c < 2 * N + 2; c++) {
            chip_nats[c] = -weak[k % 3] * sign[c];
        }
        run(LINK_FM0, N, 2, 1e-6);
        assert_int_equal(result.verdict, LIST_RIGHT);
        assert_int_equal(result.n_changed, 1);
        assert_int_equal(result.changed[0], N - 1);
        assert_true(is_sent(N));
    }
}

/* The same for Miller: everything near one symbol weak, whatever comes out wrong is put right. */
static void list_decode_corrects_miller(void **unused)
{
    (void)unused;
    unsigned n_wrong = 0;
    enum { N = 128 };
    for (size_t k = 0; k < 3 * N; k++) {
        int m = 1 + (int)(k % 3);
        word_random(1u << m, N);
        for (size_t c = 2 * (k / 3); c < 2 * (k / 3) + 2; c++) {
            chip_nats[c] = -0.6F * sign[c];
        }
        run(m, N, 1, 1e-6);
        n_wrong += !is_sent(N);
        run(m, N, 8, 1e-6);
        assert_int_equal(result.verdict, LIST_RIGHT);
        assert_true(is_sent(N));
    }
    assert_true(n_wrong > 100);
}

/* Up to three events, apart: within 8 sequences when nothing else is weak. */
static void list_decode_corrects_up_to_three_events(void **unused)
{
    (void)unused;
    enum { N = 128 };
    for (unsigned k = 0; k < 300; k++) {
        word_random(1, N);
        unsigned n_events = 1 + k % 4;
        for (unsigned j = 0; j < n_events; j++) {
            spoil_fm0(30 * j + (size_t)ref_between(&rng, 0.0, 26.0), 0.4F + 0.3F * j);
        }
        run(LINK_FM0, N, 8, 1.0);
        assert_int_equal(result.verdict == LIST_RIGHT, n_events <= 3);
        assert_int_equal(is_sent(N), n_events <= 3);
        assert_int_equal(result.n_changed, n_events <= 3 ? 2 * n_events : 0);
    }
}

/* Right CRC, but a dozen toss-ups in the word: chance as likely as merit. */
static void list_decode_doubts_weak_words(void **unused)
{
    (void)unused;
    enum { N = 128 };
    word_random(1, N);
    for (unsigned j = 0; j < 12; j++) {
        spoil_fm0(10 * j, -0.2F);
    }
    run(LINK_FM0, N, 8, 1e-6);
    assert_true(is_sent(N));
    assert_int_equal(result.verdict, LIST_DOUBTFUL);
    assert_float_equal(result.events_expected, 12.0 / (1.0 + exp(0.4)), 0.05);
    run(LINK_FM0, N, 8, 0.1);
    assert_int_equal(result.verdict, LIST_RIGHT);
}

/* Noise alone, and toss-ups with wrong CRC: nothing is ever accepted. At one in 2^16 a try, 64 tries
 * on each of 1500 words would let one or two slip if doubts did not stop them. */
static void list_decode_accepts_no_noise(void **unused)
{
    (void)unused;
    enum { N = 128 };
    for (unsigned k = 0; k < 1500; k++) {
        for (size_t c = 0; c < 2 * (N + 1); c++) {
            chip_nats[c] = (float)(0.5 * creal(ref_normal(&rng)));
        }
        run((int)(k % 2), N, 64, 1e-6);
        assert_int_not_equal(result.verdict, LIST_RIGHT);
        assert_int_equal(result.n_tried, 0);
    }
}

static void nats_channel(size_t n_chips, double g)
{
    for (size_t c = 0; c < n_chips; c++) {
        chip_nats[c] = (float)(2.0 * g * sign[c] + 2.0 * sqrt(2.0 * g) * creal(ref_normal(&rng)));
    }
}

/* Stretches in which the decided word's chips differ from those sent: each a wrong event. */
static unsigned events_count(unsigned m, size_t n_bits)
{
    static int8_t before[CHIPS_MAX];
    static uint8_t kept[BITS_MAX];
    memcpy(before, sign, sizeof before);
    memcpy(kept, sent, n_bits);
    memcpy(sent, decided, n_bits);
    size_t n_chips = chips_sent(m, n_bits);
    unsigned n = 0;
    bool inside = false;
    for (size_t k = 0; k < n_chips; k += 2) { /* a symbol at a time */
        bool differs = sign[k] != before[k] || sign[k + 1] != before[k + 1];
        n += differs && !inside;
        inside = differs;
    }
    memcpy(sign, before, sizeof before);
    memcpy(sent, kept, n_bits);
    return n;
}

/* What is called credible is so: over a channel so bad that several events are common, words whose
 * CRC is made to fit whatever was decided are believed or doubted by the soft values alone. Among the
 * believed ones, words with three wrong events or more are at most `limit` times as many as right
 * ones; among the doubted ones more. And the expected number of events is the counted one. */
static void list_decode_doubts_are_calibrated(void **unused)
{
    (void)unused;
    static const struct {
        int m;
        double ebn0_db;
    } cases[] = {{0, 4.0}, {0, 5.0}, {1, 6.5}, {1, 7.5}};
    enum { N = 128, WORDS = 2500 };
    const double limit = 0.3;
    for (unsigned l = 0; l < sizeof cases / sizeof *cases; l++) {
        double n_right[2] = {0}, n_many[2] = {0}, expected = 0.0, counted = 0.0;
        for (unsigned k = 0; k < WORDS; k++) {
            ref_bits(&rng, sent, N);
            nats_channel(chips_sent(1u << cases[l].m, N), pow(10.0, cases[l].ebn0_db / 10.0));
            sequence_decide(sequence, linecode_of((enum link_m)cases[l].m), N + 1, chip_nats,
                            edge_nats, decided, soft);
            unsigned n_events = events_count(1u << cases[l].m, N);
            slow_crc_put(decided, N); /* list_decode believes what it is told was decided */
            struct list_cfg cfg = {.size = 1, .false_read_ratio = limit * SLIP_RATIO};
            list_decode(&cfg, sequence, soft, decided, N, &result);
            unsigned doubted = result.verdict == LIST_DOUBTFUL;
            assert_int_not_equal(result.verdict, LIST_WRONG);
            n_right[doubted] += n_events == 0;
            n_many[doubted] += n_events >= 3;
            expected += result.events_expected / WORDS;
            counted += (double)n_events / WORDS;
        }
        printf(
            "m %d, %.1f dB: events %.3f, foretold %.3f; believed %g right, %g with three or more "
            "wrong; doubted %g, %g\n",
            1 << cases[l].m, cases[l].ebn0_db, counted, expected, n_right[0], n_many[0], n_right[1],
            n_many[1]);
        assert_float_equal(expected / counted, 1.0, 0.25);
        assert_true(n_many[0] <= limit * n_right[0] + 4.0 * sqrt(limit * n_right[0] + 1.0));
        assert_true(n_many[1] >= limit * n_right[1] - 4.0 * sqrt(limit * n_right[1] + 1.0));
    }
}

/* What the list is for: EPCs at an Eb/N0 where a quarter is lost without. Nothing wrong is ever
 * accepted, be it as lax as one in a thousand. An ideal list would lose only words with two events or
 * more, 1 - (1 + x) e^-x when the plain loss is 1 - e^-x. */
static void list_decode_lowers_losses(void **unused)
{
    (void)unused;
    static const struct {
        unsigned size;
        double false_read_ratio, gain_ratio; /* the share of losses left, at most */
    } lists[] = {
        {1, 1e-6, 1.0}, {8, 1e-6, 0.75}, {64, 1e-6, 0.75}, {8, 1e-4, 0.4}, {64, 1e-3, 0.3}};
    enum { N = 128, WORDS = 1500, LISTS = 5 };
    for (unsigned miller = 0; miller < 2; miller++) {
        double lost[LISTS] = {0}, ebn0_db = miller ? 8.5 : 6.0;
        for (unsigned k = 0; k < WORDS; k++) {
            word_random(miller ? 4 : 1, N);
            nats_channel(2 * (N + 1), pow(10.0, ebn0_db / 10.0));
            for (unsigned l = 0; l < LISTS; l++) {
                run(miller ? LINK_M4 : LINK_FM0, N, lists[l].size, lists[l].false_read_ratio);
                assert_true(result.verdict != LIST_RIGHT || is_sent(N));
                lost[l] += (result.verdict != LIST_RIGHT) / (double)WORDS;
            }
        }
        double x = -log(1.0 - lost[0]);
        printf("%s at %.1f dB (ideal list %.3f):", miller ? "Miller" : "FM0", ebn0_db,
               1.0 - (1.0 + x) * exp(-x));
        for (unsigned l = 0; l < LISTS; l++) {
            printf("  %u, %.0e: %.4f", lists[l].size, lists[l].false_read_ratio, lost[l]);
        }
        printf("\n");
        for (unsigned l = 1; l < LISTS; l++) {
            assert_true(lost[l] < lists[l].gain_ratio * lost[0]);
        }
    }
}

/* Shortest reply, longest list, nothing but ties. */
static void list_decode_takes_any_word(void **unused)
{
    (void)unused;
    for (unsigned k = 0; k < 64; k++) {
        size_t n_bits = k % 2 ? 32 : BITS_MAX;
        for (size_t c = 0; c < CHIPS_MAX; c++) {
            chip_nats[c] = k / 8 % 2 ? 0.0F : (float)creal(ref_normal(&rng));
        }
        run((int)(k / 2 % 4), n_bits, k / 16 % 2 ? 64 : 1, k / 32 ? 1.0 : 1e-12);
        assert_true(isfinite(result.events_expected));
        assert_in_range(result.n_changed, 0, 3 * SEQUENCE_EVENT_BITS_MAX);
    }
}

static int setup(void **unused)
{
    (void)unused;
    return sequence_new(BITS_MAX + 1, &sequence);
}

static int teardown(void **unused)
{
    (void)unused;
    sequence_free(&sequence);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_decode_leaves_right_words_alone),
        cmocka_unit_test(list_decode_corrects_every_single_event),
        cmocka_unit_test(list_decode_corrects_miller),
        cmocka_unit_test(list_decode_corrects_up_to_three_events),
        cmocka_unit_test(list_decode_doubts_weak_words),
        cmocka_unit_test(list_decode_accepts_no_noise),
        cmocka_unit_test(list_decode_doubts_are_calibrated),
        cmocka_unit_test(list_decode_lowers_losses),
        cmocka_unit_test(list_decode_takes_any_word),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
