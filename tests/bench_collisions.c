/* bench_collisions.c - two tags in one slot: how often both RN16s are right, and the one that would be
 * acknowledged, beside the bound of limits.md section 5; how often a single reply is split; what it costs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/require.h"
#include "tests/bench.h"
#include "tests/bench_count.h"
#include "tests/bench_window.h"
#include "tests/ref_collision.h"

enum { COST_TRIALS = 400, COST_TIMES = 5, EBN0S = 3, SINGLE_LEVELS = 5 };

struct bound_row { /* limits.md section 5: channels known, joint ML, equal timing, one antenna */
    double below_db;
    double both[EBN0S], one[EBN0S];
};
static const double bound_ebn0_db[EBN0S] = {10.0, 14.0, 18.0};
static const struct bound_row bounds[] = {
    {0.0, {0.80, 0.87, 0.92}, {0.80, 0.87, 0.92}},
    {3.0, {0.88, 0.98, 1.00}, {0.89, 0.98, 1.00}},
    {6.0, {0.80, 1.00, 1.00}, {0.98, 1.00, 1.00}},
    {10.0, {0.28, 0.82, 1.00}, {1.00, 1.00, 1.00}},
};

static const struct bound_row bound_two_antennas = {0.0, {0.98, 0.99, 1.00}, {0.98, 0.99, 1.00}};

enum {
    COUNT_N,
    COUNT_BOTH,
    COUNT_ONE,
    COUNT_FIRST,
    COUNT_STRONGEST,
    COUNT_RECOVERED,
    COUNT_HEARD,
    COUNT_PLAIN, /* the receiver that resolves no collisions reads one of them */
};

struct counting {
    const struct link *link;
    struct ref_collision_cfg cfg;
    struct reply_rx *rx, *plain; /* plain: NULL when not asked */
};

static struct ref_collision collision;

static void receive(struct reply_rx *rx, const struct link *link, struct reply_result *result)
{
    struct reply_listen listen;
    const float _Complex *const sample[] = {collision.sample[0], collision.sample[1]};
    reply_listen_init(&listen, link, REPLY_KIND_RN16, collision.cfg.from_tick);
    reply_rx_begin(rx, &listen);
    if (!reply_rx_push(rx, sample, collision.n_samples, 0, result)) {
        reply_rx_cut(rx, result);
    }
}

static int tag_of(const struct reply_result *result)
{
    return result->verdict == REPLY_DECODED ? ref_collision_tag_of(&collision, result->bits.bit)
                                            : -1;
}

static void collision_trial(void *context, uint64_t index, double *counter)
{
    const struct counting *counting = context;
    struct reply_result result;
    ref_collision_draw(&collision, &counting->cfg, 1 + index * 0xD1342543DE82EF95u);
    receive(counting->rx, counting->link, &result);
    int first = tag_of(&result);
    int second = result.second.is_known ? ref_collision_tag_of(&collision, result.second.bit) : -1;
    counter[COUNT_N] += 1.0;
    counter[COUNT_BOTH] += first >= 0 && second >= 0 && first != second;
    counter[COUNT_ONE] += first >= 0 || second >= 0;
    counter[COUNT_FIRST] += first >= 0;
    counter[COUNT_STRONGEST] += first == 0;
    counter[COUNT_RECOVERED] += result.is_recovered;
    counter[COUNT_HEARD] += result.verdict == REPLY_DECODED;
    if (counting->plain) {
        receive(counting->plain, counting->link, &result);
        counter[COUNT_PLAIN] += tag_of(&result) >= 0;
    }
}

static void counting_init(struct counting *counting, const struct link *link, unsigned n_tags,
                          double below_db, double ebn0_db)
{
    counting->link = link;
    counting->cfg = ref_collision_pair(link, bench_rate_sps(link), below_db, ebn0_db);
    counting->cfg.n_tags = n_tags;
    counting->cfg.leak_db = 60.0;
}

