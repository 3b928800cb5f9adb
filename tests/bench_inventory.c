/* bench_inventory.c - tags a second on the simulated air against the bound of gen2.md section 13,
 * and how fast the simulation runs. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench.h"

enum { TAGS = 100, SEEDS = 5, SEEDS_COLLIDED = 40 };

struct profile {
    const char *label;
    const char *arguments[12];
    double bound_per_s; /* true backlog known, T2 = 3 Tpri, no errors: gen2.md 13.4, n = 100 */
};

static const struct profile profiles[] = {
    {"A: Tari 25, FM0 40 kHz", {NULL}, 148.9},
    {"B: Tari 6.25, FM0 640 kHz",
     {"--link.tari_us", "6.25", "--link.data1_tari", "1.5", "--link.blf_hz", "640k", NULL},
     1452.7},
    {"C: Tari 12.5, Miller-4 250 kHz",
     {"--link.tari_us", "12.5", "--link.m", "miller4", "--link.blf_hz", "250k", NULL},
     264.9},
};

/* Time of the last first read, seconds; NaN when not all tags were read. */
static double last_first_read_s(FILE *output)
{
    char line[8192];
    double last = NAN;
    int unique = 0;
    rewind(output);
    while (fgets(line, sizeof line, output)) {
        json_t *event = json_loads(line, 0, NULL);
        const char *type = json_string_value(json_object_get(event, "type"));
        if (type && strcmp(type, "read") == 0 &&
            json_integer_value(json_object_get(event, "count")) == 1) {
            last = json_number_value(json_object_get(event, "t"));
            unique++;
        }
        json_decref(event);
    }
    return unique == TAGS ? last : NAN;
}

/* Tags a second over these seeds, mean and its standard error.   out 0, or 1: said on stderr */
static int seeds_run(struct bench_run *run, const char *label, const char *const *more, int n_seeds,
                     double *mean_per_s, double *sigma_per_s)
{
    double sum = 0.0, sum_squares = 0.0;
    for (int seed = 1; seed <= n_seeds; seed++) {
        char seed_text[16];
        snprintf(seed_text, sizeof seed_text, "%d", seed);
        const char *arguments[32] = {"inventory",        "--tags", "100",
                                     "--duration",       "2",      "--json",
                                     "--radio.sim.pace", "max",    "--publish.zmq.enabled=false",
                                     "--seed",           seed_text};
        size_t n = 11;
        for (int k = 0; more[k]; k++) {
            arguments[n++] = more[k];
        }
        FILE *output = tmpfile();
        int failed = !output || bench_spawn(run, arguments, output, NULL, NULL);
        double last_s = failed ? NAN : last_first_read_s(output);
        if (output) {
            fclose(output);
        }
        if (isnan(last_s)) {
            fprintf(stderr, "zpreader-bench: %s, seed %d: not all tags read\n", label, seed);
            return 1;
        }
        sum += TAGS / last_s;
        sum_squares += TAGS / last_s * TAGS / last_s;
    }
    *mean_per_s = sum / n_seeds;
    double variance = (sum_squares - sum * *mean_per_s) / (n_seeds - 1);
    *sigma_per_s = sqrt(fmax(variance, 0.0) / n_seeds);
    return 0;
}

static int profile_run(struct bench_run *run, const struct profile *profile)
{
    double mean_per_s, sigma_per_s;
    if (seeds_run(run, profile->label, profile->arguments, SEEDS, &mean_per_s, &sigma_per_s)) {
        return 1;
    }
    char extra[128];
    snprintf(extra, sizeof extra, "\"n\":%d,\"seeds\":%d,\"bound\":%.1f,\"to_bound\":%.3f", TAGS,
             SEEDS, profile->bound_per_s, mean_per_s / profile->bound_per_s);
    bench_print(run, profile->label, mean_per_s, "tags/s", extra);
    return 0;
}

/* Profile B, tags within 3 dB, collisions told apart as its T2 allows, against the same engine to which they
 * yield nothing. limits.md section 5: 1.16 times as many at most. */
static int collided_run(struct bench_run *run)
{
    static const char label[] = "B, tags within 3 dB: collisions told apart";
    static const char *const modes[2] = {"drop", "auto"};
    double mean_per_s[2], sigma_per_s[2];
    const int n_seeds = run->quick ? SEEDS : SEEDS_COLLIDED;
    if (!bench_wanted(run, label)) {
        return 0;
    }
    for (unsigned k = 0; k < 2; k++) {
        const char *const more[] = {"--link.tari_us",
                                    "6.25",
                                    "--link.data1_tari",
                                    "1.5",
                                    "--link.blf_hz",
                                    "640k",
                                    "--radio.sim.ebn0_db",
                                    "30",
                                    "--radio.sim.ebn0_spread_db",
                                    "3",
                                    "--dsp.resolve_collisions",
                                    modes[k],
                                    NULL};
        if (seeds_run(run, label, more, n_seeds, &mean_per_s[k], &sigma_per_s[k])) {
            return 1;
        }
    }
    double ratio = mean_per_s[1] / mean_per_s[0];
    double sigma = ratio * hypot(sigma_per_s[0] / mean_per_s[0], sigma_per_s[1] / mean_per_s[1]);
    char extra[160];
    snprintf(extra, sizeof extra,
             "\"n\":%d,\"seeds\":%d,\"yield_nothing\":%.1f,\"ratio\":%.3f,\"sigma_ratio\":%.3f",
             TAGS, n_seeds, mean_per_s[0], ratio, sigma);
    bench_print(run, label, mean_per_s[1], "tags/s", extra);
    return 0;
}

static int run_inventory(struct bench_run *run)
{
    int failed = 0;
    for (size_t k = 0; k < sizeof profiles / sizeof *profiles; k++) {
        failed |= bench_wanted(run, profiles[k].label) && profile_run(run, &profiles[k]);
    }
    return failed | collided_run(run);
}

static int run_sim(struct bench_run *run)
{
    static const char *const n_tags[] = {"1", "100", "1000"};
    int failed = 0;
    for (size_t k = 0; k < sizeof n_tags / sizeof *n_tags; k++) {
        const char *arguments[] = {"inventory",
                                   "--tags",
                                   n_tags[k],
                                   "--duration",
                                   "4",
                                   "--json",
                                   "--radio.sim.pace",
                                   "max",
                                   "--publish.zmq.enabled=false",
                                   NULL};
        double wall_s, cpu_s;
        int status = bench_spawn(run, arguments, NULL, &wall_s, &cpu_s);
        failed |= status != 0;
        char label[64], extra[64];
        snprintf(label, sizeof label, "whole program, %s tags, 2 MS/s", n_tags[k]);
        snprintf(extra, sizeof extra, "\"cpu_s_per_s\":%.3f", cpu_s / 4.0);
        bench_print(run, label, 4.0 / wall_s, "simulated s per s", extra);
    }
    return failed;
}

const struct bench_row bench_inventory = {
    "inventory", "tags a second on the simulated air against the bound", run_inventory};
const struct bench_row bench_sim = {"sim", "simulated seconds a second of the whole program",
                                    run_sim};
