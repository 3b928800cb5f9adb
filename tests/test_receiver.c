/* test_receiver.c - what a look into a collision may take, against times worked out by hand from the link's
 * parameters (Gen2 6.3.1.2, 6.3.1.6). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reader/reader_parts.h"

/* Profile B: Tari 6.25, data-1 9.375, RTcal 15.625, PW 3.125, BLF 640 kHz, T2 max 31.25 us. An ACK's first edge
 * that an RN16 decides: 12.5 + 6.25 + 15.625 (frame-sync) + 6.25 + 9.375 (01) + 3.125 = 53.125 us. */
static struct link link_b(int m)
{
    struct link link;
    const struct link_cfg cfg = {
        .tari_us = 6.25, .data1_tari = 1.5, .pw_tari = 0.5, .blf_hz = 640e3, .m = m};
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    return link;
}

static void receiver_allows_by_half_cycles(void **unused)
{
    (void)unused;
    struct run_cfg run = {.turnaround_us = NAN, .resolve_us = NAN, .ack_ahead = true};
    struct link fm0 = link_b(LINK_FM0), m4 = link_b(LINK_M4);
    assert_float_equal(receiver_resolve_us(&run, &fm0), 1.35 * (12 + 34), 1e-6);
    assert_float_equal(receiver_resolve_us(&run, &m4), 1.35 * 4 * (20 + 34), 1e-6);
    run.resolve_us = 20.0;
    assert_float_equal(receiver_resolve_us(&run, &m4), 20.0, 1e-12);
}

static void receiver_puts_bits_in_behind_a_begun_ack(void **unused)
{
    (void)unused;
    struct run_cfg run = {.turnaround_us = 18.75, .resolve_us = 80.0, .ack_ahead = true};
    struct link link = link_b(LINK_FM0);
    assert_float_equal(receiver_answer_us(&run, &link, true), 80.0 - 53.125, 1e-6);
    run.resolve_us = 50.0; /* known before they are needed */
    assert_float_equal(receiver_answer_us(&run, &link, true), 18.75, 1e-6);
    run.ack_ahead = false;
    assert_float_equal(receiver_answer_us(&run, &link, true), 50.0, 1e-6);
}

/* A QueryRep's second bit is decided 43.75 us behind its start. Another command waits for an ACK of RN16 0: frame-sync
 * 34.375, 17 bits 0 and one 1, and T4 = 2 RTcal. */
static void receiver_charges_an_ack_in_vain(void **unused)
{
    (void)unused;
    struct run_cfg run = {.turnaround_us = 18.75, .resolve_us = 80.0, .ack_ahead = true};
    struct link link = link_b(LINK_FM0);
    assert_float_equal(receiver_answer_us(&run, &link, false), 80.0 - 43.75, 1e-6);
    double whole_us = 34.375 + 17 * 6.25 + 9.375 + 31.25;
    assert_float_equal(receiver_vain_us(&run, &link), whole_us, 1e-6);
    run.ack_ahead = false;
    assert_float_equal(receiver_answer_us(&run, &link, false), 80.0, 1e-6);
    assert_float_equal(receiver_vain_us(&run, &link), 0.0, 1e-12);
}

/* T2 max holds the look at profile B where the host looks in time, on the simulated air; not with the lead that a
 * USRP wants, and not with Miller-4. */
static void receiver_knows_what_t2_holds(void **unused)
{
    (void)unused;
    struct run_cfg run = {.turnaround_us = NAN, .resolve_us = NAN, .ack_ahead = true};
    struct link fm0 = link_b(LINK_FM0), m4 = link_b(LINK_M4);
    double wait_us = 0.5 * (fm0.t1_max_us - fm0.t1_min_us) + 0.5 / 0.64;
    assert_float_equal(receiver_collision_us(&run, &fm0, 0.5, 0.0), wait_us + 18.75, 1e-6);
    assert_true(receiver_collision_us(&run, &fm0, 0.5, 0.0) < fm0.t2_max_us);
    assert_true(receiver_collision_us(&run, &fm0, 0.5, 300.0) > fm0.t2_max_us);
    assert_true(receiver_collision_us(&run, &m4, 0.5, 0.0) > m4.t2_max_us);
    run.ack_ahead = false;
    assert_true(receiver_collision_us(&run, &fm0, 0.5, 0.0) > fm0.t2_max_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receiver_allows_by_half_cycles),
        cmocka_unit_test(receiver_puts_bits_in_behind_a_begun_ack),
        cmocka_unit_test(receiver_charges_an_ack_in_vain),
        cmocka_unit_test(receiver_knows_what_t2_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
