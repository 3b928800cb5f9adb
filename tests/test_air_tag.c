/* test_air_tag.c - one simulated tag, edge by edge: codes, timing, states, chance.
 * Truth: tests/golden/gen2_air, taken from the fact sheet gen2.md (sections named in each file). */
#include "tag_bench.h"

#include "radio/air/noise.h"
#include "radio/air/tag_command.h"

static FILE *golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/gen2_air/%s", ZP_GOLDEN_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    int c;
    while ((c = fgetc(file)) != '\n') { /* heading */
        assert_true(c != EOF);
    }
    return file;
}

/* ---- codes ---- */

static void tag_code_gives_golden_levels(void **state)
{
    (void)state;
    FILE *file = golden("line_codes.txt");
    char data[64];
    char levels[1024];
    unsigned m;
    unsigned trext;
    int n_rows = 0;
    while (fscanf(file, "%63s %u %u %1023s", data, &m, &trext, levels) == 4) {
        uint8_t packed[8];
        struct tag_code code = {.bits = packed};
        pack(data, packed);
        tag_code_start(&code, (unsigned)strlen(data), m, trext);
        assert_int_equal(tag_code_n_levels(&code), strlen(levels));
        for (size_t i = 0; levels[i]; i++) {
            assert_int_equal(tag_code_next(&code), levels[i] == '1');
        }
        n_rows++;
    }
    fclose(file);
    assert_int_equal(n_rows, 32);
}

static void tag_crc_agrees_with_golden(void **state)
{
    (void)state;
    char bits[512];
    uint8_t packed[64];
    unsigned crc;
    int n_rows = 0;
    FILE *file = golden("crc5.txt");
    while (fscanf(file, "%511s", bits) == 1) {
        pack(bits, packed);
        assert_int_equal(tag_crc5(packed, 17), rig_value(bits + 17, 5));
        assert_int_equal(tag_crc5(packed, 22), 0);
        n_rows++;
    }
    fclose(file);
    file = golden("crc16.txt");
    while (fscanf(file, "%511s %x", bits, &crc) == 2) {
        size_t n_bits = strlen(bits);
        pack(bits, packed);
        assert_int_equal(tag_crc16(packed, n_bits), crc);
        tag_bits_put(packed, n_bits, crc, 16);
        assert_int_equal(tag_crc16(packed, n_bits + 16), TAG_CRC16_RESIDUE);
        n_rows++;
    }
    fclose(file);
    assert_int_equal(n_rows, 22);
}

static void tag_command_knows_lengths_of_golden(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tag_command_kind kind;
    } known[] = {{"Query", TAG_COMMAND_QUERY},
                 {"QueryRep", TAG_COMMAND_QUERY_REP},
                 {"QueryAdjust", TAG_COMMAND_QUERY_ADJUST},
                 {"ACK", TAG_COMMAND_ACK},
                 {"NAK", TAG_COMMAND_NAK},
                 {"Select", TAG_COMMAND_SELECT},
                 {"Req_RN", TAG_COMMAND_REQ_RN},
                 {"Read", TAG_COMMAND_READ},
                 {"Write", TAG_COMMAND_WRITE},
                 {"Access", TAG_COMMAND_ACCESS},
                 {"Kill", TAG_COMMAND_KILL},
                 {"Lock", TAG_COMMAND_LOCK},
                 {"BlockWrite", TAG_COMMAND_BLOCK_WRITE},
                 {"BlockErase", TAG_COMMAND_BLOCK_ERASE},
                 {"BlockPermalock", TAG_COMMAND_BLOCK_PERMALOCK},
                 {"Untraceable", TAG_COMMAND_UNTRACEABLE},
                 {"ReadBuffer", TAG_COMMAND_READ_BUFFER},
                 {"Authenticate", TAG_COMMAND_AUTHENTICATE},
                 {"Challenge", TAG_COMMAND_CHALLENGE}};
    FILE *file = golden("commands.txt");
    char name[64];
    char bits[512];
    int n_rows = 0;
    while (fscanf(file, "%63s %511s", name, bits) == 2) {
        uint8_t packed[64] = {0};
        size_t n_bits = strlen(bits);
        pack(bits, packed);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (strcmp(name, known[i].name) != 0) {
                continue;
            }
            for (size_t n = 0; n < n_bits; n++) {
                assert_true(tag_command_need(packed, n) > n);
            }
            assert_int_equal(tag_command_need(packed, n_bits), n_bits);
            struct tag_command command;
            tag_command_read(packed, n_bits, &command);
            assert_int_equal(command.kind, known[i].kind);
            if (n_bits >= 22) { /* with a CRC: one wrong bit anywhere past the code */
                packed[(n_bits - 1) / 8] ^= (uint8_t)(0x80u >> ((n_bits - 1) % 8));
                tag_command_read(packed, n_bits, &command);
                assert_int_equal(command.kind, TAG_COMMAND_INVALID);
            }
            n_rows++;
        }
    }
    fclose(file);
    assert_true(n_rows >= 36);
}

