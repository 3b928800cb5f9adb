/* test_ref_reply.c - the tests' own transmitter and ideal receiver against limits.md section 1:
 * what the receiver tests are measured with must itself be right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/ref_reply.h"

enum { SAMPLES_MAX = 40000 };

static struct ref_reply reply;
static float _Complex sample[SAMPLES_MAX];

/* Packet errors of the ideal receiver in n_runs replies. */
static unsigned packet_errors(unsigned m, size_t n_bits, double samples_per_tpri, double ebn0_db,
                              unsigned n_runs)
{
    struct ref_random random = {77 + m + n_bits};
    static uint8_t bit[REF_BITS_MAX], have[REF_BITS_MAX];
    unsigned n_errors = 0;
    for (unsigned run = 0; run < n_runs; run++) {
        ref_bits(&random, bit, n_bits);
        reply = (struct ref_reply){.rate_sps = samples_per_tpri * 40e3,
                                   .m = m,
                                   .bit = bit,
                                   .n_bits = n_bits,
                                   .start_tick = 3.5,
                                   .blf_hz = 40e3};
        reply.gain = 0.1 * cexp(I * ref_between(&random, 0.0, 6.2832));
        reply.leak = 0.3 - 0.2 * I;
        reply.n0 = ref_n0(&reply, ebn0_db);
        ref_reply_init(&reply);
        size_t n = (size_t)reply.edge[reply.n_levels] + 4;
        assert_true(n < SAMPLES_MAX);
        ref_reply_samples(&reply, &random, 0, sample, n);
        ref_receive(&reply, sample, 0, have);
        n_errors += memcmp(bit, have, n_bits) != 0;
    }
    return n_errors;
}

/* 1 % points of the sheet; 10,000 replies: sigma 10 % of the rate, about 0.07 dB (RN16), 0.04 dB
 * (EPC); four sigma accepted. */
static void ref_receiver_meets_bound(void **unused)
{
    (void)unused;
    static const struct {
        unsigned m;
        size_t n_bits;
        double ebn0_db;
    } rows[] = {{1, 16, 7.11}, {1, 128, 8.53}, {2, 16, 9.61}, {2, 128, 11.12}, {4, 16, 9.61}};
    const unsigned n_runs = 10000;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        unsigned n = packet_errors(rows[k].m, rows[k].n_bits, 4, rows[k].ebn0_db, n_runs);
        printf("m %u, %zu bits, %.2f dB: PER %.4f\n", rows[k].m, rows[k].n_bits, rows[k].ebn0_db,
               (double)n / n_runs);
        assert_in_range(n, 60, 140);
    }
}

/* The closed form, over the whole curve, four sigma. */
static void ref_receiver_follows_fm0_formula(void **unused)
{
    (void)unused;
    const unsigned n_runs = 4000;
    for (double ebn0_db = 2.0; ebn0_db < 7.0; ebn0_db += 2.0) {
        double ideal = ref_fm0_per(ebn0_db, 16) * n_runs;
        double n = packet_errors(1, 16, 4, ebn0_db, n_runs);
        printf("%.0f dB: %g errors, formula %g\n", ebn0_db, n, ideal);
        assert_true(fabs(n - ideal) < 4.0 * sqrt(ideal));
    }
}

/* Fractional edges: the mean of the tag's part is what the edges say, the clock drift as defined. */
static void ref_samples_are_box_integrals(void **unused)
{
    (void)unused;
    struct ref_random random = {5};
    static uint8_t bit[64];
    ref_bits(&random, bit, 64);
    reply = (struct ref_reply){.rate_sps = 1e6,
                               .m = 2,
                               .bit = bit,
                               .n_bits = 64,
                               .gain = 1.0,
                               .start_tick = 100.3,
                               .blf_hz = 77e3,
                               .drift_ratio = 0.02};
    ref_reply_init(&reply);
    size_t n = (size_t)reply.edge[reply.n_levels] + 50;
    ref_reply_samples(&reply, &random, 0, sample, n);
    double sum = 0.0, want = -(double)n;
    for (size_t k = 0; k < n; k++) {
        sum += crealf(sample[k]);
        assert_true(cabsf(sample[k]) <= 1.000001F);
    }
    for (size_t q = 0; q < reply.n_levels; q++) {
        want += 2.0 * reply.level[q] * (reply.edge[q + 1] - reply.edge[q]);
    }
    assert_float_equal(sum, want, 1e-3);
    double first = reply.edge[1] - reply.edge[0];
    double last = reply.edge[reply.n_levels] - reply.edge[reply.n_levels - 1];
    assert_float_equal(last / first, 1.02, 3e-4);
    double half = (reply.edge[reply.n_levels] - reply.edge[0]) / (double)reply.n_levels;
    assert_float_equal(half, 1e6 / 77e3 / 2.0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ref_receiver_meets_bound),
        cmocka_unit_test(ref_receiver_follows_fm0_formula),
        cmocka_unit_test(ref_samples_are_box_integrals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
