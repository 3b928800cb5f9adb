/* test_sequence.c - soft sequence detection against all 2^n sequences of the tests' own encoder: the
 * best, every soft value, the alternatives; error rates against theory. */
#include <complex.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/limits.h"
#include "dsp/sequence.h"
#include "tests/ref_reply.h"

enum { SHORT_MAX = 10, SYMBOLS_MAX = LIMIT_BITS + 1 };

static struct ref_random rng = {3};
static struct sequence *sequence;
static float chip_nats[2 * SYMBOLS_MAX], edge_nats[2 * SYMBOLS_MAX], soft[SYMBOLS_MAX];
static uint8_t bit[SYMBOLS_MAX];

/* Signs of the chips after the preamble, and whether the level changes where each begins: from the
 * half-cycles that the reference encoder sends.  returns chips */
static size_t ref_chips(unsigned m, const uint8_t *data, size_t n_bits, int8_t *sign,
                        uint8_t *changes)
{
    static uint8_t level[REF_LEVELS_MAX];
    size_t n_levels = ref_encode(m, false, data, n_bits, level);
    size_t n_chips = 2 * (n_bits + 1), first = n_levels - n_chips * m;
    for (size_t c = 0; c < n_chips; c++) {
        size_t q = first + c * m;
        sign[c] = level[q] ? 1 : -1;
        changes[c] = level[q] != level[q - 1];
    }
    return n_chips;
}

struct brute { /* all sequences of one short word */
    size_t n_bits;
    double metric[1 << SHORT_MAX]; /* of the word k, bit 0 first */
    unsigned best;
};

static void brute_fill(struct brute *brute, unsigned m, size_t n_bits)
{
    brute->n_bits = n_bits;
    brute->best = 0;
    for (unsigned k = 0; k < 1u << n_bits; k++) {
        uint8_t data[SHORT_MAX + 1] = {0}, changes[2 * SHORT_MAX + 2];
        int8_t sign[2 * SHORT_MAX + 2];
        for (size_t j = 0; j < n_bits; j++) {
            data[j] = k >> j & 1;
        }
        size_t n_chips = ref_chips(m, data, n_bits, sign, changes);
        double sum = 0.0;
        for (size_t c = 0; c < n_chips; c++) {
            sum += 0.5 * sign[c] * (double)chip_nats[c] + changes[c] * (double)edge_nats[c];
        }
        brute->metric[k] = sum;
        brute->best = sum > brute->metric[brute->best] ? k : brute->best;
    }
}

/* Best word whose bit j differs from the best word's. */
static unsigned brute_rival(const struct brute *brute, size_t j)
{
    unsigned rival = brute->best ^ 1u << j;
    for (unsigned k = 0; k < 1u << brute->n_bits; k++) {
        if (((k ^ brute->best) >> j & 1) && brute->metric[k] > brute->metric[rival]) {
            rival = k;
        }
    }
    return rival;
}

/* Soft values of some true word, weak and strong places mixed, or nothing but noise. */
static void nats_random(unsigned m, size_t n_bits, double scale)
{
    uint8_t data[SHORT_MAX + 1], changes[2 * SHORT_MAX + 2];
    int8_t sign[2 * SHORT_MAX + 2];
    ref_bits(&rng, data, n_bits);
    size_t n_chips = ref_chips(m, data, n_bits, sign, changes);
    double mean = ref_uniform(&rng) < 0.3 ? 0.0 : scale;
    for (size_t c = 0; c < n_chips; c++) {
        chip_nats[c] = (float)(mean * sign[c] + 2.0 * sqrt(scale) * creal(ref_normal(&rng)));
        edge_nats[c] = (float)(0.3 * scale * ref_uniform(&rng) * ref_uniform(&rng));
    }
}

