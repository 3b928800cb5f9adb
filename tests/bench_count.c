/* bench_count.c - trials dealt out to forked processes; counters come back in shared memory. */
#include "tests/bench_count.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/ref_reply.h"

static void share(bench_trial *trial, void *context, uint64_t first, uint64_t n, unsigned job,
                  unsigned n_jobs, double *counter)
{
    for (uint64_t k = job; k < n; k += n_jobs) {
        trial(context, first + k, counter);
    }
}

int bench_count(const struct bench_run *run, bench_trial *trial, void *context, uint64_t first,
                uint64_t n, double counter[BENCH_COUNTERS])
{
    unsigned n_jobs = n < run->n_jobs ? 1 : run->n_jobs;
    if (n_jobs == 1) {
        share(trial, context, first, n, 0, 1, counter);
        return 0;
    }
    size_t n_bytes = n_jobs * BENCH_COUNTERS * sizeof *counter;
    double(*part)[BENCH_COUNTERS] =
        mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (part == MAP_FAILED) {
        perror("zpreader-bench: mmap");
        return 1;
    }
    int failed = 0;
    unsigned n_forked = 0;
    fflush(NULL);
    for (; n_forked < n_jobs && !failed; n_forked++) {
        pid_t pid = fork();
        if (pid == 0) {
            share(trial, context, first, n, n_forked, n_jobs, part[n_forked]);
            _exit(0);
        }
        failed = pid < 0;
    }
    for (unsigned k = 0; k < n_forked; k++) {
        int status = 0;
        failed |= wait(&status) < 0 || status != 0;
    }
    for (unsigned k = 0; k < n_jobs; k++) {
        for (unsigned c = 0; c < BENCH_COUNTERS; c++) {
            counter[c] += part[k][c];
        }
    }
    munmap(part, n_bytes);
    if (failed) {
        fprintf(stderr, "zpreader-bench: a counting process failed\n");
    }
    return failed;
}

double bench_per_theory(unsigned m, size_t n_bits, double ebn0_db)
{
    if (m == 1) {
        return ref_fm0_per(ebn0_db, n_bits);
    }
    double g = pow(10.0, ebn0_db / 10.0);
    return 1.0 - pow(1.0 - 0.5 * ref_q_function(sqrt(g)), (double)n_bits);
}

double bench_ebn0_theory(unsigned m, size_t n_bits, double per)
{
    double lo = -30.0, hi = 30.0;
    for (int k = 0; k < 60; k++) {
        double middle = 0.5 * (lo + hi);
        if (bench_per_theory(m, n_bits, middle) > per) {
            lo = middle;
        } else {
            hi = middle;
        }
    }
    return 0.5 * (lo + hi);
}
