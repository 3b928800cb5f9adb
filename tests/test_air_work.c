/* test_air_work.c - changes of a tag's memory in time: delayed replies, power lost meanwhile, a field
 * too weak, replies lost on the way. Truth: gen2.md sections 3 and 7. */
#include "tag_bench.h"

static const struct tag_equipment full = {
    .n_user_words = 256, .access_password = 0x12345678, .kill_password = 0xDEADC0DE};

static void work_delayed_replies_wait_for_the_write(void **state)
{
    (void)state;
    for (int trext = 0; trext < 2; trext++) {
        struct bench bench;
        bring_equipped(&bench, TAG_SECURED, &full);
        bench.tag.link.trext = trext;
        read_words(&bench, 2, 0, 1);
        assert_int_equal(bench.tag.reply.code.n_pilot, trext ? 24 : 0);
        assert_true(fabs(bench.tag.reply.start_tick / 2 - bench.now_us - 250) < 1e-6); /* T1 */
        bench.world.write_us = 7000;
        write_word(&bench, 3, 5, 0xABCD);
        assert_int_equal(bench.tag.reply.code.n_pilot, 24);
        assert_true(fabs(bench.tag.reply.start_tick / 2 - bench.now_us - 7000) < 1e-6);
        double end_us = bench.tag.reply.end_tick / 2;
        assert_int_equal(memory_word(&bench, TAG_BANK_USER, 5), 0);
        char bits[64] = "11000010110000010100000001"; /* Read it, 3 ms after: the tag is deaf */
        rig_append(bits, BENCH_HANDLE, 16);
        rig_append(bits, rig_crc16(bits, strlen(bits)), 16);
        assert_int_equal(send_at(&bench, bench.now_us + 3000, bits), TAG_EVENT_NONE);
        assert_int_equal(send_at(&bench, end_us + 75, bits), TAG_EVENT_REPLY);
        expect_words(&bench, "ABCD");
        write_word(&bench, 2, 0, 0); /* an error does not wait, but has the pilot */
        expect_error(&bench, 0x04);
        assert_int_equal(bench.tag.reply.code.n_pilot, 24);
        assert_true(fabs(bench.tag.reply.start_tick / 2 - bench.now_us - 250) < 1e-6);
    }
}

/* Another tag for every seed, Secured, whose changes take so long. */
static void open_secured(struct bench *bench, uint64_t seed, double write_us)
{
    bench_open_equipped(bench, rig_link_a, seed, &full);
    reach(bench, TAG_SECURED);
    bench->world.write_us = write_us;
}

/* Power that goes away after a share of the write time leaves a Write done with that probability,
 * and of a BlockWrite the first words. */
static void work_power_loss_cuts_writes(void **state)
{
    (void)state;
    static const double share[] = {0.25, 0.75, 1.01};
    for (size_t k = 0; k < 3; k++) {
        int n_done = 0;
        const int n = 400;
        for (int i = 0; i < n; i++) {
            struct bench bench;
            bench_open_equipped(&bench, rig_link_a, (uint64_t)i, &full);
            reach(&bench, TAG_SECURED);
            bench.world.write_us = 5000;
            write_word(&bench, 3, 1, 0x7777);
            bench.now_us += share[k] * 5000;
            dark(&bench, 0.01);
            unsigned word = memory_word(&bench, TAG_BANK_USER, 1);
            assert_true(word == 0 || word == 0x7777);
            n_done += word != 0;
            assert_int_equal(bench.tag.state, TAG_READY);
            assert_int_equal(bench.tag.store->work.kind, TAG_WORK_NONE);
        }
        double want = fmin(1.0, share[k]);
        assert_true(fabs((double)n_done / n - want) <= 4 * sqrt(want * (1 - want) / n));
    }
    unsigned n_partial = 0;
    for (unsigned i = 0; i < 40; i++) {
        struct bench bench;
        open_secured(&bench, i, 8000);
        char bits[400] = "110001111100000000"
                         "00001000";
        append_hex(bits, "11112222333344445555666677778888");
        command(&bench, bits, BENCH_HANDLE);
        bench.now_us += 200.0 * i + 100;
        dark(&bench, 0.01);
        unsigned n_words = 0;
        while (n_words < 8 && memory_word(&bench, TAG_BANK_USER, n_words)) {
            assert_int_equal(memory_word(&bench, TAG_BANK_USER, n_words), 0x1111 * (n_words + 1));
            n_words++;
        }
        for (unsigned w = n_words; w < 8; w++) {
            assert_int_equal(memory_word(&bench, TAG_BANK_USER, w), 0);
        }
        assert_in_range(n_words, i / 5, i / 5 + 1);
        n_partial += n_words > 0 && n_words < 8;
    }
    assert_true(n_partial >= 30);
}