static void sequence_matches_brute_force(void **unused)
{
    (void)unused;
    static struct brute brute;
    for (unsigned trial = 0; trial < 500; trial++) {
        int m = trial % 4;
        size_t n_bits = trial % (SHORT_MAX + 1);
        nats_random(1u << m, n_bits, pow(10.0, ref_between(&rng, -1.0, 2.0)));
        brute_fill(&brute, 1u << m, n_bits);
        sequence_decide(sequence, linecode_of((enum link_m)m), n_bits + 1, chip_nats, edge_nats,
                        bit, soft);
        assert_int_equal(bit[n_bits], 1);
        assert_true(soft[n_bits] == INFINITY);
        double best = brute.metric[brute.best];
        for (size_t j = 0; j < n_bits; j++) {
            assert_int_equal(bit[j], brute.best >> j & 1);
            double margin = best - brute.metric[brute_rival(&brute, j)];
            double expected = bit[j] ? margin : -margin;
            assert_float_equal(soft[j], expected, 1e-5 * fabs(best) + 1e-5);
        }
    }
}

/* What is called clear is what the whole trellis decides, and no margin is less than claimed. */
static void sequence_clear_is_decided(void **unused)
{
    (void)unused;
    static struct brute brute;
    unsigned n_clear = 0;
    for (unsigned trial = 0; trial < 4000; trial++) {
        int m = trial % 4;
        size_t n_bits = 1 + trial % SHORT_MAX;
        nats_random(1u << m, n_bits, pow(10.0, ref_between(&rng, 1.0, 2.3)));
        brute_fill(&brute, 1u << m, n_bits);
        for (size_t j = 0; j < n_bits; j++) {
            bit[j] = brute.best >> j & 1;
        }
        bit[n_bits] = 1;
        const struct linecode *code = linecode_of((enum link_m)m);
        unsigned j_wrong = trial / 4 % (unsigned)n_bits;
        bit[j_wrong] ^= 1; /* other bits than the best are never clear */
        assert_false(sequence_is_clear(code, n_bits + 1, chip_nats, edge_nats, bit, soft));
        bit[j_wrong] ^= 1;
        if (!sequence_is_clear(code, n_bits + 1, chip_nats, edge_nats, bit, soft)) {
            continue;
        }
        n_clear++;
        for (size_t j = 0; j < n_bits; j++) {
            double margin = brute.metric[brute.best] - brute.metric[brute_rival(&brute, j)];
            assert_true(fabs((double)soft[j]) >= SEQUENCE_CLEAR_NATS);
            assert_true(fabs((double)soft[j]) <= margin * (1.0 + 1e-5));
            assert_int_equal(soft[j] > 0.0F, bit[j]);
        }
    }
    printf("clear: %u of 4000\n", n_clear);
    assert_in_range(n_clear, 400, 3600);
}

struct rival {
    double nats;
    unsigned flips;
};

static int rival_order(const void *a, const void *b)
{
    double d = ((const struct rival *)a)->nats - ((const struct rival *)b)->nats;
    return d < 0.0 ? -1 : d > 0.0;
}

static unsigned event_flips(const struct sequence_event *event)
{
    unsigned flips = 0;
    for (unsigned j = 0; j < event->n_bits; j++) {
        flips |= 1u << event->bit[j];
        assert_true(j == 0 || event->bit[j] > event->bit[j - 1]);
    }
    return flips;
}

/* The events are the best rivals of every bit, each once, best first: the first is the second-best of
 * all sequences. Limits cut the same list. */
static void sequence_events_match_brute_force(void **unused)
{
    (void)unused;
    static struct brute brute;
    for (unsigned trial = 0; trial < 500; trial++) {
        int m = trial % 4;
        size_t n_bits = 1 + trial % SHORT_MAX;
        nats_random(1u << m, n_bits, pow(10.0, ref_between(&rng, -0.5, 1.5)));
        brute_fill(&brute, 1u << m, n_bits);
        sequence_decide(sequence, linecode_of((enum link_m)m), n_bits + 1, chip_nats, edge_nats,
                        bit, soft);
        struct rival rival[SHORT_MAX];
        size_t n = 0;
        for (size_t j = 0; j < n_bits; j++) {
            unsigned flips = brute_rival(&brute, j) ^ brute.best;
            bool known = false;
            for (size_t i = 0; i < n; i++) {
                known = known || rival[i].flips == flips;
            }
            if (!known) {
                double nats = brute.metric[brute.best] - brute.metric[flips ^ brute.best];
                rival[n++] = (struct rival){nats, flips};
            }
        }
        qsort(rival, n, sizeof *rival, rival_order);
        double second = INFINITY;
        for (unsigned k = 0; k < 1u << n_bits; k++) {
            second =
                k != brute.best ? fmin(second, brute.metric[brute.best] - brute.metric[k]) : second;
        }
        struct sequence_event event[SEQUENCE_EVENTS_MAX];
        assert_int_equal(sequence_events(sequence, INFINITY, event, SEQUENCE_EVENTS_MAX), n);
        double tolerance = 1e-5 * fabs(brute.metric[brute.best]) + 1e-5;
        assert_float_equal(event[0].nats, second, tolerance);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(event_flips(&event[i]), rival[i].flips);
            assert_float_equal(event[i].nats, rival[i].nats, tolerance);
        }
        size_t few = 1 + trial % 3;
        struct sequence_event some[3];
        size_t n_few = sequence_events(sequence, INFINITY, some, few);
        assert_int_equal(n_few, n < few ? n : few);
        for (size_t i = 0; i < n_few; i++) {
            assert_int_equal(event_flips(&some[i]), rival[i].flips);
        }
        double limit = rival[n / 2].nats * 1.001 + tolerance;
        size_t n_below = 0;
        for (size_t i = 0; i < n; i++) {
            n_below += rival[i].nats <= limit;
        }
        assert_int_equal(sequence_events(sequence, limit, event, SEQUENCE_EVENTS_MAX), n_below);
    }
}

