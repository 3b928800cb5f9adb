/* test_collide.c - two RN16s in one window against truth: the project's figures (Eb/N0 of the stronger,
 * random phases, each tag its own clock and T1), single replies and noise that must stay what they are,
 * and the module's own promises. Waveforms are the textbook encoder's (ref_reply.h). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dsp/collide.h"
#include "dsp/reply_rx.h"
#include "tests/ref_collision.h"

enum { TRIALS = 400, SINGLES = 2000 };

struct counts {
    double n, both, one, first, strongest, recovered, recovered_right, second, sure, sure_wrong;
};

static struct ref_collision collision;

static struct link link_of(double blf_hz, int m)
{
    struct link_cfg cfg = {
        .tari_us = 25.0, .data1_tari = 2.0, .pw_tari = 0.5, .blf_hz = blf_hz, .dr = 0, .m = m};
    cfg.tari_us = blf_hz > 350e3 ? 6.25 : blf_hz > 100e3 ? 12.5 : 25.0;
    struct link link;
    assert_int_equal(link_make(&cfg, &link), ST_OK);
    return link;
}

static struct reply_rx *receiver_new(double rate_sps, unsigned n_channels, const char *resolve)
{
    const struct option_table *const tables[] = {&reply_rx_options};
    struct option_set *set = NULL;
    struct reply_rx_cfg cfg;
    struct reply_rx *rx = NULL;
    assert_int_equal(option_set_new(tables, 1, &set), ST_OK);
    if (resolve) {
        assert_int_equal(option_set_text(set, "dsp.resolve_collisions", resolve, "test"), ST_OK);
    }
    option_fill(set, &reply_rx_options, &cfg);
    option_set_free(&set);
    assert_int_equal(reply_rx_new(&cfg, rate_sps, n_channels, &rx), ST_OK);
    return rx;
}

/* The whole window in blocks. */
static void receive(struct reply_rx *rx, const struct link *link, size_t block,
                    struct reply_result *result)
{
    struct reply_listen listen;
    reply_listen_init(&listen, link, REPLY_KIND_RN16, collision.cfg.from_tick);
    reply_rx_begin(rx, &listen);
    int64_t promise = reply_listen_not_before(&listen, collision.cfg.rate_sps);
    for (size_t at = 0; at < collision.n_samples; at += block) {
        size_t n = block < collision.n_samples - at ? block : collision.n_samples - at;
        const float _Complex *const sample[] = {collision.sample[0] + at, collision.sample[1] + at};
        int64_t now = reply_rx_not_before(rx);
        promise = now > promise ? now : promise;
        if (reply_rx_push(rx, sample, n, (int64_t)at, result)) {
            assert_true(result->ready_tick >= promise);
            assert_true(result->ready_tick <= (int64_t)(at + n));
            return;
        }
    }
    reply_rx_cut(rx, result);
}

static void count(const struct reply_result *result, struct counts *counts)
{
    bool is_read = result->verdict == REPLY_DECODED;
    int first = is_read ? ref_collision_tag_of(&collision, result->bits.bit) : -1;
    int second =
        result->second.is_known ? ref_collision_tag_of(&collision, result->second.bit) : -1;
    counts->n += 1.0;
    counts->both += first >= 0 && second >= 0 && first != second;
    counts->one += first >= 0 || second >= 0;
    counts->first += first >= 0;
    counts->strongest += first == 0;
    counts->recovered += result->is_recovered;
    counts->recovered_right += result->is_recovered && first >= 0;
    counts->second += result->second.is_known;
    bool is_sure = result->is_recovered && result->right_ratio > 0.99;
    counts->sure += is_sure;
    counts->sure_wrong += is_sure && first < 0;
}

static struct counts trials_run(struct reply_rx *rx, const struct link *link,
                                const struct ref_collision_cfg *cfg, unsigned n, uint64_t seed)
{
    struct counts counts = {0};
    struct reply_result result;
    for (unsigned k = 0; k < n; k++) {
        ref_collision_draw(&collision, cfg, seed + k * 0xD1342543DE82EF95u);
        receive(rx, link, 4096, &result);
        count(&result, &counts);
    }
    return counts;
}

static void counts_say(const char *what, const struct counts *c)
{
    print_message("%s: both %.3f, one %.3f, first %.3f, the strongest first %.3f; recovered %.3f, "
                  "wrong %.3f; sure %.3f, of these wrong %.4f (%.0f)\n",
                  what, c->both / c->n, c->one / c->n, c->first / c->n, c->strongest / c->n,
                  c->recovered / c->n, (c->recovered - c->recovered_right) / c->n, c->sure / c->n,
                  c->sure > 0.0 ? c->sure_wrong / c->sure : 0.0, c->n);
}

