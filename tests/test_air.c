/* test_air.c - the simulated air as a whole: replies, channel, noise, converter, determinism. */
#include "air_rig.h"

static void ask(struct rig *rig, const struct rig_link *link, const char *bits, bool preamble,
                double listen_us)
{
    rig_command(rig, link, bits, preamble);
    rig_wait(rig, listen_us);
}

/* One tag in every link: RN16, then its EPC with a right CRC-16 after an ACK. */
static void singulate(const struct rig_link *link, double rate_sps)
{
    struct rig rig;
    struct air_cfg cfg = rig_cfg(1);
    rig_open(&rig, &cfg, rate_sps);
    rig_cw(&rig, 2000);
    double tpri_us = 1e3 / link->blf_khz;
    char command[64];
    char levels[8192];
    char bits[256];
    rig_query(link, 0, 0, 0, 0, command);
    double rn16_us = (double)rig_n_levels(link, 16) * tpri_us / 2;
    double t1_us = fmax(link->rtcal_us, 10 * tpri_us);
    ask(&rig, link, command, true, t1_us + rn16_us + 8 * tpri_us);
    struct rig_reply reply = rig_find(&rig);
    assert_true(reply.is_heard);
    assert_true(fabs(reply.start_us - t1_us) < 0.05);
    rig_levels(&rig, &reply, tpri_us / 2, rig_n_levels(link, 16), levels);
    rig_bits(levels, link, 16, bits);
    rig_ack(rig_value(bits, 16), command);
    ask(&rig, link, command, false, t1_us + (double)rig_n_levels(link, 128) * tpri_us / 2 + 50);
    reply = rig_find(&rig);
    assert_true(reply.is_heard);
    rig_levels(&rig, &reply, tpri_us / 2, rig_n_levels(link, 128), levels);
    rig_bits(levels, link, 128, bits);
    assert_int_equal(rig_value(bits, 16), 0x3000);
    assert_int_equal(rig_value(bits + 112, 16), rig_crc16(bits, 112));
    struct air_tag_truth truth;
    air_tag_read(rig.air, 0, &truth);
    assert_int_equal(truth.n_epc_bits, 96);
    for (size_t i = 0; i < 96; i++) {
        assert_int_equal(bits[16 + i] - '0', truth.epc[i / 8] >> (7 - i % 8) & 1);
    }
    assert_int_equal(truth.n_rn16_sent, 1);
    assert_int_equal(truth.n_epc_sent, 1);
    assert_true(fabs(reply.swing / (2.0 * cabs((double _Complex)truth.gain)) - 1.0) < 1e-3);
    rig_close(&rig);
}

static void air_singulates_in_every_link(void **state)
{
    (void)state;
    struct rig_link link = rig_link_a;
    singulate(&link, 2e6);
    link.trext = true;
    singulate(&link, 2e6);
    link = rig_link_b;
    singulate(&link, 10e6);
    for (unsigned n_cycles = 2; n_cycles <= 8; n_cycles *= 2) {
        link = rig_link_c;
        link.n_cycles = n_cycles;
        singulate(&link, 4e6);
        link.trext = true;
        singulate(&link, 4e6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(air_singulates_in_every_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