/* `bound`: NULL where none is known. */
static int pair_run(struct bench_run *run, const char *code, struct counting *counting,
                    const struct bound_row *bound, size_t k)
{
    char label[128], extra[360], number[2][32];
    double counter[BENCH_COUNTERS] = {0};
    snprintf(label, sizeof label, "%s: %u tags%s, %g dB apart, Eb/N0 %g dB", code,
             counting->cfg.n_tags, counting->cfg.n_channels > 1 ? ", 2 antennas" : "",
             counting->cfg.below_db[1], counting->cfg.ebn0_db);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    if (bench_count(run, collision_trial, counting, 0, run->quick ? 200 : 4000, counter)) {
        return 1;
    }
    double n = counter[COUNT_N];
    snprintf(
        extra, sizeof extra,
        "\"n\":%.0f,\"ebn0_db\":%g,\"below_db\":%g,\"one\":%.4f,\"first\":%.4f,\"wrong\":%.4f,"
        "\"strongest_first\":%.4f,\"bound_both\":%s,\"bound_one\":%s,\"first_unresolved\":%.4f",
        n, counting->cfg.ebn0_db, counting->cfg.below_db[1], counter[COUNT_ONE] / n,
        counter[COUNT_FIRST] / n, (counter[COUNT_HEARD] - counter[COUNT_FIRST]) / n,
        counter[COUNT_STRONGEST] / n, bench_number(bound ? bound->both[k] : NAN, number[0]),
        bench_number(bound ? bound->one[k] : NAN, number[1]), counter[COUNT_PLAIN] / n);
    bench_print(run, label, counter[COUNT_BOTH] / n, "both right", extra);
    return 0;
}

/* One reply, or none, that is taken for two. */
static int split_run(struct bench_run *run, const char *code, struct counting *counting,
                     const char *what)
{
    char label[128], extra[160];
    double counter[BENCH_COUNTERS] = {0};
    snprintf(label, sizeof label, "%s: %s", code, what);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    if (bench_count(run, collision_trial, counting, 0, run->quick ? 1000 : 40000, counter)) {
        return 1;
    }
    snprintf(extra, sizeof extra, "\"n\":%.0f,\"ebn0_db\":%g,\"drift_ratio\":%g,\"split\":%.0f",
             counter[COUNT_N], counting->cfg.ebn0_db, counting->cfg.drift_ratio,
             counter[COUNT_RECOVERED]);
    bench_print(run, label, counter[COUNT_RECOVERED] / counter[COUNT_N], "false splits", extra);
    return 0;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* From the last sample that a verdict waits for to that verdict, us: the least of several times, blocks of
 * 2 Tpri before.   out NaN: not told apart (or, of a single reply, not read) */
static double tail_us(const struct counting *counting)
{
    struct reply_result result;
    receive(counting->rx, counting->link, &result);
    bool wanted = counting->cfg.n_tags > 1 ? result.is_recovered : result.verdict == REPLY_DECODED;
    size_t last = (size_t)result.ready_tick - 1;
    if (!wanted || last + 1 > collision.n_samples) {
        return NAN;
    }
    const size_t block = (size_t)(2.0 * collision.cfg.rate_sps / counting->link->blf_hz);
    double least_us = INFINITY;
    for (unsigned k = 0; k < COST_TIMES; k++) {
        struct reply_listen listen;
        reply_listen_init(&listen, counting->link, REPLY_KIND_RN16, collision.cfg.from_tick);
        reply_rx_begin(counting->rx, &listen);
        for (size_t at = 0; at < last; at += block) {
            const float _Complex *const sample[] = {collision.sample[0] + at};
            size_t n = last - at < block ? last - at : block;
            bool early = reply_rx_push(counting->rx, sample, n, (int64_t)at, &result);
            require(!early);
        }
        const float _Complex *const sample[] = {collision.sample[0] + last};
        double start = bench_cpu_s();
        bool over = reply_rx_push(counting->rx, sample, 1, (int64_t)last, &result);
        least_us = fmin(least_us, 1e6 * (bench_cpu_s() - start));
        require(over);
    }
    return least_us;
}

/* Sorted.   out us[COST_TRIALS], returns how many */
static size_t cost_measure(const struct counting *counting, double *us)
{
    size_t n = 0;
    for (unsigned k = 0; k < COST_TRIALS; k++) {
        ref_collision_draw(&collision, &counting->cfg, 1 + k * 0xD1342543DE82EF95u);
        double spent_us = tail_us(counting);
        if (!isnan(spent_us)) {
            us[n++] = spent_us;
        }
    }
    qsort(us, n, sizeof *us, compare_doubles);
    return n;
}

static int cost_run(struct bench_run *run, const char *code, struct counting *counting)
{
    static double us[COST_TRIALS], single_us[COST_TRIALS];
    char label[128], extra[256];
    snprintf(label, sizeof label, "%s: cost of a collision", code);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    size_t n = cost_measure(counting, us);
    counting->cfg.n_tags = 1;
    size_t n_single = cost_measure(counting, single_us);
    if (n == 0 || n_single == 0) {
        fprintf(stderr, "zpreader-bench: %s: nothing is read\n", label);
        return 1;
    }
    snprintf(extra, sizeof extra,
             "\"n\":%zu,\"p99_us\":%.1f,\"max_us\":%.1f,\"single_us\":%.1f,\"to_single\":%.2f,"
             "\"t2_max_us\":%.1f",
             n, us[n * 99 / 100], us[n - 1], single_us[n_single / 2],
             us[n / 2] / single_us[n_single / 2], counting->link->t2_max_us);
    bench_print(run, label, us[n / 2], "us from the last sample", extra);
    return 0;
}

static int pairs_run(struct bench_run *run, const char *code, struct counting *counting,
                     const struct link *link)
{
    int failed = 0;
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        for (size_t k = 0; k < EBN0S && !failed; k++) {
            counting_init(counting, link, 2, bounds[b].below_db, bound_ebn0_db[k]);
            failed = pair_run(run, code, counting, &bounds[b], k);
        }
    }
    for (double below_db = 0.0; below_db < 7.0 && !failed; below_db += 3.0) {
        counting_init(counting, link, 3, below_db, 18.0);
        failed = pair_run(run, code, counting, NULL, 0);
    }
    return failed;
}