struct gate {
    const char *what;
    double rate_sps, blf_hz;
    int m;
    double below_db, ebn0_db, both, first;
};

/* The project's figures, at FM0 40 and 640 kHz; the same is asked of Miller. */
static const struct gate gates[] = {
    {"fm0 40 kHz, equal power", 2e6, 40e3, LINK_FM0, 0.0, 18.0, 0.60, 0.75},
    {"fm0 40 kHz, 3 dB", 2e6, 40e3, LINK_FM0, 3.0, 18.0, 0.80, 0.95},
    {"fm0 40 kHz, 6 dB", 2e6, 40e3, LINK_FM0, 6.0, 18.0, 0.80, 0.95},
    {"fm0 640 kHz, equal power", 8e6, 640e3, LINK_FM0, 0.0, 18.0, 0.60, 0.75},
    {"fm0 640 kHz, 3 dB", 8e6, 640e3, LINK_FM0, 3.0, 18.0, 0.80, 0.95},
    {"fm0 640 kHz, 6 dB", 8e6, 640e3, LINK_FM0, 6.0, 18.0, 0.80, 0.95},
    {"miller-2 320 kHz, equal power", 4e6, 320e3, LINK_M2, 0.0, 18.0, 0.60, 0.75},
    {"miller-2 320 kHz, 3 dB", 4e6, 320e3, LINK_M2, 3.0, 18.0, 0.80, 0.95},
    {"miller-4 320 kHz, equal power", 4e6, 320e3, LINK_M4, 0.0, 18.0, 0.60, 0.75},
    {"miller-4 320 kHz, 3 dB", 4e6, 320e3, LINK_M4, 3.0, 18.0, 0.80, 0.95},
    {"miller-8 320 kHz, equal power", 4e6, 320e3, LINK_M8, 0.0, 18.0, 0.60, 0.75},
    {"miller-8 320 kHz, 3 dB", 4e6, 320e3, LINK_M8, 3.0, 18.0, 0.80, 0.95},
};

static void collide_reaches_the_figures(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < sizeof gates / sizeof *gates; k++) {
        const struct gate *gate = &gates[k];
        struct link link = link_of(gate->blf_hz, gate->m);
        struct ref_collision_cfg cfg =
            ref_collision_pair(&link, gate->rate_sps, gate->below_db, gate->ebn0_db);
        struct reply_rx *rx = receiver_new(gate->rate_sps, 1, NULL);
        struct counts counts = trials_run(rx, &link, &cfg, TRIALS, 1 + k);
        counts_say(gate->what, &counts);
        assert_true(counts.both >= gate->both * counts.n);
        assert_true(counts.first >= gate->first * counts.n);
        reply_rx_free(&rx);
    }
}

/* Without it, equal power is lost: what is gained is the module's. */
static void collide_is_what_reads_them(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 0.0, 18.0);
    struct reply_rx *plain = receiver_new(2e6, 1, "no"), *rx = receiver_new(2e6, 1, "yes");
    struct counts without = trials_run(plain, &link, &cfg, TRIALS, 7);
    struct counts with = trials_run(rx, &link, &cfg, TRIALS, 7);
    counts_say("without", &without);
    counts_say("with", &with);
    assert_true(without.second == 0.0);
    assert_true(without.recovered == 0.0);
    assert_true(with.first > without.first + 0.3 * with.n);
    reply_rx_free(&plain);
    reply_rx_free(&rx);
}

/* The baseline: nothing of two tags, however much stronger one of them is, and all of one alone. */
static void collide_drop_reads_no_collision(void **unused)
{
    (void)unused;
    struct link link = link_of(640e3, LINK_FM0);
    struct reply_rx *rx = receiver_new(8e6, 1, "drop");
    for (double below_db = 0.0; below_db < 7.0; below_db += 3.0) {
        struct ref_collision_cfg cfg = ref_collision_pair(&link, 8e6, below_db, 25.0);
        struct counts counts = trials_run(rx, &link, &cfg, TRIALS, 7);
        assert_true(counts.one <= 0.02 * counts.n);
        cfg.n_tags = 1;
        counts = trials_run(rx, &link, &cfg, TRIALS, 7);
        assert_true(counts.first >= 0.995 * counts.n);
    }
    reply_rx_free(&rx);
}