static void tag_blf_tolerance_follows_table(void **state)
{
    (void)state;
    FILE *file = golden("blf.txt");
    unsigned dr;
    double low;
    double high;
    int low_in;
    int high_in;
    double percent;
    int n_rows = 0;
    while (fscanf(file, "%u %lf %lf %d %d %lf", &dr, &low, &high, &low_in, &high_in, &percent) ==
           6) {
        double factor = 1e3 * (dr ? 64.0 / 3.0 : 8.0);
        double middle_us = factor / (0.5 * (low + high));
        assert_true(fabs(tag_blf_tolerance(dr, middle_us) - percent / 100) < 1e-9);
        if (low_in && low != high) {
            assert_true(fabs(tag_blf_tolerance(dr, factor / low) - percent / 100) < 1e-9);
        }
        n_rows++;
    }
    fclose(file);
    assert_int_equal(n_rows, 16);
    assert_true(tag_blf_tolerance(true, 32.5) < 0);
    assert_true(tag_blf_tolerance(true, 230) < 0);
    assert_true(tag_blf_tolerance(false, 16.8) < 0);
    assert_true(tag_blf_tolerance(false, 205) < 0);
}

/* ---- timing ---- */

static void tag_keeps_t1_of_golden(void **state)
{
    (void)state;
    FILE *file = golden("timing.txt");
    struct rig_link link = {.n_cycles = 1};
    unsigned dr;
    double frt;
    double t1[3];
    double t2[2];
    int n_rows = 0;
    while (fscanf(file, "%u %lf %lf %lf %lf %lf %lf %lf %lf %lf", &dr, &link.tari_us,
                  &link.rtcal_us, &link.trcal_us, &frt, &t1[0], &t1[1], &t1[2], &t2[0],
                  &t2[1]) == 10) {
        link.dr_64_3 = dr;
        link.blf_khz = 1e3 * (dr ? 64.0 / 3.0 : 8.0) / link.trcal_us;
        struct bench bench;
        bench_open(&bench, link, 3);
        assert_int_equal(query(&bench, 0, 0, 0, 0), TAG_EVENT_REPLY);
        double t1_us = bench.tag.reply.start_tick / 2 - bench.now_us;
        assert_true(fabs(t1_us - t1[1]) < 2e-3);
        bench.world.t1_ratio = 1.0;
        assert_int_equal(query(&bench, 0, 0, 0, 0), TAG_EVENT_REPLY);
        assert_true(fabs(bench.tag.reply.start_tick / 2 - bench.now_us - t1[2]) < 2e-3);
        bench.world.t1_ratio = 0.0;
        bench.world.t1_jitter_us = 500; /* far beyond: the limits must hold it */
        double least_us = 1e9;
        double most_us = 0;
        for (int i = 0; i < 50; i++) {
            assert_int_equal(query(&bench, 0, 0, 0, 0), TAG_EVENT_REPLY);
            t1_us = bench.tag.reply.start_tick / 2 - bench.now_us;
            least_us = fmin(least_us, t1_us);
            most_us = fmax(most_us, t1_us);
        }
        assert_true(fabs(least_us - t1[0]) < 2e-3);
        assert_true(fabs(most_us - t1[2]) < 2e-3);
        n_rows++;
    }
    fclose(file);
    assert_int_equal(n_rows, 12);
}