static void work_power_loss_cuts_kill_and_lock(void **state)
{
    (void)state;
    int n_killed = 0;
    int n_locked = 0;
    for (uint64_t i = 0; i < 100; i++) {
        struct bench bench;
        open_secured(&bench, i, 5000);
        lock(&bench, 0x08020);
        bench.now_us += 2500;
        dark(&bench, 0.01);
        n_locked += bench.tag.store->memory.lock_bits == 0x02C;
        assert_true(bench.tag.store->memory.lock_bits == 0x02C ||
                    bench.tag.store->memory.lock_bits == 0x00C);
        reach(&bench, TAG_SECURED);
        both_halves(&bench, 0xC4, full.kill_password);
        bench.now_us += 2500;
        dark(&bench, 0.01);
        assert_int_equal(bench.tag.state,
                         bench.tag.store->memory.is_killed ? TAG_KILLED : TAG_READY);
        n_killed += bench.tag.store->memory.is_killed;
    }
    assert_in_range(n_killed, 30, 70); /* 50 +- 4 sigma */
    assert_in_range(n_locked, 30, 70);
}

static void work_lost_replies_were_carried_out(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    bench.world.reply_loss_ratio = 1;
    write_word(&bench, 3, 1, 0x7777);
    assert_true(bench.tag.reply.is_lost);
    finish_reply(&bench);
    assert_int_equal(memory_word(&bench, TAG_BANK_USER, 1), 0x7777);
    assert_int_equal(bench.tag.n_access_lost, 2); /* Req_RN's as well */
    query(&bench, 0, 2, 1, 0);
    assert_false(bench.tag.reply.is_lost); /* RN16 and EPC are none of those */
    ack(&bench, bench.tag.rn16);
    assert_false(bench.tag.reply.is_lost);
    bench.world.reply_loss_ratio = 0.3;
    bring_equipped(&bench, TAG_SECURED, &full);
    bench.world.reply_loss_ratio = 0.3;
    for (int i = 0; i < 1000; i++) {
        read_words(&bench, 2, 0, 1);
    }
    assert_in_range(bench.tag.n_access_lost, 242, 358); /* 300 +- 4 sigma */
}

static void work_weak_field_cannot_write(void **state)
{
    (void)state;
    struct bench bench;
    bring_equipped(&bench, TAG_SECURED, &full);
    bench.tag.lacks_write_power = true;
    write_word(&bench, 3, 1, 0x7777);
    expect_error(&bench, 0x0B);
    lock(&bench, 0x08020);
    expect_error(&bench, 0x0B);
    both_halves(&bench, 0xC4, full.kill_password);
    expect_error(&bench, 0x0B);
    finish_reply(&bench);
    assert_int_equal(bench.tag.state, TAG_SECURED);
    read_words(&bench, 3, 1, 1);
    expect_words(&bench, "0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_delayed_replies_wait_for_the_write),
        cmocka_unit_test(work_power_loss_cuts_writes),
        cmocka_unit_test(work_power_loss_cuts_kill_and_lock),
        cmocka_unit_test(work_lost_replies_were_carried_out),
        cmocka_unit_test(work_weak_field_cannot_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
