/* bench.h - benchmarks: one row each, one JSON object a line.                layer: tests */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/option.h"

enum { BENCH_FILTERS_MAX = 16 };

struct bench_run {
    bool json, quick;
    bool over_uhd;          /* --radio uhd: the host path, over the software USRP */
    const char *program;    /* path of the zpreader to run */
    const char *svg_folder; /* NULL: no charts */
    unsigned n_jobs;        /* processes that count at a time */
    unsigned long settings; /* hash of the configuration in force */
    const char *name;
    const char *filter[BENCH_FILTERS_MAX]; /* a case runs when its label holds all of them */
    unsigned n_filters;
};

struct bench_row {
    const char *name;
    const char *help;
    int (*run)(struct bench_run *run); /* 0 = ok */
};
extern const struct bench_row bench_decode, bench_turnaround, bench_sim, bench_inventory,
    bench_sensitivity, bench_canceller, bench_robustness, bench_accuracy, bench_population,
    bench_collisions;

/* `turnaround --radio uhd`.   out 0 = ok */
int bench_turnaround_uhd(struct bench_run *run);

/* Print one result. `extra`: further JSON members ("\"n\":100"), or "". A value that is not a number
 * is null. */
void bench_print(const struct bench_run *run, const char *label, double value, const char *unit,
                 const char *extra);

/* A number as JSON: null when it is none.   out  text, as given */
const char *bench_number(double value, char text[32]);

/* True when the label holds every filter of the command line. */
bool bench_wanted(const struct bench_run *run, const char *label);

/* A new set of all option tables with these keys and values (pairs, NULL at the end); run->settings
 * becomes its hash.   err as option_set_text   own caller frees */
enum status bench_options(struct bench_run *run, const char *const *settings,
                          struct option_set **set) must_check;

/* Run the program with arguments (NULL-terminated, without argv[0]); standard output goes to
 * `output` (closed by the callee's end; NULL: dropped), standard error is dropped. run->settings
 * becomes the hash of what --dump-config says is in force with these arguments.
 *   out exit status, -1 when it could not be run; wall and CPU seconds when not NULL */
int bench_spawn(struct bench_run *run, const char *const *arguments, FILE *output, double *wall_s,
                double *cpu_s);

double bench_wall_s(void);
double bench_cpu_s(void); /* of the calling thread */

/* Exit status of a step; a failure is told on stderr. */
int bench_check(enum status status);

#endif