static int antennas_run(struct bench_run *run, const struct bench_code *code)
{
    struct link link;
    struct counting counting = {0};
    int failed = bench_receiver_new(run, code, false, NULL, 2, false, &link, &counting.rx);
    for (double below_db = 0.0; below_db < 4.0; below_db += 3.0) {
        for (size_t k = 0; k < EBN0S && !failed; k++) {
            counting_init(&counting, &link, 2, below_db, bound_ebn0_db[k]);
            counting.cfg.n_channels = 2;
            failed = pair_run(run, code->label, &counting,
                              below_db > 0.0 ? NULL : &bound_two_antennas, k);
        }
    }
    reply_rx_free(&counting.rx);
    return failed;
}

static int splits_run(struct bench_run *run, const char *code, struct counting *counting,
                      const struct link *link)
{
    int failed = 0;
    char what[64];
    for (int k = 0; k < 2 * SINGLE_LEVELS && !failed; k++) {
        counting_init(counting, link, 1, 0.0, 5.0 + 5.0 * (k / 2));
        counting->cfg.drift_ratio = k % 2 ? 0.025 : 0.0;
        snprintf(what, sizeof what, "single%s, Eb/N0 %g dB", k % 2 ? ", drifting clock" : "",
                 counting->cfg.ebn0_db);
        failed = split_run(run, code, counting, what);
    }
    counting_init(counting, link, 0, 0.0, 10.0);
    return failed || split_run(run, code, counting, "noise only");
}

static int code_run(struct bench_run *run, const struct bench_code *code)
{
    static const char *const off[] = {"dsp.resolve_collisions", "no", NULL};
    struct link link;
    struct counting counting = {0};
    int failed = bench_receiver_new(run, code, false, off, 1, false, &link, &counting.plain);
    failed = failed || bench_receiver_new(run, code, false, NULL, 1, false, &link, &counting.rx);
    if (!failed) {
        failed = pairs_run(run, code->label, &counting, &link);
        struct reply_rx *plain = counting.plain;
        counting.plain = NULL;
        failed = failed || splits_run(run, code->label, &counting, &link);
        counting.plain = plain;
        counting_init(&counting, &link, 2, 3.0, 18.0);
        failed = failed || cost_run(run, code->label, &counting);
    }
    reply_rx_free(&counting.plain);
    reply_rx_free(&counting.rx);
    return failed || antennas_run(run, code);
}

static int run_collisions(struct bench_run *run)
{
    int failed = 0;
    for (size_t k = 0; k < bench_n_codes && !failed; k++) {
        bool is_fast = bench_codes[k].blf_hz == 640e3 && strcmp(bench_codes[k].m_name, "fm0") == 0;
        if (bench_codes[k].quick || is_fast) { /* two FM0 links and a Miller one stand for all */
            failed = code_run(run, &bench_codes[k]);
        }
    }
    return failed;
}

const struct bench_row bench_collisions = {
    "collisions", "two tags in one slot: both RN16s right, against the bound; splits, cost",
    run_collisions};
