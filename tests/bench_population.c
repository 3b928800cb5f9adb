/* bench_population.c - tags a second of every policy, slot by slot, for 1 to 100,000 tags, beside the genie that
 * knows how many are left. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/inventory.h"
#include "protocol/slot_field.h"
#include "tests/bench.h"
#include "tests/profiles.h"

enum { SEEDS = 200, SEEDS_QUICK = 20, SLOTS_A_CASE = 4000000 };

struct policy_case {
    const char *label, *policy, *estimator, *q_start;
    bool is_weighted; /* steps of Annex D for this link's slot durations */
};
static const struct policy_case policies[] = {
    {"slots", "slots", "bayes", "5", true},
    {"frames, bayes", "frames", "bayes", "4", true},
    {"frames, chen", "frames", "chen", "4", true},
    {"q, weighted", "q", "bayes", "4", true},
    {"q", "q", "bayes", "4", false},
};

enum { ANY = 0, ANY_LEAST = 50, ANY_MOST = 20000 }; /* ANY: log-uniform between these */
static const uint32_t n_tags[] = {1, 3, 10, 30, 100, 300, 1000, 10000, 100000, ANY};

static enum status cfg_make(struct bench_run *run, const struct profile *profile,
                            const struct policy_case *policy, struct link *link,
                            struct inventory_cfg *cfg)
{
    const char *settings[] = {"inventory.policy",
                              policy->policy,
                              "inventory.estimator",
                              policy->estimator,
                              "inventory.q_start",
                              policy->q_start,
                              "inventory.target",
                              "a",
                              NULL};
    struct option_set *set = NULL;
    enum status status = bench_options(run, settings, &set);
    status = status ? status : link_make(&profile->link, link);
    if (!status) {
        option_fill(set, &inventory_options, cfg);
        option_set_free(&set);
        cfg->times = profile_times(profile, link);
    }
    return status;
}

struct mean { /* of rates over the genie's */
    double per_s, to_bound, sigma;
};

static int mean_of(const struct inventory_cfg *cfg, const struct link *link,
                   const struct slot_times *times, uint32_t n, unsigned n_seeds, struct mean *mean)
{
    static const struct slot_errors none = {0};
    double us = 0.0, tags = 0.0, sum = 0.0, squares = 0.0, genie_us = 0.0;
    for (unsigned k = 0; k < n_seeds; k++) {
        uint32_t here = n == ANY ? slot_field_log_uniform(ANY_LEAST, ANY_MOST, k, n_seeds) : n;
        struct slot_run run = slot_field_run(cfg, link, times, here, &none, 1 + k);
        if (!run.is_complete) {
            fprintf(stderr, "zpreader-bench: %u tags, seed %u: not all read\n", here, 1 + k);
            return 1;
        }
        genie_us = n == ANY || k == 0 ? slot_field_genie_us(times, here) : genie_us;
        double to_genie = run.first_us / genie_us;
        us += run.first_us;
        tags += here;
        sum += to_genie;
        squares += to_genie * to_genie;
    }
    double mean_to_genie = sum / n_seeds;
    double spread = sqrt(fmax(squares / n_seeds - mean_to_genie * mean_to_genie, 0.0) / n_seeds);
    *mean = (struct mean){1e6 * tags / us, 1.0 / mean_to_genie,
                          spread / (mean_to_genie * mean_to_genie)};
    return 0;
}

static unsigned seeds_for(const struct bench_run *run, uint32_t n)
{
    unsigned wanted = run->quick ? SEEDS_QUICK : SEEDS;
    return !run->quick || n * wanted < SLOTS_A_CASE / 40 ? wanted : 3;
}

static int case_run(struct bench_run *run, const struct profile *profile,
                    const struct policy_case *policy, uint32_t n)
{
    char label[96], extra[160];
    char number[32];
    snprintf(number, sizeof number, n == ANY ? "n of 50 .. 20,000" : "n = %u", n);
    snprintf(label, sizeof label, "%s, %s, %s", profile->name, number, policy->label);
    if (!bench_wanted(run, label)) {
        return 0;
    }
    struct link link;
    struct inventory_cfg cfg = {0};
    struct mean mean;
    if (cfg_make(run, profile, policy, &link, &cfg)) {
        return 1;
    }
    struct slot_times times = cfg.times;
    if (!policy->is_weighted) {
        cfg.times.idle_us = cfg.times.collided_us; /* what the policy sees */
    }
    unsigned n_seeds = seeds_for(run, n == ANY ? ANY_MOST / 6 : n);
    if (mean_of(&cfg, &link, &times, n, n_seeds, &mean)) {
        return 1;
    }
    snprintf(extra, sizeof extra, "\"n\":%u,\"seeds\":%u,\"to_bound\":%.4f,\"sigma\":%.4f", n,
             n_seeds, mean.to_bound, mean.sigma);
    bench_print(run, label, mean.per_s, "tags/s", extra);
    return 0;
}

static int run_population(struct bench_run *run)
{
    int failed = 0;
    for (size_t p = 0; p < PROFILES; p++) {
        for (size_t k = 0; k < sizeof n_tags / sizeof *n_tags; k++) {
            for (size_t j = 0; j < sizeof policies / sizeof *policies; j++) {
                failed |= case_run(run, &profiles[p], &policies[j], n_tags[k]);
            }
        }
    }
    return failed;
}

const struct bench_row bench_population = {
    "population",
    "tags a second of each policy, slot by slot, 1 to 100,000 tags, against the genie",
    run_population};