/* What it is sure of is right: of collisions called so, at most 3 % are others than were sent. */
static void collide_knows_how_sure_it_is(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct reply_rx *rx = receiver_new(2e6, 1, NULL);
    for (double ebn0_db = 10.0; ebn0_db < 19.0; ebn0_db += 4.0) {
        struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 1.5, ebn0_db);
        struct counts counts = trials_run(rx, &link, &cfg, TRIALS, 11);
        counts_say("1.5 dB", &counts);
        assert_true(counts.sure > 0.5 * counts.n);
        assert_true(counts.sure_wrong <= 0.03 * counts.sure);
    }
    reply_rx_free(&rx);
}

/* Gain, start and clock of both tags are those that were drawn, but for tags nearly in phase. */
static void collide_measures_both_tags(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 4.0, 25.0);
    struct reply_rx *rx = receiver_new(2e6, 1, NULL);
    struct reply_result result;
    unsigned n = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        ref_collision_draw(&collision, &cfg, seed);
        receive(rx, &link, 4096, &result);
        if (!result.second.is_known || ref_collision_tag_of(&collision, result.bits.bit) != 0 ||
            ref_collision_tag_of(&collision, result.second.bit) != 1) {
            continue;
        }
        const struct ref_reply *first = &collision.reply[0], *second = &collision.reply[1];
        assert_int_equal(result.cause, REPLY_CAUSE_COLLISION);
        double gain = cabs(first->gain);
        bool is_near = cabs((double _Complex)result.gain - first->gain) < 0.15 * gain &&
                       cabs((double _Complex)result.second.gain - second->gain) < 0.2 * gain &&
                       fabs(result.blf_hz / first->blf_hz - 1.0) < 0.004 &&
                       fabs(result.second.blf_hz / second->blf_hz - 1.0) < 0.006 &&
                       fabs(result.start_tick - first->start_tick) < 4.0 && /* of 25 a half-cycle */
                       fabs(result.second.start_tick - second->start_tick) < 6.0 &&
                       fabs(result.end_tick - first->edge[first->n_levels]) < 4.0;
        n += is_near;
    }
    print_message("%u of 100 measured\n", n);
    assert_true(n >= 90);
    reply_rx_free(&rx);
}

/* A single reply, still or with a clock that drifts as far as it may, is one tag. */
static void collide_leaves_single_replies_whole(void **unused)
{
    (void)unused;
    static const struct {
        double rate_sps, blf_hz;
        int m;
    } links[] = {{2e6, 40e3, LINK_FM0}, {8e6, 640e3, LINK_FM0}, {4e6, 320e3, LINK_M4}};
    for (size_t l = 0; l < sizeof links / sizeof *links; l++) {
        struct link link = link_of(links[l].blf_hz, links[l].m);
        struct reply_rx *rx = receiver_new(links[l].rate_sps, 1, NULL);
        double splits = 0.0, n = 0.0;
        for (int k = 0; k < 10; k++) {
            struct ref_collision_cfg cfg =
                ref_collision_pair(&link, links[l].rate_sps, 0.0, 5.0 + 5.0 * (k / 2));
            cfg.n_tags = 1;
            cfg.drift_ratio = k % 2 ? 0.025 : 0.0;
            struct counts counts = trials_run(
                rx, &link, &cfg, links[l].m == LINK_FM0 ? SINGLES : SINGLES / 4, 100 + k);
            splits += counts.recovered;
            n += counts.n;
        }
        print_message("%.0f kHz, m %d: %.0f of %.0f singles split\n", 1e-3 * links[l].blf_hz,
                      links[l].m, splits, n);
        assert_true(splits < 1e-3 * n);
        reply_rx_free(&rx);
    }
}

static void collide_hears_nothing_in_noise(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 0.0, 10.0);
    cfg.n_tags = 0;
    struct reply_rx *rx = receiver_new(2e6, 1, NULL);
    struct counts counts = trials_run(rx, &link, &cfg, 5000, 3);
    assert_true(counts.recovered == 0.0);
    reply_rx_free(&rx);
}

/* Three at once: no figure is asked for. Most have one that can be read; what is wrong costs an ACK that
 * nobody answers, which pays as long as it is a fraction of what is right. */
static void collide_may_read_the_strongest_of_three(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct reply_rx *plain = receiver_new(2e6, 1, "no"), *rx = receiver_new(2e6, 1, NULL);
    static const double first_min[] = {0.4, 0.65, 0.9};
    for (unsigned k = 0; k < 3; k++) {
        struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 3.0 * k, 18.0);
        cfg.n_tags = 3;
        struct counts without = trials_run(plain, &link, &cfg, TRIALS, 5);
        struct counts with = trials_run(rx, &link, &cfg, TRIALS, 5);
        counts_say("three tags, without", &without);
        counts_say("three tags, with", &with);
        assert_true(with.first >= without.first);
        assert_true(with.first >= first_min[k] * with.n);
        assert_true(with.recovered - with.recovered_right <= 0.25 * with.first);
    }
    reply_rx_free(&plain);
    reply_rx_free(&rx);
}

