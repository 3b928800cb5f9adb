/* bench.h - benchmarks: one row each, one JSON object a line.                layer: tests */
#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bench_run {
    bool json;
    const char *program;    /* path of the zpreader to run */
    unsigned long settings; /* hash of the configuration in force (defaults) */
    const char *name;
};

struct bench_row {
    const char *name;
    const char *help;
    int (*run)(struct bench_run *run); /* 0 = ok */
};
extern const struct bench_row bench_decode, bench_turnaround, bench_sim, bench_inventory;

/* Print one result. `extra`: further JSON members ("\"n\":100"), or "". */
void bench_print(const struct bench_run *run, const char *label, double value, const char *unit,
                 const char *extra);

/* Run the program with arguments (NULL-terminated, without argv[0]); standard output goes to
 * `output` (closed by the callee's end; NULL: dropped), standard error is dropped.
 *   out exit status, -1 when it could not be run; wall and CPU seconds when not NULL */
int bench_spawn(const struct bench_run *run, const char *const *arguments, FILE *output,
                double *wall_s, double *cpu_s);

double bench_wall_s(void);
double bench_cpu_s(void); /* of the calling thread */

#endif
