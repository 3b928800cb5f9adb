/* test_air_flags.c - what Select and time do to one simulated tag's flags, and what it answers by them.
 * Truth: the fact sheet gen2.md. */
#include "tag_bench.h"

static void tag_select_actions_follow_the_table(void **state)
{
    (void)state;
    /* + set (SL, A), - clear (not SL, B), . nothing, ! negate: matching, not matching */
    static const char *const effects[8] = {"+-", "+.", ".-", "!.", "-+", "-.", ".+", ".!"};
    for (unsigned target = 0; target <= 4; target++) {
        for (unsigned action = 0; action < 8; action++) {
            for (int misses = 0; misses < 2; misses++) {
                for (int was_set = 0; was_set < 2; was_set++) {
                    struct bench bench;
                    bench_open(&bench, rig_link_a, 3);
                    choose(&bench, target, was_set ? 0 : 4, 1, 0, "", 0);
                    choose(&bench, target, action, 1, 32, misses ? "00110001" : "00110000", 0);
                    char effect = effects[action][misses];
                    bool want = effect == '+'   ? true
                                : effect == '-' ? false
                                : effect == '!' ? !was_set
                                                : was_set;
                    bool got = target == 4 ? bench.tag.is_selected : !bench.tag.is_b[target];
                    assert_int_equal(got, want);
                    for (unsigned other = 0; other < 4; other++) {
                        assert_true(other == target || !bench.tag.is_b[other]);
                    }
                }
            }
        }
    }
}

static void tag_select_reads_every_bank(void **state)
{
    (void)state;
    static const struct {
        unsigned bank, pointer;
        const char *mask;
        bool matches;
    } rows[] = {{1, 32, "0011000001110100", true},
                {1, 33, "0110000", true},
                {1, 32, "0111", false},
                {1, 16, "0011000000000000", true}, /* StoredPC 3000h */
                {1, 0, "1010101011111001", true},  /* StoredCRC AAF9h */
                {1, 124, "0101", true},
                {1, 125, "1010", false},
                {2, 0, "11100010", true},
                {2, 0, "11100011", false},
                {2, 92, "1100", true},
                {3, 0, "0", false},
                {3, 0, "", true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        bench_open(&bench, rig_link_a, 3);
        assert_int_equal(choose(&bench, 4, 0, rows[i].bank, rows[i].pointer, rows[i].mask, 0),
                         TAG_EVENT_COMMAND);
        assert_int_equal(bench.tag.is_selected, rows[i].matches);
    }
    struct bench bench;
    bench_open(&bench, rig_link_a, 3);
    assert_int_equal(choose(&bench, 5, 0, 1, 0, "", 0), TAG_EVENT_NONE);   /* RFU target */
    assert_int_equal(choose(&bench, 0, 0, 1, 32, "0", 1), TAG_EVENT_NONE); /* Truncate, not SL */
    assert_int_equal(choose(&bench, 4, 0, 2, 0, "1", 1), TAG_EVENT_NONE);  /* Truncate, TID */
}

static void tag_query_asks_sel_and_target(void **state)
{
    (void)state;
    for (unsigned sel = 0; sel < 4; sel++) {
        for (unsigned target = 0; target < 2; target++) {
            for (int selected = 0; selected < 2; selected++) {
                for (unsigned is_b = 0; is_b < 2; is_b++) {
                    struct bench bench;
                    bench_open(&bench, rig_link_a, 3);
                    choose(&bench, 4, selected ? 0 : 4, 1, 0, "", 0);
                    choose(&bench, 3, is_b ? 4 : 0, 1, 0, "", 0);
                    bool fits = sel < 2 || (sel == 3) == selected;
                    enum tag_event want =
                        fits && is_b == target ? TAG_EVENT_REPLY : TAG_EVENT_COMMAND;
                    assert_int_equal(query(&bench, sel, 3, target, 0), want);
                }
            }
        }
    }
}

static void read_once(struct bench *bench, unsigned session)
{
    char rep[8] = "00";
    rig_append(rep, session, 2);
    assert_int_equal(query(bench, 0, session, 0, 0), TAG_EVENT_REPLY);
    assert_int_equal(ack(bench, bench->tag.rn16), TAG_EVENT_REPLY);
    send(bench, rep);
    assert_true(bench->tag.is_b[session]);
}

static bool answers_a(struct bench *bench, unsigned session)
{
    return query(bench, 0, session, 0, 0) == TAG_EVENT_REPLY;
}

static void tag_flags_persist_as_the_sessions_ask(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct bench bench;
        for (unsigned session = 0; session < 4; session++) {
            /* a flicker of the field */
            bench_open(&bench, rig_link_a, seed);
            read_once(&bench, session);
            dark(&bench, 0.001);
            assert_int_equal(answers_a(&bench, session), session == 0);
            /* 450 ms dark: S1 still B */
            bench_open(&bench, rig_link_a, seed);
            read_once(&bench, session);
            dark(&bench, 0.45);
            assert_int_equal(answers_a(&bench, session), session == 0);
            /* lit for 6 s: only S1 runs out */
            bench_open(&bench, rig_link_a, seed);
            read_once(&bench, session);
            bench.now_us += 6e6;
            assert_int_equal(answers_a(&bench, session), session == 1);
            /* 2 s dark: S2, S3 still B; 100 s: gone */
            bench_open(&bench, rig_link_a, seed);
            read_once(&bench, session);
            bench.now_us += 3e6;
            dark(&bench, 2.0);
            assert_true(session < 2 || !answers_a(&bench, session));
            dark(&bench, 100.0);
            assert_true(answers_a(&bench, session));
        }
        bench_open(&bench, rig_link_a, seed);
        choose(&bench, 4, 0, 1, 0, "", 0);
        dark(&bench, 2.0);
        assert_true(bench.tag.is_selected);
        dark(&bench, 100.0);
        assert_false(bench.tag.is_selected);
    }
}