static enum tag_event ack_after(double after_reply_us, struct bench *bench)
{
    char bits[32];
    bring(bench, TAG_REPLY);
    rig_ack(bench->tag.rn16, bits);
    return send_at(bench, bench->tag.reply.end_tick / 2 + after_reply_us, bits);
}

/* Link A: T2 is 75 .. 500 us. */
static void tag_enforces_t2(void **state)
{
    (void)state;
    struct bench bench;
    assert_int_equal(ack_after(75, &bench), TAG_EVENT_REPLY);
    assert_int_equal(bench.tag.state, TAG_ACKNOWLEDGED);
    assert_int_equal(bench.tag.n_acks_heard, 1);
    assert_int_equal(ack_after(499.5, &bench), TAG_EVENT_REPLY);
    assert_int_equal(ack_after(501, &bench), TAG_EVENT_COMMAND);
    assert_int_equal(bench.tag.state, TAG_ARBITRATE);
    assert_int_equal(bench.tag.n_acks_late, 1);
    assert_int_equal(bench.tag.n_acks_heard, 0);
    assert_int_equal(ack_after(72, &bench), TAG_EVENT_NONE); /* too early: not understood */
    assert_int_equal(bench.tag.state, TAG_REPLY);
    assert_int_equal(ack_after(-200, &bench), TAG_EVENT_NONE); /* during the reply */
    assert_int_equal(bench.tag.state, TAG_REPLY);
}

static void tag_leaves_acknowledged_by_t2_without_flip(void **state)
{
    (void)state;
    struct bench bench;
    bring(&bench, TAG_ACKNOWLEDGED);
    send_at(&bench, bench.tag.reply.end_tick / 2 + 600, "0010");
    assert_false(bench.tag.is_b[2]);
    assert_int_equal(bench.tag.state, TAG_ARBITRATE);
}

static void tag_misses_commands_that_break_t4(void **state)
{
    (void)state;
    struct bench bench;
    bring(&bench, TAG_ARBITRATE);
    uint16_t slot = bench.tag.slot;
    double end_us = bench.now_us;
    send_at(&bench, end_us + 140, "0010"); /* T4 is 150 us */
    assert_int_equal(bench.tag.slot, slot);
    send_at(&bench, bench.now_us + 150, "0010");
    assert_int_equal(bench.tag.slot, slot - 1);
}