/* A word over a Gaussian channel at g = Eb/N0: the log-likelihood of a chip's sign is normal with mean
 * 2 g and variance 4 g. */
static void nats_channel(const int8_t *sign, size_t n_chips, double g)
{
    for (size_t c = 0; c < n_chips; c++) {
        chip_nats[c] = (float)(2.0 * g * sign[c] + 2.0 * sqrt(2.0 * g) * creal(ref_normal(&rng)));
    }
}

struct rates {
    double words, bits, expected; /* wrong words, wrong bits, and what the soft values say */
};

static struct rates rates_measure(int m, size_t n_bits, double ebn0_db, unsigned n_words)
{
    static uint8_t data[REF_BITS_MAX], changes[2 * REF_BITS_MAX + 2];
    static int8_t sign[2 * REF_BITS_MAX + 2];
    struct rates rates = {0};
    memset(edge_nats, 0, sizeof edge_nats);
    for (unsigned k = 0; k < n_words; k++) {
        ref_bits(&rng, data, n_bits);
        size_t n_chips = ref_chips(1u << m, data, n_bits, sign, changes);
        nats_channel(sign, n_chips, pow(10.0, ebn0_db / 10.0));
        sequence_decide(sequence, linecode_of((enum link_m)m), n_bits + 1, chip_nats, edge_nats,
                        bit, soft);
        unsigned n_wrong = 0;
        for (size_t j = 0; j < n_bits; j++) {
            n_wrong += bit[j] != data[j];
            rates.expected += 1.0 / (1.0 + exp(fabs((double)soft[j])));
        }
        rates.bits += n_wrong;
        rates.words += n_wrong > 0;
    }
    rates.words /= n_words;
    rates.bits /= n_words;
    rates.expected /= n_words;
    return rates;
}

/* Lost words: FM0 by the closed form, Miller by the table of limits.md 1 (RN16 10 % at 6.97 dB, EPC
 * 10 % at 9.37 dB); 4 standard deviations. The soft values foretell the wrong bits. */
static void sequence_meets_theory(void **unused)
{
    (void)unused;
    static const struct {
        int m;
        size_t n_bits;
        double ebn0_db, per;
        unsigned n_words;
    } cases[] = {
        {0, 16, 4.8, 0.0, 6000},  {0, 128, 6.93, 0.0, 2000}, {0, 1, 2.0, 0.0, 20000},
        {1, 16, 6.97, 0.1, 4000}, {2, 16, 6.97, 0.1, 4000},  {3, 128, 9.37, 0.1, 1500},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double per =
            cases[k].m == 0 ? ref_fm0_per(cases[k].ebn0_db, cases[k].n_bits) : cases[k].per;
        struct rates rates =
            rates_measure(cases[k].m, cases[k].n_bits, cases[k].ebn0_db, cases[k].n_words);
        double sigma = sqrt(per * (1.0 - per) / cases[k].n_words);
        printf("m %d, %zu bits, %.2f dB: %.4f lost (theory %.4f +- %.4f), %.3f wrong bits, "
               "foretold %.3f\n",
               1 << cases[k].m, cases[k].n_bits, cases[k].ebn0_db, rates.words, per, sigma,
               rates.bits, rates.expected);
        assert_float_equal(rates.words, per, 4.0 * sigma + 0.004);
        assert_float_equal(rates.expected / rates.bits, 1.0, 0.2);
    }
}