/* A second antenna sees both tags in other phases: it does no harm, and both gains are told at each. */
static void collide_works_with_two_antennas(void **unused)
{
    (void)unused;
    struct link link = link_of(40e3, LINK_FM0);
    struct reply_rx *rx = receiver_new(2e6, 2, NULL);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 2e6, 3.0, 18.0);
    cfg.n_channels = 2;
    struct counts counts = trials_run(rx, &link, &cfg, TRIALS, 9);
    counts_say("two antennas, 3 dB", &counts);
    assert_true(counts.both >= 0.8 * counts.n);
    assert_true(counts.first >= 0.95 * counts.n);
    cfg.ebn0_db = 25.0;
    unsigned n = 0, n_near = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct reply_result result;
        ref_collision_draw(&collision, &cfg, seed);
        receive(rx, &link, 4096, &result);
        if (result.is_recovered && ref_collision_tag_of(&collision, result.bits.bit) == 0) {
            double _Complex own = result.channel_gain[0], other = result.channel_gain[1];
            n++;
            n_near += cabs(own - collision.reply[0].gain) < 0.2 * cabs(own) &&
                      cabs(other - collision.other_gain[0]) < 0.2 * cabs(own);
        }
    }
    print_message("gains told at both antennas in %u of %u\n", n_near, n);
    assert_true(n >= 60); /* the rest: the sum for the stronger leaves little of the other */
    assert_true(n_near >= 0.9 * n);
    reply_rx_free(&rx);
}

/* However the samples are cut, and run after run. */
static void collide_does_not_depend_on_blocks(void **unused)
{
    (void)unused;
    struct link link = link_of(640e3, LINK_FM0);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 8e6, 2.0, 16.0);
    struct reply_rx *rx = receiver_new(8e6, 1, NULL);
    static const size_t blocks[] = {1, 7, 64, 1000, 20000};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct reply_result reference, result;
        ref_collision_draw(&collision, &cfg, seed);
        receive(rx, &link, blocks[0], &reference);
        for (size_t k = 1; k < sizeof blocks / sizeof *blocks; k++) {
            receive(rx, &link, blocks[k], &result);
            assert_int_equal(result.verdict, reference.verdict);
            assert_int_equal(result.ready_tick, reference.ready_tick);
            assert_int_equal(result.is_recovered, reference.is_recovered);
            assert_int_equal(result.second.is_known, reference.second.is_known);
            assert_int_equal(result.bits.n_bits, reference.bits.n_bits);
            assert_memory_equal(result.bits.bit, reference.bits.bit, result.bits.n_bits);
            assert_memory_equal(result.second.bit, reference.second.bit, result.second.n_bits);
            assert_memory_equal(&result.gain, &reference.gain, sizeof result.gain);
        }
    }
    reply_rx_free(&rx);
}

/* Cut while the second reply is still coming in: a verdict all the same. */
static void collide_takes_a_cut_anywhere(void **unused)
{
    (void)unused;
    struct link link = link_of(640e3, LINK_FM0);
    struct ref_collision_cfg cfg = ref_collision_pair(&link, 8e6, 2.0, 18.0);
    struct reply_rx *rx = receiver_new(8e6, 1, NULL);
    struct reply_listen listen;
    unsigned n_recovered = 0;
    ref_collision_draw(&collision, &cfg, 4);
    for (size_t n = 10; n < collision.n_samples; n += 3) {
        struct reply_result result;
        const float _Complex *sample = collision.sample[0];
        reply_listen_init(&listen, &link, REPLY_KIND_RN16, cfg.from_tick);
        reply_rx_begin(rx, &listen);
        if (!reply_rx_push(rx, &sample, n, 0, &result)) {
            reply_rx_cut(rx, &result);
        }
        n_recovered += result.is_recovered;
    }
    assert_true(n_recovered > 0);
    reply_rx_free(&rx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collide_reaches_the_figures),
        cmocka_unit_test(collide_is_what_reads_them),
        cmocka_unit_test(collide_drop_reads_no_collision),
        cmocka_unit_test(collide_knows_how_sure_it_is),
        cmocka_unit_test(collide_measures_both_tags),
        cmocka_unit_test(collide_leaves_single_replies_whole),
        cmocka_unit_test(collide_hears_nothing_in_noise),
        cmocka_unit_test(collide_may_read_the_strongest_of_three),
        cmocka_unit_test(collide_works_with_two_antennas),
        cmocka_unit_test(collide_does_not_depend_on_blocks),
        cmocka_unit_test(collide_takes_a_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