/* Between 0.5 and 5 s after it was set, lit all the time, S1 is A again: not sooner, not later, and
 * not for ever once it was set anew. */
static void tag_s1_runs_out_while_lit(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct bench bench;
        bench_open(&bench, rig_link_a, seed);
        read_once(&bench, 1);
        double set_us = bench.now_us;
        while (!answers_a(&bench, 1)) {
            assert_true(bench.now_us - set_us < 5.02e6);
            bench.now_us += 10e3;
        }
        double held_us = bench.now_us - set_us;
        assert_true(held_us > 0.5e6);
        bench_open(&bench, rig_link_a, seed);
        read_once(&bench, 1);
        bench.now_us += 0.9 * held_us;
        choose(&bench, 1, 4, 1, 0, "", 0); /* set to B again: counts from here */
        bench.now_us += 0.9 * held_us;
        assert_false(answers_a(&bench, 1));
        bench.now_us += 0.2 * held_us;
        assert_true(answers_a(&bench, 1));
    }
}

/* [M] A round that the tag is part of does not lose it because S1 ran out meanwhile. */
static void tag_s1_waits_for_the_rounds_end(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, rig_link_a, 3);
    read_once(&bench, 1);
    assert_int_equal(query(&bench, 0, 1, 1, 4), TAG_EVENT_COMMAND);
    assert_int_equal(bench.tag.state, TAG_ARBITRATE);
    bench.now_us += 6e6; /* by itself it is A by now */
    while (bench.tag.state == TAG_ARBITRATE) {
        send(&bench, "0001");
    }
    assert_int_equal(ack(&bench, bench.tag.rn16), TAG_EVENT_REPLY);
    send(&bench, "0001"); /* from the round's B to A, not from A to B */
    assert_false(bench.tag.is_b[1]);
    assert_true(answers_a(&bench, 1));
}

/* A dark time as long as the flags last, again and again, with light in between. */
static void tag_flags_are_refreshed_by_light(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, rig_link_a, 3);
    read_once(&bench, 2);
    read_once(&bench, 3);
    choose(&bench, 4, 0, 1, 0, "", 0);
    for (int i = 0; i < 30; i++) {
        dark(&bench, 2.0);
        bench.now_us += 1e5;
    }
    assert_false(answers_a(&bench, 2));
    assert_false(answers_a(&bench, 3));
    assert_true(bench.tag.is_selected);
}

static void tag_truncates_after_the_last_select_only(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, rig_link_a, 9);
    choose(&bench, 4, 0, 1, 32, "00110000", 1);
    query(&bench, 3, 0, 0, 0);
    ack(&bench, bench.tag.rn16);
    assert_int_equal(bench.tag.reply.code.n_bits, 5 + 88 + 16);
    choose(&bench, 4, 0, 1, 32, "00110000", 0); /* a later Select without Truncate */
    query(&bench, 3, 0, 0, 0);
    ack(&bench, bench.tag.rn16);
    assert_int_equal(bench.tag.reply.code.n_bits, 128);
    choose(&bench, 4, 0, 1, 32, "00110000", 1);
    dark(&bench, 0.001); /* SL outlasts it, the truncation does not */
    query(&bench, 3, 0, 0, 0);
    ack(&bench, bench.tag.rn16);
    assert_int_equal(bench.tag.reply.code.n_bits, 128);
    /* a mask that ends beyond the EPC makes the Select invalid, one that ends with it does not */
    char mask[128] = "";
    append_hex(mask, sgtin_hex);
    assert_int_equal(choose(&bench, 4, 0, 1, 32, mask, 1), TAG_EVENT_COMMAND);
    query(&bench, 3, 0, 0, 0);
    ack(&bench, bench.tag.rn16);
    assert_int_equal(bench.tag.reply.code.n_bits, 21); /* 00000 and PacketCRC */
    assert_int_equal(choose(&bench, 4, 0, 1, 33, mask, 1), TAG_EVENT_NONE);
}

static void tag_takes_b_to_a(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, rig_link_a, 3);
    read_once(&bench, 2);
    assert_int_equal(query(&bench, 0, 2, 1, 0), TAG_EVENT_REPLY);
    ack(&bench, bench.tag.rn16);
    send(&bench, "0010");
    assert_false(bench.tag.is_b[2]);
    bring(&bench, TAG_ACKNOWLEDGED); /* a Query of another session does not flip */
    query(&bench, 0, 1, 0, 0);
    assert_false(bench.tag.is_b[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tag_select_actions_follow_the_table),
        cmocka_unit_test(tag_select_reads_every_bank),
        cmocka_unit_test(tag_query_asks_sel_and_target),
        cmocka_unit_test(tag_flags_persist_as_the_sessions_ask),
        cmocka_unit_test(tag_s1_runs_out_while_lit),
        cmocka_unit_test(tag_s1_waits_for_the_rounds_end),
        cmocka_unit_test(tag_flags_are_refreshed_by_light),
        cmocka_unit_test(tag_truncates_after_the_last_select_only),
        cmocka_unit_test(tag_takes_b_to_a),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