/* The longest reply, weak, strong and absurdly strong; no signal at all. */
static void sequence_takes_any_length_and_strength(void **unused)
{
    (void)unused;
    static const double scales[] = {0.0, 1e-30, 1.0, 1e30};
    for (unsigned k = 0; k < 4 * 4 * 3; k++) {
        size_t n = k / 16 == 0 ? 1 : k / 16 == 1 ? 2 : SYMBOLS_MAX;
        for (size_t c = 0; c < 2 * n; c++) {
            chip_nats[c] = (float)(scales[k / 4 % 4] * creal(ref_normal(&rng)));
            edge_nats[c] = (float)(scales[k / 4 % 4] * 0.1 * ref_uniform(&rng));
        }
        sequence_decide(sequence, linecode_of((enum link_m)(k % 4)), n, chip_nats, edge_nats, bit,
                        soft);
        for (size_t j = 0; j + 1 < n; j++) {
            assert_true(isfinite(soft[j]));
            assert_true(bit[j] <= 1);
            assert_true(soft[j] == 0.0F || (soft[j] > 0.0F) == (bit[j] == 1));
        }
        assert_int_equal(bit[n - 1], 1);
        struct sequence_event event[SEQUENCE_EVENTS_MAX];
        size_t n_events = sequence_events(sequence, INFINITY, event, SEQUENCE_EVENTS_MAX);
        assert_true(n > 1 || n_events == 0);
        for (size_t j = 0; j < n_events; j++) {
            assert_in_range(event[j].n_bits, 1, SEQUENCE_EVENT_BITS_MAX);
            assert_true(event[j].bit[event[j].n_bits - 1] + 1u < n);
        }
    }
}

/* Every bit has a best rival. In noise Miller's rivals differ in any number of bits, and those of more
 * than an event holds are left out, not cut short; FM0's differ in two, or one at the end. */
static void sequence_leaves_out_long_events(void **unused)
{
    (void)unused;
    enum { N_BITS = 199, WORDS = 400 };
    unsigned n_left_out[2] = {0};
    memset(edge_nats, 0, sizeof edge_nats);
    for (unsigned k = 0; k < 2 * WORDS; k++) {
        int m = k % 2;
        for (size_t c = 0; c < 2 * (N_BITS + 1); c++) {
            chip_nats[c] = (float)creal(ref_normal(&rng));
        }
        sequence_decide(sequence, linecode_of((enum link_m)m), N_BITS + 1, chip_nats, edge_nats,
                        bit, soft);
        struct sequence_event event[N_BITS];
        size_t n = sequence_events(sequence, INFINITY, event, N_BITS);
        bool covered[N_BITS] = {false};
        for (size_t j = 0; j < n; j++) {
            assert_in_range(event[j].n_bits, 1, m ? SEQUENCE_EVENT_BITS_MAX : 2);
            for (unsigned i = 0; i < event[j].n_bits; i++) {
                covered[event[j].bit[i]] = true;
            }
        }
        for (size_t j = 0; j < N_BITS; j++) {
            n_left_out[m] += !covered[j];
        }
    }
    assert_int_equal(n_left_out[0], 0);
    assert_true(n_left_out[1] > 0);
    assert_true(n_left_out[1] < WORDS * N_BITS / 100);
}

static int setup(void **unused)
{
    (void)unused;
    return sequence_new(SYMBOLS_MAX, &sequence);
}

static int teardown(void **unused)
{
    (void)unused;
    sequence_free(&sequence);
    sequence_free(&sequence); /* NULL */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequence_matches_brute_force),
        cmocka_unit_test(sequence_clear_is_decided),
        cmocka_unit_test(sequence_events_match_brute_force),
        cmocka_unit_test(sequence_meets_theory),
        cmocka_unit_test(sequence_takes_any_length_and_strength),
        cmocka_unit_test(sequence_leaves_out_long_events),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