static void tag_refuses_bad_pie(void **state)
{
    (void)state;
    static const struct {
        double tari_us, rtcal_ratio, trcal_ratio;
        bool is_heard;
    } rows[] = {{25, 3, 2.66, true},     {25, 3, 3.2, false},  {25, 3.3, 2.5, false},
                {25, 2.3, 2.9, false},   {5.5, 3, 2.5, false}, {27, 3, 2.5, false},
                {6.25, 2.5, 2.13, true}, {12.5, 3, 1.15, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig_link link = {.tari_us = rows[i].tari_us, .n_cycles = 1, .blf_khz = 40};
        link.rtcal_us = link.tari_us * rows[i].rtcal_ratio;
        link.trcal_us = link.rtcal_us * rows[i].trcal_ratio;
        struct bench bench;
        bench_open(&bench, link, 3);
        assert_int_equal(query(&bench, 0, 0, 0, 0),
                         rows[i].is_heard ? TAG_EVENT_REPLY : TAG_EVENT_NONE);
    }
}

static void tag_refuses_other_rtcal_than_the_rounds(void **state)
{
    (void)state;
    struct bench bench;
    bring(&bench, TAG_ARBITRATE);
    uint16_t slot = bench.tag.slot;
    bench.link.rtcal_us = 69; /* 8 % */
    assert_int_equal(send(&bench, "0010"), TAG_EVENT_NONE);
    assert_int_equal(bench.tag.slot, slot);
    bench.link.rtcal_us = 73; /* 2.7 % */
    send(&bench, "0010");
    assert_int_equal(bench.tag.slot, slot - 1);
}

static void tag_clock_errors_are_uniform_and_capped(void **state)
{
    (void)state;
    double sum_square = 0;
    double most = 0;
    const int n = 4000;
    for (int i = 0; i < n; i++) {
        struct bench bench;
        bench_open(&bench, rig_link_a, (uint64_t)i * 77 + 1);
        bench.world.blf_error_ratio = NAN; /* 0.7 of 4 % */
        query(&bench, 0, 0, 0, 0);
        double half_us = bench.tag.reply.half_ticks / 2;
        double error = 12.5 / half_us - 1;
        assert_true(fabs(error - bench.tag.blf_error_ratio) < 1e-9);
        sum_square += error * error;
        most = fmax(most, fabs(error));
    }
    double expected = 0.028 * 0.028 / 3;         /* uniform in +-0.028 */
    double deviation = expected * sqrt(0.8 / n); /* var(x^2) of a uniform: 4/5 of mean^2 */
    assert_true(fabs(sum_square / n - expected) < 4 * deviation);
    assert_true(most <= 0.028);
    assert_true(most > 0.0275);
    struct bench bench;
    bench_open(&bench, rig_link_a, 5);
    bench.world.blf_error_ratio = 0.2;
    query(&bench, 0, 0, 0, 0);
    assert_true(fabs(bench.tag.blf_error_ratio) <= 0.04 + 1e-12);
    double capped = bench.tag.blf_error_ratio;
    bench.world.blf_error_force = true;
    query(&bench, 0, 0, 0, 0);
    assert_true(fabs(bench.tag.blf_error_ratio / capped - 5) < 1e-9);
}

/* ---- replies ---- */

static void tag_ack_reply_is_golden(void **state)
{
    (void)state;
    struct bench bench;
    char name[16];
    char want[256];
    char got[600];
    FILE *file = golden("replies.txt");
    assert_int_equal(fscanf(file, "%15s %255s", name, want), 2);
    bring(&bench, TAG_ACKNOWLEDGED);
    reply_text(&bench, got);
    assert_string_equal(got, want);
    assert_int_equal(fscanf(file, "%15s %255s", name, want), 2);
    fclose(file);
    bench_open(&bench, rig_link_a, 9);
    choose(&bench, 4, 0, 1, 32, "00110000011101", 1); /* header 30h, filter 3, partition 5 */
    query(&bench, 3, 0, 0, 0);
    assert_int_equal(ack(&bench, bench.tag.rn16), TAG_EVENT_REPLY);
    reply_text(&bench, got);
    assert_string_equal(got, want);
    query(&bench, 0, 0, 1, 0); /* Sel all: not truncated */
    assert_int_equal(ack(&bench, bench.tag.rn16), TAG_EVENT_REPLY);
    assert_int_equal(bench.tag.reply.code.n_bits, 128);
}

/* ---- states, section 9 row by row ---- */

enum what { W_QUERY, W_REP, W_ADJUST, W_ACK, W_ACK_BAD, W_NAK, W_REQ_RN, W_SELECT, W_OTHER_REP };

static enum tag_event perform(struct bench *bench, enum what what)
{
    switch (what) {
    case W_QUERY: return query(bench, 0, 2, 0, 0);
    case W_REP: return send(bench, "0010");
    case W_ADJUST: return send(bench, "100110000");
    case W_ACK: return ack(bench, bench->tag.rn16);
    case W_ACK_BAD: return ack(bench, bench->tag.rn16 ^ 1u);
    case W_NAK: return send(bench, "11000000");
    case W_REQ_RN: {
        char bits[64] = "11000001";
        rig_append(bits, bench->tag.rn16, 16);
        return with_crc16(bench, bits);
    }
    case W_SELECT: return choose(bench, 4, 0, 1, 0, "", 0);
    case W_OTHER_REP: return send(bench, "0001");
    }
    return TAG_EVENT_NONE;
}

static void tag_states_follow_the_table(void **state)
{
    (void)state;
    static const struct {
        enum tag_state from;
        enum what what;
        enum tag_state to;
        bool replies, flips;
    } rows[] = {
        {TAG_READY, W_QUERY, TAG_REPLY, true, false},
        {TAG_READY, W_REP, TAG_READY, false, false},
        {TAG_READY, W_ADJUST, TAG_READY, false, false},
        {TAG_READY, W_ACK, TAG_READY, false, false},
        {TAG_READY, W_NAK, TAG_READY, false, false},
        {TAG_READY, W_REQ_RN, TAG_READY, false, false},
        {TAG_READY, W_SELECT, TAG_READY, false, false},
        {TAG_ARBITRATE, W_QUERY, TAG_REPLY, true, false},
        {TAG_ARBITRATE, W_ACK, TAG_ARBITRATE, false, false},
        {TAG_ARBITRATE, W_NAK, TAG_ARBITRATE, false, false},
        {TAG_ARBITRATE, W_REQ_RN, TAG_ARBITRATE, false, false},
        {TAG_ARBITRATE, W_SELECT, TAG_READY, false, false},
        {TAG_ARBITRATE, W_OTHER_REP, TAG_ARBITRATE, false, false},
        {TAG_REPLY, W_QUERY, TAG_REPLY, true, false},
        {TAG_REPLY, W_REP, TAG_ARBITRATE, false, false},
        {TAG_REPLY, W_ADJUST, TAG_REPLY, true, false}, /* Q = 0: slot 0 again */
        {TAG_REPLY, W_ACK, TAG_ACKNOWLEDGED, true, false},
        {TAG_REPLY, W_ACK_BAD, TAG_ARBITRATE, false, false},
        {TAG_REPLY, W_NAK, TAG_ARBITRATE, false, false},
        {TAG_REPLY, W_REQ_RN, TAG_ARBITRATE, false, false},
        {TAG_REPLY, W_SELECT, TAG_READY, false, false},
        {TAG_REPLY, W_OTHER_REP, TAG_REPLY, false, false},
        {TAG_ACKNOWLEDGED, W_QUERY, TAG_READY, false, true}, /* B by now: no match with A */
        {TAG_ACKNOWLEDGED, W_REP, TAG_READY, false, true},
        {TAG_ACKNOWLEDGED, W_ADJUST, TAG_READY, false, true},
        {TAG_ACKNOWLEDGED, W_ACK, TAG_ACKNOWLEDGED, true, false},
        {TAG_ACKNOWLEDGED, W_ACK_BAD, TAG_ARBITRATE, false, false},
        {TAG_ACKNOWLEDGED, W_NAK, TAG_ARBITRATE, false, false},
        {TAG_ACKNOWLEDGED, W_REQ_RN, TAG_SECURED, true, false}, /* access password zero */
        {TAG_ACKNOWLEDGED, W_SELECT, TAG_READY, false, false},
        {TAG_ACKNOWLEDGED, W_OTHER_REP, TAG_ACKNOWLEDGED, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        bring(&bench, rows[i].from);
        enum tag_event event = perform(&bench, rows[i].what);
        assert_int_equal(event == TAG_EVENT_REPLY, rows[i].replies);
        assert_int_equal(bench.tag.state, rows[i].to);
        assert_int_equal(bench.tag.is_b[2], rows[i].flips);
    }
}

static void tag_slot_counts_down_and_wraps(void **state)
{
    (void)state;
    struct bench bench;
    bring(&bench, TAG_ARBITRATE);
    for (unsigned slot = bench.tag.slot; slot > 1; slot--) {
        assert_int_equal(send(&bench, "0010"), TAG_EVENT_COMMAND);
        assert_int_equal(bench.tag.slot, slot - 1);
    }
    assert_int_equal(send(&bench, "0010"), TAG_EVENT_REPLY);
    send(&bench, "0010");
    assert_int_equal(bench.tag.slot, 0x7FFF);
    send(&bench, "0010");
    assert_int_equal(bench.tag.slot, 0x7FFE);
    bring(&bench, TAG_REPLY); /* slot 0 in arbitrate, as after a wrong ACK */
    perform(&bench, W_ACK_BAD);
    send(&bench, "0010");
    assert_int_equal(bench.tag.slot, 0x7FFF);
}

static void tag_query_adjust_moves_q(void **state)
{
    (void)state;
    struct bench bench;
    bring(&bench, TAG_ARBITRATE);
    assert_int_equal(bench.tag.q, 4);
    send(&bench, "100110110");
    assert_int_equal(bench.tag.q, 5);
    bring(&bench, TAG_ARBITRATE);
    send(&bench, "100110011");
    assert_int_equal(bench.tag.q, 3);
    bring(&bench, TAG_ARBITRATE);
    assert_int_equal(send(&bench, "100110101"), TAG_EVENT_NONE); /* no such UpDn */
    assert_int_equal(bench.tag.q, 4);
    bring(&bench, TAG_REPLY);
    send(&bench, "100110011"); /* Q stays 0 */
    assert_int_equal(bench.tag.q, 0);
    assert_int_equal(bench.tag.state, TAG_REPLY);
}

/* ---- chance ---- */

/* 16 equally likely classes: chi-square has 15 degrees of freedom, 99.9 % point 37.7. */
static double chi_square(const unsigned *count, unsigned n_draws)
{
    double sum = 0;
    double expected = n_draws / 16.0;
    for (size_t i = 0; i < 16; i++) {
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    }
    return sum;
}

static void tag_draws_slots_and_rn16_evenly(void **state)
{
    (void)state;
    unsigned slots[16] = {0};
    unsigned tops[16] = {0};
    unsigned ends[16] = {0};
    const unsigned n = 4096;
    for (unsigned i = 0; i < n; i++) {
        struct bench bench;
        bench_open(&bench, rig_link_b, i);
        query(&bench, 0, 0, 0, 4);
        assert_true(bench.tag.slot < 16);
        slots[bench.tag.slot]++;
        query(&bench, 0, 0, 0, 0);
        tops[bench.tag.rn16 >> 12]++;
        ends[bench.tag.rn16 & 15]++;
    }
    assert_true(chi_square(slots, n) < 37.7);
    assert_true(chi_square(tops, n) < 37.7);
    assert_true(chi_square(ends, n) < 37.7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_code_gives_golden_levels),
        cmocka_unit_test(tag_crc_agrees_with_golden),
        cmocka_unit_test(tag_command_knows_lengths_of_golden),
        cmocka_unit_test(tag_blf_tolerance_follows_table),
        cmocka_unit_test(tag_keeps_t1_of_golden),
        cmocka_unit_test(tag_enforces_t2),
        cmocka_unit_test(tag_leaves_acknowledged_by_t2_without_flip),
        cmocka_unit_test(tag_misses_commands_that_break_t4),
        cmocka_unit_test(tag_refuses_bad_pie),
        cmocka_unit_test(tag_refuses_other_rtcal_than_the_rounds),
        cmocka_unit_test(tag_clock_errors_are_uniform_and_capped),
        cmocka_unit_test(tag_ack_reply_is_golden),
        cmocka_unit_test(tag_states_follow_the_table),
        cmocka_unit_test(tag_slot_counts_down_and_wraps),
        cmocka_unit_test(tag_query_adjust_moves_q),
        cmocka_unit_test(tag_draws_slots_and_rn16_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
